"""ONNX models byte by byte, with nothing but the standard library, so that tests can write what no library would: used by
make_hostile.py and make_onnx_cases.py. Field numbers are those of onnx.proto."""
import struct

# ---- protocol buffers


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def num(field, n):
    return varint(field << 3) + varint(n)


def msg(field, data):
    if isinstance(data, str):
        data = data.encode()
    return varint(field << 3 | 2) + varint(len(data)) + data


def f32(field, x):
    return varint(field << 3 | 5) + struct.pack("<f", x)


def packed(field, ns):
    return msg(field, b"".join(varint(n) for n in ns))


# ---- the messages of onnx.proto

FLOAT, UINT8, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE, UINT64, BF16 = 1, 2, 6, 7, 8, 9, 10, 11, 13, 16
A_FLOAT, A_INT, A_STRING, A_TENSOR, A_GRAPH, A_FLOATS, A_INTS, A_STRINGS, A_TENSORS, A_GRAPHS = range(1, 11)


def tensor(name, dims, raw=None, type=FLOAT, extra=b""):
    out = b"".join(num(1, d) for d in dims) + num(2, type)
    out += msg(8, name) if name is not None else b""
    return out + (msg(9, raw) if raw is not None else b"") + extra


def external(name, dims, **entries):
    notes = b"".join(msg(13, msg(1, k) + msg(2, v)) for k, v in entries.items())
    return tensor(name, dims, extra=notes + num(14, 1))


def dim(d):
    return msg(1, b"" if d is None else num(1, d) if isinstance(d, int) else msg(2, d))


def tensor_type(dims, type=FLOAT):
    shape = b"" if dims is None else msg(2, b"".join(dim(d) for d in dims))
    return msg(1, num(1, type) + shape)


def info(name, dims=(2, 3), type=FLOAT):
    return msg(1, name) + msg(2, tensor_type(dims, type))


def attr(name, kind, data):
    return msg(1, name) + data + num(20, kind)


def a_int(name, n):
    return attr(name, A_INT, num(3, n))


def a_ints(name, ns):
    return attr(name, A_INTS, b"".join(num(8, n) for n in ns))


def a_float(name, x):
    return attr(name, A_FLOAT, f32(2, x))


def a_floats(name, xs):
    return attr(name, A_FLOATS, msg(7, struct.pack(f"<{len(xs)}f", *xs)))


def a_text(name, s):
    return attr(name, A_STRING, msg(4, s))


def a_tensor(name, t):
    return attr(name, A_TENSOR, msg(5, t))


def a_graph(name, g):
    return attr(name, A_GRAPH, msg(6, g))


def node(op, ins, outs, *attrs, name="", domain=""):
    out = b"".join(msg(1, i) for i in ins) + b"".join(msg(2, o) for o in outs)
    out += (msg(3, name) if name else b"") + msg(4, op) + b"".join(msg(5, a) for a in attrs)
    return out + (msg(7, domain) if domain else b"")


def graph(nodes, inits=(), ins=None, outs=None, extra=b""):
    ins = [info("x")] if ins is None else ins
    outs = [info("y")] if outs is None else outs
    out = b"".join(msg(1, n) for n in nodes) + msg(2, "g") + b"".join(msg(5, t) for t in inits)
    return out + b"".join(msg(11, i) for i in ins) + b"".join(msg(12, o) for o in outs) + extra


def function(name, ins, outs, nodes, domain="local", opset=17, extra=b""):
    out = msg(1, name) + b"".join(msg(4, i) for i in ins) + b"".join(msg(5, o) for o in outs)
    out += b"".join(msg(7, n) for n in nodes) + msg(9, num(2, opset)) + msg(9, msg(1, "local") + num(2, 1))
    return out + msg(10, domain) + extra


def model(g, opset=17, ir=8, functions=(), imports=None, extra=b""):
    imports = [num(2, opset), msg(1, "local") + num(2, 1)] if imports is None else imports
    out = num(1, ir) + msg(2, "hostile") + b"".join(msg(8, i) for i in imports)
    return out + b"".join(msg(25, f) for f in functions) + extra + msg(7, g)

"""What the command line is tried on: models, arrays and pictures written with the standard library alone. Names may be any bytes. Used by cli.py."""
import ast
import os
import struct

from onnx_writer import msg, num


def put(number, value):
    """One protobuf field: int, bytes or str."""
    if isinstance(value, int):
        return num(number, value)
    return msg(number, os.fsencode(value) if isinstance(value, str) else value)


TYPES = {"f": 1, "B": 2, "b": 3, "i": 6, "q": 7, "d": 11, "?": 9, "s": 8}


def tensor(name, dims, values, kind="f"):
    raw = struct.pack(f"<{len(values)}{kind}", *values)
    return b"".join(put(1, d) for d in dims) + put(2, TYPES[kind]) + (put(8, name) if name else b"") + put(9, raw)


def value(name, dims, kind="f"):
    shape = b"".join(put(1, put(2, d) if isinstance(d, str) else put(1, d)) for d in dims)
    return put(1, name) + put(2, put(1, put(1, TYPES[kind]) + put(2, shape)))


def node(op, inputs, outputs, domain="", **ints):
    out = b"".join(put(1, i) for i in inputs) + b"".join(put(2, o) for o in outputs) + put(3, outputs[0]) + put(4, op)
    for k, v in ints.items():
        out += put(5, put(1, k) + put(3, v) + put(20, 2))
    return out + (put(7, domain) if domain else b"")


def model(path, nodes, inputs, outputs, weights=(), metadata=()):
    graph = b"".join(put(1, n) for n in nodes) + put(2, "g") + b"".join(put(5, w) for w in weights)
    graph += b"".join(put(11, i) for i in inputs) + b"".join(put(12, o) for o in outputs)
    data = put(1, 8) + put(2, "cli.py") + put(7, graph) + put(8, put(1, "") + put(2, 13)) + put(8, put(1, "my.ops") + put(2, 1))
    data += b"".join(put(14, put(1, k) + put(2, v)) for k, v in metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def save_npy(path, dims, values, kind="f"):
    names = {"f": "<f4", "q": "<i8", "B": "|u1"}
    head = f"{{'descr': '{names[kind]}', 'fortran_order': False, 'shape': {tuple(dims)}, }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(values)}{kind}", *values))
    return path


def constant(name, dims, values):
    return put(2, name) + put(3, name) + put(4, "Constant") + put(5, put(1, "value") + put(5, tensor("", dims, values)) + put(20, 4))


def graph(nodes, inputs, outputs, weights=()):
    return (b"".join(put(1, n) for n in nodes) + put(2, "body") + b"".join(put(5, w) for w in weights) + b"".join(put(11, i) for i in inputs) +
            b"".join(put(12, o) for o in outputs))


def load_npy(path):
    data = path.read_bytes()
    n = struct.unpack("<H", data[8:10])[0]
    head = ast.literal_eval(data[10:10 + n].decode().strip())
    kind = {"<f4": "f", "<i8": "q"}[head["descr"]]
    body = data[10 + n:]
    return head["shape"], list(struct.unpack(f"<{len(body) // struct.calcsize(kind)}{kind}", body))


def save_bmp(path, width, height, colour):
    row = bytes(colour[::-1]) * width
    row += b"\0" * (-len(row) % 4)
    data = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(row) * height, 0, 0, 0, 0) + row * height
    path.write_bytes(b"BM" + struct.pack("<IHHI", 14 + len(data), 0, 0, 54) + data)
    return path

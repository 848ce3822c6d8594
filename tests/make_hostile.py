"""Writes ONNX files that lie, for tests/onnx.c: python3 make_hostile.py FOLDER

Names begin with what must happen: refuse_* has to be refused with a sentence; any_* may be refused or not, but nothing may break;
invalid_* (invalid_models.py) has to be refused when it is opened, planned or run, invalid_at_once_* when it is opened.
The files are made byte by byte (onnx_writer.py), so that they can be wrong in any way."""
import os
import random
import struct
import sys

from invalid_models import invalid
from onnx_writer import *

# ---- the cases

out_folder = None
count = 0


def write(kind, name, data):
    global count
    count += 1
    with open(os.path.join(out_folder, f"{kind}_{count:03d}_{name}.onnx"), "wb") as f:
        f.write(data)


def refuse(name, data):
    write("refuse", name, data)


def any_(name, data):
    write("any", name, data)


def relu(**kw):
    return model(graph([node("Relu", ["x"], ["y"])], **kw))


FLOATS6 = struct.pack("<6f", *range(6))


def base():
    nodes = [
        node("Add", ["x", "w"], ["a"], name="add"),
        node("Concat", ["a", "x"], ["c"], a_int("axis", 0), name="cat"),
        node("Transpose", ["c"], ["y"], a_ints("perm", [1, 0]), name="turn"),
    ]
    return model(graph(nodes, [tensor("w", [2, 3], FLOATS6)], outs=[info("y", (3, 4))]))


# Fields that hold messages, by the message they stand in; all other bytes are leaves.
MESSAGES = {
    "model": {7: "graph", 8: "leaf", 25: "leaf"},
    "graph": {1: "node", 5: "tensor", 11: "info", 12: "info"},
    "node": {5: "leaf"},
    "info": {2: "type"},
    "type": {1: "ttype"},
    "ttype": {2: "shape"},
    "shape": {1: "leaf"},
    "tensor": {},
    "leaf": {},
}


def read_varint(data, at):
    n = shift = 0
    while True:
        b = data[at]
        at += 1
        n |= (b & 0x7F) << shift
        shift += 7
        if b < 0x80:
            return n, at


def walk(data, start, end, kind, found):
    """Offsets of (tag, length, payload, end) of every field."""
    at = start
    while at < end:
        tag_at = at
        tag, at = read_varint(data, at)
        length_at = at
        if tag & 7 == 2:
            n, at = read_varint(data, at)
            found.append((tag_at, length_at, at, at + n, kind))
            inner = MESSAGES[kind].get(tag >> 3)
            if inner:
                walk(data, at, at + n, inner, found)
            at += n
        else:
            at = {0: lambda: read_varint(data, at)[1], 1: lambda: at + 8, 5: lambda: at + 4}[tag & 7]()
            found.append((tag_at, None, length_at, at, kind))
    return found


def truncated():
    data = base()
    fields = walk(data, 0, len(data), "model", [])
    cuts = sorted({cut for f in fields for cut in (f[0], f[0] + 1, f[2], (f[2] + f[3]) // 2, f[3] - 1) if 0 < cut < len(data)})
    for cut in cuts[:: max(1, len(cuts) // 70)]:
        refuse(f"cut_at_{cut}", data[:cut])


def lying_lengths():
    data = base()
    for tag_at, length_at, payload, end, kind in walk(data, 0, len(data), "model", []):
        if length_at is None:
            continue
        for name, n in (("past_the_end", len(data)), ("huge", (1 << 63) + 5), ("four_gib", 1 << 32)):
            if name == "past_the_end" or kind in ("graph", "node"):
                refuse(f"length_{name}_{kind}_{tag_at}", data[:length_at] + varint(n) + data[payload:])
        any_(f"length_plus_1_{kind}_{tag_at}", data[:length_at] + varint(end - payload + 1) + data[payload:])
        if end > payload:
            any_(f"length_minus_1_{kind}_{tag_at}", data[:length_at] + varint(end - payload - 1) + data[payload:])


def not_models():
    rng = random.Random(1)
    refuse("empty", b"")
    for name, data in {
        "one_byte": b"\x08", "zeros": bytes(1000), "ones": b"\xff" * 1000, "text": b"hello, world\n", "json": b'{"graph": {}}',
        "zip": b"PK\x03\x04" + bytes(100), "png": b"\x89PNG\r\n\x1a\n" + bytes(50), "elf": b"\x7fELF" + bytes(60),
        "only_ir": num(1, 8), "no_graph": num(1, 8) + msg(8, num(2, 17)), "graph_is_a_number": num(1, 8) + num(7, 5),
        "field_0": num(1, 8) + b"\x00\x00", "group": num(1, 8) + b"\x3b\x3c", "wire_6": num(1, 8) + b"\x3e\x00",
        "endless_varint": num(1, 8) + b"\x38" + b"\x80" * 30, "varint_of_11": b"\x08" + b"\xff" * 10 + b"\x01",
    }.items():
        refuse(name, data)
    for i in range(12):
        refuse(f"random_{i}", bytes(rng.randrange(256) for _ in range(rng.randrange(1, 300))))


def versions():
    g = graph([node("Relu", ["x"], ["y"])])
    for ir in (0, 1, 2):
        refuse(f"ir_{ir}", model(g, ir=ir))
    for opset in (0, -1, -5, 29, 1 << 31, 1 << 62):
        refuse(f"opset_{opset}", model(g, opset=opset))
    refuse("no_imports", model(g, imports=[]))
    refuse("import_damaged", model(g, imports=[b"\x0a\xff"]))
    refuse("import_bad_text", model(g, imports=[num(2, 17), msg(1, b"\xff\xfe") + num(2, 1)]))
    any_("ir_huge", model(g, ir=1 << 60))
    any_("two_imports", model(g, imports=[num(2, 17), num(2, 13)]))


def names():
    two = [node("Relu", ["x"], ["y"])]
    bad = {"not_utf8": b"\xff\xfe", "nul": b"a\0b", "overlong": b"\xc0\x80", "surrogate": b"\xed\xa0\x80", "cut_character": b"a\xe2\x82", "too_high": b"\xf7\xbf\xbf\xbf"}
    for why, name in bad.items():
        refuse(f"input_{why}", model(graph([node("Relu", [name], ["y"])], ins=[info(name)])))
        refuse(f"node_{why}", model(graph([node("Relu", ["x"], ["y"], name=name)])))
    b = b"\xff"
    refuse("output_not_utf8", model(graph([node("Relu", ["x"], [b])], outs=[info(b)])))
    refuse("op_not_utf8", model(graph([node(b, ["x"], ["y"])])))
    refuse("op_nul", model(graph([node(b"Relu\0x", ["x"], ["y"])])))
    refuse("domain_not_utf8", model(graph([node("Relu", ["x"], ["y"], domain=b)])))
    refuse("attribute_not_utf8", model(graph([node("Relu", ["x"], ["y"], a_int(b, 1))])))
    refuse("dimension_not_utf8", relu(ins=[info("x", (b, 3))]))
    refuse("initializer_not_utf8", relu(inits=[tensor(b, [2, 3], FLOATS6)]))
    refuse("graph_name_not_utf8", relu(extra=msg(2, b)))
    refuse("function_not_utf8", model(graph(two), functions=[function(b, ["a"], ["b"], [])]))
    refuse("metadata_not_utf8", model(graph(two), extra=msg(14, msg(1, b) + msg(2, "x"))))
    refuse("metadata_damaged", model(graph(two), extra=msg(14, b"\x0a\x50")))
    refuse("two_inputs_of_a_name", relu(ins=[info("x"), info("x")]))
    refuse("two_outputs_of_a_name", model(graph([node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])])))
    refuse("one_node_twice_the_name", model(graph([node("Split", ["x"], ["y", "y"], a_int("axis", 0))])))
    refuse("output_named_as_input", model(graph([node("Relu", ["x"], ["x"])], outs=[info("x")])))
    refuse("output_named_as_initializer", model(graph([node("Relu", ["x"], ["w"])], [tensor("w", [2, 3], FLOATS6)], outs=[info("w")])))
    refuse("two_initializers_of_a_name", relu(inits=[tensor("w", [2, 3], FLOATS6)] * 2))
    refuse("initializer_without_name", relu(inits=[tensor("", [2, 3], FLOATS6)]))
    refuse("input_without_name", relu(ins=[info("x"), info("")]))
    refuse("unknown_input", model(graph([node("Relu", ["z"], ["y"])])))
    refuse("unknown_output", model(graph(two, outs=[info("z")])))
    refuse("node_without_op", model(graph([msg(1, "x") + msg(2, "y")])))
    any_("no_nodes", model(graph([], outs=[info("x")])))
    any_("long_name", model(graph([node("Relu", ["x"], ["y"], name="n" * 100000)])))


def order():
    refuse("cycle_of_one", model(graph([node("Relu", ["y"], ["y"])])))
    refuse("cycle_of_two", model(graph([node("Relu", ["b"], ["a"]), node("Neg", ["a"], ["b"]), node("Add", ["a", "x"], ["y"])])))
    ring = [node("Relu", [f"v{(i + 1) % 50}"], [f"v{i}"]) for i in range(50)] + [node("Neg", ["v0"], ["y"])]
    refuse("cycle_of_fifty", model(graph(ring)))
    refuse("backwards", model(graph([node("Relu", ["a"], ["y"]), node("Neg", ["x"], ["a"])])))


def shapes():
    big = 1 << 62
    for name, dims in {
        "2_63": (1 << 63, 3), "2_64_minus_5": ((1 << 64) - 5, 3), "minus_2": (-2, 3), "least": (-(1 << 63),), "product": (big, 4), "products": (1 << 40, 1 << 40),
        "rank_9": (1,) * 9, "rank_1000": (1,) * 1000,
    }.items():
        refuse(f"input_dim_{name}", relu(ins=[info("x", dims)]))
        refuse(f"weight_dim_{name}", model(graph([node("Add", ["x", "w"], ["y"])], [tensor("w", dims, FLOATS6)])))
    refuse("broadcast_overflow", model(graph([node("Add", ["x", "z"], ["y"])], ins=[info("x", (1 << 40, 1)), info("z", (1, 1 << 40))])))
    any_("zero_size", relu(ins=[info("x", (0, 3))]))
    any_("zero_and_huge", relu(ins=[info("x", (0, 1 << 62, 1 << 62))]))
    any_("scalar", relu(ins=[info("x", ())]))
    any_("minus_1", relu(ins=[info("x", (-1, 3))]))
    any_("no_shape", relu(ins=[info("x", None)]))
    any_("many_named_dims", relu(ins=[info("x", ("a", "b", "c", "d", "e", "f", "g", "h"))]))


def types():
    for code in (0, 14, 15, 17, 18, 19, 20, 21, 22, 23, 24, 99, 1 << 40):
        refuse(f"input_type_{code}", relu(ins=[info("x", (2, 3), code)]))
        refuse(f"weight_type_{code}", model(graph([node("Add", ["x", "w"], ["y"])], [tensor("w", [2, 3], FLOATS6, type=code)])))
    for field, what in ((4, "sequence"), (5, "map"), (7, "opaque"), (8, "sparse"), (9, "optional")):
        refuse(f"input_{what}", relu(ins=[msg(1, "x") + msg(2, msg(field, msg(1, tensor_type((2, 3)))))]))
    nested = tensor_type((2,))
    for _ in range(2000):
        nested = msg(4, msg(1, nested))
    def listed(name, *nodes, ins, outs=("y",)):
        refuse(f"list_{name}", model(graph(list(nodes), ins=ins, outs=[msg(1, o) for o in outs])))

    def of(field, inner):
        return msg(field, msg(1, inner))

    sequence = msg(1, "x") + msg(2, of(4, tensor_type((2, 3))))
    for name, t in (("sequences", of(4, of(4, tensor_type((2,))))), ("optionals", of(4, of(9, tensor_type((2,))))), ("nothing", msg(4, b"")), ("map", of(4, msg(5, b"")))):
        listed(f"of_{name}", node("Identity", ["x"], ["y"]), ins=[msg(1, "x") + msg(2, t)])
    listed("optional_of_optional", node("Identity", ["x"], ["y"]), ins=[msg(1, "x") + msg(2, of(9, of(9, tensor_type((2,)))))])
    listed("damaged", node("Identity", ["x"], ["y"]), ins=[msg(1, "x") + msg(2, msg(4, b"\x0a\x70"))])
    listed("at_of_tensor", node("SequenceAt", ["x", "i"], ["y"]), ins=[info("x"), info("i", (), INT64)])
    listed("add", node("Add", ["x", "x"], ["y"]), ins=[sequence])
    listed("insert_other_type", node("SequenceInsert", ["x", "t"], ["y"]), ins=[sequence, info("t", (2, 3), INT64)])
    listed("insert_sequence", node("SequenceInsert", ["x", "x"], ["y"]), ins=[sequence])
    listed("construct_two_types", node("SequenceConstruct", ["a", "b"], ["y"]), ins=[info("a"), info("b", (2, 3), INT64)])
    listed("erase_of_none", node("SequenceEmpty", [], ["e"]), node("SequenceErase", ["e"], ["y"]), ins=[])
    listed("empty_of_no_type", node("SequenceEmpty", [], ["y"], a_int("dtype", 77)), ins=[])
    listed("at_two_positions", node("SequenceAt", ["x", "i"], ["y"]), ins=[sequence, info("i", (2,), INT64)])
    listed("optional_without_type", node("Optional", [], ["y"]), ins=[])
    listed("optional_type_damaged", node("Optional", [], ["y"], attr("type", 13, msg(14, b"\x0a\x70"))), ins=[])
    listed("optional_type_none", node("Optional", [], ["y"], attr("type", 13, b"")), ins=[])
    listed("split_by_matrix", node("SplitToSequence", ["t", "i"], ["y"]), ins=[info("t"), info("i", (2, 2), INT64)])
    listed("join_axis", node("ConcatFromSequence", ["x"], ["y"], a_int("axis", 5)), ins=[sequence])
    listed("map_without_body", node("SequenceMap", ["x"], ["y"]), ins=[sequence])
    def map_of(key, value=tensor_type(())):
        return msg(5, (num(1, key) if key is not None else b"") + (msg(2, value) if value is not None else b""))

    for name, t in {"without_value": map_of(INT64, None), "without_key": map_of(None), "by_float": map_of(FLOAT), "by_int32": map_of(INT32), "by_none": map_of(99),
                    "to_matrices": map_of(INT64, tensor_type((2, 3))), "to_maps": map_of(INT64, map_of(INT64)), "to_sequences": map_of(INT64, of(4, tensor_type(()))),
                    "to_float6": map_of(STRING, tensor_type((), 27)), "damaged": msg(5, b"\x12\x70"), "in_optionals": of(9, of(9, map_of(INT64)))}.items():
        listed(f"map_{name}", node("Identity", ["x"], ["y"]), ins=[msg(1, "x") + msg(2, t)])
    one = msg(1, "x") + msg(2, map_of(INT64))
    learning = lambda op, *attrs: node(op, ["x"], ["y"], *attrs, domain="ai.onnx.ml")
    labels = a_ints("classlabels_int64s", [0, 1, 2])
    for name, n, x in (("add", node("Add", ["x", "x"], ["y"]), one), ("at", node("SequenceAt", ["x"], ["y"]), one), ("shape", node("Shape", ["x"], ["y"]), one), ("zip", learning("ZipMap", labels), one),
                       ("cast_of_tensor", learning("CastMap"), info("x")), ("vectorize_tensor", learning("DictVectorizer", a_ints("int64_vocabulary", [0])), info("x")),
                       ("cast_of_sequence", learning("CastMap"), msg(1, "x") + msg(2, of(4, map_of(INT64)))), ("zip_text", learning("ZipMap", labels), info("x", (2, 3), STRING)),
                       ("zip_kind", learning("ZipMap", a_int("classlabels_int64s", 3)), info("x")), ("zip_empty", learning("ZipMap", a_ints("classlabels_int64s", [])), info("x")),
                       ("zip_columns", learning("ZipMap", labels), info("x", (2, 4))), ("cast_to_no_columns", learning("CastMap", a_text("map_form", "SPARSE"), a_int("max_map", 0)), one)):
        refuse(f"map_{name}", model(graph([n], ins=[x], outs=[info("y", None)]), imports=[num(2, 17), msg(1, "ai.onnx.ml") + num(2, 3)]))
    refuse("type_nested_2000", relu(ins=[msg(1, "x") + msg(2, nested)]))
    refuse("input_without_type", relu(ins=[msg(1, "x")]))
    refuse("relu_of_text", relu(ins=[info("x", (2,), STRING)]))
    refuse("add_of_two_types", model(graph([node("Add", ["x", "z"], ["y"])], ins=[info("x"), info("z", (2, 3), INT64)])))
    refuse("not_of_float", model(graph([node("Not", ["x"], ["y"])])))


def data():
    def weight(t):
        return model(graph([node("Add", ["x", "w"], ["y"])], [t]))

    def listed(field, kind, payload):
        return weight(tensor("w", [2, 3], type=kind, extra=msg(field, payload)))

    refuse("raw_short", weight(tensor("w", [2, 3], FLOATS6[:-1])))
    refuse("raw_long", weight(tensor("w", [2, 3], FLOATS6 + b"\0")))
    refuse("raw_empty", weight(tensor("w", [2, 3], b"")))
    refuse("no_data", weight(tensor("w", [2, 3])))
    refuse("data_for_zero_size", weight(tensor("w", [0, 3], FLOATS6)))
    refuse("floats_short", listed(4, FLOAT, FLOATS6[:20]))
    refuse("floats_ragged", listed(4, FLOAT, FLOATS6[:-1]))
    refuse("doubles_ragged", listed(10, DOUBLE, bytes(47)))
    refuse("ints_short", listed(5, INT32, bytes(5)))
    refuse("ints_cut", listed(5, INT32, bytes(5) + b"\x80"))
    refuse("longs_endless", listed(7, INT64, b"\x80" * 60))
    refuse("longs_11_bytes", listed(7, INT64, bytes(5) + b"\xff" * 10 + b"\x01"))
    refuse("unsigned_in_the_wrong_list", listed(7, UINT64, bytes(6)))
    refuse("texts_raw", weight(tensor("w", [2], b"abcd", type=STRING)))
    refuse("texts_missing", weight(tensor("w", [2], type=STRING, extra=msg(6, "one"))))
    refuse("segment", weight(tensor("w", [2, 3], FLOATS6, extra=msg(3, num(1, 0) + num(2, 5)))))
    refuse("dims_packed_garbage", weight(msg(1, b"\x80\x80") + num(2, 1) + msg(8, "w")))
    refuse("dims_as_float", weight(f32(1, 2.0) + num(2, 1) + msg(8, "w") + msg(9, FLOATS6)))
    any_("dims_packed", weight(packed(1, [2, 3]) + num(2, 1) + msg(8, "w") + msg(9, FLOATS6)))
    any_("bool_of_7", model(graph([node("And", ["x", "w"], ["y"])], [tensor("w", [2, 3], b"\x07\0\xff\1\2\3", type=BOOL)], ins=[info("x", (2, 3), BOOL)], outs=[info("y", (2, 3), BOOL)])))

    values, at = tensor("w", [2], struct.pack("<2f", 1, 2)), tensor("", [2], struct.pack("<2q", 0, 4), type=INT64)

    def sparse(v, i, dims):
        return relu(extra=msg(15, msg(1, v) + msg(2, i) + b"".join(num(3, d) for d in dims)))

    any_("sparse", sparse(values, at, [2, 3]))
    refuse("sparse_index_outside", sparse(values, tensor("", [2], struct.pack("<2q", 0, 6), type=INT64), [2, 3]))
    refuse("sparse_index_negative", sparse(values, tensor("", [2], struct.pack("<2q", 0, -1), type=INT64), [2, 3]))
    refuse("sparse_indices_missing", sparse(values, tensor("", [1], struct.pack("<q", 0), type=INT64), [2, 3]))
    refuse("sparse_indices_of_floats", sparse(values, tensor("", [2], bytes(8)), [2, 3]))
    refuse("sparse_huge", sparse(values, at, [1 << 40]))
    refuse("sparse_endless", sparse(values, at, [1 << 40, 1 << 40]))
    refuse("sparse_no_values", relu(extra=msg(15, msg(2, at) + num(3, 2))))


def outside():
    def weight(**entries):
        return model(graph([node("Add", ["x", "w"], ["y"])], [external("w", [2, 3], **entries)]))

    with open(os.path.join(out_folder, "weights.bin"), "wb") as f:
        f.write(FLOATS6)
    os.makedirs(os.path.join(out_folder, "sub"), exist_ok=True)
    with open(os.path.join(out_folder, "sub", "weights.bin"), "wb") as f:
        f.write(FLOATS6)
    with open(os.path.join(os.path.dirname(out_folder), "outside.bin"), "wb") as f:
        f.write(FLOATS6)
    for link, target in (("link.bin", "weights.bin"), ("dangling.bin", "nowhere.bin"), ("ring.bin", "ring.bin")):
        if not os.path.lexists(os.path.join(out_folder, link)):
            os.symlink(target, os.path.join(out_folder, link))
    any_("external", weight(location="weights.bin"))
    any_("external_with_all", weight(location="weights.bin", offset="0", length="24", checksum="no"))
    for name, location in {
        "up": "../outside.bin", "up_inside": "sub/../weights.bin", "absolute": os.path.abspath(os.path.join(out_folder, "weights.bin")),
        "passwd": "/etc/passwd", "sub": "sub/weights.bin", "folder": "sub", "dot": ".", "dots": "..", "none": "", "missing": "nowhere.bin",
        "link": "link.bin", "dangling": "dangling.bin", "ring": "ring.bin", "nul": b"weights.bin\0x", "not_utf8": b"\xff", "long": "a" * 5000, "dot_slash": "./weights.bin",
        "device": "/dev/zero", "backslash": "..\\outside.bin",
    }.items():
        refuse(f"external_{name}", weight(location=location))
    for name, offset in {"past_the_end": "24", "by_one": "1", "negative": "-1", "huge": str((1 << 64) - 4), "too_huge": "9" * 30, "text": "x", "empty": "", "hex": "0x0"}.items():
        refuse(f"external_offset_{name}", weight(location="weights.bin", offset=offset))
    for length in ("23", "25", "0", "-24", "9" * 30):
        refuse(f"external_length_{length[:4]}", weight(location="weights.bin", length=length))
    refuse("external_nowhere", weight(offset="0"))
    refuse("external_text", model(graph([node("Identity", ["w"], ["y"])], [tensor("w", [1], type=STRING, extra=msg(13, msg(1, "location") + msg(2, "weights.bin")) + num(14, 1))])))


def attributes():
    def concat(*attrs):
        return model(graph([node("Concat", ["x", "x"], ["y"], *attrs)]))

    refuse("attr_missing", concat())
    refuse("attr_float_for_int", concat(a_float("axis", 0.0)))
    refuse("attr_text_for_int", concat(a_text("axis", "0")))
    refuse("attr_ints_for_int", concat(a_ints("axis", [0])))
    refuse("attr_graph_for_int", concat(a_graph("axis", graph([]))))
    refuse("attr_twice", concat(a_int("axis", 0), a_int("axis", 0)))
    refuse("attr_unknown", concat(a_int("axis", 0), a_int("nope", 0)))
    refuse("attr_without_name", concat(a_int("axis", 0), a_int("", 0)))
    refuse("attr_kind_99", concat(attr("axis", 99, num(3, 0))))
    refuse("attr_kind_none", concat(msg(1, "axis")))
    for kind in (9, 10, 12, 13, 14):
        refuse(f"attr_kind_{kind}", concat(attr("axis", kind, b"")))
    refuse("attr_damaged", concat(msg(1, "axis") + b"\x18\x80"))
    refuse("attr_ints_packed_garbage", model(graph([node("Transpose", ["x"], ["y"], attr("perm", A_INTS, msg(8, b"\x01\x80")))])))
    refuse("attr_floats_ragged", model(graph([node("Constant", [], ["y"], attr("value_floats", A_FLOATS, msg(7, b"\0" * 5)))])))
    refuse("attr_text_with_nul", model(graph([node("Pad", ["x", "p"], ["y"], a_text("mode", b"edge\0"))], [tensor("p", [4], bytes(32), type=INT64)])))
    refuse("attr_tensor_damaged", model(graph([node("Constant", [], ["y"], a_tensor("value", b"\x08\x80"))])))
    refuse("constant_without_value", model(graph([node("Constant", [], ["y"])])))
    refuse("constant_of_two", model(graph([node("Constant", [], ["y"], a_int("value_int", 1), a_float("value_float", 1.0))])))
    refuse("constant_with_input", model(graph([node("Constant", ["x"], ["y"], a_int("value_int", 1))])))
    refuse("constant_of_a_graph", model(graph([node("Constant", [], ["y"], a_graph("value", graph([])))])))
    refuse("constant_without_output", model(graph([node("Constant", [], [], a_int("value_int", 1)), node("Relu", ["x"], ["y"])])))


def bodies():
    condition = info("b", (), BOOL)

    def one(branch, other=None, ins=None):
        attrs = [a_graph("then_branch", branch), a_graph("else_branch", other if other is not None else branch)]
        return model(graph([node("If", ["b"], ["y"], *attrs)], ins=ins or [condition, info("x")]))

    good = graph([node("Relu", ["x"], ["z"])], ins=[], outs=[info("z")])
    any_("if", one(good))
    any_("if_shadows_what_the_other_takes", one(good, graph([node("Constant", [], ["x"], a_int("value_int", 1))], ins=[], outs=[info("x", (), INT64)])))
    deep = good
    for _ in range(60):
        deep = graph([node("If", ["b"], ["z"], a_graph("then_branch", deep), a_graph("else_branch", good))], ins=[], outs=[info("z")])
    refuse("if_nested_60", one(deep))
    deeper = good
    for _ in range(3000):
        deeper = graph([node("If", ["b"], ["z"], a_graph("then_branch", deeper))], ins=[], outs=[info("z")])
    refuse("if_nested_3000", one(deeper))
    refuse("if_without_branches", model(graph([node("If", ["b"], ["y"])], ins=[condition])))
    refuse("if_of_float", one(good, ins=[info("b", ()), info("x")]))
    refuse("if_takes_nothing_known", one(graph([node("Relu", ["w"], ["z"])], ins=[], outs=[info("z")])))
    refuse("if_takes_its_own_output", one(graph([node("Relu", ["y"], ["z"])], ins=[], outs=[info("z")])))
    any_("if_of_different_counts", one(good, graph([node("Relu", ["x"], ["z"]), node("Neg", ["x"], ["w"])], ins=[], outs=[info("z"), info("w")])))
    refuse("if_with_inputs", one(graph([node("Relu", ["q"], ["z"])], ins=[info("q")], outs=[info("z")])))
    refuse("if_with_five_bodies", model(graph([node("If", ["b"], ["y"], *[a_graph(f"g{i}", good) for i in range(5)])], ins=[condition, info("x")])))
    refuse("if_body_damaged", one(b"\x0a\x99"))
    count = tensor("n", [], struct.pack("<q", 3), type=INT64)
    body = graph([node("Identity", ["c"], ["c2"])], ins=[info("i", (), INT64), info("c", (), BOOL), info("v")], outs=[info("c2", (), BOOL)])
    refuse("loop_body_gives_too_little", model(graph([node("Loop", ["n", "", "x"], ["y"], a_graph("body", body))], [count])))
    refuse("loop_without_body", model(graph([node("Loop", ["n", "", "x"], ["y"])], [count])))


def functions():
    call = [node("f", ["x"], ["y"], domain="local")]

    def f(nodes, outs=("b",), ins=("a",), name="f", extra=b""):
        return function(name, ins, outs, nodes, extra=extra)

    one = [node("Relu", ["a"], ["b"])]
    any_("function", model(graph(call), functions=[f(one)]))
    refuse("function_recurses", model(graph(call), functions=[f([node("f", ["a"], ["b"], domain="local")])]))
    pair = [f([node("g", ["a"], ["b"], domain="local")]), f([node("f", ["a"], ["b"], domain="local")], name="g")]
    refuse("functions_recurse", model(graph(call), functions=pair))
    chain = [f([node(f"f{i + 1}", ["a"], ["b"], domain="local")], name=f"f{i}") for i in range(100)] + [f(one, name="f100")]
    refuse("functions_100_deep", model(graph([node("f0", ["x"], ["y"], domain="local")]), functions=chain))
    laughs = [f(one, name="l0")]
    for i in range(1, 10):
        steps = [node(f"l{i - 1}", ["a" if k == 0 else f"t{k - 1}"], [f"t{k}"], domain="local") for k in range(10)]
        laughs.append(f(steps, outs=("t9",), name=f"l{i}"))
    refuse("functions_a_billion_nodes", model(graph([node("l9", ["x"], ["y"], domain="local")]), functions=laughs))
    refuse("function_twice", model(graph(call), functions=[f(one), f(one)]))
    refuse("function_without_name", model(graph(call), functions=[f(one, name="")]))
    refuse("function_output_unknown", model(graph(call), functions=[f(one, outs=("z",))]))
    refuse("function_input_twice", model(graph(call), functions=[f(one, ins=("a", "a"))]))
    refuse("function_too_many_inputs", model(graph([node("f", ["x", "x"], ["y"], domain="local")]), functions=[f(one)]))
    refuse("function_too_many_outputs", model(graph([node("f", ["x"], ["y", "z"], domain="local")]), functions=[f(one)]))
    refuse("function_uses_outer_name", model(graph(call), functions=[f([node("Relu", ["x"], ["b"])])]))
    refuse("function_of_old_opset", model(graph(call), functions=[function("f", ["a"], ["b"], one, opset=-3)]))
    refuse("function_damaged", model(graph(call), functions=[b"\x0a\x70f"]))
    refuse("function_default_damaged", model(graph(call), functions=[f(one, extra=msg(11, b"\x0a\x55"))]))
    refuse("function_reference_of_wrong_kind", model(graph([node("f", ["x"], ["y"], a_text("k", "one"), domain="local")]), functions=[
        f([node("Concat", ["a", "a"], ["b"], msg(1, "axis") + msg(21, "k"))], extra=msg(6, "k"))]))
    any_("function_reference", model(graph([node("f", ["x"], ["y"], a_int("k", 1), domain="local")]), functions=[
        f([node("Concat", ["a", "a"], ["b"], msg(1, "axis") + msg(21, "k"))], extra=msg(6, "k"))]))


def ops():
    def one(op, *attrs, ins=("x",), **kw):
        return model(graph([node(op, list(ins), ["y"], *attrs)], **kw))

    def ints(name, values):
        return tensor(name, [len(values)], struct.pack(f"<{len(values)}q", *values), type=INT64)

    refuse("op_unknown", one("Frobnicate"))
    refuse("op_of_unknown_domain", model(graph([node("Relu", ["x"], ["y"], domain="nobody")])))
    refuse("op_of_our_own_domain", model(graph([node("Elementwise", ["x"], ["y"], a_text("chain", "f32 Relu 0"), domain="quern")]), imports=[num(2, 17), msg(1, "quern") + num(2, 1)]))
    refuse("op_of_our_own_as_a_row", one("GeluErf"))
    for word, value in (("nan", float("nan")), ("vast", 1e30), ("endless", float("-inf"))):  # numbers that were floats once
        at, count = (tensor(n, [1], struct.pack("<f", v)) for n, v in (("a", 1.0), ("n", 2.0)))
        wrong = struct.pack("<f", value)
        refuse(f"tile_1_axis_{word}", model(graph([node("Tile", ["x", "n", "a"], ["y"])], [count, tensor("a", [1], wrong)]), opset=1))
        refuse(f"tile_1_tiles_{word}", model(graph([node("Tile", ["x", "n", "a"], ["y"])], [at, tensor("n", [1], wrong)]), opset=1))
        refuse(f"lp_pool_1_p_{word}", model(graph([node("GlobalLpPool", ["x"], ["y"], a_float("p", value))], ins=[info("x", (1, 1, 2, 2))]), opset=1))
    refuse("op_in_lower_case", one("relu"))
    refuse("no_inputs", one("Relu", ins=()))
    refuse("input_absent", one("Relu", ins=("",)))
    refuse("too_many_inputs", one("Relu", ins=("x",) * 1000))
    refuse("too_many_outputs", model(graph([node("Relu", ["x"], ["y"] + [f"o{i}" for i in range(100)])])))
    refuse("add_does_not_broadcast", model(graph([node("Add", ["x", "z"], ["y"])], ins=[info("x"), info("z", (2, 4))])))
    refuse("matmul_does_not_fit", model(graph([node("MatMul", ["x", "z"], ["y"])], ins=[info("x"), info("z", (2, 3))])))
    refuse("concat_axis", one("Concat", a_int("axis", 2), ins=("x", "x")))
    refuse("concat_does_not_fit", model(graph([node("Concat", ["x", "z"], ["y"], a_int("axis", 0))], ins=[info("x"), info("z", (2, 4))])))
    refuse("softmax_axis", one("Softmax", a_int("axis", 1 << 40)))
    for name, perm in {"twice": [0, 0], "outside": [0, 2], "negative": [0, -1], "short": [0], "long": [0, 1, 2], "huge": [1 << 40, 0]}.items():
        refuse(f"transpose_{name}", one("Transpose", a_ints("perm", perm)))
    for name, shape in {"wrong": [4], "two_unknown": [-1, -1], "negative": [-2, 3], "overflow": [1 << 62, 8], "not_a_divisor": [4, -1], "copy_outside": [1, 2, 0]}.items():
        refuse(f"reshape_{name}", one("Reshape", ins=("x", "s"), inits=[ints("s", shape)]))
    refuse("unsqueeze_twice", one("Unsqueeze", ins=("x", "s"), inits=[ints("s", [0, 0])]))
    refuse("unsqueeze_far", one("Unsqueeze", ins=("x", "s"), inits=[ints("s", [1 << 40])]))
    refuse("unsqueeze_to_rank_9", one("Unsqueeze", ins=("x", "s"), inits=[ints("s", list(range(7)))]))
    refuse("squeeze_of_2", one("Squeeze", ins=("x", "s"), inits=[ints("s", [0])]))
    refuse("slice_step_0", one("Slice", ins=("x", "a", "b", "c", "d"), inits=[ints("a", [0]), ints("b", [1]), ints("c", [0]), ints("d", [0])]))
    refuse("slice_axis", one("Slice", ins=("x", "a", "b", "c"), inits=[ints("a", [0]), ints("b", [1]), ints("c", [7])]))
    any_("slice_far", one("Slice", ins=("x", "a", "b", "c"), inits=[ints("a", [-(1 << 63)]), ints("b", [(1 << 63) - 1]), ints("c", [0])]))
    refuse("split_sum", one("Split", a_int("axis", 0), ins=("x", "s"), inits=[ints("s", [5])]))
    refuse("expand_does_not_fit", one("Expand", ins=("x", "s"), inits=[ints("s", [2, 4])]))
    refuse("expand_overflow", one("Expand", ins=("x", "s"), inits=[ints("s", [1 << 61, 2, 3])]))
    refuse("cast_to_99", one("Cast", a_int("to", 99)))
    refuse("constant_of_negative_shape", one("ConstantOfShape", ins=("s",), inits=[ints("s", [-5])]))
    refuse("constant_of_endless_shape", one("ConstantOfShape", ins=("s",), inits=[ints("s", [1 << 62, 1 << 62])]))
    refuse("flatten_axis", one("Flatten", a_int("axis", 9)))
    image, weight = info("x", (1, 4, 8, 8)), info("w", (8, 4, 3, 3))

    def conv(*attrs, image=image, weight=weight):
        return model(graph([node("Conv", ["x", "w"], ["y"], *attrs)], ins=[image, weight]))

    any_("conv", conv())
    for name, attrs in {
        "stride_0": [a_ints("strides", [0, 1])], "stride_negative": [a_ints("strides", [1, -1])], "dilation_0": [a_ints("dilations", [0, 0])],
        "group_0": [a_int("group", 0)], "group_negative": [a_int("group", -2)], "group_3": [a_int("group", 3)], "group_huge": [a_int("group", 1 << 62)],
        "strides_short": [a_ints("strides", [1])], "pads_short": [a_ints("pads", [1, 1])], "kernel_differs": [a_ints("kernel_shape", [5, 5])],
        "auto_pad_unknown": [a_text("auto_pad", "SOMEHOW")],
    }.items():
        refuse(f"conv_{name}", conv(*attrs))
    refuse("conv_rank_2", conv(image=info("x", (8, 8)), weight=info("w", (8, 8))))
    refuse("conv_channels", conv(weight=info("w", (8, 5, 3, 3))))
    refuse("conv_larger_than_image", conv(weight=info("w", (8, 4, 30, 30))))
    any_("conv_pads_huge", conv(a_ints("pads", [1 << 62] * 4)))
    any_("conv_dilation_huge", conv(a_ints("dilations", [1 << 62] * 2)))
    refuse("pool_without_kernel", model(graph([node("MaxPool", ["x"], ["y"])], ins=[image])))
    refuse("pool_kernel_0", model(graph([node("MaxPool", ["x"], ["y"], a_ints("kernel_shape", [0, 0]))], ins=[image])))


def gradients():
    domain = "ai.onnx.preview.training"
    of = [attr("xs", A_STRINGS, msg(9, "x")), a_text("y", "m")]
    many = [node("Gradient", ["x"], [f"g{i}"], *of, domain=domain) for i in range(1025)]
    refuse("gradients_1025", model(graph([node("Relu", ["x"], ["m"]), *many], outs=[info("g0")]), imports=[num(2, 17), msg(1, domain) + num(2, 1)]))


def flipped():
    rng = random.Random(2)
    data = base()
    for i in range(60):
        bent = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            bent[rng.randrange(len(bent))] = rng.randrange(256)
        any_(f"bent_{i}", bytes(bent))


def main():
    global out_folder
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out_folder = os.path.abspath(sys.argv[1])
    os.makedirs(out_folder, exist_ok=True)
    any_("base", base())
    for part in (truncated, lying_lengths, not_models, versions, names, order, shapes, types, data, outside, attributes, bodies, functions, ops, gradients, flipped):
        part()
    # onnx.c has what is given to these, whose elements may have any rank
    listed = lambda name, number: msg(1, name) + msg(2, msg(number, msg(1, tensor_type(None))))
    at = tensor("i", [], struct.pack("<q", 1), type=INT64)
    write("given", "sequence", model(graph([node("SequenceAt", ["s", "i"], ["y"])], [at], ins=[listed("s", 4)], outs=[info("y", None)]), opset=18))
    write("given", "optional", model(graph([node("OptionalGetElement", ["s"], ["y"])], ins=[listed("s", 9)], outs=[info("y", None)]), opset=18))
    for name, content in invalid():
        write("invalid", name, content)
    print(f"{count} files in {out_folder}")


main()

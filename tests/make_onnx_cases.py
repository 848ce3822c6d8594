"""Writes small ONNX models beside the graph that each must become: python3 make_onnx_cases.py FOLDER

NAME.onnx and NAME.txt: tests/onnx.c reads the one and compares its text with the other. Here are the forms that ops had in older opsets,
and each way in which a file can hold a tensor, an attribute, a function or a body."""
import os
import struct
import sys

from onnx_writer import *

def one(op, opset, *attrs, ins=("x",), outs=("y",), shape=(2, 3), kind=FLOAT, inits=(), more=(), out_kinds=()):
    kinds = [*out_kinds, *[kind] * len(outs)]
    g = graph([node(op, list(ins), list(outs), *attrs)], inits, [info("x", shape, kind)] + list(more), [info(o, None, k) for o, k in zip(outs, kinds) if o])
    return model(g, opset=opset)


def longs(name, values, dims=None):
    return tensor(name, [len(values)] if dims is None else dims, struct.pack(f"<{len(values)}q", *values), type=INT64)


def floats(name, values, dims=None):
    return tensor(name, [len(values)] if dims is None else dims, struct.pack(f"<{len(values)}f", *values))


WEIGHTS = [
    tensor("w0", [2, 2], extra=msg(4, struct.pack("<4f", 1, 2, 3, 4.5))),
    tensor("w1", [2], extra=f32(4, 1.5) + f32(4, 2.5)),
    tensor("w2", [3], type=INT32, extra=packed(5, [1, -1, 2147483647])),
    tensor("w3", [2], type=FLOAT16, extra=num(5, 0x3C00) + num(5, 0xC000)),
    tensor("w4", [2], type=BF16, extra=packed(5, [0x3F80, 0xC000])),
    tensor("w5", [2], type=BOOL, raw=b"\x00\x07"),
    tensor("w6", [2], type=INT64, extra=packed(7, [1 << 40, -1])),
    tensor("w7", [2], type=UINT64, extra=packed(11, [(1 << 64) - 1, 7])),
    tensor("w8", [2], type=DOUBLE, extra=msg(10, struct.pack("<2d", 0.1, -2))),
    tensor("w9", [2], type=STRING, extra=msg(6, "one") + msg(6, b"t\xc3\xb6")),
    tensor("w10", [], raw=struct.pack("<b", -3), type=3),
    tensor("w11", [0, 4], raw=b""),
    tensor("w12", [2], type=UINT8, extra=packed(5, [200, 255])),
    tensor("w13", [1], type=12, extra=packed(11, [4294967295])),
]

CONSTANTS = [
    a_tensor("value", floats("", [1, 2])), a_int("value_int", -7), a_ints("value_ints", [1, 2]), a_float("value_float", 0.5),
    attr("value_floats", A_FLOATS, msg(7, struct.pack("<2f", 1, 2))), a_text("value_string", "hi"),
    attr("value_strings", A_STRINGS, msg(9, "a") + msg(9, "b")), msg(1, "value_int") + num(3, 9),
    attr("sparse_value", 11, msg(22, msg(1, floats("", [3])) + msg(2, longs("", [1])) + num(3, 3))),
]

# scale(a; by) = a * by, called from twice(a; k) with by=k, once with the default of k
FUNCTION = model(
    graph([node("twice", ["x"], ["p"], domain="local", name="first"), node("twice", ["p"], ["y"], a_float("k", 3.0), domain="local", name="second")], outs=[info("y", None)]),
    functions=[
        function("scale", ["a"], ["b"], [node("Constant", [], ["c"], msg(1, "value_float") + msg(21, "by") + num(20, A_FLOAT)), node("Mul", ["a", "c"], ["b"], name="mul")], extra=msg(6, "by")),
        function("twice", ["a"], ["b"], [node("scale", ["a"], ["b"], msg(1, "by") + msg(21, "k") + num(20, A_FLOAT), domain="local", name="inner")], extra=msg(11, a_float("k", 2.0))),
    ])

THEN = graph([node("Add", ["r", "w"], ["t"])], ins=[], outs=[info("t", None)])
ELSE = graph([node("Add", ["x", "r"], ["e"])], ins=[], outs=[info("e", None)])

# name: (model, its graph)
CASES = {
    "clip_6": (
        one("Clip", 6, a_float("min", 0.0), a_float("max", 6.0)),
        r"""
in x: f32[2,3]
const %2: f32[] = {0}
const %3: f32[] = {6}
y = Clip(x, %2, %3) : f32[2,3]
out y
"""),
    "clip_6_no_limits": (
        one("Clip", 6, a_float("min", -3.4028234663852886e38), a_float("max", 3.4028234663852886e38)),
        r"""
in x: f32[2,3]
y = Clip(x) : f32[2,3]
out y
"""),
    "clip_6_of_half": (
        one("Clip", 10, a_float("max", 6.0), kind=FLOAT16),
        r"""
in x: f16[2,3]
const %2: f32[] = {6}
%3 = Cast(%2, to=10) : f16[]
y = Clip(x, _, %3) : f16[2,3]
out y
"""),
    "clip_11": (
        one("Clip", 11, ins=("x", "", "m"), inits=[floats("m", [6.0], [])]),
        r"""
in x: f32[2,3]
const m: f32[] = {6}
y = Clip(x, _, m) : f32[2,3]
out y
"""),
    "cast_1": (
        one("Cast", 1, a_text("to", "DOUBLE"), out_kinds=[DOUBLE]),
        r"""
in x: f32[2,3]
y = Cast(x, to=11) : f64[2,3]
out y
"""),
    "reshape_1": (
        one("Reshape", 1, a_ints("shape", [3, 2]), attr("consumed_inputs", A_INTS, num(8, 0))),
        r"""
in x: f32[2,3]
const %2: i64[2] = {3, 2}
y = Reshape(x, %2) : f32[3,2]
out y
"""),
    "tile_1": (
        one("Tile", 1, ins=("x", "n", "a"), inits=[floats("n", [2.0], [1]), floats("a", [1.0], [1])]),
        r"""
in x: f32[2,3]
const %4: i64[2] = {1, 2}
y = Tile(x, %4) : f32[2,6]
out y
"""),
    "concat_1": (
        one("Concat", 1, ins=("x", "x")),
        r"""
in x: f32[2,3]
y = Concat(x, x, axis=1) : f32[2,6]
out y
"""),
    "pad_1": (
        one("Pad", 1, a_ints("paddings", [0, 0, 1, 1])),
        r"""
in x: f32[2,3]
const %2: i64[4] = {0, 0, 1, 1}
y = Pad(x, %2) : f32[3,4]
out y
"""),
    "scan_8": (
        one("Scan", 8, a_int("num_scan_inputs", 1), a_graph("body", graph([node("Add", ["s", "v"], ["n"]), node("Neg", ["n"], ["o"])], ins=[info("s", (2,)), info("v", (2,))], outs=[info("n", None), info("o", None)])),
            ins=("", "z", "x"), outs=("y", "w"), shape=("b", 3, 2), more=[info("z", ("b", 2))]),
        r"""
in x: f32[b,3,2]
in z: f32[b,2]
y, w = Scan(z, x, num_scan_inputs=2, body={in %1: f32[2]; in %2: f32[3,2]; %3, %4 = Scan(%1, %2, body={in s: f32[2]; in v: f32[2]; n = Add(s, v) : f32[2]; o = Neg(n) : f32[2]; out n, o}, num_scan_inputs=1, captures=0) : f32[2], f32[3,2]; out %3, %4}, captures=0) : f32[b,2], f32[b,3,2]
out y, w
"""),
    "sequences": (
        model(graph([node("SequenceInsert", ["s", "x"], ["t"]), node("SequenceAt", ["t", "i"], ["y"]), node("Optional", [], ["o"], attr("type", 13, msg(14, tensor_type((2,))))), node("OptionalHasElement", ["o"], ["h"])],
            [longs("i", [-1], [])], [info("x"), msg(1, "s") + msg(2, msg(4, msg(1, tensor_type(("n", 3)))))], [info("y", None), info("h", None, BOOL)]), opset=18),
        r"""
in x: f32[2,3]
in s: sequence["s[0]"] of f32[?,3]
const i: i64[] = {-1}
t = SequenceInsert(s, x) : sequence["s[0]" + 1] of f32[?,3]
y = SequenceAt(t, i) : f32[element,3]
o = Optional(type=f32[2]) : optional[0] of f32[2]
h = OptionalHasElement(o) : bool[]
out y, h
"""),
    "squeeze_11": (
        one("Squeeze", 11, a_ints("axes", [0]), shape=(1, 3)),
        r"""
in x: f32[1,3]
const %2: i64[1] = {0}
y = Squeeze(x, %2) : f32[3]
out y
"""),
    "squeeze_13": (
        one("Squeeze", 13, ins=("x", "a"), inits=[longs("a", [0])], shape=(1, 3)),
        r"""
in x: f32[1,3]
const a: i64[1] = {0}
y = Squeeze(x, a) : f32[3]
out y
"""),
    "unsqueeze_11": (
        one("Unsqueeze", 11, a_ints("axes", [0, 2])),
        r"""
in x: f32[2,3]
const %2: i64[2] = {0, 2}
y = Unsqueeze(x, %2) : f32[1,2,1,3]
out y
"""),
    "reduce_mean_13": (
        one("ReduceMean", 13, a_ints("axes", [1]), a_int("keepdims", 0)),
        r"""
in x: f32[2,3]
const %2: i64[1] = {1}
y = ReduceMean(x, %2, keepdims=0) : f32[2]
out y
"""),
    "reduce_mean_13_of_all": (
        one("ReduceMean", 13),
        r"""
in x: f32[2,3]
y = ReduceMean(x) : f32[1,1]
out y
"""),
    "reduce_sum_11": (
        one("ReduceSum", 11, a_ints("axes", [-1])),
        r"""
in x: f32[2,3]
const %2: i64[1] = {-1}
y = ReduceSum(x, %2) : f32[2,1]
out y
"""),
    "slice_9": (
        one("Slice", 9, a_ints("starts", [1]), a_ints("ends", [3]), a_ints("axes", [1])),
        r"""
in x: f32[2,3]
const %2: i64[1] = {1}
const %3: i64[1] = {3}
const %4: i64[1] = {1}
y = Slice(x, %2, %3, %4) : f32[2,2]
out y
"""),
    "split_11": (
        one("Split", 11, a_ints("split", [1, 2]), a_int("axis", 1), outs=("y", "z")),
        r"""
in x: f32[2,3]
const %2: i64[2] = {1, 2}
y, z = Split(x, %2, axis=1) : f32[2,1], f32[2,2]
out y, z
"""),
    "split_13": (
        one("Split", 13, a_int("axis", 1), outs=("a", "b", "c")),
        r"""
in x: f32[2,3]
a, b, c = Split(x, axis=1, num_outputs=3) : f32[2,1], f32[2,1], f32[2,1]
out a, b, c
"""),
    "topk_9": (
        one("TopK", 9, a_int("k", 2), outs=("y", "i"), out_kinds=[FLOAT, INT64]),
        r"""
in x: f32[2,3]
const %2: i64[1] = {2}
y, i = TopK(x, %2) : f32[2,2], i64[2,2]
out y, i
"""),
    "pad_10": (
        one("Pad", 10, a_ints("pads", [0, 1, 0, 1]), a_float("value", 2.5)),
        r"""
in x: f32[2,3]
const %2: i64[4] = {0, 1, 0, 1}
const %3: f32[] = {2.5}
y = Pad(x, %2, %3) : f32[2,5]
out y
"""),
    "pad_10_of_zeros": (
        one("Pad", 10, a_ints("pads", [0, 1, 0, 1]), a_text("mode", "edge")),
        r"""
in x: f32[2,3]
const %2: i64[4] = {0, 1, 0, 1}
y = Pad(x, %2, mode="edge") : f32[2,5]
out y
"""),
    "upsample_7": (
        one("Upsample", 7, attr("scales", A_FLOATS, b"".join(f32(7, s) for s in (1, 1, 2, 2))), a_text("mode", "nearest"), shape=(1, 1, 4, 4)),
        r"""
in x: f32[1,1,4,4]
const %2: f32[4] = {1, 1, 2, 2}
y = Resize(x, _, %2, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="ceil_where_smaller") : f32[1,1,8,8]
out y
"""),
    "upsample_9": (
        one("Upsample", 9, a_text("mode", "bilinear"), ins=("x", "s"), inits=[floats("s", [1, 1, 2, 2])], shape=(1, 1, 4, 4)),
        r"""
in x: f32[1,1,4,4]
const s: f32[4] = {1, 1, 2, 2}
y = Resize(x, _, s, mode="linear", coordinate_transformation_mode="asymmetric", nearest_mode="ceil_where_smaller") : f32[1,1,8,8]
out y
"""),
    "resize_10": (
        one("Resize", 10, ins=("x", "s"), inits=[floats("s", [1, 1, 2, 2])], shape=(1, 1, 4, 4)),
        r"""
in x: f32[1,1,4,4]
const s: f32[4] = {1, 1, 2, 2}
y = Resize(x, _, s, coordinate_transformation_mode="asymmetric", nearest_mode="ceil_where_smaller") : f32[1,1,8,8]
out y
"""),
    "resize_11_empty_roi": (
        one("Resize", 11, ins=("x", "r", "s"), inits=[floats("r", []), floats("s", [1, 1, 2, 2])], shape=(1, 1, 4, 4)),
        r"""
in x: f32[1,1,4,4]
const s: f32[4] = {1, 1, 2, 2}
y = Resize(x, _, s) : f32[1,1,8,8]
out y
"""),
    "softmax_12_last": (
        one("Softmax", 12, a_int("axis", 1)),
        r"""
in x: f32[2,3]
y = Softmax(x, axis=1) : f32[2,3]
out y
"""),
    "softmax_12_ones_behind": (
        one("Softmax", 7, shape=(1, 10, 1, 1)),
        r"""
in x: f32[1,10,1,1]
y = Softmax(x, axis=1) : f32[1,10,1,1]
out y
"""),
    "softmax_12_flat": (
        one("Softmax", 12, shape=(2, 3, 4)),
        r"""
in x: f32[2,3,4]
%2 = Flatten(x, axis=1) : f32[2,12]
%3 = Softmax(%2, axis=-1) : f32[2,12]
%4 = Shape(x) : i64[3]
y = Reshape(%3, %4) : f32[2,3,4]
out y
"""),
    "softmax_13": (
        one("Softmax", 13, shape=(2, 3, 4)),
        r"""
in x: f32[2,3,4]
y = Softmax(x) : f32[2,3,4]
out y
"""),
    "dropout_7": (
        one("Dropout", 7, a_float("ratio", 0.5)),
        r"""
in x: f32[2,3]
y = Dropout(x) : f32[2,3]
out y
"""),
    "batchnorm_7": (
        one("BatchNormalization", 7, a_int("spatial", 1), ins=("x", "s", "b", "m", "v"), inits=[floats(n, [1, 2]) for n in "sbmv"], shape=(1, 2, 4, 4)),
        r"""
in x: f32[1,2,4,4]
const s: f32[2] = {1, 2}
const b: f32[2] = {1, 2}
const m: f32[2] = {1, 2}
const v: f32[2] = {1, 2}
y = BatchNormalization(x, s, b, m, v) : f32[1,2,4,4]
out y
"""),
    "batchnorm_6": (
        one("BatchNormalization", 6, a_int("is_test", 1), ins=("x", "s", "b", "m", "v"), inits=[floats(n, [1, 2]) for n in "sbmv"], shape=(1, 2, 4, 4)),
        r"""
in x: f32[1,2,4,4]
const s: f32[2] = {1, 2}
const b: f32[2] = {1, 2}
const m: f32[2] = {1, 2}
const v: f32[2] = {1, 2}
y = BatchNormalization(x, s, b, m, v) : f32[1,2,4,4]
out y
"""),
    "groupnorm_18": (
        one("GroupNormalization", 18, a_int("num_groups", 2), ins=("x", "s", "b"), inits=[floats("s", [1, 2]), floats("b", [3, 4])], shape=(1, 4, 3, 3)),
        r"""
in x: f32[1,4,3,3]
const s: f32[2] = {1, 2}
const b: f32[2] = {3, 4}
const %5: i64[1] = {1}
const %6: i64[1] = {2}
const %7: i64[1] = {-1}
const %13: i64[1] = {1}
const %14: i64[1] = {2}
const %15: i64[1] = {-1}
%4 = Shape(x, start=1, end=2) : i64[1]
%8 = Div(%4, %6) : i64[1]
%9 = Unsqueeze(s, %5) : f32[2,1]
%10 = Concat(%6, %8, axis=0) : i64[2]
%11 = Expand(%9, %10) : f32[2,2]
%12 = Reshape(%11, %7) : f32[4]
%16 = Div(%4, %14) : i64[1]
%17 = Unsqueeze(b, %13) : f32[2,1]
%18 = Concat(%14, %16, axis=0) : i64[2]
%19 = Expand(%17, %18) : f32[2,2]
%20 = Reshape(%19, %15) : f32[4]
y = GroupNormalization(x, %12, %20, num_groups=2) : f32[1,4,3,3]
out y
"""),
    "scatter_9": (
        one("Scatter", 9, a_int("axis", 0), ins=("x", "i", "u"), inits=[longs("i", [1, 0, 1], [1, 3]), floats("u", [7, 8, 9], [1, 3])]),
        r"""
in x: f32[2,3]
const i: i64[1,3] = {1, 0, 1}
const u: f32[1,3] = {7, 8, 9}
y = ScatterElements(x, i, u, axis=0) : f32[2,3]
out y
"""),
    "add_6_axis": (
        one("Add", 6, a_int("broadcast", 1), a_int("axis", 1), ins=("x", "w"), inits=[floats("w", [1, 2, 3])], shape=(2, 3, 4, 5)),
        r"""
in x: f32[2,3,4,5]
const w: f32[3] = {1, 2, 3}
const %3: i64[2] = {1, 2}
%4 = Unsqueeze(w, %3) : f32[3,1,1]
y = Add(x, %4) : f32[2,3,4,5]
out y
"""),
    "add_6": (
        one("Add", 6, a_int("broadcast", 1), ins=("x", "w"), inits=[floats("w", [1, 2, 3])]),
        r"""
in x: f32[2,3]
const w: f32[3] = {1, 2, 3}
y = Add(x, w) : f32[2,3]
out y
"""),
    "gemm_6": (
        one("Gemm", 6, a_int("broadcast", 1), a_int("transB", 1), ins=("x", "w", "b"), inits=[floats("w", range(12), [4, 3]), floats("b", range(4))]),
        r"""
in x: f32[2,3]
const w: f32[4,3] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
const b: f32[4] = {0, 1, 2, 3}
y = Gemm(x, w, b, transB=1) : f32[2,4]
out y
"""),
    "prelu_6": (
        one("PRelu", 6, ins=("x", "w"), inits=[floats("w", [1, 2, 3])], shape=(2, 3, 4, 5)),
        r"""
in x: f32[2,3,4,5]
const w: f32[3] = {1, 2, 3}
const %3: i64[2] = {1, 2}
%4 = Unsqueeze(w, %3) : f32[3,1,1]
y = PRelu(x, %4) : f32[2,3,4,5]
out y
"""),
    "dynamic_sizes": (
        model(graph([node("Relu", ["x"], ["y"])], ins=[info("x", ("batch", None, 3, "odd name", -1))], outs=[info("y", None)])),
        r"""
in x: f32[batch,"x[1]",3,"odd name","x[4]"]
y = Relu(x) : f32[batch,"x[1]",3,"odd name","x[4]"]
out y
"""),
    "input_with_default": (
        model(graph([node("Add", ["x", "w"], ["y"])], [floats("w", range(3))], [info("x"), info("w", (3,))], [info("y", None)])),
        r"""
in x: f32[2,3]
const w: f32[3] = {0, 1, 2}
y = Add(x, w) : f32[2,3]
out y
"""),
    "unnamed_node_and_absent_output": (
        model(graph([node("MaxPool", ["x"], ["y", ""], a_ints("kernel_shape", [2]), name="the pool")], ins=[info("x", (1, 1, 8))], outs=[info("y", None)])),
        r"""
in x: f32[1,1,8]
y = MaxPool(x, kernel_shape=[2]) : f32[1,1,7]
out y
"""),
    "output_is_an_input": (
        model(graph([], ins=[info("x")], outs=[info("x")])),
        r"""
in x: f32[2,3]
out x
"""),
    "output_is_a_weight": (
        model(graph([], [floats("w", range(3))], ins=[], outs=[info("w", (3,))])),
        r"""
const w: f32[3] = {0, 1, 2}
out w
"""),
    "weights": (
        model(graph([], WEIGHTS, ins=[], outs=[info(f"w{i}", None) for i in range(len(WEIGHTS))])),
        r"""
const w0: f32[2,2] = {1, 2, 3, 4.5}
const w1: f32[2] = {1.5, 2.5}
const w2: i32[3] = {1, -1, 2147483647}
const w3: f16[2] = {1, -2}
const w4: bf16[2] = {1, -2}
const w5: bool[2] = {0, 1}
const w6: i64[2] = {1099511627776, -1}
const w7: u64[2] = {18446744073709551615, 7}
const w8: f64[2] = {0.1, -2}
const w9: string[2] = {"one", "t\xc3\xb6"}
const w10: i8[] = {-3}
const w11: f32[0,4] = {}
const w12: u8[2] = {200, 255}
const w13: u32[1] = {4294967295}
out w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13
"""),
    "constants": (
        model(graph([node("Constant", [], [f"c{i}"], a) for i, a in enumerate(CONSTANTS)], ins=[], outs=[info(f"c{i}", None) for i in range(len(CONSTANTS))])),
        r"""
const c0: f32[2] = {1, 2}
const c1: i64[] = {-7}
const c2: i64[2] = {1, 2}
const c3: f32[] = {0.5}
const c4: f32[2] = {1, 2}
const c5: string[] = {"hi"}
const c6: string[2] = {"a", "b"}
const c7: i64[] = {9}
const c8: f32[3] = {0, 3, 0}
out c0, c1, c2, c3, c4, c5, c6, c7, c8
"""),
    "sparse_weight": (
        model(graph([], ins=[], outs=[info("w", None)], extra=msg(15, msg(1, floats("w", [5, 6])) + msg(2, longs("", [0, 1, 1, 2], [2, 2])) + num(3, 2) + num(3, 3)))),
        r"""
const w: f32[2,3] = {0, 5, 0, 0, 0, 6}
out w
"""),
    "function_nested": (
        FUNCTION,
        r"""
in x: f32[2,3]
const %2: f32[] = {2}
const %4: f32[] = {3}
p = Mul(x, %2) : f32[2,3]
y = Mul(p, %4) : f32[2,3]
out y
"""),
    "function_optional_input": (
        model(graph([node("f", ["x"], ["y"], domain="local")], outs=[info("y", None)]), functions=[function("f", ["a", "lo"], ["b"], [node("Clip", ["a", "lo"], ["b"])])]),
        r"""
in x: f32[2,3]
y = Clip(x, _) : f32[2,3]
out y
"""),
    "function_gives_its_input": (
        model(graph([node("f", ["x"], ["y"], domain="local")], outs=[info("y", None)]), functions=[function("f", ["a"], ["a"], [])]),
        r"""
in x: f32[2,3]
out y = x
"""),
    "function_of_another_opset": (
        model(graph([node("f", ["x"], ["y"], domain="local")], ins=[info("x", (1, 3))], outs=[info("y", None)]), functions=[function("f", ["a"], ["b"], [node("Squeeze", ["a"], ["b"], a_ints("axes", [0]))], opset=11)]),
        r"""
in x: f32[1,3]
const %2: i64[1] = {0}
y = Squeeze(x, %2) : f32[3]
out y
"""),
    "if_with_captures": (
        model(graph([node("Relu", ["x"], ["r"]), node("If", ["b"], ["y"], a_graph("then_branch", THEN), a_graph("else_branch", ELSE))],
        [floats("w", range(3))], [info("b", (), BOOL), info("x")], [info("y", None)])),
        r"""
in b: bool[]
in x: f32[2,3]
r = Relu(x) : f32[2,3]
y = If(b, r, x, then_branch={in r: f32[2,3]; in %4: f32[2,3]; const w: f32[3] = {0, 1, 2}; t = Add(r, w) : f32[2,3]; out t}, else_branch={in r: f32[2,3]; in x: f32[2,3]; e = Add(x, r) : f32[2,3]; out e}, captures=2) : f32[2,3]
out y
"""),
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, (data, text) in CASES.items():
        with open(os.path.join(sys.argv[1], name + ".onnx"), "wb") as f:
            f.write(data)
        with open(os.path.join(sys.argv[1], name + ".txt"), "w") as f:
            f.write(text.lstrip("\n"))
    print(f"{len(CASES)} models in {sys.argv[1]}")


main()

"""Models whose sizes, axes or counts only a run tells: every operator that takes such a list as a tensor, with the list as a plain input, read out of
another, computed, cast, and of a length that the data decide; Loops and Ifs whose values change their rank. make_untested_cases.py writes them."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(11)


def f32(*shape):
    return rng.normal(0, 1, shape).astype(np.float32)


def i64(*v):
    return np.array(v, np.int64)


# The list v as the value "s": nodes, more inputs, constants. `open` ones have a length that only the run tells.
def as_given(v):
    return [], {"s": v}, []


def as_read(v):
    """Elements of a table, at places that are computed."""
    table = np.concatenate([v.ravel(), v.ravel()[::-1] + 1, np.zeros(1, v.dtype)])
    return [helper.make_node("Add", ["place", "zero"], ["place2"]), helper.make_node("Gather", ["table", "place2"], ["s"])], {
        "table": table, "place": np.arange(v.size).reshape(v.shape).astype(np.int64), "zero": np.array(0)}, []


def as_product(v):
    return [helper.make_node("Mul", ["a", "b"], ["s"])], {"a": v, "b": np.ones(v.shape, v.dtype)}, []


def as_cast(v):
    return [helper.make_node("Mul", ["a", "b"], ["ab"]), helper.make_node("Cast", ["ab"], ["s"], to=helper.np_dtype_to_tensor_dtype(v.dtype))], {
        "a": v.astype(np.float32), "b": np.ones(v.shape, np.float32)}, []


def as_chosen(v):
    """Where a mask is not 0: how many there are only the run tells."""
    if v.ndim == 0:
        return None
    mask = np.zeros(2 * v.size + 3, bool)
    at = np.sort(rng.choice(2 * v.size + 3, v.size, replace=False))
    mask[at] = True
    table = np.full(mask.shape, 7, v.dtype)
    table[at] = v
    return [helper.make_node("NonZero", ["mask"], ["where"]), helper.make_node("Squeeze", ["where", "first"], ["flat"]), helper.make_node("Gather", ["table", "flat"], ["s"])], {
        "mask": mask, "table": table}, [("first", i64(0))]


WAYS = {"given": as_given, "read": as_read, "product": as_product, "cast": as_cast, "chosen": as_chosen}

# name: operator, other inputs in order ("s": the list), the list, attributes, opset
x = f32(2, 3, 4)
OPS = {
    "reshape": ("Reshape", {"x": x, "s": None}, i64(4, 6), {}),
    "reshape_zero": ("Reshape", {"x": x, "s": None}, i64(0, 12), {}),
    "reshape_rest": ("Reshape", {"x": x, "s": None}, i64(3, -1), {}),
    "reshape_zero_rest": ("Reshape", {"x": x, "s": None}, i64(0, -1, 2), {}),
    "reshape_zero_allowed": ("Reshape", {"x": f32(0, 3, 4), "s": None}, i64(3, 0), dict(allowzero=1)),
    "reshape_empty": ("Reshape", {"x": f32(0, 3, 4), "s": None}, i64(0, -1), {}),
    "reshape_scalar": ("Reshape", {"x": f32(1, 1), "s": None}, i64(), {}),
    "expand": ("Expand", {"x": f32(3, 1), "s": None}, i64(2, 1, 4), {}),
    "tile": ("Tile", {"x": x, "s": None}, i64(1, 2, 3), {}),
    "slice_starts": ("Slice", {"x": x, "s": None, "ends": i64(2, 3, 4)}, i64(0, 1, -3), {}),
    "slice_ends": ("Slice", {"x": x, "starts": i64(0, 0, 0), "s": None}, i64(1, -1, 9), {}),
    "slice_axes": ("Slice", {"x": x, "starts": i64(1, 1), "ends": i64(2, 3), "s": None}, i64(2, 0), {}),
    "slice_steps": ("Slice", {"x": x, "starts": i64(-1, 0, 0), "ends": i64(-9, 3, 4), "axes": i64(0, 1, 2), "s": None}, i64(-1, 2, 3), {}),
    "pad": ("Pad", {"x": x, "s": None}, i64(1, 0, 2, 0, 1, 0), {}),
    "pad_less": ("Pad", {"x": x, "s": None}, i64(0, -1, 2, 0, 0, -1), {}),
    "pad_reflect": ("Pad", {"x": x, "s": None}, i64(1, 0, 2, 0, 1, 0), dict(mode="reflect")),
    "pad_axes": ("Pad", {"x": x, "pads": i64(1, 0, 2, 1), "": None, "s": None}, i64(2, 0), {}),
    "constant_of_shape": ("ConstantOfShape", {"s": None}, i64(2, 0, 3), {}),
    "resize_sizes": ("Resize", {"x": f32(1, 2, 5, 6), "": None, " ": None, "s": None}, i64(1, 2, 7, 9), dict(mode="nearest")),
    "resize_sizes_linear": ("Resize", {"x": f32(1, 2, 5, 6), "": None, " ": None, "s": None}, i64(1, 2, 7, 9), dict(mode="linear")),
    "resize_scales": ("Resize", {"x": f32(1, 2, 5, 6), "": None, "s": None}, np.array([1, 1, 2, 1.5], np.float32), dict(mode="nearest")),
    "resize_scales_cubic": ("Resize", {"x": f32(1, 2, 5, 6), "": None, "s": None}, np.array([1, 1, 2, 1.5], np.float32), dict(mode="cubic")),
    "upsample": ("Upsample", {"x": f32(1, 2, 5, 6), "s": None}, np.array([1, 1, 2, 3], np.float32), dict(mode="linear"), 9),
    "center_crop_pad": ("CenterCropPad", {"x": x, "s": None}, i64(3, 2, 4), {}),
    "center_crop_pad_axes": ("CenterCropPad", {"x": x, "s": None}, i64(5, 2), dict(axes=[0, 2])),
    "col2im_image": ("Col2Im", {"x": f32(1, 4, 9), "s": None, "block": i64(2, 2)}, i64(4, 4), {}),
    "col2im_block": ("Col2Im", {"x": f32(1, 4, 9), "image": i64(4, 4), "s": None}, i64(2, 2), {}),
    "squeeze": ("Squeeze", {"x": f32(1, 3, 1), "s": None}, i64(0, -1), {}),
    "unsqueeze": ("Unsqueeze", {"x": x, "s": None}, i64(0, -1), {}),
    "split": ("Split", {"x": x, "s": None}, i64(3, 1), dict(axis=2)),
    "split_to_sequence": ("SplitToSequence", {"x": x, "s": None}, i64(3, 1), dict(axis=2)),
    "split_to_sequence_one": ("SplitToSequence", {"x": x, "s": None}, np.array(2, np.int64), dict(axis=1)),
    "top_k": ("TopK", {"x": x, "s": None}, i64(2), {}),
    "one_hot": ("OneHot", {"at": i64(0, 2, 1), "s": None, "values": i64(3, 5)}, np.array(4, np.int64), {}),
    "one_hot_list": ("OneHot", {"at": i64(0, 2, 1), "s": None, "values": i64(3, 5)}, i64(4), {}),
    "range_limit": ("Range", {"from": np.array(2, np.int64), "s": None, "by": np.array(3, np.int64)}, np.array(11, np.int64), {}),
    "range_step": ("Range", {"from": np.array(2, np.int64), "to": np.array(-9, np.int64), "s": None}, np.array(-2, np.int64), {}),
    "range_float": ("Range", {"from": np.array(2, np.float32), "s": None, "by": np.array(0.5, np.float32)}, np.array(4.2, np.float32), {}),
    "trilu": ("Trilu", {"x": x, "s": None}, np.array(-1, np.int64), {}),
    "cum_sum": ("CumSum", {"x": x, "s": None}, np.array(1, np.int64), {}),
    "cum_sum_list": ("CumSum", {"x": x, "s": None}, i64(-1), {}),
    "dft_length": ("DFT", {"x": f32(1, 8, 1), "s": None}, np.array(6, np.int64), {}, 20),
    "dft_axis": ("DFT", {"x": f32(1, 8, 4, 1), "": None, "s": None}, np.array(1, np.int64), {}, 20),
    "stft_step": ("STFT", {"x": f32(1, 16, 1), "s": None, "window": f32(8)}, np.array(4, np.int64), {}),
    "stft_length": ("STFT", {"x": f32(1, 16, 1), "step": np.array(4, np.int64), "": None, "s": None}, np.array(8, np.int64), {}),
    "hann_window": ("HannWindow", {"s": None}, np.array(9, np.int64), {}),
    "mel_bins": ("MelWeightMatrix", {"s": None, "n": np.array(16, np.int64), "rate": np.array(8000, np.int64), "low": np.float32(0), "high": np.float32(4000)}, np.array(5, np.int64), {}),
    "mel_length": ("MelWeightMatrix", {"n": np.array(5, np.int64), "s": None, "rate": np.array(8000, np.int64), "low": np.float32(0), "high": np.float32(4000)}, np.array(16, np.int64), {}),
    "max_unpool": ("MaxUnpool", {"x": f32(1, 1, 2, 2), "at": i64(5, 7, 13, 15).reshape(1, 1, 2, 2), "s": None}, i64(1, 1, 5, 5), dict(kernel_shape=[2, 2], strides=[2, 2])),
    "affine_grid": ("AffineGrid", {"x": f32(1, 2, 3), "s": None}, i64(1, 1, 3, 4), {}, 20),
    "nms_most": ("NonMaxSuppression", {"x": np.array([[[0, 0, 1, 1], [0, 0, 1.1, 1], [3, 3, 4, 4]]], np.float32), "scores": np.array([[[0.9, 0.8, 0.7]]], np.float32), "s": None}, i64(2), {}),
}
for op in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare"):
    OPS[f"reduce_{op}"] = (f"Reduce{op}", {"x": np.abs(x) + 1, "s": None}, i64(0, -1), {}, 18 if op != "Sum" else 13)
OPS["reduce_no_keep"] = ("ReduceSum", {"x": x, "s": None}, i64(1), dict(keepdims=0))
OPS["reduce_none"] = ("ReduceSum", {"x": x, "s": None}, i64(), {})
OPS["reduce_none_no_op"] = ("ReduceSum", {"x": x, "s": None}, i64(), dict(noop_with_empty_axes=1))


def model_of(nodes, inputs, outputs, opset, constants=()):
    info = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in inputs.items()]
    graph = helper.make_graph(nodes, "g", info, outputs, [numpy_helper.from_array(np.asarray(v), n) for n, v in constants])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def tensor(name, dtype):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None)


def scalar(name, dtype):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), ())


def case_of(how, op, others, v, attributes, opset=18):
    made = WAYS[how](v)
    if not made:
        return None
    nodes, inputs, constants = made
    named = {n: np.asarray(o) for n, o in others.items() if n.strip() and o is not None}
    n_out = {"Split": 2, "TopK": 2}.get(op, 1)
    outs = [f"y{i}" for i in range(n_out)]
    node = helper.make_node(op, [n.strip() for n in others], outs if op != "SplitToSequence" else ["list"], **attributes)
    nodes = nodes + [node]
    dtype = {"OneHot": np.int64, "NonMaxSuppression": np.int64}.get(op, named["x"].dtype if "x" in named else v.dtype if op == "Range" else np.float32)
    kinds = [dtype, np.int64] if op == "TopK" else [dtype] * n_out
    if op == "SplitToSequence":
        nodes += [helper.make_node("SequenceLength", ["list"], ["y0"])]
        kinds = [np.int64]
    fixed = [(n, o) for n, o in named.items() if n != "x"]  # constants of the model
    inputs = {**({"x": named["x"]} if "x" in named else {}), **inputs}
    return model_of(nodes, inputs, [tensor(n, k) for n, k in zip(outs, kinds)], opset, constants + fixed), inputs, None, None


def chains():
    """Several such places behind one another, and what lies between them and behind them."""
    out = {}
    n = helper.make_node

    def add(name, nodes, inputs, outputs, constants=(), opset=18):
        out[name] = model_of(nodes, inputs, [tensor(o, k) for o, k in outputs.items()], opset, list(constants)), inputs, None, None

    f = np.float32
    add("twice_by_one_element", [n("Gather", ["t", "at"], ["k"]), n("Concat", ["k", "rest"], ["s"], axis=0), n("Reshape", ["x", "s"], ["a"]), n("Relu", ["a"], ["b"]),
                                 n("Concat", ["rest", "k"], ["s2"], axis=0), n("Reshape", ["b", "s2"], ["c"]), n("Concat", ["k", "one", "one"], ["s3"], axis=0), n("Unsqueeze", ["c", "zero"], ["d"]),
                                 n("Expand", ["d", "s3"], ["y"])], {"x": f32(2, 6), "t": i64(5, 3, 2), "at": i64(1)}, {"y": f}, [("rest", i64(-1)), ("one", i64(1)), ("zero", i64(0))])
    add("twice_without_rest", [n("Gather", ["t", "at"], ["k"]), n("Concat", ["k", "four"], ["s"], axis=0), n("Reshape", ["x", "s"], ["a"]), n("Concat", ["four", "k"], ["s2"], axis=0), n("Reshape", ["a", "s2"], ["c"]),
                               n("Expand", ["c", "k"], ["y"])], {"x": f32(2, 6), "t": i64(5, 3, 2), "at": i64(1)}, {"y": f}, [("four", i64(4))])
    for zero, rest in ((0, -1), (-1, 0), (0, 6), (2, -1), (-1, 6)):
        add(f"expression_{zero}_{rest}", [n("Sub", ["p", "q"], ["s"]), n("Reshape", ["x", "s"], ["a"]), n("Exp", ["a"], ["y"])], {"x": f32(2, 6), "p": i64(zero + 3, rest + 5), "q": i64(3, 5)}, {"y": f})
        add(f"expression_asked_{zero}_{rest}", [n("Slice", ["v", "p", "q"], ["v2"]), n("Sub", ["p", "q"], ["s"]), n("Reshape", ["x", "s"], ["a"]), n("Exp", ["a"], ["y"])],
            {"x": f32(2, 6), "p": i64(zero + 3, rest + 5), "q": i64(3, 5), "v": f32(9, 9)}, {"y": f, "v2": f})
        add(f"expression_kept_{zero}_{rest}", [n("Mul", ["p", "q"], ["pq"]), n("Shape", ["x"], ["size"]), n("Sub", ["pq", "size"], ["s0"]), n("Add", ["s0", "size"], ["s"]), n("Reshape", ["x", "s"], ["a"]),
                                               n("Exp", ["a"], ["y"])], {"x": f32(2, 6), "p": i64(zero, rest), "q": i64(1, 1)}, {"y": f})
        add(f"expression_empty_{zero}_{rest}", [n("Slice", ["v", "p", "q"], ["v2"]), n("Sub", ["p", "q"], ["s"]), n("Reshape", ["x", "s"], ["a"]), n("Shape", ["a"], ["y"])],
            {"x": f32(0, 6), "p": i64(zero + 3, rest + 5), "q": i64(3, 5), "v": f32(9, 9)}, {"y": np.int64, "v2": f})
    where = [n("NonZero", ["mask"], ["w"]), n("Squeeze", ["w", "zero"], ["at"])]
    add("rank_then_rank", [*where, n("Gather", ["table", "at"], ["s"]), n("Reshape", ["x", "s"], ["a"]), n("Relu", ["a"], ["b"]), n("Shape", ["b"], ["sb"]), n("Greater", ["sb", "two"], ["m2"]), n("Compress", ["sb", "m2"], ["s2"], axis=0),
                           n("ConstantOfShape", ["s2"], ["z"]), n("Shape", ["z"], ["y2"]), n("ReduceSum", ["b"], ["y"], keepdims=0)],
        {"x": f32(2, 12), "mask": np.array([1, 0, 1, 1]), "table": i64(2, 9, 3, 4)}, {"y": f, "y2": np.int64, "b": f}, [("zero", i64(0)), ("two", i64(2))])
    add("output_in_front", [n("Exp", ["x"], ["e"]), *where, n("Gather", ["table", "at"], ["s"]), n("Reshape", ["e", "s"], ["y"])], {"x": f32(2, 12), "mask": np.array([1, 0, 1, 1]), "table": i64(2, 9, 3, 4)},
        {"e": f, "y": f, "s": np.int64}, [("zero", i64(0))])
    add("whole_by_squeeze", [n("NonZero", ["x"], ["w"]), n("Shape", ["w"], ["k"]), n("Gather", ["k", "one"], ["c"]), n("Reshape", ["w", "minus"], ["list"]), n("Tile", ["y0", "c"], ["y"])],
        {"x": np.array([1, 0, 2, 3], f), "y0": f32(2)}, {"y": f, "list": np.int64}, [("one", i64(1)), ("minus", i64(-1))])
    add("squeeze_all_read", [n("NonZero", ["x"], ["w"]), n("Slice", ["v", "zero", "k1"], ["a"]), n("Squeeze", ["a"], ["b"]), n("Add", ["b", "b"], ["y"])],
        {"x": np.array([1, 0, 2, 3], f), "v": f32(4, 3), "k1": i64(1)}, {"y": f, "w": np.int64}, [("zero", i64(0))])
    # bodies
    then_ = helper.make_graph([n("Reshape", ["x", "s"], ["r"])], "t", [], [tensor("r", f)])
    else_ = helper.make_graph([n("Exp", ["x"], ["r"])], "e", [], [tensor("r", f)])
    for yes in (True, False):
        add(f"if_of_unknown_rank_{yes}", [*where, n("Gather", ["table", "at"], ["s"]), n("If", ["c"], ["q"], then_branch=then_, else_branch=else_), n("Relu", ["q"], ["y"])],
            {"x": f32(2, 12), "mask": np.array([1, 0, 1, 1]), "table": i64(2, 9, 3, 4), "c": np.array(yes)}, {"y": f}, [("zero", i64(0))])
    one = helper.make_graph([n("Unsqueeze", ["x", "zero"], ["r"])], "t", [], [tensor("r", f)])
    for big in (0, 1):
        add(f"if_of_two_ranks_{big}", [n("ReduceSum", ["x"], ["sum"], keepdims=0), n("Greater", ["sum", "limit"], ["c"]), n("If", ["c"], ["q"], then_branch=one, else_branch=else_), n("Exp", ["q"], ["y"])],
            {"x": f32(2, 3), "limit": np.array(-99 if big else 99, f)}, {"y": f}, [("zero", i64(0))])

    def loop(body, ins, outs, states, scans=()):
        body = helper.make_graph([*body, n("Identity", ["go"], ["go2"])], "b", [scalar("turn", np.int64), scalar("go", bool), *[tensor(a, k) for a, k in states]], [scalar("go2", bool), *[tensor(a, k) for a, k in outs], *[scalar(a, k) for a, k in scans]])
        return body

    grow = loop([n("Unsqueeze", ["v", "zero"], ["v2"])], [], [("v2", f)], [("v", f)])
    for turns in (0, 1, 3):
        add(f"loop_of_ranks_{turns}", [n("Loop", ["m", "", "x"], ["l"], body=grow), n("Relu", ["l"], ["y"])], {"x": f32(2, 3), "m": np.array(turns)}, {"y": f}, [("zero", i64(0))])
    sums = loop([n("Unsqueeze", ["v", "zero"], ["v2"]), n("ReduceSum", ["v2"], ["total"], keepdims=0), n("Mul", ["total", "k"], ["k2"])], [], [("v2", f), ("k2", f)], [("v", f), ("k", f)], [("total", f)])
    for turns in (1, 3):
        add(f"loop_of_ranks_scanned_{turns}", [n("Loop", ["m", "", "x", "k0"], ["l", "k1", "t"], body=sums), n("Relu", ["l"], ["y"])], {"x": f32(2, 3), "m": np.array(turns), "k0": np.array(2, f)}, {"y": f, "k1": f, "t": f}, [("zero", i64(0))])
    shapes = loop([n("Greater", ["table", "turn"], ["big"]), n("Compress", ["table", "big"], ["s"], axis=0), n("Reshape", ["v", "s"], ["a"]), n("Reshape", ["a", "minus"], ["v2"])], [], [("v2", f)], [("v", f)])
    for turns in (2, 0):
        add(f"loop_of_lengths_{turns}", [n("Loop", ["m", "", "x"], ["l"], body=shapes), n("Relu", ["l"], ["y"])], {"x": f32(24), "m": np.array(turns), "table": i64(2, 3, 4)}, {"y": f}, [("minus", i64(-1))])
    up, down = helper.make_graph([n("Unsqueeze", ["v", "zero"], ["r"])], "t", [], [tensor("r", f)]), helper.make_graph([n("Squeeze", ["v", "zero"], ["r"])], "e", [], [tensor("r", f)])
    up_and_down = loop([n("Mod", ["turn", "two"], ["odd"]), n("Equal", ["odd", "none"], ["even"]), n("If", ["even"], ["v2"], then_branch=up, else_branch=down)], [], [("v2", f)], [("v", f)])
    for turns in (3, 300):
        add(f"loop_up_and_down_{turns}", [n("Loop", ["m", "", "x"], ["y"], body=up_and_down)], {"x": f32(2, 3), "m": np.array(turns)}, {"y": f}, [("zero", i64(0)), ("two", np.array(2)), ("none", np.array(0))])
    while_ = helper.make_graph([n("Unsqueeze", ["v", "zero"], ["v2"]), n("Shape", ["v2"], ["sv"]), n("Size", ["sv"], ["rank"]), n("Less", ["rank", "most"], ["go2"])], "b",
                               [scalar("turn", np.int64), scalar("go", bool), tensor("v", f)], [scalar("go2", bool), tensor("v2", f)])
    add("loop_until_a_rank", [n("Loop", ["", "true", "x"], ["l"], body=while_), n("Relu", ["l"], ["y"])], {"x": f32(2, 3), "most": np.array(5)}, {"y": f}, [("zero", i64(0)), ("true", np.array(True))])
    scan_body = helper.make_graph([n("Greater", ["table", "v"], ["big"]), n("Compress", ["table", "big"], ["s"], axis=0), n("ConstantOfShape", ["s"], ["a"]), n("ReduceSum", ["a"], ["r"], keepdims=0),
                                   n("Size", ["a"], ["size"]), n("Cast", ["size"], ["fsize"], to=1), n("Add", ["before", "fsize"], ["after"]), n("Expand", ["after", "two"], ["row"])], "b",
                                  [scalar("before", f), scalar("v", np.int64)], [scalar("after", f), helper.make_tensor_value_info("row", TensorProto.FLOAT, (2,))])
    for back, out_axis, out_back in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (1, -1, 1)):
        add(f"scan_of_lengths_{back}{out_axis}{out_back}", [n("Scan", ["start", "vs"], ["last", "y"], body=scan_body, num_scan_inputs=1, scan_input_directions=[back], scan_output_axes=[out_axis], scan_output_directions=[out_back])],
            {"start": np.array(1, f), "vs": i64(2, 3, 1, 4), "table": i64(2, 3, 4)}, {"last": f, "y": f}, [("two", i64(2))])
    scan_one = helper.make_graph([n("Greater", ["table", "v"], ["big"]), n("Compress", ["table", "big"], ["s"], axis=0), n("ConstantOfShape", ["s"], ["a"]), n("ReduceSum", ["a"], ["r"], keepdims=0)], "b",
                                 [scalar("v", np.int64)], [scalar("r", f)])
    add("scan_of_lengths_alone", [n("Scan", ["vs"], ["y"], body=scan_one, num_scan_inputs=1)], {"vs": i64(2, 3, 1), "table": i64(2, 3, 4)}, {"y": f})
    # sizes that a node must know; where they are open the shape is not wrong yet
    def open_sizes(name, op, inputs, outputs, sizes, constants=(), opset=18, **attributes):
        add(name, [n(op, [*inputs, *(c for c, _ in constants)], list(outputs), **attributes)], inputs, outputs, constants, opset)
        for info in out[name][0].graph.input:
            for d, size in zip(info.type.tensor_type.shape.dim, sizes.get(info.name, ())):
                if size:
                    d.dim_param = size

    open_sizes("open_boxes", "NonMaxSuppression", {"b": np.array([[[0, 0, 1, 1]]], f), "s": np.array([[[8]]], f)}, {"y": np.int64}, {"b": (None, "n", "k")})
    open_sizes("open_indices", "GatherND", {"x": f32(2, 3, 4), "i": np.array([[1, 2]])}, {"y": f}, {"i": ("n", "k")})
    open_sizes("open_batch_of_matrices", "MatMul", {"x": f32(2, 3, 4), "z": f32(2, 4, 5)}, {"y": f}, {"x": ("a", None, "k"), "z": ("b", "c", None)})
    # SequenceMap: its body once for each element, and what the data decide in there
    def mapped(body_nodes, ins, out_names, kinds=f):
        outs = [tensor(o, kinds) for o in out_names]
        return helper.make_graph(body_nodes, "b", [tensor(a, k) for a, k in ins], outs)

    chosen = [n("Greater", ["table", "e"], ["big"]), n("Compress", ["table", "big"], ["s"], axis=0)]
    made = [n("SplitToSequence", ["vs"], ["list"], keepdims=0)]
    vs, table = i64(2, 3, 1), i64(2, 3, 4)
    sums_of = mapped([*chosen, n("ConstantOfShape", ["s"], ["a"]), n("Shape", ["a"], ["sa"]), n("ReduceProd", ["sa"], ["p"], keepdims=0), n("Cast", ["p"], ["r"], to=1)], [("e", np.int64)], ["r"])
    add("map_of_lengths", [*made, n("SequenceMap", ["list"], ["l"], body=sums_of), n("ConcatFromSequence", ["l"], ["y"], axis=0, new_axis=1)], {"vs": vs, "table": table}, {"y": f})
    for first in (1, 3):  # an empty sequence has one element less than what is left over
        add(f"map_of_{first}_elements", [n("NonZero", ["mask"], ["w"]), n("Squeeze", ["w", "zero"], ["at"]), n("Gather", ["vs", "at"], ["some"]), n("SplitToSequence", ["some"], ["list"], keepdims=0), n("SequenceMap", ["list"], ["l"], body=sums_of),
                                         n("SequenceLength", ["l"], ["n"]), n("ConcatFromSequence", ["l"], ["y"], axis=0, new_axis=1)],
            {"vs": vs, "mask": np.array([1, first > 1, first > 2]), "table": table}, {"y": f, "n": np.int64}, [("zero", i64(0))])
    shaped = mapped([*chosen, n("Reshape", ["x", "s"], ["q"]), n("Reshape", ["q", "minus"], ["flat"]), n("Add", ["flat", "d"], ["r"])], [("e", np.int64), ("d", f)], ["r"])
    add("map_of_two_sequences", [*made, n("SplitToSequence", ["ds"], ["list2"]), n("SequenceMap", ["list", "list2"], ["l"], body=shaped), n("ConcatFromSequence", ["l"], ["y"], axis=0)],
        {"vs": i64(1, 1, 0), "ds": f32(3), "x": f32(24), "table": table}, {"y": f}, [("minus", i64(-1))])
    add("map_and_a_tensor", [*made, n("SequenceMap", ["list", "d"], ["l"], body=shaped), n("ConcatFromSequence", ["l"], ["y"], axis=0, new_axis=1)],
        {"vs": i64(1, 0), "d": f32(1), "x": f32(24), "table": table}, {"y": f}, [("minus", i64(-1))])
    two = helper.make_graph([*chosen, n("Reshape", ["x", "s"], ["r"]), n("Size", ["s"], ["k"])], "b", [tensor("e", np.int64)], [tensor("r", f), tensor("k", np.int64)])
    add("map_to_two_sequences", [*made, n("SequenceMap", ["list"], ["l", "ks"], body=two), n("SequenceAt", ["l", "one"], ["a"]), n("Exp", ["a"], ["y"]), n("ConcatFromSequence", ["ks"], ["n"], axis=0, new_axis=1)],
        {"vs": i64(1, 1, 1), "x": f32(24), "table": table}, {"y": f, "n": np.int64}, [("one", np.array(1))])
    add("map_to_ranks", [n("SequenceConstruct", ["x", "w"], ["list"]), n("SequenceMap", ["list"], ["l"], body=mapped([n("Squeeze", ["e"], ["q"]), n("Exp", ["q"], ["r"])], [("e", f)], ["r"])), n("SequenceAt", ["l", "one"], ["y"])],
        {"x": f32(1, 3, 1), "w": f32(2, 1, 4)}, {"y": f}, [("one", np.array(1))])
    add("map_of_ranks", [n("SequenceConstruct", ["x", "w"], ["list"]), n("SequenceMap", ["list"], ["l"], body=mapped([n("Exp", ["e"], ["r"])], [("e", f)], ["r"])), n("SequenceAt", ["l", "one"], ["y"]), n("SequenceAt", ["l", "last"], ["z"]),
                         n("SequenceAt", ["list", "none"], ["first"])],
        {"x": f32(1, 3), "w": f32(2, 1, 4)}, {"y": f, "z": f, "first": f}, [("one", np.array(1)), ("last", np.array(-2)), ("none", np.array(0))])
    shape_each = mapped([n("Reshape", ["e", "s"], ["r"])], [("e", f), ("s", np.int64)], ["r"])
    add("map_of_shapes", [n("SplitToSequence", ["x", "parts"], ["list"]), n("SplitToSequence", ["shapes"], ["list2"], keepdims=0), n("SequenceMap", ["list", "list2"], ["l"], body=shape_each), n("SequenceAt", ["l", "one"], ["y"])],
        {"x": f32(10), "shapes": np.array([[3, 2], [2, 2]])}, {"y": f}, [("one", np.array(1)), ("parts", i64(6, 4))])
    turned = mapped([n("Neg", ["e"], ["r"])], [("e", f)], ["r"])
    add("map_of_none_of_any_rank", [n("SequenceConstruct", ["x", "w"], ["two"]), n("SequenceErase", ["two"], ["one"]), n("SequenceErase", ["one"], ["none"]), n("SequenceMap", ["none"], ["l"], body=turned), n("SequenceLength", ["l"], ["y"])],
        {"x": f32(1, 3), "w": f32(2, 1, 4)}, {"y": np.int64})
    add("range_from_what_is_folded", [n("Neg", ["start"], ["from"]), n("Range", ["from", "limit", "step"], ["range"]), n("Mul", ["x", "range"], ["y"])], {"x": f32(5)}, {"y": f},
        [("start", np.array(1, f)), ("limit", np.array(4, f)), ("step", np.array(1, f))])
    return out


def make():
    cases = {}
    for name, (op, others, v, attributes, *opset) in OPS.items():
        for how in WAYS:
            if how == "cast" and v.dtype != np.int64:
                continue
            one = case_of(how, op, others, v, attributes, *opset)
            if one and op == "MaxUnpool":  # onnxruntime takes places for those of the larger picture, ONNX's own test does not
                y = np.zeros((1, 1, 5, 5), np.float32)
                y[0, 0, [1, 1, 3, 3], [1, 3, 1, 3]] = others["x"].ravel()
                one = (*one[:2], [y], None)
            if one:
                cases[f"sizes_{name}_{how}"] = one
    cases.update({f"sizes_{name}": one for name, one in chains().items()})
    return cases

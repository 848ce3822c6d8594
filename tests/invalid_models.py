"""Models that are well-formed files and say what no model may say: part of make_hostile.py's files.

Each must be refused, if not when it is opened then before it gives an answer. The list was held against onnxruntime: it refuses what is
here too, or the operator's own text does."""
import struct

from onnx_writer import *


def ints(name, values, dims=None):
    return tensor(name, [len(values)] if dims is None else dims, struct.pack(f"<{len(values)}q", *values), type=INT64)


def floats(name, values, dims=None):
    return tensor(name, [len(values)] if dims is None else dims, struct.pack(f"<{len(values)}f", *values))


def of(op, shapes, *attrs, inits=(), opset=17, outs=("y",), types=None, domain="", out_type=FLOAT):
    """One node over inputs a, b, c... of these shapes ("" stands for none) and initializers behind them."""
    names = ["abcdefgh"[i] if s != "" else "" for i, s in enumerate(shapes)]
    ins = [info(n, s, (types or {}).get(n, FLOAT)) for n, s in zip(names, shapes) if n]
    named = names + [i[0] for i in inits]
    g = graph([node(op, named, list(outs), *attrs, domain=domain)], [i[1] for i in inits], ins=ins, outs=[info(outs[0], None, out_type)])
    imports = [num(2, opset)] + ([msg(1, domain) + num(2, 1)] if domain else [])
    return model(g, imports=imports, ir=8 if opset < 20 else 10)


def init(name, values, dims=None, make=ints):
    return (name, make(name, values, dims))


IMAGE = (1, 4, 8, 8)


def windows():
    pool = lambda *attrs, op="MaxPool", shape=IMAGE: of(op, [shape], *attrs)
    k = a_ints("kernel_shape", [2, 2])
    yield "pool_kernel_negative", pool(a_ints("kernel_shape", [-2, 2]))
    yield "pool_kernel_short", pool(a_ints("kernel_shape", [2]))
    yield "pool_kernel_long", pool(a_ints("kernel_shape", [2, 2, 2]))
    yield "pool_stride_negative", pool(k, a_ints("strides", [-1, 1]))
    yield "pool_stride_0", pool(k, a_ints("strides", [0, 1]))
    yield "pool_pads_negative", pool(k, a_ints("pads", [-1, 0, 0, 0]))
    yield "pool_pads_as_large_as_kernel", pool(k, a_ints("pads", [2, 2, 2, 2]))
    yield "pool_dilation_0", pool(k, a_ints("dilations", [0, 1]))
    yield "pool_dilation_negative", pool(k, a_ints("dilations", [-1, 1]))
    yield "pool_of_a_matrix", pool(k, shape=(8, 8))
    yield "pool_storage_order", pool(k, a_int("storage_order", 2))
    yield "average_kernel_negative", pool(a_ints("kernel_shape", [-2, 2]), op="AveragePool")
    yield "average_larger_than_image", pool(a_ints("kernel_shape", [20, 20]), op="AveragePool")
    yield "lp_pool_without_kernel", pool(op="LpPool")
    conv = lambda *attrs, w=(8, 4, 3, 3): of("Conv", [IMAGE, w], *attrs)
    yield "conv_kernel_negative", conv(a_ints("kernel_shape", [-3, 3]))
    yield "conv_pads_more_negative_than_image", conv(a_ints("pads", [-9, -9, -9, -9]))
    yield "conv_group_does_not_divide_filters", of("Conv", [IMAGE, (7, 2, 3, 3)], a_int("group", 2))
    yield "conv_bias_of_another_length", of("Conv", [IMAGE, (8, 4, 3, 3), (7,)])
    yield "conv_transpose_stride_0", of("ConvTranspose", [IMAGE, (4, 8, 3, 3)], a_ints("strides", [0, 1]))
    yield "conv_transpose_channels", of("ConvTranspose", [IMAGE, (5, 8, 3, 3)])
    yield "conv_transpose_output_padding_negative", of("ConvTranspose", [IMAGE, (4, 8, 3, 3)], a_ints("output_padding", [-1, 0]))
    yield "unpool_of_other_indices", of("MaxUnpool", [IMAGE, (1, 4, 8, 7)], k, types={"b": INT64})


def pads():
    pad = lambda mode, values, shape=(2, 3): of("Pad", [shape], a_text("mode", mode), inits=[init("p", values)])
    yield "pad_reflect_too_far", pad("reflect", [0, 3, 0, 0])
    yield "pad_reflect_of_one", pad("reflect", [1, 0, 0, 0], (1, 3))
    yield "pad_of_another_rank", pad("constant", [1, 1])
    yield "pad_unknown_mode", pad("mirror", [0, 1, 0, 1])
    yield "pad_to_less_than_nothing", pad("constant", [-2, 0, -1, 0])
    yield "pad_edge_of_nothing", pad("edge", [0, 1, 0, 1], (2, 0))
    yield "pad_axes_twice", of("Pad", [(2, 3)], inits=[init("p", [1, 1, 1, 1]), init("v", [0.0], [], floats), init("x", [0, 0])], opset=18)
    yield "pad_value_of_two", of("Pad", [(2, 3)], inits=[init("p", [1, 1, 1, 1]), init("v", [0.0, 1.0], None, floats)])
    yield "pad_value_of_another_type", of("Pad", [(2, 3)], inits=[init("p", [1, 1, 1, 1]), init("v", [0], [])])


def bodies():
    turn, go, gone = info("i", (), INT64), info("c", (), BOOL), info("d", (), BOOL)
    n = init("n", [3], [])[1]
    same, state = node("Identity", ["c"], ["d"]), node("Neg", ["v"], ["w"])

    def loop(ins, outs, nodes, given=("n", "", "x"), made=("y",)):
        body = graph(nodes, ins=ins, outs=outs)
        return model(graph([node("Loop", list(given), list(made), a_graph("body", body))], [n], outs=[info("y", None)]))

    v, w = info("v"), info("w")
    yield "loop_body_without_its_state", loop([turn, go], [gone, w], [same, node("Neg", ["x"], ["w"])])
    yield "loop_body_of_one_input", loop([turn], [gone, w], [node("Constant", [], ["d"], a_tensor("value", tensor("", [], b"\1", type=BOOL))), node("Neg", ["x"], ["w"])])
    yield "loop_body_of_no_inputs", loop([], [w], [node("Neg", ["x"], ["w"])])
    yield "loop_body_of_too_many_inputs", loop([turn, go, v, info("u")], [gone, w], [same, state])
    yield "loop_body_of_no_outputs", loop([turn, go, v], [], [same, state])
    yield "loop_gives_more_than_its_body", loop([turn, go, v], [gone, w], [same, state], made=("y", "z"))
    yield "loop_condition_of_float", loop([turn, go, v], [w, w], [state])
    yield "loop_counter_of_float", loop([info("i", ()), go, v], [gone, w], [same, state])
    yield "loop_state_of_another_type", loop([turn, go, v], [gone, info("w", (2, 3), INT64)], [same, node("Cast", ["v"], ["w"], a_int("to", INT64))])
    yield "loop_count_of_float", model(graph([node("Loop", ["x", "", "x"], ["y"], a_graph("body", graph([same, state], ins=[turn, go, v], outs=[gone, w])))], outs=[info("y", None)]))

    def branch(op, name):
        return graph([node(op, ["x"], [name])], ins=[], outs=[info(name, None)])

    def if_(then, other, made=("y",)):
        return model(graph([node("If", ["b"], list(made), a_graph("then_branch", then), a_graph("else_branch", other))],
                           ins=[info("x"), info("b", (), BOOL)], outs=[info("y", None)]))

    two = graph([node("Neg", ["x"], ["p"]), node("Abs", ["x"], ["q"])], ins=[], outs=[info("p"), info("q")])
    yield "if_branches_of_different_counts", if_(two, branch("Neg", "p"), ("y", "z"))
    yield "if_branches_give_too_little", if_(branch("Neg", "p"), branch("Abs", "p"), ("y", "z"))
    yield "if_branches_of_two_types", if_(branch("Neg", "p"), graph([node("Cast", ["x"], ["p"], a_int("to", INT64))], ins=[], outs=[info("p", None, INT64)]))
    yield "if_branch_of_no_outputs", if_(graph([node("Neg", ["x"], ["p"])], ins=[], outs=[]), branch("Abs", "p"))

    def scan(ins, outs, nodes, inputs, given=("x", "z"), shape=(3, 2), made=("y", "t")):
        body = graph(nodes, ins=ins, outs=outs)
        return model(graph([node("Scan", list(given), list(made), a_int("num_scan_inputs", inputs), a_graph("body", body))],
                           ins=[info("x", (2,)), info("z", shape)], outs=[info("y", None)]))

    s, e, r, q = info("s", (2,)), info("e", (2,)), info("r", (2,)), info("q", (2,))
    add, neg = node("Add", ["s", "e"], ["r"]), node("Neg", ["s"], ["q"])
    yield "scan_body_of_one_input", scan([s], [r, q], [node("Abs", ["s"], ["r"]), neg], 1)
    yield "scan_of_no_inputs", scan([s, e], [r, q], [add, neg], 0)
    yield "scan_of_more_inputs_than_given", scan([s, e], [r, q], [add, neg], 3)
    yield "scan_body_gives_too_little", scan([s, e], [r], [add], 1)
    yield "scan_of_a_scalar", scan([s, e], [r, q], [add, neg], 1, shape=())

    # "captures" is what the reader counts: a file's own is not believed, in a node of any op
    for count in (-1, 0, 1, 2, 1 << 62):
        counted = a_int("captures", count)
        yield f"scan_captures_{count}", model(graph([node("Scan", ["z"], ["t"], a_int("num_scan_inputs", 1), a_graph("body", graph([neg], ins=[s], outs=[q])), counted)],
                                                    ins=[info("z", (3, 2))], outs=[info("t", None)]))
        yield f"loop_captures_{count}", model(graph([node("Loop", ["n", "", "x"], ["y"], a_graph("body", graph([same, node("Add", ["v", "x"], ["w"])], ins=[turn, go, v], outs=[gone, w])), counted)],
                                                    [n], outs=[info("y", None)]))
        yield f"if_captures_{count}", model(graph([node("If", ["b"], ["y"], a_graph("then_branch", branch("Neg", "p")), a_graph("else_branch", branch("Abs", "p")), counted)],
                                                  ins=[info("x"), info("b", (), BOOL)], outs=[info("y", None)]))
    for name in ("captures", "quern.first_turn", "told.op", "someones.note"):
        yield f"relu_{name}", of("Relu", [(2, 3)], a_int(name, 0))


def quantized():
    q = lambda scale, *attrs, zero="", op="DequantizeLinear": of(
        op, [(2, 9), scale] + ([zero] if zero != "" else []), *attrs, opset=21, types={"a": UINT8, "c": UINT8} if op[0] == "D" else {"c": UINT8}, out_type=FLOAT if op[0] == "D" else UINT8)
    block = lambda n: [a_int("axis", 1), a_int("block_size", n)]
    for op in ("QuantizeLinear", "DequantizeLinear"):
        yield f"{op}_block_too_small", q((2, 3), *block(2), op=op)
        yield f"{op}_block_too_large", q((2, 3), *block(5), op=op)
        yield f"{op}_block_negative", q((2, 3), *block(-3), op=op)
        yield f"{op}_block_of_other_rows", q((1, 3), *block(3), op=op)
        yield f"{op}_block_of_one_scale", q((), *block(3), op=op)
        yield f"{op}_scales_of_rank_2", q((2, 9), a_int("axis", 1), op=op)
        yield f"{op}_scales_of_another_length", q((4,), a_int("axis", 1), op=op)
        yield f"{op}_axis_outside", q((9,), a_int("axis", 2), op=op)
        yield f"{op}_zero_points_differ", q((9,), a_int("axis", 1), zero=(2,), op=op)


def declared():
    """Outputs whose type in the file is not what the graph computes, with no shape beside it."""
    wrong = [info("y", None, INT64)]
    listed = lambda kind: msg(1, "y") + msg(2, msg(4, msg(1, tensor_type(None, kind))))
    branch = lambda kind: graph([node("Neg", ["x"], ["z"])], ins=[], outs=[info("z", None, kind)])
    chosen = lambda inner, outer: graph([node("If", ["c"], ["y"], a_graph("then_branch", branch(inner)), a_graph("else_branch", branch(inner)))],
                                        ins=[info("x"), info("c", (), BOOL)], outs=[info("y", None, outer)])
    yield "declared_of_a_node", model(graph([node("Neg", ["x"], ["y"])], outs=wrong))
    yield "declared_of_a_sequence", model(graph([node("SequenceConstruct", ["x"], ["y"])], outs=[listed(INT64)]))
    yield "declared_tensor_of_a_sequence", model(graph([node("SequenceConstruct", ["x"], ["y"])], outs=[info("y", None)]))
    yield "declared_of_a_branch", model(chosen(INT64, FLOAT))
    yield "declared_of_an_if", model(chosen(FLOAT, INT64))
    yield "declared_of_an_old_operator", model(graph([node("Clip", ["x"], ["y"], a_float("max", 6.0))], ins=[info("x", (2, 3), FLOAT16)], outs=wrong), opset=10)
    yield "declared_of_what_an_old_one_saw", model(graph([node("Neg", ["x"], ["y"]), node("Clip", ["y"], ["z"], a_float("max", 6.0))], outs=[*wrong, info("z", None)]), opset=10)
    inner = function("Twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])])
    yield "declared_of_a_function", model(graph([node("Twice", ["x"], ["y"], domain="local")], outs=wrong), functions=[inner], imports=[num(2, 17), msg(1, "local") + num(2, 1)], ir=8)


def at_once():
    """Models with sizes that a run tells, which are wrong whatever these are: refused when they are opened."""
    c = [info("x", (2, 3)), info("m", (2,), BOOL)]
    some = node("Compress", ["x", "m"], ["s"], a_int("axis", 0))
    with_some = lambda *nodes, inits=(), ins=(): model(graph([some, *nodes], list(inits), ins=[*c, *ins], outs=[info("y", None)]))
    yield "matmul_of_a_part", with_some(node("MatMul", ["s", "x"], ["y"]))
    yield "add_to_a_part", with_some(node("Add", ["s", "w"], ["y"]), inits=[floats("w", [1, 2])])
    yield "sum_of_lengths", with_some(node("ReduceSum", ["x", "axis"], ["r"], a_int("keepdims", 0)), node("Add", ["r", "w"], ["y"]), inits=[ints("axis", [0]), floats("w", [1, 2])])
    yield "of_any_batch", of("Gemm", [("n", 3), (4, 5)])
    yield "of_any_length", model(graph([node("Neg", ["x"], ["z"]), node("Add", ["z", "w"], ["y"])], [floats("w", [1, 2])], ins=[info("x", (3,)), info("n", ("n",))], outs=[info("y", None)]))
    turn, go, gone = info("i", (), INT64), info("c", (), BOOL), info("d", (), BOOL)
    body = graph([node("Identity", ["c"], ["d"]), node("MatMul", ["v", "v"], ["w"])], ins=[turn, go, info("v")], outs=[gone, info("w")])
    yield "in_a_loop", with_some(node("Loop", ["n", "", "s"], ["y"], a_graph("body", body)), inits=[ints("n", [3], [])])
    branch = lambda op: graph([node(op, ["s", "w"], ["z"])], ins=[], outs=[info("z", None)])
    yield "in_the_branch_taken", with_some(node("If", ["b"], ["y"], a_graph("then_branch", branch("Add")), a_graph("else_branch", branch("Add"))),
                                           inits=[floats("w", [1, 2]), tensor("b", [], b"\1", type=BOOL)])


def others():
    one = [node("Neg", ["x"], ["y"])]
    yield "no_outputs_at_all", model(graph(one, outs=[]))
    yield "output_of_another_type", model(graph(one, outs=[info("y", (2, 3), INT64)]))
    yield "gather_axis", of("Gather", [(2, 3)], a_int("axis", 2), inits=[init("i", [0])])
    yield "gather_outside", of("Gather", [(2, 3)], a_int("axis", 0), inits=[init("i", [2])])
    yield "gather_elements_rank", of("GatherElements", [(2, 3)], inits=[init("i", [0])])
    yield "gather_nd_too_deep", of("GatherND", [(2, 3)], inits=[init("i", [0, 0, 0], [1, 3])])
    yield "gather_nd_batch", of("GatherND", [(2, 3)], a_int("batch_dims", 2), inits=[init("i", [0, 0], [2, 1])])
    yield "scatter_elements_shapes", of("ScatterElements", [(2, 3)], inits=[init("i", [0], [1, 1]), init("u", [1.0, 2.0], [1, 2], floats)])
    yield "scatter_nd_updates", of("ScatterND", [(2, 3)], inits=[init("i", [0], [1, 1]), init("u", [1.0, 2.0], [1, 2], floats)])
    texts = {"a": STRING, "b": INT64, "c": STRING}
    yield "scatter_elements_of_texts_added", of("ScatterElements", [(3,), (2,), (2,)], a_text("reduction", "add"), types=texts, opset=18, out_type=STRING)
    yield "scatter_nd_of_texts_largest", of("ScatterND", [(3,), (2, 1), (2,)], a_text("reduction", "max"), types=texts, opset=18, out_type=STRING)
    yield "scatter_unknown_reduction", of("ScatterElements", [(2, 3)], a_text("reduction", "sub"), inits=[init("i", [0], [1, 1]), init("u", [1.0], [1, 1], floats)])
    yield "topk_of_too_many", of("TopK", [(2, 3)], inits=[init("k", [4])], outs=("y", "z"))
    yield "topk_of_minus_1", of("TopK", [(2, 3)], inits=[init("k", [-1])], outs=("y", "z"))
    yield "topk_axis", of("TopK", [(2, 3)], a_int("axis", 2), inits=[init("k", [1])], outs=("y", "z"))
    yield "split_negative", of("Split", [(4, 3)], inits=[init("s", [-1, 5])], outs=("y", "z"))
    yield "split_of_another_count", of("Split", [(4, 3)], inits=[init("s", [2, 1, 1])], outs=("y", "z"))
    yield "split_into_0", of("Split", [(4, 3)], a_int("num_outputs", 0), opset=18, outs=("y", "z"))
    yield "split_both_ways", of("Split", [(4, 3)], a_int("num_outputs", 2), inits=[init("s", [2, 2])], opset=18, outs=("y", "z"))
    yield "tile_of_another_rank", of("Tile", [(2, 3)], inits=[init("r", [2])])
    yield "tile_negative", of("Tile", [(2, 3)], inits=[init("r", [2, -1])])
    yield "one_hot_of_one_value", of("OneHot", [(2,)], inits=[init("d", [3], []), init("v", [1.0], None, floats)])
    yield "one_hot_depth_0", of("OneHot", [(2,)], inits=[init("d", [0], []), init("v", [0.0, 1.0], None, floats)])
    yield "range_step_0", of("Range", [], inits=[init("s", [0], []), init("l", [5], []), init("d", [0], [])], out_type=INT64)
    yield "reduce_axis", of("ReduceMax", [(2, 3)], a_ints("axes", [2]))
    yield "arg_max_axis", of("ArgMax", [(2, 3)], a_int("axis", 5), out_type=INT64)
    yield "arg_max_of_nothing", of("ArgMax", [(0, 3)], a_int("axis", 0), out_type=INT64)
    yield "gemm_of_rank_3", of("Gemm", [(2, 3, 4), (4, 5)])
    yield "gemm_inner_sizes", of("Gemm", [(2, 3), (4, 5)])
    yield "gemm_c_does_not_fit", of("Gemm", [(2, 3), (3, 5), (2, 4)])
    yield "matmul_of_a_scalar", of("MatMul", [(), (3, 5)])
    yield "batch_norm_lengths", of("BatchNormalization", [IMAGE, (4,), (4,), (5,), (4,)])
    yield "layer_norm_axis", of("LayerNormalization", [(2, 3), (3,)], a_int("axis", 2))
    yield "layer_norm_scale", of("LayerNormalization", [(2, 3), (4,)])
    yield "instance_norm_lengths", of("InstanceNormalization", [IMAGE, (3,), (4,)])
    yield "group_norm_groups", of("GroupNormalization", [IMAGE, (4,), (4,)], a_int("num_groups", 3), opset=21)
    yield "lrn_size_0", of("LRN", [IMAGE], a_int("size", 0))
    yield "depth_to_space_0", of("DepthToSpace", [IMAGE], a_int("blocksize", 0))
    yield "depth_to_space_does_not_divide", of("DepthToSpace", [IMAGE], a_int("blocksize", 3))
    yield "space_to_depth_negative", of("SpaceToDepth", [IMAGE], a_int("blocksize", -2))
    yield "resize_scale_0", of("Resize", [IMAGE, ""], inits=[init("s", [1.0, 1.0, 0.0, 1.0], None, floats)])
    yield "resize_scale_negative", of("Resize", [IMAGE, ""], inits=[init("s", [1.0, 1.0, -1.0, 1.0], None, floats)])
    yield "resize_of_neither", of("Resize", [IMAGE])
    yield "resize_sizes_of_another_rank", of("Resize", [IMAGE, "", ""], inits=[init("s", [1, 4, 8])])
    yield "resize_unknown_mode", of("Resize", [IMAGE, ""], a_text("mode", "best"), inits=[init("s", [1.0] * 4, None, floats)])
    yield "lstm_directions", of("LSTM", [(5, 1, 3), (2, 16, 3), (2, 16, 4)], a_int("hidden_size", 4))
    yield "lstm_weights", of("LSTM", [(5, 1, 3), (1, 15, 3), (1, 16, 4)], a_int("hidden_size", 4))
    yield "gru_without_hidden_size_that_fits", of("GRU", [(5, 1, 3), (1, 12, 3), (1, 12, 4)], a_int("hidden_size", 5))
    yield "einsum_terms", of("Einsum", [(2, 3), (3, 4)], a_text("equation", "ij->ij"))
    yield "einsum_ranks", of("Einsum", [(2, 3), (3, 4)], a_text("equation", "ijk,kl->il"))
    yield "einsum_sizes", of("Einsum", [(2, 3), (4, 5)], a_text("equation", "ij,jk->ik"))
    yield "einsum_unknown_output", of("Einsum", [(2, 3), (3, 4)], a_text("equation", "ij,jk->iz"))
    yield "trilu_of_a_vector", of("Trilu", [(3,)])
    yield "eye_of_a_vector", of("EyeLike", [(3,)])
    yield "cumsum_axis", of("CumSum", [(2, 3)], inits=[init("x", [2], [])])
    yield "compress_of_rank_2", of("Compress", [(2, 3), (2, 3)], types={"b": BOOL})
    yield "where_does_not_broadcast", of("Where", [(2, 3), (2, 3), (4, 3)], types={"a": BOOL})
    yield "clip_limit_of_two", of("Clip", [(2, 3), (2,)])
    yield "hardmax_axis", of("Hardmax", [(2, 3)], a_int("axis", -3))
    yield "dropout_ratio_of_two", of("Dropout", [(2, 3), (2,)])
    yield "squeeze_axis", of("Squeeze", [(1, 3)], inits=[init("x", [5])])
    yield "concat_of_two_ranks", of("Concat", [(2, 3), (2, 3, 1)], a_int("axis", 0))
    yield "bit_shift_unknown_direction", of("BitShift", [(2,), (2,)], a_text("direction", "UP"), types={"a": UINT8, "b": UINT8}, out_type=UINT8)
    yield "cast_to_nothing", of("Cast", [(2, 3)])
    yield "constant_of_shape_of_texts", of("ConstantOfShape", [], a_tensor("value", tensor("", [1], type=STRING, extra=msg(6, "t"))), inits=[init("s", [1, 2])], opset=20, out_type=STRING)
    yield "constant_of_shape_value_of_two", of("ConstantOfShape", [], a_tensor("value", floats("", [1, 2])), inits=[init("s", [1, 2])])
    yield "random_shape_negative", of("RandomNormal", [], a_ints("shape", [-2, 3]))
    yield "max_roi_of_other_rois", of("RoiAlign", [IMAGE, (3, 5), (3,)], types={"c": INT64})
    yield "grid_of_three", of("GridSample", [IMAGE, (1, 6, 6, 3)])
    yield "matmul_integer_zero_point", of("MatMulInteger", [(2, 3), (3, 4), (3,)], types={n: UINT8 for n in "abc"}, out_type=INT32)
    yield "conv_integer_zero_points", of("ConvInteger", [(1, 1, 4, 4), (2, 1, 3, 3), (1,), (3,)], types={n: UINT8 for n in "abcd"}, out_type=INT32)
    yield "attention_heads", of("Attention", [(1, 5, 9), (1, 5, 9), (1, 5, 9)], a_int("q_num_heads", 2), a_int("kv_num_heads", 2), opset=23)
    yield "nonzero_of_two", of("NonZero", [(2, 3), (2, 3)], out_type=INT64)
    for word in ("FOO", "softmax"):
        transform = a_text("post_transform", word)
        yield f"linear_regressor_transform_{word}", of("LinearRegressor", [(2, 3)], a_floats("coefficients", [1, 2, 3]), transform, domain="ai.onnx.ml")
        yield f"tree_regressor_transform_{word}", of("TreeEnsembleRegressor", [(2, 3)], *(a_ints(k, [v]) for k, v in {
            "nodes_treeids": 0, "nodes_nodeids": 0, "nodes_featureids": 0, "nodes_truenodeids": 0, "nodes_falsenodeids": 0, "target_treeids": 0,
            "target_nodeids": 0, "target_ids": 0}.items()), a_floats("nodes_values", [0]), a_floats("target_weights", [1]),
            attr("nodes_modes", A_STRINGS, msg(9, "LEAF")), a_int("n_targets", 1), transform, domain="ai.onnx.ml")
    yield "reverse_sequence_same_axes", of("ReverseSequence", [(2, 3), (3,)], a_int("time_axis", 1), a_int("batch_axis", 1), types={"b": INT64})


def invalid():
    for part in (windows, pads, bodies, quantized, declared, others):
        yield from part()
    for name, made in at_once():
        yield f"at_once_{name}", made

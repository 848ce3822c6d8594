"""Sequences and optionals: lists live between nodes; what comes out of them are tensors."""
import numpy as np
from onnx import helper

from graph import ONNX
from grow import Unfit
from table import INTS, family

KINDS = (np.float32, np.float32, np.int64, np.int32, np.float16, np.bool_, np.complex64)


def made(g):
    """A list with tensors of one type in it: its name, and how many."""
    a = g.value(KINDS, least=1, test=lambda x: 0 < x.size <= 500)
    x = g.a(a)
    kind = g.int(0, 2)
    if kind == 0:
        axis = g.int(0, x.ndim - 1)
        cuts = g.pick([None, 1, "cut"])
        if cuts == "cut":
            k = g.int(0, x.shape[axis])
            parts = [g.const([k, x.shape[axis] - k], g.pick(INTS))]
        else:
            parts = [] if cuts is None else [g.const(g.int(1, 3), g.pick(INTS))]
        return g.node("SplitToSequence", [a] + parts, axis=axis - (x.ndim if g.chance(0.3) else 0), keepdims=g.int(0, 1) if cuts is None else None)
    if kind == 1:
        s = g.node("SequenceEmpty", [], dtype=ONNX[x.dtype])
        for _ in range(g.int(1, 3)):
            s = g.node("SequenceInsert", [s, a if g.chance(0.5) else g.new(g.array(x.dtype, x.shape))])
        return s
    return g.node("SequenceConstruct", [a] + [g.new(g.array(x.dtype, x.shape if g.chance(0.8) else g.shape(x.ndim))) for _ in range(g.int(0, 3))])


def read(g, s):
    items = g.g.at[s]
    n = len(items)
    kind = g.int(0, 4)
    if kind == 0:
        return g.node("SequenceLength", [s])
    if not n:
        return None
    if kind <= 2:
        return g.node("SequenceAt", [s, g.const(g.int(-n, n - 1), g.pick(INTS))])
    axis = g.int(0, items[0].ndim - 1) if items[0].ndim else 0
    if kind == 3:
        if len({i.shape[:axis] + i.shape[axis + 1:] for i in items}) > 1:  # onnxruntime passes over what is empty
            raise Unfit("sizes differ elsewhere too")
        return g.node("ConcatFromSequence", [s], axis=axis)
    if any(i.shape != items[0].shape for i in items):
        raise Unfit("not of one shape")
    return g.node("ConcatFromSequence", [s], axis=axis, new_axis=1)


@family(4)
def sequence(g):
    s = made(g)
    for _ in range(g.int(0, 3)):
        items = g.g.at[s]
        n = len(items)
        if n and g.chance(0.4):
            s = g.node("SequenceErase", [s] + ([g.const(g.int(-n, n - 1), g.pick(INTS))] if g.chance(0.7) else []))
        elif n:
            new = g.new(g.array(items.dtype, items[0].shape))
            s = g.node("SequenceInsert", [s, new] + ([g.const(g.int(-n, n), g.pick(INTS))] if g.chance(0.7) else []))
        if g.chance(0.2):
            s = g.node("Identity", [s])
    for _ in range(g.int(1, 2)):
        read(g, s)


@family(2)
def sequence_map(g):
    if g.opset < 17:
        raise Unfit("opset")
    s = made(g)
    items = g.g.at[s]
    if not items or items.dtype.kind in "bc":
        raise Unfit("nothing to map")
    kind = ONNX[items.dtype]
    item = helper.make_tensor_value_info("item", kind, None)
    body = [helper.make_node(g.pick(["Neg", "Abs", "Relu" if items.dtype.kind == "f" else "Neg"]), ["item"], ["out"])]
    ins, outer = [item], []
    if g.chance(0.5):
        other = g.new(g.array(items.dtype, g.pick([[], [1]])))
        ins.append(helper.make_tensor_value_info("more", kind, None))
        body = [helper.make_node(g.pick(["Add", "Mul", "Max"]), ["item", "more"], ["out"])]
        outer = [other]
    graph = helper.make_graph(body, "body", ins, [helper.make_tensor_value_info("out", kind, None)])
    read(g, g.node("SequenceMap", [s] + outer, body=graph))


@family(2)
def optional(g):
    """From opset 18 on what is no optional counts as one that is there."""
    if g.opset < 18:
        raise Unfit("opset")
    kind = g.int(0, 3)
    v = made(g) if kind == 0 else g.value(KINDS)
    if kind < 3:
        o = g.node("Optional", [v])
        g.node("OptionalHasElement", [o])
    else:
        o = v
    e = g.node("OptionalGetElement", [o])
    if kind == 0:
        read(g, e)


@family(0.5)
def nothing_there(g):
    if g.opset < 18:
        raise Unfit("opset")
    if g.chance(0.5):
        return g.node("OptionalHasElement", [g.pick([g.value(KINDS), ""])])
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(1, None))
    g.node("OptionalHasElement", [g.node("Optional", [], type=kind.optional_type.elem_type)])

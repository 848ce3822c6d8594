"""Reductions and normalizations."""
from graph import FLOATS
from grow import Unfit
from table import family

REDUCTIONS = "ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceSumSquare ReduceL1 ReduceL2 ReduceLogSumExp ReduceLogSum".split()


def axes_input(g, op, n):
    """Axes as the opset has them: the inputs to add, the attributes."""
    axes = [int(i) - (n if g.chance(0.3) else 0) for i in g.rng.permutation(n)[: g.int(0, n)]]
    if op == "ReduceSum" or g.opset >= 18:
        return ([g.const(axes)], {}) if axes or g.chance(0.3) else ([], {})
    return [], ({"axes": axes} if axes else {})


@family(8)
def reductions(g):
    op = g.pick(REDUCTIONS)
    a = g.value(g.types(op), **({"lo": 0.01, "hi": 50} if op == "ReduceLogSum" else {"lo": 0.3, "hi": 1.6} if op == "ReduceProd" else {}))
    x = g.a(a)
    if x.size == 0 and op in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceLogSumExp", "ReduceLogSum"):
        raise Unfit("of nothing")
    more, attrs = axes_input(g, op, x.ndim)
    if op == "ReduceSum" or g.opset >= 18:
        attrs["noop_with_empty_axes"] = g.pick([None, 0, 1])
    g.node(op, [a] + more, keepdims=g.pick([None, 0, 1]), **attrs)


@family(3)
def arg(g):
    op = g.pick(["ArgMax", "ArgMin"])
    a = g.value(g.types(op), least=1)
    n = g.a(a).ndim
    if g.a(a).size == 0:
        raise Unfit("of nothing")
    g.node(op, [a], axis=g.int(-n, n - 1), keepdims=g.int(0, 1), select_last_index=g.int(0, 1))


@family(4)
def softmax(g):
    op = g.pick(["Softmax", "Softmax", "LogSoftmax", "Hardmax"])
    a = g.value(g.types(op), least=1)
    n = g.a(a).ndim
    g.node(op, [a], axis=g.pick([None, g.int(-n, n - 1)]))


def channels(g, a, axis=1):
    return [g.a(a).shape[axis]]


@family(4)
def norms(g):
    kind = g.pick(["LayerNormalization", "InstanceNormalization", "GroupNormalization", "BatchNormalization", "LpNormalization", "MeanVarianceNormalization", "LRN",
                   "RMSNormalization"])
    # what the standard computes in f32 by default (stash_type) gives f64 no f64's digits
    a = g.value(FLOATS[:3] if kind in ("GroupNormalization", "RMSNormalization") else FLOATS, least=3 if kind in ("InstanceNormalization", "GroupNormalization") else 4 if kind == "LRN" else 2, test=lambda x: x.size > 0)
    x = g.a(a)
    d = x.dtype
    near = lambda shape, lo=-1.0, hi=1.0: g.new(g.array(d, shape, lo, hi))
    if kind in ("LayerNormalization", "RMSNormalization"):
        axis = g.int(0, x.ndim - 1)
        ins = [a, near(x.shape[axis:])] + ([near(x.shape[axis:])] if kind[0] == "L" and g.chance(0.6) else [])
        return g.node(kind, ins, axis=axis - (x.ndim if g.chance(0.5) else 0), epsilon=g.pick([None, 1e-3]))
    if kind == "InstanceNormalization":
        return g.node(kind, [a, near(channels(g, a)), near(channels(g, a))], epsilon=g.pick([None, 1e-2]))
    if kind == "GroupNormalization":
        c = x.shape[1]
        groups = g.pick([k for k in range(1, c + 1) if c % k == 0])
        per = [c] if g.opset >= 21 else [groups]
        return g.node(kind, [a, near(per), near(per)], num_groups=groups, epsilon=g.pick([None, 1e-2]))
    if kind == "BatchNormalization":
        c = channels(g, a)
        return g.node(kind, [a, near(c), near(c), near(c), near(c, 0.2, 2.0)], epsilon=g.pick([None, 1e-3]))
    if kind == "LpNormalization":
        return g.node(kind, [a], axis=g.int(-x.ndim, x.ndim - 1), p=g.pick([1, 2]))
    if kind == "MeanVarianceNormalization":
        return g.node(kind, [a], axes=[int(i) for i in g.rng.permutation(x.ndim)[: g.int(1, x.ndim)]])
    g.node(kind, [a], size=g.pick([1, 3, 5]), alpha=0.01, bias=1.0, beta=g.pick([0.75, 0.5]))

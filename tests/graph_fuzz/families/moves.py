"""Operators that move, choose, count or make elements."""
import numpy as np

from graph import tensor_of
from grow import Unfit
from table import INTS, MOVED, family


@family(7)
def transpose(g):
    a = g.value(MOVED, least=1)
    n = g.a(a).ndim
    g.node("Transpose", [a], perm=None if g.chance(0.15) else [int(i) for i in g.rng.permutation(n)])


def factors(g, n, rank):
    out = [1] * rank
    for p in (2, 3, 5, 7, 11, 13, 17):
        while n % p == 0 and n > 1:
            out[g.int(0, rank - 1)] *= p
            n //= p
    out[g.int(0, rank - 1)] *= n
    return out


@family(7)
def reshape(g):
    a = g.value(MOVED)
    x = g.a(a)
    if x.size == 0:
        target = list(x.shape)[::-1]
        return g.node("Reshape", [a, g.const(target)], allowzero=1)
    shape = factors(g, x.size, g.int(1, 5)) if x.size > 1 or g.chance(0.7) else []
    for i, d in enumerate(shape):
        if i < x.ndim and d == x.shape[i] and g.chance(0.3):
            shape[i] = 0
    if shape and g.chance(0.4):
        shape[g.int(0, len(shape) - 1)] = -1
    g.node("Reshape", [a, g.const(shape)])


@family(3)
def views(g):
    a = g.value(MOVED)
    x = g.a(a)
    kind = g.int(0, 3)
    if kind == 0:
        return g.node("Flatten", [a], axis=g.int(-x.ndim, x.ndim))
    ones = [i for i, d in enumerate(x.shape) if d == 1]
    if kind == 1 and ones:
        axes = [i - (x.ndim if g.chance(0.3) else 0) for i in ones if g.chance(0.7)] or ones[:1]
        return g.node("Squeeze", [a, g.const(axes)])
    rank = x.ndim + g.int(1, 2)
    axes = [int(i) for i in g.rng.permutation(rank)[: rank - x.ndim]]
    g.node("Unsqueeze", [a, g.const([i - (rank if g.chance(0.3) else 0) for i in axes])])


@family(7)
def slices(g):
    a = g.value(MOVED, least=1)
    x = g.a(a)
    axes = [int(i) for i in g.rng.permutation(x.ndim)[: g.int(1, x.ndim)]]
    starts, ends, steps = [], [], []
    for ax in axes:
        d = x.shape[ax]
        step = g.pick([1, 1, 1, 2, -1, 3, -2])
        lo, hi = sorted((g.int(-1, d), g.int(0, d + 2)))
        if step < 0:
            lo, hi = hi, lo - d - 1 if g.chance(0.5) else lo
        starts.append(lo), ends.append(g.pick([hi, hi, 2**62]) if step > 0 else hi), steps.append(step)
    ins = [a, g.const(starts), g.const(ends)]
    g.values.remove(ins[2])  # nothing to compute with
    if g.chance(0.85):
        ins.append(g.const([i - (x.ndim if g.chance(0.3) else 0) for i in axes]))
        if any(s != 1 for s in steps) or g.chance(0.3):
            ins.append(g.const(steps))
    elif axes != list(range(len(axes))):
        raise Unfit("axes")
    g.node("Slice", ins)


@family(4)
def split(g):
    a = g.value(MOVED, least=1)
    x = g.a(a)
    axis = g.int(0, x.ndim - 1)
    d = x.shape[axis]
    k = g.int(1, min(4, max(d, 1)))
    if g.chance(0.6):
        cuts = sorted(g.int(0, d) for _ in range(k - 1))
        sizes = [b - c for c, b in zip([0] + cuts, cuts + [d])]
        g.node("Split", [a, g.const(sizes)], outputs=k, axis=axis - (x.ndim if g.chance(0.3) else 0))
    elif g.opset >= 18:
        g.node("Split", [a], outputs=k, axis=axis, num_outputs=k)
    elif d % k == 0:
        g.node("Split", [a], outputs=k, axis=axis)


@family(3)
def expand(g):
    a = g.value(MOVED)
    x = g.a(a)
    to = [g.pick([1, 2, 3, 5]) if d == 1 and g.chance(0.7) else d for d in x.shape]
    to = [g.pick([1, 2, 3])] * g.chance(0.3) + to
    g.node("Expand", [a, g.const([1 if g.chance(0.15) else d for d in to])])


@family(2)
def tile(g):
    a = g.value(MOVED, least=1)
    g.node("Tile", [a, g.const([g.pick([1, 1, 2, 3, 0] if g.chance(0.1) else [1, 1, 2, 3]) for _ in g.a(a).shape])])


@family(7)
def concat(g):
    a = g.value(MOVED, least=1)
    x = g.a(a)
    axis = g.int(0, x.ndim - 1)
    ins = [a]
    for _ in range(g.int(0, 3)):
        v = g.find(lambda b: b.dtype == x.dtype and b.ndim == x.ndim and all(i == axis or b.shape[i] == x.shape[i] for i in range(x.ndim)))
        if v is None or g.chance(0.3):
            shape = list(x.shape)
            shape[axis] = g.size()
            v = g.new(g.array(x.dtype, shape))
        ins.insert(g.int(0, len(ins)), v)
    g.node("Concat", ins, axis=axis - (x.ndim if g.chance(0.3) else 0))


@family(4)
def pad(g):
    a = g.value([t for t in g.types("Pad") if t != np.bool_], least=1)
    x = g.a(a)
    mode = g.pick(["constant", "constant", "reflect", "edge", "wrap"])
    most = [max(0, d - 1) for d in x.shape] if mode != "constant" else [3] * x.ndim
    pads = [g.int(0 if mode != "constant" else -1, min(3, most[i % x.ndim])) if g.chance(0.6) else 0 for i in range(2 * x.ndim)]
    ins = [a, g.const(pads)]
    if mode == "constant" and g.chance(0.5):
        ins.append(g.new(g.array(x.dtype, []), constant=g.chance(0.8)))
    g.node("Pad", ins, mode=mode)


@family(6)
def gather(g):
    a = g.value(MOVED, least=1)
    x = g.a(a)
    axis = g.int(0, x.ndim - 1)
    d = x.shape[axis]
    if d == 0:
        raise Unfit("empty")
    idx = g.array(g.pick(INTS), g.shape(g.int(0, 2)), -d, d - 1)
    g.node("Gather", [a, g.new(idx)], axis=axis - (x.ndim if g.chance(0.3) else 0))


@family(3)
def gather_more(g):
    a = g.value(MOVED, least=1)
    x = g.a(a)
    if x.size == 0:
        raise Unfit("empty")
    if g.chance(0.5):
        axis = g.int(0, x.ndim - 1)
        shape = [g.int(1, d) for d in x.shape]
        shape[axis] = g.int(1, 5)
        return g.node("GatherElements", [a, g.new(g.array(g.pick(INTS), shape, -x.shape[axis], x.shape[axis] - 1))], axis=axis)
    batch = g.int(0, min(1, x.ndim - 1))
    k = g.int(1, x.ndim - batch)
    shape = list(x.shape[:batch]) + [g.int(1, 4) for _ in range(g.int(0, 2))] + [k]
    idx = np.stack([g.array(np.int64, shape[:-1], -x.shape[batch + i], x.shape[batch + i] - 1) for i in range(k)], -1)
    g.node("GatherND", [a, g.new(idx)], batch_dims=batch)


@family(4)
def scatter(g):
    a = g.value(MOVED, least=1)
    x = g.a(a)
    if x.size == 0:
        raise Unfit("empty")
    reduction = g.pick([None, "none", "add", "mul"] + ["max", "min"] * (x.dtype.kind != "c")) if x.dtype != np.bool_ else None
    if g.chance(0.5):
        axis = g.int(0, x.ndim - 1)
        shape = [g.int(1, d) for d in x.shape]
        idx = g.array(g.pick(INTS), shape, 0, x.shape[axis] - 1)
        if reduction in (None, "none"):  # equal indices leave the order open
            idx = np.argsort(g.rng.random(x.shape), axis)[tuple(slice(0, s) for s in shape)].astype(idx.dtype)
        return g.node("ScatterElements", [a, g.new(idx), g.new(g.array(x.dtype, shape))], axis=axis, reduction=reduction)
    k = g.int(1, x.ndim)
    many = int(np.prod(x.shape[:k]))
    pick = g.rng.permutation(many)[: g.int(1, min(6, many))] if reduction in (None, "none") else g.rng.integers(0, many, g.int(1, 6))
    idx = np.stack(np.unravel_index(pick, x.shape[:k]), -1).astype(np.int64)
    g.node("ScatterND", [a, g.new(idx), g.new(g.array(x.dtype, [len(pick), *x.shape[k:]]))], reduction=reduction)


@family(2)
def one_hot(g):
    i = g.value(INTS + (np.float32,), lo=-3, hi=6) if g.chance(0.6) else g.new(g.array(np.int64, g.shape(g.int(0, 3)), -3, 5))
    d = g.dtype([np.float32, np.int64, np.int32])
    n = g.a(i).ndim
    g.node("OneHot", [i, g.const(g.pick([3, 6, 1]), g.pick([np.int64, np.int32])), g.new(g.array(d, [2]))], axis=g.int(-n - 1, n))


@family(2)
def trilu(g):
    a = g.value(g.types("Trilu"), least=2)
    g.node("Trilu", [a] + ([g.const(g.int(-3, 3))] if g.chance(0.6) else []), upper=g.pick([0, 1, None]))


@family(2)
def depth_space(g):
    b = g.pick([2, 3])
    if g.chance(0.5):
        a = g.value(MOVED, shape=[g.int(1, 2), b * b * g.int(1, 2), g.int(1, 3), g.int(1, 4)])
        g.node("DepthToSpace", [a], blocksize=b, mode=g.pick(["DCR", "CRD"]))
    else:
        g.node("SpaceToDepth", [g.value(MOVED, shape=[g.int(1, 2), g.int(1, 3), b * g.int(1, 3), b * g.int(1, 2)])], blocksize=b)


@family(2)
def reverse(g):
    a = g.value(MOVED, least=2)
    x = g.a(a)
    batch = g.int(0, 1)
    lens = g.array(np.int64, [x.shape[batch]], min(1, x.shape[1 - batch]), x.shape[1 - batch])
    g.node("ReverseSequence", [a, g.new(lens)], batch_axis=batch, time_axis=1 - batch)


@family(3)
def running(g):
    op = "CumSum"
    a = g.value([t for t in g.types(op)], least=1)
    n = g.a(a).ndim
    g.node(op, [a, g.const(g.int(-n, n - 1), g.pick(INTS))], exclusive=g.pick([None, 1]), reverse=g.pick([None, 1]))


@family(3)
def topk(g):
    a = g.value(g.types("TopK"), least=1)
    x = g.a(a)
    axis = g.int(0, x.ndim - 1)
    if len(np.unique(x.astype(np.float64))) < x.size:  # ties leave the order of the indices open
        x = g.rng.permutation(max(x.size, 1))[: x.size].reshape(x.shape).astype(np.float32)
        a = g.new(x - x.size // 2)
    g.node("TopK", [a, g.const([g.int(0, x.shape[axis])])], outputs=2, axis=axis, largest=g.int(0, 1), sorted=1)


@family(3)
def data_decides(g):
    kind = g.int(0, 2)
    if kind == 0:
        return g.node("NonZero", [g.value(g.types("NonZero"), least=1)])
    a = g.value(MOVED, least=1)
    x = g.a(a)
    if kind == 1:
        axis = g.pick([None, g.int(0, x.ndim - 1)])
        n = x.size if axis is None else x.shape[axis]
        return g.node("Compress", [a, g.new(g.array(np.bool_, [g.int(0, n)]))], axis=axis)
    g.node("Unique", [a], outputs=g.pick([1, 4]), sorted=1, axis=g.pick([None, g.int(0, x.ndim - 1)]))


@family(4)
def sizes(g):
    a = g.value(MOVED)
    n = g.a(a).ndim
    if g.chance(0.2):
        return g.node("Size", [a])
    g.node("Shape", [a], start=g.pick([None, g.int(-n, n)]), end=g.pick([None, g.int(-n, n)]))


@family(3)
def generate(g):
    kind = g.int(0, 2)
    if kind == 0:
        d = g.dtype(g.types("ConstantOfShape", "T2"))
        return g.node("ConstantOfShape", [g.const(g.shape())], value=tensor_of(g.array(d, [1])) if g.chance(0.8) else None)
    if kind == 1:
        d = g.dtype(g.types("Range"))
        lo, n, step = g.int(-3, 5), g.int(0, 6), g.pick([1, 2, -1, 3])
        return g.node("Range", [g.new(np.asarray(v, d)) for v in (lo, lo + n * step, step)])
    g.node("EyeLike", [g.value(g.types("EyeLike", "T1"), rank=2)], k=g.int(-2, 2), dtype=g.pick([None, 1, 7, 6]))

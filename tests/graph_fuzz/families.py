"""The table of generators: one entry for each family of operators, FAMILY(weight) above a function that proposes a node, or a few, to a Grow.

A proposal that the peer refuses, or whose values are not fit, is forgotten; so a family need not be right every time, only often enough.
Types come from the operators' own schemas. Motifs, which passes look for, are in motifs.py; control flow is in control.py."""
import numpy as np
from onnx import TensorProto

from graph import FLOATS, NUMPY, ONNX, is_float
from grow import Unfit

FAMILIES = []  # (weight, function)
INTS = (np.int32, np.int64)


def family(weight):
    def add(f):
        FAMILIES.append((weight, f))
        return f
    return add


# ---------------------------------------------------------------- elementwise
ANYWHERE = "Abs Neg Sign Relu Ceil Floor Round Exp Sigmoid Tanh Erf Softsign Softplus Sin Cos Atan Asinh Sinh Cosh HardSwish Mish Identity Swish".split()
RANGES = {"Log": (0.05, 50), "Sqrt": (0, 500), "Reciprocal": (0.05, 50), "Acos": (-1, 1), "Asin": (-1, 1), "Atanh": (-0.95, 0.95), "Acosh": (1, 50), "Tan": (-1.3, 1.3)}
SHAPED = {"Elu": ("alpha",), "LeakyRelu": ("alpha",), "Selu": ("alpha", "gamma"), "Celu": ("alpha",), "HardSigmoid": ("alpha", "beta"), "ThresholdedRelu": ("alpha",),
          "Shrink": ("lambd", "bias")}


@family(10)
def unary(g):
    op = g.pick(ANYWHERE)
    v = g.value([t for t in g.types(op, "V" if op == "Identity" else "T") if op != "HardSwish" or t != np.float64])  # the peer has 1/6 in f32
    g.node(op, [v])


@family(4)
def unary_in_range(g):
    op = g.pick(list(RANGES))
    lo, hi = RANGES[op]
    v = g.value(g.types(op), lo=lo, hi=hi)
    g.node(op, [v])


@family(3)
def unary_shaped(g):
    op = g.pick(list(SHAPED))
    v = g.value([t for t in g.types(op) if op != "Shrink" or t != np.float64])  # the peer shrinks f64 in f32
    g.node(op, [v], **{k: round(float(g.rng.uniform(0.05, 1.5)), 2) for k in SHAPED[op] if g.chance(0.6)})


@family(1)
def gelu(g):
    g.node("Gelu", [g.value([t for t in g.types("Gelu") if t != np.float64])], approximate=g.pick([None, "none", "tanh"]))


@family(1)
def tests_of_floats(g):
    op = g.pick(["IsNaN", "IsInf"])
    g.node(op, [g.value(g.types(op, "T1"))])


@family(12)
def binary(g):
    op = g.pick(["Add", "Sub", "Mul", "Add", "Mul", "Max", "Min"])
    a = g.value(g.types(op))
    b = a if g.chance(0.06) else g.partner(a)
    g.node(op, [a, b] if g.chance(0.5) else [b, a])


@family(4)
def divide(g):
    op = g.pick(["Div", "Div", "Mod"])
    a = g.value(g.types(op))
    x = g.a(a)
    lo, hi = (0.25, 4) if is_float(x) else (1, 9)
    b = g.partner(a, lo=lo, hi=hi)
    y = g.a(b)
    if np.any(np.abs(y.astype(np.float64)) < 0.1):
        raise Unfit("a zero")
    g.node(op, [a, b], **({"fmod": 1} if op == "Mod" and (is_float(x) or g.chance(0.5)) else {}))


@family(2)
def power(g):
    a = g.value(FLOATS[:2] + (np.float64, np.float32), lo=0.1, hi=6) if g.chance(0.5) else g.value((np.float32, np.float64, np.int32, np.int64))
    exponent = g.pick([2, 3, 0.5, -0.5, -1, 1, 0, 2, 1.5])
    dtype = g.pick([g.a(a).dtype, np.float32, np.int64]) if g.chance(0.3) else g.a(a).dtype
    if not is_float(g.a(a)) and exponent < 0:
        raise Unfit("an integer to a negative power")
    g.node("Pow", [a, g.new(np.full(g.pick([[], [1]]), exponent).astype(dtype))] if g.chance(0.8) else [a, g.partner(a, lo=0, hi=2)])


@family(3)
def prelu(g):
    a = g.value(FLOATS + INTS)
    g.node("PRelu", [a, g.new(g.array(g.a(a).dtype, [1 if g.chance(0.3) else d for d in g.a(a).shape][g.int(0, g.a(a).ndim):]))])


@family(4)
def compare(g):
    op = g.pick(["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"])
    a = g.value(g.types(op))
    g.node(op, [a, g.partner(a)])


@family(2)
def logic(g):
    a = g.value([np.bool_])
    if g.chance(0.3):
        g.node("Not", [a])
    else:
        g.node(g.pick(["And", "Or", "Xor"]), [a, g.partner(a)])


@family(2)
def bits(g):
    op = g.pick(["BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift"])
    a = g.value(g.types(op))
    if op == "BitwiseNot":
        return g.node(op, [a])
    if op == "BitShift":
        return g.node(op, [a, g.partner(a, lo=0, hi=7)], direction=g.pick(["LEFT", "RIGHT"]))
    g.node(op, [a, g.partner(a)])


@family(3)
def variadic(g):
    op = g.pick(["Sum", "Mean", "Max", "Min"])
    a = g.value(g.types(op))
    more = []
    for _ in range(g.int(0, 3)):
        more.append(g.partner(a))
    g.node(op, [a] + more)


@family(4)
def where(g):
    a = g.value(g.types("Where"))
    b = g.partner(a)
    g.node("Where", [g.partner(a, np.bool_), a, b])


@family(4)
def clip(g):
    a = g.value(g.types("Clip"))
    d = g.a(a).dtype
    lo, hi = sorted(g.array(d, [2]).tolist())
    g.node("Clip", [a, g.const(lo, d) if g.chance(0.7) else "", g.const(hi, d) if g.chance(0.7) else ""])


@family(6)
def cast(g):
    v = g.value(list(NUMPY.values()))
    to = g.dtype(NUMPY.values())
    x = g.a(v)
    if np.dtype(to).kind in "iu" and x.size:
        info = np.iinfo(to)
        if float(x.astype(np.float64).min()) < info.min or float(x.astype(np.float64).max()) >= info.max:
            raise Unfit("leaves the type")
    if g.chance(0.8):
        g.node("Cast", [v], to=ONNX[np.dtype(to)])
    else:
        g.node("CastLike", [v, g.value([to])])


# ---------------------------------------------------------------- moves
MOVED = list(NUMPY.values())


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
    reduction = g.pick([None, "none", "add", "mul", "max", "min"]) if x.dtype != np.bool_ else None
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
    from graph import tensor_of
    if kind == 0:
        d = g.dtype(g.types("ConstantOfShape", "T2"))
        return g.node("ConstantOfShape", [g.const(g.shape())], value=tensor_of(g.array(d, [1])) if g.chance(0.8) else None)
    if kind == 1:
        d = g.dtype(g.types("Range"))
        lo, n, step = g.int(-3, 5), g.int(0, 6), g.pick([1, 2, -1, 3])
        return g.node("Range", [g.new(np.asarray(v, d)) for v in (lo, lo + n * step, step)])
    g.node("EyeLike", [g.value(g.types("EyeLike", "T1"), rank=2)], k=g.int(-2, 2), dtype=g.pick([None, 1, 7, 6]))


# ---------------------------------------------------------------- reductions, normalizations
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


# ---------------------------------------------------------------- products
@family(8)
def matmul(g):
    a = g.value(g.types("MatMul"), least=1, test=lambda x: x.size <= 2000)
    x = g.a(a)
    k = x.shape[-1]
    tail = [k, g.size()] if x.ndim > 1 or g.chance(0.7) else [k]
    batch = [1 if g.chance(0.3) else d for d in x.shape[:-2]][g.int(0, max(x.ndim - 2, 0)):] if len(tail) == 2 else []
    v = g.find(lambda b: b.dtype == x.dtype and b.ndim == 2 and b.shape[0] == k)
    g.node("MatMul", [a, v if v and g.chance(0.4) else g.new(g.array(x.dtype, batch + tail))])


@family(5)
def gemm(g):
    d = g.dtype([t for t in g.types("Gemm")])
    a = g.value([d], rank=2)
    x = g.a(a)
    ta, tb = g.int(0, 1), g.int(0, 1)
    m, k = x.shape[::-1] if ta else x.shape
    n = g.size()
    b = g.new(g.array(d, [n, k] if tb else [k, n]))
    c = [g.new(g.array(d, g.pick([[n], [1, n], [m, n], [m, 1], [], [1]])))] if g.chance(0.7) else []
    floats = is_float(x)
    g.node("Gemm", [a, b] + c, transA=ta or None, transB=tb or None, alpha=g.pick([None, 0.5, 2.0, 1.7 if floats else 1.0]), beta=g.pick([None, 0.5 if floats else 1.0, 2.0]))


@family(2)
def einsum(g):
    a = g.value([np.float32, np.float64, np.int32], rank=g.int(2, 3), test=lambda x: x.size < 600)
    x = g.a(a)
    if x.ndim == 2:
        i, j = x.shape
        n = g.size()
        b = g.new(g.array(x.dtype, [j, n]))
        eq = g.pick(["ij,jk->ik", "ij,jk->ki", "ij,jk", "ij,jk->i", "ij,jk->ijk"])
        return g.node("Einsum", [a, b], equation=eq)
    n = g.size()
    b = g.new(g.array(x.dtype, [x.shape[0], x.shape[2], n]))
    g.node("Einsum", [a, b], equation=g.pick(["bij,bjk->bik", "bij,bjk->bki", "bij,bjk->ik", "bij,bjk", "bij, bjk -> b"]))


def window(g, n, sizes):
    """Attributes of a window over n spatial sizes, or Unfit."""
    k = [g.int(1, min(3, s)) for s in sizes]
    attrs = {"kernel_shape": k}
    if g.chance(0.5):
        attrs["strides"] = [g.int(1, 3) for _ in k]
    if g.chance(0.3):
        attrs["dilations"] = [g.int(1, 2) if 2 * w - 1 <= s else 1 for w, s in zip(k, sizes)]
    how = g.int(0, 3)
    if how == 0:
        attrs["pads"] = [g.int(0, k[i % n] - 1) for i in range(2 * n)]
    elif how == 1:
        attrs["auto_pad"] = g.pick(["SAME_UPPER", "SAME_LOWER", "VALID"])
        if attrs["auto_pad"] != "VALID":
            attrs.pop("dilations", None)
            attrs["strides"] = [min(s, w) for s, w in zip(attrs.get("strides", k), k)]  # the peer pads by less than nothing
    return attrs


def picture(g, dtypes, n):
    return g.value(dtypes, rank=n + 2, test=lambda x: x.size > 0 and x.size <= 3000)


@family(7)
def conv(g):
    n = g.pick([1, 2, 2, 2, 3])
    a = picture(g, [np.float32, np.float32, np.float16, np.float64], n)
    x = g.a(a)
    c = x.shape[1]
    group = g.pick([k for k in range(1, c + 1) if c % k == 0] + [1, 1])
    m = group * g.int(1, 3)
    attrs = window(g, n, x.shape[2:])
    w = g.new(g.array(x.dtype, [m, c // group, *attrs["kernel_shape"]], -1, 1))
    b = [g.new(g.array(x.dtype, [m]))] if g.chance(0.5) else []
    g.node("Conv", [a, w] + b, group=group if group > 1 or g.chance(0.3) else None, **attrs)


@family(2)
def conv_transpose(g):
    n = g.pick([1, 2, 2])
    a = picture(g, [np.float32, np.float64, np.float16], n)
    x = g.a(a)
    c = x.shape[1]
    group = g.pick([k for k in range(1, c + 1) if c % k == 0] + [1, 1])
    attrs = window(g, n, [3] * n)
    attrs.pop("auto_pad", None)
    if "strides" in attrs and g.chance(0.4):
        attrs["output_padding"] = [g.int(0, s - 1) for s in attrs["strides"]]
    w = g.new(g.array(x.dtype, [c, g.int(1, 3), *attrs["kernel_shape"]], -1, 1))
    b = [g.new(g.array(x.dtype, [g.a(w).shape[1] * group]))] if g.chance(0.5) else []
    g.node("ConvTranspose", [a, w] + b, group=group if group > 1 else None, **attrs)


@family(5)
def pools(g):
    n = g.pick([1, 2, 2, 2, 3])
    op = g.pick(["MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool"])
    a = picture(g, [np.float32, np.float32, np.float16, np.float64], n)
    if op[0] == "G":
        return g.node(op, [a])
    attrs = window(g, n, g.a(a).shape[2:])
    if (op == "AveragePool" and g.opset < 19) or (op == "LpPool" and g.opset < 18):
        attrs.pop("dilations", None)
    if g.chance(0.3) and "auto_pad" not in attrs and (op != "LpPool" or g.opset >= 18):
        attrs["ceil_mode"] = 1
    if op == "AveragePool":
        attrs["count_include_pad"] = g.pick([0, 1])
    if op == "LpPool":
        attrs["p"] = g.pick([1, 2])
    both = op == "MaxPool" and g.chance(0.2) and len(np.unique(g.a(a))) == g.a(a).size
    g.node(op, [a], outputs=2 if both else 1, **attrs)


@family(3)
def resize(g):
    a = picture(g, [np.float32, np.float32, np.uint8, np.int32], 2)
    x = g.a(a)
    mode = g.pick(["nearest", "linear", "cubic"]) if x.dtype == np.float32 else "nearest"
    attrs = {"mode": mode, "coordinate_transformation_mode": g.pick(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric" if g.opset >= 19 else "asymmetric"])}
    if mode == "nearest":
        attrs["nearest_mode"] = g.pick(["round_prefer_floor", "floor", "ceil", "round_prefer_ceil"])
    scale = lambda: g.pick([1, 2, 0.5, 3, 1.5])
    if mode == "nearest" and g.chance(0.4):  # places that no rounding moves to the other side
        return g.node("Resize", [a, "", "", g.const([*x.shape[:2], *[d * g.pick([1, 2, 4]) for d in x.shape[2:]]])], **attrs)
    if mode == "nearest" or g.chance(0.6):
        return g.node("Resize", [a, "", g.const([1, 1, scale(), scale()], np.float32)], **attrs)
    g.node("Resize", [a, "", "", g.const([*x.shape[:2], g.int(1, 9), g.int(1, 9)])], **attrs)


@family(1)
def grids(g):
    a = g.value([np.float32], rank=4, test=lambda x: 0 < x.size <= 2000)
    x = g.a(a)
    grid = g.new(g.array(np.float32, [x.shape[0], g.int(1, 4), g.int(1, 4), 2], -1.2, 1.2))
    names = ["linear", "nearest", "cubic"] if g.opset >= 20 else ["bilinear", "nearest", "bicubic"]
    g.node("GridSample", [a, grid], mode=g.pick(names), padding_mode=g.pick(["zeros", "border", "reflection"]), align_corners=g.int(0, 1))


@family(1)
def regions(g):
    a = g.value([np.float32], rank=4, test=lambda x: 0 < x.size <= 2000)
    n = g.int(0, 3)
    lo = g.rng.uniform(0, 3, (n, 2))
    boxes = np.concatenate([lo, lo + g.rng.uniform(0.5, 4, (n, 2))], 1).astype(np.float32)
    g.node("RoiAlign", [a, g.new(boxes), g.new(g.array(np.int64, [n], 0, g.a(a).shape[0] - 1))], output_height=g.int(1, 3), output_width=g.int(1, 3), sampling_ratio=g.int(1, 2),
           mode=g.pick(["avg", "max"]), coordinate_transformation_mode=g.pick(["half_pixel", "output_half_pixel"]))


@family(1)
def boxes(g):
    n = g.int(0, 8)
    lo = g.rng.uniform(0, 3, (1, n, 2))
    corners = np.concatenate([lo, lo + g.rng.uniform(0.5, 2, (1, n, 2))], 2).astype(np.float32)
    scores = g.rng.permutation(n * 2).reshape(1, 2, n).astype(np.float32)
    g.node("NonMaxSuppression", [g.new(corners), g.new(scores), g.const([g.int(0, 4)]), g.const([0.4], np.float32)] + ([g.const([3.5], np.float32)] if g.chance(0.5) else []),
           center_point_box=g.int(0, 1))


@family(1)
def determinant(g):
    n = g.int(1, 4)
    g.node("Det", [g.value([np.float32], shape=g.pick([[n, n], [2, n, n]]))])


# ---------------------------------------------------------------- quantization
EIGHT = (np.uint8, np.int8)


def scale_of(g, shape=()):
    return g.new(g.rng.uniform(0.02, 0.3, shape).astype(np.float32), constant=g.chance(0.85))


@family(4)
def quantize(g):
    a = g.value([np.float32])
    x = g.a(a)
    axis = g.int(0, x.ndim - 1) if x.ndim and g.chance(0.4) else None
    shape = [x.shape[axis]] if axis is not None else []
    t = g.pick(EIGHT)
    s, z = scale_of(g, shape), g.new(g.array(t, shape), constant=g.chance(0.85))
    q = g.node("QuantizeLinear", [a, s, z], axis=axis)
    if g.chance(0.7):
        g.node("DequantizeLinear", [q, s, z], axis=axis)


@family(2)
def dequantize(g):
    a = g.value(EIGHT + (np.int32,))
    x = g.a(a)
    axis = g.int(0, x.ndim - 1) if x.ndim and g.chance(0.4) else None
    shape = [x.shape[axis]] if axis is not None else []
    z = [g.new(g.array(x.dtype, shape))] if x.dtype != np.int32 and g.chance(0.7) else []
    g.node("DequantizeLinear", [a, scale_of(g, shape)] + z, axis=axis)


@family(1)
def dynamic_quantize(g):
    g.node("DynamicQuantizeLinear", [g.value([np.float32], test=lambda x: x.size > 0)], outputs=3)


@family(2)
def integer_products(g):
    t, u = g.pick(EIGHT), g.pick(EIGHT)
    k = g.int(1, 9)
    a = g.value([t], shape=[g.int(1, 5), k])
    b = g.new(g.array(u, [k, g.int(1, 6)]))
    az = g.new(g.array(t, []), constant=g.chance(0.8))
    bz = g.new(g.array(u, []), constant=g.chance(0.8))
    if g.chance(0.5):
        return g.node("MatMulInteger", [a, b] + g.pick([[], [az], [az, bz]]))
    g.node("QLinearMatMul", [a, scale_of(g), az, b, scale_of(g), bz, scale_of(g), g.new(g.array(t, []))])


@family(1)
def integer_conv(g):
    x = g.value([np.uint8], shape=[1, g.int(1, 3), g.int(3, 6), g.int(3, 6)])
    c = g.a(x).shape[1]
    m = g.int(1, 3)
    t = g.pick(EIGHT)
    w = g.new(g.array(t, [m, c, g.int(1, 3), g.int(1, 3)]))
    xz, wz = g.new(g.array(np.uint8, []), constant=True), g.new(np.zeros([], t), constant=True)
    if g.chance(0.5):
        return g.node("ConvInteger", [x, w, xz, wz], strides=g.pick([None, [2, 1]]))
    b = [g.new(g.array(np.int32, [m], -90, 90), constant=True)] if g.chance(0.5) else []
    g.node("QLinearConv", [x, scale_of(g), xz, w, scale_of(g), wz, scale_of(g), g.new(g.array(np.uint8, []), constant=True)] + b, pads=g.pick([None, [0, 0, 0, 0]]))


# ---------------------------------------------------------------- sequences of steps, attention
@family(2)
def recurrent(g):
    op = g.pick(["RNN", "GRU", "LSTM"])
    a = g.value([np.float32], rank=3, test=lambda x: 0 < x.size <= 600)
    t, b, i = g.a(a).shape
    h, gates = g.int(1, 5), {"RNN": 1, "GRU": 3, "LSTM": 4}[op]
    direction = g.pick(["forward", "reverse", "bidirectional"])
    d = 2 if direction == "bidirectional" else 1
    w, r = g.new(g.array(np.float32, [d, gates * h, i], -0.5, 0.5)), g.new(g.array(np.float32, [d, gates * h, h], -0.5, 0.5))
    bias = g.new(g.array(np.float32, [d, 2 * gates * h], -0.3, 0.3)) if g.chance(0.6) else ""
    lens = g.new(g.array(np.int32, [b], 1, t)) if g.chance(0.3) else ""
    start = g.new(g.array(np.float32, [d, b, h])) if g.chance(0.4) else ""
    attrs = {"linear_before_reset": g.int(0, 1)} if op == "GRU" else {}
    g.node(op, [a, w, r, bias, lens, start], outputs=3 if op == "LSTM" else 2, hidden_size=h, direction=direction, **attrs)


@family(2)
def attention(g):
    if g.opset < 23:
        raise Unfit("opset")
    b, h, q, k, d = g.int(1, 2), g.int(1, 3), g.int(1, 5), g.int(1, 6), g.int(1, 8)
    heads = g.chance(0.5)
    hk = g.pick([n for n in range(1, h + 1) if h % n == 0])
    ins = [[b, h, q, d], [b, hk, k, d], [b, hk, k, d]] if heads else [[b, q, h * d], [b, k, hk * d], [b, k, hk * d]]
    vs = [g.value([np.float32], shape=s, lo=-5, hi=5) for s in ins]
    attrs = {} if heads else {"q_num_heads": h, "kv_num_heads": hk}
    mask = [g.new(g.array(g.pick([np.bool_, np.float32]), [q, k]))] if g.chance(0.4) else []
    if mask and g.a(mask[0]).dtype == np.bool_:
        mask = [g.new(g.a(mask[0]) | (np.arange(k) == 0))]
    g.node("Attention", vs + mask, is_causal=g.pick([None, 1]) if q <= k else None, scale=g.pick([None, 0.3]), softcap=g.pick([None, 2.0]), **attrs)


@family(1)
def rotary(g):
    if g.opset < 23:
        raise Unfit("opset")
    b, h, s, d = g.int(1, 2), g.int(1, 3), g.int(1, 5), 2 * g.int(1, 4)
    a = g.value([np.float32], shape=[b, h, s, d])
    g.node("RotaryEmbedding", [a, g.new(g.array(np.float32, [b, s, d // 2], -1, 1)), g.new(g.array(np.float32, [b, s, d // 2], -1, 1))], interleaved=g.int(0, 1))


@family(1)
def losses(g):
    c = g.int(1, 5)
    n, tail = g.int(1, 4), [g.int(1, 3) for _ in range(g.int(0, 2))]
    a = g.value([np.float32], shape=[n, c, *tail])
    t = g.new(g.array(g.pick(INTS), [n, *tail], 0, c - 1))
    w = [g.new(g.array(np.float32, [c], 0.2, 2))] if g.chance(0.4) else []
    op = g.pick(["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"])
    g.node(op, [a, t] + w, reduction=g.pick(["none", "mean", "sum"]), ignore_index=g.pick([None, 0]))


@family(1)
def spectra(g):
    if g.opset < 17:
        raise Unfit("opset")
    n = g.pick([1, 2, 4, 5, 8, 9])
    a = g.value([np.float32], shape=[g.int(1, 2), n, g.int(1, 2)])
    if g.opset >= 20:
        return g.node("DFT", [a, "", g.const(1)], inverse=g.int(0, 1) if g.a(a).shape[-1] == 2 else 0)
    g.node("DFT", [a], axis=1, inverse=g.int(0, 1) if g.a(a).shape[-1] == 2 else 0)


@family(1)
def windows(g):
    g.node(g.pick(["HannWindow", "HammingWindow", "BlackmanWindow"]), [g.const(g.int(3, 12))], periodic=g.int(0, 1))


@family(1)
def dropout(g):
    a = g.value([np.float32, np.float16, np.float64])
    g.node("Dropout", [a] + ([g.const(0.3, np.float32), g.const(False, np.bool_)] if g.chance(0.5) else []))


@family(1)
def columns(g):
    c, kh, kw = g.int(1, 2), g.int(1, 2), g.int(1, 3)
    h, w = g.int(kh, 4), g.int(kw, 5)
    blocks = (h - kh + 1) * (w - kw + 1)
    a = g.value([np.float32], shape=[g.int(1, 2), c * kh * kw, blocks])
    g.node("Col2Im", [a, g.const([h, w]), g.const([kh, kw])])


@family(1)
def center(g):
    if g.opset < 18:
        raise Unfit("opset")
    a = g.value([np.float32, np.int32], least=1)
    g.node("CenterCropPad", [a, g.const([g.int(1, 7) for _ in g.a(a).shape])])

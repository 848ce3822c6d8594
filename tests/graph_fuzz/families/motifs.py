"""What exporters write and passes look for, with small deviations: a constant that is a little off, a factor on the other side, a second reader."""
import numpy as np

from grow import Unfit
from table import family

F = np.float32


def off(g, x):
    """x, now and then not quite."""
    return float(x) if g.chance(0.9) else float(x) * g.pick([1.01, 0.5, -1])


def scalar(g, x, dtype=F):
    return g.new(np.full(g.pick([[], [1], [1, 1]]), off(g, x)).astype(dtype), constant=g.chance(0.95))


def either(g, op, a, b):
    return g.node(op, [a, b] if g.chance(0.5) else [b, a])


def activation(g, v):
    kind = g.int(0, 9)
    if kind == 0:
        return v
    if kind < 6:
        return g.node(g.pick(["Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid", "Softplus", "Elu"]), [v])
    if kind == 6:
        return g.node("Clip", [v, g.const(0, g.a(v).dtype), g.const(6, g.a(v).dtype)])
    return g.pick([gelu_erf, gelu_tanh, swish, hard_swish, mish])(g, v)


def gelu_erf(g, v):
    d = g.a(v).dtype
    x = g.node("Div", [v, scalar(g, np.sqrt(2), d)]) if g.chance(0.5) else either(g, "Mul", v, scalar(g, np.sqrt(0.5), d))
    e = either(g, "Add", g.node("Erf", [x]), scalar(g, 1, d))
    if g.chance(0.5):
        return either(g, "Mul", either(g, "Mul", v, e), scalar(g, 0.5, d))
    return either(g, "Mul", either(g, "Mul", v, scalar(g, 0.5, d)), e)


def gelu_tanh(g, v):
    d = g.a(v).dtype
    cube = g.node("Pow", [v, scalar(g, 3, d)]) if g.chance(0.5) else either(g, "Mul", either(g, "Mul", v, v), v)
    inner = either(g, "Add", v, either(g, "Mul", cube, scalar(g, 0.044715, d)))
    t = g.node("Tanh", [either(g, "Mul", inner, scalar(g, np.sqrt(2 / np.pi), d))])
    return either(g, "Mul", either(g, "Mul", v, scalar(g, 0.5, d)), either(g, "Add", t, scalar(g, 1, d)))


def swish(g, v):
    x = v if g.chance(0.6) else either(g, "Mul", v, scalar(g, 1.702, g.a(v).dtype))
    return either(g, "Mul", v, g.node("Sigmoid", [x]))


def hard_swish(g, v):
    d = g.a(v).dtype
    if g.chance(0.4):
        return either(g, "Mul", v, g.node("HardSigmoid", [v], alpha=off(g, 1 / 6)))
    c = g.node("Clip", [either(g, "Add", v, scalar(g, 3, d)), g.const(0, d), g.const(6, d)])
    return g.node("Div", [either(g, "Mul", v, c), scalar(g, 6, d)])


def mish(g, v):
    return either(g, "Mul", v, g.node("Tanh", [g.node("Softplus", [v])]))


def floats(g, **more):
    return g.value((np.float32, np.float32, np.float64, np.float16), **more)


@family(4)
def activations(g):
    activation(g, floats(g))


@family(5)
def linear(g):
    v = floats(g, least=2, test=lambda x: 0 < x.size <= 2000)
    x = g.a(v)
    k, n = x.shape[-1], g.size()
    if g.chance(0.3):
        v = g.node("Reshape", [v, g.const([-1, k])])
    w = g.new(g.array(x.dtype, [k, n], -1, 1), constant=g.chance(0.85))
    if g.chance(0.4) and g.a(v).ndim == 2:
        y = g.node("Gemm", [v, w, g.new(g.array(x.dtype, [n]))], alpha=g.pick([None, 0.5]))
    else:
        y = g.node("MatMul", [v, w])
        for _ in range(g.int(0, 2)):
            y = either(g, g.pick(["Add", "Add", "Mul"]), y, g.new(g.array(x.dtype, g.pick([[n], [], [1, n]])), constant=g.chance(0.85)))
    if g.chance(0.3):
        other = g.find(lambda a: a.shape == g.a(y).shape and a.dtype == x.dtype)
        if other:
            y = either(g, "Add", y, other)
    y = activation(g, y)
    if g.chance(0.4) and g.a(y).ndim == 2 and x.ndim > 2:
        g.node("Reshape", [y, g.const([*x.shape[:-1], n])])


@family(5)
def conv_block(g):
    v = floats(g, rank=g.pick([3, 4, 4]), test=lambda x: 0 < x.size <= 2000)
    x = g.a(v)
    d, c, m = x.dtype, x.shape[1], g.int(1, 6)
    n = x.ndim - 2
    k = [g.int(1, min(3, s)) for s in x.shape[2:]]
    depthwise = g.chance(0.3)
    m = c if depthwise else m
    transposed = not depthwise and g.chance(0.2)
    w = g.array(d, [c, m, *k] if transposed else [m, 1 if depthwise else c, *k], -1, 1)
    bias = [g.new(g.array(d, [m]), constant=True)] if g.chance(0.5) else []
    y = g.node("ConvTranspose" if transposed else "Conv", [v, g.new(w, constant=g.chance(0.9))] + bias, pads=g.pick([None, [a // 2 for a in k] * 2]), group=c if depthwise else None)
    for _ in range(g.int(0, 2)):
        kind = g.int(0, 3)
        if kind == 0:
            par = [g.new(g.array(d, [m], lo, hi), constant=True) for lo, hi in ((-2, 2), (-2, 2), (-2, 2), (0.1, 2))]
            y = g.node("BatchNormalization", [y] + par)
        elif kind == 1:
            y = either(g, g.pick(["Mul", "Add", "Sub"]), y, g.new(g.array(d, g.pick([[m] + [1] * n, [1, m] + [1] * n, []])), constant=True))
        elif kind == 2:
            y = g.node("Div", [y, g.new(g.array(d, g.pick([[m] + [1] * n, []]), 0.3, 3), constant=True)])
        else:
            other = g.find(lambda a: a.shape == g.a(y).shape and a.dtype == d)
            y = either(g, "Add", y, other or g.new(g.array(d, g.a(y).shape)))
    activation(g, y)


@family(3)
def norm_spelled(g):
    v = floats(g, least=1, test=lambda x: x.size > 0)
    x = g.a(v)
    d, axis = x.dtype, -1 if g.chance(0.7) else g.int(0, x.ndim - 1)

    def mean(a):
        if g.opset >= 18:
            return g.node("ReduceMean", [a, g.const([axis])], keepdims=1)
        return g.node("ReduceMean", [a], axes=[axis], keepdims=1)
    c = v if g.chance(0.3) else g.node("Sub", [v, mean(v)])
    square = g.node("Pow", [c, scalar(g, 2, d)]) if g.chance(0.5) else g.node("Mul", [c, c])
    s = g.node("Sqrt", [either(g, "Add", mean(square), scalar(g, 1e-3, d))])
    y = g.node("Div", [c, s]) if g.chance(0.6) else either(g, "Mul", c, g.node("Reciprocal", [s]))
    n = [x.shape[axis]] + [1] * (0 if axis == -1 else x.ndim - 1 - axis)
    if g.chance(0.7):
        y = either(g, "Mul", y, g.new(g.array(d, n), constant=g.chance(0.8)))
    if g.chance(0.6):
        either(g, "Add", y, g.new(g.array(d, n), constant=g.chance(0.8)))


@family(2)
def softmax_spelled(g):
    v = floats(g, least=1, test=lambda x: x.size > 0)
    axis = g.int(-g.a(v).ndim, -1)

    def reduce(op, a):
        if op == "ReduceSum" or g.opset >= 18:
            return g.node(op, [a, g.const([axis])], keepdims=1)
        return g.node(op, [a], axes=[axis], keepdims=1)
    x = v if g.chance(0.3) else g.node("Sub", [v, reduce("ReduceMax", v)])
    e = g.node("Exp", [x])
    g.node("Div", [e, reduce("ReduceSum", e)])


@family(4)
def attention_spelled(g):
    b, h, t, s, d, dv = g.int(1, 2), g.int(1, 3), g.int(1, 6), g.int(1, 6), g.int(1, 8), g.int(1, 8)
    four = g.chance(0.8)
    lead = [b, h] if four else [b]
    dtype = g.pick([np.float32, np.float32, np.float16, np.float64])
    q, v = (g.value([dtype], shape=lead + z, lo=-4, hi=4) for z in ([t, d], [s, dv]))
    scale = scalar(g, 1 / np.sqrt(d), dtype)
    if g.chance(0.3):
        q = either(g, "Mul", q, scale)
    if g.chance(0.6):
        perm = [0, 1, 3, 2] if four else [0, 2, 1]
        k = g.node("Transpose", [g.value([dtype], shape=lead + [s, d], lo=-4, hi=4)], perm=perm)
    else:
        k = g.value([dtype], shape=lead + [d, s], lo=-4, hi=4)
    x = g.node("MatMul", [q, k])
    if g.chance(0.6):
        x = either(g, "Mul", x, scale) if g.chance(0.5) else g.node("Div", [x, scalar(g, np.sqrt(d), dtype)])
    if g.chance(0.5):
        mask = np.where(g.rng.random(g.pick([[t, s], [1, 1, t, s], [s], [b, 1, 1, s]] if four else [[t, s], [s]])) < 0.3, -1e4, 0.0)
        x = either(g, "Add", x, g.new(mask.astype(dtype)))
    elif g.chance(0.3):
        x = g.node("Where", [g.new(g.array(np.bool_, [t, s])), x, g.const(-1e4, dtype)])
    p = g.node("Softmax", [x], axis=-1 if g.chance(0.9) else len(lead))
    y = g.node("MatMul", [p, v])
    if four and g.chance(0.6):
        y = g.node("Transpose", [y], perm=[0, 2, 1, 3])
        g.node("Reshape", [y, g.const(g.pick([[0, 0, -1], [b, t, h * dv]]))])


@family(5)
def transposed(g):
    """Transpose, something that keeps places, and back, or nearly back."""
    v = g.value((np.float32, np.float32, np.float64, np.int32), least=2)
    n = g.a(v).ndim
    perm = [int(i) for i in g.rng.permutation(n)]
    y = g.node("Transpose", [v], perm=perm)
    for _ in range(g.int(0, 3)):
        kind = g.int(0, 4)
        if kind == 0:
            y = g.node(g.pick(["Relu", "Neg", "Abs"]), [y])
        elif kind == 1:
            y = either(g, g.pick(["Add", "Mul", "Max"]), y, g.partner(y))
        elif kind == 2:
            axis = g.int(0, g.a(y).ndim - 1)
            y = g.node("Concat", [y, g.pick([y, v]) if g.a(v).shape == g.a(y).shape else y], axis=axis)
        elif kind == 3 and g.a(y).ndim > 1:
            y = g.node("ReduceSum", [y, g.const([g.int(0, g.a(y).ndim - 1)])], keepdims=g.int(0, 1))
        elif g.a(y).ndim:
            y = g.node("Pad", [y, g.const([g.int(0, 1) for _ in range(2 * g.a(y).ndim)])])
    if g.a(y).ndim == n:
        back = [perm.index(i) for i in range(n)] if g.chance(0.75) else [int(i) for i in g.rng.permutation(n)]
        g.node("Transpose", [y], perm=back)


@family(4)
def shape_arithmetic(g):
    v = g.value((np.float32, np.float32, np.int64), least=2, test=lambda x: x.size > 0)
    x = g.a(v)
    s = g.node("Shape", [v])
    kind = g.int(0, 3)
    if kind == 0:
        parts = [g.node("Gather", [s, g.const([i])]) for i in range(g.int(1, x.ndim - 1))]
        return g.node("Reshape", [v, g.node("Concat", parts + [g.const([-1])], axis=0)])
    if kind == 1:
        i = g.int(0, x.ndim - 1)
        d = g.node("Gather", [s, g.const(i)])
        half = g.node("Div", [d, g.const(2)])
        return g.node("Slice", [v, g.const([0]) if g.chance(0.5) else g.node("Unsqueeze", [g.node("Sub", [d, half]), g.const([0])]),
                                g.node("Unsqueeze", [half if g.chance(0.5) else d, g.const([0])]), g.const([i])])
    if kind == 2:
        z = g.node("ConstantOfShape", [s if g.chance(0.7) else g.node("Slice", [s, g.const([1]), g.const([9])])])
        return either(g, "Add", z, v) if x.dtype == np.float32 else z
    lo, hi = sorted((g.int(0, x.ndim), g.int(0, x.ndim)))
    head, tail = g.node("Slice", [s, g.const([0]), g.const([lo])]), g.node("Slice", [s, g.const([lo]), g.const([99])])
    p = g.node("ReduceProd", [tail, g.const([0])] if g.opset >= 18 else [tail], keepdims=1)
    g.node("Reshape", [v, g.node("Concat", [head, p], axis=0)])


@family(5)
def algebra(g):
    """Chains with constants that the algebra knows."""
    v = g.value((np.float32, np.float32, np.float16, np.float64, np.int32, np.int64, np.uint8))
    d = g.a(v).dtype
    for _ in range(g.int(2, 5)):
        kind = g.int(0, 10)
        c = g.pick([0, 1, 2, 3, 0.5, -1, 4, 0.25]) if d.kind not in "iu" else g.pick([0, 1, 2, 3])
        k = g.new(np.full(g.pick([[], [1], list(g.a(v).shape)[-1:]]), c).astype(d), constant=True)
        if kind <= 2:
            v = either(g, g.pick(["Add", "Mul", "Mul"]), v, k)
        elif kind == 3:
            v = g.node("Sub", [v, k] if g.chance(0.7) else [k, v])
        elif kind == 4 and c:
            v = g.node("Div", [v, k])
        elif kind == 5:
            v = g.node(g.pick(["Neg", "Abs"]) if d.kind != "u" else "Identity", [v])
        elif kind == 6:
            lo, hi = sorted(g.array(d, [2]).tolist())
            v = g.node("Clip", [v, g.const(lo, d) if g.chance(0.8) else "", g.const(hi, d) if g.chance(0.8) else ""])
        elif kind == 7:
            v = g.node(g.pick(["Max", "Min"]), [v, k])
        elif kind == 8 and d.kind not in "u":
            v = g.node("Relu", [v])
        elif kind == 9 and d.kind not in "iu":
            v = g.node(g.pick(["Floor", "Ceil", "Round", "Sign", "Sqrt", "Reciprocal"]), [v])
        else:
            v = g.node("Where", [g.const(g.chance(0.5), np.bool_) if g.chance(0.4) else g.partner(v, np.bool_), v, k if g.chance(0.6) else v])


@family(3)
def casts(g):
    v = g.value((np.float32, np.float16, np.int32, np.uint8, np.bool_, np.int8, np.int16), lo=0, hi=90) if g.chance(0.9) else g.value([np.bool_])
    for _ in range(g.int(2, 4)):
        v = g.node("Cast", [v], to=g.pick([1, 10, 11, 6, 7, 2, 9, 3, 5, 16]))


@family(3)
def twice(g):
    """A node once more, equal or nearly so."""
    from onnx import NodeProto
    old = [n for n in g.g.nodes[-8:] if n.op_type not in ("Constant", "If", "Loop", "Scan")]
    if not old:
        raise Unfit("nothing yet")
    n = NodeProto()
    n.CopyFrom(g.pick(old))
    outs = [g.fresh() if o else "" for o in n.output]
    del n.output[:]
    n.output.extend(outs)
    if len(n.input) > 1 and g.chance(0.3) and n.op_type in ("Add", "Mul", "Max", "Min", "Sub"):
        a, b = n.input[1], n.input[0]
        n.input[0], n.input[1] = a, b
    if any(n.input) or n.op_type != "Range":
        g.take(n)


@family(3)
def view_chain(g):
    v = g.value((np.float32, np.int64, np.bool_), test=lambda x: x.size > 0)
    for _ in range(g.int(2, 4)):
        x = g.a(v)
        kind = g.int(0, 4)
        if kind == 0:
            v = g.node("Flatten", [v], axis=g.int(0, x.ndim))
        elif kind == 1:
            v = g.node("Unsqueeze", [v, g.const([g.int(0, x.ndim)])])
        elif kind == 2:
            v = g.node("Reshape", [v, g.const([-1])])
        elif kind == 3 and x.ndim:
            v = g.node("Transpose", [v], perm=[int(i) for i in g.rng.permutation(x.ndim)])
        elif 1 in x.shape:
            v = g.node("Squeeze", [v, g.const([x.shape.index(1)])])


@family(2)
def split_concat(g):
    v = g.value((np.float32, np.int32), least=1, test=lambda x: x.size > 0)
    x = g.a(v)
    axis = g.int(0, x.ndim - 1)
    k = g.int(0, x.shape[axis])
    parts = list(g.node("Split", [v, g.const([k, x.shape[axis] - k])], outputs=2, axis=axis))
    if g.chance(0.3):
        parts[0] = g.node("Neg", [parts[0]])
    if g.chance(0.3):
        parts.reverse()
    g.node("Concat", parts, axis=axis)

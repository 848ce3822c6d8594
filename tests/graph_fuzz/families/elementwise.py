"""Operators whose elements are functions of elements."""
import numpy as np

from graph import FLOATS, NUMPY, ONNX, is_float
from grow import Unfit
from table import INTS, family


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
    if not is_float(g.a(a)) and exponent % 1 and g.a(a).min(initial=0) < 0:
        raise Unfit("no number, as an integer")
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

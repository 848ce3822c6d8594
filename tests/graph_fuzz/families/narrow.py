"""Numbers of 8, 4 and 2 bits that only ONNX has: casts there and back, moves between, quantization with a scale for all, an axis or blocks."""
import numpy as np

from graph import BF16, NARROW, ONNX
from grow import Unfit
from table import family

F = np.float32
SINCE = {"float8_e4m3fn": 19, "float8_e4m3fnuz": 19, "float8_e5m2": 19, "float8_e5m2fnuz": 19, "int4": 21, "uint4": 21, "float4_e2m1fn": 23, "float8_e8m0fnu": 24, "int2": 25, "uint2": 25}
LIMITS = {"int4": (-8, 7), "uint4": (0, 15), "int2": (-2, 1), "uint2": (0, 3), "float4_e2m1fn": (-6, 6), "float8_e8m0fnu": (0.01, 100)}

NAMED = {t.name: t for t in map(np.dtype, [*NARROW.values(), np.int8, np.uint8]) if t.name.startswith(("int", "uint"))}


def kind(g, but=()):
    found = [np.dtype(t) for t in NARROW.values() if SINCE[np.dtype(t).name] <= g.opset and np.dtype(t).name not in but]
    if not found:
        raise Unfit("opset")
    return g.pick(found)


def numbers(g, t, least=0):
    lo, hi = LIMITS.get(t.name, (-400, 400))
    return g.value([F, F, np.float16, BF16], least=least, lo=lo, hi=hi, test=lambda x: x.size > 0)


def back(g, v):
    """As numbers that other families take."""
    g.node("Cast", [v], to=g.pick([1, 1, 10, 16]))


def moved(g, v):
    """What moves elements without looking at them."""
    x = g.a(v)
    op = g.int(0, 6)
    if op == 0 and x.ndim > 1:
        return g.node("Transpose", [v], perm=[int(i) for i in g.rng.permutation(x.ndim)])
    if op == 1:
        return g.node("Reshape", [v, g.const([-1])])
    if op == 2:
        return g.node("Unsqueeze", [v, g.const([0])])
    if op == 3:
        return g.node("Identity", [v])
    if op == 4 and x.ndim:
        return g.node("Flatten", [v], axis=g.int(0, x.ndim))
    if op == 5:
        g.node("Shape", [v])
    return v


@family(4)
def there_and_back(g):
    t = kind(g)
    v = g.node("Cast", [numbers(g, t)], to=ONNX[t], saturate=g.pick([None, 0]) if t.name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz") else None)
    for _ in range(g.int(0, 2)):
        v = moved(g, v)
    back(g, v)


@family(1)
def given(g):
    """Elements that are narrow in the file, or come in so."""
    t = kind(g)
    lo, hi = LIMITS.get(t.name, (-400, 400))
    a = g.rng.uniform(lo, hi, g.shape(g.int(0, 3)))
    v = g.new((np.round(a) if "int" in t.name else a).astype(F).astype(t))
    back(g, moved(g, v))


@family(3)
def quantized_narrow(g):
    """QuantizeLinear and DequantizeLinear: a scale for all, for an axis, or for blocks."""
    t = kind(g, but=("float8_e8m0fnu",))
    how = g.pick(["all", "axis", "blocks"])
    a = g.value([F, F, np.float16] if g.opset >= 19 else [F], least=1, test=lambda x: x.size > 0)
    x = g.a(a)
    axis = g.int(0, x.ndim - 1)
    shape, block = [], None
    if how == "axis":
        shape = [x.shape[axis]]
    if how == "blocks":
        if g.opset < 21 or x.shape[axis] < 2:
            raise Unfit("no blocks")
        block = g.pick([k for k in range(1, x.shape[axis] + 1) if x.shape[axis] % k == 0])
        shape = list(x.shape)
        shape[axis] //= block
    scale = g.new(g.rng.uniform(0.1, 0.5, shape).astype(x.dtype), constant=g.chance(0.8))
    zero = np.zeros(shape) if "float" in t.name else g.rng.integers(0, 2, shape)
    pair = [scale, g.new(zero.astype(F).astype(t), constant=True)]
    attrs = {"axis": axis if how != "all" else None, "block_size": block}
    q = g.node("QuantizeLinear", [a] + pair, **attrs)
    if how == "all":
        q = moved(g, q)
    g.node("DequantizeLinear", [q] + pair, **attrs)


@family(2)
def packed_weights(g):
    """Weights of 2 to 8 bits in front of products, as quantizers write them: in blocks, or with a scale for each column; one weight for several products."""
    if g.opset < 21:
        raise Unfit("no blocks")
    t = np.dtype(g.pick([v for k, v in NAMED.items() if SINCE.get(k, 1) <= g.opset]))
    k, n, turned, d = g.pick([16, 20, 32, 48, 64, 130]), g.int(1, 6), g.chance(0.5), g.pick([F, F, np.float16])
    block = g.pick([None, 8, 16, 16, 32, 32, 48, 64, 256])
    lo, hi = LIMITS.get(t.name, (-100, 100) if t.kind == "i" else (0, 200))
    some = lambda shape: g.new(g.rng.integers(lo, hi + 1, shape).astype(t), constant=g.chance(0.97))
    sized = lambda count: [n, count] if turned else [count, n]
    scales = sized(-(-k // block)) if block else [n]
    ins = [some(sized(k)), g.new(g.rng.uniform(0.01, 0.2, scales).astype(d), constant=True)] + ([some(scales)] if g.chance(0.6) else [])
    w = g.node("DequantizeLinear", ins, axis=int(turned == bool(block)), block_size=block)
    gemm = g.chance(0.4)
    if turned and not gemm:
        w = g.node("Transpose", [w], perm=g.pick([[1, 0], None]))
    for _ in range(g.pick([1, 1, 2])):
        if not gemm:
            g.node("MatMul", [g.value([d], shape=g.pick([[k], [g.int(1, 12), k], [2, g.int(1, 3), k]])), w])
            continue
        m, trans = g.int(1, 12), g.chance(0.3)
        a = g.value([d], shape=[k, m] if trans else [m, k])
        c = [g.new(g.array(d, g.pick([[n], [m, 1], []])))] if g.chance(0.6) else []
        g.node("Gemm", [a, w] + c, transA=int(trans), transB=int(turned), alpha=g.pick([None, 0.5]), beta=g.pick([None, None, 2.0, 0.0]))

"""Operators of com.microsoft, as onnxruntime's own optimizer and its quantizers write them."""
import numpy as np

from graph import BF16
from table import family

F = np.float32
HALVES = (F, F, F, np.float16, BF16)
MS = "com.microsoft"
EIGHT = (np.uint8, np.int8)


def near(g, d, shape, lo=-1.0, hi=1.0):
    return g.new(g.array(d, shape, lo, hi), constant=g.chance(0.8))


@family(2)
def activations(g):
    op = g.pick(["Gelu", "FastGelu", "QuickGelu", "BiasGelu"])
    a = g.value(HALVES if op != "Gelu" else (F,), least=1, test=lambda x: x.size > 0, lo=-4, hi=4)
    x = g.a(a)
    bias = [near(g, x.dtype, x.shape[-1:])] if op == "BiasGelu" or op == "FastGelu" and g.chance(0.5) else []
    g.node(op, [a] + bias, domain=MS, alpha=g.pick([None, 0.7]) if op == "QuickGelu" else None)


@family(2)
def fused_matmul(g):
    a = g.value((F, F, np.float64), rank=g.int(2, 3), test=lambda x: 0 < x.size <= 1500)
    x = g.a(a)
    ta, tb = g.int(0, 1), g.int(0, 1)
    k, n = x.shape[-2] if ta else x.shape[-1], g.int(1, 9)
    lead = list(x.shape[:-2]) if g.chance(0.5) else []
    g.node("FusedMatMul", [a, near(g, x.dtype, lead + ([n, k] if tb else [k, n]))], domain=MS, transA=ta or None, transB=tb or None, alpha=g.pick([None, 0.3, 2.0]))


@family(1)
def fused_gemm(g):
    a = g.value([F], rank=2, test=lambda x: 0 < x.size <= 1500)
    k, n = g.a(a).shape[1], g.int(1, 9)
    act = g.pick(["Relu", "LeakyRelu", "Sigmoid", "Tanh"])
    g.node("FusedGemm", [a, near(g, F, [k, n]), near(g, F, [n])], domain=MS, activation=act, activation_alpha=0.2 if act == "LeakyRelu" else None, alpha=g.pick([None, 0.5]),
           beta=g.pick([None, 2.0]))


@family(1.5)
def fused_conv(g):
    a = g.value([F], rank=4, test=lambda x: 0 < x.size <= 1500)
    x = g.a(a)
    c, m, k = x.shape[1], g.int(1, 4), [g.int(1, min(3, s)) for s in x.shape[2:]]
    act = g.pick(["Relu", "LeakyRelu", "Clip", "HardSigmoid", "Tanh", "Sigmoid"])
    params = {"LeakyRelu": [0.2], "Clip": [-0.5, 0.75], "HardSigmoid": [0.3, 0.4]}.get(act)
    ins = [a, near(g, F, [m, c, *k])] + ([near(g, F, [m])] if g.chance(0.6) else [])
    g.node("FusedConv", ins, domain=MS, activation=act, activation_params=params, strides=g.pick([None, [2, 1]]), pads=g.pick([None, [k[0] // 2, 0, 0, k[1] // 2]]))


@family(2)
def skip_norm(g):
    op = g.pick(["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"])
    b, s, d = g.int(1, 3), g.int(1, 5), g.int(2, 16)
    t = g.dtype(HALVES[:4])
    a = g.value([t], shape=[b, s, d])
    skip = near(g, t, g.pick([[b, s, d], [b, s, d], [1, s, d], [s, d]]))
    ins = [a, skip, near(g, t, [d])]
    if op[4] == "L":
        ins.append(near(g, t, [d]) if g.chance(0.7) else "")
    if g.chance(0.4):
        ins.append(near(g, t, [d]))
    g.node(op, ins if ins[-1] else ins[:-1], domain=MS, epsilon=g.pick([None, 1e-3]))


@family(1)
def embedded(g):
    b, s, d = g.int(1, 2), g.int(1, 5), g.int(2, 9)
    ids = lambda n, shape: g.new(g.array(np.int32, shape, 0, n - 1))
    kinds = g.chance(0.6)
    g.node("EmbedLayerNormalization", [ids(9, [b, s]), ids(2, [b, s]) if kinds else "", near(g, F, [9, d]), near(g, F, [6, d]), near(g, F, [2, d]) if kinds else "", near(g, F, [d]),
                                       near(g, F, [d])] + ([g.new((np.arange(s) < g.int(1, s)).astype(np.int32)[None].repeat(b, 0))] if g.chance(0.4) else []), outputs=2, domain=MS,
           epsilon=g.pick([None, 1e-3]))


@family(1)
def turned(g):
    b, s, n, h = g.int(1, 2), g.int(1, 5), g.int(1, 3), 2 * g.int(1, 4)
    four = g.chance(0.4)
    a = g.value([F], shape=[b, n, s, h] if four else [b, s, n * h])
    angles = g.rng.uniform(-3, 3, (8, h // 2))
    at = g.new(g.array(np.int64, [b, s], 0, 7)) if g.chance(0.6) else g.const([g.int(0, 8 - s)])
    g.node("RotaryEmbedding", [a, at, g.const(np.cos(angles), F), g.const(np.sin(angles), F)], domain=MS, interleaved=g.pick([None, 1]), num_heads=None if four else n,
           rotary_embedding_dim=None if four else h)


@family(2)
def heads(g):
    b, s, l, n, h = g.int(1, 2), g.int(1, 5), g.int(1, 6), g.int(1, 3), g.int(1, 6)
    d = n * h
    same = g.chance(0.5)
    l = s if same else l
    q, k, v = (g.value([F], shape=[b, t, d], lo=-4, hi=4) for t in (s, l, l))
    ins = [q, k, v, near(g, F, [3 * d]) if g.chance(0.3) else ""]
    ins.append(g.new((g.rng.random((b, l)) < 0.6) | (np.arange(l) == 0)) if g.chance(0.3) else "")
    if ins[-1]:
        ins[-1] = g.new(g.a(ins[-1]).astype(np.int32))
    ins.append(near(g, F, [g.pick([1, b]), g.pick([1, n]), s, l]) if g.chance(0.3) else "")
    while not ins[-1]:
        ins.pop()
    g.node("MultiHeadAttention", ins, domain=MS, num_heads=n, scale=g.pick([None, 0.2]), unidirectional=g.pick([None, 1]) if same else None)


@family(1)
def one_token_heads(g):
    """Over keys and values as they are, or over a past in buffers with room for more."""
    b, l, n, h = g.int(1, 2), g.int(1, 6), g.int(1, 3), g.int(1, 6)
    d, in_buffers = n * h, g.chance(0.5)
    q = g.value([F], shape=[b, 1, d], lo=-4, hi=4)
    past = g.int(0, l)
    seen = past + 1 if in_buffers else l
    mask = g.new(((g.rng.random((b, seen)) < 0.6) | (np.arange(seen) == 0)).astype(np.int32)) if g.chance(0.4) else ""
    if in_buffers:
        new, buffers = [near(g, F, [b, 1, d]) for _ in range(2)], [near(g, F, [b, n, l + 1, h]) for _ in range(2)]
        g.node("DecoderMaskedMultiHeadAttention", [q, *new, mask, "", *buffers, g.const([past], np.int32)], outputs=3, domain=MS, num_heads=n, past_present_share_buffer=1)
    else:
        ins = [q, *(near(g, F, [b, n, l, h]) for _ in range(2))]
        g.node("DecoderMaskedMultiHeadAttention", [*ins, mask] if mask else ins, domain=MS, num_heads=n, scale=g.pick([None, 0.2]))


@family(1)
def packed_heads(g):
    b, s, c, n, h = g.int(1, 2), g.int(1, 5), g.int(1, 6), g.int(1, 3), g.int(1, 6)
    d = n * h
    ins = [g.value([F], shape=[b, s, c], lo=-4, hi=4), near(g, F, [c, 3 * d]), near(g, F, [3 * d])]
    if g.chance(0.3):
        ins.append(g.new(g.array(np.int32, [b], 1, s)))
    g.node("Attention", ins, domain=MS, num_heads=n, unidirectional=g.pick([None, 1]), scale=g.pick([None, 0.9]))


@family(1)
def grouped_heads(g):
    b, s, kv, h = g.int(1, 2), g.int(1, 4), g.int(1, 2), 16
    n = kv * g.int(1, 2)
    past = g.int(1, 4) if g.chance(0.5) else 0
    s = 1 if past else s
    total = past + s
    vs = [near(g, F, [b, s, m * h]) for m in (n, kv, kv)]
    old = [near(g, F, [b, kv, past, h]) for _ in range(2)] if past else ["", ""]
    table = [g.const(f(np.outer(np.arange(16), 0.6 ** np.arange(h // 2))), F) for f in (np.cos, np.sin)] if g.chance(0.5) else []
    g.node("GroupQueryAttention", [*vs, *old, g.new(np.full([b], total - 1, np.int32)), g.const(total, np.int32), *table], outputs=3, domain=MS, num_heads=n, kv_num_heads=kv,
           do_rotary=1 if table else None, rotary_interleaved=g.pick([None, 1]) if table else None, softcap=g.pick([None, 1.5]), local_window_size=g.pick([None, 2]), scale=g.pick([None, 0.2]))


@family(2)
def packed_weights(g):
    bits, block = g.pick([4, 4, 8, 2]), g.pick([16, 32])
    blocks, n = g.int(1, 3), g.int(1, 9)
    k = blocks * block - (g.int(0, 15) if bits == 4 and g.chance(0.3) else 0)
    raw = lambda *s: g.new(g.rng.integers(0, 256, s).astype(np.uint8), constant=True)
    d = g.dtype([F, F, np.float16])
    a = g.value([d], shape=g.pick([[g.int(1, 4), k], [g.int(1, 2), g.int(1, 4), k]]))
    ins = [a, raw(n, blocks, block * bits // 8), g.new(g.rng.uniform(0.01, 0.08, (n, blocks)).astype(d), constant=True)]
    ins.append(raw(n, -(-blocks * bits // 8)) if g.chance(0.5) else "")
    ins += ["", near(g, d, [n])] if g.chance(0.3) else []
    while not ins[-1]:
        ins.pop()
    g.node("MatMulNBits", ins, domain=MS, K=k, N=n, bits=bits, block_size=block)


@family(1)
def packed_rows(g):
    bits, blocks, rows = g.pick([4, 8]), g.int(1, 3), g.int(1, 6)
    raw = lambda *s: g.new(g.rng.integers(0, 256, s).astype(np.uint8), constant=True)
    at = g.new(g.array(g.pick([np.int64, np.int32]), g.shape(g.int(0, 2)), 0, rows - 1))
    ins = [raw(rows, blocks * 16 * bits // 8), at, g.new(g.rng.uniform(0.01, 0.08, (rows, blocks)).astype(F), constant=True)]
    if g.chance(0.5):
        ins.append(raw(rows, -(-blocks * bits // 8)))
    g.node("GatherBlockQuantized", ins, domain=MS, block_size=16, bits=bits)


def likes(g, tokens, experts):
    """No two experts alike: which comes first would not be said."""
    return g.new(g.rng.permuted(np.tile(np.arange(experts) * 0.75 - 1, (tokens, 1)), axis=1).astype(F))


@family(1)
def experts(g):
    e, c, i, k = g.int(2, 4), g.int(1, 8), g.int(1, 9), g.int(1, 2)
    tokens = g.int(1, 6)
    act = g.pick(["relu", "gelu", "silu", "identity"])
    ins = [g.value([F], shape=[tokens, c], lo=-4, hi=4), likes(g, tokens, e), near(g, F, [e, i, c]), near(g, F, [e, i]), near(g, F, [e, c, i]), near(g, F, [e, c])]
    g.node("MoE", ins, domain=MS, k=k, activation_type=act, normalize_routing_weights=g.pick([None, 1]))


@family(1)
def packed_experts(g):
    e, c, tokens = g.int(2, 4), 32, g.int(1, 5)
    bits = g.pick([4, 8])
    raw = lambda *s: g.new(g.rng.integers(0, 256, s).astype(np.uint8), constant=True)
    scale = lambda: g.new((g.rng.uniform(0.02, 0.08, (e, c)) / 2 ** (bits - 2)).astype(F), constant=True)
    layer = lambda: [raw(e, c, c * bits // 8), scale(), near(g, F, [e, c])]
    g.node("QMoE", [g.value([F], shape=[tokens, c], lo=-4, hi=4), likes(g, tokens, e), *layer(), *layer()], domain=MS, k=g.int(1, 2), expert_weight_bits=bits,
           activation_type=g.pick(["silu", "relu", "gelu"]), weights_prepacked=0)


# ---------------------------------------------------------------- 8-bit numbers with a scale and a zero
def quant(g, t, shape=None, **more):
    """A value of 8 bits, its scale and its zero."""
    a = g.value([t], shape=shape, **more)
    return [a, *scaled(g, t)]


def scaled(g, t):
    zero = (0, 9) if t == np.uint8 else (-9, 9)
    return [g.new(np.asarray(g.rng.uniform(0.02, 0.2), F), constant=g.chance(0.85)), g.new(g.array(t, [], *zero), constant=g.chance(0.85))]


@family(3)
def on_eight_bits(g):
    t = g.pick(EIGHT)
    op = g.pick(["QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "QLinearWhere", "QLinearConcat"])
    some = lambda x: x.size > 0
    if op in ("QLinearAdd", "QLinearMul"):
        a = quant(g, t, test=some)
        return g.node(op, a + [g.partner(a[0]), *scaled(g, t)] + scaled(g, t), domain=MS)
    if op == "QLinearSigmoid":
        return g.node(op, quant(g, t, test=some) + scaled(g, t), domain=MS)
    if op == "QLinearLeakyRelu":
        return g.node(op, quant(g, t, test=some) + scaled(g, t), domain=MS, alpha=0.13)
    if op == "QLinearSoftmax":
        a = quant(g, t, least=1, test=some)
        return g.node(op, a + [g.const(0.0039, F), g.const(0 if t == np.uint8 else -128, t)], domain=MS, axis=g.int(0, g.a(a[0]).ndim - 1), opset=13)
    if op == "QLinearWhere":
        a = quant(g, t, test=some)
        return g.node(op, [g.partner(a[0], np.bool_)] + a + [g.partner(a[0]), *scaled(g, t)] + scaled(g, t), domain=MS)
    a = quant(g, t, least=1, test=some)
    x = g.a(a[0])
    axis, more = g.int(0, x.ndim - 1), []
    for _ in range(g.int(0, 2)):
        shape = list(x.shape)
        shape[axis] = g.int(1, 4)
        more += [g.new(g.array(t, shape)), *scaled(g, t)]
    g.node(op, scaled(g, t) + a + more, domain=MS, axis=axis)


@family(1.5)
def pools_of_eight_bits(g):
    t = g.pick(EIGHT)
    a = quant(g, t, shape=[g.int(1, 2), g.int(1, 3), g.int(2, 6), g.int(2, 6)])
    if g.chance(0.4):
        return g.node("QLinearGlobalAveragePool", a + scaled(g, t), domain=MS, channels_last=g.pick([None, 1]))
    g.node("QLinearAveragePool", a + scaled(g, t), domain=MS, kernel_shape=[g.int(1, 2), g.int(1, 2)], strides=g.pick([None, [2, 1]]), count_include_pad=g.pick([None, 1]))


@family(1)
def conv_of_eight_bits(g):
    c, m = g.int(1, 3), g.int(1, 3)
    x = quant(g, np.uint8, shape=[1, g.int(3, 6), g.int(3, 6), c])
    w = [g.new(g.array(np.int8, [m, c, g.int(1, 3), g.int(1, 3)], -60, 60), constant=True), g.new(g.rng.uniform(0.01, 0.05, m).astype(F), constant=True), g.const(np.zeros(m), np.int8)]
    b = [g.new(g.array(np.int32, [m], -90, 90), constant=True)] if g.chance(0.5) else []
    g.node("QLinearConv", x + w + scaled(g, np.uint8) + b, domain=MS, channels_last=1, strides=g.pick([None, [2, 1]]))


@family(1.5)
def integer_products(g):
    k, n = g.int(1, 16), g.int(1, 6)
    w = g.new(g.array(np.int8, [k, n], -60, 60), constant=True)
    per = g.pick([[], [n]])
    scale = g.new(g.rng.uniform(0.01, 0.05, per).astype(F), constant=True)
    zero = g.new(g.array(np.int8, per, -9, 9), constant=True) if g.chance(0.5) else ""
    bias = near(g, F, [n]) if g.chance(0.4) else ""
    if g.chance(0.5):
        ins = [g.value([F], shape=[g.int(1, 4), k], test=lambda x: np.any(x)), w, scale, zero, bias]
        op = "DynamicQuantizeMatMul"
    else:
        ins = [g.value([np.uint8], shape=[g.int(1, 4), k]), w, g.const(0.03, F), scale, g.const(g.int(0, 200), np.uint8), zero, bias]
        op = "MatMulIntegerToFloat"
    while not ins[-1]:
        ins.pop()
    g.node(op, ins, domain=MS)


@family(1)
def gemm_of_eight_bits(g):
    m, k, n = g.int(1, 4), g.int(1, 16), g.int(1, 6)
    left, right = g.chance(0.3), g.chance(0.3)
    per = g.pick([[], [n]])
    a = quant(g, np.uint8, shape=[k, m] if left else [m, k])
    w = [g.new(g.array(np.int8, [n, k] if right else [k, n], -60, 60), constant=True), g.new(g.rng.uniform(0.01, 0.05, per).astype(F), constant=True), g.new(g.array(np.int8, per, -9, 9), constant=True)]
    b = g.new(g.array(np.int32, [n], -90, 90), constant=True) if g.chance(0.5) else ""
    ins = a + w + [b] + (scaled(g, np.uint8) if g.chance(0.7) else [])
    while not ins[-1]:
        ins.pop()
    g.node("QGemm", ins, domain=MS, transA=int(left), transB=int(right), alpha=g.pick([None, 0.5, 2.0]))


@family(1)
def to_and_from(g):
    """QuantizeLinear and DequantizeLinear as quantizers write them, with 16 bits too."""
    t = g.pick([np.uint8, np.int8, np.uint16, np.int16])
    a = g.value([F], test=lambda x: x.size > 0)
    pair = [g.new(np.asarray(g.rng.uniform(0.02, 0.2), F), constant=True), g.new(g.array(t, [], 0, 9), constant=True)]
    g.node("DequantizeLinear", [g.node("QuantizeLinear", [a] + pair, domain=MS)] + pair, domain=MS)

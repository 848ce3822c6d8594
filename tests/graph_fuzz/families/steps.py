"""Steps in time, attention, losses, spectra."""
import numpy as np

from grow import Unfit
from table import INTS, family


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

"""What opsets 24 to 28 and the preview domains brought, and operators that few models carry."""
import numpy as np
from onnx import helper

from graph import BF16, ONNX
from grow import Unfit
from table import INTS, MOVED, family

F = np.float32
HALVES = (F, F, np.float16, BF16, np.float64)


def since(g, opset):
    if g.opset < opset:
        raise Unfit("opset")


@family(2)
def bit_cast(g):
    since(g, 26)
    kinds = {np.float32: (np.int32, np.uint32), np.float16: (np.int16, np.uint16), np.uint8: (np.int8,), np.int8: (np.uint8, ), np.int32: (np.uint32,), np.uint32: (np.int32,),
             np.int16: (np.uint16,), np.uint64: (np.int64,), np.int64: (np.uint64,)}
    v = g.value(list(kinds))
    g.node("BitCast", [v], to=ONNX[np.dtype(g.pick(kinds[g.a(v).dtype.type]))])


@family(2)
def running_product(g):
    since(g, 26)
    a = g.value([F, F, np.float64, np.float16, np.int32, np.int64], least=1, lo=-1.6, hi=1.6)
    n = g.a(a).ndim
    g.node("CumProd", [a, g.const(g.int(-n, n - 1), g.pick(INTS))], exclusive=g.pick([None, 1]), reverse=g.pick([None, 1]))


@family(2)
def into_cache(g):
    since(g, 24)
    a = g.value(MOVED, least=2)
    x = g.a(a)
    if not x.size:
        raise Unfit("empty")
    axis = g.int(1, x.ndim - 1)
    shape = list(x.shape)
    shape[axis] = g.int(1, x.shape[axis])
    mode = g.pick([None, "linear", "circular"])
    at = g.array(np.int64, [x.shape[0]], 0, x.shape[axis] - (1 if mode == "circular" else shape[axis]))
    g.node("TensorScatter", [a, g.new(g.array(x.dtype, shape))] + ([g.new(at)] if g.chance(0.8) else []), axis=axis - (x.ndim if g.chance(0.3) else 0), mode=mode)


@family(2)
def swiglu(g):
    since(g, 28)
    a = g.value(HALVES)
    g.node("SwiGLU", [a, g.new(g.array(g.a(a).dtype, g.a(a).shape))], alpha=g.pick([None, 1.7]))


@family(1.5)
def linear_attention(g):
    since(g, 27)
    b, t, h, dk, dv = g.int(1, 2), g.int(1, 5), g.int(1, 2), g.int(1, 5), g.int(1, 5)
    q = h * g.int(1, 2)
    d = g.dtype([F])  # by the standard no f64
    near = lambda shape, lo=-1.0, hi=1.0: g.new(g.array(d, shape, lo, hi))
    rule = g.pick(["linear", "gated", "delta", "gated_delta"])
    ins = [g.value([d], shape=[b, t, q * dk], lo=-4, hi=4), near([b, t, h * dk], -0.5, 0.5), near([b, t, h * dv]), near([b, h, dk, dv]) if g.chance(0.5) else ""]
    ins.append(near([b, t, g.pick([h, h * dk])], -1.0, -0.1) if "gated" in rule else "")
    ins.append(near([b, t, g.pick([h, 1])], 0.1, 0.9) if "delta" in rule else "")
    while not ins[-1]:
        ins.pop()
    g.node("LinearAttention", ins, outputs=2, q_num_heads=q, kv_num_heads=h, update_rule=rule, scale=g.pick([None, 0.5]))


@family(1.5)
def causal_conv(g):
    since(g, 27)
    a = g.value((F,), rank=3, test=lambda x: 0 < x.size <= 1500)
    x = g.a(a)
    k = g.int(1, 4)
    near = lambda *shape: g.new(g.array(x.dtype, shape, -1, 1))
    ins = [a, near(x.shape[1], 1, k), near(x.shape[1]) if g.chance(0.5) else "", near(x.shape[0], x.shape[1], k - 1) if g.chance(0.5) else ""]
    g.node("CausalConvWithState", ins, outputs=2, activation=g.pick([None, "silu", "swish", "none"]))


def modifier(g, d, shape):
    """A body that takes a tensor of this shape and gives one."""
    factor = helper.make_tensor("by", ONNX[d], [], np.full([], 0.5, d).tobytes(), raw=True)
    steps = g.pick([["Tanh"], ["Mul"], ["Mul", "Tanh"], ["Relu"]])
    nodes, at = [helper.make_node("Constant", [], ["by"], value=factor)], "s"
    for k, op in enumerate(steps):
        nodes.append(helper.make_node(op, [at, "by"] if op == "Mul" else [at], [f"s{k}"]))
        at = f"s{k}"
    kind = lambda n: helper.make_tensor_value_info(n, ONNX[d], shape)
    return helper.make_graph(nodes, "body", [kind("s")], [kind(at)])


@family(1)
def flex_attention(g):
    b, h, q, k, d = g.int(1, 2), g.int(1, 2), g.int(1, 4), g.int(1, 5), g.int(1, 6)
    group = g.int(1, 2)
    t = np.dtype(F)  # the peer has the root of its scale in f32
    vs = [g.value([t], shape=s, lo=-4, hi=4) for s in ([b, h * group, q, d], [b, h, k, d], [b, h, k, d])]
    bodies = {name: modifier(g, t, [b, h * group, q, k]) for name in ("score_mod", "prob_mod") if g.chance(0.5)}
    g.node("FlexAttention", vs, domain="ai.onnx.preview", scale=g.pick([None, 0.3]), **bodies)


@family(1)
def training_step(g):
    op = g.pick(["Adagrad", "Adam", "Momentum"])
    a = g.value([F, F, np.float64], test=lambda x: x.size > 0)
    x = g.a(a)
    near = lambda lo=-1.0, hi=1.0: g.new(g.array(x.dtype, x.shape, lo, hi))
    # the peer takes 1 - norm_coefficient_post in f32
    states = {"Adagrad": lambda: [near(0.0)], "Adam": lambda: [near(), near(0.0)], "Momentum": lambda: [near()]}[op]()
    attrs = {"Adagrad": {"decay_factor": 0.1, "epsilon": 1e-3}, "Adam": {"alpha": 0.9, "beta": 0.99, "epsilon": 1e-3, "norm_coefficient_post": g.pick([0.0, 0.01]) if x.dtype == F else 0.0},
             "Momentum": {"alpha": 0.9, "beta": g.pick([0.5, 1.0]), "mode": g.pick(["standard", "nesterov"])}}[op]
    rate, turn = g.const(0.1, x.dtype), g.const(g.int(0, 5))
    g.node(op, [rate, turn, a, near(), *states], outputs=2 if op != "Adam" else 3, domain="ai.onnx.preview.training", norm_coefficient=g.pick([0.0, 0.01]), **attrs)


@family(1)
def affine_grid(g):
    since(g, 20)
    n, d = g.int(1, 2), g.pick([2, 2, 3])
    theta, corners = g.value([F, np.float64], shape=[n, d, d + 1]), g.pick([None, 0, 1])
    least = 2 if corners else 1  # one place between two corners lies elsewhere with each peer
    g.node("AffineGrid", [theta, g.const([n, g.int(1, 3)] + [g.int(least, 4) for _ in range(d)])], align_corners=corners)


@family(1)
def deformed(g):
    since(g, 19)
    a = g.value([F, np.float64], rank=4, test=lambda x: 0 < x.size <= 1000 and min(x.shape) > 0)
    x = g.a(a)
    k = [g.int(1, min(3, s)) for s in x.shape[2:]]
    out = [x.shape[0], 2 * k[0] * k[1], x.shape[2] - k[0] + 1, x.shape[3] - k[1] + 1]
    ins = [a, g.new(g.array(x.dtype, [g.int(1, 3), x.shape[1], *k], -1, 1)), g.new(g.array(x.dtype, out, -1, 1))]
    m = g.a(ins[1]).shape[0]
    if g.chance(0.6):
        ins.append(g.new(g.array(x.dtype, [m])))
        if g.chance(0.6):
            ins.append(g.new(g.array(x.dtype, [out[0], k[0] * k[1], *out[2:]], 0, 1)))
    g.node("DeformConv", ins, kernel_shape=k, pads=[0, 0, 0, 0])


@family(1)
def global_lp(g):
    g.node("GlobalLpPool", [g.value([F], rank=g.int(3, 5), test=lambda x: x.size > 0)], p=g.pick([1, 2, 3]))


@family(1)
def regions_max(g):
    a = g.value([F], rank=4, test=lambda x: 0 < x.size <= 2000)
    n, x = g.int(1, 3), g.a(a)
    lo = g.rng.integers(0, 2, (n, 2))
    rois = np.concatenate([g.rng.integers(0, x.shape[0], (n, 1)), lo, lo + g.rng.integers(0, 5, (n, 2))], 1).astype(F)
    g.node("MaxRoiPool", [a, g.new(rois)], pooled_shape=[g.int(1, 3), g.int(1, 3)], spatial_scale=g.pick([1.0, 0.5]))


@family(1)
def unpool(g):
    n = g.int(1, 2)
    a = g.value([F], rank=n + 2, test=lambda x: x.size > 0 and min(x.shape[2:]) > 1)
    x = g.rng.permutation(g.a(a).size).reshape(g.a(a).shape).astype(F)
    k = [g.int(1, 2)] * n
    y, at = g.node("MaxPool", [g.new(x)], outputs=2, kernel_shape=k, strides=k)
    g.node("MaxUnpool", [y, at], kernel_shape=k, strides=k)


@family(1)
def mel(g):
    since(g, 17)
    g.node("MelWeightMatrix", [g.const(g.int(2, 6)), g.const(g.pick([8, 16, 32])), g.const(8000), g.const(g.pick([0.0, 100.0]), F), g.const(g.pick([3000.0, 4000.0]), F)])


@family(1)
def stft(g):
    since(g, 17)
    n = g.int(8, 20)
    frame = g.pick([2, 4, 5, 8])
    a = g.value([F, F, np.float64], shape=[g.int(1, 2), n, 1])
    window = g.new(g.array(g.a(a).dtype, [frame], 0.1, 1.0)) if g.chance(0.6) else ""
    g.node("STFT", [a, g.const(g.int(1, 4)), window, g.const(frame)] if g.chance(0.8) or not window else [a, g.const(g.int(1, 4)), window], onesided=g.pick([None, 0, 1]))


@family(1)
def simplified_norm(g):
    a = g.value([F, np.float64], least=1, test=lambda x: x.size > 0)
    axis = g.int(0, g.a(a).ndim - 1)
    g.node("SimplifiedLayerNormalization", [a, g.new(g.array(g.a(a).dtype, g.a(a).shape[axis:], -1, 1))], axis=axis, epsilon=g.pick([None, 1e-3]))

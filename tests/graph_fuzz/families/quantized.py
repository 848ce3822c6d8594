"""Quantization, and products of 8-bit integers."""
import numpy as np

from table import family


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

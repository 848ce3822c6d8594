"""Types that an operator takes though no peer runs it with them: what onnxruntime says of the same in another type, and what NumPy makes of it.

make_untested_cases.py writes what make() gives: name -> (model, inputs by name, outputs, tolerance or None).
"""
import itertools

import ml_dtypes
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(11)
CASES = {}
INTEGERS = [np.dtype(f"{sign}int{bits}").type for sign in ("", "u") for bits in (8, 16, 32, 64)]
FLOAT8 = {"e4m3fn": ml_dtypes.float8_e4m3fn, "e4m3fnuz": ml_dtypes.float8_e4m3fnuz, "e5m2": ml_dtypes.float8_e5m2, "e5m2fnuz": ml_dtypes.float8_e5m2fnuz}
FLOATS = {"f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64}
LOOSE = {"bf16": "6e-2 3e-2", "f16": "1e-2 2e-3"}


def code_of(array):
    return TensorProto.STRING if array.dtype == object else helper.np_dtype_to_tensor_dtype(array.dtype)


def model_of(op, feed, out_codes, opset, constants=(), **attributes):
    """One node: all of feed, then the constants (name, array or None)."""
    outs = [f"y{i}" for i in range(len(out_codes))]
    node = helper.make_node(op, [*feed, *(n if v is not None else "" for n, v in constants)], outs, **attributes)
    info = [helper.make_tensor_value_info(n, code_of(v), v.shape) for n, v in feed.items()]
    held = [numpy_helper.from_array(v, n) for n, v in constants if v is not None]
    graph = helper.make_graph([node], "g", info, [helper.make_tensor_value_info(n, c, None) for n, c in zip(outs, out_codes)], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=11)


def case(name, op, feed, outs, opset, constants=(), bounds=None, **attributes):
    assert name not in CASES, name
    CASES[name] = model_of(op, feed, [code_of(v) for v in outs], opset, constants, **attributes), feed, outs, bounds


def said(op, feed, opset, constants=(), codes=None, **attributes):
    """What onnxruntime says, here of floats."""
    model = model_of(op, feed, codes or [TensorProto.FLOAT], opset, constants, **attributes)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feed)


def sampled():
    """GridSample of integers: "computed as floating point and cast to integer at the end"."""
    grid = rng.uniform(-1.3, 1.3, (1, 4, 5, 2)).astype(np.float32)
    for dtype, mode, outside in itertools.product(INTEGERS, ("nearest", "linear", "cubic"), ("zeros", "border", "reflection")):
        own = dict(mode=mode, padding_mode=outside)
        if mode != "nearest" and outside != "zeros" and dtype in (np.uint32, np.int64, np.uint64):
            continue  # beyond the border all are the same, whole numbers, which may be cut off one lower; these types are compared exactly
        x = rng.integers(0, 100, (1, 2, 6, 7)).astype(dtype)
        y = np.trunc(said("GridSample", dict(x=x.astype(np.float32), grid=grid), 22, **own)[0])
        y = np.maximum(y, np.iinfo(dtype).min)
        case(f"sampled_{mode}_{outside}_{dtype.__name__}", "GridSample", dict(x=x, grid=grid), [y.astype(dtype)], 22, bounds=None if mode == "nearest" else "0 1", **own)
    for mode in ("nearest", "linear"):
        x = rng.integers(0, 2, (1, 2, 6, 7)).astype(bool)
        y = said("GridSample", dict(x=x.astype(np.float32), grid=grid), 22, mode=mode)[0] != 0
        case(f"sampled_{mode}_bool", "GridSample", dict(x=x, grid=grid), [y], 22, mode=mode)
    places = np.arange(1, 13, dtype=np.float32).reshape(1, 1, 3, 4)
    x = np.array([f"t{i}" for i in range(12)], object)
    at = said("GridSample", dict(x=places, grid=grid), 22, mode="nearest")[0].astype(int)
    case("sampled_texts", "GridSample", dict(x=x.reshape(places.shape), grid=grid), [np.array(["", *x], object)[at]], 22, mode="nearest")


def blocks():
    """Col2Im of integers: Python's, of any length, wrapped at the end."""
    for dtype, step in itertools.product((*INTEGERS, np.bool_), (1, 2)):
        high, wide = (6 - 2) // step + 1, 6 - 3 + 1
        bits = 8 * np.dtype(dtype).itemsize
        x = rng.integers(0, 256, (1, 12, high * wide, bits // 8), np.uint8)
        x = (x % 2).astype(bool)[..., 0] if dtype is np.bool_ else x.view(dtype)[..., 0]
        sums = np.zeros((1, 2, 6, 6), object)
        for c, ky, kx, row, col in np.ndindex(2, 2, 3, high, wide):
            sums[0, c, row * step + ky, col + kx] += int(x[0, (c * 2 + ky) * 3 + kx, row * wide + col])
        y = (sums > 0).astype(bool) if dtype is np.bool_ else (sums % 2**bits).astype(f"u{bits // 8}").view(dtype)
        constants = [("image", np.array([6, 6])), ("block", np.array([2, 3]))]
        case(f"blocks_{step}_{dtype.__name__}", "Col2Im", dict(x=x), [y], 18, constants, strides=[step, 1])


def float8():
    for name, kind in FLOAT8.items():
        x = np.arange(256, dtype=np.uint8).view(kind)
        case(f"isnan_{name}", "IsNaN", dict(x=x), [np.isnan(x)], 20)
        for low, high in itertools.product((0, 1), (0, 1)):
            y = (np.isneginf(x) & bool(low)) | (np.isposinf(x) & bool(high))
            case(f"isinf_{name}_{low}{high}", "IsInf", dict(x=x), [y], 20, detect_negative=low, detect_positive=high)
        for left, right, to in itertools.product((np.int8, kind), (np.uint8, kind), (np.int8, kind)):
            if kind in (left, right, to):
                product(f"product_{name}_{left.__name__}_{right.__name__}_{to.__name__}", left, right, to)


def product(name, left, right, to):
    """QLinearMatMul with a scale for each row and each column."""
    a, b = (rng.integers(0, 100, shape).astype(np.float32).astype(kind) for shape, kind in (((3, 7), left), ((7, 5), right)))
    za, zb, zy = (np.full(n, 3 if kind in (np.int8, np.uint8) else 0).astype(kind) for n, kind in ((3, left), (5, right), (1, to)))
    sa, sb, sy = rng.uniform(0.01, 0.02, 3).astype(np.float32), rng.uniform(0.01, 0.02, 5).astype(np.float32), np.full(1, 0.05, np.float32)
    exact = [v.astype(np.float64) for v in (a, za, b, zb, zy)]
    y = (exact[0] - exact[1][:, None]) @ (exact[2] - exact[3]) * sa[:, None] * sb / sy + exact[4]
    y = np.clip(np.rint(y), -128, 127).astype(to) if to is np.int8 else y.astype(to)
    case(name, "QLinearMatMul", dict(a=a, sa=sa, za=za, b=b, sb=sb, zb=zb, sy=sy, zy=zy), [y], 21, bounds="0 1" if to is np.int8 else "0.13 0")  # a step either way


def bits():
    bytes_, fours, twos = (np.arange(n, dtype=np.uint8) for n in (256, 16, 4))
    for codes, kinds in ((bytes_, (np.int8, np.uint8, ml_dtypes.float8_e8m0fnu, *FLOAT8.values())),
                         (fours, (ml_dtypes.int4, ml_dtypes.uint4, ml_dtypes.float4_e2m1fn)), (twos, (ml_dtypes.int2, ml_dtypes.uint2))):
        for a, b in itertools.permutations(kinds, 2):
            case(f"bits_{a.__name__}_{b.__name__}", "BitCast", dict(x=codes.view(a)), [codes.view(b)], 26, to=helper.np_dtype_to_tensor_dtype(np.dtype(b)))


def texts():
    x = np.array(["b", "", "a", "abc", "b", "ab", "\u00e9", "", "B", "a", "z", "\U0001f600"], object)
    for shape in ((12,), (3, 4), (2, 3, 2)):
        v = x.reshape(shape)
        case(f"texts_nonzero_{len(shape)}", "NonZero", dict(x=v), [np.array(np.nonzero(v != ""))], 13)
        for upper, k in itertools.product((0, 1), (-1, 0, 1)) if len(shape) > 1 else ():
            keep = (np.triu if upper else np.tril)(np.ones(shape, int), k) > 0
            case(f"texts_trilu_{len(shape)}_{upper}_{k}", "Trilu", dict(x=v), [np.where(keep, v, "").astype(object)], 14, [("k", np.array(k))], upper=upper)
    for ordered in (0, 1):
        codes = [TensorProto.STRING] + [TensorProto.INT64] * 3
        y, *lists = said("Unique", dict(x=x), 11, codes=codes, sorted=ordered)
        case(f"texts_unique_{ordered}", "Unique", dict(x=x), [np.asarray(y, object), *lists], 11, sorted=ordered)
    rows = np.array([["a", "b"], ["", "b"], ["a", "b"], ["a", "ab"]], object)
    counts = [np.array(v) for v in ([1, 3, 0], [2, 0, 2, 1], [1, 1, 2])]
    case("texts_unique_rows", "Unique", dict(x=rows), [rows[[1, 3, 0]], *counts], 11, axis=0)
    places = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
    for rounding, sizes in itertools.product(("floor", "round_prefer_ceil"), ([1, 1, 5, 3], [1, 1, 2, 9])):
        own = dict(opset=19, constants=[("r", None), ("s", None), ("sizes", np.array(sizes))], mode="nearest", nearest_mode=rounding)
        at = said("Resize", dict(x=places), **own)[0].astype(int)
        case(f"texts_resize_{rounding}_{sizes[2]}", "Resize", dict(x=x.reshape(places.shape)), [x[at]], **own)
    case("texts_pad", "Pad", dict(x=x.reshape(3, 4)), [np.pad(x.reshape(3, 4), ((1, 0), (0, 2)), constant_values="")], 21, [("pads", np.array([1, 0, 0, 2]))])


def mixed():
    """Attention and RMSNormalization with two float types, in double."""
    for (one, of_q), (two, of_v) in itertools.permutations(FLOATS.items(), 2):
        bounds = LOOSE.get("bf16" if "bf16" in (one, two) else "f16" if "f16" in (one, two) else None)
        q, k, v = (rng.uniform(-1, 1, shape).astype(kind) for shape, kind in (((1, 2, 3, 8), of_q), ((1, 2, 5, 8), of_q), ((1, 2, 5, 6), of_v)))
        mask = rng.integers(-3, 4, (3, 5)).astype(rng.choice(INTEGERS[:4]))
        scores = q.astype(np.float64) @ k.astype(np.float64).swapaxes(2, 3) / np.sqrt(8) + mask
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        y = shares / shares.sum(-1, keepdims=True) @ v.astype(np.float64)
        case(f"attention_{one}_{two}", "Attention", dict(q=q, k=k, v=v, mask=mask), [y.astype(of_q)], 24, bounds=bounds)
        x, scale = rng.normal(0, 2, (3, 8)).astype(of_q), rng.normal(0, 1, 8).astype(of_v)
        wide = x.astype(np.float64)
        y = wide / np.sqrt((wide**2).mean(-1, keepdims=True) + 1e-5) * scale.astype(np.float64)
        case(f"rms_{one}_{two}", "RMSNormalization", dict(x=x, scale=scale), [y.astype(of_v)], 23, bounds=bounds or "1e-4 1e-5")


def complex_numbers():
    """What is linear in them: onnxruntime's answers for both parts. Scatter: NumPy's."""
    def numbers(kind, *shape):
        return (rng.integers(-9, 10, shape) + 1j * rng.integers(-9, 10, shape)).astype(kind)

    for kind in (np.complex64, np.complex128):
        def by_parts(name, op, x, feed, bounds=None, **own):
            re, im = (said(op, dict(x=part.astype(np.float32), **feed), **own)[0] for part in (x.real, x.imag))
            case(f"{name}_{kind.__name__}", op, dict(x=x, **feed), [(re + 1j * im).astype(kind)], bounds=bounds, **own)

        pixels, grid = numbers(kind, 1, 2, 6, 7), rng.uniform(-1.3, 1.3, (1, 4, 5, 2)).astype(np.float32)
        for mode in ("nearest", "linear", "cubic"):
            by_parts(f"sampled_{mode}", "GridSample", pixels, dict(grid=grid), opset=22, bounds="1e-4 1e-4", mode=mode, padding_mode="reflection")
            by_parts(f"resized_{mode}", "Resize", pixels, {}, opset=19, bounds="1e-4 1e-4", mode=mode, constants=[("r", None), ("s", None), ("sizes", np.array([1, 2, 9, 4]))])
        by_parts("blocks", "Col2Im", numbers(kind, 1, 8, 9), {}, opset=18, constants=[("image", np.array([6, 6])), ("block", np.array([2, 2]))], strides=[2, 2])
        data, at, updates = numbers(kind, 4, 3), np.array([[0], [-1], [0]]), numbers(kind, 3, 3)
        for mode, into in (("add", np.add), ("mul", np.multiply)):
            y, lines = data.copy(), data.copy()
            into.at(y, at[:, 0], updates)
            case(f"scatter_nd_{mode}_{kind.__name__}", "ScatterND", dict(x=data, at=at, updates=updates), [y], 18, reduction=mode)
            along = rng.integers(-4, 4, (2, 3))
            into.at(lines, (along, np.arange(3)), updates[:2])
            case(f"scatter_{mode}_{kind.__name__}", "ScatterElements", dict(x=data, at=along, updates=updates[:2]), [lines], 18, axis=0, reduction=mode)
        y = data.copy()
        y[[2, 0], 0] = updates[0, :2]
        case(f"scatter_old_{kind.__name__}", "Scatter", dict(x=data, at=np.array([[2], [0]]), updates=updates[0, :2].reshape(2, 1)), [y], 9)
        case(f"optional_{kind.__name__}", "OptionalGetElement", dict(x=data), [data], 18)
    bits = numbers(np.complex64, 5)
    case("bits_of_complex", "BitCast", dict(x=bits), [bits.view(np.int64)], 26, to=TensorProto.INT64)
    case("complex_of_bits", "BitCast", dict(x=bits.view(np.uint64)), [bits], 26, to=TensorProto.COMPLEX64)


def make():
    for part in (sampled, blocks, float8, bits, texts, mixed, complex_numbers):
        part()
    return CASES

"""Operators and forms that ONNX's own tests leave out, with onnxruntime's answers: pools over p-norms, regions, unpooling, Hardmax, every mode of
Resize and Upsample in each opset that changed them; what patterns say of texts, and what numbers they spell; pictures, as Pillow reads them; weights of 2 to 8 bits in front of products; random operators, judged by what their numbers look like; types that peers lack (type_cases.py); and sizes that only a run tells (size_cases.py).

  python tests/make_untested_cases.py OUT      needs numpy, onnx, onnxruntime, Pillow

Writes OUT/NAME/model.onnx and OUT/NAME/test_data_set_0/{input,output}_J.pb, the layout of ONNX's own backend tests. What onnxruntime refuses to
run is no case; how many of each operator is printed.
"""
import collections
import io
import itertools
import os
import shutil
import sys

import ml_dtypes
import numpy as np
import onnx
import onnx.reference
import onnxruntime
import size_cases
import type_cases
from PIL import Image
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(7)
CASES = {}


def model_of(nodes, inputs, outputs, opset, constants=()):
    info = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in inputs.items()]
    graph = helper.make_graph(nodes, "g", info, [helper.make_tensor_value_info(n, t, None) for n, t in outputs], [numpy_helper.from_array(v, n) for n, v in constants])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def case(name, op, x, opset=18, constants=(), out=None, given=(), **attributes):
    """One node: x, then the constants (name, array or None), then more inputs that are given (name, array)."""
    ins = ["x"] + [n if v is not None else "" for n, v in constants] + [n for n, _ in given]
    node = helper.make_node(op, ins, ["y"], **{k: v for k, v in attributes.items() if v is not None})
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(out or x.dtype))
    assert name not in CASES, name
    given = {"x": x, **dict(given)}
    CASES[name] = model_of([node], given, [("y", kind)], opset, [(n, v) for n, v in constants if v is not None]), given, None, None


def image(*shape, dtype=np.float32):
    return (rng.normal(0, 1, shape) if np.dtype(dtype).kind == "f" else rng.integers(0, 100, shape)).astype(dtype)


def pools():
    for p, shape in itertools.product((1, 2, 3), ((2, 3, 9), (1, 2, 6, 7), (1, 2, 4, 5, 6))):
        case(f"global_lp_{p}_{len(shape) - 2}d", "GlobalLpPool", image(*shape), p=p)
        rank = len(shape) - 2
        for k, (strides, pads, dilations, ceil, auto) in enumerate(
                ((1, 0, 1, 0, None), (2, 1, 1, 0, None), (2, 1, 1, 1, None), (1, 0, 2, 0, None), (2, None, 1, 0, "SAME_UPPER"), (2, None, 1, 0, "SAME_LOWER"), (2, None, 1, 0, "VALID"))):
            case(f"lp_{p}_{rank}d_{k}", "LpPool", image(*shape), p=p, kernel_shape=[3 if dilations == 1 else 2] * rank, strides=[strides] * rank, dilations=[dilations] * rank,
                 pads=None if pads is None else [pads] * (2 * rank), ceil_mode=ceil, auto_pad=auto)
    for scale, pooled in itertools.product((1.0, 0.5, 0.9), ([2, 2], [3, 1], [1, 1])):
        rois = np.array([[0, 0, 0, 7, 8], [1, 2, 1, 9, 11], [1, 4, 4, 5, 6], [0, 3, 3, 3, 3]], np.float32)
        case(f"regions_{scale}_{pooled[0]}{pooled[1]}", "MaxRoiPool", image(2, 3, 12, 10), constants=[("rois", rois)], pooled_shape=pooled, spatial_scale=scale)
    for rank, (strides, kernel) in itertools.product((1, 2, 3), ((2, 2), (1, 2), (3, 3))):
        x = image(1, 2, *[6, 12, 6][:rank])
        o = onnxruntime.InferenceSession(model_of([helper.make_node("MaxPool", ["x"], ["y", "at"], kernel_shape=[kernel] * rank, strides=[strides] * rank)], {"x": x},
                                                  [("y", TensorProto.FLOAT), ("at", TensorProto.INT64)], 18).SerializeToString())
        y, at = o.run(None, {"x": x})
        if strides >= kernel:
            case(f"unpool_{rank}d_{strides}", "MaxUnpool", y, constants=[("at", at)], kernel_shape=[kernel] * rank, strides=[strides] * rank)
    for opset, axis in itertools.product((11, 13), (0, 1, 2, -1, None)):
        case(f"hardmax_{opset}_{axis}", "Hardmax", image(2, 3, 4), opset, axis=axis)
        case(f"hardmax_{opset}_{axis}_ties", "Hardmax", np.ones((2, 3, 4), np.float32), opset, axis=axis)


PLACES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric", "tf_crop_and_resize")
ROUNDING = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def resize(name, x, scales=None, sizes=None, opset=18, **attributes):
    rank = x.ndim
    roi = np.array([0, 0, 0.14, 0.23, 1, 1, 0.83, 0.71], np.float32) if attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize" else None
    constants = [("roi", roi), ("scales", None if scales is None else np.array(scales, np.float32))] + ([("sizes", np.array(sizes, np.int64))] if sizes is not None else [])
    case(name, "Resize", x, opset, constants, **attributes)


def resizes():
    shapes = {"up": ([1, 1, 2.37, 1.73], None), "down": ([1, 1, 0.63, 0.43], None), "to": (None, [1, 2, 9, 3])}
    for (way, (scales, sizes)), places in itertools.product(shapes.items(), PLACES):
        if places in ("align_corners", "tf_crop_and_resize") and scales:  # onnxruntime rounds the size that the scales give, ONNX's tests do not
            scales = [1, 1, 2, 3] if way == "up" else [1, 1, 0.5, 0.5]
        own = dict(coordinate_transformation_mode=places, extrapolation_value=2.5 if places == "tf_crop_and_resize" else None)
        for opset in (11, 13, 18, 19) if places != "half_pixel_symmetric" else (19,):
            for rounding in ROUNDING:
                resize(f"resize{opset}_{way}_{places}_{rounding}", image(1, 2, 6, 8), scales, sizes, opset, mode="nearest", nearest_mode=rounding, **own)
            resize(f"resize{opset}_{way}_{places}_linear", image(1, 2, 6, 8), scales, sizes, opset, mode="linear", **own)
            for a, outside in ((-0.75, 0), (-0.5, 0), (-0.75, 1)):
                resize(f"resize{opset}_{way}_{places}_cubic_{a}_{outside}", image(1, 2, 6, 8), scales, sizes, opset, mode="cubic", cubic_coeff_a=a, exclude_outside=outside, **own)
    for mode, way in itertools.product(("linear", "cubic"), ("down", "to")):
        resize(f"resize_antialias_{mode}_{way}", image(1, 2, 9, 8), *shapes[way], 18, mode=mode, antialias=1)
        resize(f"resize_antialias_{mode}_{way}_inside", image(1, 2, 9, 8), *shapes[way], 18, mode=mode, antialias=1, exclude_outside=1)
    for policy, mode in itertools.product(("stretch", "not_larger", "not_smaller"), ("nearest", "linear")):
        resize(f"resize_{policy}_{mode}", image(1, 2, 5, 6), None, [8, 7], 18, mode=mode, keep_aspect_ratio_policy=policy, axes=[2, 3])
    resize("resize_axes", image(1, 2, 5, 6), [0.5, 2.0], None, 18, mode="linear", axes=[3, 2])
    resize("resize_one_dimension", image(1, 2, 7), [1, 1, 1.6], None, 18, mode="linear")
    resize("resize_three_dimensions", image(1, 1, 3, 4, 5), [1, 1, 2, 1.5, 0.7], None, 18, mode="linear")
    for dtype in (np.uint8, np.int8, np.int32, np.float16, np.float64):
        resize(f"resize_nearest_{np.dtype(dtype)}", image(1, 2, 5, 6, dtype=dtype), [1, 1, 2.5, 1.7], None, 18, mode="nearest")
    for opset, mode in itertools.product((7, 9), ("nearest", "linear")):
        own = dict(scales=[1.0, 1.0, 2.0, 3.0]) if opset == 7 else {}
        case(f"upsample{opset}_{mode}", "Upsample", image(1, 2, 4, 5), opset, [("scales", np.array([1, 1, 2, 3], np.float32))] if opset == 9 else [], mode=mode, **own)
    for mode, scales in itertools.product(("nearest", "linear"), ([1, 1, 2, 1.5], [1, 1, 0.5, 0.6])):
        case(f"resize10_{mode}_{scales[2]}", "Resize", image(1, 2, 6, 5), 10, [("scales", np.array(scales, np.float32))], mode=mode)
    case("resize10_nearest_both_ways", "Resize", image(1, 2, 6, 5), 10, [("scales", np.array([1, 1, 0.6, 1.7], np.float32))], mode="nearest")
    for scales in ([1, 1, 2, 1.5], [1, 1, 0.5, 0.6], [1, 1, 1.7, 0.6]):  # only the run knows them
        case(f"resize10_nearest_given_{scales[2]}", "Resize", image(1, 2, 6, 5), 10, given=[("scales", np.array(scales, np.float32))], mode="nearest")


# ---------------------------------------------------------------- random numbers: of very many the moments and shares, which are known
def looks(name, node, want, steps, inputs=None, error=0.02):
    """steps: (operator, attributes) from the numbers r to y; want: what y must be nearly."""
    nodes, at = [node], "r"
    for i, (op, more, attributes) in enumerate(steps):
        to = "y" if i + 1 == len(steps) else f"s{i}"
        nodes.append(helper.make_node(op, [at, *more], [to], **attributes))
        at = to
    constants = [("two", np.float32(2)), ("limit", np.float32(3.0))]
    model = model_of(nodes, inputs or {}, [("y", TensorProto.FLOAT)], 17, constants)
    CASES[name] = model, inputs or {}, [np.array(want, np.float32)], f"0 {error}"


def randoms():
    many, mean = [400, 250], [("Cast", [], dict(to=1)), ("ReduceMean", [], dict(keepdims=0))]
    square = [("Cast", [], dict(to=1)), ("Mul", [], {})]
    for seed, dtype in itertools.product((None, 5.0), (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)):
        own = dict(dtype=dtype, **({} if seed is None else {"seed": seed}))
        tag = f"{seed}_{dtype}"
        normal = lambda **k: helper.make_node("RandomNormal", [], ["r"], shape=many, mean=1.0, scale=2.0, **own, **k)
        uniform = lambda **k: helper.make_node("RandomUniform", [], ["r"], shape=many, low=-1.0, high=3.0, **own, **k)
        looks(f"normal_mean_{tag}", normal(), 1.0, mean, error=0.05)
        looks(f"normal_square_{tag}", normal(), 5.0, [("Cast", [], dict(to=1)), ("Pow", ["two"], {}), ("ReduceMean", [], dict(keepdims=0))], error=0.2)
        looks(f"normal_below_{tag}", normal(), 0.8413, [("Cast", [], dict(to=1)), ("Less", ["limit"], {}), *mean], error=0.01)  # one deviation above the mean
        looks(f"uniform_mean_{tag}", uniform(), 1.0, mean, error=0.03)
        looks(f"uniform_square_{tag}", uniform(), 7.0 / 3, [("Cast", [], dict(to=1)), ("Pow", ["two"], {}), ("ReduceMean", [], dict(keepdims=0))], error=0.05)
        looks(f"uniform_most_{tag}", uniform(), 3.0, [("Cast", [], dict(to=1)), ("ReduceMax", [], dict(keepdims=0))], error=0.01)
        looks(f"uniform_least_{tag}", uniform(), -1.0, [("Cast", [], dict(to=1)), ("ReduceMin", [], dict(keepdims=0))], error=0.01)
    x = np.zeros((400, 250), np.float32)
    looks("normal_like", helper.make_node("RandomNormalLike", ["x"], ["r"], mean=1.0, scale=2.0), 1.0, mean, {"x": x}, 0.05)
    looks("uniform_like", helper.make_node("RandomUniformLike", ["x"], ["r"], low=0.0, high=1.0), 0.5, mean, {"x": x}, 0.01)
    for p, dtype in itertools.product((0.0, 0.25, 0.9, 1.0), (TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64)):
        looks(f"bernoulli_{p}_{dtype}", helper.make_node("Bernoulli", ["x"], ["r"], dtype=dtype), p, mean, {"x": np.full((400, 250), p, np.float32)}, 0.01)
    for share, classes in ((0.7, 2), (0.1, 5)):
        others = [(1 - share) / (classes - 1)] * (classes - 1)
        logits = np.log(np.array([[*others, share]], np.float32))
        picked = [("Cast", [], dict(to=1)), ("ReduceMean", [], dict(keepdims=0))]
        want = sum(i * v for i, v in enumerate([*others, share]))
        for dtype in (TensorProto.INT32, TensorProto.INT64):
            looks(f"multinomial_{classes}_{dtype}", helper.make_node("Multinomial", ["x"], ["r"], sample_size=100000, dtype=dtype), want, picked, {"x": logits}, 0.03)


# ---------------------------------------------------------------- regular expressions: what RE2 says, of each pattern about each text
TEXTS = ["", "a", "ab", "abc", "aab", "k", "K", "s", "\u017f", "\u212a", "\u00e9", "\u00c9", "e\u0301", "\u03b1\u03c9", "\u0391", "\u65e5\u672c", "\U0001f600", "a.b", "a\x00b", "\x00",
         "\n", "a\n", "\na", "a\nb", "\x0b", "\t ", "_", "-", "]", "{", "a{,2}", "12", "3.14", "2026-11-27", "x@y.org", "a b", " a", "A", "AB", "~", "\x7f", "\u00a0"]
PATTERNS = ["", "a", "a|ab", "(a|ab)(c|bcd)?", "a*", "(a+)+b?", "[a-c]+", "[^a-c]+", ".", "..", "(?s).", "(?s).*", ".*", "a$", "(?m)a$\\n?", "^a", "(?m)\\n?^a", "\\Aa\\z", "(?m:^a$)\\n",
            "\\d+", "\\D+", "\\w+", "\\W+", "\\s+", "\\S+", "[\\d.-]+", "[^\\w\\s]", "[\\W]", "[\\D\\S]", "(?i)ab", "(?i)k", "(?i)[a-z]", "(?i)[^a-z]", "(?i)\\w", "(?i)\\W", "(?i)s(?-i)b?",
            "(?i)\u00e9", "(?i)[\u03b1-\u03c9]+", "(?i:a)b", "a(?i)b|c", "(?U)a+b", "a+?b", "a{2}b", "a{1,2}b", "a{0,}b", "a{,2}", "{", "\\]", "[]]", "[^]]", "[]-]", "[a-]", "[\\x00-\\x1f]", "\\x00",
            "a\\x{0}b", "\\x{e9}", "\\351", "\\Qa.b\\E", "\\Qa\\E{2}b", "\\v", "\\t\\x20", "\\pL+", "\\PL+", "\\p{Lu}", "\\p{^Lu}", "\\p{Greek}+", "[\\p{Han}\\d]+", "[[:alpha:]]+", "[[:^alpha:]]+", "[^[:space:]]+",
            "[[:punct:]]", "[:alpha:]+", "[=a=]", "[.a.]+", "[[:word:]]+", "(?i)[[:^lower:]]", "\\ba\\b", ".*\\b", "\\Ba?\\B", "(?P<y>\\d{4})-(?P<m>\\d\\d)-(?P<d>\\d\\d)", "(?<y>[0-9]+)-.*", "[\\w.+-]+@[\\w-]+\\.[\\w.-]+", "()", "(|a)b?", "(?:)", "a|", "\\_", "\\~"]


def patterns():
    for k, pattern in enumerate(PATTERNS):
        case(f"pattern_{k}", "RegexFullMatch", np.array(TEXTS, object), 20, out=bool, pattern=pattern)
    for shape in ((0,), (2, 0, 3), (), (2, 3, 7)):
        x = np.array(TEXTS[: max(1, int(np.prod(shape)))], object)[: int(np.prod(shape))].reshape(shape)
        case(f"pattern_shape_{len(shape)}_{x.size}", "RegexFullMatch", x, 20, out=bool, pattern="[^b]*")


# ---------------------------------------------------------------- numbers that texts spell, and texts of numbers whose spelling all agree on
SPELLED = {"f": "0 -0.5 +2.25 1e-5 1E8 .5 7. INF +inf -Inf NaN 0.47892547", "i": "0 -7 12 007 100 -128", "u": "0 7 012 200"}


def casts():
    for kind in (np.float32, np.float64, np.float16, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64):
        name, of = np.dtype(kind).name, np.dtype(kind)
        case(f"cast_text_{name}", "Cast", np.array(SPELLED[of.kind].split(), object), 21, out=kind, to=helper.np_dtype_to_tensor_dtype(of))
        numbers = [0.5, -2.25, 1000000, 0.001] if of.kind == "f" else [0, 7, np.iinfo(kind).min, np.iinfo(kind).max]
        if kind != np.float16:
            case(f"cast_{name}_text", "Cast", np.array(numbers, kind).reshape(2, 2), 21, out=object, to=TensorProto.STRING)


# ---------------------------------------------------------------- pictures: what Pillow makes of them; nothing, of what is none
def pictures():
    y, x = np.mgrid[0:19, 0:26]
    v = np.stack([x * 9, y * 12, (x * y) % 256], -1).astype(np.uint8)
    colours = Image.fromarray(v, "RGB")
    alpha = Image.fromarray(np.concatenate([v, v[..., 2:]], -1), "RGBA")
    kinds = {"bmp": ("BMP", {}), "jpeg": ("JPEG", {}), "jpeg420": ("JPEG", dict(subsampling=2, quality=60)), "jpeg422": ("JPEG", dict(subsampling=1)), "jp2": ("JPEG2000", {}), "png": ("PNG", {}),
             "tiff": ("TIFF", dict(compression="tiff_lzw")), "webp": ("WEBP", dict(lossless=True)), "pnm": ("PPM", {})}
    for (kind, (codec, how)), (tag, image), layout in itertools.product(kinds.items(), (("rgb", colours), ("rgba", alpha), ("grey", colours.convert("L"))), ("RGB", "BGR", "Grayscale", None)):
        if tag == "rgba" and kind not in ("png", "tiff", "jp2") or tag != "rgb" and layout is None:
            continue
        f = io.BytesIO()
        image.save(f, codec, **how)
        picture_case(f"{kind}_{tag}_{layout}", f.getvalue(), layout)
    f = io.BytesIO()
    colours.save(f, "PNG")
    for name, data in (("none", b""), ("text", b"this is no picture"), ("cut", f.getvalue()[:-20]), ("damaged", f.getvalue()[:60] + b"damage" + f.getvalue()[66:])):
        for layout in ("RGB", "Grayscale"):
            picture_case(f"{name}_{layout}", data, layout, np.zeros((0, 0, 1 if layout == "Grayscale" else 3), np.uint8))


def picture_case(name, data, layout, want=None):
    x = np.frombuffer(data, np.uint8)
    node = helper.make_node("ImageDecoder", ["x"], ["y"], **({"pixel_format": layout} if layout else {}))
    if want is None:
        rgb = Image.open(io.BytesIO(data))
        want = np.array(rgb.convert("L"))[..., None] if layout == "Grayscale" else np.array(rgb.convert("RGB"))[..., :: -1 if layout == "BGR" else 1]
    CASES[f"picture_{name}"] = model_of([node], {"x": x}, [("y", TensorProto.UINT8)], 20), {"x": x}, [want], None


# ---------------------------------------------------------------- weights that stay packed (src/pass/pack_weights.c)
def packed_case(name, kind, k, n, m, block=0, zeros=True, real=np.float32, form="matmul", uses=1, **gemm):
    """x[m][k] times a weight of `kind` in blocks of k, or with a scale for each column (block 0), in the form that the file has it."""
    signed, b = kind[0] == "i", int(kind[1:])
    low, high = (-(1 << b - 1), 1 << b - 1) if signed else (0, 1 << b)
    word, by_rows = f"{'' if signed else 'u'}int{b}", form != "matmul"
    dtype = np.dtype(getattr(ml_dtypes, word, word))
    pieces = form == "pieces"  # [n][k / block][block]
    some = lambda *shape: rng.integers(low, high, shape).astype(dtype)
    shape = lambda count: [n, count] if by_rows else [count, n]
    scales = [n] if not block else shape(-(-k // block)) + [1] * pieces
    constants = [("w", some(*([n, k // block, block] if pieces else shape(k)))), ("s", rng.uniform(0.01, 0.1, scales).astype(real))] + ([("z", some(*scales))] if zeros else [])
    nodes = [helper.make_node("DequantizeLinear", [c for c, _ in constants], ["d"], axis=2 if pieces else int(by_rows) if block else 1 - int(by_rows), block_size=block)]
    if pieces:
        constants.append(("n", np.array([n, -1])))
        nodes.append(helper.make_node("Reshape", ["d", "n"], ["r"]))
        nodes.append(helper.make_node("Transpose", ["r"], ["t"], perm=[1, 0]))
    if form == "transpose":
        nodes.append(helper.make_node("Transpose", ["d"], ["t"], perm=[1, 0]))
    inputs = {f"x{i}": rng.normal(0, 1, [k, m] if gemm.get("transA") else [*np.atleast_1d(m), k] if m else [k]).astype(real) for i in range(uses)}
    for i in range(uses):
        if form != "gemm":
            nodes.append(helper.make_node("MatMul", [f"x{i}", "d" if form == "matmul" else "t"], [f"y{i}"]))
        else:
            inputs["c"] = rng.normal(0, 1, n).astype(real)
            nodes.append(helper.make_node("Gemm", [f"x{i}", "d", "c"], [f"y{i}"], transB=1, **gemm))
    outs = [(f"y{i}", helper.np_dtype_to_tensor_dtype(np.dtype(real))) for i in range(uses)]
    model = model_of(nodes, inputs, outs, 25 if b == 2 else 21, constants)
    bounds = "2e-3 1e-2" if real == np.float16 else None  # there DequantizeLinear rounds a weight, which a kernel does not
    CASES[f"packed_{name}"] = model, inputs, plain_answers(model, inputs), bounds


def plain_answers(model, feed):
    """onnxruntime's without its rewrites, which would round x to 8 bits; the reference's where it has no kernel."""
    o = onnxruntime.SessionOptions()
    o.log_severity_level, o.graph_optimization_level = 4, onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), o, providers=["CPUExecutionProvider"]).run(None, feed)
    except Exception:
        return onnx.reference.ReferenceEvaluator(model).run(None, feed)


def packed():
    for kind in ("u4", "i4", "u8", "i8", "u2", "i2"):
        packed_case(f"{kind}", kind, 64, 6, 3, 32)
        packed_case(f"{kind}_no_zeros", kind, 64, 6, 3, 16, zeros=False)
        packed_case(f"{kind}_transpose", kind, 72, 5, 9, 16, form="transpose")
        packed_case(f"{kind}_gemm", kind, 40, 5, 2, 32, form="gemm", zeros=kind != "i4")
        packed_case(f"{kind}_columns", kind, 50, 7, 1, zeros=kind[0] == "u")
    for block in (64, 128, 256, 48, 8):
        packed_case(f"blocks_{block}", "u4", 300, 17, 11, block)
    packed_case("half", "u4", 64, 6, 3, 32, real=np.float16)
    packed_case("half_many_rows", "i4", 64, 33, 40, 16, real=np.float16, form="transpose")
    packed_case("half_gemm", "u4", 64, 6, 3, 32, real=np.float16, form="gemm")
    packed_case("batch", "u4", 96, 9, (2, 7), 32, uses=2)
    packed_case("vector", "i4", 96, 1030, 0, 32)
    packed_case("one_column", "u8", 96, 1, 12, 32)
    packed_case("gemm_scaled", "u4", 64, 6, 5, 32, form="gemm", alpha=0.5, beta=2.0, transA=1)
    packed_case("pieces", "u4", 64, 6, 3, 16, form="pieces")
    packed_case("pieces_no_zeros", "i8", 96, 6, 9, 32, zeros=False, form="pieces")
    packed_case("columns_transpose", "i8", 150, 12, 20, form="transpose", zeros=False)


# ---------------------------------------------------------------- writing
def write_tensor(path, array):
    with open(path, "wb") as f:
        f.write(numpy_helper.from_array(np.asarray(array, order="C")).SerializeToString(deterministic=True))


def write(folder, name):
    model, feed, outs, bounds = CASES[name]
    if outs is None:
        o = onnxruntime.SessionOptions()
        o.log_severity_level = 4
        outs = onnxruntime.InferenceSession(model.SerializeToString(), o, providers=["CPUExecutionProvider"]).run(None, feed)
    where = os.path.join(folder, name)
    os.makedirs(os.path.join(where, "test_data_set_0"))
    with open(os.path.join(where, "model.onnx"), "wb") as f:
        f.write(model.SerializeToString(deterministic=True))
    if bounds:
        with open(os.path.join(where, "tolerance.txt"), "w") as f:
            f.write(bounds)
    for side, values in (("input", feed.values()), ("output", outs)):
        for j, v in enumerate(values):
            write_tensor(os.path.join(where, "test_data_set_0", f"{side}_{j}.pb"), v)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for make in (pools, resizes, randoms, patterns, casts, pictures, packed):
        make()
    CASES.update(type_cases.make())
    CASES.update(size_cases.make())
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    made, without, why = collections.Counter(), collections.Counter(), {}
    for name, (model, *_) in CASES.items():
        op = model.graph.node[0].op_type
        try:
            write(sys.argv[1], name)
            made[op] += 1
        except Exception as e:
            without[op] += 1
            why[op] = str(e)[:200]
    print("\n".join(f"{op}: {n} cases" + (f", {without[op]} that onnxruntime does not run" if without[op] else "") for op, n in sorted(made.items())))
    if set(without) - set(made):
        sys.exit("\n".join(f"no case of {op}: {why[op]}" for op in sorted(set(without) - set(made))))


if __name__ == "__main__":
    main()

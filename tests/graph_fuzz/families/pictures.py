"""Windows over pictures: convolutions, pools, sampling, regions."""
import numpy as np

from table import family


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

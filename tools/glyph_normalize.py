"""Turn any picture of one drawn glyph into the 32x32 tensor that models/glyphs.onnx reads.

In: grey, RGB or RGBA bytes of any size, dark ink on light paper or the reverse. Out: float32 [32, 32], ink 1, paper 0,
the ink's box centred with its longest side 22 pixels long. The steps are numbered as in docs/glyphs.md and are plain
sums over pixels, so that the C version reads the same.
"""
import numpy as np

SIDE = 32      # output size
INK_SIDE = 22  # longest side of the ink's box in it
WORK_SIDE = 256
BLANK = 0.04   # contrast below which there is no ink


def luma(image):
    """1. [rows, cols(, 1..4)] uint8 -> [rows, cols] float 0..1, laid on white, or on black where a mostly bare sheet holds light ink."""
    a = np.asarray(image)
    a = a[:, :, None] if a.ndim == 2 else a
    v = a.astype(np.float64) / 255.0
    y = v[..., 0] if a.shape[2] < 3 else 0.299 * v[..., 0] + 0.587 * v[..., 1] + 0.114 * v[..., 2]
    if a.shape[2] in (2, 4):
        alpha = v[..., -1]
        total = alpha.sum()
        mean_luma = (alpha * y).sum() / total if total > 0 else 0.0
        paper = 0.0 if alpha.mean() < 0.5 and mean_luma > 0.5 else 1.0
        y = alpha * y + (1.0 - alpha) * paper
    return y


def shrink(y):
    """2. Means of k x k blocks, so that no side is longer than WORK_SIDE; a last part block is dropped."""
    rows, cols = y.shape
    k = -(-max(rows, cols) // WORK_SIDE)
    if k == 1:
        return y
    h, w = max(1, rows // k), max(1, cols // k)
    kh, kw = min(k, rows), min(k, cols)
    return y[: h * kh, : w * kw].reshape(h, kh, w, kw).mean(axis=(1, 3))


def fit(terms, y, near):
    """Least squares over the chosen pixels; a little ridge, for pictures too small to have a slope."""
    a = terms[:, near]
    m = a @ a.T
    n = m[0, 0]
    m[np.diag_indices(len(m))] += np.where(np.arange(len(m)) == 0, 0.0, 1e-3 * n)
    return np.linalg.solve(m, a @ y[near])


def paper(y):
    """3. Brightness of the bare paper everywhere, a quadratic surface: found on the border, then grown over all that is near it."""
    h, w = y.shape
    u = np.broadcast_to((2 * np.arange(w) + 1 - w) / w, (h, w)).ravel()
    v = np.broadcast_to(((2 * np.arange(h) + 1 - h) / h)[:, None], (h, w)).ravel()
    terms = np.stack([np.ones(h * w), u, v, u * u, u * v, v * v])
    b = max(1, min(h, w) // 16)
    row, col = np.arange(h)[:, None], np.arange(w)[None, :]
    ring = ((row < b) | (row >= h - b) | (col < b) | (col >= w - b)).ravel()
    y = y.ravel()
    bins = np.bincount(np.minimum(255, (y[ring] * 255 + 0.5).astype(int)), minlength=256)
    c = np.array([np.searchsorted(np.cumsum(bins), (ring.sum() + 1) // 2) / 255.0, 0, 0, 0, 0, 0])  # the border's median
    for _ in range(4):  # a plane through the border, the ink on the border left out
        e = np.abs(y - c @ terms)
        reach = 1.5 * e[ring].mean() + 0.02
        c = np.append(fit(terms[:3], y, ring & (e <= reach)), [0, 0, 0])
    for _ in range(6):  # bent to the light over the whole sheet
        e = np.abs(y - c @ terms)
        calm = ring & (e <= reach)
        reach = 2.0 * (e[calm].mean() if calm.any() else 0.0) + 0.02
        near = e <= reach
        if not near.any():
            break
        c = fit(terms, y, near)
    return (c @ terms).reshape(h, w)


def ink_of(y):
    """4, 5. Ink 0..1 at work size, or None when the picture is blank."""
    r = y - paper(y)
    if (r ** 3).sum() < 0:  # the ink is what stands out most, darker or lighter
        r = -r
    r = np.maximum(r, 0.0)
    cubes = (r ** 3).sum()
    contrast = (r ** 4).sum() / cubes if cubes > 0 else 0.0
    if contrast < BLANK:
        return None
    return np.clip((r / contrast - 0.25) / 0.6, 0.0, 1.0)


def span(mass):
    """6. First index and one past the last of the ink along one axis, 0.2 % of the ink let go at either end."""
    c = np.cumsum(mass)
    slack = 0.002 * c[-1]
    first = int(np.argmax(c > slack))
    last = int(np.argmax(c >= c[-1] - slack))
    return first, last + 1


def resample_weights(lo, hi, scale):
    """7. [SIDE, hi - lo]: output pixel i reads a triangle around the source place that it covers."""
    centre = (lo + hi) / 2.0 + (np.arange(SIDE) + 0.5 - SIDE / 2.0) / scale
    reach = max(1.0, 1.0 / scale)
    at = np.arange(lo, hi) + 0.5
    w = np.maximum(0.0, 1.0 - np.abs(at[None, :] - centre[:, None]) / reach)
    return w / reach


def normalize(image):
    ink = ink_of(shrink(luma(image)))
    if ink is None:
        return np.zeros((SIDE, SIDE), np.float32)
    x0, x1 = span(ink.sum(axis=0))
    y0, y1 = span(ink.sum(axis=1))
    scale = INK_SIDE / max(x1 - x0, y1 - y0)
    out = resample_weights(y0, y1, scale) @ ink[y0:y1, x0:x1] @ resample_weights(x0, x1, scale).T
    gain = out.sum() / max(1e-12, (out * out).sum())  # 8. one over the ink's own mean: thin strokes come out as dark as thick ones
    return np.minimum(1.0, out * gain).astype(np.float32)

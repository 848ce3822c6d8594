/* Reading a tensor between its elements, at places that another tensor gives (ONNX GridSample, RoiAlign, DeformConv, AffineGrid).
 * x[..][id][ih][iw]; a plane of two dimensions has id = 1. T is x's type, G that of places, which are computed in f32. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16 G=f32
#pragma host T=f64 G=f64
#pragma host T=f16,bf16 G=T

#define NEAREST 0
#define LINEAR  1
#define CUBIC   2
#define ZEROS      0
#define BORDER     1 /* neither of the two */
#define REFLECTION 2

/* -1 .. 1 over the centres (aligned) or the outer edges of the first and last element. */
static f32 denormalized(f32 at, u32 n, u32 corners)
{
    return corners != 0 ? (at + 1.0f) * 0.5f * ((f32)n - 1.0f) : ((at + 1.0f) * (f32)n - 1.0f) * 0.5f;
}

static f32 reflected(f32 at, f32 low, f32 high)
{
    f32 span = high - low;
    f32 over = at < low ? low - at : at - high;
    f32 times = floor(over / span);
    f32 rest = over - times * span;
    bool even = fmod(times, 2.0f) == 0.0f;
    if (span <= 0.0f) return low;
    if (at < low) return even ? low + rest : high - rest;
    return even ? high - rest : low + rest;
}

/* With border padding a place stays where it is: its taps find the border (as PyTorch and onnxruntime have it). */
static f32 placed(f32 at, u32 n, u32 corners, u32 outside)
{
    f32 low = corners != 0 ? 0.0f : -0.5f;
    f32 high = (f32)n - 1.0f - low;
    f32 to = at;
    if (isnan(at)) to = -2.0f;
    if (outside == REFLECTION && (to < low || to > high)) to = reflected(to, low, high);
    return clamp(to, -1e9f, 1e9f);
}

/* The element that stands for tap `at`; n: none does. */
static u32 tap_index(i32 at, u32 n, u32 corners, u32 outside)
{
    if (at >= 0 && at < (i32)n) return (u32)at;
    if (outside == ZEROS) return n;
    f32 to = placed((f32)at, n, corners, outside);
    return (u32)clamp(TO(i32, to), 0, (i32)n - 1);
}

static f32 near(f32 x) { return (1.25f * x - 2.25f) * x * x + 1.0f; }
static f32 far(f32 x) { return ((-0.75f * x + 3.75f) * x - 6.0f) * x + 3.0f; }

/* The weight of tap k = 0, 1 (linear) or 0 .. 3 (cubic), for a place `part` behind the element before it. */
static f32 tap_weight(u32 k, f32 part, u32 kind)
{
    if (kind == LINEAR) return k == 0u ? 1.0f - part : part;
    return k == 0u ? far(part + 1.0f) : k == 1u ? near(part) : k == 2u ? near(1.0f - part) : far(2.0f - part);
}

/* x[N][C][id][ih][iw], grid[N][od][oh][ow][dims], the last dimension first -> y[N][C][od][oh][ow] */
MAP(T) grid_sample(u32 i, IN(T) x, IN(G) grid, u32 channels, u32 id, u32 ih, u32 iw, u32 places, CONST(u32) dims, CONST(u32) mode,
                   CONST(u32) padding, CONST(u32) aligned)
{
    u32 from = (i / places / channels * places + i % places) * dims, base = i / places * id * ih * iw;
    f32 px = denormalized(load(grid, from), iw, aligned), py = denormalized(load(grid, from + 1), ih, aligned), pz = 0;
    if (dims == 3) pz = denormalized(load(grid, from + 2), id, aligned);
    if (mode == NEAREST) {
        px = round(px);
        py = round(py);
        pz = round(pz);
    }
    px = placed(px, iw, aligned, padding);
    py = placed(py, ih, aligned, padding);
    if (dims == 3) pz = placed(pz, id, aligned, padding);
    u32 taps = mode == LINEAR ? 2u : 4u;
    u32 deep = dims == 3 ? taps : 1u;
    i32 before = mode == CUBIC ? 1 : 0;
    i32 x0 = TO(i32, floor(px)), y0 = TO(i32, floor(py)), z0 = TO(i32, floor(pz));
    if (mode == NEAREST) { /* as it is: f32 does not hold every integer */
        u32 ax = tap_index(x0, iw, aligned, padding), ay = tap_index(y0, ih, aligned, padding), az = 0;
        if (dims == 3) az = tap_index(z0, id, aligned, padding);
        T v = TO(T, 0);
        if (az < id && ay < ih && ax < iw) v = x[base + (az * ih + ay) * iw + ax];
        return v;
    }
    f32 sum = 0;
    for (u32 c = 0; c < deep; c++) {
        u32 z = dims == 3 ? tap_index(z0 - before + (i32)c, id, aligned, padding) : 0u;
        f32 wz = dims == 3 ? tap_weight(c, pz - floor(pz), mode) : 1.0f;
        for (u32 b = 0; b < taps; b++) {
            u32 y = tap_index(y0 - before + (i32)b, ih, aligned, padding);
            f32 wy = wz * tap_weight(b, py - floor(py), mode);
            for (u32 a = 0; a < taps; a++) {
                u32 at = tap_index(x0 - before + (i32)a, iw, aligned, padding);
                if (z < id && y < ih && at < iw) sum += wy * tap_weight(a, px - floor(px), mode) * (f32)load(x, base + (z * ih + y) * iw + at);
            }
        }
    }
    return TO(T, sum);
}

static f32 base_of(u32 at, u32 n, u32 corners)
{
    if (corners != 0) return n > 1u ? 2.0f * (f32)at / ((f32)n - 1.0f) - 1.0f : 0.0f;
    return (2.0f * (f32)at + 1.0f) / (f32)n - 1.0f;
}

/* theta[N][dims][dims + 1] -> grid[N][od][oh][ow][dims] */
MAP(T) affine_grid(u32 i, IN(T) theta, u32 od, u32 oh, u32 ow, CONST(u32) dims, CONST(u32) aligned)
{
    u32 at = i / dims, row = (at / ow / oh / od * dims + i % dims) * (dims + 1);
    f32 sum = load(theta, row) * base_of(at % ow, ow, aligned) + load(theta, row + 1) * base_of(at / ow % oh, oh, aligned);
    if (dims == 3) sum += load(theta, row + 2) * base_of(at / ow / oh % od, od, aligned);
    return TO(T, sum + load(theta, row + dims));
}

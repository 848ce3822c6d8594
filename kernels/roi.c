/* Regions of planes, pooled (ONNX RoiAlign, MaxRoiPool), and convolution at places moved by offsets (DeformConv).
 * x[N][C][ih][iw]; T is the type of all floats. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64

/* Between four elements, zeros outside. */
static f32 between(IN(T) x, u32 base, f32 y, f32 x_, u32 ih, u32 iw)
{
    i32 y0 = TO(i32, floor(y)), x0 = TO(i32, floor(x_));
    f32 ly = y - floor(y), lx = x_ - floor(x_), sum = 0;
    for (u32 k = 0; k < 4u; k++) {
        i32 py = y0 + (i32)(k / 2u), px = x0 + (i32)(k % 2u);
        f32 w = (k / 2u != 0u ? ly : 1.0f - ly) * (k % 2u != 0u ? lx : 1.0f - lx);
        if (py >= 0 && py < (i32)ih && px >= 0 && px < (i32)iw) sum += w * load(x, base + (u32)py * iw + (u32)px);
    }
    return sum;
}

/* The same held inside the plane, 0 more than one element outside; largest: the largest weighted one of the four instead of their sum. */
static f32 sample(IN(T) x, u32 base, f32 y, f32 x_, u32 ih, u32 iw, u32 extreme)
{
    if (!(y >= -1.0f && y <= (f32)ih && x_ >= -1.0f && x_ <= (f32)iw)) return 0.0f;
    f32 cy = clamp(y, 0.0f, (f32)ih - 1.0f), cx = clamp(x_, 0.0f, (f32)iw - 1.0f);
    u32 y0 = (u32)TO(i32, floor(cy)), x0 = (u32)TO(i32, floor(cx)), y1 = min(y0 + 1u, ih - 1u), x1 = min(x0 + 1u, iw - 1u);
    f32 ly = cy - floor(cy), lx = cx - floor(cx);
    f32 a = (1.0f - ly) * (1.0f - lx) * load(x, base + y0 * iw + x0), b = (1.0f - ly) * lx * load(x, base + y0 * iw + x1);
    f32 c = ly * (1.0f - lx) * load(x, base + y1 * iw + x0), d = ly * lx * load(x, base + y1 * iw + x1);
    return extreme != 0u ? max(max(a, b), max(c, d)) : a + b + c + d;
}

/* rois[R][4]: x1 y1 x2 y2; which[R]: their image -> y[R][C][oh][ow] */
MAP(T) roi_align(u32 i, IN(T) x, IN(T) rois, IN(i64) which, u32 images, u32 channels, u32 ih, u32 iw, u32 oh, u32 ow, f32 scale,
                 CONST(u32) sampling, CONST(u32) largest, CONST(u32) half)
{
    u32 r = i / ow / oh / channels;
    u32 image = min((u32)which[r], images - 1u);
    u32 base = (image * channels + i / ow / oh % channels) * ih * iw;
    f32 offset = half != 0u ? 0.5f : 0.0f;
    f32 left = load(rois, r * 4) * scale - offset, top = load(rois, r * 4 + 1) * scale - offset;
    f32 wide = load(rois, r * 4 + 2) * scale - offset - left, high = load(rois, r * 4 + 3) * scale - offset - top;
    if (half == 0u) {
        wide = max(wide, 1.0f);
        high = max(high, 1.0f);
    }
    f32 bin_h = high / (f32)oh, bin_w = wide / (f32)ow;
    u32 across = sampling != 0u ? sampling : (u32)clamp(TO(i32, ceil(bin_w)), 0, 4096);
    u32 down = sampling != 0u ? sampling : (u32)clamp(TO(i32, ceil(bin_h)), 0, 4096);
    f32 sum = 0;
    for (u32 b = 0; b < down; b++) {
        f32 y = top + (f32)(i / ow % oh) * bin_h + ((f32)b + 0.5f) * bin_h / (f32)down;
        for (u32 a = 0; a < across; a++) {
            f32 v = sample(x, base, y, left + (f32)(i % ow) * bin_w + ((f32)a + 0.5f) * bin_w / (f32)across, ih, iw, largest);
            sum = largest == 0u ? sum + v : a + b == 0u ? v : max(sum, v);
        }
    }
    if (largest == 0u) sum = sum / max((f32)(across * down), 1.0f);
    return TO(T, sum);
}

static u32 edge(f32 at, f32 from, u32 n) { return min((u32)TO(i32, clamp(at + from, 0.0f, (f32)n)), n); }

/* rois[R][5]: image x1 y1 x2 y2, whole elements, the last included -> y[R][C][oh][ow]; an empty bin is 0 */
MAP(T) roi_max(u32 i, IN(T) x, IN(T) rois, u32 images, u32 channels, u32 ih, u32 iw, u32 oh, u32 ow, f32 scale)
{
    u32 r = i / ow / oh / channels;
    u32 image = (u32)clamp(TO(i32, load(rois, r * 5)), 0, (i32)images - 1);
    u32 base = (image * channels + i / ow / oh % channels) * ih * iw;
    f32 left = floor(load(rois, r * 5 + 1) * scale + 0.5f), top = floor(load(rois, r * 5 + 2) * scale + 0.5f);
    f32 bin_w = max(floor(load(rois, r * 5 + 3) * scale + 0.5f) - left + 1.0f, 1.0f) / (f32)ow;
    f32 bin_h = max(floor(load(rois, r * 5 + 4) * scale + 0.5f) - top + 1.0f, 1.0f) / (f32)oh;
    f32 row = (f32)(i / ow % oh), col = (f32)(i % ow), best = 0;
    u32 y0 = edge(floor(row * bin_h), top, ih), y1 = edge(ceil((row + 1.0f) * bin_h), top, ih);
    u32 x0 = edge(floor(col * bin_w), left, iw), x1 = edge(ceil((col + 1.0f) * bin_w), left, iw);
    if (y1 > y0 && x1 > x0) best = load(x, base + y0 * iw + x0);
    for (u32 y = y0; y < y1; y++)
        for (u32 a = x0; a < x1; a++) best = max(best, load(x, base + y * iw + a));
    return TO(T, best);
}

/* The elements that a convolution sees, moved: offset[N][groups * kh * kw * 2][oh][ow], mask[N][groups * kh * kw][oh][ow] ->
 * columns[N][C * kh * kw][oh * ow] */
MAP(T) deform_columns(u32 i, IN(T) x, IN(T) offset, IN(T) mask, u32 channels, u32 ih, u32 iw, u32 oh, u32 ow, u32 kh, u32 kw, u32 sh, u32 sw,
                      u32 dh, u32 dw, u32 ph, u32 pw, u32 groups, CONST(u32) has_mask)
{
    u32 plane = oh * ow, at = i % plane, tap = i / plane % (kh * kw), c = i / plane / (kh * kw) % channels, n = i / plane / (kh * kw) / channels;
    u32 g = n * groups + c / (channels / groups), place = g * kh * kw + tap;
    f32 y = (f32)(at / ow * sh + tap / kw * dh) - (f32)ph + load(offset, place * 2 * plane + at);
    f32 a = (f32)(at % ow * sw + tap % kw * dw) - (f32)pw + load(offset, (place * 2 + 1) * plane + at);
    f32 v = 0;
    if (y > -1.0f && y < (f32)ih && a > -1.0f && a < (f32)iw) v = between(x, (n * channels + c) * ih * iw, y, a, ih, iw);
    if (has_mask != 0) v *= load(mask, place * plane + at);
    return TO(T, v);
}

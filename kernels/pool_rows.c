/* Largest element or mean over windows of a plane, one plane a group, by wide lanes: down the columns of a window first, then along.
 *
 * x[planes][ih][iw] -> y[planes][oh][ow]; the other sizes as in pool.c. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#define GROUP 1
#define ROW 4096                      /* longest padded row: (ow - 1) * sw + (kw - 1) * ew + 1 */

/* down[pw + c] = the rows y0 .. of the window folded for column c of the plane; columns of padding give `start`. */
static void fold_rows(ARRAY(f32, down), IN(T) x, u32 plane, u32 y0, u32 ih, u32 iw, u32 kh, u32 eh, u32 pw, u32 pitch, u32 end, f32 start,
                      u32 average)
{
    u32 right = min(pw + iw, pitch);
    for (u32 c = 0; c < pw; c += WIDTH) storew(down, c, splatw(start));
    for (u32 c = pw; c < right; c += WIDTH) {
        f32w v = splatw(start);
        for (u32 ky = 0; ky < kh; ky++) {
            u32 iy = y0 + ky * eh;
            u32 from = (plane * ih + iy) * iw + c - pw;
            if (iy < ih) {
                f32w seen = from + WIDTH <= end ? loadw(x, from) : loadw_part(x, from, end - from);
                v = average != 0 ? v + seen : max(v, seen);
            }
        }
        storew(down, c, v);
    }
    for (u32 c = right; c < pitch; c += WIDTH) storew(down, c, splatw(start));
}

/* How many of the k positions from `at` lie in the plane, or in the plane and its padding. */
static u32 count_seen(u32 at, u32 k, u32 e, u32 before, u32 size, u32 padded, u32 with_padding)
{
    u32 count = 0;
    for (u32 i = 0; i < k; i++) {
        u32 p = at + i * e;
        if (p - before < size || (with_padding != 0 && p < padded)) count++;
    }
    return count;
}

KERNEL pool_rows(u32 plane, IN(T) x, OUT(T) y, u32 planes, u32 ih, u32 iw, u32 oh, u32 ow, u32 kh, u32 kw, u32 sh, u32 sw, u32 eh, u32 ew,
                 u32 ph, u32 pw, u32 qh, u32 qw, CONST(u32) mean, CONST(u32) count_padding)
{
    SHARED(f32, down, ROW + 2 * WIDTH);
    SHARED(f32, along, ROW + WIDTH);
    SHARED(f32, share, ROW);
    ITEMS(t) {
        u32 rows_out = ow != 0 ? oh : 0u;
        u32 across = ow != 0 ? (ow - 1) * sw + 1 : 0u;
        u32 pitch = ow != 0 ? across + (kw - 1) * ew : 0u;
        f32 start = mean != 0 ? 0 : -INFINITY;
        if (mean != 0) {
            for (u32 c = 0; c < ow; c++) share[c] = (f32)count_seen(c * sw, kw, ew, pw, iw, qw, count_padding);
        }
        for (u32 c = pitch; c < pitch + WIDTH; c += WIDTH) storew(down, c, splatw(start));
        for (u32 r = 0; r < rows_out; r++) {
            fold_rows(down, x, plane, r * sh - ph, ih, iw, kh, eh, pw, pitch, planes * ih * iw, start, mean);
            for (u32 c = 0; c < across; c += WIDTH) {
                f32w v = loadw(down, c);
                for (u32 kx = 1; kx < kw; kx++) {
                    f32w seen = loadw(down, c + kx * ew);
                    v = mean != 0 ? v + seen : max(v, seen);
                }
                storew(along, c, v);
            }
            u32 to = (plane * oh + r) * ow;
            if (mean != 0) {
                f32 rows = (f32)count_seen(r * sh, kh, eh, ph, ih, qh, count_padding);
                for (u32 c = 0; c < ow; c++) {
                    f32 count = rows * share[c];
                    store(y, to + c, count > 0 ? along[c * sw] / count : 0);
                }
            } else if (sw == 1) {
                u32 c = 0;
                for (; c + WIDTH <= ow; c += WIDTH) storew(y, to + c, loadw(along, c));
                for (; c < ow; c++) store(y, to + c, along[c]);
            } else if (sw == 2) {
                for (u64 c = 0; c < ow; c++) store(y, to + c, along[c * 2]);   /* u64: this vectorises */
            } else {
                for (u32 c = 0; c < ow; c++) store(y, to + c, along[c * sw]);
            }
        }
    }
}

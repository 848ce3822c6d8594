/* Largest element, or mean, over windows of a plane of pixels of `channels` elements side by side: one row of results a group, by wide lanes.
 *
 * x[planes][ih][iw][channels] -> y[planes][oh][ow][channels]; the other sizes as in pool.c. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#define GROUP 1

KERNEL pool_last(u32 group, IN(T) x, OUT(T) y, u32 ih, u32 iw, u32 channels, u32 oh, u32 ow, u32 kh, u32 kw, u32 sh, u32 sw, u32 eh, u32 ew,
                 u32 ph, u32 pw, u32 qh, u32 qw, CONST(u32) mean, CONST(u32) count_padding)
{
    ITEMS(t) {
        u32 y0 = group % oh * sh;
        u32 plane = group / oh;
        for (u32 c = 0; c < ow; c++) {
            u32 x0 = c * sw;
            u32 count = 0;
            for (u32 tap = 0; mean != 0 && tap < kh * kw; tap++) {
                u32 iy = y0 + tap / kw * eh;
                u32 ix = x0 + tap % kw * ew;
                bool inside = iy - ph < ih && ix - pw < iw;
                if (inside || (count_padding != 0 && iy < qh && ix < qw)) count++;
            }
            for (u32 k = 0; k < channels; k += WIDTH) {
                u32 lanes = min(channels - k, (u32)WIDTH);
                f32w v = splatw(mean != 0 ? 0 : -INFINITY);
                for (u32 ky = 0; ky < kh; ky++) {
                    u32 iy = y0 + ky * eh - ph;
                    for (u32 kx = 0; kx < kw && iy < ih; kx++) {
                        u32 ix = x0 + kx * ew - pw;
                        if (ix < iw) {
                            u32 from = ((plane * ih + iy) * iw + ix) * channels + k;
                            f32w seen = lanes == WIDTH ? loadw(x, from) : loadw_part(x, from, lanes);
                            v = mean != 0 ? v + seen : max(v, seen);
                        }
                    }
                }
                if (count > 0) v = v / (f32)count;
                u32 to = (group * ow + c) * channels + k;
                if (lanes == WIDTH)
                    storew(y, to, v);
                else
                    storew_part(y, to, v, lanes);
            }
        }
    }
}

/* Convolution with a filter for each channel, these in blocks (conv_blocked.h) as wide as the target's vectors: a band of rows of a block a
 * group. For targets with wide lanes. */
#include "quern_kernel.h"
#pragma host T=f32
#include "conv_blocked.h"
#include "epilogue.h"
#define GROUP 1
#define SIDE 4                         /* pixels side by side that are summed at once */

KERNEL conv_blocked_depth(u32 group, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, OUT(T) y, u32 band, BLOCKED_PARAMS, f32 p, f32 q,
                          CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    ITEMS(t) {
        u32 bands = (oh + band - 1) / band;
        u32 row = group % bands * band;
        u32 last = min(row + band, oh);
        u32 block = group / bands % ob;
        u64 plane = (u64)(group / bands) * (ih * iw) * WIDTH;
        u64 x_row = iw * (u64)WIDTH;
        u64 w_at = block * (kh * kw) * (u64)WIDTH;
        u32 lo = first_inside(pw, sw, ow);
        u32 hi = max(end_inside(pw, sw, ew, kw, iw, ow), lo);
        f32w add = has_bias != 0 ? loadw(bias, block * WIDTH) : splatw(0);
        for (; row < last; row++) {
            u32 ky0 = first_tap(row * sh, ph, eh, kh);
            u32 ky1 = max(end_tap(row * sh, ph, eh, kh, ih), ky0);
            u64 line = plane + (u64)row * sh * x_row - ph * x_row;
            u64 to = ((u64)(group / bands) * oh + row) * ow * WIDTH;
            for (u32 c = 0; c < ow;) {
                u64 from = line + (u64)c * sw * WIDTH - pw * (u64)WIDTH;
                if (c >= lo && c + SIDE <= hi) {
                    f32w sum[SIDE];
#pragma unroll
                    for (u32 i = 0; i < SIDE; i++) sum[i] = add;
                    for (u32 ky = ky0; ky < ky1; ky++) {
                        for (u32 kx = 0; kx < kw; kx++) {
                            f32w by = loadw(w, w_at + (ky * kw + kx) * (u64)WIDTH);
                            u64 at = from + ky * eh * x_row + kx * ew * (u64)WIDTH;
#pragma unroll
                            for (u32 i = 0; i < SIDE; i++) sum[i] = mad(by, loadw(x, at + i * (u64)sw * WIDTH), sum[i]);
                        }
                    }
#pragma unroll
                    for (u32 i = 0; i < SIDE; i++) {
                        u64 at = to + (c + i) * (u64)WIDTH;
                        if (has_rest != 0) sum[i] += loadw(rest, at);
                        storew(y, at, finishw(sum[i], act, p, q));
                    }
                    c += SIDE;
                } else {
                    u32 kx0 = first_tap(c * sw, pw, ew, kw);
                    u32 kx1 = max(end_tap(c * sw, pw, ew, kw, iw), kx0);
                    f32w sum = add;
                    for (u32 ky = ky0; ky < ky1; ky++)
                        for (u32 kx = kx0; kx < kx1; kx++)
                            sum = mad(loadw(x, from + ky * eh * x_row + kx * ew * (u64)WIDTH), loadw(w, w_at + (ky * kw + kx) * (u64)WIDTH), sum);
                    u64 at = to + c * (u64)WIDTH;
                    if (has_rest != 0) sum += loadw(rest, at);
                    storew(y, at, finishw(sum, act, p, q));
                    c++;
                }
            }
        }
    }
}

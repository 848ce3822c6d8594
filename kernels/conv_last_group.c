/* Convolution with channels last as a matrix product, a tile of output pixels x output channels a group of 64 items; see tile_group.h. The
 * left matrix is what the taps of the filter see from each pixel, all channels of a tap side by side; the right one is the weights. */
#include "quern_kernel.h"
#pragma host T=f32
#define GROUP 64
#include "tile_group.h"
#include "conv_shape.h"
#include "conv_last.h"
#include "epilogue.h"

KERNEL conv_last_group(u32 group, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, OUT(T) y, CONV_PARAMS, f32 p, f32 q, CONST(u32) has_bias,
                       CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, left, DEPTH * LEFT_PITCH);
    SHARED(f32, right, DEPTH * SIDE);
    PER_ITEMS(f32, sums, 64);
    u32 n = od * oh * ow;
    u32 k = kd * kh * kw * ic;
    u32 all = groups * oc;
    u32 wide = (oc + SIDE - 1) / SIDE;
    u32 tall = (n + SIDE - 1) / SIDE;
    u32 n0 = group % wide * SIDE;
    u32 m0 = group / wide % tall * SIDE;
    u32 channel = group / wide / tall % groups;
    u32 pixel0 = group / wide / tall / groups * n;
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < 64; i++) sums[t][i] = 0;
    }
    for (u32 k0 = 0; k0 < k; k0 += DEPTH) {
        ITEMS(t) {
            u32 at = k0 + t % DEPTH;                          /* each item keeps to one step of k, and to one output channel */
            u32 tap = at / ic;
            for (u32 i = 0; i < PER; i++) {
                u32 r = (t + i * 64) / DEPTH;
                LAST_PIXEL(pixel0 + m0 + r)
                u32 iz = z0 + tap / kw / kh * ed;
                u32 iy = y0 + tap / kw % kh * eh;
                u32 ix = x0 + tap % kw * ew;
                bool in = m0 + r < n && at < k && iz < id && iy < ih && ix < iw;
                left[t % DEPTH * LEFT_PITCH + r] =
                    in ? load(x, ((((first + iz) * ih + iy) * iw + ix) * groups + channel) * ic + at % ic) : 0;
            }
            for (u32 j = 0; j < DEPTH; j++)
                right[j * SIDE + t] = n0 + t < oc && k0 + j < k ? load(w, (k0 + j) * all + channel * oc + n0 + t) : 0;
        }
        ITEMS(t) tile_meet(t, left, right, sums[t]);
    }
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < 64; i++) {
            u32 row = m0 + tile_row(t, i), col = n0 + tile_col(t, i);
            if (row < n && col < oc) {
                u32 o = channel * oc + col;
                u32 to = (pixel0 + row) * all + o;
                f32 v = sums[t][i];
                if (has_bias != 0) v += load(bias, o);
                if (has_rest != 0) v += load(rest, to);
                store(y, to, finish(v, act, p, q));
            }
        }
    }
}

/* Convolution as a matrix product, a tile of output channels x output pixels a group of 64 items; see tile_group.h. The left matrix is
 * the weights, the right one what each tap of the filter sees at each pixel. */
#include "quern_kernel.h"
#pragma host T=f32
#define GROUP 64
#include "tile_group.h"
#include "conv_shape.h"
#include "epilogue.h"

KERNEL conv_group(u32 group, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, OUT(T) y, CONV_PARAMS, f32 p, f32 q, CONST(u32) has_bias,
                  CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, left, DEPTH * LEFT_PITCH);
    SHARED(f32, right, DEPTH * SIDE);
    PER_ITEMS(f32, sums, 64);
    CONV_BLOCK(SIDE, SIDE)
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < 64; i++) sums[t][i] = 0;
    }
    for (u32 k0 = 0; k0 < k; k0 += DEPTH) {
        ITEMS(t) {
            for (u32 i = 0; i < PER; i++) {
                u32 j = (t + i * 64) % DEPTH;
                u32 r = (t + i * 64) / DEPTH;
                left[j * LEFT_PITCH + r] = m0 + r < oc && k0 + j < k ? load(w, w_at + (m0 + r) * k + k0 + j) : 0;
            }
            u32 pixel = n0 + t;                               /* SIDE is the number of items: each keeps to one pixel */
            u32 z0 = pixel / ow / oh * sd - pd;
            u32 y0 = pixel / ow % oh * sh - ph;
            u32 x0 = pixel % ow * sw - pw;
            for (u32 j = 0; j < DEPTH; j++) {
                u32 tap = (k0 + j) % taps;
                u32 channel = (k0 + j) / taps;
                u32 iz = z0 + tap / kw / kh * ed;
                u32 iy = y0 + tap / kw % kh * eh;
                u32 ix = x0 + tap % kw * ew;
                bool in = pixel < n && k0 + j < k && iz < id && iy < ih && ix < iw;
                right[j * SIDE + t] = in ? load(x, x_at + ((channel * id + iz) * ih + iy) * iw + ix) : 0;
            }
        }
        ITEMS(t) tile_meet(t, left, right, sums[t]);
    }
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < 64; i++) {
            u32 row = m0 + tile_row(t, i), col = n0 + tile_col(t, i);
            if (row < oc && col < n) {
                u32 to = (part * oc + row) * n + col;
                f32 v = sums[t][i];
                if (has_bias != 0) v += load(bias, part % groups * oc + row);
                if (has_rest != 0) v += load(rest, to);
                store(y, to, finish(v, act, p, q));
            }
        }
    }
}

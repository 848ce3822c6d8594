/* Convolution of f16 or bf16 with f32 sums on matrix units, a block of output channels x output pixels a group of 256 items; see tile_mma.h.
 * The left matrix is the weights, the right one what each tap of the filter sees at each pixel: an item keeps to one pixel, and brings 4 taps
 * a pair. POINT: a filter of one tap, step 1, no padding, so that the right matrix lies in memory as it is. */
#include "quern_kernel.h"
#pragma host T=f16,bf16
#define GROUP 256
#include "tile_mma.h"
#include "conv_shape.h"
#include "epilogue.h"

#ifndef POINT
#define POINT 0
#endif

#if POINT
#define BRING_X(k0) bring_right(x, x_at, 1, t, n0, n, k0, k, next_right[t]);
#else
/* Each pair of an item: taps from .. from + 3 of its pixel, 0 where they are outside. */
#define BRING_X(k0)                                                                                                         \
    {                                                                                                                       \
        u32 pixel = n0 + t % BLOCK_N;                                                                                       \
        u32 z0 = pixel / ow / oh * sd - pd;                                                                                 \
        u32 y0 = pixel / ow % oh * sh - ph;                                                                                 \
        u32 x0 = pixel % ow * sw - pw;                                                                                      \
        u32 end = pixel < n ? k : 0u;                                                                                       \
        for (u32 i = 0; i < RIGHT_PAIRS; i++) {                                                                             \
            u32 from = k0 + (t / BLOCK_N + i * (GROUP / BLOCK_N)) * 4;                                                      \
            next_right[t][i] = MAKE2(u32, TAP(from) | TAP(from + 1) << 16, TAP(from + 2) | TAP(from + 3) << 16);            \
        }                                                                                                                   \
    }
#define TAP(at)                                                                                                             \
    tap_of(x, x_at, at, end, (at) % taps / kw / kh * ed + z0, (at) % taps / kw % kh * eh + y0, (at) % taps % kw * ew + x0,  \
           (at) / taps, id, ih, iw)

static u32 tap_of(IN(u16) x, u32 x_at, u32 at, u32 end, u32 iz, u32 iy, u32 ix, u32 channel, u32 id, u32 ih, u32 iw)
{
    bool in = at < end && iz < id && iy < ih && ix < iw;
    return in ? (u32)x[x_at + ((channel * id + iz) * ih + iy) * iw + ix] : 0u;
}
#endif

#define FILL(left, right, k0)                                                                                               \
    ITEMS(t) {                                                                                                              \
        place_pairs(left, next_left[t], LEFT_PAIRS, LEFT_WIDE, 0, BLOCK_M, t);                                              \
        place_pairs(right, next_right[t], RIGHT_PAIRS, RIGHT_WIDE, 1, BLOCK_N, t);                                          \
        bring_left(w, w_at, 0, t, m0, oc, k0, k, next_left[t]);                                                             \
        BRING_X(k0)                                                                                                         \
    }

KERNEL conv_mma(u32 group, IN(RIGHT_PART) x, IN(LEFT_PART) w, IN(T) bias, IN(T) rest, OUT(T) y, u32 groups, u32 ic, u32 id, u32 ih, u32 iw, u32 oc,
                u32 od, u32 oh, u32 ow, u32 pd, u32 ph, u32 pw, f32 p, f32 q, CONST(u32) kd, CONST(u32) kh, CONST(u32) kw, CONST(u32) sd,
                CONST(u32) sh, CONST(u32) sw, CONST(u32) ed, CONST(u32) eh, CONST(u32) ew, CONST(u32) has_bias, CONST(u32) has_rest,
                CONST(u32) act)
{
    MMA_MEMORY
    CONV_BLOCK(BLOCK_M, BLOCK_N)
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < SUMS; i++) sums[t][i] = 0;
        bring_left(w, w_at, 0, t, m0, oc, 0, k, next_left[t]);
        BRING_X(0)
    }
    MMA_SUMS
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < SUMS; i++) {
            u32 row = m0 + sum_row(t, i);
            u32 col = n0 + sum_col(t, i);
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

/* Convolution as a matrix product, a block of output channels x output pixels a group of 256 items; see tile_block.h. The left matrix is the
 * weights, the right one what each tap of the filter sees at each pixel: an item keeps to one pixel, and brings PER_N taps of it at a time. */
#include "quern_kernel.h"
#pragma host T=f32 PER_M=4 PER_N=4
#define GROUP 256
#include "tile_block.h"
#include "conv_shape.h"
#include "epilogue.h"

#define STEP (GROUP / BLOCK_N)          /* between the taps that an item brings */

KERNEL conv_block(u32 group, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, OUT(T) y, u32 groups, u32 ic, u32 id, u32 ih, u32 iw, u32 oc, u32 od, u32 oh,
                  u32 ow, u32 pd, u32 ph, u32 pw, f32 p, f32 q, CONST(u32) kd, CONST(u32) kh, CONST(u32) kw, CONST(u32) sd, CONST(u32) sh,
                  CONST(u32) sw, CONST(u32) ed, CONST(u32) eh, CONST(u32) ew, CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, left, 2 * DEPTH * LEFT_PITCH);
    SHARED(f32, right, 2 * DEPTH * RIGHT_PITCH);
    PER_ITEMS(f32, sums, PER_M * PER_N);
    PER_ITEMS(f32, next_w, PER_M);
    PER_ITEMS(f32, next_x, PER_N);
    CONV_BLOCK(BLOCK_M, BLOCK_N)
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < PER_M * PER_N; i++) sums[t][i] = 0;
    }
    u32 half = 0;
    for (u32 pass = 0; pass * DEPTH < k + DEPTH; pass++) {     /* one more than there are: the first only brings, the last only adds */
        ITEMS(t) {
            if (pass * DEPTH < k) {
                u32 pixel = n0 + t % BLOCK_N;
                u32 z0 = pixel / ow / oh * sd - pd;
                u32 y0 = pixel / ow % oh * sh - ph;
                u32 x0 = pixel % ow * sw - pw;
#pragma unroll
                for (u32 r = 0; r < LEFT_RUNS; r++)
                    store4(next_w[t], r * 4, bring(w, w_at, 0, t, r, LEFT_RUNS, m0, oc, pass * DEPTH, k));
#pragma unroll
                for (u32 i = 0; i < PER_N; i++) {
                    u32 at = pass * DEPTH + t / BLOCK_N + i * STEP;
                    u32 tap = at % taps;
                    u32 iz = z0 + tap / kw / kh * ed;
                    u32 iy = y0 + tap / kw % kh * eh;
                    u32 ix = x0 + tap % kw * ew;
                    bool in = pixel < n && at < k && iz < id && iy < ih && ix < iw;
                    next_x[t][i] = in ? load(x, x_at + ((at / taps * id + iz) * ih + iy) * iw + ix) : 0;
                }
            }
            if (pass > 0) block_add(left, right, (1 - half) * (DEPTH * LEFT_PITCH), (1 - half) * (DEPTH * RIGHT_PITCH), sums[t], t);
            if (pass * DEPTH < k) {
#pragma unroll
                for (u32 r = 0; r < LEFT_RUNS; r++)
                    place(left, half * (DEPTH * LEFT_PITCH), LEFT_PITCH, 0, t, r, LEFT_RUNS, load4(next_w[t], r * 4));
#pragma unroll
                for (u32 i = 0; i < PER_N; i++)
                    right[half * (DEPTH * RIGHT_PITCH) + (t / BLOCK_N + i * STEP) * RIGHT_PITCH + t % BLOCK_N] = next_x[t][i];
            }
        }
        half = 1 - half;
    }
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < PER_M * PER_N; i++) {
            u32 row = m0 + block_row(t, i);
            u32 col = n0 + block_col(t, i);
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

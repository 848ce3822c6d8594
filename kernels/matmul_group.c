/* y = act(alpha * a b + bias + rest), a tile of y a group of 64 items; see tile_group.h. Factors and batch as in matmul_tile.c. */
#include "quern_kernel.h"
#pragma host T=f32
#define GROUP 64
#include "tile_group.h"
#include "matmul_batch.h"
#include "epilogue.h"

KERNEL matmul_group(u32 group, IN(T) a, IN(T) b, IN(T) bias, IN(T) rest, OUT(T) y, u32 m, u32 n, u32 k, BATCH_PARAMS, f32 alpha, f32 p, f32 q,
                    CONST(u32) trans_a, CONST(u32) trans_b, CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, left, DEPTH * LEFT_PITCH);
    SHARED(f32, right, DEPTH * SIDE);
    PER_ITEMS(f32, sums, 64);
    MATMUL_BLOCK(SIDE, SIDE)
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < 64; i++) sums[t][i] = 0;
    }
    for (u32 k0 = 0; k0 < k; k0 += DEPTH) {
        ITEMS(t) {
            for (u32 i = 0; i < PER; i++) {
                u32 e = t + i * 64;
                u32 j = trans_a != 0 ? e / SIDE : e % DEPTH;
                u32 r = trans_a != 0 ? e % SIDE : e / DEPTH;
                bool in = m0 + r < m && k0 + j < k;
                u32 at = trans_a != 0 ? (k0 + j) * m + m0 + r : (m0 + r) * k + k0 + j;
                left[j * LEFT_PITCH + r] = in ? load(a, a_at + at) : 0;
            }
            for (u32 i = 0; i < PER; i++) {
                u32 e = t + i * 64;
                u32 j = trans_b != 0 ? e % DEPTH : e / SIDE;
                u32 c = trans_b != 0 ? e / DEPTH : e % SIDE;
                bool in = n0 + c < n && k0 + j < k;
                u32 at = trans_b != 0 ? (n0 + c) * k + k0 + j : (k0 + j) * n + n0 + c;
                right[j * SIDE + c] = in ? load(b, b_at + at) : 0;
            }
        }
        ITEMS(t) tile_meet(t, left, right, sums[t]);
    }
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < 64; i++) {
            u32 row = m0 + tile_row(t, i), col = n0 + tile_col(t, i);
            if (row < m && col < n) {
                u32 to = (batch * m + row) * n + col;
                f32 v = alpha * sums[t][i];
                if (has_bias != 0) v += load(bias, col);
                if (has_rest != 0) v += load(rest, to);
                store(y, to, finish(v, act, p, q));
            }
        }
    }
}

/* y = act(alpha * a b + bias + rest) of f16 or bf16 with f32 sums on matrix units, a block of y a group of 256 items; see tile_mma.h. Factors
 * and batch as in matmul_tile.c. */
#include "quern_kernel.h"
#pragma host T=f16,bf16
#define GROUP 256
#include "tile_mma.h"
#include "matmul_batch.h"
#include "epilogue.h"

#define FILL(left, right, k0)                                                                                               \
    ITEMS(t) {                                                                                                              \
        place_pairs(left, next_left[t], LEFT_PAIRS, LEFT_WIDE, trans_a, BLOCK_M, t);                                        \
        place_pairs(right, next_right[t], RIGHT_PAIRS, RIGHT_WIDE, across_b, BLOCK_N, t);                                   \
        bring_left(a, a_at, trans_a, t, m0, m, k0, k, next_left[t]);                                                        \
        bring_right(b, b_at, across_b, t, n0, n, k0, k, next_right[t]);                                                     \
    }

KERNEL matmul_mma(u32 group, IN(LEFT_PART) a, IN(RIGHT_PART) b, IN(T) bias, IN(T) rest, OUT(T) y, u32 m, u32 n, u32 k, BATCH_PARAMS, f32 alpha,
                  f32 p, f32 q, CONST(u32) trans_a, CONST(u32) trans_b, CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    MMA_MEMORY
    MATMUL_BLOCK(BLOCK_M, BLOCK_N)
    u32 across_b = trans_b != 0 ? 0u : 1u;
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < SUMS; i++) sums[t][i] = 0;
        bring_left(a, a_at, trans_a, t, m0, m, 0, k, next_left[t]);
        bring_right(b, b_at, across_b, t, n0, n, 0, k, next_right[t]);
    }
    MMA_SUMS
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < SUMS; i++) {
            u32 row = m0 + sum_row(t, i);
            u32 col = n0 + sum_col(t, i);
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

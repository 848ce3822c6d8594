/* y = act(alpha * a b + bias + rest), a block of y a group of 256 items; see tile_block.h. Factors and batch as in matmul_tile.c. */
#include "quern_kernel.h"
#pragma host T=f32 PER_M=4 PER_N=4
#define GROUP 256
#include "tile_block.h"
#include "matmul_batch.h"
#include "epilogue.h"

KERNEL matmul_block(u32 group, IN(T) a, IN(T) b, IN(T) bias, IN(T) rest, OUT(T) y, u32 m, u32 n, u32 k, BATCH_PARAMS, f32 alpha, f32 p, f32 q,
                    CONST(u32) trans_a, CONST(u32) trans_b, CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, left, 2 * DEPTH * LEFT_PITCH);
    SHARED(f32, right, 2 * DEPTH * RIGHT_PITCH);
    PER_ITEMS(f32, sums, PER_M * PER_N);
    PER_ITEMS(f32, next_a, PER_M);
    PER_ITEMS(f32, next_b, PER_N);
    MATMUL_BLOCK(BLOCK_M, BLOCK_N)
    u32 across_b = trans_b != 0 ? 0u : 1u;
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < PER_M * PER_N; i++) sums[t][i] = 0;
#pragma unroll
        for (u32 r = 0; r < LEFT_RUNS; r++) place(left, 0, LEFT_PITCH, trans_a, t, r, LEFT_RUNS, bring(a, a_at, trans_a, t, r, LEFT_RUNS, m0, m, 0, k));
#pragma unroll
        for (u32 r = 0; r < RIGHT_RUNS; r++)
            place(right, 0, RIGHT_PITCH, across_b, t, r, RIGHT_RUNS, bring(b, b_at, across_b, t, r, RIGHT_RUNS, n0, n, 0, k));
    }
    u32 half = 0;
    for (u32 k0 = 0; k0 < k; k0 += DEPTH) {
        ITEMS(t) {
            if (k0 + DEPTH < k) {
#pragma unroll
                for (u32 r = 0; r < LEFT_RUNS; r++) store4(next_a[t], r * 4, bring(a, a_at, trans_a, t, r, LEFT_RUNS, m0, m, k0 + DEPTH, k));
#pragma unroll
                for (u32 r = 0; r < RIGHT_RUNS; r++)
                    store4(next_b[t], r * 4, bring(b, b_at, across_b, t, r, RIGHT_RUNS, n0, n, k0 + DEPTH, k));
            }
            block_add(left, right, half * (DEPTH * LEFT_PITCH), half * (DEPTH * RIGHT_PITCH), sums[t], t);
            if (k0 + DEPTH < k) {
#pragma unroll
                for (u32 r = 0; r < LEFT_RUNS; r++)
                    place(left, (1 - half) * (DEPTH * LEFT_PITCH), LEFT_PITCH, trans_a, t, r, LEFT_RUNS, load4(next_a[t], r * 4));
#pragma unroll
                for (u32 r = 0; r < RIGHT_RUNS; r++)
                    place(right, (1 - half) * (DEPTH * RIGHT_PITCH), RIGHT_PITCH, across_b, t, r, RIGHT_RUNS, load4(next_b[t], r * 4));
            }
        }
        half = 1 - half;
    }
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < PER_M * PER_N; i++) {
            u32 row = m0 + block_row(t, i);
            u32 col = n0 + block_col(t, i);
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

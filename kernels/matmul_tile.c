/* y = act(alpha * a b + bias + rest) by register tiles, one block of y a group; see tile.h. For targets with wide lanes.
 *
 * a[batch][m][k] or, transposed, [batch][k][m]; b[batch][k][n] or [batch][n][k]; bias[n]; rest and y [batch][m][n].
 * A block is block_m x block_n with block_n at most TILE_PANEL and their product, rounded up to tiles, at most TILE_SUMS. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#include "tile.h"
#include "matmul_batch.h"
#include "epilogue.h"
#define GROUP 1

KERNEL matmul_tile(u32 group, IN(T) a, IN(T) b, IN(T) bias, IN(T) rest, OUT(T) y, u32 m, u32 n, u32 k, u32 block_m, u32 block_n,
                   BATCH_PARAMS, f32 alpha, f32 p, f32 q, CONST(u32) trans_a, CONST(u32) trans_b, CONST(u32) has_bias,
                   CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, left, TILE_LEFT);
    SHARED(f32, right, TILE_RIGHT);
    SHARED(f32, sums, TILE_SUMS);
    ITEMS(t) {
        u32 wide = (n + block_n - 1) / block_n;
        u32 tall = (m + block_m - 1) / block_m;
        u32 batch = group / (wide * tall);
        u32 n0 = group % wide * block_n;
        u32 m0 = group / wide % tall * block_m;
        u32 cols = min(block_n, n - n0);
        u32 rows = min(block_m, m - m0);
        u32 a_at = BATCH_A(batch);
        u32 b_at = BATCH_B(batch);
        u32 passes = max((k + TILE_DEPTH - 1) / TILE_DEPTH, 1u);
        u32 step = (k + passes - 1) / passes;
        for (u32 pass = 0; pass < passes; pass++) {
            u32 k0 = pass * step;
            u32 depth = min(step, k - min(k0, k));
            if (trans_b != 0)
                tile_right_transposed(right, b, b_at + n0 * k + k0, k, depth, cols);
            else
                tile_right(right, b, b_at + k0 * n + n0, n, depth, cols);
            for (u32 r = 0; r < rows; r += TILE_ROWS) {
                if (trans_a != 0)
                    tile_left_transposed(left, a, a_at + k0 * m + m0 + r, m, rows - r, depth);
                else
                    tile_left(left, a, a_at + (m0 + r) * k + k0, k, rows - r, depth);
                for (u32 c = 0; c < cols; c += TILE_COLS)
                    tile_add(left, right, c, depth, sums, r * TILE_PANEL + c * TILE_ROWS, pass == 0, cols - c);
            }
        }
        for (u32 r = 0; r < rows; r++) {
            u32 to = (batch * m + m0 + r) * n + n0;
            for (u32 c = 0; c < cols; c += WIDTH) {
                f32w v = alpha * loadw(sums, tile_at(r, c));
                u32 lanes = min(cols - c, WIDTH);
                if (lanes == WIDTH) {
                    if (has_bias != 0) v += loadw(bias, n0 + c);
                    if (has_rest != 0) v += loadw(rest, to + c);
                    storew(y, to + c, finishw(v, act, p, q));
                } else {
                    if (has_bias != 0) v += loadw_part(bias, n0 + c, lanes);
                    if (has_rest != 0) v += loadw_part(rest, to + c, lanes);
                    storew_part(y, to + c, finishw(v, act, p, q), lanes);
                }
            }
        }
    }
}

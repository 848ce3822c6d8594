/* Matrix product with few rows (m <= ROWS_MAX), where reading b is all the time it takes: each element of b is read once, in long runs.
 * One group computes block_n columns of every row. Factors and batch as in matmul_tile.c. For targets with wide lanes. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#include "matmul_batch.h"
#include "epilogue.h"
#define GROUP 1

#define ROWS_MAX 8
#define BLOCK_MAX 1024                /* columns of a group */
#define AHEAD 8                       /* rows of b in flight at a time */

/* sums[ROWS_MAX][BLOCK_MAX]: rows of b scaled and added up, AHEAD rows of b together. */
static void add_rows(ARRAY(f32, sums), IN(T) a, IN(T) b, u32 a_at, u32 a_row, u32 a_step, u32 b_at, u32 m, u32 n, u32 k, u32 cols)
{
    for (u32 r = 0; r < m; r++)
        for (u32 c = 0; c < cols; c += WIDTH) storew(sums, r * BLOCK_MAX + c, splatw(0));
    u32 j = 0;
    for (; j + AHEAD <= k; j += AHEAD) {
        for (u32 r = 0; r < m; r++) {
            f32 s[AHEAD];
#pragma unroll
            for (u32 i = 0; i < AHEAD; i++) s[i] = load(a, a_at + r * a_row + (j + i) * a_step);
            u32 c = 0;
            for (; c + WIDTH <= cols; c += WIDTH) {
                f32w sum = loadw(sums, r * BLOCK_MAX + c);
#pragma unroll
                for (u32 i = 0; i < AHEAD; i++) sum = mad(splatw(s[i]), loadw(b, b_at + (j + i) * n + c), sum);
                storew(sums, r * BLOCK_MAX + c, sum);
            }
            for (; c < cols; c++) {
                f32 sum = sums[r * BLOCK_MAX + c];
#pragma unroll
                for (u32 i = 0; i < AHEAD; i++) sum += s[i] * load(b, b_at + (j + i) * n + c);
                sums[r * BLOCK_MAX + c] = sum;
            }
        }
    }
    for (; j < k; j++)
        for (u32 r = 0; r < m; r++) {
            f32 s = load(a, a_at + r * a_row + j * a_step);
            for (u32 c = 0; c < cols; c++) sums[r * BLOCK_MAX + c] += s * load(b, b_at + j * n + c);
        }
}

/* The same from b stored [n][k]: dot products along the rows of b, four rows together. a is row-major. */
static void add_dots(ARRAY(f32, sums), IN(T) a, IN(T) b, u32 a_at, u32 b_at, u32 m, u32 k, u32 cols)
{
    u32 c = 0;
    for (; c + 4 <= cols; c += 4) {
        u32 from = b_at + c * k;
        for (u32 r = 0; r < m; r++) {
            f32w sum[4];
#pragma unroll
            for (u32 i = 0; i < 4; i++) sum[i] = splatw(0);
            u32 j = 0;
            for (; j + WIDTH <= k; j += WIDTH) {
                f32w v = loadw(a, a_at + r * k + j);
#pragma unroll
                for (u32 i = 0; i < 4; i++) sum[i] = mad(v, loadw(b, from + i * k + j), sum[i]);
            }
            if (j < k) {
                f32w v = loadw_part(a, a_at + r * k + j, k - j);
#pragma unroll
                for (u32 i = 0; i < 4; i++) sum[i] = mad(v, loadw_part(b, from + i * k + j, k - j), sum[i]);
            }
#pragma unroll
            for (u32 i = 0; i < 4; i++) sums[r * BLOCK_MAX + c + i] = sumw(sum[i]);
        }
    }
    for (; c < cols; c++)
        for (u32 r = 0; r < m; r++) {
            f32 sum = 0;
            for (u32 j = 0; j < k; j++) sum += load(a, a_at + r * k + j) * load(b, b_at + c * k + j);
            sums[r * BLOCK_MAX + c] = sum;
        }
}

/* trans_a is taken with trans_b 0 only. */
KERNEL matmul_row(u32 group, IN(T) a, IN(T) b, IN(T) bias, IN(T) rest, OUT(T) y, u32 m, u32 n, u32 k, u32 block_n, BATCH_PARAMS, f32 alpha,
                  f32 p, f32 q, CONST(u32) trans_a, CONST(u32) trans_b, CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, sums, ROWS_MAX * BLOCK_MAX);
    ITEMS(t) {
        u32 wide = (n + block_n - 1) / block_n;
        u32 batch = group / wide;
        u32 n0 = group % wide * block_n;
        u32 cols = min(block_n, n - n0);
        u32 a_at = BATCH_A(batch);
        u32 b_at = BATCH_B(batch);
        if (trans_b != 0)
            add_dots(sums, a, b, a_at, b_at + n0 * k, m, k, cols);
        else
            add_rows(sums, a, b, a_at, trans_a != 0 ? 1u : k, trans_a != 0 ? m : 1u, b_at + n0, m, n, k, cols);
        for (u32 r = 0; r < m; r++) {
            u32 to = (batch * m + r) * n + n0;
            for (u32 c = 0; c < cols; c++) {
                f32 v = alpha * sums[r * BLOCK_MAX + c];
                if (has_bias != 0) v += load(bias, n0 + c);
                if (has_rest != 0) v += load(rest, to + c);
                store(y, to + c, finish(v, act, p, q));
            }
        }
    }
}

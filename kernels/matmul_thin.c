/* Matrix product with few rows (m <= ROWS), where reading b is all the time it takes: 256 items share COLS columns of b, and each adds up
 * every SLICES-th step of k (4 columns at a time; where b is stored [n][k], 4 steps at a time); then the slices are added. Factors and
 * batch as in matmul_tile.c. */
#include "quern_kernel.h"
#pragma host T=f32 ROWS=1
#define GROUP 256
#include "matmul_batch.h"
#include "epilogue.h"

#ifndef ROWS
#define ROWS 8
#endif
#ifndef COLS
#define COLS 8                         /* a multiple of 4; of a b stored [n][k]: 8 */
#endif
#define LANES (COLS / 4)
#define SLICES (GROUP / LANES)
#define DOT_SLICES (GROUP / COLS)
#define AHEAD 4                        /* loads of b under way */

/* x[at .. at + 4), 0 from `n` on. */
static f32x4 take4(IN(T) x, u32 at, u32 n)
{
    return n >= 4 ? load4(x, at)
                  : MAKE4(f32, n > 0 ? load(x, at) : 0, n > 1 ? load(x, at + 1) : 0, n > 2 ? load(x, at + 2) : 0, 0);
}

/* part[slice][ROWS][COLS] of item t: rows of b, scaled and added. */
static void add_rows(ARRAY(f32, part), IN(T) a, IN(T) b, u32 a_at, u32 a_row, u32 a_step, u32 b_at, u32 t, u32 m, u32 n, u32 k, u32 n0)
{
    f32x4 sum[ROWS];
    u32 col = n0 + t % LANES * 4;
    u32 room = col < n ? n - col : 0u;
#pragma unroll
    for (u32 r = 0; r < ROWS; r++) sum[r] = MAKE4(f32, 0, 0, 0, 0);
    for (u32 j = t / LANES; j < k; j += AHEAD * SLICES) {
        f32x4 v[AHEAD];
#pragma unroll
        for (u32 i = 0; i < AHEAD; i++) v[i] = take4(b, b_at + (j + i * SLICES) * n + col, j + i * SLICES < k ? room : 0u);
#pragma unroll
        for (u32 i = 0; i < AHEAD; i++)
#pragma unroll
            for (u32 r = 0; r < ROWS; r++) {
                u32 at = a_at + r * a_row + (j + i * SLICES) * a_step;
                f32 s = r < m && j + i * SLICES < k ? load(a, at) : 0;
                sum[r] = mad(MAKE4(f32, s, s, s, s), v[i], sum[r]);
            }
    }
#pragma unroll
    for (u32 r = 0; r < ROWS; r++) store4(part, (t / LANES * ROWS + r) * COLS + t % LANES * 4, sum[r]);
}

/* The same of b stored [n][k]: an item keeps to one column; a is row-major. */
static void add_dots(ARRAY(f32, part), IN(T) a, IN(T) b, u32 a_at, u32 b_at, u32 t, u32 m, u32 n, u32 k, u32 n0)
{
    f32x4 sum[ROWS];
    u32 col = n0 + t / DOT_SLICES;
#pragma unroll
    for (u32 r = 0; r < ROWS; r++) sum[r] = MAKE4(f32, 0, 0, 0, 0);
    for (u32 j = t % DOT_SLICES * 4; j < k; j += AHEAD * 4 * DOT_SLICES) {
        f32x4 v[AHEAD];
#pragma unroll
        for (u32 i = 0; i < AHEAD; i++) {
            u32 from = j + i * (4 * DOT_SLICES);
            v[i] = take4(b, b_at + col * k + from, col < n && from < k ? k - from : 0u);
        }
#pragma unroll
        for (u32 i = 0; i < AHEAD; i++)
#pragma unroll
            for (u32 r = 0; r < ROWS; r++) {
                u32 from = j + i * (4 * DOT_SLICES);
                sum[r] = mad(take4(a, a_at + r * k + from, r < m && from < k ? k - from : 0u), v[i], sum[r]);
            }
    }
#pragma unroll
    for (u32 r = 0; r < ROWS; r++)
        part[(t % DOT_SLICES * ROWS + r) * COLS + t / DOT_SLICES] = sum[r].x + sum[r].y + (sum[r].z + sum[r].w);
}

/* trans_a is taken with trans_b 0 only. */
KERNEL matmul_thin(u32 group, IN(T) a, IN(T) b, IN(T) bias, IN(T) rest, OUT(T) y, u32 m, u32 n, u32 k, BATCH_PARAMS, f32 alpha, f32 p, f32 q,
                   CONST(u32) trans_a, CONST(u32) trans_b, CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, part, SLICES * ROWS * COLS);
    u32 wide = (n + COLS - 1) / COLS;
    u32 batch = group / wide;
    u32 n0 = group % wide * COLS;
    u32 a_at = BATCH_A(batch);
    u32 b_at = BATCH_B(batch);
    ITEMS(t) {
        if (trans_b != 0)
            add_dots(part, a, b, a_at, b_at, t, m, n, k, n0);
        else
            add_rows(part, a, b, a_at, trans_a != 0 ? 1u : k, trans_a != 0 ? m : 1u, b_at, t, m, n, k, n0);
    }
    for (u32 slices = (trans_b != 0 ? DOT_SLICES : SLICES) / 2; slices > 0; slices /= 2)
        ITEMS(t) {
            for (u32 e = t; e < slices * (ROWS * COLS); e += GROUP) part[e] += part[e + slices * (ROWS * COLS)];
        }
    ITEMS(t) {
        u32 row = t / COLS;
        u32 col = n0 + t % COLS;
        if (row < m && col < n) {
            u32 to = (batch * m + row) * n + col;
            f32 v = alpha * part[t];
            if (has_bias != 0) v += load(bias, col);
            if (has_rest != 0) v += load(rest, to);
            store(y, to, finish(v, act, p, q));
        }
    }
}

/* A product of few rows (m <= ROWS_MAX) with weights that stay packed (nbits.h): a[m][k], b, scales, zeros 0 to 2 -> y[m][n]. One group computes
 * block_n columns of every row: COLS rows of b become numbers, DEPTH of each at a time. For targets with wide lanes. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16 Z=u8 bits=2,4,8
#pragma host T=f32,f16,bf16 Z=T bits=4
#include "nbits_lanes.h"
#define GROUP 1

#define ROWS_MAX 8u
#define BLOCK_MAX 1024u                /* columns of a group */
#define DEPTH 2048u
#define COLS 4u

#define PITCH (DEPTH / CODES)

/* left[at ..] = depth elements of a, as unpack_row has those of b; 0 behind them. */
static void take_row(ARRAY(f32, left), u32 at, IN(T) a, u32 from, u32 depth, u32 end)
{
    u32 whole = depth / CODES;
    for (u32 i = 0; i < whole; i++)
#pragma unroll
        for (u32 p = 0; p < CODES; p++) left[at + p * PITCH + i] = load(a, from + i * CODES + p);
    for (u32 j = whole * CODES; j < end * CODES; j++) left[at + j % CODES * PITCH + j / CODES] = j < depth ? load(a, from + j) : 0;
}

KERNEL matmul_nbits_row(u32 group, IN(T) a, IN(u8) b, IN(T) scale, IN(Z) zero, OUT(T) y, u32 m, u32 n, u32 k, u32 blocks, u32 block_n,
                        CONST(u32) block, CONST(u32) zeros)
{
    SHARED(f32, left, ROWS_MAX * DEPTH);
    SHARED(f32, right, COLS * DEPTH);
    SHARED(f32, sums, ROWS_MAX * BLOCK_MAX);
    SHARED(f32, shifts, PITCH);
    SHARED(f32, factors, PITCH);
    ITEMS(t) {
        u32 n0 = group * block_n;
        u32 cols = min(block_n, n - n0);
        for (u32 k0 = 0; k0 < k; k0 += DEPTH) {
            u32 depth = min(k - k0, DEPTH);
            u32 end = ((depth + CODES - 1u) / CODES + WIDTH - 1u) / WIDTH * WIDTH;
            for (u32 r = 0; r < m; r++) take_row(left, r * DEPTH, a, r * k + k0, depth, end);
            for (u32 c = 0; c < cols; c += COLS) {
                for (u32 i = 0; i < COLS; i++) /* the last one again where there are fewer */
                    unpack_row(right, i * DEPTH, PITCH, shifts, factors, b, scale, zero, n0 + min(c + i, cols - 1u), k0, depth,
                               blocks, block, zeros);
                for (u32 r = 0; r < m; r++) {
                    f32w sum[COLS];
#pragma unroll
                    for (u32 i = 0; i < COLS; i++) sum[i] = splatw(0);
                    for (u32 p = 0; p < CODES; p++)
                        for (u32 j = p * PITCH; j < p * PITCH + end; j += WIDTH) {
                            f32w v = loadw(left, r * DEPTH + j);
#pragma unroll
                            for (u32 i = 0; i < COLS; i++) sum[i] = mad(v, loadw(right, i * DEPTH + j), sum[i]);
                        }
                    for (u32 i = 0; i < min(cols - c, COLS); i++) {
                        f32 before = k0 == 0 ? 0 : sums[r * BLOCK_MAX + c + i];
                        sums[r * BLOCK_MAX + c + i] = before + sumw(sum[i]);
                    }
                }
            }
        }
        for (u32 r = 0; r < m; r++)
            for (u32 c = 0; c < cols; c++) store(y, r * n + n0 + c, sums[r * BLOCK_MAX + c]);
    }
}

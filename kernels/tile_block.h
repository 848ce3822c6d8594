/* The tile that matmul and conv share on devices with many workers and group memory: 256 items, 16 x 16 of them, compute a block of
 * BLOCK_M x BLOCK_N sums, PER_M x PER_N each (4 or 8; from the defines of the program).
 *
 * The factors come through group memory DEPTH steps at a time, in two halves: while the items multiply what is in one half, the numbers
 * for the other are on their way into registers. An item's rows and columns are in runs of 4, 64 apart: 16 bytes a load. */
#ifndef TILE_BLOCK_H
#define TILE_BLOCK_H

#ifndef PER_M
#define PER_M 8
#endif
#ifndef PER_N
#define PER_N 8
#endif
#define BLOCK_M (16 * PER_M)
#define BLOCK_N (16 * PER_N)
#define DEPTH 16
#define LEFT_PITCH (BLOCK_M + 4)       /* in 16 bytes; items store down columns, spread over the banks */
#define RIGHT_PITCH (BLOCK_N + 4)
#define LEFT_RUNS (PER_M / 4)          /* runs of 4 numbers that an item brings of each factor */
#define RIGHT_RUNS (PER_N / 4)

/* The four numbers of item t, run r, of a factor stored [rows][k]: along k. In group memory they go down a column. */
#define ALONG_ROW(t, r) ((r) * 64 + (t) / 4)
#define ALONG_K(t) ((t) % 4 * 4)
/* Of a factor stored [k][cols]: along the row. */
#define ACROSS_K(t, r, runs) (((t) + (r) * 256) / ((runs) * 16))
#define ACROSS_COL(t, r, runs) (((t) + (r) * 256) % ((runs) * 16) * 4)

/* sums[PER_M][PER_N] += a column of left and a row of right, for each of DEPTH steps of a half. */
static void block_add(ARRAY(f32, left), ARRAY(f32, right), u32 left_at, u32 right_at, ARRAY(f32, sums), u32 t)
{
    for (u32 j = 0; j < DEPTH; j++) {
        f32 u[PER_M];
        f32 v[PER_N];
#pragma unroll
        for (u32 r = 0; r < LEFT_RUNS; r++) store4(u, r * 4, load4(left, left_at + j * LEFT_PITCH + r * 64 + t / 16 * 4));
#pragma unroll
        for (u32 c = 0; c < RIGHT_RUNS; c++) store4(v, c * 4, load4(right, right_at + j * RIGHT_PITCH + c * 64 + t % 16 * 4));
#pragma unroll
        for (u32 r = 0; r < PER_M; r++)
#pragma unroll
            for (u32 c = 0; c < PER_N; c++) sums[r * PER_N + c] = mad(u[r], v[c], sums[r * PER_N + c]);
    }
}

/* Row and column of sum i of item t. */
static u32 block_row(u32 t, u32 i) { return i / PER_N / 4 * 64 + t / 16 * 4 + i / PER_N % 4; }
static u32 block_col(u32 t, u32 i) { return i % PER_N / 4 * 64 + t % 16 * 4 + i % 4; }

/* x[at .. at + 4), 0 from `n` on. */
static f32x4 take4(IN(T) x, u32 at, u32 n)
{
    return n >= 4 ? load4(x, at)
                  : MAKE4(f32, n > 0 ? load(x, at) : 0, n > 1 ? load(x, at + 1) : 0, n > 2 ? load(x, at + 2) : 0, 0);
}

/* How many of 4 places from `at` on are below `end`. */
static u32 room4(u32 at, u32 end) { return at < end ? min(end - at, 4u) : 0u; }

/* Factor x of `rows` rows (or columns) from row0 and k steps from k0 on: run r of item t. `trans`: stored [k][rows], else [rows][k]. */
static f32x4 bring(IN(T) x, u32 at, u32 trans, u32 t, u32 r, u32 runs, u32 row0, u32 rows, u32 k0, u32 k)
{
    u32 row = row0 + (trans != 0 ? ACROSS_COL(t, r, runs) : ALONG_ROW(t, r));
    u32 j = k0 + (trans != 0 ? ACROSS_K(t, r, runs) : ALONG_K(t));
    u32 n = trans != 0 ? (j < k ? room4(row, rows) : 0u) : (row < rows ? room4(j, k) : 0u);
    return take4(x, at + (trans != 0 ? j * rows + row : row * k + j), n);
}

static void place(ARRAY(f32, to), u32 at, u32 pitch, u32 trans, u32 t, u32 r, u32 runs, f32x4 v)
{
    if (trans != 0) {
        store4(to, at + ACROSS_K(t, r, runs) * pitch + ACROSS_COL(t, r, runs), v);
    } else {
        u32 first = at + ALONG_K(t) * pitch + ALONG_ROW(t, r);
        to[first] = v.x;
        to[first + pitch] = v.y;
        to[first + 2 * pitch] = v.z;
        to[first + 3 * pitch] = v.w;
    }
}

#endif

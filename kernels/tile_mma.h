/* The tile that matmul and conv share where there are matrix units: 256 items, 2 x 4 subgroups of 32, compute a block of BLOCK_M x BLOCK_N
 * sums, ROW_TILES x COL_TILES tiles of 16 x 8 a subgroup.
 *
 * The factors are moved as words, two steps of k in each, as mma takes them. STEP steps at a time go through group memory, in pairs of words
 * [row or column][8 pairs]; there are two such halves: while one is multiplied the other is filled, with what was read a turn before.
 * mma takes words q and q + 4 of 8 from item q: here these are the two of pair q, for the order of steps is nothing to a sum. */
#ifndef TILE_MMA_H
#define TILE_MMA_H

#ifndef ROW_TILES
#define ROW_TILES 2
#endif
#ifndef COL_TILES
#define COL_TILES 2
#endif
#ifndef LEFT_WIDE
#define LEFT_WIDE 0                    /* the left factor is read 4 numbers at a time: its rows are a multiple of that */
#endif
#ifndef RIGHT_WIDE
#define RIGHT_WIDE 0
#endif
#if LEFT_WIDE
#define LEFT_PART u32x2
#else
#define LEFT_PART u16
#endif
#if RIGHT_WIDE
#define RIGHT_PART u32x2
#else
#define RIGHT_PART u16
#endif

#define BLOCK_M (32 * ROW_TILES)
#define BLOCK_N (32 * COL_TILES)
#define STEP 32
#define PAIRS 8                        /* of words, in STEP steps */
#define LEFT_PAIRS (BLOCK_M * PAIRS / GROUP) /* that an item brings; 4 of a wide factor that lies across, and not every item does */
#define RIGHT_PAIRS (BLOCK_N * PAIRS / GROUP)
#define KEPT 4
#define LEFT_WORDS (4 * ROW_TILES)     /* of an item, for one mma */
#define RIGHT_WORDS (2 * COL_TILES)
#define SUMS (4 * ROW_TILES * COL_TILES)
/* What such a kernel keeps: two halves of both factors in group memory; for each item its sums, what mma takes, and what it reads ahead. */
#define MMA_MEMORY                                                                                                          \
    SHARED(u32x2, left0, BLOCK_M * PAIRS);                                                                                  \
    SHARED(u32x2, right0, BLOCK_N * PAIRS);                                                                                 \
    SHARED(u32x2, left1, BLOCK_M * PAIRS);                                                                                  \
    SHARED(u32x2, right1, BLOCK_N * PAIRS);                                                                                 \
    PER_ITEMS(f32, sums, SUMS);                                                                                             \
    PER_ITEMS(u32, of_left, LEFT_WORDS);                                                                                    \
    PER_ITEMS(u32, of_right, RIGHT_WORDS);                                                                                  \
    PER_ITEMS(u32x2, next_left, KEPT);                                                                                      \
    PER_ITEMS(u32x2, next_right, KEPT);
#define MMA_OF(t) mma_##t
#define MMA(t) MMA_OF(t)

/* Where a pair is in group memory: moved about so that neighbours of an mma meet different banks. */
static u32 pair_at(u32 row, u32 pair) { return row * PAIRS + (pair ^ row / 2 % 2 * 4); }

/* Two 16-bit numbers of x, `step` apart, as a word; from `room` on they are 0. */
static u32 word_of(IN(u16) x, u32 at, u32 step, u32 room)
{
    u32 low = room > 0 ? (u32)x[at] : 0u;
    u32 high = room > 1 ? (u32)x[at + step] : 0u;
    return low | high << 16;
}

/* Pair i of item t of a factor from row0 and step k0 on: stored [rows][k], or [k][rows] where it lies `across`. */
static u32x2 bring_narrow(IN(u16) x, u32 at, u32 across, u32 block, u32 t, u32 i, u32 row0, u32 rows, u32 k0, u32 k)
{
    u32 e = t + i * GROUP;
    u32 row = row0 + (across != 0 ? e % block : e / PAIRS);
    u32 from = k0 + (across != 0 ? e / block : e % PAIRS) * 4;
    u32 room = row < rows && from < k ? k - from : 0u;
    u32 step = across != 0 ? rows : 1u;
    u32 first = at + (across != 0 ? from * rows + row : row * k + from);
    return MAKE2(u32, word_of(x, first, step, room), word_of(x, first + 2 * step, step, room > 2 ? room - 2 : 0u));
}

/* The same of rows that are a multiple of 4 numbers long. Where the factor lies across, item t takes 4 rows of 4 steps, and pair i is step i of
 * them: they are turned when they are placed. */
static u32x2 bring_wide(IN(u32x2) x, u32 at, u32 across, u32 block, u32 t, u32 i, u32 row0, u32 rows, u32 k0, u32 k)
{
    u32 e = t + i * GROUP;
    u32 row = row0 + (across != 0 ? t / PAIRS * 4 : e / PAIRS);
    u32 from = k0 + (across != 0 ? t % PAIRS * 4 + i : e % PAIRS * 4);
    u32 first = at + (across != 0 ? from * rows + row : row * k + from);
    bool in = row < rows && from < k && (across == 0 || t / PAIRS * 4 < block);
    return in ? x[first / 4] : MAKE2(u32, 0, 0);
}

/* All pairs of item t: of the left factor's block, and of the right one's. */
static void bring_left(IN(LEFT_PART) x, u32 at, u32 across, u32 t, u32 row0, u32 rows, u32 k0, u32 k, ARRAY(u32x2, to))
{
#if LEFT_WIDE
#pragma unroll
    for (u32 i = 0; i < KEPT; i++)
        if (across != 0 || i < LEFT_PAIRS) to[i] = bring_wide(x, at, across, BLOCK_M, t, i, row0, rows, k0, k);
#else
#pragma unroll
    for (u32 i = 0; i < LEFT_PAIRS; i++) to[i] = bring_narrow(x, at, across, BLOCK_M, t, i, row0, rows, k0, k);
#endif
}

static void bring_right(IN(RIGHT_PART) x, u32 at, u32 across, u32 t, u32 row0, u32 rows, u32 k0, u32 k, ARRAY(u32x2, to))
{
#if RIGHT_WIDE
#pragma unroll
    for (u32 i = 0; i < KEPT; i++)
        if (across != 0 || i < RIGHT_PAIRS) to[i] = bring_wide(x, at, across, BLOCK_N, t, i, row0, rows, k0, k);
#else
#pragma unroll
    for (u32 i = 0; i < RIGHT_PAIRS; i++) to[i] = bring_narrow(x, at, across, BLOCK_N, t, i, row0, rows, k0, k);
#endif
}

/* What item t has brought, to its place in group memory. */
static void place_pairs(ARRAY(u32x2, to), ARRAY(u32x2, pairs), u32 n, u32 wide, u32 across, u32 block, u32 t)
{
    if (wide != 0 && across != 0) {
        u32 row = t / PAIRS * 4;
        if (row < block) {
            u32x2 p = pairs[0];
            u32x2 q = pairs[1];
            u32x2 r = pairs[2];
            u32x2 s = pairs[3];
            to[pair_at(row, t % PAIRS)] = MAKE2(u32, (p.x & 0xffffu) | q.x << 16, (r.x & 0xffffu) | s.x << 16);
            to[pair_at(row + 1, t % PAIRS)] = MAKE2(u32, p.x >> 16 | (q.x & 0xffff0000u), r.x >> 16 | (s.x & 0xffff0000u));
            to[pair_at(row + 2, t % PAIRS)] = MAKE2(u32, (p.y & 0xffffu) | q.y << 16, (r.y & 0xffffu) | s.y << 16);
            to[pair_at(row + 3, t % PAIRS)] = MAKE2(u32, p.y >> 16 | (q.y & 0xffff0000u), r.y >> 16 | (s.y & 0xffff0000u));
        }
    } else {
#pragma unroll
        for (u32 i = 0; i < n; i++) {
            u32 e = t + i * GROUP;
            to[across != 0 ? pair_at(e % block, e / block) : pair_at(e / PAIRS, e % PAIRS)] = pairs[i];
        }
    }
}

/* What item t of a subgroup keeps of 8 words of its rows, and of its columns, for mma. */
static void take_left(ARRAY(u32x2, left), u32 t, u32 half, ARRAY(u32, to))
{
    u32 row = t / 32 % 2 * (16 * ROW_TILES) + t % 32 / 4;
#pragma unroll
    for (u32 i = 0; i < ROW_TILES; i++) {
        u32x2 p = left[pair_at(row + 16 * i, half * 4 + t % 4)];
        u32x2 q = left[pair_at(row + 16 * i + 8, half * 4 + t % 4)];
        to[4 * i] = p.x;
        to[4 * i + 1] = q.x;
        to[4 * i + 2] = p.y;
        to[4 * i + 3] = q.y;
    }
}

static void take_right(ARRAY(u32x2, right), u32 t, u32 half, ARRAY(u32, to))
{
    u32 col = t / 64 * (8 * COL_TILES) + t % 32 / 4;
#pragma unroll
    for (u32 j = 0; j < COL_TILES; j++) {
        u32x2 p = right[pair_at(col + 8 * j, half * 4 + t % 4)];
        to[2 * j] = p.x;
        to[2 * j + 1] = p.y;
    }
}

/* Row and column of sum i of item t in the block. */
static u32 sum_row(u32 t, u32 i) { return t / 32 % 2 * (16 * ROW_TILES) + i / (4 * COL_TILES) * 16 + i % 4 / 2 * 8 + t % 32 / 4; }
static u32 sum_col(u32 t, u32 i) { return t / 64 * (8 * COL_TILES) + i / 4 % COL_TILES * 8 + t % 4 * 2 + i % 2; }

/* Phases: multiply one half of group memory. */
#define MMA_HALVES(left, right)                                                                                              \
    ITEMS(t) {                                                                                                               \
        take_left(left, t, 0, of_left[t]);                                                                                   \
        take_right(right, t, 0, of_right[t]);                                                                                \
    }                                                                                                                        \
    MMA(T)(sums, of_left, of_right);                                                                                         \
    ITEMS(t) {                                                                                                               \
        take_left(left, t, 1, of_left[t]);                                                                                   \
        take_right(right, t, 1, of_right[t]);                                                                                \
    }                                                                                                                        \
    MMA(T)(sums, of_left, of_right);

/* Phases: all sums, with the kernel's FILL(left, right, k0), which fills the half of group memory that is free and brings what will fill the other. */
#define MMA_SUMS                                                                                                             \
    FILL(left0, right0, STEP)                                                                                                \
    for (u32 k0 = 0; k0 < k; k0 += 2 * STEP) {                                                                               \
        MMA_HALVES(left0, right0)                                                                                            \
        FILL(left1, right1, k0 + 2 * STEP)                                                                                   \
        MMA_HALVES(left1, right1)                                                                                            \
        FILL(left0, right0, k0 + 3 * STEP)                                                                                   \
    }

#endif

/* Block sizes: large enough that copying the factors is little of the work, small enough that every worker has its share. */
#include "op/blocks.h"

enum { ROWS_MAX = 256, COLS_MAX = 240, COLS_STEP = 48, ROW_STEP = 8, LANES = 16, GROUP_COST = 4000 }; /* kernels/tile.h */

bool blocks_fit(const qn_caps *caps, qn_dtype d, u64 numbers)
{
    bool is_float = d == QN_F32 || d == QN_F16 || d == QN_BF16 || d == QN_F64;
    return is_float && numbers * (d == QN_F64 ? 8 : 4) <= caps->group_memory_bytes;
}

static u64 up_to(u64 v, u64 step) { return (v + step - 1) / step * step; }

/* Multiply-adds (and what is worth as many) per unit of depth until the last worker is done. */
static u64 cost(u64 m, u64 n, u64 count, u64 rows, u64 cols, u64 workers, u64 fill)
{
    u64 groups = (m + rows - 1) / rows * ((n + cols - 1) / cols) * count;
    u64 rounds = (groups + workers - 1) / workers;
    u64 wide = up_to(MIN(cols, n), LANES), tall = up_to(MIN(rows, m), ROW_STEP);
    return rounds * (tall * wide + fill * wide + 32 * tall + GROUP_COST / 16);
}

static blocks best_for(const qn_caps *caps, i64 ms, i64 ns, i64 times, u64 fill)
{
    blocks best = { ROWS_MAX / 2, COLS_MAX - COLS_STEP };
    if (ms < 1 || ns < 1 || ms > INT32_MAX || ns > INT32_MAX) return best;
    if (times < 1 || times > INT32_MAX) times = 1;
    u64 workers = MAX(caps->workers, 1u), least = UINT64_MAX;
    for (u32 cols = COLS_MAX; cols >= COLS_STEP; cols -= COLS_STEP)
        for (u32 rows = ROWS_MAX; rows >= ROW_STEP; rows -= ROW_STEP) {
            u64 c = cost((u64)ms, (u64)ns, (u64)times, rows, cols, workers, fill);
            if (c < least && rows <= up_to((u64)ms, ROW_STEP)) {
                least = c;
                best = (blocks){ rows, cols };
            }
        }
    return best;
}

u32 blocks_groups(i64 m, u32 rows, i64 n, u32 cols, i64 count)
{
    u64 tall = m > 0 ? ((u64)m + rows - 1) / rows : 0, wide = n > 0 ? ((u64)n + cols - 1) / cols : 0, groups;
    bool fits = mul_u64(tall, wide, &groups) && mul_u64(groups, count > 0 ? (u64)count : 0, &groups);
    return fits && groups < UINT32_MAX ? (u32)groups : UINT32_MAX;
}

static void choose(const qn_caps *caps, const i64 *sizes, u32 *numbers)
{
    const i64 m = sizes[0], n = sizes[1], count = sizes[2];
    blocks b = best_for(caps, m, n, count, (u64)sizes[3]);
    numbers[BLOCKS_ROWS] = b.rows;
    numbers[BLOCKS_COLS] = b.cols;
    numbers[BLOCKS_GROUPS] = blocks_groups(m, b.rows, n, b.cols, count);
}

void blocks_choose(launch *k, sym m, sym n, sym count, u32 fill)
{
    launch_choose(k, choose, (const sym[]){ m, n, count, launch_sym(k, fill) }, 4);
}

static void choose_piece(const qn_caps *caps, const i64 *sizes, u32 *numbers)
{
    (void)caps;
    numbers[PIECE_ROWS] = (u32)MAX(sizes[3] / MAX(sizes[1], 1), 1);
    numbers[PIECE_GROUPS] = blocks_groups(sizes[0], numbers[PIECE_ROWS], sizes[2], 1, 1);
}

void pieces_choose(launch *k, sym rows, sym run, sym times, u32 elems)
{
    launch_choose(k, choose_piece, (const sym[]){ rows, run, times, launch_sym(k, elems) }, 4);
}

/* Counted in each run: an expression for it may be too long to write down. */
static void choose_groups(const qn_caps *caps, const i64 *sizes, u32 *numbers)
{
    (void)caps;
    numbers[0] = blocks_groups(sizes[0], (u32)sizes[3], sizes[1], (u32)sizes[4], sizes[2]);
}

qn_status blocks_launch(launch *k, blocks b, sym m, sym n, sym count)
{
    launch_choose(k, choose_groups, (const sym[]){ m, n, count, launch_sym(k, b.rows), launch_sym(k, b.cols) }, 5);
    return launch_chosen_groups(k, 0);
}

/* ------------------------------------------------------------------ by items */
enum { ITEM_GROUP = 256, ITEM_SHARED_BYTES = 2 * 16 * 2 * (128 + 4) * 4, MANY_WORKERS = 16 };

/* Devices with host memory like other kernels better, but can run these when asked. */
bool blocks_suit_items(const qn_caps *caps, qn_dtype d)
{
    bool is_float = d == QN_F32 || d == QN_F16 || d == QN_BF16;
    return is_float && caps->max_group >= ITEM_GROUP && caps->group_memory_bytes >= ITEM_SHARED_BYTES &&
           (caps->workers >= MANY_WORKERS || caps->host_memory);
}

/* What a block costs beside its sums, by size: small ones load more for each product. Blocks of `unit` x `unit` times the tile. */
typedef struct tile_cost {
    item_tile tile;
    u32 cost_of_sum;
} tile_cost;

static item_tile cheapest(const graph *g, const qn_caps *caps, sym m, sym n, sym count, u32 unit, const tile_cost *tiles,
                          u32 n_tiles)
{
    i64 ms, ns, times;
    item_tile best = tiles[n_tiles - 1].tile;
    if (!sym_is_number(g, m, &ms) || !sym_is_number(g, n, &ns) || ms < 1 || ns < 1 || ms > INT32_MAX || ns > INT32_MAX)
        return best;
    if (!sym_is_number(g, count, &times) || times < 1 || times > INT32_MAX) times = 1;
    u64 least = UINT64_MAX, workers = MAX(caps->workers, 1u);
    for (u32 i = 0; i < n_tiles; i++) {
        u64 rows = unit * tiles[i].tile.per_m, cols = unit * tiles[i].tile.per_n;
        u64 groups = ((u64)ms + rows - 1) / rows * (((u64)ns + cols - 1) / cols) * (u64)times;
        u64 time = (groups + workers - 1) / workers * rows * cols * tiles[i].cost_of_sum;
        if (time < least) least = time, best = tiles[i].tile;
    }
    return best;
}

item_tile blocks_for_items(const graph *g, const qn_caps *caps, sym m, sym n, sym count)
{
    static const tile_cost tiles[] = { { { 8, 8 }, 10 }, { { 4, 8 }, 13 }, { { 4, 4 }, 17 } };
    return cheapest(g, caps, m, n, count, 16, tiles, COUNT(tiles));
}

/* ------------------------------------------------------------------ by matrix units */
bool blocks_suit_mma(const qn_caps *caps, qn_dtype d)
{
    return caps->mma && (d == QN_F16 || d == QN_BF16) && blocks_suit_items(caps, d);
}

enum {
    MMA_UNIT = 32,
    MMA_READ = 4
}; /* the side of a block of 1 x 1; numbers read at a time where a row is a multiple of that */

static const char *is_wide(const graph *g, sym row)
{
    i64 n;
    return row && sym_is_number(g, row, &n) && n % MMA_READ == 0 ? "1" : "0";
}

blocks blocks_by_mma(lowering *l, launch *k, sym m, sym n, sym count, sym left, sym right)
{
    static const tile_cost tiles[] = { { { 4, 4 }, 10 }, { { 2, 4 }, 13 }, { { 4, 2 }, 13 }, { { 2, 2 }, 18 } };
    const graph *g = lower_graph(l);
    item_tile tile = cheapest(g, lower_caps(l), m, n, count, MMA_UNIT, tiles, COUNT(tiles));
    launch_define(k, "ROW_TILES", tile.per_m == 4 ? "4" : "2");
    launch_define(k, "COL_TILES", tile.per_n == 4 ? "4" : "2");
    launch_define(k, "LEFT_WIDE", is_wide(g, left));
    launch_define(k, "RIGHT_WIDE", is_wide(g, right));
    return (blocks){ MMA_UNIT * tile.per_m, MMA_UNIT * tile.per_n };
}

/* How a matrix product is cut into blocks, one a group, for the register-tile kernels (kernels/tile.h). */
#ifndef BLOCKS_H
#define BLOCKS_H

#include "plan/lower.h"

typedef struct blocks {
    u32 rows, cols;
} blocks; /* of a block */

/* The kernels' group memory, in numbers as wide as sums: kernels/tile.h, kernels/attention_tile.c. */
enum { BLOCKS_TILE_NUMBERS = 125088, BLOCKS_ATTENTION_NUMBERS = 154112 };
bool blocks_fit(const qn_caps *caps, qn_dtype d, u64 numbers); /* d: of the factors, a float */
/* For `count` products [m][k] x [k][n]. fill: what copying one element of the right factor costs, in multiply-adds. */
void blocks_choose(launch *k, sym m, sym n, sym count, u32 fill); /* its numbers: rows, columns, groups (launch_chosen) */
enum { BLOCKS_ROWS, BLOCKS_COLS, BLOCKS_GROUPS };
/* For `times` * `rows` rows of `run` elements, one after the other: as many a group as have about `elems` elements. */
void pieces_choose(launch *k, sym rows, sym run, sym times, u32 elems); /* its numbers: rows of a group, groups */
enum { PIECE_ROWS, PIECE_GROUPS };
/* Groups for `count` times m x n in blocks; more than fit in 32 bits are as many as no launch takes. */
u32 blocks_groups(i64 m, u32 rows, i64 n, u32 cols, i64 count);
/* That many groups, of blocks that are chosen already. */
qn_status blocks_launch(launch *k, blocks b, sym m, sym n, sym count);
/* kernels/tile_block.h: blocks of 16 * per_m x 16 * per_n by 256 items, where many workers share the work. */
typedef struct item_tile {
    u32 per_m, per_n;
} item_tile;
bool blocks_suit_items(const qn_caps *caps, qn_dtype d);
item_tile blocks_for_items(const graph *g, const qn_caps *caps, sym m, sym n, sym count);

enum { GROUP_SIDE = 64 }; /* kernels/tile_group.h: the side of a block */

/* kernels/tile_mma.h */
bool blocks_suit_mma(const qn_caps *caps, qn_dtype d);
/* The tile's defines for a launch of `count` products; left, right: how long a row of each factor is in memory, 0: not in order, so that
 * its numbers are read one at a time. Gives the blocks. */
blocks blocks_by_mma(lowering *l, launch *k, sym m, sym n, sym count, sym left, sym right);

#endif

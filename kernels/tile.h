/* The register tile that matmul, conv and attention share on targets with wide lanes (groups of one item).
 *
 *     sums[TILE_ROWS][TILE_COLS] (+)= left[TILE_ROWS][depth] * right[depth][TILE_COLS]
 *
 * A kernel copies up to TILE_ROWS rows of its left matrix into `left` and up to TILE_DEPTH rows of up to TILE_PANEL columns of its right
 * matrix into `right`; the copies fit the inner caches and their rows do not share a cache set, whatever the strides of the matrices.
 * The sums stay in registers over the whole depth: 8 x 3 vectors fill the 32 registers of AVX-512, 4 x 3 the 16 of everything else. */
#ifndef TILE_H
#define TILE_H

#if WIDTH >= 16
#define TILE_ROWS 8
#else
#define TILE_ROWS 4
#endif
#define TILE_LANES 3
#define TILE_COLS (TILE_LANES * WIDTH)
#define TILE_DEPTH 256                /* rows of `right` at a time */
#define TILE_PITCH (TILE_DEPTH + 16)  /* between rows of `left` */
#define TILE_PANEL 240                /* between rows of `right`: a multiple of TILE_COLS for every WIDTH */
#define TILE_LEFT (TILE_ROWS * TILE_PITCH)
#define TILE_RIGHT (TILE_DEPTH * TILE_PANEL)
#define TILE_SUMS (TILE_PANEL * 256)  /* the whole block of a group: columns x rows, rounded up to tiles */

#define TILE tile_of_3
#define LANES 3
#include "tile_lanes.h"
#undef TILE
#undef LANES
#define TILE tile_of_2
#define LANES 2
#include "tile_lanes.h"
#undef TILE
#undef LANES
#define TILE tile_of_1
#define LANES 1
#include "tile_lanes.h"
#undef TILE
#undef LANES

/* sums[at ..] (+)= left * right[][panel ..] for the first `cols` columns of a panel; `first` starts the sums at 0. */
static void tile_add(ARRAY(f32, left), ARRAY(f32, right), u32 panel, u32 depth, ARRAY(f32, sums), u32 at, bool first, u32 cols)
{
    if (cols > 2 * WIDTH)
        tile_of_3(left, right, panel, depth, sums, at, first);
    else if (cols > WIDTH)
        tile_of_2(left, right, panel, depth, sums, at, first);
    else
        tile_of_1(left, right, panel, depth, sums, at, first);
}

/* left[TILE_ROWS][depth] = x[at + row * stride + 0 .. depth), rows past `rows` zero. */
static void tile_left(ARRAY(f32, left), IN(T) x, u32 at, u32 stride, u32 rows, u32 depth)
{
    for (u32 r = 0; r < TILE_ROWS; r++) {
        u32 from = at + r * stride;
        u32 to = r * TILE_PITCH;
        u32 k = 0;
        if (r < rows) {
            for (; k + WIDTH <= depth; k += WIDTH) storew(left, to + k, loadw(x, from + k));
            if (k < depth) storew(left, to + k, loadw_part(x, from + k, depth - k));
        } else {
            for (; k < depth; k += WIDTH) storew(left, to + k, splatw(0));
        }
    }
}

/* The same from a matrix stored [depth][rows]: element (row, k) is x[at + k * stride + row]. */
static void tile_left_transposed(ARRAY(f32, left), IN(T) x, u32 at, u32 stride, u32 rows, u32 depth)
{
    for (u32 k = 0; k < depth; k++)
        for (u32 r = 0; r < TILE_ROWS; r++) left[r * TILE_PITCH + k] = r < rows ? load(x, at + k * stride + r) : 0;
}

#endif

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

/* Where element (row, col) of a block of tiles is: tiles of a row of tiles stand side by side, TILE_ROWS x TILE_COLS each. */
static u32 tile_at(u32 row, u32 col)
{
    u32 tile = row / TILE_ROWS * TILE_ROWS * TILE_PANEL + col / TILE_COLS * TILE_COLS * TILE_ROWS;
    return tile + row % TILE_ROWS * TILE_COLS + col % TILE_COLS;
}

/* right[depth][TILE_PANEL] = depth rows and cols columns of x from element `at`; unused columns of the last vector are 0. */
static void tile_right(ARRAY(f32, right), IN(T) x, u32 at, u32 stride, u32 depth, u32 cols)
{
    for (u32 k = 0; k < depth; k++) {
        u32 from = at + k * stride;
        u32 to = k * TILE_PANEL;
        u32 c = 0;
        for (; c + WIDTH <= cols; c += WIDTH) storew(right, to + c, loadw(x, from + c));
        if (c < cols) {
            storew(right, to + c, splatw(0));
            for (; c < cols; c++) right[to + c] = load(x, from + c);
        }
    }
}

/* The same from a matrix stored [cols][depth]: column c is row c of x. Four by four, so that stores are few. */
static void tile_right_transposed(ARRAY(f32, right), IN(T) x, u32 at, u32 stride, u32 depth, u32 cols)
{
    u32 c = 0;
    for (; c + 4 <= cols; c += 4) {
        u32 from = at + c * stride;
        u32 k = 0;
        for (; k + 4 <= depth; k += 4) {
            f32x4 p = load4(x, from + k);
            f32x4 q = load4(x, from + stride + k);
            f32x4 r = load4(x, from + 2 * stride + k);
            f32x4 s = load4(x, from + 3 * stride + k);
            u32 to = k * TILE_PANEL + c;
            store4(right, to, MAKE4(f32, p.x, q.x, r.x, s.x));
            store4(right, to + TILE_PANEL, MAKE4(f32, p.y, q.y, r.y, s.y));
            store4(right, to + 2 * TILE_PANEL, MAKE4(f32, p.z, q.z, r.z, s.z));
            store4(right, to + 3 * TILE_PANEL, MAKE4(f32, p.w, q.w, r.w, s.w));
        }
        for (; k < depth; k++)
            for (u32 j = 0; j < 4; j++) right[k * TILE_PANEL + c + j] = load(x, from + j * stride + k);
    }
    for (; c < cols; c++)
        for (u32 k = 0; k < depth; k++) right[k * TILE_PANEL + c] = load(x, at + c * stride + k);
    for (; c % WIDTH != 0; c++)
        for (u32 k = 0; k < depth; k++) right[k * TILE_PANEL + c] = 0;
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

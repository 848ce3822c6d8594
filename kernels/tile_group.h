/* The tile that matmul and conv share on devices with group memory: 64 items compute SIDE x SIDE sums, 8 x 8 each.
 *
 * For DEPTH steps at a time the items put DEPTH columns of the left matrix into `left` and DEPTH rows of the right one into `right`;
 * then each takes 8 + 8 numbers and makes 64 products a step. Item t has rows t / 8 * 8 + 0..7 and columns t % 8 + 0, 8, .. 56: what
 * neighbours read and write lies side by side. */
#ifndef TILE_GROUP_H
#define TILE_GROUP_H

#define SIDE 64
#define DEPTH 16
#define LEFT_PITCH (SIDE + 1)         /* items store down a column of the left matrix: spread over the banks */
#define PER (SIDE * DEPTH / 64)       /* numbers that an item brings */

/* The sum that item t holds at i stands here in the tile. */
static u32 tile_row(u32 t, u32 i) { return t / 8 * 8 + i / 8; }
static u32 tile_col(u32 t, u32 i) { return t % 8 + i % 8 * 8; }

/* What the DEPTH columns and rows at hand add to the sums of item t. */
static void tile_meet(u32 t, ARRAY(f32, left), ARRAY(f32, right), ARRAY(f32, sums))
{
    for (u32 j = 0; j < DEPTH; j++) {
        f32 u[8];
        f32 v[8];
#pragma unroll
        for (u32 r = 0; r < 8; r++) u[r] = left[j * LEFT_PITCH + t / 8 * 8 + r];
#pragma unroll
        for (u32 c = 0; c < 8; c++) v[c] = right[j * SIDE + t % 8 + c * 8];
#pragma unroll
        for (u32 r = 0; r < 8; r++)
#pragma unroll
            for (u32 c = 0; c < 8; c++) sums[r * 8 + c] = mad(u[r], v[c], sums[r * 8 + c]);
    }
}

#endif

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

#endif

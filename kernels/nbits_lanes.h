/* Packed weights (nbits.h) of 2, 4 or 8 bits as numbers in group memory, for targets with wide lanes: code p of byte i
 * comes to stand at [p][i], so that neighbours are made of neighbours; who multiplies takes the other factor in that order. */
#ifndef NBITS_LANES_H
#define NBITS_LANES_H
#define S T
#include "nbits.h"

#define CODES (8u / bits) /* of a byte */

/* to[at ..] = elements k0 .. k0 + depth of row `row` of b, as [CODES][pitch], pitch a constant; 0 behind them, as far as whole vectors reach. k0 is
 * where a block begins, or what follows it lies inside one. shifts, factors: room for `pitch`. */
static void unpack_row(ARRAY(f32, to), u32 at, u32 pitch, ARRAY(f32, shifts), ARRAY(f32, factors), IN(u8) b, IN(T) scale, IN(Z) zero, u32 row,
                       u32 k0, u32 depth, u32 blocks, u32 span, u32 kind)
{
    i64 from = row * (blocks * span * bits / 8u) + k0 * bits / 8u; /* 64 bits do not wrap: a compiler sees neighbours */
    u32 n = (depth + CODES - 1u) / CODES, end = (n + WIDTH - 1u) / WIDTH * WIDTH, i = 0;
    for (u32 c = k0 / span; i < n; c++) {
        u32 last = min(i + span / CODES, n);
        f32 shift = zero_of(zero, row, blocks, c, kind), by = scale_of(scale, row, blocks, c, kind);
        for (; i < last; i++) {
            shifts[i] = shift;
            factors[i] = by;
        }
    }
    for (u32 w = 0; w < n; w++) {
        u32 byte = BYTE(b, from + (i64)w);
#pragma unroll
        for (u32 p = 0; p < CODES; p++) to[at + p * pitch + w] = ((f32)(i32)(byte >> p * bits & MASK) - shifts[w]) * factors[w];
    }
    for (u32 p = 0; p < CODES; p++)
        for (u32 w = n; w < end; w++) to[at + p * pitch + w] = 0;
    for (u32 j = depth; j < n * CODES; j++) to[at + j % CODES * pitch + j / CODES] = 0;
}

#endif

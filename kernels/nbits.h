/* A row with weights that stay packed: 2, 4 or 8 bits an element, the first in the low bits, a scale and a zero point for each block of a row.
 * b[n][blocks][block * bits / 8], scales[n][blocks]
 * zeros: 0 none, the middle of the range; 1 packed as b is, a row of n beginning at a byte; 2 numbers, [n][blocks]; 3 each behind its scale,
 * [n][blocks][2], in one buffer */
#ifndef NBITS_H
#define NBITS_H

#define PER_BYTE (8u / bits)
#define MASK     ((1u << bits) - 1u)

static f32 zero_of(IN(Z) zero, u32 row, u32 blocks, u32 at, u32 kind)
{
    if (kind == 1) {
        u32 byte = (u32)TO(i32, load(zero, row * ((blocks + PER_BYTE - 1u) / PER_BYTE) + at / PER_BYTE));
        return (f32)(byte >> at % PER_BYTE * bits & MASK);
    }
    if (kind == 0) return (f32)(1u << (bits - 1u));
    return (f32)load(zero, kind == 3 ? 2u * (row * blocks + at) + 1u : row * blocks + at);
}

/* Row `from` of a with row `row` of b. */
static f32 dot_packed(IN(T) a, IN(u8) b, IN(T) scale, IN(Z) zero, u32 from, u32 row, u32 k, u32 blocks, u32 span, u32 kind)
{
    u32 bytes = span / PER_BYTE;
    f32 sum = 0;
    for (u32 c = 0; c < blocks; c++) {
        u32 first = c * span, last = min(first + span, k), at = (row * blocks + c) * bytes;
        f32 shift = zero_of(zero, row, blocks, c, kind), part = 0;
        for (u32 j = first; j < last; j++) {
            u32 q = (u32)load(b, at + (j - first) / PER_BYTE) >> (j - first) % PER_BYTE * bits & MASK;
            part += ((f32)q - shift) * load(a, from + j);
        }
        sum += part * load(scale, kind == 3 ? 2u * (row * blocks + c) : row * blocks + c);
    }
    return sum;
}

#endif

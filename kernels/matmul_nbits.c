/* A matrix product whose right factor stays packed: 2, 4 or 8 bits an element, a scale and a zero point for each block of its columns.
 * a[m][k], b[n][blocks][block * bits / 8], the first element in the low bits, scales[n][blocks] -> y[m][n]
 * zeros: 0 none, the middle of the range; 1 packed as b is, a row of n beginning at a byte; 2 numbers, [n][blocks] */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16 Z=u8 bits=2,4,8
#pragma host T=f32,f16,bf16 Z=T bits=4

#define PER_BYTE (8u / bits)
#define MASK     ((1u << bits) - 1u)

static f32 zero_of(IN(Z) zero, u32 row, u32 blocks, u32 at, u32 kind)
{
    if (kind == 1) {
        u32 byte = (u32)TO(i32, load(zero, row * ((blocks + PER_BYTE - 1u) / PER_BYTE) + at / PER_BYTE));
        return (f32)(byte >> at % PER_BYTE * bits & MASK);
    }
    return kind == 2 ? (f32)load(zero, row * blocks + at) : (f32)(1u << (bits - 1u));
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
        sum += part * load(scale, row * blocks + c);
    }
    return sum;
}

MAP(T) matmul_nbits(u32 i, IN(T) a, IN(u8) b, IN(T) scale, IN(Z) zero, u32 n, u32 k, u32 blocks, CONST(u32) block, CONST(u32) zeros)
{
    return TO(T, dot_packed(a, b, scale, zero, i / n * k, i % n, k, blocks, block, zeros));
}

/* The same with a factor of its own for each row of y: b[experts][n][..], which[rows] of them, row r of y from row r / share of a. */
MAP(T) expert_nbits(u32 i, IN(T) a, IN(u8) b, IN(T) scale, IN(Z) zero, IN(i64) which, u32 n, u32 k, u32 blocks, u32 share, CONST(u32) block, CONST(u32) zeros)
{
    u32 row = i / n;
    return TO(T, dot_packed(a, b, scale, zero, row / share * k, (u32)which[row] * n + i % n, k, blocks, block, zeros));
}

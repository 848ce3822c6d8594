/* A product with packed weights (nbits.h) of which each row of y has its own: b[experts][n][..], which[rows] of them, row r of y from row
 * r / share of a; zeros 0 or 3. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16 Z=T bits=2,4,8
#include "nbits.h"

MAP(T) expert_nbits(u32 i, IN(T) a, IN(u8) b, IN(T) scale, IN(i64) which, u32 n, u32 k, u32 blocks, u32 share, CONST(u32) block, CONST(u32) zeros)
{
    u32 row = i / n;
    return TO(T, dot_packed(a, b, scale, scale, row / share * k, (u32)which[row] * n + i % n, k, blocks, block, zeros));
}

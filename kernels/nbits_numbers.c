/* Packed weights (nbits.h) as numbers: b, scales, zeros 0 to 2 -> y[n][k] */
#include "quern_kernel.h"
#pragma host T=f32 Z=u8 bits=4
#define S T
#include "nbits.h"

MAP(T) nbits_numbers(u32 i, IN(u8) b, IN(T) scale, IN(Z) zero, u32 k, u32 blocks, CONST(u32) block, CONST(u32) zeros)
{
    u32 row = i / k, j = i % k, c = j / block;
    f32 code = VALUE(CODE(b, (row * blocks + c) * (block * bits / 8u), j % block));
    return TO(T, (code - zero_of(zero, row, blocks, c, zeros)) * scale_of(scale, row, blocks, c, zeros));
}

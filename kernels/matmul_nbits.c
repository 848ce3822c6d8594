/* A matrix product whose right factor stays packed (nbits.h): a[m][k], b, scales, zeros 0 to 2 -> y[m][n] */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16 Z=u8 bits=2,3,4,8
#pragma host T=f32,f16,bf16 Z=T bits=4
#define S T
#include "nbits.h"

MAP(T) matmul_nbits(u32 i, IN(T) a, IN(u8) b, IN(T) scale, IN(Z) zero, u32 n, u32 k, u32 blocks, CONST(u32) block, CONST(u32) zeros)
{
    return TO(T, dot_packed(a, b, scale, zero, i / n * k, i % n, k, blocks, blocks * block * bits / 8u, block, zeros));
}

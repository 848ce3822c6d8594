/* A product with packed weights (nbits.h) of which each row of y has its own: b[experts][n][stride], which[rows] of them, row r of y from row
 * r / share of a; zeros 0, 3 or 4. codes: 0 integers, 1 float4 (e2m1), 2 float8 (e4m3fn). */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16 Z=T bits=2,3,4,8 codes=0
#pragma host T=f32,f16,bf16 Z=f32 bits=4 codes=1
#pragma host T=f32,f16,bf16 Z=f32 bits=8 codes=2

#define MAN (codes == 1 ? 1u : 3u)
#define TOP (codes == 1 ? 8u : 128u) /* the sign */

static f32 value_of(u32 code)
{
    u32 size = code % TOP, rest = size & ((1u << MAN) - 1u), power = codes == 1 ? 126u : 120u;
    if (codes == 0) return (f32)code;
    f32 v = as_f32((size >> MAN) + power << 23 | rest << (23u - MAN));
    if (size >> MAN == 0u) v = (f32)rest * (codes == 1 ? 0.5f : 0.001953125f);
    if (codes == 2 && size == 127u) v = as_f32(0x7fc00000u);
    return code < TOP ? v : -v;
}
#define VALUE(code) value_of(code)
#define S           Z
#include "nbits.h"

MAP(T) expert_nbits(u32 i, IN(T) a, IN(u8) b, IN(Z) scale, IN(i64) which, u32 n, u32 k, u32 blocks, u32 share, u32 stride, CONST(u32) block, CONST(u32) zeros)
{
    u32 row = i / n;
    return TO(T, dot_packed(a, b, scale, scale, row / share * k, (u32)which[row] * n + i % n, k, blocks, stride, block, zeros));
}

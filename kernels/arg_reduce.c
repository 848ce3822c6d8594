/* The place of the largest (least=1: smallest) of x[outer][n][inner] along n, the first or the last one of equals. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16 A=f32
#pragma host T=f64 A=f64
#pragma host T=i8,u8,i16,u16,i32 A=i32
#pragma host T=u32 A=u32
#pragma host T=i64 A=i64
#pragma host T=u64 A=u64

MAP(i64) arg_map(u32 i, IN(T) x, CONST(u32) least, CONST(u32) last, u32 n, u32 inner)
{
    u32 from = i / inner * n * inner + i % inner, at = 0;
    A best = (A)load(x, from);
    for (u32 j = 1; j < n; j++) {
        A v = (A)load(x, from + j * inner);
        bool better = least != 0 ? v < best : v > best;
        if (better || (last != 0 && v == best)) {
            best = v;
            at = j;
        }
    }
    return (i64)at;
}

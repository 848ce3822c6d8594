/* x padded to y in RANK dimensions. o: sizes of y; n: sizes of x; b: how many elements stand in front. value[0] fills constant mode. */
#include "quern_kernel.h"
#include "pad.h"
#pragma host T=u8,u16,u32,u64 RANK=4,8

#define STEP(d)                                                                                                             \
    c = pad_source((i32)(r % o##d) - b##d, (i32)n##d, mode);                                                                \
    r /= o##d;                                                                                                              \
    inside = inside && c >= 0;                                                                                              \
    at += c * step;                                                                                                         \
    step *= (i32)n##d;

#if RANK == 4
MAP(T) pad_map(u32 i, IN(T) x, IN(T) value, CONST(u32) mode, u32 o0, u32 o1, u32 o2, u32 o3, u32 n0, u32 n1, u32 n2, u32 n3, i32 b0, i32 b1,
               i32 b2, i32 b3)
{
    u32 r = i;
    i32 at = 0, step = 1, c = 0;
    bool inside = true;
    STEP(3) STEP(2) STEP(1) STEP(0)
    return inside ? x[at] : value[0];
}
#else
MAP(T) pad_map(u32 i, IN(T) x, IN(T) value, CONST(u32) mode, u32 o0, u32 o1, u32 o2, u32 o3, u32 o4, u32 o5, u32 o6, u32 o7, u32 n0, u32 n1,
               u32 n2, u32 n3, u32 n4, u32 n5, u32 n6, u32 n7, i32 b0, i32 b1, i32 b2, i32 b3, i32 b4, i32 b5, i32 b6, i32 b7)
{
    u32 r = i;
    i32 at = 0, step = 1, c = 0;
    bool inside = true;
    STEP(7) STEP(6) STEP(5) STEP(4) STEP(3) STEP(2) STEP(1) STEP(0)
    return inside ? x[at] : value[0];
}
#endif

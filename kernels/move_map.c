/* y[i] = x at the place that i's coordinates name: a copy with strides, into a dense y of RANK dimensions. */
#include "quern_kernel.h"
#pragma host T=u8,u16,u32,u64 RANK=2,4,8

#if RANK == 2
MAP(T) move_map(u32 i, IN(T) x, i32 x_at, u32 n1, i32 s0, i32 s1)
{
    return x[x_at + (i32)(i / n1) * s0 + (i32)(i % n1) * s1];
}
#elif RANK == 4
MAP(T) move_map(u32 i, IN(T) x, i32 x_at, u32 n1, u32 n2, u32 n3, i32 s0, i32 s1, i32 s2, i32 s3)
{
    u32 r = i;
    i32 at = x_at + (i32)(r % n3) * s3;
    r /= n3;
    at += (i32)(r % n2) * s2;
    r /= n2;
    at += (i32)(r % n1) * s1;
    return x[at + (i32)(r / n1) * s0];
}
#else
MAP(T) move_map(u32 i, IN(T) x, i32 x_at, u32 n1, u32 n2, u32 n3, u32 n4, u32 n5, u32 n6, u32 n7, i32 s0, i32 s1, i32 s2, i32 s3, i32 s4,
                i32 s5, i32 s6, i32 s7)
{
    u32 r = i;
    i32 at = x_at + (i32)(r % n7) * s7;
    r /= n7;
    at += (i32)(r % n6) * s6;
    r /= n6;
    at += (i32)(r % n5) * s5;
    r /= n5;
    at += (i32)(r % n4) * s4;
    r /= n4;
    at += (i32)(r % n3) * s3;
    r /= n3;
    at += (i32)(r % n2) * s2;
    r /= n2;
    at += (i32)(r % n1) * s1;
    return x[at + (i32)(r / n1) * s0];
}
#endif

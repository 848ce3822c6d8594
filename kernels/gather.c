/* Elements picked by index. Negative indices count from the end; what is outside even then is held at the edge.
 *     gather_map       x[outer][n][inner], idx[m] -> y[outer][m][inner]
 *     gather_lines     y has idx's shape: the place in x is idx along one axis and y's own coordinates along the others
 *     gather_tuples    x[batch][d0]..[d(k-1)][rest], idx[batch][q][k] -> y[batch][q][rest] */
#include "quern_kernel.h"
#pragma host T=u8,u16,u32,u64 I=i32,i64

static u32 index_in(I v, u32 n)
{
    I at = v < 0 ? v + (I)n : v;
    return (u32)clamp(at, (I)0, max((I)n - 1, (I)0));
}

MAP(T) gather_map(u32 i, IN(T) x, IN(I) idx, u32 n, u32 m, u32 inner)
{
    u32 c = i % inner, k = i / inner % m, o = i / inner / m;
    return x[(o * n + index_in(idx[k], n)) * inner + c];
}

/* n1 .. n7: sizes of y; s0 .. s7: strides of x, 0 along the axis; step: x's stride along the axis, n its size. */
MAP(T) gather_lines(u32 i, IN(T) x, IN(I) idx, u32 n, u32 step, u32 n1, u32 n2, u32 n3, u32 n4, u32 n5, u32 n6, u32 n7, u32 s0, u32 s1, u32 s2,
                    u32 s3, u32 s4, u32 s5, u32 s6, u32 s7)
{
    u32 r = i, at = index_in(idx[i], n) * step;
    at += r % n7 * s7;
    r /= n7;
    at += r % n6 * s6;
    r /= n6;
    at += r % n5 * s5;
    r /= n5;
    at += r % n4 * s4;
    r /= n4;
    at += r % n3 * s3;
    r /= n3;
    at += r % n2 * s2;
    r /= n2;
    at += r % n1 * s1;
    r /= n1;
    return x[at + r * s0];
}

#define STEP(j)                                                                                                             \
    if (tuple > j) at = at * d##j + index_in(idx[from + j], d##j);

MAP(T) gather_tuples(u32 i, IN(T) x, IN(I) idx, u32 q, CONST(u32) tuple, u32 rest, u32 d0, u32 d1, u32 d2, u32 d3, u32 d4, u32 d5, u32 d6, u32 d7)
{
    u32 which = i / rest, from = which * tuple, at = which / q;
    STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)
    return x[at * rest + i % rest];
}

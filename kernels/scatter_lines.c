/* ScatterElements. idx and updates have one shape; along the axis idx says where in y, along the others the coordinates are the same.
 * m1 .. m7: sizes of idx (m1 .. along all dimensions but the first); the axis has n elements in y and m in idx.
 *     scatter_lines_map   every element of y looks through its line of idx
 *     scatter_lines       y holds x already; every line of idx is walked in order, one item a line */
#include "quern_kernel.h"
#include "scatter.h"
#pragma host T=f32,f16,bf16 A=f32 I=i32,i64
#pragma host T=f64 A=f64 I=i32,i64
#pragma host T=i8,u8,i16,u16,i32 A=i32 I=i32,i64
#pragma host T=u32 A=u32 I=i32,i64
#pragma host T=i64 A=i64 I=i32,i64
#pragma host T=u64 A=u64 I=i32,i64
#ifndef GROUP
#define GROUP 1
#endif

/* n1 .. n7: sizes of y; m0 .. m7: sizes of idx (the axis: so large that every coordinate passes); s0 .. s7: strides of idx, 0 along
 * the axis; line: idx's stride along the axis; inner: y's. */
MAP(T) scatter_lines_map(u32 i, IN(T) x, IN(I) idx, IN(T) updates, CONST(u32) mode, u32 n, u32 m, u32 line, u32 inner, u32 n1, u32 n2, u32 n3,
                         u32 n4, u32 n5, u32 n6, u32 n7, u32 m0, u32 m1, u32 m2, u32 m3, u32 m4, u32 m5, u32 m6, u32 m7, u32 s0, u32 s1, u32 s2,
                         u32 s3, u32 s4, u32 s5, u32 s6, u32 s7)
{
    u32 r = i, at = 0;
    I here = (I)(i / inner % n);
    bool inside = true;
#define STEP(d)                                                                                                             \
    inside = inside && r % n##d < m##d;                                                                                     \
    at += r % n##d * s##d;                                                                                                  \
    r /= n##d;
    STEP(7) STEP(6) STEP(5) STEP(4) STEP(3) STEP(2) STEP(1)
    inside = inside && r < m0;
    at += r * s0;
    A acc = (A)load(x, i);
    if (inside) {
        for (u32 k = 0; k < m; k++) {
            I v = idx[at + k * line];
            if (v < 0) v += (I)n;
            if (v == here) { SCATTER_MEET(acc, updates, at + k * line) }
        }
    }
    return TO(T, acc);
}

/* Line w of idx: its coordinates come from the sizes k1 .. k7 of idx with the axis taken as 1. s: strides of idx, z: strides of y. */
KERNEL scatter_lines(u32 group, IN(I) idx, IN(T) updates, INOUT(T) y, CONST(u32) mode, u32 lines, u32 n, u32 m, u32 line, u32 inner, u32 k1, u32 k2,
                     u32 k3, u32 k4, u32 k5, u32 k6, u32 k7, u32 s0, u32 s1, u32 s2, u32 s3, u32 s4, u32 s5, u32 s6, u32 s7, u32 z0, u32 z1,
                     u32 z2, u32 z3, u32 z4, u32 z5, u32 z6, u32 z7)
{
    ITEMS(t) {
        u32 r = group * GROUP + t, at = 0, to = 0;
        if (r < lines) {
#define LINE_STEP(d)                                                                                                        \
    at += r % k##d * s##d;                                                                                                  \
    to += r % k##d * z##d;                                                                                                  \
    r /= k##d;
            LINE_STEP(7) LINE_STEP(6) LINE_STEP(5) LINE_STEP(4) LINE_STEP(3) LINE_STEP(2) LINE_STEP(1)
            at += r * s0;
            to += r * z0;
            for (u32 k = 0; k < m; k++) {
                I v = idx[at + k * line];
                if (v < 0) v += (I)n;
                if (v >= 0 && v < (I)n) { SCATTER_INTO(y, to + (u32)v * inner, updates, at + k * line) }
            }
        }
    }
}

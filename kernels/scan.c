/* Running sums (product=0) or products of x[outer][n][inner] along n. exclusive=1: without the element itself; reverse=1: from the end.
 *     scan_map     every element folds all that are in front of it
 *     scan_lines   one item walks a line */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16 A=f32
#pragma host T=f64 A=f64
#pragma host T=i32 A=i32
#pragma host T=u32 A=u32
#pragma host T=i64 A=i64
#pragma host T=u64 A=u64
#ifndef GROUP
#define GROUP 1
#endif

MAP(T) scan_map(u32 i, IN(T) x, CONST(u32) product, CONST(u32) exclusive, CONST(u32) reverse, u32 n, u32 inner)
{
    u32 here = i / inner % n, from = i - here * inner;
    u32 first = reverse != 0 ? here + exclusive : 0, end = reverse != 0 ? n : here + 1 - exclusive;
    A acc = product != 0 ? (A)1 : (A)0;
    for (u32 j = first; j < end; j++) {
        if (product != 0) acc = acc * (A)load(x, from + j * inner);
        else acc = acc + (A)load(x, from + j * inner);
    }
    return TO(T, acc);
}

KERNEL scan_lines(u32 group, IN(T) x, OUT(T) y, CONST(u32) product, CONST(u32) exclusive, CONST(u32) reverse, u32 lines, u32 n, u32 inner)
{
    ITEMS(t) {
        u32 line = group * GROUP + t;
        if (line < lines) {
            u32 from = line / inner * n * inner + line % inner;
            A acc = product != 0 ? (A)1 : (A)0;
            for (u32 j = 0; j < n; j++) {
                u32 at = from + (reverse != 0 ? n - 1 - j : j) * inner;
                A v = (A)load(x, at), next = product != 0 ? acc * v : acc + v;
                y[at] = TO(T, exclusive != 0 ? acc : next);
                acc = next;
            }
        }
    }
}

/* The k first of x[outer][n][inner] along n, largest or smallest first; of equals the one that stands first. NaN is larger than any number.
 *     topk_rank    how many of its line stand in front of an element
 *     topk_index, topk_value   the place and value of rank i / inner % k
 *     topk_lines   one item keeps the best k of a line in order, in its outputs */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16 A=f32 INTEGER=0
#pragma host T=f64 A=f64 INTEGER=0
#pragma host T=i8,u8,i16,u16,i32 A=i32 INTEGER=1
#pragma host T=u32 A=u32 INTEGER=1
#pragma host T=i64 A=i64 INTEGER=1
#pragma host T=u64 A=u64 INTEGER=1
#ifndef GROUP
#define GROUP 1
#endif

#if INTEGER
static bool above(A a, A b) { return a > b; }
#else
static bool above(A a, A b) { return a > b || (isnan(a) && !isnan(b)); }
#endif

static bool in_front(A a, A b, u32 from_top) { return from_top != 0 ? above(a, b) : above(b, a); }

MAP(u32) topk_rank(u32 i, IN(T) x, CONST(u32) largest, u32 n, u32 inner)
{
    u32 here = i / inner % n, from = i - here * inner, rank = 0;
    A v = (A)load(x, i);
    for (u32 j = 0; j < n; j++) {
        A w = (A)load(x, from + j * inner);
        if (in_front(w, v, largest) || (j < here && !in_front(v, w, largest))) rank++;
    }
    return rank;
}

MAP(i64) topk_index(u32 i, IN(u32) rank, u32 n, u32 k, u32 inner)
{
    u32 wanted = i / inner % k, from = i / inner / k * n * inner + i % inner, at = 0;
    for (u32 j = 0; j < n; j++)
        if (rank[from + j * inner] == wanted) at = j;
    return (i64)at;
}

MAP(T) topk_value(u32 i, IN(T) x, IN(u32) rank, u32 n, u32 k, u32 inner)
{
    u32 wanted = i / inner % k, from = i / inner / k * n * inner + i % inner, at = 0;
    for (u32 j = 0; j < n; j++)
        if (rank[from + j * inner] == wanted) at = j;
    return x[from + at * inner];
}

KERNEL topk_lines(u32 group, IN(T) x, INOUT(T) values, INOUT(i64) places, CONST(u32) largest, u32 lines, u32 n, u32 k, u32 inner)
{
    ITEMS(t) {
        u32 line = group * GROUP + t;
        if (line < lines) {
            u32 from = line / inner * n * inner + line % inner, to = line / inner * k * inner + line % inner, count = 0;
            for (u32 j = 0; j < n; j++) {
                A v = (A)load(x, from + j * inner);
                A last = count > 0 ? (A)load(values, to + (count - 1) * inner) : v;
                bool enters = count < k || in_front(v, last, largest);
                if (enters && k > 0) {
                    u32 low = 0, high = count;
                    while (low < high) {
                        u32 mid = (low + high) / 2;
                        A w = (A)load(values, to + mid * inner);
                        if (in_front(v, w, largest)) high = mid;
                        else low = mid + 1;
                    }
                    if (count < k) count++;
                    for (u32 q = count - 1; q > low; q--) {
                        values[to + q * inner] = values[to + (q - 1) * inner];
                        places[to + q * inner] = places[to + (q - 1) * inner];
                    }
                    values[to + low * inner] = x[from + j * inner];
                    places[to + low * inner] = (i64)j;
                }
            }
        }
    }
}

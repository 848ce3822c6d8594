/* ScatterND: idx[q][k] names places in y[d0]..[d(k-1)][rest] for updates[q][rest].
 *     scatter_tuples_map   every element of y looks through all of idx
 *     scatter_tuples       y holds x already; the updates are walked in order, one item for `run` neighbours in rest */
#include "quern_kernel.h"
#include "scatter.h"
#pragma host T=f32,f16,bf16 A=f32
#pragma host T=f64 A=f64
#pragma host T=i8,u8,i16,u16,i32 A=i32
#pragma host T=u32 A=u32
#pragma host T=i64 A=i64
#pragma host T=u64 A=u64
#ifndef GROUP
#define GROUP 1
#endif

/* The place that tuple j names in its k dimensions; `valid` goes false where it is outside. */
#define STEP(e)                                                                                                             \
    if (tuple > e) {                                                                                                            \
        i64 v = idx[j * tuple + e];                                                                                             \
        if (v < 0) v += (i64)d##e;                                                                                          \
        valid = valid && v >= 0 && v < (i64)d##e;                                                                           \
        place = place * d##e + (u32)v;                                                                                      \
    }
#define PLACE STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)

MAP(T) scatter_tuples_map(u32 i, IN(T) x, IN(i64) idx, IN(T) updates, CONST(u32) mode, CONST(u32) tuple, u32 q, u32 rest, u32 d0, u32 d1, u32 d2,
                          u32 d3, u32 d4, u32 d5, u32 d6, u32 d7)
{
    u32 here = i / rest, c = i % rest;
    A acc = (A)load(x, i);
    for (u32 j = 0; j < q; j++) {
        u32 place = 0;
        bool valid = true;
        PLACE
        if (valid && place == here) { SCATTER_MEET(acc, updates, j * rest + c) }
    }
    return TO(T, acc);
}

KERNEL scatter_tuples(u32 group, IN(i64) idx, IN(T) updates, INOUT(T) y, CONST(u32) mode, CONST(u32) tuple, u32 run, u32 q, u32 rest, u32 d0, u32 d1,
                      u32 d2, u32 d3, u32 d4, u32 d5, u32 d6, u32 d7)
{
    ITEMS(t) {
        u32 first = (group * GROUP + t) * run, last = min(first + run, rest);
        for (u32 j = 0; j < q; j++) {
            u32 place = 0;
            bool valid = true;
            PLACE
            if (valid) {
                for (u32 c = first; c < last; c++) { SCATTER_INTO(y, place * rest + c, updates, j * rest + c) }
            }
        }
    }
}

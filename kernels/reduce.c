/* x[a][r1][b][r2][c] -> y[a][b][c]: r1 and r2 are folded away. A is the type that is folded in; kinds and posts: reduce_kinds.h.
 * `start` is the kind's neutral element: what an empty reduction gives. INTEGER=1: A is an integer type. */
#include "quern_kernel.h"
#include "reduce_kinds.h"
#pragma host T=f32,f16,bf16 A=f32 INTEGER=0
#pragma host T=f64 A=f64 INTEGER=0
#pragma host T=i8,u8,i16,u16,i32 A=i32 INTEGER=1
#pragma host T=u32 A=u32 INTEGER=1
#pragma host T=i64 A=i64 INTEGER=1
#pragma host T=u64 A=u64 INTEGER=1

#define PIECE 64                      /* elements folded on their own first: the error of a long sum grows slower */

#define LOOP(ENTER, MEET)                                                                                                   \
    for (u32 k = 0; k < r1; k++) {                                                                                          \
        u32 at = from + k * b * r2 * c;                                                                                     \
        for (u32 j0 = 0; j0 < r2; j0 += PIECE) {                                                                            \
            A part = start;                                                                                                 \
            u32 end = min(j0 + PIECE, r2);                                                                                  \
            for (u32 j = j0; j < end; j++) {                                                                                \
                A v = (A)load(x, at + j * c);                                                                               \
                part = MEET(part, ENTER(v));                                                                                \
            }                                                                                                               \
            acc = MEET(acc, part);                                                                                          \
        }                                                                                                                   \
    }

MAP(T) reduce_map(u32 i, IN(T) x, CONST(u32) kind, CONST(u32) post, A start, u32 r1, u32 b, u32 r2, u32 c)
{
    u32 from = (i / c / b * r1 * b + i / c % b) * r2 * c + i % c;
    A acc = start;
    FOLD_KIND(kind, LOOP)
#if INTEGER
    if (post == 1) acc = r1 * r2 > 0 ? acc / (A)(r1 * r2) : (A)0;
    else if (post == 2) acc = TO(A, sqrt((f32)acc));
    else if (post == 3) acc = TO(A, log((f32)acc));
#else
    if (post == 1) acc = acc / (A)(r1 * r2);
    else if (post == 2) acc = sqrt(acc);
    else if (post == 3) acc = log(acc);
#endif
    return TO(T, acc);
}

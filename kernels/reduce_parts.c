/* reduce.c in two steps, for devices whose loops end after so many turns: what is folded into one result is cut into parts of SPAN elements,
 * each folded by an item of its own; then the parts are folded. The elements of a result are counted through r1 and r2. */
#include "quern_kernel.h"
#include "reduce_kinds.h"
#pragma host T=f32,f16,bf16 A=f32 INTEGER=0
#pragma host T=f64 A=f64 INTEGER=0
#pragma host T=i8,u8,i16,u16,i32 A=i32 INTEGER=1
#pragma host T=u32 A=u32 INTEGER=1
#pragma host T=i64 A=i64 INTEGER=1
#pragma host T=u64 A=u64 INTEGER=1

#define SPAN 1024

#define LOOP(ENTER, MEET)                                                                                                   \
    for (u32 e = first; e < end; e++) {                                                                                     \
        A v = (A)load(x, from + e / r2 * b * r2 * c + e % r2 * c);                                                          \
        acc = MEET(acc, ENTER(v));                                                                                          \
    }

MAP(A) reduce_part(u32 i, IN(T) x, CONST(u32) kind, A start, u32 r1, u32 b, u32 r2, u32 c, u32 parts)
{
    u32 result = i / parts;
    u32 first = i % parts * SPAN;
    u32 end = min(first + SPAN, r1 * r2);
    u32 from = (result / c / b * r1 * b + result / c % b) * r2 * c + result % c;
    A acc = start;
    FOLD_KIND(kind, LOOP)
    return acc;
}

#define JOIN(ENTER, MEET)                                                                                                   \
    for (u32 k = 0; k < parts; k++) acc = MEET(acc, load(x, i * parts + k));

MAP(T) reduce_parts(u32 i, IN(A) x, CONST(u32) kind, CONST(u32) post, A start, u32 count, u32 parts)
{
    A acc = start;
    FOLD_KIND(kind, JOIN)
#if INTEGER
    if (post == 1) acc = count > 0 ? acc / (A)count : (A)0;
    else if (post == 2) acc = TO(A, sqrt((f32)acc));
    else if (post == 3) acc = TO(A, log((f32)acc));
#else
    if (post == 1) acc = acc / (A)count;
    else if (post == 2) acc = sqrt(acc);
    else if (post == 3) acc = log(acc);
#endif
    return TO(T, acc);
}

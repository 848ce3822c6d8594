/* reduce.c with one group per result: items fold strided parts, then meet. For targets with group memory, floats. */
#include "quern_kernel.h"
#include "reduce_kinds.h"
#pragma host T=f32,f16,bf16,f64
#define GROUP 64

#define ALL_MEET_SUM subgroup_add(part, GROUP);
#define ALL_MEET_MAX subgroup_max(part, GROUP);
#define ALL_MEET_MIN subgroup_min(part, GROUP);
#define ALL_MEET_PROD                                                                                                       \
    SHARED(f32, product, GROUP);                                                                                            \
    ITEMS(t) product[t] = part[t];                                                                                          \
    for (u32 half = GROUP / 2; half > 0; half /= 2)                                                                         \
        ITEMS(t) if (t < half) product[t] = product[t] * product[t + half];                                                 \
    ITEMS(t) part[t] = product[0];

#define LOOP(ENTER, MEET)                                                                                                   \
    ITEMS(t) {                                                                                                              \
        f32 acc = start;                                                                                                    \
        for (u32 e = t; e < r1 * r2; e += GROUP) {                                                                          \
            f32 v = load(x, from + e / r2 * b * r2 * c + e % r2 * c);                                                       \
            acc = MEET(acc, ENTER(v));                                                                                      \
        }                                                                                                                   \
        part[t] = acc;                                                                                                      \
    }                                                                                                                       \
    ALL_##MEET

KERNEL reduce_group(u32 group, IN(T) x, OUT(T) y, CONST(u32) kind, CONST(u32) post, f32 start, u32 r1, u32 b, u32 r2, u32 c)
{
    PER_ITEM(f32, part);
    u32 from = (group / c / b * r1 * b + group / c % b) * r2 * c + group % c;
    FOLD_KIND(kind, LOOP)
    ITEMS(t) {
        if (t == 0) {
            f32 acc = part[t];
            if (post == 1) acc = acc / (f32)(r1 * r2);
            else if (post == 2) acc = sqrt(acc);
            else if (post == 3) acc = log(acc);
            store(y, group, acc);
        }
    }
}

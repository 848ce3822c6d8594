/* reduce.c for wide lanes, floats. reduce_run: c is 1, one group per result, lanes along r2. reduce_across: c is larger, one group for
 * BLOCK neighbours along c, lanes along c. */
#include "quern_kernel.h"
#include "reduce_kinds.h"
#pragma host T=f32,f16,bf16,f64
#define GROUP 1
#define SUMS  4                       /* folds in flight */
#define BLOCK 64                      /* as in op/reduce.c: a multiple of every WIDTH */

#define POST(acc)                                                                                                           \
    if (post == 1) acc = acc / (f32)(r1 * r2);                                                                              \
    else if (post == 2) acc = sqrt(acc);                                                                                    \
    else if (post == 3) acc = log(acc);

#define RUN(ENTER, MEET)                                                                                                    \
    for (u32 k = 0; k < r1; k++) {                                                                                          \
        u32 at = from + k * b * r2, j = 0;                                                                                  \
        for (; j + SUMS * WIDTH <= r2; j += SUMS * WIDTH) {                                                                 \
            f32w v0 = loadw(x, at + j), v1 = loadw(x, at + j + WIDTH);                                                      \
            f32w v2 = loadw(x, at + j + 2 * WIDTH), v3 = loadw(x, at + j + 3 * WIDTH);                                      \
            s0 = MEET(s0, ENTER(v0));                                                                                       \
            s1 = MEET(s1, ENTER(v1));                                                                                       \
            s2 = MEET(s2, ENTER(v2));                                                                                       \
            s3 = MEET(s3, ENTER(v3));                                                                                       \
        }                                                                                                                   \
        for (; j + WIDTH <= r2; j += WIDTH) {                                                                               \
            f32w v = loadw(x, at + j);                                                                                      \
            s0 = MEET(s0, ENTER(v));                                                                                        \
        }                                                                                                                   \
        for (; j < r2; j++) {                                                                                               \
            f32 v = load(x, at + j);                                                                                        \
            acc = MEET(acc, ENTER(v));                                                                                      \
        }                                                                                                                   \
    }                                                                                                                       \
    s0 = MEET(MEET(s0, s1), MEET(s2, s3));                                                                                  \
    storew(lanes, 0, s0);                                                                                                   \
    for (u32 k = WIDTH / 2; k > 0; k /= 2)                                                                                  \
        for (u32 q = 0; q < k; q++) lanes[q] = MEET(lanes[q], lanes[q + k]);                                                \
    acc = MEET(acc, lanes[0]);

KERNEL reduce_run(u32 group, IN(T) x, OUT(T) y, CONST(u32) kind, CONST(u32) post, f32 start, u32 r1, u32 b, u32 r2)
{
    u32 from = (group / b * r1 * b + group % b) * r2;
    ITEMS(t) {
        f32w s0 = splatw(start), s1 = s0, s2 = s0, s3 = s0;
        f32 acc = start, lanes[WIDTH];
        FOLD_KIND(kind, RUN)
        POST(acc)
        store(y, group, acc);
    }
}

#define ACROSS(ENTER, MEET)                                                                                                 \
    for (u32 k = 0; k < r1; k++)                                                                                            \
        for (u32 j = 0; j < r2; j++) {                                                                                      \
            u32 at = from + k * b * r2 * c + j * c;                                                                         \
            u32 q = 0;                                                                                                      \
            for (; q + WIDTH <= n; q += WIDTH) {                                                                            \
                f32w v = loadw(x, at + q);                                                                                  \
                storew(acc, q, MEET(loadw(acc, q), ENTER(v)));                                                              \
            }                                                                                                               \
            for (; q < n; q++) {                                                                                            \
                f32 v = load(x, at + q);                                                                                    \
                acc[q] = MEET(acc[q], ENTER(v));                                                                            \
            }                                                                                                               \
        }

KERNEL reduce_across(u32 group, IN(T) x, OUT(T) y, CONST(u32) kind, CONST(u32) post, f32 start, u32 r1, u32 b, u32 r2, u32 c)
{
    u32 blocks = (c + BLOCK - 1) / BLOCK, first = group % blocks * BLOCK, row = group / blocks;
    u32 n = min((u32)BLOCK, c - first), from = (row / b * r1 * b + row % b) * r2 * c + first;
    ITEMS(t) {
        f32 acc[BLOCK];
        for (u32 q = 0; q < BLOCK; q++) acc[q] = start;
        FOLD_KIND(kind, ACROSS)
        for (u32 q = 0; q < n; q++) {
            f32 v = acc[q];
            POST(v)
            store(y, row * c + first + q, v);
        }
    }
}

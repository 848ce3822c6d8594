/* Softmax for wide lanes. softmax_rows: x[rows][cols], one group per row. softmax_across: x[outer][cols][inner], lanes along inner, one
 * group for BLOCK neighbours. logs=1: the logarithm of it. Exact shift by the maximum: nothing overflows. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#define GROUP 1
#define KEEP  1024                    /* longest row whose exponentials are kept, not computed again */
#define BLOCK 64

static f32 row_max(IN(T) x, u32 from, u32 cols)
{
    f32w top = splatw(-INFINITY);
    u32 c = 0;
    for (; c + WIDTH <= cols; c += WIDTH) top = max(top, loadw(x, from + c));
    f32 most = maxw(top);
    for (; c < cols; c++) most = max(most, load(x, from + c));
    return most;
}

KERNEL softmax_rows(u32 group, IN(T) x, OUT(T) y, CONST(u32) logs, u32 cols)
{
    u32 from = group * cols;
    ITEMS(t) {
        f32 kept[KEEP];
        f32 top = row_max(x, from, cols), rest = 0;
        bool keep = cols <= KEEP;
        f32w sum = splatw(0);
        u32 c = 0;
        for (; c + WIDTH <= cols; c += WIDTH) {
            f32w e = exp(loadw(x, from + c) - top);
            sum += e;
            if (keep) storew(kept, c, e);
        }
        for (; c < cols; c++) {
            f32 e = exp(load(x, from + c) - top);
            rest += e;
            if (keep) kept[c] = e;
        }
        f32 all = sumw(sum) + rest;
        if (logs != 0) {
            f32 shift = top + log(all);
            for (c = 0; c + WIDTH <= cols; c += WIDTH) storew(y, from + c, loadw(x, from + c) - shift);
            for (; c < cols; c++) store(y, from + c, load(x, from + c) - shift);
        } else {
            f32 by = 1 / all;
            for (c = 0; c + WIDTH <= cols; c += WIDTH) {
                if (keep) storew(y, from + c, loadw(kept, c) * by);
                else storew(y, from + c, exp(loadw(x, from + c) - top) * by);
            }
            for (; c < cols; c++) {
                if (keep) store(y, from + c, kept[c] * by);
                else store(y, from + c, exp(load(x, from + c) - top) * by);
            }
        }
    }
}

KERNEL softmax_across(u32 group, IN(T) x, OUT(T) y, CONST(u32) logs, u32 cols, u32 inner)
{
    u32 blocks = (inner + BLOCK - 1) / BLOCK, first = group % blocks * BLOCK;
    u32 n = min((u32)BLOCK, inner - first), from = group / blocks * cols * inner + first;
    ITEMS(t) {
        f32 top[BLOCK], sum[BLOCK];
        for (u32 q = 0; q < BLOCK; q++) {
            top[q] = -INFINITY;
            sum[q] = 0;
        }
        for (u32 c = 0; c < cols; c++) {
            u32 q = 0;
            for (; q + WIDTH <= n; q += WIDTH) storew(top, q, max(loadw(top, q), loadw(x, from + c * inner + q)));
            for (; q < n; q++) top[q] = max(top[q], load(x, from + c * inner + q));
        }
        for (u32 c = 0; c < cols; c++) {
            u32 q = 0;
            for (; q + WIDTH <= n; q += WIDTH) storew(sum, q, loadw(sum, q) + exp(loadw(x, from + c * inner + q) - loadw(top, q)));
            for (; q < n; q++) sum[q] += exp(load(x, from + c * inner + q) - top[q]);
        }
        for (u32 q = 0; q < n; q++) {
            if (logs != 0) top[q] += log(sum[q]);
            else sum[q] = 1 / sum[q];
        }
        for (u32 c = 0; c < cols; c++) {
            u32 at = from + c * inner, q = 0;
            for (; q + WIDTH <= n; q += WIDTH) {
                f32w v = loadw(x, at + q) - loadw(top, q);
                if (logs != 0) storew(y, at + q, v);
                else storew(y, at + q, exp(v) * loadw(sum, q));
            }
            for (; q < n; q++) {
                f32 v = load(x, at + q) - top[q];
                if (logs != 0) store(y, at + q, v);
                else store(y, at + q, exp(v) * sum[q]);
            }
        }
    }
}

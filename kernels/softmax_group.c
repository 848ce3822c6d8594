/* Softmax of x[outer][cols][inner] along cols, one group for each of outer * inner rows. logs=1: the logarithm of it. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#define GROUP 64

KERNEL softmax_group(u32 group, IN(T) x, OUT(T) y, CONST(u32) logs, u32 cols, u32 inner)
{
    PER_ITEM(f32, top);
    PER_ITEM(f32, all);
    u32 from = group / inner * cols * inner + group % inner;
    ITEMS(t) {
        f32 m = -INFINITY;
        for (u32 c = t; c < cols; c += GROUP) m = max(m, load(x, from + c * inner));
        top[t] = m;
    }
    subgroup_max(top, GROUP);
    ITEMS(t) {
        f32 sum = 0;
        for (u32 c = t; c < cols; c += GROUP) sum += exp(load(x, from + c * inner) - top[t]);
        all[t] = sum;
    }
    subgroup_add(all, GROUP);
    ITEMS(t) {
        f32 by = 1 / all[t], shift = top[t] + log(all[t]);
        for (u32 c = t; c < cols; c += GROUP) {
            f32 v = load(x, from + c * inner);
            if (logs != 0) store(y, from + c * inner, v - shift);
            else store(y, from + c * inner, exp(v - top[t]) * by);
        }
    }
}

/* Subgroups: folds of the whole group and of a few items in a row, a value of one item for all, exchanges. */
#include "quern_kernel.h"
#define GROUP 64

KERNEL subgroups(u32 group, IN(f32) x, IN(i32) k, OUT(f32) y, OUT(i32) z)
{
    PER_ITEM(f32, sum);
    PER_ITEM(f32, top);
    PER_ITEM(i32, low);
    ITEMS(t) {
        sum[t] = x[group * GROUP + t];
        top[t] = sum[t];
        low[t] = k[group * GROUP + t];
    }
    subgroup_add(sum, GROUP);
    subgroup_max(top, GROUP);
    subgroup_min(low, GROUP);
    ITEMS(t) {
        y[group * GROUP + t] = (x[group * GROUP + t] - top[t]) / sum[t];
        z[group * GROUP + t] = low[t];
    }
    subgroup_add(low, 16);
    subgroup_broadcast(top, 3, 8);
    subgroup_shuffle_xor(sum, 5);
    ITEMS(t) if (low[t] > 0) y[group * GROUP + t] = top[t] + sum[t];
}

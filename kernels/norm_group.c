/* norm_lanes.c for targets with group memory: one group of items per row. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#define GROUP 64

/* The mean m, what is left of it in x - m because m was rounded, and 1 / deviation. */
#define STATISTICS(shift, n)                                                                                                \
    PER_ITEM(f32, m);                                                                                                       \
    PER_ITEM(f32, rest);                                                                                                    \
    PER_ITEM(f32, by);                                                                                                      \
    ITEMS(t) {                                                                                                              \
        f32 sum = 0;                                                                                                        \
        for (u32 c = t; c < n; c += GROUP) sum += load(x, from + c);                                                        \
        m[t] = sum;                                                                                                         \
    }                                                                                                                       \
    subgroup_add(m, GROUP);                                                                                                 \
    ITEMS(t) {                                                                                                              \
        f32 sum = 0, left = 0;                                                                                              \
        m[t] = shift != 0 ? m[t] / (f32)n : 0.0f;                                                                           \
        for (u32 c = t; c < n; c += GROUP) {                                                                                \
            f32 v = load(x, from + c) - m[t];                                                                               \
            left += v;                                                                                                      \
            sum += v * v;                                                                                                   \
        }                                                                                                                   \
        rest[t] = left;                                                                                                     \
        by[t] = sum;                                                                                                        \
    }                                                                                                                       \
    subgroup_add(rest, GROUP);                                                                                              \
    subgroup_add(by, GROUP);                                                                                                \
    ITEMS(t) {                                                                                                              \
        rest[t] = shift != 0 ? rest[t] / (f32)n : 0.0f;                                                                     \
        by[t] = 1 / sqrt(max(by[t] / (f32)n - rest[t] * rest[t], 0.0f) + epsilon);                                          \
    }

KERNEL norm_rows_group(u32 group, IN(T) x, IN(T) scale, IN(T) bias, OUT(T) y, OUT(f32) mean, OUT(f32) inverse, CONST(u32) centred,
                       CONST(u32) has_scale, CONST(u32) has_bias, f32 epsilon, u32 cols)
{
    u32 from = group * cols;
    STATISTICS(centred, cols)
    ITEMS(t) {
        for (u32 c = t; c < cols; c += GROUP) {
            f32 v = (load(x, from + c) - m[t] - rest[t]) * by[t];
            if (has_scale != 0) v = v * load(scale, c);
            if (has_bias != 0) v = v + load(bias, c);
            store(y, from + c, v);
        }
        if (t == 0) {
            mean[group] = m[t] + rest[t];
            inverse[group] = by[t];
        }
    }
}

KERNEL norm_channels_group(u32 group, IN(T) x, IN(T) scale, IN(T) bias, OUT(T) y, f32 epsilon, u32 sets, u32 chans, u32 inner)
{
    u32 n = chans * inner, from = group * n, set = group % sets * chans;
    STATISTICS(1, n)
    ITEMS(t) {
        for (u32 c = t; c < n; c += GROUP) {
            u32 k = set + c / inner;
            store(y, from + c, (load(x, from + c) - m[t] - rest[t]) * by[t] * load(scale, k) + load(bias, k));
        }
    }
}

/* norm_lanes.c for targets with group memory: one group of items per row. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#define GROUP 64

#define SUM_PARTS                                                                                                           \
    for (u32 half = GROUP / 2; half > 0; half /= 2)                                                                         \
        ITEMS(t) if (t < half) part[t] += part[t + half];

#define MEAN_AND_SQUARES(shift, n)                                                                                          \
    ITEMS(t) {                                                                                                              \
        f32 sum = 0;                                                                                                        \
        for (u32 c = t; c < n; c += GROUP) sum += load(x, from + c);                                                        \
        part[t] = sum;                                                                                                      \
    }                                                                                                                       \
    SUM_PARTS                                                                                                               \
    ITEMS(t) m[t] = shift != 0 ? part[0] / (f32)n : 0.0f;                                                                   \
    ITEMS(t) {                                                                                                              \
        f32 sum = 0;                                                                                                        \
        for (u32 c = t; c < n; c += GROUP) {                                                                                \
            f32 v = load(x, from + c) - m[t];                                                                               \
            sum += v * v;                                                                                                   \
        }                                                                                                                   \
        part[t] = sum;                                                                                                      \
    }                                                                                                                       \
    SUM_PARTS

KERNEL norm_rows_group(u32 group, IN(T) x, IN(T) scale, IN(T) bias, OUT(T) y, OUT(f32) mean, OUT(f32) inverse, CONST(u32) centred,
                       CONST(u32) has_scale, CONST(u32) has_bias, f32 epsilon, u32 cols)
{
    SHARED(f32, part, GROUP);
    PER_ITEM(f32, m);
    u32 from = group * cols;
    MEAN_AND_SQUARES(centred, cols)
    ITEMS(t) {
        f32 by = 1 / sqrt(part[0] / (f32)cols + epsilon);
        for (u32 c = t; c < cols; c += GROUP) {
            f32 v = (load(x, from + c) - m[t]) * by;
            if (has_scale != 0) v = v * load(scale, c);
            if (has_bias != 0) v = v + load(bias, c);
            store(y, from + c, v);
        }
        if (t == 0) {
            mean[group] = m[t];
            inverse[group] = by;
        }
    }
}

KERNEL norm_channels_group(u32 group, IN(T) x, IN(T) scale, IN(T) bias, OUT(T) y, f32 epsilon, u32 sets, u32 chans, u32 inner)
{
    SHARED(f32, part, GROUP);
    PER_ITEM(f32, m);
    u32 n = chans * inner, from = group * n, set = group % sets * chans;
    MEAN_AND_SQUARES(1, n)
    ITEMS(t) {
        f32 by = 1 / sqrt(part[0] / (f32)n + epsilon);
        for (u32 c = t; c < n; c += GROUP) {
            u32 k = set + c / inner;
            store(y, from + c, (load(x, from + c) - m[t]) * by * load(scale, k) + load(bias, k));
        }
    }
}

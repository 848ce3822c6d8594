/* Rows brought to mean 0 and variance 1 (centred=1), or to mean square 1 (centred=0), then scaled and shifted; wide lanes, one group
 * per row, two passes over the row before the last one writes it.
 *     norm_rows      x[rows][cols], scale[cols], bias[cols]: layer and RMS normalization
 *     norm_channels  x[rows][chans][inner], scale[sets][chans], bias[sets][chans], set = row % sets: instance and group normalization
 * mean[rows] and inverse[rows] (1 / deviation) are results too. has_scale, has_bias: 0 when that buffer only stands in. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#define GROUP 1

static f32 row_sum(IN(T) x, u32 from, u32 n)
{
    f32w a = splatw(0), b = a;
    f32 rest = 0;
    u32 c = 0;
    for (; c + 2 * WIDTH <= n; c += 2 * WIDTH) {
        a += loadw(x, from + c);
        b += loadw(x, from + c + WIDTH);
    }
    for (; c < n; c++) rest += load(x, from + c);
    return sumw(a + b) + rest;
}

/* The mean m, what is left of it in x - m because m was rounded, and 1 / deviation. */
#define STATISTICS(centred, n)                                                                                              \
    f32 m = centred != 0 ? row_sum(x, from, n) / (f32)n : 0.0f, sum = 0, left = 0;                                          \
    f32w sums = splatw(0), lefts = sums, sums2 = sums, lefts2 = sums;                                                       \
    u32 s = 0;                                                                                                              \
    for (; s + 2 * WIDTH <= n; s += 2 * WIDTH) {                                                                            \
        f32w u = loadw(x, from + s) - m, v = loadw(x, from + s + WIDTH) - m;                                                \
        lefts += u;                                                                                                         \
        lefts2 += v;                                                                                                        \
        sums = mad(u, u, sums);                                                                                             \
        sums2 = mad(v, v, sums2);                                                                                           \
    }                                                                                                                       \
    for (; s < n; s++) {                                                                                                    \
        f32 v = load(x, from + s) - m;                                                                                      \
        left += v;                                                                                                          \
        sum += v * v;                                                                                                       \
    }                                                                                                                       \
    f32 rest = centred != 0 ? (sumw(lefts + lefts2) + left) / (f32)n : 0.0f;                                                \
    f32 by = 1 / sqrt(max((sumw(sums + sums2) + sum) / (f32)n - rest * rest, 0.0f) + epsilon);

KERNEL norm_rows(u32 group, IN(T) x, IN(T) scale, IN(T) bias, OUT(T) y, OUT(f32) mean, OUT(f32) inverse, CONST(u32) centred,
                 CONST(u32) has_scale, CONST(u32) has_bias, f32 epsilon, u32 cols)
{
    u32 from = group * cols;
    ITEMS(t) {
        STATISTICS(centred, cols)
        u32 c = 0;
        for (; c + WIDTH <= cols; c += WIDTH) {
            f32w v = (loadw(x, from + c) - m - rest) * by;
            if (has_scale != 0) v = v * loadw(scale, c);
            if (has_bias != 0) v = v + loadw(bias, c);
            storew(y, from + c, v);
        }
        for (; c < cols; c++) {
            f32 v = (load(x, from + c) - m - rest) * by;
            if (has_scale != 0) v = v * load(scale, c);
            if (has_bias != 0) v = v + load(bias, c);
            store(y, from + c, v);
        }
        mean[group] = m + rest;
        inverse[group] = by;
    }
}

KERNEL norm_channels(u32 group, IN(T) x, IN(T) scale, IN(T) bias, OUT(T) y, f32 epsilon, u32 sets, u32 chans, u32 inner)
{
    u32 n = chans * inner, from = group * n, set = group % sets * chans;
    ITEMS(t) {
        STATISTICS(1, n)
        for (u32 k = 0; k < chans; k++) {
            f32 mul = load(scale, set + k) * by, add = load(bias, set + k);
            u32 at = from + k * inner, c = 0;
            for (; c + WIDTH <= inner; c += WIDTH) storew(y, at + c, (loadw(x, at + c) - m - rest) * mul + add);
            for (; c < inner; c++) store(y, at + c, (load(x, at + c) - m - rest) * mul + add);
        }
    }
}

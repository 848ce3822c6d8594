/* The application of resize.c's tables by wide lanes, one item of the dimensions outside the resized one a group (block: several,
 * where only single elements lie inside). x[outer][length][inner] -> y[outer][out][inner] */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#define GROUP 1
#define NO_INDEX 0xffffffffu

/* y[to ..] = the rows of `inner` elements of x that output position o sees, blended. */
static void blend_row(IN(T) x, IN(u32) index, IN(f32) weight, OUT(T) y, u32 from, u32 to, u32 first, u32 inner, u32 taps, f32 outside)
{
    bool seen = index[first] != NO_INDEX;
    u32 c = 0;
    for (; c + WIDTH <= inner; c += WIDTH) {
        f32w sum = splatw(seen ? 0 : outside);
        if (seen) {
            for (u32 j = 0; j < taps; j++) sum = mad(splatw(weight[first + j]), loadw(x, (from + index[first + j]) * inner + c), sum);
        }
        storew(y, to + c, sum);
    }
    for (; c < inner; c++) {
        f32 sum = seen ? 0 : outside;
        for (u32 j = 0; seen && j < taps; j++) sum += weight[first + j] * load(x, (from + index[first + j]) * inner + c);
        store(y, to + c, sum);
    }
}

/* y[to ..] = one row of x resized along itself. */
static void blend_along(IN(T) x, IN(u32) index, IN(f32) weight, OUT(T) y, u32 from, u32 to, u32 out, u32 taps, f32 outside)
{
    for (u32 o = 0; o < out; o++) {
        u32 first = o * taps;
        f32 sum = outside;
        if (index[first] != NO_INDEX) {
            sum = 0;
            if (taps == 2) {
                sum = weight[first] * load(x, from + index[first]) + weight[first + 1] * load(x, from + index[first + 1]);
            } else {
                for (u32 j = 0; j < taps; j++) sum += weight[first + j] * load(x, from + index[first + j]);
            }
        }
        store(y, to + o, sum);
    }
}

KERNEL resize_rows(u32 group, IN(T) x, IN(u32) index, IN(f32) weight, OUT(T) y, u32 outer, u32 length, u32 out, u32 inner, u32 taps, u32 block,
                   f32 outside)
{
    ITEMS(t) {
        u32 end = min((group + 1) * block, outer);
        for (u32 r = group * block; r < end; r++) {
            if (inner == 1) {
                blend_along(x, index, weight, y, r * length, r * out, out, taps, outside);
            } else {
                for (u32 o = 0; o < out; o++) blend_row(x, index, weight, y, r * length, (r * out + o) * inner, o * taps, inner, taps, outside);
            }
        }
    }
}

/* The same for one tap of weight 1. */
KERNEL resize_pick_rows(u32 group, IN(T) x, IN(u32) index, OUT(T) y, u32 outer, u32 length, u32 out, u32 inner, u32 block, f32 outside)
{
    ITEMS(t) {
        u32 end = min((group + 1) * block, outer);
        for (u32 r = group * block; r < end; r++)
            for (u32 o = 0; o < out; o++) {
                u32 at = index[o];
                u32 from = (r * length + at) * inner;
                u32 to = (r * out + o) * inner;
                u32 c = 0;
                for (; c + WIDTH <= inner; c += WIDTH) storew(y, to + c, at == NO_INDEX ? splatw(outside) : loadw(x, from + c));
                for (; c < inner; c++) store(y, to + c, at == NO_INDEX ? outside : load(x, from + c));
            }
    }
}

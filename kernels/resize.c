/* Resizing one dimension: which input elements an output position sees and with what weights (made once a launch, in COORD precision),
 * and their application. Meanings are those of ONNX's Resize; the tables have `taps` entries for each output position.
 *
 * x[outer][length][inner] -> y[outer][out][inner] */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,u8,i8,i32,i64 COORD=f64
#pragma host T=f64 COORD=f64

#define HALF_PIXEL 0
#define HALF_PIXEL_SYMMETRIC 1
#define PYTORCH_HALF_PIXEL 2
#define ALIGN_CORNERS 3
#define ASYMMETRIC 4
#define CROP_AND_RESIZE 5
#define HALF_PIXEL_FOR_NEAREST 6

#define NEAREST_PREFER_FLOOR 0
#define NEAREST_PREFER_CEIL 1
#define NEAREST_FLOOR 2
#define NEAREST_CEIL 3

#define NO_INDEX 0xffffffffu          /* this position is outside: it gets the extrapolation value */

#define AXIS_PARAMS u32 length, u32 out, u32 taps, COORD given, COORD crop_from, COORD crop_to, CONST(u32) coordinates

/* Where output position o lies in the input. given: the scale, 0 for out / length. */
static COORD place(u32 o, u32 length, u32 out, COORD given, COORD crop_from, COORD crop_to, u32 mode)
{
    COORD half = (COORD)0.5f;
    COORD scale = given != 0 ? given : (COORD)out / (COORD)length;
    COORD exact = scale * (COORD)length;                      /* the output's size before it was made whole */
    COORD last = (COORD)length - 1;
    COORD at = ((COORD)o + half) / scale - half;
    if (mode == HALF_PIXEL_SYMMETRIC) at += (COORD)length * half * (1 - (COORD)out / exact);
    if (mode == PYTORCH_HALF_PIXEL && exact == 1) at = 0;
    if (mode == ASYMMETRIC) at = (COORD)o / scale;
    if (mode == HALF_PIXEL_FOR_NEAREST) at = ((COORD)o + half) / scale;
    if (mode == ALIGN_CORNERS) at = exact == 1 ? 0 : (COORD)o * last / (exact - 1);
    if (mode == CROP_AND_RESIZE) {
        COORD span = (crop_to - crop_from) * last;
        at = crop_from * last + (exact == 1 ? span * half : (COORD)o * span / (exact - 1));
    }
    return at;
}

static bool is_outside(COORD at, u32 length, u32 mode)
{
    return mode == CROP_AND_RESIZE && (at < 0 || at > (COORD)length - 1);
}

/* The taps stand around the element at or left of `at`, half of them up to it: an `at` that is whole counts as right of the one before. */
static i32 first_tap(COORD at, u32 taps) { return TO(i32, ceil(at)) - (i32)(taps / 2); }

static COORD cubic(COORD x, COORD a)
{
    COORD y = 0;
    if (x <= 1)
        y = ((a + 2) * x - (a + 3)) * x * x + 1;
    else if (x < 2)
        y = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
    return y;
}

/* The weight of input element `tap` for a position at `at`, before weights are made to add up to 1. squeeze < 1: antialiasing. */
static COORD tap_weight(i32 tap, COORD at, COORD squeeze, COORD a, u32 by_cubic)
{
    COORD x = fabs((COORD)tap - at) * squeeze;
    return by_cubic != 0 ? cubic(x, a) : max(1 - x, 0);
}

MAP(u32) resize_index(u32 i, AXIS_PARAMS)
{
    COORD at = place(i / taps, length, out, given, crop_from, crop_to, coordinates);
    i32 tap = first_tap(at, taps) + (i32)(i % taps);
    return is_outside(at, length, coordinates) ? NO_INDEX : (u32)clamp(tap, 0, (i32)length - 1);
}

MAP(u32) resize_nearest_index(u32 o, AXIS_PARAMS, CONST(u32) nearest)
{
    COORD at = place(o, length, out, given, crop_from, crop_to, coordinates);
    COORD low = floor(at);
    COORD part = at - low;
    COORD half = (COORD)0.5f;
    bool up = nearest == NEAREST_PREFER_FLOOR ? part > half : nearest == NEAREST_PREFER_CEIL ? part >= half : nearest == NEAREST_CEIL && part > 0;
    i32 index = TO(i32, low) + (up ? 1 : 0);
    return is_outside(at, length, coordinates) ? NO_INDEX : (u32)clamp(index, 0, (i32)length - 1);
}

MAP(f32) resize_weight(u32 i, AXIS_PARAMS, COORD squeeze, COORD a, CONST(u32) is_cubic, CONST(u32) exclude_outside)
{
    COORD at = place(i / taps, length, out, given, crop_from, crop_to, coordinates);
    i32 first = first_tap(at, taps);
    COORD sum = 0;
    COORD own = 0;
    for (u32 j = 0; j < taps; j++) {
        i32 tap = first + (i32)j;
        COORD w = tap_weight(tap, at, squeeze, a, is_cubic);
        if (exclude_outside != 0 && (tap < 0 || tap >= (i32)length)) w = 0;
        sum += w;
        if (j == i % taps) own = w;
    }
    return (f32)(sum != 0 ? own / sum : own);
}

MAP(T) resize_pick(u32 i, IN(T) x, IN(u32) index, u32 length, u32 out, u32 inner, f32 outside)
{
    u32 at = index[i / inner % out];
    T v = TO(T, outside);
    if (at != NO_INDEX) v = x[(i / inner / out * length + at) * inner + i % inner];
    return v;
}

MAP(T) resize_blend(u32 i, IN(T) x, IN(u32) index, IN(f32) weight, u32 length, u32 out, u32 inner, u32 taps, f32 outside, CONST(u32) whole)
{
    u32 row = i / inner;
    u32 first = row % out * taps;
    u32 from = row / out * length;
    f32 sum = outside;
    if (index[first] != NO_INDEX) {
        sum = 0;
        for (u32 j = 0; j < taps; j++) sum += weight[first + j] * (f32)load(x, (from + index[first + j]) * inner + i % inner);
    }
    return TO(T, whole != 0 ? round(sum) : sum);
}

MAP(T) resize_none(u32 i, IN(T) x) { return x[i]; }

/* Convolution with the channels of both sides in blocks (conv_blocked.h), as wide as the target's vectors: a set of blocks of output channels
 * x a band of pixels a group. A vector holds a block of output channels; it is multiplied by one number of x at a time, so nothing is copied
 * or turned on the way. For targets with wide lanes. */
#include "quern_kernel.h"
#pragma host T=f32
#include "conv_blocked.h"
#include "epilogue.h"
#define GROUP 1

#define PIXELS_MOST 6                  /* of a tile */
#if WIDTH >= 16
#define FILTERS_MOST 4                 /* 6 x 4 vectors fill the 32 registers of AVX-512, 6 x 2 the 16 of everything else */
#else
#define FILTERS_MOST 2
#endif
#define SET 4                          /* blocks of output channels of a group */

#define TILE_NAME(f, kind, p) tile_##f##_##kind##_##p
#define TILE_OF(f, kind, p) TILE_NAME(f, kind, p)
#define TILES_NAME(f, kind) tiles_##f##_##kind
#define TILES_OF(f, kind) TILES_NAME(f, kind)
#define TILE TILE_OF(FILTERS, KIND, PIXELS)
#define TILES TILES_OF(FILTERS, KIND)

#define KIND one
#define STEP WIDTH
#define LANE 1
#define FILTERS 1
#include "conv_blocked_tiles.h"
#undef FILTERS
#define FILTERS 2
#include "conv_blocked_tiles.h"
#undef FILTERS
#if FILTERS_MOST >= 4
#define FILTERS 4
#include "conv_blocked_tiles.h"
#undef FILTERS
#endif
#undef KIND
#undef STEP
#undef LANE
#define KIND two
#define STEP (2 * WIDTH)
#define LANE 1
#define FILTERS 1
#include "conv_blocked_tiles.h"
#undef FILTERS
#define FILTERS 2
#include "conv_blocked_tiles.h"
#undef FILTERS
#if FILTERS_MOST >= 4
#define FILTERS 4
#include "conv_blocked_tiles.h"
#undef FILTERS
#endif
#undef KIND
#undef STEP
#undef LANE
#define KIND any
#define STEP step
#define LANE lane
#define FILTERS 1
#include "conv_blocked_tiles.h"
#undef FILTERS
#define FILTERS 2
#include "conv_blocked_tiles.h"
#undef FILTERS
#if FILTERS_MOST >= 4
#define FILTERS 4
#include "conv_blocked_tiles.h"
#undef FILTERS
#endif
#undef KIND
#undef STEP
#undef LANE

static void tile(u32 filters, u32 pixels, IN(T) x, u64 x_at, u64 x_block, u64 x_row, u64 x_tap, u64 step, u64 lane, IN(T) w, u64 w_at, u64 w_row, u64 w_filter,
                 u32 ic, u32 kh, u32 ky0, u32 ky1, u32 kx0, u32 kx1, ARRAY(f32, sums))
{
    bool one = lane == 1 && step == WIDTH;
    bool two = lane == 1 && step == 2 * WIDTH;
#if FILTERS_MOST >= 4
    if (filters == 4) {
        if (one)
            tiles_4_one(pixels, x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
        else if (two)
            tiles_4_two(pixels, x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
        else
            tiles_4_any(pixels, x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
    }
#endif
    if (filters == 2) {
        if (one)
            tiles_2_one(pixels, x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
        else if (two)
            tiles_2_two(pixels, x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
        else
            tiles_2_any(pixels, x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
    }
    if (filters == 1) {
        if (one)
            tiles_1_one(pixels, x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
        else if (two)
            tiles_1_two(pixels, x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
        else
            tiles_1_any(pixels, x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
    }
}

KERNEL conv_blocked(u32 group, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, OUT(T) y, u32 band, u32 span, BLOCKED_PARAMS, f32 p, f32 q,
                    CONST(u32) plain, CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, sums, FILTERS_MOST * PIXELS_MOST * WIDTH);
    ITEMS(t) {
        u32 spans = (ow + span - 1) / span;
        u32 bands = (oh + band - 1) / band;
        u32 sets = (ob + SET - 1) / SET;
        u32 begin = group % spans * span;
        u32 end = min(begin + span, ow);
        u32 row = group / spans % bands * band;
        u32 last = min(row + band, oh);
        u32 b0 = group / spans / bands % sets * SET;
        u32 image = group / spans / bands / sets;
        u32 have = min(ob - b0, (u32)SET);
        u32 blocks = (ic + WIDTH - 1) / WIDTH;
        u64 pixel = plain != 0 ? 1u : (u32)WIDTH;
        u64 lane = plain != 0 ? ih * iw : 1u;
        u64 x_row = iw * pixel;
        u64 x_image = (u64)image * (plain != 0 ? ic : blocks * WIDTH) * (ih * iw);
        u64 x_block = (u64)WIDTH * (ih * iw);
        u64 w_row = kw * (u64)(WIDTH * WIDTH);
        u64 w_filter = blocks * kh * w_row;
        u32 lo = first_inside(pw, sw, ow);
        u32 hi = max(end_inside(pw, sw, ew, kw, iw, ow), lo);
        for (; row < last; row++) {
            u32 ky0 = first_tap(row * sh, ph, eh, kh);
            u32 ky1 = max(end_tap(row * sh, ph, eh, kh, ih), ky0);
            for (u32 f = 0; f < have;) {
                u32 filters = have - f >= 2 ? 2u : 1u;
                if (have - f >= 4 && FILTERS_MOST >= 4) filters = 4;
                for (u32 c = begin; c < end;) {
                    u32 pixels = 1;
                    u32 kx0 = 0;
                    u32 kx1 = kw;
                    if (c < lo || c >= hi) {
                        kx0 = first_tap(c * sw, pw, ew, kw);
                        kx1 = max(end_tap(c * sw, pw, ew, kw, iw), kx0);
                    } else {
                        u32 left = min(hi, end) - c;
                        u32 tiles = (left + PIXELS_MOST - 1) / PIXELS_MOST;
                        pixels = (left + tiles - 1) / tiles;
                    }
                    u64 x_at = x_image + (u64)row * sh * x_row - ph * x_row + (u64)c * sw * pixel - pw * pixel;
                    tile(filters, pixels, x, x_at, x_block, eh * x_row, ew * pixel, sw * pixel, lane, w, (b0 + f) * w_filter, w_row, w_filter,
                         ic, kh, ky0, ky1, kx0, kx1, sums);
                    for (u32 k = 0; k < filters; k++) {
                        u32 o = b0 + f + k;
                        u32 to = ((image * ob + o) * oh + row) * ow + c;
                        f32w add = has_bias != 0 ? loadw(bias, o * WIDTH) : splatw(0);
                        for (u32 i = 0; i < pixels; i++) {
                            f32w v = add + loadw(sums, (k * pixels + i) * WIDTH);
                            if (has_rest != 0) v += loadw(rest, (to + i) * WIDTH);
                            storew(y, (to + i) * WIDTH, finishw(v, act, p, q));
                        }
                    }
                    c += pixels;
                }
                f += filters;
            }
        }
    }
}

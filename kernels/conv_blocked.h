/* Convolution with the channels in blocks of `block`: [batch][blocks][height][width][block], of weights as well:
 *
 *     x[batch][ceil(ic / block)][ih][iw][block], or, plain, [batch][ic][ih][iw]      y[batch][ob][oh][ow][block]
 *     w[ob][ceil(ic / block)][kh][kw][block in][block out], or, a filter for each channel, [ob][kh][kw][block]
 * s: steps (strides), e: dilations, p: padding in front. Lanes behind the last channel hold anything; of x they are never multiplied into others. */
#ifndef CONV_BLOCKED_H
#define CONV_BLOCKED_H

#define BLOCKED_PARAMS                                                                                                       \
    u32 ic, u32 ih, u32 iw, u32 ob, u32 oh, u32 ow, u32 kh, u32 kw, u32 sh, u32 sw, u32 eh, u32 ew, u32 ph, u32 pw

/* The taps [first, end) of `k`, `e` apart, that lie inside `size` when the first is at `at` (counted from `before` in front of it). */
static u32 first_tap(u32 at, u32 before, u32 e, u32 k) { return at < before ? min((before - at + e - 1) / e, k) : 0u; }

static u32 end_tap(u32 at, u32 before, u32 e, u32 k, u32 size)
{
    return at >= size + before ? 0u : min((size + before - at - 1) / e + 1, k);
}

/* Of a row of `n` results: the first whose taps all lie inside, and the end of those. */
static u32 first_inside(u32 before, u32 s, u32 n) { return min((before + s - 1) / s, n); }

static u32 end_inside(u32 before, u32 s, u32 e, u32 k, u32 size, u32 n)
{
    u32 reach = (k - 1) * e + 1;
    return size + before >= reach ? min((size + before - reach) / s + 1, n) : 0u;
}

#endif

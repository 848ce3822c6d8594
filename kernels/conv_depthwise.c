/* Convolution with one input channel a group (1-D or 2-D), a band of output rows of one channel group a launch group. Wide lanes.
 *
 * The rows of x that the band sees are copied, with their padding, into `seen`; every tap is then one load and one multiply for WIDTH
 * neighbouring positions. Rows are summed end to end in one sweep, padding included, unless a step down the rows makes that a waste;
 * with a step along the row every position is summed and each sw-th kept, which is still cheaper than gathering. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#include "epilogue.h"
#define GROUP 1

#define SEEN 16384                    /* elements of `seen`: rows x pitch, as src/op/conv.c cuts the bands */
#define TAPS 1024

/* seen[to .. to + pitch) = row iy of a plane with pw zeros in front. Up to WIDTH - 1 elements after it are written too. */
static void copy_row(ARRAY(f32, seen), u32 to, IN(T) x, u32 plane, u32 iy, u32 ih, u32 iw, u32 pw, u32 pitch, u32 end)
{
    u32 left = iy < ih ? min(pw, pitch) : pitch;
    u32 right = iy < ih ? min(pw + iw, pitch) : pitch;
    u32 from = (plane * ih + iy) * iw;
    for (u32 c = 0; c < left; c += WIDTH) storew(seen, to + c, splatw(0));
    for (u32 c = left; c < right; c += WIDTH, from += WIDTH) {
        if (from + WIDTH <= end)
            storew(seen, to + c, loadw(x, from));
        else
            storew(seen, to + c, loadw_part(x, from, end - from));
    }
    for (u32 c = right; c < pitch; c += WIDTH) storew(seen, to + c, splatw(0));
}

/* sums[to .. to + count) = act(add + the taps over `seen` from element `at`); kh and kw are constants where this is called for speed. */
static void sum_taps(ARRAY(f32, sums), u32 to, ARRAY(f32, seen), u32 at, u32 pitch, u32 count, ARRAY(f32, taps), u32 kh, u32 kw, u32 eh,
                     u32 ew, f32 add, u32 kind, f32 p, f32 q)
{
    for (u32 c = 0; c < count; c += WIDTH) {
        f32w sum = splatw(add);
        for (u32 ky = 0; ky < kh; ky++)
            for (u32 kx = 0; kx < kw; kx++) sum = mad(splatw(taps[ky * kw + kx]), loadw(seen, at + ky * eh * pitch + c + kx * ew), sum);
        storew(sums, to + c, finishw(sum, kind, p, q));
    }
}

static void sum_span(ARRAY(f32, sums), ARRAY(f32, seen), u32 at, u32 pitch, u32 count, ARRAY(f32, taps), u32 kh, u32 kw, u32 eh, u32 ew,
                     f32 add, u32 kind, f32 p, f32 q)
{
    if (kh == 3 && kw == 3)
        sum_taps(sums, at, seen, at, pitch, count, taps, 3, 3, eh, ew, add, kind, p, q);
    else if (kh == 5 && kw == 5)
        sum_taps(sums, at, seen, at, pitch, count, taps, 5, 5, eh, ew, add, kind, p, q);
    else
        sum_taps(sums, at, seen, at, pitch, count, taps, kh, kw, eh, ew, add, kind, p, q);
}

/* One output row, step 1: y[to .. to + count) = act(add + the taps). What lies behind it up to `limit` is written later: whole vectors may
 * be stored there. `spare` holds one vector. */
static void row_out(OUT(T) y, u32 to, u32 limit, ARRAY(f32, spare), ARRAY(f32, seen), u32 at, u32 pitch, u32 count, ARRAY(f32, taps), u32 kh,
                    u32 kw, u32 eh, u32 ew, f32 add, u32 kind, f32 p, f32 q)
{
    for (u32 c = 0; c < count; c += WIDTH) {
        f32w sum = splatw(add);
        for (u32 ky = 0; ky < kh; ky++)
            for (u32 kx = 0; kx < kw; kx++) sum = mad(splatw(taps[ky * kw + kx]), loadw(seen, at + ky * eh * pitch + c + kx * ew), sum);
        sum = finishw(sum, kind, p, q);
        if (to + c + WIDTH <= limit) {
            storew(y, to + c, sum);
        } else {
            storew(spare, 0, sum);
            for (u32 i = 0; i < count - c && i < WIDTH; i++) store(y, to + c + i, spare[i]);
        }
    }
}

KERNEL conv_depthwise(u32 group, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, OUT(T) y, u32 batch, u32 band, u32 bands, u32 groups, u32 ih,
                      u32 iw, u32 oc, u32 oh, u32 ow, u32 kh, u32 kw, u32 sh, u32 sw, u32 eh, u32 ew, u32 ph, u32 pw, f32 p, f32 q,
                      CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, seen, SEEN + 2 * WIDTH);
    SHARED(f32, sums, SEEN + 2 * WIDTH);
    SHARED(f32, taps, TAPS);
    ITEMS(t) {
        u32 plane = group / bands;
        u32 y0 = group % bands * band;
        u32 rows = min(band, oh - min(y0, oh));
        u32 across = (ow - 1) * sw + 1;
        u32 pitch = across + (kw - 1) * ew;
        u32 seen_rows = (rows - 1) * sh + (kh - 1) * eh + 1;
        for (u32 r = 0; r < seen_rows; r++)
            copy_row(seen, r * pitch, x, plane, y0 * sh + r - ph, ih, iw, pw, pitch, batch * groups * ih * iw);
        storew(seen, seen_rows * pitch, splatw(0));
        for (u32 m = 0; m < oc; m++) {
            u32 channel = plane % groups * oc + m;
            for (u32 k = 0; k < kh * kw; k++) taps[k] = load(w, channel * kh * kw + k);
            f32 add = has_bias != 0 ? load(bias, channel) : 0;
            u32 base = (plane * oc + m) * oh + y0;
            if (sw == 1 && has_rest == 0) {
                u32 limit = (base + rows) * ow;
                for (u32 r = 0; r < rows; r++) {
                    u32 to = (base + r) * ow;
                    u32 at = r * sh * pitch;
                    if (kh == 3 && kw == 3)
                        row_out(y, to, limit, sums, seen, at, pitch, ow, taps, 3, 3, eh, ew, add, act, p, q);
                    else if (kh == 5 && kw == 5)
                        row_out(y, to, limit, sums, seen, at, pitch, ow, taps, 5, 5, eh, ew, add, act, p, q);
                    else
                        row_out(y, to, limit, sums, seen, at, pitch, ow, taps, kh, kw, eh, ew, add, act, p, q);
                }
            } else {
                u32 early = has_rest != 0 ? ACT_NONE : act;
                if (sh == 1 || pitch <= 2 * WIDTH) {
                    sum_span(sums, seen, 0, pitch, (rows - 1) * sh * pitch + across, taps, kh, kw, eh, ew, add, early, p, q);
                } else {
                    for (u32 r = 0; r < rows; r++)
                        sum_span(sums, seen, r * sh * pitch, pitch, across, taps, kh, kw, eh, ew, add, early, p, q);
                }
                for (u32 r = 0; r < rows; r++) {
                    u32 from = r * sh * pitch;
                    u32 to = (base + r) * ow;
                    if (has_rest != 0) {
                        for (u32 c = 0; c < ow; c++) store(y, to + c, finish(sums[from + c * sw] + load(rest, to + c), act, p, q));
                    } else if (sw == 2) {
                        for (u64 c = 0; c < ow; c++) store(y, to + c, sums[from + c * 2]);   /* u64: this vectorises */
                    } else {
                        for (u32 c = 0; c < ow; c++) store(y, to + c, sums[from + c * sw]);
                    }
                }
            }
        }
    }
}

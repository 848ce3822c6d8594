/* Convolution with one input channel a group (1-D or 2-D), a band of output rows of one group of channels a launch group. Wide lanes.
 *
 * The rows of x that the band sees are copied, with their padding, into `seen`; every tap is then one load and one multiply for WIDTH
 * output pixels. A step of 2 or more along the row computes every position and keeps each sw-th: still cheaper than gathering. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#include "epilogue.h"

#define SEEN 16384                    /* elements of `seen`: rows x pitch, as src/op/conv.c cuts the bands */
#define ROW 8192                      /* longest row of positions */

/* out[0 .. cols) = taps over rows of `seen` from element `at`; kh and kw are constants where this is called for speed. */
static void row_sums(ARRAY(f32, out), ARRAY(f32, seen), ARRAY(f32, taps), u32 at, u32 pitch, u32 cols, u32 kh, u32 kw, u32 eh, u32 ew)
{
    for (u32 c = 0; c < cols; c += WIDTH) {
        f32w sum = splatw(0);
        for (u32 ky = 0; ky < kh; ky++)
            for (u32 kx = 0; kx < kw; kx++)
                sum = mad(splatw(taps[ky * kw + kx]), loadw(seen, at + ky * eh * pitch + c + kx * ew), sum);
        storew(out, c, sum);
    }
}

KERNEL conv_depthwise(u32 group, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, OUT(T) y, u32 band, u32 bands, u32 groups, u32 ih, u32 iw,
                      u32 oc, u32 oh, u32 ow, u32 kh, u32 kw, u32 sh, u32 sw, u32 eh, u32 ew, u32 ph, u32 pw, f32 p, f32 q,
                      CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, seen, SEEN + 2 * WIDTH);
    SHARED(f32, out, ROW + WIDTH);
    SHARED(f32, taps, 1024);
    ITEMS(t) {
        u32 plane = group / bands;
        u32 y0 = group % bands * band;
        u32 rows = min(band, oh - min(y0, oh));
        u32 positions = (ow - 1) * sw + 1;
        u32 pitch = positions + (kw - 1) * ew;
        u32 seen_rows = (rows - 1) * sh + (kh - 1) * eh + 1;
        u32 used = seen_rows * pitch;
        u32 left = min(pw, pitch);
        u32 right = min(pw + iw, pitch);
        for (u32 r = 0; r < seen_rows; r++) {
            u32 iy = y0 * sh + r - ph;
            u32 to = r * pitch;
            u32 c = 0;
            if (iy < ih) {
                u32 from = (plane * ih + iy) * iw;
                for (; c < left; c++) seen[to + c] = 0;
                for (; c + WIDTH <= right; c += WIDTH) storew(seen, to + c, loadw(x, from + c - pw));
                for (; c < right; c++) seen[to + c] = load(x, from + c - pw);
            }
            for (; c < pitch; c++) seen[to + c] = 0;
        }
        storew(seen, used, splatw(0));
        storew(seen, used + WIDTH, splatw(0));
        for (u32 m = 0; m < oc; m++) {
            u32 channel = plane % groups * oc + m;
            for (u32 k = 0; k < kh * kw; k++) taps[k] = load(w, channel * kh * kw + k);
            f32 add = has_bias != 0 ? load(bias, channel) : 0;
            for (u32 r = 0; r < rows; r++) {
                u32 at = r * sh * pitch;
                if (kh == 3 && kw == 3)
                    row_sums(out, seen, taps, at, pitch, positions, 3, 3, eh, ew);
                else if (kh == 5 && kw == 5)
                    row_sums(out, seen, taps, at, pitch, positions, 5, 5, eh, ew);
                else
                    row_sums(out, seen, taps, at, pitch, positions, kh, kw, eh, ew);
                if (sw == 2) {
                    for (u32 c = 0; c < ow; c++) out[c] = out[2 * c];
                } else if (sw > 2) {
                    for (u32 c = 0; c < ow; c++) out[c] = out[sw * c];
                }
                u32 to = ((plane * oc + m) * oh + y0 + r) * ow;
                for (u32 c = 0; c < ow; c += WIDTH) {
                    u32 lanes = min(ow - c, WIDTH);
                    f32w v = add + loadw(out, c);
                    if (has_rest != 0) v += loadw_part(rest, to + c, lanes);
                    v = finishw(v, act, p, q);
                    if (lanes == WIDTH)
                        storew(y, to + c, v);
                    else
                        storew_part(y, to + c, v, lanes);
                }
            }
        }
    }
}

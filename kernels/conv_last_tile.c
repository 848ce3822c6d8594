/* Convolution with channels last as a matrix product by register tiles (tile.h), one block of output pixels x output channels a group.
 *
 * The left matrix holds what the taps of the filter see from each output pixel, all channels of a tap side by side as they lie in x, and
 * exists only TILE_ROWS x TILE_DEPTH at a time; the right one is the weights. For targets with wide lanes. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#include "tile.h"
#include "conv_shape.h"
#include "conv_last.h"
#include "epilogue.h"
#define GROUP 1

/* left[to ..] = x[from .. from + count), of which `end` is the size; up to WIDTH - 1 elements past `count` are written too. */
static void fill_run(ARRAY(f32, left), u32 to, IN(T) x, u32 from, u32 count, u32 end)
{
    u32 i = 0;
    for (; i < count && from + i + WIDTH <= end; i += WIDTH) storew(left, to + i, loadw(x, from + i));
    for (; i < count; i++) left[to + i] = load(x, from + i);
}

KERNEL conv_last_tile(u32 group, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, OUT(T) y, u32 batch, u32 block_m, u32 block_n, CONV_PARAMS,
                      f32 p, f32 q, CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, left, TILE_LEFT);
    SHARED(f32, right, TILE_RIGHT);
    SHARED(f32, sums, TILE_SUMS);
    ITEMS(t) {
        u32 n = od * oh * ow;
        u32 k = kd * kh * kw * ic;
        u32 all = groups * oc;
        u32 end = batch * id * ih * iw * groups * ic;
        u32 wide = (oc + block_n - 1) / block_n;
        u32 tall = (n + block_m - 1) / block_m;
        u32 n0 = group % wide * block_n;
        u32 m0 = group / wide % tall * block_m;
        u32 channel = group / wide / tall % groups;
        u32 pixel0 = group / wide / tall / groups * n + m0;
        u32 cols = min(block_n, oc - n0);
        u32 rows = min(block_m, n - m0);
        u32 passes = (k + TILE_DEPTH - 1) / TILE_DEPTH;
        u32 step = (k + passes - 1) / passes;
        for (u32 pass = 0; pass < passes; pass++) {
            u32 k0 = pass * step;
            u32 depth = min(step, k - min(k0, k));
            tile_right(right, w, k0 * all + channel * oc + n0, all, depth, cols);
            for (u32 r = 0; r < rows; r += TILE_ROWS) {
                for (u32 row = 0; row < TILE_ROWS; row++) {
                    u32 to = row * TILE_PITCH;
                    LAST_PIXEL(pixel0 + r + row)
                    for (u32 j = 0; j < depth;) {
                        u32 tap = (k0 + j) / ic;
                        u32 c = (k0 + j) % ic;
                        u32 kx = tap % kw;
                        u32 iz = z0 + tap / kw / kh * ed;
                        u32 iy = y0 + tap / kw % kh * eh;
                        u32 ix = x0 + kx * ew;
                        u32 run = ic - c;
                        if (r + row < rows && iz < id && iy < ih && ix < iw) {
                            if (groups == 1 && ew == 1) run += min(kw - 1 - kx, iw - 1 - ix) * ic;   /* the taps beside it lie beside it */
                            run = min(run, depth - j);
                            fill_run(left, to + j, x, ((((first + iz) * ih + iy) * iw + ix) * groups + channel) * ic + c, run, end);
                        } else {
                            run = min(run, depth - j);
                            for (u32 i = 0; i < run; i += WIDTH) storew(left, to + j + i, splatw(0));
                        }
                        j += run;
                    }
                }
                for (u32 c = 0; c < cols; c += TILE_COLS)
                    tile_add(left, right, c, depth, sums, r * TILE_PANEL + c * TILE_ROWS, pass == 0, cols - c);
            }
        }
        for (u32 r = 0; r < rows; r++) {
            u32 to = (pixel0 + r) * all + channel * oc + n0;
            for (u32 c = 0; c < cols; c += WIDTH) {
                f32w v = loadw(sums, tile_at(r, c));
                u32 lanes = min(cols - c, WIDTH);
                if (lanes == WIDTH) {
                    if (has_bias != 0) v += loadw(bias, channel * oc + n0 + c);
                    if (has_rest != 0) v += loadw(rest, to + c);
                    storew(y, to + c, finishw(v, act, p, q));
                } else {
                    if (has_bias != 0) v += loadw_part(bias, channel * oc + n0 + c, lanes);
                    if (has_rest != 0) v += loadw_part(rest, to + c, lanes);
                    storew_part(y, to + c, finishw(v, act, p, q), lanes);
                }
            }
        }
    }
}

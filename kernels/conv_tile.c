/* Convolution as a matrix product by register tiles (tile.h), one block of output channels x output pixels a group.
 *
 * The left matrix is the weights w[oc][ic * kd * kh * kw]; the right one holds, for each tap of the filter, the pixel it sees at each
 * output pixel, and exists only TILE_DEPTH x TILE_PANEL at a time. For targets with wide lanes. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#include "tile.h"
#include "conv_shape.h"
#include "epilogue.h"
#define GROUP 1

/* right[to ..] = count pixels of the row x[row .. row + iw) seen by a tap: pixel i is at first + i * step; outside the row it is 0.
 * Up to WIDTH - 1 elements past `count` are written too: rows are filled from left to right. `end` is the size of x. */
static void fill_run(ARRAY(f32, right), u32 to, IN(T) x, u32 row, u32 iw, i32 first, u32 step, u32 count, u32 end)
{
    u32 lo = first < 0 ? min((u32)(-first + (i32)step - 1) / step, count) : 0u;
    u32 hi = first >= (i32)iw ? lo : max(min((u32)((i32)iw - first + (i32)step - 1) / step, count), lo);
    for (u32 i = 0; i < lo; i++) right[to + i] = 0;
    u32 from = row + (u32)(first + (i32)(lo * step));
    u32 i = lo;
    if (step == 1) {
        for (; i < hi && from + WIDTH <= end; i += WIDTH, from += WIDTH) storew(right, to + i, loadw(x, from));
    } else if (step == 2) {
        for (u64 j = 0; j < hi - lo; j++) right[to + lo + j] = load(x, from + j * 2);   /* u64: this vectorises */
        i = hi;
    }
    for (; i < hi; i++, from += step) right[to + i] = load(x, from);
    for (i = hi; i < count; i++) right[to + i] = 0;
}

/* One row of the right matrix: the tap (kz, ky, kx) of a channel at x[plane ..], for output pixels p0 .. p0 + cols. */
static void fill_tap(ARRAY(f32, right), u32 to, IN(T) x, u32 plane, u32 kz, u32 ky, u32 kx, u32 p0, u32 cols, u32 end,
                     u32 id, u32 ih, u32 iw, u32 oh, u32 ow, u32 sd, u32 sh, u32 sw, u32 ed, u32 eh, u32 ew, u32 pd, u32 ph, u32 pw)
{
    if (cols % WIDTH != 0) storew(right, to + cols / WIDTH * WIDTH, splatw(0));   /* the last vector is computed whole */
    u32 ox = p0 % ow;
    u32 oy = p0 / ow % oh;
    u32 oz = p0 / ow / oh;
    for (u32 c = 0; c < cols;) {
        u32 count = min(ow - ox, cols - c);
        u32 iz = oz * sd + kz * ed - pd;
        u32 iy = oy * sh + ky * eh - ph;
        if (iz < id && iy < ih) {
            fill_run(right, to + c, x, plane + (iz * ih + iy) * iw, iw, (i32)(ox * sw + kx * ew) - (i32)pw, sw, count, end);
        } else {
            for (u32 i = 0; i < count; i += WIDTH) storew(right, to + c + i, splatw(0));
        }
        c += count;
        ox = 0;
        oy++;
        if (oy == oh) {
            oy = 0;
            oz++;
        }
    }
}

KERNEL conv_tile(u32 group, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, OUT(T) y, u32 batch, u32 block_m, u32 block_n, CONV_PARAMS,
                 f32 p, f32 q, CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    SHARED(f32, left, TILE_LEFT);
    SHARED(f32, right, TILE_RIGHT + WIDTH);
    SHARED(f32, sums, TILE_SUMS);
    ITEMS(t) {
        u32 n = od * oh * ow;
        u32 taps = kd * kh * kw;
        u32 k = ic * taps;
        u32 wide = (n + block_n - 1) / block_n;
        u32 tall = (oc + block_m - 1) / block_m;
        u32 n0 = group % wide * block_n;
        u32 m0 = group / wide % tall * block_m;
        u32 part = group / wide / tall;
        u32 cols = min(block_n, n - n0);
        u32 rows = min(block_m, oc - m0);
        u32 size = id * ih * iw;
        u32 end = batch * groups * ic * size;
        u32 w_at = (part % groups * oc + m0) * k;
        u32 passes = (k + TILE_DEPTH - 1) / TILE_DEPTH;
        u32 step = (k + passes - 1) / passes;
        u32 plane = part * ic * size;
        u32 kx = 0;
        u32 ky = 0;
        u32 kz = 0;
        for (u32 pass = 0; pass < passes; pass++) {
            u32 k0 = pass * step;
            u32 depth = min(step, k - min(k0, k));
            for (u32 i = 0; i < depth; i++) {
                fill_tap(right, i * TILE_PANEL, x, plane, kz, ky, kx, n0, cols, end, id, ih, iw, oh, ow, sd, sh, sw, ed, eh, ew,
                         pd, ph, pw);
                kx++;
                if (kx == kw) {
                    kx = 0;
                    ky++;
                }
                if (ky == kh) {
                    ky = 0;
                    kz++;
                }
                if (kz == kd) {
                    kz = 0;
                    plane += size;
                }
            }
            for (u32 r = 0; r < rows; r += TILE_ROWS) {
                tile_left(left, w, w_at + r * k + k0, k, rows - r, depth);
                for (u32 c = 0; c < cols; c += TILE_COLS)
                    tile_add(left, right, c, depth, sums, r * TILE_PANEL + c * TILE_ROWS, pass == 0, cols - c);
            }
        }
        for (u32 r = 0; r < rows; r++) {
            u32 to = (part * oc + m0 + r) * n + n0;
            f32 add = has_bias != 0 ? load(bias, part % groups * oc + m0 + r) : 0;
            for (u32 c = 0; c < cols; c += WIDTH) {
                f32w v = add + loadw(sums, tile_at(r, c));
                u32 lanes = min(cols - c, WIDTH);
                if (lanes == WIDTH) {
                    if (has_rest != 0) v += loadw(rest, to + c);
                    storew(y, to + c, finishw(v, act, p, q));
                } else {
                    if (has_rest != 0) v += loadw_part(rest, to + c, lanes);
                    storew_part(y, to + c, finishw(v, act, p, q), lanes);
                }
            }
        }
    }
}

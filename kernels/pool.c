/* Pooling, one output element an item: largest element and where it was, mean, p-norm. With WHOLE, for the 8-bit integers: largest only.
 *
 * x[planes][id][ih][iw] -> y[planes][od][oh][ow]; one and two dimensions have size 1 in front. A window has kd x kh x kw elements,
 * e apart, starts s apart, and begins p before the plane. qd, qh, qw: where the padding behind ends, counted from its start in front. */
#include "quern_kernel.h"
#pragma host T=f32,f16,f64,bf16
#pragma host T=i8,u8 WHOLE=1

#define POOL_PARAMS                                                                                                          \
    u32 id, u32 ih, u32 iw, u32 od, u32 oh, u32 ow, u32 kd, u32 kh, u32 kw, u32 sd, u32 sh, u32 sw, u32 ed, u32 eh, u32 ew, u32 pd, \
        u32 ph, u32 pw

#ifdef WHOLE
#define NUMBER i32
#define LOWEST (-128)
#else
#define NUMBER f32
#define LOWEST (-INFINITY)
#endif

/* Where the largest element of output i's window is in its plane, first of equals; 0xffffffff when the window sees no element. */
static u32 largest_at(IN(T) x, u32 i, POOL_PARAMS)
{
    u32 base = i / ow / oh / od * id * ih * iw;
    u32 z0 = i / ow / oh % od * sd - pd;
    u32 y0 = i / ow % oh * sh - ph;
    u32 x0 = i % ow * sw - pw;
    u32 found = 0xffffffffu;
    NUMBER best = LOWEST;
    for (u32 kz = 0; kz < kd; kz++)
        for (u32 ky = 0; ky < kh; ky++)
            for (u32 kx = 0; kx < kw; kx++) {
                u32 iz = z0 + kz * ed;
                u32 iy = y0 + ky * eh;
                u32 ix = x0 + kx * ew;
                if (iz < id && iy < ih && ix < iw) {
                    u32 at = (iz * ih + iy) * iw + ix;
                    NUMBER v = load(x, base + at);
                    if (found == 0xffffffffu || v > best) {
                        best = v;
                        found = at;
                    }
                }
            }
    return found;
}

MAP(T) pool_max(u32 i, IN(T) x, POOL_PARAMS)
{
    u32 at = largest_at(x, i, id, ih, iw, od, oh, ow, kd, kh, kw, sd, sh, sw, ed, eh, ew, pd, ph, pw);
    NUMBER v = LOWEST;
    if (at != 0xffffffffu) v = load(x, i / ow / oh / od * id * ih * iw + at);
    return TO(T, v);
}

/* The index over the whole of x; by columns: as if each plane were stored with its first dimension innermost. */
MAP(i64) pool_max_index(u32 i, IN(T) x, POOL_PARAMS, CONST(u32) by_columns)
{
    u32 at = largest_at(x, i, id, ih, iw, od, oh, ow, kd, kh, kw, sd, sh, sw, ed, eh, ew, pd, ph, pw);
    if (at == 0xffffffffu) at = 0;
    if (by_columns != 0) {
        u32 iz = at / iw / ih;
        u32 iy = at / iw % ih;
        u32 ix = at % iw;
        at = (ix * ih + iy) * id + iz;
    }
    return TO(i64, i / ow / oh / od * id * ih * iw + at);
}

#ifndef WHOLE
MAP(T) pool_mean(u32 i, IN(T) x, POOL_PARAMS, u32 qd, u32 qh, u32 qw, CONST(u32) count_padding)
{
    u32 base = i / ow / oh / od * id * ih * iw;
    u32 z0 = i / ow / oh % od * sd;
    u32 y0 = i / ow % oh * sh;
    u32 x0 = i % ow * sw;
    f32 sum = 0;
    u32 count = 0;
    for (u32 kz = 0; kz < kd; kz++)
        for (u32 ky = 0; ky < kh; ky++)
            for (u32 kx = 0; kx < kw; kx++) {
                u32 iz = z0 + kz * ed;
                u32 iy = y0 + ky * eh;
                u32 ix = x0 + kx * ew;
                bool inside = iz - pd < id && iy - ph < ih && ix - pw < iw;
                if (inside) sum += load(x, base + ((iz - pd) * ih + iy - ph) * iw + ix - pw);
                if (inside || (count_padding != 0 && iz < qd && iy < qh && ix < qw)) count++;
            }
    return TO(T, count != 0 ? sum / (f32)count : 0);
}

MAP(T) pool_norm(u32 i, IN(T) x, POOL_PARAMS, f32 power)
{
    u32 base = i / ow / oh / od * id * ih * iw;
    u32 z0 = i / ow / oh % od * sd - pd;
    u32 y0 = i / ow % oh * sh - ph;
    u32 x0 = i % ow * sw - pw;
    f32 sum = 0;
    for (u32 kz = 0; kz < kd; kz++)
        for (u32 ky = 0; ky < kh; ky++)
            for (u32 kx = 0; kx < kw; kx++) {
                u32 iz = z0 + kz * ed;
                u32 iy = y0 + ky * eh;
                u32 ix = x0 + kx * ew;
                if (iz < id && iy < ih && ix < iw) {
                    f32 v = fabs(load(x, base + (iz * ih + iy) * iw + ix));
                    sum += power == 2 ? v * v : power == 1 ? v : pow(v, power);
                }
            }
    f32 root = power == 2 ? sqrt(sum) : power == 1 ? sum : pow(sum, 1 / power);
    return TO(T, root);
}
#endif

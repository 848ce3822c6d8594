/* Convolution, one output element an item: the variant that runs everywhere, and the only one for integers (WHOLE). */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#pragma host T=i32 WHOLE=1
#include "conv_shape.h"

#ifdef WHOLE
#define SUM T
#else
#define SUM f32
#include "epilogue.h"
#endif

/* The sum over the filter for channel o (counted over all groups) of batch item n at the output pixel (oz, oy, ox). */
static SUM conv_sum(IN(T) x, IN(T) w, u32 n, u32 o, u32 oz, u32 oy, u32 ox, u32 groups, u32 ic, u32 id, u32 ih, u32 iw, u32 oc, u32 kd,
                    u32 kh, u32 kw, u32 sd, u32 sh, u32 sw, u32 ed, u32 eh, u32 ew, u32 pd, u32 ph, u32 pw)
{
    SUM sum = 0;
    u32 w_at = o * ic * kd * kh * kw;
    for (u32 c = 0; c < ic; c++) {
        u32 plane = (n * groups + o / oc) * ic + c;
        for (u32 kz = 0; kz < kd; kz++) {
            u32 iz = oz * sd + kz * ed - pd;
            for (u32 ky = 0; ky < kh; ky++) {
                u32 iy = oy * sh + ky * eh - ph;
                for (u32 kx = 0; kx < kw; kx++) {
                    u32 ix = ox * sw + kx * ew - pw;
                    if (iz < id && iy < ih && ix < iw) sum += load(x, ((plane * id + iz) * ih + iy) * iw + ix) * load(w, w_at);
                    w_at++;
                }
            }
        }
    }
    return sum;
}

#ifdef WHOLE
MAP(T) conv_map(u32 i, IN(T) x, IN(T) w, CONV_PARAMS)
{
    u32 at = i / ow;
    u32 o = at / oh / od;
    return conv_sum(x, w, o / (groups * oc), o % (groups * oc), at / oh % od, at % oh, i % ow, groups, ic, id, ih, iw, oc, kd, kh, kw, sd,
                    sh, sw, ed, eh, ew, pd, ph, pw);
}
#else
MAP(T) conv_map(u32 i, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, CONV_PARAMS, f32 p, f32 q, CONST(u32) has_bias, CONST(u32) has_rest,
                CONST(u32) act)
{
    u32 at = i / ow;
    u32 o = at / oh / od;
    f32 sum = conv_sum(x, w, o / (groups * oc), o % (groups * oc), at / oh % od, at % oh, i % ow, groups, ic, id, ih, iw, oc, kd, kh, kw,
                       sd, sh, sw, ed, eh, ew, pd, ph, pw);
    if (has_bias != 0) sum += load(bias, o % (groups * oc));
    if (has_rest != 0) sum += load(rest, i);
    return TO(T, finish(sum, act, p, q));
}
#endif

/* The sum of the filter taps that meet at each output pixel: the second half of a transposed convolution, and Col2Im.
 *
 * cols[batch * channels][kd * kh * kw][id][ih][iw] -> y[batch * channels][od][oh][ow]; one and two dimensions have size 1 in front.
 * A tap k of input pixel i lands on output pixel i * step + k * dilation - padding. A is the type that is summed in. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16 A=f32
#pragma host T=f64 A=f64

/* The input coordinate whose tap k lands on o, or the size where there is none. */
static u32 source(u32 o, u32 k, u32 step, u32 dilation, u32 pad, u32 size)
{
    u32 at = o + pad - k * dilation;
    bool hit = o + pad >= k * dilation && at % step == 0 && at / step < size;
    return hit ? at / step : size;
}

MAP(T) col2im(u32 i, IN(T) cols, IN(T) bias, u32 channels, u32 id, u32 ih, u32 iw, u32 od, u32 oh, u32 ow, u32 kd, u32 kh, u32 kw, u32 sd,
              u32 sh, u32 sw, u32 ed, u32 eh, u32 ew, u32 pd, u32 ph, u32 pw, CONST(u32) has_bias)
{
    u32 plane = i / ow / oh / od;
    u32 tap = plane * kd * kh * kw;
    A sum = has_bias != 0 ? (A)load(bias, plane % channels) : (A)0;
    for (u32 kz = 0; kz < kd; kz++) {
        u32 z = source(i / ow / oh % od, kz, sd, ed, pd, id);
        for (u32 ky = 0; ky < kh; ky++) {
            u32 y = source(i / ow % oh, ky, sh, eh, ph, ih);
            for (u32 kx = 0; kx < kw; kx++) {
                u32 x = source(i % ow, kx, sw, ew, pw, iw);
                if (z < id && y < ih && x < iw) sum += (A)load(cols, ((tap * id + z) * ih + y) * iw + x);
                tap++;
            }
        }
    }
    return TO(T, sum);
}

/* Convolution with the channels in blocks (conv_blocked.h) of any size, one output element an item: the variant that runs everywhere. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#include "conv_blocked.h"
#include "epilogue.h"

MAP(T) conv_blocked_map(u32 i, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, u32 block, BLOCKED_PARAMS, f32 p, f32 q, CONST(u32) plain,
                        CONST(u32) depth, CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    u32 lane = i % block;
    u32 at = i / block;
    u32 o = at / ow / oh % ob;
    u32 image = at / ow / oh / ob;
    u32 blocks = (ic + block - 1) / block;
    u32 y0 = at / ow % oh * sh - ph;
    u32 x0 = at % ow * sw - pw;
    f32 sum = 0;
    for (u32 tap = 0; tap < kh * kw; tap++) {
        u32 iy = y0 + tap / kw * eh;
        u32 ix = x0 + tap % kw * ew;
        if (iy < ih && ix < iw) {
            u32 seen = iy * iw + ix;
            if (depth != 0) {
                sum += load(x, ((image * ob + o) * ih * iw + seen) * block + lane) * load(w, (o * kh * kw + tap) * block + lane);
            } else {
                for (u32 c = 0; c < ic; c++) {
                    u32 from = ((image * blocks + c / block) * ih * iw + seen) * block + c % block;
                    if (plain != 0) from = (image * ic + c) * ih * iw + seen;
                    sum += load(x, from) * load(w, (((o * blocks + c / block) * kh * kw + tap) * block + c % block) * block + lane);
                }
            }
        }
    }
    if (has_bias != 0) sum += load(bias, o * block + lane);
    if (has_rest != 0) sum += load(rest, i);
    return TO(T, finish(sum, act, p, q));
}

/* Convolution with channels last, four output channels of a pixel an item: they see the same, and their weights lie side by side. Places of
 * fours are counted in fours, so that a printer sees that each lies in one texel. BY: how many input channels are read at a time, 4 where their
 * number is a multiple; 0: each channel has its own filter. */
#include "quern_kernel.h"
#pragma host T=f32 BY=0,1,4
#include "conv_shape.h"
#include "conv_last.h"
#include "epilogue.h"

MAP(f32x4) conv_last_four(u32 i, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, CONV_PARAMS, f32 p, f32 q, CONST(u32) has_bias,
                          CONST(u32) has_rest, CONST(u32) act)
{
    u32 fours = groups * oc / 4;
    u32 o = i % fours;
    f32x4 sum = MAKE4(f32, 0, 0, 0, 0);
    LAST_PIXEL(i / fours)
    LAST_TAPS
        u32 at = tap * ic * fours + o;
#if BY == 0
        sum += load4(x, (from / 4 + o) * 4) * load4(w, at * 4);
#elif BY == 4
        from = from / 4 + o * 4 / oc * (ic / 4);
        for (u32 c = 0; c < ic / 4; c++) {
            f32x4 v = load4(x, (from + c) * 4);
            sum += v.x * load4(w, at * 4) + v.y * load4(w, (at + fours) * 4) + v.z * load4(w, (at + 2 * fours) * 4) +
                   v.w * load4(w, (at + 3 * fours) * 4);
            at += 4 * fours;
        }
#else
        from += o * 4 / oc * ic;
        for (u32 c = 0; c < ic; c++) sum += load(x, from + c) * load4(w, (at + c * fours) * 4);
#endif
    LAST_TAPS_END
    if (has_bias != 0) sum += load4(bias, o * 4);
    if (has_rest != 0) sum += load4(rest, i * 4);
    return MAKE4(f32, finish(sum.x, act, p, q), finish(sum.y, act, p, q), finish(sum.z, act, p, q), finish(sum.w, act, p, q));
}

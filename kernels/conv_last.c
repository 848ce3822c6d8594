/* Convolution with channels last, one output element an item: the variant that runs everywhere. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#include "conv_shape.h"
#include "conv_last.h"
#include "epilogue.h"

MAP(T) conv_last_map(u32 i, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, CONV_PARAMS, f32 p, f32 q, CONST(u32) has_bias, CONST(u32) has_rest,
                     CONST(u32) act)
{
    u32 all = groups * oc;
    u32 o = i % all;
    f32 sum = 0;
    LAST_PIXEL(i / all)
    LAST_TAPS
        from += o / oc * ic;
        for (u32 c = 0; c < ic; c++) sum += load(x, from + c) * load(w, (tap * ic + c) * all + o);
    LAST_TAPS_END
    if (has_bias != 0) sum += load(bias, o);
    if (has_rest != 0) sum += load(rest, i);
    return TO(T, finish(sum, act, p, q));
}

/* Convolution with channels last and a filter for each channel, one row of output pixels a group, vectors of channels. For targets with wide
 * lanes. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#include "conv_shape.h"
#include "conv_last.h"
#include "epilogue.h"
#define GROUP 1

KERNEL conv_last_depth(u32 group, IN(T) x, IN(T) w, IN(T) bias, IN(T) rest, OUT(T) y, CONV_PARAMS, f32 p, f32 q, CONST(u32) has_bias,
                       CONST(u32) has_rest, CONST(u32) act)
{
    ITEMS(t) {
        for (u32 at = group * ow; at < (group + 1) * ow; at++) {
            LAST_PIXEL(at)
            for (u32 c = 0; c < groups; c += WIDTH) {
                u32 lanes = min(groups - c, WIDTH);
                bool whole = lanes == WIDTH;
                f32w sum = splatw(0);
                LAST_TAPS
                    if (whole)
                        sum = mad(loadw(x, from + c), loadw(w, tap * groups + c), sum);
                    else
                        sum = mad(loadw_part(x, from + c, lanes), loadw_part(w, tap * groups + c, lanes), sum);
                LAST_TAPS_END
                u32 to = at * groups + c;
                if (whole) {
                    if (has_bias != 0) sum += loadw(bias, c);
                    if (has_rest != 0) sum += loadw(rest, to);
                    storew(y, to, finishw(sum, act, p, q));
                } else {
                    if (has_bias != 0) sum += loadw_part(bias, c, lanes);
                    if (has_rest != 0) sum += loadw_part(rest, to, lanes);
                    storew_part(y, to, finishw(sum, act, p, q), lanes);
                }
            }
        }
    }
}

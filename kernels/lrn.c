/* Local response normalization of x[images][chans][inner] over the channels from `below` under each one to `above` over it. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64

MAP(T) lrn_map(u32 i, IN(T) x, f32 alpha, f32 beta, f32 bias, u32 chans, u32 inner, u32 below, u32 above)
{
    u32 c = i / inner % chans, image = i - c * inner;
    u32 first = c > below ? c - below : 0, last = min(c + above, chans - 1);
    f32 sum = 0;
    for (u32 k = first; k <= last; k++) {
        f32 v = load(x, image + k * inner);
        sum += v * v;
    }
    return TO(T, load(x, i) / pow(bias + alpha * sum, beta));
}

/* The states of linear attention after each step (ONNX LinearAttention), a column of a state by itself:
 *     S = e S;  w = beta (v - S k), or v;  S = S + k w        where e is exp(decay), or 1
 *
 * k[batch][steps][heads][key], v[batch][steps][heads][value], past[batch][heads][key][value]; gates[batch][steps][..] has decays, then betas
 * -> states[steps][batch][heads][key][value]. decays: 0 none, 1 one a head, 2 one an element of the key; betas: 0 none, 1 one, 2 one a head.
 * linear_state, for devices without groups, walks to each element from the start; KEY is the size of a key. */
#include "quern_kernel.h"
#pragma host T=f32,f64
#ifndef GROUP
#define GROUP 1
#endif

#define PARAMS u32 batch, u32 steps, u32 heads, u32 key, u32 value, CONST(u32) decays, CONST(u32) betas

static u32 width(u32 heads, u32 key, u32 rates, u32 shares)
{
    return (rates == 0 ? 0u : rates == 1 ? heads : heads * key) + (shares == 0 ? 0u : shares == 1 ? 1u : heads);
}

static f32 kept(IN(T) gates, u32 row, u32 h, u32 d, u32 heads, u32 key, u32 rates, u32 shares)
{
    f32 e = 1;
    if (rates != 0) e = exp(load(gates, row * width(heads, key, rates, shares) + (rates == 1 ? h : h * key + d)));
    return e;
}

static f32 rate(IN(T) gates, u32 row, u32 h, u32 heads, u32 key, u32 rates, u32 shares)
{
    return load(gates, row * width(heads, key, rates, shares) + width(heads, key, rates, 0) + (shares == 1 ? 0u : h));
}

KERNEL linear_states(u32 group, IN(T) k, IN(T) v, IN(T) past, IN(T) gates, INOUT(T) states, PARAMS)
{
    ITEMS(t) {
        u32 c = group * GROUP + t;
        if (c < batch * heads * value) {
            u32 item = c / value, b = item / heads, h = item % heads, m = c % value, size = batch * heads * key * value;
            for (u32 s = 0; s < steps; s++) {
                u32 row = b * steps + s, at = item * key * value + m, to = s * size + at;
                f32 seen = 0;
                for (u32 d = 0; d < key; d++) {
                    f32 old = s == 0 ? load(past, at + d * value) : load(states, to - size + d * value);
                    old = old * kept(gates, row, h, d, heads, key, decays, betas);
                    store(states, to + d * value, old);
                    seen += old * load(k, (row * heads + h) * key + d);
                }
                f32 w = load(v, (row * heads + h) * value + m);
                if (betas != 0) w = rate(gates, row, h, heads, key, decays, betas) * (w - seen);
                for (u32 d = 0; d < key; d++)
                    store(states, to + d * value, load(states, to + d * value) + w * load(k, (row * heads + h) * key + d));
            }
        }
    }
}

#ifdef KEY
MAP(T) linear_state(u32 i, IN(T) k, IN(T) v, IN(T) past, IN(T) gates, PARAMS)
{
    u32 m = i % value, own = i / value % key, item = i / value / key % (batch * heads), last = i / value / key / (batch * heads);
    u32 b = item / heads, h = item % heads;
    f32 state[KEY];
    for (u32 d = 0; d < KEY; d++) state[d] = load(past, (item * key + d) * value + m);
    for (u32 s = 0; s <= last; s++) {
        u32 row = b * steps + s;
        f32 seen = 0;
        for (u32 d = 0; d < KEY; d++) {
            state[d] = state[d] * kept(gates, row, h, d, heads, key, decays, betas);
            seen += state[d] * load(k, (row * heads + h) * key + d);
        }
        f32 w = load(v, (row * heads + h) * value + m);
        if (betas != 0) w = rate(gates, row, h, heads, key, decays, betas) * (w - seen);
        for (u32 d = 0; d < KEY; d++) state[d] = state[d] + w * load(k, (row * heads + h) * key + d);
    }
    return state[own];
}
#endif

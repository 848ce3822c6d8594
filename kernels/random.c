/* Random numbers by counting: element i of a stream named by a seed depends on i and the seed alone, on every device.
 * The mixing is PCG's (O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms", 2014), in its hash form, twice. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64

static u32 mix(u32 v)
{
    u32 state = v * 747796405u + 2891336453u;
    u32 word = ((state >> ((state >> 28) + 4u)) ^ state) * 277803737u;
    return (word >> 22) ^ word;
}

/* In [0, 1): 24 bits, so that f32 holds them exactly. */
static f32 unit(u32 i, u32 lane, u32 seed, u32 stream) { return (f32)(mix(mix(i ^ seed) + mix(stream + lane * 0x9e3779b9u)) >> 8) * 5.9604644775390625e-8f; }

MAP(T) random_uniform(u32 i, u32 seed, u32 stream, f32 low, f32 high) { return TO(T, low + (high - low) * unit(i, 0, seed, stream)); }

MAP(T) random_normal(u32 i, u32 seed, u32 stream, f32 mean, f32 scale)
{
    f32 radius = sqrt(-2.0f * log(1.0f - unit(i, 0, seed, stream)));
    return TO(T, mean + scale * radius * cos(6.283185307179586f * unit(i, 1, seed, stream)));
}

/* 1 with probability x[i]. */
MAP(T) random_bernoulli(u32 i, IN(T) x, u32 seed, u32 stream) { return TO(T, unit(i, 0, seed, stream) < load(x, i) ? 1.0f : 0.0f); }

/* Samples of row i / samples of x[rows][classes], which holds logarithms of weights: the class whose weight, shaken by Gumbel noise, is largest. */
MAP(i32) random_multinomial(u32 i, IN(T) x, u32 seed, u32 stream, u32 classes, u32 samples)
{
    u32 from = i / samples * classes, best = 0;
    f32 top = -INFINITY;
    for (u32 c = 0; c < classes; c++) {
        f32 u = unit(i * classes + c, 0, seed, stream) + 2.98e-8f;
        f32 v = load(x, from + c) - log(-log(u));
        if (v > top) {
            top = v;
            best = c;
        }
    }
    return (i32)best;
}

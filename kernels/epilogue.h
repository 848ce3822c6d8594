/* What a matrix product or convolution does to a finished sum: an activation, so that no pass over memory is spent on it.
 * The numbers of kinds are those of src/op/epilogue.h; p and q are the activation's parameters. */
#ifndef EPILOGUE_H
#define EPILOGUE_H

#define ACT_NONE 0
#define ACT_RELU 1
#define ACT_LEAKY 2        /* slope p below 0 */
#define ACT_CLIP 3         /* to p .. q */
#define ACT_SIGMOID 4
#define ACT_SILU 5
#define ACT_TANH 6
#define ACT_GELU 7
#define ACT_GELU_TANH 8
#define ACT_HARDSIGMOID 9  /* p x + q, clamped to 0 .. 1 */
#define ACT_HARDSWISH 10

static f32 finish(f32 x, u32 kind, f32 p, f32 q)
{
    f32 y = x;
    if (kind == ACT_RELU) y = max(x, 0);
    if (kind == ACT_LEAKY) y = max(x, 0) + p * min(x, 0);
    if (kind == ACT_CLIP) y = min(max(x, p), q);
    if (kind == ACT_SIGMOID) y = sigmoid(x);
    if (kind == ACT_SILU) y = x * sigmoid(x);
    if (kind == ACT_TANH) y = tanh(x);
    if (kind == ACT_GELU) y = gelu(x);
    if (kind == ACT_GELU_TANH) y = x * sigmoid((f32)1.5957691216057308 * (x + (f32)0.044715 * x * x * x));
    if (kind == ACT_HARDSIGMOID) y = min(max(p * x + q, 0), 1);
    if (kind == ACT_HARDSWISH) y = x * min(max(x * (1.0f / 6) + 0.5f, 0), 1);
    return y;
}

/* The dear activations, apart, so that what remains is small enough to be inlined into the loops over a finished block. */
static f32w finishw_rest(f32w x, u32 kind, f32 p, f32 q)
{
    f32w y = x;
    f32w zero = splatw(0);
    if (kind == ACT_LEAKY) y = max(x, zero) + p * min(x, zero);
    if (kind == ACT_SIGMOID) y = sigmoid(x);
    if (kind == ACT_SILU) y = x * sigmoid(x);
    if (kind == ACT_TANH) y = tanh(x);
    if (kind == ACT_GELU) y = gelu(x);
    if (kind == ACT_GELU_TANH) y = x * sigmoid((f32)1.5957691216057308 * (x + (f32)0.044715 * x * x * x));
    if (kind == ACT_HARDSIGMOID) y = min(max(p * x + q, zero), splatw(1));
    if (kind == ACT_HARDSWISH) y = x * min(max(x * (1.0f / 6) + 0.5f, zero), splatw(1));
    return y;
}

static f32w finishw(f32w x, u32 kind, f32 p, f32 q)
{
    f32w y = x;
    if (kind == ACT_RELU) {
        y = max(x, splatw(0));
    } else if (kind == ACT_CLIP) {
        y = min(max(x, splatw(p)), splatw(q));
    } else if (kind != ACT_NONE) {
        y = finishw_rest(x, kind, p, q);
    }
    return y;
}

#endif

/* What the forms of a recurrent layer share: kinds, activations. */
#define KIND_RNN 0
#define KIND_GRU 1
#define KIND_LSTM 2

#define ACT_SIGMOID 0
#define ACT_TANH 1
#define ACT_RELU 2
#define ACT_AFFINE 3
#define ACT_LEAKY 4
#define ACT_THRESHOLDED 5
#define ACT_SCALED_TANH 6
#define ACT_HARDSIGMOID 7
#define ACT_ELU 8
#define ACT_SOFTSIGN 9
#define ACT_SOFTPLUS 10

static f32 activate(f32 x, u32 which, f32 a, f32 b)
{
    f32 y = sigmoid(x);
    if (which == ACT_TANH) y = tanh(x);
    if (which == ACT_RELU) y = max(x, 0);
    if (which == ACT_AFFINE) y = a * x + b;
    if (which == ACT_LEAKY) y = x < 0 ? a * x : x;
    if (which == ACT_THRESHOLDED) y = x > a ? x : 0;
    if (which == ACT_SCALED_TANH) y = a * tanh(b * x);
    if (which == ACT_HARDSIGMOID) y = min(max(a * x + b, 0), 1);
    if (which == ACT_ELU) y = x < 0 ? a * (exp(x) - 1) : x;
    if (which == ACT_SOFTSIGN) y = x / (1 + fabs(x));
    if (which == ACT_SOFTPLUS) y = log1p(exp(-fabs(x))) + max(x, 0);
    return y;
}

static f32 clipped(f32 x, f32 clip) { return clip > 0 ? min(max(x, -clip), clip) : x; }

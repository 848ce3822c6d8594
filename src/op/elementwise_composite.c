/* Elementwise ops that are other elementwise ops put together: sums of many, casts to another's type, the Gelu family. */
#include "op/op_util.h"

/* ------------------------------------------------------------------ Sum, Mean */
static qn_status infer_many(infer *c)
{
    type out = *infer_in(c, 0);
    for (u32 i = 1; i < c->n->n_in; i++) {
        type wide = out;
        QN_TRY(infer_broadcast(c, &out, infer_in(c, i), &wide));
        wide.dtype = out.dtype;
        out = wide;
    }
    return infer_out(c, 0, &out);
}

static val sum_of_all(build *b, const node *n)
{
    val sum = build_in(b, 0);
    for (u32 i = 1; i < n->n_in; i++) sum = build_op2(b, OP_Add, sum, build_in(b, i));
    return sum;
}

static qn_status expand_sum(build *b, const node *n)
{
    val y = sum_of_all(b, n);
    return build_done(b, &y, 1);
}

static qn_status expand_mean(build *b, const node *n)
{
    val y = sum_of_all(b, n);
    y = build_op2(b, OP_Div, y, build_scalar(b, build_type(b, y)->dtype, n->n_in));
    return build_done(b, &y, 1);
}

static const op_case many_cases[] = {
    { "f32[3,4] f32[4] f32[3,1]", "", 1e-6, "three, broadcasting" },
    { "f32[5]", "", 0, "one" },
    { "f32[5] f32[5]", "", 1e-6, "two" },
    { "f16[5] f16[1]", "", 2e-3, "half" },
    { 0 },
};
const op_def op_Sum = {
    .name = "Sum",
    .doc = DOC("the sum of the operands"),
    .in = { { "x", "many float" } },
    .out = { { "sum", "as x" } },
    .min_in = 1,
    .infer = infer_many,
    .expand = expand_sum,
    .cases = CASES(many_cases),
};
const op_def op_Mean = {
    .name = "Mean",
    .doc = DOC("the mean of the operands"),
    .in = { { "x", "many float" } },
    .out = { { "mean", "as x" } },
    .min_in = 1,
    .infer = infer_many,
    .expand = expand_mean,
    .cases = CASES(many_cases),
};

/* ------------------------------------------------------------------ CastLike */
static qn_status infer_cast_like(infer *c)
{
    type out = type_with(infer_in(c, 0), infer_in(c, 1)->dtype);
    return infer_out(c, 0, &out);
}

static qn_status expand_cast_like(build *b, const node *n)
{
    const char *mode = attr_text(b->g, n, "round_mode", "up");
    attr how[3] = { attr_of_int("to", dtype_to_onnx(build_type(b, build_in(b, 1))->dtype)),
                    attr_of_int("saturate", attr_int(n, "saturate", 1)), attr_of_text("round_mode", mode) };
    val x = build_in(b, 0), y = build_node(b, OP_Cast, &x, 1, how, 3);
    return build_done(b, &y, 1);
}

static const op_case cast_like_cases[] = { { "f32[3,4] f16[1]", "", 1e-3, "to half" },
                                           { "f32[9]=-99..99 i32[]", "", 0, "to i32" },
                                           { 0 } };
const op_def op_CastLike = {
    .name = "CastLike",
    .doc = DOC("the first operand in the type of the second"),
    .in = { { "input", "value|narrow" }, { "target_type", "value|narrow" } },
    .out = { { "output", "as target_type" } },
    .attrs = { INT("saturate", 1), TEXT("round_mode", "up") },
    .infer = infer_cast_like,
    .expand = expand_cast_like,
    .cases = CASES(cast_like_cases),
};

/* ------------------------------------------------------------------ the Gelu family */
static qn_status expand_gelu(build *b, const node *n)
{
    bool tanh_form = text_same(attr_text(b->g, n, "approximate", "none"), "tanh");
    val y = build_op1(b, tanh_form ? OP_GeluTanh : OP_GeluErf, build_in(b, 0));
    return build_done(b, &y, 1);
}

static const op_case gelu_cases[] = {
    { "f32[3,1000]", "", 1e-6, "the common case" },
    { "f32[99]=-30..30", "approximate=\"tanh\"", 1e-6, "large magnitudes" },
    { "f16[9]", "", 2e-3, "half" },
    { 0 },
};
const op_def op_Gelu = {
    .name = "Gelu",
    .doc = DOC("x times the normal distribution's P(z <= x), or its tanh approximation"),
    .in = { { "x", "float" } },
    .out = { { "y", "as x" } },
    .attrs = { TEXT("approximate", "none") },
    .infer = infer_like_first_input,
    .expand = expand_gelu,
    .cases = CASES(gelu_cases),
};

static const op_case one_float_cases[] = { { "f32[3,100]", "", 1e-6, "the common case" },
                                           { "f16[9]", "", 2e-3, "half" },
                                           { 0 } };
const op_def op_MsGelu = {
    .name = "Gelu",
    .domain = "com.microsoft",
    .doc = DOC("ai.onnx's Gelu without approximation"),
    .in = { { "x", "float" } },
    .out = { { "y", "as x" } },
    .infer = infer_like_first_input,
    .expand = expand_gelu,
    .cases = CASES(one_float_cases),
};

static qn_status expand_fast_gelu(build *b, const node *n)
{
    (void)n;
    val y = build_op1(b, OP_GeluTanh, build_op2(b, OP_Add, build_in(b, 0), build_in(b, 1)));
    return build_done(b, &y, 1);
}

static const op_case fast_gelu_cases[] = { { "f32[3,100] f32[100]", "", 1e-6, "with a bias" },
                                           { "f32[9]", "", 1e-6, "without" },
                                           { 0 } };
const op_def op_FastGelu = {
    .name = "FastGelu",
    .domain = "com.microsoft",
    .doc = DOC("Gelu's tanh approximation of x + bias"),
    .in = { { "x", "float" }, { "bias", "optional as x" } },
    .out = { { "y", "as x" } },
    .infer = infer_like_first_of_two,
    .expand = expand_fast_gelu,
    .cases = CASES(fast_gelu_cases),
};

static qn_status expand_bias_gelu(build *b, const node *n)
{
    (void)n;
    val y = build_op1(b, OP_GeluErf, build_op2(b, OP_Add, build_in(b, 0), build_in(b, 1)));
    return build_done(b, &y, 1);
}

static const op_case bias_gelu_cases[] = { { "f32[3,100] f32[100]", "", 1e-6, "the common case" }, { 0 } };
const op_def op_BiasGelu = {
    .name = "BiasGelu",
    .domain = "com.microsoft",
    .doc = DOC("Gelu of x + bias"),
    .in = { { "x", "float" }, { "bias", "as x" } },
    .out = { { "y", "as x" } },
    .infer = infer_like_first_of_two,
    .expand = expand_bias_gelu,
    .cases = CASES(bias_gelu_cases),
};

static qn_status expand_quick_gelu(build *b, const node *n)
{
    attr alpha = attr_of_float("alpha", attr_float(n, "alpha", 1.702));
    val x = build_in(b, 0), y = build_node(b, OP_Swish, &x, 1, &alpha, 1);
    return build_done(b, &y, 1);
}

const op_def op_QuickGelu = {
    .name = "QuickGelu",
    .domain = "com.microsoft",
    .doc = DOC("x Sigmoid(alpha x)"),
    .in = { { "x", "float" } },
    .out = { { "y", "as x" } },
    .attrs = { FLOAT("alpha", 1.702) },
    .infer = infer_like_first_input,
    .expand = expand_quick_gelu,
    .cases = CASES(one_float_cases),
};

/* ------------------------------------------------------------------ SwiGLU */
static qn_status expand_swiglu(build *b, const node *n)
{
    attr alpha = attr_of_float("alpha", attr_float(n, "alpha", 1));
    val gate = build_in(b, 0), y = build_op2(b, OP_Mul, build_node(b, OP_Swish, &gate, 1, &alpha, 1), build_in(b, 1));
    return build_done(b, &y, 1);
}

static const op_case swiglu_cases[] = { { "f32[3,100] f32[3,100]", "alpha=1.5", 1e-6, "the common case" }, { 0 } };
const op_def op_SwiGLU = {
    .name = "SwiGLU",
    .doc = DOC("Swish(A) B"),
    .in = { { "A", "float" }, { "B", "as A" } },
    .out = { { "Y", "as A" } },
    .attrs = { FLOAT("alpha", 1) },
    .infer = infer_like_first_of_two,
    .expand = expand_swiglu,
    .cases = CASES(swiglu_cases),
};

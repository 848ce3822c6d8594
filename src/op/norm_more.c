/* Normalizations that are put together from others: BatchNormalization, LpNormalization, MeanVarianceNormalization, LRN, and the
 * fused forms of transformer exporters (com.microsoft). */
#include "op/gradient.h"
#include "op/norm.h"
#include "op/op_util.h"
#include "op/reduce.h"
#include "plan/lower.h"

/* ------------------------------------------------------------------ BatchNormalization */
static qn_status infer_batch(infer *c)
{
    const type x = *infer_in(c, 0);
    QN_TRY(infer_out(c, 0, &x));
    for (u32 i = 1; i < 5; i++) {
        const type *t = infer_in(c, i);
        if (t->rank != 1 || (x.rank > 1 && infer_differ(c->g, t->dims[0], x.dims[1])))
            return infer_fail(c, QN_E_SHAPE, "%s must have one element for each channel", op_of(c->n)->in[i].name);
    }
    QN_TRY(infer_out(c, 1, infer_in(c, 3)));
    return infer_out(c, 2, infer_in(c, 4));
}

/* x * by + (bias - mean * by), by = scale / sqrt(var + epsilon): two operations on x, the rest is one vector. */
static val apply_batch(build *b, val mean, val var, f64 epsilon)
{
    const type t = *build_type(b, build_in(b, 0));
    qn_dtype wide = dtype_computing(t.dtype);
    val scale = build_cast(b, build_in(b, 1), wide), bias = build_cast(b, build_in(b, 2), wide);
    val by = build_op2(b, OP_Mul, scale, norm_inverse(b, build_cast(b, var, wide), epsilon));
    val shift = build_op2(b, OP_Sub, bias, build_op2(b, OP_Mul, build_cast(b, mean, wide), by));
    if (t.rank > 1) by = norm_per_channel(b, by, t.rank), shift = norm_per_channel(b, shift, t.rank);
    val y = build_op2(b, OP_Add, build_op2(b, OP_Mul, build_cast(b, build_in(b, 0), wide), by), shift);
    return build_cast(b, y, t.dtype);
}

static val running(build *b, val old, val now, f64 momentum)
{
    qn_dtype d = build_type(b, old)->dtype;
    val kept = build_op2(b, OP_Mul, old, build_scalar(b, d, momentum));
    return build_op2(b, OP_Add, kept, build_op2(b, OP_Mul, build_cast(b, now, d), build_scalar(b, d, 1 - momentum)));
}

static qn_status expand_batch(build *b, const node *n)
{
    f64 epsilon = attr_float(n, "epsilon", 1e-5), momentum = attr_float(n, "momentum", 0.9);
    val mean = build_in(b, 3), var = build_in(b, 4);
    if (!attr_int(n, "training_mode", 0)) {
        val y = apply_batch(b, mean, var, epsilon);
        return build_done(b, (const val[]){ y, mean, var }, 3);
    }
    const type t = *build_type(b, build_in(b, 0));
    val x = build_cast(b, build_in(b, 0), dtype_computing(t.dtype));
    normalized r = norm_centred(b, x, ((1u << t.rank) - 1) & ~2u, epsilon);
    val scale = build_cast(b, build_in(b, 1), build_type(b, x)->dtype),
        bias = build_cast(b, build_in(b, 2), build_type(b, x)->dtype);
    if (t.rank > 1) scale = norm_per_channel(b, scale, t.rank), bias = norm_per_channel(b, bias, t.rank);
    val y = build_op2(b, OP_Add, build_op2(b, OP_Mul, r.y, scale), bias);
    sym dim = build_type(b, mean)->dims[0];
    val m = build_reshape(b, r.mean, &dim, 1), v = build_reshape(b, r.variance, &dim, 1);
    return build_done(
        b, (const val[]){ build_cast(b, y, t.dtype), running(b, mean, m, momentum), running(b, var, v, momentum) }, 3);
}

/* clang-format off */
static const op_case batch_cases[] = {
    { "f32[2,3,4,5] f32[3] f32[3] f32[3] f32[3]=0.5..2", "",                1e-5, "the common case"     },
    { "f32[2,3] f32[3] f32[3] f32[3] f32[3]=0.5..2",     "epsilon=0.01",    1e-5, "no space"            },
    { "f32[2,3,4,5] f32[3] f32[3] f32[3] f32[3]=0.5..2", "training_mode=1", 1e-5, "of this batch"       },
    { "f32[2,3,40]=9995..10005 f32[3] f32[3] f32[3] f32[3]=0.5..2", "training_mode=1", 1e-6, "of this batch, large mean" },
    { "f16[2,3,4] f16[3] f16[3] f16[3] f16[3]=0.5..2",   "",                3e-3, "half"                }, { 0 }
};
/* clang-format on */
const op_def op_BatchNormalization = {
    .name = "BatchNormalization",
    .doc = DOC(
        "x shifted by a mean and divided by a deviation for each channel, then scaled and shifted; training_mode=1 takes "
        "them from x"),
    .in = { { "X", "float" }, { "scale", "float" }, { "B", "float" }, { "input_mean", "float" }, { "input_var", "float" } },
    .out = { { "Y", "as X" }, { "running_mean", "as input_mean" }, { "running_var", "as input_var" } },
    .attrs = { FLOAT("epsilon", 1e-5), FLOAT("momentum", 0.9), INT("training_mode", 0) },
    .infer = infer_batch,
    .expand = expand_batch,
    .cases = CASES(batch_cases),
};

/* ------------------------------------------------------------------ LpNormalization, MeanVarianceNormalization */
static qn_status infer_lp(infer *c)
{
    u32 axis;
    i64 p = infer_int(c, "p");
    if (p != 1 && p != 2) return infer_fail(c, QN_E_UNSUPPORTED, "p=%lld is neither 1 nor 2", (long long)p);
    QN_TRY(infer_axis(c, infer_int(c, "axis"), infer_in(c, 0)->rank, &axis));
    return infer_like_first_input(c);
}

static qn_status expand_lp(build *b, const node *n)
{
    val x = build_in(b, 0);
    const type t = *build_type(b, x);
    u32 bits = 1u << axis_of(n, "axis", -1, t.rank);
    val norm = build_reduce(b, attr_int(n, "p", 2) == 1 ? OP_ReduceL1 : OP_ReduceL2, x, bits),
        zero = build_scalar(b, t.dtype, 0);
    norm = build_node(b, OP_Where, (const val[]){ build_op2(b, OP_Equal, norm, zero), build_scalar(b, t.dtype, 1), norm }, 3,
                      NULL, 0);
    val y = build_op2(b, OP_Div, x, norm);
    return build_done(b, &y, 1);
}

static const op_case lp_cases[] = { { "f32[3,40]", "", 1e-6, "Euclid" },
                                    { "f32[3,4,5]", "p=1, axis=1", 1e-6, "sum of sizes" },
                                    { 0 } };
const op_def op_LpNormalization = {
    .name = "LpNormalization",
    .doc = DOC("x divided by its p-norm along `axis`; a row of zeros stays"),
    .in = { { "input", "float" } },
    .out = { { "output", "as input" } },
    .attrs = { INT("axis", -1), INT("p", 2) },
    .infer = infer_lp,
    .expand = expand_lp,
    .cases = CASES(lp_cases),
};

static qn_status infer_mvn(infer *c)
{
    u32 bits;
    bool has;
    QN_TRY(infer_axes(c, "axes", 1, infer_in(c, 0)->rank, &bits, &has));
    return infer_like_first_input(c);
}

static qn_status expand_mvn(build *b, const node *n)
{
    const type t = *build_type(b, build_in(b, 0));
    qn_dtype computing = dtype_computing(t.dtype); /* squares of f16 would overflow */
    val x = build_cast(b, build_in(b, 0), computing);
    bool has;
    u32 bits = node_axes(b->g, n, "axes", 1, t.rank, &has);
    if (!has) bits = 0xd & ((1u << t.rank) - 1); /* axes 0, 2, 3 */
    val mean, d = norm_without_mean(b, x, bits, &mean);
    val deviation = build_op1(b, OP_Sqrt, build_reduce(b, OP_ReduceMean, build_op2(b, OP_Mul, d, d), bits));
    val y = build_op2(b, OP_Div, d, build_op2(b, OP_Add, deviation, build_scalar(b, computing, 1e-9)));
    y = build_cast(b, y, t.dtype);
    return build_done(b, &y, 1);
}

static const op_case mvn_cases[] = { { "f32[3,3,4,5]", "", 1e-5, "the common case" },
                                     { "f32[3,9]", "axes=[1]", 1e-5, "rows" },
                                     { "f32[3,90]=9995..10005", "axes=[1]", 1e-6, "large mean" },
                                     { "f16[3,90]=-2000..2000", "axes=[1]", 2e-3, "half, far from its mean" },
                                     { 0 } };
const op_def op_MeanVarianceNormalization = {
    .name = "MeanVarianceNormalization",
    .doc = DOC("(x - mean) / deviation over `axes` ([0,2,3] when absent)"),
    .in = { { "X", "float" } },
    .out = { { "Y", "as X" } },
    .attrs = { INTS("axes") },
    .infer = infer_mvn,
    .expand = expand_mvn,
    .cases = CASES(mvn_cases),
};

/* ------------------------------------------------------------------ LRN */
static qn_status infer_lrn(infer *c)
{
    if (infer_in(c, 0)->rank < 2)
        return infer_fail(c, QN_E_SHAPE, "the input has rank %u, at least 2 are wanted", infer_in(c, 0)->rank);
    if (infer_int(c, "size") < 1)
        return infer_fail(c, QN_E_SHAPE, "size is %lld, at least 1 is wanted", (long long)infer_int(c, "size"));
    return infer_like_first_input(c);
}

static qn_status emit_lrn(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0);
    const type *t = lower_type(l, x);
    i64 size = lower_int(l, n, "size");
    launch *k = launch_begin(l, "lrn.c", "lrn_map");
    launch_define(k, "T", dtype_word(t->dtype));
    launch_in(k, x);
    launch_out(k, lower_out(l, n, 0));
    launch_float(k, lower_float(l, n, "alpha") / (f64)size);
    launch_float(k, lower_float(l, n, "beta"));
    launch_float(k, lower_float(l, n, "bias"));
    launch_size(k, t->dims[1]);
    launch_size(k, lower_product(l, x, 2, t->rank));
    launch_number(k, (size - 1) / 2);
    launch_number(k, size / 2);
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

static const variant lrn_variants[] = { { "lrn_map", 0, NULL, emit_lrn }, { 0 } };
static const op_case lrn_cases[] = {
    { "f32[2,7,4,5]", "size=3, alpha=0.01, beta=0.5, bias=2.0", 1e-5, "the common case" },
    { "f32[1,5,3]", "size=4", 1e-5, "an even window" },
    { "f16[1,5,3]", "size=5", 2e-3, "half" },
    { 0 },
};
const op_def op_LRN = {
    .name = "LRN",
    .doc = DOC("x / (bias + alpha / size * sum of squares over `size` neighbouring channels) ^ beta"),
    .in = { { "X", "float" } },
    .out = { { "Y", "as X" } },
    .attrs = { FLOAT("alpha", 9.999999747378752e-05), FLOAT("beta", 0.75), FLOAT("bias", 1), NEEDED("size", ATTR_INT) },
    .infer = infer_lrn,
    .gradient = GRADIENT(gradient_lrn),
    .variants = lrn_variants,
    .cases = CASES(lrn_cases),
};

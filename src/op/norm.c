/* LayerNormalization, RMSNormalization, InstanceNormalization, GroupNormalization: composites with fused kernels over rows.
 *
 * Each takes mean and deviation of a row (mean square for RMS), which is what lies behind `axis`, or a channel, or a group of channels.
 * Narrow floats are computed in f32 throughout. What is put together from these is in norm_more.c. */
#include "op/norm.h"
#include "op/op_util.h"
#include "op/reduce.h"
#include "plan/lower.h"

/* ------------------------------------------------------------------ meaning */
val norm_inverse(build *b, val mean_square, f64 epsilon)
{
    val e = build_scalar(b, build_type(b, mean_square)->dtype, epsilon);
    return build_op1(b, OP_Reciprocal, build_op1(b, OP_Sqrt, build_op2(b, OP_Add, mean_square, e)));
}

/* The mean that was rounded leaves a mean behind, which goes too: that of a large mean is not small. */
val norm_without_mean(build *b, val x, u32 bits, val *mean)
{
    val m = build_reduce(b, OP_ReduceMean, x, bits), d = build_op2(b, OP_Sub, x, m);
    val rest = build_reduce(b, OP_ReduceMean, d, bits);
    *mean = build_op2(b, OP_Add, m, rest);
    return build_op2(b, OP_Sub, d, rest);
}

normalized norm_centred(build *b, val x, u32 bits, f64 epsilon)
{
    normalized r;
    r.centred = norm_without_mean(b, x, bits, &r.mean);
    r.variance = build_reduce(b, OP_ReduceMean, build_op2(b, OP_Mul, r.centred, r.centred), bits);
    r.inverse = norm_inverse(b, r.variance, epsilon);
    r.y = build_op2(b, OP_Mul, r.centred, r.inverse);
    return r;
}

/* ------------------------------------------------------------------ LayerNormalization, RMSNormalization */
static qn_status infer_layer(infer *c)
{
    type x = *infer_in(c, 0);
    u32 axis;
    QN_TRY(infer_axis(c, infer_int(c, "axis"), x.rank, &axis));
    for (u32 i = 1; i < 3; i++) {
        if (infer_has(c, i)) QN_TRY(infer_broadcast_to(c, i, infer_in(c, i), &x));
    }
    type row = type_with(&x, node_dtype(c->n, "stash_type", QN_F32));
    for (u32 d = axis; d < x.rank; d++) row.dims[d] = sym_one(c->g);
    x.dtype = infer_in(c, 1)->dtype;
    QN_TRY(infer_out(c, 0, &x));
    QN_TRY(infer_out(c, 1, &row));
    return infer_out(c, 2, &row);
}

static qn_status expand_layer(build *b, const node *n)
{
    val x = build_in(b, 0);
    const type t = *build_type(b, x);
    u32 axis = axis_of(n, "axis", -1, t.rank), bits = ((1u << t.rank) - 1) & ~((1u << axis) - 1);
    f64 epsilon = attr_float(n, "epsilon", 1e-5);
    qn_dtype wide = dtype_computing(t.dtype), to = build_type(b, n->out[0])->dtype;
    x = build_cast(b, x, wide);
    normalized r = { 0 };
    if (n->op == OP_LayerNormalization) r = norm_centred(b, x, bits, epsilon);
    else {
        r.inverse = norm_inverse(b, build_reduce(b, OP_ReduceMean, build_op2(b, OP_Mul, x, x), bits), epsilon);
        r.y = build_op2(b, OP_Mul, x, r.inverse);
    }
    val y = to == t.dtype ? r.y : build_cast(b, r.y, t.dtype);
    wide = dtype_computing(to);
    y = build_cast(b, y, wide);
    for (u32 i = 1; i < n->n_in; i++)
        if (build_in(b, i)) y = build_op2(b, i == 1 ? OP_Mul : OP_Add, y, build_cast(b, build_in(b, i), wide));
    y = build_cast(b, y, to);
    if (n->n_out == 1) return build_done(b, &y, 1);
    qn_dtype stash = node_dtype(n, "stash_type", QN_F32);
    return build_done(b, (const val[]){ y, build_cast(b, r.mean, stash), build_cast(b, r.inverse, stash) }, 3);
}

/* Scale and bias must have the type of x and exactly one element for each column, and what is kept of the rows the type it is computed in. */
static bool fits_layer(const lowering *cl, const node *n)
{
    lowering *l = (lowering *)cl;
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0);
    const type *t = lower_type(l, x);
    sym cols = lower_product(l, x, axis_of(n, "axis", -1, t->rank), t->rank);
    if (n->n_out > 1 && node_dtype(n, "stash_type", QN_F32) != dtype_computing(t->dtype)) return false;
    if (lower_type(l, lower_in(l, n, 1))->dtype != t->dtype) return false;
    for (u32 i = 1; i < n->n_in; i++)
        if (lower_in(l, n, i) && !sym_same(g, type_elems(g, lower_type(l, lower_in(l, n, i))), cols)) return false;
    return true;
}

static qn_status emit_layer(lowering *l, const node *n, const char *file, const char *entry)
{
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0), scale = lower_in(l, n, 1), bias = n->n_in > 2 ? lower_in(l, n, 2) : 0;
    const type t = *lower_type(l, x);
    u32 axis = axis_of(n, "axis", -1, t.rank);
    sym outer = lower_product(l, x, 0, axis), cols = lower_product(l, x, axis, t.rank);
    qn_dtype wide = dtype_computing(t.dtype);
    val mean = n->n_out > 1 ? lower_out(l, n, 1) : 0, inverse = n->n_out > 2 ? lower_out(l, n, 2) : 0;
    launch *k = launch_begin(l, file, entry);
    launch_define(k, "T", dtype_word(t.dtype));
    launch_in(k, x);
    launch_in(k, scale ? scale : x);
    launch_in(k, bias ? bias : x);
    launch_out(k, lower_out(l, n, 0));
    launch_out(k, mean ? mean : lower_scratch(l, wide, outer));
    launch_out(k, inverse ? inverse : lower_scratch(l, wide, outer));
    launch_const(k, "centred", n->op == OP_LayerNormalization);
    launch_const(k, "has_scale", scale != 0);
    launch_const(k, "has_bias", bias != 0);
    launch_float(k, lower_float(l, n, "epsilon"));
    launch_size(k, cols);
    (void)g;
    return launch_groups(k, outer);
}

static qn_status emit_layer_lanes(lowering *l, const node *n) { return emit_layer(l, n, "norm_lanes.c", "norm_rows"); }
static qn_status emit_layer_group(lowering *l, const node *n) { return emit_layer(l, n, "norm_group.c", "norm_rows_group"); }

static const variant layer_variants[] = {
    { "norm_rows", NEED_LANES, fits_layer, emit_layer_lanes },
    { "norm_rows_group", NEED_GROUP, fits_layer, emit_layer_group },
    { 0 },
};

/* clang-format off */
static const op_case layer_cases[] = {
    { "f32[2,8] f32[8] f32[8]",          "",             1e-5, "the common case"                }, { "f32[2,3,4] f32[3,4] f32[3,4]", "axis=1", 1e-5, "two axes" },
    { "f32[3,768] f32[768]",             "",             1e-5, "no bias"                        }, { "f32[3,1000]=9995..10005 f32[1000]", "", 1e-6, "large mean: cancellation" },
    { "f32[2,1] f32[1] f32[1]",          "",             1e-5, "one column: y is the bias"      }, { "f32[2,3,4]=9995..10005 f32[1,4] f32[4]", "axis=1", 1e-6, "scale broadcasts, large mean" },
    { "f16[3,64] f16[64] f16[64]",       "",             2e-3, "half"                           }, { "f64[3,64] f64[64] f64[64]", "", 1e-11, "double"           },
    { "f64[3,64] f64[64]", "n_out=3", 1e-6, "double, what is kept of a row is single" },
    { "f16[3,64] f16[64]", "stash_type=16, n_out=3", 8e-3, "half, what is kept of a row is bf16" }, { 0 }
};
static const op_case rms_cases[] = {
    { "f32[2,8] f32[8]",                 "",             1e-5, "the common case"                }, { "f32[2,3,4] f32[3,4]",   "axis=1", 1e-5, "two axes"        },
    { "f16[3,64] f16[64]",               "",             2e-3, "half"                           }, { "f16[3,64] f32[64]", "", 1e-3, "a scale of another type" },
    { "f32[3,64] bf16[64]",              "",             8e-3, "a narrower scale"               }, { 0 }
};
/* clang-format on */
const op_def op_LayerNormalization = {
    .name = "LayerNormalization",
    .doc = DOC("(x - mean) / sqrt(variance + epsilon) * scale + bias, over `axis` and all after it"),
    .in = { { "X", "float" }, { "Scale", "as X" }, { "B", "optional as X" } },
    .out = { { "Y", "as X" }, { "Mean", "float" }, { "InvStdDev", "float" } },
    .attrs = { INT("axis", -1), FLOAT("epsilon", 1e-5), DTYPE("stash_type", 1, "float") },
    .infer = infer_layer,
    .expand = expand_layer,
    .variants = layer_variants,
    .cases = CASES(layer_cases),
};
const op_def op_RMSNormalization = {
    .name = "RMSNormalization",
    .doc = DOC("x / sqrt(mean of x^2 + epsilon) * scale, over `axis` and all after it"),
    .in = { { "X", "float" }, { "scale", "float" } },
    .out = { { "Y", "as scale" } },
    .attrs = { INT("axis", -1), FLOAT("epsilon", 1e-5), DTYPE("stash_type", 1, "float") },
    .infer = infer_layer,
    .expand = expand_layer,
    .variants = layer_variants,
    .cases = CASES(rms_cases),
};

/* ------------------------------------------------------------------ InstanceNormalization, GroupNormalization */
static qn_status infer_channels(infer *c)
{
    const type x = *infer_in(c, 0);
    if (x.rank < 2) return infer_fail(c, QN_E_SHAPE, "the input has rank %u, at least 2 are wanted", x.rank);
    for (u32 i = 1; i < 3; i++) {
        const type *t = infer_in(c, i);
        if (t->rank != 1 || infer_differ(c->g, t->dims[0], x.dims[1]))
            return infer_fail(c, QN_E_SHAPE, "%s must have one element for each channel", op_of(c->n)->in[i].name);
    }
    i64 groups = attr_int(c->n, "num_groups", 1), channels;
    if (groups <= 0 || (sym_is_number(c->g, x.dims[1], &channels) && channels % groups != 0))
        return infer_fail(c, QN_E_SHAPE, "num_groups=%lld does not divide the channels", (long long)groups);
    sym of = sym_number(c->g, groups), rest = sym_mod(c->g, x.dims[1], of);
    infer_need(c->g, sym_compare(c->g, '=', rest, sym_zero(c->g)), "# channels do not divide into # groups", x.dims[1], of);
    return infer_out(c, 0, &x);
}

static sym groups_of(graph *g, const node *n, const type *x)
{
    return n->op == OP_InstanceNormalization ? x->dims[1] : sym_number(g, attr_int(n, "num_groups", 1));
}

val norm_per_channel(build *b, val v, u32 rank)
{
    sym dims[QN_MAX_RANK];
    const type t = *build_type(b, v);
    for (u32 d = 1; d < rank; d++) dims[d - 1] = d == 1 ? t.dims[0] : sym_one(b->g);
    return build_reshape(b, v, dims, rank - 1);
}

/* x as [N][groups][the rest], normalized over the rest. */
static qn_status expand_channels(build *b, const node *n)
{
    graph *g = b->g;
    const type t = *build_type(b, build_in(b, 0));
    qn_dtype wide = dtype_computing(t.dtype);
    val x = build_cast(b, build_in(b, 0), wide);
    sym groups = groups_of(g, n, &t);
    sym dims[3] = { t.dims[0], groups, sym_div(g, sym_span(g, &t, 1, t.rank), groups) };
    normalized r = norm_centred(b, build_reshape(b, x, dims, 3), 4, attr_float(n, "epsilon", 1e-5));
    val y = build_reshape(b, r.y, t.dims, t.rank);
    y = build_op2(b, OP_Mul, y, build_cast(b, norm_per_channel(b, build_in(b, 1), t.rank), wide));
    y = build_op2(b, OP_Add, y, build_cast(b, norm_per_channel(b, build_in(b, 2), t.rank), wide));
    y = build_cast(b, y, t.dtype);
    return build_done(b, &y, 1);
}

static qn_status emit_channels(lowering *l, const node *n, const char *file, const char *entry)
{
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0);
    const type t = *lower_type(l, x);
    sym groups = groups_of(g, n, &t);
    launch *k = launch_begin(l, file, entry);
    launch_define(k, "T", dtype_word(t.dtype));
    for (u32 i = 0; i < 3; i++) launch_in(k, lower_in(l, n, i));
    launch_out(k, lower_out(l, n, 0));
    launch_float(k, lower_float(l, n, "epsilon"));
    launch_size(k, groups);
    launch_size(k, sym_div(g, t.dims[1], groups));
    launch_size(k, lower_product(l, x, 2, t.rank));
    return launch_groups(k, sym_mul(g, t.dims[0], groups));
}

static qn_status emit_channels_lanes(lowering *l, const node *n)
{
    return emit_channels(l, n, "norm_lanes.c", "norm_channels");
}
static qn_status emit_channels_group(lowering *l, const node *n)
{
    return emit_channels(l, n, "norm_group.c", "norm_channels_group");
}

static const variant channel_variants[] = {
    { "norm_channels", NEED_LANES, NULL, emit_channels_lanes },
    { "norm_channels_group", NEED_GROUP, NULL, emit_channels_group },
    { 0 },
};

/* clang-format off */
static const op_case instance_cases[] = {
    { "f32[2,3,9,10] f32[3] f32[3]", "",              1e-5, "the common case" }, { "f32[1,2,3] f32[2] f32[2]", "epsilon=0.01", 1e-5, "one dimension" },
    { "f16[2,3,40] f16[3] f16[3]",   "",              3e-3, "half"            }, { "f32[1,2,300]=9995..10005 f32[2] f32[2]", "", 1e-6, "large mean" }, { 0 }
};
static const op_case group_cases[] = {
    { "f32[2,6,5,5] f32[6] f32[6]",  "num_groups=3",  1e-5, "the common case" }, { "f32[2,4,9] f32[4] f32[4]", "num_groups=1", 1e-5, "one group" },
    { "f16[2,4,9] f16[4] f16[4]",    "num_groups=4",  3e-3, "as instances"    }, { "f32[2,4,90]=9995..10005 f32[4] f32[4]", "num_groups=2", 1e-6, "large mean" }, { 0 }
};
/* clang-format on */
const op_def op_InstanceNormalization = {
    .name = "InstanceNormalization",
    .doc = DOC("each channel of each image brought to mean 0 and variance 1, then scaled and shifted"),
    .in = { { "input", "float" }, { "scale", "as input" }, { "B", "as input" } },
    .out = { { "output", "as input" } },
    .attrs = { FLOAT("epsilon", 1e-5) },
    .infer = infer_channels,
    .expand = expand_channels,
    .variants = channel_variants,
    .cases = CASES(instance_cases),
};
const op_def op_GroupNormalization = {
    .name = "GroupNormalization",
    .doc =
        DOC("each of `num_groups` groups of channels brought to mean 0 and variance 1, then scaled and shifted by channel"),
    .in = { { "X", "float" }, { "scale", "as X" }, { "bias", "as X" } },
    .out = { { "Y", "as X" } },
    .attrs = { FLOAT("epsilon", 1e-5), NEEDED("num_groups", ATTR_INT), DTYPE("stash_type", 1, "float") },
    .infer = infer_channels,
    .expand = expand_channels,
    .variants = channel_variants,
    .cases = CASES(group_cases),
};

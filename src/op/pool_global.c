/* Pools over whole planes: reductions over all dimensions behind batch and channels. */
#include "op/op.h"

static qn_status global_infer(infer *c)
{
    type y = *infer_in(c, 0);
    if (y.rank < 2) return infer_fail(c, QN_E_SHAPE, "the input must have a batch and channels in front");
    for (u32 d = 2; d < y.rank; d++) y.dims[d] = sym_number(c->g, 1);
    return infer_out(c, 0, &y);
}

static val over_planes(build *b, op_id op, val x)
{
    if (b->status || !x) return 0;
    i64 axes[QN_MAX_RANK];
    u32 rank = build_type(b, x)->rank, n = 0;
    for (u32 d = 2; d < rank; d++) axes[n++] = d;
    if (!n) return x;
    attr keep = attr_of_int("keepdims", 1);
    return build_node(b, op, (val[]){ x, build_ints(b, axes, n) }, 2, &keep, 1);
}

static qn_status global_mean_expand(build *b, const node *n)
{
    (void)n;
    val y = over_planes(b, OP_ReduceMean, build_in(b, 0));
    return build_done(b, &y, 1);
}

static qn_status global_max_expand(build *b, const node *n)
{
    (void)n;
    val y = over_planes(b, OP_ReduceMax, build_in(b, 0));
    return build_done(b, &y, 1);
}

static qn_status global_norm_expand(build *b, const node *n)
{
    i64 p = attr_int(n, "p", 2);
    val x = build_in(b, 0), y;
    if (p == 1 || p == 2) y = over_planes(b, p == 1 ? OP_ReduceL1 : OP_ReduceL2, x);
    else {
        qn_dtype d = build_type(b, x)->dtype;
        val powers = build_op2(b, OP_Pow, build_op1(b, OP_Abs, x), build_scalar(b, d, (f64)p));
        y = build_op2(b, OP_Pow, over_planes(b, OP_ReduceSum, powers), build_scalar(b, d, 1.0 / (f64)p));
    }
    return build_done(b, &y, 1);
}

static const op_case global_cases[] = {
    { "f32[2,3,9,8]", "", 1e-6, "planes" },
    { "f32[2,3,1,1]", "", 1e-6, "one pixel" },
    { "f32[2,3,7]", "", 1e-6, "rows" },
    { "f16[2,3,5,5]", "", 1e-3, "half precision" },
    { 0 },
};

const op_def op_GlobalAveragePool = {
    .name = "GlobalAveragePool",
    .doc = DOC("The mean of each plane"),
    .in = { { "x", "float" } },
    .out = { { "y", "as x" } },
    .infer = global_infer,
    .expand = global_mean_expand,
    .cases = CASES(global_cases),
};

const op_def op_GlobalMaxPool = {
    .name = "GlobalMaxPool",
    .doc = DOC("The largest element of each plane"),
    .in = { { "x", "float" } },
    .out = { { "y", "as x" } },
    .infer = global_infer,
    .expand = global_max_expand,
    .cases = CASES(global_cases),
};

static const op_case global_norm_cases[] = {
    { "f32[2,3,9,8]", "", 1e-6, "p = 2" },
    { "f32[2,3,9,8]", "p=1", 1e-6, "p = 1" },
    { "f32[2,3,9,8]", "p=3", 1e-6, "p = 3" },
    { 0 },
};

const op_def op_GlobalLpPool = {
    .name = "GlobalLpPool",
    .doc = DOC("The p-norm of each plane"),
    .in = { { "x", "float" } },
    .out = { { "y", "as x" } },
    .attrs = { INT("p", 2) },
    .infer = global_infer,
    .expand = global_norm_expand,
    .cases = CASES(global_norm_cases),
};

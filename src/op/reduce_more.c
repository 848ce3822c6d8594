/* What is like a reduction but folds otherwise: ReduceLogSumExp, a composite that cannot overflow; ArgMax and ArgMin, the place of what would be kept. */
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/reduce.h"
#include "plan/lower.h"

/* ------------------------------------------------------------------ LogSumExp */
/* log(sum(exp(x - top))) + top, where top is the maximum, or 0 when that is infinite. Integers: in f32, and what is behind the point is cut off. */
static qn_status expand_log_sum_exp(build *b, const node *n)
{
    val x = build_in(b, 0);
    const type ty = *build_type(b, n->out[0]);
    if (!dtype_is_float(ty.dtype)) x = build_cast(b, x, QN_F32);
    const type t = *build_type(b, x);
    u32 bits = reduce_axes(b->g, n, t.rank);
    val top = build_reduce(b, OP_ReduceMax, x, bits);
    top =
        build_node(b, OP_Where, (const val[]){ build_op1(b, OP_IsInf, top), build_scalar(b, t.dtype, 0), top }, 3, NULL, 0);
    val sum = build_reduce(b, OP_ReduceSum, build_op1(b, OP_Exp, build_op2(b, OP_Sub, x, top)), bits);
    val y = build_op2(b, OP_Add, build_op1(b, OP_Log, sum), top);
    if (ty.dtype != t.dtype) y = build_cast(b, y, ty.dtype);
    if (ty.rank != t.rank) y = build_reshape(b, y, ty.dims, ty.rank);
    return build_done(b, &y, 1);
}

static const op_case log_sum_exp_cases[] = {
    { "f32[3,4,5] i64[1]={1}", "", 1e-6, "in the middle" },
    { "f32[3,100]=500..600 i64[1]={1}", "keepdims=0", 1e-6, "would overflow" },
    { "f32[2,0] i64[1]={1}", "", 0, "empty: minus infinity" },
    { "i64[3,4]=-5..20 i64[1]={1}", "", 0, "integers" },
    { 0 },
};
const op_def op_ReduceLogSumExp = {
    .name = "ReduceLogSumExp",
    .doc = DOC("the logarithm of the sum of e^x over `axes`"),
    .in = { { "data", "number" }, { "axes", "optional i64" } },
    .out = { { "reduced", "as data" } },
    .attrs = { INTS("axes"), INT("keepdims", 1), INT("noop_with_empty_axes", 0) },
    .infer = reduce_infer,
    .gradient = GRADIENT(gradient_reduce),
    .expand = expand_log_sum_exp,
    .cases = CASES(log_sum_exp_cases),
};

/* ------------------------------------------------------------------ ArgMax, ArgMin */
static qn_status infer_arg(infer *c)
{
    const type *x = infer_in(c, 0);
    u32 axis;
    QN_TRY(infer_axis(c, infer_int(c, "axis"), x->rank, &axis));
    if (sym_is(c->g, x->dims[axis], 0))
        return infer_fail(c, QN_E_SHAPE, "dimension %u is empty: it has no largest or smallest element", axis);
    type out = reduce_type(c->g, x, 1u << axis, infer_int(c, "keepdims") != 0);
    out.dtype = QN_I64;
    return infer_out(c, 0, &out);
}

static qn_status emit_arg(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0);
    const type *t = lower_type(l, x);
    u32 axis = axis_of(n, "axis", 0, t->rank);
    launch *k = launch_begin(l, "arg_reduce.c", "arg_map");
    launch_define(k, "T", dtype_word(t->dtype));
    launch_define(k, "A", reduce_word(t->dtype));
    launch_in(k, x);
    launch_out(k, lower_out(l, n, 0));
    launch_const(k, "least", n->op == OP_ArgMin);
    launch_const(k, "last", lower_int(l, n, "select_last_index") != 0);
    launch_size(k, t->dims[axis]);
    launch_size(k, lower_product(l, x, axis + 1, t->rank));
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

static const variant arg_variants[] = { { "arg_map", 0, NULL, emit_arg }, { 0 } };
static const op_case arg_cases[] = {
    { "f32[3,100]", "axis=1", 0, "rows" },
    { "i32[4,5,6]=0..3", "axis=-2, keepdims=0", 0, "the first of equals" },
    { "u8[4,50]=0..3", "axis=1, select_last_index=1", 0, "the last of equals" },
    { "f16[7,3]", "", 0, "half" },
    { 0 },
};
#define ARG(name_, doc_)                                                                                                    \
    const op_def op_##name_ = { .name = #name_,                                                                             \
                                .doc = DOC(doc_),                                                                           \
                                .in = { { "data", "number" } },                                                             \
                                .out = { { "reduced", "i64" } },                                                            \
                                .attrs = { INT("axis", 0), INT("keepdims", 1), INT("select_last_index", 0) },               \
                                .infer = infer_arg,                                                                         \
                                .variants = arg_variants,                                                                   \
                                .cases = CASES(arg_cases) };
ARG(ArgMax, "where along `axis` the largest element stands")
ARG(ArgMin, "where along `axis` the smallest element stands")

/* Softmax, LogSoftmax, Hardmax along one axis: composites, the first two with fused kernels over x[outer][cols][inner]. */
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/reduce.h"
#include "plan/lower.h"

static qn_status infer_along_axis(infer *c)
{
    const type *x = infer_in(c, 0);
    u32 axis;
    if (x->rank) QN_TRY(infer_axis(c, infer_int(c, "axis"), x->rank, &axis));
    return infer_like_first_input(c);
}

/* ------------------------------------------------------------------ fused */
typedef struct rows {
    sym outer, cols, inner;
} rows;

static rows rows_of(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0);
    const type *t = lower_type(l, x);
    sym one = sym_one(lower_graph_mut(l));
    if (t->rank == 0) return (rows){ one, one, one };
    u32 axis = axis_of(n, "axis", -1, t->rank);
    return (rows){ lower_product(l, x, 0, axis), t->dims[axis], lower_product(l, x, axis + 1, t->rank) };
}

static launch *begin(lowering *l, const node *n, const char *file, const char *entry, const rows *r)
{
    launch *k = launch_begin(l, file, entry);
    launch_define(k, "T", dtype_word(lower_type(l, lower_in(l, n, 0))->dtype));
    launch_in(k, lower_in(l, n, 0));
    launch_out(k, lower_out(l, n, 0));
    launch_const(k, "logs", n->op == OP_LogSoftmax);
    launch_size(k, r->cols);
    return k;
}

static bool fits_rows(const lowering *l, const node *n)
{
    return sym_is(lower_graph(l), rows_of((lowering *)l, n).inner, 1);
}

static qn_status emit_rows(lowering *l, const node *n)
{
    rows r = rows_of(l, n);
    return launch_groups(begin(l, n, "softmax_lanes.c", "softmax_rows", &r), r.outer);
}

static qn_status emit_across(lowering *l, const node *n)
{
    enum { BLOCK = 64 }; /* of softmax_lanes.c */
    graph *g = lower_graph_mut(l);
    rows r = rows_of(l, n);
    launch *k = begin(l, n, "softmax_lanes.c", "softmax_across", &r);
    launch_size(k, r.inner);
    return launch_groups(k, sym_mul(g, r.outer, sym_ceil_div(g, r.inner, sym_number(g, BLOCK))));
}

static qn_status emit_group(lowering *l, const node *n)
{
    rows r = rows_of(l, n);
    launch *k = begin(l, n, "softmax_group.c", "softmax_group", &r);
    launch_size(k, r.inner);
    return launch_groups(k, sym_mul(lower_graph_mut(l), r.outer, r.inner));
}

static const variant softmax_variants[] = {
    { "softmax_rows", NEED_LANES, fits_rows, emit_rows },
    { "softmax_across", NEED_LANES, NULL, emit_across },
    { "softmax_group", NEED_GROUP, NULL, emit_group },
    { 0 },
};

/* ------------------------------------------------------------------ meaning */
static qn_status expand_softmax(build *b, const node *n)
{
    val x = build_in(b, 0);
    const type t = *build_type(b, x);
    u32 bits = t.rank ? 1u << axis_of(n, "axis", -1, t.rank) : 0;
    bool half = t.dtype == QN_F16 || t.dtype == QN_BF16;
    if (half) x = build_cast(b, x, QN_F32);
    val d = build_op2(b, OP_Sub, x, build_reduce(b, OP_ReduceMax, x, bits));
    val e = build_op1(b, OP_Exp, d), sum = build_reduce(b, OP_ReduceSum, e, bits);
    val y = n->op == OP_LogSoftmax ? build_op2(b, OP_Sub, d, build_op1(b, OP_Log, sum)) : build_op2(b, OP_Div, e, sum);
    y = build_cast(b, y, t.dtype);
    return build_done(b, &y, 1);
}

/* 1 where the place along the axis is the first largest one's. */
static qn_status expand_hardmax(build *b, const node *n)
{
    val x = build_in(b, 0);
    const type t = *build_type(b, x);
    if (t.rank == 0) {
        val one = build_scalar(b, t.dtype, 1);
        return build_done(b, &one, 1);
    }
    u32 axis = axis_of(n, "axis", -1, t.rank);
    if (sym_is(b->g, t.dims[axis], 0)) return build_done(b, &x, 1);
    attr where = attr_of_int("axis", axis);
    val top = build_node(b, OP_ArgMax, &x, 1, &where, 1);
    val limit = build_reshape(b, build_syms(b, &t.dims[axis], 1), NULL, 0);
    val places =
        build_node(b, OP_Range, (const val[]){ build_scalar(b, QN_I64, 0), limit, build_scalar(b, QN_I64, 1) }, 3, NULL, 0);
    sym dims[QN_MAX_RANK];
    for (u32 d = 0; d < t.rank; d++) dims[d] = d == axis ? t.dims[d] : sym_one(b->g);
    val y = build_cast(b, build_op2(b, OP_Equal, build_reshape(b, places, dims, t.rank), top), t.dtype);
    return build_done(b, &y, 1);
}

/* clang-format off */
static const op_case softmax_cases[] = {
    { "f32[3,1000]",          "",        1e-6, "the common case"            }, { "f32[2,3,70]",  "axis=1",  1e-6, "an axis in the middle"  },
    { "f32[5,7]",             "axis=0",  1e-6, "the first axis"             }, { "f32[4,33]=900..1000", "", 1e-5, "would overflow"         },
    { "f32[2,1500]",          "",        1e-6, "a long row"                 }, { "f32[3,1]",     "",        0,    "one column"             },
    { "f16[3,100]",           "",        2e-3, "half"                       }, { "bf16[3,100]",  "",        1e-2, "bfloat16"               },
    { "f64[3,100]",           "",        1e-12, "double"                    }, { "f32[0,4]",     "",        0,    "empty"                  }, { 0 }
};
/* clang-format on */
#define SOFTMAX(name_, doc_, expand_, variants_, gradient_)                                                                 \
    const op_def op_##name_ = { .name = #name_,                                                                             \
                                .doc = DOC(doc_),                                                                           \
                                .in = { { "input", "float" } },                                                             \
                                .out = { { "output", "as input" } },                                                        \
                                .attrs = { INT("axis", -1) },                                                               \
                                .infer = infer_along_axis,                                                                  \
                                .gradient = GRADIENT(gradient_),                                                            \
                                .expand = expand_,                                                                          \
                                .variants = variants_,                                                                      \
                                .cases = CASES(softmax_cases) };
SOFTMAX(Softmax, "e^x, divided by its sum along `axis`", expand_softmax, softmax_variants, gradient_softmax)
SOFTMAX(LogSoftmax, "the logarithm of Softmax", expand_softmax, softmax_variants, gradient_softmax)
SOFTMAX(Hardmax, "1 at the first largest element along `axis`, 0 elsewhere", expand_hardmax, NULL, NULL)

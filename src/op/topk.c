/* TopK: the k first along an axis, with their places, in order. k is an operand: known, or read when the model runs. */
#include "op/elems.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "plan/lower.h"

static qn_status infer_topk(infer *c)
{
    type out = *infer_in(c, 0);
    const sym *k;
    u32 axis;
    QN_TRY(infer_axis(c, infer_int(c, "axis"), out.rank, &axis));
    if (elems_wanted(c, 1, &k) != 1) return infer_fail(c, QN_E_SHAPE, "K must be one number");
    i64 wanted, have;
    if (sym_is_number(c->g, k[0], &wanted) && sym_is_number(c->g, out.dims[axis], &have) && wanted > have)
        return infer_fail(c, QN_E_SHAPE, "K is %lld, the axis has %lld", (long long)wanted, (long long)have);
    sym n = out.dims[axis];
    infer_need(c->g, sym_compare(c->g, '<', k[0], sym_add(c->g, n, sym_one(c->g))), "K is #, the axis has #", k[0], n);
    out.dims[axis] = k[0];
    type places = type_with(&out, QN_I64);
    QN_TRY(infer_out(c, 0, &out));
    return infer_out(c, 1, &places);
}

typedef struct lines {
    qn_dtype dtype;
    sym n, k, inner, outer;
} lines;

static lines lines_of(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0);
    const type *t = lower_type(l, x);
    u32 axis = axis_of(n, "axis", -1, t->rank);
    return (lines){ t->dtype, t->dims[axis], lower_dim(l, n->out[0], axis), lower_product(l, x, axis + 1, t->rank),
                    lower_product(l, x, 0, axis) };
}

static launch *begin(lowering *l, const node *n, const lines *s, const char *entry)
{
    (void)n;
    launch *k = launch_begin(l, "topk.c", entry);
    bool wide = s->dtype == QN_U32 || s->dtype == QN_U64 || s->dtype == QN_I64;
    launch_define(k, "T", dtype_word(s->dtype));
    launch_define(k, "A",
                  dtype_is_float(s->dtype) ? dtype_word(dtype_computing(s->dtype))
                  : wide                   ? dtype_word(s->dtype)
                                           : "i32");
    launch_define_number(k, "INTEGER", !dtype_is_float(s->dtype));
    return k;
}

static qn_status emit_map(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0);
    lines s = lines_of(l, n);
    sym all = sym_mul(g, s.outer, sym_mul(g, s.k, s.inner));
    val rank = lower_scratch(l, QN_U32, lower_elems(l, x));
    launch *k = begin(l, n, &s, "topk_rank");
    launch_in(k, x);
    launch_out(k, rank);
    launch_const(k, "largest", lower_int(l, n, "largest") != 0);
    launch_size(k, s.n);
    launch_size(k, s.inner);
    QN_TRY(launch_map(k, lower_elems(l, x)));
    for (u32 o = 0; o < n->n_out; o++) {
        if (!lower_out(l, n, o)) continue;
        k = begin(l, n, &s, o ? "topk_index" : "topk_value");
        if (o == 0) launch_in(k, x);
        launch_in(k, rank);
        launch_out(k, lower_out(l, n, o));
        launch_size(k, s.n);
        launch_size(k, s.k);
        launch_size(k, s.inner);
        QN_TRY(launch_map(k, all));
    }
    return QN_OK;
}

static qn_status emit_lines(lowering *l, const node *n, u32 group)
{
    graph *g = lower_graph_mut(l);
    lines s = lines_of(l, n);
    sym count = sym_mul(g, s.outer, s.inner);
    val places = n->n_out > 1 ? lower_out(l, n, 1) : 0;
    launch *k = begin(l, n, &s, "topk_lines");
    if (group > 1) launch_define_number(k, "GROUP", group);
    launch_in(k, lower_in(l, n, 0));
    launch_out(k, lower_out(l, n, 0));
    launch_out(k, places ? places : lower_scratch(l, QN_I64, sym_mul(g, count, s.k)));
    launch_const(k, "largest", lower_int(l, n, "largest") != 0);
    launch_size(k, count);
    launch_size(k, s.n);
    launch_size(k, s.k);
    launch_size(k, s.inner);
    return launch_groups(k, sym_ceil_div(g, count, sym_number(g, group)));
}

static qn_status emit_lines_one(lowering *l, const node *n) { return emit_lines(l, n, 1); }
static qn_status emit_lines_group(lowering *l, const node *n) { return emit_lines(l, n, 64); }

/* A walk needs one item a line: few long lines are faster by counting where many items run. */
static bool fits_group(const lowering *l, const node *n)
{
    i64 length;
    lines s = lines_of((lowering *)l, n);
    return sym_is_number(lower_graph(l), s.n, &length) && length <= 4096;
}

static const variant topk_variants[] = {
    { "topk_lines_walk", NEED_LANES, NULL, emit_lines_one },
    { "topk_lines_group", NEED_GROUP, fits_group, emit_lines_group },
    { "topk_map", 0, NULL, emit_map },
    { 0 },
};
static const op_case topk_cases[] = {
    { "f32[3,40] i64[1]={5}", "n_out=2", 0, "the common case" },
    { "f32[6,3,2] i64[1]={2}", "axis=0, largest=0, n_out=2", 0, "the first axis, smallest" },
    { "i64[2,9]=0..3 i64[1]={9}", "axis=-1, n_out=2", 0, "equals in their order, all of them" },
    { "u8[30]=0..255 i64[1]={4}", "n_out=2", 0, "narrow" },
    { "f16[2,30] i64[1]={1}", "", 0, "half, values only" },
    { "f32[2,6]={1,nan,3,2,nan,0,nan,nan,nan,nan,inf,-inf} i64[1]={4}", "n_out=2", 0, "NaN is the largest" },
    { "f32[2,6]={1,nan,3,2,nan,0,nan,nan,nan,nan,inf,-inf} i64[1]={4}", "largest=0, n_out=2", 0,
      "NaN is not among the smallest" },
    { 0 },
};
const op_def op_TopK = {
    .name = "TopK",
    .doc =
        DOC("the K largest (or smallest) along `axis`, first ones first, and their places; NaN is larger than any number"),
    .in = { { "X", "number" }, { "K", "i64" } },
    .out = { { "Values", "as X" }, { "Indices", "i64" } },
    .attrs = { INT("axis", -1), INT("largest", 1), INT("sorted", 1) },
    .infer = infer_topk,
    .gradient = GRADIENT(gradient_topk),
    .variants = topk_variants,
    .cases = CASES(topk_cases),
};

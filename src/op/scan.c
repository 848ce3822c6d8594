/* CumSum and CumProd: running sums and products along an axis, which is an operand that must be known. */
#include "op/elems.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "plan/lower.h"

static bool axis_known(graph *g, const node *n, u32 rank, u32 *out)
{
    i64 axis;
    if (known_ints(g, node_in(g, n, 1), &axis, 1) != 1) return false;
    if (axis < 0) axis += rank;
    *out = (u32)axis;
    return axis >= 0 && axis < rank;
}

static qn_status infer_scan(infer *c)
{
    u32 axis;
    if (!axis_known(c->g, c->n, infer_in(c, 0)->rank, &axis))
        return infer_fail(c, QN_E_UNSUPPORTED, "the axis must be known before the model runs, and inside the rank of x");
    return infer_like_first_input(c);
}

static launch *begin(lowering *l, const node *n, const char *entry)
{
    val x = lower_in(l, n, 0);
    qn_dtype d = lower_type(l, x)->dtype;
    launch *k = launch_begin(l, "scan.c", entry);
    launch_define(k, "T", dtype_word(d));
    launch_define(k, "A", dtype_word(dtype_computing(d)));
    launch_in(k, x);
    launch_out(k, lower_out(l, n, 0));
    launch_const(k, "product", n->op == OP_CumProd);
    launch_const(k, "exclusive", lower_int(l, n, "exclusive") != 0);
    launch_const(k, "reverse", lower_int(l, n, "reverse") != 0);
    return k;
}

static qn_status emit_map(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0);
    u32 axis = 0, rank = lower_type(l, x)->rank;
    axis_known(lower_graph_mut(l), n, rank, &axis);
    launch *k = begin(l, n, "scan_map");
    launch_size(k, lower_dim(l, x, axis));
    launch_size(k, lower_product(l, x, axis + 1, rank));
    return launch_map(k, lower_elems(l, x));
}

static qn_status emit_lines(lowering *l, const node *n, u32 group)
{
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0);
    u32 axis = 0, rank = lower_type(l, x)->rank;
    axis_known(g, n, rank, &axis);
    sym inner = lower_product(l, x, axis + 1, rank), lines = sym_mul(g, lower_product(l, x, 0, axis), inner);
    launch *k = begin(l, n, "scan_lines");
    if (group > 1) launch_define_number(k, "GROUP", group);
    launch_size(k, lines);
    launch_size(k, lower_dim(l, x, axis));
    launch_size(k, inner);
    return launch_groups(k, sym_ceil_div(g, lines, sym_number(g, group)));
}

static qn_status emit_lines_one(lowering *l, const node *n) { return emit_lines(l, n, 1); }
static qn_status emit_lines_group(lowering *l, const node *n) { return emit_lines(l, n, 64); }

static const variant scan_variants[] = {
    { "scan_lines_walk", NEED_LANES, NULL, emit_lines_one },
    { "scan_lines_group", NEED_GROUP, NULL, emit_lines_group },
    { "scan_map", 0, NULL, emit_map },
    { 0 },
};
static const op_case scan_cases[] = {
    { "f32[3,40] i32[]={1}", "", 1e-5, "rows" },
    { "f32[7,3] i64[]={0}", "exclusive=1", 1e-5, "columns, without itself" },
    { "i32[2,3,4]=-3..3 i64[]={-2}", "reverse=1", 0, "from the end" },
    { "i64[5]=-3..3 i64[1]={0}", "reverse=1, exclusive=1", 0, "both" },
    { "f64[9]=0.5..1.5 i64[]={0}", "", 1e-12, "double" },
    { 0 },
};
#define SCAN(name_, doc_, gradient_)                                                                                        \
    const op_def op_##name_ = { .name = #name_,                                                                             \
                                .doc = DOC(doc_),                                                                           \
                                .in = { { "x", "float|i32|i64|u32|u64" }, { "axis", "i32|i64" } },                          \
                                .out = { { "y", "as x" } },                                                                 \
                                .attrs = { INT("exclusive", 0), INT("reverse", 0) },                                        \
                                .gradient = GRADIENT(gradient_),                                                            \
                                .infer = infer_scan,                                                                        \
                                .variants = scan_variants,                                                                  \
                                .cases = CASES(scan_cases) };
SCAN(CumSum, "running sums along an axis", gradient_cumsum)
SCAN(CumProd, "running products along an axis", gradient_cumprod)

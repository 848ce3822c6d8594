/* ExpertMatMulNBits, what QMoE is made of: a kernel takes each chosen expert's packed rows where they lie. */
#include "op/op_util.h"
#include "plan/lower.h"

enum { EX_A, EX_B, EX_SCALES, EX_WHICH };

static qn_status infer_expert(infer *c)
{
    const type *w = infer_in(c, EX_B), *scales = infer_in(c, EX_SCALES), *which = infer_in(c, EX_WHICH),
               *a = infer_in(c, EX_A);
    i64 block = infer_int(c, "block_size"), bits = infer_int(c, "bits");
    if (w->rank != 3 || which->rank != 2 || a->rank < 2 || a->rank > 3)
        return infer_fail(c, QN_E_SHAPE, "weights, choices and rows have wrong numbers of dimensions");
    graph *g = c->g;
    sym blocks = sym_ceil_div(g, a->dims[a->rank - 1], sym_number(g, block)), rows = sym_mul(g, w->dims[0], w->dims[1]);
    sym wanted = sym_mul(g, sym_mul(g, rows, blocks), sym_number(g, infer_int(c, "pairs") ? 2 : 1));
    sym bytes = sym_ceil_div(g, sym_mul(g, a->dims[a->rank - 1], sym_number(g, bits)), sym_number(g, 8));
    if (infer_differ(g, w->dims[2], bytes))
        return infer_fail(c, QN_E_SHAPE, "the packed weights do not fit the rows that they take and block_size");
    if (infer_differ(g, type_elems(g, scales), wanted))
        return infer_fail(c, QN_E_SHAPE, "the scales or zero points do not fit the weights and block_size");
    if (infer_differ(g, a->dims[0], which->dims[0]) || (a->rank == 3 && infer_differ(g, a->dims[1], which->dims[1])))
        return infer_fail(c, QN_E_SHAPE, "there is not a choice for each row");
    type y = { .dtype = a->dtype, .rank = 3, .known = true, .dims = { which->dims[0], which->dims[1], w->dims[1] } };
    return infer_out(c, 0, &y);
}

static qn_status emit_expert(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val a = lower_in(l, n, EX_A), b = lower_in(l, n, EX_B), scales = lower_in(l, n, EX_SCALES),
        which = lower_in(l, n, EX_WHICH);
    const type *t = lower_type(l, a);
    i64 block = lower_int(l, n, "block_size"), codes = lower_int(l, n, "codes");
    launch *k = launch_begin(l, "expert_nbits.c", "expert_nbits");
    launch_define(k, "T", dtype_word(t->dtype));
    launch_define(k, "Z", dtype_word(lower_type(l, scales)->dtype));
    launch_define_number(k, "bits", lower_int(l, n, "bits"));
    launch_define_number(k, "codes", codes);
    launch_in(k, a);
    launch_in(k, b);
    launch_in(k, scales);
    launch_in(k, which);
    launch_out(k, lower_out(l, n, 0));
    launch_size(k, lower_dim(l, b, 1));
    launch_size(k, t->dims[t->rank - 1]);
    launch_size(k, sym_ceil_div(g, t->dims[t->rank - 1], sym_number(g, block)));
    launch_size(k, t->rank == 3 ? sym_one(g) : lower_dim(l, which, 1));
    launch_size(k, lower_dim(l, b, 2));
    launch_const(k, "block", block);
    launch_const(k, "zeros", lower_int(l, n, "pairs") ? 3 : codes ? 4 : 0);
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

static const variant expert_variants[] = { { "expert_nbits", 0, NULL, emit_expert }, { 0 } };
static const op_case expert_cases[] = {
    { "f32[3,32] u8[4,6,16]=0..255 f32[4,6,2]=0.1..1 i64[3,2]={0,3,1,1,2,0}", "block_size=16", 1e-5, "two for each row" },
    { "f32[3,2,32] u8[4,6,8]=0..255 f32[4,6,2]=0.1..3 i64[3,2]={0,3,1,1,2,0}", "block_size=32, bits=2, pairs=1", 1e-5,
      "rows of their own, 2 bits" },
    { "f32[3,32] u8[4,6,12]=0..255 f32[4,6,2]=0.1..1 i64[3,2]={0,3,1,1,2,0}", "block_size=16, bits=3", 1e-5, "3 bits" },
    { "f16[3,32] u8[4,6,16]=0..255 f32[4,6,2]=0.1..1 i64[3,2]={0,3,1,1,2,0}", "block_size=16, codes=1", 3e-3, "float4" },
    { "f32[3,20] u8[4,6,20]=0..120 f32[4,6,2]=0.1..1 i64[3,2]={0,3,1,1,2,0}", "block_size=16, bits=8, codes=2", 1e-5,
      "float8, a short last block" },
    { 0 },
};
const op_def op_ExpertMatMulNBits = {
    .name = "ExpertMatMulNBits",
    .domain = "quern",
    .doc = DOC("y[row][j] = a[row] (or a[row][j]) times the packed weights of expert which[row][j], as MatMulNBits has "
               "them; pairs: a zero point behind each scale; codes: 1 float4, 2 float8"),
    .in = { { "a", "float" }, { "b", "u8" }, { "scales", "float" }, { "which", "i64" } },
    .out = { { "y", "as a" } },
    .attrs = { NEEDED("block_size", ATTR_INT), INT("bits", 4), INT("codes", 0), INT("pairs", 0) },
    .infer = infer_expert,
    .variants = expert_variants,
    .cases = CASES(expert_cases),
};

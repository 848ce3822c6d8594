/* RotaryFrom, for do_rotary of com.microsoft's Attention: RotaryEmbedding whose angles are in no tables. */
#include "op/attend.h"
#include "op/formula.h"
#include "op/op_util.h"

static qn_status infer_rotary(infer *c)
{
    const type *x = infer_in(c, 0);
    i64 part = infer_int(c, "rotary_embedding_dim"), size;
    if (x->rank != 4) return infer_fail(c, QN_E_SHAPE, "heads must be a dimension of their own");
    if (part < 0 || part % 2 || (sym_is_number(c->g, x->dims[3], &size) && (part > size || (!part && size % 2))))
        return infer_fail(c, QN_E_SHAPE, "rotary_embedding_dim is %lld, no even part of a head", (long long)part);
    return infer_like_first_input(c);
}

/* The i-th number of the first half of what is rotated goes with the i-th of the second, by p / 10000^(2 i / width) at position p. */
static qn_status expand_rotary(build *b, const node *n)
{
    graph *g = b->g;
    val x = build_in(b, 0);
    const type t = *build_type(b, x);
    i64 given = attr_int(n, "rotary_embedding_dim", 0);
    sym part = given ? sym_number(g, given) : t.dims[3], half = sym_div(g, part, sym_number(g, 2)), one = sym_one(g);
    const sym down[3] = { one, t.dims[2], one };
    qn_dtype real = t.dtype == QN_F64 ? QN_F64 : QN_F32;
    val at = build_cast(b, build_op2(b, OP_Add, attend_places(b, t.dims[2]), build_in(b, 1)), real);
    val i = build_cast(b, attend_places(b, half), real), wide = build_cast(b, attend_size(b, part), real);
    val angle = build_formula(b, "p / Pow(10000, 2 * i / w)", "piw", build_reshape(b, at, down, 3), i, wide);
    val in[] = { x, build_cast(b, build_op1(b, OP_Cos, angle), t.dtype),
                 build_cast(b, build_op1(b, OP_Sin, angle), t.dtype) };
    attr how = attr_of_int("rotary_embedding_dim", given);
    val y = build_node(b, OP_RotaryEmbedding, in, 3, &how, 1);
    return build_done(b, &y, 1);
}

static const op_case rotary_cases[] = {
    { "f32[2,3,5,8] i64[]={4}", "", 1e-5, "whole heads" },
    { "f32[2,3,5,8] i64[]={0}", "rotary_embedding_dim=4", 1e-5, "half of each head" },
    { 0 },
};
const op_def op_RotaryFrom = {
    .name = "RotaryFrom",
    .domain = "quern",
    .doc = DOC("x[batch][heads][length][size] rotated as by RotaryEmbedding does, its first entry by the angle of position "
               "`start`"),
    .in = { { "x", "float" }, { "start", "i64" } },
    .out = { { "y", "as x" } },
    .attrs = { INT("rotary_embedding_dim", 0) },
    .infer = infer_rotary,
    .expand = expand_rotary,
    .cases = CASES(rotary_cases),
};

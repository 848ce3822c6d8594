/* RotaryEmbedding: pairs of numbers of each head turned by the angle of their position. */
#include "op/attend.h"

enum { IN_X, IN_COS, IN_SIN, IN_POSITIONS };

static qn_status rotary_infer(infer *c)
{
    const type *x = infer_in(c, IN_X), *table = infer_in(c, IN_COS);
    i64 heads = attr_int(c->n, "num_heads", 0), turned = attr_int(c->n, "rotary_embedding_dim", 0);
    if (x->rank != 3 && x->rank != 4) return infer_fail(c, QN_E_SHAPE, "the input must have three or four dimensions");
    if (x->rank == 3 && heads < 1)
        return infer_fail(c, QN_E_SHAPE, "num_heads must say how many heads the last dimension holds");
    if (turned < 0 || turned % 2) return infer_fail(c, QN_E_SHAPE, "rotary_embedding_dim must be even");
    if (table->rank != (infer_has(c, IN_POSITIONS) ? 2 : 3))
        return infer_fail(c, QN_E_SHAPE, "the tables have a wrong number of dimensions");
    return infer_like_first_input(c);
}

/* x[.., from .. to) along its last dimension, each step-th. */
static val slice(build *b, val x, sym from, sym to, i64 step)
{
    i64 axis = -1;
    val in[] = { x, build_syms(b, &from, 1), build_syms(b, &to, 1), build_ints(b, &axis, 1), build_ints(b, &step, 1) };
    return build_node(b, OP_Slice, in, 5, NULL, 0);
}

static val concat(build *b, val x, val y, i64 at)
{
    attr axis = attr_of_int("axis", at);
    return build_node(b, OP_Concat, (val[]){ x, y }, 2, &axis, 1);
}

/* A table by position, as [batch][1][length][half]. */
static val angles(build *b, u32 table)
{
    graph *g = b->g;
    val v = build_in(b, table);
    if (build_in(b, IN_POSITIONS)) v = build_node(b, OP_Gather, (val[]){ v, build_in(b, IN_POSITIONS) }, 2, NULL, 0);
    if (b->status) return 0;
    type t = *build_type(b, v);
    sym dims[4] = { t.dims[0], sym_number(g, 1), t.dims[1], t.dims[2] };
    return build_reshape(b, v, dims, 4);
}

static val with_last(build *b, val x, sym a, sym c)
{
    if (b->status) return 0;
    type t = *build_type(b, x);
    sym dims[5] = { t.dims[0], t.dims[1], t.dims[2], a, c };
    return build_reshape(b, x, dims, c ? 5 : 4);
}

static qn_status rotary_expand(build *b, const node *n)
{
    graph *g = b->g;
    bool flat = build_type(b, build_in(b, IN_X))->rank == 3, interleaved = attr_int(n, "interleaved", 0) != 0;
    val x = flat ? attend_split_heads(b, build_in(b, IN_X), attr_int(n, "num_heads", 1)) : build_in(b, IN_X);
    if (b->status) return b->status;
    sym zero = sym_number(g, 0), one = sym_number(g, 1), size = build_type(b, x)->dims[3];
    i64 given = attr_int(n, "rotary_embedding_dim", 0);
    sym turned = given ? sym_number(g, given) : size, half = sym_div(g, turned, sym_number(g, 2));
    val first = interleaved ? slice(b, x, zero, turned, 2) : slice(b, x, zero, half, 1);
    val second = interleaved ? slice(b, x, one, turned, 2) : slice(b, x, half, turned, 1);
    val c = angles(b, IN_COS), s = angles(b, IN_SIN);
    val real = build_op2(b, OP_Sub, build_op2(b, OP_Mul, c, first), build_op2(b, OP_Mul, s, second));
    val imag = build_op2(b, OP_Add, build_op2(b, OP_Mul, s, first), build_op2(b, OP_Mul, c, second));
    val y;
    if (interleaved) y = with_last(b, concat(b, with_last(b, real, half, one), with_last(b, imag, half, one), 4), turned, 0);
    else y = concat(b, real, imag, 3);
    if (!sym_same(g, turned, size)) y = concat(b, y, slice(b, x, turned, size, 1), 3);
    if (flat) y = attend_join_heads(b, y);
    return build_done(b, &y, 1);
}

static const op_case rotary_cases[] = {
    { "f32[2,3,4,8] f32[10,4] f32[10,4] i64[2,4]={0,1,2,3,4,5,6,7}", "", 1e-6, "halves" },
    { "f32[2,4,24] f32[2,4,4] f32[2,4,4]", "num_heads=3, interleaved=1", 1e-6,
      "neighbours, heads side by side, no positions" },
    { "f32[1,3,4,8] f32[1,4,2] f32[1,4,2]", "rotary_embedding_dim=4", 1e-6, "part of each head" },
    { 0 },
};

const op_def op_RotaryEmbedding = {
    .name = "RotaryEmbedding",
    .doc = DOC("Pairs of numbers of each head, neighbours or from its two halves, turned by the angle of their position"),
    .in = { { "x", "float" }, { "cos_cache", "as x" }, { "sin_cache", "as x" }, { "position_ids", "optional i64" } },
    .out = { { "y", "as x" } },
    .attrs = { INT("interleaved", 0), INT("num_heads", 0), INT("rotary_embedding_dim", 0) },
    .infer = rotary_infer,
    .expand = rotary_expand,
    .cases = CASES(rotary_cases),
};

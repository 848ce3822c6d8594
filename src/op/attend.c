/* The steps of attention as nodes: scores, cap, bias, softmax, product. What a fused kernel computes is defined here. */
#include "op/attend.h"

#include <math.h>

#include "op/op_util.h"

static val node_with(build *b, op_id op, val x, attr a) { return build_node(b, op, &x, 1, &a, 1); }

static val lowest(build *b, qn_dtype d) { return build_scalar(b, d, -(f64)INFINITY); }

val attend_mask_bias(build *b, val mask, qn_dtype d)
{
    if (!mask || b->status) return mask;
    if (build_type(b, mask)->dtype != QN_BOOL) return build_type(b, mask)->dtype == d ? mask : build_cast(b, mask, d);
    return build_node(b, OP_Where, (val[]){ mask, build_scalar(b, d, 0), lowest(b, d) }, 3, NULL, 0);
}

val attend_size(build *b, sym s) { return build_reshape(b, build_syms(b, &s, 1), NULL, 0); }

val attend_places(build *b, sym keys)
{
    val in[] = { build_scalar(b, QN_I64, 0), attend_size(b, keys), build_scalar(b, QN_I64, 1) };
    return build_node(b, OP_Range, in, 3, NULL, 0);
}

val attend_before(build *b, val limit, sym keys) { return build_op2(b, OP_Less, attend_places(b, keys), limit); }

val attend_with_past(build *b, val x, val past) { return past ? build_concat(b, past, x, 2) : x; }

static val positions(build *b, sym count, bool down)
{
    sym one = sym_number(b->g, 1);
    val row = attend_places(b, count);
    return down ? build_reshape(b, row, (sym[]){ count, one }, 2) : build_reshape(b, row, (sym[]){ one, count }, 2);
}

val attend_sight_bias(build *b, const attend_sight *s, qn_dtype d)
{
    val at = build_op2(b, OP_Add, positions(b, s->rows, true), s->offset), keys = positions(b, s->keys, false), seen = 0;
    if (s->right >= 0) {
        val end = s->right ? build_op2(b, OP_Add, at, build_scalar(b, QN_I64, (f64)s->right)) : at;
        seen = build_op2(b, OP_LessOrEqual, keys, end);
    }
    if (s->left >= 0) {
        val start = build_op2(b, OP_Sub, at, build_scalar(b, QN_I64, (f64)s->left));
        val near = build_op2(b, OP_GreaterOrEqual, keys, start);
        seen = seen ? build_op2(b, OP_And, seen, near) : near;
    }
    return attend_mask_bias(b, seen, d);
}

static val transposed(build *b, val x)
{
    static const i64 swapped[] = { 0, 2, 1, 3 };
    return node_with(b, OP_Transpose, x, attr_of_ints(b->g, "perm", swapped, 4));
}

qn_status attend_fits(const infer *c, u32 i, sym batch, sym heads, sym length, sym size)
{
    const sym apart[4] = { batch, heads, length, size }, beside[3] = { batch, length, sym_mul(c->g, heads, size) };
    bool side_by_side = infer_has(c, i) && infer_in(c, i)->rank == 3;
    return infer_sizes(c, i, side_by_side ? beside : apart, side_by_side ? 3 : 4, "the query and the keys");
}

val attend_split_heads(build *b, val x, i64 heads)
{
    if (!x || b->status) return 0;
    graph *g = b->g;
    type t = *build_type(b, x);
    sym dims[4] = { t.dims[0], t.dims[1], sym_number(g, heads), sym_div(g, t.dims[2], sym_number(g, heads)) };
    return transposed(b, build_reshape(b, x, dims, 4));
}

val attend_join_heads(build *b, val x)
{
    if (!x || b->status) return 0;
    type t = *build_type(b, x);
    sym dims[3] = { t.dims[0], t.dims[2], sym_mul(b->g, t.dims[1], t.dims[3]) };
    return build_reshape(b, transposed(b, x), dims, 3);
}

/* [batch][heads][..] as [batch][groups][heads / groups][..]. */
static val grouped(build *b, val x, sym groups)
{
    if (!x || b->status) return 0;
    graph *g = b->g;
    type t = *build_type(b, x);
    if (t.rank < 3) return x;
    sym one = sym_number(g, 1), heads = t.dims[t.rank - 3], batch = t.rank > 3 ? t.dims[0] : one;
    bool single = sym_is(g, heads, 1);
    sym dims[5] = { batch, single ? one : groups, single ? one : sym_div(g, heads, groups), t.dims[t.rank - 2],
                    t.dims[t.rank - 1] };
    return build_reshape(b, x, dims, 5);
}

/* Rows that may see nothing get no share of anything, instead of 0 / 0. */
static val blind_rows_zero(build *b, val shares, val bias, qn_dtype d)
{
    attr keep = attr_of_int("keepdims", 1);
    i64 last[] = { -1 };
    val most = build_node(b, OP_ReduceMax, (val[]){ bias, build_ints(b, last, 1) }, 2, &keep, 1);
    val blind = build_op2(b, OP_Equal, most, lowest(b, d));
    return build_node(b, OP_Where, (val[]){ blind, build_scalar(b, d, 0), shares }, 3, NULL, 0);
}

/* softmax of the scores and one more for each head, which has no column of its own: x[batch][heads][rows][keys]. */
static val softmax_with_sink(build *b, val x, val sink, qn_dtype d)
{
    const i64 last = -1;
    attr keep = attr_of_int("keepdims", 1);
    val axis = build_ints(b, &last, 1), most = build_node(b, OP_ReduceMax, (val[]){ x, axis }, 2, &keep, 1);
    most = build_op2(b, OP_Max, most, sink);
    val shares = build_op1(b, OP_Exp, build_op2(b, OP_Sub, x, most));
    val sum = build_node(b, OP_ReduceSum, (val[]){ shares, axis }, 2, &keep, 1);
    sum = build_op2(b, OP_Add, sum, build_op1(b, OP_Exp, build_op2(b, OP_Sub, sink, most)));
    return build_cast(b, build_op2(b, OP_Div, shares, sum), d);
}

/* [heads] so that it stands before rows and keys of scores of that rank. */
static val sink_of(build *b, val sink, const type *scores)
{
    graph *g = b->g;
    if (b->status || build_type(b, sink)->rank == 0) return sink;
    sym one = sym_number(g, 1), dims[5] = { one, scores->dims[1], one, one, one };
    if (scores->rank == 5) dims[2] = scores->dims[2];
    return build_reshape(b, sink, dims, scores->rank);
}

f64 attend_scale(build *b, sym size)
{
    i64 known = 1;
    if (!sym_is_number(b->g, size, &known))
        build_fail(b, QN_E_UNSUPPORTED, "without a scale, the size of a head must be known before the model runs");
    return 1 / sqrt((f64)MAX(known, 1));
}

val attend_fused(build *b, const attend *a, i64 causal)
{
    attr attrs[] = { attr_of_float("scale", a->scale), attr_of_float("softcap", a->softcap), attr_of_int("causal", causal) };
    return build_node(b, OP_ScaledAttention, (val[]){ a->q, a->k, a->v, a->bias }, 4, attrs, 3);
}

val attend_steps(build *b, const attend *a, int stage, val *scores)
{
    if (b->status) return 0;
    graph *g = b->g;
    const type q_type = *build_type(b, a->q), k_type = *build_type(b, a->k), v_type = *build_type(b, a->v);
    qn_dtype d = q_type.dtype;
    sym groups = k_type.dims[1];
    bool shared = !sym_same(g, groups, q_type.dims[1]);
    val q = shared ? grouped(b, a->q, groups) : a->q, k = shared ? grouped(b, a->k, groups) : a->k;
    val v = shared ? grouped(b, a->v, groups) : a->v, bias = shared ? grouped(b, a->bias, groups) : a->bias;
    attr attrs[] = { attr_of_int("transB", 1), attr_of_float("alpha", a->scale) };
    val s[4];
    s[ATTEND_RAW] = build_node(b, OP_MatMulFused, (val[]){ q, k }, 2, attrs, 2);
    s[ATTEND_CAPPED] = s[ATTEND_RAW];
    if (a->softcap > 0) {
        val cap = build_scalar(b, d, a->softcap);
        s[ATTEND_CAPPED] = build_op2(b, OP_Mul, build_op1(b, OP_Tanh, build_op2(b, OP_Div, s[ATTEND_RAW], cap)), cap);
    }
    s[ATTEND_BIASED] = build_op2(b, OP_Add, s[ATTEND_CAPPED], bias);
    if (a->sink)
        s[ATTEND_SOFTMAX] = softmax_with_sink(b, s[ATTEND_BIASED], sink_of(b, a->sink, build_type(b, s[ATTEND_BIASED])), d);
    else s[ATTEND_SOFTMAX] = node_with(b, OP_Softmax, s[ATTEND_BIASED], attr_of_int("axis", -1));
    if (bias && !a->sink) s[ATTEND_SOFTMAX] = blind_rows_zero(b, s[ATTEND_SOFTMAX], bias, d);
    val y = build_op2(b, OP_MatMul, s[ATTEND_SOFTMAX], v);
    sym dims[4] = { q_type.dims[0], q_type.dims[1], q_type.dims[2], k_type.dims[2] };
    if (scores) *scores = shared ? build_reshape(b, s[stage], dims, 4) : s[stage];
    dims[3] = v_type.dims[3];
    return shared ? build_reshape(b, y, dims, 4) : y;
}

/* MultiHeadAttention of com.microsoft and DecoderMaskedMultiHeadAttention, the same with its inputs in another order: heads side by side, a
 * past in two tensors, which may be buffers with room for what is to come, and then may be of several beams. */
#include "op/formula.h"
#include "op/masked.h"
#include "op/op_util.h"

enum { IN_Q, IN_K, IN_V, IN_BIAS, IN_MASK, IN_EXTRA, IN_PAST_K, IN_PAST_V, IN_PAST_LENGTH, IN_BEAMS };
enum { OUT_Y, OUT_K, OUT_V, OUT_SCORES };

static u32 place_of(const node *n, u32 i)
{
    static const u8 decoder[] = { [IN_Q] = 0,     [IN_K] = 1,      [IN_V] = 2,      [IN_BIAS] = 10,       [IN_MASK] = 3,
                                  [IN_EXTRA] = 4, [IN_PAST_K] = 5, [IN_PAST_V] = 6, [IN_PAST_LENGTH] = 7, [IN_BEAMS] = 9 };
    return n->op == OP_DecoderMaskedMultiHeadAttention ? decoder[i] : i;
}

static const type *given(const infer *c, u32 i) { return infer_in(c, place_of(c->n, i)); }
static val input(const build *b, u32 i) { return build_in(b, place_of(b->n, i)); }

/* What is packed has num_heads heads of as many parts as its form has; a bias is of all that is projected; pasts are as the keys and values. */
static qn_status check_sizes(const infer *c, const masked *s)
{
    graph *g = c->g;
    const type *q = given(c, IN_Q), *k = given(c, IN_K), *v = given(c, IN_V);
    const sym in_q[5] = { s->batch, s->rows, s->heads, sym_number(g, 3), s->size },
              in_k[5] = { s->batch, s->fresh, s->heads, sym_number(g, 2), s->size },
              projected = sym_mul(g, s->heads, sym_add(g, sym_add(g, s->size, s->size), s->width));
    if (q->rank == 5) QN_TRY(infer_sizes(c, place_of(c->n, IN_Q), in_q, 5, "num_heads and its form"));
    if (k && k->rank == 5) QN_TRY(infer_sizes(c, place_of(c->n, IN_K), in_k, 5, "the query and its form"));
    if (v) QN_TRY(attend_fits(c, place_of(c->n, IN_K), s->batch, s->heads, s->fresh, s->size));
    if (v) QN_TRY(attend_fits(c, place_of(c->n, IN_V), s->batch, s->heads, s->fresh, s->width));
    if (!v || v->rank == 3) QN_TRY(infer_sizes(c, place_of(c->n, IN_BIAS), &projected, 1, "the query and the keys"));
    sym past = s->in_buffer ? s->room : s->past;
    QN_TRY(attend_fits(c, place_of(c->n, IN_PAST_K), s->batch, s->heads, past, s->size));
    return attend_fits(c, place_of(c->n, IN_PAST_V), s->batch, s->heads, past, s->width);
}

/* Keys and values as they come: [batch][keys][heads * size], packed [batch][keys][heads][2 or 3][size], or [batch][heads][keys][size]. */
static qn_status mha_shape(infer *c, masked *s)
{
    const type *q = given(c, IN_Q), *k = given(c, IN_K), *v = given(c, IN_V), *past = given(c, IN_PAST_K);
    QN_TRY(masked_heads(c, &s->heads));
    if ((q->rank != 3 && q->rank != 5) || (q->rank == 5) != !k || (q->rank == 5 && v) || (k && (k->rank == 5) != !v) ||
        (v && (k->rank != v->rank || k->rank < 3 || k->rank > 4)))
        return infer_fail(c, QN_E_SHAPE,
                          "query, key and value are no known form: three tensors, a packed key, or all packed in query");
    s->batch = q->dims[0], s->rows = q->dims[1];
    if (q->rank == 5) s->fresh = s->rows, s->size = q->dims[4], s->width = s->size;
    else QN_TRY(masked_divided(c, "the query", q->dims[2], s->heads, &s->size));
    if (k && k->rank == 3) {
        s->fresh = k->dims[1];
        QN_TRY(masked_divided(c, "the value", v->dims[2], s->heads, &s->width));
    } else if (k) {
        s->fresh = k->dims[k->rank == 4 ? 2 : 1];
        s->width = v ? v->dims[3] : k->dims[4];
    }
    QN_TRY(masked_past(c, past, 2, place_of(c->n, IN_PAST_LENGTH), s));
    return check_sizes(c, s);
}

/* cache_indirection[batch][beam][room] says from which beam's past each key of a beam comes; the batch of q is of beams. */
static qn_status check_beams(const infer *c, const masked *s)
{
    const type *t = given(c, IN_BEAMS);
    if (!t) return QN_OK;
    if (!given(c, IN_PAST_LENGTH)) return infer_fail(c, QN_E_SHAPE, "cache_indirection needs past_sequence_length");
    if (t->rank != 3 || infer_differ(c->g, s->batch, sym_mul(c->g, t->dims[0], t->dims[1])) ||
        infer_differ(c->g, t->dims[2], s->room))
        return infer_fail(c, QN_E_SHAPE, "cache_indirection does not fit the batch, its beams and the past");
    return QN_OK;
}

static qn_status mha_infer(infer *c)
{
    masked s = { 0 };
    const type *past = given(c, IN_PAST_K), *past_v = given(c, IN_PAST_V), q = *given(c, IN_Q);
    if (!past != !past_v || (past && (past->rank != 4 || past_v->rank != 4)))
        return infer_fail(c, QN_E_SHAPE, "past_key and past_value must both be there, with four dimensions");
    QN_TRY(mha_shape(c, &s));
    QN_TRY(check_beams(c, &s));
    QN_TRY(masked_check(c, place_of(c->n, IN_MASK), place_of(c->n, IN_EXTRA), &s));
    type y = { .dtype = q.dtype, .rank = 3, .known = true, .dims = { s.batch, s.rows, sym_mul(c->g, s.heads, s.width) } };
    type k = { .dtype = q.dtype, .rank = 4, .known = true, .dims = { s.batch, s.heads, s.room, s.size } }, v = k, qk = k;
    v.dims[3] = s.width;
    qk.dims[2] = s.rows, qk.dims[3] = s.keys;
    QN_TRY(infer_out(c, OUT_Y, &y));
    QN_TRY(infer_out(c, OUT_K, &k));
    QN_TRY(infer_out(c, OUT_V, &v));
    return infer_out(c, OUT_SCORES, &qk);
}

/* x[batch][length][heads][parts][size] of one part, as [batch][length][heads * size]. */
static val unpacked(build *b, val x, i64 at)
{
    if (b->status) return 0;
    type t = *build_type(b, x);
    sym dims[3] = { t.dims[0], t.dims[1], sym_mul(b->g, t.dims[2], t.dims[4]) };
    return build_reshape(b, build_slice(b, x, 3, sym_number(b->g, at), sym_number(b->g, at + 1)), dims, 3);
}

/* x plus its part of the bias, heads apart; x with four dimensions has had both done to it. */
static val projected(build *b, val x, val bias, sym from, i64 heads)
{
    if (b->status || build_type(b, x)->rank == 4) return x;
    if (bias) x = build_op2(b, OP_Add, x, build_slice(b, bias, 0, from, sym_add(b->g, from, last_of(build_type(b, x)))));
    return attend_split_heads(b, x, heads);
}

/* The keys of each beam, out of those of all beams of its sample. Only a single row looks at the beams. */
static val of_beams(build *b, val x, val beams, const masked *s)
{
    graph *g = b->g;
    if (!beams || b->status) return x;
    const sym one = sym_one(g), all[2] = { s->batch, s->keys }, column[2] = { s->batch, one },
              each[4] = { s->batch, one, s->keys, one };
    sym seen = sym_mul(g, s->past, sym_compare(g, '=', s->rows, one)), width = build_type(b, beams)->dims[1];
    val which = build_reshape(b, build_cast(b, build_slice(b, beams, 2, sym_zero(g), s->keys), QN_I64), all, 2);
    val from =
        build_formula(b, "k < p ? o / w * w + i : o", "okpwi", build_reshape(b, attend_places(b, s->batch), column, 2),
                      attend_places(b, s->keys), attend_size(b, seen), attend_size(b, width), which);
    val like = build_syms(b, build_type(b, x)->dims, 4);
    from = build_node(b, OP_Expand, (val[]){ build_reshape(b, from, each, 4), like }, 2, NULL, 0);
    attr along = attr_of_int("axis", 0);
    return build_node(b, OP_GatherElements, (val[]){ x, from }, 2, &along, 1);
}

static qn_status mha_expand(build *b, const node *n)
{
    graph *g = b->g;
    val q = input(b, IN_Q), k = input(b, IN_K), v = input(b, IN_V), bias = input(b, IN_BIAS), scores = 0;
    i64 heads = attr_int(n, "num_heads", 1);
    if (build_type(b, q)->rank == 5) k = unpacked(b, q, 1), v = unpacked(b, q, 2), q = unpacked(b, q, 0);
    else if (!v) v = unpacked(b, k, 1), k = unpacked(b, k, 0);
    if (b->status) return b->status;
    sym hidden = last_of(build_type(b, q));
    q = projected(b, q, bias, sym_zero(g), heads);
    k = projected(b, k, bias, hidden, heads);
    v = projected(b, v, bias, sym_mul(g, hidden, sym_number(g, 2)), heads);
    if (b->status) return b->status;
    const type *qt = build_type(b, q), *vt = build_type(b, v);
    masked s = { .batch = qt->dims[0], .rows = qt->dims[2], .fresh = vt->dims[2], .size = qt->dims[3] };
    val past = input(b, IN_PAST_K), beams = input(b, IN_BEAMS);
    masked_past_of(b, past, 2, input(b, IN_PAST_LENGTH), &s);
    k = masked_present(b, past, k, 2, &s);
    v = masked_present(b, input(b, IN_PAST_V), v, 2, &s);
    attend a = { .q = q };
    a.k = of_beams(b, masked_seen(b, k, 2, &s), beams, &s);
    a.v = of_beams(b, masked_seen(b, v, 2, &s), beams, &s);
    val y = masked_attended(b, a, &s, input(b, IN_MASK), input(b, IN_EXTRA), masked_wanted(b, OUT_SCORES) ? &scores : NULL);
    return build_done(b, (val[]){ y, k, v, scores }, 4);
}

static const op_case mha_cases[] = {
    { "f32[2,3,8] f32[2,5,8] f32[2,5,8]", "num_heads=2", 1e-6, "the common case" },
    { "f32[2,3,8] f32[2,3,8] f32[2,3,6] f32[22] i32[2]={3,7} f32[1,2,3,7] f32[2,2,4,4] f32[2,2,4,3]",
      "num_heads=2, unidirectional=1, n_out=3", 1e-6, "a bias, lengths, a past" },
    { "f16[2,3,2,3,4]", "num_heads=2", 3e-3, "all packed in the query, half" },
    { "f32[2,3,8] f32[2,3,8] f32[2,3,8] _ _ _ f32[2,2,7,4] f32[2,2,7,4] i32[1]={4}",
      "num_heads=2, unidirectional=1, n_out=3", 1e-6, "a past in a buffer" },
    { 0 },
};

const op_def op_MultiHeadAttention = {
    .name = "MultiHeadAttention",
    .domain = "com.microsoft",
    .doc = DOC("softmax(scale * q k^T + masks) v for each head; key and value apart, packed in one, or as a past"),
    .in = { { "query", "float" },
            { "key", "optional as query" },
            { "value", "optional as query" },
            { "bias", "optional as query" },
            { "key_padding_mask", "optional i32" },
            { "attention_bias", "optional as query" },
            { "past_key", "optional as query" },
            { "past_value", "optional as query" },
            { "past_sequence_length", "optional i32" },
            { "cache_indirection", "optional i32" } },
    .out = { { "output", "as query" }, { "present_key", "as query" }, { "present_value", "as query" }, { "qk", "float" } },
    .attrs = { NEEDED("num_heads", ATTR_INT), FLOAT("mask_filter_value", -10000), FLOAT("scale", 0),
               INT("unidirectional", 0) },
    .infer = mha_infer,
    .expand = mha_expand,
    .cases = CASES(mha_cases),
};

static const op_case decoder_cases[] = {
    { "f32[4,1,8] f32[4,1,8] f32[4,1,8] i32[4,4]=0..1 _ f32[4,2,7,4] f32[4,2,7,4] i32[1]={3} i32[1]={2} i32[2,2,7]=0..1 "
      "f32[24]",
      "num_heads=2, past_present_share_buffer=1, n_out=3", 1e-6, "two beams, a mask, a bias" },
    { 0 },
};

const op_def op_DecoderMaskedMultiHeadAttention = {
    .name = "DecoderMaskedMultiHeadAttention",
    .domain = "com.microsoft",
    .doc =
        DOC("MultiHeadAttention of one new token a sample, over a past in a buffer from which each beam takes its own keys"),
    .in = { { "query", "float" },
            { "key", "optional as query" },
            { "value", "optional as query" },
            { "mask_index", "optional i32" },
            { "attention_bias", "optional as query" },
            { "past_key", "optional as query" },
            { "past_value", "optional as query" },
            { "past_sequence_length", "optional i32" },
            { "beam_width", "optional i32" },
            { "cache_indirection", "optional i32" },
            { "bias", "optional as query" } },
    .out = { { "output", "as query" }, { "present_key", "as query" }, { "present_value", "as query" }, { "qk", "float" } },
    .attrs = { NEEDED("num_heads", ATTR_INT), FLOAT("mask_filter_value", -10000), FLOAT("scale", 0), INT("output_qk", 0),
               INT("past_present_share_buffer", 0) },
    .infer = mha_infer,
    .expand = mha_expand,
    .cases = CASES(decoder_cases),
};

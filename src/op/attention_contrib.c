/* MultiHeadAttention and Attention of com.microsoft: heads side by side, masks of many shapes, a past in one or two tensors.
 * A masked key is not hidden: mask_filter_value is added to its score. Only what is ahead of a row (unidirectional) is hidden. */
#include "op/attend.h"
#include "op/op_util.h"

typedef struct shape {
    sym batch, rows, fresh, past, keys; /* fresh: keys that are not of the past */
    sym heads, size, width;
} shape;

static sym last_of(const type *t) { return t->dims[t->rank - 1]; }

/* The size of a head where `heads` of them lie in `whole`. */
static qn_status divided(const infer *c, const char *what, sym whole, sym heads, sym *out)
{
    if (infer_differ(c->g, sym_mod(c->g, whole, heads), sym_zero(c->g)))
        return infer_fail(c, QN_E_SHAPE, "the last dimension of %s is no multiple of num_heads", what);
    *out = sym_div(c->g, whole, heads);
    return QN_OK;
}

static qn_status heads_of(const infer *c, sym *out)
{
    i64 heads = attr_int(c->n, "num_heads", 0);
    if (heads < 1 || heads > INT32_MAX)
        return infer_fail(c, QN_E_SHAPE, "num_heads is %lld, at least 1 is wanted", (long long)heads);
    *out = sym_number(c->g, heads);
    return QN_OK;
}

/* ------------------------------------------------------------------ masks */
typedef enum mask_kind { MASK_BAD, MASK_ENDS, MASK_ENDS_STARTS, MASK_KEYS, MASK_ROWS, MASK_SQUARE } mask_kind;

/* What a mask is, by its shape. Of one dimension: [batch] where the keys end, [2 batch] ends and starts, [3 batch + 2] ends and sums of lengths. */
static mask_kind mask_kind_of(graph *g, const type *mask, sym batch)
{
    sym two = sym_number(g, 2), thrice = sym_add(g, sym_mul(g, sym_number(g, 3), batch), two);
    if (mask->rank == 2) return MASK_KEYS;
    if (mask->rank == 3) return MASK_ROWS;
    if (mask->rank == 4) return MASK_SQUARE;
    if (mask->rank != 1) return MASK_BAD;
    if (sym_same(g, mask->dims[0], sym_mul(g, two, batch))) return MASK_ENDS_STARTS;
    return sym_same(g, mask->dims[0], batch) || sym_same(g, mask->dims[0], thrice) ? MASK_ENDS : MASK_BAD;
}

static qn_status check_mask(const infer *c, const type *mask, const shape *s)
{
    graph *g = c->g;
    if (!mask) return QN_OK;
    mask_kind kind = mask_kind_of(g, mask, s->batch);
    bool bad = kind == MASK_BAD;
    if (kind == MASK_KEYS || kind == MASK_ROWS)
        bad = infer_differ(g, last_of(mask), s->keys) || infer_differ(g, mask->dims[0], s->batch);
    if (kind == MASK_ROWS) bad = bad || infer_differ(g, mask->dims[1], s->rows);
    return bad ? infer_fail(c, QN_E_SHAPE, "the mask's shape fits neither the batch nor the keys") : QN_OK;
}

static qn_status check_bias(const infer *c, const type *bias, const shape *s)
{
    type scores = { .rank = 4, .known = true, .dims = { s->batch, s->heads, s->rows, s->keys } }, both = scores;
    if (!bias) return QN_OK;
    if (bias->rank != 4) return infer_fail(c, QN_E_SHAPE, "attention_bias must have four dimensions");
    return infer_broadcast(c, &scores, bias, &both);
}

/* n entries of v[..] from `from` on, as i64[n][1][1][1]. */
static val per_sample(build *b, val v, sym from, sym n)
{
    graph *g = b->g;
    sym one = sym_one(g), dims[4] = { n, one, one, one };
    return build_reshape(b, build_cast(b, build_slice(b, v, 0, from, sym_add(g, from, n)), QN_I64), dims, 4);
}

/* Rows [past, keys) and columns [0, keys) of mask[batch][1][most][most]. */
static val square_part(build *b, val mask, const shape *s)
{
    static const i64 axes[] = { 2, 3 };
    sym from[] = { s->past, sym_zero(b->g) }, to[] = { sym_add(b->g, s->past, s->rows), s->keys };
    val in[] = { mask, build_syms(b, from, 2), build_syms(b, to, 2), build_ints(b, axes, 2) };
    return build_node(b, OP_Slice, in, 4, NULL, 0);
}

/* Which keys the mask lets through: bools, broadcast to [batch][heads][rows][keys]. */
static val let_through(build *b, val mask, const shape *s)
{
    graph *g = b->g;
    sym one = sym_one(g), rows[4] = { s->batch, one, s->rows, s->keys }, keys[4] = { s->batch, one, one, s->keys };
    mask_kind kind = mask_kind_of(g, build_type(b, mask), s->batch);
    if (kind == MASK_ENDS || kind == MASK_ENDS_STARTS) {
        val seen = attend_before(b, per_sample(b, mask, sym_zero(g), s->batch), s->keys);
        if (kind == MASK_ENDS) return seen;
        val start = per_sample(b, mask, s->batch, s->batch);
        return build_op2(b, OP_And, seen, build_op2(b, OP_GreaterOrEqual, attend_places(b, s->keys), start));
    }
    if (kind == MASK_SQUARE) mask = square_part(b, mask, s);
    else mask = build_reshape(b, mask, kind == MASK_ROWS ? rows : keys, 4);
    return build_op2(b, OP_Greater, mask, build_scalar(b, QN_I32, 0));
}

static val filtered(build *b, val mask, const shape *s, qn_dtype d)
{
    if (!mask || b->status) return 0;
    val filter = build_scalar(b, d, attr_float(b->n, "mask_filter_value", -10000));
    return build_node(b, OP_Where, (val[]){ let_through(b, mask, s), build_scalar(b, d, 0), filter }, 3, NULL, 0);
}

/* ------------------------------------------------------------------ what both do once q, k and v have their heads apart */
static val attended(build *b, attend a, const shape *s, val mask, val extra, val *scores)
{
    graph *g = b->g;
    if (b->status) return 0;
    qn_dtype d = build_type(b, a.q)->dtype;
    bool ahead = attr_int(b->n, "unidirectional", 0) != 0, plain = !scores && sym_same(g, s->fresh, s->rows);
    f64 scale = attr_float(b->n, "scale", 0);
    a.scale = scale != 0 ? scale : attend_scale(b, s->size);
    a.bias = build_op2(b, OP_Add, filtered(b, mask, s, d), extra);
    if (ahead && !plain) {
        attend_sight sight = { s->rows, s->keys, attend_size(b, s->past), -1, 0 };
        a.bias = build_op2(b, OP_Add, attend_sight_bias(b, &sight, d), a.bias);
    }
    val y = scores ? attend_steps(b, &a, ATTEND_BIASED, scores) : attend_fused(b, &a, ahead && plain ? 2 : 0);
    return attend_join_heads(b, y);
}

static val only(build *b, val x, i64 axis, i64 at)
{
    return build_slice(b, x, axis, sym_number(b->g, at), sym_number(b->g, at + 1));
}

static bool wanted(const build *b, u32 i) { return i < b->n->n_out && b->n->out[i] && value_at(b->g, b->n->out[i])->uses; }

/* ------------------------------------------------------------------ MultiHeadAttention */
enum { IN_Q, IN_K, IN_V, IN_BIAS, IN_MASK, IN_EXTRA, IN_PAST_K, IN_PAST_V, IN_PAST_LENGTH, IN_BEAMS };
enum { OUT_Y, OUT_K, OUT_V, OUT_SCORES };

/* Keys and values as they come: [batch][keys][heads * size], packed [batch][keys][heads][2 or 3][size], or [batch][heads][keys][size]. */
static qn_status mha_shape(const infer *c, shape *s)
{
    const type *q = infer_in(c, IN_Q), *k = infer_in(c, IN_K), *v = infer_in(c, IN_V), *past = infer_in(c, IN_PAST_K);
    QN_TRY(heads_of(c, &s->heads));
    if ((q->rank != 3 && q->rank != 5) || (q->rank == 5) != !k || (q->rank == 5 && v) || (k && (k->rank == 5) != !v) ||
        (v && (k->rank != v->rank || k->rank < 3 || k->rank > 4)))
        return infer_fail(c, QN_E_SHAPE,
                          "query, key and value are no known form: three tensors, a packed key, or all packed in query");
    s->batch = q->dims[0], s->rows = q->dims[1];
    if (q->rank == 5) s->fresh = s->rows, s->size = q->dims[4], s->width = s->size;
    else QN_TRY(divided(c, "the query", q->dims[2], s->heads, &s->size));
    if (k && k->rank == 3) {
        s->fresh = k->dims[1];
        QN_TRY(divided(c, "the value", v->dims[2], s->heads, &s->width));
    } else if (k) {
        s->fresh = k->dims[k->rank == 4 ? 2 : 1];
        s->width = v ? v->dims[3] : k->dims[4];
    }
    s->past = past ? past->dims[2] : sym_zero(c->g);
    s->keys = sym_add(c->g, s->past, s->fresh);
    return QN_OK;
}

static qn_status mha_infer(infer *c)
{
    shape s = { 0 };
    const type *past = infer_in(c, IN_PAST_K), *past_v = infer_in(c, IN_PAST_V), q = *infer_in(c, IN_Q);
    if (infer_has(c, IN_PAST_LENGTH) || infer_has(c, IN_BEAMS))
        return infer_fail(c, QN_E_UNSUPPORTED, "a past in a buffer shared with the present is not in this build");
    if (!past != !past_v || (past && (past->rank != 4 || past_v->rank != 4)))
        return infer_fail(c, QN_E_SHAPE, "past_key and past_value must both be there, with four dimensions");
    QN_TRY(mha_shape(c, &s));
    QN_TRY(check_mask(c, infer_in(c, IN_MASK), &s));
    QN_TRY(check_bias(c, infer_in(c, IN_EXTRA), &s));
    type y = { .dtype = q.dtype, .rank = 3, .known = true, .dims = { s.batch, s.rows, sym_mul(c->g, s.heads, s.width) } };
    type k = { .dtype = q.dtype, .rank = 4, .known = true, .dims = { s.batch, s.heads, s.keys, s.size } }, v = k, qk = k;
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
    return build_reshape(b, only(b, x, 3, at), dims, 3);
}

/* x plus its part of the bias, heads apart; x with four dimensions has had both done to it. */
static val projected(build *b, val x, val bias, sym from, i64 heads)
{
    if (b->status || build_type(b, x)->rank == 4) return x;
    if (bias) x = build_op2(b, OP_Add, x, build_slice(b, bias, 0, from, sym_add(b->g, from, last_of(build_type(b, x)))));
    return attend_split_heads(b, x, heads);
}

static qn_status mha_expand(build *b, const node *n)
{
    graph *g = b->g;
    val q = build_in(b, IN_Q), k = build_in(b, IN_K), v = build_in(b, IN_V), bias = build_in(b, IN_BIAS), scores = 0;
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
    shape s = { .batch = qt->dims[0], .rows = qt->dims[2], .fresh = vt->dims[2], .size = qt->dims[3] };
    val past = build_in(b, IN_PAST_K);
    s.past = past ? build_type(b, past)->dims[2] : sym_zero(g);
    s.keys = sym_add(g, s.past, s.fresh);
    k = attend_with_past(b, k, past);
    v = attend_with_past(b, v, build_in(b, IN_PAST_V));
    attend a = { .q = q, .k = k, .v = v };
    val y = attended(b, a, &s, build_in(b, IN_MASK), build_in(b, IN_EXTRA), wanted(b, OUT_SCORES) ? &scores : NULL);
    return build_done(b, (val[]){ y, k, v, scores }, 4);
}

static const op_case mha_cases[] = {
    { "f32[2,3,8] f32[2,5,8] f32[2,5,8]", "num_heads=2", 1e-6, "the common case" },
    { "f32[2,3,8] f32[2,3,8] f32[2,3,6] f32[22] i32[2]={3,7} f32[1,2,3,7] f32[2,2,4,4] f32[2,2,4,3]",
      "num_heads=2, unidirectional=1, n_out=3", 1e-6, "a bias, lengths, a past" },
    { "f16[2,3,2,3,4]", "num_heads=2", 3e-3, "all packed in the query, half" },
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

/* ------------------------------------------------------------------ Attention */
enum { AT_X, AT_WEIGHTS, AT_BIAS, AT_MASK, AT_PAST, AT_EXTRA, AT_PAST_LENGTH };

/* How wide q, k and v lie in the weights' columns. */
static qn_status widths_of(const infer *c, sym columns, sym *out)
{
    const i64 *sizes;
    graph *g = c->g;
    u32 n = attr_ints(c->n, "qkv_hidden_sizes", &sizes);
    sym three = sym_number(g, 3), sum = sym_zero(g);
    if (n != 0 && n != 3) return infer_fail(c, QN_E_SHAPE, "qkv_hidden_sizes must be three numbers");
    for (u32 i = 0; i < 3; i++) {
        if (n && sizes[i] < 1) return infer_fail(c, QN_E_SHAPE, "a size in qkv_hidden_sizes is less than 1");
        out[i] = n ? sym_number(g, sizes[i]) : sym_div(g, columns, three);
        sum = sym_add(g, sum, out[i]);
    }
    if (infer_differ(g, out[0], out[1])) return infer_fail(c, QN_E_SHAPE, "q and k must be as wide as one another");
    return infer_differ(g, sum, columns) ? infer_fail(c, QN_E_SHAPE, "the weights' columns are not q, k and v") : QN_OK;
}

static qn_status attention_infer(infer *c)
{
    const type *x = infer_in(c, AT_X), *w = infer_in(c, AT_WEIGHTS), *past = infer_in(c, AT_PAST);
    shape s = { 0 };
    graph *g = c->g;
    sym widths[3];
    if (x->rank != 3 || w->rank != 2)
        return infer_fail(c, QN_E_SHAPE, "input and weights must have three and two dimensions");
    if (past && past->rank != 5) return infer_fail(c, QN_E_SHAPE, "the past must have five dimensions");
    if (infer_int(c, "do_rotary")) return infer_fail(c, QN_E_UNSUPPORTED, "do_rotary is not in this build");
    if (infer_int(c, "past_present_share_buffer") || infer_has(c, AT_PAST_LENGTH))
        return infer_fail(c, QN_E_UNSUPPORTED, "a past in a buffer shared with the present is not in this build");
    QN_TRY(heads_of(c, &s.heads));
    QN_TRY(widths_of(c, w->dims[1], widths));
    QN_TRY(divided(c, "q and k", widths[0], s.heads, &s.size));
    QN_TRY(divided(c, "v", widths[2], s.heads, &s.width));
    s.batch = x->dims[0], s.rows = s.fresh = x->dims[1];
    s.past = past ? past->dims[3] : sym_zero(g);
    s.keys = sym_add(g, s.past, s.fresh);
    QN_TRY(check_mask(c, infer_in(c, AT_MASK), &s));
    QN_TRY(check_bias(c, infer_in(c, AT_EXTRA), &s));
    type y = *x;
    y.dims[2] = widths[2];
    type present = { .dtype = x->dtype, .rank = 5, .known = true };
    sym dims[5] = { sym_number(g, 2), s.batch, s.heads, s.keys, s.size };
    memcpy(present.dims, dims, sizeof dims);
    if (c->n->n_out > 1 && c->n->out[1] && infer_differ(g, s.size, s.width))
        return infer_fail(c, QN_E_SHAPE, "a present needs k and v of one width");
    QN_TRY(infer_out(c, 0, &y));
    return infer_out(c, 1, &present);
}

/* past[2][batch][heads][length][size] of one half, without its first dimension. */
static val past_of(build *b, val past, i64 half)
{
    if (!past || b->status) return 0;
    type t = *build_type(b, past);
    return build_reshape(b, only(b, past, 0, half), t.dims + 1, 4);
}

static val both_present(build *b, val k, val v)
{
    if (b->status) return 0;
    type t = *build_type(b, k);
    sym dims[5] = { sym_one(b->g), t.dims[0], t.dims[1], t.dims[2], t.dims[3] };
    return build_concat(b, build_reshape(b, k, dims, 5), build_reshape(b, v, dims, 5), 0);
}

static qn_status attention_expand(build *b, const node *n)
{
    graph *g = b->g;
    const type *x = build_type(b, build_in(b, AT_X)), y = *build_type(b, n->out[0]);
    i64 heads = attr_int(n, "num_heads", 1);
    val past = build_in(b, AT_PAST), all = build_op2(b, OP_MatMul, build_in(b, AT_X), build_in(b, AT_WEIGHTS)), qkv[3];
    all = build_op2(b, OP_Add, all, build_in(b, AT_BIAS));
    if (b->status) return b->status;
    sym columns = build_type(b, all)->dims[2], wide = sym_div(g, sym_sub(g, columns, y.dims[2]), sym_number(g, 2));
    sym ends[4] = { sym_zero(g), wide, sym_mul(g, wide, sym_number(g, 2)), columns };
    for (u32 i = 0; i < 3; i++) qkv[i] = attend_split_heads(b, build_slice(b, all, 2, ends[i], ends[i + 1]), heads);
    shape s = { .batch = x->dims[0], .rows = x->dims[1], .fresh = x->dims[1] };
    s.size = sym_div(g, wide, sym_number(g, heads));
    s.past = past ? build_type(b, past)->dims[3] : sym_zero(g);
    s.keys = sym_add(g, s.past, s.fresh);
    attend a = { .q = qkv[0] };
    a.k = attend_with_past(b, qkv[1], past_of(b, past, 0));
    a.v = attend_with_past(b, qkv[2], past_of(b, past, 1));
    val out[2] = { attended(b, a, &s, build_in(b, AT_MASK), build_in(b, AT_EXTRA), NULL), 0 };
    if (wanted(b, 1)) out[1] = both_present(b, a.k, a.v);
    return build_done(b, out, 2);
}

static const op_case attention_cases[] = {
    { "f32[2,3,6] f32[6,24] f32[24]", "num_heads=2", 1e-6, "the common case" },
    { "f32[2,3,6] f32[6,24] f32[24] i32[4]={7,5,1,0} f32[2,2,2,4,4]", "num_heads=2, unidirectional=1, n_out=2", 1e-6,
      "ends and starts, a past" },
    { "f32[2,3,6] f32[6,22] f32[22] i32[2,1,9,9]=0..1", "num_heads=2, qkv_hidden_sizes=[8,8,6], mask_filter_value=-3.0",
      1e-6, "a square mask" },
    { 0 },
};

const op_def op_MsAttention = {
    .name = "Attention",
    .domain = "com.microsoft",
    .doc = DOC("q, k and v from one product of the input with the weights; then as MultiHeadAttention, past and present in "
               "one tensor"),
    .in = { { "input", "float" },
            { "weights", "as input" },
            { "bias", "optional as input" },
            { "mask_index", "optional i32" },
            { "past", "optional as input" },
            { "attention_bias", "optional as input" },
            { "past_sequence_length", "optional i32" } },
    .out = { { "output", "as input" }, { "present", "as input" } },
    .attrs = { INT("do_rotary", 0), FLOAT("mask_filter_value", -10000), NEEDED("num_heads", ATTR_INT),
               INT("past_present_share_buffer", 0), INTS("qkv_hidden_sizes"), INT("rotary_embedding_dim", 0),
               FLOAT("scale", 0), INT("unidirectional", 0) },
    .infer = attention_infer,
    .expand = attention_expand,
    .cases = CASES(attention_cases),
};

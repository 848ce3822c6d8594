/* Attention of ONNX (opset 23 and later): three or four dimensions, shared heads, masks, causal and windowed sight, a cache.
 * Everything but the caches and masks is ScaledAttention; where the scores are wanted too, it is done in steps. */
#include "op/attend.h"

#include <math.h>

#include "op/op_util.h"

enum { IN_Q, IN_K, IN_V, IN_MASK, IN_PAST_K, IN_PAST_V, IN_LENGTHS };
enum { OUT_Y, OUT_K, OUT_V, OUT_SCORES };

typedef struct heads {
    sym q, kv, size, width;
} heads;

static qn_status heads_of(const infer *c, heads *out)
{
    const type *q = infer_in(c, IN_Q), *k = infer_in(c, IN_K), *v = infer_in(c, IN_V);
    graph *g = c->g;
    if (q->rank != k->rank || q->rank != v->rank || q->rank < 3 || q->rank > 4)
        return infer_fail(c, QN_E_SHAPE, "q, k and v must have three or four dimensions, all as many");
    if (q->rank == 4) {
        *out = (heads){ q->dims[1], k->dims[1], q->dims[3], v->dims[3] };
        return QN_OK;
    }
    i64 nq = attr_int(c->n, "q_num_heads", 0), nkv = attr_int(c->n, "kv_num_heads", 0);
    if (nq < 1 || nkv < 1 || nq > INT32_MAX || nkv > INT32_MAX)
        return infer_fail(c, QN_E_SHAPE, "q_num_heads and kv_num_heads must say how many heads the last dimension holds");
    out->q = sym_number(g, nq);
    out->kv = sym_number(g, nkv);
    out->size = sym_div(g, q->dims[2], out->q);
    out->width = sym_div(g, v->dims[2], out->kv);
    return QN_OK;
}

/* A mask may end before the keys do. */
static qn_status check_mask(const infer *c, const type *scores)
{
    if (!infer_has(c, IN_MASK)) return QN_OK;
    type mask = *infer_in(c, IN_MASK);
    if (mask.rank < 1) return infer_fail(c, QN_E_SHAPE, "attn_mask has no dimensions");
    sym *last = &mask.dims[mask.rank - 1], keys = scores->dims[3], within = sym_add(c->g, keys, sym_one(c->g));
    sym fits = sym_compare(c->g, '<', *last, within);
    if (sym_is(c->g, fits, 0)) return infer_fail(c, QN_E_SHAPE, "attn_mask is of more keys than there are");
    infer_need(c->g, fits, "a mask of # keys for #", *last, keys);
    *last = keys;
    return infer_broadcast_to(c, IN_MASK, &mask, scores);
}

static qn_status check_sizes(const infer *c, const heads *h, const type *scores)
{
    graph *g = c->g;
    const type *q = infer_in(c, IN_Q), *k = infer_in(c, IN_K), *past = infer_in(c, IN_PAST_K);
    sym batch = scores->dims[0], fresh = k->dims[k->rank - 2u], before = past ? past->dims[2] : 0;
    if (infer_differ(g, sym_mod(g, h->q, h->kv), sym_zero(g)))
        return infer_fail(c, QN_E_SHAPE, "the heads of q are no multiple of those of k");
    QN_TRY(attend_fits(c, IN_Q, batch, h->q, q->dims[q->rank - 2u], h->size));
    QN_TRY(attend_fits(c, IN_K, batch, h->kv, fresh, h->size));
    QN_TRY(attend_fits(c, IN_V, batch, h->kv, fresh, h->width));
    QN_TRY(attend_fits(c, IN_PAST_K, batch, h->kv, before, h->size));
    QN_TRY(attend_fits(c, IN_PAST_V, batch, h->kv, before, h->width));
    QN_TRY(infer_sizes(c, IN_LENGTHS, &batch, 1, "the batch"));
    return check_mask(c, scores);
}

static qn_status attention_infer(infer *c)
{
    heads h;
    QN_TRY(heads_of(c, &h));
    graph *g = c->g;
    const type *q = infer_in(c, IN_Q), *k = infer_in(c, IN_K), *past = infer_in(c, IN_PAST_K),
               *past_v = infer_in(c, IN_PAST_V);
    u32 along = q->rank - 2u;
    if ((past && past->rank != 4) || (past_v && past_v->rank != 4) || !past != !past_v)
        return infer_fail(c, QN_E_SHAPE, "past_key and past_value must both be there, with four dimensions");
    sym keys = past ? sym_add(g, past->dims[2], k->dims[along]) : k->dims[along];
    type scores = { .dtype = q->dtype, .rank = 4, .known = true, .dims = { q->dims[0], h.q, q->dims[along], keys } };
    QN_TRY(check_sizes(c, &h, &scores));
    type y = *q;
    if (q->rank == 4) y.dims[3] = h.width;
    else y.dims[2] = sym_mul(g, h.q, h.width);
    QN_TRY(infer_out(c, OUT_Y, &y));
    type t = { .dtype = q->dtype, .rank = 4, .known = true, .dims = { q->dims[0], h.kv, keys, h.size } };
    QN_TRY(infer_out(c, OUT_K, &t));
    t.dims[3] = h.width, t.dtype = infer_in(c, IN_V)->dtype;
    QN_TRY(infer_out(c, OUT_V, &t));
    return infer_out(c, OUT_SCORES, &scores);
}

/* A mask that ends before the keys do hides the rest. */
static val padded(build *b, val bias, sym keys, qn_dtype d)
{
    if (!bias || b->status) return bias;
    graph *g = b->g;
    type t = *build_type(b, bias);
    sym lack = sym_sub(g, keys, t.dims[t.rank - 1]);
    if (sym_is(g, lack, 0) || (sym_is(g, t.dims[t.rank - 1], 1) && !sym_is(g, keys, 1) && t.rank > 2)) return bias;
    sym pads[2 * QN_MAX_RANK];
    for (u32 i = 0; i < 2u * t.rank; i++) pads[i] = sym_number(g, 0);
    pads[2 * t.rank - 1] = lack;
    val in[] = { bias, build_syms(b, pads, 2 * t.rank), build_scalar(b, d, -(f64)INFINITY) };
    return build_node(b, OP_Pad, in, 3, NULL, 0);
}

/* Keys from lengths[batch] on are padding. */
static val length_bias(build *b, val lengths, sym keys, qn_dtype d)
{
    sym one = sym_number(b->g, 1), dims[4] = { build_type(b, lengths)->dims[0], one, one, one };
    return attend_mask_bias(b, attend_before(b, build_reshape(b, build_cast(b, lengths, QN_I64), dims, 4), keys), d);
}

/* Where row 0 stands among the keys: behind the past, or so that the last row is the last key that is no padding. */
static val offset_of(build *b, val past, val lengths, sym rows)
{
    graph *g = b->g;
    if (past) return attend_size(b, build_type(b, past)->dims[2]);
    if (!lengths) return 0;
    sym one = sym_number(g, 1), dims[4] = { build_type(b, lengths)->dims[0], one, one, one };
    return build_op2(b, OP_Sub, build_reshape(b, build_cast(b, lengths, QN_I64), dims, 4), attend_size(b, rows));
}

/* All that hides keys, but for plain causal sight, which the kernel does itself: *causal is its attribute. */
static val bias_of(build *b, sym rows, sym keys, sym fresh, bool in_steps, qn_dtype d, i64 *causal)
{
    const node *n = b->n;
    val past = build_in(b, IN_PAST_K), lengths = build_in(b, IN_LENGTHS);
    val bias = padded(b, attend_mask_bias(b, build_in(b, IN_MASK), d), keys, d);
    i64 left = attr_int(n, "left_window_size", -1), right = attr_int(n, "right_window_size", -1);
    bool is_causal = attr_int(n, "is_causal", 0) != 0;
    *causal = 0;
    if (is_causal && !in_steps && left < 0 && !lengths && (!past || sym_same(b->g, fresh, rows))) *causal = past ? 2 : 1;
    else if (is_causal) right = right < 0 ? 0 : MIN(right, 0);
    if (left >= 0 || right >= 0) {
        attend_sight s = {
            .rows = rows, .keys = keys, .offset = offset_of(b, past, lengths, rows), .left = left, .right = right
        };
        bias = build_op2(b, OP_Add, attend_sight_bias(b, &s, d), bias);
    }
    return lengths ? build_op2(b, OP_Add, length_bias(b, lengths, keys, d), bias) : bias;
}

static qn_status attention_expand(build *b, const node *n)
{
    val q = build_in(b, IN_Q), k = build_in(b, IN_K), v = build_in(b, IN_V);
    qn_dtype d = build_type(b, q)->dtype;
    bool flat = build_type(b, q)->rank == 3;
    if (flat) {
        i64 kv = attr_int(n, "kv_num_heads", 1);
        q = attend_split_heads(b, q, attr_int(n, "q_num_heads", 1));
        k = attend_split_heads(b, k, kv);
        v = attend_split_heads(b, v, kv);
    }
    if (b->status) return b->status;
    sym fresh = build_type(b, k)->dims[2];
    k = attend_with_past(b, k, build_in(b, IN_PAST_K));
    v = attend_with_past(b, v, build_in(b, IN_PAST_V));
    if (b->status) return b->status;
    const type *qt = build_type(b, q);
    i64 causal;
    bool in_steps = n->n_out > OUT_SCORES && n->out[OUT_SCORES] && value_at(b->g, n->out[OUT_SCORES])->uses;
    attend a = { .q = q,
                 .k = k,
                 .v = build_cast(b, v, d),
                 .scale = attr_find(n, "scale") ? attr_float(n, "scale", 1) : attend_scale(b, qt->dims[3]),
                 .softcap = attr_float(n, "softcap", 0) };
    sym rows = qt->dims[2], keys = build_type(b, k)->dims[2];
    a.bias = bias_of(b, rows, keys, fresh, in_steps, d, &causal);
    val scores = 0;
    i64 stage = attr_int(n, "qk_matmul_output_mode", 0);
    if (stage < ATTEND_RAW || stage > ATTEND_SOFTMAX)
        return build_fail(b, QN_E_UNSUPPORTED, "qk_matmul_output_mode must be 0 to 3");
    val y = in_steps ? attend_steps(b, &a, (int)stage, &scores) : attend_fused(b, &a, causal);
    if (flat) y = attend_join_heads(b, y);
    return build_done(b, (val[]){ y, k, v, scores }, MIN(n->n_out, 4u));
}

static const op_case attention_cases[] = {
    { "f32[2,3,4,8] f32[2,3,6,8] f32[2,3,6,10]", "", 1e-6, "heads apart" },
    { "f32[2,4,24] f32[2,6,24] f32[2,6,24]", "q_num_heads=3, kv_num_heads=3", 1e-6, "heads side by side" },
    { "f32[2,4,24] f32[2,6,8] f32[2,6,8] f32[4,6]", "q_num_heads=6, kv_num_heads=2, scale=0.2", 1e-6,
      "shared heads, a mask" },
    { "f32[1,2,4,8] f32[1,2,4,8] f32[1,2,4,8] _ f32[1,2,5,8] f32[1,2,5,8]", "is_causal=1, n_out=3", 1e-6,
      "causal, with a past" },
    { "f32[1,2,4,8] f32[1,2,6,8] f32[1,2,6,8] f32[4,6]", "softcap=2.0, qk_matmul_output_mode=2, n_out=4", 1e-6,
      "with its scores" },
    { "f32[1,2,4,8] f32[1,2,6,8] f32[1,2,6,8] f32[4,4]", "is_causal=1, qk_matmul_output_mode=3, n_out=4", 1e-6,
      "a short mask, the shares" },
    { "f32[1,2,4,8] f32[1,2,6,8] f16[1,2,6,8] i8[4,6]=-3..3 f32[1,2,5,8] f16[1,2,5,8]", "n_out=3", 1e-3,
      "narrower values, a mask of integers, a past" },
    { "f16[1,2,4,8] f16[1,2,6,8] f32[1,2,6,8]", "", 2e-3, "wider values" },
    { 0 },
};

const op_def op_Attention = {
    .name = "Attention",
    .doc = DOC(
        "y = softmax(scale * q k^T + mask) v for each head, with caches of keys and values; causal, windowed, softcapped "
        "as its attributes say"),
    .in = { { "q", "float" },
            { "k", "as q" },
            { "v", "float" },
            { "attn_mask", "optional number|bool" },
            { "past_key", "optional as q" },
            { "past_value", "optional as v" },
            { "nonpad_kv_seqlen", "optional i64" } },
    .out = { { "y", "as q" },
             { "present_key", "optional as q" },
             { "present_value", "optional as v" },
             { "qk_matmul_output", "optional as q" } },
    .attrs = { INT("is_causal", 0), INT("kv_num_heads", 0), INT("q_num_heads", 0), INT("qk_matmul_output_mode", 0),
               FLOAT("scale", 0), FLOAT("softcap", 0), INT("softmax_precision", 0), INT("left_window_size", -1),
               INT("right_window_size", -1) },
    .infer = attention_infer,
    .expand = attention_expand,
    .cases = CASES(attention_cases),
};

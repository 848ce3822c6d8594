/* Attention of com.microsoft: q, k and v from one product, a past with both in one tensor. */
#include "op/masked.h"
#include "op/op_util.h"

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
    masked s = { 0 };
    graph *g = c->g;
    sym widths[3];
    if (x->rank != 3 || w->rank != 2)
        return infer_fail(c, QN_E_SHAPE, "input and weights must have three and two dimensions");
    if (past && past->rank != 5) return infer_fail(c, QN_E_SHAPE, "the past must have five dimensions");
    if (infer_int(c, "past_present_share_buffer") && !infer_has(c, AT_PAST_LENGTH))
        return infer_fail(c, QN_E_SHAPE, "past_present_share_buffer needs past_sequence_length");
    QN_TRY(masked_heads(c, &s.heads));
    QN_TRY(widths_of(c, w->dims[1], widths));
    QN_TRY(masked_divided(c, "q and k", widths[0], s.heads, &s.size));
    QN_TRY(masked_divided(c, "v", widths[2], s.heads, &s.width));
    s.batch = x->dims[0], s.rows = s.fresh = x->dims[1];
    QN_TRY(masked_past(c, past, 3, AT_PAST_LENGTH, &s));
    QN_TRY(masked_check(c, AT_MASK, AT_EXTRA, &s));
    type y = *x;
    y.dims[2] = widths[2];
    type present = { .dtype = x->dtype, .rank = 5, .known = true };
    sym dims[5] = { sym_number(g, 2), s.batch, s.heads, s.room, s.size };
    memcpy(present.dims, dims, sizeof dims);
    if (c->n->n_out > 1 && c->n->out[1] && infer_differ(g, s.size, s.width))
        return infer_fail(c, QN_E_SHAPE, "a present needs k and v of one width");
    QN_TRY(infer_out(c, 0, &y));
    return infer_out(c, 1, &present);
}

static val both(build *b, val k, val v)
{
    if (b->status) return 0;
    type t = *build_type(b, k);
    sym dims[5] = { sym_one(b->g), t.dims[0], t.dims[1], t.dims[2], t.dims[3] };
    return build_concat(b, build_reshape(b, k, dims, 5), build_reshape(b, v, dims, 5), 0);
}

static val rotated(build *b, val x, const masked *s)
{
    attr part = attr_of_int("rotary_embedding_dim", attr_int(b->n, "rotary_embedding_dim", 0));
    if (!attr_int(b->n, "do_rotary", 0)) return x;
    return build_node(b, OP_RotaryFrom, (val[]){ x, attend_size(b, s->past) }, 2, &part, 1);
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
    masked s = { .batch = x->dims[0], .rows = x->dims[1], .fresh = x->dims[1] };
    s.size = sym_div(g, wide, sym_number(g, heads));
    masked_past_of(b, past, 3, build_in(b, AT_PAST_LENGTH), &s);
    attend a = { .q = rotated(b, qkv[0], &s), .k = rotated(b, qkv[1], &s), .v = qkv[2] };
    val out[2] = { 0 };
    if (past || masked_wanted(b, 1)) out[1] = masked_present(b, past, both(b, a.k, a.v), 3, &s);
    if (past)
        a.k = build_entry(b, masked_seen(b, out[1], 3, &s), 0, 0), a.v = build_entry(b, masked_seen(b, out[1], 3, &s), 0, 1);
    out[0] = masked_attended(b, a, &s, build_in(b, AT_MASK), build_in(b, AT_EXTRA), NULL);
    return build_done(b, out, 2);
}

static const op_case attention_cases[] = {
    { "f32[2,3,6] f32[6,24] f32[24]", "num_heads=2", 1e-6, "the common case" },
    { "f32[2,3,6] f32[6,24] f32[24] i32[4]={7,5,1,0} f32[2,2,2,4,4]", "num_heads=2, unidirectional=1, n_out=2", 1e-6,
      "ends and starts, a past" },
    { "f32[2,3,6] f32[6,22] f32[22] i32[2,1,9,9]=0..1", "num_heads=2, qkv_hidden_sizes=[8,8,6], mask_filter_value=-3.0",
      1e-6, "a square mask" },
    { "f32[2,3,6] f32[6,24] f32[24] i32[2,7]=0..1 f32[2,2,2,8,4] _ i32[1]={4}",
      "num_heads=2, past_present_share_buffer=1, n_out=2", 1e-6, "a past in a buffer" },
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

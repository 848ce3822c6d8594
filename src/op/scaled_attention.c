/* ScaledAttention: what Attention, MultiHeadAttention and the patterns of exported models come down to, with a kernel of its own. */
#include "op/attend.h"
#include "op/blocks.h"
#include "plan/lower.h"

enum { IN_Q, IN_K, IN_V, IN_BIAS };
enum { DEPTH_MAX = 256, WIDTH_MAX = 240, BLOCK_ROWS = 128 }; /* of kernels/attention_tile.c */

static qn_status scaled_attention_infer(infer *c)
{
    const type *q = infer_in(c, IN_Q), *k = infer_in(c, IN_K), *v = infer_in(c, IN_V), *bias = infer_in(c, IN_BIAS);
    graph *g = c->g;
    if (q->rank != 4 || k->rank != 4 || v->rank != 4)
        return infer_fail(c, QN_E_SHAPE, "q, k and v must have four dimensions");
    if (infer_differ(g, q->dims[3], k->dims[3])) return infer_fail(c, QN_E_SHAPE, "q and k have heads of different sizes");
    if (infer_differ(g, k->dims[2], v->dims[2]) || infer_differ(g, k->dims[1], v->dims[1]))
        return infer_fail(c, QN_E_SHAPE, "k and v have different lengths or numbers of heads");
    if (infer_differ(g, q->dims[0], k->dims[0]) || infer_differ(g, q->dims[0], v->dims[0]))
        return infer_fail(c, QN_E_SHAPE, "q, k and v have different batches");
    if (infer_differ(g, sym_mod(g, q->dims[1], k->dims[1]), sym_number(g, 0)))
        return infer_fail(c, QN_E_SHAPE, "the heads of q are no multiple of those of k");
    type y = *q, scores = *q;
    y.dims[3] = v->dims[3];
    scores.dims[3] = k->dims[2];
    if (bias) {
        if (bias->rank > 4 || bias->rank < 2) return infer_fail(c, QN_E_SHAPE, "the bias must have two to four dimensions");
        QN_TRY(infer_broadcast_to(c, IN_BIAS, bias, &scores));
    }
    return infer_out(c, 0, &y);
}

/* causal=1: row i sees keys up to i; 2: up to i + keys - rows, so that the last row sees all. */
static val causal_bias(build *b, i64 causal)
{
    const type *q = build_type(b, build_in(b, IN_Q)), *k = build_type(b, build_in(b, IN_K));
    attend_sight s = { .rows = q->dims[2], .keys = k->dims[2], .left = -1, .right = 0 };
    sym behind = sym_sub(b->g, s.keys, s.rows);
    if (causal == 2) s.offset = build_reshape(b, build_syms(b, &behind, 1), NULL, 0);
    return attend_sight_bias(b, &s, build_type(b, build_in(b, IN_Q))->dtype);
}

static qn_status scaled_attention_expand(build *b, const node *n)
{
    i64 causal = attr_int(n, "causal", 0);
    attend a = { .q = build_in(b, IN_Q),
                 .k = build_in(b, IN_K),
                 .v = build_in(b, IN_V),
                 .bias = build_in(b, IN_BIAS),
                 .scale = attr_float(n, "scale", 1),
                 .softcap = attr_float(n, "softcap", 0) };
    if (causal) a.bias = build_op2(b, OP_Add, causal_bias(b, causal), a.bias);
    val y = attend_steps(b, &a, 0, NULL);
    return build_done(b, &y, 1);
}

static bool at_most(const lowering *l, sym s, i64 most)
{
    i64 size;
    return sym_is_number(lower_graph(l), s, &size) && size >= 1 && size <= most;
}

static bool fits_tile(const lowering *l, const node *n)
{
    const type *q = lower_type(l, lower_in(l, n, IN_Q)), *v = lower_type(l, lower_in(l, n, IN_V));
    return blocks_fit(lower_caps(l), q->dtype, BLOCKS_ATTENTION_NUMBERS) && at_most(l, q->dims[3], DEPTH_MAX) &&
           at_most(l, v->dims[3], WIDTH_MAX);
}

/* Stride of the bias along dimension d of the scores (0: batch .. 3: keys), 0 where it is broadcast. */
static sym bias_stride(graph *g, const type *bias, const sym *scores, u32 d)
{
    sym zero = sym_number(g, 0), own, step = sym_number(g, 1);
    if (!bias || d + bias->rank < 4) return zero;
    u32 at = d + bias->rank - 4;
    for (u32 k = at + 1; k < bias->rank; k++) step = sym_mul(g, step, bias->dims[k]);
    own = bias->dims[at];
    if (sym_is(g, own, 1)) return zero;
    return sym_same(g, own, scores[d]) ? step : sym_select(g, sym_compare(g, '=', own, sym_number(g, 1)), zero, step);
}

/* Rows of a block: fewer where there would not be a few blocks for each worker. sizes: rows, heads of all batches */
static void choose_block(const qn_caps *caps, const i64 *sizes, u32 *numbers)
{
    u32 block = BLOCK_ROWS;
    while (block > 32 && blocks_groups(sizes[0], block, sizes[1], 1, 1) / 2 < caps->workers) block /= 2;
    numbers[PIECE_ROWS] = block;
    numbers[PIECE_GROUPS] = blocks_groups(sizes[0], block, sizes[1], 1, 1);
}

static qn_status emit_tile(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val q = lower_in(l, n, IN_Q), k = lower_in(l, n, IN_K), v = lower_in(l, n, IN_V), bias = lower_in(l, n, IN_BIAS);
    const type *qt = lower_type(l, q), *kt = lower_type(l, k), *vt = lower_type(l, v),
               *bt = bias ? lower_type(l, bias) : NULL;
    sym rows = qt->dims[2], keys = kt->dims[2];
    sym scores[4] = { qt->dims[0], qt->dims[1], rows, keys };
    i64 causal = attr_int(n, "causal", 0);
    launch *s = launch_begin(l, "attention_tile.c", "attention_tile");
    launch_define(s, "T", dtype_word(qt->dtype));
    launch_in(s, q);
    launch_in(s, k);
    launch_in(s, v);
    launch_in(s, bias ? bias : q);
    launch_out(s, lower_out(l, n, 0));
    launch_size(s, qt->dims[1]);
    launch_size(s, sym_div(g, qt->dims[1], kt->dims[1]));
    launch_size(s, rows);
    launch_size(s, keys);
    launch_size(s, qt->dims[3]);
    launch_size(s, vt->dims[3]);
    launch_choose(s, choose_block, (const sym[]){ rows, sym_mul(g, qt->dims[0], qt->dims[1]) }, 2);
    launch_chosen(s, PIECE_ROWS);
    for (u32 d = 0; d < 4; d++) launch_size(s, bias_stride(g, bt, scores, d));
    launch_size(s, causal == 2 ? sym_sub(g, keys, rows) : sym_number(g, 0));
    launch_float(s, attr_float(n, "scale", 1));
    launch_float(s, attr_float(n, "softcap", 0));
    launch_const(s, "has_bias", bias != 0);
    launch_const(s, "causal", causal != 0);
    return launch_chosen_groups(s, PIECE_GROUPS);
}

static const variant scaled_attention_variants[] = { { "attention_tile", NEED_LANES, fits_tile, emit_tile }, { 0 } };

static sym scaled_attention_flops(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val q = lower_in(l, n, IN_Q), v = lower_in(l, n, IN_V);
    sym pairs = sym_mul(g, lower_product(l, q, 0, 3), lower_dim(l, v, 2)); /* of a query and a key */
    return sym_mul(g, sym_mul(g, sym_number(g, 2), pairs), sym_add(g, lower_dim(l, q, 3), lower_dim(l, v, 3)));
}

static const op_case scaled_attention_cases[] = {
    { "f32[2,3,7,16] f32[2,3,9,16] f32[2,3,9,20]", "scale=0.25", 1e-6, "no bias" },
    { "f32[1,2,300,64] f32[1,2,500,64] f32[1,2,500,64]", "scale=0.125", 1e-6, "several blocks of rows and of keys" },
    { "f32[2,4,5,8] f32[2,2,9,8] f32[2,2,9,8] f32[2,1,5,9]", "scale=0.3", 1e-6,
      "heads share keys; a bias for each batch item" },
    { "f32[2,4,5,8] f32[2,2,9,8] f32[2,2,9,8] f32[4,5,9]", "scale=0.3", 1e-6, "heads share keys; a bias for each head" },
    { "f32[1,2,50,8] f32[1,2,50,8] f32[1,2,50,8]", "scale=0.3, causal=1", 1e-6, "causal" },
    { "f32[1,2,5,8] f32[1,2,260,8] f32[1,2,260,8] f32[5,260]", "scale=0.3, causal=2", 1e-6,
      "causal behind a past, with a bias" },
    { "f32[1,2,5,8] f32[1,2,9,8] f32[1,2,9,8]", "scale=1.0, softcap=2.5", 1e-6, "softcap" },
    { "f32[1,1,1,64] f32[1,1,70,64] f32[1,1,70,64] f32[1,1,1,1]", "scale=0.125", 1e-6, "one row" },
    { "f16[1,2,5,8] f16[1,2,9,8] f16[1,2,9,8]", "scale=0.3", 2e-3, "half precision" },
    { 0 },
};

const op_def op_ScaledAttention = {
    .name = "ScaledAttention",
    .domain = "quern",
    .doc = DOC("y = softmax(cap(scale * q k^T) + bias) v for each head, x[batch][heads][length][size]; heads of k and v may "
               "serve several of q. "
               "causal=1: row i sees keys up to i; 2: the last row sees all. cap(s) = softcap * tanh(s / softcap)"),
    .in = { { "q", "float" }, { "k", "as q" }, { "v", "as q" }, { "bias", "optional as q" } },
    .out = { { "y", "as q" } },
    .attrs = { FLOAT("scale", 1), FLOAT("softcap", 0), INT("causal", 0) },
    .infer = scaled_attention_infer,
    .expand = scaled_attention_expand,
    .variants = scaled_attention_variants,
    .flops = scaled_attention_flops,
    .cases = CASES(scaled_attention_cases),
};

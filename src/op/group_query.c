/* GroupQueryAttention of com.microsoft: what language models export with their caches. Each sample has tokens of its own in the cache, and new
 * ones are written behind them; positions, causal sight and windows count from there.
 *
 *     total    the scalar total_sequence_length, read where only a run knows it: how many keys of the cache are looked at
 *     present  max(past length, total) keys: a past that grows, or a buffer that keeps its size */
#include "op/attend.h"

#include <math.h>

#include "op/elems.h"
#include "op/formula.h"
#include "op/op_util.h"
#include "op/quantize.h"
#include "plan/lower.h"

enum {
    IN_Q,
    IN_K,
    IN_V,
    IN_PAST_K,
    IN_PAST_V,
    IN_LENGTHS,
    IN_TOTAL,
    IN_COS,
    IN_SIN,
    IN_POSITIONS,
    IN_BIAS,
    IN_SINK,
    IN_K_SCALE,
    IN_V_SCALE,
    IN_Q_NORM,
    IN_K_NORM,
    IN_COUNTS
};
enum { OUT_Y, OUT_K, OUT_V, OUT_SCORES };
/* past: keys that the past has room for; total: keys that are looked at; present: keys that the present has. */
typedef struct shape {
    sym batch, rows, past, total, present;
    i64 heads, groups;
    sym size;
} shape;

static bool is_windowed(const node *n) { return attr_int(n, "sliding_window_cache", 0) != 0; }

/* ------------------------------------------------------------------ shapes and what is refused */
static qn_status check_attrs(const infer *c)
{
    static const struct {
        const char *name;
        i64 least, most;
    } ranges[] = { { "num_heads", 1, INT32_MAX },
                   { "kv_num_heads", 1, INT32_MAX },
                   { "causal", 0, 1 },
                   { "qk_output", 0, 2 },
                   { "sliding_window_cache", 0, 1 } };
    for (u32 i = 0; i < COUNT(ranges); i++) {
        i64 v = infer_int(c, ranges[i].name);
        if (v < ranges[i].least || v > ranges[i].most)
            return infer_fail(c, QN_E_UNSUPPORTED, "%s is %lld", ranges[i].name, (long long)v);
    }
    if (infer_int(c, "num_heads") % infer_int(c, "kv_num_heads"))
        return infer_fail(c, QN_E_SHAPE, "num_heads is no multiple of kv_num_heads");
    if (infer_int(c, "local_window_size") != -1 && !infer_int(c, "causal"))
        return infer_fail(c, QN_E_SHAPE, "local_window_size needs causal");
    if (!is_windowed(c->n)) return QN_OK;
    if (infer_int(c, "qk_output"))
        return infer_fail(c, QN_E_UNSUPPORTED,
                          "qk_output with sliding_window_cache: which keys it would be of is not specified");
    return infer_has(c, IN_PAST_K) ? QN_OK : infer_fail(c, QN_E_SHAPE, "sliding_window_cache needs a past");
}

/* A cache of small numbers: how many bits, and for keys and values whether they have one scale or one for each channel. */
static qn_status check_cache(const infer *c, sym channels)
{
    static const struct {
        const char *kind;
        u8 scale;
    } sides[] = { { "k_quant_type", IN_K_SCALE }, { "v_quant_type", IN_V_SCALE } };
    const type *past = infer_in(c, IN_PAST_K);
    bool small = past && past->dtype != infer_in(c, IN_Q)->dtype;
    i64 bits = infer_int(c, "kv_cache_bit_width"), want = !small ? 0 : past->dtype == QN_U8 ? 4 : 8;
    if (bits != want)
        return infer_fail(c, QN_E_SHAPE, "kv_cache_bit_width is %lld, and the cache is of %s", (long long)bits,
                          past ? qn_dtype_name(past->dtype) : "floats");
    for (u32 i = 0; i < COUNT(sides); i++) {
        const char *kind = attr_text(c->g, c->n, sides[i].kind, "NONE");
        bool one = text_same(kind, "PER_TENSOR"), each = text_same(kind, "PER_CHANNEL");
        if (small != (one || each) || (!small && !text_same(kind, "NONE")))
            return infer_fail(c, QN_E_SHAPE, "%s is '%s', and the cache is of %s", sides[i].kind, kind,
                              past ? qn_dtype_name(past->dtype) : "floats");
        if (!small) continue;
        const type *scale = infer_in(c, sides[i].scale);
        if (!scale || infer_differ(c->g, type_elems(c->g, scale), one ? sym_one(c->g) : channels))
            return infer_fail(c, QN_E_SHAPE, "%s does not fit %s", op_of(c->n)->in[sides[i].scale].name, sides[i].kind);
    }
    return QN_OK;
}

static qn_status check_inputs(const infer *c)
{
    static const u8 ranks[][2] = { { IN_Q, 3 },      { IN_K, 3 },    { IN_V, 3 },      { IN_PAST_K, 4 },
                                   { IN_PAST_V, 4 }, { IN_COS, 2 },  { IN_SIN, 2 },    { IN_POSITIONS, 2 },
                                   { IN_BIAS, 4 },   { IN_SINK, 1 }, { IN_Q_NORM, 1 }, { IN_K_NORM, 1 } };
    static const u8 pairs[][2] = { { IN_K, IN_V }, { IN_PAST_K, IN_PAST_V }, { IN_COS, IN_SIN }, { IN_Q_NORM, IN_K_NORM } };
    for (u32 i = 0; i < COUNT(ranks); i++)
        if (infer_has(c, ranks[i][0]) && infer_in(c, ranks[i][0])->rank != ranks[i][1])
            return infer_fail(c, QN_E_SHAPE, "%s must have %u dimensions", op_of(c->n)->in[ranks[i][0]].name, ranks[i][1]);
    for (u32 i = 0; i < COUNT(pairs); i++)
        if (infer_has(c, pairs[i][0]) != infer_has(c, pairs[i][1]))
            return infer_fail(c, QN_E_SHAPE, "%s and %s go together", op_of(c->n)->in[pairs[i][0]].name,
                              op_of(c->n)->in[pairs[i][1]].name);
    if (infer_int(c, "do_rotary") && !infer_has(c, IN_COS))
        return infer_fail(c, QN_E_SHAPE, "do_rotary needs cos_cache and sin_cache");
    if (infer_has(c, IN_COUNTS) && !infer_has(c, IN_PAST_K)) return infer_fail(c, QN_E_SHAPE, "query_seqlens needs a past");
    return QN_OK;
}

static void shape_of(graph *g, const node *n, const type *q, const type *past, bool packed, sym total, shape *s)
{
    *s = (shape){ .batch = q->dims[0], .rows = q->dims[1], .total = total };
    s->heads = attr_int(n, "num_heads", 1), s->groups = attr_int(n, "kv_num_heads", 1);
    s->size = sym_div(g, q->dims[2], sym_number(g, packed ? s->heads + 2 * s->groups : s->heads));
    s->past = past ? past->dims[2] : sym_zero(g);
    s->present = is_windowed(n) ? s->past : past ? sym_max(g, s->past, total) : total;
}

/* 1 where the total is the past with the new tokens, or what a buffer has room for, and in each case all that are new; else 0. */
static sym total_fits(graph *g, const shape *s)
{
    sym after = sym_add(g, s->total, sym_one(g)), grown = sym_compare(g, '=', s->total, sym_add(g, s->past, s->rows));
    sym inside = sym_compare(g, '<', s->total, sym_add(g, s->past, sym_one(g)));
    return sym_mul(g, sym_max(g, grown, inside), sym_compare(g, '<', s->rows, after));
}

static qn_status group_query_infer(infer *c)
{
    const sym *total;
    i64 fits;
    shape s;
    graph *g = c->g;
    QN_TRY(check_attrs(c));
    QN_TRY(check_inputs(c));
    const type *q = infer_in(c, IN_Q), *k = infer_in(c, IN_K), *past = infer_in(c, IN_PAST_K);
    if (elems_wanted(c, IN_TOTAL, &total) != 1) return infer_fail(c, QN_E_SHAPE, "total_sequence_length must be one number");
    shape_of(g, c->n, q, past, !k, *total, &s);
    if (!is_windowed(c->n) && sym_is_number(g, total_fits(g, &s), &fits) && !fits)
        return infer_fail(c, QN_E_SHAPE, "total_sequence_length does not fit the past and the new tokens");
    sym groups = sym_number(g, s.groups), heads = sym_number(g, s.heads);
    if (infer_differ(g, sym_mul(g, s.size, sym_number(g, k ? s.heads : s.heads + 2 * s.groups)), q->dims[2]))
        return infer_fail(c, QN_E_SHAPE, "the last dimension of query does not fit the numbers of heads");
    QN_TRY(check_cache(c, sym_mul(g, groups, s.size)));
    qn_dtype kept = past ? past->dtype : q->dtype;
    sym wide = kept == QN_U8 ? sym_div(g, s.size, sym_number(g, 2)) : s.size;
    for (u32 i = 0; i < 2; i++) {
        QN_TRY(attend_fits(c, IN_K + i, s.batch, groups, s.rows, s.size));
        QN_TRY(attend_fits(c, IN_PAST_K + i, s.batch, groups, s.past, wide));
    }
    type y = *q, present = { .dtype = kept, .rank = 4, .known = true, .dims = { s.batch, groups, s.present, wide } };
    type scores = { .dtype = q->dtype, .rank = 4, .known = true, .dims = { s.batch, heads, s.rows, s.total } };
    if (infer_has(c, IN_BIAS)) QN_TRY(infer_broadcast_to(c, IN_BIAS, infer_in(c, IN_BIAS), &scores));
    y.dims[2] = sym_mul(g, heads, s.size);
    QN_TRY(infer_out(c, OUT_Y, &y));
    QN_TRY(infer_out(c, OUT_K, &present));
    QN_TRY(infer_out(c, OUT_V, &present));
    return infer_out(c, OUT_SCORES, &scores);
}

/* ------------------------------------------------------------------ steps */
/* Tokens of each sample that are in the cache before this run: i64[batch]. In a first prompt a sample may be shorter than the others.
 * A seqlens_k or a total that cannot be gives a place outside the cache, at which the scatter ends the run. */
static val before(build *b, const shape *s)
{
    graph *g = b->g;
    sym first = sym_compare(g, '=', s->total, s->rows), least = sym_mul(g, s->rows, sym_sub(g, first, sym_one(g)));
    val ends = build_op2(b, OP_Add, build_cast(b, build_in(b, IN_LENGTHS), QN_I64), build_scalar(b, QN_I64, 1));
    val counts = build_in(b, IN_COUNTS);
    if (counts) return build_op2(b, OP_Sub, ends, build_cast(b, counts, QN_I64));
    if (is_windowed(b->n)) return build_formula(b, "Max(e - r, 0)", "er", ends, attend_size(b, s->rows));
    val old = build_op2(b, OP_Max, build_op2(b, OP_Sub, ends, attend_size(b, s->rows)), attend_size(b, least));
    sym most = sym_select(g, total_fits(g, s), sym_number(g, INT32_MAX), sym_number(g, -1));
    old = build_op2(b, OP_Min, old, build_op2(b, OP_Sub, ends, build_scalar(b, QN_I64, 1)));
    return sym_is(g, most, INT32_MAX) ? old : build_op2(b, OP_Min, old, attend_size(b, most));
}

/* Where each new token stands, [batch][rows]. In a first prompt, position_ids say only where it starts. */
static val positions(build *b, val old, const shape *s)
{
    graph *g = b->g;
    val given = build_in(b, IN_POSITIONS), along = attend_places(b, s->rows);
    sym first = sym_compare(g, '=', s->total, s->rows), column[2] = { s->batch, sym_one(g) }, zero = sym_zero(g),
        one = sym_one(g);
    if (!given) return build_op2(b, OP_Add, build_reshape(b, old, column, 2), along);
    val start = build_op2(b, OP_Add, build_slice(b, build_slice(b, given, 0, zero, one), 1, zero, one), along);
    val prompt = build_cast(b, attend_size(b, first), QN_BOOL);
    return build_node(b, OP_Where, (val[]){ prompt, start, given }, 3, NULL, 0);
}

/* Heads [from, to) of x[batch][rows][heads * size], apart; normalized where there is a weight; turned where there are positions. */
static val heads_apart(build *b, val x, const shape *s, i64 from, i64 to, val weight, const char *epsilon, val at)
{
    graph *g = b->g;
    if (b->status) return 0;
    sym start = sym_mul(g, sym_number(g, from), s->size), end = sym_mul(g, sym_number(g, to), s->size);
    x = attend_split_heads(b, build_slice(b, x, 2, start, end), to - from);
    if (weight) {
        attr norm[] = { attr_of_int("axis", -1),
                        attr_of_float("epsilon", attr_float(b->n, epsilon, attr_float(b->n, "qk_norm_epsilon", 1e-6))) };
        x = build_node(b, OP_RMSNormalization, (val[]){ x, weight }, 2, norm, 2);
    }
    if (!at || b->status) return x;
    i64 half, size;
    bool part = sym_is_number(g, build_type(b, build_in(b, IN_COS))->dims[1], &half) && sym_is_number(g, s->size, &size) &&
                2 * half < size;
    attr turn[] = { attr_of_int("interleaved", attr_int(b->n, "rotary_interleaved", 0)),
                    attr_of_int("rotary_embedding_dim", part ? 2 * half : 0) };
    return build_node(b, OP_RotaryEmbedding, (val[]){ x, build_in(b, IN_COS), build_in(b, IN_SIN), at }, 4, turn, 2);
}

static val scale_of(build *b, u32 input, const shape *s)
{
    val scale = build_in(b, input);
    graph *g = b->g;
    sym one = sym_one(g), each[4] = { one, sym_number(g, s->groups), one, s->size };
    if (b->status || sym_is(g, type_elems(g, build_type(b, scale)), 1)) return build_reshape(b, scale, NULL, 0);
    return build_reshape(b, scale, each, 4);
}

/* x as the past keeps it: x / scale rounded as i8, as two of 4 bits in a byte (8 is 0, the even one low), or as a float of 8 bits. */
static val kept(build *b, val x, u32 scale_input, const shape *s, val past)
{
    if (b->status || !past || build_type(b, x)->dtype == build_type(b, past)->dtype) return x;
    qn_dtype as = build_type(b, past)->dtype;
    val scale = scale_of(b, scale_input, s);
    if (b->status) return 0;
    qn_dtype real = build_type(b, scale)->dtype;
    x = build_op2(b, OP_Div, build_cast(b, x, real), scale);
    if (as == QN_I8) return quant_round(b, x, 0, as);
    if (as != QN_U8) return build_cast(b, x, as);
    x = build_cast(b, quant_round(b, x, build_scalar(b, real, 8), QN_U4), QN_U8);
    return build_formula(b, "l + h * 16", "lh", build_half(b, x, s->size, false, true),
                         build_half(b, x, s->size, true, true));
}

static val loaded(build *b, val x, u32 scale_input, const shape *s, qn_dtype d)
{
    if (b->status || build_type(b, x)->dtype == d) return x;
    qn_dtype as = build_type(b, x)->dtype;
    val scale = scale_of(b, scale_input, s);
    if (b->status) return 0;
    qn_dtype real = build_type(b, scale)->dtype;
    x = build_cast(b, as == QN_U8 ? quant_unpack(b, x, 4, 0) : x, real);
    if (as == QN_U8) x = build_op2(b, OP_Sub, x, build_scalar(b, real, 8));
    return build_cast(b, build_op2(b, OP_Mul, x, scale), d);
}

/* The cache with x written behind each sample's tokens; without a past over itself, for the scatter looks at the places. */
static val present_of(build *b, val past, val x, val old, const shape *s)
{
    attr how[] = { attr_of_int("axis", 2), attr_of_text(NOTE_OP, op_of(b->n)->name),
                   attr_of_text(NOTE_OPERAND, "seqlens_k + 1 - new tokens") };
    bool grows = !sym_same(b->g, s->present, past ? s->past : s->rows);
    val in[] = { past ? past : x, x, old, grows ? build_syms(b, &s->present, 1) : 0 };
    return build_node(b, grows ? OP_CacheGrow : OP_TensorScatter, in, 3u + grows, how, 3);
}

/* What hides keys: those ahead, those a window's width behind (of no width: all), or, where all see all, those behind a sample's last. */
static val hidden(build *b, val old, const shape *s, qn_dtype d)
{
    graph *g = b->g;
    i64 window = attr_int(b->n, "local_window_size", -1);
    sym one = sym_one(g), each[4] = { s->batch, one, one, one };
    const sym ones[4] = { one, one, one, one };
    val none = window ? 0 : build_reshape(b, build_scalar(b, QN_I64, 0), ones, 4);
    if (none) return attend_mask_bias(b, attend_before(b, none, s->total), d);
    if (!attr_int(b->n, "causal", 1)) {
        val ends = build_op2(b, OP_Add, build_cast(b, build_in(b, IN_LENGTHS), QN_I64), build_scalar(b, QN_I64, 1));
        return attend_mask_bias(b, attend_before(b, build_reshape(b, ends, each, 4), s->total), d);
    }
    attend_sight sight = { s->rows, s->total, build_reshape(b, old, each, 4), window > 0 ? window - 1 : -1, 0 };
    return attend_sight_bias(b, &sight, d);
}

/* Scores as the operator gives them before the softmax: 0 where a key is hidden. */
static val zero_where_hidden(build *b, val scores, val bias, qn_dtype d)
{
    val gone = build_op2(b, OP_Equal, bias, build_scalar(b, d, -(f64)INFINITY));
    return build_node(b, OP_Where, (val[]){ gone, build_scalar(b, d, 0), scores }, 3, NULL, 0);
}

/* group_window.c: what a cache keeps that is as long as its window needs, and which of its keys and the new ones are seen. */
static val in_window(build *b, op_id op, val past, val fresh, val bias)
{
    attr window = attr_of_int("window", attr_int(b->n, "local_window_size", -1));
    val in[] = { past, fresh, build_in(b, IN_LENGTHS), build_in(b, IN_COUNTS), bias };
    return build_node(b, op, in, bias ? 5 : 4, &window, 1);
}

static qn_status group_query_expand(build *b, const node *n)
{
    const sym *total;
    graph *g = b->g;
    shape s;
    val q = build_in(b, IN_Q), k = build_in(b, IN_K), v = build_in(b, IN_V), past = build_in(b, IN_PAST_K), scores = 0;
    if (value_elems(g, build_in(b, IN_TOTAL), &total) != 1) return build_fail(b, QN_E_BUG, "its total is not known");
    shape_of(g, n, build_type(b, q), past ? build_type(b, past) : NULL, !k, *total, &s);
    qn_dtype d = build_type(b, q)->dtype;
    i64 all = s.heads + s.groups;
    bool windowed = is_windowed(n);
    val old = before(b, &s), at = attr_int(n, "do_rotary", 0) ? positions(b, old, &s) : 0;
    val k_new =
        heads_apart(b, k ? k : q, &s, k ? 0 : s.heads, k ? s.groups : all, build_in(b, IN_K_NORM), "k_norm_epsilon", at);
    val v_new = heads_apart(b, v ? v : q, &s, v ? 0 : all, v ? s.groups : all + s.groups, 0, NULL, 0);
    val fresh[2] = { kept(b, k_new, IN_K_SCALE, &s, past), kept(b, v_new, IN_V_SCALE, &s, past) }, present[2], seen[2];
    for (u32 i = 0; i < 2; i++) {
        val held = build_in(b, IN_PAST_K + i);
        present[i] = windowed ? in_window(b, OP_WindowKept, held, fresh[i], 0) : present_of(b, held, fresh[i], old, &s);
        seen[i] = windowed ? build_concat(b, held, fresh[i], 2) : build_slice(b, present[i], 2, sym_zero(g), s.total);
        seen[i] = loaded(b, seen[i], IN_K_SCALE + i, &s, d);
    }
    attend a = { .q = heads_apart(b, q, &s, 0, s.heads, build_in(b, IN_Q_NORM), "q_norm_epsilon", at),
                 .k = seen[0],
                 .v = seen[1],
                 .softcap = attr_float(n, "softcap", 0),
                 .sink = build_in(b, IN_SINK) };
    a.scale = attr_float(n, "scale", 0) != 0 ? attr_float(n, "scale", 0) : attend_scale(b, s.size);
    if (windowed) a.bias = in_window(b, OP_WindowBias, past, a.q, build_in(b, IN_BIAS));
    else a.bias = build_op2(b, OP_Add, hidden(b, old, &s, d), build_in(b, IN_BIAS));
    if (!a.sink && attr_int(n, "smooth_softmax", 0) > 0) a.sink = build_scalar(b, d, 0);
    i64 stage = attr_int(n, "qk_output", 0);
    bool in_steps = n->n_out > OUT_SCORES && n->out[OUT_SCORES] && value_at(g, n->out[OUT_SCORES])->uses;
    if (in_steps && !stage) return build_fail(b, QN_E_SHAPE, "output_qk is wanted, but qk_output is 0");
    val y = in_steps || a.sink ? attend_steps(b, &a, stage == 2 ? ATTEND_SOFTMAX : ATTEND_BIASED, in_steps ? &scores : NULL)
                               : attend_fused(b, &a, 0);
    if (in_steps && stage == 1) scores = zero_where_hidden(b, scores, a.bias, d);
    return build_done(b, (val[]){ attend_join_heads(b, y), present[0], present[1], scores }, 4);
}

static const op_case group_query_cases[] = {
    { "f32[2,3,32] f32[2,3,16] f32[2,3,16] _ _ i32[2]={2,1} i32[]={3}", "num_heads=4, kv_num_heads=2, n_out=3", 1e-6,
      "a prompt" },
    { "f32[2,1,64] _ _ f32[2,2,4,8] f32[2,2,4,8] i32[2]={4,2} i32[]={5} f32[9,4] f32[9,4]",
      "num_heads=4, kv_num_heads=2, do_rotary=1, local_window_size=3, n_out=3", 1e-6,
      "one token more, all packed, turned, a window" },
    { "f32[1,2,32] f32[1,2,16] f32[1,2,16] f32[1,2,6,8] f32[1,2,6,8] i32[1]={4} i32[]={5} _ _ _ f32[1,4,2,5] f32[4] _ _ "
      "f32[8] f32[8]",
      "num_heads=4, kv_num_heads=2, softcap=2.0, qk_output=1, n_out=4", 1e-6, "a buffer, norms, a bias, a sink, scores" },
    { "f32[1,2,32] f32[1,2,16] f32[1,2,16] u8[1,2,6,4]=0..255 u8[1,2,6,4]=0..255 i32[1]={4} i32[]={5} _ _ _ _ _ "
      "f32[]=0.1..0.2 f32[]=0.1..0.2",
      "num_heads=4, kv_num_heads=2, kv_cache_bit_width=4, k_quant_type=\"PER_TENSOR\", v_quant_type=\"PER_TENSOR\", n_out=1",
      1e-5, "a cache of 4 bits" },
    { "f32[1,2,32] f32[1,2,16] f32[1,2,16] f32[1,2,6,8] f32[1,2,6,8] i32[1]={4} i32[]={5}",
      "num_heads=4, kv_num_heads=2, local_window_size=0, n_out=3", 1e-6, "a window of nothing: 0" },
    { "f32[1,2,32] f32[1,2,16] f32[1,2,16] f32[1,2,6,8] f32[1,2,6,8] i32[1]={4} i32[]={5}",
      "num_heads=4, kv_num_heads=2, local_window_size=9223372036854775807, n_out=3", 1e-6, "a window of all" },
    { 0 },
};

const op_def op_GroupQueryAttention = {
    .name = "GroupQueryAttention",
    .domain = "com.microsoft",
    .doc = DOC("causal attention whose heads share keys, over a cache in which each sample has a length of its own"),
    .in = { { "query", "float" },
            { "key", "optional as query" },
            { "value", "optional as query" },
            { "past_key", "optional float|i8|u8|f8e4m3fn" },
            { "past_value", "optional as past_key" },
            { "seqlens_k", "i32" },
            { "total_sequence_length", "i32" },
            { "cos_cache", "optional as query" },
            { "sin_cache", "optional as query" },
            { "position_ids", "optional i64" },
            { "attention_bias", "optional as query" },
            { "head_sink", "optional as query" },
            { "k_scale", "optional float" },
            { "v_scale", "optional float" },
            { "q_norm_weight", "optional as query" },
            { "k_norm_weight", "optional as query" },
            { "query_seqlens", "optional i32" } },
    .out = { { "output", "as query" },
             { "present_key", "as past_key" },
             { "present_value", "as past_key" },
             { "output_qk", "as query" } },
    .attrs = { INT("causal", 1), INT("do_rotary", 0), FLOAT("k_norm_epsilon", 1e-6), INT("kv_cache_bit_width", 0),
               NEEDED("kv_num_heads", ATTR_INT), INT("local_window_size", -1), NEEDED("num_heads", ATTR_INT),
               FLOAT("q_norm_epsilon", 1e-6), FLOAT("qk_norm_epsilon", 1e-6), INT("qk_output", 0),
               INT("rotary_interleaved", 0), FLOAT("scale", 0), INT("sliding_window_cache", 0), INT("smooth_softmax", -1),
               FLOAT("softcap", 0), TEXT("k_quant_type", "NONE"), TEXT("v_quant_type", "NONE") },
    .infer = group_query_infer,
    .expand = group_query_expand,
    .cases = CASES(group_query_cases),
};

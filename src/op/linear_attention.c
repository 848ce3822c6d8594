/* Ops of models with a state instead of a cache: CausalConvWithState and LinearAttention; and FlexAttention, whose scores pass through
 * graphs of the model's own. */
#include <math.h>

#include "op/attend.h"
#include "op/op_util.h"
#include "plan/lower.h"

/* ------------------------------------------------------------------ CausalConvWithState */
static qn_status infer_causal_conv(infer *c)
{
    graph *g = c->g;
    const type *x = infer_in(c, 0), *w = infer_in(c, 1);
    const char *how = attr_text(g, c->n, "activation", "none");
    if (x->rank != 3 || w->rank != 3 || infer_differ(g, w->dims[0], x->dims[1]) || infer_differ(g, w->dims[1], sym_one(g)))
        return infer_fail(c, QN_E_SHAPE, "the input must be [batch][channels][length], the weight [channels][1][taps]");
    if (!text_same(how, "none") && !text_same(how, "silu") && !text_same(how, "swish"))
        return infer_fail(c, QN_E_UNSUPPORTED, "activation '%s' is not one of none, silu, swish", how);
    type state = *x;
    state.dims[2] = sym_sub(g, w->dims[2], sym_one(g));
    if (infer_has(c, 3))
        for (u32 d = 0; d < 3; d++)
            if (infer_in(c, 3)->rank != 3 || infer_differ(g, infer_in(c, 3)->dims[d], state.dims[d]))
                return infer_fail(c, QN_E_SHAPE, "the past state does not fit the weight");
    QN_TRY(infer_out(c, 0, x));
    return infer_out(c, 1, &state);
}

static qn_status expand_causal_conv(build *b, const node *n)
{
    graph *g = b->g;
    val x = build_in(b, 0), w = build_in(b, 1), past = build_in(b, 3);
    const type t = *build_type(b, x), wt = *build_type(b, w);
    type state = t;
    i64 channels;
    state.dims[2] = sym_sub(g, wt.dims[2], sym_one(g));
    if (!sym_is_number(g, wt.dims[0], &channels))
        return build_fail(b, QN_E_UNSUPPORTED, "the number of channels must be known");
    attr group = attr_of_int("group", channels);
    val all = build_concat(b, past ? past : build_fill(b, &state, 0), x, 2);
    val y = build_node(b, OP_Conv, (const val[]){ all, w, build_in(b, 2) }, 3, &group, 1);
    if (!text_same(attr_text(g, n, "activation", "none"), "none")) y = build_op1(b, OP_Swish, y);
    val kept = build_slice(b, all, 2, t.dims[2], sym_add(g, t.dims[2], state.dims[2]));
    return build_done(b, (const val[]){ y, kept }, 2);
}

static const op_case causal_conv_cases[] = {
    { "f32[2,3,9] f32[3,1,4] f32[3] f32[2,3,3]", "activation=\"silu\", n_out=2", 1e-5, "all it has" },
    { "f32[1,3,2] f32[3,1,4]", "n_out=2", 1e-5, "shorter than the weight, no past" },
    { "f16[1,3,6] f16[3,1,1]", "n_out=2", 1e-2, "one tap: no state" },
    { 0 },
};
const op_def op_CausalConvWithState = {
    .name = "CausalConvWithState",
    .doc = DOC("each channel convolved with its own taps over past and present elements; the last ones are the next state"),
    .in = { { "input", "float" },
            { "weight", "as input" },
            { "bias", "optional as input" },
            { "past_state", "optional as input" } },
    .out = { { "output", "as input" }, { "present_state", "as input" } },
    .attrs = { TEXT("activation", "none") },
    .infer = infer_causal_conv,
    .expand = expand_causal_conv,
    .cases = CASES(causal_conv_cases),
};

/* ------------------------------------------------------------------ LinearAttention */
typedef struct linear {
    i64 q_heads, kv_heads;
    sym batch, steps, key, value; /* key, value: sizes of a head */
    bool gated, delta;
} linear;

static const char *linear_of(graph *g, const node *n, linear *a)
{
    const char *rule = attr_text(g, n, "update_rule", "gated_delta");
    const type *q = &value_at(g, node_in(g, n, 0))->type, *v = &value_at(g, node_in(g, n, 2))->type;
    *a = (linear){ .q_heads = attr_int(n, "q_num_heads", 0), .kv_heads = attr_int(n, "kv_num_heads", 0) };
    if (a->kv_heads < 1 || a->q_heads < 1 || a->q_heads % a->kv_heads)
        return "q_num_heads must be a multiple of kv_num_heads";
    if (a->q_heads > 65535) return "more than 65535 heads";
    if (q->rank != 3 || v->rank != 3) return "query, key and value must have rank 3";
    a->gated = text_same(rule, "gated") || text_same(rule, "gated_delta");
    a->delta = text_same(rule, "delta") || text_same(rule, "gated_delta");
    if (!a->gated && !a->delta && !text_same(rule, "linear"))
        return "update_rule is none of linear, gated, delta, gated_delta";
    if (a->gated != (node_in(g, n, 4) != 0) || a->delta != (node_in(g, n, 5) != 0))
        return "decay and beta do not fit the update_rule";
    a->batch = q->dims[0], a->steps = q->dims[1];
    a->key = sym_div(g, q->dims[2], sym_number(g, a->q_heads));
    a->value = sym_div(g, v->dims[2], sym_number(g, a->kv_heads));
    return NULL;
}

/* A size that may be either is looked at when it runs. */
static bool differs_from_both(const infer *c, sym size, sym a, sym b)
{
    graph *g = c->g;
    if (sym_same(g, size, a) || sym_same(g, size, b)) return false;
    if (sym_differ(g, size, a)) return infer_differ(g, size, b);
    if (sym_differ(g, size, b)) return infer_differ(g, size, a);
    sym fits = sym_max(g, sym_compare(g, '=', size, a), sym_compare(g, '=', size, b));
    infer_need(g, fits, "a decay or beta of # numbers does not suit # heads", size, a);
    return false;
}

static qn_status infer_linear(infer *c)
{
    linear a;
    graph *g = c->g;
    const char *wrong = linear_of(g, c->n, &a);
    if (wrong) return infer_fail(c, QN_E_SHAPE, "%s", wrong);
    sym heads = sym_number(g, a.kv_heads), keys = sym_mul(g, a.key, heads), rows = sym_mul(g, a.batch, a.steps);
    const type *in[6];
    for (u32 i = 0; i < 6; i++) in[i] = infer_in(c, i);
    bool fits = !infer_differ(g, sym_mul(g, a.key, sym_number(g, a.q_heads)), in[0]->dims[2]) &&
                !infer_differ(g, in[1]->dims[2], keys) && !infer_differ(g, in[2]->dims[2], sym_mul(g, a.value, heads));
    for (u32 i = 1; i < 6 && fits; i++)
        if (in[i] && i != 3) fits = in[i]->rank == 3 && !infer_differ(g, sym_mul(g, in[i]->dims[0], in[i]->dims[1]), rows);
    if (!fits) return infer_fail(c, QN_E_SHAPE, "its inputs do not fit together");
    if (in[4] && differs_from_both(c, in[4]->dims[2], heads, keys))
        return infer_fail(c, QN_E_SHAPE, "decay must have a number for each head, or for each element of the keys");
    if (in[5] && differs_from_both(c, in[5]->dims[2], heads, sym_one(g)))
        return infer_fail(c, QN_E_SHAPE, "beta must have one number, or one for each head");
    type y = *in[0], state = {
        .dtype = in[3] ? in[3]->dtype : y.dtype, .rank = 4, .known = true, .dims = { a.batch, heads, a.key, a.value }
    };
    for (u32 d = 0; in[3] && d < 4; d++)
        if (in[3]->rank != 4 || infer_differ(g, in[3]->dims[d], state.dims[d]))
            return infer_fail(c, QN_E_SHAPE, "the past state does not fit");
    y.dims[2] = sym_mul(g, a.value, sym_number(g, a.q_heads));
    QN_TRY(infer_out(c, 0, &y));
    return infer_out(c, 1, &state);
}

/* ---- the states after each step */
static qn_status infer_states(infer *c)
{
    const type *k = infer_in(c, 0), *past = infer_in(c, 2);
    type y = { .dtype = past->dtype, .rank = 5, .known = true, .dims = { k->dims[1] } };
    for (u32 d = 0; d < 4; d++) y.dims[1 + d] = past->dims[d];
    return infer_out(c, 0, &y);
}

static launch *states_launch(lowering *l, const node *n, const char *entry)
{
    launch *k = launch_begin(l, "linear_states.c", entry);
    val past = lower_in(l, n, 2);
    launch_define(k, "T", dtype_word(lower_type(l, past)->dtype));
    for (u32 i = 0; i < 3; i++) launch_in(k, lower_in(l, n, i));
    launch_in(k, n->n_in > 3 && lower_in(l, n, 3) ? lower_in(l, n, 3) : lower_in(l, n, 0));
    launch_out(k, lower_out(l, n, 0));
    launch_size(k, lower_dim(l, past, 0));
    launch_size(k, lower_dim(l, lower_in(l, n, 0), 1));
    for (u32 d = 1; d < 4; d++) launch_size(k, lower_dim(l, past, d));
    launch_const(k, "decays", lower_int(l, n, "decays"));
    launch_const(k, "betas", lower_int(l, n, "betas"));
    return k;
}

static qn_status emit_states(lowering *l, const node *n, u32 group)
{
    graph *g = lower_graph_mut(l);
    val past = lower_in(l, n, 2);
    launch *k = states_launch(l, n, "linear_states");
    if (group > 1) launch_define_number(k, "GROUP", group);
    sym columns = sym_mul(g, lower_product(l, past, 0, 2), lower_dim(l, past, 3));
    return launch_groups(k, sym_ceil_div(g, columns, sym_number(g, group)));
}

static qn_status emit_states_one(lowering *l, const node *n) { return emit_states(l, n, 1); }
static qn_status emit_states_group(lowering *l, const node *n) { return emit_states(l, n, 64); }

static bool key_is_known(const lowering *l, const node *n)
{
    i64 key;
    return sym_is_number(lower_graph(l), lower_type(l, lower_in(l, n, 2))->dims[2], &key) && key >= 1 && key <= 1024;
}

static qn_status emit_state_map(lowering *l, const node *n)
{
    i64 key = 1;
    if (!key_is_known(l, n))
        return lower_fail(l, n, QN_E_UNSUPPORTED, "the size of a head must be known on this device, and at most 1024");
    sym_is_number(lower_graph(l), lower_type(l, lower_in(l, n, 2))->dims[2], &key);
    launch *k = states_launch(l, n, "linear_state");
    launch_define_number(k, "KEY", key);
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

static const variant states_variants[] = { { "linear_states_walk", NEED_LANES, NULL, emit_states_one },
                                           { "linear_states_group", NEED_GROUP, NULL, emit_states_group },
                                           { "linear_state_map", 0, NULL, emit_state_map },
                                           { 0 } };
static const op_case states_cases[] = {
    { "f32[2,5,6] f32[2,5,9] f32[2,3,2,3] f32[2,5,6]=-1..1", "decays=1, betas=2", 1e-5, "a gate for each head" },
    { "f32[2,5,6] f32[2,5,9] f32[2,3,2,3] f32[2,5,7]=-1..0", "decays=2, betas=1", 1e-5, "a decay for each element" },
    { "f32[1,3,4] f32[1,3,2] f32[1,1,4,2]", "", 1e-5, "no gates" },
    { 0 },
};
const op_def op_LinearStates = {
    .name = "LinearStates",
    .domain = "quern",
    .doc = DOC("the states of LinearAttention after each step; gates are decays, then betas (kernels/linear_states.c)"),
    .in = { { "key", "f32|f64" }, { "value", "as key" }, { "past_state", "as key" }, { "gates", "optional as key" } },
    .out = { { "states", "as key" } },
    .attrs = { INT("decays", 0), INT("betas", 0) },
    .infer = infer_states,
    .variants = states_variants,
    .cases = CASES(states_cases),
};

/* ---- the whole */
/* Where only the run shows whether a head has one decay, or one for each element of its keys: one for each. */
static val decays_apart(build *b, const linear *a, val decay, sym heads)
{
    graph *g = b->g;
    const type t = *build_type(b, decay);
    const sym keys = sym_mul(g, a->key, heads);
    if (sym_same(g, t.dims[2], heads) || sym_same(g, t.dims[2], keys) || sym_differ(g, t.dims[2], heads)) return decay;
    const sym apart[] = { t.dims[0], t.dims[1], heads, sym_div(g, t.dims[2], heads) };
    const sym all[] = { t.dims[0], t.dims[1], heads, a->key }, joined[] = { t.dims[0], t.dims[1], keys };
    decay = build_reshape(b, decay, apart, 4);
    decay = build_expand(b, decay, all, 4);
    return build_reshape(b, decay, joined, 3);
}

/* Where only the run shows whether all heads share a beta: one for each head. */
static val betas_apart(build *b, val beta, sym heads)
{
    const type t = *build_type(b, beta);
    if (sym_same(b->g, t.dims[2], heads) || sym_is(b->g, t.dims[2], 1)) return beta;
    const sym all[] = { t.dims[0], t.dims[1], heads };
    return build_expand(b, beta, all, 3);
}

/* Decays and betas side by side; how many there are of each goes into attributes. */
static val gates_of(build *b, const linear *a, val decay, val beta, attr *kinds)
{
    sym heads = sym_number(b->g, a->kv_heads);
    if (decay) decay = decays_apart(b, a, decay, heads);
    if (beta) beta = betas_apart(b, beta, heads);
    bool by_head = decay && sym_same(b->g, build_type(b, decay)->dims[2], heads);
    kinds[0] = attr_of_int("decays", !decay ? 0 : by_head ? 1 : 2);
    kinds[1] = attr_of_int("betas", !beta ? 0 : sym_is(b->g, build_type(b, beta)->dims[2], 1) ? 1 : 2);
    if (!decay || !beta) return decay ? decay : beta;
    return build_concat(b, decay, beta, 2);
}

static qn_status expand_linear(build *b, const node *n)
{
    graph *g = b->g;
    linear a;
    const char *wrong = linear_of(g, n, &a);
    if (wrong) return build_fail(b, QN_E_SHAPE, "%s", wrong);
    const type q_type = *build_type(b, build_in(b, 0));
    const qn_dtype state_dtype = build_in(b, 3) ? build_type(b, build_in(b, 3))->dtype : q_type.dtype;
    qn_dtype real = dtype_computing(q_type.dtype);
    f64 scale = attr_float(n, "scale", 0);
    i64 key;
    if (scale == 0 && !sym_is_number(g, a.key, &key))
        return build_fail(b, QN_E_UNSUPPORTED, "the size of a head must be known");
    if (scale == 0) scale = 1 / sqrt((f64)key);
    const type first = {
        .dtype = real, .rank = 4, .known = true, .dims = { a.batch, sym_number(g, a.kv_heads), a.key, a.value }
    };
    val in[6] = { 0,
                  build_in(b, 1),
                  build_in(b, 2),
                  build_in(b, 3) ? build_in(b, 3) : build_fill(b, &first, 0),
                  build_in(b, 4),
                  build_in(b, 5) };
    for (u32 i = 1; i < 6; i++)
        if (in[i]) in[i] = build_cast(b, in[i], real);
    attr kinds[2];
    in[4] = gates_of(b, &a, in[4], in[5], kinds);
    val states = build_node(b, OP_LinearStates, in + 1, 4, kinds, 2); /* [steps][batch][heads][key][value] */
    sym groups = sym_number(g, a.q_heads / a.kv_heads), kv = sym_number(g, a.kv_heads), one = sym_one(g);
    static const i64 by_step[] = { 1, 0, 2, 3, 4 };
    attr perm = attr_of_ints(g, "perm", by_step, 5);
    val q = build_reshape(b, build_cast(b, build_in(b, 0), real), (const sym[]){ a.batch, a.steps, kv, groups, a.key }, 5);
    q = build_node(b, OP_Transpose, &q, 1, &perm, 1);
    val y = build_op2(b, OP_Mul, build_op2(b, OP_MatMul, q, states),
                      build_scalar(b, real, scale)); /* [steps][batch][kv][groups][value] */
    y = build_node(b, OP_Transpose, &y, 1, &perm, 1);
    const type y_type = *build_type(b, n->out[0]);
    y = build_cast(b, build_reshape(b, y, y_type.dims, 3), q_type.dtype);
    sym last = sym_sub(g, a.steps, one);
    val kept =
        build_node(b, OP_Gather, (const val[]){ states, build_reshape(b, build_syms(b, &last, 1), NULL, 0) }, 2, NULL, 0);
    return build_done(b, (const val[]){ y, build_cast(b, kept, state_dtype) }, 2);
}

static const op_case linear_cases[] = {
    { "f32[2,5,12] f32[2,5,12] f32[2,5,6] f32[2,3,4,2] f32[2,5,3]=-1..0 f32[2,5,3]=0..1",
      "q_num_heads=3, kv_num_heads=3, n_out=2", 1e-4, "gated_delta" },
    { "f32[1,4,16] f32[1,4,8] f32[1,4,6] _ f32[1,4,8]=-1..0",
      "q_num_heads=4, kv_num_heads=2, update_rule=\"gated\", n_out=2", 1e-4, "gated by element, heads that share a state" },
    { "f16[1,3,8] f16[1,3,8] f16[1,3,8]", "q_num_heads=2, kv_num_heads=2, update_rule=\"linear\", scale=0.5", 2e-2,
      "half, linear" },
    { "f32[1,3,8] f32[1,3,8] f32[1,3,8] _ _ f32[1,3,1]=0..1", "q_num_heads=2, kv_num_heads=2, update_rule=\"delta\"", 1e-4,
      "delta, one beta" },
    { 0 },
};
const op_def op_LinearAttention = {
    .name = "LinearAttention",
    .doc =
        DOC("attention with a state: S = exp(decay) S + key (beta (value - exp(decay) S key)), output = scale query S, step "
            "by step"),
    .in = { { "query", "float" },
            { "key", "as query" },
            { "value", "as query" },
            { "past_state", "optional float" },
            { "decay", "optional as query" },
            { "beta", "optional as query" } },
    .out = { { "output", "as query" }, { "present_state", "float" } },
    .attrs = { INT("chunk_size", 64), NEEDED("kv_num_heads", ATTR_INT), NEEDED("q_num_heads", ATTR_INT), FLOAT("scale", 0),
               TEXT("update_rule", "gated_delta") },
    .infer = infer_linear,
    .expand = expand_linear,
    .cases = CASES(linear_cases),
};

/* ------------------------------------------------------------------ FlexAttention */
static qn_status infer_flex(infer *c)
{
    const type *q = infer_in(c, 0), *k = infer_in(c, 1), *v = infer_in(c, 2);
    graph *g = c->g;
    i64 heads, kv_heads;
    if (q->rank != 4 || k->rank != 4 || v->rank != 4) return infer_fail(c, QN_E_SHAPE, "Q, K and V must have rank 4");
    if (!sym_is_number(g, q->dims[1], &heads) || !sym_is_number(g, k->dims[1], &kv_heads))
        return infer_fail(c, QN_E_UNSUPPORTED, "the heads of Q and K must be known before the model runs");
    if (kv_heads < 1 || heads % kv_heads) return infer_fail(c, QN_E_SHAPE, "the heads of Q are no multiple of those of K");
    if (infer_differ(g, q->dims[3], k->dims[3]) || infer_differ(g, k->dims[2], v->dims[2]) ||
        infer_differ(g, k->dims[1], v->dims[1]))
        return infer_fail(c, QN_E_SHAPE, "Q, K and V do not fit together");
    type y = *q;
    y.dims[3] = v->dims[3];
    return infer_out(c, 0, &y);
}

/* x through a graph of the node's: an If that always takes it, which the optimizer puts in place. Captured values follow Q, K and V. */
static val modified(build *b, const node *n, const char *name, val x)
{
    const attr *body = attr_find(n, name);
    val in[2 + 60] = { build_scalar(b, QN_BOOL, 1), x };
    u32 n_in = 2;
    if (!body || body->kind != ATTR_GRAPH) return x;
    for (u32 i = 3; i < n->n_in && n_in < COUNT(in); i++) in[n_in++] = build_in(b, i);
    attr attrs[3] = { *body, *body, attr_of_int(NOTE_CAPTURES, n_in - 1) };
    attrs[0].name = "then_branch", attrs[1].name = "else_branch";
    return build_node(b, OP_If, in, n_in, attrs, 3);
}

static qn_status expand_flex(build *b, const node *n)
{
    static const i64 order[] = { 0, 1, 3, 2 };
    graph *g = b->g;
    const type q = *build_type(b, build_in(b, 0)), k = *build_type(b, build_in(b, 1)), v = *build_type(b, build_in(b, 2));
    qn_dtype real = node_dtype(n, "softmax_precision", q.dtype == QN_F64 ? QN_F64 : QN_F32);
    i64 size, heads = 1, kv_heads = 1;
    f64 scale = attr_float(n, "scale", 0);
    if (scale == 0 && !sym_is_number(g, q.dims[3], &size))
        return build_fail(b, QN_E_UNSUPPORTED, "the size of a head must be known");
    if (scale == 0) scale = 1 / sqrt((f64)size);
    sym_is_number(g, q.dims[1], &heads), sym_is_number(g, k.dims[1], &kv_heads);
    sym kv = sym_number(g, kv_heads), groups = sym_number(g, heads / kv_heads), one = sym_one(g);
    attr perm = attr_of_ints(g, "perm", order, 4);
    val keys = build_in(b, 1);
    keys = build_node(b, OP_Transpose, &keys, 1, &perm, 1);
    val x = build_reshape(b, build_in(b, 0), (const sym[]){ q.dims[0], kv, groups, q.dims[2], q.dims[3] }, 5);
    keys = build_reshape(b, keys, (const sym[]){ k.dims[0], kv, one, k.dims[3], k.dims[2] }, 5);
    val values = build_reshape(b, build_in(b, 2), (const sym[]){ v.dims[0], kv, one, v.dims[2], v.dims[3] }, 5);
    qn_dtype product = dtype_computing(q.dtype);
    x = build_op2(b, OP_MatMul, build_cast(b, x, product), build_cast(b, keys, product));
    x = build_op2(b, OP_Mul, x, build_scalar(b, product, scale));
    x = build_cast(b, build_reshape(b, x, (const sym[]){ q.dims[0], q.dims[1], q.dims[2], k.dims[2] }, 4), real);
    attr axis = attr_of_int("axis", -1);
    x = modified(b, n, "score_mod", x);
    x = modified(b, n, "prob_mod", build_node(b, OP_Softmax, &x, 1, &axis, 1));
    x = build_reshape(b, build_cast(b, x, product), (const sym[]){ q.dims[0], kv, groups, q.dims[2], k.dims[2] }, 5);
    x = build_op2(b, OP_MatMul, x, build_cast(b, values, product));
    x = build_cast(b, build_reshape(b, x, (const sym[]){ q.dims[0], q.dims[1], q.dims[2], v.dims[3] }, 4), q.dtype);
    return build_done(b, &x, 1);
}

static const op_case flex_cases[] = {
    { "f32[2,4,5,8] f32[2,2,6,8] f32[2,2,6,3]", "", 1e-5, "heads that share keys" },
    { "f16[1,2,5,8] f16[1,2,6,8] f16[1,2,6,8]", "scale=0.5", 1e-2, "half" },
    { 0 },
};
const op_def op_FlexAttention = {
    .name = "FlexAttention",
    .domain = "ai.onnx.preview",
    .doc = DOC("attention whose scores and probabilities pass through graphs of the node's own"),
    .in = { { "Q", "float" }, { "K", "as Q" }, { "V", "as Q" }, { "captured", "many optional any" } },
    .min_in = 3,
    .out = { { "Y", "as Q" } },
    .attrs = { { "score_mod", ATTR_GRAPH, false, 0, 0, NULL },
               { "prob_mod", ATTR_GRAPH, false, 0, 0, NULL },
               INT("softmax_precision", 0),
               FLOAT("scale", 0),
               INT(NOTE_CAPTURES, 0) },
    .infer = infer_flex,
    .expand = expand_flex,
    .cases = CASES(flex_cases),
};

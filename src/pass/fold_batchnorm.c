/* Scaling and shifting each channel behind a convolution or matrix product with constant weights moves into the weights.
 * In: BatchNormalization with constant statistics, or Mul, Div, Add, Sub by constants of one number a channel.
 * Out: the same Conv, ConvTranspose, Gemm or MatMul with new weights and a new bias, computed in f64 and rounded once. */
#include <math.h>

#include "op/op_util.h"
#include "pass/match.h"

typedef struct affine {
    val x;
    u64 channels;
    f64 *scale, *shift;
    bool scales, shifts;
} affine; /* x * scale[channel] + shift[channel] */

/* Where the weights of a producer keep their channels: element i belongs to (i / inner) % channels, plus its group's. */
typedef struct weights {
    const node *n;
    val w, bias;
    u64 channels, inner;
    u64 group_elems, group_channels; /* of ConvTranspose with groups; else 0 */
    u32 axis;                        /* of the channels in the result */
    f64 bias_scale;                  /* Gemm's beta */
} weights;

/* ---- the producer */

static bool dim_number(const graph *g, const type *t, u32 d, u64 *out)
{
    i64 size;
    if (d >= t->rank || !sym_is_number(g, t->dims[d], &size) || size < 1) return false;
    *out = (u64)size;
    return true;
}

static u64 span(const graph *g, const type *t, u32 from)
{
    u64 n = 1, size;
    for (u32 d = from; d < t->rank; d++) n *= dim_number(g, t, d, &size) ? size : 0;
    return n;
}

static bool conv_weights(const graph *g, const node *n, weights *w)
{
    const type *t = match_type(g, w->w);
    w->axis = 1;
    w->bias = node_in(g, n, 2);
    w->inner = span(g, t, 1);
    return t->rank >= 3 && dim_number(g, t, 0, &w->channels);
}

static bool conv_transpose_weights(const graph *g, const node *n, weights *w)
{
    const type *t = match_type(g, w->w);
    u64 groups = (u64)attr_int(n, "group", 1), rows;
    if (t->rank < 3 || groups < 1 || !dim_number(g, t, 1, &w->group_channels) || !dim_number(g, t, 0, &rows) ||
        rows % groups)
        return false;
    w->axis = 1;
    w->bias = node_in(g, n, 2);
    w->inner = span(g, t, 2);
    w->channels = w->group_channels * groups;
    w->group_elems = rows / groups * w->group_channels * w->inner;
    return true;
}

static bool matrix_weights(const graph *g, const node *n, weights *w)
{
    const type *t = match_type(g, w->w);
    bool transposed = attr_int(n, "transB", 0) != 0;
    if (t->rank != 2 || !dim_number(g, t, transposed ? 0 : 1, &w->channels)) return false;
    w->axis = match_type(g, n->out[0])->rank - 1u;
    w->inner = transposed ? span(g, t, 1) : 1;
    w->bias = n->op == OP_Gemm ? node_in(g, n, 2) : 0;
    w->bias_scale = n->op == OP_Gemm ? attr_float(n, "beta", 1) : 1;
    return match_type(g, n->out[0])->rank >= 1;
}

static const struct {
    u16 op;
    bool (*find)(const graph *g, const node *n, weights *w);
} producers[] = {
    { OP_Conv, conv_weights },
    { OP_ConvTranspose, conv_transpose_weights },
    { OP_Gemm, matrix_weights },
    { OP_MatMul, matrix_weights },
};

static bool bias_is_constant(const graph *g, const weights *w)
{
    if (!w->bias) return true;
    const type *t = match_type(g, w->bias);
    u64 last = 1;
    if (!is_constant(g, w->bias) || t->rank > 2 || (t->rank && !dim_number(g, t, t->rank - 1u, &last))) return false;
    return span(g, t, 0) == last && (last == 1 || last == w->channels);
}

/* Elements outside are scaled when they are read, where nothing can be said of one that leaves its type's range: none does that has f32's. */
static bool scales_outside(qn_dtype d) { return d == QN_F32 || d == QN_BF16; }

/* The maker of v with nobody else to read it, constant weights nobody else has, and a constant bias or none. */
static bool producer_of(const graph *g, val v, weights *out)
{
    const node *n = match_only_maker(g, v);
    if (!n || n->n_in < 2) return false;
    for (u32 i = 0; i < COUNT(producers); i++) {
        if (n->op != producers[i].op) continue;
        *out = (weights){ .n = n, .w = node_in(g, n, 1), .bias_scale = 1 };
        if (!is_weight(g, out->w) || !match_float(g, out->w) || value_at(g, out->w)->uses != 1) return false;
        if (outside_of(g, out->w) && !scales_outside(match_type(g, out->w)->dtype)) return false;
        return producers[i].find(g, n, out) && bias_is_constant(g, out) && out->inner > 0;
    }
    return false;
}

/* ---- what stands behind it */

static qn_status affine_make(affine *a)
{
    a->scale = mem_alloc((size_t)a->channels * sizeof *a->scale);
    a->shift = mem_alloc((size_t)a->channels * sizeof *a->shift);
    if (!a->scale || !a->shift) return fail_nomem(a->channels * sizeof *a->scale);
    for (u64 c = 0; c < a->channels; c++) a->scale[c] = 1, a->shift[c] = 0;
    return QN_OK;
}

static void affine_free(affine *a) { mem_free(a->scale), mem_free(a->shift); }

static bool is_normalization(const graph *g, const node *n)
{
    for (u32 i = 1; i < n->n_out; i++)
        if (value_at(g, n->out[i])->uses) return false;
    for (u32 i = 1; i < 5; i++)
        if (!is_constant(g, node_in(g, n, i)) || !match_float(g, node_in(g, n, i))) return false;
    return !attr_int(n, "training_mode", 0);
}

static void take_normalization(const graph *g, const node *n, affine *a)
{
    f64 epsilon = attr_float(n, "epsilon", 1e-5);
    qn_tensor in[5];
    for (u32 i = 1; i < 5; i++) in[i] = constant_tensor(g, node_in(g, n, i));
    for (u64 c = 0; c < a->channels; c++) {
        a->scale[c] = match_element(&in[1], c) / sqrt(match_element(&in[4], c) + epsilon);
        a->shift[c] = match_element(&in[2], c) - match_element(&in[3], c) * a->scale[c];
    }
}

/* c has one number for each channel of x, whose channels lie on `axis`, or one number for all. */
static bool is_per_channel(const graph *g, val c, val x, u32 axis, u64 channels)
{
    const type *t = match_type(g, c), *xt = match_type(g, x);
    u64 size;
    if (!is_constant(g, c) || !match_float(g, c) || t->rank > xt->rank) return false;
    for (u32 d = 0; d < t->rank; d++) {
        if (!dim_number(g, t, d, &size)) return false;
        if (size != 1 && (d + xt->rank - t->rank != axis || size != channels)) return false;
    }
    return true;
}

/* Which operand of n is the constant: 1 or 0; 2: none, or n does something else. */
static u32 constant_place(const graph *g, const node *n)
{
    bool commutes = n->op == OP_Add || n->op == OP_Mul;
    if (!commutes && n->op != OP_Sub && n->op != OP_Div) return 2;
    if (is_constant(g, node_in(g, n, 1))) return 1;
    return (commutes || n->op == OP_Sub) && is_constant(g, node_in(g, n, 0)) ? 0 : 2;
}

static void take_constants(const graph *g, const node *n, u32 at, affine *a)
{
    qn_tensor t = constant_tensor(g, node_in(g, n, at));
    u64 elems = qn_tensor_elems(&t);
    for (u64 c = 0; c < a->channels; c++) {
        f64 v = match_element(&t, elems == 1 ? 0 : c);
        if (n->op == OP_Mul) a->scale[c] = v;
        else if (n->op == OP_Div) a->scale[c] = 1 / v;
        else if (n->op == OP_Add || at == 0) a->shift[c] = v;
        else a->shift[c] = -v;
        if (n->op == OP_Sub && at == 0) a->scale[c] = -1;
    }
}

/* ---- together */

static u64 channel_of(const weights *w, u64 i)
{
    if (!w->group_elems) return i / w->inner % w->channels;
    return i / w->group_elems * w->group_channels + i / w->inner % w->group_channels;
}

static bool scale_f32(f32 *w, u64 n, const f64 *scale, u64 step)
{
    f64 most = 0;
    for (u64 i = 0; i < n; i++) {
        f64 v = (f64)w[i] * scale[i * step];
        most = fabs(v) > most || isnan(v) ? fabs(v) : most;
        w[i] = (f32)v;
    }
    return most <= 3.4e38;
}

/* n weights from `at` on, the i-th times scale[i * step]. False when one would not be finite in its type any more. */
static bool scale_run(qn_dtype d, u8 *data, u64 at, u64 n, const f64 *scale, u64 step)
{
    if (d == QN_F32) return scale_f32((f32 *)(void *)data + at, n, scale, step);
    f64 most = d == QN_F16 ? 65504.0 : d == QN_F64 ? 1.7e308 : 3.3e38;
    qn_tensor t = { .dtype = d, .data = data };
    for (u64 i = at; i < at + n; i++) {
        f64 v = match_element(&t, i) * scale[(i - at) * step];
        if (!(fabs(v) <= most)) return false;
        match_store(d, data, i, v);
    }
    return true;
}

/* In runs of one channel, or of one of each where the channels lie side by side. */
static bool scale_weights(const graph *g, const weights *w, const affine *a, u8 *to)
{
    qn_tensor t = constant_tensor(g, w->w);
    u64 n = qn_tensor_elems(&t), side_by_side = w->inner == 1 && !w->group_elems,
        run = side_by_side ? w->channels : w->inner;
    bool fits = true;
    memcpy(to, t.data, (size_t)qn_tensor_bytes(&t));
    for (u64 i = 0; i < n && fits; i += run)
        fits = scale_run(t.dtype, to, i, run, a->scale + (side_by_side ? 0 : channel_of(w, i)), side_by_side);
    return fits;
}

static bool same_channels(const outside *o, const weights *w)
{
    return !o->scale || (o->channels == w->channels && o->inner == w->inner && o->group_elems == w->group_elems &&
                         o->group_channels == w->group_channels);
}

/* The same elements outside, with one scale more. */
static val scaled_outside(build *b, const weights *w, const affine *a, bool *fits)
{
    qn_tensor t = constant_tensor(b->g, w->w);
    outside *o = ARENA_NEW(b->g->mem, outside);
    f64 *scale = ARENA_ARRAY(b->g->mem, a->channels, f64);
    const outside *was = outside_of(b->g, w->w);
    val v = 0;
    *fits = same_channels(was, w);
    if (!*fits) return w->w;
    if (o && scale) {
        for (u64 c = 0; c < a->channels; c++) scale[c] = (was->scale ? was->scale[c] : 1) * a->scale[c];
        *o = *was;
        o->scale = scale, o->channels = w->channels, o->inner = w->inner;
        o->group_elems = w->group_elems, o->group_channels = w->group_channels;
        v = graph_outside(b->g, NULL, &t, o);
    }
    if (!v) b->status = fail_nomem(a->channels * sizeof *scale);
    return v;
}

static val new_weights(build *b, const weights *w, const affine *a, bool *fits)
{
    qn_tensor t = constant_tensor(b->g, w->w);
    u8 *data;
    if (!a->scales) return w->w;
    if (outside_of(b->g, w->w)) return scaled_outside(b, w, a, fits);
    val v = match_make_constant(b, t.dtype, t.rank, t.dims, &data);
    *fits = v && scale_weights(b->g, w, a, data);
    return v;
}

static val new_bias(build *b, const weights *w, const affine *a)
{
    qn_dtype d = match_type(b->g, w->w)->dtype;
    u8 *data;
    val v = match_make_constant(b, d, 1, (const i64[]){ (i64)w->channels }, &data);
    if (!v) return 0;
    qn_tensor old = { 0 };
    if (w->bias) old = constant_tensor(b->g, w->bias);
    bool one = w->bias && qn_tensor_elems(&old) == 1;
    for (u64 c = 0; c < w->channels; c++) {
        f64 was = w->bias ? w->bias_scale * match_element(&old, one ? 0 : c) : 0;
        match_store(d, data, c, was * a->scale[c] + a->shift[c]);
    }
    return v;
}

/* The producer again with new weights, its other attributes as they are; MatMul has no place for a bias and gets an Add. */
static val rebuild(build *b, const weights *w, const affine *a, bool *fits)
{
    attr attrs[OP_MOST_ATTRS];
    u32 count = node_attrs_but(w->n, (const char *const[]){ "beta", NULL }, attrs);
    val weight = new_weights(b, w, a, fits);
    bool has_bias = w->bias || a->shifts;
    val bias = *fits && has_bias ? new_bias(b, w, a) : 0;
    if (!*fits || b->status != QN_OK) return 0;
    val x = node_in(b->g, w->n, 0);
    if (w->n->op == OP_MatMul)
        return build_op2(b, OP_Add, build_node(b, OP_MatMul, (val[]){ x, weight }, 2, attrs, count), bias);
    return build_node(b, (op_id)w->n->op, (val[]){ x, weight, bias }, bias ? 3 : 2, attrs, count);
}

static bool is_uniform(const affine *a)
{
    for (u64 c = 1; c < a->channels; c++)
        if (a->scale[c] != a->scale[0] || a->shift[c] != a->shift[0]) return false;
    return true;
}

static bool fold_into(pass_job *j, nid id, const weights *w, affine *a, u32 at)
{
    const node *n = node_at(j->g, id);
    build b = pass_build(j, id);
    bool fits = true;
    val y = 0;
    a->channels = w->channels;
    j->status = affine_make(a);
    if (j->status == QN_OK) {
        if (n->op == OP_BatchNormalization) take_normalization(j->g, n, a);
        else take_constants(j->g, n, at, a);
        for (u64 c = 0; c < a->channels; c++) {
            a->scales = a->scales || a->scale[c] != 1;
            a->shifts = a->shifts || a->shift[c] != 0;
        }
        bool useful = w->n->op != OP_MatMul || (a->scales && !is_uniform(a)); /* the rest is fuse_epilogue's matter there */
        if (useful) y = rebuild(&b, w, a, &fits);
    }
    affine_free(a);
    if (j->status != QN_OK || (!y && b.status == QN_OK)) return false;
    return pass_replace_one(j, &b, id, y);
}

/* (product + c) * s = product * s + c * s: the scale then stands beside the product, and c * s is a constant. */
static bool distribute(pass_job *j, nid id, u32 at)
{
    graph *g = j->g;
    const node *n = node_at(g, id);
    const node *sum = n->op == OP_Mul ? match_only_maker(g, node_in(g, n, 1 - at)) : NULL;
    val s = node_in(g, n, at);
    if (!sum || sum->op != OP_Add || !match_like_out(g, n, 1 - at)) return false;
    for (u32 i = 0; i < 2; i++) {
        weights w;
        val p = node_in(g, sum, i), c = node_in(g, sum, 1 - i);
        if (!match_same_type(g, p, sum->out[0]) || !producer_of(g, p, &w)) continue;
        if (!is_per_channel(g, s, p, w.axis, w.channels) || !is_per_channel(g, c, p, w.axis, w.channels)) continue;
        build b = pass_build(j, id);
        val shift = build_op2(&b, OP_Mul, c, s), scaled = build_op2(&b, OP_Mul, p, s); /* in one order with every compiler */
        val y = build_op2(&b, OP_Add, scaled, shift);
        return pass_replace_one(j, &b, id, y);
    }
    return false;
}

static bool fold(pass_job *j, nid id)
{
    graph *g = j->g;
    const node *n = node_at(g, id);
    weights w;
    affine a = { 0 };
    u32 at = 1;
    if (n->op == OP_BatchNormalization) {
        if (!producer_of(g, node_in(g, n, 0), &w) || w.axis != 1 || !is_normalization(g, n)) return false;
    } else {
        at = constant_place(g, n);
        if (at == 2) return false;
        val x = node_in(g, n, 1 - at);
        if (!match_like_out(g, n, 1 - at)) return false;
        if (!producer_of(g, x, &w)) return distribute(j, id, at);
        if (!is_per_channel(g, node_in(g, n, at), x, w.axis, w.channels)) return false;
    }
    return fold_into(j, id, &w, &a, at);
}

#define X_AND_W "in x: f32[1,1,2,2]; const w: f32[2,1,1,1] = {1, 2};"
const pass_def pass_fold_batchnorm = {
    .name = "fold_batchnorm",
    .doc = "per-channel scales and shifts behind a convolution or matrix product move into its weights",
    .at = OP_NONE,
    .rewrite = fold,
    .test = X_AND_W
    "const s: f32[2] = {2, 3}; const b: f32[2] = {1, 0}; const m: f32[2] = {1, 2}; const v: f32[2] = {4, 1};"
    "a = Conv(x, w); y = BatchNormalization(a, s, b, m, v, epsilon=0.0); out y"
    " -> in x: f32[1,1,2,2]; const w: f32[2,1,1,1] = {1, 6}; const b: f32[2] = {0, -6}; y = Conv(x, w, b); out y"
    "\n---\n" X_AND_W "const c: f32[2,1,1] = {2, 4}; const d: f32[1,2,1,1] = {5, 6}; const b: f32[2] = {1, 1};"
    "p = Conv(x, w, b); q = Div(p, c); y = Sub(d, q); out y"
    " -> in x: f32[1,1,2,2]; const w: f32[2,1,1,1] = {-0.5, -0.5}; const b: f32[2] = {4.5, 5.75}; y = Conv(x, w, b); out y"
    "\n---\n" X_AND_W "const c: f32[2] = {2, 4}; p = Conv(x, w); y = Mul(p, c); out y"
    " -> " X_AND_W "const c: f32[2] = {2, 4}; p = Conv(x, w); y = Mul(p, c); out y"
    "\n---\n" X_AND_W "const c: f32[] = {2}; p = Conv(x, w); y = Mul(p, c); out y, p"
    " -> " X_AND_W "const c: f32[] = {2}; p = Conv(x, w); y = Mul(p, c); out y, p"
    "\n---\n"
    "in x: f32[n,2]; const w: f32[2,2] = {1, 2, 3, 4}; const c: f32[2] = {1, 1}; const s: f32[2] = {2, 3};"
    "p = Gemm(x, w, c, transB=1, beta=2.0); y = Mul(s, p); out y"
    " -> in x: f32[n,2]; const w: f32[2,2] = {2, 4, 9, 12}; const c: f32[2] = {4, 6}; y = Gemm(x, w, c, transB=1); out y"
    "\n---\n"
    "in x: f32[n,3,2]; const w: f32[2,2] = {1, 2, 3, 4}; const s: f32[2] = {2, 3}; p = MatMul(x, w); y = Mul(p, s); out y"
    " -> in x: f32[n,3,2]; const w: f32[2,2] = {2, 6, 6, 12}; y = MatMul(x, w); out y"
    "\n---\n"
    "in x: f32[n,2]; const w: f32[2,2] = {1, 2, 3, 4}; const c: f32[2] = {5, 6}; const s: f32[2] = {2, 3};"
    "p = MatMul(x, w); q = Add(c, p); y = Mul(q, s); out y"
    " -> in x: f32[n,2]; const c: f32[2] = {5, 6}; const s: f32[2] = {2, 3}; const w: f32[2,2] = {2, 6, 6, 12};"
    "    d = Mul(c, s); p = MatMul(x, w); y = Add(p, d); out y"
    "\n---\n"
    "in x: f32[n,2]; const w: f32[2,2] = {1, 2, 3, 4}; const s: f32[] = {2}; p = MatMul(x, w); y = Mul(p, s); out y"
    " -> in x: f32[n,2]; const w: f32[2,2] = {1, 2, 3, 4}; const s: f32[] = {2}; p = MatMul(x, w); y = Mul(p, s); out y"
    "\n---\n"
    "in x: f32[n,2]; const w: f32[2,2] = {1, 2, 3, 4}; const s: f32[2] = {2, 3}; p = MatMul(x, w); y = Add(p, s); out y"
    " -> in x: f32[n,2]; const w: f32[2,2] = {1, 2, 3, 4}; const s: f32[2] = {2, 3}; p = MatMul(x, w); y = Add(p, s); out y",
};

/* Normalizations that exporters write out become one op again, a node at a time:
 *
 *     d = x - mean(x);  d / sqrt(mean(d^2) + epsilon) * scale   ->  LayerNormalization(x, scale)
 *     x / sqrt(mean(x^2) + epsilon) * scale                     ->  RMSNormalization(x, scale)
 *     LayerNormalization(x, scale) + bias                       ->  LayerNormalization(x, scale, bias)
 *     exp(x - max(x)) / sum(exp(x - max(x)))                    ->  Softmax(x), also without the max
 *
 * where the means run over the last dimensions. The fused kernels add in another order and, for narrow floats, round less. */
#include "op/op_util.h"
#include "pass/match.h"

/* v reduces x by op over one run of dimensions up to the last, which stay as 1: where it starts, or -1. */
static i32 reduced_from(graph *g, val v, u16 op, val *x)
{
    const node *n = match_maker(g, v);
    bool has;
    if (!n || n->op != op || !attr_int(n, "keepdims", 1)) return -1;
    i64 ignored[QN_MAX_RANK];
    if (node_in(g, n, 1) && match_ints(g, node_in(g, n, 1), ignored, QN_MAX_RANK) < 0) return -1;
    *x = node_in(g, n, 0);
    u32 rank = match_type(g, *x)->rank, bits = node_axes(g, n, "axes", 1, rank, &has), from = rank;
    while (from > 0 && bits >> (from - 1) & 1) from--;
    return from < rank && bits == ((1u << rank) - (1u << from)) ? (i32)from : -1;
}

/* v = x^2: x, or 0. */
static val square_root_of(const graph *g, val v)
{
    const node *n = match_maker(g, v);
    if (!n) return 0;
    if (n->op == OP_Mul && node_in(g, n, 0) == node_in(g, n, 1)) return node_in(g, n, 0);
    return n->op == OP_Pow && match_is(g, node_in(g, n, 1), 2) ? node_in(g, n, 0) : 0;
}

/* v = sqrt(mean of d^2 + epsilon): from which dimension the mean runs, or -1. */
static i32 deviation(graph *g, val v, val *d, f64 *epsilon)
{
    const node *root = match_maker(g, v);
    const node *sum = root && root->op == OP_Sqrt ? match_maker(g, node_in(g, root, 0)) : NULL;
    u32 at;
    val mean = sum && sum->op == OP_Add ? match_beside_constant(g, sum, epsilon, &at) : 0, squared;
    i32 from = mean ? reduced_from(g, mean, OP_ReduceMean, &squared) : -1;
    if (from < 0) return -1;
    *d = square_root_of(g, squared);
    return *d ? from : -1;
}

/* v = 1 / w: w, or 0. */
static val inverse_of(const graph *g, val v)
{
    const node *n = match_maker(g, v);
    if (!n) return 0;
    if (n->op == OP_Reciprocal) return node_in(g, n, 0);
    return n->op == OP_Div && match_is(g, node_in(g, n, 0), 1) ? node_in(g, n, 1) : 0;
}

/* v = d / deviation(d), as Div or as Mul with the inverse. */
static i32 normalized(graph *g, val v, val *d, f64 *epsilon)
{
    const node *n = match_maker(g, v);
    i32 from = -1;
    if (!n) return -1;
    if (n->op == OP_Div && (from = deviation(g, node_in(g, n, 1), d, epsilon)) >= 0)
        return *d == node_in(g, n, 0) ? from : -1;
    for (u32 i = 0; i < 2 && n->op == OP_Mul; i++) {
        val w = inverse_of(g, node_in(g, n, i));
        if (w && (from = deviation(g, w, d, epsilon)) >= 0 && *d == node_in(g, n, 1 - i)) return from;
    }
    return -1;
}

/* Exactly one element for each column that the normalization of x from `from` on has. */
static bool is_row(const graph *g, val scale, val x, u32 from)
{
    const type *t = match_type(g, scale), *xt = match_type(g, x);
    u32 columns = xt->rank - from;
    if (t->dtype != xt->dtype || t->rank < columns || t->rank > xt->rank) return false;
    for (u32 d = 0; d < t->rank; d++) {
        u32 k = d + xt->rank - t->rank;
        if (k < from ? !sym_is(g, t->dims[d], 1) : !sym_same(g, t->dims[d], xt->dims[k])) return false;
    }
    return true;
}

static val norm_node(build *b, op_id op, val x, val scale, val bias, i64 axis, f64 epsilon)
{
    attr attrs[] = { attr_of_int("axis", axis), attr_of_float("epsilon", epsilon) };
    return build_node(b, op, (val[]){ x, scale, bias }, bias ? 3 : 2, attrs, 2);
}

static val scaled(build *b, const node *n)
{
    graph *g = b->g;
    for (u32 i = 0; i < 2; i++) {
        val d, mean_of, scale = node_in(g, n, 1 - i);
        f64 epsilon;
        i32 from = normalized(g, node_in(g, n, i), &d, &epsilon);
        if (from < 0 || epsilon < 0 || !match_float(g, d) || !match_same_type(g, d, n->out[0]) ||
            !is_row(g, scale, d, (u32)from))
            continue;
        const node *centred = match_maker(g, d);
        i64 axis = (i64)from - match_type(g, d)->rank;
        bool layer = centred && centred->op == OP_Sub &&
                     reduced_from(g, node_in(g, centred, 1), OP_ReduceMean, &mean_of) == from &&
                     mean_of == node_in(g, centred, 0);
        return norm_node(b, layer ? OP_LayerNormalization : OP_RMSNormalization, layer ? mean_of : d, scale, 0, axis,
                         epsilon);
    }
    return 0;
}

static val shifted(build *b, const node *n)
{
    graph *g = b->g;
    for (u32 i = 0; i < 2; i++) {
        const node *norm = match_only_maker(g, node_in(g, n, i));
        val bias = node_in(g, n, 1 - i);
        if (!norm || norm->op != OP_LayerNormalization || norm->n_out > 1 || node_in(g, norm, 2) || !match_like_out(g, n, i))
            continue;
        u32 axis = axis_of(norm, "axis", -1, match_type(g, norm->out[0])->rank);
        if (!is_row(g, bias, norm->out[0], axis)) continue;
        return norm_node(b, OP_LayerNormalization, node_in(g, norm, 0), node_in(g, norm, 1), bias,
                         attr_int(norm, "axis", -1), attr_float(norm, "epsilon", 1e-5));
    }
    return 0;
}

static val softmax(build *b, const node *n)
{
    graph *g = b->g;
    val top = node_in(g, n, 0), summed, highest;
    const node *e = match_maker(g, top);
    i32 from = e && e->op == OP_Exp ? reduced_from(g, node_in(g, n, 1), OP_ReduceSum, &summed) : -1;
    if (from < 0 || summed != top || from + 1 != (i32)match_type(g, top)->rank) return 0;
    val x = node_in(g, e, 0);
    const node *less = match_maker(g, x);
    if (less && less->op == OP_Sub && reduced_from(g, node_in(g, less, 1), OP_ReduceMax, &highest) == from &&
        highest == node_in(g, less, 0))
        x = highest;
    attr axis = attr_of_int("axis", -1);
    return build_node(b, OP_Softmax, &x, 1, &axis, 1);
}

static bool recognise(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    build b = pass_build(j, id);
    val y = n->op == OP_Mul ? scaled(&b, n) : n->op == OP_Add ? shifted(&b, n) : n->op == OP_Div ? softmax(&b, n) : 0;
    return (y || b.status != QN_OK) && pass_replace_one(j, &b, id, y);
}

#define CENTRE    "in x: f32[b,4]; const a: i64[1] = {-1}; const e: f32[] = {0.5}; m = ReduceMean(x, a); d = Sub(x, m);"
#define DEVIATION "q = Mul(d, d); v = ReduceMean(q, a); w = Add(v, e); r = Sqrt(w);"
const pass_def pass_recognise_norms = {
    .name = "recognise_norms",
    .doc = "LayerNormalization, RMSNormalization and Softmax that were exported as arithmetic become one op",
    .at = OP_NONE,
    .rewrite = recognise,
    .test = CENTRE DEVIATION
    "in s: f32[4]; in t: f32[4]; n = Div(d, r); y = Mul(n, s); z = Add(t, y); out z"
    " -> in x: f32[b,4]; in s: f32[4]; in t: f32[4]; z = LayerNormalization(x, s, t, axis=-1, epsilon=0.5); out z"
    "\n---\n" CENTRE DEVIATION "in s: f32[1,4]; i = Reciprocal(r); n = Mul(i, d); y = Mul(s, n); out y"
    " -> in x: f32[b,4]; in s: f32[1,4]; z = LayerNormalization(x, s, axis=-1, epsilon=0.5); out z"
    "\n---\n" CENTRE
    "in s: f32[4]; q = Mul(x, x); v = ReduceMean(q, a); w = Add(v, e); r = Sqrt(w); n = Div(x, r); y = Mul(n, s); out y, d"
    " -> " CENTRE "in s: f32[4]; y = RMSNormalization(x, s, axis=-1, epsilon=0.5); out y, d"
    "\n---\n" CENTRE DEVIATION "in s: f32[b,4]; n = Div(d, r); y = Mul(n, s); out y -> " CENTRE DEVIATION
    "in s: f32[b,4]; n = Div(d, r); y = Mul(n, s); out y"
    "\n---\n"
    "in x: f32[b,4]; const a: i64[1] = {1}; m = ReduceMax(x, a); d = Sub(x, m); e = Exp(d); s = ReduceSum(e, a); y = Div(e, "
    "s); out y"
    " -> in x: f32[b,4]; y = Softmax(x, axis=-1); out y"
    "\n---\n"
    "in x: f32[b,4]; const a: i64[1] = {0}; e = Exp(x); s = ReduceSum(e, a); y = Div(e, s); out y"
    " -> in x: f32[b,4]; const a: i64[1] = {0}; e = Exp(x); s = ReduceSum(e, a); y = Div(e, s); out y",
};

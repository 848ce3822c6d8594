/* The operator Gradient (ai.onnx.preview.training): the gradients of y for each of xs, where xs and zs have the values that are given.
 *
 * The reader puts the values that its attributes name behind those that are given:  given[xs, zs], symbols[xs, zs], y.
 * Where another value is given than the symbol's own, what lies between the symbols and y is copied with it in the symbol's place. */
#include "op/op_util.h"
#include "train/autodiff.h"

typedef struct parts {
    u32 n, n_xs; /* symbols; the first n_xs are xs */
} parts;

static parts parts_of(const node *n)
{
    const attr *xs = attr_find(n, "xs");
    return (parts){ (n->n_in - 1) / 2, xs ? xs->n : 0 };
}

static qn_status check_pair(const infer *c, u32 i, const type *given, const type *symbol, bool x)
{
    if (!given || !symbol) return infer_fail(c, QN_E_FORMAT, "input %u is missing", i);
    if (given->dtype != symbol->dtype || given->rank != symbol->rank)
        return infer_fail(c, QN_E_DTYPE, "input %u is of another type or rank than the tensor it stands for", i);
    if (x && !dtype_is_float(symbol->dtype))
        return infer_fail(c, QN_E_DTYPE, "xs[%u] is %s: only floats have a gradient", i, qn_dtype_name(symbol->dtype));
    return QN_OK;
}

static qn_status infer_gradient(infer *c)
{
    parts p = parts_of(c->n);
    const type *y = infer_in(c, c->n->n_in - 1);
    if (c->n->n_in != 2 * p.n + 1 || p.n_xs > p.n || c->n->n_out > p.n_xs)
        return infer_fail(c, QN_E_FORMAT, "it wants one input for each of xs and zs, and one output at most for each of xs");
    if (!y || !dtype_is_float(y->dtype)) return infer_fail(c, QN_E_DTYPE, "y is no tensor of floats");
    for (u32 i = 0; i < p.n; i++) QN_TRY(check_pair(c, i, infer_in(c, i), infer_in(c, p.n + i), i < p.n_xs));
    for (u32 i = 0; i < p.n_xs; i++) QN_TRY(infer_out(c, i, infer_in(c, i)));
    return QN_OK;
}

/* ------------------------------------------------------------------ other values in the symbols' places */

typedef struct copying {
    build *b;
    nid last; /* of the nodes to copy: behind it stand only those that this made */
    val *now; /* by value that was there before: what stands for it; 0: itself */
    u32 n;
} copying;

static val stands_for(const copying *c, val v)
{
    v = v ? live(c->b->g, v) : 0;
    return v && v < c->n && c->now[v] ? c->now[v] : v;
}

static qn_status copy_node(copying *c, const node *n)
{
    graph *g = c->b->g;
    val in[32], out[16] = { 0 };
    bool body = attr_find(n, NOTE_CAPTURES) != NULL;
    if (body || n->n_in > COUNT(in) || n->n_out > COUNT(out))
        return build_fail(c->b, QN_E_UNSUPPORTED, "%s '%s' cannot be computed again with the values given", op_of(n)->name,
                          n->name);
    for (u32 i = 0; i < n->n_in; i++) in[i] = stands_for(c, n->in[i]);
    nid made = graph_node(g, c->b->before, n->op, n->name, in, n->n_in, out, n->n_out, n->attrs, n->n_attrs);
    if (!made) return QN_E_NOMEM;
    QN_TRY(graph_infer_node(g, made));
    for (u32 i = 0; i < n->n_out; i++) c->now[live(g, n->out[i])] = out[i];
    return QN_OK;
}

static qn_status copy_all(copying *c)
{
    const graph *g = c->b->g;
    for (nid n = c->last ? g->first : 0; n; n = node_at(g, n)->next) {
        const node *at = node_at(g, n);
        bool touched = false, symbol = false;
        for (u32 i = 0; i < at->n_in; i++) touched = touched || stands_for(c, at->in[i]) != node_in(g, at, i);
        for (u32 i = 0; i < at->n_out; i++) symbol = symbol || c->now[live(g, at->out[i])];
        if (touched && !symbol) QN_TRY(copy_node(c, at));
        if (n == c->last) break;
    }
    return QN_OK;
}

/* symbols[] become the values that stand for them: a value of its own each, for what is given may be used elsewhere too. */
static qn_status substitute(copying *c, parts p, val *symbols, val *y)
{
    graph *g = c->b->g;
    bool any = false;
    c->last = node_at(g, c->b->before)->prev;
    c->n = g->n_values + 1;
    c->now = mem_zalloc(c->n * sizeof *c->now);
    if (!c->now) return fail_nomem(c->n * sizeof *c->now);
    for (u32 i = 0; i < p.n; i++) {
        val given = build_in(c->b, i);
        if (given == symbols[i]) continue;
        c->now[symbols[i]] = build_op1(c->b, OP_Identity, given);
        any = true;
    }
    QN_TRY(c->b->status);
    if (any) QN_TRY(copy_all(c));
    for (u32 i = 0; i < p.n; i++) symbols[i] = stands_for(c, symbols[i]);
    *y = stands_for(c, *y);
    return QN_OK;
}

static qn_status differentiate(build *b, parts p, val *symbols, val *dxs)
{
    copying c = { .b = b };
    for (u32 i = 0; i < p.n; i++) symbols[i] = build_in(b, p.n + i);
    val y = build_in(b, b->n->n_in - 1);
    qn_status status = substitute(&c, p, symbols, &y);
    mem_free(c.now);
    QN_TRY(status);
    const autodiff what = {
        .ys = &y, .n_ys = 1, .xs = symbols, .n_xs = p.n_xs, .fixed = symbols + p.n_xs, .n_fixed = p.n - p.n_xs
    };
    return autodiff_build(b, &what, dxs);
}

static qn_status expand_gradient(build *b, const node *n)
{
    parts p = parts_of(n);
    val *symbols = ARENA_ARRAY(b->g->mem, p.n + p.n_xs, val);
    if (!symbols) return fail_nomem(p.n * sizeof *symbols);
    QN_TRY(differentiate(b, p, symbols, symbols + p.n));
    return build_done(b, symbols + p.n, p.n_xs);
}

const op_def op_Gradient = {
    .name = "Gradient",
    .domain = "ai.onnx.preview.training",
    .doc = DOC("the gradients of y for each of xs, where xs and zs have the values given"),
    .in = { { "inputs", "many any" } },
    .out = { { "outputs", "many optional float" } },
    .attrs = { NEEDED("xs", ATTR_TEXTS), { "zs", ATTR_TEXTS, false, 0, 0, NULL }, NEEDED("y", ATTR_TEXT) },
    .infer = infer_gradient,
    .expand = expand_gradient,
};

/* The walk. In: a graph, xs and ys in it. Out: nodes that compute the xs' gradients, of simple ops that have gradients themselves.
 *
 * Between the first x and the last y it is marked, forward, what depends on an x, and backward what a y depends on. Composites that are both are expanded, until every node on
 * the way has a gradient or cannot be expanded. Then, backward again, each node that something arrives at hands it on (op_gradient); where a
 * value is used several times its gradients are added up, and where it was broadcast they are summed back to its shape.
 * A gradient goes through floats only: what becomes an integer, a truth value or a random number on the way gets none. */
#include "op/gradient.h"
#include "op/op_util.h"
#include "train/autodiff.h"

typedef struct walk {
    build *b;
    const autodiff *what;
    u8 *leaf, *depends, *needed; /* by value */
    val *got;                    /* by value: its gradient, live; 0: none yet */
    u32 n;                       /* values that are marked; what is built later has none of these */
    nid from, last; /* the nodes from the first that can depend on an x to the last that a y can need; 0: none */
} walk;

/* Gradients of gradients grow with a power of how often they are taken, and a page of a file can ask for any number. */
static qn_status check_size(const build *b, const node *n)
{
    enum { NODES_MOST = 1 << 20 };
    if (b->g->n_nodes <= NODES_MOST) return QN_OK;
    return fail(QN_E_UNSUPPORTED, "%s '%s': with its gradients the model has more than %d nodes", op_of(n)->name, n->name,
                NODES_MOST);
}

static bool carries(qn_dtype d) { return dtype_is_float(d) || d == QN_SEQUENCE || d == QN_OPTIONAL; }

static void drop(walk *w) { mem_free(w->leaf), mem_free(w->got), w->leaf = NULL, w->got = NULL; }

static qn_status make(walk *w)
{
    drop(w);
    w->n = w->b->g->n_values + 1;
    w->leaf = mem_zalloc(3 * (size_t)w->n);
    w->got = mem_zalloc(w->n * sizeof *w->got);
    if (!w->leaf || !w->got) return fail_nomem(w->n);
    w->depends = w->leaf + w->n, w->needed = w->depends + w->n;
    return QN_OK;
}

/* ------------------------------------------------------------------ the way from the xs to the ys */

/* Marks the xs and what is held fast; gives how many xs have makers, or all that there can be where one has none. */
static u32 mark_leaves(walk *w)
{
    const graph *g = w->b->g;
    u32 made = 0;
    for (u32 i = 0; i < w->what->n_fixed; i++) w->leaf[live(g, w->what->fixed[i])] = true;
    for (u32 i = 0; i < w->what->n_xs; i++) {
        val x = live(g, w->what->xs[i]);
        if (!value_at(g, x)->maker) made = UINT32_MAX;
        else if (!w->depends[x] && made != UINT32_MAX) made++;
        w->leaf[x] = w->depends[x] = true;
    }
    return made;
}

/* So that many Gradients of what is near each other do not each walk the whole graph. */
static void find_range(walk *w, u32 made)
{
    const graph *g = w->b->g;
    const autodiff *what = w->what;
    w->last = what->n_ys == 1 ? value_at(g, live(g, what->ys[0]))->maker : node_at(g, w->b->before)->prev;
    w->from = w->last;
    for (nid n = w->last; n && made; n = node_at(g, n)->prev) {
        const node *at = node_at(g, n);
        for (u32 i = 0; i < at->n_out && made != UINT32_MAX; i++) made -= w->depends[live(g, at->out[i])] != 0;
        w->from = n;
    }
}

static nid after(const walk *w, nid n) { return n == w->last ? 0 : node_at(w->b->g, n)->next; }
static nid ahead_of(const walk *w, nid n) { return n == w->from ? 0 : node_at(w->b->g, n)->prev; }

static void mark_forward(walk *w)
{
    const graph *g = w->b->g;
    for (nid n = w->from; n; n = after(w, n)) {
        const node *at = node_at(g, n);
        bool any = false;
        for (u32 i = 0; i < at->n_in; i++) any = any || (node_in(g, at, i) && w->depends[node_in(g, at, i)]);
        for (u32 i = 0; i < at->n_out && any && !op_of(at)->random; i++) {
            val y = live(g, at->out[i]);
            if (!w->leaf[y] && carries(value_at(g, y)->type.dtype)) w->depends[y] = true;
        }
    }
}

static qn_status mark_from_xs(walk *w)
{
    QN_TRY(make(w));
    find_range(w, mark_leaves(w));
    mark_forward(w);
    return QN_OK;
}

static bool is_needed(const walk *w, const node *n)
{
    bool any = false;
    for (u32 i = 0; i < n->n_out; i++) {
        val y = live(w->b->g, n->out[i]);
        any = any || (w->needed[y] && w->depends[y] && !w->leaf[y]);
    }
    return any;
}

static void mark_backward(walk *w)
{
    const graph *g = w->b->g;
    for (u32 i = 0; i < w->what->n_ys; i++) w->needed[live(g, w->what->ys[i])] = true;
    for (nid n = w->last; n; n = ahead_of(w, n)) {
        const node *at = node_at(g, n);
        if (!is_needed(w, at)) continue;
        for (u32 i = 0; i < at->n_in; i++)
            if (node_in(g, at, i)) w->needed[node_in(g, at, i)] = true;
    }
}

/* A composite's expansion stands in front of it, so it is seen in the next round. */
static qn_status expand_once(walk *w, bool *again)
{
    graph *g = w->b->g;
    *again = false;
    for (nid n = w->from, next; n; n = next) {
        const node *at = node_at(g, n);
        next = after(w, n);
        if (op_has_gradient(op_of(at)) || !op_of(at)->expand || !is_needed(w, at)) continue;
        QN_TRY(check_size(w->b, at));
        build b = { .g = g, .before = n, .n = at };
        QN_TRY(op_of(at)->expand(&b, at));
        *again = true;
    }
    return QN_OK;
}

static qn_status find_the_way(walk *w)
{
    enum { ROUNDS = 16 }; /* composites in composites; what is made of itself has no gradient after these either */
    bool again = true;
    for (u32 round = 0; again && round < ROUNDS; round++) {
        QN_TRY(mark_from_xs(w));
        mark_backward(w);
        QN_TRY(expand_once(w, &again));
    }
    if (!again) return QN_OK;
    return mark_from_xs(w);
}

/* ------------------------------------------------------------------ gradients */

static void add_to(walk *w, val v, val g)
{
    val had = w->got[v];
    g = build_sum_to(w->b, g, build_type(w->b, v));
    w->got[v] = had ? build_op2(w->b, OP_Add, had, g) : g;
}

static qn_status refuse(const node *n)
{
    return fail(QN_E_UNSUPPORTED, "%s '%s': this op has no gradient, and one is asked of it", op_of(n)->name, n->name);
}

/* What arrives at a node's output; 0: nothing. */
static val arriving(const walk *w, val y)
{
    y = live(w->b->g, y);
    return y < w->n && w->depends[y] && !w->leaf[y] ? w->got[y] : 0;
}

static qn_status hand_on(walk *w, const node *n, const val *dy, val *dx, bool *wanted)
{
    const graph *g = w->b->g;
    if (!op_has_gradient(op_of(n))) return refuse(n);
    QN_TRY(check_size(w->b, n));
    for (u32 i = 0; i < n->n_in; i++) {
        val v = node_in(g, n, i);
        wanted[i] = v && w->depends[v] && dtype_is_float(value_at(g, v)->type.dtype);
        dx[i] = 0;
    }
    w->b->n = n;
    op_gradient(&(grads){ .b = w->b, .dy = dy, .wanted = wanted, .dx = dx });
    for (u32 i = 0; i < n->n_in && w->b->status == QN_OK; i++)
        if (wanted[i] && dx[i]) add_to(w, node_in(g, n, i), dx[i]);
    return w->b->status;
}

static qn_status visit(walk *w, const node *n)
{
    bool any = false;
    for (u32 i = 0; i < n->n_out; i++) any = any || arriving(w, n->out[i]);
    if (!any) return QN_OK;
    val *dy = mem_alloc((n->n_out + n->n_in + 1) * sizeof *dy);
    bool *wanted = mem_alloc(n->n_in + 1);
    qn_status status = dy && wanted ? QN_OK : fail_nomem(n->n_in);
    for (u32 i = 0; i < n->n_out && dy; i++) dy[i] = arriving(w, n->out[i]);
    if (status == QN_OK) status = hand_on(w, n, dy, dy + n->n_out, wanted);
    mem_free(dy), mem_free(wanted);
    return status;
}

/* From the end to the start; what is built stands in front of `before`, behind all that is walked. */
static qn_status walk_back(walk *w)
{
    const graph *g = w->b->g;
    const autodiff *what = w->what;
    for (u32 i = 0; i < what->n_ys; i++) {
        val y = live(g, what->ys[i]),
            dy = what->dys && what->dys[i] ? what->dys[i] : build_fill(w->b, build_type(w->b, y), 1);
        if (w->depends[y]) add_to(w, y, dy);
    }
    for (nid n = w->last; n && w->b->status == QN_OK; n = ahead_of(w, n)) QN_TRY(visit(w, node_at(g, n)));
    return w->b->status;
}

static qn_status build_all(walk *w, val *dxs)
{
    QN_TRY(find_the_way(w));
    const node *whose = w->b->n;
    QN_TRY(walk_back(w));
    w->b->n = whose;
    for (u32 i = 0; i < w->what->n_xs; i++) {
        val x = live(w->b->g, w->what->xs[i]);
        dxs[i] = w->got[x] ? w->got[x] : build_fill(w->b, build_type(w->b, x), 0);
    }
    return w->b->status;
}

qn_status autodiff_build(build *b, const autodiff *what, val *dxs)
{
    walk w = { .b = b, .what = what };
    qn_status status = build_all(&w, dxs);
    drop(&w);
    return status;
}

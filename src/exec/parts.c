/* A model that cannot be planned before a part of it has run: a list of sizes whose length the data decide, a branch that changes a rank.
 *
 * In: the graph, and the node at which checking it failed. The graph is cut in front of that node. What stands before it becomes the whole
 * graph, whose outputs are what the rest reads; the rest is a session of its own, whose inputs these are. That is planned when the first
 * part has run, for their sizes and small values (specialise.c), may be cut in turn, and keeps its plan while those stay the same.
 * What such a part fails at first no run tells more of; where that is a body, it is opened (pass/open_body.c). */
#include "exec/session.h"

/* ---- where */

/* Will a run tell more of it than is known? Its sizes, or elements that may decide a structure. */
static bool is_told_by_run(graph *g, val v)
{
    const sym *elems;
    const value *x = value_at(g, v);
    i64 number;
    if (!x->maker) return false;
    for (u32 d = 0; d < x->type.rank; d++)
        if (!sym_is_number(g, x->type.dims[d], &number)) return true;
    if (x->type.rank > 1 || dtype_is_for_host(x->type.dtype)) return false;
    i64 n = value_elems(g, v, &elems);
    for (i64 k = 0; k < n; k++)
        if (!sym_is_number(g, elems[k], &number)) return true;
    return n < 0;
}

bool session_can_cut(graph *g)
{
    const node *n = node_at(g, g->stuck);
    for (u32 i = 0; g->stuck && i < n->n_in; i++)
        if (node_in(g, n, i) && is_told_by_run(g, node_in(g, n, i))) return true;
    return false;
}

/* ---- the cut */

typedef struct cut {
    graph_copy copy;
    bool *behind; /* by node: it is of the rest */
    val *across;  /* what the rest reads */
    u32 n_across;
    arena *mem;
} cut;

static qn_status need_across(cut *c, val v)
{
    const graph *g = c->copy.from;
    v = live(g, v);
    const value *x = value_at(g, v);
    if (!v || c->copy.at[v] || x->is_constant || (x->maker && c->behind[x->maker])) return QN_OK;
    const char *name =
        arena_print(c->mem, "%.200s (%u)", x->name ? x->name : "", c->n_across); /* the number makes it the only one */
    if (!name) return fail_nomem(16);
    c->across[c->n_across++] = v;
    return graph_copy_input(&c->copy, v, name) ? QN_OK : QN_E_NOMEM;
}

static qn_status copy_rest(cut *c)
{
    const graph *g = c->copy.from;
    for (nid n = g->stuck; n; n = node_at(g, n)->next) c->behind[n] = true;
    for (nid n = g->stuck; n; n = node_at(g, n)->next)
        for (u32 i = 0; i < node_at(g, n)->n_in; i++) QN_TRY(need_across(c, node_at(g, n)->in[i]));
    for (u32 i = 0; i < g->n_outputs; i++) QN_TRY(need_across(c, g->outputs[i]));
    for (nid n = g->stuck; n; n = node_at(g, n)->next)
        if (!graph_copy_node(&c->copy, 0, n)) return QN_E_NOMEM;
    for (u32 i = 0; i < g->n_outputs; i++) {
        val v = graph_copied(&c->copy, g->outputs[i]);
        QN_TRY(v ? graph_output(c->copy.to, v) : QN_E_NOMEM);
    }
    return QN_OK;
}

static qn_status drop_rest(graph *g, const cut *c)
{
    for (u32 i = 0; i < g->n_outputs; i++) value_at(g, live(g, g->outputs[i]))->uses--;
    g->n_outputs = 0;
    for (u32 i = 0; i < c->n_across; i++) QN_TRY(graph_output(g, c->across[i]));
    for (nid n = g->last, before, first = g->stuck; n; n = before) {
        before = n == first ? 0 : node_at(g, n)->prev;
        graph_kill(g, n);
    }
    g->stuck = 0;
    return graph_sweep(g, NULL);
}

static qn_status make_rest(qn_session *s, const graph *of, const cut *c)
{
    qn_session *rest = mem_zalloc(sizeof *rest);
    if (!rest) return fail_nomem(sizeof *rest);
    s->rest = rest;
    rest->desc = s->desc;
    rest->desc.path = NULL, rest->desc.bytes = (qn_bytes){ 0 }, rest->desc.progress = NULL;
    rest->behind = of;
    rest->specialise = true;
    rest->stage = SESSION_OPEN;
    rest->given = ARENA_ARRAY(c->mem, c->n_across + 1, qn_named);
    rest->mem = arena_make();
    return rest->given && rest->mem ? session_describe_part(rest) : fail_nomem(sizeof *rest);
}

static qn_status make_cut(qn_session *s, cut *c)
{
    graph *g = s->g;
    c->copy.to = graph_make(c->mem, NULL);
    c->across = ARENA_ARRAY(c->mem, g->n_values + 1, val);
    if (!c->copy.at || !c->behind || !c->across) return fail_nomem(g->n_values * sizeof(val));
    QN_TRY(c->copy.to ? copy_rest(c) : QN_E_NOMEM);
    QN_TRY(drop_rest(g, c));
    return make_rest(s, c->copy.to, c);
}

qn_status session_cut(qn_session *s, u32 part)
{
    const graph *g = s->g;
    cut c = { .copy = { .from = g, .named = true }, .mem = s->graph_mem };
    c.copy.at = mem_zalloc(((size_t)g->n_values + 1) * sizeof(val));
    c.behind = mem_zalloc(((size_t)g->n_nodes + 1) * sizeof(bool));
    qn_status status = make_cut(s, &c);
    if (s->rest) s->rest->part = part;
    mem_free(c.copy.at);
    mem_free(c.behind);
    return status;
}

/* ---- runs */

const qn_session *session_last(const qn_session *s)
{
    while (s->rest) s = s->rest;
    return s;
}

const qn_session *session_at_work(const qn_session *s) { return s->now ? s->now : s; }

u32 session_hand_over(const qn_session *s, qn_named **out)
{
    qn_session *rest = s->rest;
    for (u32 i = 0; i < rest->n_inputs; i++) rest->given[i] = (qn_named){ rest->inputs[i].name, s->x->outputs[i] };
    *out = rest->given;
    return rest->n_inputs;
}

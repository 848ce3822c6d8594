/* A model that cannot be planned before a part of it has run: a list of sizes whose length the data decide, a branch that changes a rank.
 *
 * In: the graph, and the node at which checking it failed. The graph is cut in front of that node. What stands before it becomes the whole
 * graph, whose outputs are what the rest reads; the rest is a session of its own, whose inputs these are. That is planned when the first
 * part has run, for their sizes and small values (specialise.c), may be cut in turn, and keeps its plan while those stay the same.
 * What such a part fails at first no run tells more of; where that is a body, it is opened (pass/open_body.c). */
#include "exec/session.h"
#include "op/op_util.h"

/* ---- where */

/* May there be elements that decide a structure and are not known yet? */
static bool has_open_elems(graph *g, val v)
{
    const sym *elems;
    i64 number, n;
    if (value_at(g, v)->type.rank > 1 || dtype_is_for_host(value_at(g, v)->type.dtype) || is_constant(g, v)) return false;
    n = value_elems(g, v, &elems);
    for (i64 k = 0; k < n; k++)
        if (!sym_is_number(g, elems[k], &number)) return true;
    return n < 0;
}

/* Is more to be known of it? Its sizes, elements, or the rank of what a list holds. */
static bool is_open(graph *g, val v)
{
    const type *t = &value_at(g, v)->type;
    i64 number;
    for (u32 d = 0; d < t->rank; d++)
        if (!sym_is_number(g, t->dims[d], &number)) return true;
    return (t->of && !t->of->known) || has_open_elems(g, v);
}

static graph *stuck_body(const node *n)
{
    for (u32 i = 0; i < n->n_attrs; i++)
        if (n->attrs[i].kind == ATTR_GRAPH && n->attrs[i].body->stuck) return n->attrs[i].body;
    return NULL;
}

static bool wants_more_of(graph *g, val v, bool floats)
{
    bool asked = v && value_at(g, v)->asked && (!floats || dtype_is_float(value_at(g, v)->type.dtype));
    return asked && has_open_elems(g, v);
}

bool session_wants_elems(graph *g, bool floats)
{
    const node *n = node_at(g, g->stuck);
    graph *body = g->stuck ? stuck_body(n) : NULL;
    if (body && op_of(n)->control == CONTROL_BRANCH && wants_more_of(g, node_in(g, n, 0), floats)) return true;
    if (body) return session_wants_elems(body, floats);
    for (u32 i = 0; g->stuck && i < n->n_in; i++)
        if (wants_more_of(g, node_in(g, n, i), floats)) return true;
    return !g->stuck;
}

bool session_can_cut(graph *g)
{
    const node *n = node_at(g, g->stuck);
    for (u32 i = 0; g->stuck && i < n->n_in; i++) {
        val v = node_in(g, n, i);
        if (v && value_at(g, v)->maker && is_open(g, v)) return true;
    }
    return false;
}

bool session_can_open(graph *g)
{
    graph *body = g->stuck ? stuck_body(node_at(g, g->stuck)) : NULL;
    const node *n = body ? node_at(body, body->stuck) : NULL;
    for (u32 i = 0; n && i < n->n_in; i++)
        if (node_in(body, n, i) && is_open(body, node_in(body, n, i))) return true;
    return body && session_can_open(body);
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

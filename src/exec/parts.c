/* A model that cannot be planned before a part of it has run: a list of sizes whose length the data decide, a branch that changes a rank.
 *
 * In: the graph, and the node at which checking it failed. The graph is cut in front of that node. What stands before it becomes the whole
 * graph, whose outputs are what the rest reads; the rest is a session of its own, which takes its nodes from there (stretch.c). It is planned
 * when the first part has run, for the sizes and small values of what it reads (specialise.c), may be cut in turn, and keeps its plan while
 * those stay the same.
 * What such a part fails at first no run tells more of; where that is a body, it is opened (pass/open_body.c). */
#include "exec/stretch.h"
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

static bool has_open_sizes(const graph *g, val v)
{
    const type *t = &value_at(g, v)->type;
    i64 number;
    for (u32 d = 0; d < t->rank; d++)
        if (!t->dims[d] || !sym_is_number(g, t->dims[d], &number)) return true;
    return false;
}

/* Is more to be known of it? Its sizes, elements, or the rank of what a list holds. */
static bool is_open(graph *g, val v)
{
    const type *t = &value_at(g, v)->type;
    return has_open_sizes(g, v) || (t->of && !t->of->known) || has_open_elems(g, v);
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
    for (u32 i = 0; g->stuck && i < n->n_in; i++) {
        val v = node_in(g, n, i);
        if (wants_more_of(g, v, floats) || (!floats && !g->differs && v && has_open_sizes(g, v))) return true;
    }
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
    qn_session *s;
    graph_copy copy; /* into a new stretch */
    stretch *to;
    bool *behind;  /* by node: it is of the rest */
    u32 *taken_by; /* by value: 1 + which of s->taken it is; 0: none */
    val *across;   /* what the rest reads and this part makes */
    place *inputs; /* of the new stretch: where they come from */
    u32 n_across, n_inputs;
    arena *mem;
} cut;

static qn_status need_across(cut *c, val v)
{
    const graph *g = c->copy.from;
    v = live(g, v);
    const value *x = value_at(g, v);
    if (!v || c->copy.at[v] || x->is_constant || (x->maker && c->behind[x->maker])) return QN_OK;
    place *p = &c->inputs[c->n_inputs++];
    *p = (place){ .of = c->s, .out = c->n_across };
    if (c->taken_by[v]) {
        const taken *t = &c->s->taken[c->taken_by[v] - 1];
        p->of = t->of, p->out = t->out;
    } else c->across[c->n_across++] = v;
    return graph_copy_input(&c->copy, v, x->name) ? QN_OK : QN_E_NOMEM;
}

/* What is left in the stretches reads it. */
static qn_status need_made(cut *c, stretch_val *made)
{
    made->as = 0;
    return stretch_wants(made->of, made->v) ? need_across(c, made->of->at[made->v]) : QN_OK;
}

static qn_status copy_rest(cut *c)
{
    const graph *g = c->copy.from;
    qn_session *s = c->s;
    for (nid n = g->stuck; n; n = node_at(g, n)->next) c->behind[n] = true;
    for (nid n = g->stuck; n; n = node_at(g, n)->next)
        for (u32 i = 0; i < node_at(g, n)->n_in; i++) QN_TRY(need_across(c, node_at(g, n)->in[i]));
    for (u32 i = 0; i < s->n_made; i++) QN_TRY(need_made(c, &s->made[i]));
    for (u32 i = 0; !s->behind && i < g->n_outputs; i++) QN_TRY(need_across(c, g->outputs[i]));
    for (nid n = g->stuck; n; n = node_at(g, n)->next)
        if (!graph_copy_node(&c->copy, 0, n)) return QN_E_NOMEM;
    for (u32 i = 0; i < s->n_made; i++)
        if (stretch_wants(s->made[i].of, s->made[i].v) &&
            !(s->made[i].as = graph_copied(&c->copy, s->made[i].of->at[s->made[i].v])))
            return QN_E_NOMEM;
    for (u32 i = 0; !s->behind && i < g->n_outputs; i++) {
        val v = graph_copied(&c->copy, g->outputs[i]);
        QN_TRY(v ? graph_output(c->copy.to, v) : QN_E_NOMEM);
    }
    return QN_OK;
}

/* From here on what this part made is found there. */
static qn_status place_values(cut *c)
{
    const qn_session *s = c->s;
    stretch *to = c->to;
    QN_TRY(stretch_index(to));
    for (u32 i = 0; i < to->g->n_inputs; i++) to->places[to->g->inputs[i]] = c->inputs[i];
    for (u32 i = 0; i < s->n_made; i++) {
        const stretch_val *made = &s->made[i];
        if (!made->as) continue;
        made->of->places[made->v] = (place){ .as = to, .v = made->as };
        to->last[made->as] = LAST_ALWAYS;
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

static qn_status make_rest(const cut *c)
{
    qn_session *s = c->s;
    stretch_at *left = ARENA_ARRAY(c->mem, 2, stretch_at);
    qn_session *rest = left ? mem_zalloc(sizeof *rest) : NULL;
    if (!rest) return fail_nomem(sizeof *rest);
    s->rest = rest;
    left[0] = (stretch_at){ c->to, c->to->g->first, s->behind ? &left[1] : NULL };
    if (s->behind) left[1] = *s->left;
    rest->desc = s->desc;
    rest->desc.path = NULL, rest->desc.bytes = (qn_bytes){ 0 }, rest->desc.progress = NULL, rest->desc.piecewise = 0;
    rest->behind = left;
    rest->ends = s->behind ? s->ends : c->to;
    rest->first = s->behind ? s->first : s;
    rest->draws = s->draws;
    rest->specialise = true;
    rest->stage = SESSION_OPEN;
    return QN_OK;
}

static qn_status make_cut(cut *c)
{
    graph *g = c->s->g;
    c->to = ARENA_NEW(c->mem, stretch);
    c->copy.to = graph_make(c->mem, NULL);
    c->across = ARENA_ARRAY(c->mem, g->n_values + 1, val);
    if (!c->to || !c->copy.at || !c->behind || !c->taken_by || !c->inputs || !c->across)
        return fail_nomem(g->n_values * sizeof(place));
    c->to->g = c->copy.to;
    for (u32 i = 0; i < c->s->n_taken; i++) c->taken_by[live(g, c->s->taken[i].v)] = i + 1;
    QN_TRY(c->copy.to ? copy_rest(c) : QN_E_NOMEM);
    QN_TRY(place_values(c));
    QN_TRY(drop_rest(g, c));
    return make_rest(c);
}

qn_status session_cut(qn_session *s, const part_cost *cost)
{
    const graph *g = s->g;
    const size_t n = (size_t)g->n_values + 1;
    cut c = { .s = s, .copy = { .from = g, .named = true }, .mem = s->graph_mem };
    c.copy.at = mem_zalloc(n * sizeof(val));
    c.behind = mem_zalloc(((size_t)g->n_nodes + 1) * sizeof(bool));
    c.taken_by = mem_zalloc(n * sizeof(u32));
    c.inputs = mem_zalloc(n * sizeof(place));
    qn_status status = make_cut(&c);
    if (s->rest) s->rest->cost = (part_cost){ cost->parts, 0, cost->nodes };
    mem_free(c.copy.at);
    mem_free(c.behind);
    mem_free(c.taken_by);
    mem_free(c.inputs);
    return status;
}

/* ---- runs */

const qn_session *session_last(const qn_session *s)
{
    while (s->rest) s = s->rest;
    return s;
}

const qn_session *session_at_work(const qn_session *s) { return s->now ? s->now : s; }

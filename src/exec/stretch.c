/* A part takes its nodes out of stretches (stretch.h): each is copied to the end of the part's graph and checked there, until one cannot be, or
 * none is left. What it reads of parts in front becomes an input, or, where small values may decide a structure, a constant of the plan. */
#include "exec/stretch.h"

#include "op/op.h"

enum { MOST_TAKEN = 1 << 20 };

qn_status stretch_index(stretch *r)
{
    graph *g = r->g;
    const size_t n = (size_t)g->n_values + 1;
    r->places = ARENA_ARRAY(g->mem, n, place);
    r->last = ARENA_ARRAY(g->mem, n, nid);
    r->at = ARENA_ARRAY(g->mem, n, val);
    r->round = ARENA_ARRAY(g->mem, n, u64);
    if (!r->places || !r->last || !r->at || !r->round) return fail_nomem(n * sizeof(place));
    FOR_NODES(g, n_)
    for (u32 i = 0; i < node_at(g, n_)->n_in; i++) r->last[node_in(g, node_at(g, n_), i)] = n_;
    for (u32 i = 0; i < g->n_outputs; i++) r->last[live(g, g->outputs[i])] = LAST_ALWAYS;
    return QN_OK;
}

bool stretch_wants(const stretch *of, val v) { return of->last[v] == LAST_ALWAYS || (of->next && of->last[v] >= of->next); }

static graph_copy copy_into(const qn_session *s, const stretch *of)
{
    return (graph_copy){ .from = of->g, .to = s->g, .at = of->at, .named = true };
}

static qn_status take(qn_session *s, stretch *of, val v, val *out)
{
    const place p = of->places[v];
    graph_copy copy = copy_into(s, of);
    if (!p.of || !p.of->x || p.out >= p.of->g->n_outputs) return fail(QN_E_BUG, "a part reads what no part has made");
    if (!ARENA_PUSH_ROOM(s->graph_mem, s->taken, s->n_taken, s->cap_taken, MOST_TAKEN)) return fail_nomem(sizeof(taken));
    taken *t = &s->taken[s->n_taken];
    const type *list = value_at(of->g, v)->type.of;
    *t = (taken){ .of = p.of, .out = p.out, .open = list && !list->known };
    t->name = arena_print(s->graph_mem, "%u", s->n_taken);
    if (!t->name) return fail_nomem(16);
    *out = t->v = graph_copy_input(&copy, v, t->name);
    if (!t->v) return QN_E_NOMEM;
    s->n_taken++;
    QN_TRY(session_fix_input(s, t->v, &p.of->x->outputs[p.out]));
    return graph_check_source(s->g, t->v);
}

static bool is_here(const qn_session *s, const stretch *of, val v) { return of->round[v] == s->round && of->at[v]; }

qn_status stretch_here(qn_session *s, stretch *of, val v, val *out)
{
    stretch *asked = of;
    const val asked_v = v = live(of->g, v);
    while (!is_here(s, of, v) && of->places[v].as) {
        val as = of->places[v].v;
        of = of->places[v].as;
        v = live(of->g, as);
    }
    if (!is_here(s, of, v)) {
        graph_copy copy = copy_into(s, of);
        of->at[v] = 0;
        if (value_at(of->g, v)->is_constant) of->at[v] = graph_copied(&copy, v);
        else QN_TRY(take(s, of, v, &of->at[v]));
        if (!of->at[v]) return QN_E_NOMEM;
        of->round[v] = s->round;
    }
    asked->at[asked_v] = *out = of->at[v];
    asked->round[asked_v] = s->round;
    return QN_OK;
}

static qn_status note_made(qn_session *s, stretch *of, nid id)
{
    const node *n = node_at(of->g, id);
    for (u32 i = 0; i < n->n_out; i++) {
        of->round[n->out[i]] = s->round;
        if (!of->last[n->out[i]]) continue;
        if (!ARENA_PUSH_ROOM(s->graph_mem, s->made, s->n_made, s->cap_made, MOST_TAKEN)) return fail_nomem(sizeof *s->made);
        s->made[s->n_made++] = (stretch_val){ .of = of, .v = n->out[i] };
    }
    return QN_OK;
}

/* One more node at the end of the graph; *any false: there is none. */
static qn_status take_node(qn_session *s, bool *any)
{
    stretch_at *at = s->left;
    while (!at->next && at->then) *at = *at->then;
    const nid id = at->next;
    stretch *of = at->of;
    *any = id != 0;
    if (!id) return QN_OK;
    of->next = at->next = node_at(of->g, id)->next;
    for (u32 i = 0; i < node_at(of->g, id)->n_in; i++) {
        val v = node_at(of->g, id)->in[i];
        if (v) QN_TRY(stretch_here(s, of, v, &v));
    }
    graph_copy copy = copy_into(s, of);
    return graph_copy_node(&copy, 0, id) ? note_made(s, of, id) : QN_E_NOMEM;
}

static qn_status check_nodes(qn_session *s)
{
    graph *g = s->g;
    for (;;) {
        bool any;
        nid n = s->checked ? node_at(g, s->checked)->next : g->first;
        if (!n) {
            QN_TRY(take_node(s, &any));
            if (!any) return QN_OK;
            n = g->last;
        }
        g->stuck = n;
        QN_TRY(graph_infer_node(g, n));
        g->stuck = 0;
        s->checked = n;
    }
}

qn_status session_take_nodes(qn_session *s)
{
    graph *g = s->g;
    if (!s->rest) QN_TRY(check_nodes(s));
    for (u32 i = 0; !s->rest && !s->is_last && i < s->ends->g->n_outputs; i++) {
        val v;
        QN_TRY(stretch_here(s, s->ends, s->ends->g->outputs[i], &v));
        QN_TRY(graph_output(g, v));
    }
    s->is_last = !s->rest;
    return graph_check(g);
}

qn_status session_take_begin(qn_session *s)
{
    s->g = graph_make(s->graph_mem, NULL);
    s->left = ARENA_NEW(s->graph_mem, stretch_at);
    if (!s->g || !s->left) return fail_nomem(sizeof *s->left);
    *s->left = *s->behind;
    for (const stretch_at *at = s->behind; at; at = at->then) at->of->next = at->next;
    s->taken = NULL, s->made = NULL, s->given = NULL;
    s->n_taken = s->cap_taken = s->n_made = s->cap_made = 0;
    s->checked = 0, s->is_last = false;
    s->round = ++s->first->rounds;
    return QN_OK;
}

qn_status session_given(qn_session *s, const qn_named **out, size_t *n)
{
    if (!s->given && !(s->given = ARENA_ARRAY(s->graph_mem, s->n_taken + 1, qn_named)))
        return fail_nomem(s->n_taken * sizeof *s->given);
    for (u32 i = 0; i < s->n_taken; i++)
        s->given[i] = (qn_named){ s->taken[i].name, s->taken[i].of->x->outputs[s->taken[i].out] };
    *out = s->given;
    *n = s->n_taken;
    return QN_OK;
}

/* Runs passes: each to its fixed point over the graph and the bodies inside it, then a sweep; with timing, dumps and
 * checks. Where sizes read differently afterwards the graph is inferred anew and the pass looks at it once more: what
 * fitted the sizes of before may not fit these. */
#include "op/elems.h"
#include "pass/pass.h"

#define PASS(name) extern const pass_def pass_##name;
#include "pass/passes.def"
#undef PASS

const pass_def *const pass_defs[] = {
#define PASS(name) &pass_##name,
#include "pass/passes.def"
#undef PASS
    NULL,
};

enum { MAX_ROUNDS = 16 };

u32 pass_count(void) { return (u32)COUNT(pass_defs) - 1; }

build pass_build(pass_job *j, nid n)
{
    return (build){ .g = j->g, .before = n, .n = node_at(j->g, n), .status = j->status, .n_nodes = j->g->n_nodes };
}

/* The node that now makes the output keeps the name that people know: messages and profiles speak of it. */
static void keep_name(graph *g, nid gone, val out)
{
    nid made = value_at(g, out)->maker;
    if (made > gone && node_at(g, gone)->name) node_at(g, made)->name = node_at(g, gone)->name;
}

bool pass_replace(pass_job *j, build *b, nid n, const val *outs, u32 n_outs)
{
    if (b->status != QN_OK) {
        j->status = b->status;
        return false;
    }
    if (n_outs && outs[0]) keep_name(j->g, n, live(j->g, outs[0]));
    for (u32 i = 0; i < n_outs; i++)
        if (outs[i]) graph_replace(j->g, node_at(j->g, n)->out[i], outs[i]);
    graph_kill_for(j->g, n, n == b->before ? build_heir(b) : node_at(j->g, n)->next);
    return true;
}

bool pass_replace_one(pass_job *j, build *b, nid n, val out) { return pass_replace(j, b, n, &out, 1); }

/* The types of values that were replaced stay in their records, so both can be compared afterwards. */
static bool reads_differently(const graph *g, val old)
{
    const value *was = value_at(g, old), *is = value_at(g, live(g, old));
    if (was == is) return false;
    if (was->elems_read || is->type.rank != was->type.rank) return true;
    for (u32 d = 0; d < was->type.rank; d++)
        if (!sym_same(g, was->type.dims[d], is->type.dims[d])) return true;
    return false;
}

/* Elements that were asked for are those of the value in their place. */
static void replace_asked(graph *g, const value *was, val by)
{
    const sym *elems;
    if (!was->elems_read || value_at(g, by) == was) return;
    value *is = value_at(g, by);
    i64 n = value_elems(g, by, &elems);
    if (n >= 0 && elems_settle(g, was, elems, (u32)n)) return;
    if (!is->is_constant) is->elems = was->elems, is->n_elems = was->n_elems, is->elems_read = true;
}

void pass_replaced(pass_job *j, val old)
{
    replace_asked(j->g, value_at(j->g, old), live(j->g, old));
    j->stale = j->stale || reads_differently(j->g, old);
}

static bool value_mentions(const graph *g, const value *v, sym variable)
{
    for (u32 d = 0; d < v->type.rank; d++)
        if (sym_mentions(g, v->type.dims[d], variable)) return true;
    for (u32 e = 0; v->elems && e < v->n_elems; e++)
        if (sym_mentions(g, v->elems[e], variable)) return true;
    return false;
}

/* A size that only a run tells, and that the node was the first to name: neither what it read when its sizes were found has it, nor what
 * stands in the place of that now. */
static bool is_named_by(const pass_job *j, const node *n, sym size)
{
    u32 v = sym_variable_index(j->g, size);
    if (v == UINT32_MAX || (v < j->n_bound && j->bound[v].bound)) return false;
    for (u32 i = 0; i < n->n_in; i++)
        if (n->in[i] && (value_mentions(j->g, value_at(j->g, n->in[i]), size) ||
                         value_mentions(j->g, value_at(j->g, live(j->g, n->in[i])), size)))
            return false;
    return true;
}

/* What has taken the node's place tells its sizes under names of its own. (A Loop tells a length last, and needs it first.) */
static void rename_sizes(pass_job *j, const node *n, val old)
{
    const value *was = value_at(j->g, old), *is = value_at(j->g, live(j->g, old));
    if (is == was || is->type.rank != was->type.rank || (is->maker && node_has_body(node_at(j->g, is->maker)))) return;
    for (u32 d = 0; d < was->type.rank; d++) {
        sym from = was->type.dims[d], to = is->type.dims[d];
        u32 v = sym_variable_index(j->g, to);
        bool is_new = v != UINT32_MAX && v >= j->n_bound;
        if (is_new && !sym_same(j->g, from, to) && is_named_by(j, n, from)) sym_settle(j->g, from, to);
    }
}

static void note_outputs(pass_job *j, nid n)
{
    const node *x = node_at(j->g, n);
    for (u32 i = 0; x->dead && i < x->n_out; i++) {
        rename_sizes(j, x, x->out[i]);
        pass_replaced(j, x->out[i]);
    }
}

static void bind(pass_job *j, sym s)
{
    u32 i = sym_variable_index(j->g, s);
    if (i < j->n_bound) j->bound[i].bound = true;
}

/* Variables in the sizes of inputs, and inputs whose elements are read, are bound when a run starts. */
static qn_status find_bound(pass_job *j)
{
    graph *g = j->g;
    j->n_bound = sym_variable_count(g);
    j->bound = mem_zalloc((j->n_bound + 1) * sizeof *j->bound);
    if (!j->bound) return fail_nomem(j->n_bound * sizeof *j->bound);
    for (u32 i = 0; i < g->n_inputs; i++) {
        const value *v = value_at(g, g->inputs[i]);
        for (u32 d = 0; d < v->type.rank; d++) bind(j, v->type.dims[d]);
        for (u32 e = 0; v->elems_read && e < v->n_elems; e++) bind(j, v->elems[e]);
    }
    return QN_OK;
}

bool pass_sizes_known(const pass_job *j, const sym *sizes, u32 n)
{
    for (u32 i = 0; i < n; i++)
        if (!sizes[i] || sym_newest_variable(j->g, sizes[i]) > j->n_bound || sym_uses_unbound(j->g, sizes[i], j->bound))
            return false;
    return true;
}

const node *pass_maker(const graph *g, val v, u16 op)
{
    if (!v || !value_at(g, v)->maker) return NULL;
    const node *n = node_at(g, value_at(g, v)->maker);
    return n->op == op && !n->dead ? n : NULL;
}

const node *pass_only_maker(const graph *g, val v, u16 op)
{
    return v && value_at(g, v)->uses == 1 ? pass_maker(g, v, op) : NULL;
}

static u32 rewrite_once(const pass_def *p, pass_job *j)
{
    u32 changed = 0;
    FOR_NODES(j->g, n)
    {
        const node *x = node_at(j->g, n);
        if (x->dead || (p->at != OP_NONE && x->op != p->at)) continue;
        if (p->rewrite(j, n)) {
            changed++;
            note_outputs(j, n);
        }
        if (j->status != QN_OK) return changed;
    }
    return changed;
}

static qn_status run_to_the_end(const pass_def *p, pass_job *j, u32 *changed)
{
    u32 removed, before = j->g->n_live;
    if (p->run) {
        QN_TRY(p->run(j));
        if (j->g->n_live < before) *changed += before - j->g->n_live;
    }
    for (u32 round = 0, now = 1; p->rewrite && now && round < MAX_ROUNDS; round++) {
        now = rewrite_once(p, j);
        *changed += now;
        QN_TRY(j->status);
        QN_TRY(graph_sweep(j->g, &removed));
    }
    QN_TRY(graph_sweep(j->g, &removed));
    return QN_OK;
}

static qn_status run_on(const pass_def *p, graph *g, const pass_env *env, u32 *changed, bool *stale);

static qn_status run_in_bodies(const pass_def *p, graph *g, const pass_env *env, u32 *changed, bool *stale)
{
    FOR_NODES(g, n)
    {
        const node *x = node_at(g, n);
        for (u32 a = 0; a < x->n_attrs; a++)
            if (x->attrs[a].kind == ATTR_GRAPH) QN_TRY(run_on(p, x->attrs[a].body, env, changed, stale));
    }
    return QN_OK;
}

static qn_status run_on(const pass_def *p, graph *g, const pass_env *env, u32 *changed, bool *stale)
{
    pass_job j = { .g = g, .env = env };
    u32 settled = sym_settled_count(g);
    qn_status s = find_bound(&j);
    if (s == QN_OK) s = run_to_the_end(p, &j, changed);
    mem_free(j.bound);
    QN_TRY(s);
    j.stale = j.stale || sym_settled_count(g) != settled;
    QN_TRY(run_in_bodies(p, g, env, changed, stale)); /* after: a pass may drop a body, or take it apart */
    *stale = *stale || j.stale;
    if (*stale) QN_TRY(graph_check(g));
#ifndef NDEBUG
    QN_TRY(graph_verify(g));
#endif
    return QN_OK;
}

qn_status pass_run(const pass_def *p, graph *g, const pass_env *env, u32 *changed)
{
    bool stale;
    u32 round = 0;
    *changed = 0;
    do {
        stale = false;
        QN_TRY(fail_in(run_on(p, g, env, changed, &stale), "pass %s: ", p->name));
    } while (stale && ++round < MAX_ROUNDS);
    return QN_OK;
}

static qn_status dump(const pass_report *r, const char *stage, const graph *g)
{
    if (!r || !r->dump) return QN_OK;
    str text = { 0 };
    qn_status s = graph_print(g, &text);
    if (s == QN_OK) r->dump(r->dump_user, stage, text.text ? text.text : "");
    str_free(&text);
    return s;
}

qn_status pass_run_all(graph *g, const pass_env *env, bool optimize, pass_report *report)
{
    QN_TRY(dump(report, "read", g));
    for (u32 i = 0; pass_defs[i]; i++) {
        const pass_def *p = pass_defs[i];
        if (!optimize && !p->always) continue;
        u64 from = clock_ns();
        u32 before = g->n_live, changed;
        QN_TRY(pass_run(p, g, env, &changed));
        if (report && report->rows)
            report->rows[report->n++] = (qn_pass_row){ p->name, p->doc, (f64)(clock_ns() - from) / 1e6, before, g->n_live };
        QN_TRY(dump(report, p->name, g));
    }
    return QN_OK;
}

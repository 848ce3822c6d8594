/* Runs passes: each to its fixed point over the graph and the bodies inside it, then a sweep; with timing, dumps and checks. */
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

build pass_build(pass_job *j, nid n) { return (build){ .g = j->g, .before = n, .n = node_at(j->g, n), .status = j->status }; }

bool pass_replace(pass_job *j, build *b, nid n, const val *outs, u32 n_outs)
{
    if (b->status != QN_OK) {
        j->status = b->status;
        return false;
    }
    for (u32 i = 0; i < n_outs; i++)
        if (outs[i]) graph_replace(j->g, node_at(j->g, n)->out[i], outs[i]);
    graph_kill(j->g, n);
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
        if (p->at != OP_NONE && node_at(j->g, n)->op != p->at) continue;
        if (p->rewrite(j, n)) changed++;
        if (j->status != QN_OK) return changed;
    }
    return changed;
}

static qn_status run_on(const pass_def *p, graph *g, const pass_env *env, u32 *changed);

static qn_status run_in_bodies(const pass_def *p, graph *g, const pass_env *env, u32 *changed)
{
    FOR_NODES(g, n)
    {
        const node *x = node_at(g, n);
        for (u32 a = 0; a < x->n_attrs; a++)
            if (x->attrs[a].kind == ATTR_GRAPH) QN_TRY(run_on(p, x->attrs[a].body, env, changed));
    }
    return QN_OK;
}

static qn_status run_on(const pass_def *p, graph *g, const pass_env *env, u32 *changed)
{
    pass_job j = { .g = g, .env = env };
    QN_TRY(run_in_bodies(p, g, env, changed));
    if (p->run) QN_TRY(p->run(&j));
    for (u32 round = 0, now = 1; p->rewrite && now && round < MAX_ROUNDS; round++) {
        now = rewrite_once(p, &j);
        *changed += now;
        QN_TRY(j.status);
        u32 removed;
        QN_TRY(graph_sweep(g, &removed));
    }
    u32 removed;
    QN_TRY(graph_sweep(g, &removed));
#ifndef NDEBUG
    QN_TRY(graph_verify(g));
#endif
    return QN_OK;
}

qn_status pass_run(const pass_def *p, graph *g, const pass_env *env, u32 *changed)
{
    *changed = 0;
    return fail_in(run_on(p, g, env, changed), "pass %s: ", p->name);
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

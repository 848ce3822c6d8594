/* Each pass on the text tests in its record: text in, the pass alone, text out. And: a pass that runs twice changes nothing more. */
#include <stdio.h>

#include "exec/session.h"
#include "pass/pass.h"
#include "plan/plan.h"
#include "test.h"

static qn_status parse(arena *mem, const char *from, size_t n, graph **out)
{
    char *text = arena_text(mem, from, n);
    graph *g = graph_make(mem, NULL);
    if (!text || !g) return fail_nomem(n);
    QN_TRY(graph_parse(g, text));
    QN_TRY(graph_check(g));
    *out = g;
    return QN_OK;
}

/* Names of inner values differ; two graphs are the same when they print the same after their values are numbered in order. */
static void rename_values(graph *g)
{
    u32 number = 0;
    for (u32 i = 0; i < g->n_outputs; i++) g->outputs[i] = live(g, g->outputs[i]);
    FOR_NODES(g, n)
    {
        node *x = node_at(g, n);
        x->name = "";
        for (u32 i = 0; i < x->n_out; i++) value_at(g, x->out[i])->name = arena_print(g->mem, "v%u", number++);
        for (u32 i = 0; i < x->n_in; i++) {
            value *v = node_in(g, x, i) ? value_at(g, node_in(g, x, i)) : NULL;
            if (v && !v->is_input && !v->maker) v->name = arena_print(g->mem, "c%u", number++);
        }
    }
}

static qn_status canonical(graph *g, str *out)
{
    u32 removed;
    QN_TRY(graph_sweep(g, &removed));
    rename_values(g);
    return graph_print(g, out);
}

static qn_status run_test(const pass_def *p, arena *mem, const char *from, size_t n_from, const char *to, size_t n_to,
                          str *got, str *want)
{
    graph *a, *b;
    u32 changed, again;
    qn_caps caps = {
        .best_group = 1, .width = 8, .f64 = true, .i64 = true, .host_memory = true, .max_group = 256,
        .group_memory_bytes = 1 << 20, .workers = 2
    };
    pass_env env = { .caps = &caps, .evaluate = session_evaluate, .runs = plan_can_run };
    QN_TRY(parse(mem, from, n_from, &a));
    QN_TRY(parse(mem, to, n_to, &b));
    QN_TRY(pass_run(p, a, &env, &changed));
    QN_TRY(pass_run(p, a, &env, &again));
    if (again) return fail(QN_E_BUG, "a second run changes %u more", again);
    QN_TRY(graph_check(a));
    QN_TRY(canonical(a, got));
    return canonical(b, want);
}

static void test_one(test *t, const pass_def *p, const char *text, size_t n)
{
    const char *arrow = text;
    while (arrow + 4 <= text + n && memcmp(arrow, " -> ", 4)) arrow++;
    if (!CHECK(t, arrow + 4 <= text + n, "%s: a test without ' -> '", p->name)) return;
    arena *mem = arena_make();
    str got = { 0 }, want = { 0 };
    qn_status s = run_test(p, mem, text, (size_t)(arrow - text), arrow + 4, (size_t)(text + n - arrow - 4), &got, &want);
    if (CHECK(t, s == QN_OK, "%s: %s\n%.*s", p->name, qn_last_error(), (int)n, text))
        CHECK(t, text_same(got.text, want.text), "%s: got\n%s\nwanted\n%s", p->name, got.text, want.text);
    str_free(&got), str_free(&want);
    arena_free(mem);
}

void test_pass(test *t)
{
    for (u32 i = 0; pass_defs[i]; i++) {
        const pass_def *p = pass_defs[i];
        bool again = false; /* a pass may stand in the list more than once */
        for (u32 k = 0; k < i; k++) again = again || pass_defs[k] == p;
        if (again) continue;
        CHECK(t, p->doc && p->doc[0], "%s has no doc", p->name);
        if (!CHECK(t, p->test != NULL, "%s has no test", p->name)) continue;
        for (const char *at = p->test; at && *at;) {
            const char *end = strstr(at, "\n---\n");
            test_one(t, p, at, end ? (size_t)(end - at) : strlen(at));
            at = end ? end + 5 : NULL;
        }
    }
}

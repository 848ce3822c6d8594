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
    qn_caps caps = { .best_group = 1,
                     .width = 8,
                     .f64 = true,
                     .i64 = true,
                     .host_memory = true,
                     .max_group = 256,
                     .group_memory_bytes = 1 << 20,
                     .workers = 2 };
    pass_env env = {
        .caps = &caps, .channels_last = 1, .channels_block = 2, .evaluate = session_evaluate, .runs = plan_can_run
    };
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

/* Parses, then runs the pass with its n-th allocation failing (0: none); *allocations: how many it made. */
static qn_status run_starved(const pass_def *p, const char *from, size_t n_from, u64 n, u64 *allocations)
{
    arena *mem = arena_make();
    graph *g;
    u32 changed;
    qn_caps caps = { .best_group = 1,
                     .width = 8,
                     .f64 = true,
                     .i64 = true,
                     .host_memory = true,
                     .max_group = 256,
                     .group_memory_bytes = 1 << 20,
                     .workers = 2 };
    pass_env env = {
        .caps = &caps, .channels_last = 1, .channels_block = 2, .evaluate = session_evaluate, .runs = plan_can_run
    };
    qn_status s = mem ? parse(mem, from, n_from, &g) : fail_nomem(64);
    u64 before = mem_allocations();
    mem_fail_at(n);
    if (s == QN_OK) s = pass_run(p, g, &env, &changed);
    mem_fail_at(0);
    *allocations = mem_allocations() - before;
    arena_free(mem);
    return s;
}

/* Whichever allocation fails, the pass says so or does without; nothing is lost or left behind. */
static void starve(test *t, const pass_def *p, const char *text, size_t n)
{
    u64 count = 0, ignored, alive = mem_blocks_alive();
    qn_status s = run_starved(p, text, n, 0, &count);
    CHECK(t, s == QN_OK, "%s: %s", p->name, qn_last_error());
    for (u64 k = 1; k <= count; k++) {
        s = run_starved(p, text, n, k, &ignored);
        CHECK(t, s == QN_OK || s == QN_E_NOMEM, "%s, allocation %llu: %s", p->name, (unsigned long long)k, qn_last_error());
    }
    CHECK(t, mem_blocks_alive() == alive, "%s leaves memory behind", p->name);
}

/* A long net of what passes look at most: products with bias and residual, activations, transposes, views, constants. */
static qn_status large_graph(arena *mem, u32 blocks, graph **out)
{
    graph *g = graph_make(mem, NULL);
    static const f32 ones[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    type t = g ? type_of(g, QN_F32, 2, (const i64[]){ 4, 4 }) : (type){ 0 };
    val x = g ? graph_input(g, "x", &t) : 0;
    if (!x) return QN_E_NOMEM;
    build b = { .g = g };
    for (u32 i = 0; i < blocks && b.status == QN_OK; i++) {
        val w = graph_constant(g, NULL, &(qn_tensor){ QN_F32, 2, { 4, 4 }, ones });
        val c = graph_constant(g, NULL, &(qn_tensor){ QN_F32, 1, { 4 }, ones });
        val y = build_op2(&b, OP_Add, build_op2(&b, OP_MatMul, x, w), c);
        y = build_op1(&b, OP_Transpose, build_op1(&b, OP_Exp, build_op1(&b, OP_Transpose, build_op1(&b, OP_Relu, y))));
        y = build_op1(&b, OP_Flatten, build_op1(&b, OP_Identity, build_op1(&b, OP_Transpose, build_op1(&b, OP_Sigmoid, y))));
        x = build_op2(&b, OP_Add, x, y);
    }
    if (b.status == QN_OK) b.status = graph_output(g, x);
    *out = g;
    return b.status;
}

static qn_status time_passes(u32 blocks, f64 *ms, u32 *before, u32 *after)
{
    arena *mem = arena_make();
    graph *g;
    qn_caps caps = { .best_group = 1, .width = 8, .host_memory = true, .max_group = 256, .workers = 2 };
    evaluator kept = { 0 };
    pass_env env = { .caps = &caps, .evaluate = session_evaluate, .user = &kept, .runs = plan_can_run };
    qn_status s = mem ? large_graph(mem, blocks, &g) : fail_nomem(64);
    u64 from = clock_ns();
    if (s == QN_OK) *before = g->n_live, s = pass_run_all(g, &env, true, NULL);
    if (s == QN_OK) *after = g->n_live;
    *ms = (f64)(clock_ns() - from) / 1e6;
    evaluator_close(&kept);
    arena_free(mem);
    return s;
}

/* All passes are near linear in the nodes: 20,000 of them take about 0.1 s; a nested scan would take minutes. */
static void test_large_graph(test *t)
{
    f64 ms = 0;
    u32 before = 0, after = 0;
    CHECK_OK(t, time_passes(1800, &ms, &before, &after));
    CHECK(t, before > 19000 && after < before / 2, "%u nodes became %u", before, after);
    CHECK(t, ms < 20000, "the passes took %.0f ms for %u nodes", ms, before);
}

void test_pass(test *t)
{
    test_large_graph(t);

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
            starve(t, p, at, (size_t)(strstr(at, " -> ") - at));
            at = end ? end + 5 : NULL;
        }
    }
}

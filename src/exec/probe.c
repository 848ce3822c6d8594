/* How fast is a device? A small network runs on it a few times: matrix products on weights that stay there, from host bytes to host bytes, so
 * that arithmetic, launches and the way there and back all count; the planner picks the kernels, as for any model.
 *
 * In: a device. Out: milliseconds, kept by device, driver and build. Nothing waits: a step starts a run, or looks whether it is done, so an
 * event loop can measure its devices between other tasks. Few rows come first: they warm up, and tell whether all are worth asking for. */
#include <stdio.h>

#include "exec/exec.h"
#include "op/product.h"
#include "pass/pass.h"

enum { ROWS = 256, SOME_ROWS = 64, FEW_ROWS = 16, SIDE = 512, LAYERS = 4, RUNS = 5 };
static const f64 hopeless_ms = 200; /* for few rows: some are not asked for */
static const f64 slow_ms = 50;      /* for all rows, as few and some foretell: that counts, and they are not asked for */
static const f64 enough_ms = 100;   /* of runs with all rows */
static const f64 coarse_ms = 0.001; /* of a clock that saw no time pass */
static const u64 turn_ns = 8000000;

struct qn_probe {
    qn_device *d;
    arena *mem;
    graph *g;
    exec *x;
    qn_named input;
    enum { PROBE_WARM, PROBE_FEW, PROBE_SOME, PROBE_WARM_ALL, PROBE_ALL, PROBE_DONE } stage;
    bool running;
    u64 from; /* when the run began */
    u32 runs; /* with all rows; their time, and the least of one */
    f64 few_ms, total_ms, ms;
};

/* ---- the network */

static qn_status make_graph(arena *mem, graph **out)
{
    graph *g = graph_make(mem, NULL);
    f32 *weights = arena_zalloc(mem, (u64)SIDE * SIDE * sizeof *weights);
    if (!g || !weights) return fail_nomem((u64)SIDE * SIDE * sizeof *weights);
    for (u32 i = 0; i < SIDE; i++) weights[(size_t)i * SIDE + i] = 1;
    type t = { .dtype = QN_F32, .rank = 2, .known = true, .dims = { sym_variable(g, "rows"), sym_number(g, SIDE) } };
    QN_TRY(sym_status(g));
    val w = graph_constant(g, "w", &(qn_tensor){ QN_F32, 2, { SIDE, SIDE }, weights }), y = graph_input(g, "x", &t);
    for (u32 i = 0; i < LAYERS && w && y; i++) y = product_node(g, y, w);
    if (!w || !y) return QN_E_NOMEM;
    *out = g;
    return graph_output(g, y);
}

static qn_status make_input(arena *mem, qn_named *out)
{
    f32 *x = arena_zalloc(mem, (u64)ROWS * SIDE * sizeof *x);
    if (!x) return fail_nomem((u64)ROWS * SIDE * sizeof *x);
    for (u32 i = 0; i < ROWS * SIDE; i++) x[i] = (f32)(i % 61) / 61;
    *out = (qn_named){ "x", { QN_F32, 2, { ROWS, SIDE }, x } };
    return QN_OK;
}

static qn_status prepare(qn_probe *p)
{
    plan *made;
    p->mem = arena_make();
    if (!p->mem) return fail_nomem(sizeof(void *));
    QN_TRY(make_input(p->mem, &p->input));
    QN_TRY(make_graph(p->mem, &p->g));
    QN_TRY(graph_check(p->g));
    pass_env env = { .caps = &p->d->info.caps, .runs = plan_can_run };
    QN_TRY(pass_run_all(p->g, &env, false, NULL));
    QN_TRY(plan_make(p->g, &(plan_desc){ .device = p->d }, p->mem, &made));
    return exec_make(made, p->d, p->mem, false, NULL, &p->x);
}

/* x times the identity, again and again: x itself. */
static qn_status check_answer(const qn_probe *p)
{
    const f32 *want = p->input.tensor.data, *got = p->x->outputs[0].data;
    for (u32 i = 0; i < SOME_ROWS * SIDE; i++)
        if (!(got[i] - want[i] < 1e-3f && want[i] - got[i] < 1e-3f))
            return fail(QN_E_DEVICE, "it computes wrong: %g instead of %g", (f64)got[i], (f64)want[i]);
    return QN_OK;
}

/* ---- one run after the other */

static const u32 rows_of[] = {
    [PROBE_WARM] = SOME_ROWS, [PROBE_FEW] = FEW_ROWS, [PROBE_SOME] = SOME_ROWS, [PROBE_WARM_ALL] = ROWS, [PROBE_ALL] = ROWS
};

static qn_status result(qn_probe *p, f64 ms)
{
    p->ms = MAX(ms, coarse_ms);
    p->stage = PROBE_DONE;
    return QN_OK;
}

static qn_status all_rows(qn_probe *p, f64 ms)
{
    p->ms = p->runs ? MIN(p->ms, ms) : ms;
    p->total_ms += ms;
    p->runs++;
    if (p->runs < RUNS && p->total_ms < enough_ms) return QN_OK;
    return result(p, p->ms > 0 ? p->ms : p->total_ms / p->runs);
}

static f64 foretold(f64 few_ms, f64 some_ms)
{
    return some_ms + MAX(some_ms - few_ms, 0) * ((f64)(ROWS - SOME_ROWS) / (SOME_ROWS - FEW_ROWS));
}

/* A run took so long: what next? */
static qn_status took(qn_probe *p, f64 ms)
{
    if (p->stage == PROBE_ALL) return all_rows(p, ms);
    if (p->stage == PROBE_WARM) QN_TRY(check_answer(p));
    if (p->stage == PROBE_FEW) {
        p->few_ms = ms;
        if (ms > hopeless_ms) return result(p, ms * (ROWS / FEW_ROWS));
    }
    if (p->stage == PROBE_SOME && foretold(p->few_ms, ms) > slow_ms) return result(p, foretold(p->few_ms, ms));
    p->stage++;
    return QN_OK;
}

static qn_status go_on(qn_probe *p, bool *waits)
{
    bool done;
    if (!p->running) {
        p->input.tensor.dims[0] = rows_of[p->stage];
        p->from = clock_ns();
        QN_TRY(exec_start(p->x, &p->input, 1));
        p->running = true;
    }
    QN_TRY(exec_advance(p->x, &done));
    *waits = !done;
    if (!done) return QN_OK;
    p->running = false;
    return took(p, (f64)(clock_ns() - p->from) / 1e6);
}

/* ---- what is kept */

static cache_key key_of(const qn_device_info *i)
{
    const char *which = PLATFORM_BROWSER ? i->kind : i->spec; /* a page numbers its devices as it opens them */
    char text[400];
    int n = snprintf(text, sizeof text, "%s|%s|%s|%s|%s", qn_version(), quern_build, which, i->name, i->driver);
    return cache_key_of(text, (size_t)MIN(n, (int)sizeof text - 1), 7);
}

static bool read_kept(const qn_device_info *info, f64 *ms)
{
    void *bytes;
    size_t n;
    if (!cache_get("probe", key_of(info), &bytes, &n)) return false;
    bool whole = n == sizeof *ms;
    if (whole) memcpy(ms, bytes, sizeof *ms);
    mem_free(bytes);
    return whole && *ms > 0;
}

void probe_keep(const qn_device_info *info, f64 ms)
{
    choose_forget();
    cache_put("probe", key_of(info), (qn_bytes){ &ms, sizeof ms });
}

/* ---- for callers */

qn_status qn_probe_begin(qn_device *d, bool again, qn_probe **out)
{
    if (!d || !out) return fail(QN_E_USAGE, "qn_probe_begin: a device and a place for the probe are needed");
    if (!d->info.caps.workers) return fail(QN_E_UNSUPPORTED, "it computes nothing");
    qn_probe *p = mem_zalloc(sizeof *p);
    if (!p) return fail_nomem(sizeof *p);
    p->d = d;
    qn_status s = QN_OK;
    if (!again && read_kept(&d->info, &p->ms)) p->stage = PROBE_DONE;
    else s = prepare(p);
    if (s == QN_OK) *out = p;
    else qn_probe_end(p);
    return s;
}

qn_status qn_probe_step(qn_probe *p, bool *done, double *ms)
{
    if (!p || !done || !ms) return fail(QN_E_USAGE, "qn_probe_step: a probe and places for the answers are needed");
    u64 start = clock_ns();
    bool waits = false, was_done = p->stage == PROBE_DONE;
    while (p->stage != PROBE_DONE && !waits && clock_ns() - start < turn_ns) QN_TRY(go_on(p, &waits));
    *done = p->stage == PROBE_DONE;
    *ms = *done ? p->ms : 0;
    if (*done && !was_done) probe_keep(&p->d->info, p->ms);
    return QN_OK;
}

void qn_probe_end(qn_probe *p)
{
    if (!p) return;
    exec_close(p->x);
    arena_free(p->mem);
    mem_free(p);
}

qn_status qn_device_probe(qn_device *d, bool again, double *ms)
{
    qn_probe *p;
    if (!ms) return fail(QN_E_USAGE, "qn_device_probe: a place for the time is needed");
    if (d && d->info.caps.workers && !d->backend->wait_a_little) return fail(QN_E_UNSUPPORTED, "it cannot be waited for");
    QN_TRY(qn_probe_begin(d, again, &p));
    qn_status s = QN_OK;
    for (bool done = false; s == QN_OK && !done;) {
        s = qn_probe_step(p, &done, ms);
        if (s == QN_OK && !done && p->running) d->backend->wait_a_little(d, p->x->waiting);
    }
    qn_probe_end(p);
    return s;
}

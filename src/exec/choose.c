/* Which device? "auto" is the one that runs a small network in the least time, measured on each device that is here and computes.
 *
 * The network is a few matrix products on weights that stay on the device, from host bytes to host bytes, so that arithmetic, launches and
 * the way there and back all count; the planner picks the kernels, as for any model. What was measured is kept on disk, by device, driver and
 * version. A device that cannot be waited for (in a browser) cannot be measured here: it is taken only when no other computes. */
#include <stdio.h>
#include <stdlib.h>

#include "exec/exec.h"
#include "op/product.h"
#include "pass/pass.h"

enum { ROWS = 256, FEW_ROWS = 16, SIDE = 512, LAYERS = 4, RUNS = 5 };
static const u64 enough_ns = 100 * 1000 * 1000; /* of runs after the first */
static const f64 hopeless_ms = 50;              /* by a run of few rows: a run of all would take too long to be asked for */

/* ---- the probe */

typedef struct probe {
    graph *g;
    exec *x;
    qn_named input;
} probe;

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

static qn_status run_once(probe *p, i64 rows, u64 *ns)
{
    u64 from = clock_ns();
    p->input.tensor.dims[0] = rows;
    QN_TRY(exec_start(p->x, &p->input, 1));
    for (bool done = false;;) {
        QN_TRY(exec_advance(p->x, &done));
        if (done) break;
        p->x->b->wait_a_little(p->x->device, p->x->waiting);
    }
    *ns = clock_ns() - from;
    return QN_OK;
}

/* x times the identity, again and again: x itself. */
static qn_status check_answer(const probe *p)
{
    const f32 *want = p->input.tensor.data, *got = p->x->outputs[0].data;
    for (u32 i = 0; i < FEW_ROWS * SIDE; i++)
        if (!(got[i] - want[i] < 1e-3f && want[i] - got[i] < 1e-3f))
            return fail(QN_E_DEVICE, "it computes wrong: %g instead of %g", (f64)got[i], (f64)want[i]);
    return QN_OK;
}

/* Few rows warm up and tell whether all are worth asking for; of the runs with all the fastest counts. */
static qn_status time_runs(probe *p, f64 *ms)
{
    u64 ns = 0, best = UINT64_MAX, total = 0;
    QN_TRY(run_once(p, FEW_ROWS, &ns));
    QN_TRY(check_answer(p));
    QN_TRY(run_once(p, FEW_ROWS, &ns));
    *ms = (f64)ns / 1e6 * (ROWS / FEW_ROWS);
    if (*ms > hopeless_ms * (ROWS / FEW_ROWS)) return QN_OK;
    QN_TRY(run_once(p, ROWS, &ns));
    for (u32 i = 0; i < RUNS && total < enough_ns; i++) {
        QN_TRY(run_once(p, ROWS, &ns));
        best = MIN(best, ns), total += ns;
    }
    *ms = (f64)best / 1e6;
    return QN_OK;
}

static qn_status measure_in(qn_device *d, arena *mem, f64 *ms)
{
    probe p = { 0 };
    plan *made;
    f32 *x = arena_zalloc(mem, (u64)ROWS * SIDE * sizeof *x);
    if (!x) return fail_nomem((u64)ROWS * SIDE * sizeof *x);
    for (u32 i = 0; i < ROWS * SIDE; i++) x[i] = (f32)(i % 61) / 61;
    p.input = (qn_named){ "x", { QN_F32, 2, { ROWS, SIDE }, x } };
    QN_TRY(make_graph(mem, &p.g));
    QN_TRY(graph_check(p.g));
    pass_env env = { .caps = &d->info.caps, .runs = plan_can_run };
    QN_TRY(pass_run_all(p.g, &env, false, NULL));
    QN_TRY(plan_make(p.g, &(plan_desc){ .device = d }, mem, &made));
    QN_TRY(exec_make(made, d, mem, false, NULL, &p.x));
    qn_status s = time_runs(&p, ms);
    exec_close(p.x);
    return s;
}

/* ---- on disk: one line of text, the milliseconds */

static bool path_of(const qn_device_info *info, char *out, size_t n)
{
    char folder[1024];
    if (!cache_folder(folder, sizeof folder)) return false;
    u64 key = hash_bytes(info->spec, strlen(info->spec), 1);
    key = hash_bytes(info->name, strlen(info->name), key);
    key = hash_bytes(info->driver, strlen(info->driver), key);
    key = hash_bytes(qn_version(), strlen(qn_version()), key);
    int wrote = snprintf(out, n, "%s/probe-%016llx.txt", folder, (unsigned long long)key);
    return wrote > 0 && (size_t)wrote < n;
}

static bool read_kept(const qn_device_info *info, f64 *ms)
{
    char path[1100], text[32] = "", *end;
    file_map file;
    if (!path_of(info, path, sizeof path) || file_map_open(path, &file) != QN_OK) return false;
    memcpy(text, file.bytes.data, MIN(file.bytes.n, sizeof text - 1));
    file_map_close(&file);
    *ms = strtod(text, &end);
    return end != text && *ms > 0;
}

static void forget_choice(void);

void choose_keep(const qn_device_info *info, f64 ms)
{
    forget_choice();
    char path[1100], text[32];
    int n = snprintf(text, sizeof text, "%.4f\n", ms);
    if (path_of(info, path, sizeof path)) file_write(path, (qn_bytes){ text, (size_t)n });
}

qn_status qn_device_probe(qn_device *d, bool again, double *ms)
{
    if (!d || !ms) return fail(QN_E_USAGE, "qn_device_probe: a device and a place for the time are needed");
    if (!d->info.caps.workers) return fail(QN_E_UNSUPPORTED, "it computes nothing");
    if (!d->backend->wait_a_little) return fail(QN_E_UNSUPPORTED, "it cannot be waited for");
    if (!again && read_kept(&d->info, ms)) return QN_OK;
    arena *mem = arena_make();
    if (!mem) return fail_nomem(sizeof(void *));
    qn_status s = measure_in(d, mem, ms);
    arena_free(mem);
    if (s == QN_OK) choose_keep(&d->info, *ms);
    return s;
}

/* ---- the choice */

enum { MOST_DEVICES = 64 };

static u32 open_all(const qn_device_desc *desc, qn_device **all)
{
    device_walk w = { 0 };
    qn_device *d;
    u32 n = 0;
    while (n < MOST_DEVICES && device_next(&w, desc, &d)) {
        if (d && d->info.caps.workers) all[n++] = d;
        else qn_device_close(d);
    }
    return n;
}

/* The place in all of the fastest; where none could be measured, of the first that only cannot be waited for. n: there is none. */
static u32 fastest(qn_device *const *all, u32 n)
{
    u32 best = n, unmeasured = n;
    f64 least = 0;
    for (u32 i = 0; i < n; i++) {
        f64 ms;
        qn_status s = qn_device_probe(all[i], false, &ms);
        if (s == QN_E_UNSUPPORTED && unmeasured == n) unmeasured = i;
        if (s == QN_OK && (best == n || ms < least)) best = i, least = ms;
    }
    return best < n ? best : unmeasured;
}

/* The choice is kept for a day, so that the other drivers need not be opened to be passed over: spec, name, driver, seconds, a line each. */

static const long long day = 24 * 60 * 60;

static bool choice_path(char *out, size_t n)
{
    char folder[1024];
    return cache_folder(folder, sizeof folder) && snprintf(out, n, "%s/auto-%s.txt", folder, qn_version()) < (int)n;
}

static void write_choice(const char *text)
{
    char path[1100];
    if (choice_path(path, sizeof path)) file_write(path, (qn_bytes){ text, strlen(text) });
}

static void forget_choice(void) { write_choice("-\n"); }

static void keep_choice(const qn_device_info *info)
{
    char text[400];
    snprintf(text, sizeof text, "%s\n%s\n%s\n%lld\n", info->spec, info->name, info->driver, (long long)clock_calendar());
    write_choice(text);
}

static bool is_plain(const qn_device_desc *d)
{
    return !d || (!d->threads && !d->cpu_isa && !d->interpret && !d->reverse_items);
}

/* The device of the kept choice, when it is still the same one. */
static bool open_kept(qn_device **out)
{
    char path[1100], text[400] = "", expect[400];
    file_map file;
    if (!choice_path(path, sizeof path) || file_map_open(path, &file) != QN_OK) return false;
    memcpy(text, file.bytes.data, MIN(file.bytes.n, sizeof text - 1));
    file_map_close(&file);
    char spec[32];
    const char *line = strchr(text, '\n'), *last = line ? strrchr(text, '\n') : NULL;
    if (!line || last == line || line - text >= (long)sizeof spec) return false;
    snprintf(spec, sizeof spec, "%.*s", (int)(line - text), text);
    qn_device *d;
    if (device_open(spec, NULL, &d) != QN_OK) return false;
    int n = snprintf(expect, sizeof expect, "%s\n%s\n%s\n", d->info.spec, d->info.name, d->info.driver);
    long long age = strncmp(text, expect, (size_t)n) == 0 ? (long long)clock_calendar() - strtoll(text + n, NULL, 10) : -1;
    if (age >= 0 && age < day) return *out = d, true;
    qn_device_close(d);
    return false;
}

static qn_status open_measured(const qn_device_desc *desc, qn_device **out)
{
    qn_device *all[MOST_DEVICES];
    attempt_begin(); /* a device that is absent or not measured is no failure of ours */
    u32 n = open_all(desc, all), best = n == 1 ? 0 : fastest(all, n);
    attempt_end(false);
    for (u32 i = 0; i < n; i++)
        if (i != best) qn_device_close(all[i]);
    if (best == n) return fail(QN_E_NO_DEVICE, "no device that computes can be opened here; 'quern doctor' says why");
    *out = all[best];
    return QN_OK;
}

static qn_status open_auto(const qn_device_desc *desc, qn_device **out)
{
    bool plain = is_plain(desc);
    attempt_begin(); /* what is kept may be of no use: then all are looked at */
    bool kept = plain && open_kept(out);
    attempt_end(false);
    if (kept) return QN_OK;
    QN_TRY(open_measured(desc, out));
    if (plain) keep_choice(&(*out)->info);
    return QN_OK;
}

qn_status qn_device_open(const char *spec, const qn_device_desc *desc, qn_device **out)
{
    if (!spec || !out) return fail(QN_E_USAGE, "qn_device_open: spec and out are needed; \"auto\" opens the fastest device");
    return text_same(spec, "auto") ? open_auto(desc, out) : device_open(spec, desc, out);
}

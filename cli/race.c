/* quern bench --race: the same model with the same inputs on every device here, one after the other; a table, the fastest first. A device that
 * is absent, or where something fails, keeps its row, with the reason. Agreement: the norm of the difference from the CPU's outputs
 * over their norm, of the worst output. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "timing.h"

static const char *const reference = "cpu"; /* what the others are compared with */

typedef struct racer {
    qn_device_info info;
    qn_device *device;
    qn_session *session;
    timing t;
    double error; /* NaN: not compared */
    char why[256];
    int code; /* of its failure */
} racer;

typedef struct race {
    const args *a;
    racer *at;
    uint32_t n;
    qn_tensor *want; /* the reference's outputs */
    uint32_t n_want;
} race;

enum { MOST_RACERS = 64 };

/* ---- agreement */
static void keep_outputs(race *r, qn_session *s)
{
    r->n_want = qn_output_count(s);
    r->want = calloc(r->n_want + 1, sizeof *r->want);
    for (uint32_t i = 0; r->want && i < r->n_want; i++) {
        const qn_tensor *t;
        if (qn_output_at(s, i, &t) != QN_OK || t->dtype == QN_STRING || qn_output_info(s, i)->of) continue;
        size_t bytes = (size_t)qn_tensor_bytes(t);
        void *copy = malloc(bytes + 1);
        if (!copy) continue;
        if (bytes) memcpy(copy, t->data, bytes);
        r->want[i] = *t, r->want[i].data = copy;
    }
}

static double difference(const qn_tensor *got, const qn_tensor *want)
{
    double sum = 0, norm = 0;
    if (got->rank != want->rank || memcmp(got->dims, want->dims, got->rank * sizeof got->dims[0])) return (double)INFINITY;
    qn_tensor g = compare_parts(got), w = compare_parts(want);
    for (uint64_t i = 0, n = qn_tensor_elems(&w); i < n; i++) {
        double a = compare_number(&g, i), b = compare_number(&w, i);
        if (a == b || (isnan(a) && isnan(b))) continue;
        sum += (a - b) * (a - b);
        norm += isfinite(b) ? b * b : 0;
    }
    for (uint64_t i = 0, n = norm > 0 ? 0 : qn_tensor_elems(&w); i < n; i++) norm += pow(compare_number(&w, i), 2);
    return sum > 0 ? sqrt(sum / (norm > 0 ? norm : 1)) : sum == 0 ? 0 : (double)INFINITY;
}

static double agreement(const race *r, qn_session *s)
{
    double worst = (double)NAN;
    for (uint32_t i = 0; r->want && i < r->n_want; i++) {
        const qn_tensor *t;
        if (!r->want[i].data || qn_output_at(s, i, &t) != QN_OK) continue;
        double d = difference(t, &r->want[i]);
        if (!(worst >= d)) worst = d;
    }
    return worst;
}

/* ---- one device */
static bool on_progress(void *user, const char *stage, double part)
{
    progress_show(text_print("%s: %s", (const char *)user, stage), part);
    return true;
}

static qn_status open_racer(const race *r, racer *x)
{
    qn_device_desc device = { .threads = args_number(r->a, "--threads", 0) };
    double from = now_ms();
    qn_status s = qn_device_open(x->info.spec, &device, &x->device);
    x->t.device_ms = now_ms() - from;
    if (s != QN_OK) return s;
    qn_session_desc desc = { .device = x->device,
                             .path = r->a->words[0],
                             .no_optimize = args_flag(r->a, "--no-optimize"),
                             .progress = on_progress,
                             .progress_user = x->info.spec };
    from = now_ms();
    s = qn_session_open(&desc, &x->session);
    x->t.open_ms = now_ms() - from;
    return s;
}

/* 0, or the exit code of wrong flags: those are the same on every device. */
static int run_racer(race *r, racer *x)
{
    qn_status s = open_racer(r, x);
    int code = 0;
    if (s == QN_OK) {
        inputs in;
        code = inputs_make(r->a, x->session, &in);
        if (!code) s = timing_measure(x->session, &in, args_number(r->a, "--runs", 0), &x->t);
        inputs_free(&in);
    }
    if (s != QN_OK) snprintf(x->why, sizeof x->why, "%s", qn_last_error()), x->code = exit_code(s);
    bool is_reference = strcmp(x->info.spec, reference) == 0;
    if (s == QN_OK && !code && is_reference) keep_outputs(r, x->session);
    x->error = s == QN_OK && !code ? agreement(r, x->session) : (double)NAN;
    qn_session_close(x->session);
    qn_device_close(x->device);
    x->session = NULL, x->device = NULL;
    return code;
}

/* ---- all of them */
static void find_racers(race *r)
{
    for (uint32_t i = 0; r->n < MOST_RACERS; i++) {
        racer x = { .error = (double)NAN };
        qn_status s = qn_device_list(i, &x.info);
        if (s == QN_E_NAME) return;
        if (s != QN_OK) snprintf(x.why, sizeof x.why, "absent: %s", qn_last_error());
        if (s == QN_OK && !x.info.caps.workers) continue; /* computes nothing */
        r->at[r->n++] = x;
        if (strcmp(x.info.spec, reference) == 0) { /* runs first: the others are compared with it */
            r->at[r->n - 1] = r->at[0];
            r->at[0] = x;
        }
    }
}

/* Those that ran, fastest first; behind them those that did not. */
static int by_median(const void *a, const void *b)
{
    const racer *x = a, *y = b;
    if (!x->t.runs != !y->t.runs) return x->t.runs ? -1 : 1;
    return x->t.median < y->t.median ? -1 : x->t.median > y->t.median;
}

static double cold_ms(const timing *t) { return t->device_ms + t->open_ms + t->first_ms; }

static const char *text_error(double error) { return isnan(error) ? "-" : error == 0 ? "0" : text_print("%.1e", error); }

static void print_race(const race *r)
{
    printf("%s\n\n", base_name(r->a->words[0]));
    table t = { .align = "rlrrrrrl" };
    table_row(&t, "", "device", "median", "minimum", "spread", "cold", "error", "");
    for (uint32_t i = 0; i < r->n; i++) {
        const racer *x = &r->at[i];
        const timing *m = &x->t;
        if (!m->runs) table_row(&t, "-", x->info.spec, "-", "-", "-", "-", "-", x->why);
        else
            table_row(&t, text_print("%u", i + 1), x->info.spec, text_time(m->median), text_time(m->least),
                      text_time(m->three_quarters - m->quarter), text_time(cold_ms(m)), text_error(x->error), x->info.name);
    }
    table_print(&t, "  ");
    printf("\nerror: norm of the difference from %s's outputs over their norm\n", reference);
}

static void put_race(const race *r)
{
    json_begin(NULL, '{');
    json_put_text("model", r->a->words[0]);
    json_put_text("reference", reference);
    json_begin("race", '[');
    for (uint32_t i = 0; i < r->n; i++) {
        const racer *x = &r->at[i];
        json_begin(NULL, '{');
        json_put_text("device", x->info.spec);
        json_put_text("device_name", x->info.name);
        json_put_bool("ran", x->t.runs > 0);
        if (x->t.runs) {
            json_put_count("rank", i + 1);
            json_put_count("runs", x->t.runs);
            json_put_number("median_ms", x->t.median);
            json_put_number("minimum_ms", x->t.least);
            json_put_number("spread_ms", x->t.three_quarters - x->t.quarter);
            json_put_number("cold_ms", cold_ms(&x->t));
            json_put_number("relative_error", x->error);
        } else json_put_text("why", x->why);
        json_end('}');
    }
    json_end(']');
    json_end('}');
}

int race_run(const args *a)
{
    race r = { .a = a, .at = calloc(MOST_RACERS, sizeof(racer)) };
    if (!r.at) return tell_nomem(a);
    find_racers(&r);
    int code = 0;
    for (uint32_t i = 0; i < r.n && !code; i++)
        if (!r.at[i].why[0]) code = run_racer(&r, &r.at[i]);
    qsort(r.at, r.n, sizeof *r.at, by_median);
    if (!code) (a->json ? put_race : print_race)(&r);
    for (uint32_t i = 0; i < r.n && !code && !r.at[0].t.runs; i++)
        code = r.at[i].code; /* nobody ran: what the first one says */
    for (uint32_t i = 0; i < r.n; i++) timing_free(&r.at[i].t);
    for (uint32_t i = 0; r.want && i < r.n_want; i++) free((void *)(uintptr_t)r.want[i].data);
    free(r.want);
    free(r.at);
    return code;
}

/* Runs of a model, timed: the first, then warm ones until there are enough. */
#include <stdlib.h>
#include <sys/resource.h>

#include "timing.h"

enum { LEAST_RUNS = 5, MOST_RUNS = 200 };
static const double WARM_MS = 3000;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* p from 0 to 1, between neighbours where it falls between them. */
static double quantile(const double *sorted, uint32_t n, double p)
{
    double at = p * (n - 1);
    uint32_t i = (uint32_t)at;
    return i + 1 < n ? sorted[i] + (sorted[i + 1] - sorted[i]) * (at - i) : sorted[i];
}

static void summarise(timing *t)
{
    qsort(t->warm_ms, t->runs, sizeof *t->warm_ms, by_value);
    t->least = t->warm_ms[0];
    t->median = quantile(t->warm_ms, t->runs, 0.5);
    t->quarter = quantile(t->warm_ms, t->runs, 0.25);
    t->three_quarters = quantile(t->warm_ms, t->runs, 0.75);
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) t->peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
}

static qn_status run_once(qn_session *s, const inputs *in, double *ms)
{
    double from = now_ms();
    qn_ticket ticket;
    qn_status status = qn_run(s, in->named, in->n, &ticket);
    if (status == QN_OK) status = qn_wait(s, ticket);
    *ms = now_ms() - from;
    return status;
}

static qn_status run_warm(qn_session *s, const inputs *in, uint32_t wanted, timing *t)
{
    uint32_t most = wanted ? wanted : MOST_RUNS;
    double from = now_ms();
    for (t->runs = 0; t->runs < most; t->runs++) {
        bool enough = !wanted && t->runs >= LEAST_RUNS && now_ms() - from > WARM_MS;
        if (enough) break;
        progress_show("warm runs", wanted ? (double)t->runs / wanted : (now_ms() - from) / WARM_MS);
        qn_status status = run_once(s, in, &t->warm_ms[t->runs]);
        if (status != QN_OK) return status;
    }
    progress_clear();
    return QN_OK;
}

qn_status timing_measure(qn_session *s, const inputs *in, uint32_t wanted, timing *t)
{
    t->warm_ms = calloc(wanted ? wanted : MOST_RUNS, sizeof *t->warm_ms);
    if (!t->warm_ms) return QN_E_NOMEM;
    progress_show("first run", 0);
    qn_status status = run_once(s, in, &t->first_ms);
    if (status == QN_OK) status = run_warm(s, in, wanted, t);
    progress_clear();
    if (status != QN_OK) return status;
    qn_get_stats(s, &t->stats);
    summarise(t);
    return QN_OK;
}

void timing_free(timing *t)
{
    free(t->warm_ms);
    t->warm_ms = NULL;
}

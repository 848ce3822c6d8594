/* Offsets for spans of bytes with lifetimes: the largest span first, each at the lowest place that is free over its whole life.
 * What comes in: sizes and lives. What goes out: an offset for each, the peak, and the lower bound (the largest sum alive at once).
 *
 * That looks at all pairs that live together. Where these are more than a few for each span, the smaller spans are placed as a `tail`
 * instead, which costs n log n and some more bytes: behind the others, in slots that are used again (plan/reuse.c). */
#include <stdlib.h>

#include "plan/lives.h"
#include "plan/reuse.h"

enum { ALIGN = 256 };
enum { PAIRS_AT_LEAST = 1 << 20, PAIRS_FOR_EACH = 16 }; /* looked at before the tail begins: all pairs of 1400 spans */

static u64 rounded(u64 bytes) { return (bytes + ALIGN - 1) / ALIGN * ALIGN; }

static int larger_first(const void *a, const void *b)
{
    const span *x = *(span *const *)a, *y = *(span *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* The sum of all spans. What it refuses no machine holds, and below that no sum or offset made here leaves i64. */
static qn_status sum_of(const span *spans, u32 n, u64 *out)
{
    const u64 most = (u64)1 << 62;
    *out = 0;
    for (u32 i = 0; i < n; i++) {
        if (spans[i].bytes > most - ALIGN || rounded(spans[i].bytes) > most - *out)
            return fail(QN_E_NOMEM, "the values of this run take more than %llu bytes: smaller inputs would help",
                        (unsigned long long)most);
        *out += rounded(spans[i].bytes);
    }
    return QN_OK;
}

/* The largest sum of bytes alive at one step: a sweep over starts and ends. */
static qn_status largest_live(const span *spans, u32 n, u64 *out)
{
    u32 steps = 0;
    for (u32 i = 0; i < n; i++) steps = MAX(steps, spans[i].last + 1);
    i64 *change = mem_zalloc((steps + 1) * sizeof *change);
    if (!change) return fail_nomem((steps + 1) * sizeof *change);
    for (u32 i = 0; i < n; i++) {
        change[spans[i].first] += (i64)rounded(spans[i].bytes);
        change[spans[i].last + 1] -= (i64)rounded(spans[i].bytes);
    }
    i64 now = 0, most = 0;
    for (u32 t = 0; t < steps; t++) now += change[t], most = MAX(most, now);
    mem_free(change);
    *out = (u64)most;
    return QN_OK;
}

/* ---- the largest first */

typedef struct job {
    lives lives;
    span **order, **with; /* all, the largest first; those that live together with the one at hand */
    u32 n, n_done;        /* placed so far, of `order` */
    u64 *bytes;           /* of slots, and of buffers when values lie apart */
    u32 n_buffers;
} job;

static void job_free(job *j)
{
    lives_free(&j->lives);
    mem_free(j->order), mem_free(j->with);
}

static qn_status job_make(span *spans, u32 n, job *out)
{
    *out = (job){ .n = n, .order = mem_alloc(n * sizeof(span *)), .with = mem_alloc(n * sizeof(span *)) };
    if (!out->order || !out->with) {
        job_free(out);
        return fail_nomem(n * sizeof(span *));
    }
    for (u32 i = 0; i < n; i++) out->order[i] = &spans[i];
    qsort(out->order, n, sizeof *out->order, larger_first);
    qn_status s = lives_make(spans, n, &out->lives);
    if (s != QN_OK) job_free(out);
    return s;
}

/* Places one span after another until the pairs looked at are too many. */
static void place_largest(job *j, void (*place)(job *j, span *s, u32 n_with))
{
    for (u64 left = PAIRS_AT_LEAST + PAIRS_FOR_EACH * (u64)j->n; j->n_done < j->n && left; j->n_done++) {
        span *s = j->order[j->n_done];
        u32 n_with = lives_with(&j->lives, s, j->with, (u32)MIN(left, j->n));
        left -= n_with;
        if (!left) return; /* there may be more that live together with it */
        place(j, s, n_with);
        lives_add(&j->lives, s);
    }
}

/* ---- values together */

static int lower_first(const void *a, const void *b)
{
    const span *x = *(span *const *)a, *y = *(span *const *)b;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* In order of offset, one walk finds the first hole that is large enough. */
static void place_in_hole(job *j, span *s, u32 n_with)
{
    u64 at = 0;
    qsort(j->with, n_with, sizeof *j->with, lower_first);
    for (u32 i = 0; i < n_with && j->with[i]->at < at + rounded(s->bytes); i++)
        at = MAX(at, j->with[i]->at + rounded(j->with[i]->bytes));
    s->at = at;
    s->buffer = 0;
}

/* bytes[]: of each slot; becomes where each begins. */
static void put_tail(span *const *rest, u32 n, u64 *bytes, u32 n_slots, u64 from, u64 *peak)
{
    for (u32 i = 0; i < n_slots; i++) {
        u64 size = bytes[i];
        bytes[i] = from;
        from += size;
    }
    for (u32 i = 0; i < n; i++) rest[i]->at = bytes[rest[i]->buffer], rest[i]->buffer = 0;
    *peak = MAX(*peak, from);
}

static qn_status tail_together(job *j, u64 *peak)
{
    const u32 n = j->n - j->n_done;
    u64 *bytes = n ? mem_alloc(n * sizeof *bytes) : NULL;
    u32 n_slots = 0;
    if (!n) return QN_OK;
    if (!bytes) return fail_nomem(n * sizeof *bytes);
    qn_status s = reuse_make(j->order + j->n_done, n, bytes, &n_slots);
    if (s == QN_OK) put_tail(j->order + j->n_done, n, bytes, n_slots, *peak, peak);
    mem_free(bytes);
    return s;
}

qn_status layout_make(span *spans, u32 n, layout_result *out)
{
    job j;
    *out = (layout_result){ 0 };
    if (!n) return QN_OK;
    QN_TRY(sum_of(spans, n, &out->sum));
    QN_TRY(job_make(spans, n, &j));
    place_largest(&j, place_in_hole);
    for (u32 i = 0; i < j.n_done; i++) out->peak = MAX(out->peak, j.order[i]->at + rounded(j.order[i]->bytes));
    qn_status s = tail_together(&j, &out->peak);
    job_free(&j);
    return s == QN_OK ? largest_live(spans, n, &out->largest_live) : s;
}

/* ---- values apart: buffers instead of offsets */

static int by_buffer(const void *a, const void *b)
{
    const span *x = *(span *const *)a, *y = *(span *const *)b;
    return x->buffer < y->buffer ? -1 : x->buffer > y->buffer;
}

/* The smallest of the buffers that nothing holds, else a new one. The largest spans came first: each buffer is large enough, the last the smallest. */
static void place_in_buffer(job *j, span *s, u32 n_with)
{
    u32 to = j->n_buffers;
    qsort(j->with, n_with, sizeof *j->with, by_buffer);
    for (; n_with && j->with[n_with - 1]->buffer + 1 >= to; n_with--) to = j->with[n_with - 1]->buffer;
    s->at = 0;
    s->buffer = to ? to - 1 : j->n_buffers;
    if (!to) j->bytes[j->n_buffers++] = rounded(s->bytes);
}

static qn_status tail_apart(job *j)
{
    span **rest = j->order + j->n_done;
    const u32 n = j->n - j->n_done, before = j->n_buffers;
    u32 n_slots = 0;
    QN_TRY(reuse_make(rest, n, j->bytes + before, &n_slots));
    for (u32 i = 0; i < n; i++) rest[i]->at = 0, rest[i]->buffer += before;
    j->n_buffers += n_slots;
    return QN_OK;
}

qn_status layout_make_apart(span *spans, u32 n, u64 *bytes, u32 *n_buffers, layout_result *out)
{
    job j;
    *out = (layout_result){ 0 };
    *n_buffers = 0;
    if (!n) return QN_OK;
    QN_TRY(sum_of(spans, n, &out->sum));
    QN_TRY(job_make(spans, n, &j));
    j.bytes = bytes;
    place_largest(&j, place_in_buffer);
    qn_status s = tail_apart(&j);
    for (u32 i = 0; i < j.n_buffers; i++) out->peak += bytes[i];
    *n_buffers = j.n_buffers;
    job_free(&j);
    return s == QN_OK ? largest_live(spans, n, &out->largest_live) : s;
}

/* Offsets for spans of bytes with lifetimes: the largest span first, each at the lowest place that is free over its whole life.
 * What comes in: sizes and lives. What goes out: an offset for each, the peak, and the lower bound (the largest sum alive at once). */
#include <stdlib.h>

#include "plan/plan.h"

enum { ALIGN = 256 };

static u64 rounded(u64 bytes) { return (bytes + ALIGN - 1) / ALIGN * ALIGN; }

static int larger_first(const void *a, const void *b)
{
    const span *x = *(span *const *)a, *y = *(span *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x < y ? -1 : x > y;
}

static bool live_together(const span *a, const span *b) { return a->first <= b->last && b->first <= a->last; }

/* placed[] is kept in order of offset, so that one walk finds the first hole that is large enough. */
static u64 first_hole(span *const *placed, u32 n, const span *s)
{
    u64 at = 0;
    for (u32 i = 0; i < n; i++) {
        if (!live_together(placed[i], s)) continue;
        if (placed[i]->at >= at + rounded(s->bytes)) break;
        at = MAX(at, placed[i]->at + rounded(placed[i]->bytes));
    }
    return at;
}

static void insert_by_offset(span **placed, u32 n, span *s)
{
    u32 i = n;
    for (; i > 0 && placed[i - 1]->at > s->at; i--) placed[i] = placed[i - 1];
    placed[i] = s;
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

/* ---- values apart: buffers instead of offsets */

/* The smallest of the buffers that nothing holds during s; n where each is taken. The largest spans came first, so all are large enough. */
static u32 free_buffer(span *const *placed, u32 n_placed, const u64 *bytes, u32 n, const span *s, bool *taken)
{
    u32 best = n;
    memset(taken, 0, n * sizeof *taken);
    for (u32 i = 0; i < n_placed; i++)
        if (live_together(placed[i], s)) taken[placed[i]->buffer] = true;
    for (u32 i = 0; i < n; i++)
        if (!taken[i] && (best == n || bytes[i] < bytes[best])) best = i;
    return best;
}

qn_status layout_make_apart(span *spans, u32 n, u64 *bytes, u32 *n_buffers, layout_result *out)
{
    *out = (layout_result){ 0 };
    *n_buffers = 0;
    if (!n) return QN_OK;
    QN_TRY(sum_of(spans, n, &out->sum));
    span **order = mem_alloc(n * sizeof *order);
    bool *taken = mem_alloc(n * sizeof *taken);
    if (!order || !taken) {
        mem_free(order), mem_free(taken);
        return fail_nomem(n * sizeof *order);
    }
    for (u32 i = 0; i < n; i++) order[i] = &spans[i];
    qsort(order, n, sizeof *order, larger_first);
    for (u32 i = 0; i < n; i++) {
        u32 to = free_buffer(order, i, bytes, *n_buffers, order[i], taken);
        if (to == *n_buffers) bytes[(*n_buffers)++] = rounded(order[i]->bytes), out->peak += rounded(order[i]->bytes);
        order[i]->at = 0;
        order[i]->buffer = to;
    }
    mem_free(order), mem_free(taken);
    return largest_live(spans, n, &out->largest_live);
}

/* ---- values together */

qn_status layout_make(span *spans, u32 n, layout_result *out)
{
    *out = (layout_result){ 0 };
    if (!n) return QN_OK;
    QN_TRY(sum_of(spans, n, &out->sum));
    span **order = mem_alloc(n * sizeof *order), **placed = mem_alloc(n * sizeof *placed);
    if (!order || !placed) {
        mem_free(order), mem_free(placed);
        return fail_nomem(n * sizeof *order);
    }
    for (u32 i = 0; i < n; i++) order[i] = &spans[i];
    qsort(order, n, sizeof *order, larger_first);
    for (u32 i = 0; i < n; i++) {
        order[i]->at = first_hole(placed, i, order[i]);
        order[i]->buffer = 0;
        insert_by_offset(placed, i, order[i]);
        out->peak = MAX(out->peak, order[i]->at + rounded(order[i]->bytes));
    }
    mem_free(order), mem_free(placed);
    return largest_live(spans, n, &out->largest_live);
}

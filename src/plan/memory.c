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

qn_status layout_make(span *spans, u32 n, layout_result *out)
{
    *out = (layout_result){ 0 };
    if (!n) return QN_OK;
    span **order = mem_alloc(n * sizeof *order), **placed = mem_alloc(n * sizeof *placed);
    if (!order || !placed) {
        mem_free(order), mem_free(placed);
        return fail_nomem(n * sizeof *order);
    }
    for (u32 i = 0; i < n; i++) order[i] = &spans[i];
    qsort(order, n, sizeof *order, larger_first);
    for (u32 i = 0; i < n; i++) {
        order[i]->at = first_hole(placed, i, order[i]);
        insert_by_offset(placed, i, order[i]);
        out->peak = MAX(out->peak, order[i]->at + rounded(order[i]->bytes));
        out->sum += rounded(order[i]->bytes);
    }
    mem_free(order), mem_free(placed);
    return largest_live(spans, n, &out->largest_live);
}

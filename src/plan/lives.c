/* In order of their first steps, those that begin before s ends are the first few; among them, a tree of the latest ends finds each that
 * ends after s begins without looking at the others. */
#include "plan/lives.h"

#include <stdlib.h>

int lives_earlier_first(const void *a, const void *b)
{
    const span *x = *(span *const *)a, *y = *(span *const *)b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x < y ? -1 : x > y;
}

qn_status lives_make(const span *spans, u32 n, lives *out)
{
    *out = (lives){ .spans = spans, .n = n, .width = 1 };
    while (out->width < n) out->width *= 2;
    const u64 bytes = n * (sizeof *out->order + sizeof *out->place) + 2 * (u64)out->width * sizeof *out->ends;
    out->order = mem_alloc((n + 1) * sizeof *out->order);
    out->place = mem_alloc((n + 1) * sizeof *out->place);
    out->ends = mem_zalloc(2 * (u64)out->width * sizeof *out->ends);
    if (!out->order || !out->place || !out->ends) {
        lives_free(out);
        return fail_nomem(bytes);
    }
    for (u32 i = 0; i < n; i++) out->order[i] = (span *)&spans[i];
    qsort(out->order, n, sizeof *out->order, lives_earlier_first);
    for (u32 i = 0; i < n; i++) out->place[out->order[i] - spans] = i;
    return QN_OK;
}

void lives_free(lives *l)
{
    mem_free(l->order), mem_free(l->place), mem_free(l->ends);
    *l = (lives){ 0 };
}

void lives_add(lives *l, const span *s)
{
    u32 at = l->width + l->place[s - l->spans];
    l->ends[at] = (u64)s->last + 1;
    for (at /= 2; at; at /= 2) l->ends[at] = MAX(l->ends[2 * at], l->ends[2 * at + 1]);
}

/* How many begin no later than `last`. */
static u32 begun(const lives *l, u32 last)
{
    u32 low = 0, high = l->n;
    while (low < high) {
        u32 middle = low + (high - low) / 2;
        if (l->order[middle]->first <= last) low = middle + 1;
        else high = middle;
    }
    return low;
}

u32 lives_with(const lives *l, const span *s, span **out, u32 room)
{
    struct {
        u32 at, from, leaves;
    } open[64] = { { 1, 0, l->width } }; /* two for each level of the tree */
    u32 n_open = 1, n = 0, most = begun(l, s->last);
    while (n_open && n < room) {
        n_open--;
        u32 at = open[n_open].at, from = open[n_open].from, half = open[n_open].leaves / 2;
        if (from >= most || l->ends[at] <= s->first) continue;
        if (!half) {
            out[n++] = l->order[from];
            continue;
        }
        open[n_open].at = 2 * at + 1, open[n_open].from = from + half, open[n_open++].leaves = half;
        open[n_open].at = 2 * at, open[n_open].from = from, open[n_open++].leaves = half;
    }
    return n;
}

/* A slot is of one of a few sizes, four for each power of two, and the free ones of a size are a list: taking and giving cost nothing.
 * What that loses: what a slot's largest span has more than the others, and slots of a size that is needed no more. */
#include "plan/lives.h"
#include "plan/reuse.h"

#include <stdlib.h>

enum { UNIT = 256, SIZES = 4 * 64 };

/* The smallest size of slot that holds these bytes, by its number. */
static u32 size_of(u64 bytes)
{
    const u64 units = (bytes + UNIT - 1) / UNIT;
    u32 bits = 0;
    while (units >> bits > 7) bits++;
    u32 size = 4 * bits + (u32)(units >> bits);
    return units & (((u64)1 << bits) - 1) ? size + 1 : size;
}

typedef struct slots {
    u32 free[SIZES]; /* the last given of each size, + 1; 0: none */
    u32 *next, *size, n;
} slots;

static void give(slots *s, u32 i)
{
    s->next[i] = s->free[s->size[i]];
    s->free[s->size[i]] = i + 1;
}

/* A free slot of that size or one up to twice as large, else a new one. */
static u32 take(slots *s, u32 size)
{
    for (u32 k = size; k < SIZES && k <= size + 4; k++) {
        u32 i = s->free[k];
        if (!i) continue;
        s->free[k] = s->next[i - 1];
        return i - 1;
    }
    s->size[s->n] = size;
    return s->n++;
}

static int earlier_last(const void *a, const void *b)
{
    const span *x = *(span *const *)a, *y = *(span *const *)b;
    if (x->last != y->last) return x->last < y->last ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* ending: the same spans, in order of their last steps. */
static void sweep(slots *s, span *const *spans, span *const *ending, u32 n, u64 *bytes)
{
    u32 over = 0;
    for (u32 i = 0; i < n; i++) {
        while (ending[over]->last < spans[i]->first) give(s, ending[over++]->buffer);
        u32 made = s->n, to = take(s, size_of(spans[i]->bytes));
        u64 needs = (spans[i]->bytes + UNIT - 1) / UNIT * UNIT;
        bytes[to] = to < made ? MAX(bytes[to], needs) : needs;
        spans[i]->buffer = to;
    }
}

qn_status reuse_make(span **spans, u32 n, u64 *bytes, u32 *n_slots)
{
    slots s = { .next = mem_alloc((n + 1) * sizeof *s.next), .size = mem_alloc((n + 1) * sizeof *s.size) };
    span **ending = mem_alloc((n + 1) * sizeof *ending);
    const bool there = s.next && s.size && ending;
    if (there) {
        memcpy(ending, spans, n * sizeof *ending);
        qsort(spans, n, sizeof *spans, lives_earlier_first);
        qsort(ending, n, sizeof *ending, earlier_last);
        sweep(&s, spans, ending, n, bytes);
        *n_slots = s.n;
    }
    mem_free(s.next), mem_free(s.size), mem_free(ending);
    return there ? QN_OK : fail_nomem(n * sizeof *ending);
}

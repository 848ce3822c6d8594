/* The weights of a model in pieces that cannot be planned before it runs. Each of its plans begins with the graph as in the file, so they are
 * asked for once, when it opens, and stay in memory: to such a model a piece is a piece of the whole file. */
#include <stdlib.h>

#include "exec/session.h"

enum { PIECE = 4 << 20, MOST_HELD = 1 << 24 };

typedef struct held {
    outside from;
    qn_dtype dtype;
    u64 elems, bytes; /* bytes: in the file */
    u8 *data;
} held;

struct hold {
    arena *mem;
    held *items; /* sorted when all are there */
    u32 n, cap, at;
    u64 done, given, total;
};

static int by_place(const void *a, const void *b)
{
    const held *x = a, *y = b;
    int files = strcmp(x->from.file ? x->from.file : "", y->from.file ? y->from.file : "");
    if (files) return files;
    if (x->from.at != y->from.at) return x->from.at < y->from.at ? -1 : 1;
    if (x->elems != y->elems) return x->elems < y->elems ? -1 : 1;
    return (int)x->dtype - (int)y->dtype;
}

static held held_of(const graph *g, val v)
{
    const qn_tensor t = constant_tensor(g, v);
    held h = { .from = *outside_of(g, v), .dtype = t.dtype, .elems = qn_tensor_elems(&t) };
    h.bytes = h.from.packed_bits ? (h.elems * h.from.packed_bits + 7) / 8 : qn_tensor_bytes(&t);
    return h;
}

/* Of all values outside, in bodies too. */
static qn_status each_outside(hold *h, graph *g, qn_status (*what)(hold *h, graph *g, val v))
{
    for (val v = 1; v <= g->n_values; v++)
        if (outside_of(g, v)) QN_TRY(what(h, g, v));
    FOR_NODES(g, n)
    for (u32 i = 0; i < node_at(g, n)->n_attrs; i++)
        if (node_at(g, n)->attrs[i].kind == ATTR_GRAPH) QN_TRY(each_outside(h, node_at(g, n)->attrs[i].body, what));
    return QN_OK;
}

static qn_status add(hold *h, graph *g, val v)
{
    if (!ARENA_PUSH_ROOM(h->mem, h->items, h->n, h->cap, MOST_HELD)) return fail_nomem(sizeof(held));
    held *one = &h->items[h->n];
    *one = held_of(g, v);
    if (one->from.file && !(one->from.file = arena_text(h->mem, one->from.file, strlen(one->from.file))))
        return fail_nomem(1);
    h->n++;
    return QN_OK;
}

static qn_status give_room(hold *h)
{
    u32 n = 0;
    if (h->n) qsort(h->items, h->n, sizeof *h->items, by_place);
    for (u32 i = 0; i < h->n; i++)
        if (!n || by_place(&h->items[n - 1], &h->items[i])) h->items[n++] = h->items[i];
    h->n = n;
    for (u32 i = 0; i < n; i++) h->total += h->items[i].bytes;
    for (u32 i = 0; i < n; i++) {
        const u64 bytes = h->items[i].elems * qn_dtype_bytes(h->items[i].dtype);
        h->items[i].data = arena_alloc(h->mem, MAX(bytes, 1));
        if (!h->items[i].data)
            return fail_in(fail_nomem(bytes),
                           "%.1f MB of weights, which such a model keeps, do not fit: ", (f64)h->total / 1e6);
    }
    return QN_OK;
}

qn_status hold_begin(graph *g, arena *mem, hold **out)
{
    hold *h = ARENA_NEW(mem, hold);
    if (!h) return fail_nomem(sizeof *h);
    h->mem = mem;
    QN_TRY(each_outside(h, g, add));
    QN_TRY(give_room(h));
    *out = h;
    return QN_OK;
}

bool hold_want(hold *h, qn_piece *out)
{
    *out = (qn_piece){ 0 };
    while (h->at < h->n && h->done == h->items[h->at].bytes) h->at++, h->done = 0;
    if (h->at == h->n) return false;
    const held *one = &h->items[h->at];
    *out = (qn_piece){ one->from.file, one->from.at + h->done, MIN(one->bytes - h->done, (u64)PIECE) };
    return true;
}

void hold_give(hold *h, const void *data, u64 n)
{
    const held *one = &h->items[h->at];
    const u64 each = qn_dtype_bytes(one->dtype),
              first = one->from.packed_bits ? h->done * 8 / one->from.packed_bits : h->done / each;
    const u64 count = one->from.packed_bits ? MIN(n * 8 / one->from.packed_bits, one->elems - first) : n / each;
    u8 *to = one->data + first * each;
    if (one->from.packed_bits) outside_unpack(&one->from, data, to, count);
    else memcpy(to, data, (size_t)n);
    outside_apply(&one->from, one->dtype, to, first, count);
    h->done += n, h->given += n;
}

f64 hold_part(const hold *h) { return h->total ? (f64)h->given / (f64)h->total : 1; }

static qn_status put(hold *h, graph *g, val v)
{
    const held key = held_of(g, v), *found = h->n ? bsearch(&key, h->items, h->n, sizeof key, by_place) : NULL;
    if (!found) return fail(QN_E_BUG, "a weight is nowhere");
    value_at(g, v)->data = found->data;
    value_at(g, v)->outside = NULL;
    return QN_OK;
}

qn_status hold_put(hold *h, graph *g) { return each_outside(h, g, put); }

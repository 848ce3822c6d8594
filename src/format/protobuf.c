/* Fields of protocol buffer messages, from bytes that nobody vouches for. */
#include "format/protobuf.h"

enum { MAX_ITEMS = 1 << 28 };

bool pb_next(cursor *c, pb_field *f)
{
    if (c->bad || cursor_left(c) == 0) return false;
    u64 tag = cursor_varint(c);
    *f = (pb_field){ .number = (u32)(tag >> 3), .wire = (pb_wire)(tag & 7) };
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) c->bad = true;
    const u8 *from = c->at;
    switch (f->wire) {
    case PB_VARINT: f->bits = cursor_varint(c); break;
    case PB_FIXED32: f->bits = cursor_u32(c); break;
    case PB_FIXED64: f->bits = cursor_u64(c); break;
    case PB_BYTES: f->bytes = cursor_take(c, cursor_varint(c)); break;
    default: c->bad = true;
    }
    if (f->wire != PB_BYTES) f->bytes = (qn_bytes){ from, (size_t)(c->at - from) };
    return !c->bad;
}

bool pb_head_read(qn_bytes left, pb_head *h)
{
    cursor c = cursor_of(left);
    u64 tag = cursor_varint(&c);
    *h = (pb_head){ .field = (u32)(tag >> 3), .wire = (u32)(tag & 7) };
    if (h->wire == PB_VARINT) cursor_varint(&c);
    else if (h->wire == PB_FIXED32) h->payload = 4;
    else if (h->wire == PB_FIXED64) h->payload = 8;
    else if (h->wire == PB_BYTES) h->payload = cursor_varint(&c);
    else return false;
    h->bytes = (u64)(c.at - (const u8 *)left.data);
    return !c.bad && tag >> 3 != 0;
}

bool pb_is(const pb_field *f, u32 number, pb_wire wire) { return f->number == number && f->wire == wire; }

bool pb_list_add(arena *mem, pb_list *list, qn_bytes item)
{
    if (!ARENA_PUSH_ROOM(mem, list->items, list->n, list->cap, MAX_ITEMS)) return false;
    list->items[list->n++] = item;
    return true;
}

/* How many numbers these bytes hold. */
static u64 count_numbers(qn_bytes b, pb_wire wire, bool *bad)
{
    size_t width = wire == PB_FIXED32 ? 4 : 8;
    const u8 *at = b.data;
    u64 n = 0;
    if (wire != PB_VARINT) {
        if (b.n % width) *bad = true;
        return b.n / width;
    }
    for (size_t i = 0; i < b.n; i++) n += !(at[i] & 0x80);
    if (b.n && at[b.n - 1] & 0x80) *bad = true;
    return n;
}

bool pb_numbers_add(arena *mem, pb_numbers *list, const pb_field *f, pb_wire wire)
{
    if (f->wire != PB_BYTES && f->wire != wire) list->bad = true;
    list->wire = wire;
    list->n += count_numbers(f->bytes, wire, &list->bad);
    return pb_list_add(mem, &list->parts, f->bytes);
}

u64 pb_numbers_next(const pb_numbers *list, pb_walk *w)
{
    while (cursor_left(&w->c) == 0) {
        if (w->c.bad || w->part == list->parts.n) return 0;
        w->c = cursor_of(list->parts.items[w->part++]);
    }
    switch (list->wire) {
    case PB_FIXED32: return cursor_u32(&w->c);
    case PB_FIXED64: return cursor_u64(&w->c);
    default: return cursor_varint(&w->c);
    }
}

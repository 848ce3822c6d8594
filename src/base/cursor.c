/* Reading untrusted bytes. The error is sticky: after the first read past the end every read gives 0, and the reader of a
 * record checks `bad` once. A loop over records must also end on `bad`. */
#include "base/base.h"

cursor cursor_of(qn_bytes bytes)
{
    const u8 *base = bytes.data;
    return (cursor){ .at = base, .end = base ? base + bytes.n : base, .base = base };
}

u64 cursor_left(const cursor *c) { return c->bad ? 0 : (u64)(c->end - c->at); }

u64 cursor_offset(const cursor *c) { return (u64)(c->at - c->base); }

/* The next n bytes as a little endian number, n at most 8. */
static u64 take_number(cursor *c, u32 n)
{
    if (cursor_left(c) < n) {
        c->bad = true;
        return 0;
    }
    u64 value = 0;
    for (u32 i = 0; i < n; i++) value |= (u64)c->at[i] << (8 * i);
    c->at += n;
    return value;
}

u8 cursor_u8(cursor *c) { return (u8)take_number(c, 1); }

u16 cursor_u16(cursor *c) { return (u16)take_number(c, 2); }

u32 cursor_u32(cursor *c) { return (u32)take_number(c, 4); }

u64 cursor_u64(cursor *c) { return take_number(c, 8); }

u64 cursor_varint(cursor *c)
{
    u64 value = 0;
    for (u32 shift = 0; shift < 70; shift += 7) {
        u64 byte = take_number(c, 1);
        if (c->bad) return 0;
        if (shift == 63 && byte > 1) break;
        value |= (byte & 0x7f) << shift;
        if (!(byte & 0x80)) return value;
    }
    c->bad = true;
    return 0;
}

qn_bytes cursor_take(cursor *c, u64 n)
{
    if (n > cursor_left(c)) c->bad = true;
    if (c->bad) return (qn_bytes){ 0 };
    qn_bytes taken = { c->at, (size_t)n };
    c->at += n;
    return taken;
}

qn_bytes bytes_slice(qn_bytes b, u64 from, u64 to, bool *bad)
{
    if (from > to || to > b.n) {
        *bad = true;
        return (qn_bytes){ 0 };
    }
    return (qn_bytes){ b.data ? (const u8 *)b.data + from : NULL, (size_t)(to - from) };
}

/* An ONNX file in pieces -> the same file without the elements of its large weights, small enough to be read as a whole. A weight is an
 * initializer or the tensor of a Constant node, of the model or of a body.
 *
 * Each large weight's elements are replaced by a note that they are external data of the file ".", which is this file itself, at the
 * place where they stand. Small initializers that are external data, in a file beside the model, are read and put inside. So the reader of
 * ONNX needs to know one thing only: external data may be left where it is. Elements in other nodes' attributes stay inside.
 *
 * In: one piece after the other, from where the last field ended; a field is taken when all of it, or of its head, is there. */
#include <stdio.h>

#include "format/onnx_reader.h"

enum {
    PIECE = 64 << 10,     /* asked for at a time */
    KEEP = 32 << 10,      /* elements of more bytes stay outside */
    LENGTH = 5,           /* bytes of a length that is filled in later: a varint with leading zeros */
    MOST_FIELD = 1 << 30, /* of one field that is kept whole */
    MOST_NESTING = 32,
};

typedef enum form { MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, OTHER } form;
typedef struct level {
    form kind;
    u64 end;       /* in the file */
    size_t length; /* where in `kept` its length goes */
    bool constant; /* a NODE that has said so, and what is in it */
} level;

typedef struct state {
    u64 at; /* of the next field, in the file */
    level levels[MOST_NESTING];
    u32 depth;      /* of the open message; the model itself is 0 */
    qn_bytes small; /* an initializer whose elements are asked for, in another file */
} state;

/* The fields that are messages with something to sift inside, and from how many bytes on. A graph's small weights may lie beside it. */
static const struct {
    form of, is;
    u32 field, least;
} messages[] = {
    { MODEL, GRAPH, 7, 0 },       { GRAPH, TENSOR, 5, KEEP },    { GRAPH, NODE, 1, KEEP },
    { NODE, ATTRIBUTE, 5, KEEP }, { ATTRIBUTE, GRAPH, 6, KEEP }, { ATTRIBUTE, TENSOR, 5, KEEP },
};

static const level *here(const state *t)
{
    static const level model = { .kind = MODEL };
    return t->depth ? &t->levels[t->depth] : &model;
}

static form inside(const state *t, u32 field, u64 bytes)
{
    const level *l = here(t);
    if (t->depth + 1 == MOST_NESTING) return OTHER;
    for (size_t i = 0; i < COUNT(messages); i++)
        if (messages[i].of == l->kind && messages[i].field == field && bytes >= messages[i].least) {
            bool of_other_node = messages[i].is == TENSOR && l->kind == ATTRIBUTE && !l->constant;
            return of_other_node ? OTHER : messages[i].is;
        }
    return OTHER;
}

static bool names_constant(const state *t, u32 field, qn_bytes text)
{
    return here(t)->kind == NODE && field == 4 && bytes_are(text, "Constant");
}

/* raw_data, float_data, double_data: each is the elements as they lie in memory. */
static bool is_elements(form of, u32 field) { return of == TENSOR && (field == 9 || field == 4 || field == 10); }

/* ---- writing */

static void put_varint(str *to, u64 v)
{
    u8 bytes[10];
    size_t n = 0;
    do bytes[n++] = (u8)((v & 0x7f) | (v >> 7 ? 0x80 : 0));
    while (v >>= 7);
    str_add_n(to, (const char *)bytes, n);
}

static void put_bytes(str *to, u32 field, const void *data, u64 n)
{
    put_varint(to, (u64)field << 3 | PB_BYTES);
    put_varint(to, n);
    str_add_n(to, data, (size_t)n);
}

static void put_entry(str *to, const char *key, const char *text)
{
    str entry = { 0 };
    put_bytes(&entry, 1, key, strlen(key));
    put_bytes(&entry, 2, text, strlen(text));
    put_bytes(to, 13, entry.text, entry.n);
    to->bad = to->bad || entry.bad;
    str_free(&entry);
}

static void put_note(str *to, u64 at, u64 bytes)
{
    char number[24];
    put_entry(to, "location", ONNX_SELF);
    snprintf(number, sizeof number, "%llu", (unsigned long long)at);
    put_entry(to, "offset", number);
    snprintf(number, sizeof number, "%llu", (unsigned long long)bytes);
    put_entry(to, "length", number);
    put_varint(to, 14 << 3 | PB_VARINT);
    put_varint(to, 1);
}

static void open_message(sift *s, state *t, form kind, u32 field, u64 end)
{
    bool constant = here(t)->constant;
    put_varint(&s->kept, (u64)field << 3 | PB_BYTES);
    t->levels[++t->depth] = (level){ kind, end, s->kept.n, constant };
    str_add_n(&s->kept, "\0\0\0\0", LENGTH);
}

static qn_status close_message(sift *s, state *t)
{
    const level *l = &t->levels[t->depth--];
    if (s->kept.bad) return QN_OK; /* told at the end */
    u64 n = s->kept.n - l->length - LENGTH;
    if (n >> 35) return fail(QN_E_UNSUPPORTED, "the file is too large without its weights");
    for (u32 i = 0; i < LENGTH; i++, n >>= 7) s->kept.text[l->length + i] = (char)((n & 0x7f) | (i + 1 < LENGTH ? 0x80 : 0));
    return QN_OK;
}

/* ---- small initializers that lie in a file beside */

static qn_status ask_small(sift *s, state *t, qn_bytes message, bool *asked)
{
    onnx_place place;
    QN_TRY(onnx_tensor_place(s->mem, message, &place));
    *asked = place.external && place.bytes <= KEEP && place.bytes > 0;
    if (!*asked) return QN_OK;
    t->small.data = arena_text(s->mem, message.data, message.n);
    t->small.n = message.n;
    if (!t->small.data) return fail_nomem(message.n);
    s->want = (qn_piece){ place.file, place.at, place.bytes };
    return QN_OK;
}

static bool says_where(u32 field) { return field == 13 || field == 14; }

static qn_status put_small(sift *s, state *t, qn_bytes elements)
{
    str made = { 0 };
    cursor c = cursor_of(t->small);
    pb_field f;
    const u8 *from = c.at;
    while (pb_next(&c, &f)) {
        if (!says_where(f.number)) str_add_n(&made, (const char *)from, (size_t)(c.at - from));
        from = c.at;
    }
    put_bytes(&made, 9, elements.data, elements.n);
    put_bytes(&s->kept, 5, made.text, made.n);
    s->kept.bad = s->kept.bad || made.bad;
    str_free(&made);
    t->small = (qn_bytes){ 0 };
    return QN_OK;
}

/* ---- fields */

static u64 limit(const sift *s, const state *t) { return t->depth ? t->levels[t->depth].end : s->file_bytes; }

static qn_status damaged(const state *t, const sift *s)
{
    return fail(QN_E_FORMAT, "the file is damaged at byte %llu of %llu: it may be cut short", (unsigned long long)t->at,
                (unsigned long long)s->file_bytes);
}

static void ask(sift *s, const state *t, u64 least)
{
    s->want = (qn_piece){ NULL, t->at, MIN(MAX(least, (u64)PIECE), s->file_bytes - t->at) };
}

/* One field from the start of `left`. *more: there is another to look at; else s->want says what is needed first. */
static qn_status take_field(sift *s, state *t, qn_bytes left, bool *more)
{
    pb_head h;
    *more = false;
    bool at_end = t->at + left.n == s->file_bytes;
    if (!pb_head_read(left, &h)) {
        if (at_end || left.n >= PB_MOST_HEAD) return damaged(t, s);
        return ask(s, t, PB_MOST_HEAD), QN_OK;
    }
    u64 whole, end;
    if (!add_u64(h.bytes, h.payload, &whole) || !add_u64(t->at, whole, &end) || end > limit(s, t)) return damaged(t, s);
    form kind = h.wire == PB_BYTES ? inside(t, h.field, h.payload) : OTHER;
    if (kind != OTHER) {
        open_message(s, t, kind, h.field, end);
        t->at += h.bytes;
        return *more = true, QN_OK;
    }
    if (h.wire == PB_BYTES && h.payload > KEEP && is_elements(here(t)->kind, h.field)) {
        put_note(&s->kept, t->at + h.bytes, h.payload);
        t->at = end;
        return *more = true, QN_OK;
    }
    if (whole > MOST_FIELD) return fail(QN_E_UNSUPPORTED, "a field of %llu bytes is no weight", (unsigned long long)whole);
    if (whole > left.n) return ask(s, t, whole), QN_OK;
    bool asked = false;
    qn_bytes inner = { (const u8 *)left.data + h.bytes, (size_t)h.payload };
    if (names_constant(t, h.field, inner)) t->levels[t->depth].constant = true;
    if (here(t)->kind == GRAPH && h.field == 5 && h.wire == PB_BYTES) QN_TRY(ask_small(s, t, inner, &asked));
    if (!asked) str_add_n(&s->kept, left.data, (size_t)whole);
    t->at = end;
    *more = !asked;
    return QN_OK;
}

static qn_status take_fields(sift *s, state *t, qn_bytes piece)
{
    u64 from = t->at;
    for (bool more = true; more;) {
        while (t->depth && t->at == t->levels[t->depth].end) QN_TRY(close_message(s, t));
        s->want = (qn_piece){ 0 };
        if (t->at == s->file_bytes) return s->kept.bad ? fail_nomem(s->kept.n) : QN_OK;
        u64 used = t->at - from;
        if (used >= piece.n) return ask(s, t, PB_MOST_HEAD), QN_OK;
        QN_TRY(take_field(s, t, (qn_bytes){ (const u8 *)piece.data + used, piece.n - (size_t)used }, &more));
    }
    return QN_OK;
}

qn_status onnx_sift(sift *s, qn_bytes piece)
{
    state *t = s->state;
    if (!t) {
        t = s->state = ARENA_NEW(s->mem, state);
        if (!t) return fail_nomem(sizeof *t);
    }
    if (!t->small.data) return take_fields(s, t, piece);
    QN_TRY(put_small(s, t, piece));
    return take_fields(s, t, (qn_bytes){ 0 });
}

/* AttributeProto to attr: one value of nine kinds. Lists of numbers and texts are gathered in the arena, tensors lend, graphs are read
 * into graphs of their own. Inside a function an attribute may be a reference to one of the call's. */
#include "format/onnx_reader.h"

/* AttributeProto.AttributeType, by number. */
enum {
    KIND_NONE,
    KIND_FLOAT,
    KIND_INT,
    KIND_TEXT,
    KIND_TENSOR,
    KIND_GRAPH,
    KIND_FLOATS,
    KIND_INTS,
    KIND_TEXTS,
    KIND_SPARSE = 11,
    KIND_TYPE = 13,
    KIND_COUNT = 15
};

typedef struct attr_message {
    qn_bytes name, reference, text, tensor, graph, sparse, type;
    u64 kind;
    u32 float_bits;
    i64 integer;
    pb_numbers floats, ints;
    pb_list texts;
    u32 implied; /* the kind of the last value seen: old files do not say it */
} attr_message;

static qn_status read_message(arena *mem, qn_bytes message, attr_message *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    bool room = true;
    while (room && pb_next(&c, &f)) {
        switch (f.number) {
        case 1: out->name = f.bytes; break;
        case 2: out->float_bits = (u32)f.bits, out->implied = KIND_FLOAT; break;
        case 3: out->integer = (i64)f.bits, out->implied = KIND_INT; break;
        case 4: out->text = f.bytes, out->implied = KIND_TEXT; break;
        case 5: out->tensor = f.bytes, out->implied = KIND_TENSOR; break;
        case 6: out->graph = f.bytes, out->implied = KIND_GRAPH; break;
        case 7: room = pb_numbers_add(mem, &out->floats, &f, PB_FIXED32), out->implied = KIND_FLOATS; break;
        case 8: room = pb_numbers_add(mem, &out->ints, &f, PB_VARINT), out->implied = KIND_INTS; break;
        case 9: room = pb_list_add(mem, &out->texts, f.bytes), out->implied = KIND_TEXTS; break;
        case 14: out->type = f.bytes, out->implied = KIND_TYPE; break;
        case 20: out->kind = f.bits; break;
        case 21: out->reference = f.bytes; break;
        case 22: out->sparse = f.bytes, out->implied = KIND_SPARSE; break;
        default: break;
        }
    }
    if (!room) return fail_nomem(message.n);
    if (c.bad || out->floats.bad || out->ints.bad) return fail(QN_E_FORMAT, "its message is damaged");
    if (out->kind == KIND_NONE) out->kind = out->implied;
    return QN_OK;
}

/* ---- values */

static qn_status read_floats(arena *mem, const pb_numbers *list, attr *out)
{
    f32 *made = ARENA_ARRAY(mem, list->n, f32);
    pb_walk w = { 0 };
    if (!made) return fail_nomem(list->n * sizeof *made);
    for (u64 i = 0; i < list->n; i++) {
        u32 bits = (u32)pb_numbers_next(list, &w);
        memcpy(&made[i], &bits, sizeof bits);
    }
    out->floats = made;
    out->n = (u32)list->n;
    return QN_OK;
}

static qn_status read_ints(arena *mem, const pb_numbers *list, attr *out)
{
    i64 *made = ARENA_ARRAY(mem, list->n, i64);
    pb_walk w = { 0 };
    if (!made) return fail_nomem(list->n * sizeof *made);
    for (u64 i = 0; i < list->n; i++) made[i] = (i64)pb_numbers_next(list, &w);
    if (w.c.bad) return fail(QN_E_FORMAT, "its list of integers is damaged");
    out->ints = made;
    out->n = (u32)list->n;
    return QN_OK;
}

/* Attribute text is read as a C string by the ops, so it may not hold a NUL. */
static qn_status check_text(qn_bytes text)
{
    return text.n && memchr(text.data, 0, text.n) ? fail(QN_E_FORMAT, "its text holds a NUL") : QN_OK;
}

static qn_status read_texts(arena *mem, const pb_list *list, attr *out)
{
    qn_bytes *made = ARENA_ARRAY(mem, list->n, qn_bytes);
    if (!made) return fail_nomem(list->n * sizeof *made);
    for (u32 i = 0; i < list->n; i++) {
        made[i] = (qn_bytes){ arena_text(mem, list->items[i].data, list->items[i].n), list->items[i].n };
        if (!made[i].data) return fail_nomem(list->items[i].n);
    }
    out->texts = made;
    out->n = list->n;
    return QN_OK;
}

static qn_status read_tensor(scope *s, const attr_message *m, attr *out, bodies *b)
{
    qn_tensor *made = ARENA_NEW(s->g->mem, qn_tensor);
    qn_bytes name;
    if (!made) return fail_nomem(sizeof *made);
    out->tensor = made;
    if (m->kind == KIND_SPARSE) return onnx_sparse_read(&s->file->tensors, m->sparse, &name, made);
    return b->away ? onnx_tensor_read_away(&s->file->tensors, m->tensor, &name, made, b->away)
                   : onnx_tensor_read(&s->file->tensors, m->tensor, &name, made);
}

static qn_status read_graph(scope *s, const attr_message *m, attr *out, bodies *b)
{
    scope *inner = ARENA_NEW(s->g->mem, scope);
    if (!inner) return fail_nomem(sizeof *inner);
    if (b->n == ONNX_MAX_BODIES) return fail(QN_E_UNSUPPORTED, "a node has more than %d graphs", ONNX_MAX_BODIES);
    *inner =
        (scope){ .file = s->file, .outer = s, .imports = s->imports, .call = s->call, .depth = s->depth + 1, .body = true };
    inner->g = graph_make(s->g->mem, s->g);
    if (!inner->g) return QN_E_NOMEM;
    QN_TRY(onnx_graph_read(inner, m->graph));
    b->items[b->n++] = inner;
    out->body = inner->g;
    return QN_OK;
}

static qn_status read_type(scope *s, const attr_message *m, attr *out)
{
    type *made = ARENA_NEW(s->g->mem, type);
    if (!made) return fail_nomem(sizeof *made);
    out->type = made;
    QN_TRY(onnx_type_read(s->g, m->type, made));
    return made->dtype ? QN_OK : fail(QN_E_FORMAT, "it is no type");
}

static qn_status read_value(scope *s, const attr_message *m, attr *out, bodies *b)
{
    static const u8 kinds[] = {
        [KIND_FLOAT] = ATTR_FLOAT,   [KIND_INT] = ATTR_INT,       [KIND_TEXT] = ATTR_TEXT, [KIND_TENSOR] = ATTR_TENSOR,
        [KIND_GRAPH] = ATTR_GRAPH,   [KIND_FLOATS] = ATTR_FLOATS, [KIND_INTS] = ATTR_INTS, [KIND_TEXTS] = ATTR_TEXTS,
        [KIND_SPARSE] = ATTR_TENSOR, [KIND_TYPE] = ATTR_TYPE,
    };
    f32 real;
    if (m->kind >= COUNT(kinds) || !kinds[m->kind])
        return m->kind && m->kind < KIND_COUNT
                   ? fail(QN_E_UNSUPPORTED, "it is of a kind (AttributeType %llu) that this build does not read",
                          (unsigned long long)m->kind)
                   : fail(QN_E_FORMAT, "it has no kind that ONNX knows");
    out->kind = (attr_kind)kinds[m->kind];
    switch (m->kind) {
    case KIND_FLOAT: memcpy(&real, &m->float_bits, sizeof real), out->f = (f64)real; return QN_OK;
    case KIND_INT: out->i = m->integer; return QN_OK;
    case KIND_TEXT: out->text = m->text; return check_text(m->text);
    case KIND_FLOATS: return read_floats(s->g->mem, &m->floats, out);
    case KIND_INTS: return read_ints(s->g->mem, &m->ints, out);
    case KIND_TEXTS: return read_texts(s->g->mem, &m->texts, out);
    case KIND_GRAPH: return read_graph(s, m, out, b);
    case KIND_TYPE: return read_type(s, m, out);
    default: return read_tensor(s, m, out, b);
    }
}

/* The attribute of the call that this one refers to; false: the call has none, so the node has none. */
static bool refer(const scope *s, const char *name, attr *out)
{
    for (u32 i = 0; s->call && i < s->call->n_attrs; i++) {
        if (strcmp(s->call->attrs[i].name, name) != 0) continue;
        const char *own = out->name;
        *out = s->call->attrs[i];
        out->name = own;
        return true;
    }
    return false;
}

static qn_status add(scope *s, attr_list *out, const attr *a)
{
    for (u32 i = 0; i < out->n; i++)
        if (strcmp(out->items[i].name, a->name) == 0) return fail(QN_E_FORMAT, "it is there twice");
    if (!ARENA_PUSH_ROOM(s->g->mem, out->items, out->n, out->cap, 1 << 16)) return fail_nomem(sizeof *a);
    out->items[out->n++] = *a;
    return QN_OK;
}

qn_status onnx_attr_read(scope *s, qn_bytes message, attr_list *out, bodies *b)
{
    attr_message m = { 0 };
    attr made = { 0 };
    const char *reference;
    qn_status status = read_message(s->g->mem, message, &m);
    QN_TRY(onnx_text(s->g->mem, m.name, "an attribute's name", &made.name));
    if (status == QN_OK && m.reference.n) {
        QN_TRY(onnx_text(s->g->mem, m.reference, "an attribute's name", &reference));
        if (!refer(s, reference, &made)) return QN_OK;
        if (made.kind == ATTR_GRAPH)
            return fail(QN_E_UNSUPPORTED, "attribute '%s': a function's graph attribute is not read", made.name);
    } else if (status == QN_OK) {
        status = read_value(s, &m, &made, b);
    }
    if (status == QN_OK) status = add(s, out, &made);
    return fail_in(status, "attribute '%.100s': ", made.name);
}

/* TensorProto (onnx.proto): dims, an element type, and the elements in one of eight places: raw bytes, five lists of numbers, texts, or a
 * file beside the model. Whichever it is, it must hold exactly the elements that the dims promise. */
#include "format/onnx_tensor.h"
#include "format/names.h"
#include "format/protobuf.h"

/* ---- element types */

static const struct {
    const char *name;
    qn_dtype dtype;
} types[] = {
    [1] = { "float32", QN_F32 },
    [2] = { "uint8", QN_U8 },
    [3] = { "int8", QN_I8 },
    [4] = { "uint16", QN_U16 },
    [5] = { "int16", QN_I16 },
    [6] = { "int32", QN_I32 },
    [7] = { "int64", QN_I64 },
    [8] = { "string", QN_STRING },
    [9] = { "bool", QN_BOOL },
    [10] = { "float16", QN_F16 },
    [11] = { "float64", QN_F64 },
    [12] = { "uint32", QN_U32 },
    [13] = { "uint64", QN_U64 },
    [14] = { "complex64", QN_C64 },
    [15] = { "complex128", QN_C128 },
    [16] = { "bfloat16", QN_BF16 },
    [17] = { "float8e4m3fn", QN_F8E4M3FN },
    [18] = { "float8e4m3fnuz", QN_F8E4M3FNUZ },
    [19] = { "float8e5m2", QN_F8E5M2 },
    [20] = { "float8e5m2fnuz", QN_F8E5M2FNUZ },
    [21] = { "uint4", QN_U4 },
    [22] = { "int4", QN_I4 },
    [23] = { "float4e2m1", QN_F4E2M1 },
    [24] = { "float8e8m0", QN_F8E8M0 },
    [25] = { "uint2", QN_U2 },
    [26] = { "int2", QN_I2 },
    [27] = { "float6e2m3", QN_NONE },
    [28] = { "float6e3m2", QN_NONE },
};

qn_status onnx_dtype(u64 code, qn_dtype *out)
{
    if (code >= COUNT(types) || !types[code].name)
        return fail(QN_E_FORMAT, "element type %llu is not one that ONNX knows", (unsigned long long)code);
    if (types[code].dtype == QN_NONE)
        return fail(QN_E_UNSUPPORTED, "element type %s cannot be held by this build", types[code].name);
    *out = types[code].dtype;
    return QN_OK;
}

u32 onnx_dtype_code(qn_dtype d)
{
    for (u32 code = 1; code < COUNT(types); code++)
        if (types[code].dtype == d && d != QN_NONE) return code;
    return 0;
}

bool onnx_text_ok(qn_bytes text)
{
    const u8 *at = text.data;
    for (size_t i = 0; i < text.n;) {
        size_t n = at[i] ? utf8_bytes(at + i, text.n - i) : 0;
        if (n == 0) return false;
        i += n;
    }
    return true;
}

/* ---- the message */

typedef struct tensor_message {
    qn_bytes name, raw;
    u64 type;
    bool has_raw, external, segment;
    pb_numbers dims, f32s, i32s, i64s, f64s, u64s;
    pb_list texts, outside; /* string_data; external_data */
} tensor_message;

static qn_status read_field(arena *mem, const pb_field *f, tensor_message *t)
{
    bool room = true;
    switch (f->number) {
    case 1: room = pb_numbers_add(mem, &t->dims, f, PB_VARINT); break;
    case 2: t->type = f->bits; break;
    case 3: t->segment = true; break;
    case 4: room = pb_numbers_add(mem, &t->f32s, f, PB_FIXED32); break;
    case 5: room = pb_numbers_add(mem, &t->i32s, f, PB_VARINT); break;
    case 6: room = pb_list_add(mem, &t->texts, f->bytes); break;
    case 7: room = pb_numbers_add(mem, &t->i64s, f, PB_VARINT); break;
    case 8: t->name = f->bytes; break;
    case 9: t->raw = f->bytes, t->has_raw = f->wire == PB_BYTES; break;
    case 10: room = pb_numbers_add(mem, &t->f64s, f, PB_FIXED64); break;
    case 11: room = pb_numbers_add(mem, &t->u64s, f, PB_VARINT); break;
    case 13: room = pb_list_add(mem, &t->outside, f->bytes); break;
    case 14: t->external = f->bits == 1; break;
    default: break;
    }
    return room ? QN_OK : fail_nomem(f->bytes.n);
}

static qn_status read_message(arena *mem, qn_bytes message, tensor_message *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    while (pb_next(&c, &f)) QN_TRY(read_field(mem, &f, out));
    bool bad = c.bad || out->dims.bad || out->f32s.bad || out->i32s.bad || out->i64s.bad || out->f64s.bad || out->u64s.bad;
    if (!onnx_text_ok(out->name)) return fail(QN_E_FORMAT, "a tensor's name is not UTF-8 text");
    return bad ? fail(QN_E_FORMAT, "its message is damaged") : QN_OK;
}

qn_status onnx_dims(const pb_numbers *dims, qn_tensor *t)
{
    pb_walk w = { 0 };
    if (dims->n > QN_MAX_RANK)
        return fail(QN_E_UNSUPPORTED, "it has %llu dimensions, at most %d are possible", (unsigned long long)dims->n,
                    QN_MAX_RANK);
    t->rank = (u32)dims->n;
    for (u32 i = 0; i < t->rank; i++) {
        t->dims[i] = (i64)pb_numbers_next(dims, &w);
        if (t->dims[i] < 0) return fail(QN_E_FORMAT, "dimension %u is %lld", i, (long long)t->dims[i]);
    }
    if (qn_tensor_bytes(t) >= INT64_MAX) return fail(QN_E_FORMAT, "its size does not fit in 64 bits");
    return QN_OK;
}

/* ---- the elements */

static qn_status wrong_size(u64 have, u64 want, const char *unit)
{
    return fail(QN_E_FORMAT, "it holds %llu %s, its shape wants %llu", (unsigned long long)have, unit,
                (unsigned long long)want);
}

/* Of an element, where several are packed into a byte; else 0. */
static u32 packed_bits(qn_dtype d) { return dtype_bits(d) < 8 ? dtype_bits(d) : 0; }

static bool packed_signed(qn_dtype d) { return d == QN_I4 || d == QN_I2; }

/* Elements of a few bits, the first in the lowest: each gets a byte. */
static qn_status unpack(arena *mem, qn_bytes from, u32 bits, qn_tensor *t)
{
    u64 n = qn_tensor_elems(t);
    u8 *made = arena_alloc(mem, n + 1);
    if (!made) return fail_nomem(n);
    outside_unpack(&(outside){ .packed_bits = bits, .packed_signed = packed_signed(t->dtype) }, from.data, made, n);
    t->data = made;
    return QN_OK;
}

u64 onnx_file_bytes(const qn_tensor *t)
{
    u32 bits = packed_bits(t->dtype);
    u64 n = qn_tensor_elems(t);
    return bits ? n / (8 / bits) + (n % (8 / bits) != 0) : qn_tensor_bytes(t);
}

void onnx_pack(const qn_tensor *t, u8 *to)
{
    u32 bits = packed_bits(t->dtype);
    const u8 *from = t->data;
    memset(to, 0, (size_t)onnx_file_bytes(t));
    for (u64 i = 0, n = qn_tensor_elems(t); i < n; i++)
        to[i * bits / 8] |= (u8)((from[i] & ((1 << bits) - 1)) << i * bits % 8);
}

/* Files have truth as any byte; here it is 0 or 1. */
static qn_status lend_bytes(arena *mem, qn_bytes from, qn_tensor *t)
{
    if (packed_bits(t->dtype)) return unpack(mem, from, packed_bits(t->dtype), t);
    const u8 *at = from.data;
    size_t odd = 0;
    t->data = from.n ? from.data : "";
    if (t->dtype != QN_BOOL) return QN_OK;
    while (odd < from.n && at[odd] <= 1) odd++;
    if (odd == from.n) return QN_OK;
    u8 *made = arena_alloc(mem, from.n);
    if (!made) return fail_nomem(from.n);
    for (size_t i = 0; i < from.n; i++) made[i] = at[i] != 0;
    t->data = made;
    return QN_OK;
}

static void store(qn_dtype d, u64 bits, u8 *to)
{
    u8 truth = bits != 0;
    if (d == QN_BOOL) *to = truth;
    else memcpy(to, &bits, qn_dtype_bytes(d)); /* little endian: the low bytes are the narrow number */
}

/* Which list holds this type's elements, and its name. */
static const pb_numbers *list_of(const tensor_message *m, qn_dtype d)
{
    switch (d) {
    case QN_F32: return &m->f32s;
    case QN_F64: return &m->f64s;
    case QN_I64: return &m->i64s;
    case QN_U32:
    case QN_U64: return &m->u64s;
    default: return &m->i32s;
    }
}

static qn_status read_numbers(arena *mem, const pb_numbers *list, qn_tensor *t)
{
    bool packed = packed_bits(t->dtype) != 0;
    qn_dtype part = dtype_part(t->dtype);
    size_t bytes = qn_dtype_bytes(part);
    u64 n = packed ? onnx_file_bytes(t) : qn_tensor_bytes(t) / bytes;
    if (list->n != n) return wrong_size(list->n, n, "elements");
    if (list->wire != PB_VARINT && list->parts.n == 1) return lend_bytes(mem, list->parts.items[0], t);
    u8 *made = arena_array(mem, n, bytes);
    if (!made) return fail_nomem(n * bytes);
    pb_walk w = { 0 };
    for (u64 i = 0; i < n; i++) store(part, pb_numbers_next(list, &w), made + i * bytes);
    t->data = made;
    if (packed) QN_TRY(unpack(mem, (qn_bytes){ made, (size_t)n }, packed_bits(t->dtype), t));
    return w.c.bad ? fail(QN_E_FORMAT, "its list of numbers is damaged") : QN_OK;
}

static qn_status read_texts(arena *mem, const tensor_message *m, qn_tensor *t)
{
    u64 n = qn_tensor_elems(t);
    if (m->has_raw || m->external) return fail(QN_E_FORMAT, "texts cannot be raw or external data");
    if (m->texts.n != n) return wrong_size(m->texts.n, n, "texts");
    qn_bytes *made = ARENA_ARRAY(mem, n, qn_bytes);
    if (!made) return fail_nomem(n * sizeof *made);
    if (n) memcpy(made, m->texts.items, (size_t)n * sizeof *made);
    t->data = made;
    return QN_OK;
}

/* ---- external data (onnx/docs/ExternalData.md) */

typedef struct note {
    char location[512];
    u64 offset, length;
    bool has_location, has_length;
} note;

static bool read_decimal(qn_bytes text, u64 *out)
{
    const char *at = text.data;
    u64 v = 0;
    if (text.n == 0) return false;
    for (size_t i = 0; i < text.n; i++)
        if (at[i] < '0' || at[i] > '9' || !mul_u64(v, 10, &v) || !add_u64(v, (u64)(at[i] - '0'), &v)) return false;
    *out = v;
    return true;
}

static qn_status read_note_entry(qn_bytes entry, note *o)
{
    cursor c = cursor_of(entry);
    pb_field f;
    qn_bytes key = { 0 }, text = { 0 };
    while (pb_next(&c, &f)) {
        if (f.number == 1) key = f.bytes;
        if (f.number == 2) text = f.bytes;
    }
    bool good = !c.bad;
    if (bytes_are(key, "location")) {
        good = good && text.n > 0 && text.n < sizeof o->location && onnx_text_ok(text);
        if (good) memcpy(o->location, text.data, text.n);
        o->has_location = good;
    } else if (bytes_are(key, "offset")) {
        good = good && read_decimal(text, &o->offset);
    } else if (bytes_are(key, "length")) {
        good = good && read_decimal(text, &o->length);
        o->has_length = true;
    }
    return good ? QN_OK : fail(QN_E_FORMAT, "its note of where the external data is is damaged");
}

static qn_status read_note(const tensor_message *m, note *o)
{
    for (u32 i = 0; i < m->outside.n; i++) QN_TRY(read_note_entry(m->outside.items[i], o));
    return o->has_location ? QN_OK : fail(QN_E_FORMAT, "it is external, but does not say in which file");
}

static qn_status place_of_note(arena *mem, const note *o, u64 bytes, onnx_place *out)
{
    *out = (onnx_place){ .external = true, .at = o->offset, .bytes = bytes };
    if (strcmp(o->location, ONNX_SELF) == 0) return QN_OK;
    out->file = arena_text(mem, o->location, strlen(o->location));
    return out->file ? QN_OK : fail_nomem(strlen(o->location));
}

/* Elements that stay where they are. */
static qn_status leave(const tensor_source *s, const note *o, qn_tensor *t, const outside **away)
{
    onnx_place place;
    u64 end, bytes = onnx_file_bytes(t);
    if (!away)
        return fail(QN_E_UNSUPPORTED,
                    "it is external data of a node, which is not read from a model in pieces; open it whole");
    QN_TRY(place_of_note(s->mem, o, bytes, &place));
    if (!add_u64(place.at, bytes, &end) || (!place.file && end > s->streamed))
        return fail(QN_E_FORMAT, "its bytes from %llu on are outside the file, which has %llu", (unsigned long long)place.at,
                    (unsigned long long)s->streamed);
    outside *made = ARENA_NEW(s->mem, outside);
    if (!made) return fail_nomem(sizeof *made);
    *made = (outside){
        .file = place.file, .at = place.at, .packed_bits = packed_bits(t->dtype), .packed_signed = packed_signed(t->dtype)
    };
    *away = made;
    return QN_OK;
}

static qn_status read_outside(const tensor_source *s, const tensor_message *m, qn_tensor *t, const outside **away)
{
    note o = { 0 };
    u64 want = onnx_file_bytes(t), end;
    QN_TRY(read_note(m, &o));
    if (o.has_length && o.length != want) return wrong_size(o.length, want, "bytes");
    if (want == 0) return lend_bytes(s->mem, (qn_bytes){ "", 0 }, t);
    if (s->streamed) return leave(s, &o, t, away);
    if (!s->files) return fail(QN_E_UNSUPPORTED, "it is external data ('%s'), which is not read here", o.location);
    qn_bytes file;
    QN_TRY(format_files_beside(s->files, s->path, o.location, &file));
    if (!add_u64(o.offset, want, &end) || end > file.n)
        return fail(QN_E_FORMAT, "its bytes %llu to %llu are outside '%s', which has %zu", (unsigned long long)o.offset,
                    (unsigned long long)(o.offset + want), o.location, file.n);
    return lend_bytes(s->mem, (qn_bytes){ (const u8 *)file.data + o.offset, (size_t)want }, t);
}

static qn_status read_elements(const tensor_source *s, const tensor_message *m, qn_tensor *t, const outside **away)
{
    if (m->segment) return fail(QN_E_UNSUPPORTED, "it is stored in segments");
    if (t->dtype == QN_STRING) return read_texts(s->mem, m, t);
    if (m->external) return read_outside(s, m, t, away);
    if (!m->has_raw) return read_numbers(s->mem, list_of(m, dtype_part(t->dtype)), t);
    if (m->raw.n != onnx_file_bytes(t)) return wrong_size(m->raw.n, onnx_file_bytes(t), "bytes");
    return lend_bytes(s->mem, m->raw, t);
}

static qn_status tensor_read(const tensor_source *s, qn_bytes message, qn_bytes *name, qn_tensor *out, const outside **away)
{
    tensor_message m = { 0 };
    qn_tensor t = { 0 };
    qn_status status = read_message(s->mem, message, &m);
    if (status == QN_OK) status = onnx_dtype(m.type, &t.dtype);
    if (status == QN_OK) status = onnx_dims(&m.dims, &t);
    if (status == QN_OK) status = read_elements(s, &m, &t, away);
    if (status != QN_OK)
        return fail_in(status, "tensor '%.*s': ", onnx_text_ok(m.name) ? (int)MIN(m.name.n, 200) : 0,
                       (const char *)m.name.data);
    *name = m.name;
    *out = t;
    return QN_OK;
}

qn_status onnx_tensor_read(const tensor_source *s, qn_bytes message, qn_bytes *name, qn_tensor *out)
{
    return tensor_read(s, message, name, out, NULL);
}

qn_status onnx_tensor_read_away(const tensor_source *s, qn_bytes message, qn_bytes *name, qn_tensor *out,
                                const outside **away)
{
    *away = NULL;
    return tensor_read(s, message, name, out, away);
}

qn_status onnx_tensor_place(arena *mem, qn_bytes message, onnx_place *out)
{
    tensor_message m = { 0 };
    qn_tensor t = { 0 };
    note o = { 0 };
    *out = (onnx_place){ 0 };
    QN_TRY(read_message(mem, message, &m));
    if (!m.external) return QN_OK;
    QN_TRY(onnx_dtype(m.type, &t.dtype));
    QN_TRY(onnx_dims(&m.dims, &t));
    QN_TRY(read_note(&m, &o));
    return place_of_note(mem, &o, onnx_file_bytes(&t), out);
}

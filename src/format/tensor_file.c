/* Tensors in files of their own: .npy, or an ONNX TensorProto (.pb). Told apart by content. What is loaded owns its data. A .pb can also hold a
 * sequence, an optional or a map, if its reader is told so. */
#include "format/npy.h"
#include "format/onnx_tensor.h"
#include "format/protobuf.h"

static qn_status own(const qn_tensor *lent, qn_tensor *out)
{
    u64 bytes = tensor_room(lent);
    void *room = mem_alloc(bytes);
    if (!room) return fail_nomem(bytes);
    tensor_place(lent, room, out);
    return QN_OK;
}

/* Fields of SequenceProto and OptionalProto that hold values, and their DataType: 1 a tensor, 3 a sequence, 4 a map. */
enum { TENSORS = 3, SEQUENCES = 5, MAPS = 6 };
static u32 field_of(qn_dtype d) { return d == QN_SEQUENCE ? SEQUENCES : d == QN_MAP ? MAPS : TENSORS; }
static u32 data_type_of(u32 field) { return field - 2; }

static qn_status read_value(const tensor_source *s, const pb_field *f, qn_tensor *out);

/* Nothing holds what holds it, so no file leads deep: an optional a sequence, both of them maps, a map tensors. */
static bool may_hold(qn_dtype kind, u32 field)
{
    return field == TENSORS || (field == MAPS && kind != QN_MAP) || (field == SEQUENCES && kind == QN_OPTIONAL);
}

/* What a sequence, an optional, or a map as its values has. */
static qn_status read_list(const tensor_source *s, qn_bytes message, qn_dtype kind, qn_tensor *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    qn_tensor *list = NULL;
    u32 n = 0, cap = 0;
    while (pb_next(&c, &f)) {
        if (f.number < TENSORS) continue;
        if (f.wire != PB_BYTES || !may_hold(kind, f.number))
            return fail(QN_E_UNSUPPORTED, "the %s holds something else than tensors%s (field %u)", qn_dtype_name(kind),
                        kind == QN_MAP ? "" : " and maps", f.number);
        if (!ARENA_PUSH_ROOM(s->mem, list, n, cap, 1 << 22)) return fail_nomem(sizeof *list);
        QN_TRY(read_value(s, &f, &list[n++]));
    }
    if (c.bad) return fail(QN_E_FORMAT, "the message of this %s is damaged", qn_dtype_name(kind));
    if (kind == QN_OPTIONAL && n > 1) return fail(QN_E_FORMAT, "an optional of %u values", n);
    *out = (qn_tensor){ .dtype = kind, .rank = 1, .dims = { n }, .data = list };
    return QN_OK;
}

/* ---- maps */

typedef struct map_message { /* MapProto */
    u64 key_type;
    pb_numbers numbers;
    pb_list texts;
    qn_bytes values; /* a SequenceProto of tensors, of one element each */
} map_message;

static qn_status read_map_message(arena *mem, qn_bytes message, map_message *m)
{
    cursor c = cursor_of(message);
    pb_field f;
    bool room = true;
    while (room && pb_next(&c, &f)) {
        if (pb_is(&f, 2, PB_VARINT)) m->key_type = f.bits;
        if (f.number == 3) room = pb_numbers_add(mem, &m->numbers, &f, PB_VARINT);
        if (pb_is(&f, 4, PB_BYTES)) room = pb_list_add(mem, &m->texts, f.bytes);
        if (pb_is(&f, 5, PB_BYTES)) m->values = f.bytes;
    }
    if (!room) return fail_nomem(message.n);
    return c.bad || m->numbers.bad ? fail(QN_E_FORMAT, "the message of this map is damaged") : QN_OK;
}

static qn_status read_keys(arena *mem, const map_message *m, qn_tensor *out)
{
    pb_walk walk = { 0 };
    QN_TRY(fail_in(onnx_dtype(m->key_type, &out->dtype), "the map's keys: "));
    if (out->dtype != QN_I64 && out->dtype != QN_STRING)
        return fail(QN_E_UNSUPPORTED, "the map's keys are %s; they must be i64 or string", qn_dtype_name(out->dtype));
    u64 n = out->dtype == QN_I64 ? m->numbers.n : m->texts.n;
    i64 *numbers = ARENA_ARRAY(mem, n, i64);
    if (!numbers) return fail_nomem(n * sizeof *numbers);
    for (u64 i = 0; out->dtype == QN_I64 && i < n; i++) numbers[i] = (i64)pb_numbers_next(&m->numbers, &walk);
    out->rank = 1, out->dims[0] = (i64)n;
    out->data = out->dtype == QN_I64 ? (const void *)numbers : (const void *)m->texts.items;
    return QN_OK;
}

/* One tensor of the values, which must all be of one type. */
static qn_status join_values(arena *mem, const qn_tensor *list, qn_tensor *out)
{
    const qn_tensor *each = list->data;
    i64 n = list->dims[0];
    qn_dtype d = n ? each[0].dtype : QN_F32;
    size_t bytes = qn_dtype_bytes(d);
    u8 *data = arena_array(mem, (u64)n, bytes);
    if (!data) return fail_nomem((u64)n * bytes);
    for (i64 i = 0; i < n; i++) {
        if (each[i].dtype != d || qn_tensor_elems(&each[i]) != 1)
            return fail(QN_E_UNSUPPORTED, "value %lld of the map is not one %s", (long long)i, qn_dtype_name(d));
        memcpy(data + (size_t)i * bytes, each[i].data, bytes);
    }
    *out = (qn_tensor){ d, 1, { n }, data };
    return QN_OK;
}

static qn_status read_map(const tensor_source *s, qn_bytes message, qn_tensor *out)
{
    map_message m = { 0 };
    qn_tensor list, *pair = ARENA_ARRAY(s->mem, 2, qn_tensor);
    if (!pair) return fail_nomem(2 * sizeof *pair);
    QN_TRY(read_map_message(s->mem, message, &m));
    QN_TRY(read_keys(s->mem, &m, &pair[0]));
    QN_TRY(read_list(s, m.values, QN_MAP, &list));
    QN_TRY(join_values(s->mem, &list, &pair[1]));
    if (pair[0].dims[0] != pair[1].dims[0])
        return fail(QN_E_FORMAT, "a map of %lld keys and %lld values", (long long)pair[0].dims[0],
                    (long long)pair[1].dims[0]);
    *out = (qn_tensor){ QN_MAP, 1, { 2 }, pair };
    return QN_OK;
}

static qn_status read_value(const tensor_source *s, const pb_field *f, qn_tensor *out)
{
    qn_bytes name;
    if (f->number == MAPS) return read_map(s, f->bytes, out);
    if (f->number == SEQUENCES) return read_list(s, f->bytes, QN_SEQUENCE, out);
    return onnx_tensor_read(s, f->bytes, &name, out);
}

static qn_status load_pb(qn_bytes file, qn_dtype kind, qn_tensor *out)
{
    arena *mem = arena_make();
    if (!mem) return fail_nomem(sizeof mem);
    tensor_source s = { .mem = mem };
    qn_bytes name;
    qn_tensor lent;
    bool is_list = dtype_is_list(kind);
    qn_status status = kind == QN_MAP ? read_map(&s, file, &lent)
                       : is_list      ? read_list(&s, file, kind, &lent)
                                      : onnx_tensor_read(&s, file, &name, &lent);
    if (status == QN_E_FORMAT && !is_list) fail_in(status, "this is no .npy, and as an ONNX tensor: ");
    if (status == QN_OK) status = own(&lent, out);
    arena_free(mem);
    return status;
}

qn_status qn_tensor_load(const char *path, qn_tensor *out) { return qn_tensor_load_as(path, QN_NONE, out); }

qn_status qn_tensor_load_as(const char *path, qn_dtype kind, qn_tensor *out)
{
    file_map file;
    if (!path || !out) return fail(QN_E_USAGE, "qn_tensor_load needs a path and a place for the tensor");
    QN_TRY(file_map_open(path, &file));
    qn_status status;
    if (!npy_sniff(file.bytes)) status = load_pb(file.bytes, kind, out);
    else if (!dtype_is_list(kind)) status = npy_read(file.bytes, out);
    else
        status = fail(QN_E_FORMAT, ".npy cannot hold %s",
                      kind == QN_SEQUENCE ? "a sequence; give a .pb of SequenceProto"
                      : kind == QN_MAP    ? "a map; give a .pb of MapProto"
                                          : "an optional; give a .pb of OptionalProto");
    file_map_close(&file);
    return fail_in(status, "%s: ", path);
}

/* A tensor that a caller gave: everything that is counted on below. */
static qn_status check_given(const char *path, const qn_tensor *t)
{
    if (!path || !t) return fail(QN_E_USAGE, "a tensor cannot be saved without a path and a tensor");
    if (t->rank > QN_MAX_RANK || t->dtype <= QN_NONE || t->dtype >= QN_DTYPE_COUNT)
        return fail(QN_E_USAGE, "%s: the tensor's rank or type is none", path);
    u64 bytes = qn_tensor_bytes(t);
    if (bytes >= SIZE_MAX / 2) return fail(QN_E_SHAPE, "%s: the tensor's size does not fit in memory", path);
    if (bytes && !t->data) return fail(QN_E_USAGE, "%s: the tensor has no data", path);
    if (!tensor_has_texts(t)) return fail(QN_E_USAGE, "%s: the tensor has a text without data", path);
    const qn_tensor *list = t->data;
    if (dtype_is_list(t->dtype) && t->rank != 1)
        return fail(QN_E_USAGE, "%s: a %s has rank 1", path, qn_dtype_name(t->dtype));
    for (i64 i = 0; dtype_is_list(t->dtype) && i < t->dims[0]; i++) QN_TRY(check_given(path, &list[i]));
    bool pair = t->dtype == QN_MAP && t->dims[0] == 2 && list[0].rank == 1 && list[1].rank == 1;
    bool is_map = pair && list[0].dims[0] == list[1].dims[0] && (list[0].dtype == QN_I64 || list[0].dtype == QN_STRING);
    if (t->dtype == QN_MAP && (!is_map || dtype_is_list(list[1].dtype)))
        return fail(QN_E_USAGE, "%s: a map is as many keys, i64 or string, as values", path);
    return QN_OK;
}

static qn_status save(const char *path, str *made, qn_status status)
{
    if (status == QN_OK) status = file_write(path, (qn_bytes){ made->text, made->n });
    str_free(made);
    return status;
}

qn_status qn_tensor_save_npy(const char *path, const qn_tensor *t)
{
    str made = { 0 };
    QN_TRY(check_given(path, t));
    return save(path, &made, npy_write(t, &made));
}

/* ---- TensorProto, written */

static void put_varint(str *out, u64 v)
{
    for (; v >= 0x80; v >>= 7) str_add_n(out, &(char){ (char)(v | 0x80) }, 1);
    str_add_n(out, &(char){ (char)v }, 1);
}

static void put_bytes(str *out, u32 field, const void *data, size_t n)
{
    put_varint(out, field << 3 | PB_BYTES);
    put_varint(out, n);
    str_add_n(out, data, n);
}

static qn_status put_elems(const qn_tensor *t, str *out)
{
    u64 bytes = onnx_file_bytes(t);
    u8 *packed = bytes == qn_tensor_bytes(t) ? NULL : mem_alloc((size_t)bytes);
    if (bytes == qn_tensor_bytes(t)) put_bytes(out, 9, t->data, (size_t)bytes);
    else if (!packed) return fail_nomem(bytes);
    else onnx_pack(t, packed), put_bytes(out, 9, packed, (size_t)bytes);
    mem_free(packed);
    return QN_OK;
}

static qn_status write_pb(const char *name, const qn_tensor *t, str *out);

static qn_status write_list(const char *name, const qn_tensor *t, str *out)
{
    const qn_tensor *list = t->data;
    u32 field = t->dims[0] ? field_of(list[0].dtype) : TENSORS;
    if (name && name[0]) put_bytes(out, 1, name, strlen(name));
    put_varint(out, 2 << 3 | PB_VARINT);
    put_varint(out, t->dims[0] || t->dtype == QN_SEQUENCE ? data_type_of(field) : 0);
    for (i64 i = 0; i < t->dims[0]; i++) {
        str inner = { 0 };
        qn_status s = write_pb(NULL, &list[i], &inner);
        if (s == QN_OK) put_bytes(out, field, inner.text, inner.n);
        str_free(&inner);
        QN_TRY(s);
    }
    return out->bad ? fail_nomem(out->n) : QN_OK;
}

/* The values as tensors without dimensions, one for each key. */
static qn_status write_values(const qn_tensor *values, str *out)
{
    put_varint(out, 2 << 3 | PB_VARINT);
    put_varint(out, data_type_of(TENSORS));
    for (i64 i = 0; i < values->dims[0]; i++) {
        str inner = { 0 };
        const void *at = (const u8 *)values->data + (u64)i * qn_dtype_bytes(values->dtype);
        qn_status s = write_pb(NULL, &(qn_tensor){ .dtype = values->dtype, .data = at }, &inner);
        if (s == QN_OK) put_bytes(out, TENSORS, inner.text, inner.n);
        str_free(&inner);
        QN_TRY(s);
    }
    return QN_OK;
}

static qn_status write_map(const char *name, const qn_tensor *t, str *out)
{
    const qn_tensor *keys = t->data;
    str values = { 0 };
    if (name && name[0]) put_bytes(out, 1, name, strlen(name));
    put_varint(out, 2 << 3 | PB_VARINT);
    put_varint(out, onnx_dtype_code(keys->dtype));
    for (i64 i = 0; i < keys->dims[0]; i++) {
        const qn_bytes *text = (const qn_bytes *)keys->data + i;
        if (keys->dtype == QN_STRING) put_bytes(out, 4, text->data, text->n);
        else put_varint(out, 3 << 3 | PB_VARINT), put_varint(out, ((const u64 *)keys->data)[i]);
    }
    qn_status s = write_values(&keys[1], &values);
    if (s == QN_OK) put_bytes(out, 5, values.text, values.n);
    bool bad = values.bad || out->bad;
    str_free(&values);
    return s == QN_OK && bad ? fail_nomem(out->n) : s;
}

static qn_status write_pb(const char *name, const qn_tensor *t, str *out)
{
    if (t->dtype == QN_MAP) return write_map(name, t, out);
    if (dtype_is_list(t->dtype)) return write_list(name, t, out);
    for (u32 i = 0; i < t->rank; i++) {
        put_varint(out, 1 << 3 | PB_VARINT);
        put_varint(out, (u64)t->dims[i]);
    }
    put_varint(out, 2 << 3 | PB_VARINT);
    put_varint(out, onnx_dtype_code(t->dtype));
    if (name && name[0]) put_bytes(out, 8, name, strlen(name));
    const qn_bytes *texts = t->data;
    for (u64 i = 0; t->dtype == QN_STRING && i < qn_tensor_elems(t); i++) put_bytes(out, 6, texts[i].data, texts[i].n);
    QN_TRY(t->dtype != QN_STRING ? put_elems(t, out) : QN_OK);
    return out->bad ? fail_nomem(qn_tensor_bytes(t)) : QN_OK;
}

qn_status qn_tensor_save_pb(const char *path, const char *name, const qn_tensor *t)
{
    str made = { 0 };
    QN_TRY(check_given(path, t));
    return save(path, &made, write_pb(name, t, &made));
}

void qn_tensor_free(qn_tensor *t)
{
    if (!t) return;
    mem_free((void *)t->data);
    *t = (qn_tensor){ 0 };
}

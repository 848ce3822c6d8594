/* Tensors in files of their own: .npy, or an ONNX TensorProto (.pb). Told apart by content. What is loaded owns its data. */
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

/* SequenceProto and OptionalProto: field 3 holds tensors, field 5 sequences, other fields what this build cannot hold. */
static qn_status read_list(const tensor_source *s, qn_bytes message, qn_dtype kind, qn_tensor *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    qn_bytes name;
    qn_tensor *list = NULL;
    u32 n = 0, cap = 0;
    while (pb_next(&c, &f)) {
        if (f.number < 3) continue;
        bool inner = f.number == 5 && kind == QN_OPTIONAL;
        if (f.wire != PB_BYTES || (f.number != 3 && !inner))
            return fail(QN_E_UNSUPPORTED, "the %s holds something else than tensors (field %u)", qn_dtype_name(kind),
                        f.number);
        if (!ARENA_PUSH_ROOM(s->mem, list, n, cap, 1 << 22)) return fail_nomem(sizeof *list);
        QN_TRY(inner ? read_list(s, f.bytes, QN_SEQUENCE, &list[n]) : onnx_tensor_read(s, f.bytes, &name, &list[n]));
        n++;
    }
    if (c.bad) return fail(QN_E_FORMAT, "the message of this %s is damaged", qn_dtype_name(kind));
    if (kind == QN_OPTIONAL && n > 1) return fail(QN_E_FORMAT, "an optional of %u values", n);
    *out = (qn_tensor){ .dtype = kind, .rank = 1, .dims = { n }, .data = list };
    return QN_OK;
}

static qn_status load_pb(qn_bytes file, qn_dtype kind, qn_tensor *out)
{
    arena *mem = arena_make();
    if (!mem) return fail_nomem(sizeof mem);
    tensor_source s = { .mem = mem };
    qn_bytes name;
    qn_tensor lent;
    bool is_list = dtype_is_list(kind);
    qn_status status = is_list ? read_list(&s, file, kind, &lent) : onnx_tensor_read(&s, file, &name, &lent);
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
    const qn_tensor *list = t->data;
    if (dtype_is_list(t->dtype) && t->rank != 1)
        return fail(QN_E_USAGE, "%s: a %s has rank 1", path, qn_dtype_name(t->dtype));
    for (i64 i = 0; dtype_is_list(t->dtype) && i < t->dims[0]; i++) QN_TRY(check_given(path, &list[i]));
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

/* DataType of SequenceProto and OptionalProto: 0 nothing, 1 a tensor, 3 a sequence. */
static qn_status write_list(const char *name, const qn_tensor *t, str *out)
{
    const qn_tensor *list = t->data;
    bool of_lists = t->dims[0] && dtype_is_list(list[0].dtype);
    if (name && name[0]) put_bytes(out, 1, name, strlen(name));
    put_varint(out, 2 << 3 | PB_VARINT);
    put_varint(out, of_lists ? 3 : t->dims[0] || t->dtype == QN_SEQUENCE ? 1 : 0);
    for (i64 i = 0; i < t->dims[0]; i++) {
        str inner = { 0 };
        qn_status s = write_pb(NULL, &list[i], &inner);
        if (s == QN_OK) put_bytes(out, of_lists ? 5 : 3, inner.text, inner.n);
        str_free(&inner);
        QN_TRY(s);
    }
    return out->bad ? fail_nomem(out->n) : QN_OK;
}

static qn_status write_pb(const char *name, const qn_tensor *t, str *out)
{
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

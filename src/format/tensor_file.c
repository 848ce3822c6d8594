/* Tensors in files of their own: .npy, or an ONNX TensorProto (.pb). Told apart by content. What is loaded owns its data. */
#include "format/npy.h"
#include "format/onnx_tensor.h"
#include "format/protobuf.h"

/* One block for an owned tensor: for texts, the table of them and then their bytes. */
static void *own_texts(const qn_tensor *t)
{
    u64 n = qn_tensor_elems(t), bytes = n * sizeof(qn_bytes);
    const qn_bytes *from = t->data;
    for (u64 i = 0; i < n; i++)
        if (!add_u64(bytes, from[i].n, &bytes)) return NULL;
    qn_bytes *made = mem_alloc(bytes);
    char *to = made ? (char *)(made + n) : NULL;
    for (u64 i = 0; made && i < n; i++) {
        if (from[i].n) memcpy(to, from[i].data, from[i].n);
        made[i] = (qn_bytes){ to, from[i].n };
        to += from[i].n;
    }
    return made;
}

static qn_status own(const qn_tensor *lent, qn_tensor *out)
{
    size_t bytes = (size_t)qn_tensor_bytes(lent);
    void *data = lent->dtype == QN_STRING ? own_texts(lent) : mem_alloc(bytes);
    if (!data) return fail_nomem(bytes);
    if (lent->dtype != QN_STRING && bytes) memcpy(data, lent->data, bytes);
    *out = *lent;
    out->data = data;
    return QN_OK;
}

static qn_status load_pb(qn_bytes file, qn_tensor *out)
{
    arena *mem = arena_make();
    if (!mem) return fail_nomem(sizeof mem);
    tensor_source s = { .mem = mem };
    qn_bytes name;
    qn_tensor lent;
    qn_status status = onnx_tensor_read(&s, file, &name, &lent);
    if (status == QN_E_FORMAT) fail_in(status, "this is no .npy, and as an ONNX tensor: ");
    if (status == QN_OK) status = own(&lent, out);
    arena_free(mem);
    return status;
}

qn_status qn_tensor_load(const char *path, qn_tensor *out)
{
    file_map file;
    if (!path || !out) return fail(QN_E_USAGE, "qn_tensor_load needs a path and a place for the tensor");
    QN_TRY(file_map_open(path, &file));
    qn_status status = npy_sniff(file.bytes) ? npy_read(file.bytes, out) : load_pb(file.bytes, out);
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
    return bytes && !t->data ? fail(QN_E_USAGE, "%s: the tensor has no data", path) : QN_OK;
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

static qn_status write_pb(const char *name, const qn_tensor *t, str *out)
{
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

/* SparseTensorProto (onnx.proto): the values that are not 0 and where each stands, made into a dense tensor. */
#include "format/onnx_tensor.h"
#include "format/protobuf.h"

enum { MAX_DENSE_BYTES = 256 << 20 };

/* Element k's place: one index into the whole, or one for each dimension. */
static bool place_of(const qn_tensor *indices, const qn_tensor *dense, u64 k, u64 *out)
{
    u64 place = 0;
    i64 index;
    if (indices->rank == 1) {
        memcpy(&index, (const u8 *)indices->data + k * 8, 8);
        *out = (u64)index;
        return index >= 0 && (u64)index < qn_tensor_elems(dense);
    }
    for (u32 d = 0; d < dense->rank; d++) {
        memcpy(&index, (const u8 *)indices->data + (k * dense->rank + d) * 8, 8);
        if (index < 0 || index >= dense->dims[d]) return false;
        place = place * (u64)dense->dims[d] + (u64)index;
    }
    *out = place;
    return true;
}

static qn_status scatter(const qn_tensor *values, const qn_tensor *indices, qn_tensor *dense, u8 *to)
{
    u64 n = qn_tensor_elems(values), place;
    size_t bytes = qn_dtype_bytes(values->dtype);
    bool linear = indices->rank == 1 && indices->dims[0] == values->dims[0];
    bool rows = indices->rank == 2 && indices->dims[0] == values->dims[0] && indices->dims[1] == dense->rank;
    if (values->rank != 1 || indices->dtype != QN_I64 || !(linear || rows))
        return fail(QN_E_FORMAT, "its indices do not fit its values");
    for (u64 k = 0; k < n; k++) {
        if (!place_of(indices, dense, k, &place))
            return fail(QN_E_FORMAT, "index %llu is outside its shape", (unsigned long long)k);
        memcpy(to + place * bytes, (const u8 *)values->data + k * bytes, bytes);
    }
    dense->data = to;
    return QN_OK;
}

static qn_status read_sparse(const tensor_source *s, qn_bytes message, qn_bytes *name, qn_tensor *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    pb_numbers dims = { 0 };
    qn_tensor values = { 0 }, indices = { 0 };
    qn_bytes no_name;
    while (pb_next(&c, &f)) {
        if (pb_is(&f, 1, PB_BYTES)) QN_TRY(onnx_tensor_read(s, f.bytes, name, &values));
        if (pb_is(&f, 2, PB_BYTES)) QN_TRY(onnx_tensor_read(s, f.bytes, &no_name, &indices));
        if (f.number == 3 && !pb_numbers_add(s->mem, &dims, &f, PB_VARINT)) return fail_nomem(f.bytes.n);
    }
    if (c.bad || dims.bad || !values.dtype || !indices.dtype) return fail(QN_E_FORMAT, "its message is damaged");
    if (values.dtype == QN_STRING) return fail(QN_E_UNSUPPORTED, "its elements are texts");
    qn_tensor dense = { .dtype = values.dtype };
    QN_TRY(onnx_dims(&dims, &dense));
    u64 bytes = qn_tensor_bytes(&dense);
    if (bytes > MAX_DENSE_BYTES)
        return fail(QN_E_UNSUPPORTED, "it would be %llu bytes as a dense tensor", (unsigned long long)bytes);
    u8 *to = arena_zalloc(s->mem, bytes);
    if (!to) return fail_nomem(bytes);
    QN_TRY(scatter(&values, &indices, &dense, to));
    *out = dense;
    return QN_OK;
}

qn_status onnx_sparse_read(const tensor_source *s, qn_bytes message, qn_bytes *name, qn_tensor *out)
{
    *name = (qn_bytes){ 0 };
    qn_status status = read_sparse(s, message, name, out);
    return fail_in(status, "sparse tensor '%.*s': ", (int)MIN(name->n, 200), (const char *)name->data);
}

/* Small questions that the inference of many ops asks: attributes that are types, inputs that are lists of known integers, axes. */
#include "op/op_util.h"

/* clang-format off */
static const struct { i64 onnx; qn_dtype ours; } onnx_types[] = {   /* TensorProto.DataType of onnx.proto */
    { 1, QN_F32 },  { 2, QN_U8 },  { 3, QN_I8 },   { 4, QN_U16 },  { 5, QN_I16 },  { 6, QN_I32 },  { 7, QN_I64 }, { 8, QN_STRING },
    { 9, QN_BOOL }, { 10, QN_F16 }, { 11, QN_F64 }, { 12, QN_U32 }, { 13, QN_U64 }, { 16, QN_BF16 },
    { 17, QN_F8E4M3FN }, { 18, QN_F8E4M3FNUZ }, { 19, QN_F8E5M2 }, { 20, QN_F8E5M2FNUZ }, { 21, QN_U4 }, { 22, QN_I4 },
    { 23, QN_F4E2M1 }, { 24, QN_F8E8M0 }, { 25, QN_U2 }, { 26, QN_I2 }, { 14, QN_C64 }, { 15, QN_C128 },
};
/* clang-format on */

qn_dtype dtype_of_onnx(i64 code)
{
    for (u32 i = 0; i < COUNT(onnx_types); i++)
        if (onnx_types[i].onnx == code) return onnx_types[i].ours;
    return QN_NONE;
}

i64 dtype_to_onnx(qn_dtype d)
{
    for (u32 i = 0; i < COUNT(onnx_types); i++)
        if (onnx_types[i].ours == d) return onnx_types[i].onnx;
    return 0;
}

qn_dtype node_dtype(const node *n, const char *name, qn_dtype otherwise)
{
    i64 code = attr_int(n, name, 0);
    return code ? dtype_of_onnx(code) : otherwise;
}

u32 node_attrs_but(const node *n, const char *const *without, attr *out)
{
    u32 count = 0;
    for (u32 i = 0; i < n->n_attrs; i++) {
        const char *const *w = without;
        while (*w && !text_same(*w, n->attrs[i].name)) w++;
        if (!*w) out[count++] = n->attrs[i];
    }
    return count;
}

i64 known_ints(graph *g, val v, i64 *out, u32 max)
{
    const sym *elems;
    i64 n = v ? value_elems(g, v, &elems) : -1;
    if (n < 0 || n > max) return -1;
    for (i64 k = 0; k < n; k++)
        if (!sym_is_number(g, elems[k], &out[k])) return -1;
    return n;
}

i64 infer_ints(const infer *c, u32 i, i64 *out, u32 max) { return known_ints(c->g, node_in(c->g, c->n, i), out, max); }

qn_status infer_ints_of(const infer *c, const char *name, u32 i, i64 *out, u32 max, i64 *n)
{
    const i64 *list;
    *n = -1;
    if (name && attr_find(c->n, name)) {
        u32 count = attr_ints(c->n, name, &list);
        if (count > max) return infer_fail(c, QN_E_SHAPE, "%s has %u entries, at most %u make sense", name, count, max);
        for (u32 k = 0; k < count; k++) out[k] = list[k];
        *n = count;
        return QN_OK;
    }
    if (!infer_has(c, i)) return QN_OK;
    *n = infer_ints(c, i, out, max);
    if (*n < 0)
        return infer_fail(c, QN_E_UNSUPPORTED,
                          "input '%s' must be known before the model runs: a constant or computed from shapes",
                          op_of(c->n)->in[i].name);
    return QN_OK;
}

qn_status infer_axes(const infer *c, const char *name, u32 i, u32 rank, u32 *bits, bool *has)
{
    i64 list[QN_MAX_RANK], n;
    *bits = 0;
    QN_TRY(infer_ints_of(c, name, i, list, QN_MAX_RANK, &n));
    *has = n >= 0;
    for (i64 k = 0; k < n; k++) {
        u32 axis;
        QN_TRY(infer_axis(c, list[k], rank, &axis));
        *bits |= 1u << axis;
    }
    return QN_OK;
}

u32 node_axes(graph *g, const node *n, const char *name, u32 i, u32 rank, bool *has)
{
    i64 room[QN_MAX_RANK], count;
    const i64 *list = room;
    if (name && attr_find(n, name)) count = attr_ints(n, name, &list);
    else count = known_ints(g, node_in(g, n, i), room, QN_MAX_RANK);
    *has = count >= 0;
    u32 bits = 0;
    for (i64 k = 0; k < count; k++) bits |= 1u << (list[k] < 0 ? list[k] + rank : list[k]);
    return bits;
}

bool dtype_is_float(qn_dtype d) { return d >= QN_F32 && d <= QN_F64; }
bool dtype_is_narrow(qn_dtype d) { return d >= QN_F8E4M3FN && d <= QN_U2; }
bool dtype_is_narrow_float(qn_dtype d) { return d >= QN_F8E4M3FN && d <= QN_F4E2M1; }
bool dtype_is_signed_int(qn_dtype d) { return d >= QN_I8 && d <= QN_I64; }
bool dtype_is_int(qn_dtype d) { return d >= QN_I8 && d <= QN_U64; }

const char *width_word(qn_dtype d)
{
    static const char *const words[9] = { [1] = "u8", [2] = "u16", [4] = "u32", [8] = "u64" };
    size_t bytes = qn_dtype_bytes(d);
    return bytes <= 8 && words[bytes] ? words[bytes] : "u8";
}

sym sym_one(graph *g) { return sym_number(g, 1); }
sym sym_zero(graph *g) { return sym_number(g, 0); }

sym sym_span(graph *g, const type *t, u32 from, u32 to)
{
    sym product = sym_number(g, 1);
    for (u32 i = from; i < to && i < t->rank; i++) product = sym_mul(g, product, t->dims[i]);
    return product;
}

u32 axis_of(const node *n, const char *name, i64 otherwise, u32 rank)
{
    i64 axis = attr_int(n, name, otherwise);
    return (u32)(axis < 0 ? axis + rank : axis);
}

type type_with(const type *t, qn_dtype d)
{
    type out = *t;
    out.dtype = d;
    return out;
}

qn_dtype dtype_computing(qn_dtype d) { return d == QN_F16 || d == QN_BF16 ? QN_F32 : d; }

static bool has_dtype(const qn_caps *caps, qn_dtype d)
{
    if (d == QN_F64) return caps->f64;
    return caps->i64 || (d != QN_I64 && d != QN_U64);
}

qn_dtype op_lacks_type(const graph *g, const qn_caps *caps, const node *n)
{
    for (u32 i = 0; i < n->n_in + n->n_out; i++) {
        val v = i < n->n_in ? node_in(g, n, i) : n->out[i - n->n_in];
        if (v && !has_dtype(caps, value_at(g, v)->type.dtype)) return value_at(g, v)->type.dtype;
    }
    return QN_NONE;
}

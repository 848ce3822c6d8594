/* Ops whose result's size the data decide: NonZero, Compress, Unique. They run on the host. */
#include <stdlib.h>

#include "op/gradient.h"
#include "op/op_util.h"

/* ------------------------------------------------------------------ NonZero */
static qn_status infer_non_zero(infer *c)
{
    const type *x = infer_in(c, 0);
    type out = {
        .dtype = QN_I64, .rank = 2, .known = true, .dims = { sym_number(c->g, x->rank), sym_fresh(c->g, "found") }
    };
    return infer_out(c, 0, &out);
}

/* Floats are zero when all bits but the sign are, complex numbers when both parts are, a text when it is empty; everything else when all
 * bits are. */
static bool is_zero(const qn_tensor *t, u64 i)
{
    if (t->dtype == QN_STRING) return ((const qn_bytes *)t->data)[i].n == 0;
    size_t bytes = qn_dtype_bytes(t->dtype), part = qn_dtype_bytes(dtype_part(t->dtype));
    bool is_float = dtype_is_float(dtype_part(t->dtype));
    const u8 *at = (const u8 *)t->data + i * bytes;
    u8 any = 0;
    for (size_t k = 0; k < bytes; k++) any |= is_float && (k + 1) % part == 0 ? at[k] & 0x7f : at[k];
    return any == 0;
}

static qn_status host_non_zero(host_call *h)
{
    const qn_tensor *x = h->in[0];
    u64 n = qn_tensor_elems(x), found = 0;
    for (u64 i = 0; i < n; i++) found += !is_zero(x, i);
    i64 *y = host_out(h, 0, QN_I64, 2, (const i64[]){ x->rank, (i64)found });
    if (!y) return QN_E_NOMEM;
    for (u64 i = 0, k = 0; i < n; i++) {
        if (is_zero(x, i)) continue;
        u64 r = i;
        for (u32 d = x->rank; d-- > 0;) {
            y[d * found + k] = (i64)(r % (u64)x->dims[d]);
            r /= (u64)x->dims[d];
        }
        k++;
    }
    return QN_OK;
}

static const op_case non_zero_cases[] = {
    { "f32[2,3]={1,0,2,0,0,-3}", "", 0, "the common case" },
    { "bool[9]=0..1", "", 0, "truth values" },
    { "i64[2,0]", "", 0, "empty" },
    { 0 },
};
const op_def op_NonZero = {
    .name = "NonZero",
    .doc =
        DOC("the coordinates of the elements that are not 0, of texts those that are not empty, one column each, in order"),
    .in = { { "X", "value|complex" } },
    .out = { { "Y", "i64" } },
    .infer = infer_non_zero,
    .host = host_non_zero,
    .cases = CASES(non_zero_cases),
};

/* ------------------------------------------------------------------ Compress */
static qn_status infer_compress(infer *c)
{
    type out = *infer_in(c, 0);
    u32 axis;
    if (infer_in(c, 1)->rank != 1) return infer_fail(c, QN_E_SHAPE, "the condition must have rank 1");
    if (attr_find(c->n, "axis")) QN_TRY(infer_axis(c, attr_int(c->n, "axis", 0), out.rank, &axis));
    else axis = 0, out.rank = 1;
    out.dims[axis] = sym_fresh(c->g, "kept");
    return infer_out(c, 0, &out);
}

static qn_status host_compress(host_call *h)
{
    const qn_tensor *x = h->in[0], *condition = h->in[1];
    const u8 *keep = condition->data;
    bool whole = !attr_find(h->n, "axis");
    u32 axis = whole ? 0 : axis_of(h->n, "axis", 0, x->rank);
    u64 outer = 1, inner = qn_dtype_bytes(x->dtype), length = whole ? qn_tensor_elems(x) : (u64)x->dims[axis], kept = 0;
    for (u32 d = 0; !whole && d < x->rank; d++) {
        if (d < axis) outer *= (u64)x->dims[d];
        if (d > axis) inner *= (u64)x->dims[d];
    }
    u64 n = MIN(length, (u64)condition->dims[0]);
    for (u64 k = 0; k < n; k++) kept += keep[k] != 0;
    i64 dims[QN_MAX_RANK];
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = (i64)kept;
    u8 *y = host_out(h, 0, x->dtype, whole ? 1 : x->rank, dims);
    if (!y) return QN_E_NOMEM;
    for (u64 o = 0; o < outer; o++)
        for (u64 k = 0; k < n; k++) {
            if (!keep[k]) continue;
            if (inner) memcpy(y, (const u8 *)x->data + (o * length + k) * inner, (size_t)inner);
            y += inner;
        }
    return QN_OK;
}

static const op_case compress_cases[] = {
    { "f32[3,2] bool[3]={0,1,1}", "axis=0", 0, "rows" },
    { "u8[3,4] bool[3]={0,1,1}", "axis=-1", 0, "columns, the condition is shorter" },
    { "i64[3,2] bool[5]={0,1,0,0,1}", "", 0, "flattened" },
    { 0 },
};
const op_def op_Compress = {
    .name = "Compress",
    .doc = DOC("the entries along `axis` (of the flattened input without it) for which the condition holds"),
    .in = { { "input", "any" }, { "condition", "bool" } },
    .out = { { "output", "as input" } },
    .attrs = { { "axis", ATTR_INT, false, 0, 0, NULL } },
    .infer = infer_compress,
    .gradient = GRADIENT(gradient_compress),
    .host = host_compress,
    .cases = CASES(compress_cases),
};

/* ------------------------------------------------------------------ Unique */
static qn_status infer_unique(infer *c)
{
    type out = *infer_in(c, 0), list = { .dtype = QN_I64, .rank = 1, .known = true };
    const type x = out;
    u32 axis = 0;
    bool whole = !attr_find(c->n, "axis");
    if (whole) out.rank = 1;
    else QN_TRY(infer_axis(c, attr_int(c->n, "axis", 0), x.rank, &axis));
    out.dims[axis] = list.dims[0] = sym_fresh(c->g, "unique");
    QN_TRY(infer_out(c, 0, &out));
    list.dims[0] = value_at(c->g, c->n->out[0])->type.dims[axis];
    QN_TRY(infer_out(c, 1, &list));
    QN_TRY(infer_out(c, 3, &list));
    list.dims[0] = whole ? type_elems(c->g, &x) : x.dims[axis];
    return infer_out(c, 2, &list);
}

/* The entries: slices of x across the axis, each gathered into one run of elements. */
typedef struct entries {
    qn_dtype dtype;
    u64 n, elems;
    const u8 *data;
} entries;

/* clang-format off */
#define COMPARE(T, a, b) { T x, y; memcpy(&x, a, sizeof x); memcpy(&y, b, sizeof y); return x < y ? -1 : x > y; }
#define COMPARE_FLOATS(T, a, b) { T x, y; memcpy(&x, a, sizeof x); memcpy(&y, b, sizeof y); return order_of((f64)x, (f64)y); }

/* NaN is one value, the largest: without an order of its own it would swallow its neighbours. */
static int order_of(f64 x, f64 y) { return x < y ? -1 : x > y ? 1 : (x != x) - (y != y); }

/* As bytes; of two that begin alike the shorter one comes first. */
static int order_of_texts(const u8 *a, const u8 *b)
{
    qn_bytes x, y;
    memcpy(&x, a, sizeof x), memcpy(&y, b, sizeof y);
    int c = memcmp(x.data, y.data, MIN(x.n, y.n));
    return c ? c : (x.n > y.n) - (x.n < y.n);
}

static int compare_one(qn_dtype d, const u8 *a, const u8 *b)
{
    u16 p, q;
    switch (d) {
    case QN_F32: COMPARE_FLOATS(f32, a, b)
    case QN_F64: COMPARE_FLOATS(f64, a, b)
    case QN_I8:  COMPARE(i8, a, b)
    case QN_I16: COMPARE(i16, a, b)
    case QN_I32: COMPARE(i32, a, b)
    case QN_I64: COMPARE(i64, a, b)
    case QN_U16: COMPARE(u16, a, b)
    case QN_U32: COMPARE(u32, a, b)
    case QN_U64: COMPARE(u64, a, b)
    case QN_STRING: return order_of_texts(a, b);
    case QN_F16: case QN_BF16: {
        memcpy(&p, a, 2), memcpy(&q, b, 2);
        return d == QN_F16 ? order_of((f64)f16_to_f32(p), (f64)f16_to_f32(q)) : order_of((f64)bf16_to_f32(p), (f64)bf16_to_f32(q));
    }
    case QN_C64: case QN_C128: { /* the real parts first, as numpy does */
        qn_dtype part = dtype_part(d);
        int c = compare_one(part, a, b);
        return c ? c : compare_one(part, a + qn_dtype_bytes(part), b + qn_dtype_bytes(part));
    }
    default:     COMPARE(u8, a, b)
    }
}
/* clang-format on */

static int compare_entries(const entries *e, u64 i, u64 j)
{
    size_t bytes = qn_dtype_bytes(e->dtype);
    for (u64 k = 0; k < e->elems; k++) {
        int c = compare_one(e->dtype, e->data + (i * e->elems + k) * bytes, e->data + (j * e->elems + k) * bytes);
        if (c) return c;
    }
    return 0;
}

/* Merge sort of order[n] by entry, keeping equals in order; spare[n] is scratch. */
static void sort_entries(const entries *e, u64 *order, u64 *spare, u64 n)
{
    for (u64 width = 1; width < n; width *= 2) {
        for (u64 from = 0; from < n; from += 2 * width) {
            u64 mid = MIN(from + width, n), end = MIN(from + 2 * width, n), a = from, b = mid;
            for (u64 k = from; k < end; k++)
                spare[k] = a < mid && (b >= end || compare_entries(e, order[a], order[b]) <= 0) ? order[a++] : order[b++];
        }
        memcpy(order, spare, (size_t)n * sizeof *order);
    }
}

static entries entries_of(host_call *h, u32 axis, bool whole)
{
    const qn_tensor *x = h->in[0];
    entries e = { .dtype = x->dtype, .n = whole ? qn_tensor_elems(x) : (u64)x->dims[axis], .elems = 1, .data = x->data };
    if (whole) return e;
    size_t bytes = qn_dtype_bytes(x->dtype);
    u64 outer = 1, inner = 1;
    for (u32 d = 0; d < x->rank; d++) *(d < axis ? &outer : d > axis ? &inner : &(u64){ 0 }) *= (u64)x->dims[d];
    e.elems = outer * inner;
    u8 *room = arena_alloc(h->mem, e.n * e.elems * bytes);
    for (u64 i = 0; room && i < e.n; i++)
        for (u64 o = 0; o < outer && inner; o++)
            memcpy(room + (i * e.elems + o * inner) * bytes, (const u8 *)x->data + (o * e.n + i) * inner * bytes,
                   (size_t)(inner * bytes));
    e.data = room;
    return e;
}

typedef struct groups {
    u64 n, *first, *count, *which;
} groups; /* of equal entries: their first, how many; which[entry] */

/* Groups in the order of their entries, or (sorted=0) of their first appearance. */
static bool group_entries(host_call *h, const entries *e, bool sorted, groups *out)
{
    u64 *order = arena_array(h->mem, e->n + 1, sizeof *order), *spare = arena_array(h->mem, e->n + 1, sizeof *spare);
    *out = (groups){ 0, arena_array(h->mem, e->n + 1, sizeof(u64)), arena_array(h->mem, e->n + 1, sizeof(u64)),
                     arena_array(h->mem, e->n + 1, sizeof(u64)) };
    if (!order || !spare || !out->first || !out->count || !out->which) return false;
    for (u64 i = 0; i < e->n; i++) order[i] = i;
    sort_entries(e, order, spare, e->n);
    for (u64 i = 0; i < e->n; i++) {
        if (i == 0 || compare_entries(e, order[i - 1], order[i]) != 0) out->first[out->n++] = order[i];
        out->count[out->n - 1]++;
        out->which[order[i]] = out->n - 1;
    }
    if (sorted) return true;
    for (u64 i = 0; i < e->n; i++)
        order[i] = out->which[i], spare[i] = UINT64_MAX; /* order: group by value; spare: its new number */
    u64 *count = arena_array(h->mem, out->n + 1, sizeof *count), n = 0;
    if (!count) return false;
    for (u64 i = 0; i < e->n; i++) {
        u64 was = order[i];
        if (spare[was] == UINT64_MAX) {
            spare[was] = n;
            count[n] = out->count[was];
            out->first[n++] = i;
        }
        out->which[i] = spare[was];
    }
    memcpy(out->count, count, (size_t)n * sizeof *count);
    return true;
}

static qn_status put_values(host_call *h, const entries *e, const groups *s, u32 axis, bool whole)
{
    const qn_tensor *x = h->in[0];
    size_t bytes = qn_dtype_bytes(x->dtype);
    i64 dims[QN_MAX_RANK];
    u64 outer = 1, inner = 1;
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = (i64)s->n;
    for (u32 d = 0; !whole && d < x->rank; d++) *(d < axis ? &outer : d > axis ? &inner : &(u64){ 0 }) *= (u64)x->dims[d];
    u8 *y = host_out(h, 0, x->dtype, whole ? 1 : x->rank, dims);
    if (!y) return QN_E_NOMEM;
    for (u64 o = 0; o < outer && inner; o++)
        for (u64 k = 0; k < s->n; k++, y += inner * bytes)
            memcpy(y, e->data + (s->first[k] * e->elems + o * inner) * bytes, (size_t)(inner * bytes));
    return QN_OK;
}

static qn_status host_unique(host_call *h)
{
    bool whole = !attr_find(h->n, "axis");
    u32 axis = whole ? 0 : axis_of(h->n, "axis", 0, h->in[0]->rank);
    entries e = entries_of(h, axis, whole);
    groups s;
    if (!e.data || !group_entries(h, &e, attr_int(h->n, "sorted", 1) != 0, &s)) return fail_nomem(e.n * sizeof(u64));
    QN_TRY(put_values(h, &e, &s, axis, whole));
    const u64 *lists[3] = { s.first, s.which, s.count };
    for (u32 o = 1; o < 4 && o < h->n->n_out; o++) {
        i64 n = (i64)(o == 2 ? e.n : s.n), *to = host_out(h, o, QN_I64, 1, &n);
        if (!to) return QN_E_NOMEM;
        for (i64 k = 0; k < n; k++) to[k] = (i64)lists[o - 1][k];
    }
    return QN_OK;
}

static const op_case unique_cases[] = {
    { "f32[6]={2,1,1,3,4,3}", "n_out=4", 0, "the common case" },
    { "i64[6]={2,1,1,3,4,3}", "sorted=0, n_out=4", 0, "as they appear" },
    { "u8[4,3]={1,0,0,1,0,0,2,3,4,1,0,0}", "axis=0, n_out=4", 0, "rows" },
    { "f16[2,3]={1,1,0,2,2,0}", "axis=-1, n_out=4", 0, "columns" },
    { 0 },
};
const op_def op_Unique = {
    .name = "Unique",
    .doc =
        DOC("the different entries along `axis` (elements without it), where each first stands, which one each is, how many "
            "there are"),
    .in = { { "X", "value|complex" } },
    .out = { { "Y", "as X" }, { "indices", "i64" }, { "inverse_indices", "i64" }, { "counts", "i64" } },
    .attrs = { { "axis", ATTR_INT, false, 0, 0, NULL }, INT("sorted", 1) },
    .infer = infer_unique,
    .host = host_unique,
    .cases = CASES(unique_cases),
};

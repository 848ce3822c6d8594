/* Texts compared and joined, and what Range becomes where no kernel can do it: float ranges whose length the data decide. On the host. */
#include <math.h>

#include "op/op_util.h"

/* ------------------------------------------------------------------ EqualText */
static qn_status infer_equal_text(infer *c)
{
    type out = { .dtype = QN_BOOL };
    QN_TRY(infer_broadcast(c, infer_in(c, 0), infer_in(c, 1), &out));
    out.dtype = QN_BOOL;
    return infer_out(c, 0, &out);
}

/* Where element i of a tensor with these dims lies in one that broadcasts to it. */
static u64 broadcast_index(const qn_tensor *t, const i64 *dims, u32 rank, u64 i)
{
    u64 at = 0, stride = 1;
    for (u32 d = 1; d <= rank; d++) {
        u64 n = (u64)dims[rank - d];
        if (d <= t->rank) {
            u64 own = (u64)t->dims[t->rank - d];
            if (own != 1) at += i % n * stride;
            stride *= own;
        }
        i /= n;
    }
    return at;
}

/* The sizes that the two operands broadcast to. */
static qn_status broadcast_dims(const host_call *h, i64 *dims)
{
    const qn_tensor *a = h->in[0], *b = h->in[1];
    u32 rank = MAX(a->rank, b->rank);
    for (u32 d = 1; d <= rank; d++) {
        i64 x = d <= a->rank ? a->dims[a->rank - d] : 1, y = d <= b->rank ? b->dims[b->rank - d] : 1;
        if (x != y && x != 1 && y != 1)
            return host_fail(h, QN_E_SHAPE, "sizes %lld and %lld do not broadcast", (long long)x, (long long)y);
        dims[rank - d] = x == 1 ? y : x;
    }
    return QN_OK;
}

static qn_status host_equal_text(host_call *h)
{
    const qn_tensor *a = h->in[0], *b = h->in[1];
    u32 rank = MAX(a->rank, b->rank);
    i64 dims[QN_MAX_RANK];
    QN_TRY(broadcast_dims(h, dims));
    u8 *y = host_out(h, 0, QN_BOOL, rank, dims);
    if (!y) return QN_E_NOMEM;
    const qn_bytes *left = a->data, *right = b->data;
    for (u64 i = 0, n = qn_tensor_elems(&h->out[0]); i < n; i++) {
        qn_bytes s = left[broadcast_index(a, dims, rank, i)], t = right[broadcast_index(b, dims, rank, i)];
        y[i] = s.n == t.n && (s.n == 0 || memcmp(s.data, t.data, s.n) == 0);
    }
    return QN_OK;
}

const op_def op_EqualText = {
    .name = "EqualText",
    .domain = "quern",
    .doc = DOC("Equal of strings"),
    .in = { { "a", "string" }, { "b", "string" } },
    .out = { { "y", "bool" } },
    .infer = infer_equal_text,
    .host = host_equal_text,
};

/* ------------------------------------------------------------------ StringConcat */
static qn_status infer_concat_text(infer *c)
{
    type out = { .dtype = QN_STRING };
    QN_TRY(infer_broadcast(c, infer_in(c, 0), infer_in(c, 1), &out));
    out.dtype = QN_STRING;
    return infer_out(c, 0, &out);
}

static qn_status host_concat_text(host_call *h)
{
    const qn_tensor *a = h->in[0], *b = h->in[1];
    i64 dims[QN_MAX_RANK];
    QN_TRY(broadcast_dims(h, dims));
    u32 rank = MAX(a->rank, b->rank);
    qn_bytes *y = host_out(h, 0, QN_STRING, rank, dims);
    if (!y) return QN_E_NOMEM;
    for (u64 i = 0, n = qn_tensor_elems(&h->out[0]); i < n; i++) {
        qn_bytes s = ((const qn_bytes *)a->data)[broadcast_index(a, dims, rank, i)],
                 t = ((const qn_bytes *)b->data)[broadcast_index(b, dims, rank, i)];
        u8 *both = arena_alloc(h->mem, s.n + t.n + 1);
        if (!both) return fail_nomem(s.n + t.n);
        if (s.n) memcpy(both, s.data, s.n);
        if (t.n) memcpy(both + s.n, t.data, t.n);
        y[i] = (qn_bytes){ both, s.n + t.n };
    }
    return QN_OK;
}

const op_def op_StringConcat = {
    .name = "StringConcat",
    .doc = DOC("the texts of both operands joined, element by element"),
    .in = { { "X", "string" }, { "Y", "string" } },
    .out = { { "Z", "string" } },
    .infer = infer_concat_text,
    .host = host_concat_text,
};

/* ------------------------------------------------------------------ RangeFloat */
static qn_status infer_range_float(infer *c)
{
    type out = { .dtype = infer_in(c, 0)->dtype, .rank = 1, .known = true, .dims = { sym_fresh(c->g, "range") } };
    return infer_out(c, 0, &out);
}

static f64 number_of(const qn_tensor *t)
{
    f32 narrow;
    f64 wide;
    u16 half;
    if (t->dtype == QN_F64) {
        memcpy(&wide, t->data, 8);
        return wide;
    }
    if (t->dtype == QN_F32) {
        memcpy(&narrow, t->data, 4);
        return (f64)narrow;
    }
    memcpy(&half, t->data, 2);
    return (f64)(t->dtype == QN_F16 ? f16_to_f32(half) : bf16_to_f32(half));
}

static qn_status host_range_float(host_call *h)
{
    f64 start = number_of(h->in[0]), limit = number_of(h->in[1]), delta = number_of(h->in[2]),
        n = ceil((limit - start) / delta);
    qn_dtype d = h->in[0]->dtype;
    if (!(delta != 0) || !(n < 4e9))
        return host_fail(h, QN_E_DATA, "from %g to %g in steps of %g has no end", start, limit, delta);
    i64 count = n > 0 ? (i64)n : 0;
    u8 *y = host_out(h, 0, d, 1, &count);
    if (!y) return QN_E_NOMEM;
    for (i64 i = 0; i < count; i++) {
        f64 v = start + (f64)i * delta;
        f32 f = (f32)v;
        u16 half = d == QN_F16 ? f16_from_f32(f) : bf16_from_f32(f);
        if (d == QN_F64) memcpy(y + 8 * i, &v, 8);
        else if (d == QN_F32) memcpy(y + 4 * i, &f, 4);
        else memcpy(y + 2 * i, &half, 2);
    }
    return QN_OK;
}

static const op_case range_float_cases[] = { { "f32[] f32[]=5..6 f32[]=0.5..1", "", 1e-6, "the common case" }, { 0 } };
const op_def op_RangeFloat = {
    .name = "RangeFloat",
    .domain = "quern",
    .doc = DOC("Range of floats that are known only when the model runs"),
    .in = { { "start", "float" }, { "limit", "as start" }, { "delta", "as start" } },
    .out = { { "output", "as start" } },
    .infer = infer_range_float,
    .host = host_range_float,
    .cases = CASES(range_float_cases),
};

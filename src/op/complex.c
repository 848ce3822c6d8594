/* Complex numbers where ONNX lets operators compute with them: what is linear in them, on real and imaginary parts by themselves; and
 * Scatter's sums and products, on the host. Whatever only moves them is in place_moves.c. */
#include "op/complex.h"
#include "op/op_util.h"

/* ------------------------------------------------------------------ by parts */
static qn_status by_parts(build *b, const node *n)
{
    val in[2][8] = { { 0 } }, y[2];
    attr imaginary[OP_MOST_ATTRS];
    if (n->n_in > COUNT(in[0]))
        return build_fail(b, QN_E_UNSUPPORTED, "complex numbers in more than %u inputs", (u32)COUNT(in[0]));
    for (u32 i = 0; i < n->n_in; i++) {
        in[0][i] = in[1][i] = build_in(b, i);
        if (!in[0][i] || !dtype_is_complex(build_type(b, in[0][i])->dtype)) continue;
        nid parts = build_node_outs(b, OP_ComplexParts, &in[0][i], 1, 2, NULL, 0);
        for (u32 p = 0; parts && p < 2; p++) in[p][i] = node_at(b->g, parts)->out[p];
    }
    /* what is given as a real number stands in the real part alone */
    u32 count = node_attrs_but(n, (const char *const[]){ "extrapolation_value", NULL }, imaginary);
    y[0] = build_node(b, (op_id)n->op, in[0], n->n_in, n->attrs, n->n_attrs);
    y[1] = build_node(b, (op_id)n->op, in[1], n->n_in, imaginary, count);
    val both = build_node(b, OP_ComplexOf, y, 2, NULL, 0);
    return build_done(b, &both, 1);
}

static qn_status infer_parts(infer *c)
{
    type part = type_with(infer_in(c, 0), dtype_part(infer_in(c, 0)->dtype));
    QN_TRY(infer_out(c, 0, &part));
    return infer_out(c, 1, &part);
}

static qn_status infer_complex_of(infer *c)
{
    type y = type_with(infer_in(c, 0), infer_in(c, 0)->dtype == QN_F32 ? QN_C64 : QN_C128);
    return infer_out(c, 0, &y);
}

/* Every second number of `from`, or to every second one. */
static void copy_part(u8 *to, size_t to_step, const u8 *from, size_t from_step, u64 n, size_t bytes)
{
    for (u64 i = 0; i < n; i++) memcpy(to + i * to_step, from + i * from_step, bytes);
}

static qn_status host_parts(host_call *h)
{
    const qn_tensor *x = h->in[0];
    qn_dtype d = dtype_part(x->dtype);
    size_t bytes = qn_dtype_bytes(d);
    for (u32 p = 0; p < 2; p++) {
        u8 *y = host_out(h, p, d, x->rank, x->dims);
        if (!y) return QN_E_NOMEM;
        copy_part(y, bytes, (const u8 *)x->data + p * bytes, 2 * bytes, qn_tensor_elems(x), bytes);
    }
    return QN_OK;
}

static qn_status host_complex_of(host_call *h)
{
    const qn_tensor *re = h->in[0];
    size_t bytes = qn_dtype_bytes(re->dtype);
    u8 *y = host_out(h, 0, re->dtype == QN_F32 ? QN_C64 : QN_C128, re->rank, re->dims);
    if (!y) return QN_E_NOMEM;
    for (u32 p = 0; p < 2; p++) copy_part(y + p * bytes, 2 * bytes, h->in[p]->data, bytes, qn_tensor_elems(re), bytes);
    return QN_OK;
}

const op_def op_ComplexParts = {
    .name = "ComplexParts",
    .domain = "quern",
    .doc = DOC("the real and the imaginary parts of complex numbers"),
    .in = { { "x", "complex" } },
    .out = { { "real", "f32|f64" }, { "imaginary", "f32|f64" } },
    .infer = infer_parts,
    .host = host_parts,
};
const op_def op_ComplexOf = {
    .name = "ComplexOf",
    .domain = "quern",
    .doc = DOC("the complex numbers with these real and imaginary parts"),
    .in = { { "real", "f32|f64" }, { "imaginary", "as real" } },
    .out = { { "y", "complex" } },
    .infer = infer_complex_of,
    .host = host_complex_of,
};

/* ------------------------------------------------------------------ scatter with a reduction */
static qn_status scatter(build *b, const node *n)
{
    attr axis = attr_of_int("axis", attr_int(n, "axis", 0)), mode = { .name = "reduction", .kind = ATTR_TEXT };
    const char *word = attr_text(b->g, n, "reduction", "none");
    mode.text = (qn_bytes){ word, strlen(word) };
    val data = build_in(b, 0), at[2] = { place_moves_places(b, data, sym_zero(b->g)), build_in(b, 1) };
    at[0] =
        n->op == OP_ScatterND ? build_op2(b, OP_GatherND, at[0], at[1]) : build_node(b, OP_GatherElements, at, 2, &axis, 1);
    val y = build_node(b, OP_ComplexScatter, (const val[]){ data, at[0], build_in(b, 2) }, 3, &mode, 1);
    return build_done(b, &y, 1);
}

static void load(qn_dtype part, const u8 *at, f64 z[2])
{
    f32 narrow[2];
    if (part == QN_F64) memcpy(z, at, 2 * sizeof *z);
    else memcpy(narrow, at, sizeof narrow), z[0] = (f64)narrow[0], z[1] = (f64)narrow[1];
}

static void store(qn_dtype part, const f64 z[2], u8 *at)
{
    const f32 narrow[2] = { (f32)z[0], (f32)z[1] };
    if (part == QN_F64) memcpy(at, z, 2 * sizeof *z);
    else memcpy(at, narrow, sizeof narrow);
}

static qn_status host_complex_scatter(host_call *h)
{
    const qn_tensor *x = h->in[0];
    const i64 *at = h->in[1]->data;
    bool product = text_same(attr_text(h->g, h->n, "reduction", "add"), "mul");
    qn_dtype part = dtype_part(x->dtype);
    size_t bytes = qn_dtype_bytes(x->dtype);
    u8 *y = host_out(h, 0, x->dtype, x->rank, x->dims);
    if (!y) return QN_E_NOMEM;
    if (qn_tensor_bytes(x)) memcpy(y, x->data, (size_t)qn_tensor_bytes(x));
    for (u64 i = 0, n = qn_tensor_elems(h->in[1]), all = qn_tensor_elems(x); i < n; i++) {
        f64 a[2], b[2];
        if ((u64)at[i] >= all) continue; /* an index outside the data: the gather that sought its place ends the run */
        load(part, y + (u64)at[i] * bytes, a);
        load(part, (const u8 *)h->in[2]->data + i * bytes, b);
        const f64 sum[2] = { a[0] + b[0], a[1] + b[1] }, times[2] = { a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0] };
        store(part, product ? times : sum, y + (u64)at[i] * bytes);
    }
    return QN_OK;
}

const op_def op_ComplexScatter = {
    .name = "ComplexScatter",
    .domain = "quern",
    .doc = DOC("data, with each update added to or multiplied by the element at its place, one after the other"),
    .in = { { "data", "complex" }, { "places", "i64" }, { "updates", "as data" } },
    .out = { { "output", "as data" } },
    .attrs = { TEXT("reduction", "add") },
    .infer = infer_like_first_input,
    .host = host_complex_scatter,
};

qn_status complex_expand(build *b, const node *n)
{
    return op_attr_of(op_of(n), "reduction") ? scatter(b, n) : by_parts(b, n);
}

/* Tensors made from sizes and a few numbers: ConstantOfShape, Range, EyeLike. Each is one MAP. */
#include <math.h>

#include "op/elems.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "plan/lower.h"

/* ------------------------------------------------------------------ ConstantOfShape */
/* The one element of attribute `value` as bytes, and its type; f32 0 when the node has none. */
static qn_dtype fill_value(const node *n, u8 bytes[8])
{
    const attr *a = attr_find(n, "value");
    memset(bytes, 0, 8);
    if (!a || a->kind != ATTR_TENSOR || qn_tensor_elems(a->tensor) < 1) return QN_F32;
    if (dtype_is_placed(a->tensor->dtype)) return a->tensor->dtype; /* inference refuses it */
    memcpy(bytes, a->tensor->data, qn_dtype_bytes(a->tensor->dtype));
    return a->tensor->dtype;
}

static i64 integer_of(qn_dtype d, const u8 bytes[8])
{
    u64 bits = 0;
    u32 width = 8 * (u32)qn_dtype_bytes(d);
    for (u32 k = 0; k < width / 8; k++) bits |= (u64)bytes[k] << 8 * k;
    bool negative = dtype_is_signed_int(d) && width < 64 && bits >> (width - 1) & 1;
    return (i64)(negative ? bits | ~(u64)0 << width : bits);
}

static qn_status infer_constant_of_shape(infer *c)
{
    const sym *dims;
    u8 bytes[8];
    i64 rank = elems_wanted(c, 0, &dims);
    if (rank < 0) return infer_fail(c, QN_E_UNSUPPORTED, "the rank of the result is not known before the model runs");
    if (rank > QN_MAX_RANK) return infer_fail(c, QN_E_SHAPE, "rank %lld, at most %d", (long long)rank, QN_MAX_RANK);
    const attr *filler = attr_find(c->n, "value");
    if (filler && filler->kind == ATTR_TENSOR && qn_tensor_elems(filler->tensor) != 1)
        return infer_fail(c, QN_E_SHAPE, "value must be one element");
    type out = { .dtype = fill_value(c->n, bytes), .rank = (u8)rank, .known = true };
    if (dtype_is_placed(out.dtype))
        return infer_fail(c, QN_E_UNSUPPORTED, "a value of type %s is not in this build", qn_dtype_name(out.dtype));
    for (u32 d = 0; d < rank; d++) {
        i64 size;
        if (sym_is_number(c->g, dims[d], &size) && size < 0)
            return infer_fail(c, QN_E_SHAPE, "the input asks for a size of %lld in dimension %u", (long long)size, d);
        out.dims[d] = dims[d];
    }
    u32 n;
    sym *elems = elems_room(c, &out, &n);
    if (!elems) return infer_out(c, 0, &out);
    for (u32 k = 0; k < n; k++) elems[k] = sym_number(c->g, integer_of(out.dtype, bytes));
    return infer_out_elems(c, 0, &out, elems, n);
}

static qn_status emit_fill(lowering *l, const node *n)
{
    u8 bytes[8];
    qn_dtype d = fill_value(n, bytes);
    u64 bits = 0;
    for (u32 k = 0; k < 8; k++) bits |= (u64)bytes[k] << 8 * k;
    bool wide = qn_dtype_bytes(d) == 8;
    launch *k = wide ? launch_begin(l, "fill.c", "fill_wide") : launch_begin(l, "fill_value.c", "fill_value");
    if (!wide) launch_define(k, "T", width_word(d));
    launch_out(k, lower_out(l, n, 0));
    if (wide) launch_wide(k, (i64)bits);
    else launch_number(k, (u32)bits);
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

static const variant fill_variants[] = { { "fill_value", 0, NULL, emit_fill }, { 0 } };
static const op_case fill_cases[] = {
    { "i64[2]={3,1000}", "", 0, "zeros" }, { "i64[0]={}", "", 0, "rank 0" }, { "i64[2]={0,3}", "", 0, "empty" }, { 0 }
};
const op_def op_ConstantOfShape = {
    .name = "ConstantOfShape",
    .doc = DOC("a tensor of the given shape, every element `value`"),
    .in = { { "shape", "i64" } },
    .out = { { "filled", "any" } },
    .attrs = { { "value", ATTR_TENSOR, false, 0, 0, NULL } },
    .host_elems = true,
    .infer = infer_constant_of_shape,
    .variants = fill_variants,
    .cases = CASES(fill_cases),
};

/* ------------------------------------------------------------------ Range */
/* (limit - start) / delta, rounded up, at least 0; 0: not known. */
static sym range_length(infer *c, const sym *start)
{
    graph *g = c->g;
    const sym *limit, *delta;
    if (elems_wanted(c, 0, &start) != 1 || elems_wanted(c, 1, &limit) != 1 || elems_wanted(c, 2, &delta) != 1) return 0;
    infer_need(g, sym_sub(g, sym_one(g), sym_compare(g, '=', delta[0], sym_zero(g))), "delta is #", delta[0], 0);
    sym n = sym_ceil_div(g, sym_sub(g, limit[0], start[0]), delta[0]);
    return sym_max(g, n, sym_zero(g));
}

static qn_status float_range_length(const infer *c, sym *out)
{
    f64 start, limit, delta;
    *out = 0;
    if (!constant_f64(c->g, node_in(c->g, c->n, 0), &start) || !constant_f64(c->g, node_in(c->g, c->n, 1), &limit) ||
        !constant_f64(c->g, node_in(c->g, c->n, 2), &delta)) {
        *out = sym_fresh(c->g, "range");
        return QN_OK;
    }
    f64 n = ceil((limit - start) / delta);
    if (delta == 0 || !(n < 4e9)) /* NaN too */
        return infer_fail(c, QN_E_SHAPE, "from %g to %g by %g is no finite list", start, limit, delta);
    *out = sym_number(c->g, n > 0 ? (i64)n : 0);
    return QN_OK;
}

static qn_status infer_range(infer *c)
{
    type out = { .dtype = infer_in(c, 0)->dtype, .rank = 1, .known = true };
    const sym *start = NULL, *delta;
    u32 n;
    if (sym_is(c->g, elems_in(c, 2, &delta) == 1 ? delta[0] : 0, 0)) return infer_fail(c, QN_E_SHAPE, "delta is 0");
    if (dtype_is_float(out.dtype)) {
        QN_TRY(float_range_length(c, &out.dims[0]));
        return infer_out(c, 0, &out);
    }
    out.dims[0] = range_length(c, start);
    if (!out.dims[0]) return infer_fail(c, QN_E_UNSUPPORTED, "the length is not known");
    sym *elems = elems_in(c, 0, &start) == 1 && elems_in(c, 2, &delta) == 1 ? elems_room(c, &out, &n) : NULL;
    if (!elems) return infer_out(c, 0, &out);
    for (u32 k = 0; k < n; k++) elems[k] = sym_add(c->g, start[0], sym_mul(c->g, sym_number(c->g, k), delta[0]));
    return infer_out_elems(c, 0, &out, elems, n);
}

static qn_status emit_range(lowering *l, const node *n)
{
    launch *k = launch_begin(l, "range.c", "range_map");
    launch_define(k, "T", dtype_word(lower_type(l, lower_in(l, n, 0))->dtype));
    launch_in(k, lower_in(l, n, 0));
    launch_in(k, lower_in(l, n, 2));
    launch_out(k, lower_out(l, n, 0));
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

/* A kernel needs to be told the length; floats that were not constants when it was inferred have none yet. */
static bool fits_range(const lowering *l, const node *n)
{
    i64 length;
    const type *y = lower_type(l, lower_out(l, n, 0));
    return !dtype_is_float(y->dtype) || sym_is_number(lower_graph(l), y->dims[0], &length);
}

static qn_status expand_range(build *b, const node *n)
{
    (void)n;
    val y = build_node(b, OP_RangeFloat, (const val[]){ build_in(b, 0), build_in(b, 1), build_in(b, 2) }, 3, NULL, 0);
    return build_done(b, &y, 1);
}

static const variant range_variants[] = { { "range_map", 0, fits_range, emit_range }, { 0 } };
static const op_case range_cases[] = {
    { "i64[]={3} i64[]={20} i64[]={4}", "", 0, "the common case" },
    { "i32[]={9} i32[]={-3} i32[]={-2}", "", 0, "backwards" },
    { "i64[]={9} i64[]={3} i64[]={2}", "", 0, "empty" },
    { "i64[]={0} i64[]={5000} i64[]={1}", "", 0, "too long to be known elements" },
    { 0 },
};
const op_def op_Range = {
    .name = "Range",
    .doc = DOC("start, start + delta, ... below limit (above it when delta < 0)"),
    .in = { { "start", "number" }, { "limit", "as start" }, { "delta", "as start" } },
    .out = { { "output", "as start" } },
    .host_elems = true,
    .infer = infer_range,
    .expand = expand_range,
    .variants = range_variants,
    .cases = CASES(range_cases),
};

/* ------------------------------------------------------------------ EyeLike */
static qn_status infer_eye(infer *c)
{
    type out = *infer_in(c, 0);
    if (out.rank != 2) return infer_fail(c, QN_E_SHAPE, "the input has rank %u, a matrix is wanted", out.rank);
    out.dtype = node_dtype(c->n, "dtype", out.dtype);
    return infer_out(c, 0, &out);
}

static qn_status emit_eye(lowering *l, const node *n)
{
    val y = lower_out(l, n, 0);
    launch *k = launch_begin(l, "eye.c", "eye_map");
    launch_define(k, "T", dtype_word(lower_type(l, y)->dtype));
    launch_out(k, y);
    launch_size(k, lower_dim(l, y, 1));
    launch_number(k, lower_int(l, n, "k"));
    return launch_map(k, lower_elems(l, y));
}

static const variant eye_variants[] = { { "eye_map", 0, NULL, emit_eye }, { 0 } };
static const op_case eye_cases[] = {
    { "f32[4,5]", "", 0, "the common case" },
    { "i64[4,3]", "k=-1", 0, "below" },
    { "f32[3,4]", "k=2, dtype=9", 0, "above, of truth values" },
    { 0 },
};
const op_def op_EyeLike = {
    .name = "EyeLike",
    .doc = DOC("a matrix of x's shape with ones on diagonal k, zeros elsewhere"),
    .in = { { "x", "number|bool" } },
    .out = { { "y", "number|bool" } },
    .attrs = { DTYPE("dtype", 0, "number|bool"), INT("k", 0) },
    .infer = infer_eye,
    .gradient = GRADIENT(gradient_shape),
    .variants = eye_variants,
    .cases = CASES(eye_cases),
};

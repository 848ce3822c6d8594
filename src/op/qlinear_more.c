/* More of com.microsoft's quantized ops between two conversions: means, Where and Concat. */
#include "op/op_util.h"
#include "op/quantize.h"

static qn_dtype first_type(const build *b) { return build_type(b, build_in(b, 0))->dtype; }

/* ------------------------------------------------------------------ means */
/* From attribute axes, or all that are spatial. */
static u32 mean_axes(const node *n, u32 rank, i64 *out)
{
    const i64 *axes;
    u32 count = attr_ints(n, "axes", &axes), from = attr_int(n, "channels_last", 0) ? 1 : 2;
    if (n->op == OP_QLinearReduceMean) {
        for (u32 i = 0; i < count && i < QN_MAX_RANK; i++) out[i] = axes[i] < 0 ? axes[i] + rank : axes[i];
        for (; !count && count < rank; count++) out[count] = count;
        return MIN(count, (u32)QN_MAX_RANK);
    }
    for (u32 i = 0; i + 2 < rank; i++) out[i] = from + i;
    return rank - 2;
}

static qn_status infer_mean(infer *c)
{
    i64 axes[QN_MAX_RANK];
    type y = *infer_in(c, 0);
    bool keep = c->n->op != OP_QLinearReduceMean || infer_int(c, "keepdims") != 0, gone[QN_MAX_RANK] = { false };
    if (c->n->op != OP_QLinearReduceMean && y.rank < 2)
        return infer_fail(c, QN_E_SHAPE, "the input must have a batch and channels");
    u32 n = mean_axes(c->n, y.rank, axes), rank = 0;
    for (u32 i = 0; i < n; i++) {
        if (axes[i] < 0 || axes[i] >= y.rank)
            return infer_fail(c, QN_E_SHAPE, "an axis is outside the %u dimensions", y.rank);
        gone[axes[i]] = true;
    }
    for (u32 d = 0; d < y.rank; d++)
        if (keep || !gone[d]) y.dims[rank++] = gone[d] ? sym_one(c->g) : y.dims[d];
    y.rank = (u8)rank;
    return infer_out(c, 0, &y);
}

static qn_status expand_mean(build *b, const node *n)
{
    i64 axes[QN_MAX_RANK];
    u32 count = mean_axes(n, build_type(b, build_in(b, 0))->rank, axes);
    attr keep = attr_of_int("keepdims", n->op == OP_QLinearReduceMean ? attr_int(n, "keepdims", 1) : 1);
    val y = quant_operand(b, 0);
    if (count) y = build_node(b, OP_ReduceMean, (const val[]){ y, build_ints(b, axes, count) }, 2, &keep, 1);
    return quant_done(b, y, 3, first_type(b));
}

#define ONE    { "x", "i8|u8" }, { "x_scale", "f32|f64" }, { "x_zero_point", "optional as x" }
#define RESULT { "y_scale", "f32|f64" }, { "y_zero_point", "optional as x" }

static const op_case mean_cases[] = {
    { "u8[2,3,5,4]=0..255 f32[]={0.05} u8[]={120} f32[]={0.01} u8[]={90}", "", 0.02, "channels in front" },
    { 0 },
};
const op_def op_QLinearGlobalAveragePool = {
    .name = "QLinearGlobalAveragePool",
    .domain = "com.microsoft",
    .doc = DOC("GlobalAveragePool of a quantized tensor, quantized"),
    .in = { ONE, RESULT },
    .out = { { "y", "as x" } },
    .attrs = { INT("channels_last", 0) },
    .infer = infer_mean,
    .expand = expand_mean,
    .cases = CASES(mean_cases),
};

static const op_case reduce_mean_cases[] = {
    { "i8[2,3,5]=-99..99 f32[]={0.05} i8[]={20} f32[]={0.01} i8[]={9}", "axes=[-1,0], keepdims=0", 0.02,
      "two axes, dropped" },
    { 0 },
};
const op_def op_QLinearReduceMean = {
    .name = "QLinearReduceMean",
    .domain = "com.microsoft",
    .doc = DOC("ReduceMean of a quantized tensor, quantized"),
    .in = { ONE, RESULT },
    .out = { { "y", "as x" } },
    .attrs = { INTS("axes"), INT("keepdims", 1) },
    .infer = infer_mean,
    .expand = expand_mean,
    .cases = CASES(reduce_mean_cases),
};

/* ------------------------------------------------------------------ Where */
static qn_status infer_where(infer *c)
{
    type y = *infer_in(c, 1), both = y;
    QN_TRY(infer_broadcast(c, &y, infer_in(c, 4), &both));
    QN_TRY(infer_broadcast(c, infer_in(c, 0), &both, &y));
    y.dtype = infer_in(c, 1)->dtype;
    return infer_out(c, 0, &y);
}

static qn_status expand_where(build *b, const node *n)
{
    (void)n;
    const val in[] = { build_in(b, 0), quant_operand(b, 1), quant_operand(b, 4) };
    return quant_done(b, build_node(b, OP_Where, in, 3, NULL, 0), 7, build_type(b, build_in(b, 1))->dtype);
}

static const op_case where_cases[] = {
    { "bool[3,1] u8[3,8]=0..255 f32[]={0.05} u8[]={120} u8[8]=0..255 f32[]={0.02} u8[]={9} f32[]={0.04} u8[]={90}", "", 0.02,
      "a row" },
    { 0 },
};
const op_def op_QLinearWhere = {
    .name = "QLinearWhere",
    .domain = "com.microsoft",
    .doc = DOC("Where of quantized tensors, quantized"),
    .in = { { "condition", "bool" },
            ONE,
            { "other", "as x" },
            { "other_scale", "f32|f64" },
            { "other_zero_point", "optional as x" },
            RESULT },
    .out = { { "y", "as x" } },
    .infer = infer_where,
    .expand = expand_where,
    .cases = CASES(where_cases),
};

/* ------------------------------------------------------------------ Concat */
/* Scale and zero point of the result, then each input with its own. */
static qn_status infer_concat(infer *c)
{
    if (c->n->n_in < 5 || (c->n->n_in - 2) % 3)
        return infer_fail(c, QN_E_SHAPE, "each input wants a scale and a zero point");
    type y = *infer_in(c, 2);
    u32 axis;
    y.dtype = infer_in(c, 1)->dtype;
    QN_TRY(infer_axis(c, attr_int(c->n, "axis", 0), y.rank, &axis));
    for (u32 i = 2; i < c->n->n_in; i += 3) {
        const type *t = infer_in(c, i);
        if (t->rank != y.rank || t->dtype != y.dtype || !dtype_is_float(infer_in(c, i + 1)->dtype) ||
            infer_in(c, i + 2)->dtype != y.dtype)
            return infer_fail(c, QN_E_DTYPE, "inputs differ in type or rank, or a scale is no float");
        for (u32 d = 0; d < y.rank; d++)
            if (d != axis && infer_differ(c->g, y.dims[d], t->dims[d]))
                return infer_fail(c, QN_E_SHAPE, "input %u differs from input 2 in dimension %u", i, d);
        if (i > 2) y.dims[axis] = sym_add(c->g, y.dims[axis], t->dims[axis]);
    }
    return infer_out(c, 0, &y);
}

static qn_status expand_concat(build *b, const node *n)
{
    attr axis = attr_of_int("axis", attr_int(n, "axis", 0));
    u32 count = (n->n_in - 2) / 3;
    val *in = ARENA_ARRAY(b->g->mem, count, val);
    if (!in) return b->status = fail_nomem(count * sizeof *in);
    for (u32 i = 0; i < count; i++) in[i] = quant_operand(b, 2 + 3 * i);
    return quant_done(b, build_node(b, OP_Concat, in, count, &axis, 1), 0, build_type(b, build_in(b, 2))->dtype);
}

static const op_case concat_cases[] = {
    { "f32[]={0.04} u8[]={90} u8[2,3]=0..255 f32[]={0.05} u8[]={120} u8[2,4]=0..255 f32[]={0.02} u8[]={9}", "axis=1", 0.02,
      "two" },
    { 0 },
};
const op_def op_QLinearConcat = {
    .name = "QLinearConcat",
    .domain = "com.microsoft",
    .doc = DOC("Concat of quantized tensors, quantized"),
    .in = { { "y_scale", "f32|f64" }, { "y_zero_point", "i8|u8" }, { "inputs", "many i8|u8|f32|f64" } },
    .out = { { "y", "as y_zero_point" } },
    .attrs = { NEEDED("axis", ATTR_INT) },
    .min_in = 5,
    .infer = infer_concat,
    .expand = expand_concat,
    .cases = CASES(concat_cases),
};

/* QuantizeLinear and its kin in steps: a scale and a zero point for all, for each entry of an axis, or for each block of one. Elementwise rows
 * do it, so that fusion makes one kernel of them. */
#include "op/quantize.h"
#include "op/narrow.h"
#include "op/op_util.h"

/* ------------------------------------------------------------------ steps */
/* Repeated so that each element along the axis has its own: entry i / block. */
static val for_blocks(build *b, val s, sym length, u32 axis, i64 block)
{
    val limit = build_reshape(b, build_syms(b, &length, 1), NULL, 0), zero = build_scalar(b, QN_I64, 0);
    val i = build_node(b, OP_Range, (const val[]){ zero, limit, build_scalar(b, QN_I64, 1) }, 3, NULL, 0);
    attr along = attr_of_int("axis", axis);
    i = build_op2(b, OP_Div, i, build_scalar(b, QN_I64, (f64)block));
    return build_node(b, OP_Gather, (const val[]){ s, i }, 2, &along, 1);
}

/* A scale or zero point so that it broadcasts against x. */
static val spread(build *b, val s, const type *x, quant_axis q)
{
    const type t = *build_type(b, s);
    sym dims[QN_MAX_RANK];
    if (b->status != QN_OK || !s || t.rank == 0) return s;
    u32 axis = (u32)(q.axis < 0 ? q.axis + x->rank : q.axis);
    if (axis >= x->rank) {
        if (t.rank == 1 && sym_is(b->g, t.dims[0], 1)) return build_reshape(b, s, NULL, 0);
        build_fail(b, QN_E_SHAPE, "axis %lld of a tensor of rank %u", (long long)q.axis, x->rank);
        return 0;
    }
    if (q.block > 0 && t.rank == x->rank) return for_blocks(b, s, x->dims[axis], axis, q.block);
    if (t.rank != 1) return s;
    for (u32 d = 0; d < x->rank; d++) dims[d] = d == axis ? t.dims[0] : sym_one(b->g);
    return sym_is(b->g, t.dims[0], 1) ? build_reshape(b, s, NULL, 0) : build_reshape(b, s, dims, x->rank);
}

qn_dtype quant_real(qn_dtype d) { return d == QN_F64 ? QN_F64 : QN_F32; }

val quant_to_real(build *b, val q, val scale, val zero, quant_axis along, qn_dtype to)
{
    const type x = *build_type(b, q);
    qn_dtype real = quant_real(build_type(b, scale)->dtype);
    if (!dtype_is_narrow_float(x.dtype)) {
        q = build_cast(b, q, QN_I32);
        if (zero) q = build_op2(b, OP_Sub, q, build_cast(b, spread(b, zero, &x, along), QN_I32));
    }
    q = build_op2(b, OP_Mul, build_cast(b, q, real), build_cast(b, spread(b, scale, &x, along), real));
    return build_cast(b, q, to);
}

/* What an integer type holds. */
static void limits(qn_dtype d, f64 *low, f64 *high)
{
    static const struct {
        f64 low, high;
    } of[QN_DTYPE_COUNT] = { [QN_I8] = { -128, 127 }, [QN_U8] = { 0, 255 }, [QN_I16] = { -32768, 32767 },
                             [QN_U16] = { 0, 65535 }, [QN_I4] = { -8, 7 },  [QN_U4] = { 0, 15 },
                             [QN_I2] = { -2, 1 },     [QN_U2] = { 0, 3 },   [QN_I32] = { -2147483648.0, 2147483647.0 } };
    *low = of[d].low, *high = of[d].high;
}

/* round(x) + zero, held in the type. x: f32 or f64. A cast makes 0 of NaN: counted from `low` that is the least one, as it is elsewhere. */
val quant_round(build *b, val x, val zero, qn_dtype to)
{
    f64 low, high;
    qn_dtype real = build_type(b, x)->dtype;
    limits(to, &low, &high);
    f64 from = to == QN_I32 ? 0 : low;
    val add = zero ? build_cast(b, zero, real) : 0;
    if (from < 0) add = build_op2(b, OP_Add, build_scalar(b, real, -from), add);
    x = build_op2(b, OP_Add, build_op1(b, OP_Round, x), add);
    x = build_node(b, OP_Clip, (const val[]){ x, build_scalar(b, real, low - from), build_scalar(b, real, high - from) }, 3,
                   NULL, 0);
    x = build_cast(b, x, QN_I32);
    if (from < 0) x = build_op2(b, OP_Add, x, build_scalar(b, QN_I32, from));
    return build_cast(b, x, to);
}

val quant_of_real(build *b, val x, val scale, val zero, quant_axis along, qn_dtype to, bool saturate)
{
    const type t = *build_type(b, x);
    qn_dtype real = quant_real(build_type(b, scale)->dtype);
    x = build_op2(b, OP_Div, build_cast(b, x, real), build_cast(b, spread(b, scale, &t, along), real));
    if (!dtype_is_narrow_float(to)) return quant_round(b, x, spread(b, zero, &t, along), to);
    if (to == QN_F4E2M1 && zero)
        x = build_op2(b, OP_Add, x, build_cast(b, spread(b, zero, &t, along), real)); /* float8's is always 0 */
    attr how[2] = { attr_of_int("to", dtype_to_onnx(to)), attr_of_int("saturate", saturate) };
    return build_node(b, OP_Cast, &x, 1, how, 2);
}

val quant_unpack(build *b, val x, i64 bits, sym keep)
{
    graph *g = b->g;
    i64 per = 8 / bits;
    if (b->status || !x) return x;
    type t = *build_type(b, x);
    u8 shifts[4];
    if (per == 1) return keep ? build_slice(b, x, -1, sym_zero(g), keep) : x;
    if (t.rank == QN_MAX_RANK) {
        build_fail(b, QN_E_UNSUPPORTED, "packed elements of a tensor with %d dimensions", QN_MAX_RANK);
        return 0;
    }
    for (u32 i = 0; i < 4; i++) shifts[i] = (u8)(i * (u64)bits);
    val by = graph_constant_copy(g, NULL, &(qn_tensor){ QN_U8, 1, { per }, shifts });
    if (!by) return b->status = QN_E_NOMEM, 0;
    attr right = attr_of_text("direction", "RIGHT");
    sym count = sym_mul(g, t.dims[t.rank - 1], sym_number(g, per));
    t.dims[t.rank] = sym_one(g);
    x = build_node(b, OP_BitShift, (const val[]){ build_reshape(b, x, t.dims, t.rank + 1u), by }, 2, &right, 1);
    x = build_op2(b, OP_BitwiseAnd, x, build_scalar(b, QN_U8, (f64)((1 << bits) - 1)));
    t.dims[t.rank - 1] = count;
    x = build_reshape(b, x, t.dims, t.rank);
    return keep ? build_slice(b, x, -1, sym_zero(g), keep) : x;
}

/* ------------------------------------------------------------------ QuantizeLinear, DequantizeLinear */
static bool is_one(const graph *g, const type *t) { return t->rank == 0 || (t->rank == 1 && sym_is(g, t->dims[0], 1)); }

static qn_status check_blocks(infer *c, const type *x, const type *s, u32 axis, i64 block)
{
    graph *g = c->g;
    if (s->rank != x->rank)
        return infer_fail(c, QN_E_SHAPE, "scales for blocks have rank %u, the input %u", s->rank, x->rank);
    for (u32 d = 0; d < x->rank; d++) {
        sym want = d == axis ? sym_ceil_div(g, x->dims[d], sym_number(g, block)) : x->dims[d];
        if (infer_differ(g, s->dims[d], want))
            return infer_fail(c, QN_E_SHAPE, "the scales do not fit blocks of %lld in dimension %u", (long long)block, d);
    }
    return QN_OK;
}

/* A scale for all, for each entry of the axis, or for each block of it; as many zero points. */
static qn_status check_steps(infer *c)
{
    const type *x = infer_in(c, 0), *s = infer_in(c, 1);
    i64 block = infer_int(c, "block_size");
    bool one = block == 0 && is_one(c->g, s);
    u32 axis;
    if (block < 0) return infer_fail(c, QN_E_SHAPE, "block_size=%lld is negative", (long long)block);
    if (block > 0 && s->rank == 0)
        return infer_fail(c, QN_E_SHAPE, "block_size=%lld, but there is one scale", (long long)block);
    if (!one) QN_TRY(infer_axis(c, infer_int(c, "axis"), x->rank, &axis));
    if (block > 0) QN_TRY(check_blocks(c, x, s, axis, block));
    else if (!one && (s->rank != 1 || infer_differ(c->g, s->dims[0], x->dims[axis])))
        return infer_fail(c, QN_E_SHAPE, "there must be one scale, or one for each entry of axis %u", axis);
    if (!infer_has(c, 2)) return QN_OK;
    const type *z = infer_in(c, 2);
    bool fits = one ? is_one(c->g, z) : z->rank == s->rank;
    for (u32 d = 0; d < s->rank && fits && !one; d++) fits = !infer_differ(c->g, z->dims[d], s->dims[d]);
    return fits ? QN_OK : infer_fail(c, QN_E_SHAPE, "there must be as many zero points as scales");
}

static qn_status infer_quantize(infer *c)
{
    type out = *infer_in(c, 0);
    QN_TRY(check_steps(c));
    qn_dtype otherwise = infer_has(c, 2) ? infer_in(c, 2)->dtype : QN_U8;
    out.dtype = node_dtype(c->n, "output_dtype", otherwise);
    if (infer_has(c, 2) && infer_in(c, 2)->dtype != out.dtype)
        return infer_fail(c, QN_E_DTYPE, "the zero point is %s, output_dtype %s", qn_dtype_name(otherwise),
                          qn_dtype_name(out.dtype));
    return infer_out(c, 0, &out);
}

static qn_status infer_dequantize(infer *c)
{
    type out = *infer_in(c, 0);
    QN_TRY(check_steps(c));
    out.dtype = node_dtype(c->n, "output_dtype", infer_in(c, 1)->dtype);
    if (!dtype_is_float(out.dtype)) return infer_fail(c, QN_E_DTYPE, "the result would be %s", qn_dtype_name(out.dtype));
    return infer_out(c, 0, &out);
}

static quant_axis axis_from(const node *n, i64 otherwise)
{
    return (quant_axis){ attr_int(n, "axis", otherwise), attr_int(n, "block_size", 0) };
}

static qn_status expand_quantize(build *b, const node *n)
{
    val x = build_in(b, 0);
    qn_dtype precision = node_dtype(n, "precision", QN_NONE);
    if (precision == QN_F16 || precision == QN_BF16) return build_fail(b, QN_E_UNSUPPORTED, "precision less than f32");
    val y = quant_of_real(b, x, build_in(b, 1), build_in(b, 2), axis_from(n, 1), build_type(b, n->out[0])->dtype,
                          attr_int(n, "saturate", 1) != 0);
    return build_done(b, &y, 1);
}

static qn_status expand_dequantize(build *b, const node *n)
{
    val y =
        quant_to_real(b, build_in(b, 0), build_in(b, 1), build_in(b, 2), axis_from(n, 1), build_type(b, n->out[0])->dtype);
    return build_done(b, &y, 1);
}

#define QUANT_ATTRS INT("axis", 1), INT("block_size", 0)
static const op_case quantize_cases[] = {
    { "f32[4,30]=-300..300 f32[]={2} u8[]={128}", "", 0, "one scale" },
    { "f32[2,3,5]=-99..99 f32[3]={0.5,1,3} i8[3]={-2,0,5}", "", 0, "a scale for each channel" },
    { "f32[2,9]=-99..99 f32[2,3]={1,2,3,0.5,4,2} i16[2,3]={0,1,-9,7,2,0}", "axis=1, block_size=4", 0,
      "blocks, the last one short" },
    { "f32[12]=-99..99 f32[1]={2} u8[1]={3}", "axis=0, block_size=12", 0, "one block" },
    { "f16[3,40]=-9..9 f16[]={0.5}", "output_dtype=22", 0, "half, to i4" },
    { "f32[30]=-999..999 f32[]={2}", "output_dtype=17, axis=0", 0, "to e4m3fn" },
    { "f32[8]={0,-0.0,0.4,-0.5,1.5,2.5,inf,nan} f32[1]={1}", "axis=0", 0, "halves to even; what is no number" },
    { "f32[6]={nan,inf,-inf,-0.0,1e30,-1e30} f32[]={0.5} i8[]={3}", "", 0, "NaN is the least one" },
    { "f32[6]={nan,inf,-inf,-0.0,1e30,-1e30} f32[]={0.5}", "output_dtype=22", 0, "NaN as i4" },
    { "f32[0,3] f32[3] u8[3]", "", 0, "nothing" },
    { 0 },
};
static const op_case dequantize_cases[] = {
    { "u8[4,30]=0..255 f32[]={0.5} u8[]={128}", "", 1e-6, "one scale" },
    { "i8[2,3,5]=-128..127 f32[3]={0.5,1,3} i8[3]={-2,0,5}", "axis=-2", 1e-6, "a scale for each channel" },
    { "i4[4,6]=-8..7 f16[2,6] i4[2,6]=-8..7", "axis=0, block_size=2", 1e-3, "blocks of i4, half" },
    { "i8[5]=-99..99 f32[1]={0.1}", "axis=0, block_size=8", 1e-6, "one block, a short one" },
    { "i32[5]=-99..99 f32[]={0.1}", "", 1e-6, "32 bits" },
    { "f8e5m2[40]=0..120 f32[]={0.5}", "", 1e-6, "e5m2" },
    { 0 },
};
#define QUANTIZE(id, domain_)                                                                                               \
    const op_def op_##id = {                                                                                                \
        .name = "QuantizeLinear",                                                                                           \
        .domain = domain_,                                                                                                  \
        .doc =                                                                                                              \
            DOC("x / scale to the nearest integer (halves to even), plus the zero point, held in the type; or as float8, "  \
                "float4"),                                                                                                  \
        .in = { { "x", "float|i32" },                                                                                       \
                { "y_scale", "float|i32|f8e8m0" },                                                                          \
                { "y_zero_point", "optional i8|u8|i16|u16|narrow" } },                                                      \
        .out = { { "y", "i8|u8|i16|u16|narrow" } },                                                                         \
        .attrs = { QUANT_ATTRS, DTYPE("output_dtype", 0, "i8|u8|i16|u16|narrow"), INT("precision", 0),                      \
                   INT("saturate", 1) },                                                                                    \
        .infer = infer_quantize,                                                                                            \
        .expand = expand_quantize,                                                                                          \
        .cases = CASES(quantize_cases),                                                                                     \
    };
#define DEQUANTIZE(id, domain_)                                                                                             \
    const op_def op_##id = {                                                                                                \
        .name = "DequantizeLinear",                                                                                         \
        .domain = domain_,                                                                                                  \
        .doc = DOC("(x - zero point) * scale"),                                                                             \
        .in = { { "x", "i8|u8|i16|u16|i32|narrow" }, { "x_scale", "float|f8e8m0" }, { "x_zero_point", "optional as x" } },  \
        .out = { { "y", "float" } },                                                                                        \
        .attrs = { QUANT_ATTRS, DTYPE("output_dtype", 0, "float") },                                                        \
        .infer = infer_dequantize,                                                                                          \
        .expand = expand_dequantize,                                                                                        \
        .cases = CASES(dequantize_cases),                                                                                   \
    };
QUANTIZE(QuantizeLinear, NULL)
QUANTIZE(MsQuantizeLinear, "com.microsoft")
DEQUANTIZE(DequantizeLinear, NULL)
DEQUANTIZE(MsDequantizeLinear, "com.microsoft")

/* ------------------------------------------------------------------ DynamicQuantizeLinear */
static qn_status infer_dynamic(infer *c)
{
    type y = type_with(infer_in(c, 0), QN_U8), one = { .dtype = infer_in(c, 0)->dtype, .known = true },
         zero = { .dtype = QN_U8, .known = true };
    QN_TRY(infer_out(c, 0, &y));
    QN_TRY(infer_out(c, 1, &one));
    return infer_out(c, 2, &zero);
}

val quant_sums(build *b, val sums, val a, val c, val y, val zero)
{
    qn_dtype real = quant_real(build_type(b, y)->dtype), to = build_type(b, zero)->dtype;
    val by = build_op2(b, OP_Mul, build_cast(b, a, real), build_cast(b, c, real));
    by = build_op2(b, OP_Div, by, build_cast(b, y, real));
    sums = build_op2(b, OP_Mul, build_cast(b, sums, real), by);
    if (!dtype_is_narrow_float(to)) return quant_round(b, sums, zero, to);
    return build_cast(b, build_op2(b, OP_Add, sums, build_cast(b, zero, real)), to);
}

qn_status quant_done(build *b, val y, u32 i, qn_dtype to)
{
    y = quant_of_real(b, y, build_in(b, i), build_in(b, i + 1), (quant_axis){ 0 }, to, true);
    return build_done(b, &y, 1);
}

/* The scale that spreads [min(x, 0), max(x, 0)] over 0 .. 255 (1 where that is nothing, as onnxruntime has it), and the zero point where 0 is whole. */
void quant_range(build *b, val x, val *scale, val *zero)
{
    attr keep = attr_of_int("keepdims", 0);
    qn_dtype d = build_type(b, x)->dtype;
    val none = build_scalar(b, d, 0);
    val low = build_op2(b, OP_Min, build_node(b, OP_ReduceMin, &x, 1, &keep, 1), none);
    val high = build_op2(b, OP_Max, build_node(b, OP_ReduceMax, &x, 1, &keep, 1), none);
    val step = build_op2(b, OP_Div, build_op2(b, OP_Sub, high, low), build_scalar(b, d, 255));
    *scale = build_node(b, OP_Where, (const val[]){ build_op2(b, OP_Equal, step, none), build_scalar(b, d, 1), step }, 3,
                        NULL, 0);
    *zero = quant_round(b, build_op2(b, OP_Div, build_op2(b, OP_Sub, none, low), *scale), 0, QN_U8);
}

static qn_status expand_dynamic(build *b, const node *n)
{
    (void)n;
    val x = build_in(b, 0), scale, zero;
    quant_range(b, x, &scale, &zero);
    return build_done(b, (const val[]){ quant_of_real(b, x, scale, zero, (quant_axis){ 0 }, QN_U8, true), scale, zero }, 3);
}

static const op_case dynamic_cases[] = {
    { "f32[3,40]=-3..3", "n_out=3", 1e-6, "the common case" },
    { "f32[30]=2..9", "n_out=3", 1e-6, "all above 0" },
    { "f32[3]={0,-0.0,0}", "n_out=3", 0, "all 0" },
    { "f32[0]", "n_out=3", 0, "nothing" },
    { 0 },
};
const op_def op_DynamicQuantizeLinear = {
    .name = "DynamicQuantizeLinear",
    .doc = DOC("x as u8, with the scale and zero point that its own range asks for"),
    .in = { { "x", "f32|f64" } },
    .out = { { "y", "u8" }, { "y_scale", "as x" }, { "y_zero_point", "u8" } },
    .infer = infer_dynamic,
    .expand = expand_dynamic,
    .cases = CASES(dynamic_cases),
};

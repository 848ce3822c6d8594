/* Ops on quantized tensors: products sum integers and are scaled behind, com.microsoft's others are the plain op between DequantizeLinear and
 * QuantizeLinear. Convolutions and pools: qlinear_windows.c. */
#include "op/op_util.h"
#include "op/quantize.h"

static const quant_axis all = { 0, 0 };

/* ------------------------------------------------------------------ products */
/* A scale for each row of a matrix stands beside its columns. */
static val for_rows(build *b, val s)
{
    const type t = *build_type(b, s);
    if (t.rank != 1 || sym_is(b->g, t.dims[0], 1)) return s;
    return build_reshape(b, s, (const sym[]){ t.dims[0], sym_one(b->g) }, 2);
}

static qn_status check_scale(const infer *c, u32 i, bool of_rows, const type *of)
{
    type t = *infer_in(c, i);
    if (of_rows && t.rank == 1 && !sym_is(c->g, t.dims[0], 1)) t.rank = 2, t.dims[1] = sym_one(c->g);
    return infer_broadcast_to(c, i, &t, of);
}

static qn_status infer_qlinear_matmul(infer *c)
{
    const type *a = infer_in(c, 0), *w = infer_in(c, 3);
    type x = *a, y = *w, batch = { 0 };
    if (a->rank < 2 || w->rank < 2) return infer_fail(c, QN_E_SHAPE, "a factor is no matrix");
    if (infer_differ(c->g, a->dims[a->rank - 1], w->dims[w->rank - 2]))
        return infer_fail(c, QN_E_SHAPE, "the factors' inner sizes differ");
    x.rank = (u8)(a->rank - 2), y.rank = (u8)(w->rank - 2);
    QN_TRY(infer_broadcast(c, &x, &y, &batch));
    batch.dims[batch.rank++] = a->dims[a->rank - 2];
    batch.dims[batch.rank++] = w->dims[w->rank - 1];
    batch.dtype = infer_in(c, 7)->dtype;
    QN_TRY(check_scale(c, 1, true, &batch));
    QN_TRY(check_scale(c, 2, true, a));
    QN_TRY(check_scale(c, 4, false, &batch));
    QN_TRY(check_scale(c, 5, false, w));
    return infer_out(c, 0, &batch);
}

/* A factor as f32, without its zero point. */
static val centred(build *b, val x, val zero)
{
    return build_op2(b, OP_Sub, build_cast(b, x, QN_F32), build_cast(b, zero, QN_F32));
}

static qn_status expand_qlinear_matmul(build *b, const node *n)
{
    (void)n;
    val a = build_in(b, 0), a_zero = build_in(b, 2), w = build_in(b, 3), w_zero = build_in(b, 5), y;
    bool floats = dtype_is_narrow(build_type(b, a)->dtype) || dtype_is_narrow(build_type(b, w)->dtype);
    if (floats) y = build_op2(b, OP_MatMul, centred(b, a, for_rows(b, a_zero)), centred(b, w, w_zero));
    else y = build_node(b, OP_MatMulInteger, (const val[]){ a, w, a_zero, w_zero }, 4, NULL, 0);
    y = quant_sums(b, y, for_rows(b, build_in(b, 1)), build_in(b, 4), build_in(b, 6), build_in(b, 7));
    return build_done(b, &y, 1);
}

static const op_case qlinear_matmul_cases[] = {
    { "u8[4,20]=0..255 f32[]={0.1} u8[]={120} i8[20,6]=-99..99 f32[]={0.2} i8[]={3} f32[]={9} u8[]={100}", "", 0.02,
      "the common case" },
    { "i8[2,3,8]=-99..99 f32[3]={0.1,0.2,0.3} i8[3]={1,2,3} i8[8,2]=-99..99 f32[2]={0.2,0.4} i8[2]={0,1} f32[]={9} "
      "i8[]={-3}",
      "", 0.02, "a scale for each row and column" },
    { "f8e4m3fn[4,20]=0..120 f32[]={0.1} f8e4m3fn[]={0} f8e5m2[20,6]=0..70 f32[6]=0.1..0.2 f8e5m2[6]={0,0,0,0,0,0} "
      "f32[]={9} f8e4m3fn[]={0}",
      "", 0.06, "float8" },
    { "i8[4,20]=-99..99 f32[4]={0.1,0.2,0.3,0.4} i8[4]={1,2,3,4} f8e4m3fn[20,6]=0..120 f32[]={0.2} f8e4m3fn[]={0} f32[]={9} "
      "i8[]={3}",
      "", 0.02, "integers by float8" },
    { 0 },
};
const op_def op_QLinearMatMul = {
    .name = "QLinearMatMul",
    .doc = DOC("a matrix product of quantized factors, quantized"),
    .in = { { "a", "i8|u8|float8" },
            { "a_scale", "float" },
            { "a_zero_point", "as a" },
            { "b", "i8|u8|float8" },
            { "b_scale", "float" },
            { "b_zero_point", "as b" },
            { "y_scale", "float" },
            { "y_zero_point", "i8|u8|float8" } },
    .out = { { "y", "as y_zero_point" } },
    .infer = infer_qlinear_matmul,
    .expand = expand_qlinear_matmul,
    .cases = CASES(qlinear_matmul_cases),
};

/* ------------------------------------------------------------------ com.microsoft: an op between two conversions */
/* One operand with scale and zero point, then those of the result; absent zero points are 0. */
static qn_status infer_one(infer *c)
{
    type y = *infer_in(c, 0);
    return infer_out(c, 0, &y);
}

static qn_status infer_two(infer *c)
{
    type y = *infer_in(c, 0);
    QN_TRY(infer_broadcast(c, infer_in(c, 0), infer_in(c, 3), &y));
    y.dtype = infer_in(c, 0)->dtype;
    return infer_out(c, 0, &y);
}

val quant_operand(build *b, u32 i)
{
    return quant_to_real(b, build_in(b, i), build_in(b, i + 1), build_in(b, i + 2), all,
                         quant_real(build_type(b, build_in(b, i + 1))->dtype));
}

/* Before opset 13 Softmax was over all dimensions from its axis on. */
static val flattened(build *b, val x, i64 axis, type *whole)
{
    graph *g = b->g;
    if (b->status) return 0;
    *whole = *build_type(b, x);
    u32 at = (u32)(axis < 0 ? axis + whole->rank : axis);
    if (at + 1 >= whole->rank) return whole->known = false, x;
    sym dims[QN_MAX_RANK];
    for (u32 d = 0; d < whole->rank; d++) dims[d] = d < at ? whole->dims[d] : sym_one(g);
    dims[at] = sym_span(g, whole, at, whole->rank);
    return build_reshape(b, x, dims, whole->rank);
}

static qn_status expand_between(build *b, const node *n)
{
    static const struct {
        u16 op, plain;
        bool two;
    } ops[] = { { OP_QLinearAdd, OP_Add, true },
                { OP_QLinearMul, OP_Mul, true },
                { OP_QLinearSigmoid, OP_Sigmoid, false },
                { OP_QLinearLeakyRelu, OP_LeakyRelu, false },
                { OP_QLinearSoftmax, OP_Softmax, false } };
    u32 k = 0;
    while (ops[k].op != n->op) k++;
    u32 end = ops[k].two ? 6 : 3;
    val x[2] = { quant_operand(b, 0), ops[k].two ? quant_operand(b, 3) : 0 };
    attr same[OP_MOST_ATTRS];
    u32 n_same = node_attrs_but(n, (const char *const[]){ "opset", NULL }, same);
    type whole = { 0 };
    if (n->op == OP_QLinearSoftmax && attr_int(n, "opset", 13) < 13)
        x[0] = flattened(b, x[0], attr_int(n, "axis", -1), &whole);
    val y = build_node(b, (op_id)ops[k].plain, x, ops[k].two ? 2 : 1, same, n_same);
    if (whole.known) y = build_reshape(b, y, whole.dims, whole.rank);
    return quant_done(b, y, end, build_type(b, build_in(b, 0))->dtype);
}

static const op_case two_cases[] = {
    { "u8[3,20]=0..255 f32[]={0.1} u8[]={120} u8[20]=0..255 f32[]={0.2} u8[]={3} f32[]={0.9} u8[]={100}", "", 0.01,
      "a row" },
    { "i8[9]=-99..99 f32[]={0.1} _ i8[9]=-99..99 f32[]={0.2} _ f32[]={0.9}", "", 0.01, "no zero points" },
    { 0 },
};
static const op_case one_cases[] = {
    { "u8[3,20]=0..255 f32[]={0.05} u8[]={120} f32[]={0.01} u8[]={9}", "", 0.01, "the common case" }, { 0 }
};
#define BETWEEN(op, text, ins, infer_, cases_, ...)                                                                         \
    const op_def op_##op = { .name = #op,                                                                                   \
                             .domain = "com.microsoft",                                                                     \
                             .doc = DOC(text),                                                                              \
                             .in = ins,                                                                                     \
                             .out = { { "y", "as a" } },                                                                    \
                             .min_in = sizeof(cases_) == sizeof(two_cases) ? 7 : 4,                                         \
                             .attrs = { __VA_ARGS__ },                                                                      \
                             .infer = infer_,                                                                               \
                             .expand = expand_between,                                                                      \
                             .cases = CASES(cases_) };
#define LIST(...)  { __VA_ARGS__ }
#define OPERAND(a) { #a, "i8|u8" }, { #a "_scale", "f32|f64" }, { #a "_zero_point", "optional i8|u8" }
#define RESULT     { "y_scale", "f32|f64" }, { "y_zero_point", "optional i8|u8" }
BETWEEN(QLinearAdd, "Add of quantized tensors, quantized", LIST(OPERAND(a), OPERAND(b), RESULT), infer_two, two_cases, { 0 })
BETWEEN(QLinearMul, "Mul of quantized tensors, quantized", LIST(OPERAND(a), OPERAND(b), RESULT), infer_two, two_cases, { 0 })
BETWEEN(QLinearSigmoid, "Sigmoid of a quantized tensor, quantized", LIST(OPERAND(a), RESULT), infer_one, one_cases, { 0 })
BETWEEN(QLinearLeakyRelu, "LeakyRelu of a quantized tensor, quantized", LIST(OPERAND(a), RESULT), infer_one, one_cases,
        FLOAT("alpha", 0.01))
BETWEEN(QLinearSoftmax, "Softmax of a quantized tensor, quantized", LIST(OPERAND(a), RESULT), infer_one, one_cases,
        INT("axis", -1), INT("opset", 13))

/* ------------------------------------------------------------------ com.microsoft: products of integers as floats */
static qn_status infer_to_float(infer *c)
{
    static const u8 of_integers[] = { 2, 3, 6 }, of_range[] = { 2, 4 };
    bool dynamic = c->n->op == OP_DynamicQuantizeMatMul;
    const type *a = infer_in(c, 0), *w = infer_in(c, 1);
    if (a->rank < 1 || w->rank != 2) return infer_fail(c, QN_E_SHAPE, "the right factor must be a matrix");
    if (infer_differ(c->g, a->dims[a->rank - 1], w->dims[0]))
        return infer_fail(c, QN_E_SHAPE, "the factors' inner sizes differ");
    type y = type_with(a, infer_in(c, 2)->dtype);
    y.dims[y.rank - 1] = w->dims[1];
    for (u32 k = 0; k < (dynamic ? COUNT(of_range) : COUNT(of_integers)); k++) {
        u32 i = dynamic ? of_range[k] : of_integers[k];
        if (infer_has(c, i)) QN_TRY(infer_broadcast_to(c, i, infer_in(c, i), &y));
    }
    return infer_out(c, 0, &y);
}

static qn_status expand_integer_to_float(build *b, const node *n)
{
    (void)n;
    val sums = build_node(b, OP_MatMulInteger,
                          (const val[]){ build_in(b, 0), build_in(b, 1), build_in(b, 4), build_in(b, 5) }, 4, NULL, 0);
    val by = build_op2(b, OP_Mul, build_in(b, 2), build_in(b, 3));
    val y = build_op2(b, OP_Mul, build_cast(b, sums, build_type(b, by)->dtype), by);
    y = build_op2(b, OP_Add, y, build_in(b, 6));
    return build_done(b, &y, 1);
}

static qn_status expand_dynamic_matmul(build *b, const node *n)
{
    (void)n;
    val a = build_in(b, 0), scale, zero;
    quant_range(b, a, &scale, &zero);
    a = quant_of_real(b, a, scale, zero, all, QN_U8, true);
    val y = build_node(b, OP_MatMulInteger, (const val[]){ a, build_in(b, 1), zero, build_in(b, 3) }, 4, NULL, 0);
    y = build_op2(b, OP_Mul, build_cast(b, y, build_type(b, scale)->dtype), build_op2(b, OP_Mul, scale, build_in(b, 2)));
    y = build_op2(b, OP_Add, y, build_in(b, 4));
    return build_done(b, &y, 1);
}

static const op_case integer_to_float_cases[] = {
    { "u8[4,20]=0..255 i8[20,6]=-99..99 f32[]={0.1} f32[6]=0.1..1 u8[]={120} i8[6]=-9..9 f32[6]", "", 1e-6,
      "the common case" },
    { "i8[2,3,8]=-99..99 i8[8,2]=-99..99 f32[]={0.1} f32[]={0.2}", "", 1e-6, "no zero points, no bias" },
    { 0 },
};
const op_def op_MatMulIntegerToFloat = {
    .name = "MatMulIntegerToFloat",
    .domain = "com.microsoft",
    .doc = DOC("MatMulInteger times both scales, plus a bias"),
    .in = { { "a", "i8|u8" },
            { "b", "i8|u8" },
            { "a_scale", "float" },
            { "b_scale", "as a_scale" },
            { "a_zero_point", "optional as a" },
            { "b_zero_point", "optional as b" },
            { "bias", "optional as a_scale" } },
    .out = { { "y", "as a_scale" } },
    .infer = infer_to_float,
    .expand = expand_integer_to_float,
    .cases = CASES(integer_to_float_cases),
};

static const op_case dynamic_matmul_cases[] = {
    { "f32[4,20]=-3..3 i8[20,6]=-99..99 f32[]={0.1} i8[]={3} f32[6]", "", 1e-2, "the common case" },
    { "f32[2,4,20]=-3..3 u8[20,6]=0..255 f32[6]=0.1..1", "", 1e-2, "a scale for each column" },
    { 0 },
};
const op_def op_DynamicQuantizeMatMul = {
    .name = "DynamicQuantizeMatMul",
    .domain = "com.microsoft",
    .doc = DOC("MatMul of a, quantized by its own range, with quantized b, plus a bias"),
    .in = { { "a", "f32|f64" },
            { "b", "i8|u8" },
            { "b_scale", "as a" },
            { "b_zero_point", "optional as b" },
            { "bias", "optional as a" } },
    .out = { { "y", "as a" } },
    .infer = infer_to_float,
    .expand = expand_dynamic_matmul,
    .cases = CASES(dynamic_matmul_cases),
};

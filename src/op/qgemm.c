/* QGemm of com.microsoft: a product of quantized matrices with integers added, as numbers or quantized again. */
#include "op/op_util.h"
#include "op/quantize.h"

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, C, Y_SCALE, Y_ZERO };

static qn_status infer_qgemm(infer *c)
{
    const type *a = infer_in(c, A), *w = infer_in(c, B), *more = infer_in(c, C);
    bool trans_a = infer_int(c, "transA") != 0, trans_b = infer_int(c, "transB") != 0;
    if (a->rank != 2 || w->rank != 2) return infer_fail(c, QN_E_SHAPE, "a factor is no matrix");
    if (infer_differ(c->g, a->dims[!trans_a], w->dims[trans_b]))
        return infer_fail(c, QN_E_SHAPE, "the factors' inner sizes differ");
    type y = { .dtype = QN_F32, .rank = 2, .known = true, .dims = { a->dims[trans_a], w->dims[!trans_b] } };
    if (more) QN_TRY(infer_broadcast_to(c, C, more, &y));
    if (infer_has(c, Y_ZERO) && !infer_has(c, Y_SCALE)) return infer_fail(c, QN_E_SHAPE, "y_zero_point needs y_scale");
    if (infer_has(c, Y_SCALE)) y.dtype = infer_has(c, Y_ZERO) ? infer_in(c, Y_ZERO)->dtype : a->dtype;
    return infer_out(c, 0, &y);
}

/* Factor i, transposed where the attribute says so. */
static val factor(build *b, u32 i, const char *trans)
{
    static const i64 swapped[] = { 1, 0 };
    val x = build_in(b, i);
    attr perm = attr_of_ints(b->g, "perm", swapped, 2);
    return attr_int(b->n, trans, 0) ? build_node(b, OP_Transpose, &x, 1, &perm, 1) : x;
}

static qn_status expand_qgemm(build *b, const node *n)
{
    val in[] = { factor(b, A, "transA"), factor(b, B, "transB"), build_in(b, A_ZERO), build_in(b, B_ZERO) };
    val y = build_op2(b, OP_Add, build_node(b, OP_MatMulInteger, in, 4, NULL, 0), build_in(b, C)),
        zero = build_in(b, Y_ZERO);
    val by = build_op2(b, OP_Mul, build_in(b, A_SCALE), build_in(b, B_SCALE));
    if (attr_float(n, "alpha", 1) != 1) by = build_op2(b, OP_Mul, by, build_scalar(b, QN_F32, attr_float(n, "alpha", 1)));
    if (b->status) return b->status;
    if (build_in(b, Y_SCALE)) by = build_op2(b, OP_Div, by, build_in(b, Y_SCALE));
    y = build_op2(b, OP_Mul, build_cast(b, y, QN_F32), by);
    if (build_in(b, Y_SCALE)) y = quant_round(b, y, zero, build_type(b, n->out[0])->dtype);
    return build_done(b, &y, 1);
}

static const op_case qgemm_cases[] = {
    { "u8[4,20]=0..255 f32[]={0.1} u8[]={120} i8[20,6]=-99..99 f32[6]=0.1..0.2 i8[6]=-9..9 i32[6]=-900..900 f32[]={9} "
      "u8[]={100}",
      "alpha=0.5", 0.02, "a scale for each column, integers added" },
    { "i8[20,4]=-99..99 f32[]={0.1} i8[]={3} i8[6,20]=-99..99 f32[]={0.2} i8[]={0}", "transA=1, transB=1", 1e-6,
      "both transposed, to floats" },
    { 0 },
};
const op_def op_QGemm = {
    .name = "QGemm",
    .domain = "com.microsoft",
    .doc = DOC("a product of quantized matrices, plus integers, times the scales; quantized where y_scale is there"),
    .in = { { "A", "i8|u8" },
            { "a_scale", "f32" },
            { "a_zero_point", "as A" },
            { "B", "i8|u8" },
            { "b_scale", "f32" },
            { "b_zero_point", "as B" },
            { "C", "optional i32" },
            { "y_scale", "optional f32" },
            { "y_zero_point", "optional i8|u8" } },
    .out = { { "Y", "f32|i8|u8" } },
    .attrs = { FLOAT("alpha", 1), INT("transA", 0), INT("transB", 0) },
    .infer = infer_qgemm,
    .expand = expand_qgemm,
    .cases = CASES(qgemm_cases),
};

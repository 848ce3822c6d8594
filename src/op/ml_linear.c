/* LinearRegressor and LinearClassifier of ai.onnx.ml: one matrix product, then labels and transforms. */
#include "op/ml.h"

/* X times the coefficients[outputs][C], plus intercepts. */
static val product(build *b, const node *n, u32 outputs)
{
    const f32 *w;
    u32 count = ml_floats(n, "coefficients", &w);
    attr trans = attr_of_int("transB", 1);
    const val in[] = { ml_rows(b, QN_F32), ml_matrix(b, w, outputs, count / outputs), ml_floats_of(b, n, "intercepts") };
    return build_node(b, OP_Gemm, in, in[2] ? 3 : 2, &trans, 1);
}

static qn_status infer_product(infer *c, i64 outputs)
{
    const f32 *w;
    type x;
    QN_TRY(ml_infer_rows(c, &x));
    u32 count = ml_floats(c->n, "coefficients", &w), bias = ml_floats(c->n, "intercepts", &w);
    if (outputs < 1 || !count || count % outputs || (bias && bias != outputs) ||
        infer_differ(c->g, x.dims[1], sym_number(c->g, count / outputs)))
        return infer_fail(c, QN_E_SHAPE, "its coefficients and intercepts do not fit the input");
    return QN_OK;
}

static qn_status infer_regressor(infer *c)
{
    i64 targets = infer_int(c, "targets");
    QN_TRY(infer_product(c, targets));
    return ml_out_rows(c, 0, targets);
}

static qn_status expand_regressor(build *b, const node *n)
{
    i64 targets = attr_int(n, "targets", 1);
    val y = ml_transform_targets(b, n, product(b, n, (u32)targets), targets);
    return build_done(b, &y, 1);
}

/* As many scores as intercepts; one score is that of the second of two classes. */
static u32 scores_of(const node *n)
{
    const f32 *bias;
    u32 count = ml_floats(n, "intercepts", &bias);
    return count ? count : (u32)ml_classes(n).dims[0];
}

static qn_status infer_classifier(infer *c)
{
    u32 scores = scores_of(c->n);
    i64 classes = ml_classes(c->n).dims[0];
    QN_TRY(ml_infer_classes(c, classes));
    QN_TRY(infer_product(c, scores));
    if (scores != classes && !(scores == 1 && classes == 2))
        return infer_fail(c, QN_E_FORMAT, "it has %u scores for %lld classes", scores, (long long)classes);
    return QN_OK;
}

static qn_status expand_classifier(build *b, const node *n)
{
    u32 scores = scores_of(n);
    val s = product(b, n, scores), index;
    if (scores > 1) index = ml_argmax(b, s);
    else {
        index = build_cast(b, build_op2(b, OP_Greater, s, build_scalar(b, QN_F32, 0)), QN_I64);
        index = build_reshape(b, index, build_type(b, n->out[0])->dims, 1);
    }
    s = scores > 1 ? ml_transform(b, n, s) : ml_two_classes(b, n, s, true);
    return build_done(b, (const val[]){ ml_labels(b, n, index), s }, 2);
}

static const op_case regressor_cases[] = {
    { "f32[5,3]", "targets=2, coefficients=[1.0,2.0,3.0,-1.0,0.5,0.25], intercepts=[0.5,-0.5]", 1e-6, "two targets" },
    { "f32[5,3]", "coefficients=[1.0,2.0,3.0,-1.0,0.5,0.25], targets=2, post_transform=\"SOFTMAX_ZERO\"", 1e-5,
      "transformed" },
    { 0 },
};
static const op_case classifier_cases[] = {
    { "f32[5,2]",
      "coefficients=[1.0,2.0,3.0,-1.0,0.5,0.25], intercepts=[0.5,-0.5,0.0], classlabels_ints=[7,8,9], "
      "post_transform=\"SOFTMAX\", n_out=2",
      1e-5, "three classes" },
    { "i64[5,2]=-3..3",
      "coefficients=[1.0,2.0], intercepts=[0.5], classlabels_ints=[7,8], post_transform=\"LOGISTIC\", n_out=2", 1e-5,
      "one score for two" },
    { 0 },
};
ML(LinearRegressor, "X times the coefficients, plus intercepts", LIST({ "X", ML_NUMBERS }), LIST({ "Y", "f32" }),
   infer_regressor, regressor_cases,
   .attrs = LIST(FLOATS("coefficients"), FLOATS("intercepts"), TEXT("post_transform", "NONE"), INT("targets", 1)),
   .expand = expand_regressor)
ML(LinearClassifier, "the label of the largest of X times the coefficients plus intercepts, and these scores",
   LIST({ "X", ML_NUMBERS }), LIST({ "Y", "i64|string" }, { "Z", "f32" }), infer_classifier, classifier_cases,
   .attrs = LIST(FLOATS("coefficients"), FLOATS("intercepts"), INTS("classlabels_ints"), TEXTS("classlabels_strings"),
                 INT("multi_class", 0), TEXT("post_transform", "NONE")),
   .expand = expand_classifier)

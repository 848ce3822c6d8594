/* Operators of ai.onnx.ml on numbers, with their attributes as constants of simpler ones; and what all of the domain have in common. */
#include <math.h>

#include "op/ml.h"

/* ---- rows, lists */

qn_status ml_infer_rows(const infer *c, type *rows)
{
    const type *x = infer_in(c, 0);
    if (x->rank != 1 && x->rank != 2) return infer_fail(c, QN_E_SHAPE, "the input must be [N][C], or [C]");
    *rows = type_with(x, QN_F32);
    if (x->rank == 1) rows->dims[1] = x->dims[0], rows->dims[0] = sym_one(c->g), rows->rank = 2;
    return QN_OK;
}

qn_status ml_out_rows(infer *c, u32 out, i64 columns)
{
    type y;
    QN_TRY(ml_infer_rows(c, &y));
    y.dims[1] = sym_number(c->g, columns);
    return infer_out(c, out, &y);
}

val ml_rows(build *b, qn_dtype d)
{
    val x = build_in(b, 0);
    const type *t = build_type(b, x);
    if (t->rank == 1) x = build_reshape(b, x, (const sym[]){ sym_one(b->g), t->dims[0] }, 2);
    return build_cast(b, x, d);
}

u32 ml_floats(const node *n, const char *name, const f32 **out)
{
    const attr *a = attr_find(n, name);
    bool there = a && a->kind == ATTR_FLOATS;
    *out = there ? a->floats : NULL;
    return there ? a->n : 0;
}

static val constant_of(build *b, const qn_tensor *t)
{
    val v = b->status == QN_OK ? graph_constant_copy(b->g, NULL, t) : 0;
    if (!v && b->status == QN_OK) b->status = QN_E_NOMEM;
    return v;
}

val ml_matrix(build *b, const f32 *data, u32 rows, u32 columns)
{
    return constant_of(b, &(qn_tensor){ QN_F32, 2, { rows, columns }, (void *)(uintptr_t)data });
}

val ml_floats_of(build *b, const node *n, const char *name)
{
    const f32 *data;
    u32 count = ml_floats(n, name, &data);
    return count ? constant_of(b, &(qn_tensor){ QN_F32, 1, { count }, (void *)(uintptr_t)data }) : 0;
}

static qn_dtype real_of(const build *b, val x) { return build_type(b, x)->dtype == QN_F64 ? QN_F64 : QN_F32; }

/* ---- classes */

qn_tensor ml_classes(const node *n)
{
    const attr *a = attr_find(n, "classlabels_strings");
    if (a && a->kind == ATTR_TEXTS && a->n) return (qn_tensor){ QN_STRING, 1, { a->n }, (void *)(uintptr_t)a->texts };
    a = attr_find(n, "classlabels_ints");
    if (!a) a = attr_find(n, "classlabels_int64s");
    if (a && a->kind == ATTR_INTS && a->n) return (qn_tensor){ QN_I64, 1, { a->n }, (void *)(uintptr_t)a->ints };
    return (qn_tensor){ 0 };
}

qn_status ml_infer_classes(infer *c, i64 scores)
{
    type y;
    QN_TRY(ml_infer_rows(c, &y));
    qn_dtype d = ml_classes(c->n).dtype;
    if (!d || ml_classes(c->n).dims[0] < 2)
        return infer_fail(c, QN_E_UNSUPPORTED, "it has no labels for two classes or more");
    y.dtype = d, y.rank = 1;
    QN_TRY(infer_out(c, 0, &y));
    return ml_out_rows(c, 1, scores);
}

val ml_labels(build *b, const node *n, val index)
{
    qn_tensor all = ml_classes(n);
    return build_node(b, OP_Gather, (const val[]){ constant_of(b, &all), index }, 2, NULL, 0);
}

/* ---- scores */

static val number(build *b, f64 v) { return build_scalar(b, QN_F32, v); }
static val beside(build *b, val left, val right) { return build_concat(b, left, right, 1); }
static val over_rows(build *b, op_id op, val x)
{
    return build_node(b, op, (const val[]){ x, build_ints(b, (const i64[]){ -1 }, 1) }, 2, NULL, 0);
}

/* sqrt(2) erfinv(2 p - 1), by Winitzki's approximation, which is what onnxruntime and ONNX's reference take. */
static val probit(build *b, val p)
{
    val x = build_op2(b, OP_Sub, build_op2(b, OP_Mul, p, number(b, 2)), number(b, 1));
    val log = build_op1(b, OP_Log,
                        build_op2(b, OP_Mul, build_op2(b, OP_Sub, number(b, 1), x), build_op2(b, OP_Add, number(b, 1), x)));
    val v = build_op2(b, OP_Add, build_op2(b, OP_Mul, log, number(b, 0.5)), number(b, 2 / (3.14159 * 0.147)));
    log = build_op2(b, OP_Div, log, number(b, 0.147));
    val root = build_op1(b, OP_Sqrt, build_op2(b, OP_Sub, build_op2(b, OP_Mul, v, v), log));
    root = build_op1(b, OP_Sqrt, build_op2(b, OP_Sub, root, v));
    root = build_op2(b, OP_Mul, root, number(b, 1.41421356));
    val below = build_op2(b, OP_Less, x, number(b, 0));
    return build_node(b, OP_Where, (const val[]){ below, build_op1(b, OP_Neg, root), root }, 3, NULL, 0);
}

/* Softmax of what is not zero; what is stays about that. */
static val softmax_zero(build *b, val s)
{
    val top = over_rows(b, OP_ReduceMax, s);
    val zero = build_op2(b, OP_LessOrEqual, build_op1(b, OP_Abs, s), number(b, 1e-7));
    val e = build_op1(b, OP_Exp, build_op2(b, OP_Sub, s, top));
    val sum = over_rows(b, OP_ReduceSum, build_node(b, OP_Where, (const val[]){ zero, number(b, 0), e }, 3, NULL, 0));
    val low = build_op2(b, OP_Mul, s, build_op1(b, OP_Exp, build_op1(b, OP_Neg, top)));
    return build_op2(b, OP_Div, build_node(b, OP_Where, (const val[]){ zero, low, e }, 3, NULL, 0), sum);
}

val ml_transform(build *b, const node *n, val s)
{
    const char *how = attr_text(b->g, n, "post_transform", "NONE");
    if (text_same(how, "NONE")) return s;
    if (text_same(how, "LOGISTIC")) return build_op1(b, OP_Sigmoid, s);
    if (text_same(how, "SOFTMAX")) return build_op1(b, OP_Softmax, s);
    if (text_same(how, "SOFTMAX_ZERO")) return softmax_zero(b, s);
    if (text_same(how, "PROBIT")) return probit(b, s);
    b->status = build_fail(b, QN_E_UNSUPPORTED, "post_transform '%s' is not in this build", how);
    return 0;
}

/* Where the word would change nothing it is still to be one. */
static const char *transform_of(build *b, const node *n)
{
    static const char *const words[] = { "NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT" };
    const char *how = attr_text(b->g, n, "post_transform", "NONE");
    for (size_t i = 0; i < COUNT(words); i++)
        if (text_same(how, words[i])) return words[i];
    if (b->status == QN_OK) b->status = build_fail(b, QN_E_UNSUPPORTED, "post_transform '%s' is not in this build", how);
    return words[0];
}

val ml_two_classes(build *b, const node *n, val s, bool complement)
{
    const char *how = transform_of(b, n);
    bool logistic = text_same(how, "LOGISTIC");
    val other = complement && !logistic ? build_op2(b, OP_Sub, number(b, 1), s) : build_op1(b, OP_Neg, s);
    val two = beside(b, other, s);
    return logistic || text_same(how, "PROBIT") ? ml_transform(b, n, two) : two;
}

val ml_transform_targets(build *b, const node *n, val s, i64 targets)
{
    bool alone = targets == 1 && !text_same(transform_of(b, n), "PROBIT");
    return alone ? s : ml_transform(b, n, s);
}

val ml_argmax(build *b, val s)
{
    attr attrs[] = { attr_of_int("axis", 1), attr_of_int("keepdims", 0) };
    return build_node(b, OP_ArgMax, &s, 1, attrs, 2);
}

/* ------------------------------------------------------------------ ArrayFeatureExtractor, Binarizer, Scaler */
static qn_status infer_extractor(infer *c)
{
    type y = *infer_in(c, 0);
    if (y.rank == 0) return infer_fail(c, QN_E_SHAPE, "the input has no dimensions");
    y.dims[y.rank - 1] = type_elems(c->g, infer_in(c, 1));
    if (y.rank == 1) y.dims[1] = y.dims[0], y.dims[0] = sym_one(c->g), y.rank = 2;
    return infer_out(c, 0, &y);
}

static qn_status expand_extractor(build *b, const node *n)
{
    attr axis = attr_of_int("axis", -1);
    sym all = type_elems(b->g, build_type(b, build_in(b, 1)));
    const type y_type = *build_type(b, n->out[0]);
    val y =
        build_node(b, OP_Gather, (const val[]){ build_in(b, 0), build_reshape(b, build_in(b, 1), &all, 1) }, 2, &axis, 1);
    y = build_reshape(b, y, y_type.dims, y_type.rank);
    return build_done(b, &y, 1);
}

static qn_status expand_binarizer(build *b, const node *n)
{
    val x = build_in(b, 0);
    qn_dtype d = build_type(b, x)->dtype;
    val y = build_op2(b, OP_Greater, build_cast(b, x, real_of(b, x)),
                      build_scalar(b, real_of(b, x), attr_float(n, "threshold", 0)));
    y = build_cast(b, y, d);
    return build_done(b, &y, 1);
}

/* A list of numbers by which columns are changed: one, or one for each. */
static qn_status check_columns(const infer *c, const char *list)
{
    const type *x = infer_in(c, 0);
    const attr *a = attr_find(c->n, list);
    if (a && a->n && (x->rank < 1 || (a->n > 1 && infer_differ(c->g, x->dims[x->rank - 1], sym_number(c->g, a->n)))))
        return infer_fail(c, QN_E_SHAPE, "%s must be one number, or one for each column", list);
    return QN_OK;
}

static qn_status infer_as_float(infer *c)
{
    type y = type_with(infer_in(c, 0), QN_F32);
    return infer_out(c, 0, &y);
}

static qn_status infer_scaler(infer *c)
{
    QN_TRY(check_columns(c, "offset"));
    QN_TRY(check_columns(c, "scale"));
    return infer_as_float(c);
}

static qn_status expand_scaler(build *b, const node *n)
{
    val x = build_in(b, 0), offset = ml_floats_of(b, n, "offset"), scale = ml_floats_of(b, n, "scale");
    qn_dtype d = real_of(b, x);
    x = build_cast(b, x, d);
    if (offset) x = build_op2(b, OP_Sub, x, build_cast(b, offset, d));
    if (scale) x = build_op2(b, OP_Mul, x, build_cast(b, scale, d));
    x = build_cast(b, x, QN_F32);
    return build_done(b, &x, 1);
}

/* ------------------------------------------------------------------ Normalizer, Imputer, FeatureVectorizer */
static qn_status infer_normalizer(infer *c)
{
    type rows;
    QN_TRY(ml_infer_rows(c, &rows));
    return infer_as_float(c);
}

static qn_status expand_normalizer(build *b, const node *n)
{
    const char *how = attr_text(b->g, n, "norm", "MAX");
    val x = build_in(b, 0);
    qn_dtype d = real_of(b, x);
    x = build_cast(b, x, d);
    op_id op = text_same(how, "L1") ? OP_ReduceL1 : text_same(how, "L2") ? OP_ReduceL2 : OP_ReduceMax;
    if (op == OP_ReduceMax && !text_same(how, "MAX")) return build_fail(b, QN_E_UNSUPPORTED, "norm '%s'", how);
    val by = over_rows(b, op, op == OP_ReduceMax ? build_op1(b, OP_Abs, x) : x);
    val none = build_op2(b, OP_Equal, by, build_scalar(b, d, 0));
    by = build_node(b, OP_Where, (const val[]){ none, build_scalar(b, d, 1), by }, 3, NULL, 0);
    val y = build_cast(b, build_op2(b, OP_Div, x, by), QN_F32);
    return build_done(b, &y, 1);
}

static qn_status infer_imputer(infer *c)
{
    bool real = dtype_is_float(infer_in(c, 0)->dtype);
    const char *name = real ? "imputed_value_floats" : "imputed_value_int64s";
    const attr *a = attr_find(c->n, name);
    if (!a || a->kind != (real ? ATTR_FLOATS : ATTR_INTS) || !a->n)
        return infer_fail(c, QN_E_FORMAT, "it has no values of the input's kind to put in");
    QN_TRY(check_columns(c, name));
    return infer_like_first_input(c);
}

static qn_status expand_imputer(build *b, const node *n)
{
    val x = build_in(b, 0);
    qn_dtype d = build_type(b, x)->dtype;
    f64 real = attr_float(n, "replaced_value_float", 0);
    const i64 *ints;
    u32 count = attr_ints(n, "imputed_value_int64s", &ints);
    val by = dtype_is_float(d) ? ml_floats_of(b, n, "imputed_value_floats") : build_ints(b, ints, count);
    i64 whole = attr_int(n, "replaced_value_int64", 0);
    val wrong = !dtype_is_float(d) ? build_op2(b, OP_Equal, build_cast(b, x, QN_I64), build_ints(b, &whole, 1))
                : isnan(real)      ? build_op1(b, OP_IsNaN, x)
                                   : build_op2(b, OP_Equal, x, build_scalar(b, d, real));
    val y = build_node(b, OP_Where, (const val[]){ wrong, build_cast(b, by, d), x }, 3, NULL, 0);
    return build_done(b, &y, 1);
}

static qn_status infer_vectorizer(infer *c)
{
    const i64 *wide;
    type y = *infer_in(c, 0);
    i64 columns = 0;
    if (attr_ints(c->n, "inputdimensions", &wide) != c->n->n_in)
        return infer_fail(c, QN_E_FORMAT, "inputdimensions has not one number for each input");
    for (u32 i = 0; i < c->n->n_in; i++) {
        const type *x = infer_in(c, i);
        if (!x || x->rank < 1 || infer_differ(c->g, x->dims[0], y.dims[0]))
            return infer_fail(c, QN_E_SHAPE, "the inputs differ in their rows");
        if (wide[i] < 0 || wide[i] > INT32_MAX) return infer_fail(c, QN_E_FORMAT, "inputdimensions has a number below 0");
        columns += wide[i];
    }
    y.dtype = QN_F32, y.rank = 2, y.dims[1] = sym_number(c->g, columns);
    return infer_out(c, 0, &y);
}

/* x[N][..] as rows of `wide` columns: cut, or with zeros behind. */
static val widened(build *b, val x, i64 wide)
{
    graph *g = b->g;
    const type t = *build_type(b, x);
    const sym flat[] = { t.dims[0], sym_span(g, &t, 1, t.rank) }, to = sym_number(g, wide), zero = sym_zero(g);
    x = build_cast(b, build_reshape(b, x, flat, 2), QN_F32);
    if (sym_same(g, flat[1], to)) return x;
    const sym pads[] = { zero, zero, zero, to };
    x = build_node(b, OP_Pad, (const val[]){ x, build_syms(b, pads, 4) }, 2, NULL, 0);
    return build_slice(b, x, 1, zero, to);
}

static qn_status expand_vectorizer(build *b, const node *n)
{
    const i64 *wide;
    attr_ints(n, "inputdimensions", &wide);
    val y = 0;
    for (u32 i = 0; i < n->n_in; i++)
        y = i ? beside(b, y, widened(b, build_in(b, i), wide[i])) : widened(b, build_in(b, i), wide[i]);
    return build_done(b, &y, 1);
}

static const op_case extractor_cases[] = { { "f32[3,4] i64[2]={0,3}", "", 0, "columns" },
                                           { "i64[5] i64[1,2]={4,1}", "", 0, "one row" },
                                           { 0 } };
static const op_case binarizer_cases[] = { { "f32[3,4]", "threshold=0.25", 0, "the common case" },
                                           { "i64[5]=-3..3", "", 0, "integers" },
                                           { 0 } };
static const op_case scaler_cases[] = { { "f32[3,4]", "offset=[0.5], scale=[1.0,2.0,3.0,4.0]", 1e-6,
                                          "a scale for each column" },
                                        { "i64[3,4]=-9..9", "offset=[0.5,1.0,0.0,2.0], scale=[0.25]", 1e-6, "integers" },
                                        { 0 } };
static const op_case normalizer_cases[] = { { "f32[3,4]", "norm=\"MAX\"", 1e-6, "by the largest" },
                                            { "f32[3,4]", "norm=\"L1\"", 1e-6, "by the sum" },
                                            { "i64[3,4]=-9..9", "norm=\"L2\"", 1e-6, "by the length, integers" },
                                            { 0 } };
static const op_case imputer_cases[] = {
    { "f32[2,3]={1,nan,3,nan,5,6}", "imputed_value_floats=[7.0,8.0,9.0], replaced_value_float=nan", 0, "NaN" },
    { "i64[2,3]={1,-1,3,-1,5,6}", "imputed_value_int64s=[7], replaced_value_int64=-1", 0, "integers, one value" },
    { 0 },
};
static const op_case vectorizer_cases[] = { { "f32[3,2] f32[3,4] f32[3]", "inputdimensions=[3,2,1]", 0, "wider, cut, one" },
                                            { 0 } };
ML(ArrayFeatureExtractor, "the columns of X that Y names", LIST({ "X", ML_NUMBERS "|string" }, { "Y", "i64" }),
   LIST({ "Z", "as X" }), infer_extractor, extractor_cases, .expand = expand_extractor)
ML(Binarizer, "1 above the threshold, else 0", LIST({ "X", ML_NUMBERS }), LIST({ "Y", "as X" }), infer_like_first_input,
   binarizer_cases, .attrs = LIST(FLOAT("threshold", 0)), .expand = expand_binarizer)
ML(Scaler, "(X - offset) * scale, by column", LIST({ "X", ML_NUMBERS }), LIST({ "Y", "f32" }), infer_scaler, scaler_cases,
   .attrs = LIST(FLOATS("offset"), FLOATS("scale")), .expand = expand_scaler)
ML(Normalizer, "each row over its largest, the sum of its sizes, or its length; rows of zeros stay",
   LIST({ "X", ML_NUMBERS }), LIST({ "Y", "f32" }), infer_normalizer, normalizer_cases, .attrs = LIST(TEXT("norm", "MAX")),
   .expand = expand_normalizer)
ML(Imputer, "X with other values where it has the replaced one", LIST({ "X", ML_NUMBERS }), LIST({ "Y", "as X" }),
   infer_imputer, imputer_cases,
   .attrs = LIST(FLOATS("imputed_value_floats"), INTS("imputed_value_int64s"), FLOAT("replaced_value_float", 0),
                 INT("replaced_value_int64", 0)),
   .expand = expand_imputer)
ML(FeatureVectorizer, "rows side by side, each input cut or widened to its number of columns",
   LIST({ "X", "many " ML_NUMBERS }), LIST({ "Y", "f32" }), infer_vectorizer, vectorizer_cases,
   .attrs = LIST(INTS("inputdimensions")), .expand = expand_vectorizer)

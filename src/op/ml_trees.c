/* Tree ensembles of ai.onnx.ml in their three forms: the walk is forest.c's, here are the sums' base, labels and transforms. */
#include "op/forest.h"
#include "op/ml.h"

/* ------------------------------------------------------------------ TreeEnsemble */
static qn_status infer_trees(infer *c)
{
    const type *x = infer_in(c, 0);
    i64 targets = infer_int(c, "n_targets"), how = infer_int(c, "aggregate_function");
    if (x->rank != 2 || targets < 1 || targets > 1 << 24)
        return infer_fail(c, QN_E_SHAPE, "the input must be [N][C], with targets");
    if (how < 0 || how > 3) return infer_fail(c, QN_E_UNSUPPORTED, "an unknown aggregate_function");
    type y = *x;
    y.dims[1] = sym_number(c->g, targets);
    return infer_out(c, 0, &y);
}

static qn_status expand_trees(build *b, const node *n)
{
    static const char *const words[] = { "NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT" };
    forest f;
    i64 targets = attr_int(n, "n_targets", 1), transform = attr_int(n, "post_transform", 0);
    qn_dtype own = build_type(b, build_in(b, 0))->dtype, d = own == QN_F64 ? QN_F64 : QN_F32;
    const char *wrong = forest_read_5(b->g->mem, n, targets, &f);
    if (wrong) return build_fail(b, QN_E_FORMAT, "%s", wrong);
    if (transform < 0 || transform > 4) return build_fail(b, QN_E_UNSUPPORTED, "post_transform %lld", (long long)transform);
    val y = forest_build(b, &f, d, targets, attr_int(n, "aggregate_function", 1));
    if (transform) {
        attr word = attr_of_text("post_transform", words[transform]);
        y = ml_transform_targets(b, &(node){ .attrs = &word, .n_attrs = 1 }, build_cast(b, y, QN_F32), targets);
    }
    y = build_cast(b, y, own);
    return build_done(b, &y, 1);
}

/* ------------------------------------------------------------------ TreeEnsembleRegressor, TreeEnsembleClassifier */
/* base_values, one for each of `columns`, or one for all... 0: none. */
static val with_base(build *b, const node *n, val s, u32 columns)
{
    const attr *a = attr_find(n, "base_values_as_tensor");
    val base = a && a->kind == ATTR_TENSOR ? graph_constant_copy(b->g, NULL, a->tensor) : ml_floats_of(b, n, "base_values");
    if (!base || b->status != QN_OK) return s;
    if (!sym_is(b->g, type_elems(b->g, build_type(b, base)), columns)) {
        b->status = build_fail(b, QN_E_UNSUPPORTED, "base_values without one for each score");
        return 0;
    }
    return build_op2(
        b, OP_Add, s,
        build_cast(b, build_reshape(b, base, (const sym[]){ sym_number(b->g, columns) }, 1), build_type(b, s)->dtype));
}

static qn_dtype walking(const build *b) { return build_type(b, build_in(b, 0))->dtype == QN_F64 ? QN_F64 : QN_F32; }

static qn_status infer_regressor(infer *c)
{
    i64 targets = infer_int(c, "n_targets");
    if (targets < 1 || targets > 1 << 24) return infer_fail(c, QN_E_SHAPE, "n_targets must be 1 or more");
    return ml_out_rows(c, 0, targets);
}

static qn_status expand_regressor(build *b, const node *n)
{
    static const char *const words[] = { "AVERAGE", "SUM", "MIN", "MAX" };
    forest f;
    u32 how = 0;
    i64 targets = attr_int(n, "n_targets", 1);
    const char *word = attr_text(b->g, n, "aggregate_function", "SUM"),
               *wrong = forest_read_3(b->g->mem, n, "target", targets, &f);
    if (wrong) return build_fail(b, QN_E_FORMAT, "%s", wrong);
    while (how < COUNT(words) && !text_same(words[how], word)) how++;
    if (how == COUNT(words)) return build_fail(b, QN_E_UNSUPPORTED, "aggregate_function '%s'", word);
    val y = with_base(b, n, forest_build(b, &f, walking(b), targets, how), (u32)targets);
    y = ml_transform_targets(b, n, build_cast(b, y, QN_F32), targets);
    return build_done(b, &y, 1);
}

static qn_status infer_classifier(infer *c) { return ml_infer_classes(c, ml_classes(c->n).dims[0]); }

/* All weights of two classes under one of them: how sure the second is. Above a half, or above 0 where some weights are below it. */
static qn_status one_score(build *b, const node *n, const forest *f, val s)
{
    s = build_node(b, OP_ReduceSum, (const val[]){ s, build_ints(b, (const i64[]){ 1 }, 1) }, 2, NULL, 0);
    s = build_cast(b, with_base(b, n, s, 1), QN_F32);
    val index = build_cast(b, build_op2(b, OP_Greater, s, build_scalar(b, QN_F32, f->positive ? 0.5 : 0)), QN_I64);
    index = build_reshape(b, index, build_type(b, n->out[0])->dims, 1);
    return build_done(b, (const val[]){ ml_labels(b, n, index), ml_two_classes(b, n, s, f->positive) }, 2);
}

static qn_status expand_classifier(build *b, const node *n)
{
    forest f;
    i64 classes = ml_classes(n).dims[0];
    const char *wrong = forest_read_3(b->g->mem, n, "class", classes, &f);
    if (wrong) return build_fail(b, QN_E_FORMAT, "%s", wrong);
    val s = forest_build(b, &f, walking(b), classes, 1);
    if (classes == 2 && f.targets_named == 1) return one_score(b, n, &f, s);
    s = build_cast(b, with_base(b, n, s, (u32)classes), QN_F32);
    return build_done(b, (const val[]){ ml_labels(b, n, ml_argmax(b, s)), ml_transform(b, n, s) }, 2);
}

static const op_case no_cases[] = {
    { 0 }
}; /* cases have no tensors, nor lists of texts, as attributes; tests/make_ml_cases.py has */
#define NODES                                                                                                               \
    FLOATS("base_values"), TENSOR("base_values_as_tensor"), INTS("nodes_falsenodeids"), INTS("nodes_featureids"),           \
        FLOATS("nodes_hitrates"), TENSOR("nodes_hitrates_as_tensor"), INTS("nodes_missing_value_tracks_true"),              \
        TEXTS("nodes_modes"), INTS("nodes_nodeids"), INTS("nodes_treeids"), INTS("nodes_truenodeids"),                      \
        FLOATS("nodes_values"), TENSOR("nodes_values_as_tensor"), TEXT("post_transform", "NONE")
ML(TreeEnsemble, "the leaves that each row comes to in each tree, their weights brought together by target",
   LIST({ "X", "f16|f32|f64" }), LIST({ "Y", "as X" }), infer_trees, no_cases, .expand = expand_trees,
   .attrs = LIST(INT("aggregate_function", 1), INTS("leaf_targetids"), TENSOR("leaf_weights"), TENSOR("membership_values"),
                 INT("n_targets", 1), INTS("nodes_falseleafs"), INTS("nodes_falsenodeids"), INTS("nodes_featureids"),
                 TENSOR("nodes_hitrates"), INTS("nodes_missing_value_tracks_true"), TENSOR("nodes_modes"),
                 TENSOR("nodes_splits"), INTS("nodes_trueleafs"), INTS("nodes_truenodeids"), INT("post_transform", 0),
                 INTS("tree_roots")))
ML(TreeEnsembleRegressor, "TreeEnsemble with nodes by number, base values and transforms", LIST({ "X", ML_NUMBERS }),
   LIST({ "Y", "f32" }), infer_regressor, no_cases, .expand = expand_regressor,
   .attrs = LIST(NODES, TEXT("aggregate_function", "SUM"), INT("n_targets", 1), INTS("target_ids"), INTS("target_nodeids"),
                 INTS("target_treeids"), FLOATS("target_weights"), TENSOR("target_weights_as_tensor")))
ML(TreeEnsembleClassifier, "the class of the largest sum of the leaves' weights, and these sums", LIST({ "X", ML_NUMBERS }),
   LIST({ "Y", "i64|string" }, { "Z", "f32" }), infer_classifier, no_cases, .expand = expand_classifier,
   .attrs = LIST(NODES, INTS("class_ids"), INTS("class_nodeids"), INTS("class_treeids"), FLOATS("class_weights"),
                 TENSOR("class_weights_as_tensor"), INTS("classlabels_int64s"), TEXTS("classlabels_strings")))

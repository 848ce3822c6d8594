/* What the models of ai.onnx.ml have in common: matrices of features, scores that are transformed, labels of classes. */
#ifndef ML_H
#define ML_H

#include "op/op_util.h"

#define ML(op, text, in_, out_, infer_, cases_, ...)                                                                        \
    const op_def op_##op = { .name = #op,                                                                                   \
                             .domain = "ai.onnx.ml",                                                                        \
                             .doc = DOC(text),                                                                              \
                             .in = in_,                                                                                     \
                             .out = out_,                                                                                   \
                             .infer = infer_,                                                                               \
                             .cases = CASES(cases_),                                                                        \
                             __VA_ARGS__ };
#define LIST(...)    { __VA_ARGS__ }
#define TENSOR(name) { name, ATTR_TENSOR, false, 0, 0, NULL }
#define TEXTS(name)  { name, ATTR_TEXTS, false, 0, 0, NULL }
#define ML_NUMBERS   "f32|f64|i32|i64"

/* Input 0 as rows of features: [C] is one row. The rows' type with so many columns, f32, goes to output `out`. */
qn_status ml_infer_rows(const infer *c, type *rows);
qn_status ml_out_rows(infer *c, u32 out, i64 columns);
val ml_rows(build *b, qn_dtype d); /* input 0 so, in type d */

/* The list that a node has as this attribute; n is 0 when it has none. */
u32 ml_floats(const node *n, const char *name, const f32 **out);
val ml_matrix(build *b, const f32 *data, u32 rows, u32 columns); /* a constant; copied */
val ml_floats_of(build *b, const node *n, const char *name);     /* a constant [n]; 0: none */

/* ---- classes: classlabels_ints, classlabels_int64s or classlabels_strings */
qn_tensor ml_classes(const node *n);
qn_status ml_infer_classes(infer *c, i64 scores);  /* outputs Y [N] of the labels' type and Z [N][scores] */
val ml_labels(build *b, const node *n, val index); /* index: i64[N] */

/* ---- scores[N][k] after the post_transform */
val ml_transform(build *b, const node *n, val scores);
/* One score s for two classes becomes [1 - s, s] or [-s, s], or both by LOGISTIC, as onnxruntime has it: other transforms leave it so. */
val ml_two_classes(build *b, const node *n, val score, bool complement);
/* One column of a regression: only PROBIT changes it there, too. */
val ml_transform_targets(build *b, const node *n, val scores, i64 targets);
val ml_argmax(build *b, val scores); /* i64[N] */
#endif

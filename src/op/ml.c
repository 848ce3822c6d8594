/* Operators of ai.onnx.ml: those on numbers are elementwise rows and products, with their attributes as constants; look-ups by keys and trees
 * run on the host. */
#include <math.h>

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
#define LIST(...) { __VA_ARGS__ }

static val floats_of(build *b, const node *n, const char *name)
{
    const attr *a = attr_find(n, name);
    if (!a || a->kind != ATTR_FLOATS || !a->n || b->status != QN_OK) return 0;
    val v = graph_constant_copy(b->g, NULL, &(qn_tensor){ QN_F32, 1, { a->n }, a->floats });
    if (!v) b->status = QN_E_NOMEM;
    return v;
}

static qn_dtype real_of(const build *b, val x) { return build_type(b, x)->dtype == QN_F64 ? QN_F64 : QN_F32; }

/* ------------------------------------------------------------------ ArrayFeatureExtractor, Binarizer, Scaler, LinearRegressor */
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

static qn_status infer_as_float(infer *c)
{
    type y = type_with(infer_in(c, 0), infer_in(c, 0)->dtype == QN_F64 ? QN_F64 : QN_F32);
    return infer_out(c, 0, &y);
}

static qn_status expand_scaler(build *b, const node *n)
{
    val x = build_in(b, 0), offset = floats_of(b, n, "offset"), scale = floats_of(b, n, "scale");
    qn_dtype d = real_of(b, x);
    x = build_cast(b, x, d);
    if (offset) x = build_op2(b, OP_Sub, x, build_cast(b, offset, d));
    if (scale) x = build_op2(b, OP_Mul, x, build_cast(b, scale, d));
    return build_done(b, &x, 1);
}

static qn_status infer_regressor(infer *c)
{
    const type *x = infer_in(c, 0);
    const attr *w = attr_find(c->n, "coefficients");
    i64 targets = infer_int(c, "targets");
    if (x->rank != 2 || targets < 1 || !w || w->n % (u64)targets)
        return infer_fail(c, QN_E_SHAPE, "the input must be [N][C], with coefficients for each target");
    if (infer_differ(c->g, x->dims[1], sym_number(c->g, w->n / targets)))
        return infer_fail(c, QN_E_SHAPE, "the coefficients do not fit the input");
    if (!text_same(attr_text(c->g, c->n, "post_transform", "NONE"), "NONE"))
        return infer_fail(c, QN_E_UNSUPPORTED, "a post_transform");
    type y = type_with(x, x->dtype == QN_F64 ? QN_F64 : QN_F32);
    y.dims[1] = sym_number(c->g, targets);
    return infer_out(c, 0, &y);
}

static qn_status expand_regressor(build *b, const node *n)
{
    val x = build_in(b, 0), w = floats_of(b, n, "coefficients"), bias = floats_of(b, n, "intercepts");
    qn_dtype d = real_of(b, x);
    sym targets = sym_number(b->g, attr_int(n, "targets", 1));
    w = build_reshape(b, build_cast(b, w, d), (const sym[]){ targets, build_type(b, x)->dims[1] }, 2);
    attr trans = attr_of_int("transB", 1);
    val y = build_node(b, OP_Gemm, (const val[]){ build_cast(b, x, d), w, bias ? build_cast(b, bias, d) : 0 }, bias ? 3 : 2,
                       &trans, 1);
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
static const op_case regressor_cases[] = {
    { "f32[5,3]", "targets=2, coefficients=[1.0,2.0,3.0,-1.0,0.5,0.25], intercepts=[0.5,-0.5]", 1e-6, "two targets" }, { 0 }
};
#define ML_NUMBERS "f32|f64|i32|i64"
ML(ArrayFeatureExtractor, "the columns of X that Y names", LIST({ "X", ML_NUMBERS }, { "Y", "i64" }), LIST({ "Z", "as X" }),
   infer_extractor, extractor_cases, .expand = expand_extractor)
ML(Binarizer, "1 above the threshold, else 0", LIST({ "X", ML_NUMBERS }), LIST({ "Y", "as X" }), infer_like_first_input,
   binarizer_cases, .attrs = LIST(FLOAT("threshold", 0)), .expand = expand_binarizer)
ML(Scaler, "(X - offset) * scale, by column", LIST({ "X", ML_NUMBERS }), LIST({ "Y", "f32|f64" }), infer_as_float,
   scaler_cases, .attrs = LIST(FLOATS("offset"), FLOATS("scale")), .expand = expand_scaler)
ML(LinearRegressor, "X times the coefficients, plus intercepts", LIST({ "X", ML_NUMBERS }), LIST({ "Y", "f32|f64" }),
   infer_regressor, regressor_cases,
   .attrs = LIST(FLOATS("coefficients"), FLOATS("intercepts"), TEXT("post_transform", "NONE"), INT("targets", 1)),
   .expand = expand_regressor)

/* ------------------------------------------------------------------ LabelEncoder */
typedef struct labels {
    qn_dtype dtype;
    u64 n;
    const void *data;
} labels;

/* keys or values, in whichever attribute they are: NAME_tensor, NAME_strings, ... */
static labels labels_of(const node *n, const char *const *names)
{
    for (u32 i = 0; i < 4; i++) {
        const attr *a = attr_find(n, names[i]);
        if (!a) continue;
        if (a->kind == ATTR_TENSOR) return (labels){ a->tensor->dtype, qn_tensor_elems(a->tensor), a->tensor->data };
        if (a->kind == ATTR_TEXTS) return (labels){ QN_STRING, a->n, a->texts };
        if (a->kind == ATTR_FLOATS) return (labels){ QN_F32, a->n, a->floats };
        if (a->kind == ATTR_INTS && a->n) return (labels){ QN_I64, a->n, a->ints };
    }
    return (labels){ 0 };
}
static const char *const key_names[] = { "keys_tensor", "keys_strings", "keys_int64s", "keys_floats" };
static const char *const value_names[] = { "values_tensor", "values_strings", "values_int64s", "values_floats" };

static qn_status infer_encoder(infer *c)
{
    labels keys = labels_of(c->n, key_names), values = labels_of(c->n, value_names);
    const attr *otherwise = attr_find(c->n, "default_tensor");
    if (!keys.dtype || !values.dtype || keys.n != values.n)
        return infer_fail(c, QN_E_FORMAT, "it has not as many keys as values");
    if (keys.dtype != infer_in(c, 0)->dtype)
        return infer_fail(c, QN_E_DTYPE, "keys are %s, the input is %s", qn_dtype_name(keys.dtype),
                          qn_dtype_name(infer_in(c, 0)->dtype));
    if (otherwise && (otherwise->kind != ATTR_TENSOR || otherwise->tensor->dtype != values.dtype ||
                      qn_tensor_elems(otherwise->tensor) != 1))
        return infer_fail(c, QN_E_DTYPE, "the default is no value like the others");
    type y = type_with(infer_in(c, 0), values.dtype);
    return infer_out(c, 0, &y);
}

static bool same_label(qn_dtype d, const void *a, u64 i, const void *b, u64 k)
{
    size_t bytes = qn_dtype_bytes(d);
    const u8 *x = (const u8 *)a + i * bytes, *y = (const u8 *)b + k * bytes;
    f32 p, q;
    if (d == QN_STRING) {
        const qn_bytes s = ((const qn_bytes *)a)[i], t = ((const qn_bytes *)b)[k];
        return s.n == t.n && (!s.n || memcmp(s.data, t.data, s.n) == 0);
    }
    if (d != QN_F32) return memcmp(x, y, bytes) == 0;
    memcpy(&p, x, 4), memcpy(&q, y, 4);
    return p == q || (isnan(p) && isnan(q));
}

static qn_status host_encoder(host_call *h)
{
    const qn_tensor *x = h->in[0];
    labels keys = labels_of(h->n, key_names), values = labels_of(h->n, value_names);
    const attr *otherwise = attr_find(h->n, "default_tensor"), *text = attr_find(h->n, "default_string");
    size_t bytes = qn_dtype_bytes(values.dtype);
    i64 whole = attr_int(h->n, "default_int64", -1);
    f32 real = (f32)attr_float(h->n, "default_float", -0.0);
    qn_bytes unused = text && text->kind == ATTR_TEXT ? text->text : (qn_bytes){ "_Unused", 7 };
    const void *none = otherwise                   ? otherwise->tensor->data
                       : values.dtype == QN_STRING ? (const void *)&unused
                       : values.dtype == QN_F32    ? (const void *)&real
                                                   : (const void *)&whole;
    u8 *y = host_out(h, 0, values.dtype, x->rank, x->dims);
    if (!y) return QN_E_NOMEM;
    for (u64 i = 0, n = qn_tensor_elems(x); i < n; i++) {
        u64 k = 0;
        while (k < keys.n && !same_label(keys.dtype, x->data, i, keys.data, k)) k++;
        memcpy(y + i * bytes, k < keys.n ? (const u8 *)values.data + k * bytes : none, bytes);
    }
    return QN_OK;
}

#define TENSOR(name) { name, ATTR_TENSOR, false, 0, 0, NULL }
#define TEXTS(name)  { name, ATTR_TEXTS, false, 0, 0, NULL }
static const op_case encoder_cases[] = {
    { "i64[5]=0..4", "keys_int64s=[0,2,3], values_floats=[1.5,2.5,3.5], default_float=9.0", 0, "numbers for numbers" }, { 0 }
};
ML(LabelEncoder, "each element's value by its key, a default where it has none", LIST({ "X", "string|i64|f32|i32|i16|f64" }),
   LIST({ "Y", "value" }), infer_encoder, encoder_cases, .host = host_encoder,
   .attrs = LIST(TENSOR("default_tensor"), INT("default_int64", -1), FLOAT("default_float", -0.0),
                 TEXT("default_string", "_Unused"), TENSOR("keys_tensor"), TEXTS("keys_strings"), INTS("keys_int64s"),
                 FLOATS("keys_floats"), TENSOR("values_tensor"), TEXTS("values_strings"), INTS("values_int64s"),
                 FLOATS("values_floats")))

/* ------------------------------------------------------------------ TreeEnsemble */
typedef struct forest {
    const i64 *features, *yes, *no, *yes_leaf, *no_leaf, *targets, *roots, *missing;
    u32 nodes, leaves, trees, with_missing;
    const qn_tensor *splits, *modes, *weights, *members;
} forest;

static f64 number_at(const qn_tensor *t, u64 i)
{
    f32 narrow;
    f64 wide;
    u16 half;
    const u8 *at = (const u8 *)t->data + i * qn_dtype_bytes(t->dtype);
    if (t->dtype == QN_F64) return memcpy(&wide, at, 8), wide;
    if (t->dtype == QN_F32) return memcpy(&narrow, at, 4), (f64)narrow;
    memcpy(&half, at, 2);
    return (f64)f16_to_f32(half);
}

static const qn_tensor *tensor_of(const node *n, const char *name)
{
    const attr *a = attr_find(n, name);
    return a && a->kind == ATTR_TENSOR ? a->tensor : NULL;
}

static bool all_below(const i64 *list, u32 n, const i64 *leaf, u32 leaves, u32 nodes)
{
    for (u32 i = 0; i < n; i++)
        if (list[i] < 0 || list[i] >= (leaf && leaf[i] ? leaves : nodes)) return false;
    return true;
}

/* Is every number in it inside its list? Then it can be walked, if only so many steps as there are nodes. */
static bool forest_of(const node *n, i64 targets, forest *f)
{
    *f = (forest){ .splits = tensor_of(n, "nodes_splits"),
                   .modes = tensor_of(n, "nodes_modes"),
                   .weights = tensor_of(n, "leaf_weights"),
                   .members = tensor_of(n, "membership_values") };
    f->nodes = attr_ints(n, "nodes_featureids", &f->features);
    f->leaves = attr_ints(n, "leaf_targetids", &f->targets);
    f->trees = attr_ints(n, "tree_roots", &f->roots);
    f->with_missing = attr_ints(n, "nodes_missing_value_tracks_true", &f->missing);
    bool whole = attr_ints(n, "nodes_truenodeids", &f->yes) == f->nodes &&
                 attr_ints(n, "nodes_falsenodeids", &f->no) == f->nodes &&
                 attr_ints(n, "nodes_trueleafs", &f->yes_leaf) == f->nodes &&
                 attr_ints(n, "nodes_falseleafs", &f->no_leaf) == f->nodes;
    if (!whole || !f->splits || !f->modes || !f->weights || f->modes->dtype != QN_U8) return false;
    if (qn_tensor_elems(f->splits) != f->nodes || qn_tensor_elems(f->modes) != f->nodes ||
        qn_tensor_elems(f->weights) != f->leaves)
        return false;
    if (!dtype_is_float(f->splits->dtype) || !dtype_is_float(f->weights->dtype) ||
        (f->members && !dtype_is_float(f->members->dtype)))
        return false;
    if (f->with_missing && f->with_missing != f->nodes) return false;
    return all_below(f->yes, f->nodes, f->yes_leaf, f->leaves, f->nodes) &&
           all_below(f->no, f->nodes, f->no_leaf, f->leaves, f->nodes) && all_below(f->roots, f->trees, NULL, 0, f->nodes) &&
           all_below(f->targets, f->leaves, NULL, 0, (u32)targets);
}

static qn_status infer_trees(infer *c)
{
    forest f;
    const type *x = infer_in(c, 0);
    i64 targets = infer_int(c, "n_targets"), how = infer_int(c, "aggregate_function");
    if (x->rank != 2 || targets < 1 || targets > 1 << 24)
        return infer_fail(c, QN_E_SHAPE, "the input must be [N][C], with targets");
    if (!forest_of(c->n, targets, &f))
        return infer_fail(c, QN_E_FORMAT, "its lists of nodes and leaves do not fit together");
    if (how < 0 || how > 3 || infer_int(c, "post_transform"))
        return infer_fail(c, QN_E_UNSUPPORTED, "a post_transform, or an unknown aggregate_function");
    type y = *x;
    y.dims[1] = sym_number(c->g, targets);
    return infer_out(c, 0, &y);
}

/* The set of a node that asks for membership: the sets stand in the order of such nodes, each ended by a NaN. */
static bool is_member(const forest *f, u64 at, f64 v)
{
    const u8 *modes = f->modes->data;
    u64 set = 0, n = f->members ? qn_tensor_elems(f->members) : 0;
    for (u64 i = 0; i < at; i++) set += modes[i] == 6;
    for (u64 k = 0; k < n; k++) {
        f64 m = number_at(f->members, k);
        if (isnan(m) && set-- == 0) return false;
        if (set == 0 && m == v) return true;
    }
    return false;
}

static bool goes_true(const forest *f, u64 at, f64 v)
{
    f64 split = number_at(f->splits, at);
    if (isnan(v) && f->with_missing && f->missing[at]) return true;
    switch (((const u8 *)f->modes->data)[at]) {
    case 0: return v <= split;
    case 1: return v < split;
    case 2: return v >= split;
    case 3: return v > split;
    case 4: return v == split;
    case 5: return v != split;
    default: return is_member(f, at, v);
    }
}

/* The leaf that row r of x comes to; UINT64_MAX: a circle, or a feature that x has not. */
static u64 leaf_of(const forest *f, u32 tree, const qn_tensor *x, u64 r)
{
    u64 at = (u64)f->roots[tree];
    if (f->yes_leaf[at] && f->no_leaf[at] && f->yes[at] == f->no[at]) return (u64)f->yes[at];
    for (u32 steps = 0; steps < f->nodes; steps++) {
        if (f->features[at] < 0 || f->features[at] >= x->dims[1]) return UINT64_MAX;
        bool yes = goes_true(f, at, number_at(x, r * (u64)x->dims[1] + (u64)f->features[at]));
        bool is_leaf = (yes ? f->yes_leaf : f->no_leaf)[at] != 0;
        at = (u64)(yes ? f->yes : f->no)[at];
        if (is_leaf) return at;
    }
    return UINT64_MAX;
}

static qn_status host_trees(host_call *h)
{
    const qn_tensor *x = h->in[0];
    forest f;
    i64 targets = attr_int(h->n, "n_targets", 1), how = attr_int(h->n, "aggregate_function", 1);
    if (!forest_of(h->n, targets, &f)) return host_fail(h, QN_E_FORMAT, "its lists do not fit together");
    void *y = host_out(h, 0, x->dtype, 2, (const i64[]){ x->dims[0], targets });
    f64 *row = arena_array(h->mem, (size_t)targets, sizeof *row);
    if (!y || !row) return fail_nomem((u64)targets * sizeof *row);
    for (u64 r = 0; r < (u64)x->dims[0]; r++) {
        for (i64 k = 0; k < targets; k++)
            row[k] = how == 2 ? (f64)3.4028234663852886e38 : how == 3 ? -3.4028234663852886e38 : 0;
        for (u32 t = 0; t < f.trees; t++) {
            u64 leaf = leaf_of(&f, t, x, r);
            if (leaf == UINT64_MAX)
                return host_fail(h, QN_E_DATA, "tree %u leads to no leaf, or asks for a column that is not there", t);
            f64 w = number_at(f.weights, leaf), *to = &row[f.targets[leaf]];
            *to = how == 2 ? MIN(*to, w) : how == 3 ? MAX(*to, w) : *to + (how == 0 ? w / f.trees : w);
        }
        for (i64 k = 0; k < targets; k++) {
            u64 at = r * (u64)targets + (u64)k;
            f32 narrow = (f32)row[k];
            u16 half = f16_from_f32(narrow);
            if (x->dtype == QN_F64) memcpy((u8 *)y + 8 * at, &row[k], 8);
            else if (x->dtype == QN_F32) memcpy((u8 *)y + 4 * at, &narrow, 4);
            else memcpy((u8 *)y + 2 * at, &half, 2);
        }
    }
    return QN_OK;
}

static const op_case no_cases[] = {
    { 0 }
}; /* tensors are no attributes that a case can write; the ONNX node tests have some */
ML(TreeEnsemble, "the leaves that each row comes to in each tree, their weights brought together by target",
   LIST({ "X", "f16|f32|f64" }), LIST({ "Y", "as X" }), infer_trees, no_cases, .host = host_trees,
   .attrs = LIST(INT("aggregate_function", 1), INTS("leaf_targetids"), TENSOR("leaf_weights"), TENSOR("membership_values"),
                 INT("n_targets", 1), INTS("nodes_falseleafs"), INTS("nodes_falsenodeids"), INTS("nodes_featureids"),
                 TENSOR("nodes_hitrates"), INTS("nodes_missing_value_tracks_true"), TENSOR("nodes_modes"),
                 TENSOR("nodes_splits"), INTS("nodes_trueleafs"), INTS("nodes_truenodeids"), INT("post_transform", 0),
                 INTS("tree_roots")))

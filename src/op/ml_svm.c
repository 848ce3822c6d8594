/* Support vector machines of ai.onnx.ml: a kernel of each row with each support vector, weighted sums of them, votes and probabilities. */
#include <math.h>

#include "op/ml.h"

enum { MAX_CLASSES = 4096 }; /* their pairs make a matrix */

/* ---- the kernel, K[N][S] of x[N][C] and s[S][C] */

static val number(build *b, f64 v) { return build_scalar(b, QN_F32, v); }

static val dots(build *b, val x, val s)
{
    attr trans = attr_of_int("transB", 1);
    return build_node(b, OP_Gemm, (const val[]){ x, s }, 2, &trans, 1);
}

/* |x - s|^2 as it is written. */
static val differences(build *b, val x, const f32 *s, u32 rows, u32 columns)
{
    if (b->status) return 0;
    const sym dims[] = { build_type(b, x)->dims[0], sym_one(b->g), sym_number(b->g, columns) };
    attr keep = attr_of_int("keepdims", 0);
    val d = build_op2(b, OP_Sub, build_reshape(b, x, dims, 3), ml_matrix(b, s, rows, columns));
    return build_node(b, OP_ReduceSumSquare, (const val[]){ d, build_ints(b, (const i64[]){ 2 }, 1) }, 2, &keep, 1);
}

/* moved[rows][columns], length[rows]: the support vectors seen from their centre. False: one is infinite, or nearly. */
static bool move_to_centre(const f32 *s, u32 rows, u32 columns, f32 *moved, f32 *centre, f32 *length)
{
    bool finite = true;
    for (u32 c = 0; c < columns; c++) {
        f64 sum = 0;
        for (u32 r = 0; r < rows; r++) sum += (f64)s[r * columns + c];
        centre[c] = (f32)(sum / rows);
    }
    for (u32 r = 0; r < rows; r++) {
        f64 sum = 0;
        for (u32 c = 0; c < columns; c++) {
            f32 v = moved[r * columns + c] = s[r * columns + c] - centre[c];
            sum += (f64)v * (f64)v;
        }
        length[r] = (f32)sum;
        finite = finite && sum < 1e36;
    }
    return finite;
}

/* |x - s|^2 as |x|^2 + |s|^2 - 2 x s, all from the support vectors' centre: far from it the sum would lose what it is about. The |x|^2 of
 * a row that is infinite, or no number, is its distance from all of them. */
static val distances(build *b, val x, const f32 *s, u32 rows, u32 columns)
{
    f32 *moved = ARENA_ARRAY(b->g->mem, (u64)rows * columns, f32), *centre = ARENA_ARRAY(b->g->mem, columns, f32),
        *length = ARENA_ARRAY(b->g->mem, rows, f32);
    if (!moved || !centre || !length) {
        b->status = fail_nomem((u64)rows * columns * sizeof *moved);
        return 0;
    }
    if (!move_to_centre(s, rows, columns, moved, centre, length)) return differences(b, x, s, rows, columns);
    x = build_op2(b, OP_Sub, x, ml_matrix(b, centre, 1, columns));
    val own = build_node(b, OP_ReduceSumSquare, (const val[]){ x, build_ints(b, (const i64[]){ 1 }, 1) }, 2, NULL, 0);
    val both = build_op2(b, OP_Add, own, ml_matrix(b, length, 1, rows));
    val d = build_op2(b, OP_Sub, both, build_op2(b, OP_Mul, number(b, 2), dots(b, x, ml_matrix(b, moved, rows, columns))));
    val finite = build_op2(b, OP_Less, own, number(b, (f64)INFINITY));
    return build_node(b, OP_Where, (const val[]){ finite, build_op2(b, OP_Max, d, number(b, 0)), own }, 3, NULL, 0);
}

static val kernel_of(build *b, const node *n, val x, const f32 *s, u32 rows, u32 columns)
{
    const char *how = attr_text(b->g, n, "kernel_type", "LINEAR");
    const f32 *given, none[3] = { 0 };
    if (ml_floats(n, "kernel_params", &given) < 3) given = none;
    val gamma = number(b, (f64)given[0]), offset = number(b, (f64)given[1]);
    if (text_same(how, "RBF"))
        return build_op1(b, OP_Exp, build_op2(b, OP_Mul, number(b, -(f64)given[0]), distances(b, x, s, rows, columns)));
    val k = dots(b, x, ml_matrix(b, s, rows, columns));
    if (text_same(how, "LINEAR")) return k;
    k = build_op2(b, OP_Add, build_op2(b, OP_Mul, k, gamma), offset);
    if (text_same(how, "POLY")) return build_op2(b, OP_Pow, k, number(b, (f64)given[2]));
    if (text_same(how, "SIGMOID")) return build_op1(b, OP_Tanh, k);
    b->status = build_fail(b, QN_E_UNSUPPORTED, "kernel_type '%s'", how);
    return 0;
}

/* Columns of each support vector: 0 when the list does not divide so, or not into the input's columns. */
static u32 columns_of(const infer *c, u64 values, u64 rows)
{
    type x;
    if (ml_infer_rows(c, &x) != QN_OK || !rows || values % rows || !values) return 0;
    return infer_differ(c->g, x.dims[1], sym_number(c->g, (i64)(values / rows))) ? 0 : (u32)(values / rows);
}

/* ------------------------------------------------------------------ SVMRegressor */
static qn_status infer_svm_regressor(infer *c)
{
    const f32 *list;
    i64 supports = infer_int(c, "n_supports");
    u32 weights = ml_floats(c->n, "coefficients", &list), values = ml_floats(c->n, "support_vectors", &list);
    bool fits = supports > 0 ? weights >= supports && columns_of(c, values, (u64)supports) : columns_of(c, weights, 1) != 0;
    if (supports < 0 || !fits || !ml_floats(c->n, "rho", &list))
        return infer_fail(c, QN_E_SHAPE, "its vectors, coefficients and rho do not fit the input");
    return ml_out_rows(c, 0, 1);
}

static qn_status expand_svm_regressor(build *b, const node *n)
{
    const f32 *w, *s, *rho;
    u32 weights = ml_floats(n, "coefficients", &w), values = ml_floats(n, "support_vectors", &s);
    u32 supports = (u32)attr_int(n, "n_supports", 0);
    val x = ml_rows(b, QN_F32);
    ml_floats(n, "rho", &rho);
    if (supports) x = kernel_of(b, n, x, s, supports, values / supports);
    val y = dots(b, x, ml_matrix(b, w, 1, supports ? supports : weights));
    y = build_op2(b, OP_Add, y, number(b, (f64)rho[0]));
    if (attr_int(n, "one_class", 0)) {
        val inside = build_op2(b, OP_Greater, y, number(b, 0));
        y = build_node(b, OP_Where, (const val[]){ inside, number(b, 1), number(b, -1) }, 3, NULL, 0);
    }
    return build_done(b, &y, 1);
}

/* ------------------------------------------------------------------ SVMClassifier */
typedef struct machine {
    const f32 *weights, *vectors, *rho, *a, *b;
    const i64 *per_class;
    u32 classes, pairs, supports, columns; /* supports 0: a row of weights for each class */
    bool sure;                             /* it gives probabilities */
} machine;

static const char *machine_of(const node *n, machine *m)
{
    u32 weights = ml_floats(n, "coefficients", &m->weights), values = ml_floats(n, "support_vectors", &m->vectors);
    u32 rho = ml_floats(n, "rho", &m->rho), a = ml_floats(n, "prob_a", &m->a), b = ml_floats(n, "prob_b", &m->b);
    u32 listed = attr_ints(n, "vectors_per_class", &m->per_class);
    i64 classes = ml_classes(n).dims[0], supports = 0;
    if (classes < 2 || classes > MAX_CLASSES) return "it must have from 2 to 4096 classes";
    for (u32 i = 0; i < listed; i++) {
        if (m->per_class[i] < 0 || m->per_class[i] > values) return "vectors_per_class does not fit support_vectors";
        supports += m->per_class[i];
    }
    m->classes = (u32)classes, m->pairs = m->classes * (m->classes - 1) / 2, m->sure = a > 0;
    if (supports == 0) {
        m->supports = 0, m->columns = weights / m->classes;
        return weights && weights % m->classes == 0 && rho ? NULL : "its coefficients do not fit its classes";
    }
    if (listed != classes || supports > values || values % (u64)supports)
        return "vectors_per_class does not fit support_vectors";
    m->supports = (u32)supports, m->columns = values / m->supports;
    if ((u64)weights < (u64)m->supports * (m->classes - 1)) return "it has too few coefficients";
    return rho < m->pairs || a != b || (a && a < m->pairs) ? "it has not one rho, prob_a and prob_b for each pair of classes"
                                                           : NULL;
}

static qn_status infer_svm_classifier(infer *c)
{
    machine m;
    type x;
    const char *wrong = machine_of(c->n, &m);
    QN_TRY(ml_infer_rows(c, &x));
    if (wrong) return infer_fail(c, QN_E_FORMAT, "%s", wrong);
    if (infer_differ(c->g, x.dims[1], sym_number(c->g, m.columns)))
        return infer_fail(c, QN_E_SHAPE, "its vectors have %u columns", m.columns);
    return ml_infer_classes(c, m.supports && !m.sure && m.classes > 2 ? m.pairs : m.classes);
}

/* What the vectors of class i say for it against each other class, [N][classes - 1]. k: the kernel of all vectors; at: where its own start. */
static val words_of(build *b, const machine *m, val k, u32 i, u32 at)
{
    u32 others = m->classes - 1, own = (u32)m->per_class[i];
    f32 *w = ARENA_ARRAY(b->g->mem, (u64)others * own + 1, f32);
    if (!w) {
        b->status = fail_nomem((u64)others * own * sizeof *w);
        return 0;
    }
    for (u32 j = 0; j < others; j++) memcpy(w + (u64)j * own, m->weights + (u64)j * m->supports + at, own * sizeof *w);
    return dots(b, build_slice(b, k, 1, sym_number(b->g, at), sym_number(b->g, at + own)), ml_matrix(b, w, others, own));
}

/* What each pair of classes decides, [N][pairs]: above 0 is the first. Only vectors of the two have a say: a weight of 0 would not silence
 * one whose kernel is infinite. */
static val decisions(build *b, const node *n, const machine *m)
{
    val *words = ARENA_ARRAY(b->g->mem, m->classes, val),
        k = kernel_of(b, n, ml_rows(b, QN_F32), m->vectors, m->supports, m->columns);
    i64 *first = ARENA_ARRAY(b->g->mem, m->pairs, i64), *second = ARENA_ARRAY(b->g->mem, m->pairs, i64);
    if (!words || !first || !second) {
        b->status = fail_nomem(m->pairs * sizeof *first);
        return 0;
    }
    for (u32 i = 0, at = 0, pair = 0; i < m->classes; at += (u32)m->per_class[i++]) {
        words[i] = words_of(b, m, k, i, at);
        for (u32 j = i + 1; j < m->classes; j++, pair++) {
            first[pair] = (i64)i * (m->classes - 1) + j - 1;
            second[pair] = (i64)j * (m->classes - 1) + i;
        }
    }
    attr axis = attr_of_int("axis", 1);
    val all = build_node(b, OP_Concat, words, m->classes, &axis, 1);
    val one = build_node(b, OP_Gather, (const val[]){ all, build_ints(b, first, m->pairs) }, 2, &axis, 1);
    val other = build_node(b, OP_Gather, (const val[]){ all, build_ints(b, second, m->pairs) }, 2, &axis, 1);
    return build_op2(b, OP_Add, build_op2(b, OP_Add, one, other), ml_matrix(b, m->rho, 1, m->pairs));
}

/* Each pair's vote is one for its first class, or for its second: in all votes = won x (first - second) + seconds. */
static val most_votes(build *b, const machine *m, val decided)
{
    f32 *turns = ARENA_ARRAY(b->g->mem, (u64)m->pairs * m->classes, f32), *seconds = ARENA_ARRAY(b->g->mem, m->classes, f32);
    if (!turns || !seconds) {
        b->status = fail_nomem((u64)m->pairs * m->classes * sizeof *turns);
        return 0;
    }
    for (u32 i = 0, pair = 0; i < m->classes; i++) {
        for (u32 j = i + 1; j < m->classes; j++, pair++) {
            turns[(u64)pair * m->classes + i] = 1;
            turns[(u64)pair * m->classes + j] = -1;
            seconds[j]++;
        }
    }
    val won = build_cast(b, build_op2(b, OP_Greater, decided, number(b, 0)), QN_F32);
    const val in[] = { won, ml_matrix(b, turns, m->pairs, m->classes), ml_matrix(b, seconds, 1, m->classes) };
    return ml_argmax(b, build_node(b, OP_Gemm, in, 3, NULL, 0));
}

static val probabilities(build *b, const machine *m, val decided)
{
    val p = build_op2(b, OP_Add, build_op2(b, OP_Mul, decided, ml_matrix(b, m->a, 1, m->pairs)),
                      ml_matrix(b, m->b, 1, m->pairs));
    p = build_op1(b, OP_Sigmoid, build_op1(b, OP_Neg, p));
    p = build_op2(b, OP_Min, build_op2(b, OP_Max, p, number(b, 1e-7)), number(b, 1 - 1e-7));
    attr classes = attr_of_int("classes", m->classes);
    return build_node(b, OP_PairProbabilities, &p, 1, &classes, 1);
}

/* Without vectors: onnxruntime takes the second of two classes when a score is above 0 (0.5 where no coefficient is below 0). */
static qn_status expand_linear(build *b, const node *n, const machine *m)
{
    val s = dots(b, ml_rows(b, QN_F32), ml_matrix(b, m->weights, m->classes, m->columns));
    s = build_op2(b, OP_Add, s, number(b, (f64)m->rho[0]));
    val index = ml_argmax(b, s);
    if (m->classes == 2 && !m->sure) {
        bool positive = true;
        for (u32 i = 0; i < 2 * m->columns; i++) positive = positive && m->weights[i] >= 0;
        attr keep = attr_of_int("keepdims", 0);
        val top = build_node(b, OP_ReduceMax, (const val[]){ s, build_ints(b, (const i64[]){ 1 }, 1) }, 2, &keep, 1);
        val second = build_op2(b, positive ? OP_GreaterOrEqual : OP_Greater, top, number(b, positive ? 0.5 : 0));
        index = build_node(b, OP_Where, (const val[]){ second, build_scalar(b, QN_I64, 1), index }, 3, NULL, 0);
    }
    return build_done(b, (const val[]){ ml_labels(b, n, index), ml_transform(b, n, s) }, 2);
}

static qn_status expand_svm_classifier(build *b, const node *n)
{
    machine m;
    const char *wrong = machine_of(n, &m);
    if (wrong) return build_fail(b, QN_E_FORMAT, "%s", wrong);
    if (!m.supports) return expand_linear(b, n, &m);
    val s = decisions(b, n, &m), index = most_votes(b, &m, s);
    bool plain = text_same(attr_text(b->g, n, "post_transform", "NONE"), "NONE");
    if (m.sure) s = ml_transform(b, n, probabilities(b, &m, s));
    else s = m.classes > 2 ? ml_transform(b, n, s) : ml_two_classes(b, n, s, !plain);
    return build_done(b, (const val[]){ ml_labels(b, n, index), s }, 2);
}

/* ------------------------------------------------------------------ PairProbabilities */
static qn_status infer_pairs(infer *c)
{
    type y = *infer_in(c, 0);
    i64 classes = infer_int(c, "classes");
    if (y.rank != 2 || classes < 2 || classes > MAX_CLASSES ||
        infer_differ(c->g, y.dims[1], sym_number(c->g, classes * (classes - 1) / 2)))
        return infer_fail(c, QN_E_SHAPE, "the input must be [N][pairs]");
    y.dims[1] = sym_number(c->g, classes);
    return infer_out(c, 0, &y);
}

/* One step of the method: p turned so that row i of Q p is p Q p, in place. */
static void couple_step(u32 k, const f64 *q, f64 *p, f64 *qp, f64 all)
{
    for (u32 i = 0; i < k; i++) {
        f64 move = (all - qp[i]) / q[i * k + i], shrink = 1 / (1 + move);
        p[i] += move;
        all = (all + move * (move * q[i * k + i] + 2 * qp[i])) * shrink * shrink;
        for (u32 j = 0; j < k; j++) {
            qp[j] = (qp[j] + move * q[i * k + j]) * shrink;
            p[j] *= shrink;
        }
    }
}

/* Wu, Lin and Weng 2004, "Probability estimates for multi-class classification by pairwise coupling", algorithm 2. r: of each pair, the
 * first class's share; q: room for k * k, p and qp for k. Stops where libsvm does. */
static void couple(u32 k, const f32 *r, f64 *q, f64 *p, f64 *qp)
{
    for (u32 i = 0; i < k * k; i++) q[i] = 0;
    for (u32 i = 0; i < k; i++) {
        for (u32 j = i + 1; j < k; j++) {
            f64 first = (f64)*r++, second = 1 - first;
            q[i * k + i] += second * second;
            q[j * k + j] += first * first;
            q[i * k + j] = q[j * k + i] = -first * second;
        }
    }
    for (u32 i = 0; i < k; i++) p[i] = 1.0 / k;
    for (u32 turn = 0; turn < 100; turn++) {
        f64 all = 0, worst = 0;
        for (u32 i = 0; i < k; i++) {
            qp[i] = 0;
            for (u32 j = 0; j < k; j++) qp[i] += q[i * k + j] * p[j];
            all += p[i] * qp[i];
        }
        for (u32 i = 0; i < k; i++) worst = MAX(worst, fabs(qp[i] - all));
        if (worst < 0.005 / k) return;
        couple_step(k, q, p, qp, all);
    }
}

static qn_status host_pairs(host_call *h)
{
    const qn_tensor *x = h->in[0];
    u32 k = (u32)attr_int(h->n, "classes", 2);
    u64 rows = (u64)x->dims[0];
    f32 *y = host_out(h, 0, QN_F32, 2, (const i64[]){ x->dims[0], k });
    f64 *q = ARENA_ARRAY(h->mem, (u64)k * k + 2 * k, f64);
    if (!y || !q) return QN_E_NOMEM;
    for (u64 r = 0; r < rows; r++) {
        f64 *p = q + k * k;
        couple(k, (const f32 *)x->data + r * (u64)x->dims[1], q, p, p + k);
        for (u32 i = 0; i < k; i++) y[r * k + i] = (f32)p[i];
    }
    return QN_OK;
}

static const op_case svm_regressor_cases[] = {
    { "f32[4,2]",
      "coefficients=[0.5,-0.25,1.0], support_vectors=[0.0,1.0,1.0,0.0,0.5,0.5], n_supports=3, rho=[0.25], "
      "kernel_type=\"RBF\", kernel_params=[0.75,0.0,0.0]",
      1e-5, "radial" },
    { "f32[4,2]",
      "coefficients=[0.5,-0.25,1.0], support_vectors=[0.0,1.0,1.0,0.0,0.5,0.5], n_supports=3, rho=[0.25], "
      "kernel_type=\"SIGMOID\", kernel_params=[0.75,0.5,0.0], one_class=1",
      1e-5, "inside or outside" },
    { 0 },
};
static const op_case svm_classifier_cases[] = {
    { "f32[4,2]",
      "coefficients=[0.5,0.75,-1.0,-0.25,0.5,0.25], support_vectors=[0.0,1.0,1.0,0.0,0.5,0.5], "
      "vectors_per_class=[1,1,1], rho=[0.125,0.25,0.5], prob_a=[-1.0,-0.5,-2.0], prob_b=[0.25,0.0,0.125], "
      "classlabels_ints=[7,8,9], kernel_type=\"POLY\", kernel_params=[0.75,0.5,2.0], n_out=2",
      1e-4, "three classes, with probabilities" },
    { "f32[4,2]",
      "coefficients=[0.5,0.75,-1.0], support_vectors=[0.0,1.0,1.0,0.0,0.5,0.5], vectors_per_class=[2,1], "
      "rho=[0.125], classlabels_ints=[7,8], kernel_type=\"RBF\", kernel_params=[0.75,0.0,0.0], n_out=2",
      1e-5, "two classes" },
    { 0 },
};
static const op_case pairs_cases[] = { { "f32[3,3]=0..1", "classes=3", 1e-4, "three classes" }, { 0 } };

ML(SVMRegressor, "a weighted sum of kernels of each row with the support vectors, plus rho", LIST({ "X", ML_NUMBERS }),
   LIST({ "Y", "f32" }), infer_svm_regressor, svm_regressor_cases, .expand = expand_svm_regressor,
   .attrs = LIST(FLOATS("coefficients"), FLOATS("kernel_params"), TEXT("kernel_type", "LINEAR"), INT("n_supports", 0),
                 INT("one_class", 0), TEXT("post_transform", "NONE"), FLOATS("rho"), FLOATS("support_vectors")))
ML(SVMClassifier, "the class that most pairs vote for, and what they decided, or the classes' probabilities",
   LIST({ "X", ML_NUMBERS }), LIST({ "Y", "i64|string" }, { "Z", "f32" }), infer_svm_classifier, svm_classifier_cases,
   .expand = expand_svm_classifier,
   .attrs = LIST(INTS("classlabels_ints"), TEXTS("classlabels_strings"), FLOATS("coefficients"), FLOATS("kernel_params"),
                 TEXT("kernel_type", "LINEAR"), TEXT("post_transform", "NONE"), FLOATS("prob_a"), FLOATS("prob_b"),
                 FLOATS("rho"), FLOATS("support_vectors"), INTS("vectors_per_class")))
const op_def op_PairProbabilities = {
    .name = "PairProbabilities",
    .domain = "quern",
    .doc = DOC("the classes' probabilities from those of each pair of classes"),
    .in = { { "pairs", "f32" } },
    .out = { { "classes", "f32" } },
    .attrs = { INT("classes", 2) },
    .infer = infer_pairs,
    .host = host_pairs,
    .cases = CASES(pairs_cases),
};

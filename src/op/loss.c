/* NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss as composites: the score of each target's class, weighted, then reduced. */
#include "op/op_util.h"

/* ------------------------------------------------------------------ shapes */
/* scores[N][C][d...] and targets[N][d...] */
static qn_status infer_loss(infer *c)
{
    const type x = *infer_in(c, 0), *t = infer_in(c, 1);
    const char *how = attr_text(c->g, c->n, "reduction", "mean");
    if (x.rank < 2 || t->rank != x.rank - 1u)
        return infer_fail(c, QN_E_SHAPE, "scores of rank %u and targets of rank %u do not fit", x.rank, t->rank);
    for (u32 d = 0; d < t->rank; d++)
        if (infer_differ(c->g, t->dims[d], x.dims[d ? d + 1 : 0]))
            return infer_fail(c, QN_E_SHAPE, "dimension %u of the targets does not fit the scores", d);
    bool none = text_same(how, "none");
    if (!none && !text_same(how, "sum") && !text_same(how, "mean"))
        return infer_fail(c, QN_E_UNSUPPORTED, "reduction '%s' is not one of none, sum, mean", how);
    type loss = { .dtype = x.dtype, .known = true };
    if (none) loss = type_with(t, x.dtype);
    QN_TRY(infer_out(c, 0, &loss));
    return infer_out(c, 1, &x);
}

/* ------------------------------------------------------------------ meaning */
typedef struct picked {
    val loss, weight;
} picked; /* per target; weight 0: all are 1 */

/* -log_prob[n][target][d...] * weight[target]; targets equal to ignore_index count for nothing. */
static picked pick(build *b, const node *n, val log_prob)
{
    const type x = *build_type(b, log_prob), t = *build_type(b, build_in(b, 1));
    val target = build_cast(b, build_in(b, 1), QN_I64), weight = build_in(b, 2), valid = 0;
    if (attr_find(n, "ignore_index")) {
        val ignored = build_scalar(b, QN_I64, (f64)attr_int(n, "ignore_index", 0));
        valid = build_op1(b, OP_Not, build_op2(b, OP_Equal, target, ignored));
        target = build_node(b, OP_Where, (const val[]){ valid, target, build_scalar(b, QN_I64, 0) }, 3, NULL, 0);
    }
    type column = x;
    column.dims[1] = sym_one(b->g);
    attr axis = attr_of_int("axis", 1);
    val places = build_reshape(b, target, column.dims, column.rank);
    val loss = build_node(b, OP_GatherElements, (const val[]){ log_prob, places }, 2, &axis, 1);
    loss = build_op1(b, OP_Neg, build_reshape(b, loss, t.dims, t.rank));
    if (weight) weight = build_node(b, OP_Gather, (const val[]){ weight, target }, 2, NULL, 0);
    if (valid) {
        val counts = build_cast(b, valid, x.dtype);
        weight = weight ? build_op2(b, OP_Mul, weight, counts) : counts;
    }
    return (picked){ weight ? build_op2(b, OP_Mul, loss, weight) : loss, weight };
}

static val sum_of(build *b, val x)
{
    attr keep = attr_of_int("keepdims", 0);
    return build_node(b, OP_ReduceSum, &x, 1, &keep, 1);
}

static val reduced(build *b, const node *n, picked p)
{
    const char *how = attr_text(b->g, n, "reduction", "mean");
    attr keep = attr_of_int("keepdims", 0);
    if (text_same(how, "none")) return p.loss;
    if (text_same(how, "sum")) return sum_of(b, p.loss);
    if (!p.weight) return build_node(b, OP_ReduceMean, &p.loss, 1, &keep, 1);
    return build_op2(b, OP_Div, sum_of(b, p.loss), sum_of(b, p.weight));
}

static qn_status expand_nll(build *b, const node *n)
{
    val y = reduced(b, n, pick(b, n, build_in(b, 0)));
    return build_done(b, &y, 1);
}

static qn_status expand_cross_entropy(build *b, const node *n)
{
    attr axis = attr_of_int("axis", 1);
    val x = build_in(b, 0), log_prob = build_node(b, OP_LogSoftmax, &x, 1, &axis, 1);
    return build_done(b, (const val[]){ reduced(b, n, pick(b, n, log_prob)), log_prob }, 2);
}

/* ------------------------------------------------------------------ records */
#define IGNORE { "ignore_index", ATTR_INT, false, 0, 0, NULL }
static const op_case nll_cases[] = {
    { "f32[5,7] i64[5]=0..6", "", 1e-5, "the common case" },
    { "f32[2,4,3,3] i32[2,3,3]=0..3 f32[4]=0.5..2", "reduction=\"sum\"", 1e-5, "weights, space" },
    { "f32[3,4,2] i64[3,2]=0..3", "reduction=\"none\", ignore_index=1", 1e-5, "some ignored" },
    { 0 },
};
const op_def op_NegativeLogLikelihoodLoss = {
    .name = "NegativeLogLikelihoodLoss",
    .doc = DOC("-input[n][target], weighted by class, summed or averaged"),
    .in = { { "input", "float" }, { "target", "i32|i64" }, { "weight", "optional as input" } },
    .out = { { "loss", "as input" } },
    .attrs = { IGNORE, TEXT("reduction", "mean") },
    .infer = infer_loss,
    .expand = expand_nll,
    .cases = CASES(nll_cases),
};

static const op_case cross_entropy_cases[] = {
    { "f32[5,7] i64[5]=0..6", "n_out=2", 1e-5, "the common case" },
    { "f32[2,4,3] i32[2,3]=0..3 f32[4]=0.5..2", "reduction=\"mean\", ignore_index=2", 1e-5, "weights, some ignored" },
    { 0 },
};
const op_def op_SoftmaxCrossEntropyLoss = {
    .name = "SoftmaxCrossEntropyLoss",
    .doc = DOC("NegativeLogLikelihoodLoss of LogSoftmax"),
    .in = { { "scores", "float" }, { "labels", "i32|i64" }, { "weights", "optional as scores" } },
    .out = { { "output", "as scores" }, { "log_prob", "as scores" } },
    .attrs = { IGNORE, TEXT("reduction", "mean") },
    .infer = infer_loss,
    .expand = expand_cross_entropy,
    .cases = CASES(cross_entropy_cases),
};

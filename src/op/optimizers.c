/* The optimizers of the training domain: one step for any number of tensors. Inputs are the rate R, the count T of steps so far, then all
 * tensors X, all their gradients, and what each remembers, kind by kind; outputs are the new tensors and memories in the same order. */
#include "op/op_util.h"

typedef struct step {
    build *b;
    const node *n;
    qn_dtype real;
    val rate, count;
    u32 tensors;
} step;

static u32 memories(u16 op) { return op == OP_Adam ? 2 : 1; }

static qn_status infer_optimizer(infer *c)
{
    u32 kinds = 2 + memories(c->n->op), many = c->n->n_in - 2;
    if (many % kinds)
        return infer_fail(c, QN_E_SHAPE, "%u inputs do not divide into tensors, gradients and what they remember", many);
    u32 tensors = many / kinds;
    for (u32 i = 0; i < many; i++) {
        const type *x = infer_in(c, 2 + i % tensors), *t = infer_in(c, 2 + i);
        if (!x || !t || t->rank != x->rank)
            return infer_fail(c, QN_E_SHAPE, "input %u does not have the shape of its tensor", 2 + i);
        for (u32 d = 0; d < x->rank; d++)
            if (infer_differ(c->g, x->dims[d], t->dims[d]))
                return infer_fail(c, QN_E_SHAPE, "input %u does not have the shape of its tensor", 2 + i);
    }
    for (u32 o = 0; o < c->n->n_out; o++) QN_TRY(infer_out(c, o, infer_in(c, 2 + o % tensors)));
    return QN_OK;
}

static val number(const step *s, f64 v) { return build_scalar(s->b, s->real, v); }
static val scaled(const step *s, val x, f64 by) { return by == 1 ? x : build_op2(s->b, OP_Mul, x, number(s, by)); }
static val sum(const step *s, val a, val b) { return build_op2(s->b, OP_Add, a, b); }
static val difference(const step *s, val a, val b) { return build_op2(s->b, OP_Sub, a, b); }
static val product(const step *s, val a, val b) { return build_op2(s->b, OP_Mul, a, b); }
static val ratio(const step *s, val a, val b) { return build_op2(s->b, OP_Div, a, b); }
static f64 option(const step *s, const char *name) { return attr_float(s->n, name, op_attr_of(op_of(s->n), name)->f); }

/* Of kind 0 the tensor, 1 its gradient (with the share that pulls toward 0), 2 and 3 what it remembers. */
static val of_kind(const step *s, u32 kind, u32 i)
{
    val v = build_in(s->b, 2 + kind * s->tensors + i);
    f64 pull = option(s, "norm_coefficient");
    return kind == 1 && pull != 0 ? sum(s, scaled(s, of_kind(s, 0, i), pull), v) : v;
}

/* One tensor's step: out[0] the tensor, out[1..] what it remembers. */
static void adagrad(const step *s, u32 i, val *out)
{
    val g = of_kind(s, 1, i), rate = ratio(s, s->rate, sum(s, scaled(s, s->count, option(s, "decay_factor")), number(s, 1)));
    out[1] = sum(s, of_kind(s, 2, i), product(s, g, g));
    val by = sum(s, build_op1(s->b, OP_Sqrt, out[1]), number(s, option(s, "epsilon")));
    out[0] = difference(s, of_kind(s, 0, i), ratio(s, product(s, rate, g), by));
}

static val once_begun(const step *s, val begun, val first)
{
    val on = build_op2(s->b, OP_Greater, s->count, number(s, 0));
    return build_node(s->b, OP_Where, (const val[]){ on, begun, first }, 3, NULL, 0);
}

static void adam(const step *s, u32 i, val *out)
{
    f64 alpha = option(s, "alpha"), beta = option(s, "beta");
    val g = of_kind(s, 1, i), one = number(s, 1);
    val rest_a = difference(s, one, build_op2(s->b, OP_Pow, number(s, alpha), s->count));
    val rest_b = difference(s, one, build_op2(s->b, OP_Pow, number(s, beta), s->count));
    val rate = once_begun(s, ratio(s, product(s, s->rate, build_op1(s->b, OP_Sqrt, rest_b)), rest_a), s->rate);
    out[1] = sum(s, scaled(s, of_kind(s, 2, i), alpha), scaled(s, g, 1 - alpha));
    out[2] = sum(s, scaled(s, of_kind(s, 3, i), beta), scaled(s, product(s, g, g), 1 - beta));
    val by = sum(s, build_op1(s->b, OP_Sqrt, out[2]), number(s, option(s, "epsilon")));
    out[0] = difference(s, of_kind(s, 0, i), ratio(s, product(s, rate, out[1]), by));
    out[0] = scaled(s, out[0], 1 - option(s, "norm_coefficient_post"));
}

static void momentum(const step *s, u32 i, val *out)
{
    f64 alpha = option(s, "alpha");
    val g = of_kind(s, 1, i), beta = once_begun(s, number(s, option(s, "beta")), number(s, 1));
    out[1] = sum(s, scaled(s, of_kind(s, 2, i), alpha), product(s, beta, g));
    val by = text_same(attr_text(s->b->g, s->n, "mode", ""), "nesterov") ? sum(s, g, scaled(s, out[1], alpha)) : out[1];
    out[0] = difference(s, of_kind(s, 0, i), product(s, s->rate, by));
}

static qn_status expand_optimizer(build *b, const node *n)
{
    u32 kinds = memories(n->op) + 1;
    step s = { .b = b, .n = n, .real = build_type(b, build_in(b, 2))->dtype, .tensors = (n->n_in - 2) / (kinds + 1) };
    val *outs = ARENA_ARRAY(b->g->mem, (size_t)kinds * s.tensors + 1, val), one[3] = { 0 };
    if (!outs) return fail_nomem((u64)kinds * s.tensors * sizeof *outs);
    s.rate = build_cast(b, build_reshape(b, build_in(b, 0), NULL, 0), s.real);
    s.count = build_cast(b, build_reshape(b, build_in(b, 1), NULL, 0), s.real);
    for (u32 i = 0; i < s.tensors; i++) {
        (n->op == OP_Adam ? adam : n->op == OP_Adagrad ? adagrad : momentum)(&s, i, one);
        for (u32 k = 0; k < kinds; k++) outs[k * s.tensors + i] = one[k];
    }
    return build_done(b, outs, MIN(kinds * s.tensors, n->n_out));
}

#define OPTIMIZER(op, text, cases_, ...)                                                                                    \
    const op_def op_##op = { .name = #op,                                                                                   \
                             .domain = "ai.onnx.preview.training",                                                          \
                             .doc = DOC(text),                                                                              \
                             .min_in = 5,                                                                                   \
                             .in = { { "R", "f32|f64" }, { "T", "i64" }, { "tensors", "many f32|f64" } },                   \
                             .out = { { "outputs", "many f32|f64" } },                                                      \
                             .attrs = { __VA_ARGS__ },                                                                      \
                             .infer = infer_optimizer,                                                                      \
                             .expand = expand_optimizer,                                                                    \
                             .cases = CASES(cases_) };
static const op_case two_cases[] = { { "f32[]={0.1} i64[]={3} f32[2,3] f32[4] f32[2,3] f32[4] f32[2,3]=0..1 f32[4]=0..1",
                                       "norm_coefficient=0.01, n_out=4", 1e-5, "two tensors" },
                                     { 0 } };
static const op_case adam_cases[] = {
    { "f32[]={0.1} i64[]={3} f32[5] f32[5] f32[5] f32[5]=0..1", "norm_coefficient=0.01, norm_coefficient_post=0.1, n_out=3",
      1e-5, "under way" },
    { "f32[]={0.1} i64[]={0} f32[5] f32[5] f32[5] f32[5]=0..1", "n_out=3", 1e-5, "the first step" },
    { 0 },
};
static const op_case momentum_cases[] = {
    { "f32[]={0.1} i64[]={3} f32[5] f32[5] f32[5]", "alpha=0.9, beta=0.2, mode=\"nesterov\", norm_coefficient=0.1, n_out=2",
      1e-5, "nesterov" },
    { "f32[]={0.1} i64[]={0} f32[5] f32[5] f32[5]", "alpha=0.9, beta=0.2, mode=\"standard\", norm_coefficient=0.0, n_out=2",
      1e-5, "the first step" },
    { 0 },
};
OPTIMIZER(Adagrad, "Adagrad: steps shrink with the squares of all gradients so far", two_cases, FLOAT("decay_factor", 0),
          FLOAT("epsilon", 1e-6), FLOAT("norm_coefficient", 0))
OPTIMIZER(Adam, "Adam: steps by the running means of the gradients and their squares", adam_cases, FLOAT("alpha", 0.9),
          FLOAT("beta", 0.999), FLOAT("epsilon", 1e-6), FLOAT("norm_coefficient", 0), FLOAT("norm_coefficient_post", 0))
OPTIMIZER(Momentum, "gradient descent with momentum, standard or nesterov", momentum_cases, NEEDED("alpha", ATTR_FLOAT),
          NEEDED("beta", ATTR_FLOAT), NEEDED("mode", ATTR_TEXT), NEEDED("norm_coefficient", ATTR_FLOAT))

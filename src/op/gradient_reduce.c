/* Gradients of what folds a dimension: reductions, Softmax, running sums. Formulas over x, and over y with the folded dimensions as 1. */
#include "op/formula.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/reduce.h"

/* x / count of what was folded into one. */
static val mean_of(build *b, val g, const type *x, const type *y)
{
    sym many = type_elems(b->g, x), each = sym_max(b->g, type_elems(b->g, y), sym_one(b->g));
    sym count = sym_div(b->g, many, each);
    val n = build_cast(b, build_reshape(b, build_syms(b, &count, 1), NULL, 0), x->dtype);
    return build_op2(b, OP_Div, g, n);
}

/* Equal extremes share. */
static val share(build *b, val g, val a, val y, u32 bits)
{
    val hit = build_formula(b, "a == y ? 1 : 0", "ay", a, y);
    return build_formula(b, "g * h / n", "ghn", g, hit, build_reduce(b, OP_ReduceSum, hit, bits));
}

/* The product of the others: of the elements but the zeros, wherever no other is 0. */
static val product_of_others(build *b, val g, val a, u32 bits)
{
    val t = build_formula(b, "a == 0 ? 1 : a", "a", a), z = build_formula(b, "a == 0 ? 1 : 0", "a", a);
    val p = build_reduce(b, OP_ReduceProd, t, bits), n = build_reduce(b, OP_ReduceSum, z, bits);
    return build_formula(b, "g * p * (n == 0 ? 1 / t : n == 1 ? z : 0)", "gptnz", g, p, t, n, z);
}

void gradient_reduce(grads *c)
{
    static const struct {
        u16 op;
        const char *formula;
    } rows[] = {
        { OP_ReduceSumSquare, "g * 2 * a" },
        { OP_ReduceL1, "g * Sign(a)" },
        { OP_ReduceL2, "t = y == 0 ? 1 : y; g * a / t" },
        { OP_ReduceLogSumExp, "g * Exp(a - y)" },
    };
    build *b = c->b;
    const type x = *grads_in_type(c, 0), ty = *grads_out_type(c, 0);
    u32 bits = reduce_axes(b->g, b->n, x.rank);
    sym kept[QN_MAX_RANK];
    for (u32 d = 0; d < x.rank; d++) kept[d] = bits >> d & 1 ? sym_one(b->g) : x.dims[d];
    val a = grads_in(c, 0), y = build_reshape(b, grads_out(c, 0), kept, x.rank),
        g = build_reshape(b, c->dy[0], kept, x.rank);
    for (u32 i = 0; i < COUNT(rows); i++)
        if (rows[i].op == b->n->op) c->dx[0] = build_formula(b, rows[i].formula, "gay", g, a, y);
    if (b->n->op == OP_ReduceMax || b->n->op == OP_ReduceMin) c->dx[0] = share(b, g, a, y, bits);
    if (b->n->op == OP_ReduceProd) c->dx[0] = product_of_others(b, g, a, bits);
    if (c->dx[0]) return;
    if (b->n->op == OP_ReduceLogSum) g = build_formula(b, "g / Exp(y)", "gy", g, y);
    if (b->n->op == OP_ReduceMean) g = mean_of(b, g, &x, &ty);
    c->dx[0] = build_node(b, OP_Expand, (const val[]){ g, build_syms(b, x.dims, x.rank) }, 2, NULL, 0);
}

/* A row of NaN, in which nothing was to be seen and which somebody put zeros over, gets nothing. */
void gradient_softmax(grads *c)
{
    build *b = c->b;
    u32 rank = grads_in_type(c, 0)->rank, bits = rank ? 1u << axis_of(b->n, "axis", -1, rank) : 0;
    val g = c->dy[0], y = grads_out(c, 0);
    bool logs = b->n->op == OP_LogSoftmax;
    val sum = build_reduce(b, OP_ReduceSum, logs ? g : build_op2(b, OP_Mul, g, y), bits);
    c->dx[0] = build_formula(b, logs ? "g - Exp(y) * t" : "y == y ? y * (g - t) : 0", "gyt", g, y, sum);
}

static val scan(grads *c, op_id op, val x, bool exclusive, bool reverse)
{
    const attr attrs[] = { attr_of_int("exclusive", exclusive), attr_of_int("reverse", reverse) };
    return build_node(c->b, op, (const val[]){ x, grads_in(c, 1) }, 2, attrs, 2);
}

static bool flag(const grads *c, const char *name) { return attr_int(c->b->n, name, 0) != 0; }

/* What an element was added to lies behind it, so the sums run the other way. */
static val sums_behind(grads *c, val g) { return scan(c, OP_CumSum, g, flag(c, "exclusive"), !flag(c, "reverse")); }

void gradient_cumsum(grads *c) { c->dx[0] = sums_behind(c, c->dy[0]); }

/* An element is a factor of all products behind it: what they got, divided by it. The first 0 is a factor of zeros: it gets what it would
 * get if it were 1; whatever stands behind it gets nothing. */
void gradient_cumprod(grads *c)
{
    build *b = c->b;
    val a = grads_in(c, 0), g = c->dy[0], zero = build_formula(b, "a == 0 ? 1 : 0", "a", a);
    val first = build_formula(b, "z * (n == 1 ? 1 : 0)", "zn", zero, scan(c, OP_CumSum, zero, false, flag(c, "reverse")));
    val other = scan(c, OP_CumProd, build_op2(b, OP_Add, a, first), flag(c, "exclusive"), flag(c, "reverse"));
    val all = sums_behind(c, build_op2(b, OP_Mul, g, grads_out(c, 0)));
    val rest = sums_behind(c, build_op2(b, OP_Mul, g, other));
    c->dx[0] = build_formula(b, "f == 1 ? r : z == 1 ? 0 : s / (a + z)", "frzsa", first, rest, zero, all, a);
}

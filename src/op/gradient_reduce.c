/* Gradients of what folds a dimension: reductions, Softmax, running sums. Formulas over x, and over y with the folded dimensions as 1. */
#include <assert.h>

#include "op/formula.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/reduce.h"

/* A reduction: dy and y with the dimensions in `bits` as 1, and x. */
typedef struct folded {
    val g, y, a;
    u32 bits;
} folded;

/* g / count of what was folded into one. */
static val of_mean(build *b, const folded *f)
{
    const type x = *build_type(b, f->a), y = *build_type(b, f->y);
    sym each = sym_max(b->g, type_elems(b->g, &y), sym_one(b->g)), count = sym_div(b->g, type_elems(b->g, &x), each);
    val n = build_cast(b, build_reshape(b, build_syms(b, &count, 1), NULL, 0), x.dtype);
    return build_op2(b, OP_Div, f->g, n);
}

/* Equal extremes share. */
static val of_extreme(build *b, const folded *f)
{
    val hit = build_formula(b, "a == y ? 1 : 0", "ay", f->a, f->y);
    return build_formula(b, "g * h / n", "ghn", f->g, hit, build_reduce(b, OP_ReduceSum, hit, f->bits));
}

/* The product of the others: of the elements but the zeros, wherever no other is 0. */
static val of_product(build *b, const folded *f)
{
    val t = build_formula(b, "a == 0 ? 1 : a", "a", f->a), z = build_formula(b, "a == 0 ? 1 : 0", "a", f->a);
    val p = build_reduce(b, OP_ReduceProd, t, f->bits), n = build_reduce(b, OP_ReduceSum, z, f->bits);
    return build_formula(b, "g * p * (n == 0 ? 1 / t : n == 1 ? z : 0)", "gptnz", f->g, p, t, n, z);
}

/* What an element gets; where it hangs on none of them (each: false), all that were folded into one get the same. */
static const struct {
    u16 op;
    bool each;
    const char *formula; /* over g, a, y; NULL: */
    val (*make)(build *b, const folded *f);
} reductions[] = {
    { OP_ReduceSum, false, "g", NULL },
    { OP_ReduceMean, false, NULL, of_mean },
    { OP_ReduceLogSum, false, "g / Exp(y)", NULL },
    { OP_ReduceSumSquare, true, "g * 2 * a", NULL },
    { OP_ReduceL1, true, "g * Sign(a)", NULL },
    { OP_ReduceL2, true, "t = y == 0 ? 1 : y; g * a / t", NULL },
    { OP_ReduceLogSumExp, true, "g * Exp(a - y)", NULL },
    { OP_ReduceMax, true, NULL, of_extreme },
    { OP_ReduceMin, true, NULL, of_extreme },
    { OP_ReduceProd, true, NULL, of_product },
};

void gradient_reduce(grads *c)
{
    build *b = c->b;
    const type x = *grads_in_type(c, 0);
    sym kept[QN_MAX_RANK];
    folded f = { .bits = reduce_axes(b->g, b->n, x.rank), .a = grads_in(c, 0) };
    for (u32 d = 0; d < x.rank; d++) kept[d] = f.bits >> d & 1 ? sym_one(b->g) : x.dims[d];
    f.y = build_reshape(b, grads_out(c, 0), kept, x.rank);
    f.g = build_reshape(b, c->dy[0], kept, x.rank);
    u32 i = 0;
    while (i + 1 < COUNT(reductions) && reductions[i].op != b->n->op) i++;
    assert(reductions[i].op == b->n->op);
    val dx = reductions[i].make ? reductions[i].make(b, &f) : build_formula(b, reductions[i].formula, "gay", f.g, f.a, f.y);
    if (!reductions[i].each) dx = build_expand(b, dx, x.dims, x.rank);
    c->dx[0] = dx;
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

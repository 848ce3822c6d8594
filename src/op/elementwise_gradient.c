/* What the operands of elementwise rows get: the rows' formulas, as nodes. */
#include "op/elementwise.h"
#include "op/formula.h"
#include "op/gradient.h"
#include "op/op_util.h"

/* Operands of another type (Pow's exponent) count in the type of the result; a condition stays what it is. */
static val operand(const grads *c, u32 i, qn_dtype d)
{
    val v = grads_in(c, i);
    return v && build_type(c->b, v)->dtype != QN_BOOL ? build_cast(c->b, v, d) : v;
}

void ew_gradient(grads *c)
{
    const node *n = c->b->n;
    const ew_row *row = op_of(n)->row;
    formula f = { .b = c->b, .dtype = build_type(c->b, c->dy[0])->dtype };
    ew_step step;
    if (c->b->status == QN_OK) c->b->status = ew_step_of(c->b->g, n, &step);
    if (c->b->status != QN_OK) return;
    for (u32 i = 0; i < n->n_in && i < COUNT(row->grad); i++) formula_set(&f, "abc"[i], operand(c, i, f.dtype));
    for (u32 k = 0; k < COUNT(row->params) && row->params[k]; k++)
        formula_set(&f, "pqrs"[k], build_scalar(c->b, f.dtype, step.p[k]));
    formula_set(&f, 'y', grads_out(c, 0));
    formula_set(&f, 'g', c->dy[0]);
    for (u32 i = 0; i < n->n_in && i < COUNT(row->grad); i++)
        if (c->wanted[i] && row->grad[i] && !text_same(row->grad[i], "0"))
            c->dx[i] = build_cast(c->b, formula_build(&f, row->grad[i]), grads_in_type(c, i)->dtype);
}

/* The first operand that is the result gets what arrives: as the row is folded from the left. */
void gradient_extreme(grads *c)
{
    val rest = c->dy[0], y = grads_out(c, 0);
    for (u32 i = 0; i < c->b->n->n_in; i++) {
        val a = grads_in(c, i);
        if (c->wanted[i]) c->dx[i] = build_formula(c->b, "a == y ? g : 0", "gay", rest, a, y);
        rest = build_formula(c->b, "a == y ? 0 : g", "gay", rest, a, y);
    }
}

/* Integers have no gradient, so both types are floats here. */
void gradient_cast(grads *c) { c->dx[0] = build_cast(c->b, c->dy[0], grads_in_type(c, 0)->dtype); }

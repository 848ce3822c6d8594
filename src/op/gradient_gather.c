/* Gradients of what picks elements by index: scattered back where they came from, added up where one was picked twice. */
#include "op/formula.h"
#include "op/gradient.h"
#include "op/op_util.h"

static val scatter(build *b, op_id op, val data, val indices, val updates, const char *reduction, i64 axis)
{
    const attr attrs[] = { attr_of_text("reduction", reduction), attr_of_int("axis", axis) };
    return build_node(b, op, (const val[]){ data, indices, updates }, 3, attrs, op == OP_ScatterElements ? 2 : 1);
}

/* Dimensions [from, from + n) of x come first; back: the first n go there again. */
static val to_front(build *b, val x, u32 from, u32 n, bool back)
{
    i64 perm[QN_MAX_RANK], turned[QN_MAX_RANK];
    u32 rank = build_type(b, x)->rank, k = 0;
    if (!from) return x;
    for (u32 d = 0; d < n; d++) perm[k++] = from + d;
    for (u32 d = 0; d < rank; d++)
        if (d < from || d >= from + n) perm[k++] = d;
    for (u32 d = 0; d < rank; d++) turned[perm[d]] = d;
    return build_turn(b, x, back ? turned : perm);
}

/* Negative indices count from the end; ScatterND reads them so too. */
void gradient_gather(grads *c)
{
    build *b = c->b;
    const type x = *grads_in_type(c, 0), idx = *grads_in_type(c, 1);
    u32 axis = axis_of(b->n, "axis", 0, x.rank);
    type front = x;
    front.dims[0] = x.dims[axis];
    for (u32 d = 0; d < axis; d++) front.dims[d + 1] = x.dims[d];
    sym tuples[QN_MAX_RANK + 1];
    memcpy(tuples, idx.dims, sizeof idx.dims);
    tuples[idx.rank] = sym_one(b->g);
    if (idx.rank == QN_MAX_RANK) {
        build_fail(b, QN_E_UNSUPPORTED, "its gradient would have too many dimensions");
        return;
    }
    val at = build_reshape(b, build_cast(b, grads_in(c, 1), QN_I64), tuples, idx.rank + 1u);
    val g = idx.rank ? to_front(b, c->dy[0], axis, idx.rank, false) : c->dy[0];
    val dx = scatter(b, OP_ScatterND, build_fill(b, &front, 0), at, g, "add", 0);
    c->dx[0] = to_front(b, dx, axis, 1, true);
}

void gradient_gather_elements(grads *c)
{
    val zeros = build_fill(c->b, grads_in_type(c, 0), 0);
    c->dx[0] = scatter(c->b, OP_ScatterElements, zeros, grads_in(c, 1), c->dy[0], "add", attr_int(c->b->n, "axis", 0));
}

void gradient_gather_nd(grads *c)
{
    if (attr_int(c->b->n, "batch_dims", 0)) {
        gradient_by_places(c, 1);
        return;
    }
    val zeros = build_fill(c->b, grads_in_type(c, 0), 0);
    c->dx[0] = scatter(c->b, OP_ScatterND, zeros, grads_in(c, 1), c->dy[0], "add", 0);
}

/* What was overwritten gets nothing, and what was written gets what arrived there. An element that is written twice is the last one's to
 * write, which no order says: its gradient goes to all of them. */
static void scattered(grads *c, op_id back)
{
    build *b = c->b;
    const char *reduction = attr_text(b->g, b->n, "reduction", "none");
    bool none = text_same(reduction, "none");
    attr axis = attr_of_int("axis", attr_int(b->n, "axis", 0));
    val at = grads_in(c, 1), g = c->dy[0];
    if (!none && !text_same(reduction, "add")) {
        build_fail(b, QN_E_UNSUPPORTED, "it has no gradient with reduction '%s', only with none and add", reduction);
        return;
    }
    val zeros = c->wanted[0] && none ? build_fill(b, grads_in_type(c, 2), 0) : 0;
    if (c->wanted[0]) c->dx[0] = none ? scatter(b, (op_id)b->n->op, g, at, zeros, "none", axis.i) : g;
    if (c->wanted[2]) c->dx[2] = build_node(b, back, (const val[]){ g, at }, 2, &axis, back == OP_GatherElements);
}

void gradient_scatter_elements(grads *c) { scattered(c, OP_GatherElements); }
void gradient_scatter_nd(grads *c) { scattered(c, OP_GatherND); }

void gradient_topk(grads *c)
{
    if (!c->dy[0]) return;
    build *b = c->b;
    val at = 0;
    if (b->n->n_out > 1) at = grads_out(c, 1);
    else {
        const val in[] = { grads_in(c, 0), grads_in(c, 1) };
        nid again = build_node_outs(b, OP_TopK, in, 2, 2, b->n->attrs, b->n->n_attrs);
        if (!again) return;
        at = node_at(b->g, again)->out[1];
    }
    val zeros = build_fill(b, grads_in_type(c, 0), 0);
    c->dx[0] = scatter(b, OP_ScatterElements, zeros, at, c->dy[0], "add", attr_int(b->n, "axis", -1));
}

static val single(build *b, val x)
{
    sym one = sym_one(b->g);
    return build_reshape(b, x, &one, 1);
}

/* values[1] gets what arrives where the index is, values[0] all the rest. */
void gradient_one_hot(grads *c)
{
    build *b = c->b;
    qn_dtype d = grads_in_type(c, 2)->dtype;
    val ends = build_concat(b, single(b, build_scalar(b, d, 0)), single(b, build_scalar(b, d, 1)), 0);
    val hot = build_node(b, OP_OneHot, (const val[]){ grads_in(c, 0), grads_in(c, 1), ends }, 3, b->n->attrs, b->n->n_attrs);
    val on = single(b, build_total(b, build_op2(b, OP_Mul, c->dy[0], hot))), all = single(b, build_total(b, c->dy[0]));
    c->dx[2] = build_concat(b, build_op2(b, OP_Sub, all, on), on, 0);
}

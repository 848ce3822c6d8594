/* Gradients of what moves elements about: each puts what arrives back where it came from. */
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/reduce.h"

void gradient_view(grads *c)
{
    const type x = *grads_in_type(c, 0);
    c->dx[0] = build_reshape(c->b, c->dy[0], x.dims, x.rank);
}

void gradient_transpose(grads *c)
{
    const i64 *perm;
    u32 rank = grads_in_type(c, 0)->rank;
    i64 back[QN_MAX_RANK];
    bool given = attr_ints(c->b->n, "perm", &perm) == rank;
    for (u32 d = 0; d < rank; d++) back[given ? perm[d] : rank - 1 - d] = d;
    c->dx[0] = build_turn(c->b, c->dy[0], back);
}

/* It was broadcast, and whoever asks sums it back. */
void gradient_expand(grads *c) { c->dx[0] = c->dy[0]; }

/* Along each axis x[...][size] became y[...][times][size]. */
void gradient_tile(grads *c)
{
    build *b = c->b;
    const type x = *grads_in_type(c, 0);
    val g = c->dy[0];
    for (u32 d = 0; d < x.rank && b->status == QN_OK; d++) {
        type t = *build_type(b, g), to = t;
        sym before = sym_one(b->g), behind = sym_one(b->g);
        if (sym_same(b->g, t.dims[d], x.dims[d])) continue;
        for (u32 k = 0; k < x.rank; k++)
            if (k != d) *(k < d ? &before : &behind) = sym_mul(b->g, k < d ? before : behind, t.dims[k]);
        sym times = sym_div(b->g, t.dims[d], sym_max(b->g, x.dims[d], sym_one(b->g)));
        g = build_reshape(b, g, (const sym[]){ before, times, x.dims[d], behind }, 4);
        to.dims[d] = x.dims[d];
        g = build_reshape(b, build_reduce(b, OP_ReduceSum, g, 1u << 1), to.dims, to.rank);
    }
    c->dx[0] = g;
}

void gradient_concat(grads *c)
{
    build *b = c->b;
    u32 axis = axis_of(b->n, "axis", 0, grads_out_type(c, 0)->rank);
    sym at = sym_zero(b->g);
    for (u32 i = 0; i < b->n->n_in && b->status == QN_OK; i++) {
        sym end = sym_add(b->g, at, grads_in_type(c, i)->dims[axis]);
        if (c->wanted[i]) c->dx[i] = build_slice(b, c->dy[0], axis, at, end);
        at = end;
    }
}

void gradient_split(grads *c)
{
    build *b = c->b;
    val *parts = ARENA_ARRAY(b->g->mem, b->n->n_out, val);
    if (!parts) {
        b->status = fail_nomem(b->n->n_out * sizeof *parts);
        return;
    }
    for (u32 i = 0; i < b->n->n_out; i++) parts[i] = c->dy[i] ? c->dy[i] : build_fill(b, grads_out_type(c, i), 0);
    attr axis = attr_of_int("axis", attr_int(b->n, "axis", 0));
    c->dx[0] = build_node(b, OP_Concat, parts, b->n->n_out, &axis, 1);
}

/* The starts of a Slice that steps by one, counted from the front; false: it steps otherwise. */
static bool starts_of(grads *c, const type *x, sym *start)
{
    graph *g = c->b->g;
    i64 axes[QN_MAX_RANK], steps[QN_MAX_RANK];
    const sym *starts;
    i64 n = value_elems(g, grads_in(c, 1), &starts), number;
    for (u32 d = 0; d < x->rank; d++) start[d] = sym_zero(g);
    if (n < 0 || n > x->rank || (grads_in(c, 3) && known_ints(g, grads_in(c, 3), axes, QN_MAX_RANK) != n)) return false;
    if (grads_in(c, 4) && known_ints(g, grads_in(c, 4), steps, QN_MAX_RANK) != n) return false;
    for (i64 k = 0; k < n; k++) {
        i64 d = grads_in(c, 3) ? axes[k] + (axes[k] < 0 ? x->rank : 0) : k;
        if ((grads_in(c, 4) && steps[k] != 1) || !sym_is_number(g, starts[k], &number)) return false;
        if (number < 0) start[d] = sym_max(g, sym_add(g, x->dims[d], starts[k]), sym_zero(g));
        else start[d] = sym_min(g, starts[k], x->dims[d]);
        if (!start[d]) return false;
    }
    return true;
}

void gradient_slice(grads *c)
{
    const type x = *grads_in_type(c, 0);
    sym start[QN_MAX_RANK];
    if (starts_of(c, &x, start)) c->dx[0] = build_fit(c->b, c->dy[0], start, x.dims);
    else gradient_by_places(c, 1);
}

/* Padding with a constant is undone by padding with less; all that stood outside x is the constant's. */
void gradient_pad(grads *c)
{
    build *b = c->b;
    if (!text_same(attr_text(b->g, b->n, "mode", "constant"), "constant")) {
        gradient_by_places(c, 1);
        return;
    }
    const val in[] = { c->dy[0], build_op1(b, OP_Neg, grads_in(c, 1)), 0, grads_in(c, 3) };
    val dx = build_node(b, OP_Pad, in, 4, NULL, 0);
    c->dx[0] = dx;
    if (b->n->n_in < 3 || !c->wanted[2]) return;
    const type v = *grads_in_type(c, 2);
    c->dx[2] = build_reshape(b, build_op2(b, OP_Sub, build_total(b, c->dy[0]), build_total(b, dx)), v.dims, v.rank);
}

void gradient_same(grads *c)
{
    const node *n = c->b->n;
    const val in[] = { c->dy[0], grads_in(c, 1) };
    c->dx[0] = build_node(c->b, (op_id)n->op, in, n->n_in, n->attrs, n->n_attrs);
}

void gradient_compress(grads *c) { gradient_by_places(c, 1); }
void gradient_tensor_scatter(grads *c) { gradient_by_places(c, 2); }
void gradient_shape(grads *c) { (void)c; }

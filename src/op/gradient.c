/* What gradients are made of: reading the node, sums that undo a broadcast, and the gradient of whatever only moves elements. */
#include "op/elementwise.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/reduce.h"

static bool has_formula(const ew_row *row)
{
    bool has = false;
    for (u32 i = 0; row && i < COUNT(row->grad); i++) has = has || row->grad[i];
    return has;
}

bool op_has_gradient(const op_def *d) { return d->gradient || has_formula(d->row); }

void op_gradient(grads *c)
{
    const op_def *d = op_of(c->b->n);
    if (d->gradient) d->gradient(c);
    else ew_gradient(c);
}

val grads_in(const grads *c, u32 i) { return build_in(c->b, i); }
val grads_out(const grads *c, u32 i) { return live(c->b->g, c->b->n->out[i]); }
const type *grads_in_type(const grads *c, u32 i) { return build_type(c->b, grads_in(c, i)); }
const type *grads_out_type(const grads *c, u32 i) { return build_type(c->b, grads_out(c, i)); }

val build_turn(build *b, val x, const i64 *perm)
{
    if (b->status != QN_OK) return 0;
    attr how = attr_of_ints(b->g, "perm", perm, build_type(b, x)->rank);
    return build_node(b, OP_Transpose, &x, 1, &how, 1);
}

val build_total(build *b, val x)
{
    attr drop = attr_of_int("keepdims", 0);
    return build_node(b, OP_ReduceSum, &x, 1, &drop, 1);
}

val build_added_at(build *b, sym n, val at, val x)
{
    type flat = { .dtype = build_type(b, x)->dtype, .rank = 1, .known = true, .dims = { n } };
    sym elems = type_elems(b->g, build_type(b, x));
    attr add = attr_of_text("reduction", "add");
    const val in[] = { build_fill(b, &flat, 0), build_reshape(b, at, &elems, 1), build_reshape(b, x, &elems, 1) };
    return build_node(b, OP_ScatterElements, in, 3, &add, 1);
}

/* A dimension that is 1 or as in x, which only a run knows, is summed over x's part of it: x[...][have / want][want][...]. */
static val sum_open_dim(build *b, val x, u32 d, sym want)
{
    const type t = *build_type(b, x);
    sym dims[QN_MAX_RANK + 1];
    if (t.rank == QN_MAX_RANK) return build_fail(b, QN_E_UNSUPPORTED, "its gradient would have too many dimensions"), 0;
    for (u32 k = 0; k <= t.rank; k++) dims[k] = t.dims[k <= d ? k : k - 1];
    dims[d] = sym_div(b->g, t.dims[d], sym_max(b->g, want, sym_one(b->g)));
    dims[d + 1] = want;
    x = build_reduce(b, OP_ReduceSum, build_reshape(b, x, dims, t.rank + 1u), 1u << d);
    dims[d] = want;
    for (u32 k = d + 1; k < t.rank; k++) dims[k] = t.dims[k];
    return build_reshape(b, x, dims, t.rank);
}

val build_sum_to(build *b, val x, const type *to)
{
    const type t = *build_type(b, x), want = *to;
    u32 more = t.rank - want.rank, bits = 0;
    for (u32 d = 0; d < t.rank && b->status == QN_OK; d++) {
        bool fold = d < more || (sym_is(b->g, want.dims[d - more], 1) && !sym_is(b->g, t.dims[d], 1));
        if (fold) bits |= 1u << d;
        else if (!sym_same(b->g, t.dims[d], want.dims[d - more])) x = sum_open_dim(b, x, d, want.dims[d - more]);
    }
    if (bits) x = build_reduce(b, OP_ReduceSum, x, bits);
    return more ? build_reshape(b, x, want.dims, want.rank) : x;
}

val build_fit(build *b, val x, const sym *before, const sym *size)
{
    const type t = *build_type(b, x);
    sym pads[2 * QN_MAX_RANK];
    bool fits = true;
    for (u32 d = 0; d < t.rank && b->status == QN_OK; d++) {
        pads[d] = before[d];
        pads[t.rank + d] = sym_sub(b->g, sym_sub(b->g, size[d], t.dims[d]), before[d]);
        fits = fits && sym_is(b->g, pads[d], 0) && sym_is(b->g, pads[t.rank + d], 0);
    }
    return fits ? x : build_node(b, OP_Pad, (const val[]){ x, build_syms(b, pads, 2u * t.rank) }, 2, NULL, 0);
}

/* from, from + 1, ... in the shape of t. */
static val places_from(build *b, sym from, const type *t)
{
    const type of = *t;
    sym ends[] = { from, sym_add(b->g, from, type_elems(b->g, &of)) };
    val at[2];
    for (u32 i = 0; i < 2; i++) at[i] = build_cast(b, build_reshape(b, build_syms(b, &ends[i], 1), NULL, 0), QN_I32);
    val all = build_node(b, OP_Range, (const val[]){ at[0], at[1], build_scalar(b, QN_I32, 1) }, 3, NULL, 0);
    return build_reshape(b, all, of.dims, of.rank);
}

void gradient_by_places(grads *c, u32 n_data)
{
    build *b = c->b;
    const node *n = b->n;
    val in[8] = { 0 };
    sym start[9] = { sym_zero(b->g) };
    for (u32 i = 0; i < n->n_in && i < COUNT(in); i++) {
        in[i] = i < n_data ? places_from(b, start[i], grads_in_type(c, i)) : grads_in(c, i);
        start[i + 1] = i < n_data ? sym_add(b->g, start[i], type_elems(b->g, grads_in_type(c, i))) : 0;
    }
    val from = build_node(b, (op_id)n->op, in, n->n_in, n->attrs, n->n_attrs);
    val all = build_added_at(b, start[n_data], from, c->dy[0]);
    for (u32 i = 0; i < n_data; i++) {
        const type x = *grads_in_type(c, i);
        c->dx[i] = build_reshape(b, n_data > 1 ? build_slice(b, all, 0, start[i], start[i + 1]) : all, x.dims, x.rank);
    }
}

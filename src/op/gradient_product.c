/* Gradients of matrix products and convolutions: products and convolutions of what arrives with the other factor. */
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/reduce.h"
#include "op/window.h"

/* ------------------------------------------------------------------ MatMul */
static val turn_last(build *b, val x)
{
    i64 perm[QN_MAX_RANK];
    u32 rank = build_type(b, x)->rank;
    for (u32 d = 0; d < rank; d++) perm[d] = d + 2 < rank ? d : 2 * rank - 3 - d;
    return rank < 2 ? x : build_turn(b, x, perm);
}

/* x[...][rows][cols] as one matrix of all its rows. */
static val stacked(build *b, val x)
{
    const type t = *build_type(b, x);
    return t.rank < 3 ? x : build_reshape(b, x, (const sym[]){ sym_span(b->g, &t, 0, t.rank - 1u), t.dims[t.rank - 1] }, 2);
}

/* A vector as the matrix that it stands for: a row on the left, a column on the right. */
static type as_matrix(graph *g, const type *t, bool left)
{
    type m = *t;
    if (t->rank != 1) return m;
    m.rank = 2;
    m.dims[0] = left ? sym_one(g) : t->dims[0];
    m.dims[1] = left ? t->dims[0] : sym_one(g);
    return m;
}

static val reshaped(build *b, val x, const type *t)
{
    return build_type(b, x)->rank == t->rank ? x : build_reshape(b, x, t->dims, t->rank);
}

void gradient_matmul(grads *c)
{
    build *b = c->b;
    const type ta = *grads_in_type(c, 0), tb = *grads_in_type(c, 1);
    const type ma = as_matrix(b->g, &ta, true), mb = as_matrix(b->g, &tb, false);
    type mg = *build_type(b, c->dy[0]);
    if (ta.rank == 1 || tb.rank == 1) { /* the dimensions that a vector has not are missing in y */
        u32 had = (ta.rank > 1 ? 1u : 0) + (tb.rank > 1 ? 1u : 0), batch = MAX(mg.rank, had) - had;
        mg.rank = (u8)(batch + 2);
        mg.dims[batch] = ma.dims[ma.rank - 2], mg.dims[batch + 1] = mb.dims[mb.rank - 1];
    }
    val x = reshaped(b, grads_in(c, 0), &ma), y = reshaped(b, grads_in(c, 1), &mb), g = reshaped(b, c->dy[0], &mg);
    if (c->wanted[0]) {
        val dx = build_op2(b, OP_MatMul, g, turn_last(b, y));
        c->dx[0] = ta.rank == 1 ? reshaped(b, build_sum_to(b, dx, &ma), &ta) : dx;
    }
    if (c->wanted[1]) {
        bool one = mb.rank == 2 && ma.rank == mg.rank; /* one right factor for all: one product gives its sum */
        val dy = build_op2(b, OP_MatMul, turn_last(b, one ? stacked(b, x) : x), one ? stacked(b, g) : g);
        c->dx[1] = tb.rank == 1 ? reshaped(b, build_sum_to(b, dy, &mb), &tb) : dy;
    }
}

/* ------------------------------------------------------------------ convolutions */
static attr ints_or_ones(build *b, const char *name, const char *from, u32 rank)
{
    i64 list[3];
    (void)window_ints(b->n, from, rank, 1, 1, list); /* inference has checked it */
    return attr_of_ints(b->g, name, list, rank);
}

/* x[N][groups * C][...] -> [C][groups * N][...]: where x was summed over channels, it is now over the batch. */
static val batch_for_channels(build *b, val x, sym groups)
{
    const type t = *build_type(b, x);
    sym dims[QN_MAX_RANK] = { t.dims[0], groups, sym_div(b->g, t.dims[1], groups) };
    i64 perm[QN_MAX_RANK] = { 2, 1, 0, 3, 4, 5 };
    for (u32 d = 2; d < t.rank; d++) dims[d + 1] = t.dims[d];
    x = build_turn(b, build_reshape(b, x, dims, t.rank + 1u), perm);
    sym to[QN_MAX_RANK] = { dims[2], sym_mul(b->g, groups, t.dims[0]) };
    for (u32 d = 2; d < t.rank; d++) to[d] = t.dims[d];
    return build_reshape(b, x, to, t.rank);
}

static val swap_front(build *b, val x) { return build_turn(b, x, (const i64[]){ 1, 0, 2, 3, 4 }); }

/* The weights' gradient where `fine` (padded) holds the windows and `coarse` one number for each: a convolution of the one with the other,
 * in which steps and dilations change places. */
static val weights_gradient(build *b, val fine, val coarse, const type *w)
{
    u32 rank = w->rank - 2u;
    sym groups = sym_number(b->g, attr_int(b->n, "group", 1)), none[QN_MAX_RANK], size[QN_MAX_RANK];
    const attr attrs[] = { ints_or_ones(b, "strides", "dilations", rank), ints_or_ones(b, "dilations", "strides", rank),
                           attr_of_int("group", attr_int(b->n, "group", 1)) };
    const val in[] = { batch_for_channels(b, fine, groups), swap_front(b, coarse) };
    val dw = swap_front(b, build_node(b, OP_Conv, in, 2, attrs, 3));
    for (u32 d = 0; d < w->rank; d++) none[d] = sym_zero(b->g), size[d] = w->dims[d];
    return build_fit(b, dw, none, size);
}

/* All that the windows over `coarse` reach, without padding. */
static val spread(build *b, val coarse, val weights)
{
    u32 rank = build_type(b, weights)->rank - 2u;
    const attr attrs[] = { ints_or_ones(b, "strides", "strides", rank), ints_or_ones(b, "dilations", "dilations", rank),
                           attr_of_int("group", attr_int(b->n, "group", 1)) };
    return build_node(b, OP_ConvTranspose, (const val[]){ coarse, weights }, 2, attrs, 3);
}

val build_unwindow(build *b, val coarse, val weights, const window *w, const type *x)
{
    sym before[QN_MAX_RANK];
    before[0] = before[1] = sym_zero(b->g);
    for (u32 d = 0; d < w->rank; d++) before[2 + d] = sym_sub(b->g, sym_zero(b->g), w->pad[3 - w->rank + d]);
    return build_fit(b, spread(b, coarse, weights), before, x->dims);
}

static val bias_gradient(build *b, val g)
{
    u32 all = (1u << build_type(b, g)->rank) - 1;
    sym channels = build_type(b, g)->dims[1];
    return build_reshape(b, build_reduce(b, OP_ReduceSum, g, all & ~2u), &channels, 1);
}

static bool wants(const grads *c, u32 i) { return i < c->b->n->n_in && c->wanted[i]; }

void gradient_conv(grads *c)
{
    build *b = c->b;
    const type x = *grads_in_type(c, 0), w = *grads_in_type(c, 1);
    window win = { 0 };
    (void)window_make(b->g, b->n, &x, w.dims + 2, &win);
    if (wants(c, 0)) c->dx[0] = build_unwindow(b, c->dy[0], grads_in(c, 1), &win, &x);
    if (wants(c, 1)) {
        sym before[QN_MAX_RANK], size[QN_MAX_RANK];
        for (u32 d = 0; d < 2; d++) before[d] = sym_zero(b->g), size[d] = x.dims[d];
        for (u32 d = 0; d < win.rank; d++)
            before[2 + d] = win.pad[3 - win.rank + d], size[2 + d] = win.padded[3 - win.rank + d];
        c->dx[1] = weights_gradient(b, build_fit(b, grads_in(c, 0), before, size), c->dy[0], &w);
    }
    if (wants(c, 2)) c->dx[2] = bias_gradient(b, c->dy[0]);
}

/* y is a part of all that x's windows reach, with zeros where output_padding went beyond: cut to what was reached, it is a Conv's input. */
void gradient_conv_transpose(grads *c)
{
    build *b = c->b;
    const type x = *grads_in_type(c, 0), w = *grads_in_type(c, 1);
    window win = { 0 };
    (void)conv_transpose_window(b->g, b->n, &x, &w, &win);
    sym before[QN_MAX_RANK], size[QN_MAX_RANK], one = sym_one(b->g);
    for (u32 d = 0; d < 2; d++) before[d] = sym_zero(b->g), size[d] = build_type(b, c->dy[0])->dims[d];
    for (u32 d = 0; d < win.rank; d++) {
        u32 k = 3 - win.rank + d;
        sym steps = sym_mul(b->g, sym_sub(b->g, win.in[k], one), sym_number(b->g, win.step[k]));
        sym reach = sym_mul(b->g, sym_sub(b->g, win.kernel[k], one), sym_number(b->g, win.dilation[k]));
        before[2 + d] = win.pad[k];
        size[2 + d] = sym_add(b->g, sym_add(b->g, steps, reach), one);
    }
    val g = build_fit(b, c->dy[0], before, size);
    if (c->wanted[0]) {
        const attr attrs[] = { ints_or_ones(b, "strides", "strides", win.rank),
                               ints_or_ones(b, "dilations", "dilations", win.rank),
                               attr_of_int("group", attr_int(b->n, "group", 1)) };
        c->dx[0] = build_node(b, OP_Conv, (const val[]){ g, grads_in(c, 1) }, 2, attrs, 3);
    }
    if (c->wanted[1]) c->dx[1] = weights_gradient(b, g, grads_in(c, 0), &w);
    if (wants(c, 2)) c->dx[2] = bias_gradient(b, c->dy[0]);
}

/* The columns of dy's blocks: a convolution of each plane with every element of a block alone. */
void gradient_col2im(grads *c)
{
    build *b = c->b;
    const type x = *grads_in_type(c, 0), y = *grads_out_type(c, 0);
    i64 block[3] = { 1, 1, 1 };
    u32 rank = y.rank - 2u;
    (void)known_ints(b->g, grads_in(c, 2), block, rank);
    sym elems = sym_number(b->g, block[0] * block[1] * block[2]), dims[5] = { elems, sym_one(b->g) };
    for (u32 d = 0; d < rank; d++) dims[2 + d] = sym_number(b->g, block[d]);
    const type square = { .dtype = x.dtype, .rank = 2, .known = true, .dims = { elems, elems } };
    val one_each = build_reshape(b, build_op1(b, OP_EyeLike, build_fill(b, &square, 0)), dims, rank + 2);
    dims[0] = sym_mul(b->g, y.dims[0], y.dims[1]);
    for (u32 d = 0; d < rank; d++) dims[2 + d] = y.dims[2 + d];
    const val in[] = { build_reshape(b, c->dy[0], dims, rank + 2), one_each };
    c->dx[0] = build_reshape(b, build_node(b, OP_Conv, in, 2, b->n->attrs, b->n->n_attrs), x.dims, x.rank);
}

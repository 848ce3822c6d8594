/* Gradients of pools and of LRN, whose window slides over channels. */
#include "op/formula.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/window.h"

/* Each window's gradient goes to its largest element, which the pool's second output names. */
void gradient_max_pool(grads *c)
{
    build *b = c->b;
    const type x = *grads_in_type(c, 0);
    attr attrs[OP_MOST_ATTRS];
    u32 n = node_attrs_but(b->n, (const char *const[]){ "storage_order", NULL }, attrs);
    val in = grads_in(c, 0);
    nid again = build_node_outs(b, OP_MaxPool, &in, 1, 2, attrs, n);
    if (!again) return;
    val dx = build_added_at(b, type_elems(b->g, &x), node_at(b->g, again)->out[1], c->dy[0]);
    c->dx[0] = build_reshape(b, dx, x.dims, x.rank);
}

/* t[N][C][...] as [N * C][1][...] */
static type planes(build *b, const type *t)
{
    type p = *t;
    p.dims[0] = sym_mul(b->g, t->dims[0], t->dims[1]);
    p.dims[1] = sym_one(b->g);
    return p;
}

static type with_one_plane(build *b, const type *t)
{
    type p = *t;
    p.dims[0] = p.dims[1] = sym_one(b->g);
    return p;
}

/* Each element of x gets the sum of what the windows over it got. */
static val add_windows(grads *c, val g)
{
    build *b = c->b;
    const type x = *grads_in_type(c, 0), tx = planes(b, &x), tg = planes(b, build_type(b, g));
    const i64 *kernel;
    type w = { .dtype = x.dtype, .rank = x.rank, .known = true };
    window win = { 0 };
    (void)window_make(b->g, b->n, &x, NULL, &win);
    w.dims[0] = w.dims[1] = sym_one(b->g);
    (void)attr_ints(b->n, "kernel_shape", &kernel);
    for (u32 d = 2; d < x.rank; d++) w.dims[d] = sym_number(b->g, kernel[d - 2]);
    val dx = build_unwindow(b, build_reshape(b, g, tg.dims, tg.rank), build_fill(b, &w, 1), &win, &tx);
    return build_reshape(b, dx, x.dims, x.rank);
}

/* How much of a window's mean an element is: the mean of ones, divided by how many ones there were. */
void gradient_average_pool(grads *c)
{
    build *b = c->b;
    const type x = *grads_in_type(c, 0), one = with_one_plane(b, &x);
    attr attrs[OP_MOST_ATTRS + 1];
    val ones = build_fill(b, &one, 1), mean = build_node(b, OP_AveragePool, &ones, 1, b->n->attrs, b->n->n_attrs);
    u32 n = node_attrs_but(b->n, (const char *const[]){ "count_include_pad", NULL }, attrs);
    attrs[n++] = attr_of_int("p", 1);
    val count = build_node(b, OP_LpPool, &ones, 1, attrs, n);
    c->dx[0] = add_windows(c, build_formula(b, "g * m / n", "gmn", c->dy[0], mean, count));
}

void gradient_lp_pool(grads *c)
{
    build *b = c->b;
    val p = build_scalar(b, build_type(b, c->dy[0])->dtype, (f64)attr_int(b->n, "p", 2));
    val each = build_formula(b, "y == 0 ? 0 : g * Pow(y, 1 - p)", "gyp", c->dy[0], grads_out(c, 0), p);
    c->dx[0] = build_formula(b, "w * Sign(a) * Pow(Abs(a), p - 1)", "wap", add_windows(c, each), grads_in(c, 0), p);
}

/* The mean over `size` channels around each, zeros beyond the ends; back: what each channel gave to those around it. */
static val mean_of_channels(build *b, val x, i64 size, bool back)
{
    const type t = *build_type(b, x);
    i64 first = back ? size / 2 : (size - 1) / 2;
    const i64 kernel[] = { size, 1 }, pads[] = { first, 0, size - 1 - first, 0 };
    const attr attrs[] = { attr_of_ints(b->g, "kernel_shape", kernel, 2), attr_of_ints(b->g, "pads", pads, 4),
                           attr_of_int("count_include_pad", 1) };
    x = build_reshape(b, x, (const sym[]){ t.dims[0], sym_one(b->g), t.dims[1], sym_span(b->g, &t, 2, t.rank) }, 4);
    return build_reshape(b, build_node(b, OP_AveragePool, &x, 1, attrs, 3), t.dims, t.rank);
}

/* y = x * s^-beta, where s = bias + alpha * (the mean of squares). */
void gradient_lrn(grads *c)
{
    build *b = c->b;
    const op_def *d = op_of(b->n);
    qn_dtype dtype = build_type(b, c->dy[0])->dtype;
    val set[3], a = grads_in(c, 0), g = c->dy[0];
    for (u32 i = 0; i < 3; i++) {
        const op_attr *o = op_attr_of(d, (const char *const[]){ "alpha", "beta", "bias" }[i]);
        set[i] = build_scalar(b, dtype, attr_float(b->n, o->name, o->f));
    }
    i64 size = attr_int(b->n, "size", 1);
    val squares = mean_of_channels(b, build_op2(b, OP_Mul, a, a), size, false);
    val s = build_formula(b, "p + q * m", "pqm", set[2], set[0], squares);
    val around = mean_of_channels(b, build_formula(b, "g * a * Pow(s, -q - 1)", "gasq", g, a, s, set[1]), size, true);
    c->dx[0] = build_formula(b, "g * Pow(s, -q) - 2 * p * q * a * m", "gspqam", g, s, set[0], set[1], a, around);
}

/* Concat: inputs one after another along an axis. One strided copy per input into its part of the output; where only MAP kernels run,
 * a MAP that picks among four inputs, and more inputs four at a time through scratch. */
#include "op/blocked.h"
#include "op/copy.h"
#include "op/elems.h"
#include "op/gradient.h"
#include "op/op_util.h"

/* Element k of the result, for elems: which input, and where in it. Rank 0 or 1 only in practice; any rank with known sizes. */
static sym concat_element(const infer *c, const type *out, u32 axis, u32 k)
{
    i64 at[QN_MAX_RANK] = { 0 };
    for (u32 d = out->rank; d-- > 0;) {
        i64 n;
        if (!sym_is_number(c->g, out->dims[d], &n) || n == 0) return 0;
        at[d] = (i64)k % n;
        k /= (u32)n;
    }
    for (u32 i = 0; i < c->n->n_in; i++) {
        const type *t = infer_in(c, i);
        const sym *elems;
        i64 n, index = 0;
        if (!sym_is_number(c->g, t->dims[axis], &n)) return 0;
        if (at[axis] >= n) {
            at[axis] -= n;
            continue;
        }
        for (u32 d = 0; d < t->rank; d++) {
            if (!sym_is_number(c->g, t->dims[d], &n)) return 0;
            index = index * n + at[d];
        }
        return index < elems_in(c, i, &elems) ? elems[index] : 0;
    }
    return 0;
}

static qn_status infer_concat(infer *c)
{
    type out = *infer_in(c, 0);
    u32 axis, n;
    QN_TRY(infer_axis(c, attr_int(c->n, "axis", 0), out.rank, &axis));
    bool known = true;
    const sym *ignored;
    for (u32 i = 0; i < c->n->n_in; i++) {
        const type *t = infer_in(c, i);
        known = known && elems_in(c, i, &ignored) >= 0;
        if (i == 0) continue;
        if (t->rank != out.rank)
            return infer_fail(c, QN_E_SHAPE, "input %u has rank %u, the first one %u", i, t->rank, out.rank);
        for (u32 d = 0; d < t->rank; d++) {
            i64 size;
            if (d == axis) out.dims[d] = sym_add(c->g, out.dims[d], t->dims[d]);
            else if (infer_differ(c->g, out.dims[d], t->dims[d]))
                return infer_fail(c, QN_E_SHAPE, "dimension %u of input %u differs from the first one's", d, i);
            else if (sym_is_number(c->g, t->dims[d], &size)) out.dims[d] = t->dims[d];
        }
    }
    sym *elems = known ? elems_room(c, &out, &n) : NULL;
    if (!elems) return infer_out(c, 0, &out);
    for (u32 k = 0; k < n; k++) {
        elems[k] = concat_element(c, &out, axis, k);
        if (!elems[k]) return infer_out(c, 0, &out);
    }
    return infer_out_elems(c, 0, &out, elems, n);
}

/* ------------------------------------------------------------------ one copy an input */
static qn_status emit_copies(lowering *l, const node *n, u32 group)
{
    graph *g = lower_graph_mut(l);
    val y = lower_out(l, n, 0);
    const type *out = lower_type(l, y);
    u32 axis = axis_of(n, "axis", 0, out->rank);
    sym at = sym_zero(g), inner = lower_product(l, y, axis + 1, out->rank), row = sym_mul(g, inner, out->dims[axis]);
    for (u32 i = 0; i < n->n_in; i++) {
        val x = lower_in(l, n, i);
        sym run = sym_mul(g, lower_dim(l, x, axis), inner), one = sym_one(g);
        copy c = { .x = x, .y = y, .dtype = out->dtype, .x_at = sym_zero(g), .y_at = at };
        sym outer = lower_product(l, y, 0, axis);
        if (!sym_is(g, outer, 1)) c.size[0] = outer, c.xs[0] = run, c.ys[0] = row, c.rank = 1;
        c.size[c.rank] = run, c.xs[c.rank] = c.ys[c.rank] = one, c.rank++;
        QN_TRY(copy_launch_rows(l, &c, group));
        at = sym_add(g, at, run);
    }
    return QN_OK;
}

static qn_status emit_rows(lowering *l, const node *n) { return emit_copies(l, n, 1); }
static qn_status emit_groups(lowering *l, const node *n) { return emit_copies(l, n, 64); }

/* ------------------------------------------------------------------ four at a time */
enum { AT_ONCE = 4 };

static qn_status emit_pick(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    const type *out = lower_type(l, lower_out(l, n, 0));
    u32 axis = axis_of(n, "axis", 0, out->rank);
    val acc = lower_in(l, n, 0);
    sym length = lower_dim(l, acc, axis), outer = lower_product(l, acc, 0, axis),
        inner = lower_product(l, acc, axis + 1, out->rank);
    u32 i = 1;
    do {
        val in[AT_ONCE] = { acc, acc, acc, acc };
        sym size[AT_ONCE] = { length, sym_zero(g), sym_zero(g), sym_zero(g) };
        for (u32 k = 1; k < AT_ONCE && i < n->n_in; k++, i++) {
            in[k] = lower_in(l, n, i);
            size[k] = lower_dim(l, in[k], axis);
            length = sym_add(g, length, size[k]);
        }
        sym all = sym_mul(g, outer, sym_mul(g, length, inner));
        acc = i < n->n_in ? lower_scratch(l, out->dtype, all) : lower_out(l, n, 0);
        launch *k = launch_begin(l, "concat_map.c", "concat_map");
        launch_define(k, "T", width_word(out->dtype));
        for (u32 j = 0; j < AT_ONCE; j++) launch_in(k, in[j]);
        launch_out(k, acc);
        launch_size(k, inner);
        for (u32 j = 0; j < AT_ONCE; j++) launch_size(k, size[j]);
        QN_TRY(launch_map(k, all));
    } while (i < n->n_in);
    return QN_OK;
}

/* Along the channels, where each input fills its blocks. */
static bool concat_channels_blocked(build *b, const node *n, u32 block, val *outs)
{
    const type y = *build_type(b, n->out[0]);
    const u32 count = n->n_in;
    val in[BLOCKED_MOST];
    i64 channels, all;
    if (count > BLOCKED_MOST || y.rank < 3 || axis_of(n, "axis", 0, y.rank) != 1 || !sym_is_number(b->g, y.dims[1], &all))
        return false;
    for (u32 i = 0; i < count; i++)
        if (!sym_is_number(b->g, build_type(b, node_in(b->g, n, i))->dims[1], &channels) || channels % block) return false;
    for (u32 i = 0; i < count; i++) in[i] = node_in(b->g, n, i);
    for (u32 i = 0; i < count; i++) in[i] = blocked_of(b, in[i], block);
    attr axis = attr_of_int("axis", 1);
    outs[0] = blocked_undone(b, b->status ? 0 : build_node(b, OP_Concat, in, count, &axis, 1), all);
    return b->status == QN_OK;
}

static const variant concat_variants[] = {
    { "concat_rows", NEED_LANES, NULL, emit_rows },
    { "concat_group", NEED_GROUP, NULL, emit_groups },
    { "concat_map", 0, NULL, emit_pick },
    { 0 },
};

/* clang-format off */
static const op_case concat_cases[] = {
    { "f32[2,3,4] f32[2,5,4]",             "axis=1",  0, "the common case"    }, { "f32[2,3] f32[4,3]",     "axis=0",  0, "one run each" },
    { "i64[3] i64[1] i64[2] i64[1] i64[4] i64[1]", "axis=0", 0, "many"        }, { "u8[2,3] u8[2,0] u8[2,1]", "axis=-1", 0, "an empty one" },
    { "f16[1,8,5,5] f16[1,8,5,5]",         "axis=1",  0, "channels"           }, { "f32[4]",                "axis=0",  0, "one"          },
    { "f32[2,4,3] f32[2,4,1]",             "axis=2",  0, "rows of one element" }, { 0 }
};
/* clang-format on */
const op_def op_Concat = {
    .name = "Concat",
    .doc = DOC("the inputs one after another along `axis`"),
    .in = { { "inputs", "many any" } },
    .out = { { "result", "as inputs" } },
    .attrs = { NEEDED("axis", ATTR_INT) },
    .min_in = 1,
    .host_elems = true,
    .permuted = PERMUTED_AXIS,
    .channels_blocked = concat_channels_blocked,
    .infer = infer_concat,
    .gradient = GRADIENT(gradient_concat),
    .variants = concat_variants,
    .cases = CASES(concat_cases),
};

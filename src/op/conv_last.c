/* Convolutions of pictures with their channels last, weights likewise: what the pass `layout` makes of Conv and ConvFused where that suits the
 * device. A filter of one tap is a product of matrices, without any copying. */
#include "op/blocks.h"
#include "op/channels.h"
#include "op/conv_launch.h"
#include "op/op_util.h"
#include "op/product.h"

/* w[kernel...][C / group][M] as [M][C / group][kernel...]. */
static type weight_moved(const type *w)
{
    type y = *w;
    u32 taps = w->rank - 2u;
    y.dims[0] = w->dims[taps + 1];
    y.dims[1] = w->dims[taps];
    for (u32 d = 0; d < taps; d++) y.dims[2 + d] = w->dims[d];
    return y;
}

static const char *last_sizes(graph *g, const node *n, const type *x, const type *w, conv *out)
{
    if (x->rank < 3 || x->rank != w->rank) return "input and weight must have the same number of dimensions, 3 to 5";
    type front = channels_moved(x, true), filters = weight_moved(w);
    return conv_sizes(g, n, &front, &filters, out);
}

static qn_status last_infer(infer *c)
{
    type y = *infer_in(c, 0);
    const type *w = infer_in(c, 1);
    conv p;
    const char *wrong = last_sizes(c->g, c->n, &y, w, &p);
    if (wrong) return infer_fail(c, QN_E_SHAPE, "%s", wrong);
    for (u32 d = 0; d < p.win.rank; d++) y.dims[1 + d] = p.win.out[3 - p.win.rank + d];
    y.dims[y.rank - 1] = w->dims[w->rank - 1];
    QN_TRY(epilogue_check(c, 2, 3, y.dims[y.rank - 1], &y));
    return infer_out(c, 0, &y);
}

/* ---- launches */

static qn_status last_of(lowering *l, const node *n, conv *out)
{
    *out = (conv){ .x = lower_in(l, n, 0), .w = lower_in(l, n, 1), .y = lower_out(l, n, 0), .end = epilogue_of(l, n, 2, 3) };
    const char *wrong = last_sizes(lower_graph_mut(l), n, lower_type(l, out->x), lower_type(l, out->w), out);
    return wrong ? lower_fail(l, n, QN_E_SHAPE, "%s", wrong) : QN_OK;
}

static void sizes_and_ending(launch *k, const conv *p)
{
    conv_params(k, p);
    epilogue_params(k, &p->end);
    epilogue_consts(k, &p->end);
}

static qn_status emit_map(lowering *l, const node *n)
{
    conv p;
    QN_TRY(last_of(l, n, &p));
    launch *k = conv_begin(l, &p, "conv_last.c", "conv_last_map");
    sizes_and_ending(k, &p);
    return launch_map(k, lower_elems(l, p.y));
}

/* Channels that the filters of one group read, and make; 0: not known. */
static void channels_of(const lowering *l, const node *n, i64 *in, i64 *out)
{
    const type *w = lower_type(l, lower_in(l, n, 1));
    i64 all = 0;
    *in = 0;
    sym_is_number(lower_graph(l), w->dims[w->rank - 2], in);
    sym_is_number(lower_graph(l), w->dims[w->rank - 1], &all);
    *out = all / attr_int(n, "group", 1);
}

static bool is_depthwise(const lowering *l, const node *n)
{
    i64 in, out;
    channels_of(l, n, &in, &out);
    return in == 1 && out == 1;
}

/* One tap, step 1, no padding, one group: all pixels times a matrix, where there are kernels for that beside the map. */
static bool fits_product(const lowering *l, const node *n)
{
    const type *x = lower_type(l, lower_in(l, n, 0)), *w = lower_type(l, lower_in(l, n, 1)), *y = lower_type(l, n->out[0]);
    const i64 *steps;
    u32 given = attr_ints(n, "strides", &steps);
    for (u32 d = 0; d + 2 < w->rank; d++)
        if (!sym_is(lower_graph(l), w->dims[d], 1) || !sym_same(lower_graph(l), x->dims[1 + d], y->dims[1 + d]) ||
            (given && steps[d] != 1))
            return false;
    return lower_caps(l)->max_group > 0 && attr_int(n, "group", 1) == 1;
}

static qn_status emit_product(lowering *l, const node *n)
{
    conv c;
    QN_TRY(last_of(l, n, &c));
    graph *g = lower_graph_mut(l);
    product p = { .a = c.x,
                  .b = c.w,
                  .y = c.y,
                  .dtype = lower_type(l, c.x)->dtype,
                  .m = sym_mul(g, c.batch, conv_pixels(g, &c.win)),
                  .n = c.out_channels,
                  .k = c.in_channels,
                  .batch = sym_one(g),
                  .alpha = 1,
                  .end = c.end };
    for (u32 d = 0; d < PRODUCT_DIMS; d++) p.dims[d] = sym_one(g), p.a_stride[d] = p.b_stride[d] = sym_zero(g);
    return product_emit(l, &p);
}

/* Four channels of a pixel an element: they lie side by side, and read the same. */
static bool fits_four(const lowering *l, const node *n)
{
    i64 in, out, group = attr_int(n, "group", 1);
    channels_of(l, n, &in, &out);
    if (lower_type(l, lower_in(l, n, 0))->dtype != QN_F32) return false;
    return in > 0 && out > 0 && (in == 1 && out == 1 ? group % 4 == 0 : out % 4 == 0);
}

static qn_status emit_four(lowering *l, const node *n)
{
    conv p;
    i64 in, out;
    QN_TRY(last_of(l, n, &p));
    channels_of(l, n, &in, &out);
    launch *k = conv_begin(l, &p, "conv_last_four.c", "conv_last_four");
    launch_define(k, "BY", is_depthwise(l, n) ? "0" : in % 4 ? "1" : "4");
    sizes_and_ending(k, &p);
    graph *g = lower_graph_mut(l);
    return launch_map(k, sym_div(g, lower_elems(l, p.y), sym_number(g, 4)));
}

static bool fits_group(const lowering *l, const node *n)
{
    i64 in, out;
    channels_of(l, n, &in, &out);
    return out >= 8 && lower_type(l, lower_in(l, n, 0))->dtype != QN_F64;
}

static qn_status emit_group(lowering *l, const node *n)
{
    conv p;
    QN_TRY(last_of(l, n, &p));
    graph *g = lower_graph_mut(l);
    launch *k = conv_begin(l, &p, "conv_last_group.c", "conv_last_group");
    sizes_and_ending(k, &p);
    sym parts = sym_mul(g, p.batch, p.groups);
    return blocks_launch(k, (blocks){ GROUP_SIDE, GROUP_SIDE }, conv_pixels(g, &p.win), p.out_channels, parts);
}

static bool fits_tile(const lowering *l, const node *n)
{
    return blocks_fit(lower_caps(l), lower_type(l, lower_in(l, n, 0))->dtype, BLOCKS_TILE_NUMBERS);
}

enum { FILL_COPY = 3 };

static qn_status emit_tile(lowering *l, const node *n)
{
    conv p;
    QN_TRY(last_of(l, n, &p));
    graph *g = lower_graph_mut(l);
    launch *k = conv_begin(l, &p, "conv_last_tile.c", "conv_last_tile");
    launch_size(k, p.batch);
    blocks_choose(k, conv_pixels(g, &p.win), p.out_channels, sym_mul(g, p.batch, p.groups), FILL_COPY);
    launch_chosen(k, BLOCKS_ROWS);
    launch_chosen(k, BLOCKS_COLS);
    sizes_and_ending(k, &p);
    return launch_chosen_groups(k, BLOCKS_GROUPS);
}

static qn_status emit_depth(lowering *l, const node *n)
{
    conv p;
    QN_TRY(last_of(l, n, &p));
    graph *g = lower_graph_mut(l);
    launch *k = conv_begin(l, &p, "conv_last_depth.c", "conv_last_depth");
    sizes_and_ending(k, &p);
    return launch_groups(k, sym_mul(g, p.batch, sym_mul(g, p.win.out[0], p.win.out[1])));
}

static const variant last_variants[] = {
    { "conv_last_product", 0, fits_product, emit_product },
    { "conv_last_depth", NEED_LANES, is_depthwise, emit_depth },
    { "conv_last_tile", NEED_LANES, fits_tile, emit_tile },
    { "conv_last_group", NEED_GROUP, fits_group, emit_group },
    { "conv_last_four", 0, fits_four, emit_four },
    { "conv_last_map", 0, NULL, emit_map },
    { 0 },
};

/* ---- from and to channels in front */

enum { FRONT, LAST };

static val weight_in(build *b, val w, int to)
{
    if (b->status || !w) return 0;
    i64 perm[QN_MAX_RANK];
    u32 rank = build_type(b, w)->rank;
    for (u32 d = 0; d < rank; d++) {
        if (to == LAST) perm[d] = d + 2 < rank ? d + 2 : (i64)rank - 1 - d;
        else perm[d] = d < 2 ? (i64)rank - 1 - d : (i64)d - 2;
    }
    attr a = attr_of_ints(b->g, "perm", perm, rank);
    return build_node(b, OP_Transpose, &w, 1, &a, 1);
}

static qn_status last_expand(build *b, const node *n)
{
    val in[] = { channels_move(b, build_in(b, 0), true), weight_in(b, build_in(b, 1), FRONT), build_in(b, 2),
                 channels_move(b, build_in(b, 3), true) };
    val y = channels_move(b, build_node(b, OP_ConvFused, in, 4, n->attrs, n->n_attrs), false);
    return build_done(b, &y, 1);
}

enum { MADE_OF_MOST = 4 };

/* A weight, or made of such by a few nodes, as fills are: its Transpose is a constant, or computed once (plan/once.c). */
static bool made_of_weights(const graph *g, val v, u32 nodes)
{
    if (!v || is_weight(g, v)) return true;
    const value *x = value_at(g, v);
    if (!x->maker || !nodes || op_of(node_at(g, x->maker))->random) return false;
    const node *n = node_at(g, x->maker);
    for (u32 i = 0; i < n->n_in; i++)
        if (!made_of_weights(g, node_in(g, n, i), nodes - 1)) return false;
    return n->n_in > 0 && n->n_in <= MADE_OF_MOST;
}

bool conv_weights_stay(const graph *g, val w) { return made_of_weights(g, w, MADE_OF_MOST); }

val conv_channels_last(build *b, const node *n)
{
    val x = node_in(b->g, n, 0), w = node_in(b->g, n, 1);
    attr attrs[OP_MOST_ATTRS];
    if (!dtype_is_float(build_type(b, x)->dtype) || !conv_weights_stay(b->g, w)) return 0;
    u32 count = node_attrs_but(n, (const char *const[]){ "kernel_shape", NULL }, attrs);
    val in[] = { channels_last_of(b, x), weight_in(b, w, LAST), node_in(b->g, n, 2),
                 channels_last_of(b, node_in(b->g, n, 3)) };
    return channels_move(b, build_node(b, OP_ConvLast, in, in[3] ? 4 : in[2] ? 3 : 2, attrs, count), true);
}

/* ---- record */

static const op_case last_cases[] = {
    { "f32[1,9,8,3] f32[3,3,3,5] f32[5]", "pads=[1,1,1,1], act=\"relu\"", 1e-6, "3 x 3 with a bias and an activation" },
    { "f32[2,4,5,12] f32[3,3,12,36] f32[36] f32[2,4,5,36]", "pads=[1,1,1,1], act=\"silu\"", 1e-6, "a residual block's end" },
    { "f32[1,12,11,29] f32[3,3,29,66] f32[66]", "pads=[1,1,1,1], strides=[2,1]", 1e-6,
      "more than one tile, a depth of two passes, step 2" },
    { "f32[1,12,10,8] f32[3,2,4,16]", "group=2, dilations=[2,3], pads=[0,1,2,3]", 1e-6,
      "groups, dilations, lopsided padding" },
    { "f32[1,15,16,3] f32[5,4,3,4]", "strides=[3,2], auto_pad=\"SAME_UPPER\"", 1e-6,
      "padded so that the size is divided by the step" },
    { "f32[2,30,6] f32[5,6,8] f32[8]", "pads=[2,2], strides=[2]", 1e-6, "one dimension" },
    { "f32[1,6,7,8,2] f32[3,2,3,2,3] f32[3]", "pads=[1,0,1,1,1,1], strides=[2,1,2]", 1e-6, "three dimensions" },
    { "f32[2,14,14,8] f32[3,3,1,8] f32[8]", "group=8, pads=[1,1,1,1], act=\"clip\", p=0, q=6.0", 1e-6,
      "a filter for each channel, relu6" },
    { "f32[1,14,9,21] f32[3,3,1,21] _ f32[1,7,5,21]", "group=21, pads=[1,1,1,1], strides=[2,2]", 1e-6,
      "a filter for each of an odd number of channels, a rest" },
    { "f32[1,20,9,5] f32[5,5,1,10]", "group=5, pads=[2,2,2,2]", 1e-6, "two filters for each channel" },
    { "f32[1,5,6,12] f32[1,1,12,8]", "strides=[2,2]", 1e-6, "one tap, step 2" },
    { "f32[2,5,6,20] f32[1,1,20,36] f32[36] f32[2,5,6,36]", "act=\"relu\"", 1e-6, "one tap: a matrix product" },
    { "f32[1,5,5,1] f32[3,3,1,1]", "pads=[4,4,4,4]", 1e-6, "windows that see only padding" },
    { "f16[1,9,8,8] f16[3,3,8,8] f16[8]", "pads=[1,1,1,1], act=\"hardswish\"", 1e-3, "half precision" },
    { "bf16[1,7,9,19] bf16[1,3,19,70]", "", 1e-2, "bfloat16, nothing a multiple" },
    { "f64[1,9,9,4] f64[3,3,4,6]", "", 1e-14, "double precision" },
    { 0 },
};

static sym last_flops(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val w = lower_in(l, n, 1);
    sym a_result = lower_product(l, w, 0, lower_type(l, w)->rank - 1u);
    return sym_mul(g, sym_number(g, 2), sym_mul(g, lower_elems(l, n->out[0]), a_result));
}

const op_def op_ConvLast = {
    .name = "ConvLast",
    .domain = "quern",
    .doc =
        DOC("ConvFused of x[N][spatial...][C] with w[kernel...][C / group][M], rest and y with their channels last as well"),
    .in = { { "x", "float" }, { "w", "as x" }, { "bias", "optional as x" }, { "rest", "optional as x" } },
    .out = { { "y", "as x" } },
    .attrs = { CONV_ATTRS, EPILOGUE_SCHEMA },
    .infer = last_infer,
    .expand = last_expand,
    .variants = last_variants,
    .flops = last_flops,
    .cases = CASES(last_cases),
};

/* Convolutions: Conv, and our ConvFused (rest and activation in the same kernel). Not here: one channel a group by bands
 * (conv_depthwise.c), channels last (conv_last.c), other forms of them (conv_forms.c).
 * Every variant takes weights as ONNX stores them, [out channels][in channels / group][kernel...]. */
#include "op/blocks.h"
#include "op/conv_launch.h"
#include "op/gradient.h"
#include "op/op_util.h"

const char *conv_sizes(graph *g, const node *n, const type *x, const type *w, conv *out)
{
    if (x->rank != w->rank) return "input and weight must have the same number of dimensions";
    if (x->rank < 3) return "the input must have 1, 2 or 3 spatial dimensions behind batch and channels";
    i64 groups = attr_int(n, "group", 1), kernel[3];
    if (groups < 1 || groups > INT32_MAX) return "group must be 1 or more";
    const char *wrong = attr_find(n, "kernel_shape") ? window_ints(n, "kernel_shape", x->rank - 2u, 1, 1, kernel) : NULL;
    if (wrong) return wrong;
    for (u32 d = 0; attr_find(n, "kernel_shape") && d + 2 < x->rank; d++)
        if (infer_differ(g, w->dims[2 + d], sym_number(g, kernel[d]))) return "kernel_shape is not the shape of the weight";
    out->groups = sym_number(g, groups);
    out->batch = x->dims[0];
    out->in_channels = w->dims[1];
    out->out_channels = sym_div(g, w->dims[0], out->groups);
    if (infer_differ(g, sym_mod(g, w->dims[0], out->groups), sym_number(g, 0)))
        return "the output channels are no multiple of group";
    if (sym_is(g, out->in_channels, 0)) return "the weight has no input channels";
    if (infer_differ(g, sym_mul(g, out->in_channels, out->groups), x->dims[1]))
        return "input channels and weight do not fit together";
    return window_make(g, n, x, w->dims + 2, &out->win);
}

qn_status conv_shape(infer *c, const type *x, type *out)
{
    const type *w = infer_in(c, 1);
    conv p;
    const char *wrong = conv_sizes(c->g, c->n, x, w, &p);
    i64 want, have;
    u64 all;
    if (!wrong) {
        *out = *x;
        out->dims[1] = w->dims[0];
        for (u32 d = 0; d < p.win.rank; d++) out->dims[2 + d] = p.win.out[3 - p.win.rank + d];
        return QN_OK;
    }
    if (x->rank >= 3 && x->rank == w->rank && sym_is_number(c->g, x->dims[1], &have) &&
        sym_is_number(c->g, w->dims[1], &want) &&
        !(mul_u64((u64)want, (u64)attr_int(c->n, "group", 1), &all) && all == (u64)have))
        return infer_fail(c, QN_E_SHAPE, "%s (weight wants %lld channels a group, input has %lld)", wrong, (long long)want,
                          (long long)have);
    return infer_fail(c, QN_E_SHAPE, "%s", wrong);
}

qn_status conv_infer(infer *c)
{
    type y;
    QN_TRY(conv_shape(c, infer_in(c, 0), &y));
    QN_TRY(epilogue_check(c, 2, 3, y.dims[1], &y));
    return infer_out(c, 0, &y);
}

/* ---- launches */

qn_status conv_of(lowering *l, const node *n, conv *out)
{
    *out = (conv){ .x = lower_in(l, n, 0), .w = lower_in(l, n, 1), .y = lower_out(l, n, 0), .end = epilogue_of(l, n, 2, 3) };
    const char *wrong = conv_sizes(lower_graph_mut(l), n, lower_type(l, out->x), lower_type(l, out->w), out);
    return wrong ? lower_fail(l, n, QN_E_SHAPE, "%s", wrong) : QN_OK;
}

bool conv_is_float(const lowering *l, const node *n) { return dtype_is_float(lower_type(l, lower_in(l, n, 0))->dtype); }

launch *conv_begin(lowering *l, const conv *p, const char *file, const char *entry)
{
    launch *k = launch_begin(l, file, entry);
    launch_define(k, "T", dtype_word(lower_type(l, p->x)->dtype));
    launch_in(k, p->x);
    launch_in(k, p->w);
    if (dtype_is_float(lower_type(l, p->x)->dtype)) epilogue_buffers(k, &p->end, p->x);
    else launch_define(k, "WHOLE", "1");
    launch_out(k, p->y);
    return k;
}

sym conv_pixels(graph *g, const window *w) { return sym_mul(g, sym_mul(g, w->out[0], w->out[1]), w->out[2]); }

void conv_params(launch *k, const conv *p)
{
    const window *w = &p->win;
    launch_size(k, p->groups);
    launch_size(k, p->in_channels);
    for (u32 d = 0; d < 3; d++) launch_size(k, w->in[d]);
    launch_size(k, p->out_channels);
    for (u32 d = 0; d < 3; d++) launch_size(k, w->out[d]);
    for (u32 d = 0; d < 3; d++) launch_size(k, w->kernel[d]);
    for (u32 d = 0; d < 3; d++) launch_number(k, w->step[d]);
    for (u32 d = 0; d < 3; d++) launch_number(k, w->dilation[d]);
    for (u32 d = 0; d < 3; d++) launch_size(k, w->pad[d]);
}

static qn_status emit_map(lowering *l, const node *n)
{
    conv p;
    QN_TRY(conv_of(l, n, &p));
    launch *k = conv_begin(l, &p, "conv.c", "conv_map");
    conv_params(k, &p);
    if (conv_is_float(l, n)) {
        epilogue_params(k, &p.end);
        epilogue_consts(k, &p.end);
    }
    return launch_map(k, lower_elems(l, p.y));
}

static bool fits_tile(const lowering *l, const node *n)
{
    return blocks_fit(lower_caps(l), lower_type(l, lower_in(l, n, 0))->dtype, BLOCKS_TILE_NUMBERS);
}

enum { FILL_STRAIGHT = 3, FILL_TAPS = 8 }; /* copying a pixel for 1x1 and for larger filters */

static qn_status emit_tile(lowering *l, const node *n)
{
    conv p;
    QN_TRY(conv_of(l, n, &p));
    graph *g = lower_graph_mut(l);
    sym columns = conv_pixels(g, &p.win), parts = sym_mul(g, p.batch, p.groups);
    bool point = sym_is(g, p.win.kernel[2], 1) && sym_is(g, p.win.kernel[1], 1) && p.win.step[2] == 1;
    launch *k = conv_begin(l, &p, "conv_tile.c", "conv_tile");
    launch_size(k, p.batch);
    blocks_choose(k, p.out_channels, columns, parts, point ? FILL_STRAIGHT : FILL_TAPS);
    launch_chosen(k, BLOCKS_ROWS);
    launch_chosen(k, BLOCKS_COLS);
    conv_params(k, &p);
    epilogue_params(k, &p.end);
    epilogue_consts(k, &p.end);
    return launch_chosen_groups(k, BLOCKS_GROUPS);
}

static bool fits_group(const lowering *l, const node *n)
{
    const type *w = lower_type(l, lower_in(l, n, 1));
    i64 channels = GROUP_SIDE;
    sym_is_number(lower_graph(l), w->dims[0], &channels);
    return conv_is_float(l, n) && w->dtype != QN_F64 && channels / attr_int(n, "group", 1) >= 8;
}

static qn_status emit_group(lowering *l, const node *n)
{
    conv p;
    QN_TRY(conv_of(l, n, &p));
    graph *g = lower_graph_mut(l);
    launch *k = conv_begin(l, &p, "conv_group.c", "conv_group");
    conv_params(k, &p);
    epilogue_params(k, &p.end);
    epilogue_consts(k, &p.end);
    sym parts = sym_mul(g, p.batch, p.groups);
    return blocks_launch(k, (blocks){ GROUP_SIDE, GROUP_SIDE }, p.out_channels, conv_pixels(g, &p.win), parts);
}

/* ---- blocks by 256 items (kernels/conv_block.c): the filter's sizes are constants of the program */

static bool fits_block(const lowering *l, const node *n)
{
    const type *w = lower_type(l, lower_in(l, n, 1));
    if (!blocks_suit_items(lower_caps(l), w->dtype) || !fits_group(l, n)) return false;
    for (u32 d = 2; d < w->rank; d++) {
        i64 size;
        if (!sym_is_number(lower_graph(l), w->dims[d], &size) || size < 1 || size > UINT16_MAX) return false;
    }
    return true;
}

static void block_params(lowering *l, launch *k, const conv *p)
{
    static const char *const sizes[] = { "kd", "kh", "kw" }, *const steps[] = { "sd", "sh", "sw" },
                             *const spread[] = { "ed", "eh", "ew" };
    for (u32 d = 0; d < 3; d++) {
        i64 size = 1;
        sym_is_number(lower_graph(l), p->win.kernel[d], &size);
        launch_const(k, sizes[d], (u32)size);
    }
    for (u32 d = 0; d < 3; d++) launch_const(k, steps[d], p->win.step[d]);
    for (u32 d = 0; d < 3; d++) launch_const(k, spread[d], p->win.dilation[d]);
}

/* Scalars of conv_block and of conv_mma, behind the buffers. */
static void block_scalars(lowering *l, launch *k, const conv *p)
{
    launch_size(k, p->groups);
    launch_size(k, p->in_channels);
    for (u32 d = 0; d < 3; d++) launch_size(k, p->win.in[d]);
    launch_size(k, p->out_channels);
    for (u32 d = 0; d < 3; d++) launch_size(k, p->win.out[d]);
    for (u32 d = 0; d < 3; d++) launch_size(k, p->win.pad[d]);
    epilogue_params(k, &p->end);
    block_params(l, k, p);
    epilogue_consts(k, &p->end);
}

static qn_status emit_block(lowering *l, const node *n)
{
    conv p;
    QN_TRY(conv_of(l, n, &p));
    graph *g = lower_graph_mut(l);
    sym columns = conv_pixels(g, &p.win), parts = sym_mul(g, p.batch, p.groups);
    item_tile tile = blocks_for_items(g, lower_caps(l), p.out_channels, columns, parts);
    launch *k = conv_begin(l, &p, "conv_block.c", "conv_block");
    launch_define(k, "PER_M", tile.per_m == 8 ? "8" : "4");
    launch_define(k, "PER_N", tile.per_n == 8 ? "8" : "4");
    block_scalars(l, k, &p);
    return blocks_launch(k, (blocks){ 16 * tile.per_m, 16 * tile.per_n }, p.out_channels, columns, parts);
}

/* ---- by matrix units (kernels/conv_mma.c) */

static bool fits_mma(const lowering *l, const node *n)
{
    const type *w = lower_type(l, lower_in(l, n, 1));
    return blocks_suit_mma(lower_caps(l), w->dtype) && fits_block(l, n);
}

static bool is_point(const graph *g, const window *w)
{
    for (u32 d = 0; d < 3; d++)
        if (!sym_is(g, w->kernel[d], 1) || w->step[d] != 1 || !sym_is(g, w->pad[d], 0) || !sym_same(g, w->in[d], w->out[d]))
            return false;
    return true;
}

static qn_status emit_mma(lowering *l, const node *n)
{
    conv p;
    QN_TRY(conv_of(l, n, &p));
    graph *g = lower_graph_mut(l);
    sym columns = conv_pixels(g, &p.win), parts = sym_mul(g, p.batch, p.groups), depth = p.in_channels;
    for (u32 d = 0; d < 3; d++) depth = sym_mul(g, depth, p.win.kernel[d]);
    bool point = is_point(g, &p.win);
    launch *k = conv_begin(l, &p, "conv_mma.c", "conv_mma");
    blocks cut = blocks_by_mma(l, k, p.out_channels, columns, parts, depth, point ? columns : 0);
    launch_define(k, "POINT", point ? "1" : "0");
    block_scalars(l, k, &p);
    return blocks_launch(k, cut, p.out_channels, columns, parts);
}

static const variant conv_variants[] = {
    { "conv_depthwise", NEED_LANES | NEED_SIZES, conv_depthwise_fits, conv_depthwise_emit },
    { "conv_tile", NEED_LANES, fits_tile, emit_tile },
    { "conv_mma", NEED_GROUP | NEED_MMA, fits_mma, emit_mma },
    { "conv_block", NEED_GROUP, fits_block, emit_block },
    { "conv_group", NEED_GROUP, fits_group, emit_group },
    { "conv_map", 0, NULL, emit_map },
    { 0 },
};

static sym conv_flops(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val w = lower_in(l, n, 1);
    sym a_result = lower_product(l, w, 1, lower_type(l, w)->rank);
    return sym_mul(g, sym_number(g, 2), sym_mul(g, lower_elems(l, n->out[0]), a_result));
}

/* ---- records */

static const op_case conv_cases[] = {
    { "f32[1,3,9,8] f32[5,3,3,3] f32[5]", "pads=[1,1,1,1]", 1e-6, "3 x 3 with a bias" },
    { "f32[2,20,13,11] f32[33,20,1,1]", "", 1e-6, "1 x 1: a matrix product" },
    { "f32[1,40,17,19] f32[70,40,3,3] f32[70]", "pads=[1,1,1,1], strides=[2,2]", 1e-6,
      "more than one tile, a depth of two passes, step 2" },
    { "f32[1,4,12,10] f32[6,2,3,2]", "group=2, dilations=[2,3], pads=[0,1,2,3]", 1e-6,
      "groups, dilations, lopsided padding" },
    { "f32[1,3,15,16] f32[4,3,5,4]", "strides=[3,2], auto_pad=\"SAME_UPPER\"", 1e-6,
      "padded so that the size is divided by the step" },
    { "f32[1,3,15,16] f32[4,3,4,4]", "auto_pad=\"SAME_LOWER\"", 1e-6, "the odd one in front" },
    { "f32[1,3,15,16] f32[4,3,4,4]", "auto_pad=\"VALID\"", 1e-6, "no padding" },
    { "f32[2,6,30] f32[8,6,5] f32[8]", "pads=[2,2], strides=[2]", 1e-6, "one dimension" },
    { "f32[1,2,6,7,8] f32[3,2,3,2,3] f32[3]", "pads=[1,0,1,1,1,1], strides=[2,1,2]", 1e-6, "three dimensions" },
    { "f32[2,7,14,14] f32[7,1,3,3] f32[7]", "group=7, pads=[1,1,1,1]", 1e-6, "a filter for each channel" },
    { "f32[1,7,29,31] f32[7,1,3,3]", "group=7, pads=[1,1,1,1], strides=[2,2]", 1e-6, "the same with step 2" },
    { "f32[1,5,20,9] f32[10,1,5,5]", "group=5, pads=[2,2,2,2]", 1e-6, "two filters for each channel, 5 x 5" },
    { "f32[1,5,20,9] f32[5,1,4,2]", "group=5, dilations=[2,3], strides=[1,3], pads=[0,4,1,0]", 1e-6,
      "a filter for each channel, all odd" },
    { "f32[1,3,40] f32[3,1,7]", "group=3, pads=[6,0]", 1e-6, "causal, one dimension" },
    { "f32[2,4,4] f32[4,1,4] f32[4]", "group=4", 1e-6, "a filter as long as the row" },
    { "f32[1,1,5,5] f32[1,1,3,3]", "pads=[4,4,4,4]", 1e-6, "windows that see only padding" },
    { "f16[1,8,9,9] f16[8,8,3,3] f16[8]", "pads=[1,1,1,1]", 1e-3, "half precision" },
    { "f16[1,8,9,9] f16[8,1,3,3]", "group=8", 1e-3, "half precision, a filter for each channel" },
    { "f16[2,20,8,9] f16[72,20,1,1] f16[72]", "", 1e-3, "half precision, 1 x 1, rows a multiple of 4" },
    { "bf16[1,19,7,9] bf16[70,19,1,1]", "", 1e-2, "bfloat16, 1 x 1, nothing a multiple" },
    { "f16[1,26,13,12] f16[34,13,3,2]", "group=2, dilations=[2,3], pads=[0,1,2,3], strides=[2,1]", 1e-3,
      "half precision, groups, steps, dilations, lopsided padding" },
    { "f64[1,4,9,9] f64[6,4,3,3]", "", 1e-14, "double precision" },
    { "i32[1,2,5,5] i32[3,2,3,3]", "pads=[1,1,1,1]", 0, "integers: for ConvInteger" },
    { 0 },
};

const op_def op_Conv = {
    .name = "Conv",
    .doc = DOC("Convolution over 1 to 3 dimensions, with groups, steps, dilations and padding, plus a bias for each output "
               "channel"),
    .in = { { "x", "float|i32" }, { "w", "as x" }, { "bias", "optional as x" } },
    .out = { { "y", "as x" } },
    .attrs = { CONV_ATTRS },
    .infer = conv_infer,
    .gradient = GRADIENT(gradient_conv),
    .when = conv_depthwise_when,
    .variants = conv_variants,
    .channels_last = conv_channels_last,
    .channels_blocked = conv_channels_blocked,
    .sums_channels = true,
    .flops = conv_flops,
    .cases = CASES(conv_cases),
};

static const op_case conv_fused_cases[] = {
    { "f32[1,3,9,8] f32[5,3,3,3] f32[5]", "pads=[1,1,1,1], act=\"relu\"", 1e-6, "an activation" },
    { "f32[1,3,9,8] f32[5,3,3,3] f32[5] f32[1,5,9,8]", "pads=[1,1,1,1], act=\"relu\"", 1e-6, "a residual block's end" },
    { "f32[1,6,9,8] f32[6,1,3,3] f32[6]", "pads=[1,1,1,1], group=6, act=\"clip\", p=0, q=6.0", 1e-6,
      "a filter for each channel, relu6" },
    { "f32[1,6,9,8] f32[6,1,3,3] _ f32[1,6,9,8]", "pads=[1,1,1,1], group=6, act=\"silu\"", 1e-6,
      "a filter for each channel, a rest" },
    { "f32[1,3,20,20] f32[8,3,3,3] f32[8]", "act=\"silu\"", 1e-6, "silu" },
    { "f16[1,3,9,8] f16[5,3,3,3] f16[5] f16[1,5,9,8]", "pads=[1,1,1,1], act=\"hardswish\"", 1e-3, "half precision" },
    { 0 },
};

static const char *const conv_attr_names[CONV_MOST_ATTRS] = { "auto_pad",     "dilations", "group",
                                                              "kernel_shape", "pads",      "strides" };

u32 conv_attrs(const node *n, attr *out)
{
    u32 count = 0;
    for (u32 i = 0; i < COUNT(conv_attr_names); i++) {
        const attr *a = attr_find(n, conv_attr_names[i]);
        if (a) out[count++] = *a;
    }
    return count;
}

static qn_status conv_fused_expand(build *b, const node *n)
{
    attr attrs[CONV_MOST_ATTRS];
    u32 count = conv_attrs(n, attrs);
    val y = build_node(b, OP_Conv, (val[]){ build_in(b, 0), build_in(b, 1), build_in(b, 2) }, 3, attrs, count);
    y = epilogue_steps(b, y, 0, build_in(b, 3));
    return build_done(b, &y, 1);
}

const op_def op_ConvFused = {
    .name = "ConvFused",
    .domain = "quern",
    .doc = DOC("y = act(Conv(x, w, bias) + rest), act as in MatMulFused"),
    .in = { { "x", "float" }, { "w", "as x" }, { "bias", "optional as x" }, { "rest", "optional as x" } },
    .out = { { "y", "as x" } },
    .attrs = { CONV_ATTRS, EPILOGUE_SCHEMA },
    .infer = conv_infer,
    .expand = conv_fused_expand,
    .when = conv_depthwise_when,
    .variants = conv_variants,
    .channels_last = conv_channels_last,
    .channels_blocked = conv_channels_blocked,
    .sums_channels = true,
    .flops = conv_flops,
    .cases = CASES(conv_fused_cases),
};

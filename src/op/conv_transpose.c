/* Transposed convolution: the product of every input pixel with the whole filter, then the sum of what lands on each output pixel.
 * Col2Im is the second half alone. */
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/product.h"
#include "op/reduce.h"
#include "op/window.h"

enum { IN_X, IN_W, IN_BIAS };

typedef struct spread {
    window win;
    sym groups, in_channels, out_channels;
} spread; /* channels of one group; win.in is x */

/* Padding from an output size: what is too much is taken off, the odd one in front unless auto_pad says SAME_UPPER. */
static sym pad_for_size(graph *g, sym natural, sym size, bool upper)
{
    sym two = sym_number(g, 2), total = sym_max(g, sym_sub(g, natural, size), sym_number(g, 0));
    return upper ? sym_div(g, total, two) : sym_sub(g, total, sym_div(g, total, two));
}

static sym sizes_product(graph *g, const sym dims[3]) { return sym_mul(g, sym_mul(g, dims[0], dims[1]), dims[2]); }

static void set_unit(graph *g, window *w, u32 d)
{
    w->in[d] = w->out[d] = w->kernel[d] = w->padded[d] = sym_number(g, 1);
    w->pad[d] = sym_number(g, 0);
    w->step[d] = w->dilation[d] = 1;
}

typedef struct spread_lists {
    i64 steps[3], dilations[3], pads[6], extra[3], sizes[3];
    bool sized, same, upper;
} spread_lists;

static const char *lists_of(const graph *g, const node *n, u32 rank, spread_lists *out)
{
    const i64 *list;
    const char *wrong = window_ints(n, "strides", rank, 1, 1, out->steps), *mode = attr_text(g, n, "auto_pad", "NOTSET");
    if (!wrong) wrong = window_ints(n, "dilations", rank, 1, 1, out->dilations);
    if (!wrong) wrong = window_ints(n, "pads", 2 * rank, 0, 0, out->pads);
    if (!wrong) wrong = window_ints(n, "output_padding", rank, 0, 0, out->extra);
    if (wrong) return wrong;
    u32 count = attr_ints(n, "output_shape", &list);
    if (count && count != rank && count != rank + 2) return "output_shape has not one entry for each spatial dimension";
    out->sized = count != 0;
    for (u32 d = 0; d < rank && count; d++) out->sizes[d] = list[count - rank + d];
    out->upper = text_same(mode, "SAME_UPPER");
    out->same = out->upper || text_same(mode, "SAME_LOWER");
    if (text_same(mode, "VALID")) memset(out->pads, 0, sizeof out->pads);
    return NULL;
}

static const char *spread_of(graph *g, const node *n, const type *x, const type *w, spread *out)
{
    if (x->rank < 3 || x->rank > 5 || x->rank != w->rank) return "input and weight must have 1, 2 or 3 spatial dimensions";
    u32 rank = x->rank - 2u;
    spread_lists s = { 0 };
    const char *wrong = lists_of(g, n, rank, &s);
    i64 groups = attr_int(n, "group", 1);
    if (wrong) return wrong;
    if (groups < 1 || groups > INT32_MAX) return "group must be 1 or more";
    spread p = { .win.rank = rank, .groups = sym_number(g, groups), .out_channels = w->dims[1] };
    p.in_channels = sym_div(g, x->dims[1], p.groups);
    if (infer_differ(g, w->dims[0], x->dims[1])) return "input channels and weight do not fit together";
    if (infer_differ(g, sym_mul(g, p.in_channels, p.groups), x->dims[1]))
        return "the input channels are no multiple of group";
    sym one = sym_number(g, 1);
    for (u32 d = 0; d < 3; d++) {
        set_unit(g, &p.win, d);
        if (d + rank < 3) continue;
        u32 k = d + rank - 3;
        p.win.in[d] = x->dims[2 + k];
        p.win.kernel[d] = w->dims[2 + k];
        p.win.step[d] = s.steps[k];
        p.win.dilation[d] = s.dilations[k];
        sym reach = sym_add(g, sym_mul(g, sym_sub(g, p.win.kernel[d], one), sym_number(g, s.dilations[k])), one);
        sym natural = sym_add(g, sym_mul(g, sym_sub(g, p.win.in[d], one), sym_number(g, s.steps[k])),
                              sym_add(g, reach, sym_number(g, s.extra[k])));
        if (s.sized || s.same) {
            p.win.out[d] = s.sized ? sym_number(g, s.sizes[k]) : sym_mul(g, p.win.in[d], sym_number(g, s.steps[k]));
            p.win.pad[d] = pad_for_size(g, natural, p.win.out[d], s.upper);
        } else {
            p.win.out[d] = sym_sub(g, natural, sym_number(g, s.pads[k] + s.pads[rank + k]));
            p.win.pad[d] = sym_number(g, s.pads[k]);
        }
    }
    *out = p;
    return NULL;
}

const char *conv_transpose_window(graph *g, const node *n, const type *x, const type *w, window *out)
{
    spread p;
    const char *wrong = spread_of(g, n, x, w, &p);
    if (!wrong) *out = p.win;
    return wrong;
}

static qn_status conv_transpose_infer(infer *c)
{
    const type *x = infer_in(c, IN_X), *bias = infer_in(c, IN_BIAS);
    spread p;
    const char *wrong = spread_of(c->g, c->n, x, infer_in(c, IN_W), &p);
    if (wrong) return infer_fail(c, QN_E_SHAPE, "%s", wrong);
    type y = *x;
    y.dims[1] = sym_mul(c->g, p.out_channels, p.groups);
    for (u32 d = 0; d < p.win.rank; d++) y.dims[2 + d] = p.win.out[3 - p.win.rank + d];
    if (bias && (bias->rank != 1 || infer_differ(c->g, bias->dims[0], y.dims[1])))
        return infer_fail(c, QN_E_SHAPE, "the bias must have one element for each output channel");
    return infer_out(c, 0, &y);
}

/* y = the taps of cols[batch * channels][kernel][in] that meet at each pixel, plus a bias for each channel (0: none). */
static qn_status add_taps(lowering *l, const window *w, val cols, val bias, sym channels, val y)
{
    qn_dtype d = lower_type(l, y)->dtype;
    launch *k = launch_begin(l, "col2im.c", "col2im");
    launch_define(k, "T", dtype_word(d));
    launch_define(k, "A", reduce_word(d));
    launch_in(k, cols);
    launch_in(k, bias ? bias : cols);
    launch_out(k, y);
    launch_size(k, channels);
    window_params(k, w, 3);
    launch_const(k, "has_bias", bias != 0);
    return launch_map(k, lower_elems(l, y));
}

static qn_status conv_transpose_emit(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, IN_X), w = lower_in(l, n, IN_W), y = lower_out(l, n, 0);
    spread p;
    const char *wrong = spread_of(g, n, lower_type(l, x), lower_type(l, w), &p);
    if (wrong) return lower_fail(l, n, QN_E_SHAPE, "%s", wrong);
    sym one = sym_number(g, 1), zero = sym_number(g, 0), batch = lower_dim(l, x, 0);
    product m = { .a = w, .b = x, .dtype = lower_type(l, x)->dtype, .trans_a = true, .alpha = 1 };
    m.m = sym_mul(g, p.out_channels, sizes_product(g, p.win.kernel));
    m.n = sizes_product(g, p.win.in);
    m.k = p.in_channels;
    m.batch = sym_mul(g, batch, p.groups);
    for (u32 d = 0; d < PRODUCT_DIMS; d++) {
        m.dims[d] = one;
        m.a_stride[d] = m.b_stride[d] = zero;
    }
    m.dims[PRODUCT_DIMS - 2] = batch;
    m.dims[PRODUCT_DIMS - 1] = p.groups;
    m.a_stride[PRODUCT_DIMS - 1] = sym_mul(g, m.k, m.m);
    m.b_stride[PRODUCT_DIMS - 1] = sym_mul(g, m.k, m.n);
    m.b_stride[PRODUCT_DIMS - 2] = sym_mul(g, m.b_stride[PRODUCT_DIMS - 1], p.groups);
    m.y = lower_scratch(l, m.dtype, sym_mul(g, sym_mul(g, m.m, m.n), m.batch));
    QN_TRY(product_emit(l, &m));
    return add_taps(l, &p.win, m.y, lower_in(l, n, IN_BIAS), sym_mul(g, p.out_channels, p.groups), y);
}

static const variant conv_transpose_variants[] = { { "conv_transpose", 0, NULL, conv_transpose_emit }, { 0 } };

static sym conv_transpose_flops(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val w = lower_in(l, n, IN_W);
    sym an_input = lower_product(l, w, 1, lower_type(l, w)->rank);
    return sym_mul(g, sym_number(g, 2), sym_mul(g, lower_elems(l, lower_in(l, n, IN_X)), an_input));
}

static const op_case conv_transpose_cases[] = {
    { "f32[1,3,5,6] f32[3,4,3,3] f32[4]", "", 1e-6, "step 1, a bias" },
    { "f32[2,3,5,6] f32[3,4,3,3]", "strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]", 1e-6, "doubled" },
    { "f32[1,4,5,6] f32[4,2,2,3]", "strides=[3,2], group=2, dilations=[2,1], pads=[0,1,1,0]", 1e-6,
      "groups, dilations, lopsided padding" },
    { "f32[1,2,3,3] f32[2,2,3,3]", "strides=[3,2], output_shape=[10,8]", 1e-6, "to a given size" },
    { "f32[1,2,3,3] f32[2,2,3,3]", "strides=[2,2], auto_pad=\"SAME_UPPER\"", 1e-6, "size times step" },
    { "f32[1,2,3,3] f32[2,2,4,4]", "strides=[2,2], auto_pad=\"SAME_LOWER\"", 1e-6, "the odd one in front" },
    { "f32[1,2,9] f32[2,3,4]", "strides=[2]", 1e-6, "one dimension" },
    { "f32[1,2,3,4,5] f32[2,3,2,3,2]", "strides=[1,2,1], pads=[0,1,0,0,1,1]", 1e-6, "three dimensions" },
    { "f32[1,40,20,20] f32[40,20,2,2]", "strides=[2,2]", 1e-6, "more than one tile" },
    { "f16[1,3,5,6] f16[3,4,3,3]", "", 2e-3, "half precision" },
    { 0 },
};

const op_def op_ConvTranspose = {
    .name = "ConvTranspose",
    .doc = DOC("The transpose of Conv: each input pixel adds its multiple of the filter to the output, step apart"),
    .in = { { "x", "float" }, { "w", "as x" }, { "bias", "optional as x" } },
    .out = { { "y", "as x" } },
    .attrs = { TEXT("auto_pad", "NOTSET"), INTS("dilations"), INT("group", 1), INTS("kernel_shape"), INTS("output_padding"),
               INTS("output_shape"), INTS("pads"), INTS("strides") },
    .infer = conv_transpose_infer,
    .gradient = GRADIENT(gradient_conv_transpose),
    .variants = conv_transpose_variants,
    .flops = conv_transpose_flops,
    .cases = CASES(conv_transpose_cases),
};

/* ---- Col2Im */

static const char *blocks_of(graph *g, const node *n, const type *x, window *out, sym *channels)
{
    i64 image[3], block[3], steps[3], dilations[3], pads[6];
    i64 rank = known_ints(g, node_in(g, n, 1), image, 3);
    if (rank < 1) return "image_shape must be known before the model runs and have 1 to 3 entries";
    if (known_ints(g, node_in(g, n, 2), block, 3) != rank)
        return "block_shape must be known and have as many entries as image_shape";
    if (x->rank != 3) return "the input must have three dimensions";
    const char *wrong = window_ints(n, "strides", (u32)rank, 1, 1, steps);
    if (!wrong) wrong = window_ints(n, "dilations", (u32)rank, 1, 1, dilations);
    if (!wrong) wrong = window_ints(n, "pads", 2 * (u32)rank, 0, 0, pads);
    if (wrong) return wrong;
    window w = { .rank = (u32)rank };
    for (u32 d = 0; d < 3; d++) {
        set_unit(g, &w, d);
        if (d + rank < 3) continue;
        u32 k = d + (u32)rank - 3;
        if (image[k] < 1 || block[k] < 1 || image[k] > INT32_MAX || block[k] > INT32_MAX)
            return "an entry of image_shape or block_shape is not above 0";
        i64 room = image[k] + pads[k] + pads[rank + k] - (block[k] - 1) * dilations[k] - 1;
        if (room < 0) return "the block is larger than the padded image";
        w.out[d] = sym_number(g, image[k]);
        w.kernel[d] = sym_number(g, block[k]);
        w.in[d] = sym_number(g, room / steps[k] + 1);
        w.pad[d] = sym_number(g, pads[k]);
        w.step[d] = steps[k];
        w.dilation[d] = dilations[k];
    }
    if (infer_differ(g, x->dims[2], sizes_product(g, w.in)))
        return "the number of blocks does not fit image, block and steps";
    *channels = sym_div(g, x->dims[1], sizes_product(g, w.kernel));
    *out = w;
    return infer_differ(g, sym_mul(g, *channels, sizes_product(g, w.kernel)), x->dims[1])
               ? "the rows are no multiple of the block"
               : NULL;
}

static qn_status col2im_infer(infer *c)
{
    window w;
    const type *x = infer_in(c, 0);
    type y = { .dtype = x->dtype, .known = true, .dims = { x->dims[0] } };
    const char *wrong = blocks_of(c->g, c->n, x, &w, &y.dims[1]);
    if (wrong) return infer_fail(c, QN_E_SHAPE, "%s", wrong);
    y.rank = (u8)(2 + w.rank);
    for (u32 d = 0; d < w.rank; d++) y.dims[2 + d] = w.out[3 - w.rank + d];
    return infer_out(c, 0, &y);
}

static qn_status col2im_emit(lowering *l, const node *n)
{
    window w;
    sym channels;
    const char *wrong = blocks_of(lower_graph_mut(l), n, lower_type(l, lower_in(l, n, 0)), &w, &channels);
    if (wrong) return lower_fail(l, n, QN_E_SHAPE, "%s", wrong);
    return add_taps(l, &w, lower_in(l, n, 0), 0, channels, lower_out(l, n, 0));
}

static const variant col2im_variants[] = { { "col2im_map", 0, NULL, col2im_emit }, { 0 } };

static const op_case col2im_cases[] = {
    { "f32[1,5,5] i64[2]={5,5} i64[2]={1,5}", "", 1e-6, "rows" },
    { "f32[2,12,9] i64[2]={6,6} i64[2]={2,2}", "strides=[2,2]", 1e-6, "blocks side by side" },
    { "f32[1,8,25] i64[2]={5,5} i64[2]={2,2}", "dilations=[2,2], pads=[1,1,1,1]", 1e-6, "dilated and padded" },
    { "f32[1,6,4] i64[1]={9} i64[1]={3}", "strides=[2]", 1e-6, "one dimension" },
    { "i8[1,4,25]=-128..127 i64[2]={6,6} i64[2]={2,2}", "", 0, "integers wrap" },
    { "i32[1,4,5]={2147483647,1,16777217,0,-1,2147483647,1,2,3,4,5,6,7,8,9,-9,-8,-7,-6,-5} i64[1]={8} i64[1]={4}", "", 0,
      "32 bits" },
    { "u64[1,2,4]={9223372036854775809,1,2,3,4,9007199254740993,6,18446744073709551615} i64[1]={5} i64[1]={2}", "", 0,
      "beyond what a float holds" },
    { "bool[1,4,25]=0..1 i64[2]={6,6} i64[2]={2,2}", "", 0, "truth values" },
    { 0 },
};

const op_def op_Col2Im = {
    .name = "Col2Im",
    .doc = DOC("Columns of blocks put back into an image, summed where they overlap; integers wrap, a truth value is "
               "whether any is "
               "true"),
    .in = { { "x", "number|bool|complex" }, { "image_shape", "i64" }, { "block_shape", "i64" } },
    .out = { { "y", "as x" } },
    .attrs = { INTS("dilations"), INTS("pads"), INTS("strides") },
    .infer = col2im_infer,
    .complex = true,
    .gradient = GRADIENT(gradient_col2im),
    .variants = col2im_variants,
    .cases = CASES(col2im_cases),
};

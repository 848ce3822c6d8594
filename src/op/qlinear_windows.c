/* Quantized convolutions and pools: integers are summed and scaled behind. com.microsoft's may have their channels last, and are ai.onnx's
 * between two moves. */
#include "op/channels.h"
#include "op/conv.h"
#include "op/op_util.h"
#include "op/quantize.h"
#include "op/window.h"

/* w: filters, whose number becomes that of the channels; NULL: a pool. */
static qn_status infer_windows(infer *c, const type *w, qn_dtype d)
{
    bool last = infer_int(c, "channels_last") != 0;
    type x = *infer_in(c, 0), y;
    window win;
    if (w && w->rank != x.rank) return infer_fail(c, QN_E_SHAPE, "the filters have rank %u, the input %u", w->rank, x.rank);
    if (last && x.rank > 2) x = channels_moved(&x, true);
    const char *wrong = window_make(c->g, c->n, &x, w ? w->dims + 2 : NULL, &win);
    if (wrong) return infer_fail(c, QN_E_SHAPE, "%s", wrong);
    y = type_with(&x, d);
    if (w) y.dims[1] = w->dims[0];
    for (u32 i = 0; i < win.rank; i++) y.dims[2 + i] = win.out[3 - win.rank + i];
    if (last) y = channels_moved(&y, false);
    return infer_out(c, 0, &y);
}

/* The plain op's node on `in`, whose first is moved to have its channels in front, and what it gives moved back. */
static val channels_in_front(build *b, op_id op, val *in, u32 n_in)
{
    const node *n = b->n;
    attr attrs[OP_MOST_ATTRS];
    u32 count = node_attrs_but(n, (const char *const[]){ "channels_last", NULL }, attrs);
    bool last = attr_int(n, "channels_last", 0) != 0;
    if (last) in[0] = channels_move(b, in[0], true);
    val y = build_node(b, op, in, n_in, attrs, count);
    return last ? channels_move(b, y, false) : y;
}

static qn_status infer_pool(infer *c) { return infer_windows(c, NULL, infer_in(c, 0)->dtype); }

static qn_status expand_pool(build *b, const node *n)
{
    (void)n;
    val x = quant_operand(b, 0), y = channels_in_front(b, OP_AveragePool, &x, 1);
    return quant_done(b, y, 3, build_type(b, build_in(b, 0))->dtype);
}

static const op_case pool_cases[] = {
    { "u8[1,3,7,6]=0..255 f32[]={0.05} u8[]={120} f32[]={0.02} u8[]={90}",
      "kernel_shape=[3,2], pads=[1,0,1,0], strides=[2,1]", 0.02, "channels in front" },
    { "u8[1,7,6,3]=0..255 f32[]={0.05} _ f32[]={0.06} _",
      "kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1, channels_last=1", 0.02, "channels last, padding counted" },
    { 0 },
};
const op_def op_QLinearAveragePool = {
    .name = "QLinearAveragePool",
    .domain = "com.microsoft",
    .doc = DOC("AveragePool of a quantized tensor, quantized"),
    .in = { { "x", "i8|u8" },
            { "x_scale", "f32|f64" },
            { "x_zero_point", "optional as x" },
            { "y_scale", "f32|f64" },
            { "y_zero_point", "optional as x" } },
    .out = { { "y", "as x" } },
    .attrs = { TEXT("auto_pad", "NOTSET"), INT("ceil_mode", 0), INT("channels_last", 0), INT("count_include_pad", 0),
               NEEDED("kernel_shape", ATTR_INTS), INTS("pads"), INTS("strides") },
    .infer = infer_pool,
    .expand = expand_pool,
    .cases = CASES(pool_cases),
};

/* x[N][C][spatial...] and w[M][C / group][kernel...]; a scale for each of the M filters. */
static qn_status infer_conv(infer *c)
{
    static const u8 of_filters[] = { 4, 5, 8 };
    const type *w = infer_in(c, 3);
    for (u32 k = 0; k < COUNT(of_filters) && w->rank; k++) {
        const type *t = infer_in(c, of_filters[k]);
        if (t && (t->rank > 1 || (t->rank && !sym_is(c->g, t->dims[0], 1) && infer_differ(c->g, t->dims[0], w->dims[0]))))
            return infer_fail(c, QN_E_SHAPE, "%s is not one number for each filter", op_of(c->n)->in[of_filters[k]].name);
    }
    return infer_windows(c, w, infer_in(c, 7)->dtype);
}

/* v[channels] as [channels][1]...: in front of `behind` dimensions. */
static val for_channels(build *b, val v, u32 behind)
{
    const type t = *build_type(b, v);
    sym dims[QN_MAX_RANK] = { t.dims[0] };
    if (!v || t.rank != 1 || sym_is(b->g, t.dims[0], 1)) return v;
    for (u32 d = 1; d <= behind; d++) dims[d] = sym_one(b->g);
    return build_reshape(b, v, dims, behind + 1);
}

static qn_status expand_conv(build *b, const node *n)
{
    u32 spatial = build_type(b, build_in(b, 0))->rank - 2u;
    val y = build_node(b, OP_ConvInteger, (const val[]){ build_in(b, 0), build_in(b, 3), build_in(b, 2), build_in(b, 5) }, 4,
                       n->attrs, n->n_attrs);
    val bias = build_in(b, 8);
    if (bias) y = build_op2(b, OP_Add, y, for_channels(b, bias, spatial));
    y = quant_sums(b, y, build_in(b, 1), for_channels(b, build_in(b, 4), spatial), build_in(b, 6), build_in(b, 7));
    return build_done(b, &y, 1);
}

static const op_case conv_cases[] = {
    { "u8[1,2,7,7]=0..255 f32[]={0.05} u8[]={120} i8[3,2,3,3]=-99..99 f32[3]={0.1,0.2,0.3} i8[3]={0,0,0} f32[]={3} "
      "u8[]={100} "
      "i32[3]={5,-6,700}",
      "pads=[1,1,1,1]", 0.02, "a scale for each filter, a bias" },
    { "u8[2,1,9]=0..255 f32[]={0.05} u8[]={120} u8[2,1,3]=0..255 f32[]={0.1} u8[]={99} f32[]={3} u8[]={100}", "strides=[2]",
      0.02, "one dimension" },
    { 0 },
};
#define CONV_IN                                                                                                             \
    { "x", "i8|u8" }, { "x_scale", "f32|f64" }, { "x_zero_point", "as x" }, { "w", "i8|u8" }, { "w_scale", "f32|f64" },     \
        { "w_zero_point", "as w" }, { "y_scale", "f32|f64" }, { "y_zero_point", "i8|u8" }, { "B", "optional i32" }
const op_def op_QLinearConv = {
    .name = "QLinearConv",
    .doc = DOC("Conv of quantized tensors, quantized"),
    .in = { CONV_IN },
    .out = { { "y", "as y_zero_point" } },
    .attrs = { CONV_ATTRS },
    .infer = infer_conv,
    .expand = expand_conv,
    .cases = CASES(conv_cases),
};

static qn_status expand_ms_conv(build *b, const node *n)
{
    (void)n;
    val in[9], y;
    for (u32 i = 0; i < COUNT(in); i++) in[i] = build_in(b, i);
    y = channels_in_front(b, OP_QLinearConv, in, COUNT(in));
    return build_done(b, &y, 1);
}

static const op_case ms_conv_cases[] = {
    { "u8[1,7,7,2]=0..255 f32[]={0.05} u8[]={120} i8[3,2,3,3]=-99..99 f32[3]={0.1,0.2,0.3} i8[]={0} f32[]={3} u8[]={100} "
      "i32[3]={5,-6,700}",
      "pads=[1,1,1,1], channels_last=1", 0.02, "channels last" },
    { 0 },
};
const op_def op_MsQLinearConv = {
    .name = "QLinearConv",
    .domain = "com.microsoft",
    .doc = DOC("ai.onnx's QLinearConv, its channels last where channels_last is 1"),
    .in = { CONV_IN },
    .out = { { "y", "as y_zero_point" } },
    .attrs = { CONV_ATTRS, INT("channels_last", 0) },
    .infer = infer_conv,
    .expand = expand_ms_conv,
    .cases = CASES(ms_conv_cases),
};

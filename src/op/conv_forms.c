/* Forms of a convolution that become Conv or ConvFused: with an activation, with channels last, of 8-bit integers. */
#include "op/channels.h"
#include "op/conv.h"
#include "op/epilogue.h"
#include "op/exact.h"
#include "op/op_util.h"

/* com.microsoft's activation and activation_params behind the attributes of the convolution. */
static qn_status activation_attrs(build *b, attr *attrs, u32 *count)
{
    const attr *params = attr_find(b->n, "activation_params");
    const char *name = attr_text(b->g, b->n, "activation", "");
    f64 p = 0, q = 0;
    act a = act_of_onnx(name, params ? params->floats : NULL, params ? params->n : 0, &p, &q);
    if (a == ACT_COUNT) return build_fail(b, QN_E_UNSUPPORTED, "there is no activation '%s'", name);
    epilogue_attrs(a, p, q, attrs + *count);
    *count += EPILOGUE_ATTRS;
    return QN_OK;
}

static qn_status fused_conv_expand(build *b, const node *n)
{
    attr attrs[CONV_MOST_ATTRS + EPILOGUE_ATTRS];
    u32 count = conv_attrs(n, attrs);
    QN_TRY(activation_attrs(b, attrs, &count));
    val y = build_node(b, OP_ConvFused, (val[]){ build_in(b, 0), build_in(b, 1), build_in(b, 2), build_in(b, 3) }, 4, attrs,
                       count);
    return build_done(b, &y, 1);
}

static const op_case fused_conv_cases[] = {
    { "f32[1,3,9,8] f32[5,3,3,3] f32[5]", "pads=[1,1,1,1], activation=\"Relu\"", 1e-6, "an activation" },
    { "f32[1,3,9,8] f32[5,3,3,3] f32[5] f32[1,5,9,8]", "pads=[1,1,1,1], activation=\"Clip\", activation_params=[0.0,6.0]",
      1e-6, "a rest" },
    { 0 },
};

const op_def op_FusedConv = {
    .name = "FusedConv",
    .domain = "com.microsoft",
    .doc = DOC("Conv, plus a tensor of the result's shape, with an activation behind it"),
    .in = { { "x", "float" }, { "w", "as x" }, { "bias", "optional as x" }, { "rest", "optional as x" } },
    .out = { { "y", "as x" } },
    .attrs = { CONV_ATTRS, TEXT("activation", ""), FLOATS("activation_params") },
    .infer = conv_infer,
    .expand = fused_conv_expand,
    .cases = CASES(fused_conv_cases),
};

static qn_status nhwc_infer(infer *c)
{
    if (infer_in(c, 0)->rank < 3) return infer_fail(c, QN_E_SHAPE, "the input must have 1, 2 or 3 spatial dimensions");
    type x = channels_moved(infer_in(c, 0), true), y;
    QN_TRY(conv_shape(c, &x, &y));
    y = channels_moved(&y, false);
    return infer_out(c, 0, &y);
}

static qn_status nhwc_conv_expand(build *b, const node *n)
{
    attr attrs[CONV_MOST_ATTRS + EPILOGUE_ATTRS];
    u32 count = conv_attrs(n, attrs);
    QN_TRY(activation_attrs(b, attrs, &count));
    val in[] = { channels_move(b, build_in(b, 0), true), build_in(b, 1), build_in(b, 2),
                 channels_move(b, build_in(b, 3), true) };
    val y = channels_move(b, build_node(b, OP_ConvFused, in, 4, attrs, count), false);
    return build_done(b, &y, 1);
}

static const op_case nhwc_conv_cases[] = {
    { "f32[1,9,8,3] f32[5,3,3,3] f32[5]", "pads=[1,1,1,1], activation=\"Relu\"", 1e-6, "channels last" },
    { 0 },
};

static const op_case nhwc_conv_plain_cases[] = {
    { "f32[1,9,8,4] f32[6,2,3,3] f32[6]", "group=2, strides=[2,1]", 1e-6, "groups" }, { 0 }
};

const op_def op_NhwcFusedConv = {
    .name = "NhwcFusedConv",
    .domain = "com.microsoft",
    .doc = DOC("FusedConv of a tensor with its channels last"),
    .in = { { "x", "float" }, { "w", "as x" }, { "bias", "optional as x" }, { "rest", "optional as x" } },
    .out = { { "y", "as x" } },
    .attrs = { CONV_ATTRS, TEXT("activation", ""), FLOATS("activation_params") },
    .infer = nhwc_infer,
    .expand = nhwc_conv_expand,
    .cases = CASES(nhwc_conv_cases),
};

const op_def op_NhwcConv = {
    .name = "NhwcConv",
    .domain = "com.microsoft",
    .doc = DOC("Conv of a tensor with its channels last"),
    .in = { { "x", "float" }, { "w", "as x" }, { "bias", "optional as x" } },
    .out = { { "y", "as x" } },
    .attrs = { CONV_ATTRS },
    .infer = nhwc_infer,
    .expand = nhwc_conv_expand,
    .cases = CASES(nhwc_conv_plain_cases),
};

static qn_status conv_integer_infer(infer *c)
{
    type y;
    QN_TRY(conv_shape(c, infer_in(c, 0), &y));
    QN_TRY(exact_check_zero(c, infer_in(c, 1), infer_in(c, 3), 0));
    y.dtype = QN_I32;
    return infer_out(c, 0, &y);
}

/* A zero point for each filter [channels] stands in front of the filter's dimensions. */
static val for_filters(build *b, val zero, u32 rank)
{
    sym dims[QN_MAX_RANK] = { 0 };
    zero = exact_zero(b, zero);
    if (!zero || b->status) return zero;
    const type *t = build_type(b, zero);
    if (t->rank != 1 || sym_is(b->g, t->dims[0], 1)) return zero;
    for (u32 d = 0; d < rank; d++) dims[d] = d ? sym_one(b->g) : t->dims[0];
    return build_reshape(b, zero, dims, rank);
}

/* Products for each channel of a filter; 0: not known. */
static i64 taps_of(const graph *g, const type *w)
{
    i64 taps = 1, size;
    for (u32 d = 2; d < w->rank; d++) {
        if (!sym_is_number(g, w->dims[d], &size) || size > INT32_MAX || taps > INT32_MAX) return 0;
        taps *= size;
    }
    return taps;
}

static qn_status conv_integer_expand(build *b, const node *n)
{
    attr attrs[CONV_MOST_ATTRS];
    u32 count = conv_attrs(n, attrs);
    const type *w = build_type(b, build_in(b, 1));
    const exact_factor left = { build_in(b, 0), exact_zero(b, build_in(b, 2)), 1 },
                       right = { build_in(b, 1), for_filters(b, build_in(b, 3), w->rank), 1 };
    val y = exact_products(b, OP_Conv, &left, &right, taps_of(b->g, w), attr_int(n, "group", 1) != 1, attrs, count);
    return build_done(b, &y, 1);
}

static const op_case conv_integer_cases[] = {
    { "u8[1,1,3,3] u8[1,1,2,2] u8[]={1}", "pads=[1,1,1,1]", 0, "a zero point; padding is that zero" },
    { "u8[1,2,5,5] i8[3,2,3,3] u8[]={128} i8[3]={1,-2,3}", "", 0, "a zero point for each filter" },
    { "u8[1,70,4,4]=255..255 i8[3,70,3,3]=-128..-126", "pads=[1,0,1,1]", 0, "the largest sums, taken apart" },
    { "u8[1,4,5,5]=0..255 u8[4,2,3,3]=0..255", "group=2", 0, "groups" },
    { "u8[1,1,30,30]=255..255 u8[1,1,24,24]=255..255", "", 0, "too many taps for floats" },
    { 0 },
};

const op_def op_ConvInteger = {
    .name = "ConvInteger",
    .doc = DOC("Conv of x - x_zero with w - w_zero, 8-bit factors and 32-bit sums"),
    .in = { { "x", "i8|u8" }, { "w", "i8|u8" }, { "x_zero", "optional i8|u8" }, { "w_zero", "optional i8|u8" } },
    .out = { { "y", "i32" } },
    .attrs = { CONV_ATTRS },
    .infer = conv_integer_infer,
    .expand = conv_integer_expand,
    .cases = CASES(conv_integer_cases),
};

/* Forms of a convolution that become Conv or ConvFused: with an activation, with channels last, of 8-bit integers. */
#include "op/channels.h"
#include "op/conv.h"
#include "op/epilogue.h"
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
    attr attrs[CONV_MAX_ATTRS];
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
    attr attrs[CONV_MAX_ATTRS];
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
    y.dtype = QN_I32;
    return infer_out(c, 0, &y);
}

/* x - zero as i32; a zero point for each filter [channels] stands in front of the filter's dimensions. */
static val shifted(build *b, val x, val zero)
{
    val wide = build_cast(b, x, QN_I32);
    if (!zero || b->status) return wide;
    const type *t = build_type(b, zero), *xt = build_type(b, x);
    sym one = sym_number(b->g, 1);
    if (t->rank == 1 && !sym_is(b->g, t->dims[0], 1)) {
        sym dims[QN_MAX_RANK] = { t->dims[0] };
        for (u32 d = 1; d < xt->rank; d++) dims[d] = one;
        zero = build_reshape(b, zero, dims, xt->rank);
    }
    return build_op2(b, OP_Sub, wide, build_cast(b, zero, QN_I32));
}

static qn_status conv_integer_expand(build *b, const node *n)
{
    attr attrs[CONV_MAX_ATTRS];
    u32 count = conv_attrs(n, attrs);
    val y = build_node(b, OP_Conv,
                       (val[]){ shifted(b, build_in(b, 0), build_in(b, 2)), shifted(b, build_in(b, 1), build_in(b, 3)) }, 2,
                       attrs, count);
    return build_done(b, &y, 1);
}

static const op_case conv_integer_cases[] = {
    { "u8[1,1,3,3] u8[1,1,2,2] u8[]={1}", "pads=[1,1,1,1]", 0, "a zero point; padding is that zero" },
    { "u8[1,2,5,5] i8[3,2,3,3] u8[]={128} i8[3]={1,-2,3}", "", 0, "a zero point for each filter" },
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

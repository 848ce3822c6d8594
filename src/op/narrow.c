/* Casts from and to narrow types. Each element has a byte of its own: 4 and 2-bit integers as the i8 or u8 of the same value, so reading one is
 * no work; float8 and float4 as their code, which two kernels turn into f32 and back. */
#include "op/narrow.h"
#include "op/op_util.h"
#include "plan/lower.h"

/* ------------------------------------------------------------------ HeldAs */
static qn_status infer_held_as(infer *c)
{
    type out = type_with(infer_in(c, 0), node_dtype(c->n, "to", QN_NONE));
    if (qn_dtype_bytes(out.dtype) != qn_dtype_bytes(infer_in(c, 0)->dtype))
        return infer_fail(c, QN_E_DTYPE, "to is %s, whose elements are held otherwise", qn_dtype_name(out.dtype));
    return infer_out(c, 0, &out);
}

static const op_case held_as_cases[] = { { "u8[5]=0..15", "to=21", 0, "to u4" }, { "f64[9]", "to=7", 0, "to i64" }, { 0 } };
const op_def op_HeldAs = {
    .name = "HeldAs",
    .domain = "quern",
    .doc = DOC("the bytes of x as another type whose elements are held in as many"),
    .in = { { "x", "number|bool|narrow|complex" } },
    .out = { { "y", "number|bool|narrow|complex" } },
    .attrs = { NEEDED_DTYPE("to", "number|bool|narrow|complex") },
    .alias = true,
    .infer = infer_held_as,
    .cases = CASES(held_as_cases),
};

val narrow_held_as(build *b, val x, qn_dtype d)
{
    if (b->status || build_type(b, x)->dtype == d) return x;
    attr to = attr_of_int("to", dtype_to_onnx(d));
    return build_node(b, OP_HeldAs, &x, 1, &to, 1);
}

/* ------------------------------------------------------------------ the kernels */
static launch *narrow_launch(lowering *l, const char *entry, qn_dtype d)
{
    static const struct {
        u8 exponent, mantissa, nans;
    } forms[QN_DTYPE_COUNT] = {
        [QN_F8E4M3FN] = { 4, 3, 1 },   [QN_F8E4M3FNUZ] = { 4, 3, 2 }, [QN_F8E5M2] = { 5, 2, 0 },
        [QN_F8E5M2FNUZ] = { 5, 2, 2 }, [QN_F8E8M0] = { 8, 0, 3 },     [QN_F4E2M1] = { 2, 1, 4 },
    };
    launch *k = launch_begin(l, "narrow.c", entry);
    launch_define_number(k, "EXP", forms[d].exponent);
    launch_define_number(k, "MAN", forms[d].mantissa);
    launch_define_number(k, "NANS", forms[d].nans);
    return k;
}

static qn_status emit_decode(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0);
    launch *k = narrow_launch(l, "narrow_decode", lower_type(l, x)->dtype);
    launch_in(k, x);
    launch_out(k, lower_out(l, n, 0));
    return launch_map(k, lower_elems(l, x));
}

static qn_status emit_encode(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0);
    const char *mode = attr_text(lower_graph(l), n, "round_mode", "up");
    launch *k = narrow_launch(l, "narrow_encode", lower_type(l, n->out[0])->dtype);
    launch_in(k, x);
    launch_out(k, lower_out(l, n, 0));
    launch_const(k, "saturate", lower_int(l, n, "saturate") != 0);
    launch_const(k, "up", text_same(mode, "up"));
    launch_const(k, "down", text_same(mode, "down"));
    return launch_map(k, lower_elems(l, x));
}

static qn_status infer_decode(infer *c)
{
    type out = type_with(infer_in(c, 0), QN_F32);
    return infer_out(c, 0, &out);
}

static qn_status infer_encode(infer *c)
{
    type out = type_with(infer_in(c, 0), node_dtype(c->n, "to", QN_NONE));
    return infer_out(c, 0, &out);
}

#define ODD "{0,-0.0,1,-1.06,0.0017,0.00098,-0.0022,17.5,21,447,449,465,-1e9,57344,61440,2e-5,0.25,3.5,inf,-inf,nan}"
#define LEAST                                                                                                               \
    "{0,-0.0,1,-1.06,0.0017,0.00098,-0.0022,17.5,21,447,449,465,-1e9,57344,1e38,1.8e38,3.4e38,3.5,inf,-inf,nan,1.2e-38,2}"
static const variant decode_variants[] = { { "narrow_decode", 0, NULL, emit_decode }, { 0 } };
static const variant encode_variants[] = { { "narrow_encode", 0, NULL, emit_encode }, { 0 } };
static const op_case decode_cases[] = {
    { "f8e4m3fn[256]=0..255", "", 0, "e4m3fn" },
    { "f8e4m3fnuz[256]=0..255", "", 0, "e4m3fnuz" },
    { "f8e5m2[256]=0..255", "", 0, "e5m2" },
    { "f8e5m2fnuz[256]=0..255", "", 0, "e5m2fnuz" },
    { "f8e8m0[4]={1,127,254,255}", "", 0, "e8m0" },
    { "f4e2m1[16]=0..15", "", 0, "e2m1" },
    { 0 },
};
static const op_case encode_cases[] = {
    { "f32[21]=" ODD, "to=17", 0, "e4m3fn" },
    { "f32[21]=" ODD, "to=18, saturate=0", 0, "e4m3fnuz, not held" },
    { "f32[21]=" ODD, "to=19, saturate=0", 0, "e5m2, not held" },
    { "f32[21]=" ODD, "to=20", 0, "e5m2fnuz" },
    { "f32[21]=" ODD, "to=24, round_mode=\"nearest\"", 0, "e8m0" },
    { "f32[23]=" LEAST, "to=24", 0, "e8m0, up, held" },
    { "f32[23]=" LEAST, "to=24, round_mode=\"down\", saturate=0", 0, "e8m0, not held" },
    { "f32[21]=" ODD, "to=23", 0, "e2m1" },
    { 0 },
};
const op_def op_NarrowDecode = {
    .name = "NarrowDecode",
    .domain = "quern",
    .doc = DOC("float8 and float4 as f32"),
    .in = { { "x", "narrow" } },
    .out = { { "y", "f32" } },
    .infer = infer_decode,
    .variants = decode_variants,
    .cases = CASES(decode_cases),
};
const op_def op_NarrowEncode = {
    .name = "NarrowEncode",
    .domain = "quern",
    .doc = DOC("the nearest float8 or float4 of f32"),
    .in = { { "x", "f32" } },
    .out = { { "y", "narrow" } },
    .attrs = { NEEDED_DTYPE("to", "float8|f8e8m0|f4e2m1"), INT("saturate", 1), TEXT("round_mode", "up") },
    .infer = infer_encode,
    .variants = encode_variants,
    .cases = CASES(encode_cases),
};

/* ------------------------------------------------------------------ Cast */
static bool is_signed(qn_dtype d) { return d == QN_I4 || d == QN_I2; }

/* The low bits of an integer, with its sign: (x << unused) >> unused. */
static val low_bits(build *b, val x, qn_dtype d)
{
    val unused = build_scalar(b, QN_I32, 32 - dtype_bits(d));
    attr left = attr_of_text("direction", "LEFT"), right = attr_of_text("direction", "RIGHT");
    qn_dtype wide = is_signed(d) ? QN_I32 : QN_U32;
    x = build_cast(b, build_cast(b, x, QN_I32), wide);
    unused = build_cast(b, unused, wide);
    x = build_node(b, OP_BitShift, (const val[]){ x, unused }, 2, &left, 1);
    x = build_node(b, OP_BitShift, (const val[]){ x, unused }, 2, &right, 1);
    return narrow_held_as(b, build_cast(b, x, is_signed(d) ? QN_I8 : QN_U8), d);
}

static val to_narrow(build *b, const node *n, val x, qn_dtype d)
{
    if (!dtype_is_narrow_float(d)) return low_bits(b, x, d);
    attr how[3] = { attr_of_int("to", dtype_to_onnx(d)), attr_of_int("saturate", attr_int(n, "saturate", 1)),
                    attr_of_text("round_mode", attr_text(b->g, n, "round_mode", "up")) };
    x = build_cast(b, x, QN_F32);
    return build_node(b, OP_NarrowEncode, &x, 1, how, 3);
}

qn_status narrow_expand_cast(build *b, const node *n)
{
    val x = build_in(b, 0);
    qn_dtype from = build_type(b, x)->dtype, to = build_type(b, n->out[0])->dtype;
    if (from == to) x = build_op1(b, OP_Identity, x);
    else if (from == QN_STRING || to == QN_STRING) x = text_cast(b, n, x, from, to);
    else {
        if (dtype_is_narrow(from))
            x = dtype_is_narrow_float(from) ? build_op1(b, OP_NarrowDecode, x)
                                            : narrow_held_as(b, x, is_signed(from) ? QN_I8 : QN_U8);
        x = dtype_is_narrow(to) ? to_narrow(b, n, x, to) : build_cast(b, x, to);
    }
    return build_done(b, &x, 1);
}

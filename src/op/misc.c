/* Small composites and views: Dropout, BitCast, the window functions of signal processing. */
#include <math.h>

#include "op/elems.h"
#include "op/narrow.h"
#include "op/op_util.h"

/* ------------------------------------------------------------------ Dropout */
static qn_status infer_dropout(infer *c)
{
    const type x = *infer_in(c, 0);
    type mask = type_with(&x, QN_BOOL);
    i64 training;
    if (infer_has(c, 2) && infer_ints(c, 2, &training, 1) != 1)
        return infer_fail(c, QN_E_UNSUPPORTED, "training_mode must be a constant");
    if (infer_has(c, 1) && sym_differ(c->g, type_elems(c->g, infer_in(c, 1)), sym_one(c->g)))
        return infer_fail(c, QN_E_SHAPE, "ratio must be one number");
    QN_TRY(infer_out(c, 0, &x));
    return infer_out(c, 1, &mask);
}

static val filled_like(build *b, val x, bool v)
{
    const type t = *build_type(b, x);
    return build_expand(b, build_scalar(b, QN_BOOL, v), t.dims, t.rank);
}

/* While training: elements kept where a random number reaches the ratio, and scaled so that the mean stays. */
static qn_status expand_dropout(build *b, const node *n)
{
    val x = build_in(b, 0), ratio = n->n_in > 1 ? build_in(b, 1) : 0;
    i64 training = 0;
    f64 number = 0.5;
    const qn_dtype d = build_type(b, x)->dtype;
    known_ints(b->g, n->n_in > 2 ? build_in(b, 2) : 0, &training, 1);
    if (ratio) constant_f64(b->g, ratio, &number);
    if (!training || number == 0) {
        val mask = n->n_out > 1 && value_at(b->g, n->out[1])->uses ? filled_like(b, x, true) : 0;
        return build_done(b, (const val[]){ x, mask }, 2);
    }
    attr seed = attr_of_float("seed", attr_float(n, "seed", 0));
    val u = build_node(b, OP_RandomUniformLike, &x, 1, &seed, attr_find(n, "seed") != NULL);
    ratio = build_cast(b, ratio ? ratio : build_scalar(b, d, number), d);
    val mask = build_op2(b, OP_GreaterOrEqual, u, ratio);
    val y = build_op2(b, OP_Div, build_op2(b, OP_Mul, x, build_cast(b, mask, d)),
                      build_op2(b, OP_Sub, build_scalar(b, d, 1), ratio));
    return build_done(b, (const val[]){ y, mask }, 2);
}

static const op_case dropout_cases[] = {
    { "f32[3,4]", "", 0, "inference: x itself" },
    { "f32[3,4] f32[]={0.1}", "n_out=2", 0, "with the mask" },
    { "f32[3,4] f32[]={0} bool[]={1}", "n_out=2", 0, "training that drops nothing" },
    { 0 },
};
const op_def op_Dropout = {
    .name = "Dropout",
    .doc = DOC("x itself; in training mode with random elements zeroed"),
    .in = { { "data", "float" }, { "ratio", "optional float" }, { "training_mode", "optional bool" } },
    .out = { { "output", "as data" }, { "mask", "bool" } },
    .attrs = { { "seed", ATTR_INT, false, 0, 0, NULL } },
    .draws = true,
    .infer = infer_dropout,
    .expand = expand_dropout,
    .cases = CASES(dropout_cases),
};

/* ------------------------------------------------------------------ BitCast */
static qn_status infer_bit_cast(infer *c)
{
    type out = *infer_in(c, 0);
    qn_dtype to = node_dtype(c->n, "to", QN_NONE);
    if (dtype_bits(to) != dtype_bits(out.dtype))
        return infer_fail(c, QN_E_DTYPE, "%s and %s have elements of different size", qn_dtype_name(out.dtype),
                          qn_dtype_name(to));
    out.dtype = to;
    return infer_out(c, 0, &out);
}

/* What is less than a byte has a byte of its own, over which an integer's sign is spread (narrow.c): as integers Cast turns their bits. */
static qn_status expand_bit_cast(build *b, const node *n)
{
    val x = build_in(b, 0);
    qn_dtype from = build_type(b, x)->dtype, to = build_type(b, n->out[0])->dtype;
    if (from == to) x = build_op1(b, OP_Identity, x);
    else {
        if (dtype_bits(to) < 8) {
            if (from == QN_F4E2M1) x = narrow_held_as(b, x, QN_U4);
            x = build_cast(b, x, to == QN_F4E2M1 ? QN_U4 : to);
        }
        x = narrow_held_as(b, x, to);
    }
    return build_done(b, &x, 1);
}

static const op_case bit_cast_cases[] = {
    { "f64[9]", "to=7", 0, "to i64" },
    { "u8[9]=0..255", "to=3", 0, "to i8" },
    { "f8e5m2[256]=0..255", "to=3", 0, "float8 to i8" },
    { "i4[4]={-8,-1,0,7}", "to=23", 0, "i4 to float4" },
    { "f4e2m1[16]=0..15", "to=22", 0, "float4 to i4" },
    { "u2[4]={0,1,2,3}", "to=26", 0, "u2 to i2" },
    { "bool[4]=0..1", "to=2", 0, "bool to u8" },
    { "f32[4]", "to=1", 0, "to itself" },
    { 0 },
};
const op_def op_BitCast = {
    .name = "BitCast",
    .doc = DOC("the bits of x as another type of the same size"),
    .in = { { "input", "number|bool|narrow|complex" } },
    .out = { { "output", "number|bool|narrow|complex" } },
    .attrs = { NEEDED_DTYPE("to", "number|bool|narrow|complex") },
    .infer = infer_bit_cast,
    .expand = expand_bit_cast,
    .cases = CASES(bit_cast_cases),
};

/* ------------------------------------------------------------------ windows: a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N) */
static qn_status infer_window(infer *c)
{
    const sym *size;
    type out = { .dtype = node_dtype(c->n, "output_datatype", QN_F32), .rank = 1, .known = true };
    if (elems_wanted(c, 0, &size) != 1) return infer_fail(c, QN_E_SHAPE, "size must be one number");
    out.dims[0] = size[0];
    return infer_out(c, 0, &out);
}

static const f64 *window_terms(u16 op)
{
    static const f64 hann[3] = { 0.5, 0.5, 0 }, hamming[3] = { 25.0 / 46, 1 - 25.0 / 46, 0 },
                     blackman[3] = { 0.42, 0.5, 0.08 };
    return op == OP_HannWindow ? hann : op == OP_HammingWindow ? hamming : blackman;
}

static qn_status expand_window(build *b, const node *n)
{
    const double two_pi = 6.283185307179586;
    const type out = *build_type(b, n->out[0]);
    const f64 *a = window_terms(n->op);
    qn_dtype wide = dtype_computing(out.dtype);
    if (!dtype_is_float(wide)) wide = QN_F32;
    sym period = attr_int(n, "periodic", 1) ? out.dims[0] : sym_sub(b->g, out.dims[0], sym_one(b->g));
    val limit = build_reshape(b, build_syms(b, out.dims, 1), NULL, 0);
    val i =
        build_node(b, OP_Range, (const val[]){ build_scalar(b, QN_I64, 0), limit, build_scalar(b, QN_I64, 1) }, 3, NULL, 0);
    val by = build_op2(b, OP_Div, build_scalar(b, wide, two_pi),
                       build_cast(b, build_reshape(b, build_syms(b, &period, 1), NULL, 0), wide));
    val angle = build_op2(b, OP_Mul, build_cast(b, i, wide), by);
    val y = build_op2(b, OP_Mul, build_op1(b, OP_Cos, angle), build_scalar(b, wide, -a[1]));
    y = build_op2(b, OP_Add, y, build_scalar(b, wide, a[0]));
    if (a[2] != 0) {
        val twice = build_op1(b, OP_Cos, build_op2(b, OP_Mul, angle, build_scalar(b, wide, 2)));
        y = build_op2(b, OP_Add, y, build_op2(b, OP_Mul, twice, build_scalar(b, wide, a[2])));
    }
    y = build_cast(b, y, out.dtype);
    return build_done(b, &y, 1);
}

static const op_case window_cases[] = { { "i64[]={10}", "", 1e-5, "periodic" },
                                        { "i32[]={9}", "periodic=0", 1e-5, "symmetric" },
                                        { 0 } };
#define WINDOW(name_, doc_)                                                                                                 \
    const op_def op_##name_ = { .name = #name_,                                                                             \
                                .doc = DOC(doc_),                                                                           \
                                .in = { { "size", "i32|i64" } },                                                            \
                                .out = { { "output", "number" } },                                                          \
                                .attrs = { DTYPE("output_datatype", 1, "number"), INT("periodic", 1) },                     \
                                .infer = infer_window,                                                                      \
                                .expand = expand_window,                                                                    \
                                .cases = CASES(window_cases) };
WINDOW(HannWindow, "the Hann window of a length")
WINDOW(HammingWindow, "the Hamming window of a length")
WINDOW(BlackmanWindow, "the Blackman window of a length")

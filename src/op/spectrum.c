/* DFT and STFT as matrix products with tables of cosines, which are folded where the length is known. A complex number is a dimension of two.
 * Element (j, a) of n x c and (k, b) of the result meet in cos(2 pi j k / N + s (b - a) pi / 2): a, b are 0 for real and 1 for imaginary
 * parts, s is 1 forward and -1 inverse. In quarter turns of 2 pi / N this is a whole number, reduced before it is scaled: no digits are lost. */
#include "op/elems.h"
#include "op/op_util.h"

typedef struct dft {
    sym in, length, out; /* elements along the axis, N, results */
    u32 parts_in, parts_out;
    bool inverse, half; /* half: only the first N / 2 + 1 frequencies are there, of the result or (inverse) of the input */
} dft;

static val range(build *b, sym n, u32 at, u32 rank)
{
    sym dims[4];
    val limit = build_reshape(b, build_syms(b, &n, 1), NULL, 0);
    val i =
        build_node(b, OP_Range, (const val[]){ build_scalar(b, QN_I64, 0), limit, build_scalar(b, QN_I64, 1) }, 3, NULL, 0);
    for (u32 d = 0; d < rank; d++) dims[d] = d == at ? n : sym_one(b->g);
    return build_cast(b, build_reshape(b, i, dims, rank), QN_I32);
}

static val whole(build *b, sym n) { return build_cast(b, build_reshape(b, build_syms(b, &n, 1), NULL, 0), QN_I32); }

static val mod(build *b, val x, val by) { return build_op2(b, OP_Mod, x, by); }

/* How often an input of half a spectrum stands in the whole: twice, but for the first and the middle one. */
static val times_in_whole(build *b, const dft *f, val j, qn_dtype d)
{
    val n = whole(b, f->length), twice = build_op2(b, OP_Add, j, j);
    val once = build_op2(b, OP_Or, build_op2(b, OP_Equal, j, build_scalar(b, QN_I32, 0)), build_op2(b, OP_Equal, twice, n));
    val there = build_cast(b, build_op2(b, OP_LessOrEqual, twice, n), d);
    return build_op2(b, OP_Mul, there, build_op2(b, OP_Sub, build_scalar(b, d, 2), build_cast(b, once, d)));
}

/* cos(at * pi / (2 n)) for 0 <= at < 4 n, by quarters, so that it is 0, 1 and -1 exactly where it should be. */
static val cosine_of(build *b, val at, val n, qn_dtype d)
{
    val quarter = build_op2(b, OP_Div, at, n), two = build_scalar(b, QN_I32, 2), one = build_scalar(b, QN_I32, 1);
    val by = build_op2(b, OP_Div, build_scalar(b, d, 1.5707963267948966), build_cast(b, n, d));
    val angle = build_op2(b, OP_Mul, build_cast(b, mod(b, at, n), d), by);
    val odd = build_op2(b, OP_Equal, mod(b, quarter, two), one);
    val y =
        build_node(b, OP_Where, (const val[]){ odd, build_op1(b, OP_Sin, angle), build_op1(b, OP_Cos, angle) }, 3, NULL, 0);
    val minus = build_op2(b, OP_Equal, build_op2(b, OP_Div, build_op2(b, OP_Add, quarter, one), two),
                          one); /* the second and third */
    return build_node(b, OP_Where, (const val[]){ minus, build_op1(b, OP_Neg, y), y }, 3, NULL, 0);
}

/* [in * parts_in][out * parts_out] */
static val table_of(build *b, const dft *f, qn_dtype d)
{
    graph *g = b->g;
    sym four = sym_number(g, 4), in_parts = sym_number(g, f->parts_in), out_parts = sym_number(g, f->parts_out);
    val j = range(b, f->in, 0, 4), a = range(b, in_parts, 1, 4), k = range(b, f->out, 2, 4), c = range(b, out_parts, 3, 4);
    val n = whole(b, f->length), turn = whole(b, sym_mul(g, f->length, four));
    val at = mod(b, build_op2(b, OP_Mul, mod(b, j, n), mod(b, k, n)), n);
    val parts = f->inverse ? build_op2(b, OP_Sub, a, c) : build_op2(b, OP_Sub, c, a);
    at = build_op2(b, OP_Add, build_op2(b, OP_Mul, at, build_scalar(b, QN_I32, 4)), build_op2(b, OP_Mul, parts, n));
    val y = cosine_of(b, mod(b, at, turn), n, d);
    if (f->inverse) y = build_op2(b, OP_Div, y, build_cast(b, n, d));
    if (f->inverse && f->half) y = build_op2(b, OP_Mul, y, times_in_whole(b, f, j, d));
    else if (!sym_same(g, f->in, f->length)) y = build_op2(b, OP_Mul, y, build_cast(b, build_op2(b, OP_Less, j, n), d));
    return build_reshape(b, y, (const sym[]){ sym_mul(g, f->in, in_parts), sym_mul(g, f->out, out_parts) }, 2);
}

/* x[...][in][parts] -> [...][out][parts], in f32 or f64. */
static val transformed(build *b, val x, const dft *f)
{
    type t = *build_type(b, x);
    u32 last = t.rank - 1u;
    if (b->status != QN_OK) return 0;
    t.dims[last - 1] = sym_mul(b->g, t.dims[last - 1], t.dims[last]);
    val y = build_op2(b, OP_MatMul, build_reshape(b, x, t.dims, last), table_of(b, f, t.dtype));
    t.dims[last - 1] = f->out;
    t.dims[last] = sym_number(b->g, f->parts_out);
    return build_reshape(b, y, t.dims, t.rank);
}

/* ------------------------------------------------------------------ DFT */
static qn_status dft_of(infer *c, u32 *axis, dft *f)
{
    graph *g = c->g;
    const type *x = infer_in(c, 0);
    const sym *length = NULL;
    i64 parts = 0, at = -2;
    if (x->rank >= 2 && !sym_is_number(g, x->dims[x->rank - 1], &parts))
        return infer_fail(c, QN_E_UNSUPPORTED, "the last dimension must be known before the model runs");
    if (x->rank < 2 || parts < 1 || parts > 2)
        return infer_fail(c, QN_E_SHAPE, "the last dimension must be 1 (real numbers) or 2 (complex ones)");
    if (infer_has(c, 2) && infer_ints(c, 2, &at, 1) != 1) return infer_fail(c, QN_E_UNSUPPORTED, "the axis must be known");
    QN_TRY(infer_axis(c, at, x->rank, axis));
    if (*axis == x->rank - 1u) return infer_fail(c, QN_E_SHAPE, "the axis is that of the complex parts");
    *f = (dft){ .in = x->dims[*axis], .parts_in = (u32)parts, .parts_out = 2 };
    f->inverse = infer_int(c, "inverse") != 0, f->half = infer_int(c, "onesided") != 0;
    bool back = f->inverse && f->half;
    f->length = back ? sym_mul(g, sym_sub(g, f->in, sym_one(g)), sym_number(g, 2)) : f->in;
    if (infer_has(c, 1)) {
        if (elems_wanted(c, 1, &length) != 1) return infer_fail(c, QN_E_SHAPE, "dft_length must be one number");
        f->length = length[0];
    }
    infer_need(g, sym_compare(g, '<', sym_zero(g), f->length), "a transform of length #", f->length, 0);
    f->out = f->half && !back ? sym_add(g, sym_div(g, f->length, sym_number(g, 2)), sym_one(g)) : f->length;
    if (back) f->parts_out = 1;
    return QN_OK;
}

static qn_status infer_dft(infer *c)
{
    u32 axis;
    dft f;
    type y = *infer_in(c, 0);
    QN_TRY(dft_of(c, &axis, &f));
    y.dims[axis] = f.out;
    y.dims[y.rank - 1] = sym_number(c->g, f.parts_out);
    return infer_out(c, 0, &y);
}

/* The axis moved to the place before the last, or back: the same swap. */
static val swapped(build *b, val x, u32 axis, u32 rank)
{
    i64 order[QN_MAX_RANK];
    if (axis + 2 == rank) return x;
    for (u32 d = 0; d < rank; d++) order[d] = d;
    order[axis] = rank - 2, order[rank - 2] = axis;
    attr perm = attr_of_ints(b->g, "perm", order, rank);
    return build_node(b, OP_Transpose, &x, 1, &perm, 1);
}

static qn_status expand_dft(build *b, const node *n)
{
    u32 axis;
    dft f;
    infer c = { .g = b->g, .id = b->before, .n = node_at(b->g, b->before) };
    const type t = *build_type(b, build_in(b, 0));
    QN_TRY(dft_of(&c, &axis, &f));
    const type y_type = *build_type(b, n->out[0]); /* its sizes are what the run binds */
    f.out = y_type.dims[axis];
    val x = build_cast(b, build_in(b, 0), dtype_computing(t.dtype));
    val y = swapped(b, transformed(b, swapped(b, x, axis, t.rank), &f), axis, t.rank);
    y = build_cast(b, y, t.dtype);
    return build_done(b, &y, 1);
}

static const op_case dft_cases[] = {
    { "f32[2,10,3,1] _ i64[]={1}", "", 1e-5, "real numbers" },
    { "f32[2,7,2]", "", 1e-5, "complex ones, the default axis" },
    { "f32[2,7,2]", "inverse=1", 1e-5, "inverse" },
    { "f32[3,16,1] i64[]={12}", "onesided=1", 1e-5, "the first half, cut" },
    { "f32[3,5,1] i64[]={8}", "", 1e-5, "filled with zeros" },
    { "f32[3,5,2] i64[]={9}", "onesided=1, inverse=1", 1e-5, "back to real numbers" },
    { "f16[3,8,1]", "", 1e-2, "half" },
    { 0 },
};
const op_def op_DFT = {
    .name = "DFT",
    .doc = DOC("the discrete Fourier transform along `axis`, or its inverse; onesided: the half that real numbers need"),
    .in = { { "input", "float" }, { "dft_length", "optional i32|i64" }, { "axis", "optional i64" } },
    .out = { { "output", "as input" } },
    .attrs = { INT("inverse", 0), INT("onesided", 0) },
    .infer = infer_dft,
    .expand = expand_dft,
    .cases = CASES(dft_cases),
};

/* ------------------------------------------------------------------ STFT */
typedef struct frames {
    sym step, length, count;
    bool half;
} frames;

static qn_status frames_of(infer *c, frames *f)
{
    graph *g = c->g;
    const type *x = infer_in(c, 0);
    const sym *elems;
    if (x->rank != 3 || (!sym_is(g, x->dims[2], 1) && !sym_is(g, x->dims[2], 2)))
        return infer_fail(c, QN_E_SHAPE, "the signal must be [batch][length][1 or 2]");
    if (elems_wanted(c, 1, &elems) != 1) return infer_fail(c, QN_E_SHAPE, "frame_step must be one number");
    f->step = elems[0];
    f->length = infer_has(c, 2) ? infer_in(c, 2)->dims[0] : x->dims[1];
    if (infer_has(c, 3)) {
        if (elems_wanted(c, 3, &elems) != 1) return infer_fail(c, QN_E_SHAPE, "frame_length must be one number");
        f->length = elems[0];
    }
    if (infer_has(c, 2) && (infer_in(c, 2)->rank != 1 || infer_differ(g, infer_in(c, 2)->dims[0], f->length)))
        return infer_fail(c, QN_E_SHAPE, "the window is not as long as a frame");
    infer_need(g, sym_compare(g, '<', sym_zero(g), f->step), "a step of #", f->step, 0);
    infer_need(g, sym_compare(g, '<', f->length, sym_add(g, x->dims[1], sym_one(g))), "frames of # in a signal of #",
               f->length, x->dims[1]);
    f->count = sym_add(g, sym_div(g, sym_sub(g, x->dims[1], f->length), f->step), sym_one(g));
    f->half = infer_int(c, "onesided") != 0;
    return QN_OK;
}

static sym frequencies(graph *g, const frames *f)
{
    return f->half ? sym_add(g, sym_div(g, f->length, sym_number(g, 2)), sym_one(g)) : f->length;
}

static qn_status infer_stft(infer *c)
{
    frames f;
    QN_TRY(frames_of(c, &f));
    const type *x = infer_in(c, 0);
    type y = { .dtype = x->dtype, .rank = 4, .known = true };
    y.dims[0] = x->dims[0], y.dims[1] = f.count, y.dims[2] = frequencies(c->g, &f), y.dims[3] = sym_number(c->g, 2);
    return infer_out(c, 0, &y);
}

static qn_status expand_stft(build *b, const node *n)
{
    frames f;
    (void)n;
    infer c = { .g = b->g, .id = b->before, .n = node_at(b->g, b->before) };
    const type t = *build_type(b, build_in(b, 0));
    QN_TRY(frames_of(&c, &f));
    val x = build_cast(b, build_in(b, 0), dtype_computing(t.dtype)), window = build_in(b, 2);
    val at = build_op2(b, OP_Add, build_op2(b, OP_Mul, range(b, f.count, 0, 2), whole(b, f.step)), range(b, f.length, 1, 2));
    attr axis = attr_of_int("axis", 1);
    x = build_node(b, OP_Gather, (const val[]){ x, at }, 2, &axis, 1); /* [batch][frames][length][parts] */
    if (window) {
        window = build_reshape(b, window, (const sym[]){ f.length, sym_one(b->g) }, 2);
        x = build_op2(b, OP_Mul, x, build_cast(b, window, dtype_computing(t.dtype)));
    }
    dft d = { .in = f.length,
              .length = f.length,
              .out = frequencies(b->g, &f),
              .parts_in = sym_is(b->g, t.dims[2], 2) ? 2 : 1,
              .parts_out = 2,
              .half = f.half };
    val y = build_cast(b, transformed(b, x, &d), t.dtype);
    return build_done(b, &y, 1);
}

static const op_case stft_cases[] = {
    { "f32[2,64,1] i64[]={8} f32[16] i64[]={16}", "", 1e-5, "the common case" },
    { "f32[1,50,2] i64[]={7} f32[16]", "onesided=0", 1e-5, "complex numbers, a step that leaves a rest" },
    { "f32[1,40,1] i64[]={10} _ i64[]={15}", "", 1e-5, "no window" },
    { 0 },
};
const op_def op_STFT = {
    .name = "STFT",
    .doc = DOC("the DFT of frames of the signal, each times the window"),
    .in = { { "signal", "float" },
            { "frame_step", "i32|i64" },
            { "window", "optional as signal" },
            { "frame_length", "optional i32|i64" } },
    .out = { { "output", "as signal" } },
    .attrs = { INT("onesided", 1) },
    .infer = infer_stft,
    .expand = expand_stft,
    .cases = CASES(stft_cases),
};

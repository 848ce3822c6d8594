/* Recurrent layers: RNN, GRU and LSTM. The input's part of every gate is one matrix product over all steps; the rest is one launch in
 * which each direction and batch item runs through its steps (kernels/rnn.c), or launches step after step (rnn_steps.c). */
#include "op/op_util.h"
#include "op/product.h"
#include "op/rnn.h"

static rnn_kind kind_of(const node *n) { return n->op == OP_LSTM ? KIND_LSTM : n->op == OP_GRU ? KIND_GRU : KIND_RNN; }

static const char *layer_of(graph *g, const node *n, const type *x, const type *w, const type *r, rnn_layer *out)
{
    const char *direction = attr_text(g, n, "direction", "forward");
    bool both = text_same(direction, "bidirectional"), backward = text_same(direction, "reverse");
    if (!both && !backward && !text_same(direction, "forward")) return "direction must be forward, reverse or bidirectional";
    if (x->rank != 3 || w->rank != 3 || r->rank != 3) return "input and weights must have three dimensions";
    rnn_layer p = {
        .kind = kind_of(n), .dirs = both ? 2 : 1, .backward = backward, .batch_first = attr_int(n, "layout", 0) != 0
    };
    p.gates = p.kind == KIND_LSTM ? 4 : p.kind == KIND_GRU ? 3 : 1;
    p.steps = x->dims[p.batch_first ? 1 : 0];
    p.batch = x->dims[p.batch_first ? 0 : 1];
    p.width = x->dims[2];
    p.hidden = r->dims[2];
    sym rows = sym_mul(g, p.hidden, sym_number(g, p.gates)), dirs = sym_number(g, p.dirs);
    if (infer_differ(g, w->dims[0], dirs) || infer_differ(g, r->dims[0], dirs))
        return "the weights are not for this many directions";
    if (infer_differ(g, w->dims[1], rows) || infer_differ(g, r->dims[1], rows))
        return "the rows of the weights do not fit hidden size and gates";
    if (infer_differ(g, w->dims[2], p.width)) return "the columns of the weights do not fit the input";
    i64 hidden = attr_int(n, "hidden_size", 0);
    if (hidden && infer_differ(g, p.hidden, sym_number(g, hidden))) return "hidden_size is not the size of the weights";
    *out = p;
    return NULL;
}

/* The optional input i has the given sizes. */
static bool has_sizes(const infer *c, u32 i, const sym *dims, u32 rank)
{
    const type *t = infer_in(c, i);
    if (!t) return true;
    if (t->rank != rank) return false;
    for (u32 d = 0; d < rank; d++)
        if (infer_differ(c->g, t->dims[d], dims[d])) return false;
    return true;
}

static qn_status check_optional(const infer *c, const rnn_layer *p)
{
    graph *g = c->g;
    sym dirs = sym_number(g, p->dirs);
    sym state[3] = { p->batch_first ? p->batch : dirs, p->batch_first ? dirs : p->batch, p->hidden };
    sym bias[2] = { dirs, sym_mul(g, p->hidden, sym_number(g, 2 * (i64)p->gates)) };
    sym peep[2] = { dirs, sym_mul(g, p->hidden, sym_number(g, 3)) };
    if (!has_sizes(c, RNN_BIAS, bias, 2)) return infer_fail(c, QN_E_SHAPE, "the bias does not fit hidden size and gates");
    if (!has_sizes(c, RNN_LENS, &p->batch, 1))
        return infer_fail(c, QN_E_SHAPE, "sequence_lens must have one entry for each batch item");
    if (!has_sizes(c, RNN_H0, state, 3) || !has_sizes(c, RNN_C0, state, 3))
        return infer_fail(c, QN_E_SHAPE, "an initial state has not the sizes of the layer");
    if (!has_sizes(c, RNN_PEEP, peep, 2))
        return infer_fail(c, QN_E_SHAPE, "the peephole weights do not fit the hidden size");
    return QN_OK;
}

/* ---- activations */

/* clang-format off */
static const struct { const char *name; f64 a, b; } acts[] = {      /* as numbered in kernels/rnn.c; a, b: ONNX's defaults */
    { "Sigmoid", 0, 0 },    { "Tanh", 0, 0 },       { "Relu", 0, 0 },          { "Affine", 1, 0 },
    { "LeakyRelu", 0.01, 0 },  { "ThresholdedRelu", 1, 0 },  { "ScaledTanh", 1, 1 },    { "HardSigmoid", 0.2, 0.5 },
    { "Elu", 1, 0 },        { "Softsign", 0, 0 },   { "Softplus", 0, 0 },
};
/* clang-format on */

static bool same_letters(qn_bytes a, const char *b)
{
    if (a.n != strlen(b)) return false;
    for (size_t i = 0; i < a.n; i++)
        if ((((const char *)a.data)[i] | 32) != (b[i] | 32)) return false;
    return true;
}

static const char *activations_of(const node *n, rnn_layer *p)
{
    const attr *names = attr_find(n, "activations"), *alphas = attr_find(n, "activation_alpha"),
               *betas = attr_find(n, "activation_beta");
    u32 each = p->kind == KIND_LSTM ? 3 : p->kind == KIND_GRU ? 2 : 1;
    if (names && (names->kind != ATTR_TEXTS || names->n != each * p->dirs))
        return "activations has not one name for each function";
    for (u32 i = 0; i < each * p->dirs; i++) {
        u32 code = p->kind == KIND_RNN || i % each ? 1 : 0;
        if (names)
            for (code = 0; code < COUNT(acts) && !same_letters(names->texts[i], acts[code].name);) code++;
        if (code == COUNT(acts)) return "an activation has a name that ONNX does not define";
        rnn_activation *a = &p->acts[i / each][i % each];
        *a = (rnn_activation){ code, acts[code].a, acts[code].b };
        if (alphas && alphas->kind == ATTR_FLOATS && i < alphas->n) a->a = (f64)alphas->floats[i];
        if (betas && betas->kind == ATTR_FLOATS && i < betas->n) a->b = (f64)betas->floats[i];
    }
    return NULL;
}

static qn_status rnn_infer(infer *c)
{
    rnn_layer p;
    const type *x = infer_in(c, RNN_X);
    const char *wrong = layer_of(c->g, c->n, x, infer_in(c, RNN_W), infer_in(c, RNN_R), &p);
    if (!wrong) wrong = activations_of(c->n, &p);
    if (wrong) return infer_fail(c, QN_E_SHAPE, "%s", wrong);
    QN_TRY(check_optional(c, &p));
    sym dirs = sym_number(c->g, p.dirs);
    type y = { .dtype = x->dtype, .rank = 4, .known = true, .dims = { p.steps, dirs, p.batch, p.hidden } };
    if (p.batch_first) y.dims[0] = p.batch, y.dims[1] = p.steps, y.dims[2] = dirs;
    QN_TRY(infer_out(c, 0, &y));
    type h = { .dtype = x->dtype, .rank = 3, .known = true, .dims = { dirs, p.batch, p.hidden } };
    if (p.batch_first) h.dims[0] = p.batch, h.dims[1] = dirs;
    QN_TRY(infer_out(c, 1, &h));
    return infer_out(c, 2, &h);
}

/* ---- launches */

qn_status rnn_layer_of(lowering *l, const node *n, rnn_layer *out)
{
    const char *wrong = layer_of(lower_graph_mut(l), n, lower_type(l, lower_in(l, n, RNN_X)),
                                 lower_type(l, lower_in(l, n, RNN_W)), lower_type(l, lower_in(l, n, RNN_R)), out);
    if (!wrong) wrong = activations_of(n, out);
    return wrong ? lower_fail(l, n, QN_E_SHAPE, "%s", wrong) : QN_OK;
}

qn_status rnn_layer_built(build *b, rnn_layer *out)
{
    const type *x = build_type(b, build_in(b, RNN_X)), *w = build_type(b, build_in(b, RNN_W));
    const char *wrong = layer_of(b->g, b->n, x, w, build_type(b, build_in(b, RNN_R)), out);
    if (!wrong) wrong = activations_of(b->n, out);
    return wrong ? build_fail(b, QN_E_SHAPE, "%s", wrong) : QN_OK;
}

qn_status rnn_input_product(lowering *l, const node *n, const rnn_layer *p, val *out)
{
    graph *g = lower_graph_mut(l);
    sym one = sym_number(g, 1), zero = sym_number(g, 0);
    product m = { .a = lower_in(l, n, RNN_X), .b = lower_in(l, n, RNN_W), .trans_b = true, .alpha = 1 };
    m.dtype = lower_type(l, m.a)->dtype;
    m.m = sym_mul(g, p->steps, p->batch);
    m.n = sym_mul(g, p->hidden, sym_number(g, p->gates));
    m.k = p->width;
    m.batch = sym_number(g, p->dirs);
    for (u32 d = 0; d < PRODUCT_DIMS; d++) {
        m.dims[d] = one;
        m.a_stride[d] = m.b_stride[d] = zero;
    }
    m.dims[PRODUCT_DIMS - 1] = m.batch;
    m.b_stride[PRODUCT_DIMS - 1] = sym_mul(g, m.n, m.k);
    *out = m.y = lower_scratch(l, m.dtype, sym_mul(g, sym_mul(g, m.m, m.n), m.batch));
    return product_emit(l, &m);
}

static void in_or(launch *k, val v, val instead) { launch_in(k, v ? v : instead); }

static void out_or(lowering *l, launch *k, val v, qn_dtype d, sym elems)
{
    launch_out(k, v ? v : lower_scratch(l, d, elems));
}

static void act_params(launch *k, const rnn_layer *p)
{
    for (u32 d = 0; d < 2; d++)
        for (u32 i = 0; i < 3; i++) launch_number(k, p->acts[d][i].code);
    for (u32 d = 0; d < 2; d++)
        for (u32 i = 0; i < 3; i++) {
            launch_float(k, p->acts[d][i].a);
            launch_float(k, p->acts[d][i].b);
        }
}

static void consts(lowering *l, const node *n, launch *k, const rnn_layer *p)
{
    static const struct {
        const char *name;
        u32 input;
    } has[] = {
        { "has_bias", RNN_BIAS }, { "has_lens", RNN_LENS }, { "has_h0", RNN_H0 },
        { "has_c0", RNN_C0 },     { "has_peep", RNN_PEEP },
    };
    launch_const(k, "kind", p->kind);
    for (u32 i = 0; i < COUNT(has); i++) launch_const(k, has[i].name, lower_in(l, n, has[i].input) != 0);
    launch_const(k, "batch_first", p->batch_first);
    launch_const(k, "coupled", attr_int(n, "input_forget", 0) != 0);
    launch_const(k, "linear_before_reset", attr_int(n, "linear_before_reset", 0) != 0);
}

static qn_status emit(lowering *l, const node *n, const char *group)
{
    graph *g = lower_graph_mut(l);
    rnn_layer p;
    val xw;
    qn_dtype d = lower_type(l, lower_in(l, n, RNN_X))->dtype;
    QN_TRY(rnn_layer_of(l, n, &p));
    QN_TRY(rnn_input_product(l, n, &p, &xw));
    launch *k = launch_begin(l, "rnn.c", "rnn_run");
    launch_define(k, "T", dtype_word(d));
    if (group) launch_define(k, "GROUP", group);
    launch_in(k, xw);
    launch_in(k, lower_in(l, n, RNN_R));
    for (u32 i = RNN_BIAS; i <= RNN_PEEP; i++) in_or(k, lower_in(l, n, i), xw);
    sym items = sym_mul(g, p.batch, sym_number(g, p.dirs)), ends = sym_mul(g, items, p.hidden);
    launch_out(k, lower_scratch(l, d == QN_F64 ? QN_F64 : QN_F32, sym_mul(g, ends, sym_number(g, p.gates + 3))));
    out_or(l, k, lower_out(l, n, 0), d, sym_mul(g, ends, p.steps));
    out_or(l, k, lower_out(l, n, 1), d, ends);
    out_or(l, k, lower_out(l, n, 2), d, ends);
    launch_size(k, p.steps);
    launch_size(k, p.batch);
    launch_number(k, p.dirs);
    launch_size(k, p.hidden);
    launch_number(k, p.backward);
    act_params(k, &p);
    launch_float(k, attr_float(n, "clip", 0));
    consts(l, n, k, &p);
    return launch_groups(k, items);
}

/* A length is 0 to the number of steps. */
static qn_status places_of_lengths(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    sym steps = lower_dim(l, lower_in(l, n, RNN_X), attr_int(n, "layout", 0) ? 1 : 0);
    return lower_places(
        l, (place_bounds){ .v = lower_in(l, n, RNN_LENS), .tuple = 1, .size = { sym_add(g, steps, sym_one(g)) } });
}

static qn_status emit_single(lowering *l, const node *n) { return emit(l, n, NULL); }
static qn_status emit_group(lowering *l, const node *n) { return emit(l, n, "64"); }

static const variant rnn_variants[] = { { "rnn_lanes", NEED_LANES, NULL, emit_single },
                                        { "rnn_group", NEED_GROUP, NULL, emit_group },
                                        { "rnn_steps", 0, NULL, rnn_steps_emit },
                                        { 0 } };

/* ---- records */

#define RNN_IN                                                                                                              \
    { "x", "float" }, { "w", "as x" }, { "r", "as x" }, { "bias", "optional as x" }, { "sequence_lens", "optional i32" },   \
        { "initial_h", "optional as x" }
#define RNN_ATTRS                                                                                                           \
    FLOATS("activation_alpha"), FLOATS("activation_beta"), { "activations", ATTR_TEXTS, false, 0, 0, NULL },                \
        FLOAT("clip", 0), TEXT("direction", "forward"), INT("hidden_size", 0), INT("layout", 0)

static const op_case lstm_cases[] = {
    { "f32[5,2,3] f32[1,16,3] f32[1,16,4] f32[1,32]", "hidden_size=4, n_out=3", 1e-5, "the common case" },
    { "f32[5,2,3] f32[2,16,3] f32[2,16,4] f32[2,32] i32[2]={5,3} f32[2,2,4] f32[2,2,4] f32[2,12]",
      "hidden_size=4, direction=\"bidirectional\", n_out=3", 1e-5, "everything, both ways, lengths" },
    { "f32[5,2,3] f32[1,16,3] f32[1,16,4]", "hidden_size=4, direction=\"reverse\", clip=0.5, input_forget=1, n_out=3", 1e-5,
      "backwards, clipped, coupled" },
    { "f32[2,5,3] f32[1,16,3] f32[1,16,4] f32[1,32] _ f32[2,1,4] f32[2,1,4]", "hidden_size=4, layout=1, n_out=3", 1e-5,
      "batch first" },
    { "f32[9,1,40] f32[1,148,40] f32[1,148,37] f32[1,296]", "hidden_size=37, n_out=2", 1e-5,
      "a size that is no multiple of lanes" },
    { "f16[5,2,3] f16[1,16,3] f16[1,16,4] f16[1,32]", "hidden_size=4", 2e-3, "half precision" },
    { "f32[3,1,3] f32[1,16,3] f32[1,16,4]",
      "hidden_size=4, activations=[\"HardSigmoid\",\"Softsign\",\"Affine\"], activation_alpha=[0.3,0.0,2.0], "
      "activation_beta=[0.4,0.0,0.1]",
      1e-5, "other functions" },
    { 0 },
};

const op_def op_LSTM = {
    .name = "LSTM",
    .doc = DOC("A layer of long short-term memory over all steps, one or both ways; gates in the order input, output, "
               "forget, cell"),
    .in = { RNN_IN, { "initial_c", "optional as x" }, { "peepholes", "optional as x" } },
    .out = { { "y", "optional as x" }, { "y_h", "optional as x" }, { "y_c", "optional as x" } },
    .attrs = { RNN_ATTRS, INT("input_forget", 0) },
    .infer = rnn_infer,
    .expand = rnn_unroll,
    .places = places_of_lengths,
    .variants = rnn_variants,
    .cases = CASES(lstm_cases),
};

static const op_case gru_cases[] = {
    { "f32[5,2,3] f32[1,12,3] f32[1,12,4] f32[1,24]", "hidden_size=4, n_out=2", 1e-5, "the common case" },
    { "f32[5,2,3] f32[1,12,3] f32[1,12,4] f32[1,24]", "hidden_size=4, linear_before_reset=1, n_out=2", 1e-5,
      "the reset behind the product" },
    { "f32[5,2,3] f32[2,12,3] f32[2,12,4] f32[2,24] i32[2]={2,4} f32[2,2,4]",
      "hidden_size=4, direction=\"bidirectional\", n_out=2", 1e-5, "both ways, lengths" },
    { "f32[2,5,3] f32[1,12,3] f32[1,12,4]", "hidden_size=4, layout=1, direction=\"reverse\", n_out=2", 1e-5,
      "batch first, backwards" },
    { 0 },
};

const op_def op_GRU = {
    .name = "GRU",
    .doc =
        DOC("A layer of gated recurrent units over all steps, one or both ways; gates in the order update, reset, hidden"),
    .in = { RNN_IN },
    .out = { { "y", "optional as x" }, { "y_h", "optional as x" } },
    .attrs = { RNN_ATTRS, INT("linear_before_reset", 0) },
    .infer = rnn_infer,
    .expand = rnn_unroll,
    .places = places_of_lengths,
    .variants = rnn_variants,
    .cases = CASES(gru_cases),
};

static const op_case rnn_cases[] = {
    { "f32[5,2,3] f32[1,4,3] f32[1,4,4] f32[1,8]", "hidden_size=4, n_out=2", 1e-5, "the common case" },
    { "f32[5,2,3] f32[2,4,3] f32[2,4,4] f32[2,8] i32[2]={5,1} f32[2,2,4]",
      "hidden_size=4, direction=\"bidirectional\", activations=[\"Relu\",\"LeakyRelu\"], n_out=2", 1e-5,
      "both ways, lengths, other functions" },
    { "f32[2,5,3] f32[1,4,3] f32[1,4,4]", "hidden_size=4, layout=1, clip=0.3", 1e-5, "batch first, clipped" },
    { 0 },
};

const op_def op_RNN = {
    .name = "RNN",
    .doc = DOC("A plain recurrent layer over all steps, one or both ways: h = f(x w + h r + bias)"),
    .in = { RNN_IN },
    .out = { { "y", "optional as x" }, { "y_h", "optional as x" } },
    .attrs = { RNN_ATTRS },
    .infer = rnn_infer,
    .expand = rnn_unroll,
    .places = places_of_lengths,
    .variants = rnn_variants,
    .cases = CASES(rnn_cases),
};

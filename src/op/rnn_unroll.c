/* RNN, GRU and LSTM as simpler ops, step by step: what they mean, and so their gradient. In: a node whose number of steps is known.
 *
 * Each direction is a chain of states h[batch][hidden] (and c); its rows of gates lie one behind the other, in ONNX's order: LSTM i o f c,
 * GRU z r h. A batch item that has ended keeps its state, and its outputs are 0. */
#include "op/formula.h"
#include "op/op_util.h"
#include "op/rnn.h"

enum { STEPS_MOST = 4096 };

typedef struct unroll {
    build *b;
    rnn_layer p;
    u32 dir;
    i64 steps;
    f64 clip;
    val x;     /* [steps][batch][width] */
    val xw;    /* [steps][batch][gates * hidden]: the input's part of the gates */
    val r, rb; /* [hidden][gates * hidden]; [gates * hidden] */
    val peep;  /* [3 * hidden]; 0: none */
    val lens;  /* i32[batch][1]; 0: none */
    val h, c;  /* the state */
} unroll;

static bool has(const unroll *u, u32 input) { return input < u->b->n->n_in && build_in(u->b, input); }
static qn_dtype dtype_of(const unroll *u) { return build_type(u->b, u->x)->dtype; }

static val swapped(build *b, val x, const i64 *perm, u32 rank)
{
    if (b->status != QN_OK) return 0;
    attr how = attr_of_ints(b->g, "perm", perm, rank);
    return build_node(b, OP_Transpose, &x, 1, &how, 1);
}

/* This direction's part of input i, without that dimension. */
static val of_direction(const unroll *u, u32 i, u32 axis) { return build_entry(u->b, build_in(u->b, i), axis, u->dir); }

/* Columns [from, from + n) of x's last dimension, in units of the hidden size. */
static val columns(const unroll *u, val x, u32 from, u32 n)
{
    graph *g = u->b->g;
    sym at = sym_mul(g, u->p.hidden, sym_number(g, from)), end = sym_mul(g, u->p.hidden, sym_number(g, from + n));
    return build_slice(u->b, x, -1, at, end);
}

static val scalar(const unroll *u, f64 v) { return build_scalar(u->b, dtype_of(u), v); }

/* Function `which` of this direction, over x held in [-clip, clip] where it is a gate's. */
static val function(const unroll *u, u32 which, val x, bool gate)
{
    static const struct {
        const char *name; /* NULL: a formula */
        u32 n_params;
        const char *formula;
    } acts[] = { { "Sigmoid", 0, NULL },         { "Tanh", 0, NULL },        { "Relu", 0, NULL },
                 { NULL, 0, "p * a + q" },       { "LeakyRelu", 1, NULL },   { "ThresholdedRelu", 1, NULL },
                 { NULL, 0, "p * Tanh(q * a)" }, { "HardSigmoid", 2, NULL }, { "Elu", 1, NULL },
                 { "Softsign", 0, NULL },        { "Softplus", 0, NULL } };
    build *b = u->b;
    const rnn_activation *f = &u->p.acts[u->dir][which];
    if (gate && u->clip > 0)
        x = build_node(b, OP_Clip, (const val[]){ x, scalar(u, -u->clip), scalar(u, u->clip) }, 3, NULL, 0);
    if (acts[f->code].formula) return build_formula(b, acts[f->code].formula, "apq", x, scalar(u, f->a), scalar(u, f->b));
    const attr params[] = { attr_of_float("alpha", f->a), attr_of_float("beta", f->b) };
    return build_node(b, op_by_name("", acts[f->code].name), &x, 1, params, acts[f->code].n_params);
}

static val gate(const unroll *u, u32 which, val sum, u32 k) { return function(u, which, columns(u, sum, k, 1), true); }

static val through(const unroll *u, val h) { return build_op2(u->b, OP_MatMul, h, u->r); }

static void step_rnn(unroll *u, val x)
{
    u->h = function(u, 0, build_op2(u->b, OP_Add, build_op2(u->b, OP_Add, x, through(u, u->h)), u->rb), true);
}

static void step_gru(unroll *u, val x)
{
    build *b = u->b;
    val hr = through(u, u->h), sum = build_op2(b, OP_Add, build_op2(b, OP_Add, x, hr), u->rb);
    val z = gate(u, 0, sum, 0), r = gate(u, 0, sum, 1), bias = u->rb ? columns(u, u->rb, 2, 1) : 0, fresh;
    if (attr_int(b->n, "linear_before_reset", 0))
        fresh = build_op2(b, OP_Mul, r, build_op2(b, OP_Add, columns(u, hr, 2, 1), bias));
    else fresh = build_op2(b, OP_Add, build_op2(b, OP_MatMul, build_op2(b, OP_Mul, r, u->h), columns(u, u->r, 2, 1)), bias);
    fresh = function(u, 1, build_op2(b, OP_Add, columns(u, x, 2, 1), fresh), true);
    u->h = build_formula(b, "(1 - z) * n + z * h", "znh", z, fresh, u->h);
}

/* Gate k's sum, with what it sees of the cell. */
static val with_peep(const unroll *u, val sum, u32 k, u32 peep, val c)
{
    val seen = u->peep ? build_op2(u->b, OP_Mul, columns(u, u->peep, peep, 1), c) : 0;
    return build_op2(u->b, OP_Add, columns(u, sum, k, 1), seen);
}

static void step_lstm(unroll *u, val x)
{
    build *b = u->b;
    val sum = build_op2(b, OP_Add, build_op2(b, OP_Add, x, through(u, u->h)), u->rb);
    val i = function(u, 0, with_peep(u, sum, 0, 0, u->c), true);
    val f = attr_int(b->n, "input_forget", 0) ? build_op2(b, OP_Sub, scalar(u, 1), i)
                                              : function(u, 0, with_peep(u, sum, 2, 2, u->c), true);
    u->c = build_formula(b, "f * c + i * n", "fcin", f, u->c, i, gate(u, 1, sum, 3));
    val o = function(u, 0, with_peep(u, sum, 1, 1, u->c), true);
    u->h = build_op2(b, OP_Mul, o, function(u, 2, u->c, false));
}

static val where(build *b, val alive, val x, val y)
{
    return alive ? build_node(b, OP_Where, (const val[]){ alive, x, y }, 3, NULL, 0) : x;
}

/* The n steps of x, one each. By halves: a part's gradient is padded to its half, so all of them together cost n log n. */
static void apart(const unroll *u, val x, i64 n, val *out)
{
    build *b = u->b;
    graph *g = b->g;
    sym rows = sym_mul(g, u->p.hidden, sym_number(g, u->p.gates)), mid = sym_number(g, n / 2);
    if (n == 1) *out = build_reshape(b, x, (const sym[]){ u->p.batch, rows }, 2);
    if (n == 1 || b->status) return;
    apart(u, build_slice(b, x, 0, sym_zero(g), mid), n / 2, out);
    apart(u, build_slice(b, x, 0, mid, sym_number(g, n)), n - n / 2, out + n / 2);
}

/* One step; gives its output, [1][1][batch][hidden]. */
static val step(unroll *u, i64 t, val x)
{
    static void (*const kinds[])(unroll *, val) = { step_rnn, step_gru, step_lstm };
    build *b = u->b;
    graph *g = b->g;
    val h = u->h, c = u->c;
    sym one = sym_one(g);
    kinds[u->p.kind](u, x);
    val alive = u->lens ? build_op2(b, OP_Less, build_scalar(b, QN_I32, (f64)t), u->lens) : 0;
    val y = where(b, alive, u->h, scalar(u, 0));
    u->h = where(b, alive, u->h, h);
    if (c) u->c = where(b, alive, u->c, c);
    return build_reshape(b, y, (const sym[]){ one, one, u->p.batch, u->p.hidden }, 4);
}

/* The weights and the first state of this direction. */
static void begin(unroll *u)
{
    build *b = u->b;
    graph *g = b->g;
    static const i64 turned[] = { 1, 0 };
    u32 gates = u->p.gates;
    val bias = has(u, RNN_BIAS) ? of_direction(u, RNN_BIAS, 0) : 0;
    const type state = { .dtype = dtype_of(u), .rank = 2, .known = true, .dims = { u->p.batch, u->p.hidden } };
    val zeros = build_expand(b, scalar(u, 0), state.dims, 2);
    u->r = swapped(b, of_direction(u, RNN_R, 0), turned, 2);
    u->xw = build_op2(b, OP_MatMul, u->x, swapped(b, of_direction(u, RNN_W, 0), turned, 2));
    if (bias) u->xw = build_op2(b, OP_Add, u->xw, columns(u, bias, 0, gates));
    u->rb = bias ? columns(u, bias, gates, gates) : 0;
    u->peep = has(u, RNN_PEEP) ? of_direction(u, RNN_PEEP, 0) : 0;
    u->h = has(u, RNN_H0) ? of_direction(u, RNN_H0, u->p.batch_first) : zeros;
    u->c = u->p.kind != KIND_LSTM ? 0 : has(u, RNN_C0) ? of_direction(u, RNN_C0, u->p.batch_first) : zeros;
    u->lens = has(u, RNN_LENS) ? build_reshape(b, build_in(b, RNN_LENS), (const sym[]){ u->p.batch, sym_one(g) }, 2) : 0;
}

static val joined(build *b, const val *parts, u32 n, i64 axis)
{
    attr along = attr_of_int("axis", axis);
    return n == 1 ? parts[0] : build_node(b, OP_Concat, parts, n, &along, 1);
}

static void run_direction(unroll *u, val *ys, val *y, val *h, val *c)
{
    build *b = u->b;
    const sym one = sym_one(b->g),
              state[] = { u->p.batch_first ? u->p.batch : one, u->p.batch_first ? one : u->p.batch, u->p.hidden };
    bool back = u->p.backward || u->dir == 1;
    begin(u);
    apart(u, u->xw, u->steps, ys);
    for (i64 k = 0; k < u->steps && b->status == QN_OK; k++) {
        i64 t = back ? u->steps - 1 - k : k;
        ys[t] = step(u, t, ys[t]);
    }
    *y = joined(b, ys, (u32)u->steps, 0);
    *h = build_reshape(b, u->h, state, 3);
    *c = u->c ? build_reshape(b, u->c, state, 3) : 0;
}

qn_status rnn_unroll(build *b, const node *n)
{
    static const i64 turned[] = { 1, 0, 2 }, outwards[] = { 2, 0, 1, 3 };
    unroll u = { .b = b, .clip = attr_float(n, "clip", 0), .x = build_in(b, RNN_X) };
    val parts[3][2], outs[3];
    QN_TRY(rnn_layer_built(b, &u.p));
    if (!sym_is_number(b->g, u.p.steps, &u.steps) || u.steps < 1 || u.steps > STEPS_MOST)
        return build_fail(b, QN_E_UNSUPPORTED, "in steps, it wants 1 to %d of them, known before the model runs",
                          STEPS_MOST);
    val *ys = ARENA_ARRAY(b->g->mem, (u32)u.steps, val);
    if (!ys) return fail_nomem((size_t)u.steps * sizeof *ys);
    if (u.p.batch_first) u.x = swapped(b, u.x, turned, 3);
    for (u.dir = 0; u.dir < u.p.dirs; u.dir++) run_direction(&u, ys, &parts[0][u.dir], &parts[1][u.dir], &parts[2][u.dir]);
    outs[0] = joined(b, parts[0], u.p.dirs, 1);
    if (u.p.batch_first) outs[0] = swapped(b, outs[0], outwards, 4);
    for (u32 i = 1; i < 3; i++) outs[i] = parts[i][0] ? joined(b, parts[i], u.p.dirs, u.p.batch_first) : 0;
    return build_done(b, outs, n->n_out);
}

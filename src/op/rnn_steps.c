/* RNN, GRU and LSTM where there are no groups: the input's part as in rnn.c, then MAP launches for each time step, repeated (kernels/rnn_map.c).
 * h, c and all steps' h lie in one buffer; a step reads one and writes a second, so two steps are a turn. */
#include "op/rnn.h"
#include "op/op_util.h"
#include "plan/lower.h"

typedef struct steps {
    lowering *l;
    const node *n;
    rnn_layer p;
    qn_dtype dtype, computing;
    sym lines, ends, rows; /* dirs * batch; lines * hidden; steps * batch */
    val input, lens, all[2], sums, reset, fresh;
} steps;

static graph *of(const steps *s) { return lower_graph_mut(s->l); }
static sym times(const steps *s, sym a, i64 by) { return sym_mul(of(s), a, sym_number(of(s), by)); }
static bool has(const steps *s, u32 input) { return lower_in(s->l, s->n, input) != 0; }
static i64 flag(const steps *s, const char *name) { return attr_int(s->n, name, 0) != 0; }

static launch *begin(const steps *s, const char *entry)
{
    launch *k = launch_begin(s->l, "rnn_map.c", entry);
    launch_define(k, "T", dtype_word(s->dtype));
    return k;
}

/* An optional input, or one of the same type in its place. */
static void in_or(const steps *s, launch *k, u32 input, val instead)
{
    launch_in(k, has(s, input) ? lower_in(s->l, s->n, input) : instead);
}

static void sizes(const steps *s, launch *k)
{
    launch_size(k, s->p.batch);
    launch_number(k, s->p.dirs);
    launch_size(k, s->p.hidden);
}

static void turn(const steps *s, launch *k, u32 half)
{
    launch_step(k);
    launch_number(k, half);
    launch_size(k, s->p.steps);
    sizes(s, k);
}

/* Codes, then factors, of the first `each` functions of both directions. */
static void functions(const steps *s, launch *k, u32 each)
{
    for (u32 d = 0; d < 2; d++)
        for (u32 i = 0; i < each; i++) launch_number(k, s->p.acts[d][i].code);
    for (u32 d = 0; d < 2; d++)
        for (u32 i = 0; i < each; i++) {
            launch_float(k, s->p.acts[d][i].a);
            launch_float(k, s->p.acts[d][i].b);
        }
    launch_float(k, attr_float(s->n, "clip", 0));
}

static qn_status emit_input(steps *s, val xw)
{
    sym elems = sym_mul(of(s), times(s, s->rows, s->p.dirs), times(s, s->p.hidden, s->p.gates));
    if (s->p.kind == KIND_GRU) elems = sym_add(of(s), elems, times(s, s->p.hidden, s->p.dirs));
    launch *k = begin(s, "rnn_input");
    launch_in(k, xw);
    in_or(s, k, RNN_BIAS, xw);
    launch_out(k, s->input = lower_scratch(s->l, s->computing, elems));
    launch_size(k, s->rows);
    launch_number(k, s->p.dirs);
    launch_size(k, s->p.hidden);
    launch_const(k, "kind", s->p.kind);
    launch_const(k, "has_bias", has(s, RNN_BIAS));
    launch_const(k, "linear_before_reset", flag(s, "linear_before_reset"));
    return launch_map(k, elems);
}

static qn_status emit_start(const steps *s, val xw, sym elems)
{
    launch *k = begin(s, "rnn_start");
    in_or(s, k, RNN_H0, xw);
    in_or(s, k, RNN_C0, xw);
    launch_out(k, s->all[0]);
    sizes(s, k);
    launch_const(k, "has_h0", has(s, RNN_H0));
    launch_const(k, "has_c0", has(s, RNN_C0));
    launch_const(k, "batch_first", s->p.batch_first);
    return launch_map(k, elems);
}

static qn_status emit_sums(const steps *s, u32 half, sym elems)
{
    launch *k = begin(s, "rnn_sums");
    launch_in(k, s->input);
    launch_in(k, lower_in(s->l, s->n, RNN_R));
    launch_in(k, s->all[half]);
    launch_in(k, s->lens);
    launch_out(k, s->sums);
    turn(s, k, half);
    launch_number(k, s->p.backward);
    launch_const(k, "kind", s->p.kind);
    launch_const(k, "has_lens", has(s, RNN_LENS));
    launch_const(k, "batch_first", s->p.batch_first);
    launch_const(k, "linear_before_reset", flag(s, "linear_before_reset"));
    return launch_map(k, elems);
}

static qn_status emit_reset(const steps *s, u32 half)
{
    launch *k = begin(s, "rnn_reset");
    launch_in(k, s->sums);
    launch_in(k, s->all[half]);
    launch_out(k, s->reset);
    launch_size(k, s->p.batch);
    launch_size(k, s->p.hidden);
    functions(s, k, 1);
    launch_const(k, "linear_before_reset", flag(s, "linear_before_reset"));
    return launch_map(k, s->ends);
}

static qn_status emit_fresh(const steps *s)
{
    launch *k = begin(s, "rnn_fresh");
    launch_in(k, s->sums);
    launch_in(k, lower_in(s->l, s->n, RNN_R));
    launch_in(k, s->reset);
    launch_out(k, s->fresh);
    launch_size(k, s->p.batch);
    launch_size(k, s->p.hidden);
    return launch_map(k, s->ends);
}

static qn_status emit_next(const steps *s, u32 half, sym elems)
{
    bool gru = s->p.kind == KIND_GRU;
    launch *k = begin(s, gru ? "gru_next" : "rnn_next");
    launch_in(k, s->sums);
    launch_in(k, s->all[half]);
    if (gru) launch_in(k, s->fresh ? s->fresh : s->reset);
    else in_or(s, k, RNN_PEEP, lower_in(s->l, s->n, RNN_R));
    launch_in(k, s->lens);
    launch_out(k, s->all[!half]);
    turn(s, k, half);
    functions(s, k, gru ? 2 : 3);
    if (!gru) launch_const(k, "kind", s->p.kind);
    launch_const(k, "has_lens", has(s, RNN_LENS));
    if (!gru) launch_const(k, "has_peep", has(s, RNN_PEEP));
    if (!gru) launch_const(k, "coupled", flag(s, "input_forget"));
    return launch_map(k, elems);
}

static qn_status emit_turns(steps *s, sym elems)
{
    bool gru = s->p.kind == KIND_GRU, apart = gru && !flag(s, "linear_before_reset");
    sym sums = times(s, s->ends, gru ? 4 : s->p.gates);
    s->sums = lower_scratch(s->l, s->computing, sums);
    if (gru) s->reset = lower_scratch(s->l, s->computing, s->ends);
    if (apart) s->fresh = lower_scratch(s->l, s->computing, s->ends);
    launch_repeat_begin(s->l, sym_ceil_div(of(s), s->p.steps, sym_number(of(s), 2)));
    for (u32 half = 0; half < 2; half++) {
        QN_TRY(emit_sums(s, half, sums));
        if (gru) QN_TRY(emit_reset(s, half));
        if (apart) QN_TRY(emit_fresh(s));
        QN_TRY(emit_next(s, half, elems));
    }
    launch_repeat_end(s->l);
    return QN_OK;
}

static qn_status emit_y(const steps *s)
{
    launch *k = begin(s, "rnn_y");
    launch_in(k, s->all[0]);
    launch_in(k, s->lens);
    launch_out(k, lower_out(s->l, s->n, 0));
    launch_size(k, s->p.steps);
    sizes(s, k);
    launch_number(k, s->p.backward);
    launch_const(k, "has_lens", has(s, RNN_LENS));
    launch_const(k, "batch_first", s->p.batch_first);
    return launch_map(k, sym_mul(of(s), s->ends, s->p.steps));
}

static qn_status emit_end(const steps *s, u32 row)
{
    val out = lower_out(s->l, s->n, row + 1);
    if (!out) return QN_OK;
    launch *k = begin(s, "rnn_end");
    launch_in(k, s->all[0]);
    launch_out(k, out);
    launch_number(k, row);
    sizes(s, k);
    launch_const(k, "batch_first", s->p.batch_first);
    return launch_map(k, s->ends);
}

qn_status rnn_steps_emit(lowering *l, const node *n)
{
    static const i32 none[1] = { 0 };
    steps s = { .l = l, .n = n, .dtype = lower_type(l, lower_in(l, n, RNN_X))->dtype };
    val xw;
    QN_TRY(rnn_layer_of(l, n, &s.p));
    QN_TRY(rnn_input_product(l, n, &s.p, &xw));
    s.computing = dtype_computing(s.dtype);
    s.lines = times(&s, s.p.batch, s.p.dirs);
    s.ends = sym_mul(of(&s), s.lines, s.p.hidden);
    s.rows = sym_mul(of(&s), s.p.steps, s.p.batch);
    s.lens = has(&s, RNN_LENS) ? lower_in(l, n, RNN_LENS)
                               : lower_table(l, &(qn_tensor){ .dtype = QN_I32, .rank = 1, .dims = { 1 }, .data = none });
    sym elems = sym_mul(of(&s), sym_add(of(&s), s.p.steps, sym_number(of(&s), 2)), s.ends);
    for (u32 i = 0; i < 2; i++) s.all[i] = lower_scratch(l, s.computing, elems);
    QN_TRY(emit_input(&s, xw));
    QN_TRY(emit_start(&s, xw, elems));
    QN_TRY(emit_turns(&s, elems));
    QN_TRY(emit_y(&s));
    QN_TRY(emit_end(&s, 0));
    return emit_end(&s, 1);
}

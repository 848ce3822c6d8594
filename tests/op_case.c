/* Cases of ops, one try of one at a time. A failure names op, case, device and variant. */
#include "op_case.h"

/* ---- which */

static u32 cases_of(const op_def *d)
{
    u32 n = 0;
    while (d->cases && d->cases[n].in) n++;
    return n;
}

u32 op_case_count(void)
{
    u32 n = 0;
    for (u32 op = 1; op < OP_COUNT; op++) n += cases_of(op_defs[op]);
    return n;
}

op_ref op_case_at(u32 index)
{
    for (u32 op = 1; op < OP_COUNT; op++) {
        u32 n = cases_of(op_defs[op]);
        if (index < n) return (op_ref){ op_defs[op], &op_defs[op]->cases[index] };
        index -= n;
    }
    return (op_ref){ 0 };
}

static u32 common_divisor(u32 a, u32 b) { return b ? common_divisor(b, a % b) : a; }

u32 op_case_turn(u32 seed, u32 k)
{
    u32 n = op_case_count(), stride = (u32)(n * 0.6180339887); /* the golden section: turns spread evenly */
    while (stride > 1 && common_divisor(stride, n) != 1) stride--;
    u64 start = hash_bytes(&seed, sizeof seed, 1) % n;
    return (u32)((start + (u64)k * stride) % n);
}

/* ---- what it should give */

static bool ask_double(test *t, op_ref of, qn_device *cpu, arena *mem, op_run *r)
{
    graph_run g = { .device = cpu, .widen = true, .mem = mem };
    qn_status s = graph_run_text(&g, r->text, r->in, r->n_in);
    if (!CHECK(t, s == QN_OK, "%s (%s): the double build fails: %s\n%s", of.d->name, of.c->why, qn_last_error(), r->text))
        return false;
    r->n_want = g.n_out;
    memcpy(r->want, g.out, sizeof g.out);
    return true;
}

bool op_case_prepare(test *t, op_ref of, qn_device *cpu, arena *mem, op_run *r)
{
    qn_status s = op_graph_of(of.d, of.c, mem, r);
    return CHECK(t, s == QN_OK, "%s (%s): %s", of.d->name, of.c->why, qn_last_error()) &&
           (of.d->random || ask_double(t, of, cpu, mem, r));
}

/* ---- what it gives */

/* Is `one` among the words that blanks separate? */
static bool has_word(const char *words, const char *one)
{
    size_t n = strlen(one);
    for (const char *at = words; (at = strstr(at, one)); at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
    return false;
}

static void compare(test *t, const op_try *x)
{
    const op_case *c = x->of.c;
    for (u32 i = 0; i < x->g.n_out && i < x->r->n_want; i++) {
        f64 error = relative_error(&x->g.out[i], &x->r->want[i]);
        CHECK(t, error <= c->max_err, "%s (%s) on %s%s%s: output %u is off by %.3g, allowed %.3g\n%s", x->of.d->name, c->why,
              x->device->name, x->row ? ", variant " : "", x->row ? x->row : "", i, error, c->max_err, x->r->text);
    }
}

/* Rows for groups of one are tried where groups are large, too; no planner takes them there, and the target may refuse their kernel. */
static bool may_be_refused(const op_try *x)
{
    const variant *v = x->of.d->variants;
    while (x->row && v && v->name && !text_same(v->name, x->row)) v++;
    return x->row && v && v->name && v->needs & NEED_LANES && x->device->device->info.caps.best_group != 1;
}

static op_outcome ended(test *t, op_try *x, qn_status s)
{
    graph_session_close(&x->s);
    if (x->row && x->g.kernels && !has_word(x->g.kernels, x->row))
        return OP_NO_SUCH_ROW; /* does not fit this case or device */
    if (s == QN_E_UNSUPPORTED && may_be_refused(x)) return OP_NO_SUCH_ROW;
    if (CHECK(t, s == QN_OK, "%s (%s) on %s%s%s: %s\n%s", x->of.d->name, x->of.c->why, x->device->name,
              x->row ? ", variant " : "", x->row ? x->row : "", qn_last_error(), x->r->text))
        compare(t, x);
    return OP_RAN;
}

op_outcome op_try_start(test *t, op_try *x)
{
    x->g = (graph_run){ .device = x->device->device, .only_variants = x->row, .mem = x->mem };
    qn_status s = graph_open_text(&x->g, x->r->text, &x->s);
    bool other = x->row && x->g.kernels && !has_word(x->g.kernels, x->row);
    if (s == QN_OK && !other) s = graph_session_start(&x->g, &x->s, x->r->in, x->r->n_in);
    return s == QN_OK && !other ? OP_RUNS : ended(t, x, s);
}

op_outcome op_try_poll(test *t, op_try *x)
{
    bool done = false;
    qn_status s = graph_session_poll(&x->g, &x->s, &done);
    return s == QN_OK && !done ? OP_RUNS : ended(t, x, s);
}

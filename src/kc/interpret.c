/* Runs a kernel from its tree, with every check on: indices, uninitialised memory, races, divisions, casts, and an end.
 *
 * An element of a MAP, and within a phase an item of a group, runs to its end before the next starts; so one set of cells serves all
 * items, and only PER_ITEM memory is kept for each. A cell is one lane with a flag "set". Buffers stay as they are, in the caller's
 * memory, which is touched inside its bounds only (interpret_memory.c). Values are interpret_value.c's, races interpret_races.c's. */
#include "kc/interpret_machine.h"

enum { MAX_DEPTH = 4000, MAX_CELLS = 1 << 25 };
static const u64 usual_steps = (u64)1 << 27; /* expressions and statements of one element or group: some seconds */

typedef enum flow { GO_ON, BREAK, CONTINUE, RETURN, FAILED } flow;

static flow run(machine *m, const kc_stmt *list);

/* ------------------------------------------------------------------ expressions */
static bool eval_logic(machine *m, const kc_expr *e, value *out)
{
    if (!interpret_eval(m, e->a[0], out)) return false;
    bool yes = out->v[0].i != 0;
    return yes == (e->op == K_LOGOR) || interpret_eval(m, e->a[1], out);
}

static bool eval_binary(machine *m, const kc_expr *e, value *out)
{
    value b;
    kc_type t = e->a[0]->type;
    if (!interpret_eval(m, e->a[0], out) || !interpret_eval(m, e->a[1], &b)) return false;
    const char *fault = value_binary((kc_op)e->op, (kc_scalar)t.scalar, kc_lanes(m->m, t), out, &b, out);
    return !fault || interpret_wrong(m, e->pos, "%s", fault);
}

static bool eval_make(machine *m, const kc_expr *e, value *out)
{
    value one;
    for (u32 k = 0; k < e->n_args; k++) {
        if (!interpret_eval(m, e->a[k], &one)) return false;
        out->v[k] = one.v[0];
    }
    return true;
}

static bool eval_op(machine *m, const kc_expr *e, value *out)
{
    u64 index;
    value v;
    switch ((kc_op)e->op) {
    case K_CONST:
        for (u32 k = 0; k < kc_lanes(m->m, e->type); k++) out->v[k] = value_const(e);
        return true;
    case K_VAR: return interpret_array_read(m, e->var, 0, e->pos, out);
    case K_ELEM: return interpret_elem_index(m, e, &index) && interpret_array_read(m, e->var, index, e->pos, out);
    case K_LANE:
        if (!interpret_eval(m, e->a[0], &v)) return false;
        out->v[0] = v.v[e->lane];
        return true;
    case K_NEG:
    case K_NOT:
    case K_BITNOT:
        if (!interpret_eval(m, e->a[0], out)) return false;
        value_unary((kc_op)e->op, (kc_scalar)e->type.scalar, kc_lanes(m->m, e->type), out, out);
        return true;
    case K_COND: return interpret_eval(m, e->a[0], &v) && interpret_eval(m, e->a[v.v[0].i ? 1 : 2], out);
    case K_CAST:
    case K_TO: {
        if (!interpret_eval(m, e->a[0], out)) return false;
        const char *fault = value_cast((kc_op)e->op, (kc_scalar)e->a[0]->type.scalar, (kc_scalar)e->type.scalar,
                                       kc_lanes(m->m, e->type), out, out);
        return !fault || interpret_wrong(m, e->pos, "%s", fault);
    }
    case K_SPLAT:
        if (!interpret_eval(m, e->a[0], &v)) return false;
        for (u32 k = 0; k < kc_lanes(m->m, e->type); k++) out->v[k] = v.v[0];
        return true;
    case K_MAKE: return eval_make(m, e, out);
    case K_CALL: return interpret_call(m, e, out);
    case K_LOGAND:
    case K_LOGOR: return eval_logic(m, e, out);
    default: break;
    }
    if (e->op < K_BINARY_COUNT) return eval_binary(m, e, out);
    return interpret_wrong(m, e->pos, "an expression that cannot be evaluated");
}

bool interpret_eval(machine *m, const kc_expr *e, value *out)
{
    if (++m->depth > MAX_DEPTH) return interpret_wrong(m, e->pos, "an expression nested too deep");
    bool ok = interpret_step(m, e->pos) && eval_op(m, e, out);
    m->depth--;
    return ok;
}

/* ------------------------------------------------------------------ statements */
static bool assign(machine *m, const kc_expr *target, const value *v, kc_pos pos)
{
    const kc_expr *whole = target->op == K_LANE ? target->a[0] : target;
    u32 at = target->op == K_LANE ? target->lane : 0;
    u64 index = 0;
    if (whole->op == K_ELEM && !interpret_elem_index(m, whole, &index)) return false;
    return interpret_array_write(m, whole->var, index, at, kc_lanes(m->m, target->type), pos, v);
}

static void forget(machine *m, const kc_var *v, u8 set)
{
    place *p = &m->places[v->slot];
    size_t lanes = (size_t)p->elems * p->lanes, copies = p->per_item ? m->e->kernel.group : 1;
    memset(p->set, set, lanes * copies);
    if (set) memset(p->cells, 0, lanes * copies * sizeof *p->cells);
    if (p->touches) memset(p->touches, 0, p->elems * sizeof *p->touches);
}

static bool declare(machine *m, const kc_stmt *s)
{
    value v;
    if (!s->value) {
        forget(m, s->var, s->zeroed);
        return true;
    }
    return interpret_eval(m, s->value, &v) &&
           interpret_array_write(m, s->var, 0, 0, m->places[s->var->slot].lanes, s->pos, &v);
}

static bool holds(machine *m, const kc_expr *condition, bool *out)
{
    value v;
    if (!condition) {
        *out = true;
        return true;
    }
    if (!interpret_eval(m, condition, &v)) return false;
    *out = v.v[0].i != 0;
    return true;
}

static flow run_loop(machine *m, const kc_stmt *s)
{
    flow f = run(m, s->init);
    bool first = s->test_last, again;
    while (f == GO_ON) {
        if (!interpret_step(m, s->pos)) return FAILED;
        if (!first && !holds(m, s->value, &again)) return FAILED;
        if (!first && !again) break;
        first = false;
        f = run(m, s->body);
        if (f == BREAK) return GO_ON;
        if (f == CONTINUE) f = GO_ON;
        if (f == GO_ON) f = run(m, s->step);
    }
    return f;
}

static flow run_items(machine *m, const kc_stmt *s)
{
    u32 group = m->e->kernel.group, before = m->item;
    place *t = &m->places[s->var->slot];
    flow f = GO_ON;
    m->phase = ++m->phases;
    for (u32 i = 0; i < group && f == GO_ON; i++) {
        m->item = m->checks->reverse_items ? group - 1 - i : i;
        t->cells[0].i = m->item;
        t->set[0] = 1;
        f = run(m, s->body);
    }
    if (f == FAILED) return f;
    m->item = before;
    m->phase = 0;
    return f;
}

static flow run_one(machine *m, const kc_stmt *s)
{
    value v;
    bool yes;
    switch ((kc_stmt_op)s->op) {
    case S_DECL: return declare(m, s) ? GO_ON : FAILED;
    case S_ASSIGN: return interpret_eval(m, s->value, &v) && assign(m, s->target, &v, s->pos) ? GO_ON : FAILED;
    case S_EXPR:
        if (s->body) return run(m, s->body);
        return interpret_eval(m, s->value, &v) ? GO_ON : FAILED;
    case S_IF: return !holds(m, s->value, &yes) ? FAILED : run(m, yes ? s->body : s->other);
    case S_LOOP: return run_loop(m, s);
    case S_ITEMS: return run_items(m, s);
    case S_RETURN: return s->value && !interpret_eval(m, s->value, &m->result) ? FAILED : RETURN;
    case S_BREAK: return BREAK;
    case S_CONTINUE: return CONTINUE;
    case S_BLOCK: return run(m, s->body);
    }
    return FAILED;
}

static flow run(machine *m, const kc_stmt *list)
{
    flow f = GO_ON;
    for (const kc_stmt *s = list; s && f == GO_ON; s = s->next) f = interpret_step(m, s->pos) ? run_one(m, s) : FAILED;
    return f;
}

/* ------------------------------------------------------------------ a launch */
static bool lay_out(machine *m, arena *a)
{
    const kc_entry *e = m->e;
    u64 total = 0;
    m->places = ARENA_ARRAY(a, (size_t)e->n_vars + 1, place);
    if (!m->places) return interpret_no_memory(m, e->n_vars * sizeof *m->places);
    for (u32 i = 0; i < e->n_vars; i++) {
        const kc_var *v = e->vars[i];
        place *p = &m->places[v->slot];
        if (v->storage == KC_V_BUFFER || v->storage == KC_V_TABLE) continue;
        p->lanes = kc_lanes(m->m, v->type);
        p->elems = (v->dims > 0 ? v->n[0] : 1) * (v->dims > 1 ? v->n[1] : 1);
        p->per_item = v->storage == KC_V_PER_ITEM;
        u64 cells = (u64)p->elems * p->lanes * (p->per_item ? e->kernel.group : 1);
        total += cells;
        if (total > MAX_CELLS) {
            m->status = kc_fail_at(m->m, QN_E_UNSUPPORTED, v->pos,
                                   "'%s': the interpreter holds at most %d numbers of local memory", v->name, MAX_CELLS);
            return false;
        }
        p->cells = ARENA_ARRAY(a, (size_t)cells + 1, lane);
        p->set = ARENA_ARRAY(a, (size_t)cells + 1, u8);
        bool races = v->storage == KC_V_SHARED && e->kernel.group > 1 && !m->checks->no_races;
        p->touches = races ? ARENA_ARRAY(a, (size_t)p->elems + 1, race_touch) : NULL;
        if (!p->cells || !p->set || (races && !p->touches)) return interpret_no_memory(m, (size_t)cells * sizeof(lane));
    }
    return true;
}

static void take_words(machine *m, const u32 *words)
{
    for (u32 i = 0; i < m->e->n_vars; i++) {
        const kc_var *v = m->e->vars[i];
        if (v->storage != KC_V_SCALAR) continue;
        m->places[v->slot].cells[0] = value_load((kc_scalar)v->type.scalar, words + v->at);
        m->places[v->slot].set[0] = 1;
    }
}

static bool put_result(machine *m)
{
    const kc_memory *to = &m->bufs[m->e->n_buffers];
    kc_type t = m->e->kernel.result;
    u64 bytes = kc_scalar_bytes((kc_scalar)t.scalar), elem = bytes * t.lanes;
    if (m->first >= to->bytes / elem)
        return interpret_wrong(m, m->e->pos, "its output has only %llu elements", (unsigned long long)(to->bytes / elem));
    for (u32 k = 0; k < t.lanes; k++)
        value_store((kc_scalar)t.scalar, (u8 *)to->data + m->first * elem + k * bytes, m->result.v[k]);
    return true;
}

static bool run_first(machine *m)
{
    place *first = &m->places[m->e->first->slot];
    first->cells[0].i = (i64)m->first;
    first->set[0] = 1;
    flow f = run(m, m->e->body);
    if (f == FAILED) return false;
    if (m->e->kernel.form != KC_MAP) return true;
    return f == RETURN ? put_result(m) : interpret_wrong(m, m->e->pos, "ends without a return");
}

static qn_status check_arguments(const kc_entry *e, u32 n_bufs, u32 n_words, u64 to)
{
    u32 want = e->n_buffers + (e->kernel.form == KC_MAP);
    if (n_bufs != want || n_words != e->n_words)
        return fail(QN_E_USAGE, "kernel '%s' takes %u buffers and %u words, not %u and %u", e->kernel.name, want, e->n_words,
                    n_bufs, n_words);
    if (to > UINT32_MAX) return fail(QN_E_USAGE, "kernel '%s': at most 2^32 - 1 elements or groups", e->kernel.name);
    return QN_OK;
}

qn_status kc_interpret(const kc_module *module, const kc_kernel *k, const kc_memory *bufs, u32 n_bufs, const u32 *words,
                       u32 n_words, u64 from, u64 to, const kc_checks *checks)
{
    static const kc_checks all = { 0 };
    const kc_entry *e = kc_entry_of(k);
    machine m = { .m = module, .e = e, .bufs = bufs, .checks = checks ? checks : &all, .status = QN_OK };
    m.max_steps = m.checks->max_steps ? m.checks->max_steps : usual_steps;
    QN_TRY(check_arguments(e, n_bufs, n_words, to));
    arena *a = arena_make();
    if (!a) return fail_nomem(sizeof m);
    bool ok = lay_out(&m, a);
    if (ok) take_words(&m, words);
    for (m.first = from; ok && m.first < to; m.first++) {
        m.phase = m.item = 0;
        m.steps = 0;
        ok = run_first(&m);
    }
    for (u32 i = 0; i < COUNT(m.races); i++) race_free(&m.races[i]);
    arena_free(a);
    return m.status;
}

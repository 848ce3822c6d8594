/* Runs a kernel from its tree, with every check on: indices, uninitialised memory, races, divisions, casts, and an end.
 *
 * An element of a MAP, and within a phase an item of a group, runs to its end before the next starts; so one set of cells serves all
 * items, and only PER_ITEM memory is kept for each. A cell is one lane with a flag "set". Buffers stay as they are, in the caller's
 * memory, which is touched inside its bounds only. Values are interpret_value.c's, races interpret_races.c's. */
#include "kc/interpret_races.h"
#include "kc/interpret_value.h"

#include <stdio.h>

enum { MAX_DEPTH = 4000, MAX_CELLS = 1 << 25 };
static const u64 usual_steps = (u64)1 << 27; /* expressions and statements of one element or group: some seconds */

typedef enum flow { GO_ON, BREAK, CONTINUE, RETURN, FAILED } flow;

typedef struct place {
    lane *cells; /* [copies][elems][lanes] */
    u8 *set;
    u32 elems, lanes;
    bool per_item;
    race_touch *touches; /* SHARED: [elems] */
} place;

typedef struct machine {
    const kc_module *m;
    const kc_entry *e;
    const kc_memory *bufs;
    const kc_checks *checks;
    place *places; /* by slot */
    race_map races[KC_MAX_BUFFERS];
    u64 first;               /* the element or group */
    u32 item, phase, phases; /* phase 0: outside ITEMS */
    u64 steps, max_steps;
    u32 depth;
    value result;
    qn_status status;
} machine;

static bool eval(machine *m, const kc_expr *e, value *out);
static flow run(machine *m, const kc_stmt *list);

/* ------------------------------------------------------------------ failing */
static bool wrong(machine *m, kc_pos pos, const char *format, ...) PRINTF_LIKE(3, 4);
static bool wrong(machine *m, kc_pos pos, const char *format, ...)
{
    char text[400], where[80];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    unsigned long long first = m->first;
    if (m->e->kernel.form == KC_MAP) snprintf(where, sizeof where, "element %llu", first);
    else if (m->phase) snprintf(where, sizeof where, "group %llu, item %u", first, m->item);
    else snprintf(where, sizeof where, "group %llu", first);
    m->status = kc_fail_at(m->m, QN_E_DATA, pos, "kernel '%s', %s: %s", m->e->kernel.name, where, text);
    return false;
}

static bool no_memory(machine *m, size_t bytes)
{
    m->status = fail_nomem(bytes);
    return false;
}

static bool step(machine *m, kc_pos pos)
{
    if (++m->steps < m->max_steps) return true;
    return wrong(m, pos, "still running after %llu steps; does a loop never end?", (unsigned long long)m->steps);
}

/* ------------------------------------------------------------------ cells: everything but buffers */
static u32 copy_of(const machine *m, const place *p) { return p->per_item ? m->item * p->elems : 0; }

static const char *indexed(const kc_var *v, u64 index, char *out, size_t n)
{
    if (v->dims == 0) snprintf(out, n, "'%s'", v->name);
    else if (v->dims == 2)
        snprintf(out, n, "%s[%llu][%llu]", v->name, (unsigned long long)(index / v->n[1]),
                 (unsigned long long)(index % v->n[1]));
    else snprintf(out, n, "%s[%llu]", v->name, (unsigned long long)index);
    return out;
}

static bool note_race(machine *m, race_touch *t, race_kind kind, const kc_var *v, u64 index, kc_pos pos)
{
    char words[120], name[80];
    if (!t) return no_memory(m, sizeof *t);
    race_who who = { m->e->kernel.group > 1 ? m->phase : 0, m->item, (u32)m->first + 1 };
    const char *other = race_note(t, kind, who, words, sizeof words);
    return !other || wrong(m, pos, "it %s %s, %s", race_verb(kind), indexed(v, index, name, sizeof name), other);
}

static bool shared_touched(machine *m, const kc_var *v, u64 index, race_kind kind, kc_pos pos)
{
    place *p = &m->places[v->slot];
    if (!p->touches || !m->phase) return true;
    return note_race(m, &p->touches[index], kind, v, index, pos);
}

static bool cells_read(machine *m, const kc_var *v, u64 index, kc_pos pos, value *out)
{
    const place *p = &m->places[v->slot];
    u64 at = (copy_of(m, p) + index) * p->lanes;
    if (!shared_touched(m, v, index, RACE_READ, pos)) return false;
    for (u32 k = 0; k < p->lanes; k++) {
        char name[80];
        if (!p->set[at + k]) return wrong(m, pos, "reads %s, which has no value yet", indexed(v, index, name, sizeof name));
        out->v[k] = p->cells[at + k];
    }
    return true;
}

/* lanes from `lane_at`: one lane of a vector, or all. */
static bool cells_write(machine *m, const kc_var *v, u64 index, u32 lane_at, u32 lanes, kc_pos pos, const value *from)
{
    place *p = &m->places[v->slot];
    u64 at = (copy_of(m, p) + index) * p->lanes + lane_at;
    if (!shared_touched(m, v, index, RACE_WRITE, pos)) return false;
    for (u32 k = 0; k < lanes; k++) {
        p->cells[at + k] = from->v[k];
        p->set[at + k] = 1;
    }
    return true;
}

/* ------------------------------------------------------------------ buffers */
static u64 elem_bytes(const kc_var *v) { return (u64)kc_scalar_bytes((kc_scalar)v->type.scalar) * v->type.lanes; }

static u8 *buffer_at(machine *m, const kc_var *v, u64 index, race_kind kind, kc_pos pos)
{
    u64 elems = m->bufs[v->at].bytes / elem_bytes(v);
    if (v->role != KC_IN && !m->checks->no_races &&
        !note_race(m, race_at(&m->races[v->at], index, elems), kind, v, index, pos))
        return NULL;
    return (u8 *)m->bufs[v->at].data + index * elem_bytes(v);
}

static bool buffer_read(machine *m, const kc_var *v, u64 index, kc_pos pos, value *out)
{
    const u8 *from = buffer_at(m, v, index, RACE_READ, pos);
    u32 bytes = kc_scalar_bytes((kc_scalar)v->type.scalar);
    for (u32 k = 0; from && k < v->type.lanes; k++) out->v[k] = value_load((kc_scalar)v->type.scalar, from + k * bytes);
    return from != NULL;
}

static bool buffer_write(machine *m, const kc_var *v, u64 index, u32 lane_at, u32 lanes, kc_pos pos, const value *from)
{
    u8 *to = buffer_at(m, v, index, RACE_WRITE, pos);
    u32 bytes = kc_scalar_bytes((kc_scalar)v->type.scalar);
    for (u32 k = 0; to && k < lanes; k++) value_store((kc_scalar)v->type.scalar, to + (lane_at + k) * bytes, from->v[k]);
    return to != NULL;
}

/* ------------------------------------------------------------------ elements of any array */
static bool array_read(machine *m, const kc_var *v, u64 index, kc_pos pos, value *out)
{
    if (v->storage == KC_V_BUFFER) return buffer_read(m, v, index, pos, out);
    if (v->storage != KC_V_TABLE) return cells_read(m, v, index, pos, out);
    out->v[0] = value_const(v->values[index]);
    return true;
}

static bool array_write(machine *m, const kc_var *v, u64 index, u32 lane_at, u32 lanes, kc_pos pos, const value *from)
{
    if (v->storage == KC_V_BUFFER) return buffer_write(m, v, index, lane_at, lanes, pos, from);
    return cells_write(m, v, index, lane_at, lanes, pos, from);
}

static u64 elems_of(const machine *m, const kc_var *v)
{
    return v->storage == KC_V_BUFFER ? m->bufs[v->at].bytes / elem_bytes(v) : v->n[0];
}

/* `count` elements from the value of `index` must lie in [0, elems). */
static bool checked_index(machine *m, const kc_var *v, const kc_expr *index, u64 elems, u64 count, u64 *out)
{
    value i;
    if (!eval(m, index, &i)) return false;
    i64 at = i.v[0].i;
    if (at >= 0 && (u64)at <= elems && count <= elems - (u64)at) {
        *out = (u64)at;
        return true;
    }
    if (count == 1)
        return wrong(m, index->pos, "index %lld is outside %s[%llu]", (long long)at, v->name, (unsigned long long)elems);
    return wrong(m, index->pos, "%llu elements from %lld are outside %s[%llu]", (unsigned long long)count, (long long)at,
                 v->name, (unsigned long long)elems);
}

/* Where a K_ELEM points. */
static bool elem_index(machine *m, const kc_expr *e, u64 *out)
{
    const kc_var *v = e->var;
    u64 row = 0, at = 0;
    if (!checked_index(m, v, e->a[0], elems_of(m, v), 1, &at)) return false;
    if (v->dims == 2) {
        row = at * v->n[1];
        if (!checked_index(m, v, e->a[1], v->n[1], 1, &at)) return false;
    }
    *out = row + at;
    return true;
}

/* Where element `index` of the K_ARRAY a is, for `count` elements. */
static bool array_index(machine *m, const kc_expr *a, const kc_expr *index, u64 count, u64 *out)
{
    const kc_var *v = a->var;
    u64 row = 0, elems = v->dims == 2 ? (u64)v->n[0] * v->n[1] : elems_of(m, v);
    if (v->dims == 2 && a->n_args) {
        if (!checked_index(m, v, a->a[0], v->n[0], 1, &row)) return false;
        row *= v->n[1];
        elems = v->n[1];
    }
    if (!checked_index(m, v, index, elems, count, out)) return false;
    *out += row;
    return true;
}

/* ------------------------------------------------------------------ builtins that touch memory */
static bool load_vector(machine *m, const kc_expr *e, u32 count, value *out)
{
    const kc_var *v = e->a[0]->var;
    u64 at;
    value one;
    if (!array_index(m, e->a[0], e->a[1], count, &at)) return false;
    memset(out, 0, sizeof *out);
    for (u32 k = 0; k < count; k++) {
        if (!array_read(m, v, at + k, e->pos, &one)) return false;
        value_cast(K_CAST, (kc_scalar)v->type.scalar, (kc_scalar)e->type.scalar, 1, &one, &one);
        out->v[k] = one.v[0];
    }
    return true;
}

static bool store_vector(machine *m, const kc_expr *e, u32 count)
{
    const kc_var *v = e->a[0]->var;
    u64 at;
    value all, one;
    if (!eval(m, e->a[2], &all) || !array_index(m, e->a[0], e->a[1], count, &at)) return false;
    for (u32 k = 0; k < count; k++) {
        one.v[0] = all.v[k];
        value_cast(K_TO, (kc_scalar)e->a[2]->type.scalar, (kc_scalar)v->type.scalar, 1, &one, &one);
        if (!array_write(m, v, at + k, 0, 1, e->pos, &one)) return false;
    }
    return true;
}

/* The n of loadw_part and storew_part: at most all lanes. */
static bool part_count(machine *m, const kc_expr *e, u32 *out)
{
    value n;
    if (!eval(m, e, &n)) return false;
    *out = (u32)MIN((u64)n.v[0].i, (u64)m->m->width);
    return n.v[0].i >= 0 || wrong(m, e->pos, "a negative count of lanes");
}

static lane changed(kc_builtin b, kc_scalar s, lane old, lane v, lane expected)
{
    value pair[2] = { { .v = { old } }, { .v = { v } } }, out;
    switch (b) {
    case KC_B_atomic_add: value_binary(K_ADD, s, 1, &pair[0], &pair[1], &out); break;
    case KC_B_atomic_and: value_binary(K_AND, s, 1, &pair[0], &pair[1], &out); break;
    case KC_B_atomic_or: value_binary(K_OR, s, 1, &pair[0], &pair[1], &out); break;
    case KC_B_atomic_xor: value_binary(K_XOR, s, 1, &pair[0], &pair[1], &out); break;
    case KC_B_atomic_min: value_call(KC_B_min, s, 1, pair, &out); break;
    case KC_B_atomic_max: value_call(KC_B_max, s, 1, pair, &out); break;
    case KC_B_atomic_cas: return old.i == expected.i ? v : old;
    default: return v;
    }
    return out.v[0];
}

static bool atomic(machine *m, const kc_expr *e, value *out)
{
    const kc_var *v = e->a[0]->var;
    kc_scalar s = (kc_scalar)v->type.scalar;
    value args[2];
    u64 at;
    if (!array_index(m, e->a[0], e->a[1], 1, &at)) return false;
    for (u32 k = 2; k < e->n_args; k++)
        if (!eval(m, e->a[k], &args[k - 2])) return false;
    lane last = args[e->n_args - 3].v[0];
    if (v->storage == KC_V_BUFFER) {
        u8 *p = buffer_at(m, v, at, RACE_ATOMIC, e->pos);
        if (!p) return false;
        out->v[0] = value_load(s, p);
        value_store(s, p, changed((kc_builtin)e->call, s, out->v[0], last, args[0].v[0]));
        return true;
    }
    place *p = &m->places[v->slot];
    char name[80];
    if (!shared_touched(m, v, at, RACE_ATOMIC, e->pos)) return false;
    if (!p->set[at]) return wrong(m, e->pos, "an atomic on %s, which has no value yet", indexed(v, at, name, sizeof name));
    out->v[0] = p->cells[at];
    p->cells[at] = changed((kc_builtin)e->call, s, out->v[0], last, args[0].v[0]);
    return true;
}

/* What items read of each other here, all of them must have written. */
static bool all_kept(machine *m, const kc_expr *array)
{
    const place *p = &m->places[array->var->slot];
    char name[80];
    for (u32 i = 0; i < m->e->kernel.group * p->elems; i++)
        if (!p->set[i])
            return wrong(m, array->pos, "reads %s of item %u, which has no value yet",
                         indexed(array->var, i % p->elems, name, sizeof name), i / p->elems);
    return true;
}

static bool mma(machine *m, const kc_expr *e)
{
    lane *cells[3];
    for (u32 i = 0; i < COUNT(cells); i++) {
        if (!all_kept(m, e->a[i])) return false;
        cells[i] = m->places[e->a[i]->var->slot].cells;
    }
    m->steps += interpret_mma(e, m->e->kernel.group, cells[0], cells[1], cells[2]);
    return step(m, e->pos);
}

static bool call(machine *m, const kc_expr *e, value *out)
{
    kc_builtin b = (kc_builtin)e->call;
    u32 count;
    if (kc_builtin_is_atomic(b)) return atomic(m, e, out);
    if (kc_builtin_is_mma(b)) return mma(m, e);
    switch (b) {
    case KC_B_load4: return load_vector(m, e, 4, out);
    case KC_B_loadw: return load_vector(m, e, m->m->width, out);
    case KC_B_store4: return store_vector(m, e, 4);
    case KC_B_storew: return store_vector(m, e, m->m->width);
    case KC_B_loadw_part: return part_count(m, e->a[2], &count) && load_vector(m, e, count, out);
    case KC_B_storew_part: return part_count(m, e->a[3], &count) && store_vector(m, e, count);
    default: break;
    }
    value args[KC_MAX_ARGS];
    for (u32 k = 0; k < e->n_args; k++)
        if (!eval(m, e->a[k], &args[k])) return false;
    kc_type t = e->a[b == KC_B_select]->type;
    const char *fault = value_call(b, (kc_scalar)t.scalar, kc_lanes(m->m, t), args, out);
    return !fault || wrong(m, e->pos, "%s: %s", kc_builtin_name(b), fault);
}

/* ------------------------------------------------------------------ expressions */
static bool eval_logic(machine *m, const kc_expr *e, value *out)
{
    if (!eval(m, e->a[0], out)) return false;
    bool yes = out->v[0].i != 0;
    return yes == (e->op == K_LOGOR) || eval(m, e->a[1], out);
}

static bool eval_binary(machine *m, const kc_expr *e, value *out)
{
    value b;
    kc_type t = e->a[0]->type;
    if (!eval(m, e->a[0], out) || !eval(m, e->a[1], &b)) return false;
    const char *fault = value_binary((kc_op)e->op, (kc_scalar)t.scalar, kc_lanes(m->m, t), out, &b, out);
    return !fault || wrong(m, e->pos, "%s", fault);
}

static bool eval_make(machine *m, const kc_expr *e, value *out)
{
    value one;
    for (u32 k = 0; k < e->n_args; k++) {
        if (!eval(m, e->a[k], &one)) return false;
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
    case K_VAR: return cells_read(m, e->var, 0, e->pos, out);
    case K_ELEM: return elem_index(m, e, &index) && array_read(m, e->var, index, e->pos, out);
    case K_LANE:
        if (!eval(m, e->a[0], &v)) return false;
        out->v[0] = v.v[e->lane];
        return true;
    case K_NEG:
    case K_NOT:
    case K_BITNOT:
        if (!eval(m, e->a[0], out)) return false;
        value_unary((kc_op)e->op, (kc_scalar)e->type.scalar, kc_lanes(m->m, e->type), out, out);
        return true;
    case K_COND: return eval(m, e->a[0], &v) && eval(m, e->a[v.v[0].i ? 1 : 2], out);
    case K_CAST:
    case K_TO: {
        if (!eval(m, e->a[0], out)) return false;
        const char *fault = value_cast((kc_op)e->op, (kc_scalar)e->a[0]->type.scalar, (kc_scalar)e->type.scalar,
                                       kc_lanes(m->m, e->type), out, out);
        return !fault || wrong(m, e->pos, "%s", fault);
    }
    case K_SPLAT:
        if (!eval(m, e->a[0], &v)) return false;
        for (u32 k = 0; k < kc_lanes(m->m, e->type); k++) out->v[k] = v.v[0];
        return true;
    case K_MAKE: return eval_make(m, e, out);
    case K_CALL: return call(m, e, out);
    case K_LOGAND:
    case K_LOGOR: return eval_logic(m, e, out);
    default: break;
    }
    if (e->op < K_BINARY_COUNT) return eval_binary(m, e, out);
    return wrong(m, e->pos, "an expression that cannot be evaluated");
}

static bool eval(machine *m, const kc_expr *e, value *out)
{
    if (++m->depth > MAX_DEPTH) return wrong(m, e->pos, "an expression nested too deep");
    bool ok = step(m, e->pos) && eval_op(m, e, out);
    m->depth--;
    return ok;
}

/* ------------------------------------------------------------------ statements */
static bool assign(machine *m, const kc_expr *target, const value *v, kc_pos pos)
{
    const kc_expr *whole = target->op == K_LANE ? target->a[0] : target;
    u32 at = target->op == K_LANE ? target->lane : 0;
    u64 index = 0;
    if (whole->op == K_ELEM && !elem_index(m, whole, &index)) return false;
    return array_write(m, whole->var, index, at, kc_lanes(m->m, target->type), pos, v);
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
    return eval(m, s->value, &v) && cells_write(m, s->var, 0, 0, m->places[s->var->slot].lanes, s->pos, &v);
}

static bool holds(machine *m, const kc_expr *condition, bool *out)
{
    value v;
    if (!condition) {
        *out = true;
        return true;
    }
    if (!eval(m, condition, &v)) return false;
    *out = v.v[0].i != 0;
    return true;
}

static flow run_loop(machine *m, const kc_stmt *s)
{
    flow f = run(m, s->init);
    bool first = s->test_last, again;
    while (f == GO_ON) {
        if (!step(m, s->pos)) return FAILED;
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
    case S_ASSIGN: return eval(m, s->value, &v) && assign(m, s->target, &v, s->pos) ? GO_ON : FAILED;
    case S_EXPR:
        if (s->body) return run(m, s->body);
        return eval(m, s->value, &v) ? GO_ON : FAILED;
    case S_IF: return !holds(m, s->value, &yes) ? FAILED : run(m, yes ? s->body : s->other);
    case S_LOOP: return run_loop(m, s);
    case S_ITEMS: return run_items(m, s);
    case S_RETURN: return s->value && !eval(m, s->value, &m->result) ? FAILED : RETURN;
    case S_BREAK: return BREAK;
    case S_CONTINUE: return CONTINUE;
    case S_BLOCK: return run(m, s->body);
    }
    return FAILED;
}

static flow run(machine *m, const kc_stmt *list)
{
    flow f = GO_ON;
    for (const kc_stmt *s = list; s && f == GO_ON; s = s->next) f = step(m, s->pos) ? run_one(m, s) : FAILED;
    return f;
}

/* ------------------------------------------------------------------ a launch */
static bool lay_out(machine *m, arena *a)
{
    const kc_entry *e = m->e;
    u64 total = 0;
    m->places = ARENA_ARRAY(a, (size_t)e->n_vars + 1, place);
    if (!m->places) return no_memory(m, e->n_vars * sizeof *m->places);
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
        if (!p->cells || !p->set || (races && !p->touches)) return no_memory(m, (size_t)cells * sizeof(lane));
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
        return wrong(m, m->e->pos, "its output has only %llu elements", (unsigned long long)(to->bytes / elem));
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
    return f == RETURN ? put_result(m) : wrong(m, m->e->pos, "ends without a return");
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

/* What the interpreter keeps and touches: cells of locals and group memory, buffers, and the builtins that act on arrays. Each touch is checked:
 * its index, whether there is a value, and who else touched it. */
#include "kc/interpret_machine.h"

#include <stdio.h>

/* ------------------------------------------------------------------ failing */
bool interpret_wrong(machine *m, kc_pos pos, const char *format, ...)
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

bool interpret_no_memory(machine *m, size_t bytes)
{
    m->status = fail_nomem(bytes);
    return false;
}

bool interpret_step(machine *m, kc_pos pos)
{
    if (++m->steps < m->max_steps) return true;
    if (m->checks->too_long) *m->checks->too_long = true;
    return interpret_wrong(m, pos, "still running after %llu steps; does a loop never end?", (unsigned long long)m->steps);
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
    if (!t) return interpret_no_memory(m, sizeof *t);
    race_who who = { m->e->kernel.group > 1 ? m->phase : 0, m->item, (u32)m->first + 1 };
    const char *other = race_note(t, kind, who, words, sizeof words);
    return !other || interpret_wrong(m, pos, "it %s %s, %s", race_verb(kind), indexed(v, index, name, sizeof name), other);
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
        if (!p->set[at + k])
            return interpret_wrong(m, pos, "reads %s, which has no value yet", indexed(v, index, name, sizeof name));
        out->v[k] = p->cells[at + k];
    }
    return true;
}

/* `lanes` from lane_at: one lane of a vector, or all. */
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
bool interpret_array_read(machine *m, const kc_var *v, u64 index, kc_pos pos, value *out)
{
    if (v->storage == KC_V_BUFFER) return buffer_read(m, v, index, pos, out);
    if (v->storage != KC_V_TABLE) return cells_read(m, v, index, pos, out);
    out->v[0] = value_const(v->values[index]);
    return true;
}

bool interpret_array_write(machine *m, const kc_var *v, u64 index, u32 lane_at, u32 lanes, kc_pos pos, const value *from)
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
    if (!interpret_eval(m, index, &i)) return false;
    i64 at = i.v[0].i;
    if (at >= 0 && (u64)at <= elems && count <= elems - (u64)at) {
        *out = (u64)at;
        return true;
    }
    if (count == 1)
        return interpret_wrong(m, index->pos, "index %lld is outside %s[%llu]", (long long)at, v->name,
                               (unsigned long long)elems);
    return interpret_wrong(m, index->pos, "%llu elements from %lld are outside %s[%llu]", (unsigned long long)count,
                           (long long)at, v->name, (unsigned long long)elems);
}

/* Where a K_ELEM points. */
bool interpret_elem_index(machine *m, const kc_expr *e, u64 *out)
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
        if (!interpret_array_read(m, v, at + k, e->pos, &one)) return false;
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
    if (!interpret_eval(m, e->a[2], &all) || !array_index(m, e->a[0], e->a[1], count, &at)) return false;
    for (u32 k = 0; k < count; k++) {
        one.v[0] = all.v[k];
        value_cast(K_TO, (kc_scalar)e->a[2]->type.scalar, (kc_scalar)v->type.scalar, 1, &one, &one);
        if (!interpret_array_write(m, v, at + k, 0, 1, e->pos, &one)) return false;
    }
    return true;
}

/* The n of loadw_part and storew_part: at most all lanes. */
static bool part_count(machine *m, const kc_expr *e, u32 *out)
{
    value n;
    if (!interpret_eval(m, e, &n)) return false;
    *out = (u32)MIN((u64)n.v[0].i, (u64)m->m->width);
    return n.v[0].i >= 0 || interpret_wrong(m, e->pos, "a negative count of lanes");
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
        if (!interpret_eval(m, e->a[k], &args[k - 2])) return false;
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
    if (!p->set[at])
        return interpret_wrong(m, e->pos, "an atomic on %s, which has no value yet", indexed(v, at, name, sizeof name));
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
            return interpret_wrong(m, array->pos, "reads %s of item %u, which has no value yet",
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
    return interpret_step(m, e->pos);
}

bool interpret_call(machine *m, const kc_expr *e, value *out)
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
        if (!interpret_eval(m, e->a[k], &args[k])) return false;
    kc_type t = e->a[b == KC_B_select]->type;
    const char *fault = value_call(b, (kc_scalar)t.scalar, kc_lanes(m->m, t), args, out);
    return !fault || interpret_wrong(m, e->pos, "%s: %s", kc_builtin_name(b), fault);
}

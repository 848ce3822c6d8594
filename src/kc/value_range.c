/* Interval arithmetic over the typed tree. A result that its type might not hold becomes the whole range of the type: it may have wrapped.
 * Nothing is learnt from conditions. */
#include "kc/value_range.h"

static const value_range anything = { INT64_MIN, INT64_MAX };

static bool is_narrow(kc_type t)
{
    return t.lanes == 1 &&
           (t.scalar == KC_BOOL || (kc_is_integer((kc_scalar)t.scalar) && kc_scalar_bytes((kc_scalar)t.scalar) <= 4));
}

value_range range_of_type(kc_type t)
{
    if (!is_narrow(t)) return anything;
    if (t.scalar == KC_BOOL) return (value_range){ 0, 1 };
    u32 bits = 8 * kc_scalar_bytes((kc_scalar)t.scalar);
    if (kc_is_signed((kc_scalar)t.scalar)) return (value_range){ -((i64)1 << (bits - 1)), ((i64)1 << (bits - 1)) - 1 };
    return (value_range){ 0, ((i64)1 << bits) - 1 };
}

static bool holds(value_range all, value_range r) { return r.lo >= all.lo && r.hi <= all.hi; }

static value_range in_type(kc_type t, value_range r)
{
    value_range all = range_of_type(t);
    return holds(all, r) ? r : all;
}

static value_range joined(value_range a, value_range b) { return (value_range){ MIN(a.lo, b.lo), MAX(a.hi, b.hi) }; }

/* ------------------------------------------------------------------ operators, of ranges that fit in 33 bits */
static value_range product(value_range a, value_range b)
{
    if (a.lo < 0 || b.lo < 0) return anything;
    u64 most;
    return mul_u64((u64)a.hi, (u64)b.hi, &most) && most <= INT64_MAX ? (value_range){ a.lo * b.lo, (i64)most } : anything;
}

/* x / 0 is x, x % 0 is 0. */
static value_range quotient(value_range a, value_range b)
{
    if (a.lo < 0 || b.lo < 0) return anything;
    return (value_range){ b.hi > 0 ? a.lo / b.hi : a.lo, a.hi / MAX(b.lo, 1) };
}

static value_range rest(value_range a, value_range b)
{
    if (a.lo < 0 || b.lo < 0) return anything;
    return (value_range){ 0, MIN(a.hi, MAX(b.hi, 1) - 1) };
}

static value_range shifted(u8 op, value_range a, value_range n)
{
    if (a.lo < 0 || n.lo != n.hi || n.lo < 0 || n.lo > 31) return anything;
    return op == K_SHR ? (value_range){ a.lo >> n.lo, a.hi >> n.lo } : (value_range){ a.lo << n.lo, a.hi << n.lo };
}

static value_range bitwise(u8 op, value_range a, value_range b)
{
    if (op == K_AND && (a.lo >= 0 || b.lo >= 0))
        return (value_range){ 0, a.lo < 0 ? b.hi : b.lo < 0 ? a.hi : MIN(a.hi, b.hi) };
    if (a.lo < 0 || b.lo < 0) return anything;
    i64 most = 1;
    while (most <= MAX(a.hi, b.hi)) most *= 2;
    return (value_range){ 0, most - 1 };
}

static value_range truth(bool always, bool never) { return (value_range){ always, !never }; }

static value_range compared(u8 op, value_range a, value_range b)
{
    switch (op) {
    case K_LT: return truth(a.hi < b.lo, a.lo >= b.hi);
    case K_LE: return truth(a.hi <= b.lo, a.lo > b.hi);
    case K_GT: return truth(a.lo > b.hi, a.hi <= b.lo);
    case K_GE: return truth(a.lo >= b.hi, a.hi < b.lo);
    case K_EQ: return truth(a.lo == a.hi && b.lo == b.hi && a.lo == b.lo, a.hi < b.lo || a.lo > b.hi);
    default: return truth(a.hi < b.lo || a.lo > b.hi, a.lo == a.hi && b.lo == b.hi && a.lo == b.lo);
    }
}

static value_range combined(u8 op, value_range a, value_range b)
{
    switch (op) {
    case K_ADD: return (value_range){ a.lo + b.lo, a.hi + b.hi };
    case K_SUB: return (value_range){ a.lo - b.hi, a.hi - b.lo };
    case K_MUL: return product(a, b);
    case K_DIV: return quotient(a, b);
    case K_REM: return rest(a, b);
    case K_SHL:
    case K_SHR: return shifted(op, a, b);
    case K_AND:
    case K_OR:
    case K_XOR: return bitwise(op, a, b);
    case K_LOGAND: return (value_range){ a.lo & b.lo, a.hi & b.hi };
    case K_LOGOR: return (value_range){ a.lo | b.lo, a.hi | b.hi };
    default: return compared(op, a, b);
    }
}

/* ------------------------------------------------------------------ expressions */
static value_range of_binary(const ranges *r, const kc_expr *e)
{
    if (!is_narrow(e->a[0]->type) || !is_narrow(e->a[1]->type)) return range_of_type(e->type);
    return in_type(e->type, combined(e->op, range_of(r, e->a[0]), range_of(r, e->a[1])));
}

static value_range of_call(const ranges *r, const kc_expr *e)
{
    if (e->call == KC_B_popcount || e->call == KC_B_clz || e->call == KC_B_ctz) return (value_range){ 0, 64 };
    if ((e->call != KC_B_min && e->call != KC_B_max) || !is_narrow(e->type)) return range_of_type(e->type);
    value_range a = range_of(r, e->a[0]), b = range_of(r, e->a[1]);
    return e->call == KC_B_min ? (value_range){ MIN(a.lo, b.lo), MIN(a.hi, b.hi) }
                               : (value_range){ MAX(a.lo, b.lo), MAX(a.hi, b.hi) };
}

static value_range of_parameter(const ranges *r, const kc_var *v)
{
    const kc_launch_facts *f = r->facts;
    if (!is_narrow(v->type) || (f->open && f->open[v->at])) return range_of_type(v->type);
    i64 value = kc_is_signed((kc_scalar)v->type.scalar) ? (i32)f->words[v->at] : (i64)f->words[v->at];
    return in_type(v->type, (value_range){ value, value });
}

static value_range of_variable(const ranges *r, const kc_var *v)
{
    if (v->storage == KC_V_SCALAR) return of_parameter(r, v);
    if (v->storage == KC_V_FIRST)
        return r->facts->count ? (value_range){ 0, (i64)MIN(r->facts->count, (u64)1 << 32) - 1 } : range_of_type(v->type);
    return v->dims ? range_of_type(v->type) : r->slots[v->slot].now;
}

static value_range of_constant(const kc_expr *e)
{
    bool known = e->type.lanes == 1 && !kc_is_float((kc_scalar)e->type.scalar) && e->value.i != INT64_MIN;
    if (e->type.scalar == KC_U64 && e->value.i < 0) known = false;
    return known ? (value_range){ e->value.i, e->value.i } : anything;
}

value_range range_of(const ranges *r, const kc_expr *e)
{
    if (e->op < K_BINARY_COUNT) return of_binary(r, e);
    switch (e->op) {
    case K_CONST: return of_constant(e);
    case K_VAR: return of_variable(r, e->var);
    case K_NOT: return compared(K_EQ, range_of(r, e->a[0]), (value_range){ 0, 0 });
    case K_CALL: return of_call(r, e);
    case K_CAST:
        return is_narrow(e->a[0]->type) && e->type.scalar != KC_BOOL ? in_type(e->type, range_of(r, e->a[0]))
                                                                     : range_of_type(e->type);
    case K_COND: {
        value_range c = range_of(r, e->a[0]);
        if (c.lo == c.hi) return range_of(r, e->a[c.lo ? 1 : 2]);
        return joined(range_of(r, e->a[1]), range_of(r, e->a[2]));
    }
    default: return range_of_type(e->type);
    }
}

bool range_may_wrap(const ranges *r, const kc_expr *e)
{
    if (!is_narrow(e->type)) return true;
    return !holds(range_of_type(e->type), combined(e->op, range_of(r, e->a[0]), range_of(r, e->a[1])));
}

/* ------------------------------------------------------------------ variables */
static const kc_var *root_of(const kc_expr *target) { return target->op == K_LANE ? target->a[0]->var : target->var; }

void range_set(ranges *r, const kc_var *v, value_range to) { r->slots[v->slot].now = to; }

void range_note(ranges *r, const kc_stmt *s)
{
    const kc_var *v = s->op == S_DECL ? s->var : root_of(s->target);
    if (v->storage == KC_V_BUFFER || v->dims) return;
    bool whole = s->op == S_DECL || s->target->op == K_VAR;
    range_set(r, v, s->value && whole ? range_of(r, s->value) : range_of_type(v->type));
}

void range_forget_assigned(ranges *r, const kc_stmt *s)
{
    for (; s; s = s->next) {
        if (s->op == S_ASSIGN && root_of(s->target)->storage != KC_V_BUFFER)
            range_set(r, root_of(s->target), range_of_type(root_of(s->target)->type));
        range_forget_assigned(r, s->init);
        range_forget_assigned(r, s->body);
        range_forget_assigned(r, s->other);
        range_forget_assigned(r, s->step);
    }
}

bool range_is_assigned_in(const kc_stmt *s, const kc_var *v)
{
    for (; s; s = s->next) {
        if (s->op == S_ASSIGN && root_of(s->target) == v) return true;
        if (range_is_assigned_in(s->init, v) || range_is_assigned_in(s->body, v) || range_is_assigned_in(s->other, v) ||
            range_is_assigned_in(s->step, v))
            return true;
    }
    return false;
}

const kc_expr *range_definition(const ranges *r, const kc_expr *e)
{
    if (e->op != K_VAR || (e->var->storage != KC_V_ITEM && e->var->storage != KC_V_UNIFORM)) return NULL;
    const kc_expr *meaning = r->slots[e->var->slot].meaning;
    return meaning && range_is_steady(r, meaning) ? meaning : NULL;
}

/* A variable in the head of a loop changes between turns, but whatever is declared inside is declared anew in each. */
bool range_is_steady(const ranges *r, const kc_expr *e)
{
    if (e->op == K_ELEM || e->op == K_ARRAY || (e->op == K_CALL && kc_builtin_writes((kc_builtin)e->call))) return false;
    if (e->op == K_VAR) {
        const kc_var *v = e->var;
        if (v->storage == KC_V_SCALAR || v->storage == KC_V_FIRST) return true;
        return !v->dims && (r->slots[v->slot].counts || r->slots[v->slot].meaning != NULL);
    }
    for (u32 i = 0; i < e->n_args; i++)
        if (!range_is_steady(r, e->a[i])) return false;
    return true;
}

/* ------------------------------------------------------------------ what is assigned where */
static void count_assignments(ranges *r, const kc_stmt *s)
{
    for (; s; s = s->next) {
        if (s->op == S_ASSIGN) r->slots[root_of(s->target)->slot].assigned++;
        if (s->op == S_DECL && s->value && !s->var->dims) r->slots[s->var->slot].meaning = s->value;
        count_assignments(r, s->init);
        count_assignments(r, s->body);
        count_assignments(r, s->other);
        count_assignments(r, s->step);
    }
}

static void find_counters(ranges *r, const kc_stmt *s)
{
    for (; s; s = s->next) {
        const kc_stmt *step = s->op == S_LOOP ? s->step : NULL;
        if (step && step->op == S_ASSIGN && s->init && s->init->op == S_DECL && s->init->var == root_of(step->target))
            r->slots[s->init->var->slot].counts = r->slots[s->init->var->slot].assigned == 1;
        find_counters(r, s->body);
        find_counters(r, s->other);
    }
}

qn_status ranges_make(const kc_module *m, const kc_entry *e, const kc_launch_facts *facts, ranges *out)
{
    *out = (ranges){ .m = m, .facts = facts, .slots = mem_zalloc(MAX(e->n_vars, 1) * sizeof *out->slots) };
    if (!out->slots) return fail_nomem(e->n_vars * sizeof *out->slots);
    for (u32 i = 0; i < e->n_vars; i++) out->slots[i].now = range_of_type(e->vars[i]->type);
    count_assignments(out, e->body);
    for (u32 i = 0; i < e->n_vars; i++)
        if (out->slots[i].assigned) out->slots[i].meaning = NULL;
    find_counters(out, e->body);
    return QN_OK;
}

void ranges_free(ranges *r) { mem_free(r->slots); }

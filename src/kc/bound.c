/* A user's kernel made memory safe: after this, whatever its arguments, every index lies inside its array.
 *
 *     x[i + d]            becomes  x[min(i + d, x_elems - 1)]
 *     load4(x, k)                  load4(x, min(k, x_elems - 4))
 *     loadw_part(x, k, n)          loadw_part(x, min(k, x_elems), min(n, x_elems - min(k, x_elems)))
 *
 * x_elems is a new launch parameter, the elements of buffer x, which the launcher fills (kc_param.length_of). The launcher also promises
 * - at least kc_param.least elements in x: so no x_elems - 4 wraps, and a small constant index needs no clamp;
 * - at least as many as the launch counts where kc_param.whole: every run reads or writes x[i], so that index needs none either.
 * Arrays of the kernel's own have a known size; their indices are clamped where a simple bound does not show that they fit.
 * Locals start at 0: what a compiler makes of an unset value could otherwise differ between a clamp and its use. */
#include <stdio.h>

#include "kc/front.h"

enum { MOST_LEAST = KC_MAX_WIDTH }; /* elements that a launcher can be asked to promise */

typedef struct bounds {
    front *f;
    kc_entry *e;
    kc_param *buffers[KC_MAX_BUFFERS]; /* their parameters */
    kc_var *lengths[KC_MAX_BUFFERS];   /* x_elems, once it is needed */
    kc_param *params;
    bool *assigned; /* by slot: by more than its declaration */
    u32 *most;      /* by slot: a local's value as u32 is at most this */
} bounds;

/* ------------------------------------------------------------------ how large a value can be */
static bool is_word(kc_type t) { return t.lanes == 1 && (t.scalar == KC_U32 || t.scalar == KC_I32); }

static u32 most_of_type(kc_type t)
{
    bool small = t.lanes == 1 && (t.scalar == KC_BOOL || t.scalar == KC_U8 || t.scalar == KC_U16);
    return !small ? UINT32_MAX : t.scalar == KC_BOOL ? 1 : t.scalar == KC_U8 ? UINT8_MAX : UINT16_MAX;
}

/* `v`, unless the type would have wrapped before; UINT32_MAX says nothing. */
static u32 unless_wrapped(kc_type t, u64 v)
{
    return v <= (t.scalar == KC_I32 ? INT32_MAX : UINT32_MAX) ? (u32)v : UINT32_MAX;
}

static u32 most_of(const bounds *b, const kc_expr *e);

/* Of these operands a signed type may hold a negative one. */
static bool may_be_negative(const kc_expr *e, u32 most) { return e->type.scalar == KC_I32 && most > INT32_MAX; }

static u32 most_of_division(const kc_expr *e, u32 x, u32 y)
{
    i64 by;
    if (may_be_negative(e, MAX(x, y))) return UINT32_MAX;
    if (e->op == K_REM) return MIN(x, MAX(y, 1) - 1);
    return fold_is_int(e->a[1], &by) && by > 0 ? x / (u32)by : x;
}

static u32 most_of_binary(const bounds *b, const kc_expr *e)
{
    u32 x = most_of(b, e->a[0]), y = most_of(b, e->a[1]);
    i64 count;
    switch (e->op) {
    case K_AND: return MIN(x, y);
    case K_ADD: return unless_wrapped(e->type, (u64)x + y);
    case K_MUL: return unless_wrapped(e->type, (u64)x * y);
    case K_DIV:
    case K_REM: return most_of_division(e, x, y);
    case K_SHR:
        if (may_be_negative(e, x)) return UINT32_MAX;
        return fold_is_int(e->a[1], &count) ? x >> (count & 31) : x;
    default: return UINT32_MAX;
    }
}

static u32 most_of_call(const bounds *b, const kc_expr *e)
{
    if (e->call == KC_B_popcount || e->call == KC_B_clz || e->call == KC_B_ctz) return 64;
    if (e->call != KC_B_min && e->call != KC_B_max) return UINT32_MAX;
    u32 x = most_of(b, e->a[0]), y = most_of(b, e->a[1]);
    if (may_be_negative(e, MAX(x, y))) return UINT32_MAX;
    return e->call == KC_B_min ? MIN(x, y) : MAX(x, y);
}

/* The value as a u32 is at most this. */
static u32 most_of(const bounds *b, const kc_expr *e)
{
    u32 by_type = most_of_type(e->type);
    i64 v;
    if (fold_is_int(e, &v)) return (u64)v <= UINT32_MAX || is_word(e->type) ? (u32)v : UINT32_MAX;
    if (e->op == K_CAST && is_word(e->type))
        return is_word(e->a[0]->type) ? most_of(b, e->a[0]) : most_of_type(e->a[0]->type);
    if (!is_word(e->type)) return by_type;
    if (e->op == K_VAR && e->var->storage == KC_V_INDEX) return b->e->kernel.group - 1;
    if (e->op == K_VAR) return b->most[e->var->slot];
    if (e->op == K_COND) return MAX(most_of(b, e->a[1]), most_of(b, e->a[2]));
    if (e->op == K_CALL) return most_of_call(b, e);
    return e->op < K_BINARY_COUNT ? most_of_binary(b, e) : UINT32_MAX;
}

/* ------------------------------------------------------------------ what each loop says of its counter */
static const kc_var *root_of(const kc_expr *target) { return target->op == K_LANE ? target->a[0]->var : target->var; }

static bool assigns(const kc_stmt *s, const kc_var *v)
{
    for (; s; s = s->next) {
        if (s->op == S_ASSIGN && root_of(s->target) == v) return true;
        if (assigns(s->init, v) || assigns(s->body, v) || assigns(s->other, v) || assigns(s->step, v)) return true;
    }
    return false;
}

static void mark_assigned(bounds *b, const kc_stmt *s)
{
    for (; s; s = s->next) {
        if (s->op == S_ASSIGN) b->assigned[root_of(s->target)->slot] = true;
        mark_assigned(b, s->init);
        mark_assigned(b, s->body);
        mark_assigned(b, s->other);
        mark_assigned(b, s->step);
    }
}

/* Does a signed counter only grow from a constant >= 0, and stop before it wraps? */
static bool counts_up(const kc_stmt *loop, const kc_var *v, u32 end)
{
    const kc_stmt *from = loop->init, *step = loop->step;
    i64 start, by;
    if (!from || from->next || !from->value || (from->op == S_DECL ? from->var : root_of(from->target)) != v) return false;
    if (!step || step->next || step->op != S_ASSIGN || step->value->op != K_ADD) return false;
    const kc_expr *sum = step->value;
    return fold_is_int(from->value, &start) && start >= 0 && fold_is_int(sum->a[1], &by) && by > 0 &&
           sum->a[0]->op == K_VAR && sum->a[0]->var == v && end <= INT32_MAX - (u64)by;
}

/* The counter of `v < end` that only the step changes; NULL: another kind of loop. */
static const kc_var *counter_of(const bounds *b, const kc_stmt *loop, u32 *most)
{
    const kc_expr *test = loop->value;
    while (test && test->op == K_LOGAND) test = test->a[0];
    if (!test || loop->test_last || test->op != K_LT || test->a[0]->op != K_VAR || !is_word(test->a[0]->type)) return NULL;
    const kc_var *v = test->a[0]->var;
    u32 end = most_of(b, test->a[1]);
    if ((v->storage != KC_V_ITEM && v->storage != KC_V_UNIFORM) || v->dims || end == UINT32_MAX || assigns(loop->body, v))
        return NULL;
    if (v->type.scalar == KC_I32 && !counts_up(loop, v, end)) return NULL;
    *most = MAX(end, 1) - 1;
    return v;
}

/* ------------------------------------------------------------------ buffers of which every run touches its own element */
static bool is_first(const kc_expr *e)
{
    while (e->op == K_CAST && is_word(e->type) && is_word(e->a[0]->type)) e = e->a[0];
    return e->op == K_VAR && e->var->storage == KC_V_FIRST;
}

static void find_whole(bounds *b, const kc_expr *e, bool sure)
{
    bool branches = e->op == K_COND || e->op == K_LOGAND || e->op == K_LOGOR;
    if (sure && e->op == K_ELEM && e->var->storage == KC_V_BUFFER && is_first(e->a[0])) b->buffers[e->var->at]->whole = true;
    for (u32 i = 0; i < e->n_args; i++) find_whole(b, e->a[i], sure && (i == 0 || !branches));
}

static bool may_return(const kc_stmt *s)
{
    for (; s; s = s->next)
        if (s->op == S_RETURN || may_return(s->body) || may_return(s->other)) return true;
    return false;
}

/* sure: every element (group, item) comes here. */
static void find_whole_in(bounds *b, const kc_stmt *s, bool sure)
{
    for (; s; s = s->next) {
        bool inside = sure && (s->op == S_ITEMS || s->op == S_BLOCK);
        if (s->value) find_whole(b, s->value, sure && s->op != S_LOOP);
        if (s->target) find_whole(b, s->target, sure);
        find_whole_in(b, s->body, inside);
        sure = sure && !may_return(s->body) && !may_return(s->other);
    }
}

/* ------------------------------------------------------------------ clamps */
static const kc_expr *word(bounds *b, u32 v, kc_pos pos) { return type_int(b->f, KC_U32, v, pos); }

static const kc_expr *as_word(bounds *b, const kc_expr *e) { return type_cast(b->f, (kc_type){ KC_U32, 1 }, e, e->pos); }

static const kc_expr *smaller(bounds *b, const kc_expr *x, const kc_expr *y)
{
    const kc_expr *args[2] = { as_word(b, x), y };
    return fold_expr(b->f, type_make_call(b->f, KC_B_min, (kc_type){ KC_U32, 1 }, args, 2, x->pos));
}

static const kc_expr *less(bounds *b, const kc_expr *x, const kc_expr *y)
{
    return fold_expr(b->f, type_binary(b->f, K_SUB, x, y, x->pos));
}

static const char *joined(front *f, const char *name, const char *ending)
{
    size_t n = strlen(name) + strlen(ending) + 1;
    char *text = front_alloc(f, n);
    if (text) snprintf(text, n, "%s%s", name, ending);
    return text ? text : name;
}

/* The launch parameter that holds the buffer's elements. */
static const kc_expr *length_of(bounds *b, const kc_var *v, kc_pos pos)
{
    front *f = b->f;
    kc_entry *e = b->e;
    if (!b->lengths[v->at]) {
        kc_var *made = front_alloc(f, sizeof *made);
        if (!made) return word(b, 0, pos);
        *made =
            (kc_var){ .name = joined(f, v->name, "_elems"), .type = { KC_U32, 1 }, .storage = KC_V_SCALAR, .pos = v->pos };
        made->slot = e->n_vars;
        made->at = e->n_words++;
        e->vars[e->n_vars++] = b->lengths[v->at] = made;
        b->params[e->kernel.n_params++] =
            (kc_param){ .name = made->name, .type = made->type, .role = KC_SCALAR, .length_of = v->at + 1 };
        if (e->n_words > KC_MAX_WORDS)
            front_fail(f, e->pos,
                       "with a word for the length of each buffer that must be checked, the kernel takes more than %d words",
                       (int)KC_MAX_WORDS);
    }
    return type_var(f, b->lengths[v->at], pos);
}

/* An array as an access sees it: how many elements, and who knows. */
typedef struct extent {
    const kc_var *buffer; /* NULL: `elems` is known */
    u32 elems;
} extent;

static const kc_expr *elems_of(bounds *b, extent x, kc_pos pos)
{
    return x.buffer ? length_of(b, x.buffer, pos) : word(b, x.elems, pos);
}

/* Has the array room for `elems` from any value of the index? A launcher may be asked to see to it; wide vectors count as the widest
 * do, so that what it is asked for does not depend on the target. */
static bool fits(bounds *b, extent x, const kc_expr *index, u32 elems, bool wide)
{
    u64 most = most_of(b, index);
    if (!x.buffer) return most + elems <= x.elems;
    kc_param *p = b->buffers[x.buffer->at];
    u32 promised = wide ? KC_MAX_WIDTH : elems;
    bool near = most + promised <= MOST_LEAST;
    p->least = MAX(p->least, near ? (u32)most + promised : promised);
    return near || (elems == 1 && p->whole && is_first(index));
}

static const kc_expr *clamp_index(bounds *b, extent x, const kc_expr *index, u32 elems, bool wide)
{
    if (fits(b, x, index, elems, wide)) return index;
    if (!x.buffer && elems > x.elems) {
        front_fail(b->f, index->pos, "%u elements are touched here; the array has %u", elems, x.elems);
        return index;
    }
    return smaller(b, index, less(b, elems_of(b, x, index->pos), word(b, elems, index->pos)));
}

/* ------------------------------------------------------------------ rewriting */
static const kc_expr *bound_expr(bounds *b, const kc_expr *e);

static extent extent_of(const kc_expr *array)
{
    const kc_var *v = array->var;
    if (v->storage == KC_V_BUFFER) return (extent){ v, 0 };
    bool row = v->dims == 2 && array->n_args;
    return (extent){ NULL, row ? v->n[1] : v->n[0] * (v->dims == 2 ? v->n[1] : 1) };
}

static const kc_expr *bound_elem(bounds *b, const kc_expr *e)
{
    const kc_expr *a[KC_MAX_ARGS] = { 0 };
    for (u32 i = 0; i < e->n_args; i++) {
        extent x = e->var->storage == KC_V_BUFFER ? (extent){ e->var, 0 } : (extent){ NULL, e->var->n[i] };
        a[i] = clamp_index(b, x, bound_expr(b, e->a[i]), 1, false);
    }
    return type_copy(b->f, e, a);
}

/* The first n lanes: n gives way at the end of the array. */
static void bound_part(bounds *b, extent x, const kc_expr **index, const kc_expr **n)
{
    if (!x.buffer && (u64)most_of(b, *index) + most_of(b, *n) <= x.elems) return;
    if (!fold_is_pure(*index)) {
        front_fail(b->f, (*index)->pos, "this index does something; put it into a local first");
        return;
    }
    const kc_expr *elems = elems_of(b, x, (*index)->pos);
    *index = smaller(b, *index, elems);
    *n = smaller(b, *n, less(b, elems, *index));
}

static const kc_expr *bound_access(bounds *b, const kc_expr *e)
{
    const kc_expr *a[KC_MAX_ARGS] = { 0 };
    extent x = extent_of(e->a[0]);
    a[0] = e->a[0]->n_args ? bound_elem(b, e->a[0]) : e->a[0];
    for (u32 i = 1; i < e->n_args; i++) a[i] = bound_expr(b, e->a[i]);
    if (e->call == KC_B_loadw_part || e->call == KC_B_storew_part) bound_part(b, x, &a[1], &a[e->n_args - 1]);
    else if (kc_builtin_is_atomic((kc_builtin)e->call)) a[1] = clamp_index(b, x, a[1], 1, false);
    else if (e->call == KC_B_load4 || e->call == KC_B_store4) a[1] = clamp_index(b, x, a[1], 4, false);
    else a[1] = clamp_index(b, x, a[1], b->f->module->width, true);
    return type_copy(b->f, e, a);
}

static const kc_expr *bound_expr(bounds *b, const kc_expr *e)
{
    if (e->n_args == 0 || b->f->status) return e;
    if (e->op == K_ELEM) return bound_elem(b, e);
    if (e->op == K_CALL && kc_builtin_is_mma((kc_builtin)e->call)) return e;
    if (e->op == K_CALL && kc_builtin_is_subgroup((kc_builtin)e->call)) return e;
    if (e->op == K_CALL && e->a[0]->op == K_ARRAY) return bound_access(b, e);
    const kc_expr *a[KC_MAX_ARGS] = { 0 };
    bool changed = false;
    for (u32 i = 0; i < e->n_args; i++) {
        a[i] = bound_expr(b, e->a[i]);
        changed |= a[i] != e->a[i];
    }
    return changed ? type_copy(b->f, e, a) : e;
}

static const kc_expr *zero_of(bounds *b, kc_type t, kc_pos pos)
{
    const kc_expr *zero = type_to(b->f, (kc_type){ t.scalar, 1 }, type_int(b->f, KC_I32, 0, pos), pos);
    return t.lanes == 1 ? zero : type_splat(b->f, t, zero);
}

static void bound_decl(bounds *b, kc_stmt *made)
{
    const kc_var *v = made->var;
    bool local = v->storage == KC_V_ITEM || v->storage == KC_V_UNIFORM;
    if (local && v->dims) made->zeroed = true;
    else if (local && !made->value) made->value = zero_of(b, v->type, made->pos);
    if (local && !v->dims && !b->assigned[v->slot]) b->most[v->slot] = most_of(b, made->value);
}

static const kc_stmt *bound_list(bounds *b, const kc_stmt *list);

static void bound_loop(bounds *b, kc_stmt *made, const kc_stmt *s)
{
    u32 most, before;
    made->init = bound_list(b, s->init);
    const kc_var *v = counter_of(b, s, &most);
    if (s->value) made->value = bound_expr(b, s->value);
    if (v) {
        before = b->most[v->slot];
        b->most[v->slot] = most;
    }
    made->body = bound_list(b, s->body);
    if (v) b->most[v->slot] = before;
    made->step = bound_list(b, s->step);
}

static const kc_stmt *bound_list(bounds *b, const kc_stmt *list)
{
    stmt_list out = { 0 };
    for (const kc_stmt *s = list; s && !b->f->status; s = s->next) {
        kc_stmt *made = type_stmt(b->f, (kc_stmt_op)s->op, s->pos);
        *made = *s;
        made->next = NULL;
        if (s->op == S_LOOP) {
            bound_loop(b, made, s);
        } else {
            if (s->value) made->value = bound_expr(b, s->value);
            if (s->target) made->target = bound_expr(b, s->target);
            made->body = bound_list(b, s->body);
            made->other = bound_list(b, s->other);
        }
        if (s->op == S_DECL) bound_decl(b, made);
        stmt_add(b->f, &out, made);
    }
    return out.first;
}

/* ------------------------------------------------------------------ a kernel */
/* Room for a length a buffer, among the variables and among the parameters. */
static bool make_room(bounds *b)
{
    front *f = b->f;
    kc_entry *e = b->e;
    u32 n = e->n_vars + e->n_buffers;
    kc_var **vars = front_alloc(f, (n + 1) * sizeof(kc_var *));
    b->params = front_alloc(f, (e->kernel.n_params + e->n_buffers + 1) * sizeof *b->params);
    b->assigned = front_alloc(f, n + 1);
    b->most = front_alloc(f, (n + 1) * sizeof *b->most);
    if (f->status) return false;
    memcpy(vars, e->vars, e->n_vars * sizeof(kc_var *));
    memcpy(b->params, e->kernel.params, e->kernel.n_params * sizeof *b->params);
    for (u32 i = 0; i < n; i++) b->most[i] = UINT32_MAX;
    e->vars = vars;
    e->kernel.params = b->params;
    return true;
}

void bound_entry(front *f, kc_entry *e)
{
    bounds b = { .f = f, .e = e };
    u32 n_buffers = 0;
    if (!make_room(&b)) return;
    for (u32 i = 0; i < e->kernel.n_params; i++)
        if (b.params[i].role <= KC_INOUT) b.buffers[n_buffers++] = &b.params[i];
    mark_assigned(&b, e->body);
    find_whole_in(&b, e->body, true);
    e->body = bound_list(&b, e->body);
}

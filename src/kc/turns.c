/* How often the loops of a MAP turn for one element, at most: for devices that end a shader's loops early (qn_caps.max_turns).
 *
 * Every integer is a range (value_range.c); a loop is bounded where one variable walks towards an end:
 *     for (u32 j = a; j < b; j += c)      ceil((b - a) / c) turns, for the largest b - a
 * b - a comes from the ranges, or from the trees where b is  a + 64  or  min(a + 64, n): a line cut into pieces then counts once, not
 * squared. Both sides of an `if` count unless the launch decides it: hardware that runs elements in step goes through both. Loops that a
 * printer puts in for an operator count too, as glsl_helpers.c says. A search that ends when the data says so has no bound: KC_TURNS_UNKNOWN. */
#include "kc/glsl.h"
#include "kc/value_range.h"

static u64 plus(u64 a, u64 b) { return add_u64(a, b, &a) ? a : KC_TURNS_UNKNOWN; }

static u64 times(u64 a, u64 b)
{
    if (a == 0 || b == 0) return 0;
    return mul_u64(a, b, &a) ? a : KC_TURNS_UNKNOWN;
}

/* ------------------------------------------------------------------ loops inside an operator */
static u64 turns_of_expr(const kc_module *m, const kc_expr *e)
{
    u64 n = 0;
    if (!e) return 0;
    for (u32 i = 0; i < e->n_args; i++) n = plus(n, turns_of_expr(m, e->a[i]));
    return plus(n, times(glsl_turns_of(e), kc_lanes(m, e->type)));
}

/* ------------------------------------------------------------------ how far it is from a start to an end */
/* base + offset, where the sum does not wrap. */
typedef struct offset_from {
    const kc_expr *base;
    value_range offset;
} offset_from;

static offset_from offset_of(const ranges *r, const kc_expr *e)
{
    const value_range none = { 0, 0 };
    if ((e->op != K_ADD && e->op != K_SUB) || range_may_wrap(r, e)) return (offset_from){ e, none };
    value_range by = range_of(r, e->a[1]);
    if (e->op == K_SUB) by = (value_range){ -by.hi, -by.lo };
    return (offset_from){ e->a[0], by };
}

static i64 farthest(const ranges *r, const kc_expr *end, const kc_expr *start)
{
    value_range to = range_of(r, end), from = range_of(r, start);
    i64 most = to.lo == INT64_MIN || from.lo == INT64_MIN ? INT64_MAX : to.hi - from.lo;
    if (end->op == K_CALL && end->call == KC_B_min)
        return MIN(most, MIN(farthest(r, end->a[0], start), farthest(r, end->a[1], start)));
    const kc_expr *to_meaning = range_definition(r, end), *from_meaning = range_definition(r, start);
    if (to_meaning) most = MIN(most, farthest(r, to_meaning, start));
    if (from_meaning) most = MIN(most, farthest(r, end, from_meaning));
    offset_from a = offset_of(r, end), b = offset_of(r, start);
    if (fold_same(a.base, b.base) && range_is_steady(r, a.base)) most = MIN(most, a.offset.hi - b.offset.lo);
    return most;
}

/* ------------------------------------------------------------------ loops */
typedef struct walk { /* what a loop's variable does: from `start`, by `by` each turn */
    const kc_var *var;
    const kc_expr *start;
    kc_op op; /* K_ADD, K_SUB; K_DIV, K_SHR: it gets to 0 by halves at least */
    value_range by;
} walk;

static bool is_var(const kc_expr *e, const kc_var *v) { return e->op == K_VAR && e->var == v; }

static bool walk_of(const ranges *r, const kc_stmt *loop, walk *out)
{
    const kc_stmt *init = loop->init, *step = loop->step;
    if (!init || init->next || !step || step->next || step->op != S_ASSIGN || step->target->op != K_VAR) return false;
    const kc_var *v = step->target->var;
    const kc_expr *to = step->value;
    if ((init->op == S_DECL ? init->var : init->op == S_ASSIGN ? init->target->var : NULL) != v || !init->value)
        return false;
    if (to->op >= K_BINARY_COUNT || !is_var(to->a[0], v) || range_is_assigned_in(loop->body, v)) return false;
    *out = (walk){ v, init->value, (kc_op)to->op, range_of(r, to->a[1]) };
    bool halves = (to->op == K_DIV && out->by.lo >= 2) || (to->op == K_SHR && out->by.lo >= 1);
    return halves || ((to->op == K_ADD || to->op == K_SUB) && out->by.lo >= 1);
}

/* Turns while `test` holds; KC_TURNS_UNKNOWN: it does not bound them. */
static u64 turns_while(const ranges *r, const kc_expr *test, const walk *w)
{
    if (test->op == K_LOGAND) return MIN(turns_while(r, test->a[0], w), turns_while(r, test->a[1], w));
    bool up = test->op == K_LT || test->op == K_LE, down = test->op == K_GT || test->op == K_GE;
    if ((!up && !down) || !is_var(test->a[0], w->var)) return KC_TURNS_UNKNOWN;
    value_range end = range_of(r, test->a[1]), type = range_of_type(w->var->type);
    if (w->op == K_DIV || w->op == K_SHR) return test->op == K_GT && end.lo >= 0 ? 64 : KC_TURNS_UNKNOWN;
    if ((w->op == K_ADD) != up) return KC_TURNS_UNKNOWN;
    if (up && (end.hi == INT64_MAX || w->by.hi > type.hi - end.hi)) return KC_TURNS_UNKNOWN; /* it could wrap past the end */
    if (down && (end.lo == INT64_MIN || w->by.hi > end.lo - type.lo)) return KC_TURNS_UNKNOWN;
    i64 far = up ? farthest(r, test->a[1], w->start) : farthest(r, w->start, test->a[1]);
    if (test->op == K_LE || test->op == K_GE) far = far == INT64_MAX ? far : far + 1;
    return far <= 0 ? 0 : ((u64)far - 1) / (u64)w->by.lo + 1;
}

/* What the variable can be inside: from its start to just before the end. */
static value_range inside(const ranges *r, const kc_stmt *loop, const walk *w)
{
    value_range start = range_of(r, w->start), full = range_of_type(w->var->type);
    const kc_expr *test = loop->value;
    while (test->op == K_LOGAND) test = test->a[0];
    if (w->op != K_ADD || !is_var(test->a[0], w->var)) return (value_range){ full.lo, w->op == K_ADD ? full.hi : start.hi };
    value_range end = range_of(r, test->a[1]);
    return (value_range){ start.lo, MAX(start.lo, test->op == K_LT ? end.hi - 1 : test->op == K_LE ? end.hi : full.hi) };
}

static u64 turns_of_list(ranges *r, const kc_stmt *s);

/* What a driver counts beyond the turns each time that a loop is gone through: measured on convolutions, where 10 a channel of 1 x 1 and 22 or 23
 * a channel of 3 x 3 are counted (4 and 14 turns), two is enough. */
enum { TURNS_TO_END = 2 };

static u64 turns_of_loop(ranges *r, const kc_stmt *s)
{
    walk w;
    u64 n = KC_TURNS_UNKNOWN, before = turns_of_list(r, s->init);
    range_forget_assigned(r, s->body); /* first: the step may hold what the body changes */
    range_forget_assigned(r, s->step);
    bool bounded = s->value && !s->test_last && walk_of(r, s, &w);
    if (bounded) n = turns_while(r, s->value, &w);
    if (bounded && n != KC_TURNS_UNKNOWN) range_set(r, w.var, inside(r, s, &w));
    u64 each = plus(1, turns_of_expr(r->m, s->value));
    each = plus(each, turns_of_list(r, s->body));
    each = plus(each, turns_of_list(r, s->step));
    range_forget_assigned(r, s->body);
    range_forget_assigned(r, s->step);
    return plus(before, plus(times(n, each), TURNS_TO_END));
}

static u64 turns_of_if(ranges *r, const kc_stmt *s)
{
    value_range c = range_of(r, s->value);
    u64 test = turns_of_expr(r->m, s->value);
    if (c.lo == c.hi) return plus(test, turns_of_list(r, c.lo ? s->body : s->other));
    u64 n = turns_of_list(r, s->body);
    range_forget_assigned(r, s->body);
    n = plus(n, turns_of_list(r, s->other));
    range_forget_assigned(r, s->other);
    return plus(test, n);
}

static u64 turns_of_list(ranges *r, const kc_stmt *s)
{
    u64 n = 0;
    for (; s; s = s->next) {
        if (s->op == S_LOOP) n = plus(n, turns_of_loop(r, s));
        else if (s->op == S_IF) n = plus(n, turns_of_if(r, s));
        else n = plus(n, plus(turns_of_expr(r->m, s->value), turns_of_list(r, s->body)));
        if (s->op == S_DECL || s->op == S_ASSIGN) range_note(r, s);
    }
    return n;
}

qn_status kc_turns(const kc_module *m, const kc_kernel *k, const kc_launch_facts *facts, u64 *out)
{
    ranges r;
    QN_TRY(ranges_make(m, kc_entry_of(k), facts, &r));
    *out = turns_of_list(&r, kc_entry_of(k)->body);
    ranges_free(&r);
    return QN_OK;
}

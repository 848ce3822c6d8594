/* Integers, bools and vectors. A text has exactly the type asked for, under C's conversions, and can be computed without a fault. */
#include "kfuzz.h"

/* ------------------------------------------------------------------ the parts */
u32 pick(gen *g, u32 n)
{
    u32 v = g->in.at < g->in.n ? g->in.items[g->in.at] : 0;
    g->in.at++;
    return n ? v % n : 0;
}

bool rarely(gen *g, u32 one_in) { return pick(g, one_in) == one_in - 1; }

const char *say(gen *g, const char *format, ...)
{
    str s = { 0 };
    va_list args;
    va_start(args, format);
    str_vprint(&s, format, args);
    va_end(args);
    const char *kept = s.text ? arena_text(g->mem, s.text, s.n) : NULL;
    str_free(&s);
    g->bad |= !kept;
    return kept ? kept : "0";
}

void line(gen *g, const char *format, ...)
{
    va_list args;
    for (u32 i = 0; i < g->indent; i++) str_add(g->out, "    ");
    va_start(args, format);
    str_vprint(g->out, format, args);
    va_end(args);
    str_add(g->out, "\n");
}

const char *new_name(gen *g, const char *head) { return say(g, "%s%u", head, g->names++); }

kvar *add_var(gen *g, kvar v)
{
    if (g->n_vars == COUNT(g->vars)) {
        g->bad = true;
        return &g->vars[0];
    }
    g->vars[g->n_vars] = v;
    return &g->vars[g->n_vars++];
}

static bool usable(const gen *g, const kvar *v, kc_type t, bool assignable)
{
    return v->type.scalar == t.scalar && v->type.lanes == t.lanes && !v->elems &&
           (!assignable || (v->assignable && !(g->item && v->uniform))) && (!g->uniform || v->uniform);
}

const kvar *pick_var(gen *g, kc_type t, bool assignable)
{
    u32 n = 0;
    for (u32 i = 0; i < g->n_vars; i++) n += usable(g, &g->vars[i], t, assignable);
    if (!n) return NULL;
    u32 k = pick(g, n);
    for (u32 i = g->n_vars; i-- > 0;)
        if (usable(g, &g->vars[i], t, assignable) && k-- == 0) return &g->vars[i];
    return NULL;
}

static const kvar *pick_array(gen *g, kc_scalar s)
{
    for (u32 i = g->n_vars; i-- > 0;) {
        const kvar *v = &g->vars[i];
        bool readable = v->may == MAY_ALL || v->may == MAY_READ || (v->may == MAY_OWN && g->item);
        if (v->elems && v->type.scalar == s && v->type.lanes == 1 && readable && (!g->uniform || v->uniform)) return v;
    }
    return NULL;
}

const char *type_text(kc_type t) { return kc_type_name(t); }

/* ------------------------------------------------------------------ leaves */
static const char *literal(gen *g, kc_scalar s)
{
    static const char *const i32s[] = { "1",         "0",     "2",       "3",          "7",
                                        "(-1)",      "(-5)",  "31",      "255",        "256",
                                        "(-128)",    "65535", "1000003", "2147483647", "(-2147483647 - 1)",
                                        "0x5a5a5a5a" };
    static const char *const u32s[] = { "1u",          "0u",          "2u",       "3u",   "5u",     "17u",
                                        "31u",         "32u",         "255u",     "256u", "65536u", "2147483648u",
                                        "4294967295u", "0x9e3779b9u", "1000003u", "12u" };
    static const char *const i64s[] = { "1l",
                                        "0l",
                                        "(-1l)",
                                        "7l",
                                        "4294967296l",
                                        "(-4294967297l)",
                                        "9223372036854775807l",
                                        "(-9223372036854775807l - 1l)",
                                        "1000000007l",
                                        "255l" };
    static const char *const u64s[] = { "1ul",
                                        "0ul",
                                        "3ul",
                                        "255ul",
                                        "4294967296ul",
                                        "18446744073709551615ul",
                                        "9223372036854775808ul",
                                        "0x9e3779b97f4a7c15ul" };
    if (s == KC_I32) return i32s[pick(g, COUNT(i32s))];
    if (s == KC_U32) return u32s[pick(g, COUNT(u32s))];
    if (s == KC_I64) return i64s[pick(g, COUNT(i64s))];
    return u64s[pick(g, COUNT(u64s))];
}

const char *index_expr(gen *g, u32 n, u32 depth)
{
    bool whole = (n & (n - 1)) == 0;
    switch (pick(g, 4)) {
    case 0:
        if (!g->in_function) return say(g, "%s %% %uu", g->uniform ? "n" : g->item ? g->item : "i", n);
        return say(g, "%u", pick(g, n));
    case 1: return say(g, "%u", pick(g, n));
    case 2:
        if (whole) return say(g, "%s & %u", int_expr(g, KC_I32, depth), n - 1);
    }
    return say(g, "%s %% %uu", int_expr(g, KC_U32, depth), n);
}

/* The type that load(d, i) computes with. */
static kc_scalar computing(kc_scalar s)
{
    static const kc_scalar of[] = {
        [KC_BOOL] = KC_BOOL, [KC_I8] = KC_I32,  [KC_I16] = KC_I32, [KC_I32] = KC_I32, [KC_I64] = KC_I64,
        [KC_U8] = KC_I32,    [KC_U16] = KC_I32, [KC_U32] = KC_U32, [KC_U64] = KC_U64, [KC_F16] = KC_F32,
        [KC_BF16] = KC_F32,  [KC_F32] = KC_F32, [KC_F64] = KC_F64
    };
    return of[s];
}

static const char *memory_leaf(gen *g, kc_scalar s, u32 depth)
{
    const kvar *array = pick_array(g, s);
    if (array && rarely(g, 2)) {
        bool own = array->may == MAY_OWN || array->kind == ARRAY_PER_ITEM;
        return say(g, "%s[%s]", array->name, own ? g->item : index_expr(g, array->elems, depth));
    }
    if (!g->in_function && computing(g->shape->narrow) == s && rarely(g, 2))
        return say(g, "load(d, %s)", index_expr(g, KFUZZ_ELEMS, depth));
    if (g->in_function) return literal(g, s);
    if (s == KC_U32) return say(g, "c[%s]", index_expr(g, KFUZZ_ELEMS, depth));
    const char *load = say(g, "b[%s]", index_expr(g, KFUZZ_ELEMS, depth));
    return s == KC_I32 ? load : say(g, "(%s)%s", kc_scalar_name(s), load);
}

static const char *int_leaf(gen *g, kc_scalar s, u32 depth)
{
    const kvar *v;
    switch (pick(g, 6)) {
    case 1:
    case 2: v = pick_var(g, scalar_type(s), false); return v ? v->name : memory_leaf(g, s, 0);
    case 3: return memory_leaf(g, s, depth > 1 ? 1 : 0);
    case 4:
        if (g->shape->variant && rarely(g, 2)) return say(g, "(%s)OFFSET", kc_scalar_name(s));
        if (s == KC_I32 && !g->in_function) return "p";
        if (s == KC_I32 && !g->shape->plain && rarely(g, 2)) return say(g, "taps%u[%s]", g->index, index_expr(g, 5, 0));
        return memory_leaf(g, s, 0);
    case 5:
        if (s == KC_U32 && !g->in_function && g->shape->constant && rarely(g, 3)) return "fixed";
        if (s == KC_U32 && !g->in_function) return g->item ? g->item : g->uniform ? "n" : "i";
        return memory_leaf(g, s, 0);
    default: return literal(g, s);
    }
}

/* ------------------------------------------------------------------ operators */
static const char *const signed_narrow[] = { "i8", "u8", "i16", "u16" };

static const char *cast_from(gen *g, kc_scalar s, u32 depth)
{
    static const kc_scalar from[] = { KC_I32, KC_U32, KC_I64, KC_U64 };
    kc_scalar other = from[pick(g, g->shape->wide_ints ? 4 : 2)];
    if (other == s) {
        const char *narrow = signed_narrow[pick(g, 4)];
        const char *e = int_expr(g, s, depth);
        return rarely(g, 2) ? say(g, "(%s)TO(%s, %s)", kc_scalar_name(s), narrow, e)
                            : say(g, "(%s)(%s)%s", kc_scalar_name(s), narrow, e);
    }
    return say(g, "(%s)%s", kc_scalar_name(s), int_expr(g, other, depth));
}

/* A divisor that is neither 0 nor -1; in a total kernel any. */
static const char *divide(gen *g, kc_scalar s, u32 depth)
{
    const char *op = rarely(g, 2) ? "%" : "/", *a = int_expr(g, s, depth), *b = int_expr(g, s, depth), *one = literal(g, s);
    if (g->shape->total) return say(g, "(%s %s %s)", a, op, b);
    if (pick(g, 2)) return say(g, "(%s %s ((%s & 127) + 1))", a, op, b);
    return say(g, "(%s %s (%s > 1 ? %s : 3))", a, op, one, one);
}

static const char *shift(gen *g, kc_scalar s, u32 depth)
{
    const char *e = int_expr(g, s, depth);
    bool left = rarely(g, 2);
    u32 bits = s == KC_I64 || s == KC_U64 ? 64 : 32;
    if (pick(g, 3)) return say(g, "%s(%s, %s)", left ? "shl" : "shr", e, int_expr(g, KC_U32, depth > 1 ? 1 : 0));
    if (g->shape->total && !g->in_function) /* a constant count that is too large is refused */
        return say(g, "(%s %s c[%s])", e, left ? "<<" : ">>", index_expr(g, KFUZZ_ELEMS, 0));
    if (rarely(g, 2)) return say(g, "(%s %s (%s & %uu))", e, left ? "<<" : ">>", int_expr(g, KC_U32, 0), bits - 1);
    return say(g, "(%s %s %u)", e, left ? "<<" : ">>", pick(g, bits));
}

static const char *from_float(gen *g, kc_scalar s, u32 depth)
{
    if (g->shape->special && !g->in_function && rarely(g, 2)) return special_int(g, s);
    kvalue e = exact_expr(g, depth);
    bool fits = e.f.lo > (s == KC_U32 || s == KC_U64 ? -1.0 : -2e9) && e.f.hi < 2e9;
    bool words = !g->shape->doubles;
    if (words && s == KC_U32 && rarely(g, 3)) return say(g, "as_u32(fabs(%s))", e.text);
    if (words && s == KC_I32 && rarely(g, 4)) return say(g, "as_i32(fabs(%s))", e.text);
    if (s == KC_I32 && rarely(g, 3)) return say(g, "(i32)TO(%s, %s)", signed_narrow[pick(g, 4)], e.text);
    if ((fits || g->shape->total) && rarely(g, 2)) return say(g, "(%s)%s", kc_scalar_name(s), e.text);
    return say(g, "TO(%s, %s)", kc_scalar_name(s), e.text);
}

static const char *bits(gen *g, kc_scalar s, u32 depth)
{
    static const char *const names[] = { "popcount", "clz", "ctz" };
    kc_scalar of = g->shape->wide_ints && rarely(g, 3) ? KC_U64 : rarely(g, 2) ? KC_I32 : KC_U32;
    const char *text = say(g, "%s(%s)", names[pick(g, 3)], int_expr(g, of, depth));
    return s == KC_U32 ? text : say(g, "(%s)%s", kc_scalar_name(s), text);
}

static const char *called(gen *g, kc_scalar s, u32 depth)
{
    for (u32 i = 0; i < g->n_functions && !g->in_function; i++) {
        const kfunction *f = &g->functions[i];
        if (f->result != s) continue;
        const char *args = "";
        for (u32 k = 0; k < f->n_params; k++)
            args = say(g, "%s%s%s", args, k ? ", " : "",
                       f->params[k] == KC_F32 ? float_within(g, 8, 1e-4, depth).text : int_expr(g, f->params[k], depth));
        return say(g, "%s(%s)", f->name, args);
    }
    return int_leaf(g, s, depth);
}

/* u32 op i32 is u32; so is i64 op u32 i64, u64 op i64 u64. */
static const char *mixed(gen *g, kc_scalar s, u32 depth)
{
    static const char *const ops[] = { "+", "-", "*", "&", "|", "^" };
    const char *op = ops[pick(g, COUNT(ops))], *a = int_expr(g, s, depth);
    kc_scalar other = s == KC_U32 ? KC_I32 : s == KC_I64 ? KC_U32 : s == KC_U64 ? KC_I64 : KC_I32;
    const char *b = int_expr(g, other, depth);
    return rarely(g, 2) ? say(g, "(%s %s %s)", a, op, b) : say(g, "(%s %s %s)", b, op, a);
}

static const char *function_of(gen *g, kc_scalar s, u32 depth)
{
    const char *a = int_expr(g, s, depth), *b = int_expr(g, s, depth), *c;
    switch (pick(g, 6)) {
    case 0: return say(g, "min(%s, %s)", a, b);
    case 1: return say(g, "max(%s, %s)", a, b);
    case 2: return say(g, "clamp(%s, %s, %s)", a, b, literal(g, s));
    case 3:
        if (rarely(g, 3)) return say(g, "(-%s)", a);
        return kc_is_signed(s) && rarely(g, 2) ? say(g, "abs(%s)", a) : say(g, "(~%s)", a);
    case 4: c = bool_expr(g, depth); return say(g, "select(%s, %s, %s)", c, a, b);
    default:
        if (s != KC_I32) return say(g, "(-%s)", a);
        c = int_expr(g, KC_U32, depth);
        return say(g, "%s(%s, (u32)%s, %s)", rarely(g, 2) ? "dot4_i8" : "dot4_u8i8", c, b, a);
    }
}

const char *int_expr(gen *g, kc_scalar s, u32 depth)
{
    static const char *const ops[] = { "+", "-", "*", "&", "|", "^" };
    if (depth == 0 || g->budget == 0) return int_leaf(g, s, 0);
    g->budget--;
    switch (pick(g, 14)) {
    case 0:
    case 1: return int_leaf(g, s, depth);
    case 2:
    case 3: {
        const char *op = ops[pick(g, COUNT(ops))], *a = int_expr(g, s, depth - 1);
        if (g->shape->variant && rarely(g, 4)) return say(g, "JOIN(M, IX)(%s, %s)", a, int_expr(g, s, depth - 1));
        return say(g, "(%s %s %s)", a, op, int_expr(g, s, depth - 1));
    }
    case 4: return mixed(g, s, depth - 1);
    case 5: return cast_from(g, s, depth - 1);
    case 6: return divide(g, s, depth - 1);
    case 7: return shift(g, s, depth - 1);
    case 8: return from_float(g, s, depth - 1);
    case 9: return bits(g, s, depth - 1);
    case 10: return called(g, s, depth - 1);
    case 11: {
        const char *c = bool_expr(g, depth - 1), *a = int_expr(g, s, depth - 1);
        return say(g, "(%s ? %s : %s)", c, a, int_expr(g, s, depth - 1));
    }
    case 12: return say(g, "(%s)%s", kc_scalar_name(s), bool_expr(g, depth - 1));
    default: return function_of(g, s, depth - 1);
    }
}

const char *bool_expr(gen *g, u32 depth)
{
    static const char *const compare[] = { "<", "<=", ">", ">=", "==", "!=" };
    static const kc_scalar of[] = { KC_I32, KC_U32, KC_I64, KC_U64 };
    if (depth == 0 || g->budget == 0) {
        const kvar *v = pick(g, 2) ? pick_var(g, scalar_type(KC_BOOL), false) : NULL;
        return v ? v->name : say(g, "(%s %s %s)", int_leaf(g, KC_I32, 0), compare[pick(g, 6)], literal(g, KC_I32));
    }
    g->budget--;
    const char *a;
    if (g->shape->special && !g->in_function && rarely(g, 3)) return special_bool(g);
    switch (pick(g, 7)) {
    case 0:
    case 1: {
        kc_scalar s = of[pick(g, g->shape->wide_ints ? 4 : 2)];
        a = int_expr(g, s, depth - 1);
        return say(g, "(%s %s %s)", a, compare[pick(g, 6)], int_expr(g, s, depth - 1));
    }
    case 2: {
        kvalue x = exact_expr(g, depth - 1), y = exact_expr(g, depth - 1);
        return say(g, "(%s %s %s)", x.text, compare[pick(g, 6)], y.text);
    }
    case 3: return say(g, "!%s", bool_expr(g, depth - 1));
    case 4: a = bool_expr(g, depth - 1); return say(g, "(%s %s %s)", a, rarely(g, 2) ? "||" : "&&", bool_expr(g, depth - 1));
    case 5: return say(g, "(bool)%s", int_expr(g, KC_I32, depth - 1));
    default: {
        kvalue x = exact_expr(g, depth - 1);
        return say(g, rarely(g, 3) ? "isinf(%s)" : "isnan(%s)", x.text);
    }
    }
}

/* ------------------------------------------------------------------ vectors */
static kvalue plain(kc_type t, const char *text) { return (kvalue){ .type = t, .text = text }; }

static kvalue lane_value(gen *g, kc_scalar s, u32 depth)
{
    if (s == KC_F32) return float_expr(g, depth);
    return plain(scalar_type(s), int_expr(g, s, depth));
}

static kvalue make_vector(gen *g, kc_type t, u32 depth)
{
    kvalue v = lane_value(g, (kc_scalar)t.scalar, depth);
    const char *text = say(g, "MAKE%u(%s, %s", t.lanes, kc_scalar_name((kc_scalar)t.scalar), v.text);
    for (u32 k = 1; k < t.lanes; k++) {
        kvalue next = lane_value(g, (kc_scalar)t.scalar, k < 2 ? depth : 0);
        text = say(g, "%s, %s", text, next.text);
        v.f = facts_join(v.f, next.f);
    }
    return (kvalue){ t, v.f, say(g, "%s)", text) };
}

static kvalue vector_leaf(gen *g, kc_type t, u32 depth)
{
    const kvar *v = pick(g, 2) ? pick_var(g, t, false) : NULL;
    if (v) return (kvalue){ t, v->f, v->name };
    if (t.scalar == KC_F32 && t.lanes == 4 && !g->in_function && rarely(g, 2))
        return (kvalue){ t, { -8, 8, 0, 4 }, say(g, "load4(a, %s)", index_expr(g, KFUZZ_ELEMS - 3, 0)) };
    return make_vector(g, t, depth > 1 ? 1 : depth);
}

kvalue vector_expr(gen *g, kc_type t, u32 depth)
{
    static const char ops[] = { '+', '-', '*', '&', '|', '^' };
    if (depth == 0 || g->budget == 0) return vector_leaf(g, t, 0);
    g->budget--;
    u32 kind = pick(g, 6);
    if (kind < 2) return vector_leaf(g, t, depth);
    kvalue a = vector_expr(g, t, depth - 1);
    if (kind == 2 && t.scalar != KC_F32) return plain(t, say(g, "(-%s)", a.text));
    if (kind == 2) return (kvalue){ t, { -a.f.hi, -a.f.lo, a.f.err, a.f.grid }, say(g, "(-%s)", a.text) };
    bool scalar = rarely(g, 3);
    kvalue b = scalar ? lane_value(g, (kc_scalar)t.scalar, depth - 1) : vector_expr(g, t, depth - 1);
    char op = ops[pick(g, t.scalar == KC_F32 ? 3 : 6)];
    if (kind == 3 && !scalar) {
        const char *name = rarely(g, 2) ? "max" : "min";
        return (kvalue){ t, facts_join(a.f, b.f), say(g, "%s(%s, %s)", name, a.text, b.text) };
    }
    if (t.scalar != KC_F32) return plain(t, say(g, "(%s %c %s)", a.text, op, b.text));
    kvalue v = float_binary_of(g, op, a, b);
    v.type = t;
    return v;
}

kvalue any_expr(gen *g, kc_type t, u32 depth)
{
    if (t.lanes > 1) return vector_expr(g, t, depth);
    if (t.scalar == KC_F32) return float_expr(g, depth);
    if (t.scalar == KC_BOOL) return plain(t, bool_expr(g, depth));
    return plain(t, int_expr(g, (kc_scalar)t.scalar, depth));
}

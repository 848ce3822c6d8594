/* Floats with what is known of them: the range, a bound of how far two correct answers may be apart, and whether they are exact.
 *
 * `unit` is half a unit in the last place of 1. Both sides round, so an operation adds 2 units of its largest result, and a builtin as many units in
 * the last place as kfuzz_bounds.def allows the target, and one for the interpreter, which rounds what the C library says in f64. Denormals may be
 * flushed: the bound never falls below TINY once inexact. */
#include <math.h>

#include "kfuzz.h"

static const f64 TINY = 1e-37;

static f64 most_of(facts f) { return MAX(fabs(f.lo), fabs(f.hi)); }
static bool exact(facts f) { return f.err == 0 && f.grid != KFUZZ_GRID_NONE; }

/* Multiples of 2^-grid below `most` are all f32. */
static bool fits(f64 most, i32 grid) { return grid <= 20 && grid > -40 && most * exp2(grid) <= 16777216.0; }

facts facts_join(facts a, facts b)
{
    i32 grid = exact(a) && exact(b) ? MAX(a.grid, b.grid) : KFUZZ_GRID_NONE;
    return (facts){ MIN(a.lo, b.lo), MAX(a.hi, b.hi), MAX(a.err, b.err), grid };
}

facts facts_loose(f64 most, f64 err) { return (facts){ -most, most, err, KFUZZ_GRID_NONE }; }

static kvalue value_of(facts f, const char *text) { return (kvalue){ scalar_type(KC_F32), f, text }; }

/* ------------------------------------------------------------------ leaves */
static kvalue literal(gen *g)
{
    static const struct {
        const char *text;
        f64 v;
        i32 grid;
    } of[] = { { "1.0f", 1, 0 },   { "0.0f", 0, 0 },     { "2.0f", 2, 0 },   { "0.5f", 0.5, 1 },
               { "-1.0f", -1, 0 }, { "0.25f", 0.25, 2 }, { "3.0f", 3, 0 },   { "-2.5f", -2.5, 1 },
               { "8.0f", 8, 0 },   { "16.0f", 16, 0 },   { "-7.0f", -7, 0 }, { "1.5f", 1.5, 1 },
               { "3", 3, 0 },      { "-2", -2, 0 },      { "1e2f", 100, 0 }, { "0.125f", 0.125, 3 } };
    u32 k = pick(g, COUNT(of));
    return value_of((facts){ of[k].v, of[k].v, 0, of[k].grid }, say(g, "(f32)(%s)", of[k].text));
}

static kvalue from_int(gen *g, u32 depth)
{
    const char *e = int_expr(g, rarely(g, 2) ? KC_U32 : KC_I32, depth);
    if (rarely(g, 2)) return value_of((facts){ 0, 255, 0, 0 }, say(g, "(f32)(%s & 255)", e));
    return value_of((facts){ -8, 7, 0, 0 }, say(g, "((f32)(%s & 15) - 8)", e));
}

static const kvar *float_array(gen *g)
{
    for (u32 i = g->n_vars; i-- > 0;) {
        const kvar *v = &g->vars[i];
        bool readable = v->may == MAY_ALL || v->may == MAY_READ || (v->may == MAY_OWN && g->item);
        if (v->elems && v->type.scalar == KC_F32 && readable && (!g->uniform || v->uniform)) return v;
    }
    return NULL;
}

static kvalue memory_leaf(gen *g, bool must_be_exact, u32 depth)
{
    kc_scalar narrow = g->shape->narrow;
    const kvar *array = pick(g, 2) ? float_array(g) : NULL;
    if (array && !must_be_exact) {
        bool own = array->may == MAY_OWN || array->kind == ARRAY_PER_ITEM;
        return value_of(array->f, say(g, "%s[%s]", array->name, own ? g->item : index_expr(g, array->elems, depth)));
    }
    if (g->in_function) return literal(g);
    if (g->shape->special && !must_be_exact && rarely(g, 5)) /* a denormal, or the 0 it was flushed to */
        return value_of((facts){ -1.2e-38, 1.2e-38, 2.4e-38, KFUZZ_GRID_NONE },
                        say(g, "e[%d + (%s & 15u)]", (int)KFUZZ_SPECIAL, int_expr(g, KC_U32, depth)));
    bool is_float = narrow == KC_F16 || narrow == KC_BF16 || narrow == KC_F64;
    const char *at = index_expr(g, KFUZZ_ELEMS, depth);
    if (is_float && rarely(g, 2)) return value_of((facts){ -8, 8, 0, 3 }, say(g, "(f32)load(d, %s)", at));
    return value_of((facts){ -8, 8, 0, 4 }, say(g, "a[%s]", at));
}

static kvalue leaf(gen *g, bool must_be_exact, u32 depth)
{
    const kvar *v;
    switch (pick(g, 6)) {
    case 0: return literal(g);
    case 1:
    case 2:
        v = pick_var(g, scalar_type(KC_F32), false);
        if (v && (!must_be_exact || exact(v->f))) return value_of(v->f, v->name);
        return memory_leaf(g, must_be_exact, 0);
    case 3: return from_int(g, depth > 1 ? 1 : 0);
    case 4:
        if (!g->in_function) return value_of((facts){ 0.75, 0.75, 0, 2 }, "q");
        return literal(g);
    default: return memory_leaf(g, must_be_exact, depth > 1 ? 1 : 0);
    }
}

/* ------------------------------------------------------------------ arithmetic */
static void span(f64 a, f64 b, f64 c, f64 d, facts *out)
{
    out->lo = MIN(MIN(a, b), MIN(c, d));
    out->hi = MAX(MAX(a, b), MAX(c, d));
}

static facts sum_facts(f64 unit, facts a, facts b, bool minus)
{
    facts f = { a.lo + (minus ? -b.hi : b.lo), a.hi + (minus ? -b.lo : b.hi), 0, MAX(a.grid, b.grid) };
    if (exact(a) && exact(b) && fits(most_of(f), f.grid)) return f;
    f.err = a.err + b.err, f.grid = KFUZZ_GRID_NONE;
    f.err += 2 * unit * (most_of(f) + f.err) + TINY;
    return f;
}

static facts product_facts(f64 unit, facts a, facts b)
{
    facts f = { 0, 0, 0, a.grid + b.grid };
    span(a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi, &f);
    if (exact(a) && exact(b) && fits(most_of(f), f.grid)) return f;
    f.err = most_of(a) * b.err + most_of(b) * a.err + a.err * b.err, f.grid = KFUZZ_GRID_NONE;
    f.err += 2 * unit * (most_of(f) + f.err) + TINY;
    return f;
}

static bool tame(facts f) { return most_of(f) < 1e6 && f.err <= 1e-3 * MAX(1, most_of(f)); }

/* a op b, or a alone where the result would be too large or too loose. */
kvalue float_binary_of(gen *g, char op, kvalue a, kvalue b)
{
    facts f = op == '*' ? product_facts(g->unit, a.f, b.f) : sum_facts(g->unit, a.f, b.f, op == '-');
    if (!tame(f)) return a;
    return (kvalue){ a.type, f, say(g, "(%s %c %s)", a.text, op, b.text) };
}

static kvalue minus(gen *g, kvalue a)
{
    return (kvalue){ a.type, { -a.f.hi, -a.f.lo, a.f.err, a.f.grid }, say(g, "(-%s)", a.text) };
}

static kvalue magnitude(gen *g, kvalue a)
{
    facts f = a.f;
    f.lo = a.f.lo > 0 ? a.f.lo : a.f.hi < 0 ? -a.f.hi : 0, f.hi = most_of(a.f);
    return value_of(f, say(g, "%s(%s)", rarely(g, 2) ? "abs" : "fabs", a.text));
}

static const char *number(gen *g, f64 v) { return v == floor(v) ? say(g, "%.1ff", v) : say(g, "%.9gf", v); }

static kvalue clamped(gen *g, kvalue a, f64 lo, f64 hi)
{
    if (a.f.lo - a.f.err >= lo && a.f.hi + a.f.err <= hi) return a;
    facts f = { MIN(MAX(a.f.lo, lo), hi), MAX(MIN(a.f.hi, hi), lo), a.f.err, MAX(a.f.grid, 4) };
    if (!exact(a.f) || lo * 16 != floor(lo * 16) || hi * 16 != floor(hi * 16)) f.grid = KFUZZ_GRID_NONE;
    return value_of(f, say(g, "clamp(%s, %s, %s)", a.text, number(g, lo), number(g, hi)));
}

/* ------------------------------------------------------------------ exact: floats that may decide something */
static kvalue whole(gen *g, kvalue a)
{
    static const char *const names[] = { "floor", "ceil", "round", "trunc" };
    return value_of((facts){ floor(a.f.lo), ceil(a.f.hi), 0, MAX(MIN(a.f.grid, 0), -20) },
                    say(g, "%s(%s)", names[pick(g, 4)], a.text));
}

/* The remainder is exact; the divisor is positive. */
static kvalue remainder_of(gen *g, kvalue a)
{
    static const char *const by[] = { "3.0f", "0.5f", "1.25f", "7.0f" };
    static const f64 values[] = { 3, 0.5, 1.25, 7 };
    u32 k = pick(g, 4);
    return value_of((facts){ -values[k], values[k], 0, MAX(a.f.grid, 2) }, say(g, "fmod(%s, %s)", a.text, by[k]));
}

kvalue exact_expr(gen *g, u32 depth)
{
    if (depth == 0 || g->budget == 0) return leaf(g, true, 0);
    g->budget--;
    u32 kind = pick(g, 10);
    if (kind < 2) return leaf(g, true, depth);
    kvalue a = exact_expr(g, depth - 1), b;
    switch (kind) {
    case 2:
    case 3:
        b = exact_expr(g, depth - 1);
        b = float_binary_of(g, "+-*"[pick(g, 3)], a, b);
        return exact(b.f) ? b : a;
    case 4: return minus(g, a);
    case 5: return rarely(g, 2) ? magnitude(g, a) : clamped(g, a, -2, 5.5);
    case 6:
        b = exact_expr(g, depth - 1);
        return value_of(facts_join(a.f, b.f), say(g, "%s(%s, %s)", rarely(g, 2) ? "min" : "max", a.text, b.text));
    case 7: return whole(g, a);
    case 8: {
        const char *c = bool_expr(g, depth - 1);
        b = exact_expr(g, depth - 1);
        bool both = rarely(g, 2);
        return value_of(facts_join(a.f, b.f), both ? say(g, "select(%s, %s, %s)", c, a.text, b.text)
                                                   : say(g, "(%s ? %s : %s)", c, a.text, b.text));
    }
    default: return rarely(g, 2) ? remainder_of(g, a) : a;
    }
}

/* ------------------------------------------------------------------ builtins */
static const float_bound bounds[] = {
#define BOUND(name, lo, hi, from, to, slope, ulps) { #name, lo, hi, from, to, slope, ulps },
#include "kfuzz_bounds.def"
#undef BOUND
    { 0 }
};
enum { POW = COUNT(bounds) - 4, ATAN2 = POW + 1, DIVIDE = POW + 2, OF_ONE = POW };

const float_bound *float_bound_at(u32 i) { return i + 1 < COUNT(bounds) ? &bounds[i] : NULL; }

static f64 error_of(const gen *g, const float_bound *b) { return 2 * g->unit * (b->ulps + 1); }

static kvalue builtin(gen *g, u32 depth)
{
    const float_bound *b = &bounds[pick(g, OF_ONE)];
    kvalue x = clamped(g, float_expr(g, depth), b->lo, b->hi);
    facts f = { b->from, b->to, 0, KFUZZ_GRID_NONE };
    f.err = b->slope * x.f.err + error_of(g, b) * most_of(f);
    return tame(f) ? value_of(f, say(g, "%s(%s)", b->name, x.text)) : x;
}

static kvalue two_arguments(gen *g, u32 depth)
{
    bool is_pow = rarely(g, 2);
    const float_bound *b = &bounds[is_pow ? POW : ATAN2];
    kvalue x = float_expr(g, depth), y = float_expr(g, depth);
    facts f = { b->from, b->to, 0, KFUZZ_GRID_NONE };
    x = clamped(g, x, b->lo, b->hi);
    y = is_pow ? clamped(g, y, -3, 3) : clamped(g, y, 0.25, 8);
    f.err = b->slope * x.f.err + 6 * y.f.err + error_of(g, b) * most_of(f);
    return tame(f) ? value_of(f, say(g, "%s(%s, %s)", b->name, x.text, y.text)) : x;
}

static kvalue quotient(gen *g, u32 depth)
{
    kvalue a = float_expr(g, depth), b = magnitude(g, float_expr(g, depth));
    b = float_binary_of(g, '+', b, value_of((facts){ 0.5, 0.5, 0, 1 }, "0.5f"));
    if (b.f.lo < 0.5) return a;
    facts f = { 0, 0, 0, KFUZZ_GRID_NONE };
    span(a.f.lo / b.f.lo, a.f.hi / b.f.lo, a.f.lo / b.f.hi, a.f.hi / b.f.hi, &f);
    f.err = a.f.err / b.f.lo + most_of(f) * b.f.err / b.f.lo;
    f.err += error_of(g, &bounds[DIVIDE]) * (most_of(f) + f.err) + TINY;
    return tame(f) ? value_of(f, say(g, "(%s / %s)", a.text, b.text)) : a;
}

static kvalue fused(gen *g, u32 depth)
{
    kvalue a = float_expr(g, depth), b = float_expr(g, depth), c = float_expr(g, depth);
    facts f = sum_facts(g->unit, product_facts(g->unit, a.f, b.f), c.f, false);
    return tame(f) ? value_of(f, say(g, "%s(%s, %s, %s)", rarely(g, 2) ? "fma" : "mad", a.text, b.text, c.text)) : a;
}

/* Sums of lanes are exact where the lanes are: a's are multiples of 1/16. */
static kvalue lanes(gen *g)
{
    const char *at = index_expr(g, KFUZZ_ELEMS - 16, 0);
    switch (g->in_function || g->shape->plain || g->shape->doubles ? 0 : pick(g, 4)) {
    case 1: return value_of((facts){ -128, 128, 0, 4 }, say(g, "sumw(loadw_part(a, %s, 4))", at));
    case 2: return value_of((facts){ -8, 8, 0, 4 }, say(g, "maxw(loadw_part(a, %s, 3))", at));
    case 3: return value_of((facts){ -128, 128, 0, 4 }, say(g, "sumw(min(loadw_part(a, %s, 4), splatw(1.5f)) * 2)", at));
    default: return leaf(g, false, 0);
    }
}

static kvalue called(gen *g, u32 depth)
{
    for (u32 i = 0; i < g->n_functions && !g->in_function; i++) {
        const kfunction *f = &g->functions[i];
        if (f->result != KC_F32) continue;
        const char *args = "";
        for (u32 k = 0; k < f->n_params; k++)
            args = say(g, "%s%s%s", args, k ? ", " : "",
                       f->params[k] == KC_F32 ? float_within(g, 8, 1e-4, depth).text : int_expr(g, f->params[k], depth));
        return value_of(f->f, say(g, "%s(%s)", f->name, args));
    }
    return leaf(g, false, depth);
}

static kvalue lane_of(gen *g, u32 depth)
{
    kc_type t = { KC_F32, rarely(g, 2) ? 2 : 4 };
    kvalue v = vector_expr(g, t, depth);
    return value_of(v.f, say(g, "(%s).%c", v.text, "xyzw"[pick(g, t.lanes)]));
}

kvalue float_expr(gen *g, u32 depth)
{
    if (depth == 0 || g->budget == 0) return leaf(g, false, 0);
    g->budget--;
    kvalue a, b;
    if (g->shape->special && !g->in_function && rarely(g, 4)) return special_float(g);
    switch (pick(g, 14)) {
    case 0:
    case 1: return leaf(g, false, depth);
    case 2:
    case 3:
    case 4:
        a = float_expr(g, depth - 1);
        b = float_expr(g, depth - 1);
        return float_binary_of(g, "+-*"[pick(g, 3)], a, b);
    case 5: return exact_expr(g, depth);
    case 6:
    case 7: return builtin(g, depth - 1);
    case 8: return two_arguments(g, depth - 1);
    case 9: return quotient(g, depth - 1);
    case 10: return fused(g, depth > 1 ? 1 : 0);
    case 11: return rarely(g, 2) ? lanes(g) : called(g, depth - 1);
    case 12: return g->shape->plain || g->shape->doubles ? exact_expr(g, depth - 1) : lane_of(g, depth - 1);
    default: {
        const char *c = bool_expr(g, depth - 1);
        a = float_expr(g, depth - 1);
        b = float_expr(g, depth - 1);
        return value_of(facts_join(a.f, b.f), say(g, "(%s ? %s : %s)", c, a.text, b.text));
    }
    }
}

kvalue float_within(gen *g, f64 most, f64 err, u32 depth)
{
    kvalue v = float_expr(g, depth);
    if (v.f.err > err) v = leaf(g, true, 0);
    return clamped(g, v, -most, most);
}

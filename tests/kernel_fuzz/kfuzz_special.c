/* NaN, infinities, both zeros, and powers of two: what every target must make of them alike.
 *
 * A value here is exact, and only asked what has one answer: the sign of a NaN is not looked at, nor that of a zero that min, max or a sum
 * gave. What a builtin makes of it is asked for its kind (NaN, infinite, a number within the builtin's bound). Denormals, which may be flushed,
 * are floats with an error (kfuzz_floats.c). */
#include "kfuzz.h"

typedef struct special {
    const char *text;
    bool sign;  /* that of a zero is known */
    bool power; /* 0, a power of two, infinite or NaN: products and quotients stay exact */
} special;

static special leaf(gen *g)
{
    static const char *const constants[] = { "INFINITY", "(-INFINITY)", "NAN", "0.0f", "(-0.0f)", "1.0f" };
    if (rarely(g, 4)) return (special){ say(g, "(f32)%s", constants[pick(g, COUNT(constants))]), true, true };
    return (special){ say(g, "e[%s]", index_expr(g, KFUZZ_SPECIAL, 0)), true, true };
}

static special binary(gen *g, u32 depth);

static special value(gen *g, u32 depth)
{
    static const char *const whole[] = { "floor", "ceil", "round", "trunc" };
    if (depth == 0 || g->budget == 0) return leaf(g);
    g->budget--;
    special a;
    switch (pick(g, 8)) {
    case 0:
    case 1: return leaf(g);
    case 2: a = value(g, depth - 1); return (special){ say(g, "(-%s)", a.text), a.sign, a.power };
    case 3: a = value(g, depth - 1); return (special){ say(g, "fabs(%s)", a.text), true, a.power };
    case 4: a = value(g, depth - 1); return (special){ say(g, "%s(%s)", whole[pick(g, 4)], a.text), false, false };
    case 5: a = value(g, depth - 1); return (special){ say(g, "clamp(%s, -2.0f, 3.0f)", a.text), false, false };
    case 6: a = value(g, depth - 1); return (special){ say(g, "copysign(%s, q)", a.text), true, a.power };
    default: return binary(g, depth);
    }
}

static special binary(gen *g, u32 depth)
{
    special a = value(g, depth - 1), b = value(g, depth - 1);
    bool powers = a.power && b.power;
    switch (pick(g, 7)) {
    case 0: return (special){ say(g, "min(%s, %s)", a.text, b.text), false, powers };
    case 1: return (special){ say(g, "max(%s, %s)", a.text, b.text), false, powers };
    case 2:
        return (special){ say(g, "select(e[%s] < 1.0f, %s, %s)", index_expr(g, KFUZZ_SPECIAL, 0), a.text, b.text),
                          a.sign && b.sign, powers };
    case 3: return (special){ say(g, "(%s %c %s)", a.text, rarely(g, 2) ? '-' : '+', b.text), false, false };
    case 4:
        if (powers) return (special){ say(g, "(%s / %s)", a.text, b.text), a.sign && b.sign, true };
        return a;
    default: return (special){ say(g, "(%s * %s)", a.text, b.text), a.sign && b.sign, powers };
    }
}

const char *special_bool(gen *g)
{
    static const char *const compare[] = { "<", "<=", ">", ">=", "==", "!=" };
    special a = value(g, 2);
    switch (pick(g, 4)) {
    case 0: return say(g, "isnan(%s)", a.text);
    case 1: return say(g, "isinf(%s)", a.text);
    case 2:
        if (a.sign) return say(g, "(!isnan(%s) && signbit(%s))", a.text, a.text);
        return say(g, "isnan(%s)", a.text);
    default: return say(g, "(%s %s %s)", a.text, compare[pick(g, 6)], value(g, 1).text);
    }
}

const char *special_int(gen *g, kc_scalar s)
{
    static const char *const narrow[] = { "i8", "u8", "i16", "u16", "i32", "u32" };
    special a = value(g, 2);
    if (a.sign && !g->shape->doubles && rarely(g, 3))
        return say(g, "(%s)(isnan(%s) ? 7u : as_u32(%s))", kc_scalar_name(s), a.text, a.text);
    if (rarely(g, 2)) return say(g, "TO(%s, %s)", kc_scalar_name(s), a.text);
    return say(g, "(%s)TO(%s, %s)", kc_scalar_name(s), narrow[pick(g, COUNT(narrow))], a.text);
}

/* kind(x): x within 8, beyond it and for what is no number a number that says so */
void special_functions(str *out)
{
    str_add(out, "static f32 kind(f32 x)\n{\n    f32 far = x > 0.0f ? 9.0f : -9.5f;\n"
                 "    return isnan(x) ? -9.0f : isinf(x) ? far : clamp(x, -8.0f, 8.0f);\n}\n");
}

kvalue special_float(gen *g)
{
    facts f = { -9.5, 9, 0, KFUZZ_GRID_NONE };
    special a = value(g, 1);
    if (pick(g, 3) == 0) return (kvalue){ scalar_type(KC_F32), f, say(g, "kind(%s)", a.text) };
    u32 n = 0;
    while (float_bound_at(n)) n++;
    const float_bound *b = float_bound_at(pick(g, n - 3)); /* those of one argument */
    f.err = 2 * g->unit * (b->ulps + 1) * 16;
    const bool open = !a.sign && text_same(b->name, "rsqrt"); /* of -0 it is -infinity */
    return (kvalue){ scalar_type(KC_F32), f, say(g, open ? "kind(%s(fabs(%s)))" : "kind(%s(%s))", b->name, a.text) };
}

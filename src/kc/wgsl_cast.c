/* Conversions in WGSL: narrow types are words cut to size, halves go by way of f32, 64 bits are pairs of words, and a float becomes an integer
 * as TO() says. */
#include "kc/wgsl.h"

/* A u32 or i32 text cut to a narrower type, of the sign that the type has. */
static const char *cut(printer *p, kc_type from, kc_scalar to, const char *text)
{
    u32 bits = 8 * kc_scalar_bytes(to);
    if (kc_is_signed(to)) {
        const char *whole = wgsl_is_unsigned(from) || from.scalar == KC_BOOL ? print_text(p, "i32(%s)", text) : text;
        return bits < 32 ? print_text(p, "extractBits(%s, 0u, %uu)", whole, bits) : whole;
    }
    const char *whole = wgsl_is_unsigned(from) ? text : print_text(p, "u32(%s)", text);
    return bits < 32 ? print_text(p, "((%s) & %s)", whole, bits == 8 ? "0xffu" : "0xffffu") : whole;
}

/* Saturated: NaN is 0. */
static const char *saturated(printer *p, kc_scalar to, const char *text)
{
    bool is_signed = kc_is_signed(to);
    u32 bits = 8 * kc_scalar_bytes(to);
    const char *name = print_text(p, "qc_to_%s", bits == 64 ? kc_scalar_name(to) : is_signed ? "i32" : "u32");
    const char *whole = print_text(p, "%s(%s)", wgsl_helper(p, name, (kc_type){ KC_VOID, 1 }), text);
    if (bits >= 32) return whole;
    i32 top = (1 << (bits - (is_signed ? 1 : 0))) - 1;
    return is_signed ? print_text(p, "clamp(%s, %d, %d)", whole, -top - 1, top) : print_text(p, "min(%s, %du)", whole, top);
}

static const char *to_wide(printer *p, kc_type from, const char *text)
{
    if (from.scalar == KC_BOOL) return print_text(p, "vec2<u32>(u32(%s), 0u)", text);
    if (wgsl_is_unsigned(from)) return print_text(p, "vec2<u32>(%s, 0u)", text);
    return print_text(p, "%s(%s)", wgsl_helper(p, "qc_i64_from_i32", (kc_type){ KC_VOID, 1 }), text);
}

/* A conversion of vectors: f32, i32 and u32 only. */
static const char *cast_lanes(printer *p, kc_type from, kc_type to, const char *text)
{
    if (!wgsl_is_float(from) || wgsl_is_float(to)) return print_text(p, "%s(%s)", print_type(p, to), text);
    const char *one = wgsl_helper(p, to.scalar == KC_I32 ? "qc_to_i32" : "qc_to_u32", (kc_type){ KC_VOID, 1 });
    const char *name = print_text(p, "%sx%u", one, kc_lanes(p->m, to)), *type = print_type(p, to), *lanes = "";
    for (u32 l = 0; l < kc_lanes(p->m, to); l++) lanes = print_text(p, "%s%s%s(v.%c)", lanes, l ? ", " : "", one, "xyzw"[l]);
    wgsl_emit(p, name,
              print_text(p, "fn %s(v: %s) -> %s {\n    return %s(%s);\n}\n", name, print_type(p, from), type, type, lanes));
    return print_text(p, "%s(%s)", name, text);
}

static const char *converted(printer *p, kc_type from, kc_type to, const char *text)
{
    kc_scalar t = (kc_scalar)to.scalar;
    if (wgsl_is_half(from)) {
        const char *name = from.scalar == KC_F16 ? "qc_from_f16" : "qc_from_bf16";
        text = print_text(p, "%s(%s)", wgsl_helper(p, name, (kc_type){ KC_VOID, 1 }), text);
        from = (kc_type){ KC_F32, 1 };
    }
    if (wgsl_is_half(to)) {
        if (!wgsl_is_float(from)) text = converted(p, from, (kc_type){ KC_F32, 1 }, text);
        return print_text(p, "%s(%s)", wgsl_helper(p, t == KC_F16 ? "qc_to_f16" : "qc_to_bf16", (kc_type){ KC_VOID, 1 }),
                          text);
    }
    if (from.scalar == to.scalar || (wgsl_is_float(from) && wgsl_is_float(to))) return text;
    if (to.lanes != 1) return cast_lanes(p, from, to, text);
    if (wgsl_is_float(from)) return saturated(p, t, text);
    if (wgsl_is_64(from) && wgsl_is_64(to)) return text;
    if (wgsl_is_64(from) && wgsl_is_float(to))
        return print_text(p, "%s(%s)",
                          wgsl_helper(p, print_text(p, "qc_f32_from_%s", wgsl_sign(from)), (kc_type){ KC_VOID, 1 }), text);
    if (wgsl_is_64(from)) return cut(p, (kc_type){ KC_U32, 1 }, t, print_text(p, "%s.x", text));
    if (wgsl_is_64(to)) return to_wide(p, from, text);
    if (wgsl_is_float(to)) return print_text(p, "f32(%s)", text);
    bool fits = kc_scalar_bytes((kc_scalar)from.scalar) <= kc_scalar_bytes(t) && from.scalar != KC_BOOL &&
                (wgsl_is_unsigned(from) == wgsl_is_unsigned(to));
    if (fits) return text;
    const char *made = cut(p, from, t, text);
    if (t != KC_U32 || !wgsl_is_narrow_signed(from)) return made;
    return print_text(p, "%s(%s)", wgsl_helper(p, "qc_any_u32", (kc_type){ KC_VOID, 1 }), made);
}

void wgsl_cast(printer *p, const kc_expr *e)
{
    const kc_expr *a = e->a[0];
    if (e->type.scalar == KC_BOOL && a->type.scalar != KC_BOOL) {
        const char *text = wgsl_text(p, a, 10);
        if (wgsl_is_half(a->type)) text = converted(p, a->type, (kc_type){ KC_F32, 1 }, text);
        if (wgsl_is_64(a->type)) str_print(p->out, "any(%s != vec2<u32>(0u, 0u))", text);
        else if (wgsl_is_float(a->type) || wgsl_is_half(a->type)) str_print(p->out, "!(%s == 0.0)", text);
        else str_print(p->out, "%s != %s", text, wgsl_is_unsigned(a->type) ? "0u" : "0");
        return;
    }
    bool low = a->op == K_ELEM && wgsl_is_64(a->type) && !wgsl_is_64(e->type) && kc_is_integer((kc_scalar)e->type.scalar);
    if (low) { /* 32 bits are exact */
        str text = { 0 }, *out = p->out;
        p->out = &text;
        wgsl_memory_load(p, a, true);
        p->out = out;
        str_add(p->out, cut(p, (kc_type){ KC_U32, 1 }, (kc_scalar)e->type.scalar, text.text ? text.text : ""));
        str_free(&text);
        return;
    }
    if (wgsl_memory_native(p, a)) {
        str_add(p->out, converted(p, (kc_type){ KC_F32, 1 }, e->type, wgsl_memory_float(p, a)));
        return;
    }
    kc_type from =
        a->type.scalar == KC_I32 && a->op == K_CAST && wgsl_is_narrow_signed(a->a[0]->type) ? a->a[0]->type : a->type;
    str_add(p->out, converted(p, from, e->type, wgsl_text(p, a, wgsl_is_64(a->type) ? PRINT_POSTFIX : 0)));
}

/* Does a conversion print its operand and nothing else? */
bool wgsl_cast_is_silent(const kc_expr *e)
{
    kc_type from = e->a[0]->type, to = e->type;
    if (e->op != K_CAST && e->op != K_TO) return false;
    if (to.scalar == KC_BOOL) return from.scalar == KC_BOOL;
    if (wgsl_is_half(from) || wgsl_is_half(to)) return from.scalar == to.scalar;
    if (from.scalar == to.scalar || (wgsl_is_float(from) && wgsl_is_float(to)) || (wgsl_is_64(from) && wgsl_is_64(to)))
        return true;
    return !wgsl_is_float(from) && !wgsl_is_float(to) && from.scalar != KC_BOOL && !wgsl_is_64(from) && !wgsl_is_64(to) &&
           kc_scalar_bytes((kc_scalar)from.scalar) <= kc_scalar_bytes((kc_scalar)to.scalar) &&
           wgsl_is_unsigned(from) == wgsl_is_unsigned(to);
}

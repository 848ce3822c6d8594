/* Expressions in WGSL. Its grammar wants parentheses where C has precedences (shifts, bits, && beside ||), it has no ?: (select evaluates both
 * sides, which is harmless: nothing in an expression but an atomic has an effect, and those are refused there), and no 64-bit numbers:
 * they are pairs of words, and every operation on them is a function. Not here: conversions (wgsl_cast.c). */
#include <float.h>
#include <math.h>

#include "kc/front.h"
#include "kc/wgsl.h"

static const int precedences[] = {
#define X(name, symbol, precedence) [name] = precedence,
    KC_BINARY_OPS(X)
#undef X
};

const char *wgsl_text(printer *p, const kc_expr *e, int least)
{
    str text = { 0 }, *out = p->out;
    p->out = &text;
    wgsl_expr(p, e, least);
    p->out = out;
    p->bad |= text.bad;
    const char *made = print_text(p, "%s", text.text ? text.text : "");
    str_free(&text);
    return made;
}

/* ------------------------------------------------------------------ constants */
static void print_float(printer *p, f64 v)
{
    char text[NUMBER_BYTES];
    if (isnan(v) || isinf(v)) {
        const char *name = isnan(v) ? "qc_nan" : "qc_inf";
        print_helper(p, name, &(helper_use){ 0 });
        str_print(p->out, "%s%s()", isinf(v) && v < 0 ? "-" : "", name);
        return;
    }
    if (fabs(v) >= (f64)FLT_MAX) { /* its nine digits are more than it is */
        str_print(p->out, "%s0x1.fffffep+127", v < 0 ? "-" : "");
        return;
    }
    number_print(text, v, QN_F32);
    str_print(p->out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

void wgsl_const(printer *p, const kc_expr *e)
{
    i64 v = e->value.i;
    switch (e->type.scalar) {
    case KC_BOOL: str_add(p->out, v ? "true" : "false"); break;
    case KC_F16: str_print(p->out, "0x%xu", f16_from_f32((f32)e->value.f)); break;
    case KC_BF16: str_print(p->out, "0x%xu", bf16_from_f32((f32)e->value.f)); break;
    case KC_F32:
    case KC_F64: print_float(p, e->value.f); break;
    case KC_I64:
    case KC_U64: str_print(p->out, "vec2<u32>(%uu, %uu)", (u32)v, (u32)((u64)v >> 32)); break;
    case KC_U8:
    case KC_U16:
    case KC_U32: str_print(p->out, "%uu", (u32)v); break;
    default: str_print(p->out, v == INT32_MIN ? "i32(%lld)" : "%lld", (long long)v);
    }
}

static bool is_negative(const kc_expr *e)
{
    if (e->op != K_CONST) return false;
    if (wgsl_is_float(e->type)) return signbit(e->value.f) && !isnan(e->value.f);
    return kc_is_signed((kc_scalar)e->type.scalar) && !wgsl_is_64(e->type) && e->value.i < 0 && e->value.i != INT32_MIN;
}

/* ------------------------------------------------------------------ helpers */
void wgsl_emit(printer *p, const char *name, const char *text)
{
    if (!print_once(p, name)) return;
    str_add(&p->helpers, text);
}

/* A helper of one number, applied to each lane. */
static const char *each_lane(printer *p, const char *one, kc_type t, u32 n_args)
{
    const char *name = print_text(p, "%sx%u", one, kc_lanes(p->m, t)), *type = print_type(p, t), *text = "", *params = "";
    for (u32 a = 0; a < n_args; a++) params = print_text(p, "%s%s%c: %s", params, a ? ", " : "", 'a' + (char)a, type);
    for (u32 l = 0; l < kc_lanes(p->m, t); l++) {
        const char *args = "";
        for (u32 a = 0; a < n_args; a++) args = print_text(p, "%s%s%c.%c", args, a ? ", " : "", 'a' + (char)a, "xyzw"[l]);
        text = print_text(p, "%s%s%s(%s)", text, l ? ", " : "", one, args);
    }
    wgsl_emit(p, name, print_text(p, "fn %s(%s) -> %s {\n    return %s(%s);\n}\n", name, params, type, type, text));
    return name;
}

static const char *helper_for(printer *p, const char *name, kc_type t, u32 n_args)
{
    const helper *h = print_find_helper(p, name);
    if (!h) return name;
    if (strstr(h->text, "$F")) return print_helper(p, name, &(helper_use){ .value = t });
    print_helper(p, name, &(helper_use){ 0 });
    const char *typed = print_text(p, "%s_f32", name);
    if (strstr(h->text, print_text(p, "fn %s(", typed))) name = typed;
    return t.lanes > 1 ? each_lane(p, name, t, n_args) : name;
}

const char *wgsl_helper(printer *p, const char *name, kc_type t) { return helper_for(p, name, t, 1); }

static void call(printer *p, const char *name, const kc_expr *a, const kc_expr *b)
{
    str_print(p->out, "%s(%s", name, wgsl_text(p, a, 0));
    if (b) str_print(p->out, ", %s", wgsl_text(p, b, 0));
    str_add(p->out, ")");
}

/* ------------------------------------------------------------------ operators */
/* A remainder that may have a negative operand is a function. */
static bool is_signed_rem(const kc_expr *e)
{
    return e->op == K_REM && kc_is_signed((kc_scalar)e->type.scalar) && !wgsl_is_float(e->type) && !wgsl_is_64(e->type);
}

/* Drivers take x * 0 for 0, whatever x is. */
static bool is_times_zero(const kc_expr *e)
{
    bool zero = false;
    for (u32 i = 0; e->op == K_MUL && wgsl_is_float(e->type) && i < 2; i++) {
        const kc_expr *a = e->a[i]->op == K_SPLAT ? e->a[i]->a[0] : e->a[i]; /* one number for all lanes */
        zero |= a->op == K_CONST && wgsl_is_float(a->type) && a->value.f == 0;
    }
    return zero;
}

bool wgsl_is_call(const kc_expr *e)
{
    if (e->op < K_BINARY_COUNT && fold_vanishes(e)) return true;
    return fold_rounds(e) || is_times_zero(e) || (is_signed_rem(e) && !(e->a[1]->op == K_CONST && e->a[1]->value.i == 0));
}

/* Of pairs of words; false: the bits go as they are. */
static bool print_wide(printer *p, const kc_expr *e)
{
    const kc_expr *a = e->a[0], *b = e->a[1];
    const char *sign = wgsl_sign(a->type), *text = NULL;
    switch (e->op) {
    case K_ADD: text = "qc_i64_add"; break;
    case K_SUB: text = "qc_i64_sub"; break;
    case K_MUL: text = "qc_i64_mul"; break;
    case K_SHL: text = "qc_u64_shl"; break;
    case K_DIV: text = print_text(p, "qc_%s_div", sign); break;
    case K_REM: text = print_text(p, "qc_%s_rem", sign); break;
    case K_SHR: text = print_text(p, "qc_%s_shr", sign); break;
    case K_LT:
    case K_GE: text = print_text(p, "qc_%s_lt", sign); break;
    case K_GT:
    case K_LE:
        text = print_text(p, "qc_%s_lt", sign);
        a = e->a[1];
        b = e->a[0];
        break;
    case K_EQ:
    case K_NE:
        str_print(p->out, "%s(%s %s %s)", e->op == K_EQ ? "all" : "any", wgsl_text(p, a, PRINT_UNARY),
                  e->op == K_EQ ? "==" : "!=", wgsl_text(p, b, PRINT_UNARY));
        return true;
    default: return false;
    }
    if (e->op == K_GE || e->op == K_LE) str_add(p->out, "!");
    call(p, wgsl_helper(p, text, (kc_type){ KC_VOID, 1 }), a, b);
    return true;
}

static bool is_wide_call(const kc_expr *e)
{
    return e->op < K_BINARY_COUNT && wgsl_is_64(e->a[0]->type) && e->op != K_AND && e->op != K_OR && e->op != K_XOR;
}

static bool is_arithmetic(u32 op) { return op == K_MUL || op == K_DIV || op == K_REM || op == K_ADD || op == K_SUB; }
static bool is_comparison(u32 op) { return op >= K_LT && op <= K_NE && op != K_SHL && op != K_SHR; }

/* What WGSL's grammar takes without parentheses on a side of `outer`. */
static bool wants_parens(kc_op outer, const kc_expr *e, bool left)
{
    if (e->op >= K_BINARY_COUNT || is_wide_call(e) || wgsl_is_call(e) || (e->op == K_NE && wgsl_is_float(e->a[0]->type)))
        return false;
    if (is_arithmetic(outer)) return !is_arithmetic(e->op);
    if (is_comparison(outer)) return !is_arithmetic(e->op);
    if (outer == K_LOGAND || outer == K_LOGOR)
        return !is_comparison(e->op) && !is_arithmetic(e->op) && !(left && e->op == outer);
    return outer == K_SHL || outer == K_SHR || !(left && e->op == outer);
}

static void print_operand(printer *p, kc_op outer, const kc_expr *e, bool left)
{
    int least = precedences[outer] + (left ? 0 : 1);
    wgsl_expr(p, e, wants_parens(outer, e, left) ? PRINT_UNARY : least);
}

static void print_binary(printer *p, const kc_expr *e)
{
    const kc_expr *a = e->a[0], *b = e->a[1];
    if (wgsl_is_64(a->type) && print_wide(p, e)) return;
    if (is_arithmetic(e->op)) {
        a = print_beside(e->a[0], e->a[1]);
        b = print_beside(e->a[1], e->a[0]);
    }
    bool by_zero = (e->op == K_DIV || e->op == K_REM) && b->op == K_CONST && !wgsl_is_float(b->type) && b->value.i == 0;
    if (by_zero) { /* x / 0 is x and x % 0 is 0, but WGSL refuses the text */
        str_print(p->out, "(%s %s 0)", wgsl_text(p, a, 12), e->op == K_DIV ? "+" : "*");
        return;
    }
    if (fold_vanishes(e)) {
        call(p, wgsl_helper(p, "qc_minus_self", e->type), e->a[0]->op == K_NEG ? e->a[1] : e->a[0], NULL);
        return;
    }
    if (wgsl_is_call(e)) {
        const char *name = e->op == K_REM ? "qc_rem" : e->op == K_DIV ? "qc_quotient" : "qc_times_zero";
        call(p, wgsl_helper(p, name, e->type), e->a[0], e->a[1]);
        return;
    }
    bool unequal = e->op == K_NE && wgsl_is_float(a->type); /* some take != of a NaN for false */
    if (unequal) str_add(p->out, "!(");
    print_operand(p, (kc_op)e->op, a, true);
    str_print(p->out, " %s ", print_symbol(unequal ? K_EQ : (kc_op)e->op));
    bool shifts = (e->op == K_SHL || e->op == K_SHR) && b->type.lanes == 1;
    if (shifts && b->op == K_CONST && !p->wgsl->hides) str_print(p->out, "%uu", (u32)b->value.i & 31);
    else if (shifts && p->wgsl->hides) str_print(p->out, "(%s & 31u)", wgsl_text(p, b, PRINT_UNARY));
    else print_operand(p, (kc_op)e->op, b, false);
    if (unequal) str_add(p->out, ")");
}

static void print_unary(printer *p, const kc_expr *e)
{
    const kc_expr *a = e->a[0];
    if (e->op == K_NEG && wgsl_is_64(e->type)) {
        call(p, wgsl_helper(p, "qc_i64_neg", (kc_type){ KC_VOID, 1 }), a, NULL);
    } else if (e->op == K_NEG && wgsl_is_unsigned(e->type)) {
        str_print(p->out, "(%s(0u) - ", print_type(p, e->type));
        wgsl_expr(p, a, 12);
        str_add(p->out, ")");
    } else {
        str_add(p->out, e->op == K_NEG ? "-" : e->op == K_NOT ? "!" : "~");
        wgsl_expr(p, a, e->op == K_NEG && (a->op == K_NEG || is_negative(a)) ? PRINT_POSTFIX + 2 : PRINT_UNARY);
    }
}

/* One after the other: C leaves the order of arguments open, and the helpers that a text asks for stand in the order of asking. */
static void print_cond(printer *p, const kc_expr *e)
{
    const char *test = wgsl_text(p, e->a[0], 0), *yes = wgsl_text(p, e->a[1], 0), *no = wgsl_text(p, e->a[2], 0);
    str_print(p->out, "select(%s, %s, %s)", no, yes, test);
}

/* ------------------------------------------------------------------ calls */
static bool is_memory(u32 call)
{
    return (call >= KC_B_load4 && call <= KC_B_storew_part) || kc_builtin_is_atomic((kc_builtin)call);
}

static void print_args_of(printer *p, const kc_expr *e)
{
    str_add(p->out, "(");
    for (u32 i = 0; i < e->n_args; i++) {
        bool compares = e->a[i]->op < K_BINARY_COUNT && is_comparison(e->a[i]->op); /* f(a < b, c > d) would be a template */
        str_print(p->out, "%s%s", i ? ", " : "", wgsl_text(p, e->a[i], compares ? PRINT_UNARY : 0));
    }
    str_add(p->out, ")");
}

static void print_call(printer *p, const kc_expr *e)
{
    kc_type t = e->a[0]->type;
    const char *name = p->d->builtins[e->call];
    bool counts = e->call == KC_B_popcount || e->call == KC_B_clz || e->call == KC_B_ctz;
    if (is_memory(e->call)) {
        wgsl_array_call(p, e);
        return;
    }
    if (e->call == KC_B_select) {
        print_cond(p, e);
        return;
    }
    if (wgsl_is_64(t)) {
        const char *sign = counts || e->call == KC_B_abs ? "u64" : wgsl_sign(t);
        name =
            wgsl_helper(p, print_text(p, "qc_%s_%s", sign, kc_builtin_name((kc_builtin)e->call)), (kc_type){ KC_VOID, 1 });
    } else if (kc_is_integer((kc_scalar)t.scalar) && (e->call == KC_B_min || e->call == KC_B_max)) {
        name = e->call == KC_B_min ? "min" : "max";
    } else if (text_starts(name, "qc_")) {
        name = helper_for(p, name, t, e->n_args);
    }
    bool to_u32 = counts && t.scalar == KC_I32;
    str_print(p->out, "%s%s", to_u32 ? "u32(" : "", name);
    print_args_of(p, e);
    if (to_u32) str_add(p->out, ")");
}

/* ------------------------------------------------------------------ the door */
static int precedence_of(const kc_expr *e)
{
    if (e->op < K_BINARY_COUNT) {
        if (e->op == K_NE && wgsl_is_float(e->a[0]->type)) return PRINT_UNARY;
        if (wgsl_is_call(e)) return PRINT_POSTFIX;
        if (!is_wide_call(e)) return precedences[e->op];
        return e->op == K_GE || e->op == K_LE ? PRINT_UNARY : PRINT_POSTFIX;
    }
    switch (e->op) {
    case K_CONST: return is_negative(e) ? PRINT_UNARY : PRINT_POSTFIX + 1;
    case K_NEG: return wgsl_is_64(e->type) || wgsl_is_unsigned(e->type) ? PRINT_POSTFIX : PRINT_UNARY;
    case K_NOT:
    case K_BITNOT: return PRINT_UNARY;
    case K_CAST:
    case K_TO:
        if (wgsl_cast_is_silent(e)) return precedence_of(e->a[0]);
        return e->type.scalar == KC_BOOL && !wgsl_is_64(e->a[0]->type) ? precedences[K_NE] : PRINT_POSTFIX;
    default: return PRINT_POSTFIX;
    }
}

static void print_variable(printer *p, const kc_var *v)
{
    const char *name = print_named(p, v);
    if (v->storage != KC_V_SCALAR) str_add(p->out, name);
    else if (wgsl_is_64(v->type)) str_print(p->out, "vec2<u32>(qk.%s, qk.%s_high)", name, name);
    else str_print(p->out, "qk.%s", name);
}

static void print_lanes(printer *p, const kc_expr *e)
{
    str_add(p->out, print_type(p, e->type));
    print_args_of(p, e);
}

static void print_bare(printer *p, const kc_expr *e)
{
    if (e->op < K_BINARY_COUNT) {
        print_binary(p, e);
        return;
    }
    switch (e->op) {
    case K_CONST: wgsl_const(p, e); break;
    case K_VAR: print_variable(p, e->var); break;
    case K_ELEM: wgsl_memory_load(p, e, false); break;
    case K_LANE: str_print(p->out, "%s.%c", wgsl_text(p, e->a[0], PRINT_POSTFIX), "xyzw"[e->lane & 3]); break;
    case K_NEG:
    case K_NOT:
    case K_BITNOT: print_unary(p, e); break;
    case K_COND: print_cond(p, e); break;
    case K_CAST:
    case K_TO:
        if (wgsl_cast_is_silent(e)) wgsl_expr(p, e->a[0], 0);
        else wgsl_cast(p, e);
        break;
    case K_SPLAT:
    case K_MAKE: print_lanes(p, e); break;
    case K_CALL: print_call(p, e); break;
    default: break;
    }
}

/* An operator or a builtin of constants that fold.c leaves: WGSL would compute it at compile time and refuse it where it overflows. */
static bool is_constant(const kc_expr *e)
{
    if (e->op == K_CONST) return true;
    if (e->n_args == 0 || e->op == K_ELEM || (e->op == K_CALL && is_memory(e->call))) return false;
    for (u32 i = 0; i < e->n_args; i++)
        if (!is_constant(e->a[i])) return false;
    return true;
}

static bool is_computed(const kc_expr *e)
{
    return (e->op < K_BINARY_COUNT || e->op == K_NEG || e->op == K_CALL) && is_constant(e);
}

static void print_hidden(printer *p, const kc_expr *e)
{
    str_print(p->out, "%s(", wgsl_helper(p, "qc_known", e->type));
    wgsl_const(p, e);
    str_add(p->out, ")");
}

void wgsl_expr(printer *p, const kc_expr *e, int least)
{
    bool hid = p->wgsl->hides;
    if (hid && e->op == K_CONST && !wgsl_is_64(e->type) && !wgsl_is_half(e->type)) {
        print_hidden(p, e);
        return;
    }
    p->wgsl->hides = hid || is_computed(e);
    bool parens = precedence_of(e) < least;
    if (parens) str_add(p->out, "(");
    print_bare(p, e);
    if (parens) str_add(p->out, ")");
    p->wgsl->hides = hid;
}

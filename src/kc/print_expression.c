/* Expressions in the C family: precedence and parentheses, constants, conversions, builtins by their texts. */
#include <math.h>

#include "kc/print.h"

/* ------------------------------------------------------------------ constants */
static void print_float(printer *p, kc_type t, f64 v)
{
    char text[NUMBER_BYTES];
    bool narrow = t.scalar == KC_F32;
    if (isnan(v) || isinf(v)) {
        const char *word = isnan(v) ? p->d->nan : p->d->infinity;
        str_print(p->out, "%s%s%s", signbit(v) && isinf(v) ? "-" : "",
                  narrow ? "" : print_text(p, "(%s)", p->d->scalars[t.scalar]), word);
        return;
    }
    number_print(text, v, narrow ? QN_F32 : QN_F64);
    bool plain = !strpbrk(text, ".e");
    str_print(p->out, "%s%s%s", text, plain ? ".0" : "", narrow ? "f" : "");
}

static void print_int(printer *p, kc_type t, i64 v)
{
    switch (t.scalar) {
    case KC_BOOL: str_add(p->out, v ? "true" : "false"); break;
    case KC_U64: str_print(p->out, "%llu%s", (unsigned long long)v, p->d->ulong_suffix); break;
    case KC_U32: str_print(p->out, "%lluu", (unsigned long long)v); break;
    case KC_I64:
        if (v == INT64_MIN) str_print(p->out, "(-9223372036854775807%s - 1)", p->d->long_suffix);
        else str_print(p->out, "%lld%s", (long long)v, p->d->long_suffix);
        break;
    default: str_print(p->out, v == INT32_MIN ? "(-2147483647 - 1)" : "%lld", (long long)v);
    }
}

void print_const(printer *p, const kc_expr *e)
{
    if (kc_is_float((kc_scalar)e->type.scalar)) print_float(p, e->type, e->value.f);
    else if (p->d->integer) p->d->integer(p, e);
    else print_int(p, e->type, e->value.i);
}

/* ------------------------------------------------------------------ places */
static void print_item(printer *p)
{
    if (p->item) str_print(p->out, "[%s]", print_named(p, p->item));
}

static bool is_item_array(const printer *p, const kc_var *v) { return v->storage == KC_V_PER_ITEM && p->d->items_are_loops; }

static void print_place_name(printer *p, const kc_var *v)
{
    str_add(p->out, print_named(p, v));
    if (is_item_array(p, v)) print_item(p);
}

static void print_elem(printer *p, const kc_expr *e)
{
    if (p->d->elem) {
        p->d->elem(p, e);
        return;
    }
    print_place_name(p, e->var);
    for (u32 i = 0; i < e->n_args; i++) {
        str_add(p->out, "[");
        if (e->a[i]->op == K_CONST) str_print(p->out, "%lld", (long long)e->a[i]->value.i);
        else print_expr(p, e->a[i], 0);
        str_add(p->out, "]");
    }
}

void print_array(printer *p, const kc_expr *e) { print_elem(p, e); }

void print_place(printer *p, const kc_expr *e)
{
    if (e->op == K_LANE) p->d->lane(p, e);
    else if (e->op == K_ELEM) print_elem(p, e);
    else print_place_name(p, e->var);
}

/* ------------------------------------------------------------------ operators */
typedef struct operator_info {
    const char *symbol;
    int precedence;
} operator_info;
static const operator_info operators[] = {
#define X(name, symbol, precedence) [name] = { symbol, precedence },
    KC_BINARY_OPS(X)
#undef X
};

const char *print_symbol(kc_op op) { return operators[op].symbol; }

static bool is_narrow(kc_type t) { return t.scalar == KC_F16 || t.scalar == KC_BF16; }

static bool is_negative(const kc_expr *e)
{
    return e->op == K_CONST &&
           (kc_is_float((kc_scalar)e->type.scalar) ? signbit(e->value.f) && !isnan(e->value.f)
                                                   : kc_is_signed((kc_scalar)e->type.scalar) && e->value.i < 0);
}

static bool has_guards(const printer *p) { return print_find_helper(p, "qc_div") != NULL; }

/* What the target would leave undefined and a helper does instead. A dialect without these helpers needs none. */
static bool is_guarded_call(const printer *p, const kc_expr *e)
{
    return e->op != K_SHL && e->op != K_SHR && kc_needs_guard(e) && (e->op == K_CAST || has_guards(p));
}

static int precedence_of(const printer *p, const kc_expr *e)
{
    if (is_guarded_call(p, e)) return PRINT_POSTFIX;
    if (e->op < K_BINARY_COUNT) return operators[e->op].precedence;
    switch (e->op) {
    case K_COND: return PRINT_COND;
    case K_CONST: return is_negative(e) || e->type.scalar == KC_F64 ? PRINT_UNARY : PRINT_POSTFIX + 1; /* (double)INFINITY */
    case K_NEG:
    case K_NOT:
    case K_BITNOT: return PRINT_UNARY;
    case K_CAST:
        if (e->type.scalar == KC_BOOL) return operators[K_NE].precedence;
        return is_narrow(e->a[0]->type) && e->type.scalar == KC_F32 ? PRINT_POSTFIX : PRINT_UNARY;
    case K_ELEM: return e->type.scalar == KC_BOOL ? operators[K_NE].precedence : PRINT_POSTFIX;
    case K_SPLAT:
    case K_MAKE: return PRINT_UNARY;
    default: return PRINT_POSTFIX;
    }
}

/* Beside a vector a scalar stands for itself: no splat is printed. */
const kc_expr *print_beside(const kc_expr *e, const kc_expr *other)
{
    return e->op == K_SPLAT && other->op != K_SPLAT ? e->a[0] : e;
}

/* What the reader should not have to know: && in ||, shifts and bits among others, mixed. */
static bool wants_parens(kc_op outer, kc_op inner)
{
    if (inner >= K_BINARY_COUNT || inner == outer) return false;
    bool bits = outer == K_AND || outer == K_OR || outer == K_XOR || outer == K_SHL || outer == K_SHR;
    return bits || (outer == K_LOGOR && inner == K_LOGAND);
}

static void print_operand(printer *p, kc_op outer, const kc_expr *e, int least)
{
    print_expr(p, e, wants_parens(outer, (kc_op)e->op) ? PRINT_UNARY : least);
}

/* a / b and a % b by a helper, which divides by 1 where b cannot be divided by. */
static void print_division(printer *p, const kc_expr *e)
{
    const char *sign = kc_is_signed((kc_scalar)e->type.scalar) ? ".signed" : "", *lanes = e->type.lanes == 1 ? "" : ".lanes";
    const char *name = print_text(p, "%s%s%s", e->op == K_DIV ? "qc_div" : "qc_rem", sign, lanes);
    str_print(p->out, "%s(", print_helper(p, name, &(helper_use){ .value = e->type }));
    print_args(p, e, 0);
    str_add(p->out, ")");
}

/* a << b with the low bits of b. */
static void print_shift(printer *p, const kc_expr *e)
{
    const operator_info *op = &operators[e->op];
    print_operand(p, (kc_op)e->op, e->a[0], op->precedence);
    str_print(p->out, " %s (", op->symbol);
    print_operand(p, K_AND, e->a[1], operators[K_AND].precedence);
    str_print(p->out, " & %uu)", 8 * kc_scalar_bytes((kc_scalar)e->type.scalar) - 1);
}

static void print_binary(printer *p, const kc_expr *e)
{
    const operator_info *op = &operators[e->op];
    bool shift = e->op == K_SHL || e->op == K_SHR;
    if (is_guarded_call(p, e)) {
        print_division(p, e);
        return;
    }
    if (shift && kc_needs_guard(e)) {
        print_shift(p, e);
        return;
    }
    const kc_expr *a = print_beside(e->a[0], e->a[1]), *b = print_beside(e->a[1], e->a[0]);
    print_operand(p, (kc_op)e->op, a, op->precedence);
    str_print(p->out, " %s ", op->symbol);
    print_operand(p, (kc_op)e->op, b, op->precedence + 1);
}

static void print_unary(printer *p, const kc_expr *e)
{
    str_add(p->out, e->op == K_NEG ? "-" : e->op == K_NOT ? "!" : "~");
    bool doubled = e->op == K_NEG && (e->a[0]->op == K_NEG || is_negative(e->a[0]));
    print_expr(p, e->a[0], doubled ? PRINT_POSTFIX + 2 : PRINT_UNARY);
}

static void print_cond(printer *p, const kc_expr *e)
{
    print_expr(p, e->a[0], PRINT_COND + 1);
    str_add(p->out, " ? ");
    print_expr(p, e->a[1], PRINT_COND);
    str_add(p->out, " : ");
    print_expr(p, e->a[2], PRINT_COND);
}

static const char *const from_narrow[] = { "qc_from_f16", "qc_from_bf16" }, *const to_narrow[] = { "qc_to_f16",
                                                                                                   "qc_to_bf16" };

static void print_from_narrow(printer *p, const kc_expr *e)
{
    const kc_expr *a = e->a[0];
    if (e->type.scalar == KC_F64) str_print(p->out, "(%s)", print_type(p, e->type));
    if (a->op == K_ELEM && a->type.scalar == KC_F16 && p->d->load_half(p, a)) return;
    str_print(p->out, "%s(", print_helper(p, from_narrow[a->type.scalar == KC_BF16], &(helper_use){ 0 }));
    print_expr(p, a, 0);
    str_add(p->out, ")");
}

static void print_to(printer *p, const kc_expr *e)
{
    const kc_expr *a = e->a[0];
    helper_use use = { .value = a->type, .result = (kc_scalar)e->type.scalar };
    if (is_narrow(e->type)) {
        str_print(p->out, "%s(", print_helper(p, to_narrow[e->type.scalar == KC_BF16], &(helper_use){ 0 }));
        if (a->type.scalar != KC_F32) str_print(p->out, "(%s)", p->d->scalars[KC_F32]);
        print_expr(p, a, a->type.scalar != KC_F32 ? PRINT_UNARY : 0);
    } else {
        str_print(p->out, "%s(", print_helper(p, "qc_to", &use));
        print_expr(p, a, 0);
    }
    str_add(p->out, ")");
}

static void print_cast(printer *p, const kc_expr *e)
{
    const kc_expr *a = e->a[0];
    if (is_narrow(a->type)) {
        print_from_narrow(p, e);
    } else if (kc_needs_guard(e)) {
        print_to(p, e);
    } else if (e->type.scalar == KC_BOOL) {
        print_expr(p, a, operators[K_NE].precedence);
        str_add(p->out, " != 0");
    } else {
        str_print(p->out, "(%s)", print_type(p, e->type));
        print_expr(p, a, PRINT_UNARY);
    }
}

/* ------------------------------------------------------------------ calls */
void print_args(printer *p, const kc_expr *e, u32 from)
{
    for (u32 i = from; i < e->n_args; i++) {
        if (i > from) str_add(p->out, ", ");
        if (e->a[i]->op == K_ARRAY) print_array(p, e->a[i]);
        else print_expr(p, e->a[i], 0);
    }
}

static void print_pattern(printer *p, const kc_expr *e, const char *text)
{
    for (; *text; text++) {
        u32 i = (u32)(text[0] == '$' ? text[1] - '1' : 99);
        if (i < e->n_args) {
            print_expr(p, e->a[i], PRINT_UNARY);
            text++;
        } else {
            str_add_n(p->out, text, 1);
        }
    }
}

/* A helper's instance: by the memory it touches, or by the type of its first operand. */
static const char *helper_of(printer *p, const kc_expr *e, const char *name)
{
    helper_use use = { .value = e->a[0]->type };
    const char *whole = kc_is_integer((kc_scalar)use.value.scalar) ? print_text(p, "%s.whole", name) : name;
    if (print_find_helper(p, whole)) name = whole;
    if (e->a[0]->op != K_ARRAY) return print_helper(p, name, &use);
    const kc_expr *array = e->a[0];
    use.space = p->d->space(array->var, &use.space_name);
    use.storage = (kc_scalar)array->type.scalar;
    use.value = e->type.scalar == KC_VOID ? e->a[2]->type : e->type;
    if (!is_narrow(array->type)) return print_helper(p, name, &use);
    const char *half = print_text(p, "%s.half", name);
    bool vectors = use.value.scalar == KC_F32 && print_find_helper(p, half);
    return print_helper(p, vectors ? half : print_text(p, "%s.narrow", name), &use);
}

static void print_call(printer *p, const kc_expr *e)
{
    const char *text = p->d->builtins[e->call];
    if (p->d->call(p, e, text)) return;
    if (strchr(text, '$')) {
        print_pattern(p, e, text);
        return;
    }
    str_print(p->out, "%s(", text_starts(text, "qc_") ? helper_of(p, e, text) : text);
    print_args(p, e, 0);
    str_add(p->out, ")");
}

static void print_bare(printer *p, const kc_expr *e)
{
    if (p->d->is_call && p->d->is_call(e)) {
        p->d->operator_call(p, e);
        return;
    }
    if (e->op < K_BINARY_COUNT) {
        print_binary(p, e);
        return;
    }
    switch (e->op) {
    case K_CONST: print_const(p, e); break;
    case K_VAR: print_place_name(p, e->var); break;
    case K_ELEM:
        if (e->type.scalar == KC_F16 && p->d->raw_half(p, e)) break;
        print_elem(p, e);
        if (e->type.scalar == KC_BOOL && !p->d->elem) str_add(p->out, " != 0");
        break;
    case K_ARRAY: print_array(p, e); break;
    case K_LANE: p->d->lane(p, e); break;
    case K_NEG:
    case K_NOT:
    case K_BITNOT: print_unary(p, e); break;
    case K_COND: print_cond(p, e); break;
    case K_CAST:
    case K_TO:
        if (p->d->cast) p->d->cast(p, e);
        else if (e->op == K_CAST) print_cast(p, e);
        else print_to(p, e);
        break;
    case K_SPLAT: p->d->splat(p, e); break;
    case K_MAKE: p->d->make(p, e); break;
    case K_CALL: print_call(p, e); break;
    default: break;
    }
}

void print_expr(printer *p, const kc_expr *e, int least)
{
    bool parens = precedence_of(p, e) < least;
    if (parens) str_add(p->out, "(");
    print_bare(p, e);
    if (parens) str_add(p->out, ")");
}

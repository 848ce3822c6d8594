/* Expressions as PTX, lane by lane: constants, operators, conversions, and choices that are made without a branch where both sides are cheap. */
#include <math.h>
#include <stdlib.h>

#include "kc/ptx.h"

enum { CHEAP = 100, MAX_DEPTH = 1200 };

/* ------------------------------------------------------------------ operands */
const char *ptx_const(ptx *p, kc_scalar s, i64 i, f64 f)
{
    f32 narrow = (f32)f;
    u32 word;
    u64 wide;
    memcpy(&word, &narrow, 4);
    memcpy(&wide, &f, 8);
    switch (s) {
    case KC_F32: return ptx_text(p, "0f%08X", isnan(f) ? 0x7fc00000u : word);
    case KC_F64: return ptx_text(p, "0d%016llX", (unsigned long long)wide);
    case KC_F16: return ptx_text(p, "0x%04x", f16_from_f32(narrow));
    case KC_BF16: return ptx_text(p, "0x%04x", bf16_from_f32(narrow));
    case KC_BOOL: {
        const char *reg = ptx_reg(p, PTX_P);
        ptx_line(p, "mov.pred %s, %s", reg, i ? "-1" : "0");
        return reg;
    }
    case KC_I64: return ptx_text(p, i == INT64_MIN ? "0x8000000000000000" : "%lld", (long long)i);
    case KC_U64: return ptx_text(p, "%llu", (unsigned long long)i);
    case KC_U32: return ptx_text(p, "%u", (u32)i);
    default: return ptx_text(p, "%d", (i32)i);
    }
}

const char *ptx_held(ptx *p, kc_scalar s, const char *operand)
{
    if (operand[0] == '%') return operand;
    ptx_class c = ptx_class_of(s);
    const char *reg = ptx_reg(p, c);
    ptx_move(p, c, reg, operand);
    return reg;
}

const char *ptx_op1(ptx *p, ptx_class c, const char *op, const char *a)
{
    const char *to = ptx_reg(p, c);
    ptx_line(p, "%s %s, %s", op, to, a);
    return to;
}

const char *ptx_op2(ptx *p, ptx_class c, const char *op, const char *a, const char *b)
{
    const char *to = ptx_reg(p, c);
    ptx_line(p, "%s %s, %s, %s", op, to, a, b);
    return to;
}

const char *ptx_compare(ptx *p, const char *op, kc_scalar s, const char *a, const char *b)
{
    const char *to = ptx_reg(p, PTX_P);
    ptx_line(p, "setp.%s.%s %s, %s, %s", op, ptx_type(s), to, ptx_held(p, s, a), b);
    return to;
}

const char *ptx_pick(ptx *p, kc_scalar s, const char *c, const char *a, const char *b)
{
    ptx_class class = ptx_class_of(s);
    if (class == PTX_P) {
        const char *yes = ptx_op2(p, PTX_P, "and.pred", c, a), *not_c = ptx_op1(p, PTX_P, "not.pred", c);
        return ptx_op2(p, PTX_P, "or.pred", yes, ptx_op2(p, PTX_P, "and.pred", not_c, b));
    }
    const char *to = ptx_reg(p, class);
    const char *yes = ptx_held(p, s, a), *no = ptx_held(p, s, b);
    ptx_line(p, "selp.%s %s, %s, %s, %s", ptx_bits(class), to, yes, no, c);
    return to;
}

/* ------------------------------------------------------------------ binary operators */
static bool is_constant(const char *operand) { return operand[0] != '%'; }

/* a / d by a product: the assembler divides by constants the long way. (Granlund and Montgomery, "Division by invariant integers using
 * multiplication", 1994, fig. 4.1) */
static const char *quotient(ptx *p, const char *a, u32 d)
{
    u32 bits = 0;
    while (bits < 32 && (1ull << bits) < d) bits++;
    if ((d & (d - 1)) == 0) return bits ? ptx_op2(p, PTX_R, "shr.u32", a, ptx_text(p, "%u", bits)) : a;
    u32 m = (u32)(((1ull << 32) * ((1ull << bits) - d)) / d + 1);
    const char *high = ptx_op2(p, PTX_R, "mul.hi.u32", a, ptx_text(p, "%u", m));
    const char *rest = ptx_op2(p, PTX_R, "shr.u32", ptx_op2(p, PTX_R, "sub.u32", a, high), "1");
    return ptx_op2(p, PTX_R, "shr.u32", ptx_op2(p, PTX_R, "add.u32", rest, high), ptx_text(p, "%u", bits - 1));
}

static const char *divide_by_constant(ptx *p, kc_op op, kc_scalar s, const char *a, u32 divisor)
{
    bool is_signed = kc_is_signed(s), negative = is_signed && (i32)divisor < 0;
    u32 d = negative ? 0 - divisor : divisor;
    if (!is_signed && op == K_REM && (d & (d - 1)) == 0) return ptx_op2(p, PTX_R, "and.b32", a, ptx_text(p, "%u", d - 1));
    const char *q = quotient(p, is_signed ? ptx_op1(p, PTX_R, "abs.s32", a) : a, d);
    if (is_signed) {
        const char *below = ptx_compare(p, negative ? "ge" : "lt", s, a, "0");
        q = ptx_pick(p, s, below, ptx_op1(p, PTX_R, "neg.s32", q), q);
    }
    if (op == K_DIV) return q;
    const char *product = ptx_op2(p, PTX_R, "mul.lo.u32", q, ptx_text(p, "%u", divisor));
    return ptx_op2(p, PTX_R, "sub.u32", a, product);
}

/* x / 0 is x, x % 0 is 0, the lowest number / -1 is itself: by dividing by 1 instead, and negating. */
static const char *divide(ptx *p, kc_op op, kc_scalar s, const char *a, const char *b, bool plain)
{
    ptx_class c = ptx_class_of(s);
    const char *instruction = ptx_text(p, "%s.%s", op == K_DIV ? "div" : "rem", ptx_type(s)), *bits = ptx_bits(c);
    if (is_constant(a)) a = ptx_held(p, s, a);
    if (plain && c == PTX_R) return divide_by_constant(p, op, s, a, (u32)strtoll(b, NULL, 10));
    if (plain) return ptx_op2(p, c, instruction, a, b);
    b = ptx_held(p, s, b);
    const char *zero = ptx_compare(p, "eq", s, b, "0"), *safe = ptx_reg(p, c), *minus = NULL;
    ptx_line(p, "selp.%s %s, 1, %s, %s", bits, safe, b, zero);
    if (kc_is_signed(s)) {
        const char *one = ptx_reg(p, c);
        minus = ptx_compare(p, "eq", s, b, "-1");
        ptx_line(p, "selp.%s %s, 1, %s, %s", bits, one, safe, minus);
        safe = one;
    }
    const char *result = ptx_op2(p, c, instruction, a, safe);
    if (!minus || op == K_REM) return result;
    return ptx_pick(p, s, minus, ptx_op2(p, c, ptx_text(p, "sub.%s", ptx_type(s)), ptx_held(p, s, "0"), a), result);
}

static const char *shift(ptx *p, kc_op op, kc_scalar s, const char *a, const char *n)
{
    ptx_class c = ptx_class_of(s);
    u32 last = c == PTX_RD ? 63 : 31;
    const char *type = op == K_SHR ? ptx_type(s) : ptx_bits(c);
    if (!is_constant(n)) n = ptx_op2(p, PTX_R, "and.b32", n, ptx_text(p, "%u", last));
    else n = ptx_text(p, "%u", (u32)strtoul(n, NULL, 10) & last);
    return ptx_op2(p, c, ptx_text(p, "%s.%s", op == K_SHR ? "shr" : "shl", type), ptx_held(p, s, a), n);
}

/* -a in 32 bits, as ~a + 1: the assemblers of CUDA 12.9 and 13.0 forget the sign of `neg` (and of 0 - a, and of a * -1) where a parameter
 * so negated goes into a min or max of three, for sm_90 and sm_100. */
static const char *negate_word(ptx *p, const char *a)
{
    return ptx_op2(p, PTX_R, "add.s32", ptx_op1(p, PTX_R, "not.b32", ptx_held(p, KC_I32, a)), "1");
}

static bool is_number(const char *operand, i64 n) { return is_constant(operand) && (i32)strtoll(operand, NULL, 10) == n; }

static const char *const float_compares[] = {
    [K_LT] = "lt", [K_LE] = "le", [K_GT] = "gt", [K_GE] = "ge", [K_EQ] = "eq", [K_NE] = "neu"
};
static const char *const whole_compares[] = {
    [K_LT] = "lt", [K_LE] = "le", [K_GT] = "gt", [K_GE] = "ge", [K_EQ] = "eq", [K_NE] = "ne"
};

static const char *compare(ptx *p, kc_op op, kc_scalar s, const char *a, const char *b)
{
    if (s == KC_BOOL) {
        const char *differ = ptx_op2(p, PTX_P, "xor.pred", a, b);
        return op == K_EQ ? ptx_op1(p, PTX_P, "not.pred", differ) : differ;
    }
    return ptx_compare(p, (kc_is_float(s) ? float_compares : whole_compares)[op], s, a, b);
}

const char *ptx_binary(ptx *p, kc_op op, kc_scalar s, const char *a, const char *b, bool plain_divisor)
{
    ptx_class c = ptx_class_of(s);
    const char *type = ptx_type(s);
    if (c == PTX_R && op == K_SUB && is_number(a, 0)) return negate_word(p, b);
    if (c == PTX_R && op == K_MUL && is_number(b, -1)) return negate_word(p, a);
    if (c == PTX_R && op == K_MUL && is_number(a, -1)) return negate_word(p, b);
    switch (op) {
    case K_MUL: return ptx_op2(p, c, ptx_text(p, kc_is_float(s) ? "mul.%s" : "mul.lo.%s", type), ptx_held(p, s, a), b);
    case K_DIV:
        if (kc_is_float(s)) {
            const char *over = ptx_held(p, s, a), *under = ptx_held(p, s, b);
            return ptx_op2(p, c, ptx_text(p, "div.rn.%s", type), over, under);
        }
        return divide(p, op, s, a, b, plain_divisor);
    case K_REM: return divide(p, op, s, a, b, plain_divisor);
    case K_ADD: return ptx_op2(p, c, ptx_text(p, "add.%s", type), ptx_held(p, s, a), b);
    case K_SUB: return ptx_op2(p, c, ptx_text(p, "sub.%s", type), ptx_held(p, s, a), b);
    case K_SHL:
    case K_SHR: return shift(p, op, s, a, b);
    case K_AND: return ptx_op2(p, c, ptx_text(p, "and.%s", ptx_bits(c)), ptx_held(p, s, a), b);
    case K_XOR: return ptx_op2(p, c, ptx_text(p, "xor.%s", ptx_bits(c)), ptx_held(p, s, a), b);
    case K_OR: return ptx_op2(p, c, ptx_text(p, "or.%s", ptx_bits(c)), ptx_held(p, s, a), b);
    default: return compare(p, op, s, a, b);
    }
}

static bool is_plain_divisor(const kc_expr *e)
{
    while (e->op == K_SPLAT) e = e->a[0];
    return e->op == K_CONST && kc_is_integer((kc_scalar)e->type.scalar) && e->value.i != 0 && e->value.i != -1;
}

static ptx_value binary(ptx *p, const kc_expr *e)
{
    kc_scalar s = (kc_scalar)e->a[0]->type.scalar;
    ptx_value a = ptx_eval(p, e->a[0]), b = ptx_eval(p, e->a[1]), out = { 0 };
    for (u32 k = 0; k < kc_lanes(p->m, e->type); k++)
        out.lane[k] = ptx_binary(p, (kc_op)e->op, s, a.lane[k], b.lane[k], is_plain_divisor(e->a[1]));
    return out;
}

/* ------------------------------------------------------------------ unary operators */
static const char *unary(ptx *p, kc_op op, kc_scalar s, const char *a)
{
    ptx_class c = ptx_class_of(s);
    a = ptx_held(p, s, a);
    if (op == K_NOT) return ptx_op1(p, PTX_P, "not.pred", a);
    if (op == K_BITNOT) return ptx_op1(p, c, ptx_text(p, "not.%s", ptx_bits(c)), a);
    if (c == PTX_R) return negate_word(p, a);
    return ptx_op1(p, c, ptx_text(p, "neg.%s", c == PTX_RD ? "s64" : ptx_type(s)), a);
}

/* ------------------------------------------------------------------ conversions */
/* An integer in 32 bits brought to the range of a narrow type. */
static const char *wrap_narrow(ptx *p, kc_scalar to, const char *x)
{
    switch (to) {
    case KC_I8: return ptx_op1(p, PTX_R, "cvt.s32.s8", x);
    case KC_I16: return ptx_op1(p, PTX_R, "cvt.s32.s16", x);
    case KC_U8: return ptx_op2(p, PTX_R, "and.b32", x, "255");
    case KC_U16: return ptx_op2(p, PTX_R, "and.b32", x, "65535");
    default: return x;
    }
}

static bool is_narrow_integer(kc_scalar s) { return kc_is_integer(s) && kc_scalar_bytes(s) < 4; }

static const char *from_half(ptx *p, kc_scalar to, kc_scalar from, const char *x)
{
    const char *f;
    if (from == KC_F16) {
        f = ptx_op1(p, PTX_F, "cvt.f32.f16", x);
    } else {
        const char *bits = ptx_op1(p, PTX_R, "cvt.u32.u16", x);
        f = ptx_op1(p, PTX_F, "mov.b32", ptx_op2(p, PTX_R, "shl.b32", bits, "16"));
    }
    return to == KC_F32 ? f : ptx_convert(p, to, KC_F32, f);
}

static const char *to_bf16(ptx *p, const char *x)
{
    const char *bits = ptx_op1(p, PTX_R, "mov.b32", x), *high = ptx_op2(p, PTX_R, "shr.u32", bits, "16");
    const char *odd = ptx_op2(p, PTX_R, "and.b32", high, "1");
    const char *even = ptx_op2(p, PTX_R, "add.u32", ptx_op2(p, PTX_R, "add.u32", bits, odd), "32767");
    const char *nan = ptx_op2(p, PTX_P, "setp.nan.f32", x, x), *quiet = ptx_op2(p, PTX_R, "or.b32", high, "64");
    const char *picked = ptx_pick(p, KC_U32, nan, quiet, ptx_op2(p, PTX_R, "shr.u32", even, "16"));
    return ptx_op1(p, PTX_H, "cvt.u16.u32", picked);
}

static const char *to_half(ptx *p, kc_scalar to, kc_scalar from, const char *x)
{
    if (from != KC_F32) x = ptx_convert(p, KC_F32, from, x);
    return to == KC_F16 ? ptx_op1(p, PTX_H, "cvt.rn.f16.f32", x) : to_bf16(p, x);
}

/* The instruction saturates; NaN gives 0 only from f32 to 32 bits, so it is asked for. */
static const char *float_to_whole(ptx *p, kc_scalar to, kc_scalar from, const char *x)
{
    bool wide = kc_scalar_bytes(to) == 8, is_signed = kc_is_signed(to);
    kc_scalar full = wide ? (is_signed ? KC_I64 : KC_U64) : is_signed ? KC_I32 : KC_U32;
    ptx_class c = ptx_class_of(full);
    const char *v = ptx_op1(p, c, ptx_text(p, "cvt.rzi.%s.%s", ptx_type(full), ptx_type(from)), x);
    if (wide || from == KC_F64) {
        const char *number = ptx_reg(p, PTX_P), *out = ptx_reg(p, c);
        ptx_line(p, "setp.num.%s %s, %s, %s", ptx_type(from), number, x, x);
        ptx_line(p, "selp.%s %s, %s, 0, %s", ptx_bits(c), out, v, number);
        v = out;
    }
    if (!is_narrow_integer(to)) return v;
    i32 bits = (i32)kc_scalar_bytes(to) * 8, high = is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
    v = ptx_op2(p, PTX_R, is_signed ? "min.s32" : "min.u32", v, ptx_text(p, "%d", high));
    return is_signed ? ptx_op2(p, PTX_R, "max.s32", v, ptx_text(p, "%d", -high - 1)) : v;
}

static const char *to_float(ptx *p, kc_scalar to, kc_scalar from, const char *x)
{
    ptx_class c = ptx_class_of(to);
    if (from == to) return x;
    if (kc_is_float(from)) return ptx_op1(p, c, to == KC_F64 ? "cvt.f64.f32" : "cvt.rn.f32.f64", x);
    return ptx_op1(p, c, ptx_text(p, "cvt.rn.%s.%s", ptx_type(to), ptx_type(from)), x);
}

static const char *whole_to_whole(ptx *p, kc_scalar to, kc_scalar from, const char *x)
{
    bool wide = kc_scalar_bytes(to) == 8, was_wide = kc_scalar_bytes(from) == 8;
    if (wide && !was_wide) return ptx_op1(p, PTX_RD, kc_is_signed(from) ? "cvt.s64.s32" : "cvt.u64.u32", x);
    if (!wide && was_wide) x = ptx_op1(p, PTX_R, "cvt.u32.u64", x);
    bool fits = is_narrow_integer(from) && from == to;
    return fits ? x : wrap_narrow(p, to, x);
}

static const char *from_bool(ptx *p, kc_scalar to, const char *x)
{
    ptx_class c = ptx_class_of(to);
    const char *reg = ptx_reg(p, c);
    const char *one = ptx_const(p, to, 1, 1), *zero = ptx_const(p, to, 0, 0);
    ptx_line(p, "selp.%s %s, %s, %s, %s", ptx_bits(c), reg, one, zero, x);
    return reg;
}

const char *ptx_convert(ptx *p, kc_scalar to, kc_scalar from, const char *x)
{

    if (to == from) return x;
    x = ptx_held(p, from, x);
    if (from == KC_F16 || from == KC_BF16) {
        if (to == KC_F16 || to == KC_BF16) return to_half(p, to, KC_F32, from_half(p, KC_F32, from, x));
        return from_half(p, to, from, x);
    }
    if (to == KC_BOOL) return ptx_compare(p, kc_is_float(from) ? "neu" : "ne", from, x, ptx_const(p, from, 0, 0));
    if (from == KC_BOOL) {
        if (to != KC_F16 && to != KC_BF16) return from_bool(p, to, x);
        return to_half(p, to, KC_F32, from_bool(p, KC_F32, x));
    }
    if (to == KC_F16 || to == KC_BF16) return to_half(p, to, from, x);
    if (kc_is_float(to)) return to_float(p, to, from, x);
    return kc_is_float(from) ? float_to_whole(p, to, from, x) : whole_to_whole(p, to, from, x);
}

static ptx_value convert(ptx *p, const kc_expr *e)
{
    ptx_value a = ptx_eval(p, e->a[0]), out = { 0 };
    for (u32 k = 0; k < kc_lanes(p->m, e->type); k++)
        out.lane[k] = ptx_convert(p, (kc_scalar)e->type.scalar, (kc_scalar)e->a[0]->type.scalar, a.lane[k]);
    return out;
}

/* ------------------------------------------------------------------ choices */
/* What computing e takes, in instructions or so; more than CHEAP where it cannot be done for nothing. */
static u32 cost_of(const ptx *p, const kc_expr *e)
{
    u32 cost = e->op == K_CALL ? ptx_call_cost(e) : 1;
    if ((e->op == K_DIV || e->op == K_REM) && e->a[1]->op != K_CONST) cost = 20;
    cost *= kc_lanes(p->m, e->type);
    for (u32 i = 0; i < e->n_args && cost <= CHEAP; i++) cost += cost_of(p, e->a[i]);
    return cost;
}

static const char *both(ptx *p, const char *guard, const char *condition)
{
    return guard ? ptx_op2(p, PTX_P, "and.pred", guard, condition) : condition;
}

static ptx_value eval_where(ptx *p, const kc_expr *e, const char *condition)
{
    const char *outer = p->guard;
    p->guard = both(p, outer, condition);
    ptx_value v = ptx_eval(p, e);
    p->guard = outer;
    return v;
}

static void put_value(ptx *p, const kc_expr *e, const char **to)
{
    ptx_value v = ptx_eval(p, e);
    for (u32 k = 0; k < kc_lanes(p->m, e->type); k++) ptx_move(p, ptx_class_of((kc_scalar)e->type.scalar), to[k], v.lane[k]);
}

static ptx_value cond(ptx *p, const kc_expr *e)
{
    const char *c = ptx_one(p, e->a[0]);
    u32 lanes = kc_lanes(p->m, e->type);
    ptx_value out = { 0 };
    if (cost_of(p, e->a[1]) + cost_of(p, e->a[2]) <= CHEAP) {
        ptx_value a = eval_where(p, e->a[1], c), b = { 0 };
        if (e->a[2]->op == K_CONST || e->a[2]->op == K_VAR) b = ptx_eval(p, e->a[2]);
        else b = eval_where(p, e->a[2], ptx_op1(p, PTX_P, "not.pred", c));
        for (u32 k = 0; k < lanes; k++) out.lane[k] = ptx_pick(p, (kc_scalar)e->type.scalar, c, a.lane[k], b.lane[k]);
        return out;
    }
    const char **to = ptx_regs(p, e->type, 1), *other = ptx_label(p), *end = ptx_label(p);
    if (!to) return out;
    ptx_line(p, "@!%s bra %s", c, other);
    put_value(p, e->a[1], to);
    ptx_line(p, "bra %s", end);
    ptx_put_label(p, other);
    put_value(p, e->a[2], to);
    ptx_put_label(p, end);
    memcpy(out.lane, to, lanes * sizeof *to);
    return out;
}

/* && and ||: the right side is looked at only where it counts. */
static const char *logical(ptx *p, const kc_expr *e)
{
    bool is_and = e->op == K_LOGAND;
    const char *a = ptx_one(p, e->a[0]);
    if (cost_of(p, e->a[1]) <= CHEAP) {
        const char *counts = is_and ? a : ptx_op1(p, PTX_P, "not.pred", a);
        const char *b = eval_where(p, e->a[1], counts).lane[0];
        return ptx_op2(p, PTX_P, is_and ? "and.pred" : "or.pred", a, b);
    }
    const char *to = ptx_reg(p, PTX_P), *end = ptx_label(p);
    ptx_move(p, PTX_P, to, a);
    ptx_line(p, "@%s%s bra %s", is_and ? "!" : "", a, end);
    ptx_move(p, PTX_P, to, ptx_one(p, e->a[1]));
    ptx_put_label(p, end);
    return to;
}

/* ------------------------------------------------------------------ */
static ptx_value variable(ptx *p, const kc_expr *e)
{
    ptx_value out = { 0 };
    const ptx_place *place = ptx_place_of(p, e->var);
    for (u32 k = 0; k < kc_lanes(p->m, e->type); k++) out.lane[k] = place->regs ? place->regs[k] : "0";
    return out;
}

static ptx_value spread(ptx *p, const kc_expr *e)
{
    ptx_value out = { 0 };
    for (u32 k = 0; k < kc_lanes(p->m, e->type); k++)
        out.lane[k] = e->op == K_MAKE ? ptx_one(p, e->a[k]) : k ? out.lane[0] : ptx_one(p, e->a[0]);
    return out;
}

static ptx_value eval(ptx *p, const kc_expr *e)
{
    ptx_value out = { 0 };
    if (e->op == K_LOGAND || e->op == K_LOGOR) {
        out.lane[0] = logical(p, e);
        return out;
    }
    if (e->op < K_BINARY_COUNT) return binary(p, e);
    switch (e->op) {
    case K_CONST: out.lane[0] = ptx_const(p, (kc_scalar)e->type.scalar, e->value.i, e->value.f); break;
    case K_VAR: return variable(p, e);
    case K_ELEM: return ptx_load(p, e);
    case K_LANE: out.lane[0] = ptx_eval(p, e->a[0]).lane[e->lane]; break;
    case K_NEG:
    case K_NOT:
    case K_BITNOT: {
        ptx_value a = ptx_eval(p, e->a[0]);
        for (u32 k = 0; k < kc_lanes(p->m, e->type); k++)
            out.lane[k] = unary(p, (kc_op)e->op, (kc_scalar)e->type.scalar, a.lane[k]);
        break;
    }
    case K_COND: return cond(p, e);
    case K_CAST:
    case K_TO: return convert(p, e);
    case K_SPLAT:
    case K_MAKE: return spread(p, e);
    case K_CALL: return ptx_call(p, e);
    default: ptx_refuse(p, e->pos, "this expression has no PTX"); break;
    }
    return out;
}

ptx_value ptx_eval(ptx *p, const kc_expr *e)
{
    ptx_value out = { 0 };
    if (p->depth > MAX_DEPTH) ptx_refuse(p, e->pos, "an expression this deep");
    p->depth++;
    if (p->status == QN_OK) out = eval(p, e);
    p->depth--;
    for (u32 k = 0; k < KC_MAX_WIDTH; k++)
        if (!out.lane[k]) out.lane[k] = "0"; /* after a failure nothing is read */
    return out;
}

const char *ptx_one(ptx *p, const kc_expr *e) { return ptx_eval(p, e).lane[0]; }

/* Constants at compile time, as the kernel would compute them: integers wrap, floats round to their type, nothing undefined is folded
 * (division by zero stays for the interpreter to report). Also questions about trees: pure, same. */
#include <math.h>

#include "kc/front.h"

/* ------------------------------------------------------------------ values */
f64 fold_round(kc_scalar s, f64 value) { return s == KC_F32 ? (f64)(f32)value : value; }

/* Wrap a 64-bit value to the width of s, extended again as K_CONST keeps it. */
static i64 wrap(kc_scalar s, i64 v)
{
    switch (s) {
    case KC_BOOL: return v != 0;
    case KC_I8: return (i8)(u64)v;
    case KC_I16: return (i16)(u64)v;
    case KC_I32: return (i32)(u64)v;
    case KC_U8: return (u8)(u64)v;
    case KC_U16: return (u16)(u64)v;
    case KC_U32: return (u32)(u64)v;
    default: return v;
    }
}

static bool is_float_type(kc_type t) { return kc_is_float((kc_scalar)t.scalar); }
static bool is_narrow_float(kc_type t) { return t.scalar == KC_F16 || t.scalar == KC_BF16; }
static bool is_const(const kc_expr *e) { return e->op == K_CONST; }

bool fold_is_int(const kc_expr *e, i64 *out)
{
    if (!is_const(e) || is_float_type(e->type)) return false;
    *out = e->value.i;
    return true;
}

static const kc_expr *int_like(front *f, const kc_expr *e, i64 v)
{
    return type_int(f, (kc_scalar)e->type.scalar, wrap((kc_scalar)e->type.scalar, v), e->pos);
}
static const kc_expr *float_like(front *f, const kc_expr *e, f64 v)
{
    return type_float(f, (kc_scalar)e->type.scalar, fold_round((kc_scalar)e->type.scalar, v), e->pos);
}

/* ------------------------------------------------------------------ conversions */
/* 2^63 and 2^64 are exact in f64, so comparisons against them are. */
static bool float_fits(kc_scalar to, f64 v)
{
    if (isnan(v)) return false;
    if (to == KC_I64) return v >= -9223372036854775808.0 && v < 9223372036854775808.0;
    if (to == KC_U64) return v > -1.0 && v < 18446744073709551616.0;
    u32 bits = kc_scalar_bytes(to) * 8;
    f64 low = kc_is_signed(to) ? -ldexp(1, (int)bits - 1) : 0, high = ldexp(1, (int)bits - (kc_is_signed(to) ? 1 : 0));
    return v > low - 1 && v < high;
}

static i64 int_from_float(kc_scalar to, f64 v) { return to == KC_U64 ? (i64)(u64)v : (i64)v; }

static i64 saturated(kc_scalar to, f64 v)
{
    if (float_fits(to, v)) return int_from_float(to, v);
    if (isnan(v) || (v < 0 && !kc_is_signed(to))) return 0;
    u32 bits = kc_scalar_bytes(to) * 8;
    u64 top = kc_is_signed(to) ? ((u64)1 << (bits - 1)) - 1 : ~(u64)0 >> (64 - bits);
    return v < 0 ? (i64)(0 - top - 1) : (i64)top;
}

static const kc_expr *fold_conversion(front *f, const kc_expr *e)
{
    const kc_expr *a = e->a[0];
    kc_scalar to = (kc_scalar)e->type.scalar, from = (kc_scalar)a->type.scalar;
    if (kc_type_same(a->type, e->type)) return a;
    if (!is_const(a) || is_narrow_float(e->type) || is_narrow_float(a->type)) return e;
    if (is_float_type(a->type)) {
        f64 v = a->value.f;
        if (is_float_type(e->type)) return float_like(f, e, v);
        if (to == KC_BOOL) return int_like(f, e, v != 0);
        if (e->op == K_TO) return int_like(f, e, saturated(to, v));
        return float_fits(to, v) ? int_like(f, e, int_from_float(to, v)) : e;
    }
    i64 v = a->value.i;
    if (to == KC_F32) return float_like(f, e, from == KC_U64 ? (f64)(f32)(u64)v : (f64)(f32)v);
    if (is_float_type(e->type)) return float_like(f, e, from == KC_U64 ? (f64)(u64)v : (f64)v);
    return int_like(f, e, v);
}

/* ------------------------------------------------------------------ operators */
static const kc_expr *fold_float(front *f, const kc_expr *e, f64 a, f64 b)
{
    switch (e->op) {
    case K_MUL: return float_like(f, e, a * b);
    case K_DIV: return float_like(f, e, a / b);
    case K_ADD: return float_like(f, e, a + b);
    case K_SUB: return float_like(f, e, a - b);
    case K_LT: return int_like(f, e, a < b);
    case K_LE: return int_like(f, e, a <= b);
    case K_GT: return int_like(f, e, a > b);
    case K_GE: return int_like(f, e, a >= b);
    case K_EQ: return int_like(f, e, a == b);
    case K_NE: return int_like(f, e, a != b);
    default: return e;
    }
}

static bool less(bool is_unsigned, i64 a, i64 b) { return is_unsigned ? (u64)a < (u64)b : a < b; }

static const kc_expr *fold_division(front *f, const kc_expr *e, i64 a, i64 b)
{
    bool is_unsigned = !kc_is_signed((kc_scalar)e->type.scalar);
    if (b == 0) return e;
    if (is_unsigned) return int_like(f, e, (i64)(e->op == K_DIV ? (u64)a / (u64)b : (u64)a % (u64)b));
    if (b == -1)
        return wrap((kc_scalar)e->type.scalar, (i64)(0 - (u64)a)) == a && a != 0 ? e
                                                                                 : int_like(f, e, e->op == K_DIV ? -a : 0);
    return int_like(f, e, e->op == K_DIV ? a / b : a % b);
}

static const kc_expr *fold_integer(front *f, const kc_expr *e, i64 a, i64 b)
{
    bool is_unsigned = !kc_is_signed((kc_scalar)e->a[0]->type.scalar);
    u32 bits = kc_scalar_bytes((kc_scalar)e->a[0]->type.scalar) * 8;
    switch (e->op) {
    case K_MUL: return int_like(f, e, (i64)((u64)a * (u64)b));
    case K_ADD: return int_like(f, e, (i64)((u64)a + (u64)b));
    case K_SUB: return int_like(f, e, (i64)((u64)a - (u64)b));
    case K_DIV:
    case K_REM: return fold_division(f, e, a, b);
    case K_SHL: return b >= 0 && b < bits ? int_like(f, e, (i64)((u64)a << b)) : e;
    case K_SHR: return b < 0 || b >= bits ? e : int_like(f, e, is_unsigned ? (i64)((u64)a >> b) : a >> b);
    case K_AND: return int_like(f, e, a & b);
    case K_OR: return int_like(f, e, a | b);
    case K_XOR: return int_like(f, e, a ^ b);
    case K_LT: return int_like(f, e, less(is_unsigned, a, b));
    case K_LE: return int_like(f, e, !less(is_unsigned, b, a));
    case K_GT: return int_like(f, e, less(is_unsigned, b, a));
    case K_GE: return int_like(f, e, !less(is_unsigned, a, b));
    case K_EQ: return int_like(f, e, a == b);
    case K_NE: return int_like(f, e, a != b);
    default: return e;
    }
}

static const kc_expr *fold_logical(const kc_expr *e)
{
    const kc_expr *a = e->a[0], *b = e->a[1];
    bool is_and = e->op == K_LOGAND;
    if (is_const(a)) return (a->value.i != 0) == is_and ? b : a;
    if (is_const(b) && (b->value.i != 0) == is_and) return a;
    return e;
}

/* x + 0, x * 1 and their like. Floats keep x + 0, which turns -0 into 0. */
static const kc_expr *fold_identity(const kc_expr *e)
{
    const kc_expr *a = e->a[0], *b = e->a[1];
    if (is_const(b) && is_float_type(b->type) && e->type.lanes == 1)
        return b->value.f == 1 && (e->op == K_MUL || e->op == K_DIV) ? a : e;
    if (is_const(a) && is_float_type(a->type))
        return a->value.f == 1 && e->op == K_MUL && kc_type_same(b->type, e->type) ? b : e;
    i64 v;
    if (fold_is_int(b, &v)) {
        bool zero = e->op == K_ADD || e->op == K_SUB || e->op == K_OR || e->op == K_XOR || e->op == K_SHL || e->op == K_SHR;
        if ((v == 0 && zero) || (v == 1 && (e->op == K_MUL || e->op == K_DIV))) return a;
        if (v == 0 && (e->op == K_MUL || e->op == K_AND) && fold_is_pure(a)) return b;
    }
    if (fold_is_int(a, &v)) {
        if ((v == 0 && (e->op == K_ADD || e->op == K_OR || e->op == K_XOR)) || (v == 1 && e->op == K_MUL)) return b;
        if (v == 0 && (e->op == K_MUL || e->op == K_AND) && fold_is_pure(b)) return a;
    }
    return e;
}

/* |y| or y * y. */
static bool is_never_negative(const kc_expr *e)
{
    bool square = e->op == K_MUL && fold_same(e->a[0], e->a[1]) && fold_is_pure(e->a[0]);
    return square || (e->op == K_CALL && (e->call == KC_B_fabs || e->call == KC_B_abs));
}

static bool is_below_zero(const kc_expr *e) { return is_const(e) && e->value.f < 0; }

/* x == x asks whether x is NaN, and so does |x| > -1; they say so, for a driver may think that there is none. */
static const kc_expr *fold_compared(front *f, const kc_expr *e)
{
    const kc_expr *x = e->a[0], *y = e->a[1];
    if (!is_float_type(x->type) || x->type.lanes != 1) return e;
    bool same = fold_same(x, y) && fold_is_pure(x), turned = is_below_zero(x) && is_never_negative(y);
    bool above = turned ? e->op == K_LT || e->op == K_LE
                        : (e->op == K_GT || e->op == K_GE) && is_below_zero(y) && is_never_negative(x);
    if (!same && !above) return e;
    if (same && (e->op == K_LT || e->op == K_GT)) return int_like(f, e, 0);
    const kc_expr *nan = type_make_call(f, KC_B_isnan, e->type, turned ? &y : &x, 1, e->pos);
    return e->op == K_NE ? nan : type_unary(f, K_NOT, nan, e->pos);
}

static const kc_expr *fold_binary(front *f, const kc_expr *e)
{
    const kc_expr *a = e->a[0], *b = e->a[1];
    if (e->op == K_LOGAND || e->op == K_LOGOR) return fold_logical(e);
    if (is_const(a) && is_const(b))
        return is_float_type(a->type) ? fold_float(f, e, a->value.f, b->value.f)
                                      : fold_integer(f, e, a->value.i, b->value.i);
    return e->op < K_LT || e->op > K_NE ? fold_identity(e) : fold_compared(f, e);
}

static const kc_expr *fold_unary(front *f, const kc_expr *e)
{
    const kc_expr *a = e->a[0];
    if (e->op == K_NOT && a->op == K_NOT) return a->a[0];
    if (!is_const(a)) return e;
    if (e->op == K_NOT) return int_like(f, e, !a->value.i);
    if (is_float_type(a->type)) return e->op == K_NEG ? float_like(f, e, -a->value.f) : e;
    return int_like(f, e, e->op == K_NEG ? (i64)(0 - (u64)a->value.i) : ~a->value.i);
}

/* What has one exact answer, of constant floats: drivers' compilers that work it out themselves get NaN and infinities wrong. */
static const kc_expr *fold_float_call(front *f, const kc_expr *e)
{
    const kc_expr *a = e->a[0], *b = e->n_args > 1 ? e->a[1] : a;
    if (!is_const(a) || !is_const(b) || !is_float_type(a->type) || !is_float_type(b->type) || a->type.lanes != 1) return e;
    f64 x = a->value.f, y = b->value.f;
    switch (e->call) {
    case KC_B_floor: return float_like(f, e, floor(x));
    case KC_B_ceil: return float_like(f, e, ceil(x));
    case KC_B_round: return float_like(f, e, rint(x));
    case KC_B_trunc: return float_like(f, e, trunc(x));
    case KC_B_abs:
    case KC_B_fabs: return float_like(f, e, fabs(x));
    case KC_B_isnan: return int_like(f, e, isnan(x));
    case KC_B_isinf: return int_like(f, e, isinf(x) != 0);
    case KC_B_min: return float_like(f, e, x < y || isnan(x) ? x : y);
    case KC_B_max: return float_like(f, e, x > y || isnan(x) ? x : y);
    default:
        return e->n_args == 1 && isnan(x) && is_float_type(e->type) ? float_like(f, e, x) : e; /* sinh(NAN) and its like */
    }
}

static bool is_negated(const kc_expr *e)
{
    i64 v;
    return e->op == K_NEG || (e->op == K_SUB && fold_is_int(e->a[0], &v) && v == 0) ||
           (e->op == K_MUL && ((fold_is_int(e->a[0], &v) && v == -1) || (fold_is_int(e->a[1], &v) && v == -1)));
}

/* A negated number stands first: NVIDIA's compilers lost the sign of the second in the least and in the greatest of three (WGSL, GLSL ES, OpenCL C). */
static const kc_expr *negated_first(front *f, const kc_expr *e)
{
    if (is_float_type(e->type) || !is_negated(e->a[1]) || is_negated(e->a[0]) || !fold_is_pure(e)) return e;
    const kc_expr *turned[KC_MAX_ARGS] = { e->a[1], e->a[0] };
    return type_copy(f, e, turned);
}

/* min, max and abs of integers: what index arithmetic is made of. */
static const kc_expr *fold_call(front *f, const kc_expr *e)
{
    i64 v[3] = { 0 };
    bool extreme = e->call == KC_B_min || e->call == KC_B_max;
    if (extreme && fold_same(e->a[0], e->a[1]) && fold_is_pure(e->a[0])) return e->a[0];
    if (extreme) e = negated_first(f, e);
    if (e->n_args > 3 || e->n_args == 0 || e->type.lanes != 1) return e;
    if (is_float_type(e->a[0]->type)) return fold_float_call(f, e);
    for (u32 i = 0; i < e->n_args; i++)
        if (!fold_is_int(e->a[i], &v[i])) return e;
    bool is_unsigned = !kc_is_signed((kc_scalar)e->type.scalar);
    switch (e->call) {
    case KC_B_min: return int_like(f, e, less(is_unsigned, v[1], v[0]) ? v[1] : v[0]);
    case KC_B_max: return int_like(f, e, less(is_unsigned, v[0], v[1]) ? v[1] : v[0]);
    case KC_B_abs: return int_like(f, e, !is_unsigned && v[0] < 0 ? (i64)(0 - (u64)v[0]) : v[0]);
    default: return e;
    }
}

const kc_expr *fold_expr(front *f, const kc_expr *e)
{
    if (f->status) return e;
    if (e->op < K_BINARY_COUNT) return fold_binary(f, e);
    switch (e->op) {
    case K_NEG:
    case K_NOT:
    case K_BITNOT: return fold_unary(f, e);
    case K_CAST:
    case K_TO: return fold_conversion(f, e);
    case K_COND: return is_const(e->a[0]) ? (e->a[0]->value.i ? e->a[1] : e->a[2]) : e;
    case K_CALL: return fold_call(f, e);
    case K_LANE:
        if (e->a[0]->op == K_SPLAT) return e->a[0]->a[0];
        return e->a[0]->op == K_MAKE && fold_is_pure(e->a[0]) ? e->a[0]->a[e->lane] : e;
    case K_ELEM: {
        i64 i;
        bool table = e->var->storage == KC_V_TABLE && fold_is_int(e->a[0], &i) && i >= 0 && i < e->var->n[0];
        return table ? e->var->values[i] : e;
    }
    default: return e;
    }
}

const kc_expr *fold_all(front *f, const kc_expr *e)
{
    if (f->status || e->n_args == 0) return e;
    const kc_expr *a[KC_MAX_ARGS];
    bool changed = false;
    for (u32 i = 0; i < e->n_args; i++) {
        a[i] = fold_all(f, e->a[i]);
        changed |= a[i] != e->a[i];
    }
    return fold_expr(f, changed ? type_copy(f, e, a) : e);
}

/* ------------------------------------------------------------------ questions */
bool fold_is_pure(const kc_expr *e)
{
    if (e->op == K_USER || (e->op == K_CALL && kc_builtin_writes((kc_builtin)e->call))) return false;
    for (u32 i = 0; i < e->n_args; i++)
        if (!fold_is_pure(e->a[i])) return false;
    return true;
}

bool fold_same(const kc_expr *a, const kc_expr *b)
{
    if (a == b) return true;
    if (a->op != b->op || !kc_type_same(a->type, b->type) || a->n_args != b->n_args || a->var != b->var ||
        a->call != b->call || a->lane != b->lane || a->op == K_USER)
        return false;
    if (a->op == K_CONST && memcmp(&a->value, &b->value, sizeof a->value) != 0) return false;
    for (u32 i = 0; i < a->n_args; i++)
        if (!fold_same(a->a[i], b->a[i])) return false;
    return true;
}

bool fold_vanishes(const kc_expr *e)
{
    if (!is_float_type(e->a[0]->type)) return false;
    const kc_expr *a = e->a[0], *b = e->a[1];
    bool turned = a->op == K_NEG ? fold_same(a->a[0], b) : b->op == K_NEG && fold_same(a, b->a[0]);
    return e->op == K_ADD ? turned : e->op == K_SUB && fold_same(a, b);
}

bool fold_rounds(const kc_expr *e)
{
    if (e->op != K_DIV || !is_float_type(e->type)) return false;
    const kc_expr *by = e->a[1]->op == K_SPLAT ? e->a[1]->a[0] : e->a[1];
    int exponent;
    return by->op != K_CONST || fabs(frexp(by->value.f, &exponent)) != 0.5;
}

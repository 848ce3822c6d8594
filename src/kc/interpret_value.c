/* The numbers of the kernel language: wrapping integers, IEEE floats, casts that complain and conversions that saturate.
 *
 * f32 is computed in f64 and rounded once: for + - * / and sqrt that is the same as f32 arithmetic, and for the builtins it is
 * better than any device, so this is also a reference. */
#include "kc/interpret_value.h"

#include <math.h>

/* ------------------------------------------------------------------ integers */
static i64 wrapped(kc_scalar s, u64 v)
{
    switch (s) {
    case KC_BOOL: return v != 0;
    case KC_I8: return (i8)v;
    case KC_I16: return (i16)v;
    case KC_I32: return (i32)v;
    case KC_U8: return (u8)v;
    case KC_U16: return (u16)v;
    case KC_U32: return (u32)v;
    default: return (i64)v;
    }
}

static const char *integer_divide(bool rest, kc_scalar s, i64 a, i64 b, i64 *out)
{
    if (b == 0) return rest ? "remainder of a division by zero" : "division by zero";
    if (!kc_is_signed(s)) {
        *out = (i64)(rest ? (u64)a % (u64)b : (u64)a / (u64)b);
        return NULL;
    }
    i64 least = s == KC_I64 ? INT64_MIN : INT32_MIN;
    if (a == least && b == -1) return "the smallest integer divided by -1";
    *out = rest ? a % b : a / b;
    return NULL;
}

static const char *integer_shift(bool left, kc_scalar s, i64 a, i64 n, i64 *out)
{
    u32 bits = 8 * kc_scalar_bytes(s);
    if ((u64)n >= bits) return "a shift by the width of the type or more (shl and shr mask the count)";
    if (left) *out = wrapped(s, (u64)a << n);
    else *out = kc_is_signed(s) ? a >> n : (i64)((u64)a >> n);
    return NULL;
}

static const char *integer_binary(kc_op op, kc_scalar s, i64 a, i64 b, i64 *out)
{
    bool is_signed = kc_is_signed(s);
    switch (op) {
    case K_MUL: *out = wrapped(s, (u64)a * (u64)b); break;
    case K_ADD: *out = wrapped(s, (u64)a + (u64)b); break;
    case K_SUB: *out = wrapped(s, (u64)a - (u64)b); break;
    case K_DIV: return integer_divide(false, s, a, b, out);
    case K_REM: return integer_divide(true, s, a, b, out);
    case K_SHL: return integer_shift(true, s, a, b, out);
    case K_SHR: return integer_shift(false, s, a, b, out);
    case K_LT: *out = is_signed ? a < b : (u64)a < (u64)b; break;
    case K_LE: *out = is_signed ? a <= b : (u64)a <= (u64)b; break;
    case K_GT: *out = is_signed ? a > b : (u64)a > (u64)b; break;
    case K_GE: *out = is_signed ? a >= b : (u64)a >= (u64)b; break;
    case K_EQ: *out = a == b; break;
    case K_NE: *out = a != b; break;
    case K_AND: *out = a & b; break;
    case K_XOR: *out = a ^ b; break;
    case K_OR: *out = a | b; break;
    default: return "an operator that integers do not have";
    }
    return NULL;
}

/* ------------------------------------------------------------------ floats */
static f64 rounded(kc_scalar s, f64 v) { return s == KC_F32 ? (f64)(f32)v : v; }

static const char *float_binary(kc_op op, kc_scalar s, f64 a, f64 b, lane *out)
{
    switch (op) {
    case K_MUL: out->f = rounded(s, a * b); break;
    case K_DIV: out->f = rounded(s, a / b); break;
    case K_ADD: out->f = rounded(s, a + b); break;
    case K_SUB: out->f = rounded(s, a - b); break;
    case K_LT: out->i = a < b; break;
    case K_LE: out->i = a <= b; break;
    case K_GT: out->i = a > b; break;
    case K_GE: out->i = a >= b; break;
    case K_EQ: out->i = a == b; break;
    case K_NE: out->i = a != b; break;
    default: return "an operator that floats do not have";
    }
    return NULL;
}

void value_settle(kc_op op, kc_scalar s, const lane *a, lane *b)
{
    if (op == K_SHL || op == K_SHR) b->i &= 8 * kc_scalar_bytes(s) - 1;
    if ((op != K_DIV && op != K_REM) || kc_is_float(s)) return;
    i64 least = s == KC_I64 ? INT64_MIN : INT32_MIN;
    if (b->i == 0 || (kc_is_signed(s) && b->i == -1 && a->i == least)) b->i = 1;
}

const char *value_binary(kc_op op, kc_scalar s, u32 lanes, const value *a, const value *b, value *out)
{
    const char *wrong = NULL;
    for (u32 k = 0; k < lanes && !wrong; k++) {
        if (kc_is_float(s)) wrong = float_binary(op, s, a->v[k].f, b->v[k].f, &out->v[k]);
        else wrong = integer_binary(op, s, a->v[k].i, b->v[k].i, &out->v[k].i);
    }
    return wrong;
}

const char *value_unary(kc_op op, kc_scalar s, u32 lanes, const value *a, value *out)
{
    for (u32 k = 0; k < lanes; k++) {
        if (op == K_NOT) out->v[k].i = a->v[k].i == 0;
        else if (op == K_BITNOT) out->v[k].i = wrapped(s, ~(u64)a->v[k].i);
        else if (kc_is_float(s)) out->v[k].f = -a->v[k].f;
        else out->v[k].i = wrapped(s, 0 - (u64)a->v[k].i);
    }
    return NULL;
}

/* ------------------------------------------------------------------ conversions */
/* [low, high): the floats that truncate into the type. */
static void float_range(kc_scalar to, f64 *low, f64 *high)
{
    f64 bits = (f64)(8 * kc_scalar_bytes(to));
    *high = exp2(kc_is_signed(to) ? bits - 1 : bits);
    *low = kc_is_signed(to) ? -*high : 0;
}

static const char *float_to_integer(kc_op op, kc_scalar to, f64 v, i64 *out)
{
    f64 low, high, whole = trunc(v);
    float_range(to, &low, &high);
    if (whole >= low && whole < high) {
        *out = to == KC_U64 ? (i64)(u64)whole : (i64)whole;
        return NULL;
    }
    if (op == K_CAST)
        return isnan(v) ? "NaN cast to an integer (TO gives 0)"
                        : "a float cast to an integer that cannot hold it (TO saturates)";
    u64 most = to == KC_U64 ? UINT64_MAX : to == KC_I64 ? (u64)INT64_MAX : (u64)(high - 1);
    u64 least = !kc_is_signed(to) ? 0 : to == KC_I64 ? (u64)INT64_MIN : (u64)(i64)low;
    *out = isnan(v) ? 0 : wrapped(to, v > 0 ? most : least);
    return NULL;
}

static f64 widened(kc_scalar from, lane v)
{
    if (from == KC_F16) return (f64)f16_to_f32((u16)v.i);
    if (from == KC_BF16) return (f64)bf16_to_f32((u16)v.i);
    return v.f;
}

/* The float nearest to an integer: rounded once, from all its bits. */
static lane integer_to_float(kc_scalar from, kc_scalar to, i64 v)
{
    bool big = from == KC_U64;
    lane out;
    if (to == KC_F64) out.f = big ? (f64)(u64)v : (f64)v;
    else out.f = (f64)(big ? (f32)(u64)v : (f32)v);
    return out;
}

static lane narrowed(kc_scalar to, lane v)
{
    if (to == KC_F16) return (lane){ .i = f16_from_f32((f32)v.f) };
    if (to == KC_BF16) return (lane){ .i = bf16_from_f32((f32)v.f) };
    return (lane){ .f = rounded(to, v.f) };
}

static const char *cast_lane(kc_op op, kc_scalar from, kc_scalar to, lane v, lane *out)
{
    if (from == to) {
        *out = v;
        return NULL;
    }
    if (!kc_is_float(from)) {
        if (kc_is_float(to)) *out = narrowed(to, integer_to_float(from, to == KC_F64 ? KC_F64 : KC_F32, v.i));
        else out->i = wrapped(to, (u64)v.i);
        return NULL;
    }
    f64 f = widened(from, v);
    if (kc_is_float(to)) {
        *out = narrowed(to, (lane){ .f = f });
        return NULL;
    }
    if (to == KC_BOOL) {
        out->i = f != 0;
        return NULL;
    }
    return float_to_integer(op, to, f, &out->i);
}

const char *value_cast(kc_op op, kc_scalar from, kc_scalar to, u32 lanes, const value *a, value *out)
{
    const char *wrong = NULL;
    for (u32 k = 0; k < lanes && !wrong; k++) wrong = cast_lane(op, from, to, a->v[k], &out->v[k]);
    return wrong;
}

/* ------------------------------------------------------------------ builtins */
static f64 rsqrt_of(f64 x) { return 1 / sqrt(x); }
static f64 round_of(f64 x) { return rint(x); }
static f64 lgamma_of(f64 x)
{
    int sign;
    return lgamma_r(x, &sign);
}

static f64 sigmoid_of(f64 x)
{
    f64 e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

static f64 gelu_of(f64 x) { return x < -40 ? -0.0 : x * (0.5 * erfc(x * -0.70710678118654752440)); }

static f64 mad_of(f64 a, f64 b, f64 c) { return a * b + c; }
static f64 min_of(f64 a, f64 b) { return a < b || isnan(a) ? a : b; }
static f64 max_of(f64 a, f64 b) { return a > b || isnan(a) ? a : b; }
static f64 clamp_of(f64 v, f64 low, f64 high) { return min_of(max_of(v, low), high); }

typedef struct float_builtin {
    f64 (*one)(f64);
    f64 (*two)(f64, f64);
    f64 (*three)(f64, f64, f64);
} float_builtin;
/* clang-format off */
static const float_builtin floats[KC_B_COUNT] = {
    [KC_B_exp] = { .one = exp }, [KC_B_exp2] = { .one = exp2 }, [KC_B_expm1] = { .one = expm1 },
    [KC_B_log] = { .one = log }, [KC_B_log2] = { .one = log2 }, [KC_B_log10] = { .one = log10 },
    [KC_B_log1p] = { .one = log1p }, [KC_B_sqrt] = { .one = sqrt }, [KC_B_rsqrt] = { .one = rsqrt_of },
    [KC_B_cbrt] = { .one = cbrt }, [KC_B_sin] = { .one = sin }, [KC_B_cos] = { .one = cos },
    [KC_B_tan] = { .one = tan }, [KC_B_asin] = { .one = asin }, [KC_B_acos] = { .one = acos },
    [KC_B_atan] = { .one = atan }, [KC_B_sinh] = { .one = sinh }, [KC_B_cosh] = { .one = cosh },
    [KC_B_tanh] = { .one = tanh }, [KC_B_asinh] = { .one = asinh }, [KC_B_acosh] = { .one = acosh },
    [KC_B_atanh] = { .one = atanh }, [KC_B_erf] = { .one = erf }, [KC_B_erfc] = { .one = erfc },
    [KC_B_floor] = { .one = floor }, [KC_B_ceil] = { .one = ceil }, [KC_B_round] = { .one = round_of },
    [KC_B_trunc] = { .one = trunc }, [KC_B_fabs] = { .one = fabs }, [KC_B_abs] = { .one = fabs },
    [KC_B_lgamma] = { .one = lgamma_of }, [KC_B_sigmoid] = { .one = sigmoid_of }, [KC_B_gelu] = { .one = gelu_of },
    [KC_B_atan2] = { .two = atan2 }, [KC_B_pow] = { .two = pow }, [KC_B_fmod] = { .two = fmod },
    [KC_B_copysign] = { .two = copysign }, [KC_B_min] = { .two = min_of }, [KC_B_max] = { .two = max_of },
    [KC_B_fma] = { .three = fma }, [KC_B_mad] = { .three = mad_of }, [KC_B_clamp] = { .three = clamp_of },
};
/* clang-format on */

static bool float_call(kc_builtin b, kc_scalar s, const value *args, u32 k, lane *out)
{
    const float_builtin *f = &floats[b];
    f64 x = args[0].v[k].f;
    if (b == KC_B_ldexp) out->f = rounded(s, ldexp(x, (int)args[1].v[k].i));
    else if (b == KC_B_fma && s == KC_F32) out->f = (f64)fmaf((f32)x, (f32)args[1].v[k].f, (f32)args[2].v[k].f);
    else if (f->one) out->f = rounded(s, f->one(x));
    else if (f->two) out->f = rounded(s, f->two(x, args[1].v[k].f));
    else if (f->three) out->f = rounded(s, f->three(x, args[1].v[k].f, args[2].v[k].f));
    else return false;
    return true;
}

static bool float_class(kc_builtin b, f64 x, lane *out)
{
    if (b == KC_B_isnan) out->i = isnan(x);
    else if (b == KC_B_isinf) out->i = isinf(x) != 0;
    else if (b == KC_B_signbit) out->i = signbit(x) != 0;
    else return false;
    return true;
}

static u32 bits_of(f64 v)
{
    f32 narrow = (f32)v;
    u32 bits;
    memcpy(&bits, &narrow, sizeof bits);
    return bits;
}

static f64 float_of(u32 bits)
{
    f32 v;
    memcpy(&v, &bits, sizeof v);
    return (f64)v;
}

static i64 dot4(bool is_unsigned, u32 a, u32 b, u32 sum)
{
    for (u32 k = 0; k < 32; k += 8) sum += (u32)((is_unsigned ? (i32)(u8)(a >> k) : (i32)(i8)(a >> k)) * (i32)(i8)(b >> k));
    return (i32)sum;
}

static i64 count_bits(kc_builtin b, kc_scalar s, u64 v)
{
    u32 width = 8 * kc_scalar_bytes(s), n = 0;
    if (width == 32) v &= 0xffffffffu;
    if (b == KC_B_popcount)
        for (; v; v &= v - 1) n++;
    else if (b == KC_B_clz)
        for (n = 0; n < width && !(v >> (width - 1 - n) & 1); n++) {}
    else
        for (n = 0; n < width && !(v >> n & 1); n++) {}
    return n;
}

static bool less(kc_scalar s, i64 a, i64 b) { return kc_is_signed(s) ? a < b : (u64)a < (u64)b; }

static bool integer_call(kc_builtin b, kc_scalar s, const value *args, u32 k, lane *out)
{
    i64 x = args[0].v[k].i;
    switch (b) {
    case KC_B_min: out->i = less(s, x, args[1].v[k].i) ? x : args[1].v[k].i; break;
    case KC_B_max: out->i = less(s, args[1].v[k].i, x) ? x : args[1].v[k].i; break;
    case KC_B_clamp:
        x = less(s, x, args[1].v[k].i) ? args[1].v[k].i : x;
        out->i = less(s, args[2].v[k].i, x) ? args[2].v[k].i : x;
        break;
    case KC_B_abs: out->i = kc_is_signed(s) && x < 0 ? wrapped(s, 0 - (u64)x) : x; break;
    case KC_B_popcount:
    case KC_B_clz:
    case KC_B_ctz: out->i = count_bits(b, s, (u64)x); break;
    case KC_B_mad: out->i = wrapped(s, (u64)x * (u64)args[1].v[k].i + (u64)args[2].v[k].i); break;
    case KC_B_as_f32: out->f = float_of((u32)x); break;
    case KC_B_dot4_i8:
    case KC_B_dot4_u8i8: out->i = dot4(b == KC_B_dot4_u8i8, (u32)x, (u32)args[1].v[k].i, (u32)args[2].v[k].i); break;
    default: return false;
    }
    return true;
}

/* In the order of quern_kernel.h: halves onto each other. */
static void fold_lanes(kc_builtin b, kc_scalar s, u32 lanes, const value *a, value *out)
{
    value v = *a;
    for (u32 half = lanes / 2; half > 0; half /= 2)
        for (u32 k = 0; k < half; k++) {
            value pair[2] = { { .v = { v.v[k] } }, { .v = { v.v[k + half] } } }, one;
            if (b == KC_B_sumw) value_binary(K_ADD, s, 1, &pair[0], &pair[1], &one);
            else value_call(KC_B_max, s, 1, pair, &one);
            v.v[k] = one.v[0];
        }
    out->v[0] = v.v[0];
}

const char *value_call(kc_builtin b, kc_scalar s, u32 lanes, const value *args, value *out)
{
    if (b == KC_B_sumw || b == KC_B_maxw) {
        fold_lanes(b, s, lanes, args, out);
        return NULL;
    }
    if (b == KC_B_select) {
        for (u32 k = 0; k < lanes; k++) out->v[k] = args[0].v[0].i ? args[1].v[k] : args[2].v[k];
        return NULL;
    }
    for (u32 k = 0; k < lanes; k++) {
        lane *to = &out->v[k];
        bool known;
        if (b == KC_B_as_u32 || b == KC_B_as_i32) {
            u32 bits = bits_of(args[0].v[k].f);
            to->i = b == KC_B_as_u32 ? (i64)bits : (i64)(i32)bits;
            known = true;
        } else if (kc_is_float(s)) {
            known = float_call(b, s, args, k, to) || float_class(b, args[0].v[k].f, to);
        } else {
            known = integer_call(b, s, args, k, to);
        }
        if (!known) return "a builtin that this type does not have";
    }
    return NULL;
}

/* ------------------------------------------------------------------ memory */
#define LOAD(T, member)                                                                                                     \
    do {                                                                                                                    \
        T v;                                                                                                                \
        memcpy(&v, from, sizeof v);                                                                                         \
        out.member = v;                                                                                                     \
    } while (0)

lane value_load(kc_scalar s, const void *from)
{
    lane out = { 0 };
    switch (s) {
    case KC_BOOL: out.i = *(const u8 *)from != 0; break;
    case KC_I8: LOAD(i8, i); break;
    case KC_I16: LOAD(i16, i); break;
    case KC_I32: LOAD(i32, i); break;
    case KC_I64: LOAD(i64, i); break;
    case KC_U8: LOAD(u8, i); break;
    case KC_U16:
    case KC_F16:
    case KC_BF16: LOAD(u16, i); break;
    case KC_U32: LOAD(u32, i); break;
    case KC_U64: memcpy(&out.i, from, sizeof out.i); break;
    case KC_F32: {
        f32 v;
        memcpy(&v, from, sizeof v);
        out.f = (f64)v;
        break;
    }
    case KC_F64: LOAD(f64, f); break;
    case KC_VOID: break;
    }
    return out;
}

void value_store(kc_scalar s, void *to, lane v)
{
    f32 narrow = s == KC_F32 ? (f32)v.f : 0;
    if (s == KC_F32) memcpy(to, &narrow, sizeof narrow);
    else if (s == KC_F64) memcpy(to, &v.f, sizeof v.f);
    else memcpy(to, &v.i, kc_scalar_bytes(s)); /* little endian, as everywhere in this library */
}

lane value_const(const kc_expr *e)
{
    if (e->type.scalar == KC_F32 || e->type.scalar == KC_F64) return (lane){ .f = e->value.f };
    if (e->type.scalar == KC_F16) return (lane){ .i = f16_from_f32((f32)e->value.f) };
    if (e->type.scalar == KC_BF16) return (lane){ .i = bf16_from_f32((f32)e->value.f) };
    return (lane){ .i = e->value.i };
}

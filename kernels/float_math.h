/* The float builtins as kernels: what a target without a library of functions gets in place of exp, log, sin and their kin.
 *
 * With DOUBLE=0 `f32` is f32, and m_NAME(x) computes in f32 wherever that is good for 2 to 4 ulp; with DOUBLE=1 (and T=f64) `f32` means
 * f64 and the d_ functions answer. The f32 polynomials of exp, log, sin, tanh, erf and gelu are those of quern_kernel_math.h. All edges
 * (zeros, infinities, NaN, denormals) are as C99 says. sin, cos, tan: to |x| = 2^50 for f64. */
#ifndef FLOAT_MATH_H
#define FLOAT_MATH_H

/* ------------------------------------------------------------------ f64: pieces */
static f64 d_power(i32 n) { return as_f32((u32)(n + 127) << 23); }      /* 2^n, |n| <= 126, exact */

static f64 d_ldexp(f64 x, i32 n)
{
    f64 y = x;
    i32 left = clamp(n, -2300, 2300);
    while (left > 126) {
        y = y * 8.507059173023462e+37;
        left -= 126;
    }
    while (left < -126) {
        y = y * 1.1754943508222875e-38;
        left += 126;
    }
    return y * d_power(left);
}

/* e with |x| = m * 2^e, m from 0.7 to 1.42; x is positive and finite. */
static i32 d_exponent(f64 x)
{
    f64 y = x;
    i32 e = 0;
    while (y >= 1.8446744073709552e+19) {
        y = y * 5.421010862427522e-20;
        e += 64;
    }
    while (y < 5.421010862427522e-20) {
        y = y * 1.8446744073709552e+19;
        e -= 64;
    }
    u32 bits = as_u32(y);
    return e + ((i32)(bits - 0x3f3504f3u) >> 23);
}

/* ------------------------------------------------------------------ f64: exponentials */
/* e^r - 1, |r| <= 0.35. */
static f64 d_expm1_near(f64 r)
{
    f64 p = 1.0 / 6227020800.0 + r * (1.0 / 87178291200.0);
    p = 1.0 / 39916800.0 + r * (1.0 / 479001600.0 + r * p);
    p = 1.0 / 362880.0 + r * (1.0 / 3628800.0 + r * p);
    p = 1.0 / 5040.0 + r * (1.0 / 40320.0 + r * p);
    p = 1.0 / 120.0 + r * (1.0 / 720.0 + r * p);
    p = 1.0 / 6.0 + r * (1.0 / 24.0 + r * p);
    return r + r * r * (0.5 + r * p);
}

static f64 d_exp(f64 x)
{
    f64 a = max(min(x, 710.0), -746.0);
    f64 n = round(a * 1.4426950408889634);
    f64 r = fma(n, -0.6931471805599453, a);
    r = fma(n, -2.3190468138462996e-17, r);
    return d_ldexp(d_expm1_near(r) + 1.0, TO(i32, n));
}

static f64 d_expm1(f64 x)
{
    if (fabs(x) < 0.35) return d_expm1_near(x);
    return d_exp(x) - 1.0;
}

static f64 d_exp2(f64 x)
{
    f64 a = max(min(x, 1025.0), -1076.0);
    f64 n = round(a);
    return d_ldexp(d_expm1_near((a - n) * 0.6931471805599453) + 1.0, TO(i32, n));
}

/* ------------------------------------------------------------------ f64: logarithms */
static f64 d_log_edges(f64 x, f64 y)
{
    f64 z = x < INFINITY ? y : x;
    z = x == 0.0 ? -INFINITY : z;
    return x < 0.0 ? (f64)NAN : z;
}

/* atanh(s) = s + s z (result), z = s * s, |s| <= 0.18. */
static f64 d_log_series(f64 z)
{
    f64 p = 1.0 / 19.0 + z * (1.0 / 21.0 + z * (1.0 / 23.0));
    p = 1.0 / 13.0 + z * (1.0 / 15.0 + z * (1.0 / 17.0 + z * p));
    p = 1.0 / 7.0 + z * (1.0 / 9.0 + z * (1.0 / 11.0 + z * p));
    return 1.0 / 3.0 + z * (0.2 + z * p);
}

/* log(1 + f), 1 + f from 0.7 to 1.42. */
static f64 d_log_near(f64 f)
{
    f64 s = f / (2.0 + f);
    f64 z = s * s;
    f64 half = 0.5 * f * f;                         /* 2 s = f - s f, and s f = half - s half ... */
    return f - (half - s * (half + 2.0 * z * d_log_series(z)));
}

static f64 d_log(f64 x)
{
    if (!(x > 0.0) || x == INFINITY) return d_log_edges(x, x);
    i32 e = d_exponent(x);
    f64 y = d_log_near(d_ldexp(x, -e) - 1.0);
    return fma((f64)e, 0.6931471805599453, fma((f64)e, 2.3190468138462996e-17, y));
}

static f64 d_log_scaled(f64 x, f64 per_e, f64 of_one)           /* logarithm with log(2) = per_e and log(e) = of_one */
{
    if (!(x > 0.0) || x == INFINITY) return d_log_edges(x, x);
    i32 e = d_exponent(x);
    return fma((f64)e, per_e, d_log_near(d_ldexp(x, -e) - 1.0) * of_one);
}

static f64 d_log1p(f64 x)
{
    f64 u = 1.0 + x;
    if (!(u > 0.0) || u == INFINITY || x == 0.0) return x == 0.0 ? x : d_log(u);
    return d_log(u) + (x - (u - 1.0)) / u;
}

/* ------------------------------------------------------------------ f64: circles */
static f64 d_quarters(f64 x, f64 n)                              /* x - n pi/2 */
{
    f64 r = fma(n, -1.5707963267948966, x);
    r = fma(n, -6.123233995736766e-17, r);
    return fma(n, 1.4973849048591698e-33, r);
}

static f64 d_wave(f64 y, u32 quarter)
{
    f64 z = y * y;
    f64 s = -1.0 / 1307674368000.0 + z * (1.0 / 355687428096000.0);
    s = -1.0 / 39916800.0 + z * (1.0 / 6227020800.0 + z * s);
    s = -1.0 / 5040.0 + z * (1.0 / 362880.0 + z * s);
    s = y + y * z * (-1.0 / 6.0 + z * (1.0 / 120.0 + z * s));
    f64 c = -1.0 / 87178291200.0 + z * (1.0 / 20922789888000.0 - z * (1.0 / 6402373705728000.0));
    c = -1.0 / 3628800.0 + z * (1.0 / 479001600.0 + z * c);
    c = -1.0 / 720.0 + z * (1.0 / 40320.0 + z * c);
    c = 1.0 + z * (-0.5 + z * (1.0 / 24.0 + z * c));
    f64 v = (quarter & 1u) != 0 ? c : s;
    return (quarter & 2u) != 0 ? -v : v;
}

static f64 d_turned(f64 x, u32 more)
{
    if (!(fabs(x) < INFINITY)) return (f64)NAN;
    f64 n = round(x * 0.6366197723675814);
    u32 quarter = (u32)TO(i64, n) + more;
    f64 y = d_quarters(x, n);
    return x == 0.0 && more == 0 ? x : d_wave(y, quarter);
}

static f64 d_atan_near(f64 s)                                     /* |s| <= tan(pi/8) */
{
    f64 z = s * s;
    f64 p = -0.041044134902075015 + z * (0.03063517636855608 + z * -0.013917695219310572);
    p = 0.058819251621305094 + z * (-0.052580406718134826 + z * (0.0471938939438005 + z * p));
    p = -0.09090909067001965 + z * (0.07692306735718386 + z * (-0.06666642013802823 + z * p));
    p = -0.14285714285711518 + z * (0.11111111110754596 + z * p);
    return s + s * z * (-0.3333333333333333 + z * (0.19999999999999993 + z * p));
}

static f64 d_atan_unit(f64 t)                                     /* 0 <= t <= 1 */
{
    bool far = t > 0.41421356237309503;
    f64 y = d_atan_near(far ? (t - 1.0) / (t + 1.0) : t);
    return far ? 0.7853981633974483 + (y + 3.061616997868383e-17) : y;
}

static f64 d_atan2(f64 y, f64 x)
{
    f64 a = fabs(y);
    f64 b = fabs(x);
    f64 top = max(a, b);
    if (!(top == top)) return (f64)NAN;
    f64 t = top == 0.0 ? 0.0 : a == b ? 1.0 : min(a, b) / top;
    f64 r = d_atan_unit(t);
    if (a > b) r = 1.5707963267948966 - (r - 6.123233995736766e-17);
    if (signbit(x)) r = 3.141592653589793 - (r - 1.2246467991473532e-16);
    return copysign(r, y);
}

/* ------------------------------------------------------------------ f64: erf, gamma, powers */
static f64 d_exp_minus_square(f64 x)                               /* e^(-x x), the square exact in two parts */
{
    f64 square = x * x;
    f64 lost = fma(x, x, -square);
    return d_exp(-square) * (1.0 - lost);
}

/* erf for |x| < 2: a series of terms of one sign. */
static f64 d_erf_near(f64 x)
{
    f64 z = 2.0 * x * x;
    f64 term = 1.0;
    f64 sum = 1.0;
    for (i32 k = 1; k < 60; k++) {
        term = term * z / (f64)(2 * k + 1);
        sum = sum + term;
        if (term < 1e-18 * sum) break;
    }
    return 1.1283791670955126 * x * sum * d_exp_minus_square(x);
}

static f64 d_erfc_far(f64 x)                                       /* x >= 2: a continued fraction from its end */
{
    f64 f = x;
    for (i32 k = 90; k > 0; k--) f = x + 0.5 * (f64)k / f;
    return d_exp_minus_square(x) * 0.5641895835477563 / f;
}

static f64 d_erf(f64 x)
{
    f64 a = fabs(x);
    if (!(a == a)) return x;
    if (a < 2.0) return d_erf_near(x);
    return copysign(a > 6.0 ? 1.0 : 1.0 - d_erfc_far(a), x);
}

static f64 d_erfc(f64 x)
{
    if (!(x == x)) return x;
    if (x < -6.0) return 2.0;
    if (x < -2.0) return 2.0 - d_erfc_far(-x);
    if (x < 0.5) return 1.0 - d_erf_near(x);
    if (x >= 28.0) return 0.0;
    if (x >= 2.0) return d_erfc_far(x);
    f64 f = x;                                                     /* between: the fraction, longer */
    for (i32 k = 600; k > 0; k--) f = x + 0.5 * (f64)k / f;
    return d_exp_minus_square(x) * 0.5641895835477563 / f;
}

static f64 d_sin_pi(f64 x)
{
    f64 r = x - 2.0 * round(x * 0.5);
    return d_turned(r * 3.141592653589793, 0);
}

/* log |gamma(x)|, x > 0: Stirling's series from 10 on. */
static f64 d_lgamma_above(f64 x)
{
    f64 y = x;
    f64 product = 1.0;
    while (y < 10.0) {
        product = product * y;
        y = y + 1.0;
    }
    f64 w = 1.0 / (y * y);
    f64 p = 1.0 / 1188.0 + w * (-691.0 / 360360.0 + w * (1.0 / 156.0 - w * (3617.0 / 122400.0)));
    p = (1.0 / 12.0 + w * (-1.0 / 360.0 + w * (1.0 / 1260.0 + w * (-1.0 / 1680.0 + w * p)))) / y;
    return (y - 0.5) * d_log(y) - y + 0.9189385332046727 + p - d_log(product);
}

static f64 d_lgamma(f64 x)
{
    if (!(fabs(x) < INFINITY)) return x == x ? (f64)INFINITY : x;
    if (x <= 0.0 && floor(x) == x) return INFINITY;
    if (x > 0.0) return x == 1.0 || x == 2.0 ? 0.0 : d_lgamma_above(x);
    f64 s = fabs(d_sin_pi(x));
    f64 a = -x;
    return d_log(3.141592653589793 / (a * s)) - d_lgamma_above(a);
}

/* x^y = 2^n e^r with log(x) in two parts. */
static f64 d_power_of(f64 x, f64 y)                                /* x > 0, finite */
{
    i32 e = d_exponent(x);
    f64 f = d_ldexp(x, -e) - 1.0;
    f64 s = f / (2.0 + f);                                         /* log(1 + f) = 2 s + ... with s in two parts */
    f64 v = 2.0 + f;
    f64 s_low = (fma(-s, v, f) - s * (f - (v - 2.0))) / v;
    f64 z = s * s;
    f64 high = 2.0 * s;
    f64 low = 2.0 * (s_low + s * z * d_log_series(z));
    f64 top = (f64)e * 0.6931471805598903;                         /* exact: the constant has 42 bits */
    f64 most = top + high;
    f64 rest = (fabs(top) > fabs(high) ? (top - most) + high : (high - most) + top) + low + (f64)e * 5.497923018708371e-14;
    f64 sum = most + rest;
    f64 lost = rest - (sum - most);
    f64 head = sum * y;
    f64 tail = fma(sum, y, -head) + lost * y;
    if (!(fabs(head) < 800.0)) return d_exp(head);
    f64 n = round(head * 1.4426950408889634);
    f64 r = fma(n, -0.6931471805599453, head);
    r = fma(n, -2.3190468138462996e-17, r) + tail;
    return d_ldexp(d_expm1_near(r) + 1.0, TO(i32, n));
}

static f64 d_pow(f64 x, f64 y)
{
    if (y == 0.0 || x == 1.0) return 1.0;
    if (!(x == x) || !(y == y)) return x + y;
    f64 a = fabs(x);
    bool whole = floor(y) == y;
    bool odd = whole && fabs(y) < 9007199254740992.0 && y * 0.5 != floor(y * 0.5);
    bool negative = signbit(x) && odd;
    f64 r = 0.0;
    if (fabs(y) == INFINITY)
        r = a == 1.0 ? 1.0 : (a > 1.0) == (y > 0.0) ? (f64)INFINITY : 0.0;
    else if (a == 0.0 || a == INFINITY)
        r = (a == 0.0) == (y > 0.0) ? 0.0 : (f64)INFINITY;
    else if (x < 0.0 && !whole)
        r = NAN;
    else
        r = d_power_of(a, y);
    return negative ? -r : r;
}

/* ------------------------------------------------------------------ both: by what is above or below */
#if DOUBLE
#define BIG 2.037035976334486e+90
static f32 m_ldexp(f32 x, i32 n) { return d_ldexp(x, n); }
static f32 m_exp(f32 x) { return d_exp(x); }
static f32 m_exp2(f32 x) { return d_exp2(x); }
static f32 m_expm1(f32 x) { return x == 0 ? x : d_expm1(x); }
static f32 m_log(f32 x) { return d_log(x); }
static f32 m_log2(f32 x) { return d_log_scaled(x, 1.0, 1.4426950408889634); }
static f32 m_log10(f32 x) { return d_log_scaled(x, 0.3010299956639812, 0.4342944819032518); }
static f32 m_log1p(f32 x) { return d_log1p(x); }
static f32 m_sin(f32 x) { return d_turned(x, 0); }
static f32 m_cos(f32 x) { return d_turned(x, 1); }
static f32 m_tan(f32 x) { return x == 0 ? x : d_turned(x, 0) / d_turned(x, 1); }
static f32 m_atan2(f32 y, f32 x) { return d_atan2(y, x); }
static f32 m_erf(f32 x) { return d_erf(x); }
static f32 m_erfc(f32 x) { return d_erfc(x); }
static f32 m_sigmoid(f32 x)
{
    f32 e = d_exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}
static f32 m_gelu(f32 x) { return x < -40 ? -0.0 : x * (0.5 * d_erfc(x * -0.7071067811865476)); }
static f32 m_tanh(f32 x)
{
    f32 t = d_expm1(-2 * min(fabs(x), 40));
    return x == 0 ? x : copysign(-t / (t + 2), x);
}
static f32 m_cbrt(f32 x)
{
    f32 a = fabs(x);
    if (!(a > 0) || a == INFINITY) return x;
    f32 y = d_exp(d_log(a) / 3);
    return copysign(y - (y - a / (y * y)) / 3, x);
}
#else
#define BIG 4096.0f
/* v * 2^n for |n| <= 252, rounded once where the result is denormal. */
static f32 m_scale(f32 v, i32 n)
{
    i32 half = n >> 1;
    return v * as_f32((u32)(half + 127) << 23) * as_f32((u32)(n - half + 127) << 23);
}

static f32 m_ldexp(f32 x, i32 n)
{
    i32 m = clamp(n, -300, 300);
    i32 third = clamp(m, -100, 100);
    return m_scale(x * as_f32((u32)(third + 127) << 23), m - third);
}

#define MAGIC 12582912.0f                  /* 1.5 * 2^23: adding it leaves the nearest whole number in the low bits */
#define MAGIC_BITS 0x4b400000u

/* e^(hi + lo) = (1 + r + r * r * q) * 2^n: { q, r, n, 0 }; |hi + lo| < 130, lo small. */
static f32x4 m_exp_parts(f32 hi, f32 lo)
{
    f32 z = round(fma(hi, 1.44269504f, lo * 1.44269504f));
    f32 r = fma(z, 2.12194440e-4f, fma(z, -0.693359375f, hi)) + lo;
    f32 q = 0.499999911f + r * (0.166664973f + r * (0.0416686684f + r * (0.00837149657f + r * 0.00138088339f)));
    return MAKE4(f32, q, r, z, 0);
}

static f32 m_clamp_exp(f32 x)              /* keeps NaN; e^-105 is 0, e^89 infinite */
{
    f32 y = x < -105.0f ? -105.0f : x;
    return y > 89.0f ? 89.0f : y;
}

static f32 m_exp(f32 x)
{
    f32x4 p = m_exp_parts(m_clamp_exp(x), 0);
    return m_scale((p.y * p.y * p.x + p.y) + 1.0f, TO(i32, p.z));
}

static f32 m_exp2(f32 x)
{
    f32 a = x < -151.0f ? -151.0f : x;
    a = a > 129.0f ? 129.0f : a;
    f32 z = round(a);
    f32 r = a - z;
    f32 p = 0.0555033199f + r * (0.00961843971f + r * (0.00133991358f + r * 0.00015353151f));
    p = r * (0.693147182f + r * (0.240226477f + r * p));
    return m_scale(p + 1.0f, TO(i32, z));
}

static f32 m_expm1(f32 x)
{
    f32 a = x < -30.0f ? -30.0f : x;
    f32x4 e = m_exp_parts(m_clamp_exp(a), 0);
    f32 p = e.y * e.y * e.x + e.y;
    f32 half = as_f32((u32)(TO(i32, e.z) + 126) << 23);            /* half of 2^n, for 2^128 would overflow */
    return x == 0 ? x : (half * p + (half - 0.5f)) * 2.0f;
}

static f32 m_sigmoid(f32 x)
{
    f32 e = m_exp(-fabs(x));
    return (x < 0 ? e : 1.0f) / (1.0f + e);
}

static f32 m_tanh(f32 x)
{
    f32 a = fabs(x);
    f32 z = x * x;
    f32 p = 0.133313313f + z * (-0.053730011f + z * (0.0206061844f + z * -0.00566698518f));
    f32 near = x + x * z * (-0.333332777f + z * p);
    f32 far = copysign(1.0f - 2.0f / (m_exp(2.0f * a) + 1.0f), x);
    return x == 0 ? x : a < 0.625f ? near : far;
}

static f32 m_erf(f32 x)
{
    f32 a = fabs(x);
    f32 z = x * x;
    f32 p = 0.112836875f + z * (-0.02685895f + z * (0.00519992318f + z * (-0.000813017366f + z * 8.31737416e-05f)));
    f32 near = x + x * (0.128379166f + z * (-0.376126319f + z * p));
    f32 t = a > 3.95f ? 3.95f : a;                                 /* erf is 1 from there on */
    f32 l = 0.108280592f + t * (-0.0251197629f + t * (0.00417119637f + t * (-0.00043449158f + t * 2.10976905e-05f)));
    l = -0.000174728106f + t * (1.12951517f + t * (0.633346438f + t * l));       /* -log(erfc(t)) */
    f32 far = copysign(1.0f - m_exp(-l), x);
    return a < 0.93f ? near : far;
}

/* P(z <= -t) of a normal z is { tail, n }: tail * 2^n; t from 0.9 to 14.4. `square` is t * t / 2 in two parts. */
static f32x2 m_tail(f32 t, f32 square, f32 square_low)
{
    f32 u = 2.0f / (t + 2.0f);
    f32 p = 0.076234743f + u * (-0.501284659f + u * (0.592343688f + u * (-0.291469038f + u * 0.0519485772f)));
    p = 0.199479997f + u * (0.19918263f + u * (0.153575346f + u * (0.0196651295f + u * p)));
    f32x4 e = m_exp_parts(-square, -square_low);
    return MAKE2(f32, ((e.y * e.y * e.x + e.y) + 1.0f) * (u * p), e.z);
}

static f32 m_gelu(f32 x)
{
    f32 a = fabs(x);
    f32 z = x * x;
    f32 near = 0.0099617308f + z * (-0.00116218661f + z * 9.10794624e-05f);
    near = x * (0.5f + x * (0.398942143f + z * (-0.0664880201f + z * near)));
    f32 t = a > 14.4f ? 14.4f : a;
    f32 top = as_f32(as_u32(t) & 0xfffff000u);
    f32x2 tail = m_tail(t, 0.5f * (top * top), 0.5f * ((t - top) * (t + top)));
    i32 n = TO(i32, tail.y);
    f32 left = m_scale((x < -15.0f ? -15.0f : x) * tail.x, n);
    f32 right = x * (1.0f - m_scale(tail.x, n));
    return a < 1.0f ? near : x < 0 ? left : right;
}

static f32 m_erfc(f32 x)
{
    f32 a = fabs(x);
    f32 t = min(a, 10.15f);
    f32 top = as_f32(as_u32(t) & 0xfffff000u);
    f32x2 tail = m_tail(t * 1.41421356f, top * top, (t - top) * (t + top));
    f32 far = m_scale(2.0f * tail.x, TO(i32, tail.y));
    return a < 0.8f ? 1.0f - m_erf(x) : x < 0 ? 2.0f - far : far;
}

/* x = (1 + f) * 2^e with sqrt(1/2) <= 1 + f < sqrt(2): { f, e, log(1 + f) - f, 0 }, whose rounding error is small beside f. */
static f32x4 m_log_parts(f32 x)
{
    bool tiny = x < 1.17549435e-38f;
    u32 bits = as_u32(tiny ? x * 33554432.0f : x);
    i32 n = (i32)(bits - 0x3f3504f3u) >> 23;
    f32 v = as_f32(bits - shl((u32)n, 23)) - 1.0f;
    f32 z = v * v;
    f32 p = 0.14218536f + v * (-0.124030054f + v * (0.1189356f + v * (-0.116947338f + v * 0.0675790757f)));
    p = 0.333333105f + v * (-0.250000089f + v * (0.200021684f + v * (-0.166680947f + v * p)));
    return MAKE4(f32, v, (f32)n - (tiny ? 25.0f : 0.0f), v * z * p - 0.5f * z, 0);
}

static f32 m_log_edges(f32 x, f32 y)
{
    f32 v = x < INFINITY ? y : x;
    v = x == 0 ? -INFINITY : v;
    return x < 0 ? NAN : v;
}

static f32 m_log(f32 x)
{
    f32x4 l = m_log_parts(x);
    return m_log_edges(x, (l.x + (l.z + l.y * -2.12194440e-4f)) + l.y * 0.693359375f);
}

static f32 m_log2(f32 x)
{
    f32x4 l = m_log_parts(x);
    return m_log_edges(x, (((l.z * 0.442695041f + l.x * 0.442695041f) + l.z) + l.x) + l.y);    /* log2(e) = 1.4427 */
}

static f32 m_log10(f32 x)
{
    f32x4 l = m_log_parts(x);
    return m_log_edges(x, (l.z * 0.434294482f + (l.x * 0.434294482f + l.y * 4.60503907e-06f)) + l.y * 0.301025391f);
}

static f32 m_log1p(f32 x)
{
    f32 u = 1.0f + x;
    f32 lost = (x - (u - 1.0f)) / u;
    f32 y = m_log(u);
    f32 sum = u > 0 && u < INFINITY ? y + lost : y;
    return x == 0 ? x : sum;
}

/* x = (quarter + y / (pi/2)) * pi/2: { y, quarter modulo 4 }. Past 2^50 by steps: 2/pi in parts whose products are exact. */
static f64 m_modulo4(f64 whole)
{
    f64 rest = whole - 4.0 * round(whole * 0.25);
    return fabs(whole) < 9007199254740992.0 ? rest : whole - whole;
}

static f32x2 m_quarters(f32 x)
{
    if (fabs(x) < 5000.0f) {
        f32 n = round(x * 0.636619747f);
        f32 y = fma(n, -1.57079601f, x);
        y = fma(n, -3.13916473e-07f, y);
        y = fma(n, -5.39030253e-15f, y);
        return MAKE2(f32, y, n - 4.0f * round(n * 0.25f));
    }
    f64 d = x;
    f64 t0 = m_modulo4(d * 0.6366197690367699);
    f64 t1 = m_modulo4(d * 3.3308114738561656e-09);
    f64 t2 = m_modulo4(d * 2.276010047810136e-18);
    f64 t3 = m_modulo4(d * 2.5268260189002822e-26);
    f64 t4 = m_modulo4(d * 1.6682867657019525e-34);
    f64 t5 = d * 1.1588713353428143e-43;
    f64 whole = round(t0 + t1 + t2 + t3 + t4 + t5);
    f64 rest = (((((t0 - whole) + t1) + t2) + t3) + t4) + t5;
    return MAKE2(f32, (f32)(rest * 1.5707963267948966), (f32)whole);
}

static f32 m_wave(f32x2 at, u32 more, f32 x)
{
    f32 y = at.x;
    u32 quarter = (u32)TO(i32, at.y) + more;
    f32 z = y * y;
    f32 s = y + y * z * (-0.166666672f + z * (0.00833332911f + z * (-0.000198392663f + z * 2.71768067e-06f)));
    f32 c = 1.0f + z * (-0.5f + z * (0.0416666456f + z * (-0.0013887278f + z * 2.44287821e-05f)));
    f32 v = (quarter & 1u) != 0 ? c : s;
    v = as_f32(as_u32(v) ^ ((quarter & 2u) << 30));
    return fabs(x) < INFINITY ? v : NAN;
}

static f32 m_sin(f32 x) { return x == 0 ? x : m_wave(m_quarters(x), 0, x); }
static f32 m_cos(f32 x) { return m_wave(m_quarters(x), 1, x); }
static f32 m_tan(f32 x)
{
    f32x2 at = m_quarters(x);
    return x == 0 ? x : m_wave(at, 0, x) / m_wave(at, 1, x);
}

static f32 m_atan_unit(f32 t)                                       /* 0 <= t <= 1 */
{
    bool far = t > 0.414213568f;
    f32 s = far ? (t - 1.0f) / (t + 1.0f) : t;
    f32 z = s * s;
    f32 p = -0.1428415096f + z * (0.1107136068f + z * (-0.0862464378f + z * 0.0504805501f));
    f32 y = s + s * z * (-0.3333333328f + z * (0.1999997725f + z * p));
    return far ? 0.785398185f + y : y;
}

static f32 m_atan2(f32 y, f32 x)
{
    f32 a = fabs(y);
    f32 b = fabs(x);
    f32 top = max(a, b);
    f32 t = top == 0 ? 0.0f : a == b ? 1.0f : min(a, b) / top;
    f32 r = m_atan_unit(t);
    if (a > b) r = 1.57079637f - (r + 4.37113883e-08f);
    if (signbit(x)) r = 3.14159274f - (r + 8.74227766e-08f);
    return top == top ? copysign(r, y) : NAN;
}

static f32 m_cbrt(f32 x)
{
    f32 a = fabs(x);
    if (!(a > 0) || a == INFINITY) return x;
    f32 by = a < 1.17549435e-38f ? 256.0f : a > 1e37f ? 0.00390625f : 1.0f;
    f32 b = a * by * by * by;
    f32 y = as_f32(as_u32(b) / 3u + 709921077u);
    f32 cube = y * y * y;
    y = y * ((cube + 2.0f * b) / (2.0f * cube + b));
    cube = y * y * y;
    y = y - y * ((cube - b) / (2.0f * cube + b));
    return copysign(y / by, x);
}
#endif

static f32 m_lgamma(f32 x) { return d_lgamma(x); }
static f32 m_pow(f32 x, f32 y) { return d_pow(x, y); }
static f32 m_atan(f32 x) { return m_atan2(x, 1); }
static f32 m_asin(f32 x) { return x == 0 ? x : m_atan2(x, sqrt((1 - x) * (1 + x))); }
static f32 m_acos(f32 x) { return 2 * m_atan2(sqrt(1 - x), sqrt(1 + x)); }

static f32 m_sinh(f32 x)
{
    f32 a = fabs(x);
    f32 e = m_expm1(min(a, 20));
    f32 h = m_exp(0.5f * a);
    return x == 0 ? x : copysign(a < 20 ? 0.5f * (e + e / (e + 1)) : 0.5f * h * h, x);
}

static f32 m_cosh(f32 x)
{
    f32 a = fabs(x);
    f32 e = m_exp(min(a, 20));
    f32 h = m_exp(0.5f * a);
    return a < 20 ? 0.5f * e + 0.5f / e : 0.5f * h * h;
}

static f32 m_asinh(f32 x)
{
    f32 a = fabs(x);
    f32 near = a < BIG ? a + a * a / (1 + sqrt(1 + a * a)) : a - 1;
    f32 y = m_log1p(near);
    return x == 0 ? x : copysign(a < BIG ? y : y + 0.6931471805599453f, x);
}

static f32 m_acosh(f32 x)
{
    f32 t = x - 1;
    f32 y = m_log1p(x < BIG ? t + sqrt(t * (2 + t)) : t);
    return x < 1 ? NAN : x < BIG ? y : y + 0.6931471805599453f;
}

static f32 m_atanh(f32 x)
{
    f32 a = fabs(x);
    return x == 0 ? x : copysign(0.5f * m_log1p(2 * a / (1 - a)), x);
}

/* x - trunc(x / y) y, exact: the divisor, doubled as often as it fits, is taken away. */
static f32 m_fmod(f32 x, f32 y)
{
    f32 a = fabs(x);
    f32 b = fabs(y);
    if (!(a < INFINITY) || !(b > 0)) return NAN;
    if (a < b || b == INFINITY) return x;
    f32 t = b;
    while (t <= a * 0.5f) t = t * 2;
    while (t >= b && a > 0) {
        if (a >= t) a = a - t;
        t = t * 0.5f;
    }
    return copysign(a, x);
}

#endif

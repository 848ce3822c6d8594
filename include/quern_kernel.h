/* The kernel language for the host compiler: what docs/kernel-language.md says, as C11 with GNU extensions (gcc >= 12, clang >= 15).
 * A kernel file includes this and nothing else; so does every file that includes a kernel file.
 *
 * Settings, before the first include, one set a translation unit:
 *     QK_DOUBLE            f32, f16 and bf16 are double, in buffers too: the f64 kernels and the oracle of the tests
 *     QK_REVERSE_ITEMS     the items of a phase run from the last to the first, which shows races
 *     QK_WIDTH             lanes of f32w; unset: what the instruction set likes
 *
 * No header is included here, so that a kernel can be compiled where only a compiler is. The hot float builtins are our own
 * (quern_kernel_math.h); the rest is libm, lane by lane. */
#ifndef QUERN_KERNEL_H
#define QUERN_KERNEL_H

#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wshadow"     /* builtins nest: max(a, max(b, c)) */
#pragma GCC diagnostic ignored "-Wconversion" /* narrowing is the language's own, and said in kernels */
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wdouble-promotion"
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors cross no object file: everything is inlined */

/* ------------------------------------------------------------------ types */
typedef __UINT8_TYPE__ u8;
typedef __UINT16_TYPE__ u16;
typedef __UINT32_TYPE__ u32;
typedef __UINT64_TYPE__ u64;
typedef __INT8_TYPE__ i8;
typedef __INT16_TYPE__ i16;
typedef __INT32_TYPE__ i32;
typedef __INT64_TYPE__ i64;
typedef double f64;
#ifdef QK_DOUBLE
typedef double f32, f16, bf16;
#else
typedef float f32;
typedef struct f16 {
    u16 bits;
} f16;
typedef struct bf16 {
    u16 bits;
} bf16;
#endif
#ifndef bool
#define bool  _Bool
#define true  1
#define false 0
#endif
#ifndef INFINITY
#define INFINITY __builtin_inff()
#define NAN      __builtin_nanf("")
#endif

#ifdef QK_WIDTH
#define WIDTH QK_WIDTH
#elif defined(__AVX512F__)
#define WIDTH 16
#elif defined(__AVX__)
#define WIDTH 8
#else
#define WIDTH 4
#endif

#define QK_VECTOR(T, lanes) __attribute__((vector_size(sizeof(T) * (lanes)))) T
typedef QK_VECTOR(f32, 2) f32x2;
typedef QK_VECTOR(f32, 4) f32x4;
typedef QK_VECTOR(f32, WIDTH) f32w; /* the type f32x4 where WIDTH is 4 */
typedef QK_VECTOR(i32, 2) i32x2;
typedef QK_VECTOR(i32, 4) i32x4;
typedef QK_VECTOR(u32, 2) u32x2;
typedef QK_VECTOR(u32, 4) u32x4;

#define QK_PASTE_(a, b)      a##b
#define QK_PASTE(a, b)       QK_PASTE_(a, b)
#define MAKE2(T, a, b)       ((QK_PASTE(T, x2)){ (a), (b) })
#define MAKE4(T, a, b, c, d) ((QK_PASTE(T, x4)){ (a), (b), (c), (d) })

/* ------------------------------------------------------------------ forms, parameters, phases */
#define QK_INLINE              static inline __attribute__((always_inline, unused))

#define MAP(T)                 static inline __attribute__((always_inline, unused)) T
#define KERNEL                 static __attribute__((unused)) void
#define IN(T)                  const T *restrict
#define OUT(T)                 T *restrict
#define INOUT(T)               T *restrict
#define CONST(T)               T
#define ARRAY(T, name)         T *name

#define SHARED(T, name, n)     __attribute__((aligned(64))) T name[n]
#define SHARED2(T, name, n, m) __attribute__((aligned(64))) T name[n][m]
#define PER_ITEM(T, name)      T name[GROUP]
#define PER_ITEMS(T, name, n)  T name[GROUP][n]
#ifdef QK_REVERSE_ITEMS
#define ITEMS(t) for (u32 t = (GROUP); t-- > 0;)
#else
#define ITEMS(t) for (u32 t = 0; t < (GROUP); t++)
#endif

/* `#pragma unroll` in a kernel's text; kernels_gen spells it so. */
#define QK_PRAGMA(words) _Pragma(#words)
#ifdef __clang__
#define QK_UNROLL(n) QK_PRAGMA(unroll n)
#else
#define QK_UNROLL(n) QK_PRAGMA(GCC unroll n)
#endif

/* What a launch hands to a compiled kernel. bufs in the order of the parameters, a MAP's output last; words: the scalars in
 * their order, 64-bit ones as two, low word first. */
#ifndef QK_ARGS
#define QK_ARGS
typedef struct qk_args {
    void *const *bufs;
    const u32 *words;
} qk_args;
#endif
/* How many words a T takes, and the T that starts at word `at`. */
#define QK_WORDS(T) ((u32)((sizeof(T) + 3) / 4))
#define QK_WORD(a, T, at)                                                                                                   \
    ({                                                                                                                      \
        T qk_w_;                                                                                                            \
        __builtin_memcpy(&qk_w_, (a)->words + (at), sizeof qk_w_);                                                          \
        qk_w_;                                                                                                              \
    })

/* ------------------------------------------------------------------ float builtins: each once for every number of lanes
 * Functions are named qk_NAME_SUFFIX: s and d for f32 and f64; 2, 4 and w for the vectors. With QK_DOUBLE there is no s. */
/* clang-format off */
#define QK_OWN(X)                                                                                                           \
    X(exp)                                                                                                                  \
    X(exp2) X(expm1) X(log) X(log2) X(log1p) X(sin) X(cos) X(tanh) X(sigmoid) X(erf) X(gelu) X(floor) X(ceil) X(round)      \
        X(trunc) X(fabs)
/* clang-format on */
#define QK_LIBM(X)                                                                                                          \
    X(log10) X(cbrt) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(asinh) X(acosh) X(atanh) X(erfc) X(lgamma)
#define QK_LIBM2(X) X(atan2) X(pow) X(fmod)

#define QK_D1(name)                                                                                                         \
    QK_INLINE f64 qk_##name##_d(f64 x) { return __builtin_##name(x); }
#define QK_D2(name)                                                                                                         \
    QK_INLINE f64 qk_##name##_d(f64 x, f64 y) { return __builtin_##name(x, y); }
/* clang-format off */
QK_D1(exp) QK_D1(exp2) QK_D1(expm1) QK_D1(log) QK_D1(log2) QK_D1(log1p) QK_D1(sin) QK_D1(cos) QK_D1(tanh) QK_D1(erf)
QK_D1(floor) QK_D1(ceil) QK_D1(trunc) QK_D1(fabs) QK_D1(sqrt) QK_LIBM(QK_D1) QK_LIBM2(QK_D2) QK_D2(copysign)
    /* clang-format on */
    QK_INLINE f64 qk_round_d(f64 x)
{
    return __builtin_rint(x);
}
QK_INLINE f64 qk_rsqrt_d(f64 x) { return 1.0 / __builtin_sqrt(x); }
QK_INLINE f64 qk_fma_d(f64 a, f64 b, f64 c) { return __builtin_fma(a, b, c); }
QK_INLINE f64 qk_ldexp_d(f64 x, i32 n) { return __builtin_ldexp(x, n); }
QK_INLINE f64 qk_min_d(f64 a, f64 b) { return a < b || a != a ? a : b; }
QK_INLINE f64 qk_max_d(f64 a, f64 b) { return a > b || a != a ? a : b; }

QK_INLINE f64 qk_sigmoid_d(f64 x)
{
    f64 e = __builtin_exp(-__builtin_fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

QK_INLINE f64 qk_gelu_d(f64 x) /* x * P(z <= x); -0 and inf at the ends */
{
    return x < -40 ? -0.0 : x * (0.5 * __builtin_erfc(x * -0.70710678118654752440));
}

#ifdef QK_DOUBLE
#define QK_ONE(name) qk_##name##_d
#else
#define QK_ONE(name) qk_##name##_s
#define QK_S1(name)                                                                                                         \
    QK_INLINE f32 qk_##name##_s(f32 x) { return __builtin_##name##f(x); }
#define QK_S2(name)                                                                                                         \
    QK_INLINE f32 qk_##name##_s(f32 x, f32 y) { return __builtin_##name##f(x, y); }
/* clang-format off */
QK_LIBM(QK_S1) QK_LIBM2(QK_S2) QK_S1(sqrt)
    /* clang-format on */
    QK_INLINE f32 qk_rsqrt_s(f32 x)
{
    return 1.0f / __builtin_sqrtf(x);
}
QK_INLINE f32 qk_fma_s(f32 a, f32 b, f32 c) { return __builtin_fmaf(a, b, c); }
QK_INLINE f32 qk_ldexp_s(f32 x, i32 n) { return __builtin_ldexpf(x, n); }
#define QK_SCALAR 1
#define QK_F      f32
#define QK_I      i32
#define QK_U      u32
#define QK_D      f64
#define QK_L      i64
#define QK_(name) qk_##name##_s
#include "quern_kernel_math.h"
#undef QK_SCALAR
#undef QK_F
#undef QK_I
#undef QK_U
#undef QK_D
#undef QK_L
#undef QK_
#endif

/* Lane by lane: what has no vector form of its own. QK_F is the vector, QK_() adds its suffix. */
#define QK_EACH(v) for (u32 k = 0; k < sizeof(v) / sizeof((v)[0]); k++)
#define QK_LANES1(name)                                                                                                     \
    QK_INLINE QK_F QK_(name)(QK_F x)                                                                                        \
    {                                                                                                                       \
        QK_EACH(x) x[k] = QK_ONE(name)(x[k]);                                                                               \
        return x;                                                                                                           \
    }
#define QK_LANES2(name)                                                                                                     \
    QK_INLINE QK_F QK_(name)(QK_F x, QK_F y)                                                                                \
    {                                                                                                                       \
        QK_EACH(x) x[k] = QK_ONE(name)(x[k], y[k]);                                                                         \
        return x;                                                                                                           \
    }
#define QK_LANES_REST                                                                                                       \
    QK_LIBM(QK_LANES1) QK_LIBM2(QK_LANES2) QK_LANES1(sqrt) QK_INLINE QK_F QK_(rsqrt)(QK_F x)                                \
    {                                                                                                                       \
        return 1.0f / QK_(sqrt)(x);                                                                                         \
    }                                                                                                                       \
    QK_INLINE QK_F QK_(fma)(QK_F a, QK_F b, QK_F c)                                                                         \
    {                                                                                                                       \
        QK_EACH(a) a[k] = QK_ONE(fma)(a[k], b[k], c[k]);                                                                    \
        return a;                                                                                                           \
    }                                                                                                                       \
    QK_INLINE QK_F QK_(ldexp)(QK_F x, QK_I n)                                                                               \
    {                                                                                                                       \
        QK_EACH(x) x[k] = QK_ONE(ldexp)(x[k], n[k]);                                                                        \
        return x;                                                                                                           \
    }
#ifdef QK_DOUBLE
#define QK_LANES QK_OWN(QK_LANES1) QK_LANES2(min) QK_LANES2(max) QK_LANES2(copysign) QK_LANES_REST
#else
#define QK_LANES QK_LANES_REST
#endif

typedef QK_VECTOR(i32, WIDTH) qk_i32w;
typedef QK_VECTOR(u32, WIDTH) qk_u32w;
typedef QK_VECTOR(f64, 2) qk_f64x2;
typedef QK_VECTOR(f64, 4) qk_f64x4;
typedef QK_VECTOR(f64, WIDTH) qk_f64w;
typedef QK_VECTOR(i64, 2) qk_i64x2;
typedef QK_VECTOR(i64, 4) qk_i64x4;
typedef QK_VECTOR(i64, WIDTH) qk_i64w;

#define QK_SCALAR 0
#define QK_F      f32x2
#define QK_I      i32x2
#define QK_U      u32x2
#define QK_D      qk_f64x2
#define QK_L      qk_i64x2
#define QK_(name) qk_##name##_2
#ifndef QK_DOUBLE
#include "quern_kernel_math.h"
#endif
QK_LANES
#undef QK_F
#undef QK_I
#undef QK_U
#undef QK_D
#undef QK_L
#undef QK_
#define QK_F      f32x4
#define QK_I      i32x4
#define QK_U      u32x4
#define QK_D      qk_f64x4
#define QK_L      qk_i64x4
#define QK_(name) qk_##name##_4
#ifndef QK_DOUBLE
#include "quern_kernel_math.h"
#endif
QK_LANES
#undef QK_F
#undef QK_I
#undef QK_U
#undef QK_D
#undef QK_L
#undef QK_
#if WIDTH != 4
#define QK_F      f32w
#define QK_I      qk_i32w
#define QK_U      qk_u32w
#define QK_D      qk_f64w
#define QK_L      qk_i64w
#define QK_(name) qk_##name##_w
#ifndef QK_DOUBLE
#include "quern_kernel_math.h"
#endif
QK_LANES
#undef QK_F
#undef QK_I
#undef QK_U
#undef QK_D
#undef QK_L
#undef QK_
#define QK_CASE_W(name)                                                                                                     \
    f32w:                                                                                                                   \
    qk_##name##_w,
#else
#define QK_CASE_W(name)
#endif
#undef QK_SCALAR

#ifdef QK_DOUBLE
#define QK_FLOAT_CASES(name) QK_CASE_W(name) f32x2 : qk_##name##_2, f32x4 : qk_##name##_4, default : qk_##name##_d
#else
#define QK_FLOAT_CASES(name)                                                                                                \
    QK_CASE_W(name) f32x2 : qk_##name##_2, f32x4 : qk_##name##_4, f64 : qk_##name##_d, default : qk_##name##_s
#endif

/* Each operand is evaluated, and expanded, once: nested builtins stay small. */
#define QK_CALL1(name, v)                                                                                                   \
    ({                                                                                                                      \
        __auto_type qk_v_ = (v);                                                                                            \
        _Generic(qk_v_, QK_FLOAT_CASES(name))(qk_v_);                                                                       \
    })
/* Of two operands one may be a scalar and the other a vector; x - 0 puts a scalar into every lane and keeps -0. */
#define QK_CALL2(cases, a, b)                                                                                               \
    ({                                                                                                                      \
        __auto_type qk_a_ = (a);                                                                                            \
        __auto_type qk_b_ = (b);                                                                                            \
        typedef __typeof__(qk_a_ + qk_b_) qk_t_;                                                                            \
        _Generic((qk_t_){ 0 }, cases)(qk_a_ - (qk_t_){ 0 }, qk_b_ - (qk_t_){ 0 });                                          \
    })

#define exp(v)         QK_CALL1(exp, v)
#define exp2(v)        QK_CALL1(exp2, v)
#define expm1(v)       QK_CALL1(expm1, v)
#define log(v)         QK_CALL1(log, v)
#define log2(v)        QK_CALL1(log2, v)
#define log10(v)       QK_CALL1(log10, v)
#define log1p(v)       QK_CALL1(log1p, v)
#define sqrt(v)        QK_CALL1(sqrt, v)
#define rsqrt(v)       QK_CALL1(rsqrt, v)
#define cbrt(v)        QK_CALL1(cbrt, v)
#define sin(v)         QK_CALL1(sin, v)
#define cos(v)         QK_CALL1(cos, v)
#define tan(v)         QK_CALL1(tan, v)
#define asin(v)        QK_CALL1(asin, v)
#define acos(v)        QK_CALL1(acos, v)
#define atan(v)        QK_CALL1(atan, v)
#define sinh(v)        QK_CALL1(sinh, v)
#define cosh(v)        QK_CALL1(cosh, v)
#define tanh(v)        QK_CALL1(tanh, v)
#define asinh(v)       QK_CALL1(asinh, v)
#define acosh(v)       QK_CALL1(acosh, v)
#define atanh(v)       QK_CALL1(atanh, v)
#define erf(v)         QK_CALL1(erf, v)
#define erfc(v)        QK_CALL1(erfc, v)
#define lgamma(v)      QK_CALL1(lgamma, v)
#define sigmoid(v)     QK_CALL1(sigmoid, v)
#define gelu(v)        QK_CALL1(gelu, v)
#define floor(v)       QK_CALL1(floor, v)
#define ceil(v)        QK_CALL1(ceil, v)
#define round(v)       QK_CALL1(round, v)
#define trunc(v)       QK_CALL1(trunc, v)
#define fabs(v)        QK_CALL1(fabs, v)

#define atan2(a, b)    QK_CALL2(QK_FLOAT_CASES(atan2), a, b)
#define pow(a, b)      QK_CALL2(QK_FLOAT_CASES(pow), a, b)
#define fmod(a, b)     QK_CALL2(QK_FLOAT_CASES(fmod), a, b)
#define copysign(a, b) QK_CALL2(QK_FLOAT_CASES(copysign), a, b)
#define mad(a, b, c)   ((a) * (b) + (c))
#define fma(a, b, c)                                                                                                        \
    ({                                                                                                                      \
        __auto_type qk_a_ = (a);                                                                                            \
        __auto_type qk_b_ = (b);                                                                                            \
        __auto_type qk_c_ = (c);                                                                                            \
        typedef __typeof__(qk_a_ + qk_b_ + qk_c_) qk_t_;                                                                    \
        _Generic((qk_t_){ 0 }, QK_FLOAT_CASES(fma))(qk_a_ - (qk_t_){ 0 }, qk_b_ - (qk_t_){ 0 }, qk_c_ - (qk_t_){ 0 });      \
    })
#define ldexp(v, n)                                                                                                         \
    ({                                                                                                                      \
        __auto_type qk_v_ = (v);                                                                                            \
        _Generic(qk_v_, QK_FLOAT_CASES(ldexp))(qk_v_, (n));                                                                 \
    })
#define isnan(v)   (__builtin_isnan(v) != 0)
#define isinf(v)   (__builtin_isinf(v) != 0)
#define signbit(v) (__builtin_signbit(v) != 0)

/* ------------------------------------------------------------------ min, max, abs of any number */
#define QK_LESS(T)                                                                                                          \
    QK_INLINE T qk_min_##T(T a, T b) { return a < b ? a : b; }                                                              \
    QK_INLINE T qk_max_##T(T a, T b) { return a > b ? a : b; }
#define QK_LESS_VECTOR(T)                                                                                                   \
    QK_INLINE T qk_min_##T(T a, T b) { return (a & (T)(a < b)) | (b & ~(T)(a < b)); }                                       \
    QK_INLINE T qk_max_##T(T a, T b) { return (a & (T)(a > b)) | (b & ~(T)(a > b)); }
/* clang-format off */
QK_LESS(i32) QK_LESS(u32) QK_LESS(i64) QK_LESS(u64)
QK_LESS_VECTOR(i32x2) QK_LESS_VECTOR(i32x4) QK_LESS_VECTOR(u32x2) QK_LESS_VECTOR(u32x4)
/* clang-format on */
#define QK_NUMBER_CASES(name)                                                                                               \
    i32:                                                                                                                    \
    qk_##name##_i32, u32 : qk_##name##_u32,                                                                                 \
                           i64 : qk_##name##_i64,                                                                           \
                                 u64 : qk_##name##_u64,                                                                     \
                                       i32x2 : qk_##name##_i32x2,                                                           \
                                               i32x4 : qk_##name##_i32x4,                                                   \
                                                       u32x2 : qk_##name##_u32x2,                                           \
                                                               u32x4 : qk_##name##_u32x4,                                   \
                                                                       QK_FLOAT_CASES(name)
#define min(a, b)        QK_CALL2(QK_NUMBER_CASES(min), a, b)
#define max(a, b)        QK_CALL2(QK_NUMBER_CASES(max), a, b)
#define clamp(v, lo, hi) min(max(v, lo), hi)

    QK_INLINE i32 qk_abs_i32(i32 v)
{
    return v < 0 ? (i32)(0u - (u32)v) : v;
}
QK_INLINE i64 qk_abs_i64(i64 v) { return v < 0 ? (i64)((u64)0 - (u64)v) : v; }
QK_INLINE u32 qk_abs_u32(u32 v) { return v; }
QK_INLINE u64 qk_abs_u64(u64 v) { return v; }
QK_INLINE i32x2 qk_abs_i32x2(i32x2 v) { return qk_max_i32x2(v, (i32x2)((u32x2){ 0 } - (u32x2)v)); }
QK_INLINE i32x4 qk_abs_i32x4(i32x4 v) { return qk_max_i32x4(v, (i32x4)((u32x4){ 0 } - (u32x4)v)); }
#define abs(v)                                                                                                              \
    ({                                                                                                                      \
        __auto_type qk_v_ = (v);                                                                                            \
        _Generic(qk_v_,                                                                                                     \
            i32: qk_abs_i32,                                                                                                \
            u32: qk_abs_u32,                                                                                                \
            i64: qk_abs_i64,                                                                                                \
            u64: qk_abs_u64,                                                                                                \
            i32x2: qk_abs_i32x2,                                                                                            \
            i32x4: qk_abs_i32x4,                                                                                            \
            QK_FLOAT_CASES(fabs))(qk_v_);                                                                                   \
    })
#define select(c, a, b)                                                                                                     \
    ({                                                                                                                      \
        __auto_type qk_a_ = (a);                                                                                            \
        __auto_type qk_b_ = (b);                                                                                            \
        (c) ? qk_a_ : qk_b_;                                                                                                \
    })

/* ------------------------------------------------------------------ bits */
QK_INLINE u32 qk_clz_32(u32 v) { return v ? (u32)__builtin_clz(v) : 32; }
QK_INLINE u32 qk_ctz_32(u32 v) { return v ? (u32)__builtin_ctz(v) : 32; }
QK_INLINE u32 qk_popcount_32(u32 v) { return (u32)__builtin_popcount(v); }
QK_INLINE u32 qk_clz_64(u64 v) { return v ? (u32)__builtin_clzll(v) : 64; }
QK_INLINE u32 qk_ctz_64(u64 v) { return v ? (u32)__builtin_ctzll(v) : 64; }
QK_INLINE u32 qk_popcount_64(u64 v) { return (u32)__builtin_popcountll(v); }
#define QK_BIT_CASES(name)                                                                                                  \
    i64:                                                                                                                    \
    qk_##name##_64, u64 : qk_##name##_64, default : qk_##name##_32
#define popcount(v) _Generic((v), QK_BIT_CASES(popcount))(v)
#define clz(v)      _Generic((v), QK_BIT_CASES(clz))(v)
#define ctz(v)      _Generic((v), QK_BIT_CASES(ctz))(v)
#define shl(a, n)   ((a) << ((u32)(n) & (u32)(sizeof((a) + 0) * 8 - 1)))
#define shr(a, n)   ((a) >> ((u32)(n) & (u32)(sizeof((a) + 0) * 8 - 1)))

QK_INLINE u32 as_u32(float v)
{
    u32 u;
    __builtin_memcpy(&u, &v, sizeof u);
    return u;
}

QK_INLINE float as_f32(u32 u)
{
    float v;
    __builtin_memcpy(&v, &u, sizeof v);
    return v;
}

QK_INLINE i32 as_i32(float v) { return (i32)as_u32(v); }

QK_INLINE i32 dot4_i8(u32 a, u32 b, i32 c)
{
    u32 sum = (u32)c;
    for (u32 k = 0; k < 32; k += 8) sum += (u32)((i32)(i8)(a >> k) * (i32)(i8)(b >> k));
    return (i32)sum;
}

QK_INLINE i32 dot4_u8i8(u32 a, u32 b, i32 c)
{
    u32 sum = (u32)c;
    for (u32 k = 0; k < 32; k += 8) sum += (u32)((i32)(u8)(a >> k) * (i32)(i8)(b >> k));
    return (i32)sum;
}

/* ------------------------------------------------------------------ mma: PER_ITEMS of the whole group, as src/kc/interpret_mma.c lays them out */
#ifndef QK_DOUBLE
#define QK_MMA(name, product)                                                                                               \
    QK_INLINE void qk_mma_##name(u32 items, u32 rows, u32 cols, f32 *sums, const u32 *left, const u32 *right)               \
    {                                                                                                                       \
        for (u32 n = 0; n < items / 32 * rows * cols * 128; n++) {                                                          \
            u32 row = n / 8 % 16, col = n % 8, i = n / 128 / cols % rows, j = n / 128 % cols;                               \
            u32 from = n / 128 / cols / rows * 32, at = (i * cols + j) * 4 + row / 8 * 2 + col % 2;                         \
            f32 *to = sums + (from + row % 8 * 4 + col / 2) * rows * cols * 4 + at;                                         \
            for (u32 k = 0; k < 8; k++) {                                                                                   \
                u32 u = left[(from + row % 8 * 4 + k % 4) * rows * 4 + i * 4 + row / 8 + k / 4 * 2];                        \
                u32 v = right[(from + col * 4 + k % 4) * cols * 2 + j * 2 + k / 4];                                         \
                *to += product;                                                                                             \
            }                                                                                                               \
        }                                                                                                                   \
    }
#define QK_HALVES(from) from(u & 0xffff) * from(v & 0xffff) + from(u >> 16) * from(v >> 16)
QK_MMA(f16, QK_HALVES(qk_from_f16_s))
QK_MMA(bf16, QK_HALVES(qk_from_bf16_s))
QK_MMA(tf32, as_f32(u & ~0x1fffu) * as_f32(v & ~0x1fffu))
#define QK_MMA_CALL(name, sums, left, right)                                                                                \
    qk_mma_##name(sizeof(sums) / sizeof((sums)[0]), sizeof((left)[0]) / 16, sizeof((right)[0]) / 8, (sums)[0], (left)[0],   \
                  (right)[0])
#define mma_f16(sums, left, right)  QK_MMA_CALL(f16, sums, left, right)
#define mma_bf16(sums, left, right) QK_MMA_CALL(bf16, sums, left, right)
#define mma_tf32(sums, left, right) QK_MMA_CALL(tf32, sums, left, right)
#endif

/* ------------------------------------------------------------------ TO: floats to integers saturate, NaN gives 0; the rest is C's */
#define QK_SATURATE(T, F, low, high, least, most)                                                                           \
    QK_INLINE T qk_##T##_from_##F(F v)                                                                                      \
    {                                                                                                                       \
        T inside = (T)(v > (F)(low) && v < (F)(high) ? v : (F)0);                                                           \
        return v >= (F)(high) ? (T)(most) : v <= (F)(low) ? (T)(least) : inside;                                            \
    }
#define QK_TO_ALL(F)                                                                                                        \
    QK_SATURATE(i8, F, -128, 127, -128, 127)                                                                                \
    QK_SATURATE(u8, F, 0, 255, 0, 255)                                                                                      \
    QK_SATURATE(i16, F, -32768, 32767, -32768, 32767)                                                                       \
    QK_SATURATE(u16, F, 0, 65535, 0, 65535)                                                                                 \
    QK_SATURATE(i32, F, -0x1p31, 0x1p31, -0x7fffffff - 1, 0x7fffffff)                                                       \
    QK_SATURATE(u32, F, 0, 0x1p32, 0, 0xffffffffu)                                                                          \
    QK_SATURATE(i64, F, -0x1p63, 0x1p63, -0x7fffffffffffffff - 1, 0x7fffffffffffffff)                                       \
    QK_SATURATE(u64, F, 0, 0x1p64, 0, 0xffffffffffffffffu)
#define QK_WRAP(T)                                                                                                          \
    QK_INLINE T qk_##T##_from_int(u64 v) { return (T)v; }
/* clang-format off */
QK_TO_ALL(float) QK_TO_ALL(double)
QK_WRAP(i8) QK_WRAP(u8) QK_WRAP(i16) QK_WRAP(u16) QK_WRAP(i32) QK_WRAP(u32) QK_WRAP(i64) QK_WRAP(u64)
/* clang-format on */
#define QK_TO_INTEGER(T, v)                                                                                                 \
    ({                                                                                                                      \
        __auto_type qk_c_ = (v);                                                                                            \
        _Generic(qk_c_, float: qk_##T##_from_float, double: qk_##T##_from_double, default: qk_##T##_from_int)(qk_c_);       \
    })
#define qk_to_i8(v)    QK_TO_INTEGER(i8, v)
#define qk_to_u8(v)    QK_TO_INTEGER(u8, v)
#define qk_to_i16(v)   QK_TO_INTEGER(i16, v)
#define qk_to_u16(v)   QK_TO_INTEGER(u16, v)
#define qk_to_i32(v)   QK_TO_INTEGER(i32, v)
#define qk_to_u32(v)   QK_TO_INTEGER(u32, v)
#define qk_to_i64(v)   QK_TO_INTEGER(i64, v)
#define qk_to_u64(v)   QK_TO_INTEGER(u64, v)
#define qk_to_f32(v)   ((f32)(v))
#define qk_to_f64(v)   ((f64)(v))
#define qk_to_bool(v)  ((v) != 0)
#define qk_to__Bool(v) ((v) != 0)
#ifdef QK_DOUBLE
#define qk_to_f16(v)  ((f64)(v))
#define qk_to_bf16(v) ((f64)(v))
#else
#define qk_to_f16(v)  ((f16){ (u16)qk_to_f16_s((f32)(v)) })
#define qk_to_bf16(v) ((bf16){ (u16)qk_to_bf16_s((f32)(v)) })
#endif
#define TO(T, v) QK_PASTE(qk_to_, T)(v)

/* ------------------------------------------------------------------ buffers, one element */
#define QK_GET(T, R)                                                                                                        \
    QK_INLINE R qk_load_##T(const void *x, i64 i) { return (R)((const T *)x)[i]; }
    /* clang-format off */
QK_GET(i8, i32) QK_GET(u8, i32) QK_GET(i16, i32) QK_GET(u16, i32) QK_GET(i32, i32) QK_GET(u32, u32) QK_GET(i64, i64) QK_GET(u64, u64)
QK_GET(f64, f64)
    /* clang-format on */
    QK_INLINE bool qk_load_bool(const void *x, i64 i)
{
    return ((const bool *)x)[i];
}
#define QK_LOAD_CASES                                                                                                       \
    i8:                                                                                                                     \
    qk_load_i8, u8 : qk_load_u8,                                                                                            \
                     i16 : qk_load_i16,                                                                                     \
                           u16 : qk_load_u16,                                                                               \
                                 i32 : qk_load_i32,                                                                         \
                                       u32 : qk_load_u32,                                                                   \
                                             i64 : qk_load_i64,                                                             \
                                                   u64 : qk_load_u64,                                                       \
                                                         _Bool : qk_load_bool,                                              \
                                                                 f64 : qk_load_f64
#define QK_PUT(T)                                                                                                           \
    T:                                                                                                                      \
    ((T *)(void *)qk_p_)[qk_i_] = TO(T, qk_v_)
#ifdef QK_DOUBLE
#define load(x, i) _Generic((x)[0], QK_LOAD_CASES)((x), (i))
#define QK_PUT_NARROW
#else
QK_GET(f32, f32)
QK_INLINE f32 qk_load_f16(const void *x, i64 i) { return qk_from_f16_s(((const f16 *)x)[i].bits); }
QK_INLINE f32 qk_load_bf16(const void *x, i64 i) { return qk_from_bf16_s(((const bf16 *)x)[i].bits); }
#define load(x, i)    _Generic((x)[0], QK_LOAD_CASES, f32: qk_load_f32, f16: qk_load_f16, bf16: qk_load_bf16)((x), (i))
#define QK_PUT_NARROW , QK_PUT(f32), QK_PUT(f16), QK_PUT(bf16)
#endif
#define store(y, i, v)                                                                                                      \
    ({                                                                                                                      \
        __auto_type qk_p_ = &(y)[0];                                                                                        \
        i64 qk_i_ = (i);                                                                                                    \
        __auto_type qk_v_ = (v);                                                                                            \
        _Generic(*qk_p_,                                                                                                    \
            QK_PUT(i8),                                                                                                     \
            QK_PUT(u8),                                                                                                     \
            QK_PUT(i16),                                                                                                    \
            QK_PUT(u16),                                                                                                    \
            QK_PUT(i32),                                                                                                    \
            QK_PUT(u32),                                                                                                    \
            QK_PUT(i64),                                                                                                    \
            QK_PUT(u64),                                                                                                    \
            QK_PUT(_Bool),                                                                                                  \
            QK_PUT(f64) QK_PUT_NARROW);                                                                                     \
        (void)0;                                                                                                            \
    })

/* ------------------------------------------------------------------ buffers, a vector at element i: unaligned */
#define QK_PLAIN_MEMORY(V, n)                                                                                               \
    QK_INLINE V qk_load##n##_f32(const void *x, i64 i)                                                                      \
    {                                                                                                                       \
        V v;                                                                                                                \
        __builtin_memcpy(&v, (const f32 *)x + i, sizeof v);                                                                 \
        return v;                                                                                                           \
    }                                                                                                                       \
    QK_INLINE void qk_store##n##_f32(void *y, i64 i, V v) { __builtin_memcpy((f32 *)y + i, &v, sizeof v); }
QK_PLAIN_MEMORY(f32x4, 4)
QK_PLAIN_MEMORY(f32w, w)

#ifdef QK_DOUBLE
#define QK_NARROW_CASES(name)                                                                                               \
    default: name##_f32
#else
#if WIDTH == 4
#define QK_W(name) qk_##name##_4
#else
#define QK_W(name) qk_##name##_w
#endif
typedef QK_VECTOR(u16, 4) qk_u16x4;
typedef QK_VECTOR(u16, 8) qk_u16x8;
typedef QK_VECTOR(u16, WIDTH) qk_u16w;
QK_INLINE f32x4 qk_f32x4_of_f16(qk_u16x4 h) { return qk_from_f16_4(__builtin_convertvector(h, u32x4)); }
QK_INLINE qk_u16x4 qk_f16_of_f32x4(f32x4 v) { return __builtin_convertvector(qk_to_f16_4(v), qk_u16x4); }
QK_INLINE f32x4 qk_f32x4_of_bf16(qk_u16x4 h) { return qk_from_bf16_4(__builtin_convertvector(h, u32x4)); }
QK_INLINE qk_u16x4 qk_bf16_of_f32x4(f32x4 v) { return __builtin_convertvector(qk_to_bf16_4(v), qk_u16x4); }
QK_INLINE f32w qk_f32w_of_bf16(qk_u16w h) { return QK_W(from_bf16)(__builtin_convertvector(h, qk_u32w)); }
QK_INLINE qk_u16w qk_bf16_of_f32w(f32w v) { return __builtin_convertvector(QK_W(to_bf16)(v), qk_u16w); }
/* F16C and AVX-512 have instructions for whole vectors; they agree with ours bit by bit, but for the payload of a NaN. */
#if defined(__AVX512F__) && WIDTH == 16
typedef QK_VECTOR(i16, 16) qk_i16x16;
QK_INLINE f32w qk_f32w_of_f16(qk_u16w h) { return __builtin_ia32_vcvtph2ps512_mask((qk_i16x16)h, (f32w){ 0 }, 0xffff, 4); }
QK_INLINE qk_u16w qk_f16_of_f32w(f32w v)
{
    return (qk_u16w)__builtin_ia32_vcvtps2ph512_mask(v, 0, (qk_i16x16){ 0 }, 0xffff);
}
#elif defined(__F16C__) && WIDTH == 8
typedef QK_VECTOR(i16, 8) qk_i16x8;
QK_INLINE f32w qk_f32w_of_f16(qk_u16w h) { return __builtin_ia32_vcvtph2ps256((qk_i16x8)h); }
QK_INLINE qk_u16w qk_f16_of_f32w(f32w v) { return (qk_u16w)__builtin_ia32_vcvtps2ph256(v, 0); }
#else
QK_INLINE f32w qk_f32w_of_f16(qk_u16w h) { return QK_W(from_f16)(__builtin_convertvector(h, qk_u32w)); }
QK_INLINE qk_u16w qk_f16_of_f32w(f32w v) { return __builtin_convertvector(QK_W(to_f16)(v), qk_u16w); }
#endif
#define QK_NARROW_MEMORY(T, V, n, H)                                                                                        \
    QK_INLINE V qk_load##n##_##T(const void *x, i64 i)                                                                      \
    {                                                                                                                       \
        H h;                                                                                                                \
        __builtin_memcpy(&h, (const T *)x + i, sizeof h);                                                                   \
        return qk_##V##_of_##T(h);                                                                                          \
    }                                                                                                                       \
    QK_INLINE void qk_store##n##_##T(void *y, i64 i, V v)                                                                   \
    {                                                                                                                       \
        H h = qk_##T##_of_##V(v);                                                                                           \
        __builtin_memcpy((T *)y + i, &h, sizeof h);                                                                         \
    }
QK_NARROW_MEMORY(f16, f32x4, 4, qk_u16x4)
QK_NARROW_MEMORY(bf16, f32x4, 4, qk_u16x4)
QK_NARROW_MEMORY(f16, f32w, w, qk_u16w)
QK_NARROW_MEMORY(bf16, f32w, w, qk_u16w)
#define QK_NARROW_CASES(name)                                                                                               \
    f16:                                                                                                                    \
    name##_f16, bf16 : name##_bf16, default : name##_f32
#endif
#define load4(x, i)     _Generic((x)[0], QK_NARROW_CASES(qk_load4))((x), (i))
#define store4(y, i, v) _Generic((y)[0], QK_NARROW_CASES(qk_store4))((y), (i), (v))
#define loadw(x, i)     _Generic((x)[0], QK_NARROW_CASES(qk_loadw))((x), (i))
#define storew(y, i, v) _Generic((y)[0], QK_NARROW_CASES(qk_storew))((y), (i), (v))

#define loadw_part(x, i, n)                                                                                                 \
    ({                                                                                                                      \
        __auto_type qk_p_ = &(x)[0];                                                                                        \
        i64 qk_i_ = (i);                                                                                                    \
        u32 qk_n_ = (n);                                                                                                    \
        f32w qk_r_ = { 0 };                                                                                                 \
        for (u32 qk_k_ = 0; qk_k_ < qk_n_ && qk_k_ < WIDTH; qk_k_++) qk_r_[qk_k_] = load(qk_p_, qk_i_ + qk_k_);             \
        qk_r_;                                                                                                              \
    })
#define storew_part(y, i, v, n)                                                                                             \
    ({                                                                                                                      \
        __auto_type qk_q_ = &(y)[0];                                                                                        \
        i64 qk_j_ = (i);                                                                                                    \
        f32w qk_w_ = (v);                                                                                                   \
        u32 qk_n_ = (n);                                                                                                    \
        for (u32 qk_k_ = 0; qk_k_ < qk_n_ && qk_k_ < WIDTH; qk_k_++) store(qk_q_, qk_j_ + qk_k_, qk_w_[qk_k_]);             \
    })

QK_INLINE f32w splatw(f32 v) { return v - (f32w){ 0 }; }

/* Halves onto each other: the order does not depend on the compiler, and the error grows with the logarithm of WIDTH. */
QK_INLINE f32 sumw(f32w v)
{
    for (u32 half = WIDTH / 2; half > 0; half /= 2)
        for (u32 k = 0; k < half; k++) v[k] += v[k + half];
    return v[0];
}

QK_INLINE f32 maxw(f32w v)
{
    for (u32 half = WIDTH / 2; half > 0; half /= 2)
        for (u32 k = 0; k < half; k++) v[k] = QK_ONE(max)(v[k], v[k + half]);
    return v[0];
}

/* ------------------------------------------------------------------ atomics: groups run on several threads; nothing is ordered */
#define QK_ATOMIC(T, name, value)                                                                                           \
    QK_INLINE T qk_atomic_##name##_##T(T *y, i64 i, T v)                                                                    \
    {                                                                                                                       \
        T old = __atomic_load_n(y + i, __ATOMIC_RELAXED);                                                                   \
        while (!__atomic_compare_exchange_n(y + i, &old, (value), 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}                \
        return old;                                                                                                         \
    }
/* clang-format off */
QK_ATOMIC(u32, min, old < v ? old : v) QK_ATOMIC(i32, min, old < v ? old : v)
QK_ATOMIC(u32, max, old > v ? old : v) QK_ATOMIC(i32, max, old > v ? old : v)
#define QK_FETCH(T, name) QK_INLINE T qk_atomic_##name##_##T(T *y, i64 i, T v) { return __atomic_fetch_##name(y + i, v, __ATOMIC_RELAXED); }
QK_FETCH(u32, add) QK_FETCH(i32, add) QK_FETCH(u32, and) QK_FETCH(i32, and) QK_FETCH(u32, or) QK_FETCH(i32, or)
QK_FETCH(u32, xor) QK_FETCH(i32, xor)
    /* clang-format on */
    QK_INLINE f32 qk_atomic_add_f32(f32 *y, i64 i, f32 v)
{
    f32 old, sum;
    __atomic_load(y + i, &old, __ATOMIC_RELAXED);
    do sum = old + v;
    while (!__atomic_compare_exchange(y + i, &old, &sum, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return old;
}
#define QK_ATOMIC_CASES(name)                                                                                               \
    u32:                                                                                                                    \
    qk_atomic_##name##_u32, i32 : qk_atomic_##name##_i32
#define atomic_add(y, i, v)  _Generic((y)[0], QK_ATOMIC_CASES(add), f32: qk_atomic_add_f32)((y), (i), (v))
#define atomic_min(y, i, v)  _Generic((y)[0], QK_ATOMIC_CASES(min))((y), (i), (v))
#define atomic_max(y, i, v)  _Generic((y)[0], QK_ATOMIC_CASES(max))((y), (i), (v))
#define atomic_and(y, i, v)  _Generic((y)[0], QK_ATOMIC_CASES(and))((y), (i), (v))
#define atomic_or(y, i, v)   _Generic((y)[0], QK_ATOMIC_CASES(or))((y), (i), (v))
#define atomic_xor(y, i, v)  _Generic((y)[0], QK_ATOMIC_CASES(xor))((y), (i), (v))
#define atomic_xchg(y, i, v) __atomic_exchange_n(&(y)[i], (v), __ATOMIC_RELAXED)
#define atomic_cas(y, i, expected, v)                                                                                       \
    ({                                                                                                                      \
        __typeof__((y)[0] + 0) qk_e_ = (expected);                                                                          \
        __atomic_compare_exchange_n(&(y)[i], &qk_e_, (v), 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);                           \
        qk_e_;                                                                                                              \
    })

/* ------------------------------------------------------------------ subgroups: n items in a row of a PER_ITEM, in the order of src/kc/inline_subgroup.c */
#define QK_EACH_ITEM for (u32 qk_t = 0; qk_t < (GROUP); qk_t++)
#define QK_SUBGROUP(x, n, meet)                                                                                             \
    do {                                                                                                                    \
        for (u32 qk_half = (n) / 2; qk_half > 0; qk_half /= 2) QK_EACH_ITEM                                                 \
        if (qk_t % (n) < qk_half) (x)[qk_t] = meet((x)[qk_t], (x)[qk_t + qk_half]);                                         \
        QK_EACH_ITEM(x)[qk_t] = (x)[qk_t / (n) * (n)];                                                                      \
    } while (0)
#define QK_PLUS(a, b)      ((a) + (b))
#define subgroup_add(x, n) QK_SUBGROUP(x, n, QK_PLUS)
#define subgroup_min(x, n) QK_SUBGROUP(x, n, min)
#define subgroup_max(x, n) QK_SUBGROUP(x, n, max)
#define subgroup_broadcast(x, i, n)                                                                                         \
    do {                                                                                                                    \
        QK_EACH_ITEM if (qk_t % (n) != (i))(x)[qk_t] = (x)[qk_t / (n) * (n) + (i)];                                         \
    } while (0)
#define subgroup_shuffle_xor(x, d)                                                                                          \
    do {                                                                                                                    \
        QK_EACH_ITEM if (qk_t < (qk_t ^ (d)))                                                                               \
        {                                                                                                                   \
            __auto_type qk_kept = (x)[qk_t];                                                                                \
            (x)[qk_t] = (x)[qk_t ^ (d)];                                                                                    \
            (x)[qk_t ^ (d)] = qk_kept;                                                                                      \
        }                                                                                                                   \
    } while (0)

#endif

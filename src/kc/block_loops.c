/* The loops of the block machine. Compiled once an instruction set, like the kernels, with the same builtins (quern_kernel.h), so a chain
 * gives the same bits here as in a compiled kernel, but for contraction to fused multiply-adds.
 * Each row below is one loop, its key and its expression of a, b, c. */
#include "kc/block.h"

#include "quern_kernel.h"

#ifdef __clang__
#define IN_PLACE _Pragma("clang loop vectorize(assume_safety)")
#else
#define IN_PLACE _Pragma("GCC ivdep")
#endif

/* clang-format off */
/*    name          op        builtin  from      to        R    A    expression */
#define ROWS1(X) \
    X(neg_u32,      K_NEG,    0,       KC_U32,   KC_U32,   u32, u32, 0u - a) \
    X(neg_u64,      K_NEG,    0,       KC_U64,   KC_U64,   u64, u64, (u64)0 - a) \
    X(neg_f32,      K_NEG,    0,       KC_F32,   KC_F32,   f32, f32, -a) \
    X(neg_f64,      K_NEG,    0,       KC_F64,   KC_F64,   f64, f64, -a) \
    X(not_bool,     K_NOT,    0,       KC_BOOL,  KC_BOOL,  i32, i32, a == 0) \
    X(not_u32,      K_BITNOT, 0,       KC_U32,   KC_U32,   u32, u32, ~a) \
    X(not_u64,      K_BITNOT, 0,       KC_U64,   KC_U64,   u64, u64, ~a) \
    X(i32_u64,      K_CAST,   0,       KC_I32,   KC_U64,   u64, i32, (u64)(i64)a) \
    X(u32_u64,      K_CAST,   0,       KC_U32,   KC_U64,   u64, u32, a) \
    X(u64_u32,      K_CAST,   0,       KC_U64,   KC_U32,   u32, u64, (u32)a) \
    X(i32_f32,      K_CAST,   0,       KC_I32,   KC_F32,   f32, i32, (f32)a) \
    X(u32_f32,      K_CAST,   0,       KC_U32,   KC_F32,   f32, u32, (f32)a) \
    X(i64_f32,      K_CAST,   0,       KC_I64,   KC_F32,   f32, i64, (f32)a) \
    X(u64_f32,      K_CAST,   0,       KC_U64,   KC_F32,   f32, u64, (f32)a) \
    X(i32_f64,      K_CAST,   0,       KC_I32,   KC_F64,   f64, i32, a) \
    X(u32_f64,      K_CAST,   0,       KC_U32,   KC_F64,   f64, u32, a) \
    X(i64_f64,      K_CAST,   0,       KC_I64,   KC_F64,   f64, i64, (f64)a) \
    X(u64_f64,      K_CAST,   0,       KC_U64,   KC_F64,   f64, u64, (f64)a) \
    X(f32_f64,      K_CAST,   0,       KC_F32,   KC_F64,   f64, f32, (f64)a) \
    X(f64_f32,      K_CAST,   0,       KC_F64,   KC_F32,   f32, f64, (f32)a) \
    X(f32_i32,      K_CAST,   0,       KC_F32,   KC_I32,   i32, f32, TO(i32, a)) \
    X(f32_u32,      K_CAST,   0,       KC_F32,   KC_U32,   u32, f32, TO(u32, a)) \
    X(f32_i64,      K_CAST,   0,       KC_F32,   KC_I64,   i64, f32, TO(i64, a)) \
    X(f32_u64,      K_CAST,   0,       KC_F32,   KC_U64,   u64, f32, TO(u64, a)) \
    X(f64_i32,      K_CAST,   0,       KC_F64,   KC_I32,   i32, f64, TO(i32, a)) \
    X(f64_u32,      K_CAST,   0,       KC_F64,   KC_U32,   u32, f64, TO(u32, a)) \
    X(f64_i64,      K_CAST,   0,       KC_F64,   KC_I64,   i64, f64, TO(i64, a)) \
    X(f64_u64,      K_CAST,   0,       KC_F64,   KC_U64,   u64, f64, TO(u64, a)) \
    X(u32_bool,     K_CAST,   0,       KC_U32,   KC_BOOL,  i32, u32, a != 0) \
    X(u64_bool,     K_CAST,   0,       KC_U64,   KC_BOOL,  i32, u64, a != 0) \
    X(f32_bool,     K_CAST,   0,       KC_F32,   KC_BOOL,  i32, f32, a != 0) \
    X(f64_bool,     K_CAST,   0,       KC_F64,   KC_BOOL,  i32, f64, a != 0) \
    X(i8_i32,       K_CAST,   0,       KC_I8,    KC_I32,   i32, i8,  a) \
    X(u8_i32,       K_CAST,   0,       KC_U8,    KC_I32,   i32, u8,  a) \
    X(i16_i32,      K_CAST,   0,       KC_I16,   KC_I32,   i32, i16, a) \
    X(u16_i32,      K_CAST,   0,       KC_U16,   KC_I32,   i32, u16, a) \
    X(u32_u8,       K_CAST,   0,       KC_U32,   KC_U8,    u8,  u32, (u8)a) \
    X(u32_u16,      K_CAST,   0,       KC_U32,   KC_U16,   u16, u32, (u16)a) \
    X(f16_f32,      K_CAST,   0,       KC_F16,   KC_F32,   f32, f16, qk_from_f16_s(a.bits)) \
    X(bf16_f32,     K_CAST,   0,       KC_BF16,  KC_F32,   f32, bf16, qk_from_bf16_s(a.bits)) \
    X(f32_f16,      K_CAST,   0,       KC_F32,   KC_F16,   u16, f32, (u16)qk_to_f16_s(a)) \
    X(f32_bf16,     K_CAST,   0,       KC_F32,   KC_BF16,  u16, f32, (u16)qk_to_bf16_s(a)) \
    X(byte_bool,    K_CAST,   0,       KC_BOOL,  KC_U32,   u32, u8,  a != 0) \
    X(isnan_f32,    K_CALL,   KC_B_isnan,   KC_F32, KC_BOOL, i32, f32, a != a) \
    X(isnan_f64,    K_CALL,   KC_B_isnan,   KC_F64, KC_BOOL, i32, f64, a != a) \
    X(isinf_f32,    K_CALL,   KC_B_isinf,   KC_F32, KC_BOOL, i32, f32, fabs(a) == INFINITY) \
    X(isinf_f64,    K_CALL,   KC_B_isinf,   KC_F64, KC_BOOL, i32, f64, fabs(a) == (f64)INFINITY) \
    X(signbit_f32,  K_CALL,   KC_B_signbit, KC_F32, KC_BOOL, i32, u32, (i32)(a >> 31)) \
    X(signbit_f64,  K_CALL,   KC_B_signbit, KC_F64, KC_BOOL, i32, u64, (i32)(a >> 63)) \
    X(abs_i32,      K_CALL,   KC_B_abs,     KC_I32, KC_I32,  i32, i32, qk_abs_i32(a)) \
    X(abs_i64,      K_CALL,   KC_B_abs,     KC_I64, KC_I64,  i64, i64, qk_abs_i64(a)) \
    X(abs_f32,      K_CALL,   KC_B_abs,     KC_F32, KC_F32,  f32, f32, fabs(a)) \
    X(abs_f64,      K_CALL,   KC_B_abs,     KC_F64, KC_F64,  f64, f64, fabs(a)) \
    X(popcount_u32, K_CALL,   KC_B_popcount, KC_U32, KC_U32, u32, u32, popcount(a)) \
    X(clz_u32,      K_CALL,   KC_B_clz,     KC_U32, KC_U32,  u32, u32, clz(a)) \
    X(ctz_u32,      K_CALL,   KC_B_ctz,     KC_U32, KC_U32,  u32, u32, ctz(a)) \
    QK_OWN(FLOAT1) QK_LIBM(FLOAT1) FLOAT1(sqrt) FLOAT1(rsqrt)
#define FLOAT1(name) \
    ROW1(name##_f32, K_CALL,  KC_B_##name,  KC_F32, KC_F32,  f32, f32, name(a)) \
    ROW1(name##_f64, K_CALL,  KC_B_##name,  KC_F64, KC_F64,  f64, f64, name(a))

/* As the language has it: x / 0 is x, x % 0 is 0, the smallest integer by -1 is itself. */
#define DIVIDE(a, b)           ((b) == 0 ? (a) : (a) / (b))
#define REMAINDER(a, b)        ((b) == 0 ? 0 : (a) % (b))
#define DIVIDE_SIGNED(a, b)    ((b) == 0 ? (u64)(a) : (b) == -1 ? 0 - (u64)(a) : (u64)((a) / (b)))
#define REMAINDER_SIGNED(a, b) ((b) == 0 || (b) == -1 ? 0 : (a) % (b))

/*    name   op     builtin  type     to       R    A    B    expression */
#define ROWS2(X) \
    EVERY_INT_FLOAT(X, add, K_ADD, a + b) EVERY_INT_FLOAT(X, sub, K_SUB, a - b) EVERY_INT_FLOAT(X, mul, K_MUL, a * b) \
    X(div_f32, K_DIV, 0, KC_F32, KC_F32, f32, f32, f32, a / b) \
    X(div_f64, K_DIV, 0, KC_F64, KC_F64, f64, f64, f64, a / b) \
    X(div_i32, K_DIV, 0, KC_I32, KC_I32, i32, i32, i32, DIVIDE_SIGNED(a, b)) \
    X(div_u32, K_DIV, 0, KC_U32, KC_U32, u32, u32, u32, DIVIDE(a, b)) \
    X(div_i64, K_DIV, 0, KC_I64, KC_I64, i64, i64, i64, DIVIDE_SIGNED(a, b)) \
    X(div_u64, K_DIV, 0, KC_U64, KC_U64, u64, u64, u64, DIVIDE(a, b)) \
    X(rem_i32, K_REM, 0, KC_I32, KC_I32, i32, i32, i32, REMAINDER_SIGNED(a, b)) \
    X(rem_u32, K_REM, 0, KC_U32, KC_U32, u32, u32, u32, REMAINDER(a, b)) \
    X(rem_i64, K_REM, 0, KC_I64, KC_I64, i64, i64, i64, REMAINDER_SIGNED(a, b)) \
    X(rem_u64, K_REM, 0, KC_U64, KC_U64, u64, u64, u64, REMAINDER(a, b)) \
    EVERY_INT(X, and, K_AND, a & b) EVERY_INT(X, or, K_OR, a | b) EVERY_INT(X, xor, K_XOR, a ^ b) \
    X(shl_u32, K_SHL, 0, KC_U32, KC_U32, u32, u32, u32, a << (b & 31)) \
    X(shl_u64, K_SHL, 0, KC_U64, KC_U64, u64, u64, u32, a << (b & 63)) \
    X(shr_i32, K_SHR, 0, KC_I32, KC_I32, i32, i32, u32, a >> (b & 31)) \
    X(shr_u32, K_SHR, 0, KC_U32, KC_U32, u32, u32, u32, a >> (b & 31)) \
    X(shr_i64, K_SHR, 0, KC_I64, KC_I64, i64, i64, u32, a >> (b & 63)) \
    X(shr_u64, K_SHR, 0, KC_U64, KC_U64, u64, u64, u32, a >> (b & 63)) \
    EVERY_ORDER(X, lt, K_LT, a < b) EVERY_ORDER(X, le, K_LE, a <= b) \
    COMPARE(X, eq, K_EQ, u32, KC_U32, a == b) COMPARE(X, eq, K_EQ, u64, KC_U64, a == b) \
    COMPARE(X, eq, K_EQ, f32, KC_F32, a == b) COMPARE(X, eq, K_EQ, f64, KC_F64, a == b) \
    COMPARE(X, ne, K_NE, u32, KC_U32, a != b) COMPARE(X, ne, K_NE, u64, KC_U64, a != b) \
    COMPARE(X, ne, K_NE, f32, KC_F32, a != b) COMPARE(X, ne, K_NE, f64, KC_F64, a != b) \
    CALL2(X, min, i32, KC_I32) CALL2(X, min, u32, KC_U32) CALL2(X, min, i64, KC_I64) CALL2(X, min, u64, KC_U64) \
    CALL2(X, max, i32, KC_I32) CALL2(X, max, u32, KC_U32) CALL2(X, max, i64, KC_I64) CALL2(X, max, u64, KC_U64) \
    FLOAT2(X, min) FLOAT2(X, max) FLOAT2(X, atan2) FLOAT2(X, pow) FLOAT2(X, fmod) FLOAT2(X, copysign) \
    X(ldexp_f32, K_CALL, KC_B_ldexp, KC_F32, KC_F32, f32, f32, i32, ldexp(a, b)) \
    X(ldexp_f64, K_CALL, KC_B_ldexp, KC_F64, KC_F64, f64, f64, i32, ldexp(a, b))
#define EVERY_INT(X, name, op, expr) \
    X(name##_u32, op, 0, KC_U32, KC_U32, u32, u32, u32, expr) \
    X(name##_u64, op, 0, KC_U64, KC_U64, u64, u64, u64, expr)
#define EVERY_INT_FLOAT(X, name, op, expr) \
    EVERY_INT(X, name, op, expr) \
    X(name##_f32, op, 0, KC_F32, KC_F32, f32, f32, f32, expr) \
    X(name##_f64, op, 0, KC_F64, KC_F64, f64, f64, f64, expr)
#define COMPARE(X, name, op, T, kc, expr) X(name##_##T, op, 0, kc, KC_BOOL, i32, T, T, expr)
#define EVERY_ORDER(X, name, op, expr) \
    COMPARE(X, name, op, i32, KC_I32, expr) COMPARE(X, name, op, u32, KC_U32, expr) COMPARE(X, name, op, i64, KC_I64, expr) \
    COMPARE(X, name, op, u64, KC_U64, expr) COMPARE(X, name, op, f32, KC_F32, expr) COMPARE(X, name, op, f64, KC_F64, expr)
#define CALL2(X, name, T, kc) X(name##_##T, K_CALL, KC_B_##name, kc, kc, T, T, T, name(a, b))
#define FLOAT2(X, name)       CALL2(X, name, f32, KC_F32) CALL2(X, name, f64, KC_F64)

/*    name      op      builtin          type    T */
#define ROWS3(X) \
    X(mad_f32,  K_CALL, KC_B_mad,        KC_F32, f32, f32, a * b + c) \
    X(mad_f64,  K_CALL, KC_B_mad,        KC_F64, f64, f64, a * b + c) \
    X(mad_u32,  K_CALL, KC_B_mad,        KC_U32, u32, u32, a * b + c) \
    X(mad_u64,  K_CALL, KC_B_mad,        KC_U64, u64, u64, a * b + c) \
    X(fma_f32,  K_CALL, KC_B_fma,        KC_F32, f32, f32, fma(a, b, c)) \
    X(fma_f64,  K_CALL, KC_B_fma,        KC_F64, f64, f64, fma(a, b, c)) \
    X(dot4_i8_, K_CALL, KC_B_dot4_i8,    KC_U32, u32, u32, (u32)dot4_i8(a, b, (i32)c)) \
    X(dot4_u8_, K_CALL, KC_B_dot4_u8i8,  KC_U32, u32, u32, (u32)dot4_u8i8(a, b, (i32)c))

/*    name     type    T */
#define SIZES(X) X(8, KC_U8, u8) X(16, KC_U16, u16) X(32, KC_U32, u32) X(64, KC_U64, u64)
/* clang-format on */

/* Two operations on f32 in one pass: y = (a first b) second c, and as _late c second (a first b). Their key: block_pair. */
#define PAIRS_OF(X, first) X(first, add) X(first, sub) X(first, mul) X(first, min) X(first, max)
#define PAIRS(X)           PAIRS_OF(X, add) PAIRS_OF(X, sub) PAIRS_OF(X, mul) PAIRS_OF(X, min) PAIRS_OF(X, max)

#define LOOP(name)         static void name(void *to, const void *const *x, u32 n)

#define ROW1(name, op, call, from, to_, R, A, expr)                                                                         \
    LOOP(loop_##name)                                                                                                       \
    {                                                                                                                       \
        R *y = to;                                                                                                          \
        const A *p = x[0];                                                                                                  \
        IN_PLACE for (u32 k = 0; k < n; k++)                                                                                \
        {                                                                                                                   \
            A a = p[k];                                                                                                     \
            y[k] = (R)(expr);                                                                                               \
        }                                                                                                                   \
    }
ROWS1(ROW1)
#undef ROW1

#define ROW2_SHAPE(name, R, A, B, expr, read_a, read_b, at_a, at_b)                                                         \
    LOOP(loop_##name)                                                                                                       \
    {                                                                                                                       \
        R *y = to;                                                                                                          \
        const A *p = x[0];                                                                                                  \
        const B *q = x[1];                                                                                                  \
        const A p0 = read_a;                                                                                                \
        const B q0 = read_b;                                                                                                \
        IN_PLACE for (u32 k = 0; k < n; k++)                                                                                \
        {                                                                                                                   \
            A a = at_a;                                                                                                     \
            B b = at_b;                                                                                                     \
            y[k] = (R)(expr);                                                                                               \
        }                                                                                                                   \
        (void)p, (void)q, (void)p0, (void)q0;                                                                               \
    }
#define ROW2(name, op, call, from, to_, R, A, B, expr)                                                                      \
    ROW2_SHAPE(name##_vv, R, A, B, expr, 0, 0, p[k], q[k])                                                                  \
    ROW2_SHAPE(name##_vs, R, A, B, expr, 0, *q, p[k], q0)                                                                   \
    ROW2_SHAPE(name##_sv, R, A, B, expr, *p, 0, p0, q[k])
ROWS2(ROW2)
#undef ROW2

#define ROW3(name, op, call, type, R, A, expr)                                                                              \
    LOOP(loop_##name)                                                                                                       \
    {                                                                                                                       \
        R *y = to;                                                                                                          \
        const A *p = x[0], *q = x[1], *r = x[2];                                                                            \
        IN_PLACE for (u32 k = 0; k < n; k++)                                                                                \
        {                                                                                                                   \
            A a = p[k], b = q[k], c = r[k];                                                                                 \
            y[k] = (R)(expr);                                                                                               \
        }                                                                                                                   \
    }
ROWS3(ROW3)
#undef ROW3

#define SELECT(name, T, one, other)                                                                                         \
    LOOP(loop_##name)                                                                                                       \
    {                                                                                                                       \
        T *y = to;                                                                                                          \
        const i32 *m = x[0];                                                                                                \
        const T *p = x[1], *q = x[2];                                                                                       \
        const T p0 = *p, q0 = *q;                                                                                           \
        IN_PLACE for (u32 k = 0; k < n; k++)                                                                                \
        {                                                                                                                   \
            T a = one, b = other;                                                                                           \
            y[k] = m[k] ? a : b;                                                                                            \
        }                                                                                                                   \
        (void)p0, (void)q0;                                                                                                 \
    }
#define BY_SIZE(bits, type, T)                                                                                              \
    SELECT(select_##bits##_vv, T, p[k], q[k])                                                                               \
    SELECT(select_##bits##_vs, T, p[k], q0)                                                                                 \
    SELECT(select_##bits##_sv, T, p0, q[k])                                                                                 \
    LOOP(loop_splat_##bits)                                                                                                 \
    {                                                                                                                       \
        T *y = to;                                                                                                          \
        const T v = *(const T *)x[0];                                                                                       \
        for (u32 k = 0; k < n; k++) y[k] = v;                                                                               \
    }                                                                                                                       \
    LOOP(loop_gather_##bits)                                                                                                \
    {                                                                                                                       \
        T *y = to;                                                                                                          \
        const T *from = x[0];                                                                                               \
        const u32 *at = x[1];                                                                                               \
        IN_PLACE for (u32 k = 0; k < n; k++) y[k] = from[at[k]];                                                            \
    }                                                                                                                       \
    LOOP(loop_masked_##bits)                                                                                                \
    {                                                                                                                       \
        T *y = to;                                                                                                          \
        const T *from = x[0];                                                                                               \
        const u32 *at = x[1];                                                                                               \
        const i32 *m = x[2];                                                                                                \
        for (u32 k = 0; k < n; k++) {                                                                                       \
            T v = 0;                                                                                                        \
            if (m[k]) v = from[at[k]];                                                                                      \
            y[k] = v;                                                                                                       \
        }                                                                                                                   \
    }
SIZES(BY_SIZE)
#undef BY_SIZE

QK_INLINE f32 do_add(f32 a, f32 b) { return a + b; }
QK_INLINE f32 do_sub(f32 a, f32 b) { return a - b; }
QK_INLINE f32 do_mul(f32 a, f32 b) { return a * b; }
QK_INLINE f32 do_min(f32 a, f32 b) { return min(a, b); }
QK_INLINE f32 do_max(f32 a, f32 b) { return max(a, b); }
#define PAIR_LOOP(name, expr)                                                                                               \
    LOOP(name)                                                                                                              \
    {                                                                                                                       \
        f32 *y = to;                                                                                                        \
        const f32 *p = x[0], *q = x[1], *r = x[2];                                                                          \
        IN_PLACE for (u32 k = 0; k < n; k++)                                                                                \
        {                                                                                                                   \
            f32 a = p[k], b = q[k], c = r[k];                                                                               \
            y[k] = expr;                                                                                                    \
        }                                                                                                                   \
    }
#define PAIR(first, second)                                                                                                 \
    PAIR_LOOP(loop_##first##_##second, do_##second(do_##first(a, b), c))                                                    \
    PAIR_LOOP(loop_##first##_##second##_late, do_##second(c, do_##first(a, b)))
PAIRS(PAIR)
#undef PAIR

LOOP(loop_count)
{
    u32 *y = to;
    const u32 first = *(const u32 *)x[0];
    for (u32 k = 0; k < n; k++) y[k] = first + k;
}

#define ROW1(name, op, call, from, to_, R, A, expr) { op, call, from, to_, { loop_##name, NULL, NULL } },
#define ROW2(name, op, call, from, to_, R, A, B, expr)                                                                      \
    { op, call, from, to_, { loop_##name##_vv, loop_##name##_vs, loop_##name##_sv } },
#define ROW3(name, op, call, type, R, A, expr) { op, call, type, type, { loop_##name, NULL, NULL } },
#define BY_SIZE(bits, type, T)                                                                                              \
    { K_COND, 0, type, type, { loop_select_##bits##_vv, loop_select_##bits##_vs, loop_select_##bits##_sv } },               \
        { K_SPLAT, 0, type, type, { loop_splat_##bits, NULL, NULL } },                                                      \
        { K_ELEM, 0, type, type, { loop_gather_##bits, NULL, NULL } },                                                      \
        { K_ARRAY, 0, type, type, { loop_masked_##bits, NULL, NULL } },

#define PAIR(first, second)                                                                                                 \
    { BLOCK_PAIR,                                                                                                           \
      BLOCK_PAIR_##first * BLOCK_PAIR_COUNT + BLOCK_PAIR_##second,                                                          \
      0,                                                                                                                    \
      0,                                                                                                                    \
      { loop_##first##_##second, loop_##first##_##second##_late, NULL } },

#define NAMED_(isa) block_loops_##isa
#define NAMED(isa)  NAMED_(isa)
/* clang-format off */
const block_loop NAMED(QK_ISA)[] = {
    ROWS1(ROW1) ROWS2(ROW2) ROWS3(ROW3) SIZES(BY_SIZE) PAIRS(PAIR)
    { K_VAR, 0, KC_U32, KC_U32, { loop_count, NULL, NULL } },
    { K_USER, 0, 0, 0, { NULL, NULL, NULL } },
};
/* clang-format on */

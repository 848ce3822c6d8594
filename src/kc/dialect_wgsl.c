/* The tables of the WGSL dialect: its words, its builtins, and the functions that it lacks or does not promise to be exact enough. WGSL
 * allows exp an error of 3 + 2|x| ulp, sine one of 2^-11, atan one of 4096 ulp, so those are written here: at most 4 ulp (pow 100, lgamma 1e-6
 * absolute) where + - * are rounded. NaN is told by its bits, for a driver may assume that there is none. A text with $T serves numbers
 * and vectors alike; one with f32 is applied to each lane. i64 and u64 are vec2<u32>, the low word first. */
#include "kc/wgsl.h"

#define NAN_OF(x)    "(bitcast<$M>(" x ") & $M(0x7fffffff)) > $M(0x7f800000)"
#define IS_NAN(x)    "(bitcast<u32>(" x ") & 0x7fffffffu) > 0x7f800000u"
#define SIGN_OF(x)   "(bitcast<u32>(" x ") & 0x80000000u)"
#define RESIGN(v, s) "bitcast<f32>((bitcast<u32>(" v ") & 0x7fffffffu) | " SIGN_OF(s) ")"
#define INF_TEXT     "qc_inf()"
#define NAN_TEXT     "qc_nan()"

/* clang-format off */
static const helper wgsl_helpers[] = {
    /* constant expressions may not be infinite; and a driver that knows a number to be infinite takes |x| > -infinity for true, of a NaN too. No launch
     * has so many items, and a count is alike for all items of a group. What needs qc_nan may write qc_inf. */
    { "qc_inf", NULL, "fn qc_inf() -> f32 {\n    return bitcast<f32>(select(0x7f800000u, 0u, qk.qk_count == 0xffffffffu));\n}" },
    { "qc_nan", "qc_inf", "fn qc_nan() -> f32 {\n    return bitcast<f32>(select(0x7fc00000u, 0u, qk.qk_count == 0xffffffffu));\n}" },
    /* a driver divides a number of 32 bits whose upper ones are copies of its sign as if it were small (that a count is not 0 it can know) */
    { "qc_any_u32", NULL, "fn qc_any_u32(v: u32) -> u32 {\n    return v ^ select(0u, 0x5a5a5a5au, qk.qk_count == 0xffffffffu);\n}" },
    { "qc_again", NULL, /* print_again */
      "fn qc_again(v: bool) -> bool {\n    return v != (qk.qk_count == 0xffffffffu);\n}" },
    { "qc_known", NULL, "fn $F(x: $T) -> $T {\n    return x;\n}" }, /* and the result of a function is no constant */
    /* Vulkan leaves the remainder of negative numbers open, but not their quotient */
    { "qc_rem", NULL, "fn $F(a: $T, b: $T) -> $T {\n    let by = select(b, $T(1), b == $T(0));\n    return a - a / by * by;\n}" },
    { "qc_times_zero", NULL,
      "fn $F(a: $T, b: $T) -> $T {\n    let sign = (bitcast<$M>(a) ^ bitcast<$M>(b)) & ~$M(0x7fffffff);\n    let most = max(bitcast<$M>(a) & $M(0x7fffffff), bitcast<$M>(b) & $M(0x7fffffff));\n"
      "    return bitcast<$T>(select(sign, $M(0x7fc00000), most >= $M(0x7f800000)));\n}" },
    /* and x - x for 0 */
    { "qc_minus_self", NULL, "fn $F(x: $T) -> $T {\n    return bitcast<$T>(select($M(0), $M(0x7fc00000), (bitcast<$M>(x) & $M(0x7fffffff)) >= $M(0x7f800000)));\n}" },
    /* WGSL's division may be off by 2.5 units in the last place, and drivers take x / x for 1, y / infinity for 0 and what is by 1 / y beyond 2^126
     * for 0. So the driver divides two numbers of [1, 4), and integers say by how many units it is off: from 3 below to 4 above, mx * 2^23 - m * my is
     * small, thus exact though both wrap, and no rearranging of integers changes it. No quotient lies half way. What is 0, denormal, infinite or NaN, or
     * is tiny after, is the driver's, its operands each hidden by a 0 that it does not know to be one. Exponents stay in place, for $M has no shifts. */
    { "qc_quotient", NULL,
      "fn $F(x: $T, y: $T) -> $T {\n    let ax = bitcast<$M>(x);\n    let ay = bitcast<$M>(y);\n    let ex = ax & $M(0x7f800000);\n    let ey = ay & $M(0x7f800000);\n"
      "    let mx = (ax & $M(0x7fffff)) | $M(0x800000);\n    let my = (ay & $M(0x7fffff)) | $M(0x800000);\n    let less = mx < my;\n    let e = ex - ey + select($M(0x3f800000), $M(0x3f000000), less);\n"
      "    let far = (ex == $M(0)) | (ex == $M(0x7f800000)) | (ey == $M(0)) | (ey == $M(0x7f800000)) | ((e <= $M(0)) & (e >= $M(-0x40000000)));\n"
      "    let zero_x = $M(select(0, 1, qk.qk_count == 0xffffffffu));\n    let zero_y = $M(select(0, 1, qk.qk_count == 0xfffffffeu));\n    let by = select($T(1.0), $T(2.3283064e-10), abs(y) > $T(4e37));\n"
      "    let a = select(bitcast<$T>((ax & $M(0x7fffff)) | select($M(0x3f800000), $M(0x40000000), less)), bitcast<$T>(ax ^ zero_x) * by, far);\n"
      "    let b = select(bitcast<$T>((ay & $M(0x7fffff)) | $M(0x3f800000)), bitcast<$T>(ay ^ zero_y) * by, far);\n    let q = a / b;\n"
      "    var m = clamp(bitcast<$M>(q), $M(0x3f800000), $M(0x3fffffff)) - $M(0x3f000003);\n    var rest = (mx * select($M(0x800000), $M(0x1000000), less) - m * my) * $M(2) + my;\n"
      "    let four = rest >= my * $M(8);\n    m += select($M(0), $M(4), four);\n    rest -= select($M(0), my * $M(8), four);\n"
      "    let two = rest >= my * $M(4);\n    m += select($M(0), $M(2), two);\n    rest -= select($M(0), my * $M(4), two);\n    m += select($M(0), $M(1), rest >= my * $M(2));\n"
      "    let over = (e == $M(0x7f800000)) | (e < $M(-0x40000000));\n    let near = select(m + e - $M(0x800000), $M(0x7f800000), over) | ((ax ^ ay) & ~$M(0x7fffffff));\n"
      "    return select(bitcast<$T>(near), q, far);\n}" },
    { "qc_isnan", NULL, "fn qc_isnan_f32(x: f32) -> bool {\n    return " IS_NAN("x") ";\n}" },
    { "qc_isinf", NULL, "fn qc_isinf_f32(x: f32) -> bool {\n    return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;\n}" },
    { "qc_signbit", NULL, "fn qc_signbit_f32(x: f32) -> bool {\n    return (bitcast<u32>(x) >> 31u) != 0u;\n}" },
    { "qc_min", NULL, "fn $F(a: $T, b: $T) -> $T {\n    let least = select(b, a, a < b);\n    return select(select(least, b, " NAN_OF("b") "), a, " NAN_OF("a") ");\n}" },
    { "qc_max", NULL, "fn $F(a: $T, b: $T) -> $T {\n    let most = select(b, a, a > b);\n    return select(select(most, b, " NAN_OF("b") "), a, " NAN_OF("a") ");\n}" },
    { "qc_sumw", NULL, "fn $F(v: $T) -> $E {\n    return (v.x + v.z) + (v.y + v.w);\n}" },
    { "qc_maxw", "qc_max_f32", "fn $F(v: $T) -> $E {\n    return qc_max_f32(qc_max_f32(v.x, v.z), qc_max_f32(v.y, v.w));\n}" },
    { "qc_copysign", NULL, "fn qc_copysign_f32(x: f32, s: f32) -> f32 {\n    return " RESIGN("x", "s") ";\n}" },
    /* ---- narrow floats, in the low 16 bits of a word */
    { "qc_from_f16", NULL,
      "fn qc_from_f16(h: u32) -> f32 {\n    let rest = (h & 0x7fffu) << 13u;\n"
      "    let bits = select(bitcast<u32>(bitcast<f32>(rest + 0x38000000u)), rest | 0x7f800000u, rest >= 0x0f800000u);\n"
      "    let tiny = bitcast<u32>(f32(h & 0x3ffu) * 5.9604644775390625e-8);\n"
      "    return bitcast<f32>(select(bits, tiny, rest < 0x00800000u) | ((h & 0x8000u) << 16u));\n}" },
    { "qc_to_f16", NULL,
      "fn qc_to_f16(v: f32) -> u32 {\n    let bits = bitcast<u32>(v);\n    let a = bits & 0x7fffffffu;\n"
      "    var h = (a - 0x38000000u + 0xfffu + ((a >> 13u) & 1u)) >> 13u;\n"
      "    if (a < 0x38800000u) {\n        h = u32(round(bitcast<f32>(a) * 16777216.0));\n    }\n"
      "    if (a >= 0x47800000u) {\n        h = 0x7c00u;\n    }\n    if (a > 0x7f800000u) {\n        h = 0x7e00u | ((a >> 13u) & 0x3ffu);\n    }\n"
      "    return h | ((bits >> 16u) & 0x8000u);\n}" },
    { "qc_from_bf16", NULL, "fn qc_from_bf16(h: u32) -> f32 {\n    return bitcast<f32>(h << 16u);\n}" },
    { "qc_to_bf16", NULL,
      "fn qc_to_bf16(v: f32) -> u32 {\n    let bits = bitcast<u32>(v);\n    let even = (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;\n"
      "    return select(even, (bits >> 16u) | 0x40u, (bits & 0x7fffffffu) > 0x7f800000u);\n}" },
    /* ---- float to integer: saturating, NaN gives 0 */
    { "qc_to_i32", NULL,
      "fn qc_to_i32(x: f32) -> i32 {\n    if (" IS_NAN("x") ") {\n        return 0;\n    }\n"
      "    return select(select(i32(clamp(x, -2147483648.0, 2147483520.0)), 2147483647, x >= 2147483648.0), i32(-2147483648), x <= -2147483648.0);\n}" },
    { "qc_to_u32", NULL,
      "fn qc_to_u32(x: f32) -> u32 {\n    if (" IS_NAN("x") ") {\n        return 0u;\n    }\n"
      "    return select(u32(clamp(x, 0.0, 4294967040.0)), 4294967295u, x >= 4294967296.0);\n}" },
    { "qc_to_i64", "qc_u64_abs",
      "fn qc_to_i64(x: f32) -> vec2<u32> {\n    if (" IS_NAN("x") ") {\n        return vec2<u32>(0u, 0u);\n    }\n    let a = abs(x);\n    if (a >= 9223372036854775808.0) {\n"
      "        return select(vec2<u32>(0u, 0x80000000u), vec2<u32>(0xffffffffu, 0x7fffffffu), x > 0.0);\n    }\n"
      "    let high = trunc(a * 2.3283064365386963e-10);\n    let v = vec2<u32>(u32(a - high * 4294967296.0), u32(high));\n    return select(v, qc_i64_neg(v), x < 0.0);\n}" },
    { "qc_to_u64", NULL,
      "fn qc_to_u64(x: f32) -> vec2<u32> {\n    if (!(x > 0.0) || " IS_NAN("x") ") {\n        return vec2<u32>(0u, 0u);\n    }\n    if (x >= 18446744073709551616.0) {\n"
      "        return vec2<u32>(0xffffffffu, 0xffffffffu);\n    }\n    let high = trunc(x * 2.3283064365386963e-10);\n    return vec2<u32>(u32(x - high * 4294967296.0), u32(high));\n}" },
    /* ---- 64-bit integers */
    { "qc_i64_neg", NULL, "fn qc_i64_neg(a: vec2<u32>) -> vec2<u32> {\n    return vec2<u32>(0u - a.x, ~a.y + select(0u, 1u, a.x == 0u));\n}" },
    { "qc_u64_abs", "qc_i64_neg", "fn qc_u64_abs(a: vec2<u32>) -> vec2<u32> {\n    return select(a, qc_i64_neg(a), (a.y >> 31u) != 0u);\n}" },
    { "qc_i64_add", NULL, "fn qc_i64_add(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {\n    let low = a.x + b.x;\n    return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));\n}" },
    { "qc_i64_sub", NULL, "fn qc_i64_sub(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {\n    return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));\n}" },
    { "qc_u32_mul", NULL,
      "fn qc_u32_mul(a: u32, b: u32) -> vec2<u32> {\n    let al = a & 0xffffu;\n    let ah = a >> 16u;\n    let bl = b & 0xffffu;\n    let bh = b >> 16u;\n"
      "    let low = al * bl;\n    let middle = ah * bl + (low >> 16u);\n    let other = al * bh + (middle & 0xffffu);\n"
      "    return vec2<u32>((other << 16u) | (low & 0xffffu), ah * bh + (middle >> 16u) + (other >> 16u));\n}" },
    { "qc_i64_mul", "qc_u32_mul", "fn qc_i64_mul(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {\n    let low = qc_u32_mul(a.x, b.x);\n    return vec2<u32>(low.x, low.y + a.x * b.y + a.y * b.x);\n}" },
    { "qc_u64_lt", NULL, "fn qc_u64_lt(a: vec2<u32>, b: vec2<u32>) -> bool {\n    return a.y < b.y || (a.y == b.y && a.x < b.x);\n}" },
    { "qc_i64_lt", NULL, "fn qc_i64_lt(a: vec2<u32>, b: vec2<u32>) -> bool {\n    return bitcast<i32>(a.y) < bitcast<i32>(b.y) || (a.y == b.y && a.x < b.x);\n}" },
    { "qc_u64_shl", NULL,
      "fn qc_u64_shl(a: vec2<u32>, count: u32) -> vec2<u32> {\n    let n = count & 63u;\n    if (n == 0u) {\n        return a;\n    }\n    if (n >= 32u) {\n"
      "        return vec2<u32>(0u, a.x << (n - 32u));\n    }\n    return vec2<u32>(a.x << n, (a.y << n) | (a.x >> (32u - n)));\n}" },
    { "qc_u64_shr", NULL,
      "fn qc_u64_shr(a: vec2<u32>, count: u32) -> vec2<u32> {\n    let n = count & 63u;\n    if (n == 0u) {\n        return a;\n    }\n    if (n >= 32u) {\n"
      "        return vec2<u32>(a.y >> (n - 32u), 0u);\n    }\n    return vec2<u32>((a.x >> n) | (a.y << (32u - n)), a.y >> n);\n}" },
    { "qc_i64_shr", NULL,
      "fn qc_i64_shr(a: vec2<u32>, count: u32) -> vec2<u32> {\n    let n = count & 63u;\n    let high = bitcast<i32>(a.y);\n    if (n == 0u) {\n        return a;\n    }\n    if (n >= 32u) {\n"
      "        return vec2<u32>(bitcast<u32>(high >> (n - 32u)), bitcast<u32>(high >> 31u));\n    }\n    return vec2<u32>((a.x >> n) | (a.y << (32u - n)), bitcast<u32>(high >> n));\n}" },
    { "qc_u64_divide", "qc_i64_sub qc_u64_lt qc_u64_shl", /* quotient, remainder; by 0 as WGSL has it for u32: a, 0 */
      "fn qc_u64_divide(a: vec2<u32>, b: vec2<u32>) -> vec4<u32> {\n    if ((b.x | b.y) == 0u) {\n        return vec4<u32>(a, 0u, 0u);\n    }\n    if ((a.y | b.y) == 0u) {\n"
      "        return vec4<u32>(a.x / b.x, 0u, a.x % b.x, 0u);\n    }\n    var quotient = a;\n    var rest = vec2<u32>(0u, 0u);\n    for (var i = 0u; i < 64u; i++) {\n        let lost = (rest.y >> 31u) != 0u;\n"
      "        rest = qc_u64_shl(rest, 1u) | vec2<u32>(quotient.y >> 31u, 0u);\n        quotient = qc_u64_shl(quotient, 1u);\n        if (lost || !qc_u64_lt(rest, b)) {\n            rest = qc_i64_sub(rest, b);\n            quotient.x |= 1u;\n        }\n    }\n"
      "    return vec4<u32>(quotient, rest);\n}" },
    { "qc_u64_div", "qc_u64_divide", "fn qc_u64_div(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {\n    return qc_u64_divide(a, b).xy;\n}" },
    { "qc_u64_rem", "qc_u64_divide", "fn qc_u64_rem(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {\n    return qc_u64_divide(a, b).zw;\n}" },
    { "qc_i64_div", "qc_u64_divide qc_u64_abs",
      "fn qc_i64_div(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {\n    if ((b.x | b.y) == 0u) {\n        return a;\n    }\n    let q = qc_u64_divide(qc_u64_abs(a), qc_u64_abs(b)).xy;\n    return select(q, qc_i64_neg(q), ((a.y ^ b.y) >> 31u) != 0u);\n}" },
    { "qc_i64_rem", "qc_u64_divide qc_u64_abs",
      "fn qc_i64_rem(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {\n    let r = qc_u64_divide(qc_u64_abs(a), qc_u64_abs(b)).zw;\n    return select(r, qc_i64_neg(r), (a.y >> 31u) != 0u);\n}" },
    { "qc_i64_from_i32", NULL, "fn qc_i64_from_i32(a: i32) -> vec2<u32> {\n    return vec2<u32>(bitcast<u32>(a), bitcast<u32>(a >> 31u));\n}" },
    { "qc_f32_from_u64", NULL, /* the upper 32 bits, with a last bit that says whether something was cut off, round as the whole does */
      "fn qc_f32_from_u64(a: vec2<u32>) -> f32 {\n    if (a.y == 0u) {\n        return f32(a.x);\n    }\n    let n = 32u - countLeadingZeros(a.y);\n    var top = a.y;\n    var cut = a.x;\n    if (n < 32u) {\n"
      "        top = (a.y << (32u - n)) | (a.x >> n);\n        cut = a.x << (32u - n);\n    }\n    top |= select(0u, 1u, cut != 0u);\n    return f32(top) * bitcast<f32>((n + 127u) << 23u);\n}" },
    { "qc_f32_from_i64", "qc_f32_from_u64 qc_u64_abs", "fn qc_f32_from_i64(a: vec2<u32>) -> f32 {\n    let v = qc_f32_from_u64(qc_u64_abs(a));\n    return select(v, -v, (a.y >> 31u) != 0u);\n}" },
    { "qc_i64_min", "qc_i64_lt", "fn qc_i64_min(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {\n    return select(b, a, qc_i64_lt(a, b));\n}" },
    { "qc_i64_max", "qc_i64_lt", "fn qc_i64_max(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {\n    return select(a, b, qc_i64_lt(a, b));\n}" },
    { "qc_u64_min", "qc_u64_lt", "fn qc_u64_min(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {\n    return select(b, a, qc_u64_lt(a, b));\n}" },
    { "qc_u64_max", "qc_u64_lt", "fn qc_u64_max(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {\n    return select(a, b, qc_u64_lt(a, b));\n}" },
    { "qc_u64_popcount", NULL, "fn qc_u64_popcount(a: vec2<u32>) -> u32 {\n    return countOneBits(a.x) + countOneBits(a.y);\n}" },
    { "qc_u64_clz", NULL, "fn qc_u64_clz(a: vec2<u32>) -> u32 {\n    return select(countLeadingZeros(a.y), 32u + countLeadingZeros(a.x), a.y == 0u);\n}" },
    { "qc_u64_ctz", NULL, "fn qc_u64_ctz(a: vec2<u32>) -> u32 {\n    return select(countTrailingZeros(a.x), 32u + countTrailingZeros(a.y), a.x == 0u);\n}" },
    { "qc_dot4_i8", NULL,
      "fn qc_dot4_i8(a: u32, b: u32, c: i32) -> i32 {\n    var sum = c;\n    for (var k = 0u; k < 32u; k += 8u) {\n        sum += extractBits(bitcast<i32>(a), k, 8u) * extractBits(bitcast<i32>(b), k, 8u);\n    }\n    return sum;\n}" },
    { "qc_dot4_u8i8", NULL,
      "fn qc_dot4_u8i8(a: u32, b: u32, c: i32) -> i32 {\n    var sum = c;\n    for (var k = 0u; k < 32u; k += 8u) {\n        sum += i32(extractBits(a, k, 8u)) * extractBits(bitcast<i32>(b), k, 8u);\n    }\n    return sum;\n}" },
    /* ---- exponentials */
    { "qc_scale", NULL, "fn $F(v: $T, n: $M) -> $T {\n    let half = n >> $U(1u);\n    return v * bitcast<$T>((half + $M(127)) << $U(23u)) * bitcast<$T>((n - half + $M(127)) << $U(23u));\n}" },
    { "qc_exp", "qc_scale",
      "fn $F(x: $T) -> $T {\n    let low = select(x, $T(-105.0), x < $T(-105.0));\n    let v = select(low, $T(89.0), low > $T(89.0));\n    let n = round(v * 1.44269504);\n"
      "    let r = (v - n * 0.693359375) + n * 2.12194440e-4;\n    let q = 0.499999911 + r * (0.166664973 + r * (0.0416686684 + r * (0.00837149657 + r * 0.00138088339)));\n"
      "    return select(qc_scale_$K((r * r * q + r) + 1.0, $M(n)), x, " NAN_OF("x") ");\n}" },
    { "qc_exp2", "qc_scale",
      "fn $F(x: $T) -> $T {\n    let low = select(x, $T(-151.0), x < $T(-151.0));\n    let v = select(low, $T(129.0), low > $T(129.0));\n    let n = round(v);\n    let r = v - n;\n"
      "    let q = 0.0555033199 + r * (0.00961843971 + r * (0.00133991358 + r * 0.00015353151));\n"
      "    return select(qc_scale_$K(r * (0.693147182 + r * (0.240226477 + r * q)) + 1.0, $M(n)), x, " NAN_OF("x") ");\n}" },
    { "qc_expm1", "qc_scale",
      "fn $F(x: $T) -> $T {\n    let low = select(x, $T(-30.0), x < $T(-30.0));\n    let v = select(low, $T(89.0), low > $T(89.0));\n    let n = round(v * 1.44269504);\n"
      "    let r = (v - n * 0.693359375) + n * 2.12194440e-4;\n    let q = 0.499999911 + r * (0.166664973 + r * (0.0416686684 + r * (0.00837149657 + r * 0.00138088339)));\n"
      "    let half = qc_scale_$K($T(0.5), $M(n));\n    let y = (half * (r * r * q + r) + (half - 0.5)) * 2.0;\n    return select(y, x, (abs(x) < $T(1e-8)) | (" NAN_OF("x") "));\n}" },
    { "qc_sigmoid", "qc_exp",
      "fn $F(x: $T) -> $T {\n    let e = qc_exp_$K(-abs(x));\n    return select(select($T(1.0), e, x < $T(0.0)) / (1.0 + e), x, " NAN_OF("x") ");\n}" },
    { "qc_tanh", "qc_exp",
      "fn $F(x: $T) -> $T {\n    let a = abs(x);\n    let z = x * x;\n    let p = 0.133313313 + z * (-0.053730011 + z * (0.0206061844 + z * -0.00566698518));\n    let near = x + x * z * (-0.333332777 + z * p);\n"
      "    let far = 1.0 - 2.0 / (qc_exp_$K(2.0 * a) + 1.0);\n    return select(select(select(far, -far, x < $T(0.0)), near, a < $T(0.625)), x, " NAN_OF("x") ");\n}" },
    { "qc_erf", "qc_exp",
      "fn $F(x: $T) -> $T {\n    let a = abs(x);\n    let z = x * x;\n    let p = 0.112836875 + z * (-0.02685895 + z * (0.00519992318 + z * (-0.000813017366 + z * 8.31737416e-05)));\n"
      "    let near = x + x * (0.128379166 + z * (-0.376126319 + z * p));\n    let t = select(a, $T(3.95), a > $T(3.95));\n"
      "    let l = 0.108280592 + t * (-0.0251197629 + t * (0.00417119637 + t * (-0.00043449158 + t * 2.10976905e-05)));\n"
      "    let far = 1.0 - qc_exp_$K(-(-0.000174728106 + t * (1.12951517 + t * (0.633346438 + t * l))));\n    return select(select(select(far, -far, x < $T(0.0)), near, a < $T(0.93)), x, " NAN_OF("x") ");\n}" },
    { "qc_tail", "qc_exp", /* P(z <= -t) of a normal z, t >= 1 */
      "fn $F(t: $T) -> $T {\n    let u = 2.0 / (t + 2.0);\n    let p = 0.076234743 + u * (-0.501284659 + u * (0.592343688 + u * (-0.291469038 + u * 0.0519485772)));\n"
      "    let q = 0.199479997 + u * (0.19918263 + u * (0.153575346 + u * (0.0196651295 + u * p)));\n    let top = bitcast<$T>(bitcast<$M>(t) & $M(-4096));\n"
      "    return qc_exp_$K(-0.5 * (top * top)) * qc_exp_$K(-0.5 * ((t - top) * (t + top))) * (u * q);\n}" },
    { "qc_gelu", "qc_tail",
      "fn $F(x: $T) -> $T {\n    let a = abs(x);\n    let z = x * x;\n    let p = 0.0099617308 + z * (-0.00116218661 + z * 9.10794624e-05);\n    let near = x * (0.5 + x * (0.398942143 + z * (-0.0664880201 + z * p)));\n"
      "    let tail = qc_tail_$K(select(a, $T(14.4), a > $T(14.4)));\n    let left = select(x, $T(-15.0), x < $T(-15.0)) * tail;\n    let far = select(x * (1.0 - tail), left, x < $T(0.0));\n"
      "    return select(select(far, near, a < $T(1.0)), x, " NAN_OF("x") ");\n}" },
    { "qc_erfc", "qc_erf qc_tail",
      "fn $F(x: $T) -> $T {\n    let a = abs(x);\n    let far = 2.0 * qc_tail_$K(select(a, $T(10.2), a > $T(10.2)) * 1.41421356);\n"
      "    return select(select(select(far, 2.0 - far, x < $T(0.0)), 1.0 - qc_erf_$K(x), a < $T(0.93)), x, " NAN_OF("x") ");\n}" },
    /* ---- logarithms */
    { "qc_log_parts", NULL, /* x = (1 + f) * 2^e: f, log(1 + f) - f, e */
      "fn qc_log_parts(x: f32) -> vec3<f32> {\n    let tiny = x < 1.17549435e-38;\n    let bits = bitcast<u32>(select(x, x * 33554432.0, tiny));\n    let n = bitcast<i32>(bits - 0x3f3504f3u) >> 23u;\n"
      "    let f = bitcast<f32>(bits - (bitcast<u32>(n) << 23u)) - 1.0;\n    let z = f * f;\n"
      "    let p = 0.14218536 + f * (-0.124030054 + f * (0.1189356 + f * (-0.116947338 + f * 0.0675790757)));\n"
      "    let q = 0.333333105 + f * (-0.250000089 + f * (0.200021684 + f * (-0.166680947 + f * p)));\n    return vec3<f32>(f, f * z * q - 0.5 * z, f32(n) - select(0.0, 25.0, tiny));\n}" },
    { "qc_log_edges", "qc_nan",
      "fn qc_log_edges(x: f32, y: f32) -> f32 {\n    let bits = bitcast<u32>(x);\n    if ((bits & 0x7fffffffu) == 0u) {\n        return -" INF_TEXT ";\n    }\n    if ((bits & 0x7fffffffu) > 0x7f800000u || bits == 0x7f800000u) {\n        return x;\n    }\n"
      "    return select(y, " NAN_TEXT ", (bits >> 31u) != 0u);\n}" },
    { "qc_log", "qc_log_parts qc_log_edges", "fn qc_log_f32(x: f32) -> f32 {\n    let p = qc_log_parts(x);\n    return qc_log_edges(x, (p.x + (p.y + p.z * -2.12194440e-4)) + p.z * 0.693359375);\n}" },
    { "qc_log2", "qc_log_parts qc_log_edges", "fn qc_log2_f32(x: f32) -> f32 {\n    let p = qc_log_parts(x);\n    return qc_log_edges(x, (((p.y * 0.442695041 + p.x * 0.442695041) + p.y) + p.x) + p.z);\n}" },
    { "qc_log10", "qc_log_parts qc_log_edges", "fn qc_log10_f32(x: f32) -> f32 {\n    let p = qc_log_parts(x);\n    return qc_log_edges(x, ((p.y + p.x) * 0.434294482 + p.z * 4.60503896e-6) + p.z * 0.301025391);\n}" },
    { "qc_log1p", "qc_log",
      "fn qc_log1p_f32(x: f32) -> f32 {\n    let u = 1.0 + x;\n    let y = qc_log_f32(u);\n    if (abs(x) < 1e-8) {\n        return x;\n    }\n    if (!(u > 0.0) || u > 3.0e38) {\n        return y;\n    }\n    return y + (x - (u - 1.0)) / u;\n}" },
    /* ---- powers and roots */
    { "qc_pow", "qc_log_parts qc_scale_f32 qc_nan",
      "fn qc_pow_f32(x: f32, y: f32) -> f32 {\n    let ax = abs(x);\n    let ay = abs(y);\n    if (y == 0.0 || x == 1.0) {\n        return 1.0;\n    }\n    if (" IS_NAN("x") ") {\n        return x;\n    }\n    if (" IS_NAN("y") ") {\n        return y;\n    }\n"
      "    let whole = ay >= 16777216.0 || y == trunc(y);\n    let odd = whole && ay < 16777216.0 && (u32(ay) & 1u) != 0u;\n    let negative = (bitcast<u32>(x) >> 31u) != 0u;\n    var v = 0.0;\n"
      "    if (bitcast<u32>(ay) == 0x7f800000u) {\n        if (ax == 1.0) {\n            return 1.0;\n        }\n        return select(0.0, " INF_TEXT ", (ax > 1.0) == (y > 0.0));\n    }\n"
      "    if (ax == 0.0 || bitcast<u32>(ax) == 0x7f800000u) {\n        v = select(0.0, " INF_TEXT ", (ax == 0.0) == (y < 0.0));\n    } else {\n        if (negative && !whole) {\n            return " NAN_TEXT ";\n        }\n"
      "        let p = qc_log_parts(ax);\n        let g = ((p.y * 0.442695041 + p.x * 0.442695041) + p.y) + p.x;\n        let log2_v = y * (g + p.z);\n        if (log2_v > 129.0) {\n            v = " INF_TEXT ";\n        } else if (log2_v > -151.0) {\n"
      "            let n = round(log2_v);\n            let yh = bitcast<f32>(bitcast<u32>(y) & 0xfffff000u);\n            let r = ((yh * p.z - n) + (y - yh) * p.z) + y * g;\n"
      "            let q = 0.0555033199 + r * (0.00961843971 + r * (0.00133991358 + r * 0.00015353151));\n            v = qc_scale_f32(r * (0.693147182 + r * (0.240226477 + r * q)) + 1.0, i32(n));\n        }\n    }\n"
      "    return select(v, -v, negative && odd);\n}" },
    { "qc_cbrt", "qc_log_parts qc_exp2_f32",
      "fn qc_cbrt_f32(x: f32) -> f32 {\n    let a = abs(x);\n    if (a == 0.0 || (bitcast<u32>(a) >= 0x7f800000u)) {\n        return x;\n    }\n    let p = qc_log_parts(a);\n    let t = qc_exp2_f32((p.z + (p.x + p.y) * 1.44269504) * 0.333333333);\n"
      "    return " RESIGN("t - (t - a / (t * t)) * 0.333333333", "x") ";\n}" },
    { "qc_rsqrt", NULL, "fn $F(x: $T) -> $T {\n    return 1.0 / sqrt(x);\n}" },
    { "qc_fmod", "qc_nan", /* exact: long division, bit by bit */
      "fn qc_fmod_f32(x: f32, y: f32) -> f32 {\n    let ax = bitcast<u32>(x) & 0x7fffffffu;\n    let ay = bitcast<u32>(y) & 0x7fffffffu;\n    if (ax >= 0x7f800000u || ay > 0x7f800000u || ay == 0u) {\n        return " NAN_TEXT ";\n    }\n    if (ax < ay) {\n        return x;\n    }\n"
      "    let ex = max(ax >> 23u, 1u);\n    let ey = max(ay >> 23u, 1u);\n    var m = select(ax & 0x7fffffu, (ax & 0x7fffffu) | 0x800000u, ax >= 0x800000u);\n    let d = select(ay & 0x7fffffu, (ay & 0x7fffffu) | 0x800000u, ay >= 0x800000u);\n"
      "    m %= d;\n    for (var e = ex; e > ey; e--) {\n        m = (m << 1u) % d;\n    }\n    if (m == 0u) {\n        return bitcast<f32>(" SIGN_OF("x") ");\n    }\n    let up = min(countLeadingZeros(m) - 8u, ey - 1u);\n    let shifted = m << up;\n    let e = ey - up;\n"
      "    return bitcast<f32>(select(shifted, (shifted & 0x7fffffu) | (e << 23u), shifted >= 0x800000u) | " SIGN_OF("x") ");\n}" },
    { "qc_ldexp", NULL,
      "fn $F(x: $T, n: $M) -> $T {\n    let a = clamp(n, $M(-126), $M(127));\n    let b = clamp(n - a, $M(-126), $M(127));\n    let c = clamp(n - a - b, $M(-126), $M(127));\n"
      "    return x * bitcast<$T>((a + $M(127)) << $U(23u)) * bitcast<$T>((b + $M(127)) << $U(23u)) * bitcast<$T>((c + $M(127)) << $U(23u));\n}" },
    /* ---- sine and its kin. x in quarter turns by 96 bits of 2/pi from where they matter (Payne and Hanek) */
    { "qc_two_over_pi", NULL, "var<private> qc_two_over_pi: array<u32, 9> = array<u32, 9>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu, 0xdebbc561u);" },
    { "qc_quarters", "qc_u32_mul qc_two_over_pi", /* y and the number of quarters */
      "fn qc_quarters(x: f32) -> vec2<f32> {\n    let a = bitcast<u32>(x) & 0x7fffffffu;\n    if (a < 0x3f490fdbu) {\n        return vec2<f32>(x, 0.0);\n    }\n    let m = (a & 0x7fffffu) | 0x800000u;\n    let place = (a >> 23u) - 120u;\n    let word = place >> 5u;\n    let by = place & 31u;\n"
      "    var w: array<u32, 3>;\n    for (var k = 0u; k < 3u; k++) {\n        let high = qc_two_over_pi[word + k] << by;\n        w[k] = high | select(0u, qc_two_over_pi[min(word + k + 1u, 8u)] >> (32u - by), by != 0u);\n    }\n"
      "    let middle = qc_u32_mul(m, w[1]);\n    let low = middle.x + qc_u32_mul(m, w[2]).y;\n    let high = m * w[0] + middle.y + select(0u, 1u, low < middle.x);\n    let quarter = (high + 0x20000000u) >> 30u;\n"
      "    let y = (f32(bitcast<i32>(high - (quarter << 30u))) + f32(low) * 2.3283064365386963e-10) * 1.4629180792671596e-9;\n    let negative = (bitcast<u32>(x) >> 31u) != 0u;\n"
      "    return vec2<f32>(select(y, -y, negative), f32(select(quarter, 4u - quarter, negative)));\n}" },
    { "qc_wave", "qc_quarters qc_nan",
      "fn qc_wave(x: f32, ahead: u32) -> f32 {\n    if ((bitcast<u32>(x) & 0x7fffffffu) >= 0x7f800000u) {\n        return " NAN_TEXT ";\n    }\n    let p = qc_quarters(x);\n    let quarter = u32(p.y) + ahead;\n    let y = p.x;\n    let z = y * y;\n"
      "    let s = y + y * z * (-0.166666672 + z * (0.00833332911 + z * (-0.000198392663 + z * 2.71768067e-06)));\n    let c = 1.0 + z * (-0.5 + z * (0.0416666456 + z * (-0.0013887278 + z * 2.44287821e-05)));\n"
      "    let v = select(s, c, (quarter & 1u) != 0u);\n    return select(v, -v, (quarter & 2u) != 0u);\n}" },
    { "qc_sin", "qc_wave", "fn qc_sin_f32(x: f32) -> f32 {\n    return qc_wave(x, 0u);\n}" },
    { "qc_cos", "qc_wave", "fn qc_cos_f32(x: f32) -> f32 {\n    return qc_wave(x, 1u);\n}" },
    { "qc_tan", "qc_wave", "fn qc_tan_f32(x: f32) -> f32 {\n    return qc_wave(x, 0u) / qc_wave(x, 1u);\n}" },
    { "qc_asin_near", NULL, "fn qc_asin_near(x: f32) -> f32 {\n    let z = x * x;\n    return x + x * z * (0.16666752422 + z * (0.074953002686 + z * (0.045470025998 + z * (0.024181311049 + z * 0.042163199048))));\n}" },
    { "qc_asin", "qc_asin_near qc_nan",
      "fn qc_asin_f32(x: f32) -> f32 {\n    let a = abs(x);\n    if (!(a <= 1.0)) {\n        return " NAN_TEXT ";\n    }\n    if (a <= 0.5) {\n        return qc_asin_near(x);\n    }\n    let y = 1.57079637 - 2.0 * qc_asin_near(sqrt(0.5 * (1.0 - a)));\n    return select(y, -y, x < 0.0);\n}" },
    { "qc_acos", "qc_asin_near qc_nan",
      "fn qc_acos_f32(x: f32) -> f32 {\n    let a = abs(x);\n    if (!(a <= 1.0)) {\n        return " NAN_TEXT ";\n    }\n    if (a <= 0.5) {\n        return 1.57079637 - qc_asin_near(x);\n    }\n    let y = 2.0 * qc_asin_near(sqrt(0.5 * (1.0 - a)));\n    return select(y, 3.14159274 - y, x < 0.0);\n}" },
    { "qc_atan", NULL,
      "fn qc_atan_f32(x: f32) -> f32 {\n    if (" IS_NAN("x") ") {\n        return x;\n    }\n    let a = abs(x);\n    var v = a;\n    var turn = 0.0;\n    if (a > 2.41421356) {\n        turn = 1.57079637;\n        v = -1.0 / a;\n    } else if (a > 0.414213562) {\n        turn = 0.785398185;\n        v = (a - 1.0) / (a + 1.0);\n    }\n"
      "    let z = v * v;\n    let y = turn + (v + v * z * (-0.333329491539 + z * (0.199777106478 + z * (-0.138776856032 + z * 0.0805374449538))));\n    return " RESIGN("y", "x") ";\n}" },
    { "qc_atan2", "qc_atan",
      "fn qc_atan2_f32(y: f32, x: f32) -> f32 {\n    if (" IS_NAN("x") ") {\n        return x;\n    }\n    if (" IS_NAN("y") ") {\n        return y;\n    }\n    let ax = abs(x);\n    let ay = abs(y);\n    let infinite = bitcast<u32>(ax) == 0x7f800000u && bitcast<u32>(ay) == 0x7f800000u;\n"
      "    var a = select(qc_atan_f32(select(ay / ax, 0.0, ax == 0.0 && ay == 0.0)), 0.785398185, infinite);\n    a = select(a, 3.14159274 - a, (bitcast<u32>(x) >> 31u) != 0u);\n    return " RESIGN("a", "y") ";\n}" },
    { "qc_sinh", "qc_exp_f32",
      "fn qc_sinh_f32(x: f32) -> f32 {\n    let z = x * x;\n    if (z < 1.0 || " IS_NAN("x") ") {\n        return x + x * z * (0.166666667 + z * (0.00833333333 + z * (0.000198412698 + z * 2.75573192e-6)));\n    }\n    let e = qc_exp_f32(abs(x) * 0.5);\n    return " RESIGN("0.5 * e * e - 0.5 / (e * e)", "x") ";\n}" },
    { "qc_cosh", "qc_exp_f32", "fn qc_cosh_f32(x: f32) -> f32 {\n    let e = qc_exp_f32(abs(x) * 0.5);\n    return 0.5 * e * e + 0.5 / (e * e);\n}" },
    { "qc_asinh", "qc_log1p",
      "fn qc_asinh_f32(x: f32) -> f32 {\n    let a = abs(x);\n    if (bitcast<u32>(a) >= 0x7f800000u) {\n        return x;\n    }\n    let y = select(qc_log1p_f32(a + a * a / (1.0 + sqrt(a * a + 1.0))), qc_log_f32(a) + 0.693147182, a > 1e9);\n    return " RESIGN("y", "x") ";\n}" },
    { "qc_acosh", "qc_log1p qc_nan",
      "fn qc_acosh_f32(x: f32) -> f32 {\n    if (" IS_NAN("x") ") {\n        return x;\n    }\n    if (x < 1.0) {\n        return " NAN_TEXT ";\n    }\n    let t = x - 1.0;\n    return select(qc_log1p_f32(t + sqrt(2.0 * t + t * t)), qc_log_f32(x) + 0.693147182, x > 1e9);\n}" },
    { "qc_atanh", "qc_log1p", "fn qc_atanh_f32(x: f32) -> f32 {\n    let a = abs(x);\n    if (a < 1e-4 || " IS_NAN("x") ") {\n        return x + x * x * x * 0.333333333;\n    }\n    let y = 0.5 * qc_log1p_f32(2.0 * a / (1.0 - a));\n    return select(y, -y, x < 0.0);\n}" },
    { "qc_lgamma", "qc_log qc_wave", /* Stirling's series from 4 on, the rest brought there; by reflection below 0 */
      "fn qc_lgamma_positive(a: f32) -> f32 {\n    var x = a;\n    var product = 1.0;\n    for (; x < 4.0; x += 1.0) {\n        product *= x;\n    }\n    let r = 1.0 / x;\n    let z = r * r;\n"
      "    return ((x - 0.5) * qc_log_f32(x) - x + 0.918938533) + r * (0.0833333333 + z * (-0.00277777778 + z * (0.000793650794 - z * 0.000595238095))) - qc_log_f32(product);\n}\n"
      "fn qc_lgamma_f32(x: f32) -> f32 {\n    let bits = bitcast<u32>(x) & 0x7fffffffu;\n    if (bits > 0x7f800000u) {\n        return x;\n    }\n    if (bits == 0x7f800000u || (x <= 0.0 && x == floor(x))) {\n        return " INF_TEXT ";\n    }\n    if (x > 0.0) {\n        return qc_lgamma_positive(x);\n    }\n"
      "    let turn = x - 2.0 * round(x * 0.5);\n    return 1.14472989 - qc_log_f32(abs(x * qc_wave(turn * 3.14159274, 0u))) - qc_lgamma_positive(-x);\n}" },
    { NULL, NULL, NULL },
};

static const char *const wgsl_reserved[] = {
    /* keywords */
    "alias", "break", "case", "const", "const_assert", "continue", "continuing", "default", "diagnostic", "discard", "else", "enable", "false", "fn",
    "for", "if", "let", "loop", "override", "requires", "return", "struct", "switch", "true", "var", "while",
    /* reserved words */
    "NULL", "Self", "abstract", "active", "alignas", "alignof", "as", "asm", "asm_fragment", "async", "attribute", "auto", "await", "become", "cast", "catch", "class",
    "co_await", "co_return", "co_yield", "coherent", "column_major", "common", "compile", "compile_fragment", "concept", "const_cast", "consteval", "constexpr", "constinit",
    "crate", "debugger", "decltype", "delete", "demote", "demote_to_helper", "do", "dynamic_cast", "enum", "explicit", "export", "extends", "extern", "external", "fallthrough",
    "filter", "final", "finally", "friend", "from", "fxgroup", "get", "goto", "groupshared", "highp", "impl", "implements", "import", "inline", "instanceof", "interface", "layout",
    "lowp", "macro", "macro_rules", "match", "mediump", "meta", "mod", "module", "move", "mut", "mutable", "namespace", "new", "nil", "noexcept", "noinline", "nointerpolation",
    "non_coherent", "noncoherent", "noperspective", "null", "nullptr", "of", "operator", "package", "packoffset", "partition", "pass", "patch", "pixelfragment", "precise", "precision", "premerge",
    "priv", "protected", "pub", "public", "readonly", "ref", "regardless", "register", "reinterpret_cast", "require", "resource", "restrict", "self", "set", "shared", "sizeof",
    "smooth", "snorm", "static", "static_assert", "static_cast", "std", "subroutine", "super", "target", "template", "this", "thread_local", "throw", "trait", "try", "type",
    "typedef", "typeid", "typename", "typeof", "union", "unless", "unorm", "unsafe", "unsized", "use", "using", "varying", "virtual", "volatile", "wgsl", "where", "with", "writeonly",
    "yield",
    /* types and functions that the text uses */
    "bool", "f16", "f32", "i32", "u32", "vec2", "vec3", "vec4", "array", "atomic", "ptr", "bitcast", "select", "abs", "round", "trunc", "floor", "ceil", "sqrt", "clamp", "min", "max",
    "fma", "extractBits", "insertBits", "countOneBits", "countLeadingZeros", "countTrailingZeros", "subgroupAdd", "subgroupMin", "subgroupMax", "workgroupBarrier", "storageBarrier", "workgroupUniformLoad",
    "atomicLoad", "atomicStore", "atomicAdd", "atomicMin", "atomicMax", "atomicAnd", "atomicOr", "atomicXor", "atomicExchange", "atomicCompareExchangeWeak",
    "all", "any", "function", "private", "workgroup", "uniform", "storage", "read", "write", "read_write", "qk", "Params", NULL
};
/* clang-format on */

static const char *wgsl_vector(printer *p, kc_type t)
{
    return print_text(p, "vec%u<%s>", kc_lanes(p->m, t), p->d->scalars[t.scalar]);
}

const dialect dialect_wgsl = {
    .scalars = { "void", "bool", "i32", "i32", "i32", "vec2<u32>", "u32", "u32", "u32", "vec2<u32>", "u32", "u32", "f32", "f32" },
    .memory_bool = "bool",
    .reserved = wgsl_reserved,
    .helpers = wgsl_helpers,
    .again = "qc_again",
    .vector = wgsl_vector,
    .unit = wgsl_unit,
    .builtins = {
#define SAME(name) [KC_B_##name] = #name,
#define OURS(name) [KC_B_##name] = "qc_" #name,
        SAME(sqrt) SAME(floor) SAME(ceil) SAME(round) SAME(trunc) SAME(fma) SAME(abs) SAME(select) SAME(clamp)
        OURS(exp) OURS(exp2) OURS(expm1) OURS(log) OURS(log2) OURS(log10) OURS(log1p) OURS(rsqrt) OURS(cbrt) OURS(sin) OURS(cos) OURS(tan) OURS(asin)
        OURS(acos) OURS(atan) OURS(atan2) OURS(sinh) OURS(cosh) OURS(tanh) OURS(asinh) OURS(acosh) OURS(atanh) OURS(erf) OURS(erfc) OURS(pow) OURS(fmod)
        OURS(copysign) OURS(ldexp) OURS(lgamma) OURS(sigmoid) OURS(gelu) OURS(isnan) OURS(isinf) OURS(signbit) OURS(min) OURS(max) OURS(dot4_i8) OURS(dot4_u8i8)
        [KC_B_fabs] = "abs", [KC_B_mad] = "fma", [KC_B_popcount] = "countOneBits", [KC_B_clz] = "countLeadingZeros", [KC_B_ctz] = "countTrailingZeros",
        [KC_B_as_u32] = "bitcast<u32>", [KC_B_as_f32] = "bitcast<f32>", [KC_B_as_i32] = "bitcast<i32>",
        [KC_B_atomic_add] = "atomicAdd", [KC_B_atomic_min] = "atomicMin", [KC_B_atomic_max] = "atomicMax", [KC_B_atomic_and] = "atomicAnd",
        [KC_B_atomic_or] = "atomicOr", [KC_B_atomic_xor] = "atomicXor", [KC_B_atomic_xchg] = "atomicExchange", [KC_B_atomic_cas] = "atomicCompareExchangeWeak",
        [KC_B_load4] = "load4", [KC_B_store4] = "store4", [KC_B_loadw] = "load4", [KC_B_storew] = "store4", [KC_B_loadw_part] = "load_part",
        [KC_B_storew_part] = "store_part", [KC_B_sumw] = "qc_sumw", [KC_B_maxw] = "qc_maxw",
#undef SAME
#undef OURS
    },
};

/* What GLSL ES 3.00 lacks, or does not promise, as functions in GLSL: written out before a kernel that calls them.
 *
 * Nothing here leans on a driver's accuracy: exp, log, sin and their kin are our own polynomials (at most 3 ulp where not said otherwise), NaN is
 * told by its bits, and no sum is written that algebra could take away. What is used of the driver: + - * / sqrt of IEEE's usual accuracy,
 * exact integers, exact conversions. A 64-bit integer is a uvec2 (low word, high word), of either sign. */
#include "kc/glsl.h"

#define NAN_ "uintBitsToFloat(0x7fc00000u)"
#define INF_ "uintBitsToFloat(0x7f800000u)"

/* clang-format off */
const helper glsl_helpers[] = {
    /* ---- floats and their bits */
    { "qc_isnan", NULL, "bool qc_isnan(float x)\n{\n    return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u;\n}" },
    { "qc_isinf", NULL, "bool qc_isinf(float x)\n{\n    return (floatBitsToUint(x) & 0x7fffffffu) == 0x7f800000u;\n}" },
    { "qc_signbit", NULL, "bool qc_signbit(float x)\n{\n    return floatBitsToUint(x) >> 31 != 0u;\n}" },
    { "qc_copysign", NULL, "float qc_copysign(float x, float s)\n{\n    return uintBitsToFloat((floatBitsToUint(x) & 0x7fffffffu) | (floatBitsToUint(s) & 0x80000000u));\n}" },
    { "qc_min", "qc_isnan", /* b by its bits: a compiler may take the rest for its own min, which drops a NaN */
      "float qc_min(float a, float b)\n{\n    return qc_isnan(b) ? b : a < b || qc_isnan(a) ? a : b;\n}" },
    { "qc_max", "qc_isnan", "float qc_max(float a, float b)\n{\n    return qc_isnan(b) ? b : a > b || qc_isnan(a) ? a : b;\n}" },
    { "qc_part", NULL, "vec4 qc_part(vec4 v, uint n)\n{\n    return vec4(n > 0u ? v.x : 0.0, n > 1u ? v.y : 0.0, n > 2u ? v.z : 0.0, n > 3u ? v.w : 0.0);\n}" },
    { "qc_fabs", NULL, "float qc_fabs(float x)\n{\n    return uintBitsToFloat(floatBitsToUint(x) & 0x7fffffffu);\n}" },
    { "qc_rsqrt", NULL, "float qc_rsqrt(float x)\n{\n    return 1.0 / sqrt(x);\n}" },
    { "qc_fmod", NULL, /* exact: a long division by bits */
      "float qc_fmod(float x, float y)\n{\n    uint a = floatBitsToUint(x) & 0x7fffffffu, b = floatBitsToUint(y) & 0x7fffffffu, sign = floatBitsToUint(x) & 0x80000000u;\n"
      "    if (a >= 0x7f800000u || b > 0x7f800000u || b == 0u) return " NAN_ ";\n    if (a < b) return x;\n"
      "    int ea = max(int(a >> 23), 1), eb = max(int(b >> 23), 1);\n"
      "    uint ma = (a & 0x7fffffu) | (a >> 23 != 0u ? 0x800000u : 0u), mb = (b & 0x7fffffu) | (b >> 23 != 0u ? 0x800000u : 0u), r = ma % mb;\n"
      "    for (int e = ea; e > eb; e--) r = (r << 1) % mb;\n    if (r == 0u) return uintBitsToFloat(sign);\n"
      "    while (r < 0x800000u && eb > 1) {\n        r <<= 1;\n        eb--;\n    }\n"
      "    return uintBitsToFloat(sign | (r < 0x800000u ? r : (uint(eb) << 23) | (r & 0x7fffffu)));\n}" },
    { "qc_scale", NULL, /* v * 2^n, |n| <= 252 */
      "float qc_scale(float v, int n)\n{\n    int h = n >> 1;\n    return v * uintBitsToFloat(uint(h + 127) << 23) * uintBitsToFloat(uint(n - h + 127) << 23);\n}" },
    { "qc_ldexp", "qc_scale", "float qc_ldexp(float v, int n)\n{\n    int m = clamp(n, -400, 400), h = m / 2;\n    return qc_scale(qc_scale(v, h), m - h);\n}" },
    { "qc_as_u32", NULL, "uint qc_as_u32(float v)\n{\n    return floatBitsToUint(v);\n}" },
    { "qc_as_i32", NULL, "int qc_as_i32(float v)\n{\n    return floatBitsToInt(v);\n}" },
    { "qc_as_f32", NULL, "float qc_as_f32(uint v)\n{\n    return uintBitsToFloat(v);\n}" },

    /* ---- exponentials */
    { "qc_exp_parts", "qc_scale", /* e^(hi + lo) = (1 + r + r * r * q) * 2^n */
      "float qc_exp_parts(float hi, float lo, out float r, out int n)\n{\n    float whole = roundEven(hi * 1.44269504 + lo * 1.44269504);\n    n = int(whole);\n"
      "    r = ((hi - whole * 0.693359375) + whole * 2.12194440e-4) + lo;\n"
      "    return 0.499999911 + r * (0.166664973 + r * (0.0416686684 + r * (0.00837149657 + r * 0.00138088339)));\n}" },
    { "qc_exp", "qc_isnan qc_exp_parts",
      "float qc_exp(float x)\n{\n    if (qc_isnan(x)) return x;\n    float r;\n    int n;\n    float q = qc_exp_parts(clamp(x, -105.0, 89.0), 0.0, r, n);\n"
      "    return qc_scale((r * r * q + r) + 1.0, n);\n}" },
    { "qc_exp2", "qc_isnan qc_scale",
      "float qc_exp2(float x)\n{\n    if (qc_isnan(x)) return x;\n    x = clamp(x, -151.0, 129.0);\n    float whole = roundEven(x), r = x - whole;\n"
      "    float p = 0.0555033199 + r * (0.00961843971 + r * (0.00133991358 + r * 0.00015353151));\n"
      "    p = r * (0.693147182 + r * (0.240226477 + r * p));\n    return qc_scale(p + 1.0, int(whole));\n}" },
    { "qc_expm1", "qc_isnan qc_copysign qc_exp_parts",
      "float qc_expm1(float x)\n{\n    if (qc_isnan(x) || x == 0.0) return x;\n    float r;\n    int n;\n    float q = qc_exp_parts(clamp(x, -30.0, 89.0), 0.0, r, n);\n"
      "    float p = r * r * q + r, half_ = uintBitsToFloat(uint(n + 126) << 23);\n    return (half_ * p + (half_ - 0.5)) * 2.0;\n}" },
    { "qc_sigmoid", "qc_fabs qc_exp", "float qc_sigmoid(float x)\n{\n    float e = qc_exp(-qc_fabs(x));\n    return (x < 0.0 ? e : 1.0) / (1.0 + e);\n}" },
    { "qc_tanh", "qc_fabs qc_copysign qc_exp",
      "float qc_tanh(float x)\n{\n    float a = qc_fabs(x), z = x * x;\n    if (a < 0.625) {\n"
      "        float p = 0.133313313 + z * (-0.053730011 + z * (0.0206061844 + z * -0.00566698518));\n        return x + x * z * (-0.333332777 + z * p);\n    }\n"
      "    return qc_copysign(1.0 - 2.0 / (qc_exp(2.0 * a) + 1.0), x);\n}" },
    { "qc_sinh", "qc_fabs qc_copysign qc_exp qc_expm1",
      "float qc_sinh(float x)\n{\n    float a = qc_fabs(x);\n    if (a > 88.0) {\n        float e = qc_exp(a * 0.5);\n        return qc_copysign(0.5 * e * e, x);\n    }\n"
      "    float e = qc_expm1(a);\n    return qc_copysign(0.5 * (e + e / (e + 1.0)), x);\n}" },
    { "qc_cosh", "qc_fabs qc_exp",
      "float qc_cosh(float x)\n{\n    float a = qc_fabs(x);\n    if (a > 88.0) {\n        float e = qc_exp(a * 0.5);\n        return 0.5 * e * e;\n    }\n"
      "    float e = qc_exp(a);\n    return 0.5 * e + 0.5 / e;\n}" },

    /* ---- logarithms */
    { "qc_log_near", NULL, /* log(1 + f) - f where sqrt(1/2) <= 1 + f <= sqrt(2) */
      "float qc_log_near(float f)\n{\n    float z = f * f;\n"
      "    float p = 0.14218536 + f * (-0.124030054 + f * (0.1189356 + f * (-0.116947338 + f * 0.0675790757)));\n"
      "    p = 0.333333105 + f * (-0.250000089 + f * (0.200021684 + f * (-0.166680947 + f * p)));\n    return f * z * p - 0.5 * z;\n}" },
    { "qc_log_parts", "qc_log_near", /* x = (1 + f) * 2^e; gives log(1 + f) - f */
      "float qc_log_parts(float x, out float f, out float e)\n{\n    bool tiny = x < 1.17549435e-38;\n    uint bits = floatBitsToUint(tiny ? x * 33554432.0 : x);\n"
      "    int n = int(bits - 0x3f3504f3u) >> 23;\n    e = float(n - (tiny ? 25 : 0));\n    f = uintBitsToFloat(bits - (uint(n) << 23)) - 1.0;\n"
      "    return qc_log_near(f);\n}" },
    { "qc_log_edge", "qc_isnan", /* what log is where x is not positive and finite */
      "bool qc_log_edge(float x, out float y)\n{\n    y = qc_isnan(x) || x == " INF_ " ? x : x == 0.0 ? -" INF_ " : " NAN_ ";\n    return qc_isnan(x) || x <= 0.0 || x == " INF_ ";\n}" },
    { "qc_log", "qc_log_parts qc_log_edge",
      "float qc_log(float x)\n{\n    float f, e, y;\n    if (qc_log_edge(x, y)) return y;\n    y = qc_log_parts(x, f, e);\n    return (f + (y - e * 2.12194440e-4)) + e * 0.693359375;\n}" },
    { "qc_log2", "qc_log_parts qc_log_edge",
      "float qc_log2(float x)\n{\n    float f, e, y;\n    if (qc_log_edge(x, y)) return y;\n    y = qc_log_parts(x, f, e);\n    return (((y * 0.442695041 + f * 0.442695041) + y) + f) + e;\n}" },
    { "qc_log10", "qc_log", "float qc_log10(float x)\n{\n    return qc_log(x) * 0.4342944819;\n}" },
    { "qc_log1p", "qc_log", /* near 1 the logarithm needs no sum that rounds x away */
      "float qc_log1p(float x)\n{\n    if (x == 0.0) return x;\n    return x > -0.29 && x < 0.41 ? x + qc_log_near(x) : qc_log(1.0 + x);\n}" },
    { "qc_asinh", "qc_fabs qc_copysign qc_log1p qc_log",
      "float qc_asinh(float x)\n{\n    float a = qc_fabs(x);\n    float y = a > 1e9 ? qc_log(a) + 0.693147181 : qc_log1p(a + a * a / (1.0 + sqrt(a * a + 1.0)));\n    return qc_copysign(y, x);\n}" },
    { "qc_acosh", "qc_log1p qc_log",
      "float qc_acosh(float x)\n{\n    float t = x - 1.0;\n    return x > 1e9 ? qc_log(x) + 0.693147181 : qc_log1p(x < 1.0 ? " NAN_ " : t + sqrt(2.0 * t + t * t));\n}" },
    { "qc_atanh", "qc_fabs qc_copysign qc_log1p", "float qc_atanh(float x)\n{\n    float a = qc_fabs(x);\n    return qc_copysign(0.5 * qc_log1p(2.0 * a / (1.0 - a)), x);\n}" },
    { "qc_odd", NULL, /* of a whole number */
      "bool qc_odd(float y)\n{\n    return abs(y) < 16777216.0 && (int(y) & 1) != 0;\n}" },
    { "qc_pow", "qc_isnan qc_fabs qc_odd qc_log_parts qc_exp_parts", /* log x in two parts, y * log x in two parts */
      "float qc_pow(float x, float y)\n{\n    if (y == 0.0 || x == 1.0) return 1.0;\n    if (qc_isnan(x) || qc_isnan(y)) return " NAN_ ";\n"
      "    float a = qc_fabs(x), b = qc_fabs(y), sign = 1.0;\n    bool whole = floor(b) == b;\n"
      "    if (b == " INF_ ") return a == 1.0 ? 1.0 : (a > 1.0) == (y > 0.0) ? b : 0.0;\n"
      "    if (floatBitsToUint(x) >> 31 != 0u && whole && qc_odd(b)) sign = -1.0;\n    if (a == 0.0 || a == " INF_ ") return sign * ((a == 0.0) == (y > 0.0) ? 0.0 : " INF_ ");\n"
      "    if (x < 0.0 && !whole) return " NAN_ ";\n    float f, e, z = qc_log_parts(a, f, e), top = e * 0.693359375;\n"
      "    float s = top + f, low = (top - s) + f + (z - e * 2.12194440e-4), l = s + low;\n    low += s - l;\n"
      "    float yh = uintBitsToFloat(floatBitsToUint(y) & 0xfffff000u), yl = y - yh, lh = uintBitsToFloat(floatBitsToUint(l) & 0xfffff000u), ll = l - lh;\n"
      "    float p = y * l, rest = (((yh * lh - p) + yh * ll) + yl * lh) + yl * ll + y * low;\n"
      "    if (p <= -105.0) return sign * 0.0;\n    if (p >= 89.5) return sign * " INF_ ";\n    float r;\n    int n;\n"
      "    float q = qc_exp_parts(p, rest, r, n);\n    return sign * qc_scale((r * r * q + r) + 1.0, n);\n}" },
    { "qc_cbrt", "qc_copysign qc_isinf qc_isnan", /* a guess from the exponent, then Halley */
      "float qc_cbrt(float x)\n{\n    float a = uintBitsToFloat(floatBitsToUint(x) & 0x7fffffffu), by = 1.0;\n    if (x == 0.0 || qc_isinf(x) || qc_isnan(x)) return x;\n"
      "    if (a < 1e-30) {\n        a *= 1073741824.0;\n        by = 0.0009765625;\n    }\n    float y = uintBitsToFloat(floatBitsToUint(a) / 3u + 0x2a514067u);\n"
      "    for (int k = 0; k < 3; k++) {\n        float c = y * y * y;\n        y = y * ((c + 2.0 * a) / (2.0 * c + a));\n    }\n    return qc_copysign(y * by, x);\n}" },

    /* ---- erf and its kin */
    { "qc_erf", "qc_fabs qc_copysign qc_exp",
      "float qc_erf(float x)\n{\n    float a = qc_fabs(x), z = x * x;\n    if (a < 0.93) {\n"
      "        float p = 0.112836875 + z * (-0.02685895 + z * (0.00519992318 + z * (-0.000813017366 + z * 8.31737416e-05)));\n"
      "        return x + x * (0.128379166 + z * (-0.376126319 + z * p));\n    }\n    float t = a > 3.95 ? 3.95 : a;\n"
      "    float l = 0.108280592 + t * (-0.0251197629 + t * (0.00417119637 + t * (-0.00043449158 + t * 2.10976905e-05)));\n"
      "    l = -0.000174728106 + t * (1.12951517 + t * (0.633346438 + t * l));\n    return qc_isnan(x) ? x : qc_copysign(1.0 - qc_exp(-l), x);\n}" },
    { "qc_tail", "qc_exp_parts", /* P(z <= -t) of a normal z is this * 2^n, for t >= 0 and -t * t / 2 = hi + lo */
      "float qc_tail(float t, float hi, float lo, out int n)\n{\n    float u = 2.0 / (t + 2.0), r;\n"
      "    float p = 0.076234743 + u * (-0.501284659 + u * (0.592343688 + u * (-0.291469038 + u * 0.0519485772)));\n"
      "    p = 0.199479997 + u * (0.19918263 + u * (0.153575346 + u * (0.0196651295 + u * p)));\n"
      "    float q = qc_exp_parts(hi, lo, r, n);\n    return ((r * r * q + r) + 1.0) * (u * p);\n}" },
    { "qc_top", NULL, /* 12 bits of it: its square is exact */
      "float qc_top(float x)\n{\n    return uintBitsToFloat(floatBitsToUint(x) & 0xfffff000u);\n}" },
    { "qc_gelu", "qc_isnan qc_fabs qc_tail qc_top",
      "float qc_gelu(float x)\n{\n    if (qc_isnan(x)) return x;\n    float a = qc_fabs(x), z = x * x;\n    if (a < 1.0) {\n"
      "        float near = 0.0099617308 + z * (-0.00116218661 + z * 9.10794624e-05);\n        return x * (0.5 + x * (0.398942143 + z * (-0.0664880201 + z * near)));\n    }\n"
      "    if (x > 8.0) return x;\n    int n;\n    float t = min(a, 14.4), h = qc_top(t), tail = qc_tail(t, -0.5 * (h * h), -0.5 * ((t - h) * (t + h)), n);\n    return x < 0.0 ? qc_scale(max(x, -15.0) * tail, n) : x * (1.0 - qc_scale(tail, n));\n}" },
    { "qc_erfc", "qc_isnan qc_erf qc_tail qc_top", /* erfc(x) = 2 P(z <= -x sqrt 2) */
      "float qc_erfc(float x)\n{\n    if (qc_isnan(x) || x <= 0.75) return 1.0 - qc_erf(x);\n    if (x > 10.1) return 0.0;\n    int n;\n"
      "    float h = qc_top(x), tail = qc_tail(x * 1.41421356, -(h * h), -((x - h) * (x + h)), n);\n    return qc_scale(2.0 * tail, n);\n}" },

    /* ---- circular functions */
    { "qc_quarters", "qc_mul_wide qc_float_u64 qc_neg64", /* x = (quarter + y / (pi/2)) * pi/2, |y| <= pi/4; from 4096 on with the bits of 2/pi that count */
      "float qc_quarters(float x, out uint quarter)\n{\n    uint bits = floatBitsToUint(x) & 0x7fffffffu;\n    if (bits < 0x45800000u) {\n"
      "        float k = roundEven(x * 0.636619772);\n        quarter = uint(int(k));\n"
      "        return (((x - k * 1.5703125) - k * 4.83751297e-4) - k * 7.54953362e-8) - k * 2.56334415e-12;\n    }\n"
      "    const uint two_over_pi[8] = uint[8](0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);\n"
      "    uint m = (bits & 0x7fffffu) | 0x800000u, from = min((bits >> 23) - 120u, 134u), at = from >> 5, shift = from & 31u, w[3];\n"
      "    for (uint k = 0u; k < 3u; k++) w[k] = shift == 0u ? two_over_pi[at + k] : two_over_pi[at + k] << shift | two_over_pi[at + k + 1u] >> (32u - shift);\n"
      "    uvec2 p1 = qc_mul_wide(m, w[1]), p2 = qc_mul_wide(m, w[2]);\n    uint middle = p1.x + p2.y, high = m * w[0] + p1.y + uint(middle < p1.x);\n"
      "    uvec2 rest = uvec2(middle << 2 | p2.x >> 30, high << 2 | middle >> 30);\n    bool up = rest.y >> 31 != 0u, minus = x < 0.0;\n"
      "    quarter = (high >> 30) + uint(up);\n    if (minus) quarter = 0u - quarter;\n"
      "    float y = qc_float_u64(up ? qc_neg64(rest) : rest) * 8.51530395e-20;\n    return up != minus ? -y : y;\n}" },
    { "qc_wave", NULL,
      "float qc_wave(float y, uint quarter, float x)\n{\n    float z = y * y;\n    if ((floatBitsToUint(x) & 0x7fffffffu) >= 0x7f800000u) return " NAN_ ";\n"
      "    float s = y + y * z * (-0.166666672 + z * (0.00833332911 + z * (-0.000198392663 + z * 2.71768067e-06)));\n"
      "    float c = 1.0 + z * (-0.5 + z * (0.0416666456 + z * (-0.0013887278 + z * 2.44287821e-05)));\n"
      "    return uintBitsToFloat(floatBitsToUint((quarter & 1u) != 0u ? c : s) ^ ((quarter & 2u) << 30));\n}" },
    { "qc_sin", "qc_quarters qc_wave", "float qc_sin(float x)\n{\n    uint q;\n    float y = qc_quarters(x, q);\n    return x == 0.0 ? x : qc_wave(y, q, x);\n}" },
    { "qc_cos", "qc_quarters qc_wave", "float qc_cos(float x)\n{\n    uint q;\n    float y = qc_quarters(x, q);\n    return qc_wave(y, q + 1u, x);\n}" },
    { "qc_tan", "qc_quarters qc_wave", "float qc_tan(float x)\n{\n    uint q;\n    float y = qc_quarters(x, q);\n    return x == 0.0 ? x : qc_wave(y, q, x) / qc_wave(y, q + 1u, x);\n}" },
    { "qc_atan", "qc_isnan qc_fabs qc_copysign",
      "float qc_atan(float x)\n{\n    if (qc_isnan(x)) return x;\n    float a = qc_fabs(x), base = 0.0, t = a;\n    if (a > 2.41421356) {\n        base = 1.57079633;\n        t = -1.0 / a;\n"
      "    } else if (a > 0.414213562) {\n        base = 0.785398163;\n        t = (a - 1.0) / (a + 1.0);\n    }\n    float z = t * t;\n"
      "    return qc_copysign(base + (t + t * z * (-0.333333155 + z * (0.199984894 + z * (-0.142438487 + z * (0.105960014 + z * -0.0608345304))))), x);\n}" },
    { "qc_asin_near", NULL, /* |x| <= 1/2 */
      "float qc_asin_near(float x)\n{\n    float z = x * x;\n    return x + x * z * (0.166667539 + z * (0.0749524177 + z * (0.0454770989 + z * (0.0241476011 + z * 0.0422185665))));\n}" },
    { "qc_asin", "qc_isnan qc_fabs qc_copysign qc_asin_near",
      "float qc_asin(float x)\n{\n    float a = qc_fabs(x);\n    if (qc_isnan(a) || a > 1.0) return " NAN_ ";\n    return a <= 0.5 ? qc_asin_near(x) : qc_copysign(1.57079633 - 2.0 * qc_asin_near(sqrt(0.5 - 0.5 * a)), x);\n}" },
    { "qc_acos", "qc_isnan qc_fabs qc_asin_near",
      "float qc_acos(float x)\n{\n    float a = qc_fabs(x);\n    if (qc_isnan(a) || a > 1.0) return " NAN_ ";\n    if (a <= 0.5) return 1.57079633 - qc_asin_near(x);\n"
      "    float y = 2.0 * qc_asin_near(sqrt(0.5 - 0.5 * a));\n    return x < 0.0 ? 3.14159265 - y : y;\n}" },
    { "qc_atan2", "qc_atan",
      "float qc_atan2(float y, float x)\n{\n    if (qc_isnan(x) || qc_isnan(y)) return " NAN_ ";\n    float a = qc_fabs(y), b = qc_fabs(x);\n"
      "    float t = a == b ? (a == 0.0 ? 0.0 : 0.785398163) : a > b ? 1.57079633 - qc_atan(b / a) : qc_atan(a / b);\n"
      "    return qc_copysign(floatBitsToUint(x) >> 31 != 0u ? 3.14159265 - t : t, y);\n}" },

    /* ---- narrow types */
    { "qc_hidden", NULL, "float qc_hidden(float x)\n{\n    return uintBitsToFloat(floatBitsToUint(x) ^ qk_u[0].w);\n}" },
    /* GLSL leaves open how exact a division is: as in dialect_wgsl.c, by integers */
    { "qc_quotient", "qc_hidden",
      "float qc_quotient(float x, float y)\n{\n    uint ax = floatBitsToUint(x), ay = floatBitsToUint(y), ex = (ax >> 23u) & 0xffu, ey = (ay >> 23u) & 0xffu;\n"
      "    uint mx = (ax & 0x7fffffu) | 0x800000u, my = (ay & 0x7fffffu) | 0x800000u, less = mx < my ? 1u : 0u;\n    int e = int(ex) - int(ey) + 127 - int(less);\n"
      "    bool far = ex == 0u || ex == 0xffu || ey == 0u || ey == 0xffu || e < 1;\n    float by = abs(y) > 4e37 ? 2.3283064e-10 : 1.0;\n"
      "    float a = far ? qc_hidden(x) * by : uintBitsToFloat((ax & 0x7fffffu) | (0x3f800000u + (less << 23u)));\n"
      "    float b = far ? qc_hidden(y) * by : uintBitsToFloat((ay & 0x7fffffu) | 0x3f800000u);\n    float q = a / b;\n    if (far) return q;\n"
      "    uint m = clamp(floatBitsToUint(q), 0x3f800000u, 0x3fffffffu) - 0x3f000003u, rest = ((mx << (23u + less)) - m * my) * 2u + my;\n"
      "    if (rest >= my * 8u) {\n        m += 4u;\n        rest -= my * 8u;\n    }\n    if (rest >= my * 4u) {\n        m += 2u;\n        rest -= my * 4u;\n    }\n"
      "    if (rest >= my * 2u) m += 1u;\n    return uintBitsToFloat((e > 254 ? 0x7f800000u : m + (uint(e - 1) << 23u)) | ((ax ^ ay) & 0x80000000u));\n}" },
    { "qc_not", NULL, "bool qc_not(bool v)\n{\n    return uint(v) == qk_u[0].w;\n}" },
    { "qc_again", NULL, "bool qc_again(bool v)\n{\n    return uint(v) != qk_u[0].w;\n}" },
    { "qc_from_f16", NULL,
      "float qc_from_f16(uint h)\n{\n    uint e = (h >> 10) & 31u, m = h & 1023u, sign = (h & 0x8000u) << 16;\n"
      "    if (e == 0u) return uintBitsToFloat(floatBitsToUint(float(m) * 5.9604644775390625e-08) | sign);\n    return uintBitsToFloat(sign | (e == 31u ? 255u : e + 112u) << 23 | m << 13);\n}" },
    { "qc_to_f16", NULL, /* to nearest even, by bits */
      "uint qc_to_f16(float v)\n{\n    uint bits = floatBitsToUint(v), a = bits & 0x7fffffffu, sign = (bits >> 16) & 0x8000u;\n    if (a > 0x7f800000u) return sign | 0x7e00u | ((a >> 13) & 0x3ffu);\n"
      "    if (a >= 0x47800000u) return sign | 0x7c00u;\n    if (a >= 0x38800000u) return sign | ((a - 0x38000000u + 0xfffu + ((a >> 13) & 1u)) >> 13);\n    if (a < 0x33000000u) return sign;\n"
      "    uint m = (a & 0x7fffffu) | 0x800000u, drop = 126u - (a >> 23), h = m >> drop, rest = m & ((1u << drop) - 1u), tie = 1u << (drop - 1u);\n"
      "    return sign | (h + uint(rest > tie || (rest == tie && (h & 1u) != 0u)));\n}" },
    { "qc_from_bf16", NULL, "float qc_from_bf16(uint h)\n{\n    return uintBitsToFloat(h << 16);\n}" },
    { "qc_to_bf16", NULL,
      "uint qc_to_bf16(float v)\n{\n    uint bits = floatBitsToUint(v);\n    return (bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;\n}" },
    { "qc_to_i32", "qc_isnan",
      "int qc_to_i32(float x)\n{\n    return x >= 2147483648.0 ? 2147483647 : x >= -2147483648.0 ? int(x) : qc_isnan(x) ? 0 : (-2147483647 - 1);\n}" },
    { "qc_to_u32", NULL, "uint qc_to_u32(float x)\n{\n    return x >= 4294967296.0 ? 4294967295u : x > 0.0 ? uint(x) : 0u;\n}" },
#define TO_SIGNED(name, low, high) \
    { "qc_to_" name, "qc_isnan", "int qc_to_" name "(float x)\n{\n    return x >= " high ".0 ? " high " : x >= " low ".0 ? int(x) : qc_isnan(x) ? 0 : " low ";\n}" }
    TO_SIGNED("i8", "-128", "127"), TO_SIGNED("i16", "-32768", "32767"),
    { "qc_to_u8", NULL, "uint qc_to_u8(float x)\n{\n    return x >= 255.0 ? 255u : x > 0.0 ? uint(x) : 0u;\n}" },
    { "qc_to_u16", NULL, "uint qc_to_u16(float x)\n{\n    return x >= 65535.0 ? 65535u : x > 0.0 ? uint(x) : 0u;\n}" },

    /* ---- integers of 32 bits: by 0 as docs/kernel-language.md says; signs apart, for GLSL leaves them open */
    { "qc_div", NULL, "uint qc_div(uint a, uint b)\n{\n    return b == 0u ? a : a / b;\n}" },
    { "qc_rem", NULL, "uint qc_rem(uint a, uint b)\n{\n    return b == 0u ? 0u : a % b;\n}" },
    { "qc_div_i32", NULL,
      "int qc_div_i32(int a, int b)\n{\n    if (b == 0) return a;\n    uint q = uint(a < 0 ? -a : a) / uint(b < 0 ? -b : b);\n    return (a < 0) != (b < 0) ? -int(q) : int(q);\n}" },
    { "qc_rem_i32", NULL,
      "int qc_rem_i32(int a, int b)\n{\n    if (b == 0) return 0;\n    uint r = uint(a < 0 ? -a : a) % uint(b < 0 ? -b : b);\n    return a < 0 ? -int(r) : int(r);\n}" },
    { "qc_abs", NULL, "int qc_abs(int a)\n{\n    return a < 0 ? -a : a;\n}" },
    { "qc_popcount", NULL,
      "uint qc_popcount(uint v)\n{\n    v -= (v >> 1) & 0x55555555u;\n    v = (v & 0x33333333u) + ((v >> 2) & 0x33333333u);\n    return ((v + (v >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24;\n}" },
    { "qc_clz", NULL,
      "uint qc_clz(uint v)\n{\n    uint n = 32u;\n    for (uint half_ = 16u; half_ > 0u; half_ >>= 1)\n        if (v >> half_ != 0u) {\n            n -= half_;\n            v >>= half_;\n        }\n    return n - v;\n}" },
    { "qc_ctz", "qc_clz", "uint qc_ctz(uint v)\n{\n    return v == 0u ? 32u : 31u - qc_clz(v & (0u - v));\n}" },
    { "qc_dot4_i8", NULL,
      "int qc_dot4_i8(uint a, uint b, int c)\n{\n    for (int k = 24; k >= 0; k -= 8) c += (int(a << k) >> 24) * (int(b << k) >> 24);\n    return c;\n}" },
    { "qc_dot4_u8i8", NULL,
      "int qc_dot4_u8i8(uint a, uint b, int c)\n{\n    for (int k = 24; k >= 0; k -= 8) c += int((a << k) >> 24) * (int(b << k) >> 24);\n    return c;\n}" },

    /* ---- integers of 64 bits */
    { "qc_wide_i32", NULL, "uvec2 qc_wide_i32(int v)\n{\n    return uvec2(uint(v), uint((v ^ int(qk_u[0].w)) >> 31));\n}" }, /* hidden: a driver was seen to take ~fabs(x) >> 1 for positive */
    { "qc_add64", NULL, "uvec2 qc_add64(uvec2 a, uvec2 b)\n{\n    uint low = a.x + b.x;\n    return uvec2(low, a.y + b.y + uint(low < a.x));\n}" },
    { "qc_sub64", NULL, "uvec2 qc_sub64(uvec2 a, uvec2 b)\n{\n    return uvec2(a.x - b.x, a.y - b.y - uint(a.x < b.x));\n}" },
    { "qc_neg64", "qc_sub64", "uvec2 qc_neg64(uvec2 a)\n{\n    return qc_sub64(uvec2(0u), a);\n}" },
    { "qc_mul_wide", NULL,
      "uvec2 qc_mul_wide(uint a, uint b)\n{\n    uint al = a & 0xffffu, ah = a >> 16, bl = b & 0xffffu, bh = b >> 16;\n    uint low = al * bl, mid = ah * bl + (low >> 16), more = al * bh + (mid & 0xffffu);\n"
      "    return uvec2(more << 16 | (low & 0xffffu), ah * bh + (mid >> 16) + (more >> 16));\n}" },
    { "qc_mul64", "qc_mul_wide", "uvec2 qc_mul64(uvec2 a, uvec2 b)\n{\n    uvec2 p = qc_mul_wide(a.x, b.x);\n    return uvec2(p.x, p.y + a.x * b.y + a.y * b.x);\n}" },
    { "qc_shl64", NULL,
      "uvec2 qc_shl64(uvec2 a, uint n)\n{\n    n &= 63u;\n    if (n == 0u) return a;\n    return n >= 32u ? uvec2(0u, a.x << (n - 32u)) : uvec2(a.x << n, a.y << n | a.x >> (32u - n));\n}" },
    { "qc_shr_u64", NULL,
      "uvec2 qc_shr_u64(uvec2 a, uint n)\n{\n    n &= 63u;\n    if (n == 0u) return a;\n    return n >= 32u ? uvec2(a.y >> (n - 32u), 0u) : uvec2(a.x >> n | a.y << (32u - n), a.y >> n);\n}" },
    { "qc_shr_i64", NULL,
      "uvec2 qc_shr_i64(uvec2 a, uint n)\n{\n    n &= 63u;\n    if (n == 0u) return a;\n    int top = int(a.y ^ qk_u[0].w);\n"
      "    return n >= 32u ? uvec2(uint(top >> (n - 32u)), uint(top >> 31)) : uvec2(a.x >> n | a.y << (32u - n), uint(top >> n));\n}" },
    { "qc_lt_u64", NULL, "bool qc_lt_u64(uvec2 a, uvec2 b)\n{\n    return a.y < b.y || (a.y == b.y && a.x < b.x);\n}" },
    { "qc_lt_i64", NULL, "bool qc_lt_i64(uvec2 a, uvec2 b)\n{\n    return int(a.y) < int(b.y) || (a.y == b.y && a.x < b.x);\n}" },
    { "qc_divide", "qc_sub64 qc_lt_u64",
      "uvec2 qc_divide(uvec2 a, uvec2 b, out uvec2 rest)\n{\n    rest = uvec2(0u);\n    if (b == uvec2(0u)) return a;\n    if ((a.y | b.y) == 0u) {\n        rest.x = a.x % b.x;\n        return uvec2(a.x / b.x, 0u);\n    }\n"
      "    uvec2 q = uvec2(0u);\n    for (uint k = 0u; k < 64u; k++) {\n        uint top = rest.y >> 31;\n        rest = uvec2(rest.x << 1 | a.y >> 31, rest.y << 1 | rest.x >> 31);\n"
      "        a = uvec2(a.x << 1, a.y << 1 | a.x >> 31);\n        q = uvec2(q.x << 1, q.y << 1 | q.x >> 31);\n"
      "        if (top != 0u || !qc_lt_u64(rest, b)) {\n            rest = qc_sub64(rest, b);\n            q.x |= 1u;\n        }\n    }\n    return q;\n}" },
    { "qc_div_u64", "qc_divide", "uvec2 qc_div_u64(uvec2 a, uvec2 b)\n{\n    uvec2 rest;\n    return qc_divide(a, b, rest);\n}" },
    { "qc_rem_u64", "qc_divide", "uvec2 qc_rem_u64(uvec2 a, uvec2 b)\n{\n    uvec2 rest;\n    qc_divide(a, b, rest);\n    return rest;\n}" },
    { "qc_abs_i64", "qc_neg64", "uvec2 qc_abs_i64(uvec2 a)\n{\n    return int(a.y) < 0 ? qc_neg64(a) : a;\n}" },
    { "qc_div_i64", "qc_divide qc_abs_i64",
      "uvec2 qc_div_i64(uvec2 a, uvec2 b)\n{\n    uvec2 rest, q = qc_divide(qc_abs_i64(a), qc_abs_i64(b), rest);\n    return int(a.y ^ b.y) < 0 ? qc_neg64(q) : q;\n}" },
    { "qc_rem_i64", "qc_divide qc_abs_i64",
      "uvec2 qc_rem_i64(uvec2 a, uvec2 b)\n{\n    uvec2 rest;\n    qc_divide(qc_abs_i64(a), qc_abs_i64(b), rest);\n    return int(a.y) < 0 ? qc_neg64(rest) : rest;\n}" },
    { "qc_min_i64", "qc_lt_i64", "uvec2 qc_min_i64(uvec2 a, uvec2 b)\n{\n    return qc_lt_i64(a, b) ? a : b;\n}" },
    { "qc_max_i64", "qc_lt_i64", "uvec2 qc_max_i64(uvec2 a, uvec2 b)\n{\n    return qc_lt_i64(a, b) ? b : a;\n}" },
    { "qc_min_u64", "qc_lt_u64", "uvec2 qc_min_u64(uvec2 a, uvec2 b)\n{\n    return qc_lt_u64(a, b) ? a : b;\n}" },
    { "qc_max_u64", "qc_lt_u64", "uvec2 qc_max_u64(uvec2 a, uvec2 b)\n{\n    return qc_lt_u64(a, b) ? b : a;\n}" },
    { "qc_popcount64", "qc_popcount", "uint qc_popcount64(uvec2 v)\n{\n    return qc_popcount(v.x) + qc_popcount(v.y);\n}" },
    { "qc_clz64", "qc_clz", "uint qc_clz64(uvec2 v)\n{\n    return v.y != 0u ? qc_clz(v.y) : 32u + qc_clz(v.x);\n}" },
    { "qc_ctz64", "qc_ctz", "uint qc_ctz64(uvec2 v)\n{\n    return v.x != 0u ? qc_ctz(v.x) : 32u + qc_ctz(v.y);\n}" },
    { "qc_float_u64", "qc_clz", /* rounded once: what falls off the top 32 bits sticks to the last */
      "float qc_float_u64(uvec2 v)\n{\n    if (v.y == 0u) return float(v.x);\n    uint n = qc_clz(v.y), top = n == 0u ? v.y : v.y << n | v.x >> (32u - n), rest = v.x << n;\n"
      "    return float(top | uint(rest != 0u)) * uintBitsToFloat((159u - n) << 23);\n}" },
    { "qc_float_i64", "qc_float_u64 qc_abs_i64",
      "float qc_float_i64(uvec2 v)\n{\n    float a = qc_float_u64(qc_abs_i64(v));\n    return int(v.y) < 0 ? -a : a;\n}" },
    { "qc_to_u64", "qc_isnan qc_shl64",
      "uvec2 qc_to_u64(float x)\n{\n    if (qc_isnan(x) || x < 1.0) return uvec2(0u);\n    if (x >= 18446744073709551616.0) return uvec2(4294967295u);\n"
      "    int e = int(floatBitsToUint(x) >> 23) - 150;\n    uint m = (floatBitsToUint(x) & 0x7fffffu) | 0x800000u;\n    return e < 0 ? uvec2(m >> -e, 0u) : qc_shl64(uvec2(m, 0u), uint(e));\n}" },
    { "qc_to_i64", "qc_to_u64 qc_neg64",
      "uvec2 qc_to_i64(float x)\n{\n    if (x >= 9223372036854775808.0) return uvec2(4294967295u, 2147483647u);\n    if (x <= -9223372036854775808.0) return uvec2(0u, 2147483648u);\n"
      "    return x < 0.0 ? qc_neg64(qc_to_u64(-x)) : qc_to_u64(x);\n}" },
    { "qc_fma", "qc_shl64 qc_shr_u64 qc_mul_wide qc_add64 qc_sub64 qc_lt_u64 qc_float_u64 qc_ldexp",
      /* p and q are the product and the addend as whole numbers below 2^62, times 2^e and 2^f; what is shifted out sticks to the last bit */
      "float qc_fma(float a, float b, float c)\n{\n    uint x = floatBitsToUint(a) & 0x7fffffffu, y = floatBitsToUint(b) & 0x7fffffffu, z = floatBitsToUint(c) & 0x7fffffffu;\n"
      "    if (x >= 0x7f800000u || y >= 0x7f800000u || z >= 0x7f800000u || x == 0u || y == 0u) return a * b + c;\n    if (z == 0u) return a * b;\n"
      "    uint sign = (floatBitsToUint(a) ^ floatBitsToUint(b)) & 0x80000000u, other = floatBitsToUint(c) & 0x80000000u;\n"
      "    uint mx = (x & 0x7fffffu) | (x >> 23 != 0u ? 0x800000u : 0u), my = (y & 0x7fffffu) | (y >> 23 != 0u ? 0x800000u : 0u), mz = (z & 0x7fffffu) | (z >> 23 != 0u ? 0x800000u : 0u);\n"
      "    uvec2 p = qc_shl64(qc_mul_wide(mx, my), 14u), q = qc_shl64(uvec2(mz, 0u), 38u);\n"
      "    int e = max(int(x >> 23), 1) + max(int(y >> 23), 1) - 314, f = max(int(z >> 23), 1) - 188;\n"
      "    if (e < f) {\n        uvec2 v = p;\n        p = q;\n        q = v;\n        int n = e;\n        e = f;\n        f = n;\n        uint s = sign;\n        sign = other;\n        other = s;\n    }\n"
      "    uint d = uint(e - f);\n    uvec2 r = d > 63u ? uvec2(0u) : qc_shr_u64(q, d);\n    if (d > 63u || qc_shl64(r, d) != q) r.x |= 1u;\n"
      "    if (sign == other) p = qc_add64(p, r);\n    else if (!qc_lt_u64(p, r)) p = qc_sub64(p, r);\n    else {\n        p = qc_sub64(r, p);\n        sign = other;\n    }\n"
      "    if (p == uvec2(0u)) return 0.0;\n    return uintBitsToFloat(floatBitsToUint(qc_ldexp(qc_float_u64(p), e)) | sign);\n}" },
    { "qc_lgamma", "qc_isnan qc_log qc_fabs qc_sin", /* Stirling's series from 4 on; by recurrence below, by reflection under 0.5 */
      "float qc_lgamma(float x)\n{\n    if (qc_isnan(x)) return x;\n    if (qc_fabs(x) == " INF_ " || (x <= 0.0 && floor(x) == x)) return " INF_ ";\n"
      "    float z = x < 0.5 ? 1.0 - x : x, by = 1.0;\n    for (uint k = 0u; k < 4u; k++) {\n        if (z < 4.0) {\n            by *= z;\n            z += 1.0;\n        }\n    }\n    float v = 1.0 / z, w = v * v;\n"
      "    float y = ((z - 0.5) * (qc_log(z) - 1.0) + 0.418938533) + v * (0.0833333333 - w * (0.00277777778 - w * (0.000793650794 - w * 0.000595238095))) - qc_log(by);\n"
      "    return x < 0.5 ? 1.14472989 - qc_log(qc_fabs(qc_sin(3.14159265 * (x - floor(x))))) - y : y;\n}" },
    { NULL, NULL, NULL },
};
/* clang-format on */

/* How often the loops above turn in one call, at most; those of a few turns, always as many, are unrolled by drivers and cost none. fmod: from
 * the largest exponent down to the smallest, and the bits of a denormal. */
static const struct {
    kc_builtin call;
    u32 turns;
} loops[] = { { KC_B_fmod, 280 }, { KC_B_lgamma, 4 } };
enum { WIDE_DIVISION = 64 };

u32 glsl_turns_of(const kc_expr *e)
{
    if (e->op == K_DIV || e->op == K_REM) return glsl_is_wide(e->type) ? WIDE_DIVISION : 0;
    for (u32 i = 0; e->op == K_CALL && i < COUNT(loops); i++)
        if (loops[i].call == (kc_builtin)e->call) return loops[i].turns;
    return 0;
}

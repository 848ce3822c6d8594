/* The float builtins of quern_kernel.h, written once for every number of lanes. Only quern_kernel.h includes this file, once with
 * each set of:
 *     QK_F QK_I QK_U      f32, i32, u32, or vectors of them with the same number of lanes
 *     QK_D QK_L           f64 and i64 with as many lanes
 *     QK_(name)           the name with the suffix of this set;  QK_SCALAR is 1 for plain numbers, 0 for vectors
 * No branch, no call, no table: a loop over plain numbers vectorises, and the vector sets are the same text. Errors are at most 2 ulp
 * (gelu 5, sigmoid 2.1) for every input, denormals included (tests/kernel_header.c). The polynomials are minimax fits of relative error. */
#if QK_SCALAR
#define QK_PICK(c, a, b)  ((c) ? (a) : (b))
#define QK_PICKD(c, a, b) ((c) ? (a) : (b))
#define QK_NUM(v)         (v)
#define QK_TO_F(v)        ((QK_F)(v))
#define QK_TO_D(v)        ((QK_D)(v))
#else
#define QK_PICK(c, a, b)  ((QK_F)(((QK_I)(c) & (QK_I)(a)) | (~(QK_I)(c) & (QK_I)(b))))
#define QK_PICKD(c, a, b) ((QK_D)(((QK_L)(c) & (QK_L)(a)) | (~(QK_L)(c) & (QK_L)(b))))
#define QK_NUM(v)         ((v) - (QK_F){ 0 })
#define QK_TO_F(v)        __builtin_convertvector((v), QK_F)
#define QK_TO_D(v)        __builtin_convertvector((v), QK_D)
#endif
#define QK_SIGN 0x80000000u

QK_INLINE QK_U QK_(bits)(QK_F v)
{
    QK_U u;
    __builtin_memcpy(&u, &v, sizeof u);
    return u;
}

QK_INLINE QK_F QK_(unbits)(QK_U u)
{
    QK_F v;
    __builtin_memcpy(&v, &u, sizeof v);
    return v;
}

QK_INLINE QK_F QK_(fabs)(QK_F x) { return QK_(unbits)(QK_(bits)(x) & ~QK_SIGN); }
QK_INLINE QK_F QK_(copysign)(QK_F x, QK_F s) { return QK_(unbits)((QK_(bits)(x) & ~QK_SIGN) | (QK_(bits)(s) & QK_SIGN)); }
/* v where it is known to have the sign of s, but for a lost -0. */
QK_INLINE QK_F QK_(resign)(QK_F v, QK_F s) { return QK_(unbits)(QK_(bits)(v) | (QK_(bits)(s) & QK_SIGN)); }

QK_INLINE QK_F QK_(min)(QK_F a, QK_F b)
{
    QK_F m = QK_PICK(a < b, a, b);
    return QK_PICK(a != a, a, m);
}

QK_INLINE QK_F QK_(max)(QK_F a, QK_F b)
{
    QK_F m = QK_PICK(a > b, a, b);
    return QK_PICK(a != a, a, m);
}

/* ------------------------------------------------------------------ rounding */
#define QK_WHOLE 8388608.0f /* 2^23: from here on every f32 is whole */

QK_INLINE QK_F QK_(round)(QK_F x)
{
    QK_F a = QK_(fabs)(x), t = (a + QK_WHOLE) - QK_WHOLE;
    t = QK_(resign)(t, x);
    return QK_PICK(a < QK_WHOLE, t, x);
}

QK_INLINE QK_F QK_(floor)(QK_F x)
{
    QK_F t = QK_(round)(x), one = QK_NUM(1.0f), zero = QK_NUM(0.0f);
    return t - QK_PICK(t > x, one, zero);
}

QK_INLINE QK_F QK_(ceil)(QK_F x) { return -QK_(floor)(-x); }
QK_INLINE QK_F QK_(trunc)(QK_F x) { return QK_(resign)(QK_(floor)(QK_(fabs)(x)), x); }

/* ------------------------------------------------------------------ exponentials */
/* v * 2^n for |n| <= 252, rounded once where the result is denormal. */
QK_INLINE QK_F QK_(scale)(QK_F v, QK_I n)
{
    QK_I half = n >> 1;
    return v * QK_(unbits)((QK_U)(half + 127) << 23) * QK_(unbits)((QK_U)(n - half + 127) << 23);
}

#define QK_MAGIC      12582912.0f /* 1.5 * 2^23: adding it leaves the nearest whole number in the low bits */
#define QK_MAGIC_BITS 0x4b400000
#define QK_LN2_HIGH   0.693359375f
#define QK_LN2_LOW    -2.12194440e-4f

/* e^(hi + lo) = (1 + r + r * r * q) * 2^n with |r| <= 0.36; |hi + lo| < 130, lo small. Gives q, sets r and n. */
QK_INLINE QK_F QK_(exp_parts)(QK_F hi, QK_F lo, QK_F *r, QK_I *n)
{
    QK_F z = hi * 1.44269504f + lo * 1.44269504f + QK_MAGIC, whole = z - QK_MAGIC;
    *n = (QK_I)(QK_(bits)(z) - QK_MAGIC_BITS);
    *r = ((hi - whole * QK_LN2_HIGH) - whole * QK_LN2_LOW) + lo;
    QK_F x = *r;
    return 0.499999911f + x * (0.166664973f + x * (0.0416686684f + x * (0.00837149657f + x * 0.00138088339f)));
}

QK_INLINE QK_F QK_(clamp_exp)(QK_F x) /* keeps NaN; e^-105 is 0, e^89 infinite */
{
    QK_F low = QK_NUM(-105.0f), high = QK_NUM(89.0f);
    x = QK_PICK(x < low, low, x);
    return QK_PICK(x > high, high, x);
}

QK_INLINE QK_F QK_(exp)(QK_F x)
{
    QK_F r, zero = QK_NUM(0.0f);
    QK_I n;
    QK_F q = QK_(exp_parts)(QK_(clamp_exp)(x), zero, &r, &n);
    return QK_(scale)((r * r * q + r) + 1.0f, n);
}

QK_INLINE QK_F QK_(exp2)(QK_F x)
{
    QK_F low = QK_NUM(-151.0f), high = QK_NUM(129.0f);
    x = QK_PICK(x < low, low, x);
    x = QK_PICK(x > high, high, x);
    QK_F z = x + QK_MAGIC, r = x - (z - QK_MAGIC);
    QK_F p = 0.0555033199f + r * (0.00961843971f + r * (0.00133991358f + r * 0.00015353151f));
    p = r * (0.693147182f + r * (0.240226477f + r * p));
    return QK_(scale)(p + 1.0f, (QK_I)(QK_(bits)(z) - QK_MAGIC_BITS));
}

QK_INLINE QK_F QK_(expm1)(QK_F x)
{
    QK_F r, zero = QK_NUM(0.0f), low = QK_NUM(-30.0f);
    QK_I n;
    QK_F a = QK_PICK(x < low, low, x);
    QK_F q = QK_(exp_parts)(QK_(clamp_exp)(a), zero, &r, &n);
    QK_F p = r * r * q + r, half = QK_(unbits)((QK_U)(n + 126) << 23); /* half of 2^n, for 2^128 would overflow */
    return QK_(resign)((half * p + (half - 0.5f)) * 2.0f, x);
}

QK_INLINE QK_F QK_(sigmoid)(QK_F x)
{
    QK_F e = QK_(exp)(-QK_(fabs)(x)), one = QK_NUM(1.0f);
    return QK_PICK(x < 0.0f, e, one) / (1.0f + e);
}

QK_INLINE QK_F QK_(tanh)(QK_F x)
{
    QK_F a = QK_(fabs)(x), z = x * x;
    QK_F p = 0.133313313f + z * (-0.053730011f + z * (0.0206061844f + z * -0.00566698518f));
    QK_F near = x + x * z * (-0.333332777f + z * p);
    QK_F far = 1.0f - 2.0f / (QK_(exp)(2.0f * a) + 1.0f);
    far = QK_(copysign)(far, x);
    return QK_PICK(a < 0.625f, QK_(resign)(near, x), far);
}

/* ------------------------------------------------------------------ erf and its kin */
QK_INLINE QK_F QK_(erf)(QK_F x)
{
    QK_F a = QK_(fabs)(x), z = x * x, last = QK_NUM(3.95f);
    QK_F p = 0.112836875f + z * (-0.02685895f + z * (0.00519992318f + z * (-0.000813017366f + z * 8.31737416e-05f)));
    QK_F near = x + x * (0.128379166f + z * (-0.376126319f + z * p));
    QK_F t = QK_PICK(a > last, last, a); /* erf is 1 from 3.95 on */
    QK_F l = 0.108280592f + t * (-0.0251197629f + t * (0.00417119637f + t * (-0.00043449158f + t * 2.10976905e-05f)));
    l = -0.000174728106f + t * (1.12951517f + t * (0.633346438f + t * l)); /* -log(erfc(t)) */
    QK_F far = QK_(copysign)(1.0f - QK_(exp)(-l), x);
    return QK_PICK(a < 0.93f, near, far);
}

/* x * P(z <= x) for a normal z. The tail P(z <= -t) = e^(-t*t/2) * u * poly(u), u = 2 / (t + 2), keeps its relative error, so
 * gelu does, too: t * t is exact in two parts, and x is in before the result may become denormal. */
QK_INLINE QK_F QK_(gelu)(QK_F x)
{
    QK_F low = QK_NUM(-15.0f), high = QK_NUM(14.4f), r, a = QK_(fabs)(x), z = x * x;
    QK_I n;
    QK_F near = 0.0099617308f + z * (-0.00116218661f + z * 9.10794624e-05f);
    near = x * (0.5f + x * (0.398942143f + z * (-0.0664880201f + z * near)));
    QK_F t = QK_PICK(a > high, high, a), u = 2.0f / (t + 2.0f);
    QK_F p = 0.076234743f + u * (-0.501284659f + u * (0.592343688f + u * (-0.291469038f + u * 0.0519485772f)));
    p = 0.199479997f + u * (0.19918263f + u * (0.153575346f + u * (0.0196651295f + u * p)));
    QK_F top = QK_(unbits)(QK_(bits)(t) & 0xfffff000u);
    QK_F q = QK_(exp_parts)(-0.5f * (top * top), -0.5f * ((t - top) * (t + top)), &r, &n);
    QK_F tail = ((r * r * q + r) + 1.0f) * (u * p);
    QK_F left = QK_(scale)(QK_PICK(x < low, low, x) * tail, n);
    QK_F right = x * (1.0f - QK_(scale)(tail, n));
    return QK_PICK(a < 1.0f, near, QK_PICK(x < 0.0f, left, right));
}

/* ------------------------------------------------------------------ logarithms */
/* x = (1 + f) * 2^e with sqrt(1/2) <= 1 + f < sqrt(2); gives log(1 + f) - f, whose rounding error is small beside f. */
QK_INLINE QK_F QK_(log_parts)(QK_F x, QK_F *f, QK_F *e)
{
    QK_F up = x * 33554432.0f, shift = QK_NUM(25.0f), zero = QK_NUM(0.0f);
    QK_F m = QK_PICK(x < 1.17549435e-38f, up, x);
    QK_U bits = QK_(bits)(m);
    QK_I n = (QK_I)(bits - 0x3f3504f3u) >> 23;
    *e = QK_TO_F(n) - QK_PICK(x < 1.17549435e-38f, shift, zero);
    *f = QK_(unbits)(bits - ((QK_U)n << 23)) - 1.0f;
    QK_F v = *f, z = v * v;
    QK_F p = 0.14218536f + v * (-0.124030054f + v * (0.1189356f + v * (-0.116947338f + v * 0.0675790757f)));
    p = 0.333333105f + v * (-0.250000089f + v * (0.200021684f + v * (-0.166680947f + v * p)));
    return v * z * p - 0.5f * z;
}

/* y where x is positive and finite; else log's answer: -inf at 0, NaN below, inf and NaN as they are. */
QK_INLINE QK_F QK_(log_edges)(QK_F x, QK_F y)
{
    QK_F infinite = QK_NUM(__builtin_inff()), nan = QK_NUM(__builtin_nanf(""));
    y = QK_PICK(x < infinite, y, x);
    y = QK_PICK(x == 0.0f, -infinite, y);
    return QK_PICK(x < 0.0f, nan, y);
}

QK_INLINE QK_F QK_(log)(QK_F x)
{
    QK_F f, e, y = QK_(log_parts)(x, &f, &e);
    return QK_(log_edges)(x, (f + (y + e * QK_LN2_LOW)) + e * QK_LN2_HIGH);
}

QK_INLINE QK_F QK_(log2)(QK_F x)
{
    QK_F f, e, y = QK_(log_parts)(x, &f, &e);
    return QK_(log_edges)(x, (((y * 0.442695041f + f * 0.442695041f) + y) + f) + e); /* log2(e) = 1.4427 */
}

QK_INLINE QK_F QK_(log1p)(QK_F x)
{
    QK_F u = 1.0f + x, lost = (x - (u - 1.0f)) / u, y = QK_(log)(u);
    QK_F sum = y + lost;
    sum = QK_PICK(u > 0.0f, sum, y);
    return QK_(resign)(QK_PICK(u < __builtin_inff(), sum, y), x);
}

/* ------------------------------------------------------------------ sine and cosine */
#define QK_BIG_MAGIC 6755399441055744.0 /* 1.5 * 2^52 */

/* t = x * part - 4k, |t| <= 2, exact; 0 where the product is so large that it is a multiple of 4. */
QK_INLINE void QK_(modulo4)(const QK_D *x, f64 part, QK_D *t)
{
    QK_D whole = *x * part, zero = whole - whole;
    QK_D rest = whole - 4.0 * ((whole * 0.25 + QK_BIG_MAGIC) - QK_BIG_MAGIC);
    *t = QK_PICKD((whole < 0x1p53) & (whole > -0x1p53), rest, zero);
}

/* x = (quarter + y / (pi/2)) * pi/2 with |y| <= pi/4. 2/pi in parts of 28 bits: each product with x is exact, multiples of 4
 * quarters are dropped at once, and what is left of all six parts is good for the largest f32. */
QK_INLINE QK_F QK_(quarters)(QK_F x, QK_U *quarter)
{
    QK_D d = QK_TO_D(x), t0, t1, t2, t3, t4, t5 = d * 0x1.4acc9e21c821p-143;
    QK_(modulo4)(&d, 0x1.45f306cp-1, &t0);
    QK_(modulo4)(&d, 0x1.c9c882ap-29, &t1);
    QK_(modulo4)(&d, 0x1.4fe13a8p-59, &t2);
    QK_(modulo4)(&d, 0x1.f47d4dp-86, &t3);
    QK_(modulo4)(&d, 0x1.bb81b6cp-113, &t4);
    QK_D whole = (t0 + t1 + t2 + t3 + t4 + t5 + QK_BIG_MAGIC) - QK_BIG_MAGIC;
    QK_D rest = (((((t0 - whole) + t1) + t2) + t3) + t4) + t5;
    *quarter = QK_(bits)(QK_TO_F(whole) + QK_MAGIC);
    return QK_TO_F(rest * 1.5707963267948966);
}

/* The sine of `quarter` quarter turns and y. */
QK_INLINE QK_F QK_(wave)(QK_F y, QK_U quarter, QK_F x)
{
    QK_F z = y * y, nan = QK_NUM(__builtin_nanf(""));
    QK_F s = y + y * z * (-0.166666672f + z * (0.00833332911f + z * (-0.000198392663f + z * 2.71768067e-06f)));
    QK_F c = 1.0f + z * (-0.5f + z * (0.0416666456f + z * (-0.0013887278f + z * 2.44287821e-05f)));
    QK_F v = QK_PICK((quarter & 1u) != 0u, c, QK_(resign)(s, y));
    v = QK_(unbits)(QK_(bits)(v) ^ ((quarter & 2u) << 30));
    return QK_PICK(QK_(fabs)(x) < __builtin_inff(), v, nan);
}

QK_INLINE QK_F QK_(sin)(QK_F x)
{
    QK_U quarter;
    QK_F y = QK_(quarters)(x, &quarter);
    return QK_(wave)(y, quarter, x);
}

QK_INLINE QK_F QK_(cos)(QK_F x)
{
    QK_U quarter;
    QK_F y = QK_(quarters)(x, &quarter);
    return QK_(wave)(y, quarter + 1u, x);
}

/* ------------------------------------------------------------------ f16 and bf16, as the low 16 bits of a u32 */
QK_INLINE QK_F QK_(from_f16)(QK_U h)
{
    QK_U sign = (h & 0x8000u) << 16, rest = (h & 0x7fffu) << 13;
    QK_F v = QK_(unbits)(rest) * 0x1p112f, special = QK_(unbits)(rest | 0x7f800000u); /* Inf and NaN keep all bits */
    return QK_(unbits)(QK_(bits)(QK_PICK(rest >= 0x0f800000u, special, v)) | sign);
}

QK_INLINE QK_U QK_(to_f16)(QK_F v)
{
    QK_U bits = QK_(bits)(v), a = bits & ~QK_SIGN;
    QK_F normal = QK_(unbits)((a - (112u << 23) + 0xfffu + ((a >> 13) & 1u)) >> 13);
    QK_F tiny = QK_(unbits)(QK_(bits)(QK_(unbits)(a) + 0.5f) - 0x3f000000u); /* the addition rounds to 2^-24 */
    QK_F infinite = QK_(unbits)((a & 0u) + 0x7c00u), nan = QK_(unbits)(0x7e00u | ((a >> 13) & 0x3ffu));
    QK_F h = QK_PICK(a < 0x38800000u, tiny, normal);
    h = QK_PICK(a >= 0x47800000u, infinite, h);
    h = QK_PICK(a > 0x7f800000u, nan, h);
    return QK_(bits)(h) | ((bits >> 16) & 0x8000u);
}

QK_INLINE QK_F QK_(from_bf16)(QK_U h) { return QK_(unbits)(h << 16); }

QK_INLINE QK_U QK_(to_bf16)(QK_F v)
{
    QK_U bits = QK_(bits)(v), quiet = (bits >> 16) | 0x40u;
    QK_F even = QK_(unbits)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16), nan = QK_(unbits)(quiet);
    return QK_(bits)(QK_PICK(v != v, nan, even));
}

#undef QK_PICK
#undef QK_PICKD
#undef QK_NUM
#undef QK_TO_F
#undef QK_TO_D
#undef QK_WHOLE
#undef QK_MAGIC
#undef QK_MAGIC_BITS
#undef QK_LN2_HIGH
#undef QK_LN2_LOW
#undef QK_BIG_MAGIC
#undef QK_SIGN

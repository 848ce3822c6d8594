/* quern_kernel.h as this compiler sees it: the error of every float builtin against libm's double, over all of f32 (a stride through
 * the bit patterns, and the edges), for plain numbers and for wide vectors; conversions against base/half.c; the rest by tables. */
#include "tests/test.h"

#include "quern_kernel.h"

/* clang-format off */
/*  name     at most ulp */
#define FUNCTIONS(X) \
    X(exp,     1.0) X(exp2,    1.5) X(expm1,   2.0) X(log,     1.0) X(log2,    2.0) X(log1p,   2.0) \
    X(tanh,    2.0) X(sigmoid, 2.1) X(erf,     2.0) X(gelu,    5.0) X(sin,     2.0) X(cos,     2.0) \
    X(sqrt,    0.5) X(rsqrt,   1.5) X(floor,   0.0) X(ceil,    0.0) X(round,   0.0) X(trunc,   0.0) X(fabs, 0.0)
/* clang-format on */

typedef struct function {
    const char *name;
    f32 (*one)(f32 x);
    void (*wide)(const f32 *x, f32 *y); /* x[WIDTH] -> y[WIDTH] */
    f64 (*exact)(f64 x);
    f64 most_ulp;
} function;

#define X(name, ulp)                                                                                                        \
    static f32 one_##name(f32 x) { return name(x); }                                                                        \
    static void wide_##name(const f32 *x, f32 *y) { storew(y, 0, name(loadw(x, 0))); }                                      \
    static f64 exact_##name(f64 x) { return name(x); }
FUNCTIONS(X)
#undef X

static const function functions[] = {
#define X(name, ulp) { #name, one_##name, wide_##name, exact_##name, ulp },
    FUNCTIONS(X)
#undef X
};

/* Distance of y from the exact value r in units of the last place of an f32 there; 0 where both are NaN or y is r rounded. */
static f64 ulps(f32 y, f64 r)
{
    if (isnan(r)) return isnan(y) ? 0 : INFINITY;
    if ((f64)y == r || y == (f32)r) return 0;
    if (isnan(y) || isinf(y) || isinf((f32)r)) return INFINITY;
    i32 exponent = 0;
    (void)__builtin_frexp(r, &exponent);
    return fabs((f64)y - r) / __builtin_ldexp(1.0, max(exponent - 24, -149));
}

static const u32 edges[] = {
    0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000,
    0x7fc00000, 0x3f800000, 0xbf800000, 0x3effffff, 0x3f000000, 0x3f000001, 0xbf000000, 0x3fc00000, 0x40200000, 0x4b000000,
    0x4affffff, 0x4b7fffff, 0xbf7fffff, 0xbf800001, 0x42b17217, 0x42b17218, 0xc2cff1b5, 0x3fc90fdb, 0x40490fdb, 0x7f7ffffe,
};

static void worst_of(test *t, const function *f, u32 stride)
{
    f64 worst = 0;
    f32 at = 0;
    bool signs = true;
    u64 n = 0x100000000ull / stride;
    for (u64 k = 0; k < n + COUNT(edges); k++) {
        f32 x = as_f32(k < n ? (u32)(k * stride) : edges[k - n]);
        f32 lanes[WIDTH], wide[WIDTH];
        for (u32 i = 0; i < WIDTH; i++) lanes[i] = x;
        f->wide(lanes, wide);
        f32 y = f->one(x);
        f64 r = f->exact((f64)x), error = max(ulps(y, r), ulps(wide[WIDTH - 1], r));
        if (r == 0 && y == 0 && signbit(y) != signbit(r)) signs = false;
        if (error > worst) {
            worst = error;
            at = x;
        }
    }
    CHECK(t, worst <= f->most_ulp, "%s: %.3f ulp at %a, allowed %.1f", f->name, worst, (f64)at, f->most_ulp);
    CHECK(t, signs, "%s: a zero has the wrong sign", f->name);
    if (t->verbose) log_line(QN_LOG_INFO, "%-8s %.3f ulp at %a", f->name, worst, (f64)at);
}

/* Every f16 and bf16 there and back, and the rounding of floats around them, as base/half.c has it; number by number and wide. */
static void check_halves(test *t)
{
    u32 bad[4] = { 0 };
    for (u32 bits = 0; bits < 0x10000; bits++) {
        f16 h = { (u16)bits };
        bf16 b = { (u16)bits };
        f32 x = load(&h, 0), y = load(&b, 0);
        bad[0] += as_u32(x) != as_u32(f16_to_f32((u16)bits)) && !isnan(x);
        bad[1] += as_u32(y) != as_u32(bf16_to_f32((u16)bits));
        for (i32 k = -3; k <= 3; k++) {
            f32 near16 = as_f32(as_u32(x) + (u32)k * 0x800), near_b = as_f32(as_u32(y) + (u32)k * 0x4000);
            bad[2] += TO(f16, near16).bits != f16_from_f32(near16) && !isnan(near16);
            bad[3] += TO(bf16, near_b).bits != bf16_from_f32(near_b) && !isnan(near_b);
        }
    }
    CHECK(t, !bad[0] && !bad[1], "loads of %u f16 and %u bf16 are wrong", bad[0], bad[1]);
    CHECK(t, !bad[2] && !bad[3], "stores of %u f16 and %u bf16 are wrong", bad[2], bad[3]);
    CHECK(t, isnan(f16_to_f32(TO(f16, NAN).bits)) && isnan(bf16_to_f32(TO(bf16, NAN).bits)), "a NaN is lost");
}

static void check_wide_memory(test *t)
{
    f16 h[WIDTH + 2];
    bf16 b[WIDTH + 2];
    f32 x[WIDTH + 2] = { 0 };
    for (u32 i = 0; i < WIDTH + 2; i++) {
        store(h, i, 0.37f * (f32)i);
        store(b, i, -0.37f * (f32)i);
    }
    storew(x, 1, loadw(h, 1) + loadw(b, 1));
    for (u32 i = 1; i <= WIDTH; i++) CHECK(t, x[i] == load(h, i) + load(b, i), "lane %u of f16 + bf16", i - 1);
    storew(h, 0, loadw(b, 2));
    for (u32 i = 0; i < WIDTH; i++) CHECK(t, h[i].bits == TO(f16, load(b, i + 2)).bits, "f16 lane %u from bf16", i);
    storew_part(x, 0, splatw(7), 3);
    CHECK(t, x[2] == 7 && x[3] != 7, "storew_part wrote %g %g", (f64)x[2], (f64)x[3]);
    f32w part = loadw_part(x, 1, 2);
    CHECK(t, part[0] == 7 && part[1] == 7 && part[2] == 0, "loadw_part");
    CHECK(t, sumw(splatw(3)) == 3 * WIDTH && maxw(-splatw(3)) == -3, "sumw, maxw");
    CHECK(t, isnan(maxw(loadw_part(&(f32){ NAN }, 0, 1))), "maxw drops a NaN");
    store4(x, 0, load4(b, 1) * MAKE4(f32, 1, 2, 3, 4));
    CHECK(t, x[3] == 4 * load(b, 4), "load4 and store4");
}

typedef struct conversion {
    f64 from;
    i64 i8, u8, i32, u32, i64;
    u64 u64;
} conversion;
static const conversion conversions[] = {
    { 0, 0, 0, 0, 0, 0, 0 },
    { NAN, 0, 0, 0, 0, 0, 0 },
    { -1.9, -1, 0, -1, 0, -1, 0 },
    { 127.99, 127, 127, 127, 127, 127, 127 },
    { 300, 127, 255, 300, 300, 300, 300 },
    { -300, -128, 0, -300, 0, -300, 0 },
    { 3e9, 127, 255, INT32_MAX, 3000000000, 3000000000, 3000000000 },
    { -3e9, -128, 0, INT32_MIN, 0, -3000000000, 0 },
    { 0x1.4p63, 127, 255, INT32_MAX, UINT32_MAX, INT64_MAX, 11529215046068469760u },
    { INFINITY, 127, 255, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX },
    { -INFINITY, -128, 0, INT32_MIN, 0, INT64_MIN, 0 },
};

static void check_conversions(test *t)
{
    for (u32 i = 0; i < COUNT(conversions); i++) {
        const conversion *c = &conversions[i];
        f64 d = c->from;
        f32 f = (f32)d;
        CHECK(t, TO(i8, d) == c->i8 && TO(u8, d) == c->u8 && TO(i32, d) == c->i32 && TO(u32, d) == c->u32, "TO from f64 %g",
              d);
        CHECK(t, TO(i64, d) == c->i64 && TO(u64, d) == c->u64, "TO 64 bits from f64 %g", d);
        CHECK(t, TO(i8, f) == c->i8 && TO(u8, f) == c->u8 && TO(i32, f) == c->i32 && TO(u32, f) == c->u32, "TO from f32 %g",
              d);
        CHECK(t, TO(i64, f) == c->i64 && TO(u64, f) == c->u64, "TO 64 bits from f32 %g", d);
    }
    CHECK(t, TO(i8, 300) == 44 && TO(u32, -1) == UINT32_MAX && TO(bool, 2) && !TO(bool, 0.0f), "TO from integers is C's");
}

static void check_numbers(test *t)
{
    CHECK(t, isnan(max(NAN, 1.0f)) && isnan(max(1.0f, NAN)) && isnan(min(NAN, 1.0f)) && isnan(min(1.0f, NAN)),
          "a NaN is dropped");
    f32x4 v = max(MAKE4(f32, NAN, 1, -1, 0), 0.0f);
    CHECK(t, isnan(v[0]) && v[1] == 1 && v[2] == 0, "max of a vector and a number");
    CHECK(t,
          max(-1, 2) == 2 && min(-1, 2) == -1 && max(3u, 2u) == 3 && clamp(7, 0, 5) == 5 && abs(-3) == 3 &&
              abs(-2.5f) == 2.5f,
          "integers");
    CHECK(t, shl(1u, 33) == 2 && shr(-8, 33) == -4 && shl((u64)1, 33) == (u64)1 << 33, "shifts mask their count");
    CHECK(t, clz(0u) == 32 && ctz(0u) == 32 && clz((u64)1) == 63 && popcount(0xf0u) == 4, "bits");
    CHECK(t, dot4_i8(0x80ff7f01, 0x02030405, 10) == 10 + 5 + 127 * 4 - 3 - 256, "dot4_i8");
    CHECK(t, dot4_u8i8(0x80ff7f01, 0xfe030405, 10) == 10 + 5 + 127 * 4 + 255 * 3 - 256, "dot4_u8i8");
    u32 u[1] = { 5 };
    i32 i[1] = { -5 };
    f32 f[1] = { 1.5f };
    CHECK(t,
          atomic_add(u, 0, 2u) == 5 && u[0] == 7 && atomic_max(i, 0, 3) == -5 && i[0] == 3 &&
              atomic_add(f, 0, 1.0f) == 1.5f && f[0] == 2.5f,
          "atomics");
    CHECK(t,
          atomic_cas(u, 0, 7u, 9u) == 7 && u[0] == 9 && atomic_cas(u, 0, 7u, 1u) == 9 && u[0] == 9 &&
              atomic_xchg(u, 0, 3u) == 9,
          "cas, xchg");
    CHECK(t, fma(0x1.000002p0f, 0x1.000002p0f, -0x1.000004p0f) == 0x1p-46f, "fma rounds once");
    CHECK(t, round(2.5f) == 2 && round(-3.5f) == -4 && signbit(round(-0.2f)), "round halves to even");
}

void test_kernel_header(test *t)
{
    for (u32 i = 0; i < COUNT(functions); i++) worst_of(t, &functions[i], 9973);
    check_halves(t);
    check_wide_memory(t);
    check_conversions(t);
    check_numbers(t);
}

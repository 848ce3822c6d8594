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
    void (*wide)(const f32 *x, f32 *y);                      /* x[WIDTH] -> y[WIDTH]                                      */
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

void test_kernel_header(test *t);
void test_kernel_header(test *t)
{
    for (u32 i = 0; i < COUNT(functions); i++) worst_of(t, &functions[i], 9973);
}

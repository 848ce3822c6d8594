/* kernels/float_math.h, which gives a target without a math library its exp, sin and the rest: each function against the C library's, over
 * edges, random bits and the ranges that matter, in f32 and f64. It is plain kernel code, so it runs on the CPU here. */
#include <math.h>
#include <stdio.h>

#include "test.h"

enum { N = 6000 };
typedef struct function {
    const char *name;
    long double (*one)(long double);
    long double (*two)(long double, long double);
    f64 low, high;        /* most inputs */
    f64 ulp_f32, ulp_f64; /* allowed */
} function;

static long double exp2_(long double x) { return exp2l(x); }
static long double sigmoid_(long double x) { return 1 / (1 + expl(-x)); }
static long double gelu_(long double x)
{
    return x < -60 ? -0.0L : x * 0.5L * erfcl(-x * 0.70710678118654752440084436210484904L);
}
static long double ldexp_(long double x, long double y) { return ldexpl(x, (int)y); }

/* clang-format off */
static const function functions[] = {
    { "exp",     expl,     NULL,    -110,  100,  2,   2  }, { "exp2",  exp2_,  NULL,  -155, 130, 2, 2 },  { "expm1", expm1l, NULL, -20, 20, 3, 3 },
    { "log",     logl,     NULL,    0,     10,   2,   3  }, { "log2",  log2l,  NULL,  0,    10,  3, 4 },  { "log10", log10l, NULL, 0,  10, 3, 4 },
    { "log1p",   log1pl,   NULL,    -1,    3,    3,   4  }, { "sin",   sinl,   NULL,  -30,  30,  2, 3 },  { "cos",   cosl,   NULL, -30, 30, 2, 3 },
    { "tan",     tanl,     NULL,    -4,    4,    5,   5  }, { "asin",  asinl,  NULL,  -1,   1,   4, 5 },  { "acos",  acosl,  NULL, -1,  1, 5, 5 },
    { "atan",    atanl,    NULL,    -5,    5,    3,   3  }, { "sinh",  sinhl,  NULL,  -20,  20,  5, 6 },  { "cosh",  coshl,  NULL, -20, 20, 4, 4 },
    { "tanh",    tanhl,    NULL,    -10,   10,   3,   4  }, { "asinh", asinhl, NULL,  -9,   9,   5, 6 },  { "acosh", acoshl, NULL, 1,   9, 6, 8 },
    { "atanh",   atanhl,   NULL,    -1,    1,    5,   6  }, { "erf",   erfl,   NULL,  -4,   4,   3, 12 },  { "erfc",  erfcl,  NULL, -3,  9, 8, 40 },
    { "cbrt",    cbrtl,    NULL,    -9,    9,    2,   3  }, { "sigmoid", sigmoid_, NULL, -90, 90, 3, 4 }, { "gelu", gelu_, NULL, -8, 8, 6, 400 },
    { "lgamma",  lgammal,  NULL,    3,     40,   2,   20 },
    { "atan2",   NULL,     atan2l,  -5,    5,    4,   4  }, { "pow",   NULL,   powl,  0,    20,  1, 8 },  { "fmod",  NULL, fmodl, -99,  99, 0, 0 },
    { "ldexp",   NULL,     ldexp_,  -4,    4,    0,   0  },
};
/* clang-format on */

enum { ALL = N * COUNT(functions) };

static const f64 edges[] = { 0.0,      -0.0,  1.0,    -1.0,  0.5,    -0.5, 2.0,  -2.0,  (f64)INFINITY, -(f64)INFINITY,
                             (f64)NAN, 1e-40, -1e-40, 1e-20, 1e20,   3e38, 3.0,  -3e38, 1e-7,          88.72,
                             -87.4,    104.0, -103.9, 1e5,   -7e4,   1e9,  0.35, 0.93,  0.8,           14.4,
                             0.4142,   0.625, 3.95,   710.0, -745.2, 1e15 };

static f64 input(const function *f, u32 i, u32 salt, bool wide)
{
    u32 bits = (i * 2654435761u) ^ (salt * 0x9e3779b9u);
    bits ^= bits >> 15, bits *= 0x85ebca6bu, bits ^= bits >> 13;
    f32 any;
    memcpy(&any, &bits, 4);
    f64 v = i < COUNT(edges) ? edges[i] : i % 8 == 0 ? (f64)any : f->low + (f->high - f->low) * ((f64)bits / 4294967296.0);
    return wide ? v : (f64)(f32)v;
}

static long double wanted(const function *f, f64 x, f64 y)
{
    return f->one ? f->one((long double)x) : f->two((long double)x, (long double)y);
}

static f64 ulps(long double want, f64 got, bool wide)
{
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : 1e9;
    f64 near = wide ? (f64)want : (f64)(f32)want;
    if (isinf(near) || isinf(got))
        return near == got                                                                                    ? 0
               : fabs((f64)want) > (wide ? 1.79e308 : 3.4028e38) && fabs(got) > (wide ? 1.79e308 : 3.4028e38) ? 0.5
                                                                                                              : 1e9;
    int e;
    frexp(near, &e);
    int least = wide ? -1021 : -125;
    long double unit = ldexpl(1, MAX(e, least) - (wide ? 53 : 24));
    if (near == 0 && got == 0 && !signbit(near) != !signbit(got) && want == 0) return 1e9;
    return (f64)(fabsl(want - (long double)got) / unit);
}

/* All functions in one kernel: element i computes function i / N. */
static qn_status run(qn_device *d, bool wide, const void *x, const void *y, void *out)
{
    str text = { 0 };
    str_add(&text, "#include \"quern_kernel.h\"\n#include \"float_math.h\"\nMAP(f32) run(u32 i, IN(f32) xs, IN(f32) ys)\n{\n"
                   "    f32 x = xs[i], y = ys[i];\n");
    for (u32 r = 0; r < COUNT(functions); r++) {
        const char *name = functions[r].name, *second = functions[r].one             ? ""
                                                        : strcmp(name, "ldexp") == 0 ? ", TO(i32, y)"
                                                                                     : ", y";
        str_print(&text, "    if (i / %d == %u) return m_%s(x%s);\n", (int)N, r, name, second);
    }
    str_add(&text, "    return 0;\n}\n");
    const qn_define narrow[] = { { "T", "f32" }, { "DOUBLE", "0" } }, full[] = { { "T", "f64" }, { "DOUBLE", "1" } };
    size_t bytes = ALL * (wide ? sizeof(f64) : sizeof(f32));
    qn_kernel *k = NULL;
    qn_buffer *b[3] = { 0 };
    qn_ticket done;
    qn_status s = qn_kernel_from_source(
        d, &(qn_kernel_desc){ .source = text.text, .file = "m.c", .defines = wide ? full : narrow, .n_defines = 2 }, &k);
    for (u32 i = 0; i < 3 && s == QN_OK; i++) s = qn_buffer_make(d, bytes, &b[i]);
    if (s == QN_OK) s = qn_buffer_write(b[0], 0, x, bytes);
    if (s == QN_OK) s = qn_buffer_write(b[1], 0, y, bytes);
    const qn_arg args[] = { { .buffer = b[0] }, { .buffer = b[1] }, { .buffer = b[2] } };
    if (s == QN_OK) s = qn_kernel_launch(k, ALL, args, 3);
    if (s == QN_OK) s = qn_buffer_read(b[2], 0, out, bytes, &done);
    if (s == QN_OK) s = qn_device_wait(d, done);
    for (u32 i = 0; i < 3; i++) qn_buffer_free(b[i]);
    qn_kernel_free(k);
    str_free(&text);
    return s;
}

static f64 second_input(const function *f, u32 i, bool wide)
{
    f64 y = i < COUNT(edges) * 5 ? edges[i / 5 % COUNT(edges)] : input(f, i, 2, wide);
    if (strcmp(f->name, "pow") == 0 && i % 3 == 0) y = (f64)((i32)(i % 41) - 20);
    if (strcmp(f->name, "ldexp") == 0) y = (f64)((i32)(i % 300) - 150);
    return wide ? y : (f64)(f32)y;
}

static bool is_named(const function *f, const char *a, const char *b, const char *c)
{
    return strcmp(f->name, a) == 0 || strcmp(f->name, b) == 0 || strcmp(f->name, c) == 0;
}

/* What is not promised: circles past 2^50 in f64, lgamma near its zeros. */
static bool is_lost(const function *f, bool wide, f64 x, long double want)
{
    if (wide && fabs(x) > 1e15 && is_named(f, "sin", "cos", "tan")) return true;
    return strcmp(f->name, "lgamma") == 0 && (fabsl(want) < 1 || x < 0);
}

static void compare(test *t, const char *device, const function *f, bool wide, const f64 *x, const f64 *y, const f64 *got)
{
    f64 worst = 0, allowed = wide ? f->ulp_f64 : f->ulp_f32;
    u32 at = 0;
    for (u32 i = 0; i < N; i++) {
        long double want = wanted(f, x[i], y[i]);
        f64 u = is_lost(f, wide, x[i], want) ? 0 : ulps(want, got[i], wide);
        if (u > worst) worst = u, at = i;
    }
    CHECK(t, worst <= allowed + 0.5,
          "m_%s, %s, on %s: off by %.3g ulp (allowed %g) at %.17g, %.17g: gives %.17g, wants %.17Lg", f->name,
          wide ? "f64" : "f32", device, worst, allowed, x[at], y[at], got[at], wanted(f, x[at], y[at]));
}

static void check(test *t, qn_device *d, bool wide)
{
    static f64 x[ALL], y[ALL], got[ALL];
    static f32 x32[ALL], y32[ALL], got32[ALL];
    for (u32 i = 0; i < ALL; i++) {
        const function *f = &functions[i / N];
        x[i] = input(f, i % N, 1, wide), y[i] = second_input(f, i % N, wide);
        x32[i] = (f32)x[i], y32[i] = (f32)y[i];
    }
    CHECK_OK(t, run(d, wide, wide ? (void *)x : x32, wide ? (void *)y : y32, wide ? (void *)got : got32));
    for (u32 i = 0; i < ALL && !wide; i++) got[i] = (f64)got32[i];
    for (u32 r = 0; r < COUNT(functions); r++) compare(t, "cpu", &functions[r], wide, x + r * N, y + r * N, got + r * N);
}

void test_float_math(test *t)
{
    qn_device *d = NULL;
    CHECK_OK(t, qn_device_open("cpu", NULL, &d));
    for (u32 wide = 0; wide < 2 && d; wide++) check(t, d, wide);
    qn_device_close(d);
}

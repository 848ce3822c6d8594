/* Every builtin, operator and conversion, computed by the interpreter and by each compiled target: the answers agree. One kernel a result type
 * holds all its rows, so that a target compiles a handful of kernels: element i computes row i / INPUTS on input i % INPUTS. */
#include <math.h>
#include <stdio.h>

#include "test.h"

enum { INPUTS = 64, MAX_ROWS = 96 };

/* clang-format off */
static const char *const float_rows[] = {                    /* of f32 x, z */
    "exp(x)", "exp2(x)", "expm1(x)", "log(x)", "log2(x)", "log10(x)", "log1p(x)", "sqrt(x)", "rsqrt(x)", "cbrt(x)", "sin(x)", "cos(x)", "tan(z)",
    "asin(z)", "acos(z)", "atan(x)", "atan2(x, z)", "sinh(z)", "cosh(z)", "tanh(x)", "asinh(x)", "acosh(x)", "atanh(z)", "erf(x)", "erfc(x)",
    "pow(x, z)", "fmod(x, z)", "floor(x)", "ceil(x)", "round(x)", "trunc(x)", "fabs(x)", "copysign(x, z)", "ldexp(x, 3)", "sigmoid(x)",
    "gelu(x)", "fma(x, z, 1)", "mad(x, z, 1)", "min(x, z)", "max(x, z)", "min(z, x)", "max(z, x)", "clamp(x, -1, 2)", "abs(x)", "x / z", "x * z - x",
    "-x", "select(x < z, x, z)", "x < z ? 1 : 2", "isnan(x)", "isinf(x)", "signbit(x)", "as_f32(as_u32(x) ^ 1)", "!(x > z) && x != 0 || z == 1",
    "load(h, k)", "load(b, k)", "TO(f32, TO(f16, x))", "TO(f32, TO(bf16, x))", "lgamma(z + 3)",
    "exp(x * -0.0f)", "0.0f * x", "clamp(x, 5.0f, 1.0f)",
};
static const char *const vector_rows[] = {
    "load4(xs, k).y", "load4(xs, k / 4 * 4).z", "max(load4(xs, k), load4(zs, k)).z", "min(load4(xs, k), 1.0f).w", "(load4(xs, k) * 2.0f + load4(zs, k))[1]", "exp(load4(zs, k)).x",
    "sumw(loadw(zs, k) * 0.0f)", "maxw(splatw(z) * -1.0f)", "sumw(max(loadw_part(zs, k, 4), loadw_part(xs, k, 4)))", "sumw(loadw_part(zs, k, 3))", "load4(h, k).y", "load4(b, k).w", "abs(load4(xs, k)).x",
    "tanh(load4(zs, k)).y", "MAKE2(f32, x, z).y", "(-load4(zs, k)).x", "sumw(splatw(z) / 2.0f) / WIDTH", "sqrt(fabs(load4(zs, k))).z", "fma(load4(zs, k), 2.0f, 1.0f).x",
    "ldexp(load4(zs, k), 2).x", "sigmoid(load4(zs, k)).x", "gelu(load4(zs, k)).y", "sumw(loadw_part(h, k, 4) + loadw_part(b, k, 2))", "floor(load4(zs, k)).x",
    "exp(load4(xs, k) * -0.0f).y",
};
/* What drivers' compilers were seen to get wrong (random kernels): NaN and infinities that they take for numbers, in constants or for good. */
static const char *const special_rows[] = {
    "min(x, NAN)", "max(x, NAN)", "clamp(x, -1.0f, NAN)", "min(load4(xs, k), NAN).y", "isnan(-min(x, NAN)) ? 1 : 2", "isnan(floor(min(x, NAN))) ? 1 : 2",
    "x - x", "x / x", "x / -x", "-x + x", "fabs(x) / fabs(x)", "(load4(xs, k) - load4(xs, k)).z", "(load4(xs, k) / load4(xs, k)).y", "x < x - x ? 1 : 2",
    "x == x ? 1 : 2", "x != x ? 1 : 2", "x <= x ? 1 : 2", "x > x ? 1 : 2", "!(x < z) ? 1 : 2", "!(x >= z) ? 1 : 2", "!(x < z && z < 1) ? 1 : 2", "!(floor(x) < x) ? 1 : 2",
    "kind(log(x))", "kind(log2(x))", "kind(log10(x))", "kind(log1p(x))", "kind(acosh(x))", "kind(gelu(x))", "kind(gelu(fabs(x)))", "kind(asin(x))", "kind(erfc(x))",
    "kind(sinh(trunc(NAN)))", "kind(floor(NAN))", "kind(ceil(NAN))", "kind(round(INFINITY))", "kind(copysign(round(INFINITY), z))", "kind(trunc(-INFINITY))", "kind(lgamma(INFINITY))", "kind(lgamma(-1e20f))",
    "not_less(x, z)", "steps(x)", "x - min(x, x)", "max(x, x) / x",
    "fabs(x) > -INFINITY ? 1 : 2", "-fabs(x) < INFINITY ? 1 : 2", "fabs(x) > -1.0f ? 1 : 2", "x * x > -1.0f ? 1 : 2", "-2.0f <= fabs(x) ? 1 : 2", "exp(x) > -1.0f ? 1 : 2", "!(fabs(x) < 0) ? 1 : 2",
    "max(x, 0.0f) > -1.0f ? 1 : 2", "sin(x) < 2.0f ? 1 : 2", "sqrt(fabs(x)) >= 0 ? 1 : 2", "clamp(x, -1.0f, 1.0f) < 2.0f ? 1 : 2",
};
static const char *const i32_rows[] = {                      /* of i32 a, b; u32 u, v; f32 x */
    "a + b", "a - b", "a * b", "a + INT32_MIN < 1", "a - b < 0", "-a > 0", "a * 3 > a", "b != 0 && b != -1 ? a / b : 0", "b != 0 && b != -1 ? a % b : 0", "a & b", "a | b", "a ^ b", "~a", "-a", "shl(a, u)",
    "shr(a, u)", "a << 3", "a >> 5", "min(a, b)", "max(a, b)", "clamp(a, -5, 5)", "clamp(a, 5, -5)", "abs(a)", "a < b", "a >= b", "TO(i32, x)", "TO(i8, x)", "TO(u8, x)",
    "TO(i16, x)", "TO(u16, x)", "TO(i8, a)", "TO(u8, a)", "TO(i16, a)", "(u8)a", "(i8)(a * 3)", "as_i32(x)", "dot4_i8(u, v, a)", "dot4_u8i8(u, v, a)",
    "TO(bool, x)", "select(a > b, a, b)", "(i32)u", "(bool)a", "a == b ? -1 : 1", "abs(a) < 1", "TO(i8, copysign(round(INFINITY), x))", "(a >> 20) >> 20", "TO(i8, fabs(x / x))",
    "min(min(a, -b), a + 2)", "min(min(-a, b), b + 2)", "min(a + 2, min(b, -a))", "min(-a, min(a + 2, b))", "min(min(a + 2, b), -a)", "min(b, -a)",
    "max(max(a, -b), a + 2)", "max(a + 2, max(b, -a))", "max(max(a + 2, b), -a)", "min(max(a, -b), a + 2)", "max(min(a, -b), b + 2)", "min(min(a, 7 - b), a + 2)", "min(min(a, b * -1), a + 2)", "min(min(a, 0 - b), a + 2)", "max(a + 2, min(a, -b))", "min(a + 2, max(a, -b))",
    "min(min(MAKE2(i32, a, b), -MAKE2(i32, b, a)), MAKE2(i32, b, a) + MAKE2(i32, 2, 2)).y", "min(MAKE2(i32, a, b), min(MAKE2(i32, b, a) * MAKE2(i32, 2, 3), -MAKE2(i32, b, a))).x",
};
static const char *const u32_rows[] = {
    "u + v", "u - v", "u * v", "v != 0 ? u / v : 7", "v != 0 ? u % v : 7", "shl(u, v)", "shr(u, v)", "min(u, v)", "max(u, v)", "popcount(u)", "clz(u)",
    "ctz(u)", "TO(u32, x)", "as_u32(x)", "u < v", "(u32)a > u", "popcount((u64)u << 20)", "clz((u64)u)", "ctz((u64)u << 32)", "u ^ (u >> 3)",
    "(u32)(i8)u / ((v & 127) + 1)", "((u32)(i8)u + shr(0u, v)) / ((k & 127) + 1)", "(u32)(i16)a % ((k & 127) + 1)", "once(u)",
    "last_before(k, u & 3)", "first_of(k, v)", "default_or(k, v)",
};
static const char *const i64_rows[] = {                      /* of i64 p, q */
    "p + q", "p - q", "p * q", "q != 0 && q != -1 ? p / q : 0", "q != 0 && q != -1 ? p % q : 0", "p & q", "shl(p, 40)", "shr(p, 7)", "min(p, q)", "max(p, q)",
    "(i64)a * b", "TO(i64, x)", "p < q", "(i64)u", "abs(p)", "-p", "(i64)((u64)p >> 3)", "TO(u64, x) > 5ul ? 1 : 2",
    "~as_i32(isnan(x) ? 1.0f : fabs(x)) >> 1", "(i64)(a >> 3)", "(i64)(a >> 3) >> 36 >> 31", "(p >> 33) >> 40",
};
static const char *const f64_rows[] = { "TO(i64, (f64)x * 1e12)", "(i64)((f64)a * 0.5)", "(f64)a / 3.0 < (f64)x ? 1 : 2" };
/* clang-format on */

typedef struct suite {
    const char *result;
    bool is_float, is_wide, needs_f64;
    const char *const *rows;
    u32 n_rows;
} suite;
_Static_assert(COUNT(float_rows) <= MAX_ROWS && COUNT(i32_rows) <= MAX_ROWS, "the longest suites");
static const suite suites[] = {
    { "f32", true, false, false, float_rows, COUNT(float_rows) },
    { "f32", true, false, false, vector_rows, COUNT(vector_rows) },
    { "f32", true, false, false, special_rows, COUNT(special_rows) },
    { "i32", false, false, false, i32_rows, COUNT(i32_rows) },
    { "u32", false, false, false, u32_rows, COUNT(u32_rows) },
    { "i64", false, true, false, i64_rows, COUNT(i64_rows) },
    { "i64", false, true, true, f64_rows, COUNT(f64_rows) },
};

/* ------------------------------------------------------------------ inputs, with room for vector loads past the end */
enum { ROOM = INPUTS + 16 };
typedef struct inputs {
    f32 x[ROOM], z[ROOM];
    i32 a[ROOM], b[ROOM];
    i64 p[ROOM], q[ROOM];
    u16 h[ROOM], bf[ROOM];
} inputs;

static void fill_inputs(inputs *in)
{
    static const f32 special[] = { 0,         -0.0f, 1,      -1,   0.5f,  -0.5f, 1.5f,  2.5f,   -2.5f,         INFINITY,
                                   -INFINITY, NAN,   127.5f, 128,  300,   -300,  70000, -70000, 2147483648.0f, -3e9f,
                                   5e9f,      1e20f, -1e20f, 0.1f, 3e-5f, 1e-7f, 65519, 65520 };
    static const i32 whole[] = { 0,    1,    -1,    2,     7,     -7,        127,       128,           255,    256,
                                 -128, -129, 32767, 32768, 65535, INT32_MAX, INT32_MIN, INT32_MIN + 1, 1 << 30 };
    u32 random = 12345;
    for (u32 i = 0; i < ROOM; i++) {
        random = random * 1664525u + 1013904223u;
        f32 unit = (f32)(random >> 8) / 16777216.0f * 2 - 1;
        in->x[i] = i < COUNT(special) ? special[i] : unit * 9;
        in->z[i] = unit * 0.99f;
        in->a[i] = i < COUNT(whole) ? whole[i] : (i32)random;
        in->b[i] = (i32)(random ^ 0x5bd1e995u) >> (random % 29);
        in->p[i] = (i64)in->a[i] * (i64)(i % 3 ? 1 : 1000003);
        in->q[i] = (i64)in->b[i] * (i64)(i % 2 ? 1 : -77777);
        in->h[i] = f16_from_f32(unit * 100);
        in->bf[i] = bf16_from_f32(unit * 1e10f);
    }
}

/* ------------------------------------------------------------------ one suite on one device */
static const char functions[] =
    "#include \"quern_kernel.h\"\n"
    "static f32 kind(f32 x) { return isnan(x) ? -9.0f : isinf(x) ? (x > 0 ? 9.0f : -9.5f) : clamp(x, -8.0f, 8.0f); }\n"
    "static f32 not_less(f32 x, f32 z)\n{\n    bool less = x < z;\n    if (less) {\n    } else {\n        return less ? 1 : "
    "2;\n    }\n    return !less ? 3 : 4;\n}\n"
    "static f32 steps(f32 x)\n{\n    u32 n = 0;\n    while (x < 3.0f && n < 9) {\n        x += 1.0f;\n        n++;\n    }\n "
    "   return (f32)n;\n}\n"
    "static u32 once(u32 u)\n{\n    u32 w = 1u;\n    do {\n        u += w;\n        w--;\n    } while (w > 0);\n    return "
    "u ^ w;\n}\n"
    /* What a loop made is read after it, where neighbours took more turns. */
    "static u32 last_before(u32 end, u32 v)\n{\n    u32 square = 0;\n    do {\n        square = v * v;\n        v = v * 5 + "
    "1;\n    } while (v < end);\n    return square ^ 1;\n}\n"
    "static u32 first_of(u32 i, u32 v)\n{\n    u32 made = i, three = 0;\n    if (v != 5) {\n        for (u32 j = 0;; j++) "
    "{\n            three = i * 3;\n            if (j >= (three & 7)) {\n                made = 100;\n                "
    "break;\n            }\n            if (j * 7 == three) {\n                made = v + 3;\n                break;\n      "
    "      }\n        }\n        three = three ^ 1;\n    }\n    return made * 1000 + three;\n}\n"
    "static u32 default_or(u32 i, u32 v)\n{\n    u32 made = i;\n    for (u32 j = 0; j < (i * 3 & 7); j++)\n        if ((j * "
    "7 & 3) == (v & 3)) {\n            made = v;\n            break;\n        }\n    return made ^ (i * 3 + 1);\n}\n";

static void write_source(const suite *s, str *out)
{
    str_add(out, functions);
    str_print(out,
              "MAP(%s) rows(u32 i, IN(f32) xs, IN(f32) zs, IN(i32) as, IN(i32) bs, IN(i64) ps, "
              "IN(i64) qs, IN(f16) h, IN(bf16) b)\n"
              "{\n    u32 row = i / %d, k = i %% %d;\n    f32 x = xs[k], z = zs[k];\n    i64 p = ps[k], q = qs[k];\n",
              s->result, (int)INPUTS, (int)INPUTS);
    str_add(out, s->is_float ? "" : "    i32 a = as[k], b2 = bs[k];\n    u32 u = (u32)a, v = (u32)b2;\n#define b b2\n");
    for (u32 r = 0; r < s->n_rows; r++) str_print(out, "    if (row == %u) return %s;\n", r, s->rows[r]);
    str_add(out, "    return 0;\n}\n");
}

static qn_status run_suite(qn_device *d, const suite *s, const inputs *in, void *out, size_t out_bytes)
{
    const struct {
        const void *data;
        size_t bytes;
    } parts[] = { { in->x, sizeof in->x }, { in->z, sizeof in->z }, { in->a, sizeof in->a }, { in->b, sizeof in->b },
                  { in->p, sizeof in->p }, { in->q, sizeof in->q }, { in->h, sizeof in->h }, { in->bf, sizeof in->bf } };
    str source = { 0 };
    qn_kernel *k = NULL;
    qn_buffer *bufs[COUNT(parts) + 1] = { 0 };
    qn_arg args[COUNT(parts) + 1] = { 0 };
    qn_ticket done;
    write_source(s, &source);
    qn_status status = qn_kernel_from_source(d, &(qn_kernel_desc){ .source = source.text, .file = "rows.c" }, &k);
    for (u32 i = 0; i < COUNT(bufs) && status == QN_OK; i++) {
        status = qn_buffer_make(d, i < COUNT(parts) ? parts[i].bytes : out_bytes, &bufs[i]);
        if (status == QN_OK && i < COUNT(parts)) status = qn_buffer_write(bufs[i], 0, parts[i].data, parts[i].bytes);
        args[i].buffer = bufs[i];
    }
    if (status == QN_OK) status = qn_kernel_launch(k, (u64)s->n_rows * INPUTS, args, COUNT(args));
    if (status == QN_OK) status = qn_buffer_read(bufs[COUNT(parts)], 0, out, out_bytes, &done);
    if (status == QN_OK) status = qn_device_wait(d, done);
    for (u32 i = 0; i < COUNT(bufs); i++) qn_buffer_free(bufs[i]);
    qn_kernel_free(k);
    str_free(&source);
    return status;
}

/* ------------------------------------------------------------------ comparing */
static bool floats_agree(f32 want, f32 got)
{
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got)) return want == got;
    return fabsf(want - got) <= 3e-6f + 2e-5f * fabsf(want);
}

static void compare(test *t, const char *device, const suite *s, const inputs *in, const void *want, const void *got)
{
    for (u32 r = 0; r < s->n_rows; r++) {
        u32 wrong = 0, at = 0;
        for (u32 k = 0; k < INPUTS; k++) {
            u32 i = r * INPUTS + k;
            bool same = s->is_float  ? floats_agree(((const f32 *)want)[i], ((const f32 *)got)[i])
                        : s->is_wide ? ((const i64 *)want)[i] == ((const i64 *)got)[i]
                                     : ((const i32 *)want)[i] == ((const i32 *)got)[i];
            if (!same && !wrong++) at = k;
        }
        u32 i = r * INPUTS + at;
        if (s->is_float)
            CHECK(t, !wrong, "%s: %s: %u differ, first at x=%g z=%g: wants %g, gives %g", device, s->rows[r], wrong,
                  (double)in->x[at], (double)in->z[at], (double)((const f32 *)want)[i], (double)((const f32 *)got)[i]);
        else
            CHECK(t, !wrong, "%s: %s (%s): %u differ, first at a=%d b=%d x=%g", device, s->rows[r], s->result, wrong,
                  in->a[at], in->b[at], (double)in->x[at]);
    }
}

static void test_on(test *t, const char *spec, const qn_device_desc *desc, const char *called, const inputs *in,
                    const i64 *const *wants)
{
    static i64 got[MAX_ROWS * INPUTS];
    qn_device *d = NULL;
    if (qn_device_open(spec, desc, &d) != QN_OK) {
        SKIP(t, "no device '%s': %s", spec, qn_last_error());
        return;
    }
    for (u32 i = 0; i < COUNT(suites); i++) {
        const suite *s = &suites[i];
        size_t bytes = (size_t)s->n_rows * INPUTS * (s->is_wide ? 8 : 4);
        if (s->needs_f64 && !qn_device_get_info(d)->caps.f64) {
            SKIP(t, "%s has no f64", called);
            continue;
        }
        memset(got, 0, sizeof got);
        CHECK_OK(t, run_suite(d, s, in, got, bytes));
        compare(t, called, s, in, wants[i], got);
    }
    qn_device_close(d);
}

void test_kc_targets(test *t)
{
    static inputs in;
    static i64 wants[COUNT(suites)][MAX_ROWS * INPUTS];
    const i64 *want[COUNT(suites)];
    qn_device *oracle = NULL;
    fill_inputs(&in);
    CHECK_OK(t, qn_device_open("cpu", &(qn_device_desc){ .interpret = true, .threads = 1 }, &oracle));
    for (u32 i = 0; i < COUNT(suites) && oracle; i++) {
        want[i] = wants[i];
        CHECK_OK(t, run_suite(oracle, &suites[i], &in, wants[i],
                              (size_t)suites[i].n_rows * INPUTS * (suites[i].is_wide ? 8 : 4)));
    }
    qn_device_close(oracle);
    if (!oracle) return;
    test_on(t, "cpu", NULL, "cpu", &in, want);
    test_on(t, "cuda", NULL, "cuda", &in, want);
    test_on(t, "opencl", NULL, "opencl", &in, want);
    test_on(t, "webgpu", NULL, "webgpu", &in, want);
    test_on(t, "webgl", NULL, "webgl", &in, want);
}

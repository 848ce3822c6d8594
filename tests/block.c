/* One kernel, three ways: the interpreter, the block machine (in every instruction set of this processor), and the system's compiler
 * must agree: integers bit by bit, floats within a few units of the last place. */
#include "device/cpu_compile.h"
#include "kc/kc.h"
#include "test.h"

#include <math.h>

enum { ELEMS = 2600, MAX_BUFS = 4 };

#define HEAD "#include \"quern_kernel.h\"\n"

/* words: launch parameters; the first is usually a size. block: this kernel fits the block machine. ulps: of the largest value on the way,
 * as a product may be added unrounded (x up to 37, so x * y up to 2^10). */
typedef struct block_case {
    const char *why, *text;
    u32 words[4], n_words;
    bool block;
    f64 ulps;
} block_case;

/* clang-format off */
static const block_case cases[] = {
    { "a copy", HEAD "MAP(f32) f(u32 i, IN(f32) x) { return x[i]; }", { 0 }, 0, true, 0 },
    { "a chain", HEAD "MAP(f32) f(u32 i, IN(f32) x, IN(f32) y) { f32 a = x[i] * y[i]; f32 b = a + x[i]; f32 c = max(b, 0.0f); return (c - y[i]) * 0.5f; }",
      { 0 }, 0, true, 1024 },
    { "a value used after one made from it", HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 t = x[i] + 1.0f; f32 u = t * exp(t * 0.01f); return u + t; }", { 0 }, 0, true, 4 },
    { "builtins", HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 a = x[i] * 0.1f; return tanh(a) + sigmoid(a) * erf(a) + log1p(exp(a)) + sqrt(fabs(a)) + gelu(a); }",
      { 0 }, 0, true, 16 },
    { "libm", HEAD "MAP(f32) f(u32 i, IN(f32) x, IN(f32) y) { f32 a = clamp(x[i] * 0.02f, -0.9f, 0.9f); return atan2(a, y[i]) + asin(a) + pow(fabs(a) + 0.1f, 1.5f); }",
      { 0 }, 0, true, 16 },
    { "a row over and over", HEAD "MAP(f32) f(u32 i, IN(f32) x, IN(f32) y, u32 n) { return x[i] + y[i % n]; }", { 768 }, 1, true, 0 },
    { "a short row", HEAD "MAP(f32) f(u32 i, IN(f32) x, IN(f32) y, u32 n) { return x[i] + y[i % n]; }", { 3 }, 1, true, 0 },
    { "a row of one", HEAD "MAP(f32) f(u32 i, IN(f32) x, IN(f32) y, u32 n) { return x[i] + y[i % n]; }", { 1 }, 1, true, 0 },
    { "one for each run", HEAD "MAP(f32) f(u32 i, IN(f32) x, IN(f32) y, u32 n) { return x[i] - y[i / n]; }", { 49 }, 1, true, 0 },
    { "a channel in the middle", HEAD "MAP(f32) f(u32 i, IN(f32) x, IN(f32) y, u32 hw, u32 c) { return x[i] * y[i / hw % c]; }", { 20, 7 }, 2, true, 0 },
    { "strides", HEAD "MAP(f32) f(u32 i, IN(f32) x, u32 w, u32 h) { u32 c = i % w; u32 r = i / w % h; return x[c * h + r]; }", { 40, 60 }, 2, true, 0 },
    { "a number in a buffer", HEAD "MAP(f32) f(u32 i, IN(f32) x, IN(f32) y) { return x[i] * y[5] + y[0]; }", { 0 }, 0, true, 2 },
    { "an offset", HEAD "MAP(i32) f(u32 i, IN(i32) x, u32 by) { return i + by < 2600u ? x[i + by] : -1; }", { 17 }, 1, true, 0 },
    { "an offset to the left", HEAD "MAP(i32) f(u32 i, IN(i32) x) { return i >= 3 ? x[i - 3] : 7; }", { 0 }, 0, true, 0 },
    { "an early return", HEAD "MAP(i32) f(u32 i, IN(i32) x, u32 n) { if (n == 0) return 5; if (i % 3 == 1) return (i32)i; i32 a = x[i]; if (a > 0) { if (a > 50) return a; a = -a; }"
      " else a = a * 2; return a + 1; }", { 4 }, 1, true, 0 },
    { "a uniform return", HEAD "MAP(i32) f(u32 i, IN(i32) x, u32 n) { if (n == 4) return 5 + (i32)i; return x[i]; }", { 4 }, 1, true, 0 },
    { "a guarded load", HEAD "MAP(f32) f(u32 i, IN(f32) x, u32 n) { if (i >= n) return 0.0f; return x[i * 2]; }", { 1300 }, 1, true, 0 },
    { "loops", HEAD "MAP(f32) f(u32 i, IN(f32) x, u32 n) { f32 s = 0; for (u32 k = 0; k < n; k++) { if (k == 5) continue; if (k > 20) break; s += x[(i + k) % 2600u]; }"
      " return s; }", { 30 }, 1, true, 4 },
    { "a loop with a condition on the element inside", HEAD "MAP(f32) f(u32 i, IN(f32) x, u32 n) { f32 s = -1; for (u32 k = 0; k < n; k++) { u32 at = i + k;"
      " if (at >= 4 && at < 2000) { f32 v = x[at - 4]; s = max(s, v); } } return s; }", { 9 }, 1, true, 0 },
    { "a loop inside a condition on the element", HEAD "MAP(i32) f(u32 i, IN(i32) x, u32 n) { i32 s = 0; if (i % 2 == 0) { for (u32 k = 0; k < n; k++) s += x[k]; } return s; }",
      { 9 }, 1, true, 0 },
    { "an index kept over a change", HEAD "MAP(i32) f(u32 i, IN(i32) x, u32 n) { i32 s = 0; for (u32 k = 0; k < n; k++) { u32 j = i + k; k = k + 1; s += x[j % 2600u]; } return s; }",
      { 8 }, 1, true, 0 },
    { "small arrays", HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32 a[3] = { 0 }; a[1] = x[i]; a[2] = a[1] * 2.0f; a[0] = a[0] + a[2]; return a[0] - a[1]; }", { 0 }, 0, true, 0 },
    { "select of numbers", HEAD "MAP(f32) f(u32 i, IN(f32) x, f32 p) { return select(x[i] > p, 1.0f, p) + (p > 0.0f ? x[i] : -x[i]); }", { 0x3f000000 }, 1, true, 0 },
    { "f16", HEAD "MAP(f16) f(u32 i, IN(f16) x) { return TO(f16, load(x, i) * 1.5f); }", { 0 }, 0, true, 0 },
    { "bf16", HEAD "MAP(bf16) f(u32 i, IN(bf16) x) { return TO(bf16, load(x, i) + 0.25f); }", { 0 }, 0, true, 0 },
    { "i8", HEAD "MAP(i8) f(u32 i, IN(i8) x, IN(f32) y) { return TO(i8, round(y[i] * 3.0f) + (f32)load(x, i)); }", { 0 }, 0, true, 0 },
    { "u8 wraps", HEAD "MAP(u8) f(u32 i, IN(u8) x) { i32 t = load(x, i) * 3; return (u8)t; }", { 0 }, 0, true, 0 },
    { "i64", HEAD "MAP(i64) f(u32 i, IN(i64) x, IN(i32) y) { i64 a = x[i] * 3 - (i64)y[i]; return a < 0 ? -a : a / 7; }", { 0 }, 0, true, 0 },
    { "u64", HEAD "MAP(u64) f(u32 i, IN(u64) x) { return (x[i] >> 3) ^ (x[i] << (i % 7)) ^ (u64)(u32)x[i]; }", { 0 }, 0, true, 0 },
    { "f64", HEAD "MAP(f64) f(u32 i, IN(f64) x) { return exp(x[i] * 0.01) + (f64)(f32)x[i]; }", { 0 }, 0, true, 4 },
    { "guarded division", HEAD "MAP(i32) f(u32 i, IN(i32) x, IN(i32) y) { i32 b = y[i]; return b == 0 ? 0 : (b == -1 ? 0 - x[i] : x[i] / b + x[i] % b); }", { 0 }, 0, true, 0 },
    { "truth", HEAD "MAP(bool) f(u32 i, IN(f32) x, IN(bool) b) { return (x[i] > 1.0f && !b[i]) || i == 3; }", { 0 }, 0, true, 0 },
    { "truth from numbers", HEAD "MAP(f32) f(u32 i, IN(bool) b, u32 n) { bool c = n > 2; return (f32)b[i] + (c ? 2.0f : 3.0f); }", { 5 }, 1, true, 0 },
    { "saturation", HEAD "MAP(i32) f(u32 i, IN(f32) x) { return TO(i32, x[i] * 1e9f); }", { 0 }, 0, true, 0 },
    { "bits", HEAD "MAP(u32) f(u32 i, IN(f32) x) { u32 b = as_u32(x[i]); return popcount(b) + clz(b & 0xffffu) + (ctz(b) << 8); }", { 0 }, 0, true, 0 },
    { "the element itself", HEAD "MAP(f32) f(u32 i, f32 from, f32 by) { return from + by * (f32)i; }", { 0x3f800000, 0x40000000 }, 2, true, 1 },
    { "a loop that depends on the element", HEAD "MAP(u32) f(u32 i) { u32 n = 0; while (n * n < i) n++; return n; }", { 0 }, 0, false, 0 },
    { "vectors", HEAD "MAP(f32) f(u32 i, IN(f32) x) { f32x4 v = load4(x, i / 2); return v.x + v.w; }", { 0 }, 0, false, 0 },
};
/* clang-format on */

typedef struct data {
    u64 in[MAX_BUFS][ELEMS], out[ELEMS];
} data;

/* Small numbers of both signs, some zeros, in the type of the buffer. */
static void fill(u64 *to, kc_scalar s, u32 seed)
{
    for (u32 i = 0; i < ELEMS; i++) {
        seed = seed * 1664525u + 1013904223u;
        i32 v = (i32)(seed >> 8) % 100;
        f32 f = (f32)v * 0.37f;
        f64 d = (f64)v * 0.37;
        if (s == KC_F32) memcpy((u8 *)to + i * 4, &f, 4);
        else if (s == KC_F64) memcpy((u8 *)to + i * 8, &d, 8);
        else if (s == KC_F16) ((u16 *)to)[i] = f16_from_f32(f);
        else if (s == KC_BF16) ((u16 *)to)[i] = bf16_from_f32(f);
        else if (s == KC_BOOL) ((u8 *)to)[i] = (u8)(v & 1);
        else if (s == KC_I8 || s == KC_U8) ((u8 *)to)[i] = (u8)v;
        else if (s == KC_I64 || s == KC_U64) to[i] = (u64)(i64)v * 0x100003;
        else ((i32 *)to)[i] = v;
    }
}

static u32 bytes_of(kc_scalar s)
{
    return s == KC_F64 || s == KC_I64 || s == KC_U64   ? 8
           : s == KC_F32 || s == KC_I32 || s == KC_U32 ? 4
           : s == KC_F16 || s == KC_BF16               ? 2
                                                       : 1;
}

static bool agrees(kc_scalar s, const void *a, const void *b, u32 i, f64 ulps)
{
    u32 bytes = bytes_of(s);
    if (!memcmp((const u8 *)a + i * bytes, (const u8 *)b + i * bytes, bytes)) return true;
    f64 x, y, unit;
    if (s == KC_F32) {
        x = (f64)((const f32 *)a)[i];
        y = (f64)((const f32 *)b)[i];
        unit = ldexp(1, -24);
    } else if (s == KC_F64) {
        x = ((const f64 *)a)[i];
        y = ((const f64 *)b)[i];
        unit = ldexp(1, -53);
    } else {
        return false;
    }
    return (isnan(x) && isnan(y)) || fabs(x - y) <= ulps * unit * fmax(1, fabs(x));
}

static void compare(test *t, const block_case *c, const char *way, const kc_kernel *k, const u64 *want, const u64 *got,
                    u32 from, u32 to)
{
    u32 bad = 0, first = 0, bytes = bytes_of((kc_scalar)k->result.scalar);
    for (u32 i = 0; i < ELEMS; i++) {
        u64 none = 0;
        bool ok = i >= from && i < to ? agrees((kc_scalar)k->result.scalar, want, got, i, c->ulps)
                                      : !memcmp((const u8 *)got + i * bytes, &none, bytes);
        if (!ok && !bad++) first = i;
    }
    CHECK(t, bad == 0, "%s: %s differs in %u of %u elements [%u, %u), first %u: %llx, not %llx", c->why, way, bad, to - from,
          from, to, first, (unsigned long long)(bytes == 8 ? got[first] : ((const u32 *)got)[first * bytes / 4]),
          (unsigned long long)(bytes == 8 ? want[first] : ((const u32 *)want)[first * bytes / 4]));
}

static void check_block(test *t, const block_case *c, const kc_program *p, u32 width, data *d, const u64 *want)
{
    static const u32 ranges[][2] = { { 0, ELEMS }, { 1, 2 }, { 777, 2501 }, { 5, 5 } };
    arena *a = arena_make();
    kc_module *m;
    kc_block *b = NULL;
    void *bufs[MAX_BUFS + 1];
    u32 n = 0;
    CHECK_OK(t, kc_compile(a, p, &(kc_options){ .width = width }, &m));
    const kc_kernel *k = kc_kernel_at(m, 0);
    CHECK_OK(t, kc_block_make(a, m, k, &b));
    CHECK(t, (b != NULL) == c->block, "%s: %s the block machine", c->why, b ? "fits" : "does not fit");
    for (u32 i = 0; i < k->n_params; i++)
        if (k->params[i].role == KC_IN) bufs[n] = d->in[n], n++;
    bufs[n] = d->out;
    for (size_t r = 0; b && r < COUNT(ranges); r++) {
        memset(d->out, 0, sizeof d->out);
        kc_block_run(b, bufs, c->words, ranges[r][0], ranges[r][1]);
        compare(t, c,
                width == 4   ? "block, baseline"
                : width == 8 ? "block, avx2"
                             : "block, avx512",
                k, want, d->out, ranges[r][0], ranges[r][1]);
    }
    arena_free(a);
}

static void check_compiled(test *t, const block_case *c, const kc_module *m, const kc_kernel *k, void *const *bufs, data *d,
                           const u64 *want)
{
    str text = { 0 };
    void *code = NULL;
    host_kernel_fn run = NULL;
    CHECK_OK(t, kc_print(m, k, KC_C, &text));
    qn_status status = cpu_compile(text.text, "baseline", &code, &run);
    CHECK(t, status == QN_OK, "%s: %s\n%s", c->why, qn_last_error(), text.text);
    if (status == QN_OK) {
        memset(d->out, 0, sizeof d->out);
        run(&(qk_args){ bufs, c->words }, 0, ELEMS);
        compare(t, c, "compiled", k, want, d->out, 0, ELEMS);
    }
    cpu_code_free(code);
    str_free(&text);
}

static void check_case(test *t, const block_case *c, data *d)
{
    static u64 want[ELEMS];
    const kc_program p = { .file = "case.c", .text = c->text, .defines = "" };
    arena *a = arena_make();
    kc_module *m = NULL;
    qn_status status = a ? kc_compile(a, &p, NULL, &m) : QN_E_NOMEM;
    if (!CHECK(t, status == QN_OK, "%s: %s", c->why, qn_last_error())) {
        arena_free(a);
        return;
    }
    const kc_kernel *k = kc_kernel_at(m, 0);
    kc_memory bufs[MAX_BUFS + 1];
    void *plain[MAX_BUFS + 1];
    u32 n = 0;
    for (u32 i = 0; i < k->n_params; i++) {
        if (k->params[i].role != KC_IN) continue;
        fill(d->in[n], (kc_scalar)k->params[i].type.scalar, n + 1);
        bufs[n] = (kc_memory){ d->in[n], (u64)ELEMS * bytes_of((kc_scalar)k->params[i].type.scalar) };
        plain[n] = d->in[n];
        n++;
    }
    memset(d->out, 0, sizeof d->out);
    bufs[n] = (kc_memory){ d->out, (u64)ELEMS * bytes_of((kc_scalar)k->result.scalar) };
    plain[n] = d->out;
    CHECK_OK(t, kc_interpret(m, k, bufs, n + 1, c->words, c->n_words, 0, ELEMS, NULL));
    memcpy(want, d->out, sizeof want);
    for (u32 width = 4; width <= 16; width *= 2) check_block(t, c, &p, width, d, want);
    if (cpu_compiler_found()) check_compiled(t, c, m, k, plain, d, want);
    arena_free(a);
}

/* Every allocation of making one fails once. */
static void check_no_memory(test *t)
{
    const kc_program p = { .file = "case.c", .text = cases[3].text, .defines = "" };
    arena *a = arena_make();
    kc_module *m;
    kc_block *b = NULL;
    CHECK_OK(t, kc_compile(a, &p, NULL, &m));
    qn_status status = QN_E_NOMEM;
    for (u64 n = 1; n < 200 && status == QN_E_NOMEM; n++) {
        arena *scratch = arena_make();
        mem_fail_at(n);
        status = kc_block_make(scratch, m, kc_kernel_at(m, 0), &b);
        mem_fail_at(0);
        CHECK(t, status == QN_OK || (status == QN_E_NOMEM && !b), "allocation %u fails: %s", (u32)n, qn_last_error());
        arena_free(scratch);
    }
    CHECK(t, status == QN_OK && b, "never succeeds: %s", qn_last_error());
    arena_free(a);
}

void test_block(test *t)
{
    data *d = mem_alloc(sizeof *d);
    if (!CHECK(t, d != NULL, "no memory")) return;
    for (size_t i = 0; i < COUNT(cases); i++) check_case(t, &cases[i], d);
    check_no_memory(t);
    mem_free(d);
    if (!cpu_compiler_found()) SKIP(t, "no C compiler on PATH: compiled kernels are not compared");
}

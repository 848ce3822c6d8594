/* `a / b` of floats as WGSL and GLSL ES print it, where the driver's own quotient is off. The printed text is compiled as C, its one division is
 * put off by -3 to 3 units in the last place, and what comes of it must be the nearest number, whatever the compiler contracts. */
#include "device/cpu_compile.h"
#include "device/cpu_program.h"
#include "kc/kc.h"
#include "test.h"

#include <math.h>
#include <stdio.h>

/* The words of the two languages. Their integers wrap. */
static const char words[] =
    "#pragma GCC optimize(\"wrapv\")\n"
    "typedef unsigned uint;\ntypedef struct { void *const *bufs; const unsigned *words; } qk_args;\n"
    "#define bool _Bool\n#define clamp(v, lo, hi) ((v) < (lo) ? (lo) : (v) > (hi) ? (hi) : (v))\n#define abs(x) "
    "__builtin_fabsf(x)\n"
    "static uint word_of(float x) { union { float f; uint u; } v = { .f = x }; return v.u; }\n"
    "static float number_of(uint x) { union { uint u; float f; } v = { .u = x }; return v.f; }\n"
    "static float off(float q, int by) { return word_of(q) << 1 >= 0xff000000u || !q ? q : number_of(word_of(q) + "
    "(uint)by); }\n"
    "static struct { uint qk_count; } qk = { 8 };\nstatic int qk_by;\n"
    "#define qc_hidden(x) (x)\n"
    "#define let __auto_type\n#define var __auto_type\n#define select(no, yes, which) ((which) ? (yes) : (no))\n";
static const char run_text[] = "void qk_run(const qk_args *args, unsigned from, unsigned to)\n{\n"
                               "    const float *x = args->bufs[0], *y = args->bufs[1];\n    float *z = args->bufs[2];\n    "
                               "qk_by = (int)args->words[0];\n"
                               "    for (unsigned i = from; i < to; i++) z[i] = qc_quotient(x[i], y[i]);\n}\n";

/* Each `from` becomes `to`; how many there were. */
static u32 put_for(str *text, const char *from, const char *to)
{
    str out = { 0 };
    u32 n = 0;
    for (const char *at = text->text ? text->text : ""; *at;) {
        if (strncmp(at, from, strlen(from)) != 0) str_print(&out, "%c", *at++);
        else str_add(&out, to), at += strlen(from), n++;
    }
    str_free(text);
    *text = out;
    return n;
}

/* The function's text out of a kernel's. */
static bool cut_function(kc_target target, str *out)
{
    static const char kernel[] = "#include \"quern_kernel.h\"\n"
                                 "MAP(f32) divide(u32 i, IN(f32) x, IN(f32) y) { return x[i] / y[i]; }\n";
    const char *head = target == KC_WGSL ? "fn qc_quotient_f32(" : "float qc_quotient(";
    arena *mem = arena_make();
    kc_module *m = NULL;
    str all = { 0 };
    const kc_program p = { .file = "divide.c", .text = kernel, .entry = "divide" };
    bool made = kc_compile(mem, &p, NULL, &m) == QN_OK && kc_print(m, kc_kernel_find(m, "divide"), target, &all) == QN_OK;
    const char *from = made ? strstr(all.text, head) : NULL, *to = from ? strstr(from, "\n}\n") : NULL;
    if (to) str_print(out, "%.*s", (int)(to - from + 3), from);
    str_free(&all);
    arena_free(mem);
    return to != NULL;
}

/* C of it, with a division that is off. */
static bool make_text(kc_target target, str *out)
{
    str f = { 0 };
    if (!cut_function(target, &f)) return false;
    bool one = put_for(&f, "a / b", "off(a / b, qk_by)") == 1;
    put_for(&f, "fn qc_quotient_f32(x: f32, y: f32) -> f32 {", "float qc_quotient(float x, float y) {");
    put_for(&f, "bitcast<i32>(", "(int)word_of(");
    put_for(&f, "bitcast<f32>(", "number_of(");
    put_for(&f, "floatBitsToUint(", "word_of(");
    put_for(&f, "uintBitsToFloat(", "number_of(");
    put_for(&f, target == KC_GLSL ? "int(" : "i32(", "(int)("); /* their conversions are calls */
    put_for(&f, "u(int)(", "(uint)(");
    put_for(&f, "f32(", "(float)(");
    str_print(out, "%s%s%s", words, f.text, run_text);
    str_free(&f);
    return one && !out->bad;
}

/* ------------------------------------------------------------------ operands */
enum { N = 1 << 16 };
static f32 x[N], y[N], z[N];

static u32 mix(u32 v)
{
    v *= 0x9e3779b9u, v ^= v >> 15, v *= 0x2c1b3c6du, v ^= v >> 12, v *= 0x297a2d39u;
    return v ^ (v >> 15);
}

static f32 number(u32 bits)
{
    f32 v;
    memcpy(&v, &bits, 4);
    return v;
}

/* Numbers of any bits; then quotients that all but lie half way between two numbers, just above or below one, or are one. */
static void fill(u32 round)
{
    for (u32 i = 0; i < N; i++) {
        u32 r = mix(i + round * N), kind = round % 4;
        y[i] = number(mix(r + 1));
        x[i] = number(r);
        if (kind == 0 || !isnormal(y[i])) continue;
        f64 q = ldexp(1 + (f64)(r & 0x7fffff) / 8388608, (int)(r >> 24) % 30 - 15);
        f64 unit = ldexp(1, ilogb(q) - 23);
        if (kind == 1) q += unit / 2;
        if (kind == 2) q = ldexp(1, ilogb(q)) + unit * ((f64)(r % 9) - 4);
        x[i] = (f32)(q * (f64)y[i]);
    }
}

static bool right(f32 got, f32 a, f32 b)
{
    f32 want = a / b;
    bool tiny = fabsf(want) <= 0x1p-126f || (fpclassify(a) == FP_SUBNORMAL) || (fpclassify(b) == FP_SUBNORMAL);
    if (isnan(want)) return isnan(got);
    if (!tiny) return got == want && signbit(got) == signbit(want);
    return true; /* the driver's own: it has no such numbers, or is off */
}

/* How many of one filling are wrong, and the first. */
static u32 count_wrong(host_kernel_fn run, int by, u32 round, u32 *first)
{
    u32 wrong = 0;
    fill(round);
    run(&(qk_args){ (void *[]){ x, y, z }, (const u32[]){ (u32)by } }, 0, N);
    for (u32 i = 0; i < N; i++)
        if (!right(z[i], x[i], y[i]) && !wrong++) *first = i;
    return wrong;
}

static void check_off(test *t, const char *what, host_kernel_fn run, int by)
{
    u32 wrong = 0, first = 0;
    for (u32 round = 0; round < 8 && !wrong; round++) wrong = count_wrong(run, by, round, &first);
    CHECK(t, !wrong, "%s, a driver off by %d units: %u of %u are not the nearest number, first %a / %a: %a", what, by, wrong,
          (u32)N, (f64)x[first], (f64)y[first], (f64)z[first]);
}

void test_quotient(test *t)
{
    static const struct {
        kc_target target;
        const char *name;
    } targets[] = { { KC_WGSL, "WGSL" }, { KC_GLSL, "GLSL ES" } };
    if (!cpu_compiler_found()) {
        test_skip(t, "quotients of drivers that are off: no system compiler here");
        return;
    }
    cpu_isa isa = CPU_BASELINE;
    CHECK_OK(t, cpu_isa_find(NULL, &isa)); /* the best has an fma that may be contracted to */
    for (u32 i = 0; i < COUNT(targets); i++) {
        str text = { 0 };
        void *code = NULL;
        host_kernel_fn run = NULL;
        CHECK(t, make_text(targets[i].target, &text), "%s: there is no function with one division", targets[i].name);
        if (text.text) CHECK_OK(t, cpu_compile(text.text, cpu_isa_name(isa), &code, &run));
        for (int by = -3; run && by <= 3; by++) check_off(t, targets[i].name, run, by);
        CHECK(t, !run || count_wrong(run, 9, 0, &(u32){ 0 }), "%s: off by 9 units nothing is wrong: nothing is put off",
              targets[i].name);
        cpu_code_free(code);
        str_free(&text);
    }
}

/* Users' kernels that go astray: on every device they neither touch what is not theirs nor end the process. What has an answer in the
 * language gives it everywhere; the interpreter refuses with a sentence. AddressSanitizer sees what a machine without it might not. */
#include <math.h>
#include <stdio.h>

#include "device_ways.h"

/* ------------------------------------------------------------------ arithmetic that C leaves undefined */
/* clang-format off */
static const char arithmetic[] =
    "#include \"quern_kernel.h\"\n"
    "MAP(i32) total(u32 i, IN(i32) a, IN(i32) b, IN(f32) x, u32 which)\n"
    "{\n"
    "    if (which == 0) return a[i] / b[i];\n"
    "    if (which == 1) return a[i] % b[i];\n"
    "    if (which == 2) return (i32)((u32)a[i] / (u32)b[i]);\n"
    "    if (which == 3) return (i32)((u32)a[i] % (u32)b[i]);\n"
    "    if (which == 4) return a[i] << b[i];\n"
    "    if (which == 5) return a[i] >> b[i];\n"
    "    if (which == 6) return (i32)((u32)a[i] >> (u32)b[i]);\n"
    "    if (which == 7) return (i32)x[i];\n"
    "    if (which == 8) return (i32)(u32)x[i];\n"
    "    if (which == 9) return (i32)(u8)x[i];\n"
    "    if (which == 10) return a[i] / -1;\n"
    "    if (which == 11) { i32 r = a[i]; r /= b[i]; r <<= b[i]; r %= b[i]; return r; }\n"
    "    if (which == 12) return (i32)(i / (which - 12u)) + (i32)(i % (which - 12u));\n"
    "    return 1 / ((i32)which - 13);\n"
    "}\n"
    "MAP(i64) wide(u32 i, IN(i64) a, IN(i64) b, u32 which)\n"
    "{\n"
    "    if (which == 0) return a[i] / b[i];\n"
    "    if (which == 1) return a[i] % b[i];\n"
    "    if (which == 2) return (i64)((u64)a[i] / (u64)b[i]);\n"
    "    if (which == 3) return a[i] << b[i];\n"
    "    return a[i] >> b[i];\n"
    "}\n";
/* clang-format on */

static const i32 int_values[] = { 0, 1, -1, 2, -2, 7, 31, 32, 33, 63, 64, 1000, INT32_MIN, INT32_MAX, INT32_MIN + 1, 255 };
static const f32 float_values[] = { 0,     0.9f,   -0.9f, 1e9f,     3e9f,      -3e9f,  4294967040.0f, 4294967296.0f,
                                    1e30f, -1e30f, NAN,   INFINITY, -INFINITY, 255.5f, 256.0f,        -1.0f };
enum { VALUES = COUNT(int_values), PAIRS = VALUES * VALUES, KINDS = 14, WIDE_KINDS = 5 };
_Static_assert(COUNT(float_values) == VALUES, "as many floats as integers");

static i64 divide(i64 a, i64 b, i64 least) { return b == 0 ? a : b == -1 && a == least ? a : a / b; }
static i64 rest(i64 a, i64 b) { return b == 0 || b == -1 ? 0 : a % b; }
static u32 udivide(u32 a, u32 b) { return b ? a / b : a; }

static i64 saturate(f32 x, i64 low, i64 high)
{
    return isnan(x) ? 0 : (f64)x <= (f64)low ? low : (f64)x >= (f64)high ? high : (i64)x;
}

static i32 shift_left(i32 a, i32 n) { return (i32)((u32)a << (n & 31)); }

static i32 expected(u32 which, u32 i, i32 a, i32 b, f32 x)
{
    i32 r;
    switch (which) {
    case 0: return (i32)divide(a, b, INT32_MIN);
    case 1: return (i32)rest(a, b);
    case 2: return (i32)udivide((u32)a, (u32)b);
    case 3: return (i32)(b ? (u32)a % (u32)b : 0);
    case 4: return shift_left(a, b);
    case 5: return a >> (b & 31);
    case 6: return (i32)((u32)a >> (b & 31));
    case 7: return (i32)saturate(x, INT32_MIN, INT32_MAX);
    case 8: return (i32)(u32)saturate(x, 0, UINT32_MAX);
    case 9: return (i32)saturate(x, 0, 255);
    case 10: return a == INT32_MIN ? a : -a;
    case 11: r = shift_left((i32)divide(a, b, INT32_MIN), b); return (i32)rest(r, b);
    case 12: return (i32)i;
    default: return 1;
    }
}

static i64 expected_wide(u32 which, i64 a, i64 b)
{
    switch (which) {
    case 0: return divide(a, b, INT64_MIN);
    case 1: return rest(a, b);
    case 2: return (i64)(b ? (u64)a / (u64)b : (u64)a);
    case 3: return (i64)((u64)a << (b & 63));
    default: return a >> (b & 63);
    }
}

typedef struct pairs {
    i32 a[PAIRS], b[PAIRS], y[PAIRS];
    f32 x[PAIRS];
    i64 wide_a[PAIRS], wide_b[PAIRS], wide_y[PAIRS];
} pairs;

static i64 widened(i32 v) { return v == INT32_MIN ? INT64_MIN : v == INT32_MAX ? INT64_MAX : v; }

static const pairs *pairs_made(void)
{
    static pairs p;
    for (u32 i = 0; i < PAIRS; i++) {
        p.a[i] = int_values[i / VALUES];
        p.b[i] = int_values[i % VALUES];
        p.x[i] = float_values[i % VALUES];
        p.wide_a[i] = widened(p.a[i]);
        p.wide_b[i] = widened(p.b[i]);
    }
    return &p;
}

static void check_pairs(test *t, const pairs *p, const i32 *y, u32 which, const char *how)
{
    u32 wrong = 0, at = 0;
    for (u32 i = 0; i < PAIRS; i++)
        if (y[i] != expected(which, i, p->a[i], p->b[i], p->x[i]) && !wrong++) at = i;
    CHECK(t, wrong == 0, "%s: %u wrong of kind %u, first of %d, %d, %g: %d", how, wrong, which, p->a[at], p->b[at],
          (f64)p->x[at], y[at]);
}

static qn_kernel *kernel_of(test *t, qn_device *d, const char *source, const char *entry)
{
    qn_kernel *k = NULL;
    qn_status status =
        qn_kernel_from_source(d, &(qn_kernel_desc){ .source = source, .file = "hostile.c", .entry = entry }, &k);
    CHECK(t, status == QN_OK, "%s on %s: %s", entry, d->info.spec, qn_last_error());
    return k;
}

/* The launch is done, or an interpreter refused it with a sentence. */
static bool launched(test *t, qn_device *d, qn_kernel *k, u64 count, const qn_arg *args, size_t n)
{
    qn_status status = qn_kernel_launch(k, count, args, n);
    if (!d->checks) return CHECK(t, status == QN_OK, "%s: %s", d->info.spec, qn_last_error());
    CHECK(t, status == QN_OK || (status == QN_E_DATA && strstr(qn_last_error(), "hostile.c:")), "%s", qn_last_error());
    return status == QN_OK;
}

static void total_arithmetic(test *t, qn_device *d)
{
    const pairs *p = pairs_made();
    static i32 y[PAIRS];
    qn_kernel *k = kernel_of(t, d, arithmetic, "total");
    qn_buffer *a = buffer_of(t, d, p->a, sizeof p->a), *b = buffer_of(t, d, p->b, sizeof p->b),
              *x = buffer_of(t, d, p->x, sizeof p->x), *out = buffer_of(t, d, NULL, sizeof y);
    for (u32 which = 0; k && which < KINDS; which++) {
        const qn_arg args[] = { { .buffer = a }, { .buffer = b }, { .buffer = x }, { .integer = which }, { .buffer = out } };
        if (launched(t, d, k, PAIRS, args, COUNT(args)) && read_all(t, d, out, y))
            check_pairs(t, p, y, which, qn_kernel_how(k));
    }
    qn_kernel_free(k), qn_buffer_free(a), qn_buffer_free(b), qn_buffer_free(x), qn_buffer_free(out);
}

static void total_wide(test *t, qn_device *d)
{
    const pairs *p = pairs_made();
    static i64 y[PAIRS];
    if (!d->info.caps.i64) {
        SKIP(t, "%s has no i64", d->info.spec);
        return;
    }
    qn_kernel *k = kernel_of(t, d, arithmetic, "wide");
    qn_buffer *a = buffer_of(t, d, p->wide_a, sizeof p->wide_a), *b = buffer_of(t, d, p->wide_b, sizeof p->wide_b),
              *out = buffer_of(t, d, NULL, sizeof y);
    for (u32 which = 0; k && which < WIDE_KINDS; which++) {
        const qn_arg args[] = { { .buffer = a }, { .buffer = b }, { .integer = which }, { .buffer = out } };
        if (!launched(t, d, k, PAIRS, args, COUNT(args)) || !read_all(t, d, out, y)) continue;
        u32 wrong = 0;
        for (u32 i = 0; i < PAIRS; i++) wrong += y[i] != expected_wide(which, p->wide_a[i], p->wide_b[i]);
        CHECK(t, wrong == 0, "%s: %u wrong of wide kind %u", qn_kernel_how(k), wrong, which);
    }
    qn_kernel_free(k), qn_buffer_free(a), qn_buffer_free(b), qn_buffer_free(out);
}

/* The block machine is no device's first choice for such kernels, so it is asked itself. */
static void total_in_blocks(test *t)
{
    const pairs *p = pairs_made();
    static i32 y[PAIRS];
    for (u32 width = 4; width <= 8; width *= 2) {
        arena *a = arena_make();
        kc_module *m = NULL;
        kc_block *block = NULL;
        const kc_program program = {
            .file = "hostile.c", .text = arithmetic, .entry = "total", .defines = "", .users = true
        };
        CHECK_OK(t, kc_compile(a, &program, &(kc_options){ .width = width }, &m));
        const kc_kernel *k = m ? kc_kernel_find(m, "total") : NULL;
        CHECK_OK(t, kc_block_make(a, m, k, &block));
        void *bufs[] = { (void *)(uintptr_t)p->a, (void *)(uintptr_t)p->b, (void *)(uintptr_t)p->x, y };
        CHECK(t, block != NULL, "total fits the block machine");
        for (u32 which = 0; block && which < KINDS; which++) {
            u32 words[DEVICE_MAX_WORDS] = { which };
            for (u32 i = 1; i < DEVICE_MAX_WORDS; i++) words[i] = PAIRS; /* lengths */
            kc_block_run(block, bufs, words, 0, PAIRS);
            check_pairs(t, p, y, which, "block machine");
        }
        arena_free(a);
    }
}

/* ------------------------------------------------------------------ wild indices */
/* clang-format off */
static const char wild[] =
    "#include \"quern_kernel.h\"\n"
    "#define GROUP 32\n"
    "static const i32 table[4] = { 1, 2, 3, 4 };\n"
    "MAP(i32) reads(u32 i, IN(i32) at, IN(i32) x, IN(u8) bytes)\n"
    "{\n"
    "    i32 own[4] = { 1, 2, 3, 4 }, two[2][3] = { 0 };\n"
    "    own[at[i]] += 5;\n"
    "    two[at[i]][at[i] * 7] = 9;\n"
    "    return x[at[i]] + x[(u32)at[i] * 977u] + (i32)bytes[at[i]] + own[at[i]] + table[at[i]] + two[at[i]][at[i]];\n"
    "}\n"
    "MAP(f32) wide(u32 i, IN(i32) at, IN(f32) x, IN(f32) z, i32 by)\n"
    "{\n"
    "    f32 own[16] = { 0 };\n"
    "    f32x4 v = load4(x, at[i]);\n"
    "    storew(own, at[i], loadw(x, (u32)at[i] * 3u));\n"
    "    storew_part(own, at[i], loadw_part(z, at[i], (u32)by), (u32)by);\n"
    "    return v.x + own[at[i] & 15] + sumw(loadw_part(x, at[i] + by, 3u));\n"
    "}\n"
    "KERNEL writes(u32 group, IN(i32) at, OUT(f32) y, INOUT(u32) counts, OUT(f32) w)\n"
    "{\n"
    "    SHARED(u32, part, 8);\n"
    "    PER_ITEMS(f32, mine, 3);\n"
    "    ITEMS(t) part[at[t]] = t;\n"
    "    ITEMS(t) { mine[t][at[t]] = 1.0f; atomic_add(part, at[t], 1u); }\n"
    "    ITEMS(t) {\n"
    "        y[at[group * GROUP + t]] = mine[t][at[t]];\n"
    "        atomic_add(counts, at[t] * (i32)group, 1u);\n"
    "        atomic_max(counts, part[at[t]], 7u);\n"
    "        store4(y, at[t], MAKE4(f32, 1.0f, 2.0f, 3.0f, 4.0f));\n"
    "        storew(w, at[t] - (i32)t, splatw(5.0f));\n"
    "        storew_part(w, at[t], splatw(6.0f), (u32)at[t]);\n"
    "    }\n"
    "}\n"
    "MAP(f32) tail(u32 i, IN(f32) x, u32 n) { return i == 0 ? sumw(loadw_part(x, n - 3, 3u)) : x[i] * 0.0f + x[n]; }\n"
    "KERNEL first(u32 group, OUT(f32) y) { ITEMS(t) if (t == 0) store4(y, 0, MAKE4(f32, 1.0f, 2.0f, 3.0f, 4.0f)); }\n"
    "MAP(u32) never(u32 i, u32 n) { u32 s = i; while (s < n || n > 0) s = (s * 5 + 1) % n; return s; }\n"
    "MAP(f32) guarded(u32 i, IN(f32) x, u32 n) { return i < n ? x[i] : -1.0f; }\n";
/* clang-format on */

static const i32 places[64] = {
    0,       1,          -1,      2,          3,          4,        5,  63,        64,        65,
    100,     -4,         1000,    -1000,      1000000,    -1000000, 31, INT32_MAX, INT32_MIN, INT32_MAX - 3,
    1 << 28, -(1 << 28), 1 << 30, -(1 << 30), 0x3fffffff, 7,        8,  -7
};
static const u64 lengths[] = { 0, 1, 3, 4, 5, 64 };

static void wild_reads(test *t, qn_device *d)
{
    qn_kernel *reads = kernel_of(t, d, wild, "reads"), *vectors = kernel_of(t, d, wild, "wide");
    qn_buffer *at = buffer_of(t, d, places, sizeof places), *out = buffer_of(t, d, NULL, 64 * 4);
    for (size_t i = 0; reads && vectors && i < COUNT(lengths); i++) {
        static u32 got[64];
        qn_buffer *x = buffer_of(t, d, NULL, lengths[i] * 4), *bytes = buffer_of(t, d, NULL, lengths[i]);
        const qn_arg args[] = { { .buffer = at }, { .buffer = x }, { .buffer = bytes }, { .buffer = out } };
        launched(t, d, reads, 64, args, COUNT(args));
        for (i64 by = -5; by <= 5; by += 5) {
            const qn_arg wide[] = {
                { .buffer = at }, { .buffer = x }, { .buffer = x }, { .integer = by }, { .buffer = out }
            };
            launched(t, d, vectors, 64, wide, COUNT(wide));
        }
        read_all(t, d, out, got);
        qn_buffer_free(x), qn_buffer_free(bytes);
    }
    qn_kernel_free(reads), qn_kernel_free(vectors), qn_buffer_free(at), qn_buffer_free(out);
}

static void wild_writes(test *t, qn_device *d)
{
    if (d->info.caps.max_group < 32 || !d->info.caps.atomics) {
        SKIP(t, "%s has no groups of 32, or no atomics", d->info.spec);
        return;
    }
    qn_kernel *k = kernel_of(t, d, wild, "writes");
    qn_buffer *at = buffer_of(t, d, places, sizeof places);
    for (size_t i = 0; k && i < COUNT(lengths); i++) {
        static f32 got[64];
        qn_buffer *y = buffer_of(t, d, NULL, lengths[i] * 4), *counts = buffer_of(t, d, NULL, lengths[i] * 4),
                  *w = buffer_of(t, d, NULL, lengths[i] * 4);
        const qn_arg args[] = { { .buffer = at }, { .buffer = y }, { .buffer = counts }, { .buffer = w } };
        launched(t, d, k, 5, args, COUNT(args)); /* group 2 and later read past `at`, too */
        if (lengths[i]) read_all(t, d, w, got);
        qn_buffer_free(y), qn_buffer_free(counts), qn_buffer_free(w);
    }
    qn_kernel_free(k), qn_buffer_free(at);
}

/* What is inside gives what it should, whatever is kept from going outside; a short buffer is written as far as it goes. */
static void still_right(test *t, qn_device *d)
{
    f32 x[3] = { 1, 2, 4 }, y[2] = { 0 }, z[3] = { 9, 9, 9 };
    qn_kernel *tail = kernel_of(t, d, wild, "tail"),
              *first = d->info.caps.max_group < 32 ? NULL : kernel_of(t, d, wild, "first"),
              *guarded = kernel_of(t, d, wild, "guarded");
    qn_buffer *bx = buffer_of(t, d, x, sizeof x), *by = buffer_of(t, d, NULL, sizeof y), *bz = buffer_of(t, d, z, sizeof z);
    if (tail && guarded) {
        CHECK_OK(t, qn_kernel_launch(tail, 1, (qn_arg[]){ { .buffer = bx }, { .integer = 3 }, { .buffer = by } }, 3));
        CHECK(t, read_all(t, d, by, y) && y[0] == 7.0f, "%s: the last 3 of 3 elements: %g", d->info.spec, (f64)y[0]);
        qn_buffer *short_x = buffer_of(t, d, x, 4);
        CHECK_OK(t,
                 qn_kernel_launch(guarded, 2, (qn_arg[]){ { .buffer = short_x }, { .integer = 1 }, { .buffer = by } }, 3));
        CHECK(t, read_all(t, d, by, y) && y[0] == 1.0f && y[1] == -1.0f, "%s: %g, %g", d->info.spec, (f64)y[0], (f64)y[1]);
        qn_buffer_free(short_x);
        if (first && launched(t, d, first, 1, &(qn_arg){ .buffer = bz }, 1))
            CHECK(t, read_all(t, d, bz, z) && z[0] == 1.0f && z[2] == 3.0f, "%s: %g, %g", d->info.spec, (f64)z[0],
                  (f64)z[2]);
    }
    qn_kernel_free(tail), qn_kernel_free(first), qn_kernel_free(guarded);
    qn_buffer_free(bx), qn_buffer_free(by), qn_buffer_free(bz);
}

static void short_inputs(test *t, qn_device *d)
{
    static const char text[] = "#include \"quern_kernel.h\"\nMAP(f32) twice(u32 i, IN(f32) x) { return 2.0f * x[i]; }\n";
    qn_kernel *k = kernel_of(t, d, text, "twice");
    qn_buffer *x = buffer_of(t, d, NULL, 40), *y = buffer_of(t, d, NULL, 80);
    const qn_arg args[] = { { .buffer = x }, { .buffer = y } };
    qn_status status = k ? qn_kernel_launch(k, 11, args, 2) : QN_OK;
    CHECK(t, status == (d->checks ? QN_E_DATA : QN_E_SHAPE) && strstr(qn_last_error(), "x"), "%s: %s", d->info.spec,
          qn_last_error());
    if (k) CHECK_OK(t, qn_kernel_launch(k, 10, args, 2));
    qn_kernel_free(k), qn_buffer_free(x), qn_buffer_free(y);
}

static void endless(test *t)
{
    qn_device *d = NULL;
    f64 start = processor_seconds();
    CHECK_OK(t, qn_device_open("cpu", &(qn_device_desc){ .interpret = true }, &d));
    qn_kernel *k = kernel_of(t, d, wild, "never");
    qn_buffer *y = buffer_of(t, d, NULL, 40);
    qn_status status = k ? qn_kernel_launch(k, 10, (qn_arg[]){ { .integer = 9 }, { .buffer = y } }, 2) : QN_OK;
    CHECK(t, status == QN_E_DATA && strstr(qn_last_error(), "never end"), "%s", qn_last_error());
    CHECK(t, processor_seconds() - start < 60, "refused in %.1f s", processor_seconds() - start);
    qn_kernel_free(k), qn_buffer_free(y);
    qn_device_close(d);
}

/* ------------------------------------------------------------------ what the clamps cost: nothing where an index is sure */
static void check_clamps(test *t, const char *text, const char *with, const char *without)
{
    arena *a = arena_make();
    kc_module *m = NULL;
    str out = { 0 };
    const kc_program program = { .file = "hostile.c", .text = text, .defines = "", .users = true };
    CHECK_OK(t, kc_compile(a, &program, NULL, &m));
    if (m) CHECK_OK(t, kc_print(m, kc_kernel_at(m, 0), KC_C, &out));
    if (out.text && with) CHECK(t, strstr(out.text, with), "no '%s' in\n%s", with, out.text);
    if (out.text && without) CHECK(t, !strstr(out.text, without), "'%s' in\n%s", without, out.text);
    str_free(&out);
    arena_free(a);
}

static void clamps(test *t)
{
#define HEAD "#include \"quern_kernel.h\"\n#define GROUP 32\n"
    static const struct {
        const char *text, *with, *without;
    } cases[] = {
        { HEAD "MAP(f32) f(u32 i, IN(f32) x) { return x[i]; }", "return x[i];", "x_elems" },
        { HEAD "MAP(f32) f(u32 i, IN(f32) x) { return x[3] + x[i]; }", "x[3]", "x_elems" },
        { HEAD "MAP(f32) f(u32 i, IN(f32) x) { return load4(x, 4u).y; }", NULL, "x_elems" },
        { HEAD "MAP(f32) f(u32 i, IN(f32) x) { return x[i + 1]; }", "x[qc_min_u32(i + 1u, x_elems - 1u)]", NULL },
        { HEAD "MAP(f32) f(u32 i, IN(f32) x) { return load4(x, i * 4).y; }", "qc_min_u32(i * 4u, x_elems - 4u)", NULL },
        { HEAD "MAP(f32) f(u32 i, IN(f32) x, u32 n) { return i < n ? x[i] : 0.0f; }", "qc_min_u32(i, x_elems - 1u)", NULL },
        { HEAD "MAP(f32) f(u32 i, IN(f32) x, u32 n) { if (i >= n) return 0.0f; return x[i]; }", "x_elems", NULL },
        { HEAD
          "KERNEL f(u32 g, OUT(f32) y) { SHARED(f32, p, 64); ITEMS(t) p[t + 32] = 1.0f; ITEMS(t) for (u32 k = t; k < 64; "
          "k += GROUP) y[g] = p[k]; }",
          "y_elems", "qc_min_u32(k" },
        { HEAD "MAP(f32) f(u32 i) { f32 a[4] = { 1, 2 }; for (i32 k = 0; k < 4; k++) a[k] += 1.0f; return a[i & 3]; }", NULL,
          "qc_min" },
        { HEAD "MAP(f32) f(u32 i) { f32 a[4] = { 1, 2 }; return a[i & 4]; }", "a[qc_min_u32(i & 4u, 3u)]", NULL },
        { HEAD "MAP(i32) f(u32 i) { i32 a; if (i > 3) a = 7; return a; }", "i32 a = 0;", NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) check_clamps(t, cases[i].text, cases[i].with, cases[i].without);
#undef HEAD
}

static void one_device(test *t, qn_device *d)
{
    total_arithmetic(t, d);
    total_wide(t, d);
    wild_reads(t, d);
    wild_writes(t, d);
    still_right(t, d);
    short_inputs(t, d);
}

void test_hostile_kernels(test *t)
{
    close_test_devices();
    u64 alive = mem_blocks_alive();
    clamps(t);
    total_in_blocks(t);
    for_each_device(t, one_device);
    endless(t);
    CHECK(t, mem_blocks_alive() == alive, "nothing is left behind");
}

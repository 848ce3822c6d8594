/* Users' kernels: compiled from text on every device found here, run and compared; launches and sources that must be refused;
 * translations; and the cache of program binaries. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "device/null.h"
#include "device_ways.h"

/* clang-format off */
static const char source[] =
    "#include \"quern_kernel.h\"\n"
    "#ifndef STEP\n"
    "#define STEP 1\n"
    "#endif\n"
    "#define GROUP 32\n"
    "MAP(f32) saxpy(u32 i, IN(f32) x, IN(f32) y, f32 a) { return a * x[i] + y[i]; }\n"
    "MAP(f32x2) quotient(u32 i, IN(f32) x, IN(f32) y) { return x[i] / MAKE2(f32, y[i], y[i] * 2.0f); }\n"
    "MAP(u8) bytes(u32 i, IN(i32) x, i32 add) { return TO(u8, (x[i] + add) & 255); }\n"
    "MAP(i64) wide(u32 i, i64 a, u64 b, u32 c) { return a + TO(i64, b) + TO(i64, c) + TO(i64, i * STEP); }\n"
    "MAP(f64) twice(u32 i, IN(f64) x, f64 by) { return x[i] * by; }\n"
    "KERNEL histogram(u32 group, IN(u8) x, INOUT(u32) bins, u32 n, u32 each)\n"
    "{\n"
    "    SHARED(u32, part, 256);\n"
    "    ITEMS(t) for (u32 b = t; b < 256; b += GROUP) part[b] = 0;\n"
    "    ITEMS(t) for (u32 i = t; i < each; i += GROUP)\n"
    "        if (group * each + i < n) atomic_add(part, (u32)x[group * each + i], 1u);\n"
    "    ITEMS(t) for (u32 b = t; b < 256; b += GROUP)\n"
    "        if (part[b] > 0) atomic_add(bins, b, part[b]);\n"
    "}\n"
    "KERNEL spread(u32 group, IN(f32) x, OUT(f32) low, OUT(f32) high)\n"
    "{\n"
    "    ITEMS(t) {\n"
    "        f32 v = x[group * GROUP + t];\n"
    "        low[group * GROUP + t] = min(v, 0.0f);\n"
    "        high[group * GROUP + t] = max(v, 0.0f);\n"
    "    }\n"
    "}\n";
/* clang-format on */

static qn_kernel *kernel_of(test *t, qn_device *d, const char *entry)
{
    qn_kernel *k = NULL;
    qn_status status =
        qn_kernel_from_source(d, &(qn_kernel_desc){ .source = source, .file = "devices.c", .entry = entry }, &k);
    CHECK(t, status == QN_OK, "%s on %s: %s", entry, qn_device_get_info(d)->spec, qn_last_error());
    return k;
}

/* NULL where the device has no groups: then the kernel must be refused, with the reason. */
static qn_kernel *group_kernel_of(test *t, qn_device *d, const char *entry)
{
    qn_kernel *k = NULL;
    if (d->info.caps.max_group > 0) return kernel_of(t, d, entry);
    qn_status status =
        qn_kernel_from_source(d, &(qn_kernel_desc){ .source = source, .file = "devices.c", .entry = entry }, &k);
    CHECK(t, status == QN_E_UNSUPPORTED && !k && strstr(qn_last_error(), "group"), "%s without groups: %s", entry,
          qn_last_error());
    return NULL;
}

/* ---- kernels that run */

enum { N = 5000 };

static void run_saxpy(test *t, qn_device *d)
{
    static f32 x[N], y[N], out[N];
    for (u32 i = 0; i < N; i++) x[i] = (f32)i, y[i] = (f32)(i % 13);
    qn_kernel *k = kernel_of(t, d, "saxpy");
    qn_buffer *bx = buffer_of(t, d, x, sizeof x), *by = buffer_of(t, d, y, sizeof y),
              *bo = buffer_of(t, d, NULL, sizeof out);
    if (!k) goto done;
    const qn_arg args[] = { { .buffer = bx }, { .buffer = by }, { .number = 3 }, { .buffer = bo } };
    static const u64 counts[] = { 0, 1, 63, 64, 65, 1000, N - 1, N };
    for (size_t c = 0; c < COUNT(counts); c++) {
        u32 wrong = 0;
        memset(out, 0, sizeof out);
        CHECK_OK(t, qn_buffer_write(bo, 0, out, sizeof out));
        CHECK_OK(t, qn_kernel_launch(k, counts[c], args, COUNT(args)));
        if (!read_all(t, d, bo, out)) break;
        for (u32 i = 0; i < N; i++) wrong += out[i] != (i < counts[c] ? 3 * x[i] + y[i] : 0.0f);
        CHECK(t, wrong == 0, "saxpy of %llu: %u wrong (%s)", (unsigned long long)counts[c], wrong, qn_kernel_how(k));
    }
    CHECK(t, qn_kernel_how(k)[0], "it says how it runs");
done:
    qn_kernel_free(k);
    qn_buffer_free(bx);
    qn_buffer_free(by);
    qn_buffer_free(bo);
}

/* A number between 2^-20 and 2^20 or below 0; a short one has 12 binary digits. */
static f32 digits(u32 seed, bool is_short)
{
    u32 bits = seed * 0x9e3779b9u;
    bits ^= bits >> 15, bits *= 0x2c1b3c6du, bits ^= bits >> 12;
    u32 all = (bits & 0x7fffffu) | 0x800000u;
    return ldexpf((f32)(is_short ? all & 0xfff000u : all), (int)(bits >> 24) % 41 - 43) * (bits >> 31 ? -1.0f : 1.0f);
}

/* The nearest number, on every device: of quotients that are numbers themselves, of any others, and beside infinities, NaN and 0. */
static void run_quotient(test *t, qn_device *d)
{
    static const f32 edges[] = { 0.0f, -0.0f, 1.0f, -3.0f, 1e30f, 1e-30f, 3e38f, INFINITY, -INFINITY, NAN };
    static f32 x[N], y[N], out[2 * N];
    u32 wrong = 0, first = 0;
    for (u32 i = 0; i < N; i++) {
        bool whole = i % 2 == 0; /* a product of two numbers of 12 digits, over one of them */
        y[i] = digits(2 * i + 1, whole);
        x[i] = whole ? digits(2 * i, true) * y[i] : digits(2 * i, false);
        if (i < COUNT(edges) * COUNT(edges)) x[i] = edges[i % COUNT(edges)], y[i] = edges[i / COUNT(edges)];
    }
    qn_kernel *k = kernel_of(t, d, "quotient");
    qn_buffer *bx = buffer_of(t, d, x, sizeof x), *by = buffer_of(t, d, y, sizeof y),
              *bo = buffer_of(t, d, NULL, sizeof out);
    const qn_arg args[] = { { .buffer = bx }, { .buffer = by }, { .buffer = bo } };
    if (k) CHECK_OK(t, qn_kernel_launch(k, N, args, COUNT(args)));
    if (k && read_all(t, d, bo, out))
        for (u32 i = 0; i < 2 * N; i++) {
            f32 want = x[i / 2] / (i % 2 ? y[i / 2] * 2.0f : y[i / 2]);
            bool tiny = fabsf(want) < 1e-37f && want != 0; /* may be 0 where there are no such numbers */
            bool same = isnan(want) ? isnan(out[i]) : out[i] == want || (tiny && fabsf(out[i]) < 1e-37f);
            if (!same && !wrong++) first = i;
        }
    CHECK(t, wrong == 0, "quotient on %s: %u of %u are not the nearest number, first %.9g / %.9g: %.9g", d->info.spec, wrong,
          2 * N, (f64)x[first / 2], (f64)y[first / 2] * (first % 2 ? 2 : 1), (f64)out[first]);
    qn_kernel_free(k);
    qn_buffer_free(bx), qn_buffer_free(by), qn_buffer_free(bo);
}

static void run_types(test *t, qn_device *d)
{
    static i32 x[300];
    static u8 out8[300];
    static i64 out64[300];
    static f64 xd[300], outd[300];
    u32 wrong = 0;
    for (i32 i = 0; i < 300; i++) x[i] = i - 150, xd[i] = i + 1e-9;
    qn_kernel *bytes = kernel_of(t, d, "bytes"), *wide = kernel_of(t, d, "wide");
    qn_kernel *twice = d->info.caps.f64 ? kernel_of(t, d, "twice") : NULL;
    qn_buffer *bx = buffer_of(t, d, x, sizeof x), *b8 = buffer_of(t, d, NULL, sizeof out8),
              *b64 = buffer_of(t, d, NULL, sizeof out64);
    qn_buffer *bd = buffer_of(t, d, xd, sizeof xd), *bo = buffer_of(t, d, NULL, sizeof outd);
    if (bytes && wide) {
        CHECK_OK(t, qn_kernel_launch(bytes, 300, (qn_arg[]){ { .buffer = bx }, { .integer = -7 }, { .buffer = b8 } }, 3));
        const qn_arg args[] = {
            { .integer = -5000000000 }, { .integer = 7000000000 }, { .integer = UINT32_MAX }, { .buffer = b64 }
        };
        CHECK_OK(t, qn_kernel_launch(wide, 300, args, COUNT(args)));
        if (read_all(t, d, b8, out8) && read_all(t, d, b64, out64))
            for (i32 i = 0; i < 300; i++) wrong += out8[i] != (u8)(x[i] - 7) || out64[i] != 2000000000 + (i64)UINT32_MAX + i;
        CHECK(t, wrong == 0, "%u of 300 bytes and 64-bit integers are wrong", wrong);
    }
    if (twice) {
        CHECK_OK(t,
                 qn_kernel_launch(twice, 300, (qn_arg[]){ { .buffer = bd }, { .number = 1.0 / 3 }, { .buffer = bo } }, 3));
        wrong = 0;
        if (read_all(t, d, bo, outd))
            for (i32 i = 0; i < 300; i++) wrong += outd[i] != xd[i] * (1.0 / 3);
        CHECK(t, wrong == 0, "%u of 300 f64 are wrong", wrong);
    } else {
        SKIP(t, "%s has no f64", d->info.spec);
    }
    qn_kernel_free(bytes), qn_kernel_free(wide), qn_kernel_free(twice);
    qn_buffer_free(bx), qn_buffer_free(b8), qn_buffer_free(b64), qn_buffer_free(bd), qn_buffer_free(bo);
}

static void run_groups(test *t, qn_device *d)
{
    static u8 x[N];
    static u32 bins[256], want[256];
    static f32 v[320], low[320], high[320];
    u32 wrong = 0;
    memset(want, 0, sizeof want);
    for (u32 i = 0; i < N; i++) x[i] = (u8)(i * i >> 3), want[x[i]]++;
    for (u32 i = 0; i < 320; i++) v[i] = (f32)i - 160;
    qn_kernel *histogram = group_kernel_of(t, d, "histogram"), *spread = group_kernel_of(t, d, "spread");
    qn_buffer *bx = buffer_of(t, d, x, sizeof x), *bb = buffer_of(t, d, NULL, sizeof bins),
              *bv = buffer_of(t, d, v, sizeof v);
    qn_buffer *bl = buffer_of(t, d, NULL, sizeof low), *bh = buffer_of(t, d, NULL, sizeof high);
    if (histogram && spread) {
        const qn_arg args[] = { { .buffer = bx }, { .buffer = bb }, { .integer = N }, { .integer = 300 } };
        CHECK_OK(t, qn_kernel_launch(histogram, (N + 299) / 300, args, COUNT(args)));
        CHECK_OK(t, qn_kernel_launch(spread, 10, (qn_arg[]){ { .buffer = bv }, { .buffer = bl }, { .buffer = bh } }, 3));
        if (read_all(t, d, bb, bins) && read_all(t, d, bl, low) && read_all(t, d, bh, high)) {
            for (u32 i = 0; i < 256; i++) wrong += bins[i] != want[i];
            for (u32 i = 0; i < 320; i++) wrong += low[i] != MIN(v[i], 0) || high[i] != MAX(v[i], 0);
        }
        CHECK(t, wrong == 0, "%u bins and values are wrong (%s)", wrong, qn_kernel_how(histogram));
    } else if (d->info.caps.max_group == 0) {
        SKIP(t, "%s has no groups", d->info.spec);
    }
    qn_kernel_free(histogram), qn_kernel_free(spread);
    qn_buffer_free(bx), qn_buffer_free(bb), qn_buffer_free(bv), qn_buffer_free(bl), qn_buffer_free(bh);
}

/* ---- kernels that are refused */

static void bad_launches(test *t, qn_device *d)
{
    qn_device *other = NULL;
    CHECK_OK(t, qn_device_open("null", NULL, &other));
    qn_kernel *k = kernel_of(t, d, "saxpy"), *wide = kernel_of(t, d, "wide"), *spread = group_kernel_of(t, d, "spread");
    qn_buffer *x = buffer_of(t, d, NULL, 400), *y = buffer_of(t, d, NULL, 400), *o = buffer_of(t, d, NULL, 400),
              *far = buffer_of(t, other, NULL, 400);
    const qn_arg bx = { .buffer = x }, by = { .buffer = y }, bo = { .buffer = o }, bf = { .buffer = far },
                 two = { .number = 2 }, one = { .integer = 1 };
    const qn_arg none = { 0 }, large = { .integer = (i64)1 << 32 }, minus = { .integer = -1 };
    if (k && wide) {
        const struct {
            const char *what;
            qn_kernel *k;
            u64 count;
            qn_arg args[4];
            size_t n;
            qn_status status;
        } cases[] = {
            { "as it should be", k, 100, { bx, by, two, bo }, 4, QN_OK },
            { "too few arguments", k, 100, { bx, by, two }, 3, QN_E_USAGE },
            { "no arguments", k, 100, { none }, 0, QN_E_USAGE },
            { "a number for a buffer", k, 100, { bx, two, two, bo }, 4, QN_E_USAGE },
            { "a buffer for a number", k, 100, { bx, by, bx, bo }, 4, QN_E_USAGE },
            { "an integer for a float", k, 100, { bx, by, one, bo }, 4, QN_E_USAGE },
            { "a float for an integer", wide, 50, { two, one, one, bo }, 4, QN_E_USAGE },
            { "a u32 of 33 bits", wide, 50, { one, one, large, bo }, 4, QN_E_USAGE },
            { "a negative u32", wide, 50, { one, one, minus, bo }, 4, QN_E_USAGE },
            { "no output", k, 100, { bx, by, two, none }, 4, QN_E_USAGE },
            { "a buffer of another device", k, 100, { bx, bf, two, bo }, 4, QN_E_USAGE },
            { "an output too small", k, 101, { bx, by, two, bo }, 4, QN_E_SHAPE },
            { "an output far too small", k, (u64)1 << 62, { bx, by, two, bo }, 4, QN_E_SHAPE },
            { "an output too small for i64", wide, 51, { one, one, one, bo }, 4, QN_E_SHAPE },
            { "an output that is an input", k, 100, { bx, by, two, bx }, 4, QN_E_USAGE },
            { "one buffer for two outputs", spread, 1, { bx, bo, bo }, 3, QN_E_USAGE },
            { "one buffer for two inputs", k, 100, { bx, bx, two, bo }, 4, QN_OK },
            { "more groups than 32 bits", spread, (u64)1 << 32, { bx, by, bo }, 3, QN_E_SHAPE },
            { "nothing to do", k, 0, { bx, by, two, bo }, 4, QN_OK },
        };
        for (size_t i = 0; i < COUNT(cases); i++) {
            if (!cases[i].k) continue; /* a kernel with groups */
            qn_status status = qn_kernel_launch(cases[i].k, cases[i].count, cases[i].args, cases[i].n);
            CHECK(t, status == cases[i].status, "%s: %s (%s)", cases[i].what, qn_status_text(status), qn_last_error());
        }
        CHECK(t, qn_kernel_launch(k, 1, NULL, 4) == QN_E_USAGE && qn_kernel_launch(NULL, 1, NULL, 0) == QN_E_USAGE, "NULL");
    }
    qn_kernel_free(k), qn_kernel_free(wide), qn_kernel_free(spread);
    qn_buffer_free(x), qn_buffer_free(y), qn_buffer_free(o), qn_buffer_free(far);
    qn_device_close(other);
}

static void bad_sources(test *t, qn_device *d)
{
    static const qn_define step = { "STEP", "3" }, spaced = { "STEP", "3 4" }, unnamed = { "", "1" }, digit = { "3X", "1" };
    static const qn_define doubled[] = { { "A", "1" }, { "B", NULL }, { "A", "2" } };
    static const struct {
        const char *what, *source, *entry;
        const qn_define *defines;
        size_t n;
        qn_status status;
    } cases[] = {
        { "as it should be", source, "wide", &step, 1, QN_OK },
        { "the only kernel", "#include \"quern_kernel.h\"\nMAP(f32) one(u32 i, IN(f32) x) { return x[i]; }", NULL, NULL, 0,
          QN_OK },
        { "which of several", source, NULL, NULL, 0, QN_E_NAME },
        { "an entry that is not there", source, "nothing", NULL, 0, QN_E_NAME },
        { "a define of two words", source, "wide", &spaced, 1, QN_E_USAGE },
        { "a define without a name", source, "wide", &unnamed, 1, QN_E_USAGE },
        { "a define that starts with a digit", source, "wide", &digit, 1, QN_E_USAGE },
        { "a define given twice", source, "wide", doubled, 3, QN_E_USAGE },
        { "defines that are NULL", source, "wide", NULL, 1, QN_E_USAGE },
        { "no source", NULL, NULL, NULL, 0, QN_E_USAGE },
        { "an empty source", "", NULL, NULL, 0, QN_E_KERNEL },
        { "not a kernel", "this is not C", NULL, NULL, 0, QN_E_KERNEL },
        { "an unknown name", "#include \"quern_kernel.h\"\nMAP(f32) f(u32 i, IN(f32) x) { return z[i]; }", NULL, NULL, 0,
          QN_E_KERNEL },
        { "an open brace", "#include \"quern_kernel.h\"\nMAP(f32) f(u32 i, IN(f32) x) { return x[i];", NULL, NULL, 0,
          QN_E_KERNEL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        qn_kernel *k = NULL;
        const qn_kernel_desc desc = {
            .source = cases[i].source, .entry = cases[i].entry, .defines = cases[i].defines, .n_defines = cases[i].n
        };
        qn_status status = qn_kernel_from_source(d, &desc, &k);
        CHECK(t, status == cases[i].status && (status == QN_OK) == (k != NULL), "%s: %s (%s)", cases[i].what,
              qn_status_text(status), qn_last_error());
        qn_kernel_free(k);
    }
    qn_kernel *k = NULL;
    CHECK(t,
          qn_kernel_from_source(NULL, &(qn_kernel_desc){ .source = source }, &k) == QN_E_USAGE &&
              qn_kernel_from_source(d, NULL, &k) == QN_E_USAGE,
          "NULL");
    CHECK(t, text_same(qn_kernel_how(NULL), ""), "how of nothing");
    qn_kernel_free(NULL);
}

static void translating(test *t)
{
    static const char *const targets[] = { "c", "opencl" };
    const qn_kernel_desc desc = { .source = source, .entry = "histogram" };
    char *text = NULL;
    for (size_t i = 0; i < COUNT(targets); i++) {
        CHECK_OK(t, qn_kernel_translate(&desc, targets[i], &text));
        CHECK(t, text && strstr(text, "qk_run"), "%s: the text holds qk_run", targets[i]);
        qn_text_free(text);
        text = NULL;
    }
    CHECK(t, qn_kernel_translate(&desc, "fortran", &text) == QN_E_NAME && !text, "an unknown target");
    CHECK(t, qn_kernel_translate(&(qn_kernel_desc){ .source = "MAP(" }, "c", &text) == QN_E_KERNEL && !text, "%s",
          qn_last_error());
    CHECK(t, qn_kernel_translate(NULL, "c", &text) == QN_E_USAGE && qn_kernel_translate(&desc, NULL, &text) == QN_E_USAGE,
          "NULL");
    qn_text_free(NULL);
}

/* ---- devices beside each other, and the one that only counts */

static void null_counting(test *t)
{
    qn_device *d = NULL;
    CHECK_OK(t, qn_device_open("null", NULL, &d));
    const null_counts *c = null_counts_of(d);
    qn_kernel *k = kernel_of(t, d, "saxpy");
    qn_buffer *x = buffer_of(t, d, NULL, 400), *o = buffer_of(t, d, NULL, 400);
    if (k)
        CHECK_OK(t, qn_kernel_launch(k, 100,
                                     (qn_arg[]){ { .buffer = x }, { .buffer = x }, { .number = 1 }, { .buffer = o } }, 4));
    f32 back[100];
    memset(back, 0xff, sizeof back);
    CHECK(t, read_all(t, d, o, back) && back[0] == 0.0f && back[99] == 0.0f, "reads give zeros");
    CHECK(t,
          c->buffers_alive == 2 && c->bytes_alive == 800 && c->launches == 1 && c->programs_alive == 1 &&
              c->bytes_read == 400,
          "counts");
    qn_buffer_free(x);
    qn_buffer_free(o);
    qn_kernel_free(k);
    CHECK(t,
          c->buffers_alive == 0 && c->bytes_alive == 0 && c->bytes_peak == 800 && c->programs_alive == 0 &&
              c->buffers_made == 2,
          "counts at the end");
    qn_device_close(d);
    CHECK_OK(t, qn_device_open("cpu", NULL, &d));
    CHECK(t, !null_counts_of(d) && !null_counts_of(NULL), "not a null device");
    qn_device_close(d);
}

static void two_at_once(test *t, const char *one, const char *two)
{
    qn_device *a = NULL, *b = NULL;
    if (qn_device_open(one, NULL, &a) != QN_OK || qn_device_open(two, NULL, &b) != QN_OK) {
        SKIP(t, "%s beside %s: %s", one, two, qn_last_error());
        qn_device_close(a);
        return;
    }
    qn_kernel *ka = kernel_of(t, a, "saxpy"), *kb = kernel_of(t, b, "saxpy");
    f32 x[64], y[64] = { 0 }, outs[2][64];
    for (u32 i = 0; i < 64; i++) x[i] = (f32)i;
    qn_buffer *xa = buffer_of(t, a, x, sizeof x), *xb = buffer_of(t, b, x, sizeof x), *ya = buffer_of(t, a, y, sizeof y),
              *yb = buffer_of(t, b, y, sizeof y);
    qn_buffer *oa = buffer_of(t, a, NULL, sizeof x), *ob = buffer_of(t, b, NULL, sizeof x);
    u32 wrong = 0;
    for (u32 round = 1; round < 20 && ka && kb; round++) {
        CHECK_OK(t, qn_kernel_launch(
                        ka, 64, (qn_arg[]){ { .buffer = xa }, { .buffer = ya }, { .number = round }, { .buffer = oa } }, 4));
        CHECK_OK(t, qn_kernel_launch(
                        kb, 64,
                        (qn_arg[]){ { .buffer = xb }, { .buffer = yb }, { .number = -(f64)round }, { .buffer = ob } }, 4));
        if (!read_all(t, b, ob, outs[1]) || !read_all(t, a, oa, outs[0])) break;
        for (u32 i = 0; i < 64; i++) wrong += outs[0][i] != x[i] * (f32)round || outs[1][i] != -x[i] * (f32)round;
    }
    CHECK(t, wrong == 0, "%u wrong on %s beside %s", wrong, one, two);
    qn_kernel_free(ka), qn_kernel_free(kb);
    qn_buffer_free(xa), qn_buffer_free(xb), qn_buffer_free(ya), qn_buffer_free(yb), qn_buffer_free(oa), qn_buffer_free(ob);
    qn_device_close(a);
    qn_device_close(b);
}

/* ---- the cache of program binaries */

static u32 cache_files(const char *folder, char *last, size_t n)
{
    u32 found = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        if (!text_starts(e->d_name, "opencl-")) continue;
        found++;
        snprintf(last, n, "%s/%s", folder, e->d_name);
    }
    if (dir) closedir(dir);
    return found;
}

static ino_t inode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void program_cache(test *t)
{
    qn_device *d = NULL;
    if (qn_device_open("opencl", NULL, &d) != QN_OK) {
        SKIP(t, "no cache of programs: %s", qn_last_error());
        return;
    }
    char folder[256], path[600] = "", kept[1024];
    const char *before = getenv("QUERN_CACHE");
    snprintf(kept, sizeof kept, "%s", before ? before : "");
    snprintf(folder, sizeof folder, "%s/programs", test_temp_folder());
    setenv("QUERN_CACHE", folder, 1);
    run_saxpy(t, d);
    CHECK(t, cache_files(folder, path, sizeof path) == 1, "one program is kept");
    ino_t first = inode_of(path);
    run_saxpy(t, d);
    CHECK(t, inode_of(path) == first, "the second time it comes from the cache");
    static const char damage[] = "damaged";
    file_map f = { 0 };
    if (!CHECK(t, file_map_open(path, &f) == QN_OK && f.bytes.n > 40, "%s: %s", path, qn_last_error())) {
        qn_device_close(d);
        return;
    }
    u8 *bytes = mem_alloc(f.bytes.n);
    size_t n = f.bytes.n;
    memcpy(bytes, f.bytes.data, n);
    file_map_close(&f);
    bytes[n / 2] ^= 1;
    const qn_bytes bad[] = { { damage, sizeof damage }, { damage, 0 }, { bytes, n }, { bytes, n / 2 }, { bytes, 20 } };
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK_OK(t, file_write(path, bad[i]));
        ino_t damaged = inode_of(path);
        run_saxpy(t, d);
        CHECK(t, inode_of(path) != damaged, "damage %zu is seen and written over", i);
    }
    mem_free(bytes);
    if (before) setenv("QUERN_CACHE", kept, 1);
    else unsetenv("QUERN_CACHE");
    qn_device_close(d);
}

static void one_device(test *t, qn_device *d)
{
    run_saxpy(t, d);
    run_quotient(t, d);
    run_types(t, d);
    run_groups(t, d);
    bad_launches(t, d);
    bad_sources(t, d);
}

void test_user_kernels(test *t)
{
    close_test_devices();
    u64 alive = mem_blocks_alive();
    i64 objects = driver_objects();
    for_each_device(t, one_device);
    translating(t);
    null_counting(t);
    two_at_once(t, "cpu", "cpu");
    two_at_once(t, "cpu", "opencl");
    two_at_once(t, "opencl", "opencl");
    two_at_once(t, "webgl", "webgl");
    program_cache(t);
    CHECK(t, mem_blocks_alive() == alive && driver_objects() == objects, "nothing is left behind");
}

/* Numbers and their text: each the nearest of its type, compared with the C library's in the C locale; and all that reads or prints one
 * once more under a locale with a decimal comma, as a host program may have chosen it. */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "op_case.h"

/* clang-format off */
static const struct { const char *text; qn_dtype as; f64 value; const char *rest; } read_cases[] = {
    { "0.1", QN_F64, 0x1.999999999999ap-4, "" },      { "0.1", QN_F32, 0x1.99999ap-4, "" },
    { "-0", QN_F64, -0.0, "" },                        { "+.5e1,", QN_F64, 5, "," },
    { "7.", QN_F64, 7, "" },                           { "1e", QN_F64, 1, "e" },
    { "1e+", QN_F64, 1, "e+" },                        { "1.5.5", QN_F64, 1.5, ".5" },
    { "0x10", QN_F64, 0, "x10" },                      { "1,5", QN_F64, 1, ",5" },
    { "inf", QN_F64, HUGE_VAL, "" },                   { "-INFinity", QN_F32, -HUGE_VAL, "inity" },
    { "1e309", QN_F64, HUGE_VAL, "" },                 { "-1e99999999999999999999", QN_F64, -HUGE_VAL, "" },
    { "1e-99999999999999999999", QN_F64, 0, "" },      { "0e99999999999999999999", QN_F64, 0, "" },
    { "1.7976931348623158e308", QN_F64, DBL_MAX, "" }, { "1.7976931348623159e308", QN_F64, HUGE_VAL, "" },
    { "4.9e-324", QN_F64, 0x1p-1074, "" },             { "2.4703282292062327e-324", QN_F64, 0, "" },
    { "2.4703282292062328e-324", QN_F64, 0x1p-1074, "" },
    /* halfway between two f64: to even; a little more: up */
    { "9007199254740993", QN_F64, 9007199254740992, "" },
    { "9007199254740993.00000000000000000000000000000000000000000000000001", QN_F64, 9007199254740994, "" },
    { "2.2250738585072011e-308", QN_F64, 0x0.fffffffffffffp-1022, "" },
    /* by way of f64 these would be rounded twice */
    { "1.00000017881393432617187499", QN_F32, 0x1.000002p0, "" },
    { "1.000000178813934326171875", QN_F32, 0x1.000004p0, "" },
    { "1.00000005960464477539062500001", QN_F32, 0x1.000002p0, "" },
    { "7.00649232162408535461864791644958065640130970938257885878534141944895541342930300743319094181060791015626e-46", QN_F32, 0x1p-149, "" },
    { "3.4028235677973367e38", QN_F32, HUGE_VAL, "" }, { "3.4028235677973366e38", QN_F32, 0x1.fffffep127, "" },
    { "1.00048828125", QN_F16, 1, "" },                { "1.000488281250000000001", QN_F16, 0x1.004p0, "" },
    { "65519.999", QN_F16, 65504, "" },                { "65520", QN_F16, HUGE_VAL, "" },
    { "5.9604644775390625e-8", QN_F16, 0x1p-24, "" },  { "1.00390625000001", QN_BF16, 0x1.02p0, "" },
};
static const char *const no_numbers[] = { "", "-", "+", ".", "-.", "e5", ".e5", "-e", "in", "na", ".inf", "--1", " 1", "," };
static const struct { f64 value; qn_dtype as; const char *text; } print_cases[] = {
    { 0, QN_F64, "0" }, { -0.0, QN_F32, "-0" }, { 0.1, QN_F64, "0.1" }, { (f64)0.1f, QN_F32, "0.1" }, { (f64)0.1f, QN_F64, "0.10000000149011612" },
    { 1e6, QN_F64, "1000000" }, { 123.456, QN_F64, "123.456" }, { -1e-5, QN_F64, "-0.00001" }, { 1.5e-6, QN_F64, "1.5e-06" },
    { 1e15, QN_F64, "1000000000000000" }, { 1e16, QN_F64, "1e+16" }, { 0x1p-1074, QN_F64, "5e-324" }, { DBL_MAX, QN_F64, "1.7976931348623157e+308" },
    { -DBL_MIN, QN_F64, "-2.2250738585072014e-308" }, { 0x1.fffffep127, QN_F32, "3.4028235e+38" }, { 0x1p-149, QN_F32, "1e-45" },
    { 65504, QN_F16, "65500" }, { 0x1.004p0, QN_F16, "1.001" }, { HUGE_VAL, QN_F32, "inf" }, { -HUGE_VAL, QN_F64, "-inf" }, { (f64)NAN, QN_F64, "nan" },
    { 0.1, QN_F32, "0.10000000000000001" } /* none of f32: all its digits */,
};
/* clang-format on */

static bool same(f64 a, f64 b) { return memcmp(&a, &b, sizeof a) == 0; }

static void tables(test *t, const char *where)
{
    for (u32 i = 0; i < COUNT(read_cases); i++) {
        const char *at = read_cases[i].text;
        f64 v = 77;
        CHECK(t, number_read(&at, NULL, read_cases[i].as, &v) && same(v, read_cases[i].value), "%s%s: read as %a, not %a",
              where, read_cases[i].text, v, read_cases[i].value);
        CHECK(t, text_same(at, read_cases[i].rest), "%s%s: left is '%s'", where, read_cases[i].text, at);
    }
    for (u32 i = 0; i < COUNT(no_numbers); i++) {
        const char *at = no_numbers[i];
        f64 v;
        CHECK(t, !number_read(&at, NULL, QN_F64, &v) && at == no_numbers[i], "%s'%s' is no number", where, no_numbers[i]);
    }
    for (u32 i = 0; i < COUNT(print_cases); i++) {
        char text[NUMBER_BYTES];
        number_print(text, print_cases[i].value, print_cases[i].as);
        CHECK(t, text_same(text, print_cases[i].text), "%s%s: printed as %s", where, print_cases[i].text, text);
    }
}

static void ends(test *t)
{
    static const char text[] = "-12.5e1";
    static const f64 wants[] = { 0, 0, -1, -12, -12, -12.5, -12.5, -125 };
    for (size_t n = 0; n < sizeof text; n++) {
        char *exact = malloc(n + !n); /* a byte read behind it is an error under a sanitizer */
        const char *at = exact;
        f64 v = 0;
        if (!exact) return;
        memcpy(exact, text, n);
        CHECK(t, number_read(&at, exact + n, QN_F64, &v) == (n >= 2) && v == wants[n], "%zu bytes: %g", n, v);
        free(exact);
    }
}

/* ---- beside the C library, in the C locale */

static u64 next_random(u64 *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed;
}

static bool reads_like_libc(const char *text)
{
    const char *wide_at = text, *narrow_at = text;
    f64 wide = 77, narrow = 77;
    return number_read(&wide_at, NULL, QN_F64, &wide) && number_read(&narrow_at, NULL, QN_F32, &narrow) && !*wide_at &&
           !*narrow_at && same(wide, strtod(text, NULL)) && same(narrow, (f64)strtof(text, NULL));
}

static bool prints_back(f64 v, qn_dtype as)
{
    char text[NUMBER_BYTES];
    number_print(text, v, as);
    return strlen(text) < NUMBER_BYTES && same(as == QN_F32 ? (f64)strtof(text, NULL) : strtod(text, NULL), v);
}

/* The point between v and the next, in all its digits; then a little more, and a little less. */
static bool halves_read_like_libc(f64 v, int digits)
{
    static char text[1200];
    int n = snprintf(text, sizeof text - 8, "%.*e", digits, v);
    char *e = memchr(text, 'e', (size_t)n), power[8];
    if (!e || strlen(e) >= sizeof power) return false;
    snprintf(power, sizeof power, "%s", e);
    if (!reads_like_libc(text)) return false;
    snprintf(e, 12, "1%s", power);
    if (!reads_like_libc(text)) return false;
    while (e[-1] == '0') e--;
    if (e[-1] == '.') return true;
    e[-1]--;
    snprintf(e, 12, "9%s", power);
    return reads_like_libc(text);
}

static void beside_libc(test *t)
{
    u64 seed = 88172645463325252u + test_seed();
    u32 bad_read = 0, bad_print = 0, bad_half = 0;
    for (u32 i = 0; i < 20000; i++) {
        u64 bits = next_random(&seed);
        u32 low = (u32)next_random(&seed);
        f64 v;
        f32 f;
        char text[80];
        memcpy(&v, &bits, sizeof v);
        memcpy(&f, &low, sizeof f);
        if (!isfinite(v) || !isfinite(f)) continue;
        snprintf(text, sizeof text, "%.*e", (int)(low % 40), v);
        bad_read += !reads_like_libc(text);
        snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)bits, (unsigned long long)low,
                 (int)(bits % 90) - 60);
        bad_read += !reads_like_libc(text);
        bad_print += !prints_back(v, QN_F64);
        bad_print += !prints_back((f64)f, QN_F32);
        if (i % 20) continue;
        f64 to = (f64)nextafterf(f, INFINITY);
        if (isfinite(to)) bad_half += !halves_read_like_libc((f64)f / 2 + to / 2, 200);
    }
    for (u32 i = 0; i < 500; i++) { /* f64 is halved at the end of 2^k + 1 bits: as a sum of two, in text */
        char text[64];
        u64 odd = next_random(&seed) >> 10 | 1 | 1ull << 53;
        snprintf(text, sizeof text, "%llu", (unsigned long long)odd);
        bad_half += !reads_like_libc(text);
        snprintf(text, sizeof text, "%llu.000000000000000000000000001", (unsigned long long)odd);
        bad_half += !reads_like_libc(text);
    }
    CHECK(t, !bad_read, "%u of 40000 texts are read otherwise than by the C library", bad_read);
    CHECK(t, !bad_print, "%u of 40000 numbers do not come back from their text", bad_print);
    CHECK(t, !bad_half, "%u points between two numbers are rounded to the wrong side", bad_half);
}

/* ---- under a decimal comma */

static bool has_comma(const char *locale)
{
    return setlocale(LC_NUMERIC, locale) && text_same(localeconv()->decimal_point, ",");
}

static bool make_comma(const char *folder)
{
    char path[128], make[512];
    snprintf(path, sizeof path, "%s/comma.txt", folder);
    FILE *f = fopen(path, "w");
    if (!f) return false;
    fputs("comment_char %\nescape_char /\nLC_NUMERIC\ndecimal_point \",\"\nthousands_sep \".\"\ngrouping 3;3\nEND "
          "LC_NUMERIC\n",
          f);
    fclose(f);
    snprintf(make, sizeof make, "localedef -c --quiet -i %s %s/xx_XX >/dev/null 2>&1", path, folder);
    return system(make) != -1; /* it complains of what else a locale has */
}

/* One that is installed, or one made here. */
static bool choose_comma(void)
{
    static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "nl_NL.UTF-8", "es_ES.UTF-8", "ru_RU.UTF-8" };
    for (u32 i = 0; i < COUNT(names); i++)
        if (has_comma(names[i])) return true;
    if (!make_comma(test_temp_folder())) return false;
    setenv("LOCPATH", test_temp_folder(), 1);
    return has_comma("xx_XX");
}

static void texts_of_numbers(test *t)
{
    static const char text[] = "const s: string[4] = {\"1.5\", \"-2.5e-3\", \"1e+20\", \"INF\"}\n"
                               "const v: f32[4] = {1.5, -0.0025, 1e20, inf}\n"
                               "a = Cast(s, to=1)\nb = Cast(a, to=8)\nc = Cast(b, to=1)\nout a, b, c, v\n";
    static const char *const wants[] = { "1.5", "-0.0025", "1e+20", "INF" };
    graph_run r = { .device = test_cpu(), .mem = arena_make() };
    if (CHECK(t, graph_run_text(&r, text, NULL, 0) == QN_OK, "texts: %s", qn_last_error()))
        for (u32 i = 0; i < 4; i++) {
            qn_bytes said = ((const qn_bytes *)r.out[1].data)[i];
            f64 a = tensor_number(&r.out[0], i), c = tensor_number(&r.out[2], i), v = tensor_number(&r.out[3], i);
            CHECK(t, a == v && c == v && said.n == strlen(wants[i]) && memcmp(said.data, wants[i], said.n) == 0,
                  "%s: %g, '%.*s', %g", wants[i], a, (int)said.n, (const char *)said.data, c);
        }
    arena_free(r.mem);
}

/* Whole numbers keep their low bits, as in casts of integers; what is beyond 64 bits, or is spelled as a float, becomes the nearest. */
static void integers_of_texts(test *t)
{
    static const char text[] =
        "const s: string[8] = {\"99999999999999999999\", \"-99999999999999999999\", \"9223372036854775808\", "
        "\"-9223372036854775809\", \"1e30\", \"-1e30\", \"-1\", \"4294967301\"}\n"
        "a = Cast(s, to=7)\nb = Cast(s, to=13)\nc = Cast(s, to=6)\nd = Cast(s, to=12)\nout a, b, c, d\n";
    enum { N = 8 };
    static const i64 i64s[N] = { INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, -1, 4294967301 };
    static const u64 u64s[N] = { UINT64_MAX, 0, 1ull << 63, 0, UINT64_MAX, 0, UINT64_MAX, 4294967301 };
    static const i32 i32s[N] = { INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN, -1, 5 };
    static const u32 u32s[N] = { UINT32_MAX, 0, UINT32_MAX, 0, UINT32_MAX, 0, UINT32_MAX, 5 };
    static const void *const wants[] = { i64s, u64s, i32s, u32s };
    graph_run r = { .device = test_cpu(), .mem = arena_make() };
    if (CHECK(t, graph_run_text(&r, text, NULL, 0) == QN_OK, "integers: %s", qn_last_error()))
        for (u32 i = 0; i < COUNT(wants); i++)
            for (u32 k = 0; k < N; k++) {
                size_t bytes = qn_dtype_bytes(r.out[i].dtype);
                const void *got = (const u8 *)r.out[i].data + k * bytes;
                CHECK(t, memcmp(got, (const u8 *)wants[i] + k * bytes, bytes) == 0, "text %u as %s: %g", k,
                      qn_dtype_name(r.out[i].dtype), tensor_number(&r.out[i], k));
            }
    arena_free(r.mem);
}

/* What f64 takes for infinite is no integer, however it is spelled. */
static void no_integers(test *t)
{
    static const char *const spelled[] = { "1e400", "-1e400", "INF", "nan", "1e", "" };
    for (u32 i = 0; i < COUNT(spelled); i++) {
        char text[120], want[60];
        graph_run r = { .device = test_cpu(), .mem = arena_make() };
        snprintf(text, sizeof text, "const s: string[1] = {\"%s\"}\na = Cast(s, to=7)\nout a\n", spelled[i]);
        snprintf(want, sizeof want, "'%s', is no number for i64", spelled[i]);
        qn_status s = graph_run_text(&r, text, NULL, 0);
        CHECK(t, s == QN_E_DATA && strstr(qn_last_error(), want), "'%s' as i64: %s", spelled[i], qn_last_error());
        arena_free(r.mem);
    }
}

static void texts_of_maps(test *t)
{
    static const char text[] = "const x: f32[1,2] = {1.75, -1000000.5}\nconst i: i64[] = {0}\n"
                               "s = ai.onnx.ml.ZipMap(x, classlabels_int64s=[0, 1])\na = SequenceAt(s, i)\n"
                               "y = ai.onnx.ml.CastMap(a, cast_to=\"TO_STRING\")\nout y\n";
    static const char *const wants[] = { "1.750000", "-1000000.500000" };
    graph_run r = { .device = test_cpu(), .mem = arena_make() };
    if (CHECK(t, graph_run_text(&r, text, NULL, 0) == QN_OK, "maps: %s", qn_last_error()))
        for (u32 i = 0; i < 2; i++) {
            qn_bytes said = ((const qn_bytes *)r.out[0].data)[i];
            CHECK(t, said.n == strlen(wants[i]) && memcmp(said.data, wants[i], said.n) == 0, "%s: '%.*s'", wants[i],
                  (int)said.n, (const char *)said.data);
        }
    arena_free(r.mem);
}

static void json_numbers(test *t)
{
    static const char text[] = "[0.1, -2.5e-07, 1e+300]";
    str s = { 0 };
    json j = { .out = &s };
    arena *a = arena_make();
    json_value *v = NULL;
    CHECK_OK(t, json_read(a, (qn_bytes){ text, sizeof text - 1 }, &v));
    json_open(&j, NULL, '[');
    for (const json_value *m = v ? v->first : NULL; m; m = m->next) json_number(&j, NULL, m->number);
    json_close(&j, ']');
    CHECK(t, text_same(s.text, text), "JSON: %s", s.text);
    str_free(&s);
    arena_free(a);
}

/* The case is written and answered in the C locale. */
static void run_case(test *t, op_ref of, const char *comma)
{
    test_device cpu = { "cpu", test_cpu(), 1, 0 };
    arena *mem = arena_make();
    op_run r = { 0 };
    setlocale(LC_NUMERIC, "C");
    bool ready = op_case_prepare(t, of, cpu.device, mem, &r);
    setlocale(LC_NUMERIC, comma);
    op_try x = { .of = of, .r = &r, .device = &cpu, .mem = mem };
    op_outcome o = ready ? op_try_start(t, &x) : OP_RAN;
    while (o == OP_RUNS) o = op_try_poll(t, &x);
    arena_free(mem);
}

/* Ops whose kernels or simpler nodes hold numbers. */
static void ops_with_numbers(test *t, const char *comma)
{
    static const char *const names[] = {
        "Elu", "LeakyRelu", "Clip", "HardSwish", "Gelu", "LRN", "GRU", "LSTM", "Elementwise"
    };
    for (u32 k = 0; k < op_case_count(); k++) {
        op_ref of = op_case_at(k);
        for (u32 i = 0; i < COUNT(names); i++)
            if (text_same(of.d->name, names[i])) run_case(t, of, comma);
    }
}

static void under_a_comma(test *t)
{
    char before[64], comma[64];
    snprintf(before, sizeof before, "%s", setlocale(LC_NUMERIC, NULL));
    if (choose_comma()) {
        snprintf(comma, sizeof comma, "%s", setlocale(LC_NUMERIC, NULL));
        CHECK(t, strtod("1,5", NULL) == 1.5, "the C library reads a comma in %s", comma);
        tables(t, "with a decimal comma: ");
        json_numbers(t);
        texts_of_numbers(t);
        texts_of_maps(t);
        ops_with_numbers(t, comma);
        test_graph(t);
        test_kc(t);
        test_pass(t);
    } else SKIP(t, "no locale with a decimal comma is installed, and localedef makes none");
    setlocale(LC_NUMERIC, before);
}

void test_number(test *t)
{
    tables(t, "");
    ends(t);
    beside_libc(t);
    integers_of_texts(t);
    no_integers(t);
    under_a_comma(t);
}

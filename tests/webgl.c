/* What only the webgl device can get wrong: bytes inside texels, launches that end inside one, elements past 2^24, its own mathematics, and
 * loops that the driver ends early. */
#include <math.h>
#include <stdio.h>

#include "device/webgl.h"
#include "device/webgl_memory.h"
#include "device_ways.h"
#include "run_graph.h"

static u32 random_below(u32 *seed, u32 n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (u32)(((u64)*seed * n) >> 32);
}

/* ------------------------------------------------------------------ bytes */
enum { BYTES = 5003, ROUNDS = 150 };

typedef struct mirrored { /* two buffers, and what should be in them */
    qn_buf buf[2];
    u8 bytes[2][BYTES];
} mirrored;

static qn_status one_step(qn_device *d, mirrored *m, u32 *seed)
{
    u32 to = random_below(seed, 2), from = random_below(seed, 2), n = random_below(seed, random_below(seed, 3) ? 40 : BYTES);
    u32 at = random_below(seed, BYTES - n + 1), from_at = random_below(seed, BYTES - n + 1);
    if (random_below(seed, 2)) {
        u8 fresh[BYTES + 1];
        u8 *unaligned = fresh + random_below(seed, 2);
        for (u32 i = 0; i < n; i++) unaligned[i] = (u8)random_below(seed, 256);
        memcpy(m->bytes[to] + at, unaligned, n);
        return d->backend->write(d, m->buf[to], at, (qn_bytes){ unaligned, n });
    }
    memmove(m->bytes[to] + at, m->bytes[from] + from_at, n);
    return d->backend->copy(d, m->buf[to], at, m->buf[from], from_at, n);
}

static qn_status wait_all(qn_device *d)
{
    qn_ticket ticket;
    QN_TRY(d->backend->flush(d, &ticket));
    return qn_device_wait(d, ticket);
}

/* Writes and copies of any span, also within a buffer; then reads of any span. */
static void spans(test *t, qn_device *d)
{
    static mirrored m;
    u8 back[BYTES];
    u32 seed = 1, wrong = 0;
    qn_status status = QN_OK;
    memset(&m, 0, sizeof m);
    for (u32 i = 0; i < 2; i++) CHECK_OK(t, d->backend->buf_make(d, BYTES, &m.buf[i]));
    for (u32 i = 0; i < ROUNDS && status == QN_OK; i++) {
        status = one_step(d, &m, &seed);
        u32 which = i % 2, n = 1 + random_below(&seed, BYTES), at = random_below(&seed, BYTES - n + 1);
        if (status == QN_OK) status = d->backend->read(d, m.buf[which], at, back, n);
        if (status == QN_OK) status = wait_all(d);
        wrong += status == QN_OK && memcmp(back, m.bytes[which] + at, n) != 0;
    }
    CHECK(t, status == QN_OK && wrong == 0, "%u of %u spans are wrong: %s", wrong, ROUNDS, qn_last_error());
    for (u32 i = 0; i < 2; i++) d->backend->buf_free(d, m.buf[i]);
}

/* ------------------------------------------------------------------ launches */
static const char store_text[] = "#include \"quern_kernel.h\"\n"
                                 "MAP(T) store_map(u32 i, IN(T) x) { return x[i]; }\n";

/* A launch changes its own elements only, wherever it ends in a texel, and when its output lies in the buffer of its input. */
static void ends(test *t, qn_device *d)
{
    static const struct {
        const char *type;
        u32 bytes;
    } types[] = { { "T=u8", 1 }, { "T=f16", 2 }, { "T=f32", 4 }, { "T=i64", 8 }, { "T=f32x4", 16 } };
    u8 data[1024], back[1024], other[1024];
    for (u32 i = 0; i < sizeof data; i++) data[i] = (u8)(i * 7 + i / 256), other[i] = (u8)~data[i];
    for (u32 k = 0; k < COUNT(types); k++) {
        qn_prog prog = 0;
        qn_buf one = 0, two = 0;
        u32 wrong = 0, size = types[k].bytes;
        const kc_program p = { .file = "store.c", .text = store_text, .defines = types[k].type };
        CHECK_OK(t, d->backend->prog_make(d, &p, &prog));
        CHECK_OK(t, d->backend->buf_make(d, sizeof data, &one));
        CHECK_OK(t, d->backend->buf_make(d, sizeof data, &two));
        for (u32 count = 1; count <= 256 / size && prog; count = count < 20 ? count + 1 : count * 2) {
            for (u32 same = 0; same < 2; same++) {
                qn_buf to = same ? one : two;
                const u8 *was = same ? data : other;
                qn_launch l = { .prog = prog, .n_bufs = 2, .count = count, .bufs = { { one, 256, 256 }, { to, 512, 512 } } };
                qn_status s = d->backend->write(d, one, 0, (qn_bytes){ data, sizeof data });
                if (s == QN_OK) s = d->backend->write(d, two, 0, (qn_bytes){ other, sizeof other });
                if (s == QN_OK) s = d->backend->launch(d, &l);
                if (s == QN_OK) s = d->backend->read(d, to, 0, back, sizeof back);
                if (s == QN_OK) s = wait_all(d);
                wrong += s != QN_OK || memcmp(back, was, 512) != 0 || memcmp(back + 512, data + 256, count * size) != 0 ||
                         memcmp(back + 512 + count * size, was + 512 + count * size, 512 - count * size) != 0;
            }
        }
        CHECK(t, wrong == 0, "%s: %u launches are wrong: %s", types[k].type, wrong, qn_last_error());
        d->backend->prog_free(d, prog);
        d->backend->buf_free(d, one);
        d->backend->buf_free(d, two);
    }
}

/* Where a float would no longer tell one element from the next. */
static void far_elements(test *t, qn_device *d)
{
    enum { N = (1 << 24) + 4099 };
    static const char text[] = "#include \"quern_kernel.h\"\n"
                               "MAP(u8) far(u32 i, IN(u8) x) { return TO(u8, x[i] + (i % 251)); }\n";
    u8 *x = mem_alloc(N), *y = mem_alloc(N);
    u32 wrong = 0;
    qn_kernel *k = NULL;
    CHECK_OK(t, qn_kernel_from_source(d, &(qn_kernel_desc){ .source = text }, &k));
    for (u32 i = 0; x && i < N; i++) x[i] = (u8)(i >> 3);
    qn_buffer *in = x ? buffer_of(t, d, x, N) : NULL, *out = buffer_of(t, d, NULL, N);
    if (k && in && out && y) {
        CHECK_OK(t, qn_kernel_launch(k, N, (qn_arg[]){ { .buffer = in }, { .buffer = out } }, 2));
        if (read_all(t, d, out, y))
            for (u32 i = 0; i < N; i++) wrong += y[i] != (u8)((i >> 3) + i % 251);
    }
    CHECK(t, wrong == 0, "%u of %u elements are wrong", wrong, N);
    qn_kernel_free(k);
    qn_buffer_free(in);
    qn_buffer_free(out);
    mem_free(x), mem_free(y);
}

/* ------------------------------------------------------------------ mathematics */
typedef struct function {
    const char *expression; /* of v, and w, another number of the same range */
    f64 (*one)(f64);
    f64 (*two)(f64, f64);
    f64 from, to, ulp; /* the range, also in powers of two where it starts above 0; the largest error */
} function;

static f64 log_of(f64 x) { return log(x); }
static f64 sigmoid_of(f64 x) { return 1 / (1 + exp(-x)); }
static f64 gelu_of(f64 x) { return 0.5 * x * erfc(-x * 0.70710678118654752440); }
static f64 product_error(f64 v, f64 w) { return v * w - (f64)(f32)(v * w); } /* exact in f64 */
static f64 near_one(f64 v, f64 w) { return (f64)fmaf((f32)v, -(f32)w, 1.0f); }
static f64 rsqrt_of(f64 x) { return 1 / sqrt(x); }

/* clang-format off */
static const function functions[] = {
    { "exp(v)",     exp,        NULL,  -87,     88,     3   }, { "exp2(v)",  exp2,  NULL,  -125,    127,   3 }, { "expm1(v)", expm1, NULL, -20,   88,   4 },
    { "log(v)",     log_of,     NULL,  1e-37,   1e38,   3   }, { "log2(v)",  log2,  NULL,  1e-37,   1e38,  3 }, { "log10(v)", log10, NULL, 1e-37, 1e38, 4 },
    { "log1p(v)",   log1p,      NULL,  -0.99,   100,    4   }, { "log1p(v)", log1p, NULL,  1e-30,   1e30,  4 }, { "sqrt(v)",  sqrt,  NULL, 1e-37, 1e38, 1 },
    { "sin(v)",     sin,        NULL,  -10,     10,     4   }, { "sin(v)",   sin,   NULL,  1e-3,    1e38,  4 }, { "cos(v)",   cos,   NULL, 1e-3,  1e38, 4 },
    { "tan(v)",     tan,        NULL,  -1.5,    1.5,    6   }, { "asin(v)",  asin,  NULL,  -1,      1,     5 }, { "acos(v)",  acos,  NULL, -1,    1,    5 },
    { "atan(v)",    atan,       NULL,  -50,     50,     5   }, { "sinh(v)",  sinh,  NULL,  -80,     80,    6 }, { "cosh(v)",  cosh,  NULL, -80,   80,   6 },
    { "tanh(v)",    tanh,       NULL,  -12,     12,     5   }, { "asinh(v)", asinh, NULL,  -1000,   1000,  6 }, { "acosh(v)", acosh, NULL, 1.001, 1e30, 6 },
    { "atanh(v)",   atanh,      NULL,  -0.999,  0.999,  6   }, { "erf(v)",   erf,   NULL,  -5,      5,     4 }, { "erfc(v)",  erfc,  NULL, -4,    9,    9 },
    { "sigmoid(v)", sigmoid_of, NULL,  -80,     80,     5   }, { "gelu(v)",  gelu_of, NULL, -12,    12,    9 }, { "cbrt(v)",  cbrt,  NULL, -1e6,  1e6,  4 },
    { "rsqrt(v)",   rsqrt_of,   NULL,  1e-37,   1e38,   3   }, { "pow(v, w)", NULL, pow,   0.05,    20,    9 }, { "atan2(v, w)", NULL, atan2, -9,  9,   6 },
    { "lgamma(v)",  lgamma,     NULL,  3.5,     1e9,    9   },
    { "fma(v, w, -v * w)", NULL, product_error, 1e-10, 1e10, 0 }, { "fma(v, -w, 1.0f)", NULL, near_one, 1e-10, 1e10, 0 },
    { "fmod(v, w)", NULL,       fmod,  1e-20,   1e20,   0   },
};
/* clang-format on */

enum { POINTS = 2000 };

static void fill_points(const function *f, f32 *v, u32 *seed)
{
    for (u32 i = 0; i < POINTS; i++) {
        f64 part = (f64)random_below(seed, 1u << 30) / (1u << 30);
        v[i] = (f32)(f->from > 0 ? f->from * pow(f->to / f->from, part) : f->from + (f->to - f->from) * part);
    }
}

static f64 ulps_off(f32 got, f64 want)
{
    int e;
    frexp(want, &e);
    return fabs((f64)got - want) / ldexp(1, MAX(e - 24, -149));
}

static void mathematics(test *t, qn_device *d)
{
    static f32 v[POINTS], w[POINTS], y[POINTS];
    u32 seed = 7;
    for (u32 k = 0; k < COUNT(functions); k++) {
        const function *f = &functions[k];
        char text[200];
        qn_kernel *kernel = NULL;
        f64 worst = 0;
        u32 at = 0;
        snprintf(text, sizeof text,
                 "#include \"quern_kernel.h\"\nMAP(f32) f(u32 i, IN(f32) a, IN(f32) b) { f32 v = a[i], w = b[i]; return %s "
                 "+ 0.0f * w; }\n",
                 f->expression);
        CHECK_OK(t, qn_kernel_from_source(d, &(qn_kernel_desc){ .source = text }, &kernel));
        if (!kernel) continue;
        fill_points(f, v, &seed), fill_points(f, w, &seed);
        qn_buffer *bv = buffer_of(t, d, v, sizeof v), *bw = buffer_of(t, d, w, sizeof w),
                  *by = buffer_of(t, d, NULL, sizeof y);
        CHECK_OK(t, qn_kernel_launch(kernel, POINTS, (qn_arg[]){ { .buffer = bv }, { .buffer = bw }, { .buffer = by } }, 3));
        bool read = read_all(t, d, by, y);
        for (u32 i = 0; i < POINTS && read; i++) {
            f64 off = ulps_off(y[i], f->one ? f->one((f64)v[i]) : f->two((f64)v[i], (f64)w[i]));
            if (!(off <= worst)) worst = off, at = i;
        }
        CHECK(t, worst <= f->ulp, "%s is off by %.3g ulp at %.9g, %.9g: %.9g; allowed %g", f->expression, worst, (f64)v[at],
              (f64)w[at], (f64)y[at], f->ulp);
        qn_kernel_free(kernel);
        qn_buffer_free(bv), qn_buffer_free(bw), qn_buffer_free(by);
    }
}

/* What a compiler may cancel where it takes every float for a number. */
static void nothing_vanishes(test *t, qn_device *d)
{
    static const char *const rows[] = { "v - v", "v / v", "v * 0.0f", "0.0f * v", "min(INFINITY, v)", "max(-INFINITY, v)" };
    const f32 x[4] = { NAN, INFINITY, -INFINITY, 3 };
    for (u32 k = 0; k < COUNT(rows); k++) {
        char text[200];
        f32 y[4] = { 0 };
        qn_kernel *kernel = NULL;
        bool is_choice = k >= 4; /* of the two, and NaN for NaN; the others are NaN but for a number */
        snprintf(text, sizeof text,
                 "#include \"quern_kernel.h\"\nMAP(f32) f(u32 i, IN(f32) x) { f32 v = x[i]; return %s; }\n", rows[k]);
        CHECK_OK(t, qn_kernel_from_source(d, &(qn_kernel_desc){ .source = text }, &kernel));
        qn_buffer *in = buffer_of(t, d, x, sizeof x), *out = buffer_of(t, d, NULL, sizeof y);
        if (kernel && in && out) {
            CHECK_OK(t, qn_kernel_launch(kernel, 4, (qn_arg[]){ { .buffer = in }, { .buffer = out } }, 2));
            bool read = read_all(t, d, out, y);
            for (u32 i = 0; i < 4 && read; i++) {
                f32 number = is_choice ? x[i] : k == 1 ? 1.0f : 0.0f;
                bool nan = i == 0 || (!is_choice && i < 3);
                CHECK(t, nan ? isnan(y[i]) : y[i] == number, "%s of %g is %g", rows[k], (f64)x[i], (f64)y[i]);
            }
        }
        qn_kernel_free(kernel);
        qn_buffer_free(in);
        qn_buffer_free(out);
    }
}

/* ------------------------------------------------------------------ loops that the driver may end early */
enum { LONG_LINE = 100000 };

static void sum_of_line(test *t, qn_device *d, qn_kernel *k, qn_buffer *x, qn_buffer *y, u32 n)
{
    f32 sum[4] = { 0 };
    u32 most = d->info.caps.max_turns, each = n + 3; /* the turns, the end of the loop, and the loop over a texel */
    qn_status s = qn_kernel_launch(k, 4, (qn_arg[]){ { .buffer = x }, { .integer = n }, { .buffer = y } }, 3);
    if (most && each >= most / 4) {
        CHECK(t, s == QN_E_UNSUPPORTED && strstr(qn_last_error(), "turns"), "%u turns: %s", n, qn_last_error());
    } else if (CHECK(t, s == QN_OK, "%u turns: %s", n, qn_last_error()) && read_all(t, d, y, sum)) {
        for (u32 i = 0; i < 4; i++) CHECK(t, sum[i] == (f32)n, "%u turns made %g", n, (f64)sum[i]);
    }
}

/* Right up to the last turn that is let through, and refused from there on. */
static void long_loops(test *t, qn_device *d)
{
    static const char text[] =
        "#include \"quern_kernel.h\"\n"
        "MAP(f32) sum(u32 i, IN(f32) x, u32 n) { f32 s = 0; for (u32 j = 0; j < n; j++) s += x[j]; return s; }\n";
    static f32 ones[LONG_LINE];
    qn_kernel *k = NULL;
    u32 most = d->info.caps.max_turns / 4;
    CHECK_OK(t, qn_kernel_from_source(d, &(qn_kernel_desc){ .source = text }, &k));
    for (u32 i = 0; i < LONG_LINE; i++) ones[i] = 1;
    qn_buffer *x = buffer_of(t, d, ones, sizeof ones), *y = buffer_of(t, d, NULL, 16);
    if (k && x && y) {
        if (most > 4) sum_of_line(t, d, k, x, y, most - 4), sum_of_line(t, d, k, x, y, most - 3);
        sum_of_line(t, d, k, x, y, LONG_LINE);
    }
    qn_kernel_free(k);
    qn_buffer_free(x);
    qn_buffer_free(y);
}

/* Ops with such loops: on the device where it does not end them, else on the host, and the plan says why. */
static void long_ops(test *t, qn_device *d)
{
    static const char *const graphs[] = {
        "in x: f32[1,100000]\ny = ArgMax(x, axis=1)\nout y\n",
        "in x: f32[1,100000]\nconst a: i64[] = {1}\ny = CumSum(x, a)\nout y\n",
        "in x: f32[1,1,320,320]\ny = MaxPool(x, kernel_shape=[300,300])\nout y\n",
        "in x: f32[1,1,320,320]\ny = AveragePool(x, kernel_shape=[300,300])\nout y\n",
        "in x: f32[2,50000]\nin w: f32[50000,3]\ny = MatMul(x, w)\nout y\n",
        "in x: f32[1,1,150,150]\nin w: f32[1,1,150,150]\ny = Conv(x, w)\nout y\n",
    };
    for (u32 i = 0; i < COUNT(graphs); i++) {
        graph_run g = { .device = d, .mem = arena_make() };
        graph_session s;
        qn_status status = graph_open_text(&g, graphs[i], &s);
        if (CHECK(t, status == QN_OK, "%s: %s, %s", graphs[i], qn_status_text(status), qn_last_error())) {
            bool placed = s.p->placed->n && strstr(s.p->placed->items[0].why, "turns");
            CHECK(t, placed == (d->info.caps.max_turns > 0), "%s: on the host or not", graphs[i]);
            graph_session_close(&s);
        }
        arena_free(g.mem);
    }
}

/* What is read was drawn before: of first runs of this graph llvmpipe read one in thirty too early. */
static void reads_after_draws(test *t, qn_device *d)
{
    const char *text =
        "in x: f32[n,3]; in xi: i64[1,1]; const c: f32[1,3] = {1,2,3}; const two: i64[1] = {2}; const ax: i64[] = {0}; "
        "const ix: i64[1,1] = {1}; const up: f32[1,1] = {9}; s = Shape(x); e = Expand(c, s); tv, ti = TopK(e, two); "
        "cs = CumSum(e, ax); sc = ScatterElements(e, ix, up, axis=1); sd = ScatterElements(cs, xi, up, axis=1); "
        "y = Add(x, cs); z = Add(sc, e); out y, tv, ti, z, sd";
    const f32 x[6] = { 1, 2, 3, 4, 5, 6 }, y[6] = { 2, 4, 6, 6, 9, 12 }, z[6] = { 2, 11, 6, 2, 4, 6 };
    const i64 second = 1;
    const qn_tensor in[] = { { .dtype = QN_F32, .rank = 2, .dims = { 2, 3 }, .data = x },
                             { .dtype = QN_I64, .rank = 2, .dims = { 1, 1 }, .data = &second } };
    u32 early = 0;
    for (u32 i = 0; i < 60; i++) {
        graph_run g = { .device = d, .mem = arena_make() };
        if (CHECK(t, graph_run_text(&g, text, in, 2) == QN_OK, "reads after draws: %s", qn_last_error()))
            early += memcmp(g.out[0].data, y, sizeof y) != 0 || memcmp(g.out[3].data, z, sizeof z) != 0;
        arena_free(g.mem);
    }
    CHECK(t, early == 0, "%u of 60 runs were read before they were drawn", early);
}

void test_webgl(test *t)
{
    close_test_devices();
    u64 alive = mem_blocks_alive();
    i64 objects = driver_objects();
    qn_device *d = NULL;
    if (qn_device_open("webgl", NULL, &d) != QN_OK) {
        SKIP(t, "webgl: %s", qn_last_error());
        return;
    }
    spans(t, d);
    ends(t, d);
    far_elements(t, d);
    mathematics(t, d);
    nothing_vanishes(t, d);
    long_loops(t, d);
    long_ops(t, d);
    reads_after_draws(t, d);
    qn_device_close(d);
    CHECK(t, mem_blocks_alive() == alive && driver_objects() == objects, "%lld blocks and %lld objects are left",
          (long long)(mem_blocks_alive() - alive), (long long)(driver_objects() - objects));
}

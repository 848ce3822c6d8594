/* Law 9: a node that the device has not the type for, or takes no kernel of, runs on the host between the others. The device is the CPU with
 * memory of its own and caps cut; what it must give is what the CPU gives for the whole graph. Values that only host nodes use stay away
 * from the device: bytes written and read are counted. */
#include <stdio.h>

#include "device/null.h"
#include "far_device.h"
#include "op_graph.h"

/* ------------------------------------------------------------------ graphs */
typedef struct place_case {
    const char *why, *graph, *in;
    const char *on_host; /* ops of the plan's host nodes, in order */
    u64 launches, reads; /* on the device, in a run */
    u64 write_bytes;     /* likewise */
} place_case;

/* clang-format off */
#define BODY_IF   "y = If(c, x, w, then_branch={in a: f32[2,2]; in b: f64[2,2]; d = Cast(a, to=11); e = MatMul(d, b); out e}, " \
                  "else_branch={in a: f32[2,2]; in b: f64[2,2]; d = Neg(a); e = Cast(d, to=11); out e}, captures=2)\n"
static const place_case cases[] = {
    { "the device does it all", "in x: f32[2,3]; y = Relu(x); out y", "f32[2,3]", "", 1, 1, 24 },
    { "all on the host, nothing goes to the device", "in x: f64[2,3]; t = Exp(x); y = ReduceSum(t); out y", "f64[2,3]", "Exp ReduceSum", 0, 0, 0 },
    { "there and back", "in x: f32[2,3]; a = Relu(x); b = Cast(a, to=11); c = Cast(b, to=1); y = Neg(c); out y", "f32[2,3]",
      "Cast Cast", 2, 2, 24 + 24 },
    { "neighbours on the host copy nothing between them",
      "in x: f32[4,4]; in w: f64[4,4]; b = Cast(x, to=11); c = MatMul(b, w); d = MatMul(c, w); s = Softmax(d); y = Cast(s, to=1); z = Neg(y); out z",
      "f32[4,4] f64[4,4]", "Cast MatMul MatMul Softmax Cast", 1, 1, 64 },
    { "weights of host nodes stay on the host",
      "in x: f64[2]; const w: f64[2] = {3,4}; y = Mul(x, w); out y", "f64[2]", "Mul", 0, 0, 0 },
    { "weights that both sides use",
      "in x: f32[2]; const w: f32[2] = {3,4}; a = Mul(x, w); v = Cast(w, to=11); b = Cast(a, to=11); y = Sub(b, v); out y, a", "f32[2]",
      "Cast Cast Sub", 1, 1, 8 },
    { "two results, one for each side",
      "in x: f64[8]; const n: i64[1] = {3}; v, i = TopK(x, n); k = Cast(i, to=1); y = Neg(k); out y, v", "f64[8]", NULL, 1, 1, 0 },
    { "indices from the host, checked there",
      "in x: f64[5]; in i: i64[3]; j = Abs(i); y = Gather(x, j); out y", "f64[5] i64[3]=0..4", "Gather", 1, 1, 24 },
    { "sizes that the data decide", "in x: f64[6]; c = Cast(x, to=9); n = NonZero(c); y = Cast(n, to=1); z = Neg(y); out z", "f64[6]",
      "Cast NonZero", 2, 1, 48 },
    { "a body on both sides, yes", "in c: bool[]; in x: f32[2,2]; in w: f64[2,2]\n" BODY_IF "out y", "bool[]=1..1 f32[2,2] f64[2,2]", NULL, 0, 1, 17 },
    { "a body on both sides, no", "in c: bool[]; in x: f32[2,2]; in w: f64[2,2]\n" BODY_IF "z = Cast(y, to=1); out z", "bool[]=0..0 f32[2,2] f64[2,2]", NULL, 1, 2, 17 },
    { "a loop whose state stays on the host", "in m: i64[]; in x: f64[2]; in w: f32[2]\n"
      "y, s = Loop(m, _, x, w, body={in i: i64[]; in c: bool[]; in v: f64[2]; in u: f32[2]; h = Neg(u); k = Cast(h, to=11); n = Add(v, k); o = Identity(c); "
      "q = Cast(n, to=1); r = Exp(q); out o, n, r}, captures=1)\nout y, s", "i64[]=3..3 f64[2] f32[2]", NULL, 0, 0, 0 },
    { "steps of a recurrence", "in x: f64[3,1,2]; in w: f64[1,4,2]; in r: f64[1,4,4]; y, h = RNN(x, w, r, hidden_size=4); z = Cast(y, to=1); out z",
      "f64[3,1,2] f64[1,4,2] f64[1,4,4]", NULL, 0, 0, 0 },
    { "nothing to do for no elements", "in x: f64[0,3]; y = Exp(x); z = Cast(y, to=1); out z", "f64[0,3]", "Exp Cast", 0, 0, 0 },
};
/* clang-format on */

static u32 read_inputs(arena *mem, const char *text, qn_tensor *in)
{
    u64 seed = 5;
    bool is_list;
    u32 n = 0;
    while (*text && n < 8 && case_tensor(&text, mem, &seed, &in[n], &is_list) == QN_OK) n++;
    return n;
}

static void check_same(test *t, const char *why, const graph_run *got, const graph_run *want)
{
    CHECK(t, got->n_out == want->n_out, "%s: %u outputs, not %u", why, got->n_out, want->n_out);
    for (u32 i = 0; i < got->n_out && i < want->n_out; i++) {
        f64 error = relative_error(&got->out[i], &want->out[i]);
        CHECK(t, error <= 1e-6, "%s: output %u is off by %.3g", why, i, error);
    }
}

static void host_ops(const plan *p, str *out)
{
    for (u32 i = 0; i < p->placed->n; i++) {
        const plan_placed *n = &p->placed->items[i];
        str_print(out, "%s%s", i ? " " : "", op_of(node_at(n->g, n->node))->name);
    }
}

static void check_case(test *t, const place_case *c)
{
    arena *mem = arena_make();
    qn_tensor in[8];
    qn_device *d = far_device_open(t, false);
    u32 n = read_inputs(mem, c->in, in);
    graph_run want = { .device = test_cpu(), .mem = mem }, got = { .device = d, .mem = mem };
    graph_session s = { 0 };
    str ops = { 0 };
    if (d) d->info.caps.f64 = false;
    bool ok = d && CHECK(t, graph_run_text(&want, c->graph, in, n) == QN_OK, "%s: %s", c->why, qn_last_error()) &&
              CHECK(t, graph_open_text(&got, c->graph, &s) == QN_OK, "%s: %s", c->why, qn_last_error());
    for (u32 turn = 0; ok && turn < 3; turn++) {
        far_counts before = far_device_counts();
        if (!CHECK(t, graph_session_run(&got, &s, in, n) == QN_OK, "%s, run %u: %s", c->why, turn, qn_last_error())) break;
        far_counts after = far_device_counts();
        check_same(t, c->why, &got, &want);
        if (!c->on_host) continue;
        CHECK(t, after.launches - before.launches == c->launches, "%s: %llu launches on the device", c->why,
              (unsigned long long)(after.launches - before.launches));
        CHECK(t, after.reads - before.reads == c->reads, "%s: %llu reads", c->why,
              (unsigned long long)(after.reads - before.reads));
        CHECK(t, after.write_bytes - before.write_bytes == c->write_bytes, "%s: %llu bytes written", c->why,
              (unsigned long long)(after.write_bytes - before.write_bytes));
    }
    if (ok) host_ops(s.p, &ops);
    CHECK(t, !ok || !c->on_host || text_same(ops.text ? ops.text : "", c->on_host), "%s: on the host: %s", c->why,
          ops.text ? ops.text : "");
    CHECK(t, !ok || c->on_host || ops.n, "%s: nothing is on the host", c->why);
    str_free(&ops);
    graph_session_close(&s);
    far_device_close(d);
    arena_free(mem);
}

/* ------------------------------------------------------------------ every op, with everything on the host */

/* A device whose buffers hold one byte takes nothing but what has a single truth value, or a size that is known too late. */
static void check_all_ops(test *t)
{
    qn_device *d = far_device_open(t, false);
    u64 on_host = 0;
    if (d) d->info.caps.max_buffer_bytes = 1;
    for (u32 op = 1; d && op < OP_COUNT; op++)
        for (const op_case *c = op_defs[op]->cases; c && c->in && !op_defs[op]->random; c++) {
            arena *mem = arena_make();
            op_run r = { 0 };
            graph_run want = { .device = test_cpu(), .mem = mem }, got = { .device = d, .mem = mem };
            CHECK_OK(t, op_graph_of(op_defs[op], c, mem, &r));
            if (CHECK(t,
                      graph_run_text(&want, r.text, r.in, r.n_in) == QN_OK &&
                          graph_run_text(&got, r.text, r.in, r.n_in) == QN_OK,
                      "%s (%s): %s", op_defs[op]->name, c->why, qn_last_error()))
                check_same(t, op_defs[op]->name, &got, &want);
            on_host += got.stats.host_launches;
            arena_free(mem);
        }
    u64 there = far_device_counts().launches;
    CHECK(t, on_host > 1000 && there * 20 < on_host, "%llu launches on the host, %llu on the device",
          (unsigned long long)on_host, (unsigned long long)there);
    far_device_close(d);
}

/* ------------------------------------------------------------------ sizes */

static void check_sizes(test *t)
{
    static const char model[] = "in x: f32[n,4]; in w: f64[4,4]; a = Relu(x); b = Cast(a, to=11); c = MatMul(b, w); d = "
                                "Cast(c, to=1); y = Exp(d); out y";
    static const i64 rows[] = { 3, 100, 7, 0, 1000 };
    qn_device *d = far_device_open(t, false);
    arena *mem = arena_make();
    graph_run got = { .device = d, .mem = mem }, want = { .device = test_cpu(), .mem = mem };
    graph_session s = { 0 };
    if (d) d->info.caps.f64 = false;
    bool ok = d && CHECK(t, graph_open_text(&got, model, &s) == QN_OK, "%s", qn_last_error());
    for (size_t i = 0; ok && i < COUNT(rows); i++) {
        char text[64];
        qn_tensor in[2];
        snprintf(text, sizeof text, "f32[%lld,4] f64[4,4]", (long long)rows[i]);
        CHECK(t, read_inputs(mem, text, in) == 2, "%s", text);
        CHECK_OK(t, graph_session_run(&got, &s, in, 2));
        CHECK_OK(t, graph_run_text(&want, model, in, 2));
        check_same(t, text, &got, &want);
    }
    graph_session_close(&s);
    far_device_close(d);
    arena_free(mem);
}

static void check_big(test *t)
{
    enum { ROWS = 1 << 16, COLS = 100 };
    qn_device *d = far_device_open(t, false);
    arena *mem = arena_make();
    f64 *x = arena_zalloc(mem, (u64)ROWS * COLS * sizeof *x), *w = arena_zalloc(mem, COLS * sizeof *w);
    qn_tensor in[] = { { QN_F64, 2, { ROWS, COLS }, x }, { QN_F64, 2, { COLS, 1 }, w } };
    graph_run got = { .device = d, .mem = mem };
    for (u32 i = 0; i < ROWS; i++) x[(size_t)i * COLS + i % COLS] = 1 + 1e-12;
    for (u32 i = 0; i < COLS; i++) w[i] = i;
    if (d) d->info.caps.f64 = false, d->info.caps.max_buffer_bytes = 1 << 20;
    if (d && CHECK(t, graph_run_text(&got, "in x: f64[n,k]; in w: f64[k,1]; y = MatMul(x, w); out y", in, 2) == QN_OK, "%s",
                   qn_last_error())) {
        const f64 *y = got.out[0].data;
        u32 wrong = 0;
        for (u32 i = 0; i < ROWS; i++)
            wrong += !(y[i] - (f64)(i % COLS) * (1 + 1e-12) < 1e-14 * (f64)COLS &&
                       y[i] - (f64)(i % COLS) * (1 + 1e-12) > -1e-14 * (f64)COLS);
        CHECK(t, wrong == 0, "52 MB of f64: %u rows are wrong", wrong);
    }
    far_device_close(d);
    arena_free(mem);
}

/* ------------------------------------------------------------------ limits, bad data, the device that computes nothing */

static void check_limits(test *t)
{
    static const char model[] = "in x: i64[2]; in w: f32[60000,1]; a = Gather(w, x); y = Neg(a); out y";
    qn_device *d = far_device_open(t, false);
    arena *mem = arena_make();
    qn_tensor in[2];
    graph_run got = { .device = d, .mem = mem }, want = { .device = test_cpu(), .mem = mem };
    CHECK(t, read_inputs(mem, "i64[2]=0..59999 f32[60000,1]", in) == 2, "inputs");
    if (d) d->info.caps.max_buffer_bytes = 1 << 17;
    CHECK_OK(t, graph_run_text(&want, model, in, 2));
    CHECK_OK(t, graph_run_text(&got, model, in, 2));
    check_same(t, "a tensor larger than a buffer", &got, &want);
    CHECK(t, got.stats.host_launches == 1 && got.stats.launches == 1, "%llu launches on the host",
          (unsigned long long)got.stats.host_launches);
    far_device_close(d);
    arena_free(mem);
}

/* A launch binds two buffers. MatMul has three values: in one buffer together, or each in its own. */
static void check_bindings(test *t)
{
#define BODY(name, yes, no)                                                                                                 \
    " = If(p, " name ", then_branch={in x: f32[16,16]; r = " yes "(x); out r}, else_branch={in x: f32[16,16]; r = " no      \
    "(x); out r}, captures=1)\n"
    static const struct {
        const char *why, *graph, *in;
        u32 buffers, bytes;
        u64 on_host;
    } rows[] = {
        { "three values in one buffer", "in x: f32[16,16]; in y: f32[16,16]; z = MatMul(x, y); out z",
          "f32[16,16] f32[16,16]", 2, 1 << 20, 0 },
        { "three values that do not fit in one", "in x: f32[16,16]; in y: f32[16,16]; z = MatMul(x, y); out z",
          "f32[16,16] f32[16,16]", 2, 2048, 1 },
        { "apart, and bound none the less", "in x: f32[16,16]; in y: f32[16,16]; z = MatMul(x, y); out z",
          "f32[16,16] f32[16,16]", 3, 2048, 0 },
        { "a buffer that is not a power of two", "in x: f32[n]; m = NonZero(x); y = Cast(m, to=1); z = Neg(y); out z",
          "f32[150]", 8, 1280, 0 },
        { "results of bodies, each in a buffer of its own",
          "in p: bool[]; in x: f32[16,16]; in y: f32[16,16]\na" BODY("x", "Neg", "Exp") "b" BODY(
              "y", "Exp", "Neg") "z = MatMul(a, b); out z",
          "bool[]=1..1 f32[16,16] f32[16,16]", 2, 1 << 20, 1 },
    };
#undef BODY
    for (size_t i = 0; i < COUNT(rows); i++) {
        qn_device *d = far_device_open(t, false);
        arena *mem = arena_make();
        qn_tensor in[8];
        graph_run got = { .device = d, .mem = mem }, want = { .device = test_cpu(), .mem = mem };
        u32 n = read_inputs(mem, rows[i].in, in);
        if (d) d->info.caps.max_buffers = rows[i].buffers, d->info.caps.max_buffer_bytes = rows[i].bytes;
        CHECK_OK(t, graph_run_text(&want, rows[i].graph, in, n));
        if (d && CHECK(t, graph_run_text(&got, rows[i].graph, in, n) == QN_OK, "%s: %s", rows[i].why, qn_last_error())) {
            check_same(t, rows[i].why, &got, &want);
            CHECK(t, got.stats.host_launches == rows[i].on_host, "%s: %llu launches on the host", rows[i].why,
                  (unsigned long long)got.stats.host_launches);
        }
        far_device_close(d);
        arena_free(mem);
    }
}

static void check_bad_data(test *t)
{
    qn_device *d = far_device_open(t, false);
    arena *mem = arena_make();
    static const i64 far_off[2] = { 1, 7 };
    static const f64 x[3] = { 1, 2, 3 };
    qn_tensor in[] = { { QN_F64, 1, { 3 }, x }, { QN_I64, 1, { 2 }, far_off } };
    graph_run got = { .device = d, .mem = mem };
    if (d) d->info.caps.f64 = false;
    qn_status s = d ? graph_run_text(&got, "in x: f64[3]; in i: i64[2]; j = Abs(i); y = Gather(x, j); out y", in, 2) : QN_OK;
    CHECK(t, s == QN_E_DATA && strstr(qn_last_error(), "index 7, element 1 of 'j', is outside its axis of 3"), "%s",
          qn_last_error());
    far_device_close(d);
    arena_free(mem);
}

/* ------------------------------------------------------------------ why */

static void check_reasons(test *t)
{
    static const struct {
        const char *graph, *why;
        qn_host_reason reason;
    } rows[] = {
        { "in x: f64[2]; y = Exp(x); out y", "this device has no f64", QN_HOST_TYPE },
        { "in x: f32[2]; in k: i64[]; s = SequenceConstruct(x); y = SequenceAt(s, k); out y", "this device has no sequence",
          QN_HOST_TYPE },
        { "in x: f32[600]; y = Exp(x); out y", "a tensor of 2400 bytes, a buffer there holds 1024", QN_HOST_LIMIT },
        { "in x: f32[6]; n = NonZero(x); out n", "no device computes it", QN_HOST_ALWAYS },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        qn_device *d = far_device_open(t, false);
        arena *mem = arena_make();
        graph_session s = { 0 };
        graph_run got = { .device = d, .mem = mem };
        if (d) d->info.caps.f64 = false, d->info.caps.max_buffer_bytes = 1024;
        if (d && CHECK(t, graph_open_text(&got, rows[i].graph, &s) == QN_OK, "%s: %s", rows[i].graph, qn_last_error())) {
            const struct plan_placed_list *list = s.p->placed;
            CHECK(t, list->n > 0, "%s: nothing is on the host", rows[i].graph);
            for (u32 k = 0; k < list->n; k++)
                CHECK(t,
                      list->items[k].reason == rows[i].reason &&
                          (!rows[i].why || text_same(list->items[k].why, rows[i].why)),
                      "%s: %s, %s", rows[i].graph, qn_host_reason_name(list->items[k].reason), list->items[k].why);
            graph_session_close(&s);
        }
        far_device_close(d);
        arena_free(mem);
    }
}

/* 2^62 elements of four bytes: 2^64 bytes are said as what they are, not as 0. */
static void check_bytes_past_64_bits(test *t)
{
    arena *mem = arena_make();
    graph_session s = { 0 };
    graph_run got = { .device = test_cpu(), .mem = mem };
    qn_status status = graph_open_text(&got, "in x: f32[2147483648,2147483648]; y = MatMul(x, x); out y", &s);
    CHECK(t, status != QN_OK && strstr(qn_last_error(), "more bytes than 64 bits can count"), "%s", qn_last_error());
    if (status == QN_OK) graph_session_close(&s);
    arena_free(mem);
}

static void check_null(test *t)
{
    qn_device *d = NULL;
    arena *mem = arena_make();
    graph_run got = { .mem = mem };
    qn_tensor in[1];
    CHECK_OK(t, qn_device_open("null", NULL, &d));
    got.device = d;
    if (d) d->info.caps.f64 = false;
    CHECK(t, read_inputs(mem, "f64[2,3]", in) == 1, "an input");
    if (d &&
        CHECK(t, graph_run_text(&got, "in x: f64[2,3]; a = Exp(x); y = Cast(a, to=1); z = Neg(y); out z", in, 1) == QN_OK,
              "%s", qn_last_error()))
        CHECK(t, got.stats.launches == 1 && got.stats.host_launches == 2, "launches");
    qn_device_close(d);
    arena_free(mem);
}

void test_place(test *t)
{
    close_test_devices();
    check_case(t, &cases[0]); /* what stays until the process ends */
    u64 alive = mem_blocks_alive();
    for (size_t i = 0; i < COUNT(cases); i++) check_case(t, &cases[i]);
    check_all_ops(t);
    check_sizes(t);
    check_bytes_past_64_bits(t);
    check_big(t);
    check_limits(t);
    check_bindings(t);
    check_bad_data(t);
    check_reasons(t);
    check_null(t);
    CHECK(t, mem_blocks_alive() == alive, "nothing is left behind");
}

/* The executor: one plan for all lengths, loops that settle, control flow, outputs that come back as inputs, data-dependent sizes, and
 * every allocation failing in turn. Each on every device found. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "device/null.h"
#include "run_graph.h"

static qn_tensor floats(const f32 *data, u32 rank, i64 a, i64 b) { return (qn_tensor){ QN_F32, rank, { a, b }, data }; }

static f32 at(const graph_run *r, u32 out, u64 i) { return ((const f32 *)r->out[out].data)[i]; }

/* ---- a name that is none */

static void check_wrong_names(test *t)
{
    static const struct {
        const char *typed, *says;
    } cases[] = {
        { "imput", "the model has no input 'imput'; did you mean 'input'?" },
        { "inputmask", "the model has no input 'inputmask'; did you mean 'input_mask'?" },
        { "pixels", "the model has no input 'pixels'" },
        { "", "the model has no input ''" },
        { NULL, "the model has no input '(NULL)'" },
        { "input_mask_input_mask_input_mask_input_mask",
          "the model has no input 'input_mask_input_mask_input_mask_input_mask'" },
    };
    arena *mem = arena_make();
    graph *g = graph_make(mem, NULL);
    CHECK_OK(t, graph_parse(g, "in input: f32[2]\nin input_mask: f32[2]\ny = Mul(input, input_mask)\nout y\n"));
    for (u32 i = 0; i < COUNT(cases); i++)
        CHECK(t, exec_no_input(g, cases[i].typed) == QN_E_NAME && text_same(qn_last_error(), cases[i].says), "%s: %s",
              cases[i].typed ? cases[i].typed : "(NULL)", qn_last_error());
    arena_free(mem);
}

/* ---- one plan for all lengths */

static void check_lengths(test *t, const test_device *d)
{
    static const i64 sizes[] = { 3, 5, 1, 0, 100, 7, 64, 65, 2 };
    f32 x[400];
    for (u32 i = 0; i < COUNT(x); i++) x[i] = (f32)i - 50;
    graph_run r = { .device = d->device, .optimize = true, .mem = arena_make() };
    graph_session s;
    qn_status status = graph_open_text(
        &r, "in x: f32[n,4]\nconst b: f32[4] = {1, 2, 3, 4}\nc = Add(x, b)\ne = Relu(c)\ny = Mul(e, x)\nout y\n", &s);
    if (!CHECK(t, status == QN_OK, "%s: %s", d->name, qn_last_error())) {
        arena_free(r.mem);
        return;
    }
    for (u32 k = 0; k < COUNT(sizes); k++) {
        qn_tensor in = floats(x, 2, sizes[k], 4);
        if (!CHECK(t, graph_session_run(&r, &s, &in, 1) == QN_OK, "%s, n = %lld: %s", d->name, (long long)sizes[k],
                   qn_last_error()))
            break;
        bool right = r.out[0].dims[0] == sizes[k];
        for (u64 i = 0; i < (u64)sizes[k] * 4 && right; i++) {
            f32 sum = x[i] + (f32)(i % 4 + 1);
            right = at(&r, 0, i) == (sum > 0 ? sum : 0) * x[i];
        }
        CHECK(t, right, "%s: wrong values for n = %lld", d->name, (long long)sizes[k]);
    }
    CHECK(t, r.stats.plans == 1 && r.stats.layouts <= 4, "%s: %llu plans and %llu layouts for nine sizes", d->name,
          (unsigned long long)r.stats.plans, (unsigned long long)r.stats.layouts);
    graph_session_close(&s);
    arena_free(r.mem);
}

/* ---- a decode loop: the past grows by one each turn and comes back from the outputs, 64 turns with nothing new made */

static void check_decode(test *t, const test_device *d)
{
    graph_run r = { .device = d->device, .optimize = true, .mem = arena_make() };
    graph_session s;
    qn_status status = graph_open_text(
        &r, "in past: f32[p,2]\nin x: f32[1,2]\nnow = Concat(past, x, axis=0)\ny = Mul(now, now)\nout now, y\n", &s);
    if (CHECK(t, status == QN_OK, "%s: %s", d->name, qn_last_error())) {
        for (u32 i = 0; i < sym_variable_count(s.g); i++)
            if (text_same(sym_variable_name(s.g, i), "p")) CHECK_OK(t, exec_reserve(s.x, i, 80));
        qn_stats first = { 0 };
        qn_tensor past = floats((const f32[]){ -1, -2 }, 2, 1, 2);
        for (u32 k = 0; k < 64; k++) {
            f32 x[2] = { (f32)k, (f32)k + 0.5f };
            qn_tensor in[] = { past, floats(x, 2, 1, 2) };
            if (!CHECK(t, graph_session_run(&r, &s, in, 2) == QN_OK, "%s, turn %u: %s", d->name, k, qn_last_error())) break;
            past = s.x->outputs[0]; /* lent by the executor: goes straight back in */
            if (!k) first = r.stats;
            CHECK(t,
                  past.dims[0] == k + 2 && at(&r, 0, 0) == -1 && at(&r, 0, 2 * (k + 1)) == x[0] &&
                      at(&r, 1, 2 * (k + 1) + 1) == x[1] * x[1],
                  "%s: wrong values in turn %u", d->name, k);
        }
        CHECK(t,
              r.stats.layouts == first.layouts && r.stats.device_buffers == first.device_buffers &&
                  r.stats.plans == first.plans,
              "%s: the loop made %llu layouts and %llu buffers", d->name,
              (unsigned long long)(r.stats.layouts - first.layouts),
              (unsigned long long)(r.stats.device_buffers - first.device_buffers));
        graph_session_close(&s);
    }
    arena_free(r.mem);
}

/* ---- graphs as text with the answer beside them */

typedef struct answer_case {
    const char *what, *graph;
    qn_tensor in[3];
    u32 n_in;
    i64 dims[2];
    u32 rank;
    f32 want[8];
} answer_case;

static const f32 one_two[] = { 1, 2 }, minus[] = { -1, -2 }, sparse[] = { 0, 3, 0, 0, 5, 6 },
                 one_each[] = { 0, 3, 4, 0, 0, 6 }, with_nan[] = { 1, NAN, 3, 2, NAN, 0 }; /* as onnxruntime orders them */
static const u8 yes[] = { 1 }, no[] = { 0 };
static const i64 three[] = { 3 }, zero[] = { 0 }, least[] = { INT64_MIN }, was_unbound[] = { INT64_MIN + 0x5eed },
                 two_three[] = { 2, 3 };

#define IF_GRAPH                                                                                                            \
    "in c: bool[]\nin x: f32[2]\n"                                                                                          \
    "y = If(c, x, then_branch={in a: f32[2]; b = Neg(a); out b}, else_branch={in a: f32[2]; b = Exp(a); d = Log(b); e = "   \
    "Add(d, a); out e}, captures=1)\n"                                                                                      \
    "z = Add(y, y)\nout z\n"
#define LOOP_GRAPH                                                                                                          \
    "in m: i64[]\nin x: f32[2]\n"                                                                                           \
    "y, s = Loop(m, _, x, x, body={in i: i64[]; in c: bool[]; in v: f32[2]; in w: f32[2]; n = Add(v, w); o = Identity(c); " \
    "q = Neg(n); out o, n, q}, captures=1)\n"
#define SCAN_GRAPH(of_turn, directions)                                                                                     \
    "in x: f32[2]\nin z: f32[3,2]\nk = Mul(x, x)\n"                                                                         \
    "y, o = Scan(x, z, k, num_scan_inputs=1, body={in s: f32[2]; in r: f32[2]; in k: f32[2]; n = Add(s, r); q = " of_turn   \
    "; out n, q}, captures=1" directions ")\n"
#define SCAN_INPUTS { { QN_F32, 1, { 2 }, one_two }, { QN_F32, 2, { 3, 2 }, sparse } }, 2
/* x and a constant go round in two states of a Loop, as the body says. */
#define STATES_GRAPH(body)                                                                                                  \
    "in m: i64[]\nin x: f32[2]\nconst k: f32[2] = {10, 20}\n"                                                               \
    "y, z = Loop(m, _, x, k, x, body={in i: i64[]; in c: bool[]; in v: f32[2]; in w: f32[2]; in x: f32[2]; "                \
    "o = Identity(c); " body "}, captures=1)\ns = Concat(y, z, axis=0)\nout s\n"
#define STATES_INPUTS { { QN_I64, 0, { 0 }, three }, { QN_F32, 1, { 2 }, one_two } }, 2
static const answer_case answers[] = {
    { "Scan, what is captured stays",
      SCAN_GRAPH("Mul(n, k)", "") "out o\n",
      SCAN_INPUTS,
      { 3, 2 },
      2,
      { 1, 20, 1, 20, 6, 44 } },
    { "Scan, the state behind it",
      SCAN_GRAPH("Mul(n, k)", "") "e = Exp(k)\nd = Sub(y, e)\nout y\n",
      SCAN_INPUTS,
      { 2 },
      1,
      { 6, 11 } },
    { "Scan, one result given twice",
      SCAN_GRAPH("Identity(n)", "") "out o\n",
      SCAN_INPUTS,
      { 3, 2 },
      2,
      { 1, 5, 1, 5, 6, 11 } },
    { "Scan, backward, along the last axis",
      SCAN_GRAPH("Mul(n, k)", ", scan_input_directions=[1], scan_output_directions=[1], scan_output_axes=[-1]") "out o\n",
      SCAN_INPUTS,
      { 2, 3 },
      2,
      { 6, 6, 6, 44, 32, 32 } },
    { "Scan, a size that its body's data decide",
      "in x: f32[3,2]\nconst k: f32[2] = {1, 2}\nconst a: i64[1] = {0}\nz, o = Scan(k, x, a, num_scan_inputs=1, body={in s: "
      "f32[2]; "
      "in r: f32[2]; in a: i64[1]; i = NonZero(r); f = Cast(i, to=1); q = Squeeze(f, a); n = Add(s, r); out n, q}, "
      "captures=1)\n"
      "out o\n",
      { { QN_F32, 2, { 3, 2 }, one_each } },
      1,
      { 3, 1 },
      2,
      { 1, 0, 1 } },
    { "If, yes", IF_GRAPH, { { QN_BOOL, 0, { 0 }, yes }, { QN_F32, 1, { 2 }, one_two } }, 2, { 2 }, 1, { -2, -4 } },
    { "If, no", IF_GRAPH, { { QN_BOOL, 0, { 0 }, no }, { QN_F32, 1, { 2 }, one_two } }, 2, { 2 }, 1, { 4, 8 } },
    { "Loop, a state whose size changes in a turn, and a Scan over it",
      "in m: i64[]\nin x: f32[n]\nconst k: f32[3] = {1, 2, 3}\n"
      "y = Loop(m, _, k, x, body={in i: i64[]; in c: bool[]; in v: f32[3]; in x: f32[n]; o = Identity(c); "
      "w = Scan(v, v, x, num_scan_inputs=1, body={in s: f32[3]; in r: f32[]; in x: f32[n]; e = Identity(x); out e}, "
      "captures=1); out o, w}, captures=1)\nout y\n",
      { { QN_I64, 0, { 0 }, three }, { QN_F32, 1, { 2 }, one_two } },
      2,
      { 2 },
      1,
      { 1, 2 } },
    { "Loop, three turns",
      LOOP_GRAPH "out y\n",
      { { QN_I64, 0, { 0 }, three }, { QN_F32, 1, { 2 }, one_two } },
      2,
      { 2 },
      1,
      { 4, 8 } },
    { "Loop, scan output",
      LOOP_GRAPH "out s\n",
      { { QN_I64, 0, { 0 }, three }, { QN_F32, 1, { 2 }, one_two } },
      2,
      { 3, 2 },
      2,
      { -2, -4, -3, -6, -4, -8 } },
    { "Loop, no turn",
      LOOP_GRAPH "out y\n",
      { { QN_I64, 0, { 0 }, zero }, { QN_F32, 1, { 2 }, one_two } },
      2,
      { 2 },
      1,
      { 1, 2 } },
    { "Loop, a state that doubles",
      "in m: i64[]\nin x: f32[1]\ny = Loop(m, _, x, body={in i: i64[]; in c: bool[]; in v: f32[n]; o = Identity(c); "
      "h = Add(v, v); d = Concat(v, h, axis=0); out o, d})\nout y\n",
      { { QN_I64, 0, { 0 }, three }, { QN_F32, 1, { 1 }, one_two } },
      2,
      { 8 },
      1,
      { 1, 2, 2, 4, 2, 4, 4, 8 } },
    { "Loop, states that change places", STATES_GRAPH("out o, w, v"), STATES_INPUTS, { 4 }, 1, { 10, 20, 1, 2 } },
    { "Loop, one result in two states",
      STATES_GRAPH("n = Add(v, w); out o, n, n"),
      STATES_INPUTS,
      { 4 },
      1,
      { 44, 88, 44, 88 } },
    { "Loop, a state that stays", STATES_GRAPH("n = Add(v, w); out o, n, w"), STATES_INPUTS, { 4 }, 1, { 31, 62, 10, 20 } },
    { "Loop, a state that is captured",
      STATES_GRAPH("n = Add(v, w); out o, n, x"),
      STATES_INPUTS,
      { 4 },
      1,
      { 13, 26, 1, 2 } },
    { "Loop, one state behind the other",
      STATES_GRAPH("n = Add(v, w); out o, n, v"),
      STATES_INPUTS,
      { 4 },
      1,
      { 23, 46, 12, 24 } },
    { "a shape that is an input",
      "in s: i64[2]\nin x: f32[6]\ny = Reshape(x, s)\nz = Neg(y)\nout z\n",
      { { QN_I64, 1, { 2 }, two_three }, { QN_F32, 1, { 6 }, sparse } },
      2,
      { 2, 3 },
      2,
      { 0, -3, 0, 0, -5, -6 } },
    { "an end that is the least number",
      "in e: i64[1]\nin x: f32[6]\nconst b: i64[1] = {2}\nconst a: i64[1] = {0}\nconst t: i64[1] = {-1}\n"
      "y = Slice(x, b, e, a, t)\nout y\n",
      { { QN_I64, 1, { 1 }, least }, { QN_F32, 1, { 6 }, sparse } },
      2,
      { 3 },
      1,
      { 0, 3, 0 } },
    { "a number that once stood for none",
      "in e: i64[1]\nin x: f32[6]\nconst b: i64[1] = {2}\nconst a: i64[1] = {0}\nconst t: i64[1] = {-1}\n"
      "y = Slice(x, b, e, a, t)\nout y\n",
      { { QN_I64, 1, { 1 }, was_unbound }, { QN_F32, 1, { 6 }, sparse } },
      2,
      { 3 },
      1,
      { 0, 3, 0 } },
    { "a size that the data decide",
      "in x: f32[6]\ni = NonZero(x)\nf = Cast(i, to=1)\ny = Mul(f, f)\nout y\n",
      { { QN_F32, 1, { 6 }, sparse } },
      1,
      { 1, 3 },
      2,
      { 1, 16, 25 } },
    { "an input that is an output",
      "in x: f32[2]\ny = Identity(x)\nout y\n",
      { { QN_F32, 1, { 2 }, minus } },
      1,
      { 2 },
      1,
      { -1, -2 } },
    { "a constant that is an output",
      "in x: f32[2]\nconst c: f32[2] = {5, 6}\ny = Identity(c)\nz = Neg(x)\nout y\n",
      { { QN_F32, 1, { 2 }, minus } },
      1,
      { 2 },
      1,
      { 5, 6 } },
    { "TopK of NaN, largest",
      "in x: f32[6]\nconst k: i64[1] = {3}\nv, i = TopK(x, k)\nf = Cast(i, to=1)\nout f\n",
      { { QN_F32, 1, { 6 }, with_nan } },
      1,
      { 3 },
      1,
      { 1, 4, 2 } },
    { "TopK of NaN, smallest",
      "in x: f32[6]\nconst k: i64[1] = {6}\nv, i = TopK(x, k, largest=0)\nf = Cast(i, to=1)\nout f\n",
      { { QN_F32, 1, { 6 }, with_nan } },
      1,
      { 6 },
      1,
      { 5, 0, 3, 2, 1, 4 } },
    { "sizes as an output",
      "in x: f32[a,b]\ns = Shape(x)\nc = Cast(s, to=1)\nout c\n",
      { { QN_F32, 2, { 3, 2 }, sparse } },
      1,
      { 2 },
      1,
      { 3, 2 } },
};

static void check_answer(test *t, const test_device *d, const answer_case *c, bool optimize)
{
    graph_run r = { .device = d->device, .optimize = optimize, .mem = arena_make() };
    qn_status status = graph_run_text(&r, c->graph, c->in, c->n_in);
    if (CHECK(t, status == QN_OK, "%s on %s: %s", c->what, d->name, qn_last_error())) {
        bool right = r.out[0].rank == c->rank && !memcmp(r.out[0].dims, c->dims, c->rank * sizeof(i64));
        for (u64 i = 0; right && i < qn_tensor_elems(&r.out[0]); i++)
            right = at(&r, 0, i) - c->want[i] < 1e-4f && c->want[i] - at(&r, 0, i) < 1e-4f;
        CHECK(t, right, "%s on %s%s: wrong answer", c->what, d->name, optimize ? ", optimized" : "");
    }
    arena_free(r.mem);
}

/* ---- inputs and outputs that stay on the device */

static qn_status run_bound(qn_session *s, const qn_tensor *image, qn_buffer *from, qn_buffer *to)
{
    qn_ticket ticket = 0;
    QN_TRY(qn_bind_input(s, "image", from));
    QN_TRY(qn_bind_output(s, "probabilities", to));
    qn_named in = { "image", *image };
    QN_TRY(qn_run(s, &in, 1, &ticket));
    return qn_wait(s, ticket);
}

static bool buffer_is(const test_device *d, qn_buffer *b, const f32 *want, u64 bytes)
{
    f32 got[32];
    qn_ticket ticket = 0;
    return qn_buffer_bytes(b) == bytes && bytes <= sizeof got && qn_buffer_read(b, 0, got, bytes, &ticket) == QN_OK &&
           qn_device_wait(d->device, ticket) == QN_OK && !memcmp(got, want, bytes);
}

/* Each run makes the buffer; one that is not taken goes with the next run or the session. */
static void check_kept(test *t, const test_device *d, qn_session *s, const qn_tensor *image, const f32 *want, u64 bytes)
{
    qn_buffer *kept = NULL, *again = NULL;
    const qn_tensor *y = NULL;
    CHECK(t, qn_take_output(s, "probabilities", &kept) == QN_E_USAGE, "%s: nothing was kept", d->name);
    CHECK(t, qn_keep_output(s, "probability", true) == QN_E_NAME, "%s: no such output", d->name);
    CHECK(t, qn_keep_output(s, "probabilities", true) == QN_OK, "%s: %s", d->name, qn_last_error());
    for (int i = 0; i < 2; i++)
        CHECK(t, run_bound(s, image, NULL, NULL) == QN_OK && qn_output_at(s, 0, &y) == QN_OK && !y->data, "%s: kept: %s",
              d->name, qn_last_error());
    CHECK(t, qn_take_output(s, "probabilities", &kept) == QN_OK && buffer_is(d, kept, want, bytes),
          "%s: a kept output is another", d->name);
    CHECK(t, qn_take_output(s, "probabilities", &again) == QN_E_USAGE, "%s: taken twice", d->name);
    CHECK(t, run_bound(s, image, NULL, NULL) == QN_OK, "%s: %s", d->name, qn_last_error());
    CHECK(t, qn_keep_output(s, "probabilities", false) == QN_OK, "%s: %s", d->name, qn_last_error());
    qn_buffer_free(kept);
}

static void check_bound(test *t, const test_device *d)
{
    enum { PIXELS = 32 * 32, CLASSES = 19 };
    static f32 image[PIXELS];
    f32 host[CLASSES] = { 0 };
    for (u32 i = 0; i < PIXELS; i++) image[i] = i % 32 > 14 && i % 32 < 18 ? 1.0f : 0.0f;
    const qn_tensor given = { QN_F32, 4, { 1, 1, 32, 32 }, image }, shape = { QN_F32, 4, { 1, 1, 32, 32 }, NULL };
    qn_session *s = NULL;
    qn_buffer *from = NULL, *to = NULL, *small = NULL;
    const qn_tensor *y = NULL;
    const char *path = QUERN_SOURCE_DIR "/models/glyphs.onnx";
    bool open = qn_session_open(&(qn_session_desc){ .device = d->device, .path = path }, &s) == QN_OK &&
                qn_buffer_make(d->device, sizeof image, &from) == QN_OK &&
                qn_buffer_make(d->device, sizeof host, &to) == QN_OK && qn_buffer_make(d->device, 8, &small) == QN_OK &&
                qn_buffer_write(from, 0, image, sizeof image) == QN_OK;
    if (CHECK(t, open, "%s: %s", d->name, qn_last_error())) {
        CHECK(t, run_bound(s, &given, NULL, NULL) == QN_OK && qn_output_at(s, 0, &y) == QN_OK, "%s: %s", d->name,
              qn_last_error());
        if (y) memcpy(host, y->data, sizeof host);
        CHECK(t, run_bound(s, &shape, from, to) == QN_OK && qn_output_at(s, 0, &y) == QN_OK && !y->data, "%s: bound: %s",
              d->name, qn_last_error());
        CHECK(t, host[1] > 0.5f && buffer_is(d, to, host, sizeof host), "%s: bound buffers give another answer", d->name);
        check_kept(t, d, s, &given, host, sizeof host);
        CHECK(t, run_bound(s, &shape, small, to) == QN_E_SHAPE, "%s: an input buffer that is too small", d->name);
        CHECK(t, qn_bind_input(s, "picture", from) == QN_E_NAME, "%s: no such input", d->name);
        CHECK(t, run_bound(s, &shape, NULL, NULL) == QN_E_USAGE, "%s: unbound, and no data", d->name);
        CHECK(t, run_bound(s, &given, NULL, NULL) == QN_OK && qn_output_at(s, 0, &y) == QN_OK, "%s: unbound", d->name);
        CHECK(t,
              run_bound(s, &(qn_tensor){ QN_F32, 4, { 1, 1, 32, 31 }, image }, NULL, NULL) == QN_E_SHAPE &&
                  qn_output_at(s, 0, &y) == QN_E_USAGE,
              "%s: what the last run left is gone when the next began", d->name);
    }
    qn_session_close(s);
    qn_buffer_free(from), qn_buffer_free(to), qn_buffer_free(small);
}

/* ---- event loops: a long run on the host comes back in between; given up in the middle, nothing is left of it */

static void check_turns(test *t, const test_device *d)
{
    enum { TURNS = 30000 };
    graph_run r = { .device = d->device, .optimize = true, .mem = arena_make() };
    graph_session s;
    const i64 turns = TURNS;
    const f32 x = 0, one = 1;
    const qn_tensor in[] = { { QN_I64, 0, { 0 }, &turns }, floats(&x, 1, 1, 0), floats(&one, 1, 1, 0) };
    qn_status status =
        graph_open_text(&r,
                        "in m: i64[]\nin x: f32[1]\nin k: f32[1]\n"
                        "y, z = Loop(m, _, x, k, body={in i: i64[]; in c: bool[]; in v: f32[1]; in w: f32[1]; "
                        "n = Add(v, w); o = Identity(c); out o, n, w})\nout y\n",
                        &s);
    if (CHECK(t, status == QN_OK, "%s: %s", d->name, qn_last_error())) {
        bool done = false;
        u32 polls = 0;
        s.x->turn_ns = 1000000;
        for (u32 round = 0; round < 2 && status == QN_OK; round++, polls = 0) { /* the second is left in the middle */
            status = graph_session_start(&r, &s, in, COUNT(in));
            for (done = false; !done && status == QN_OK && !(round && polls == 1); polls++)
                status = graph_session_poll(&r, &s, &done);
            CHECK(t, status == QN_OK && (round ? !done : polls > 2), "%s: a long run does not come back: %u polls, %s",
                  d->name, polls, qn_status_text(status));
            if (!round && done)
                CHECK(t, (i64)at(&r, 0, 0) == turns, "%s: a run in turns gives %g", d->name, (f64)at(&r, 0, 0));
        }
        graph_session_close(&s);
    }
    arena_free(r.mem);
}

/* ---- every allocation failing */

static qn_status open_run_close(qn_device *d, const char *path)
{
    qn_session *s = NULL;
    QN_TRY(qn_session_open(&(qn_session_desc){ .device = d, .path = path }, &s));
    static const f32 image[32 * 32];
    qn_named in = { "image", { QN_F32, 4, { 1, 1, 32, 32 }, image } };
    qn_ticket ticket = 0;
    const qn_tensor *y = NULL;
    qn_status status = qn_run(s, &in, 1, &ticket);
    if (status == QN_OK) status = qn_wait(s, ticket);
    if (status == QN_OK) status = qn_output_at(s, 0, &y);
    qn_session_close(s);
    return status;
}

static void check_failing_allocations(test *t, const test_device *d)
{
    const char *path = QUERN_SOURCE_DIR "/models/glyphs.onnx";
    if (!CHECK(t, open_run_close(d->device, path) == QN_OK, "%s: %s", d->name, qn_last_error())) return;
    u64 alive = mem_blocks_alive(), n = test_next_failure(0), bad = 0;
    for (;; n = test_next_failure(n)) {
        mem_fail_at(n);
        qn_status s = open_run_close(d->device, path);
        mem_fail_at(0);
        if (mem_blocks_alive() != alive) bad++, alive = mem_blocks_alive();
        if (s == QN_OK) break;
        if (s != QN_E_NOMEM || !qn_last_error()[0]) bad++;
    }
    CHECK(t, bad == 0, "%s: %llu of the failing ones among %llu allocations leak or give no QN_E_NOMEM", d->name,
          (unsigned long long)bad, (unsigned long long)n);
    CHECK(t, n > 20, "%s: only %llu allocations were tried", d->name, (unsigned long long)n);
}

/* ------------------------------------------------------------------ buffers of limited size */
static void check_limit(test *t, u64 most, bool fits)
{
    const char *path = QUERN_SOURCE_DIR "/models/glyphs.onnx";
    qn_device *d = NULL;
    CHECK_OK(t, qn_device_open("null", NULL, &d));
    if (!d) return;
    d->info.caps.max_buffer_bytes = most;
    qn_status s = open_run_close(d, path);
    CHECK(t, s == QN_OK, "buffers of %llu bytes: %s", (unsigned long long)most,
          qn_last_error()); /* the host has what is larger */
    CHECK(t, null_counts_of(d)->buffers_alive == 0, "buffers are left behind");
    CHECK(t, !fits || null_counts_of(d)->bytes_peak > most, "all together are more than one buffer holds");
    qn_device_close(d);
}

/* ------------------------------------------------------------------ where values lie */
enum { SPANS = 60 };

static bool meet(const span *a, const span *b, bool apart)
{
    bool alive = a->first <= b->last && b->first <= a->last;
    bool bytes = apart ? a->buffer == b->buffer : a->at < b->at + b->bytes && b->at < a->at + a->bytes;
    return alive && bytes;
}

/* No two spans that live together share a byte, or apart a buffer, and nothing is larger than its place. */
static void check_layout(test *t, u32 seed, bool apart)
{
    span spans[SPANS] = { 0 };
    u64 bytes[SPANS], total = 0;
    u32 n_buffers = 0, wrong = 0;
    layout_result r;
    for (u32 i = 0; i < SPANS; i++) {
        seed = seed * 1664525u + 1013904223u;
        spans[i] = (span){ .bytes = 1 + (seed >> 8) % 5000,
                           .first = (seed >> 4) % 40,
                           .last = (seed >> 4) % 40 + (seed >> 25) % 8 };
    }
    CHECK_OK(t, apart ? layout_make_apart(spans, SPANS, bytes, &n_buffers, &r) : layout_make(spans, SPANS, &r));
    for (u32 i = 0; i < SPANS; i++)
        for (u32 k = 0; k < i; k++) wrong += meet(&spans[i], &spans[k], apart);
    for (u32 i = 0; i < SPANS; i++)
        wrong += apart ? spans[i].at != 0 || spans[i].buffer >= n_buffers || spans[i].bytes > bytes[spans[i].buffer]
                       : spans[i].at + spans[i].bytes > r.peak;
    for (u32 i = 0; i < n_buffers; i++) total += bytes[i];
    CHECK(t, wrong == 0 && r.largest_live <= r.peak && r.peak <= r.sum && (!apart || total == r.peak),
          "%s: %u wrong; live %llu, peak %llu, sum %llu", apart ? "apart" : "together", wrong,
          (unsigned long long)r.largest_live, (unsigned long long)r.peak, (unsigned long long)r.sum);
}

enum { MANY_SPANS = 100000 };

/* Many spans: all alive at the end, or each as long as the next begins; looking at all pairs would take hours. What lies where is seen by
 * going through them by place: two that share bytes, or a buffer, do not live together. */
static int by_place(const void *a, const void *b)
{
    const span *x = a, *y = b;
    if (x->buffer != y->buffer) return x->buffer < y->buffer ? -1 : 1;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static void check_many_spans(test *t, u32 lives_for, u64 most_of_live, bool apart)
{
    span *spans = mem_alloc(MANY_SPANS * sizeof *spans);
    u64 *bytes = mem_alloc(MANY_SPANS * sizeof *bytes);
    u32 n_buffers = 0, wrong = 0;
    layout_result r = { 0 };
    if (!CHECK(t, spans && bytes, "no memory")) return;
    for (u32 i = 0; i < MANY_SPANS; i++) {
        u32 last = MIN(MANY_SPANS, i + lives_for);
        spans[i] = (span){ .bytes = 4096 + i % 3 * 256, .first = i, .last = last };
    }
    CHECK_OK(t, apart ? layout_make_apart(spans, MANY_SPANS, bytes, &n_buffers, &r) : layout_make(spans, MANY_SPANS, &r));
    qsort(spans, MANY_SPANS, sizeof *spans, by_place);
    for (u32 i = 1; i < MANY_SPANS; i++) wrong += meet(&spans[i - 1], &spans[i], apart);
    CHECK(t, !wrong && r.largest_live <= r.peak && r.peak <= r.largest_live / 100 * most_of_live,
          "%u spans of %u steps%s: %u wrong; live %llu, peak %llu", MANY_SPANS, lives_for, apart ? ", apart" : "", wrong,
          (unsigned long long)r.largest_live, (unsigned long long)r.peak);
    mem_free(spans), mem_free(bytes);
}

/* Sizes whose sum leaves 64 bits are refused in words: nothing wraps on the way. */
static void check_vast_layout(test *t, u64 each, bool apart)
{
    span spans[5] = { 0 };
    u64 bytes[5];
    u32 n_buffers = 0;
    layout_result r;
    for (u32 i = 0; i < COUNT(spans); i++) spans[i] = (span){ .bytes = each, .last = 3 };
    qn_status s =
        apart ? layout_make_apart(spans, COUNT(spans), bytes, &n_buffers, &r) : layout_make(spans, COUNT(spans), &r);
    CHECK(t, s == QN_E_NOMEM && strstr(qn_last_error(), "values of this run"), "%llu bytes five times: %s",
          (unsigned long long)each, qn_status_text(s));
}

/* A Loop of many states and scan outputs: each state grows by the turn's number, each scan output is a state. */
static void check_wide_loop(test *t, const test_device *d, u32 n)
{
    str s = { 0 };
    graph_run r = { .device = d->device, .mem = arena_make() };
    const qn_tensor in[] = { { QN_I64, 0, { 0 }, three }, { QN_F32, 1, { 2 }, one_two } };
    str_add(&s, "in m: i64[]\nin x: f32[2]\n");
    for (u32 i = 0; i < 2 * n; i++) str_print(&s, "%s%c%u", i ? ", " : "", i < n ? 'y' : 'z', i % n);
    str_add(&s, " = Loop(m, _");
    for (u32 i = 0; i < n; i++) str_add(&s, ", x");
    str_add(&s, ", body={in i: i64[]; in c: bool[]; ");
    for (u32 i = 0; i < n; i++) str_print(&s, "in v%u: f32[2]; ", i);
    str_add(&s, "f = Cast(i, to=1); o = Identity(c); ");
    for (u32 i = 0; i < n; i++) str_print(&s, "n%u = Add(v%u, f); ", i, i);
    str_add(&s, "out o");
    for (u32 i = 0; i < 2 * n; i++) str_print(&s, ", %c%u", i < n ? 'n' : 'v', i % n);
    str_print(&s, "}, captures=0)\nout y%u, z%u\n", n - 1, n - 1);
    qn_status status = graph_run_text(&r, s.text, in, 2);
    if (CHECK(t, status == QN_OK, "%s: a Loop of %u states: %s", d->name, n, qn_last_error())) {
        const f32 *y = r.out[0].data, *z = r.out[1].data;
        CHECK(t, y[1] == 5 && z[0] == 1 && z[4] == 2 && z[5] == 3, "%s: a Loop of %u states gives another answer", d->name,
              n);
    }
    str_free(&s);
    arena_free(r.mem);
}

void test_exec(test *t)
{
    check_wrong_names(t);
    const u64 vast[] = { (u64)1 << 60, (u64)1 << 62, ((u64)1 << 63) - 1, (u64)1 << 63, ~(u64)0 };
    for (u32 i = 0; i < COUNT(vast); i++) check_vast_layout(t, vast[i], false), check_vast_layout(t, vast[i], true);
    check_limit(t, 78000, true); /* its values take 80 KiB together, its largest weight 76 */
    check_limit(t, 70000, false);
    for (u32 seed = 1; seed <= 20; seed++) check_layout(t, seed, false), check_layout(t, seed, true);
    for (u32 apart = 0; apart < 2; apart++) {
        check_many_spans(t, 1, 150, apart != 0);
        check_many_spans(t, 40, 150, apart != 0);
        check_many_spans(t, 20000, 200, apart != 0);
        check_many_spans(t, MANY_SPANS, 110, apart != 0);
    }
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    for (u32 d = 0; d < n; d++) {
        check_lengths(t, &devices[d]);
        check_decode(t, &devices[d]);
        check_bound(t, &devices[d]);
        check_wide_loop(t, &devices[d], 17);
        check_wide_loop(t, &devices[d], 100);
        for (u32 i = 0; i < COUNT(answers); i++)
            for (u32 optimize = 0; optimize < 2; optimize++) check_answer(t, &devices[d], &answers[i], optimize != 0);
        if (strcmp(devices[d].name, "cpu") != 0) continue;
        check_turns(t, &devices[d]);
        check_failing_allocations(t, &devices[d]);
    }
}

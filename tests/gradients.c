/* Gradients by differences: for every case of every op with float inputs, the derivative of L = sum of w * y along a random direction, as
 * the operator Gradient gives it, against (L(x + h u) - L(x - h u)) / 2h, all in double. Then the same of the gradient itself: S = sum of
 * v * dL/dx, its gradient by a second Gradient, against differences of S. Composites are differentiated through what they are made of. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "op/elementwise.h"
#include "op/op_util.h"
#include "op_case.h"

#define STEP  1e-6 /* in parts of an element, or of 0.1 where that is larger */
#define BOUND 2e-6 /* of what the gradient's parts add up to without their signs; differences are good to about 1e-8 */

enum { MOST = 48 };

typedef struct probe {
    const op_run *r;
    arena *mem;
    u32 xs[16], n_xs; /* numbers of the float inputs, among x0, x1, ... of the text */
    u32 at[16];       /* ... and among r->in */
    u32 n_in;
    qn_tensor in[MOST];
    bool moves[MOST]; /* an x: it has a direction */
    f64 *u[MOST];
    str text;
} probe;

static u64 seed;
static f64 any(void)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (f64)(seed >> 11) / 4503599627370496.0 - 1; /* -1 .. 1 */
}

static f64 *numbers(arena *mem, u64 n) { return arena_zalloc(mem, (n + 1) * sizeof(f64)); }

/* The inputs of the text, in its order: those that the case gives. */
static void take_inputs(probe *p)
{
    u32 number = 0;
    for (const char *at = p->r->text; (at = strstr(at, "in x")); at++) {
        const char *colon = strchr(at, ':');
        if (at != p->r->text && at[-1] != '\n') continue;
        qn_tensor *t = &p->in[p->n_in];
        *t = p->r->in[p->n_in];
        if (dtype_is_float(t->dtype) && colon) {
            f64 *data = numbers(p->mem, qn_tensor_elems(t)), *u = numbers(p->mem, qn_tensor_elems(t));
            for (u64 i = 0; i < qn_tensor_elems(t); i++)
                data[i] = tensor_number(t, i), u[i] = any() * fmax(fabs(data[i]), 0.1);
            t->dtype = QN_F64, t->data = data;
            p->u[p->n_in] = u, p->moves[p->n_in] = true;
            number = (u32)atoi(at + 4);
            p->at[p->n_xs] = p->n_in, p->xs[p->n_xs++] = number;
        }
        p->n_in++;
    }
}

/* One more input, of random numbers in the shape of `like`. */
static void add_input(probe *p, const char *name, u32 k, const qn_tensor *like)
{
    qn_tensor t = { .dtype = QN_F64, .rank = like->rank };
    memcpy(t.dims, like->dims, sizeof t.dims);
    f64 *data = numbers(p->mem, qn_tensor_elems(&t));
    for (u64 i = 0; i < qn_tensor_elems(&t); i++) data[i] = any();
    t.data = data;
    p->in[p->n_in++] = t;
    str_print(&p->text, "in %s%u: f64[", name, k);
    for (u32 d = 0; d < t.rank; d++) str_print(&p->text, "%s%lld", d ? "," : "", (long long)t.dims[d]);
    str_add(&p->text, "]\n");
}

/* total += sum of `of` * `by`, each in the type of the first. */
static void add_product(probe *p, const char *total, const char *of, const char *by, u32 k, bool first)
{
    str_print(&p->text, "%s_c%u = CastLike(%s%u, %s%u)\n%s_m%u = Mul(%s%u, %s_c%u)\n", total, k, by, k, of, k, total, k, of,
              k, total, k);
    str_print(&p->text, "%s_s%u = ReduceSum(%s_m%u, keepdims=0)\n%s_d%u = Cast(%s_s%u, to=11)\n", total, k, total, k, total,
              k, total, k);
    if (first) str_print(&p->text, "%s_t%u = Identity(%s_d%u)\n", total, k, total, k);
}

static void add_total(probe *p, const char *total, const u32 *ks, u32 n)
{
    for (u32 i = 1; i < n; i++)
        str_print(&p->text, "%s_t%u = Add(%s_t%u, %s_d%u)\n", total, ks[i], total, ks[i - 1], total, ks[i]);
    str_print(&p->text, "%s = Identity(%s_t%u)\n", total, total, ks[n - 1]);
}

static void add_gradient(probe *p, const char *out, const char *y)
{
    for (u32 i = 0; i < p->n_xs; i++) str_print(&p->text, "%s%s%u", i ? ", " : "", out, p->xs[i]);
    str_add(&p->text, " = ai.onnx.preview.training.Gradient(");
    for (u32 twice = 0; twice < 2; twice++)
        for (u32 i = 0; i < p->n_xs; i++) str_print(&p->text, "x%u, ", p->xs[i]);
    str_print(&p->text, "%s, xs=[", y);
    for (u32 i = 0; i < p->n_xs; i++) str_print(&p->text, "%s\"x%u\"", i ? ", " : "", p->xs[i]);
    str_print(&p->text, "], y=\"%s\")\n", y);
}

/* The case's graph with L, its gradients g, and, where wanted, S and its gradients h. False: no output is a float. */
static bool make_text(probe *p, bool second)
{
    u32 ys[16], n_ys = 0;
    const char *out = strstr(p->r->text, "\nout ");
    str_add_n(&p->text, p->r->text, (size_t)(out + 1 - p->r->text));
    for (u32 k = 0; k < p->r->n_want; k++)
        if (p->r->want[k].dtype == QN_F64) ys[n_ys++] = k;
    for (u32 i = 0; i < n_ys; i++) {
        add_input(p, "w", ys[i], &p->r->want[ys[i]]);
        add_product(p, "L", "y", "w", ys[i], i == 0);
    }
    if (!n_ys) return false;
    add_total(p, "L", ys, n_ys);
    add_gradient(p, "g", "L");
    for (u32 i = 0; second && i < p->n_xs; i++) {
        add_input(p, "v", p->xs[i], &p->in[p->at[i]]);
        add_product(p, "S", "g", "v", p->xs[i], i == 0);
    }
    if (second) add_total(p, "S", p->xs, p->n_xs);
    if (second) add_gradient(p, "h", "S");
    for (u32 i = 0; i < p->n_xs; i++) str_print(&p->text, "%s%u", i ? ", g" : "out L, g", p->xs[i]);
    for (u32 i = 0; second && i < p->n_xs; i++) str_print(&p->text, "%s%u", i ? ", h" : ", S, h", p->xs[i]);
    str_add(&p->text, "\n");
    return true;
}

/* The inputs, moved by h along the direction. */
static void move(const probe *p, f64 h, qn_tensor *to)
{
    for (u32 i = 0; i < p->n_in; i++) {
        to[i] = p->in[i];
        if (!p->moves[i]) continue;
        u64 n = qn_tensor_elems(&to[i]);
        f64 *data = numbers(p->mem, n);
        for (u64 k = 0; k < n; k++) data[k] = ((const f64 *)p->in[i].data)[k] + h * p->u[i][k];
        to[i].data = data;
    }
}

typedef struct answer {
    f64 along, size; /* the gradient along the direction; the same with all signs dropped */
} answer;

static answer along(const probe *p, const qn_tensor *g)
{
    answer a = { 0 };
    for (u32 i = 0; i < p->n_xs; i++)
        for (u64 k = 0; k < qn_tensor_elems(&g[i]); k++) {
            f64 part = ((const f64 *)g[i].data)[k] * p->u[p->at[i]][k];
            a.along += part, a.size += fabs(part);
        }
    return a;
}

static f64 scalar(const qn_tensor *t) { return *(const f64 *)t->data; }

/* Which of the three runs' outputs: 0 is L, then the gradients, then S and its gradients. */
static void compare(test *t, op_ref of, const probe *p, const graph_run runs[3], u32 which, const char *what)
{
    const qn_tensor *mid = &runs[1].out[which];
    answer a = along(p, mid + 1);
    f64 up = scalar(&runs[2].out[which]), down = scalar(&runs[0].out[which]), got = (up - down) / (2 * STEP);
    f64 noise = 1e-14 * (fabs(up) + fabs(scalar(mid))) / STEP;
    if (isnan(scalar(mid)) || isinf(scalar(mid))) return;
    CHECK(t, fabs(got - a.along) <= BOUND * a.size + noise + 1e-9,
          "%s (%s): the %s along a direction is %.12g, by differences %.12g\n%s", of.d->name, of.c->why, what, a.along, got,
          p->text.text);
}

/* What is differentiated was expanded on the way; it is still what it was. */
static void compare_value(test *t, op_ref of, const probe *p, const graph_run *run)
{
    f64 want = 0, size = 0;
    u32 w = p->r->n_in;
    for (u32 k = 0; k < p->r->n_want; k++) {
        const qn_tensor *y = &p->r->want[k];
        for (u64 i = 0; y->dtype == QN_F64 && i < qn_tensor_elems(y); i++) {
            f64 part = tensor_number(y, i) * tensor_number(&p->in[w], i);
            want += part, size += fabs(part);
        }
        w += y->dtype == QN_F64;
    }
    if (isnan(want) || isinf(size)) return;
    f64 got = scalar(&run->out[0]);
    CHECK(t, fabs(got - want) <= 1e-7 * size, "%s (%s): with its gradient its outputs add up to %.12g, without to %.12g\n%s",
          of.d->name, of.c->why, got, want, p->text.text);
}

static qn_status run_three(probe *p, bool optimize, graph_run runs[3])
{
    graph_session s;
    qn_tensor in[MOST];
    runs[0] = (graph_run){ .device = test_cpu(), .widen = true, .optimize = optimize, .mem = p->mem };
    QN_TRY(graph_open_text(&runs[0], p->text.text, &s));
    qn_status status = QN_OK;
    for (u32 i = 0; i < 3 && status == QN_OK; i++) {
        runs[i] = runs[0];
        move(p, ((f64)i - 1) * STEP, in);
        status = graph_session_run(&runs[i], &s, in, p->n_in);
    }
    graph_session_close(&s);
    return status;
}

/* ---- what is not compared, and why */

typedef struct skips {
    struct {
        char why[160];
        u32 n;
    } rows[64];
    u32 n;
} skips;

static void skip(skips *s, const char *why)
{
    u32 i = 0;
    while (i < s->n && strncmp(s->rows[i].why, why, sizeof s->rows[i].why - 1)) i++;
    if (i == COUNT(s->rows)) i--;
    if (i == s->n) snprintf(s->rows[s->n++].why, sizeof s->rows[0].why, "%s", why);
    s->rows[i].n++;
}

static void report(test *t, const skips *s)
{
    for (u32 i = 0; i < s->n; i++) {
        SKIP(t, "%u cases: %s", s->rows[i].n, s->rows[i].why);
        t->skipped += s->rows[i].n - 1;
    }
}

/* "GRU 'x': this op has no gradient, ..." without the node's name. */
static void skip_refused(skips *s, op_ref of, const char *sentence)
{
    char why[160];
    const char *tail = strstr(sentence, "': ");
    snprintf(why, sizeof why, "%s is refused: %s", of.d->name, tail ? tail + 3 : sentence);
    skip(s, why);
}

/* ---- one case */

static bool try_case(test *t, op_ref of, const op_run *r, arena *mem, bool second, skips *s)
{
    probe p = { .r = r, .mem = mem };
    graph_run runs[3] = { 0 };
    seed = hash_bytes(of.d->name, strlen(of.d->name), 11);
    take_inputs(&p);
    second = second && 2 * (1 + p.n_xs) <= COUNT(runs[0].out); /* more outputs are not kept */
    qn_status status = QN_OK;
    bool done = true, some = p.n_xs && make_text(&p, second);
    if (!some) skip(s, p.n_xs ? "no output is a float" : "no input is a float that is given at run time");
    else if ((status = run_three(&p, false, runs)) == QN_OK) {
        compare_value(t, of, &p, &runs[1]);
        compare(t, of, &p, runs, 0, "gradient");
        if (second) compare(t, of, &p, runs, 1 + p.n_xs, "second gradient");
        if (!second) skip(s, "the gradient is compared, but has none itself");
    } else if (status == QN_E_UNSUPPORTED && second) done = false;
    else if (status == QN_E_UNSUPPORTED) skip_refused(s, of, qn_last_error());
    else CHECK(t, false, "%s (%s): %s\n%s", of.d->name, of.c->why, qn_last_error(), p.text.text);
    str_free(&p.text);
    return done;
}

/* Its gradient is 0 wherever it has one. */
static bool is_flat(const op_def *d) { return d->row && d->row->grad[0] && text_same(d->row->grad[0], "0"); }

static void run_case(test *t, op_ref of, skips *s)
{
    arena *mem = arena_make();
    op_run r = { 0 };
    if (of.d->random) skip(s, "random");
    else if (is_flat(of.d)) skip(s, "a staircase: its gradient is 0, and differences across a step are not");
    else if (op_case_prepare(t, of, test_cpu(), mem, &r) && !try_case(t, of, &r, mem, true, s))
        try_case(t, of, &r, mem, false, s);
    arena_free(mem);
}

/* ---- the operator */

typedef struct told {
    const char *why, *text, *in, *want; /* want: of each output; or a part of the sentence that refuses it */
} told;

#define GRADIENT_OF "ai.onnx.preview.training.Gradient"
static const told operator_cases[] = {
    { "other values in the symbols' places",
      "in a: f32[]; in b: f32[]; in c: f32[]; d = Mul(a, a); e = Mul(d, b);"
      "g, h = " GRADIENT_OF "(c, b, a, b, e, xs=[\"a\", \"b\"], y=\"e\"); out e, g, h",
      "f32[]={2} f32[]={3} f32[]={5}", "f32[]={12} f32[]={30} f32[]={25}" },
    { "a value given that is used elsewhere on the way",
      "in a: f32[]; in b: f32[]; y = Mul(a, b);"
      "g, h = " GRADIENT_OF "(b, b, a, b, y, xs=[\"a\", \"b\"], y=\"y\"); out g, h",
      "f32[]={2} f32[]={3}", "f32[]={3} f32[]={3}" },
    { "each symbol's value in the other's place",
      "in a: f32[]; in b: f32[]; d = Mul(a, a); e = Mul(d, b);"
      "g, h = " GRADIENT_OF "(b, a, a, b, e, xs=[\"a\", \"b\"], y=\"e\"); out g, h",
      "f32[]={2} f32[]={3}", "f32[]={12} f32[]={9}" },
    { "another value in y's place, and no node before", /* no node is copied */
      "in a: f32[]; in b: f32[]; g, h = " GRADIENT_OF "(b, b, a, b, a, xs=[\"a\", \"b\"], y=\"a\"); out g, h",
      "f32[]={2} f32[]={3}", "f32[]={1} f32[]={0}" },
    { "a tensor in the middle",
      "in a: f32[]; in b: f32[]; h = Mul(a, b); q = Mul(h, h); y = Mul(q, a);"
      "g = " GRADIENT_OF "(h, h, y, xs=[\"h\"], y=\"y\"); out g",
      "f32[]={2} f32[]={3}", "f32[]={24}" },
    { "one that y does not depend on",
      "in a: f32[]; in b: f32[2]; y = Exp(a); g, h = " GRADIENT_OF "(a, b, a, b, y, xs=[\"a\", \"b\"], y=\"y\"); out g, h",
      "f32[]={0} f32[2]={1,2}", "f32[]={1} f32[2]={0,0}" },
    { "zs are held fast",
      "in a: f32[]; b = Add(a, a); y = Mul(a, b); g = " GRADIENT_OF
      "(a, b, a, b, y, xs=[\"a\"], zs=[\"b\"], y=\"y\"); out g",
      "f32[]={2}", "f32[]={4}" },
    { "y itself", "in a: f32[2]; y = Neg(a); g = " GRADIENT_OF "(y, y, y, xs=[\"y\"], y=\"y\"); out g", "f32[2]={2,3}",
      "f32[2]={1,1}" },
    { "a constant",
      "const w: f32[2] = {1, 2}; in x: f32[2]; y = Mul(w, x); g = " GRADIENT_OF "(w, w, y, xs=[\"w\"], y=\"y\"); out g",
      "f32[2]={5,7}", "f32[2]={5,7}" },
    { "through an integer",
      "in a: f32[2]; i = Cast(a, to=7); f = Cast(i, to=1); y = Add(f, a); g = " GRADIENT_OF
      "(a, a, y, xs=[\"a\"], y=\"y\"); out g",
      "f32[2]={1,2}", "f32[2]={1,1}" },
    { "sizes that a run decides: broadcast",
      "in x: f32[n,3]; in b: f32[m,3]; y = Mul(x, b); g, h = " GRADIENT_OF
      "(x, b, x, b, y, xs=[\"x\", \"b\"], y=\"y\"); out g, h",
      "f32[2,3]={1,2,3,4,5,6} f32[1,3]={7,8,9}", "f32[2,3]={7,8,9,7,8,9} f32[1,3]={5,7,9}" },
    { "sizes that a run decides: not broadcast",
      "in x: f32[n,3]; in b: f32[m,3]; y = Mul(x, b); g, h = " GRADIENT_OF
      "(x, b, x, b, y, xs=[\"x\", \"b\"], y=\"y\"); out g, h",
      "f32[1,3]={1,2,3} f32[1,3]={7,8,9}", "f32[1,3]={7,8,9} f32[1,3]={1,2,3}" },
    { "sizes that a run decides: a mean, a slice, a product",
      "in x: f32[n,2]; in w: f32[2,1]; const s: i64[1] = {1}; const e: i64[1] = {9}; p = MatMul(x, w); q = Slice(p, s, e); "
      "y = ReduceMean(q, keepdims=0);"
      "g, h = " GRADIENT_OF "(x, w, x, w, y, xs=[\"x\", \"w\"], y=\"y\"); out g, h",
      "f32[3,2]={1,2,3,4,5,6} f32[2,1]={8,10}", "f32[3,2]={0,0,4,5,4,5} f32[2,1]={4,5}" },
    { "a running product with zeros in it",
      "in x: f32[5]; const k: i64[] = {0}; y = CumProd(x, k); g = " GRADIENT_OF "(x, x, y, xs=[\"x\"], y=\"y\"); out g",
      "f32[5]={2,0,3,0,4}", "f32[5]={1,8,0,0,0}" },
    { "a product with a zero in it",
      "in x: f32[3]; y = ReduceProd(x, keepdims=0); g = " GRADIENT_OF "(x, x, y, xs=[\"x\"], y=\"y\"); out g",
      "f32[3]={2,0,5}", "f32[3]={0,10,0}" },
    { "equal extremes",
      "in x: f32[3]; y = ReduceMax(x, keepdims=0); g = " GRADIENT_OF "(x, x, y, xs=[\"x\"], y=\"y\"); out g",
      "f32[3]={7,1,7}", "f32[3]={0.5,0,0.5}" },
    { "an op without one", "in x: f32[2,2]; y = Det(x); g = " GRADIENT_OF "(x, x, y, xs=[\"x\"], y=\"y\"); out g",
      "f32[2,2]", "Det 'Det_1': this op has no gradient" },
    { "an integer", "in i: i64[2]; f = Cast(i, to=1); g = " GRADIENT_OF "(i, i, f, xs=[\"i\"], y=\"f\"); out g", "i64[2]",
      "xs[0] is i64: only floats have a gradient" },
    { "too few inputs", "in a: f32[]; y = Exp(a); g = " GRADIENT_OF "(a, y, xs=[\"a\"], y=\"y\"); out g", "f32[]",
      "one input for each of xs and zs" },
    { "a value of another rank",
      "in a: f32[]; in b: f32[2]; y = Exp(a); g = " GRADIENT_OF "(b, a, y, xs=[\"a\"], y=\"y\"); out g", "f32[] f32[2]",
      "of another type or rank" },
};

static u32 tensors_of(const char *at, arena *mem, qn_tensor *out, u32 most)
{
    u32 n = 0;
    u64 any_seed = 1;
    bool list;
    while (*at && n < most && case_tensor(&at, mem, &any_seed, &out[n], &list) == QN_OK) n++;
    return n;
}

static void run_told(test *t, const told *c, bool optimize)
{
    arena *mem = arena_make();
    qn_tensor in[8], want[8];
    bool refused = !strchr(c->want, '{');
    graph_run r = { .device = test_cpu(), .optimize = optimize, .mem = mem };
    qn_status status = graph_run_text(&r, c->text, in, tensors_of(c->in, mem, in, COUNT(in)));
    if (refused)
        CHECK(t, status != QN_OK && strstr(qn_last_error(), c->want), "Gradient of %s: '%s' is not said, but '%s'", c->why,
              c->want, qn_last_error());
    else if (CHECK(t, status == QN_OK, "Gradient, %s: %s", c->why, qn_last_error())) {
        u32 n = tensors_of(c->want, mem, want, COUNT(want));
        CHECK(t, n == r.n_out, "Gradient, %s: %u outputs", c->why, r.n_out);
        for (u32 i = 0; i < n && i < r.n_out; i++)
            CHECK(t, relative_error(&r.out[i], &want[i]) < 1e-6, "Gradient, %s: output %u is %g..., off by %g", c->why, i,
                  tensor_number(&r.out[i], 0), relative_error(&r.out[i], &want[i]));
    }
    arena_free(mem);
}

static qn_status run_once(const told *c, const qn_tensor *in, u32 n_in)
{
    graph_run r = { .device = test_cpu(), .optimize = true, .mem = arena_make() };
    if (!r.mem) return QN_E_NOMEM;
    qn_status status = graph_run_text(&r, c->text, in, n_in);
    arena_free(r.mem);
    return status;
}

/* Every allocation failing in turn: a status, and nothing is left behind. */
static void check_failing_allocations(test *t, const told *c)
{
    arena *mem = arena_make();
    qn_tensor in[8];
    u32 n_in = tensors_of(c->in, mem, in, COUNT(in));
    qn_status usual = run_once(c, in, n_in), s = QN_E_NOMEM;
    u64 alive = mem_blocks_alive(), bad = 0, at = 1;
    for (; s == QN_E_NOMEM && at < 100000; at++) {
        mem_fail_at(at);
        s = run_once(c, in, n_in);
        mem_fail_at(0);
        if (mem_blocks_alive() != alive) bad++, alive = mem_blocks_alive();
        if (s != QN_E_NOMEM && s != usual) bad++;
    }
    CHECK(t, bad == 0 && at > 2, "Gradient, %s: %llu of %llu failing allocations leak or give another status", c->why,
          (unsigned long long)bad, (unsigned long long)at);
    arena_free(mem);
}

/* A short file that asks for gradients of gradients of gradients: refused before it has filled the memory. */
static void check_too_many_nodes(test *t)
{
    enum { TIMES = 24 };
    str text = { 0 };
    str_add(&text, "in a: f32[]; e0 = Tanh(a);");
    for (u32 i = 0; i < TIMES; i++)
        str_print(&text, " e%u = " GRADIENT_OF "(a, a, e%u, xs=[\"a\"], y=\"e%u\");", i + 1, i, i);
    str_print(&text, " out e%d", TIMES);
    const told c = { "gradients, 24 times", text.text, "f32[]={1}", "with its gradients the model has more than" };
    run_told(t, &c, false);
    str_free(&text);
}

void test_gradients(test *t)
{
    if (!getenv("QUERN_QUICK")) check_too_many_nodes(t);
    else SKIP(t, "QUERN_QUICK: gradients of gradients up to a million nodes");
    for (u32 i = 0; i < 2 * COUNT(operator_cases); i++) run_told(t, &operator_cases[i / 2], i % 2);
    for (u32 i = 0; i < COUNT(operator_cases); i++) check_failing_allocations(t, &operator_cases[i]);
    skips s = { 0 };
    for (u32 k = 0, all = op_case_count(); k < all; k++) {
        op_ref of = op_case_at(k);
        if (test_asked("QUERN_OP", of.d->name)) run_case(t, of, &s);
    }
    report(t, &s);
}

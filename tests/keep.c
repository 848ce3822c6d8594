/* What hangs on weights and sizes alone is computed once for the same sizes: which nodes that are (plan/once.c), that a second run leaves them out and
 * another size does not, that answers stay those of a new session, and that what is kept is bounded. */
#include <stdio.h>

#include "run_graph.h"

typedef struct keep_case {
    const char *graph; /* of x, whose first dimension is n */
    u32 rank;
    i64 rest[2];      /* its other dimensions */
    const char *once; /* the nodes' ops that launch once, in order */
    i64 sizes[6];     /* of n, run after run; 0: no more */
} keep_case;

/* clang-format off */
#define OF_X "in x: f32[n,3]; const c: f32[1,3] = {1,2,3}; s = Shape(x); "
static const keep_case cases[] = {
    { OF_X "e = Expand(c, s); y = Add(x, e); out y", 2, { 3 }, "Expand", { 2, 2, 7, 7, 7, 2 } },
    { OF_X "a = Neg(c); e = Expand(a, s); y = Add(x, e); out y", 2, { 3 }, "Neg Expand", { 4, 4, 1, 1 } },
    { OF_X "e = Expand(c, s); y = Neg(e); z = Add(x, x); out z, y", 2, { 3 }, "Expand Neg", { 4, 4, 2, 2 } },
    { OF_X "e = Expand(c, s); y = Concat(e, x, axis=0); out y", 2, { 3 }, "Expand", { 3, 3, 8, 8 } },
    { "in x: f32[1,n,3]; const p: f32[1,2,3] = {1,2,3,4,5,6}; s = Shape(x); r = Resize(p, _, _, s, mode=\"linear\"); y = Mul(x, r); out y", 0, { 0 }, "Resize", { 5, 5, 3, 3, 5 } },
    { "in x: f32[n,2]; const t: f32[9,2] = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18}; const o: i64[] = {0}; const l: i64[] = {1}; const d: i64[1] = {0}; s = Shape(x, end=1); k = Squeeze(s, d); r = Range(o, k, l);"
      "g = Gather(t, r); y = Add(x, g); out y", 2, { 2 }, "Range Gather", { 9, 9, 4, 4, 9 } },
    /* not such nodes: an input goes in, numbers are drawn, data decides a size, each turn or branch has its own */
    { OF_X "e = Concat(c, x, axis=0); y = Neg(e); out y", 2, { 3 }, "", { 3, 3, 2 } },
    { OF_X "e = RandomUniformLike(c, seed=2.0); a = Mul(e, c); y = Add(x, a); out y", 2, { 3 }, "", { 3, 3, 2 } },
    { "in x: f32[n,3]; const c: f32[1,1] = {4}; k = NonZero(x); s = Shape(k); e = Expand(c, s); y = Neg(e); out y", 2, { 3 }, "", { 3, 3, 2 } },
    { "in x: f32[n,3]; const c: f32[1,3] = {1,2,3}; const z: f32[] = {0}; m = ReduceMax(x, keepdims=0); b = Greater(m, z); y = If(b, x, c, then_branch={in x: f32[n,3]; in c: f32[1,3]; s = Shape(x); e = Expand(c, s); a = Add(x, e); out a},"
      "else_branch={in x: f32[n,3]; in c: f32[1,3]; a = Add(x, c); out a}, captures=2); out y", 2, { 3 }, "", { 3, 3, 2 } },
    /* a weight that goes to the device for a body alone goes there in each run */
    { "in x: f32[n,3]; const w: i32[1,3] = {1,2,3}; const z: f32[] = {-1000}; m = ReduceMax(x, keepdims=0); b = Greater(m, z); y = If(b, w, then_branch={in w: i32[1,3]; const t: i64[] = {3}; const c: i32[] = {2};"
      "l = Loop(t, _, w, c, body={in i: i64[]; in o: bool[]; in s: i32[1,3]; in c: i32[]; k = Max(s, c); out o, k}, captures=1); out l}, else_branch={in w: i32[1,3]; a = Neg(w); out a}, captures=1); out y", 2, { 3 }, "", { 3, 3, 2, 2 } },
    { "in x: f32[n,3]; const w: i32[1,3] = {1,2,3}; const t: i64[] = {3}; const c: i32[] = {2}; y = Loop(t, _, w, c, body={in i: i64[]; in o: bool[]; in s: i32[1,3]; in c: i32[]; k = Max(s, c); out o, k}, captures=1); z = Neg(x); out y, z", 2, { 3 }, "", { 3, 3, 2, 2 } },
};
/* clang-format on */

static qn_tensor x_of(const keep_case *c, i64 n, const f32 *data)
{
    qn_tensor x = { .dtype = QN_F32, .rank = c->rank ? c->rank : 3, .dims = { n, c->rest[0], c->rest[1] }, .data = data };
    if (!c->rank) x.dims[0] = 1, x.dims[1] = n, x.dims[2] = 3;
    return x;
}

/* False: some node is the host's on this device, and with it what hangs on it. */
static bool names_once(const plan *p, str *out)
{
    nid last = 0;
    for (u32 i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        if (s->on_host) return false;
        if (s->kind != STEP_LAUNCH || !s->once || s->node == last) continue;
        str_print(out, "%s%s", out->n ? " " : "", op_of(node_at(p->g, s->node))->name);
        last = s->node;
    }
    return true;
}

static bool same_bytes(const graph_run *a, const graph_run *b)
{
    bool same = a->n_out == b->n_out;
    for (u32 i = 0; i < a->n_out && same; i++)
        same = qn_tensor_bytes(&a->out[i]) == qn_tensor_bytes(&b->out[i]) &&
               memcmp(a->out[i].data, b->out[i].data, (size_t)qn_tensor_bytes(&a->out[i])) == 0;
    return same;
}

/* A session of its own for run k, as which it draws its random numbers. */
static qn_status run_alone(graph_run *r, const char *text, u32 k, const qn_tensor *x)
{
    graph_session s = { 0 };
    QN_TRY(graph_open_text(r, text, &s));
    s.x->draws->runs = k;
    qn_status status = graph_session_run(r, &s, x, 1);
    graph_session_close(&s);
    return status;
}

static void check_run(test *t, const test_device *d, const keep_case *c, u32 k, graph_run *r, graph_session *s)
{
    static f32 data[64];
    for (u32 i = 0; i < COUNT(data); i++) data[i] = (f32)(i + k) / 8;
    qn_tensor x = x_of(c, c->sizes[k], data);
    graph_run one = { .device = d->device, .mem = arena_make() };
    bool again = k && c->sizes[k] == c->sizes[k - 1], any = c->once[0] != 0;
    CHECK(t, run_alone(&one, c->graph, k, &x) == QN_OK && graph_session_run(r, s, &x, 1) == QN_OK, "%s: %s: %s", d->name,
          c->graph, qn_last_error());
    CHECK(t, same_bytes(r, &one), "%s: %s: run %u differs from a new session", d->name, c->graph, k);
    CHECK(t, (r->stats.kept_launches > 0) == (again && any), "%s: %s: run %u leaves %llu launches out", d->name, c->graph, k,
          (unsigned long long)r->stats.kept_launches);
    CHECK(t, r->stats.launches + r->stats.kept_launches == one.stats.launches, "%s: %s: run %u has %llu launches of %llu",
          d->name, c->graph, k, (unsigned long long)r->stats.launches, (unsigned long long)one.stats.launches);
    arena_free(one.mem);
}

static void test_case(test *t, const test_device *d, const keep_case *c)
{
    graph_run r = { .device = d->device, .mem = arena_make() };
    graph_session s = { 0 };
    str names = { 0 };
    if (CHECK(t, graph_open_text(&r, c->graph, &s) == QN_OK, "%s: %s: %s", d->name, c->graph, qn_last_error())) {
        bool known = names_once(s.p, &names);
        if (!known) SKIP(t, "%s: %s: which launch once: a node of it is the host's", d->name, c->graph);
        CHECK(t, !known || text_same(names.text ? names.text : "", c->once), "%s: %s: once are '%s'", d->name, c->graph,
              names.text ? names.text : "");
        for (u32 k = 0; k < COUNT(c->sizes) && c->sizes[k]; k++) check_run(t, d, c, k, &r, &s);
    }
    str_free(&names);
    graph_session_close(&s);
    arena_free(r.mem);
}

/* Places outside a table that weights and sizes alone decide: told in each run, and nothing of such a run is kept. */
static void test_fault(test *t, const test_device *d)
{
    static const f32 data[24];
    const keep_case *c = &cases[5];
    graph_run r = { .device = d->device, .mem = arena_make() };
    graph_session s = { 0 };
    if (CHECK(t, graph_open_text(&r, c->graph, &s) == QN_OK, "%s: %s", d->name, qn_last_error()))
        for (u32 k = 0; k < 6; k++) {
            bool fits = k < 2 || k > 3;
            qn_tensor x = x_of(c, fits ? 9 : 12, data);
            qn_status got = graph_session_run(&r, &s, &x, 1);
            CHECK(t, got == (fits ? QN_OK : QN_E_DATA), "%s: run %u of places: %s", d->name, k, qn_status_text(got));
            CHECK(t, !fits || (r.stats.kept_launches > 0) == (k == 1 || k == 5), "%s: run %u leaves %llu launches out",
                  d->name, k, (unsigned long long)r.stats.kept_launches);
        }
    graph_session_close(&s);
    arena_free(r.mem);
}

/* Only what other nodes read is kept, and no more than 1 MiB beside weights that are small: a larger value is computed in each run. */
static void test_bytes(test *t, const test_device *d, const char *text, u64 bytes, bool keeps)
{
    static const f32 data[4] = { 1, 2, 3, 4 };
    graph_run r = { .device = d->device, .mem = arena_make() };
    graph_session s = { 0 };
    qn_tensor x = { QN_F32, 2, { 2, 1 }, data };
    if (CHECK(t, graph_open_text(&r, text, &s) == QN_OK, "%s: %s", d->name, qn_last_error()))
        for (u32 k = 0; k < 2; k++) {
            CHECK_OK(t, graph_session_run(&r, &s, &x, 1));
            CHECK(t, r.stats.kept_bytes == bytes, "%s: %s: %llu bytes are kept", d->name, text,
                  (unsigned long long)r.stats.kept_bytes);
            CHECK(t, (r.stats.kept_launches > 0) == (k && keeps), "%s: %s: run %u", d->name, text, k);
            const f32 *y = r.out[0].data;
            CHECK(t, y[0] == 5 && y[qn_tensor_elems(&r.out[0]) - 1] == 6, "%s: %s: run %u is wrong", d->name, text, k);
        }
    graph_session_close(&s);
    arena_free(r.mem);
}

#define WIDE(cols)                                                                                                          \
    "in x: f32[n,1]; const c: f32[1,1] = {-4}; sizes s: i64[2] = {n," cols                                                  \
    "}; a = Neg(c); e = Expand(a, s); y = Add(x, e); out y"

void test_keep(test *t)
{
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    for (u32 d = 0; d < n; d++) {
        for (size_t i = 0; i < COUNT(cases); i++) test_case(t, &devices[d], &cases[i]);
        test_fault(t, &devices[d]);
        test_bytes(t, &devices[d], WIDE("100"), 800, true);
        test_bytes(t, &devices[d], WIDE("200000"), 4, true);
    }
}

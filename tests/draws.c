/* Random operators: runs, turns and nodes draw other numbers, and a seed gives them again. */
#include "run_graph.h"

enum { N = 64 };

typedef struct draw_case {
    const char *what, *graph;
    u32 n_out;
    bool own_seed; /* of the node: the session's does not matter */
    bool same;     /* its outputs are the same numbers */
} draw_case;

/* clang-format off */
#define TURNS(attrs)                                                                              \
    "const n: i64[] = {2}\nconst z: f32[1] = {0}\nconst q: i64[2] = {64, 2}\np = Expand(z, q)\n" \
    "w, s = Loop(n, _, p, body={in i: i64[]; in c: bool[]; in v: f32[64,2]; "                      \
    "d = Multinomial(v, sample_size=1" attrs "); o = Identity(c); out o, v, d})\n"                 \
    "t = Cast(s, to=1)\nx, y = Split(t, axis=0, num_outputs=2)\nout x, y\n"
#define DROPOUT(attrs)                                                                                              \
    "const k: bool[] = {1}\nconst r: f32[] = {0.5}\nconst z: f32[1] = {1}\nconst q: i64[1] = {64}\no = Expand(z, q)\n" \
    "y = Dropout(o, r, k" attrs ")\nout y\n"
#define FOLDED "const k: bool[] = {1}\nconst r: f32[] = {0.5}\nconst q: i64[1] = {64}\nz = ConstantOfShape(q)\no = Exp(z)\n"

static const draw_case draw_cases[] = {
    { "a node",                 "y = RandomUniform(shape=[64])\nout y\n", 1, false, false },
    { "a node with a seed",     "y = RandomUniform(shape=[64], seed=3.0)\nout y\n", 1, true, false },
    { "nodes without names",    "x = RandomUniform(shape=[64])\ny = RandomUniform(shape=[64])\nout x, y\n", 2, false, false },
    { "nodes of one seed",      "x = RandomUniform(shape=[64], seed=1.5)\ny = RandomUniform(shape=[64], seed=1.5)\nout x, y\n", 2, true, true },
    { "turns",                  TURNS(""), 2, false, false },
    { "turns with a seed",      TURNS(", seed=2.0"), 2, true, false },
    { "Dropout while training", DROPOUT(""), 1, false, false },
    { "Dropout with a seed",    DROPOUT(", seed=7"), 1, true, false },
    { "Dropouts of a constant", FOLDED "x = Dropout(o, r, k)\ny = Dropout(o, r, k)\nout x, y\n", 2, false, false },
};
/* clang-format on */

typedef struct drawn {
    f32 of[2][N];
} drawn;

static bool same(const f32 *a, const f32 *b) { return !memcmp(a, b, N * sizeof *a); }

static bool run(test *t, const draw_case *c, graph_run *r, graph_session *s, drawn *out)
{
    qn_status status = graph_session_run(r, s, NULL, 0);
    if (!CHECK(t, status == QN_OK && r->n_out == c->n_out, "%s: %s", c->what, qn_last_error())) return false;
    for (u32 i = 0; i < r->n_out; i++) {
        if (!CHECK(t, qn_tensor_elems(&r->out[i]) == N, "%s: %llu numbers", c->what,
                   (unsigned long long)qn_tensor_elems(&r->out[i])))
            return false;
        memcpy(out->of[i], r->out[i].data, sizeof out->of[i]);
    }
    return true;
}

/* Two runs of a session with such a seed. */
static bool draw(test *t, const test_device *d, const draw_case *c, u64 seed, drawn *runs)
{
    graph_run r = { .device = d->device, .optimize = true, .mem = arena_make() };
    graph_session s;
    bool well = graph_open_text(&r, c->graph, &s) == QN_OK;
    if (CHECK(t, well, "%s on %s: %s", c->what, d->name, qn_last_error())) {
        s.x->draws->seed = seed;
        for (u32 i = 0; i < 2 && well; i++) well = run(t, c, &r, &s, &runs[i]);
        graph_session_close(&s);
    }
    arena_free(r.mem);
    return well;
}

static void check_case(test *t, const test_device *d, const draw_case *c)
{
    drawn first[2], again[2], other[2];
    if (!draw(t, d, c, 1, first) || !draw(t, d, c, 1, again) || !draw(t, d, c, 2, other)) return;
    CHECK(t, !same(first[0].of[0], first[1].of[0]), "%s on %s: two runs draw the same", c->what, d->name);
    for (u32 i = 0; i < 2; i++)
        for (u32 k = 0; k < c->n_out; k++) {
            CHECK(t, same(first[i].of[k], again[i].of[k]), "%s on %s: a seed gives other numbers", c->what, d->name);
            CHECK(t, same(first[i].of[k], other[i].of[k]) == c->own_seed, "%s on %s: another seed", c->what, d->name);
        }
    if (c->n_out == 2)
        CHECK(t, same(first[0].of[0], first[0].of[1]) == c->same, "%s on %s: one as the other", c->what, d->name);
}

void test_draws(test *t)
{
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    for (u32 i = 0; i < n; i++)
        for (u32 k = 0; k < COUNT(draw_cases); k++) check_case(t, &devices[i], &draw_cases[k]);
    CHECK(t, draws_seed(5) == 5 && draws_seed(0) != draws_seed(0), "a session without a seed has one of its own");
}

/* Sizes, the graph's text, its checks, and its links. */
#include "graph/graph.h"
#include "op/op.h"
#include "test.h"

typedef struct size_case {
    const char *text, *printed;
} size_case;

/* clang-format off */
static const size_case size_cases[] = {
    { "0", "0" }, { "-3", "-3" }, { "x", "x" }, { "x - x", "0" }, { "past + 1 - past", "1" },
    { "1 + 2*h", "2*h + 1" }, { "h*2 + h", "3*h" }, { "(a + b)*(a - b)", "a*a - b*b" }, { "b*a - a*b", "0" },
    { "\"batch size\" + 1", "\"batch size\" + 1" }, { "\"in\"*2", "2*\"in\"" },
    /* division */
    { "(B*S*768)/(B*12*64)", "S" }, { "(4*h)/2", "2*h" }, { "(4*h + 3)/2", "2*h + 1" }, { "7/2", "3" }, { "(0-7)/2", "-4" },
    { "(h - 1)/2 + 1", "div(h + 1, 2)" }, { "(2*h + 1)/4", "div(h, 2)" }, { "h/2/2", "div(h, 4)" },
    { "((h + 1)/2 + 1)/2", "div(h + 3, 4)" }, { "(a*b + a)/(b + 1)", "a" }, { "(a*a - b*b)/(a - b)", "a + b" },
    { "(a*s)/(a*t)", "div(s, t)" }, { "(6*s)/(4*t)", "div(3*s, 2*t)" }, { "(b*s + 3)/b", "s + div(3, b)" },
    { "a/(0-2)", "-a + div(a, 2)" }, { "0/x", "0" }, { "x/x", "1" },
    /* remainder is made of division */
    { "(4*h + 3) % 4", "3" }, { "h - h % 2", "2*div(h, 2)" }, { "h % 2 + 2*(h/2)", "h" }, { "(a*12) % a", "0" },
    /* order */
    { "max(h, 0)", "h" }, { "min(h, 0)", "0" }, { "max(h, h + 1)", "h + 1" }, { "min(a, b) - min(b, a)", "0" },
    { "max(1, a)", "max(a, 1)" }, { "lt(a, a + 1)", "1" }, { "lt(a + 1, 1)", "0" }, { "eq(a, a)", "1" }, { "eq(a + 1, 0)", "0" },
    { "select(lt(a, 5), 1, 2)", "select(lt(a, 5), 1, 2)" }, { "select(lt(1, 5), a, b)", "a" }, { "select(c, a, a)", "a" },
    { "min(max(h - 3, 0), h)", "min(h, max(h - 3, 0))" },
};
static const char *const not_sizes[] = {
    "", "*", "1 +", "(1", "f(1, 2)", "div(1)", "9223372036854775808", "9223372036854775807 + 1", "x / 0", "\"open", "min(1, 2", "1 2 +",
    "4611686018427387904 * 2", "div(1, 0)",
};
/* clang-format on */

static graph *fresh_graph(arena *mem) { return mem ? graph_make(mem, NULL) : NULL; }

static void test_size_case(test *t, const size_case *c)
{
    arena *mem = arena_make();
    graph *g = fresh_graph(mem);
    const char *at = c->text;
    /* the same variables in the same order, whatever the case mentions first */
    static const char *const names[] = { "B", "S", "a", "b", "h", "s", "t", "x" };
    for (size_t i = 0; i < COUNT(names); i++) sym_variable(g, names[i]);
    sym s = sym_parse(g, &at);
    str out = { 0 };
    sym_print(g, s, &out);
    CHECK(t, s && *at == 0 && text_same(out.text, c->printed), "%s prints as %s, not %s (%s)", c->text, out.text, c->printed,
          s ? "" : qn_last_error());
    at = out.text;
    CHECK(t, at && sym_parse(g, &at) == s, "%s does not parse to itself", out.text);
    str_free(&out);
    arena_free(mem);
}

static void test_not_sizes(test *t)
{
    for (size_t i = 0; i < COUNT(not_sizes); i++) {
        arena *mem = arena_make();
        graph *g = fresh_graph(mem);
        const char *at = not_sizes[i];
        sym s = sym_parse(g, &at);
        CHECK(t, !s || *at, "\"%s\" is taken for a size", not_sizes[i]);
        CHECK(t, s || qn_last_error()[0], "no sentence for \"%s\"", not_sizes[i]);
        arena_free(mem);
    }
}

/* Random expressions: what the canonical form evaluates to is what the operations give on numbers. */
typedef struct random_size {
    sym s;
    i64 value;
    bool known;
} random_size;

static u64 next_random(u64 *state) { return *state = *state * 6364136223846793005u + 1442695040888963407u, *state >> 33; }

static i64 floor_div(i64 a, i64 b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

static random_size combine(graph *g, u32 how, random_size a, random_size b)
{
    switch (how) {
    case 0: return (random_size){ sym_add(g, a.s, b.s), a.value + b.value, true };
    case 1: return (random_size){ sym_sub(g, a.s, b.s), a.value - b.value, true };
    case 2: return (random_size){ sym_mul(g, a.s, b.s), a.value * b.value, true };
    case 3: return b.value ? (random_size){ sym_div(g, a.s, b.s), floor_div(a.value, b.value), true } : a;
    case 4:
        return b.value ? (random_size){ sym_mod(g, a.s, b.s), a.value - b.value * floor_div(a.value, b.value), true } : a;
    case 5: return (random_size){ sym_min(g, a.s, b.s), MIN(a.value, b.value), true };
    case 6: return (random_size){ sym_max(g, a.s, b.s), MAX(a.value, b.value), true };
    case 7: return (random_size){ sym_compare(g, '<', a.s, b.s), a.value < b.value, true };
    case 8: return (random_size){ sym_compare(g, '=', a.s, b.s), a.value == b.value, true };
    default: return b.value ? (random_size){ sym_ceil_div(g, a.s, b.s), -floor_div(-a.value, b.value), true } : a;
    }
}

/* Divisors are variables and small numbers: a difference such as a - b may be 0 for some values and is then undefined. */
static void test_random_sizes(test *t)
{
    u64 state = 42;
    arena *mem = arena_make();
    graph *g = fresh_graph(mem);
    const sym_at at[3] = { { 1 + 6, true }, { 13, true }, { 4, true } };
    for (u32 turn = 0; turn < 3000; turn++) {
        random_size known[12];
        for (u32 i = 0; i < 3; i++)
            known[i] = (random_size){ sym_variable(g, (const char *[]){ "a", "b", "c" }[i]), at[i].is, true };
        for (u32 i = 3; i < 6; i++) {
            i64 number = (i64)(next_random(&state) % 9) - 2;
            known[i] = (random_size){ sym_number(g, number), number, true };
        }
        for (u32 i = 6; i < 12; i++) {
            u32 how = (u32)(next_random(&state) % 10);
            random_size x = known[next_random(&state) % i],
                        y = known[next_random(&state) % (how == 3 || how == 4 || how == 9 ? 6 : i)];
            known[i] = combine(g, how, x, y);
            i64 is = 0;
            if (!known[i].s) known[i] = known[0]; /* too heavy: allowed */
            str text = { 0 };
            sym_print(g, known[i].s, &text);
            bool ok = sym_eval(g, known[i].s, at, &is);
            CHECK(t, ok && is == known[i].value, "%s is %lld, should be %lld", text.text, (long long)is,
                  (long long)known[i].value);
            str_free(&text);
        }
    }
    arena_free(mem);
}

static void test_size_order(test *t)
{
    arena *mem = arena_make();
    graph *g = fresh_graph(mem);
    sym a = sym_variable(g, "a"), one = sym_number(g, 1), zero = sym_number(g, 0), a1 = sym_add(g, a, one);
    CHECK(t, sym_differ(g, a1, a) && sym_differ(g, a1, zero) && !sym_differ(g, a, zero) && !sym_differ(g, a, a), "differ");
    CHECK(t, sym_same(g, sym_sub(g, a1, one), a) && !sym_same(g, 0, 0), "same");
    sym f = sym_fresh(g, "n"), f1 = sym_fresh(g, "n"), f2 = sym_fresh(g, "a");
    CHECK(t, f && f1 && f2 && f != f1 && f2 != a, "fresh variables differ");
    CHECK(t, sym_variable_index(g, f) != UINT32_MAX && sym_variable_index(g, a1) == UINT32_MAX, "index");
    i64 v;
    sym_at at[8] = { 0 };
    CHECK(t, sym_variable_count(g) <= 8 && !sym_eval(g, a1, at, &v) && sym_uses_unbound(g, a1, at), "unbound");
    at[sym_variable_index(g, a)] = (sym_at){ INT64_MAX, true };
    CHECK(t, !sym_eval(g, a1, at, &v) && !sym_uses_unbound(g, a1, at), "overflow when evaluated");
    CHECK(t, !sym_add(g, 0, a) && !sym_mul(g, a, 0) && !sym_select(g, a, 0, a), "unknown stays unknown");
    arena_free(mem);
}

/* What a variable turns out to be stands in its place, in what was made before as well. */
static void test_settled_sizes(test *t)
{
    arena *mem = arena_make();
    graph *g = fresh_graph(mem);
    sym n = sym_variable(g, "n"), e = sym_fresh_signed(g, "e"), f = sym_fresh_signed(g, "f"), two = sym_number(g, 2);
    sym most = sym_max(g, n, e), twice = sym_mul(g, e, most), rest = sym_select(g, sym_compare(g, '=', e, two), f, n);
    CHECK(t, sym_settled(g, most) == most && !sym_settled_count(g), "nothing is settled");
    sym_trial(g, true);
    CHECK(t, !sym_settle(g, e, two), "settled in a trial");
    sym_trial(g, false);
    CHECK(t, !sym_settle(g, sym_add(g, e, two), n) && !sym_settle(g, e, sym_add(g, e, two)), "no variable, or by itself");
    CHECK(t, sym_settle(g, f, sym_add(g, e, two)) && !sym_settle(g, e, f), "in a circle");
    CHECK(t, sym_settle(g, e, two) && sym_settled_count(g) == 2, "two are settled");
    sym most_now = sym_max(g, n, two);
    CHECK(t, sym_settled(g, most) == most_now && sym_settled(g, twice) == sym_mul(g, two, most_now), "in an expression");
    CHECK(t, sym_is(g, sym_settled(g, rest), 4) && sym_settled(g, n) == n, "one by way of another");
    sym p = sym_fresh_signed(g, "p"), q = sym_fresh_signed(g, "q"), both[] = { p, q };
    CHECK(t, !sym_settle_all(g, both, (const sym[]){ sym_add(g, q, two), p }, 2), "a list, in a circle");
    CHECK(t, sym_settled_count(g) == 2 && sym_settled(g, p) == p && sym_settled(g, q) == q, "then none of it is settled");
    CHECK(t, sym_settle_all(g, both, (const sym[]){ two, n }, 2) && sym_settled_count(g) == 4, "a list");
    CHECK(t, sym_is_read(g, sym_mul(g, n, q)) && !sym_is_read(g, sym_mul(g, n, two)), "what only a run tells");
    arena_free(mem);
}

/* Sizes that grow without end must stop being known, and quickly. */
static void test_size_bounds(test *t)
{
    arena *mem = arena_make();
    graph *g = fresh_graph(mem);
    sym x = sym_variable(g, "x"), y = sym_variable(g, "y"), s = x, p = x;
    for (u32 i = 0; i < 1000 && s; i++) s = sym_min(g, sym_mul(g, s, s), sym_div(g, sym_add(g, s, y), x));
    CHECK(t, !s, "a size of endless weight");
    for (u32 i = 0; i < 1000 && p; i++) p = sym_mul(g, p, sym_add(g, p, y));
    CHECK(t, !p, "a polynomial of endless degree");
    CHECK(t, sym_status(g) == QN_OK, "memory");
    arena_free(mem);
}

/* ---- graphs as text */

typedef struct graph_case {
    const char *text, *printed;
} graph_case; /* printed NULL: refused */

/* clang-format off */
#define LOOP(c_type, z, s_type)                                                                                                       \
    "in m: i64[]\nin x: f32[n]\ns = Loop(m, _, x, body={in i: i64[]; in c: bool[]; in x: f32[n]; o = Identity(c)" c_type "; z = " z    \
    "; out o, z}, captures=1)" s_type "\nout s\n"
static const graph_case graph_cases[] = {
    { "in x: f32[2,3]; y = Relu(x); out y",
      "in x: f32[2,3]\ny = Relu(x) : f32[2,3]\nout y\n" },
    { "in x: f32[n,3]\nconst c: f32[3] = {1, -2.5, inf}\ny = Add(x, c) : f32[n,3]\nout y",
      "in x: f32[n,3]\nconst c: f32[3] = {1, -2.5, inf}\ny = Add(x, c) : f32[n,3]\nout y\n" },
    { "in \"a b\": i64[]; y = Neg(\"a b\"); out z = y", "in \"a b\": i64[]\ny = Neg(\"a b\") : i64[]\nout z = y\n" },
    { "in x: f32[b,6]; sizes s: i64[2] = {2*b, 3}; y = Reshape(x, s); out y",
      "in x: f32[b,6]\nsizes s: i64[2] = {2*b, 3}\ny = Reshape(x, s) : f32[2*b,3]\nout y\n" },
    { "in x: f32[2]; y = Elu(x, alpha=1); out y", "in x: f32[2]\ny = Elu(x, alpha=1) : f32[2]\nout y\n" },
    { "in x: f32[2]; y = Elu(x, alpha=0.5); out y", "in x: f32[2]\ny = Elu(x, alpha=0.5) : f32[2]\nout y\n" },
    /* a size of the body's own stays in there, also when the graph is checked again; one that came in goes out */
    { LOOP("", "NonZero(x)", ""), LOOP(" : bool[]", "NonZero(x) : i64[1,found]", " : i64[turns,1,turn]") },
    { LOOP("", "Neg(x)", ""), LOOP(" : bool[]", "Neg(x) : f32[n]", " : f32[turns,n]") },
    { "in x: f32[t,n]; s = Scan(x, num_scan_inputs=1, body={in r: f32[n]; z = NonZero(r); out z}); out s",
      "in x: f32[t,n]\ns = Scan(x, num_scan_inputs=1, body={in r: f32[n]; z = NonZero(r) : i64[1,found]; out z}) : i64[t,1,turn]\nout s\n" },
    /* what is kept of a norm has the type that stash_type says */
    { "in x: f64[2,3]; in s: f64[3]; y, m, d = LayerNormalization(x, s); out y, m, d",
      "in x: f64[2,3]\nin s: f64[3]\ny, m, d = LayerNormalization(x, s) : f64[2,3], f32[2,1], f32[2,1]\nout y, m, d\n" },
    { "in x: f16[2,3]; in s: f16[3]; y, m, d = LayerNormalization(x, s, stash_type=16); out y, m, d",
      "in x: f16[2,3]\nin s: f16[3]\ny, m, d = LayerNormalization(x, s, stash_type=16) : f16[2,3], bf16[2,1], bf16[2,1]\nout y, m, d\n" },
    { "in x: f32[2,3]; in s: f32[3]; y, m = LayerNormalization(x, s, stash_type=7); out y, m", NULL },
    { "y = SequenceEmpty(dtype=15); out y", "y = SequenceEmpty(dtype=15) : sequence[0] of c128[*]\nout y\n" },
    /* refused */
    { "y = Relu(x); out y", NULL }, { "in x: f32[2]; y = Nope(x); out y", NULL }, { "in x: f32[2]; y = Relu(x, x); out y", NULL },
    { "in x: f32[2]; y = Relu(); out y", NULL }, { "in x: f32[2]; y = Relu(x, nope=1); out y", NULL },
    { "in x: f32[2]; y = Elu(x, alpha=\"a\"); out y", NULL }, { "in x: f32[2]; y = Relu(x) : f32[3]; out y", NULL },
    { "in x: f32[2]; in x: f32[2]; out x", NULL }, { "in x: f32[2]; x = Relu(x); out x", NULL },
    { "in x: f32[2]; y = Not(x); out y", NULL }, { "in x: f32[2]; in y: f32[3]; z = Add(x, y); out z", NULL },
    { "in x: f32[2]; in y: i64[2]; z = Add(x, y); out z", NULL }, { "in x: f32[-1]; out x", NULL },
    { "in x: f32[4611686018427387904,4]; out x", NULL }, { "in x: f32[2", NULL }, { "in x: f33[2]; out x", NULL },
    { "in x: f32[1,1,1,1,1,1,1,1,1]; out x", NULL }, { "const c: f32[2] = {1}; out c", NULL }, { "out", NULL },
    { "in x: f32[2]; y = Relu(x, x=[1,\"a\"]); out y", NULL }, { "in x: f32[2]; y = Relu(_); out y", NULL },
    { "in x: f32[2]; in s: f32[]; y = QuantizeLinear(x, s, output_dtype=1); out y", NULL },
    { "in x: f32[2]; in s: f32[]; y = QuantizeLinear(x, s, output_dtype=14); out y", NULL },
};
/* clang-format on */

static void test_graph_case(test *t, const graph_case *c)
{
    arena *mem = arena_make();
    graph *g = fresh_graph(mem);
    qn_status status = graph_parse(g, c->text);
    if (!c->printed) {
        CHECK(t, status != QN_OK && status != QN_E_BUG && qn_last_error()[0], "\"%s\" gives %d", c->text, (int)status);
    } else {
        str out = { 0 };
        CHECK(t, status == QN_OK, "\"%s\": %s", c->text, qn_last_error());
        if (status == QN_OK) {
            CHECK_OK(t, graph_print(g, &out));
            CHECK_OK(t, graph_verify(g));
            CHECK(t, text_same(out.text, c->printed), "\"%s\" prints as\n%s", c->text, out.text);
            str_free(&out);
            CHECK_OK(t, graph_check(g));
            CHECK_OK(t, graph_print(g, &out));
            CHECK(t, text_same(out.text, c->printed), "\"%s\", checked again, prints as\n%s", c->text, out.text);
        }
        str_free(&out);
    }
    arena_free(mem);
}

static void test_graph_changes(test *t)
{
    arena *mem = arena_make();
    graph *g = fresh_graph(mem);
    CHECK_OK(t, graph_parse(g, "in x: f32[2]; a = Relu(x); b = Neg(a); c = Abs(a); y = Add(b, c); out y"));
    val x = graph_find(g, "x"), a = graph_find(g, "a"), b = graph_find(g, "b"), c = graph_find(g, "c");
    CHECK(t, value_at(g, a)->uses == 2 && value_at(g, x)->uses == 1, "uses");
    graph_replace(g, b, c);
    CHECK(t, live(g, b) == c && value_at(g, c)->uses == 2 && value_at(g, b)->uses == 0, "uses after replacing");
    CHECK_OK(t, graph_verify(g));
    u32 removed = 0;
    CHECK_OK(t, graph_sweep(g, &removed));
    CHECK(t, removed == 1 && g->n_live == 3 && value_at(g, a)->uses == 1, "sweep removes b's maker");
    graph_set_in(g, value_at(g, c)->maker, 0, x);
    CHECK(t, value_at(g, a)->uses == 0 && value_at(g, x)->uses == 2, "uses after graph_set_in");
    CHECK_OK(t, graph_sweep(g, &removed));
    CHECK_OK(t, graph_verify(g));
    str out = { 0 };
    CHECK_OK(t, graph_print(g, &out));
    CHECK(t, text_same(out.text, "in x: f32[2]\nc = Abs(x) : f32[2]\ny = Add(c, c) : f32[2]\nout y\n"), "it prints as\n%s",
          out.text);
    value_at(g, x)->uses++;
    CHECK(t, graph_verify(g) == QN_E_BUG, "a wrong count is found");
    str_free(&out);
    arena_free(mem);
}

static void test_graph_constants(test *t)
{
    arena *mem = arena_make();
    graph *g = fresh_graph(mem);
    CHECK_OK(t, graph_parse(
                    g, "const i: i32[3] = {1, -2, 3}; const h: f16[2] = {0.5, 0.5}; const s: f32[] = {2}; const u: u64[1] = "
                       "{18446744073709551615}; const e: f32[0] = {}; x = Neg(i); out x"));
    const sym *elems;
    CHECK(t, value_elems(g, graph_find(g, "i"), &elems) == 3 && sym_is(g, elems[1], -2), "elements of i32");
    CHECK(t, value_elems(g, graph_find(g, "h"), &elems) == -1 && value_elems(g, graph_find(g, "u"), &elems) == -1,
          "not sizes");
    f64 v = 0;
    CHECK(t, constant_f64(g, graph_find(g, "h"), &v) && v == 0.5, "f16");
    CHECK(t, constant_f64(g, graph_find(g, "s"), &v) && v == 2, "scalar");
    CHECK(t, !constant_f64(g, graph_find(g, "i"), &v) && !constant_f64(g, graph_find(g, "e"), &v), "different or none");
    CHECK(t, !constant_f64(g, graph_find(g, "x"), &v) && !is_constant(g, graph_find(g, "x")), "not a constant");
    arena_free(mem);
}

static void test_op_names(test *t)
{
    for (u32 i = 1; i < OP_COUNT; i++)
        CHECK(t, op_by_name(op_defs[i]->domain, op_defs[i]->name) == (op_id)i, "%s is not found by its name",
              op_defs[i]->name);
    CHECK(t,
          op_by_name("", "Relu") == OP_Relu && op_by_name("ai.onnx", "Relu") == OP_Relu &&
              op_by_name(NULL, "Relu") == OP_Relu,
          "Relu");
    CHECK(t, !op_by_name("", "") && !op_by_name("nobody", "Relu") && !op_by_name("", "relu"), "no such ops");
}

/* Every allocation of a parse fails once: a status each time, and nothing is left. */
static void test_graph_no_memory(test *t)
{
    static const char text[] = "in x: f32[n,6]; const c: f32[6] = {1,2,3,4,5,6}; a = Add(x, c); sizes s: i64[2] = {2*n, 3}; "
                               "y = Reshape(a, s) : f32[2*n,3]; out y";
    u64 alive = mem_blocks_alive();
    for (u64 n = 1; n < 10000; n++) {
        mem_fail_at(n);
        arena *mem = arena_make();
        graph *g = fresh_graph(mem);
        qn_status status = g ? graph_parse(g, text) : QN_E_NOMEM;
        mem_fail_at(0);
        arena_free(mem);
        CHECK(t, status == QN_OK || status == QN_E_NOMEM, "allocation %d gives %d: %s", (int)n, (int)status,
              qn_last_error());
        CHECK(t, mem_blocks_alive() == alive, "allocation %d leaks", (int)n);
        if (status == QN_OK) return;
    }
}

void test_graph(test *t)
{
    for (size_t i = 0; i < COUNT(size_cases); i++) test_size_case(t, &size_cases[i]);
    test_not_sizes(t);
    test_random_sizes(t);
    test_size_order(t);
    test_settled_sizes(t);
    test_size_bounds(t);
    for (size_t i = 0; i < COUNT(graph_cases); i++) test_graph_case(t, &graph_cases[i]);
    test_graph_changes(t);
    test_graph_constants(t);
    test_op_names(t);
    test_graph_no_memory(t);
}

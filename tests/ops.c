/* Every case of every op, on every device, in every variant that runs there, against the same graph computed in double.
 *
 * A failure names op, case, device and variant. Inputs that a case writes out ("={...}") are constants of the graph, as axes and pads
 * are in most models; all others are given at run time. `n_out=K` among the attributes asks for K outputs. */
#include <stdio.h>
#include <stdlib.h>

#include "op_graph.h"

static bool oracle(test *t, const op_def *d, const op_case *c, arena *mem, op_run *r)
{
    graph_run g = { .device = test_cpu(), .widen = true, .mem = mem };
    qn_status s = graph_run_text(&g, r->text, r->in, r->n_in);
    if (!CHECK(t, s == QN_OK, "%s (%s): the double build fails: %s\n%s", d->name, c->why, qn_last_error(), r->text))
        return false;
    r->n_want = g.n_out;
    memcpy(r->want, g.out, sizeof g.out);
    return true;
}

static void compare(test *t, const op_def *d, const op_case *c, const op_run *r, const graph_run *g, const char *device,
                    const char *row)
{
    for (u32 i = 0; i < g->n_out && i < r->n_want; i++) {
        f64 error = relative_error(&g->out[i], &r->want[i]);
        CHECK(t, error <= c->max_err, "%s (%s) on %s%s%s: output %u is off by %.3g, allowed %.3g\n%s", d->name, c->why,
              device, row ? ", variant " : "", row ? row : "", i, error, c->max_err, r->text);
    }
}

/* Is `one` among the words that blanks separate? */
static bool has_word(const char *words, const char *one)
{
    size_t n = strlen(one);
    for (const char *at = words; (at = strstr(at, one)); at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
    return false;
}

typedef enum outcome { RAN, NO_SUCH_ROW, NO_SUCH_TYPE } outcome;

static outcome run_once(test *t, const op_def *d, const op_case *c, op_run *r, const test_device *device, const char *row,
                        arena *mem)
{
    graph_run g = { .device = device->device, .only_variants = row, .mem = mem };
    qn_status s = graph_run_text(&g, r->text, r->in, r->n_in);
    if (row && g.kernels && !has_word(g.kernels, row)) return NO_SUCH_ROW; /* does not fit this case or device */
    if (s == QN_E_UNSUPPORTED && g.lacks) return NO_SUCH_TYPE;
    if (CHECK(t, s == QN_OK, "%s (%s) on %s%s%s: %s\n%s", d->name, c->why, device->name, row ? ", variant " : "",
              row ? row : "", qn_last_error(), r->text))
        compare(t, d, c, r, &g, device->name, row);
    return RAN;
}

/* Which variant rows ran somewhere: several ops share a list of rows, so they are counted by name over all ops. */
typedef struct reached {
    map by_name;
    u64 left_out, lacking; /* cases */
    struct {
        const char *device;
        u64 ns;
    } spent[16];
} reached;

static u64 *spent_on(reached *r, const test_device *device)
{
    u32 i = 0;
    while (i + 1 < COUNT(r->spent) && r->spent[i].device && r->spent[i].device != device->name) i++;
    r->spent[i].device = device->name;
    return &r->spent[i].ns;
}

static u64 key_of(const variant *v) { return hash_bytes(v->name, strlen(v->name), 0); }

static void note(reached *r, u64 key, bool ran)
{
    u32 before = 0;
    map_get(&r->by_name, key, &before);
    map_put(&r->by_name, key, before | ran);
}

/* Where each program is built by a driver's compiler, a second apiece, the quick run takes the first case of each op and each variant once,
 * for so long. */
enum { QUICK_SECONDS = 90 };

static bool is_slow_to_build(const test_device *device)
{
    return !device->device->info.caps.host_memory && !getenv("QUERN_FULL");
}

static const char not_in_quick_run[] = "not in the quick run: a driver compiles each kernel; QUERN_FULL=1 has all";
static const char no_such_type[] = "the case holds a type that the device has not";

typedef struct case_run {
    bool ran, lacks, left_out;
} case_run;

static void run_one(test *t, const op_def *d, const op_case *c, op_run *r, const test_device *device, const variant *v,
                    reached *rows, arena *mem, case_run *all)
{
    outcome o = run_once(t, d, c, r, device, v ? v->name : NULL, mem);
    all->ran |= o == RAN;
    all->lacks |= o == NO_SUCH_TYPE;
    if (!v) return;
    note(rows, key_of(v), o == RAN);
    note(rows, hash_bytes(device->name, strlen(device->name), key_of(v)), o == RAN);
}

static bool ran_before(const reached *rows, const test_device *device, const variant *v)
{
    u32 ran = 0;
    return map_get(&rows->by_name, hash_bytes(device->name, strlen(device->name), key_of(v)), &ran) && ran;
}

static void run_rows(test *t, const op_def *d, const op_case *c, op_run *r, const test_device *device, reached *rows,
                     arena *mem, case_run *all)
{
    bool thrifty = is_slow_to_build(device);
    all->left_out = thrifty && (c != d->cases || *spent_on(rows, device) > QUICK_SECONDS * 1000000000ull);
    if (!all->left_out) run_one(t, d, c, r, device, NULL, rows, mem, all);
    for (const variant *v = d->variants; v && v->name; v++) {
        if (thrifty && (*spent_on(rows, device) > QUICK_SECONDS * 1000000000ull || ran_before(rows, device, v))) continue;
        run_one(t, d, c, r, device, v, rows, mem, all);
    }
}

static void run_on_device(test *t, const op_def *d, const op_case *c, op_run *r, const test_device *device, reached *rows,
                          arena *mem)
{
    case_run all = { 0 };
    u64 failed = t->failed, from = clock_ns();
    test_tally *tally = test_tally_of(device->name, "op cases");
    run_rows(t, d, c, r, device, rows, mem, &all);
    *spent_on(rows, device) += clock_ns() - from;
    if (t->failed != failed) tally->failed++;
    else if (all.ran) tally->passed++;
    else {
        test_tally_skip(tally, all.lacks ? no_such_type : not_in_quick_run, 1);
        rows->left_out += !all.lacks;
        rows->lacking += all.lacks;
    }
}

static void run_case(test *t, const op_def *d, const op_case *c, const test_device *devices, u32 n_devices, reached *rows)
{
    arena *mem = arena_make();
    op_run r = { 0 };
    if (CHECK(t, op_graph_of(d, c, mem, &r) == QN_OK, "%s (%s): %s", d->name, c->why, qn_last_error()) &&
        (d->random || oracle(t, d, c, mem, &r)))
        for (u32 i = 0; i < n_devices; i++) run_on_device(t, d, c, &r, &devices[i], rows, mem);
    arena_free(mem);
}

static void check_reached(test *t, const reached *rows)
{
    for (u32 op = 1; op < OP_COUNT; op++)
        for (const variant *v = op_defs[op]->variants; v && v->name; v++) {
            u32 ran = 0;
            if (!map_get(&rows->by_name, key_of(v), &ran)) continue;
            CHECK(t, ran, "%s: no case reaches variant %s on any device", op_defs[op]->name, v->name);
        }
}

static void skip_many(test *t, u64 n, const char *why)
{
    if (!n) return;
    SKIP(t, "%llu cases: %s", (unsigned long long)n, why);
    t->skipped += n - 1;
}

void test_ops(test *t)
{
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    const char *only = getenv("QUERN_OP");
    reached rows = { 0 };
    for (u32 op = 1; op < OP_COUNT; op++)
        for (const op_case *c = op_defs[op]->cases; c && c->in && (!only || text_same(only, op_defs[op]->name)); c++)
            run_case(t, op_defs[op], c, devices, n, &rows);
    if (!only && !getenv("QUERN_TEST_DEVICES")) check_reached(t, &rows);
    skip_many(t, rows.left_out, not_in_quick_run);
    skip_many(t, rows.lacking, no_such_type);
    map_free(&rows.by_name);
}

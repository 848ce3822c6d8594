/* Every case of every op, on every device, in every variant that runs there, against the same graph computed in double.
 *
 * Inputs that a case writes out ("={...}") are constants of the graph, as axes and pads
 * are in most models; all others are given at run time. `n_out=K` among the attributes asks for K outputs. */
#include <stdio.h>
#include <stdlib.h>

#include "device/cpu_compile.h"
#include "op_case.h"

static op_outcome run_once(test *t, op_ref of, const op_run *r, const test_device *device, const char *row, arena *mem)
{
    op_try x = { .of = of, .r = r, .device = device, .row = row, .mem = mem };
    op_outcome o = op_try_start(t, &x);
    while (o == OP_RUNS) o = op_try_poll(t, &x);
    return o;
}

/* Which variant rows ran somewhere: several ops share a list of rows, so they are counted by name over all ops. */
typedef struct reached {
    map by_name;
    u64 left_out; /* cases */
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

static u64 key_on(const test_device *device, const variant *v)
{
    return hash_bytes(device->name, strlen(device->name), key_of(v));
}

enum { REACHED = 1, BUILT_HERE = 2 }; /* by a compiler that takes its time: a driver's, or the system's */

static void note(reached *r, u64 key, u32 what)
{
    u32 before = 0;
    map_get(&r->by_name, key, &before);
    map_put(&r->by_name, key, before | what);
}

/* Where each program is built by a compiler, a second apiece, the quick run takes the cases in an order that a seed picks, each variant once;
 * on a device where all are, for so long. */
enum { QUICK_SECONDS = 20 };

static bool is_slow_to_build(const test_device *device)
{
    return !device->device->info.caps.host_memory && !getenv("QUERN_FULL");
}

static bool time_is_up(reached *rows, const test_device *device)
{
    return *spent_on(rows, device) > QUICK_SECONDS * 1000000000ull;
}

/* Of those that share the list; under QUERN_QUICK, where a check of memory slows everything down, a quarter of that. */
static bool is_in_slice(const test_device *device, u32 turn)
{
    u32 every = device->every * (getenv("QUERN_QUICK") ? 4 : 1);
    return getenv("QUERN_FULL") || getenv("QUERN_OP") || turn % every == device->at;
}

static const char *not_in_slice(void)
{
    static char why[160];
    snprintf(why, sizeof why, "not in this run's slice, which QUERN_TEST_SEED=%u picks; QUERN_FULL=1 has all", test_seed());
    return why;
}

typedef struct case_run {
    bool ran;
} case_run;

static void run_one(test *t, op_ref of, op_run *r, const test_device *device, const variant *v, reached *rows, arena *mem,
                    case_run *all)
{
    u64 asked = cpu_compile_asked();
    op_outcome o = run_once(t, of, r, device, v ? v->name : NULL, mem);
    all->ran |= o == OP_RAN;
    if (!v) return;
    bool built = cpu_compile_asked() != asked || is_slow_to_build(device);
    note(rows, key_of(v), o == OP_RAN ? REACHED : 0);
    note(rows, key_on(device, v), o == OP_RAN && built ? BUILT_HERE : 0);
}

static bool is_enough(const reached *rows, const test_device *device, const variant *v)
{
    u32 what = 0;
    return map_get(&rows->by_name, key_on(device, v), &what) && what & BUILT_HERE && !getenv("QUERN_FULL");
}

static void run_rows(test *t, op_ref of, op_run *r, const test_device *device, reached *rows, arena *mem, case_run *all)
{
    run_one(t, of, r, device, NULL, rows, mem, all);
    for (const variant *v = of.d->variants; v && v->name; v++)
        if (!is_enough(rows, device, v)) run_one(t, of, r, device, v, rows, mem, all);
}

static void run_on_device(test *t, op_ref of, op_run *r, const test_device *device, u32 turn, reached *rows, arena *mem)
{
    case_run all = { 0 };
    u64 failed = t->failed, from = clock_ns();
    test_tally *tally = test_tally_of(device->name, "op cases");
    bool wanted = is_in_slice(device, turn) && (!is_slow_to_build(device) || !time_is_up(rows, device));
    if (wanted) run_rows(t, of, r, device, rows, mem, &all);
    *spent_on(rows, device) += clock_ns() - from;
    if (t->failed != failed) tally->failed++;
    else if (all.ran) tally->passed++;
    else {
        test_tally_skip(tally, not_in_slice(), 1);
        rows->left_out++;
    }
}

static void run_case(test *t, op_ref of, u32 turn, const test_device *devices, u32 n_devices, reached *rows)
{
    arena *mem = arena_make();
    op_run r = { 0 };
    if (op_case_prepare(t, of, test_cpu(), mem, &r))
        for (u32 i = 0; i < n_devices; i++) run_on_device(t, of, &r, &devices[i], turn, rows, mem);
    arena_free(mem);
}

/* Does it take every case, in a quick run too? */
static bool takes_all(const test_device *device)
{
    bool whole = device->every == 1 && !getenv("QUERN_QUICK") && !is_slow_to_build(device);
    return whole || getenv("QUERN_FULL");
}

/* A row that only devices have which take a part of the cases may wait for a run that takes more. */
static bool may_wait(const test_device *devices, u32 n, const variant *v)
{
    for (u32 i = 0; i < n; i++)
        if (takes_all(&devices[i]) && plan_has(&devices[i].device->info.caps, v->needs)) return false;
    return true;
}

static void check_reached(test *t, const test_device *devices, u32 n, const reached *rows)
{
    for (u32 op = 1; op < OP_COUNT; op++)
        for (const variant *v = op_defs[op]->variants; v && v->name; v++) {
            u32 what = 0;
            if (!map_get(&rows->by_name, key_of(v), &what)) continue;
            if (!(what & REACHED) && may_wait(devices, n, v))
                SKIP(t, "%s: variant %s is in no case of this run's slice", op_defs[op]->name, v->name);
            else CHECK(t, what & REACHED, "%s: no case reaches variant %s on any device", op_defs[op]->name, v->name);
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
    reached rows = { 0 };
    bool any = false;
    for (u32 k = 0, all = op_case_count(); k < all; k++) {
        op_ref of = op_case_at(op_case_turn(test_seed(), k));
        if (!test_asked("QUERN_OP", of.d->name)) continue;
        any = true;
        run_case(t, of, k, devices, n, &rows);
    }
    CHECK(t, any, "QUERN_OP names an operator with cases");
    if (!getenv("QUERN_OP") && !getenv("QUERN_TEST_DEVICES")) check_reached(t, devices, n, &rows);
    skip_many(t, rows.left_out, not_in_slice());
    map_free(&rows.by_name);
}

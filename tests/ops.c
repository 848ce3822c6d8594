/* Every case of every op, on every device, in every variant that runs there, against the same graph computed in double.
 *
 * A failure names op, case, device and variant. Inputs that a case writes out ("={...}") are constants of the graph, as axes and pads
 * are in most models; all others are given at run time. `n_out=K` among the attributes asks for K outputs. */
#include <stdio.h>
#include <stdlib.h>

#include "run_graph.h"

typedef struct op_run {
    const char *text;
    qn_tensor in[16];
    u32 n_in;
    qn_tensor want[16];
    u32 n_want;
    f64 max_err;
} op_run;

static void add_list(str *s, const qn_tensor *t, const char *from, const char *to)
{
    str_print(s, "%s[", qn_dtype_name(t->dtype));
    for (u32 i = 0; i < t->rank; i++) str_print(s, "%s%lld", i ? "," : "", (long long)t->dims[i]);
    str_add(s, "]");
    if (from) {
        str_add(s, " = ");
        str_add_n(s, from, (size_t)(to - from));
    }
}

static u32 wanted_outputs(const op_case *c)
{
    const char *at = c->attrs ? strstr(c->attrs, "n_out=") : NULL;
    return at ? (u32)atoi(at + 6) : 1;
}

static void add_attrs(str *s, const char *attrs, bool after)
{
    if (!attrs) return;
    const char *cut = strstr(attrs, "n_out=");
    size_t n = cut ? (size_t)(cut - attrs) : strlen(attrs);
    while (n && (attrs[n - 1] == ' ' || attrs[n - 1] == ',')) n--;
    if (n && after) str_add(s, ", ");
    str_add_n(s, attrs, n);
}

/* The case as a graph: inputs and constants, one node, its outputs. */
static qn_status case_graph(const op_def *d, const op_case *c, arena *mem, op_run *r)
{
    str head = { 0 }, args = { 0 };
    u64 seed = hash_bytes(d->name, strlen(d->name), 7);
    qn_status status = QN_OK;
    u32 k = 0;
    for (const char *at = c->in; *at && status == QN_OK; k++) {
        qn_tensor t;
        bool is_list;
        const char *start = at;
        status = case_tensor(&at, mem, &seed, &t, &is_list);
        str_print(&args, k ? ", " : "");
        if (!t.dtype) str_add(&args, "_");
        else str_print(&args, "x%u", k);
        if (!t.dtype || status != QN_OK) continue;
        const char *brace = is_list ? strchr(start, '{') : NULL;
        str_print(&head, "%s x%u: ", is_list ? "const" : "in", k);
        add_list(&head, &t, brace, brace ? strchr(brace, '}') + 1 : NULL);
        str_add(&head, "\n");
        if (!is_list && r->n_in < COUNT(r->in)) r->in[r->n_in++] = t;
    }
    u32 n_out = wanted_outputs(c);
    for (u32 i = 0; i < n_out; i++) str_print(&head, "%sy%u", i ? ", " : "", i);
    add_attrs(&args, c->attrs, k > 0);
    str_print(&head, " = %s%s%s(%s)\nout ", d->domain ? d->domain : "", d->domain ? "." : "", d->name,
              args.text ? args.text : "");
    for (u32 i = 0; i < n_out; i++) str_print(&head, "%sy%u", i ? ", " : "", i);
    str_add(&head, "\n");
    r->text = arena_text(mem, head.text, head.n);
    if (head.bad || args.bad || !r->text) status = status == QN_OK ? fail_nomem(head.n) : status;
    str_free(&head), str_free(&args);
    return status;
}

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

static bool run_once(test *t, const op_def *d, const op_case *c, op_run *r, const test_device *device, const char *row,
                     arena *mem)
{
    graph_run g = { .device = device->device, .only_variants = row, .mem = mem };
    qn_status s = graph_run_text(&g, r->text, r->in, r->n_in);
    if (row && g.kernels && !has_word(g.kernels, row)) return false; /* does not fit this case or device */
    if (CHECK(t, s == QN_OK, "%s (%s) on %s%s%s: %s\n%s", d->name, c->why, device->name, row ? ", variant " : "",
              row ? row : "", qn_last_error(), r->text))
        compare(t, d, c, r, &g, device->name, row);
    return true;
}

/* Which variant rows ran somewhere: several ops share a list of rows, so they are counted by name over all ops. */
typedef struct reached {
    map by_name;
    u64 left_out;
} reached;

static u64 key_of(const variant *v) { return hash_bytes(v->name, strlen(v->name), 0); }

static void note(reached *r, u64 key, bool ran)
{
    u32 before = 0;
    map_get(&r->by_name, key, &before);
    map_put(&r->by_name, key, before | ran);
}

/* Where each program is built by a driver's compiler, a second apiece, the quick run takes the first case of each op and each variant once. */
static bool is_slow_to_build(const test_device *device)
{
    return !device->device->info.caps.host_memory && !getenv("QUERN_FULL");
}

static void run_on_device(test *t, const op_def *d, const op_case *c, op_run *r, const test_device *device, reached *rows,
                          arena *mem)
{
    bool thrifty = is_slow_to_build(device);
    if (thrifty && c != d->cases) rows->left_out++;
    else run_once(t, d, c, r, device, NULL, mem);
    for (const variant *v = d->variants; v && v->name; v++) {
        u32 ran = 0;
        u64 here = hash_bytes(device->name, strlen(device->name), key_of(v));
        if (thrifty && map_get(&rows->by_name, here, &ran) && ran) continue;
        bool now = run_once(t, d, c, r, device, v->name, mem);
        note(rows, key_of(v), now);
        note(rows, here, now);
    }
}

static void run_case(test *t, const op_def *d, const op_case *c, const test_device *devices, u32 n_devices, reached *rows)
{
    arena *mem = arena_make();
    op_run r = { 0 };
    if (CHECK(t, case_graph(d, c, mem, &r) == QN_OK, "%s (%s): %s", d->name, c->why, qn_last_error()) &&
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
    if (rows.left_out) {
        SKIP(t, "%llu cases on devices whose driver compiles each kernel; QUERN_FULL=1 runs them",
             (unsigned long long)rows.left_out);
        t->skipped += rows.left_out - 1;
    }
    map_free(&rows.by_name);
}

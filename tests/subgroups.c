/* subgroup_... on every device found here: every builtin, for subgroups from one item to the whole group, for groups of several sizes, on
 * numbers whose sums are exact, so that the answers are too; and a NaN among them. One kernel a group and type holds all rows. */
#include <math.h>
#include <stdio.h>

#include "device_ways.h"
#include "run_graph.h"

enum { GROUPS = 3, MAX_GROUP = 256, MAX_ROWS = 20 };

typedef struct row {
    const char *call; /* the builtin, without "subgroup_" */
    u32 n, from;      /* subgroup_shuffle_xor: n is the distance */
} row;

typedef struct suite {
    u32 group;
    const char *type;
} suite;
static const suite suites[] = {
    { 64, "f32" }, { 256, "f32" }, { 8, "i32" }, { 48, "f32" }, { 1, "u32" }, { 128, "i64" }, { 64, "f64" },
};

static u32 rows_of(u32 group, row *out)
{
    static const char *const folds[] = { "add", "min", "max" };
    u32 n = 0;
    for (u32 items = 1; items <= group; items *= 2) {
        bool few = items == 1 || items == 4 || items == 64 || items == group;
        if (group % items || !few) continue;
        for (u32 i = 0; i < COUNT(folds); i++) out[n++] = (row){ folds[i], items, 0 };
        if (items > 1) out[n++] = (row){ "broadcast", items, items - 1 };
        if (items > 1) out[n++] = (row){ "shuffle_xor", items - 1, 0 };
    }
    return n;
}

static void write_source(const suite *s, const row *rows, u32 n, str *out)
{
    str_print(
        out,
        "#include \"quern_kernel.h\"\n#define GROUP %u\nKERNEL rows(u32 g, IN(%s) x, OUT(%s) y)\n{\n    PER_ITEM(%s, v);\n",
        s->group, s->type, s->type, s->type);
    for (u32 r = 0; r < n; r++) {
        str_print(out, "    ITEMS(t) v[t] = x[g * GROUP + t];\n    subgroup_%s(v, ", rows[r].call);
        if (strcmp(rows[r].call, "broadcast") == 0) str_print(out, "%u, ", rows[r].from);
        str_print(out, "%u);\n    ITEMS(t) y[(%u * %u + g) * GROUP + t] = v[t];\n", rows[r].n, r, (u32)GROUPS);
    }
    str_add(out, "}\n");
}

/* ------------------------------------------------------------------ numbers of any type, as f64 */
static u32 bytes_of(const char *holds) { return strstr(holds, "64") ? 8 : 4; }

static void put_number(const char *holds, void *at, u32 i, f64 v)
{
    if (holds[0] == 'f' && bytes_of(holds) == 4) ((f32 *)at)[i] = (f32)v;
    else if (holds[0] == 'f') ((f64 *)at)[i] = v;
    else if (bytes_of(holds) == 4) ((i32 *)at)[i] = (i32)v;
    else ((i64 *)at)[i] = (i64)v;
}

static f64 number(const char *holds, const void *at, u32 i)
{
    if (holds[0] == 'f') return bytes_of(holds) == 4 ? (f64)((const f32 *)at)[i] : ((const f64 *)at)[i];
    return bytes_of(holds) == 4 ? (f64)((const i32 *)at)[i] : (f64)((const i64 *)at)[i];
}

static f64 wanted(const row *r, const f64 *x, u32 t)
{
    if (strcmp(r->call, "shuffle_xor") == 0) return x[t ^ r->n];
    u32 first = t / r->n * r->n;
    if (strcmp(r->call, "broadcast") == 0) return x[first + r->from];
    f64 all = x[first];
    for (u32 k = 1; k < r->n; k++) {
        f64 v = x[first + k];
        if (strcmp(r->call, "add") == 0) all += v;
        else if (isnan(v) || isnan(all)) all = (f64)NAN;
        else all = strcmp(r->call, "min") == 0 ? fmin(all, v) : fmax(all, v);
    }
    return all;
}

/* Group 1 has a NaN where the type has one; integers of both signs where it has those. */
static void fill(const suite *s, f64 *x)
{
    u32 random = 7;
    for (u32 i = 0; i < GROUPS * s->group; i++) {
        random = random * 1664525u + 1013904223u;
        x[i] = (f64)(random >> 20) - (s->type[0] == 'u' ? 0 : 2000);
    }
    if (s->type[0] == 'f') x[s->group + s->group / 3] = (f64)NAN;
}

/* ------------------------------------------------------------------ a suite on a device */
static bool has_type(const qn_device *d, const char *holds) { return strcmp(holds, "f64") != 0 || d->info.caps.f64; }

static void compare(test *t, const suite *s, const row *rows, u32 n, const f64 *x, const void *y, const char *where)
{
    for (u32 r = 0; r < n; r++)
        for (u32 g = 0; g < GROUPS; g++)
            for (u32 i = 0; i < s->group; i++) {
                f64 got = number(s->type, y, (r * GROUPS + g) * s->group + i), want = wanted(&rows[r], x + g * s->group, i);
                if (got == want || (isnan(got) && isnan(want))) continue;
                CHECK(t, false, "%s: subgroup_%s, %u of %u items of %s: item %u of group %u has %g, not %g", where,
                      rows[r].call, rows[r].n, s->group, s->type, i, g, got, want);
                return;
            }
    CHECK(t, true, "%s", where);
}

static void run_suite(test *t, qn_device *d, const suite *s)
{
    static u64 in[GROUPS * MAX_GROUP], out[MAX_ROWS * GROUPS * MAX_GROUP];
    static f64 x[GROUPS * MAX_GROUP];
    row rows[MAX_ROWS];
    str source = { 0 };
    qn_kernel *k = NULL;
    u32 n = rows_of(s->group, rows), items = GROUPS * s->group;
    fill(s, x);
    for (u32 i = 0; i < items; i++) put_number(s->type, in, i, x[i]);
    write_source(s, rows, n, &source);
    qn_status status = qn_kernel_from_source(d, &(qn_kernel_desc){ .source = source.text, .file = "subgroups.c" }, &k);
    CHECK(t, status == QN_OK, "%s, %u items of %s: %s", d->info.spec, s->group, s->type, qn_last_error());
    qn_buffer *bx = buffer_of(t, d, in, (u64)items * bytes_of(s->type)),
              *by = buffer_of(t, d, NULL, (u64)n * items * bytes_of(s->type));
    if (k && bx && by) {
        CHECK_OK(t, qn_kernel_launch(k, GROUPS, (qn_arg[]){ { .buffer = bx }, { .buffer = by } }, 2));
        if (read_all(t, d, by, out)) compare(t, s, rows, n, x, out, d->info.spec);
    }
    qn_kernel_free(k), qn_buffer_free(bx), qn_buffer_free(by);
    str_free(&source);
}

static void run_all(test *t, qn_device *d)
{
    for (u32 i = 0; i < COUNT(suites); i++) {
        if (!d->info.caps.max_group) SKIP(t, "%s has no groups", d->info.spec);
        else if (suites[i].group > d->info.caps.max_group) SKIP(t, "%s: groups of %u", d->info.spec, suites[i].group);
        else if (!has_type(d, suites[i].type)) SKIP(t, "%s has no %s", d->info.spec, suites[i].type);
        else run_suite(t, d, &suites[i]);
    }
}

void test_subgroups(test *t)
{
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    for (u32 i = 0; i < n; i++) run_all(t, devices[i].device);
}

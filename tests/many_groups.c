/* More groups than WebGPU starts in one dimension (65,535), on every device found here. Each group counts its own runs and mixes its number in, so the
 * answer is right only where each ran exactly once; the counts are no multiple of a row of groups, and what lies behind them must stay. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_graph.h"
#include "test.h"

enum { MOST = 4200001, BEHIND = 64, BY = 3 };

static const char source[] = "#include \"quern_kernel.h\"\n"
                             "KERNEL visit(u32 group, u32 by, INOUT(u32) y)\n"
                             "{\n"
                             "    ITEMS(t) y[group * GROUP + t] = y[group * GROUP + t] * by + group + t;\n"
                             "}\n"
                             "MAP(u32) mark(u32 i, u32 by) { return i * by + 1u; }\n";

/* groups: of a KERNEL; of a MAP: its elements, 64 to a group in WGSL. */
typedef struct visit_case {
    const char *entry;
    u32 group, groups;
} visit_case;
static const visit_case cases[] = {
    { "visit", 1, 65535 }, { "visit", 1, 65536 }, { "visit", 1, 131101 }, { "visit", 4, 196613 }, { "mark", 1, MOST },
};

static u32 before(u32 i) { return i ^ 0x55u; }

static u32 wanted(const visit_case *c, u32 i)
{
    if (i >= c->group * c->groups) return before(i);
    return strcmp(c->entry, "mark") == 0 ? i * BY + 1u : before(i) * BY + i / c->group + i % c->group;
}

static void check(test *t, const visit_case *c, const u32 *y, u32 n, const char *where)
{
    u32 wrong = 0, first = 0;
    for (u32 i = 0; i < n; i++)
        if (y[i] != wanted(c, i) && !wrong++) first = i;
    CHECK(t, wrong == 0, "%s, %s, %u groups of %u: %u wrong, the first is %u: %u, not %u", where, c->entry, c->groups,
          c->group, wrong, first, y[first], wanted(c, first));
}

static qn_status visit(qn_device *d, const visit_case *c, u32 *y, u64 bytes, qn_kernel **k, qn_buffer **b)
{
    char group[12];
    qn_ticket ticket;
    snprintf(group, sizeof group, "%u", c->group);
    const qn_define defines[] = { { "GROUP", group } };
    const qn_kernel_desc desc = {
        .source = source, .file = "many_groups.c", .entry = c->entry, .defines = defines, .n_defines = 1
    };
    QN_TRY(qn_kernel_from_source(d, &desc, k));
    QN_TRY(qn_buffer_make(d, bytes, b));
    QN_TRY(qn_buffer_write(*b, 0, y, bytes));
    QN_TRY(qn_kernel_launch(*k, c->groups, (qn_arg[]){ { .integer = BY }, { .buffer = *b } }, 2));
    QN_TRY(qn_buffer_read(*b, 0, y, bytes, &ticket));
    return qn_device_wait(d, ticket);
}

static void run_case(test *t, qn_device *d, const visit_case *c, u32 *y)
{
    const u32 n = c->group * c->groups + BEHIND;
    qn_kernel *k = NULL;
    qn_buffer *b = NULL;
    for (u32 i = 0; i < n; i++) y[i] = before(i);
    qn_status status = visit(d, c, y, (u64)n * sizeof *y, &k, &b);
    if (CHECK(t, status == QN_OK, "%s: %s", d->info.spec, qn_last_error())) check(t, c, y, n, d->info.spec);
    qn_kernel_free(k), qn_buffer_free(b);
}

void test_many_groups(test *t)
{
    const test_device *devices;
    u32 n = open_test_devices(t, &devices), *y = malloc((MOST + BEHIND) * sizeof *y);
    CHECK(t, y != NULL, "no memory");
    for (u32 i = 0; y && i < n; i++)
        for (u32 c = 0; c < COUNT(cases); c++) {
            qn_device *d = devices[i].device;
            if (strcmp(cases[c].entry, "visit") == 0 && !d->info.caps.max_group) SKIP(t, "%s has no groups", d->info.spec);
            else run_case(t, d, &cases[c], y);
        }
    free(y);
}

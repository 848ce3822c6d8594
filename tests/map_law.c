/* Every op runs on a device that has nothing: no groups, no group memory, no atomics, no wide lanes, five buffers (WebGL 2 is one).
 * Each case of each op is planned for such a device, in the rows that it would take there and in each last row; what it launches must be
 * MAP kernels of at most four inputs, and no arithmetic wider than the tensors in them. Nodes that run on the host launch nothing. */
#include <stdio.h>

#include "op_graph.h"

enum { MAX_INPUTS = 4 };

/* What of the law a kernel breaks, or NULL. */
static const char *broken(const kc_kernel *k)
{
    u32 inputs = 0;
    bool wide_ints = k->result.scalar == KC_I64 || k->result.scalar == KC_U64, wide_floats = k->result.scalar == KC_F64;
    for (u32 i = 0; i < k->n_params; i++) {
        kc_scalar s = (kc_scalar)k->params[i].type.scalar;
        inputs += k->params[i].role == KC_IN;
        wide_ints |= s == KC_I64 || s == KC_U64;
        wide_floats |= s == KC_F64;
    }
    if (k->form != KC_MAP) return "is no MAP";
    if (inputs > MAX_INPUTS) return "has more than 4 inputs";
    if (k->uses_i64 && !wide_ints) return "computes in 64-bit integers, which none of its tensors are";
    if (k->uses_f64 && !wide_floats) return "computes in f64, which none of its tensors are";
    return NULL;
}

static void check_plan(test *t, const op_def *d, const op_case *c, const plan *p, map *told)
{
    for (u32 i = 0; i < p->n_programs; i++) {
        arena *a = arena_make();
        kc_module *m = NULL;
        CHECK_OK(t, kc_compile(a, &p->programs[i], NULL, &m));
        const kc_kernel *k = m ? kc_kernel_find(m, p->programs[i].entry) : NULL;
        const char *what = k ? broken(k) : "does not compile";
        u64 key = what ? hash_bytes(k ? k->name : "", k ? strlen(k->name) : 0, hash_bytes(what, strlen(what), 0)) : 0;
        u32 before;
        if (!what || !map_get(told, key, &before)) /* once a kernel */
            CHECK(t, !what, "%s (%s): kernel '%s' of %s %s", d->name, c->why, k ? k->name : "", p->programs[i].file,
                  what ? what : "");
        if (what) map_put(told, key, 1);
        arena_free(a);
    }
    for (u32 i = 0; i < p->placed->n; i++) /* what no device ever computes is no matter of rows */
        CHECK(t, p->placed->items[i].reason == QN_HOST_ALWAYS, "%s (%s): runs on the host: %s", d->name, c->why,
              p->placed->items[i].why);
    for (u32 i = 0; i < p->n_steps; i++)
        for (u32 k = 0; k < 2; k++)
            if (p->steps[i].body[k]) check_plan(t, d, c, p->steps[i].body[k], told);
}

static const char *last_row(const op_def *d)
{
    const char *name = NULL;
    for (const variant *v = d->variants; v && v->name; v++) name = v->name;
    return name;
}

static void check_case(test *t, const op_def *d, const op_case *c, qn_device *device, map *told)
{
    const char *rows[] = { NULL, last_row(d) };
    arena *mem = arena_make();
    op_run r = { 0 };
    if (CHECK(t, op_graph_of(d, c, mem, &r) == QN_OK, "%s (%s): %s", d->name, c->why, qn_last_error()))
        for (u32 i = 0; i < COUNT(rows) && (i == 0 || rows[i]); i++) {
            graph_run g = { .device = device, .only_variants = rows[i], .mem = mem };
            graph_session s;
            if (!CHECK(t, graph_open_text(&g, r.text, &s) == QN_OK, "%s (%s): %s", d->name, c->why, qn_last_error()))
                continue;
            check_plan(t, d, c, s.p, told);
            graph_session_close(&s);
        }
    arena_free(mem);
}

static void check_last_row(test *t, const op_def *d)
{
    const variant *last = NULL;
    for (const variant *v = d->variants; v && v->name; v++) last = v;
    if (last && !d->expand && !d->host && d != op_defs[OP_Elementwise]) /* fusion makes that of what fits */
        CHECK(t, last->needs == 0 && (!last->fits || d->row), "%s: its last row %s needs something", d->name, last->name);
}

void test_map_law(test *t)
{
    qn_device *d = NULL;
    map told = { 0 };
    CHECK_OK(t, qn_device_open("null", NULL, &d));
    if (!d) return;
    qn_caps *caps = &d->info.caps;
    caps->max_group = caps->group_memory_bytes = caps->best_group = 0;
    caps->max_buffers = MAX_INPUTS + 1;
    caps->atomics = caps->dot4 = false;
    for (u32 op = 1; op < OP_COUNT; op++) {
        check_last_row(t, op_defs[op]);
        for (const op_case *c = op_defs[op]->cases; c && c->in; c++) check_case(t, op_defs[op], c, d, &told);
    }
    map_free(&told);
    qn_device_close(d);
}

/* The core module for browsers is what is no RARE in src/op/ops.def, kernels/rare.def and src/kc/targets.def. It must be whole: what an op of it expands
 * to is of it, its kernels are there, and what they include. Each case of each such op is planned for a device like a GPU and for one like
 * the cpu of a browser. That a rare op's name in a file finds the words which say where it is, is checked too. */
#include "op_graph.h"

enum kind { CORE, RARELY };

static const enum kind kinds[OP_COUNT] = {
#define OP(name)   [OP_##name] = CORE,
#define RARE(name) [OP_##name] = RARELY,
#include "op/ops.def"
#undef OP
};

static const char *const op_symbols[OP_COUNT] = {
#define OP(name) [OP_##name] = #name,
#include "op/ops.def"
#undef OP
};

static const char *const rare_files[] = {
#define RARE(name, ending) #name "." #ending,
#include "kernels/rare.def"
#undef RARE
};

static bool is_rare_file(const char *file)
{
    for (size_t i = 0; i < COUNT(rare_files); i++)
        if (file && strcmp(file, rare_files[i]) == 0) return true;
    return false;
}

/* Whether a file of kernels includes one that is rare. */
static const char *rare_include(const char *file)
{
    static const char opening[] = "#include \"";
    for (const char *at = file ? kc_embedded(file) : NULL; at && (at = strstr(at, opening));) {
        at += strlen(opening);
        for (size_t i = 0; i < COUNT(rare_files); i++)
            if (strncmp(at, rare_files[i], strlen(rare_files[i])) == 0) return rare_files[i];
    }
    return NULL;
}

static void check_plan(test *t, const op_def *d, const op_case *c, const plan *p)
{
    for (u32 i = 0; i < p->n_programs; i++)
        CHECK(t, !is_rare_file(p->programs[i].file), "%s (%s): its kernel is in %s, which the core has not", d->name, c->why,
              p->programs[i].file);
    for (u32 i = 0; i < p->n_steps; i++)
        for (u32 k = 0; k < 2; k++)
            if (p->steps[i].body[k]) check_plan(t, d, c, p->steps[i].body[k]);
}

static void check_nodes(test *t, const op_def *d, const op_case *c, graph *g)
{
    for (u32 i = 1; i < g->n_nodes; i++) /* dead ones too: what was built once must have a record */
        CHECK(t, kinds[node_at(g, i)->op] == CORE, "%s (%s): it needs %s, which the core has not", d->name, c->why,
              op_symbols[node_at(g, i)->op]);
}

static void check_case(test *t, const op_def *d, const op_case *c, qn_device *device)
{
    arena *mem = arena_make();
    op_run r = { 0 };
    graph_run g = { .device = device, .mem = mem };
    graph_session s;
    if (CHECK(t, op_graph_of(d, c, mem, &r) == QN_OK && graph_open_text(&g, r.text, &s) == QN_OK, "%s (%s): %s", d->name,
              c->why, qn_last_error())) {
        check_nodes(t, d, c, s.g);
        check_plan(t, d, c, s.p);
        graph_session_close(&s);
    }
    arena_free(mem);
}

static void check_on(test *t, u32 best_group, bool mma)
{
    qn_device *d = NULL;
    CHECK_OK(t, qn_device_open("null", NULL, &d));
    if (!d) return;
    d->info.caps.best_group = best_group;
    d->info.caps.width = 4;
    d->info.caps.mma = mma;
    for (u32 op = 1; op < OP_COUNT; op++)
        for (const op_case *c = op_defs[op]->cases; kinds[op] == CORE && c && c->in; c++) check_case(t, op_defs[op], c, d);
    qn_device_close(d);
}

void test_core(test *t)
{
    const char *file;
    for (u32 i = 0; (file = kc_embedded_name(i)); i++)
        CHECK(t, is_rare_file(file) || !rare_include(file), "%s includes %s, which the core has not", file,
              rare_include(file));
    for (size_t i = 0; i < COUNT(rare_files); i++)
        CHECK(t, kc_embedded(rare_files[i]) != NULL, "kernels/rare.def names %s, which is not there", rare_files[i]);
    for (u32 op = 1; op < OP_COUNT; op++) { /* op_elsewhere of the core goes by these names */
        const char *symbol = op_symbols[op], *name = op_defs[op]->name;
        bool ms =
            strncmp(symbol, "Ms", 2) == 0 && strcmp(op_defs[op]->domain ? op_defs[op]->domain : "", "com.microsoft") == 0;
        if (kinds[op] == RARELY)
            CHECK(t, strcmp(symbol, name) == 0 || (ms && strcmp(symbol + 2, name) == 0), "op_%s is called %s", symbol, name);
    }
    check_on(t, 64, false);
    check_on(t, 1, true);
}

/* Where programs come from: the `#pragma host` lines, the plans of all op cases, the examples and goldens, and chance. */
#include <dirent.h>
#include <stdio.h>

#include "kernel_fuzz/kfuzz.h"
#include "op_graph.h"
#include "programs.h"

/* ------------------------------------------------------------------ #pragma host NAME=V[,V...] ...: all combinations */
typedef struct define_list {
    char name[32], values[24][16];
    u32 n;
} define_list;

static u32 read_lists(const char *line, define_list *out, u32 max)
{
    u32 n = 0;
    while (n < max) {
        line += strspn(line, " ");
        size_t name = strcspn(line, "=\n");
        if (line[name] != '=' || name >= sizeof out->name) return n;
        define_list *l = &out[n++];
        *l = (define_list){ 0 };
        memcpy(l->name, line, name);
        for (line += name; (*line == '=' || *line == ',') && l->n < COUNT(l->values);) {
            size_t length = strcspn(++line, ", \n");
            memcpy(l->values[l->n++], line, MIN(length, sizeof l->values[0] - 1));
            line += length;
        }
    }
    return n;
}

/* The combination `which` of the lists, names sorted as in a program's key; false: there are no more. */
static bool combination(const define_list *lists, u32 n, u32 which, str *out)
{
    const char *last = "";
    u32 picks[8] = { 0 };
    for (u32 i = 0; i < n; i++) picks[i] = which % lists[i].n, which /= lists[i].n;
    for (u32 k = 0; k < n; k++) {
        u32 next = n;
        for (u32 i = 0; i < n; i++)
            if (strcmp(lists[i].name, last) > 0 && (next == n || strcmp(lists[i].name, lists[next].name) < 0)) next = i;
        if (next == n) return false;
        str_print(out, "%s%s=%s", out->n ? " " : "", lists[next].name, lists[next].values[picks[next]]);
        last = lists[next].name;
    }
    return which == 0;
}

/* Each kernel of the file under these defines. */
static void add_entries(test *t, programs *p, const char *file, const char *text, const char *defines)
{
    arena *a = arena_make();
    kc_module *m = NULL;
    CHECK_OK(t, kc_compile(a, &(kc_program){ .file = file, .text = text, .defines = defines }, NULL, &m));
    for (u32 i = 0; m && i < kc_kernel_count(m); i++)
        CHECK(t,
              programs_add(
                  p, &(kc_program){ .file = file, .text = text, .entry = kc_kernel_at(m, i)->name, .defines = defines }),
              "no memory");
    arena_free(a);
}

static void add_host_line(test *t, programs *p, const char *file, const char *line)
{
    define_list lists[8];
    u32 n = read_lists(line, lists, COUNT(lists));
    for (u32 which = 0;; which++) {
        str defines = { 0 };
        bool more = combination(lists, n, which, &defines);
        if (more) add_entries(t, p, file, NULL, defines.text ? defines.text : "");
        str_free(&defines);
        if (!more) break;
    }
}

void programs_add_host_sets(test *t, programs *p)
{
    static const char pragma[] = "#pragma host";
    const char *file;
    for (u32 i = 0; (file = kc_embedded_name(i)); i++) {
        size_t n = strlen(file);
        if (n < 2 || strcmp(file + n - 2, ".c") != 0) continue;
        for (const char *at = kc_embedded(file); (at = strstr(at, pragma)); at++)
            add_host_line(t, p, file, at + strlen(pragma));
    }
}

/* ------------------------------------------------------------------ op cases: planned, never run */
static void add_plan(test *t, programs *p, const plan *from)
{
    for (u32 i = 0; i < from->n_programs; i++) CHECK(t, programs_add(p, &from->programs[i]), "no memory");
    for (u32 i = 0; i < from->n_steps; i++)
        for (u32 k = 0; k < 2; k++)
            if (from->steps[i].body[k]) add_plan(t, p, from->steps[i].body[k]);
}

static void add_case(test *t, programs *p, const op_def *d, const op_case *c, qn_device *device)
{
    arena *mem = arena_make();
    op_run r = { 0 };
    if (CHECK(t, op_graph_of(d, c, mem, &r) == QN_OK, "%s (%s): %s", d->name, c->why, qn_last_error()))
        for (const variant *v = d->variants;; v++) {
            graph_run g = { .device = device, .only_variants = v ? v->name : NULL, .mem = mem };
            graph_session s;
            if (CHECK(t, graph_open_text(&g, r.text, &s) == QN_OK, "%s (%s): %s", d->name, c->why, qn_last_error())) {
                add_plan(t, p, s.p);
                graph_session_close(&s);
            }
            if (!v || !v->name) break;
        }
    arena_free(mem);
}

/* The null device, which takes every program, with the caps that decide between variants. */
static void add_op_cases_for(test *t, programs *p, u32 best_group, u32 width, bool bakes)
{
    qn_device *d = NULL;
    CHECK_OK(t, qn_device_open("null", NULL, &d));
    if (!d) return;
    qn_backend backend = *d->backend;
    const qn_backend *own = d->backend;
    backend.bakes = bakes;
    d->backend = &backend;
    d->info.caps.best_group = best_group;
    d->info.caps.width = width;
    for (u32 op = 1; op < OP_COUNT; op++)
        for (const op_case *c = op_defs[op]->cases; c && c->in; c++) add_case(t, p, op_defs[op], c, d);
    d->backend = own;
    qn_device_close(d);
}

void programs_add_op_cases(test *t, programs *p)
{
    add_op_cases_for(t, p, 64, 4, true);
    add_op_cases_for(t, p, 1, 8, false);
}

/* ------------------------------------------------------------------ files beside the library */
static void add_file(test *t, programs *p, const char *folder, const char *name)
{
    char path[600];
    file_map file;
    snprintf(path, sizeof path, "%s/%s/%s", QUERN_SOURCE_DIR, folder, name);
    qn_status status = file_map_open(path, &file);
    if (!CHECK(t, status == QN_OK, "%s", qn_last_error())) return;
    char *text = arena_text(p->mem, file.bytes.data, file.bytes.n);
    file_map_close(&file);
    if (text && strstr(text, "quern_kernel.h")) add_entries(t, p, arena_text(p->mem, name, strlen(name)), text, "T=f32");
}

void programs_add_files(test *t, programs *p)
{
    static const char *const folders[] = { "examples", "tests/kc" };
    for (u32 i = 0; i < COUNT(folders); i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", QUERN_SOURCE_DIR, folders[i]);
        DIR *dir = opendir(path);
        CHECK(t, dir != NULL, "%s cannot be read", path);
        for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
            size_t n = strlen(e->d_name);
            if (n > 2 && !strcmp(e->d_name + n - 2, ".c") && strncmp(e->d_name, "run_", 4) != 0)
                add_file(t, p, folders[i], e->d_name);
        }
        if (dir) closedir(dir);
    }
}

/* ------------------------------------------------------------------ random kernels */
void programs_add_random(test *t, programs *p, u32 n)
{
    for (u32 k = 0; k < n; k++) {
        kfuzz_shape shape = kfuzz_shape_of(k);
        kfuzz_case made;
        choices c;
        str text = { 0 };
        qn_define list[3];
        char defines[64];
        kfuzz_defines(&shape, list, defines);
        choices_random(&c, k, KFUZZ_MAX_CHOICES);
        qn_status status = kfuzz_case_make(p->mem, &shape, &c, k, &made);
        if (status == QN_OK) status = kfuzz_file(&shape, &made, 1, &text);
        CHECK(t, status == QN_OK, "random kernel %u: %s", k, qn_last_error());
        kc_program program = { .file = "random.c", .text = text.text, .entry = "fuzz", .defines = defines };
        CHECK(t, programs_add(p, &program), "no memory");
        str_free(&text);
    }
}

/* quern conformance: folders of the ONNX backend-test layout, judged.
 *
 *     DIR/.../NAME/model.onnx, NAME/test_data_set_K/{input,output}_J.pb
 *
 * A test whose model this build refuses as unsupported is skipped, with the reason; every other trouble is a failure. Floats agree
 * within rtol and atol (below), everything else exactly; shapes and types always. A run that draws random numbers is judged by shape and type, save a
 * Dropout that drops nothing. Every output of the model must be stored.
 *
 * NAME/tolerance.txt ("rtol atol") widens both for one test; NAME/refused.txt makes it one that must end in an error whose sentence holds
 * that text. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "judge.h"

const option conformance_options[] = {
    DEVICE_OPTIONS,
    { "--only", "TEXT", "only tests whose name contains this" },
    { "--one-in", "N", "every N-th test only, counted after --only (default: all)" },
    { "--seed", "S", "with --one-in: start at the test numbered S modulo N (default: 0)" },
    { "--no-optimize", NULL, "run the graphs as the files have them" },
    { "--strict-skips", NULL, "a test that cannot be run has failed" },
    { "--verbose", NULL, "print each skipped test too, and say on stderr what is waited for" },
    { 0 },
};

enum { MOST_DEPTH = 4 };

/* ---- finding tests */
typedef struct paths {
    char **at;
    size_t n, cap;
} paths;

static bool paths_add(paths *p, const char *path)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 256;
        char **at = realloc(p->at, cap * sizeof *at);
        if (!at) return false;
        p->at = at, p->cap = cap;
    }
    p->at[p->n] = strdup(path);
    return p->at[p->n] && ++p->n;
}

static void paths_free(paths *p)
{
    for (size_t i = 0; i < p->n; i++) free(p->at[i]);
    free(p->at);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Every folder with a model.onnx, this one or below. */
static void find_tests(const char *folder, int depth, paths *out)
{
    if (judge_is_file(folder, "model.onnx")) {
        paths_add(out, folder);
        return;
    }
    DIR *d = depth < MOST_DEPTH ? opendir(folder) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[4096];
        struct stat st;
        if (e->d_name[0] == '.' || snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path) continue;
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) find_tests(path, depth + 1, out);
    }
    if (d) closedir(d);
}

/* ---- what is counted */
typedef struct report {
    uint32_t count[3], shape_only;
    tally skipped, on_host;
} report;

/* ---- the report */
static void show_test(const args *a, const char *folder, const verdict *v)
{
    static const char *const words[] = { "passed", "failed", "skipped" };
    if (a->json) {
        json_begin(NULL, '{');
        json_put_text("test", folder);
        json_put_text("outcome", words[v->outcome]);
        if (v->outcome != PASSED) json_put_text("why", v->why);
        if (v->shape_only) json_put_bool("shape_only", true);
        if (v->on_host) json_put_count("nodes_on_host", v->on_host);
        if (v->lacking) json_put_bool("type_lacking", true);
        json_put_number("largest_error", v->worst);
        json_end('}');
    } else if (v->outcome == FAILED || (v->outcome == SKIPPED && args_flag(a, "--verbose"))) {
        progress_clear();
        printf("%s %s: %s\n", v->outcome == FAILED ? "FAILED" : "skipped", base_name(folder), v->why);
    }
}

static void put_reasons(const char *key, const tally *t)
{
    json_begin(key, '[');
    for (uint32_t i = 0; i < t->n; i++) {
        json_begin(NULL, '{');
        if (*t->rows[i].op) json_put_text("op", t->rows[i].op);
        if (*t->rows[i].reason) json_put_text("reason", t->rows[i].reason);
        json_put_text("why", t->rows[i].why);
        json_put_count("tests", t->rows[i].times);
        json_end('}');
    }
    json_end(']');
}

static void print_reasons(const char *title, const tally *t)
{
    table shown = { .align = "rll" };
    for (uint32_t i = 0; i < t->n; i++)
        table_row(&shown, text_print("%u", t->rows[i].times), *t->rows[i].op ? t->rows[i].op : t->rows[i].why,
                  *t->rows[i].op ? t->rows[i].why : "");
    if (t->n) printf("%s\n", title);
    table_print(&shown, "  ");
}

static void show_report(const args *a, report *r)
{
    tally_sort(&r->skipped), tally_sort(&r->on_host);
    if (a->json) {
        put_reasons("skipped_because", &r->skipped);
        put_reasons("on_the_host", &r->on_host);
        json_put_count("passed", r->count[PASSED]);
        json_put_count("failed", r->count[FAILED]);
        json_put_count("skipped", r->count[SKIPPED]);
        json_put_count("judged_by_shape_only", r->shape_only);
        return;
    }
    print_reasons("skipped because", &r->skipped);
    print_reasons("ran on the host", &r->on_host);
    if (r->shape_only) printf("%u of the passed were judged by shape and type only (random answers)\n", r->shape_only);
    printf("%u passed, %u failed, %u skipped\n", r->count[PASSED], r->count[FAILED], r->count[SKIPPED]);
}

static void run_all(const args *a, qn_device *d, const paths *tests, report *r)
{
    for (size_t i = 0; i < tests->n; i++) {
        progress_show(base_name(tests->at[i]), (double)i / (double)tests->n);
        verdict v = judge_test(d, tests->at[i], args_flag(a, "--no-optimize"), &r->on_host);
        if (v.outcome == SKIPPED && args_flag(a, "--strict-skips")) v.outcome = FAILED;
        r->count[v.outcome]++;
        r->shape_only += v.outcome == PASSED && v.shape_only;
        if (v.outcome == SKIPPED) tally_count(&r->skipped, "", "", v.why);
        show_test(a, tests->at[i], &v);
    }
    progress_clear();
}

/* What --only, --one-in and --seed leave. A run of no test would judge nothing, so there must be one. */
static int keep_chosen(const args *a, paths *tests)
{
    const char *only = args_text(a, "--only");
    uint32_t one_in = args_number(a, "--one-in", 1), seed = args_number(a, "--seed", 0), number = 0;
    if (one_in == 0) one_in = 1;
    size_t kept = 0, found = tests->n;
    for (size_t i = 0; i < found; i++) {
        bool chosen = (!only || strstr(base_name(tests->at[i]), only)) && number++ % one_in == seed % one_in;
        if (chosen) tests->at[kept++] = tests->at[i];
        else free(tests->at[i]);
    }
    tests->n = kept;
    if (kept) return 0;
    return tell_failure(a, EXIT_USAGE, QN_E_NAME, "none of %zu tests is left to run: check --only, --one-in and --seed",
                        found);
}

static int find_all(const args *a, paths *out)
{
    for (uint32_t i = 0; i < a->n_words; i++) {
        size_t before = out->n;
        find_tests(a->words[i], 0, out);
        if (out->n == before) return tell_failure(a, EXIT_FILE, QN_E_IO, "no model.onnx in %s or below", a->words[i]);
    }
    qsort(out->at, out->n, sizeof *out->at, by_text);
    return keep_chosen(a, out);
}

int conformance_run(const args *a)
{
    paths tests = { 0 };
    report r = { 0 };
    qn_device *d = NULL;
    int code = tally_make(&r.skipped) && tally_make(&r.on_host) ? find_all(a, &tests) : tell_nomem(a);
    if (!code) code = open_device(a, &d);
    if (!code) {
        if (a->json) {
            json_begin(NULL, '{');
            json_put_text("device", qn_device_get_info(d)->spec);
            json_begin("tests", '[');
        }
        run_all(a, d, &tests, &r);
        if (a->json) json_end(']');
        show_report(a, &r);
        if (a->json) json_end('}');
        code = r.count[FAILED] ? EXIT_RUN : EXIT_DONE;
    }
    qn_device_close(d);
    paths_free(&tests);
    tally_free(&r.skipped);
    tally_free(&r.on_host);
    return code;
}

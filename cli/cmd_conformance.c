/* quern conformance: folders of the ONNX backend-test layout, judged.
 *
 *     DIR/.../NAME/model.onnx, NAME/test_data_set_K/{input,output}_J.pb
 *
 * A test whose model this build refuses as unsupported is skipped, with the reason; every other trouble is a failure. Floats agree
 * within rtol and atol (below), everything else exactly; shapes and types always. Tests of random ops are judged by shape and type. Every
 * output of the model must be stored.
 *
 * NAME/tolerance.txt ("rtol atol") widens both for one test; NAME/refused.txt makes it one that must end in an error whose sentence holds
 * that text. */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "compare.h"

const option conformance_options[] = {
    DEVICE_OPTIONS,
    { "--only", "TEXT", "only tests whose name contains this" },
    { "--one-in", "N", "every N-th test only, counted after --only (default: all)" },
    { "--seed", "S", "with --one-in: start at the test numbered S modulo N (default: 0)" },
    { "--no-optimize", NULL, "run the graphs as the files have them" },
    { "--strict-skips", NULL, "a test that cannot be run has failed" },
    { "--verbose", NULL, "print each skipped test too" },
    { 0 },
};

enum { MOST_DEPTH = 4, MOST_VALUES = 64, WHY_BYTES = 600, MOST_REASONS = 512 };

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

static bool is_file(const char *folder, const char *name)
{
    char path[4096];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n < (int)sizeof path && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Every folder with a model.onnx, this one or below. */
static void find_tests(const char *folder, int depth, paths *out)
{
    if (is_file(folder, "model.onnx")) {
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
typedef struct reason {
    char why[WHY_BYTES];
    uint32_t times;
} reason;

typedef struct report {
    uint32_t count[3], shape_only;
    reason *skipped, *on_host; /* on_host: by operator and reason */
    uint32_t n_skipped, n_on_host;
} report;

static void count_in(reason *list, uint32_t *n, const char *why)
{
    uint32_t i = 0;
    while (i < *n && strcmp(list[i].why, why) != 0) i++;
    if (i == MOST_REASONS) i--; /* the last row holds all the rest */
    if (i == *n) snprintf(list[(*n)++].why, WHY_BYTES, "%s", why);
    list[i].times++;
}

/* Each operator of the model that the host runs, once. Gives the number of nodes; *lacking: all of them for a type that the device has not. */
static uint32_t count_on_host(report *r, const qn_session *s, bool *lacking)
{
    const qn_host_node *nodes;
    uint32_t n = qn_host_nodes(s, &nodes);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first = 0;
        while (strcmp(nodes[first].op, nodes[i].op) != 0 || strcmp(nodes[first].why, nodes[i].why) != 0) first++;
        if (first == i) count_in(r->on_host, &r->n_on_host, text_print("%s: %s", nodes[i].op, nodes[i].why));
    }
    *lacking = n > 0;
    for (uint32_t i = 0; i < n; i++) *lacking = *lacking && strncmp(nodes[i].why, "this device has no ", 19) == 0;
    return n;
}

/* ---- one test */
typedef enum outcome { PASSED, FAILED, SKIPPED } outcome;

typedef struct verdict {
    outcome outcome;
    bool shape_only, lacking; /* lacking: what runs on the host runs there for its type */
    uint32_t on_host;
    tolerance widest;
    char why[WHY_BYTES];
    double worst; /* the largest absolute error of a float output */
} verdict;

static void decide(verdict *v, outcome o, const char *why)
{
    v->outcome = o;
    snprintf(v->why, sizeof v->why, "%s", why);
}

static void decide_by_status(verdict *v, qn_status s, const char *where)
{
    char why[WHY_BYTES];
    snprintf(why, sizeof why, "%s%s%s", where, *where ? ": " : "", qn_last_error());
    decide(v, s == QN_E_UNSUPPORTED ? SKIPPED : FAILED, why);
}

/* The answers stored for these were drawn at random. */
static bool is_random(const char *name)
{
    static const char *const heads[] = { "test_bernoulli", "test_training_dropout", "test_randomnormal",
                                         "test_randomuniform", "test_multinomial" };
    if (strstr(name, "zero_ratio")) return false;
    for (size_t i = 0; i < COUNT(heads); i++)
        if (strncmp(name, heads[i], strlen(heads[i])) == 0) return true;
    return false;
}

/* "ops: X, Y" of those that this build lacks; "" when that is not why. */
static void missing_ops(const char *model, char *out, size_t bytes)
{
    qn_session *s;
    out[0] = 0;
    if (qn_session_open(&(qn_session_desc){ .path = model, .inspect_only = true }, &s) != QN_OK) return;
    const qn_op_count *ops;
    uint32_t n = qn_op_counts(s, &ops);
    size_t at = 0;
    for (uint32_t i = 0; i < n && at + 100 < bytes; i++)
        if (!ops[i].supported) at += (size_t)snprintf(out + at, bytes - at, "%s%.80s", at ? ", " : "op ", ops[i].op);
    qn_session_close(s);
}

/* The part of a refusal that other models share: without "FILE: ", and without the name in "Cast 'NAME': " and "input 'NAME': ". */
static const char *shared_part(const char *why, const char *model)
{
    size_t n = strlen(model), word = 0;
    if (strncmp(why, model, n) == 0 && strncmp(why + n, ": ", 2) == 0) why += n + 2;
    while (isalnum((unsigned char)why[word])) word++;
    const char *place = strncmp(why + word, " '", 2) == 0 ? strstr(why + word, "': ") : NULL;
    if (!place) return why;
    bool is_value = strncmp(why, "input ", 6) == 0 || strncmp(why, "output ", 7) == 0;
    return is_value ? place + 3 : text_print("%.*s: %s", (int)word, why, place + 3);
}

static void refuse_model(verdict *v, qn_status s, const char *model)
{
    char why[WHY_BYTES], ops[WHY_BYTES];
    const char *text = qn_last_error();
    snprintf(why, sizeof why, "%s", s == QN_E_UNSUPPORTED ? shared_part(text, model) : text);
    ops[0] = 0;
    if (s == QN_E_UNSUPPORTED) missing_ops(model, ops, sizeof ops);
    decide(v, s == QN_E_UNSUPPORTED ? SKIPPED : FAILED, ops[0] ? ops : why);
}

static bool load_inputs(const char *set, const qn_session *s, qn_named *named, qn_tensor *owned, uint32_t *n, verdict *v)
{
    char path[4200], name[32];
    for (*n = 0; *n < MOST_VALUES; ++*n) {
        snprintf(name, sizeof name, "input_%u.pb", *n);
        if (!is_file(set, name)) break;
        if (*n >= qn_input_count(s)) return decide(v, FAILED, "the test has more inputs than the model"), false;
        snprintf(path, sizeof path, "%s/%s", set, name);
        qn_status status = qn_tensor_load_as(path, qn_input_info(s, *n)->dtype, &owned[*n]);
        if (status != QN_OK) return decide_by_status(v, status, name), false;
        named[*n] = (qn_named){ qn_input_info(s, *n)->name, owned[*n] };
    }
    return true;
}

static uint32_t count_stored(const char *set, const char *stem)
{
    char name[32];
    for (uint32_t n = 0;; n++) {
        snprintf(name, sizeof name, "%s_%u.pb", stem, n);
        if (!is_file(set, name)) return n;
    }
}

static void judge_output(const char *set, qn_session *s, uint32_t i, verdict *v)
{
    char path[4200], name[32], why[300];
    snprintf(name, sizeof name, "output_%u.pb", i);
    snprintf(path, sizeof path, "%s/%s", set, name);
    qn_tensor want;
    const qn_tensor *got;
    qn_status status = qn_output_at(s, i, &got);
    if (status != QN_OK) {
        decide_by_status(v, status, qn_output_info(s, i)->name);
        return;
    }
    status = qn_tensor_load_as(path, got->dtype, &want);
    if (status != QN_OK) {
        decide_by_status(v, status, name);
        return;
    }
    double worst = 0;
    if (!compare_tensors(got, &want, v->shape_only, v->widest, &worst, why, sizeof why))
        decide(v, FAILED, text_print("output '%.80s': %s", qn_output_info(s, i)->name, why));
    if (worst > v->worst) v->worst = worst;
    qn_tensor_free(&want);
}

static void run_loaded(const char *set, qn_session *s, const qn_named *named, uint32_t n, verdict *v)
{
    qn_ticket t;
    qn_status status = qn_run(s, named, n, &t);
    if (status == QN_OK) status = qn_wait(s, t);
    if (status != QN_OK) {
        decide_by_status(v, status, "");
        return;
    }
    uint32_t stored = count_stored(set, "output"), outputs = qn_output_count(s);
    if (stored == 0 || stored != outputs)
        decide(v, FAILED, text_print("the test stores %u outputs, the model has %u", stored, outputs));
    for (uint32_t i = 0; v->outcome == PASSED && i < outputs; i++) judge_output(set, s, i, v);
}

static void run_set(const char *set, qn_session *s, verdict *v)
{
    qn_named named[MOST_VALUES];
    qn_tensor owned[MOST_VALUES] = { 0 };
    uint32_t n;
    if (load_inputs(set, s, named, owned, &n, v)) run_loaded(set, s, named, n, v);
    for (uint32_t i = 0; i < MOST_VALUES; i++)
        if (owned[i].data) qn_tensor_free(&owned[i]);
}

/* The first line of a note beside the model; false: there is none. */
static bool read_note(const char *folder, const char *name, char *out, int bytes)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    bool read = f && fgets(out, bytes, f);
    if (f) fclose(f);
    if (read) out[strcspn(out, "\n")] = 0;
    return read;
}

/* Was it refused, in the words that were wanted? */
static void judge_refusal(verdict *v, const char *words)
{
    if (v->outcome == PASSED) decide(v, FAILED, text_print("it should be refused (%s)", words));
    else if (!*words || !strstr(v->why, words))
        decide(v, FAILED, text_print("refused, but without '%s': %.300s", words, v->why));
    else v->outcome = PASSED;
}

static verdict run_plain(const args *a, qn_device *d, const char *folder, report *r)
{
    char note[200];
    verdict v = { .shape_only = is_random(base_name(folder)) };
    if (read_note(folder, "tolerance.txt", note, sizeof note) &&
        sscanf(note, "%lf %lf", &v.widest.rtol, &v.widest.atol) != 2) {
        decide(&v, FAILED, "tolerance.txt holds no two numbers");
        return v;
    }
    char model[4096], set[4096];
    snprintf(model, sizeof model, "%s/model.onnx", folder);
    qn_session *s;
    qn_session_desc desc = { .device = d, .path = model, .no_optimize = args_flag(a, "--no-optimize") };
    qn_status status = qn_session_open(&desc, &s);
    if (status != QN_OK) {
        refuse_model(&v, status, model);
        return v;
    }
    v.on_host = count_on_host(r, s, &v.lacking);
    uint32_t sets = 0;
    for (struct stat st; v.outcome == PASSED && sets < 1000; sets++) {
        snprintf(set, sizeof set, "%s/test_data_set_%u", folder, sets);
        if (stat(set, &st) != 0) break;
        run_set(set, s, &v);
    }
    if (sets == 0) decide(&v, FAILED, "no test_data_set_0");
    qn_session_close(s);
    return v;
}

static verdict run_test(const args *a, qn_device *d, const char *folder, report *r)
{
    char words[200];
    verdict v = run_plain(a, d, folder, r);
    if (read_note(folder, "refused.txt", words, sizeof words)) judge_refusal(&v, words);
    return v;
}

/* ---- the report */
static int by_times(const void *a, const void *b)
{
    const reason *x = a, *y = b;
    return x->times < y->times ? 1 : x->times > y->times ? -1 : strcmp(x->why, y->why);
}

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

static void put_reasons(const char *key, const reason *list, uint32_t n)
{
    json_begin(key, '[');
    for (uint32_t i = 0; i < n; i++) {
        json_begin(NULL, '{');
        json_put_text("why", list[i].why);
        json_put_count("tests", list[i].times);
        json_end('}');
    }
    json_end(']');
}

static void print_reasons(const char *title, const reason *list, uint32_t n)
{
    table t = { .align = "rl" };
    for (uint32_t i = 0; i < n; i++) table_row(&t, text_print("%u", list[i].times), list[i].why);
    if (n) printf("%s\n", title);
    table_print(&t, "  ");
}

static void show_report(const args *a, const report *r)
{
    qsort(r->skipped, r->n_skipped, sizeof *r->skipped, by_times);
    qsort(r->on_host, r->n_on_host, sizeof *r->on_host, by_times);
    if (a->json) {
        put_reasons("skipped_because", r->skipped, r->n_skipped);
        put_reasons("on_the_host", r->on_host, r->n_on_host);
        json_put_count("passed", r->count[PASSED]);
        json_put_count("failed", r->count[FAILED]);
        json_put_count("skipped", r->count[SKIPPED]);
        json_put_count("judged_by_shape_only", r->shape_only);
        return;
    }
    print_reasons("skipped because", r->skipped, r->n_skipped);
    print_reasons("ran on the host", r->on_host, r->n_on_host);
    if (r->shape_only) printf("%u of the passed were judged by shape and type only (random answers)\n", r->shape_only);
    printf("%u passed, %u failed, %u skipped\n", r->count[PASSED], r->count[FAILED], r->count[SKIPPED]);
}

static void run_all(const args *a, qn_device *d, const paths *tests, report *r)
{
    for (size_t i = 0; i < tests->n; i++) {
        progress_show(base_name(tests->at[i]), (double)i / (double)tests->n);
        verdict v = run_test(a, d, tests->at[i], r);
        if (v.outcome == SKIPPED && args_flag(a, "--strict-skips")) v.outcome = FAILED;
        r->count[v.outcome]++;
        r->shape_only += v.outcome == PASSED && v.shape_only;
        if (v.outcome == SKIPPED) count_in(r->skipped, &r->n_skipped, v.why);
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
    report r = { .skipped = calloc(MOST_REASONS, sizeof(reason)), .on_host = calloc(MOST_REASONS, sizeof(reason)) };
    qn_device *d = NULL;
    int code = r.skipped && r.on_host ? find_all(a, &tests) : tell_nomem(a);
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
    free(r.skipped);
    free(r.on_host);
    return code;
}

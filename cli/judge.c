/* One test of the ONNX backend layout, judged: the model opened, each set of inputs run, each output compared with what is stored. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "judge.h"

enum { MOST_VALUES = 64, MOST_REASONS = 512 };

bool judge_is_file(const char *folder, const char *name)
{
    char path[4096];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n < (int)sizeof path && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* ---- reasons */

bool tally_make(tally *t) { return (t->rows = calloc(MOST_REASONS, sizeof *t->rows)) != NULL; }

void tally_free(tally *t) { free(t->rows); }

void tally_count(tally *t, const char *op, const char *reason, const char *why)
{
    uint32_t i = 0;
    while (i < t->n && (strcmp(t->rows[i].op, op) != 0 || strcmp(t->rows[i].why, why) != 0)) i++;
    if (i == MOST_REASONS) i--; /* the last row holds all the rest */
    if (i == t->n) {
        tally_row *row = &t->rows[t->n++];
        snprintf(row->op, sizeof row->op, "%s", op);
        snprintf(row->why, sizeof row->why, "%s", why);
        row->reason = reason;
    }
    t->rows[i].times++;
}

static int by_times(const void *a, const void *b)
{
    const tally_row *x = a, *y = b;
    int op = strcmp(x->op, y->op);
    return x->times < y->times ? 1 : x->times > y->times ? -1 : op ? op : strcmp(x->why, y->why);
}

void tally_sort(tally *t) { qsort(t->rows, t->n, sizeof *t->rows, by_times); }

/* Each operator of the model that the host runs, once. */
static void count_on_host(const qn_session *s, tally *on_host, verdict *v)
{
    const qn_host_node *nodes;
    v->on_host = qn_host_nodes(s, &nodes);
    v->lacking = v->on_host > 0;
    for (uint32_t i = 0; i < v->on_host; i++) {
        uint32_t first = 0;
        while (strcmp(nodes[first].op, nodes[i].op) != 0 || strcmp(nodes[first].why, nodes[i].why) != 0) first++;
        if (first == i) tally_count(on_host, nodes[i].op, qn_host_reason_name(nodes[i].reason), nodes[i].why);
        v->lacking = v->lacking && nodes[i].reason == QN_HOST_TYPE;
    }
}

/* ---- */

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

/* "op X, Y" of those that this build lacks; "" when that is not why. */
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
        if (!judge_is_file(set, name)) break;
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
        if (!judge_is_file(set, name)) return n;
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

/* Do its answers hang on the numbers that it drew? Not a Dropout's whose ratio, the second input, is 0. */
static bool has_drawn(const qn_session *s, const qn_named *named, uint32_t n)
{
    qn_stats stats;
    const qn_op_count *ops;
    qn_get_stats(s, &stats);
    bool is_dropout = qn_op_counts(s, &ops) == 1 && ops->count == 1 && strcmp(ops->op, "Dropout") == 0;
    bool drops_none =
        is_dropout && n > 1 && qn_tensor_elems(&named[1].tensor) == 1 && compare_number(&named[1].tensor, 0) == 0;
    return stats.random_launches > 0 && !drops_none;
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
    v->shape_only |= has_drawn(s, named, n); /* the answers that are stored were drawn too */
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

/* Was it refused, in the words that were wanted? The folder's own name says nothing. */
static void judge_refusal(verdict *v, const char *words, const char *folder)
{
    char said[WHY_BYTES];
    snprintf(said, sizeof said, "%s", v->why);
    for (char *at; *folder && (at = strstr(said, folder));)
        memmove(at, at + strlen(folder), strlen(at + strlen(folder)) + 1);
    if (v->outcome == PASSED) decide(v, FAILED, text_print("it should be refused (%s)", words));
    else if (!*words || !strstr(said, words))
        decide(v, FAILED, text_print("refused, but without '%s': %.300s", words, v->why));
    else v->outcome = PASSED;
}

static verdict run_plain(qn_device *d, const char *folder, bool no_optimize, tally *on_host)
{
    char note[200];
    verdict v = { 0 };
    if (read_note(folder, "tolerance.txt", note, sizeof note) &&
        sscanf(note, "%lf %lf", &v.widest.rtol, &v.widest.atol) != 2) {
        decide(&v, FAILED, "tolerance.txt holds no two numbers");
        return v;
    }
    char model[4096], set[4096];
    snprintf(model, sizeof model, "%s/model.onnx", folder);
    qn_session *s;
    qn_session_desc desc = { .device = d, .path = model, .no_optimize = no_optimize };
    qn_status status = qn_session_open(&desc, &s);
    if (status != QN_OK) {
        refuse_model(&v, status, model);
        return v;
    }
    uint32_t sets = 0;
    for (struct stat st; v.outcome == PASSED && sets < 1000; sets++) {
        snprintf(set, sizeof set, "%s/test_data_set_%u", folder, sets);
        if (stat(set, &st) != 0) break;
        run_set(set, s, &v);
    }
    if (sets == 0) decide(&v, FAILED, "no test_data_set_0");
    count_on_host(s, on_host, &v); /* now: a model may be planned when its inputs are known */
    qn_session_close(s);
    return v;
}

verdict judge_test(qn_device *d, const char *folder, bool no_optimize, tally *on_host)
{
    char words[200];
    verdict v = run_plain(d, folder, no_optimize, on_host);
    if (read_note(folder, "refused.txt", words, sizeof words)) judge_refusal(&v, words, folder);
    return v;
}

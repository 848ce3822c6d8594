/* The ONNX reader: small models against the graphs they must become (make_onnx_cases.py), hundreds of files that lie
 * (make_hostile.py), and every allocation of a read failing once. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/format.h"
#include "run_graph.h"
#include "test.h"

enum { PATH_BYTES = 1024 };

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);
    return n >= k && strcmp(text + n - k, tail) == 0;
}

/* Let a script of this folder write its files to a fresh folder: its path in `out`. */
static bool make_files(test *t, const char *script, const char *name, char out[PATH_BYTES])
{
    char command[2 * PATH_BYTES];
    snprintf(out, PATH_BYTES, "%s/%s", test_temp_folder(), name);
    snprintf(command, sizeof command, "python3 tests/%s '%s' >/dev/null", script, out);
    bool made = system(command) == 0;
    CHECK(t, made, "%s did not run", script);
    return made;
}

/* Read, check and print. text NULL: no printing. */
static qn_status read_graph(const char *path, bool tolerant, arena *mem, format_files *files, str *text)
{
    file_map file;
    QN_TRY(file_map_open(path, &file));
    graph *g = graph_make(mem, NULL);
    const format_source from = {
        .g = g, .path = path, .file = file.bytes, .mem = mem, .files = files, .tolerant = tolerant
    };
    qn_status status = g ? format_read(&from) : QN_E_NOMEM;
    if (status == QN_OK && !tolerant) status = graph_check(g);
    if (status == QN_OK && !tolerant) status = graph_verify(g);
    if (status == QN_OK && text) status = graph_print(g, text);
    file_map_close(&file);
    return status;
}

static qn_status open_model(const char *path, bool tolerant, str *text)
{
    arena *mem = arena_make();
    format_files *files = NULL;
    qn_status status = mem ? format_files_make(mem, &files) : fail_nomem(0);
    if (status == QN_OK) status = read_graph(path, tolerant, mem, files, text);
    format_files_close(files);
    arena_free(mem);
    return status;
}

/* ---- what models become */

static void test_case(test *t, const char *path)
{
    char text_path[PATH_BYTES];
    file_map want;
    str is = { 0 };
    snprintf(text_path, sizeof text_path, "%.*s.txt", (int)(strlen(path) - strlen(".onnx")), path);
    bool there = file_map_open(text_path, &want) == QN_OK;
    CHECK(t, there, "%s: %s", text_path, qn_last_error());
    if (!there) return;
    qn_status status = open_model(path, false, &is);
    CHECK(t, status == QN_OK, "%s: %s", path, qn_last_error());
    bool same = is.n == want.bytes.n && is.text && memcmp(is.text, want.bytes.data, is.n) == 0;
    CHECK(t, same, "%s becomes\n%s\nand should be\n%.*s", path, is.text ? is.text : "", (int)want.bytes.n,
          (const char *)want.bytes.data);
    file_map_close(&want);
    str_free(&is);
}

/* ---- files that lie */

static void forget_error(void) { fail(QN_E_BUG, "%s", ""); }

static void test_hostile_file(test *t, const char *path, bool must_be_refused, u32 *refused)
{
    u64 alive = mem_blocks_alive();
    f64 from = processor_seconds();
    for (int tolerant = 0; tolerant < 2; tolerant++) {
        forget_error();
        qn_status status = open_model(path, tolerant, NULL);
        CHECK(t, status == QN_OK || qn_last_error()[0], "%s: refused without a sentence", path);
        CHECK(t, status != QN_E_BUG, "%s: %s", path, qn_last_error());
        if (tolerant || !must_be_refused) continue;
        CHECK(t, status != QN_OK, "%s is not refused", path);
        *refused += status != QN_OK;
    }
    CHECK(t, mem_blocks_alive() == alive, "%s leaks", path);
    CHECK(t, processor_seconds() - from < 20, "%s takes too long", path);
}

/* ---- files that say what no model may say: refused when they are opened, or by a run of zeros at the latest */

enum { ZERO_BYTES = 1 << 16, MOST_INPUTS = 16 };

static qn_status run_zeros(qn_session *s)
{
    static const u8 zeros[ZERO_BYTES];
    qn_named in[MOST_INPUTS];
    qn_ticket ticket = 0;
    u32 n = 0;
    const qn_value_info *v;
    for (; n < MOST_INPUTS && (v = qn_input_info(s, n)) != NULL; n++) {
        in[n] = (qn_named){ v->name, { .dtype = v->dtype, .rank = v->rank, .data = zeros } };
        for (u32 d = 0; d < v->rank; d++) in[n].tensor.dims[d] = v->dims[d];
    }
    QN_TRY(qn_run(s, in, n, &ticket));
    return qn_wait(s, ticket);
}

/* at_once: when they are opened. */
static void test_invalid_file(test *t, const char *path, bool at_once, u32 *refused)
{
    qn_session *s = NULL;
    forget_error();
    qn_status status = qn_session_open(&(qn_session_desc){ .device = test_cpu(), .path = path }, &s);
    CHECK(t, !at_once || status != QN_OK, "%s: is not refused when it is opened", path);
    if (status == QN_OK) status = run_zeros(s);
    CHECK(t, status != QN_OK && status != QN_E_BUG && qn_last_error()[0], "%s: %s", path,
          status == QN_OK ? "is not refused" : qn_last_error());
    *refused += status != QN_OK;
    qn_session_close(s);
}

/* ---- wrong values for sequences and optionals whose elements may have any rank: told before such a model is planned */

static void test_given(test *t, const char *path, const char *name)
{
    static const f32 ones[] = { 1, 1, 1 };
    static const qn_tensor two[] = { { QN_F32, 1, { 1 }, ones }, { QN_F32, 1, { 3 }, ones } };
    /* clang-format off */
    static const struct {
        const char *model;
        qn_tensor in;
        qn_status want;
        const char *says;
    } rows[] = {
        { "sequence", { QN_SEQUENCE, 1, { 2 }, two }, QN_OK, "" },
        { "sequence", { QN_SEQUENCE, 1, { 0 }, NULL }, QN_E_DATA, "position 1 is outside a sequence of 0" },
        { "sequence", { QN_F32, 1, { 3 }, ones }, QN_E_DTYPE, "input 's' is f32, the model wants sequence" },
        { "sequence", { QN_OPTIONAL, 1, { 1 }, two }, QN_E_DTYPE, "input 's' is optional, the model wants sequence" },
        { "optional", { QN_OPTIONAL, 1, { 1 }, two }, QN_OK, "" },
        { "optional", { QN_OPTIONAL, 1, { 0 }, NULL }, QN_E_DATA, "the optional is empty" },
        { "optional", { QN_F32, 1, { 3 }, ones }, QN_E_DTYPE, "input 's' is f32, the model wants optional" },
    };
    /* clang-format on */
    qn_session *s = NULL;
    qn_device *d = NULL;
    CHECK_OK(t, qn_device_open("cpu", NULL, &d));
    CHECK_OK(t, qn_session_open(&(qn_session_desc){ .device = d, .path = path }, &s));
    for (size_t i = 0; s && i < COUNT(rows); i++) {
        qn_ticket ticket = 0;
        if (!strstr(name, rows[i].model)) continue;
        qn_status status = qn_run(s, &(qn_named){ "s", rows[i].in }, 1, &ticket);
        if (status == QN_OK) status = qn_wait(s, ticket);
        CHECK(t, status == rows[i].want && (status == QN_OK || strstr(qn_last_error(), rows[i].says)), "%s, row %zu: %s: %s",
              name, i, qn_status_text(status), qn_last_error());
    }
    qn_session_close(s);
    qn_device_close(d);
}

/* ---- folders */

typedef struct walk {
    test *t;
    u32 files, refused;
} walk;

static void visit_case(walk *w, const char *path, const char *name)
{
    (void)name;
    test_case(w->t, path);
}

static void visit_hostile(walk *w, const char *path, const char *name)
{
    test_hostile_file(w->t, path, text_starts(name, "refuse_"), &w->refused);
    if (text_starts(name, "given_")) test_given(w->t, path, name);
    if (text_starts(name, "invalid_")) test_invalid_file(w->t, path, text_starts(name, "invalid_at_once_"), &w->refused);
}

static void walk_folder(walk *w, const char *folder, void (*visit)(walk *w, const char *path, const char *name))
{
    DIR *d = opendir(folder);
    CHECK(w->t, d, "%s cannot be listed", folder);
    if (!d) return;
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[2 * PATH_BYTES];
        if (!ends_with(e->d_name, ".onnx")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        visit(w, path, e->d_name);
        w->files++;
    }
    closedir(d);
}

/* ---- no memory */

static void test_no_memory(test *t, const char *folder, const char *name)
{
    char path[2 * PATH_BYTES];
    u64 alive = mem_blocks_alive();
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    for (u64 n = 1; n < 100000; n++) {
        mem_fail_at(n);
        qn_status status = open_model(path, false, NULL);
        mem_fail_at(0);
        CHECK(t, status == QN_OK || status == QN_E_NOMEM, "%s: allocation %d fails: %s", name, (int)n, qn_last_error());
        CHECK(t, mem_blocks_alive() == alive, "%s: allocation %d fails and something leaks", name, (int)n);
        if (status == QN_OK) return;
    }
}

/* ---- the table of ops, to inspect */

static void test_op_table(test *t, const char *folder)
{
    char path[2 * PATH_BYTES];
    const qn_op_count *ops;
    snprintf(path, sizeof path, "%s/function_nested.onnx", folder);
    arena *mem = arena_make();
    format_files *files = NULL;
    CHECK_OK(t, format_files_make(mem, &files));
    CHECK_OK(t, read_graph(path, true, mem, files, NULL));
    u32 n = format_op_counts(files, &ops);
    CHECK(t, n == 4, "%u ops, should be 4", n); /* twice x 2, scale, Mul, Constant */
    CHECK(t, n > 0 && strcmp(ops[0].op, "twice") == 0 && ops[0].count == 2 && ops[0].supported,
          "the most frequent one first");
    format_files_close(files);
    arena_free(mem);
}

void test_onnx(test *t)
{
    char cases[PATH_BYTES], hostile[PATH_BYTES];
    walk w = { .t = t };
    if (make_files(t, "make_onnx_cases.py", "onnx_cases", cases)) {
        walk_folder(&w, cases, visit_case);
        CHECK(t, w.files >= 40, "only %u cases", w.files);
        test_op_table(t, cases);
        test_no_memory(t, cases, "function_nested");
        test_no_memory(t, cases, "groupnorm_18");
        test_no_memory(t, cases, "weights");
        test_no_memory(t, cases, "if_with_captures");
        test_no_memory(t, cases, "sparse_weight");
    }
    w = (walk){ .t = t };
    if (!make_files(t, "make_hostile.py", "hostile/onnx", hostile)) return;
    walk_folder(&w, hostile, visit_hostile);
    CHECK(t, w.refused >= 200, "only %u files are refused", w.refused);
}

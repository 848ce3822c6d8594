/* quern run: inputs from files or random, one run, the outputs shown and saved. */
#include <math.h>
#include <string.h>

#include "cli.h"
#include "compare.h"

const option run_options[] = {
    { "--input", "NAME=FILE",
      "an input, from .npy or ONNX .pb, or NAME=NUMBER in all its elements; those not given are random" },
    { "--dim", "NAME=N", "size of a named dynamic dimension of random inputs (default: 1); may be repeated" },
    { "--output", "DIR",
      "save the outputs as DIR/NAME.npy; what that cannot hold (sequences, maps, texts, 4 bits...) as .pb" },
    DEVICE_OPTIONS,
    VERBOSE_OPTION,
    { "--profile", NULL, "time each launch of a warm run; print time per pass, node and kernel, and write a Chrome trace" },
    { "--trace", "FILE", "where the trace goes (default: quern-trace.json, in DIR with --output)" },
    { "--no-optimize", NULL, "run the graph as the file has it" },
    { "--seed", "N", "of random operators that have none of their own (default: another one each time)" },
    { "--layout", "L", "pictures inside are nchw, nhwc or blocked (default: as the device likes them)" },
    { "--dump-passes", "DIR", "write the graph after reading and after each pass, as text" },
    { 0 },
};

/* ---- --dump-passes */
typedef struct dump {
    const char *folder;
    uint32_t n;
    bool failed;
} dump;

static void on_dump(void *user, const char *stage, const char *graph_text)
{
    dump *d = user;
    char name[64], path[1024];
    file_safe_name(stage, name, sizeof name);
    snprintf(path, sizeof path, "%s/%02u-%s.txt", d->folder, d->n++, name);
    FILE *f = fopen(path, "w");
    if (f) fputs(graph_text, f);
    if (!f || fclose(f) != 0) d->failed = true;
}

/* ---- what came out */
typedef struct summary {
    double lowest, highest, mean;
    uint64_t odd; /* NaN and infinities, left out of the rest */
    bool any;
} summary;

static summary summary_of(const qn_tensor *t)
{
    summary s = { 0 };
    bool numbers = t->dtype != QN_STRING && t->dtype < QN_SEQUENCE;
    uint64_t n = numbers ? qn_tensor_elems(t) : 0, counted = 0;
    for (uint64_t i = 0; i < n; i++) {
        double v = compare_number(t, i);
        if (!isfinite(v)) {
            s.odd++;
            continue;
        }
        if (!counted || v < s.lowest) s.lowest = v;
        if (!counted || v > s.highest) s.highest = v;
        s.mean += (v - s.mean) / (double)++counted;
    }
    s.any = counted > 0;
    return s;
}

/* .npy has no way to write sequences, optionals and maps, texts, and floats and integers that ONNX alone has; .pb writes all. */
static bool saved_as_npy(const qn_value_info *info)
{
    return !info->of && (info->dtype < QN_STRING || info->dtype == QN_C64 || info->dtype == QN_C128);
}

/* DIR/NAME.npy, or .pb; two outputs whose names are one as file names are told apart by their numbers. */
static void output_path(const args *a, const qn_session *s, uint32_t i, char *out, size_t bytes)
{
    char safe[200], other[200];
    uint32_t alike = 0;
    file_safe_name(qn_output_info(s, i)->name, safe, sizeof safe);
    for (uint32_t k = 0; k < qn_output_count(s); k++) {
        file_safe_name(qn_output_info(s, k)->name, other, sizeof other);
        alike += strcmp(safe, other) == 0;
    }
    const char *number = alike > 1 ? text_print("_%u", i) : "";
    snprintf(out, bytes, "%s/%s%s.%s", args_text(a, "--output"), safe, number,
             saved_as_npy(qn_output_info(s, i)) ? "npy" : "pb");
}

static int save_outputs(const args *a, qn_session *s)
{
    const char *folder = args_text(a, "--output");
    for (uint32_t i = 0; folder && i < qn_output_count(s); i++) {
        char path[1024];
        const qn_tensor *t;
        output_path(a, s, i, path, sizeof path);
        qn_status status = qn_output_at(s, i, &t);
        if (status == QN_OK)
            status = saved_as_npy(qn_output_info(s, i)) ? qn_tensor_save_npy(path, t)
                                                        : qn_tensor_save_pb(path, qn_output_info(s, i)->name, t);
        if (status != QN_OK) return report_failure(a, status), EXIT_RUN;
    }
    return 0;
}

static bool holds_maps(const qn_value_info *info)
{
    for (; info && info->dtype != QN_MAP; info = info->of) continue;
    return info != NULL;
}

/* Of maps all is told: {"key": value}, in a list for a sequence of them. */
static void put_output(const qn_value_info *info, const qn_tensor *t, const summary *sum, const char *path)
{
    json_begin(NULL, '{');
    json_put_text("name", info->name);
    json_put_text("dtype", qn_dtype_name(t->dtype));
    json_put_dims("shape", t->dims, t->rank, NULL);
    json_put_number("least", sum->any ? sum->lowest : (double)NAN);
    json_put_number("mean", sum->any ? sum->mean : (double)NAN);
    json_put_number("largest", sum->any ? sum->highest : (double)NAN);
    json_put_count("not_finite", sum->odd);
    if (holds_maps(info)) json_put_maps("value", t);
    if (path) json_put_text("file", path);
    json_end('}');
}

static const char *text_number(const summary *sum, double v) { return sum->any ? text_print("%.6g", v) : "-"; }

static void show_outputs(const args *a, qn_session *s)
{
    const char *folder = args_text(a, "--output");
    table rows = { .align = "llrrrl" };
    if (a->json) json_begin("outputs", '[');
    else table_row(&rows, "output", "type and shape", "least", "mean", "largest", folder ? "file" : "");
    for (uint32_t i = 0; i < qn_output_count(s); i++) {
        const char *name = qn_output_info(s, i)->name;
        const qn_tensor *t;
        if (qn_output_at(s, i, &t) != QN_OK) continue;
        char path[1024] = "";
        if (folder) output_path(a, s, i, path, sizeof path);
        summary sum = summary_of(t);
        const char *odd = sum.odd ? text_print(" (%s not finite)", text_count(sum.odd)) : "";
        if (a->json) put_output(qn_output_info(s, i), t, &sum, folder ? path : NULL);
        else
            table_row(&rows, name, text_print("%s%s", text_tensor(t), odd), text_number(&sum, sum.lowest),
                      text_number(&sum, sum.mean), text_number(&sum, sum.highest), path);
    }
    if (a->json) json_end(']');
    else table_print(&rows, "  ");
}

static void show_inputs(const args *a, const inputs *in)
{
    table rows = { .align = "lll" };
    if (a->json) json_begin("inputs", '[');
    for (uint32_t i = 0; i < in->n; i++) {
        const qn_tensor *t = &in->named[i].tensor;
        const char *number = in->number[i];
        if (!a->json) {
            table_row(&rows, in->named[i].name, text_tensor(t),
                      number          ? text_print("all %s", number)
                      : in->random[i] ? "random"
                                      : "from file");
            continue;
        }
        json_begin(NULL, '{');
        json_put_text("name", in->named[i].name);
        json_put_text("dtype", qn_dtype_name(t->dtype));
        json_put_dims("shape", t->dims, t->rank, NULL);
        json_put_bool("random", in->random[i] && !number);
        json_end('}');
    }
    if (a->json) json_end(']');
    else table_print(&rows, "  ");
}

static void trace_path(const args *a, char *out, size_t bytes)
{
    const char *path = args_text(a, "--trace"), *folder = args_text(a, "--output");
    if (path) snprintf(out, bytes, "%s", path);
    else snprintf(out, bytes, "%s%squern-trace.json", folder ? folder : "", folder ? "/" : "");
}

static int save_trace(const args *a, const qn_session *s)
{
    char path[1024];
    trace_path(a, path, sizeof path);
    if (!args_flag(a, "--profile") || profile_trace(s, path)) return 0;
    return tell_failure(a, EXIT_RUN, QN_E_IO, "the trace cannot be written to %s", path);
}

enum { PROFILED_RUN = 4 }; /* the ones before it warm up */

static void show_profile(const args *a, const qn_session *s)
{
    char path[1024];
    trace_path(a, path, sizeof path);
    if (a->json) {
        json_put_count("profiled_run", PROFILED_RUN);
        profile_json("profile", s);
        json_put_text("trace", path);
    } else {
        printf("\nprofile of run %d, after %d to warm up\n", PROFILED_RUN, PROFILED_RUN - 1);
        profile_print(s);
        printf("\ntrace: %s (open in chrome://tracing or ui.perfetto.dev)\n", path);
    }
}

/* All that is printed, after a run; whatever can fail is done by then. */
static void show(const args *a, qn_session *s, const qn_device *d, const inputs *in, double ms)
{
    const qn_device_info *info = qn_device_get_info(d);
    if (a->json) {
        json_begin(NULL, '{');
        json_put_text("model", a->words[0]);
        json_put_text("device", info->spec);
        json_put_text("device_name", info->name);
        json_put_number("run_ms", ms);
    } else {
        printf("%s on %s (%s): %s\n", base_name(a->words[0]), info->spec, info->name, text_time(ms));
    }
    show_inputs(a, in);
    show_outputs(a, s);
    if (args_flag(a, "--profile")) show_profile(a, s);
    else if (!a->json) notes_print(s);
    if (a->json) json_end('}');
}

static int run_and_show(const args *a, qn_session *s, const qn_device *d)
{
    inputs in;
    int code = inputs_make(a, s, &in);
    if (!code) {
        double ms = 0;
        qn_status status = QN_OK;
        for (int i = 0; i < (args_flag(a, "--profile") ? PROFILED_RUN : 1) && status == QN_OK; i++) {
            double from = now_ms();
            qn_ticket t;
            progress_show("first run", 0);
            status = qn_run(s, in.named, in.n, &t);
            if (status == QN_OK) status = qn_wait(s, t);
            ms = now_ms() - from;
        }
        progress_clear();
        code = status == QN_OK ? save_outputs(a, s) : report_failure(a, status);
        if (status != QN_OK) inputs_explain(s, &in);
        if (!code) code = save_trace(a, s);
        if (!code) show(a, s, d, &in, ms);
    }
    inputs_free(&in);
    return code;
}

static int make_wanted_folders(const args *a)
{
    const char *folders[] = { args_text(a, "--output"), args_text(a, "--dump-passes") };
    for (size_t i = 0; i < COUNT(folders); i++)
        if (folders[i] && !make_folder(folders[i]))
            return tell_failure(a, EXIT_RUN, QN_E_IO, "the folder %s cannot be made", folders[i]);
    return 0;
}

int run_run(const args *a)
{
    if (args_flag(a, "--trace") && !args_flag(a, "--profile")) return usage_error(a, "--trace goes with --profile");
    int code = make_wanted_folders(a);
    if (code) return code;
    qn_device *d = NULL;
    qn_session *s = NULL;
    dump dumped = { .folder = args_text(a, "--dump-passes") };
    code = open_device(a, &d);
    if (!code) {
        qn_session_desc desc = { .device = d,
                                 .no_optimize = args_flag(a, "--no-optimize"),
                                 .profile = args_flag(a, "--profile"),
                                 .seed = args_number(a, "--seed", 0) };
        if (dumped.folder) desc.dump = on_dump, desc.dump_user = &dumped;
        code = open_model(a, a->words[0], &desc, &s);
    }
    if (dumped.failed) fprintf(stderr, "quern run: not every dump could be written to %s\n", dumped.folder);
    if (!code) code = run_and_show(a, s, d);
    if (!code && dumped.failed) code = EXIT_RUN;
    qn_session_close(s);
    qn_device_close(d);
    return code;
}

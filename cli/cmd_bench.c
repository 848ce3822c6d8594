/* quern bench: how long a model takes, from nothing (cold) and again (warm), and what memory it takes. */
#include <string.h>

#include "timing.h"

const option bench_options[] = {
    DEVICE_OPTIONS,
    VERBOSE_OPTION,
    { "--runs", "N", "warm runs (default: as many as fit in 3 seconds, 5 to 200)" },
    { "--input", "NAME=FILE",
      "an input, from .npy or ONNX .pb, or NAME=NUMBER in all its elements; those not given are random" },
    { "--dim", "NAME=N", "size of a named dynamic dimension of random inputs (default: 1); may be repeated" },
    { "--race", NULL, "every device here, one after the other: a ranked table, with agreement with the CPU" },
    { "--memory", NULL, "show what the planner made of the intermediates" },
    { "--passes", NULL, "show each pass of the optimizer: its rounds, their time, and what became of the nodes" },
    { "--no-optimize", NULL, "run the graph as the file has it" },
    { "--layout", "L", "pictures inside are nchw, nhwc or blocked (default: as the device likes them)" },
    { 0 },
};

static double gflops(const timing *t) { return (double)t->stats.flops / 1e6 / t->median; }

static void print_cold(const timing *t)
{
    const qn_stats *s = &t->stats;
    printf("cold: %s to the first answer\n", text_time(t->device_ms + t->open_ms + t->first_ms));
    table rows = { .align = "lr" };
    table_row(&rows, "device", text_time(t->device_ms));
    table_row(&rows, "open", text_time(t->open_ms));
    table_row(&rows, "  read", text_time(s->read_ms));
    table_row(&rows, "  check", text_time(s->check_ms));
    table_row(&rows, "  passes", text_time(s->passes_ms));
    table_row(&rows, "  plan", text_time(s->plan_ms));
    table_row(&rows, "  prepare", text_time(s->prepare_ms));
    table_row(&rows, "first run", text_time(t->first_ms));
    table_print(&rows, "  ");
}

static void print_warm(const timing *t)
{
    printf("warm: %s median of %u\n", text_time(t->median), t->runs);
    table rows = { .align = "lr" };
    table_row(&rows, "minimum", text_time(t->least));
    table_row(&rows, "spread",
              text_print("%s (half of the runs, %s to %s)", text_time(t->three_quarters - t->quarter), text_time(t->quarter),
                         text_time(t->three_quarters)));
    if (t->stats.flops) table_row(&rows, "speed", text_print("%.1f GFLOP/s", gflops(t)));
    table_row(&rows, "launches",
              text_print("%llu, and %llu steps on the host", (unsigned long long)t->stats.launches,
                         (unsigned long long)(t->stats.host_steps + t->stats.host_launches)));
    if (t->stats.kept_launches)
        table_row(&rows, "kept",
                  text_print("what %llu more launches made of weights and sizes alone, %s",
                             (unsigned long long)t->stats.kept_launches, text_bytes(t->stats.kept_bytes)));
    rows.align = "ll";
    table_print(&rows, "  ");
}

static void print_memory(const timing *t)
{
    const qn_stats *s = &t->stats;
    printf("intermediates\n");
    double bound = s->largest_live_bytes ? (double)s->largest_live_bytes : 1;
    table rows = { .align = "lrl" };
    table_row(&rows, "planned peak", text_bytes(s->planned_peak_bytes),
              text_print("%.2f of the bound", (double)s->planned_peak_bytes / bound));
    table_row(&rows, "sum of all", text_bytes(s->intermediates_bytes),
              text_print("%.2f of the bound", (double)s->intermediates_bytes / bound));
    table_row(&rows, "lower bound", text_bytes(s->largest_live_bytes), "the largest set alive at once");
    table_print(&rows, "  ");
}

static void print_all(const args *a, const qn_session *session, const qn_device_info *info, const timing *t)
{
    printf("%s on %s (%s)\n\n", base_name(a->words[0]), info->spec, info->name);
    print_cold(t);
    putchar('\n');
    print_warm(t);
    printf("\nmemory: %s peak of the process, weights %s\n", text_bytes(t->peak_bytes), text_bytes(t->stats.weights_bytes));
    if (args_flag(a, "--memory")) {
        putchar('\n');
        print_memory(t);
    }
    if (args_flag(a, "--passes")) passes_print(session);
    notes_print(session);
}

static void put_all(const args *a, const qn_session *session, const qn_device_info *info, const timing *t)
{
    const qn_stats *s = &t->stats;
    const struct {
        const char *key;
        double value;
    } times[] = { { "device_ms", t->device_ms },   { "open_ms", t->open_ms },      { "read_ms", s->read_ms },
                  { "check_ms", s->check_ms },     { "passes_ms", s->passes_ms },  { "plan_ms", s->plan_ms },
                  { "prepare_ms", s->prepare_ms }, { "first_run_ms", t->first_ms } };
    json_begin(NULL, '{');
    json_put_text("model", a->words[0]);
    json_put_text("device", info->spec);
    json_put_text("device_name", info->name);
    json_put_count("threads", info->caps.workers);
    json_begin("cold", '{');
    json_put_number("ms", t->device_ms + t->open_ms + t->first_ms);
    for (size_t i = 0; i < COUNT(times); i++) json_put_number(times[i].key, times[i].value);
    json_end('}');
    json_begin("warm", '{');
    json_put_count("runs", t->runs);
    json_put_number("median_ms", t->median);
    json_put_number("minimum_ms", t->least);
    json_put_number("spread_ms", t->three_quarters - t->quarter);
    if (s->flops) json_put_number("gflops", gflops(t));
    json_put_count("launches", s->launches);
    json_put_count("host_steps", s->host_steps);
    json_put_count("host_launches", s->host_launches);
    json_put_count("kept_launches", s->kept_launches);
    json_end('}');
    json_begin("memory", '{');
    json_put_count("process_peak_bytes", t->peak_bytes);
    json_put_count("weights_bytes", s->weights_bytes);
    json_put_count("planned_peak_bytes", s->planned_peak_bytes);
    json_put_count("intermediates_bytes", s->intermediates_bytes);
    json_put_count("lower_bound_bytes", s->largest_live_bytes);
    json_put_count("kept_bytes", s->kept_bytes);
    json_end('}');
    passes_json(session);
    notes_json(session);
    json_end('}');
}

int bench_run(const args *a)
{
    if (args_flag(a, "--runs") && !args_number(a, "--runs", 0)) return usage_error(a, "--runs wants at least 1");
    if (args_flag(a, "--race") && args_flag(a, "--device"))
        return usage_error(a, "--race takes every device; leave out --device");
    if (args_flag(a, "--race")) return race_run(a);
    qn_device *d = NULL;
    qn_session *s = NULL;
    inputs in = { 0 };
    timing t = { 0 };
    double start = now_ms();
    int code = open_device(a, &d);
    t.device_ms = now_ms() - start;
    if (!code) {
        qn_session_desc desc = { .device = d, .no_optimize = args_flag(a, "--no-optimize") };
        double from = now_ms();
        code = open_model(a, a->words[0], &desc, &s);
        t.open_ms = now_ms() - from;
    }
    if (!code) code = inputs_make(a, s, &in);
    if (!code) {
        qn_status status = timing_measure(s, &in, args_number(a, "--runs", 0), &t);
        if (status != QN_OK) code = report_failure(a, status), inputs_explain(s, &in);
    }
    if (!code) (a->json ? put_all : print_all)(a, s, qn_device_get_info(d), &t);
    timing_free(&t);
    inputs_free(&in);
    qn_session_close(s);
    qn_device_close(d);
    return code;
}

/* quern doctor: every device this build knows, what it can do or why it is absent, and whether it computes right. */
#include <string.h>

#include "cli.h"

const option doctor_options[] = { { 0 } };

static const char *flags_of(const qn_caps *c)
{
    const struct {
        const char *name;
        bool on;
    } flags[] = { { "f16 type", c->f16 },
                  { "f64", c->f64 },
                  { "i64", c->i64 },
                  { "i8 buffers", c->i8_buffers },
                  { "atomics", c->atomics },
                  { "dot4", c->dot4 },
                  { "mma", c->mma },
                  { "host memory", c->host_memory },
                  { "buffers apart", c->buffers_apart } };
    const char *out = "";
    for (size_t i = 0; i < COUNT(flags); i++)
        if (flags[i].on) out = text_print("%s%s%s", out, *out ? ", " : "", flags[i].name);
    return *out ? out : "-";
}

static void print_caps(const qn_caps *c)
{
    table t = { .align = "ll" };
    table_row(&t, "memory", c->memory_bytes ? text_bytes(c->memory_bytes) : "unknown");
    table_row(&t, "largest buffer", c->max_buffer_bytes ? text_bytes(c->max_buffer_bytes) : "unknown");
    table_row(&t, "groups",
              c->max_group ? text_print("up to %u items, %s of group memory; best %u", c->max_group,
                                        text_bytes(c->group_memory_bytes), c->best_group)
                           : "none");
    table_row(&t, "lanes, workers", text_print("%u, %u", c->width, c->workers));
    if (c->max_turns) table_row(&t, "loops", text_print("end after %u turns in all for 16 bytes of output", c->max_turns));
    table_row(&t, "has", flags_of(c));
    table_print(&t, "    ");
}

static void put_caps(const qn_caps *c)
{
    json_begin("caps", '{');
    json_put_count("memory_bytes", c->memory_bytes);
    json_put_count("max_buffer_bytes", c->max_buffer_bytes);
    json_put_count("max_buffers", c->max_buffers);
    json_put_count("max_group", c->max_group);
    json_put_count("group_memory_bytes", c->group_memory_bytes);
    json_put_count("best_group", c->best_group);
    json_put_count("width", c->width);
    json_put_count("subgroup", c->subgroup);
    json_put_count("workers", c->workers);
    json_put_count("max_turns", c->max_turns);
    json_put_bool("f16", c->f16);
    json_put_bool("f64", c->f64);
    json_put_bool("i64", c->i64);
    json_put_bool("i8_buffers", c->i8_buffers);
    json_put_bool("atomics", c->atomics);
    json_put_bool("dot4", c->dot4);
    json_put_bool("mma", c->mma);
    json_put_bool("host_memory", c->host_memory);
    json_put_bool("buffers_apart", c->buffers_apart);
    json_end('}');
}

/* What "auto" takes. */
typedef struct fastest {
    char spec[32];
    uint32_t computing; /* devices */
} fastest;

/* The library decides, by the times that are kept now. */
static void ask_auto(fastest *best)
{
    qn_device *d;
    if (qn_device_open("auto", NULL, &d) != QN_OK) return;
    snprintf(best->spec, sizeof best->spec, "%s", qn_device_get_info(d)->spec);
    qn_device_close(d);
}

static const char *text_choice(const fastest *best)
{
    if (!best->spec[0]) return "no device";
    if (best->computing == 1) return text_print("%s, the only device here that computes", best->spec);
    return text_print("%s, by the times of the probe: another than the cpu must be faster by a fifth", best->spec);
}

/* One device; false: it is there and computes wrong. */
static bool show_device(const args *a, const qn_device_info *info, fastest *best)
{
    qn_device *d = NULL;
    double from = now_ms();
    qn_status s = qn_device_open(info->spec, NULL, &d);
    if (s == QN_OK) s = qn_device_self_test(d);
    double ms = now_ms() - from, probe_ms = 0;
    char why[256];
    snprintf(why, sizeof why, "%s", s == QN_OK ? "" : qn_last_error());
    qn_status probed = d ? qn_device_probe(d, false, &probe_ms) : s;
    qn_tried tried = { 0 };
    if (d) qn_device_tried(d, &tried);
    best->computing += info->caps.workers > 0;
    const char *verdict = s != QN_OK ? "FAILED" : info->caps.workers ? "passed" : "not needed, it computes nothing";
    if (a->json) {
        json_begin(NULL, '{');
        json_put_text("device", info->spec);
        json_put_text("kind", info->kind);
        json_put_bool("present", true);
        json_put_text("name", info->name);
        json_put_text("driver", info->driver);
        put_caps(&info->caps);
        json_put_text("self_test", verdict);
        if (s != QN_OK) json_put_text("why", why);
        json_put_number("self_test_ms", ms);
        if (probed == QN_OK) json_put_number("probe_ms", probe_ms);
        else json_put_text("probe_why", qn_last_error());
        json_begin("kernels_tried", '{');
        json_put_number("right", tried.right);
        json_put_number("unjudged", tried.unjudged);
        json_put_number("wrong", tried.wrong);
        json_put_number("refused", tried.refused);
        json_end('}');
        json_begin("not_used", '[');
        for (uint32_t i = 0; d && qn_device_note(d, i); i++) json_put_text(NULL, qn_device_note(d, i));
        json_end(']');
        json_end('}');
    } else {
        printf("%s\n    %s%s%s\n", info->spec, info->name, *info->driver ? ", " : "", info->driver);
        print_caps(&info->caps);
        printf("    self-test %s (%s)%s%s\n", verdict, text_time(ms), s == QN_OK ? "" : ": ", why);
        if (probed == QN_OK) printf("    probe %s\n", text_time(probe_ms));
        else printf("    probe: none, %s\n", qn_last_error());
        if (tried.right + tried.unjudged + tried.wrong + tried.refused)
            printf("    kernels tried out: %u right, %u not judged, %u wrong, %u not compiled\n", tried.right,
                   tried.unjudged, tried.wrong, tried.refused);
        for (uint32_t i = 0; d && qn_device_note(d, i); i++) printf("    %s\n", qn_device_note(d, i));
        printf("\n");
    }
    qn_device_close(d);
    return s == QN_OK;
}

static void show_absent(const args *a, const qn_device_info *info)
{
    if (!a->json) {
        printf("%s\n    absent: %s\n\n", info->kind, qn_last_error());
        return;
    }
    json_begin(NULL, '{');
    json_put_text("device", info->kind);
    json_put_text("kind", info->kind);
    json_put_bool("present", false);
    json_put_text("why", qn_last_error());
    json_end('}');
}

int doctor_run(const args *a)
{
    int code = EXIT_DONE;
    fastest best = { 0 };
    if (a->json) {
        json_begin(NULL, '{');
        json_put_text("version", qn_version());
        json_begin("devices", '[');
    } else {
        printf("quern %s\n\n", qn_version());
    }
    for (uint32_t i = 0;; i++) {
        qn_device_info info = { 0 };
        qn_status s = qn_device_list(i, &info);
        if (s == QN_E_NAME) break;
        if (s != QN_OK) show_absent(a, &info);
        else if (!show_device(a, &info, &best)) code = EXIT_RUN;
    }
    ask_auto(&best);
    if (a->json) {
        json_end(']');
        json_put_text("auto", best.spec[0] ? best.spec : NULL);
        json_put_text("auto_why", text_choice(&best));
        json_put_bool("healthy", code == EXIT_DONE);
        json_end('}');
    } else {
        printf("auto takes %s\n(the probe: a small network, from host bytes to host bytes; kept on disk by device and "
               "driver)\n",
               text_choice(&best));
    }
    return code;
}

/* The profile of the last run: time by pass, by node and by kernel, and a Chrome trace (the trace event format: complete events, microseconds). */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct sum {
    const char *name, *note;
    uint64_t ns, bytes, flops, times;
} sum;

/* Rows with the same name (of a node, or of a kernel and where it ran) added up, most time first. */
static int by_time(const void *a, const void *b)
{
    const sum *x = a, *y = b;
    return x->ns < y->ns ? 1 : x->ns > y->ns ? -1 : 0;
}

static int by_name(const void *a, const void *b)
{
    const sum *x = a, *y = b;
    int names = strcmp(x->name, y->name);
    return names ? names : strcmp(x->note, y->note);
}

static const char *or_dash(const char *text) { return text && *text ? text : "-"; }

static sum *sums_make(const qn_session *s, bool kernels, uint32_t *out_n)
{
    const qn_profile_row *rows;
    uint32_t n = qn_profile(s, &rows), kept = 0;
    sum *sums = calloc(n + 1, sizeof *sums);
    if (!sums) return *out_n = 0, NULL;
    for (uint32_t i = 0; i < n; i++) {
        const qn_profile_row *r = &rows[i];
        sums[i] = (sum){
            or_dash(kernels ? r->kernel : r->node), or_dash(kernels ? r->where : r->op), r->ns, r->bytes, r->flops, 1
        };
    }
    qsort(sums, n, sizeof *sums, by_name);
    for (uint32_t i = 0; i < n; i++) {
        if (kept && by_name(&sums[kept - 1], &sums[i]) == 0) {
            sum *to = &sums[kept - 1];
            to->ns += sums[i].ns, to->bytes += sums[i].bytes, to->flops += sums[i].flops, to->times++;
        } else {
            sums[kept++] = sums[i];
        }
    }
    qsort(sums, kept, sizeof *sums, by_time);
    *out_n = kept;
    return sums;
}

static uint64_t total_ns(const sum *sums, uint32_t n)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < n; i++) total += sums[i].ns;
    return total;
}

static const char *rate(uint64_t amount, uint64_t ns, const char *unit)
{
    return amount && ns ? text_print("%.1f %s", (double)amount / (double)ns, unit)
                        : "-"; /* a nanosecond each: giga a second */
}

static void print_sums(const qn_session *s, bool kernels, uint32_t most)
{
    uint32_t n;
    sum *sums = sums_make(s, kernels, &n);
    uint64_t total = total_ns(sums, n);
    table t = { .align = "rrrllrr" };
    table_row(&t, "time", "share", "runs", kernels ? "kernel" : "node", kernels ? "where" : "op", "speed", "memory");
    for (uint32_t i = 0; i < n && i < most; i++)
        table_row(&t, text_time((double)sums[i].ns / 1e6),
                  text_print("%.1f %%", total ? 100.0 * (double)sums[i].ns / (double)total : 0),
                  text_print("%llu", (unsigned long long)sums[i].times), sums[i].name, sums[i].note,
                  rate(sums[i].flops, sums[i].ns, "GFLOP/s"), rate(sums[i].bytes, sums[i].ns, "GB/s"));
    printf("\nby %s, %s in all\n", kernels ? "kernel" : "node", text_time((double)total / 1e6));
    table_print(&t, "  ");
    if (n > most) printf("  ... and %u more (--json has all)\n", n - most);
    free(sums);
}

/* Each pass once, where it first runs, with all its rounds: the JSON has every round. */
void passes_print(const qn_session *s)
{
    const qn_pass_row *rows;
    uint32_t n = qn_passes(s, &rows);
    table t = { .align = "lrrrl" };
    table_row(&t, "pass", "rounds", "time", "nodes", "");
    for (uint32_t i = 0; i < n; i++) {
        double ms = 0;
        uint32_t rounds = 0;
        long more = 0;
        bool shown = false;
        for (uint32_t k = 0; k < n; k++) {
            if (strcmp(rows[k].pass, rows[i].pass) != 0) continue;
            shown |= k < i;
            rounds++, ms += rows[k].ms, more += (long)rows[k].nodes_after - (long)rows[k].nodes_before;
        }
        if (!shown)
            table_row(&t, rows[i].pass, text_print("%u", rounds), text_time(ms), more ? text_print("%+ld", more) : "-",
                      rows[i].doc);
    }
    if (n) printf("\npasses: %u nodes become %u\n", rows[0].nodes_before, rows[n - 1].nodes_after);
    table_print(&t, "  ");
}

void passes_json(const qn_session *s)
{
    const qn_pass_row *rows;
    uint32_t n = qn_passes(s, &rows);
    json_begin("passes", '[');
    for (uint32_t i = 0; i < n; i++) {
        json_begin(NULL, '{');
        json_put_text("pass", rows[i].pass);
        json_put_number("ms", rows[i].ms);
        json_put_count("nodes_before", rows[i].nodes_before);
        json_put_count("nodes_after", rows[i].nodes_after);
        json_end('}');
    }
    json_end(']');
}

void profile_print(const qn_session *s)
{
    passes_print(s);
    print_sums(s, false, 25);
    print_sums(s, true, 25);
    notes_print(s);
}

void notes_print(const qn_session *s)
{
    for (uint32_t i = 0; qn_session_note(s, i); i++) printf("%s  %s\n", i ? "" : "\nnotes\n", qn_session_note(s, i));
}

void notes_json(const qn_session *s)
{
    json_begin("notes", '[');
    for (uint32_t i = 0; qn_session_note(s, i); i++) json_put_text(NULL, qn_session_note(s, i));
    json_end(']');
}

static void json_sums(const char *key, const qn_session *s, bool kernels)
{
    uint32_t n;
    sum *sums = sums_make(s, kernels, &n);
    json_begin(key, '[');
    for (uint32_t i = 0; i < n; i++) {
        json_begin(NULL, '{');
        json_put_text(kernels ? "kernel" : "node", sums[i].name);
        json_put_text(kernels ? "where" : "op", sums[i].note);
        json_put_number("ms", (double)sums[i].ns / 1e6);
        json_put_count("runs", sums[i].times);
        json_put_count("flops", sums[i].flops);
        json_put_count("bytes", sums[i].bytes);
        json_end('}');
    }
    json_end(']');
    free(sums);
}

void profile_json(const char *key, const qn_session *s)
{
    json_begin(key, '{');
    json_sums("nodes", s, false);
    json_sums("kernels", s, true);
    passes_json(s);
    notes_json(s);
    json_end('}');
}

/* The first row that ran where this one did; its number names their track, for the format wants numbers. */
static uint32_t track_of(const qn_profile_row *rows, uint32_t row)
{
    uint32_t first = 0;
    while (strcmp(or_dash(rows[first].where), or_dash(rows[row].where)) != 0) first++;
    return first;
}

bool profile_trace(const qn_session *s, const char *path)
{
    const qn_profile_row *rows;
    uint32_t n = qn_profile(s, &rows);
    FILE *f = fopen(path, "w");
    if (!f) return false;
    fputs("{\"displayTimeUnit\": \"ms\", \"traceEvents\": [", f);
    for (uint32_t i = 0; i < n; i++) {
        const qn_profile_row *r = &rows[i];
        uint32_t track = track_of(rows, i);
        fputs(i ? ",\n" : "\n", f);
        if (track == i) {
            fprintf(f, "{\"ph\": \"M\", \"pid\": 1, \"tid\": %u, \"name\": \"thread_name\", \"args\": {\"name\": ", track);
            json_quote(f, or_dash(r->where));
            fputs("}},\n", f);
        }
        fprintf(f, "{\"ph\": \"X\", \"pid\": 1, \"tid\": %u, \"name\": ", track);
        json_quote(f, or_dash(r->node));
        fputs(", \"cat\": ", f);
        json_quote(f, or_dash(r->op));
        fprintf(f, ", \"ts\": %.3f, \"dur\": %.3f, \"args\": {\"kernel\": ", (double)r->start_ns / 1e3, (double)r->ns / 1e3);
        json_quote(f, or_dash(r->kernel));
        fprintf(f, ", \"bytes\": %llu, \"flops\": %llu}}", (unsigned long long)r->bytes, (unsigned long long)r->flops);
    }
    fputs("\n]}\n", f);
    bool bad = ferror(f) != 0;
    return fclose(f) == 0 && !bad;
}

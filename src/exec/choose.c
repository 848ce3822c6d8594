/* Which device? "auto" is the one that runs a small network in the least time (probe.c), measured on each device that is here and computes.
 * Another one than the CPU must be faster by a fifth at least: its driver compiles each model's kernels first, and other networks differ.
 * A device that cannot be waited for (in a browser) cannot be measured here: it is taken only when no other computes. */
#include <stdio.h>
#include <stdlib.h>

#include "exec/exec.h"

enum { MOST_DEVICES = 64 };
static const f64 ahead_of_cpu = 0.8;

static u32 open_all(const qn_device_desc *desc, qn_device **all)
{
    device_walk w = { 0 };
    qn_device *d;
    u32 n = 0;
    while (n < MOST_DEVICES && device_next(&w, desc, &d)) {
        if (d && d->info.caps.workers) all[n++] = d;
        else qn_device_close(d);
    }
    return n;
}

static bool tell(const qn_device_desc *desc, const qn_device *d, u32 i, u32 n)
{
    char stage[64];
    if (!desc || !desc->progress) return true;
    snprintf(stage, sizeof stage, "measuring %s", d->info.spec);
    return desc->progress(desc->progress_user, stage, (f64)i / n);
}

/* *best: the place in all of the fastest; where none could be measured, of the first that only cannot be waited for. n: there is none. */
static qn_status fastest(const qn_device_desc *desc, qn_device *const *all, u32 n, u32 *best)
{
    u32 unmeasured = n;
    f64 least = 0;
    *best = n;
    for (u32 i = 0; i < n; i++) {
        f64 ms;
        if (!tell(desc, all[i], i, n)) return fail(QN_E_USAGE, "cancelled while measuring devices");
        qn_status s = qn_device_probe(all[i], false, &ms);
        if (s == QN_E_UNSUPPORTED && unmeasured == n) unmeasured = i;
        if (s == QN_OK && all[i]->info.caps.host_memory) ms *= ahead_of_cpu;
        if (s == QN_OK && (*best == n || ms < least)) *best = i, least = ms;
    }
    if (*best == n) *best = unmeasured;
    return QN_OK;
}

/* The choice is kept for a day, so that the other drivers need not be opened to be passed over: spec, name, driver, seconds, a line each. */

static const long long day = 24 * 60 * 60;

static bool choice_path(char *out, size_t n)
{
    char folder[1024];
    return cache_folder(folder, sizeof folder) && snprintf(out, n, "%s/auto-%s.txt", folder, qn_version()) < (int)n;
}

static void write_choice(const char *text)
{
    char path[1100];
    if (choice_path(path, sizeof path)) file_write(path, (qn_bytes){ text, strlen(text) });
}

void choose_forget(void) { write_choice("-\n"); }

static void keep_choice(const qn_device_info *info)
{
    char text[400];
    snprintf(text, sizeof text, "%s\n%s\n%s\n%lld\n", info->spec, info->name, info->driver, (long long)clock_calendar());
    write_choice(text);
}

static bool is_plain(const qn_device_desc *d)
{
    return !d || (!d->threads && !d->cpu_isa && !d->interpret && !d->reverse_items);
}

/* The device of the kept choice, when it is still the same one. */
static bool open_kept(qn_device **out)
{
    char path[1100], text[400] = "", expect[400];
    file_map file;
    if (!choice_path(path, sizeof path) || file_map_open(path, &file) != QN_OK) return false;
    memcpy(text, file.bytes.data, MIN(file.bytes.n, sizeof text - 1));
    file_map_close(&file);
    char spec[32];
    const char *line = strchr(text, '\n'), *last = line ? strrchr(text, '\n') : NULL;
    if (!line || last == line || line - text >= (long)sizeof spec) return false;
    snprintf(spec, sizeof spec, "%.*s", (int)(line - text), text);
    qn_device *d;
    if (device_open(spec, NULL, &d) != QN_OK) return false;
    int n = snprintf(expect, sizeof expect, "%s\n%s\n%s\n", d->info.spec, d->info.name, d->info.driver);
    long long age = strncmp(text, expect, (size_t)n) == 0 ? (long long)clock_calendar() - strtoll(text + n, NULL, 10) : -1;
    if (age >= 0 && age < day) return *out = d, true;
    qn_device_close(d);
    return false;
}

static qn_status open_measured(const qn_device_desc *desc, qn_device **out)
{
    qn_device *all[MOST_DEVICES];
    attempt_begin(); /* a device that is absent or not measured is no failure of ours */
    u32 n = open_all(desc, all), best = 0;
    qn_status s = n == 1 ? QN_OK : fastest(desc, all, n, &best);
    attempt_end(s != QN_OK);
    for (u32 i = 0; i < n; i++)
        if (i != best || s != QN_OK) qn_device_close(all[i]);
    QN_TRY(s);
    if (best == n) return fail(QN_E_NO_DEVICE, "no device that computes can be opened here; 'quern doctor' says why");
    *out = all[best];
    return QN_OK;
}

static qn_status open_auto(const qn_device_desc *desc, qn_device **out)
{
    bool plain = is_plain(desc);
    attempt_begin(); /* what is kept may be of no use: then all are looked at */
    bool kept = plain && open_kept(out);
    attempt_end(false);
    if (kept) return QN_OK;
    QN_TRY(open_measured(desc, out));
    if (plain) keep_choice(&(*out)->info);
    return QN_OK;
}

qn_status qn_device_open(const char *spec, const qn_device_desc *desc, qn_device **out)
{
    if (!spec || !out) return fail(QN_E_USAGE, "qn_device_open: spec and out are needed; \"auto\" opens the fastest device");
    return text_same(spec, "auto") ? open_auto(desc, out) : device_open(spec, desc, out);
}

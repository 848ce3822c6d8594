/* What "auto" opens: the device with the least time for the probe, whichever that is; and the probe itself. */
#include <stdio.h>
#include <stdlib.h>

#include "exec/exec.h"
#include "test.h"

enum { MOST = 16 };

static u32 computing_devices(qn_device_info *out)
{
    device_walk w = { 0 };
    qn_device *d;
    u32 n = 0;
    while (device_next(&w, NULL, &d)) {
        if (d && d->info.caps.workers && d->backend->wait_a_little && n < MOST) out[n++] = d->info;
        qn_device_close(d);
    }
    return n;
}

static void check_choice(test *t)
{
    qn_device_info all[MOST];
    u32 n = computing_devices(all);
    for (u32 fastest = 0; fastest < n; fastest++) {
        for (u32 i = 0; i < n; i++) probe_keep(&all[i], i == fastest ? 1.5 : 2.5 + i);
        qn_device *d = NULL;
        CHECK_OK(t, qn_device_open("auto", NULL, &d));
        CHECK(t, d && !strcmp(d->info.spec, all[fastest].spec), "auto is %s, not %s", d ? d->info.spec : "none",
              all[fastest].spec);
        qn_device_close(d);
    }
    for (u32 close = 0; close < n && n > 1; close++) {
        for (u32 i = 0; i < n; i++) probe_keep(&all[i], !strcmp(all[i].kind, "cpu") ? 2.0 : i == close ? 1.7 : 9.0);
        qn_device *d = NULL;
        CHECK_OK(t, qn_device_open("auto", NULL, &d));
        CHECK(t, d && !strcmp(d->info.kind, "cpu"), "auto is %s, that is hardly faster than the cpu",
              d ? d->info.spec : "none");
        qn_device_close(d);
    }
    if (n < 2) SKIP(t, "auto has no choice here: one device computes");
}

static bool give_up(void *user, const char *stage, double part)
{
    u32 *told = user;
    return ++*told < 2 && text_starts(stage, "measuring ") && part >= 0 && part < 1;
}

/* It tells what it measures, and stops when it is told to. */
static void check_progress(test *t)
{
    qn_device_info all[MOST];
    u32 n = computing_devices(all), told = 0;
    qn_device *d = NULL;
    if (n < 2) return; /* one device is not measured */
    for (u32 i = 0; i < n; i++) probe_keep(&all[i], 1.5 + i);
    u64 alive = mem_blocks_alive();
    qn_status s = qn_device_open("auto", &(qn_device_desc){ .progress = give_up, .progress_user = &told }, &d);
    CHECK(t, s == QN_E_USAGE && told == 2 && !d, "%s after %u", qn_status_text(s), told);
    CHECK(t, mem_blocks_alive() <= alive, "%lld blocks are left", (long long)(mem_blocks_alive() - alive));
}

static void check_probe(test *t)
{
    qn_device *d = NULL;
    f64 first = 0, kept = 0, anew = 0;
    CHECK_OK(t, qn_device_open("cpu", NULL, &d));
    if (!d) return;
    probe_keep(&d->info, 1234.5);
    CHECK_OK(t, qn_device_probe(d, false, &kept));
    CHECK(t, kept > 1234.4 && kept < 1234.6, "kept: %g", kept);
    CHECK_OK(t, qn_device_probe(d, true, &anew));
    CHECK(t, anew > 0 && anew < 1234, "measured anew: %g ms", anew);
    CHECK_OK(t, qn_device_probe(d, false, &first));
    CHECK(t, first - anew < 1e-3 && anew - first < 1e-3, "kept after that: %g, not %g", first, anew);
    qn_device_close(d);
    CHECK_OK(t, qn_device_open("null", NULL, &d));
    CHECK(t, qn_device_probe(d, false, &first) == QN_E_UNSUPPORTED, "a device that computes nothing is measured");
    qn_device_close(d);
}

void test_choose(test *t)
{
    const char *was = getenv("QUERN_CACHE");
    char before[1024];
    snprintf(before, sizeof before, "%s", was ? was : "");
    setenv("QUERN_CACHE", test_temp_folder(), 1); /* nobody's own measurements are touched */
    check_choice(t);
    check_progress(t);
    check_probe(t);
    if (was) setenv("QUERN_CACHE", before, 1);
    else unsetenv("QUERN_CACHE");
}

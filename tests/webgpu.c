/* What only the webgpu device can get wrong: kernels that the implementation refuses, and pipelines that come late. The implementation is the one that is
 * here, behind a table that spoils the text of some kernels and lets pipelines be ready only when they were asked for often enough. */
#include <stdio.h>
#include <stdlib.h>

#include "device/verify.h"
#include "device/webgpu.h"
#include "device/webgpu_native.h"
#include "device_ways.h"

static struct hook {
    const webgpu_api *real;
    const char *victim; /* kernels whose text holds this word do not compile; NULL: all do */
    u32 late;           /* states asked for before a pipeline is there */
    u32 trouble;        /* told once, whatever the device says */
    bool unreadable;    /* what is mapped cannot be read */
    bool cramped;       /* no buffer is made, and trouble tells why */
    bool hollow;        /* buffers are none, which only the next tick tells: so it is in a browser */
    u32 coming;
    u32 made, asked[4096];
} hook;

static u32 hooked_make(u32 device, const char *text, u32 n, u32 n_spans, u32 reads)
{
    str spoilt = { 0 };
    str_add_n(&spoilt, text, n);
    if (hook.victim && strstr(spoilt.text, hook.victim))
        str_add(&spoilt, "\nfn spoilt() -> u32 { return nobody_knows_this; }\n");
    u32 made = hook.real->pipeline_make(device, spoilt.text, (u32)spoilt.n, n_spans, reads);
    hook.asked[made % COUNT(hook.asked)] = 0;
    hook.made++;
    str_free(&spoilt);
    return made;
}

static u32 hooked_state(u32 device, u32 pipeline)
{
    if (hook.asked[pipeline % COUNT(hook.asked)]++ < hook.late) return WEBGPU_PIPELINE_PENDING;
    return hook.real->pipeline_state(device, pipeline);
}

static u32 hooked_trouble(u32 device)
{
    u32 real = hook.real->trouble(device), told = hook.trouble ? hook.trouble : real;
    if (hook.coming && !hook.trouble) return WEBGPU_FINE; /* what comes of it is not told before it */
    hook.trouble = WEBGPU_FINE;
    return told;
}

static void hooked_tick(u32 device)
{
    hook.real->tick(device);
    if (hook.coming) hook.trouble = hook.coming;
    hook.coming = WEBGPU_FINE;
}

static u32 hooked_unmap_read(u32 device, u32 buffer, u32 at, void *out, u32 bytes)
{
    bool lies = out && hook.unreadable;
    return hook.real->unmap_read(device, buffer, at, lies ? NULL : out, bytes) && !lies;
}

static u32 hooked_buffer_make(u32 device, u32 kind, u32 blocks)
{
    if (hook.cramped) hook.trouble = WEBGPU_NO_MEMORY; /* as a browser does, whose answer comes with a number */
    if (hook.hollow && kind == WEBGPU_STORAGE) hook.coming = WEBGPU_NO_MEMORY, blocks = 1;
    return hook.real->buffer_make(device, kind, blocks);
}

static qn_device *open_hooked(test *t, const char *victim, u32 late)
{
    static webgpu_api table;
    qn_device *d = NULL;
    qn_status status = qn_device_open("webgpu", NULL, &d);
    if (status == QN_E_NO_DEVICE) SKIP(t, "webgpu: %s", qn_last_error());
    else CHECK(t, status == QN_OK, "%s", qn_last_error());
    if (!d) return NULL;
    webgpu_device *w = (webgpu_device *)d;
    hook = (struct hook){ .real = w->api, .victim = victim, .late = late };
    table = *w->api;
    table.pipeline_make = hooked_make;
    table.pipeline_state = hooked_state;
    table.trouble = hooked_trouble;
    table.tick = hooked_tick;
    table.unmap_read = hooked_unmap_read;
    table.buffer_make = hooked_buffer_make;
    w->api = &table;
    return d;
}

/* ------------------------------------------------------------------ two kernels, one of which may be a victim */
enum { N = 100 };

typedef struct pair {
    qn_kernel *good, *bad;
    qn_buffer *x, *y, *z;
    f32 in[N], out[N];
} pair;

static qn_kernel *kernel_of(test *t, qn_device *d, const char *source)
{
    qn_kernel *k = NULL;
    CHECK_OK(t, qn_kernel_from_source(d, &(qn_kernel_desc){ .source = source }, &k));
    return k;
}

static void pair_make(test *t, qn_device *d, pair *p)
{
    for (u32 i = 0; i < N; i++) p->in[i] = (f32)i;
    p->good = kernel_of(t, d, "#include \"quern_kernel.h\"\nMAP(f32) twice(u32 i, IN(f32) x) { return x[i] * 2; }");
    p->bad = kernel_of(t, d, "#include \"quern_kernel.h\"\nMAP(f32) spoil_me(u32 i, IN(f32) x) { return x[i] + 1; }");
    p->x = buffer_of(t, d, p->in, sizeof p->in);
    p->y = buffer_of(t, d, NULL, sizeof p->out);
    p->z = buffer_of(t, d, NULL, sizeof p->out);
}

static void pair_free(pair *p)
{
    qn_kernel_free(p->good);
    qn_kernel_free(p->bad);
    qn_buffer_free(p->x);
    qn_buffer_free(p->y);
    qn_buffer_free(p->z);
}

static qn_status launch(qn_kernel *k, qn_buffer *from, qn_buffer *to)
{
    return qn_kernel_launch(k, N, (qn_arg[]){ { .buffer = from }, { .buffer = to } }, 2);
}

static void check_twice(test *t, qn_device *d, pair *p)
{
    memset(p->out, 0, sizeof p->out);
    CHECK_OK(t, launch(p->good, p->x, p->y));
    if (read_all(t, d, p->y, p->out)) CHECK(t, p->out[7] == 14 && p->out[N - 1] == 2 * N - 2, "2 * 7 is %g", (f64)p->out[7]);
}

static bool names_it(void) { return strstr(qn_last_error(), "spoil_me") && strstr(qn_last_error(), "nobody_knows_this"); }

/* Told at the launch; everything else on the device goes on. */
static void refused(test *t)
{
    pair p = { 0 };
    qn_device *d = open_hooked(t, "spoil_me", 0);
    if (!d) return;
    pair_make(t, d, &p);
    check_twice(t, d, &p);
    for (u32 i = 0; i < 2; i++) {
        qn_status status = launch(p.bad, p.x, p.z);
        CHECK(t, status == QN_E_DEVICE && names_it(), "a refused kernel: %s: %s", qn_status_text(status), qn_last_error());
        check_twice(t, d, &p);
    }
    hook.victim = NULL; /* the same kernel, made again where it compiles */
    qn_kernel_free(p.bad);
    p.bad = kernel_of(t, d, "#include \"quern_kernel.h\"\nMAP(f32) spoil_me(u32 i, IN(f32) x) { return x[i] + 1; }");
    CHECK_OK(t, launch(p.bad, p.x, p.z));
    if (read_all(t, d, p.z, p.out)) CHECK(t, p.out[7] == 8, "7 + 1 is %g", (f64)p.out[7]);
    pair_free(&p);
    qn_device_close(d);
}

static u32 polls_until(qn_device *d, qn_ticket ticket, qn_status *status)
{
    bool done = false;
    u32 polls = 0;
    for (*status = QN_OK; !done && *status == QN_OK && polls < 100000; polls++) *status = qn_device_poll(d, ticket, &done);
    return polls;
}

/* Everything behind a pipeline that is not there yet happens later, and in order. */
static void late(test *t)
{
    pair p = { 0 };
    qn_ticket ticket;
    qn_status status;
    f32 after[N];
    qn_device *d = open_hooked(t, NULL, 50);
    if (!d) return;
    pair_make(t, d, &p);
    CHECK_OK(t, launch(p.good, p.x, p.y));                            /* y = 2x */
    CHECK_OK(t, qn_buffer_write(p.x, 0, (f32[N]){ 0 }, sizeof p.in)); /* after it */
    CHECK_OK(t, launch(p.bad, p.y, p.z));                             /* z = y + 1 */
    CHECK_OK(t, launch(p.good, p.z, p.y));                            /* y = 2z */
    CHECK_OK(t, qn_buffer_read(p.y, 0, p.out, sizeof p.out, &ticket));
    CHECK_OK(t, qn_buffer_read(p.x, 0, after, sizeof after, &ticket));
    qn_buffer_free(p.z); /* in use until then */
    p.z = NULL;
    CHECK(t, hook.made == 2, "%u pipelines are being made at once, not 2", hook.made);
    u32 polls = polls_until(d, ticket, &status);
    CHECK(t, status == QN_OK && polls > 20, "done after %u polls: %s", polls, qn_last_error());
    CHECK(t, p.out[7] == 30 && after[7] == 0, "2 * (2 * 7 + 1) is %g, what was written after it %g", (f64)p.out[7],
          (f64)after[7]);
    pair_free(&p);
    qn_device_close(d);
}

/* A late refusal is told to the flush that it belongs to, and to no other. */
static void late_and_refused(test *t)
{
    pair p = { 0 };
    qn_ticket before, with, behind;
    qn_status status;
    f32 unread[N] = { 0 }, other[N] = { 0 };
    qn_device *d = open_hooked(t, "spoil_me", 50);
    if (!d) return;
    pair_make(t, d, &p);
    CHECK_OK(t, launch(p.good, p.x, p.y));
    CHECK_OK(t, qn_buffer_read(p.y, 0, p.out, sizeof p.out, &before));
    CHECK_OK(t, launch(p.bad, p.x, p.z));
    CHECK_OK(t, qn_buffer_read(p.z, 0, unread, sizeof unread, &with));
    CHECK_OK(t, launch(p.good, p.x, p.y));
    CHECK_OK(t, qn_buffer_read(p.y, 0, other, sizeof other, &behind));
    polls_until(d, behind, &status);
    CHECK(t, status == QN_OK && other[7] == 14, "the flush behind it: %s", qn_last_error());
    polls_until(d, with, &status);
    CHECK(t, status == QN_E_DEVICE && names_it(), "the flush with it: %s: %s", qn_status_text(status), qn_last_error());
    polls_until(d, before, &status);
    CHECK(t, status == QN_OK && p.out[7] == 14, "the flush before it: %s", qn_last_error());
    status = launch(p.bad, p.x, p.z);
    CHECK(t, status == QN_E_DEVICE && names_it(), "now it is known: %s: %s", qn_status_text(status), qn_last_error());
    pair_free(&p);
    qn_device_close(d);
}

static void check_poll(test *t, qn_device *d, qn_ticket ticket, qn_status want, const char *what)
{
    qn_status status;
    polls_until(d, ticket, &status);
    CHECK(t, status == want, "%s: %s, not %s: %s", what, qn_status_text(status), qn_status_text(want), qn_last_error());
}

/* No memory, while some work is done, some held and some not flushed yet: each flush of it tells so once, and the device goes on. */
static void no_memory(test *t, u32 late)
{
    pair p = { 0 };
    qn_ticket done, held, behind, loose, after;
    f32 other[N] = { 0 }, third[N] = { 0 };
    qn_device *d = open_hooked(t, NULL, 0);
    if (!d) return;
    pair_make(t, d, &p);
    check_twice(t, d, &p);
    hook.late = late;
    CHECK_OK(t, launch(p.good, p.x, p.y));
    CHECK_OK(t, qn_buffer_read(p.y, 0, p.out, sizeof p.out, &done));
    CHECK_OK(t, launch(p.bad, p.x, p.z)); /* the first that waits for its pipeline */
    CHECK_OK(t, qn_buffer_read(p.z, 0, other, sizeof other, &held));
    CHECK_OK(t, launch(p.good, p.z, p.y));
    CHECK_OK(t, qn_buffer_read(p.y, 0, third, sizeof third, &behind));
    CHECK_OK(t, launch(p.good, p.x, p.z)); /* nobody has flushed this */
    hook.trouble = WEBGPU_NO_MEMORY;
    check_poll(t, d, done, QN_E_NOMEM, "the flush that is polled");
    check_poll(t, d, held, QN_E_NOMEM, "the held one");
    check_poll(t, d, held, QN_OK, "the held one, told before");
    check_poll(t, d, behind, QN_E_NOMEM, "the one behind it");
    CHECK_OK(t, qn_buffer_read(p.z, 0, other, sizeof other, &loose));
    check_poll(t, d, loose, QN_E_NOMEM, "work that was not flushed");
    CHECK_OK(t, launch(p.bad, p.x, p.z));
    CHECK_OK(t, qn_buffer_read(p.z, 0, other, sizeof other, &after));
    check_poll(t, d, after, QN_OK, "what comes after");
    CHECK(t, other[7] == 8, "7 + 1 is %g", (f64)other[7]);
    check_twice(t, d, &p);
    pair_free(&p);
    qn_device_close(d);
}

/* A flush that nobody waits for any more leaves nothing behind when it fails. */
static void forgotten(test *t)
{
    pair p = { 0 };
    qn_ticket ticket, last;
    qn_device *d = open_hooked(t, NULL, 50);
    if (!d) return;
    pair_make(t, d, &p);
    CHECK_OK(t, launch(p.good, p.x, p.y));
    CHECK_OK(t, qn_buffer_read(p.y, 0, p.out, sizeof p.out, &ticket));
    d->backend->forget(d, ticket);
    CHECK_OK(t, qn_buffer_read(p.x, 0, p.out, sizeof p.out, &last));
    hook.trouble = WEBGPU_NO_MEMORY;
    check_poll(t, d, last, QN_E_NOMEM, "the one that is waited for");
    CHECK(t, ((webgpu_device *)d)->n_tickets == 0, "%u tickets are left", ((webgpu_device *)d)->n_tickets);
    pair_free(&p);
    qn_device_close(d);
}

/* Trouble that comes with a new buffer: the buffer does not stay behind. */
static void cramped(test *t)
{
    qn_device *d = open_hooked(t, NULL, 0);
    qn_buf b = 0;
    if (!d) return;
    hook.cramped = true;
    i64 alive = webgpu_objects_alive();
    CHECK(t, d->backend->buf_make(d, 4096, &b) == QN_E_NOMEM && !b, "a buffer where there is no room: %s", qn_last_error());
    CHECK(t, webgpu_objects_alive() == alive, "a buffer is left");
    hook.cramped = false;
    CHECK_OK(t, d->backend->buf_make(d, 4096, &b));
    d->backend->buf_free(d, b);
    CHECK(t, webgpu_objects_alive() == alive, "a freed buffer is left");
    qn_device_close(d);
}

/* Bytes that cannot be had are no result. */
static void unreadable(test *t)
{
    pair p = { 0 };
    qn_ticket ticket;
    qn_device *d = open_hooked(t, NULL, 0);
    if (!d) return;
    pair_make(t, d, &p);
    CHECK_OK(t, launch(p.good, p.x, p.y));
    CHECK_OK(t, qn_buffer_read(p.y, 0, p.out, sizeof p.out, &ticket));
    hook.unreadable = true;
    check_poll(t, d, ticket, QN_E_DEVICE, "what cannot be read");
    hook.unreadable = false;
    check_twice(t, d, &p);
    pair_free(&p);
    qn_device_close(d);
}

static void closed_while_late(test *t)
{
    pair p = { 0 };
    qn_ticket ticket;
    qn_device *d = open_hooked(t, NULL, UINT32_MAX);
    if (!d) return;
    pair_make(t, d, &p);
    CHECK_OK(t, launch(p.good, p.x, p.y));
    CHECK_OK(t, qn_buffer_write(p.x, 0, p.in, sizeof p.in));
    CHECK_OK(t, qn_buffer_read(p.y, 0, p.out, sizeof p.out, &ticket));
    pair_free(&p);
    qn_device_close(d);
}

/* ------------------------------------------------------------------ models */
static const char model[] = QUERN_SOURCE_DIR "/models/glyphs.onnx";
enum { PIXELS = 32 * 32 };

static void run(test *t, qn_session *s)
{
    static f32 pixels[PIXELS];
    qn_ticket done;
    qn_named in = { "image", { QN_F32, 4, { 1, 1, 32, 32 }, pixels } };
    CHECK(t, qn_run(s, &in, 1, &done) == QN_OK && qn_wait(s, done) == QN_OK, "%s", qn_last_error());
}

/* What was to be read has nowhere to go any more. */
static void closed_while_running(test *t, qn_session *s, webgpu_device *w)
{
    static const f32 pixels[PIXELS];
    qn_named in = { "image", { QN_F32, 4, { 1, 1, 32, 32 }, pixels } };
    qn_ticket ticket;
    bool done = true;
    if (s) CHECK(t, qn_run(s, &in, 1, &ticket) == QN_OK && qn_poll(s, ticket, &done) == QN_OK, "%s", qn_last_error());
    CHECK(t, done || w->n_reads, "a read is under way");
    qn_session_close(s);
    for (u32 i = 0; i < w->n_reads; i++) CHECK(t, !w->reads[i].to, "a read into memory that is gone");
}

/* Opening a session begins every pipeline that a run needs. */
static void expected(test *t)
{
    qn_session *s = NULL;
    qn_device *d = open_hooked(t, NULL, 30);
    if (!d) return;
    d->trusted = true;
    CHECK_OK(t, qn_session_open(&(qn_session_desc){ .device = d, .path = model }, &s));
    u32 made = hook.made;
    CHECK(t, made > 3, "%u pipelines after opening", made);
    if (s) run(t, s);
    CHECK(t, hook.made == made, "%u pipelines more were made by the first run", hook.made - made);
    closed_while_running(t, s, (webgpu_device *)d);
    qn_device_close(d);
}

/* A run that there is no memory for, told when it is long queued, gives back what it took: the next one finds buffers that are there. */
static void no_memory_for_a_run(test *t)
{
    static const f32 pixels[PIXELS];
    qn_named in = { "image", { QN_F32, 4, { 1, 1, 32, 32 }, pixels } };
    qn_session *s = NULL;
    qn_ticket ticket;
    qn_device *d = open_hooked(t, NULL, 0);
    if (!d) return;
    d->trusted = true;
    CHECK_OK(t, qn_session_open(&(qn_session_desc){ .device = d, .path = model }, &s));
    for (u32 turn = 0; s && turn < 2; turn++) {
        const i64 alive = webgpu_objects_alive();
        hook.hollow = true;
        qn_status status = qn_run(s, &in, 1, &ticket);
        if (status == QN_OK) status = qn_wait(s, ticket);
        CHECK(t, status == QN_E_NOMEM, "a run without memory: %s: %s", qn_status_text(status), qn_last_error());
        CHECK(t, webgpu_objects_alive() <= alive, "%lld objects are left", (long long)(webgpu_objects_alive() - alive));
        hook.hollow = false;
        run(t, s);
        qn_session_close(s);
        CHECK_OK(t, qn_session_open(&(qn_session_desc){ .device = d, .path = model }, &s));
    }
    qn_session_close(s);
    qn_device_close(d);
}

static qn_status try_out(test *t, qn_device *d, const verify_launch *l, verdict *out)
{
    verify *v = NULL;
    bool moved;
    QN_TRY(verify_begin(d, l, &v));
    qn_status s = QN_OK;
    for (*out = VERDICT_NONE; s == QN_OK && *out == VERDICT_NONE;) {
        s = verify_step(v, true, &moved, out);
        if (s == QN_OK && !moved && CHECK(t, verify_waits(v), "it waits for something"))
            d->backend->wait_a_little(d, verify_waits(v));
    }
    verify_end(v);
    return s;
}

/* A trial finds what the implementation refuses, also where the interpreter cannot judge, and the device goes on. */
static void tried(test *t)
{
    static const struct {
        const char *text, *victim;
        verdict want;
    } kernels[] = {
        { "MAP(f32) fine(u32 i, IN(f32) x) { return x[i] + 1; }", NULL, VERDICT_RIGHT },
        { "MAP(f32) spoil_me(u32 i, IN(f32) x) { return x[i] + 1; }", "spoil_me", VERDICT_REFUSED },
        { "MAP(f32) far(u32 i, IN(f32) x) { return x[i + 900]; }", NULL, VERDICT_UNJUDGED },
        { "MAP(f32) far_spoil_me(u32 i, IN(f32) x) { return x[i + 900]; }", "far_spoil_me", VERDICT_REFUSED },
        { "MAP(f32) fine_again(u32 i, IN(f32) x) { return x[i] + 2; }", NULL, VERDICT_RIGHT },
    };
    qn_device *d = open_hooked(t, NULL, 0);
    for (size_t i = 0; d && i < COUNT(kernels); i++) {
        const kc_program program = { .file = "tried.c", .text = kernels[i].text, .defines = "" };
        const verify_launch l = { &program, 2, 0, { { N * 4, NULL, 0 }, { N * 4, NULL, 1 } }, { 0 }, N };
        verdict got = VERDICT_NONE;
        hook.victim = kernels[i].victim;
        CHECK_OK(t, try_out(t, d, &l, &got));
        CHECK(t, got == kernels[i].want, "%s: verdict %d, not %d", kernels[i].text, got, kernels[i].want);
    }
    qn_device_close(d);
}

/* Trials in a cache of their own. */
static void with_fresh_cache(test *t, void (*body)(test *t))
{
    char folder[512], kept[1024];
    const char *before = getenv("QUERN_CACHE");
    snprintf(kept, sizeof kept, "%s", before ? before : "");
    snprintf(folder, sizeof folder, "%s/webgpu", test_temp_folder());
    setenv("QUERN_CACHE", folder, 1);
    body(t);
    if (before) setenv("QUERN_CACHE", kept, 1);
    else unsetenv("QUERN_CACHE");
}

/* ------------------------------------------------------------------ a loss that shows in what is refused, and is not told */
static struct {
    wgpu_library real;
    wgpu_object device;
} going;

static wgpu_object going_buffer(wgpu_object device, const wgpu_buffer_options *options)
{
    if (going.device) going.real.DeviceDestroy(going.device);
    going.device = NULL;
    return going.real.DeviceCreateBuffer(device, options);
}

static void lost_and_not_told(test *t)
{
    qn_device *d = open_hooked(t, NULL, 0);
    if (!d) return;
    qn_buffer *b = NULL;
    going.real = webgpu_lib;
    going.device = native_of(((webgpu_device *)d)->id)->device;
    webgpu_lib.DeviceCreateBuffer = going_buffer;
    CHECK(t, qn_buffer_make(d, 64, &b) == QN_E_LOST && strstr(qn_last_error(), "the device is lost"), "%s", qn_last_error());
    webgpu_lib = going.real;
    qn_device_close(d);
    CHECK_OK(t, qn_device_open("webgpu", NULL, &d));
    CHECK_OK(t, qn_buffer_make(d, 64, &b));
    qn_buffer_free(b);
    qn_device_close(d);
}

void test_webgpu(test *t)
{
    close_test_devices();
    u64 alive = mem_blocks_alive();
    refused(t);
    late(t);
    late_and_refused(t);
    no_memory(t, 0);
    no_memory(t, 50);
    forgotten(t);
    cramped(t);
    unreadable(t);
    closed_while_late(t);
    expected(t);
    no_memory_for_a_run(t);
    with_fresh_cache(t, tried);
    lost_and_not_told(t);
    CHECK(t, mem_blocks_alive() == alive, "nothing is left behind");
}

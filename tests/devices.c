/* Devices and buffers: every public call on every device found here, the table behind them, what they refuse, and what they
 * leave behind. */
#include <pthread.h>
#include <stdio.h>

#include "device/cpu_program.h"
#include "device/cuda_api.h"
#include "device/host_kernels.h"
#include "device/slots.h"
#include "device/webgl_memory.h"
#include "device/webgpu_api.h"
#include "device_ways.h"

/* What drivers never free is not our leak; ours are counted (mem_blocks_alive, driver_objects). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libpocl\nleak:libLLVM\nleak:libOpenCL\nleak:libEGL\nleak:libGL\nleak:_dri.so\n";
}
const char *__lsan_default_options(void);
const char *__lsan_default_options(void) { return "print_suppressions=0"; }

i64 driver_objects(void)
{
    return cuda_objects_alive() + opencl_objects_alive() + webgl_objects_alive() + webgpu_objects_alive();
}

/* One way to open a device. */
typedef struct device_way {
    const char *label, *spec;
    qn_device_desc desc;
} device_way;

static const device_way device_ways[] = {
    { "cpu", "cpu", { 0 } },
    { "cpu, 1 thread", "cpu", { .threads = 1 } },
    { "cpu, 3 threads", "cpu", { .threads = 3 } },
    { "cpu, baseline", "cpu", { .cpu_isa = "baseline" } },
    { "cpu, avx2", "cpu", { .cpu_isa = "avx2" } },
    { "cpu, avx512", "cpu", { .cpu_isa = "avx512" } },
    { "cpu, interpreter", "cpu", { .interpret = true } },
    { "cpu, reversed", "cpu", { .reverse_items = true } },
    { "cuda", "cuda", { 0 } },
    { "opencl", "opencl", { 0 } },
    { "webgl", "webgl", { 0 } },
    { "webgpu", "webgpu", { 0 } },
};

qn_buffer *buffer_of(test *t, qn_device *d, const void *data, u64 bytes)
{
    qn_buffer *b = NULL;
    CHECK_OK(t, qn_buffer_make(d, bytes, &b));
    if (b && data) CHECK_OK(t, qn_buffer_write(b, 0, data, bytes));
    return b;
}

bool read_all(test *t, qn_device *d, qn_buffer *b, void *to)
{
    qn_ticket ticket;
    qn_status status = qn_buffer_read(b, 0, to, qn_buffer_bytes(b), &ticket);
    if (status == QN_OK) status = qn_device_wait(d, ticket);
    CHECK(t, status == QN_OK, "read: %s", qn_last_error());
    return status == QN_OK;
}

static void on_device(test *t, qn_device *d, const char *label, void (*body)(test *t, qn_device *d))
{
    u64 failed = t->failed;
    body(t, d);
    CHECK(t, t->failed == failed, "the failures above are on: %s", label);
    qn_device_close(d);
}

void for_each_device(test *t, void (*body)(test *t, qn_device *d))
{
    qn_device *d = NULL;
    for (size_t i = 0; i < COUNT(device_ways); i++) {
        const device_way *w = &device_ways[i];
        qn_status status = qn_device_open(w->spec, &w->desc, &d);
        if (status == QN_E_NO_DEVICE) SKIP(t, "%s: %s", w->label, qn_last_error());
        else if (CHECK(t, status == QN_OK, "%s: %s", w->label, qn_last_error())) on_device(t, d, w->label, body);
    }
    char spec[16];
    for (u32 i = 1; i < 8; i++) { /* the first was in the table */
        snprintf(spec, sizeof spec, "opencl:%u", i);
        if (qn_device_open(spec, NULL, &d) != QN_OK) break;
        on_device(t, d, spec, body);
    }
}

/* ---- listing and opening */

static void listing(test *t)
{
    qn_device_info info;
    u32 present = 0, index = 0;
    for (;; index++) {
        memset(&info, 0xff, sizeof info);
        qn_status status = qn_device_list(index, &info);
        if (status == QN_E_NAME) break;
        CHECK(t, status == QN_OK || status == QN_E_NO_DEVICE, "entry %u: %s", index, qn_last_error());
        CHECK(t, info.kind[0] && info.spec[0], "entry %u has a kind and a spec", index);
        if (status == QN_E_NO_DEVICE) CHECK(t, qn_last_error()[0], "%s is absent without a reason", info.kind);
        else CHECK(t, info.name[0] && info.driver[0] && info.caps.max_buffers, "%s has name, driver and caps", info.spec);
        present += status == QN_OK;
        if (index > 100) break;
    }
    CHECK(t, present >= 2 && index >= 3 && index < 100, "%u devices of %u entries", present, index);
    CHECK(t, qn_device_list(0, NULL) == QN_E_USAGE, "out is needed");
}

static void opening(test *t)
{
    static const struct {
        const char *spec;
        qn_device_desc desc;
        qn_status status;
    } cases[] = {
        { "abacus", { 0 }, QN_E_NAME },
        { "", { 0 }, QN_E_NAME },
        { "cpu:", { 0 }, QN_E_NAME },
        { "cpu:x", { 0 }, QN_E_NAME },
        { "cpu:1x", { 0 }, QN_E_NAME },
        { "cpu:-1", { 0 }, QN_E_NAME },
        { "cpux", { 0 }, QN_E_NAME },
        { "cpu:1", { 0 }, QN_E_NO_DEVICE },
        { "cpu:4294967297", { 0 }, QN_E_NAME },
        { "null:7", { 0 }, QN_E_NO_DEVICE },
        { "opencl:63", { 0 }, QN_E_NO_DEVICE },
        { "cpu", { .cpu_isa = "mmx" }, QN_E_USAGE },
        { NULL, { 0 }, QN_E_USAGE },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        qn_device *d = NULL;
        qn_status status = qn_device_open(cases[i].spec, &cases[i].desc, &d);
        CHECK(t, status == cases[i].status && !d, "'%s' gives %s", cases[i].spec ? cases[i].spec : "NULL",
              qn_status_text(status));
    }
    CHECK(t, qn_device_open("cpu", NULL, NULL) == QN_E_USAGE && qn_device_get_info(NULL) == NULL, "NULL");
    qn_device *d = NULL;
    CHECK_OK(t, qn_device_open("auto", NULL, &d));
    CHECK(t, d && !text_same(qn_device_get_info(d)->kind, "null"), "auto computes");
    qn_device_close(d);
    qn_device_close(NULL);
    CHECK_OK(t, qn_device_open("cpu:0", NULL, &d));
    CHECK(t, text_same(qn_device_get_info(d)->spec, "cpu"), "cpu:0 is cpu");
    qn_device_close(d);
    cpu_isa best;
    CHECK_OK(t, cpu_isa_find(NULL, &best));
    CHECK(t, host_kernels_built(cpu_isa_name(best)), "cpu takes %s, which the build has no kernels for", cpu_isa_name(best));
}

/* ---- buffers */

static void buffers(test *t, qn_device *d)
{
    static const u64 sizes[] = { 0, 1, 255, 256, 4097, 1 << 20 };
    u8 *back = mem_alloc(1 << 20), *data = mem_alloc(1 << 20);
    for (u32 i = 0; i < 1 << 20; i++) data[i] = (u8)(i * 7 + 1);
    for (size_t s = 0; s < COUNT(sizes); s++) {
        qn_buffer *b = buffer_of(t, d, NULL, sizes[s]);
        if (!b) continue;
        u64 wrong = 0;
        CHECK(t, qn_buffer_bytes(b) == sizes[s], "%llu bytes", (unsigned long long)sizes[s]);
        memset(back, 0xff, 1 << 20);
        if (read_all(t, d, b, back))
            for (u64 i = 0; i < sizes[s]; i++) wrong += back[i] != 0;
        CHECK(t, wrong == 0, "%llu of %llu bytes are not zero", (unsigned long long)wrong, (unsigned long long)sizes[s]);
        CHECK_OK(t, qn_buffer_write(b, 0, data, sizes[s]));
        CHECK_OK(t, qn_buffer_write(b, sizes[s] / 2, data, sizes[s] - sizes[s] / 2));
        if (read_all(t, d, b, back))
            CHECK(t,
                  memcmp(back, data, sizes[s] / 2) == 0 && memcmp(back + sizes[s] / 2, data, sizes[s] - sizes[s] / 2) == 0,
                  "writes in order");
        CHECK(t, qn_buffer_write(b, 1, data, sizes[s]) == QN_E_USAGE, "a write past the end");
        CHECK(t, qn_buffer_write(b, UINT64_MAX, data, 2) == QN_E_USAGE, "a write that wraps");
        qn_ticket ticket;
        CHECK(t, qn_buffer_read(b, sizes[s], back, 1, &ticket) == QN_E_USAGE, "a read past the end");
        qn_buffer_free(b);
    }
    mem_free(back);
    mem_free(data);
}

static void buffer_misuse(test *t, qn_device *d)
{
    u8 byte = 0;
    qn_ticket ticket = 0;
    bool done = false;
    qn_buffer *b = NULL;
    CHECK(t, qn_buffer_make(NULL, 1, &b) == QN_E_USAGE && qn_buffer_make(d, 1, NULL) == QN_E_USAGE,
          "make without device or out");
    CHECK(t, qn_buffer_make(d, (u64)1 << 62, &b) == QN_E_NOMEM && !b, "an impossible size: %s", qn_last_error());
    b = buffer_of(t, d, NULL, 4);
    CHECK(t, qn_buffer_write(NULL, 0, &byte, 1) == QN_E_USAGE && qn_buffer_write(b, 0, NULL, 1) == QN_E_USAGE,
          "write of nothing");
    CHECK(t,
          qn_buffer_read(NULL, 0, &byte, 1, &ticket) == QN_E_USAGE && qn_buffer_read(b, 0, NULL, 1, &ticket) == QN_E_USAGE,
          "read to nowhere");
    CHECK(t, qn_buffer_read(b, 0, &byte, 1, NULL) == QN_E_USAGE && qn_buffer_bytes(NULL) == 0, "read without a ticket");
    CHECK(t, qn_device_poll(NULL, 0, &done) == QN_E_USAGE && qn_device_poll(d, 0, NULL) == QN_E_USAGE,
          "poll without device or done");
    CHECK_OK(t, qn_device_poll(d, 0, &done));
    CHECK(t, done, "ticket 0 is done");
    CHECK(t, qn_device_poll(d, 1 << 30, &done) == QN_E_USAGE && qn_device_wait(d, 1 << 30) == QN_E_USAGE,
          "a ticket never given");
    qn_buffer_free(b);
    qn_buffer_free(NULL);
}

/* Many tickets, none waited for but the last; a write larger than what is copied; more writes than are kept. */
static void long_queues(test *t, qn_device *d)
{
    u64 bytes = 24 << 20;
    u32 *data = mem_zalloc(bytes), *back = mem_zalloc(bytes), wrong = 0, early = 0;
    qn_buffer *b = buffer_of(t, d, NULL, bytes);
    qn_ticket tickets[100];
    for (u32 i = 0; i < COUNT(tickets); i++) {
        u32 value = i + 1;
        qn_buffer_write(b, 0, &value, sizeof value);
        value = 0;
        if (qn_buffer_read(b, 0, &back[i], sizeof value, &tickets[i]) != QN_OK) break;
    }
    CHECK_OK(t, qn_device_wait(d, tickets[99]));
    for (u32 i = 0; i < COUNT(tickets); i++) {
        bool done = false;
        qn_device_poll(d, tickets[i], &done);
        early += !done;
        wrong += back[i] != i + 1;
    }
    CHECK(t, wrong == 0 && early == 0, "%u of 100 reads are wrong, %u tickets before the last are not done", wrong, early);
    for (u32 i = 0; i < bytes / 4; i++) data[i] = i * 2654435761u;
    CHECK_OK(t, qn_buffer_write(b, 0, data, bytes));
    for (u32 i = 0; i < 12; i++) CHECK_OK(t, qn_buffer_write(b, 4, data + 1, 8 << 20));
    CHECK(t, read_all(t, d, b, back) && memcmp(back, data, bytes) == 0, "24 MiB come back");
    qn_buffer_free(b);
    mem_free(data);
    mem_free(back);
}

/* ---- the backend's table: spans, views, ids */

static void tables(test *t, qn_device *d)
{
    const qn_backend *b = d->backend;
    static u8 data[2048], back[2048], want[2048];
    qn_ticket ticket = 0;
    qn_buf x = 0, y = 0;
    for (u32 i = 0; i < sizeof data; i++) data[i] = (u8)(i * 11);
    CHECK_OK(t, b->buf_make(d, sizeof data, &x));
    CHECK_OK(t, b->buf_make(d, sizeof data, &y));
    CHECK(t, x != 0 && y != 0 && x != y, "ids");
    static const struct {
        u64 to, from, n;
    } copies[] = { { 0, 100, 500 }, { 300, 100, 500 }, { 5, 0, 2000 }, { 0, 5, 2000 }, { 7, 7, 9 }, { 3, 4, 0 } };
    for (size_t i = 0; i < COUNT(copies); i++) {
        memcpy(want, data, sizeof want);
        memmove(want + copies[i].to, data + copies[i].from, copies[i].n);
        CHECK_OK(t, b->write(d, x, 0, (qn_bytes){ data, sizeof data }));
        CHECK_OK(t, b->copy(d, x, copies[i].to, x, copies[i].from, copies[i].n));
        CHECK_OK(t, b->read(d, x, 0, back, sizeof back));
        CHECK_OK(t, b->flush(d, &ticket));
        CHECK_OK(t, qn_device_wait(d, ticket));
        CHECK(t, memcmp(back, want, sizeof want) == 0, "copy %zu within a buffer", i);
    }
    CHECK(t, b->copy(d, y, 2000, x, 0, 100) == QN_E_USAGE && b->copy(d, y, 0, x, 2000, 100) == QN_E_USAGE,
          "copies past the end");
    b->buf_free(d, y);
    CHECK(t, b->write(d, y, 0, (qn_bytes){ data, 1 }) == QN_E_BUG && b->read(d, y, 0, back, 1) == QN_E_BUG, "a freed id");
    CHECK(t, b->copy(d, x, 0, y, 0, 1) == QN_E_BUG && b->copy(d, y, 0, x, 0, 1) == QN_E_BUG, "copies of a freed id");
    b->buf_free(d, y);
    b->buf_free(d, 0);
    CHECK(t, (b->buf_host(d, x) != NULL) == d->info.caps.host_memory && !b->buf_host(d, y), "host address");
    b->buf_free(d, x);
}

/* y = x * 2 from one part of a buffer to another, at 256-byte steps, then many views of one buffer. */
static void views(test *t, qn_device *d)
{
    const qn_backend *b = d->backend;
    static f32 data[64 * 300], back[64 * 300];
    u32 wrong = 0;
    qn_ticket ticket = 0;
    qn_buf x = 0, y = 0;
    qn_prog prog = 0;
    const kc_program program = { .file = "views.c",
                                 .text =
                                     "#include \"quern_kernel.h\"\nMAP(f32) f(u32 i, IN(f32) x) { return x[i] * 2.0f; }\n",
                                 .defines = "" };
    for (u32 i = 0; i < COUNT(data); i++) data[i] = (f32)i;
    CHECK_OK(t, b->buf_make(d, sizeof data, &x));
    CHECK_OK(t, b->buf_make(d, sizeof data, &y));
    CHECK_OK(t, b->write(d, x, 0, (qn_bytes){ data, sizeof data }));
    qn_status status = b->prog_make(d, &program, &prog);
    CHECK(t, status == QN_OK, "%s", qn_last_error());
    for (u32 i = 0; i + 1 < 300 && prog; i++) {
        qn_launch l = { .prog = prog, .n_bufs = 2, .count = 64 };
        l.bufs[0] = (buf_view){ x, (u64)(i + 1) * 256, 256 };
        l.bufs[1] = (buf_view){ y, (u64)i * 256, 256 };
        status = b->launch(d, &l);
        if (status != QN_OK) break;
    }
    CHECK(t, status == QN_OK, "views at multiples of 256: %s", qn_last_error());
    CHECK_OK(t, b->read(d, y, 0, back, sizeof back));
    CHECK_OK(t, b->flush(d, &ticket));
    CHECK_OK(t, qn_device_wait(d, ticket));
    for (u32 i = 0; i < 64 * 299; i++) wrong += back[i] != 2 * data[i + 64];
    CHECK(t, wrong == 0 && back[64 * 299] == 0.0f, "%u elements of 299 views are wrong", wrong);
    const struct {
        const char *what;
        buf_view in, out;
        u64 count;
        qn_status status;
    } cases[] = {
        { "a view that starts off the grid", { x, 4, 256 }, { y, 0, 256 }, 64, QN_E_BUG },
        { "a view past the end", { x, 256 * 299, 512 }, { y, 0, 256 }, 64, QN_E_BUG },
        { "a view far past the end", { x, UINT64_MAX - 255, 512 }, { y, 0, 256 }, 64, QN_E_BUG },
        { "a buffer that is not there", { 12345, 0, 256 }, { y, 0, 256 }, 64, QN_E_BUG },
        { "an output over an input", { x, 0, 512 }, { x, 256, 256 }, 64, QN_E_USAGE },
        { "an output beside an input", { x, 0, 256 }, { x, 256, 256 }, 64, QN_OK },
        { "an output view too small", { x, 0, 512 }, { y, 0, 256 }, 65, QN_E_SHAPE },
        { "an empty view at the end", { x, sizeof data, 0 }, { y, 0, 256 }, 0, QN_OK },
    };
    for (size_t i = 0; i < COUNT(cases) && prog; i++) {
        qn_launch l = { .prog = prog, .n_bufs = 2, .count = cases[i].count, .bufs = { cases[i].in, cases[i].out } };
        status = b->launch(d, &l);
        CHECK(t, status == cases[i].status, "%s: %s (%s)", cases[i].what, qn_status_text(status), qn_last_error());
    }
    qn_launch wrong_count = { .prog = prog, .n_bufs = 1, .count = 1, .bufs = { { x, 0, 256 } } }, no_prog = wrong_count;
    no_prog.prog = prog + 1;
    CHECK(t, b->launch(d, &wrong_count) == QN_E_BUG && b->launch(d, &no_prog) == QN_E_BUG,
          "a launch that does not fit its program");
    CHECK(t, b->prog_how(d, prog)[0] && !b->prog_how(d, prog + 1)[0], "how");
    b->prog_free(d, prog);
    b->prog_free(d, prog);
    b->buf_free(d, x);
    b->buf_free(d, y);
}

static void lending(test *t)
{
    static const f32 weights[4] = { 1, 2, 3, 4 };
    f32 back[4];
    qn_device *d = NULL;
    qn_buf b = 0;
    CHECK_OK(t, qn_device_open("cpu", NULL, &d));
    CHECK_OK(t, d->backend->buf_lend(d, weights, sizeof weights, &b));
    CHECK(t, d->backend->buf_host(d, b) == (const void *)weights, "no copy");
    CHECK_OK(t, d->backend->read(d, b, 0, back, sizeof back));
    CHECK(t, memcmp(back, weights, sizeof back) == 0, "reads");
    CHECK(t, d->backend->write(d, b, 0, (qn_bytes){ back, 4 }) == QN_E_BUG, "lent memory is never written");
    CHECK(t, d->backend->copy(d, b, 0, b, 4, 4) == QN_E_BUG, "nor copied to");
    d->backend->buf_free(d, b);
    qn_device_close(d);
}

static void ids(test *t)
{
    slots s = { 0 };
    u32 id[1000], again = 0, wrong = 0;
    static char items[1000];
    for (u32 i = 0; i < 1000; i++) wrong += !slots_add(&s, &items[i], &id[i]) || id[i] == 0;
    for (u32 i = 0; i < 1000; i++) wrong += slots_get(&s, id[i]) != &items[i];
    for (u32 i = 0; i < 1000; i += 2) wrong += slots_remove(&s, id[i]) != &items[i];
    for (u32 i = 0; i < 1000; i++) wrong += slots_get(&s, id[i]) != (i % 2 ? &items[i] : NULL);
    CHECK(t, wrong == 0 && s.alive == 500, "%u wrong", wrong);
    CHECK(t, slots_add(&s, &items[0], &again) && again != id[0] && !slots_get(&s, id[998]),
          "a slot used again has another id");
    CHECK(t, !slots_get(&s, 0) && !slots_get(&s, UINT32_MAX) && !slots_remove(&s, id[0]),
          "ids that never were, or are gone");
    slots_free(&s);
}

/* ---- what is left behind */

static void many_rounds(test *t, const char *spec, u32 rounds)
{
    u64 alive = mem_blocks_alive();
    i64 objects = driver_objects();
    qn_device *d = NULL;
    if (qn_device_open(spec, NULL, &d) != QN_OK) {
        SKIP(t, "rounds on %s: %s", spec, qn_last_error());
        return;
    }
    qn_device_close(d);
    qn_status status = QN_OK;
    for (u32 i = 0; i < rounds && status == QN_OK; i++) {
        qn_buffer *b = NULL;
        status = qn_device_open(spec, NULL, &d);
        if (status != QN_OK) break;
        if (i % 10 == 0) status = qn_device_self_test(d);
        if (status == QN_OK) status = qn_buffer_make(d, 1000, &b);
        if (status == QN_OK) status = qn_buffer_write(b, 0, &i, sizeof i);
        qn_buffer_free(b);
        qn_device_close(d);
    }
    CHECK(t, status == QN_OK, "%u rounds on %s: %s", rounds, spec, qn_last_error());
    CHECK(t, mem_blocks_alive() == alive && driver_objects() == objects, "%s leaves %lld blocks and %lld objects", spec,
          (long long)(mem_blocks_alive() - alive), (long long)(driver_objects() - objects));
}

/* Opens, makes, runs, closes; stops at the first failure. */
static qn_status one_pass(const char *spec)
{
    qn_device *d = NULL;
    QN_TRY(qn_device_open(spec, &(qn_device_desc){ .threads = 2 }, &d));
    qn_status status = qn_device_self_test(d);
    qn_device_close(d);
    return status;
}

static void failing_allocations(test *t, const char *spec)
{
    u64 alive = mem_blocks_alive();
    i64 objects = driver_objects();
    u64 before = mem_allocations();
    if (one_pass(spec) != QN_OK) {
        SKIP(t, "failing allocations on %s: %s", spec, qn_last_error());
        return;
    }
    u64 n = mem_allocations() - before;
    u32 wrong = 0, passed = 0;
    for (u64 at = 1; at <= n; at++) {
        mem_fail_at(at);
        qn_status status = one_pass(spec);
        mem_fail_at(0);
        passed += status == QN_OK; /* what only a cache wanted */
        if (status != QN_OK && status != QN_E_NOMEM) wrong++;
        if (mem_blocks_alive() != alive || driver_objects() != objects) wrong++;
        if (wrong) break;
    }
    CHECK(t, wrong == 0 && passed * 2 <= n, "%s: of %llu allocations that fail, %u are passed over, %u end badly: %s", spec,
          (unsigned long long)n, passed, wrong, qn_last_error());
    mem_fail_at(0);
}

static void one_device(test *t, qn_device *d)
{
    CHECK_OK(t, qn_device_self_test(d));
    buffers(t, d);
    buffer_misuse(t, d);
    long_queues(t, d);
    tables(t, d);
    views(t, d);
}

static void *self_tests(void *data)
{
    qn_status *status = data;
    for (u32 i = 0; i < 5 && *status == QN_OK; i++) {
        qn_device *d = NULL;
        *status = qn_device_open("cpu", &(qn_device_desc){ .threads = 2 }, &d);
        if (*status == QN_OK) *status = qn_device_self_test(d);
        qn_device_close(d);
    }
    return NULL;
}

/* Handles of different threads know nothing of each other. */
static void threads_apart(test *t)
{
    pthread_t threads[4];
    qn_status statuses[COUNT(threads)] = { QN_OK };
    for (u32 i = 0; i < COUNT(threads); i++) pthread_create(&threads[i], NULL, self_tests, &statuses[i]);
    for (u32 i = 0; i < COUNT(threads); i++) {
        pthread_join(threads[i], NULL);
        CHECK(t, statuses[i] == QN_OK, "thread %u: %s", i, qn_status_text(statuses[i]));
    }
}

void test_devices(test *t)
{
    close_test_devices();
    u64 alive = mem_blocks_alive();
    i64 objects = driver_objects();
    listing(t);
    opening(t);
    CHECK(t, qn_device_self_test(NULL) == QN_E_USAGE, "self test of nothing");
    for_each_device(t, one_device);
    lending(t);
    ids(t);
    many_rounds(t, "cpu", 200);
    qn_device *held = NULL; /* a context takes a fifth of a second to make: while one is held, others are quick */
    if (qn_device_open("cuda", NULL, &held) != QN_OK) held = NULL;
    many_rounds(t, "cuda", 200);
    many_rounds(t, "opencl", 200);
    many_rounds(t, "webgl", 100);
    many_rounds(t, "null", 200);
    threads_apart(t);
    failing_allocations(t, "cpu");
    failing_allocations(t, "cuda");
    qn_device_close(held);
    failing_allocations(t, "opencl");
    failing_allocations(t, "webgl");
    CHECK(t, mem_blocks_alive() == alive && driver_objects() == objects, "left behind: %lld blocks, %lld objects of drivers",
          (long long)(mem_blocks_alive() - alive), (long long)(driver_objects() - objects));
}

/* Memory stays flat: many runs of one session, and many rounds of opening and closing one, on each device found. Counted are the bytes that
 * live behind the library's allocator, and, through a table of functions that counts on its way to the device's own, buffers and programs on
 * the device, and what drivers made and have not deleted: textures, events, pipelines, bindings. The whole is 1,000 runs and 100 rounds; without QUERN_FULL=1 a device gets three seconds for it. */
#include <stdatomic.h>
#include <stdlib.h>

#include "device_ways.h"
#include "leaks.h"
#include "run_graph.h"

enum { RUNS = 1000, ROUNDS = 100, LEAST_RUNS = 20, LEAST_ROUNDS = 5, WARM = 5, HEAD = 16 };

/* ---- bytes on the host */

static atomic_llong live_bytes, peak_bytes;
static bool bytes_counted;

static void *counted_alloc(void *user, size_t bytes)
{
    (void)user;
    u8 *p = bytes < SIZE_MAX - HEAD ? malloc(bytes + HEAD) : NULL;
    if (!p) return NULL;
    memcpy(p, &bytes, sizeof bytes);
    long long now = atomic_fetch_add(&live_bytes, (long long)bytes) + (long long)bytes;
    if (now > atomic_load(&peak_bytes)) atomic_store(&peak_bytes, now); /* near enough where threads race */
    return p + HEAD;
}

static void counted_free(void *user, void *p)
{
    (void)user;
    if (!p) return;
    u8 *start = (u8 *)p - HEAD;
    size_t bytes;
    memcpy(&bytes, start, sizeof bytes);
    atomic_fetch_sub(&live_bytes, (long long)bytes);
    free(start);
}

/* Not where a sanitizer watches what lies in front of each block. */
void leaks_count_bytes(void)
{
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
    return;
#endif
#endif
    static const qn_allocator counted = { counted_alloc, counted_free, NULL };
    qn_set_allocator(&counted);
    bytes_counted = true;
}

i64 leaks_peak_begin(void)
{
    atomic_store(&peak_bytes, atomic_load(&live_bytes));
    return bytes_counted ? atomic_load(&live_bytes) : -1;
}

i64 leaks_peak(void) { return atomic_load(&peak_bytes); }

/* ---- objects on the device */

static const qn_backend *own; /* of the device under test */
static i64 buffers, programs;

static qn_status note(qn_status s, i64 *count)
{
    if (s == QN_OK) ++*count;
    return s;
}
static qn_status count_buf_make(qn_device *d, u64 bytes, qn_buf *out)
{
    return note(own->buf_make(d, bytes, out), &buffers);
}
static qn_status count_buf_lend(qn_device *d, const void *host, u64 bytes, qn_buf *out)
{
    return note(own->buf_lend(d, host, bytes, out), &buffers);
}
static qn_status count_prog_make(qn_device *d, const kc_program *p, qn_prog *out)
{
    return note(own->prog_make(d, p, out), &programs);
}
static void count_buf_free(qn_device *d, qn_buf b)
{
    own->buf_free(d, b);
    buffers--;
}
static void count_prog_free(qn_device *d, qn_prog p)
{
    own->prog_free(d, p);
    programs--;
}

static void count_objects(qn_device *d, qn_backend *counting)
{
    own = d->backend;
    *counting = *own;
    counting->buf_make = count_buf_make;
    counting->buf_lend = own->buf_lend ? count_buf_lend : NULL;
    counting->buf_free = count_buf_free;
    counting->prog_make = count_prog_make;
    counting->prog_free = count_prog_free;
    buffers = programs = 0;
    d->backend = counting;
}

/* ---- the two ways to leak */

typedef struct alive {
    long long bytes;
    i64 buffers, programs, objects;
} alive;

static alive alive_now(void) { return (alive){ atomic_load(&live_bytes), buffers, programs, driver_objects() }; }

static void check_flat(test *t, const char *device, const char *what, u32 times, alive was)
{
    alive now = alive_now();
    bool same = now.bytes == was.bytes && now.buffers == was.buffers && now.programs == was.programs;
    CHECK(t, same && now.objects == was.objects,
          "%s, %u %s: %lld bytes, %lld buffers, %lld programs and %lld objects of the driver more than before", device,
          times, what, now.bytes - was.bytes, (long long)(now.buffers - was.buffers),
          (long long)(now.programs - was.programs), (long long)(now.objects - was.objects));
}

static qn_status open_session(qn_device *d, qn_session **out)
{
    return qn_session_open(&(qn_session_desc){ .device = d, .path = QUERN_SOURCE_DIR "/models/glyphs.onnx" }, out);
}

static qn_status run(qn_session *s)
{
    static const f32 image[32 * 32];
    qn_named in = { "image", { QN_F32, 4, { 1, 1, 32, 32 }, image } };
    qn_ticket ticket;
    const qn_tensor *y;
    QN_TRY(qn_run(s, &in, 1, &ticket));
    QN_TRY(qn_wait(s, ticket));
    return qn_output_at(s, 0, &y);
}

static bool time_is_up(u64 from) { return !getenv("QUERN_FULL") && clock_ns() - from > 1500000000u; }

static void check_runs(test *t, const test_device *d)
{
    qn_session *s = NULL;
    alive before = alive_now(), warm = before;
    u64 from = clock_ns();
    u32 k = 0;
    qn_status status = open_session(d->device, &s);
    for (; status == QN_OK && k < RUNS && (k < LEAST_RUNS || !time_is_up(from)); k++) {
        status = run(s);
        if (k == WARM) warm = alive_now();
    }
    if (CHECK(t, status == QN_OK, "%s, run %u: %s", d->name, k, qn_last_error())) check_flat(t, d->name, "runs", k, warm);
    qn_session_close(s);
    check_flat(t, d->name, "runs and a close", k, before);
}

static void check_rounds(test *t, const test_device *d)
{
    alive before = alive_now();
    u64 from = clock_ns();
    u32 k = 0;
    qn_status status = QN_OK;
    for (; status == QN_OK && k < ROUNDS && (k < LEAST_ROUNDS || !time_is_up(from)); k++) {
        qn_session *s = NULL;
        status = open_session(d->device, &s);
        if (status == QN_OK) status = run(s);
        qn_session_close(s);
    }
    if (CHECK(t, status == QN_OK, "%s, round %u: %s", d->name, k, qn_last_error()))
        check_flat(t, d->name, "open-close rounds", k, before);
}

/* What a device keeps from its first session on is no leak, nor is the memory that its writes go through, which is there when as much was written. */
static void make_warm(test *t, const test_device *d)
{
    enum { LOTS = 24 << 20 };
    qn_session *s = NULL;
    CHECK_OK(t, open_session(d->device, &s));
    if (s) CHECK_OK(t, run(s));
    qn_session_close(s);
    qn_buffer *b = NULL;
    void *zeros = mem_zalloc(LOTS);
    if (zeros && CHECK(t, qn_buffer_make(d->device, LOTS, &b) == QN_OK, "%s: %s", d->name, qn_last_error()))
        CHECK_OK(t, qn_buffer_write(b, 0, zeros, LOTS));
    qn_buffer_free(b);
    mem_free(zeros);
}

static void check_device(test *t, const test_device *d)
{
    qn_backend counting;
    make_warm(t, d);
    count_objects(d->device, &counting);
    check_runs(t, d);
    check_rounds(t, d);
    d->device->backend = own;
}

/* One device of each kind: other ways to open it share its buffers' code. */
void test_leaks(test *t)
{
    const test_device *devices;
    u32 n = open_test_devices(t, &devices);
    for (u32 i = 0; i < n; i++)
        if (!i || devices[i].device->backend != devices[i - 1].device->backend) check_device(t, &devices[i]);
}

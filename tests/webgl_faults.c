/* The webgl device over a table that fails on purpose: a context that is lost, busy or has no memory, a driver that is wrong or promises too
 * much. */
#include <stdio.h>

#include "device/webgl.h"
#include "device_ways.h"
#include "run_graph.h"

static const webgl_api *real;
static bool lose, starve, busy, slow;

static u32 faulty_lost(void) { return lose || real->lost(); }
static u32 faulty_enter(u32 context) { return lose ? WEBGL_LOST : busy ? WEBGL_NO_CONTEXT : real->enter(context); }
static u32 faulty_why(u32 context, char *out, u32 room)
{
    (void)context;
    snprintf(out, room, "%s", lose ? "for a test" : "in use elsewhere");
    return (u32)strlen(out);
}
static u32 faulty_done(u32 sync) { return slow ? (u32)WEBGL_PENDING : real->sync_done(sync); }
static u32 faulty_error(void)
{
    u32 code = real->GetError();
    return starve ? GL_OUT_OF_MEMORY : code;
}

/* A session whose device is lost answers QN_E_LOST and gives all back; the same model then runs on the device opened anew, and on another. */
static void lost_sessions(test *t)
{
    static const char text[] = "in x: f32[64]\na = Mul(x, x)\ny = Softmax(a, axis=0)\nout y\n";
    f32 x[64];
    qn_device *d = NULL, *other = NULL;
    webgl_api faulty = *real;
    faulty.lost = faulty_lost, faulty.enter = faulty_enter, faulty.why = faulty_why;
    for (u32 i = 0; i < 64; i++) x[i] = (f32)i / 64;
    const qn_tensor in = { .dtype = QN_F32, .rank = 1, .dims = { 64 }, .data = x };
    CHECK_OK(t, webgl_open_with(&faulty, 0, &d));
    if (!d) return;
    graph_run g = { .device = d, .mem = arena_make() };
    graph_session s;
    if (CHECK(t, graph_open_text(&g, text, &s) == QN_OK, "open: %s", qn_last_error())) {
        CHECK(t, graph_session_run(&g, &s, &in, 1) == QN_OK, "before the loss: %s", qn_last_error());
        lose = true;
        CHECK(t, graph_session_run(&g, &s, &in, 1) == QN_E_LOST, "while it is lost: %s", qn_last_error());
        CHECK(t, graph_session_run(&g, &s, &in, 1) == QN_E_LOST, "and again: %s", qn_last_error());
        graph_session_close(&s);
    }
    qn_device_close(d);
    lose = false;
    CHECK_OK(t, webgl_open_with(&faulty, 0, &d));
    CHECK_OK(t, qn_device_open("cpu", NULL, &other));
    qn_device *const next[] = { d, other };
    for (u32 i = 0; i < COUNT(next) && d && other; i++) {
        graph_run again = { .device = next[i], .mem = g.mem };
        CHECK(t, graph_run_text(&again, text, &in, 1) == QN_OK && again.n_out == 1 && g.n_out == 1, "opened again: %s",
              qn_last_error());
        if (again.n_out && g.n_out)
            CHECK(t, relative_error(&again.out[0], &g.out[0]) < 1e-5, "device %u answers otherwise", i);
    }
    qn_device_close(d);
    qn_device_close(other);
    arena_free(g.mem);
}

static void lying_read(u32 at, void *out, u32 bytes)
{
    real->read_buffer(at, out, bytes);
    for (u32 i = 16; i < bytes; i++) ((u8 *)out)[i] ^= 1;
}

static void small_storage(u32 target, i32 levels, u32 format, i32 w, i32 h)
{
    real->TexStorage2D(target, levels, format, w > 4096 ? -1 : w, h > 4096 ? -1 : h);
}

/* A driver that is wrong is refused; one that promises larger textures than it makes is taken with those that it makes. */
static void probes(test *t)
{
    qn_device *d = NULL;
    webgl_api faulty = *real;
    faulty.read_buffer = lying_read;
    CHECK(t, webgl_open_with(&faulty, 0, &d) == QN_E_NO_DEVICE && strstr(qn_last_error(), "unsigned integers"),
          "wrong integers: %s", qn_last_error());
    faulty = *real;
    faulty.TexStorage2D = small_storage;
    CHECK_OK(t, webgl_open_with(&faulty, 0, &d));
    if (!d) return;
    CHECK(t, d->info.caps.max_buffer_bytes == (u64)4096 * 4096 * 16, "a buffer of %llu bytes",
          (unsigned long long)d->info.caps.max_buffer_bytes);
    CHECK_OK(t, qn_device_self_test(d));
    qn_device_close(d);
}

static void check_poll(test *t, qn_device *d, qn_ticket ticket, qn_status want, const char *what)
{
    bool done = false;
    qn_status status = QN_OK;
    for (u32 i = 0; i < 1000 && status == QN_OK && !done; i++) {
        status = d->backend->poll(d, ticket, &done);
        if (status == QN_OK && !done) d->backend->wait_a_little(d, ticket);
    }
    CHECK(t, status == want, "%s: %s: %s", what, qn_status_text(status), qn_last_error());
}

/* No memory for what is queued: each flush of it tells so once, also the one to come, and nothing after them. */
static void starved_together(test *t, qn_device *d)
{
    qn_buf b = 0;
    qn_ticket first, second, next, after;
    char back[5] = "";
    CHECK_OK(t, d->backend->buf_make(d, 1000, &b));
    slow = true;
    CHECK_OK(t, d->backend->write(d, b, 0, (qn_bytes){ "hello", 5 }));
    CHECK_OK(t, d->backend->flush(d, &first));
    CHECK_OK(t, d->backend->write(d, b, 0, (qn_bytes){ "later", 5 }));
    CHECK_OK(t, d->backend->flush(d, &second));
    CHECK_OK(t, d->backend->write(d, b, 0, (qn_bytes){ "loose", 5 }));
    slow = false;
    starve = true;
    check_poll(t, d, first, QN_E_NOMEM, "the flush that is polled");
    starve = false;
    check_poll(t, d, second, QN_E_NOMEM, "the one behind it");
    CHECK_OK(t, d->backend->flush(d, &next));
    check_poll(t, d, next, QN_E_NOMEM, "the one that comes next");
    CHECK_OK(t, d->backend->write(d, b, 0, (qn_bytes){ "again", 5 }));
    CHECK_OK(t, d->backend->read(d, b, 0, back, sizeof back));
    CHECK_OK(t, d->backend->flush(d, &after));
    check_poll(t, d, after, QN_OK, "what comes after");
    CHECK(t, !memcmp(back, "again", 5), "read back as %.5s", back);
    d->backend->buf_free(d, b);
}

static void faults(test *t)
{
    webgl_api faulty;
    qn_device *d = NULL;
    qn_buf b = 0, none = 0;
    qn_ticket ticket;
    bool done;
    faulty = *real;
    faulty.lost = faulty_lost, faulty.enter = faulty_enter, faulty.why = faulty_why, faulty.GetError = faulty_error;
    faulty.sync_done = faulty_done;
    CHECK_OK(t, webgl_open_with(&faulty, 0, &d));
    if (!d) return;
    CHECK_OK(t, d->backend->buf_make(d, 1000, &b));
    starve = true;
    CHECK(t, d->backend->buf_make(d, 1000, &none) == QN_E_NOMEM && none == 0, "no memory for a buffer: %s", qn_last_error());
    starve = false;
    CHECK_OK(t, d->backend->write(d, b, 0, (qn_bytes){ "hello", 5 }));
    CHECK_OK(t, qn_device_self_test(d));
    char back[5];
    CHECK_OK(t, d->backend->read(d, b, 0, back, sizeof back));
    CHECK_OK(t, d->backend->flush(d, &ticket));
    busy = true;
    CHECK(t, d->backend->poll(d, ticket, &done) == QN_E_DEVICE && strstr(qn_last_error(), "in use elsewhere"), "busy: %s",
          qn_last_error());
    busy = false;
    lose = true;
    CHECK(t, d->backend->poll(d, ticket, &done) == QN_E_LOST && strstr(qn_last_error(), "for a test"), "poll: %s",
          qn_last_error());
    CHECK(t, d->backend->write(d, b, 0, (qn_bytes){ "x", 1 }) == QN_E_LOST, "write: %s", qn_last_error());
    CHECK(t, d->backend->buf_make(d, 10, &none) == QN_E_LOST && none == 0, "buf_make: %s", qn_last_error());
    CHECK(t, qn_device_self_test(d) == QN_E_LOST, "self test: %s", qn_last_error());
    d->backend->buf_free(d, b);
    qn_device_close(d);
    lose = false;
    CHECK_OK(t, webgl_open_with(&faulty, 0, &d));
    CHECK_OK(t, qn_device_self_test(d));
    starve = true;
    CHECK_OK(t, d->backend->flush(d, &ticket));
    CHECK(t, d->backend->poll(d, ticket, &done) == QN_E_NOMEM, "queued work that had no memory: %s", qn_last_error());
    starve = false;
    CHECK(t, d->backend->poll(d, ticket, &done) == QN_OK && done, "told once: %s", qn_last_error());
    CHECK_OK(t, qn_device_self_test(d));
    starved_together(t, d);
    qn_device_close(d);
    CHECK(t, webgl_open_with(&faulty, 99, &d) == QN_E_NAME, "context 99: %s", qn_last_error());
}

void test_webgl_faults(test *t)
{
    close_test_devices();
    u64 alive = mem_blocks_alive();
    i64 objects = driver_objects();
    if (webgl_load(&real) != QN_OK) {
        SKIP(t, "webgl: %s", qn_last_error());
        return;
    }
    faults(t);
    probes(t);
    lost_sessions(t);
    CHECK(t, mem_blocks_alive() == alive && driver_objects() == objects, "%lld blocks and %lld objects are left",
          (long long)(mem_blocks_alive() - alive), (long long)(driver_objects() - objects));
}

/* The device that computes nothing: buffers have only sizes, reads give zeros, and everything is checked and counted. A plan
 * that runs here without an error keeps every view inside its buffer and every output apart. */
#include <stdio.h>

#include "device/device_check.h"
#include "device/null.h"
#include "device/slots.h"

typedef struct null_device {
    qn_device head;
    slots bufs, progs;
    null_counts counts;
    qn_ticket last;
} null_device;

typedef struct null_buf {
    u64 bytes;
} null_buf;
typedef struct null_prog {
    prog_shape shape;
} null_prog;

static null_device *of(qn_device *d) { return (null_device *)d; }

static qn_status null_open(u32 index, const qn_device_desc *desc, qn_device **out)
{
    (void)desc;
    if (index > 0) return fail(QN_E_NAME, "there is one null device");
    null_device *n = mem_zalloc(sizeof *n);
    if (!n) return fail_nomem(sizeof *n);
    n->head.backend = &null_backend;
    snprintf(n->head.info.name, sizeof n->head.info.name, "computes nothing");
    snprintf(n->head.info.driver, sizeof n->head.info.driver, "quern %s", qn_version());
    n->head.info.caps = (qn_caps){
        .max_buffer_bytes = (u64)1 << 40,
        .max_buffers = DEVICE_MAX_BUFFERS,
        .max_group = 1024,
        .group_memory_bytes = 32 << 10,
        .best_group = 64,
        .width = 4,
        .f64 = true,
        .i64 = true,
        .i8_buffers = true,
        .atomics = true,
    };
    *out = &n->head;
    return QN_OK;
}

static void null_buf_free(qn_device *d, qn_buf b)
{
    null_buf *buf = slots_remove(&of(d)->bufs, b);
    if (!buf) return;
    of(d)->counts.buffers_alive--;
    of(d)->counts.bytes_alive -= buf->bytes;
    mem_free(buf);
}

static void null_prog_free(qn_device *d, qn_prog p)
{
    void *prog = slots_remove(&of(d)->progs, p);
    if (prog) of(d)->counts.programs_alive--;
    mem_free(prog);
}

static void null_close(qn_device *d)
{
    u32 id;
    while (slots_any(&of(d)->bufs, &id)) null_buf_free(d, id);
    while (slots_any(&of(d)->progs, &id)) null_prog_free(d, id);
    slots_free(&of(d)->bufs);
    slots_free(&of(d)->progs);
    mem_free(d);
}

static qn_status null_buf_make(qn_device *d, u64 bytes, qn_buf *out)
{
    if (bytes > d->info.caps.max_buffer_bytes)
        return fail(QN_E_NOMEM, "the null device has no room for %llu bytes", (unsigned long long)bytes);
    null_buf *buf = mem_alloc(sizeof *buf);
    if (!buf) return fail_nomem(sizeof *buf);
    buf->bytes = bytes;
    if (!slots_add(&of(d)->bufs, buf, out)) {
        mem_free(buf);
        return fail_nomem(sizeof *buf);
    }
    null_counts *c = &of(d)->counts;
    c->buffers_made++, c->buffers_alive++;
    c->bytes_alive += bytes;
    c->bytes_peak = MAX(c->bytes_peak, c->bytes_alive);
    return QN_OK;
}

static qn_status shape_of_program(const kc_program *p, prog_shape *out)
{
    arena *a = arena_make();
    if (!a) return fail_nomem(0);
    kc_module *m;
    const kc_kernel *k;
    qn_status status = device_compile(a, p, NULL, &m, &k);
    if (status == QN_OK) status = device_shape_of(k, out);
    arena_free(a);
    return status;
}

static qn_status null_prog_make(qn_device *d, const kc_program *p, qn_prog *out)
{
    null_prog made;
    QN_TRY(shape_of_program(p, &made.shape));
    null_prog *prog = mem_alloc(sizeof *prog);
    if (!prog) return fail_nomem(sizeof *prog);
    *prog = made;
    if (!slots_add(&of(d)->progs, prog, out)) {
        mem_free(prog);
        return fail_nomem(sizeof *prog);
    }
    of(d)->counts.programs_made++, of(d)->counts.programs_alive++;
    return QN_OK;
}

static const char *null_prog_how(qn_device *d, qn_prog p) { return slots_get(&of(d)->progs, p) ? "nothing runs" : ""; }

static bool null_buf_bytes(qn_device *d, qn_buf b, u64 *out)
{
    const null_buf *buf = slots_get(&of(d)->bufs, b);
    if (buf) *out = buf->bytes;
    return buf != NULL;
}

static qn_status check_span(qn_device *d, const char *what, qn_buf b, u64 at, u64 bytes)
{
    u64 have;
    if (!null_buf_bytes(d, b, &have)) return fail(QN_E_BUG, "%s: no such buffer", what);
    return device_check_span(what, at, bytes, have);
}

static qn_status null_write(qn_device *d, qn_buf to, u64 at, qn_bytes from)
{
    QN_TRY(check_span(d, "write", to, at, from.n));
    of(d)->counts.writes++;
    of(d)->counts.bytes_written += from.n;
    return QN_OK;
}

static qn_status null_copy(qn_device *d, qn_buf to, u64 to_at, qn_buf from, u64 from_at, u64 bytes)
{
    QN_TRY(check_span(d, "copy to", to, to_at, bytes));
    QN_TRY(check_span(d, "copy from", from, from_at, bytes));
    of(d)->counts.copies++;
    return QN_OK;
}

static qn_status null_launch(qn_device *d, const qn_launch *l)
{
    const null_prog *prog = slots_get(&of(d)->progs, l->prog);
    if (!prog) return fail(QN_E_BUG, "launch: no such program");
    QN_TRY(device_check_launch(d, l, &prog->shape, null_buf_bytes));
    of(d)->counts.launches++;
    return QN_OK;
}

static qn_status null_read(qn_device *d, qn_buf from, u64 at, void *to, u64 bytes)
{
    QN_TRY(check_span(d, "read", from, at, bytes));
    if (bytes) memset(to, 0, (size_t)bytes);
    of(d)->counts.reads++;
    of(d)->counts.bytes_read += bytes;
    return QN_OK;
}

static qn_status null_flush(qn_device *d, qn_ticket *out)
{
    of(d)->counts.flushes++;
    *out = ++of(d)->last;
    return QN_OK;
}

static qn_status null_poll(qn_device *d, qn_ticket t, bool *done)
{
    if (t > of(d)->last) return fail(QN_E_USAGE, "poll: no such ticket");
    *done = true;
    return QN_OK;
}

static void null_wait_a_little(qn_device *d, qn_ticket t) { (void)d, (void)t; }

static void *null_buf_host(qn_device *d, qn_buf b)
{
    (void)d, (void)b;
    return NULL;
}

const qn_backend null_backend = {
    .name = "null",
    .target = KC_C,
    .open = null_open,
    .close = null_close,
    .buf_make = null_buf_make,
    .buf_free = null_buf_free,
    .prog_make = null_prog_make,
    .prog_free = null_prog_free,
    .prog_how = null_prog_how,
    .write = null_write,
    .copy = null_copy,
    .launch = null_launch,
    .read = null_read,
    .flush = null_flush,
    .poll = null_poll,
    .wait_a_little = null_wait_a_little,
    .buf_host = null_buf_host,
};

const null_counts *null_counts_of(const qn_device *d)
{
    return d && d->backend == &null_backend ? &((const null_device *)d)->counts : NULL;
}

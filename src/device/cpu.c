/* The CPU: buffers are plain memory, launches run at once over the pool, so a flush is done when it returns.
 *
 * How a launch is cut: what an element or group costs is measured while it runs and remembered by program, scalars and count,
 * so that a launch too short to be worth waking a thread for stays on the caller's, whatever its kernel does. */
#include <stdio.h>

#include "base/platform.h"
#include "device/cpu_program.h"
#include "device/slots.h"

enum {
    ALIGN = 64,
    SLACK = 64, /* readable bytes past the end: wide loads may overrun */
    COSTS = 1024,
    MAP_GRAIN = 256, /* elements: the block machine's stride */
    PROBE_UNITS = 1, /* grains that the first launch of its kind times */
};

static const f64 short_ns = 25000; /* a launch that takes less is not shared */
static const f64 piece_ns = 8000;  /* nor is one cut finer than this */

typedef struct cpu_buf {
    u8 *data;
    u64 bytes;
    bool lent;
} cpu_buf;
typedef struct cost {
    u64 key;
    f64 unit_ns;
} cost; /* of one element or group */

typedef struct cpu_device {
    qn_device head;
    pool *pool;
    cpu_choice choice;
    slots bufs, progs;
    qn_ticket last;
    cost costs[COSTS]; /* direct mapped by key */
} cpu_device;

static cpu_device *of(qn_device *d) { return (cpu_device *)d; }

/* ---- opening */

static void put_info(cpu_device *c)
{
    qn_device_info *info = &c->head.info;
    platform_cpu_name(info->name, sizeof info->name);
    snprintf(info->driver, sizeof info->driver, "quern %s, %s, %u thread%s%s", qn_version(), cpu_isa_name(c->choice.isa),
             pool_threads(c->pool), pool_threads(c->pool) == 1 ? "" : "s", c->choice.interpret ? ", interpreter" : "");
    u64 memory = platform_memory_bytes();
    info->caps = (qn_caps){
        .memory_bytes = memory,
        .max_buffer_bytes = memory ? memory : SIZE_MAX / 2,
        .max_buffers = DEVICE_MAX_BUFFERS,
        .max_group = 1024,
        .group_memory_bytes = 1 << 20,
        .best_group = 1,
        .width = cpu_isa_width(c->choice.isa),
        .workers = pool_threads(c->pool),
        .f64 = true,
        .i64 = true,
        .i8_buffers = true,
        .atomics = true,
        .dot4 = true,
        .mma = true, /* as loops: compiled, or interpreted */
        .host_memory = true,
    };
    if (info->caps.width >= 8) info->caps.channels_block = info->caps.width; /* narrower vectors: never measured to pay */
}

static qn_status cpu_open(u32 index, const qn_device_desc *desc, qn_device **out)
{
    if (index > 0) return fail(QN_E_NAME, "there is one cpu device");
    cpu_choice choice = { .interpret = desc->interpret || desc->reverse_items, .reverse_items = desc->reverse_items };
    QN_TRY(cpu_isa_find(desc->cpu_isa, &choice.isa));
    cpu_device *c = mem_zalloc(sizeof *c);
    if (!c) return fail_nomem(sizeof *c);
    qn_status status = pool_make(desc->threads, &c->pool);
    if (status != QN_OK) {
        mem_free(c);
        return status;
    }
    c->head.backend = &cpu_backend;
    c->choice = choice;
    c->head.checks = choice.interpret;
    put_info(c);
    *out = &c->head;
    return QN_OK;
}

static void cpu_buf_free(qn_device *d, qn_buf b)
{
    cpu_buf *buf = slots_remove(&of(d)->bufs, b);
    if (!buf) return;
    if (!buf->lent) mem_free_aligned(buf->data);
    mem_free(buf);
}

static void cpu_prog_free(qn_device *d, qn_prog p) { cpu_program_free(slots_remove(&of(d)->progs, p)); }

static void cpu_close(qn_device *d)
{
    u32 id;
    while (slots_any(&of(d)->bufs, &id)) cpu_buf_free(d, id);
    while (slots_any(&of(d)->progs, &id)) cpu_prog_free(d, id);
    slots_free(&of(d)->bufs);
    slots_free(&of(d)->progs);
    pool_free(of(d)->pool);
    mem_free(d);
}

/* ---- buffers and programs */

static qn_status add_buf(cpu_device *c, cpu_buf made, qn_buf *out)
{
    cpu_buf *buf = mem_alloc(sizeof *buf);
    if (buf) *buf = made;
    if (buf && slots_add(&c->bufs, buf, out)) return QN_OK;
    mem_free(buf);
    return fail_nomem(sizeof *buf);
}

static qn_status cpu_buf_make(qn_device *d, u64 bytes, qn_buf *out)
{
    if (bytes > d->info.caps.max_buffer_bytes) /* it is filled at once: a system that promises more would end the process */
        return fail(QN_E_NOMEM, "out of memory: %llu bytes were wanted", (unsigned long long)bytes);
    cpu_buf buf = { .data = mem_alloc_aligned(ALIGN, (size_t)bytes + SLACK), .bytes = bytes };
    if (!buf.data) return fail_nomem(bytes);
    memset(buf.data, 0, (size_t)bytes + SLACK);
    qn_status status = add_buf(of(d), buf, out);
    if (status != QN_OK) mem_free_aligned(buf.data);
    return status;
}

static qn_status cpu_buf_lend(qn_device *d, const void *host, u64 bytes, qn_buf *out)
{
    cpu_buf buf = { .bytes = bytes, .lent = true };
    memcpy(&buf.data, &host, sizeof host); /* loses const: launches bind it as IN only */
    return add_buf(of(d), buf, out);
}

static void *cpu_buf_host(qn_device *d, qn_buf b)
{
    const cpu_buf *buf = slots_get(&of(d)->bufs, b);
    return buf ? buf->data : NULL;
}

static bool cpu_buf_bytes(qn_device *d, qn_buf b, u64 *out)
{
    const cpu_buf *buf = slots_get(&of(d)->bufs, b);
    if (buf) *out = buf->bytes;
    return buf != NULL;
}

static qn_status cpu_prog_make(qn_device *d, const kc_program *p, qn_prog *out)
{
    cpu_program *prog;
    QN_TRY(cpu_program_make(p, &of(d)->choice, &prog));
    if (slots_add(&of(d)->progs, prog, out)) return QN_OK;
    cpu_program_free(prog);
    return fail_nomem(sizeof(slot));
}

static const char *cpu_prog_how(qn_device *d, qn_prog p)
{
    const cpu_program *prog = slots_get(&of(d)->progs, p);
    return prog ? cpu_program_how(prog) : "";
}

/* ---- copies */

/* The address of a span of a buffer, checked. */
static qn_status span(qn_device *d, const char *what, qn_buf b, u64 at, u64 bytes, u8 **out)
{
    const cpu_buf *buf = slots_get(&of(d)->bufs, b);
    if (!buf) return fail(QN_E_BUG, "%s: no such buffer", what);
    QN_TRY(device_check_span(what, at, bytes, buf->bytes));
    *out = buf->data + at;
    return QN_OK;
}

static qn_status check_own(qn_device *d, const char *what, qn_buf b)
{
    const cpu_buf *buf = slots_get(&of(d)->bufs, b);
    return buf && buf->lent ? fail(QN_E_BUG, "%s: the buffer is lent by the host and only read", what) : QN_OK;
}

static qn_status cpu_write(qn_device *d, qn_buf to, u64 at, qn_bytes from)
{
    u8 *data = NULL;
    QN_TRY(span(d, "write", to, at, from.n, &data));
    QN_TRY(check_own(d, "write", to));
    if (from.n) memcpy(data, from.data, from.n);
    return QN_OK;
}

static qn_status cpu_copy(qn_device *d, qn_buf to, u64 to_at, qn_buf from, u64 from_at, u64 bytes)
{
    u8 *to_data = NULL, *from_data = NULL;
    QN_TRY(span(d, "copy to", to, to_at, bytes, &to_data));
    QN_TRY(span(d, "copy from", from, from_at, bytes, &from_data));
    QN_TRY(check_own(d, "copy to", to));
    if (bytes) memmove(to_data, from_data, (size_t)bytes);
    return QN_OK;
}

static qn_status cpu_read(qn_device *d, qn_buf from, u64 at, void *to, u64 bytes)
{
    u8 *data = NULL;
    QN_TRY(span(d, "read", from, at, bytes, &data));
    if (bytes) memcpy(to, data, (size_t)bytes);
    return QN_OK;
}

/* ---- launches */

/* One launch, as its pieces see it. Worker 0 is the calling thread: it alone times. */
typedef struct running {
    const cpu_program *prog;
    void *bufs[DEVICE_MAX_BUFFERS];
    u64 bytes[DEVICE_MAX_BUFFERS];
    const u32 *words;
    u64 first; /* elements or groups that ran before the pool came in */
    u64 timed_units, timed_ns;
} running;

static void run_piece(void *data, u64 from, u64 to, u32 worker)
{
    running *r = data;
    u64 start = worker == 0 ? clock_ns() : 0;
    cpu_program_run(r->prog, r->bufs, r->bytes, r->words, (u32)(r->first + from), (u32)(r->first + to));
    if (worker != 0) return;
    r->timed_units += to - from;
    r->timed_ns += clock_ns() - start;
}

static cost *cost_of(cpu_device *c, const qn_launch *l)
{
    u64 key = hash_bytes(l->words, l->n_words * sizeof l->words[0], l->count * 0x9e3779b97f4a7c15u ^ l->prog) | 1;
    cost *found = &c->costs[key % COSTS];
    if (found->key != key) *found = (cost){ .key = key };
    return found;
}

/* The smallest piece worth handing out; `left` or more means: do not share. */
static u64 grain_for(const cost *known, u64 left, u64 step)
{
    if (known->unit_ns * (f64)left < short_ns) return left;
    u64 units = known->unit_ns > 0 ? (u64)(piece_ns / known->unit_ns) : left;
    return MAX(units / step * step, step);
}

static void run_shared(cpu_device *c, const qn_launch *l, running *r, u64 step)
{
    cost *known = cost_of(c, l);
    u64 probe = 0;
    if (known->unit_ns == 0.0 && l->count > pool_threads(c->pool) * 4u * step) probe = MIN(PROBE_UNITS * step, l->count);
    if (probe) {
        run_piece(r, 0, probe, 0);
        known->unit_ns = (f64)r->timed_ns / (f64)r->timed_units;
        r->first = probe;
    }
    u64 left = l->count - probe;
    u64 grain = known->unit_ns > 0 ? grain_for(known, left, step) : step;
    pool_for(c->pool, left, grain, run_piece, r);
    if (r->timed_units) known->unit_ns = MAX((f64)r->timed_ns / (f64)r->timed_units, 1e-3);
}

static qn_status cpu_launch(qn_device *d, const qn_launch *l)
{
    cpu_device *c = of(d);
    const cpu_program *prog = slots_get(&c->progs, l->prog);
    if (!prog) return fail(QN_E_BUG, "launch: no such program");
    const prog_shape *shape = cpu_program_shape(prog);
    QN_TRY(device_check_launch(d, l, shape, cpu_buf_bytes));
    running r = { .prog = prog, .words = l->words };
    for (u32 i = 0; i < l->n_bufs; i++) {
        const cpu_buf *buf = slots_get(&c->bufs, l->bufs[i].buf);
        if (buf->lent && shape->writes[i]) return fail(QN_E_BUG, "launch: buffer %u is lent by the host and only read", i);
        r.bufs[i] = buf->data + l->bufs[i].at;
        r.bytes[i] = l->bufs[i].bytes;
    }
    if (l->count == 0) return QN_OK;
    if (cpu_program_serial(prog)) return cpu_program_run(prog, r.bufs, r.bytes, l->words, 0, (u32)l->count);
    u64 step = shape->form == KC_MAP ? MAP_GRAIN : 1;
    if (pool_threads(c->pool) == 1) run_piece(&r, 0, l->count, 1);
    else run_shared(c, l, &r, step);
    return QN_OK;
}

/* ---- tickets: everything is done already */

static qn_status cpu_flush(qn_device *d, qn_ticket *out)
{
    *out = ++of(d)->last;
    return QN_OK;
}

static qn_status cpu_poll(qn_device *d, qn_ticket t, bool *done)
{
    if (t > of(d)->last) return fail(QN_E_USAGE, "poll: no such ticket");
    *done = true;
    return QN_OK;
}

static void cpu_wait_a_little(qn_device *d, qn_ticket t) { (void)d, (void)t; }

const qn_backend cpu_backend = {
    .name = "cpu",
    .target = KC_C,
    .open = cpu_open,
    .close = cpu_close,
    .buf_make = cpu_buf_make,
    .buf_free = cpu_buf_free,
    .prog_make = cpu_prog_make,
    .prog_free = cpu_prog_free,
    .prog_how = cpu_prog_how,
    .write = cpu_write,
    .copy = cpu_copy,
    .launch = cpu_launch,
    .read = cpu_read,
    .flush = cpu_flush,
    .poll = cpu_poll,
    .wait_a_little = cpu_wait_a_little,
    .buf_lend = cpu_buf_lend,
    .buf_host = cpu_buf_host,
};

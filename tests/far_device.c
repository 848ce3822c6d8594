/* A backend's table laid over the CPU's. Reads wait in a list; a ticket is done at its third poll, and then its reads land. */
#include "far_device.h"

enum { MOST_READS = 4096, POLLS = 3 };

static struct far {
    const qn_backend *real;
    qn_backend table;
    u64 memory; /* that the real device has */
    far_counts counts;
    struct {
        void *kept, *to;
        u64 bytes;
        qn_ticket due; /* 0: no flush has come yet */
    } reads[MOST_READS];
    u32 n_reads;
    qn_ticket last, polled;
    u32 polls;
} far;

static qn_status far_write(qn_device *d, qn_buf to, u64 at, qn_bytes from)
{
    far.counts.writes++, far.counts.write_bytes += from.n;
    return far.real->write(d, to, at, from);
}

/* As where a launch binds each buffer once, and not more than so many. */
static u32 bindings_of(const qn_launch *l)
{
    u32 n = 0;
    for (u32 i = 0; i < l->n_bufs; i++) {
        bool again = false;
        for (u32 j = 0; j < i; j++) again |= l->bufs[j].buf == l->bufs[i].buf;
        n += !again;
    }
    return n;
}

static qn_status far_launch(qn_device *d, const qn_launch *l)
{
    const u32 most = d->info.caps.max_buffers, n = bindings_of(l);
    far.counts.launches++;
    if (most && n > most) return fail(QN_E_UNSUPPORTED, "a launch meets %u buffers; this device binds %u", n, most);
    return far.real->launch(d, l);
}

/* What lies there now is what the queue has made of it; the caller sees it later. */
static qn_status far_read(qn_device *d, qn_buf from, u64 at, void *to, u64 bytes)
{
    if (far.n_reads == MOST_READS) return fail(QN_E_BUG, "the test device holds %d reads", MOST_READS);
    void *kept = mem_alloc(bytes);
    if (!kept) return fail_nomem(bytes);
    qn_status s = far.real->read(d, from, at, kept, bytes);
    memset(to, 0x5a, (size_t)bytes);
    far.counts.reads++, far.counts.read_bytes += bytes;
    far.reads[far.n_reads].kept = kept, far.reads[far.n_reads].to = to, far.reads[far.n_reads].bytes = bytes;
    far.reads[far.n_reads++].due = 0;
    return s;
}

static qn_status far_flush(qn_device *d, qn_ticket *out)
{
    QN_TRY(far.real->flush(d, out));
    for (u32 i = 0; i < far.n_reads; i++)
        if (!far.reads[i].due) far.reads[i].due = *out;
    return QN_OK;
}

static void land(qn_ticket t)
{
    u32 left = 0;
    for (u32 i = 0; i < far.n_reads; i++) {
        if (!far.reads[i].due || far.reads[i].due > t) {
            far.reads[left++] = far.reads[i];
            continue;
        }
        memcpy(far.reads[i].to, far.reads[i].kept, (size_t)far.reads[i].bytes);
        mem_free(far.reads[i].kept);
    }
    far.n_reads = left;
}

static qn_status far_poll(qn_device *d, qn_ticket t, bool *done)
{
    QN_TRY(far.real->poll(d, t, done));
    if (t != far.polled) far.polled = t, far.polls = 0;
    *done = ++far.polls >= POLLS;
    if (*done) land(t);
    return QN_OK;
}

static qn_status far_buf_make(qn_device *d, u64 bytes, qn_buf *out)
{
    const u64 most = d->info.caps.max_buffer_bytes;
    if (most >= DEVICE_VIEW_ALIGN && bytes > most)
        return fail(QN_E_NOMEM, "%llu bytes are too many", (unsigned long long)bytes);
    d->info.caps.max_buffer_bytes = far.memory; /* the real one goes by its own */
    qn_status status = far.real->buf_make(d, bytes, out);
    d->info.caps.max_buffer_bytes = most;
    return status;
}

qn_device *far_device_open(test *t, bool cannot_wait)
{
    qn_device *d = NULL;
    CHECK_OK(t, qn_device_open("cpu", &(qn_device_desc){ .threads = 1 }, &d));
    if (!d) return NULL;
    far = (struct far){ .real = d->backend, .table = *d->backend, .memory = d->info.caps.max_buffer_bytes };
    far.table.buf_make = far_buf_make;
    far.table.write = far_write;
    far.table.launch = far_launch;
    far.table.read = far_read;
    far.table.flush = far_flush;
    far.table.poll = far_poll;
    far.table.buf_lend = NULL;
    if (cannot_wait) far.table.wait_a_little = NULL;
    d->backend = &far.table;
    d->info.caps.host_memory = false;
    return d;
}

void far_device_close(qn_device *d)
{
    if (!d) return;
    land(UINT64_MAX);
    d->backend = far.real;
    qn_device_close(d);
}

far_counts far_device_counts(void) { return far.counts; }

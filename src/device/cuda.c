/* CUDA: a card of NVIDIA's, sm_70 or later, through its driver alone. One context (the card's primary one, shared with whoever else in the
 * process uses the card) and one in-order stream a device.
 *
 * Launches are collected until something else is queued, so that a list that comes again is one call (cuda_list.h). Freed memory is kept
 * for the next buffer of about its size: the stream is in order, so it may be used again at once. */
#include <stdio.h>

#include "device/cuda_queue.h"
#include "device/slots.h"

enum {
    ROUND = 512,
    LEAST_ARCH = 70,
    MMA_ARCH = 80,
    DOT4_ARCH = 61,
    MAP_ITEMS = 256,
    POOL_MOST = 64,
    WIDE_GRID = 1 << 30,
    GROUP_BYTES = 48 * 1024
};

typedef struct cuda_buf {
    cu_memory memory;
    u64 bytes, room;
} cuda_buf;
typedef struct cuda_spare { /* freed memory */
    cu_memory memory;
    u64 room;
} cuda_spare;
typedef struct cuda_dev {
    qn_device head;
    const cuda_api *cu;
    cu_device device;
    cu_context context;
    cuda_builder builder;
    cuda_queue queue;
    slots bufs, progs;
    cuda_spare pool[POOL_MOST];
    u32 n_pool;
} cuda_dev;

static cuda_dev *of(qn_device *d) { return (cuda_dev *)d; }

/* Calls act on this thread's current context. */
static cuda_dev *enter(qn_device *d)
{
    cuda_dev *c = of(d);
    c->cu->cuCtxSetCurrent(c->context); /* a context that is gone shows in the call that follows */
    return c;
}

/* ---- opening */

static u32 attribute(const cuda_dev *c, i32 what)
{
    i32 value = 0;
    return c->cu->cuDeviceGetAttribute(&value, what, c->device) == CU_SUCCESS && value > 0 ? (u32)value : 0;
}

static u32 arch_of(const cuda_dev *c)
{
    return attribute(c, CU_COMPUTE_CAPABILITY_MAJOR) * 10 + attribute(c, CU_COMPUTE_CAPABILITY_MINOR);
}

static void put_caps(cuda_dev *c)
{
    size_t bytes = 0;
    c->cu->cuDeviceTotalMem_v2(&bytes, c->device);
    c->head.info.caps = (qn_caps){
        .memory_bytes = bytes,
        .max_buffer_bytes = bytes,
        .max_buffers = DEVICE_MAX_BUFFERS,
        .max_group = attribute(c, CU_MAX_THREADS_PER_BLOCK),
        .group_memory_bytes = MIN(attribute(c, CU_MAX_SHARED_MEMORY_PER_BLOCK), GROUP_BYTES),
        .best_group = 64,
        .width = 4,
        .subgroup = attribute(c, CU_WARP_SIZE),
        .workers = attribute(c, CU_MULTIPROCESSOR_COUNT),
        .f16 = true,
        .f64 = true,
        .i64 = true,
        .i8_buffers = true,
        .atomics = true,
        .dot4 = arch_of(c) >= DOT4_ARCH,
        .mma = arch_of(c) >= MMA_ARCH,
    };
}

/* Fills info, and what tells this card's machine code from another's. */
static void put_info(cuda_dev *c)
{
    qn_device_info *info = &c->head.info;
    i32 version = 0;
    c->cu->cuDeviceGetName(info->name, sizeof info->name, c->device);
    c->cu->cuDriverGetVersion(&version);
    snprintf(info->driver, sizeof info->driver, "CUDA %d.%d, sm_%u", version / 1000, version % 1000 / 10, arch_of(c));
    put_caps(c);
    const char *const parts[] = { info->driver, qn_version() };
    for (size_t i = 0; i < COUNT(parts); i++)
        c->builder.driver_key = hash_bytes(parts[i], strlen(parts[i]), c->builder.driver_key);
}

static qn_status find_device(cuda_dev *c, u32 index)
{
    i32 n = 0;
    QN_TRY(cuda_check(c->cu->cuDeviceGetCount(&n), "cuDeviceGetCount"));
    if (n == 0) return fail(QN_E_NO_DEVICE, "CUDA's driver is installed but sees no card");
    if (index >= (u32)n) return fail(QN_E_NAME, "CUDA has %d devices; there is no number %u", n, index);
    return cuda_check(c->cu->cuDeviceGet(&c->device, (i32)index), "cuDeviceGet");
}

static qn_status open_stages(cuda_dev *c, u32 index)
{
    QN_TRY(cuda_load(&c->cu));
    c->builder.cu = c->cu;
    c->builder.caps = &c->head.info.caps;
    QN_TRY(find_device(c, index));
    put_info(c);
    if (arch_of(c) < LEAST_ARCH)
        return fail(QN_E_NO_DEVICE, "CUDA device %u (%s) is sm_%u; sm_%d or later is needed", index, c->head.info.name,
                    arch_of(c), LEAST_ARCH);
    QN_TRY(cuda_check(c->cu->cuDevicePrimaryCtxRetain(&c->context, c->device), "cuDevicePrimaryCtxRetain"));
    cuda_count(1);
    QN_TRY(cuda_check(c->cu->cuCtxSetCurrent(c->context), "cuCtxSetCurrent"));
    return cuda_queue_open(&c->queue, c->cu);
}

/* ---- memory */

static void release(cuda_dev *c, cu_memory memory)
{
    if (!memory) return;
    c->cu->cuMemFree_v2(memory);
    cuda_count(-1);
}

static void empty_pool(cuda_dev *c)
{
    while (c->n_pool) release(c, c->pool[--c->n_pool].memory);
}

/* Freed memory that fits without much waste. */
static bool from_pool(cuda_dev *c, cuda_buf *buf)
{
    u32 best = POOL_MOST;
    for (u32 i = 0; i < c->n_pool; i++)
        if (c->pool[i].room >= buf->room && c->pool[i].room / 2 <= buf->room &&
            (best == POOL_MOST || c->pool[i].room < c->pool[best].room))
            best = i;
    if (best == POOL_MOST) return false;
    buf->memory = c->pool[best].memory, buf->room = c->pool[best].room;
    c->pool[best] = c->pool[--c->n_pool];
    return true;
}

static void to_pool(cuda_dev *c, const cuda_buf *buf)
{
    if (c->n_pool == POOL_MOST) release(c, c->pool[0].memory), c->pool[0] = c->pool[--c->n_pool];
    c->pool[c->n_pool++] = (cuda_spare){ buf->memory, buf->room };
}

static qn_status allocate(cuda_dev *c, cuda_buf *buf)
{
    if (from_pool(c, buf)) return QN_OK;
    i32 code = c->cu->cuMemAlloc_v2(&buf->memory, (size_t)buf->room);
    if (code == CU_OUT_OF_MEMORY && c->n_pool) {
        empty_pool(c);
        code = c->cu->cuMemAlloc_v2(&buf->memory, (size_t)buf->room);
    }
    if (code == CU_OUT_OF_MEMORY)
        return fail(QN_E_NOMEM, "CUDA: %s has no room for a buffer of %llu bytes", c->head.info.name,
                    (unsigned long long)buf->bytes);
    QN_TRY(cuda_check(code, "cuMemAlloc"));
    cuda_count(1);
    return QN_OK;
}

static qn_status make_zeroed(cuda_dev *c, cuda_buf *buf)
{
    QN_TRY(cuda_queue_send(&c->queue));
    QN_TRY(allocate(c, buf));
    return cuda_check(c->cu->cuMemsetD8Async(buf->memory, 0, (size_t)buf->room, c->queue.stream), "cuMemsetD8Async");
}

static qn_status dev_buf_make(qn_device *d, u64 bytes, qn_buf *out)
{
    cuda_dev *c = enter(d);
    if (bytes > d->info.caps.max_buffer_bytes)
        return fail(QN_E_NOMEM, "%llu bytes are more than the %llu of %s", (unsigned long long)bytes,
                    (unsigned long long)d->info.caps.max_buffer_bytes, d->info.name);
    cuda_buf *buf = mem_zalloc(sizeof *buf);
    if (!buf) return fail_nomem(sizeof *buf);
    buf->bytes = bytes;
    buf->room = (bytes / ROUND + 1) * ROUND;
    qn_status status = make_zeroed(c, buf);
    if (status == QN_OK && !slots_add(&c->bufs, buf, out)) status = fail_nomem(sizeof(slot));
    if (status == QN_OK) return QN_OK;
    release(c, buf->memory);
    mem_free(buf);
    return status;
}

static void dev_buf_free(qn_device *d, qn_buf b)
{
    cuda_dev *c = enter(d);
    cuda_buf *buf = slots_remove(&c->bufs, b);
    if (!buf) return;
    cuda_queue_send(&c->queue); /* its error is the next flush's */
    to_pool(c, buf);
    mem_free(buf);
}

/* ---- programs */

static void dev_prog_free(qn_device *d, qn_prog p)
{
    cuda_dev *c = enter(d);
    cuda_program *prog = slots_remove(&c->progs, p);
    if (!prog) return;
    cuda_queue_send(&c->queue);
    cuda_list_forget(&c->queue.pending, c->cu, prog);
    c->cu->cuStreamSynchronize(c->queue.stream); /* a module must outlive its last launch */
    cuda_program_free(c->cu, prog);
}

static qn_status dev_prog_make(qn_device *d, const kc_program *p, qn_prog *out)
{
    cuda_dev *c = enter(d);
    cuda_program *prog;
    QN_TRY(cuda_program_make(&c->builder, p, &prog));
    if (slots_add(&c->progs, prog, out)) return QN_OK;
    cuda_program_free(c->cu, prog);
    return fail_nomem(sizeof(slot));
}

static const char *dev_prog_how(qn_device *d, qn_prog p) { return slots_get(&of(d)->progs, p) ? "cuda" : ""; }

static void dev_close(qn_device *d)
{
    cuda_dev *c = of(d);
    u32 id;
    if (c->context) {
        enter(d);
        if (c->queue.stream) c->cu->cuStreamSynchronize(c->queue.stream);
        while (slots_any(&c->bufs, &id)) dev_buf_free(d, id);
        while (slots_any(&c->progs, &id)) dev_prog_free(d, id);
        empty_pool(c);
        cuda_queue_close(&c->queue);
        c->cu->cuCtxSetCurrent(NULL);
        c->cu->cuDevicePrimaryCtxRelease_v2(c->device);
        cuda_count(-1);
    }
    slots_free(&c->bufs);
    slots_free(&c->progs);
    mem_free(c);
}

static qn_status dev_open(u32 index, const qn_device_desc *desc, qn_device **out)
{
    (void)desc;
    cuda_dev *c = mem_zalloc(sizeof *c);
    if (!c) return fail_nomem(sizeof *c);
    c->head.backend = &cuda_backend;
    qn_status status = open_stages(c, index);
    if (status == QN_OK) *out = &c->head;
    else dev_close(&c->head);
    return status;
}

/* ---- copies */

static qn_status span(cuda_dev *c, const char *what, qn_buf b, u64 at, u64 bytes, cu_memory *out)
{
    const cuda_buf *buf = slots_get(&c->bufs, b);
    if (!buf) return fail(QN_E_BUG, "%s: no such buffer", what);
    QN_TRY(device_check_span(what, at, bytes, buf->bytes));
    *out = buf->memory + at;
    return QN_OK;
}

static qn_status dev_write(qn_device *d, qn_buf to, u64 at, qn_bytes from)
{
    cuda_dev *c = enter(d);
    cu_memory memory = 0;
    QN_TRY(span(c, "write", to, at, from.n, &memory));
    return cuda_queue_write(&c->queue, memory, from);
}

static qn_status dev_read(qn_device *d, qn_buf from, u64 at, void *to, u64 bytes)
{
    cuda_dev *c = enter(d);
    cu_memory memory = 0;
    QN_TRY(span(c, "read", from, at, bytes, &memory));
    return bytes ? cuda_queue_read(&c->queue, memory, to, bytes) : QN_OK;
}

static qn_status copy_piece(cuda_dev *c, cu_memory to, cu_memory from, u64 bytes)
{
    return cuda_check(c->cu->cuMemcpyDtoDAsync_v2(to, from, (size_t)bytes, c->queue.stream), "cuMemcpyDtoDAsync");
}

/* Overlapping spans go piece by piece, from the end that does not run over itself. */
static qn_status copy_within(cuda_dev *c, cu_memory to, cu_memory from, u64 bytes)
{
    u64 apart = to > from ? to - from : from - to;
    for (u64 done = 0; done < bytes;) {
        u64 n = MIN(apart, bytes - done), skip = to > from ? bytes - done - n : done;
        QN_TRY(copy_piece(c, to + skip, from + skip, n));
        done += n;
    }
    return QN_OK;
}

static qn_status dev_copy(qn_device *d, qn_buf to, u64 to_at, qn_buf from, u64 from_at, u64 bytes)
{
    cuda_dev *c = enter(d);
    cu_memory into = 0, out_of = 0;
    QN_TRY(span(c, "copy to", to, to_at, bytes, &into));
    QN_TRY(span(c, "copy from", from, from_at, bytes, &out_of));
    if (bytes == 0 || into == out_of) return QN_OK;
    QN_TRY(cuda_queue_send(&c->queue));
    return to == from ? copy_within(c, into, out_of, bytes) : copy_piece(c, into, out_of, bytes);
}

/* ---- launches */

static bool dev_buf_bytes(qn_device *d, qn_buf b, u64 *out)
{
    const cuda_buf *buf = slots_get(&of(d)->bufs, b);
    if (buf) *out = buf->bytes;
    return buf != NULL;
}

static void put_args(const cuda_dev *c, const cuda_program *p, const qn_launch *l, cuda_launch *out)
{
    const u32 *word = l->words;
    const buf_view *view = l->bufs;
    for (u32 i = 0; i < p->n_args; i++) {
        u32 words = p->arg_words[i];
        if (words == 0) {
            out->args[i] = ((const cuda_buf *)slots_get(&c->bufs, view->buf))->memory + view->at;
            view++;
            continue;
        }
        out->args[i] = words == 2 ? (u64)word[1] << 32 | word[0] : word[0]; /* little endian: a u32 is its first bytes */
        word += words;
    }
    out->args[p->n_args] = l->count;
}

/* Small MAPs in small blocks, so that every multiprocessor has one. */
static u32 items_of_map(const cuda_dev *c, u64 count)
{
    u32 items = MAP_ITEMS;
    while (items > 32 && count < (u64)items * 2 * c->head.info.caps.workers) items /= 2;
    return items;
}

static void put_grid(const cuda_dev *c, const cuda_program *p, u64 count, cuda_launch *out)
{
    bool is_map = p->shape.form == KC_MAP;
    out->block = is_map ? items_of_map(c, count) : p->group;
    u64 blocks = is_map ? (count + out->block - 1) / out->block : count;
    out->grid[0] = (u32)MIN(blocks, WIDE_GRID);
    out->grid[1] = (u32)((blocks + WIDE_GRID - 1) / WIDE_GRID);
}

static qn_status dev_launch(qn_device *d, const qn_launch *l)
{
    cuda_dev *c = enter(d);
    const cuda_program *p = slots_get(&c->progs, l->prog);
    if (!p) return fail(QN_E_BUG, "launch: no such program");
    QN_TRY(device_check_launch(d, l, &p->shape, dev_buf_bytes));
    if (l->count == 0) return QN_OK;
    if (c->queue.pending.n == CUDA_LIST_MOST) QN_TRY(cuda_queue_send(&c->queue));
    cuda_launch *k = cuda_list_next(&c->queue.pending);
    if (!k) return fail_nomem(CUDA_LIST_MOST * sizeof *k);
    k->program = p;
    put_grid(c, p, l->count, k);
    put_args(c, p, l, k);
    return QN_OK;
}

/* ---- tickets */

static qn_status dev_flush(qn_device *d, qn_ticket *out) { return cuda_queue_flush(&enter(d)->queue, out); }

static qn_status dev_poll(qn_device *d, qn_ticket t, bool *done) { return cuda_queue_poll(&enter(d)->queue, t, done); }

static void dev_wait_a_little(qn_device *d, qn_ticket t) { cuda_queue_wait(&enter(d)->queue, t); }

static void *dev_buf_host(qn_device *d, qn_buf b)
{
    (void)d, (void)b;
    return NULL;
}

const qn_backend cuda_backend = {
    .name = "cuda",
    .target = KC_PTX,
    .bakes = true,
    .unproven = true,
    .open = dev_open,
    .close = dev_close,
    .buf_make = dev_buf_make,
    .buf_free = dev_buf_free,
    .prog_make = dev_prog_make,
    .prog_free = dev_prog_free,
    .prog_how = dev_prog_how,
    .write = dev_write,
    .copy = dev_copy,
    .launch = dev_launch,
    .read = dev_read,
    .flush = dev_flush,
    .poll = dev_poll,
    .wait_a_little = dev_wait_a_little,
    .buf_host = dev_buf_host,
};

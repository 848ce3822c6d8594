/* WebGPU, in a browser and natively: buffers, programs and launches over the functions of webgpu_api.h. kc prints WGSL, the
 * implementation compiles it. Nothing waits; what goes wrong on the device comes out at poll. */
#include <stdio.h>

#include "device/webgpu.h"

static webgpu_device *of(qn_device *d) { return (webgpu_device *)d; }

/* ---- opening */
static void put_info(webgpu_device *w)
{
    const u32 *limit = w->limits;
    qn_device_info *info = &w->head.info;
    w->api->text(w->id, WEBGPU_TEXT_NAME, info->name, sizeof info->name);
    w->api->text(w->id, WEBGPU_TEXT_DRIVER, info->driver, sizeof info->driver);
    u32 group = MIN(limit[WEBGPU_MAX_GROUP], limit[WEBGPU_MAX_GROUP_X]);
    info->caps = (qn_caps){
        .max_buffer_bytes = MIN(limit[WEBGPU_MAX_BUFFER], limit[WEBGPU_MAX_BINDING]) / WEBGPU_BLOCK * WEBGPU_BLOCK,
        .max_buffers = MIN(limit[WEBGPU_MAX_STORAGE_BUFFERS], DEVICE_MAX_BUFFERS),
        .max_group = group,
        .group_memory_bytes = limit[WEBGPU_GROUP_MEMORY],
        .best_group = MIN(group, 64),
        .width = 4,
        .subgroup = limit[WEBGPU_SUBGROUPS],
        .workers = 1, /* WebGPU does not tell */
        .f16 = limit[WEBGPU_F16],
        .i64 = true,
        .i8_buffers = true,
        .atomics = true,
    };
}

static qn_status open_stages(webgpu_device *w, u32 index)
{
    QN_TRY(webgpu_load(&w->api));
    u32 past = w->api->past();
    if (past == 0) return fail(QN_E_NO_DEVICE, "WebGPU has no adapter here");
    if (index >= past) return fail(QN_E_NAME, "there are %u WebGPU devices", past);
    u32 opened = w->api->open(index);
    if (!opened) return fail(QN_E_NO_DEVICE, "WebGPU device %u is not there, or is lost", index);
    w->id = opened - 1;
    w->is_open = true;
    w->api->limits(w->id, w->limits);
    put_info(w);
    w->page = mem_alloc(WEBGPU_PAGE_BYTES);
    if (!w->page) return fail_nomem(WEBGPU_PAGE_BYTES);
    w->uniform = w->api->buffer_make(w->id, WEBGPU_UNIFORM, WEBGPU_PAGE_BYTES / WEBGPU_BLOCK);
    QN_TRY(webgpu_trouble(w));
    return w->uniform ? QN_OK : fail(QN_E_NO_DEVICE, "%s: a buffer could not be made", w->head.info.name);
}

static void gpu_buf_free(qn_device *d, qn_buf b)
{
    webgpu_device *w = of(d);
    webgpu_buf *buf = slots_remove(&w->bufs, b);
    if (!buf) return;
    webgpu_free(w, WEBGPU_FREE_BUFFER, buf->id);
    mem_free(buf);
}

static void gpu_prog_free(qn_device *d, qn_prog p) { webgpu_program_free(of(d), slots_remove(&of(d)->progs, p)); }

static void free_objects(webgpu_device *w)
{
    u32 id;
    if (w->recorded) webgpu_submit(w);
    webgpu_reads_drop(w, 0);
    webgpu_held_drop(w);
    webgpu_forget_buffer(w, 0);
    while (slots_any(&w->bufs, &id)) gpu_buf_free(&w->head, id);
    while (slots_any(&w->progs, &id)) gpu_prog_free(&w->head, id);
    w->api->pipeline_free(w->id, w->patch);
    w->api->pipeline_free(w->id, w->shift);
    w->api->buffer_free(w->id, w->uniform);
    w->api->close(w->id);
}

static void gpu_close(qn_device *d)
{
    webgpu_device *w = of(d);
    if (w->is_open) free_objects(w);
    slots_free(&w->bufs);
    slots_free(&w->progs);
    map_free(&w->bound_at);
    webgpu_tickets_free(w);
    mem_free(w->bound);
    mem_free(w->reads);
    mem_free(w->page);
    mem_free(w);
}

static qn_status gpu_open(u32 index, const qn_device_desc *desc, qn_device **out)
{
    (void)desc;
    webgpu_device *w = mem_zalloc(sizeof *w);
    if (!w) return fail_nomem(sizeof *w);
    w->head.backend = &webgpu_backend;
    qn_status status = open_stages(w, index);
    if (status == QN_OK) *out = &w->head;
    else gpu_close(&w->head);
    return status;
}

/* ---- buffers and programs */
static qn_status add_buf(webgpu_device *w, u32 id, u64 bytes, bool lent, qn_buf *out)
{
    webgpu_buf *buf = mem_zalloc(sizeof *buf);
    if (!buf) return fail_nomem(sizeof *buf);
    *buf = (webgpu_buf){ id, bytes, lent };
    if (slots_add(&w->bufs, buf, out)) return QN_OK;
    mem_free(buf);
    return fail_nomem(sizeof(slot));
}

static qn_status gpu_buf_make(qn_device *d, u64 bytes, qn_buf *out)
{
    webgpu_device *w = of(d);
    const u64 most = d->info.caps.max_buffer_bytes;
    if (bytes > most)
        return fail(QN_E_NOMEM, "%llu bytes are more than the %llu that %s can bind of one buffer",
                    (unsigned long long)bytes, (unsigned long long)most, d->info.name);
    u32 id = w->api->buffer_make(w->id, WEBGPU_STORAGE, (u32)MIN(bytes / WEBGPU_BLOCK + 1, most / WEBGPU_BLOCK));
    char said[200] = "";
    if (!id) w->api->text(w->id, WEBGPU_TEXT_TROUBLE, said, sizeof said);
    qn_status status = webgpu_trouble(w);
    if (status == QN_OK && !id)
        return fail(QN_E_NOMEM, "%s has no room for %llu bytes%s%s", d->info.name, (unsigned long long)bytes,
                    *said ? ": " : "", said);
    if (status == QN_OK) status = add_buf(w, id, bytes, false, out);
    if (status != QN_OK) w->api->buffer_free(w->id, id);
    return status;
}

/* A GPUBuffer of the caller, which the page has put under the number `id`; freeing it only forgets it. */
static qn_status gpu_buf_adopt(qn_device *d, u32 id, u64 bytes, qn_buf *out)
{
    if (!id) return fail(QN_E_USAGE, "no GPUBuffer has the number 0");
    return add_buf(of(d), id, bytes, true, out);
}

static u32 gpu_buf_number(qn_device *d, qn_buf b)
{
    const webgpu_buf *buf = slots_get(&of(d)->bufs, b);
    return buf ? buf->id : 0;
}

static qn_status gpu_prog_make(qn_device *d, const kc_program *p, qn_prog *out)
{
    webgpu_program *prog;
    QN_TRY(webgpu_program_make(of(d), p, &prog));
    if (slots_add(&of(d)->progs, prog, out)) return QN_OK;
    webgpu_program_free(of(d), prog);
    return fail_nomem(sizeof(slot));
}

static const char *gpu_prog_how(qn_device *d, qn_prog p) { return slots_get(&of(d)->progs, p) ? "webgpu" : ""; }

/* ---- the queue */
static qn_status span(qn_device *d, const char *what, qn_buf b, u64 at, u64 bytes, const webgpu_buf **out)
{
    if (of(d)->lost) return fail(QN_E_LOST, "%s", of(d)->sentence);
    *out = slots_get(&of(d)->bufs, b);
    if (!*out) return fail(QN_E_BUG, "%s: no such buffer", what);
    return device_check_span(what, at, bytes, (*out)->bytes);
}

static qn_status gpu_write(qn_device *d, qn_buf to, u64 at, qn_bytes from)
{
    const webgpu_buf *buf;
    QN_TRY(span(d, "write", to, at, from.n, &buf));
    return webgpu_write_bytes(of(d), buf, at, from);
}

static qn_status gpu_read(qn_device *d, qn_buf from, u64 at, void *to, u64 bytes)
{
    const webgpu_buf *buf;
    QN_TRY(span(d, "read", from, at, bytes, &buf));
    const webgpu_work work = { .kind = WEBGPU_READ,
                               .of.read = { buf->id, at, bytes, to },
                               .ticket = of(d)->last_ticket + 1 };
    return bytes ? webgpu_do(of(d), &work) : QN_OK;
}

static qn_status gpu_copy(qn_device *d, qn_buf to, u64 to_at, qn_buf from, u64 from_at, u64 bytes)
{
    const webgpu_buf *to_buf, *from_buf;
    QN_TRY(span(d, "copy to", to, to_at, bytes, &to_buf));
    QN_TRY(span(d, "copy from", from, from_at, bytes, &from_buf));
    if (bytes == 0 || (to == from && to_at == from_at)) return QN_OK;
    return webgpu_copy_bytes(of(d), to_buf, to_at, from_buf, from_at, bytes);
}

static bool gpu_buf_bytes(qn_device *d, qn_buf b, u64 *out)
{
    const webgpu_buf *buf = slots_get(&of(d)->bufs, b);
    if (buf) *out = buf->bytes;
    return buf != NULL;
}

static qn_status gpu_launch(qn_device *d, const qn_launch *l)
{
    webgpu_device *w = of(d);
    webgpu_program *p = slots_get(&w->progs, l->prog);
    if (!p) return fail(QN_E_BUG, "launch: no such program");
    if (w->lost) return webgpu_trouble(w);
    QN_TRY(device_check_launch(d, l, webgpu_program_shape(p), gpu_buf_bytes));
    return webgpu_program_launch(w, p, l); /* of nothing too: it shows whether the kernel is refused */
}

static qn_status gpu_expect(qn_device *d, const qn_launch *l)
{
    webgpu_program *p = slots_get(&of(d)->progs, l->prog);
    if (!p) return fail(QN_E_BUG, "expect: no such program");
    return webgpu_program_expect(of(d), p, l);
}

static qn_status gpu_flush(qn_device *d, qn_ticket *out) { return webgpu_flush(of(d), out); }

static qn_status gpu_poll(qn_device *d, qn_ticket t, bool *done) { return webgpu_poll(of(d), t, done); }

static void gpu_forget(qn_device *d, qn_ticket t) { webgpu_forget(of(d), t); }

static void gpu_wait_a_little(qn_device *d, qn_ticket t)
{
    (void)t;
    of(d)->api->wait(of(d)->id, of(d)->last, 1000);
}

static void *gpu_buf_host(qn_device *d, qn_buf b)
{
    (void)d, (void)b;
    return NULL;
}

const qn_backend webgpu_backend = {
    .name = "webgpu",
    .target = KC_WGSL,
    .bakes = true,
    .unproven = true,
    .open = gpu_open,
    .close = gpu_close,
    .buf_make = gpu_buf_make,
    .buf_free = gpu_buf_free,
    .prog_make = gpu_prog_make,
    .prog_free = gpu_prog_free,
    .prog_how = gpu_prog_how,
    .write = gpu_write,
    .copy = gpu_copy,
    .launch = gpu_launch,
    .expect = gpu_expect,
    .read = gpu_read,
    .flush = gpu_flush,
    .poll = gpu_poll,
    .forget = gpu_forget,
    .wait_a_little = PLATFORM_BROWSER ? NULL : gpu_wait_a_little,
    .buf_adopt = gpu_buf_adopt,
    .buf_number = gpu_buf_number,
    .buf_host = gpu_buf_host,
};

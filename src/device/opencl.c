/* OpenCL: any driver that the loader finds, 1.2 or later, nothing beyond the core. One context and one in-order queue a device.
 *
 * A view is bound as its buffer and the place in it, which the kernel adds: cheaper for drivers than a sub-buffer for each span. */
#include <stdio.h>

#include "device/opencl_program.h"
#include "device/opencl_queue.h"
#include "device/slots.h"

enum { ROUND = 512, BLOCK_BYTES = 1 << 20 };

typedef struct opencl_buf {
    cl_mem mem;
    u64 bytes;
} opencl_buf;
typedef struct opencl_device {
    qn_device head;
    const opencl_api *cl;
    opencl_builder builder;
    opencl_queue queue;
    slots bufs, progs;
} opencl_device;

static opencl_device *of(qn_device *d) { return (opencl_device *)d; }

/* ---- opening */

static u64 info_number(const opencl_device *o, u32 what, size_t bytes)
{
    u64 value = 0; /* little endian: a narrower answer fills the low bytes */
    return o->cl->clGetDeviceInfo(o->builder.device, what, bytes, &value, NULL) == 0 ? value : 0;
}

/* Text of the device; long ones (extensions) are cut at the end of the buffer. */
static void info_text(const opencl_device *o, u32 what, char *out, size_t n)
{
    out[0] = 0;
    size_t need = 0;
    if (o->cl->clGetDeviceInfo(o->builder.device, what, 0, NULL, &need) != 0 || need == 0) return;
    char *text = mem_zalloc(need + 1);
    if (text && o->cl->clGetDeviceInfo(o->builder.device, what, need, text, NULL) == 0) snprintf(out, n, "%s", text);
    mem_free(text);
}

static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0)) return true;
    return false;
}

/* A processor runs a group's items one after the other, so it wants groups of one, with blocks of a matrix in its group memory.
 * Lanes stay at 4 even there: wider ones are up to four times as fast on PoCL, but take it as much longer to compile. */
static u32 best_group(const opencl_device *o, u64 max_group, u64 group_memory)
{
    bool processor = info_number(o, CL_DEVICE_TYPE, sizeof(u64)) & CL_DEVICE_TYPE_CPU;
    return processor && group_memory >= BLOCK_BYTES ? 1 : (u32)MIN(max_group, 64);
}

/* OpenCL C 3.0, which has subgroups as an extension; 1.2 has none. */
static bool speaks_3(const opencl_device *o)
{
    char version[128] = "";
    info_text(o, CL_DEVICE_VERSION, version, sizeof version);
    return text_starts(version, "OpenCL 3");
}

static void put_caps(opencl_device *o)
{
    char extensions[8192];
    info_text(o, CL_DEVICE_EXTENSIONS, extensions, sizeof extensions);
    u64 group = info_number(o, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(size_t));
    u64 memory = info_number(o, CL_DEVICE_LOCAL_MEM_SIZE, sizeof(u64));
    o->head.info.caps = (qn_caps){
        .memory_bytes = info_number(o, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(u64)),
        .max_buffer_bytes = info_number(o, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(u64)),
        .max_buffers = DEVICE_MAX_BUFFERS,
        .max_group = (u32)MIN(group, 4096),
        .group_memory_bytes = (u32)MIN(memory, 1 << 20),
        .best_group = best_group(o, group, memory),
        .width = 4,
        .workers = (u32)info_number(o, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof(u32)),
        .subgroup = has_word(extensions, "cl_khr_subgroups") && speaks_3(o), /* of which size is not told */
        .f16 = has_word(extensions, "cl_khr_fp16"),
        .f64 = has_word(extensions, "cl_khr_fp64"),
        .i64 = true,
        .i8_buffers = true,
        .atomics = true,
        .dot4 = has_word(extensions, "cl_khr_integer_dot_product"),
    };
}

/* Fills info, and what tells this driver's binaries from another's. */
static void put_info(opencl_device *o)
{
    qn_device_info *info = &o->head.info;
    char version[128], platform[64] = "", platform_version[128] = "";
    const opencl_api *cl = o->cl;
    info_text(o, CL_DEVICE_NAME, info->name, sizeof info->name);
    info_text(o, CL_DRIVER_VERSION, version, sizeof version);
    cl->clGetPlatformInfo(o->builder.platform, CL_PLATFORM_NAME, sizeof platform - 1, platform, NULL);
    cl->clGetPlatformInfo(o->builder.platform, CL_PLATFORM_VERSION, sizeof platform_version - 1, platform_version, NULL);
    snprintf(info->driver, sizeof info->driver, "%.60s %.60s", platform, version);
    put_caps(o);
    bool exact = info_number(o, CL_DEVICE_SINGLE_FP_CONFIG, sizeof(u64)) & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT;
    snprintf(o->builder.options, sizeof o->builder.options, "-cl-std=%s%s",
             o->head.info.caps.subgroup ? "CL3.0 -DQK_SUBGROUPS" : "CL1.2",
             exact ? " -cl-fp32-correctly-rounded-divide-sqrt" : "");
    const char *const parts[] = { platform, platform_version, info->name, version, o->builder.options, qn_version() };
    for (size_t i = 0; i < COUNT(parts); i++)
        o->builder.driver_key = hash_bytes(parts[i], strlen(parts[i]), o->builder.driver_key);
}

static qn_status open_stages(opencl_device *o, u32 index)
{
    opencl_builder *b = &o->builder;
    QN_TRY(opencl_load(&o->cl));
    b->cl = o->queue.cl = o->cl;
    b->caps = &o->head.info.caps;
    QN_TRY(opencl_find(o->cl, index, &b->platform, &b->device));
    put_info(o);
    if (!info_number(o, CL_DEVICE_AVAILABLE, sizeof(u32)) || !info_number(o, CL_DEVICE_COMPILER_AVAILABLE, sizeof(u32)))
        return fail(QN_E_NO_DEVICE, "OpenCL device %u (%s) is not available, or has no compiler", index, o->head.info.name);
    i32 error = 0;
    const intptr_t properties[] = { CL_CONTEXT_PLATFORM, (intptr_t)b->platform, 0 };
    b->context = o->cl->clCreateContext(properties, 1, &b->device, NULL, NULL, &error);
    QN_TRY(opencl_check(error, "clCreateContext"));
    opencl_count(1);
    o->queue.queue = o->cl->clCreateCommandQueue(b->context, b->device, 0, &error);
    QN_TRY(opencl_check(error, "clCreateCommandQueue"));
    opencl_count(1);
    return QN_OK;
}

static void release_mem(opencl_device *o, cl_mem mem)
{
    if (!mem) return;
    o->cl->clReleaseMemObject(mem);
    opencl_count(-1);
}

static void ocl_buf_free(qn_device *d, qn_buf b)
{
    opencl_device *o = of(d);
    opencl_buf *buf = slots_remove(&o->bufs, b);
    if (!buf) return;
    release_mem(o, buf->mem);
    mem_free(buf);
}

static void ocl_prog_free(qn_device *d, qn_prog p) { opencl_program_free(of(d)->cl, slots_remove(&of(d)->progs, p)); }

static void ocl_close(qn_device *d)
{
    opencl_device *o = of(d);
    u32 id;
    if (o->queue.queue) o->cl->clFinish(o->queue.queue);
    while (slots_any(&o->bufs, &id)) ocl_buf_free(d, id);
    while (slots_any(&o->progs, &id)) ocl_prog_free(d, id);
    slots_free(&o->bufs);
    slots_free(&o->progs);
    opencl_queue_close(&o->queue);
    if (o->builder.context) {
        o->cl->clReleaseContext(o->builder.context);
        opencl_count(-1);
    }
    mem_free(o);
}

static qn_status ocl_open(u32 index, const qn_device_desc *desc, qn_device **out)
{
    (void)desc;
    opencl_device *o = mem_zalloc(sizeof *o);
    if (!o) return fail_nomem(sizeof *o);
    o->head.backend = &opencl_backend;
    qn_status status = open_stages(o, index);
    if (status == QN_OK) *out = &o->head;
    else ocl_close(&o->head);
    return status;
}

/* ---- buffers and programs */

/* Rounded up, so that the zeros can be written 16 bytes at a time and no buffer is empty. */
static qn_status create_zeroed(opencl_device *o, u64 bytes, cl_mem *out)
{
    static const u8 zeros[16];
    i32 error = 0;
    size_t room = (size_t)(bytes / ROUND + 1) * ROUND;
    cl_mem mem = o->cl->clCreateBuffer(o->builder.context, CL_MEM_READ_WRITE, room, NULL, &error);
    QN_TRY(opencl_check(error, "clCreateBuffer"));
    opencl_count(1);
    error = o->cl->clEnqueueFillBuffer(o->queue.queue, mem, zeros, sizeof zeros, 0, room, 0, NULL, NULL);
    if (error == 0) *out = mem;
    else release_mem(o, mem);
    return opencl_check(error, "clEnqueueFillBuffer");
}

static qn_status ocl_buf_make(qn_device *d, u64 bytes, qn_buf *out)
{
    opencl_device *o = of(d);
    if (bytes > d->info.caps.max_buffer_bytes - ROUND)
        return fail(QN_E_NOMEM, "%llu bytes are more than the %llu that one buffer of %s can have",
                    (unsigned long long)bytes, (unsigned long long)d->info.caps.max_buffer_bytes, d->info.name);
    opencl_buf *buf = mem_zalloc(sizeof *buf);
    if (!buf) return fail_nomem(sizeof *buf);
    buf->bytes = bytes;
    qn_status status = create_zeroed(o, bytes, &buf->mem);
    if (status == QN_OK && !slots_add(&o->bufs, buf, out)) status = fail_nomem(sizeof(slot));
    if (status == QN_OK) return QN_OK;
    release_mem(o, buf->mem);
    mem_free(buf);
    return status;
}

static qn_status ocl_prog_make(qn_device *d, const kc_program *p, qn_prog *out)
{
    opencl_device *o = of(d);
    opencl_program *prog;
    QN_TRY(opencl_program_make(&o->builder, p, &prog));
    if (slots_add(&o->progs, prog, out)) return QN_OK;
    opencl_program_free(o->cl, prog);
    return fail_nomem(sizeof(slot));
}

static const char *ocl_prog_how(qn_device *d, qn_prog p) { return slots_get(&of(d)->progs, p) ? "opencl" : ""; }

/* ---- copies */

static qn_status span(qn_device *d, const char *what, qn_buf b, u64 at, u64 bytes, cl_mem *out)
{
    const opencl_buf *buf = slots_get(&of(d)->bufs, b);
    if (!buf) return fail(QN_E_BUG, "%s: no such buffer", what);
    QN_TRY(device_check_span(what, at, bytes, buf->bytes));
    *out = buf->mem;
    return QN_OK;
}

static qn_status ocl_write(qn_device *d, qn_buf to, u64 at, qn_bytes from)
{
    cl_mem mem = NULL;
    QN_TRY(span(d, "write", to, at, from.n, &mem));
    return opencl_queue_write(&of(d)->queue, mem, at, from);
}

static qn_status ocl_read(qn_device *d, qn_buf from, u64 at, void *to, u64 bytes)
{
    opencl_device *o = of(d);
    cl_mem mem = NULL;
    QN_TRY(span(d, "read", from, at, bytes, &mem));
    if (bytes == 0) return QN_OK;
    i32 error = o->cl->clEnqueueReadBuffer(o->queue.queue, mem, 0, (size_t)at, (size_t)bytes, to, 0, NULL, NULL);
    return opencl_check(error, "clEnqueueReadBuffer");
}

/* OpenCL refuses overlapping spans, so those go piece by piece, from the end that does not run over itself. */
static qn_status copy_within(opencl_device *o, cl_mem mem, u64 to_at, u64 from_at, u64 bytes)
{
    u64 apart = to_at > from_at ? to_at - from_at : from_at - to_at;
    for (u64 done = 0; done < bytes;) {
        u64 n = MIN(apart, bytes - done);
        u64 skip = to_at > from_at ? bytes - done - n : done;
        i32 error = o->cl->clEnqueueCopyBuffer(o->queue.queue, mem, mem, (size_t)(from_at + skip), (size_t)(to_at + skip),
                                               (size_t)n, 0, NULL, NULL);
        QN_TRY(opencl_check(error, "clEnqueueCopyBuffer"));
        done += n;
    }
    return QN_OK;
}

static qn_status ocl_copy(qn_device *d, qn_buf to, u64 to_at, qn_buf from, u64 from_at, u64 bytes)
{
    opencl_device *o = of(d);
    cl_mem to_mem = NULL, from_mem = NULL;
    QN_TRY(span(d, "copy to", to, to_at, bytes, &to_mem));
    QN_TRY(span(d, "copy from", from, from_at, bytes, &from_mem));
    if (bytes == 0 || (to == from && to_at == from_at)) return QN_OK;
    if (to == from) return copy_within(o, to_mem, to_at, from_at, bytes);
    i32 error = o->cl->clEnqueueCopyBuffer(o->queue.queue, from_mem, to_mem, (size_t)from_at, (size_t)to_at, (size_t)bytes,
                                           0, NULL, NULL);
    return opencl_check(error, "clEnqueueCopyBuffer");
}

/* ---- launches */

static bool ocl_buf_bytes(qn_device *d, qn_buf b, u64 *out)
{
    const opencl_buf *buf = slots_get(&of(d)->bufs, b);
    if (buf) *out = buf->bytes;
    return buf != NULL;
}

/* A span is bound as its buffer and the place in it, which the kernel adds (dialect_opencl.c). */
static qn_status set_view(opencl_device *o, const opencl_program *p, u32 at, const buf_view *v)
{
    const opencl_buf *buf = slots_get(&o->bufs, v->buf);
    u32 place = (u32)(v->at / DEVICE_VIEW_ALIGN);
    QN_TRY(opencl_check(o->cl->clSetKernelArg(p->kernel, at, sizeof buf->mem, &buf->mem), "clSetKernelArg of a buffer"));
    return opencl_check(o->cl->clSetKernelArg(p->kernel, at + 1, sizeof place, &place), "clSetKernelArg of a place");
}

static qn_status set_args(opencl_device *o, const opencl_program *p, const qn_launch *l)
{
    const u32 *word = l->words;
    const buf_view *view = l->bufs;
    u32 at = 0;
    for (u32 i = 0; i < p->n_args; i++) {
        u32 words = p->arg_words[i];
        if (words == 0) QN_TRY(set_view(o, p, at, view++));
        else QN_TRY(opencl_check(o->cl->clSetKernelArg(p->kernel, at, words * sizeof *word, word), "clSetKernelArg"));
        at += words == 0 ? 2 : 1;
        word += words;
    }
    u32 count = (u32)l->count;
    return opencl_check(o->cl->clSetKernelArg(p->kernel, at, sizeof count, &count), "clSetKernelArg of count");
}

static qn_status enqueue(opencl_device *o, const opencl_program *p, const qn_launch *l)
{
    size_t groups = p->shape.form == KC_MAP ? ((size_t)l->count + p->local - 1) / p->local : (size_t)l->count;
    size_t items = groups * p->local;
    i32 error = o->cl->clEnqueueNDRangeKernel(o->queue.queue, p->kernel, 1, NULL, &items, &p->local, 0, NULL, NULL);
    return fail_in(opencl_check(error, "clEnqueueNDRangeKernel"), "kernel '%s': ", p->name);
}

static qn_status ocl_launch(qn_device *d, const qn_launch *l)
{
    opencl_device *o = of(d);
    const opencl_program *p = slots_get(&o->progs, l->prog);
    if (!p) return fail(QN_E_BUG, "launch: no such program");
    QN_TRY(device_check_launch(d, l, &p->shape, ocl_buf_bytes));
    if (l->count == 0) return QN_OK;
    QN_TRY(set_args(o, p, l));
    return enqueue(o, p, l);
}

/* ---- tickets */

static qn_status ocl_flush(qn_device *d, qn_ticket *out) { return opencl_queue_flush(&of(d)->queue, out); }

static qn_status ocl_poll(qn_device *d, qn_ticket t, bool *done) { return opencl_queue_poll(&of(d)->queue, t, done); }

static void ocl_wait_a_little(qn_device *d, qn_ticket t) { opencl_queue_wait(&of(d)->queue, t); }

static void *ocl_buf_host(qn_device *d, qn_buf b)
{
    (void)d, (void)b;
    return NULL;
}

const qn_backend opencl_backend = {
    .name = "opencl",
    .target = KC_OPENCL,
    .bakes = true,
    .unproven = true,
    .open = ocl_open,
    .close = ocl_close,
    .buf_make = ocl_buf_make,
    .buf_free = ocl_buf_free,
    .prog_make = ocl_prog_make,
    .prog_free = ocl_prog_free,
    .prog_how = ocl_prog_how,
    .write = ocl_write,
    .copy = ocl_copy,
    .launch = ocl_launch,
    .read = ocl_read,
    .flush = ocl_flush,
    .poll = ocl_poll,
    .wait_a_little = ocl_wait_a_little,
    .buf_host = ocl_buf_host,
};

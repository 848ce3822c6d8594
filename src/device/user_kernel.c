/* Users' buffers and kernels: the public calls over the backend's table. A kernel is compiled twice: here, to know its
 * parameters and to give diagnostics, and by the backend for its target. */
#include "device/device_check.h"

struct qn_buffer {
    qn_device *device;
    qn_buf buf;
    u64 bytes;
};

struct qn_kernel {
    qn_device *device;
    arena *a; /* module and texts */
    const kc_kernel *k;
    qn_prog prog;
    prog_shape shape;
    u32 n_given;  /* parameters of the source; the rest are lengths of buffers */
    qn_buf spare; /* for buffers shorter than the kernel needs; 0: not wanted so far */
};

/* ---- buffers */

qn_status qn_buffer_make(qn_device *d, uint64_t bytes, qn_buffer **out)
{
    if (!d || !out) return fail(QN_E_USAGE, "qn_buffer_make: a device and out are needed");
    if (d->info.caps.max_buffer_bytes && bytes > d->info.caps.max_buffer_bytes)
        return fail(QN_E_NOMEM, "%llu bytes are more than the %llu that one buffer of device %s can have",
                    (unsigned long long)bytes, (unsigned long long)d->info.caps.max_buffer_bytes, d->info.spec);
    qn_buffer *b = mem_alloc(sizeof *b);
    if (!b) return fail_nomem(sizeof *b);
    *b = (qn_buffer){ .device = d, .bytes = bytes };
    qn_status status = d->backend->buf_make(d, bytes, &b->buf);
    if (status == QN_OK) *out = b;
    else mem_free(b);
    return status;
}

qn_status qn_buffer_adopt(qn_device *d, uint32_t number, uint64_t bytes, qn_buffer **out)
{
    if (!d || !out) return fail(QN_E_USAGE, "qn_buffer_adopt: a device and out are needed");
    if (!d->backend->buf_adopt)
        return fail(QN_E_UNSUPPORTED, "device %s takes no buffers that were made elsewhere", d->info.spec);
    qn_buffer *b = mem_alloc(sizeof *b);
    if (!b) return fail_nomem(sizeof *b);
    *b = (qn_buffer){ .device = d, .bytes = bytes };
    qn_status status = d->backend->buf_adopt(d, number, bytes, &b->buf);
    if (status == QN_OK) *out = b;
    else mem_free(b);
    return status;
}

void qn_buffer_free(qn_buffer *b)
{
    if (!b) return;
    b->device->backend->buf_free(b->device, b->buf);
    mem_free(b);
}

uint32_t qn_buffer_number(const qn_buffer *b)
{
    return b && b->device->backend->buf_number ? b->device->backend->buf_number(b->device, b->buf) : 0;
}

uint64_t qn_buffer_bytes(const qn_buffer *b) { return b ? b->bytes : 0; }

qn_status qn_buffer_write(qn_buffer *b, uint64_t at, const void *data, uint64_t bytes)
{
    if (!b || (!data && bytes)) return fail(QN_E_USAGE, "qn_buffer_write: a buffer and data are needed");
    QN_TRY(device_check_span("write", at, bytes, b->bytes));
    if (bytes == 0) return QN_OK;
    return b->device->backend->write(b->device, b->buf, at, (qn_bytes){ data, (size_t)bytes });
}

qn_status qn_buffer_read(qn_buffer *b, uint64_t at, void *to, uint64_t bytes, qn_ticket *out)
{
    if (!b || !out || (!to && bytes)) return fail(QN_E_USAGE, "qn_buffer_read: a buffer, memory and out are needed");
    QN_TRY(device_check_span("read", at, bytes, b->bytes));
    const qn_backend *backend = b->device->backend;
    if (bytes) QN_TRY(backend->read(b->device, b->buf, at, to, bytes));
    return backend->flush(b->device, out);
}

qn_status user_kernel_view(const qn_buffer *b, const qn_device *d, const char *what, u64 bytes, buf_view *out)
{
    if (b->device != d) return fail(QN_E_USAGE, "%s: the buffer belongs to another device", what);
    if (bytes > b->bytes)
        return fail(QN_E_SHAPE, "%s has %llu bytes, and its buffer only %llu", what, (unsigned long long)bytes,
                    (unsigned long long)b->bytes);
    *out = (buf_view){ b->buf, 0, bytes };
    return QN_OK;
}

/* ---- from source to program */

static bool name_ok(const char *name)
{
    if (!name || !name[0] || (name[0] >= '0' && name[0] <= '9')) return false;
    for (; *name; name++) {
        char c = *name;
        if (!(c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) return false;
    }
    return true;
}

static qn_status check_defines(const qn_kernel_desc *desc)
{
    if (desc->n_defines && !desc->defines)
        return fail(QN_E_USAGE, "kernel: n_defines is %zu but defines is NULL", desc->n_defines);
    for (size_t i = 0; i < desc->n_defines; i++) {
        const qn_define *d = &desc->defines[i];
        if (!name_ok(d->name)) return fail(QN_E_USAGE, "kernel: define %zu: '%s' is not a name", i, d->name ? d->name : "");
        if (d->value && strpbrk(d->value, " \t\r\n="))
            return fail(QN_E_USAGE, "kernel: define %s: its value must be one word", d->name);
        for (size_t k = 0; k < i; k++)
            if (text_same(desc->defines[k].name, d->name))
                return fail(QN_E_USAGE, "kernel: define %s is given twice", d->name);
    }
    return QN_OK;
}

/* The first define after `last` in the order of names; NULL: none. */
static const qn_define *next_define(const qn_kernel_desc *desc, const qn_define *last)
{
    const qn_define *next = NULL;
    for (size_t i = 0; i < desc->n_defines; i++) {
        const qn_define *d = &desc->defines[i];
        if (last && strcmp(d->name, last->name) <= 0) continue;
        if (!next || strcmp(d->name, next->name) < 0) next = d;
    }
    return next;
}

/* A program in the arena: what kc and the backends take. */
static qn_status program_of(arena *a, const qn_kernel_desc *desc, kc_program *out)
{
    if (!desc || !desc->source) return fail(QN_E_USAGE, "kernel: a source text is needed");
    QN_TRY(check_defines(desc));
    str defines = { 0 };
    for (const qn_define *d = next_define(desc, NULL); d; d = next_define(desc, d))
        str_print(&defines, "%s%s=%s", defines.n ? " " : "", d->name, d->value ? d->value : "1");
    const char *file = desc->file ? desc->file : "kernel.c";
    *out = (kc_program){
        .file = arena_text(a, file, strlen(file)),
        .text = arena_text(a, desc->source, strlen(desc->source)),
        .entry = desc->entry ? arena_text(a, desc->entry, strlen(desc->entry)) : NULL,
        .defines = defines.bad ? NULL : arena_text(a, defines.text, defines.n),
        .users = true,
    };
    str_free(&defines);
    bool whole = out->file && out->text && out->defines && (out->entry || !desc->entry);
    return whole ? QN_OK : fail_nomem(strlen(desc->source));
}

static qn_status kernel_make(qn_kernel *k, const qn_kernel_desc *desc)
{
    kc_program program;
    kc_module *module;
    QN_TRY(program_of(k->a, desc, &program));
    const kc_options options = { .width = k->device->info.caps.width, .unbound = k->device->checks };
    QN_TRY(device_compile(k->a, &program, &options, &module, &k->k));
    QN_TRY(device_shape_of(k->k, &k->shape));
    while (k->n_given < k->k->n_params && !k->k->params[k->n_given].length_of) k->n_given++;
    return k->device->backend->prog_make(k->device, &program, &k->prog);
}

qn_status qn_kernel_from_source(qn_device *d, const qn_kernel_desc *desc, qn_kernel **out)
{
    if (!d || !desc || !out) return fail(QN_E_USAGE, "qn_kernel_from_source: a device, desc and out are needed");
    qn_kernel *k = mem_zalloc(sizeof *k);
    if (!k) return fail_nomem(sizeof *k);
    k->device = d;
    k->a = arena_make();
    qn_status status = k->a ? kernel_make(k, desc) : fail_nomem(sizeof *k);
    if (status == QN_OK) {
        *out = k;
        return QN_OK;
    }
    arena_free(k->a);
    mem_free(k);
    return status;
}

void qn_kernel_free(qn_kernel *k)
{
    if (!k) return;
    k->device->backend->prog_free(k->device, k->prog);
    if (k->spare) k->device->backend->buf_free(k->device, k->spare);
    arena_free(k->a);
    mem_free(k);
}

const char *qn_kernel_how(const qn_kernel *k) { return k ? k->device->backend->prog_how(k->device, k->prog) : ""; }

/* ---- launching */

static qn_status put_buffer(const qn_kernel *k, qn_launch *l, const char *name, const qn_buffer *b)
{
    if (!b) return fail(QN_E_USAGE, "kernel '%s': %s wants a buffer", k->k->name, name);
    if (b->device != k->device)
        return fail(QN_E_USAGE, "kernel '%s': the buffer for %s belongs to another device", k->k->name, name);
    l->bufs[l->n_bufs++] = (buf_view){ b->buf, 0, b->bytes };
    return QN_OK;
}

static bool is_float(kc_scalar s) { return s == KC_F32 || s == KC_F64; }

/* Bits of a scalar as the kernel wants it; false: an integer out of its type's range. */
static bool scalar_bits(kc_scalar s, const qn_arg *arg, u64 *out)
{
    f32 narrow = (f32)arg->number;
    u32 bits = 0;
    *out = 0;
    if (s == KC_F64) memcpy(out, &arg->number, sizeof *out);
    else if (s == KC_F32) {
        memcpy(&bits, &narrow, sizeof bits);
        *out = bits;
    } else {
        *out = (u64)arg->integer;
    }
    if (s == KC_I32) return arg->integer >= INT32_MIN && arg->integer <= INT32_MAX;
    if (s == KC_U32) return arg->integer >= 0 && arg->integer <= UINT32_MAX;
    return true;
}

static qn_status put_scalar(const qn_kernel *k, qn_launch *l, const kc_param *p, const qn_arg *arg)
{
    kc_scalar s = (kc_scalar)p->type.scalar;
    u64 bits;
    if (arg->buffer) return fail(QN_E_USAGE, "kernel '%s': %s wants a number, not a buffer", k->k->name, p->name);
    bool both = (f64)arg->integer == arg->number; /* a caller without types, as JavaScript, gives the value twice */
    if (!both && (is_float(s) ? arg->integer != 0 : arg->number != 0))
        return fail(QN_E_USAGE, "kernel '%s': %s wants the argument's member `%s`", k->k->name, p->name,
                    is_float(s) ? "number" : "integer");
    if (!scalar_bits(s, arg, &bits))
        return fail(QN_E_USAGE, "kernel '%s': %s: %lld is outside its 32 bits", k->k->name, p->name,
                    (long long)arg->integer);
    l->words[l->n_words++] = (u32)bits;
    if (device_scalar_words(s) == 2) l->words[l->n_words++] = (u32)(bits >> 32);
    return QN_OK;
}

static qn_status put_args(const qn_kernel *k, qn_launch *l, const qn_arg *args)
{
    for (u32 i = 0; i < k->n_given; i++) {
        const kc_param *p = &k->k->params[i];
        if (device_is_buffer(p)) QN_TRY(put_buffer(k, l, p->name, args[i].buffer));
        else QN_TRY(put_scalar(k, l, p, &args[i]));
    }
    if (k->k->form == KC_MAP) QN_TRY(put_buffer(k, l, "the output", args[k->n_given].buffer));
    return QN_OK;
}

/* ---- what the kernel was promised of its buffers (kc_param) */

static u64 least_bytes(const kc_param *p) { return (u64)p->least * device_scalar_bytes(p->type); }

/* Where each short buffer would lie in the spare one; all of it where there is no next. */
static u64 spare_bytes(const qn_kernel *k, u32 up_to)
{
    u64 bytes = 0;
    for (u32 i = 0; i < up_to; i++)
        if (device_is_buffer(&k->k->params[i]))
            bytes += (least_bytes(&k->k->params[i]) + DEVICE_VIEW_ALIGN - 1) / DEVICE_VIEW_ALIGN * DEVICE_VIEW_ALIGN;
    return bytes;
}

/* A buffer shorter than one access of the kernel is replaced by a longer one for this launch. */
static qn_status lengthen(qn_kernel *k, u32 param, buf_view *view)
{
    const qn_backend *backend = k->device->backend;
    buf_view longer = { .at = spare_bytes(k, param), .bytes = least_bytes(&k->k->params[param]) };
    if (!k->spare) QN_TRY(backend->buf_make(k->device, spare_bytes(k, k->n_given), &k->spare));
    longer.buf = k->spare;
    if (view->bytes) QN_TRY(backend->copy(k->device, longer.buf, longer.at, view->buf, 0, view->bytes));
    *view = longer;
    return QN_OK;
}

static qn_status check_whole(const qn_kernel *k, const kc_param *p, u64 elems, u64 count)
{
    if (!p->whole || count <= elems) return QN_OK;
    return fail(QN_E_SHAPE, "kernel '%s': it uses %s[i] for each of the launch's %llu %s, but %s has %llu elements",
                k->k->name, p->name, (unsigned long long)count, k->k->form == KC_MAP ? "elements" : "groups", p->name,
                (unsigned long long)elems);
}

static qn_status keep_promises(qn_kernel *k, qn_launch *l)
{
    u64 elems[DEVICE_MAX_BUFFERS];
    u32 n = 0;
    for (u32 i = 0; i < k->n_given; i++) {
        const kc_param *p = &k->k->params[i];
        if (!device_is_buffer(p)) continue;
        elems[n] = l->bufs[n].bytes / device_scalar_bytes(p->type);
        QN_TRY(check_whole(k, p, elems[n], l->count));
        if (elems[n] < p->least) QN_TRY(lengthen(k, i, &l->bufs[n]));
        elems[n] = MIN(MAX(elems[n], p->least), UINT32_MAX);
        n++;
    }
    for (u32 i = k->n_given; i < k->k->n_params; i++) l->words[l->n_words++] = (u32)elems[k->k->params[i].length_of - 1];
    return QN_OK;
}

/* What was written into a longer buffer goes home. */
static qn_status shorten(const qn_kernel *k, const qn_launch *l, const qn_arg *args)
{
    u32 n = 0;
    for (u32 i = 0; i < k->n_given; i++) {
        const kc_param *p = &k->k->params[i];
        if (!device_is_buffer(p)) continue;
        const buf_view *view = &l->bufs[n++];
        const qn_buffer *home = args[i].buffer;
        if (view->buf == home->buf || p->role == KC_IN || !home->bytes) continue;
        QN_TRY(k->device->backend->copy(k->device, home->buf, 0, view->buf, view->at, home->bytes));
    }
    return QN_OK;
}

qn_status qn_kernel_launch(qn_kernel *k, uint64_t count, const qn_arg *args, size_t n_args)
{
    if (!k || (!args && n_args)) return fail(QN_E_USAGE, "qn_kernel_launch: a kernel and args are needed");
    u32 wanted = k->n_given + (k->k->form == KC_MAP);
    if (n_args != wanted)
        return fail(QN_E_USAGE, "kernel '%s' takes %u arguments%s, not %zu", k->k->name, wanted,
                    k->k->form == KC_MAP ? ", its output last" : "", n_args);
    qn_launch l = { .prog = k->prog, .count = count };
    QN_TRY(put_args(k, &l, args));
    if (k->k->form == KC_MAP && count > l.bufs[l.n_bufs - 1].bytes / MAX(k->shape.result_bytes, 1))
        return fail(QN_E_SHAPE, "kernel '%s': %llu elements of %u bytes do not fit into an output of %llu", k->k->name,
                    (unsigned long long)count, k->shape.result_bytes, (unsigned long long)l.bufs[l.n_bufs - 1].bytes);
    if (count == 0) return QN_OK;
    QN_TRY(keep_promises(k, &l));
    QN_TRY(k->device->backend->launch(k->device, &l));
    return shorten(k, &l, args);
}

/* ---- translating */

static qn_status translate(arena *a, const qn_kernel_desc *desc, kc_target target, str *out)
{
    kc_program program;
    kc_module *module;
    const kc_kernel *k;
    QN_TRY(program_of(a, desc, &program));
    QN_TRY(device_compile(a, &program, &(kc_options){ .unbound = true }, &module, &k));
    QN_TRY(kc_print(module, k, target, out));
    return out->bad || !out->text ? fail_nomem(out->n) : QN_OK;
}

const char *qn_kernel_target(uint32_t index) { return kc_target_name(index + 1); }

static qn_status fail_target(const char *name)
{
    str known = { 0 };
    for (u32 i = 0; qn_kernel_target(i); i++) str_print(&known, "%s%s", i ? ", " : "", qn_kernel_target(i));
    qn_status status = fail(QN_E_NAME, "no target is called '%s'; known are %s", name, known.text ? known.text : "none");
    str_free(&known);
    return status;
}

qn_status qn_kernel_translate(const qn_kernel_desc *desc, const char *target, char **text)
{
    if (!desc || !target || !text) return fail(QN_E_USAGE, "qn_kernel_translate: desc, target and text are needed");
    kc_target to = kc_target_by_name(target);
    if (to == KC_NONE) return fail_target(target);
    arena *a = arena_make();
    if (!a) return fail_nomem(0);
    str out = { 0 };
    qn_status status = translate(a, desc, to, &out);
    arena_free(a);
    if (status == QN_OK) *text = out.text;
    else str_free(&out);
    return status;
}

void qn_text_free(char *text) { mem_free(text); }

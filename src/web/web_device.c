/* Devices, their buffers and the user's kernels for a page. */
#include "web/web_private.h"

static const struct {
    const char *name;
    size_t at;
    u8 bytes; /* 8, 4, 1 for u64, u32, bool */
} caps_fields[] = {
#define CAP(field) { #field, offsetof(qn_caps, field), sizeof(((qn_caps *)0)->field) }
    CAP(memory_bytes),
    CAP(max_buffer_bytes),
    CAP(max_buffers),
    CAP(max_group),
    CAP(group_memory_bytes),
    CAP(best_group),
    CAP(width),
    CAP(subgroup),
    CAP(workers),
    CAP(max_turns),
    CAP(f16),
    CAP(f64),
    CAP(i64),
    CAP(i8_buffers),
    CAP(atomics),
    CAP(dot4),
    CAP(mma),
    CAP(host_memory),
#undef CAP
};

static void put_caps(json *j, const qn_caps *caps)
{
    json_open(j, "caps", '{');
    for (size_t i = 0; i < COUNT(caps_fields); i++) {
        const u8 *at = (const u8 *)caps + caps_fields[i].at;
        u64 wide = 0;
        u32 word = 0;
        memcpy(&wide, at, caps_fields[i].bytes == 8 ? 8 : 0);
        memcpy(&word, at, caps_fields[i].bytes == 4 ? 4 : 0);
        if (caps_fields[i].bytes == 1) json_bool(j, caps_fields[i].name, *at != 0);
        else json_number(j, caps_fields[i].name, caps_fields[i].bytes == 8 ? (f64)wide : (f64)word);
    }
    json_close(j, '{');
}

static void put_info(json *j, const qn_device_info *info)
{
    json_text(j, "kind", info->kind);
    json_text(j, "spec", info->spec);
    json_text(j, "name", info->name);
    json_text(j, "driver", info->driver);
    put_caps(j, &info->caps);
}

qn_device *qw_device_open(const char *spec, u32 threads, u32 trust)
{
    qn_device *d = NULL;
    web_ok(qn_device_open(spec, &(qn_device_desc){ .threads = threads, .trust = trust }, &d));
    return d;
}

void qw_device_close(qn_device *d) { qn_device_close(d); }

const char *qw_device_info(const qn_device *d)
{
    const qn_device_info *info = qn_device_get_info(d);
    json *j = web_json('{');
    if (info) put_info(j, info);
    return web_json_end('{');
}

const char *qw_device_report(qn_device *d)
{
    qn_tried tried;
    json *j = web_json('{');
    qn_device_tried(d, &tried);
    json_open(j, "tried", '{');
    json_integer(j, "right", tried.right);
    json_integer(j, "unjudged", tried.unjudged);
    json_integer(j, "wrong", tried.wrong);
    json_integer(j, "refused", tried.refused);
    json_close(j, '{');
    json_open(j, "notes", '[');
    for (u32 i = 0; qn_device_note(d, i); i++) json_text(j, NULL, qn_device_note(d, i));
    json_close(j, '[');
    return web_json_end('{');
}

const char *qw_devices(void)
{
    json *j = web_json('[');
    for (u32 i = 0;; i++) {
        qn_device_info info = { 0 };
        qn_status s = qn_device_list(i, &info);
        if (s == QN_E_NAME) break;
        json_open(j, NULL, '{');
        if (s == QN_OK) put_info(j, &info);
        else {
            json_text(j, "kind", info.kind);
            json_text(j, "why", qn_last_error());
        }
        json_close(j, '{');
    }
    return web_json_end('[');
}

u32 qw_device_poll(qn_device *d, f64 ticket)
{
    bool done = false;
    if (!web_ok(qn_device_poll(d, (qn_ticket)ticket, &done))) return 2;
    return done;
}

/* ---- the probe */

typedef struct web_probe {
    qn_probe *probe;
    f64 ms;
} web_probe;

void *qw_probe_begin(qn_device *d, u32 again)
{
    web_probe *p = mem_zalloc(sizeof *p);
    if (!p) web_ok(fail_nomem(sizeof *p));
    if (p && web_ok(qn_probe_begin(d, again, &p->probe))) return p;
    mem_free(p);
    return NULL;
}

u32 qw_probe_step(void *probe)
{
    web_probe *p = probe;
    bool done = false;
    if (!web_ok(qn_probe_step(p->probe, &done, &p->ms))) return 2;
    return done;
}

f64 qw_probe_ms(const void *probe) { return ((const web_probe *)probe)->ms; }

void qw_probe_end(void *probe)
{
    web_probe *p = probe;
    if (!p) return;
    qn_probe_end(p->probe);
    mem_free(p);
}

/* ---- buffers */

static bool whole(f64 v, const char *what)
{
    if (v >= 0 && v <= 9007199254740992.0) return true;
    return web_ok(fail(QN_E_USAGE, "%s: %g is no count", what, v));
}

qn_buffer *qw_buffer_make(qn_device *d, f64 bytes)
{
    qn_buffer *b = NULL;
    if (whole(bytes, "buffer bytes")) web_ok(qn_buffer_make(d, (u64)bytes, &b));
    return b;
}

qn_buffer *qw_buffer_adopt(qn_device *d, u32 number, f64 bytes)
{
    qn_buffer *b = NULL;
    if (whole(bytes, "buffer bytes")) web_ok(qn_buffer_adopt(d, number, (u64)bytes, &b));
    return b;
}

u32 qw_buffer_number(const qn_buffer *b) { return qn_buffer_number(b); }
void qw_buffer_free(qn_buffer *b) { qn_buffer_free(b); }

u32 qw_buffer_write(qn_buffer *b, f64 at, const void *data, u32 bytes)
{
    return whole(at, "buffer offset") && web_ok(qn_buffer_write(b, (u64)at, data, bytes));
}

f64 qw_buffer_read(qn_buffer *b, f64 at, void *to, u32 bytes)
{
    qn_ticket t = 0;
    if (!whole(at, "buffer offset") || !web_ok(qn_buffer_read(b, (u64)at, to, bytes, &t))) return 0;
    return (f64)t;
}

/* ---- kernels */

enum { MAX_ARGS = 80 };

typedef struct web_kernel {
    qn_kernel *kernel;
    qn_arg args[MAX_ARGS];
} web_kernel;

/* "N=4 T=f32": cut at spaces, in a copy. A word without '=' is 1. */
static bool cut_defines(const char *given, web_defines *out)
{
    size_t n = strlen(given);
    *out = (web_defines){ .text = mem_alloc(n + 1) };
    if (!out->text) return web_ok(fail_nomem(n));
    memcpy(out->text, given, n + 1);
    for (char *at = out->text; *(at += strspn(at, " \n"));) {
        char *end = at + strcspn(at, " \n"), *equals = memchr(at, '=', (size_t)(end - at));
        if (out->n == COUNT(out->list)) {
            mem_free(out->text);
            return web_ok(fail(QN_E_USAGE, "more than %zu defines", COUNT(out->list)));
        }
        out->list[out->n++] = (qn_define){ at, equals ? equals + 1 : "1" };
        if (equals) *equals = 0;
        at = *end ? end + 1 : end;
        *end = 0;
    }
    return true;
}

static qn_kernel_desc desc_of(const char *source, const char *file, const char *entry, const web_defines *defines)
{
    return (qn_kernel_desc){ .source = source,
                             .file = file && file[0] ? file : NULL,
                             .entry = entry && entry[0] ? entry : NULL,
                             .defines = defines->list,
                             .n_defines = defines->n };
}

void *qw_kernel_make(qn_device *d, const char *source, const char *file, const char *entry, const char *defines)
{
    web_defines cut;
    web_kernel *k = mem_zalloc(sizeof *k);
    if (!k) web_ok(fail_nomem(sizeof *k));
    if (!k || !cut_defines(defines ? defines : "", &cut)) {
        mem_free(k);
        return NULL;
    }
    const qn_kernel_desc desc = desc_of(source, file, entry, &cut);
    bool made = web_ok(qn_kernel_from_source(d, &desc, &k->kernel));
    mem_free(cut.text);
    if (made) return k;
    mem_free(k);
    return NULL;
}

void qw_kernel_free(void *kernel)
{
    web_kernel *k = kernel;
    if (k) qn_kernel_free(k->kernel);
    mem_free(k);
}

const char *qw_kernel_how(void *kernel) { return qn_kernel_how(((web_kernel *)kernel)->kernel); }

static u32 set_arg(web_kernel *k, u32 index, qn_arg arg)
{
    if (index >= MAX_ARGS) return web_ok(fail(QN_E_USAGE, "argument %u: a kernel takes at most %d", index, (int)MAX_ARGS));
    k->args[index] = arg;
    return 1;
}

u32 qw_kernel_arg_buffer(void *kernel, u32 index, qn_buffer *b) { return set_arg(kernel, index, (qn_arg){ .buffer = b }); }

u32 qw_kernel_arg_number(void *kernel, u32 index, f64 value)
{
    bool whole_number = value > -9.2e18 && value < 9.2e18 && value == (f64)(i64)value;
    return set_arg(kernel, index, (qn_arg){ .number = value, .integer = whole_number ? (i64)value : 0 });
}

u32 qw_kernel_launch(void *kernel, f64 count, u32 n_args)
{
    web_kernel *k = kernel;
    if (n_args > MAX_ARGS) return web_ok(fail(QN_E_USAGE, "a kernel takes at most %d arguments", (int)MAX_ARGS));
    return whole(count, "launch count") && web_ok(qn_kernel_launch(k->kernel, (u64)count, k->args, n_args));
}

const char *qw_kernel_targets(void)
{
    json *j = web_json('[');
    for (u32 i = 0; qn_kernel_target(i); i++) json_text(j, NULL, qn_kernel_target(i));
    return web_json_end('[');
}

char *qw_kernel_translate(const char *source, const char *file, const char *entry, const char *defines, const char *target)
{
    web_defines cut;
    char *text = NULL;
    if (!cut_defines(defines ? defines : "", &cut)) return NULL;
    const qn_kernel_desc desc = desc_of(source, file, entry, &cut);
    web_ok(qn_kernel_translate(&desc, target, &text));
    mem_free(cut.text);
    return text;
}

void qw_text_free(char *text) { qn_text_free(text); }

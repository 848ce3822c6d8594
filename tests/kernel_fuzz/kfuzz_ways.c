/* One file of kernels on one way: through the public device API, so that a new backend needs nothing here; the block machine by itself,
 * because a device would take a compiler first. */
#include <stdio.h>

#include "kc/kc.h"
#include "kfuzz_run.h"

/* ------------------------------------------------------------------ what is here */
static bool wanted(const char *only, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = only; at && (at = strstr(at, name)); at += n)
        if ((at == only || at[-1] == ',') && (at[n] == ',' || !at[n])) return true;
    return !only;
}

static u32 add_way(way *ways, u32 n, const char *name, const char *spec, const qn_device_desc *desc, u32 batch)
{
    way w = { .batch = batch };
    snprintf(w.name, sizeof w.name, "%s", name);
    if (n == KFUZZ_MAX_WAYS || (spec && qn_device_open(spec, desc, &w.device) != QN_OK)) return n;
    ways[n] = w;
    return n + 1;
}

u32 ways_open(const char *only, bool total, way *out)
{
    static const char *const isas[] = { "baseline", "avx2", "avx512" };
    qn_device_info info;
    u32 n = 0;
    if (!total) n = add_way(out, n, "interpreter", "cpu", &(qn_device_desc){ .interpret = true, .threads = 1 }, 1);
    if (!total && wanted(only, "reversed"))
        n = add_way(out, n, "reversed", "cpu", &(qn_device_desc){ .interpret = true, .reverse_items = true, .threads = 1 },
                    1);
    for (u32 i = 0; i < COUNT(isas); i++) {
        char name[40];
        snprintf(name, sizeof name, "cpu-%s", isas[i]);
        if (wanted(only, name) || (total && i == 0))
            n = add_way(out, n, name, "cpu", &(qn_device_desc){ .cpu_isa = isas[i], .threads = 1 }, 16);
    }
    if (wanted(only, "block")) n = add_way(out, n, "block", NULL, NULL, 1);
    for (u32 i = 0; qn_device_list(i, &info) != QN_E_NAME; i++)
        if (strcmp(info.kind, "cpu") != 0 && strcmp(info.kind, "null") != 0 && info.spec[0] && wanted(only, info.spec))
            n = add_way(out, n, info.spec, info.spec, NULL, 16);
    return n;
}

void ways_close(way *ways, u32 n)
{
    for (u32 i = 0; i < n; i++) qn_device_close(ways[i].device);
}

/* ------------------------------------------------------------------ on a device */
enum { MAX_ARGS = 12 };
typedef struct launch_args {
    qn_buffer *buffers[7];
    qn_arg args[MAX_ARGS];
    u32 n_buffers, n_args, which_at;
} launch_args;

static qn_status add_buffer(qn_device *d, launch_args *l, const void *data, u64 bytes)
{
    QN_TRY(qn_buffer_make(d, bytes, &l->buffers[l->n_buffers]));
    l->args[l->n_args++].buffer = l->buffers[l->n_buffers];
    return qn_buffer_write(l->buffers[l->n_buffers++], 0, data, bytes);
}

static qn_status make_args(qn_device *d, const kfuzz_shape *s, const kfuzz_inputs *in, const answer *zero, launch_args *l)
{
    u64 y_bytes = (u64)kfuzz_result_elems(s) * qn_dtype_bytes(QN_F64);
    QN_TRY(add_buffer(d, l, in->a, sizeof in->a));
    QN_TRY(add_buffer(d, l, in->b, sizeof in->b));
    QN_TRY(add_buffer(d, l, in->c, sizeof in->c));
    QN_TRY(add_buffer(d, l, in->d, sizeof in->d));
    if (s->form == KC_GROUP) {
        QN_TRY(add_buffer(d, l, zero->y, MIN(y_bytes, sizeof zero->y)));
        QN_TRY(add_buffer(d, l, zero->z, sizeof zero->z));
        QN_TRY(add_buffer(d, l, zero->acc, sizeof zero->acc));
    }
    l->which_at = l->n_args++;
    l->args[l->n_args++].integer = in->n;
    l->args[l->n_args++].integer = in->p;
    l->args[l->n_args++].number = (f64)in->q;
    if (s->form == KC_MAP) QN_TRY(add_buffer(d, l, zero->y, MIN(y_bytes, sizeof zero->y)));
    return QN_OK;
}

static qn_status read_into(qn_device *d, qn_buffer *b, void *to, u64 bytes)
{
    qn_ticket t;
    QN_TRY(qn_buffer_read(b, 0, to, MIN(bytes, qn_buffer_bytes(b)), &t));
    return qn_device_wait(d, t);
}

static qn_status run_one(qn_device *d, const kfuzz_shape *s, qn_kernel *k, launch_args *l, u32 which, answer *out)
{
    static const answer zero;
    *out = zero;
    bool group = s->form == KC_GROUP;
    for (u32 i = 4; i < l->n_buffers; i++)
        QN_TRY(qn_buffer_write(l->buffers[i], 0, &zero, MIN(qn_buffer_bytes(l->buffers[i]), sizeof zero)));
    l->args[l->which_at].integer = which;
    QN_TRY(qn_kernel_launch(k, kfuzz_count(s), l->args, l->n_args));
    QN_TRY(read_into(d, l->buffers[4], out->y, sizeof out->y));
    if (group) QN_TRY(read_into(d, l->buffers[5], out->z, sizeof out->z));
    if (group) QN_TRY(read_into(d, l->buffers[6], out->acc, sizeof out->acc));
    return QN_OK;
}

static qn_status run_device(qn_device *d, const kfuzz_shape *s, const kfuzz_inputs *in, const char *source, u32 n,
                            answer *out)
{
    static const answer zero;
    launch_args l = { 0 };
    qn_kernel *k = NULL;
    qn_status status =
        qn_kernel_from_source(d, &(qn_kernel_desc){ .source = source, .file = "fuzz.c", .entry = "fuzz" }, &k);
    if (status == QN_OK) status = make_args(d, s, in, &zero, &l);
    for (u32 i = 0; i < n && status == QN_OK; i++) status = run_one(d, s, k, &l, i, &out[i]);
    for (u32 i = 0; i < l.n_buffers; i++) qn_buffer_free(l.buffers[i]);
    qn_kernel_free(k);
    return status;
}

/* ------------------------------------------------------------------ on the block machine */
static qn_status run_block(const kfuzz_shape *s, const kfuzz_inputs *in, const char *source, answer *out)
{
    arena *a = arena_make();
    kc_module *m = NULL;
    kc_block *b = NULL;
    const kc_program p = { .file = "fuzz.c", .text = source, .entry = "fuzz", .defines = "" };
    kfuzz_inputs copy = *in;
    void *const bufs[] = { copy.a, copy.b, copy.c, copy.d, out->y };
    u32 words[4] = { 0, in->n, (u32)in->p, 0 };
    memcpy(&words[3], &in->q, 4);
    qn_status status = s->form == KC_MAP ? kc_compile(a, &p, NULL, &m) : fail(QN_E_UNSUPPORTED, "a KERNEL");
    if (status == QN_OK) status = kc_block_make(a, m, kc_kernel_find(m, "fuzz"), &b);
    if (status == QN_OK && !b) status = fail(QN_E_UNSUPPORTED, "the block machine does not take it");
    if (status == QN_OK) kc_block_run(b, bufs, words, 0, kfuzz_count(s));
    arena_free(a);
    return status;
}

qn_status way_run(const way *w, const kfuzz_shape *shape, const char *source, u32 n, answer *out)
{
    kfuzz_inputs in;
    kfuzz_inputs_of(shape, &in);
    if (w->device) return run_device(w->device, shape, &in, source, n, out);
    *out = (answer){ 0 };
    return run_block(shape, &in, source, out);
}

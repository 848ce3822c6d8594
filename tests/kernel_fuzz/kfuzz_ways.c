/* The ways of running a file of kernels, and its launch; the block machine by itself, because a device would take a compiler first. */
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

static u32 add_node(way *ways, u32 n)
{
    kfuzz_node *node = n < KFUZZ_MAX_WAYS ? kfuzz_node_open() : NULL;
    if (!node) return n;
    ways[n] = (way){ .name = "wasm", .batch = 16, .node = node };
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
    if (wanted(only, "wasm")) n = add_node(out, n);
    return n;
}

void ways_close(way *ways, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        qn_device_close(ways[i].device);
        kfuzz_node_close(ways[i].node);
    }
}

/* ------------------------------------------------------------------ a launch */
static void add_buffer(kfuzz_launch *l, const void *data, u64 bytes)
{
    l->buffers[l->n_buffers].data = data;
    l->buffers[l->n_buffers++].bytes = bytes;
    l->args[l->n_args++].buffer = l->n_buffers;
}

/* Arguments in the order of the parameters, a MAP's output last. */
static kfuzz_launch launch_of(const kfuzz_shape *s, const kfuzz_inputs *in)
{
    static const answer zero;
    kfuzz_launch l = { .count = kfuzz_count(s) };
    u64 float_bytes = s->doubles ? 8 : 4, y_bytes = MIN((u64)kfuzz_result_elems(s) * 8, sizeof zero.y);
    add_buffer(&l, in->a, KFUZZ_ELEMS * float_bytes);
    add_buffer(&l, in->b, sizeof in->b);
    add_buffer(&l, in->c, sizeof in->c);
    add_buffer(&l, in->d, sizeof in->d);
    if (s->special) add_buffer(&l, in->e, KFUZZ_ELEMS * float_bytes);
    l.first_back = l.n_buffers;
    if (s->form == KC_GROUP) {
        add_buffer(&l, zero.y, y_bytes);
        add_buffer(&l, zero.z, COUNT(zero.z) * float_bytes);
        add_buffer(&l, zero.acc, sizeof zero.acc);
    }
    l.which_at = l.n_args++;
    l.args[l.n_args++].number = in->n;
    l.args[l.n_args++].number = in->p;
    l.args[l.n_args++].number = (f64)in->q;
    if (s->constant == CONSTANT_GIVEN) l.args[l.n_args++].number = in->m;
    if (s->form == KC_MAP) add_buffer(&l, zero.y, y_bytes);
    return l;
}

/* ------------------------------------------------------------------ through the public device API */
typedef struct made {
    qn_kernel *kernel;
    qn_buffer *buffers[8];
    qn_arg args[16];
} made;

static qn_status make(qn_device *d, const kfuzz_launch *l, const qn_kernel_desc *desc, made *m)
{
    QN_TRY(qn_kernel_from_source(d, desc, &m->kernel));
    for (u32 i = 0; i < l->n_buffers; i++) {
        QN_TRY(qn_buffer_make(d, l->buffers[i].bytes, &m->buffers[i]));
        QN_TRY(qn_buffer_write(m->buffers[i], 0, l->buffers[i].data, l->buffers[i].bytes));
    }
    for (u32 i = 0; i < l->n_args; i++)
        m->args[i] = l->args[i].buffer ? (qn_arg){ .buffer = m->buffers[l->args[i].buffer - 1] }
                                       : (qn_arg){ .integer = (i64)l->args[i].number, .number = l->args[i].number };
    return QN_OK;
}

static qn_status run_one(qn_device *d, const kfuzz_launch *l, made *m, u32 which, void *const *back)
{
    qn_ticket t;
    for (u32 i = l->first_back; i < l->n_buffers; i++)
        QN_TRY(qn_buffer_write(m->buffers[i], 0, l->buffers[i].data, l->buffers[i].bytes));
    m->args[l->which_at].integer = which;
    QN_TRY(qn_kernel_launch(m->kernel, l->count, m->args, l->n_args));
    for (u32 i = l->first_back; i < l->n_buffers; i++) {
        QN_TRY(qn_buffer_read(m->buffers[i], 0, back[i - l->first_back], l->buffers[i].bytes, &t));
        QN_TRY(qn_device_wait(d, t));
    }
    return QN_OK;
}

static qn_status run_device(qn_device *d, const kfuzz_launch *l, const qn_kernel_desc *desc, u32 n, answer *out)
{
    made m = { 0 };
    qn_status status = make(d, l, desc, &m);
    for (u32 i = 0; i < n && status == QN_OK; i++)
        status = run_one(d, l, &m, i, (void *const[]){ out[i].y, out[i].z, out[i].acc });
    for (u32 i = 0; i < l->n_buffers; i++) qn_buffer_free(m.buffers[i]);
    qn_kernel_free(m.kernel);
    return status;
}

/* ------------------------------------------------------------------ on the block machine */
static u32 put_words(const kfuzz_shape *s, const kfuzz_inputs *in, u32 *words)
{
    u32 n = 0;
    f64 wide = (f64)in->q;
    words[n++] = 0, words[n++] = in->n, words[n++] = (u32)in->p;
    if (s->doubles) memcpy(&words[n], &wide, 8), n += 2;
    else memcpy(&words[n++], &in->q, 4);
    if (s->constant == CONSTANT_GIVEN) words[n++] = in->m;
    return n;
}

static qn_status run_block(const kfuzz_shape *s, kfuzz_inputs *in, const char *source, const char *defines, answer *out)
{
    arena *a = arena_make();
    kc_module *m = NULL;
    kc_block *b = NULL;
    const kc_program p = { .file = "fuzz.c", .text = source, .entry = "fuzz", .defines = defines };
    void *bufs[6] = { in->a, in->b, in->c, in->d, in->e, out->y };
    u32 words[8];
    if (!s->special) bufs[4] = out->y;
    put_words(s, in, words);
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
    qn_define list[3];
    char defines[64];
    kfuzz_inputs_of(shape, &in);
    const qn_kernel_desc desc = { .source = source,
                                  .file = "fuzz.c",
                                  .entry = "fuzz",
                                  .defines = list,
                                  .n_defines = kfuzz_defines(shape, list, defines) };
    const kfuzz_launch l = launch_of(shape, &in);
    for (u32 i = 0; i < n; i++) out[i] = (answer){ 0 };
    if (w->device) return run_device(w->device, &l, &desc, n, out);
    if (w->node)
        return kfuzz_node_run(w->node, &l, source, defines, n, (void *const[]){ out->y, out->z, out->acc }, sizeof *out);
    return run_block(shape, &in, source, defines, out);
}

/* A program on WebGPU: a kernel, and a pipeline of it for each way in which its parameters have met in buffers so far. WebGPU binds a buffer once in a
 * dispatch, so views of one buffer share a binding that spans them, and the kernel is printed anew with places in it. */
#include <stdio.h>

#include "device/webgpu.h"

typedef struct variant {
    kc_layout layout;
    u32 pipeline;
} variant;

struct webgpu_program {
    arena *mem;
    const kc_module *module;
    const kc_kernel *kernel;
    prog_shape shape;
    u32 n_variants, cap_variants;
    variant *variants;
};

const prog_shape *webgpu_program_shape(const webgpu_program *p) { return &p->shape; }

/* ---- making */
static qn_status check_needs(const webgpu_device *w, const kc_kernel *k)
{
    const qn_caps *caps = &w->head.info.caps;
    if (k->group > caps->max_group)
        return fail(QN_E_UNSUPPORTED, "kernel '%s' has groups of %u; this device allows %u", k->name, k->group,
                    caps->max_group);
    if (k->shared_bytes > caps->group_memory_bytes)
        return fail(QN_E_UNSUPPORTED, "kernel '%s' shares %llu bytes in a group; this device has %u", k->name,
                    (unsigned long long)k->shared_bytes, caps->group_memory_bytes);
    return QN_OK;
}

static qn_status make(webgpu_device *w, const kc_program *program, webgpu_program *p)
{
    const kc_options options = { .width = w->head.info.caps.width };
    kc_module *module;
    str text = { 0 };
    QN_TRY(kc_compile(p->mem, program, &options, &module));
    p->module = module;
    p->kernel = kc_kernel_find(module, program->entry);
    if (!p->kernel)
        return fail(QN_E_NAME, "%s: no kernel '%s'", program->file ? program->file : "kernel",
                    program->entry ? program->entry : "");
    QN_TRY(check_needs(w, p->kernel));
    QN_TRY(device_shape_of(p->kernel, &p->shape));
    qn_status status =
        kc_print_wgsl(module, p->kernel, NULL, &text); /* refusals are told now; pipelines wait for their buffers */
    str_free(&text);
    return status;
}

qn_status webgpu_program_make(webgpu_device *w, const kc_program *program, webgpu_program **out)
{
    webgpu_program *p = mem_zalloc(sizeof *p);
    if (p) p->mem = arena_make();
    qn_status status = p && p->mem ? make(w, program, p) : fail_nomem(sizeof *p);
    if (status == QN_OK) *out = p;
    else webgpu_program_free(w, p);
    return status;
}

void webgpu_program_free(webgpu_device *w, webgpu_program *p)
{
    if (!p) return;
    if (w->recorded && p->n_variants) webgpu_submit(w);
    for (u32 i = 0; i < p->n_variants; i++) w->api->pipeline_free(w->id, p->variants[i].pipeline);
    mem_free(p->variants);
    arena_free(p->mem);
    mem_free(p);
}

/* ---- which buffers meet */
/* The binding of each view, and what each binding spans. */
static qn_status lay_out(webgpu_device *w, const webgpu_program *p, const qn_launch *l, kc_layout *layout,
                         webgpu_span *spans)
{
    u64 from[WEBGPU_MAX_SPANS], to[WEBGPU_MAX_SPANS];
    qn_buf bufs[WEBGPU_MAX_SPANS];
    u32 n = 0;
    for (u32 i = 0; i < l->n_bufs; i++) {
        const buf_view *v = &l->bufs[i];
        u32 b = 0;
        while (b < n && bufs[b] != v->buf) b++;
        if (b == n) {
            bufs[n] = v->buf;
            from[n] = v->at;
            to[n++] = v->at + v->bytes;
        }
        from[b] = MIN(from[b], v->at);
        to[b] = MAX(to[b], v->at + v->bytes);
        layout->binding[i] = (u8)b;
    }
    layout->n_bindings = n;
    if (n > w->limits[WEBGPU_MAX_STORAGE_BUFFERS])
        return fail(QN_E_UNSUPPORTED, "kernel '%s' meets %u buffers in a launch; this device binds %u", p->kernel->name, n,
                    w->limits[WEBGPU_MAX_STORAGE_BUFFERS]);
    for (u32 b = 0; b < n; b++) {
        const webgpu_buf *buf = slots_get(&w->bufs, bufs[b]);
        spans[b] = (webgpu_span){ buf->id, (u32)(from[b] / WEBGPU_BLOCK), (u32)MAX((to[b] - from[b] + 3) / 4, 1) };
    }
    return QN_OK;
}

static u32 read_only(const webgpu_program *p, const kc_layout *layout)
{
    u32 reads = (1u << layout->n_bindings) - 1;
    for (u32 i = 0; i < p->shape.n_bufs; i++)
        if (p->shape.writes[i]) reads &= ~(1u << layout->binding[i]);
    return reads;
}

static qn_status make_pipeline(webgpu_device *w, const webgpu_program *p, const kc_layout *layout, u32 *out)
{
    str text = { 0 };
    qn_status status = kc_print_wgsl(p->module, p->kernel, layout, &text);
    if (status == QN_OK)
        *out = w->api->pipeline_make(w->id, text.text, (u32)text.n, layout->n_bindings, read_only(p, layout));
    if (status == QN_OK) status = webgpu_trouble(w);
    if (status == QN_OK && !*out) status = fail(QN_E_DEVICE, "%s: a kernel was refused", w->head.info.name);
    str_free(&text);
    return fail_in(status, "kernel '%s': ", p->kernel->name);
}

static qn_status pipeline_for(webgpu_device *w, webgpu_program *p, const kc_layout *layout, u32 *out)
{
    for (u32 i = 0; i < p->n_variants; i++) {
        if (memcmp(p->variants[i].layout.binding, layout->binding, p->shape.n_bufs) != 0) continue;
        *out = p->variants[i].pipeline;
        return QN_OK;
    }
    QN_TRY(webgpu_array_room(&p->variants, p->n_variants, &p->cap_variants, sizeof *p->variants));
    variant v = { .layout = *layout };
    QN_TRY(make_pipeline(w, p, layout, &v.pipeline));
    p->variants[p->n_variants++] = v;
    *out = v.pipeline;
    return QN_OK;
}

/* ---- launching */
/* The uniform block: scalars, the count, places of the parameters that share a binding. */
static u32 put_words(const qn_launch *l, const kc_layout *layout, const webgpu_span *spans, u32 *words)
{
    u32 n = l->n_words, members[WEBGPU_MAX_SPANS] = { 0 };
    memcpy(words, l->words, n * sizeof *words);
    words[n++] = (u32)l->count;
    for (u32 i = 0; i < l->n_bufs; i++) members[layout->binding[i]]++;
    for (u32 i = 0; i < l->n_bufs; i++) {
        u32 b = layout->binding[i];
        if (members[b] > 1) words[n++] = (u32)((l->bufs[i].at - (u64)spans[b].at * WEBGPU_BLOCK) / 4);
    }
    return n;
}

static u32 groups_of(const webgpu_program *p, const qn_launch *l)
{
    if (p->shape.form != KC_MAP) return (u32)l->count;
    u64 each = p->shape.result_bytes < 4 ? 4 / p->shape.result_bytes : 1, items = (l->count + each - 1) / each;
    return (u32)((items + KC_WGSL_MAP_GROUP - 1) / KC_WGSL_MAP_GROUP);
}

qn_status webgpu_program_launch(webgpu_device *w, webgpu_program *p, const qn_launch *l)
{
    kc_layout layout = { 0 };
    webgpu_span spans[WEBGPU_MAX_SPANS];
    u32 words[DEVICE_MAX_WORDS + DEVICE_MAX_BUFFERS + 1], pipeline;
    QN_TRY(lay_out(w, p, l, &layout, spans));
    QN_TRY(pipeline_for(w, p, &layout, &pipeline));
    u32 n = put_words(l, &layout, spans, words);
    return webgpu_dispatch(w, pipeline, spans, layout.n_bindings, words, n, groups_of(p, l));
}

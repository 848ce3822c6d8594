/* A program on WebGPU: a kernel, and a pipeline of it for each way in which its parameters have met in buffers so far. WebGPU binds a buffer once in a
 * dispatch, so views of one buffer share a binding that spans them, and the kernel is printed anew with places in it. */
#include <stdio.h>

#include "base/grow.h"
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
static kc_layout features_of(const webgpu_device *w)
{
    return (kc_layout){ .f16 = w->head.info.caps.f16, .subgroups = w->head.info.caps.subgroup != 0 };
}

static qn_status make(webgpu_device *w, const kc_program *program, webgpu_program *p)
{
    const kc_options options = { .width = w->head.info.caps.width };
    kc_module *module;
    str text = { 0 };
    QN_TRY(device_compile(p->mem, program, &options, &module, &p->kernel));
    p->module = module;
    QN_TRY(device_check_group(&w->head.info.caps, p->kernel));
    QN_TRY(device_shape_of(p->kernel, &p->shape));
    const kc_layout plain = features_of(w);
    qn_status status =
        kc_print_wgsl(module, p->kernel, &plain, &text); /* refusals are told now; pipelines wait for their buffers */
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
    for (u32 i = 0; i < p->n_variants; i++) webgpu_free(w, WEBGPU_FREE_PIPELINE, p->variants[i].pipeline);
    mem_free(p->variants);
    arena_free(p->mem);
    mem_free(p);
}

/* ---- which buffers meet */
/* The binding of each view: the same for the same buffer. */
static qn_status pattern_of(const webgpu_device *w, const webgpu_program *p, const qn_launch *l, kc_layout *out)
{
    u32 most = w->limits[WEBGPU_MAX_STORAGE_BUFFERS], n = 0;
    for (u32 i = 0; i < l->n_bufs; i++) {
        u32 same = 0;
        while (same < i && l->bufs[same].buf != l->bufs[i].buf) same++;
        out->binding[i] = same < i ? out->binding[same] : (u8)n++;
    }
    out->n_bindings = n;
    if (n <= most) return QN_OK;
    return fail(QN_E_UNSUPPORTED, "kernel '%s' meets %u buffers in a launch; this device binds %u", p->kernel->name, n,
                most);
}

/* What each binding spans. */
static qn_status spans_of(webgpu_device *w, const webgpu_program *p, const qn_launch *l, const kc_layout *layout,
                          webgpu_span *out)
{
    u64 from[WEBGPU_MAX_SPANS], to[WEBGPU_MAX_SPANS] = { 0 }, most = w->limits[WEBGPU_MAX_BINDING];
    for (u32 i = 0; i < l->n_bufs; i++) {
        const buf_view *v = &l->bufs[i];
        u32 b = layout->binding[i];
        from[b] = to[b] ? MIN(from[b], v->at) : v->at;
        to[b] = MAX(to[b], v->at + MAX(v->bytes, 1));
        out[b].buffer = ((const webgpu_buf *)slots_get(&w->bufs, v->buf))->id;
    }
    for (u32 b = 0; b < layout->n_bindings; b++) {
        out[b].at = (u32)(from[b] / WEBGPU_BLOCK);
        out[b].words = (u32)((to[b] - from[b] + 3) / 4);
        if ((u64)out[b].words * 4 > most)
            return fail(QN_E_UNSUPPORTED, "kernel '%s' wants %llu bytes of one buffer at once; %s binds %llu",
                        p->kernel->name, (unsigned long long)out[b].words * 4, w->head.info.name, (unsigned long long)most);
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
    str_free(&text);
    if (status == QN_OK && !*out) status = webgpu_trouble(w);
    if (status == QN_OK && !*out) status = fail_nomem(sizeof *p);
    return fail_in(status, "kernel '%s': ", p->kernel->name);
}

static qn_status pipeline_for(webgpu_device *w, webgpu_program *p, const kc_layout *layout, u32 *out)
{
    for (u32 i = 0; i < p->n_variants; i++) {
        if (memcmp(p->variants[i].layout.binding, layout->binding, p->shape.n_bufs) != 0) continue;
        *out = p->variants[i].pipeline;
        return QN_OK;
    }
    if (!GROW_ROOM(p->variants, p->n_variants, p->cap_variants)) return fail_nomem(sizeof *p->variants);
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
    kc_layout layout = features_of(w);
    webgpu_work work = { .kind = WEBGPU_RUN };
    QN_TRY(pattern_of(w, p, l, &layout));
    QN_TRY(spans_of(w, p, l, &layout, work.of.run.spans));
    QN_TRY(pipeline_for(w, p, &layout, &work.of.run.pipeline));
    if (w->api->pipeline_state(w->id, work.of.run.pipeline) == WEBGPU_PIPELINE_REFUSED)
        return webgpu_refused(w, work.of.run.pipeline, p->kernel->name);
    work.of.run.n_spans = layout.n_bindings;
    work.of.run.n_words = put_words(l, &layout, work.of.run.spans, work.of.run.words);
    work.of.run.groups = groups_of(p, l);
    snprintf(work.of.run.kernel, sizeof work.of.run.kernel, "%s", p->kernel->name);
    return webgpu_do(w, &work);
}

qn_status webgpu_program_expect(webgpu_device *w, webgpu_program *p, const qn_launch *l)
{
    kc_layout layout = features_of(w);
    u32 pipeline;
    QN_TRY(pattern_of(w, p, l, &layout));
    return pipeline_for(w, p, &layout, &pipeline);
}

/* Pipelines of a webgpu.h library, each with the error scope around its making, and the bind groups for them. */
#include <stdio.h>

#include "device/webgpu_native.h"

#define lib webgpu_lib

/* ---- pipelines */
void native_refuse(native_pipeline *p, wgpu_text why)
{
    if (!p->refused) native_put_text(p->why, sizeof p->why, why);
    p->refused = true;
}

static wgpu_object group_layout(native *n, u32 n_spans, u32 reads)
{
    wgpu_layout_entry entries[WEBGPU_MAX_SPANS + 1] = { 0 };
    for (u32 i = 0; i <= n_spans; i++) {
        entries[i].binding = i;
        entries[i].visibility = WGPU_STAGE_COMPUTE;
        entries[i].buffer.type = i == n_spans      ? WGPU_BINDING_UNIFORM
                                 : reads >> i & 1u ? WGPU_BINDING_READ_ONLY_STORAGE
                                                   : WGPU_BINDING_STORAGE;
        entries[i].buffer.dynamic = i == n_spans;
    }
    const wgpu_layout_options options = { .n = n_spans + 1, .entries = entries };
    return lib.DeviceCreateBindGroupLayout(n->device, &options);
}

static wgpu_object compute_pipeline(native *n, wgpu_object group, const char *text, u32 n_text)
{
    const wgpu_pipeline_layout_options layout_options = { .n = 1, .groups = &group };
    wgpu_wgsl code = { .chain = { .type = WGPU_SHADER_SOURCE_WGSL }, .code = { text, n_text } };
    const wgpu_labelled module_options = { .next = &code.chain };
    wgpu_object layout = lib.DeviceCreatePipelineLayout(n->device, &layout_options);
    wgpu_object module = lib.DeviceCreateShaderModule(n->device, &module_options), made = NULL;
    if (layout && module) {
        const wgpu_pipeline_options options = { .layout = layout,
                                                .compute = { .module = module, .entry = { "qk_run", 6 } } };
        made = lib.DeviceCreateComputePipeline(n->device, &options);
    }
    if (module) lib.ShaderModuleRelease(module);
    if (layout) lib.PipelineLayoutRelease(layout);
    return made;
}

/* The answer of the error scope, which may come at once or later. */
static void on_scope(u32 status, u32 type, wgpu_text message, void *key, void *id)
{
    native *n = native_called(key);
    native_pipeline *p = n ? slots_get(&n->pipelines, (u32)(uintptr_t)id) : NULL;
    if (n) n->waits--;
    if (!p) return;
    p->pending = false;
    if (status != WGPU_SUCCESS || type != WGPU_ERROR_NONE) native_refuse(p, message);
}

u32 native_pipeline_make(u32 device, const char *text, u32 n_text, u32 n_spans, u32 reads)
{
    native *n = native_of(device);
    native_pipeline *p = n->lost ? NULL : mem_zalloc(sizeof *p);
    u32 id = p ? native_add(&n->pipelines, p) : 0;
    if (!id) {
        mem_free(p);
        return 0;
    }
    native_count(1);
    n->making = p;
    n->waits++;
    p->pending = true;
    lib.DevicePushErrorScope(n->device, WGPU_FILTER_VALIDATION);
    p->layout = group_layout(n, n_spans, reads);
    p->pipeline = p->layout ? compute_pipeline(n, p->layout, text, n_text) : NULL;
    lib.DevicePopErrorScope(n->device, NATIVE_CALLBACK(n, id, wgpu_on_scope, on_scope));
    n->making = NULL;
    return id;
}

u32 native_pipeline_state(u32 device, u32 pipeline)
{
    native *n = native_of(device);
    const native_pipeline *p = slots_get(&n->pipelines, pipeline);
    if (p && p->pending) native_pump(n); /* the answer may lie there already */
    if (!p || n->lost) return WEBGPU_PIPELINE_REFUSED;
    if (p->pending) return WEBGPU_PIPELINE_PENDING;
    return p->refused || !p->pipeline ? WEBGPU_PIPELINE_REFUSED : WEBGPU_PIPELINE_READY;
}

u32 native_pipeline_why(u32 device, u32 pipeline, char *out, u32 room)
{
    const native_pipeline *p = slots_get(&native_of(device)->pipelines, pipeline);
    int length = snprintf(out, room, "%s", p ? p->why : "");
    return MIN((u32)length, room - 1);
}

void native_pipeline_free(u32 device, u32 pipeline)
{
    native_pipeline *p = slots_remove(&native_of(device)->pipelines, pipeline);
    if (!p) return;
    if (p->pipeline) lib.ComputePipelineRelease(p->pipeline);
    if (p->layout) lib.BindGroupLayoutRelease(p->layout);
    mem_free(p);
    native_count(-1);
}

/* ---- bind groups */
u32 native_bindings_make(u32 device, u32 pipeline, const webgpu_span *spans, u32 n_spans, u32 uniform)
{
    native *n = native_of(device);
    const native_pipeline *p = slots_get(&n->pipelines, pipeline);
    wgpu_group_entry entries[WEBGPU_MAX_SPANS + 1] = { 0 };
    for (u32 i = 0; i <= n_spans; i++) {
        const native_buffer *b = slots_get(&n->buffers, i < n_spans ? spans[i].buffer : uniform);
        if (!b) return 0;
        entries[i] = (wgpu_group_entry){ .binding = i, .buffer = b->buffer, .size = WEBGPU_UNIFORM_BYTES };
        if (i == n_spans) continue;
        entries[i].offset = (u64)spans[i].at * WEBGPU_BLOCK;
        entries[i].size = (u64)spans[i].words * 4;
    }
    if (!p || n->lost) return 0;
    const wgpu_group_options options = { .layout = p->layout, .n = n_spans + 1, .entries = entries };
    wgpu_object group = lib.DeviceCreateBindGroup(n->device, &options);
    u32 id = native_add(&n->bindings, group);
    if (id) native_count(1);
    else if (group) lib.BindGroupRelease(group);
    return id;
}

void native_bindings_free(u32 device, u32 bindings)
{
    wgpu_object group = slots_remove(&native_of(device)->bindings, bindings);
    if (!group) return;
    lib.BindGroupRelease(group);
    native_count(-1);
}

/* WebGPU from a webgpu.h library, loaded at run time: wgpu-native, or Dawn. QUERN_WEBGPU names its file; else the usual names are tried. Every
 * open has an instance, adapter and device of its own. */
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

#include "base/platform.h"
#include "device/slots.h"
#include "device/webgpu_api.h"
#include "device/webgpu_h.h"

enum { MAX_ADAPTERS = 16, MAX_DEVICES = 64, CLOSE_TURNS = 20000 };

typedef struct native_buffer {
    wgpu_object buffer;
    u32 map_state;
} native_buffer;
typedef struct native_pipeline {
    wgpu_object pipeline, layout; /* of its bind group */
    bool pending;                 /* its error scope has not answered */
    bool refused, freed;
    char why[400];
} native_pipeline;

typedef struct native {
    wgpu_object instance, adapter, device, queue, encoder, pass;
    slots buffers, pipelines, bindings;
    native_pipeline *making;  /* errors now are of this one */
    u32 submits, done, waits; /* waits: callbacks under way */
    u32 trouble;
    bool lost;
    wgpu_limits limits;
    bool f16;
    u32 subgroup;
    char name[128], driver[128], said[400];
} native;

static wgpu_library lib;
static bool load_ok;
static char load_reason[300];
static pthread_once_t load_once = PTHREAD_ONCE_INIT;
static native *devices[MAX_DEVICES];
static pthread_mutex_t devices_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the library */
static void *find(void *library, const char *name, bool needed)
{
    void *at = dlsym(library, name);
    if (!at && needed) snprintf(load_reason, sizeof load_reason, "the WebGPU library lacks %s: a newer one is needed", name);
    return at;
}

static void *open_library(void)
{
    static const char *const usual[] = { "libwgpu_native.so", "libwgpu_native-release.so", "libwebgpu_dawn.so",
                                         "libwgpu_native.dylib", "libwebgpu_dawn.dylib" };
    const char *named = platform_setting("QUERN_WEBGPU");
    void *library = NULL;
    if (named && *named) {
        library = dlopen(named, RTLD_NOW | RTLD_LOCAL);
        if (!library) snprintf(load_reason, sizeof load_reason, "QUERN_WEBGPU: %s", dlerror());
        return library;
    }
    for (u32 i = 0; i < COUNT(usual) && !library; i++) library = dlopen(usual[i], RTLD_NOW | RTLD_LOCAL);
    if (!library)
        snprintf(load_reason, sizeof load_reason,
                 "no WebGPU library was found: install wgpu-native or Dawn, or name its file in QUERN_WEBGPU");
    return library;
}

/* POSIX promises that a data pointer can hold a function's; C does not, so it is copied. */
static void load(void)
{
    void *library = open_library(), *at;
    if (!library) return;
#define X(result, name, args)                                                                                               \
    at = find(library, "wgpu" #name, true);                                                                                 \
    memcpy(&lib.name, &at, sizeof lib.name);
    WGPU_FUNCTIONS(X)
#undef X
#define X(result, name, args)                                                                                               \
    at = find(library, "wgpu" #name, false);                                                                                \
    memcpy(&lib.name, &at, sizeof lib.name);
    WGPU_EXTRA_FUNCTIONS(X)
#undef X
    load_ok = load_reason[0] == 0;
}

static native *of(u32 device) { return device < MAX_DEVICES ? devices[device] : NULL; }

/* ---- texts */
static size_t length_of(wgpu_text t) { return !t.data ? 0 : t.length == SIZE_MAX ? strlen(t.data) : t.length; }

static void put_text(char *out, size_t room, wgpu_text t)
{
    size_t n = MIN(length_of(t), room - 1);
    if (n) memcpy(out, t.data, n);
    out[n] = 0;
    for (char *c = out; *c; c++)
        if (*c == '\n') *c = ' ';
}

static wgpu_text text_of(const char *text, size_t n) { return (wgpu_text){ text, n }; }

static void refuse(native_pipeline *p, wgpu_text why)
{
    if (!p->refused) put_text(p->why, sizeof p->why, why);
    p->refused = true;
}

/* ---- callbacks */
static void on_object(u32 status, wgpu_object object, wgpu_text message, void *a, void *b)
{
    (void)message;
    *(wgpu_object *)a = status == WGPU_SUCCESS ? object : NULL;
    *(bool *)b = true;
}

static void on_lost(const wgpu_object *device, u32 reason, wgpu_text message, void *a, void *b)
{
    (void)device, (void)reason, (void)b;
    native *n = a;
    n->lost = true;
    if (!n->trouble) put_text(n->said, sizeof n->said, message);
}

static void on_error(const wgpu_object *device, u32 type, wgpu_text message, void *a, void *b)
{
    (void)device, (void)b;
    native *n = a;
    if (n->making && type != WGPU_ERROR_OUT_OF_MEMORY) refuse(n->making, message);
    if (n->trouble || (n->making && n->making->refused)) return;
    n->trouble = type == WGPU_ERROR_OUT_OF_MEMORY ? WEBGPU_NO_MEMORY : WEBGPU_BAD_CALL;
    put_text(n->said, sizeof n->said, message);
}

static void on_done(u32 status, wgpu_text message, void *a, void *b)
{
    (void)status, (void)message;
    native *n = a;
    n->done = MAX(n->done, (u32)(uintptr_t)b);
    n->waits--;
}

static void on_map(u32 status, wgpu_text message, void *a, void *b)
{
    (void)message;
    ((native_buffer *)a)->map_state = status == WGPU_SUCCESS ? WEBGPU_MAP_READY : WEBGPU_MAP_FAILED;
    ((native *)b)->waits--;
}

static void pump(native *n, bool wait)
{
    lib.InstanceProcessEvents(n->instance);
    if (lib.DevicePoll && n->device) lib.DevicePoll(n->device, wait, NULL);
}

/* The same type for each function pointer of a callback. */
static wgpu_callback callback(u32 mode, const void *function, size_t bytes, void *a, void *b)
{
    wgpu_callback c = { .mode = mode, .user = { a, b } };
    memcpy(&c.function, function, bytes);
    return c;
}
#define CALLBACK(type, function, a, b) callback(WGPU_CALLBACKS_IN_TICK, &(type){ function }, sizeof(type), (a), (b))

static wgpu_object await_object(native *n, const wgpu_object *object, const bool *answered)
{
    for (u32 i = 0; !*answered && i < CLOSE_TURNS; i++) {
        pump(n, false);
        if (!*answered) nanosleep(&(struct timespec){ 0, 100000 }, NULL);
    }
    return *answered ? *object : NULL;
}

/* ---- adapters */
static bool is_wanted(wgpu_object adapter)
{
    wgpu_adapter_info info = { 0 };
    lib.AdapterGetInfo(adapter, &info);
    bool wanted = info.backend != WGPU_BACKEND_OPENGL && info.backend != WGPU_BACKEND_OPENGLES;
    lib.AdapterInfoFreeMembers(info);
    return wanted;
}

/* The number-th of those that are no OpenGL ones (the same hardware comes there again), and how many there are. */
static wgpu_object pick_adapter(native *n, u32 number, u32 *count)
{
    wgpu_object all[MAX_ADAPTERS], picked = NULL;
    *count = 0;
    if (!lib.InstanceEnumerateAdapters) {
        bool answered = false;
        const wgpu_adapter_options best = { .power = WGPU_POWER_HIGH };
        if (number == 0)
            lib.InstanceRequestAdapter(n->instance, &best, CALLBACK(wgpu_on_object, on_object, &picked, &answered));
        if (number == 0) picked = await_object(n, &picked, &answered);
        *count = 1;
        return picked;
    }
    size_t found = lib.InstanceEnumerateAdapters(n->instance, NULL, NULL);
    if (found > MAX_ADAPTERS) return NULL;
    found = lib.InstanceEnumerateAdapters(n->instance, NULL, all);
    for (size_t i = 0; i < found; i++) {
        if (is_wanted(all[i]) && (*count)++ == number) picked = all[i];
        else lib.AdapterRelease(all[i]);
    }
    return picked;
}

/* The first instance stays for the process. A library that looks for OpenGL too ends EGL's display with its last instance, and with the
 * display every context there, ours of WebGL and those of the caller (seen with wgpu-native on NVIDIA's driver). */
static u32 native_past(void)
{
    static wgpu_object kept;
    pthread_mutex_lock(&devices_lock);
    if (!kept) kept = lib.CreateInstance(NULL);
    native n = { .instance = kept };
    u32 count = 0;
    wgpu_object any = kept ? pick_adapter(&n, 0, &count) : NULL;
    if (any) lib.AdapterRelease(any);
    pthread_mutex_unlock(&devices_lock);
    return any ? count : 0;
}

/* ---- opening and closing */
static void put_info(native *n)
{
    wgpu_adapter_info info = { 0 };
    char vendor[40], what[40];
    lib.AdapterGetInfo(n->adapter, &info);
    put_text(n->name, sizeof n->name, length_of(info.device) ? info.device : info.description);
    put_text(vendor, sizeof vendor, info.vendor);
    put_text(what, sizeof what, info.description);
    snprintf(n->driver, sizeof n->driver, "WebGPU backend %u, %s %s", info.backend, vendor, what);
    n->subgroup = info.subgroup_min;
    lib.AdapterInfoFreeMembers(info);
}

static u32 pick_features(native *n, u32 *out)
{
    wgpu_features all = { 0 };
    u32 count = 0;
    bool subgroups = false;
    lib.AdapterGetFeatures(n->adapter, &all);
    for (size_t i = 0; i < all.n; i++) {
        u32 name = all.names[i];
        bool wanted = name == WGPU_FEATURE_F16 || name == WGPU_FEATURE_SUBGROUPS || name == WGPU_FEATURE_TIMESTAMPS;
        if (wanted && count < 3) out[count++] = name;
        n->f16 |= name == WGPU_FEATURE_F16;
        subgroups |= name == WGPU_FEATURE_SUBGROUPS;
    }
    lib.SupportedFeaturesFreeMembers(all);
    if (!subgroups) n->subgroup = 0;
    return count;
}

static bool request_device(native *n)
{
    u32 features[3];
    bool answered = false;
    lib.AdapterGetLimits(n->adapter, &n->limits);
    n->limits.next = NULL;
    wgpu_device_options options = { .features = features, .limits = &n->limits };
    options.n_features = pick_features(n, features);
    options.on_lost = callback(WGPU_CALLBACKS_ANY_TIME, &(wgpu_on_error){ on_lost }, sizeof(wgpu_on_error), n, NULL);
    const wgpu_on_error error = on_error;
    memcpy(&options.on_error.function, &error, sizeof error);
    options.on_error.user[0] = n;
    lib.AdapterRequestDevice(n->adapter, &options, CALLBACK(wgpu_on_object, on_object, &n->device, &answered));
    return await_object(n, &n->device, &answered) != NULL;
}

static void release(native *n)
{
    for (u32 i = 0; n->waits && i < CLOSE_TURNS && !n->lost; i++) pump(n, true);
    if (n->queue) lib.QueueRelease(n->queue);
    if (n->device) lib.DeviceDestroy(n->device);
    for (u32 i = 0; n->waits && i < 100; i++) pump(n, false); /* a lost device answers its callbacks */
    if (n->device) lib.DeviceRelease(n->device);
    if (n->adapter) lib.AdapterRelease(n->adapter);
    if (n->instance) lib.InstanceRelease(n->instance);
    slots_free(&n->buffers);
    slots_free(&n->pipelines);
    slots_free(&n->bindings);
    mem_free(n);
}

static bool keep(native *n, u32 *out)
{
    bool kept = false;
    pthread_mutex_lock(&devices_lock);
    for (u32 i = 0; i < MAX_DEVICES && !kept; i++) {
        if (devices[i]) continue;
        devices[i] = n;
        *out = i;
        kept = true;
    }
    pthread_mutex_unlock(&devices_lock);
    return kept;
}

static u32 native_open(u32 number)
{
    native *n = mem_zalloc(sizeof *n);
    u32 count, at;
    if (!n) return 0;
    n->instance = lib.CreateInstance(NULL);
    n->adapter = n->instance ? pick_adapter(n, number, &count) : NULL;
    if (n->adapter) put_info(n);
    if (n->adapter && request_device(n)) n->queue = lib.DeviceGetQueue(n->device);
    if (n->queue && keep(n, &at)) return at + 1;
    release(n);
    return 0;
}

static void native_close(u32 device)
{
    native *n = of(device);
    if (!n) return;
    pthread_mutex_lock(&devices_lock);
    devices[device] = NULL;
    pthread_mutex_unlock(&devices_lock);
    release(n);
}

static u32 clamp_u32(u64 v) { return v > UINT32_MAX ? UINT32_MAX : (u32)v; }

static void native_limits(u32 device, u32 *out)
{
    const native *n = of(device);
#define X(name, webgpu_name) out[WEBGPU_##name] = clamp_u32(n->limits.webgpu_name);
    WEBGPU_LIMITS(X)
#undef X
    out[WEBGPU_F16] = n->f16;
    out[WEBGPU_SUBGROUPS] = n->subgroup;
}

static u32 native_text(u32 device, u32 what, char *out, u32 room)
{
    const native *n = of(device);
    const char *text = what == WEBGPU_TEXT_NAME ? n->name : what == WEBGPU_TEXT_DRIVER ? n->driver : n->said;
    int length = snprintf(out, room, "%s", text);
    return MIN((u32)length, room - 1);
}

/* ---- buffers */
static u32 add(slots *s, void *item)
{
    u32 id = 0;
    return item && slots_add(s, item, &id) ? id : 0;
}

static u32 native_buffer_make(u32 device, u32 kind, u32 blocks)
{
    static const u64 usages[] = { [WEBGPU_STORAGE] = WGPU_USAGE_STORAGE | WGPU_USAGE_COPY_SRC | WGPU_USAGE_COPY_DST,
                                  [WEBGPU_UNIFORM] = WGPU_USAGE_UNIFORM | WGPU_USAGE_COPY_DST,
                                  [WEBGPU_READBACK] = WGPU_USAGE_MAP_READ | WGPU_USAGE_COPY_DST };
    native *n = of(device);
    if (n->lost) return 0;
    native_buffer *b = mem_zalloc(sizeof *b);
    if (!b) return 0;
    const wgpu_buffer_options options = { .usage = usages[kind], .size = (u64)blocks * WEBGPU_BLOCK };
    const u32 trouble = n->trouble;
    b->buffer = lib.DeviceCreateBuffer(n->device, &options);
    bool refused = n->trouble != trouble; /* told at once: it is nobody else's */
    u32 id = b->buffer && !refused ? add(&n->buffers, b) : 0;
    n->trouble = trouble;
    if (id) return id;
    if (b->buffer) lib.BufferRelease(b->buffer);
    mem_free(b);
    return 0;
}

static void settle_map(native *n, native_buffer *b)
{
    for (u32 i = 0; b->map_state == WEBGPU_MAP_PENDING && i < CLOSE_TURNS && !n->lost; i++) pump(n, true);
}

static void native_buffer_free(u32 device, u32 buffer)
{
    native *n = of(device);
    native_buffer *b = slots_remove(&n->buffers, buffer);
    if (!b) return;
    lib.BufferDestroy(b->buffer);
    lib.BufferRelease(b->buffer);
    mem_free(b);
}

/* ---- pipelines */
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
    wgpu_wgsl code = { .chain = { .type = WGPU_SHADER_SOURCE_WGSL }, .code = text_of(text, n_text) };
    const wgpu_labelled module_options = { .next = &code.chain };
    wgpu_object layout = lib.DeviceCreatePipelineLayout(n->device, &layout_options);
    wgpu_object module = lib.DeviceCreateShaderModule(n->device, &module_options), made = NULL;
    if (layout && module) {
        const wgpu_pipeline_options options = { .layout = layout,
                                                .compute = { .module = module, .entry = text_of("qk_run", 6) } };
        made = lib.DeviceCreateComputePipeline(n->device, &options);
    }
    if (module) lib.ShaderModuleRelease(module);
    if (layout) lib.PipelineLayoutRelease(layout);
    return made;
}

static void release_pipeline(native_pipeline *p)
{
    if (p->pipeline) lib.ComputePipelineRelease(p->pipeline);
    if (p->layout) lib.BindGroupLayoutRelease(p->layout);
    mem_free(p);
}

/* The answer of the error scope around the making of a pipeline, which may come at once or later. */
static void on_scope(u32 status, u32 type, wgpu_text message, void *a, void *b)
{
    native_pipeline *p = a;
    ((native *)b)->waits--;
    p->pending = false;
    if (status != WGPU_SUCCESS || type != WGPU_ERROR_NONE) refuse(p, message);
    if (p->freed) release_pipeline(p);
}

static u32 native_pipeline_make(u32 device, const char *text, u32 n_text, u32 n_spans, u32 reads)
{
    native *n = of(device);
    native_pipeline *p = n->lost ? NULL : mem_zalloc(sizeof *p);
    u32 id = p ? add(&n->pipelines, p) : 0;
    if (!id) {
        mem_free(p);
        return 0;
    }
    n->making = p;
    n->waits++;
    p->pending = true;
    lib.DevicePushErrorScope(n->device, WGPU_FILTER_VALIDATION);
    p->layout = group_layout(n, n_spans, reads);
    p->pipeline = p->layout ? compute_pipeline(n, p->layout, text, n_text) : NULL;
    lib.DevicePopErrorScope(n->device, CALLBACK(wgpu_on_scope, on_scope, p, n));
    n->making = NULL;
    return id;
}

static u32 native_pipeline_state(u32 device, u32 pipeline)
{
    const native *n = of(device);
    const native_pipeline *p = slots_get(&n->pipelines, pipeline);
    if (!p || n->lost) return WEBGPU_PIPELINE_REFUSED;
    if (p->pending) return WEBGPU_PIPELINE_PENDING;
    return p->refused || !p->pipeline ? WEBGPU_PIPELINE_REFUSED : WEBGPU_PIPELINE_READY;
}

static u32 native_pipeline_why(u32 device, u32 pipeline, char *out, u32 room)
{
    const native_pipeline *p = slots_get(&of(device)->pipelines, pipeline);
    int length = snprintf(out, room, "%s", p ? p->why : "");
    return MIN((u32)length, room - 1);
}

static void native_pipeline_free(u32 device, u32 pipeline)
{
    native_pipeline *p = slots_remove(&of(device)->pipelines, pipeline);
    if (p && p->pending) p->freed = true;
    else if (p) release_pipeline(p);
}

static u32 native_bindings_make(u32 device, u32 pipeline, const webgpu_span *spans, u32 n_spans, u32 uniform)
{
    native *n = of(device);
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
    return add(&n->bindings, lib.DeviceCreateBindGroup(n->device, &options));
}

static void native_bindings_free(u32 device, u32 bindings)
{
    wgpu_object group = slots_remove(&of(device)->bindings, bindings);
    if (group) lib.BindGroupRelease(group);
}

/* ---- recording */
static void end_pass(native *n)
{
    if (!n->pass) return;
    lib.ComputePassEncoderEnd(n->pass);
    lib.ComputePassEncoderRelease(n->pass);
    n->pass = NULL;
}

static bool open_encoder(native *n)
{
    if (!n->encoder) n->encoder = lib.DeviceCreateCommandEncoder(n->device, NULL);
    return n->encoder != NULL;
}

static void native_dispatch(u32 device, u32 pipeline, u32 bindings, u32 uniform_at, u32 x, u32 y)
{
    native *n = of(device);
    const native_pipeline *p = slots_get(&n->pipelines, pipeline);
    wgpu_object group = slots_get(&n->bindings, bindings);
    if (!p || !group || n->lost || !open_encoder(n)) return;
    if (!n->pass) n->pass = lib.CommandEncoderBeginComputePass(n->encoder, NULL);
    lib.ComputePassEncoderSetPipeline(n->pass, p->pipeline);
    lib.ComputePassEncoderSetBindGroup(n->pass, 0, group, 1, &uniform_at);
    lib.ComputePassEncoderDispatchWorkgroups(n->pass, x, y, 1);
}

static void native_write(u32 device, u32 buffer, u32 at, const void *from, u32 words)
{
    native *n = of(device);
    const native_buffer *b = slots_get(&n->buffers, buffer);
    if (b && !n->lost) lib.QueueWriteBuffer(n->queue, b->buffer, (u64)at * 4, from, (size_t)words * 4);
}

static void native_copy(u32 device, u32 to, u32 to_at, u32 from, u32 from_at, u32 words)
{
    native *n = of(device);
    const native_buffer *a = slots_get(&n->buffers, to), *b = slots_get(&n->buffers, from);
    if (!a || !b || n->lost || !open_encoder(n)) return;
    end_pass(n);
    lib.CommandEncoderCopyBufferToBuffer(n->encoder, b->buffer, (u64)from_at * 4, a->buffer, (u64)to_at * 4, (u64)words * 4);
}

static u32 native_submit(u32 device)
{
    native *n = of(device);
    n->submits++;
    end_pass(n);
    if (n->encoder) {
        wgpu_object commands = lib.CommandEncoderFinish(n->encoder, NULL);
        lib.CommandEncoderRelease(n->encoder);
        n->encoder = NULL;
        if (commands && !n->lost && !n->trouble) lib.QueueSubmit(n->queue, 1, &commands);
        if (commands) lib.CommandBufferRelease(commands);
    }
    if (n->lost) return n->submits;
    n->waits++;
    lib.QueueOnSubmittedWorkDone(n->queue, CALLBACK(wgpu_on_map, on_done, n, (void *)(uintptr_t)n->submits));
    return n->submits;
}

/* ---- waiting */
static u32 native_done(u32 device) { return of(device)->lost ? of(device)->submits : of(device)->done; }

static void native_map(u32 device, u32 buffer, u32 words)
{
    native *n = of(device);
    native_buffer *b = slots_get(&n->buffers, buffer);
    if (!b || n->lost) return;
    b->map_state = WEBGPU_MAP_PENDING;
    n->waits++;
    lib.BufferMapAsync(b->buffer, WGPU_MAP_READ, 0, (size_t)words * 4, CALLBACK(wgpu_on_map, on_map, b, n));
}

static u32 native_map_state(u32 device, u32 buffer)
{
    const native *n = of(device);
    const native_buffer *b = slots_get(&n->buffers, buffer);
    return b && !n->lost ? b->map_state : WEBGPU_MAP_FAILED;
}

static void native_unmap_read(u32 device, u32 buffer, u32 at, void *out, u32 bytes)
{
    native *n = of(device);
    native_buffer *b = slots_get(&n->buffers, buffer);
    if (!b) return;
    settle_map(n, b);
    const u32 from = at / 8 * 8, room = (at + bytes - from + 3) / 4 * 4;
    const u8 *data = out && b->map_state == WEBGPU_MAP_READY ? lib.BufferGetConstMappedRange(b->buffer, from, room) : NULL;
    if (data) memcpy(out, data + (at - from), bytes);
    lib.BufferUnmap(b->buffer);
}

static u32 native_trouble(u32 device)
{
    native *n = of(device);
    if (n->lost) return WEBGPU_LOST;
    u32 trouble = n->trouble;
    n->trouble = WEBGPU_FINE;
    return trouble;
}

static void native_tick(u32 device) { pump(of(device), false); }

static void native_wait(u32 device, u32 submit, u32 us)
{
    native *n = of(device);
    if (native_done(device) >= submit && !n->waits) return;
    if (lib.DevicePoll) pump(n, true);
    else nanosleep(&(struct timespec){ 0, (long)MIN(us, 100u) * 1000 }, NULL);
}

static const webgpu_api native_api = {
#define X(result, name, args) .name = native_##name,
    WEBGPU_FUNCTIONS(X)
#undef X
};

qn_status webgpu_load(const webgpu_api **out)
{
    pthread_once(&load_once, load);
    if (!load_ok) return fail(QN_E_NO_DEVICE, "%s", load_reason);
    *out = &native_api;
    return QN_OK;
}

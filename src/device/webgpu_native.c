/* WebGPU from a webgpu.h library, loaded at run time: wgpu-native, or Dawn. QUERN_WEBGPU names its file; else the usual names are tried.
 * Here: its buffers, what is recorded, submits, and waiting. */
#include <stdatomic.h>
#include <time.h>

#include "base/platform.h"
#include "device/driver_library.h"
#include "device/webgpu_native.h"

#define lib webgpu_lib

wgpu_library webgpu_lib;
static _Atomic i64 objects_alive;

void native_count(i32 change) { atomic_fetch_add(&objects_alive, change); }

i64 webgpu_objects_alive(void) { return atomic_load(&objects_alive); }

/* ---- texts and numbers */
void native_put_text(char *out, size_t room, wgpu_text t)
{
    size_t length = !t.data ? 0 : t.length == SIZE_MAX ? strlen(t.data) : t.length, n = MIN(length, room - 1);
    if (n) memcpy(out, t.data, n);
    out[n] = 0;
    for (char *c = out; *c; c++)
        if (*c == '\n') *c = ' ';
}

u32 native_add(slots *s, void *item)
{
    u32 id = 0;
    return item && slots_add(s, item, &id) ? id : 0;
}

/* ---- callbacks */
/* The same type for each function pointer of a callback. */
wgpu_callback native_callback(const native *n, u32 id, const void *function, size_t bytes)
{
    wgpu_callback c = { .mode = WGPU_CALLBACKS_IN_TICK, .user = { (void *)(uintptr_t)n->key, (void *)(uintptr_t)id } };
    memcpy(&c.function, function, bytes);
    return c;
}

native *native_called(void *key) { return native_of_key((u32)(uintptr_t)key); }

static void on_done(u32 status, wgpu_text message, void *key, void *submit)
{
    (void)status, (void)message;
    native *n = native_called(key);
    if (!n) return;
    n->done = MAX(n->done, (u32)(uintptr_t)submit);
    n->waits--;
}

static void on_map(u32 status, wgpu_text message, void *key, void *id)
{
    (void)message;
    native *n = native_called(key);
    native_buffer *b = n ? slots_get(&n->buffers, (u32)(uintptr_t)id) : NULL;
    if (n) n->waits--;
    if (!b || !b->mapped) return; /* given up meanwhile */
    b->mapped = status == WGPU_SUCCESS;
    b->map_state = b->mapped ? WEBGPU_MAP_READY : WEBGPU_MAP_FAILED;
}

void native_pump(native *n)
{
    lib.InstanceProcessEvents(n->instance);
    if (lib.DevicePoll && n->device) lib.DevicePoll(n->device, false, NULL);
}

static void sleep_us(u32 us) { nanosleep(&(struct timespec){ 0, (long)us * 1000 }, NULL); }

void native_pause(native *n)
{
    if (lib.DevicePoll && n->device) lib.DevicePoll(n->device, true, NULL);
    else sleep_us(100);
    native_pump(n);
}

/* ---- buffers */
/* What is wrong is told at once: it is nobody else's trouble. One that waits to be told keeps its text. */
static wgpu_object create_buffer(native *n, u64 usage, u64 bytes, u32 *wrong)
{
    const wgpu_buffer_options options = { .usage = usage, .size = bytes };
    const u32 trouble = n->trouble;
    char said[sizeof n->said];
    memcpy(said, n->said, sizeof said);
    n->trouble = WEBGPU_FINE;
    wgpu_object made = lib.DeviceCreateBuffer(n->device, &options);
    *wrong = n->trouble;
    n->trouble = trouble;
    if (trouble != WEBGPU_FINE) memcpy(n->said, said, sizeof said);
    if (*wrong == WEBGPU_FINE) return made;
    if (made) lib.BufferRelease(made);
    return NULL;
}

/* wgpu-native refuses every call on a device that its driver has lost, and need not tell of the loss. Such a device has no room for a word. */
static bool is_gone(native *n)
{
    u32 wrong;
    wgpu_object made = create_buffer(n, WGPU_USAGE_STORAGE, WEBGPU_BLOCK, &wrong);
    if (made) lib.BufferRelease(made);
    return !made && wrong == WEBGPU_BAD_CALL;
}

static u32 native_buffer_make(u32 device, u32 kind, u32 blocks)
{
    static const u64 usages[] = { [WEBGPU_STORAGE] = WGPU_USAGE_STORAGE | WGPU_USAGE_COPY_SRC | WGPU_USAGE_COPY_DST,
                                  [WEBGPU_UNIFORM] = WGPU_USAGE_UNIFORM | WGPU_USAGE_COPY_DST,
                                  [WEBGPU_READBACK] = WGPU_USAGE_MAP_READ | WGPU_USAGE_COPY_DST };
    native *n = native_of(device);
    if (n->trouble == WEBGPU_FINE) n->said[0] = 0; /* what is said of this call is told with it */
    native_buffer *b = n->lost ? NULL : mem_zalloc(sizeof *b);
    if (!b) return 0;
    u32 wrong;
    b->buffer = create_buffer(n, usages[kind], (u64)blocks * WEBGPU_BLOCK, &wrong);
    u32 id = b->buffer ? native_add(&n->buffers, b) : 0;
    if (id) native_count(1);
    if (id) return id;
    if (wrong == WEBGPU_BAD_CALL && is_gone(n)) n->lost = true;
    if (b->buffer) lib.BufferRelease(b->buffer);
    mem_free(b);
    return 0;
}

/* Also while a map is under way: its callback finds nothing then. */
static void native_buffer_free(u32 device, u32 buffer)
{
    native *n = native_of(device);
    native_buffer *b = slots_remove(&n->buffers, buffer);
    if (!b) return;
    lib.BufferDestroy(b->buffer);
    lib.BufferRelease(b->buffer);
    mem_free(b);
    native_count(-1);
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
    native *n = native_of(device);
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
    native *n = native_of(device);
    const native_buffer *b = slots_get(&n->buffers, buffer);
    if (b && !n->lost) lib.QueueWriteBuffer(n->queue, b->buffer, (u64)at * 4, from, (size_t)words * 4);
}

static void native_copy(u32 device, u32 to, u32 to_at, u32 from, u32 from_at, u32 words)
{
    native *n = native_of(device);
    const native_buffer *a = slots_get(&n->buffers, to), *b = slots_get(&n->buffers, from);
    if (!a || !b || n->lost || !open_encoder(n)) return;
    end_pass(n);
    lib.CommandEncoderCopyBufferToBuffer(n->encoder, b->buffer, (u64)from_at * 4, a->buffer, (u64)to_at * 4, (u64)words * 4);
}

/* Without a word: what the encoder had to say is of work that will not be done. */
static void native_drop(u32 device)
{
    native *n = native_of(device);
    const u32 trouble = n->trouble;
    if (n->pass) lib.ComputePassEncoderRelease(n->pass);
    if (n->encoder) lib.CommandEncoderRelease(n->encoder);
    n->pass = n->encoder = NULL;
    n->trouble = trouble;
}

/* Nothing is submitted when something went wrong before, which fails all that is under way. */
static u32 native_submit(u32 device)
{
    native *n = native_of(device);
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
    lib.QueueOnSubmittedWorkDone(n->queue, NATIVE_CALLBACK(n, n->submits, wgpu_on_map, on_done));
    return n->submits;
}

/* ---- waiting */
static u32 native_done(u32 device) { return native_of(device)->lost ? native_of(device)->submits : native_of(device)->done; }

static void native_map(u32 device, u32 buffer, u32 words)
{
    native *n = native_of(device);
    native_buffer *b = slots_get(&n->buffers, buffer);
    if (!b || n->lost) return;
    b->map_state = WEBGPU_MAP_PENDING;
    b->mapped = true;
    n->waits++;
    lib.BufferMapAsync(b->buffer, WGPU_MAP_READ, 0, (size_t)words * 4, NATIVE_CALLBACK(n, buffer, wgpu_on_map, on_map));
}

static u32 native_map_state(u32 device, u32 buffer)
{
    const native *n = native_of(device);
    const native_buffer *b = slots_get(&n->buffers, buffer);
    return b && !n->lost ? b->map_state : WEBGPU_MAP_FAILED;
}

static u32 native_unmap_read(u32 device, u32 buffer, u32 at, void *out, u32 bytes)
{
    native *n = native_of(device);
    native_buffer *b = slots_get(&n->buffers, buffer);
    if (!b) return false;
    const u32 from = at / 8 * 8, room = (at + bytes - from + 3) / 4 * 4;
    bool ready = b->mapped && b->map_state == WEBGPU_MAP_READY;
    const u8 *data = out && ready ? lib.BufferGetConstMappedRange(b->buffer, from, room) : NULL;
    if (data) memcpy(out, data + (at - from), bytes);
    if (b->mapped) lib.BufferUnmap(b->buffer);
    b->mapped = false;
    b->map_state = WEBGPU_MAP_FAILED; /* until it is mapped again */
    return data != NULL;
}

static u32 native_trouble(u32 device)
{
    native *n = native_of(device);
    if (n->lost) return WEBGPU_LOST;
    u32 trouble = n->trouble;
    n->trouble = WEBGPU_FINE;
    return trouble;
}

static void native_tick(u32 device) { native_pump(native_of(device)); }

static void native_wait(u32 device, u32 submit, u32 us)
{
    native *n = native_of(device);
    if (native_done(device) >= submit && !n->waits) return;
    if (lib.DevicePoll) native_pause(n);
    else sleep_us(MIN(us, 100u));
}

/* ---- the table */
static const webgpu_api native_api = {
#define X(result, name, args) .name = native_##name,
    WEBGPU_FUNCTIONS(X)
#undef X
};

static const char *const files[] = { "libwgpu_native.so",    "libwgpu_native-release.so", "libwebgpu_dawn.so",
                                     "libwgpu_native.dylib", "libwebgpu_dawn.dylib",      NULL };
static const driver_function functions[] = {
#define X(result, name, args) DRIVER_FUNCTION("wgpu", webgpu_lib, name),
    WGPU_FUNCTIONS(X)
#undef X
#define X(result, name, args) { "wgpu" #name, &webgpu_lib.name, true },
        WGPU_EXTRA_FUNCTIONS(X)
#undef X
};
static const driver_part parts[] = { { files, functions, COUNT(functions) } };
static driver_library driver = {
    .setting = "QUERN_WEBGPU",
    .absent = "no WebGPU library was found: install wgpu-native or Dawn, or name its file in QUERN_WEBGPU",
    .too_old = "a newer WebGPU library is needed",
    .parts = parts,
    .n_parts = COUNT(parts),
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

qn_status webgpu_load(const webgpu_api **out)
{
    QN_TRY(driver_library_load(&driver));
    *out = &native_api;
    return QN_OK;
}

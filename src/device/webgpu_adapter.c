/* Adapters and devices of a webgpu.h library. Every open has an instance, adapter and device of its own. */
#include <pthread.h>
#include <stdio.h>

#include "device/webgpu_native.h"

#define lib webgpu_lib

enum { MAX_ADAPTERS = 16, MAX_DEVICES = 64, ANSWER_MS = 30000, CLOSE_TURNS = 20000 };

static native *devices[MAX_DEVICES];
static u32 keys; /* given so far; a key is a place in `devices` and how many were given before it */
static pthread_mutex_t devices_lock = PTHREAD_MUTEX_INITIALIZER, past_lock = PTHREAD_MUTEX_INITIALIZER;

native *native_of(u32 device) { return device < MAX_DEVICES ? devices[device] : NULL; }

native *native_of_key(u32 key)
{
    pthread_mutex_lock(&devices_lock);
    native *n = devices[key % MAX_DEVICES];
    bool same = n && n->key == key;
    pthread_mutex_unlock(&devices_lock);
    return same ? n : NULL;
}

/* One with a place in `devices`; NULL: no memory, or all places are taken. */
static native *native_make(void)
{
    native *n = mem_zalloc(sizeof *n);
    bool kept = false;
    pthread_mutex_lock(&devices_lock);
    for (u32 i = 0; n && i < MAX_DEVICES && !kept; i++) {
        if (devices[i]) continue;
        n->key = ++keys * MAX_DEVICES + i;
        devices[i] = n;
        kept = true;
    }
    pthread_mutex_unlock(&devices_lock);
    if (kept) return n;
    mem_free(n);
    return NULL;
}

/* From here on no callback finds it. */
static void native_free(native *n)
{
    pthread_mutex_lock(&devices_lock);
    devices[n->key % MAX_DEVICES] = NULL;
    pthread_mutex_unlock(&devices_lock);
    slots_free(&n->buffers);
    slots_free(&n->pipelines);
    slots_free(&n->bindings);
    mem_free(n);
}

/* ---- what is asked for, and comes later */
static void on_adapter(u32 status, wgpu_object adapter, wgpu_text message, void *key, void *id)
{
    (void)status, (void)message, (void)id;
    native *n = native_called(key);
    if (n) n->adapter = adapter, n->answered = true;
    else if (adapter) lib.AdapterRelease(adapter);
}

static void on_device(u32 status, wgpu_object device, wgpu_text message, void *key, void *id)
{
    (void)status, (void)message, (void)id;
    native *n = native_called(key);
    if (n) n->device = device, n->answered = true;
    else if (device) lib.DeviceRelease(device);
}

static void await_answer(native *n)
{
    const u64 from = clock_ns();
    native_pump(n);
    while (!n->answered && clock_ns() - from < (u64)ANSWER_MS * 1000000) native_pause(n);
}

static void on_lost(const wgpu_object *device, u32 reason, wgpu_text message, void *key, void *id)
{
    (void)device, (void)reason, (void)id;
    native *n = native_called(key);
    if (!n) return;
    n->lost = true;
    if (!n->trouble) native_put_text(n->said, sizeof n->said, message);
}

static void on_error(const wgpu_object *device, u32 type, wgpu_text message, void *key, void *id)
{
    (void)device, (void)id;
    native *n = native_called(key);
    if (!n) return;
    if (n->making && type != WGPU_ERROR_OUT_OF_MEMORY) native_refuse(n->making, message);
    if (n->trouble || (n->making && n->making->refused)) return;
    n->trouble = type == WGPU_ERROR_OUT_OF_MEMORY ? WEBGPU_NO_MEMORY : WEBGPU_BAD_CALL;
    native_put_text(n->said, sizeof n->said, message);
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

/* Without a list there is one: the best. */
static u32 request_adapter(native *n, u32 number)
{
    const wgpu_adapter_options best = { .power = WGPU_POWER_HIGH };
    if (number > 0) return 1;
    n->answered = false;
    lib.InstanceRequestAdapter(n->instance, &best, NATIVE_CALLBACK(n, 0, wgpu_on_object, on_adapter));
    await_answer(n);
    return 1;
}

/* The number-th of those that are no OpenGL ones (the same hardware comes there again), into n; gives how many there are. */
static u32 pick_adapter(native *n, u32 number)
{
    wgpu_object all[MAX_ADAPTERS];
    u32 count = 0;
    if (!lib.InstanceEnumerateAdapters) return request_adapter(n, number);
    size_t found = lib.InstanceEnumerateAdapters(n->instance, NULL, NULL);
    if (found > MAX_ADAPTERS) return 0;
    found = lib.InstanceEnumerateAdapters(n->instance, NULL, all);
    for (size_t i = 0; i < found; i++) {
        if (is_wanted(all[i]) && count++ == number) n->adapter = all[i];
        else lib.AdapterRelease(all[i]);
    }
    return count;
}

/* The first instance stays for the process. A library that looks for OpenGL too ends EGL's display with its last instance, and with the
 * display every context there, ours of WebGL and those of the caller (seen with wgpu-native on NVIDIA's driver). */
u32 native_past(void)
{
    static wgpu_object kept;
    native *n = native_make();
    u32 count = 0;
    if (!n) return 0;
    pthread_mutex_lock(&past_lock);
    if (!kept) kept = lib.CreateInstance(NULL);
    n->instance = kept;
    if (kept) count = pick_adapter(n, 0);
    if (n->adapter) lib.AdapterRelease(n->adapter);
    else count = 0;
    pthread_mutex_unlock(&past_lock);
    native_free(n);
    return count;
}

/* ---- opening and closing */
static void put_info(native *n)
{
    wgpu_adapter_info info = { 0 };
    char vendor[40], what[40];
    lib.AdapterGetInfo(n->adapter, &info);
    native_put_text(n->name, sizeof n->name, info.device.data && info.device.length ? info.device : info.description);
    native_put_text(vendor, sizeof vendor, info.vendor);
    native_put_text(what, sizeof what, info.description);
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

static void request_device(native *n)
{
    u32 features[3];
    lib.AdapterGetLimits(n->adapter, &n->limits);
    n->limits.next = NULL;
    wgpu_device_options options = { .features = features, .limits = &n->limits };
    const wgpu_callback error = NATIVE_CALLBACK(n, 0, wgpu_on_error, on_error);
    options.n_features = pick_features(n, features);
    options.on_lost = NATIVE_CALLBACK(n, 0, wgpu_on_error, on_lost);
    options.on_lost.mode = WGPU_CALLBACKS_ANY_TIME;
    options.on_error = (wgpu_uncaptured){ NULL, error.function, { error.user[0], error.user[1] } };
    n->answered = false;
    lib.AdapterRequestDevice(n->adapter, &options, NATIVE_CALLBACK(n, 0, wgpu_on_object, on_device));
    await_answer(n);
}

/* Does its compiler take "enable NAME;"? Numbers of features were others in drafts of webgpu.h, and libraries with those are still about. */
static bool enables(native *n, const char *name)
{
    const u32 device = n->key % MAX_DEVICES;
    const u64 from = clock_ns();
    char text[96];
    int length = snprintf(text, sizeof text, "enable %s;\n@compute @workgroup_size(1) fn qk_run() {}\n", name);
    const u32 p = native_pipeline_make(device, text, (u32)length, 0, 0);
    while (native_pipeline_state(device, p) == WEBGPU_PIPELINE_PENDING && clock_ns() - from < (u64)ANSWER_MS * 1000000)
        native_pause(n);
    bool taken = native_pipeline_state(device, p) == WEBGPU_PIPELINE_READY;
    native_pipeline_free(device, p);
    return taken;
}

/* Work that is under way ends first; what a device that is lost never answers is not waited for. */
static void release(native *n)
{
    for (u32 i = 0; n->waits && i < CLOSE_TURNS && !n->lost; i++) native_pause(n);
    if (n->queue) lib.QueueRelease(n->queue);
    if (n->device) lib.DeviceDestroy(n->device);
    if (n->device) lib.DeviceRelease(n->device);
    if (n->adapter) lib.AdapterRelease(n->adapter);
    if (n->instance) lib.InstanceRelease(n->instance);
    native_free(n);
}

u32 native_open(u32 number)
{
    native *n = native_make();
    if (!n) return 0;
    n->instance = lib.CreateInstance(NULL);
    if (n->instance) pick_adapter(n, number);
    if (n->adapter) put_info(n);
    if (n->adapter) request_device(n);
    if (n->device) n->queue = lib.DeviceGetQueue(n->device);
    if (!n->queue) {
        release(n);
        return 0;
    }
    n->f16 = n->f16 && enables(n, "f16");
    if (n->subgroup && !enables(n, "subgroups")) n->subgroup = 0;
    return n->key % MAX_DEVICES + 1;
}

void native_close(u32 device)
{
    native *n = native_of(device);
    if (n) release(n);
}

/* ---- what it is */
static u32 clamp_u32(u64 v) { return v > UINT32_MAX ? UINT32_MAX : (u32)v; }

void native_limits(u32 device, u32 *out)
{
    const native *n = native_of(device);
#define X(name, webgpu_name) out[WEBGPU_##name] = clamp_u32(n->limits.webgpu_name);
    WEBGPU_LIMITS(X)
#undef X
    out[WEBGPU_F16] = n->f16;
    out[WEBGPU_SUBGROUPS] = n->subgroup;
}

u32 native_text(u32 device, u32 what, char *out, u32 room)
{
    const native *n = native_of(device);
    const char *text = what == WEBGPU_TEXT_NAME ? n->name : what == WEBGPU_TEXT_DRIVER ? n->driver : n->said;
    int length = snprintf(out, room, "%s", text);
    return MIN((u32)length, room - 1);
}

/* The part of webgpu.h that webgpu_native.c uses: names, layouts and values of the webgpu-headers project's stable C API, so that no header is needed
 * to build. `next` members are chains that we leave empty; {0} is a default everywhere. Libraries of the drafts before it, which lay things out in
 * other ways, lack a function of this list (BufferReadMappedRange), so they are not called. */
#ifndef WEBGPU_H_H
#define WEBGPU_H_H

#include "base/base.h"

typedef struct wgpu_text {
    const char *data;
    size_t length; /* SIZE_MAX: up to its 0 */
} wgpu_text;
typedef struct wgpu_chain {
    struct wgpu_chain *next;
    u32 type;
} wgpu_chain;
typedef void *wgpu_object;
typedef struct wgpu_future {
    u64 id;
} wgpu_future;

enum {
    WGPU_SUCCESS = 1,
    WGPU_CALLBACKS_IN_TICK = 2,
    WGPU_CALLBACKS_ANY_TIME = 3,
    WGPU_SHADER_SOURCE_WGSL = 2,
    WGPU_FEATURE_TIMESTAMPS = 9,
    WGPU_FEATURE_F16 = 11,
    WGPU_FEATURE_SUBGROUPS = 18,
    WGPU_BACKEND_OPENGL = 7,
    WGPU_BACKEND_OPENGLES = 8,
    WGPU_ERROR_NONE = 1,
    WGPU_ERROR_OUT_OF_MEMORY = 3,
    WGPU_FILTER_VALIDATION = 1,
    WGPU_BINDING_UNIFORM = 2,
    WGPU_BINDING_STORAGE = 3,
    WGPU_BINDING_READ_ONLY_STORAGE = 4,
    WGPU_MAP_READ = 1,
    WGPU_STAGE_COMPUTE = 4,
    WGPU_USAGE_MAP_READ = 1,
    WGPU_USAGE_COPY_SRC = 4,
    WGPU_USAGE_COPY_DST = 8,
    WGPU_USAGE_UNIFORM = 0x40,
    WGPU_USAGE_STORAGE = 0x80,
    WGPU_POWER_HIGH = 2,
};

/* What a call that answers later is given. */
typedef struct wgpu_callback {
    wgpu_chain *next;
    u32 mode;
    void *function;
    void *user[2];
} wgpu_callback;
typedef struct wgpu_uncaptured {
    wgpu_chain *next;
    void *function;
    void *user[2];
} wgpu_uncaptured;
typedef void (*wgpu_on_object)(u32 status, wgpu_object object, wgpu_text message, void *a, void *b);
typedef void (*wgpu_on_map)(u32 status, wgpu_text message, void *a, void *b);
typedef void (*wgpu_on_scope)(u32 status, u32 type, wgpu_text message, void *a, void *b);
typedef void (*wgpu_on_error)(const wgpu_object *device, u32 type, wgpu_text message, void *a, void *b);

typedef struct wgpu_limits {
    wgpu_chain *next;
    u32 texture_limits[4], maxBindGroups, more[6], maxStorageBuffersPerShaderStage, maxStorageTextures, maxUniformBuffers;
    u64 maxUniformBufferBindingSize, maxStorageBufferBindingSize;
    u32 minUniformBufferOffsetAlignment, minStorageBufferOffsetAlignment, maxVertexBuffers;
    u64 maxBufferSize;
    u32 vertex_limits[5], maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX,
        maxComputeWorkgroupSizeY, maxComputeWorkgroupSizeZ, maxComputeWorkgroupsPerDimension, maxImmediateSize;
} wgpu_limits;
typedef struct wgpu_adapter_info {
    wgpu_chain *next;
    wgpu_text vendor, architecture, device, description;
    u32 backend, type, vendor_id, device_id, subgroup_min, subgroup_max;
} wgpu_adapter_info;
typedef struct wgpu_features {
    size_t n;
    const u32 *names;
} wgpu_features;
typedef struct wgpu_adapter_options {
    wgpu_chain *next;
    u32 level, power, fallback, backend;
    wgpu_object surface;
} wgpu_adapter_options;
typedef struct wgpu_device_options {
    wgpu_chain *next;
    wgpu_text label;
    size_t n_features;
    const u32 *features;
    const wgpu_limits *limits;
    struct {
        wgpu_chain *next;
        wgpu_text label;
    } queue;
    wgpu_callback on_lost;
    wgpu_uncaptured on_error;
} wgpu_device_options;
typedef struct wgpu_labelled {
    wgpu_chain *next;
    wgpu_text label;
} wgpu_labelled;
typedef struct wgpu_wgsl {
    wgpu_chain chain;
    wgpu_text code;
} wgpu_wgsl;
typedef struct wgpu_pipeline_options {
    wgpu_chain *next;
    wgpu_text label;
    wgpu_object layout;
    struct {
        wgpu_chain *next;
        wgpu_object module;
        wgpu_text entry;
        size_t n_constants;
        const void *constants;
    } compute;
} wgpu_pipeline_options;
typedef struct wgpu_buffer_options {
    wgpu_chain *next;
    wgpu_text label;
    u64 usage, size;
    u32 mapped;
} wgpu_buffer_options;
typedef struct wgpu_layout_entry {
    wgpu_chain *next;
    u32 binding;
    u64 visibility;
    u32 array_size;
    struct {
        wgpu_chain *next;
        u32 type, dynamic;
        u64 min_size;
    } buffer;
    struct {
        wgpu_chain *next;
        u32 type;
    } sampler;
    struct {
        wgpu_chain *next;
        u32 type, dimension, multisampled;
    } texture;
    struct {
        wgpu_chain *next;
        u32 access, format, dimension;
    } storage_texture;
} wgpu_layout_entry;
typedef struct wgpu_layout_options {
    wgpu_chain *next;
    wgpu_text label;
    size_t n;
    const wgpu_layout_entry *entries;
} wgpu_layout_options;
typedef struct wgpu_pipeline_layout_options {
    wgpu_chain *next;
    wgpu_text label;
    size_t n;
    const wgpu_object *groups;
    u32 immediates;
} wgpu_pipeline_layout_options;
typedef struct wgpu_group_entry {
    wgpu_chain *next;
    u32 binding;
    wgpu_object buffer;
    u64 offset, size;
    wgpu_object sampler, texture;
} wgpu_group_entry;
typedef struct wgpu_group_options {
    wgpu_chain *next;
    wgpu_text label;
    wgpu_object layout;
    size_t n;
    const wgpu_group_entry *entries;
} wgpu_group_options;

/* clang-format off */
#define WGPU_FUNCTIONS(X)                                                                                                                   \
    X(wgpu_object, CreateInstance,                   (const void *options))                                                                 \
    X(wgpu_future, InstanceRequestAdapter,           (wgpu_object i, const wgpu_adapter_options *o, wgpu_callback c))                        \
    X(void,        InstanceProcessEvents,            (wgpu_object i))                                                                       \
    X(void,        InstanceRelease,                  (wgpu_object i))                                                                       \
    X(u32,         AdapterGetInfo,                   (wgpu_object a, wgpu_adapter_info *out))                                               \
    X(void,        AdapterInfoFreeMembers,           (wgpu_adapter_info info))                                                              \
    X(u32,         AdapterGetLimits,                 (wgpu_object a, wgpu_limits *out))                                                     \
    X(void,        AdapterGetFeatures,               (wgpu_object a, wgpu_features *out))                                                   \
    X(void,        SupportedFeaturesFreeMembers,     (wgpu_features f))                                                                     \
    X(wgpu_future, AdapterRequestDevice,             (wgpu_object a, const wgpu_device_options *o, wgpu_callback c))                         \
    X(void,        AdapterRelease,                   (wgpu_object a))                                                                       \
    X(wgpu_object, DeviceGetQueue,                   (wgpu_object d))                                                                       \
    X(wgpu_object, DeviceCreateBuffer,               (wgpu_object d, const wgpu_buffer_options *o))                                         \
    X(wgpu_object, DeviceCreateShaderModule,         (wgpu_object d, const wgpu_labelled *o))                                               \
    X(wgpu_object, DeviceCreateBindGroupLayout,      (wgpu_object d, const wgpu_layout_options *o))                                         \
    X(wgpu_object, DeviceCreatePipelineLayout,       (wgpu_object d, const wgpu_pipeline_layout_options *o))                                \
    X(wgpu_object, DeviceCreateComputePipeline,      (wgpu_object d, const wgpu_pipeline_options *o))                                       \
    X(wgpu_object, DeviceCreateBindGroup,            (wgpu_object d, const wgpu_group_options *o))                                          \
    X(wgpu_object, DeviceCreateCommandEncoder,       (wgpu_object d, const wgpu_labelled *o))                                               \
    X(void,        DevicePushErrorScope,             (wgpu_object d, u32 filter))                                                           \
    X(wgpu_future, DevicePopErrorScope,              (wgpu_object d, wgpu_callback c))                                                      \
    X(void,        DeviceDestroy,                    (wgpu_object d))                                                                       \
    X(void,        DeviceRelease,                    (wgpu_object d))                                                                       \
    X(void,        QueueWriteBuffer,                 (wgpu_object q, wgpu_object b, u64 at, const void *from, size_t bytes))                \
    X(void,        QueueSubmit,                      (wgpu_object q, size_t n, const wgpu_object *commands))                                \
    X(wgpu_future, QueueOnSubmittedWorkDone,         (wgpu_object q, wgpu_callback c))                                                      \
    X(void,        QueueRelease,                     (wgpu_object q))                                                                       \
    X(wgpu_object, CommandEncoderBeginComputePass,   (wgpu_object e, const void *o))                                                        \
    X(void,        CommandEncoderCopyBufferToBuffer, (wgpu_object e, wgpu_object from, u64 from_at, wgpu_object to, u64 to_at, u64 bytes))  \
    X(wgpu_object, CommandEncoderFinish,             (wgpu_object e, const void *o))                                                        \
    X(void,        CommandEncoderRelease,            (wgpu_object e))                                                                       \
    X(void,        CommandBufferRelease,             (wgpu_object c))                                                                       \
    X(void,        ComputePassEncoderSetPipeline,    (wgpu_object p, wgpu_object pipeline))                                                 \
    X(void,        ComputePassEncoderSetBindGroup,   (wgpu_object p, u32 index, wgpu_object group, size_t n, const u32 *offsets))            \
    X(void,        ComputePassEncoderDispatchWorkgroups, (wgpu_object p, u32 x, u32 y, u32 z))                                              \
    X(void,        ComputePassEncoderEnd,            (wgpu_object p))                                                                       \
    X(void,        ComputePassEncoderRelease,        (wgpu_object p))                                                                       \
    X(wgpu_future, BufferMapAsync,                   (wgpu_object b, u64 mode, size_t at, size_t bytes, wgpu_callback c))                    \
    X(const void *,BufferGetConstMappedRange,        (wgpu_object b, size_t at, size_t bytes))                                              \
    X(u32,         BufferReadMappedRange,            (wgpu_object b, size_t at, void *out, size_t bytes))                                   \
    X(void,        BufferUnmap,                      (wgpu_object b))                                                                       \
    X(void,        BufferDestroy,                    (wgpu_object b))                                                                       \
    X(void,        BufferRelease,                    (wgpu_object b))                                                                       \
    X(void,        BindGroupRelease,                 (wgpu_object g))                                                                       \
    X(void,        BindGroupLayoutRelease,           (wgpu_object l))                                                                       \
    X(void,        PipelineLayoutRelease,            (wgpu_object l))                                                                       \
    X(void,        ShaderModuleRelease,              (wgpu_object m))                                                                       \
    X(void,        ComputePipelineRelease,           (wgpu_object p))
/* Of one library or the other: NULL where it is missing. */
#define WGPU_EXTRA_FUNCTIONS(X)                                                                                                             \
    X(size_t,      InstanceEnumerateAdapters,        (wgpu_object i, const void *options, wgpu_object *out))                                \
    X(u32,         DevicePoll,                       (wgpu_object d, u32 wait, const void *submission))
/* clang-format on */

typedef struct wgpu_library {
#define X(result, name, args) result(*name) args;
    WGPU_FUNCTIONS(X)
    WGPU_EXTRA_FUNCTIONS(X)
#undef X
} wgpu_library;

#endif

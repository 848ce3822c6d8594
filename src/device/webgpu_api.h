/* What the webgpu device asks of WebGPU. webgpu.c and its helpers are written against this table alone and run natively and in a
 * browser alike.
 *
 *     webgpu_native.c    a webgpu.h library, loaded at run time (wgpu-native, Dawn)
 *     webgpu_browser.c   in Wasm: the same calls as imports, which the page's TypeScript answers with its GPUDevice
 *
 * Devices
 *     A device has a number from 0; "webgpu:2" is number 2. Natively open() asks for it and waits. In a browser nothing can wait: the page has asked for the
 *     adapter and the device, or was lent a GPUDevice by its caller, and has put it under this number before the C device is opened. Numbers may
 *     have gaps and may be given again after close(). The page asks for the adapter's own limits (all those in webgpu_limit) and for the
 *     features "shader-f16", "subgroups" and "timestamp-query" where the adapter has them.
 *
 * Objects
 *     Buffers, pipelines and bindings are numbers from 1, of all devices together or of each alone as the maker likes; 0 is none. All that the C device
 *     makes it frees before close(), also when the device is lost. Whatever is freed is in no work that is not yet submitted (the C device sees to
 *     that); so free() may destroy at once.
 *
 *     A caller's GPUBuffer (with the usages of WEBGPU_STORAGE) that the page has put under a number is a buffer like any other; buffer_free of it
 *     only forgets the number. The page gives it to the device by qn_buffer_adopt.
 *
 * Order
 *     Each device has one command encoder, which dispatch() and copy() open where there is none, and submit() closes. Dispatches in a row share one compute
 *     pass; copy() ends it. write() takes effect before everything that is recorded but not submitted, so the C device submits first. Work that is
 *     submitted is done in order.
 *
 * Errors
 *     No call fails loudly. A maker that fails gives 0, or gives a number and lets trouble() tell later; all other functions do nothing with objects that
 *     are 0 or invalid. All that belongs to a pipeline stays with it (pipeline_state, pipeline_why): a refused one stops nothing else. Whatever else goes
 *     wrong is caught by error scopes or as an uncaptured error, and trouble() tells the first that came. With it all is told that was called before:
 *     what else comes of those calls comes of nothing new. After a loss trouble() always gives WEBGPU_LOST, makers give 0, pipeline_state() REFUSED, done() the last submit, map_state() WEBGPU_MAP_FAILED.
 *
 * As imports of Wasm (webgpu_browser.c)
 *     Module "quern", "webgpu_" and the name: "webgpu_dispatch". Every argument and result is one i32, an unsigned number (use >>> 0) or an address in
 *     memory; addresses are valid during the call only, and memory may have grown since the last call, so make views anew. No i64, no f32, no
 *     BigInt. Texts are UTF-8, pointer and length. Sizes of buffers are in blocks of 256 bytes, places and lengths in words of 4 bytes, so
 *     that 32 bits hold them. */
#ifndef WEBGPU_API_H
#define WEBGPU_API_H

#include "base/base.h"

/* clang-format off */
enum { WEBGPU_BLOCK = 256, WEBGPU_UNIFORM_BYTES = 512, WEBGPU_MAX_SPANS = 13 };

/* What buffer_make makes, with these usages of WebGPU; always zeroed. */
enum {
    WEBGPU_STORAGE = 0,  /* STORAGE | COPY_SRC | COPY_DST */
    WEBGPU_UNIFORM = 1,  /* UNIFORM | COPY_DST */
    WEBGPU_READBACK = 2, /* MAP_READ | COPY_DST */
};

/* Of the device, in this order; numbers past 2^32 - 1 are given as that. */
#define WEBGPU_LIMITS(X)                                                                                                                    \
    X(MAX_BUFFER,             maxBufferSize)                                                                                                \
    X(MAX_BINDING,            maxStorageBufferBindingSize)                                                                                  \
    X(MAX_STORAGE_BUFFERS,    maxStorageBuffersPerShaderStage)                                                                              \
    X(MAX_GROUP,              maxComputeInvocationsPerWorkgroup)                                                                            \
    X(MAX_GROUP_X,            maxComputeWorkgroupSizeX)                                                                                     \
    X(GROUP_MEMORY,           maxComputeWorkgroupStorageSize)                                                                               \
    X(MAX_GROUPS,             maxComputeWorkgroupsPerDimension)                                                                             \
    X(STORAGE_ALIGN,          minStorageBufferOffsetAlignment)                                                                              \
    X(UNIFORM_ALIGN,          minUniformBufferOffsetAlignment)
enum webgpu_limit {
#define X(name, webgpu_name) WEBGPU_##name,
    WEBGPU_LIMITS(X)
#undef X
    WEBGPU_F16,          /* the device has "shader-f16": 1 or 0 */
    WEBGPU_SUBGROUPS,    /* "subgroups": the smallest subgroup of the adapter, 0 without the feature */
    WEBGPU_LIMIT_COUNT
};

enum { WEBGPU_TEXT_NAME, WEBGPU_TEXT_DRIVER, WEBGPU_TEXT_TROUBLE };
enum { WEBGPU_FINE, WEBGPU_LOST, WEBGPU_NO_MEMORY, WEBGPU_BAD_CALL };
enum { WEBGPU_PIPELINE_PENDING, WEBGPU_PIPELINE_READY, WEBGPU_PIPELINE_REFUSED };
enum { WEBGPU_MAP_PENDING, WEBGPU_MAP_READY, WEBGPU_MAP_FAILED };

/* A part of a storage buffer, as bindings_make takes it: three u32, 12 bytes. `at` is a multiple of STORAGE_ALIGN, and no buffer comes twice. */
typedef struct webgpu_span {
    u32 buffer;
    u32 at;    /* in blocks of 256 bytes */
    u32 words; /* length in words of 4 bytes */
} webgpu_span;

/*   past            one more than the largest number of a device; 0: there are none
 *   open            one more than the number by which all other calls name the device: in a browser `number` itself, natively one for each
 *                   open. 0: it is not there, or is lost already
 *   limits          writes WEBGPU_LIMIT_COUNT numbers to `out`, in the order above
 *   text            NAME: info.description, or device, or vendor and architecture, what is there; DRIVER: vendor and backend, whatever tells one
 *                   implementation from another; TROUBLE: the sentence of what trouble() told last. At most room - 1 bytes and a 0; gives
 *                   their number without the 0
 *   close           the device is no longer used. Destroys it if it was made here; a lent GPUDevice stays as it was
 *   buffer_make     kind as above, size in blocks of 256 bytes. No memory: trouble() gives WEBGPU_NO_MEMORY, now or later
 *   pipeline_make   WGSL of n_text bytes with the entry point "qk_run". Its one bind group has n_spans storage buffers as bindings 0 .. n_spans - 1 (bit i of
 *                   `reads` set: "read-only-storage", else "storage") and, as binding n_spans, a uniform buffer with a dynamic offset
 *                   and minBindingSize 0. Begins it and does not wait (createComputePipelineAsync where that is there); bind groups for it
 *                   may be made at once, it is dispatched when it is READY
 *   pipeline_state  PENDING, READY or REFUSED
 *   pipeline_why    of a REFUSED one: the compiler's first message and its line, like text
 *   bindings_make   a bind group for such a pipeline: the spans, and WEBGPU_UNIFORM_BYTES bytes of `uniform`
 *   dispatch        groups x * y * 1, with the dynamic offset uniform_at (in bytes, a multiple of UNIFORM_ALIGN)
 *   write           queue.writeBuffer: `words` words to the word `at`; `from` may go when this returns
 *   copy            between two different buffers, by copyBufferToBuffer; all in words
 *   drop            what is recorded will not be done; whatever went wrong with it is told by nobody
 *   submit          ends and submits what is recorded, if anything is, and gives the number of this submit: 1, 2, ... of this device
 *   done            the number of the last submit whose work is done (queue.onSubmittedWorkDone)
 *   map             a READBACK buffer's first `words` words, once the copies into it are submitted (mapAsync); one at a time for a buffer
 *   map_state       of the last map of this buffer
 *   unmap_read      when READY: the first `bytes` bytes from the byte `at` to `out` (out NULL: nothing), and unmap. When pending or failed: unmap.
 *                   1: the bytes are there; 0: they are not, also when READY, on a device that is about to be lost
 *   trouble         WEBGPU_FINE, or what is wrong
 *   tick            natively: lets callbacks come. In a browser they come between tasks: does nothing
 *   wait            natively: waits until submit number `submit` may be done, or `us` microseconds. In a browser: does nothing */
#define WEBGPU_FUNCTIONS(X)                                                                                                                 \
    X(u32,  past,          (void))                                                                                                          \
    X(u32,  open,          (u32 number))                                                                                                    \
    X(void, limits,        (u32 device, u32 *out))                                                                                          \
    X(u32,  text,          (u32 device, u32 what, char *out, u32 room))                                                                     \
    X(void, close,         (u32 device))                                                                                                    \
    X(u32,  buffer_make,   (u32 device, u32 kind, u32 blocks))                                                                              \
    X(void, buffer_free,   (u32 device, u32 buffer))                                                                                        \
    X(u32,  pipeline_make, (u32 device, const char *text, u32 n_text, u32 n_spans, u32 reads))                                              \
    X(u32,  pipeline_state,(u32 device, u32 pipeline))                                                                                      \
    X(u32,  pipeline_why,  (u32 device, u32 pipeline, char *out, u32 room))                                                                 \
    X(void, pipeline_free, (u32 device, u32 pipeline))                                                                                      \
    X(u32,  bindings_make, (u32 device, u32 pipeline, const webgpu_span *spans, u32 n_spans, u32 uniform))                                  \
    X(void, bindings_free, (u32 device, u32 bindings))                                                                                      \
    X(void, dispatch,      (u32 device, u32 pipeline, u32 bindings, u32 uniform_at, u32 x, u32 y))                                          \
    X(void, write,         (u32 device, u32 buffer, u32 at, const void *from, u32 words))                                                   \
    X(void, copy,          (u32 device, u32 to, u32 to_at, u32 from, u32 from_at, u32 words))                                               \
    X(void, drop,          (u32 device))                                                                                                    \
    X(u32,  submit,        (u32 device))                                                                                                    \
    X(u32,  done,          (u32 device))                                                                                                    \
    X(void, map,           (u32 device, u32 buffer, u32 words))                                                                             \
    X(u32,  map_state,     (u32 device, u32 buffer))                                                                                        \
    X(u32,  unmap_read,    (u32 device, u32 buffer, u32 at, void *out, u32 bytes))                                                          \
    X(u32,  trouble,       (u32 device))                                                                                                    \
    X(void, tick,          (u32 device))                                                                                                    \
    X(void, wait,          (u32 device, u32 submit, u32 us))
/* clang-format on */

typedef struct webgpu_api {
#define X(result, name, args) result(*name) args;
    WEBGPU_FUNCTIONS(X)
#undef X
} webgpu_api;

/* The table of this build, loaded once for the process. QN_E_NO_DEVICE with the reason. */
qn_status webgpu_load(const webgpu_api **out);
i64 webgpu_objects_alive(void); /* natively: buffers, pipelines and bindings made and not freed, of all devices */

#endif

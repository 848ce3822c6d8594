/* CUDA's driver interface as we use it: the functions of libcuda.so.1, found at run time, and what they take. No header of CUDA is needed.
 * Names and values are those of NVIDIA's "CUDA Driver API" reference. */
#ifndef CUDA_API_H
#define CUDA_API_H

#include "base/base.h"

typedef i32 cu_device;
typedef u64 cu_memory; /* an address on the device; 0: none */
typedef struct cu_context_ *cu_context;
typedef struct cu_module_ *cu_module;
typedef struct cu_function_ *cu_function;
typedef struct cu_stream_ *cu_stream;
typedef struct cu_event_ *cu_event;
typedef struct cu_link_ *cu_link;
typedef struct cu_graph_ *cu_graph;
typedef struct cu_node_ *cu_node;
typedef struct cu_exec_ *cu_exec;

enum {
    CU_MAX_THREADS_PER_BLOCK = 1, /* attributes of a device */
    CU_MAX_SHARED_MEMORY_PER_BLOCK = 8,
    CU_WARP_SIZE = 10,
    CU_MULTIPROCESSOR_COUNT = 16,
    CU_PCI_BUS_ID = 33,
    CU_COMPUTE_CAPABILITY_MAJOR = 75,
    CU_COMPUTE_CAPABILITY_MINOR = 76,
    CU_JIT_ERROR_LOG_BUFFER = 5,
    CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,
    CU_JIT_INPUT_PTX = 1,
    CU_STREAM_NON_BLOCKING = 1,
    CU_EVENT_DISABLE_TIMING = 2,
    CU_SUCCESS = 0,
    CU_OUT_OF_MEMORY = 2,
    CU_NOT_READY = 600,
};

typedef struct cu_kernel_node {
    cu_function function;
    u32 grid[3], block[3], shared_bytes;
    void **params, **extra;
} cu_kernel_node;

/* clang-format off */
#define CUDA_FUNCTIONS(X)                                                                                                                    \
    X(cuInit,                    (u32 flags))                                                                                                \
    X(cuDriverGetVersion,        (i32 *version))                                                                                             \
    X(cuGetErrorName,            (i32 code, const char **name))                                                                              \
    X(cuDeviceGetCount,          (i32 *n))                                                                                                   \
    X(cuDeviceGet,               (cu_device *d, i32 index))                                                                                  \
    X(cuDeviceGetName,           (char *name, i32 room, cu_device d))                                                                        \
    X(cuDeviceTotalMem_v2,       (size_t *bytes, cu_device d))                                                                               \
    X(cuDeviceGetAttribute,      (i32 *value, i32 what, cu_device d))                                                                        \
    X(cuDevicePrimaryCtxRetain,  (cu_context *c, cu_device d))                                                                               \
    X(cuDevicePrimaryCtxRelease_v2, (cu_device d))                                                                                           \
    X(cuCtxSetCurrent,           (cu_context c))                                                                                             \
    X(cuMemAlloc_v2,             (cu_memory *m, size_t bytes))                                                                               \
    X(cuMemFree_v2,              (cu_memory m))                                                                                              \
    X(cuMemAllocHost_v2,         (void **p, size_t bytes))                                                                                   \
    X(cuMemFreeHost,             (void *p))                                                                                                  \
    X(cuMemsetD8Async,           (cu_memory m, u8 value, size_t bytes, cu_stream s))                                                         \
    X(cuMemcpyHtoDAsync_v2,      (cu_memory to, const void *from, size_t bytes, cu_stream s))                                                \
    X(cuMemcpyDtoHAsync_v2,      (void *to, cu_memory from, size_t bytes, cu_stream s))                                                      \
    X(cuMemcpyDtoDAsync_v2,      (cu_memory to, cu_memory from, size_t bytes, cu_stream s))                                                  \
    X(cuStreamCreate,            (cu_stream *s, u32 flags))                                                                                  \
    X(cuStreamDestroy_v2,        (cu_stream s))                                                                                              \
    X(cuStreamSynchronize,       (cu_stream s))                                                                                              \
    X(cuEventCreate,             (cu_event *e, u32 flags))                                                                                   \
    X(cuEventRecord,             (cu_event e, cu_stream s))                                                                                  \
    X(cuEventQuery,              (cu_event e))                                                                                               \
    X(cuEventSynchronize,        (cu_event e))                                                                                               \
    X(cuEventDestroy_v2,         (cu_event e))                                                                                               \
    X(cuLinkCreate_v2,           (u32 n, i32 *options, void **values, cu_link *l))                                                           \
    X(cuLinkAddData_v2,          (cu_link l, i32 kind, void *data, size_t bytes, const char *name, u32 n, i32 *options, void **values))       \
    X(cuLinkComplete,            (cu_link l, void **cubin, size_t *bytes))                                                                   \
    X(cuLinkDestroy,             (cu_link l))                                                                                                \
    X(cuModuleLoadData,          (cu_module *m, const void *image))                                                                          \
    X(cuModuleUnload,            (cu_module m))                                                                                              \
    X(cuModuleGetFunction,       (cu_function *f, cu_module m, const char *name))                                                            \
    X(cuLaunchKernel,            (cu_function f, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 shared, cu_stream s, void **params, void **extra)) \
    X(cuGraphCreate,             (cu_graph *g, u32 flags))                                                                                   \
    X(cuGraphDestroy,            (cu_graph g))                                                                                               \
    X(cuGraphAddKernelNode,      (cu_node *n, cu_graph g, const cu_node *after, size_t n_after, const cu_kernel_node *k))                    \
    X(cuGraphInstantiateWithFlags, (cu_exec *e, cu_graph g, u64 flags))                                                                      \
    X(cuGraphExecKernelNodeSetParams, (cu_exec e, cu_node n, const cu_kernel_node *k))                                                       \
    X(cuGraphLaunch,             (cu_exec e, cu_stream s))                                                                                   \
    X(cuGraphExecDestroy,        (cu_exec e))
/* clang-format on */

typedef struct cuda_api {
#define CUDA_FUNCTION(name, args) i32(*name) args;
    CUDA_FUNCTIONS(CUDA_FUNCTION)
#undef CUDA_FUNCTION
} cuda_api;

/* The library, loaded once for the process and never unloaded. QN_E_NO_DEVICE with the reason. */
qn_status cuda_load(const cuda_api **out);
/* A sentence for an error code, with the status that fits: "CUDA: cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY". QN_OK for 0. */
qn_status cuda_check(i32 code, const char *call);
/* Objects alive: +1 for each that is created, -1 for each that is released. Tests want 0 at the end. */
void cuda_count(i32 change);
i64 cuda_objects_alive(void);

#endif

/* OpenCL 1.2 as we use it: the functions of libOpenCL.so.1, found at run time, and what they take. No header of OpenCL is
 * needed. Names and values are the specification's (Khronos, "The OpenCL Specification", 1.2). */
#ifndef OPENCL_API_H
#define OPENCL_API_H

#include "base/base.h"

typedef struct cl_platform_ *cl_platform;
typedef struct cl_device_ *cl_device;
typedef struct cl_context_ *cl_context;
typedef struct cl_queue_ *cl_queue;
typedef struct cl_mem_ *cl_mem;
typedef struct cl_program_ *cl_program;
typedef struct cl_kernel_ *cl_kernel;
typedef struct cl_event_ *cl_event;

enum {
    CL_DEVICE_TYPE = 0x1000,
    CL_DEVICE_MAX_COMPUTE_UNITS = 0x1002,
    CL_DEVICE_MAX_WORK_GROUP_SIZE = 0x1004,
    CL_DEVICE_MAX_MEM_ALLOC_SIZE = 0x1010,
    CL_DEVICE_MEM_BASE_ADDR_ALIGN = 0x1019, /* in bits */
    CL_DEVICE_SINGLE_FP_CONFIG = 0x101b,
    CL_DEVICE_GLOBAL_MEM_SIZE = 0x101f,
    CL_DEVICE_LOCAL_MEM_SIZE = 0x1023,
    CL_DEVICE_AVAILABLE = 0x1027,
    CL_DEVICE_COMPILER_AVAILABLE = 0x1028,
    CL_DEVICE_NAME = 0x102b,
    CL_DRIVER_VERSION = 0x102d,
    CL_DEVICE_VERSION = 0x102f,
    CL_DEVICE_EXTENSIONS = 0x1030,
    CL_PLATFORM_VERSION = 0x0901,
    CL_PLATFORM_NAME = 0x0902,
    CL_CONTEXT_PLATFORM = 0x1084,
    CL_PROGRAM_BINARY_SIZES = 0x1165,
    CL_PROGRAM_BINARIES = 0x1166,
    CL_PROGRAM_BUILD_LOG = 0x1183,
    CL_KERNEL_WORK_GROUP_SIZE = 0x11b0,
    CL_EVENT_COMMAND_EXECUTION_STATUS = 0x11d3,
    CL_MEM_READ_WRITE = 1 << 0,
    CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT = 1 << 7,
    CL_COMPLETE = 0,
};
#define CL_DEVICE_TYPE_CPU ((u64)1 << 1)
#define CL_DEVICE_TYPE_ALL ((u64)0xffffffff)

/* clang-format off */
#define OPENCL_FUNCTIONS(X)                                                                                                                  \
    X(i32,        clGetPlatformIDs,            (u32 room, cl_platform *out, u32 *n))                                                         \
    X(i32,        clGetPlatformInfo,           (cl_platform p, u32 what, size_t room, void *out, size_t *n))                                 \
    X(i32,        clGetDeviceIDs,              (cl_platform p, u64 type, u32 room, cl_device *out, u32 *n))                                  \
    X(i32,        clGetDeviceInfo,             (cl_device d, u32 what, size_t room, void *out, size_t *n))                                   \
    X(cl_context, clCreateContext,             (const intptr_t *properties, u32 n, const cl_device *d, void (*notify)(const char *, const void *, size_t, void *), void *user, i32 *error)) \
    X(i32,        clReleaseContext,            (cl_context c))                                                                               \
    X(cl_queue,   clCreateCommandQueue,        (cl_context c, cl_device d, u64 properties, i32 *error))                                      \
    X(i32,        clReleaseCommandQueue,       (cl_queue q))                                                                                 \
    X(i32,        clFlush,                     (cl_queue q))                                                                                 \
    X(i32,        clFinish,                    (cl_queue q))                                                                                 \
    X(cl_mem,     clCreateBuffer,              (cl_context c, u64 flags, size_t bytes, void *host, i32 *error))                              \
    X(i32,        clReleaseMemObject,          (cl_mem m))                                                                                   \
    X(cl_program, clCreateProgramWithSource,   (cl_context c, u32 n, const char **texts, const size_t *lengths, i32 *error))                 \
    X(cl_program, clCreateProgramWithBinary,   (cl_context c, u32 n, const cl_device *d, const size_t *lengths, const u8 **binaries, i32 *status, i32 *error)) \
    X(i32,        clBuildProgram,              (cl_program p, u32 n, const cl_device *d, const char *options, void (*notify)(cl_program, void *), void *user)) \
    X(i32,        clGetProgramInfo,            (cl_program p, u32 what, size_t room, void *out, size_t *n))                                  \
    X(i32,        clGetProgramBuildInfo,       (cl_program p, cl_device d, u32 what, size_t room, void *out, size_t *n))                     \
    X(i32,        clReleaseProgram,            (cl_program p))                                                                               \
    X(cl_kernel,  clCreateKernel,              (cl_program p, const char *name, i32 *error))                                                 \
    X(i32,        clSetKernelArg,              (cl_kernel k, u32 at, size_t bytes, const void *value))                                       \
    X(i32,        clGetKernelWorkGroupInfo,    (cl_kernel k, cl_device d, u32 what, size_t room, void *out, size_t *n))                      \
    X(i32,        clReleaseKernel,             (cl_kernel k))                                                                                \
    X(i32,        clEnqueueNDRangeKernel,      (cl_queue q, cl_kernel k, u32 dims, const size_t *offset, const size_t *global, const size_t *local, u32 n, const cl_event *after, cl_event *e)) \
    X(i32,        clEnqueueWriteBuffer,        (cl_queue q, cl_mem m, u32 blocking, size_t at, size_t bytes, const void *from, u32 n, const cl_event *after, cl_event *e)) \
    X(i32,        clEnqueueReadBuffer,         (cl_queue q, cl_mem m, u32 blocking, size_t at, size_t bytes, void *to, u32 n, const cl_event *after, cl_event *e)) \
    X(i32,        clEnqueueCopyBuffer,         (cl_queue q, cl_mem from, cl_mem to, size_t from_at, size_t to_at, size_t bytes, u32 n, const cl_event *after, cl_event *e)) \
    X(i32,        clEnqueueFillBuffer,         (cl_queue q, cl_mem m, const void *pattern, size_t pattern_bytes, size_t at, size_t bytes, u32 n, const cl_event *after, cl_event *e)) \
    X(i32,        clEnqueueMarkerWithWaitList, (cl_queue q, u32 n, const cl_event *after, cl_event *e))                                      \
    X(i32,        clWaitForEvents,             (u32 n, const cl_event *e))                                                                   \
    X(i32,        clGetEventInfo,              (cl_event e, u32 what, size_t room, void *out, size_t *n))                                    \
    X(i32,        clReleaseEvent,              (cl_event e))
/* clang-format on */

typedef struct opencl_api {
#define OPENCL_FUNCTION(result, name, args) result(*name) args;
    OPENCL_FUNCTIONS(OPENCL_FUNCTION)
#undef OPENCL_FUNCTION
} opencl_api;

/* The library, loaded once for the process and never unloaded (drivers keep threads). QN_E_NO_DEVICE with the reason. */
qn_status opencl_load(const opencl_api **out);
/* The index-th device over all platforms. QN_E_NO_DEVICE: none at all; QN_E_NAME: fewer than that. */
qn_status opencl_find(const opencl_api *cl, u32 index, cl_platform *platform, cl_device *device);
/* A sentence for an error code, with the status that fits: "OpenCL: clBuildProgram: CL_OUT_OF_RESOURCES". QN_OK for 0. */
qn_status opencl_check(i32 code, const char *call);
const char *opencl_code_name(i32 code);
/* Objects alive: +1 for each that is created, -1 for each that is released. Tests want 0 at the end. */
void opencl_count(i32 change);
i64 opencl_objects_alive(void);

#endif

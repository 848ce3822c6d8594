/* Loading OpenCL, finding its devices, and naming its errors. */
#include <stdatomic.h>

#include "device/driver_library.h"
#include "device/opencl_api.h"

enum { MAX_PLATFORMS = 16, MAX_DEVICES = 64 };

static opencl_api loaded;
static _Atomic i64 objects_alive;

static const char *const files[] = { "libOpenCL.so.1", NULL };
#define OPENCL_FUNCTION(result, name, args) DRIVER_FUNCTION("", loaded, name),
static const driver_function functions[] = { OPENCL_FUNCTIONS(OPENCL_FUNCTION) };
#undef OPENCL_FUNCTION
static const driver_part parts[] = { { files, functions, COUNT(functions) } };
static driver_library driver = {
    .absent = "OpenCL is not installed",
    .too_old = "OpenCL 1.2 is needed",
    .parts = parts,
    .n_parts = COUNT(parts),
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

qn_status opencl_load(const opencl_api **out)
{
    QN_TRY(driver_library_load(&driver));
    *out = &loaded;
    return QN_OK;
}

qn_status opencl_find(const opencl_api *cl, u32 index, cl_platform *platform, cl_device *device)
{
    cl_platform platforms[MAX_PLATFORMS];
    u32 n_platforms = 0, before = 0;
    if (cl->clGetPlatformIDs(MAX_PLATFORMS, platforms, &n_platforms) != 0 || n_platforms == 0)
        return fail(QN_E_NO_DEVICE,
                    "OpenCL is installed but has no driver: install one, for example the package pocl-opencl-icd");
    for (u32 i = 0; i < MIN(n_platforms, MAX_PLATFORMS); i++) {
        cl_device devices[MAX_DEVICES];
        u32 n = 0;
        if (cl->clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, MAX_DEVICES, devices, &n) != 0) continue;
        n = MIN(n, MAX_DEVICES);
        if (index < before + n) {
            *platform = platforms[i];
            *device = devices[index - before];
            return QN_OK;
        }
        before += n;
    }
    if (before == 0) return fail(QN_E_NO_DEVICE, "OpenCL has %u drivers but no device", n_platforms);
    return fail(QN_E_NAME, "OpenCL has %u devices; there is no number %u", before, index);
}

static const struct {
    i32 code;
    qn_status status;
    const char *name;
} codes[] = {
    { -1, QN_E_NO_DEVICE, "CL_DEVICE_NOT_FOUND" },
    { -2, QN_E_NO_DEVICE, "CL_DEVICE_NOT_AVAILABLE" },
    { -3, QN_E_NO_DEVICE, "CL_COMPILER_NOT_AVAILABLE" },
    { -4, QN_E_NOMEM, "CL_MEM_OBJECT_ALLOCATION_FAILURE" },
    { -5, QN_E_NOMEM, "CL_OUT_OF_RESOURCES" },
    { -6, QN_E_NOMEM, "CL_OUT_OF_HOST_MEMORY" },
    { -8, QN_E_DEVICE, "CL_MEM_COPY_OVERLAP" },
    { -11, QN_E_DEVICE, "CL_BUILD_PROGRAM_FAILURE" },
    { -13, QN_E_DEVICE, "CL_MISALIGNED_SUB_BUFFER_OFFSET" },
    { -14, QN_E_DEVICE, "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST" },
    { -30, QN_E_DEVICE, "CL_INVALID_VALUE" },
    { -33, QN_E_LOST, "CL_INVALID_DEVICE" },
    { -34, QN_E_LOST, "CL_INVALID_CONTEXT" },
    { -36, QN_E_LOST, "CL_INVALID_COMMAND_QUEUE" },
    { -38, QN_E_DEVICE, "CL_INVALID_MEM_OBJECT" },
    { -42, QN_E_DEVICE, "CL_INVALID_BINARY" },
    { -43, QN_E_DEVICE, "CL_INVALID_BUILD_OPTIONS" },
    { -44, QN_E_DEVICE, "CL_INVALID_PROGRAM" },
    { -45, QN_E_DEVICE, "CL_INVALID_PROGRAM_EXECUTABLE" },
    { -46, QN_E_DEVICE, "CL_INVALID_KERNEL_NAME" },
    { -48, QN_E_DEVICE, "CL_INVALID_KERNEL" },
    { -49, QN_E_DEVICE, "CL_INVALID_ARG_INDEX" },
    { -50, QN_E_DEVICE, "CL_INVALID_ARG_VALUE" },
    { -51, QN_E_DEVICE, "CL_INVALID_ARG_SIZE" },
    { -52, QN_E_DEVICE, "CL_INVALID_KERNEL_ARGS" },
    { -54, QN_E_DEVICE, "CL_INVALID_WORK_GROUP_SIZE" },
    { -55, QN_E_DEVICE, "CL_INVALID_WORK_ITEM_SIZE" },
    { -58, QN_E_DEVICE, "CL_INVALID_EVENT" },
    { -59, QN_E_DEVICE, "CL_INVALID_OPERATION" },
    { -61, QN_E_NOMEM, "CL_INVALID_BUFFER_SIZE" },
    { -63, QN_E_DEVICE, "CL_INVALID_GLOBAL_WORK_SIZE" },
    { -9999, QN_E_LOST, "an invalid access to memory (vendor code -9999)" },
};

const char *opencl_code_name(i32 code)
{
    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i].code == code) return codes[i].name;
    return "an error code outside our list";
}

qn_status opencl_check(i32 code, const char *call)
{
    if (code == 0) return QN_OK;
    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i].code == code) return fail(codes[i].status, "OpenCL: %s: %s", call, codes[i].name);
    return fail(QN_E_DEVICE, "OpenCL: %s: error %d", call, code);
}

void opencl_count(i32 change) { atomic_fetch_add(&objects_alive, change); }

i64 opencl_objects_alive(void) { return atomic_load(&objects_alive); }

/* Loading CUDA's driver, and naming its errors. */
#include <stdatomic.h>
#include <stdio.h>

#include "device/cuda_api.h"
#include "device/driver_library.h"

static cuda_api loaded;
static _Atomic i64 objects_alive;

static bool start(char *why, u32 room)
{
    const char *name = NULL;
    i32 code = loaded.cuInit(0);
    if (code == CU_SUCCESS) return true;
    loaded.cuGetErrorName(code, &name);
    snprintf(why, room, "CUDA does not start: %s", name ? name : "unknown error");
    return false;
}

static const char *const files[] = { "libcuda.so.1", NULL };
#define CUDA_FUNCTION(name, args) DRIVER_FUNCTION("", loaded, name),
static const driver_function functions[] = { CUDA_FUNCTIONS(CUDA_FUNCTION) };
#undef CUDA_FUNCTION
static const driver_part parts[] = { { files, functions, COUNT(functions) } };
static driver_library driver = {
    .absent = "CUDA's driver is not installed",
    .too_old = "a driver for CUDA 11.4 or later is needed",
    .parts = parts,
    .n_parts = COUNT(parts),
    .start = start,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

qn_status cuda_load(const cuda_api **out)
{
    QN_TRY(driver_library_load(&driver));
    *out = &loaded;
    return QN_OK;
}

/* What is not here is QN_E_DEVICE. Those of QN_E_LOST stay with the context: nothing more can run in it. */
static const struct {
    i32 code;
    qn_status status;
} codes[] = {
    { 2, QN_E_NOMEM },  { 3, QN_E_LOST },   { 4, QN_E_LOST },   { 46, QN_E_NO_DEVICE }, { 100, QN_E_NO_DEVICE },
    { 101, QN_E_NAME }, { 201, QN_E_LOST }, { 214, QN_E_LOST }, { 220, QN_E_LOST },     { 700, QN_E_LOST },
    { 702, QN_E_LOST }, { 709, QN_E_LOST }, { 710, QN_E_LOST }, { 714, QN_E_LOST },     { 715, QN_E_LOST },
    { 716, QN_E_LOST }, { 717, QN_E_LOST }, { 718, QN_E_LOST }, { 719, QN_E_LOST },
};

qn_status cuda_check(i32 code, const char *call)
{
    if (code == CU_SUCCESS) return QN_OK;
    qn_status status = QN_E_DEVICE;
    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i].code == code) status = codes[i].status;
    const char *name = NULL;
    if (loaded.cuGetErrorName) loaded.cuGetErrorName(code, &name);
    if (!name) return fail(status, "CUDA: %s: error %d", call, code);
    return fail(status, "CUDA: %s: %s", call, name);
}

void cuda_count(i32 change) { atomic_fetch_add(&objects_alive, change); }

i64 cuda_objects_alive(void) { return atomic_load(&objects_alive); }

/* Loading CUDA's driver, and naming its errors. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "device/cuda_api.h"

static cuda_api loaded;
static bool load_ok;
static char load_reason[256];
static pthread_once_t load_once = PTHREAD_ONCE_INIT;
static _Atomic i64 objects_alive;

/* POSIX promises that a data pointer can hold a function's; C does not, so it is copied. */
static bool find_function(void *library, const char *name, void *function, size_t bytes)
{
    void *at = dlsym(library, name);
    memcpy(function, &at, bytes);
    if (!at)
        snprintf(load_reason, sizeof load_reason, "libcuda.so.1 lacks %s: a driver for CUDA 11.4 or later is needed", name);
    return at != NULL;
}

static void load(void)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror();
        snprintf(load_reason, sizeof load_reason, "CUDA's driver is not installed (%s)", reason ? reason : "libcuda.so.1");
        return;
    }
#define CUDA_FUNCTION(name, args)                                                                                           \
    if (!find_function(library, #name, &loaded.name, sizeof loaded.name)) return;
    CUDA_FUNCTIONS(CUDA_FUNCTION)
#undef CUDA_FUNCTION
    i32 code = loaded.cuInit(0);
    const char *name = NULL;
    if (code != CU_SUCCESS) loaded.cuGetErrorName(code, &name);
    if (code != CU_SUCCESS)
        snprintf(load_reason, sizeof load_reason, "CUDA does not start: %s", name ? name : "unknown error");
    load_ok = code == CU_SUCCESS;
}

qn_status cuda_load(const cuda_api **out)
{
    pthread_once(&load_once, load);
    if (!load_ok) return fail(QN_E_NO_DEVICE, "%s", load_reason);
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
    if (load_ok) loaded.cuGetErrorName(code, &name);
    if (!name) return fail(status, "CUDA: %s: error %d", call, code);
    return fail(status, "CUDA: %s: %s", call, name);
}

void cuda_count(i32 change) { atomic_fetch_add(&objects_alive, change); }

i64 cuda_objects_alive(void) { return atomic_load(&objects_alive); }

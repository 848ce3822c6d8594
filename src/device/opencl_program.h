/* From a program to a kernel that an OpenCL driver will run. */
#ifndef OPENCL_PROGRAM_H
#define OPENCL_PROGRAM_H

#include "device/device_check.h"
#include "device/opencl_api.h"

/* Where programs are built, and what may make a binary differ. */
typedef struct opencl_builder {
    const opencl_api *cl;
    cl_platform platform;
    cl_device device;
    cl_context context;
    char options[96]; /* for the driver's compiler */
    u64 driver_key;   /* platform, device, driver version, options */
    const qn_caps *caps;
} opencl_builder;

typedef struct opencl_program {
    cl_program program;
    cl_kernel kernel;
    prog_shape shape;
    u32 n_args;                    /* without `count` */
    u8 arg_words[DEVICE_MAX_ARGS]; /* in order: 0 a buffer, 1 or 2 words of a scalar */
    size_t local;                  /* work-items in a group */
    bool from_cache;
    char name[64];
} opencl_program;

/* QN_E_KERNEL from kc; QN_E_UNSUPPORTED where the device is too small for it; QN_E_DEVICE with the driver's build log. */
qn_status opencl_program_make(const opencl_builder *b, const kc_program *p, opencl_program **out);
void opencl_program_free(const opencl_api *cl, opencl_program *p); /* NULL is fine */

#endif

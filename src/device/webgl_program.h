/* From a program to a pair of shaders that the driver has linked. */
#ifndef WEBGL_PROGRAM_H
#define WEBGL_PROGRAM_H

#include "device/device_check.h"
#include "device/webgl_memory.h"

typedef struct webgl_program {
    u32 program;
    i32 u; /* where qk_u is; -1: nowhere */
    prog_shape shape;
    arena *mem; /* of the module, which is kept where the device ends loops early; else NULL */
    const kc_module *module;
    const kc_kernel *kernel;
    char name[64];
} webgl_program;

qn_status webgl_program_make(webgl_gl *g, const qn_caps *caps, const kc_program *program, webgl_program **out);
void webgl_program_free(webgl_gl *g, webgl_program *p);

#endif

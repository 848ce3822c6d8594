/* From a program to a function that a CUDA driver will run. */
#ifndef CUDA_PROGRAM_H
#define CUDA_PROGRAM_H

#include "device/cuda_api.h"
#include "device/device_check.h"

typedef struct cuda_builder {
    const cuda_api *cu;
    u64 driver_key; /* driver, card, our version: what makes machine code differ */
    const qn_caps *caps;
} cuda_builder;

enum { CUDA_MAX_ARGS = DEVICE_MAX_ARGS + 1 }; /* with `count` */

typedef struct cuda_program {
    cu_module module;
    cu_function function;
    prog_shape shape;
    u32 n_args;                    /* without `count` */
    u8 arg_words[DEVICE_MAX_ARGS]; /* in order: 0 a buffer, 1 or 2 words of a scalar */
    u32 group;                     /* of a KERNEL */
    bool from_cache;
    char name[64];
} cuda_program;

/* QN_E_KERNEL from kc; QN_E_UNSUPPORTED where the device is too small for it; QN_E_DEVICE with the assembler's log. */
qn_status cuda_program_make(const cuda_builder *b, const kc_program *p, cuda_program **out);
void cuda_program_free(const cuda_api *cu, cuda_program *p); /* NULL is fine */

#endif

/* Kernels that the build compiled into the library, once an instruction set (tools/kernels_gen.c makes the table). */
#ifndef HOST_KERNELS_H
#define HOST_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

/* As in quern_kernel.h: buffers in the order of the parameters, a MAP's output last; scalars in their order, 64-bit ones as two words,
 * low first. In a kernel built with T=f64 an f32 parameter is f64: two words. */
#ifndef QK_ARGS
#define QK_ARGS
typedef struct qk_args {
    void *const *bufs;
    const uint32_t *words;
} qk_args;
#endif
typedef void (*host_kernel_fn)(const qk_args *args, uint32_t from, uint32_t to); /* elements or groups [from, to) */

/* isa: "baseline", "avx2", "avx512". entry NULL: the first kernel of the file. defines: sorted by name, "" for none.
 * NULL: this set is on no `#pragma host` line of the file, or the build has no such instruction set. */
host_kernel_fn host_kernel_find(const char *isa, const char *file, const char *entry, const char *defines);

bool host_kernels_built(const char *isa);

/* ---- for generated files */
typedef struct host_kernel_row {
    const char *file, *entry, *defines;
    host_kernel_fn run;
} host_kernel_row;
#define HOST_PASTE_(name, isa) host_rows_##name##_##isa
#define HOST_PASTE(name, isa)  HOST_PASTE_(name, isa)
#define HOST_ROWS(name)        HOST_PASTE(name, QK_ISA)

#endif

/* The system's C compiler, where there is one: C text (kc_print, KC_C) -> a function. In a browser it is the browser's, for WebAssembly. */
#ifndef CPU_COMPILE_H
#define CPU_COMPILE_H

#include "base/base.h"
#include "device/host_kernels.h"
#include "kc/kc.h"

/* A cc, gcc or clang on PATH; looked for once. Never with QUERN_NO_COMPILER in the environment. */
bool cpu_compiler_found(void);

/* Compile `text`, which defines qk_run, for an instruction set ("baseline", "avx2", "avx512"), or take it from the user's cache
 * folder. The code lives until cpu_code_free. QN_E_UNSUPPORTED: no compiler here; QN_E_KERNEL: it refuses the text or takes too
 * long; QN_E_IO: no folder to work in. Any thread. */
qn_status cpu_compile(const char *text, const char *isa, void **code, host_kernel_fn *run);
void cpu_code_free(void *code); /* NULL is fine */

/* How many texts cpu_compile has been given since the program began. */
u64 cpu_compile_asked(void);

/* The same for a kernel, whatever the compiler here reads. */
qn_status cpu_compile_kernel(const kc_module *m, const kc_kernel *k, const char *isa, void **code, host_kernel_fn *run);
extern const char *const cpu_compiler_how; /* "system compiler": what qn_kernel_how says of it */
extern const bool cpu_compiler_quick;      /* takes no longer than the block machine's, so that it always goes first */
/* Each thread says this before it runs the code; false: it cannot, on this thread. */
bool cpu_code_enter(void *code);

#endif

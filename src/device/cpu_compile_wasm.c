/* A module cannot call a C compiler. */
#include "device/cpu_compile.h"

bool cpu_compiler_found(void) { return false; }
void cpu_code_free(void *code) { (void)code; }

qn_status cpu_compile(const char *text, const char *isa, void **code, host_kernel_fn *run)
{
    (void)text, (void)isa, (void)code, (void)run;
    return fail(QN_E_UNSUPPORTED, "there is no C compiler in a browser");
}

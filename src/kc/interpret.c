/* The interpreter: not here yet. */
#include "kc/kc.h"

qn_status kc_interpret(const kc_module *m, const kc_kernel *k, const kc_memory *bufs, u32 n_bufs, const u32 *words, u32 n_words,
                       u64 from, u64 to, const kc_checks *checks)
{
    (void)m, (void)bufs, (void)n_bufs, (void)words, (void)n_words, (void)from, (void)to, (void)checks;
    return fail(QN_E_UNSUPPORTED, "kernel '%s' needs the interpreter, which this build lacks", k->name);
}

/* The block machine: not here yet; every kernel goes another way. */
#include "kc/kc.h"

qn_status kc_block_make(arena *a, const kc_module *m, const kc_kernel *k, kc_block **out)
{
    (void)a, (void)m, (void)k;
    *out = NULL;
    return QN_OK;
}

void kc_block_run(const kc_block *b, void *const *bufs, const u32 *words, u64 from, u64 to)
{
    (void)b, (void)bufs, (void)words, (void)from, (void)to;
}

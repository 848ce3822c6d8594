/* Program binaries on disk, in the user's cache folder. A file is used only if its key and its sum are right. */
#ifndef OPENCL_CACHE_H
#define OPENCL_CACHE_H

#include "base/base.h"

/* Two hashes of the same thing under different seeds: one names the file, the other is checked inside it. */
typedef struct cache_key {
    u64 name, check;
} cache_key;

/* False: nothing usable is there. The binary is *out, to be freed with mem_free. */
bool opencl_cache_get(cache_key key, void **out, size_t *n);
void opencl_cache_put(cache_key key, qn_bytes binary); /* best effort */

#endif

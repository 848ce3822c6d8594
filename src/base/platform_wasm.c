/* The platform of a wasm module. The page gives it a clock and, where memory is shared, threads (thread_wasm.c); nothing else. */
#include <stdio.h>
#include <stdlib.h>

#include "base/platform.h"

FROM_PAGE(now) extern f64 page_now(void); /* ms from some fixed point */

u64 clock_ns(void) { return (u64)(page_now() * 1e6); }
u64 clock_calendar(void) { return 0; }

const char *platform_setting(const char *name)
{
    (void)name;
    return NULL;
}

void platform_cpu_name(char *out, size_t bytes) { snprintf(out, bytes, "WebAssembly"); }
u64 platform_memory_bytes(void) { return (u64)4 << 30; }
void platform_relax(void) {}

/* libc's heap has no lock of its own. */
static lock heap;

void *platform_alloc(size_t bytes)
{
    lock_take(&heap);
    void *p = malloc(bytes);
    lock_give(&heap);
    return p;
}

void platform_free(void *p)
{
    lock_take(&heap);
    free(p);
    lock_give(&heap);
}

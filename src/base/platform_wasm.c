/* The platform of a wasm module. The page gives it a clock and, where memory is shared, threads; nothing else. A page's own thread must not
 * sleep (Atomics.wait throws there), so it spins where another would: what it waits for is the end of work already under way. */
#include <stdio.h>

#include "base/platform.h"

#define FROM_PAGE(name) __attribute__((import_module("quern"), import_name(#name)))
FROM_PAGE(now) extern f64 page_now(void); /* ms from some fixed point */

u64 clock_ns(void) { return (u64)(page_now() * 1e6); }

const char *platform_setting(const char *name)
{
    (void)name;
    return NULL;
}

void platform_cpu_name(char *out, size_t bytes) { snprintf(out, bytes, "WebAssembly"); }
u64 platform_memory_bytes(void) { return (u64)4 << 30; }
void platform_relax(void) {}

#if !PLATFORM_THREADS

u32 platform_cores(void) { return 1; }
void lock_make(lock *l) { (void)l; }
void lock_free(lock *l) { (void)l; }
void lock_take(lock *l) { (void)l; }
void lock_give(lock *l) { (void)l; }
void condvar_make(condvar *c) { (void)c; }
void condvar_free(condvar *c) { (void)c; }
void condvar_wait(condvar *c, lock *l) { (void)c, (void)l; }
void condvar_wake_one(condvar *c) { (void)c; }
void condvar_wake_all(condvar *c) { (void)c; }

qn_status thread_start(thread *t, void (*run)(void *data), void *data)
{
    (void)t, (void)run, (void)data;
    return fail(QN_E_UNSUPPORTED, "this module has no threads: load the one with shared memory on an isolated page");
}

void thread_join(thread *t) { (void)t; }

#endif

/* What lies under the library: the one place that knows systems apart. Everything here has two files behind it, of which a build takes one:
 * platform_posix.c, and platform_wasm.c for a module in a browser or in Node. The build chooses files by name (CMakeLists.txt):
 * NAME_wasm.c and NAME_browser.c belong to the wasm build alone. The words below are for the few lines elsewhere that depend on it. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdatomic.h>

#include "base/base.h"

#if defined(__wasm__)
#define PLATFORM_LIBRARIES 0 /* others' shared libraries can be loaded at run time: drivers */
#define PLATFORM_BROWSER   1 /* devices are reached through functions that the page gives */
#if defined(__wasm_atomics__)
#define PLATFORM_THREADS 1
#else
#define PLATFORM_THREADS 0
#endif
#else
#include <pthread.h>
#define PLATFORM_LIBRARIES 1
#define PLATFORM_BROWSER   0
#define PLATFORM_THREADS   1
#endif

/* ---- the machine */
void *platform_alloc(size_t bytes); /* any thread; only mem.c asks */
void platform_free(void *p);
const char *platform_setting(const char *name);  /* a variable of the environment, or NULL */
void platform_cpu_name(char *out, size_t bytes); /* "CPU" where the system does not tell */
u64 platform_memory_bytes(void);                 /* 0: unknown */
u32 platform_cores(void);                        /* that this process may use, at least 1 */
void platform_relax(void);                       /* inside a loop that waits for another thread */

/* ---- locks, conditions and threads */
#if defined(__wasm__)
typedef struct lock {
    _Atomic u32 state; /* 0 free, 1 taken, 2 taken and waited for */
} lock;
typedef struct condvar {
    _Atomic u32 turn; /* changes with every wake */
} condvar;
typedef struct thread {
    struct thread_block *block;
} thread;
#else
typedef struct lock {
    pthread_mutex_t mutex;
} lock;
typedef struct condvar {
    pthread_cond_t cond;
} condvar;
typedef struct thread {
    pthread_t id;
    void (*run)(void *data);
    void *data;
} thread;
#endif
void lock_make(lock *l);
void lock_free(lock *l);
void lock_take(lock *l);
void lock_give(lock *l);
void condvar_make(condvar *c);
void condvar_free(condvar *c);
void condvar_wait(condvar *c, lock *l); /* gives l while it waits; may wake for nothing */
void condvar_wake_one(condvar *c);
void condvar_wake_all(condvar *c);
/* Runs run(data) on a new thread; `t` stays where it is until thread_join. QN_E_NOMEM, or QN_E_UNSUPPORTED where there are none. */
qn_status thread_start(thread *t, void (*run)(void *data), void *data);
void thread_join(thread *t);
#if defined(__wasm__)
bool platform_is_worker(void); /* this thread is one of thread_start */
#endif

#endif

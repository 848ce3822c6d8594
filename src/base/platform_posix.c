/* The platform on POSIX systems. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/platform.h"

enum { STACK_BYTES = 8 << 20 };

u64 clock_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
    return (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
}

u64 clock_calendar(void) { return (u64)time(NULL); }

void *platform_alloc(size_t bytes) { return malloc(bytes); }
void platform_free(void *p) { free(p); }

const char *platform_setting(const char *name) { return getenv(name); }

/* The processor's own name for itself, where the system tells. */
void platform_cpu_name(char *out, size_t bytes)
{
    snprintf(out, bytes, "CPU");
    FILE *f = fopen("/proc/cpuinfo", "re");
    if (!f) return;
    char line[256];
    while (fgets(line, sizeof line, f)) {
        if (!text_starts(line, "model name")) continue;
        const char *value = strchr(line, ':');
        if (value) snprintf(out, bytes, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        break;
    }
    fclose(f);
}

u64 platform_memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (u64)pages * (u64)page : 0;
}

u32 platform_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return (u32)MAX(CPU_COUNT(&set), 1);
}

void platform_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

void lock_make(lock *l) { pthread_mutex_init(&l->mutex, NULL); }
void lock_free(lock *l) { pthread_mutex_destroy(&l->mutex); }
void lock_take(lock *l) { pthread_mutex_lock(&l->mutex); }
void lock_give(lock *l) { pthread_mutex_unlock(&l->mutex); }

void condvar_make(condvar *c) { pthread_cond_init(&c->cond, NULL); }
void condvar_free(condvar *c) { pthread_cond_destroy(&c->cond); }
void condvar_wait(condvar *c, lock *l) { pthread_cond_wait(&c->cond, &l->mutex); }
void condvar_wake_one(condvar *c) { pthread_cond_signal(&c->cond); }
void condvar_wake_all(condvar *c) { pthread_cond_broadcast(&c->cond); }

static void *thread_main(void *data)
{
    thread *t = data;
    t->run(t->data);
    return NULL;
}

/* Kernels keep group memory on the stack, up to a MiB: more than some systems give a thread unasked. */
qn_status thread_start(thread *t, void (*run)(void *data), void *data)
{
    *t = (thread){ .run = run, .data = data };
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error) return fail(QN_E_NOMEM, "a thread cannot be started: %s", strerror(error));
    error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (!error) error = pthread_create(&t->id, &attributes, thread_main, t);
    pthread_attr_destroy(&attributes);
    return error ? fail(QN_E_NOMEM, "a thread cannot be started: %s", strerror(error)) : QN_OK;
}

void thread_join(thread *t) { pthread_join(t->id, NULL); }

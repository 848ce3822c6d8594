/* A pool that sleeps when idle. Jobs stand in a list on their callers' stacks; a job is a range that everybody takes pieces of
 * through one atomic counter, the caller too. So a job always ends, even if no worker ever wakes, and calls may come
 * from several threads or from inside a body.
 *
 * Launches often follow each other within microseconds, so a worker looks around for SPIN_NS before it goes to sleep. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/base.h"

enum { MAX_THREADS = 1024, SPIN_NS = 5000, PIECES_PER_THREAD = 4, STACK_BYTES = 8 << 20 };

typedef struct job {
    struct job *next;
    void (*body)(void *data, u64 from, u64 to, u32 worker);
    void *data;
    u64 n, piece;
    _Atomic u64 taken;  /* [0, taken) has been handed out */
    _Atomic u32 inside; /* workers at it; changes under the lock */
} job;

typedef struct worker {
    struct pool *pool;
    pthread_t thread;
    u32 id;
} worker;

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, finished;
    job *jobs;         /* under the lock */
    u32 asleep;        /* under the lock */
    bool closing;      /* under the lock */
    _Atomic u64 posts; /* jobs ever posted: what a spinning worker watches */
    u32 threads, started;
    worker workers[]; /* threads - 1; the caller is worker 0 */
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static void take_pieces(job *j, u32 id)
{
    for (;;) {
        u64 from = atomic_fetch_add(&j->taken, j->piece);
        if (from >= j->n) return;
        j->body(j->data, from, MIN(j->n, from + j->piece), id);
    }
}

/* A job with something left to take; under the lock. */
static job *find_job(const pool *p)
{
    for (job *j = p->jobs; j; j = j->next)
        if (atomic_load(&j->taken) < j->n) return j;
    return NULL;
}

static void spin_for_post(pool *p, u64 seen)
{
    u64 until = clock_ns() + SPIN_NS;
    while (atomic_load(&p->posts) == seen && clock_ns() < until) relax();
}

static void *worker_main(void *data)
{
    worker *w = data;
    pool *p = w->pool;
    bool spun = false;
    pthread_mutex_lock(&p->lock);
    while (!p->closing) {
        job *j = find_job(p);
        if (j) {
            atomic_fetch_add(&j->inside, 1);
            pthread_mutex_unlock(&p->lock);
            take_pieces(j, w->id);
            pthread_mutex_lock(&p->lock);
            if (atomic_fetch_sub(&j->inside, 1) == 1) pthread_cond_broadcast(&p->finished); /* j may be gone from here */
            spun = false;
        } else if (!spun) {
            u64 seen = atomic_load(&p->posts);
            pthread_mutex_unlock(&p->lock);
            spin_for_post(p, seen);
            pthread_mutex_lock(&p->lock);
            spun = true;
        } else {
            p->asleep++;
            pthread_cond_wait(&p->work, &p->lock);
            p->asleep--;
            spun = false;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static u32 cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return (u32)MAX(CPU_COUNT(&set), 1);
}

/* Kernels keep group memory on the stack, up to a MiB: more than some systems give a thread unasked. */
static int start_worker(worker *w)
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error) return error;
    error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (!error) error = pthread_create(&w->thread, &attributes, worker_main, w);
    pthread_attr_destroy(&attributes);
    return error;
}

qn_status pool_make(u32 threads, pool **out)
{
    threads = MIN(threads ? threads : cores(), MAX_THREADS);
    size_t bytes = sizeof(pool) + (threads - 1) * sizeof(worker);
    pool *p = mem_zalloc(bytes);
    if (!p) return fail_nomem(bytes);
    p->threads = threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->finished, NULL);
    for (u32 i = 0; i + 1 < threads; i++) {
        p->workers[i] = (worker){ .pool = p, .id = i + 1 };
        int error = start_worker(&p->workers[i]);
        if (error) {
            pool_free(p);
            return fail(QN_E_NOMEM, "thread %u of %u cannot be started: %s", i + 2, threads, strerror(error));
        }
        p->started++;
    }
    *out = p;
    return QN_OK;
}

void pool_free(pool *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (u32 i = 0; i < p->started; i++) pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->finished);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

u32 pool_threads(const pool *p) { return p->threads; }

static void post(pool *p, job *j)
{
    u64 helpers = MIN((j->n - 1) / j->piece, p->threads - 1);
    pthread_mutex_lock(&p->lock);
    j->next = p->jobs;
    p->jobs = j;
    atomic_fetch_add(&p->posts, 1);
    for (u64 i = MIN(helpers, p->asleep); i > 0; i--) pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

/* Take the job off the list, so that nobody else enters, and wait for those who did. */
static void retire(pool *p, job *j)
{
    pthread_mutex_lock(&p->lock);
    job **at = &p->jobs;
    while (*at != j) at = &(*at)->next;
    *at = j->next;
    pthread_mutex_unlock(&p->lock);
    u64 until = clock_ns() + SPIN_NS;
    while (atomic_load(&j->inside) != 0 && clock_ns() < until) relax();
    if (atomic_load(&j->inside) == 0) return;
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&j->inside) != 0) pthread_cond_wait(&p->finished, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void pool_for(pool *p, u64 n, u64 grain, void (*body)(void *data, u64 from, u64 to, u32 worker), void *data)
{
    if (n == 0) return;
    grain = MAX(grain, 1);
    if (p->threads == 1 || n <= grain) {
        body(data, 0, n, 0);
        return;
    }
    u64 pieces = (u64)p->threads * PIECES_PER_THREAD, even = n / pieces + (n % pieces != 0);
    u64 piece = even <= grain ? grain : (even + grain - 1) / grain * grain;
    if (piece >= n) {
        body(data, 0, n, 0);
        return;
    }
    job j = { .body = body, .data = data, .n = n, .piece = piece };
    post(p, &j);
    take_pieces(&j, 0);
    retire(p, &j);
}

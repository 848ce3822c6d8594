/* A pool that sleeps when idle. Jobs stand in a list on their callers' stacks; a job is a range that everybody takes pieces of
 * through one atomic counter, the caller too. So a job always ends, even if no worker ever wakes, and calls may come
 * from several threads or from inside a body.
 *
 * Launches often follow each other within microseconds, so a worker looks around for SPIN_NS before it goes to sleep. */
#include "base/platform.h"

enum { MAX_THREADS = 1024, SPIN_NS = 5000, PIECES_PER_THREAD = 4 };

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
    thread thread;
    u32 id;
} worker;

struct pool {
    lock lock;
    condvar work, finished;
    job *jobs;         /* under the lock */
    u32 asleep;        /* under the lock */
    bool closing;      /* under the lock */
    _Atomic u64 posts; /* jobs ever posted: what a spinning worker watches */
    u32 threads, started;
    worker workers[]; /* threads - 1; the caller is worker 0 */
};

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
    while (atomic_load(&p->posts) == seen && clock_ns() < until) platform_relax();
}

static void worker_main(void *data)
{
    worker *w = data;
    pool *p = w->pool;
    bool spun = false;
    lock_take(&p->lock);
    while (!p->closing) {
        job *j = find_job(p);
        if (j) {
            atomic_fetch_add(&j->inside, 1);
            lock_give(&p->lock);
            take_pieces(j, w->id);
            lock_take(&p->lock);
            if (atomic_fetch_sub(&j->inside, 1) == 1) condvar_wake_all(&p->finished); /* j may be gone from here */
            spun = false;
        } else if (!spun) {
            u64 seen = atomic_load(&p->posts);
            lock_give(&p->lock);
            spin_for_post(p, seen);
            lock_take(&p->lock);
            spun = true;
        } else {
            p->asleep++;
            condvar_wait(&p->work, &p->lock);
            p->asleep--;
            spun = false;
        }
    }
    lock_give(&p->lock);
}

qn_status pool_make(u32 wanted, pool **out)
{
    u32 threads = MIN(wanted ? wanted : platform_cores(), MAX_THREADS);
    size_t bytes = sizeof(pool) + (threads - 1) * sizeof(worker);
    pool *p = mem_zalloc(bytes);
    if (!p) return fail_nomem(bytes);
    p->threads = threads;
    lock_make(&p->lock);
    condvar_make(&p->work);
    condvar_make(&p->finished);
    for (u32 i = 0; i + 1 < threads; i++) {
        p->workers[i] = (worker){ .pool = p, .id = i + 1 };
        if (thread_start(&p->workers[i].thread, worker_main, &p->workers[i]) != QN_OK) { /* as many as there are */
            p->threads = i + 1;
            break;
        }
        p->started++;
    }
    *out = p;
    return QN_OK;
}

void pool_free(pool *p)
{
    if (!p) return;
    lock_take(&p->lock);
    p->closing = true;
    condvar_wake_all(&p->work);
    lock_give(&p->lock);
    for (u32 i = 0; i < p->started; i++) thread_join(&p->workers[i].thread);
    condvar_free(&p->finished);
    condvar_free(&p->work);
    lock_free(&p->lock);
    mem_free(p);
}

u32 pool_threads(const pool *p) { return p->threads; }

static void post(pool *p, job *j)
{
    u64 helpers = MIN((j->n - 1) / j->piece, p->threads - 1);
    lock_take(&p->lock);
    j->next = p->jobs;
    p->jobs = j;
    atomic_fetch_add(&p->posts, 1);
    for (u64 i = MIN(helpers, p->asleep); i > 0; i--) condvar_wake_one(&p->work);
    lock_give(&p->lock);
}

/* Take the job off the list, so that nobody else enters, and wait for those who did. */
static void retire(pool *p, job *j)
{
    lock_take(&p->lock);
    job **at = &p->jobs;
    while (*at != j) at = &(*at)->next;
    *at = j->next;
    lock_give(&p->lock);
    u64 until = clock_ns() + SPIN_NS;
    while (atomic_load(&j->inside) != 0 && clock_ns() < until) platform_relax();
    if (atomic_load(&j->inside) == 0) return;
    lock_take(&p->lock);
    while (atomic_load(&j->inside) != 0) condvar_wait(&p->finished, &p->lock);
    lock_give(&p->lock);
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

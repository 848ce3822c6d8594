/* Threads of a wasm module with shared memory: a worker of the page runs another instance of the module over the same memory, on a stack
 * and thread-locals that this file makes. docs/web-module.md says what the page does.
 *
 * Who may sleep: only such workers. The thread that calls the library spins, because on a page it is the one that must not sleep
 * (memory.atomic.wait traps there); what it spins for is the last piece of a job, or a lock held for some instructions.
 *
 * A block (stack and thread-locals) is never given back to the heap, as its worker still stands on it when it ends; the next thread takes it.
 * A thread may be joined before its worker has started, which can take until the page's event loop turns: then it is abandoned and never
 * runs. Its block can be taken again at once: it stays with its worker, which takes one call after the other. */
#include "base/platform.h"

#if PLATFORM_THREADS

/* Let a worker run qw_thread_run(block) with this stack pointer and thread-locals at tls: the worker that ran this block before, if any
 * did, else a new one. 0: there is no worker left. */
FROM_PAGE(spawn) extern u32 page_spawn(struct thread_block *block, void *stack, void *tls);
FROM_PAGE(threads) extern u32 page_threads(void); /* workers that spawn can have at once, and 1 */

enum { STACK_BYTES = 2 << 20, MAX_BLOCKS = 64, LOCK_FREE = 0, LOCK_TAKEN = 1, LOCK_WANTED = 2 };
typedef enum block_state { BLOCK_FREE, BLOCK_QUEUED, BLOCK_ABANDONED, BLOCK_RUNNING } block_state;

typedef struct thread_block {
    _Atomic u32 state; /* block_state */
    void (*run)(void *data);
    void *data;
    u8 *stack, *tls; /* stack: its top */
} thread_block;

static thread_block *blocks[MAX_BLOCKS]; /* made so far; by the calling thread only */
static THREAD_LOCAL bool may_sleep;

u32 platform_cores(void) { return MAX(page_threads(), 1); }
bool platform_is_worker(void) { return may_sleep; }

/* ---- sleeping on a word of memory */

static void sleep_while(_Atomic u32 *word, u32 value)
{
    if (may_sleep) __builtin_wasm_memory_atomic_wait32((int *)word, (int)value, -1);
    else platform_relax();
}

static void wake(_Atomic u32 *word, u32 most) { __builtin_wasm_memory_atomic_notify((int *)word, most); }

void lock_make(lock *l) { atomic_store(&l->state, LOCK_FREE); }
void lock_free(lock *l) { (void)l; }

/* As in Drepper, "Futexes are tricky", section 5. */
void lock_take(lock *l)
{
    u32 seen = LOCK_FREE;
    if (atomic_compare_exchange_strong(&l->state, &seen, LOCK_TAKEN)) return;
    while (atomic_exchange(&l->state, LOCK_WANTED) != LOCK_FREE) sleep_while(&l->state, LOCK_WANTED);
}

void lock_give(lock *l)
{
    if (atomic_exchange(&l->state, LOCK_FREE) == LOCK_WANTED) wake(&l->state, 1);
}

void condvar_make(condvar *c) { atomic_store(&c->turn, 0); }
void condvar_free(condvar *c) { (void)c; }

void condvar_wait(condvar *c, lock *l)
{
    u32 turn = atomic_load(&c->turn);
    lock_give(l);
    sleep_while(&c->turn, turn);
    lock_take(l);
}

static void turn_and_wake(condvar *c, u32 most)
{
    atomic_fetch_add(&c->turn, 1);
    wake(&c->turn, most);
}

void condvar_wake_one(condvar *c) { turn_and_wake(c, 1); }
void condvar_wake_all(condvar *c) { turn_and_wake(c, UINT32_MAX); }

/* ---- threads */

static thread_block *make_block(void)
{
    size_t tls = __builtin_wasm_tls_size(), align = MAX(__builtin_wasm_tls_align(), 16);
    u8 *memory = mem_alloc_aligned(64, sizeof(thread_block) + align + tls + 16 + STACK_BYTES);
    if (!memory) return NULL;
    thread_block *b = (thread_block *)memory;
    *b = (thread_block){ .tls = (u8 *)(((uintptr_t)(b + 1) + align - 1) & ~(align - 1)) };
    b->stack = (u8 *)(((uintptr_t)(b->tls + tls) + 15 + STACK_BYTES) & ~(uintptr_t)15);
    return b;
}

static thread_block *take_block(void)
{
    for (u32 i = 0; i < MAX_BLOCKS; i++) {
        if (!blocks[i]) return blocks[i] = make_block();
        u32 state = atomic_load(&blocks[i]->state);
        if (state == BLOCK_FREE || state == BLOCK_ABANDONED) return blocks[i];
    }
    return NULL;
}

qn_status thread_start(thread *t, void (*run)(void *data), void *data)
{
    thread_block *b = take_block();
    if (!b) return fail(QN_E_NOMEM, "no memory for the stack of a thread, or more than %d threads", (int)MAX_BLOCKS);
    b->run = run, b->data = data;
    atomic_store(&b->state, BLOCK_QUEUED);
    if (page_spawn(b, b->stack, b->tls)) {
        t->block = b;
        return QN_OK;
    }
    atomic_store(&b->state, BLOCK_FREE);
    return fail(QN_E_NOMEM, "the page has no worker left for a thread");
}

void thread_join(thread *t)
{
    u32 seen = BLOCK_QUEUED;
    if (atomic_compare_exchange_strong(&t->block->state, &seen, BLOCK_ABANDONED)) return;
    while ((seen = atomic_load(&t->block->state)) != BLOCK_FREE) sleep_while(&t->block->state, seen);
}

/* ---- what the worker calls, in this order, on the stack of the block. The second does nothing that needs a stack. */
__attribute__((export_name("qw_thread_run"))) void qw_thread_run(thread_block *b);
__attribute__((export_name("qw_thread_end"))) void qw_thread_end(thread_block *b);

void qw_thread_run(thread_block *b)
{
    u32 queued = BLOCK_QUEUED, abandoned = BLOCK_ABANDONED;
    may_sleep = true;
    if (atomic_compare_exchange_strong(&b->state, &queued, BLOCK_RUNNING)) b->run(b->data);
    else atomic_compare_exchange_strong(&b->state, &abandoned, BLOCK_FREE);
}

void qw_thread_end(thread_block *b)
{
    if (atomic_load(&b->state) == BLOCK_RUNNING) atomic_store(&b->state, BLOCK_FREE);
}

#else /* one thread: a lock is always free, and nobody ever waits */

u32 platform_cores(void) { return 1; }
bool platform_is_worker(void) { return false; }
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
    return fail(QN_E_UNSUPPORTED, "this module has no threads: an isolated page may load the one with shared memory");
}

void thread_join(thread *t) { (void)t; }

#endif

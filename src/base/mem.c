/* The one door to the heap: the caller's allocator behind it, and counters that let tests fail the n-th allocation and see
 * what is still alive. Counters are atomic; the allocator itself is set once, before anything else. */
#include <assert.h>

#include "base/platform.h"

static void *plain_alloc(void *user, size_t bytes)
{
    (void)user;
    return platform_alloc(bytes);
}

static void plain_free(void *user, void *p)
{
    (void)user;
    platform_free(p);
}

static qn_allocator allocator = { plain_alloc, plain_free, NULL };
static _Atomic u64 allocations, blocks_alive, fail_at;

void qn_set_allocator(const qn_allocator *a)
{
    allocator = a && a->alloc && a->free ? *a : (qn_allocator){ plain_alloc, plain_free, NULL };
}

/* Counts down to the allocation that a test wants to fail. */
static bool this_one_fails(void)
{
    u64 left = atomic_load(&fail_at);
    while (left != 0)
        if (atomic_compare_exchange_weak(&fail_at, &left, left - 1)) return left == 1;
    return false;
}

void *mem_alloc(u64 bytes)
{
    atomic_fetch_add(&allocations, 1);
    if (this_one_fails() || bytes > SIZE_MAX / 2) return NULL;
    void *p = allocator.alloc(allocator.user, bytes ? (size_t)bytes : 1);
    if (p) atomic_fetch_add(&blocks_alive, 1);
    return p;
}

void *mem_zalloc(u64 bytes)
{
    void *p = mem_alloc(bytes);
    if (p) memset(p, 0, (size_t)bytes);
    return p;
}

void *mem_resize(void *p, u64 old_bytes, u64 new_bytes)
{
    void *moved = mem_alloc(new_bytes);
    if (!moved) return NULL;
    if (p) memcpy(moved, p, (size_t)MIN(old_bytes, new_bytes));
    mem_free(p);
    return moved;
}

void mem_free(void *p)
{
    if (!p) return;
    atomic_fetch_sub(&blocks_alive, 1);
    allocator.free(allocator.user, p);
}

/* The address of the real block stands just below the aligned one. */
void *mem_alloc_aligned(size_t align, u64 bytes)
{
    assert(align >= sizeof(void *) && align <= 4096 && (align & (align - 1)) == 0);
    if (bytes > SIZE_MAX / 2) return NULL;
    u8 *block = mem_alloc(bytes + align + sizeof(void *));
    if (!block) return NULL;
    uintptr_t at = ((uintptr_t)block + sizeof(void *) + align - 1) & ~(uintptr_t)(align - 1);
    memcpy((void *)(at - sizeof(void *)), &block, sizeof block);
    return (void *)at;
}

void mem_free_aligned(void *p)
{
    if (!p) return;
    void *block;
    memcpy(&block, (u8 *)p - sizeof block, sizeof block);
    mem_free(block);
}

void mem_fail_at(u64 n) { atomic_store(&fail_at, n); }

u64 mem_allocations(void) { return atomic_load(&allocations); }

u64 mem_blocks_alive(void) { return atomic_load(&blocks_alive); }

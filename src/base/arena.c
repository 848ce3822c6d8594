/* Memory of one lifetime: a list of chunks, each twice the last up to 1 MiB; a request that is larger gets a chunk of its own.
 * The newest chunk is the one allocated from, and what is left of older ones is given up. */
#include <stdio.h>

#include "base/base.h"

enum { FIRST_CHUNK_BYTES = 4 << 10, LAST_CHUNK_BYTES = 1 << 20, ARENA_ALIGN = 16 };

typedef struct chunk {
    struct chunk *older;
    size_t used, bytes; /* of data */
    _Alignas(ARENA_ALIGN) u8 data[];
} chunk;

struct arena {
    chunk *newest;
    size_t next_bytes; /* size of the chunk after this one */
    size_t handed_out;
};

arena *arena_make(void)
{
    arena *a = mem_zalloc(sizeof *a);
    if (a) a->next_bytes = FIRST_CHUNK_BYTES;
    return a;
}

void arena_free(arena *a)
{
    if (!a) return;
    for (chunk *c = a->newest; c;) {
        chunk *older = c->older;
        mem_free(c);
        c = older;
    }
    mem_free(a);
}

static chunk *chunk_make(size_t bytes)
{
    chunk *c = mem_alloc(sizeof(chunk) + bytes);
    if (!c) return NULL;
    *c = (chunk){ .bytes = bytes };
    return c;
}

/* A large block goes behind the newest chunk, whose rest stays in use. */
static void *alloc_alone(arena *a, size_t bytes)
{
    chunk *c = chunk_make(bytes);
    if (!c) return NULL;
    c->used = bytes;
    if (a->newest) {
        c->older = a->newest->older;
        a->newest->older = c;
    } else {
        a->newest = c;
    }
    return c->data;
}

static bool add_chunk(arena *a)
{
    chunk *c = chunk_make(a->next_bytes);
    if (!c) return false;
    c->older = a->newest;
    a->newest = c;
    if (a->next_bytes < LAST_CHUNK_BYTES) a->next_bytes *= 2;
    return true;
}

void *arena_alloc(arena *a, u64 wanted)
{
    if (wanted > SIZE_MAX / 2) return NULL;
    size_t bytes = ((size_t)MAX(wanted, 1) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    chunk *c = a->newest;
    if (!c || c->bytes - c->used < bytes) {
        if (bytes > a->next_bytes / 4) {
            void *p = alloc_alone(a, bytes);
            if (p) a->handed_out += bytes;
            return p;
        }
        if (!add_chunk(a)) return NULL;
        c = a->newest;
    }
    void *p = c->data + c->used;
    c->used += bytes;
    a->handed_out += bytes;
    return p;
}

void *arena_zalloc(arena *a, u64 bytes)
{
    void *p = arena_alloc(a, bytes);
    if (p) memset(p, 0, (size_t)bytes);
    return p;
}

void *arena_array(arena *a, u64 n, u64 elem_bytes)
{
    u64 bytes;
    return mul_u64(n, elem_bytes, &bytes) ? arena_zalloc(a, bytes) : NULL;
}

char *arena_text(arena *a, const char *text, size_t n)
{
    if (n == SIZE_MAX) return NULL;
    char *copy = arena_alloc(a, n + 1);
    if (!copy) return NULL;
    if (n) memcpy(copy, text, n);
    copy[n] = 0;
    return copy;
}

char *arena_print(arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (text) vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

size_t arena_bytes(const arena *a) { return a->handed_out; }

bool arena_grow(arena *a, void *array_of_pointer, size_t n, u32 *cap, size_t elem_bytes, size_t max)
{
    if (n < *cap) return true;
    if (n >= max || n >= UINT32_MAX / 2) return false;
    size_t new_cap = MIN(MAX(n * 2, 8), max);
    u64 bytes;
    if (!mul_u64(new_cap, elem_bytes, &bytes) || bytes > SIZE_MAX) return false;
    u8 *moved = arena_alloc(a, bytes);
    if (!moved) return false;
    void *old;
    memcpy(&old, array_of_pointer, sizeof old);
    if (n) memcpy(moved, old, n * elem_bytes);
    memset(moved + n * elem_bytes, 0, (new_cap - n) * elem_bytes);
    memcpy(array_of_pointer, &moved, sizeof moved);
    *cap = (u32)new_cap;
    return true;
}

/* Arrays that grow, in memory of their own (arena.c has those of an arena). */
#ifndef GROW_H
#define GROW_H

#include "base/base.h"

/* Room for one more behind n elements of an array of mem_alloc, doubling; false when there is no memory, and all is as it was:
 *     if (!GROW_ROOM(items, n_items, cap)) return fail_nomem(...);   items[n_items++] = x; */
bool grow_room(void *array_of_pointer, u32 n, u32 *cap, size_t elem_bytes);
#define GROW_ROOM(items, n, cap) grow_room(&(items), (n), &(cap), sizeof *(items))
#endif

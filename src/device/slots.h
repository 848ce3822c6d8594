/* Ids for objects: a slot and how often it was used before, so that a stale id finds nothing. 0 is never an id. */
#ifndef SLOTS_H
#define SLOTS_H

#include "base/base.h"

enum { SLOTS_MAX = 1 << 20 };

typedef struct slot {
    void *item;
    u32 generation, next_free;
} slot;
typedef struct slots {
    slot *all;
    u32 n, cap, free_head, alive;
} slots; /* {0} is empty; slots_free */

bool slots_add(slots *s, void *item, u32 *id); /* false: no memory, or SLOTS_MAX are alive */
void *slots_get(const slots *s, u32 id);       /* NULL: no such id */
void *slots_remove(slots *s, u32 id);          /* gives the item back; NULL: no such id */
void *slots_any(const slots *s, u32 *id);      /* one that is alive, for closing; NULL: none */
void slots_free(slots *s);                     /* the table; items are the owner's */

#endif

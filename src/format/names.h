/* A table from names to numbers, in an arena. Names are bytes, lent; two names are the same when all their bytes are. */
#ifndef NAMES_H
#define NAMES_H

#include "base/base.h"

typedef struct name_entry {
    qn_bytes name;
    u64 hash;
    u32 number;
} name_entry;
typedef struct names {
    name_entry *entries;
    u32 n, cap;
    u32 *slots;
    u32 n_slots;
} names; /* {0} is empty */

name_entry *names_find(const names *t, qn_bytes name);           /* NULL: not there; lent until the next names_add */
bool names_add(arena *mem, names *t, qn_bytes name, u32 number); /* of a name that is not there; false: no memory */

bool bytes_same(qn_bytes a, qn_bytes b);
bool bytes_are(qn_bytes a, const char *text);
#endif

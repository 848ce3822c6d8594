/* Who touched an element last: finds writes of one item or group that another may see half done. */
#ifndef INTERPRET_RACES_H
#define INTERPRET_RACES_H

#include "kc/tree.h"

typedef enum race_kind { RACE_READ, RACE_WRITE, RACE_ATOMIC, RACE_KINDS } race_kind;

typedef struct race_who {
    u32 phase, item, group;
} race_who; /* phase and group from 1; 0: outside a phase, one group */
typedef struct race_touch {
    race_who by[RACE_KINDS];
} race_touch; /* the last of each kind */

const char *race_verb(race_kind kind); /* "reads", ... */
/* Note a touch. NULL, or who else and what: "which item 3 writes in the same phase: a race", in `words`. */
const char *race_note(race_touch *t, race_kind kind, race_who who, char *words, size_t n);

/* The touches of a buffer's elements, made page by page where they are touched. {0} is empty. */
typedef struct race_map {
    race_touch **pages;
    u64 n_pages;
} race_map;
race_touch *race_at(race_map *m, u64 index, u64 elems); /* NULL: no memory */
void race_free(race_map *m);

#endif

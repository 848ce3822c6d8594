/* Spans by their lives: which of those added live at the same time as another? All spans are known at first and added one by one. */
#ifndef LIVES_H
#define LIVES_H

#include "plan/plan.h"

typedef struct lives {
    span **order; /* all, by their first step */
    u32 *place;   /* of each span in it */
    u64 *ends;    /* a tree over `order`: the last step of those added, + 1; 0: none */
    const span *spans;
    u32 n, width; /* leaves of the tree: a power of two */
} lives;

int lives_earlier_first(const void *a, const void *b); /* for qsort of span pointers: by their first steps */
qn_status lives_make(const span *spans, u32 n, lives *out);
void lives_free(lives *l);
void lives_add(lives *l, const span *s);
/* Those that live together with s, in no order; at most `room` of them, and how many. Takes log n for each. */
u32 lives_with(const lives *l, const span *s, span **out, u32 room);
#endif

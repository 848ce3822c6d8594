/* Nodes that wait for their part. What stands behind a cut is copied once, as it was read, into a stretch; the parts behind take its nodes
 * from there one after the other, as far as each can be planned, and a cut in what they made themselves makes a stretch of its own in front
 * of the rest of the old one. So each node is copied a few times however many parts there are, and a value goes from the part that makes it
 * to those that read it, past all between. */
#ifndef STRETCH_H
#define STRETCH_H

#include "exec/session.h"

/* Where a value of a stretch comes from when a part reads it that did not make it. */
typedef struct place {
    struct stretch
        *as; /* it is `v` of this stretch, whose nodes took the place of the one that made it; NULL: it is no other's */
    val v;
    const qn_session *of; /* output `out` of this part; NULL: no part has made it yet */
    u32 out;
} place;

typedef struct stretch {
    graph *g;
    /* by value of g */
    place *places;
    nid *last;  /* the last node that reads it; LAST_ALWAYS: it is wanted behind all nodes */
    val *at;    /* what it is in the graph of the part that is planned in this */
    u64 *round; /* planning (qn_session.round) */
    nid next;   /* of that part: the node which it takes next; 0: none is left */
} stretch;
enum { LAST_ALWAYS = UINT32_MAX };

typedef struct stretch_at { /* all that is left */
    stretch *of;
    nid next;
    const struct stretch_at *then; /* when that is taken; NULL: nothing */
} stretch_at;

typedef struct stretch_val {
    stretch *of;
    val v, as; /* as: for the cut */
} stretch_val;

/* What a part reads of those in front of it. */
typedef struct taken {
    const qn_session *of;
    u32 out;
    val v; /* in its graph: an input, or a constant of the plan */
    const char *name;
    bool open; /* the ranks of what it holds count */
} taken;

/* Room for what is kept of each value; the graph does not grow any more. Places are of nobody. */
qn_status stretch_index(stretch *r);
/* The value as the part's graph has it: made here, a constant, or taken from a part in front, whose run is done. */
qn_status stretch_here(qn_session *s, stretch *of, val v, val *out);
/* Is it read by what is left? */
bool stretch_wants(const stretch *of, val v);
#endif

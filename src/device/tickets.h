/* Tickets of a queue that is in order: each has a driver's event, and one that is done means that everything before it is. What the queue
 * failed of is kept beside them: from then on every call says it. */
#ifndef TICKETS_H
#define TICKETS_H

#include "base/base.h"

typedef struct ticket {
    qn_ticket id;
    void *event;
} ticket;

typedef struct tickets {
    qn_ticket last, done; /* handed out so far; all up to `done` are done */
    ticket *list;         /* not done, oldest first */
    u32 n, cap;
    qn_status failed; /* sticky: why the queue stopped */
    char sentence[256];
} tickets; /* {0} is empty; mem_free(list) */

bool tickets_room(tickets *q);                        /* for one more; false: no memory */
qn_ticket tickets_add(tickets *q, void *event);       /* after tickets_room */
void tickets_finish(tickets *q, u32 n);               /* the oldest n are done; their events are the caller's */
void *tickets_event(const tickets *q, qn_ticket t);   /* the one to wait for; NULL: t is done */
qn_status tickets_stop(tickets *q, qn_status status); /* the queue has failed of qn_last_error; gives status back */
qn_status tickets_broken(const tickets *q);           /* what it has failed of, said again */

#endif

/* Tickets in the order of their queue, and what stopped it. */
#include "base/grow.h"
#include "device/tickets.h"

#include <stdio.h>

bool tickets_room(tickets *q) { return GROW_ROOM(q->list, q->n, q->cap); }

qn_ticket tickets_add(tickets *q, void *event)
{
    q->list[q->n++] = (ticket){ ++q->last, event };
    return q->last;
}

void tickets_finish(tickets *q, u32 n)
{
    if (n == 0) return;
    q->done = q->list[n - 1].id;
    q->n -= n;
    memmove(q->list, q->list + n, q->n * sizeof *q->list);
}

void *tickets_event(const tickets *q, qn_ticket t)
{
    for (u32 i = 0; i < q->n; i++)
        if (q->list[i].id >= t) return q->list[i].event;
    return NULL;
}

qn_status tickets_stop(tickets *q, qn_status status)
{
    q->failed = status;
    snprintf(q->sentence, sizeof q->sentence, "%s", qn_last_error());
    return status;
}

qn_status tickets_broken(const tickets *q) { return q->failed == QN_OK ? QN_OK : fail(q->failed, "%s", q->sentence); }

/* Reads under way, and tickets: fences in the one queue that a context is. A read goes into a pixel buffer at once, and from there to the
 * caller's memory when the fence after it is done. */
#ifndef WEBGL_QUEUE_H
#define WEBGL_QUEUE_H

#include "device/webgl_memory.h"

typedef struct webgl_read {
    u32 buffer, skip; /* skip: bytes of the buffer before the span */
    void *to;         /* NULL: nobody wants it any more */
    u64 bytes;
    qn_ticket done_by; /* the ticket that fills it */
} webgl_read;
typedef struct webgl_ticket {
    qn_ticket id;
    u32 sync; /* 0: it has failed */
    qn_status status;
    bool forgotten; /* nobody asks for it */
} webgl_ticket;

typedef struct webgl_queue {
    webgl_read *reads;
    webgl_ticket *tickets;
    u32 n_reads, cap_reads, n_tickets, cap_tickets;
    qn_ticket last;
    bool loose;         /* the device has queued work since the last flush */
    qn_status broken;   /* what the next flush has to tell of it */
    bool lost;          /* for good */
    char sentence[256]; /* of the last failure */
} webgl_queue;

/* All of these want the context entered. */
qn_status webgl_queue_read(webgl_queue *q, webgl_gl *g, const webgl_buf *from, u64 at, void *to, u64 bytes);
qn_status webgl_queue_flush(webgl_queue *q, webgl_gl *g, qn_ticket *out);
qn_status webgl_queue_poll(webgl_queue *q, webgl_gl *g, qn_ticket t, bool *done);
void webgl_queue_look(
    webgl_queue *q,
    webgl_gl *g); /* what went wrong so far is of what is queued: before a call that looks for its own errors */
void webgl_queue_forget(webgl_queue *q, qn_ticket t); /* this one does not */
void webgl_queue_wait(const webgl_queue *q, const webgl_gl *g, qn_ticket t);
void webgl_queue_close(webgl_queue *q, webgl_gl *g);

#endif

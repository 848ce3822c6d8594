/* What is under way on an OpenCL queue: tickets, and host copies that queued writes still read. The queue is in order, so
 * a ticket that is done means that everything before it is. */
#ifndef OPENCL_QUEUE_H
#define OPENCL_QUEUE_H

#include "device/opencl_api.h"
#include "device/tickets.h"

typedef struct opencl_staged {
    void *copy;
    u64 bytes;
    qn_ticket done_by;
} opencl_staged;

typedef struct opencl_queue {
    const opencl_api *cl;
    cl_queue queue;
    tickets tickets; /* events of markers */
    opencl_staged *staged;
    u32 n_staged, staged_cap;
    u64 staged_bytes;
} opencl_queue;

qn_status opencl_queue_write(opencl_queue *q, cl_mem to, u64 at, qn_bytes from);
/* Flush and poll: when they fail, nothing is under way any more, so memory lent to reads is the caller's again. */
qn_status opencl_queue_flush(opencl_queue *q, qn_ticket *out);
qn_status opencl_queue_poll(opencl_queue *q, qn_ticket t, bool *done);
void opencl_queue_wait(opencl_queue *q, qn_ticket t); /* until t may be done */
void opencl_queue_close(opencl_queue *q);             /* waits for all, then releases everything */

#endif

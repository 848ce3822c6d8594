/* What is under way on a CUDA stream: tickets, pinned memory that copies go through, launches that wait to be sent together. The stream is in
 * order, so a ticket that is done means that everything before it is. */
#ifndef CUDA_QUEUE_H
#define CUDA_QUEUE_H

#include "device/cuda_list.h"
#include "device/tickets.h"

enum { CUDA_STAGES = 4, CUDA_STAGE_BYTES = 4 << 20 };

typedef struct cuda_stage { /* pinned memory that writes pass through, in turn */
    u8 *memory;
    cu_event free_again; /* after the copies out of it */
    u64 used;
} cuda_stage;
typedef struct cuda_landing { /* a read on its way: pinned -> the caller's memory when done_by is */
    void *to;
    u8 *pinned;
    u64 bytes, room;
    qn_ticket done_by; /* 0: free to be used again */
} cuda_landing;

typedef struct cuda_queue {
    const cuda_api *cu;
    cu_stream stream;
    cuda_list pending; /* launches not sent yet */
    tickets tickets;   /* events of the driver */
    cu_event *spare;
    u32 n_spare, spare_cap;
    cuda_stage stages[CUDA_STAGES];
    u32 stage;
    cuda_landing *landings;
    u32 n_landings, landings_cap;
} cuda_queue;

qn_status cuda_queue_open(cuda_queue *q, const cuda_api *cu);
qn_status cuda_queue_write(cuda_queue *q, cu_memory to, qn_bytes from);
qn_status cuda_queue_read(cuda_queue *q, cu_memory from, void *to, u64 bytes);
qn_status cuda_queue_send(cuda_queue *q); /* what is pending; before anything else is queued */
/* Flush and poll: when they fail, nothing is under way any more, so memory lent to reads is the caller's again. */
qn_status cuda_queue_flush(cuda_queue *q, qn_ticket *out);
qn_status cuda_queue_poll(cuda_queue *q, qn_ticket t, bool *done);
void cuda_queue_wait(cuda_queue *q, qn_ticket t); /* until t may be done */
void cuda_queue_close(cuda_queue *q);             /* waits for all, then releases everything */

#endif

/* Tickets are events of markers in an in-order queue. A queued write reads a copy of the caller's bytes, freed once a later ticket
 * is done; a write too large to copy waits instead, which only happens while weights are uploaded. */
#include <stdio.h>

#include "device/opencl_queue.h"

enum { STAGED_ONE_BYTES = 16 << 20, STAGED_ALL_BYTES = 64 << 20 };

static void *grown(void *items, u32 n, u32 *cap, size_t elem_bytes)
{
    if (n < *cap) return items;
    u32 wider = *cap ? *cap * 2 : 16;
    void *moved = mem_resize(items, n * elem_bytes, wider * elem_bytes);
    if (moved) *cap = wider;
    return moved;
}

static void free_staged(opencl_queue *q, qn_ticket done)
{
    u32 kept = 0;
    for (u32 i = 0; i < q->n_staged; i++) {
        opencl_staged *s = &q->staged[i];
        if (s->done_by > done) {
            q->staged[kept++] = *s;
            continue;
        }
        q->staged_bytes -= s->bytes;
        mem_free(s->copy);
    }
    q->n_staged = kept;
}

/* The copy lives until the ticket after the last one handed out. */
static qn_status write_staged(opencl_queue *q, cl_mem to, u64 at, qn_bytes from)
{
    opencl_staged *all = grown(q->staged, q->n_staged, &q->staged_cap, sizeof *all);
    if (!all) return fail_nomem(sizeof *all);
    q->staged = all;
    void *copy = mem_alloc(from.n);
    if (!copy) return fail_nomem(from.n);
    memcpy(copy, from.data, from.n);
    i32 error = q->cl->clEnqueueWriteBuffer(q->queue, to, 0, (size_t)at, from.n, copy, 0, NULL, NULL);
    if (error != 0) {
        mem_free(copy);
        return opencl_check(error, "clEnqueueWriteBuffer");
    }
    q->staged[q->n_staged++] = (opencl_staged){ copy, from.n, q->last + 1 };
    q->staged_bytes += from.n;
    return QN_OK;
}

qn_status opencl_queue_write(opencl_queue *q, cl_mem to, u64 at, qn_bytes from)
{
    if (from.n == 0) return QN_OK;
    if (from.n <= STAGED_ONE_BYTES && q->staged_bytes + from.n <= STAGED_ALL_BYTES) return write_staged(q, to, at, from);
    QN_TRY(opencl_check(q->cl->clEnqueueWriteBuffer(q->queue, to, 1, (size_t)at, from.n, from.data, 0, NULL, NULL),
                        "clEnqueueWriteBuffer"));
    free_staged(q, UINT64_MAX);
    return QN_OK;
}

static qn_status stop(opencl_queue *q, i32 code)
{
    q->failed = opencl_check(code, "queued work");
    if (q->failed == QN_E_NOMEM) q->failed = fail(QN_E_DEVICE, "OpenCL: queued work failed: %s", opencl_code_name(code));
    snprintf(q->sentence, sizeof q->sentence, "%s", qn_last_error());
    q->cl->clFinish(q->queue);
    return q->failed;
}

static void drop_oldest(opencl_queue *q, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        q->cl->clReleaseEvent(q->tickets[i].event);
        opencl_count(-1);
        q->done = q->tickets[i].id;
    }
    if (n == 0) return;
    q->n_tickets -= n;
    memmove(q->tickets, q->tickets + n, q->n_tickets * sizeof *q->tickets);
    free_staged(q, q->done);
}

/* Moves `done` on over all tickets that are. */
static qn_status collect(opencl_queue *q)
{
    if (q->failed != QN_OK) return fail(q->failed, "%s", q->sentence);
    u32 finished = 0;
    i32 state = CL_COMPLETE;
    for (; finished < q->n_tickets; finished++) {
        i32 error =
            q->cl->clGetEventInfo(q->tickets[finished].event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
        if (error != 0) return stop(q, error);
        if (state != CL_COMPLETE) break;
    }
    drop_oldest(q, finished);
    return state < 0 ? stop(q, state) : QN_OK;
}

static qn_status add_ticket(opencl_queue *q, qn_ticket *out)
{
    opencl_ticket *all = grown(q->tickets, q->n_tickets, &q->tickets_cap, sizeof *all);
    if (!all) return fail_nomem(sizeof *all);
    q->tickets = all;
    cl_event event = NULL;
    QN_TRY(opencl_check(q->cl->clEnqueueMarkerWithWaitList(q->queue, 0, NULL, &event), "clEnqueueMarkerWithWaitList"));
    opencl_count(1);
    q->tickets[q->n_tickets++] = (opencl_ticket){ ++q->last, event };
    QN_TRY(opencl_check(q->cl->clFlush(q->queue), "clFlush"));
    *out = q->last;
    return QN_OK;
}

qn_status opencl_queue_flush(opencl_queue *q, qn_ticket *out)
{
    QN_TRY(collect(q));
    qn_status status = add_ticket(q, out);
    if (status != QN_OK) q->cl->clFinish(q->queue);
    return status;
}

qn_status opencl_queue_poll(opencl_queue *q, qn_ticket t, bool *done)
{
    if (t > q->last) return fail(QN_E_USAGE, "poll: no such ticket");
    if (t > q->done) QN_TRY(collect(q));
    *done = t <= q->done;
    return QN_OK;
}

void opencl_queue_wait(opencl_queue *q, qn_ticket t)
{
    for (u32 i = 0; i < q->n_tickets; i++) {
        if (q->tickets[i].id < t) continue;
        q->cl->clWaitForEvents(1, &q->tickets[i].event); /* its error is read by the next poll */
        return;
    }
}

void opencl_queue_close(opencl_queue *q)
{
    if (!q->queue) return;
    q->cl->clFinish(q->queue);
    drop_oldest(q, q->n_tickets);
    free_staged(q, UINT64_MAX);
    mem_free(q->tickets);
    mem_free(q->staged);
    q->cl->clReleaseCommandQueue(q->queue);
    opencl_count(-1);
    *q = (opencl_queue){ 0 };
}

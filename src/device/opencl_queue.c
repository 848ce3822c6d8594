/* Tickets are events of markers in an in-order queue. A queued write reads a copy of the caller's bytes, freed once a later ticket
 * is done; a write too large to copy waits instead, which only happens while weights are uploaded. */
#include "base/grow.h"
#include "device/opencl_queue.h"

enum { STAGED_ONE_BYTES = 16 << 20, STAGED_ALL_BYTES = 64 << 20 };

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
    if (!GROW_ROOM(q->staged, q->n_staged, q->staged_cap)) return fail_nomem(sizeof *q->staged);
    void *copy = mem_alloc(from.n);
    if (!copy) return fail_nomem(from.n);
    memcpy(copy, from.data, from.n);
    i32 error = q->cl->clEnqueueWriteBuffer(q->queue, to, 0, (size_t)at, from.n, copy, 0, NULL, NULL);
    if (error != 0) {
        mem_free(copy);
        return opencl_check(error, "clEnqueueWriteBuffer");
    }
    q->staged[q->n_staged++] = (opencl_staged){ copy, from.n, q->tickets.last + 1 };
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
    qn_status status = opencl_check(code, "queued work");
    if (status == QN_E_NOMEM) status = fail(QN_E_DEVICE, "OpenCL: queued work failed: %s", opencl_code_name(code));
    tickets_stop(&q->tickets, status);
    q->cl->clFinish(q->queue);
    return status;
}

static void drop_oldest(opencl_queue *q, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        q->cl->clReleaseEvent(q->tickets.list[i].event);
        opencl_count(-1);
    }
    tickets_finish(&q->tickets, n);
    if (n) free_staged(q, q->tickets.done);
}

/* Moves `done` on over all tickets that are. */
static qn_status collect(opencl_queue *q)
{
    QN_TRY(tickets_broken(&q->tickets));
    u32 finished = 0;
    i32 state = CL_COMPLETE;
    for (; finished < q->tickets.n; finished++) {
        i32 error = q->cl->clGetEventInfo(q->tickets.list[finished].event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state,
                                          &state, NULL);
        if (error != 0) return stop(q, error);
        if (state != CL_COMPLETE) break;
    }
    drop_oldest(q, finished);
    return state < 0 ? stop(q, state) : QN_OK;
}

static qn_status add_ticket(opencl_queue *q, qn_ticket *out)
{
    if (!tickets_room(&q->tickets)) return fail_nomem(sizeof(ticket));
    cl_event event = NULL;
    QN_TRY(opencl_check(q->cl->clEnqueueMarkerWithWaitList(q->queue, 0, NULL, &event), "clEnqueueMarkerWithWaitList"));
    opencl_count(1);
    *out = tickets_add(&q->tickets, event);
    return opencl_check(q->cl->clFlush(q->queue), "clFlush");
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
    if (t > q->tickets.last) return fail(QN_E_USAGE, "poll: no such ticket");
    if (t > q->tickets.done) QN_TRY(collect(q));
    *done = t <= q->tickets.done;
    return QN_OK;
}

void opencl_queue_wait(opencl_queue *q, qn_ticket t)
{
    cl_event event = tickets_event(&q->tickets, t);
    if (event) q->cl->clWaitForEvents(1, &event); /* its error is read by the next poll */
}

void opencl_queue_close(opencl_queue *q)
{
    if (!q->queue) return;
    q->cl->clFinish(q->queue);
    drop_oldest(q, q->tickets.n);
    free_staged(q, UINT64_MAX);
    mem_free(q->tickets.list);
    mem_free(q->staged);
    q->cl->clReleaseCommandQueue(q->queue);
    opencl_count(-1);
    *q = (opencl_queue){ 0 };
}

/* Tickets, staging and reads on one CUDA stream. Small copies go through pinned memory, so that they are queued and nobody waits; a stage is
 * used again once its copies are done. */
#include "base/grow.h"
#include "device/cuda_queue.h"

enum { READ_STAGED_BYTES = 16 << 20, READS_KEPT = 16 };

qn_status cuda_queue_open(cuda_queue *q, const cuda_api *cu)
{
    q->cu = cu;
    QN_TRY(cuda_check(cu->cuStreamCreate(&q->stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate"));
    cuda_count(1);
    return QN_OK;
}

/* After a failure of queued work: nothing is under way, nothing more will be. */
static qn_status stop(cuda_queue *q, qn_status status)
{
    tickets_stop(&q->tickets, status == QN_E_NOMEM ? QN_E_DEVICE : status);
    q->cu->cuStreamSynchronize(q->stream);
    return q->tickets.failed;
}

/* A launch that the driver refuses is the caller's error; one that broke the context is everyone's. */
static qn_status noted(cuda_queue *q, qn_status status) { return status == QN_E_LOST ? stop(q, status) : status; }

qn_status cuda_queue_send(cuda_queue *q)
{
    QN_TRY(tickets_broken(&q->tickets));
    return noted(q, cuda_list_send(&q->pending, q->cu, q->stream));
}

/* ------------------------------------------------------------------ events */
/* Those that are spare are not counted: how many there are hangs on how far the card was behind. */
static qn_status take_event(cuda_queue *q, cu_event *out)
{
    if (q->n_spare) *out = q->spare[--q->n_spare];
    else QN_TRY(cuda_check(q->cu->cuEventCreate(out, CU_EVENT_DISABLE_TIMING), "cuEventCreate"));
    cuda_count(1);
    return QN_OK;
}

static void drop_event(cuda_queue *q, cu_event e)
{
    cuda_count(-1);
    if (GROW_ROOM(q->spare, q->n_spare, q->spare_cap)) q->spare[q->n_spare++] = e;
    else q->cu->cuEventDestroy_v2(e);
}

/* ------------------------------------------------------------------ writes */
static qn_status make_stage(cuda_queue *q, cuda_stage *s)
{
    void *memory;
    QN_TRY(take_event(q, &s->free_again));
    QN_TRY(cuda_check(q->cu->cuMemAllocHost_v2(&memory, CUDA_STAGE_BYTES), "cuMemAllocHost"));
    cuda_count(1);
    s->memory = memory;
    return QN_OK;
}

/* The next stage, once what was copied out of it is gone. */
static qn_status turn_stage(cuda_queue *q)
{
    cuda_stage *full = &q->stages[q->stage];
    if (full->memory) QN_TRY(cuda_check(q->cu->cuEventRecord(full->free_again, q->stream), "cuEventRecord"));
    q->stage = (q->stage + 1) % CUDA_STAGES;
    cuda_stage *s = &q->stages[q->stage];
    if (s->memory) QN_TRY(cuda_check(q->cu->cuEventSynchronize(s->free_again), "cuEventSynchronize"));
    s->used = 0;
    return QN_OK;
}

static qn_status write_piece(cuda_queue *q, cu_memory to, const u8 *from, u64 bytes)
{
    cuda_stage *s = &q->stages[q->stage];
    if (!s->memory) QN_TRY(make_stage(q, s));
    memcpy(s->memory + s->used, from, (size_t)bytes);
    i32 code = q->cu->cuMemcpyHtoDAsync_v2(to, s->memory + s->used, (size_t)bytes, q->stream);
    s->used += (bytes + 255) / 256 * 256;
    return cuda_check(code, "cuMemcpyHtoDAsync");
}

qn_status cuda_queue_write(cuda_queue *q, cu_memory to, qn_bytes from)
{
    QN_TRY(cuda_queue_send(q));
    const u8 *at = from.data;
    for (u64 left = from.n; left;) {
        if (CUDA_STAGE_BYTES - q->stages[q->stage].used < MIN(left, 65536)) QN_TRY(noted(q, turn_stage(q)));
        u64 n = MIN(left, CUDA_STAGE_BYTES - q->stages[q->stage].used);
        QN_TRY(noted(q, write_piece(q, to, at, n)));
        at += n, to += n, left -= n;
    }
    return QN_OK;
}

/* ------------------------------------------------------------------ reads */
static void free_landing(cuda_queue *q, cuda_landing *l)
{
    q->cu->cuMemFreeHost(l->pinned);
    cuda_count(-1);
    *l = q->landings[--q->n_landings];
}

/* Pinned memory that no read holds, or more of it. */
static qn_status find_landing(cuda_queue *q, u64 bytes, cuda_landing **out)
{
    for (u32 i = 0; i < q->n_landings; i++)
        if (!q->landings[i].done_by && q->landings[i].room >= bytes && q->landings[i].room / 4 <= MAX(bytes, 4096)) {
            *out = &q->landings[i];
            return QN_OK;
        }
    for (u32 i = 0; i < q->n_landings && q->n_landings >= READS_KEPT;)
        if (!q->landings[i].done_by) free_landing(q, &q->landings[i]);
        else i++;
    if (!GROW_ROOM(q->landings, q->n_landings, q->landings_cap)) return fail_nomem(sizeof *q->landings);
    u64 room = 4096;
    while (room < bytes) room *= 2;
    void *pinned;
    QN_TRY(cuda_check(q->cu->cuMemAllocHost_v2(&pinned, (size_t)room), "cuMemAllocHost"));
    cuda_count(1);
    q->landings[q->n_landings] = (cuda_landing){ .pinned = pinned, .room = room };
    *out = &q->landings[q->n_landings++];
    return QN_OK;
}

qn_status cuda_queue_read(cuda_queue *q, cu_memory from, void *to, u64 bytes)
{
    QN_TRY(cuda_queue_send(q));
    if (bytes > READ_STAGED_BYTES) /* straight into the caller's memory: the driver may wait */
        return noted(q, cuda_check(q->cu->cuMemcpyDtoHAsync_v2(to, from, (size_t)bytes, q->stream), "cuMemcpyDtoHAsync"));
    cuda_landing *l;
    QN_TRY(find_landing(q, bytes, &l));
    QN_TRY(
        noted(q, cuda_check(q->cu->cuMemcpyDtoHAsync_v2(l->pinned, from, (size_t)bytes, q->stream), "cuMemcpyDtoHAsync")));
    l->to = to, l->bytes = bytes, l->done_by = q->tickets.last + 1;
    return QN_OK;
}

static void land(cuda_queue *q, bool deliver)
{
    for (u32 i = 0; i < q->n_landings; i++) {
        cuda_landing *l = &q->landings[i];
        if (!l->done_by || (deliver && l->done_by > q->tickets.done)) continue;
        if (deliver) memcpy(l->to, l->pinned, (size_t)l->bytes);
        l->done_by = 0;
    }
}

/* ------------------------------------------------------------------ tickets */
static void drop_oldest(cuda_queue *q, u32 n)
{
    for (u32 i = 0; i < n; i++) drop_event(q, q->tickets.list[i].event);
    tickets_finish(&q->tickets, n);
    if (n) land(q, true);
}

/* Moves `done` on over all tickets that are. */
static qn_status collect(cuda_queue *q)
{
    QN_TRY(tickets_broken(&q->tickets));
    u32 finished = 0;
    i32 code = CU_SUCCESS;
    for (; finished < q->tickets.n; finished++)
        if ((code = q->cu->cuEventQuery(q->tickets.list[finished].event)) != CU_SUCCESS) break;
    drop_oldest(q, finished);
    if (code == CU_SUCCESS || code == CU_NOT_READY) return QN_OK;
    qn_status status = stop(q, cuda_check(code, "queued work"));
    land(q, false);
    return status;
}

static qn_status add_ticket(cuda_queue *q, qn_ticket *out)
{
    if (!tickets_room(&q->tickets)) return fail_nomem(sizeof(ticket));
    cu_event event;
    QN_TRY(take_event(q, &event));
    *out = tickets_add(&q->tickets, event);
    return cuda_check(q->cu->cuEventRecord(event, q->stream), "cuEventRecord");
}

qn_status cuda_queue_flush(cuda_queue *q, qn_ticket *out)
{
    qn_status status = cuda_queue_send(q);
    if (status == QN_OK) status = add_ticket(q, out);
    if (status == QN_OK) return QN_OK;
    q->cu->cuStreamSynchronize(q->stream);
    land(q, false);
    return status;
}

qn_status cuda_queue_poll(cuda_queue *q, qn_ticket t, bool *done)
{
    if (t > q->tickets.last) return fail(QN_E_USAGE, "poll: no such ticket");
    if (t > q->tickets.done) QN_TRY(collect(q));
    *done = t <= q->tickets.done;
    return QN_OK;
}

void cuda_queue_wait(cuda_queue *q, qn_ticket t)
{
    cu_event event = tickets_event(&q->tickets, t);
    if (event) q->cu->cuEventSynchronize(event); /* its error is read by the next poll */
}

void cuda_queue_close(cuda_queue *q)
{
    if (!q->stream) return;
    q->cu->cuStreamSynchronize(q->stream);
    drop_oldest(q, q->tickets.n);
    while (q->n_landings) free_landing(q, &q->landings[0]);
    for (u32 i = 0; i < CUDA_STAGES; i++) {
        if (q->stages[i].free_again) drop_event(q, q->stages[i].free_again);
        if (q->stages[i].memory) q->cu->cuMemFreeHost(q->stages[i].memory), cuda_count(-1);
    }
    while (q->n_spare) q->cu->cuEventDestroy_v2(q->spare[--q->n_spare]);
    cuda_list_close(&q->pending, q->cu);
    mem_free(q->tickets.list);
    mem_free(q->spare);
    mem_free(q->landings);
    q->cu->cuStreamDestroy_v2(q->stream);
    cuda_count(-1);
    *q = (cuda_queue){ 0 };
}

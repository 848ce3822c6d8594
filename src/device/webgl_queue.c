/* One fence a ticket; a fence that is done hands out the reads before it. */
#include "device/webgl_queue.h"

#include <stdio.h>

enum { WAIT_US = 100 * 1000, MOST_READ = 1 << 30 };

static void *grown(void *items, u32 n, u32 *cap, size_t elem_bytes)
{
    if (n < *cap) return items;
    u32 wider = *cap ? *cap * 2 : 16;
    void *moved = mem_resize(items, n * elem_bytes, wider * elem_bytes);
    if (moved) *cap = wider;
    return moved;
}

/* ---- reads */

static qn_status read_piece(webgl_queue *q, webgl_gl *g, const webgl_buf *from, u64 at, void *to, u64 bytes)
{
    webgl_read *all = grown(q->reads, q->n_reads, &q->cap_reads, sizeof *all);
    if (!all) return fail_nomem(sizeof *all);
    q->reads = all;
    u64 first = at / WEBGL_TEXEL, n = (at + bytes - 1) / WEBGL_TEXEL - first + 1;
    webgl_read r = { .skip = (u32)(at % WEBGL_TEXEL), .to = to, .bytes = bytes, .done_by = q->last + 1 };
    g->gl->GenBuffers(1, &r.buffer);
    webgl_count(1);
    g->gl->BindBuffer(GL_PIXEL_PACK_BUFFER, r.buffer);
    g->gl->BufferData(GL_PIXEL_PACK_BUFFER, (intptr_t)(n * WEBGL_TEXEL), NULL, GL_STREAM_READ);
    webgl_pack(g, from, first, n);
    g->gl->BindBuffer(GL_PIXEL_PACK_BUFFER, 0);
    q->reads[q->n_reads++] = r;
    return QN_OK;
}

qn_status webgl_queue_read(webgl_queue *q, webgl_gl *g, const webgl_buf *from, u64 at, void *to, u64 bytes)
{
    for (u64 done = 0; done < bytes; done += MOST_READ)
        QN_TRY(read_piece(q, g, from, at + done, (u8 *)to + done, MIN(bytes - done, MOST_READ)));
    return QN_OK;
}

/* Hands out what the tickets up to `done` promised; with `drop`, nothing more is. */
static void finish_reads(webgl_queue *q, webgl_gl *g, qn_ticket done, bool drop)
{
    u32 kept = 0;
    for (u32 i = 0; i < q->n_reads; i++) {
        webgl_read *r = &q->reads[i];
        if (r->done_by > done && !drop) {
            q->reads[kept++] = *r;
            continue;
        }
        if (!drop && r->to) {
            g->gl->BindBuffer(GL_PIXEL_PACK_BUFFER, r->buffer);
            g->gl->read_buffer(r->skip, r->to, (u32)r->bytes);
            g->gl->BindBuffer(GL_PIXEL_PACK_BUFFER, 0);
        }
        webgl_delete(g, WEBGL_BUFFER, r->buffer);
    }
    q->n_reads = kept;
}

/* ---- tickets */

static void drop_oldest(webgl_queue *q, webgl_gl *g, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        webgl_delete(g, WEBGL_SYNC, q->tickets[i].sync);
        q->done = q->tickets[i].id;
    }
    if (n == 0) return;
    q->n_tickets -= n;
    memmove(q->tickets, q->tickets + n, q->n_tickets * sizeof *q->tickets);
}

/* Nothing is under way any more, and what was lent to reads is the caller's again. */
static qn_status give_up(webgl_queue *q, webgl_gl *g, qn_status status)
{
    drop_oldest(q, g, q->n_tickets);
    finish_reads(q, g, 0, true);
    return status;
}

static qn_status stop(webgl_queue *q, webgl_gl *g, qn_status status)
{
    q->failed = status == QN_E_NOMEM ? QN_E_DEVICE : status; /* what was queued is not there */
    snprintf(q->sentence, sizeof q->sentence, "%s", qn_last_error());
    give_up(q, g, status);
    return fail(q->failed, "%s", q->sentence);
}

static qn_status collect(webgl_queue *q, webgl_gl *g)
{
    if (q->failed != QN_OK) return fail(q->failed, "%s", q->sentence);
    if (g->gl->lost()) return stop(q, g, webgl_check(g, "queued work"));
    u32 finished = 0, state = WEBGL_DONE;
    while (finished < q->n_tickets && (state = g->gl->sync_done(q->tickets[finished].sync)) == WEBGL_DONE) finished++;
    if (state == WEBGL_FAILED) return stop(q, g, fail(QN_E_DEVICE, "WebGL: the driver gave a fence up"));
    if (finished == 0) return QN_OK;
    finish_reads(q, g, q->tickets[finished - 1].id, false);
    drop_oldest(q, g, finished);
    qn_status status = webgl_check(g, "queued work");
    return status == QN_OK ? QN_OK : stop(q, g, status);
}

static qn_status add_ticket(webgl_queue *q, webgl_gl *g, qn_ticket *out)
{
    webgl_ticket *all = grown(q->tickets, q->n_tickets, &q->cap_tickets, sizeof *all);
    if (!all) return fail_nomem(sizeof *all);
    q->tickets = all;
    u32 sync = g->gl->sync_make();
    if (!sync) return g->gl->lost() ? webgl_check(g, "a fence") : fail(QN_E_NOMEM, "WebGL: out of memory for a fence");
    webgl_count(1);
    q->tickets[q->n_tickets++] = (webgl_ticket){ ++q->last, sync };
    *out = q->last;
    return QN_OK;
}

qn_status webgl_queue_flush(webgl_queue *q, webgl_gl *g, qn_ticket *out)
{
    QN_TRY(collect(q, g));
    qn_status status = add_ticket(q, g, out);
    return status == QN_OK ? QN_OK : give_up(q, g, status);
}

qn_status webgl_queue_poll(webgl_queue *q, webgl_gl *g, qn_ticket t, bool *done)
{
    if (t > q->last) return fail(QN_E_USAGE, "poll: no such ticket");
    if (t > q->done || q->failed != QN_OK) QN_TRY(collect(q, g));
    *done = t <= q->done;
    return QN_OK;
}

void webgl_queue_forget(webgl_queue *q, qn_ticket t)
{
    for (u32 i = 0; i < q->n_reads; i++)
        if (q->reads[i].done_by == t) q->reads[i].to = NULL;
}

void webgl_queue_wait(const webgl_queue *q, const webgl_gl *g, qn_ticket t)
{
    for (u32 i = 0; i < q->n_tickets; i++) {
        if (q->tickets[i].id < t) continue;
        g->gl->sync_wait(q->tickets[i].sync, WAIT_US);
        return;
    }
}

void webgl_queue_close(webgl_queue *q, webgl_gl *g)
{
    drop_oldest(q, g, q->n_tickets);
    finish_reads(q, g, 0, true);
    mem_free(q->reads);
    mem_free(q->tickets);
    *q = (webgl_queue){ 0 };
}

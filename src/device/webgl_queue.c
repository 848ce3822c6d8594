/* One fence a ticket; a fence that is done hands out the reads before it. */
#include "base/grow.h"
#include "device/webgl_queue.h"

#include <stdio.h>

enum { WAIT_US = 100 * 1000, MOST_READ = 1 << 30 };

/* ---- reads */

static qn_status read_piece(webgl_queue *q, webgl_gl *g, const webgl_buf *from, u64 at, void *to, u64 bytes)
{
    if (!GROW_ROOM(q->reads, q->n_reads, q->cap_reads)) return fail_nomem(sizeof *q->reads);
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

static void forget_reads(webgl_queue *q, qn_ticket t)
{
    for (u32 i = 0; i < q->n_reads; i++)
        if (q->reads[i].done_by == t) q->reads[i].to = NULL;
}

/* ---- tickets: those that are not done, or failed and have not told yet */

static void remove_ticket(webgl_queue *q, u32 at)
{
    q->n_tickets--;
    memmove(&q->tickets[at], &q->tickets[at + 1], (q->n_tickets - at) * sizeof *q->tickets);
}

static void drop_ticket(webgl_queue *q, webgl_gl *g, u32 at)
{
    webgl_delete(g, WEBGL_SYNC, q->tickets[at].sync);
    remove_ticket(q, at);
}

static void fail_ticket(webgl_gl *g, webgl_ticket *t, qn_status status)
{
    webgl_delete(g, WEBGL_SYNC, t->sync);
    t->sync = 0;
    if (t->status == QN_OK) t->status = status;
}

/* All that is under way fails, and what was lent to reads is the caller's again. Only a loss is for good. */
static qn_status fail_all(webgl_queue *q, webgl_gl *g, qn_status status)
{
    snprintf(q->sentence, sizeof q->sentence, "%s", qn_last_error());
    for (u32 i = q->n_tickets; i-- > 0;) {
        fail_ticket(g, &q->tickets[i], status);
        if (q->tickets[i].forgotten) remove_ticket(q, i);
    }
    finish_reads(q, g, 0, true);
    if (q->loose) q->broken = status;
    q->lost |= status == QN_E_LOST;
    return fail(status, "%s", q->sentence);
}

void webgl_queue_look(webgl_queue *q, webgl_gl *g)
{
    attempt_begin();
    qn_status status = q->lost ? QN_OK : webgl_check(g, "queued work");
    if (status != QN_OK) fail_all(q, g, status);
    attempt_end(false);
}

static qn_status collect(webgl_queue *q, webgl_gl *g)
{
    if (q->lost) return fail(QN_E_LOST, "%s", q->sentence);
    if (g->gl->lost()) return fail_all(q, g, webgl_check(g, "queued work"));
    u32 first = 0, finished, state = WEBGL_DONE;
    while (first < q->n_tickets && q->tickets[first].status != QN_OK) first++;
    for (finished = first; finished < q->n_tickets; finished++)
        if ((state = g->gl->sync_done(q->tickets[finished].sync)) != WEBGL_DONE) break;
    if (state == WEBGL_FAILED) return fail_all(q, g, fail(QN_E_DEVICE, "WebGL: the driver gave a fence up"));
    if (finished == first) return QN_OK;
    finish_reads(q, g, q->tickets[finished - 1].id, false);
    qn_status status = webgl_check(g, "queued work");
    if (status != QN_OK) return fail_all(q, g, status);
    while (finished > first) drop_ticket(q, g, --finished);
    return QN_OK;
}

static qn_status add_ticket(webgl_queue *q, webgl_gl *g, qn_ticket *out)
{
    if (!GROW_ROOM(q->tickets, q->n_tickets, q->cap_tickets)) return fail_nomem(sizeof *q->tickets);
    u32 sync = g->gl->sync_make();
    if (!sync) return g->gl->lost() ? webgl_check(g, "a fence") : fail(QN_E_NOMEM, "WebGL: out of memory for a fence");
    webgl_count(1);
    q->tickets[q->n_tickets++] = (webgl_ticket){ .id = ++q->last, .sync = sync };
    *out = q->last;
    return QN_OK;
}

/* What it cannot promise it tells at once; what it knows to be broken is told by the ticket. */
qn_status webgl_queue_flush(webgl_queue *q, webgl_gl *g, qn_ticket *out)
{
    qn_status status = collect(q, g);
    if (status == QN_OK) {
        status = add_ticket(q, g, out);
        if (status != QN_OK) fail_all(q, g, status);
    }
    if (status == QN_OK && q->broken != QN_OK) {
        fail_ticket(g, &q->tickets[q->n_tickets - 1], q->broken);
        forget_reads(q, q->last);
    }
    q->loose = false;
    q->broken = QN_OK;
    return status;
}

qn_status webgl_queue_poll(webgl_queue *q, webgl_gl *g, qn_ticket t, bool *done)
{
    if (t > q->last) return fail(QN_E_USAGE, "poll: no such ticket");
    attempt_begin();
    qn_status found = collect(q, g);
    attempt_end(found == QN_E_LOST);
    if (found == QN_E_LOST) return found;
    for (u32 i = 0; i < q->n_tickets; i++) {
        if (q->tickets[i].id != t) continue;
        qn_status status = q->tickets[i].status;
        if (status != QN_OK) drop_ticket(q, g, i);
        return status == QN_OK ? QN_OK : fail(status, "%s", q->sentence);
    }
    *done = true;
    return QN_OK;
}

void webgl_queue_forget(webgl_queue *q, qn_ticket t)
{
    forget_reads(q, t);
    for (u32 i = q->n_tickets; i-- > 0;) {
        webgl_ticket *one = &q->tickets[i];
        one->forgotten |= one->id == t;
        if (one->forgotten && !one->sync) remove_ticket(q, i);
    }
}

void webgl_queue_wait(const webgl_queue *q, const webgl_gl *g, qn_ticket t)
{
    for (u32 i = 0; i < q->n_tickets; i++) {
        if (q->tickets[i].id < t || !q->tickets[i].sync) continue;
        g->gl->sync_wait(q->tickets[i].sync, WAIT_US);
        return;
    }
}

void webgl_queue_close(webgl_queue *q, webgl_gl *g)
{
    while (q->n_tickets) drop_ticket(q, g, q->n_tickets - 1);
    finish_reads(q, g, 0, true);
    mem_free(q->reads);
    mem_free(q->tickets);
    *q = (webgl_queue){ 0 };
}

/* Tickets, and who is told what went wrong. A kernel that is refused, while its launch was held, fails the flush that it belongs to and
 * nothing else. Trouble that belongs to no kernel fails all that is under way; only a loss is for good. */
#include <stdio.h>

#include "base/grow.h"
#include "device/webgpu.h"

static webgpu_ticket *find(webgpu_device *w, qn_ticket id)
{
    for (u32 i = 0; i < w->n_tickets; i++)
        if (w->tickets[i].id == id) return &w->tickets[i];
    return NULL;
}

static void forget(webgpu_device *w, webgpu_ticket *t)
{
    mem_free(t->sentence);
    w->n_tickets--;
    memmove(t, t + 1, (size_t)(w->tickets + w->n_tickets - t) * sizeof *t);
}

static void set_failed(webgpu_ticket *t, qn_status status, const char *why)
{
    if (t->status != QN_OK) return;
    t->status = status;
    t->sentence = mem_alloc(strlen(why) + 1); /* NULL: told without words */
    if (t->sentence) memcpy(t->sentence, why, strlen(why) + 1);
}

void webgpu_tickets_free(webgpu_device *w)
{
    while (w->n_tickets) forget(w, &w->tickets[w->n_tickets - 1]);
    mem_free(w->tickets);
}

/* The copies go on; only what would be handed out is not. */
static void forget_reads(webgpu_device *w, qn_ticket id)
{
    webgpu_held_forget_reads(w, id);
    for (u32 i = 0; i < w->n_reads; i++)
        if (w->reads[i].ticket == id) w->reads[i].to = NULL;
}

void webgpu_forget(webgpu_device *w, qn_ticket id)
{
    webgpu_ticket *t = find(w, id);
    forget_reads(w, id);
    if (t) t->forgotten = true;
    if (t && t->status != QN_OK) forget(w, t);
}

/* ---- failures */
/* The flush of it tells, if it has not told of something else before. */
void webgpu_broken(webgpu_device *w, qn_ticket id, qn_status status)
{
    webgpu_ticket *t = find(w, id);
    if (t) set_failed(t, status, qn_last_error());
    if (t || id <= w->last_ticket || w->broken != QN_OK) return;
    w->broken = status;
    snprintf(w->broken_why, sizeof w->broken_why, "%s", qn_last_error());
}

/* Nothing of what is under way is done any more: a buffer of it may not be there, and would be found missing again and again. */
static void drop_all(webgpu_device *w)
{
    if (w->recorded) w->api->drop(w->id);
    w->recorded = false;
    w->used = 0;
    webgpu_reads_drop(w, 0);
    webgpu_held_drop(w);
}

qn_status webgpu_fail_all(webgpu_device *w, qn_status status, const char *what)
{
    char said[400] = "", sentence[512];
    w->api->text(w->id, WEBGPU_TEXT_TROUBLE, said, sizeof said);
    snprintf(sentence, sizeof sentence, "%s: %s%s%s", w->head.info.name, what, *said ? ": " : "", said);
    drop_all(w);
    fail(status, "%s", sentence);
    for (u32 i = w->n_tickets; i-- > 0;) {
        webgpu_ticket *t = &w->tickets[i];
        if (t->forgotten) forget(w, t);
        else set_failed(t, status, sentence);
    }
    if (w->loose) webgpu_broken(w, w->last_ticket + 1, status);
    if (status != QN_E_LOST) return status;
    w->lost = true;
    memcpy(w->sentence, sentence, sizeof sentence);
    return status;
}

qn_status webgpu_trouble(webgpu_device *w)
{
    if (w->lost) return fail(QN_E_LOST, "%s", w->sentence);
    switch (w->api->trouble(w->id)) {
    case WEBGPU_FINE: return QN_OK;
    case WEBGPU_LOST: return webgpu_fail_all(w, QN_E_LOST, "the device is lost; close its sessions and open it again");
    case WEBGPU_NO_MEMORY: return webgpu_fail_all(w, QN_E_NOMEM, "out of memory on the device");
    default: return webgpu_fail_all(w, QN_E_DEVICE, "WebGPU refused a call");
    }
}

/* ---- flushing */
void webgpu_flushed(webgpu_device *w, qn_ticket id)
{
    webgpu_ticket *t = find(w, id);
    webgpu_submit(w);
    if (t) t->submit = w->last;
    if (!t || t->status != QN_OK) webgpu_reads_drop(w, id); /* it has failed, and may have told so */
}

/* What went wrong with the work before it is its failure. */
static void add_ticket(webgpu_device *w, qn_ticket id)
{
    webgpu_ticket *t = &w->tickets[w->n_tickets++];
    *t = (webgpu_ticket){ .id = id };
    if (w->broken != QN_OK) set_failed(t, w->broken, w->broken_why);
    w->broken = QN_OK;
    w->loose = false;
}

/* It is told now, and its reads write nothing. */
static void give_up(webgpu_device *w, qn_ticket id)
{
    webgpu_ticket *t = find(w, id);
    forget_reads(w, id);
    if (t) forget(w, t);
}

qn_status webgpu_flush(webgpu_device *w, qn_ticket *out)
{
    const webgpu_work work = { .kind = WEBGPU_FLUSH, .ticket = w->last_ticket + 1 };
    bool room = GROW_ROOM(w->tickets, w->n_tickets, w->cap_tickets);
    qn_status status = room ? QN_OK : fail_nomem(sizeof *w->tickets);
    if (room) {
        add_ticket(w, work.ticket);
        status = webgpu_do(w, &work);
    }
    w->last_ticket++;
    if (status == QN_OK) status = webgpu_trouble(w);
    if (status == QN_OK) *out = work.ticket;
    else give_up(w, work.ticket);
    return status;
}

static bool is_done(const webgpu_device *w, const webgpu_ticket *t)
{
    return t->status == QN_OK && t->submit && w->api->done(w->id) >= t->submit && !webgpu_reads_under_way(w, t->id);
}

static void forget_done(webgpu_device *w)
{
    for (u32 i = w->n_tickets; i-- > 0;)
        if (is_done(w, &w->tickets[i])) forget(w, &w->tickets[i]);
}

static qn_status tell(webgpu_device *w, webgpu_ticket *t)
{
    qn_status status = fail(t->status, "%s", t->sentence ? t->sentence : w->head.info.name);
    webgpu_reads_drop(w, t->id);
    forget(w, t);
    return status;
}

/* What came since the last time: trouble marks the tickets that it is for. */
static void look(webgpu_device *w)
{
    attempt_begin();
    w->api->tick(w->id);
    webgpu_trouble(w);
    webgpu_go_on(w);
    webgpu_trouble(w);
    if (!webgpu_reads_take(w)) webgpu_fail_all(w, QN_E_DEVICE, "a result could not be read");
    attempt_end(false);
}

qn_status webgpu_poll(webgpu_device *w, qn_ticket id, bool *done)
{
    if (id > w->last_ticket) return fail(QN_E_USAGE, "poll: no such ticket");
    look(w);
    forget_done(w);
    webgpu_ticket *t = find(w, id);
    if (t && t->status != QN_OK) return tell(w, t);
    if (w->lost) return webgpu_trouble(w);
    *done = !t;
    return QN_OK;
}

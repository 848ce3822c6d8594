/* Tickets, and who is told what went wrong. A kernel that is refused, while its launch was held, fails the flush that it belongs to and
 * nothing else. Trouble that belongs to no kernel fails all that is under way; only a loss is for good. */
#include <stdio.h>

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
void webgpu_forget(webgpu_device *w, qn_ticket t)
{
    webgpu_held_forget_reads(w, t);
    for (u32 i = 0; i < w->n_reads; i++)
        if (w->reads[i].ticket == t) w->reads[i].to = NULL;
}

/* ---- failures */
void webgpu_broken(webgpu_device *w, qn_status status)
{
    if (w->broken != QN_OK) return;
    w->broken = status;
    snprintf(w->broken_why, sizeof w->broken_why, "%s", qn_last_error());
}

qn_status webgpu_fail_all(webgpu_device *w, qn_status status, const char *what)
{
    char said[400] = "", sentence[512];
    w->api->text(w->id, WEBGPU_TEXT_TROUBLE, said, sizeof said);
    snprintf(sentence, sizeof sentence, "%s: %s%s%s", w->head.info.name, what, *said ? ": " : "", said);
    for (u32 i = 0; i < w->n_tickets; i++) set_failed(&w->tickets[i], status, sentence);
    webgpu_reads_drop(w, 0);
    webgpu_held_forget_reads(w, 0);
    fail(status, "%s", sentence);
    if (w->recorded) webgpu_broken(w, status);
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
qn_status webgpu_flushed(webgpu_device *w, qn_ticket id)
{
    webgpu_ticket *t = find(w, id);
    webgpu_submit(w);
    if (!t) return fail(QN_E_BUG, "a flush without a ticket");
    t->submit = w->last;
    if (w->broken == QN_OK) return QN_OK;
    set_failed(t, w->broken, w->broken_why);
    webgpu_reads_drop(w, id);
    w->broken = QN_OK;
    return QN_OK;
}

qn_status webgpu_flush(webgpu_device *w, qn_ticket *out)
{
    const webgpu_work work = { .kind = WEBGPU_FLUSH, .ticket = w->last_ticket + 1 };
    QN_TRY(webgpu_array_room(&w->tickets, w->n_tickets, &w->cap_tickets, sizeof *w->tickets));
    w->tickets[w->n_tickets++] = (webgpu_ticket){ .id = work.ticket };
    qn_status status = webgpu_do(w, &work);
    w->last_ticket++;
    if (status == QN_OK) status = webgpu_trouble(w);
    if (status == QN_OK) *out = work.ticket;
    else forget(w, find(w, work.ticket));
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

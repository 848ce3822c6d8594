/* Work in order. It is recorded at once where its pipelines are there; from the first launch on whose pipeline is still being made, all that comes
 * after is held and done later, in the same order: nothing waits, and pipelines are made side by side while launches queue up. */
#include "base/grow.h"
#include "device/webgpu.h"

static bool waits(const webgpu_device *w, const webgpu_work *work)
{
    return work->kind == WEBGPU_RUN && w->api->pipeline_state(w->id, work->of.run.pipeline) == WEBGPU_PIPELINE_PENDING;
}

static void free_buffer(webgpu_device *w, u32 buffer)
{
    if (w->recorded) webgpu_submit(w);
    webgpu_forget_buffer(w, buffer);
    w->api->buffer_free(w->id, buffer);
}

static void free_pipeline(webgpu_device *w, u32 pipeline)
{
    if (w->recorded) webgpu_submit(w);
    webgpu_forget_pipeline(w, pipeline);
    w->api->pipeline_free(w->id, pipeline);
}

static void copy(webgpu_device *w, const webgpu_work *work)
{
    w->api->copy(w->id, work->of.copy.to, work->of.copy.to_at, work->of.copy.from, work->of.copy.from_at,
                 work->of.copy.words);
    w->recorded = true;
}

/* A write takes effect before everything that is recorded and not submitted. */
static void write_words(webgpu_device *w, const webgpu_work *work)
{
    if (w->recorded) webgpu_submit(w);
    w->api->write(w->id, work->of.write.to, work->of.write.at, work->of.write.data, work->of.write.words);
}

static qn_status perform(webgpu_device *w, const webgpu_work *work)
{
    switch (work->kind) {
    case WEBGPU_RUN: return webgpu_record_run(w, work);
    case WEBGPU_READ: return webgpu_record_read(w, work);
    case WEBGPU_COPY: copy(w, work); return QN_OK;
    case WEBGPU_WRITE: write_words(w, work); return QN_OK;
    case WEBGPU_FREE_BUFFER: free_buffer(w, work->of.object); return QN_OK;
    case WEBGPU_FREE_PIPELINE: free_pipeline(w, work->of.object); return QN_OK;
    case WEBGPU_FLUSH: webgpu_flushed(w, work->ticket); return QN_OK;
    }
    return fail(QN_E_BUG, "work of kind %d", work->kind);
}

/* ---- held */
static qn_status hold(webgpu_device *w, const webgpu_work *work)
{
    webgpu_work kept = *work;
    kept.ticket = w->last_ticket + 1;
    if (!GROW_ROOM(w->held, w->n_held, w->cap_held)) return fail_nomem(sizeof *w->held);
    if (work->kind == WEBGPU_WRITE) {
        const size_t bytes = (size_t)work->of.write.words * 4;
        void *data = mem_alloc(bytes);
        if (!data) return fail_nomem(bytes);
        kept.of.write.data = memcpy(data, work->of.write.data, bytes);
    }
    w->held[w->n_held++] = kept;
    return QN_OK;
}

static void release(webgpu_work *work)
{
    if (work->kind == WEBGPU_WRITE) mem_free((void *)(uintptr_t)work->of.write.data);
}

static void forget_first(webgpu_device *w, u32 n)
{
    w->n_held -= n;
    if (w->n_held) {
        memmove(w->held, w->held + n, w->n_held * sizeof *w->held);
        return;
    }
    mem_free(w->held);
    w->held = NULL;
    w->cap_held = 0;
}

/* What fails here has no caller: the flush that it belongs to tells it. Trouble on the way drops all that is held. */
void webgpu_go_on(webgpu_device *w)
{
    if (!w->n_held || waits(w, &w->held[0])) return;
    attempt_begin();
    while (w->n_going < w->n_held && !waits(w, &w->held[w->n_going])) {
        webgpu_work work = w->held[w->n_going++];
        qn_status status = perform(w, &work);
        if (status != QN_OK) webgpu_broken(w, work.ticket, status);
        release(&work);
    }
    attempt_end(false);
    forget_first(w, w->n_going);
    w->n_going = 0;
}

/* The device closes, or all that is under way has failed: nothing of it is done any more, and what it was to free is freed. */
void webgpu_held_drop(webgpu_device *w)
{
    for (u32 i = w->n_going; i < w->n_held; i++) {
        webgpu_work *work = &w->held[i];
        if (work->kind == WEBGPU_FREE_BUFFER || work->kind == WEBGPU_FREE_PIPELINE) perform(w, work);
        release(work);
    }
    w->n_held = w->n_going;
    if (!w->n_going) forget_first(w, 0);
}

void webgpu_held_forget_reads(webgpu_device *w, qn_ticket t)
{
    for (u32 i = 0; i < w->n_held; i++)
        if (w->held[i].kind == WEBGPU_READ && (!t || w->held[i].ticket == t)) w->held[i].of.read.to = NULL;
}

static bool touches(const webgpu_work *work, u32 buffer)
{
    bool run = work->kind == WEBGPU_RUN, found = false;
    for (u32 i = 0; run && i < work->of.run.n_spans; i++) found |= work->of.run.spans[i].buffer == buffer;
    switch (work->kind) {
    case WEBGPU_COPY: return work->of.copy.to == buffer || work->of.copy.from == buffer;
    case WEBGPU_WRITE: return work->of.write.to == buffer;
    case WEBGPU_READ: return work->of.read.from == buffer;
    default: return found;
    }
}

/* A write to a buffer that nothing held knows need not wait: weights of the next model, for one. */
static bool may_pass(const webgpu_device *w, const webgpu_work *work)
{
    if (work->kind != WEBGPU_WRITE) return false;
    for (u32 i = 0; i < w->n_held; i++)
        if (touches(&w->held[i], work->of.write.to)) return false;
    return true;
}

qn_status webgpu_do(webgpu_device *w, const webgpu_work *work)
{
    webgpu_go_on(w);
    w->loose |=
        work->kind == WEBGPU_RUN || work->kind == WEBGPU_COPY || work->kind == WEBGPU_WRITE || work->kind == WEBGPU_READ;
    if (w->n_held ? may_pass(w, work) : !waits(w, work)) return perform(w, work);
    return hold(w, work);
}

void webgpu_free(webgpu_device *w, webgpu_work_kind kind, u32 object)
{
    const webgpu_work work = { .kind = kind, .of.object = object };
    attempt_begin();
    qn_status status = webgpu_do(w, &work);
    if (status != QN_OK) { /* no memory to hold it */
        webgpu_fail_all(w, status, "there is no memory left");
        perform(w, &work);
    }
    attempt_end(false);
}

/* What is recorded on a WebGPU device and what is under way: uniform blocks in one page that goes up with each submit, bind groups kept by
 * what they bind, reads through mapped buffers. */
#include "base/grow.h"
#include "device/webgpu.h"

/* ---- submits */
void webgpu_submit(webgpu_device *w)
{
    if (w->used) w->api->write(w->id, w->uniform, 0, w->page, w->used / 4);
    w->last = w->api->submit(w->id);
    w->used = 0;
    w->recorded = false;
    for (u32 i = 0; i < w->n_reads; i++) {
        webgpu_read *r = &w->reads[i];
        if (r->submit) continue;
        r->submit = w->last;
        w->api->map(w->id, r->staging, r->words);
    }
}

/* ---- reads */
qn_status webgpu_record_read(webgpu_device *w, const webgpu_work *work)
{
    const u64 at = work->of.read.at, bytes = work->of.read.bytes;
    u32 skip = (u32)(at % 4), words = (u32)((skip + bytes + 3) / 4), blocks = words / (WEBGPU_BLOCK / 4) + 1;
    if (!work->of.read.to) return QN_OK; /* nobody waits for it any more */
    if (!GROW_ROOM(w->reads, w->n_reads, w->cap_reads)) return fail_nomem(sizeof *w->reads);
    u32 staging = w->api->buffer_make(w->id, WEBGPU_READBACK, blocks);
    if (!staging) {
        QN_TRY(webgpu_trouble(w));
        return fail_nomem((size_t)bytes);
    }
    w->api->copy(w->id, staging, 0, work->of.read.from, (u32)(at / 4), words);
    w->recorded = true;
    w->reads[w->n_reads++] = (webgpu_read){ staging, blocks, skip, words, work->of.read.to, bytes, 0, work->ticket };
    return QN_OK;
}

void webgpu_reads_drop(webgpu_device *w, qn_ticket ticket)
{
    u32 kept = 0;
    if (w->n_reads && w->recorded) webgpu_submit(w); /* a copy into it may be recorded */
    for (u32 i = 0; i < w->n_reads; i++) {
        const webgpu_read r = w->reads[i];
        if (ticket && r.ticket != ticket) {
            w->reads[kept++] = r;
            continue;
        }
        w->api->unmap_read(w->id, r.staging, 0, NULL, 0);
        w->api->buffer_free(w->id, r.staging);
    }
    w->n_reads = kept;
}

bool webgpu_reads_take(webgpu_device *w)
{
    u32 kept = 0;
    bool failed = false;
    for (u32 i = 0; i < w->n_reads; i++) {
        const webgpu_read r = w->reads[i];
        u32 state = r.submit ? w->api->map_state(w->id, r.staging) : WEBGPU_MAP_PENDING;
        bool ready = state == WEBGPU_MAP_READY;
        if (!ready || (!w->api->unmap_read(w->id, r.staging, r.skip, r.to, (u32)r.bytes) && r.to)) {
            failed |=
                state == WEBGPU_MAP_FAILED; /* one whose bytes did not come says so, or that the device is lost, next time */
            w->reads[kept++] = r;
            continue;
        }
        w->api->buffer_free(w->id, r.staging);
    }
    w->n_reads = kept;
    return !failed;
}

bool webgpu_reads_under_way(const webgpu_device *w, qn_ticket t)
{
    for (u32 i = 0; i < w->n_reads; i++)
        if (w->reads[i].ticket <= t) return true;
    return false;
}

/* ---- bind groups */
static bool binds(const webgpu_bound *b, u32 buffer)
{
    for (u32 i = 0; i < b->n; i++)
        if (b->buffers[i] == buffer) return true;
    return false;
}

/* Bind groups with the buffer or for the pipeline; both 0: all. */
static void forget(webgpu_device *w, u32 buffer, u32 pipeline)
{
    u32 kept = 0, n = w->n_bound;
    bool all = !buffer && !pipeline;
    for (u32 i = 0; i < n; i++) {
        webgpu_bound *b = &w->bound[i];
        if (all || (pipeline && b->pipeline == pipeline) || (buffer && binds(b, buffer)))
            w->api->bindings_free(w->id, b->id);
        else w->bound[kept++] = *b;
    }
    w->n_bound = kept;
    if (kept == n) return;
    map_free(&w->bound_at);
    w->bound_at = (map){ 0 };
    for (u32 i = 0; i < kept; i++) map_put(&w->bound_at, w->bound[i].key, i); /* no memory: made again */
}

void webgpu_forget_buffer(webgpu_device *w, u32 buffer) { forget(w, buffer, 0); }
void webgpu_forget_pipeline(webgpu_device *w, u32 pipeline) { forget(w, 0, pipeline); }

static qn_status bindings_for(webgpu_device *w, u32 pipeline, const webgpu_span *spans, u32 n, u32 *out)
{
    u64 key = hash_bytes(spans, n * sizeof *spans, pipeline);
    u32 at;
    if (map_get(&w->bound_at, key, &at)) {
        *out = w->bound[at].id;
        return QN_OK;
    }
    if (w->n_bound >= WEBGPU_BINDINGS_KEPT) {
        webgpu_submit(w);
        forget(w, 0, 0);
    }
    if (!GROW_ROOM(w->bound, w->n_bound, w->cap_bound)) return fail_nomem(sizeof *w->bound);
    webgpu_bound b = {
        .key = key, .pipeline = pipeline, .n = n, .id = w->api->bindings_make(w->id, pipeline, spans, n, w->uniform)
    };
    if (!b.id) {
        QN_TRY(webgpu_trouble(w));
        return fail(QN_E_DEVICE, "%s: buffers could not be bound", w->head.info.name);
    }
    for (u32 i = 0; i < n; i++) b.buffers[i] = spans[i].buffer;
    map_put(&w->bound_at, key, w->n_bound);
    w->bound[w->n_bound++] = b;
    *out = b.id;
    return QN_OK;
}

/* ---- launches */
/* More groups than fit in one dimension go into two, as even as may be. */
static void fold(const webgpu_device *w, u32 groups, u32 *x, u32 *y)
{
    u32 most = MAX(w->limits[WEBGPU_MAX_GROUPS], 1);
    *y = groups ? (groups - 1) / most + 1 : 1;
    *x = groups ? (groups - 1) / *y + 1 : 0;
}

qn_status webgpu_refused(webgpu_device *w, u32 pipeline, const char *kernel)
{
    char why[400] = "";
    QN_TRY(webgpu_trouble(w)); /* on a lost device all are */
    w->api->pipeline_why(w->id, pipeline, why, sizeof why);
    return fail(QN_E_DEVICE, "kernel '%s': %s: the kernel was refused%s%s", kernel, w->head.info.name, *why ? ": " : "",
                why);
}

qn_status webgpu_record_run(webgpu_device *w, const webgpu_work *work)
{
    const u32 n_words = work->of.run.n_words, pipeline = work->of.run.pipeline;
    u32 x, y, bindings, align = MAX(w->limits[WEBGPU_UNIFORM_ALIGN], 16), bytes = (n_words * 4 + align - 1) / align * align;
    if (w->api->pipeline_state(w->id, pipeline) == WEBGPU_PIPELINE_REFUSED)
        return webgpu_refused(w, pipeline, work->of.run.kernel);
    if (w->used + WEBGPU_UNIFORM_BYTES > WEBGPU_PAGE_BYTES) webgpu_submit(w);
    QN_TRY(bindings_for(w, pipeline, work->of.run.spans, work->of.run.n_spans, &bindings));
    memcpy(w->page + w->used, work->of.run.words, n_words * sizeof(u32));
    fold(w, work->of.run.groups, &x, &y);
    w->api->dispatch(w->id, pipeline, bindings, w->used, x, y);
    w->used += bytes;
    w->recorded = true;
    return QN_OK;
}

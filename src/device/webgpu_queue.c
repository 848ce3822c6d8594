/* What is recorded on a WebGPU device and what is under way: uniform blocks in one page that goes up with each submit, bind groups kept by
 * what they bind, reads through mapped buffers. A ticket is the number of a submit; it is done when the work is and its reads are home. */
#include <stdio.h>

#include "device/webgpu.h"

qn_status webgpu_array_room(void *array_of_pointer, u32 n, u32 *cap, size_t elem_bytes)
{
    void **items = array_of_pointer;
    if (n < *cap) return QN_OK;
    u32 wider = *cap ? *cap * 2 : 16;
    void *moved = mem_resize(*items, n * elem_bytes, wider * elem_bytes);
    if (!moved) return fail_nomem(wider * elem_bytes);
    *items = moved;
    *cap = wider;
    return QN_OK;
}

/* ---- errors */
static qn_status stop(webgpu_device *w, qn_status status, const char *what)
{
    char said[400] = "";
    w->api->text(w->id, WEBGPU_TEXT_TROUBLE, said, sizeof said);
    snprintf(w->sentence, sizeof w->sentence, "%s: %s%s%s", w->head.info.name, what, *said ? ": " : "", said);
    webgpu_reads_drop(w);
    if (status != QN_E_NOMEM) w->failed = status;
    return fail(status, "%s", w->sentence);
}

qn_status webgpu_trouble(webgpu_device *w)
{
    if (w->failed != QN_OK) return fail(w->failed, "%s", w->sentence);
    switch (w->api->trouble(w->id)) {
    case WEBGPU_FINE: return QN_OK;
    case WEBGPU_LOST: return stop(w, QN_E_LOST, "the device is lost; close its sessions and open it again");
    case WEBGPU_NO_MEMORY: return stop(w, QN_E_NOMEM, "out of memory on the device");
    case WEBGPU_BAD_PIPELINE: return stop(w, QN_E_DEVICE, "a kernel was refused");
    default: return stop(w, QN_E_DEVICE, "WebGPU refused a call");
    }
}

/* ---- submits */
qn_status webgpu_submit(webgpu_device *w)
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
    return QN_OK;
}

/* ---- reads */
qn_status webgpu_read_queue(webgpu_device *w, u32 from, u64 at, void *to, u64 bytes)
{
    u32 skip = (u32)(at % 4), words = (u32)((skip + bytes + 3) / 4), blocks = words / (WEBGPU_BLOCK / 4) + 1;
    QN_TRY(webgpu_array_room(&w->reads, w->n_reads, &w->cap_reads, sizeof *w->reads));
    u32 staging = w->api->buffer_make(w->id, WEBGPU_READBACK, blocks);
    if (!staging) {
        QN_TRY(webgpu_trouble(w));
        return fail_nomem((size_t)bytes);
    }
    w->api->copy(w->id, staging, 0, from, (u32)(at / 4), words);
    w->recorded = true;
    w->reads[w->n_reads++] = (webgpu_read){ staging, blocks, skip, words, to, bytes, 0 };
    return QN_OK;
}

void webgpu_reads_drop(webgpu_device *w)
{
    for (u32 i = 0; i < w->n_reads; i++) {
        if (w->reads[i].submit) w->api->unmap_read(w->id, w->reads[i].staging, 0, NULL, 0);
        w->api->buffer_free(w->id, w->reads[i].staging);
    }
    w->n_reads = 0;
}

/* Takes home what is mapped; false when a map failed. */
static bool take_reads(webgpu_device *w)
{
    u32 kept = 0;
    for (u32 i = 0; i < w->n_reads; i++) {
        webgpu_read *r = &w->reads[i];
        u32 state = r->submit ? w->api->map_state(w->id, r->staging) : WEBGPU_MAP_PENDING;
        if (state == WEBGPU_MAP_FAILED) return false;
        if (state == WEBGPU_MAP_PENDING) {
            w->reads[kept++] = *r;
            continue;
        }
        w->api->unmap_read(w->id, r->staging, r->skip, r->to, (u32)r->bytes);
        w->api->buffer_free(w->id, r->staging);
    }
    w->n_reads = kept;
    return true;
}

static bool is_read_under_way(const webgpu_device *w, u32 submit)
{
    for (u32 i = 0; i < w->n_reads; i++)
        if (w->reads[i].submit && w->reads[i].submit <= submit) return true;
    return false;
}

qn_status webgpu_queue_poll(webgpu_device *w, qn_ticket t, bool *done)
{
    if (t > w->last) return fail(QN_E_USAGE, "poll: no such ticket");
    w->api->tick(w->id);
    QN_TRY(webgpu_trouble(w));
    if (!take_reads(w)) return stop(w, QN_E_DEVICE, "a result could not be read");
    *done = w->api->done(w->id) >= t && !is_read_under_way(w, (u32)t);
    return QN_OK;
}

/* ---- bind groups */
void webgpu_forget_buffer(webgpu_device *w, u32 buffer)
{
    u32 kept = 0;
    bool changed = false;
    for (u32 i = 0; i < w->n_bound; i++) {
        webgpu_bound *b = &w->bound[i];
        bool holds = buffer == 0;
        for (u32 k = 0; k < b->n; k++) holds |= b->buffers[k] == buffer;
        if (holds) w->api->bindings_free(w->id, b->id);
        else w->bound[kept++] = *b;
        changed |= holds;
    }
    w->n_bound = kept;
    if (!changed) return;
    map_free(&w->bound_at);
    w->bound_at = (map){ 0 };
    for (u32 i = 0; i < kept; i++) map_put(&w->bound_at, w->bound[i].key, i); /* no memory: made again */
}

static qn_status bindings_for(webgpu_device *w, u32 pipeline, const webgpu_span *spans, u32 n, u32 *out)
{
    u64 key = hash_bytes(spans, n * sizeof *spans, pipeline);
    u32 at;
    if (map_get(&w->bound_at, key, &at)) {
        *out = w->bound[at].id;
        return QN_OK;
    }
    if (w->n_bound >= WEBGPU_BINDINGS_KEPT) {
        QN_TRY(webgpu_submit(w));
        webgpu_forget_buffer(w, 0);
    }
    QN_TRY(webgpu_array_room(&w->bound, w->n_bound, &w->cap_bound, sizeof *w->bound));
    webgpu_bound b = { .key = key, .n = n, .id = w->api->bindings_make(w->id, pipeline, spans, n, w->uniform) };
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
    *y = (groups + most - 1) / most;
    *x = (groups + *y - 1) / *y;
}

qn_status webgpu_dispatch(webgpu_device *w, u32 pipeline, const webgpu_span *spans, u32 n_spans, const u32 *words,
                          u32 n_words, u32 groups)
{
    u32 x, y, bindings, align = MAX(w->limits[WEBGPU_UNIFORM_ALIGN], 16), bytes = (n_words * 4 + align - 1) / align * align;
    if (w->used + WEBGPU_UNIFORM_BYTES > WEBGPU_PAGE_BYTES) QN_TRY(webgpu_submit(w));
    QN_TRY(bindings_for(w, pipeline, spans, n_spans, &bindings));
    memcpy(w->page + w->used, words, n_words * sizeof *words);
    fold(w, groups, &x, &y);
    w->api->dispatch(w->id, pipeline, bindings, w->used, x, y);
    w->used += bytes;
    w->recorded = true;
    return QN_OK;
}

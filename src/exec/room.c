/* Room for a run's values: laid out anew when one of its sizes has outgrown what the last layout was for. */
#include "exec/exec.h"

/* At this run's sizes. */
static qn_status bytes_now(const exec *x, const plan_value *v, u64 *out)
{
    i64 elems;
    if (!v->elems || !exec_size_now(x, v->elems, &elems) || elems < 0) return exec_size(x, v->elems, &elems);
    return mul_u64((u64)elems, qn_dtype_bytes(v->dtype), out)
               ? QN_OK
               : fail(QN_E_SHAPE, "a tensor of %lld elements is too large", (long long)elems);
}

/* At those that the layout is for. False: they do not decide it. What 64 bits cannot count is UINT64_MAX. */
static bool bytes_to_come(const exec *x, const plan_value *v, u64 *out)
{
    i64 elems;
    *out = 0;
    if (!sym_eval(x->main->p->g, v->elems, x->capacity, &elems) || elems < 0) return false;
    if (!mul_u64((u64)elems, qn_dtype_bytes(v->dtype), out)) *out = UINT64_MAX;
    return true;
}

/* Names a failure after the node whose result v is. */
static qn_status of_value(const exec *x, val v, qn_status code)
{
    const graph *g = x->main->p->g;
    const value *made = code != QN_OK && v <= g->n_values ? value_at(g, v) : NULL;
    if (!made || !made->maker) return made && made->name ? fail_in(code, "'%s': ", made->name) : code;
    const node *n = node_at(g, made->maker);
    return fail_in(code, "%s '%s': ", op_of(n)->name, n->name ? n->name : "");
}

/* The first layout fits the sizes at hand; a size that grows later grows to a power of two, so that a loop settles. */
static bool grow_capacity(exec *x)
{
    bool grew = false;
    for (u32 i = 0; i < x->n_bound; i++) {
        const sym_at now = x->bound[i], had = x->capacity[i];
        if (!now.bound || (had.bound && now.is <= had.is)) continue;
        i64 room = now.is;
        if (x->laid_out)
            for (room = 64; room < now.is && room < INT64_MAX / 2;) room *= 2;
        x->capacity[i] = (sym_at){ MAX(room, now.is), true };
        grew = true;
    }
    return grew;
}

static qn_status fits(exec *x, bool *out)
{
    const plan *p = x->main->p;
    *out = x->laid_out;
    for (u32 v = 1; v <= p->n_values && *out; v++) {
        if (!plan_in_layout(p, v)) continue;
        u64 bytes = 0;
        QN_TRY(of_value(x, v, bytes_now(x, &p->values[v], &bytes)));
        if (bytes > x->main->slots[v].allotted) *out = false;
        x->main->slots[v].view.bytes = bytes;
    }
    return QN_OK;
}

static qn_status no_room(const exec *x, val v, u64 bytes)
{
    return of_value(x, v,
                    fail(QN_E_NOMEM, "%llu bytes are more than %s holds", (unsigned long long)bytes, x->device->info.spec));
}

static u64 most_bytes(const exec *x)
{
    const u64 most = x->device->info.caps.max_buffer_bytes;
    return most ? most : INT64_MAX;
}

/* What the values take, as large as this run and what was asked for make them. in_run: its sizes are bound; else those values whose sizes do
 * not follow from what was asked for are left out. */
static qn_status fill_spans(const exec *x, bool in_run, span *spans, u32 *n)
{
    const plan *p = x->main->p;
    for (u32 v = 1; v <= p->n_values; v++) {
        const plan_value *pv = &p->values[v];
        u64 now = 0, to_come = 0;
        if (!plan_in_layout(p, v) || (!bytes_to_come(x, pv, &to_come) && !in_run)) continue;
        if (in_run) QN_TRY(of_value(x, v, bytes_now(x, pv, &now)));
        const u64 bytes = MAX(now, to_come);
        if (bytes > most_bytes(x)) return no_room(x, v, bytes);
        spans[(*n)++] = (span){ .bytes = MAX(bytes, 4), .first = pv->first, .last = pv->last };
    }
    return QN_OK;
}

/* All values in one buffer. The old one is handed back: input data may still lie in it. */
static qn_status place_together(exec *x, const layout_result *layout, qn_buf *old)
{
    qn_buf memory = x->memory;
    if (layout->peak > x->memory_bytes) QN_TRY(x->b->buf_make(x->device, layout->peak, &memory));
    if (memory != x->memory) {
        if (x->memory) *old = x->memory;
        x->stats.device_buffers++, x->memory_bytes = layout->peak;
    }
    x->memory = memory, x->layout = *layout;
    return QN_OK;
}

void exec_free_apart(exec *x)
{
    for (u32 i = 0; i < x->n_apart; i++) x->b->buf_free(x->device, x->apart[i]);
    x->n_apart = 0;
    mem_free(x->apart);
    x->apart = NULL;
}

static qn_status make_apart(exec *x, const u64 *bytes, u32 n)
{
    exec_free_apart(x);
    x->apart = mem_zalloc(n * sizeof *x->apart);
    if (!x->apart && n) return fail_nomem(n * sizeof *x->apart);
    for (; x->n_apart < n; x->n_apart++) QN_TRY(x->b->buf_make(x->device, bytes[x->n_apart], &x->apart[x->n_apart]));
    x->stats.device_buffers += n;
    return QN_OK;
}

static qn_status place_apart(exec *x, span *spans, u32 n)
{
    u64 *bytes = mem_alloc((n + 1) * sizeof *bytes);
    u32 n_buffers = 0;
    if (!bytes) return fail_nomem(n * sizeof *bytes);
    qn_status s = layout_make_apart(spans, n, bytes, &n_buffers, &x->layout);
    if (s == QN_OK) s = make_apart(x, bytes, n_buffers);
    mem_free(bytes);
    return s;
}

/* One buffer for all, unless the device wants or needs several: each value may fit where all together do not. */
static qn_status place(exec *x, span *spans, u32 n, qn_buf *old)
{
    const qn_caps *caps = &x->device->info.caps;
    if (caps->buffers_apart || x->apart || x->main->p->apart) return place_apart(x, spans, n);
    layout_result result = { 0 };
    QN_TRY(layout_make(spans, n, &result));
    if (caps->host_memory || !caps->max_buffer_bytes || result.peak <= caps->max_buffer_bytes)
        return place_together(x, &result, old);
    if (x->stats.kept_bytes) return fail(QN_E_NOMEM, "with what is kept the values do not fit in a buffer");
    QN_TRY(plan_within_limits_apart(x->main->p));
    if (x->memory) *old = x->memory;
    x->memory = 0, x->memory_bytes = 0;
    return place_apart(x, spans, n);
}

static void put_views(exec *x, const span *spans)
{
    const plan *p = x->main->p;
    for (u32 v = 1; v <= p->n_values; v++) {
        if (!plan_in_layout(p, v)) continue;
        x->main->slots[v].view = (buf_view){ x->apart ? x->apart[spans->buffer] : x->memory, spans->at, 0 };
        x->main->slots[v].allotted = spans++->bytes;
    }
}

static qn_status lay_out(exec *x, u64 room_to_keep, qn_buf *old)
{
    const plan *p = x->main->p;
    span *spans = mem_alloc((p->n_values + 1) * sizeof *spans);
    if (!spans) return fail_nomem(p->n_values * sizeof *spans);
    u32 n = 0;
    qn_status s = fill_spans(x, true, spans, &n);
    x->laid_out = false;
    keep_forget(x);
    if (s == QN_OK) s = keep_choose(x, spans, room_to_keep);
    if (s == QN_OK) s = place(x, spans, n, old);
    if (s == QN_OK) {
        x->laid_out = true;
        x->stats.layouts++;
        put_views(x, spans);
    }
    mem_free(spans);
    return s;
}

qn_status exec_has_room(const exec *x)
{
    span *spans = mem_alloc((x->main->p->n_values + 1) * sizeof *spans);
    if (!spans) return fail_nomem(x->main->p->n_values * sizeof *spans);
    u32 n = 0;
    layout_result all = { 0 };
    qn_status s = fill_spans(x, false, spans, &n);
    if (s == QN_OK && x->device->info.caps.host_memory) s = layout_make(spans, n, &all);
    mem_free(spans);
    return s == QN_OK && all.peak > most_bytes(x) ? no_room(x, 0, all.peak) : s;
}

qn_status exec_make_room(exec *x, qn_buf *old)
{
    grow_capacity(x);
    bool enough;
    QN_TRY(fits(x, &enough));
    if (enough) return QN_OK;
    qn_status s = lay_out(x, keep_room(x), old);
    if (s != QN_OK && x->stats.kept_bytes) s = lay_out(x, 0, old);
    /* What others asked for may be what does not fit: this run's own sizes then, so that one too large spoils no other. */
    if (s != QN_OK) {
        for (u32 i = 0; i < x->n_bound; i++) x->capacity[i] = (sym_at){ MAX(x->bound[i].is, 0), x->bound[i].bound };
        s = lay_out(x, 0, old);
    }
    return s == QN_OK ? fits(x, &enough) : s;
}

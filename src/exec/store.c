/* Where the bytes of a value are: on the device (in the layout, or in a late buffer), on the host, or both. */
#include "exec/exec.h"

void *call_alloc(exec *x, u64 bytes)
{
    if (!x->call) x->call = arena_make();
    void *p = x->call ? arena_alloc(x->call, bytes) : NULL;
    if (!p) fail_nomem(bytes);
    return p;
}

static slot *slot_of(frame *f, val v) { return &f->slots[plan_root(f->p, v)]; }

static qn_status value_bytes(const exec *x, const frame *f, val v, u64 *out)
{
    const plan_value *pv = &f->p->values[v];
    i64 elems;
    QN_TRY(exec_size(x, pv->elems, &elems));
    if (elems < 0 || !mul_u64((u64)elems, qn_dtype_bytes(pv->dtype), out))
        return fail(QN_E_SHAPE, "a tensor of %lld elements is too large", (long long)elems);
    return QN_OK;
}

/* ---- late buffers: kept between runs, taken by size */

static u32 pool_find(const exec *x, u64 bytes)
{
    u32 best = 0;
    for (u32 i = 0; i < x->n_pool; i++) {
        const late_buffer *b = &x->pool[i];
        if (b->used || b->bytes < bytes || b->bytes > MAX(bytes, 4096) * 4) continue;
        if (!best || b->bytes < x->pool[best - 1].bytes) best = i + 1;
    }
    return best;
}

static qn_status pool_add(exec *x, u64 bytes, u32 *out)
{
    u64 room = 256;
    while (room < bytes) room *= 2;
    qn_buf buf;
    QN_TRY(x->b->buf_make(x->device, room, &buf));
    if (!ARENA_PUSH_ROOM(x->mem, x->pool, x->n_pool, x->cap_pool, 1u << 24)) {
        x->b->buf_free(x->device, buf);
        return fail_nomem(sizeof(late_buffer));
    }
    x->pool[x->n_pool++] = (late_buffer){ buf, room, false };
    x->stats.device_buffers++;
    *out = x->n_pool;
    return QN_OK;
}

static qn_status take_late(exec *x, frame *f, val root, slot *s)
{
    u64 bytes;
    QN_TRY(value_bytes(x, f, root, &bytes));
    u32 i = pool_find(x, bytes);
    if (!i) QN_TRY(pool_add(x, bytes, &i));
    x->pool[i - 1].used = true;
    s->late = i;
    s->view = (buf_view){ x->pool[i - 1].buf, 0, bytes };
    return QN_OK;
}

void store_release_late(exec *x, frame *f, u32 at)
{
    while (f->late_at < f->n_late) {
        val v = f->late_order[f->late_at];
        if (f->p->values[v].last > at) return;
        f->late_at++;
        if (f->slots[v].late) x->pool[f->slots[v].late - 1].used = false;
        f->slots[v].late = 0;
        f->slots[v].view = (buf_view){ 0 };
    }
}

/* ---- views */

static qn_status upload(exec *x, const slot *s, u64 bytes)
{
    return bytes ? x->b->write(x->device, s->view.buf, s->view.at, (qn_bytes){ s->host, (size_t)bytes }) : QN_OK;
}

qn_status store_view(exec *x, frame *f, val v, buf_view *out)
{
    val root = plan_root(f->p, v);
    slot *s = &f->slots[root];
    if (!s->view.buf) {
        QN_TRY(take_late(x, f, root, s));
        if (s->host) QN_TRY(upload(x, s, s->view.bytes));
    }
    *out = s->view;
    return QN_OK;
}

qn_status store_need_host(exec *x, frame *f, val v, bool *queued)
{
    slot *s = slot_of(f, v);
    if (s->host) return QN_OK;
    if (!s->view.buf) {
        u64 bytes;
        QN_TRY(value_bytes(x, f, v, &bytes));
        if (bytes) return fail(QN_E_BUG, "a value is read before it is made");
        s->host = call_alloc(x, 1);
        return s->host ? QN_OK : QN_E_NOMEM;
    }
    *queued = true;
    if (x->device->info.caps.host_memory) {
        s->host = (const u8 *)x->b->buf_host(x->device, s->view.buf) + s->view.at;
        return QN_OK;
    }
    void *to = call_alloc(x, s->view.bytes);
    if (!to) return QN_E_NOMEM;
    s->host = to;
    return x->b->read(x->device, s->view.buf, s->view.at, to, s->view.bytes);
}

qn_status store_gather(exec *x, frame *f, const val *values, u32 n, bool ask, bool *pending)
{
    bool queued = ask;
    for (u32 i = 0; i < n; i++)
        if (values[i]) QN_TRY(store_need_host(x, f, values[i], &queued));
    *pending = queued;
    if (!queued) return QN_OK;
    QN_TRY(faults_ask(x));
    return x->b->flush(x->device, &x->waiting);
}

const void *store_host(exec *x, frame *f, val v)
{
    (void)x;
    return slot_of(f, v)->host;
}

qn_status store_tensor(exec *x, frame *f, val v, qn_tensor *out)
{
    const type *t = &value_at(f->p->g, v)->type;
    *out = (qn_tensor){ .dtype = t->dtype, .rank = t->rank, .data = store_host(x, f, v) };
    return exec_dims(x, t, out->dims);
}

qn_status store_put(exec *x, frame *f, val v, const qn_tensor *t)
{
    const value *meta = value_at(f->p->g, v);
    if (t->dtype != meta->type.dtype || t->rank != meta->type.rank)
        return fail(QN_E_BUG, "value '%s' was promised as %s of rank %u and came as %s of rank %u",
                    meta->name ? meta->name : "?", qn_dtype_name(meta->type.dtype), meta->type.rank, qn_dtype_name(t->dtype),
                    t->rank);
    QN_TRY(exec_bind_type(x, &meta->type, t->dims, meta->name));
    val root = plan_root(f->p, v);
    slot *s = &f->slots[root];
    s->host = t->data;
    if (!f->p->values[root].on_device || t->dtype == QN_STRING) return QN_OK;
    if (!s->view.buf) {
        buf_view view;
        return store_view(x, f, v, &view);
    }
    s->view.bytes = qn_tensor_bytes(t);
    return upload(x, s, s->view.bytes);
}

/* A body's output becomes its outer's value: the buffer moves when the body alone owns it, else the bytes are copied. */
qn_status store_adopt(exec *x, frame *to, val v, frame *from, val w, bool again)
{
    val root = plan_root(from->p, w);
    slot *s = &from->slots[root], *d = slot_of(to, v);
    const type *have = &value_at(from->p->g, w)->type;
    i64 dims[QN_MAX_RANK];
    QN_TRY(exec_dims(x, have, dims));
    QN_TRY(exec_bind_type(x, &value_at(to->p->g, v)->type, dims, value_at(to->p->g, v)->name));
    if (d->late) x->pool[d->late - 1].used = false;
    d->late = 0;
    d->host = s->host && !(x->device->info.caps.host_memory && s->view.buf) ? s->host : NULL;
    if (s->late && !again) {
        d->late = s->late, d->view = s->view, d->host = s->host;
        *s = (slot){ 0 };
        return QN_OK;
    }
    if (!to->p->values[plan_root(to->p, v)].on_device && d->host) return QN_OK;
    bool layout = d->view.buf != 0;
    buf_view view;
    const void *keep = d->host;
    d->host = NULL;
    if (!layout) QN_TRY(store_view(x, to, v, &view));
    else view = d->view;
    d->host = keep;
    if (s->view.buf)
        return s->view.bytes ? x->b->copy(x->device, view.buf, view.at, s->view.buf, s->view.at, s->view.bytes) : QN_OK;
    return d->host ? upload(x, d, view.bytes) : QN_OK;
}

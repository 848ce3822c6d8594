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

static u32 pool_find(const late_pool *p, u64 bytes)
{
    u32 best = 0;
    for (u32 i = 0; i < p->n; i++) {
        const late_buffer *b = &p->items[i];
        if (b->used || b->bytes < bytes || b->bytes > MAX(bytes, 4096) * 4) continue;
        if (!best || b->bytes < p->items[best - 1].bytes) best = i + 1;
    }
    return best;
}

static qn_status pool_add(exec *x, late_pool *p, u64 bytes, u32 *out)
{
    const u64 most = p->device->info.caps.max_buffer_bytes;
    u64 room = 256;
    while (room < bytes) room *= 2;
    if (most && bytes <= most) room = MIN(room, most);
    qn_buf buf;
    QN_TRY(p->device->backend->buf_make(p->device, room, &buf));
    if (!ARENA_PUSH_ROOM(x->mem, p->items, p->n, p->cap, 1u << 24)) {
        p->device->backend->buf_free(p->device, buf);
        return fail_nomem(sizeof(late_buffer));
    }
    p->items[p->n++] = (late_buffer){ buf, room, false };
    x->stats.device_buffers += p == &x->late;
    *out = p->n;
    return QN_OK;
}

static qn_status take(exec *x, u64 bytes, late_pool *p, u32 *late, buf_view *out)
{
    u32 i = pool_find(p, bytes);
    if (!i) QN_TRY(pool_add(x, p, bytes, &i));
    p->items[i - 1].used = true;
    *late = i;
    *out = (buf_view){ p->items[i - 1].buf, 0, bytes };
    return QN_OK;
}

static qn_status take_late(exec *x, frame *f, val root, slot *s)
{
    u64 bytes;
    s->stale = s->host != NULL;
    QN_TRY(value_bytes(x, f, root, &bytes));
    return take(x, bytes, &x->late, &s->late, &s->view);
}

/* Also of a weight that went there for a body: it is uploaded again. */
void store_let_go(exec *x, slot *s)
{
    if (s->late) {
        x->late.items[s->late - 1].used = false;
        s->view = (buf_view){ 0 };
    }
    if (s->late_here) x->late_here.items[s->late_here - 1].used = false;
    s->late = s->late_here = 0;
}

void store_release_late(exec *x, frame *f, u32 at)
{
    while (f->late_at < f->n_late) {
        val v = f->late_order[f->late_at];
        if (f->p->values[v].last > at) return;
        slot *s = &f->slots[v];
        f->late_at++;
        if (s->late_here) s->host = NULL;
        store_let_go(x, s);
        s->here = (buf_view){ 0 };
        if (f->p->values[v].late) s->view = (buf_view){ 0 };
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
    if (!s->view.buf) QN_TRY(take_late(x, f, root, s));
    if (s->stale) QN_TRY(upload(x, s, s->view.bytes));
    s->stale = false;
    *out = s->view;
    return QN_OK;
}

static void *address_here(const exec *x, const slot *s) { return x->host->backend->buf_host(x->host, s->here.buf); }

/* Room for a value that launches on the host use. */
static qn_status make_here(exec *x, frame *f, val root, slot *s)
{
    u64 bytes;
    if (s->here.buf) return QN_OK;
    QN_TRY(value_bytes(x, f, root, &bytes));
    return take(x, bytes, &x->late_here, &s->late_here, &s->here);
}

qn_status store_here(exec *x, frame *f, val v, bool written, buf_view *out)
{
    val root = plan_root(f->p, v);
    slot *s = &f->slots[root];
    if (!s->here.buf) {
        QN_TRY(make_here(x, f, root, s));
        if (!written && s->host && s->here.bytes) memcpy(address_here(x, s), s->host, (size_t)s->here.bytes);
        s->host = address_here(x, s);
    }
    s->stale |= written;
    *out = s->here;
    return QN_OK;
}

qn_status store_need_host(exec *x, frame *f, val v, bool *queued)
{
    slot *s = slot_of(f, v);
    if (s->host) return QN_OK;
    if (!s->view.buf || s->stale) {
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
    void *to;
    if (f->p->values[plan_root(f->p, v)].on_host) {
        QN_TRY(make_here(x, f, plan_root(f->p, v), s));
        to = address_here(x, s);
    } else to = call_alloc(x, s->view.bytes);
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
    if (!f->p->values[root].on_device || dtype_is_for_host(t->dtype)) return QN_OK;
    if (s->view.buf) s->view.bytes = qn_tensor_bytes(t);
    s->stale = true;
    buf_view view;
    return store_view(x, f, v, &view);
}

/* out gets bytes of its own that are s's: on the device where `use` wants them there and s has them there, else on the host. */
static qn_status copy_lent(exec *x, const slot *s, u64 bytes, const plan_value *use, slot *out)
{
    bool there = s->view.buf && !s->stale;
    if (there && (use->on_device || !s->host)) {
        QN_TRY(take(x, bytes, &x->late, &out->late, &out->view));
        return bytes ? x->b->copy(x->device, out->view.buf, out->view.at, s->view.buf, s->view.at, bytes) : QN_OK;
    }
    void *copy = call_alloc(x, MAX(bytes, 1));
    if (!copy) return QN_E_NOMEM;
    if (bytes && s->host) memcpy(copy, s->host, (size_t)bytes);
    out->host = copy;
    return QN_OK;
}

/* Buffers that the body alone owns move, lent ones are copied. */
qn_status store_take(exec *x, frame *from, val w, bool again, const plan_value *use, slot *out)
{
    slot *s = slot_of(from, w);
    u64 bytes;
    QN_TRY(value_bytes(x, from, w, &bytes));
    const bool moves = s->late && !again, moves_here = s->late_here && !again;
    *out = (slot){ 0 };
    if (moves) out->late = s->late, out->view = s->view, out->stale = s->stale;
    if (moves_here) out->late_here = s->late_here, out->here = s->here;
    bool lent = s->here.buf ? !moves_here : s->view.buf && !moves && x->device->info.caps.host_memory;
    if (!lent) out->host = s->host;
    if (!again) s->late = s->late_here = 0;
    if (out->host || (out->view.buf && !out->stale)) return QN_OK;
    return copy_lent(x, s, bytes, use, out);
}

qn_status store_adopt(exec *x, frame *to, val v, frame *from, val w, bool again)
{
    slot taken, *d = slot_of(to, v);
    i64 dims[QN_MAX_RANK];
    QN_TRY(exec_dims(x, &value_at(from->p->g, w)->type, dims));
    QN_TRY(store_take(x, from, w, again, &to->p->values[plan_root(to->p, v)], &taken));
    store_let_go(x, d);
    *d = taken;
    return exec_bind_type(x, &value_at(to->p->g, v)->type, dims, value_at(to->p->g, v)->name);
}

/* The end of a run: each output is handed to a buffer that stays on the device, or read back where the caller looks at it, and a flush tells
 * when that is done. Where the device's memory is the host's, nothing is copied but constants. */
#include "exec/exec.h"

static qn_status stage(exec *x, u32 i, const slot *s, const void **out)
{
    u64 bytes = s->view.bytes;
    if (bytes > x->staging_bytes[i]) {
        void *room = mem_alloc(bytes);
        if (!room) return fail_nomem(bytes);
        mem_free(x->staging[i]);
        x->staging[i] = room, x->staging_bytes[i] = bytes;
    }
    *out = x->staging[i];
    return bytes ? x->b->read(x->device, s->view.buf, s->view.at, x->staging[i], bytes) : QN_OK;
}

/* A constant may lie unaligned in its file: what the caller gets is a copy. */
static qn_status copy_constant(exec *x, qn_tensor *t)
{
    u64 bytes = qn_tensor_bytes(t);
    void *copy = call_alloc(x, MAX(bytes, 1));
    if (!copy) return QN_E_NOMEM;
    if (bytes) memcpy(copy, t->data, (size_t)bytes);
    t->data = copy;
    return QN_OK;
}

static qn_status buffer_for(exec *x, outlet *o, u64 bytes, const qn_buffer **out)
{
    if (o->keep) QN_TRY(qn_buffer_make(x->device, bytes, &o->made));
    *out = o->keep ? o->made : o->to;
    return QN_OK;
}

/* Into the caller's buffer, or one that becomes his, from wherever it is. */
static qn_status hand_over(exec *x, u32 i, const slot *s, const qn_tensor *t)
{
    u64 bytes = qn_tensor_bytes(t);
    const qn_buffer *b;
    buf_view to;
    const value *meta = value_at(x->main->p->g, x->main->p->g->outputs[i]);
    if (dtype_is_for_host(t->dtype))
        return fail(QN_E_UNSUPPORTED, "output '%s' is a %s, which cannot stay on the device", meta->name,
                    qn_dtype_name(t->dtype));
    QN_TRY(buffer_for(x, &x->outlets[i], bytes, &b));
    QN_TRY(user_kernel_view(b, x->device, meta->name, bytes, &to));
    if (!bytes) return QN_OK;
    if (s->view.buf && !s->stale) return x->b->copy(x->device, to.buf, to.at, s->view.buf, s->view.at, bytes);
    if (!s->host) return fail(QN_E_BUG, "output '%s' is nowhere", meta->name);
    return x->b->write(x->device, to.buf, to.at, (qn_bytes){ s->host, (size_t)bytes });
}

static qn_status queue_output(exec *x, u32 i)
{
    frame *f = x->main;
    val v = live(f->p->g, f->p->g->outputs[i]);
    slot *s = &f->slots[plan_root(f->p, v)];
    const type *t = &value_at(f->p->g, v)->type;
    qn_tensor *out = &x->outputs[i];
    *out = (qn_tensor){ .dtype = t->dtype, .rank = t->rank };
    QN_TRY(exec_dims(x, t, out->dims));
    if (x->outlets && (x->outlets[i].to || x->outlets[i].keep)) return hand_over(x, i, s, out);
    out->data = s->host;
    if (out->data && plan_is_constant(f->p, plan_root(f->p, v))) return copy_constant(x, out);
    if (out->data) return QN_OK;
    if (!s->view.buf) {
        bool queued = false;
        QN_TRY(store_need_host(x, f, v, &queued));
        out->data = s->host;
        return QN_OK;
    }
    if (!x->device->info.caps.host_memory) return stage(x, i, s, &out->data);
    out->data = (const u8 *)x->b->buf_host(x->device, s->view.buf) + s->view.at;
    return QN_OK;
}

void outputs_drop(outlet *outlets, u32 n)
{
    for (u32 i = 0; outlets && i < n; i++) {
        qn_buffer_free(outlets[i].made);
        outlets[i].made = NULL;
    }
}

qn_status outputs_queue(exec *x)
{
    for (u32 i = 0; i < x->main->p->g->n_outputs; i++) QN_TRY(queue_output(x, i));
    x->now = NULL;
    QN_TRY(faults_ask(x));
    return x->b->flush(x->device, &x->waiting);
}

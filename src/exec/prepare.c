/* Plan -> device: a frame for every plan, programs built, weights uploaded (or lent, where the device reads host memory). */
#include <stdlib.h>

#include "exec/exec.h"

frame *exec_frame(exec *x, const plan *p)
{
    frame *f = x->made;
    while (f && f->p != p) f = f->next_made;
    return f;
}

/* ---- weights */

static qn_status own(exec *x, qn_buf buf)
{
    if (!ARENA_PUSH_ROOM(x->mem, x->owned, x->n_owned, x->cap_owned, 1u << 24)) {
        x->b->buf_free(x->device, buf);
        return fail_nomem(sizeof buf);
    }
    x->owned[x->n_owned++] = buf;
    x->stats.device_buffers++;
    return QN_OK;
}

static qn_status make_weight(exec *x, const void *data, u64 bytes, qn_buf *out)
{
    if (x->b->buf_lend && x->device->info.caps.host_memory) {
        QN_TRY(x->b->buf_lend(x->device, data, bytes, out));
        return own(x, *out);
    }
    QN_TRY(x->b->buf_make(x->device, MAX(bytes, 4), out));
    QN_TRY(own(x, *out));
    return bytes ? x->b->write(x->device, *out, 0, (qn_bytes){ data, (size_t)bytes }) : QN_OK;
}

static const char *weight_name(const frame *f, val v)
{
    const char *name = v <= f->p->g->n_values ? value_at(f->p->g, v)->name : NULL;
    return name ? name : "?";
}

static qn_status weight(exec *x, frame *f, val v, const qn_tensor *t)
{
    u64 bytes = qn_tensor_bytes(t);
    f->slots[v].host = t->data;
    if (!f->p->values[v].on_device) return QN_OK;
    x->stats.weights_bytes += bytes;
    qn_buf buf;
    QN_TRY(fail_in(make_weight(x, t->data, bytes, &buf), "weight '%s': ", weight_name(f, v)));
    f->slots[v].view = (buf_view){ buf, 0, bytes };
    return QN_OK;
}

/* One whose elements come later: room for them, on the device or, where only the host uses it, here. */
static qn_status weight_outside(exec *x, frame *f, val v, const qn_tensor *t)
{
    u64 bytes = qn_tensor_bytes(t);
    loading l = { .from = outside_of(f->p->g, v), .dtype = t->dtype, .elems = qn_tensor_elems(t) };
    l.bytes = l.from->packed_bits ? (l.elems * l.from->packed_bits + 7) / 8 : bytes;
    slot *s = &f->slots[v];
    if (f->p->values[v].on_device) {
        x->stats.weights_bytes += bytes;
        QN_TRY(x->b->buf_make(x->device, MAX(bytes, 4), &l.buf));
        QN_TRY(own(x, l.buf));
        s->view = (buf_view){ l.buf, 0, bytes };
        if (x->device->info.caps.host_memory) s->host = x->b->buf_host(x->device, l.buf);
    } else {
        l.host = arena_alloc(x->mem, bytes);
        if (!l.host) return fail_nomem(bytes);
        s->host = l.host;
    }
    return load_add(x, &l);
}

static qn_status weights(exec *x, frame *f)
{
    const graph *g = f->p->g;
    for (u32 v = 1; v <= g->n_values; v++) {
        if (!is_weight(g, v)) continue;
        qn_tensor t = constant_tensor(g, v);
        if (!outside_of(g, v)) QN_TRY(weight(x, f, v, &t));
        else if (live(g, v) == v && value_at(g, v)->uses) QN_TRY(weight_outside(x, f, v, &t));
    }
    for (u32 i = 0; i < f->p->n_tables; i++) QN_TRY(weight(x, f, f->p->tables[i].id, &f->p->tables[i].tensor));
    return QN_OK;
}

/* ---- frames */

static THREAD_LOCAL const plan *sorting; /* qsort has no context: set just before it, for this thread alone */

static int earlier_last(const void *a, const void *b)
{
    u32 x = sorting->values[*(const u32 *)a].last, y = sorting->values[*(const u32 *)b].last;
    return x < y ? -1 : x > y;
}

static qn_status order_late(exec *x, frame *f)
{
    const plan *p = f->p;
    f->late_order = ARENA_ARRAY(x->mem, p->n_values + 1, u32);
    if (!f->late_order) return fail_nomem(p->n_values * sizeof(u32));
    for (u32 v = 1; v <= p->n_values; v++)
        if (p->values[v].late && p->values[v].root == v && p->values[v].first != UINT32_MAX) f->late_order[f->n_late++] = v;
    sorting = p;
    qsort(f->late_order, f->n_late, sizeof *f->late_order, earlier_last);
    return QN_OK;
}

static qn_status frame_make(exec *x, const plan *p);

static qn_status frames_of_bodies(exec *x, const plan *p)
{
    for (u32 i = 0; i < p->n_steps; i++)
        for (u32 k = 0; k < 2; k++)
            if (p->steps[i].body[k]) QN_TRY(frame_make(x, p->steps[i].body[k]));
    return QN_OK;
}

static qn_status frame_make(exec *x, const plan *p)
{
    frame *f = ARENA_NEW(x->mem, frame);
    if (!f) return fail_nomem(sizeof *f);
    f->p = p;
    f->slots = ARENA_ARRAY(x->mem, p->n_values + 1, slot);
    f->programs = ARENA_ARRAY(x->mem, p->n_programs + 1, qn_prog);
    if (!f->slots || !f->programs) return fail_nomem(p->n_values * sizeof(slot));
    f->next_made = x->made;
    x->made = f;
    if (!x->main) x->main = f;
    for (u32 i = 0; i < p->n_programs; i++) QN_TRY(x->b->prog_make(x->device, &p->programs[i], &f->programs[i]));
    QN_TRY(weights(x, f));
    QN_TRY(order_late(x, f));
    return frames_of_bodies(x, p);
}

static qn_status make_outputs(exec *x)
{
    u32 n = x->main->p->g->n_outputs;
    x->outputs = ARENA_ARRAY(x->mem, n + 1, qn_tensor);
    x->from = ARENA_ARRAY(x->mem, x->main->p->g->n_inputs + 1, qn_buffer *);
    x->to = ARENA_ARRAY(x->mem, n + 1, qn_buffer *);
    x->staging = ARENA_ARRAY(x->mem, n + 1, void *);
    x->staging_bytes = ARENA_ARRAY(x->mem, n + 1, u64);
    return x->outputs && x->from && x->to && x->staging && x->staging_bytes ? QN_OK : fail_nomem(n * sizeof(qn_tensor));
}

static qn_status make_bindings(exec *x)
{
    x->n_bound = sym_variable_count(x->main->p->g);
    x->bound = ARENA_ARRAY(x->mem, x->n_bound + 1, i64);
    x->capacity = ARENA_ARRAY(x->mem, x->n_bound + 1, i64);
    if (!x->bound || !x->capacity) return fail_nomem(x->n_bound * sizeof(i64));
    for (u32 i = 0; i < x->n_bound; i++) x->bound[i] = x->capacity[i] = INT64_MIN;
    return QN_OK;
}

static qn_status fill(exec *x, const plan *p)
{
    QN_TRY(frame_make(x, p));
    QN_TRY(make_bindings(x));
    QN_TRY(faults_make(x));
    exec_expect(x);
    return make_outputs(x);
}

qn_status exec_make(const plan *p, qn_device *d, arena *mem, bool profile, exec **out)
{
    exec *x = ARENA_NEW(mem, exec);
    if (!x) return fail_nomem(sizeof *x);
    *x = (exec){ .device = d, .b = d->backend, .mem = mem, .profile = profile };
    x->stats.plans = 1;
    qn_status s = fill(x, p);
    if (s != QN_OK) exec_close(x);
    else *out = x;
    return s;
}

void exec_abandon(exec *x)
{
    qn_ticket t = x->waiting;
    bool done = false;
    attempt_begin();
    if (!t && x->b->flush(x->device, &t) != QN_OK) t = 0; /* then nothing is under way */
    if (t && x->b->forget) x->b->forget(x->device, t);
    else
        while (t && x->b->poll(x->device, t, &done) == QN_OK && !done) x->b->wait_a_little(x->device, t);
    attempt_end(false);
}

/* A device frees in order of its queue, so closing in the middle of a run is safe once no read writes into our memory. */
void exec_close(exec *x)
{
    if (!x) return;
    if (x->running) exec_abandon(x);
    for (frame *f = x->made; f; f = f->next_made)
        for (u32 i = 0; i < f->p->n_programs; i++)
            if (f->programs[i]) x->b->prog_free(x->device, f->programs[i]);
    if (x->faults) x->b->buf_free(x->device, x->faults);
    if (x->memory) x->b->buf_free(x->device, x->memory);
    exec_free_apart(x);
    for (u32 i = 0; i < x->n_pool; i++) x->b->buf_free(x->device, x->pool[i].buf);
    for (u32 i = 0; i < x->n_owned; i++) x->b->buf_free(x->device, x->owned[i]);
    for (u32 i = 0; x->staging && i < x->main->p->g->n_outputs; i++) mem_free(x->staging[i]);
    mem_free(x->rows);
    arena_free(x->call);
}

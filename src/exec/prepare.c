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

static qn_status own(exec *x, qn_device *d, qn_buf buf)
{
    if (!ARENA_PUSH_ROOM(x->mem, x->owned, x->n_owned, x->cap_owned, 1u << 24)) {
        d->backend->buf_free(d, buf);
        return fail_nomem(sizeof buf);
    }
    x->owned[x->n_owned++] = (owned_buffer){ d, buf };
    x->stats.device_buffers += d == x->device;
    return QN_OK;
}

static qn_status make_room(exec *x, qn_device *d, u64 bytes, buf_view *out)
{
    *out = (buf_view){ 0, 0, bytes };
    QN_TRY(d->backend->buf_make(d, MAX(bytes, 4), &out->buf));
    return own(x, d, out->buf);
}

static qn_status make_weight(exec *x, qn_device *d, const void *data, u64 bytes, buf_view *out)
{
    const qn_backend *b = d->backend;
    if (b->buf_lend && d->info.caps.host_memory) {
        *out = (buf_view){ 0, 0, bytes };
        QN_TRY(b->buf_lend(d, data, bytes, &out->buf));
        return own(x, d, out->buf);
    }
    QN_TRY(make_room(x, d, bytes, out));
    return bytes ? b->write(d, out->buf, 0, (qn_bytes){ data, (size_t)bytes }) : QN_OK;
}

static const char *weight_name(const frame *f, val v)
{
    const char *name = v <= f->p->g->n_values ? value_at(f->p->g, v)->name : NULL;
    return name ? name : "?";
}

static qn_status weight(exec *x, frame *f, val v, const qn_tensor *t)
{
    u64 bytes = qn_tensor_bytes(t);
    slot *s = &f->slots[v];
    s->host = t->data;
    if (f->p->values[v].on_host) QN_TRY(make_weight(x, x->host, t->data, bytes, &s->here));
    if (!f->p->values[v].on_device) return QN_OK;
    x->stats.weights_bytes += bytes;
    if (!x->device->info.caps.host_memory) x->load_queued += bytes;
    return fail_in(make_weight(x, x->device, t->data, bytes, &s->view), "weight '%s': ", weight_name(f, v));
}

/* One whose elements come later: room for them, on the device, here, or on both. */
static qn_status weight_outside(exec *x, frame *f, val v, const qn_tensor *t)
{
    u64 bytes = qn_tensor_bytes(t);
    loading l = { .from = outside_of(f->p->g, v), .dtype = t->dtype, .elems = qn_tensor_elems(t) };
    l.bytes = l.from->packed_bits ? (l.elems * l.from->packed_bits + 7) / 8 : bytes;
    const plan_value *use = &f->p->values[v];
    slot *s = &f->slots[v];
    if (use->on_device) {
        x->stats.weights_bytes += bytes;
        QN_TRY(fail_in(make_room(x, x->device, bytes, &s->view), "weight '%s': ", weight_name(f, v)));
        l.buf = s->view.buf;
        if (x->device->info.caps.host_memory) s->host = x->b->buf_host(x->device, l.buf);
    }
    if (use->on_host) {
        QN_TRY(make_room(x, x->host, bytes, &s->here));
        s->host = l.host = x->host->backend->buf_host(x->host, s->here.buf);
    } else if (!use->on_device) {
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
        if ((p->values[v].late || p->values[v].on_host) && p->values[v].root == v && p->values[v].first != UINT32_MAX &&
            !plan_is_constant(p, v))
            f->late_order[f->n_late++] = v;
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

static qn_status make_programs(exec *x, frame *f)
{
    const plan *p = f->p;
    for (u32 i = 0; i < p->n_programs; i++) {
        if (p->programs_on_host[i] && !x->host) QN_TRY(device_host(x->device, &x->host));
        qn_device *d = p->programs_on_host[i] ? x->host : x->device;
        f->programs[i] = trial_take_program(x->tried, p, i);
        if (!f->programs[i]) QN_TRY(d->backend->prog_make(d, &p->programs[i], &f->programs[i]));
    }
    x->late_here.device = x->host;
    return QN_OK;
}

static qn_status frame_make(exec *x, const plan *p)
{
    frame *f = ARENA_NEW(x->mem, frame);
    if (!f) return fail_nomem(sizeof *f);
    f->p = p;
    f->slots = ARENA_ARRAY(x->mem, p->n_values + 1, slot);
    f->programs = ARENA_ARRAY(x->mem, p->n_programs + 1, qn_prog);
    f->chosen = ARENA_ARRAY(x->mem, p->n_choices + 1, chosen);
    if (!f->slots || !f->programs || !f->chosen) return fail_nomem(p->n_values * sizeof(slot));
    f->next_made = x->made;
    x->made = f;
    if (!x->main) x->main = f;
    QN_TRY(make_programs(x, f));
    QN_TRY(weights(x, f));
    QN_TRY(order_late(x, f));
    return frames_of_bodies(x, p);
}

static qn_status make_outputs(exec *x)
{
    u32 n = x->main->p->g->n_outputs;
    x->outputs = ARENA_ARRAY(x->mem, n + 1, qn_tensor);
    x->from = ARENA_ARRAY(x->mem, x->main->p->g->n_inputs + 1, qn_buffer *);
    x->staging = ARENA_ARRAY(x->mem, n + 1, void *);
    x->staging_bytes = ARENA_ARRAY(x->mem, n + 1, u64);
    return x->outputs && x->from && x->staging && x->staging_bytes ? QN_OK : fail_nomem(n * sizeof(qn_tensor));
}

static qn_status make_bindings(exec *x)
{
    x->n_bound = sym_variable_count(x->main->p->g);
    x->bound = ARENA_ARRAY(x->mem, x->n_bound + 1, sym_at);
    x->capacity = ARENA_ARRAY(x->mem, x->n_bound + 1, sym_at);
    x->known_for = ARENA_ARRAY(x->mem, x->n_bound + 1, sym_at);
    x->n_known = sym_count(x->main->p->g);
    x->known = ARENA_ARRAY(x->mem, x->n_known + 1, known_size);
    if (!x->bound || !x->capacity || !x->known_for || !x->known) return fail_nomem(x->n_bound * sizeof(sym_at));
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

qn_status exec_make(const plan *p, qn_device *d, arena *mem, bool profile, trial *tried, exec **out)
{
    exec *x = ARENA_NEW(mem, exec);
    if (!x) return fail_nomem(sizeof *x);
    *x = (exec){ .device = d, .b = d->backend, .mem = mem, .profile = profile, .tried = tried, .late.device = d };
    x->stats.plans = 1;
    x->draws = &x->own_draws;
    qn_status s = fill(x, p);
    x->tried = NULL;
    if (s != QN_OK) exec_close(x);
    else *out = x;
    return s;
}

static void free_pool(const late_pool *p)
{
    for (u32 i = 0; i < p->n; i++) p->device->backend->buf_free(p->device, p->items[i].buf);
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
        for (u32 i = 0; i < f->p->n_programs; i++) {
            qn_device *d = f->p->programs_on_host[i] ? x->host : x->device;
            if (f->programs[i]) d->backend->prog_free(d, f->programs[i]);
        }
    if (x->faults) x->b->buf_free(x->device, x->faults);
    if (x->memory) x->b->buf_free(x->device, x->memory);
    exec_free_apart(x);
    free_pool(&x->late);
    free_pool(&x->late_here);
    for (u32 i = 0; i < x->n_owned; i++) x->owned[i].device->backend->buf_free(x->owned[i].device, x->owned[i].buf);
    for (u32 i = 0; x->staging && i < x->main->p->g->n_outputs; i++) mem_free(x->staging[i]);
    mem_free(x->rows);
    arena_free(x->call);
}

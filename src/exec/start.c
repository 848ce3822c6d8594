/* The start of a run: inputs matched by name, sizes bound, memory laid out when something grew, input bytes queued. */
#include "exec/exec.h"

/* ---- sizes: computed once for the sizes of the inputs, not once for each use */

bool exec_size_kept(const exec *x, sym s, i64 *out)
{
    if (!x->settled || s >= x->n_known || x->known[s].round != x->round) return false;
    *out = x->known[s].is;
    return true;
}

static bool size_now(const exec *x, sym s, i64 *out)
{
    const graph *g = x->main->p->g;
    if (exec_size_kept(x, s, out)) return true;
    if (!sym_eval(g, s, x->bound, out)) return false;
    known_size *k = x->settled && s < x->n_known ? &x->known[s] : NULL;
    if (!k || k->late) return true;
    if (sym_uses_unbound(g, s, x->main->p->bound_at_start)) k->late = true;
    else k->is = *out, k->round = x->round;
    return true;
}

/* The inputs are bound: what is known for the same sizes stays known. */
static void settle(exec *x)
{
    const plan *p = x->main->p;
    bool same = x->round != 0;
    for (u32 i = 0; i < p->n_bound_at_start; i++) {
        if (!p->bound_at_start[i].bound) continue;
        same = same && x->known_for[i].bound == x->bound[i].bound && x->known_for[i].is == x->bound[i].is;
        x->known_for[i] = x->bound[i];
    }
    x->round += !same;
    x->settled = true;
}

/* A body may give the name of an outer size to another one. */
static void bind(exec *x, u32 variable, i64 to)
{
    const plan *p = x->main->p;
    bool at_start = variable < p->n_bound_at_start && p->bound_at_start[variable].bound;
    if (at_start && (!x->bound[variable].bound || x->bound[variable].is != to)) x->settled = false;
    x->bound[variable] = (sym_at){ to, true };
}

qn_status exec_size(const exec *x, sym s, i64 *out)
{
    const graph *g = x->main->p->g;
    if (s && size_now(x, s, out)) return QN_OK;
    str text = { 0 };
    if (s) sym_print(g, s, &text);
    bool tells = text.text && !text.bad && text.n <= 60; /* a longer one nobody reads */
    qn_status status = fail(QN_E_SHAPE, "%s%s is no number of 64 bits for these inputs", tells ? "the size " : "a size",
                            tells ? text.text : "");
    str_free(&text);
    return status;
}

u64 exec_flops(const exec *x, const plan *p)
{
    u64 total = 0;
    for (u32 i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        i64 flops, on = 1;
        if (s->launch && s->launch->when && sym_eval(p->g, s->launch->when, x->bound, &on) && !on) continue;
        if (s->flops && sym_eval(p->g, s->flops, x->bound, &flops) && flops > 0) total += (u64)flops;
        if (s->body[0]) total += exec_flops(x, s->body[0]);
    }
    return total;
}

qn_status exec_dims(const exec *x, const type *t, i64 *dims)
{
    for (u32 i = 0; i < t->rank; i++) {
        QN_TRY(exec_size(x, t->dims[i], &dims[i]));
        if (dims[i] < 0) return fail(QN_E_SHAPE, "dimension %u would be %lld for these inputs", i, (long long)dims[i]);
    }
    return QN_OK;
}

qn_status exec_bind_type(exec *x, const type *t, const i64 *dims, const char *what)
{
    for (u32 i = 0; i < t->rank; i++) {
        u32 variable = sym_variable_index(x->main->p->g, t->dims[i]);
        if (variable != UINT32_MAX && !x->bound[variable].bound) bind(x, variable, dims[i]);
        i64 want;
        QN_TRY(exec_size(x, t->dims[i], &want));
        if (want == dims[i]) continue;
        if (variable != UINT32_MAX && x->now && x->now != x->main)
            bind(x, variable, dims[i]); /* a body's size changes with the turn */
        else
            return fail(QN_E_SHAPE, "'%s': dimension %u is %lld, %s%s%s wants %lld", what ? what : "?", i,
                        (long long)dims[i], variable != UINT32_MAX ? "'" : "the model",
                        variable != UINT32_MAX ? sym_variable_name(x->main->p->g, variable) : "",
                        variable != UINT32_MAX ? "' of another input" : "", (long long)want);
    }
    return QN_OK;
}

/* ---- inputs */

static const qn_named *given(const qn_named *in, size_t n_in, const char *name)
{
    for (size_t i = 0; i < n_in; i++)
        if (text_same(in[i].name, name)) return &in[i];
    return NULL;
}

static qn_status check_names(const exec *x, const qn_named *in, size_t n_in)
{
    const graph *g = x->main->p->g;
    for (size_t i = 0; i < n_in; i++) {
        bool known = false;
        for (u32 k = 0; k < g->n_inputs && !known; k++) known = text_same(value_at(g, g->inputs[k])->name, in[i].name);
        if (!known) return fail(QN_E_NAME, "the model has no input '%s'", in[i].name ? in[i].name : "(NULL)");
        if (given(in, i, in[i].name)) return fail(QN_E_NAME, "input '%s' is given twice", in[i].name);
    }
    return QN_OK;
}

static i64 integer_at(const qn_tensor *t, u64 i)
{
    const u8 *at = (const u8 *)t->data + i * qn_dtype_bytes(t->dtype);
    union {
        i64 i64;
        i32 i32;
        u32 u32;
        i16 i16;
        u16 u16;
        i8 i8;
    } x = { 0 };
    memcpy(&x, at, MIN(qn_dtype_bytes(t->dtype), sizeof x));
    switch (t->dtype) {
    case QN_I32: return x.i32;
    case QN_U32: return x.u32;
    case QN_I16: return x.i16;
    case QN_U16: return x.u16;
    case QN_I8: return x.i8;
    case QN_U8:
    case QN_BOOL: return *at;
    default: return x.i64;
    }
}

void exec_bind_elems(exec *x, const value *v, const qn_tensor *t)
{
    for (u32 e = 0; e < v->n_elems; e++) {
        u32 variable = sym_variable_index(x->main->p->g, v->elems[e]);
        if (variable != UINT32_MAX) bind(x, variable, integer_at(t, e));
    }
}

static qn_status bind_input(exec *x, u32 index, const qn_named *in)
{
    val v = x->main->p->g->inputs[index];
    const value *meta = value_at(x->main->p->g, v);
    if (!in) return fail(QN_E_NAME, "input '%s' is missing", meta->name);
    const qn_tensor *t = &in->tensor;
    if (t->dtype != meta->type.dtype)
        return fail(QN_E_DTYPE, "input '%s' is %s, the model wants %s", meta->name, qn_dtype_name(t->dtype),
                    qn_dtype_name(meta->type.dtype));
    if (t->rank != meta->type.rank)
        return fail(QN_E_SHAPE, "input '%s' has rank %u, the model wants %u", meta->name, t->rank, meta->type.rank);
    for (u32 i = 0; i < t->rank; i++)
        if (t->dims[i] < 0)
            return fail(QN_E_SHAPE, "input '%s': dimension %u is %lld", meta->name, i, (long long)t->dims[i]);
    if (!t->data && !x->from[index] && qn_tensor_bytes(t)) return fail(QN_E_USAGE, "input '%s' has no data", meta->name);
    if (meta->type.of) QN_TRY(list_check(x->main->p->g, meta->type.of, t, meta->name));
    QN_TRY(exec_bind_type(x, &meta->type, t->dims, meta->name));
    if (meta->elems_read) exec_bind_elems(x, meta, t);
    return QN_OK;
}

/* ---- layout */

static qn_status bytes_at(const exec *x, const plan_value *v, const sym_at *at, u64 *out)
{
    i64 elems;
    bool known = at == x->bound ? v->elems && size_now(x, v->elems, &elems) : sym_eval(x->main->p->g, v->elems, at, &elems);
    if (!known || elems < 0) return exec_size(x, v->elems, &elems);
    return mul_u64((u64)elems, qn_dtype_bytes(v->dtype), out)
               ? QN_OK
               : fail(QN_E_SHAPE, "a tensor of %lld elements is too large", (long long)elems);
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
        QN_TRY(of_value(x, v, bytes_at(x, &p->values[v], x->bound, &bytes)));
        if (bytes > x->main->slots[v].allotted) *out = false;
        x->main->slots[v].view.bytes = bytes;
    }
    return QN_OK;
}

static qn_status fill_spans(exec *x, span *spans, u32 *n)
{
    const plan *p = x->main->p;
    for (u32 v = 1; v <= p->n_values; v++) {
        if (!plan_in_layout(p, v)) continue;
        u64 now = 0, room = 0;
        QN_TRY(of_value(x, v, bytes_at(x, &p->values[v], x->bound, &now)));
        i64 ignored;
        if (sym_eval(p->g, p->values[v].elems, x->capacity, &ignored) && ignored >= 0)
            QN_TRY(of_value(x, v, bytes_at(x, &p->values[v], x->capacity, &room)));
        spans[(*n)++] = (span){ .bytes = MAX(MAX(now, room), 4), .first = p->values[v].first, .last = p->values[v].last };
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

static qn_status lay_out(exec *x, qn_buf *old)
{
    const plan *p = x->main->p;
    span *spans = mem_alloc((p->n_values + 1) * sizeof *spans);
    if (!spans) return fail_nomem(p->n_values * sizeof *spans);
    u32 n = 0;
    qn_status s = fill_spans(x, spans, &n);
    x->laid_out = false;
    if (s == QN_OK) s = place(x, spans, n, old);
    if (s == QN_OK) {
        x->laid_out = true;
        x->stats.layouts++;
        put_views(x, spans);
    }
    mem_free(spans);
    return s;
}

static qn_status make_room(exec *x, qn_buf *old)
{
    grow_capacity(x);
    bool enough;
    QN_TRY(fits(x, &enough));
    if (enough) return QN_OK;
    qn_status s = lay_out(x, old);
    if (s !=
        QN_OK) { /* what others asked for may be what does not fit: this run's own sizes then, so that one too large spoils no other */
        for (u32 i = 0; i < x->n_bound; i++) x->capacity[i] = (sym_at){ MAX(x->bound[i].is, 0), x->bound[i].bound };
        s = lay_out(x, old);
    }
    return s == QN_OK ? fits(x, &enough) : s;
}

/* ---- input bytes */

static bool holds(qn_device *d, qn_buf buf, u64 bytes, const void *data)
{
    const u8 *base = d->backend->buf_host(d, buf), *at = data;
    return base && at >= base && at < base + bytes;
}

static bool within(const exec *x, const void *data, qn_buf buf, u64 bytes)
{
    return buf && x->device->info.caps.host_memory && holds(x->device, buf, bytes, data);
}

/* An input may be an output of the last run, lent from the memory that is about to be written: such bytes are set aside first. */
static qn_status set_aside(exec *x, const qn_tensor *t, qn_buf old, u64 old_bytes, const void **out)
{
    u64 bytes = qn_tensor_bytes(t);
    bool lent = within(x, t->data, x->memory, x->memory_bytes) || within(x, t->data, old, old_bytes);
    for (u32 i = 0; i < x->late_here.n && !lent; i++)
        lent = holds(x->host, x->late_here.items[i].buf, x->late_here.items[i].bytes, t->data);
    if (!lent) return QN_OK;
    void *copy = call_alloc(x, bytes);
    if (!copy) return QN_E_NOMEM;
    memcpy(copy, t->data, (size_t)bytes);
    *out = copy;
    return QN_OK;
}

/* Texts and what lists hold belong to the run from here on: an output may lend them when the caller's are gone. */
static qn_status keep_input(exec *x, slot *s, const qn_tensor *t)
{
    qn_tensor kept;
    if (!call_alloc(x, 1)) return QN_E_NOMEM;
    QN_TRY(tensor_copy(x->call, t, &kept));
    s->host = kept.data;
    return QN_OK;
}

static qn_status put_input(exec *x, val v, const qn_tensor *t, const void *data)
{
    slot *s = &x->main->slots[v];
    u64 bytes = qn_tensor_bytes(t);
    if (dtype_is_for_host(t->dtype)) return keep_input(x, s, t);
    if (x->main->p->values[v].on_host && bytes) {
        buf_view here;
        QN_TRY(store_here(x, x->main, v, false, &here));
        memcpy(x->host->backend->buf_host(x->host, here.buf), data, (size_t)bytes);
        if (!s->view.buf) return QN_OK;
    }
    if (s->view.buf && bytes) return x->b->write(x->device, s->view.buf, s->view.at, (qn_bytes){ data, (size_t)bytes });
    void *copy = call_alloc(x, MAX(bytes, 1));
    if (!copy) return QN_E_NOMEM;
    if (bytes) memcpy(copy, data, (size_t)bytes);
    s->host = copy;
    return QN_OK;
}

/* An input whose bytes are on the device already. */
static qn_status copy_input(exec *x, u32 i, const qn_tensor *t)
{
    slot *s = &x->main->slots[x->main->p->g->inputs[i]];
    buf_view from;
    QN_TRY(user_kernel_view(x->from[i], x->device, value_at(x->main->p->g, x->main->p->g->inputs[i])->name,
                            qn_tensor_bytes(t), &from));
    return from.bytes ? x->b->copy(x->device, s->view.buf, s->view.at, from.buf, from.at, from.bytes) : QN_OK;
}

static qn_status put_inputs(exec *x, const qn_named *in, size_t n_in, qn_buf old, u64 old_bytes)
{
    const graph *g = x->main->p->g;
    const void **data = call_alloc(x, (g->n_inputs + 1) * sizeof *data);
    if (!data) return QN_E_NOMEM;
    for (u32 i = 0; i < g->n_inputs; i++) {
        const qn_tensor *t = &given(in, n_in, value_at(g, g->inputs[i])->name)->tensor;
        data[i] = t->data;
        QN_TRY(set_aside(x, t, old, old_bytes, &data[i]));
    }
    for (u32 i = 0; i < g->n_inputs; i++) {
        const qn_tensor *t = &given(in, n_in, value_at(g, g->inputs[i])->name)->tensor;
        QN_TRY(x->from[i] ? copy_input(x, i, t) : put_input(x, g->inputs[i], t, data[i]));
    }
    return QN_OK;
}

qn_status exec_bind_input(exec *x, u32 i, qn_buffer *b)
{
    const graph *g = x->main->p->g;
    const value *meta = value_at(g, g->inputs[i]);
    bool on_device = plan_in_layout(x->main->p, g->inputs[i]) && !meta->elems_read;
    if (b && !on_device)
        return fail(QN_E_UNSUPPORTED, "input '%s' is needed on the host, so it cannot come from a buffer", meta->name);
    x->from[i] = b;
    return QN_OK;
}

qn_status exec_bind_output(exec *x, u32 i, qn_buffer *b)
{
    const value *meta = value_at(x->main->p->g, x->main->p->g->outputs[i]);
    if (b && dtype_is_for_host(value_at(x->main->p->g, live(x->main->p->g, x->main->p->g->outputs[i]))->type.dtype))
        return fail(QN_E_UNSUPPORTED, "output '%s' is on the host only, so it cannot go to a buffer", meta->name);
    x->to[i] = b;
    return QN_OK;
}

/* ---- a run */

/* Weights stay, and so does the place of a value in the layout. Of a weight that was never on the host goes what a run read back from the
 * device for itself. */
static void forget_value(exec *x, frame *f, val v)
{
    slot *s = &f->slots[v];
    bool constant = plan_is_constant(f->p, v), placed = constant || (f == x->main && !f->p->values[v].late);
    bool read_back = v <= f->p->g->n_values && outside_of(f->p->g, v) && s->view.buf && !s->here.buf;
    if (s->late || !placed) s->view = (buf_view){ 0 };
    if (s->late_here || !constant) s->here = (buf_view){ 0 };
    if (!constant || (read_back && !x->device->info.caps.host_memory)) s->host = NULL;
    s->stale = false;
    s->late = s->late_here = 0;
}

static void free_late(late_pool *p)
{
    for (u32 i = 0; i < p->n; i++) p->items[i].used = false;
}

static void forget(exec *x)
{
    for (frame *f = x->made; f; f = f->next_made) {
        for (u32 v = 1; v <= f->p->n_values; v++) forget_value(x, f, v);
        f->at = f->late_at = 0;
    }
    free_late(&x->late), free_late(&x->late_here); /* also what a failed run had under way between two slots */
    for (u32 i = 0; i < x->n_bound; i++) x->bound[i] = (sym_at){ 0 };
    x->n_rows = 0;
}

/* A device may tell of a buffer that there was no room for it when work with it is long queued. So none is kept that a run took which
 * failed, and no room for its sizes is asked for again. */
void exec_give_back(exec *x)
{
    forget(x);
    for (u32 i = 0; i < x->late.n; i++) x->b->buf_free(x->device, x->late.items[i].buf);
    if (x->memory) x->b->buf_free(x->device, x->memory);
    exec_free_apart(x);
    x->late.n = 0;
    x->memory = 0, x->memory_bytes = 0;
    x->laid_out = false;
    for (u32 i = 0; i < x->n_bound; i++) x->capacity[i] = (sym_at){ 0 }; /* the size that was too large */
}

static qn_status begin(exec *x, const qn_named *in, size_t n_in, qn_buf *old)
{
    const graph *g = x->main->p->g;
    QN_TRY(check_names(x, in, n_in));
    for (u32 i = 0; i < g->n_inputs; i++) QN_TRY(bind_input(x, i, given(in, n_in, value_at(g, g->inputs[i])->name)));
    settle(x);
    QN_TRY(faults_at_start(x, in, n_in));
    QN_TRY(faults_clear(x));
    u64 old_bytes = x->memory_bytes;
    qn_status room = make_room(x, old);
    if (room == QN_E_SHAPE) QN_TRY(exec_check_needs(x)); /* a node's own sentence is better than that of a size */
    QN_TRY(room);
    return put_inputs(x, in, n_in, *old, old_bytes);
}

qn_status exec_start(exec *x, const qn_named *in, size_t n_in)
{
    if (x->running) return fail(QN_E_USAGE, "the last run is not done; poll its ticket first");
    arena *last_call = x->call; /* outputs of the last run may be inputs of this one */
    qn_buf old = 0;
    x->call = NULL;
    x->now = NULL;
    x->settled = false;
    forget(x);
    qn_status s = begin(x, in, n_in, &old);
    if (old) x->b->buf_free(x->device, old);
    arena_free(last_call);
    if (s == QN_E_NOMEM) exec_abandon(x), exec_give_back(x);
    if (s != QN_OK) return s;
    x->run++;
    x->running = true;
    x->result = QN_OK;
    x->now = x->main;
    x->stats.launches = x->stats.host_steps = x->stats.host_launches = x->stats.random_launches = 0;
    x->profile_from = clock_ns();
    return QN_OK;
}

qn_status exec_reserve(exec *x, u32 variable, i64 size)
{
    if (x->running) return fail(QN_E_USAGE, "a run is under way; poll its ticket first");
    if (size < 0) return fail(QN_E_SHAPE, "a dimension of %lld", (long long)size);
    const sym_at had = x->capacity[variable];
    if (had.bound && size <= had.is) return QN_OK;
    x->capacity[variable] = (sym_at){ size, true };
    x->laid_out = false;
    return QN_OK;
}

/* The start of a run: inputs matched by name, sizes bound (sizes.c), room made for them (room.c), input bytes queued. */
#include "base/nearest.h"
#include "exec/exec.h"

/* ---- inputs */

static const qn_named *given(const qn_named *in, size_t n_in, const char *name)
{
    for (size_t i = 0; i < n_in; i++)
        if (text_same(in[i].name, name)) return &in[i];
    return NULL;
}

/* The input whose name is most like one that is none, or NULL. */
static const char *nearest_input(const graph *g, const char *name)
{
    const char *best = NULL;
    size_t n = strlen(name);
    u32 fewest = nearest_too_many(n);
    for (u32 i = 0; i < g->n_inputs && n <= NEAREST_MAX_BYTES; i++) {
        const char *one = value_at(g, g->inputs[i])->name;
        size_t n_one = one ? strlen(one) : SIZE_MAX;
        u32 edits = n_one <= NEAREST_MAX_BYTES ? nearest_edits(name, n, one, n_one) : fewest;
        if (edits < fewest) best = one, fewest = edits;
    }
    return best;
}

qn_status exec_no_input(const graph *g, const char *name)
{
    const char *near = name ? nearest_input(g, name) : NULL;
    return fail(QN_E_NAME, near ? "the model has no input '%s'; did you mean '%s'?" : "the model has no input '%s'",
                name ? name : "(NULL)", near);
}

static qn_status check_names(const exec *x, const qn_named *in, size_t n_in)
{
    const graph *g = x->main->p->g;
    for (size_t i = 0; i < n_in; i++) {
        bool known = false;
        for (u32 k = 0; k < g->n_inputs && !known; k++) known = text_same(value_at(g, g->inputs[k])->name, in[i].name);
        if (!known) return exec_no_input(g, in[i].name);
        if (given(in, i, in[i].name)) return fail(QN_E_NAME, "input '%s' is given twice", in[i].name);
    }
    return QN_OK;
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
    if (!tensor_has_texts(t)) return fail(QN_E_USAGE, "input '%s' has a text without data", meta->name);
    if (meta->type.of) QN_TRY(list_check(x->main->p->g, &meta->type, t, meta->name));
    QN_TRY(exec_bind_type(x, &meta->type, t->dims, meta->name));
    if (meta->elems_read) exec_bind_elems(x, meta, t);
    return QN_OK;
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
    x->no_room = true;
    for (u32 i = 0; i < x->n_bound; i++) x->capacity[i] = (sym_at){ 0 }; /* the size that was too large */
}

static qn_status begin(exec *x, const qn_named *in, size_t n_in, qn_buf *old)
{
    const graph *g = x->main->p->g;
    QN_TRY(check_names(x, in, n_in));
    for (u32 i = 0; i < g->n_inputs; i++) QN_TRY(bind_input(x, i, given(in, n_in, value_at(g, g->inputs[i])->name)));
    exec_settle(x);
    QN_TRY(faults_at_start(x, in, n_in));
    QN_TRY(faults_clear(x));
    u64 old_bytes = x->memory_bytes;
    qn_status room = exec_make_room(x, old);
    if (room == QN_E_SHAPE) QN_TRY(exec_check_needs(x)); /* a node's own sentence is better than that of a size */
    QN_TRY(room);
    return put_inputs(x, in, n_in, *old, old_bytes);
}

void exec_clear_counts(exec *x)
{
    x->stats.launches = x->stats.host_steps = x->stats.host_launches = x->stats.random_launches = 0;
    x->stats.kept_launches = 0;
    x->n_rows = 0;
}

qn_status exec_start(exec *x, const qn_named *in, size_t n_in)
{
    if (x->running) return fail(QN_E_USAGE, "the last run is not done; poll its ticket first");
    arena *last_call = x->call; /* outputs of the last run may be inputs of this one */
    qn_buf old = 0;
    x->call = NULL;
    memset(x->ends, 0, sizeof x->ends);
    x->now = NULL;
    x->settled = false;
    forget(x);
    qn_status s = begin(x, in, n_in, &old);
    if (old) x->b->buf_free(x->device, old);
    arena_free(last_call);
    if (s == QN_E_NOMEM) exec_abandon(x), exec_give_back(x);
    if (s != QN_OK) return x->result = s; /* what the last run left is gone */
    x->run++;
    x->own_draws.runs++;
    x->running = true;
    x->result = QN_OK;
    exec_clear_counts(x);
    keep_start(x);
    x->now = x->main;
    x->profile_from = clock_ns();
    return QN_OK;
}

qn_status exec_reserve(exec *x, u32 variable, i64 size)
{
    if (x->running) return fail(QN_E_USAGE, "a run is under way; poll its ticket first");
    if (size < 0 || size > (i64)UINT32_MAX)
        return fail(QN_E_SHAPE, "a dimension of %lld is not within 32 bits", (long long)size);
    const sym_at had = x->capacity[variable];
    if (had.bound && size <= had.is) return QN_OK;
    x->capacity[variable] = (sym_at){ size, true };
    qn_status status = exec_has_room(x);
    if (status == QN_OK) x->laid_out = false;
    else x->capacity[variable] = had;
    return status;
}

/* Runs: inputs are given or stay bound on the device, a ticket is polled, outputs are lent. A model that is planned for the values of its
 * inputs is planned here, by the stages of quern.c once more, before such a run starts. */
#include "exec/trial.h"
#include "stages.h"

static qn_status check_open(const qn_session *s)
{
    return session_is_open(s) ? QN_OK : fail(QN_E_USAGE, "the model is not open yet: ask qn_session_want until it is");
}

/* What a run gives, until its plan is there; the tensors are lent until then, the list is not. */
static qn_status keep_for_later(qn_session *s, const qn_named *in, size_t n_in)
{
    s->to_run = ARENA_ARRAY(s->graph_mem, n_in + 1, qn_named);
    if (!s->to_run) return fail_nomem(n_in * sizeof *in);
    s->n_to_run = 0;
    for (size_t i = 0; s->behind && i < n_in; i++) s->to_run[s->n_to_run++] = in[i];
    for (size_t i = 0; i < n_in; i++)
        for (u32 k = 0; k < s->n_inputs; k++)
            if (text_same(in[i].name, s->inputs[k].name))
                s->to_run[s->n_to_run++] = (qn_named){ s->inputs[k].name, in[i].tensor };
    return QN_OK;
}

static qn_status plan_once(qn_session *s, const qn_named *in, size_t n_in)
{
    QN_TRY(session_read_again(s));
    if (!s->behind) QN_TRY(session_fix_inputs(s, in, n_in));
    QN_TRY(session_plan_begin(s));
    if (s->behind) QN_TRY(session_given(s, &in, &n_in));
    s->specialised_for = session_fixed_hash(s, in, n_in);
    return keep_for_later(s, in, n_in);
}

/* ---- outputs of the last run may be inputs of this one, whose plan takes the place of theirs */

static bool holds(const qn_tensor *t, const void *p)
{
    if (!t->data) return false;
    const qn_tensor *inner = t->data;
    for (i64 i = 0; dtype_is_list(t->dtype) && i < t->dims[0]; i++)
        if (holds(&inner[i], p)) return true;
    return (uintptr_t)p - (uintptr_t)t->data < qn_tensor_bytes(t);
}

static bool lies_in_outputs(const qn_session *s, const qn_tensor *t)
{
    const exec *x = session_last(s)->x;
    if (!x || !x->run || x->result != QN_OK) return false;
    if (dtype_is_for_host(t->dtype)) return true; /* or what it holds may */
    for (u32 i = 0; i < s->n_outputs; i++)
        if (holds(&x->outputs[i], t->data)) return true;
    return false;
}

static qn_status keep_own(qn_session *s, const qn_named *in, size_t n_in, const qn_named **out)
{
    *out = in;
    for (size_t i = 0; i < n_in; i++) {
        if (!lies_in_outputs(s, &in[i].tensor) || !tensor_has_texts(&in[i].tensor))
            continue; /* a text without data is refused later */
        if (!s->kept && !(s->kept = arena_make())) return fail_nomem(sizeof(void *));
        qn_named *all = ARENA_ARRAY(s->kept, n_in, qn_named);
        if (!all) return fail_nomem(n_in * sizeof *all);
        memcpy(all, *out, n_in * sizeof *all);
        *out = all;
        QN_TRY(tensor_copy(s->kept, &in[i].tensor, &all[i].tensor));
    }
    return QN_OK;
}

static void drop_kept(qn_session *s)
{
    arena_free(s->kept);
    s->kept = NULL;
}

static qn_status plan_as_needed(qn_session *s, const qn_named *in, size_t n_in)
{
    qn_status status = plan_once(s, in, n_in);
    if (session_may_be_told(status) && !s->fixes_floats && session_wants_elems(s->g, true)) {
        s->fixes_floats = true;
        status = plan_once(s, in, n_in);
        s->fixes_floats = status == QN_OK; /* inputs that fit no plan say nothing of those that do */
    }
    return status;
}

static qn_status plan_for(qn_session *s, const qn_named *in, size_t n_in)
{
    drop_kept(s);
    if (!s->behind) QN_TRY(keep_own(s, in, n_in, &in)); /* what other parts take is of those in front, which stay */
    attempt_begin();
    qn_status status = plan_as_needed(s, in, n_in);
    attempt_end(status != QN_OK);
    return status;
}

static qn_status start_exec(qn_session *s, const qn_named *in, size_t n_in)
{
    const qn_session *first = s->behind ? s->first : s;
    s->x->outlets = s->rest ? NULL : first->outlets; /* what a part hands on is no output of the model */
    return exec_start(s->x, in, n_in);
}

/* The inputs that are constants of the plan now are no inputs of it. */
static qn_status start_specialised(qn_session *s, const qn_named *in, size_t n_in)
{
    qn_named *left = mem_alloc((n_in + 1) * sizeof *left);
    if (!left) return fail_nomem(n_in * sizeof *left);
    size_t n = 0;
    for (size_t i = 0; i < n_in; i++)
        for (u32 k = 0; k < s->g->n_inputs; k++)
            if (text_same(value_at(s->g, s->g->inputs[k])->name, in[i].name)) left[n++] = in[i];
    qn_status status = start_exec(s, left, n);
    mem_free(left);
    return status;
}

/* What planning looks at. The rest is checked when the run starts. */
static qn_status check_tensor(const qn_named *in)
{
    const char *name = in->name ? in->name : "(NULL)";
    const qn_tensor *t = &in->tensor;
    if (t->rank > QN_MAX_RANK)
        return fail(QN_E_SHAPE, "input '%s' has rank %u, the most is %d", name, t->rank, (int)QN_MAX_RANK);
    for (u32 i = 0; i < t->rank; i++)
        if (t->dims[i] < 0) return fail(QN_E_SHAPE, "input '%s': dimension %u is %lld", name, i, (long long)t->dims[i]);
    if (!t->data && qn_tensor_bytes(t)) return fail(QN_E_USAGE, "input '%s' has no data", name);
    return QN_OK;
}

static qn_status check_given(const qn_session *s, const qn_named *in, size_t n_in)
{
    for (u32 k = 0; k < s->n_inputs; k++) {
        const qn_value_info *want = &s->inputs[k];
        const qn_tensor *t = NULL;
        for (size_t i = 0; i < n_in && !t; i++) t = text_same(in[i].name, want->name) ? &in[i].tensor : NULL;
        if (!t) return fail(QN_E_NAME, "input '%s' is missing", want->name);
        if (t->dtype != want->dtype)
            return fail(QN_E_DTYPE, "input '%s' is %s, the model wants %s", want->name, qn_dtype_name(t->dtype),
                        qn_dtype_name(want->dtype));
    }
    for (size_t i = 0; i < n_in; i++) QN_TRY(check_tensor(&in[i]));
    return QN_OK;
}

static qn_status start_part(qn_session *s, const qn_named *in, size_t n_in)
{
    if (s->x) exec_clear_counts(s->x); /* a run that does not begin tells nothing of the last */
    if (!s->specialise) return start_exec(s, in, n_in);
    if (s->behind && s->planned) QN_TRY(session_given(s, &in, &n_in));
    u64 key = s->planned ? session_fixed_hash(s, in, n_in) : 0;
    return s->planned && key == s->specialised_for ? start_specialised(s, in, n_in) : plan_for(s, in, n_in);
}

static qn_status start_planned(qn_session *s, bool *done)
{
    QN_TRY(session_plan_go_on(s, done));
    if (!*done) return QN_OK;
    qn_status status = start_specialised(s, s->to_run, s->n_to_run);
    drop_kept(s);
    return status;
}

static bool is_running(const qn_session *s)
{
    s = session_at_work(s);
    return s->to_run || (s->x && s->x->running);
}

static qn_status start(qn_session *s, const qn_named *in, size_t n_in)
{
    if (is_running(s)) return fail(QN_E_USAGE, "the last run is not done; poll its ticket first");
    outputs_drop(s->outlets, s->n_outputs);
    if (s->specialise) QN_TRY(check_given(s, in, n_in));
    s->now = s;
    return start_part(s, in, n_in);
}

/* What is under way: the plan for a run, the run. */
static qn_status advance_part(qn_session *s, bool *done)
{
    if (!s->x && !s->to_run) return fail(QN_E_USAGE, "the last run has failed");
    if (s->to_run) {
        qn_status status = start_planned(s, done);
        if (status == QN_OK && !*done) return QN_OK;
        s->to_run = NULL;
        QN_TRY(status);
    }
    return exec_advance(s->x, done);
}

/* The part behind this one, with what it has made. */
static qn_status start_rest(qn_session *s)
{
    s->now = s->now->rest;
    qn_status status = start_part(s->now, NULL, 0);
    if (status != QN_OK && s->now->x) s->now->x->result = status;
    return status;
}

static qn_status advance(qn_session *s, bool *done)
{
    QN_TRY(advance_part(s->now, done));
    while (*done && s->now->rest) {
        QN_TRY(start_rest(s));
        *done = false;
        if (s->desc.stepwise) break; /* each part is planned in a turn of its own */
        QN_TRY(advance_part(s->now, done));
    }
    return QN_OK;
}

qn_status qn_run(qn_session *s, const qn_named *in, size_t n_in, qn_ticket *out)
{
    if (!s || (!in && n_in) || !out) return fail(QN_E_USAGE, "qn_run needs a session, inputs and a place for the ticket");
    QN_TRY(check_open(s));
    if (s->desc.inspect_only) return fail(QN_E_USAGE, "this session was opened to be inspected only");
    QN_TRY(start(s, in, n_in));
    bool done;
    s->own_draws.runs = ++s->runs;
    QN_TRY(advance(s, &done));
    *out = s->runs;
    return QN_OK;
}

qn_status qn_poll(qn_session *s, qn_ticket t, bool *done)
{
    if (!s || !done) return fail(QN_E_USAGE, "qn_poll needs a session and a place for the answer");
    *done = true;
    if (t > s->runs || (t && !s->x && !s->to_run)) return fail(QN_E_USAGE, "there is no run %llu", (unsigned long long)t);
    return t && t == s->runs ? advance(s, done) : QN_OK;
}

qn_status qn_wait(qn_session *s, qn_ticket t)
{
    for (bool done = false;;) {
        QN_TRY(qn_poll(s, t, &done));
        if (done) return QN_OK;
        QN_TRY(session_wait_a_little(s));
    }
}

bool qn_session_busy(const qn_session *s)
{
    if (!s) return false;
    s = session_at_work(s);
    if ((s->stage == SESSION_PLANNING || s->to_run) && s->trial) return !trial_waits(s->trial);
    return s->x && s->x->running && !s->x->waiting;
}

qn_status qn_output_at(qn_session *s, uint32_t i, const qn_tensor **out)
{
    if (!s || !out) return fail(QN_E_USAGE, "qn_output needs a session and a place for the tensor");
    if (i >= s->n_outputs) return fail(QN_E_NAME, "the model has %u outputs; there is no number %u", s->n_outputs, i);
    const qn_session *last = session_last(s);
    if (session_at_work(s) != last || !last->x || !last->x->run || last->x->running || last->x->result != QN_OK)
        return fail(QN_E_USAGE, "no finished run: its ticket is not done, or it failed");
    *out = &last->x->outputs[i];
    return QN_OK;
}

qn_status qn_output(qn_session *s, const char *name, const qn_tensor **out)
{
    for (u32 i = 0; s && i < s->n_outputs; i++)
        if (text_same(s->outputs[i].name, name)) return qn_output_at(s, i, out);
    return fail(QN_E_NAME, "the model has no output '%s'", name ? name : "(NULL)");
}

static qn_status bindable(const qn_session *s)
{
    QN_TRY(check_open(s));
    if (!s->x || s->specialise)
        return fail(QN_E_UNSUPPORTED,
                    "this model is planned for the values of its inputs, so it takes them from the host only");
    if (s->x->running) return fail(QN_E_USAGE, "a run is under way; poll its ticket first");
    return QN_OK;
}

qn_status qn_bind_input(qn_session *s, const char *name, qn_buffer *b)
{
    if (!s || !name) return fail(QN_E_USAGE, "qn_bind_input needs a session and a name");
    QN_TRY(bindable(s));
    for (u32 i = 0; i < s->g->n_inputs; i++)
        if (text_same(value_at(s->g, s->g->inputs[i])->name, name)) return exec_bind_input(s->x, i, b);
    return exec_no_input(s->g, name);
}

/* For the runs to come. Whatever they are planned for, their last part asks here. */
static qn_status outlet_of(qn_session *s, const char *name, bool used, outlet **out)
{
    QN_TRY(check_open(s));
    if (is_running(s)) return fail(QN_E_USAGE, "a run is under way; poll its ticket first");
    for (u32 i = 0; i < s->n_outputs; i++) {
        if (!text_same(s->outputs[i].name, name)) continue;
        if (used && dtype_is_for_host(s->outputs[i].dtype))
            return fail(QN_E_UNSUPPORTED, "output '%s' is a %s, which lives on the host and cannot stay on the device", name,
                        qn_dtype_name(s->outputs[i].dtype));
        *out = &s->outlets[i];
        return QN_OK;
    }
    return fail(QN_E_NAME, "the model has no output '%s'", name);
}

qn_status qn_bind_output(qn_session *s, const char *name, qn_buffer *b)
{
    outlet *o;
    if (!s || !name) return fail(QN_E_USAGE, "qn_bind_output needs a session and a name");
    QN_TRY(outlet_of(s, name, b != NULL, &o));
    o->to = b;
    return QN_OK;
}

qn_status qn_keep_output(qn_session *s, const char *name, bool keep)
{
    outlet *o;
    if (!s || !name) return fail(QN_E_USAGE, "qn_keep_output needs a session and a name");
    QN_TRY(outlet_of(s, name, keep, &o));
    o->keep = keep;
    return QN_OK;
}

qn_status qn_take_output(qn_session *s, const char *name, qn_buffer **out)
{
    const qn_tensor *there;
    outlet *o;
    if (!s || !name || !out) return fail(QN_E_USAGE, "qn_take_output needs a session, a name and a place for the buffer");
    QN_TRY(outlet_of(s, name, false, &o));
    QN_TRY(qn_output(s, name, &there));
    if (!o->made) return fail(QN_E_USAGE, "output '%s' was not kept by the last run, or is taken already", name);
    *out = o->made;
    o->made = NULL;
    return QN_OK;
}

qn_status qn_reserve(qn_session *s, const char *dim_name, int64_t size)
{
    if (!s || !dim_name) return fail(QN_E_USAGE, "qn_reserve needs a session and a name");
    if (!s->x) return QN_OK; /* not planned yet: the first run lays out what it needs */
    for (u32 i = 0; i < sym_variable_count(s->g); i++)
        if (text_same(sym_variable_name(s->g, i), dim_name)) return exec_reserve(s->x, i, size);
    return fail(QN_E_NAME, "the model has no dimension '%s'", dim_name);
}

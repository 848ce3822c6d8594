/* Going on with a run: step after step is queued; a step that needs bytes on the host queues the reads, and the run pauses until the
 * device has answered. The same step is then entered again and finds its bytes. */
#include <stdio.h>

#include "exec/exec.h"

/* ---- launches */

static qn_status fill_words(exec *x, const frame *f, const struct launch *k, const u32 *numbers, qn_launch *out)
{
    out->n_words = k->n_words;
    for (u32 i = 0; i < k->n_words; i++) {
        const word *w = &k->words[i];
        out->words[i] = w->kind == WORD_STEP ? f->turn : w->kind == WORD_CHOSEN ? numbers[w->bits] : w->bits;
        if (w->kind == WORD_DRAW || w->kind == WORD_REDRAW) out->words[i] = draws_word(x, f, w);
        if (w->kind != WORD_SIZE) continue;
        i64 v;
        QN_TRY(exec_size(x, w->size, &v));
        if (v < INT32_MIN || v > (i64)UINT32_MAX)
            return fail(QN_E_SHAPE, "a size of %lld does not fit in 32 bits", (long long)v);
        out->words[i] = (u32)v;
    }
    return QN_OK;
}

static bool size_for_launch(const void *x, sym s, i64 *out)
{
    return exec_size_kept(x, s, out) || exec_size(x, s, out) == QN_OK;
}

static qn_status count_of(const exec *x, frame *f, const struct launch *k, u64 *out)
{
    i64 count;
    if (!launch_count(k, size_for_launch, x, &f->chosen[k->choice_at], &count)) return QN_E_SHAPE;
    if (count < 0 || count > (i64)UINT32_MAX)
        return fail(QN_E_SHAPE, "a launch of %lld elements is too large", (long long)count);
    *out = (u64)count;
    return QN_OK;
}

static qn_status fill_launch(exec *x, frame *f, const step *s, qn_launch *out)
{
    const struct launch *k = s->launch;
    QN_TRY(count_of(x, f, k, &out->count));
    if (!out->count) return QN_OK;
    x->stats.random_launches += op_of(node_at(f->p->g, s->node))->random;
    out->prog = f->programs[k->program];
    out->n_bufs = k->n_bufs;
    for (u32 i = 0; i < k->n_bufs; i++) {
        QN_TRY(s->on_host ? store_here(x, f, k->bufs[i], k->written[i], &out->bufs[i])
                          : store_view(x, f, k->bufs[i], &out->bufs[i]));
        if (k->written[i] && !s->on_host) f->slots[plan_root(f->p, k->bufs[i])].host = NULL;
    }
    if (k->fault_row) out->bufs[out->n_bufs++] = faults_row(x, k->fault_row);
    return fill_words(x, f, k, f->chosen[k->choice_at].numbers, out);
}

/* Names a failure after the node that was running. */
static qn_status of_node(const frame *f, const step *s, qn_status code)
{
    if (code == QN_OK || !s->node) return code;
    const node *n = node_at(f->p->g, s->node);
    return fail_in(code, "%s '%s': ", op_of(n)->name, n->name ? n->name : "");
}

/* ---- a launch that is timed: what came before is over, it runs alone, and the run goes on when the device says that it is done */

static qn_status add_row(exec *x, const frame *f, const step *s, const qn_launch *l)
{
    if (x->n_rows == x->cap_rows) {
        u32 cap = x->cap_rows ? x->cap_rows * 2 : 256;
        qn_profile_row *rows = mem_resize(x->rows, x->cap_rows * sizeof *rows, cap * sizeof *rows);
        if (!rows) return fail_nomem(cap * sizeof *rows);
        x->rows = rows, x->cap_rows = cap;
    }
    const node *n = node_at(f->p->g, s->node);
    u64 bytes = 0;
    i64 flops = 0;
    if (s->flops && !sym_eval(f->p->g, s->flops, x->bound, &flops)) flops = 0;
    for (u32 i = 0; i < l->n_bufs; i++) bytes += l->bufs[i].bytes;
    x->rows[x->n_rows++] = (qn_profile_row){ .node = n->name ? n->name : "",
                                             .op = op_of(n)->name,
                                             .kernel = s->variant ? s->variant : "",
                                             .where = s->on_host ? "on the host" : x->b->prog_how(x->device, l->prog),
                                             .start_ns = clock_ns() - x->profile_from,
                                             .bytes = bytes,
                                             .flops = (u64)flops };
    return QN_OK;
}

static qn_status launch_alone(exec *x, frame *f, const step *s)
{
    qn_launch l = { 0 };
    QN_TRY(fill_launch(x, f, s, &l));
    if (!l.count) return QN_OK;
    x->stats.launches++;
    keep_count(x, f);
    QN_TRY(add_row(x, f, s, &l));
    x->timing = TIMING_LAUNCHED;
    return x->b->launch(x->device, &l);
}

/* The step is entered three times; the device's answer lies between. */
static qn_status profiled(exec *x, frame *f, const step *s, bool *pending)
{
    if (x->timing == TIMING_LAUNCHED) {
        qn_profile_row *row = &x->rows[x->n_rows - 1];
        row->ns = clock_ns() - x->profile_from - row->start_ns;
        x->timing = TIMING_NONE;
        return QN_OK;
    }
    if (x->timing == TIMING_CLEARED) {
        x->timing = TIMING_NONE;
        QN_TRY(launch_alone(x, f, s));
        if (x->timing == TIMING_NONE) return QN_OK; /* nothing to launch */
    } else x->timing = TIMING_CLEARED;
    *pending = true;
    return x->b->flush(x->device, &x->waiting);
}

/* What a launch on the host reads must be there. */
static qn_status gather_inputs(exec *x, frame *f, const struct launch *k, bool *pending)
{
    val in[DEVICE_MAX_BUFFERS];
    u32 n = 0;
    for (u32 i = 0; i < k->n_bufs; i++)
        if (!k->written[i]) in[n++] = k->bufs[i];
    return store_gather(x, f, in, n, false, pending);
}

static qn_status launch_on_host(exec *x, frame *f, const step *s, bool *pending)
{
    qn_launch l = { 0 };
    QN_TRY(count_of(x, f, s->launch, &l.count));
    if (!l.count) return QN_OK;
    QN_TRY(gather_inputs(x, f, s->launch, pending));
    if (*pending) return QN_OK;
    QN_TRY(fill_launch(x, f, s, &l));
    x->stats.host_launches++;
    if (x->profile) QN_TRY(add_row(x, f, s, &l));
    u64 from = clock_ns();
    QN_TRY(x->host->backend->launch(x->host, &l)); /* done when it returns */
    if (x->profile) x->rows[x->n_rows - 1].ns = clock_ns() - from;
    return QN_OK;
}

static qn_status run_launch(exec *x, frame *f, const step *s, bool *pending)
{
    qn_launch l = { 0 };
    if (s->on_host) return launch_on_host(x, f, s, pending);
    if (x->profile) return profiled(x, f, s, pending);
    QN_TRY(fill_launch(x, f, s, &l));
    if (!l.count) return QN_OK;
    x->stats.launches++;
    keep_count(x, f);
    return x->b->launch(x->device, &l);
}

/* ---- the host */

static qn_status fill_call(exec *x, frame *f, const node *n, host_call *h)
{
    *h = (host_call){ .g = f->p->g, .n = n, .n_in = n->n_in, .mem = x->call, .ends = x->ends };
    for (u32 i = 0; i < n->n_in; i++) {
        val v = node_in(f->p->g, n, i);
        if (!v) continue;
        qn_tensor *t = call_alloc(x, sizeof *t);
        if (!t) return QN_E_NOMEM;
        QN_TRY(store_tensor(x, f, v, t));
        h->in[i] = t;
    }
    return QN_OK;
}

static qn_status gather_call(exec *x, frame *f, const node *n, bool *pending)
{
    val in[64];
    if (n->n_in > COUNT(in)) return fail(QN_E_UNSUPPORTED, "more than %zu inputs", COUNT(in));
    for (u32 i = 0; i < n->n_in; i++) in[i] = node_in(f->p->g, n, i);
    QN_TRY(store_gather(x, f, in, n->n_in, false, pending));
    if (*pending) return QN_OK;
    if (!call_alloc(x, 1)) return QN_E_NOMEM;
    if (!x->at_host) x->at_host = arena_alloc(x->mem, sizeof *x->at_host);
    return x->at_host ? fill_call(x, f, n, x->at_host) : fail_nomem(sizeof *x->at_host);
}

/* A call that was put off is made again as it was. */
static qn_status run_host(exec *x, frame *f, const step *s, bool *pending)
{
    const node *n = node_at(f->p->g, s->node);
    if (!x->put_off) QN_TRY(gather_call(x, f, n, pending));
    if (*pending) return QN_OK;
    host_call *h = x->at_host;
    h->later = x->put_off = false;
    QN_TRY(op_of(n)->host(h));
    if (h->later) return *pending = x->put_off = true, QN_OK;
    x->stats.host_steps++;
    for (u32 i = 0; i < n->n_out; i++) QN_TRY(store_put(x, f, n->out[i], &h->out[i]));
    return QN_OK;
}

static qn_status run_read(exec *x, frame *f, const step *s, bool *pending)
{
    QN_TRY(store_gather(x, f, &s->value, 1, false, pending));
    if (*pending) return QN_OK;
    qn_tensor t;
    QN_TRY(store_tensor(x, f, s->value, &t));
    exec_bind_elems(x, value_at(f->p->g, s->value), &t);
    return QN_OK;
}

static void put_integer(u8 *at, size_t bytes, i64 v)
{
    i32 narrow = (i32)v;
    i16 half = (i16)v;
    u8 byte = (u8)v;
    if (bytes == 8) memcpy(at, &v, 8);
    else if (bytes == 4) memcpy(at, &narrow, 4);
    else if (bytes == 2) memcpy(at, &half, 2);
    else *at = byte;
}

static qn_status run_elems(exec *x, frame *f, const step *s)
{
    const value *v = value_at(f->p->g, s->value);
    qn_tensor t = { .dtype = v->type.dtype, .rank = v->type.rank };
    QN_TRY(exec_dims(x, &v->type, t.dims));
    size_t bytes = qn_dtype_bytes(t.dtype);
    u8 *data = call_alloc(x, v->n_elems * bytes + 8);
    if (!data) return QN_E_NOMEM;
    for (u32 i = 0; i < v->n_elems; i++) {
        i64 e;
        QN_TRY(exec_size(x, v->elems[i], &e));
        put_integer(data + i * bytes, bytes, e);
    }
    t.data = data;
    return store_put(x, f, s->value, &t);
}

/* ---- repeats */

static qn_status run_repeat(exec *x, frame *f, const step *s)
{
    i64 times;
    QN_TRY(exec_size(x, s->times, &times));
    f->turn = 0;
    f->turns = times < 0 ? 0 : (u32)times;
    if (!f->turns) f->at = s->partner;
    return QN_OK;
}

static void run_repeat_end(frame *f, const step *s)
{
    if (f->turns && ++f->turn < f->turns) f->at = s->partner;
}

/* "K is #, the axis has #" with numbers in place of each '#'. */
static qn_status need_fails(const exec *x, const graph *g, const node_need *n)
{
    str text = { 0 };
    sym next = n->a;
    for (const char *c = n->says; c && *c; c++) {
        i64 v = 0;
        if (*c != '#') {
            str_print(&text, "%c", *c);
            continue;
        }
        if (exec_size(x, next, &v) == QN_OK) str_print(&text, "%lld", (long long)v);
        next = n->b;
    }
    if (!n->says) sym_print(g, n->holds, &text);
    qn_status s = fail(QN_E_SHAPE, "%s%s", text.text ? text.text : "its inputs do not fit", n->says ? "" : " does not hold");
    str_free(&text);
    return s;
}

/* What inference took for granted about sizes that only the inputs decide. */
static qn_status check_need(const exec *x, const graph *g, const node_need *need, u16 op, const char *name)
{
    i64 holds;
    bool kept = exec_size_kept(x, need->holds, &holds);
    if (!kept && sym_uses_unbound(g, need->holds, x->bound)) return QN_OK;
    qn_status s = kept ? QN_OK : exec_size(x, need->holds, &holds);
    if (s == QN_OK && !holds) s = need_fails(x, g, need);
    return s == QN_OK ? s : fail_in(s, "%s '%s': ", op_defs[op]->name, name ? name : "");
}

static qn_status check_needs(const exec *x, const frame *f, const step *s)
{
    const graph *g = f->p->g;
    const node *n = s->node ? node_at(g, s->node) : NULL;
    for (u32 i = 0; n && i < n->n_left; i++) QN_TRY(check_need(x, g, &n->left[i], n->left[i].op, n->left[i].name));
    for (u32 i = 0; n && i < n->n_needs; i++) QN_TRY(check_need(x, g, &n->needs[i], n->op, n->name));
    return QN_OK;
}

qn_status exec_check_needs(exec *x)
{
    for (u32 i = 0; i < x->main->p->n_steps; i++) QN_TRY(check_needs(x, x->main, &x->main->p->steps[i]));
    return QN_OK;
}

static qn_status run_step(exec *x, frame *f, const step *s, bool *pending)
{
    switch (s->kind) {
    case STEP_LAUNCH: return run_launch(x, f, s, pending);
    case STEP_HOST: return run_host(x, f, s, pending);
    case STEP_ELEMS: return run_elems(x, f, s);
    case STEP_READ: return run_read(x, f, s, pending);
    case STEP_BRANCH: return control_branch(x, f, s, pending);
    case STEP_LOOP: return control_loop(x, f, s, pending);
    case STEP_PLACES: return faults_check(x, f, s, pending);
    case STEP_CHECK: return QN_OK; /* done before, as for every step */
    case STEP_REPEAT: return run_repeat(x, f, s);
    case STEP_REPEAT_END: run_repeat_end(f, s); return QN_OK;
    }
    return fail(QN_E_BUG, "a step of kind %d", s->kind);
}

/* ---- from step to step */

/* Until the device must be asked, all is done, or, at a clock of until (0: never), the caller shall have a turn. */
static qn_status go_on(exec *x, u64 until)
{
    while (x->now && !(until && clock_ns() >= until)) {
        frame *f = x->now;
        if (f->at == f->p->n_steps) {
            QN_TRY(f == x->main ? outputs_queue(x) : control_leave(x, f));
            if (x->waiting) return QN_OK;
            continue;
        }
        const step *s = &f->p->steps[f->at];
        u32 at = f->at;
        bool pending = false;
        if (!keep_leaves_out(x, f)) {
            QN_TRY(check_needs(x, f, s));
            QN_TRY(of_node(f, s, run_step(x, f, s, &pending)));
        }
        if (pending) return QN_OK;
        if (x->now != f) continue; /* a body was entered; it comes back here */
        store_release_late(x, f, at);
        f->at++;
    }
    return QN_OK;
}

static qn_status stopped(exec *x, qn_status s)
{
    if (s != QN_OK) exec_abandon(x), outputs_drop(x->outlets, x->main->p->g->n_outputs);
    x->running = false;
    x->now = NULL;
    x->waiting = 0;
    x->put_off = false;
    x->timing = TIMING_NONE;
    x->result = s;
    keep_end(x, s == QN_OK);
    snprintf(x->error, sizeof x->error, "%s", s == QN_OK ? "" : qn_last_error());
    if (s == QN_E_NOMEM) exec_give_back(x);
    return s;
}

qn_status exec_advance(exec *x, bool *done)
{
    u64 until = x->turn_ns ? clock_ns() + x->turn_ns : 0;
    *done = false;
    while (x->running) {
        if (x->waiting) {
            bool there = false;
            qn_status s = x->b->poll(x->device, x->waiting, &there);
            if (s == QN_OK && there) s = faults_answer(x);
            if (s != QN_OK) {
                *done = true;
                return stopped(x, s);
            }
            if (!there) return QN_OK;
            x->waiting = 0;
            if (!x->now) return *done = true, stopped(x, QN_OK);
        }
        qn_status s = go_on(x, until);
        if (s != QN_OK) return *done = true, stopped(x, s);
        if (!x->waiting && x->now && (until || x->put_off)) return QN_OK;
        if (!x->waiting && !x->now) return *done = true, stopped(x, QN_OK);
    }
    *done = true;
    return x->result;
}

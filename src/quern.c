/* The story: a file becomes a graph, the graph is checked and rewritten, becomes a plan, and the plan is made ready on a device. How it
 * runs is in run.c. */
#include "exec/trial.h"
#include "pass/pass.h"
#include "stages.h"

static f64 ms_since(u64 *from)
{
    u64 now = clock_ns(), was = *from;
    *from = now;
    return (f64)(now - was) / 1e6;
}

static qn_status progress(const qn_session *s, const char *stage, f64 part)
{
    if (!s->desc.progress || s->desc.progress(s->desc.progress_user, stage, part)) return QN_OK;
    return fail(QN_E_USAGE, "cancelled while %s", stage);
}

static qn_status read_graph(qn_session *s)
{
    if (s->behind) return session_take_begin(s);
    QN_TRY(format_files_make(s->graph_mem, &s->files));
    s->g = graph_make(s->graph_mem, NULL);
    if (!s->g) return QN_E_NOMEM;
    const format_source from = { .g = s->g,
                                 .path = s->path,
                                 .file = s->bytes,
                                 .mem = s->graph_mem,
                                 .files = s->files,
                                 .tolerant = s->desc.inspect_only,
                                 .streamed = s->desc.piecewise };
    QN_TRY(format_read(&from));
    if (s->hold) QN_TRY(hold_put(s->hold, s->g));
    s->n_ops = format_op_counts(s->files, &s->ops);
    return QN_OK;
}

enum { BLOCK_LEAST = 4 }; /* where blocks are asked for on a device that names none */

static void layout_of(const qn_session *s, pass_env *env)
{
    const qn_caps *caps = &s->desc.device->info.caps;
    const enum qn_layout how = s->desc.layout;
    env->channels_last = how == QN_LAYOUT_DEVICE ? caps->channels_last : how == QN_LAYOUT_CHANNELS_LAST;
    if (how == QN_LAYOUT_DEVICE || caps->channels_block) env->channels_block = caps->channels_block;
    else env->channels_block = MAX(caps->width, BLOCK_LEAST);
    if (how == QN_LAYOUT_CHANNELS_FIRST || how == QN_LAYOUT_CHANNELS_LAST) env->channels_block = 0;
}

static qn_status rewrite(qn_session *s)
{
    evaluator folding = { 0 }; /* closed below: nothing between may return */
    pass_env env = {
        .caps = &s->desc.device->info.caps,
        .evaluate = session_evaluate,
        .user = &folding,
        .runs = plan_can_run,
    };
    layout_of(s, &env);
    s->passes = ARENA_ARRAY(s->graph_mem, pass_count() + 1, qn_pass_row);
    if (!s->passes) return fail_nomem(pass_count() * sizeof(qn_pass_row));
    pass_report report = { .rows = s->passes, .dump = s->desc.dump, .dump_user = s->desc.dump_user };
    qn_status status = QN_OK;
    if (s->desc.widen) {
        status = widen_floats(s->g);
        if (status == QN_OK) status = graph_check(s->g);
    }
    if (status == QN_OK) status = pass_run_all(s->g, &env, !s->desc.no_optimize, &report);
    evaluator_close(&folding);
    s->n_passes = report.n;
    return status;
}

/* ---- planning: what the kernels do on this very device has a say in it, so it may take several turns of an event loop */

static qn_status plan_round(qn_session *s)
{
    qn_device *d = s->desc.device;
    u64 clock = clock_ns();
    const plan_desc desc = { .device = d, .only_variants = s->desc.only_variants, .avoided = s->avoided };
    QN_TRY(plan_make(s->g, &desc, s->plan_mem, &s->p)); /* graph -> plan     src/plan */
    s->stats.plan_ms += ms_since(&clock);
    return trial_begin(d, s->p, s->plan_mem, &s->avoided, &s->trial);
}

/* Where a run must tell more before a node can be planned, what stands in front of it is planned alone. */
static qn_status in_parts(qn_session *s, qn_status status, part_cost *cost, bool *again)
{
    enum {
        MOST_OPENED = 64, /* bodies in a part: each time the graph of the first is checked from its beginning */
        MOST_PARTS = 4096,
        MOST_COPIED = 1 << 20, /* nodes out of bodies that were opened */
    };
    graph *g = s->g;
    if (!s->specialise || !g->stuck) return QN_OK;
    if (status == QN_E_SHAPE && !session_wants_elems(g, false)) return QN_OK;
    if (cost->parts >= MOST_PARTS)
        return fail(QN_E_UNSUPPORTED, "more than %d times its structure hangs on what ran before", MOST_PARTS);
    bool full = cost->opened == MOST_OPENED && node_has_body(node_at(g, g->stuck));
    cost->parts++;
    if (full || session_can_cut(g)) {
        *again = true;
        return session_cut(s, cost);
    }
    cost->opened++;
    cost->nodes += graph_body_nodes(node_at(g, g->stuck));
    if (cost->nodes > MOST_COPIED)
        return fail(QN_E_UNSUPPORTED,
                    "its structure hangs %u times on what ran before, in bodies of more than %d nodes together", cost->parts,
                    MOST_COPIED);
    return open_body(g, g->stuck, again);
}

bool session_may_be_told(qn_status status) { return status == QN_E_UNSUPPORTED || status == QN_E_SHAPE; }

static qn_status check_graph(qn_session *s)
{
    for (part_cost cost = s->cost;;) {
        bool again = false;
        attempt_begin();
        qn_status status = s->behind ? session_take_nodes(s) : graph_check(s->g); /* shapes, types     src/graph */
        qn_status helped = session_may_be_told(status) ? in_parts(s, status, &cost, &again) : QN_OK;
        again = again && helped == QN_OK;
        attempt_end(status != QN_OK && !again);
        if (!again) return helped != QN_OK ? helped : status;
    }
}

qn_status session_plan_begin(qn_session *s)
{
    u64 clock = clock_ns();
    QN_TRY(check_graph(s));
    s->stats.check_ms = ms_since(&clock);
    QN_TRY(progress(s, "optimizing", 0.3));
    QN_TRY(rewrite(s)); /* graph -> graph    src/pass */
    s->stats.passes_ms = ms_since(&clock);
    QN_TRY(progress(s, "planning", 0.5));
    s->stats.plan_ms = s->stats.verify_ms = 0;
    QN_TRY(plan_round(s));
    s->planned_at = clock_ns();
    return QN_OK;
}

static void trial_over(qn_session *s)
{
    trial_end(s->trial);
    s->trial = NULL;
}

/* Rows whose kernels turn out wrong on this very device are left out, and it is planned again: each round leaves out more. */
static qn_status try_kernels(qn_session *s, bool *done)
{
    for (bool again = true; again;) {
        QN_TRY(trial_step(s->trial, done, &again));
        if (!*done) return progress(s, "trying kernels out", 0.5 + 0.1 * trial_part(s->trial));
        if (!again) break;
        trial_over(s);
        QN_TRY(plan_round(s));
    }
    s->stats.verify_ms = ms_since(&s->planned_at);
    return QN_OK;
}

/* Is it open only when the device has taken its weights? Else its first run may hear that it has no room for them. */
static bool settles(const qn_session *s) { return s->desc.piecewise || s->desc.stepwise; }

static qn_status plan_prepare(qn_session *s)
{
    u64 clock = clock_ns();
    QN_TRY(progress(s, "preparing the device", 0.6));
    QN_TRY(exec_make(s->p, s->desc.device, s->plan_mem, s->desc.profile, s->trial, &s->x)); /* plan -> device    src/exec */
    s->x->draws = s->draws;
    if (s->desc.stepwise && s->desc.device->info.caps.host_memory) s->x->turn_ns = 8000000; /* else the device computes */
    trial_over(s);
    QN_TRY(session_describe_host_nodes(s));
    s->stats.prepare_ms = ms_since(&clock);
    s->stats.plans++;
    s->planned = true;
    return s->stage == SESSION_PLANNING && settles(s) ? QN_OK : progress(s, "ready", 1);
}

qn_status session_plan_go_on(qn_session *s, bool *done)
{
    *done = false;
    QN_TRY(try_kernels(s, done));
    return *done ? plan_prepare(s) : QN_OK;
}

/* From the last on: each reads what the one in front of it holds. */
static void close_parts(qn_session *s)
{
    qn_session *last = NULL;
    for (qn_session *next; s; s = next) next = s->rest, s->rest = last, last = s;
    for (qn_session *next; last; last = next) {
        next = last->rest;
        last->rest = NULL;
        qn_session_close(last);
    }
}

static void drop_plan(qn_session *s)
{
    for (const qn_session *p = s->rest; p; p = p->rest) s->stats.plans += p->stats.plans;
    close_parts(s->rest);
    s->rest = NULL;
    s->now = s;
    exec_close(s->x);
    trial_over(s);
    format_files_close(s->files);
    s->to_run = NULL, s->x = NULL, s->p = NULL, s->g = NULL, s->avoided = NULL, s->files = NULL, s->passes = NULL,
    s->n_passes = s->n_ops = s->n_host_nodes = 0, s->planned = false;
    arena_free(s->plan_mem), arena_free(s->graph_mem);
    s->plan_mem = s->graph_mem = NULL;
}

static qn_status fresh_arenas(qn_session *s)
{
    s->graph_mem = arena_make();
    s->plan_mem = arena_make();
    return s->graph_mem && s->plan_mem ? QN_OK : fail_nomem(sizeof(void *));
}

qn_status session_read_again(qn_session *s)
{
    drop_plan(s);
    QN_TRY(fresh_arenas(s));
    return read_graph(s);
}

/* ---- opening */

/* When it cannot be planned as it stands, but has small inputs that may decide its structure, planning waits for the first run. */
static qn_status planned_later(qn_session *s, qn_status status)
{
    if (!session_may_be_told(status)) return status;
    if (status == QN_E_SHAPE && !session_wants_elems(s->g, false)) return status; /* wrong, whatever the data are */
    if (!session_can_specialise(s->g) && !session_can_cut(s->g) && !session_can_open(s->g)) return status;
    exec_close(s->x);
    trial_over(s);
    s->x = NULL;
    s->specialise = true;
    s->stage = s->desc.piecewise ? SESSION_LOADING : SESSION_OPEN;
    if (!s->desc.piecewise) return QN_OK;
    QN_TRY(session_read_again(s)); /* no pass has been over its weights then */
    return hold_begin(s->g, s->mem, &s->hold);
}

static qn_status open_planned(qn_session *s)
{
    bool done;
    QN_TRY(session_plan_go_on(s, &done));
    if (done) s->stage = settles(s) ? SESSION_LOADING : SESSION_OPEN;
    return QN_OK;
}

static qn_status planned_or_later(qn_session *s, qn_status (*planning)(qn_session *s))
{
    attempt_begin();
    qn_status status = planned_later(s, planning(s));
    attempt_end(status != QN_OK);
    return status;
}

static qn_status open_go_on(qn_session *s) { return planned_or_later(s, open_planned); }

static qn_status open_begin(qn_session *s)
{
    u64 clock = clock_ns();
    QN_TRY(fresh_arenas(s));
    QN_TRY(read_graph(s)); /* file  -> graph    src/format */
    s->stats.read_ms = ms_since(&clock);
    QN_TRY(session_describe(s));
    s->stage = s->desc.piecewise ? SESSION_LOADING : SESSION_OPEN;
    if (s->desc.inspect_only) return QN_OK;
    s->stage = SESSION_PLANNING;
    return planned_or_later(s, session_plan_begin);
}

static qn_status open_file(qn_session *s)
{
    if (s->desc.piecewise) {
        s->stage = SESSION_SIFTING;
        return format_sift_begin(&s->sift, s->desc.piecewise, s->mem);
    }
    if (!s->desc.path) {
        s->bytes = s->desc.bytes;
        return s->bytes.data ? QN_OK : fail(QN_E_USAGE, "a session needs a path or bytes");
    }
    s->path = arena_text(s->mem, s->desc.path, strlen(s->desc.path));
    if (!s->path) return fail_nomem(strlen(s->desc.path));
    QN_TRY(file_map_open(s->path, &s->file));
    s->bytes = s->file.bytes;
    return QN_OK;
}

qn_status session_wait_a_little(const qn_session *s)
{
    s = session_at_work(s);
    const qn_backend *b = s->desc.device->backend;
    qn_ticket t = s->trial ? trial_waits(s->trial) : s->x ? s->x->waiting : 0;
    if (!b->wait_a_little)
        return fail(QN_E_UNSUPPORTED, "a session on %s cannot be waited for in a browser; poll between tasks",
                    s->desc.device->info.spec);
    if (t) b->wait_a_little(s->desc.device, t);
    return QN_OK;
}

static qn_status open_to_the_end(qn_session *s)
{
    QN_TRY(open_begin(s));
    while (s->stage == SESSION_PLANNING) {
        QN_TRY(open_go_on(s));
        if (s->stage != SESSION_PLANNING || s->desc.stepwise) break;
        QN_TRY(session_wait_a_little(s));
    }
    return QN_OK;
}

static qn_status session_fill(qn_session *s)
{
    s->mem = arena_make();
    if (!s->mem) return fail_nomem(sizeof *s);
    QN_TRY(open_file(s));
    if (s->stage == SESSION_SIFTING) return QN_OK; /* the rest when the pieces come */
    qn_status status = open_to_the_end(s);
    return s->path ? fail_in(status, "%s: ", s->path) : status;
}

qn_status qn_session_open(const qn_session_desc *desc, qn_session **out)
{
    if (!desc || !out) return fail(QN_E_USAGE, "qn_session_open needs a description and a place for the session");
    if (!desc->device && !desc->inspect_only) return fail(QN_E_USAGE, "qn_session_open needs a device");
    if ((u32)desc->layout > QN_LAYOUT_CHANNELS_BLOCKED) return fail(QN_E_USAGE, "there is no layout %d", (int)desc->layout);
    qn_session *s = mem_zalloc(sizeof *s);
    if (!s) return fail_nomem(sizeof *s);
    s->desc = *desc;
    s->draws = &s->own_draws;
    s->own_draws.seed = draws_seed(desc->seed);
    qn_status status = session_fill(s);
    if (status != QN_OK) {
        qn_session_close(s);
        return status;
    }
    *out = s;
    return QN_OK;
}

void qn_session_close(qn_session *s)
{
    if (!s) return;
    outputs_drop(s->outlets, s->n_outputs);
    drop_plan(s);
    format_sift_end(&s->sift);
    file_map_close(&s->file);
    arena_free(s->mem);
    arena_free(s->kept);
    mem_free(s->all_rows);
    mem_free(s->all_host_nodes);
    mem_free(s);
}

/* ---- step by step; a file that comes in pieces is sifted, then opened like any other, then come its weights */

static qn_status of_weights(const qn_session *s, qn_status status)
{
    if (status != QN_E_NOMEM) return status;
    return fail_in(status, "%.1f MB of weights do not fit: ", (f64)s->x->stats.weights_bytes / 1e6);
}

static qn_status want_next(qn_session *s)
{
    s->wanted = (qn_piece){ 0 };
    if (s->stage == SESSION_SIFTING) {
        s->wanted = s->sift.want;
        if (s->wanted.bytes) return QN_OK;
        s->bytes = (qn_bytes){ s->sift.kept.text, s->sift.kept.n };
        QN_TRY(open_begin(s));
    }
    if (s->stage == SESSION_PLANNING) QN_TRY(open_go_on(s));
    if (s->stage != SESSION_LOADING) return QN_OK;
    bool done = true;
    if (s->hold) done = !hold_want(s->hold, &s->wanted);
    else if (s->x) QN_TRY(of_weights(s, load_want(s->x, &s->wanted, &done)));
    if (!done) return QN_OK;
    s->stage = SESSION_OPEN;
    return progress(s, "ready", 1);
}

static qn_status take_piece(qn_session *s, qn_bytes piece)
{
    if (s->stage == SESSION_SIFTING) {
        QN_TRY(format_sift_take(&s->sift, piece));
        return progress(s, "reading", 0.3 * (f64)s->sift.want.at / (f64)s->desc.piecewise);
    }
    if (s->hold) hold_give(s->hold, piece.data, piece.n);
    else QN_TRY(of_weights(s, load_give(s->x, piece.data, piece.n)));
    return progress(s, "loading weights", 0.6 + 0.4 * (s->hold ? hold_part(s->hold) : load_part(s->x)));
}

/* A failure ends the opening. */
static qn_status in_pieces(qn_session *s, qn_status status)
{
    if (status != QN_OK) s->failed = status, s->wanted = (qn_piece){ 0 };
    return s->path ? fail_in(status, "%s: ", s->path) : status;
}

qn_status qn_session_want(qn_session *s, qn_piece *out, bool *open)
{
    if (!s || !out || !open) return fail(QN_E_USAGE, "qn_session_want needs a session and places for the answers");
    if (s->failed) return fail(s->failed, "this session could not be opened; close it");
    if (!session_is_open(s) && !s->wanted.bytes) QN_TRY(in_pieces(s, want_next(s)));
    *out = s->wanted;
    *open = session_is_open(s);
    return QN_OK;
}

qn_status qn_session_give(qn_session *s, const void *data)
{
    if (!s || !data) return fail(QN_E_USAGE, "qn_session_give needs a session and bytes");
    if (!s->wanted.bytes) return fail(QN_E_USAGE, "no bytes are wanted; ask qn_session_want first");
    qn_bytes piece = { data, (size_t)s->wanted.bytes };
    s->wanted = (qn_piece){ 0 };
    return in_pieces(s, take_piece(s, piece));
}

/* If and Loop: a body is a plan of its own that runs in a frame inside its outer's. Entering lends it the outer's values; leaving
 * hands its outputs over. The outer's step counter stands on the If or Loop until the body is done. */
#include "exec/exec.h"

enum { MAX_LOOP_VALUES = 256 };

struct loop { /* a Loop under way; in the memory of the call */
    const step *s;
    i64 turn, turns; /* turns: INT64_MAX when there is no trip count */
    i64 asked;       /* turns whose end has asked the device */
    bool on;
    u32 n_state, n_scan;
    struct scan {
        qn_tensor last;
        u8 *data;
        u64 n, cap;
    } *scan; /* [n_scan] */
};

i64 control_turn(const frame *f) { return f->loop ? f->loop->turn : 0; }

/* What decides how it goes on, on the host: a condition, or how many turns. */
static qn_status decide(exec *x, frame *f, val v, const char *what, void *out)
{
    qn_tensor t;
    QN_TRY(store_tensor(x, f, v, &t));
    u64 elems = qn_tensor_elems(&t);
    if (elems != 1) return fail(QN_E_SHAPE, "its %s has %llu elements, not one", what, (unsigned long long)elems);
    memcpy(out, t.data, qn_dtype_bytes(t.dtype));
    return QN_OK;
}

/* A body starts empty, with the outer's bytes as its inputs. */
static void clear(frame *f)
{
    f->at = f->late_at = 0;
    for (u32 v = 1; v <= f->p->n_values; v++)
        if (!plan_is_constant(f->p, v)) f->slots[v] = (slot){ 0 };
}

/* Bytes that only the host has go where the body's launches want them, once for all turns and in the outer's own buffer. */
static qn_status lend(exec *x, frame *outer, val v, frame *body, val w)
{
    slot *to = &body->slots[plan_root(body->p, w)];
    const slot *from = &outer->slots[plan_root(outer->p, v)];
    const plan_value *use = &body->p->values[plan_root(body->p, w)];
    buf_view ignored;
    if (use->on_device && from->host) QN_TRY(store_view(x, outer, v, &ignored));
    if (use->on_host && from->host) QN_TRY(store_here(x, outer, v, false, &ignored));
    *to = (slot){ .view = from->view, .here = from->here, .host = from->host, .stale = from->stale };
    i64 dims[QN_MAX_RANK];
    QN_TRY(exec_dims(x, &value_at(outer->p->g, v)->type, dims));
    return exec_bind_type(x, &value_at(body->p->g, w)->type, dims, value_at(body->p->g, w)->name);
}

static void release(exec *x, frame *body)
{
    for (u32 v = 1; v <= body->p->n_values; v++) store_let_go(x, &body->slots[v]);
}

/* The outer goes on behind the If or Loop that its counter still stands on. */
static void go_back(exec *x, frame *body, frame *outer)
{
    release(x, body);
    x->now = outer;
    store_release_late(x, outer, outer->at);
    outer->at++;
}

static void enter(exec *x, frame *outer, frame *body)
{
    body->outer = outer;
    x->now = body;
}

qn_status control_branch(exec *x, frame *f, const step *s, bool *pending)
{
    const node *n = node_at(f->p->g, s->node);
    val condition = node_in(f->p->g, n, 0);
    QN_TRY(store_gather(x, f, &condition, 1, false, pending));
    if (*pending) return QN_OK;
    u8 yes;
    QN_TRY(decide(x, f, condition, "condition", &yes));
    frame *body = exec_frame(x, s->body[yes ? 0 : 1]);
    clear(body);
    body->loop = NULL;
    x->now = body; /* sizes of a body may be bound again */
    for (u32 i = 0; i < body->p->g->n_inputs; i++)
        QN_TRY(lend(x, f, node_in(f->p->g, n, i + 1), body, body->p->g->inputs[i]));
    enter(x, f, body);
    return QN_OK;
}

/* ---- Loop: inputs M, cond, state..., captures...; body: turn, cond, state..., captures... -> cond, state..., scans... */

static qn_status start_loop(exec *x, frame *f, const step *s, bool *pending, struct loop **out)
{
    const node *n = node_at(f->p->g, s->node);
    val asked[2] = { node_in(f->p->g, n, 0), node_in(f->p->g, n, 1) };
    QN_TRY(store_gather(x, f, asked, 2, false, pending));
    if (*pending) return QN_OK;
    struct loop *l = call_alloc(x, sizeof *l);
    if (!l) return QN_E_NOMEM;
    *l = (struct loop){ .s = s, .turns = INT64_MAX, .on = true };
    u8 on = 1;
    if (asked[0]) QN_TRY(decide(x, f, asked[0], "trip count", &l->turns));
    if (asked[1]) QN_TRY(decide(x, f, asked[1], "condition", &on));
    l->on = on != 0;
    const graph *body = s->body[0]->g;
    i64 states = (i64)n->n_in - 2 - attr_int(n, NOTE_CAPTURES, 0);
    l->n_state = states > 0 ? (u32)states : 0;
    if (l->n_state > body->n_outputs - 1) l->n_state = body->n_outputs - 1;
    l->n_scan = body->n_outputs - 1 - l->n_state;
    if (body->n_inputs > MAX_LOOP_VALUES || body->n_outputs > MAX_LOOP_VALUES)
        return fail(QN_E_UNSUPPORTED, "a Loop with more than %d values", MAX_LOOP_VALUES);
    l->scan = call_alloc(x, (l->n_scan + 1) * sizeof *l->scan);
    if (!l->scan) return QN_E_NOMEM;
    memset(l->scan, 0, l->n_scan * sizeof *l->scan);
    *out = l;
    return QN_OK;
}

static qn_status put_scalar(exec *x, frame *body, val v, qn_dtype d, i64 number)
{
    i64 *data = call_alloc(x, sizeof *data);
    if (!data) return QN_E_NOMEM;
    *data = number;
    return store_put(x, body, v,
                     &(qn_tensor){ .dtype = d, .rank = value_at(body->p->g, v)->type.rank, .dims = { 1 }, .data = data });
}

static qn_status enter_turn(exec *x, frame *f, struct loop *l, frame *body, bool first)
{
    const node *n = node_at(f->p->g, l->s->node);
    const graph *g = body->p->g;
    x->now = body;
    if (first) clear(body);
    for (u32 i = first ? 2 : 2 + l->n_state; i < g->n_inputs;
         i++) /* a turn lets go of what it saw last: captures are lent anew */
        QN_TRY(lend(x, f, node_in(f->p->g, n, i), body, g->inputs[i]));
    QN_TRY(put_scalar(x, body, g->inputs[0], QN_I64, attr_int(n, NOTE_FIRST_TURN, 0) + l->turn));
    QN_TRY(put_scalar(x, body, g->inputs[1], QN_BOOL, 1));
    body->loop = l;
    enter(x, f, body);
    return QN_OK;
}

static qn_status put_empty_scan(exec *x, frame *f, val v)
{
    const type *t = &value_at(f->p->g, v)->type;
    qn_tensor e = { .dtype = t->dtype, .rank = t->rank, .data = "" };
    for (u32 d = 1; d < t->rank; d++)
        if (!sym_eval(f->p->g, t->dims[d], x->bound, &e.dims[d])) e.dims[d] = 0;
    return store_put(x, f, v, &e);
}

static qn_status put_scans(exec *x, frame *f, struct loop *l)
{
    const node *n = node_at(f->p->g, l->s->node);
    for (u32 k = 0; k < l->n_scan && l->n_state + k < n->n_out; k++) {
        val v = n->out[l->n_state + k];
        if (!l->turn) {
            QN_TRY(put_empty_scan(x, f, v));
            continue;
        }
        qn_tensor all = {
            .dtype = l->scan[k].last.dtype, .rank = l->scan[k].last.rank + 1, .dims = { l->turn }, .data = l->scan[k].data
        };
        if (all.rank > QN_MAX_RANK) return fail(QN_E_SHAPE, "a scan output of rank %u", all.rank);
        memcpy(all.dims + 1, l->scan[k].last.dims, l->scan[k].last.rank * sizeof(i64));
        QN_TRY(store_put(x, f, v, &all));
    }
    return QN_OK;
}

/* Without any turn a state that turns make of an optional leaves as what it held. */
static qn_status unwrap(exec *x, frame *f, val from, val to)
{
    qn_tensor t;
    QN_TRY(store_tensor(x, f, from, &t));
    if (!t.dims[0]) return fail(QN_E_DATA, "no turn was made, and its state is an empty optional");
    return store_put(x, f, to, (const qn_tensor *)t.data);
}

static bool is_optional(const frame *f, val v) { return value_at(f->p->g, v)->type.dtype == QN_OPTIONAL; }

qn_status control_loop(exec *x, frame *f, const step *s, bool *pending)
{
    struct loop *l = NULL;
    QN_TRY(start_loop(x, f, s, pending, &l));
    if (*pending) return QN_OK;
    const node *n = node_at(f->p->g, s->node);
    if (l->on && l->turns > 0) return enter_turn(x, f, l, exec_frame(x, s->body[0]), true);
    for (u32 i = 0; i < l->n_state && i < n->n_out; i++) {
        val in = node_in(f->p->g, n, i + 2);
        QN_TRY(is_optional(f, in) && !is_optional(f, n->out[i]) ? unwrap(x, f, in, n->out[i])
                                                                : store_adopt(x, f, n->out[i], f, in, true));
    }
    return put_scans(x, f, l);
}

static qn_status collect_scan(exec *x, struct loop *l, u32 k, const qn_tensor *t)
{
    u64 bytes = qn_tensor_bytes(t);
    if (l->turn && (t->rank != l->scan[k].last.rank || memcmp(t->dims, l->scan[k].last.dims, t->rank * sizeof(i64))))
        return fail(QN_E_SHAPE, "scan output %u changes its shape between turns", k);
    if (l->scan[k].n + bytes > l->scan[k].cap) {
        u64 cap = MAX(4096, 2 * (l->scan[k].n + bytes));
        u8 *room = call_alloc(x, cap);
        if (!room) return QN_E_NOMEM;
        if (l->scan[k].n) memcpy(room, l->scan[k].data, (size_t)l->scan[k].n);
        l->scan[k].data = room, l->scan[k].cap = cap;
    }
    if (bytes) memcpy(l->scan[k].data + l->scan[k].n, t->data, (size_t)bytes);
    l->scan[k].n += bytes;
    l->scan[k].last = *t;
    return QN_OK;
}

/* The output of a body that is its state i, and whether a later state has the same bytes. */
static val state_out(const frame *body, u32 i) { return live(body->p->g, body->p->g->outputs[1 + i]); }

static bool is_shared(const plan *p, u32 i, u32 end)
{
    const graph *g = p->g;
    for (u32 k = i + 1; k < g->n_outputs && k < end; k++)
        if (plan_root(p, live(g, g->outputs[k])) == plan_root(p, live(g, g->outputs[i]))) return true;
    return false;
}

/* A state that came as an optional may leave a turn as what it holds (op/control.c): it goes back into an optional, on the host. */
static bool is_wrapped(const frame *body, u32 i)
{
    return is_optional(body, body->p->g->inputs[2 + i]) && !is_optional(body, state_out(body, i));
}

static qn_status wrap(exec *x, frame *body, u32 i, slot *out, i64 *dims)
{
    qn_tensor held, *list = call_alloc(x, sizeof *list);
    if (!list) return QN_E_NOMEM;
    QN_TRY(store_tensor(x, body, state_out(body, i), &held));
    QN_TRY(tensor_copy(x->call, &held, list));
    *out = (slot){ .host = list };
    dims[0] = 1;
    return QN_OK;
}

/* The state goes round: the body's outputs are its next inputs. All are taken out before any is put in. */
static qn_status carry_state(exec *x, frame *body, const struct loop *l)
{
    const graph *g = body->p->g;
    slot state[MAX_LOOP_VALUES];
    i64 dims[MAX_LOOP_VALUES][QN_MAX_RANK];
    for (u32 i = 0; i < l->n_state; i++) {
        const plan_value *use = &body->p->values[plan_root(body->p, g->inputs[2 + i])];
        if (is_wrapped(body, i)) {
            QN_TRY(wrap(x, body, i, &state[i], dims[i]));
            continue;
        }
        QN_TRY(exec_dims(x, &value_at(g, state_out(body, i))->type, dims[i]));
        QN_TRY(store_take(x, body, state_out(body, i), is_shared(body->p, 1 + i, 1 + l->n_state), use, &state[i]));
    }
    release(x, body);
    clear(body);
    for (u32 i = 0; i < l->n_state; i++) {
        val w = g->inputs[2 + i];
        body->slots[plan_root(body->p, w)] = state[i];
        QN_TRY(exec_bind_type(x, &value_at(g, w)->type, dims[i], value_at(g, w)->name));
    }
    return QN_OK;
}

static qn_status leave_loop(exec *x, frame *body, struct loop *l)
{
    frame *f = body->outer;
    const node *n = node_at(f->p->g, l->s->node);
    for (u32 i = 0; i < l->n_state && i < n->n_out; i++)
        QN_TRY(store_adopt(x, f, n->out[i], body, state_out(body, i), is_shared(body->p, 1 + i, 1 + l->n_state)));
    QN_TRY(put_scans(x, f, l));
    go_back(x, body, f);
    return QN_OK;
}

static qn_status end_of_turn(exec *x, frame *body, struct loop *l)
{
    const graph *g = body->p->g;
    bool pending;
    val asked[MAX_LOOP_VALUES] = { live(g, g->outputs[0]) }; /* the state stays where it is */
    u32 n_asked = 1 + l->n_scan;
    for (u32 k = 0; k < l->n_scan; k++) asked[1 + k] = live(g, g->outputs[1 + l->n_state + k]);
    for (u32 i = 0; i < l->n_state; i++)
        if (is_wrapped(body, i)) asked[n_asked++] = state_out(body, i);
    bool ask = l->asked == l->turn && x->main->p->places->n_rows; /* the next turn writes over what this one found */
    l->asked = l->turn + 1;
    QN_TRY(store_gather(x, body, asked, n_asked, ask, &pending));
    if (pending) return QN_OK; /* entered again when the bytes are there */
    for (u32 k = 0; k < l->n_scan; k++) {
        qn_tensor t;
        QN_TRY(store_tensor(x, body, asked[1 + k], &t));
        QN_TRY(collect_scan(x, l, k, &t));
    }
    l->turn++;
    u8 on;
    QN_TRY(decide(x, body, asked[0], "body's condition", &on));
    if (!on || l->turn >= l->turns) return leave_loop(x, body, l);
    QN_TRY(carry_state(x, body, l));
    return enter_turn(x, body->outer, l, body, false);
}

static qn_status leave_branch(exec *x, frame *body)
{
    frame *f = body->outer;
    const node *n = node_at(f->p->g, f->p->steps[f->at].node);
    const graph *g = body->p->g;
    x->now = body;
    for (u32 i = 0; i < g->n_outputs && i < n->n_out; i++)
        QN_TRY(store_adopt(x, f, n->out[i], body, live(g, g->outputs[i]), is_shared(body->p, i, n->n_out)));
    go_back(x, body, f);
    return QN_OK;
}

qn_status control_leave(exec *x, frame *f) { return f->loop ? end_of_turn(x, f, f->loop) : leave_branch(x, f); }

/* If and Loop: ops whose meaning is a body, a graph of its own. Their inference gives the bodies' inputs their types, checks the bodies,
 * and takes the outputs' types from there. The executor runs them (control.c of exec). Not here: Scan. */
#include "op/op.h"

static graph *body_of(const infer *c, const char *name)
{
    const attr *a = attr_find(c->n, name);
    return a && a->kind == ATTR_GRAPH ? a->body : NULL;
}

/* A body's input takes the type of what will be lent to it, and its elements where they never change while the body runs. */
static void give_type(const infer *c, graph *body, u32 input, val from, bool fixed)
{
    const value *v = value_at(c->g, from);
    value *to = value_at(body, body->inputs[input]);
    to->type = v->type;
    if (to->elems_read) return;
    bool known = fixed && v->elems;
    to->elems = known ? v->elems : NULL;
    to->n_elems = known ? v->n_elems : 0;
}

static const type *body_out(const graph *body, u32 i) { return &value_at(body, live(body, body->outputs[i]))->type; }

/* One type for two: sizes that differ become a size of their own, known when it ran. */
static qn_status meet(const infer *c, u32 output, const type *a, const type *b, type *out)
{
    if (a->dtype != b->dtype)
        return infer_fail(c, QN_E_DTYPE, "output %u is %s one time and %s the other", output, qn_dtype_name(a->dtype),
                          qn_dtype_name(b->dtype));
    if (a->rank != b->rank)
        return infer_fail(c, QN_E_UNSUPPORTED, "output %u has rank %u one time and %u the other; only sizes may change",
                          output, a->rank, b->rank);
    *out = *a;
    for (u32 d = 0; d < a->rank; d++)
        if (!sym_same(c->g, a->dims[d], b->dims[d])) out->dims[d] = sym_fresh(c->g, "turn");
    return QN_OK;
}

/* ------------------------------------------------------------------ If */

static qn_status check_branch(const infer *c, graph *body)
{
    if (!body || body->n_outputs < c->n->n_out)
        return infer_fail(c, QN_E_FORMAT, "a branch gives fewer outputs than the node");
    if (body->n_inputs + 1 != c->n->n_in)
        return infer_fail(c, QN_E_FORMAT, "a branch takes %u values, %u are given", body->n_inputs, c->n->n_in - 1);
    for (u32 i = 0; i < body->n_inputs; i++) give_type(c, body, i, node_in(c->g, c->n, i + 1), true);
    return graph_check(body);
}

/* The branch that a known condition takes; NULL: not known. */
static graph *only_branch(infer *c, graph *yes, graph *no)
{
    const sym *elems;
    i64 truth;
    if (value_elems(c->g, node_in(c->g, c->n, 0), &elems) != 1 || !sym_is_number(c->g, elems[0], &truth)) return NULL;
    return truth ? yes : no;
}

static qn_status infer_If(infer *c)
{
    graph *yes = body_of(c, "then_branch"), *no = body_of(c, "else_branch");
    graph *only = only_branch(c, yes, no);
    QN_TRY(check_branch(c, only ? only : yes));
    if (!only) QN_TRY(check_branch(c, no));
    for (u32 i = 0; i < c->n->n_out; i++) {
        type t;
        if (only) t = *body_out(only, i);
        else QN_TRY(meet(c, i, body_out(yes, i), body_out(no, i), &t));
        QN_TRY(infer_out(c, i, &t));
    }
    return QN_OK;
}

/* clang-format off */
const op_def op_If = {
    .name = "If",
    .doc = "the outputs of then_branch where the condition holds, else those of else_branch",
    .in = { { "cond", "bool" }, { "captured", "many optional any" } },
    .min_in = 1,
    .out = { { "outputs", "many any" } },
    .attrs = { NEEDED("then_branch", ATTR_GRAPH), NEEDED("else_branch", ATTR_GRAPH), INT("captures", 0) },
    .infer = infer_If,
    .control = CONTROL_BRANCH,
    .bodies = { "then_branch", "else_branch" },
};
/* clang-format on */

/* ------------------------------------------------------------------ Loop */

enum { MOST_TRIES = 4 }; /* until the sizes of the state settle */

typedef struct loop_shape {
    graph *body;
    u32 n_state, n_scan, n_in;
} loop_shape;

static qn_status shape_of(const infer *c, loop_shape *out)
{
    *out = (loop_shape){ .body = body_of(c, "body"), .n_in = c->n->n_in };
    i64 states = (i64)c->n->n_in - 2 - attr_int(c->n, "captures", 0);
    if (!out->body || states < 0) return infer_fail(c, QN_E_FORMAT, "it has no body, or too few inputs");
    out->n_state = (u32)states;
    if (out->body->n_inputs != out->n_in)
        return infer_fail(c, QN_E_FORMAT, "its body takes %u values, %u are given", out->body->n_inputs, out->n_in);
    if (out->body->n_outputs < 1 + out->n_state)
        return infer_fail(c, QN_E_FORMAT, "its body gives %u values for a state of %u", out->body->n_outputs, out->n_state);
    out->n_scan = out->body->n_outputs - 1 - out->n_state;
    return QN_OK;
}

/* The body once with the state's types as they are now; where a size of the state changes in a turn it becomes open. */
static qn_status settle(const infer *c, const loop_shape *l, bool *settled)
{
    QN_TRY(graph_check(l->body));
    *settled = true;
    for (u32 i = 0; i < l->n_state; i++) {
        type *in = &value_at(l->body, l->body->inputs[2 + i])->type, both;
        QN_TRY(meet(c, i, in, body_out(l->body, 1 + i), &both));
        for (u32 d = 0; d < in->rank; d++)
            if (both.dims[d] != in->dims[d] && sym_newest_variable(c->g, in->dims[d]) <= c->variables)
                in->dims[d] = both.dims[d], *settled = false;
    }
    return QN_OK;
}

static qn_status infer_states(infer *c, const loop_shape *l)
{
    for (u32 i = 0; i < l->n_state && i < c->n->n_out; i++) {
        type t;
        QN_TRY(meet(c, i, infer_in(c, 2 + i), body_out(l->body, 1 + i), &t));
        QN_TRY(infer_out(c, i, &t));
    }
    return QN_OK;
}

static qn_status infer_scans(infer *c, const loop_shape *l)
{
    for (u32 i = 0; i < l->n_scan && l->n_state + i < c->n->n_out; i++) {
        const type *one = body_out(l->body, 1 + l->n_state + i);
        if (one->rank == QN_MAX_RANK)
            return infer_fail(c, QN_E_SHAPE, "scan output %u would have more than %d dimensions", i, QN_MAX_RANK);
        type t = { .dtype = one->dtype, .rank = (u8)(one->rank + 1), .known = true, .dims = { sym_fresh(c->g, "turns") } };
        for (u32 d = 0; d < one->rank; d++)
            t.dims[d + 1] = sym_newest_variable(c->g, one->dims[d]) > c->variables ? sym_fresh(c->g, "turn") : one->dims[d];
        QN_TRY(infer_out(c, l->n_state + i, &t));
    }
    return QN_OK;
}

static qn_status infer_Loop(infer *c)
{
    loop_shape l;
    QN_TRY(shape_of(c, &l));
    value_at(l.body, l.body->inputs[0])->type = (type){ .dtype = QN_I64, .known = true };
    value_at(l.body, l.body->inputs[1])->type = (type){ .dtype = QN_BOOL, .known = true };
    for (u32 i = 2; i < l.n_in; i++) {
        if (!infer_has(c, i)) return infer_fail(c, QN_E_FORMAT, "input %u is missing", i);
        give_type(c, l.body, i, node_in(c->g, c->n, i), i >= 2 + l.n_state);
    }
    bool settled = false;
    for (u32 k = 0; k < MOST_TRIES && !settled; k++) QN_TRY(settle(c, &l, &settled));
    if (!settled) return infer_fail(c, QN_E_UNSUPPORTED, "the sizes of its state do not settle");
    QN_TRY(infer_states(c, &l));
    return infer_scans(c, &l);
}

/* clang-format off */
const op_def op_Loop = {
    .name = "Loop",
    .doc = "the body again and again, at most M times and while its condition holds; its state goes round, its scan outputs are stacked",
    .in = { { "M", "optional i64" }, { "cond", "optional bool" }, { "state", "many optional any" } },
    .min_in = 2,
    .out = { { "outputs", "many any" } },
    .attrs = { NEEDED("body", ATTR_GRAPH), INT("captures", 0) },
    .infer = infer_Loop,
    .control = CONTROL_LOOP,
    .bodies = { "body" },
};
/* clang-format on */

/* If, Loop and Scan: ops whose meaning is a body, a graph of its own. Their inference gives the bodies' inputs their types, checks the bodies,
 * and takes the outputs' types from there. The executor runs them (control.c of exec); a Scan becomes a Loop. */
#include "op/control.h"

graph *control_body_of(const infer *c, const char *name)
{
    const attr *a = attr_find(c->n, name);
    return a && a->kind == ATTR_GRAPH ? a->body : NULL;
}

/* A body's input takes the type of what will be lent to it, and its elements where they never change while the body runs. */
void control_give_type(const infer *c, graph *body, u32 input, val from, bool fixed)
{
    const sym *elems = NULL;
    i64 n = fixed ? value_elems(c->g, from, &elems) : -1;
    value *to = value_at(body, body->inputs[input]);
    to->type = value_at(c->g, from)->type;
    if (to->elems_read) return;
    to->elems = n >= 0 ? elems : NULL;
    to->n_elems = n >= 0 ? (u32)n : 0;
}

const type *control_body_out(const graph *body, u32 i) { return &value_at(body, live(body, body->outputs[i]))->type; }

/* Of two lists: what the elements of both have in common. */
static qn_status meet_elements(const infer *c, u32 output, const type *a, const type *b, type *out)
{
    type of;
    if (a->key != b->key)
        return infer_fail(c, QN_E_DTYPE, "output %u has keys of %s one time and of %s the other", output,
                          qn_dtype_name(a->key), qn_dtype_name(b->key));
    if (!list_meet(c->g, a->of, b->of, &of))
        return infer_fail(c, QN_E_DTYPE, "output %u holds %s one time and %s the other", output, qn_dtype_name(a->of->dtype),
                          qn_dtype_name(b->of->dtype));
    if (!of.dtype) return QN_E_NOMEM;
    *out = list_type(c->g, a->dtype, out->dims[0], &of);
    out->key = a->key;
    return out->of ? QN_OK : QN_E_NOMEM;
}

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
    return a->of ? meet_elements(c, output, a, b, out) : QN_OK;
}

static bool is_open(const value *state, u32 d) { return state->open && state->open[d] == state->type.dims[d]; }

/* Which variables come into a body from outside: those in the sizes and elements of its inputs, but for sizes that change with the turn
 * and elements that are read in there. For mem_free; NULL: no memory. */
static sym_at *variables_from_outside(const graph *body)
{
    u64 bytes = (sym_variable_count(body) + 1ull) * sizeof(sym_at);
    sym_at *at = mem_zalloc(bytes);
    if (!at) return fail_nomem(bytes), NULL;
    for (u32 i = 0; i < body->n_inputs; i++) {
        const value *v = value_at(body, body->inputs[i]);
        for (u32 d = 0; d < v->type.rank; d++)
            if (!is_open(v, d)) sym_bind_variables(body, v->type.dims[d], at);
        for (u32 k = 0; v->elems && !v->elems_read && k < v->n_elems; k++) sym_bind_variables(body, v->elems[k], at);
    }
    return at;
}

/* A size of the body's own is another one outside. */
static sym size_outside(const infer *c, sym inside, const sym_at *outer)
{
    return sym_uses_unbound(c->g, inside, outer) ? sym_fresh(c->g, "turn") : inside;
}

/* ------------------------------------------------------------------ If */

static qn_status check_branch(const infer *c, graph *body)
{
    if (!body || body->n_outputs < c->n->n_out)
        return infer_fail(c, QN_E_FORMAT, "a branch gives fewer outputs than the node");
    if (body->n_inputs + 1 != c->n->n_in)
        return infer_fail(c, QN_E_FORMAT, "a branch takes %u values, %u are given", body->n_inputs, c->n->n_in - 1);
    for (u32 i = 0; i < body->n_inputs; i++) control_give_type(c, body, i, node_in(c->g, c->n, i + 1), true);
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

/* Output i of the only branch. Its elements are known out here too, unless the branch itself must run to tell them. */
static qn_status out_of_only(infer *c, graph *only, const sym_at *outer, u32 i)
{
    val v = live(only, only->outputs[i]);
    const type t = value_at(only, v)->type;
    const sym *elems = NULL;
    i64 n = value_at(only, v)->elems_read ? -1 : value_elems(only, v, &elems);
    bool tells = n >= 0;
    for (i64 k = 0; k < n; k++) tells = tells && !sym_uses_unbound(c->g, elems[k], outer);
    return tells ? infer_out_elems(c, i, &t, elems, (u32)n) : infer_out(c, i, &t);
}

static qn_status outs_of_only(infer *c, graph *only)
{
    sym_at *outer = variables_from_outside(only);
    qn_status status = outer ? QN_OK : QN_E_NOMEM;
    for (u32 i = 0; i < c->n->n_out && status == QN_OK; i++) status = out_of_only(c, only, outer, i);
    node_at(c->g, c->id)->n_needs = 0; /* what a size needs is for the branch to check: it may be known only when that ran */
    mem_free(outer);
    return status;
}

static qn_status infer_If(infer *c)
{
    graph *yes = control_body_of(c, "then_branch"), *no = control_body_of(c, "else_branch");
    graph *only = only_branch(c, yes, no);
    QN_TRY(check_branch(c, only ? only : yes));
    if (only) return outs_of_only(c, only);
    QN_TRY(check_branch(c, no));
    for (u32 i = 0; i < c->n->n_out; i++) {
        type t;
        QN_TRY(meet(c, i, control_body_out(yes, i), control_body_out(no, i), &t));
        QN_TRY(infer_out(c, i, &t));
    }
    return QN_OK;
}

/* clang-format off */
const op_def op_If = {
    .name = "If",
    .doc = DOC("the outputs of then_branch where the condition holds, else those of else_branch"),
    .in = { { "cond", "bool" }, { "captured", "many optional any|list" } },
    .min_in = 1,
    .out = { { "outputs", "many any|list" } },
    .attrs = { NEEDED("then_branch", ATTR_GRAPH), NEEDED("else_branch", ATTR_GRAPH), INT(NOTE_CAPTURES, 0) },
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
    *out = (loop_shape){ .body = control_body_of(c, "body"), .n_in = c->n->n_in };
    i64 states = (i64)c->n->n_in - 2 - attr_int(c->n, NOTE_CAPTURES, 0);
    if (!out->body || states < 0) return infer_fail(c, QN_E_FORMAT, "it has no body, or too few inputs");
    out->n_state = (u32)states;
    if (out->body->n_inputs != out->n_in)
        return infer_fail(c, QN_E_FORMAT, "its body takes %u values, %u are given", out->body->n_inputs, out->n_in);
    if (out->body->n_outputs < 1 + out->n_state)
        return infer_fail(c, QN_E_FORMAT, "its body gives %u values for a state of %u", out->body->n_outputs, out->n_state);
    out->n_scan = out->body->n_outputs - 1 - out->n_state;
    if (c->n->n_out > out->n_state + out->n_scan)
        return infer_fail(c, QN_E_FORMAT, "it has %u outputs, its body gives %u", c->n->n_out, out->n_state + out->n_scan);
    return QN_OK;
}

/* A state that came as an optional may leave a turn as what the optional holds: the next turn gets it as an optional that is there. */
static qn_status state_after(const infer *c, const type *in, const type *out, type *next)
{
    *next = *out;
    if (in->dtype != QN_OPTIONAL || out->dtype == QN_OPTIONAL) return QN_OK;
    *next = list_type(c->g, QN_OPTIONAL, sym_number(c->g, 1), out);
    return next->of ? QN_OK : QN_E_NOMEM;
}

/* A size that changes with the turn keeps its variable when the graph is checked again: lists of sizes in the body name it. */
static qn_status open_size(const infer *c, value *state, u32 d, sym fresh)
{
    if (!state->open) state->open = ARENA_ARRAY(c->g->mem, QN_MAX_RANK, sym);
    if (!state->open) return fail_nomem(QN_MAX_RANK * sizeof(sym));
    if (!state->open[d]) state->open[d] = fresh;
    state->type.dims[d] = state->open[d];
    return QN_OK;
}

/* The body once with the state's types as they are now; where a size of the state changes in a turn it becomes open. */
static qn_status settle(const infer *c, const loop_shape *l, bool *settled)
{
    sym_trial(l->body, true); /* a size that is told now may be found to change */
    qn_status status = graph_check(l->body);
    sym_trial(l->body, false);
    QN_TRY(status);
    *settled = true;
    for (u32 i = 0; i < l->n_state; i++) {
        value *state = value_at(l->body, l->body->inputs[2 + i]);
        type *in = &state->type, next, both;
        QN_TRY(state_after(c, in, control_body_out(l->body, 1 + i), &next));
        QN_TRY(meet(c, i, in, &next, &both));
        if (!list_same(in->of, both.of)) in->of = both.of, *settled = false;
        for (u32 d = 0; d < in->rank; d++)
            if (both.dims[d] != in->dims[d] && !is_open(state, d)) {
                QN_TRY(open_size(c, state, d, both.dims[d]));
                *settled = false;
            }
    }
    return QN_OK;
}

static qn_status infer_states(infer *c, const loop_shape *l)
{
    for (u32 i = 0; i < l->n_state && i < c->n->n_out; i++) {
        const type *in = infer_in(c, 2 + i), *out = control_body_out(l->body, 1 + i);
        type element, t;
        bool leaves_optional = in->dtype == QN_OPTIONAL && out->dtype != QN_OPTIONAL;
        if (leaves_optional && in->of->known) element = list_element(c->g, in), in = &element;
        else if (leaves_optional) in = out;
        QN_TRY(meet(c, i, in, out, &t));
        QN_TRY(infer_out(c, i, &t));
    }
    return QN_OK;
}

static qn_status infer_scans(infer *c, const loop_shape *l, const sym_at *outer)
{
    for (u32 i = 0; i < l->n_scan && l->n_state + i < c->n->n_out; i++) {
        const type *one = control_body_out(l->body, 1 + l->n_state + i);
        if (one->rank == QN_MAX_RANK)
            return infer_fail(c, QN_E_SHAPE, "scan output %u would have more than %d dimensions", i, QN_MAX_RANK);
        if (one->of)
            return infer_fail(c, QN_E_DTYPE, "scan output %u is a %s; it must be a tensor", i, qn_dtype_name(one->dtype));
        type t = { .dtype = one->dtype, .rank = (u8)(one->rank + 1), .known = true, .dims = { sym_fresh(c->g, "turns") } };
        for (u32 d = 0; d < one->rank; d++) t.dims[d + 1] = size_outside(c, one->dims[d], outer);
        QN_TRY(infer_out(c, l->n_state + i, &t));
    }
    return QN_OK;
}

/* What the file says of an input that each turn makes must be so. */
static qn_status give_scalar(const infer *c, graph *body, u32 input, qn_dtype d)
{
    type *t = &value_at(body, body->inputs[input])->type;
    if (t->known && t->dtype && t->dtype != d)
        return infer_fail(c, QN_E_DTYPE, "input %u of its body is %s, not %s", input, qn_dtype_name(t->dtype),
                          qn_dtype_name(d));
    *t = (type){ .dtype = d, .known = true };
    return QN_OK;
}

static qn_status infer_Loop(infer *c)
{
    loop_shape l;
    QN_TRY(shape_of(c, &l));
    QN_TRY(give_scalar(c, l.body, 0, QN_I64));
    QN_TRY(give_scalar(c, l.body, 1, QN_BOOL));
    for (u32 i = 2; i < l.n_in; i++) {
        if (!infer_has(c, i)) return infer_fail(c, QN_E_FORMAT, "input %u is missing", i);
        control_give_type(c, l.body, i, node_in(c->g, c->n, i), i >= 2 + l.n_state);
    }
    bool settled = false;
    for (u32 k = 0; k < MOST_TRIES && !settled; k++) QN_TRY(settle(c, &l, &settled));
    if (!settled) return infer_fail(c, QN_E_UNSUPPORTED, "the sizes of its state do not settle");
    if (control_body_out(l.body, 0)->dtype != QN_BOOL)
        return infer_fail(c, QN_E_DTYPE, "its body's condition is %s, not bool",
                          qn_dtype_name(control_body_out(l.body, 0)->dtype));
    QN_TRY(infer_states(c, &l));
    sym_at *outer = variables_from_outside(l.body);
    qn_status status = outer ? infer_scans(c, &l, outer) : QN_E_NOMEM;
    mem_free(outer);
    return status;
}

/* clang-format off */
const op_def op_Loop = {
    .name = "Loop",
    .doc = DOC("the body again and again, at most M times and while its condition holds; its state goes round, its scan outputs are stacked"),
    .in = { { "M", "optional i64" }, { "cond", "optional bool" }, { "state", "many optional any|list" } },
    .min_in = 2,
    .out = { { "outputs", "many any|list" } },
    .attrs = { NEEDED("body", ATTR_GRAPH), INT(NOTE_CAPTURES, 0) },
    .infer = infer_Loop,
    .control = CONTROL_LOOP,
    .bodies = { "body" },
};
/* clang-format on */

/* ------------------------------------------------------------------ Scan: a Loop over slices of its inputs */

typedef struct scan_shape {
    graph *body;
    u32 n_state, n_scan, n_captured, n_out;
} scan_shape;

static const char *scan_of(const node *n, scan_shape *s)
{
    const attr *a = attr_find(n, "body");
    i64 scans = attr_int(n, "num_scan_inputs", 0), captured = attr_int(n, NOTE_CAPTURES, 0),
        states = scans < 1 ? -1 : (i64)n->n_in - scans - captured;
    if (!a || a->kind != ATTR_GRAPH || states < 0) return "it has no body, no scan inputs, or too few inputs";
    *s = (scan_shape){ a->body, (u32)states, (u32)scans, (u32)captured, a->body->n_outputs };
    if (s->body->n_inputs != n->n_in) return "its body takes another number of values than are given";
    if (n->n_out > s->n_out) return "it has more outputs than its body gives";
    return s->n_out < s->n_state ? "its body gives fewer values than its state has" : NULL;
}

/* Entry i of a list of axes or directions, 0 where the node has none. */
static i64 scan_entry(const node *n, const char *name, u32 i)
{
    const i64 *list;
    return attr_ints(n, name, &list) > i ? list[i] : 0;
}

static qn_status scan_slice(const infer *c, const scan_shape *s, u32 i, type *out, sym *length)
{
    const type *x = infer_in(c, s->n_state + i);
    u32 axis;
    if (x->of) return infer_fail(c, QN_E_DTYPE, "scan input %u is a %s; it must be a tensor", i, qn_dtype_name(x->dtype));
    QN_TRY(infer_axis(c, scan_entry(c->n, "scan_input_axes", i), x->rank, &axis));
    *length = x->dims[axis];
    *out = *x;
    out->rank--;
    for (u32 d = axis; d < out->rank; d++) out->dims[d] = x->dims[d + 1];
    return QN_OK;
}

static qn_status infer_scan_out(infer *c, const scan_shape *s, u32 i, sym length, const sym_at *outer)
{
    const type *one = control_body_out(s->body, s->n_state + i);
    type y = { .dtype = one->dtype, .rank = (u8)(one->rank + 1), .known = true };
    u32 axis;
    if (one->rank == QN_MAX_RANK)
        return infer_fail(c, QN_E_SHAPE, "scan output %u would have more than %d dimensions", i, QN_MAX_RANK);
    if (one->of)
        return infer_fail(c, QN_E_DTYPE, "scan output %u is a %s; it must be a tensor", i, qn_dtype_name(one->dtype));
    QN_TRY(infer_axis(c, scan_entry(c->n, "scan_output_axes", i), y.rank, &axis));
    for (u32 d = 0; d < y.rank; d++)
        y.dims[d] = d == axis ? length : size_outside(c, one->dims[d < axis ? d : d - 1], outer);
    return infer_out(c, s->n_state + i, &y);
}

static qn_status infer_Scan(infer *c)
{
    scan_shape s;
    sym length = 0, other;
    const char *wrong = scan_of(c->n, &s);
    if (wrong) return infer_fail(c, QN_E_FORMAT, "%s", wrong);
    for (u32 i = 0; i < c->n->n_in; i++) {
        if (!infer_has(c, i)) return infer_fail(c, QN_E_FORMAT, "input %u is missing", i);
        control_give_type(c, s.body, i, node_in(c->g, c->n, i), i >= s.n_state + s.n_scan);
    }
    for (u32 i = 0; i < s.n_scan; i++) {
        QN_TRY(scan_slice(c, &s, i, &value_at(s.body, s.body->inputs[s.n_state + i])->type, &other));
        if (i && infer_differ(c->g, length, other))
            return infer_fail(c, QN_E_SHAPE, "its scan inputs are of different length");
        if (!i) length = other;
    }
    QN_TRY(graph_check(s.body));
    for (u32 i = 0; i < s.n_state && i < c->n->n_out; i++) {
        type t;
        QN_TRY(meet(c, i, infer_in(c, i), control_body_out(s.body, i), &t));
        QN_TRY(infer_out(c, i, &t));
    }
    sym_at *outer = variables_from_outside(s.body);
    qn_status status = outer ? QN_OK : QN_E_NOMEM;
    for (u32 i = 0; s.n_state + i < MIN(s.n_out, c->n->n_out) && status == QN_OK; i++)
        status = infer_scan_out(c, &s, i, length, outer);
    mem_free(outer);
    return status;
}

val control_body_node(build *b, graph *body, op_id op, const val *in, u32 n_in, const attr *attrs, u32 n_attrs)
{
    val y = 0;
    if (b->status == QN_OK && !graph_node(body, 0, (u16)op, NULL, in, n_in, &y, 1, attrs, n_attrs)) b->status = QN_E_NOMEM;
    return y;
}

val control_body_scalar(build *b, graph *body, qn_dtype d, i64 v)
{
    val y = b->status == QN_OK ? graph_constant_copy(body, NULL, &(qn_tensor){ .dtype = d, .data = &v }) : 0;
    if (!y && b->status == QN_OK) b->status = QN_E_NOMEM;
    return y;
}

/* The turn's slice of a scan input; one that goes backward is indexed from its end. */
static val slice_in_body(build *b, graph *body, val x, val turn, u32 i)
{
    attr axis = attr_of_int("axis", scan_entry(b->n, "scan_input_axes", i));
    if (scan_entry(b->n, "scan_input_directions", i)) {
        val minus_one = control_body_scalar(b, body, QN_I64, -1);
        turn = control_body_node(b, body, OP_Sub, (const val[]){ minus_one, turn }, 2, NULL, 0);
    }
    return control_body_node(b, body, OP_Gather, (const val[]){ x, turn }, 2, &axis, 1);
}

/* turn, condition, state, scan inputs, captures -> true, state, scan outputs. Scan's own body is the branch that is always taken. */
static graph *loop_body(build *b, const scan_shape *s)
{
    graph *body = graph_make(b->g->mem, b->g);
    u32 n_in = b->n->n_in;
    val *in = ARENA_ARRAY(b->g->mem, n_in + 1, val), *out = ARENA_ARRAY(b->g->mem, s->n_out + 1, val);
    type one = { .dtype = QN_I64, .known = true };
    if (!body || !in || !out) return NULL;
    val turn = graph_input(body, NULL, &one);
    one.dtype = QN_BOOL;
    graph_input(body, NULL, &one);
    for (u32 i = 0; i < n_in; i++) {
        in[i + 1] = graph_input(body, NULL, build_type(b, build_in(b, i)));
        if (!in[i + 1]) return NULL;
    }
    for (u32 i = 0; i < s->n_scan; i++) in[1 + s->n_state + i] = slice_in_body(b, body, in[1 + s->n_state + i], turn, i);
    in[0] = control_body_scalar(b, body, QN_BOOL, 1);
    attr attrs[3] = { *attr_find(b->n, "body"), *attr_find(b->n, "body"), attr_of_int(NOTE_CAPTURES, n_in) };
    attrs[0].name = "then_branch", attrs[1].name = "else_branch";
    if (b->status != QN_OK || !graph_node(body, 0, OP_If, NULL, in, n_in + 1, out, s->n_out, attrs, 3)) return NULL;
    if (graph_output(body, in[0]) != QN_OK) return NULL;
    for (u32 i = 0; i < s->n_out; i++)
        if (graph_output(body, out[i]) != QN_OK) return NULL;
    return body;
}

/* What the loop stacked along dimension 0, put where the node wants it. */
static val scan_result(build *b, val y, u32 i)
{
    i64 order[QN_MAX_RANK], axis = scan_entry(b->n, "scan_output_axes", i);
    const type t = *build_type(b, y);
    if (axis < 0) axis += t.rank;
    if (scan_entry(b->n, "scan_output_directions", i))
        y = build_slice_by(b, y, 0, sym_number(b->g, -1), sym_number(b->g, INT64_MIN), -1);
    if (axis == 0) return y;
    for (i64 d = 0; d < t.rank; d++) order[d] = d < axis ? d + 1 : d == axis ? 0 : d;
    attr perm = attr_of_ints(b->g, "perm", order, t.rank);
    return build_node(b, OP_Transpose, &y, 1, &perm, 1);
}

static qn_status expand_Scan(build *b, const node *n)
{
    scan_shape s;
    const char *wrong = scan_of(n, &s);
    if (wrong) return build_fail(b, QN_E_FORMAT, "%s", wrong);
    const type *x = build_type(b, build_in(b, s.n_state));
    i64 axis = scan_entry(n, "scan_input_axes", 0);
    sym length = x->dims[axis < 0 ? axis + x->rank : axis];
    val *in = ARENA_ARRAY(b->g->mem, n->n_in + 2, val), *outs = ARENA_ARRAY(b->g->mem, s.n_out + 1, val);
    graph *body = loop_body(b, &s);
    if (!in || !outs || !body) return b->status != QN_OK ? b->status : fail_nomem(sizeof *body);
    in[0] = build_reshape(b, build_syms(b, &length, 1), NULL, 0);
    for (u32 i = 0; i < n->n_in; i++) in[2 + i] = build_in(b, i);
    attr attrs[2] = { { .name = "body", .kind = ATTR_GRAPH, .body = body },
                      attr_of_int(NOTE_CAPTURES, s.n_scan + s.n_captured) };
    nid loop = build_node_outs(b, OP_Loop, in, n->n_in + 2, s.n_out, attrs, 2);
    for (u32 i = 0; i < s.n_out && loop; i++) outs[i] = node_at(b->g, loop)->out[i];
    for (u32 i = s.n_state; i < s.n_out && loop; i++) outs[i] = scan_result(b, outs[i], i - s.n_state);
    return build_done(b, outs, MIN(s.n_out, n->n_out));
}

/* clang-format off */
const op_def op_Scan = {
    .name = "Scan",
    .doc = DOC("the body once for each slice of the scan inputs; its state goes round, its scan outputs are stacked, forward or backward, along any axis"),
    .in = { { "inputs", "many any|list" } },
    .min_in = 1,
    .out = { { "outputs", "many any|list" } },
    .attrs = { NEEDED("body", ATTR_GRAPH), NEEDED("num_scan_inputs", ATTR_INT), INTS("scan_input_axes"), INTS("scan_input_directions"),
               INTS("scan_output_axes"), INTS("scan_output_directions"), INT(NOTE_CAPTURES, 0) },
    .infer = infer_Scan,
    .expand = expand_Scan,
};
/* clang-format on */

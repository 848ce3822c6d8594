/* A body becomes nodes of the graph around it, where inference could make nothing of it as it stands: its values change their rank from turn to
 * turn, or the data decide one inside. Of an If whose condition is known the branch is copied, of a Loop whose first turn is known to come
 * that turn, with a Loop of the others behind it, and so of a Scan. What is inside can be inferred then node by node, for what is known at each. */
#include "op/op.h"
#include "pass/pass.h"

static bool known_number(graph *g, val v, i64 otherwise, i64 *out)
{
    const sym *elems;
    *out = otherwise;
    return !v || (value_elems(g, v, &elems) == 1 && sym_is_number(g, elems[0], out));
}

static const graph *body_of(const node *n, const char *name)
{
    const attr *a = attr_find(n, name);
    return a && a->kind == ATTR_GRAPH ? a->body : NULL;
}

typedef struct opening {
    graph *g;
    nid id;
    graph_copy copy; /* of a body, in front of the node */
} opening;

static qn_status copy_body(opening *o, const graph *body)
{
    o->copy = (graph_copy){ .from = body, .to = o->g, .at = mem_zalloc(((size_t)body->n_values + 1) * sizeof(val)) };
    return o->copy.at ? QN_OK : fail_nomem(body->n_values * sizeof(val));
}

static qn_status copy_nodes(opening *o)
{
    FOR_NODES(o->copy.from, n)
    if (!graph_copy_node(&o->copy, o->id, n)) return QN_E_NOMEM;
    return QN_OK;
}

static qn_status replace_out(opening *o, u32 i, val by)
{
    if (!by) return QN_E_NOMEM;
    if (i < node_at(o->g, o->id)->n_out) graph_replace(o->g, node_at(o->g, o->id)->out[i], by);
    return QN_OK;
}

static qn_status take_branch(opening *o, const graph *body)
{
    QN_TRY(copy_body(o, body));
    for (u32 i = 0; i < body->n_inputs; i++)
        o->copy.at[live(body, body->inputs[i])] = node_in(o->g, node_at(o->g, o->id), i + 1);
    QN_TRY(copy_nodes(o));
    for (u32 i = 0; i < node_at(o->g, o->id)->n_out; i++)
        QN_TRY(replace_out(o, i, graph_copied(&o->copy, body->outputs[i])));
    graph_kill(o->g, o->id);
    return QN_OK;
}

static qn_status open_if(opening *o, bool *opened)
{
    const node *n = node_at(o->g, o->id);
    i64 truth;
    if (!node_in(o->g, n, 0) || !known_number(o->g, node_in(o->g, n, 0), 0, &truth)) return QN_OK;
    const graph *body = body_of(n, truth ? "then_branch" : "else_branch");
    *opened = body && body->n_inputs + 1 == n->n_in && body->n_outputs >= n->n_out;
    return *opened ? take_branch(o, body) : QN_OK;
}

/* ---- Loop: inputs M, cond, state..., captures...; body: turn, cond, state..., captures... -> cond, state..., scans... */

typedef struct loop_at {
    const graph *body;
    i64 left, first; /* turns at most; the number of the next */
    u32 n_state, n_scan;
} loop_at;

static val scalar(graph *g, qn_dtype d, i64 v)
{
    return graph_constant_copy(g, NULL, &(qn_tensor){ .dtype = d, .data = &v });
}

/* Is it understood here? An optional may change into what it holds as it goes round: not here. */
static bool loop_of(graph *g, const node *n, loop_at *out, bool *on)
{
    i64 condition, states = (i64)n->n_in - 2 - attr_int(n, NOTE_CAPTURES, 0);
    *out = (loop_at){ .body = body_of(n, "body"), .first = attr_int(n, NOTE_FIRST_TURN, 0) };
    if (!out->body || states < 0 || out->body->n_inputs != n->n_in || out->body->n_outputs < 1 + states) return false;
    if (!known_number(g, node_in(g, n, 0), INT64_MAX, &out->left) || !known_number(g, node_in(g, n, 1), 1, &condition))
        return false;
    for (u32 i = 2; i < n->n_in; i++)
        if (!node_in(g, n, i) || value_at(g, node_in(g, n, i))->type.dtype == QN_OPTIONAL) return false;
    out->n_state = (u32)states;
    out->n_scan = out->body->n_outputs - 1 - out->n_state;
    *on = condition && out->left > 0;
    return n->n_out <= out->n_state + out->n_scan;
}

/* A Loop of later turns has each scan output read by one node and no other: the Concat of what the turns before gathered and it, which join()
 * put behind the Loop in the same step that made it. 0: scan is not read so. */
static nid join_of(const graph *g, nid loop, val scan)
{
    if (value_at(g, scan)->uses != 1) return 0;
    for (nid n = node_at(g, loop)->next; n; n = node_at(g, n)->next) {
        const node *x = node_at(g, n);
        if (x->op == OP_Concat && x->n_in == 2 && node_in(g, x, 1) == scan) return n;
    }
    return 0;
}

/* There is no turn left: the state is as it came, and of a scan output what the turns before gathered is all. Where there were none, nothing
 * says what the elements of one that is read would have been, and the Loop stays. */
static qn_status end_loop(opening *o, const loop_at *l, bool *opened)
{
    graph *g = o->g;
    const node *n = node_at(g, o->id);
    for (u32 i = l->n_state; i < n->n_out; i++)
        if (value_at(g, n->out[i])->uses && (!l->first || !join_of(g, o->id, n->out[i]))) return QN_OK;
    for (u32 i = l->n_state; i < n->n_out; i++) {
        nid join = join_of(g, o->id, n->out[i]);
        if (!join) continue;
        graph_replace(g, node_at(g, join)->out[0], node_in(g, node_at(g, join), 0));
        graph_kill(g, join);
    }
    for (u32 i = 0; i < l->n_state; i++) QN_TRY(replace_out(o, i, node_in(g, n, 2 + i)));
    graph_kill(g, o->id);
    *opened = true;
    return QN_OK;
}

/* The Loop of the turns behind this one, with what this one left as its state. */
static nid next_turns(opening *o, const loop_at *l, val *outs)
{
    graph *g = o->g;
    const node n = *node_at(g, o->id);
    attr attrs[3] = { { .name = "body", .kind = ATTR_GRAPH, .body = graph_copy_all(g->mem, g, l->body) },
                      attr_of_int(NOTE_CAPTURES, attr_int(&n, NOTE_CAPTURES, 0)),
                      attr_of_int(NOTE_FIRST_TURN, l->first + 1) };
    val *in = ARENA_ARRAY(g->mem, n.n_in + 1, val);
    if (!attrs[0].body || !in) return 0;
    for (u32 i = 2; i < n.n_in; i++)
        in[i] = i < 2 + l->n_state ? graph_copied(&o->copy, l->body->outputs[i - 1]) : node_in(g, &n, i);
    in[0] = node_in(g, &n, 0) ? scalar(g, QN_I64, l->left - 1) : 0;
    in[1] = graph_copied(&o->copy, l->body->outputs[0]);
    for (u32 i = 1; i < n.n_in; i++)
        if (!in[i]) return 0;
    return graph_node(g, o->id, OP_Loop, n.name, in, n.n_in, outs, l->n_state + l->n_scan, attrs, 3);
}

static val ints(graph *g, i64 v) { return graph_constant_copy(g, NULL, &(qn_tensor){ QN_I64, 1, { 1 }, &v }); }

/* One node in front of the opened one, with an axis or without. */
static val made(opening *o, op_id op, const val *in, u32 n_in, const i64 *axis)
{
    val out = 0;
    attr with = attr_of_int("axis", axis ? *axis : 0);
    for (u32 i = 0; i < n_in; i++)
        if (!in[i]) return 0;
    return graph_node(o->g, o->id, (u16)op, NULL, in, n_in, &out, 1, &with, axis != NULL) ? out : 0;
}

/* This turn's element of a scan output, and the others along the axis, behind it or in front of it. others: 0: there are none. */
static val join(opening *o, val body_out, i64 axis, val others, bool behind)
{
    val own = made(o, OP_Unsqueeze, (val[]){ graph_copied(&o->copy, body_out), ints(o->g, axis) }, 2, NULL);
    if (!others || !own) return own;
    return made(o, OP_Concat, (val[]){ behind ? own : others, behind ? others : own }, 2, &axis);
}

static qn_status take_turn(opening *o, const loop_at *l)
{
    graph *g = o->g;
    const graph *body = l->body;
    QN_TRY(copy_body(o, body));
    val *outs = ARENA_ARRAY(g->mem, l->n_state + l->n_scan + 1, val);
    val turn = scalar(g, QN_I64, l->first), on = scalar(g, QN_BOOL, 1);
    if (!outs || !turn || !on) return fail_nomem(sizeof turn);
    for (u32 i = 0; i < body->n_inputs; i++)
        o->copy.at[live(body, body->inputs[i])] = i == 0 ? turn : i == 1 ? on : node_in(g, node_at(g, o->id), i);
    QN_TRY(copy_nodes(o));
    bool last = l->left == 1;
    if (!last && !next_turns(o, l, outs)) return QN_E_NOMEM;
    for (u32 i = 0; i < l->n_state; i++)
        QN_TRY(replace_out(o, i, last ? graph_copied(&o->copy, body->outputs[1 + i]) : outs[i]));
    for (u32 k = 0; k < l->n_scan; k++)
        if (l->n_state + k < node_at(g, o->id)->n_out)
            QN_TRY(
                replace_out(o, l->n_state + k, join(o, body->outputs[1 + l->n_state + k], 0, outs[l->n_state + k], true)));
    graph_kill(g, o->id);
    return QN_OK;
}

static qn_status open_loop(opening *o, bool *opened)
{
    loop_at l;
    bool on;
    if (!loop_of(o->g, node_at(o->g, o->id), &l, &on)) return QN_OK;
    if (!on) return end_loop(o, &l, opened);
    *opened = true;
    return take_turn(o, &l);
}

/* ---- Scan: inputs state..., scan inputs..., captures...; body: the same, of a scan input a slice -> state..., scan outputs... */

typedef struct scan_at {
    const graph *body;
    i64 left; /* slices */
    u32 n_state, n_scan;
} scan_at;

/* Of a list of axes or directions; 0 where the node has none. */
static i64 entry(const node *n, const char *name, u32 i)
{
    const i64 *list;
    return attr_ints(n, name, &list) > i ? list[i] : 0;
}

static bool scan_of(const graph *g, const node *n, scan_at *out)
{
    i64 scans = attr_int(n, "num_scan_inputs", 0),
        states = scans < 1 ? -1 : (i64)n->n_in - scans - attr_int(n, NOTE_CAPTURES, 0);
    *out = (scan_at){ .body = body_of(n, "body"), .n_state = (u32)states, .n_scan = (u32)scans };
    if (!out->body || states < 0 || out->body->n_inputs != n->n_in) return false;
    if (out->body->n_outputs < out->n_state || n->n_out > out->body->n_outputs) return false;
    for (u32 i = 0; i < n->n_in; i++)
        if (!node_in(g, n, i)) return false;
    const type *x = &value_at(g, node_in(g, n, out->n_state))->type;
    i64 axis = entry(n, "scan_input_axes", 0);
    if (axis < 0) axis += x->rank;
    return axis >= 0 && axis < x->rank && sym_is_number(g, x->dims[axis], &out->left) && out->left > 0;
}

/* Of scan input k: this turn's slice, or what is left of it then. */
static val slice(opening *o, const scan_at *s, u32 k, bool rest)
{
    const node *n = node_at(o->g, o->id);
    i64 axis = entry(n, "scan_input_axes", k);
    bool backward = entry(n, "scan_input_directions", k) != 0;
    val x = node_in(o->g, n, s->n_state + k);
    if (!rest) return made(o, OP_Gather, (val[]){ x, scalar(o->g, QN_I64, backward ? s->left - 1 : 0) }, 2, &axis);
    val from = ints(o->g, backward ? 0 : 1), to = ints(o->g, backward ? s->left - 1 : s->left);
    return made(o, OP_Slice, (val[]){ x, from, to, ints(o->g, axis) }, 4, NULL);
}

/* The Scan of the slices behind this one. */
static nid next_slices(opening *o, const scan_at *s, val *outs)
{
    graph *g = o->g;
    const node n = *node_at(g, o->id);
    attr *attrs = ARENA_ARRAY(g->mem, n.n_attrs + 1, attr);
    val *in = ARENA_ARRAY(g->mem, n.n_in + 1, val);
    if (!attrs || !in) return fail_nomem(n.n_in * sizeof *in), 0;
    for (u32 i = 0; i < n.n_attrs; i++) {
        attrs[i] = n.attrs[i];
        if (attrs[i].kind == ATTR_GRAPH && !(attrs[i].body = graph_copy_all(g->mem, g, s->body))) return 0;
    }
    for (u32 i = 0; i < n.n_in; i++) {
        u32 k = i - s->n_state;
        in[i] = i < s->n_state  ? graph_copied(&o->copy, s->body->outputs[i])
                : k < s->n_scan ? slice(o, s, k, true)
                                : node_in(g, &n, i);
        if (!in[i]) return 0;
    }
    return graph_node(g, o->id, n.op, n.name, in, n.n_in, outs, n.n_out, attrs, n.n_attrs);
}

static qn_status take_slice(opening *o, const scan_at *s)
{
    graph *g = o->g;
    const graph *body = s->body;
    const u32 n_in = node_at(g, o->id)->n_in, n_out = node_at(g, o->id)->n_out;
    QN_TRY(copy_body(o, body));
    val *outs = ARENA_ARRAY(g->mem, n_out + 1, val);
    if (!outs) return fail_nomem(n_out * sizeof *outs);
    for (u32 i = 0; i < n_in; i++) {
        u32 k = i - s->n_state;
        val in = i >= s->n_state && k < s->n_scan ? slice(o, s, k, false) : node_in(g, node_at(g, o->id), i);
        if (!in) return QN_E_NOMEM;
        o->copy.at[live(body, body->inputs[i])] = in;
    }
    QN_TRY(copy_nodes(o));
    bool last = s->left == 1;
    if (!last && !next_slices(o, s, outs)) return QN_E_NOMEM;
    for (u32 i = 0; i < n_out; i++) {
        const node *n = node_at(g, o->id);
        u32 k = i - s->n_state;
        if (i < s->n_state) QN_TRY(replace_out(o, i, last ? graph_copied(&o->copy, body->outputs[i]) : outs[i]));
        else
            QN_TRY(replace_out(o, i,
                               join(o, body->outputs[i], entry(n, "scan_output_axes", k), outs[i],
                                    !entry(n, "scan_output_directions", k))));
    }
    graph_kill(g, o->id);
    return QN_OK;
}

static qn_status open_scan(opening *o, bool *opened)
{
    scan_at s;
    *opened = scan_of(o->g, node_at(o->g, o->id), &s);
    return *opened ? take_slice(o, &s) : QN_OK;
}

qn_status open_body(graph *g, nid id, bool *opened)
{
    opening o = { .g = g, .id = id };
    qn_status status = QN_OK;
    *opened = false;
    if (op_of(node_at(g, id))->control == CONTROL_BRANCH) status = open_if(&o, opened);
    if (op_of(node_at(g, id))->control == CONTROL_LOOP) status = open_loop(&o, opened);
    if (node_at(g, id)->op == OP_Scan) status = open_scan(&o, opened);
    if (node_at(g, id)->op == OP_SequenceMap) status = open_map(g, id, opened);
    mem_free(o.copy.at);
    return status;
}

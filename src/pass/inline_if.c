/* An If whose condition is known becomes the branch that it takes: the branch's nodes move in front of it. It stands first in the order,
 * because the other branch may not even fit the sizes at hand, and is dropped unread. */
#include "pass/pass.h"

typedef struct moving { pass_job *j; nid at; const graph *body; val *now; } moving;    /* now[v]: the body's value v outside */

static bool condition(graph *g, const node *n, bool *truth)
{
    const sym *elems;
    i64 number;
    if (value_elems(g, node_in(g, n, 0), &elems) != 1 || !sym_is_number(g, elems[0], &number)) return false;
    *truth = number != 0;
    return true;
}

/* A body's value outside: an input's lender, a node's output that moved already, or a constant made anew. */
static qn_status outside(moving *m, val v, val *out)
{
    v = live(m->body, v);
    graph *g = m->j->g;
    if (!m->now[v] && is_constant(m->body, v)) {
        qn_tensor t = constant_tensor(m->body, v);
        m->now[v] = graph_constant(g, NULL, &t);
    } else if (!m->now[v] && value_at(m->body, v)->elems) {
        const value *x = value_at(m->body, v);
        m->now[v] = graph_sizes(g, NULL, x->elems, x->n_elems);
    }
    *out = m->now[v];
    return *out ? QN_OK : QN_E_NOMEM;
}

static qn_status move_node(moving *m, const node *n)
{
    graph *g = m->j->g;
    val *in = ARENA_ARRAY(g->mem, n->n_in + 1, val), *out = ARENA_ARRAY(g->mem, n->n_out + 1, val);
    if (!in || !out) return fail_nomem((n->n_in + n->n_out) * sizeof(val));
    for (u32 i = 0; i < n->n_in; i++)
        if (n->in[i]) QN_TRY(outside(m, n->in[i], &in[i]));
    nid made = graph_node(g, m->at, n->op, n->name, in, n->n_in, out, n->n_out, n->attrs, n->n_attrs);
    if (!made) return QN_E_NOMEM;
    for (u32 i = 0; i < n->n_out; i++) m->now[n->out[i]] = out[i];
    return graph_infer_node(g, made);
}

static qn_status inline_body(pass_job *j, nid id, const graph *body)
{
    graph *g = j->g;
    moving m = { j, id, body, ARENA_ARRAY(g->mem, body->n_values + 1, val) };
    if (!m.now) return fail_nomem(body->n_values * sizeof(val));
    for (u32 i = 0; i < body->n_inputs; i++) m.now[body->inputs[i]] = node_in(g, node_at(g, id), i + 1);
    FOR_NODES(body, n) QN_TRY(move_node(&m, node_at(body, n)));
    for (u32 i = 0; i < node_at(g, id)->n_out; i++) {
        val y;
        QN_TRY(outside(&m, body->outputs[i], &y));
        graph_replace(g, node_at(g, id)->out[i], y);
    }
    graph_kill(g, id);
    return QN_OK;
}

static bool inline_if(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    bool truth;
    if (op_of(n)->control != CONTROL_BRANCH || !condition(j->g, n, &truth)) return false;
    const attr *a = attr_find(n, op_of(n)->bodies[truth ? 0 : 1]);
    j->status = inline_body(j, id, a->body);
    return j->status == QN_OK;
}

const pass_def pass_inline_if = {
    .name = "inline_if",
    .doc = "an If whose condition is known becomes the branch that it takes",
    .always = true,
    .rewrite = inline_if,
    .test = "const c: bool[] = {1}; in x: f32[2]; y = If(c, x, then_branch={in a: f32[2]; b = Neg(a); out b}, else_branch={in a: f32[2]; b = Exp(a); out b}, captures=1); out y"
            " -> in x: f32[2]; y = Neg(x); out y"
            "\n---\n"
            "in c: bool[]; in x: f32[2]; y = If(c, x, then_branch={in a: f32[2]; b = Neg(a); out b}, else_branch={in a: f32[2]; b = Exp(a); out b}, captures=1); out y"
            " -> in c: bool[]; in x: f32[2]; y = If(c, x, then_branch={in a: f32[2]; b = Neg(a); out b}, else_branch={in a: f32[2]; b = Exp(a); out b}, captures=1); out y",
};

/* An If whose condition is known becomes the nodes of the branch that it takes. The other branch is never looked at again: where the
 * condition comes from sizes it may not even fit the tensors that are there, so this is needed to run at all.
 *
 * A body is closed: its inputs are the node's captured values, its constants are its own. So its values are mapped one by one to values
 * outside, and its nodes made again in front of the If. */
#include "pass/match.h"

typedef struct inlining {
    build *b;
    graph_copy copy; /* of the body's values; its nodes are moved, with the bodies that they have */
} inlining;

static const graph *branch_taken(graph *g, const node *n)
{
    const sym *elems;
    i64 truth;
    if (value_elems(g, node_in(g, n, 0), &elems) != 1 || !sym_is_number(g, elems[0], &truth)) return NULL;
    const attr *a = attr_find(n, truth ? "then_branch" : "else_branch");
    return a && a->kind == ATTR_GRAPH ? a->body : NULL;
}

/* What the body's v is outside; made here for what no node makes. */
static val outer_of(inlining *i, val v)
{
    val out = v && i->b->status == QN_OK ? graph_copied(&i->copy, v) : 0;
    if (v && !out && i->b->status == QN_OK) i->b->status = QN_E_NOMEM;
    return out;
}

static void move_node(inlining *i, const node *n)
{
    graph *g = i->b->g;
    val *in = ARENA_ARRAY(g->mem, n->n_in + 1, val), *out = ARENA_ARRAY(g->mem, n->n_out + 1, val);
    if (!in || !out) i->b->status = fail_nomem((n->n_in + n->n_out) * sizeof *in);
    for (u32 k = 0; k < n->n_in && i->b->status == QN_OK; k++) in[k] = outer_of(i, n->in[k]);
    if (i->b->status != QN_OK) return;
    nid made = graph_node(g, i->b->before, n->op, n->name, in, n->n_in, out, n->n_out, n->attrs, n->n_attrs);
    i->b->status = made ? graph_infer_node(g, made) : QN_E_NOMEM;
    for (u32 k = 0; k < n->n_out; k++) i->copy.at[n->out[k]] = out[k];
}

static bool splice(pass_job *j, nid id, inlining *i)
{
    const node *n = node_at(j->g, id);
    u32 n_out = n->n_out;
    val *outs = ARENA_ARRAY(j->g->mem, n_out + 1, val);
    if (!outs) i->b->status = fail_nomem(n_out * sizeof *outs);
    for (u32 k = 0; k < i->copy.from->n_inputs; k++) i->copy.at[i->copy.from->inputs[k]] = node_in(j->g, n, k + 1);
    FOR_NODES(i->copy.from, inner)
    if (i->b->status == QN_OK) move_node(i, node_at(i->copy.from, inner));
    for (u32 k = 0; k < n_out && i->b->status == QN_OK; k++) outs[k] = outer_of(i, i->copy.from->outputs[k]);
    return pass_replace(j, i->b, id, outs, n_out);
}

static bool inline_branch(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    const graph *body = branch_taken(j->g, n);
    if (!body || body->n_outputs < n->n_out || body->n_inputs + 1 != n->n_in) return false;
    build b = pass_build(j, id);
    inlining i = { &b, { .from = body, .to = j->g, .at = mem_zalloc(((size_t)body->n_values + 1) * sizeof(val)) } };
    if (!i.copy.at) {
        j->status = fail_nomem(body->n_values * sizeof(val));
        return false;
    }
    bool changed = splice(j, id, &i);
    mem_free(i.copy.at);
    return changed;
}

#define BRANCHES                                                                                                            \
    "then_branch={in a: f32[2]; const k: f32[] = {3}; b = Add(a, k); c = Relu(b); out c}, else_branch={in a: f32[2]; out "  \
    "a}, captures=1"
const pass_def pass_inline_if = {
    .name = "inline_if",
    .doc = "an If whose condition is known becomes the branch that it takes",
    .at = OP_If,
    .always = true,
    .rewrite = inline_branch,
    .test = "const t: bool[] = {1}; in x: f32[2]; y = If(t, x, " BRANCHES "); z = Exp(y); out z"
            " -> const k: f32[] = {3}; in x: f32[2]; b = Add(x, k); c = Relu(b); z = Exp(c); out z"
            "\n---\n"
            "const t: bool[1] = {0}; in x: f32[2]; y = If(t, x, " BRANCHES "); out y -> in x: f32[2]; out y = x"
            "\n---\n"
            "in t: bool[]; in x: f32[2]; y = If(t, x, " BRANCHES
            "); out y -> in t: bool[]; in x: f32[2]; y = If(t, x, " BRANCHES "); out y",
};

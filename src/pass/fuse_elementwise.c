/* Chains of elementwise ops become one Elementwise node, one kernel: a producer of the same shape that nobody else uses moves into its
 * consumer. What is computed once for many (a smaller shape, another user) stays outside.
 *
 * The nodes are gone through from the last to the first. Each that is still there is the end of a chain: it takes in makers as long as steps and
 * inputs allow, and the chain is written once. So a node is read once, whatever the length of its chain. */
#include <string.h>

#include "op/elementwise.h"
#include "op/op_util.h"
#include "pass/pass.h"

enum { MAX_INPUTS = 8 }; /* leaves room in every device's binding limit */

/* The nodes that become one, the end first, and what they read from outside. */
typedef struct group {
    nid node[EW_MAX_STEPS];
    u32 last[EW_MAX_STEPS]; /* of each node: the number of its last step + 1, once it is written */
    u32 n, n_steps;
    val in[MAX_INPUTS];
    u32 uses[MAX_INPUTS]; /* of each input by the group */
    u32 n_in;
} group;

typedef struct chain {
    group set;
    ew_step steps[EW_MAX_STEPS], room[EW_MAX_STEPS];
    u32 n_steps;
} chain;

static bool is_elementwise(const graph *g, const node *n)
{
    if (n->op != OP_Elementwise && !ew_is_row(g, n)) return false;
    const value *out = value_at(g, n->out[0]);
    return n->n_out == 1 && (!out->elems || out->elems_read) && out->type.dtype != QN_STRING;
}

static bool same_shape(const graph *g, val a, val b)
{
    const type *x = &value_at(g, a)->type, *y = &value_at(g, b)->type;
    if (x->rank != y->rank) return false;
    for (u32 d = 0; d < x->rank; d++)
        if (!sym_same(g, x->dims[d], y->dims[d])) return false;
    return true;
}

/* At most so many steps. */
static u32 steps_in(const graph *g, const node *n)
{
    u32 steps = 1;
    if (n->op != OP_Elementwise) return steps;
    for (const char *at = attr_text(g, n, "chain", ""); *at; at++) steps += *at == '\n' || *at == ';';
    return steps;
}

/* Count n's inputs in; false: there are too many. */
static bool add_inputs(const graph *g, const node *n, group *s)
{
    for (u32 i = 0; i < n->n_in; i++) {
        val v = node_in(g, n, i);
        u32 k = 0;
        while (k < s->n_in && s->in[k] != v) k++;
        if (!v) continue;
        if (k == MAX_INPUTS) return false;
        if (k == s->n_in) s->in[s->n_in] = v, s->uses[s->n_in++] = 0;
        s->uses[k]++;
    }
    return true;
}

static bool add_node(const graph *g, nid id, group *s)
{
    const node *n = node_at(g, id);
    u32 steps = steps_in(g, n);
    if (s->n == EW_MAX_STEPS || s->n_steps + steps > EW_MAX_STEPS || !add_inputs(g, n, s)) return false;
    s->node[s->n++] = id;
    s->n_steps += steps;
    return true;
}

/* Input k can move in: made by an elementwise node of the end's shape, for the group alone. What must run on the host, for a type that the device
 * has not, stays as it is: in a chain the type would be out of sight. */
static bool can_move_in(const graph *g, const qn_caps *caps, const group *s, u32 k)
{
    const value *v = value_at(g, s->in[k]);
    if (!v->maker || v->uses != s->uses[k]) return false;
    const node *maker = node_at(g, v->maker);
    return is_elementwise(g, maker) && !op_lacks_type(g, caps, maker) &&
           same_shape(g, s->in[k], node_at(g, s->node[0])->out[0]);
}

static bool move_in(const graph *g, group *s, u32 k)
{
    group more = *s;
    nid maker = value_at(g, s->in[k])->maker;
    more.n_in--;
    memmove(&more.in[k], &more.in[k + 1], (more.n_in - k) * sizeof *more.in);
    memmove(&more.uses[k], &more.uses[k + 1], (more.n_in - k) * sizeof *more.uses);
    if (!add_node(g, maker, &more)) return false;
    *s = more;
    return true;
}

/* All that fits behind the end `id`; false: it stays alone. */
static bool gather(const pass_job *j, nid id, group *s)
{
    const graph *g = j->g;
    const qn_caps *caps = j->env->caps;
    s->n = s->n_steps = s->n_in = 0;
    if (!is_elementwise(g, node_at(g, id)) || op_lacks_type(g, caps, node_at(g, id)) || !add_node(g, id, s)) return false;
    for (u32 k = 0; k < s->n_in;) {
        if (can_move_in(g, caps, s, k) && move_in(g, s, k)) k = 0;
        else k++;
    }
    return s->n > 1;
}

/* ---- writing */

static u32 place_of(const group *s, nid id)
{
    u32 k = 0;
    while (k < s->n && s->node[k] != id) k++;
    return k;
}

static u32 input_number(const group *s, val v)
{
    u32 k = 0;
    while (k < s->n_in && s->in[k] != v) k++;
    return k;
}

/* What argument `arg` of a node whose steps begin at `base` is called in the whole chain. */
static ew_arg renumbered(const graph *g, const node *n, const group *s, ew_arg arg, u32 base)
{
    if (arg.kind == EW_STEP) return (ew_arg){ EW_STEP, (u16)(arg.at + base) };
    if (arg.kind != EW_INPUT) return arg;
    val v = node_in(g, n, arg.at);
    u32 k = place_of(s, value_at(g, v)->maker);
    if (k < s->n) return (ew_arg){ EW_STEP, (u16)(s->last[k] - 1) };
    return (ew_arg){ EW_INPUT, (u16)input_number(s, v) };
}

static qn_status steps_of(const graph *g, const node *n, ew_step *steps, u32 *count)
{
    *count = 1;
    if (n->op != OP_Elementwise) return ew_step_of(g, n, steps);
    return ew_chain_parse(attr_text(g, n, "chain", ""), n->n_in, steps, count);
}

/* Append node k's steps, behind those of the makers that it reads. */
static qn_status append(const graph *g, chain *c, u32 k)
{
    group *s = &c->set;
    const node *n = node_at(g, s->node[k]);
    u32 count;
    for (u32 i = 0; i < n->n_in; i++) {
        val v = node_in(g, n, i);
        u32 maker = v ? place_of(s, value_at(g, v)->maker) : s->n;
        if (maker < s->n && !s->last[maker]) QN_TRY(append(g, c, maker));
    }
    QN_TRY(steps_of(g, n, c->room, &count));
    u32 base = c->n_steps;
    for (u32 i = 0; i < count; i++) {
        ew_step *step = &c->steps[c->n_steps++];
        *step = c->room[i];
        for (u32 a = 0; a < step->n_args; a++) step->args[a] = renumbered(g, n, s, step->args[a], base);
    }
    s->last[k] = c->n_steps;
    return QN_OK;
}

static bool replace(pass_job *j, nid id, const chain *c)
{
    str text = { 0 };
    for (u32 i = 0; i < c->n_steps; i++) {
        ew_step_print(&c->steps[i], &text);
        str_add(&text, "\n");
    }
    const char *copy = text.bad ? NULL : arena_text(j->g->mem, text.text, text.n);
    str_free(&text);
    if (!copy) {
        j->status = fail_nomem(64);
        return false;
    }
    build b = pass_build(j, id);
    val y = build_node(&b, OP_Elementwise, c->set.in, c->set.n_in, (attr[]){ attr_of_text("chain", copy) }, 1);
    return pass_replace(j, &b, id, &y, 1);
}

static qn_status fuse_at(pass_job *j, nid id, chain *c)
{
    if (!gather(j, id, &c->set)) return QN_OK;
    memset(c->set.last, 0, sizeof c->set.last);
    c->n_steps = 0;
    QN_TRY(append(j->g, c, 0));
    val old = node_at(j->g, id)->out[0];
    if (replace(j, id, c)) pass_replaced(j, old);
    for (u32 k = 1; k < c->set.n && j->status == QN_OK; k++) graph_kill(j->g, c->set.node[k]);
    return j->status;
}

static qn_status fuse(pass_job *j)
{
    chain *c = mem_alloc(sizeof *c);
    if (!c) return fail_nomem(sizeof *c);
    qn_status s = QN_OK;
    nid before;
    for (nid id = j->g->last; id && s == QN_OK; id = before) {
        before = node_at(j->g, id)->prev; /* the chain itself is put in front of its end, and is not looked at again */
        if (!node_at(j->g, id)->dead) s = fuse_at(j, id, c);
    }
    mem_free(c);
    return s;
}

const pass_def pass_fuse_elementwise = {
    .name = "fuse_elementwise",
    .doc = "chains of elementwise ops become one kernel",
    .run = fuse,
    .test = "in x: f32[2,3]; in b: f32[3]; t = Add(x, b); y = Relu(t); out y"
            " -> in x: f32[2,3]; in b: f32[3]; y = quern.Elementwise(x, b, chain=\"f32 Add 0 1\\nf32 Relu t0\\n\"); out y"
            "\n---\n"
            "in x: f32[3]; in y: f32[2,3]; t = Relu(x); z = Add(t, y); out z"
            " -> in x: f32[3]; in y: f32[2,3]; t = Relu(x); z = Add(t, y); out z"
            "\n---\n"
            "in x: f32[3]; t = Relu(x); z = Exp(t); out z, t -> in x: f32[3]; t = Relu(x); z = Exp(t); out z, t"
            "\n---\n"
            "in x: f32[3]; t = Exp(x); z = Mul(t, t); out z"
            " -> in x: f32[3]; z = quern.Elementwise(x, chain=\"f32 Exp 0\\nf32 Mul t0 t0\\n\"); out z",
};

/* Chains of elementwise ops become one Elementwise node, one kernel: a producer of the same shape that nobody else uses moves into its
 * consumer. What is computed once for many (a smaller shape, another user) stays outside.
 *
 * First groups grow, from the first node to the last: a node takes in the groups of its makers as long as steps and inputs allow. Then each group is
 * written, once. So a node is read once, whatever the length of its chain. */
#include <string.h>

#include "op/elementwise.h"
#include "op/op_util.h"
#include "pass/pass.h"

enum { MAX_INPUTS = 8 }; /* leaves room in every device's binding limit */

/* The nodes that become one with a node, their end, and what they read from outside. */
typedef struct group {
    nid next, tail; /* its nodes, as a list through the groups of all */
    u32 n, n_steps; /* 0: the node is in no chain, or in another's */
    val in[MAX_INPUTS];
    u32 uses[MAX_INPUTS]; /* of each input by the group */
    u32 n_in;
} group;

typedef struct chain {
    nid node[EW_MAX_STEPS];
    u32 last[EW_MAX_STEPS]; /* of each node: the number of its last step + 1, once it is written */
    u32 n;
    const group *set;
    ew_step steps[EW_MAX_STEPS], room[EW_MAX_STEPS];
    u32 n_steps;
} chain;

static bool is_elementwise(const graph *g, const node *n)
{
    if (n->op != OP_Elementwise && !ew_is_row(g, n)) return false;
    const value *out = value_at(g, n->out[0]);
    return n->n_out == 1 && (!out->elems || out->elems_read) && !dtype_is_for_host(out->type.dtype);
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

/* Count an input in; false: there are too many. */
static bool add_input(group *s, val v, u32 uses)
{
    u32 k = 0;
    while (k < s->n_in && s->in[k] != v) k++;
    if (k == MAX_INPUTS) return false;
    if (k == s->n_in) s->in[k] = v, s->uses[k] = 0, s->n_in++;
    s->uses[k] += uses;
    return true;
}

/* The group of one node, where it can be in a chain. What must run on the host, for a type that the device has not, stays as it is: in a chain the
 * type would be out of sight. */
static void begin_group(const pass_job *j, nid id, group *s)
{
    const node *n = node_at(j->g, id);
    group one = { .tail = id, .n = 1, .n_steps = steps_in(j->g, n) };
    bool fits = is_elementwise(j->g, n) && !op_lacks_type(j->g, j->env->caps, n) && one.n_steps <= EW_MAX_STEPS;
    for (u32 i = 0; i < n->n_in && fits; i++)
        if (node_in(j->g, n, i)) fits = add_input(&one, node_in(j->g, n, i), 1);
    if (fits) *s = one;
}

/* What makes input k moves into the group of `end`, with its own: when it has the same shape, is for this group alone, and fits. */
static bool take_in(const graph *g, group *all, nid end, u32 k)
{
    group more = all[end];
    val v = more.in[k];
    nid maker = value_at(g, v)->maker;
    if (!maker || !all[maker].n || value_at(g, v)->uses != more.uses[k] || !same_shape(g, v, node_at(g, end)->out[0]))
        return false;
    group *other = &all[maker];
    more.n_in--;
    memmove(&more.in[k], &more.in[k + 1], (more.n_in - k) * sizeof *more.in);
    memmove(&more.uses[k], &more.uses[k + 1], (more.n_in - k) * sizeof *more.uses);
    for (u32 i = 0; i < other->n_in; i++)
        if (!add_input(&more, other->in[i], other->uses[i])) return false;
    more.n_steps += other->n_steps;
    if (more.n_steps > EW_MAX_STEPS) return false;
    more.n += other->n;
    more.tail = other->tail;
    all[all[end].tail].next = maker;
    other->n = other->n_steps = 0;
    more.next = all[end].tail == end ? maker : all[end].next;
    all[end] = more;
    return true;
}

static void grow(const graph *g, group *all, nid end)
{
    for (u32 k = 0; k < all[end].n_in;) k = take_in(g, all, end, k) ? 0 : k + 1;
}

/* ---- writing */

static u32 place_of(const chain *s, nid id)
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
static ew_arg renumbered(const graph *g, const node *n, const chain *c, ew_arg arg, u32 base)
{
    if (arg.kind == EW_STEP) return (ew_arg){ EW_STEP, (u16)(arg.at + base) };
    if (arg.kind != EW_INPUT) return arg;
    val v = node_in(g, n, arg.at);
    u32 k = place_of(c, value_at(g, v)->maker);
    if (k < c->n) return (ew_arg){ EW_STEP, (u16)(c->last[k] - 1) };
    return (ew_arg){ EW_INPUT, (u16)input_number(c->set, v) };
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
    const node *n = node_at(g, c->node[k]);
    u32 count;
    for (u32 i = 0; i < n->n_in; i++) {
        val v = node_in(g, n, i);
        u32 maker = v ? place_of(c, value_at(g, v)->maker) : c->n;
        if (maker < c->n && !c->last[maker]) QN_TRY(append(g, c, maker));
    }
    QN_TRY(steps_of(g, n, c->room, &count));
    u32 base = c->n_steps;
    for (u32 i = 0; i < count; i++) {
        ew_step *step = &c->steps[c->n_steps++];
        *step = c->room[i];
        for (u32 a = 0; a < step->n_args; a++) step->args[a] = renumbered(g, n, c, step->args[a], base);
    }
    c->last[k] = c->n_steps;
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
    val y = build_node(&b, OP_Elementwise, c->set->in, c->set->n_in, (attr[]){ attr_of_text("chain", copy) }, 1);
    return pass_replace(j, &b, id, &y, 1);
}

static qn_status write_group(pass_job *j, const group *all, nid end, chain *c)
{
    c->set = &all[end];
    c->n = c->n_steps = 0;
    for (nid id = end; c->n < all[end].n; id = all[id].next) c->node[c->n] = id, c->last[c->n++] = 0;
    QN_TRY(append(j->g, c, 0));
    val old = node_at(j->g, end)->out[0];
    if (replace(j, end, c)) pass_replaced(j, old);
    for (u32 k = 1; k < c->n && j->status == QN_OK; k++) graph_kill(j->g, c->node[k]);
    return j->status;
}

static qn_status fuse_all(pass_job *j, group *all, chain *c)
{
    qn_status s = QN_OK;
    FOR_NODES(j->g, id)
    {
        begin_group(j, id, &all[id]);
        grow(j->g, all, id);
    }
    nid before;
    for (nid id = j->g->last; id && s == QN_OK; id = before) {
        before = node_at(j->g, id)->prev; /* a chain is put in front of its end, and is not looked at again */
        if (all[id].n > 1) s = write_group(j, all, id, c);
    }
    return s;
}

static qn_status fuse(pass_job *j)
{
    size_t bytes = ((size_t)j->g->n_nodes + 1) * sizeof(group);
    group *all = mem_alloc(bytes);
    chain *c = mem_alloc(sizeof *c);
    qn_status s = all && c ? QN_OK : fail_nomem(bytes);
    if (s == QN_OK) {
        memset(all, 0, bytes);
        s = fuse_all(j, all, c);
    }
    mem_free(all), mem_free(c);
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

/* Chains of elementwise ops become one Elementwise node, one kernel: a producer of the same shape that nobody else uses moves into its
 * consumer. What is computed once for many (a smaller shape, another user) stays outside. */
#include "op/elementwise.h"
#include "op/op_util.h"
#include "pass/pass.h"

enum { MAX_INPUTS = 8 }; /* leaves room in every device's binding limit */

typedef struct chain {
    ew_step steps[EW_MAX_STEPS];
    u32 n_steps;
    val in[MAX_INPUTS];
    u32 n_in;
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

static u32 uses_in(const graph *g, const node *n, val v)
{
    u32 uses = 0;
    for (u32 i = 0; i < n->n_in; i++) uses += node_in(g, n, i) == v;
    return uses;
}

/* Input v of n can move in: made by an elementwise node of n's shape, for n alone. What must run on the host, for a type that the device has
 * not, stays as it is: in a chain the type would be out of sight. */
static bool can_move_in(const graph *g, const qn_caps *caps, const node *n, val v)
{
    if (!v || !value_at(g, v)->maker || value_at(g, v)->uses != uses_in(g, n, v)) return false;
    const node *maker = node_at(g, value_at(g, v)->maker);
    if (op_lacks_type(g, caps, maker) || op_lacks_type(g, caps, n)) return false;
    return is_elementwise(g, maker) && same_shape(g, v, n->out[0]);
}

/* The number of input v in the chain, added when new; MAX_INPUTS: full. */
static u32 input_number(chain *c, val v)
{
    for (u32 i = 0; i < c->n_in; i++)
        if (c->in[i] == v) return i;
    if (c->n_in < MAX_INPUTS) c->in[c->n_in++] = v;
    else return MAX_INPUTS;
    return c->n_in - 1;
}

static qn_status steps_of(const graph *g, const node *n, ew_step *steps, u32 *count)
{
    *count = 1;
    if (n->op != OP_Elementwise) return ew_step_of(g, n, steps);
    return ew_chain_parse(attr_text(g, n, "chain", ""), n->n_in, steps, count);
}

/* Append n's steps; its inputs that are `inner` mean the chain's last step so far. False: it does not fit. */
static bool append(const graph *g, const node *n, val inner, ew_step *room, chain *c, qn_status *status)
{
    u32 count, base = c->n_steps;
    *status = steps_of(g, n, room, &count);
    if (*status != QN_OK || base + count > EW_MAX_STEPS) return false;
    for (u32 s = 0; s < count; s++) {
        for (u32 a = 0; a < room[s].n_args; a++) {
            ew_arg *arg = &room[s].args[a];
            if (arg->kind == EW_STEP) arg->at = (u16)(arg->at + base);
            if (arg->kind != EW_INPUT) continue;
            val v = node_in(g, n, arg->at);
            if (v == inner) *arg = (ew_arg){ EW_STEP, (u16)(base - 1) };
            else if ((arg->at = (u16)input_number(c, v)) == MAX_INPUTS) return false;
        }
        c->steps[c->n_steps++] = room[s];
    }
    return true;
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
    val y = build_node(&b, OP_Elementwise, c->in, c->n_in, (attr[]){ attr_of_text("chain", copy) }, 1);
    return pass_replace(j, &b, id, &y, 1);
}

/* The steps of inner's maker, then those of n, in room and chain; false when they do not fit. */
static bool fuse_one(pass_job *j, nid id, val inner, ew_step *room, chain *c)
{
    const graph *g = j->g;
    c->n_steps = c->n_in = 0;
    if (!append(g, node_at(g, value_at(g, inner)->maker), 0, room, c, &j->status)) return false;
    return append(g, node_at(g, id), inner, room, c, &j->status) && replace(j, id, c);
}

static bool fuse(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    if (!is_elementwise(j->g, n)) return false;
    chain *c = NULL;
    ew_step *room = NULL;
    bool changed = false;
    for (u32 i = 0; i < n->n_in && !changed && j->status == QN_OK; i++) {
        val inner = node_in(j->g, n, i);
        if (!can_move_in(j->g, j->env->caps, n, inner)) continue;
        if (!c) c = mem_alloc(sizeof *c), room = mem_alloc(EW_MAX_STEPS * sizeof *room);
        if (!c || !room) j->status = fail_nomem(sizeof *c);
        else changed = fuse_one(j, id, inner, room, c);
    }
    mem_free(c), mem_free(room);
    return changed;
}

const pass_def pass_fuse_elementwise = {
    .name = "fuse_elementwise",
    .doc = "chains of elementwise ops become one kernel",
    .at = OP_NONE,
    .rewrite = fuse,
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

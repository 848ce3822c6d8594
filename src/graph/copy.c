/* Nodes of one graph made again in another: as they were read, before anything was inferred of them. Names, attributes and the
 * elements of constants are lent; bodies are made again with all that they hold, since inference writes into them. Sizes that are no numbers stay
 * behind: what names them is told the sizes of its own place. */
#include "graph/graph.h"

/* of: 0 of a size that is open. */
static bool move_type(graph *to, const graph *from, const type *t, type *out)
{
    *out = *t;
    for (u32 d = 0; d < t->rank; d++) {
        i64 number;
        bool known = t->dims[d] && sym_is_number(from, t->dims[d], &number);
        out->dims[d] = known ? sym_number(to, number) : 0;
        if (known && !out->dims[d]) return false;
    }
    if (!t->of) return true;
    type *of = ARENA_NEW(to->mem, type);
    out->of = of;
    return of && move_type(to, from, t->of, of);
}

val graph_copy_input(graph_copy *c, val v, const char *name)
{
    type t;
    v = live(c->from, v);
    if (!move_type(c->to, c->from, &value_at(c->from, v)->type, &t)) return fail_nomem(sizeof t), 0;
    return c->at[v] = graph_input(c->to, name, &t);
}

static val constant(graph_copy *c, val v)
{
    qn_tensor t = constant_tensor(c->from, v);
    return graph_constant_like(c->to, c->named ? value_at(c->from, v)->name : NULL, c->from, v, &t);
}

val graph_copied(graph_copy *c, val v)
{
    if (!v) return 0;
    v = live(c->from, v);
    const value *x = value_at(c->from, v);
    if (c->at[v]) return c->at[v];
    if (x->is_constant) c->at[v] = constant(c, v);
    else if (value_is_sizes(x) && c->from->syms == c->to->syms) c->at[v] = graph_sizes(c->to, NULL, x->elems, x->n_elems);
    else fail(QN_E_BUG, "a copy reads a value that nobody makes");
    return c->at[v];
}

static bool copy_attr(graph *to, const graph *from, attr *a)
{
    if (a->kind == ATTR_GRAPH) {
        a->body = graph_copy_all(to->mem, to, a->body);
        return a->body != NULL;
    }
    if (a->kind != ATTR_TYPE || !a->type) return true;
    type *t = ARENA_NEW(to->mem, type);
    if (!t || !move_type(to, from, a->type, t)) return fail_nomem(sizeof *t), false;
    a->type = t;
    return true;
}

/* An output has what the file says of it, for inference to hold its own against. */
static val copy_output(graph_copy *c, val v)
{
    const value *was = value_at(c->from, v);
    val made = graph_value(c->to, c->named ? was->name : NULL);
    if (!made || was->inferred) return made;
    type t;
    if (!move_type(c->to, c->from, &was->type, &t)) return fail_nomem(sizeof t), 0;
    value_at(c->to, made)->type = t;
    return made;
}

nid graph_copy_node(graph_copy *c, nid before, nid id)
{
    graph *to = c->to;
    const node n = *node_at(c->from, id);
    val *in = ARENA_ARRAY(to->mem, n.n_in + 1, val), *out = ARENA_ARRAY(to->mem, n.n_out + 1, val);
    attr *attrs = ARENA_ARRAY(to->mem, n.n_attrs + 1, attr);
    if (!in || !out || !attrs) return fail_nomem((n.n_in + n.n_out) * sizeof *in), 0;
    for (u32 i = 0; i < n.n_in; i++)
        if (n.in[i] && !(in[i] = graph_copied(c, n.in[i]))) return 0;
    for (u32 i = 0; i < n.n_attrs; i++) {
        attrs[i] = n.attrs[i];
        if (!copy_attr(to, c->from, &attrs[i])) return 0;
    }
    for (u32 i = 0; i < n.n_out; i++)
        if (!(c->at[n.out[i]] = out[i] = copy_output(c, n.out[i]))) return 0;
    return graph_node(to, before, n.op, n.name, in, n.n_in, out, n.n_out, attrs, n.n_attrs);
}

static qn_status copy_all(graph_copy *c)
{
    const graph *from = c->from;
    for (u32 i = 0; i < from->n_inputs; i++)
        if (!graph_copy_input(c, from->inputs[i], value_at(from, from->inputs[i])->name)) return QN_E_NOMEM;
    FOR_NODES(from, n)
    if (!graph_copy_node(c, 0, n)) return QN_E_NOMEM;
    for (u32 i = 0; i < from->n_outputs; i++) {
        val v = graph_copied(c, from->outputs[i]);
        QN_TRY(v ? graph_output(c->to, v) : QN_E_NOMEM);
    }
    return QN_OK;
}

graph *graph_copy_all(arena *mem, const graph *outer, const graph *from)
{
    graph_copy c = { .from = from, .to = graph_make(mem, outer), .named = true };
    c.at = c.to ? mem_zalloc(((size_t)from->n_values + 1) * sizeof(val)) : NULL;
    if (c.to && !c.at) fail_nomem(from->n_values * sizeof(val));
    qn_status s = c.at ? copy_all(&c) : QN_E_NOMEM;
    mem_free(c.at);
    return s == QN_OK ? c.to : NULL;
}

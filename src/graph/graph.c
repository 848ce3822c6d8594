/* Values, nodes and the list of nodes: making, linking, replacing. All arrays grow in the graph's arena; ids stay, addresses do not.
 *
 * Replacement is by forwarding: the old value stays and points to the new one, and every reader looks through live(). `uses` are
 * always counted at the live end. */
#include <assert.h>

#include "graph/graph.h"
#include "op/op.h"

enum { MAX_VALUES = 1 << 24, MAX_NODES = 1 << 22, MAX_PORTS = 1 << 20 };

graph *graph_make(arena *mem, const graph *outer)
{
    graph *g = ARENA_NEW(mem, graph);
    if (g) {
        g->mem = mem;
        g->is_body = outer != NULL;
        g->syms = outer ? outer->syms : sym_pool_make(mem);
        /* entry 0 of both is there from the start: "none" */
        if (g->syms && ARENA_PUSH_ROOM(mem, g->values, 0, g->cap_values, MAX_VALUES) &&
            ARENA_PUSH_ROOM(mem, g->nodes, 0, g->cap_nodes, MAX_NODES))
            return g;
    }
    fail_nomem(sizeof *g);
    return NULL;
}

/* A new value of this name, everything else zero. */
val graph_value(graph *g, const char *name)
{
    if (!ARENA_PUSH_ROOM(g->mem, g->values, g->n_values + 1, g->cap_values, MAX_VALUES)) {
        fail_nomem(sizeof(value) * (size_t)g->n_values);
        return 0;
    }
    val v = ++g->n_values;
    g->values[v] = (value){ 0 };
    if (name && !(g->values[v].name = arena_text(g->mem, name, strlen(name)))) {
        g->n_values--;
        fail_nomem(strlen(name));
        return 0;
    }
    return v;
}

val graph_input(graph *g, const char *name, const type *t)
{
    if (!ARENA_PUSH_ROOM(g->mem, g->inputs, g->n_inputs, g->cap_inputs, MAX_PORTS)) {
        fail_nomem(sizeof(val) * (size_t)g->n_inputs);
        return 0;
    }
    val v = graph_value(g, name);
    if (!v) return 0;
    g->values[v].type = *t;
    g->values[v].is_input = true;
    g->inputs[g->n_inputs++] = v;
    return v;
}

val graph_constant(graph *g, const char *name, const qn_tensor *t)
{
    val v = graph_value(g, name);
    if (!v) return 0;
    type of = type_of(g, t->dtype, t->rank, t->dims);
    if (sym_status(g) != QN_OK) return 0;
    g->values[v].type = of;
    g->values[v].is_constant = true;
    g->values[v].data = t->data;
    return v;
}

val graph_outside(graph *g, const char *name, const qn_tensor *t, const outside *o)
{
    val v = graph_constant(g, name, t);
    if (v) g->values[v].data = NULL, g->values[v].outside = o;
    return v;
}

val graph_constant_like(graph *g, const char *name, const graph *from, val v, const qn_tensor *t)
{
    const outside *o = outside_of(from, v);
    return o ? graph_outside(g, name, t, o) : graph_constant(g, name, t);
}

val graph_constant_copy(graph *g, const char *name, const qn_tensor *t)
{
    u64 bytes = qn_tensor_bytes(t);
    void *copy = arena_alloc(g->mem, bytes);
    if (!copy) {
        fail_nomem(bytes);
        return 0;
    }
    if (bytes) memcpy(copy, t->data, (size_t)bytes);
    qn_tensor lent = *t;
    lent.data = copy;
    return graph_constant(g, name, &lent);
}

static val constant_of_numbers(graph *g, const char *name, const sym *elems, u32 n)
{
    i64 *numbers = ARENA_ARRAY(g->mem, n, i64);
    if (!numbers) {
        fail_nomem(n * sizeof(i64));
        return 0;
    }
    for (u32 i = 0; i < n; i++) sym_is_number(g, elems[i], &numbers[i]);
    return graph_constant(g, name, &(qn_tensor){ QN_I64, 1, { n }, numbers });
}

val graph_sizes(graph *g, const char *name, const sym *elems, u32 n)
{
    bool numbers = true;
    for (u32 i = 0; i < n; i++) {
        i64 number;
        assert(elems[i]);
        numbers = numbers && sym_is_number(g, elems[i], &number);
    }
    if (numbers) return constant_of_numbers(g, name, elems, n);
    val v = graph_value(g, name);
    sym *kept = ARENA_ARRAY(g->mem, n, sym);
    if (!v || !kept) {
        fail_nomem(n * sizeof(sym));
        return 0;
    }
    memcpy(kept, elems, n * sizeof *kept);
    type of = type_of(g, QN_I64, 1, (const i64[]){ n });
    g->values[v].type = of;
    g->values[v].elems = kept;
    g->values[v].n_elems = n;
    return v;
}

qn_status graph_output(graph *g, val v)
{
    if (!ARENA_PUSH_ROOM(g->mem, g->outputs, g->n_outputs, g->cap_outputs, MAX_PORTS))
        return fail_nomem(sizeof(val) * (size_t)g->n_outputs);
    g->outputs[g->n_outputs++] = v;
    g->values[live(g, v)].uses++;
    return QN_OK;
}

/* ---- nodes */

static void link_before(graph *g, nid n, nid before)
{
    node *made = node_at(g, n);
    made->next = before;
    made->prev = before ? node_at(g, before)->prev : g->last;
    if (made->prev) node_at(g, made->prev)->next = n;
    else g->first = n;
    if (before) node_at(g, before)->prev = n;
    else g->last = n;
    g->n_live++;
}

/* A copy in the arena; text payloads are copied too, so that all attribute text ends with a NUL. NULL: no memory. */
static attr *copy_attrs(graph *g, const attr *attrs, u32 n)
{
    attr *kept = ARENA_ARRAY(g->mem, n, attr);
    if (!kept) return NULL;
    for (u32 i = 0; i < n; i++) {
        kept[i] = attrs[i];
        if (attrs[i].kind == ATTR_INTS && attrs[i].n && !attrs[i].ints) return NULL; /* attr_of_ints had no memory */
        if (attrs[i].kind != ATTR_TEXT) continue;
        kept[i].text.data = arena_text(g->mem, attrs[i].text.data, attrs[i].text.n);
        if (!kept[i].text.data) return NULL;
    }
    return kept;
}

static const char *node_name(graph *g, u16 op, const char *name)
{
    if (name && name[0]) return arena_text(g->mem, name, strlen(name));
    const char *stem = op > OP_NONE && op < OP_COUNT ? op_defs[op]->name : "node";
    return arena_print(g->mem, "%s_%u", stem, g->n_nodes + 1);
}

nid graph_node(graph *g, nid before, u16 op, const char *name, const val *in, u32 n_in, val *out, u32 n_out,
               const attr *attrs, u32 n_attrs)
{
    node made = { .op = op, .n_in = n_in, .n_out = n_out, .n_attrs = n_attrs };
    made.in = ARENA_ARRAY(g->mem, n_in, val);
    made.out = ARENA_ARRAY(g->mem, n_out, val);
    made.attrs = copy_attrs(g, attrs, n_attrs);
    made.name = node_name(g, op, name);
    bool room = ARENA_PUSH_ROOM(g->mem, g->nodes, g->n_nodes + 1, g->cap_nodes, MAX_NODES);
    if (!made.in || !made.out || !made.attrs || !made.name || !room) {
        fail_nomem(sizeof(node));
        return 0;
    }
    for (u32 i = 0; i < n_out; i++) {
        made.out[i] = out[i] ? out[i] : graph_value(g, NULL);
        if (!made.out[i]) return 0;
        assert(!value_at(g, made.out[i])->maker);
    }
    nid n = ++g->n_nodes;
    for (u32 i = 0; i < n_in; i++) {
        made.in[i] = in[i];
        if (in[i]) value_at(g, live(g, in[i]))->uses++;
    }
    for (u32 i = 0; i < n_out; i++) {
        out[i] = made.out[i];
        value_at(g, out[i])->maker = n;
        value_at(g, out[i])->maker_out = i;
    }
    g->nodes[n] = made;
    link_before(g, n, before);
    return n;
}

void graph_replace(graph *g, val old, val by)
{
    old = live(g, old);
    by = live(g, by);
    if (old == by) return;
    value *from = value_at(g, old), *to = value_at(g, by);
    from->forward = by;
    to->uses += from->uses;
    from->uses = 0;
}

static bool has_need(const node_need *needs, u32 n, sym holds)
{
    for (u32 i = 0; i < n; i++)
        if (needs[i].holds == holds) return true;
    return false;
}

static void leave(graph *g, node *heir, node_need what)
{
    if (has_need(heir->needs, heir->n_needs, what.holds) || has_need(heir->left, heir->n_left, what.holds)) return;
    if (ARENA_PUSH_ROOM(g->mem, heir->left, heir->n_left, heir->cap_left, MAX_NODES)) heir->left[heir->n_left++] = what;
    else heir->needs_lost = true;
}

nid graph_first_since(const graph *g, u32 n_nodes, nid before)
{
    nid first = before;
    while (node_at(g, first)->prev > n_nodes) first = node_at(g, first)->prev;
    return first;
}

void graph_kill_for(graph *g, nid n, nid heir)
{
    const node *gone = node_at(g, n);
    if (gone->dead) return;
    for (u32 i = 0; heir && heir != n && i < gone->n_needs; i++) {
        const node_need *own = &gone->needs[i];
        leave(g, node_at(g, heir), (node_need){ own->holds, own->a, own->b, own->says, gone->op, gone->name });
    }
    graph_kill(g, n);
}

/* What it was left by others goes to the next node in the order of running. */
static void pass_on(graph *g, const node *gone)
{
    nid heir = gone->next ? gone->next : gone->prev;
    for (u32 i = 0; heir && i < gone->n_left; i++) leave(g, node_at(g, heir), gone->left[i]);
}

void graph_kill(graph *g, nid n)
{
    node *gone = node_at(g, n);
    if (gone->dead) return;
    if (gone->n_left) pass_on(g, gone);
    for (u32 i = 0; i < gone->n_in; i++)
        if (gone->in[i]) value_at(g, live(g, gone->in[i]))->uses--;
    for (u32 i = 0; i < gone->n_out; i++) value_at(g, gone->out[i])->maker = 0;
    if (gone->prev) node_at(g, gone->prev)->next = gone->next;
    else g->first = gone->next;
    if (gone->next) node_at(g, gone->next)->prev = gone->prev;
    else g->last = gone->prev;
    gone->dead = true;
    g->n_live--;
}

val live(const graph *g, val v)
{
    while (g->values[v].forward) v = g->values[v].forward;
    return v;
}

void graph_set_in(graph *g, nid n, u32 i, val v)
{
    node *to = node_at(g, n);
    assert(i < to->n_in);
    if (v) value_at(g, live(g, v))->uses++;
    if (to->in[i]) value_at(g, live(g, to->in[i]))->uses--;
    to->in[i] = v;
}

val graph_find(const graph *g, const char *name)
{
    for (val v = 1; v <= g->n_values; v++)
        if (g->values[v].name && strcmp(g->values[v].name, name) == 0) return v;
    return 0;
}

u64 graph_body_nodes(const node *n)
{
    u64 count = 0;
    for (u32 i = 0; i < n->n_attrs; i++) {
        if (n->attrs[i].kind != ATTR_GRAPH) continue;
        count += n->attrs[i].body->n_live;
        FOR_NODES(n->attrs[i].body, inner)
        count += graph_body_nodes(node_at(n->attrs[i].body, inner));
    }
    return count;
}

val node_in(const graph *g, const node *n, u32 i) { return i < n->n_in && n->in[i] ? live(g, n->in[i]) : 0; }

/* ---- nodes that nobody needs */

static void name_in_value(const graph *g, const value *v, sym_at *at)
{
    for (u32 d = 0; d < v->type.rank; d++) sym_bind_variables(g, v->type.dims[d], at);
    for (u32 e = 0; v->elems && !v->elems_read && e < v->n_elems; e++) sym_bind_variables(g, v->elems[e], at);
}

static void name_in_needs(const graph *g, const node_need *needs, u32 n, sym_at *at)
{
    for (u32 i = 0; i < n; i++) sym_bind_variables(g, needs[i].holds, at);
}

/* Marks the variables in sizes of what is still there, here and in bodies. */
static void name_variables(const graph *g, sym_at *at)
{
    for (val v = 1; v <= g->n_values; v++)
        if (value_at(g, v)->maker || value_at(g, v)->uses) name_in_value(g, value_at(g, v), at);
    FOR_NODES(g, n)
    {
        const node *x = node_at(g, n);
        name_in_needs(g, x->needs, x->n_needs, at);
        name_in_needs(g, x->left, x->n_left, at);
        for (u32 a = 0; a < x->n_attrs; a++)
            if (x->attrs[a].kind == ATTR_GRAPH) name_variables(x->attrs[a].body, at);
    }
}

/* Do sizes name what is read from v? Asked of few values: *named is made when the first comes. */
static qn_status is_asked(const graph *g, const value *v, sym_at **named, bool *asked)
{
    if (!v->elems_read) return QN_OK;
    if (!*named) {
        *named = mem_zalloc((sym_variable_count(g) + 1ull) * sizeof **named);
        if (!*named) return fail_nomem(sym_variable_count(g) * sizeof **named);
        name_variables(g, *named);
    }
    for (u32 e = 0; e < v->n_elems; e++) {
        u32 variable = sym_variable_index(g, v->elems[e]);
        *asked = *asked || (variable != UINT32_MAX && (*named)[variable].bound);
    }
    return QN_OK;
}

static qn_status sweep(graph *g, sym_at **named, u32 *removed)
{
    for (nid n = g->last, before; n; n = before) {
        const node *at = node_at(g, n);
        before = at->prev;
        bool wanted = false;
        for (u32 i = 0; i < at->n_out; i++) wanted = wanted || value_at(g, at->out[i])->uses > 0;
        for (u32 i = 0; i < at->n_out && !wanted; i++) QN_TRY(is_asked(g, value_at(g, at->out[i]), named, &wanted));
        if (wanted) continue;
        graph_kill(g, n);
        *removed += 1;
    }
    return QN_OK;
}

qn_status graph_sweep(graph *g, u32 *removed)
{
    sym_at *named = NULL;
    u32 count = 0;
    qn_status s = sweep(g, &named, &count);
    mem_free(named);
    if (removed) *removed = count;
    return s;
}

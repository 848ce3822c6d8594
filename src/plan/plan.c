/* Graph -> plan: every node becomes launches of its variant, a host step, or nothing (views and size arithmetic); then lifetimes. */
#include "plan/plan.h"

enum { MAX_STEPS = 1 << 24, MAX_VALUES = 1 << 26, MAX_PROGRAMS = 1 << 20 };

val plan_root(const plan *p, val v)
{
    while (p->values[v].root != v) v = p->values[v].root;
    return v;
}

bool plan_is_constant(const plan *p, val v)
{
    if (v <= p->g->n_values) return is_weight(p->g, v);
    for (u32 i = 0; i < p->n_tables; i++)
        if (p->tables[i].id == v) return true;
    return false;
}

val plan_add_value(plan *p, qn_dtype d, sym elems)
{
    u32 filled = p->cap_values ? p->n_values + 1 : 0; /* values[0] is none */
    if (!ARENA_PUSH_ROOM(p->mem, p->values, filled, p->cap_values, MAX_VALUES)) return 0;
    val v = ++p->n_values;
    p->values[v] = (plan_value){ .root = v, .dtype = d, .elems = elems, .stored = true };
    return v;
}

step *plan_add_step(plan *p, step_kind kind, nid at)
{
    if (!ARENA_PUSH_ROOM(p->mem, p->steps, p->n_steps, p->cap_steps, MAX_STEPS)) {
        fail_nomem(sizeof(step));
        return NULL;
    }
    step *s = &p->steps[p->n_steps++];
    *s = (step){ .kind = kind, .node = at };
    return s;
}

u32 plan_program(plan *p, const kc_program *program, bool on_host)
{
    u64 key = kc_program_key(program);
    for (u32 i = 0; i < p->n_programs; i++)
        if (p->program_keys[i] == key && p->programs_on_host[i] == on_host) return i;
    u32 cap = p->cap_programs, same = cap;
    if (!ARENA_PUSH_ROOM(p->mem, p->programs, p->n_programs, cap, MAX_PROGRAMS)) return UINT32_MAX;
    if (!ARENA_PUSH_ROOM(p->mem, p->programs_on_host, p->n_programs, same, MAX_PROGRAMS)) return UINT32_MAX;
    if (!ARENA_PUSH_ROOM(p->mem, p->program_keys, p->n_programs, p->cap_programs, MAX_PROGRAMS)) return UINT32_MAX;
    p->program_keys[p->n_programs] = key;
    p->programs_on_host[p->n_programs] = on_host;
    p->programs[p->n_programs] = *program;
    return p->n_programs++;
}

static bool has_bytes(const plan *p, val v)
{
    val r = plan_root(p, v);
    return p->values[r].stored || plan_is_constant(p, r) || (r <= p->g->n_values && value_at(p->g, r)->is_input);
}

qn_status plan_need(plan *p, val v, nid at)
{
    if (has_bytes(p, v)) return QN_OK;
    const value *x = value_at(p->g, v);
    if (!x->elems) return fail(QN_E_BUG, "value '%s' is used before it is made", x->name ? x->name : "?");
    step *s = plan_add_step(p, STEP_ELEMS, at);
    if (!s) return QN_E_NOMEM;
    s->value = v;
    p->values[v].root = v;
    p->values[v].stored = true;
    return QN_OK;
}

/* ---- nodes */

static bool wanted(const graph *g, val v) { return value_at(g, v)->uses > 0 || value_at(g, v)->elems_read; }

/* Size arithmetic: all that anyone wants of the node is known as expressions. */
static bool is_size_arithmetic(const graph *g, const node *n)
{
    for (u32 i = 0; i < n->n_out; i++) {
        const value *v = value_at(g, n->out[i]);
        if (wanted(g, n->out[i]) && (!v->elems || v->elems_read)) return false;
    }
    return n->n_out > 0;
}

static qn_status plan_check(plan *p, nid id, const node *n)
{
    return n->n_needs + n->n_left == 0 || plan_add_step(p, STEP_CHECK, id) ? QN_OK : QN_E_NOMEM;
}

static qn_status plan_alias(plan *p, nid id, const node *n)
{
    val x = node_in(p->g, n, 0);
    QN_TRY(plan_need(p, x, id));
    p->values[n->out[0]].root = plan_root(p, x);
    return plan_check(p, id, n);
}

static void store_outputs(plan *p, const node *n)
{
    for (u32 i = 0; i < n->n_out; i++) p->values[n->out[i]].stored = true;
}

static qn_status plan_variant(plan *p, nid id, const node *n)
{
    store_outputs(p, n);
    return plan_place(p, id, n);
}

static qn_status plan_host(plan *p, nid id, const node *n)
{
    for (u32 i = 0; i < n->n_in; i++)
        if (node_in(p->g, n, i)) QN_TRY(plan_need(p, node_in(p->g, n, i), id));
    store_outputs(p, n);
    QN_TRY(plan_note_host(p, id, n));
    return plan_add_step(p, STEP_HOST, id) ? QN_OK : QN_E_NOMEM;
}

static qn_status fill(plan *p);

static qn_status plan_body(plan *p, const node *n, const char *name, plan **out)
{
    const attr *a = attr_find(n, name);
    if (!a || a->kind != ATTR_GRAPH)
        return fail(QN_E_BUG, "%s '%s': no body '%s'", op_of(n)->name, n->name ? n->name : "", name);
    plan *body = ARENA_NEW(p->mem, plan);
    if (!body) return fail_nomem(sizeof *body);
    *body = (plan){ .g = a->body,
                    .device = p->device,
                    .mem = p->mem,
                    .places = p->places,
                    .placed = p->placed,
                    .only_variants = p->only_variants,
                    .avoided = p->avoided,
                    .is_body = true };
    *out = body;
    return fill(body);
}

static qn_status plan_control(plan *p, nid id, const node *n)
{
    for (u32 i = 0; i < n->n_in; i++)
        if (node_in(p->g, n, i)) QN_TRY(plan_need(p, node_in(p->g, n, i), id));
    store_outputs(p, n);
    plan *body[2] = { 0 };
    const op_def *d = op_of(n);
    for (u32 i = 0; i < COUNT(body); i++)
        if (d->bodies[i]) QN_TRY(plan_body(p, n, d->bodies[i], &body[i]));
    step *s = plan_add_step(p, d->control == CONTROL_BRANCH ? STEP_BRANCH : STEP_LOOP, id);
    if (!s) return QN_E_NOMEM;
    s->body[0] = body[0], s->body[1] = body[1];
    for (u32 k = 0; k < n->n_out; k++) p->values[n->out[k]].late = true; /* it stays in the buffer that the body has it in */
    return QN_OK;
}

static qn_status plan_reads(plan *p, nid id, const node *n)
{
    for (u32 i = 0; i < n->n_out; i++) {
        if (!value_at(p->g, n->out[i])->elems_read) continue;
        step *s = plan_add_step(p, STEP_READ, id);
        if (!s) return QN_E_NOMEM;
        s->value = n->out[i];
    }
    return QN_OK;
}

static qn_status plan_node(plan *p, nid id)
{
    const node *n = node_at(p->g, id);
    const op_def *d = op_of(n);
    if (is_size_arithmetic(p->g, n)) return plan_check(p, id, n);
    qn_status s = d->alias     ? plan_alias(p, id, n)
                  : d->control ? plan_control(p, id, n)
                  : d->host    ? plan_host(p, id, n)
                               : plan_variant(p, id, n);
    QN_TRY(s);
    return plan_reads(p, id, n);
}

/* ---- lifetimes */

static void touch(plan *p, val v, u32 at)
{
    plan_value *r = &p->values[plan_root(p, v)];
    r->first = MIN(r->first, at);
    r->last = MAX(r->last, at);
}

static void touch_node(plan *p, nid id, u32 at)
{
    const node *n = node_at(p->g, id);
    for (u32 i = 0; i < n->n_in; i++)
        if (node_in(p->g, n, i)) touch(p, node_in(p->g, n, i), at);
    for (u32 i = 0; i < n->n_out; i++) touch(p, n->out[i], at);
}

static void find_sides(plan *p)
{
    for (u32 i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        for (u32 b = 0; s->kind == STEP_LAUNCH && b < s->launch->n_bufs; b++) {
            plan_value *v = &p->values[plan_root(p, s->launch->bufs[b])];
            v->on_host |= s->on_host;
            v->on_device |= !s->on_host;
        }
    }
}

/* Inside a repeat a value lives for the whole of it: the next turn may read what this one wrote. */
static void find_lives(plan *p)
{
    for (u32 v = 1; v <= p->n_values; v++) p->values[v].first = UINT32_MAX, p->values[v].last = 0;
    u32 repeat = UINT32_MAX;
    for (u32 i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        if (s->kind == STEP_REPEAT) repeat = i;
        if (s->kind == STEP_REPEAT_END) repeat = UINT32_MAX;
        if (s->kind == STEP_LAUNCH)
            for (u32 b = 0; b < s->launch->n_bufs; b++) {
                touch(p, s->launch->bufs[b], i);
                if (repeat != UINT32_MAX)
                    touch(p, s->launch->bufs[b], repeat), touch(p, s->launch->bufs[b], p->steps[repeat].partner);
            }
        if (s->kind == STEP_ELEMS || s->kind == STEP_READ || s->kind == STEP_PLACES) touch(p, s->value, i);
        if (s->kind == STEP_HOST || s->kind == STEP_BRANCH || s->kind == STEP_LOOP) touch_node(p, s->node, i);
    }
    for (u32 i = 0; i < p->g->n_inputs; i++) touch(p, p->g->inputs[i], 0);
    for (u32 i = 0; i < p->g->n_outputs; i++) touch(p, live(p->g, p->g->outputs[i]), p->n_steps);
}

static void bind(const plan *p, sym s)
{
    u32 variable = sym_variable_index(p->g, s);
    if (variable != UINT32_MAX) p->bound_at_start[variable].bound = true;
}

/* Variables that the inputs decide are known when a run starts. */
static qn_status find_bound(plan *p)
{
    u32 n = p->n_bound_at_start = sym_variable_count(p->g);
    p->bound_at_start = arena_array(p->mem, n + 1, sizeof *p->bound_at_start);
    if (!p->bound_at_start) return fail_nomem(n * sizeof *p->bound_at_start);
    for (u32 i = 0; i < p->g->n_inputs; i++) {
        const value *v = value_at(p->g, p->g->inputs[i]);
        for (u32 d = 0; d < v->type.rank; d++) bind(p, v->type.dims[d]);
        for (u32 e = 0; v->elems_read && e < v->n_elems; e++) bind(p, v->elems[e]);
    }
    return QN_OK;
}

/* A size that needs another variable is late. */
bool plan_is_late(const plan *p, val v)
{
    return p->is_body || p->values[v].late || !p->values[v].elems ||
           sym_uses_unbound(p->g, p->values[v].elems, p->bound_at_start);
}

bool plan_has_home(const plan *p, val root)
{
    return plan_is_constant(p, root) || p->values[root].late || p->apart || p->device->info.caps.buffers_apart;
}

static void find_late(plan *p)
{
    for (u32 v = 1; v <= p->n_values; v++) p->values[v].late = plan_is_late(p, v);
}

static qn_status add_graph_values(plan *p)
{
    graph *g = p->g;
    for (u32 v = 1; v <= g->n_values; v++) {
        const value *x = value_at(g, v);
        if (plan_add_value(p, x->type.dtype, x->type.known ? type_elems(g, &x->type) : 0) != v)
            return fail_nomem(sizeof(plan_value));
        p->values[v].stored = false;
    }
    for (u32 i = 0; i < g->n_inputs; i++) p->values[g->inputs[i]].stored = true;
    return QN_OK;
}

/* What a body is lent may decide sizes inside it: such inputs are read when the body starts, as the model's are when a run starts. */
static qn_status read_body_inputs(plan *p)
{
    for (u32 i = 0; i < p->g->n_inputs && p->is_body; i++) {
        if (!value_at(p->g, p->g->inputs[i])->elems_read) continue;
        step *s = plan_add_step(p, STEP_READ, 0);
        if (!s) return QN_E_NOMEM;
        s->value = p->g->inputs[i];
    }
    return QN_OK;
}

static qn_status fill(plan *p)
{
    QN_TRY(find_bound(p));
    QN_TRY(add_graph_values(p));
    QN_TRY(read_body_inputs(p));
    FOR_NODES(p->g, n) QN_TRY(plan_node(p, n));
    for (u32 i = 0; i < p->g->n_outputs; i++) QN_TRY(plan_need(p, live(p->g, p->g->outputs[i]), 0));
    find_sides(p);
    find_lives(p);
    find_late(p);
    return p->is_body ? QN_OK : plan_find_once(p);
}

bool plan_in_layout(const plan *p, val v)
{
    const plan_value *pv = &p->values[v];
    return pv->root == v && pv->stored && !pv->late && pv->on_device && pv->first != UINT32_MAX &&
           !dtype_is_for_host(pv->dtype);
}

/* As far as the sizes are known now: do the values fit in one buffer together? */
static qn_status fits_together(const plan *p, bool *out)
{
    const qn_caps *caps = &p->device->info.caps;
    layout_result result = { 0 };
    u32 n = 0;
    *out = true;
    if (caps->host_memory || caps->buffers_apart || !caps->max_buffer_bytes) return QN_OK;
    span *spans = mem_alloc((p->n_values + 1) * sizeof *spans);
    if (!spans) return fail_nomem(p->n_values * sizeof *spans);
    for (u32 v = 1; v <= p->n_values; v++) {
        const plan_value *pv = &p->values[v];
        i64 elems;
        u64 bytes;
        bool known = plan_in_layout(p, v) && sym_is_number(p->g, pv->elems, &elems) && elems > 0;
        if (known && mul_u64((u64)elems, qn_dtype_bytes(pv->dtype), &bytes))
            spans[n++] = (span){ .bytes = bytes, .first = pv->first, .last = pv->last };
    }
    qn_status s = layout_make(spans, n, &result);
    *out = result.peak <= caps->max_buffer_bytes;
    mem_free(spans);
    return s;
}

static qn_status make(graph *g, const plan_desc *desc, arena *mem, bool apart, plan **out)
{
    plan *p = ARENA_NEW(mem, plan);
    if (!p) return fail_nomem(sizeof *p);
    *p =
        (plan){ .g = g, .device = desc->device, .mem = mem, .only_variants = desc->only_variants, .avoided = desc->avoided };
    p->apart = apart;
    p->places = ARENA_NEW(mem, struct plan_places_list);
    p->placed = ARENA_NEW(mem, struct plan_placed_list);
    if (!p->places || !p->placed) return fail_nomem(sizeof *p->places);
    *p->places = (struct plan_places_list){ 0 };
    *p->placed = (struct plan_placed_list){ 0 };
    QN_TRY(fill(p));
    *out = p;
    return QN_OK;
}

/* Values that do not fit in one buffer are apart, and then a launch binds more of them: it is planned anew for that. */
qn_status plan_make(graph *g, const plan_desc *desc, arena *mem, plan **out)
{
    bool together;
    QN_TRY(make(g, desc, mem, false, out));
    QN_TRY(fits_together(*out, &together));
    if (together) return QN_OK;
    attempt_begin();
    bool bound = plan_within_limits_apart(*out) == QN_OK;
    attempt_end(false);
    return bound ? QN_OK : make(g, desc, mem, true, out);
}

/* Places: elements of an integer tensor that say where in another one to look or to put. A kernel holds or skips one that is outside, so
 * that it touches no foreign memory; here it is found, so that nobody takes the result for an answer:
 *     a constant's while planning, an input's when a run starts (plan_places_check), a computed one's by two small launches
 *     (kernels/places.c) whose words the executor reads with the next answer of the device, or, where the node runs on the host, by a
 *     step before it. */
#include "plan/plan.h"

enum { PART = 64 }; /* entries to an element of places_scan */

/* ---- on the host */

static i64 integer_at(const qn_tensor *t, u64 i)
{
    i64 wide;
    i32 narrow;
    if (t->dtype == QN_I64) return memcpy(&wide, (const u8 *)t->data + 8 * i, 8), wide;
    return memcpy(&narrow, (const u8 *)t->data + 4 * i, 4), narrow;
}

/* The operand as the op says of which this node is a part, else by its value's name, else by what the op calls it. */
static const char *operand_of(const plan_places *p, const node *n)
{
    const op_def *d = op_of(n);
    const char *told = attr_text(p->g, n, NOTE_OPERAND, NULL), *name = told ? told : value_at(p->g, p->what.v)->name;
    for (u32 i = 0; i < n->n_in && i < COUNT(d->in) && !name; i++)
        if (node_in(p->g, n, i) == p->what.v) name = d->in[i].name;
    return name ? name : "its places";
}

qn_status plan_places_fail(const plan_places *p, u64 at, i64 found, i64 size)
{
    const node *n = node_at(p->g, p->node);
    const char *op = attr_text(p->g, n, NOTE_OP, op_of(n)->name), *name = n->name ? n->name : "";
    const char *of = operand_of(p, n);
    if (p->what.from_end)
        return fail(QN_E_DATA, "%s '%s': index %lld, element %llu of '%s', is outside its axis of %lld", op, name,
                    (long long)found, (unsigned long long)at, of, (long long)size);
    return fail(QN_E_DATA, "%s '%s': element %llu of '%s' is %lld, it must be from 0 to %lld", op, name,
                (unsigned long long)at, of, (long long)found, (long long)size - 1);
}

qn_status plan_places_check(const plan_places *p, const qn_tensor *t, const i64 *sizes)
{
    u64 n = qn_tensor_elems(t);
    for (u64 k = 0; k < n; k++) {
        i64 v = integer_at(t, k), size = sizes[k % p->what.tuple];
        if (v >= size || v < (p->what.from_end ? -size : 0)) return plan_places_fail(p, k, v, size);
    }
    return QN_OK;
}

/* ---- where to look */

static bool sizes_are_numbers(const graph *g, const place_bounds *what, i64 *sizes)
{
    for (u32 c = 0; c < what->tuple; c++)
        if (!sym_is_number(g, what->size[c], &sizes[c])) return false;
    return true;
}

static bool known_at_start(const plan *p, const place_bounds *what)
{
    for (u32 c = 0; c < what->tuple; c++)
        if (sym_uses_unbound(p->g, what->size[c], p->bound_at_start)) return false;
    return true;
}

static bool is_input(const plan *p, val v) { return v <= p->g->n_values && value_at(p->g, v)->is_input; }

static plan_places *add(lowering *l, const place_bounds *what)
{
    struct plan_places_list *list = l->p->places;
    if (!ARENA_PUSH_ROOM(l->p->mem, list->items, list->n, list->cap, 1u << 20)) {
        fail_nomem(sizeof(plan_places));
        return NULL;
    }
    plan_places *p = &list->items[list->n++];
    *p = (plan_places){ .g = l->p->g, .node = l->node, .what = *what };
    return p;
}

static qn_status look_on_device(lowering *l, const place_bounds *what)
{
    graph *g = l->p->g;
    plan_places *p = add(l, what);
    if (!p) return QN_E_NOMEM;
    p->row = ++l->p->places->n_rows;
    sym count = lower_elems(l, what->v), parts = sym_ceil_div(g, count, sym_number(g, PART));
    const char *index_type = dtype_word(lower_type(l, what->v)->dtype);
    val first = lower_scratch(l, QN_U32, parts);
    launch *k = launch_begin(l, "places.c", "places_scan");
    launch_define(k, "I", index_type);
    launch_in(k, what->v);
    launch_out(k, first);
    launch_size(k, count);
    launch_const(k, "tuple", what->tuple);
    launch_const(k, "from_end", what->from_end);
    for (u32 c = 0; c < QN_MAX_RANK; c++) launch_size(k, c < what->tuple ? what->size[c] : sym_number(g, 1));
    QN_TRY(launch_map(k, parts));
    k = launch_begin(l, "places.c", "places_meet");
    launch_define(k, "I", index_type);
    launch_in(k, what->v);
    launch_in(k, first);
    k->fault_row = p->row;
    launch_size(k, parts);
    return launch_map(k, sym_number(g, PLAN_FAULT_WORDS));
}

static qn_status look_on_host(lowering *l, const place_bounds *what)
{
    plan_places *p = add(l, what);
    QN_TRY(plan_need(l->p, what->v, l->node));
    step *s = plan_add_step(l->p, STEP_PLACES, 0); /* its sentence names the node itself */
    if (!p || !s) return QN_E_NOMEM;
    p->row = PLAN_BY_STEP;
    s->value = what->v;
    s->places = l->p->places->n - 1;
    return QN_OK;
}

qn_status lower_places(lowering *l, place_bounds what)
{
    plan *p = l->p;
    val root = what.v ? plan_root(p, what.v) : 0;
    i64 sizes[QN_MAX_RANK];
    if (!root) return QN_OK;
    plan_places here = { .g = p->g, .node = l->node, .what = what };
    if (is_constant(p->g, root) && sizes_are_numbers(p->g, &what, sizes)) {
        qn_tensor t = constant_tensor(p->g, root);
        qn_status s = plan_places_check(&here, &t, sizes);
        if (s == QN_OK || !p->is_body) return s;
    } /* a body may never run: there the device finds it */
    bool here_at_start = is_constant(p->g, root) || is_input(p, root);
    if (p->is_body || !here_at_start || !known_at_start(p, &what))
        return l->on_host ? look_on_host(l, &what) : look_on_device(l, &what);
    plan_places *at_start = add(l, &what);
    if (!at_start) return QN_E_NOMEM;
    at_start->what.v = root;
    return QN_OK;
}

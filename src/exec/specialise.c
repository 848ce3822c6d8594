/* What decides a model's structure and is only known when it runs: small inputs (axes, pads, a shape whose length is open) become
 * constants of the plan, and the other inputs take the sizes that the run brings. */
#include "exec/stretch.h"
#include "op/op_util.h"

enum { MAX_ELEMS = 64 };

static bool may_decide(const type *t) { return !t->known || (t->rank <= 1 && !dtype_is_for_host(t->dtype)); }

static bool is_open(const graph *g, const type *t)
{
    i64 number;
    for (u32 d = 0; d < t->rank; d++)
        if (!sym_is_number(g, t->dims[d], &number)) return true;
    return may_decide(t);
}

bool session_can_specialise(const graph *g)
{
    for (u32 i = 0; i < g->n_inputs; i++)
        if (is_open(g, &value_at(g, g->inputs[i])->type)) return true;
    return false;
}

/* Its elements are constants of the plan. Floats rarely decide anything (scales do), and change with each run. */
static bool takes_elements(const qn_session *s, qn_dtype d) { return s->fixes_floats || !dtype_is_float(d); }

static bool is_fixed(const qn_session *s, const value *v, const qn_tensor *t)
{
    return v->type.known && may_decide(&v->type) && takes_elements(s, v->type.dtype) && t->rank == v->type.rank &&
           qn_tensor_elems(t) <= MAX_ELEMS;
}

static const qn_tensor *given_for(const value *v, const qn_named *in, size_t n_in)
{
    const qn_tensor *found = NULL;
    for (size_t k = 0; k < n_in; k++)
        if (text_same(in[k].name, v->name)) found = &in[k].tensor;
    return found;
}

static qn_status fix(graph *g, val v, const qn_tensor *t, arena *mem)
{
    value *x = value_at(g, v);
    if (x->type.dtype != t->dtype)
        return fail(QN_E_DTYPE, "input '%s' is %s, the model wants %s", x->name, qn_dtype_name(t->dtype),
                    qn_dtype_name(x->type.dtype));
    i64 want;
    if (t->rank == 1 && x->type.dims[0] && sym_is_number(g, x->type.dims[0], &want) && want != t->dims[0])
        return fail(QN_E_SHAPE, "input '%s' has %lld elements, the model wants %lld", x->name, (long long)t->dims[0],
                    (long long)want);
    u64 bytes = qn_tensor_bytes(t);
    void *data = arena_alloc(mem, bytes + 1);
    if (!data) return fail_nomem(bytes);
    if (bytes) memcpy(data, t->data, (size_t)bytes);
    x->data = data;
    x->is_constant = true, x->is_input = false, x->elems_read = false;
    x->elems = NULL, x->n_elems = 0;
    x->type = type_of(g, t->dtype, t->rank, t->dims);
    return QN_OK;
}

/* The sizes that a run brings take the place of the open ones; exec_start holds the declared ones against them. */
static void fix_sizes(graph *g, val v, const qn_tensor *t)
{
    value *x = value_at(g, v);
    if (x->type.of) return;                               /* how many a list holds stays open, always */
    if (x->type.known && x->type.rank != t->rank) return; /* exec_start refuses it by name */
    i64 number;
    for (u32 d = 0; d < t->rank; d++)
        if (!x->type.known || !sym_is_number(g, x->type.dims[d], &number)) x->type.dims[d] = sym_number(g, t->dims[d]);
    x->type.rank = (u8)t->rank;
    x->type.known = true;
}

static qn_status fix_each_element(graph *g, val v, const qn_tensor *t)
{
    const qn_tensor *inner = t->data;
    if (t->dims[0] > MAX_ELEMS || dtype_is_list(inner->dtype)) return QN_OK;
    type *items = ARENA_ARRAY(g->mem, (size_t)t->dims[0], type);
    if (!items) return fail_nomem((u64)t->dims[0] * sizeof *items);
    for (i64 i = 0; i < t->dims[0]; i++) items[i] = type_of(g, inner[i].dtype, inner[i].rank, inner[i].dims);
    value_at(g, v)->items = items;
    value_at(g, v)->n_items = (u32)t->dims[0];
    return sym_status(g);
}

/* A list whose elements may be of any rank gets the one that they have, or each its own. */
static qn_status fix_elements(graph *g, val v, const qn_tensor *t)
{
    value *x = value_at(g, v);
    if (!x->type.of || x->type.of->known || t->dtype != x->type.dtype || t->rank != 1) return QN_OK;
    QN_TRY(list_check(g, &x->type, t, x->name));
    type given = list_of_tensor(g, t);
    if (!given.of) return QN_E_NOMEM;
    if (t->dims[0]) x->type.of = given.of;
    else x->type.dims[0] = sym_number(g, 0); /* nothing is in it, and so it says */
    return given.of->any_rank ? fix_each_element(g, v, t) : QN_OK;
}

qn_status session_fix_inputs(qn_session *s, const qn_named *in, size_t n_in)
{
    graph *g = s->g;
    u32 left = 0;
    for (u32 i = 0; i < g->n_inputs; i++) {
        val v = g->inputs[i];
        const qn_tensor *given = given_for(value_at(g, v), in, n_in);
        if (given && is_fixed(s, value_at(g, v), given)) {
            QN_TRY(fix(g, v, given, s->graph_mem));
            continue;
        }
        g->inputs[left++] = v;
        if (given) fix_sizes(g, v, given);
        if (given) QN_TRY(fix_elements(g, v, given));
    }
    g->n_inputs = left;
    return QN_OK;
}

qn_status session_fix_input(qn_session *s, val v, const qn_tensor *t)
{
    if (is_fixed(s, value_at(s->g, v), t)) {
        s->g->n_inputs--;
        return fix(s->g, v, t, s->graph_mem);
    }
    fix_sizes(s->g, v, t);
    return fix_elements(s->g, v, t);
}

/* Ranks and sizes of all that a list holds. */
static u64 hash_elements(const qn_tensor *t, u64 h)
{
    const qn_tensor *inner = t->data;
    for (i64 i = 0; inner && dtype_is_list(t->dtype) && t->rank == 1 && i < t->dims[0]; i++) {
        if (inner[i].rank > QN_MAX_RANK) continue; /* refused later */
        h = hash_bytes(inner[i].dims, inner[i].rank * sizeof *inner[i].dims, h + inner[i].rank + 1);
        h = hash_elements(&inner[i], h);
    }
    return h;
}

static u64 hash_tensor(const qn_session *s, const qn_tensor *t, bool may_be_constant, u64 h)
{
    h = hash_bytes(t->dims, t->rank * sizeof *t->dims, h + t->rank);
    bool constant =
        may_be_constant && !dtype_is_for_host(t->dtype) && takes_elements(s, t->dtype) && qn_tensor_elems(t) <= MAX_ELEMS;
    return constant && qn_tensor_bytes(t) ? hash_bytes(t->data, (size_t)qn_tensor_bytes(t), h) : h;
}

static u64 hash_taken(const qn_session *s, const qn_named *in, size_t n_in)
{
    u64 h = 1;
    for (size_t i = 0; i < n_in; i++) {
        const qn_tensor *t = &in[i].tensor;
        if (!dtype_is_list(t->dtype)) h = hash_tensor(s, t, t->rank <= 1, h);
        else if (s->taken[i].open) h = hash_elements(t, h + 1);
    }
    return h;
}

u64 session_fixed_hash(const qn_session *s, const qn_named *in, size_t n_in)
{
    u64 h = 1;
    if (s->behind) return hash_taken(s, in, n_in);
    for (u32 i = 0; i < s->n_inputs; i++) {
        const qn_value_info *v = &s->inputs[i];
        for (size_t k = 0; k < n_in; k++) {
            const qn_tensor *t = &in[k].tensor;
            if (!text_same(in[k].name, v->name)) continue;
            if (v->of) {
                if (!v->of->rank_known) h = hash_elements(t, h + 1);
                continue;
            }
            h = hash_tensor(s, t, v->rank_known && v->rank <= 1, h);
        }
    }
    return h;
}

/* Small inputs that decide a model's structure (axes, pads, a shape whose length is open) become constants of the plan; inputs of
 * undeclared rank take the rank and sizes that the run brings. */
#include "exec/session.h"

enum { MAX_ELEMS = 64 };

static bool may_decide(const type *t) { return !t->known || (t->rank <= 1 && t->dtype != QN_STRING); }

bool session_can_specialise(const graph *g)
{
    for (u32 i = 0; i < g->n_inputs; i++)
        if (may_decide(&value_at(g, g->inputs[i])->type)) return true;
    return false;
}

static bool is_fixed(const graph *g, u32 i, const qn_named *in, size_t n_in, const qn_named **out)
{
    const value *v = value_at(g, g->inputs[i]);
    if (!may_decide(&v->type)) return false;
    for (size_t k = 0; k < n_in; k++)
        if (text_same(in[k].name, v->name) && (!v->type.known || in[k].tensor.rank == v->type.rank)) *out = &in[k];
    return *out && v->type.known && qn_tensor_elems(&(*out)->tensor) <= MAX_ELEMS;
}

static qn_status fix(graph *g, val v, const qn_tensor *t, arena *mem)
{
    value *x = value_at(g, v);
    if (x->type.dtype != t->dtype)
        return fail(QN_E_DTYPE, "input '%s' is %s, the model wants %s", x->name, qn_dtype_name(t->dtype), qn_dtype_name(x->type.dtype));
    i64 want;
    if (t->rank == 1 && x->type.dims[0] && sym_is_number(g, x->type.dims[0], &want) && want != t->dims[0])
        return fail(QN_E_SHAPE, "input '%s' has %lld elements, the model wants %lld", x->name, (long long)t->dims[0], (long long)want);
    u64 bytes = qn_tensor_bytes(t);
    void *data = arena_alloc(mem, bytes + 1);
    if (!data) return fail_nomem(bytes);
    if (bytes) memcpy(data, t->data, bytes);
    x->data = data;
    x->is_constant = true, x->is_input = false, x->elems_read = false;
    x->elems = NULL, x->n_elems = 0;
    x->type = type_of(g, t->dtype, t->rank, t->dims);
    return QN_OK;
}

qn_status session_fix_inputs(graph *g, const qn_named *in, size_t n_in, arena *mem)
{
    u32 left = 0;
    for (u32 i = 0; i < g->n_inputs; i++) {
        const qn_named *given = NULL;
        bool constant = is_fixed(g, i, in, n_in, &given);
        if (constant) QN_TRY(fix(g, g->inputs[i], &given->tensor, mem));
        else g->inputs[left++] = g->inputs[i];
        value *v = value_at(g, g->inputs[left ? left - 1 : 0]);
        if (!constant && given && !v->type.known) v->type = type_of(g, v->type.dtype, given->tensor.rank, given->tensor.dims);
    }
    g->n_inputs = left;
    return QN_OK;
}

u64 session_fixed_hash(const qn_session *s, const qn_named *in, size_t n_in)
{
    u64 h = 1;
    for (u32 i = 0; i < s->n_inputs; i++) {
        const qn_value_info *v = &s->inputs[i];
        if (v->rank_known && v->rank > 1) continue;
        for (size_t k = 0; k < n_in; k++) {
            const qn_tensor *t = &in[k].tensor;
            if (!text_same(in[k].name, v->name)) continue;
            h = hash_bytes(t->dims, sizeof t->dims, h + t->rank);
            if (v->rank_known && qn_tensor_elems(t) <= MAX_ELEMS && qn_tensor_bytes(t)) h = hash_bytes(t->data, qn_tensor_bytes(t), h);
        }
    }
    return h;
}

/* A node whose inputs are all constants is computed once, by the kernels of run time, and becomes a constant. Results that would be
 * large and much larger than what they come from stay nodes: a file of a few bytes must not become gigabytes. */
#include "pass/pass.h"

enum { ALWAYS_BYTES = 1 << 20, MOST_BYTES = 1 << 28, MOST_GROWTH = 4 };

static bool all_constant(const graph *g, const node *n)
{
    if (!n->n_in) return false;
    for (u32 i = 0; i < n->n_in; i++)
        if (node_in(g, n, i) && !is_constant(g, node_in(g, n, i))) return false;
    return true;
}

static bool numbers(const graph *g, val v, u64 *bytes)
{
    const type *t = &value_at(g, v)->type;
    *bytes = qn_dtype_bytes(t->dtype);
    for (u32 d = 0; d < t->rank; d++) {
        i64 size;
        if (!sym_is_number(g, t->dims[d], &size) || size < 0 || !mul_u64(*bytes, (u64)size, bytes)) return false;
    }
    return !dtype_is_for_host(t->dtype);
}

/* A view of a constant whose elements are outside, by other constants, is one of the same elements, once its sizes are known. */
static bool views_outside(const graph *g, const node *n)
{
    u64 bytes;
    if (!op_of(n)->alias || !outside_of(g, node_in(g, n, 0)) || !numbers(g, n->out[0], &bytes)) return false;
    for (u32 i = 1; i < n->n_in; i++)
        if (node_in(g, n, i) && !is_constant(g, node_in(g, n, i))) return false;
    return true;
}

static bool worth_it(const graph *g, const node *n)
{
    u64 in = 0, out = 0, bytes;
    for (u32 i = 0; i < n->n_in; i++) {
        if (!node_in(g, n, i)) continue;
        if (!numbers(g, node_in(g, n, i), &bytes)) return false;
        in += bytes;
    }
    for (u32 i = 0; i < n->n_out; i++) {
        if (!numbers(g, n->out[i], &bytes)) return false;
        out += bytes;
    }
    return out <= ALWAYS_BYTES || (out <= MOST_BYTES && out / MOST_GROWTH <= in);
}

/* A view of a constant is the same bytes under another shape, or as another type. */
static qn_status fold_alias(pass_job *j, nid id, qn_tensor *out)
{
    const node *n = node_at(j->g, id);
    *out = constant_tensor(j->g, node_in(j->g, n, 0));
    const type *t = &value_at(j->g, n->out[0])->type;
    out->rank = t->rank;
    out->dtype = t->dtype;
    for (u32 d = 0; d < t->rank; d++)
        if (!sym_is_number(j->g, t->dims[d], &out->dims[d])) return fail(QN_E_BUG, "a view of unknown size");
    return QN_OK;
}

static bool fold(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    const op_def *d = op_of(n);
    if (d->random || d->draws || node_has_body(n) || n->n_out > 16) return false;
    if (!views_outside(j->g, n) && (!all_constant(j->g, n) || !worth_it(j->g, n))) return false;
    qn_tensor out[16];
    attempt_begin();
    qn_status s = d->alias ? fold_alias(j, id, out) : j->env->evaluate(j->env->user, j->g, id, j->g->mem, out);
    attempt_end(s != QN_OK && s != QN_E_UNSUPPORTED);
    if (s == QN_E_UNSUPPORTED) return false; /* it will be refused, or run, where it stands */
    val consts[16] = { 0 };
    for (u32 i = 0; i < n->n_out && s == QN_OK; i++) {
        consts[i] = d->alias ? graph_constant_like(j->g, NULL, j->g, node_in(j->g, n, 0), &out[i])
                             : graph_constant(j->g, NULL, &out[i]);
        if (!consts[i]) s = QN_E_NOMEM;
    }
    j->status = s;
    if (s != QN_OK) return false;
    build b = pass_build(j, id);
    return pass_replace(j, &b, id, consts, node_at(j->g, id)->n_out);
}

const pass_def pass_fold_constants = {
    .name = "fold_constants",
    .doc = "nodes with constant inputs are computed once, when the model opens",
    .at = OP_NONE,
    .rewrite = fold,
    .test = "const a: f32[2] = {1, 2}; in x: f32[2]; b = Neg(a); y = Add(x, b); out y"
            " -> const b: f32[2] = {-1, -2}; in x: f32[2]; y = Add(x, b); out y"
            "\n---\n"
            "const a: f16[2] = {1, 2}; const n: i64[2] = {2, 1}; in x: f16[2]; b = Reshape(a, n); y = Add(x, b); out y"
            " -> const b: f16[2,1] = {1, 2}; in x: f16[2]; y = Add(x, b); out y"
            "\n---\n"
            "const a: i64[2,2] = {1, 2, 3, 4}; const b: i64[2,2] = {1, 0, 0, 2}; in x: i64[2,2]; c = MatMul(a, b); y = "
            "Add(x, c); out y"
            " -> const c: i64[2,2] = {1, 4, 3, 8}; in x: i64[2,2]; y = Add(x, c); out y"
            "\n---\n"
            "const a: i32[2] = {-1, 2}; in x: u32[2]; b = BitCast(a, to=12); y = Add(x, b); out y"
            " -> const b: u32[2] = {4294967295, 2}; in x: u32[2]; y = Add(x, b); out y"
            "\n---\n"
            "const n: i64[2] = {30000, 30000}; in x: f32[1]; a = ConstantOfShape(n); y = Add(a, x); out y"
            " -> const n: i64[2] = {30000, 30000}; in x: f32[1]; a = ConstantOfShape(n); y = Add(a, x); out y",
};

/* Two nodes with the same op, inputs and attributes compute the same: the second one becomes the first. Constants with equal
 * bytes are one, and so are equal lists of sizes. */
#include "pass/pass.h"

static u64 hash_attr(const attr *a, u64 h)
{
    h = hash_bytes(a->name, strlen(a->name), h);
    switch (a->kind) {
    case ATTR_INT: return hash_bytes(&a->i, sizeof a->i, h);
    case ATTR_FLOAT: return hash_bytes(&a->f, sizeof a->f, h);
    case ATTR_TEXT: return hash_bytes(a->text.data, a->text.n, h);
    case ATTR_INTS: return hash_bytes(a->ints, a->n * sizeof *a->ints, h);
    case ATTR_FLOATS: return hash_bytes(a->floats, a->n * sizeof *a->floats, h);
    case ATTR_TENSOR: return hash_bytes(a->tensor->data, (size_t)qn_tensor_bytes(a->tensor), h);
    default: return h;
    }
}

static bool same_tensor(const qn_tensor *a, const qn_tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank && !memcmp(a->dims, b->dims, a->rank * sizeof(i64)) &&
           a->dtype != QN_STRING && !memcmp(a->data, b->data, (size_t)qn_tensor_bytes(a));
}

static bool same_attr(const attr *a, const attr *b)
{
    if (a->kind != b->kind || strcmp(a->name, b->name) || a->n != b->n) return false;
    switch (a->kind) {
    case ATTR_INT: return a->i == b->i;
    case ATTR_FLOAT: return !memcmp(&a->f, &b->f, sizeof a->f);
    case ATTR_TEXT: return a->text.n == b->text.n && !memcmp(a->text.data, b->text.data, a->text.n);
    case ATTR_INTS: return !memcmp(a->ints, b->ints, a->n * sizeof *a->ints);
    case ATTR_FLOATS: return !memcmp(a->floats, b->floats, a->n * sizeof *a->floats);
    case ATTR_TENSOR: return same_tensor(a->tensor, b->tensor);
    default: return false;
    }
}

static u64 hash_node(const graph *g, const node *n)
{
    u64 h = hash_bytes(&n->op, sizeof n->op, n->n_out);
    for (u32 i = 0; i < n->n_in; i++) {
        val v = node_in(g, n, i);
        h = hash_bytes(&v, sizeof v, h);
    }
    for (u32 i = 0; i < n->n_attrs; i++) h = hash_attr(&n->attrs[i], h);
    return h;
}

static bool same_node(const graph *g, const node *a, const node *b)
{
    if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out || a->n_attrs != b->n_attrs) return false;
    for (u32 i = 0; i < a->n_in; i++)
        if (node_in(g, a, i) != node_in(g, b, i)) return false;
    for (u32 i = 0; i < a->n_attrs; i++)
        if (!same_attr(&a->attrs[i], &b->attrs[i])) return false;
    return true;
}

static bool mergeable(const node *n)
{
    const op_def *d = op_of(n);
    return !d->random && !d->draws && !d->control;
}

static qn_status merge_nodes(pass_job *j)
{
    graph *g = j->g;
    map seen = { 0 };
    qn_status s = QN_OK;
    FOR_NODES(g, id)
    {
        const node *n = node_at(g, id);
        if (!mergeable(n)) continue;
        u64 key = hash_node(g, n);
        u32 earlier;
        if (!map_get(&seen, key, &earlier)) {
            if (!map_put(&seen, key, id)) s = fail_nomem(16);
        } else if (same_node(g, node_at(g, earlier), n)) {
            for (u32 i = 0; i < n->n_out; i++) {
                graph_replace(g, n->out[i], node_at(g, earlier)->out[i]);
                pass_replaced(j, n->out[i]);
            }
            graph_kill(g, id);
        }
        if (s != QN_OK) break;
    }
    map_free(&seen);
    return s;
}

/* Only small constants are compared: equal large ones are rare, and reading them all would touch the whole file. */
enum { MOST_BYTES = 4096 };

static bool comparable(const graph *g, val v)
{
    if (live(g, v) != v || !value_at(g, v)->uses) return false;
    if (value_is_sizes(value_at(g, v))) return true;
    if (!is_constant(g, v)) return false;
    qn_tensor t = constant_tensor(g, v);
    return qn_tensor_bytes(&t) <= MOST_BYTES && t.dtype != QN_STRING;
}

static u64 hash_source(const graph *g, val v)
{
    const value *x = value_at(g, v);
    if (value_is_sizes(x)) return hash_bytes(x->elems, x->n_elems * sizeof *x->elems, x->type.rank);
    qn_tensor t = constant_tensor(g, v);
    return hash_bytes(t.data, (size_t)qn_tensor_bytes(&t), hash_bytes(t.dims, t.rank * sizeof(i64), t.dtype));
}

static bool same_source(const graph *g, val a, val b)
{
    const value *x = value_at(g, a), *y = value_at(g, b);
    if (value_is_sizes(x) != value_is_sizes(y)) return false;
    if (value_is_sizes(x))
        return x->n_elems == y->n_elems && x->type.rank == y->type.rank && x->type.dtype == y->type.dtype &&
               !memcmp(x->elems, y->elems, x->n_elems * sizeof *x->elems);
    qn_tensor s = constant_tensor(g, a), t = constant_tensor(g, b);
    return same_tensor(&s, &t);
}

static qn_status merge_sources(graph *g)
{
    map seen = { 0 };
    qn_status s = QN_OK;
    for (val v = 1; v <= g->n_values && s == QN_OK; v++) {
        if (!comparable(g, v)) continue;
        u64 key = hash_source(g, v);
        u32 earlier;
        if (!map_get(&seen, key, &earlier)) {
            if (!map_put(&seen, key, v)) s = fail_nomem(16);
        } else if (same_source(g, earlier, v)) graph_replace(g, v, earlier);
    }
    map_free(&seen);
    return s;
}

static qn_status merge(pass_job *j)
{
    QN_TRY(merge_sources(j->g));
    return merge_nodes(j);
}

const pass_def pass_merge_common = {
    .name = "merge_common",
    .doc = "nodes that compute the same from the same become one",
    .run = merge,
    .test = "in x: f32[2]; a = Exp(x); b = Exp(x); y = Add(a, b); out y -> in x: f32[2]; a = Exp(x); y = Add(a, a); out y"
            "\n---\n"
            "in x: f32[2]; a = Elu(x, alpha=1.0); b = Elu(x, alpha=2.0); y = Add(a, b); out y"
            " -> in x: f32[2]; a = Elu(x, alpha=1.0); b = Elu(x, alpha=2.0); y = Add(a, b); out y"
            "\n---\n"
            "const a: f32[1] = {2}; const b: f32[1] = {2}; const c: f32[] = {2}; in x: f32[2];"
            "y = Mul(x, a); z = Mul(x, b); w = Mul(x, c); out y, z, w"
            " -> const a: f32[1] = {2}; const c: f32[] = {2}; in x: f32[2]; y = Mul(x, a); w = Mul(x, c); out y, y, w",
};

/* Every float of a graph becomes f64: inputs, constants, and the attributes that name a type. The graph then computes the answers that
 * the tests measure every device's error against, with the same kernels compiled for double. Types are inferred anew by the caller. */
#include "op/op_util.h"
#include "pass/pass.h"

static bool is_narrow_float(qn_dtype d) { return d == QN_F32 || d == QN_F16 || d == QN_BF16; }

static f64 wide(const u8 *at, qn_dtype d)
{
    f32 single;
    u16 bits;
    if (d == QN_F32) return memcpy(&single, at, 4), (f64)single;
    memcpy(&bits, at, 2);
    return (f64)(d == QN_F16 ? f16_to_f32(bits) : bf16_to_f32(bits));
}

static qn_status widen_tensor(arena *mem, const qn_tensor *t, qn_tensor *out)
{
    u64 n = qn_tensor_elems(t);
    f64 *data = arena_array(mem, n + 1, sizeof *data);
    if (!data) return fail_nomem(n * sizeof *data);
    for (u64 i = 0; i < n; i++) data[i] = wide((const u8 *)t->data + i * qn_dtype_bytes(t->dtype), t->dtype);
    *out = *t;
    out->dtype = QN_F64;
    out->data = data;
    return QN_OK;
}

/* Some slots take f32 and nothing else (the scales of Resize): what goes there stays as it is. stays: by value. */
static void mark_those_that_stay(const graph *g, bool *stays)
{
    FOR_NODES(g, id)
    {
        const node *n = node_at(g, id);
        for (u32 i = 0; i < n->n_in && i < COUNT(op_of(n)->in) && op_of(n)->in[i].types; i++) {
            const char *types = op_of(n)->in[i].types;
            if (text_same(types, "f32") || text_same(types, "optional f32")) stays[node_in(g, n, i)] = true;
        }
    }
}

static qn_status widen_value(graph *g, val v)
{
    if (is_constant(g, v)) {
        qn_tensor t = constant_tensor(g, v), w;
        QN_TRY(widen_tensor(g->mem, &t, &w));
        value_at(g, v)->data = w.data;
    }
    value_at(g, v)->type.dtype = QN_F64;
    return QN_OK;
}

static qn_status widen_values(graph *g)
{
    bool *stays = mem_zalloc(g->n_values + 1);
    if (!stays) return fail_nomem(g->n_values + 1);
    mark_those_that_stay(g, stays);
    qn_status s = QN_OK;
    for (u32 v = 1; v <= g->n_values && s == QN_OK; v++)
        if (is_narrow_float(value_at(g, v)->type.dtype) && !stays[v]) s = widen_value(g, v);
    mem_free(stays);
    return s;
}

static bool names_narrow_float(const node *n, const attr *a)
{
    const op_attr *known = op_attr_of(op_of(n), a->name);
    return known && op_attr_is_dtype(known) && is_narrow_float(dtype_of_onnx(a->i));
}

static qn_status widen_attr(graph *g, const node *n, attr *a)
{
    if (names_narrow_float(n, a)) a->i = dtype_to_onnx(QN_F64);
    if (a->kind == ATTR_GRAPH) return widen_floats(a->body);
    if (a->kind != ATTR_TENSOR || !is_narrow_float(a->tensor->dtype)) return QN_OK;
    qn_tensor *w = ARENA_NEW(g->mem, qn_tensor);
    if (!w) return fail_nomem(sizeof *w);
    QN_TRY(widen_tensor(g->mem, a->tensor, w));
    a->tensor = w;
    return QN_OK;
}

/* A norm that does not say in what type it keeps its mean keeps it in f32: it must say so to be widened. */
static qn_status name_stash(graph *g, node *n)
{
    if (!op_attr_of(op_of(n), "stash_type") || attr_find(n, "stash_type")) return QN_OK;
    attr *attrs = ARENA_ARRAY(g->mem, n->n_attrs + 1u, attr);
    if (!attrs) return fail_nomem((n->n_attrs + 1u) * sizeof *attrs);
    if (n->n_attrs) memcpy(attrs, n->attrs, n->n_attrs * sizeof *attrs);
    attrs[n->n_attrs++] = attr_of_int("stash_type", 1);
    n->attrs = attrs;
    return QN_OK;
}

qn_status widen_floats(graph *g)
{
    QN_TRY(widen_values(g));
    FOR_NODES(g, id)
    {
        node *n = node_at(g, id);
        QN_TRY(name_stash(g, n));
        for (u32 i = 0; i < n->n_attrs; i++) QN_TRY(widen_attr(g, n, &n->attrs[i]));
    }
    return QN_OK;
}

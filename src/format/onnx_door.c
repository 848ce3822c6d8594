/* A node at the door: what the rows of onnx_upgrade.c change of it. */
#include "format/onnx_upgrade.h"

attr *door_attr(const door *d, const char *name)
{
    for (u32 i = 0; i < d->attrs.n; i++)
        if (strcmp(d->attrs.items[i].name, name) == 0) return &d->attrs.items[i];
    return NULL;
}

void door_drop(door *d, const char *name)
{
    attr *a = door_attr(d, name);
    if (a) *a = d->attrs.items[--d->attrs.n];
}

qn_status door_add(door *d, attr a)
{
    if (!ARENA_PUSH_ROOM(d->g->mem, d->attrs.items, d->attrs.n, d->attrs.cap, 1 << 16)) return fail_nomem(sizeof a);
    d->attrs.items[d->attrs.n++] = a;
    return QN_OK;
}

qn_status door_add_missing(door *d, attr a) { return door_attr(d, a.name) ? QN_OK : door_add(d, a); }

qn_status door_set_in(door *d, u32 i, val v)
{
    if (!v) return QN_E_NOMEM;
    while (d->n_in <= i) {
        if (!ARENA_PUSH_ROOM(d->g->mem, d->in, d->n_in, d->cap_in, 1 << 20)) return fail_nomem(sizeof v);
        d->in[d->n_in++] = 0;
    }
    d->in[i] = v;
    return QN_OK;
}

val door_in(const door *d, u32 i) { return i < d->n_in ? d->in[i] : 0; }

/* A simpler node before this one. */
qn_status door_before(door *d, const char *op, const val *ins, u32 n_in, const attr *attrs, u32 n_attrs, val *out)
{
    op_id id = op_by_name("", op);
    *out = 0;
    if (!id)
        return fail(QN_E_UNSUPPORTED, "opset %lld's %s needs %s, which is not in this build", (long long)d->version, d->op,
                    op);
    return graph_node(d->g, 0, (u16)id, NULL, ins, n_in, out, 1, attrs, n_attrs) ? QN_OK : QN_E_NOMEM;
}

val door_ints(door *d, const i64 *v, u32 n) { return graph_constant_copy(d->g, NULL, &(qn_tensor){ QN_I64, 1, { n }, v }); }

/* Types of all nodes so far. In a body, what comes from outside has none yet: then nothing is known. */
static qn_status infer_so_far(scope *s)
{
    graph *g = s->g;
    nid n = s->inferred ? node_at(g, s->inferred)->next : g->first;
    for (; n; n = node_at(g, n)->next) {
        QN_TRY(graph_infer_node(g, n));
        s->inferred = n;
    }
    return QN_OK;
}

/* *out NULL: not known here. */
qn_status door_type(door *d, u32 i, const type **out)
{
    *out = NULL;
    if (!door_in(d, i)) return fail(QN_E_FORMAT, "input %u is missing", i);
    if (d->s->body) return QN_OK;
    QN_TRY(infer_so_far(d->s));
    const type *t = &value_at(d->g, live(d->g, door_in(d, i)))->type;
    if (t->known && t->dtype) *out = t;
    return QN_OK;
}

/* A scalar of the type of input 0. */
qn_status door_scalar(door *d, f64 v, val *out)
{
    const type *t;
    f32 narrow = (f32)v;
    QN_TRY(door_type(d, 0, &t));
    val made = graph_constant_copy(d->g, NULL, &(qn_tensor){ .dtype = QN_F32, .data = &narrow });
    *out = made;
    if (!made) return QN_E_NOMEM;
    if (!t) return door_before(d, "CastLike", (const val[]){ made, door_in(d, 0) }, 2, NULL, 0, out);
    if (t->dtype == QN_F32) return QN_OK;
    attr to = attr_of_int("to", onnx_dtype_code(t->dtype));
    return door_before(d, "Cast", &made, 1, &to, 1, out);
}

qn_status door_want_kind(const attr *a, attr_kind kind)
{
    return a->kind == kind ? QN_OK : fail(QN_E_FORMAT, "attribute '%s' is of another kind than this op's", a->name);
}

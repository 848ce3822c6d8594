/* Texts and complex numbers in operators that only move elements: the operator moves their places instead, and PickElems puts the elements
 * there. So Gather, Concat, Where, Slice and their like need know nothing of types that only the host has. Place 0 is nobody's: what an
 * operator fills with zeros becomes empty texts, or 0. */
#include "op/op_util.h"

val place_moves_places(build *b, val x, sym first)
{
    graph *g = b->g;
    const type t = *build_type(b, x);
    sym ends[] = { first, sym_add(g, first, type_elems(g, &t)), sym_one(g) };
    val in[3];
    for (u32 i = 0; i < 3; i++) in[i] = build_reshape(b, build_syms(b, &ends[i], 1), NULL, 0);
    return build_reshape(b, build_node(b, OP_Range, in, 3, NULL, 0), t.dims, t.rank);
}

qn_status place_moves_expand(build *b, const node *n)
{
    graph *g = b->g;
    u32 n_placed = 1;
    val in[63], placed[1 + COUNT(in)] = { 0 }, outs[16] = { 0 };
    if (n->n_in > COUNT(in) || n->n_out > COUNT(outs))
        return build_fail(b, QN_E_UNSUPPORTED, "more than 63 inputs or 16 outputs of texts or complex numbers");
    sym first = sym_one(g);
    for (u32 i = 0; i < n->n_in; i++) {
        in[i] = build_in(b, i);
        if (!in[i] || !dtype_is_placed(build_type(b, in[i])->dtype)) continue;
        placed[n_placed++] = in[i];
        in[i] = place_moves_places(b, in[i], first);
        first = sym_add(g, first, type_elems(g, build_type(b, placed[n_placed - 1])));
    }
    nid moved = build_node_outs(b, (op_id)n->op, in, n->n_in, n->n_out, n->attrs, n->n_attrs);
    for (u32 i = 0; moved && i < n->n_out; i++) {
        outs[i] = node_at(g, moved)->out[i];
        placed[0] = outs[i];
        if (dtype_is_placed(value_at(g, n->out[i])->type.dtype))
            outs[i] = build_node(b, OP_PickElems, placed, n_placed, NULL, 0);
    }
    return build_done(b, outs, n->n_out);
}

static qn_status infer_pick(infer *c)
{
    type y = type_with(infer_in(c, 0), infer_in(c, 1)->dtype);
    return infer_out(c, 0, &y);
}

/* Element `place` of all inputs one behind the other; NULL: nobody's. */
static const u8 *elem_at(const host_call *h, i64 place, size_t bytes)
{
    u64 k = (u64)place - 1;
    for (u32 t = 1; t < h->n_in; t++) {
        u64 own = qn_tensor_elems(h->in[t]);
        if (k < own) return (const u8 *)h->in[t]->data + k * bytes;
        k -= own;
    }
    return NULL;
}

static qn_status host_pick(host_call *h)
{
    static const qn_bytes empty = { "", 0 };
    const qn_tensor *at = h->in[0];
    qn_dtype d = h->in[1]->dtype;
    size_t bytes = qn_dtype_bytes(d);
    u8 *y = host_out(h, 0, d, at->rank, at->dims);
    if (!y) return QN_E_NOMEM;
    for (u64 i = 0, n = qn_tensor_elems(at); i < n; i++) {
        const void *from = elem_at(h, ((const i64 *)at->data)[i], bytes);
        if (!from && d == QN_STRING) from = &empty;
        if (from) memcpy(y + i * bytes, from, bytes);
    }
    return QN_OK;
}

const op_def op_PickElems = {
    .name = "PickElems",
    .domain = "quern",
    .doc = DOC(
        "the elements at these places, counted from 1, of all inputs one behind the other; an empty text or 0 elsewhere"),
    .in = { { "places", "i64" }, { "elements", "many string|complex" } },
    .out = { { "y", "string|complex" } },
    .infer = infer_pick,
    .host = host_pick,
};

/* Questions that many rewrites ask: who makes this, is it surely that shape, is it that number. And constants made of numbers. */
#include "op/op_util.h"
#include "pass/match.h"

const node *match_maker(const graph *g, val v)
{
    if (!v || !value_at(g, v)->maker) return NULL;
    const node *n = node_at(g, value_at(g, v)->maker);
    return n->dead ? NULL : n;
}

const node *match_only_maker(const graph *g, val v) { return v && value_at(g, v)->uses == 1 ? match_maker(g, v) : NULL; }

const type *match_type(const graph *g, val v) { return &value_at(g, v)->type; }

bool match_same_shape(const graph *g, val a, val b)
{
    const type *x = match_type(g, a), *y = match_type(g, b);
    if (!x->known || !y->known || x->rank != y->rank) return false;
    for (u32 d = 0; d < x->rank; d++)
        if (!sym_same(g, x->dims[d], y->dims[d])) return false;
    return true;
}

bool match_same_type(const graph *g, val a, val b)
{
    return match_type(g, a)->dtype == match_type(g, b)->dtype && match_same_shape(g, a, b);
}

bool match_is(const graph *g, val v, f64 x)
{
    f64 c;
    return constant_f64(g, v, &c) && c == x;
}

bool match_elems_are(const graph *g, val v, i64 n)
{
    const type *t = match_type(g, v);
    i64 elems = 1;
    for (u32 d = 0; d < t->rank; d++) {
        i64 size;
        if (!sym_is_number(g, t->dims[d], &size) || size > 1 << 20) return false;
        elems *= size;
        if (elems > 1 << 20) return false;
    }
    return elems == n;
}

val match_beside_constant(const graph *g, const node *n, f64 *c, u32 *at)
{
    if (n->n_in != 2) return 0;
    for (u32 i = 0; i < 2; i++) {
        val v = node_in(g, n, 1 - i), other = node_in(g, n, i);
        if (!v || !other || !constant_f64(g, v, c)) continue;
        *at = 1 - i;
        return other;
    }
    return 0;
}

bool match_like_out(const graph *g, const node *n, u32 i)
{
    val x = node_in(g, n, i);
    return x && match_same_type(g, x, n->out[0]);
}

bool match_is_reshape(const graph *g, const node *n)
{
    return n && op_of(n)->alias && match_type(g, node_in(g, n, 0))->dtype == match_type(g, n->out[0])->dtype;
}

bool match_float(const graph *g, val v) { return dtype_is_float(match_type(g, v)->dtype); }

bool match_sums_channels(const graph *g, const node *n, u32 least)
{
    i64 channels;
    const type *y = match_type(g, n->out[0]);
    return op_of(n)->sums_channels && y->rank > 1 && sym_is_number(g, y->dims[1], &channels) && channels >= least;
}
bool match_int(const graph *g, val v) { return dtype_is_int(match_type(g, v)->dtype); }
i64 match_ints(graph *g, val v, i64 *out, u32 max) { return v ? known_ints(g, v, out, max) : -1; }

f64 match_element(const qn_tensor *t, u64 i)
{
    const u8 *at = (const u8 *)t->data + i * qn_dtype_bytes(t->dtype);
    f64 wide;
    f32 single;
    u16 half;
    if (t->dtype == QN_F64) return memcpy(&wide, at, sizeof wide), wide;
    if (t->dtype == QN_F32) return memcpy(&single, at, sizeof single), (f64)single;
    memcpy(&half, at, sizeof half);
    return (f64)(t->dtype == QN_F16 ? f16_to_f32(half) : bf16_to_f32(half));
}

void match_store(qn_dtype d, u8 *data, u64 i, f64 v)
{
    u8 *at = data + i * qn_dtype_bytes(d);
    f32 single = (f32)v;
    u16 half = d == QN_F16 ? f16_from_f32(single) : bf16_from_f32(single);
    if (d == QN_F64) memcpy(at, &v, sizeof v);
    else if (d == QN_F32) memcpy(at, &single, sizeof single);
    else memcpy(at, &half, sizeof half);
}

val match_make_constant(build *b, qn_dtype d, u32 rank, const i64 *dims, u8 **data)
{
    qn_tensor t = { .dtype = d, .rank = rank };
    if (b->status != QN_OK) return 0;
    if (rank) memcpy(t.dims, dims, rank * sizeof *dims);
    u64 bytes = qn_tensor_bytes(&t);
    *data = arena_zalloc(b->g->mem, bytes + 1);
    t.data = *data;
    val v = *data ? graph_constant(b->g, NULL, &t) : 0;
    if (!v) b->status = fail_nomem(bytes);
    return v;
}

/* Channels in blocks: to and from. Both are moves of elements, told by simpler ops. */
#include "op/blocked.h"

#include "op/op_util.h"

enum { BLOCK_MOST = 1024 };

u32 blocked_by(const graph *g, val v)
{
    const node *t = v && value_at(g, v)->maker ? node_at(g, value_at(g, v)->maker) : NULL;
    if (!t || t->op != OP_Unblocked || t->dead) return 0;
    const type *x = &value_at(g, node_in(g, t, 0))->type;
    i64 block;
    return sym_is_number(g, x->dims[x->rank - 1], &block) ? (u32)block : 0;
}

val blocked_of(build *b, val x, u32 block)
{
    if (!x || b->status) return 0;
    if (blocked_by(b->g, x) == block) return node_in(b->g, node_at(b->g, value_at(b->g, x)->maker), 0);
    attr a = attr_of_int("block", block);
    return build_node(b, OP_Blocked, &x, 1, &a, 1);
}

val blocked_undone(build *b, val x, i64 channels)
{
    attr a = attr_of_int("channels", channels);
    return b->status ? 0 : build_node(b, OP_Unblocked, &x, 1, &a, 1);
}

val blocked_padded(build *b, val x, u32 axis, u32 block)
{
    i64 size, pads[2 * QN_MAX_RANK] = { 0 };
    if (!x || b->status) return 0;
    const type *t = build_type(b, x);
    if (!sym_is_number(b->g, t->dims[axis], &size) || size % block == 0) return x;
    u32 rank = t->rank;
    pads[rank + axis] = block - size % block;
    return build_node(b, OP_Pad, (val[]){ x, build_ints(b, pads, 2 * rank) }, 2, NULL, 0);
}

static bool one_pixel(const graph *g, const type *t, u32 from, u32 to)
{
    for (u32 d = from; d < to; d++)
        if (!sym_is(g, t->dims[d], 1)) return false;
    return true;
}

/* ---- Blocked */

static qn_status blocked_infer(infer *c)
{
    const type *x = infer_in(c, 0);
    i64 block = infer_int(c, "block");
    if (x->rank < 2 || x->rank >= QN_MAX_RANK)
        return infer_fail(c, QN_E_SHAPE, "the input must have channels, and room for one more dimension");
    if (block < 1 || block > BLOCK_MOST) return infer_fail(c, QN_E_SHAPE, "block must be 1 to %d", BLOCK_MOST);
    type y = *x;
    y.dims[1] = sym_ceil_div(c->g, x->dims[1], sym_number(c->g, block));
    y.dims[y.rank++] = sym_number(c->g, block);
    return infer_out(c, 0, &y);
}

static qn_status blocked_expand(build *b, const node *n)
{
    i64 block = attr_int(n, "block", 1), perm[QN_MAX_RANK];
    sym dims[QN_MAX_RANK], more[2 * QN_MAX_RANK];
    val x = build_in(b, 0);
    const type t = *build_type(b, x);
    sym by = sym_number(b->g, block), blocks = sym_ceil_div(b->g, t.dims[1], by),
        lacks = sym_sub(b->g, sym_mul(b->g, blocks, by), t.dims[1]);
    for (u32 d = 0; d < 2u * t.rank; d++) more[d] = d == t.rank + 1u ? lacks : sym_zero(b->g);
    if (!sym_is(b->g, lacks, 0)) x = build_node(b, OP_Pad, (val[]){ x, build_syms(b, more, 2u * t.rank) }, 2, NULL, 0);
    for (u32 d = 0; d <= t.rank; d++) {
        dims[d] = d == 0 ? t.dims[0] : d == 1 ? blocks : d == 2 ? by : t.dims[d - 1];
        perm[d] = d < 2 ? d : d == t.rank ? 2 : (i64)d + 1;
    }
    val y = build_reshape(b, x, dims, t.rank + 1u);
    attr a = attr_of_ints(b->g, "perm", perm, t.rank + 1u);
    y = b->status ? 0 : build_node(b, OP_Transpose, &y, 1, &a, 1);
    return build_done(b, &y, 1);
}

static const op_case blocked_cases[] = {
    { "f32[2,8,3,5]", "block=4", 0, "whole blocks" },
    { "f32[1,5,3,2]", "block=4", 0, "the last one is not full" },
    { "f16[2,3,7]", "block=8", 0, "half precision, rows" },
    { "i64[2,4]", "block=2", 0, "no pixels" },
    { 0 },
};

const op_def op_Blocked = {
    .name = "Blocked",
    .domain = "quern",
    .doc = DOC("x[N][C][spatial...] as y[N][C / block][spatial...][block], C rounded up with zeros"),
    .in = { { "x", "value" } },
    .out = { { "y", "as x" } },
    .attrs = { NEEDED("block", ATTR_INT) },
    .infer = blocked_infer,
    .expand = blocked_expand,
    .cases = CASES(blocked_cases),
};

/* ---- Unblocked */

static qn_status unblocked_infer(infer *c)
{
    const type *x = infer_in(c, 0);
    i64 channels = infer_int(c, "channels");
    if (x->rank < 3) return infer_fail(c, QN_E_SHAPE, "the input must have blocks of channels");
    if (channels < 1 || channels > INT32_MAX) return infer_fail(c, QN_E_SHAPE, "channels must be 1 or more");
    type y = *x;
    y.rank--;
    y.dims[1] = sym_number(c->g, channels);
    i64 block;
    if (!sym_is_number(c->g, x->dims[y.rank], &block) || block < 1 || block > BLOCK_MOST)
        return infer_fail(c, QN_E_SHAPE, "the last dimension must be a block of 1 to %d", BLOCK_MOST);
    if (infer_differ(c->g, x->dims[1], sym_ceil_div(c->g, y.dims[1], x->dims[y.rank])))
        return infer_fail(c, QN_E_SHAPE, "the blocks do not hold %lld channels", (long long)channels);
    return infer_out(c, 0, &y);
}

static qn_status unblocked_expand(build *b, const node *n)
{
    i64 channels = attr_int(n, "channels", 1), perm[QN_MAX_RANK];
    val x = build_in(b, 0);
    const type t = *build_type(b, x);
    u32 last = t.rank - 1u;
    sym dims[QN_MAX_RANK], all = sym_mul(b->g, t.dims[1], t.dims[last]);
    for (u32 d = 0; d <= last; d++) perm[d] = d < 2 ? d : d == 2 ? (i64)last : (i64)d - 1;
    attr a = attr_of_ints(b->g, "perm", perm, t.rank);
    val y = one_pixel(b->g, &t, 2, last) ? x : build_node(b, OP_Transpose, &x, 1, &a, 1);
    for (u32 d = 0; d < last; d++) dims[d] = d == 1 ? all : t.dims[d];
    y = build_reshape(b, y, dims, last);
    y = build_slice(b, y, 1, sym_zero(b->g), sym_number(b->g, channels));
    return build_done(b, &y, 1);
}

static const op_case unblocked_cases[] = {
    { "f32[2,2,3,5,4]", "channels=8", 0, "whole blocks" },
    { "f32[1,2,3,2,4]", "channels=5", 0, "the last one is not full" },
    { "f16[2,1,7,8]", "channels=3", 0, "half precision, rows" },
    { "f32[2,3,1,1,4]", "channels=12", 0, "one pixel" },
    { 0 },
};

const op_def op_Unblocked = {
    .name = "Unblocked",
    .domain = "quern",
    .doc = DOC("x[N][blocks][spatial...][block] as y[N][channels][spatial...]"),
    .in = { { "x", "value" } },
    .out = { { "y", "as x" } },
    .attrs = { NEEDED("channels", ATTR_INT) },
    .infer = unblocked_infer,
    .expand = unblocked_expand,
    .cases = CASES(unblocked_cases),
};

/* Transpose, Split, Expand, Tile, and what Slice (slice.c) shares with them: the same elements at other places, as one strided copy for each
 * output (copy.h). */
#include "op/blocked.h"
#include "op/copy.h"
#include "op/elems.h"
#include "op/gradient.h"
#include "op/move.h"
#include "op/op_util.h"

/* ------------------------------------------------------------------ what they share */
/* The copy of output o: set by each op's own function below. */
typedef void (*copy_maker)(lowering *l, const node *n, u32 o, copy *c);

static void transpose_copy(lowering *l, const node *n, u32 o, copy *c);
static void split_copy(lowering *l, const node *n, u32 o, copy *c);
static void expand_copy(lowering *l, const node *n, u32 o, copy *c);
static void tile_copy(lowering *l, const node *n, u32 o, copy *c);

static const struct {
    op_id op;
    copy_maker make;
} makers[] = {
    { OP_Transpose, transpose_copy }, { OP_Slice, slice_copy }, { OP_Split, split_copy },
    { OP_Expand, expand_copy },       { OP_Tile, tile_copy },
};

static copy copy_of(lowering *l, const node *n, u32 o)
{
    graph *g = lower_graph_mut(l);
    copy c = { .x = lower_in(l, n, 0), .y = lower_out(l, n, o), .x_at = sym_zero(g) };
    c.dtype = lower_type(l, c.x)->dtype;
    for (u32 i = 0; i < COUNT(makers); i++)
        if (makers[i].op == n->op) makers[i].make(l, n, o, &c);
    copy_dense(g, &c);
    copy_merge(g, &c);
    return c;
}

static bool all_fit(const lowering *cl, const node *n, bool (*fits)(graph *, const copy *))
{
    lowering *l = (lowering *)cl; /* only sizes are made, which change nothing */
    for (u32 o = 0; o < n->n_out; o++) {
        if (!lower_out(l, n, o)) continue;
        copy c = copy_of(l, n, o);
        if (!fits(lower_graph_mut(l), &c)) return false;
    }
    return true;
}

static bool fits_rows(const lowering *l, const node *n) { return all_fit(l, n, copy_fits_rows); }
static bool fits_tile(const lowering *l, const node *n) { return all_fit(l, n, copy_fits_tile); }

static qn_status emit_each(lowering *l, const node *n, qn_status (*emit)(lowering *, const node *, const copy *))
{
    for (u32 o = 0; o < n->n_out; o++) {
        if (!lower_out(l, n, o)) continue;
        copy c = copy_of(l, n, o);
        QN_TRY(emit(l, n, &c));
    }
    return QN_OK;
}

static qn_status rows_one(lowering *l, const node *n, const copy *c)
{
    (void)n;
    return copy_launch_rows(l, c, 1);
}

static qn_status tile_one(lowering *l, const node *n, const copy *c)
{
    (void)n;
    return copy_launch_tile(l, c, 1);
}

static qn_status tile_many(lowering *l, const node *n, const copy *c)
{
    (void)n;
    return copy_launch_tile(l, c, 256);
}

static qn_status emit_rows(lowering *l, const node *n) { return emit_each(l, n, rows_one); }
static qn_status emit_tile(lowering *l, const node *n) { return emit_each(l, n, tile_one); }
static qn_status emit_tile_group(lowering *l, const node *n) { return emit_each(l, n, tile_many); }
static qn_status emit_map(lowering *l, const node *n) { return emit_each(l, n, copy_launch_map); }

static const variant turn_variants[] = {
    { "move_tile", NEED_LANES, fits_tile, emit_tile },
    { "move_rows", NEED_LANES, fits_rows, emit_rows },
    { "move_tile_group", NEED_GROUP, fits_tile, emit_tile_group },
    { "move_map", 0, NULL, emit_map },
    { 0 },
};
const variant move_variants[] = { { "move_rows", NEED_LANES, fits_rows, emit_rows },
                                  { "move_map", 0, NULL, emit_map },
                                  { 0 } };

/* ------------------------------------------------------------------ Transpose */
static u32 perm_at(const node *n, u32 rank, u32 d)
{
    const i64 *perm;
    return attr_ints(n, "perm", &perm) == rank ? (u32)perm[d] : rank - 1 - d;
}

typedef struct turned {
    u32 rank;
    i64 dims[QN_MAX_RANK], strides[QN_MAX_RANK];
} turned; /* of the output; into the input */

static i64 turned_index(const void *how, u32 k)
{
    const turned *t = how;
    i64 at = 0;
    for (u32 d = t->rank, left = k; d > 0; d--) {
        at += (i64)(left % (u32)t->dims[d - 1]) * t->strides[d - 1];
        left /= (u32)t->dims[d - 1];
    }
    return at;
}

/* Known elements move with their places: exporters turn tables of pads this way. */
static qn_status infer_turned(infer *c, const type *x, const type *out)
{
    turned t = { .rank = x->rank };
    const sym *elems;
    i64 strides[QN_MAX_RANK], stride = 1, dim;
    bool few = elems_in(c, 0, &elems) > 0;
    for (u32 d = x->rank; few && d > 0; d--) {
        few = sym_is_number(c->g, x->dims[d - 1], &dim) && dim > 0;
        strides[d - 1] = stride;
        stride *= dim;
    }
    for (u32 d = 0; few && d < x->rank; d++) {
        u32 from = (u32)perm_at(c->n, x->rank, d);
        sym_is_number(c->g, out->dims[d], &t.dims[d]);
        t.strides[d] = strides[from];
    }
    return few ? elems_infer_pick(c, 0, 0, out, turned_index, &t) : infer_out(c, 0, out);
}

static qn_status infer_transpose(infer *c)
{
    const type *x = infer_in(c, 0);
    const i64 *perm;
    u32 n = attr_ints(c->n, "perm", &perm), seen = 0;
    type out = *x;
    if (attr_find(c->n, "perm") && n != x->rank)
        return infer_fail(c, QN_E_SHAPE, "perm has %u entries, the input %u dimensions", n, x->rank);
    for (u32 d = 0; d < n; d++) {
        if (perm[d] < 0 || perm[d] >= x->rank || seen >> perm[d] & 1)
            return infer_fail(c, QN_E_SHAPE, "perm is no permutation");
        seen |= 1u << perm[d];
    }
    for (u32 d = 0; d < x->rank; d++) out.dims[d] = x->dims[perm_at(c->n, x->rank, d)];
    const type from = *x;
    return from.rank < 2 ? elems_infer_alias(c, &out) : infer_turned(c, &from, &out);
}

static void transpose_copy(lowering *l, const node *n, u32 o, copy *c)
{
    (void)o;
    const type *x = lower_type(l, c->x);
    sym strides[QN_MAX_RANK];
    copy_strides(lower_graph_mut(l), x, strides);
    c->rank = x->rank;
    for (u32 d = 0; d < x->rank; d++) {
        u32 from = perm_at(n, x->rank, d);
        c->size[d] = x->dims[from], c->xs[d] = strides[from];
    }
}

/* clang-format off */
static const op_case transpose_cases[] = {
    { "f32[33,70]",      "",                  0, "a matrix, larger than a tile" }, { "f32[2,3,4,5]",  "perm=[0,2,1,3]", 0, "heads"        },
    { "f16[2,3,4,5]",    "perm=[0,2,3,1]",    0, "to channels last"             }, { "i64[2,35,40]",  "perm=[0,2,1]",   0, "batched"      },
    { "u8[3,4,5]",       "perm=[2,0,1]",      0, "narrow"                       }, { "f32[0,3]",      "",               0, "empty"        },
    { "f32[2,1,3,2,2,3]", "perm=[5,3,1,4,0,2]", 0, "nothing merges"             }, { "bool[3,4]=0..1", "",              0, "truth values" },
    { "f64[2,2,2,2,2,2,2,2]", "perm=[7,5,3,1,6,4,2,0]", 0, "rank 8"             }, { "f32[]",         "",               0, "rank 0"       }, { 0 }
};
/* clang-format on */
const op_def op_Transpose = {
    .name = "Transpose",
    .doc = DOC("the dimensions in the order of `perm`; reversed when there is none"),
    .in = { { "data", "any" } },
    .out = { { "transposed", "as data" } },
    .attrs = { INTS("perm") },
    .infer = infer_transpose,
    .gradient = GRADIENT(gradient_transpose),
    .variants = turn_variants,
    .cases = CASES(transpose_cases),
};

/* ------------------------------------------------------------------ Split */
/* The size of part o: from the operand `split`, else equal parts (the last one smaller). */
static sym split_size(graph *g, const node *n, sym size, u32 o)
{
    const sym *parts;
    val v = node_in(g, n, 1);
    i64 count = v ? value_elems(g, v, &parts) : -1;
    if (v) return o < (u64)MAX(count, 0) ? parts[o] : 0;
    sym part = sym_ceil_div(g, size, sym_number(g, n->n_out));
    if (o + 1 < n->n_out) return part;
    return sym_sub(g, size, sym_mul(g, part, sym_number(g, o)));
}

static qn_status infer_split(infer *c)
{
    const type x = *infer_in(c, 0);
    const sym *parts;
    u32 axis;
    QN_TRY(infer_axis(c, infer_int(c, "axis"), x.rank, &axis));
    if (infer_has(c, 1) && attr_find(c->n, "num_outputs"))
        return infer_fail(c, QN_E_FORMAT, "both split and num_outputs are given");
    i64 wanted = infer_has(c, 1) ? elems_wanted(c, 1, &parts) : attr_int(c->n, "num_outputs", c->n->n_out);
    if (wanted != c->n->n_out)
        return infer_fail(c, QN_E_SHAPE, "%lld parts are asked for, %u outputs are there", (long long)wanted, c->n->n_out);
    sym sum = sym_zero(c->g);
    for (u32 o = 0; o < c->n->n_out; o++) {
        type out = x;
        out.dims[axis] = split_size(c->g, c->n, x.dims[axis], o);
        const sym *in;
        i64 from = 0, n_in = elems_in(c, 0, &in);
        bool known = x.rank == 1 && n_in >= 0 && sym_is_number(c->g, sum, &from);
        i64 size;
        sum = sym_add(c->g, sum, out.dims[axis]);
        if (known && sym_is_number(c->g, out.dims[axis], &size) && size >= 0 && from + size <= n_in)
            QN_TRY(infer_out_elems(c, o, &out, in + from, (u32)size));
        else QN_TRY(infer_out(c, o, &out));
    }
    if (infer_differ(c->g, sum, x.dims[axis])) return infer_fail(c, QN_E_SHAPE, "the parts do not add up to the dimension");
    return QN_OK;
}

static void split_copy(lowering *l, const node *n, u32 o, copy *c)
{
    graph *g = lower_graph_mut(l);
    const type *x = lower_type(l, c->x);
    u32 axis = axis_of(n, "axis", 0, x->rank);
    copy_strides(g, x, c->xs);
    c->rank = x->rank;
    for (u32 d = 0; d < x->rank; d++) c->size[d] = x->dims[d];
    c->size[axis] = split_size(g, n, x->dims[axis], o);
    for (u32 k = 0; k < o; k++) c->x_at = sym_add(g, c->x_at, sym_mul(g, c->xs[axis], split_size(g, n, x->dims[axis], k)));
}

static const op_case split_cases[] = {
    { "f32[2,6,4] i64[3]={1,2,3}", "axis=1, n_out=3", 0, "the common case" },
    { "f32[7]", "num_outputs=3, n_out=3", 0, "parts of 3, 3 and 1" },
    { "u8[4,6] i64[1]={6}", "axis=-1", 0, "one part" },
    { 0 },
};
/* Along the channels, where each part is whole blocks, and has some. */
static bool split_channels_blocked(build *b, const node *n, u32 block, val *outs)
{
    const type x = *build_type(b, node_in(b->g, n, 0));
    const u32 count = n->n_out;
    i64 blocks[BLOCKED_MOST], channels;
    if (count > BLOCKED_MOST || x.rank < 3 || axis_of(n, "axis", 0, x.rank) != 1) return false;
    for (u32 i = 0; i < count; i++) {
        if (!n->out[i] || !sym_is_number(b->g, build_type(b, n->out[i])->dims[1], &channels) || !channels ||
            channels % block)
            return false;
        blocks[i] = channels / block;
    }
    attr axis = attr_of_int("axis", 1);
    val in[] = { blocked_of(b, node_in(b->g, n, 0), block), build_ints(b, blocks, count) };
    if (b->status) return false;
    nid made = build_node_outs(b, OP_Split, in, 2, count, &axis, 1);
    if (b->status) return false;
    for (u32 i = 0; i < count; i++) outs[i] = node_at(b->g, made)->out[i];
    for (u32 i = 0; i < count; i++) outs[i] = blocked_undone(b, outs[i], blocks[i] * block);
    return b->status == QN_OK;
}

const op_def op_Split = {
    .name = "Split",
    .doc = DOC("x cut into parts along `axis`"),
    .in = { { "input", "any" }, { "split", "optional i64" } },
    .out = { { "outputs", "many as input" } },
    .attrs = { INT("axis", 0), INT("num_outputs", 0) },
    .host_elems = true,
    .permuted = PERMUTED_AXIS,
    .channels_blocked = split_channels_blocked,
    .infer = infer_split,
    .gradient = GRADIENT(gradient_split),
    .variants = move_variants,
    .cases = CASES(split_cases),
};

/* ------------------------------------------------------------------ Expand */
static qn_status infer_expand(infer *c)
{
    const type x = *infer_in(c, 0);
    const sym *dims;
    i64 rank = elems_wanted(c, 1, &dims);
    if (rank < 0) return infer_fail(c, QN_E_UNSUPPORTED, "the rank of the result is not known before the model runs");
    if (rank > QN_MAX_RANK) return infer_fail(c, QN_E_SHAPE, "rank %lld, at most %d", (long long)rank, QN_MAX_RANK);
    type want = { .dtype = x.dtype, .rank = (u8)rank, .known = true }, out = want;
    for (i64 d = 0; d < rank; d++) want.dims[d] = dims[d];
    QN_TRY(infer_broadcast(c, &x, &want, &out));
    out.dtype = x.dtype;
    const sym *in;
    u32 n;
    sym *elems = elems_in(c, 0, &in) == 1 ? elems_room(c, &out, &n) : NULL;
    if (!elems) return infer_out(c, 0, &out);
    for (u32 k = 0; k < n; k++) elems[k] = in[0];
    return infer_out_elems(c, 0, &out, elems, n);
}

static void expand_copy(lowering *l, const node *n, u32 o, copy *c)
{
    graph *g = lower_graph_mut(l);
    const type *x = lower_type(l, c->x), *y = lower_type(l, n->out[o]);
    sym strides[QN_MAX_RANK];
    copy_strides(g, x, strides);
    c->rank = y->rank;
    for (u32 d = 0; d < y->rank; d++) {
        c->size[d] = y->dims[d];
        c->xs[d] = sym_zero(g);
        if (d + x->rank < y->rank) continue;
        u32 from = d + x->rank - y->rank;
        sym one = sym_one(g);
        c->xs[d] = sym_same(g, x->dims[from], y->dims[d])
                       ? strides[from]
                       : sym_select(g, sym_compare(g, '=', x->dims[from], one), sym_zero(g), strides[from]);
    }
}

static const op_case expand_cases[] = {
    { "f32[3,1] i64[3]={2,3,6}", "", 0, "the common case" },
    { "f32[3,4] i64[1]={1}", "", 0, "nothing to do" },
    { "bool[1]=0..1 i64[2]={3,0}", "", 0, "empty" },
    { "i64[] i64[2]={300,7}", "", 0, "a scalar" },
    { 0 },
};
const op_def op_Expand = {
    .name = "Expand",
    .doc = DOC("x broadcast with a shape"),
    .in = { { "input", "any" }, { "shape", "i64" } },
    .out = { { "output", "as input" } },
    .host_elems = true,
    .infer = infer_expand,
    .gradient = GRADIENT(gradient_expand),
    .variants = move_variants,
    .cases = CASES(expand_cases),
};

/* ------------------------------------------------------------------ Tile */
typedef struct tile_pick {
    const infer *c;
    const type *x, *out;
} tile_pick;

static i64 tile_element(const void *how, u32 k)
{
    const tile_pick *p = how;
    i64 at = 0, stride = 1;
    for (u32 d = p->out->rank; d-- > 0;) {
        i64 n, size;
        if (!sym_is_number(p->c->g, p->out->dims[d], &n) || !sym_is_number(p->c->g, p->x->dims[d], &size) || !size)
            return -1;
        at += (i64)k % n % size * stride;
        k /= (u32)n;
        stride *= size;
    }
    return at;
}

static qn_status infer_tile(infer *c)
{
    const type x = *infer_in(c, 0);
    const sym *times;
    if (elems_wanted(c, 1, &times) != x.rank)
        return infer_fail(c, QN_E_SHAPE, "repeats must have one entry for each of the %u dimensions", x.rank);
    type out = x;
    for (u32 d = 0; d < x.rank; d++) out.dims[d] = sym_mul(c->g, x.dims[d], times[d]);
    return elems_infer_pick(c, 0, 0, &out, tile_element, &(tile_pick){ c, &x, &out });
}

static void tile_copy(lowering *l, const node *n, u32 o, copy *c)
{
    (void)o;
    graph *g = lower_graph_mut(l);
    const type *x = lower_type(l, c->x);
    const sym *times;
    sym strides[QN_MAX_RANK];
    copy_strides(g, x, strides);
    value_elems(g, lower_in(l, n, 1), &times);
    for (u32 d = 0; d < x->rank; d++) {
        c->size[c->rank] = times[d], c->xs[c->rank++] = sym_zero(g);
        c->size[c->rank] = x->dims[d], c->xs[c->rank++] = strides[d];
    }
}

static const op_case tile_cases[] = {
    { "f32[2,3] i64[2]={2,1}", "", 0, "rows again" },
    { "f32[2,3,4] i64[3]={3,2,5}", "", 0, "every dimension" },
    { "u8[2,3] i64[2]={1,0}", "", 0, "empty" },
    { 0 },
};
const op_def op_Tile = {
    .name = "Tile",
    .doc = DOC("x repeated along each dimension"),
    .in = { { "input", "any" }, { "repeats", "i64" } },
    .out = { { "output", "as input" } },
    .host_elems = true,
    .infer = infer_tile,
    .gradient = GRADIENT(gradient_tile),
    .variants = move_variants,
    .cases = CASES(tile_cases),
};

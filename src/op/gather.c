/* Gather, GatherElements, GatherND, OneHot: elements picked by index tensors.
 *
 * Negative indices count from the end. Kernels hold an index outside its axis at the edge; lower_places lets such a run fail. */
#include "op/blocks.h"
#include "op/copy.h"
#include "op/elems.h"
#include "op/gradient.h"
#include "op/op_util.h"

static const char *index_word(const lowering *l, val v) { return lower_type(l, v)->dtype == QN_I32 ? "i32" : "i64"; }

/* Indices along the axis of the data: Gather and GatherElements. */
static qn_status places_on_axis(lowering *l, const node *n)
{
    const type *x = lower_type(l, lower_in(l, n, 0));
    sym size = x->dims[axis_of(n, "axis", 0, x->rank)];
    return lower_places(l, (place_bounds){ .v = lower_in(l, n, 1), .tuple = 1, .from_end = true, .size = { size } });
}

static launch *begin(lowering *l, const node *n, const char *file, const char *entry)
{
    val x = lower_in(l, n, 0), idx = lower_in(l, n, 1);
    launch *k = launch_begin(l, file, entry);
    launch_define(k, "T", width_word(lower_type(l, x)->dtype));
    launch_define(k, "I", index_word(l, idx));
    launch_in(k, x);
    launch_in(k, idx);
    launch_out(k, lower_out(l, n, 0));
    return k;
}

/* ------------------------------------------------------------------ Gather */
/* Data of rank 1 with known elements, picked by known numbers: the arithmetic of shapes. */
static bool known_pick(infer *c, const type *out, sym **elems, u32 *n)
{
    const sym *data, *idx;
    i64 n_data = elems_in(c, 0, &data), n_idx = elems_in(c, 1, &idx);
    if (infer_in(c, 0)->rank != 1 || n_data < 0 || n_idx < 0) return false;
    *elems = elems_room(c, out, n);
    for (u32 k = 0; *elems && k < *n; k++) {
        i64 at;
        if (k >= n_idx || !sym_is_number(c->g, idx[k], &at)) return false;
        if (at < 0) at += n_data;
        if (at < 0 || at >= n_data) return false;
        (*elems)[k] = data[at];
    }
    return *elems != NULL;
}

static qn_status infer_gather(infer *c)
{
    const type x = *infer_in(c, 0), idx = *infer_in(c, 1);
    u32 axis, n;
    sym *elems;
    QN_TRY(infer_axis(c, infer_int(c, "axis"), x.rank, &axis));
    if (x.rank - 1 + idx.rank > QN_MAX_RANK)
        return infer_fail(c, QN_E_SHAPE, "the result would have rank %u, at most %d", x.rank - 1 + idx.rank, QN_MAX_RANK);
    type out = { .dtype = x.dtype, .known = true };
    for (u32 d = 0; d < axis; d++) out.dims[out.rank++] = x.dims[d];
    for (u32 d = 0; d < idx.rank; d++) out.dims[out.rank++] = idx.dims[d];
    for (u32 d = axis + 1; d < x.rank; d++) out.dims[out.rank++] = x.dims[d];
    return known_pick(c, &out, &elems, &n) ? infer_out_elems(c, 0, &out, elems, n) : infer_out(c, 0, &out);
}

static sym put_gather(launch *k, lowering *l, const node *n)
{
    val x = lower_in(l, n, 0);
    const type *t = lower_type(l, x);
    u32 axis = axis_of(n, "axis", 0, t->rank);
    launch_size(k, t->dims[axis]);
    launch_size(k, lower_elems(l, lower_in(l, n, 1)));
    launch_size(k, lower_product(l, x, axis + 1, t->rank));
    return lower_product(l, x, 0, axis);
}

static qn_status emit_gather_map(lowering *l, const node *n)
{
    launch *k = begin(l, n, "gather.c", "gather_map");
    put_gather(k, l, n);
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

static qn_status emit_gather_rows(lowering *l, const node *n)
{
    enum { GROUP_ELEMS = 4096 };
    val x = lower_in(l, n, 0);
    u32 rank = lower_type(l, x)->rank, axis = axis_of(n, "axis", 0, rank);
    launch *k = begin(l, n, "gather_rows.c", "gather_rows");
    pieces_choose(k, lower_elems(l, lower_in(l, n, 1)), lower_product(l, x, axis + 1, rank), lower_product(l, x, 0, axis),
                  GROUP_ELEMS);
    launch_chosen(k, PIECE_ROWS);
    put_gather(k, l, n);
    return launch_chosen_groups(k, PIECE_GROUPS);
}

static const variant gather_variants[] = { { "gather_rows", NEED_LANES, NULL, emit_gather_rows },
                                           { "gather_map", 0, NULL, emit_gather_map },
                                           { 0 } };

/* clang-format off */
static const op_case gather_cases[] = {
    { "f32[9,70] i64[4]=-9..8",      "",        0, "rows of a table"  }, { "f32[3,5,4] i32[2,2]=0..4", "axis=1", 0, "in the middle"    },
    { "u8[3,5] i64[]={-1}",          "axis=-1", 0, "one column"       }, { "i64[5] i64[3]={0,-1,2}",   "",       0, "shape arithmetic" },
    { "f16[9,8] i64[0]={}",          "",        0, "no indices"       }, { "f64[4,3] i64[2]=0..3",     "",       0, "double"           }, { 0 }
};
/* clang-format on */
const op_def op_Gather = {
    .name = "Gather",
    .doc = DOC("the entries of `data` along `axis` that `indices` name"),
    .in = { { "data", "any" }, { "indices", "i32|i64" } },
    .out = { { "output", "as data" } },
    .attrs = { INT("axis", 0) },
    .host_elems = true,
    .infer = infer_gather,
    .gradient = GRADIENT(gradient_gather),
    .places = places_on_axis,
    .variants = gather_variants,
    .cases = CASES(gather_cases),
};

/* ------------------------------------------------------------------ GatherElements */
static qn_status infer_gather_elements(infer *c)
{
    const type x = *infer_in(c, 0), *idx = infer_in(c, 1);
    u32 axis;
    QN_TRY(infer_axis(c, infer_int(c, "axis"), x.rank, &axis));
    if (idx->rank != x.rank) return infer_fail(c, QN_E_SHAPE, "indices have rank %u, data %u", idx->rank, x.rank);
    type out = type_with(idx, x.dtype);
    return infer_out(c, 0, &out);
}

static qn_status emit_gather_elements(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    const type *x = lower_type(l, lower_in(l, n, 0)), *y = lower_type(l, lower_out(l, n, 0));
    u32 axis = axis_of(n, "axis", 0, x->rank), skip = QN_MAX_RANK - x->rank;
    sym strides[QN_MAX_RANK];
    copy_strides(g, x, strides);
    launch *k = begin(l, n, "gather.c", "gather_lines");
    launch_size(k, x->dims[axis]);
    launch_size(k, strides[axis]);
    for (u32 d = 1; d < QN_MAX_RANK; d++) launch_size(k, d < skip ? sym_one(g) : y->dims[d - skip]);
    for (u32 d = 0; d < QN_MAX_RANK; d++) launch_size(k, d < skip || d - skip == axis ? sym_zero(g) : strides[d - skip]);
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

static const variant gather_elements_variants[] = { { "gather_lines", 0, NULL, emit_gather_elements }, { 0 } };
static const op_case gather_elements_cases[] = {
    { "f32[3,4] i64[2,4]=-3..2", "", 0, "the first axis" },
    { "f16[3,4,5] i32[3,4,2]=0..4", "axis=-1", 0, "the last axis" },
    { "i64[3,4,5] i64[2,4,3]=0..3", "axis=1", 0, "fewer along the others" },
    { 0 },
};
const op_def op_GatherElements = {
    .name = "GatherElements",
    .doc = DOC("y has the shape of `indices`; each says where along `axis` its element comes from"),
    .in = { { "data", "any" }, { "indices", "i32|i64" } },
    .out = { { "output", "as data" } },
    .attrs = { INT("axis", 0) },
    .infer = infer_gather_elements,
    .gradient = GRADIENT(gradient_gather_elements),
    .places = places_on_axis,
    .variants = gather_elements_variants,
    .cases = CASES(gather_elements_cases),
};

/* ------------------------------------------------------------------ GatherND */
static qn_status infer_gather_nd(infer *c)
{
    const type x = *infer_in(c, 0), idx = *infer_in(c, 1);
    i64 batch = infer_int(c, "batch_dims"), k;
    if (idx.rank == 0) return infer_fail(c, QN_E_SHAPE, "indices are a single number, no tuples");
    if (!sym_is_number(c->g, idx.dims[idx.rank - 1], &k))
        return infer_fail(c, QN_E_UNSUPPORTED, "the last dimension of indices must be known before the model runs");
    if (batch < 0 || batch >= idx.rank || k < 1 || batch + k > x.rank)
        return infer_fail(c, QN_E_SHAPE, "tuples of %lld after %lld batch dimensions do not fit data of rank %u",
                          (long long)k, (long long)batch, x.rank);
    if ((u64)(idx.rank - 1) + x.rank - (u64)(batch + k) > QN_MAX_RANK)
        return infer_fail(c, QN_E_SHAPE, "the result has too many dimensions");
    type out = { .dtype = x.dtype, .known = true };
    for (u32 d = 0; d + 1 < idx.rank; d++) out.dims[out.rank++] = idx.dims[d];
    for (u32 d = (u32)(batch + k); d < x.rank; d++) out.dims[out.rank++] = x.dims[d];
    return infer_out(c, 0, &out);
}

static qn_status places_nd(lowering *l, const node *n)
{
    const type *x = lower_type(l, lower_in(l, n, 0)), *idx = lower_type(l, lower_in(l, n, 1));
    i64 tuple = 1, batch = lower_int(l, n, "batch_dims");
    sym_is_number(lower_graph(l), idx->dims[idx->rank - 1], &tuple);
    place_bounds p = { .v = lower_in(l, n, 1), .tuple = (u32)tuple, .from_end = true };
    for (i64 c = 0; c < tuple; c++) p.size[c] = x->dims[batch + c];
    return lower_places(l, p);
}

static qn_status emit_gather_nd(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0), idx = lower_in(l, n, 1);
    const type *tx = lower_type(l, x), *ti = lower_type(l, idx);
    i64 tuple = 1;
    u32 batch = (u32)lower_int(l, n, "batch_dims");
    sym_is_number(g, ti->dims[ti->rank - 1], &tuple);
    launch *k = begin(l, n, "gather.c", "gather_tuples");
    launch_size(k, lower_product(l, idx, batch, ti->rank - 1u));
    launch_const(k, "tuple", tuple);
    launch_size(k, lower_product(l, x, batch + (u32)tuple, tx->rank));
    for (u32 d = 0; d < QN_MAX_RANK; d++) launch_size(k, d < tuple ? tx->dims[batch + d] : sym_one(g));
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

static const variant gather_nd_variants[] = { { "gather_tuples", 0, NULL, emit_gather_nd }, { 0 } };
static const op_case gather_nd_cases[] = {
    { "f32[2,2] i64[2,2]={0,0,1,1}", "", 0, "elements" },
    { "i32[3,4,5] i64[2,1,2]=0..2", "", 0, "rows" },
    { "f16[2,3,4] i64[2,2,1]=-3..2", "batch_dims=1", 0, "a batch" },
    { 0 },
};
const op_def op_GatherND = {
    .name = "GatherND",
    .doc = DOC("the entries of `data` at places that tuples name"),
    .in = { { "data", "any" }, { "indices", "i64" } },
    .out = { { "output", "as data" } },
    .attrs = { INT("batch_dims", 0) },
    .infer = infer_gather_nd,
    .gradient = GRADIENT(gradient_gather_nd),
    .places = places_nd,
    .variants = gather_nd_variants,
    .cases = CASES(gather_nd_cases),
};

/* ------------------------------------------------------------------ OneHot */
/* The depth as a size: an integer's known elements, or a float constant. 0: not known. */
static sym depth_of(graph *g, const node *n)
{
    const sym *elems;
    f64 number;
    val v = node_in(g, n, 1);
    if (value_elems(g, v, &elems) == 1) return elems[0];
    return constant_f64(g, v, &number) && number >= 0 && number < 1e9 ? sym_number(g, (i64)number) : 0;
}

static qn_status infer_one_hot(infer *c)
{
    const type idx = *infer_in(c, 0);
    const sym *ignored;
    u32 axis;
    elems_wanted(c, 1, &ignored);
    QN_TRY(infer_axis(c, infer_int(c, "axis"), idx.rank + 1u, &axis));
    if (idx.rank == QN_MAX_RANK) return infer_fail(c, QN_E_SHAPE, "the result has too many dimensions");
    type out = { .dtype = infer_in(c, 2)->dtype, .rank = (u8)(idx.rank + 1), .known = true };
    for (u32 d = 0, from = 0; d < out.rank; d++) out.dims[d] = d == axis ? depth_of(c->g, c->n) : idx.dims[from++];
    if (!out.dims[axis]) return infer_fail(c, QN_E_UNSUPPORTED, "depth must be known before the model runs");
    if (sym_is(c->g, out.dims[axis], 0)) return infer_fail(c, QN_E_SHAPE, "depth is 0");
    const type *values = infer_in(c, 2);
    if (values->rank != 1 || infer_differ(c->g, values->dims[0], sym_number(c->g, 2)))
        return infer_fail(c, QN_E_SHAPE, "values must be two numbers");
    return infer_out(c, 0, &out);
}

static bool fits_one_hot(const lowering *l, const node *n)
{
    qn_dtype d = lower_type(l, lower_in(l, n, 0))->dtype;
    return d == QN_I32 || d == QN_I64;
}

static qn_status expand_one_hot(build *b, const node *n)
{
    if (dtype_is_placed(build_type(b, build_in(b, 2))->dtype)) return place_moves_expand(b, n);
    attr axis = attr_of_int("axis", attr_int(n, "axis", -1));
    val idx = build_cast(b, build_in(b, 0), QN_I64);
    val y = build_node(b, OP_OneHot, (const val[]){ idx, build_in(b, 1), build_in(b, 2) }, 3, &axis, 1);
    return build_done(b, &y, 1);
}

static qn_status emit_one_hot(lowering *l, const node *n)
{
    val idx = lower_in(l, n, 0), values = lower_in(l, n, 2), y = lower_out(l, n, 0);
    const type *t = lower_type(l, y);
    u32 axis = axis_of(n, "axis", -1, t->rank);
    launch *k = launch_begin(l, "one_hot.c", "one_hot_map");
    launch_define(k, "T", width_word(t->dtype));
    launch_define(k, "I", index_word(l, idx));
    launch_in(k, idx);
    launch_in(k, values);
    launch_out(k, y);
    launch_size(k, t->dims[axis]);
    launch_size(k, lower_product(l, y, axis + 1, t->rank));
    return launch_map(k, lower_elems(l, y));
}

static const variant one_hot_variants[] = { { "one_hot_map", 0, fits_one_hot, emit_one_hot }, { 0 } };
static const op_case one_hot_cases[] = {
    { "i64[5]=-3..2 i64[]={4} f32[2]={0,1}", "", 0, "the common case" },
    { "i32[2,3]=0..9 i64[1]={7} i8[2]={-1,3}", "axis=1", 0, "in the middle, some outside" },
    { "f32[3]={0,1,2} f32[]={3} f32[2]={2,5}", "axis=0", 0, "float indices" },
    { 0 },
};
const op_def op_OneHot = {
    .name = "OneHot",
    .doc = DOC("values[1] where the coordinate along a new axis is the index, values[0] elsewhere"),
    .in = { { "indices", "number" }, { "depth", "number" }, { "values", "any" } },
    .out = { { "output", "as values" } },
    .attrs = { INT("axis", -1) },
    .infer = infer_one_hot,
    .gradient = GRADIENT(gradient_one_hot),
    .expand = expand_one_hot,
    .variants = one_hot_variants,
    .cases = CASES(one_hot_cases),
};

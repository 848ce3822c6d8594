/* ScatterElements, ScatterND: a copy of data with updates put in, added, multiplied, or the larger or smaller kept.
 *
 * Updates of one place meet in their order, so results do not depend on the device. The MAP looks through the indices from every element;
 * the other way copies and then walks the updates. Kernels pass over an index outside its axis; lower_places lets such a run fail. */
#include "op/copy.h"
#include "op/elems.h"
#include "op/gradient.h"
#include "op/op_util.h"

static const char *const modes[] = { "none", "add", "mul", "max", "min" };
enum { MAX_KEPT = 3, MIN_KEPT = 4 };

static u32 mode_of(const graph *g, const node *n)
{
    const char *mode = attr_text(g, n, "reduction", "none");
    u32 k = 0;
    while (k < COUNT(modes) && !text_same(modes[k], mode)) k++;
    return k;
}

static qn_status check_mode(const infer *c)
{
    u32 mode = mode_of(c->g, c->n);
    if (mode == COUNT(modes))
        return infer_fail(c, QN_E_UNSUPPORTED, "reduction '%s' is not one of none, add, mul, max, min",
                          attr_text(c->g, c->n, "reduction", ""));
    qn_dtype d = infer_in(c, 0)->dtype;
    if (mode && (d == QN_BOOL || d == QN_STRING))
        return infer_fail(c, QN_E_DTYPE, "elements of type %s can only be replaced", qn_dtype_name(d));
    if (dtype_is_complex(d) && (mode == MAX_KEPT || mode == MIN_KEPT))
        return infer_fail(c, QN_E_DTYPE, "complex numbers have no order");
    return QN_OK;
}

static const char *computing_word(qn_dtype d)
{
    if (dtype_is_float(d)) return d == QN_F64 ? "f64" : "f32";
    return d == QN_U32 || d == QN_U64 || d == QN_I64 ? dtype_word(d) : "i32";
}

/* Truth values only move: as bytes. */
static void put_types(launch *k, qn_dtype d)
{
    if (d == QN_BOOL) d = QN_U8;
    launch_define(k, "T", dtype_word(d));
    launch_define(k, "A", computing_word(d));
}

/* y = x, whole. */
static qn_status copy_all(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0);
    sym one = sym_one(g), zero = sym_zero(g);
    copy c = { .x = x,
               .y = lower_out(l, n, 0),
               .dtype = lower_type(l, x)->dtype,
               .rank = 1,
               .size = { lower_elems(l, x) },
               .xs = { one },
               .ys = { one },
               .x_at = zero,
               .y_at = zero };
    return copy_launch_rows(l, &c, lower_caps(l)->best_group == 1 ? 1 : 64);
}

/* ------------------------------------------------------------------ ScatterElements */
static qn_status infer_scatter_elements(infer *c)
{
    const type x = *infer_in(c, 0), *idx = infer_in(c, 1), *updates = infer_in(c, 2);
    u32 axis;
    QN_TRY(infer_axis(c, infer_int(c, "axis"), x.rank, &axis));
    QN_TRY(check_mode(c));
    if (idx->rank != x.rank || updates->rank != x.rank)
        return infer_fail(c, QN_E_SHAPE, "data, indices and updates must have one rank");
    for (u32 d = 0; d < x.rank; d++)
        if (infer_differ(c->g, idx->dims[d], updates->dims[d]))
            return infer_fail(c, QN_E_SHAPE, "indices and updates differ in dimension %u", d);
    return infer_out(c, 0, &x);
}

typedef struct lines {
    const type *x, *idx;
    u32 axis, skip;
    sym xs[QN_MAX_RANK], is[QN_MAX_RANK];
} lines;

static lines lines_of(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    lines s = { .x = lower_type(l, lower_in(l, n, 0)), .idx = lower_type(l, lower_in(l, n, 1)) };
    s.axis = axis_of(n, "axis", 0, s.x->rank);
    s.skip = QN_MAX_RANK - s.x->rank;
    copy_strides(g, s.x, s.xs);
    copy_strides(g, s.idx, s.is);
    return s;
}

/* Values of dimensions in front of the first, and of the axis, are given; the others come from `list`. */
static void put_dims(launch *k, const lines *s, const sym *list, u32 from, sym missing, sym at_axis)
{
    for (u32 d = from; d < QN_MAX_RANK; d++)
        launch_size(k, d < s->skip ? missing : d - s->skip == s->axis ? at_axis : list[d - s->skip]);
}

static qn_status places_on_axis(lowering *l, const node *n)
{
    lines s = lines_of(l, n);
    return lower_places(
        l, (place_bounds){ .v = lower_in(l, n, 1), .tuple = 1, .from_end = true, .size = { s.x->dims[s.axis] } });
}

static launch *begin_lines(lowering *l, const node *n, const lines *s, const char *entry)
{
    launch *k = launch_begin(l, "scatter_lines.c", entry);
    put_types(k, s->x->dtype);
    launch_define(k, "I", s->idx->dtype == QN_I32 ? "i32" : "i64");
    (void)n;
    return k;
}

static void put_axis(launch *k, const lines *s)
{
    launch_size(k, s->x->dims[s->axis]);
    launch_size(k, s->idx->dims[s->axis]);
    launch_size(k, s->is[s->axis]);
    launch_size(k, s->xs[s->axis]);
}

static qn_status emit_lines_map(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    lines s = lines_of(l, n);
    launch *k = begin_lines(l, n, &s, "scatter_lines_map");
    for (u32 i = 0; i < 3; i++) launch_in(k, lower_in(l, n, i));
    launch_out(k, lower_out(l, n, 0));
    launch_const(k, "mode", mode_of(g, n));
    put_axis(k, &s);
    put_dims(k, &s, s.x->dims, 1, sym_one(g), s.x->dims[s.axis]);
    put_dims(k, &s, s.idx->dims, 0, sym_one(g), sym_number(g, UINT32_MAX));
    put_dims(k, &s, s.is, 0, sym_zero(g), sym_zero(g));
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

static qn_status emit_lines_walk(lowering *l, const node *n, u32 group)
{
    graph *g = lower_graph_mut(l);
    lines s = lines_of(l, n);
    sym count = sym_one(g);
    for (u32 d = 0; d < s.x->rank; d++)
        if (d != s.axis) count = sym_mul(g, count, s.idx->dims[d]);
    QN_TRY(copy_all(l, n));
    launch *k = begin_lines(l, n, &s, "scatter_lines");
    if (group > 1) launch_define_number(k, "GROUP", group);
    launch_in(k, lower_in(l, n, 1));
    launch_in(k, lower_in(l, n, 2));
    launch_out(k, lower_out(l, n, 0));
    launch_const(k, "mode", mode_of(g, n));
    launch_size(k, count);
    put_axis(k, &s);
    put_dims(k, &s, s.idx->dims, 1, sym_one(g), sym_one(g));
    put_dims(k, &s, s.is, 0, sym_zero(g), sym_zero(g));
    put_dims(k, &s, s.xs, 0, sym_zero(g), sym_zero(g));
    return launch_groups(k, sym_ceil_div(g, count, sym_number(g, group)));
}

static qn_status emit_lines_one(lowering *l, const node *n) { return emit_lines_walk(l, n, 1); }
static qn_status emit_lines_group(lowering *l, const node *n) { return emit_lines_walk(l, n, 64); }

static const variant scatter_elements_variants[] = {
    { "scatter_lines_walk", NEED_LANES, NULL, emit_lines_one },
    { "scatter_lines_group", NEED_GROUP, NULL, emit_lines_group },
    { "scatter_lines_map", 0, NULL, emit_lines_map },
    { 0 },
};

/* clang-format off */
static const op_case scatter_elements_cases[] = {
    { "f32[3,5] i64[2,3]={1,0,2,0,2,1} f32[2,3]",      "",                            0,    "the common case"      },
    { "f32[1,5] i64[1,4]={1,1,-2,1} f32[1,4]",         "axis=1, reduction=\"add\"",   1e-6, "several at one place" },
    { "i32[2,3,4] i32[2,2,4]=-3..2 i32[2,2,4]",        "axis=1, reduction=\"max\"",   0,    "in the middle"        },
    { "f16[4,3] i64[4,2]=0..2 f16[4,2]",               "axis=-1, reduction=\"mul\"",  5e-3, "half"                 },
    { "u8[5] i64[2]={4,0} u8[2]=0..255",               "reduction=\"min\"",           0,    "narrow"               },
    { "bool[5]=0..1 i64[2]={4,0} bool[2]=0..1",        "",                            0,    "truth values"         }, { 0 }
};
/* clang-format on */
const op_def op_ScatterElements = {
    .name = "ScatterElements",
    .doc = DOC("data, with each update put at the place along `axis` that its index names"),
    .in = { { "data", "any" }, { "indices", "i32|i64" }, { "updates", "as data" } },
    .out = { { "output", "as data" } },
    .attrs = { INT("axis", 0), TEXT("reduction", "none") },
    .infer = infer_scatter_elements,
    .complex = true,
    .gradient = GRADIENT(gradient_scatter_elements),
    .places = places_on_axis,
    .variants = scatter_elements_variants,
    .cases = CASES(scatter_elements_cases),
};

/* ------------------------------------------------------------------ ScatterND */
static bool tuple_size(graph *g, const type *idx, u32 rank, u32 *out)
{
    i64 k;
    if (idx->rank == 0 || !sym_is_number(g, idx->dims[idx->rank - 1], &k) || k < 1 || k > rank) return false;
    *out = (u32)k;
    return true;
}

/* Known elements: rank 1, replaced at known places. */
static bool known_scatter(infer *c, const type *x, sym **elems, u32 *n)
{
    const sym *data, *updates;
    i64 at[ELEMS_MAX], n_data = elems_in(c, 0, &data),
                       n_at = x->rank == 1 && n_data >= 0 ? infer_ints(c, 1, at, ELEMS_MAX) : -1;
    if (n_at < 0 || mode_of(c->g, c->n) || elems_in(c, 2, &updates) != n_at) return false;
    *elems = elems_room(c, x, n);
    if (!*elems || *n != n_data) return false;
    for (u32 k = 0; k < *n; k++) (*elems)[k] = data[k];
    for (i64 k = 0; k < n_at; k++) {
        i64 to = at[k] < 0 ? at[k] + n_data : at[k];
        if (to < 0 || to >= n_data) return false;
        (*elems)[to] = updates[k];
    }
    return true;
}

static qn_status infer_scatter_nd(infer *c)
{
    const type x = *infer_in(c, 0), *idx = infer_in(c, 1), *updates = infer_in(c, 2);
    u32 k, n;
    sym *elems;
    QN_TRY(check_mode(c));
    if (!tuple_size(c->g, idx, x.rank, &k)) {
        i64 known;
        bool open = idx->rank && !sym_is_number(c->g, idx->dims[idx->rank - 1], &known);
        return infer_fail(c, open ? QN_E_UNSUPPORTED : QN_E_SHAPE, "the last dimension of indices must be known, 1 to %u",
                          x.rank);
    }
    if (updates->rank != idx->rank - 1u + x.rank - k)
        return infer_fail(c, QN_E_SHAPE, "updates have rank %u, %u is wanted", updates->rank, idx->rank - 1u + x.rank - k);
    for (u32 d = 0; d < updates->rank; d++) {
        sym want = d + 1 < idx->rank ? idx->dims[d] : x.dims[k + d + 1 - idx->rank];
        if (infer_differ(c->g, want, updates->dims[d]))
            return infer_fail(c, QN_E_SHAPE, "dimension %u of updates does not fit", d);
    }
    return known_scatter(c, &x, &elems, &n) ? infer_out_elems(c, 0, &x, elems, n) : infer_out(c, 0, &x);
}

static qn_status places_nd(lowering *l, const node *n)
{
    const type *t = lower_type(l, lower_in(l, n, 0));
    place_bounds p = { .v = lower_in(l, n, 1), .tuple = 1, .from_end = true };
    tuple_size(lower_graph_mut(l), lower_type(l, p.v), t->rank, &p.tuple);
    for (u32 d = 0; d < p.tuple; d++) p.size[d] = t->dims[d];
    return lower_places(l, p);
}

static launch *begin_tuples(lowering *l, const node *n, const char *entry, u32 *tuple)
{
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0);
    const type *t = lower_type(l, x);
    *tuple = 1;
    tuple_size(g, lower_type(l, lower_in(l, n, 1)), t->rank, tuple);
    launch *k = launch_begin(l, "scatter_tuples.c", entry);
    put_types(k, t->dtype);
    return k;
}

static void put_tuples(launch *k, lowering *l, const node *n, u32 tuple)
{
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0), idx = lower_in(l, n, 1);
    const type *t = lower_type(l, x);
    launch_size(k, lower_product(l, idx, 0, lower_type(l, idx)->rank - 1u));
    launch_size(k, lower_product(l, x, tuple, t->rank));
    for (u32 d = 0; d < QN_MAX_RANK; d++) launch_size(k, d < tuple ? t->dims[d] : sym_one(g));
}

static qn_status emit_tuples_map(lowering *l, const node *n)
{
    u32 tuple;
    launch *k = begin_tuples(l, n, "scatter_tuples_map", &tuple);
    for (u32 i = 0; i < 3; i++) launch_in(k, lower_in(l, n, i));
    launch_out(k, lower_out(l, n, 0));
    launch_const(k, "mode", mode_of(lower_graph(l), n));
    launch_const(k, "tuple", tuple);
    put_tuples(k, l, n, tuple);
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

static qn_status emit_tuples_walk(lowering *l, const node *n, u32 group, u32 run)
{
    graph *g = lower_graph_mut(l);
    u32 tuple;
    QN_TRY(copy_all(l, n));
    launch *k = begin_tuples(l, n, "scatter_tuples", &tuple);
    if (group > 1) launch_define_number(k, "GROUP", group);
    launch_in(k, lower_in(l, n, 1));
    launch_in(k, lower_in(l, n, 2));
    launch_out(k, lower_out(l, n, 0));
    launch_const(k, "mode", mode_of(g, n));
    launch_const(k, "tuple", tuple);
    launch_number(k, run);
    put_tuples(k, l, n, tuple);
    sym rest = lower_product(l, lower_in(l, n, 0), tuple, lower_type(l, lower_in(l, n, 0))->rank);
    return launch_groups(k, sym_ceil_div(g, rest, sym_number(g, (i64)group * run)));
}

static qn_status emit_tuples_one(lowering *l, const node *n) { return emit_tuples_walk(l, n, 1, 4096); }
static qn_status emit_tuples_group(lowering *l, const node *n) { return emit_tuples_walk(l, n, 64, 1); }

static const variant scatter_nd_variants[] = {
    { "scatter_tuples_walk", NEED_LANES, NULL, emit_tuples_one },
    { "scatter_tuples_group", NEED_GROUP, NULL, emit_tuples_group },
    { "scatter_tuples_map", 0, NULL, emit_tuples_map },
    { 0 },
};

/* clang-format off */
static const op_case scatter_nd_cases[] = {
    { "f32[8] i64[4,1]={4,3,1,7} f32[4]",              "",                  0,    "the common case"      },
    { "f32[4,4,4] i64[3,1]={0,2,0} f32[3,4,4]",        "reduction=\"add\"", 1e-6, "slices, one twice"    },
    { "i64[3,4] i64[2,2]={0,-1,2,1} i64[2]",           "reduction=\"max\"", 0,    "elements"             },
    { "f16[3,40] i64[2,1]={0,2} f16[2,40]",            "reduction=\"mul\"", 5e-3, "half"                 }, { 0 }
};
/* clang-format on */
const op_def op_ScatterND = {
    .name = "ScatterND",
    .doc = DOC("data, with each update put at the place that its tuple names"),
    .in = { { "data", "any" }, { "indices", "i64" }, { "updates", "as data" } },
    .out = { { "output", "as data" } },
    .attrs = { TEXT("reduction", "none") },
    .host_elems = true,
    .infer = infer_scatter_nd,
    .complex = true,
    .gradient = GRADIENT(gradient_scatter_nd),
    .places = places_nd,
    .variants = scatter_nd_variants,
    .cases = CASES(scatter_nd_cases),
};

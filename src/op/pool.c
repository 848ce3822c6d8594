/* Pools: the largest element, the mean or the p-norm of windows, and of whole planes. */
#include "op/blocked.h"
#include "op/blocks.h"
#include "op/channels.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/window.h"

/* A window that lies in the padding alone sees nothing. */
static const char *check_window(const infer *c)
{
    const i64 *kernel, *pads;
    u32 rank = attr_ints(c->n, "kernel_shape", &kernel), n = attr_ints(c->n, "pads", &pads);
    for (u32 i = 0; i < n; i++)
        if (pads[i] >= kernel[i % rank]) return "pads are not smaller than the kernel";
    i64 order = attr_int(c->n, "storage_order", 0);
    return order == 0 || order == 1 ? NULL : "storage_order is neither 0 nor 1";
}

static qn_status window_of(infer *c, window *out)
{
    const char *wrong = window_make(c->g, c->n, infer_in(c, 0), NULL, out);
    if (!wrong) wrong = check_window(c);
    return wrong ? infer_fail(c, QN_E_SHAPE, "%s", wrong) : QN_OK;
}

static qn_status pool_infer(infer *c)
{
    window w;
    QN_TRY(window_of(c, &w));
    type y = *infer_in(c, 0);
    for (u32 d = 0; d < w.rank; d++) y.dims[2 + d] = w.out[3 - w.rank + d];
    QN_TRY(infer_out(c, 0, &y));
    y.dtype = QN_I64;
    return infer_out(c, 1, &y);
}

/* ---- launches */

static launch *begin(lowering *l, const node *n, const char *file, const char *entry, window *w)
{
    launch *k = launch_begin(l, file, entry);
    val x = lower_in(l, n, 0);
    qn_dtype d = lower_type(l, x)->dtype;
    launch_define(k, "T", dtype_word(d));
    if (!dtype_is_float(d)) launch_define(k, "WHOLE", "1");
    launch_in(k, x);
    (void)window_make(lower_graph_mut(l), n, lower_type(l, x), NULL, w); /* inference has checked it */
    return k;
}

static qn_status emit_index(lowering *l, const node *n)
{
    window w;
    val y = lower_out(l, n, 1);
    if (!y) return QN_OK;
    launch *k = begin(l, n, "pool.c", "pool_max_index", &w);
    launch_out(k, y);
    window_params(k, &w, 3);
    launch_const(k, "by_columns", lower_int(l, n, "storage_order"));
    return launch_map(k, lower_elems(l, y));
}

static qn_status emit_max(lowering *l, const node *n)
{
    window w;
    launch *k = begin(l, n, "pool.c", "pool_max", &w);
    launch_out(k, lower_out(l, n, 0));
    window_params(k, &w, 3);
    QN_TRY(launch_map(k, lower_elems(l, lower_out(l, n, 0))));
    return emit_index(l, n);
}

static qn_status emit_mean(lowering *l, const node *n)
{
    window w;
    launch *k = begin(l, n, "pool.c", "pool_mean", &w);
    launch_out(k, lower_out(l, n, 0));
    window_params(k, &w, 3);
    for (u32 d = 0; d < 3; d++) launch_size(k, w.padded[d]);
    launch_const(k, "count_padding", lower_int(l, n, "count_include_pad"));
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

static qn_status emit_norm(lowering *l, const node *n)
{
    window w;
    launch *k = begin(l, n, "pool.c", "pool_norm", &w);
    launch_out(k, lower_out(l, n, 0));
    window_params(k, &w, 3);
    launch_float(k, (f64)lower_int(l, n, "p"));
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

enum { ROW_MAX = 4096, LANES_MOST = 16 }; /* longest padded row of kernels/pool_rows.c, its widest vector */

static bool fits_rows(const lowering *l, const node *n)
{
    const type *x = lower_type(l, lower_in(l, n, 0));
    u32 rank = x->rank - 2u;
    i64 sizes[2], steps[2], dilations[2];
    if (!dtype_is_float(x->dtype) || rank > 2 || !blocks_fit(lower_caps(l), x->dtype, 3 * ROW_MAX + 3 * LANES_MOST))
        return false;
    if (window_ints(n, "kernel_shape", rank, 1, 1, sizes) || window_ints(n, "strides", rank, 1, 1, steps)) return false;
    if (window_ints(n, "dilations", rank, 1, 1, dilations)) return false;
    return steps[rank - 1] <= ROW_MAX && dilations[rank - 1] <= ROW_MAX && sizes[rank - 1] <= ROW_MAX;
}

/* A row, its padding and what windows reach beyond it must fit in the kernel's memory. */
static sym when_rows(const lowering *l, const node *n, graph *g)
{
    const type *x = lower_type(l, lower_in(l, n, 0)), *y = lower_type(l, n->out[0]);
    u32 rank = x->rank - 2u, last = x->rank - 1u;
    i64 sizes[2], steps[2], dilations[2];
    (void)window_ints(n, "kernel_shape", rank, 1, 1, sizes);
    (void)window_ints(n, "strides", rank, 1, 1, steps);
    (void)window_ints(n, "dilations", rank, 1, 1, dilations);
    sym reach = sym_number(g, 1 + (sizes[rank - 1] - 1) * dilations[rank - 1]);
    sym needs = sym_add(g, sym_mul(g, sym_sub(g, y->dims[last], sym_one(g)), sym_number(g, steps[rank - 1])), reach);
    return sym_compare(g, '<', sym_max(g, needs, x->dims[last]), sym_number(g, ROW_MAX + 1));
}

static qn_status rows(lowering *l, const node *n, bool mean)
{
    window w;
    val x = lower_in(l, n, 0);
    launch *k = begin(l, n, "pool_rows.c", "pool_rows", &w);
    launch_out(k, lower_out(l, n, 0));
    sym planes = lower_product(l, x, 0, 2);
    launch_size(k, planes);
    window_params(k, &w, 2);
    launch_size(k, w.padded[1]);
    launch_size(k, w.padded[2]);
    launch_const(k, "mean", mean);
    launch_const(k, "count_padding", mean && lower_int(l, n, "count_include_pad"));
    return launch_groups(k, planes);
}

static qn_status emit_max_rows(lowering *l, const node *n)
{
    QN_TRY(rows(l, n, false));
    return emit_index(l, n);
}

static qn_status emit_mean_rows(lowering *l, const node *n) { return rows(l, n, true); }

/* ---- windows of one element along the last of three dimensions: channels, or lanes of a block of them */

static bool fits_last(const lowering *l, const node *n)
{
    const type *x = lower_type(l, lower_in(l, n, 0));
    i64 sizes[3], steps[3], pads[6];
    if (!dtype_is_float(x->dtype) || x->rank != 5) return false;
    if (window_ints(n, "kernel_shape", 3, 1, 1, sizes) || window_ints(n, "strides", 3, 1, 1, steps) ||
        window_ints(n, "pads", 6, 0, 0, pads))
        return false;
    return sizes[2] == 1 && steps[2] == 1 && pads[2] == 0 && pads[5] == 0;
}

static qn_status emit_last(lowering *l, const node *n, bool mean)
{
    window w;
    launch *k = begin(l, n, "pool_last.c", "pool_last", &w);
    launch_out(k, lower_out(l, n, 0));
    for (u32 d = 0; d < 3; d++) launch_size(k, w.in[d]);
    for (u32 d = 0; d < 2; d++) launch_size(k, w.out[d]);
    for (u32 d = 0; d < 2; d++) launch_size(k, w.kernel[d]);
    for (u32 d = 0; d < 2; d++) launch_number(k, w.step[d]);
    for (u32 d = 0; d < 2; d++) launch_number(k, w.dilation[d]);
    for (u32 d = 0; d < 2; d++) launch_size(k, w.pad[d]);
    for (u32 d = 0; d < 2; d++) launch_size(k, w.padded[d]);
    launch_const(k, "mean", mean);
    launch_const(k, "count_padding", mean && lower_int(l, n, "count_include_pad"));
    return launch_groups(k, sym_mul(lower_graph_mut(l), lower_product(l, lower_in(l, n, 0), 0, 2), w.out[0]));
}

static qn_status emit_max_last(lowering *l, const node *n)
{
    QN_TRY(emit_last(l, n, false));
    return emit_index(l, n);
}

static qn_status emit_mean_last(lowering *l, const node *n) { return emit_last(l, n, true); }

/* ---- channels last, and in blocks */

/* The list `name` for one more dimension, in which nothing happens; false: the node has none. */
static bool with_one_more(build *b, const node *n, const char *name, u32 rank, bool twice, i64 otherwise, attr *out)
{
    const i64 *list;
    i64 longer[8];
    if (!attr_ints(n, name, &list)) return false;
    for (u32 half = 0; half <= twice; half++) {
        for (u32 d = 0; d < rank; d++) longer[half * (rank + 1) + d] = list[half * rank + d];
        longer[half * (rank + 1) + rank] = otherwise;
    }
    *out = attr_of_ints(b->g, name, longer, (rank + 1) * (1u + twice));
    return true;
}

/* The attributes of a pool with one more dimension behind its own, with windows of one element, to attrs[OP_MOST_ATTRS]; how many. What tells
 * of indices goes. */
static u32 attrs_with_one_more(build *b, const node *n, u32 rank, attr *attrs)
{
    static const char *const gone[] = { "kernel_shape", "strides", "dilations", "pads", "storage_order", NULL };
    u32 count = node_attrs_but(n, gone, attrs);
    for (u32 i = 0; i < 4; i++) {
        bool pads = text_same(gone[i], "pads");
        count += with_one_more(b, n, gone[i], rank, pads, !pads, &attrs[count]);
    }
    return count;
}

static bool wants_index(const graph *g, const node *n) { return n->n_out > 1 && n->out[1] && value_at(g, n->out[1])->uses; }

/* Channels behind one or two dimensions are one more dimension of a single plane, with windows of one channel. */
static val pool_channels_last(build *b, const node *n)
{
    const type *x = build_type(b, node_in(b->g, n, 0));
    u32 rank = x->rank - 2u;
    attr attrs[OP_MOST_ATTRS];
    sym dims[QN_MAX_RANK];
    if (rank > 2 || wants_index(b->g, n)) return 0;
    u32 count = attrs_with_one_more(b, n, rank, attrs);
    type in = channels_moved(x, false), out = channels_moved(build_type(b, n->out[0]), false);
    dims[0] = in.dims[0], dims[1] = sym_one(b->g);
    for (u32 d = 1; d < in.rank; d++) dims[d + 1] = in.dims[d];
    val y = build_reshape(b, channels_last_of(b, node_in(b->g, n, 0)), dims, in.rank + 1u);
    y = build_node(b, (op_id)n->op, &y, 1, attrs, count);
    return channels_move(b, build_reshape(b, y, out.dims, out.rank), true);
}

/* The lanes of a block are one more dimension of each plane, in the same way. */
static bool pool_channels_blocked(build *b, const node *n, u32 block, val *outs)
{
    const type *x = build_type(b, node_in(b->g, n, 0));
    u32 rank = x->rank - 2u;
    i64 channels;
    attr attrs[OP_MOST_ATTRS];
    if (rank > 2 || wants_index(b->g, n) || !sym_is_number(b->g, x->dims[1], &channels)) return false;
    const op_id op = (op_id)n->op;
    u32 count = attrs_with_one_more(b, n, rank, attrs);
    val y = blocked_of(b, node_in(b->g, n, 0), block);
    y = b->status ? 0 : build_node(b, op, &y, 1, attrs, count);
    outs[0] = blocked_undone(b, y, channels);
    return b->status == QN_OK;
}

/* ---- records */

#define POOL_ATTRS                                                                                                          \
    TEXT("auto_pad", "NOTSET"), INT("ceil_mode", 0), INTS("dilations"), NEEDED("kernel_shape", ATTR_INTS), INTS("pads"),    \
        INTS("strides")

/* Bytes are pooled as floats, which hold them all, where no indices are asked for. */
static bool fits_max(const lowering *l, const node *n)
{
    return dtype_is_float(lower_type(l, lower_in(l, n, 0))->dtype) || (n->n_out > 1 && n->out[1]);
}

static qn_status expand_max_of_bytes(build *b, const node *n)
{
    val x = build_in(b, 0), y = build_cast(b, x, QN_F32);
    y = build_cast(b, build_node(b, OP_MaxPool, &y, 1, n->attrs, n->n_attrs), build_type(b, x)->dtype);
    return build_done(b, &y, 1);
}

static const variant max_variants[] = { { "pool_rows", NEED_LANES | NEED_SIZES, fits_rows, emit_max_rows },
                                        { "pool_last", NEED_LANES, fits_last, emit_max_last },
                                        { "pool_map", 0, fits_max, emit_max },
                                        { 0 } };

static const op_case max_cases[] = {
    { "f32[2,3,9,8]", "kernel_shape=[3,3], strides=[2,2]", 0, "the common case" },
    { "f32[1,3,9,8]", "kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1", 0, "padding, rounded up" },
    { "f32[1,2,20,35]", "kernel_shape=[5,5], pads=[2,2,2,2]", 0, "step 1" },
    { "f32[1,2,9,9]", "kernel_shape=[2,3], dilations=[2,3], strides=[1,3], auto_pad=\"SAME_UPPER\"", 0, "dilated" },
    { "f32[2,3,17]", "kernel_shape=[4], strides=[3]", 0, "one dimension" },
    { "f32[1,2,5,6,7]", "kernel_shape=[2,3,2], strides=[2,1,2]", 0, "three dimensions" },
    { "f32[2,3,9,8,16]", "kernel_shape=[3,2,1], strides=[2,1,1], pads=[1,0,0,1,1,0], n_out=2", 0,
      "channels behind a plane, with indices" },
    { "f32[1,2,6,9,21]", "kernel_shape=[3,3,1], dilations=[2,1,3], ceil_mode=1, strides=[2,2,1]", 0,
      "channels behind a plane, dilated" },
    { "f16[1,3,9,8]", "kernel_shape=[3,3], strides=[2,2]", 0, "half precision" },
    { "f64[1,3,9,8]", "kernel_shape=[3,3], strides=[3,3]", 0, "double precision" },
    { "i8[1,3,9,8]", "kernel_shape=[3,3]", 0, "signed bytes" },
    { "u8[1,3,9,8]", "kernel_shape=[3,3], pads=[1,1,1,1]", 0, "unsigned bytes" },
    { "i8[1,3,9,8]", "kernel_shape=[3,3], n_out=2", 0, "signed bytes with indices" },
    { "f32[2,3,9,8]", "kernel_shape=[3,2], strides=[2,2], pads=[1,0,1,1], n_out=2", 0, "with indices" },
    { "f32[2,3,5,6,7]", "kernel_shape=[2,2,2], strides=[2,2,2], storage_order=1, n_out=2", 0, "with indices by columns" },
    { 0 },
};

const op_def op_MaxPool = {
    .name = "MaxPool",
    .doc = DOC("The largest element of each window, and where it was: an index over the whole of x, by columns where "
               "storage_order is 1"),
    .in = { { "x", "float|i8|u8" } },
    .out = { { "y", "as x" }, { "indices", "optional i64" } },
    .attrs = { POOL_ATTRS, INT("storage_order", 0) },
    .infer = pool_infer,
    .channels_last = pool_channels_last,
    .channels_blocked = pool_channels_blocked,
    .gradient = GRADIENT(gradient_max_pool),
    .when = when_rows,
    .expand = expand_max_of_bytes,
    .variants = max_variants,
    .cases = CASES(max_cases),
};

static const variant mean_variants[] = { { "pool_rows", NEED_LANES | NEED_SIZES, fits_rows, emit_mean_rows },
                                         { "pool_last_mean", NEED_LANES, fits_last, emit_mean_last },
                                         { "pool_map", 0, NULL, emit_mean },
                                         { 0 } };

static const op_case mean_cases[] = {
    { "f32[2,3,9,8]", "kernel_shape=[3,3], strides=[2,2]", 1e-6, "the common case" },
    { "f32[1,3,9,8]", "kernel_shape=[3,3], pads=[1,1,1,1]", 1e-6, "padding is not counted" },
    { "f32[1,3,9,8]", "kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1", 1e-6, "padding is counted" },
    { "f32[1,3,9,8]", "kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1, count_include_pad=1", 1e-6,
      "a window beyond the padding" },
    { "f32[1,2,20,35]", "kernel_shape=[2,2], dilations=[2,3], auto_pad=\"SAME_LOWER\"", 1e-6, "dilated" },
    { "f32[2,3,17]", "kernel_shape=[4], strides=[3]", 1e-6, "one dimension" },
    { "f32[1,2,5,6,7]", "kernel_shape=[2,3,2]", 1e-6, "three dimensions" },
    { "f32[2,3,9,8,16]", "kernel_shape=[3,2,1], strides=[2,1,1], pads=[1,0,0,1,1,0]", 1e-6, "channels behind a plane" },
    { "f32[1,2,6,9,21]", "kernel_shape=[3,3,1], pads=[1,1,0,1,1,0], count_include_pad=1, ceil_mode=1, strides=[2,2,1]", 1e-6,
      "channels behind a plane, padding is counted" },
    { "f16[1,3,9,8]", "kernel_shape=[3,3]", 1e-3, "half precision" },
    { 0 },
};

const op_def op_AveragePool = {
    .name = "AveragePool",
    .doc = DOC("The mean of each window, with padding counted as zeros where count_include_pad is 1"),
    .in = { { "x", "float" } },
    .out = { { "y", "as x" } },
    .attrs = { POOL_ATTRS, INT("count_include_pad", 0) },
    .infer = pool_infer,
    .channels_last = pool_channels_last,
    .channels_blocked = pool_channels_blocked,
    .gradient = GRADIENT(gradient_average_pool),
    .when = when_rows,
    .variants = mean_variants,
    .cases = CASES(mean_cases),
};

static const variant norm_variants[] = { { "pool_map", 0, NULL, emit_norm }, { 0 } };

static const op_case norm_cases[] = {
    { "f32[1,3,9,8]", "kernel_shape=[3,3], strides=[2,2]", 1e-6, "the root of the sum of squares" },
    { "f32[1,3,9,8]", "kernel_shape=[2,3], p=3, pads=[1,1,1,1]", 1e-6, "p = 3" },
    { "f32[1,3,9]", "kernel_shape=[2], p=1", 1e-6, "p = 1" },
    { 0 },
};

const op_def op_LpPool = {
    .name = "LpPool",
    .doc = DOC("The p-norm of each window"),
    .in = { { "x", "float" } },
    .out = { { "y", "as x" } },
    .attrs = { POOL_ATTRS, INT("p", 2) },
    .infer = pool_infer,
    .channels_last = pool_channels_last,
    .channels_blocked = pool_channels_blocked,
    .gradient = GRADIENT(gradient_lp_pool),
    .variants = norm_variants,
    .cases = CASES(norm_cases),
};

/* Matrix products -> launches. Batch dimensions that both factors run through alike are merged; a right factor without a batch makes the
 * whole batch of the left one rows of a single product; a single column is taken as a single row of the transposed product. */
#include "op/product.h"
#include "op/blocks.h"
#include "op/op_util.h"

enum { FILL_COPY = 3, ROWS_FEW = PRODUCT_ROWS_FEW, ROW_BLOCK_MAX = 1024 }; /* of kernels/matmul_row.c */

/* Stride of a factor along a batch dimension: 0 where it has size 1 there; decided in each run where that is not known before. */
static sym stride_along(graph *g, sym own, sym out, sym elems)
{
    if (sym_same(g, own, out)) return elems;
    if (sym_is(g, own, 1)) return sym_number(g, 0);
    return sym_select(g, sym_compare(g, '=', own, sym_number(g, 1)), sym_number(g, 0), elems);
}

/* Size of dimension d (from the end, counted over `rank` batch dimensions) of a factor with `own` batch dimensions. */
static sym batch_dim(graph *g, const type *t, u32 own, u32 d) { return d < own ? t->dims[own - 1 - d] : sym_number(g, 1); }

typedef struct batch_walk {
    sym size, a, b;
} batch_walk; /* one merged dimension */

static bool merges(graph *g, const batch_walk *inner, sym a, sym b)
{
    return sym_same(g, a, sym_mul(g, inner->a, inner->size)) && sym_same(g, b, sym_mul(g, inner->b, inner->size));
}

/* Innermost first. How many; more than PRODUCT_DIMS means that they do not fit. */
static u32 walk_batch(graph *g, const type *a, const type *b, const type *y, sym a_elems, sym b_elems, batch_walk *out)
{
    u32 a_own = a->rank > 2 ? a->rank - 2 : 0, b_own = b->rank > 2 ? b->rank - 2 : 0;
    u32 rank = MAX(a_own, b_own), count = 0;
    for (u32 d = 0; d < rank; d++) {
        sym size_a = batch_dim(g, a, a_own, d), size_b = batch_dim(g, b, b_own, d);
        sym size = d < a_own && d < b_own ? y->dims[rank - 1 - d] : d < a_own ? size_a : size_b;
        batch_walk w = { size, stride_along(g, size_a, size, a_elems), stride_along(g, size_b, size, b_elems) };
        a_elems = sym_mul(g, a_elems, size_a);
        b_elems = sym_mul(g, b_elems, size_b);
        if (sym_is(g, size, 1)) continue;
        if (count && merges(g, &out[count - 1], w.a, w.b)) out[count - 1].size = sym_mul(g, out[count - 1].size, size);
        else out[count++] = w;
    }
    return count;
}

static void set_batch(graph *g, product *p, const batch_walk *w, u32 count)
{
    sym one = sym_number(g, 1), zero = sym_number(g, 0);
    p->batch = one;
    for (u32 d = 0; d < PRODUCT_DIMS; d++) {
        u32 at = PRODUCT_DIMS - 1 - d;
        p->dims[at] = d < count ? w[d].size : one;
        p->a_stride[at] = d < count ? w[d].a : zero;
        p->b_stride[at] = d < count ? w[d].b : zero;
        p->batch = sym_mul(g, p->batch, p->dims[at]);
    }
}

/* Nothing but sizes of 1 in front of b's rows and columns: the batch of a becomes rows (batch_to_rows). */
static bool b_is_one_matrix(const graph *g, const type *b)
{
    for (u32 d = 0; d + 2 < b->rank; d++)
        if (!sym_is(g, b->dims[d], 1)) return false;
    return true;
}

/* [batch][m][k] times one [k][n] is [batch * m][k] times [k][n]. */
static void batch_to_rows(graph *g, product *p, const batch_walk *w, u32 count)
{
    if (count != 1 || p->trans_a || !sym_is(g, w[0].b, 0) || !sym_same(g, w[0].a, sym_mul(g, p->m, p->k))) return;
    p->m = sym_mul(g, p->m, w[0].size);
    set_batch(g, p, NULL, 0);
}

/* a[m][k] times a column is that column, as a row, times a transposed. */
static void column_to_row(graph *g, product *p)
{
    if (!sym_is(g, p->n, 1) || sym_is(g, p->m, 1) || p->end.bias) return;
    val a = p->a;
    p->a = p->b;
    p->b = a;
    p->n = p->m;
    p->m = sym_number(g, 1);
    p->trans_b = !p->trans_a;
    p->trans_a = false;
    for (u32 d = 0; d < PRODUCT_DIMS; d++) {
        sym stride = p->a_stride[d];
        p->a_stride[d] = p->b_stride[d];
        p->b_stride[d] = stride;
    }
}

qn_status product_of(lowering *l, const node *n, product *out)
{
    graph *g = lower_graph_mut(l);
    product p = { .a = lower_in(l, n, 0),
                  .b = lower_in(l, n, 1),
                  .y = lower_out(l, n, 0),
                  .dtype = lower_type(l, lower_in(l, n, 0))->dtype,
                  .end = epilogue_of(l, n, 2, 3) };
    p.trans_a = attr_int(n, "transA", 0) != 0;
    p.trans_b = attr_int(n, "transB", 0) != 0;
    p.alpha = attr_float(n, "alpha", 1);
    const type *a = lower_type(l, p.a), *b = lower_type(l, p.b), *y = lower_type(l, p.y);
    sym one = sym_number(g, 1);
    p.k = lower_dim(l, p.a, p.trans_a && a->rank > 1 ? -2 : -1);
    p.m = a->rank > 1 ? lower_dim(l, p.a, p.trans_a ? -1 : -2) : one;
    p.n = b->rank > 1 ? lower_dim(l, p.b, p.trans_b ? -2 : -1) : one;
    if (a->rank == 1) p.trans_a = false;
    if (b->rank == 1) p.trans_b = false;
    batch_walk walk[QN_MAX_RANK] = { 0 };
    u32 count = walk_batch(g, a, b, y, sym_mul(g, p.m, p.k), sym_mul(g, p.k, p.n), walk);
    if (count > PRODUCT_DIMS)
        return lower_fail(l, n, QN_E_UNSUPPORTED, "more than %d batch dimensions that broadcast in turns", PRODUCT_DIMS);
    set_batch(g, &p, walk, count);
    if (b_is_one_matrix(g, b)) batch_to_rows(g, &p, walk, count); /* few_rows() counts on just this */
    column_to_row(g, &p);
    *out = p;
    return QN_OK;
}

/* ---- launches */

static bool is_float(const lowering *l, const node *n) { return dtype_is_float(lower_type(l, lower_in(l, n, 0))->dtype); }

static launch *begin(lowering *l, const product *p, const char *file, const char *entry)
{
    launch *k = launch_begin(l, file, entry);
    launch_define(k, "T", dtype_word(p->dtype));
    launch_in(k, p->a);
    launch_in(k, p->b);
    return k;
}

static void batch_params(launch *k, const product *p)
{
    for (u32 d = 1; d < PRODUCT_DIMS; d++) launch_size(k, p->dims[d]);
    for (u32 d = 0; d < PRODUCT_DIMS; d++) launch_size(k, p->a_stride[d]);
    for (u32 d = 0; d < PRODUCT_DIMS; d++) launch_size(k, p->b_stride[d]);
}

static void sizes(launch *k, const product *p)
{
    launch_size(k, p->m);
    launch_size(k, p->n);
    launch_size(k, p->k);
}

static void ending(launch *k, const product *p)
{
    launch_float(k, p->alpha);
    epilogue_params(k, &p->end);
    launch_const(k, "trans_a", p->trans_a);
    launch_const(k, "trans_b", p->trans_b);
    epilogue_consts(k, &p->end);
}

static sym elems(graph *g, const product *p) { return sym_mul(g, sym_mul(g, p->m, p->n), p->batch); }

static qn_status launch_by_element(lowering *l, const product *p)
{
    launch *k = begin(l, p, "matmul.c", "matmul_map");
    bool whole = !dtype_is_float(p->dtype);
    if (whole) launch_define(k, "WHOLE", "1");
    else epilogue_buffers(k, &p->end, p->a);
    launch_out(k, p->y);
    sizes(k, p);
    batch_params(k, p);
    if (whole) launch_const(k, "trans_b", p->trans_b);
    else ending(k, p);
    return launch_map(k, elems(lower_graph_mut(l), p));
}

/* Four columns at a time, where a device has no groups to share what they read. */
static bool four_suits(const lowering *l, const product *p)
{
    i64 n, k;
    if (!sym_is_number(lower_graph(l), p->n, &n) || n <= 0 || n % 4 || p->trans_a) return false;
    return !p->trans_b || (sym_is_number(lower_graph(l), p->k, &k) && k % 4 == 0);
}

static qn_status launch_by_fours(lowering *l, const product *p)
{
    i64 depth = 1;
    graph *g = lower_graph_mut(l);
    sym_is_number(g, p->k, &depth);
    launch *k = begin(l, p, "matmul_four.c", "matmul_four");
    launch_define(k, "BY", depth % 4 ? "1" : "4");
    epilogue_buffers(k, &p->end, p->a);
    launch_out(k, p->y);
    sizes(k, p);
    batch_params(k, p);
    launch_float(k, p->alpha);
    epilogue_params(k, &p->end);
    launch_const(k, "trans_b", p->trans_b);
    epilogue_consts(k, &p->end);
    return launch_map(k, sym_div(g, elems(g, p), sym_number(g, 4)));
}

/* Not 0 where the left factor, with its batch where that becomes rows, has few. */
sym product_when_few_rows(const lowering *l, const node *n, graph *g)
{
    const type *a = lower_type(l, lower_in(l, n, 0)), *b = lower_type(l, lower_in(l, n, 1));
    bool trans_a = attr_int(n, "transA", 0) != 0 && a->rank > 1, trans_b = attr_int(n, "transB", 0) != 0;
    i64 columns = 2;
    if (b->rank == 1) columns = 1;
    else sym_is_number(g, b->dims[b->rank - (trans_b ? 2 : 1)], &columns);
    if (columns == 1 && !lower_in(l, n, 2)) return sym_one(g); /* becomes a single row */
    sym rows = a->rank > 1 ? a->dims[a->rank - (trans_a ? 1 : 2)] : sym_one(g);
    for (u32 d = 0; b_is_one_matrix(g, b) && !trans_a && d + 2 < a->rank; d++) rows = sym_mul(g, rows, a->dims[d]);
    return sym_compare(g, '<', rows, sym_number(g, trans_a && trans_b ? 2 : ROWS_FEW + 1));
}

static bool few_rows(const lowering *l, const node *n)
{
    i64 few;
    sym when = product_when_few_rows(l, n, lower_graph_mut((lowering *)l));
    return is_float(l, n) && when && sym_is_number(lower_graph(l), when, &few) && few;
}

/* Columns of a group: a few groups for each worker, in runs as long as that allows. sizes: columns, products. More groups than fit in 32
 * bits are as many as no launch takes. */
static void choose_row_block(const qn_caps *caps, const i64 *sizes, u32 *numbers)
{
    const u64 n = (u64)MAX(sizes[0], 0), batch = (u64)MAX(sizes[1], 0);
    u64 all, groups;
    if (!mul_u64(n, MAX(batch, 1u), &all)) all = UINT64_MAX;
    const u64 share = all / ((u64)MAX(caps->workers, 1u) * 4);
    u32 block = 32;
    while (block < ROW_BLOCK_MAX && block * 2 <= share) block *= 2;
    bool few = mul_u64(n / block + (n % block != 0), batch, &groups) && groups < UINT32_MAX;
    numbers[PRODUCT_ROW_BLOCK] = block;
    numbers[PRODUCT_ROW_GROUPS] = few ? (u32)groups : UINT32_MAX;
}

void product_choose_row_block(launch *k, sym n, sym batch)
{
    launch_choose(k, choose_row_block, (const sym[]){ n, batch }, 2);
}

static qn_status launch_by_rows(lowering *l, const product *p)
{
    launch *k = begin(l, p, "matmul_row.c", "matmul_row");
    epilogue_buffers(k, &p->end, p->a);
    launch_out(k, p->y);
    sizes(k, p);
    product_choose_row_block(k, p->n, p->batch);
    launch_chosen(k, PRODUCT_ROW_BLOCK);
    batch_params(k, p);
    ending(k, p);
    return launch_chosen_groups(k, PRODUCT_ROW_GROUPS);
}

static qn_status launch_by_tiles(lowering *l, const product *p)
{
    launch *k = begin(l, p, "matmul_tile.c", "matmul_tile");
    epilogue_buffers(k, &p->end, p->a);
    launch_out(k, p->y);
    sizes(k, p);
    blocks_choose(k, p->m, p->n, p->batch, FILL_COPY);
    launch_chosen(k, BLOCKS_ROWS);
    launch_chosen(k, BLOCKS_COLS);
    batch_params(k, p);
    ending(k, p);
    return launch_chosen_groups(k, BLOCKS_GROUPS);
}

static qn_status launch_by_groups(lowering *l, const product *p)
{
    launch *k = begin(l, p, "matmul_group.c", "matmul_group");
    epilogue_buffers(k, &p->end, p->a);
    launch_out(k, p->y);
    sizes(k, p);
    batch_params(k, p);
    ending(k, p);
    return blocks_launch(k, (blocks){ GROUP_SIDE, GROUP_SIDE }, p->m, p->n, p->batch);
}

static void define_tile(launch *k, item_tile tile)
{
    launch_define(k, "PER_M", tile.per_m == 8 ? "8" : "4");
    launch_define(k, "PER_N", tile.per_n == 8 ? "8" : "4");
}

static qn_status launch_by_blocks(lowering *l, const product *p)
{
    graph *g = lower_graph_mut(l);
    item_tile tile = blocks_for_items(g, lower_caps(l), p->m, p->n, p->batch);
    launch *k = begin(l, p, "matmul_block.c", "matmul_block");
    define_tile(k, tile);
    epilogue_buffers(k, &p->end, p->a);
    launch_out(k, p->y);
    sizes(k, p);
    batch_params(k, p);
    ending(k, p);
    return blocks_launch(k, (blocks){ 16 * tile.per_m, 16 * tile.per_n }, p->m, p->n, p->batch);
}

/* ------------------------------------------------------------------ few rows by 256 items (kernels/matmul_thin.c) */
static bool thin_suits(const lowering *l, qn_dtype d) { return d != QN_F64 && blocks_suit_items(lower_caps(l), d); }

/* Few columns a group, so that every worker has one, but as many as that allows: what a group reads of a row lies side by side. */
static u32 thin_columns(const lowering *l, const product *p)
{
    enum { LEAST = 8, MOST = 32 };
    i64 n, batch = 1;
    if (p->trans_b || !sym_is_number(lower_graph(l), p->n, &n)) return LEAST;
    sym_is_number(lower_graph(l), p->batch, &batch);
    u32 cols = MOST;
    while (cols > LEAST && n / cols * MAX(batch, 1) < 2 * (i64)lower_caps(l)->workers) cols /= 2;
    return cols;
}

static qn_status launch_thin(lowering *l, const product *p)
{
    static const char *const numbers[] = { [1] = "1", [2] = "2", [4] = "4", [8] = "8", [16] = "16", [32] = "32" };
    i64 m = ROWS_FEW;
    u32 rows = 1, cols = thin_columns(l, p);
    sym_is_number(lower_graph(l), p->m, &m);
    while (rows < m) rows *= 2;
    launch *k = begin(l, p, "matmul_thin.c", "matmul_thin");
    launch_define(k, "ROWS", numbers[rows]);
    launch_define(k, "COLS", numbers[cols]);
    epilogue_buffers(k, &p->end, p->a);
    launch_out(k, p->y);
    sizes(k, p);
    batch_params(k, p);
    ending(k, p);
    graph *g = lower_graph_mut(l);
    return launch_groups(k, sym_mul(g, sym_ceil_div(g, p->n, sym_number(g, cols)), p->batch));
}

/* ------------------------------------------------------------------ by matrix units (kernels/matmul_mma.c) */
static qn_status launch_by_mma(lowering *l, const product *p)
{
    launch *k = begin(l, p, "matmul_mma.c", "matmul_mma");
    blocks cut = blocks_by_mma(l, k, p->m, p->n, p->batch, p->trans_a ? p->m : p->k, p->trans_b ? p->k : p->n);
    epilogue_buffers(k, &p->end, p->a);
    launch_out(k, p->y);
    sizes(k, p);
    batch_params(k, p);
    ending(k, p);
    return blocks_launch(k, cut, p->m, p->n, p->batch);
}

/* A tile pays off from a few rows and columns on; group memory holds numbers of 32 bits. */
static bool group_suits(const graph *g, qn_dtype d, sym m, sym n)
{
    i64 rows = GROUP_SIDE, cols = GROUP_SIDE;
    sym_is_number(g, m, &rows);
    sym_is_number(g, n, &cols);
    return dtype_is_float(d) && d != QN_F64 && rows >= 8 && cols >= 8;
}

qn_status product_emit(lowering *l, const product *p)
{
    i64 rows;
    const qn_caps *caps = lower_caps(l);
    bool lanes = caps->best_group == 1, groups = caps->max_group >= 64 && caps->group_memory_bytes >= 16384;
    bool few = sym_is_number(lower_graph(l), p->m, &rows) && rows <= ROWS_FEW && !(p->trans_a && p->trans_b);
    if (!lanes && few && thin_suits(l, p->dtype)) return launch_thin(l, p);
    if (!lanes && blocks_suit_mma(caps, p->dtype)) return launch_by_mma(l, p);
    if (!lanes && groups && group_suits(lower_graph(l), p->dtype, p->m, p->n))
        return (blocks_suit_items(caps, p->dtype) ? launch_by_blocks : launch_by_groups)(l, p);
    if (!lanes || !blocks_fit(caps, p->dtype, BLOCKS_TILE_NUMBERS)) return launch_by_element(l, p);
    return (few ? launch_by_rows : launch_by_tiles)(l, p);
}

static qn_status emit_map(lowering *l, const node *n)
{
    product p;
    QN_TRY(product_of(l, n, &p));
    return launch_by_element(l, &p);
}

static qn_status emit_row(lowering *l, const node *n)
{
    product p;
    QN_TRY(product_of(l, n, &p));
    if (p.trans_a && p.trans_b) p.trans_a = false; /* a single row: its transpose is itself */
    return launch_by_rows(l, &p);
}

static bool fits_thin(const lowering *l, const node *n)
{
    return thin_suits(l, lower_type(l, lower_in(l, n, 0))->dtype) && few_rows(l, n);
}

static qn_status emit_thin(lowering *l, const node *n)
{
    product p;
    QN_TRY(product_of(l, n, &p));
    if (p.trans_a && p.trans_b) p.trans_a = false; /* a single row, as above */
    return launch_thin(l, &p);
}

static bool fits_mma(const lowering *l, const node *n)
{
    return blocks_suit_mma(lower_caps(l), lower_type(l, lower_in(l, n, 0))->dtype);
}

static qn_status emit_mma(lowering *l, const node *n)
{
    product p;
    QN_TRY(product_of(l, n, &p));
    return launch_by_mma(l, &p);
}

static bool fits_tile(const lowering *l, const node *n)
{
    return blocks_fit(lower_caps(l), lower_type(l, lower_in(l, n, 0))->dtype, BLOCKS_TILE_NUMBERS);
}

static qn_status emit_tile(lowering *l, const node *n)
{
    product p;
    QN_TRY(product_of(l, n, &p));
    return launch_by_tiles(l, &p);
}

static bool fits_group(const lowering *l, const node *n)
{
    const type *a = lower_type(l, lower_in(l, n, 0)), *b = lower_type(l, lower_in(l, n, 1));
    bool trans_a = attr_int(n, "transA", 0) != 0, trans_b = attr_int(n, "transB", 0) != 0;
    if (a->rank < 2 || b->rank < 2) return false;
    return group_suits(lower_graph(l), a->dtype, a->dims[a->rank - (trans_a ? 1 : 2)], b->dims[b->rank - (trans_b ? 2 : 1)]);
}

static qn_status emit_group(lowering *l, const node *n)
{
    product p;
    QN_TRY(product_of(l, n, &p));
    return launch_by_groups(l, &p);
}

static bool fits_block(const lowering *l, const node *n)
{
    return blocks_suit_items(lower_caps(l), lower_type(l, lower_in(l, n, 0))->dtype) && fits_group(l, n);
}

static qn_status emit_block(lowering *l, const node *n)
{
    product p;
    QN_TRY(product_of(l, n, &p));
    return launch_by_blocks(l, &p);
}

static bool fits_four(const lowering *l, const node *n)
{
    product p;
    return lower_type(l, lower_in(l, n, 0))->dtype == QN_F32 && product_of((lowering *)l, n, &p) == QN_OK &&
           four_suits(l, &p);
}

static qn_status emit_four(lowering *l, const node *n)
{
    product p;
    QN_TRY(product_of(l, n, &p));
    return launch_by_fours(l, &p);
}

const variant product_variants[] = {
    { "matmul_row", NEED_LANES | NEED_SIZES, is_float, emit_row },
    { "matmul_tile", NEED_LANES, fits_tile, emit_tile },
    { "matmul_thin", NEED_GROUP, fits_thin, emit_thin },
    { "matmul_mma", NEED_GROUP | NEED_MMA, fits_mma, emit_mma },
    { "matmul_block", NEED_GROUP, fits_block, emit_block },
    { "matmul_group", NEED_GROUP, fits_group, emit_group },
    { "matmul_four", NEED_NO_GROUP, fits_four, emit_four },
    { "matmul_map", 0, NULL, emit_map },
    { 0 },
};

sym product_flops(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val a = lower_in(l, n, 0);
    u32 rank = lower_type(l, a)->rank;
    bool trans_a = attr_int(n, "transA", 0) != 0 && rank > 1;
    return sym_mul(g, sym_mul(g, sym_number(g, 2), lower_dim(l, a, trans_a ? -2 : -1)), lower_elems(l, n->out[0]));
}

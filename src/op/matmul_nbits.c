/* MatMulNBits of com.microsoft: a product with weights of 2 to 8 bits, which stay packed on the device. */
#include "op/blocks.h"
#include "op/op_util.h"
#include "op/product.h"

enum { IN_A, IN_B, IN_SCALES, IN_ZEROS, IN_ORDER, IN_BIAS };
enum { MOST_SIZE = 1 << 28 }; /* of K and N: all products of them fit in 64 bits */
enum {
    ROW_NUMBERS = 36864,
    TILE_NUMBERS = BLOCKS_TILE_NUMBERS + 1536,
    FILL_UNPACK = 12
}; /* the kernels' group memory; a weight's cost */

static qn_status infer_product(infer *c, const type *a, i64 n)
{
    type y = *a;
    y.dims[y.rank - 1] = sym_number(c->g, n);
    return infer_out(c, 0, &y);
}

static qn_status infer_matmul_nbits(infer *c)
{
    const type *a = infer_in(c, 0), *w = infer_in(c, 1);
    i64 k = infer_int(c, "K"), n = infer_int(c, "N"), bits = infer_int(c, "bits"), block = infer_int(c, "block_size");
    if (bits < 2 || bits > 8 || block < 16 || (block & (block - 1)) || block > 1 << 16)
        return infer_fail(c, QN_E_UNSUPPORTED,
                          "%lld bits in blocks of %lld: there are 2 to 8 bits, in blocks of a power of two from 16 on",
                          (long long)bits, (long long)block);
    if (k < 1 || n < 1 || k > MOST_SIZE || n > MOST_SIZE)
        return infer_fail(c, QN_E_UNSUPPORTED, "K = %lld, N = %lld: each is from 1 to %d", (long long)k, (long long)n,
                          MOST_SIZE);
    if (infer_int(c, "weight_prepacked"))
        return infer_fail(c, QN_E_UNSUPPORTED, "weights in another device's order (weight_prepacked) are not in this build");
    i64 pieces = (k + block - 1) / block;
    bool omitted = sym_is(c->g, type_elems(c->g, w), 0);
    if (a->rank < 1 || infer_differ(c->g, a->dims[a->rank - 1], sym_number(c->g, k)))
        return infer_fail(c, QN_E_SHAPE, "the left factor has not K = %lld columns", (long long)k);
    if (omitted) return infer_product(c, a, n);
    if (infer_differ(c->g, type_elems(c->g, w), sym_number(c->g, n * pieces * block * bits / 8)) ||
        infer_differ(c->g, type_elems(c->g, infer_in(c, 2)), sym_number(c->g, n * pieces)))
        return infer_fail(c, QN_E_SHAPE, "the weights or their scales do not fit N, K and block_size");
    if (infer_has(c, 3)) {
        i64 packed = (pieces * bits + 7) / 8;
        bool bytes = infer_in(c, 3)->dtype == QN_U8;
        if (infer_differ(c->g, type_elems(c->g, infer_in(c, 3)), sym_number(c->g, n * (bytes ? packed : pieces))))
            return infer_fail(c, QN_E_SHAPE, "the zero points do not fit the weights");
    }
    return infer_product(c, a, n);
}

/* Weights of no elements stand for a product that is left out: 0. */
static bool is_omitted(const graph *g, const type *w)
{
    for (u32 d = 0; d < w->rank; d++)
        if (sym_is(g, w->dims[d], 0)) return true;
    return false;
}

static bool is_plain(const lowering *l, const node *n)
{
    bool more = false;
    for (u32 i = IN_ORDER; i < n->n_in; i++) more |= lower_in(l, n, i) != 0;
    return !more && !is_omitted(lower_graph(l), lower_type(l, lower_in(l, n, 1)));
}

typedef struct packed_product {
    val a, zero, y;
    const char *real;
    i64 n, k, blocks;
    bool packed_zeros;
} packed_product;

static packed_product packed_of(const lowering *l, const node *n)
{
    i64 block = lower_int(l, n, "block_size");
    packed_product p = { .a = lower_in(l, n, IN_A), .zero = lower_in(l, n, IN_ZEROS), .y = lower_out(l, n, 0) };
    p.real = dtype_word(lower_type(l, p.a)->dtype);
    p.packed_zeros = !p.zero || lower_type(l, p.zero)->dtype == QN_U8;
    p.n = lower_int(l, n, "N"), p.k = lower_int(l, n, "K"), p.blocks = (p.k + block - 1) / block;
    return p;
}

static void weights(lowering *l, launch *k, const node *n, const packed_product *p)
{
    launch_define(k, "T", p->real);
    launch_define(k, "Z", p->packed_zeros ? "u8" : p->real);
    launch_define_number(k, "bits", lower_int(l, n, "bits"));
    launch_in(k, lower_in(l, n, IN_B));
    launch_in(k, lower_in(l, n, IN_SCALES));
    launch_in(k, p->zero ? p->zero : lower_in(l, n, IN_B));
}

static launch *begin(lowering *l, const node *n, const char *file, const char *entry, packed_product *out)
{
    *out = packed_of(l, n);
    launch *k = launch_begin(l, file, entry);
    launch_in(k, out->a);
    weights(l, k, n, out);
    launch_out(k, out->y);
    return k;
}

static void sizes(launch *k, const packed_product *p)
{
    launch_number(k, p->n);
    launch_number(k, p->k);
    launch_number(k, p->blocks);
}

static void consts(lowering *l, launch *k, const node *n, const packed_product *p)
{
    launch_const(k, "block", lower_int(l, n, "block_size"));
    launch_const(k, "zeros", !p->zero ? 0 : p->packed_zeros ? 1 : 2);
}

static qn_status emit_map(lowering *l, const node *n)
{
    packed_product p;
    launch *k = begin(l, n, "matmul_nbits.c", "matmul_nbits", &p);
    sizes(k, &p);
    consts(l, k, n, &p);
    return launch_map(k, lower_elems(l, p.y));
}

/* ------------------------------------------------------------------ with wide lanes */
static sym rows_of(const graph *c, graph *g, val a)
{
    const type *t = &value_at(c, a)->type;
    return sym_span(g, t, 0, t->rank - 1u);
}

static sym when_few_rows(const lowering *l, const node *n, graph *g)
{
    return sym_compare(g, '<', rows_of(lower_graph(l), g, lower_in(l, n, IN_A)), sym_number(g, PRODUCT_ROWS_FEW + 1));
}

static bool fits_lanes(const lowering *l, const node *n, u64 numbers)
{
    qn_dtype d = lower_type(l, lower_in(l, n, IN_A))->dtype;
    return d != QN_F64 && 8 % lower_int(l, n, "bits") == 0 && blocks_fit(lower_caps(l), d, numbers) && is_plain(l, n);
}

static bool fits_row(const lowering *l, const node *n) { return fits_lanes(l, n, ROW_NUMBERS); }
static bool fits_tile(const lowering *l, const node *n) { return fits_lanes(l, n, TILE_NUMBERS); }

static qn_status emit_row(lowering *l, const node *n)
{
    packed_product p;
    graph *g = lower_graph_mut(l);
    launch *k = begin(l, n, "matmul_nbits_row.c", "matmul_nbits_row", &p);
    launch_size(k, rows_of(g, g, p.a));
    sizes(k, &p);
    product_choose_row_block(k, sym_number(g, p.n), sym_one(g));
    launch_chosen(k, PRODUCT_ROW_BLOCK);
    consts(l, k, n, &p);
    return launch_chosen_groups(k, PRODUCT_ROW_GROUPS);
}

static qn_status emit_tile(lowering *l, const node *n)
{
    packed_product p;
    graph *g = lower_graph_mut(l);
    sym m = rows_of(g, g, lower_in(l, n, IN_A));
    launch *k = begin(l, n, "matmul_nbits_tile.c", "matmul_nbits_tile", &p);
    launch_size(k, m);
    sizes(k, &p);
    blocks_choose(k, m, sym_number(g, p.n), sym_one(g), FILL_UNPACK);
    launch_chosen(k, BLOCKS_ROWS);
    launch_chosen(k, BLOCKS_COLS);
    consts(l, k, n, &p);
    return launch_chosen_groups(k, BLOCKS_GROUPS);
}

/* ------------------------------------------------------------------ as numbers first */
/* Many rows pay for it: the product of floats shares what it reads among the items of a group. */
static bool fits_numbers(const lowering *l, const node *n)
{
    i64 most = 1 << 30;
    bool small = lower_int(l, n, "N") <= most / lower_int(l, n, "K");
    return small && lower_type(l, lower_in(l, n, IN_A))->dtype != QN_F64 && is_plain(l, n);
}

static qn_status emit_numbers(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    packed_product p = packed_of(l, n);
    sym elems = sym_number(g, p.n * p.k);
    product m = { .a = p.a, .y = p.y, .dtype = lower_type(l, p.a)->dtype, .trans_b = true, .alpha = 1 };
    m.b = lower_scratch(l, m.dtype, elems);
    m.m = rows_of(g, g, p.a), m.n = sym_number(g, p.n), m.k = sym_number(g, p.k), m.batch = sym_one(g);
    for (u32 d = 0; d < PRODUCT_DIMS; d++) m.dims[d] = sym_one(g), m.a_stride[d] = m.b_stride[d] = sym_zero(g);
    launch *k = launch_begin(l, "nbits_numbers.c", "nbits_numbers");
    weights(l, k, n, &p);
    launch_out(k, m.b);
    launch_number(k, p.k);
    launch_number(k, p.blocks);
    consts(l, k, n, &p);
    QN_TRY(launch_map(k, elems));
    return product_emit(l, &m);
}

static sym nbits_flops(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    return sym_mul(g, sym_number(g, 2 * lower_int(l, n, "K")), lower_elems(l, n->out[0]));
}

/* With a bias: without one, and the bias added. */
static qn_status expand_matmul_nbits(build *b, const node *n)
{
    val in[IN_BIAS], y;
    const type t = *build_type(b, n->out[0]);
    for (u32 i = 0; i < IN_BIAS; i++) in[i] = build_in(b, i);
    if (is_omitted(b->g, build_type(b, in[IN_B]))) y = build_fill(b, &t, 0);
    else if (in[IN_ORDER]) y = build_node(b, OP_NBitsInOrder, in, IN_BIAS, n->attrs, n->n_attrs);
    else y = build_node(b, OP_MatMulNBits, in, IN_ORDER, n->attrs, n->n_attrs);
    y = build_op2(b, OP_Add, y, build_in(b, IN_BIAS));
    return build_done(b, &y, 1);
}

static const variant matmul_nbits_variants[] = {
    { "matmul_nbits_row", NEED_LANES | NEED_SIZES, fits_row, emit_row },
    { "matmul_nbits_tile", NEED_LANES, fits_tile, emit_tile },
    { "matmul_nbits_few", NEED_GROUP | NEED_SIZES, is_plain, emit_map },
    { "matmul_nbits_numbers", NEED_GROUP, fits_numbers, emit_numbers },
    { "matmul_nbits_map", 0, is_plain, emit_map },
    { 0 },
};
static const op_case matmul_nbits_cases[] = {
    { "f32[3,40] u8[7,3,8]=0..255 f32[21]=0.1..1", "K=40, N=7, block_size=16", 1e-5, "4 bits, a short last block" },
    { "f32[2,2,32] u8[6,2,8]=0..255 f32[12]=0.1..1 u8[6]=0..255 _ f32[6]", "K=32, N=6, block_size=16", 1e-5,
      "packed zero points, a bias" },
    { "f32[2,32] u8[6,1,32]=0..255 f32[6]=0.1..1 u8[6]=0..255", "K=32, N=6, block_size=32, bits=8", 1e-5, "8 bits" },
    { "f32[2,40] u8[5,3,4]=0..255 f32[15]=0.1..1 u8[5]=0..255", "K=40, N=5, block_size=16, bits=2", 1e-5, "2 bits" },
    { "f32[2,40] u8[5,3,6]=0..255 f32[15]=0.1..1 u8[5,2]=0..255", "K=40, N=5, block_size=16, bits=3", 1e-5, "3 bits" },
    { "f16[2,32] u8[6,2,8]=0..255 f16[12]=0.1..1 f16[12]=0..15", "K=32, N=6, block_size=16", 1e-2,
      "half, zero points as numbers" },
    { "f32[70,300] u8[50,10,16]=0..255 f32[500]=0.1..1 u8[50,5]=0..255", "K=300, N=50, block_size=32", 1e-5,
      "more rows than a block has, more than one panel deep, ends that are no multiple" },
    { "f16[2,7,50] u8[9,2,32]=0..255 f16[18]=0.1..1", "K=50, N=9, block_size=32, bits=8", 1e-2, "half, rows of a batch" },
    { "f32[11,40] u8[5,3,10]=0..255 f32[15]=0.1..1 u8[5,2]=0..255", "K=40, N=5, block_size=16, bits=5", 1e-5,
      "5 bits, more than a few rows" },
    { "bf16[40] u8[1100,3,4]=0..255 bf16[3300]=0.1..1", "K=40, N=1100, block_size=16, bits=2", 1e-2,
      "a vector, many columns" },
    { "f32[8,2100] u8[3,17,64]=0..255 f32[51]=0.1..1", "K=2100, N=3, block_size=128", 1e-5, "few rows, longer than a pass" },
    { 0 },
};
const op_def op_MatMulNBits = {
    .name = "MatMulNBits",
    .domain = "com.microsoft",
    .doc = DOC("A times weights of 2 to 8 bits, which have a scale and a zero point for each block of columns"),
    .in = { { "A", "float" },
            { "B", "u8" },
            { "scales", "as A" },
            { "zero_points", "optional u8|float" },
            { "g_idx", "optional i32" },
            { "bias", "optional as A" } },
    .out = { { "Y", "as A" } },
    .attrs = { NEEDED("K", ATTR_INT), NEEDED("N", ATTR_INT), INT("accuracy_level", 0), INT("bits", 4),
               NEEDED("block_size", ATTR_INT), INT("weight_prepacked", 0) },
    .infer = infer_matmul_nbits,
    .expand = expand_matmul_nbits,
    .when = when_few_rows,
    .flops = nbits_flops,
    .variants = matmul_nbits_variants,
    .cases = CASES(matmul_nbits_cases),
};

/* MatMulNBits of com.microsoft: a product with weights of 2 to 8 bits, which stay packed on the device. */
#include "op/op_util.h"
#include "plan/lower.h"

enum { IN_A, IN_B, IN_SCALES, IN_ZEROS, IN_ORDER, IN_BIAS };
enum { MOST_SIZE = 1 << 28 }; /* of K and N: all products of them fit in 64 bits */

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
    i64 blocks = (k + block - 1) / block;
    bool omitted = sym_is(c->g, type_elems(c->g, w), 0);
    if (a->rank < 1 || infer_differ(c->g, a->dims[a->rank - 1], sym_number(c->g, k)))
        return infer_fail(c, QN_E_SHAPE, "the left factor has not K = %lld columns", (long long)k);
    if (omitted) return infer_product(c, a, n);
    if (infer_differ(c->g, type_elems(c->g, w), sym_number(c->g, n * blocks * block * bits / 8)) ||
        infer_differ(c->g, type_elems(c->g, infer_in(c, 2)), sym_number(c->g, n * blocks)))
        return infer_fail(c, QN_E_SHAPE, "the weights or their scales do not fit N, K and block_size");
    if (infer_has(c, 3)) {
        i64 packed = (blocks * bits + 7) / 8;
        bool bytes = infer_in(c, 3)->dtype == QN_U8;
        if (infer_differ(c->g, type_elems(c->g, infer_in(c, 3)), sym_number(c->g, n * (bytes ? packed : blocks))))
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

static qn_status emit_matmul_nbits(lowering *l, const node *n)
{
    val a = lower_in(l, n, 0), zero = n->n_in > 3 ? lower_in(l, n, 3) : 0, y = lower_out(l, n, 0);
    i64 k_size = lower_int(l, n, "K"), block = lower_int(l, n, "block_size");
    const char *real = dtype_word(lower_type(l, a)->dtype);
    bool packed = !zero || lower_type(l, zero)->dtype == QN_U8;
    launch *k = launch_begin(l, "matmul_nbits.c", "matmul_nbits");
    launch_define(k, "T", real);
    launch_define(k, "Z", packed ? "u8" : real);
    launch_define_number(k, "bits", lower_int(l, n, "bits"));
    for (u32 i = 0; i < 3; i++) launch_in(k, lower_in(l, n, i));
    launch_in(k, zero ? zero : lower_in(l, n, 1));
    launch_out(k, y);
    launch_number(k, lower_int(l, n, "N"));
    launch_number(k, k_size);
    launch_number(k, (k_size + block - 1) / block);
    launch_const(k, "block", block);
    launch_const(k, "zeros", !zero ? 0 : packed ? 1 : 2);
    return launch_map(k, lower_elems(l, y));
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

static const variant matmul_nbits_variants[] = { { "matmul_nbits_map", 0, is_plain, emit_matmul_nbits }, { 0 } };
static const op_case matmul_nbits_cases[] = {
    { "f32[3,40] u8[7,3,8]=0..255 f32[21]=0.1..1", "K=40, N=7, block_size=16", 1e-5, "4 bits, a short last block" },
    { "f32[2,2,32] u8[6,2,8]=0..255 f32[12]=0.1..1 u8[6]=0..255 _ f32[6]", "K=32, N=6, block_size=16", 1e-5,
      "packed zero points, a bias" },
    { "f32[2,32] u8[6,1,32]=0..255 f32[6]=0.1..1 u8[6]=0..255", "K=32, N=6, block_size=32, bits=8", 1e-5, "8 bits" },
    { "f32[2,40] u8[5,3,4]=0..255 f32[15]=0.1..1 u8[5]=0..255", "K=40, N=5, block_size=16, bits=2", 1e-5, "2 bits" },
    { "f32[2,40] u8[5,3,6]=0..255 f32[15]=0.1..1 u8[5,2]=0..255", "K=40, N=5, block_size=16, bits=3", 1e-5, "3 bits" },
    { "f16[2,32] u8[6,2,8]=0..255 f16[12]=0.1..1 f16[12]=0..15", "K=32, N=6, block_size=16", 1e-2,
      "half, zero points as numbers" },
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
    .variants = matmul_nbits_variants,
    .cases = CASES(matmul_nbits_cases),
};

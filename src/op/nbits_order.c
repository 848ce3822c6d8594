/* NBitsInOrder: MatMulNBits whose columns do not lie block by block (g_idx, deprecated). No kernel reads that: the weights become numbers first. */
#include "op/attend.h"
#include "op/op_util.h"
#include "op/quantize.h"

enum { IN_A, IN_B, IN_SCALES, IN_ZEROS, IN_ORDER };

static qn_status infer_in_order(infer *c)
{
    type y = *infer_in(c, IN_A);
    i64 k = infer_int(c, "K");
    if (infer_differ(c->g, type_elems(c->g, infer_in(c, IN_ORDER)), sym_number(c->g, k)))
        return infer_fail(c, QN_E_SHAPE, "g_idx must name a block for each of the K = %lld columns", (long long)k);
    y.dims[y.rank - 1] = sym_number(c->g, infer_int(c, "N"));
    return infer_out(c, 0, &y);
}

/* x[N][blocks] by the block of each column: [N][K]. */
static val for_columns(build *b, val x)
{
    attr along = attr_of_int("axis", 1);
    return build_node(b, OP_Gather, (const val[]){ x, build_in(b, IN_ORDER) }, 2, &along, 1);
}

/* Column k has the scale and the zero point of block g_idx[k]. */
static qn_status expand_in_order(build *b, const node *n)
{
    graph *g = b->g;
    i64 bits = attr_int(n, "bits", 4), block = attr_int(n, "block_size", 16), k = attr_int(n, "K", 1);
    val zeros = build_in(b, IN_ZEROS), scales = build_in(b, IN_SCALES);
    qn_dtype d = build_type(b, scales)->dtype, real = quant_real(d);
    sym rows = sym_number(g, attr_int(n, "N", 1)), blocks = sym_number(g, (k + block - 1) / block);
    sym dims[2] = { rows, sym_number(g, (k + block - 1) / block * block * bits / 8) };
    val q =
        build_cast(b, quant_unpack_stream(b, build_reshape(b, build_in(b, IN_B), dims, 2), bits, sym_number(g, k)), real);
    dims[1] = blocks;
    if (zeros && build_type(b, zeros)->dtype == QN_U8) {
        sym packed[2] = { rows, sym_number(g, ((k + block - 1) / block * bits + 7) / 8) };
        zeros = quant_unpack_stream(b, build_reshape(b, zeros, packed, 2), bits, blocks);
    }
    zeros = zeros ? for_columns(b, build_cast(b, build_reshape(b, zeros, dims, 2), real))
                  : build_scalar(b, real, (f64)(1 << (bits - 1)));
    scales = for_columns(b, build_cast(b, build_reshape(b, scales, dims, 2), real));
    val w = build_cast(b, build_op2(b, OP_Mul, build_op2(b, OP_Sub, q, zeros), scales), d);
    attr turned = attr_of_int("transB", 1);
    val y = build_node(b, OP_MatMulFused, (const val[]){ build_in(b, IN_A), w }, 2, &turned, 1);
    return build_done(b, &y, 1);
}

static const op_case in_order_cases[] = {
    { "f32[2,34] u8[3,3,6]=0..255 f32[9]=0.1..1 u8[3,2]=0..255 i32[34]=0..2", "K=34, N=3, block_size=16, bits=3", 1e-5,
      "3 bits, packed zero points" },
    { "f16[2,40] u8[5,3,8]=0..255 f16[15]=0.1..1 f16[15]=0..15 i32[40]=0..2", "K=40, N=5, block_size=16", 1e-2,
      "half, zero points as numbers" },
    { 0 },
};
const op_def op_NBitsInOrder = {
    .name = "NBitsInOrder",
    .domain = "quern",
    .doc = DOC("MatMulNBits, column k with the scale and the zero point of block g_idx[k]"),
    .in = { { "A", "float" },
            { "B", "u8" },
            { "scales", "as A" },
            { "zero_points", "optional u8|float" },
            { "g_idx", "i32" } },
    .out = { { "Y", "as A" } },
    .attrs = { NEEDED("K", ATTR_INT), NEEDED("N", ATTR_INT), INT("accuracy_level", 0), INT("bits", 4),
               NEEDED("block_size", ATTR_INT), INT("weight_prepacked", 0) },
    .infer = infer_in_order,
    .expand = expand_in_order,
    .cases = CASES(in_order_cases),
};

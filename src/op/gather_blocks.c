/* GatherBlockQuantized of com.microsoft: rows of a quantized table, picked while they are small and only then made numbers. Integers of less
 * than a byte come as u4 or i4, or packed in bytes along the last dimension. Unlike Gather, an index outside its axis gives zeros. */
#include "op/op_util.h"
#include "op/quantize.h"

enum { IN_DATA, IN_INDICES, IN_SCALES, IN_ZEROS };

typedef struct table {
    u32 gather, along; /* axes of the data */
    i64 bits, block;
    bool bytes; /* in u8, packed where bits < 8 */
} table;

static i64 per_byte(const table *p) { return p->bytes ? 8 / p->bits : 1; }

static qn_status table_of(const infer *c, table *p)
{
    const type *data = infer_in(c, IN_DATA), *scales = infer_in(c, IN_SCALES);
    QN_TRY(infer_axis(c, infer_int(c, "gather_axis"), data->rank, &p->gather));
    QN_TRY(infer_axis(c, infer_int(c, "quantize_axis"), data->rank, &p->along));
    p->bits = infer_int(c, "bits"), p->block = infer_int(c, "block_size"), p->bytes = data->dtype == QN_U8;
    bool is_float = dtype_is_narrow_float(data->dtype);
    if (p->bytes && p->bits != 2 && p->bits != 4 && p->bits != 8)
        return infer_fail(c, QN_E_UNSUPPORTED, "elements of %lld bits are not in this build, only 2, 4 and 8",
                          (long long)p->bits);
    if ((p->block < 16 || (p->block & (p->block - 1))) && !(is_float && p->block == 0))
        return infer_fail(c, QN_E_SHAPE, "block_size is %lld, no power of two from 16 on", (long long)p->block);
    if (p->bytes && (p->gather != 0 || (p->bits < 8 && p->along == p->gather)))
        return infer_fail(c, QN_E_SHAPE, "packed data must be gathered along axis 0, and quantized along another");
    if (is_float && infer_has(c, IN_ZEROS)) return infer_fail(c, QN_E_SHAPE, "floats have no zero points");
    if (scales->rank != data->rank) return infer_fail(c, QN_E_SHAPE, "scales and data differ in rank");
    return QN_OK;
}

/* The data's shape with a dimension for each element. */
static type unpacked_type(graph *g, const table *p, const type *data)
{
    type t = *data;
    t.dims[t.rank - 1] = sym_mul(g, t.dims[t.rank - 1], sym_number(g, per_byte(p)));
    return t;
}

static qn_status check_scales(const infer *c, const table *p, const type *data)
{
    graph *g = c->g;
    const type *scales = infer_in(c, IN_SCALES);
    for (u32 d = 0; d < data->rank; d++) {
        sym want = d != p->along ? data->dims[d]
                   : p->block    ? sym_ceil_div(g, data->dims[d], sym_number(g, p->block))
                                 : sym_one(g);
        if (dtype_is_narrow_float(data->dtype) && d != p->along && sym_is(g, scales->dims[d], 1)) continue;
        if (infer_differ(g, scales->dims[d], want))
            return infer_fail(c, QN_E_SHAPE, "dimension %u of the scales does not fit", d);
    }
    return QN_OK;
}

static qn_status infer_gather_blocks(infer *c)
{
    table p;
    QN_TRY(table_of(c, &p));
    type data = unpacked_type(c->g, &p, infer_in(c, IN_DATA)), idx = *infer_in(c, IN_INDICES);
    QN_TRY(check_scales(c, &p, &data));
    if (data.rank - 1 + idx.rank > QN_MAX_RANK)
        return infer_fail(c, QN_E_SHAPE, "the result would have too many dimensions");
    type y = { .dtype = infer_in(c, IN_SCALES)->dtype, .known = true };
    for (u32 d = 0; d < data.rank; d++) {
        for (u32 i = 0; d == p.gather && i < idx.rank; i++) y.dims[y.rank++] = idx.dims[i];
        if (d != p.gather) y.dims[y.rank++] = data.dims[d];
    }
    return infer_out(c, 0, &y);
}

/* Indices from 0 on, those outside the axis held at its edge; *inside: which were not. */
static val places(build *b, val idx, sym size, val *inside)
{
    val n = build_reshape(b, build_syms(b, &size, 1), NULL, 0), zero = build_scalar(b, QN_I64, 0),
        last = build_op2(b, OP_Sub, n, build_scalar(b, QN_I64, 1));
    idx = build_cast(b, idx, QN_I64);
    idx = build_node(b, OP_Where, (const val[]){ build_op2(b, OP_Less, idx, zero), build_op2(b, OP_Add, idx, n), idx }, 3,
                     NULL, 0);
    val held = build_op2(b, OP_Max, build_op2(b, OP_Min, idx, last), zero);
    *inside = build_op2(b, OP_Equal, held, idx);
    return held;
}

/* v by `at` along the gathered axis; where the axis has only one entry for all, ones in its place. */
static val picked(build *b, val v, val at, const table *p, bool shared)
{
    if (!v || b->status) return 0;
    attr axis = attr_of_int("axis", p->gather);
    if (!shared) return build_node(b, OP_Gather, (const val[]){ v, at }, 2, &axis, 1);
    const type t = *build_type(b, v);
    type y = { 0 };
    u32 rank = build_type(b, at)->rank;
    for (u32 d = 0; d < t.rank; d++) {
        for (u32 i = 0; d == p->gather && i < rank; i++) y.dims[y.rank++] = sym_one(b->g);
        if (d != p->gather) y.dims[y.rank++] = t.dims[d];
    }
    return build_reshape(b, v, y.dims, y.rank);
}

/* 0 where the index was outside. */
static val zeros_outside(build *b, val y, val inside, const table *p)
{
    if (b->status) return 0;
    const type t = *build_type(b, y), idx = *build_type(b, inside);
    sym dims[QN_MAX_RANK];
    for (u32 d = 0; d < t.rank; d++)
        dims[d] = d < p->gather || d >= p->gather + idx.rank ? sym_one(b->g) : idx.dims[d - p->gather];
    inside = build_reshape(b, inside, dims, t.rank);
    return build_node(b, OP_Where, (const val[]){ inside, y, build_scalar(b, t.dtype, 0) }, 3, NULL, 0);
}

static qn_status expand_gather_blocks(build *b, const node *n)
{
    table p = { 0 };
    graph *g = b->g;
    const type data = *build_type(b, build_in(b, IN_DATA)), scales = *build_type(b, build_in(b, IN_SCALES));
    p.gather = axis_of(n, "gather_axis", 0, data.rank), p.along = axis_of(n, "quantize_axis", 1, data.rank);
    p.bits = attr_int(n, "bits", 4), p.block = attr_int(n, "block_size", 128), p.bytes = data.dtype == QN_U8;
    val inside, at = places(b, build_in(b, IN_INDICES), data.dims[p.gather], &inside), at_block = at;
    if (b->status) return b->status;
    bool along = p.gather == p.along, shared = sym_is(g, scales.dims[p.gather], 1) && !sym_is(g, data.dims[p.gather], 1);
    if (along && p.block) at_block = build_op2(b, OP_Div, at, build_scalar(b, QN_I64, (f64)p.block));
    u32 more = build_type(b, at)->rank;
    val q = picked(b, build_in(b, IN_DATA), at, &p, false), s = picked(b, build_in(b, IN_SCALES), at_block, &p, shared);
    val z = picked(b, build_in(b, IN_ZEROS), at_block, &p, shared);
    if (p.bytes) q = quant_unpack(b, q, p.bits, 0);
    if (p.bytes) z = quant_unpack(b, z, p.bits, scales.dims[scales.rank - 1]);
    if (!z && p.bytes) z = build_scalar(b, QN_U8, (f64)(1 << (p.bits - 1)));
    quant_axis each = { .axis = p.along > p.gather ? p.along + more - 1 : p.along, .block = along ? 0 : p.block };
    val y = quant_to_real(b, q, s, z, each, scales.dtype);
    y = zeros_outside(b, y, inside, &p);
    return build_done(b, &y, 1);
}

static const op_case gather_blocks_cases[] = {
    { "u8[5,16]=0..255 i64[3]={4,-5,1} f32[5,2]=0.1..1 u8[5,1]=0..255", "block_size=16", 1e-5,
      "4 bits in bytes, zero points" },
    { "i4[3,32,2]=-8..7 i32[2,2]={0,2,1,7} f16[3,2,2]=0.1..1", "block_size=16", 2e-3, "i4, an index outside" },
    { "u4[32,3]=0..15 i64[4]={31,0,16,5} f32[2,3]=0.1..1 u4[2,3]=0..15", "quantize_axis=0, block_size=16", 1e-5,
      "along the blocks" },
    { "f8e4m3fn[4,6]=0..120 i64[2]={3,0} f32[1,1]={0.5}", "block_size=0", 1e-5, "float8, one scale" },
    { 0 },
};
const op_def op_GatherBlockQuantized = {
    .name = "GatherBlockQuantized",
    .domain = "com.microsoft",
    .doc = DOC("the entries of a quantized table that `indices` name, as numbers: (q - zero point) * scale, both for blocks "
               "of an axis"),
    .in = { { "data", "u8|i4|u4|narrow" },
            { "indices", "i32|i64" },
            { "scales", "float" },
            { "zero_points", "optional as data" } },
    .out = { { "output", "as scales" } },
    .attrs = { INT("bits", 4), INT("block_size", 128), INT("gather_axis", 0), INT("quantize_axis", 1) },
    .infer = infer_gather_blocks,
    .expand = expand_gather_blocks,
    .cases = CASES(gather_blocks_cases),
};

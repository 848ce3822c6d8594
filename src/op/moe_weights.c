/* The weights of mixtures of experts (moe.h), plain or packed: integers of 2, 3, 4 or 8 bits with scales and zero points, floats of 4 or 8 bits
 * with scales for blocks, squares or whole experts. Whatever they are, the product takes rows of codes and a scale for each block of a row. */
#include "op/attend.h"
#include "op/formula.h"
#include "op/moe.h"
#include "op/narrow.h"
#include "op/op_util.h"
#include "op/quantize.h"

/* ------------------------------------------------------------------ where things are */
/* The inputs of one layer: weights, scales, bias, zero points; 0 where the op has none. And the attribute of its bits. */
typedef struct layer {
    u8 weights, scales, bias, zeros;
    const char *bits;
} layer;
static const layer layers[2][3] = {
    { { 2, 0, 3, 0, NULL }, { 4, 0, 5, 0, NULL }, { 6, 0, 7, 0, NULL } },
    { { 2, 3, 4, 11, "fc1_expert_weight_bits" },
      { 5, 6, 7, 12, "fc2_expert_weight_bits" },
      { 8, 9, 10, 13, "fc3_expert_weight_bits" } },
};
enum { GLOBAL_SCALES = 15, ACTIVATION_SCALES = 17, THIRD = 2 };

static const layer *layer_of(const node *n, u32 i) { return &layers[moe_is_packed(n)][i]; }

/* What the packed weights of QMoE are. Floats of 4 bits lie as columns, [experts][in][out / 2], unless the node says rows; floats of 8 bits are
 * rows as integers are, and have scales for squares. */
typedef enum kind { KIND_INT, KIND_FP4, KIND_NVFP4, KIND_FP8, KIND_NONE } kind;
static const struct {
    const char *name;
    u8 bits, block, codes; /* 0: as the node says */
    u8 scales;             /* their type; QN_NONE: floats */
} kinds[] = { [KIND_INT] = { "int", 0, 0, 0, QN_NONE },
              [KIND_FP4] = { "fp4", 4, 32, 1, QN_F8E8M0 },
              [KIND_NVFP4] = { "nvfp4", 4, 16, 1, QN_F8E4M3FN },
              [KIND_FP8] = { "fp8", 8, 0, 2, QN_NONE } };

static kind kind_of(const graph *g, const node *n)
{
    const char *name = attr_text(g, n, "quant_type", "int");
    u32 i = 0;
    while (i < COUNT(kinds) && !text_same(kinds[i].name, name)) i++;
    return (kind)i;
}

static i64 bits_of(const graph *g, const node *n, u32 i)
{
    kind q = kind_of(g, n);
    if (q != KIND_INT && q != KIND_NONE) return kinds[q].bits;
    return attr_int(n, layer_of(n, i)->bits, attr_int(n, "expert_weight_bits", 4));
}
/* Numbers along a row that share a scale; 0: all. */
static i64 block_of(kind q, const node *n) { return kinds[q].block ? kinds[q].block : attr_int(n, "block_size", 0); }

static bool lies_by_columns(const node *n, kind q)
{
    return q == KIND_FP4 || (q == KIND_NVFP4 && attr_int(n, "weights_prepacked", -1) != 1);
}
static bool has_squares(const node *n, kind q) { return q == KIND_FP8 && attr_int(n, "block_size", 0) > 0; }

/* ------------------------------------------------------------------ checks */
bool moe_has_layer(const infer *c, u32 i) { return infer_has(c, layer_of(c->n, i)->weights); }

static qn_status check_weights(const infer *c, u32 i, sym experts, sym rows, sym columns)
{
    const type *w = infer_in(c, layer_of(c->n, i)->weights);
    graph *g = c->g;
    kind q = moe_is_packed(c->n) ? kind_of(g, c->n) : KIND_INT;
    sym have[3] = { w->dims[0], w->dims[1], w->dims[2] }, want[3] = { experts, rows, columns };
    if (moe_is_packed(c->n))
        have[2] = sym_mul(g, w->dims[2], sym_number(g, 8)),
        want[2] = sym_mul(g, columns, sym_number(g, bits_of(g, c->n, i)));
    if (q == KIND_FP4 || q == KIND_NVFP4) /* its dimensions are columns and half the rows in either order */
        have[1] = sym_mul(g, w->dims[2], sym_number(g, 2)), have[2] = w->dims[1], want[2] = columns;
    for (u32 d = 0; d < 3; d++)
        if (infer_differ(g, have[d], want[d]))
            return infer_fail(c, QN_E_SHAPE, "the weights of layer %u do not fit the experts or the rows that they take",
                              i + 1);
    return QN_OK;
}

static qn_status check_scales(const infer *c, u32 i, sym experts, sym rows, sym columns)
{
    graph *g = c->g;
    kind q = kind_of(g, c->n);
    const type *s = infer_in(c, layer_of(c->n, i)->scales);
    if (q == KIND_FP8 && !has_squares(c->n, q)) return QN_OK;
    i64 block = block_of(q, c->n);
    if (!s || s->rank != (block > 0 ? 3 : 2))
        return infer_fail(c, QN_E_SHAPE, "the scales of layer %u have a wrong number of dimensions", i + 1);
    if (kinds[q].scales ? s->dtype != kinds[q].scales : dtype_is_narrow(s->dtype))
        return infer_fail(c, QN_E_DTYPE, "the scales of layer %u are %s", i + 1, qn_dtype_name(s->dtype));
    sym by = sym_number(g, MAX(block, 1));
    sym want[3] = { experts, rows, sym_div(g, columns, by) };
    if (has_squares(c->n, q)) want[1] = sym_ceil_div(g, rows, by), want[2] = sym_ceil_div(g, columns, by);
    for (u32 d = 0; d < s->rank; d++)
        if (infer_differ(g, s->dims[d], want[d]))
            return infer_fail(c, QN_E_SHAPE, "the scales of layer %u do not fit block_size", i + 1);
    return QN_OK;
}

qn_status moe_check_layer(const infer *c, u32 i, sym experts, sym rows, sym columns)
{
    if (!moe_has_layer(c, i)) return QN_OK;
    QN_TRY(check_weights(c, i, experts, rows, columns));
    return moe_is_packed(c->n) ? check_scales(c, i, experts, rows, columns) : QN_OK;
}

/* Floats have no zero points, and those that need a scale for a whole expert have one for the first two layers. */
static qn_status check_floats(const infer *c, kind q)
{
    bool wanted = q != KIND_INT && !has_squares(c->n, q);
    for (u32 i = 0; i < 3; i++) {
        const layer *y = layer_of(c->n, i);
        if (infer_has(c, y->weights) && (infer_in(c, y->weights)->dtype == QN_U8) != (q != KIND_FP8))
            return infer_fail(c, QN_E_DTYPE, "the weights of layer %u are no %s", i + 1, kinds[q].name);
        if (q != KIND_INT && infer_has(c, y->zeros)) return infer_fail(c, QN_E_SHAPE, "floats have no zero points");
    }
    if (wanted && moe_has_layer(c, THIRD))
        return infer_fail(c, QN_E_UNSUPPORTED, "a third layer of %s would need a fc3_global_scale, which no input is",
                          kinds[q].name);
    for (u32 i = 0; i < 2; i++)
        if (infer_has(c, GLOBAL_SCALES + i) != wanted)
            return infer_fail(c, QN_E_SHAPE, "fc%u_global_scale %s", i + 1,
                              wanted ? "is missing" : "belongs to floats without scales for squares");
    for (u32 i = ACTIVATION_SCALES; i < c->n->n_in; i++)
        if (infer_has(c, i)) return infer_fail(c, QN_E_SHAPE, "input %u: a scale of activations belongs to wfp4afp8", i);
    return QN_OK;
}

qn_status moe_check(const infer *c)
{
    graph *g = c->g;
    i64 block = infer_int(c, "block_size");
    for (u32 i = 0; i < 3; i++)
        if (moe_has_layer(c, i) && infer_in(c, layer_of(c->n, i)->weights)->rank != 3)
            return infer_fail(c, QN_E_SHAPE, "the weights of layer %u must have three dimensions", i + 1);
    if (!moe_is_packed(c->n)) return QN_OK;
    kind q = kind_of(g, c->n);
    if (q == KIND_NONE)
        return infer_fail(c, QN_E_UNSUPPORTED,
                          "weights of quant_type '%s' are not in this build, only int, fp4, nvfp4 and fp8",
                          attr_text(g, c->n, "quant_type", "int"));
    for (u32 i = 0; i < 3; i++) {
        i64 bits = bits_of(g, c->n, i);
        if (bits != 2 && bits != 3 && bits != 4 && bits != 8)
            return infer_fail(c, QN_E_UNSUPPORTED, "weights of %lld bits are not in this build, only 2, 3, 4 and 8",
                              (long long)bits);
    }
    if (block > 0 && (block < 16 || (block & (block - 1))))
        return infer_fail(c, QN_E_SHAPE, "block_size is %lld, no power of two from 16 on", (long long)block);
    return check_floats(c, q);
}

sym moe_rows(const infer *c, u32 i)
{
    const type *w = infer_in(c, layer_of(c->n, i)->weights);
    kind q = moe_is_packed(c->n) ? kind_of(c->g, c->n) : KIND_INT;
    return q == KIND_FP4 || q == KIND_NVFP4 ? sym_mul(c->g, w->dims[2], sym_number(c->g, 2)) : w->dims[1];
}

/* ------------------------------------------------------------------ steps */
/* Scales, and behind each its zero point, which lies packed along the blocks of a row, or along the rows where there are none. */
static val with_zeros(build *b, val scales, val zeros, u32 i)
{
    if (b->status || !zeros) return scales;
    type t = *build_type(b, scales);
    zeros = build_cast(b, quant_unpack_stream(b, zeros, bits_of(b->g, b->n, i), t.dims[t.rank - 1]), t.dtype);
    t.dims[t.rank] = sym_one(b->g);
    return build_concat(b, build_reshape(b, scales, t.dims, t.rank + 1u), build_reshape(b, zeros, t.dims, t.rank + 1u), -1);
}

/* Weights as rows of packed codes, [experts][rows][bytes]. */
static val rows_packed(build *b, val w, kind q)
{
    static const i64 swapped[] = { 0, 2, 1 };
    graph *g = b->g;
    if (b->status || q == KIND_INT) return w;
    if (q == KIND_FP8) return narrow_held_as(b, w, QN_U8);
    const type t = *build_type(b, w);
    sym two = sym_number(g, 2), rows = sym_mul(g, t.dims[2], two), columns = t.dims[1];
    const sym dims[3] = { t.dims[0], rows, sym_div(g, columns, two) };
    if (!lies_by_columns(b->n, q)) return build_reshape(b, w, dims, 3);
    attr perm = attr_of_ints(g, "perm", swapped, 3);
    w = quant_unpack_stream(b, w, 4, 0);
    w = build_node(b, OP_Transpose, &w, 1, &perm, 1);
    return build_formula(b, "l + h * 16", "lh", build_slice_by(b, w, -1, sym_zero(g), columns, 2),
                         build_slice_by(b, w, -1, sym_one(g), columns, 2));
}

/* The scales of float weights as numbers, [experts][rows][blocks]. */
static val scales_of_floats(build *b, u32 i, kind q, sym rows, qn_dtype real)
{
    graph *g = b->g;
    val s = build_in(b, layer_of(b->n, i)->scales);
    attr along = attr_of_int("axis", 1);
    if (has_squares(b->n, q)) {
        val row =
            build_op2(b, OP_Div, attend_places(b, rows), build_scalar(b, QN_I64, (f64)attr_int(b->n, "block_size", 0)));
        return build_node(b, OP_Gather, (const val[]){ build_cast(b, s, real), row }, 2, &along, 1);
    }
    val all = build_in(b, GLOBAL_SCALES + i);
    if (b->status) return 0;
    sym one = sym_one(g), dims[3] = { build_type(b, all)->dims[0], one, one };
    all = build_reshape(b, build_cast(b, all, real), dims, 3);
    dims[1] = rows;
    if (q == KIND_FP8) return build_expand(b, all, dims, 3);
    return build_op2(b, OP_Mul, build_cast(b, s, real), all);
}

val moe_through(build *b, val x, u32 i, val which)
{
    const layer *y = layer_of(b->n, i);
    val w = build_in(b, y->weights), bias = build_in(b, y->bias), out;
    if (b->status) return 0;
    const type t = *build_type(b, w), xt = *build_type(b, x);
    kind q = moe_is_packed(b->n) ? kind_of(b->g, b->n) : KIND_INT;
    i64 block = block_of(q, b->n), columns = 0;
    if (!which) {
        attr turned = attr_of_int("transB", 1);
        out = build_node(b, OP_MatMulFused, (const val[]){ x, w }, 2, &turned, 1);
        sym dims[3] = { t.dims[0], sym_one(b->g), t.dims[1] };
        return bias ? build_op2(b, OP_Add, out, build_reshape(b, bias, dims, 3)) : out;
    }
    if (block <= 0 && !sym_is_number(b->g, xt.dims[xt.rank - 1], &columns)) {
        build_fail(b, QN_E_UNSUPPORTED, "without blocks, the width of the input must be known before the model runs");
        return 0;
    }
    val zeros = build_in(b, y->zeros), scales;
    w = rows_packed(b, w, q);
    if (b->status) return 0;
    if (q != KIND_INT) scales = scales_of_floats(b, i, q, build_type(b, w)->dims[1], quant_real(xt.dtype));
    else scales = with_zeros(b, build_cast(b, build_in(b, y->scales), xt.dtype), zeros, i);
    attr attrs[] = { attr_of_int("bits", bits_of(b->g, b->n, i)), attr_of_int("block_size", block > 0 ? block : columns),
                     attr_of_int("codes", kinds[q].codes), attr_of_int("pairs", zeros != 0) };
    out = build_node(b, OP_ExpertMatMulNBits, (const val[]){ x, w, scales, which }, 4, attrs, 4);
    return bias ? build_op2(b, OP_Add, out, build_node(b, OP_Gather, (const val[]){ bias, which }, 2, NULL, 0)) : out;
}

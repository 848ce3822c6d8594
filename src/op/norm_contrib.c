/* The normalizations of transformer exporters (com.microsoft): a sum and a norm in one node. All are composites of norm.c's. */
#include "op/norm.h"
#include "op/op_util.h"

/* ------------------------------------------------------------------ SimplifiedLayerNormalization */
static qn_status infer_simplified(infer *c)
{
    const type x = *infer_in(c, 0);
    u32 axis;
    QN_TRY(infer_axis(c, infer_int(c, "axis"), x.rank, &axis));
    type row = type_with(&x, node_dtype(c->n, "stash_type", QN_F32));
    for (u32 d = axis; d < x.rank; d++) row.dims[d] = sym_one(c->g);
    QN_TRY(infer_out(c, 0, &x));
    return infer_out(c, 1, &row);
}

/* 1 / sqrt(mean(x^2) + epsilon) over the dimensions from axis on, in the computing type. */
static val inverse_root(build *b, val x, u32 axis, f64 epsilon)
{
    if (b->status) return 0;
    u32 rank = build_type(b, x)->rank;
    i64 axes[QN_MAX_RANK];
    for (u32 d = axis; d < rank; d++) axes[d - axis] = d;
    attr keep = attr_of_int("keepdims", 1);
    x = build_cast(b, x, dtype_computing(build_type(b, x)->dtype));
    const val in[] = { build_op2(b, OP_Mul, x, x), build_ints(b, axes, rank - axis) };
    return norm_inverse(b, build_node(b, OP_ReduceMean, in, 2, &keep, 1), epsilon);
}

static bool is_wanted(const build *b, u32 i)
{
    return i < b->n->n_out && b->n->out[i] && value_at(b->g, b->n->out[i])->uses;
}

static qn_status expand_simplified(build *b, const node *n)
{
    f64 epsilon = attr_float(n, "epsilon", 1e-5);
    attr attrs[] = { attr_of_int("axis", attr_int(n, "axis", -1)), attr_of_float("epsilon", epsilon) };
    val x = build_in(b, 0), y = build_node(b, OP_RMSNormalization, (const val[]){ x, build_in(b, 1) }, 2, attrs, 2),
        inverse = 0;
    if (is_wanted(b, 1)) inverse = inverse_root(b, x, axis_of(n, "axis", -1, build_type(b, x)->rank), epsilon);
    if (inverse) inverse = build_cast(b, inverse, node_dtype(n, "stash_type", QN_F32));
    return build_done(b, (const val[]){ y, inverse }, 2);
}

static const op_case simplified_cases[] = { { "f32[2,3,40] f32[40]", "", 1e-5, "the common case" }, { 0 } };
const op_def op_SimplifiedLayerNormalization = {
    .name = "SimplifiedLayerNormalization",
    .doc = DOC("RMSNormalization under the name that onnxruntime gives it"),
    .in = { { "X", "float" }, { "scale", "as X" } },
    .out = { { "Y", "as X" }, { "inv_std_var", "float" } },
    .attrs = { INT("axis", -1), FLOAT("epsilon", 1e-5), DTYPE("stash_type", 1, "float") },
    .infer = infer_simplified,
    .expand = expand_simplified,
    .cases = CASES(simplified_cases),
};

/* ------------------------------------------------------------------ SkipLayerNormalization and its simplified form */
static qn_status infer_skip(infer *c)
{
    const type x = *infer_in(c, 0);
    if (x.rank < 1) return infer_fail(c, QN_E_SHAPE, "the input has rank 0");
    for (u32 i = 1; i < c->n->n_in; i++)
        if (infer_has(c, i)) QN_TRY(infer_broadcast_to(c, i, infer_in(c, i), &x));
    type row = type_with(&x, dtype_computing(x.dtype));
    row.dims[x.rank - 1] = sym_one(c->g);
    QN_TRY(infer_out(c, 0, &x));
    QN_TRY(infer_out(c, 1, &row));
    QN_TRY(infer_out(c, 2, &row));
    return infer_out(c, 3, &x);
}

static qn_status expand_skip(build *b, const node *n)
{
    bool layer = n->op == OP_SkipLayerNormalization;
    val bias = build_in(b, layer ? 4 : 3), sum = build_op2(b, OP_Add, build_in(b, 0), build_in(b, 1));
    sum = build_op2(b, OP_Add, sum, bias);
    qn_dtype wide = dtype_computing(build_type(b, sum)->dtype);
    attr attrs[] = { attr_of_int("axis", -1), attr_of_float("epsilon", attr_float(n, "epsilon", 1e-12)),
                     attr_of_int("stash_type", dtype_to_onnx(wide)) };
    if (!layer) {
        val y = build_node(b, OP_RMSNormalization, (const val[]){ sum, build_in(b, 2) }, 2, attrs, 2), inverse = 0;
        if (is_wanted(b, 1)) return build_fail(b, QN_E_UNSUPPORTED, "it computes no mean");
        if (is_wanted(b, 2)) inverse = inverse_root(b, sum, build_type(b, sum)->rank - 1u, attr_float(n, "epsilon", 1e-12));
        return build_done(b, (const val[]){ y, 0, inverse, sum }, 4);
    }
    nid norm =
        build_node_outs(b, OP_LayerNormalization, (const val[]){ sum, build_in(b, 2), build_in(b, 3) }, 3, 3, attrs, 3);
    if (!norm) return b->status;
    const val *out = node_at(b->g, norm)->out;
    return build_done(b, (const val[]){ out[0], out[1], out[2], sum }, 4);
}

static const op_case skip_cases[] = {
    { "f32[2,3,40] f32[2,3,40] f32[40] f32[40] f32[40]", "", 1e-5, "all operands" },
    { "f32[2,3,40] f32[3,40] f32[40]", "", 1e-5, "a skip that broadcasts" },
    { 0 },
};
const op_def op_SkipLayerNormalization = {
    .name = "SkipLayerNormalization",
    .domain = "com.microsoft",
    .doc = DOC("LayerNormalization of input + skip + bias, over the last axis"),
    .in = { { "input", "float" },
            { "skip", "as input" },
            { "gamma", "as input" },
            { "beta", "optional as input" },
            { "bias", "optional as input" } },
    .out = { { "output", "as input" },
             { "mean", "float" },
             { "inv_std_var", "float" },
             { "input_skip_bias_sum", "as input" } },
    .attrs = { FLOAT("epsilon", 1e-12) },
    .infer = infer_skip,
    .expand = expand_skip,
    .cases = CASES(skip_cases),
};
static const op_case skip_simplified_cases[] = { { "f32[2,3,40] f32[2,3,40] f32[40] f32[40]", "", 1e-5, "all operands" },
                                                 { 0 } };
const op_def op_SkipSimplifiedLayerNormalization = {
    .name = "SkipSimplifiedLayerNormalization",
    .domain = "com.microsoft",
    .doc = DOC("RMSNormalization of input + skip + bias, over the last axis"),
    .in = { { "input", "float" }, { "skip", "as input" }, { "gamma", "as input" }, { "bias", "optional as input" } },
    .out = { { "output", "as input" },
             { "mean", "float" },
             { "inv_std_var", "float" },
             { "input_skip_bias_sum", "as input" } },
    .attrs = { FLOAT("epsilon", 1e-12) },
    .infer = infer_skip,
    .expand = expand_skip,
    .cases = CASES(skip_simplified_cases),
};

/* ------------------------------------------------------------------ EmbedLayerNormalization */
enum { EMBED_SEGMENTS = 1, EMBED_OF_POSITION = 3, EMBED_OF_SEGMENT, EMBED_GAMMA, EMBED_BETA, EMBED_MASK, EMBED_POSITIONS };

/* Tables as wide as the words', ids and a mask for each word, a position for each or those of one sample for all. */
static qn_status check_embed(const infer *c, const type *ids, sym width)
{
    graph *g = c->g;
    const sym table[2] = { 0, width };
    QN_TRY(infer_sizes(c, EMBED_SEGMENTS, ids->dims, 2, "input_ids"));
    QN_TRY(infer_sizes(c, EMBED_OF_POSITION, table, 2, "word_embedding"));
    QN_TRY(infer_sizes(c, EMBED_OF_SEGMENT, table, 2, "word_embedding"));
    QN_TRY(infer_sizes(c, EMBED_GAMMA, &width, 1, "word_embedding"));
    QN_TRY(infer_sizes(c, EMBED_BETA, &width, 1, "word_embedding"));
    QN_TRY(infer_sizes(c, EMBED_MASK, ids->dims, 2, "input_ids"));
    QN_TRY(infer_sizes(c, EMBED_POSITIONS, (const sym[]){ 0, ids->dims[1] }, 2, "input_ids"));
    if (infer_has(c, EMBED_POSITIONS)) return infer_broadcast_to(c, EMBED_POSITIONS, infer_in(c, EMBED_POSITIONS), ids);
    sym places = infer_in(c, EMBED_OF_POSITION)->dims[0], few = sym_compare(g, '<', places, ids->dims[1]);
    if (sym_is(g, few, 1)) return infer_fail(c, QN_E_SHAPE, "position_embedding has fewer positions than there are words");
    infer_need(g, sym_sub(g, sym_one(g), few), "a table of # positions for # words", places, ids->dims[1]);
    return QN_OK;
}

static qn_status infer_embed(infer *c)
{
    const type ids = *infer_in(c, 0), *words = infer_in(c, 2);
    if (ids.rank != 2 || words->rank != 2) return infer_fail(c, QN_E_SHAPE, "input_ids and word_embedding must be matrices");
    type out = { .dtype = words->dtype, .rank = 3, .known = true, .dims = { ids.dims[0], ids.dims[1], words->dims[1] } };
    QN_TRY(check_embed(c, &ids, words->dims[1]));
    type mask = { .dtype = QN_I32, .rank = 1, .known = true, .dims = { ids.dims[0] } };
    QN_TRY(infer_out(c, 0, &out));
    QN_TRY(infer_out(c, 1, &mask));
    return infer_out(c, 2, &out);
}

/* The embeddings of the positions: those that are named, or the first ones of the table. */
static val position_rows(build *b, const type *ids)
{
    if (build_in(b, 8)) return build_node(b, OP_Gather, (const val[]){ build_in(b, 3), build_in(b, 8) }, 2, NULL, 0);
    return build_slice(b, build_in(b, 3), 0, sym_zero(b->g), ids->dims[1]);
}

static qn_status expand_embed(build *b, const node *n)
{
    const type ids = *build_type(b, build_in(b, 0));
    const i64 one = 1;
    val sum = build_op2(b, OP_Add, build_node(b, OP_Gather, (const val[]){ build_in(b, 2), build_in(b, 0) }, 2, NULL, 0),
                        position_rows(b, &ids));
    if (build_in(b, 1) && build_in(b, 4))
        sum =
            build_op2(b, OP_Add, sum, build_node(b, OP_Gather, (const val[]){ build_in(b, 4), build_in(b, 1) }, 2, NULL, 0));
    attr attrs[] = { attr_of_int("axis", -1), attr_of_float("epsilon", attr_float(n, "epsilon", 1e-12)) };
    val y = build_node(b, OP_LayerNormalization, (const val[]){ sum, build_in(b, 5), build_in(b, 6) }, 3, attrs, 2),
        mask = 0;
    if (n->n_out > 1 && value_at(b->g, n->out[1])->uses) {
        attr keep = attr_of_int("keepdims", 0);
        if (build_in(b, 7))
            mask = build_node(b, OP_ReduceSum, (const val[]){ build_in(b, 7), build_ints(b, &one, 1) }, 2, &keep, 1);
        else mask = build_expand(b, build_scalar(b, QN_I32, 0), ids.dims, 1);
    }
    return build_done(b, (const val[]){ y, mask, sum }, 3);
}

static const op_case embed_cases[] = {
    { "i32[2,3]=0..8 i32[2,3]=0..1 f32[9,40] f32[7,40] f32[2,40] f32[40] f32[40]", "", 1e-5, "words, positions, segments" },
    { "i32[2,3]=0..8 _ f32[9,40] f32[7,40] _ f32[40] f32[40] i32[2,3]=0..1", "n_out=2", 1e-5, "no segments, a mask" },
    { 0 },
};
const op_def op_EmbedLayerNormalization = {
    .name = "EmbedLayerNormalization",
    .domain = "com.microsoft",
    .doc = DOC("LayerNormalization of the sum of word, position and segment embeddings"),
    .in = { { "input_ids", "i32" },
            { "segment_ids", "optional i32" },
            { "word_embedding", "float" },
            { "position_embedding", "as word_embedding" },
            { "segment_embedding", "optional as word_embedding" },
            { "gamma", "as word_embedding" },
            { "beta", "as word_embedding" },
            { "mask", "optional i32" },
            { "position_ids", "optional i32" } },
    .out = { { "output", "as word_embedding" }, { "mask_index", "i32" }, { "embedding_sum", "as word_embedding" } },
    .attrs = { FLOAT("epsilon", 1e-12), INT("mask_index_type", 0) },
    .infer = infer_embed,
    .expand = expand_embed,
    .cases = CASES(embed_cases),
};

/* Mixtures of experts of com.microsoft: each token goes through the k experts that its router likes most.
 *
 *     QMoE   packed weights: a kernel takes each chosen expert's rows where they lie, so only what is chosen is computed
 *     MoE    plain weights: all experts compute all tokens in one batched product, and what was not chosen counts 0 times */
#include "op/moe.h"

#include <math.h>

#include "op/attend.h"
#include "op/formula.h"
#include "op/op_util.h"

typedef enum act { ACT_RELU, ACT_GELU, ACT_SILU, ACT_IDENTITY, ACT_RELU2, ACT_SWIGLU, ACT_GEGLU, ACT_NONE } act;

static act act_of(const graph *g, const node *n)
{
    static const char *const names[] = { "relu", "gelu", "silu", "identity", "relu2", "swiglu", "geglu" };
    const char *name = attr_text(g, n, "activation_type", "relu");
    for (u32 i = 0; i < COUNT(names); i++)
        if (text_same(names[i], name)) return (act)i;
    return ACT_NONE;
}

/* ------------------------------------------------------------------ inference */
static qn_status infer_moe(infer *c)
{
    graph *g = c->g;
    const type x = *infer_in(c, 0), *router = infer_in(c, 1);
    act kind = act_of(g, c->n);
    i64 fusion = infer_int(c, "swiglu_fusion");
    bool third = moe_has_layer(c, 2), gated = kind == ACT_SWIGLU || kind == ACT_GEGLU;
    if ((x.rank != 2 && x.rank != 3) || router->rank != 2)
        return infer_fail(c, QN_E_SHAPE, "input or router have a wrong number of dimensions");
    if (kind == ACT_NONE)
        return infer_fail(c, QN_E_UNSUPPORTED, "activation_type '%s' is not in this build",
                          attr_text(g, c->n, "activation_type", "relu"));
    if (infer_int(c, "k") < 1 || (infer_int(c, "use_sparse_mixer") && infer_int(c, "k") != 2))
        return infer_fail(c, QN_E_SHAPE, "k is %lld, at least 1 is wanted, and 2 of a sparse mixer",
                          (long long)infer_int(c, "k"));
    if (fusion < 0 || fusion > 2 || third != (kind == ACT_SWIGLU && fusion == 0) || (kind == ACT_GEGLU && !fusion))
        return infer_fail(c, QN_E_SHAPE, "a third layer belongs to swiglu with swiglu_fusion 0, and to nothing else");
    QN_TRY(moe_check(c));
    sym first = moe_rows(c, 0), wide = gated && fusion ? sym_div(g, first, sym_number(g, 2)) : first,
        size = x.dims[x.rank - 1];
    QN_TRY(moe_check_layer(c, 0, router->dims[1], first, size));
    if (infer_differ(g, moe_rows(c, 1), size))
        return infer_fail(c, QN_E_SHAPE, "the second layer gives rows of another width");
    QN_TRY(moe_check_layer(c, 1, router->dims[1], size, wide));
    QN_TRY(moe_check_layer(c, 2, router->dims[1], wide, size));
    if (infer_differ(g, router->dims[0], sym_span(g, &x, 0, x.rank - 1u)))
        return infer_fail(c, QN_E_SHAPE, "the router has not a row for each token");
    return infer_out(c, 0, &x);
}

/* ------------------------------------------------------------------ steps */
/* swiglu: clamp(gate) * sigmoid(alpha clamp(gate)) * (clamp(up) + beta); the clamps are there where swiglu_limit is. */
static val gated(build *b, val gate, val up, act kind)
{
    if (b->status) return 0;
    const node *n = b->n;
    qn_dtype d = build_type(b, gate)->dtype;
    if (kind == ACT_GEGLU) return build_op2(b, OP_Mul, build_op1(b, OP_GeluTanh, gate), up);
    bool limited = attr_find(n, "swiglu_limit") != NULL, late = attr_int(n, "swiglu_limit_after_activation", 0) != 0;
    f64 limit = attr_float(n, "swiglu_limit", 0);
    attr alpha = attr_of_float("alpha", attr_float(n, "activation_alpha", 1));
    val top = limited ? build_scalar(b, d, limit) : 0, low = limited ? build_scalar(b, d, -limit) : 0;
    if (limited && !late) gate = build_op2(b, OP_Min, gate, top);
    gate = build_node(b, OP_Swish, &gate, 1, &alpha, 1);
    if (limited && late) gate = build_op2(b, OP_Min, gate, top);
    if (limited) up = build_node(b, OP_Clip, (const val[]){ up, low, top }, 3, NULL, 0);
    return build_op2(b, OP_Mul, gate, build_op2(b, OP_Add, up, build_scalar(b, d, attr_float(n, "activation_beta", 0))));
}

static val activated(build *b, val h, val x, val which)
{
    static const u16 plain[] = {
        [ACT_RELU] = OP_Relu, [ACT_GELU] = OP_GeluTanh, [ACT_SILU] = OP_Swish, [ACT_RELU2] = OP_Relu
    };
    act kind = act_of(b->g, b->n);
    i64 fusion = attr_int(b->n, "swiglu_fusion", 0);
    if (kind == ACT_IDENTITY) return h;
    if (kind == ACT_SWIGLU && !fusion) return gated(b, h, moe_through(b, x, 2, which), kind);
    if (kind == ACT_SWIGLU || kind == ACT_GEGLU) {
        const type *t = build_type(b, h);
        const sym all = t->rank ? t->dims[t->rank - 1] : 0;
        return gated(b, build_half(b, h, all, false, fusion == 1), build_half(b, h, all, true, fusion == 1), kind);
    }
    h = build_op1(b, (op_id)plain[kind], h);
    return kind == ACT_RELU2 ? build_op2(b, OP_Mul, h, h) : h;
}

/* Of a sparse mixer: each of the two has its share among those that are as good as it to 1 in 50, the second without the first. */
static val mixer_shares(build *b, val best, val which, val logits)
{
    static const i64 last = 2, front[] = { 0, 1, 0, 0 };
    if (b->status) return 0;
    graph *g = b->g;
    const sym tokens = build_type(b, logits)->dims[0], experts = build_type(b, logits)->dims[1], one = sym_one(g);
    const sym all[3] = { tokens, one, experts }, two[3] = { tokens, sym_number(g, 2), one };
    val first = build_slice(b, which, 1, sym_zero(g), one); /* what each may not be: none, and the first */
    first = build_node(b, OP_Pad, (const val[]){ first, build_ints(b, front, 4), build_scalar(b, QN_I64, -1) }, 3, NULL, 0);
    val each = build_formula(b, "i == w ? 0 : m - a > 0.02 * Max(Abs(a), m) ? 0 : Exp(a - m)", "amiw",
                             build_reshape(b, logits, all, 3), build_reshape(b, best, two, 3), attend_places(b, experts),
                             build_reshape(b, first, two, 3));
    attr drop = attr_of_int("keepdims", 0);
    return build_op1(b, OP_Reciprocal,
                     build_node(b, OP_ReduceSum, (const val[]){ each, build_ints(b, &last, 1) }, 2, &drop, 1));
}

/* How much each chosen expert counts, [tokens][k]. Packed weights: shares among the chosen; plain ones: among all, or as the node says. */
static val shares_of(build *b, val best, val which, val logits)
{
    static const i64 last = -1;
    attr axis = attr_of_int("axis", -1), along = attr_of_int("axis", 1), keep = attr_of_int("keepdims", 1);
    val given = moe_is_packed(b->n) ? build_in(b, MOE_ROUTER_WEIGHTS) : 0, shares;
    if (!given && attr_int(b->n, "use_sparse_mixer", 0)) return mixer_shares(b, best, which, logits);
    if (moe_is_packed(b->n) && !given) return build_node(b, OP_Softmax, &best, 1, &axis, 1);
    if (!given) given = build_node(b, OP_Softmax, &logits, 1, &axis, 1);
    shares = build_node(b, OP_GatherElements, (const val[]){ given, which }, 2, &along, 1);
    if (!attr_int(b->n, "normalize_routing_weights", 0)) return shares;
    return build_op2(b, OP_Div, shares,
                     build_node(b, OP_ReduceSum, (const val[]){ shares, build_ints(b, &last, 1) }, 2, &keep, 1));
}

/* The same for all experts, 0 where one is not chosen: [experts][tokens][1]. */
static val for_all(build *b, val shares, val which, const type *router)
{
    static const i64 swapped[] = { 1, 0 };
    if (b->status) return 0;
    attr along = attr_of_int("axis", 1), perm = attr_of_ints(b->g, "perm", swapped, 2);
    val none = build_fill(b, router, 0);
    shares = build_node(b, OP_ScatterElements, (const val[]){ none, which, shares }, 3, &along, 1);
    sym dims[3] = { router->dims[1], router->dims[0], sym_one(b->g) };
    return build_reshape(b, build_node(b, OP_Transpose, &shares, 1, &perm, 1), dims, 3);
}

static qn_status expand_moe(build *b, const node *n)
{
    graph *g = b->g;
    const type whole = *build_type(b, build_in(b, 0)), router = *build_type(b, build_in(b, 1));
    i64 k = attr_int(n, "k", 1), over = moe_is_packed(n) ? 1 : 0;
    sym tokens = router.dims[0], hidden = whole.dims[whole.rank - 1], one = sym_one(g), dims[3] = { one, tokens, hidden };
    nid top = build_node_outs(b, OP_TopK, (const val[]){ build_in(b, 1), build_ints(b, &k, 1) }, 2, 2, NULL, 0);
    if (!top) return b->status;
    val best = node_at(g, top)->out[0], which = node_at(g, top)->out[1];
    val shares = shares_of(b, best, which, build_in(b, 1)), chosen = moe_is_packed(n) ? which : 0;
    sym each[3] = { tokens, sym_number(g, k), one };
    shares = moe_is_packed(n) ? build_reshape(b, shares, each, 3) : for_all(b, shares, which, &router);
    val x = moe_is_packed(n) ? build_reshape(b, build_in(b, 0), dims + 1, 2) : build_reshape(b, build_in(b, 0), dims, 3);
    val h = activated(b, moe_through(b, x, 0, chosen), x, chosen);
    val y = build_op2(b, OP_Mul, moe_through(b, h, 1, chosen), shares);
    attr drop = attr_of_int("keepdims", 0);
    y = build_node(b, OP_ReduceSum, (const val[]){ y, build_ints(b, &over, 1) }, 2, &drop, 1);
    y = build_reshape(b, y, whole.dims, whole.rank);
    return build_done(b, &y, 1);
}

static const op_case moe_cases[] = {
    { "f32[2,3,8] f32[6,4] f32[4,6,8] f32[4,6] f32[4,8,6] f32[4,8]", "k=2", 1e-5, "two of four experts" },
    { "f32[5,8] f32[5,4] f32[4,12,8] f32[4,12] f32[4,8,6] f32[4,8]",
      "k=2, activation_type=\"swiglu\", swiglu_fusion=1, swiglu_limit=0.8, normalize_routing_weights=1", 1e-5,
      "gates beside what they gate" },
    { "f32[5,8] f32[5,4]=0.9..1.1 f32[4,6,8] _ f32[4,8,6]", "k=2, use_sparse_mixer=1", 1e-5, "a sparse mixer" },
    { 0 },
};
static const op_case qmoe_cases[] = {
    { "f32[2,3,32] f32[6,4] u8[4,16,16]=0..255 f32[4,16]=0.01..0.1 f32[4,16] u8[4,32,8]=0..255 f32[4,32]=0.01..0.1 "
      "f32[4,32]",
      "k=2, activation_type=\"silu\"", 1e-5, "one scale a row" },
    { "f32[5,32] f32[5,4] u8[4,32,16]=0..255 f32[4,32,2]=0.01..0.1 _ u8[4,32,16]=0..255 f32[4,32,1]=0.01..0.1 _ _ _ _ "
      "u8[4,32,1]=0..255",
      "k=2, activation_type=\"swiglu\", swiglu_fusion=2, block_size=16, fc2_expert_weight_bits=8", 1e-5,
      "blocks, zero points, other bits" },
    { "f32[3,32] f32[3,4] u8[4,32,16]=0..255 f8e8m0[4,32,1]=118..124 _ u8[4,32,16]=0..255 f8e8m0[4,32,1]=118..124 _ _ _ _ _ "
      "_ _ _ f32[4] f32[4]",
      "k=2, quant_type=\"fp4\", activation_type=\"silu\"", 1e-5, "float4" },
    { 0 },
};

#define MOE_ATTRS                                                                                                           \
    FLOAT("activation_alpha", 1), FLOAT("activation_beta", 0), TEXT("activation_type", "relu"), INT("k", 1),                \
        INT("normalize_routing_weights", 0), INT("swiglu_fusion", 0), FLOAT("swiglu_limit", (f64)INFINITY),                 \
        INT("swiglu_limit_after_activation", 0), INT("use_sparse_mixer", 0)
const op_def op_MoE = {
    .name = "MoE",
    .domain = "com.microsoft",
    .doc = DOC("each token through the k experts that its row of router_probs likes most, each two layers (three for a gate "
               "apart)"),
    .in = { { "input", "float" },
            { "router_probs", "as input" },
            { "fc1_experts_weights", "as input" },
            { "fc1_experts_bias", "optional as input" },
            { "fc2_experts_weights", "as input" },
            { "fc2_experts_bias", "optional as input" },
            { "fc3_experts_weights", "optional as input" },
            { "fc3_experts_bias", "optional as input" } },
    .out = { { "output", "as input" } },
    .attrs = { MOE_ATTRS },
    .infer = infer_moe,
    .expand = expand_moe,
    .cases = CASES(moe_cases),
};

#define PACKED_LAYER(name)                                                                                                  \
    { name "_experts_weights", "u8|f8e4m3fn" }, { name "_scales", "optional float|f8e8m0|f8e4m3fn" },                       \
        { name "_experts_bias", "optional as input" }
const op_def op_QMoE = {
    .name = "QMoE",
    .domain = "com.microsoft",
    .doc = DOC("MoE whose weights are packed integers of 2, 3, 4 or 8 bits, with scales for rows or blocks, or floats of 4 "
               "or 8 bits"),
    .in = { { "input", "float" },
            { "router_probs", "as input" },
            PACKED_LAYER("fc1"),
            PACKED_LAYER("fc2"),
            { "fc3_experts_weights", "optional u8|f8e4m3fn" },
            { "fc3_scales", "optional float|f8e8m0|f8e4m3fn" },
            { "fc3_experts_bias", "optional as input" },
            { "fc1_zero_points", "optional u8" },
            { "fc2_zero_points", "optional u8" },
            { "fc3_zero_points", "optional u8" },
            { "router_weights", "optional as input" },
            { "fc1_global_scale", "optional f32" },
            { "fc2_global_scale", "optional f32" },
            { "fc1_act_scale", "optional f32" },
            { "fc2_act_scale", "optional f32" },
            { "fc1_act_block_scale", "optional any" },
            { "fc2_act_block_scale", "optional any" } },
    .out = { { "output", "as input" } },
    .attrs = { MOE_ATTRS, INT("accuracy_level", 0), INT("block_size", 0), INT("expert_weight_bits", 4),
               INT("fc1_expert_weight_bits", 4), INT("fc2_expert_weight_bits", 4), INT("fc3_expert_weight_bits", 4),
               TEXT("quant_type", "int"), INT("weights_prepacked", -1) },
    .infer = infer_moe,
    .expand = expand_moe,
    .cases = CASES(qmoe_cases),
};

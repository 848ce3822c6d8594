/* Matrix products: MatMul, our MatMulFused (transposes, scale, bias, rest and activation in one), and what reduces to them. */
#include "op/exact.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "op/product.h"

/* FusedMatMul's transBatch: the first dimension goes behind those of the batch: [m][batch...][k] is [batch...][m][k]. */
static type batch_first(const type *t, bool moved)
{
    type y = *t;
    for (u32 d = 0; moved && d + 2 < t->rank; d++) y.dims[d] = t->dims[d + 1], y.dims[d + 1] = t->dims[0];
    return y;
}

static qn_status infer_product(infer *c, type *out)
{
    const type left = batch_first(infer_in(c, 0), attr_int(c->n, "transBatchA", 0) != 0),
               right = batch_first(infer_in(c, 1), attr_int(c->n, "transBatchB", 0) != 0), *a = &left, *b = &right;
    if (!a->rank || !b->rank) return infer_fail(c, QN_E_SHAPE, "a factor has no dimensions");
    bool trans_a = attr_int(c->n, "transA", 0) && a->rank > 1, trans_b = attr_int(c->n, "transB", 0) && b->rank > 1;
    sym a_depth = a->dims[a->rank - (trans_a ? 2 : 1)];
    sym b_depth = b->rank > 1 ? b->dims[b->rank - (trans_b ? 1 : 2)] : b->dims[0];
    if (infer_differ(c->g, a_depth, b_depth)) {
        i64 x = -1, y = -1;
        sym_is_number(c->g, a_depth, &x);
        sym_is_number(c->g, b_depth, &y);
        return infer_fail(c, QN_E_SHAPE, "the left factor has %lld columns, the right one %lld rows", (long long)x,
                          (long long)y);
    }
    type a_batch = *a, b_batch = *b;
    a_batch.rank = (u8)(a->rank > 2 ? a->rank - 2 : 0);
    b_batch.rank = (u8)(b->rank > 2 ? b->rank - 2 : 0);
    type y = { 0 };
    QN_TRY(infer_broadcast(c, &a_batch, &b_batch, &y));
    y.dtype = a->dtype;
    if (a->rank > 1) y.dims[y.rank++] = a->dims[a->rank - (trans_a ? 1 : 2)];
    if (b->rank > 1) y.dims[y.rank++] = b->dims[b->rank - (trans_b ? 2 : 1)];
    *out = y;
    return QN_OK;
}

static qn_status matmul_infer(infer *c)
{
    type y;
    QN_TRY(infer_product(c, &y));
    return infer_out(c, 0, &y);
}

static const op_case matmul_cases[] = {
    { "f32[5,7] f32[7,9]", "", 1e-6, "two matrices" },
    { "f32[70,300] f32[300,61]", "", 1e-6, "more than one tile each way, and a depth of two passes" },
    { "f32[1,768] f32[768,133]", "", 1e-6, "one row" },
    { "f32[3,50] f32[50,40]", "", 1e-6, "few rows" },
    { "f32[70,129] f32[129,1]", "", 1e-6, "one column" },
    { "f32[2,3,4,5] f32[2,3,5,6]", "", 1e-6, "a batch in both" },
    { "f32[2,3,4,5] f32[5,6]", "", 1e-6, "a batch on the left" },
    { "f32[4,5] f32[3,5,6]", "", 1e-6, "a batch on the right" },
    { "f32[2,1,4,5] f32[1,3,5,6]", "", 1e-6, "a batch that broadcasts both ways" },
    { "f32[5] f32[5]", "", 1e-6, "dot product: a scalar" },
    { "f32[5] f32[2,5,3]", "", 1e-6, "a vector on the left" },
    { "f32[2,3,5] f32[5]", "", 1e-6, "a vector on the right" },
    { "f32[3,0] f32[0,4]", "", 0, "no depth: zeros" },
    { "f32[0,3] f32[3,4]", "", 0, "no rows" },
    { "f16[17,33] f16[33,20]", "", 1e-3, "half precision" },
    { "bf16[17,33] bf16[33,20]", "", 1e-2, "bfloat16" },
    { "f16[150,100] f16[100,136]", "", 1e-3, "half precision, more than one tile each way, rows a multiple of 4" },
    { "bf16[2,1,70,67] bf16[3,67,35]", "", 1e-2, "bfloat16, a batch that broadcasts both ways, nothing a multiple" },
    { "f64[17,33] f64[33,20]", "", 1e-14, "double precision" },
    { "i32[3,4] i32[4,5]", "", 0, "integers" },
    { "i64[2,3,4] i64[4,5]", "", 0, "wide integers" },
    { "f32[2,3,5,7] f32[1,1,7,4]", "", 1e-6, "one matrix behind sizes of 1: the batch becomes rows, and they are not few" },
    { "u32[4] u32[4,5]", "", 0, "unsigned integers" },
    { 0 },
};

const op_def op_MatMul = {
    .name = "MatMul",
    .doc =
        DOC("y = a b, the product of the last two dimensions, the others as a batch that broadcasts; a vector is a row or a "
            "column"),
    .in = { { "a", "float|i32|i64|u32|u64" }, { "b", "as a" } },
    .out = { { "y", "as a" } },
    .infer = matmul_infer,
    .gradient = GRADIENT(gradient_matmul),
    .when = product_when_few_rows,
    .variants = product_variants,
    .flops = product_flops,
    .cases = CASES(matmul_cases),
};

static qn_status matmul_fused_infer(infer *c)
{
    type y;
    QN_TRY(infer_product(c, &y));
    sym columns = infer_in(c, 1)->rank > 1 ? y.dims[y.rank - 1] : sym_number(c->g, 1);
    QN_TRY(epilogue_check(c, 2, 3, columns, &y));
    return infer_out(c, 0, &y);
}

static val last_two_swapped(build *b, val x, bool yes)
{
    i64 perm[QN_MAX_RANK];
    u32 rank = build_type(b, x)->rank;
    if (!yes || rank < 2 || b->status) return x;
    for (u32 d = 0; d < rank; d++) perm[d] = d + 2 < rank ? d : 2 * rank - 3 - d;
    attr how = attr_of_ints(b->g, "perm", perm, rank);
    return build_node(b, OP_Transpose, &x, 1, &how, 1);
}

static qn_status matmul_fused_expand(build *b, const node *n)
{
    f64 alpha = attr_float(n, "alpha", 1);
    val x = last_two_swapped(b, build_in(b, 0), attr_int(n, "transA", 0) != 0);
    val y = build_op2(b, OP_MatMul, x, last_two_swapped(b, build_in(b, 1), attr_int(n, "transB", 0) != 0));
    if (alpha != 1) y = build_op2(b, OP_Mul, y, build_scalar(b, build_type(b, y)->dtype, alpha));
    y = epilogue_steps(b, y, build_in(b, 2), build_in(b, 3));
    return build_done(b, &y, 1);
}

static const op_case matmul_fused_cases[] = {
    { "f32[9,20] f32[20,33] f32[33]", "act=\"relu\"", 1e-6, "bias and activation" },
    { "f32[9,20] f32[20,33] f32[33] f32[9,33]", "act=\"gelu\"", 1e-6, "bias, rest and activation" },
    { "f32[20,9] f32[33,20]", "transA=1, transB=1, alpha=0.5", 1e-6, "both transposed and scaled" },
    { "f32[2,9,20] f32[2,33,20] _ f32[2,9,33]", "transB=1, act=\"clip\", p=-1, q=1.5", 1e-6,
      "a batch, the right factor transposed" },
    { "f32[1,200] f32[70,200] f32[70]", "transB=1, act=\"silu\"", 1e-6, "one row, the right factor transposed" },
    { "f32[2,3,9,20] f32[2,3,12,20] f32[12] f32[2,3,9,12]", "transB=1, act=\"relu\", alpha=0.5", 1e-6,
      "fours of columns, the right factor transposed, a batch" },
    { "f32[2,1,5,8] f32[1,3,8,12]", "alpha=0.25", 1e-6, "fours of columns, a batch that broadcasts both ways" },
    { "f32[4,20] f32[20,300] f32[300] f32[4,300]", "act=\"hardswish\"", 1e-6, "few rows with bias and rest" },
    { "f32[20,3] f32[20,30] f32[30]", "transA=1, act=\"tanh\"", 1e-6, "few rows, the left factor transposed" },
    { "f32[65,20] f32[20,50]", "act=\"leaky\", p=0.1", 1e-6, "leaky" },
    { "f32[10,20] f32[20,50]", "act=\"hardsigmoid\", p=0.2, q=0.5", 1e-6, "hard sigmoid" },
    { "f32[10,20] f32[20,50]", "act=\"gelu_tanh\"", 1e-6, "the tanh form of gelu" },
    { "f32[10,20] f32[20,50] f32[50]", "act=\"sigmoid\"", 1e-6, "sigmoid" },
    { "f16[10,20] f16[20,50] f16[50]", "act=\"relu\"", 1e-3, "half precision" },
    { "bf16[40,72] bf16[68,40] bf16[68]", "transA=1, transB=1, act=\"silu\", alpha=0.5", 1e-2, "bfloat16, both transposed" },
    { "f16[2,65,39] f16[2,39,70] _ f16[2,65,70]", "act=\"clip\", p=-1, q=1.5", 1e-3, "half precision, a batch and a rest" },
    { "f16[39,65] f16[70,39]", "transA=1, transB=1", 1e-3, "half precision, both transposed, nothing a multiple" },
    { "f16[3,200] f16[300,200] f16[300]", "transB=1, act=\"gelu\"", 1e-3, "half precision, few rows" },
    { 0 },
};

const op_def op_MatMulFused = {
    .name = "MatMulFused",
    .domain = "quern",
    .doc = DOC("y = act(alpha * a b + bias + rest); transA and transB swap the last two dimensions of a and b first. "
               "act: none relu leaky(p) clip(p,q) sigmoid silu tanh gelu gelu_tanh hardsigmoid(p,q) hardswish"),
    .in = { { "a", "float" }, { "b", "as a" }, { "bias", "optional as a" }, { "rest", "optional as a" } },
    .out = { { "y", "as a" } },
    .attrs = { INT("transA", 0), INT("transB", 0), FLOAT("alpha", 1), EPILOGUE_SCHEMA },
    .infer = matmul_fused_infer,
    .expand = matmul_fused_expand,
    .when = product_when_few_rows,
    .variants = product_variants,
    .flops = product_flops,
    .cases = CASES(matmul_fused_cases),
};

/* ---- composites */

enum { FUSED_ATTRS = 3 + EPILOGUE_ATTRS };

static val fused(build *b, const val in[4], bool trans_a, bool trans_b, f64 alpha, act a, f64 p, f64 q)
{
    attr attrs[FUSED_ATTRS] = { attr_of_int("transA", trans_a), attr_of_int("transB", trans_b),
                                attr_of_float("alpha", alpha) };
    epilogue_attrs(a, p, q, attrs + 3);
    return build_node(b, OP_MatMulFused, in, 4, attrs, FUSED_ATTRS);
}

static val transposed(build *b, val x, bool yes)
{
    static const i64 swapped[] = { 1, 0 };
    if (!yes) return x;
    attr perm = attr_of_ints(b->g, "perm", swapped, 2);
    return build_node(b, OP_Transpose, &x, 1, &perm, 1);
}

/* c is one number for each column of y. */
static bool is_column_bias(const build *b, val c, sym columns)
{
    const type *t = build_type(b, c);
    if (!t->rank || !sym_same(b->g, t->dims[t->rank - 1], columns)) return false;
    return t->rank == 1 || (t->rank == 2 && sym_is(b->g, t->dims[0], 1));
}

static qn_status gemm_infer(infer *c)
{
    type y;
    if (infer_in(c, 0)->rank != 2 || infer_in(c, 1)->rank != 2)
        return infer_fail(c, QN_E_SHAPE, "both factors must be matrices");
    QN_TRY(infer_product(c, &y));
    if (infer_has(c, 2)) QN_TRY(infer_broadcast_to(c, 2, infer_in(c, 2), &y));
    return infer_out(c, 0, &y);
}

/* With integers: no fused form, the same in steps. */
static val gemm_whole(build *b, f64 alpha)
{
    val a = transposed(b, build_in(b, 0), attr_int(b->n, "transA", 0) != 0);
    val y = build_op2(b, OP_MatMul, a, transposed(b, build_in(b, 1), attr_int(b->n, "transB", 0) != 0));
    return alpha == 1 ? y : build_op2(b, OP_Mul, y, build_scalar(b, build_type(b, y)->dtype, alpha));
}

static qn_status gemm_build(build *b, act a, f64 p, f64 q)
{
    f64 alpha = attr_float(b->n, "alpha", 1), beta = attr_float(b->n, "beta", 1);
    val c = build_in(b, 2);
    if (beta == 0) c = 0;
    qn_dtype d = build_type(b, build_in(b, 0))->dtype;
    bool trans_b = attr_int(b->n, "transB", 0) != 0;
    if (c && beta != 1) c = build_op2(b, OP_Mul, c, build_scalar(b, d, beta));
    if (!dtype_is_float(d)) {
        val y = build_op2(b, OP_Add, gemm_whole(b, alpha), c);
        return build_done(b, &y, 1);
    }
    sym columns = build_type(b, build_in(b, 1))->dims[trans_b ? 0 : 1];
    bool late = c && !b->status && !is_column_bias(b, c, columns);
    val bias = c && !late && !b->status ? build_reshape(b, c, &columns, 1) : 0;
    val y = fused(b, (val[]){ build_in(b, 0), build_in(b, 1), bias, 0 }, attr_int(b->n, "transA", 0) != 0, trans_b, alpha,
                  late ? ACT_NONE : a, p, q);
    if (late) {
        y = build_op2(b, OP_Add, y, c);
        if (a != ACT_NONE) return build_fail(b, QN_E_UNSUPPORTED, "an activation behind a C that is not one row");
    }
    return build_done(b, &y, 1);
}

static qn_status gemm_expand(build *b, const node *n)
{
    (void)n;
    return gemm_build(b, ACT_NONE, 0, 0);
}

static const op_case gemm_cases[] = {
    { "f32[5,7] f32[7,9] f32[9]", "", 1e-6, "a bias" },
    { "f32[5,7] f32[9,7] f32[9]", "transB=1", 1e-6, "weights as frameworks store them" },
    { "f32[7,5] f32[7,9] f32[5,9]", "transA=1, alpha=0.25, beta=0.5", 1e-6, "scaled, a whole matrix added" },
    { "f32[5,7] f32[7,9] f32[5,1]", "beta=2.0", 1e-6, "one number a row added" },
    { "f32[5,7] f32[7,9] f32[]", "", 1e-6, "a scalar added" },
    { "f32[5,7] f32[7,9] _", "", 1e-6, "nothing added" },
    { "i32[5,7] i32[9,7] i32[9]", "transB=1", 0, "integers" },
    { "f64[5,7] f64[7,9] f64[1,9]", "", 1e-14, "double precision" },
    { 0 },
};

const op_def op_Gemm = {
    .name = "Gemm",
    .doc = DOC("y = alpha * a b + beta * c, with a and b transposed first where transA and transB say so"),
    .in = { { "a", "float|i32|i64|u32|u64" }, { "b", "as a" }, { "c", "optional as a" } },
    .out = { { "y", "as a" } },
    .attrs = { FLOAT("alpha", 1), FLOAT("beta", 1), INT("transA", 0), INT("transB", 0) },
    .infer = gemm_infer,
    .expand = gemm_expand,
    .cases = CASES(gemm_cases),
};

static qn_status fused_gemm_expand(build *b, const node *n)
{
    f32 params[2] = { (f32)attr_float(n, "activation_alpha", 0), (f32)attr_float(n, "activation_beta", 0) };
    f64 p = 0, q = 0;
    u32 given = attr_find(n, "activation_beta") ? 2 : attr_find(n, "activation_alpha") ? 1 : 0;
    act a = act_of_onnx(attr_text(b->g, n, "activation", ""), params, given, &p, &q);
    if (a == ACT_COUNT)
        return build_fail(b, QN_E_UNSUPPORTED, "there is no activation '%s'", attr_text(b->g, n, "activation", ""));
    return gemm_build(b, a, p, q);
}

static const op_case fused_gemm_cases[] = {
    { "f32[5,7] f32[7,9] f32[9]", "activation=\"Relu\"", 1e-6, "a bias and an activation" },
    { "f32[5,7] f32[7,9] f32[9]", "activation=\"LeakyRelu\", activation_alpha=0.2", 1e-6, "an activation with a parameter" },
    { 0 },
};

const op_def op_FusedGemm = {
    .name = "FusedGemm",
    .domain = "com.microsoft",
    .doc = DOC("Gemm with an activation behind it"),
    .in = { { "a", "float" }, { "b", "as a" }, { "c", "optional as a" } },
    .out = { { "y", "as a" } },
    .attrs = { FLOAT("alpha", 1), FLOAT("beta", 1), INT("transA", 0), INT("transB", 0), TEXT("activation", ""),
               FLOAT("activation_alpha", 0), FLOAT("activation_beta", 0), FLOAT("activation_gamma", 0) },
    .infer = gemm_infer,
    .expand = fused_gemm_expand,
    .cases = CASES(fused_gemm_cases),
};

static val move_batch_first(build *b, val x, bool moved)
{
    i64 perm[QN_MAX_RANK];
    u32 rank = build_type(b, x)->rank;
    if (!moved || rank < 3 || b->status) return x;
    for (u32 d = 0; d < rank; d++) perm[d] = d + 1 == rank ? d : d + 2 == rank ? 0 : d + 1;
    attr a = attr_of_ints(b->g, "perm", perm, rank);
    return build_node(b, OP_Transpose, &x, 1, &a, 1);
}

static qn_status fused_matmul_expand(build *b, const node *n)
{
    const val x = move_batch_first(b, build_in(b, 0), attr_int(n, "transBatchA", 0) != 0);
    const val w = move_batch_first(b, build_in(b, 1), attr_int(n, "transBatchB", 0) != 0);
    val y = fused(b, (val[]){ x, w, 0, 0 }, attr_int(n, "transA", 0) != 0, attr_int(n, "transB", 0) != 0,
                  attr_float(n, "alpha", 1), ACT_NONE, 0, 0);
    return build_done(b, &y, 1);
}

static const op_case fused_matmul_cases[] = {
    { "f32[2,5,7] f32[2,9,7]", "transB=1, alpha=0.125", 1e-6, "scores of attention" },
    { "f32[7,5] f32[7,9]", "transA=1", 1e-6, "the left factor transposed" },
    { "f32[3,2,8] f32[8,2,5]", "transBatchA=1, transBatchB=1", 1e-6, "the batch behind the rows" },
    { 0 },
};

const op_def op_FusedMatMul = {
    .name = "FusedMatMul",
    .domain = "com.microsoft",
    .doc = DOC("MatMul with transposed factors and a scale"),
    .in = { { "a", "float" }, { "b", "as a" } },
    .out = { { "y", "as a" } },
    .attrs = { FLOAT("alpha", 1), INT("transA", 0), INT("transB", 0), INT("transBatchA", 0), INT("transBatchB", 0) },
    .infer = matmul_infer,
    .expand = fused_matmul_expand,
    .cases = CASES(fused_matmul_cases),
};

/* ---- integers with zero points */

static qn_status matmul_integer_infer(infer *c)
{
    type y;
    const type *a = infer_in(c, 0), *b = infer_in(c, 1);
    QN_TRY(infer_product(c, &y));
    QN_TRY(exact_check_zero(c, a, infer_in(c, 2), a->rank > 1 ? a->rank - 2u : 0));
    QN_TRY(exact_check_zero(c, b, infer_in(c, 3), b->rank - 1u));
    y.dtype = QN_I32;
    return infer_out(c, 0, &y);
}

/* A zero point for each row of the left factor [m] becomes a column. */
static qn_status matmul_integer_expand(build *b, const node *n)
{
    (void)n;
    val zero = exact_zero(b, build_in(b, 2)), zeros = exact_zero(b, build_in(b, 3));
    if (b->status) return b->status;
    const type *t = zero ? build_type(b, zero) : NULL;
    if (t && t->rank == 1 && !sym_is(b->g, t->dims[0], 1))
        zero = build_reshape(b, zero, (sym[]){ t->dims[0], sym_number(b->g, 1) }, 2);
    u32 ranks[2] = { build_type(b, build_in(b, 0))->rank, build_type(b, build_in(b, 1))->rank };
    const exact_factor left = { build_in(b, 0), zero, ranks[0] - 1 },
                       right = { build_in(b, 1), zeros, ranks[1] > 1 ? ranks[1] - 2 : 0 };
    val y = exact_products(b, OP_MatMul, &left, &right, 1, false, NULL, 0);
    return build_done(b, &y, 1);
}

static const op_case matmul_integer_cases[] = {
    { "u8[4,3] u8[3,2] u8[1]={12} u8[1]={0}", "", 0, "zero points" },
    { "i8[2,4,3] i8[3,2]", "", 0, "signed, no zero points" },
    { "u8[3,600]=255..255 u8[600,5]=250..255 u8[]={0} u8[5]={0,1,0,2,0}", "", 0, "the largest sums, taken apart" },
    { "u8[4,3] i8[3,2] u8[4]={1,2,3,4} i8[2]={5,-6}", "", 0, "a zero point for each row and column" },
    { 0 },
};

const op_def op_MatMulInteger = {
    .name = "MatMulInteger",
    .doc = DOC("y = (a - a_zero) (b - b_zero) with 8-bit factors and 32-bit sums"),
    .in = { { "a", "i8|u8" }, { "b", "i8|u8" }, { "a_zero", "optional i8|u8" }, { "b_zero", "optional i8|u8" } },
    .out = { { "y", "i32" } },
    .infer = matmul_integer_infer,
    .expand = matmul_integer_expand,
    .cases = CASES(matmul_integer_cases),
};

val product_node(graph *g, val a, val b)
{
    val y = 0;
    return graph_node(g, 0, OP_MatMul, NULL, (const val[]){ a, b }, 2, &y, 1, NULL, 0) ? y : 0;
}

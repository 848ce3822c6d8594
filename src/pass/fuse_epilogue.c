/* What stands behind a matrix product or convolution and reads it once, element for element, is done while the sum is still in registers:
 *
 *     MatMul, Gemm, Conv  (+ bias, one number a column or channel)  (+ rest, a tensor of the same shape)  (activation)
 *
 * become MatMulFused and ConvFused (op/epilogue.h). One node moves in at a time, each onto what the ones before it made, so the order of
 * the additions is the graph's own; only narrow floats are rounded less often. */
#include <math.h>

#include "op/epilogue.h"
#include "op/op_util.h"
#include "pass/match.h"

enum { BIAS = 2, REST = 3 };

/* ---- what may be added to */

static bool is_conv(const node *n) { return n->op == OP_Conv || n->op == OP_ConvFused; }
static bool is_product(const node *n) { return is_conv(n) || n->op == OP_MatMul || n->op == OP_MatMulFused; }

/* The product that makes v for one reader only, with nothing done to its sum after the additions. */
static const node *open_product(const graph *g, val v)
{
    const node *n = match_only_maker(g, v);
    if (!n || !is_product(n) || !match_float(g, v)) return NULL;
    return text_same(attr_text(g, n, "act", "none"), "none") ? n : NULL;
}

/* The product again with inputs bias and rest and another activation; everything else stays. */
static val with(build *b, const node *p, val bias, val rest, act a, f64 x, f64 y)
{
    attr attrs[OP_MOST_ATTRS + EPILOGUE_ATTRS];
    u32 count = node_attrs_but(p, (const char *const[]){ "act", "p", "q", NULL }, attrs);
    if (a != ACT_NONE) {
        epilogue_attrs(a, x, y, attrs + count);
        count += EPILOGUE_ATTRS;
    }
    val in[] = { node_in(b->g, p, 0), node_in(b->g, p, 1), bias, rest };
    return build_node(b, is_conv(p) ? OP_ConvFused : OP_MatMulFused, in, rest ? 4 : bias ? 3 : 2, attrs, count);
}

/* ---- additions */

/* v holds one number for each channel of the product: as [channels]; else 0. */
static val as_bias(build *b, const node *p, val v)
{
    const graph *g = b->g;
    const type *y = match_type(g, p->out[0]), *t = match_type(g, v);
    if (!is_conv(p) && match_type(g, node_in(g, p, 1))->rank < 2) return 0;
    u32 axis = is_conv(p) ? 1 : y->rank - 1u;
    if (!t->rank || t->rank > y->rank || t->dtype != y->dtype) return 0;
    for (u32 d = 0; d < t->rank; d++) {
        bool channels = d + y->rank - t->rank == axis;
        if (channels ? !sym_same(g, t->dims[d], y->dims[axis]) : !sym_is(g, t->dims[d], 1)) return 0;
    }
    if (t->rank + axis < y->rank) return 0;
    return t->rank == 1 ? v : build_reshape(b, v, &y->dims[axis], 1);
}

static val add_to(build *b, const node *sum, u32 at)
{
    const graph *g = b->g;
    const node *p = open_product(g, node_in(g, sum, at));
    val other = node_in(g, sum, 1 - at);
    if (!p || !match_like_out(g, sum, at) || node_in(g, p, REST)) return 0;
    val bias = node_in(g, p, BIAS) ? 0 : as_bias(b, p, other);
    if (bias) return with(b, p, bias, 0, ACT_NONE, 0, 0);
    return match_same_type(g, other, sum->out[0]) ? with(b, p, node_in(g, p, BIAS), other, ACT_NONE, 0, 0) : 0;
}

/* When both operands are products, the later one takes the other as its rest. */
static val add(build *b, const node *n)
{
    val l = node_in(b->g, n, 0), r = node_in(b->g, n, 1);
    u32 later = value_at(b->g, r)->maker > value_at(b->g, l)->maker;
    val y = add_to(b, n, later);
    return y || b->status != QN_OK ? y : add_to(b, n, 1 - later);
}

/* (a b) * c scales the sum once, as alpha does. */
static val scale(build *b, const node *n)
{
    u32 at;
    f64 c;
    val v = match_beside_constant(b->g, n, &c, &at);
    const node *p = v && match_same_type(b->g, v, n->out[0]) ? open_product(b->g, v) : NULL;
    if (!p || is_conv(p) || node_in(b->g, p, BIAS) || node_in(b->g, p, REST) || attr_float(p, "alpha", 1) != 1) return 0;
    attr attrs[3] = { attr_of_int("transA", attr_int(p, "transA", 0)), attr_of_int("transB", attr_int(p, "transB", 0)),
                      attr_of_float("alpha", c) };
    return build_node(b, OP_MatMulFused, p->in, 2, attrs, 3);
}

/* ---- activations */

/* clang-format off */
static const struct { u16 op; act act; const char *p, *q; } activations[] = {      /* p, q: the attributes that become them */
    { OP_Relu, ACT_RELU, NULL, NULL },     { OP_LeakyRelu, ACT_LEAKY, "alpha", NULL },  { OP_Sigmoid, ACT_SIGMOID, NULL, NULL },
    { OP_Swish, ACT_SILU, NULL, NULL },    { OP_Tanh, ACT_TANH, NULL, NULL },           { OP_GeluErf, ACT_GELU, NULL, NULL },
    { OP_GeluTanh, ACT_GELU_TANH, NULL, NULL }, { OP_HardSigmoid, ACT_HARDSIGMOID, "alpha", "beta" },
    { OP_HardSwish, ACT_HARDSWISH, NULL, NULL },
};
/* clang-format on */

static f64 param(const node *n, const char *name) { return name ? attr_float(n, name, op_attr_of(op_of(n), name)->f) : 0; }

static bool clip_bounds(const graph *g, const node *n, f64 *lo, f64 *hi)
{
    *lo = -(f64)INFINITY, *hi = (f64)INFINITY;
    return (!node_in(g, n, 1) || constant_f64(g, node_in(g, n, 1), lo)) &&
           (!node_in(g, n, 2) || constant_f64(g, node_in(g, n, 2), hi));
}

static act activation_of(const graph *g, const node *n, f64 *p, f64 *q)
{
    if (n->op == OP_Clip) return clip_bounds(g, n, p, q) ? ACT_CLIP : ACT_NONE;
    if (n->op == OP_Gelu) return text_same(attr_text(g, n, "approximate", "none"), "tanh") ? ACT_GELU_TANH : ACT_GELU;
    if (n->op == OP_Swish && attr_float(n, "alpha", 1) != 1) return ACT_NONE;
    for (u32 i = 0; i < COUNT(activations); i++) {
        if (activations[i].op != n->op) continue;
        *p = param(n, activations[i].p), *q = param(n, activations[i].q);
        return activations[i].act;
    }
    return ACT_NONE;
}

static val activate(build *b, const node *n)
{
    f64 x = 0, y = 0;
    const node *p = open_product(b->g, node_in(b->g, n, 0));
    act a = p ? activation_of(b->g, n, &x, &y) : ACT_NONE;
    return a == ACT_NONE ? 0 : with(b, p, node_in(b->g, p, BIAS), node_in(b->g, p, REST), a, x, y);
}

/* ---- */

/* Gemm and the foreign fused ops are MatMulFused and ConvFused under another name: their expansion says so. */
static bool means_product(const node *n)
{
    return n->op == OP_Gemm || n->op == OP_FusedGemm || n->op == OP_FusedMatMul || n->op == OP_FusedConv;
}

static bool fuse(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    build b = pass_build(j, id);
    if (means_product(n) && match_float(j->g, n->out[0])) {
        j->status = op_of(n)->expand(&b, n);
        return j->status == QN_OK;
    }
    if (n->n_out != 1 || !n->n_in || !node_in(j->g, n, 0)) return false;
    val y = n->op == OP_Add ? add(&b, n) : n->op == OP_Mul ? scale(&b, n) : activate(&b, n);
    return (y || b.status != QN_OK) && pass_replace_one(j, &b, id, y);
}

#define CONV    "in x: f32[1,2,4,4]; in w: f32[3,2,1,1];"
#define PRODUCT "in x: f32[2,n,4]; in w: f32[4,3];"
const pass_def pass_fuse_epilogue = {
    .name = "fuse_epilogue",
    .doc = "bias, residual and activation behind a matrix product or convolution are done in its kernel",
    .at = OP_NONE,
    .rewrite = fuse,
    .test = CONV
    "in b: f32[3]; in r: f32[1,3,4,4]; a = Conv(x, w, b); c = Add(r, a); y = Relu(c); out y"
    " -> " CONV "in b: f32[3]; in r: f32[1,3,4,4]; y = quern.ConvFused(x, w, b, r, act=\"relu\", p=0.0, q=0.0); out y"
    "\n---\n" CONV
    "in b: f32[1,3,1,1]; const l: f32[] = {0}; const h: f32[] = {6}; a = Conv(x, w); c = Add(a, b); y = Clip(c, l, h); out y"
    " -> " CONV "in b: f32[1,3,1,1]; sizes s: i64[1] = {3}; d = Reshape(b, s, allowzero=1);"
    "    y = quern.ConvFused(x, w, d, act=\"clip\", p=0.0, q=6.0); out y"
    "\n---\n" CONV "in b: f32[4]; a = Conv(x, w); y = Add(a, b); out y -> " CONV
    "in b: f32[4]; a = Conv(x, w); y = Add(a, b); out y"
    "\n---\n" CONV "a = Conv(x, w); y = Relu(a); out y, a -> " CONV "a = Conv(x, w); y = Relu(a); out y, a"
    "\n---\n" PRODUCT "in b: f32[3]; a = MatMul(x, w); c = Add(b, a); y = quern.GeluTanh(c); out y"
    " -> " PRODUCT "in b: f32[3]; y = quern.MatMulFused(x, w, b, act=\"gelu_tanh\", p=0.0, q=0.0); out y"
    "\n---\n" PRODUCT "in r: f32[2,n,3]; in b: f32[3]; a = MatMul(x, w); c = Add(a, r); d = Add(c, b); y = Tanh(d); out y"
    " -> " PRODUCT "in r: f32[2,n,3]; in b: f32[3]; a = quern.MatMulFused(x, w, _, r); d = Add(a, b); y = Tanh(d); out y"
    "\n---\n" PRODUCT "in r: f32[2,m,3]; a = MatMul(x, w); c = Add(a, r); out c -> " PRODUCT
    "in r: f32[2,m,3]; a = MatMul(x, w); c = Add(a, r); out c"
    "\n---\n" PRODUCT "const c: f32[] = {0.125}; a = MatMul(x, w); y = Mul(c, a); out y"
    " -> " PRODUCT "y = quern.MatMulFused(x, w, transA=0, transB=0, alpha=0.125); out y"
    "\n---\nin x: i32[2,3]; in w: i32[3,4]; a = MatMul(x, w); y = Relu(a); out y -> in x: i32[2,3]; in w: i32[3,4]; a = "
    "MatMul(x, w); y = Relu(a); out y"
    "\n---\nin x: f32[2,3]; in w: f32[4,3]; in c: f32[4]; a = Gemm(x, w, c, transB=1); y = Relu(a); out y"
    " -> in x: f32[2,3]; in w: f32[4,3]; in c: f32[4]; sizes s: i64[1] = {4}; d = Reshape(c, s, allowzero=1);"
    "    y = quern.MatMulFused(x, w, d, transA=0, transB=1, alpha=1.0, act=\"relu\", p=0.0, q=0.0); out y"
    "\n---\n" CONV "a = Conv(x, w); b = Conv(x, w); y = Add(a, b); out y"
    " -> " CONV "a = Conv(x, w); y = quern.ConvFused(x, w, _, a); out y",
};

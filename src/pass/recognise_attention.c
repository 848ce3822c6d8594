/* Attention that was exported as arithmetic becomes ScaledAttention, one kernel that never stores the scores:
 *
 *     MatMul(Softmax(MatMul(q, k^T) * scale + mask), v)
 *
 * The scale may be a Mul or Div behind the product, on q, on k^T, or on both, or the product's alpha; the mask may be absent. k^T is a
 * Transpose, which is undone or becomes the one that keeps a head's rows together, or the product's transB.
 * Tensors of rank 3 are one head for each batch item. Only where a fused kernel fits; the sums are added up in another order.
 * One thing differs: a row whose every key is hidden by -infinity gives 0 instead of NaN. */
#include "pass/match.h"

typedef struct found {
    val q, k, v, bias;
    f64 scale;
} found;

/* v = x * number, by Mul or Div with a constant: x; else v itself. */
static val unscaled(const graph *g, val v, f64 *scale)
{
    const node *n = match_maker(g, v);
    f64 c;
    u32 at = 1;
    if (!n || (n->op != OP_Mul && n->op != OP_Div)) return v;
    val x = n->op == OP_Mul                         ? match_beside_constant(g, n, &c, &at)
            : constant_f64(g, node_in(g, n, 1), &c) ? node_in(g, n, 0)
                                                    : 0;
    if (!x || c == 0 || !match_same_type(g, x, v)) return v;
    *scale *= n->op == OP_Mul ? c : 1 / c;
    return x;
}

/* k[..][keys][size] of k^T[..][size][keys]: behind its Transpose, or a Transpose that moves only whole rows. 0: k^T is none. */
static val transposed_back(build *b, val kt)
{
    const graph *g = b->g;
    const node *t = match_maker(g, kt);
    const i64 *perm;
    u32 rank = match_type(g, kt)->rank;
    if (!t || t->op != OP_Transpose || attr_ints(t, "perm", &perm) != rank) return 0;
    i64 back[QN_MAX_RANK];
    memcpy(back, perm, rank * sizeof *back);
    back[rank - 1] = perm[rank - 2], back[rank - 2] = perm[rank - 1];
    bool in_place = true;
    for (u32 d = 0; d < rank; d++) in_place = in_place && back[d] == d;
    if (in_place) return node_in(g, t, 0);
    attr a = attr_of_ints(b->g, "perm", back, rank);
    val x = node_in(g, t, 0);
    return build_node(b, OP_Transpose, &x, 1, &a, 1);
}

static bool plain_product(const graph *g, const node *n)
{
    if (n->op == OP_MatMul) return true;
    return n->op == OP_MatMulFused && !node_in(g, n, 2) && !node_in(g, n, 3) && !attr_int(n, "transA", 0) &&
           text_same(attr_text(g, n, "act", "none"), "none");
}

/* The product of q and k^T that makes v for this one reader. */
static bool find_product(build *b, val v, found *f)
{
    const graph *g = b->g;
    const node *n = match_only_maker(g, v);
    if (!n || !plain_product(g, n)) return false;
    f->scale *= attr_float(n, "alpha", 1);
    f->q = unscaled(g, node_in(g, n, 0), &f->scale);
    val other = unscaled(g, node_in(g, n, 1), &f->scale);
    f->k = attr_int(n, "transB", 0) ? other : transposed_back(b, other);
    if (!f->k) return false;
    const node *t = match_maker(g, f->k); /* k may be scaled before it is transposed */
    if (!t || t->op != OP_Transpose) f->k = unscaled(g, f->k, &f->scale);
    return true;
}

/* v is the scores, perhaps scaled, for this one reader. */
static bool find_scores(build *b, val v, found *f)
{
    if (!match_only_maker(b->g, v)) return false;
    return find_product(b, unscaled(b->g, v, &f->scale), f);
}

static bool is_mask_of(const graph *g, val bias, const node *sum, u32 scores)
{
    u32 rank = match_type(g, bias)->rank;
    return match_like_out(g, sum, scores) && rank >= 2 && match_type(g, bias)->dtype == match_type(g, sum->out[0])->dtype;
}

static bool find_softmax_operand(build *b, val z, found *f)
{
    const node *sum = match_only_maker(b->g, z);
    if (!sum || sum->op != OP_Add) return find_scores(b, z, f);
    for (u32 i = 0; i < 2; i++) {
        *f = (found){ .v = f->v, .scale = 1, .bias = node_in(b->g, sum, 1 - i) };
        if (is_mask_of(b->g, f->bias, sum, i) && find_scores(b, node_in(b->g, sum, i), f)) return true;
    }
    return false;
}

/* q[b][h][s][d], k[b][h][t][d], v[b][h][t][w], or the same without h. */
static bool shapes_fit(const graph *g, const found *f, val y)
{
    const type *q = match_type(g, f->q), *k = match_type(g, f->k), *v = match_type(g, f->v), *out = match_type(g, y);
    u32 rank = out->rank;
    if ((rank != 4 && rank != 3) || q->rank != rank || k->rank != rank || v->rank != rank) return false;
    if (q->dtype != out->dtype || k->dtype != out->dtype || v->dtype != out->dtype) return false;
    for (u32 d = 0; d + 2 < rank; d++)
        if (!sym_same(g, q->dims[d], k->dims[d]) || !sym_same(g, q->dims[d], v->dims[d]) ||
            !sym_same(g, q->dims[d], out->dims[d]))
            return false;
    return sym_same(g, q->dims[rank - 1], k->dims[rank - 1]) && sym_same(g, k->dims[rank - 2], v->dims[rank - 2]);
}

/* x[b][s][d] as x[b][1][s][d]; rank 4 and masks of rank 2 as they are. */
static val with_heads(build *b, val x)
{
    if (!x || b->status != QN_OK || match_type(b->g, x)->rank != 3) return x;
    const type t = *match_type(b->g, x);
    return build_reshape(b, x, (sym[]){ t.dims[0], sym_number(b->g, 1), t.dims[1], t.dims[2] }, 4);
}

static val attention(build *b, const found *f, val y)
{
    const type out = *match_type(b->g, y);
    bool heads = out.rank == 4;
    val in[] = { heads ? f->q : with_heads(b, f->q), heads ? f->k : with_heads(b, f->k), heads ? f->v : with_heads(b, f->v),
                 heads ? f->bias : with_heads(b, f->bias) };
    attr scale = attr_of_float("scale", f->scale);
    val made = build_node(b, OP_ScaledAttention, in, f->bias ? 4 : 3, &scale, 1);
    return heads ? made : build_reshape(b, made, out.dims, out.rank);
}

/* The fused node, behind its view; whether a kernel takes it. */
static bool runs(pass_job *j, val y)
{
    const node *n = match_maker(j->g, y);
    if (n->op != OP_ScaledAttention) n = match_maker(j->g, node_in(j->g, n, 0));
    return j->env->runs(j->g, j->env->caps, n);
}

static bool recognise(pass_job *j, nid id)
{
    graph *g = j->g;
    const node *n = node_at(g, id);
    const node *s = plain_product(g, n) && attr_float(n, "alpha", 1) == 1 && !attr_int(n, "transB", 0)
                        ? match_only_maker(g, node_in(g, n, 0))
                        : NULL;
    if (!s || s->op != OP_Softmax || !match_float(g, n->out[0])) return false;
    i64 axis = attr_int(s, "axis", -1);
    if (axis != -1 && axis != match_type(g, s->out[0])->rank - 1) return false;
    build b = pass_build(j, id);
    found f = { .v = node_in(g, n, 1), .scale = 1 };
    val y = n->out[0];
    if (!find_softmax_operand(&b, node_in(g, s, 0), &f) || !shapes_fit(g, &f, y)) return false;
    val made = attention(&b, &f, y);
    if (b.status == QN_OK && !runs(j, made)) return false;
    return pass_replace_one(j, &b, id, made);
}

#define QKV "in q: f32[1,2,s,8]; in x: f32[1,t,2,8]; in v: f32[1,2,t,8]; "
const pass_def pass_recognise_attention = {
    .name = "recognise_attention",
    .doc = "attention that was exported as arithmetic becomes one op",
    .at = OP_NONE,
    .rewrite = recognise,
    .test = QKV
    "const c: f32[] = {8}; in m: f32[s,t]; k = Transpose(x, perm=[0,2,3,1]); a = MatMul(q, k); b = Div(a, c); z = Add(b, m);"
    "p = Softmax(z, axis=-1); y = MatMul(p, v); out y"
    " -> " QKV "in m: f32[s,t]; k = Transpose(x, perm=[0,2,1,3]); y = quern.ScaledAttention(q, k, v, m, scale=0.125); out y"
    "\n---\n" QKV "const c: f32[1] = {0.5}; in k: f32[1,2,t,8]; d = Mul(q, c); r = Transpose(k, perm=[0,1,3,2]); e = Mul(r, "
    "c); a = MatMul(d, e);"
    "p = Softmax(a, axis=3); y = MatMul(p, v); out y"
    " -> " QKV "in k: f32[1,2,t,8]; y = quern.ScaledAttention(q, k, v, scale=0.25); out y"
    "\n---\n"
    "in q: f32[4,s,8]; in k: f32[4,t,8]; in v: f32[4,t,8]; in m: f32[1,s,t]; a = quern.MatMulFused(q, k, transB=1, "
    "alpha=0.5); z = Add(m, a);"
    "p = Softmax(z); y = MatMul(p, v); out y"
    " -> in q: f32[4,s,8]; in k: f32[4,t,8]; in v: f32[4,t,8]; in m: f32[1,s,t]; sizes f: i64[4] = {4, 1, s, 8}; sizes h: "
    "i64[4] = {4, 1, t, 8};"
    "    sizes i: i64[4] = {4, 1, t, 8}; sizes l: i64[4] = {1, 1, s, t}; sizes o: i64[3] = {4, s, 8};"
    "    a = Reshape(q, f, allowzero=1); b = Reshape(k, h, allowzero=1); c = Reshape(v, i, allowzero=1); d = Reshape(m, l, "
    "allowzero=1);"
    "    e = quern.ScaledAttention(a, b, c, d, scale=0.5); y = Reshape(e, o, allowzero=1); out y"
    "\n---\n" QKV "k = Transpose(x, perm=[0,2,3,1]); a = MatMul(q, k); p = Softmax(a, axis=-1); y = MatMul(p, v); out y, p"
    " -> " QKV "k = Transpose(x, perm=[0,2,3,1]); a = MatMul(q, k); p = Softmax(a, axis=-1); y = MatMul(p, v); out y, p"
    "\n---\n" QKV "k = Transpose(x, perm=[0,2,3,1]); a = MatMul(q, k); p = Softmax(a, axis=2); y = MatMul(p, v); out y"
    " -> " QKV "k = Transpose(x, perm=[0,2,3,1]); a = MatMul(q, k); p = Softmax(a, axis=2); y = MatMul(p, v); out y",
};

/* Views around a matrix product go away where the product can take the tensor as it is:
 *
 *     Reshape(x[b,t,k] to [b*t,k]) -> product with w[k,n] -> Reshape to [b,t,n]   becomes   the product of x[b,t,k] with w
 *
 * which is how exporters write a Gemm over sequences. Bias, rest and activation of a MatMulFused stay with it. What stands behind (a
 * residual, an activation) then meets the product itself and can fuse with it. Every element is computed as before. */
#include "pass/match.h"

static bool is_view(const node *n) { return n && op_of(n)->alias; }

/* x[..., k] and y[..., n] have the same dimensions but for the last. */
static bool same_rows(const graph *g, val x, val y)
{
    const type *a = match_type(g, x), *b = match_type(g, y);
    if (a->rank != b->rank || a->rank < 2) return false;
    for (u32 d = 0; d + 1 < a->rank; d++)
        if (!sym_same(g, a->dims[d], b->dims[d])) return false;
    return true;
}

static bool same_last(const graph *g, val x, val y)
{
    const type *a = match_type(g, x), *b = match_type(g, y);
    return a->rank && b->rank && sym_same(g, a->dims[a->rank - 1], b->dims[b->rank - 1]);
}

/* The product of matrices that makes v for this one reader. */
static const node *matrix_product(const graph *g, val v)
{
    const node *p = match_only_maker(g, v);
    if (!p || (p->op != OP_MatMul && p->op != OP_MatMulFused) || attr_int(p, "transA", 0)) return NULL;
    return match_type(g, node_in(g, p, 0))->rank == 2 && match_type(g, node_in(g, p, 1))->rank == 2 ? p : NULL;
}

static bool move(pass_job *j, nid id)
{
    graph *g = j->g;
    const node *n = node_at(g, id);
    const node *p = is_view(n) ? matrix_product(g, node_in(g, n, 0)) : NULL;
    const node *before = p ? match_maker(g, node_in(g, p, 0)) : NULL;
    if (!is_view(before) || value_at(g, n->out[0])->elems_read) return false;
    val x = node_in(g, before, 0), y = n->out[0];
    if (!same_rows(g, x, y) || !same_last(g, x, node_in(g, p, 0)) || !same_last(g, y, p->out[0])) return false;
    build b = pass_build(j, id);
    val in[4] = { x, node_in(g, p, 1), node_in(g, p, 2), node_in(g, p, 3) };
    const type t = *match_type(g, y);
    if (in[3] && !pass_sizes_known(j, t.dims, t.rank)) return false;
    if (in[3]) in[3] = build_reshape(&b, in[3], t.dims, t.rank);
    val made = build_node(&b, (op_id)p->op, in, p->n_in, p->attrs, p->n_attrs);
    return pass_replace_one(j, &b, id, made);
}

#define FLAT "sizes f: i64[2] = {2*b, 4}; sizes r: i64[3] = {2, b, 3};"
const pass_def pass_move_reshapes = {
    .name = "move_reshapes",
    .doc = "a matrix product between two views of sequences takes the sequences themselves",
    .at = OP_NONE,
    .rewrite = move,
    .test = "in x: f32[2,b,4]; in w: f32[4,3]; in c: f32[3]; " FLAT "a = Reshape(x, f); p = quern.MatMulFused(a, w, c); y = Reshape(p, r); out y"
            " -> in x: f32[2,b,4]; in w: f32[4,3]; in c: f32[3]; y = quern.MatMulFused(x, w, c); out y"
            "\n---\n"
            "in x: f32[2,b,4]; in w: f32[4,3]; sizes s: i64[2] = {6*b, 1}; " FLAT "a = Reshape(x, f); p = MatMul(a, w); y = Reshape(p, s); out y"
            " -> in x: f32[2,b,4]; in w: f32[4,3]; sizes s: i64[2] = {6*b, 1}; " FLAT "a = Reshape(x, f); p = MatMul(a, w); y = Reshape(p, s); out y"
            "\n---\n"
            "in x: f32[2,b,4]; in w: f32[4,3]; " FLAT "a = Reshape(x, f); p = MatMul(a, w); y = Reshape(p, r); out y, p"
            " -> in x: f32[2,b,4]; in w: f32[4,3]; " FLAT "a = Reshape(x, f); p = MatMul(a, w); y = Reshape(p, r); out y, p",
};

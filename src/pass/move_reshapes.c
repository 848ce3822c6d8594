/* Views around a matrix product go away where the product can take the tensor as it is:
 *
 *     Reshape(x[b,t,k] to [b*t,k]) -> product with w[k,n] -> Reshape to [b,t,n]   becomes   the product of x[b,t,k] with w
 *
 * which is how exporters write a Gemm over sequences. Bias, rest and activation of a MatMulFused stay with it. What stands behind (a
 * residual, an activation) then meets the product itself and can fuse with it. Every element is computed as before. */
#include "pass/match.h"

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

/* x with y's rows: y's dimensions, but the last one of a. */
static val with_rows(build *b, val x, const type *y, val a)
{
    type t = *y;
    t.dims[t.rank - 1] = match_type(b->g, a)->dims[1];
    const type *have = match_type(b->g, x);
    bool same = have->rank == t.rank;
    for (u32 d = 0; d < t.rank && same; d++) same = sym_same(b->g, have->dims[d], t.dims[d]);
    return same ? x : build_reshape(b, x, t.dims, t.rank);
}

static bool move(pass_job *j, nid id)
{
    graph *g = j->g;
    const node *n = node_at(g, id);
    const node *p = match_is_reshape(g, n) ? matrix_product(g, node_in(g, n, 0)) : NULL;
    const node *before = p ? match_maker(g, node_in(g, p, 0)) : NULL;
    if (!match_is_reshape(g, before) || value_at(g, n->out[0])->elems_read) return false;
    const type y = *match_type(g, n->out[0]);
    if (y.rank < 2 || !same_last(g, n->out[0], p->out[0]) || !pass_sizes_known(j, y.dims, y.rank)) return false;
    build b = pass_build(j, id);
    val in[4] = { with_rows(&b, node_in(g, before, 0), &y, node_in(g, p, 0)), node_in(g, p, 1), node_in(g, p, 2),
                  node_in(g, p, 3) };
    if (in[3]) in[3] = build_reshape(&b, in[3], y.dims, y.rank);
    val made = build_node(&b, (op_id)p->op, in, p->n_in, p->attrs, p->n_attrs);
    return pass_replace_one(j, &b, id, made);
}

#define FLAT "sizes f: i64[2] = {2*b, 4}; sizes r: i64[3] = {2, b, 3};"
const pass_def pass_move_reshapes = {
    .name = "move_reshapes",
    .doc = "a matrix product between two views of sequences takes the sequences themselves",
    .at = OP_NONE,
    .rewrite = move,
    .test = "in x: f32[2,b,4]; in w: f32[4,3]; in c: f32[3]; " FLAT
            "a = Reshape(x, f); p = quern.MatMulFused(a, w, c); y = Reshape(p, r); out y"
            " -> in x: f32[2,b,4]; in w: f32[4,3]; in c: f32[3]; y = quern.MatMulFused(x, w, c); out y"
            "\n---\n"
            "in x: f32[2,b,2,2]; in w: f32[4,3]; " FLAT "a = Reshape(x, f); p = MatMul(a, w); y = Reshape(p, r); out y"
            " -> in x: f32[2,b,2,2]; in w: f32[4,3]; sizes s: i64[3] = {2, b, 4}; a = Reshape(x, s, allowzero=1); y = "
            "MatMul(a, w); out y"
            "\n---\n"
            "in x: i32[2,3,4]; in w: f32[4,3]; const r: i64[3] = {2, 3, 3}; const f: i64[2] = {6, 4}; a = Reshape(x, f); c "
            "= BitCast(a, to=1); "
            "p = MatMul(c, w); y = Reshape(p, r); out y"
            " -> in x: i32[2,3,4]; in w: f32[4,3]; const r: i64[3] = {2, 3, 3}; const f: i64[2] = {6, 4}; a = Reshape(x, "
            "f); c = BitCast(a, to=1); "
            "p = MatMul(c, w); y = Reshape(p, r); out y"
            "\n---\n"
            "in x: f32[2,b,4]; in w: f32[4,3]; sizes s: i64[2] = {6*b, 1}; " FLAT
            "a = Reshape(x, f); p = MatMul(a, w); y = Reshape(p, s); out y"
            " -> in x: f32[2,b,4]; in w: f32[4,3]; sizes s: i64[2] = {6*b, 1}; " FLAT
            "a = Reshape(x, f); p = MatMul(a, w); y = Reshape(p, s); out y"
            "\n---\n"
            "in x: f32[2,b,4]; in w: f32[4,3]; " FLAT "a = Reshape(x, f); p = MatMul(a, w); y = Reshape(p, r); out y, p"
            " -> in x: f32[2,b,4]; in w: f32[4,3]; " FLAT "a = Reshape(x, f); p = MatMul(a, w); y = Reshape(p, r); out y, p",
};

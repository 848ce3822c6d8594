/* Transposes move toward the outputs until they meet and cancel, or disappear into a matrix product.
 *
 *     Transpose(Transpose(x, p), q)            one Transpose, by p after q
 *     f(Transpose(x, p), Transpose(y, p), c)   Transpose(f(x, y, c'), p)      f elementwise, c' a constant transposed back
 *     Reduce, Concat, Pad... of Transposes     the same with other axes (permute.c)
 *     MatMul(a, Transpose(b, last two))        MatMulFused(a, b, transB=1)
 *
 * So the pairs that frameworks with channels last put around each convolution go away, and biases and activations between them end up
 * beside the convolution. A Transpose moves only where nobody else reads it: none is ever added. Values only change places. */
#include "op/op_util.h"
#include "pass/permute.h"

/* The Transpose that makes v. */
static const node *transpose_of(const graph *g, val v)
{
    const node *t = v ? match_maker(g, v) : NULL;
    return t && t->op == OP_Transpose ? t : NULL;
}

/* ---- through a node */

/* Read by one node alone, however often. */
static bool read_by_one(const graph *g, const node *n, val v)
{
    u32 uses = 0;
    for (u32 i = 0; i < n->n_in; i++) uses += node_in(g, n, i) == v;
    return value_at(g, v)->uses == uses;
}

/* All operands are Transposes by one perm for this node alone, or, of an elementwise op, constants that can follow, or single numbers. */
static bool operands_agree(const graph *g, const node *n, u32 operands, perm *p)
{
    bool constants = op_of(n)->permuted == PERMUTED_NOT;
    u32 found = 0, rank = match_type(g, n->out[0])->rank;
    for (u32 i = 0; i < operands; i++) {
        val v = node_in(g, n, i);
        const node *t = transpose_of(g, v);
        if (t) {
            perm q = perm_of(g, t);
            if (!read_by_one(g, n, v) || (constants && q.rank != rank) || (found++ && !perm_same(p, &q))) return false;
            *p = q;
        } else if (v && (!constants || (!is_constant(g, v) && !match_elems_are(g, v, 1)))) return false;
    }
    return found > 0;
}

static val through(build *b, const node *n)
{
    val in[PERMUTE_MOST], y;
    perm p;
    u32 operands = permute_operands(b->g, n);
    if (n->n_out != 1 || !operands_agree(b->g, n, operands, &p)) return 0;
    for (u32 i = 0; i < operands; i++) {
        val v = node_in(b->g, n, i);
        const node *t = transpose_of(b->g, v);
        in[i] = t ? node_in(b->g, t, 0) : v ? perm_operand(b, v, &p) : 0;
    }
    return permute_node(b, n, in, &p, &y) ? y : 0;
}

/* ---- into a product */

static bool swaps_last_two(const perm *p)
{
    if (p->rank < 2 || p->to[p->rank - 1] != p->rank - 2 || p->to[p->rank - 2] != p->rank - 1) return false;
    for (u32 d = 0; d + 2 < p->rank; d++)
        if (p->to[d] != d) return false;
    return true;
}

static val into_product(build *b, const node *n)
{
    static const char *const flags[] = { "transA", "transB", NULL };
    val in[4] = { 0 };
    bool moved = false, flag[2];
    if (!match_float(b->g, n->out[0])) return 0;
    for (u32 i = 0; i < 4; i++) in[i] = node_in(b->g, n, i);
    for (u32 i = 0; i < 2; i++) {
        const node *t = transpose_of(b->g, in[i]);
        perm p = t ? perm_of(b->g, t) : (perm){ 0 };
        flag[i] = attr_int(n, flags[i], 0) != 0;
        if (!t || !swaps_last_two(&p)) continue;
        in[i] = node_in(b->g, t, 0);
        flag[i] = !flag[i];
        moved = true;
    }
    if (!moved) return 0;
    attr attrs[OP_MOST_ATTRS + 2];
    u32 count = node_attrs_but(n, flags, attrs);
    for (u32 i = 0; i < 2; i++)
        if (flag[i]) attrs[count++] = attr_of_int(flags[i], 1);
    return build_node(b, OP_MatMulFused, in, n->op == OP_MatMul ? 2 : n->n_in, attrs, count);
}

/* ---- */

static bool move(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    build b = pass_build(j, id);
    val y = 0;
    if (!n->n_in || !node_in(j->g, n, 0) || value_at(j->g, n->out[0])->elems) return false;
    if (n->op == OP_Transpose) y = perm_merge(&b, n);
    else if (n->op == OP_MatMul || n->op == OP_MatMulFused) y = into_product(&b, n);
    else y = through(&b, n);
    return (y || b.status != QN_OK) && pass_replace_one(j, &b, id, y);
}

const pass_def pass_move_transposes = {
    .name = "move_transposes",
    .doc = "Transposes move toward the outputs until they cancel, or into a matrix product",
    .at = OP_NONE,
    .rewrite = move,
    .test =
        "in x: f32[2,3,4]; a = Transpose(x, perm=[2,0,1]); y = Transpose(a, perm=[1,2,0]); out y -> in x: f32[2,3,4]; out y "
        "= x"
        "\n---\n"
        "in x: f32[1,3,n,n]; const c: f32[3] = {1, 2, 3}; const d: f32[1] = {4}; a = Transpose(x, perm=[0,2,3,1]); b = "
        "Add(a, c); s = Mul(b, d);"
        "r = Relu(s); y = Transpose(r, perm=[0,3,1,2]); out y"
        " -> const c: f32[3] = {1, 2, 3}; const d: f32[1] = {4}; sizes s: i64[4] = {1, 1, 1, 3}; sizes z: i64[0] = {}; in "
        "x: f32[1,3,n,n];"
        "    e = Reshape(c, s, allowzero=1); f = Transpose(e, perm=[0,3,1,2]); b = Add(x, f); h = Reshape(d, z, "
        "allowzero=1); t = Mul(b, h);"
        "    y = Relu(t); out y"
        "\n---\n"
        "in x: f32[2,3]; in y: f32[3,2]; a = Transpose(x); b = Add(a, y); out b -> in x: f32[2,3]; in y: f32[3,2]; a = "
        "Transpose(x); b = Add(a, y); out b"
        "\n---\n"
        "in x: f32[2,3]; in y: f32[2,3]; a = Transpose(x); b = Transpose(y); c = Sub(a, b); d = Exp(c); out d"
        " -> in x: f32[2,3]; in y: f32[2,3]; c = Sub(x, y); e = Exp(c); d = Transpose(e, perm=[1,0]); out d"
        "\n---\n"
        "in x: f32[2,3]; a = Transpose(x); b = Relu(a); out b, a -> in x: f32[2,3]; a = Transpose(x); b = Relu(a); out b, a"
        "\n---\n"
        "in x: f32[1,3,h,w]; const a: i64[2] = {1, 2}; t = Transpose(x, perm=[0,2,3,1]); y = ReduceMean(t, a, keepdims=0); "
        "out y"
        " -> const b: i64[2] = {2, 3}; in x: f32[1,3,h,w]; y = ReduceMean(x, b, keepdims=0); out y"
        "\n---\n"
        "in x: f32[1,3,4,5]; in z: f32[1,2,4,5]; a = Transpose(x, perm=[0,2,3,1]); b = Transpose(z, perm=[0,2,3,1]); y = "
        "Concat(a, b, axis=-1); out y"
        " -> in x: f32[1,3,4,5]; in z: f32[1,2,4,5]; c = Concat(x, z, axis=1); y = Transpose(c, perm=[0,2,3,1]); out y"
        "\n---\n"
        "in x: f32[3,4]; const p: i64[4] = {1, 2, 3, 4}; a = Transpose(x); y = Pad(a, p); out y"
        " -> const p: i64[4] = {2, 1, 4, 3}; in x: f32[3,4]; b = Pad(x, p); y = Transpose(b, perm=[1,0]); out y"
        "\n---\n"
        "in x: f32[b,3,4]; in z: f32[b,5,4]; a = Transpose(z, perm=[0,2,1]); y = MatMul(x, a); out y"
        " -> in x: f32[b,3,4]; in z: f32[b,5,4]; y = quern.MatMulFused(x, z, transB=1); out y"
        "\n---\n"
        "in x: i32[3,4]; in z: i32[5,4]; a = Transpose(z); y = MatMul(x, a); out y -> in x: i32[3,4]; in z: i32[5,4]; a = "
        "Transpose(z); y = MatMul(x, a); out y",
};

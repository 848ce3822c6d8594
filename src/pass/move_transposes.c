/* Transposes move toward the outputs until they meet and cancel, or disappear into a matrix product.
 *
 *     Transpose(Transpose(x, p), q)            one Transpose, by p after q
 *     f(Transpose(x, p), Transpose(y, p), c)   Transpose(f(x, y, c'), p)      f elementwise, c' a constant transposed back
 *     Reduce, Concat, Pad of Transposes        the same with other axes
 *     MatMul(a, Transpose(b, last two))        MatMulFused(a, b, transB=1)
 *
 * So the pairs that frameworks with channels last put around each convolution go away, and biases and activations between them end up
 * beside the convolution. A Transpose moves only where nobody else reads it: none is ever added. Values only change places. */
#include "op/elementwise.h"
#include "op/op_util.h"
#include "pass/match.h"

typedef struct perm {
    u32 rank;
    i64 to[QN_MAX_RANK];
} perm; /* dimension d of the result is dimension to[d] of the input */

static perm perm_of(const graph *g, const node *t)
{
    const i64 *given;
    perm p = { .rank = match_type(g, t->out[0])->rank };
    bool has = attr_ints(t, "perm", &given) == p.rank;
    for (u32 d = 0; d < p.rank; d++) p.to[d] = has ? given[d] : (i64)p.rank - 1 - d;
    return p;
}

static perm inverse(const perm *p)
{
    perm r = { .rank = p->rank };
    for (u32 d = 0; d < p->rank; d++) r.to[p->to[d]] = d;
    return r;
}

static bool same_perm(const perm *a, const perm *b)
{
    return a->rank == b->rank && !memcmp(a->to, b->to, a->rank * sizeof *a->to);
}

static bool in_place(const perm *p)
{
    for (u32 d = 0; d < p->rank; d++)
        if (p->to[d] != d) return false;
    return true;
}

static val transpose(build *b, val x, const perm *p)
{
    if (in_place(p) || b->status != QN_OK) return x;
    attr a = attr_of_ints(b->g, "perm", p->to, p->rank);
    return build_node(b, OP_Transpose, &x, 1, &a, 1);
}

/* The Transpose that makes v; only: for one reader. */
static const node *transpose_of(const graph *g, val v, bool only)
{
    const node *t = only ? match_only_maker(g, v) : match_maker(g, v);
    return t && t->op == OP_Transpose ? t : NULL;
}

/* ---- two of them */

static val merge(build *b, const node *n)
{
    const node *inner = transpose_of(b->g, node_in(b->g, n, 0), false);
    if (!inner) return 0;
    perm p = perm_of(b->g, inner), q = perm_of(b->g, n), both = { .rank = q.rank };
    for (u32 d = 0; d < q.rank; d++) both.to[d] = p.to[q.to[d]];
    return transpose(b, node_in(b->g, inner, 0), &both);
}

/* ---- through elementwise ops */

/* Read by one node alone, however often. */
static bool read_by_one(const graph *g, const node *n, val v)
{
    u32 uses = 0;
    for (u32 i = 0; i < n->n_in; i++) uses += node_in(g, n, i) == v;
    return value_at(g, v)->uses == uses;
}

/* All operands are Transposes by one perm for this node alone, constants that can follow, or single numbers. */
static bool operands_agree(const graph *g, const node *n, perm *p)
{
    u32 found = 0, rank = match_type(g, n->out[0])->rank;
    for (u32 i = 0; i < n->n_in; i++) {
        val v = node_in(g, n, i);
        const node *t = v ? transpose_of(g, v, false) : NULL;
        if (t) {
            perm q = perm_of(g, t);
            if (!read_by_one(g, n, v) || q.rank != rank || (found++ && !same_perm(p, &q))) return false;
            *p = q;
        } else if (v && !is_constant(g, v) && !match_elems_are(g, v, 1)) return false;
    }
    return found > 0;
}

/* Constant c of an elementwise op over transposed tensors, as it is over the tensors before. */
static val constant_before(build *b, val c, const perm *p)
{
    const type t = *match_type(b->g, c);
    if (t.rank == 0 || match_elems_are(b->g, c, 1)) return t.rank ? build_reshape(b, c, NULL, 0) : c;
    sym dims[QN_MAX_RANK];
    for (u32 d = 0; d < p->rank; d++) dims[d] = d + t.rank < p->rank ? sym_number(b->g, 1) : t.dims[d + t.rank - p->rank];
    perm back = inverse(p);
    return transpose(b, t.rank == p->rank ? c : build_reshape(b, c, dims, p->rank), &back);
}

static val through_elementwise(build *b, const node *n)
{
    val in[EW_MAX_ARGS];
    perm p;
    if (n->n_out != 1 || n->n_in > EW_MAX_ARGS || !operands_agree(b->g, n, &p)) return 0;
    for (u32 i = 0; i < n->n_in; i++) {
        val v = node_in(b->g, n, i);
        const node *t = v ? transpose_of(b->g, v, false) : NULL;
        in[i] = t ? node_in(b->g, t, 0) : v ? constant_before(b, v, &p) : 0;
    }
    return transpose(b, build_node(b, (op_id)n->op, in, n->n_in, n->attrs, n->n_attrs), &p);
}

/* ---- through ops with axes */

static u32 copy_attrs_but(const node *n, const char *name, const char *other, attr *out, u32 max)
{
    u32 count = 0;
    for (u32 i = 0; i < n->n_attrs && count < max; i++)
        if (!text_same(n->attrs[i].name, name) && !text_same(n->attrs[i].name, other)) out[count++] = n->attrs[i];
    return count;
}

/* Without the dimensions of `bits` (of the result). */
static perm without(const perm *p, u32 bits)
{
    perm r = { 0 };
    for (u32 d = 0; d < p->rank; d++) {
        if (bits >> d & 1) continue;
        i64 to = p->to[d];
        for (u32 k = 0; k < p->rank; k++) to -= (bits >> k & 1) && p->to[k] < p->to[d];
        r.to[r.rank++] = to;
    }
    return r;
}

static val through_reduce(build *b, const node *n)
{
    graph *g = b->g;
    const node *t = transpose_of(g, node_in(g, n, 0), true);
    bool has;
    i64 ignored[QN_MAX_RANK], axes[QN_MAX_RANK];
    if (!t || (node_in(g, n, 1) && match_ints(g, node_in(g, n, 1), ignored, QN_MAX_RANK) < 0)) return 0;
    perm p = perm_of(g, t);
    u32 bits = node_axes(g, n, "axes", 1, p.rank, &has), count = 0;
    if (!bits) return 0;
    for (u32 d = 0; d < p.rank; d++)
        if (bits >> d & 1) axes[count++] = p.to[d];
    attr attrs[8];
    u32 n_attrs = copy_attrs_but(n, "axes", "", attrs, COUNT(attrs));
    val y = build_node(b, (op_id)n->op, (val[]){ node_in(g, t, 0), build_ints(b, axes, count) }, 2, attrs, n_attrs);
    if (!attr_int(n, "keepdims", 1)) p = without(&p, bits);
    return transpose(b, y, &p);
}

static val through_concat(build *b, const node *n)
{
    enum { MOST = 64 };
    val in[MOST];
    perm p;
    if (n->n_in > MOST || !operands_agree(b->g, n, &p)) return 0;
    for (u32 i = 0; i < n->n_in; i++) {
        const node *t = transpose_of(b->g, node_in(b->g, n, i), false);
        if (!t) return 0;
        in[i] = node_in(b->g, t, 0);
    }
    attr axis = attr_of_int("axis", p.to[axis_of(n, "axis", 0, p.rank)]);
    return transpose(b, build_node(b, OP_Concat, in, n->n_in, &axis, 1), &p);
}

static val through_pad(build *b, const node *n)
{
    i64 pads[2 * QN_MAX_RANK], moved[2 * QN_MAX_RANK];
    const node *t = transpose_of(b->g, node_in(b->g, n, 0), true);
    if (!t || node_in(b->g, n, 3) ||
        match_ints(b->g, node_in(b->g, n, 1), pads, COUNT(pads)) != 2 * match_type(b->g, n->out[0])->rank)
        return 0;
    perm p = perm_of(b->g, t);
    for (u32 d = 0; d < p.rank; d++) moved[p.to[d]] = pads[d], moved[p.rank + p.to[d]] = pads[p.rank + d];
    val in[] = { node_in(b->g, t, 0), build_ints(b, moved, 2 * p.rank), node_in(b->g, n, 2) };
    return transpose(b, build_node(b, OP_Pad, in, in[2] ? 3 : 2, n->attrs, n->n_attrs), &p);
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
    static const char *const flags[2] = { "transA", "transB" };
    val in[4] = { 0 };
    bool moved = false, flag[2];
    if (!match_float(b->g, n->out[0])) return 0;
    for (u32 i = 0; i < 4; i++) in[i] = node_in(b->g, n, i);
    for (u32 i = 0; i < 2; i++) {
        const node *t = transpose_of(b->g, in[i], false);
        perm p = t ? perm_of(b->g, t) : (perm){ 0 };
        flag[i] = attr_int(n, flags[i], 0) != 0;
        if (!t || !swaps_last_two(&p)) continue;
        in[i] = node_in(b->g, t, 0);
        flag[i] = !flag[i];
        moved = true;
    }
    if (!moved) return 0;
    attr attrs[16];
    u32 count = copy_attrs_but(n, flags[0], flags[1], attrs, COUNT(attrs) - 2);
    for (u32 i = 0; i < 2; i++)
        if (flag[i]) attrs[count++] = attr_of_int(flags[i], 1);
    return build_node(b, OP_MatMulFused, in, n->op == OP_MatMul ? 2 : n->n_in, attrs, count);
}

/* ---- */

static bool is_reduce(const node *n)
{
    return n->op == OP_ReduceMean || n->op == OP_ReduceSum || n->op == OP_ReduceMax || n->op == OP_ReduceMin ||
           n->op == OP_ReduceProd;
}

static bool move(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    build b = pass_build(j, id);
    val y = 0;
    if (!n->n_in || !node_in(j->g, n, 0) || value_at(j->g, n->out[0])->elems) return false;
    if (n->op == OP_Transpose) y = merge(&b, n);
    else if (n->op == OP_MatMul || n->op == OP_MatMulFused) y = into_product(&b, n);
    else if (n->op == OP_Concat) y = through_concat(&b, n);
    else if (n->op == OP_Pad) y = through_pad(&b, n);
    else if (is_reduce(n)) y = through_reduce(&b, n);
    else if (ew_is_row(j->g, n)) y = through_elementwise(&b, n);
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

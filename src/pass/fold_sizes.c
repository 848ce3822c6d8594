/* Shape arithmetic leaves the graph. A small integer tensor whose elements follow from sizes alone becomes a constant, or a list of size
 * expressions (graph_sizes), and the Shape, Gather, Concat... that computed it go away. They would not run anyway: this lets other passes
 * see that two of them are equal. Kept are those whose sizes are known only after some node ran, for that node must stay. */
#include "op/op_util.h"
#include "pass/match.h"

static bool all_numbers(const graph *g, const value *v)
{
    i64 number;
    for (u32 i = 0; i < v->n_elems; i++)
        if (!sym_is_number(g, v->elems[i], &number)) return false;
    for (u32 d = 0; d < v->type.rank; d++)
        if (!sym_is_number(g, v->type.dims[d], &number)) return false;
    return true;
}

static bool can_leave(const pass_job *j, val out)
{
    const value *v = value_at(j->g, out);
    if (!v->uses) return true;
    if (!v->elems || v->elems_read) return false;
    if (all_numbers(j->g, v)) return dtype_is_int(v->type.dtype) || v->type.dtype == QN_BOOL;
    return v->type.dtype == QN_I64 && v->type.rank == 1 && pass_sizes_known(j, v->elems, v->n_elems);
}

static val constant_of(build *b, const value *v)
{
    qn_tensor t = { .dtype = v->type.dtype, .rank = v->type.rank };
    u32 bytes = (u32)qn_dtype_bytes(t.dtype);
    u8 *data = arena_zalloc(b->g->mem, (u64)v->n_elems * bytes + 1);
    if (!data) return 0;
    for (u32 d = 0; d < t.rank; d++) sym_is_number(b->g, v->type.dims[d], &t.dims[d]);
    for (u32 i = 0; i < v->n_elems; i++) {
        i64 number = 0;
        sym_is_number(b->g, v->elems[i], &number);
        memcpy(data + (size_t)i * bytes, &number, bytes); /* the low bytes: hosts are little endian */
    }
    t.data = data;
    return graph_constant(b->g, NULL, &t);
}

static val sizes_of(build *b, val out)
{
    value v = *value_at(b->g, out);
    if (!v.uses) return 0;
    val made = all_numbers(b->g, &v) ? constant_of(b, &v) : graph_sizes(b->g, NULL, v.elems, v.n_elems);
    if (!made) b->status = fail_nomem((size_t)v.n_elems * sizeof(i64));
    return made;
}

static bool fold(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    val outs[16];
    bool used = false;
    if (n->n_out == 0 || n->n_out > COUNT(outs) || op_of(n)->control) return false;
    for (u32 i = 0; i < n->n_out; i++) {
        if (!can_leave(j, n->out[i])) return false;
        used = used || value_at(j->g, n->out[i])->uses;
    }
    if (!used) return false;
    build b = pass_build(j, id);
    u32 n_out = n->n_out;
    for (u32 i = 0; i < n_out; i++) outs[i] = sizes_of(&b, node_at(j->g, id)->out[i]);
    return pass_replace(j, &b, id, outs, n_out);
}

const pass_def pass_fold_sizes = {
    .name = "fold_sizes",
    .doc = "shape arithmetic becomes constants and size expressions",
    .at = OP_NONE,
    .rewrite = fold,
    .test =
        "in x: f32[batch,3,4]; const m: i64[1] = {-1}; s = Shape(x, end=2); c = Concat(s, m, axis=0); y = Reshape(x, c); "
        "out y"
        " -> in x: f32[batch,3,4]; sizes s: i64[3] = {batch, 3, -1}; y = Reshape(x, s); out y"
        "\n---\n"
        "in x: f32[2,3]; in z: i32[2]; s = Shape(x); t = Cast(s, to=6); u = Mul(t, t); w = Add(z, u); out w"
        " -> const u: i32[2] = {4, 9}; in x: f32[2,3]; in z: i32[2]; w = Add(z, u); out w"
        "\n---\n"
        "in x: f32[batch]; s = Size(x); t = Cast(s, to=6); out t -> in x: f32[batch]; s = Size(x); t = Cast(s, to=6); out t"
        "\n---\n"
        "const a: u8[1] = {3}; const b: u8[2] = {3, 6}; in z: u8[2]; s = Sub(a, b); m = Max(s, a); w = Add(z, m); out w"
        " -> const a: u8[1] = {3}; const b: u8[2] = {3, 6}; in z: u8[2]; s = Sub(a, b); m = Max(s, a); w = Add(z, m); out w",
};

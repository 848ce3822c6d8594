/* Pictures with their channels last, on devices that like them so (qn_caps.channels_last): convolutions pull what they read into that layout,
 * and what follows them stays in it as long as its op's record says how.
 *
 *     Conv(x, w)                            Transpose(ConvLast(Transpose(x), w'))             w' is w, transposed once
 *     Relu, Add, MaxPool, Concat, Resize... of such Transposes: the Transpose moves behind
 *     Transpose(Transpose(x))               x
 *
 * So Transposes are left where a region of such nodes begins and ends. Unlike move_transposes this may leave a Transpose in front of one reader
 * and take it from another. Weights that come at run time would be transposed in every run: such convolutions stay. Those that are not in memory
 * are transposed in the first (plan/once.c). */
#include "op/channels.h"
#include "pass/permute.h"

static bool comes_last(const graph *g, val v)
{
    const node *t = v ? match_maker(g, v) : NULL;
    return t && channels_to_front(g, t);
}

/* Operands as they are with channels last, if one of them comes so. */
static bool operands_last(build *b, const node *n, u32 operands, val *in, perm *p)
{
    u32 found = 0;
    for (u32 i = 0; i < operands; i++)
        if (comes_last(b->g, node_in(b->g, n, i)) && !found++) *p = perm_of(b->g, match_maker(b->g, node_in(b->g, n, i)));
    if (!found || (operands > 1 && p->rank != match_type(b->g, n->out[0])->rank)) return false;
    for (u32 i = 0; i < operands; i++) {
        val v = node_in(b->g, n, i);
        if (v && match_type(b->g, v)->rank != p->rank && op_of(n)->permuted != PERMUTED_NOT) return false;
        in[i] = comes_last(b->g, v) && match_type(b->g, v)->rank == p->rank ? channels_last_of(b, v)
                : v                                                         ? perm_operand(b, v, p)
                                                                            : 0;
    }
    return true;
}

static bool lay(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    val in[PERMUTE_MOST], outs[PERMUTE_MOST_OUT] = { 0 };
    perm p;
    build b = pass_build(j, id);
    bool lasts = comes_last(j->g, n->n_in ? node_in(j->g, n, 0) : 0), done;
    if (!j->env->channels_last || !n->n_in || value_at(j->g, n->out[0])->elems) return false;
    if (op_of(n)->channels_last)
        done = (lasts || match_sums_channels(j->g, n, j->env->channels_last)) && (outs[0] = op_of(n)->channels_last(&b, n));
    else if (n->op == OP_Transpose) done = lasts && (outs[0] = perm_merge(&b, n));
    else done = operands_last(&b, n, permute_operands(j->g, n), in, &p) && permute_node(&b, n, in, &p, outs);
    return (done || b.status != QN_OK) && pass_replace(j, &b, id, outs, n->n_out);
}

const pass_def pass_layout = {
    .name = "layout",
    .doc = "pictures have their channels last where the device likes that: convolutions and what follows them",
    .at = OP_NONE,
    .rewrite = lay,
    .test =
        "in x: f32[1,3,9,8]; const w: f32[4,3,1,1] = {1,2,3,4,5,6,7,8,9,10,11,12}; a = Conv(x, w); y = Relu(a); out y"
        " -> in x: f32[1,3,9,8]; const w: f32[4,3,1,1] = {1,2,3,4,5,6,7,8,9,10,11,12}; t = Transpose(x, perm=[0,2,3,1]);"
        "    u = Transpose(w, perm=[2,3,1,0]); a = quern.ConvLast(t, u); r = Relu(a); y = Transpose(r, perm=[0,3,1,2]); out "
        "y"
        "\n---\n"
        "in x: f32[n,1,9,8]; in z: f32[n,2,10,8]; const w: f32[2,1,2,1] = {1,2,3,4}; const c: f32[2] = {1,2};"
        "a = quern.ConvFused(x, w, c, z, pads=[1,0,1,0], kernel_shape=[2,1], act=\"relu\");"
        "p = MaxPool(a, kernel_shape=[2,2], strides=[2,2], pads=[0,1,0,1]); r = Flatten(p); out r, a"
        " -> in x: f32[n,1,9,8]; in z: f32[n,2,10,8]; const w: f32[2,1,2,1] = {1,2,3,4}; const c: f32[2] = {1,2};"
        "    sizes i: i64[5] = {n,1,10,8,2}; sizes o: i64[4] = {n,5,5,2};"
        "    t = Transpose(x, perm=[0,2,3,1]); u = Transpose(w, perm=[2,3,1,0]); v = Transpose(z, perm=[0,2,3,1]);"
        "    b = quern.ConvLast(t, u, c, v, pads=[1,0,1,0], act=\"relu\"); a = Transpose(b, perm=[0,3,1,2]);"
        "    d = Reshape(b, i, allowzero=1); e = MaxPool(d, kernel_shape=[2,2,1], strides=[2,2,1], pads=[0,1,0,0,1,0]);"
        "    f = Reshape(e, o, allowzero=1); p = Transpose(f, perm=[0,3,1,2]); r = Flatten(p); out r, a"
        "\n---\n"
        "in x: f32[1,2,4,4]; in u: f32[1,2,1,1]; const w: f32[2,1,2,1] = {1,2,3,4}; const d: f32[2,1,1] = {1,2};"
        "const k: i64[2] = {1,1}; const f: f32[4] = {1,1,2,2}; const axes: i64[2] = {2,3};"
        "a = Conv(x, w, group=2); b = Mul(a, d); s, t = Split(b, k, axis=1); r = Resize(b, _, f, mode=\"nearest\");"
        "m = ReduceMean(r, axes, keepdims=0); h = Concat(t, s, s, axis=-3); e = Sigmoid(u); q = Mul(b, e); out h, m, q"
        " -> in x: f32[1,2,4,4]; in u: f32[1,2,1,1]; const w: f32[2,1,2,1] = {1,2,3,4}; const d: f32[2,1,1] = {1,2};"
        "    const k: i64[2] = {1,1}; const f: f32[4] = {1,1,2,2}; const z: i64[4] = {1,2,1,1}; const axes: i64[2] = {1,2};"
        "    v = Transpose(x, perm=[0,2,3,1]); c = Transpose(w, perm=[2,3,1,0]); a = quern.ConvLast(v, c, group=2);"
        "    g = Reshape(d, z, allowzero=1); i = Transpose(g, perm=[0,2,3,1]); b = Mul(a, i); s, t = Split(b, k, axis=3);"
        "    r = Resize(b, _, f, mode=\"nearest\", axes=[0,3,1,2]); m = ReduceMean(r, axes, keepdims=0);"
        "    j = Concat(t, s, s, axis=3); h = Transpose(j, perm=[0,3,1,2]); e = Sigmoid(u);"
        "    l = Transpose(e, perm=[0,2,3,1]); o = Mul(b, l); q = Transpose(o, perm=[0,3,1,2]); out h, m, q"
        "\n---\n"
        "in x: f32[1,4,4,2]; const w: f32[2,2,2,2] = {1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8}; t = Transpose(x, perm=[0,3,1,2]);"
        "a = Conv(t, w); y = Transpose(a, perm=[0,2,3,1]); out y"
        " -> in x: f32[1,4,4,2]; const w: f32[2,2,2,2] = {1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8};"
        "    u = Transpose(w, perm=[2,3,1,0]); y = quern.ConvLast(x, u); out y"
        "\n---\n"
        "in x: f32[1,3,9,8]; in w: f32[4,3,1,1]; y = Conv(x, w); out y"
        " -> in x: f32[1,3,9,8]; in w: f32[4,3,1,1]; y = Conv(x, w); out y"
        "\n---\n"
        "in x: i32[1,1,3,3]; const w: i32[1,1,1,1] = {2}; y = Conv(x, w); out y"
        " -> in x: i32[1,1,3,3]; const w: i32[1,1,1,1] = {2}; y = Conv(x, w); out y"
        "\n---\n"
        "in x: f32[1,2,4,4]; y = MaxPool(x, kernel_shape=[2,2]); out y"
        " -> in x: f32[1,2,4,4]; y = MaxPool(x, kernel_shape=[2,2]); out y",
};

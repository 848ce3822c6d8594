/* Pictures with their channels in blocks, on devices that like them so (qn_caps.channels_block): convolutions bring what they make into that
 * layout, and what follows them stays in it as long as its op's record says how.
 *
 *     Conv(x, w)                            Unblocked(ConvBlocked(x, w'))                     w' is w in blocks, once
 *     Relu, Add, MaxPool, Concat... of such the Unblocked moves behind
 *     Blocked(Unblocked(x))                 x
 *
 * A convolution reads a plain picture as it is, so only what ends a region turns elements. Lanes behind the last channel hold anything; an
 * elementwise op in a region is one of floats, to which no number does harm. */
#include "op/blocked.h"
#include "op/elementwise.h"
#include "pass/match.h"

static bool comes_blocked(const graph *g, const node *n, u32 block)
{
    for (u32 i = 0; i < n->n_in; i++)
        if (blocked_by(g, node_in(g, n, i)) == block) return true;
    return false;
}

/* v, an operand of an elementwise op with a result like y, with blocks of its channels; one number, or the same for all channels, needs none. */
static val operand(build *b, val v, const type *y, u32 block)
{
    const type t = *match_type(b->g, v);
    sym dims[QN_MAX_RANK];
    if (match_elems_are(b->g, v, 1)) return t.rank ? build_reshape(b, v, NULL, 0) : v;
    for (u32 d = 0; d < y->rank; d++) dims[d] = d + t.rank < y->rank ? sym_number(b->g, 1) : t.dims[d + t.rank - y->rank];
    if (sym_is(b->g, dims[1], 1) && !sym_is(b->g, y->dims[1], 1)) {
        dims[y->rank] = sym_number(b->g, 1);
        return build_reshape(b, v, dims, y->rank + 1u);
    }
    return blocked_of(b, t.rank == y->rank ? v : build_reshape(b, v, dims, y->rank), block);
}

static bool lay_elementwise(build *b, const node *n, u32 block, val *outs)
{
    val in[EW_MAX_ARGS];
    const type y = *match_type(b->g, n->out[0]);
    const u32 count = n->n_in;
    bool some = false;
    i64 channels, have;
    if (n->n_out != 1 || count > EW_MAX_ARGS || !ew_is_row(b->g, n) || y.rank < 3 || y.rank >= QN_MAX_RANK ||
        !match_float(b->g, n->out[0]) || !sym_is_number(b->g, y.dims[1], &channels))
        return false;
    for (u32 i = 0; i < count; i++) {
        in[i] = node_in(b->g, n, i);
        const type *t = in[i] ? match_type(b->g, in[i]) : NULL;
        if (!t || t->rank > y.rank || !match_float(b->g, in[i])) return false;
        if (t->rank + 1u >= y.rank &&
            (!sym_is_number(b->g, t->dims[t->rank + 1u - y.rank], &have) || (have != 1 && have != channels)))
            return false;
        some |= t->rank == y.rank && blocked_by(b->g, in[i]) == block && sym_is(b->g, t->dims[1], channels);
    }
    if (!some) return false;
    const op_id op = (op_id)n->op;
    const u32 n_attrs = n->n_attrs;
    for (u32 i = 0; i < count; i++) in[i] = operand(b, in[i], &y, block);
    val made = b->status ? 0 : build_node(b, op, in, count, b->n->attrs, n_attrs);
    outs[0] = blocked_undone(b, made, channels);
    return b->status == QN_OK;
}

static bool lay(pass_job *j, nid id)
{
    const node *n = node_at(j->g, id);
    const u32 block = j->env->channels_block;
    const u32 n_out = n->n_out;
    val outs[BLOCKED_MOST] = { 0 };
    build b = pass_build(j, id);
    if (!block || !n->n_in || n_out > BLOCKED_MOST || value_at(j->g, n->out[0])->elems) return false;
    bool comes = comes_blocked(j->g, n, block), done = false;
    if (op_of(n)->channels_blocked)
        done = (comes || match_sums_channels(j->g, n, block)) && op_of(n)->channels_blocked(&b, n, block, outs);
    else if (n->op == OP_Blocked)
        done = comes && attr_int(n, "block", 0) == block && (outs[0] = blocked_of(&b, node_in(j->g, n, 0), block));
    else done = comes && lay_elementwise(&b, n, block, outs);
    return (done || b.status != QN_OK) && pass_replace(j, &b, id, outs, n_out);
}

const pass_def pass_layout_blocks = {
    .name = "layout_blocks",
    .doc = "pictures have their channels in blocks where the device likes that: convolutions and what follows them",
    .at = OP_NONE,
    .rewrite = lay,
    .test =
        "in x: f32[1,3,9,8]; const w: f32[4,3,1,1] = {1,2,3,4,5,6,7,8,9,10,11,12}; a = Conv(x, w); y = Relu(a); out y"
        " -> in x: f32[1,3,9,8]; const u: f32[2,2,1,1,2,2] = {1,4,2,5,3,6,0,0,7,10,8,11,9,12,0,0}; "
        "    a = quern.ConvBlocked(x, u, channels=3); r = Relu(a); y = quern.Unblocked(r, channels=4); out y"
        "\n---\n"
        "in x: f32[n,1,9,8]; in z: f32[n,3,10,8]; const w: f32[3,1,2,1] = {1,2,3,4,5,6}; "
        "const c: f32[3] = {1,2,3};const v: f32[3,1,1,1] = {1,2,3};a = quern.ConvFused(x, w, c, z, pads=[1,0,1,0], "
        "kernel_shape=[2,1], act=\"relu\"); "
        "d = Conv(a, v, group=3);p = MaxPool(d, kernel_shape=[2,2], strides=[2,2], pads=[0,1,0,1]); r = Flatten(p); "
        "out r, a"
        " -> in x: f32[n,1,9,8]; in z: f32[n,3,10,8]; const c: f32[3] = {1,2,3}; "
        "    const w: f32[2,1,2,1,2,2] = {1,3,0,0,2,4,0,0,5,0,0,0,6,0,0,0}; const m: i64[2] = {0,1}; "
        "    const v: f32[2,1,1,2] = {1,2,3,0}; b = Pad(c, m); s = quern.Blocked(z, block=2); "
        "    e = quern.ConvBlocked(x, w, b, s, pads=[1,0,1,0], act=\"relu\", channels=1); "
        "    a = quern.Unblocked(e, channels=3); d = quern.ConvBlocked(e, v, channels=3); "
        "    p = MaxPool(d, kernel_shape=[2,2,1], strides=[2,2,1], pads=[0,1,0,0,1,0]); "
        "    q = quern.Unblocked(p, channels=3); r = Flatten(q); out r, a"
        "\n---\n"
        "in x: f32[1,2,4,4]; in u: f32[1,4,1,1]; const w: f32[4,2,1,1] = {1,2,3,4,5,6,7,8}; "
        "const d: f32[4,1,1] = {1,2,3,4};const k: i64[2] = {2,2}; const axes: i64[2] = {2,3}; "
        "in f: f32[4];a = Conv(x, w); b = Mul(a, d); s, t = Split(b, k, axis=1); h = Concat(t, s, s, axis=-3); "
        "m = ReduceMean(h, axes, keepdims=0);e = Add(b, f); g = Greater(b, f); q = Mul(b, u); out m, e, g, q"
        " -> in x: f32[1,2,4,4]; in u: f32[1,4,1,1]; in f: f32[4]; const d: f32[4,1,1] = {1,2,3,4}; "
        "    const w: f32[2,1,1,1,2,2] = {1,3,2,4,5,7,6,8}; const z: i64[4] = {1,4,1,1}; const k: i64[2] = {1,1}; "
        "    const axes: i64[2] = {2,3}; const o: i64[2] = {1,6}; const y: i64[5] = {1,1,1,4,1}; "
        "    a = quern.ConvBlocked(x, w, channels=2); c = Reshape(d, z, allowzero=1); i = quern.Blocked(c, block=2); "
        "    b = Mul(a, i); r = quern.Unblocked(b, channels=4); s, t = Split(b, k, axis=1); h = Concat(t, s, s, axis=1); "
        "    j = ReduceMean(h, axes, keepdims=1); l = quern.Unblocked(j, channels=6); m = Reshape(l, o, allowzero=1); "
        "    n = Reshape(f, y, allowzero=1); p = Add(b, n); e = quern.Unblocked(p, channels=4); g = Greater(r, f); "
        "    aa = quern.Blocked(u, block=2); bb = Mul(b, aa); q = quern.Unblocked(bb, channels=4); out m, e, g, q"
        "\n---\n"
        "in x: f32[1,2,4,4]; const w: f32[2,2,1,1] = {1,2,3,4}; const k: i64[2] = {1,1}; "
        "const v: f32[2,1,1,1] = {5,6};a = Conv(x, w); s, t = Split(a, k, axis=1); y = Conv(s, v, group=1); out y, t"
        " -> in x: f32[1,2,4,4]; const k: i64[2] = {1,1}; const w: f32[1,1,1,1,2,2] = {1,3,2,4}; "
        "    const v: f32[1,1,1,1,2,2] = {5,6,0,0}; a = quern.ConvBlocked(x, w, channels=2); "
        "    b = quern.Unblocked(a, channels=2); s, t = Split(b, k, axis=1); c = quern.ConvBlocked(s, v, channels=1); "
        "    y = quern.Unblocked(c, channels=2); out y, t"
        "\n---\n"
        "in x: f32[1,2,4,4]; const w: f32[2,2,1,1] = {1,2,3,4}; const k: i64[2] = {0,2}; a = Conv(x, w); "
        "s, t = Split(a, k, axis=1); out s, t"
        " -> in x: f32[1,2,4,4]; const k: i64[2] = {0,2}; const w: f32[1,1,1,1,2,2] = {1,3,2,4}; "
        "    a = quern.ConvBlocked(x, w, channels=2); b = quern.Unblocked(a, channels=2); s, t = Split(b, k, axis=1); out "
        "s, t"
        "\n---\n"
        "in x: f32[1,3,9,8]; in w: f32[4,3,1,1]; y = Conv(x, w); out y"
        " -> in x: f32[1,3,9,8]; in w: f32[4,3,1,1]; y = Conv(x, w); out y"
        "\n---\n"
        "in x: f16[1,1,3,3]; const w: f16[2,1,1,1] = {2,3}; y = Conv(x, w); out y"
        " -> in x: f16[1,1,3,3]; const w: f16[2,1,1,1] = {2,3}; y = Conv(x, w); out y"
        "\n---\n"
        "in x: f32[1,4,4,4]; const w: f32[4,2,1,1] = {1,2,3,4,5,6,7,8}; y = Conv(x, w, group=2); out y"
        " -> in x: f32[1,4,4,4]; const w: f32[4,2,1,1] = {1,2,3,4,5,6,7,8}; y = Conv(x, w, group=2); out y"
        "\n---\n"
        "in x: f32[1,2,4,4]; y = MaxPool(x, kernel_shape=[2,2]); out y"
        " -> in x: f32[1,2,4,4]; y = MaxPool(x, kernel_shape=[2,2]); out y",
};

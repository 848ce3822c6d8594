/* A Pad with zeros in front of a Conv becomes part of the Conv's own padding, as exporters of TensorFlow models and of strided convolutions
 * write it: one copy of the tensor less. The sums are the same, with the same zeros. A pad of the batch or of the channels, one that
 * cuts off, and one whose sizes are not known stay. */
#include "op/op_util.h"
#include "pass/match.h"

/* The numbers of a Pad with zeros over x's spatial dimensions: for each its beginning, then for each its end. */
static bool zeros_around(graph *g, const node *pad, u32 rank, i64 *out)
{
    i64 all[2 * QN_MAX_RANK];
    val fill = node_in(g, pad, 2);
    if (!text_same(attr_text(g, pad, "mode", "constant"), "constant") || node_in(g, pad, 3)) return false;
    if ((fill && !match_is(g, fill, 0)) || match_ints(g, node_in(g, pad, 1), all, COUNT(all)) != 2 * (i64)rank) return false;
    u32 n = rank - 2;
    for (u32 d = 0; d < 2 * rank; d++) {
        if (all[d] < 0 || (d % rank < 2 && all[d] != 0)) return false;
        if (d % rank >= 2) out[d / rank * n + d % rank - 2] = all[d];
    }
    return true;
}

/* The Conv's own padding, added to `pads`; false where the sizes decide it. */
static bool add_own(const graph *g, const node *conv, u32 n, i64 *pads)
{
    const i64 *own;
    const char *how = attr_text(g, conv, "auto_pad", "NOTSET");
    if (text_same(how, "VALID")) return true;
    u32 count = attr_ints(conv, "pads", &own);
    if (!text_same(how, "NOTSET") || (count && count != 2 * n)) return false;
    for (u32 d = 0; d < count; d++) pads[d] += own[d];
    return true;
}

static bool fold(pass_job *j, nid id)
{
    graph *g = j->g;
    const node *n = node_at(g, id), *pad = match_only_maker(g, node_in(g, n, 0));
    if (!pad || pad->op != OP_Pad) return false;
    i64 pads[2 * QN_MAX_RANK];
    u32 rank = match_type(g, node_in(g, n, 0))->rank;
    if (rank < 3 || !zeros_around(g, pad, rank, pads) || !add_own(g, n, rank - 2, pads)) return false;
    attr attrs[OP_MOST_ATTRS + 1];
    u32 count = node_attrs_but(n, (const char *const[]){ "pads", "auto_pad", NULL }, attrs);
    attrs[count++] = attr_of_ints(g, "pads", pads, 2 * (rank - 2));
    build b = pass_build(j, id);
    val in[3] = { node_in(g, pad, 0), node_in(g, n, 1), node_in(g, n, 2) };
    return pass_replace_one(j, &b, id, build_node(&b, OP_Conv, in, n->n_in, attrs, count));
}

#define AROUND "const p: i64[8] = {0, 0, 1, 2, 0, 0, 3, 4};"
const pass_def pass_fold_pads = {
    .name = "fold_pads",
    .doc = "zeros that a Pad puts around a picture become padding of the Conv that reads it",
    .at = OP_Conv,
    .rewrite = fold,
    .test = AROUND
    "in x: f32[1,2,5,b]; in w: f32[3,2,3,3]; t = Pad(x, p); y = Conv(t, w, strides=[2,2]); out y"
    " -> in x: f32[1,2,5,b]; in w: f32[3,2,3,3]; y = Conv(x, w, strides=[2,2], pads=[1,2,3,4]); out y"
    "\n---\n" AROUND "const z: f32[] = {0}; in x: f32[1,2,5,6]; in w: f32[3,2,3,3]; in c: f32[3]; t = Pad(x, p, z);"
    "y = Conv(t, w, c, pads=[1,1,0,0]); out y"
    " -> in x: f32[1,2,5,6]; in w: f32[3,2,3,3]; in c: f32[3]; y = Conv(x, w, c, pads=[2,3,3,4]); out y"
    "\n---\n" AROUND
    "const z: f32[] = {1}; in x: f32[1,2,5,6]; in w: f32[3,2,3,3]; t = Pad(x, p, z); y = Conv(t, w); out y -> " AROUND
    "const z: f32[] = {1}; in x: f32[1,2,5,6]; in w: f32[3,2,3,3]; t = Pad(x, p, z); y = Conv(t, w); out y"
    "\n---\n"
    "const p: i64[8] = {0, 1, 0, 0, 0, 0, 0, 0}; in x: f32[1,2,5,6]; in w: f32[3,3,3,3]; t = Pad(x, p); y = Conv(t, w); out "
    "y"
    " -> const p: i64[8] = {0, 1, 0, 0, 0, 0, 0, 0}; in x: f32[1,2,5,6]; in w: f32[3,3,3,3]; t = Pad(x, p);"
    "    y = Conv(t, w); out y"
    "\n---\n" AROUND "in x: f32[1,2,5,6]; in w: f32[3,2,3,3]; t = Pad(x, p); y = Conv(t, w); out y, t -> " AROUND
    "in x: f32[1,2,5,6]; in w: f32[3,2,3,3]; t = Pad(x, p); y = Conv(t, w); out y, t",
};

/* DepthToSpace and SpaceToDepth: blocks of pixels taken out of channels and put into them, as a view, a Transpose and a view.
 *
 * DCR: the channel is made of (row in block, column in block, channel); CRD: of (channel, row in block, column in block). */
#include "op/op_util.h"

static bool channel_first(const graph *g, const node *n) { return text_same(attr_text(g, n, "mode", "DCR"), "CRD"); }

static qn_status infer_blocks(infer *c)
{
    type out = *infer_in(c, 0);
    const char *mode = attr_text(c->g, c->n, "mode", "DCR");
    i64 side = attr_int(c->n, "blocksize", 0), size;
    if (out.rank != 4) return infer_fail(c, QN_E_SHAPE, "the input has rank %u, 4 is wanted", out.rank);
    if (side < 1 || side > 1 << 15)
        return infer_fail(c, QN_E_SHAPE, "blocksize is %lld, from 1 on is wanted", (long long)side);
    if (!text_same(mode, "DCR") && !text_same(mode, "CRD"))
        return infer_fail(c, QN_E_UNSUPPORTED, "mode '%s' is neither DCR nor CRD", mode);
    bool to_space = c->n->op == OP_DepthToSpace;
    for (u32 d = 1; d < 4; d++) {
        bool shrinks = (d == 1) == to_space;
        sym by = sym_number(c->g, d == 1 ? side * side : side);
        if (shrinks && sym_is_number(c->g, out.dims[d], &size) && size % (d == 1 ? side * side : side) != 0)
            return infer_fail(c, QN_E_SHAPE, "dimension %u is %lld, which the blocks do not divide", d, (long long)size);
        out.dims[d] = shrinks ? sym_div(c->g, out.dims[d], by) : sym_mul(c->g, out.dims[d], by);
    }
    return infer_out(c, 0, &out);
}

static qn_status expand_blocks(build *b, const node *n)
{
    static const i64 to_space[2][6] = { { 0, 3, 4, 1, 5, 2 }, { 0, 1, 4, 2, 5, 3 } }; /* DCR, CRD */
    static const i64 to_depth[2][6] = { { 0, 3, 5, 1, 2, 4 }, { 0, 1, 3, 5, 2, 4 } };
    const type x = *build_type(b, build_in(b, 0)), y = *build_type(b, n->out[0]);
    sym side = sym_number(b->g, attr_int(n, "blocksize", 1));
    bool crd = channel_first(b->g, n), space = n->op == OP_DepthToSpace;
    const sym split_channels[2][6] = { { x.dims[0], side, side, y.dims[1], x.dims[2], x.dims[3] },
                                       { x.dims[0], y.dims[1], side, side, x.dims[2], x.dims[3] } };
    const sym split_pixels[6] = { x.dims[0], x.dims[1], y.dims[2], side, y.dims[3], side };
    attr perm = attr_of_ints(b->g, "perm", space ? to_space[crd] : to_depth[crd], 6);
    val v = build_reshape(b, build_in(b, 0), space ? split_channels[crd] : split_pixels, 6);
    v = build_reshape(b, build_node(b, OP_Transpose, &v, 1, &perm, 1), y.dims, 4);
    return build_done(b, &v, 1);
}

static const op_case to_space_cases[] = {
    { "f32[2,8,3,5]", "blocksize=2", 0, "the common case" },
    { "f16[1,18,2,2]", "blocksize=3, mode=\"CRD\"", 0, "channels first" },
    { "u8[1,4,0,2]", "blocksize=2", 0, "empty" },
    { 0 },
};
static const op_case to_depth_cases[] = {
    { "f32[2,2,6,4]", "blocksize=2", 0, "the common case" },
    { "f16[1,2,6,6]", "blocksize=3, mode=\"CRD\"", 0, "channels first" },
    { 0 },
};
#define BLOCKS(name_, doc_, cases_)                                                                                         \
    const op_def op_##name_ = { .name = #name_,                                                                             \
                                .doc = DOC(doc_),                                                                           \
                                .in = { { "input", "any" } },                                                               \
                                .out = { { "output", "as input" } },                                                        \
                                .attrs = { NEEDED("blocksize", ATTR_INT), TEXT("mode", "DCR") },                            \
                                .infer = infer_blocks,                                                                      \
                                .expand = expand_blocks,                                                                    \
                                .cases = CASES(cases_) };
BLOCKS(DepthToSpace, "channels spread out into blocks of pixels", to_space_cases)
BLOCKS(SpaceToDepth, "blocks of pixels gathered into channels", to_depth_cases)

/* MaxUnpool: the elements that MaxPool picked put back to where they were, zeros elsewhere. */
#include "op/op_util.h"
#include "op/window.h"

/* The size before pooling, from the windows. */
static const char *sizes_before(graph *g, const node *n, const type *x, type *out)
{
    i64 kernel[3], steps[3], pads[6];
    if (x->rank < 3 || x->rank > 5) return "the input must have 1, 2 or 3 spatial dimensions";
    u32 rank = x->rank - 2u;
    const char *wrong = window_ints(n, "kernel_shape", rank, 1, 1, kernel);
    if (!wrong) wrong = window_ints(n, "strides", rank, 1, 1, steps);
    if (!wrong) wrong = window_ints(n, "pads", 2 * rank, 0, 0, pads);
    if (wrong) return wrong;
    *out = *x;
    for (u32 d = 0; d < rank; d++) {
        sym last = sym_mul(g, sym_sub(g, x->dims[2 + d], sym_number(g, 1)), sym_number(g, steps[d]));
        out->dims[2 + d] = sym_add(g, last, sym_number(g, kernel[d] - pads[d] - pads[rank + d]));
    }
    return NULL;
}

static qn_status unpool_infer(infer *c)
{
    type y;
    const sym *shape;
    const type *x = infer_in(c, 0), *at = infer_in(c, 1);
    const char *wrong = sizes_before(c->g, c->n, x, &y);
    bool differs = at->rank != x->rank;
    for (u32 d = 0; !differs && d < x->rank; d++) differs = sym_differ(c->g, at->dims[d], x->dims[d]);
    if (!wrong && differs) wrong = "there must be one index for each element";
    if (wrong) return infer_fail(c, QN_E_SHAPE, "%s", wrong);
    if (infer_has(c, 2)) {
        if (value_elems(c->g, node_in(c->g, c->n, 2), &shape) != x->rank)
            return infer_fail(c, QN_E_UNSUPPORTED,
                              "output_shape must be known before the model runs, with one entry for each dimension");
        for (u32 d = 0; d < x->rank; d++) y.dims[d] = shape[d];
    }
    return infer_out(c, 0, &y);
}

static qn_status unpool_expand(build *b, const node *n)
{
    graph *g = b->g;
    type before;
    val x = build_in(b, 0), y_shape = build_in(b, 2);
    const char *wrong = sizes_before(g, n, build_type(b, x), &before);
    if (wrong) return build_fail(b, QN_E_SHAPE, "%s", wrong);
    sym count = sym_span(g, build_type(b, x), 0, before.rank), all = type_elems(g, &before);
    val zeros = build_expand(b, build_scalar(b, before.dtype, 0), &all, 1);
    val flat[] = { zeros, build_reshape(b, build_in(b, 1), &count, 1), build_reshape(b, x, &count, 1) };
    val y = build_reshape(b, build_node(b, OP_ScatterElements, flat, 3, NULL, 0), before.dims, before.rank);
    const sym *want;
    if (y_shape && !b->status && value_elems(g, y_shape, &want) == before.rank) {
        sym pads[2 * QN_MAX_RANK];
        for (u32 d = 0; d < before.rank; d++) {
            pads[d] = sym_number(g, 0);
            pads[before.rank + d] = sym_sub(g, want[d], before.dims[d]);
        }
        y = build_node(b, OP_Pad, (val[]){ y, build_syms(b, pads, 2u * before.rank) }, 2, NULL, 0);
    }
    return build_done(b, &y, 1);
}

static const op_case unpool_cases[] = {
    { "f32[1,1,2,2] i64[1,1,2,2]={5,7,13,15}", "kernel_shape=[2,2], strides=[2,2]", 0, "doubled" },
    { "f32[1,1,2,2] i64[1,1,2,2]={5,7,13,15} i64[4]={1,1,5,5}", "kernel_shape=[2,2], strides=[2,2]", 0,
      "into a larger one" },
    { 0 },
};

const op_def op_MaxUnpool = {
    .name = "MaxUnpool",
    .doc = DOC("The inverse of MaxPool: each element goes to the index that MaxPool gave for it, all others are 0"),
    .in = { { "x", "float" }, { "indices", "i64" }, { "output_shape", "optional i64" } },
    .out = { { "y", "as x" } },
    .attrs = { NEEDED("kernel_shape", ATTR_INTS), INTS("pads"), INTS("strides") },
    .infer = unpool_infer,
    .expand = unpool_expand,
    .cases = CASES(unpool_cases),
};

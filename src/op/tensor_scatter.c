/* TensorScatter: a run of entries written into a cache along its sequence axis, at a place for each sample. CacheGrow: the same into one that
 * is longer than the cache, without a copy between. */
#include "op/elems.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "plan/lower.h"

static qn_status infer_tensor_scatter(infer *c)
{
    type x = *infer_in(c, 0);
    const type *update = infer_in(c, 1);
    const char *mode = attr_text(c->g, c->n, "mode", "linear");
    u32 axis;
    QN_TRY(infer_axis(c, infer_int(c, "axis"), x.rank, &axis));
    if (axis == 0 || update->rank != x.rank)
        return infer_fail(c, QN_E_SHAPE, "the axis is the batch, or cache and update differ in rank");
    if (!text_same(mode, "linear") && !text_same(mode, "circular"))
        return infer_fail(c, QN_E_UNSUPPORTED, "mode '%s' is neither linear nor circular", mode);
    for (u32 d = 0; d < x.rank; d++)
        if (d != axis && infer_differ(c->g, x.dims[d], update->dims[d]))
            return infer_fail(c, QN_E_SHAPE, "dimension %u of the update does not fit the cache", d);
    if (c->n->op == OP_CacheGrow) {
        const sym *room;
        if (elems_wanted(c, 3, &room) != 1) return infer_fail(c, QN_E_SHAPE, "the room must be one number");
        x.dims[axis] = *room;
    }
    return infer_out(c, 0, &x);
}

/* A linear run must end inside the cache; a circular one only start there. */
static qn_status places_in_cache(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    const type *t = lower_type(l, lower_out(l, n, 0));
    u32 axis = axis_of(n, "axis", -2, t->rank);
    sym size = t->dims[axis];
    if (!text_same(attr_text(g, n, "mode", "linear"), "circular"))
        size = sym_add(g, sym_sub(g, size, lower_dim(l, lower_in(l, n, 1), axis)), sym_one(g));
    return lower_places(l, (place_bounds){ .v = n->n_in > 2 ? lower_in(l, n, 2) : 0, .tuple = 1, .size = { size } });
}

static qn_status emit_tensor_scatter(lowering *l, const node *n)
{
    static const i64 zero = 0;
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0), update = lower_in(l, n, 1), at = n->n_in > 2 ? lower_in(l, n, 2) : 0;
    const type *t = lower_type(l, lower_out(l, n, 0));
    u32 axis = axis_of(n, "axis", -2, t->rank);
    launch *k = launch_begin(l, "tensor_scatter.c", "tensor_scatter_map");
    launch_define(k, "T", width_word(t->dtype));
    launch_in(k, x);
    launch_in(k, update);
    launch_in(k, at ? at : lower_table(l, &(qn_tensor){ .dtype = QN_I64, .data = &zero }));
    launch_out(k, lower_out(l, n, 0));
    launch_const(k, "circular", text_same(attr_text(g, n, "mode", "linear"), "circular"));
    launch_const(k, "has_places", at != 0);
    launch_size(k, lower_product(l, x, 1, axis));
    launch_size(k, t->dims[axis]);
    launch_size(k, lower_dim(l, x, axis));
    launch_size(k, lower_dim(l, update, axis));
    launch_size(k, lower_product(l, x, axis + 1, t->rank));
    return launch_map(k, lower_elems(l, lower_out(l, n, 0)));
}

/* A cache padded to its room first. */
static qn_status expand_grow(build *b, const node *n)
{
    graph *g = b->g;
    val x = build_in(b, 0);
    const type from = *build_type(b, x), to = *build_type(b, n->out[0]);
    u32 axis = axis_of(n, "axis", -2, from.rank);
    sym pads[2 * QN_MAX_RANK];
    for (u32 i = 0; i < 2 * from.rank; i++) pads[i] = sym_zero(g);
    pads[from.rank + axis] = sym_sub(g, to.dims[axis], from.dims[axis]);
    x = build_node(b, OP_Pad, (const val[]){ x, build_syms(b, pads, 2u * from.rank) }, 2, NULL, 0);
    val y = build_node(b, OP_TensorScatter, (const val[]){ x, build_in(b, 1), build_in(b, 2) }, 3, n->attrs, n->n_attrs);
    return build_done(b, &y, 1);
}

static const variant tensor_scatter_variants[] = { { "tensor_scatter_map", 0, NULL, emit_tensor_scatter }, { 0 } };
static const op_case tensor_scatter_cases[] = {
    { "f32[2,3,5,4] f32[2,3,2,4] i64[2]={1,3}", "", 0, "the common case" },
    { "f16[2,5,4] f16[2,3,4] i64[2]={4,1}", "mode=\"circular\"", 0, "round the end" },
    { "u8[2,5,4] u8[2,2,4]", "axis=1", 0, "at the start" },
    { 0 },
};
const op_def op_TensorScatter = {
    .name = "TensorScatter",
    .doc = DOC("past_cache with update written along `axis` from write_indices[sample] on"),
    .in = { { "past_cache", "any" }, { "update", "as past_cache" }, { "write_indices", "optional i64" } },
    .out = { { "present_cache", "as past_cache" } },
    .attrs = { INT("axis", -2), TEXT("mode", "linear") },
    .infer = infer_tensor_scatter,
    .gradient = GRADIENT(gradient_tensor_scatter),
    .places = places_in_cache,
    .variants = tensor_scatter_variants,
    .cases = CASES(tensor_scatter_cases),
};

static const op_case cache_grow_cases[] = {
    { "f32[2,3,5,4] f32[2,3,2,4] i64[2]={6,3} i64[1]={8}", "", 0, "the common case" },
    { "u8[2,0,4] u8[2,3,4] i64[2]={0,1} i64[1]={4}", "axis=1", 0, "nothing yet" },
    { 0 },
};
const op_def op_CacheGrow = {
    .name = "CacheGrow",
    .domain = "quern",
    .doc = DOC(
        "past_cache with 0 behind it up to `room` entries, and update written along `axis` from write_indices[sample] on"),
    .in = { { "past_cache", "any" }, { "update", "as past_cache" }, { "write_indices", "i64" }, { "room", "i64" } },
    .out = { { "present_cache", "as past_cache" } },
    .attrs = { INT("axis", -2) },
    .infer = infer_tensor_scatter,
    .expand = expand_grow,
    .places = places_in_cache,
    .variants = tensor_scatter_variants,
    .cases = CASES(cache_grow_cases),
};

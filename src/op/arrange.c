/* Trilu and ReverseSequence: elements kept, zeroed or turned round by where they stand. */
#include "op/elems.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "plan/lower.h"

static qn_status infer_trilu(infer *c)
{
    const sym *k;
    if (infer_in(c, 0)->rank < 2)
        return infer_fail(c, QN_E_SHAPE, "the input has rank %u, at least 2 are wanted", infer_in(c, 0)->rank);
    if (infer_has(c, 1) && elems_wanted(c, 1, &k) != 1) return infer_fail(c, QN_E_SHAPE, "k must be one number");
    return infer_like_first_input(c);
}

static qn_status emit_trilu(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0);
    const sym *diagonal;
    bool known = lower_in(l, n, 1) && value_elems(g, lower_in(l, n, 1), &diagonal) == 1;
    sym at = known ? diagonal[0] : sym_zero(g);
    at = sym_max(g, sym_number(g, -(1 << 30)), sym_min(g, at, sym_number(g, 1 << 30)));
    launch *k = launch_begin(l, "arrange.c", "trilu_map");
    launch_define(k, "T", width_word(lower_type(l, x)->dtype));
    launch_in(k, x);
    launch_out(k, lower_out(l, n, 0));
    launch_const(k, "upper", lower_int(l, n, "upper") != 0);
    launch_size(k, lower_dim(l, x, -2));
    launch_size(k, lower_dim(l, x, -1));
    launch_size(k, at);
    return launch_map(k, lower_elems(l, x));
}

static const variant trilu_variants[] = { { "trilu_map", 0, NULL, emit_trilu }, { 0 } };
static const op_case trilu_cases[] = {
    { "f32[2,4,5]", "", 0, "upper" },
    { "i64[4,5] i64[]={-1}", "upper=0", 0, "lower, below the diagonal" },
    { "u8[4,3] i64[]={9}", "", 0, "nothing left" },
    { "u8[4,3] i64[]={4611686018427387904}", "upper=0", 0, "k far away: all of it" },
    { "u8[4,3] i64[]={-9223372036854775808}", "upper=0", 0, "k far away: nothing" },
    { 0 },
};
const op_def op_Trilu = {
    .name = "Trilu",
    .doc = DOC("the upper or lower triangle of matrices, from diagonal k on; zeros elsewhere"),
    .in = { { "input", "any" }, { "k", "optional i64" } },
    .out = { { "output", "as input" } },
    .attrs = { INT("upper", 1) },
    .infer = infer_trilu,
    .gradient = GRADIENT(gradient_same),
    .variants = trilu_variants,
    .cases = CASES(trilu_cases),
};

static qn_status infer_reverse_sequence(infer *c)
{
    const type *x = infer_in(c, 0);
    i64 time = infer_int(c, "time_axis"), batch = infer_int(c, "batch_axis");
    if (x->rank < 2) return infer_fail(c, QN_E_SHAPE, "the input has rank %u, at least 2 are wanted", x->rank);
    if (time < 0 || time > 1 || batch != 1 - time)
        return infer_fail(c, QN_E_SHAPE, "time_axis and batch_axis must be 0 and 1, in either order");
    return infer_like_first_input(c);
}

/* A length is 0 to the number of steps. */
static qn_status places_of_lengths(lowering *l, const node *n)
{
    graph *g = lower_graph_mut(l);
    sym steps = lower_dim(l, lower_in(l, n, 0), lower_int(l, n, "time_axis"));
    return lower_places(l, (place_bounds){ .v = lower_in(l, n, 1), .tuple = 1, .size = { sym_add(g, steps, sym_one(g)) } });
}

static qn_status emit_reverse_sequence(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0);
    i64 time = lower_int(l, n, "time_axis");
    launch *k = launch_begin(l, "arrange.c", "reverse_sequence_map");
    launch_define(k, "T", width_word(lower_type(l, x)->dtype));
    launch_in(k, x);
    launch_in(k, lower_in(l, n, 1));
    launch_out(k, lower_out(l, n, 0));
    launch_const(k, "time_first", time == 0);
    launch_size(k, lower_dim(l, x, time));
    launch_size(k, lower_dim(l, x, 1 - time));
    launch_size(k, lower_product(l, x, 2, lower_type(l, x)->rank));
    return launch_map(k, lower_elems(l, x));
}

static const variant reverse_variants[] = { { "reverse_sequence_map", 0, NULL, emit_reverse_sequence }, { 0 } };
static const op_case reverse_cases[] = {
    { "f32[4,3,2] i64[3]={1,2,4}", "", 0, "time first" },
    { "u8[3,4] i64[3]={0,3,4}", "time_axis=1, batch_axis=0", 0, "batch first" },
    { 0 },
};
const op_def op_ReverseSequence = {
    .name = "ReverseSequence",
    .doc = DOC("of each sequence the first sequence_lens entries turned round"),
    .in = { { "input", "any" }, { "sequence_lens", "i64" } },
    .out = { { "Y", "as input" } },
    .attrs = { INT("batch_axis", 1), INT("time_axis", 0) },
    .infer = infer_reverse_sequence,
    .gradient = GRADIENT(gradient_same),
    .places = places_of_lengths,
    .variants = reverse_variants,
    .cases = CASES(reverse_cases),
};

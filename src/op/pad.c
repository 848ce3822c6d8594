/* Pad, and CenterCropPad which is a Slice and a Pad. Negative pads cut. Modes: constant, reflect, edge, wrap. */
#include "op/elems.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "plan/lower.h"

enum { MAP_RANK = 8, LINES_RANK = 6 };

typedef struct pads {
    sym before[QN_MAX_RANK], after[QN_MAX_RANK];
} pads;

/* Operands pads and axes; false when they are not known or do not fit the rank. */
static bool pads_of(graph *g, const node *n, u32 rank, pads *p)
{
    const sym *list;
    i64 axes[QN_MAX_RANK];
    for (u32 d = 0; d < rank; d++) p->before[d] = p->after[d] = sym_zero(g);
    val v = node_in(g, n, 1), which = node_in(g, n, 3);
    i64 count = v ? value_elems(g, v, &list) : -1, n_axes = which ? known_ints(g, which, axes, QN_MAX_RANK) : rank;
    u32 seen = 0;
    if (count < 0 || n_axes < 0 || count != 2 * n_axes) return false;
    for (i64 k = 0; k < n_axes; k++) {
        i64 d = which ? axes[k] + (axes[k] < 0 ? rank : 0) : k;
        if (d < 0 || d >= rank || seen >> d & 1) return false;
        seen |= 1u << d;
        p->before[d] = list[k], p->after[d] = list[n_axes + k];
    }
    return true;
}

static u32 mode_of(const graph *g, const node *n)
{
    static const char *const modes[] = { "constant", "reflect", "edge", "wrap" };
    const char *mode = attr_text(g, n, "mode", "constant");
    u32 k = 0;
    while (k < COUNT(modes) && !text_same(modes[k], mode)) k++;
    return k;
}

/* Only the constant pads a dimension of nothing. */
static void need_something(graph *g, sym had, sym now)
{
    sym one = sym_number(g, 1), some = sym_compare(g, '<', sym_number(g, 0), had), none = sym_compare(g, '<', now, one);
    infer_need(g, sym_max(g, some, none), "a dimension of # has nothing to pad it with", had, 0);
}

/* Nothing is reflected twice. */
static qn_status check_reflection(infer *c, const pads *p, u32 d)
{
    graph *g = c->g;
    i64 fits;
    sym far = sym_max(g, p->before[d], p->after[d]), had = infer_in(c, 0)->dims[d];
    sym holds = sym_max(g, sym_compare(g, '<', far, had), sym_compare(g, '<', far, sym_one(g)));
    if (sym_is_number(g, holds, &fits) && !fits)
        return infer_fail(c, QN_E_SHAPE, "dimension %u is too short for what is reflected", d);
    infer_need(g, holds, "pads of # reflect a dimension of #", far, had);
    return QN_OK;
}

static qn_status infer_pad(infer *c)
{
    type out = *infer_in(c, 0);
    const sym *ignored;
    pads p;
    elems_wanted(c, 1, &ignored);
    if (!pads_of(c->g, c->n, out.rank, &p))
        return infer_fail(c, QN_E_SHAPE, "pads must have two entries for each axis; axes must be known, each once");
    if (infer_has(c, 2) && sym_differ(c->g, type_elems(c->g, infer_in(c, 2)), sym_one(c->g)))
        return infer_fail(c, QN_E_SHAPE, "constant_value must be one element");
    if (mode_of(c->g, c->n) > 3)
        return infer_fail(c, QN_E_UNSUPPORTED, "mode '%s' is not one of constant, reflect, edge, wrap",
                          attr_text(c->g, c->n, "mode", ""));
    for (u32 d = 0; d < out.rank; d++) {
        i64 had, now;
        if (mode_of(c->g, c->n) == 1) QN_TRY(check_reflection(c, &p, d));
        bool empty = sym_is_number(c->g, out.dims[d], &had) && had == 0;
        out.dims[d] = sym_add(c->g, out.dims[d], sym_add(c->g, p.before[d], p.after[d]));
        if (mode_of(c->g, c->n)) need_something(c->g, infer_in(c, 0)->dims[d], out.dims[d]);
        if (empty && mode_of(c->g, c->n) && sym_is_number(c->g, out.dims[d], &now) && now > 0)
            return infer_fail(c, QN_E_SHAPE, "dimension %u is empty: there is nothing to pad it with", d);
    }
    return infer_out(c, 0, &out);
}

static val pad_value(lowering *l, const node *n, qn_dtype d)
{
    static const u64 zero = 0;
    val v = lower_in(l, n, 2);
    return v ? v : lower_table(l, &(qn_tensor){ .dtype = d, .data = &zero });
}

/* The sizes of input, output and pads in `rank` dimensions, ones in front. */
static void put_sizes(launch *k, graph *g, const type *x, const type *y, const pads *p, u32 rank)
{
    for (u32 d = 0; d < rank; d++) launch_size(k, d + x->rank < rank ? sym_one(g) : y->dims[d + x->rank - rank]);
    for (u32 d = 0; d < rank; d++) launch_size(k, d + x->rank < rank ? sym_one(g) : x->dims[d + x->rank - rank]);
    for (u32 d = 0; d < rank; d++) launch_size(k, d + x->rank < rank ? sym_zero(g) : p->before[d + x->rank - rank]);
}

static qn_status emit_pad(lowering *l, const node *n, const char *file, const char *entry, u32 rank, bool lines)
{
    graph *g = lower_graph_mut(l);
    val x = lower_in(l, n, 0), y = lower_out(l, n, 0);
    const type *tx = lower_type(l, x), *ty = lower_type(l, y);
    pads p;
    pads_of(g, n, tx->rank, &p);
    launch *k = launch_begin(l, file, entry);
    launch_define(k, "T", width_word(tx->dtype));
    if (!lines) launch_define_number(k, "RANK", rank);
    launch_in(k, x);
    launch_in(k, pad_value(l, n, tx->dtype));
    launch_out(k, y);
    launch_const(k, "mode", mode_of(g, n));
    put_sizes(k, g, tx, ty, &p, rank);
    return lines ? launch_groups(k, lower_product(l, y, 0, ty->rank - 1)) : launch_map(k, lower_elems(l, y));
}

static bool fits_lines(const lowering *l, const node *n)
{
    u32 rank = lower_type(l, lower_in(l, n, 0))->rank;
    return rank >= 1 && rank <= LINES_RANK;
}

static qn_status emit_lines(lowering *l, const node *n)
{
    return emit_pad(l, n, "pad_lines.c", "pad_lines", LINES_RANK, true);
}
static qn_status emit_map(lowering *l, const node *n)
{
    return emit_pad(l, n, "pad_map.c", "pad_map", lower_type(l, lower_in(l, n, 0))->rank <= 4 ? 4 : MAP_RANK, false);
}

static const variant pad_variants[] = { { "pad_lines", NEED_LANES, fits_lines, emit_lines },
                                        { "pad_map", 0, NULL, emit_map },
                                        { 0 } };

/* clang-format off */
static const op_case pad_cases[] = {
    { "f32[2,3,4] i64[6]={0,1,2,0,1,3}",                 "",                 0, "zeros"                 },
    { "f32[3,4] i64[4]={1,0,0,2} f32[]={1.5}",           "",                 0, "a value"               },
    { "f32[1,2,9,9] i64[8]={0,0,3,3,0,0,3,3}",           "mode=\"reflect\"", 0, "reflected"             },
    { "f16[1,2,5,5] i64[8]={0,0,1,2,0,0,3,4}",           "mode=\"edge\"",    0, "the edge again"        },
    { "u8[3,4] i64[4]={1,2,2,1}",                        "mode=\"wrap\"",    0, "wrapped round"         },
    { "i64[3,6] i64[2]={-1,2} i64[] i64[1]={-1}",        "",                 0, "an axis, cut in front" },
    { "f32[4,4] i64[4]={-1,-1,-1,-1}",                   "mode=\"edge\"",    0, "cut all round"         },
    { "f32[6] i64[2]={5,5}",                             "mode=\"reflect\"", 0, "as far as it goes"     }, { 0 }
};
/* clang-format on */
const op_def op_Pad = {
    .name = "Pad",
    .doc = DOC("x with elements put in front of and behind it along each axis"),
    .in = { { "data", "any" }, { "pads", "i64" }, { "constant_value", "optional as data" }, { "axes", "optional i32|i64" } },
    .out = { { "output", "as data" } },
    .attrs = { TEXT("mode", "constant") },
    .permuted = PERMUTED_PADS,
    .infer = infer_pad,
    .gradient = GRADIENT(gradient_pad),
    .variants = pad_variants,
    .cases = CASES(pad_cases),
};

/* ------------------------------------------------------------------ CenterCropPad */
static qn_status center_axes(const infer *c, const type *x, const sym **want, u32 *axes, u32 *count)
{
    const i64 *list;
    i64 n = elems_wanted((infer *)c, 1, want);
    u32 given = attr_ints(c->n, "axes", &list);
    *count = given ? given : x->rank;
    if (n < 0 || n != *count || *count > QN_MAX_RANK)
        return infer_fail(c, QN_E_SHAPE, "shape must have one entry for each axis");
    for (u32 k = 0; k < *count; k++) QN_TRY(infer_axis(c, given ? list[k] : k, x->rank, &axes[k]));
    return QN_OK;
}

static qn_status infer_center(infer *c)
{
    type out = *infer_in(c, 0);
    const sym *want;
    u32 axes[QN_MAX_RANK], n;
    QN_TRY(center_axes(c, &out, &want, axes, &n));
    for (u32 k = 0; k < n; k++) out.dims[axes[k]] = want[k];
    return infer_out(c, 0, &out);
}

/* Along each axis one of the two does nothing: max(have - want, 0) is cut, max(want - have, 0) put in, each half in front, rounded down. */
static qn_status expand_center(build *b, const node *n)
{
    graph *g = b->g;
    val x = build_in(b, 0);
    const type tx = *build_type(b, x), ty = *build_type(b, n->out[0]);
    sym start[QN_MAX_RANK], end[QN_MAX_RANK], pad[2 * QN_MAX_RANK], two = sym_number(g, 2), zero = sym_zero(g);
    for (u32 d = 0; d < tx.rank; d++) {
        sym cut = sym_max(g, zero, sym_sub(g, tx.dims[d], ty.dims[d])),
            put = sym_max(g, zero, sym_sub(g, ty.dims[d], tx.dims[d]));
        start[d] = sym_div(g, cut, two);
        end[d] = sym_add(g, start[d], sym_sub(g, tx.dims[d], cut));
        pad[d] = sym_div(g, put, two);
        pad[tx.rank + d] = sym_sub(g, put, pad[d]);
    }
    val y =
        build_node(b, OP_Slice, (const val[]){ x, build_syms(b, start, tx.rank), build_syms(b, end, tx.rank) }, 3, NULL, 0);
    y = build_node(b, OP_Pad, (const val[]){ y, build_syms(b, pad, 2 * tx.rank) }, 2, NULL, 0);
    return build_done(b, &y, 1);
}

static const op_case center_cases[] = {
    { "f32[20,8,3] i64[3]={10,7,3}", "", 0, "cut" },
    { "f32[10,7,3] i64[2]={20,10}", "axes=[0,-2]", 0, "padded" },
    { "f32[20,8,3] i64[2]={10,9}", "axes=[0,1]", 0, "both" },
    { 0 },
};
const op_def op_CenterCropPad = {
    .name = "CenterCropPad",
    .doc = DOC("x cut or padded with zeros to a shape, its centre kept"),
    .in = { { "input_data", "any" }, { "shape", "i32|i64" } },
    .out = { { "output_data", "as input_data" } },
    .attrs = { INTS("axes") },
    .infer = infer_center,
    .expand = expand_center,
    .cases = CASES(center_cases),
};

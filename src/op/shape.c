/* Ops that only name other sizes (views), ask for sizes, or make tensors from sizes alone.
 *
 * Views are aliases: their output is their first input's bytes. Shape and Size give known elements and never run.
 * Moving elements is in move.c. */
#include "op/elems.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "plan/lower.h"

/* ------------------------------------------------------------------ Reshape */
typedef struct reshape {
    const sym *want;
    u32 rank;
    bool zero_is_size;
} reshape;

/* The output is the input's bytes: where only the run shows whether as many elements are asked for, a size of -1 refuses it then. */
static void guard(graph *g, const type *x, type *out)
{
    sym have = type_elems(g, x), total = type_elems(g, out);
    if (out->rank && !sym_same(g, have, total))
        out->dims[0] = sym_select(g, sym_compare(g, '=', have, total), out->dims[0], sym_number(g, -1));
}

/* The sizes that are not -1; *at is where the -1 stands, or rank. */
static qn_status plain_sizes(const infer *c, const reshape *r, const type *x, type *out, u32 *at)
{
    *at = r->rank;
    for (u32 d = 0; d < r->rank; d++) {
        out->dims[d] = r->want[d];
        if (sym_is(c->g, r->want[d], -1)) {
            if (*at < r->rank) return infer_fail(c, QN_E_SHAPE, "two sizes are -1");
            *at = d;
        } else if (sym_is(c->g, r->want[d], 0) && !r->zero_is_size) {
            if (d >= x->rank) return infer_fail(c, QN_E_SHAPE, "size %u is 0 (keep), but the input has rank %u", d, x->rank);
            out->dims[d] = x->dims[d];
        }
    }
    return QN_OK;
}

static bool is_kept(graph *g, const reshape *r, u32 d) { return !r->zero_is_size && sym_is(g, r->want[d], 0); }

static qn_status reshape_sizes(const infer *c, const reshape *r, const type *x, type *out)
{
    u32 at;
    graph *g = c->g;
    QN_TRY(plain_sizes(c, r, x, out, &at));
    sym have = type_elems(g, x), rest = sym_one(g);
    if (at < r->rank) { /* a size that is kept stands on both sides: without it -1 has an answer where it is 0 */
        have = sym_one(g);
        for (u32 d = 0; d < x->rank; d++)
            if (d >= r->rank || !is_kept(g, r, d)) have = sym_mul(g, have, x->dims[d]);
    }
    for (u32 d = 0; d < r->rank; d++)
        if (d != at && (at == r->rank || !is_kept(g, r, d))) rest = sym_mul(g, rest, out->dims[d]);
    if (at == r->rank) {
        if (infer_differ(g, have, rest))
            return infer_fail(c, QN_E_SHAPE, "the sizes asked for do not have the input's number of elements");
        guard(g, x, out);
        return QN_OK;
    }
    i64 a, b;
    if (sym_is_number(g, rest, &b) && b == 0) out->dims[at] = sym_zero(g);
    else out->dims[at] = sym_div(g, have, rest);
    if (sym_is_number(g, have, &a) && sym_is_number(g, rest, &b) && (b ? a % b != 0 : a != 0))
        return infer_fail(c, QN_E_SHAPE, "%lld elements do not divide into groups of %lld", (long long)a, (long long)b);
    infer_need(g, sym_compare(g, '=', sym_mul(g, out->dims[at], rest), have), "# elements do not divide into groups of #",
               have, rest);
    return QN_OK;
}

/* A shape that is read at run time may hold 0 and -1 like any other: what each size means is decided when it is there. */
static void open_sizes(graph *g, const reshape *r, const type *x, type *out)
{
    sym minus_one = sym_number(g, -1), rest = sym_one(g), kept[QN_MAX_RANK];
    for (u32 d = 0; d < r->rank; d++) {
        bool may_keep = d < x->rank && !r->zero_is_size;
        kept[d] =
            may_keep ? sym_select(g, sym_compare(g, '=', r->want[d], sym_zero(g)), x->dims[d], r->want[d]) : r->want[d];
        rest = sym_mul(g, rest, sym_select(g, sym_compare(g, '=', r->want[d], minus_one), sym_one(g), kept[d]));
    }
    sym left = sym_div(g, type_elems(g, x), sym_max(g, rest, sym_one(g)));
    for (u32 d = 0; d < r->rank; d++)
        out->dims[d] = sym_select(g, sym_compare(g, '=', r->want[d], minus_one), left, kept[d]);
    guard(g, x, out);
}

/* Is it the run that tells what some size means? Sizes of tensors in expressions are not negative, and where they are 0 nothing is there.
 * Where 0 is a size, an expression is one: expansions say so of those that they have made. */
static bool is_read(const infer *c, const reshape *r)
{
    graph *g = c->g;
    bool read = value_at(g, node_in(g, c->n, 1))->elems_read;
    for (u32 d = 0; d < r->rank && !read; d++)
        read = sym_is_read(g, r->want[d]) && (!r->zero_is_size || sym_variable_index(g, r->want[d]) != UINT32_MAX);
    return read;
}

static qn_status infer_reshape(infer *c)
{
    const type *x = infer_in(c, 0);
    reshape r = { .zero_is_size = infer_int(c, "allowzero") != 0 };
    i64 n = elems_wanted(c, 1, &r.want);
    if (n < 0) return infer_fail(c, QN_E_UNSUPPORTED, "the rank of the result is not known before the model runs");
    if (n > QN_MAX_RANK) return infer_fail(c, QN_E_SHAPE, "rank %lld, at most %d", (long long)n, QN_MAX_RANK);
    r.rank = (u32)n;
    type out = { .dtype = x->dtype, .rank = (u8)r.rank, .known = true };
    if (is_read(c, &r)) open_sizes(c->g, &r, x, &out);
    else QN_TRY(reshape_sizes(c, &r, x, &out));
    return elems_infer_alias(c, &out);
}

static const op_case reshape_cases[] = {
    { "f32[2,3,4] i64[2]={6,4}", "", 0, "the common case" },
    { "f32[2,3,4] i64[3]={0,-1,2}", "", 0, "a size kept, one that follows" },
    { "f32[0,3] i64[2]={3,0}", "allowzero=1", 0, "empty" },
    { "f32[0,3,4] i64[2]={0,-1}", "", 0, "none of them, of a size that follows" },
    { "i64[1] i64[0]={}", "", 0, "to rank 0" },
    { 0 },
};
const op_def op_Reshape = {
    .name = "Reshape",
    .doc = DOC("the same elements in another shape; 0 keeps a size, -1 is what is left"),
    .in = { { "data", "any" }, { "shape", "i64" } },
    .out = { { "reshaped", "as data" } },
    .attrs = { INT("allowzero", 0) },
    .alias = true,
    .host_elems = true,
    .infer = infer_reshape,
    .gradient = GRADIENT(gradient_view),
    .cases = CASES(reshape_cases),
};

/* ------------------------------------------------------------------ Flatten, Squeeze, Unsqueeze, Identity */
static qn_status infer_flatten(infer *c)
{
    const type *x = infer_in(c, 0);
    i64 axis = infer_int(c, "axis");
    if (axis < -(i64)x->rank || axis > x->rank)
        return infer_fail(c, QN_E_SHAPE, "axis %lld is outside the %u dimensions of its input", (long long)axis, x->rank);
    u32 at = (u32)(axis < 0 ? axis + x->rank : axis);
    type out = {
        .dtype = x->dtype, .rank = 2, .known = true, .dims = { sym_span(c->g, x, 0, at), sym_span(c->g, x, at, x->rank) }
    };
    return elems_infer_alias(c, &out);
}

static const op_case flatten_cases[] = {
    { "f32[2,3,4]", "", 0, "the common case" },
    { "f32[2,3,4]", "axis=0", 0, "all in one row" },
    { "f32[2,3,4]", "axis=-1", 0, "from the end" },
    { 0 },
};
const op_def op_Flatten = {
    .name = "Flatten",
    .doc = DOC("a matrix: the dimensions before `axis` and those from it on"),
    .in = { { "x", "any" } },
    .out = { { "y", "as x" } },
    .attrs = { INT("axis", 1) },
    .alias = true,
    .host_elems = true,
    .infer = infer_flatten,
    .gradient = GRADIENT(gradient_view),
    .cases = CASES(flatten_cases),
};

static qn_status infer_squeeze(infer *c)
{
    const type *x = infer_in(c, 0);
    type out = { .dtype = x->dtype, .known = true };
    u32 bits;
    bool has;
    QN_TRY(infer_axes(c, "axes", 1, x->rank, &bits, &has));
    for (u32 d = 0; d < x->rank; d++) {
        i64 number;
        bool drop = has ? bits >> d & 1 : sym_is(c->g, x->dims[d], 1);
        if (!has && !sym_is_number(c->g, x->dims[d], &number) && !sym_differ(c->g, x->dims[d], sym_one(c->g)))
            return infer_fail(c, QN_E_UNSUPPORTED, "whether dimension %u is 1 is not known before the model runs", d);
        if (drop && infer_differ(c->g, x->dims[d], sym_one(c->g)))
            return infer_fail(c, QN_E_SHAPE, "dimension %u is not 1 and cannot be left out", d);
        if (!drop) out.dims[out.rank++] = x->dims[d];
    }
    return elems_infer_alias(c, &out);
}

static const op_case squeeze_cases[] = {
    { "f32[1,3,1,4] i64[1]={0}", "", 0, "one axis" },
    { "f32[1,3,1,4] i64[1]={-2}", "", 0, "from the end" },
    { "f32[1,3,1,4]", "", 0, "every 1" },
    { 0 },
};
const op_def op_Squeeze = {
    .name = "Squeeze",
    .doc = DOC("without the dimensions `axes`, which are 1; without every 1 when there are no axes"),
    .in = { { "data", "any" }, { "axes", "optional i64" } },
    .out = { { "squeezed", "as data" } },
    .attrs = { INTS("axes") },
    .alias = true,
    .host_elems = true,
    .infer = infer_squeeze,
    .gradient = GRADIENT(gradient_view),
    .cases = CASES(squeeze_cases),
};

static qn_status infer_unsqueeze(infer *c)
{
    const type *x = infer_in(c, 0);
    i64 list[QN_MAX_RANK], n;
    u32 bits = 0;
    QN_TRY(infer_ints_of(c, "axes", 1, list, QN_MAX_RANK, &n));
    if (n < 0) return infer_fail(c, QN_E_SHAPE, "axes are missing");
    if (x->rank + n > QN_MAX_RANK)
        return infer_fail(c, QN_E_SHAPE, "rank %lld, at most %d", (long long)(x->rank + n), QN_MAX_RANK);
    type out = { .dtype = x->dtype, .rank = (u8)(x->rank + n), .known = true };
    for (i64 k = 0; k < n; k++) {
        u32 axis;
        QN_TRY(infer_axis(c, list[k], out.rank, &axis));
        if (bits >> axis & 1) return infer_fail(c, QN_E_SHAPE, "axes name %u twice", axis);
        bits |= 1u << axis;
    }
    for (u32 d = 0, from = 0; d < out.rank; d++) out.dims[d] = bits >> d & 1 ? sym_one(c->g) : x->dims[from++];
    return elems_infer_alias(c, &out);
}

static const op_case unsqueeze_cases[] = {
    { "f32[3,4] i64[2]={0,3}", "", 0, "both ends" },
    { "f32[3,4] i64[1]={-1}", "", 0, "from the end" },
    { "i64[] i64[1]={0}", "", 0, "a scalar" },
    { 0 },
};
const op_def op_Unsqueeze = {
    .name = "Unsqueeze",
    .doc = DOC("with dimensions of 1 put in at `axes`"),
    .in = { { "data", "any" }, { "axes", "optional i64" } },
    .out = { { "expanded", "as data" } },
    .attrs = { INTS("axes") },
    .alias = true,
    .host_elems = true,
    .infer = infer_unsqueeze,
    .gradient = GRADIENT(gradient_view),
    .cases = CASES(unsqueeze_cases),
};

static qn_status infer_identity(infer *c) { return elems_infer_alias(c, infer_in(c, 0)); }

static const op_case identity_cases[] = { { "f32[3,4]", "", 0, "the common case" }, { "i64[0]", "", 0, "empty" }, { 0 } };
const op_def op_Identity = {
    .name = "Identity",
    .doc = DOC("x itself"),
    .in = { { "x", "any|list" } },
    .out = { { "y", "as x" } },
    .alias = true,
    .host_elems = true,
    .infer = infer_identity,
    .gradient = GRADIENT(gradient_view),
    .cases = CASES(identity_cases),
};

/* ------------------------------------------------------------------ Shape, Size */
static u32 clamp_axis(i64 axis, u32 rank)
{
    if (axis < 0) axis += rank;
    return axis < 0 ? 0 : axis > rank ? rank : (u32)axis;
}

static qn_status infer_shape(infer *c)
{
    const type *x = infer_in(c, 0);
    u32 from = clamp_axis(infer_int(c, "start"), x->rank), to = clamp_axis(attr_int(c->n, "end", x->rank), x->rank);
    u32 n = to > from ? to - from : 0;
    sym *elems = ARENA_ARRAY(c->g->mem, n + 1, sym);
    if (!elems) return fail_nomem(n * sizeof *elems);
    for (u32 k = 0; k < n; k++) elems[k] = x->dims[from + k];
    type out = { .dtype = QN_I64, .rank = 1, .known = true, .dims = { sym_number(c->g, n) } };
    return infer_out_elems(c, 0, &out, elems, n);
}

static const op_case shape_cases[] = {
    { "f32[2,3,4]", "", 0, "the common case" },
    { "f32[2,3,4]", "start=-2, end=-1", 0, "a part, from the end" },
    { "f32[]", "", 0, "rank 0" },
    { 0 },
};
const op_def op_Shape = {
    .name = "Shape",
    .doc = DOC("the sizes of x, from dimension `start` up to `end`"),
    .in = { { "data", "any" } },
    .out = { { "shape", "i64" } },
    .attrs = { INT("start", 0), INT("end", 0) },
    .host_elems = true,
    .infer = infer_shape,
    .cases = CASES(shape_cases),
};

static qn_status infer_size(infer *c)
{
    sym *elems = ARENA_NEW(c->g->mem, sym);
    if (!elems) return fail_nomem(sizeof *elems);
    *elems = type_elems(c->g, infer_in(c, 0));
    type out = { .dtype = QN_I64, .known = true };
    return infer_out_elems(c, 0, &out, elems, 1);
}

static const op_case size_cases[] = { { "f32[2,3,4]", "", 0, "the common case" }, { "f32[0,4]", "", 0, "empty" }, { 0 } };
const op_def op_Size = {
    .name = "Size",
    .doc = DOC("how many elements x has"),
    .in = { { "data", "any" } },
    .out = { { "size", "i64" } },
    .host_elems = true,
    .infer = infer_size,
    .cases = CASES(size_cases),
};

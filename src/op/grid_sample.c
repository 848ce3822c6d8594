/* GridSample and AffineGrid: reading a tensor at places given by another one, and making such places from matrices. */
#include "op/elems.h"
#include "op/gradient.h"
#include "op/op_util.h"
#include "plan/lower.h"

/* ------------------------------------------------------------------ GridSample */
enum { NO_WORD = 99 };
typedef struct word {
    const char *text;
    u32 number;
} word; /* of kernels/grid_sample.c */
static const word modes[] = { { "nearest", 0 }, { "linear", 1 }, { "bilinear", 1 }, { "cubic", 2 }, { "bicubic", 2 } };
static const word paddings[] = { { "zeros", 0 }, { "border", 1 }, { "reflection", 2 } };

static u32 number_of(const graph *g, const node *n, const char *name, const char *otherwise, const word *words, u32 count)
{
    const char *text = attr_text(g, n, name, otherwise);
    for (u32 i = 0; i < count; i++)
        if (text_same(words[i].text, text)) return words[i].number;
    return NO_WORD;
}
static u32 mode_of(const graph *g, const node *n) { return number_of(g, n, "mode", "linear", modes, COUNT(modes)); }
static u32 padding_of(const graph *g, const node *n)
{
    return number_of(g, n, "padding_mode", "zeros", paddings, COUNT(paddings));
}

static qn_status infer_grid_sample(infer *c)
{
    const type *x = infer_in(c, 0), *grid = infer_in(c, 1);
    u32 dims = x->rank - 2u;
    if (x->rank < 4 || x->rank > 5 || grid->rank != x->rank ||
        infer_differ(c->g, grid->dims[grid->rank - 1], sym_number(c->g, dims)))
        return infer_fail(c, QN_E_SHAPE,
                          "x must be of rank 4 or 5, and the grid of that rank with a place for each dimension");
    if (infer_differ(c->g, x->dims[0], grid->dims[0])) return infer_fail(c, QN_E_SHAPE, "x and grid differ in their batch");
    if (mode_of(c->g, c->n) == NO_WORD || padding_of(c->g, c->n) == NO_WORD)
        return infer_fail(c, QN_E_UNSUPPORTED, "mode or padding_mode is none that ONNX names");
    if (x->dtype == QN_STRING && mode_of(c->g, c->n)) return infer_fail(c, QN_E_DTYPE, "texts have only mode nearest");
    type y = *x;
    for (u32 d = 0; d < dims; d++) y.dims[2 + d] = grid->dims[1 + d];
    return infer_out(c, 0, &y);
}

static void plane_sizes(lowering *l, launch *k, val v, u32 first, u32 dims)
{
    if (dims == 2) launch_number(k, 1);
    for (u32 d = 0; d < dims; d++) launch_size(k, lower_dim(l, v, first + d));
}

static qn_status emit_grid_sample(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0), grid = lower_in(l, n, 1), y = lower_out(l, n, 0);
    u32 dims = lower_type(l, x)->rank - 2u;
    launch *k = launch_begin(l, "grid_sample.c", "grid_sample");
    launch_define(k, "T", dtype_word(lower_type(l, x)->dtype));
    launch_define(k, "G", dtype_word(lower_type(l, grid)->dtype));
    launch_in(k, x);
    launch_in(k, grid);
    launch_out(k, y);
    launch_size(k, lower_dim(l, x, 1));
    plane_sizes(l, k, x, 2, dims);
    launch_size(k, lower_product(l, y, 2, 2 + dims));
    launch_const(k, "dims", dims);
    launch_const(k, "mode", mode_of(lower_graph(l), n));
    launch_const(k, "padding", padding_of(lower_graph(l), n));
    launch_const(k, "aligned", lower_int(l, n, "align_corners") != 0);
    return launch_map(k, lower_elems(l, y));
}

/* A kernel that computes in f64 has f64 in all its buffers of floats. */
static bool fits_grid_sample(const lowering *l, const node *n)
{
    return lower_type(l, lower_in(l, n, 0))->dtype != QN_F64 || lower_type(l, lower_in(l, n, 1))->dtype == QN_F64;
}

static qn_status expand_grid_sample(build *b, const node *n)
{
    qn_dtype d = build_type(b, build_in(b, 0))->dtype;
    if (dtype_is_placed(d)) return place_moves_expand(b, n);
    val in[2] = { build_in(b, 0), d == QN_F64 ? build_cast(b, build_in(b, 1), d) : build_in(b, 1) };
    val y = build_node(b, OP_GridSample, in, 2, n->attrs, n->n_attrs);
    return build_done(b, &y, 1);
}

static const variant grid_sample_variants[] = { { "grid_sample_map", 0, fits_grid_sample, emit_grid_sample }, { 0 } };
static const op_case grid_sample_cases[] = {
    { "f32[2,3,7,8] f32[2,4,5,2]=-1.2..1.2", "", 1e-5, "the common case" },
    { "f32[1,2,7,8] f32[1,4,5,2]=-2.5..2.5", "mode=\"cubic\", padding_mode=\"reflection\"", 1e-4, "cubic, reflected" },
    { "f32[1,2,7,8] f32[1,4,5,2]=-1.5..1.5", "mode=\"cubic\", padding_mode=\"border\", align_corners=1", 1e-4,
      "cubic, held at the border" },
    { "f32[1,2,4,5,6] f32[1,2,3,4,3]=-1.5..1.5", "padding_mode=\"border\"", 1e-5, "three dimensions" },
    { "f32[1,2,4,5,6] f32[1,2,3,4,3]=-1.5..1.5", "mode=\"nearest\", align_corners=1", 0, "nearest, three dimensions" },
    { "f16[1,1,7,8] f16[1,4,5,2]=-1..1", "", 1e-2, "half" },
    { "f64[1,1,7,8] f32[1,4,5,2]=-1..1", "", 1e-12, "double at places that are not" },
    { "i8[1,2,7,8]=-128..127 f32[1,4,5,2]=-1.2..1.2", "", 0.02, "integers: toward 0" },
    { "u8[1,2,7,8]=0..255 f32[1,4,5,2]=-1.2..1.2", "mode=\"cubic\", padding_mode=\"border\"", 0.02, "held in the type" },
    { "i64[1,1,2,2]={9007199254740993,-1,4611686018427387905,7} f32[1,1,3,2]={-0.5,-0.5,0.5,-0.5,-0.5,0.5}",
      "mode=\"nearest\"", 0, "beyond what a float holds" },
    { "bool[1,2,7,8]=0..1 f32[1,4,5,2]=-1.2..1.2", "", 0, "truth values" },
    { 0 },
};
const op_def op_GridSample = {
    .name = "GridSample",
    .doc = DOC(
        "x at the places of the grid, where -1 .. 1 are its ends: nearest, linear or cubic; outside zeros, the border or "
        "a reflection; integers are computed as floats and cut off"),
    .in = { { "X", "value|complex" }, { "grid", "float" } },
    .out = { { "Y", "as X" } },
    .attrs = { INT("align_corners", 0), TEXT("mode", "linear"), TEXT("padding_mode", "zeros") },
    .infer = infer_grid_sample,
    .complex = true,
    .expand = expand_grid_sample,
    .variants = grid_sample_variants,
    .cases = CASES(grid_sample_cases),
};

/* ------------------------------------------------------------------ AffineGrid */
static qn_status infer_affine_grid(infer *c)
{
    const type *theta = infer_in(c, 0);
    const sym *size;
    i64 n = elems_wanted(c, 1, &size);
    if (n != 4 && n != 5) return infer_fail(c, QN_E_SHAPE, "size must have 4 or 5 entries");
    u32 dims = (u32)n - 2;
    if (theta->rank != 3 || infer_differ(c->g, theta->dims[1], sym_number(c->g, dims)) ||
        infer_differ(c->g, theta->dims[2], sym_number(c->g, dims + 1)))
        return infer_fail(c, QN_E_SHAPE, "theta must be matrices of %u rows and %u columns", dims, dims + 1);
    type y = { .dtype = theta->dtype, .rank = (u8)n, .known = true, .dims = { theta->dims[0] } };
    for (u32 d = 0; d < dims; d++) y.dims[1 + d] = size[2 + d];
    y.dims[1 + dims] = sym_number(c->g, dims);
    return infer_out(c, 0, &y);
}

static qn_status emit_affine_grid(lowering *l, const node *n)
{
    val theta = lower_in(l, n, 0), y = lower_out(l, n, 0);
    u32 dims = lower_type(l, y)->rank - 2u;
    launch *k = launch_begin(l, "grid_sample.c", "affine_grid");
    launch_define(k, "T", dtype_word(lower_type(l, theta)->dtype));
    launch_define(k, "G", dtype_word(lower_type(l, theta)->dtype));
    launch_in(k, theta);
    launch_out(k, y);
    plane_sizes(l, k, y, 1, dims);
    launch_const(k, "dims", dims);
    launch_const(k, "aligned", lower_int(l, n, "align_corners") != 0);
    return launch_map(k, lower_elems(l, y));
}

static const variant affine_grid_variants[] = { { "affine_grid_map", 0, NULL, emit_affine_grid }, { 0 } };
static const op_case affine_grid_cases[] = {
    { "f32[2,2,3] i64[4]={2,3,5,6}", "", 1e-5, "two dimensions" },
    { "f32[2,3,4] i64[5]={2,3,4,5,6}", "align_corners=1", 1e-5, "three dimensions" },
    { 0 },
};
const op_def op_AffineGrid = {
    .name = "AffineGrid",
    .doc = DOC("the places that matrices theta map the elements of a tensor of that size to: a grid for GridSample"),
    .in = { { "theta", "float" }, { "size", "i64" } },
    .out = { { "grid", "as theta" } },
    .attrs = { INT("align_corners", 0) },
    .infer = infer_affine_grid,
    .gradient = GRADIENT(gradient_affine_grid),
    .variants = affine_grid_variants,
    .cases = CASES(affine_grid_cases),
};

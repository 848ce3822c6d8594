/* Resize: one dimension after the other, each by a table of what its output positions see (kernels/resize.c).
 *
 * Sizes come from the input `sizes` (numbers or expressions) or from `scales`, which must be constant. */
#include <math.h>

#include "op/gradient.h"
#include "op/op_util.h"
#include "op/resize.h"
#include "plan/lower.h"

/* clang-format off */
static const char *const coordinate_modes[] = { "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                                                "tf_crop_and_resize", "tf_half_pixel_for_nn", NULL };   /* as numbered in kernels/resize.c */
static const char *const nearest_modes[] = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "ceil_where_smaller", NULL }; /* the last: before opset 11 */
static const char *const modes[] = { "nearest", "linear", "cubic", NULL };
static const char *const policies[] = { "stretch", "not_larger", "not_smaller", NULL };
/* clang-format on */
enum { CROP_AND_RESIZE = 5, NEAREST = 0, CUBIC = 2, ROUND_DOWN = 2, ROUND_UP = 3, ROUND_BY_SCALE = 4 };
enum { IN_X, IN_ROI, IN_SCALES, IN_SIZES };

/* Place of a text attribute in a list; -1: not in it. */
static int choice(const graph *g, const node *n, const char *name, const char *const *list)
{
    const char *text = attr_text(g, n, name, list[0]);
    for (int i = 0; list[i]; i++)
        if (text_same(text, list[i])) return i;
    return -1;
}

static f64 element(const qn_tensor *t, u64 i)
{
    const u8 *at = (const u8 *)t->data + i * qn_dtype_bytes(t->dtype);
    f32 narrow;
    f64 wide;
    u16 half;
    switch (t->dtype) {
    case QN_F32: memcpy(&narrow, at, sizeof narrow); return (f64)narrow;
    case QN_F64: memcpy(&wide, at, sizeof wide); return wide;
    case QN_F16: memcpy(&half, at, sizeof half); return (f64)f16_to_f32(half);
    case QN_BF16: memcpy(&half, at, sizeof half); return (f64)bf16_to_f32(half);
    default: return 0;
    }
}

/* The elements of a constant float input; count -1: absent or empty, -2: not constant. */
static i64 floats_of(const graph *g, const node *n, u32 i, f64 *out, u32 max)
{
    val v = node_in(g, n, i);
    if (!v) return -1;
    const type *shape = &value_at(g, v)->type;
    if (shape->known && shape->rank == 1 && sym_is(g, shape->dims[0], 0)) return -1;
    value_ask(g, v);
    if (!is_constant(g, v)) return -2;
    qn_tensor t = constant_tensor(g, v);
    u64 count = qn_tensor_elems(&t);
    if (count > max) return -2;
    for (u64 k = 0; k < count; k++) out[k] = element(&t, k);
    return (i64)count;
}

/* floor(in * scale), for a size that is not known yet only where the scale is a small fraction. */
static sym scaled(graph *g, sym in, f64 scale)
{
    i64 size;
    if (sym_is_number(g, in, &size)) {
        f64 out = floor(scale * (f64)size);
        return out >= 0 && out < 2147483648.0 ? sym_number(g, (i64)out) : 0;
    }
    for (i64 below = 1; below <= 64; below++) {
        f64 above = scale * (f64)below;
        if (above == floor(above) && above < 65536)
            return sym_div(g, sym_mul(g, in, sym_number(g, (i64)above)), sym_number(g, below));
    }
    return 0;
}

static const char *axes_of(const node *n, u32 rank, u32 *axes, u32 *count)
{
    const i64 *list;
    u32 given = attr_ints(n, "axes", &list);
    if (given > rank) return "axes has more entries than the input has dimensions";
    *count = given ? given : rank;
    for (u32 i = 0; i < *count; i++) {
        i64 axis = given ? list[i] : i;
        if (axis < -(i64)rank || axis >= (i64)rank) return "an axis is outside the dimensions of the input";
        axes[i] = (u32)(axis < 0 ? axis + rank : axis);
    }
    return NULL;
}

/* All dimensions by one scale, the smallest or largest that the sizes ask for; every size must be known. */
static const char *keep_aspect(graph *g, resize_plan *p, bool smallest)
{
    f64 scale = smallest ? (f64)INFINITY : 0;
    for (u32 i = 0; i < p->n; i++) {
        i64 in, out;
        if (!sym_is_number(g, p->at[i].in, &in) || !sym_is_number(g, p->at[i].out, &out) || in < 1)
            return "keep_aspect_ratio_policy needs sizes that are known before the model runs";
        scale = smallest ? fmin(scale, (f64)out / (f64)in) : fmax(scale, (f64)out / (f64)in);
    }
    for (u32 i = 0; i < p->n; i++) {
        i64 in;
        sym_is_number(g, p->at[i].in, &in);
        p->at[i].scale = scale;
        p->at[i].out = sym_number(g, (i64)(scale * (f64)in + 0.5));
    }
    return NULL;
}

static const char *sizes_of(graph *g, const node *n, resize_plan *p)
{
    const sym *sizes;
    val v = node_in(g, n, IN_SIZES);
    i64 count = v ? value_elems(g, v, &sizes) : -1;
    if (count < 0) return "sizes must be known before the model runs: a constant or computed from shapes";
    if (count != p->n) return "sizes has not one entry for each resized dimension";
    for (u32 i = 0; i < p->n; i++) p->at[i].out = sizes[i];
    int policy = choice(g, n, "keep_aspect_ratio_policy", policies);
    if (policy < 0) return "keep_aspect_ratio_policy has a value that ONNX does not define";
    return policy ? keep_aspect(g, p, policy == 1) : NULL;
}

static const char *scales_of(graph *g, const node *n, resize_plan *p)
{
    f64 scales[QN_MAX_RANK];
    i64 count = floats_of(g, n, IN_SCALES, scales, QN_MAX_RANK);
    if (count == -1) return "neither sizes nor scales are given";
    if (count == -2) return "scales must be constant";
    if (count != p->n) return "scales has not one entry for each resized dimension";
    for (u32 i = 0; i < p->n; i++) {
        if (!(scales[i] > 0)) return "a scale is not above 0";
        p->at[i].scale = scales[i];
        p->at[i].out = scaled(g, p->at[i].in, scales[i]);
        if (!p->at[i].out) return "a scale that is no small fraction needs sizes that are known before the model runs";
    }
    return NULL;
}

static const char *crop_of(graph *g, const node *n, resize_plan *p)
{
    f64 roi[2 * QN_MAX_RANK];
    i64 count = floats_of(g, n, IN_ROI, roi, 2 * QN_MAX_RANK);
    if (count != 2 * (i64)p->n)
        return "tf_crop_and_resize needs a constant roi with a start and an end for each resized dimension";
    for (u32 i = 0; i < p->n; i++) {
        p->at[i].crop_from = roi[i];
        p->at[i].crop_to = roi[p->n + i];
    }
    return NULL;
}

const char *resize_plan_of(graph *g, const node *n, const type *x, resize_plan *out)
{
    resize_plan p = { 0 };
    u32 axes[QN_MAX_RANK];
    if (choice(g, n, "mode", modes) < 0) return "mode has a value that ONNX does not define";
    if (choice(g, n, "nearest_mode", nearest_modes) < 0) return "nearest_mode has a value that ONNX does not define";
    int coordinates = choice(g, n, "coordinate_transformation_mode", coordinate_modes);
    if (coordinates < 0) return "coordinate_transformation_mode has a value that ONNX does not define";
    const char *wrong = axes_of(n, x->rank, axes, &p.n);
    if (wrong) return wrong;
    for (u32 i = 0; i < p.n; i++) p.at[i] = (resized){ .axis = axes[i], .in = x->dims[axes[i]], .crop_to = 1 };
    const type *sizes = node_in(g, n, IN_SIZES) ? &value_at(g, node_in(g, n, IN_SIZES))->type : NULL;
    bool by_size = sizes && !(sizes->rank == 1 && sym_is(g, sizes->dims[0], 0));
    wrong = by_size ? sizes_of(g, n, &p) : scales_of(g, n, &p);
    if (!wrong && coordinates == CROP_AND_RESIZE) wrong = crop_of(g, n, &p);
    *out = p;
    if (!wrong && x->dtype == QN_STRING &&
        (choice(g, n, "mode", modes) != NEAREST || attr_float(n, "extrapolation_value", 0) != 0))
        return "texts have only mode nearest and no extrapolation_value";
    return wrong;
}

static qn_status resize_infer(infer *c)
{
    resize_plan p;
    type y = *infer_in(c, 0);
    const char *wrong = resize_plan_of(c->g, c->n, &y, &p);
    if (wrong) return infer_fail(c, QN_E_UNSUPPORTED, "%s", wrong);
    for (u32 i = 0; i < p.n; i++) y.dims[p.at[i].axis] = p.at[i].out;
    return infer_out(c, 0, &y);
}

/* ---- launches */

typedef struct resizer {
    lowering *l;
    graph *g;
    const node *n;
    qn_dtype d;
    int mode, coordinates, nearest;
    bool antialias, exclude_outside, lanes;
    f64 cubic_a, outside;
} resizer;

static resizer resizer_of(lowering *l, const node *n, bool lanes)
{
    graph *g = lower_graph_mut(l);
    return (resizer){ .l = l,
                      .g = g,
                      .n = n,
                      .d = lower_type(l, lower_in(l, n, 0))->dtype,
                      .lanes = lanes,
                      .mode = choice(g, n, "mode", modes),
                      .nearest = choice(g, n, "nearest_mode", nearest_modes),
                      .coordinates = choice(g, n, "coordinate_transformation_mode", coordinate_modes),
                      .antialias = lower_int(l, n, "antialias") != 0,
                      .exclude_outside = lower_int(l, n, "exclude_outside") != 0,
                      .cubic_a = lower_float(l, n, "cubic_coeff_a"),
                      .outside = lower_float(l, n, "extrapolation_value") };
}

static bool is_untouched(const resizer *z, const resized *r)
{
    if (z->coordinates == CROP_AND_RESIZE && (r->crop_from != 0 || r->crop_to != 1)) return false;
    return sym_same(z->g, r->in, r->out) && (r->scale == 0 || fabs(r->scale - 1) < 1e-9);
}

/* How far apart the taps are, 1 without antialiasing, and how many each position has; 0: the scale is not known. */
static u32 taps_of(const resizer *z, const resized *r, f64 *squeeze)
{
    i64 in, out;
    f64 reach = z->mode == CUBIC ? 2 : 1, scale = r->scale;
    *squeeze = 1;
    if (!z->antialias) return z->mode == CUBIC ? 4 : 2;
    if (scale == 0 && (!sym_is_number(z->g, r->in, &in) || !sym_is_number(z->g, r->out, &out) || in < 1)) return 0;
    if (scale == 0) scale = (f64)out / (f64)in;
    *squeeze = fmin(scale, 1);
    f64 taps = 2 - 2 * (floor(-reach / *squeeze) + 1);
    return taps < 1e6 ? (u32)taps : 0;
}

static bool precise(const resizer *z) { return z->d == QN_F64 || lower_caps(z->l)->f64; }

/* A COORD parameter. */
static void coord(launch *k, const resizer *z, f64 v)
{
    i64 bits;
    memcpy(&bits, &v, sizeof bits);
    if (precise(z)) launch_wide(k, bits);
    else launch_float(k, v);
}

static launch *begin(const resizer *z, const char *file, const char *entry)
{
    launch *k = launch_begin(z->l, file, entry);
    launch_define(k, "T", dtype_word(z->d));
    if (text_same(file, "resize.c")) launch_define(k, "COORD", precise(z) ? "f64" : "f32");
    return k;
}

static void axis_params(launch *k, const resizer *z, const resized *r, u32 taps)
{
    launch_size(k, r->in);
    launch_size(k, r->out);
    launch_number(k, taps);
    coord(k, z, r->scale);
    coord(k, z, r->crop_from);
    coord(k, z, r->crop_to);
    launch_const(k, "coordinates", z->coordinates);
}

static int rounding_of(const resizer *z, const resized *r)
{
    if (z->nearest != ROUND_BY_SCALE) return z->nearest;
    return r->scale > 0 && r->scale < 1 ? ROUND_UP : ROUND_DOWN;
}

static qn_status make_tables(const resizer *z, const resized *r, u32 taps, f64 squeeze, val *index, val *weight)
{
    bool nearest = z->mode == NEAREST;
    sym count = sym_mul(z->g, r->out, sym_number(z->g, taps));
    *index = lower_scratch(z->l, QN_U32, count);
    *weight = nearest ? 0 : lower_scratch(z->l, z->d == QN_F64 ? QN_F64 : QN_F32, count);
    launch *k = begin(z, "resize.c", nearest ? "resize_nearest_index" : "resize_index");
    launch_out(k, *index);
    axis_params(k, z, r, taps);
    if (nearest) launch_const(k, "nearest", rounding_of(z, r));
    QN_TRY(launch_map(k, count));
    if (nearest) return QN_OK;
    k = begin(z, "resize.c", "resize_weight");
    launch_out(k, *weight);
    axis_params(k, z, r, taps);
    coord(k, z, squeeze);
    coord(k, z, z->cubic_a);
    launch_const(k, "is_cubic", z->mode == CUBIC);
    launch_const(k, "exclude_outside", z->exclude_outside);
    return launch_map(k, count);
}

typedef struct span {
    sym outer, inner, elems;
} span; /* around a dimension; elems: of the result */

static qn_status apply_map(const resizer *z, const resized *r, val x, val y, const span *s, u32 taps, val index, val weight)
{
    launch *k = begin(z, "resize.c", weight ? "resize_blend" : "resize_pick");
    launch_in(k, x);
    launch_in(k, index);
    if (weight) launch_in(k, weight);
    launch_out(k, y);
    launch_size(k, r->in);
    launch_size(k, r->out);
    launch_size(k, s->inner);
    if (weight) launch_number(k, taps);
    launch_float(k, z->outside);
    if (weight) launch_const(k, "whole", !dtype_is_float(z->d));
    return launch_map(k, s->elems);
}

static qn_status apply_rows(const resizer *z, const resized *r, val x, val y, const span *s, u32 taps, val index, val weight)
{
    i64 block = sym_is(z->g, s->inner, 1) ? 16 : 1;
    launch *k = begin(z, "resize_rows.c", weight ? "resize_rows" : "resize_pick_rows");
    launch_in(k, x);
    launch_in(k, index);
    if (weight) launch_in(k, weight);
    launch_out(k, y);
    launch_size(k, s->outer);
    launch_size(k, r->in);
    launch_size(k, r->out);
    launch_size(k, s->inner);
    if (weight) launch_number(k, taps);
    launch_number(k, block);
    launch_float(k, z->outside);
    return launch_groups(k, sym_ceil_div(z->g, s->outer, sym_number(z->g, block)));
}

static qn_status resize_axis(const resizer *z, const resized *r, const type *shape, val x, val y)
{
    f64 squeeze;
    u32 taps = z->mode == NEAREST ? 1 : taps_of(z, r, &squeeze);
    if (z->mode == NEAREST) squeeze = 1;
    if (!taps) return lower_fail(z->l, z->n, QN_E_UNSUPPORTED, "antialias needs sizes that are known before the model runs");
    val index, weight;
    QN_TRY(make_tables(z, r, taps, squeeze, &index, &weight));
    span s = { .outer = sym_span(z->g, shape, 0, r->axis), .inner = sym_span(z->g, shape, r->axis + 1, shape->rank) };
    s.elems = sym_mul(z->g, sym_mul(z->g, s.outer, r->out), s.inner);
    return (z->lanes ? apply_rows : apply_map)(z, r, x, y, &s, taps, index, weight);
}

static qn_status copy_whole(const resizer *z)
{
    launch *k = begin(z, "resize.c", "resize_none");
    launch_in(k, lower_in(z->l, z->n, 0));
    launch_out(k, lower_out(z->l, z->n, 0));
    return launch_map(k, lower_elems(z->l, lower_out(z->l, z->n, 0)));
}

static qn_status emit(lowering *l, const node *n, bool lanes)
{
    resizer z = resizer_of(l, n, lanes);
    resize_plan p;
    type shape = *lower_type(l, lower_in(l, n, 0));
    const char *wrong = resize_plan_of(z.g, n, &shape, &p);
    if (wrong) return lower_fail(l, n, QN_E_UNSUPPORTED, "%s", wrong);
    u32 last = UINT32_MAX;
    for (u32 i = 0; i < p.n; i++)
        if (!is_untouched(&z, &p.at[i])) last = i;
    if (last == UINT32_MAX) return copy_whole(&z);
    val x = lower_in(l, n, 0);
    for (u32 i = 0; i <= last; i++) {
        if (is_untouched(&z, &p.at[i])) continue;
        const type from = shape;
        shape.dims[p.at[i].axis] = p.at[i].out;
        val y = i == last ? lower_out(l, n, 0) : lower_scratch(l, z.d, type_elems(z.g, &shape));
        QN_TRY(resize_axis(&z, &p.at[i], &from, x, y));
        x = y;
    }
    return QN_OK;
}

static qn_status emit_map(lowering *l, const node *n) { return emit(l, n, false); }
static qn_status emit_rows(lowering *l, const node *n) { return emit(l, n, true); }
static bool is_float(const lowering *l, const node *n) { return dtype_is_float(lower_type(l, lower_in(l, n, 0))->dtype); }

static const variant resize_variants[] = { { "resize_rows", NEED_LANES, is_float, emit_rows },
                                           { "resize_map", 0, NULL, emit_map },
                                           { 0 } };

static const op_case resize_cases[] = {
    { "f32[1,2,4,5] _ _ i64[4]={1,2,9,20}", "mode=\"nearest\"", 0, "nearest to given sizes" },
    { "f32[1,2,4,5] _ f32[4]={1,1,2,2}",
      "mode=\"nearest\", coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"floor\"", 0, "each pixel doubled" },
    { "f32[1,2,4,5] _ f32[4]={1,1,2.5,0.6}", "mode=\"linear\"", 1e-6, "linear by scales" },
    { "f32[1,2,7,5] _ _ i64[4]={1,2,3,11}", "mode=\"linear\", coordinate_transformation_mode=\"align_corners\"", 1e-6,
      "corners on corners" },
    { "f32[1,2,7,5] _ _ i64[4]={1,2,13,11}", "mode=\"cubic\"", 1e-6, "cubic" },
    { "f32[1,2,7,5] _ f32[4]={1,1,0.8,1.6}", "mode=\"cubic\", cubic_coeff_a=-0.5, exclude_outside=1", 1e-6,
      "cubic without what lies outside" },
    { "f32[1,1,20,21] _ _ i64[4]={1,1,7,6}", "mode=\"linear\", antialias=1", 1e-6, "shrunk, antialiased" },
    { "f32[1,1,20,21] _ _ i64[4]={1,1,9,50}", "mode=\"cubic\", antialias=1", 1e-6, "shrunk one way, grown the other" },
    { "f32[6,7] f32[4]={0.1,0.2,0.8,1.3} _ i64[2]={5,9}",
      "mode=\"linear\", coordinate_transformation_mode=\"tf_crop_and_resize\", extrapolation_value=7", 1e-6,
      "a crop that leaves the image" },
    { "f32[3,4,5] _ _ i64[1]={11}", "mode=\"linear\", axes=[1]", 1e-6, "one axis" },
    { "f32[1,2,6,9] _ _ i64[2]={12,12}", "mode=\"nearest\", axes=[2,3], keep_aspect_ratio_policy=\"not_larger\"", 0,
      "the shape of the picture kept" },
    { "f32[1,2,4,5,6] _ f32[5]={1,1,2,0.5,1.5}", "mode=\"linear\", coordinate_transformation_mode=\"pytorch_half_pixel\"",
      1e-6, "three dimensions" },
    { "f16[1,2,4,5] _ f32[4]={1,1,2,2}", "mode=\"linear\"", 1e-3, "half precision" },
    { "u8[1,2,4,5] _ f32[4]={1,1,2,2}", "mode=\"nearest\"", 0, "bytes" },
    { "f32[1,2,4,5] _ f32[4]={1,1,1.7,0.6}",
      "mode=\"nearest\", coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"ceil_where_smaller\"", 0,
      "as before opset 11" },
    { "f32[2,3] _ _ i64[2]={2,3}", "mode=\"linear\"", 0, "nothing to do" },
    { 0 },
};

const op_def op_Resize = {
    .name = "Resize",
    .doc = DOC("Dimensions resized to `sizes` or by `scales`, by the nearest, linear or cubic rule of mode, placed by "
               "coordinate_transformation_mode"),
    .in = { { "x", "value|complex" },
            { "roi", "optional float" },
            { "scales", "optional f32" },
            { "sizes", "optional i64" } },
    .out = { { "y", "as x" } },
    .attrs = { INT("antialias", 0), INTS("axes"), TEXT("coordinate_transformation_mode", "half_pixel"),
               FLOAT("cubic_coeff_a", -0.75), INT("exclude_outside", 0), FLOAT("extrapolation_value", 0),
               TEXT("keep_aspect_ratio_policy", "stretch"), TEXT("mode", "nearest"),
               TEXT("nearest_mode", "round_prefer_floor") },
    .permuted = PERMUTED_AXES,
    .infer = resize_infer,
    .complex = true,
    .gradient = GRADIENT(gradient_resize),
    .variants = resize_variants,
    .cases = CASES(resize_cases),
};

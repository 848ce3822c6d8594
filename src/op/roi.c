/* RoiAlign, MaxRoiPool, DeformConv: pooling of regions, and convolution at places moved by offsets. */
#include "op/op_util.h"
#include "plan/lower.h"

static launch *begin(lowering *l, const node *n, const char *entry)
{
    launch *k = launch_begin(l, "roi.c", entry);
    launch_define(k, "T", dtype_word(lower_type(l, lower_in(l, n, 0))->dtype));
    for (u32 i = 0; i < 2; i++) launch_in(k, lower_in(l, n, i));
    return k;
}

/* ------------------------------------------------------------------ RoiAlign, MaxRoiPool */
static qn_status regions(infer *c, i64 columns, sym height, sym width)
{
    const type *x = infer_in(c, 0), *rois = infer_in(c, 1);
    if (x->rank != 4 || rois->rank != 2 || infer_differ(c->g, rois->dims[1], sym_number(c->g, columns)))
        return infer_fail(c, QN_E_SHAPE, "x must have rank 4, and a region %lld numbers", (long long)columns);
    type y = *x;
    y.dims[0] = rois->dims[0], y.dims[2] = height, y.dims[3] = width;
    return infer_out(c, 0, &y);
}

static qn_status infer_roi_align(infer *c)
{
    i64 h = infer_int(c, "output_height"), w = infer_int(c, "output_width"), sampling = infer_int(c, "sampling_ratio");
    const char *mode = attr_text(c->g, c->n, "mode", "avg"),
               *how = attr_text(c->g, c->n, "coordinate_transformation_mode", "half_pixel");
    if (h < 1 || w < 1 || sampling < 0 || sampling > 4096) return infer_fail(c, QN_E_SHAPE, "its sizes make no sense");
    if ((!text_same(mode, "avg") && !text_same(mode, "max")) ||
        (!text_same(how, "half_pixel") && !text_same(how, "output_half_pixel")))
        return infer_fail(c, QN_E_UNSUPPORTED, "mode or coordinate_transformation_mode is none that ONNX names");
    if (infer_in(c, 2)->rank != 1 || infer_differ(c->g, infer_in(c, 2)->dims[0], infer_in(c, 1)->dims[0]))
        return infer_fail(c, QN_E_SHAPE, "there must be one batch index for each region");
    return regions(c, 4, sym_number(c->g, h), sym_number(c->g, w));
}

static qn_status places_of_regions(lowering *l, const node *n)
{
    return lower_places(
        l, (place_bounds){ .v = lower_in(l, n, 2), .tuple = 1, .size = { lower_dim(l, lower_in(l, n, 0), 0) } });
}

static void region_sizes(lowering *l, launch *k, val x, val y)
{
    for (u32 d = 0; d < 4; d++) launch_size(k, lower_dim(l, x, d));
    launch_size(k, lower_dim(l, y, 2));
    launch_size(k, lower_dim(l, y, 3));
}

static qn_status emit_roi_align(lowering *l, const node *n)
{
    val y = lower_out(l, n, 0);
    launch *k = begin(l, n, "roi_align");
    launch_in(k, lower_in(l, n, 2));
    launch_out(k, y);
    region_sizes(l, k, lower_in(l, n, 0), y);
    launch_float(k, lower_float(l, n, "spatial_scale"));
    launch_const(k, "sampling", lower_int(l, n, "sampling_ratio"));
    launch_const(k, "largest", text_same(attr_text(lower_graph(l), n, "mode", "avg"), "max"));
    launch_const(k, "half",
                 text_same(attr_text(lower_graph(l), n, "coordinate_transformation_mode", "half_pixel"), "half_pixel"));
    return launch_map(k, lower_elems(l, y));
}

static const variant roi_align_variants[] = { { "roi_align_map", 0, NULL, emit_roi_align }, { 0 } };
static const op_case roi_align_cases[] = {
    { "f32[2,3,9,8] f32[3,4]={0,0,5,6,1,2,7,7,3,3,4,8} i64[3]={0,1,1}", "output_height=3, output_width=2, sampling_ratio=2",
      1e-5, "the common case" },
    { "f64[2,3,9,8] f64[2,4]={0,0,30,36,9,12,14,28} i64[2]={1,0}",
      "output_height=2, output_width=2, spatial_scale=0.25, mode=\"max\", "
      "coordinate_transformation_mode=\"output_half_pixel\"",
      1e-12, "largest, scaled, as many points as a bin has elements" },
    { "f32[2,3,9,8] f32[2,4]={0,0,30,36,9,12,14,28} i64[2]={1,0}",
      "output_height=2, output_width=2, spatial_scale=0.25, mode=\"max\", sampling_ratio=3", 1e-5, "largest, scaled" },
    { 0 },
};
const op_def op_RoiAlign = {
    .name = "RoiAlign",
    .doc = DOC("each region of x as one small plane, its bins the mean (or largest) of points between elements"),
    .in = { { "X", "float" }, { "rois", "as X" }, { "batch_indices", "i64" } },
    .out = { { "Y", "as X" } },
    .attrs = { TEXT("coordinate_transformation_mode", "half_pixel"), TEXT("mode", "avg"), INT("output_height", 1),
               INT("output_width", 1), INT("sampling_ratio", 0), FLOAT("spatial_scale", 1) },
    .infer = infer_roi_align,
    .places = places_of_regions,
    .variants = roi_align_variants,
    .cases = CASES(roi_align_cases),
};

static qn_status infer_max_roi(infer *c)
{
    const i64 *shape;
    if (attr_ints(c->n, "pooled_shape", &shape) != 2 || shape[0] < 1 || shape[1] < 1)
        return infer_fail(c, QN_E_SHAPE, "pooled_shape must be two sizes");
    return regions(c, 5, sym_number(c->g, shape[0]), sym_number(c->g, shape[1]));
}

static qn_status emit_max_roi(lowering *l, const node *n)
{
    val y = lower_out(l, n, 0);
    launch *k = begin(l, n, "roi_max");
    launch_out(k, y);
    region_sizes(l, k, lower_in(l, n, 0), y);
    launch_float(k, lower_float(l, n, "spatial_scale"));
    return launch_map(k, lower_elems(l, y));
}

static const variant max_roi_variants[] = { { "roi_max_map", 0, NULL, emit_max_roi }, { 0 } };
static const op_case max_roi_cases[] = {
    { "f32[2,3,9,8] f32[3,5]={0,0,0,5,6,1,1,2,7,7,1,3,3,3,8}", "pooled_shape=[3,2]", 0, "the common case" }, { 0 }
};
const op_def op_MaxRoiPool = {
    .name = "MaxRoiPool",
    .doc = DOC("each region of x as one small plane, its bins the largest elements"),
    .in = { { "X", "float" }, { "rois", "as X" } },
    .out = { { "Y", "as X" } },
    .attrs = { NEEDED("pooled_shape", ATTR_INTS), FLOAT("spatial_scale", 1) },
    .infer = infer_max_roi,
    .variants = max_roi_variants,
    .cases = CASES(max_roi_cases),
};

/* ------------------------------------------------------------------ DeformConv: the moved elements as columns, then a product */
static i64 entry(const node *n, const char *name, u32 i, i64 otherwise)
{
    const i64 *list;
    return attr_ints(n, name, &list) > i ? list[i] : otherwise;
}

enum { MOST_COLUMNS = 1 << 20 }; /* of each number that says how a kernel lies: their products fit in 64 bits */

static bool lies_too_wide(const node *n)
{
    static const char *const lists[] = { "kernel_shape", "dilations", "strides", "pads" };
    const i64 *list;
    for (u32 i = 0; i < COUNT(lists); i++)
        for (u32 k = attr_ints(n, lists[i], &list); k-- > 0;)
            if (list[k] > MOST_COLUMNS || list[k] < -MOST_COLUMNS) return true;
    return attr_int(n, "offset_group", 1) > MOST_COLUMNS;
}

static qn_status infer_columns(infer *c)
{
    const type *x = infer_in(c, 0), *offset = infer_in(c, 1);
    const i64 *kernel;
    i64 groups = infer_int(c, "offset_group");
    if (x->rank != 4 || offset->rank != 4 || attr_ints(c->n, "kernel_shape", &kernel) != 2 || groups < 1 || kernel[0] < 1 ||
        kernel[1] < 1)
        return infer_fail(c, QN_E_SHAPE, "only two dimensions are possible");
    if (lies_too_wide(c->n)) return infer_fail(c, QN_E_UNSUPPORTED, "a number of its kernel is more than %d", MOST_COLUMNS);
    sym taps = sym_number(c->g, kernel[0] * kernel[1]), wanted = sym_number(c->g, 2 * groups * kernel[0] * kernel[1]);
    if (infer_differ(c->g, offset->dims[1], wanted) || infer_differ(c->g, offset->dims[0], x->dims[0]))
        return infer_fail(c, QN_E_SHAPE, "the offsets do not fit the input and the kernel");
    if (infer_differ(c->g, sym_mod(c->g, x->dims[1], sym_number(c->g, groups)), sym_zero(c->g)))
        return infer_fail(c, QN_E_SHAPE, "the channels do not divide into %lld groups of offsets", (long long)groups);
    for (u32 d = 0; d < 2; d++) { /* an offset for each place of a plain convolution */
        i64 reach = (kernel[d] - 1) * entry(c->n, "dilations", d, 1) + 1, step = entry(c->n, "strides", d, 1);
        i64 pads = entry(c->n, "pads", d, 0) + entry(c->n, "pads", 2 + d, 0);
        if (step < 1) return infer_fail(c, QN_E_SHAPE, "a step is less than 1");
        sym out = sym_div(c->g, sym_add(c->g, x->dims[2 + d], sym_number(c->g, pads - reach)), sym_number(c->g, step));
        if (infer_differ(c->g, offset->dims[2 + d], sym_add(c->g, out, sym_one(c->g))))
            return infer_fail(c, QN_E_SHAPE, "the offsets do not have the size of the result");
    }
    type y = { .dtype = x->dtype, .rank = 3, .known = true, .dims = { x->dims[0], sym_mul(c->g, x->dims[1], taps) } };
    y.dims[2] = sym_mul(c->g, offset->dims[2], offset->dims[3]);
    if (infer_has(c, 2)) {
        const type *mask = infer_in(c, 2);
        if (mask->rank != 4 || infer_differ(c->g, sym_mul(c->g, mask->dims[1], sym_number(c->g, 2)), wanted) ||
            infer_differ(c->g, mask->dims[2], offset->dims[2]) || infer_differ(c->g, mask->dims[3], offset->dims[3]))
            return infer_fail(c, QN_E_SHAPE, "the mask does not fit the offsets");
    }
    return infer_out(c, 0, &y);
}

static qn_status emit_columns(lowering *l, const node *n)
{
    val x = lower_in(l, n, 0), offset = lower_in(l, n, 1), mask = n->n_in > 2 ? lower_in(l, n, 2) : 0,
        y = lower_out(l, n, 0);
    launch *k = begin(l, n, "deform_columns");
    launch_in(k, mask ? mask : offset);
    launch_out(k, y);
    for (u32 d = 1; d < 4; d++) launch_size(k, lower_dim(l, x, d));
    for (u32 d = 2; d < 4; d++) launch_size(k, lower_dim(l, offset, d));
    for (u32 d = 0; d < 2; d++) launch_number(k, entry(n, "kernel_shape", d, 1));
    for (u32 d = 0; d < 2; d++) launch_number(k, entry(n, "strides", d, 1));
    for (u32 d = 0; d < 2; d++) launch_number(k, entry(n, "dilations", d, 1));
    for (u32 d = 0; d < 2; d++) launch_number(k, entry(n, "pads", d, 0));
    launch_number(k, lower_int(l, n, "offset_group"));
    launch_const(k, "has_mask", mask != 0);
    return launch_map(k, lower_elems(l, y));
}

static const variant columns_variants[] = { { "deform_columns", 0, NULL, emit_columns }, { 0 } };
static const op_case columns_cases[] = { { "f32[2,4,6,5] f32[2,36,4,3] f32[2,18,4,3]=0..1",
                                           "kernel_shape=[3,3], offset_group=2", 1e-5, "two groups of offsets, a mask" },
                                         { 0 } };
const op_def op_DeformColumns = {
    .name = "DeformColumns",
    .domain = "quern",
    .doc = DOC("the elements that a convolution sees at each place, read at places moved by offset, times mask"),
    .in = { { "X", "float" }, { "offset", "as X" }, { "mask", "optional as X" } },
    .out = { { "columns", "as X" } },
    .attrs = { NEEDED("kernel_shape", ATTR_INTS), INTS("strides"), INTS("dilations"), INTS("pads"), INT("offset_group", 1) },
    .infer = infer_columns,
    .variants = columns_variants,
    .cases = CASES(columns_cases),
};

static qn_status infer_deform(infer *c)
{
    const type *x = infer_in(c, 0), *w = infer_in(c, 1), *offset = infer_in(c, 2);
    i64 group = infer_int(c, "group");
    if (x->rank != 4 || w->rank != 4 || offset->rank != 4)
        return infer_fail(c, QN_E_UNSUPPORTED, "only two dimensions are possible");
    sym groups = sym_number(c->g, group);
    if (group < 1 || infer_differ(c->g, sym_mod(c->g, w->dims[0], groups), sym_zero(c->g)))
        return infer_fail(c, QN_E_SHAPE, "the filters do not divide into %lld groups", (long long)group);
    if (infer_differ(c->g, sym_div(c->g, x->dims[1], groups), w->dims[1]) ||
        infer_differ(c->g, sym_mod(c->g, x->dims[1], groups), sym_zero(c->g)))
        return infer_fail(c, QN_E_SHAPE, "the filters want other channels than the input has");
    type y = *offset;
    y.dims[1] = w->dims[0];
    return infer_out(c, 0, &y);
}

static qn_status expand_deform(build *b, const node *n)
{
    static const char *const names[] = { "strides", "dilations", "pads", "offset_group" };
    graph *g = b->g;
    const type w = *build_type(b, build_in(b, 1)), y = *build_type(b, n->out[0]);
    i64 kernel[2] = { 0 }, group = attr_int(n, "group", 1);
    attr attrs[1 + COUNT(names)];
    u32 count = 0;
    if (!sym_is_number(g, w.dims[2], &kernel[0]) || !sym_is_number(g, w.dims[3], &kernel[1]))
        return build_fail(b, QN_E_UNSUPPORTED, "the size of the kernel must be known");
    attrs[count++] = attr_of_ints(g, "kernel_shape", kernel, 2);
    for (u32 i = 0; i < COUNT(names); i++)
        if (attr_find(n, names[i])) attrs[count++] = *attr_find(n, names[i]);
    val columns =
        build_node(b, OP_DeformColumns, (const val[]){ build_in(b, 0), build_in(b, 2), build_in(b, 4) }, 3, attrs, count);
    sym groups = sym_number(g, group), taps = sym_span(g, &w, 1, 4), plane = sym_mul(g, y.dims[2], y.dims[3]);
    columns = build_reshape(b, columns, (const sym[]){ y.dims[0], groups, taps, plane }, 4);
    val filters =
        build_reshape(b, build_in(b, 1), (const sym[]){ sym_one(g), groups, sym_div(g, w.dims[0], groups), taps }, 4);
    val sum = build_reshape(b, build_op2(b, OP_MatMul, filters, columns), y.dims, 4), bias = build_in(b, 3);
    if (bias) sum = build_op2(b, OP_Add, sum, build_reshape(b, bias, (const sym[]){ w.dims[0], sym_one(g), sym_one(g) }, 3));
    return build_done(b, &sum, 1);
}

static const op_case deform_cases[] = {
    { "f32[2,4,6,5] f32[6,2,3,3] f32[2,36,6,5] f32[6] f32[2,18,6,5]=0..1", "pads=[1,1,1,1], group=2, offset_group=2", 1e-5,
      "all it has" },
    { "f32[1,1,5,5] f32[1,1,2,2] f32[1,8,4,4]", "", 1e-5, "the least" },
    { 0 },
};
const op_def op_DeformConv = {
    .name = "DeformConv",
    .doc = DOC("Conv whose every element is read at a place moved by its own offset, and weighted by a mask"),
    .in = { { "X", "float" }, { "W", "as X" }, { "offset", "as X" }, { "B", "optional as X" }, { "mask", "optional as X" } },
    .out = { { "Y", "as X" } },
    .attrs = { INTS("strides"), INTS("dilations"), INTS("pads"), INTS("kernel_shape"), INT("group", 1),
               INT("offset_group", 1) },
    .infer = infer_deform,
    .expand = expand_deform,
    .cases = CASES(deform_cases),
};

/* Every op, of any opset, to the form it has in the newest: one row for each change of meaning or of form. Changes that only allow
 * more types, or add an attribute whose default is the old meaning, need no row. The source is the operators' changelog
 * (onnx/docs/Changelog.md).
 *
 * Rows of the oldest opsets are in onnx_upgrade_old.c.
 * A row applies to nodes of an opset below its own. Rows of one op apply one after the other, in the order of the table. */
#include <float.h>

#include "format/onnx_upgrade.h"

/* ---- rows that many ops share */

/* A list of integers (or one) moves from attribute u->name to input u->input; absent it stays absent. */
static qn_status ints_to_input(door *d, const upgrade *u)
{
    const attr *a = door_attr(d, u->name);
    if (!a) return QN_OK;
    if (a->kind != ATTR_INT) QN_TRY(door_want_kind(a, ATTR_INTS));
    val v = a->kind == ATTR_INT ? door_ints(d, &a->i, 1) : door_ints(d, a->ints, a->n);
    QN_TRY(door_set_in(d, u->input, v));
    door_drop(d, u->name);
    return QN_OK;
}

static qn_status axis_to_input(door *d, const upgrade *u)
{
    const attr *a = door_attr(d, u->name);
    i64 axis = a && a->kind == ATTR_INT ? a->i : 1;
    QN_TRY(door_set_in(d, u->input, graph_constant_copy(d->g, NULL, &(qn_tensor){ .dtype = QN_I64, .data = &axis })));
    door_drop(d, u->name);
    return QN_OK;
}

static qn_status drop_attr(door *d, const upgrade *u)
{
    door_drop(d, u->name);
    return QN_OK;
}

static qn_status rename_op(door *d, const upgrade *u)
{
    d->op = u->name;
    return QN_OK;
}

/* ---- single ops */

static qn_status is_test(door *d, const upgrade *u)
{
    (void)u;
    const attr *a = door_attr(d, "is_test");
    if (!a || a->kind != ATTR_INT || a->i == 0) return fail(QN_E_UNSUPPORTED, "it is in training mode (is_test=0)");
    door_drop(d, "is_test");
    return QN_OK;
}

/* min and max were attributes; the old defaults are no limits. */
static qn_status clip_limits(door *d, const upgrade *u)
{
    (void)u;
    static const struct {
        const char *name;
        f64 none;
    } limits[] = { { "min", -(f64)FLT_MAX }, { "max", (f64)FLT_MAX } };
    for (u32 i = 0; i < COUNT(limits); i++) {
        const attr *a = door_attr(d, limits[i].name);
        if (!a) continue;
        QN_TRY(door_want_kind(a, ATTR_FLOAT));
        val v;
        f64 limit = a->f;
        door_drop(d, limits[i].name);
        if (limit == limits[i].none) continue;
        QN_TRY(door_scalar(d, limit, &v));
        QN_TRY(door_set_in(d, 1 + i, v));
    }
    return QN_OK;
}

static qn_status pad_value(door *d, const upgrade *u)
{
    (void)u;
    const attr *a = door_attr(d, "value");
    if (!a) return QN_OK;
    QN_TRY(door_want_kind(a, ATTR_FLOAT));
    val v;
    f64 fill = a->f;
    door_drop(d, "value");
    if (fill == 0) return QN_OK;
    QN_TRY(door_scalar(d, fill, &v));
    return door_set_in(d, 2, v);
}

/* The scales attribute of Upsample; its mode "bilinear" is of the same age. */
static qn_status upsample_scales(door *d, const upgrade *u)
{
    (void)u;
    const attr *a = door_attr(d, "scales");
    if (!a) return fail(QN_E_FORMAT, "attribute 'scales' is missing");
    QN_TRY(door_want_kind(a, ATTR_FLOATS));
    QN_TRY(door_set_in(d, 1, graph_constant_copy(d->g, NULL, &(qn_tensor){ QN_F32, 1, { a->n }, a->floats })));
    door_drop(d, "scales");
    return QN_OK;
}

/* Resize was born as Upsample's heir: (x, scales), corners aligned to nothing. */
static qn_status resize_10(door *d, const upgrade *u)
{
    (void)u;
    val scales = door_in(d, 1);
    attr *mode = door_attr(d, "mode");
    if (!scales) return fail(QN_E_FORMAT, "input 'scales' is missing");
    if (mode && mode->kind == ATTR_TEXT && bytes_are(mode->text, "bilinear")) *mode = attr_of_text("mode", "linear");
    QN_TRY(door_set_in(d, 2, scales));
    d->in[1] = 0;
    QN_TRY(door_add_missing(d, attr_of_text("coordinate_transformation_mode", "asymmetric")));
    return door_add_missing(d, attr_of_text("nearest_mode", "ceil_where_smaller"));
}

/* An input that is given as an empty tensor is absent. */
static qn_status resize_absent(door *d, const upgrade *u)
{
    (void)u;
    for (u32 i = 1; i < d->n_in; i++) {
        if (!d->in[i] || !is_constant(d->g, d->in[i])) continue;
        qn_tensor t = constant_tensor(d->g, d->in[i]);
        if (qn_tensor_elems(&t) == 0) d->in[i] = 0;
    }
    while (d->n_in && !d->in[d->n_in - 1]) d->n_in--;
    return QN_OK;
}

static qn_status split_evenly(door *d, const upgrade *u)
{
    (void)u;
    return door_in(d, 1) ? QN_OK : door_add_missing(d, attr_of_int("num_outputs", d->n_out));
}

/* Are all sizes behind this axis 1, so that flattening there changes nothing? */
static bool nothing_behind(const graph *g, const type *t, i64 axis)
{
    if (axis < 0) axis += t->rank;
    for (i64 i = axis + 1; i < t->rank; i++)
        if (!sym_is(g, t->dims[i], 1)) return false;
    return axis >= 0 && axis < t->rank;
}

/* Softmax, LogSoftmax, Hardmax were over all dimensions from `axis` on, as one. */
static qn_status softmax_flat(door *d, const upgrade *u)
{
    (void)u;
    const type *t;
    attr *a = door_attr(d, "axis");
    i64 axis = a && a->kind == ATTR_INT ? a->i : 1;
    QN_TRY(door_type(d, 0, &t));
    if (axis == -1 || (t && nothing_behind(d->g, t, axis))) return door_add_missing(d, attr_of_int("axis", axis));
    val flat, soft, shape;
    attr at = attr_of_int("axis", axis), last = attr_of_int("axis", -1);
    QN_TRY(door_before(d, "Flatten", d->in, 1, &at, 1, &flat));
    QN_TRY(door_before(d, d->op, &flat, 1, &last, 1, &soft));
    QN_TRY(door_before(d, "Shape", d->in, 1, NULL, 0, &shape));
    d->op = "Reshape";
    d->attrs.n = 0;
    d->in[0] = soft;
    return door_set_in(d, 1, shape);
}

static qn_status batchnorm_spatial(door *d, const upgrade *u)
{
    (void)u;
    const attr *a = door_attr(d, "spatial");
    if (a && a->kind == ATTR_INT && a->i == 0)
        return fail(QN_E_UNSUPPORTED, "statistics for each element (spatial=0) are not in this build");
    door_drop(d, "spatial");
    return QN_OK;
}

/* More than one output was the sign of training. */
static qn_status batchnorm_outputs(door *d, const upgrade *u)
{
    (void)u;
    return d->n_out > 1 ? fail(QN_E_UNSUPPORTED, "it is in training mode (%u outputs)", d->n_out) : QN_OK;
}

/* scale and bias were one a group; now one a channel: [groups] -> [groups, channels / groups] -> [channels]. */
static qn_status groupnorm_each(door *d, const attr *groups, val per_group, val channels, val *out)
{
    val column, shape, wide;
    val one = door_ints(d, (const i64[]){ 1 }, 1), n = door_ints(d, &groups->i, 1),
        flat = door_ints(d, (const i64[]){ -1 }, 1);
    attr axis = attr_of_int("axis", 0);
    if (!one || !n || !flat) return QN_E_NOMEM;
    val each;
    QN_TRY(door_before(d, "Div", (const val[]){ channels, n }, 2, NULL, 0, &each));
    QN_TRY(door_before(d, "Unsqueeze", (const val[]){ per_group, one }, 2, NULL, 0, &column));
    QN_TRY(door_before(d, "Concat", (const val[]){ n, each }, 2, &axis, 1, &shape));
    QN_TRY(door_before(d, "Expand", (const val[]){ column, shape }, 2, NULL, 0, &wide));
    return door_before(d, "Reshape", (const val[]){ wide, flat }, 2, NULL, 0, out);
}

static qn_status groupnorm_channels(door *d, const upgrade *u)
{
    (void)u;
    const attr *groups = door_attr(d, "num_groups");
    if (!groups || groups->kind != ATTR_INT || groups->i < 1 || d->n_in < 3)
        return fail(QN_E_FORMAT, "it wants three inputs and num_groups");
    attr part[2] = { attr_of_int("start", 1), attr_of_int("end", 2) };
    val channels;
    QN_TRY(door_before(d, "Shape", d->in, 1, part, 2, &channels));
    QN_TRY(groupnorm_each(d, groups, d->in[1], channels, &d->in[1]));
    return groupnorm_each(d, groups, d->in[2], channels, &d->in[2]);
}

static qn_status gridsample_modes(door *d, const upgrade *u)
{
    (void)u;
    attr *mode = door_attr(d, "mode");
    if (!mode) return QN_OK;
    QN_TRY(door_want_kind(mode, ATTR_TEXT));
    if (bytes_are(mode->text, "bilinear")) *mode = attr_of_text("mode", "linear");
    else if (bytes_are(mode->text, "bicubic")) *mode = attr_of_text("mode", "cubic");
    return QN_OK;
}

static qn_status roialign_corners(door *d, const upgrade *u)
{
    (void)u;
    return door_add_missing(d, attr_of_text("coordinate_transformation_mode", "output_half_pixel"));
}

/* ---- the table */

enum { ALWAYS = 1 << 20 };

/* clang-format off */
static const upgrade upgrades[] = {
    { NULL,                    6, drop_attr,          "consumed_inputs", 0 },
    { "Cast",                  6, upgrade_cast_by_name,       NULL,     0 },
    { "Tile",                  6, upgrade_tile_axis,          NULL,     0 },
    { "Reshape",               5, ints_to_input,      "shape",  1 },
    { "Concat",                4, upgrade_concat_axis,        NULL,     0 },
    { "Pad",                   2, upgrade_rename_attr,        "paddings", 0 },
    { "LpPool",                2, upgrade_whole_p,            NULL,     0 },
    { "GlobalLpPool",          2, upgrade_whole_p,            NULL,     0 },
    { "Split",                 2, upgrade_split_input,        NULL,     0 },
    { "Upsample",              7, upgrade_upsample_sizes,     NULL,     0 },
    { "Add",                   7, upgrade_broadcast_axis,     NULL,     0 },
    { "Sub",                   7, upgrade_broadcast_axis,     NULL,     0 },
    { "Mul",                   7, upgrade_broadcast_axis,     NULL,     0 },
    { "Div",                   7, upgrade_broadcast_axis,     NULL,     0 },
    { "And",                   7, upgrade_broadcast_axis,     NULL,     0 },
    { "Or",                    7, upgrade_broadcast_axis,     NULL,     0 },
    { "Xor",                   7, upgrade_broadcast_axis,     NULL,     0 },
    { "Equal",                 7, upgrade_broadcast_axis,     NULL,     0 },
    { "Greater",               7, upgrade_broadcast_axis,     NULL,     0 },
    { "Less",                  7, upgrade_broadcast_axis,     NULL,     0 },
    { "Pow",                   7, upgrade_broadcast_axis,     NULL,     0 },
    { "Gemm",                 7, drop_attr,          "broadcast", 0 },
    { "PRelu",                7, upgrade_prelu_channels,     NULL,     0 },
    { "BatchNormalization",   7, is_test,            NULL,     0 },
    { "Dropout",              7, drop_attr,          "is_test", 0 },
    { "RNN",                  7, drop_attr,          "output_sequence", 0 },
    { "GRU",                  7, drop_attr,          "output_sequence", 0 },
    { "LSTM",                 7, drop_attr,          "output_sequence", 0 },
    { "Squeeze",             13, ints_to_input,      "axes",   1 },
    { "Unsqueeze",           13, ints_to_input,      "axes",   1 },
    { "ReduceSum",           13, ints_to_input,      "axes",   1 },
    { "ReduceL1",            18, ints_to_input,      "axes",   1 },
    { "ReduceL2",            18, ints_to_input,      "axes",   1 },
    { "ReduceLogSum",        18, ints_to_input,      "axes",   1 },
    { "ReduceLogSumExp",     18, ints_to_input,      "axes",   1 },
    { "ReduceMax",           18, ints_to_input,      "axes",   1 },
    { "ReduceMean",          18, ints_to_input,      "axes",   1 },
    { "ReduceMin",           18, ints_to_input,      "axes",   1 },
    { "ReduceProd",          18, ints_to_input,      "axes",   1 },
    { "ReduceSumSquare",     18, ints_to_input,      "axes",   1 },
    { "Slice",               10, ints_to_input,      "starts", 1 },
    { "Slice",               10, ints_to_input,      "ends",   2 },
    { "Slice",               10, ints_to_input,      "axes",   3 },
    { "Split",               13, ints_to_input,      "split",  1 },
    { "Split",               18, split_evenly,       NULL,     0 },
    { "TopK",                10, ints_to_input,      "k",      1 },
    { "Pad",                 11, ints_to_input,      "pads",   1 },
    { "Pad",                 11, pad_value,          NULL,     0 },
    { "DFT",                 20, axis_to_input,      "axis",   2 },
    { "Clip",                11, clip_limits,        NULL,     0 },
    { "Dropout",             12, drop_attr,          "ratio",  0 },
    { "Softmax",             13, softmax_flat,       NULL,     0 },
    { "LogSoftmax",          13, softmax_flat,       NULL,     0 },
    { "Hardmax",             13, softmax_flat,       NULL,     0 },
    { "Upsample",             9, upsample_scales,    NULL,     0 },
    { "Upsample",        ALWAYS, resize_10,          NULL,     0 },
    { "Upsample",        ALWAYS, rename_op,          "Resize", 0 },
    { "Resize",              11, resize_10,          NULL,     0 },
    { "Resize",          ALWAYS, resize_absent,      NULL,     0 },
    { "Scatter",         ALWAYS, rename_op,          "ScatterElements", 0 },
    { "BatchNormalization",   9, batchnorm_spatial,  NULL,     0 },
    { "BatchNormalization",  14, batchnorm_outputs,  NULL,     0 },
    { "GroupNormalization",  21, groupnorm_channels, NULL,     0 },
    { "GridSample",          20, gridsample_modes,   NULL,     0 },
    { "RoiAlign",            16, roialign_corners,   NULL,     0 },
    { "Scan",                 9, upgrade_scan_batch,         NULL,     0 },
};
/* clang-format on */

qn_status onnx_upgrade(door *d)
{
    const char *op = d->op;
    if (d->domain[0]) return QN_OK;
    for (size_t i = 0; i < COUNT(upgrades); i++)
        if (d->version < upgrades[i].below && (!upgrades[i].op || strcmp(upgrades[i].op, op) == 0))
            QN_TRY(upgrades[i].apply(d, &upgrades[i]));
    return QN_OK;
}

bool onnx_upgrade_knows(const char *op, i64 version)
{
    for (size_t i = 0; i < COUNT(upgrades); i++)
        if (upgrades[i].apply == rename_op && version < upgrades[i].below && strcmp(upgrades[i].op, op) == 0)
            return op_by_name("", upgrades[i].name) != OP_NONE;
    return false;
}

/* Every op, of any opset, to the form it has in the newest: one row for each change of meaning or of form. Changes that only allow
 * more types, or add an attribute whose default is the old meaning, need no row. The source is the operators' changelog
 * (onnx/docs/Changelog.md).
 *
 * A row applies to nodes of an opset below its own. Rows of one op apply one after the other, in the order of the table. */
#include <float.h>

#include "format/onnx_upgrade.h"

typedef struct upgrade {
    const char *op; /* NULL: every op */
    i64 below;
    qn_status (*apply)(door *d, const struct upgrade *u);
    const char *name; /* of an attribute, or of the op it becomes */
    u32 input;        /* where the attribute goes */
} upgrade;

/* ---- what rows are made of */

static attr *find(const door *d, const char *name)
{
    for (u32 i = 0; i < d->attrs.n; i++)
        if (strcmp(d->attrs.items[i].name, name) == 0) return &d->attrs.items[i];
    return NULL;
}

static void drop(door *d, const char *name)
{
    attr *a = find(d, name);
    if (a) *a = d->attrs.items[--d->attrs.n];
}

static qn_status add(door *d, attr a)
{
    if (!ARENA_PUSH_ROOM(d->g->mem, d->attrs.items, d->attrs.n, d->attrs.cap, 1 << 16)) return fail_nomem(sizeof a);
    d->attrs.items[d->attrs.n++] = a;
    return QN_OK;
}

static qn_status add_missing(door *d, attr a) { return find(d, a.name) ? QN_OK : add(d, a); }

static qn_status set_in(door *d, u32 i, val v)
{
    if (!v) return QN_E_NOMEM;
    while (d->n_in <= i) {
        if (!ARENA_PUSH_ROOM(d->g->mem, d->in, d->n_in, d->cap_in, 1 << 20)) return fail_nomem(sizeof v);
        d->in[d->n_in++] = 0;
    }
    d->in[i] = v;
    return QN_OK;
}

static val in(const door *d, u32 i) { return i < d->n_in ? d->in[i] : 0; }

/* A simpler node before this one. */
static qn_status before(door *d, const char *op, const val *ins, u32 n_in, const attr *attrs, u32 n_attrs, val *out)
{
    op_id id = op_by_name("", op);
    *out = 0;
    if (!id)
        return fail(QN_E_UNSUPPORTED, "opset %lld's %s needs %s, which is not in this build", (long long)d->version, d->op,
                    op);
    return graph_node(d->g, 0, (u16)id, NULL, ins, n_in, out, 1, attrs, n_attrs) ? QN_OK : QN_E_NOMEM;
}

static val ints(door *d, const i64 *v, u32 n)
{
    return graph_constant_copy(d->g, NULL, &(qn_tensor){ QN_I64, 1, { n }, v });
}

/* Types of all nodes so far. In a body, what comes from outside has none yet: then nothing is known. */
static qn_status infer_so_far(scope *s)
{
    graph *g = s->g;
    nid n = s->inferred ? node_at(g, s->inferred)->next : g->first;
    for (; n; n = node_at(g, n)->next) {
        QN_TRY(graph_infer_node(g, n));
        s->inferred = n;
    }
    return QN_OK;
}

/* *out NULL: not known here. */
static qn_status type_of_in(door *d, u32 i, const type **out)
{
    *out = NULL;
    if (!in(d, i)) return fail(QN_E_FORMAT, "input %u is missing", i);
    if (d->s->body) return QN_OK;
    QN_TRY(infer_so_far(d->s));
    const type *t = &value_at(d->g, live(d->g, in(d, i)))->type;
    if (t->known && t->dtype) *out = t;
    return QN_OK;
}

/* A scalar of the type of input 0. */
static qn_status scalar_like_data(door *d, f64 v, val *out)
{
    const type *t;
    f32 narrow = (f32)v;
    QN_TRY(type_of_in(d, 0, &t));
    val made = graph_constant_copy(d->g, NULL, &(qn_tensor){ .dtype = QN_F32, .data = &narrow });
    *out = made;
    if (!made) return QN_E_NOMEM;
    if (!t) return before(d, "CastLike", (const val[]){ made, in(d, 0) }, 2, NULL, 0, out);
    if (t->dtype == QN_F32) return QN_OK;
    attr to = attr_of_int("to", onnx_dtype_code(t->dtype));
    return before(d, "Cast", &made, 1, &to, 1, out);
}

static qn_status want_kind(const attr *a, attr_kind kind)
{
    return a->kind == kind ? QN_OK : fail(QN_E_FORMAT, "attribute '%s' is of another kind than this op's", a->name);
}

/* ---- rows that many ops share */

/* A list of integers (or one) moves from attribute u->name to input u->input; absent it stays absent. */
static qn_status ints_to_input(door *d, const upgrade *u)
{
    const attr *a = find(d, u->name);
    if (!a) return QN_OK;
    if (a->kind != ATTR_INT) QN_TRY(want_kind(a, ATTR_INTS));
    val v = a->kind == ATTR_INT ? ints(d, &a->i, 1) : ints(d, a->ints, a->n);
    QN_TRY(set_in(d, u->input, v));
    drop(d, u->name);
    return QN_OK;
}

static qn_status axis_to_input(door *d, const upgrade *u)
{
    const attr *a = find(d, u->name);
    i64 axis = a && a->kind == ATTR_INT ? a->i : 1;
    QN_TRY(set_in(d, u->input, graph_constant_copy(d->g, NULL, &(qn_tensor){ .dtype = QN_I64, .data = &axis })));
    drop(d, u->name);
    return QN_OK;
}

static qn_status drop_attr(door *d, const upgrade *u)
{
    drop(d, u->name);
    return QN_OK;
}

static qn_status rename_op(door *d, const upgrade *u)
{
    d->op = u->name;
    return QN_OK;
}

/* ---- single ops */

/* y = Unsqueeze(v) with ones behind its dimensions, so that it stands at `axis` of a tensor of that rank. */
static qn_status ones_behind(door *d, val v, i64 rank, i64 axis, i64 rank_v, val *out)
{
    i64 axes[QN_MAX_RANK], n = rank - axis - rank_v;
    if (axis < 0 || n < 0 || n > QN_MAX_RANK)
        return fail(QN_E_FORMAT, "axis %lld leaves no room for its second input", (long long)axis);
    for (i64 i = 0; i < n; i++) axes[i] = rank_v + i;
    *out = v;
    if (n == 0) return QN_OK;
    val which = ints(d, axes, (u32)n);
    return which ? before(d, "Unsqueeze", (const val[]){ v, which }, 2, NULL, 0, out) : QN_E_NOMEM;
}

/* The ranks of the first two inputs. */
static qn_status two_ranks(door *d, i64 *a, i64 *b)
{
    const type *x, *y;
    QN_TRY(type_of_in(d, 0, &x));
    if (x) *a = x->rank;
    QN_TRY(type_of_in(d, 1, &y));
    if (y) *b = y->rank;
    return x && y ? QN_OK : fail(QN_E_UNSUPPORTED, "opset 6's %s inside a body is not read", d->op);
}

/* Before opset 7 the second operand said at which axis of the first it stands. */
static qn_status broadcast_axis(door *d, const upgrade *u)
{
    (void)u;
    const attr *a = find(d, "axis");
    i64 axis = a && a->kind == ATTR_INT ? a->i : 0, rank_a, rank_b;
    drop(d, "broadcast");
    if (!a) return QN_OK;
    drop(d, "axis");
    QN_TRY(two_ranks(d, &rank_a, &rank_b));
    return ones_behind(d, d->in[1], rank_a, axis < 0 ? axis + rank_a : axis, rank_b, &d->in[1]);
}

/* A slope for each channel stood alone; now it is broadcast like any operand. */
static qn_status prelu_channels(door *d, const upgrade *u)
{
    (void)u;
    i64 rank, rank_slope;
    QN_TRY(two_ranks(d, &rank, &rank_slope));
    return rank_slope == 1 && rank > 2 ? ones_behind(d, d->in[1], rank, 1, 1, &d->in[1]) : QN_OK;
}

static qn_status is_test(door *d, const upgrade *u)
{
    (void)u;
    const attr *a = find(d, "is_test");
    if (!a || a->kind != ATTR_INT || a->i == 0) return fail(QN_E_UNSUPPORTED, "it is in training mode (is_test=0)");
    drop(d, "is_test");
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
        const attr *a = find(d, limits[i].name);
        if (!a) continue;
        QN_TRY(want_kind(a, ATTR_FLOAT));
        val v;
        f64 limit = a->f;
        drop(d, limits[i].name);
        if (limit == limits[i].none) continue;
        QN_TRY(scalar_like_data(d, limit, &v));
        QN_TRY(set_in(d, 1 + i, v));
    }
    return QN_OK;
}

static qn_status pad_value(door *d, const upgrade *u)
{
    (void)u;
    const attr *a = find(d, "value");
    if (!a) return QN_OK;
    QN_TRY(want_kind(a, ATTR_FLOAT));
    val v;
    f64 fill = a->f;
    drop(d, "value");
    if (fill == 0) return QN_OK;
    QN_TRY(scalar_like_data(d, fill, &v));
    return set_in(d, 2, v);
}

/* The scales attribute of Upsample; its mode "bilinear" is of the same age. */
static qn_status upsample_scales(door *d, const upgrade *u)
{
    (void)u;
    const attr *a = find(d, "scales");
    if (!a) return fail(QN_E_FORMAT, "attribute 'scales' is missing");
    QN_TRY(want_kind(a, ATTR_FLOATS));
    QN_TRY(set_in(d, 1, graph_constant_copy(d->g, NULL, &(qn_tensor){ QN_F32, 1, { a->n }, a->floats })));
    drop(d, "scales");
    return QN_OK;
}

/* Resize was born as Upsample's heir: (x, scales), corners aligned to nothing. */
static qn_status resize_10(door *d, const upgrade *u)
{
    (void)u;
    val scales = in(d, 1);
    attr *mode = find(d, "mode");
    if (!scales) return fail(QN_E_FORMAT, "input 'scales' is missing");
    if (mode && mode->kind == ATTR_TEXT && bytes_are(mode->text, "bilinear")) *mode = attr_of_text("mode", "linear");
    QN_TRY(set_in(d, 2, scales));
    d->in[1] = 0;
    QN_TRY(add_missing(d, attr_of_text("coordinate_transformation_mode", "asymmetric")));
    return add_missing(d, attr_of_text("nearest_mode", "ceil_where_smaller"));
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
    return in(d, 1) ? QN_OK : add_missing(d, attr_of_int("num_outputs", d->n_out));
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
    attr *a = find(d, "axis");
    i64 axis = a && a->kind == ATTR_INT ? a->i : 1;
    QN_TRY(type_of_in(d, 0, &t));
    if (axis == -1 || (t && nothing_behind(d->g, t, axis))) return add_missing(d, attr_of_int("axis", axis));
    val flat, soft, shape;
    attr at = attr_of_int("axis", axis), last = attr_of_int("axis", -1);
    QN_TRY(before(d, "Flatten", d->in, 1, &at, 1, &flat));
    QN_TRY(before(d, d->op, &flat, 1, &last, 1, &soft));
    QN_TRY(before(d, "Shape", d->in, 1, NULL, 0, &shape));
    d->op = "Reshape";
    d->attrs.n = 0;
    d->in[0] = soft;
    return set_in(d, 1, shape);
}

static qn_status batchnorm_spatial(door *d, const upgrade *u)
{
    (void)u;
    const attr *a = find(d, "spatial");
    if (a && a->kind == ATTR_INT && a->i == 0)
        return fail(QN_E_UNSUPPORTED, "statistics for each element (spatial=0) are not in this build");
    drop(d, "spatial");
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
    val one = ints(d, (const i64[]){ 1 }, 1), n = ints(d, &groups->i, 1), flat = ints(d, (const i64[]){ -1 }, 1);
    attr axis = attr_of_int("axis", 0);
    if (!one || !n || !flat) return QN_E_NOMEM;
    val each;
    QN_TRY(before(d, "Div", (const val[]){ channels, n }, 2, NULL, 0, &each));
    QN_TRY(before(d, "Unsqueeze", (const val[]){ per_group, one }, 2, NULL, 0, &column));
    QN_TRY(before(d, "Concat", (const val[]){ n, each }, 2, &axis, 1, &shape));
    QN_TRY(before(d, "Expand", (const val[]){ column, shape }, 2, NULL, 0, &wide));
    return before(d, "Reshape", (const val[]){ wide, flat }, 2, NULL, 0, out);
}

static qn_status groupnorm_channels(door *d, const upgrade *u)
{
    (void)u;
    const attr *groups = find(d, "num_groups");
    if (!groups || groups->kind != ATTR_INT || groups->i < 1 || d->n_in < 3)
        return fail(QN_E_FORMAT, "it wants three inputs and num_groups");
    attr part[2] = { attr_of_int("start", 1), attr_of_int("end", 2) };
    val channels;
    QN_TRY(before(d, "Shape", d->in, 1, part, 2, &channels));
    QN_TRY(groupnorm_each(d, groups, d->in[1], channels, &d->in[1]));
    return groupnorm_each(d, groups, d->in[2], channels, &d->in[2]);
}

static qn_status gridsample_modes(door *d, const upgrade *u)
{
    (void)u;
    attr *mode = find(d, "mode");
    if (!mode) return QN_OK;
    QN_TRY(want_kind(mode, ATTR_TEXT));
    if (bytes_are(mode->text, "bilinear")) *mode = attr_of_text("mode", "linear");
    else if (bytes_are(mode->text, "bicubic")) *mode = attr_of_text("mode", "cubic");
    return QN_OK;
}

static qn_status roialign_corners(door *d, const upgrade *u)
{
    (void)u;
    return add_missing(d, attr_of_text("coordinate_transformation_mode", "output_half_pixel"));
}

/* ---- opset 1 to 5 */

/* The type was a name: "FLOAT", "INT64". */
static qn_status cast_by_name(door *d, const upgrade *u)
{
    static const char *const types[] = { "UNDEFINED", "FLOAT",  "UINT8", "INT8",    "UINT16", "INT16",  "INT32",
                                         "INT64",     "STRING", "BOOL",  "FLOAT16", "DOUBLE", "UINT32", "UINT64" };
    (void)u;
    attr *a = find(d, "to");
    if (!a || a->kind == ATTR_INT) return QN_OK;
    QN_TRY(want_kind(a, ATTR_TEXT));
    for (u32 i = 1; i < COUNT(types); i++)
        if (bytes_are(a->text, types[i])) return *a = attr_of_int("to", i), QN_OK;
    return fail(QN_E_UNSUPPORTED, "to '%.*s' is no type this build has", onnx_text_ok(a->text) ? (int)MIN(a->text.n, 40) : 0,
                (const char *)a->text.data);
}

/* It repeated one axis: tiles and axis were single numbers. */
static qn_status tile_axis(door *d, const upgrade *u)
{
    (void)u;
    const type *t;
    QN_TRY(type_of_in(d, 0, &t));
    if (d->n_in != 3 || !in(d, 1) || !in(d, 2)) return fail(QN_E_FORMAT, "it wants three inputs");
    if (!t || !is_constant(d->g, d->in[1]) || !is_constant(d->g, d->in[2]))
        return fail(QN_E_UNSUPPORTED, "opset 1's Tile wants tiles and axis as constants, outside of bodies");
    f64 tiles, axis;
    i64 repeats[QN_MAX_RANK];
    if (!constant_f64(d->g, d->in[1], &tiles) || !constant_f64(d->g, d->in[2], &axis) || !(axis >= 0 && axis < t->rank) ||
        !(tiles >= 0 && tiles <= INT32_MAX))
        return fail(QN_E_FORMAT, "tiles and axis must be single numbers, from 0 on, the axis inside the tensor");
    for (u32 i = 0; i < t->rank; i++) repeats[i] = i == (u32)axis ? (i64)tiles : 1;
    d->n_in = 2;
    return set_in(d, 1, ints(d, repeats, t->rank));
}

static qn_status concat_axis(door *d, const upgrade *u)
{
    (void)u;
    return add_missing(d, attr_of_int("axis", 1));
}

static qn_status rename_attr(door *d, const upgrade *u)
{
    attr *a = find(d, u->name);
    if (a) a->name = "pads";
    return QN_OK;
}

/* p was a float. */
static qn_status whole_p(door *d, const upgrade *u)
{
    (void)u;
    attr *a = find(d, "p");
    if (!a) return QN_OK;
    QN_TRY(want_kind(a, ATTR_FLOAT));
    if (!(a->f >= 0 && a->f <= INT32_MAX) || a->f != (f64)(i64)a->f)
        return fail(QN_E_UNSUPPORTED, "p=%g; only whole numbers are in this build", a->f);
    *a = attr_of_int("p", (i64)a->f);
    return QN_OK;
}

/* The sizes came as an input of floats or as an attribute. */
static qn_status split_input(door *d, const upgrade *u)
{
    (void)u;
    attr to = attr_of_int("to", 7);
    return in(d, 1) ? before(d, "Cast", &d->in[1], 1, &to, 1, &d->in[1]) : QN_OK;
}

static qn_status upsample_sizes(door *d, const upgrade *u)
{
    (void)u;
    const attr *h = find(d, "height_scale"), *w = find(d, "width_scale");
    if (!h || !w) return QN_OK;
    QN_TRY(want_kind(h, ATTR_FLOAT));
    QN_TRY(want_kind(w, ATTR_FLOAT));
    f32 *scales = ARENA_ARRAY(d->g->mem, 4, f32);
    if (!scales) return fail_nomem(4 * sizeof *scales);
    scales[0] = scales[1] = 1, scales[2] = (f32)h->f, scales[3] = (f32)w->f;
    drop(d, "height_scale");
    drop(d, "width_scale");
    return add(d, (attr){ .name = "scales", .kind = ATTR_FLOATS, .n = 4, .floats = scales });
}

/* ---- opset 8 */

/* A body that runs the node's own over what it takes: the Scan of opset 9. */
static graph *scan_in_body(door *d, u32 n_in, attr *attrs, u32 n_attrs)
{
    graph *body = graph_make(d->g->mem, d->g);
    val *in = ARENA_ARRAY(d->g->mem, n_in, val), *out = ARENA_ARRAY(d->g->mem, d->n_out, val);
    if (!body || !in || !out) return NULL;
    for (u32 i = 0; i < n_in; i++)
        if (!(in[i] = graph_input(body, NULL, &(type){ 0 }))) return NULL;
    op_id scan = op_by_name("", "Scan");
    if (!graph_node(body, 0, (u16)scan, NULL, in, n_in, out, d->n_out, attrs, n_attrs)) return NULL;
    for (u32 i = 0; i < d->n_out; i++)
        if (graph_output(body, out[i]) != QN_OK) return NULL;
    return body;
}

/* All tensors had a batch in front: a Scan over the batch, whose body scans one sequence. */
static qn_status scan_batch(door *d, const upgrade *u)
{
    (void)u;
    attr *body = find(d, "body"), *scans = find(d, "num_scan_inputs"), *directions = find(d, "directions"),
         *captures = find(d, "captures");
    if (in(d, 0)) return fail(QN_E_UNSUPPORTED, "opset 8's Scan with sequence_lens is not read");
    if (!d->n_in || !body || body->kind != ATTR_GRAPH || !scans || scans->kind != ATTR_INT)
        return fail(QN_E_FORMAT, "it has no body, or does not say how many inputs it scans");
    i64 captured = captures && captures->kind == ATTR_INT ? captures->i : 0, batched = (i64)d->n_in - 1 - captured;
    if (body->body->n_outputs != d->n_out || batched < 1)
        return fail(QN_E_FORMAT, "its body gives %u values, the node %u", body->body->n_outputs, d->n_out);
    attr inner[4] = { *body, *scans, attr_of_int("captures", captured) };
    if (directions) inner[3] = *directions, inner[3].name = "scan_input_directions";
    graph *made = scan_in_body(d, d->n_in - 1, inner, directions ? 4 : 3);
    if (!made) return fail_nomem(sizeof *made);
    body->body = made;
    scans->i = batched;
    memmove(d->in, d->in + 1, --d->n_in * sizeof *d->in);
    drop(d, "directions");
    return QN_OK;
}

/* ---- the table */

enum { ALWAYS = 1 << 20 };

/* clang-format off */
static const upgrade upgrades[] = {
    { NULL,                    6, drop_attr,          "consumed_inputs", 0 },
    { "Cast",                  6, cast_by_name,       NULL,     0 },
    { "Tile",                  6, tile_axis,          NULL,     0 },
    { "Reshape",               5, ints_to_input,      "shape",  1 },
    { "Concat",                4, concat_axis,        NULL,     0 },
    { "Pad",                   2, rename_attr,        "paddings", 0 },
    { "LpPool",                2, whole_p,            NULL,     0 },
    { "GlobalLpPool",          2, whole_p,            NULL,     0 },
    { "Split",                 2, split_input,        NULL,     0 },
    { "Upsample",              7, upsample_sizes,     NULL,     0 },
    { "Add",                   7, broadcast_axis,     NULL,     0 },
    { "Sub",                   7, broadcast_axis,     NULL,     0 },
    { "Mul",                   7, broadcast_axis,     NULL,     0 },
    { "Div",                   7, broadcast_axis,     NULL,     0 },
    { "And",                   7, broadcast_axis,     NULL,     0 },
    { "Or",                    7, broadcast_axis,     NULL,     0 },
    { "Xor",                   7, broadcast_axis,     NULL,     0 },
    { "Equal",                 7, broadcast_axis,     NULL,     0 },
    { "Greater",               7, broadcast_axis,     NULL,     0 },
    { "Less",                  7, broadcast_axis,     NULL,     0 },
    { "Pow",                   7, broadcast_axis,     NULL,     0 },
    { "Gemm",                 7, drop_attr,          "broadcast", 0 },
    { "PRelu",                7, prelu_channels,     NULL,     0 },
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
    { "Scan",                 9, scan_batch,         NULL,     0 },
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

/* Rows for opsets 1 to 8: names where numbers are now, broadcasts that said their axis, a Scan with a batch in front. */
#include "format/onnx_upgrade.h"

/* The type was a name: "FLOAT", "INT64". */
qn_status upgrade_cast_by_name(door *d, const upgrade *u)
{
    static const char *const types[] = { "UNDEFINED", "FLOAT",  "UINT8", "INT8",    "UINT16", "INT16",  "INT32",
                                         "INT64",     "STRING", "BOOL",  "FLOAT16", "DOUBLE", "UINT32", "UINT64" };
    (void)u;
    attr *a = door_attr(d, "to");
    if (!a || a->kind == ATTR_INT) return QN_OK;
    QN_TRY(door_want_kind(a, ATTR_TEXT));
    for (u32 i = 1; i < COUNT(types); i++)
        if (bytes_are(a->text, types[i])) return *a = attr_of_int("to", i), QN_OK;
    return fail(QN_E_UNSUPPORTED, "to '%.*s' is no type this build has", onnx_text_ok(a->text) ? (int)MIN(a->text.n, 40) : 0,
                (const char *)a->text.data);
}

/* It repeated one axis: tiles and axis were single numbers. */
qn_status upgrade_tile_axis(door *d, const upgrade *u)
{
    (void)u;
    const type *t;
    QN_TRY(door_type(d, 0, &t));
    if (d->n_in != 3 || !door_in(d, 1) || !door_in(d, 2)) return fail(QN_E_FORMAT, "it wants three inputs");
    if (!t || !is_constant(d->g, d->in[1]) || !is_constant(d->g, d->in[2]))
        return fail(QN_E_UNSUPPORTED, "opset 1's Tile wants tiles and axis as constants, outside of bodies");
    f64 tiles, axis;
    i64 repeats[QN_MAX_RANK];
    if (!constant_f64(d->g, d->in[1], &tiles) || !constant_f64(d->g, d->in[2], &axis) || !(axis >= 0 && axis < t->rank) ||
        !(tiles >= 0 && tiles <= INT32_MAX))
        return fail(QN_E_FORMAT, "tiles and axis must be single numbers, from 0 on, the axis inside the tensor");
    for (u32 i = 0; i < t->rank; i++) repeats[i] = i == (u32)axis ? (i64)tiles : 1;
    d->n_in = 2;
    return door_set_in(d, 1, door_ints(d, repeats, t->rank));
}

qn_status upgrade_concat_axis(door *d, const upgrade *u)
{
    (void)u;
    return door_add_missing(d, attr_of_int("axis", 1));
}

qn_status upgrade_rename_attr(door *d, const upgrade *u)
{
    attr *a = door_attr(d, u->name);
    if (a) a->name = "pads";
    return QN_OK;
}

/* p was a float. */
qn_status upgrade_whole_p(door *d, const upgrade *u)
{
    (void)u;
    attr *a = door_attr(d, "p");
    if (!a) return QN_OK;
    QN_TRY(door_want_kind(a, ATTR_FLOAT));
    if (!(a->f >= 0 && a->f <= INT32_MAX) || a->f != (f64)(i64)a->f)
        return fail(QN_E_UNSUPPORTED, "p=%g; only whole numbers are in this build", a->f);
    *a = attr_of_int("p", (i64)a->f);
    return QN_OK;
}

/* The sizes came as an input of floats or as an attribute. */
qn_status upgrade_split_input(door *d, const upgrade *u)
{
    (void)u;
    attr to = attr_of_int("to", 7);
    return door_in(d, 1) ? door_before(d, "Cast", &d->in[1], 1, &to, 1, &d->in[1]) : QN_OK;
}

qn_status upgrade_upsample_sizes(door *d, const upgrade *u)
{
    (void)u;
    const attr *h = door_attr(d, "height_scale"), *w = door_attr(d, "width_scale");
    if (!h || !w) return QN_OK;
    QN_TRY(door_want_kind(h, ATTR_FLOAT));
    QN_TRY(door_want_kind(w, ATTR_FLOAT));
    f32 *scales = ARENA_ARRAY(d->g->mem, 4, f32);
    if (!scales) return fail_nomem(4 * sizeof *scales);
    scales[0] = scales[1] = 1, scales[2] = (f32)h->f, scales[3] = (f32)w->f;
    door_drop(d, "height_scale");
    door_drop(d, "width_scale");
    return door_add(d, (attr){ .name = "scales", .kind = ATTR_FLOATS, .n = 4, .floats = scales });
}

/* y = Unsqueeze(v) with ones behind its dimensions, so that it stands at `axis` of a tensor of that rank. */
static qn_status ones_behind(door *d, val v, i64 rank, i64 axis, i64 rank_v, val *out)
{
    i64 axes[QN_MAX_RANK], n = rank - axis - rank_v;
    if (axis < 0 || n < 0 || n > QN_MAX_RANK)
        return fail(QN_E_FORMAT, "axis %lld leaves no room for its second input", (long long)axis);
    for (i64 i = 0; i < n; i++) axes[i] = rank_v + i;
    *out = v;
    if (n == 0) return QN_OK;
    val which = door_ints(d, axes, (u32)n);
    return which ? door_before(d, "Unsqueeze", (const val[]){ v, which }, 2, NULL, 0, out) : QN_E_NOMEM;
}

/* The ranks of the first two inputs. */
static qn_status two_ranks(door *d, i64 *a, i64 *b)
{
    const type *x, *y;
    QN_TRY(door_type(d, 0, &x));
    if (x) *a = x->rank;
    QN_TRY(door_type(d, 1, &y));
    if (y) *b = y->rank;
    return x && y ? QN_OK : fail(QN_E_UNSUPPORTED, "opset 6's %s inside a body is not read", d->op);
}

/* Before opset 7 the second operand said at which axis of the first it stands. */
qn_status upgrade_broadcast_axis(door *d, const upgrade *u)
{
    (void)u;
    const attr *a = door_attr(d, "axis");
    i64 axis = a && a->kind == ATTR_INT ? a->i : 0, rank_a, rank_b;
    door_drop(d, "broadcast");
    if (!a) return QN_OK;
    door_drop(d, "axis");
    QN_TRY(two_ranks(d, &rank_a, &rank_b));
    return ones_behind(d, d->in[1], rank_a, axis < 0 ? axis + rank_a : axis, rank_b, &d->in[1]);
}

/* A slope for each channel stood alone; now it is broadcast like any operand. */
qn_status upgrade_prelu_channels(door *d, const upgrade *u)
{
    (void)u;
    i64 rank, rank_slope;
    QN_TRY(two_ranks(d, &rank, &rank_slope));
    return rank_slope == 1 && rank > 2 ? ones_behind(d, d->in[1], rank, 1, 1, &d->in[1]) : QN_OK;
}

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
qn_status upgrade_scan_batch(door *d, const upgrade *u)
{
    (void)u;
    attr *body = door_attr(d, "body"), *scans = door_attr(d, "num_scan_inputs"), *directions = door_attr(d, "directions"),
         *captures = door_attr(d, NOTE_CAPTURES);
    if (door_in(d, 0)) return fail(QN_E_UNSUPPORTED, "opset 8's Scan with sequence_lens is not read");
    if (!d->n_in || !body || body->kind != ATTR_GRAPH || !scans || scans->kind != ATTR_INT)
        return fail(QN_E_FORMAT, "it has no body, or does not say how many inputs it scans");
    i64 captured = captures && captures->kind == ATTR_INT ? captures->i : 0, batched = (i64)d->n_in - 1 - captured;
    if (body->body->n_outputs != d->n_out || batched < 1)
        return fail(QN_E_FORMAT, "its body gives %u values, the node %u", body->body->n_outputs, d->n_out);
    attr inner[4] = { *body, *scans, attr_of_int(NOTE_CAPTURES, captured) };
    if (directions) inner[3] = *directions, inner[3].name = "scan_input_directions";
    graph *made = scan_in_body(d, d->n_in - 1, inner, directions ? 4 : 3);
    if (!made) return fail_nomem(sizeof *made);
    body->body = made;
    scans->i = batched;
    memmove(d->in, d->in + 1, --d->n_in * sizeof *d->in);
    door_drop(d, "directions");
    return QN_OK;
}

/* GraphProto to graph: initializers and inputs get names, nodes are read in their order, outputs are looked up.
 *
 * A name means a value in the scope of its graph. A body (of If, Loop, Scan) also sees the scope it stands in; what it takes from there
 * becomes one more input of the body and of its node (NOTE_CAPTURES), except constants, which the body simply shares. */
#include "format/onnx_reader.h"
#include "op/op.h"

typedef struct graph_message {
    qn_bytes name;
    pb_list nodes, initializers, sparse, inputs, outputs;
} graph_message;

static qn_status read_message(arena *mem, qn_bytes message, graph_message *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    bool room = true;
    while (room && pb_next(&c, &f)) {
        if (f.wire != PB_BYTES) continue;
        switch (f.number) {
        case 1: room = pb_list_add(mem, &out->nodes, f.bytes); break;
        case 2: out->name = f.bytes; break;
        case 5: room = pb_list_add(mem, &out->initializers, f.bytes); break;
        case 11: room = pb_list_add(mem, &out->inputs, f.bytes); break;
        case 12: room = pb_list_add(mem, &out->outputs, f.bytes); break;
        case 15: room = pb_list_add(mem, &out->sparse, f.bytes); break;
        default: break;
        }
    }
    if (!room) return fail_nomem(message.n);
    return c.bad ? fail(QN_E_FORMAT, "a graph's message is damaged") : QN_OK;
}

qn_status onnx_collect_list(arena *mem, qn_bytes message, u32 number, pb_list *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    while (pb_next(&c, &f))
        if (pb_is(&f, number, PB_BYTES) && !pb_list_add(mem, out, f.bytes)) return fail_nomem(message.n);
    return c.bad ? fail(QN_E_FORMAT, "a message is damaged") : QN_OK;
}

/* ---- names */

qn_status onnx_define(scope *s, qn_bytes name, val v)
{
    if (names_find(&s->values, name))
        return fail(QN_E_FORMAT, "two values are called '%.*s'", (int)MIN(name.n, 200), (const char *)name.data);
    return names_add(s->g->mem, &s->values, name, v) ? QN_OK : fail_nomem(sizeof(name_entry));
}

/* A value of the outer graph as an input of this one, or as the same constant. */
static qn_status take_from_outer(scope *s, qn_bytes name, val outer, val *out)
{
    const graph *from = s->outer->g;
    const char *text;
    QN_TRY(onnx_text(s->g->mem, name, "a value's name", &text));
    if (is_weight(from, outer)) {
        qn_tensor t = constant_tensor(from, outer);
        *out = graph_constant_like(s->g, text, from, outer, &t);
        return *out ? onnx_define(s, name, *out) : QN_E_NOMEM;
    }
    type t = value_at(from, live(from, outer))->type;
    if (!ARENA_PUSH_ROOM(s->g->mem, s->captures, s->n_captures, s->cap_captures, 1 << 20))
        return fail_nomem(sizeof(capture));
    *out = graph_input(s->g, text, &t);
    if (!*out) return QN_E_NOMEM;
    s->captures[s->n_captures++] = (capture){ name, outer, *out };
    return onnx_define(s, name, *out);
}

qn_status onnx_resolve(scope *s, qn_bytes name, val *out)
{
    const name_entry *e = names_find(&s->values, name);
    *out = e ? e->number : 0;
    if (e || !s->outer) return QN_OK;
    val outer;
    QN_TRY(onnx_resolve(s->outer, name, &outer));
    return outer ? take_from_outer(s, name, outer, out) : QN_OK;
}

/* ---- types */

static qn_status fresh_dim(graph *g, const char *value_name, u32 axis, sym *out)
{
    const char *stem = arena_print(g->mem, "%.100s[%u]", value_name, axis);
    if (!stem) return fail_nomem(strlen(value_name));
    *out = sym_fresh(g, stem);
    return sym_status(g);
}

static qn_status read_dim(graph *g, qn_bytes message, const char *value_name, u32 axis, sym *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    i64 size = -1;
    qn_bytes name = { 0 };
    while (pb_next(&c, &f)) {
        if (pb_is(&f, 1, PB_VARINT)) size = (i64)f.bits;
        if (pb_is(&f, 2, PB_BYTES)) name = f.bytes;
    }
    if (c.bad) return fail(QN_E_FORMAT, "a dimension's message is damaged");
    if (size < -1) return fail(QN_E_FORMAT, "dimension %u is %lld", axis, (long long)size);
    const char *text;
    QN_TRY(onnx_text(g->mem, name, "a dimension's name", &text));
    if (size >= 0) *out = sym_number(g, size);
    else if (name.n) *out = sym_variable(g, text);
    else if (value_name) return fresh_dim(g, value_name, axis, out);
    else *out = 0;
    return sym_status(g);
}

/* name: of an input, whose unnamed dimensions become variables; NULL: unknown ones stay unknown. */
static qn_status read_shape(graph *g, qn_bytes message, const char *name, type *out)
{
    pb_list dims = { 0 };
    QN_TRY(onnx_collect_list(g->mem, message, 1, &dims));
    if (dims.n > QN_MAX_RANK)
        return fail(QN_E_UNSUPPORTED, "it has %u dimensions, at most %d are possible", dims.n, QN_MAX_RANK);
    out->rank = (u8)dims.n;
    out->known = true;
    for (u32 i = 0; i < dims.n; i++) QN_TRY(read_dim(g, dims.items[i], name, i, &out->dims[i]));
    return QN_OK;
}

static qn_status read_tensor_type(graph *g, qn_bytes message, const char *name, type *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    while (pb_next(&c, &f)) {
        if (pb_is(&f, 1, PB_VARINT)) QN_TRY(onnx_dtype(f.bits, &out->dtype));
        if (pb_is(&f, 2, PB_BYTES)) QN_TRY(read_shape(g, f.bytes, name, out));
    }
    if (c.bad) return fail(QN_E_FORMAT, "its type's message is damaged");
    return out->dtype ? QN_OK : fail(QN_E_FORMAT, "its type has no element type");
}

static qn_status read_type(graph *g, qn_bytes message, const char *name, u32 depth, type *out);

/* TypeProto.Sequence and .Optional: field 1 is the type of what they hold. */
static qn_status read_list_type(graph *g, qn_bytes message, qn_dtype kind, const char *name, u32 depth, type *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    type of = { 0 };
    while (pb_next(&c, &f))
        if (pb_is(&f, 1, PB_BYTES)) QN_TRY(read_type(g, f.bytes, NULL, depth + 1, &of));
    if (c.bad) return fail(QN_E_FORMAT, "its type's message is damaged");
    if (!of.dtype) return fail(QN_E_FORMAT, "it is a %s of no type", qn_dtype_name(kind));
    if (of.dtype == QN_OPTIONAL || (of.dtype == QN_SEQUENCE && kind == QN_SEQUENCE))
        return fail(QN_E_UNSUPPORTED, "it is a %s of %ss", qn_dtype_name(kind), qn_dtype_name(of.dtype));
    of.any_rank = !of.known;
    sym n = 0;
    if (name) QN_TRY(fresh_dim(g, name, 0, &n));
    *out = list_type(g, kind, n, &of);
    return out->of ? QN_OK : QN_E_NOMEM;
}

/* TypeProto.Map: field 1 is the type of its keys, 2 of its values, each of which is one number or text: a shape, if any, says no more. */
static qn_status read_map_type(graph *g, qn_bytes message, u32 depth, type *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    type of = { 0 };
    qn_dtype key = QN_NONE;
    while (pb_next(&c, &f)) {
        if (pb_is(&f, 1, PB_VARINT)) QN_TRY(onnx_dtype(f.bits, &key));
        if (pb_is(&f, 2, PB_BYTES)) QN_TRY(read_type(g, f.bytes, NULL, depth + 1, &of));
    }
    if (c.bad || !of.dtype) return fail(QN_E_FORMAT, "the type of a map is damaged");
    if ((key != QN_I64 && key != QN_STRING) || dtype_is_list(of.dtype))
        return fail(QN_E_UNSUPPORTED, "it is a map from %s to %s; it must be from i64 or string to numbers or texts",
                    qn_dtype_name(key), qn_dtype_name(of.dtype));
    for (u32 d = 0; of.known && d < of.rank; d++)
        if (!sym_is(g, of.dims[d], 1) && of.dims[d])
            return fail(QN_E_UNSUPPORTED, "it is a map to tensors of many elements");
    *out = map_type(g, key, of.dtype);
    return out->of ? QN_OK : QN_E_NOMEM;
}

/* TypeProto. A declaration of an optional inside a sequence, or deeper lists, no op of ONNX makes. */
static qn_status read_type(graph *g, qn_bytes message, const char *name, u32 depth, type *out)
{
    static const struct {
        u32 field;
        const char *what;
    } others[] = { { 7, "an opaque type" }, { 8, "a sparse tensor" } };
    cursor c = cursor_of(message);
    pb_field f;
    *out = (type){ 0 };
    if (depth > 3) return fail(QN_E_UNSUPPORTED, "its type is nested too deep");
    while (pb_next(&c, &f)) {
        if (pb_is(&f, 1, PB_BYTES)) QN_TRY(read_tensor_type(g, f.bytes, name, out));
        if (pb_is(&f, 4, PB_BYTES)) QN_TRY(read_list_type(g, f.bytes, QN_SEQUENCE, name, depth, out));
        if (pb_is(&f, 5, PB_BYTES)) QN_TRY(read_map_type(g, f.bytes, depth, out));
        if (pb_is(&f, 9, PB_BYTES)) QN_TRY(read_list_type(g, f.bytes, QN_OPTIONAL, name, depth, out));
        for (size_t i = 0; i < COUNT(others); i++)
            if (f.number == others[i].field)
                return fail(QN_E_UNSUPPORTED, "it is %s, which this build cannot hold", others[i].what);
    }
    return c.bad ? fail(QN_E_FORMAT, "its type's message is damaged") : QN_OK;
}

qn_status onnx_type_read(graph *g, qn_bytes message, type *out) { return read_type(g, message, NULL, 0, out); }

typedef struct info {
    qn_bytes name, type;
} info; /* ValueInfoProto */

static qn_status read_info(qn_bytes message, info *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    *out = (info){ 0 };
    while (pb_next(&c, &f)) {
        if (pb_is(&f, 1, PB_BYTES)) out->name = f.bytes;
        if (pb_is(&f, 2, PB_BYTES)) out->type = f.bytes;
    }
    if (c.bad) return fail(QN_E_FORMAT, "the message of a value's type is damaged");
    return out->name.n ? QN_OK : fail(QN_E_FORMAT, "an input or output has no name");
}

/* ---- the parts of a graph */

static qn_status add_constant(scope *s, qn_bytes name, const qn_tensor *t, const outside *away)
{
    const char *text;
    if (name.n == 0) return fail(QN_E_FORMAT, "an initializer has no name");
    QN_TRY(onnx_text(s->g->mem, name, "an initializer's name", &text));
    val v = away ? graph_outside(s->g, text, t, away) : graph_constant(s->g, text, t);
    return v ? onnx_define(s, name, v) : QN_E_NOMEM;
}

/* To inspect a model, a weight of a type that this build cannot hold is no reason to stop. */
static bool passes_over(const scope *s, qn_status status) { return status == QN_E_UNSUPPORTED && s->file->source->tolerant; }

static qn_status read_initializers(scope *s, const graph_message *m)
{
    qn_bytes name;
    qn_tensor t;
    const outside *away = NULL;
    for (u32 i = 0; i < m->initializers.n + m->sparse.n; i++) {
        bool dense = i < m->initializers.n;
        qn_status status =
            dense ? onnx_tensor_read_away(&s->file->tensors, m->initializers.items[i], &name, &t, &away)
                  : (away = NULL, onnx_sparse_read(&s->file->tensors, m->sparse.items[i - m->initializers.n], &name, &t));
        if (passes_over(s, status)) continue;
        QN_TRY(status);
        QN_TRY(add_constant(s, name, &t, away));
    }
    return QN_OK;
}

static qn_status read_input(scope *s, qn_bytes message)
{
    info in;
    type t = { 0 };
    const char *text;
    QN_TRY(read_info(message, &in));
    const name_entry *known = names_find(&s->values, in.name);
    if (known && is_weight(s->g, known->number)) return QN_OK; /* the initializer is its default */
    QN_TRY(onnx_text(s->g->mem, in.name, "an input's name", &text));
    if (in.type.n || !s->body) {
        qn_status status = read_type(s->g, in.type, text, 0, &t);
        if (status == QN_OK && !t.dtype) status = fail(QN_E_FORMAT, "it has no type");
        if (!passes_over(s, status)) QN_TRY(fail_in(status, "input '%.200s': ", text));
    }
    val v = graph_input(s->g, text, &t);
    return v ? onnx_define(s, in.name, v) : QN_E_NOMEM;
}

/* The value stands under its name already, except where a function's output is some other value: then the name forwards to it. */
static qn_status add_output(scope *s, const char *text, val v)
{
    if (!value_at(s->g, v)->name || strcmp(value_at(s->g, v)->name, text) != 0) {
        val named = graph_value(s->g, text);
        if (!named) return QN_E_NOMEM;
        graph_replace(s->g, named, v);
        v = named;
    }
    return graph_output(s->g, v);
}

/* What the file says of an output, until inference knows better: it has begun, where an old operator's heir needs to know a type. A
 * declaration that cannot be read is none. Inputs and constants say of themselves what they are. */
static qn_status declare(scope *s, val v, qn_bytes message)
{
    type t;
    value *x = value_at(s->g, v);
    if ((x->type.known && !x->inferred) || read_type(s->g, message, NULL, 0, &t) != QN_OK) return QN_OK;
    if (x->inferred) {
        infer c = { .g = s->g, .id = x->maker, .n = node_at(s->g, x->maker) };
        return x->maker ? infer_as_declared(&c, x->maker_out, &x->type, &t) : QN_OK;
    }
    x->type = t;
    return QN_OK;
}

static qn_status read_output(scope *s, qn_bytes message)
{
    info out;
    val v;
    const char *text;
    QN_TRY(read_info(message, &out));
    QN_TRY(onnx_text(s->g->mem, out.name, "an output's name", &text));
    QN_TRY(onnx_resolve(s, out.name, &v));
    if (!v && !s->file->source->tolerant) return fail(QN_E_FORMAT, "output '%.200s' is computed by no node", text);
    if (!v && !(v = graph_value(s->g, text))) return QN_E_NOMEM;
    QN_TRY(declare(s, v, out.type));
    return add_output(s, text, v);
}

qn_status onnx_graph_read(scope *s, qn_bytes message)
{
    graph_message m = { 0 };
    arena *mem = s->g->mem;
    if (s->depth > ONNX_MAX_NESTING) return fail(QN_E_UNSUPPORTED, "graphs are nested deeper than %d", ONNX_MAX_NESTING);
    QN_TRY(read_message(mem, message, &m));
    QN_TRY(onnx_text(mem, m.name, "a graph's name", &s->g->name));
    QN_TRY(read_initializers(s, &m));
    for (u32 i = 0; i < m.inputs.n; i++) QN_TRY(read_input(s, m.inputs.items[i]));
    for (u32 i = 0; i < m.nodes.n && !s->file->source->tolerant; i++) QN_TRY(onnx_node_read(s, m.nodes.items[i]));
    if (!m.outputs.n && !s->file->source->tolerant)
        return fail(QN_E_FORMAT, "%s has no outputs", s->body ? "a body" : "the graph");
    for (u32 i = 0; i < m.outputs.n; i++) QN_TRY(read_output(s, m.outputs.items[i]));
    return QN_OK;
}

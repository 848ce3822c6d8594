/* NodeProto to node. Constants become values, calls of the file's own functions are expanded in place, all else goes through the door
 * (onnx_upgrade.h) and is added to the graph. */
#include "format/onnx_upgrade.h"

typedef struct node_message {
    qn_bytes name, op, domain, overload;
    pb_list in, out, attrs;
} node_message;

static qn_status read_message(arena *mem, qn_bytes message, node_message *out)
{
    cursor c = cursor_of(message);
    pb_field f;
    bool room = true;
    while (room && pb_next(&c, &f)) {
        if (f.wire != PB_BYTES) continue;
        switch (f.number) {
        case 1: room = pb_list_add(mem, &out->in, f.bytes); break;
        case 2: room = pb_list_add(mem, &out->out, f.bytes); break;
        case 3: out->name = f.bytes; break;
        case 4: out->op = f.bytes; break;
        case 5: room = pb_list_add(mem, &out->attrs, f.bytes); break;
        case 7: out->domain = f.bytes; break;
        case 8: out->overload = f.bytes; break;
        default: break;
        }
    }
    if (!room) return fail_nomem(message.n);
    while (out->in.n && out->in.items[out->in.n - 1].n == 0) out->in.n--;
    while (out->out.n && out->out.items[out->out.n - 1].n == 0) out->out.n--;
    return c.bad || out->op.n == 0 ? fail(QN_E_FORMAT, "a node's message is damaged") : QN_OK;
}

/* ---- inputs and outputs */

static qn_status push_in(door *d, val v)
{
    if (!ARENA_PUSH_ROOM(d->g->mem, d->in, d->n_in, d->cap_in, 1 << 20)) return fail_nomem(sizeof v);
    d->in[d->n_in++] = v;
    return QN_OK;
}

static qn_status resolve_inputs(door *d, const pb_list *ins)
{
    for (u32 i = 0; i < ins->n; i++) {
        val v = 0;
        qn_bytes name = ins->items[i];
        if (name.n) {
            QN_TRY(onnx_resolve(d->s, name, &v));
            if (!v && !names_find(&d->s->values, name))
                return fail(QN_E_FORMAT, "it uses '%.*s', which no earlier node makes",
                            onnx_text_ok(name) ? (int)MIN(name.n, 200) : 0, (const char *)name.data);
        }
        QN_TRY(push_in(d, v));
    }
    return QN_OK;
}

/* Values for the outputs, named but not yet made; inside a function they have no names, for a function may be called twice. */
static qn_status make_outputs(scope *s, const pb_list *outs, val *out)
{
    for (u32 i = 0; i < outs->n; i++) {
        const char *text = NULL;
        out[i] = 0;
        if (outs->items[i].n == 0) continue;
        QN_TRY(onnx_text(s->g->mem, outs->items[i], "an output's name", &text));
        out[i] = graph_value(s->g, s->call ? NULL : text);
        if (!out[i]) return QN_E_NOMEM;
        QN_TRY(onnx_define(s, outs->items[i], out[i]));
    }
    return QN_OK;
}

/* ---- bodies: all of a node's take the same captures, in one order, behind their own inputs */

static capture *find_capture(scope *s, qn_bytes name)
{
    for (u32 i = 0; i < s->n_captures; i++)
        if (bytes_same(s->captures[i].name, name)) return &s->captures[i];
    return NULL;
}

/* A value that only another body takes: this one gets an input that it does not use, and that has no name in it. */
static qn_status give_capture(scope *s, const capture *c)
{
    if (find_capture(s, c->name)) return QN_OK;
    type t = value_at(s->outer->g, live(s->outer->g, c->outer))->type;
    if (!ARENA_PUSH_ROOM(s->g->mem, s->captures, s->n_captures, s->cap_captures, 1 << 20)) return fail_nomem(sizeof *c);
    val input = graph_input(s->g, NULL, &t);
    if (!input) return QN_E_NOMEM;
    s->captures[s->n_captures++] = (capture){ c->name, c->outer, input };
    return QN_OK;
}

static void order_captures(scope *s, const capture *order, u32 n)
{
    u32 formal = s->g->n_inputs - n;
    for (u32 i = 0; i < n; i++) s->g->inputs[formal + i] = find_capture(s, order[i].name)->input;
}

/* Inputs left out at a node's end are not in the list; what stands behind them must not take their places. */
static qn_status fill_places(door *d)
{
    op_id op = op_by_name(d->domain, d->op);
    for (u32 least = op == OP_NONE ? 0 : op_defs[op]->min_in; d->n_in < least;) QN_TRY(push_in(d, 0));
    return QN_OK;
}

/* Notes are ours to make: a file's own would be believed. */
static qn_status join_captures(door *d, const bodies *b)
{
    for (u32 i = 0; i < d->attrs.n; i++)
        if (op_is_note(d->attrs.items[i].name))
            return fail(QN_E_UNSUPPORTED, "attribute '%s' is not one this op has", d->attrs.items[i].name);
    if (b->n == 0) return QN_OK;
    QN_TRY(fill_places(d));
    for (u32 i = 0; i < b->n; i++)
        for (u32 k = 0; k < b->items[i]->n_captures; k++)
            for (u32 j = 0; j < b->n; j++) QN_TRY(give_capture(b->items[j], &b->items[i]->captures[k]));
    const scope *first = b->items[0];
    for (u32 j = 0; j < b->n; j++) order_captures(b->items[j], first->captures, first->n_captures);
    for (u32 k = 0; k < first->n_captures; k++) QN_TRY(push_in(d, first->captures[k].outer));
    attr count = attr_of_int(NOTE_CAPTURES, first->n_captures);
    if (!ARENA_PUSH_ROOM(d->g->mem, d->attrs.items, d->attrs.n, d->attrs.cap, 1 << 16)) return fail_nomem(sizeof count);
    d->attrs.items[d->attrs.n++] = count;
    return QN_OK;
}

/* ---- Constant */

static qn_status constant_tensor_of(graph *g, const attr *a, qn_tensor *out)
{
    static const struct {
        attr_kind kind;
        qn_dtype dtype;
        u32 rank;
    } forms[] = {
        { ATTR_INT, QN_I64, 0 },  { ATTR_FLOAT, QN_F32, 0 },  { ATTR_TEXT, QN_STRING, 0 },
        { ATTR_INTS, QN_I64, 1 }, { ATTR_FLOATS, QN_F32, 1 }, { ATTR_TEXTS, QN_STRING, 1 },
    };
    if (a->kind == ATTR_TENSOR) {
        *out = *a->tensor;
        return QN_OK;
    }
    qn_bytes *room = ARENA_NEW(g->mem, qn_bytes); /* for the single ones */
    if (!room) return fail_nomem(sizeof *room);
    f32 real = (f32)a->f;
    if (a->kind == ATTR_INT) memcpy(room, &a->i, sizeof a->i);
    if (a->kind == ATTR_FLOAT) memcpy(room, &real, sizeof real);
    if (a->kind == ATTR_TEXT) *room = a->text;
    for (size_t i = 0; i < COUNT(forms); i++) {
        if (forms[i].kind != a->kind) continue;
        *out = (qn_tensor){ .dtype = forms[i].dtype, .rank = forms[i].rank, .dims = { a->n } };
        out->data = forms[i].rank ? (const void *)a->ints : room;
        return QN_OK;
    }
    return fail(QN_E_FORMAT, "its attribute '%s' is no value", a->name);
}

static qn_status add_constant(scope *s, const door *d, const pb_list *outs, const outside *away)
{
    qn_tensor t;
    const char *text;
    if (d->attrs.n != 1) return fail(QN_E_FORMAT, "it wants one attribute, its value");
    if (d->n_in || outs->n != 1) return fail(QN_E_FORMAT, "it wants no input and one output");
    QN_TRY(constant_tensor_of(s->g, &d->attrs.items[0], &t));
    QN_TRY(onnx_text(s->g->mem, outs->items[0], "an output's name", &text));
    const char *name = s->call ? NULL : text;
    val v = away ? graph_outside(s->g, name, &t, away) : graph_constant(s->g, name, &t);
    return v ? onnx_define(s, outs->items[0], v) : QN_E_NOMEM;
}

/* ---- functions */

/* Attributes that the call does not give have the function's defaults. */
static qn_status add_defaults(scope *s, const onnx_function *f, attr_list *attrs)
{
    attr_list defaults = { 0 };
    bodies none = { 0 };
    for (u32 i = 0; i < f->defaults.n; i++) QN_TRY(onnx_attr_read(s, f->defaults.items[i], &defaults, &none));
    for (u32 i = 0; i < defaults.n; i++) {
        bool given = false;
        for (u32 k = 0; k < attrs->n; k++) given = given || strcmp(attrs->items[k].name, defaults.items[i].name) == 0;
        if (given) continue;
        if (!ARENA_PUSH_ROOM(s->g->mem, attrs->items, attrs->n, attrs->cap, 1 << 16)) return fail_nomem(sizeof(attr));
        attrs->items[attrs->n++] = defaults.items[i];
    }
    return QN_OK;
}

/* The call's outputs are the values that the body leaves under its output names. */
static qn_status take_outputs(scope *s, scope *inner, const onnx_function *f, const pb_list *outs)
{
    for (u32 i = 0; i < outs->n; i++) {
        val v;
        const char *text;
        if (outs->items[i].n == 0) continue;
        if (i >= f->outputs.n)
            return fail(QN_E_FORMAT, "the function gives %u outputs, the call wants %u", f->outputs.n, outs->n);
        QN_TRY(onnx_resolve(inner, f->outputs.items[i], &v));
        if (!v) return fail(QN_E_FORMAT, "output %u of the function is computed by no node of it", i);
        QN_TRY(onnx_text(s->g->mem, outs->items[i], "an output's name", &text));
        value *x = value_at(s->g, v);
        if (!x->name && !s->call) x->name = text;
        QN_TRY(onnx_define(s, outs->items[i], v));
    }
    return QN_OK;
}

static qn_status read_function_body(scope *s, door *d, const onnx_function *f, const pb_list *outs)
{
    onnx_call call = { f, d->attrs.items, d->attrs.n, d->label };
    scope inner = { .file = s->file,
                    .g = s->g,
                    .imports = &f->imports,
                    .call = &call,
                    .depth = s->depth + 1,
                    .body = s->body,
                    .inferred = s->inferred };
    if (inner.depth > ONNX_MAX_NESTING)
        return fail(QN_E_UNSUPPORTED, "functions are nested deeper than %d", ONNX_MAX_NESTING);
    if (d->n_in > f->inputs.n)
        return fail(QN_E_FORMAT, "the function takes %u inputs, the call gives %u", f->inputs.n, d->n_in);
    for (u32 i = 0; i < f->inputs.n; i++) QN_TRY(onnx_define(&inner, f->inputs.items[i], i < d->n_in ? d->in[i] : 0));
    for (u32 i = 0; i < f->nodes.n; i++) QN_TRY(onnx_node_read(&inner, f->nodes.items[i]));
    return take_outputs(s, &inner, f, outs);
}

static qn_status expand_function(scope *s, door *d, onnx_function *f, const pb_list *outs)
{
    if (f->open)
        return fail(QN_E_FORMAT, "function '%.*s' calls itself", (int)MIN(f->name.n, 200), (const char *)f->name.data);
    QN_TRY(add_defaults(s, f, &d->attrs));
    f->open = true;
    d->calls = true;
    qn_status status = read_function_body(s, d, f, outs);
    f->open = false;
    return status;
}

/* ---- Gradient: the values that its attributes name, y last, stand behind those that it is given */

static qn_status push_named(door *d, const attr *a, const qn_bytes *texts, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        val v;
        QN_TRY(onnx_resolve(d->s, texts[i], &v));
        if (!v)
            return fail(QN_E_FORMAT, "its attribute '%s' names '%.*s', which no earlier node makes", a->name,
                        onnx_text_ok(texts[i]) ? (int)MIN(texts[i].n, 200) : 0, (const char *)texts[i].data);
        QN_TRY(push_in(d, v));
    }
    return QN_OK;
}

static qn_status name_values(door *d)
{
    static const char *const named[] = { "xs", "zs", "y" };
    u32 given = d->n_in, lists = 0;
    if (++d->s->file->n_gradients > ONNX_MAX_GRADIENTS)
        return fail(QN_E_UNSUPPORTED, "the model has, or expands to, more than %d Gradients", ONNX_MAX_GRADIENTS);
    for (u32 k = 0; k < COUNT(named); k++)
        for (u32 i = 0; i < d->attrs.n; i++) {
            const attr *a = &d->attrs.items[i];
            if (!text_same(a->name, named[k])) continue;
            if (a->kind == ATTR_TEXTS) QN_TRY(push_named(d, a, a->texts, a->n));
            if (a->kind == ATTR_TEXTS) lists += a->n;
            if (a->kind == ATTR_TEXT) QN_TRY(push_named(d, a, &a->text, 1));
        }
    return given == lists ? QN_OK
                          : fail(QN_E_FORMAT, "it has %u inputs for the %u tensors that xs and zs name", given, lists);
}

/* ---- the node */

static qn_status refuse(const door *d)
{
    const char *domain = d->domain[0] ? d->domain : "ai.onnx";
    const char *where = op_elsewhere(d->domain, d->op);
    return fail(QN_E_UNSUPPORTED, "op '%s' of domain '%s' (opset %lld) is not in this build%s%s", d->op, domain,
                (long long)d->version, where ? ": " : "", where ? where : "");
}

static qn_status add_node(scope *s, door *d, const node_message *m, const char *name)
{
    QN_TRY(onnx_upgrade(d));
    op_id op = strcmp(d->domain, "quern") == 0 ? OP_NONE : op_by_name(d->domain, d->op);
    if (op == OP_NONE) return refuse(d);
    if (op == OP_Gradient) QN_TRY(name_values(d));
    val *out = ARENA_ARRAY(s->g->mem, m->out.n, val);
    if (!out) return fail_nomem(m->out.n * sizeof *out);
    QN_TRY(make_outputs(s, &m->out, out));
    return graph_node(s->g, 0, (u16)op, name, d->in, d->n_in, out, m->out.n, d->attrs.items, d->attrs.n) ? QN_OK
                                                                                                         : QN_E_NOMEM;
}

static qn_status read_parts(scope *s, const node_message *m, const char *name, door *d)
{
    const outside *away = NULL;
    onnx_function *f = onnx_find_function(s->file, m->domain, m->op, m->overload);
    bool constant = !f && (m->domain.n == 0 || bytes_are(m->domain, "ai.onnx")) && bytes_are(m->op, "Constant");
    bodies b = { .away = constant ? &away : NULL };
    const char *domain;
    QN_TRY(onnx_text(s->g->mem, m->op, "an op's name", &d->op));
    QN_TRY(onnx_text(s->g->mem, m->domain, "a domain", &domain));
    d->domain = onnx_domain(s->g->mem, m->domain);
    if (!d->domain) return fail_nomem(m->domain.n);
    d->version = onnx_opset_of(s->imports, d->domain);
    QN_TRY(resolve_inputs(d, &m->in));
    for (u32 i = 0; i < m->attrs.n; i++) QN_TRY(onnx_attr_read(s, m->attrs.items[i], &d->attrs, &b));
    if (f) return expand_function(s, d, f, &m->out);
    if (!d->version)
        return fail(QN_E_FORMAT, "the model imports no opset of its domain '%s'", d->domain[0] ? d->domain : "ai.onnx");
    if (constant) return add_constant(s, d, &m->out, away);
    QN_TRY(join_captures(d, &b));
    return add_node(s, d, m, name);
}

/* A node's name, with its function calls' in front: "layer1/mul". */
static qn_status full_name(scope *s, const node_message *m, const char **name, const char **label)
{
    QN_TRY(onnx_text(s->g->mem, m->name, "a node's name", name));
    *label = *name;
    if (m->name.n == 0 && m->out.n) QN_TRY(onnx_text(s->g->mem, m->out.items[0], "an output's name", label));
    if (!s->call) return QN_OK;
    *label = arena_print(s->g->mem, "%.400s/%.400s", s->call->label, *label);
    if (!*label) return fail_nomem(m->name.n);
    if (m->name.n) *name = *label;
    return QN_OK;
}

qn_status onnx_node_read(scope *s, qn_bytes message)
{
    node_message m = { 0 };
    door d = { .s = s, .g = s->g };
    const char *name;
    if (++s->file->n_nodes > ONNX_MAX_NODES)
        return fail(QN_E_UNSUPPORTED, "the model has, or expands to, more than %d nodes", ONNX_MAX_NODES);
    QN_TRY(read_message(s->g->mem, message, &m));
    QN_TRY(full_name(s, &m, &name, &d.label));
    d.n_out = m.out.n;
    qn_status status = read_parts(s, &m, name, &d);
    if (status == QN_OK || (d.calls && s->file->blamed)) return status; /* a node inside is blamed, by its full name */
    s->file->blamed = true;
    return fail_in(status, "node '%.200s' (%.*s): ", d.label, onnx_text_ok(m.op) ? (int)MIN(m.op.n, 100) : 0,
                   (const char *)m.op.data);
}

/* SequenceMap: its body once for each element of a sequence. What it means is a Loop that takes an element out of each sequence in turn and
 * appends what the body gives to sequences that start empty. */
#include "op/control.h"
#include "op/op_util.h"

typedef struct shape {
    graph *body;
    u32 n_in, n_mapped, n_out; /* mapped: without the captures behind */
} shape;

static const char *shape_of(const node *n, shape *out)
{
    const attr *a = attr_find(n, "body");
    i64 mapped = (i64)n->n_in - attr_int(n, NOTE_CAPTURES, 0);
    if (!a || a->kind != ATTR_GRAPH || mapped < 1) return "it has no body, or no sequence";
    *out = (shape){ a->body, n->n_in, (u32)mapped, n->n_out };
    if (a->body->n_inputs != n->n_in) return "its body takes another number of values than are given";
    return a->body->n_outputs < n->n_out ? "its body gives fewer values than the node" : NULL;
}

static qn_status give_elements(const infer *c, const shape *s)
{
    for (u32 i = 0; i < s->n_in; i++) {
        const type *t = infer_in(c, i);
        if (!t) return infer_fail(c, QN_E_FORMAT, "input %u is missing", i);
        control_give_type(c, s->body, i, node_in(c->g, c->n, i), i >= s->n_mapped || !t->of);
        if (i >= s->n_mapped || !t->of) continue;
        if (!t->of->known)
            return infer_fail(c, QN_E_UNSUPPORTED, "the rank of the elements of input %u is not known, or not one", i);
        value_at(s->body, s->body->inputs[i])->type = list_element(c->g, t);
    }
    return QN_OK;
}

static qn_status infer_map(infer *c)
{
    shape s;
    const char *wrong = shape_of(c->n, &s);
    if (wrong) return infer_fail(c, QN_E_FORMAT, "%s", wrong);
    QN_TRY(give_elements(c, &s));
    QN_TRY(graph_check(s.body));
    for (u32 i = 0; i < s.n_out; i++) {
        const type *one = control_body_out(s.body, i);
        if (one->of) return infer_fail(c, QN_E_DTYPE, "output %u would be a sequence of sequences", i);
        type t = list_type(c->g, QN_SEQUENCE, infer_in(c, 0)->dims[0], one);
        if (!t.of) return QN_E_NOMEM;
        QN_TRY(infer_out(c, i, &t));
    }
    return QN_OK;
}

/* The turn's element. Its open sizes are the variables that the body was inferred with. */
static val element(build *b, const shape *s, u32 i, graph *body, val list, val turn)
{
    val x = control_body_node(b, body, OP_SequenceAt, (const val[]){ list, turn }, 2, NULL, 0);
    if (!x) return 0;
    value_at(body, x)->type = value_at(s->body, s->body->inputs[i])->type;
    value_at(body, x)->inferred = true;
    return x;
}

/* What the body takes: true, then an element of each sequence that is mapped, and the rest as it is. */
static qn_status body_values(build *b, const shape *s, graph *body, val turn, val *in)
{
    for (u32 i = 0; i < s->n_in; i++) {
        const type *t = build_type(b, build_in(b, i));
        val x = graph_input(body, NULL, t);
        if (!x) return QN_E_NOMEM;
        in[1 + i] = i < s->n_mapped && t->of ? element(b, s, i, body, x, turn) : x;
    }
    in[0] = control_body_scalar(b, body, QN_BOOL, 1);
    return b->status;
}

/* turn, condition, the results so far, everything given -> true, the results with one more. Its own body is the branch always taken. */
static qn_status fill_body(build *b, const shape *s, graph *body, val *in, val *results, val *out)
{
    type scalar = { .dtype = QN_I64, .known = true };
    val turn = graph_input(body, NULL, &scalar);
    scalar.dtype = QN_BOOL;
    if (!turn || !graph_input(body, NULL, &scalar)) return QN_E_NOMEM;
    for (u32 k = 0; k < s->n_out; k++)
        if (!(results[k] = graph_input(body, NULL, build_type(b, b->n->out[k])))) return QN_E_NOMEM;
    QN_TRY(body_values(b, s, body, turn, in));
    attr attrs[3] = { *attr_find(b->n, "body"), *attr_find(b->n, "body"), attr_of_int(NOTE_CAPTURES, s->n_in) };
    attrs[0].name = "then_branch", attrs[1].name = "else_branch";
    if (!graph_node(body, 0, OP_If, NULL, in, s->n_in + 1, out, s->n_out, attrs, 3)) return QN_E_NOMEM;
    QN_TRY(graph_output(body, in[0]));
    for (u32 k = 0; k < s->n_out; k++) {
        val more = control_body_node(b, body, OP_SequenceInsert, (const val[]){ results[k], out[k] }, 2, NULL, 0);
        QN_TRY(b->status);
        QN_TRY(graph_output(body, more));
    }
    return QN_OK;
}

static val empty_like(build *b, val sequence)
{
    attr dtype = attr_of_int("dtype", dtype_to_onnx(build_type(b, sequence)->of->dtype));
    return build_node(b, OP_SequenceEmpty, NULL, 0, &dtype, 1);
}

static qn_status expand_map(build *b, const node *n)
{
    shape s;
    const char *wrong = shape_of(n, &s);
    if (wrong) return build_fail(b, QN_E_FORMAT, "%s", wrong);
    u32 n_given = 2 + s.n_out + s.n_in;
    graph *body = graph_make(b->g->mem, b->g);
    val *room = ARENA_ARRAY(b->g->mem, n_given + 1 + s.n_in + 3 * (s.n_out + 1), val);
    if (!body || !room) return fail_nomem(sizeof *body);
    val *in = room, *inner = in + n_given, *results = inner + s.n_in + 1, *out = results + s.n_out + 1,
        *outs = out + s.n_out + 1;
    QN_TRY(fill_body(b, &s, body, inner, results, out));
    in[0] = build_node(b, OP_SequenceLength, (const val[]){ build_in(b, 0) }, 1, NULL, 0);
    for (u32 k = 0; k < s.n_out; k++) in[2 + k] = empty_like(b, n->out[k]);
    for (u32 i = 0; i < s.n_in; i++) in[2 + s.n_out + i] = build_in(b, i);
    attr attrs[2] = { { .name = "body", .kind = ATTR_GRAPH, .body = body }, attr_of_int(NOTE_CAPTURES, s.n_in) };
    nid loop = build_node_outs(b, OP_Loop, in, n_given, s.n_out, attrs, 2);
    for (u32 k = 0; k < s.n_out && loop; k++) outs[k] = node_at(b->g, loop)->out[k];
    return build_done(b, outs, s.n_out);
}

/* clang-format off */
const op_def op_SequenceMap = {
    .name = "SequenceMap",
    .doc = DOC("the body once for each element of the sequence, and of the other sequences given beside it; its results as sequences"),
    .in = { { "input_sequence", "sequence" }, { "additional_inputs", "many optional any|list" } },
    .min_in = 1,
    .out = { { "out_sequence", "many sequence" } },
    .attrs = { NEEDED("body", ATTR_GRAPH), INT(NOTE_CAPTURES, 0) },
    .infer = infer_map,
    .expand = expand_map,
};
/* clang-format on */

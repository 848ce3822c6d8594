/* A SequenceMap becomes a Loop over its sequence where its body cannot be inferred as it stands. The Loop's state is the results so far, its turn
 * takes an element out of each sequence, and its body has the nodes of the map's own. It is opened turn by turn then, as any Loop is. */
#include "op/op_util.h"
#include "pass/pass.h"

typedef struct mapping {
    graph *g;
    nid id;
    const graph *body;
    u32 n_in, n_mapped, n_out; /* mapped: without the captures behind */
    graph_copy copy;           /* of its nodes, into the Loop's body */
} mapping;

static bool mapping_of(graph *g, nid id, mapping *out)
{
    const node *n = node_at(g, id);
    const attr *a = attr_find(n, "body");
    i64 mapped = (i64)n->n_in - attr_int(n, "captures", 0);
    if (!a || a->kind != ATTR_GRAPH || mapped < 1) return false;
    *out = (mapping){ g, id, a->body, n->n_in, (u32)mapped, n->n_out, { 0 } };
    for (u32 i = 0; i < n->n_in; i++)
        if (!node_in(g, n, i)) return false;
    return a->body->n_inputs == n->n_in && a->body->n_outputs >= n->n_out;
}

/* Of what result k consists, by inference or as the file says: a sequence that is empty must know. */
static qn_dtype dtype_of(const mapping *m, u32 k)
{
    const type *listed = value_at(m->g, node_at(m->g, m->id)->out[k])->type.of;
    qn_dtype d = value_at(m->body, live(m->body, m->body->outputs[k]))->type.dtype;
    return d || !listed ? d : listed->dtype;
}

static val made(graph *g, nid before, op_id op, const val *in, u32 n_in, const attr *with)
{
    val out = 0;
    for (u32 i = 0; i < n_in; i++)
        if (!in[i]) return 0;
    return graph_node(g, before, (u16)op, NULL, in, n_in, &out, 1, with, with != NULL) ? out : 0;
}

static val any_input(graph *g) { return graph_input(g, NULL, &(type){ 0 }); } /* it has a type when the Loop is inferred */

/* What the map's body reads: this turn's elements, and the rest as it is. */
static qn_status read_elements(mapping *m, graph *body, val turn)
{
    for (u32 i = 0; i < m->n_in; i++) {
        const type *t = &value_at(m->g, node_in(m->g, node_at(m->g, m->id), i))->type;
        val x = any_input(body);
        if (x && i < m->n_mapped && t->of) x = made(body, 0, OP_SequenceAt, (val[]){ x, turn }, 2, NULL);
        if (!x) return QN_E_NOMEM;
        m->copy.at[live(m->body, m->body->inputs[i])] = x;
    }
    return QN_OK;
}

/* turn, condition, results, what is given -> true, results with one more */
static qn_status fill_body(mapping *m, graph *body)
{
    val turn = any_input(body), on_before = any_input(body), results = on_before + 1; /* ids follow one another */
    if (!turn || !on_before) return QN_E_NOMEM;
    for (u32 k = 0; k < m->n_out; k++)
        if (!any_input(body)) return QN_E_NOMEM;
    QN_TRY(read_elements(m, body, turn));
    FOR_NODES(m->body, n)
    if (!graph_copy_node(&m->copy, 0, n)) return QN_E_NOMEM;
    val on = graph_constant_copy(body, NULL, &(qn_tensor){ .dtype = QN_BOOL, .data = &(bool){ true } });
    QN_TRY(on ? graph_output(body, on) : QN_E_NOMEM);
    for (u32 k = 0; k < m->n_out; k++) {
        val result = graph_copied(&m->copy, m->body->outputs[k]);
        val more = made(body, 0, OP_SequenceInsert, (val[]){ results + k, result }, 2, NULL);
        QN_TRY(more ? graph_output(body, more) : QN_E_NOMEM);
    }
    return QN_OK;
}

static qn_status put_loop(mapping *m, graph *body)
{
    graph *g = m->g;
    const u32 n_given = 2 + m->n_out + m->n_in;
    val *in = ARENA_ARRAY(g->mem, n_given, val), *out = ARENA_ARRAY(g->mem, m->n_out + 1, val);
    if (!in || !out) return fail_nomem(n_given * sizeof *in);
    in[0] = made(g, m->id, OP_SequenceLength, (val[]){ node_in(g, node_at(g, m->id), 0) }, 1, NULL);
    for (u32 k = 0; k < m->n_out; k++) {
        attr dtype = attr_of_int("dtype", dtype_to_onnx(dtype_of(m, k)));
        in[2 + k] = made(g, m->id, OP_SequenceEmpty, NULL, 0, &dtype);
        if (!in[2 + k]) return QN_E_NOMEM;
    }
    for (u32 i = 0; i < m->n_in; i++) in[2 + m->n_out + i] = node_in(g, node_at(g, m->id), i);
    attr attrs[2] = { { .name = "body", .kind = ATTR_GRAPH, .body = body }, attr_of_int("captures", m->n_in) };
    if (!in[0] || !graph_node(g, m->id, OP_Loop, node_at(g, m->id)->name, in, n_given, out, m->n_out, attrs, 2))
        return QN_E_NOMEM;
    for (u32 k = 0; k < m->n_out; k++) graph_replace(g, node_at(g, m->id)->out[k], out[k]);
    graph_kill(g, m->id);
    return QN_OK;
}

qn_status open_map(graph *g, nid id, bool *opened)
{
    mapping m;
    *opened = mapping_of(g, id, &m);
    for (u32 k = 0; *opened && k < m.n_out; k++) *opened = dtype_of(&m, k) && !dtype_is_list(dtype_of(&m, k));
    if (!*opened) return QN_OK;
    graph *body = graph_make(g->mem, g);
    m.copy = (graph_copy){ .from = m.body, .to = body, .at = mem_zalloc(((size_t)m.body->n_values + 1) * sizeof(val)) };
    qn_status status = body && m.copy.at ? fill_body(&m, body) : fail_nomem(sizeof *body);
    if (status == QN_OK) status = put_loop(&m, body);
    mem_free(m.copy.at);
    return status;
}

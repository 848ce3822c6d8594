/* Constant folding: one node with constant inputs, run by the kernels of run time on a CPU device of one thread, opened when the first
 * node asks for it and kept for the others. */
#include "exec/session.h"
#include "pass/pass.h"

static qn_status copy_inputs(graph *to, const graph *from, const node *n, val *in)
{
    for (u32 i = 0; i < n->n_in; i++) {
        val v = node_in(from, n, i);
        if (!v) continue;
        qn_tensor t = constant_tensor(from, v);
        in[i] = graph_constant(to, NULL, &t);
        if (!in[i]) return QN_E_NOMEM;
    }
    return QN_OK;
}

static qn_status single_node_graph(const graph *g, const node *n, arena *mem, graph **out)
{
    graph *one = graph_make(mem, NULL);
    val *in = ARENA_ARRAY(mem, n->n_in + 1, val), *outs = ARENA_ARRAY(mem, n->n_out + 1, val);
    if (!one || !in || !outs) return fail_nomem(sizeof *one);
    QN_TRY(copy_inputs(one, g, n, in));
    if (!graph_node(one, 0, n->op, n->name, in, n->n_in, outs, n->n_out, n->attrs, n->n_attrs)) return QN_E_NOMEM;
    for (u32 i = 0; i < n->n_out; i++) QN_TRY(graph_output(one, outs[i]));
    *out = one;
    return graph_check(one);
}

static qn_status run_to_end(exec *x)
{
    QN_TRY(exec_start(x, NULL, 0));
    for (bool done = false; !done;) QN_TRY(exec_advance(x, &done));
    return QN_OK;
}

static qn_status copy_outputs(const exec *x, u32 n, arena *mem, qn_tensor *out)
{
    for (u32 i = 0; i < n; i++) {
        u64 bytes = qn_tensor_bytes(&x->outputs[i]);
        void *data = arena_alloc(mem, bytes + 1);
        if (!data) return fail_nomem(bytes);
        if (bytes) memcpy(data, x->outputs[i].data, (size_t)bytes);
        out[i] = x->outputs[i];
        out[i].data = data;
    }
    return QN_OK;
}

static qn_status evaluate(qn_device *d, const graph *g, nid id, arena *work, arena *mem, qn_tensor *out)
{
    const node *n = node_at(g, id);
    graph *one;
    plan *p;
    exec *x;
    QN_TRY(single_node_graph(g, n, work, &one));
    pass_env env = { .caps = &d->info.caps, .runs = plan_can_run };
    QN_TRY(pass_run_all(one, &env, false, NULL));
    QN_TRY(plan_make(one, &(plan_desc){ .device = d }, work, &p));
    QN_TRY(exec_make(p, d, work, false, NULL, &x));
    qn_status s = run_to_end(x);
    if (s == QN_OK) s = copy_outputs(x, n->n_out, mem, out);
    exec_close(x);
    return s;
}

static qn_status device_of(evaluator *e)
{
    return e->device ? QN_OK : qn_device_open("cpu", &(qn_device_desc){ .threads = 1 }, &e->device);
}

void evaluator_close(evaluator *e)
{
    qn_device_close(e->device);
    e->device = NULL;
}

qn_status session_evaluate(void *user, const graph *g, nid n, arena *mem, qn_tensor *out)
{
    evaluator own = { 0 }, *e = user ? user : &own;
    qn_status s = device_of(e);
    arena *work = s == QN_OK ? arena_make() : NULL;
    if (s == QN_OK) s = work ? evaluate(e->device, g, n, work, mem, out) : fail_nomem(64);
    arena_free(work);
    evaluator_close(&own);
    return s;
}

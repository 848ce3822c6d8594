/* What the table of ops says of itself, a line of JSON for each: tools/operators.py makes docs/operators.md of it. Whether an op has a gradient
 * is tried on its cases: each becomes a graph with a Gradient behind it, and is differentiated. */
#include <stdio.h>
#include <stdlib.h>

#include "op/elementwise.h"
#include "op_graph.h"
#include "pass/pass.h"

static const char *kind_of(const op_def *d)
{
    return d->control    ? "control"
           : d->row      ? "row"
           : d->expand   ? "composite"
           : d->variants ? "primitive"
           : d->host     ? "host"
                         : "view";
}

static u32 cases_of(const op_def *d)
{
    u32 n = 0;
    while (d->cases && d->cases[n].in) n++;
    return n;
}

static void print_slots(const char *key, const op_slot *slots)
{
    printf(", \"%s\": [", key);
    for (u32 i = 0; i < 16 && slots[i].name; i++) printf("%s[\"%s\", \"%s\"]", i ? ", " : "", slots[i].name, slots[i].types);
    printf("]");
}

/* ---- gradients */

static bool is_float(qn_dtype d) { return d >= QN_F32 && d <= QN_F64; }

/* A Gradient of y for all of g's float inputs; false: there is nothing of that kind. */
static bool add_gradient(graph *g)
{
    val ports[2 * 16 + 1], outs[16] = { 0 };
    qn_bytes names[16];
    u32 n = 0;
    val y = live(g, g->outputs[0]);
    for (u32 i = 0; i < g->n_inputs && n < 16; i++)
        if (is_float(value_at(g, g->inputs[i])->type.dtype)) names[n] = (qn_bytes){ "x", 1 }, ports[n++] = g->inputs[i];
    if (!n || !is_float(value_at(g, y)->type.dtype)) return false;
    for (u32 i = 0; i < n; i++) ports[n + i] = ports[i];
    ports[2 * n] = y;
    const attr attrs[] = { { .name = "xs", .kind = ATTR_TEXTS, .n = n, .texts = names }, attr_of_text("y", "y") };
    if (!graph_node(g, 0, (u16)op_by_name("ai.onnx.preview.training", "Gradient"), NULL, ports, 2 * n + 1, outs, n, attrs,
                    2))
        return false;
    for (u32 i = 0; i < n; i++)
        if (graph_output(g, outs[i]) != QN_OK) return false;
    return true;
}

static qn_status differentiate(graph *g)
{
    u32 changed, i = 0;
    while (pass_defs[i + 1] && !text_same(pass_defs[i]->name, "differentiate")) i++;
    QN_TRY(graph_check(g));
    return pass_run(pass_defs[i], g, &(pass_env){ 0 }, &changed);
}

/* 1: it has a gradient; 0: the op or what it is made of has none; -1: nothing to differentiate, or no such case. */
static int try_case(const op_def *d, const op_case *c)
{
    arena *mem = arena_make();
    op_run r = { 0 };
    graph *g = graph_make(mem, NULL);
    int answer = -1;
    bool read = g && op_graph_of(d, c, mem, &r) == QN_OK && graph_parse(g, r.text) == QN_OK && graph_check(g) == QN_OK;
    if (read && add_gradient(g)) answer = differentiate(g) == QN_OK;
    arena_free(mem);
    return answer;
}

static bool is_flat(const op_def *d) { return d->row && d->row->grad[0] && text_same(d->row->grad[0], "0"); }

static const char *gradient_of(const op_def *d)
{
    u32 yes = 0, no = 0;
    for (u32 i = 0; i < cases_of(d) && !d->random; i++) {
        int answer = try_case(d, &d->cases[i]);
        yes += answer == 1, no += answer == 0;
    }
    if (!yes) return no ? "no" : "";
    if (is_flat(d)) return "0";
    return no ? "some" : op_has_gradient(d) ? "yes" : "by parts";
}

int main(void)
{
    for (u32 id = 1; id < OP_COUNT; id++) {
        const op_def *d = op_defs[id];
        printf("{\"name\": \"%s\", \"domain\": \"%s\", \"kind\": \"%s\", \"cases\": %u, \"kernel\": %s, \"host\": %s, "
               "\"gradient\": \"%s\"",
               d->name, d->domain ? d->domain : "", kind_of(d), cases_of(d), d->variants ? "true" : "false",
               d->host ? "true" : "false", gradient_of(d));
        print_slots("in", d->in);
        print_slots("out", d->out);
        printf("}\n");
    }
    return 0;
}

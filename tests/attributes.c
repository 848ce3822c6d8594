/* Every whole number among the attributes of every op, at numbers that no writer of models meant: types that there are and are not, negative,
 * huge; and every size of its inputs, at sizes that do not fit the others. Such a model may be refused, by name, and may run: it is never a
 * bug of ours. All are checked; those of a slice, and with QUERN_FULL=1 all, are also planned, and with other attributes run. QUERN_QUICK
 * leaves out the sizes that are not in the slice. */
#include <stdio.h>
#include <stdlib.h>

#include "op_case.h"

enum { LEAST = -2, MOST = 30, A_SLICE = 8 }; /* TensorProto.DataType ends at 26 */
static const i64 far_away[] = { INT64_MIN, INT32_MIN, -1000, 1000, INT32_MAX, 1ll << 32, INT64_MAX };

/* Ops with such attributes and no cases of their own. */
static const struct {
    op_id op;
    const char *text;
} others[] = {
    { OP_NumberOfText, "in x: string[2]\ny0 = quern.NumberOfText(x, to=1)\nout y0" },
    { OP_SequenceEmpty, "y0 = SequenceEmpty()\nout y0" },
    { OP_SplitToSequence, "in x: f32[4,3]\ny0 = SplitToSequence(x)\nout y0" },
    { OP_ConcatFromSequence, "in x: f32[4,3]\ns = SequenceConstruct(x, x)\ny0 = ConcatFromSequence(s, axis=0)\nout y0" },
    { OP_StringNormalizer, "in x: string[2]\ny0 = StringNormalizer(x)\nout y0" },
    { OP_StringSplit, "in x: string[2]\ny0 = StringSplit(x)\nout y0" },
    { OP_Scan, "in x: f32[2,3]\ny0 = Scan(x, num_scan_inputs=1, body={in r: f32[3]; z = Neg(r); out z})\nout y0" },
};

/* One number of a graph that is another: an attribute of its node, or without a name a size of an input. */
typedef struct change {
    const char *attr;
    u32 input, dim;
    i64 to;
} change;

static qn_status set_attr(graph *g, arena *mem, const change *c)
{
    node *n = node_at(g, value_at(g, graph_find(g, "y0"))->maker);
    attr *changed = ARENA_ARRAY(mem, n->n_attrs + 1, attr);
    u32 at = 0;
    if (!changed) return QN_E_NOMEM;
    if (n->n_attrs) memcpy(changed, n->attrs, n->n_attrs * sizeof *changed);
    while (at < n->n_attrs && !text_same(changed[at].name, c->attr)) at++;
    changed[at] = attr_of_int(c->attr, c->to);
    n->attrs = changed;
    n->n_attrs = MAX(n->n_attrs, at + 1);
    return QN_OK;
}

static qn_status changed(const char *text, const change *c, arena *mem, str *out)
{
    graph *g = graph_make(mem, NULL);
    if (!g) return QN_E_NOMEM;
    QN_TRY(graph_parse(g, text));
    if (c->attr) QN_TRY(set_attr(g, mem, c));
    else value_at(g, g->inputs[c->input])->type.dims[c->dim] = sym_number(g, c->to);
    QN_TRY(graph_check(g));
    return graph_print(g, out);
}

static bool is_ours(const op_def *d) { return d->domain && text_same(d->domain, "quern"); } /* no file can name it */

static void try_change(test *t, const op_run *r, op_ref of, const change *c, bool all)
{
    arena *mem = arena_make();
    str text = { 0 };
    graph_session s = { 0 };
    graph_run run = { .device = test_cpu(), .mem = mem, .optimize = true };
    qn_status status = changed(r->text, c, mem, &text);
    if (status == QN_OK && all) {
        status = graph_open_text(&run, text.text, &s);
        if (status == QN_OK && c->attr && c->to <= MOST) status = graph_session_run(&run, &s, r->in, r->n_in);
        graph_session_close(&s);
    }
    char place[64];
    snprintf(place, sizeof place, "size %u of input %u", c->dim, c->input);
    CHECK(t, status == QN_OK || (status != QN_E_BUG && qn_last_error()[0]), "%s (%s), %s = %lld: %s: %s", of.d->name,
          of.c->why, c->attr ? c->attr : place, (long long)c->to, qn_status_text(status), qn_last_error());
    str_free(&text);
    arena_free(mem);
}

/* A file's own "captures" is not believed: the reader counts. */
static bool is_number(const op_attr *a) { return a->kind == ATTR_INT && !text_same(a->name, "captures"); }

static void change_sizes(test *t, op_ref of, const op_run *r, bool all)
{
    for (u32 i = 0; i < r->n_in; i++)
        for (u32 d = 0; d < r->in[i].rank; d++) {
            const i64 was = r->in[i].dims[d], to[] = { 0, 1, MAX(was - 1, 2), was + 1, 2 * was, INT32_MAX, INT64_MAX };
            for (u32 k = 0; k < COUNT(to); k++)
                if (to[k] != was) try_change(t, r, of, &(change){ NULL, i, d, to[k] }, all);
        }
}

static void test_numbers(test *t, op_ref of, const op_run *r, u32 *turn)
{
    if (!test_asked("QUERN_OP", of.d->name)) return;
    bool in_slice = getenv("QUERN_FULL") || (*turn)++ % A_SLICE == test_seed() % A_SLICE, all = in_slice && !is_ours(of.d);
    if (in_slice || !getenv("QUERN_QUICK")) change_sizes(t, of, r, all);
    for (const op_attr *a = of.d->attrs; a < of.d->attrs + COUNT(of.d->attrs) && a->name; a++) {
        if (!is_number(a)) continue;
        for (i64 v = LEAST; v <= MOST; v++) try_change(t, r, of, &(change){ a->name, 0, 0, v }, all);
        for (u32 i = 0; i < COUNT(far_away); i++) try_change(t, r, of, &(change){ a->name, 0, 0, far_away[i] }, all);
    }
}

static bool has_numbers(const op_def *d)
{
    for (const op_attr *a = d->attrs; a < d->attrs + COUNT(d->attrs) && a->name; a++)
        if (is_number(a)) return true;
    return false;
}

static bool has_graph(const op_def *d)
{
    bool has = d->cases != NULL;
    for (u32 i = 0; i < COUNT(others); i++) has |= op_defs[others[i].op] == d;
    return has;
}

void test_attributes(test *t)
{
    u32 turn = 0;
    for (u32 i = 0; i < op_case_count(); i++) {
        op_ref of = op_case_at(i);
        op_run r = { 0 };
        arena *mem = arena_make();
        if (CHECK(t, op_graph_of(of.d, of.c, mem, &r) == QN_OK, "%s (%s): %s", of.d->name, of.c->why, qn_last_error()))
            test_numbers(t, of, &r, &turn);
        arena_free(mem);
    }
    for (u32 i = 0; i < COUNT(others); i++)
        test_numbers(t, (op_ref){ op_defs[others[i].op], &(const op_case){ .why = "alone" } },
                     &(const op_run){ .text = others[i].text }, &turn);
    for (u32 op = 1; op < OP_COUNT; op++)
        CHECK(t, !has_numbers(op_defs[op]) || has_graph(op_defs[op]), "%s has no graph here", op_defs[op]->name);
}

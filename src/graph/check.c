/* Is the graph what its ops say it may be? Arity, element types and attributes against each op's record, then its inference; and
 * the links between values and nodes, for our own mistakes. */
#include <stdio.h>

#include "graph/graph.h"
#include "op/elems.h"
#include "op/op_util.h"

/* ---- schema words */

typedef struct slot_spec {
    bool optional, many;
    const char *types;
} slot_spec;

static slot_spec spec_of(const op_slot *slot)
{
    slot_spec s = { .types = slot->types ? slot->types : "any" };
    for (;;) {
        while (*s.types == ' ') s.types++;
        if (text_starts(s.types, "optional ")) s.optional = true, s.types += 9;
        else if (text_starts(s.types, "many ")) s.many = true, s.types += 5;
        else return s;
    }
}

static u32 slot_count(const op_slot *slots)
{
    u32 n = 0;
    while (n < COUNT(((op_def *)0)->in) && slots[n].name) n++;
    return n;
}

enum {
    FLOATS_SET = 1 << QN_F32 | 1 << QN_F16 | 1 << QN_BF16 | 1 << QN_F64,
    INTS_SET = 1 << QN_I8 | 1 << QN_I16 | 1 << QN_I32 | 1 << QN_I64,
    NARROW_SET = (2 << QN_U2) - (1 << QN_F8E4M3FN), /* float8, float4, 4 and 2-bit integers */
    COMPLEX_SET = 1 << QN_C64 | 1 << QN_C128,
    FLOAT8_SET = 1 << QN_F8E4M3FN | 1 << QN_F8E4M3FNUZ | 1 << QN_F8E5M2 | 1 << QN_F8E5M2FNUZ,
    UINTS_SET = 1 << QN_U8 | 1 << QN_U16 | 1 << QN_U32 | 1 << QN_U64,
};
static const struct {
    const char *word;
    u32 set;
} type_words[] = {
    { "float", FLOATS_SET },
    { "int", INTS_SET },
    { "uint", UINTS_SET },
    { "signed", FLOATS_SET | INTS_SET },
    { "number", FLOATS_SET | INTS_SET | UINTS_SET },
    { "narrow", NARROW_SET },
    { "float8", FLOAT8_SET },
    { "value", FLOATS_SET | INTS_SET | UINTS_SET | 1 << QN_BOOL | 1 << QN_STRING },
    { "any", FLOATS_SET | INTS_SET | UINTS_SET | NARROW_SET | COMPLEX_SET | 1 << QN_BOOL | 1 << QN_STRING },
    { "complex", COMPLEX_SET },
    { "list", 1 << QN_SEQUENCE | 1 << QN_OPTIONAL | 1 << QN_MAP },
};

static u32 set_of_word(const char *word, size_t n)
{
    for (size_t i = 0; i < COUNT(type_words); i++)
        if (strlen(type_words[i].word) == n && memcmp(type_words[i].word, word, n) == 0) return type_words[i].set;
    for (u32 d = 1; d < QN_DTYPE_COUNT; d++)
        if (strlen(qn_dtype_name(d)) == n && memcmp(qn_dtype_name(d), word, n) == 0) return 1u << d;
    return 0;
}

/* "float|i64" as a set of dtypes. */
static u32 set_of_words(const char *words)
{
    u32 set = 0;
    for (;;) {
        size_t n = strcspn(words, "| ");
        set |= set_of_word(words, n);
        words += n;
        if (!*words) return set;
        words++;
    }
}

static u32 slot_of_port(const op_slot *slots, u32 n_slots, u32 port)
{
    u32 last = n_slots ? n_slots - 1 : 0;
    return port < last || !n_slots || !spec_of(&slots[last]).many ? port : last;
}

/* The dtype of the first value in the slot of that name: QN_NONE when it is absent or not there. */
static qn_dtype dtype_of_slot(const graph *g, const node *n, const op_def *d, const char *name)
{
    for (u32 i = 0; i < slot_count(d->in); i++)
        if (strcmp(d->in[i].name, name) == 0) return node_in(g, n, i) ? value_at(g, node_in(g, n, i))->type.dtype : QN_NONE;
    for (u32 i = 0; i < slot_count(d->out) && i < n->n_out; i++)
        if (strcmp(d->out[i].name, name) == 0) return value_at(g, n->out[i])->type.dtype;
    return QN_NONE;
}

/* May a port with these words have this type? The words that it broke are left in *wanted. */
static bool type_allowed(const graph *g, const node *n, const op_def *d, const char *words, qn_dtype have,
                         const char **wanted)
{
    *wanted = words;
    if (!text_starts(words, "as ")) return set_of_words(words) >> have & 1;
    qn_dtype like = dtype_of_slot(g, n, d, words + 3);
    if (like == QN_NONE || like == have) return true;
    *wanted = qn_dtype_name(like);
    return false;
}

/* ---- one node */

static qn_status node_fail(const node *n, qn_status code, const char *what, const char *name, const char *tail)
{
    return fail(code, "%s '%s': %s '%s' %s", op_of(n)->name, n->name, what, name, tail);
}

static u32 least_inputs(const op_def *d)
{
    if (d->min_in) return d->min_in;
    u32 n = 0;
    for (u32 i = 0; i < slot_count(d->in); i++)
        if (!spec_of(&d->in[i]).optional) n = i + 1;
    return n;
}

static qn_status check_arity(const op_def *d, const node *n)
{
    u32 n_in = slot_count(d->in), n_out = slot_count(d->out), least = least_inputs(d);
    bool many_in = n_in && spec_of(&d->in[n_in - 1]).many, many_out = n_out && spec_of(&d->out[n_out - 1]).many;
    if (n->n_in < least || (n->n_in > n_in && !many_in))
        return fail(QN_E_FORMAT, "%s '%s' has %u input%s, it wants %s%u", d->name, n->name, n->n_in, n->n_in == 1 ? "" : "s",
                    many_in || n->n_in < least ? "at least " : "at most ", n->n_in < least ? least : n_in);
    if (n->n_out > n_out && !many_out)
        return fail(QN_E_FORMAT, "%s '%s' has %u output%s, it gives at most %u", d->name, n->name, n->n_out,
                    n->n_out == 1 ? "" : "s", n_out);
    return QN_OK;
}

/* A type that a file declares for a computed value is a hint only. */
static bool has_type(const value *v)
{
    bool source = v->is_input || v->is_constant || value_is_sizes(v);
    return v->type.known && v->type.dtype != QN_NONE && (source || v->inferred);
}

static qn_status check_inputs(const graph *g, const op_def *d, const node *n)
{
    u32 n_slots = slot_count(d->in);
    for (u32 i = 0; i < n->n_in; i++) {
        const op_slot *slot = &d->in[slot_of_port(d->in, n_slots, i)];
        slot_spec spec = spec_of(slot);
        val v = node_in(g, n, i);
        const char *wanted;
        if (!v) {
            if (!spec.optional && i < least_inputs(d)) return node_fail(n, QN_E_FORMAT, "input", slot->name, "is missing");
            continue;
        }
        const type *t = &value_at(g, v)->type;
        if (!has_type(value_at(g, v)))
            return node_fail(n, QN_E_FORMAT, "input", slot->name, "is used before it is computed");
        if (!type_allowed(g, n, d, spec.types, t->dtype, &wanted))
            return fail(QN_E_DTYPE, "%s '%s': input '%s' is %s, it must be %s", d->name, n->name, slot->name,
                        qn_dtype_name(t->dtype), wanted);
    }
    return QN_OK;
}

static const char *const kind_names[] = { "nothing", "an integer", "a number", "a text",  "integers",
                                          "numbers", "texts",      "a tensor", "a graph", "a type" };

static qn_status check_dtype(const node *n, const attr *a, const op_attr *want)
{
    qn_dtype d = dtype_of_onnx(a->i);
    if (!a->i && !want->required) return QN_OK;
    if (d && set_of_words(want->text) >> d & 1) return QN_OK;
    if (d)
        return fail(QN_E_DTYPE, "%s '%s': attribute '%s' says %s, it must be %s", op_of(n)->name, n->name, a->name,
                    qn_dtype_name(d), want->text);
    return fail(QN_E_UNSUPPORTED, "%s '%s': attribute '%s' says %lld, which is not a type this build has", op_of(n)->name,
                n->name, a->name, (long long)a->i);
}

static qn_status check_attrs(const op_def *d, const node *n)
{
    for (u32 i = 0; i < n->n_attrs; i++) {
        const attr *a = &n->attrs[i];
        const op_attr *want = op_attr_of(d, a->name);
        if (attr_find(n, a->name) != a) return node_fail(n, QN_E_FORMAT, "attribute", a->name, "is there twice");
        if (!want && !op_is_note(a->name))
            return node_fail(n, QN_E_UNSUPPORTED, "attribute", a->name, "is not one this op has");
        if (want && want->kind == a->kind && op_attr_is_dtype(want)) QN_TRY(check_dtype(n, a, want));
        if (want && want->kind != a->kind)
            return fail(QN_E_FORMAT, "%s '%s': attribute '%s' is %s, it must be %s", d->name, n->name, a->name,
                        kind_names[a->kind], kind_names[want->kind]);
    }
    for (u32 i = 0; i < COUNT(d->attrs) && d->attrs[i].name; i++)
        if (d->attrs[i].required && !attr_find(n, d->attrs[i].name))
            return node_fail(n, QN_E_FORMAT, "attribute", d->attrs[i].name, "is missing");
    return QN_OK;
}

/* What inference left must be whole and as the record promises: if not, the op's file is wrong. */
static qn_status check_outputs(const graph *g, const op_def *d, const node *n)
{
    u32 n_slots = slot_count(d->out);
    for (u32 i = 0; i < n->n_out; i++) {
        const op_slot *slot = &d->out[slot_of_port(d->out, n_slots, i)];
        const type *t = &value_at(g, n->out[i])->type;
        const char *wanted;
        if (!has_type(value_at(g, n->out[i])))
            return node_fail(n, QN_E_BUG, "output", slot->name, "has no type after inference");
        if (!type_allowed(g, n, d, spec_of(slot).types, t->dtype, &wanted))
            return fail(QN_E_BUG, "%s '%s': output '%s' is inferred as %s, its record says %s", d->name, n->name, slot->name,
                        qn_dtype_name(t->dtype), wanted);
    }
    return QN_OK;
}

/* An op may need the numbers in a list of integers (a shape, k) that is only computed, or given, at run time. They become variables then,
 * which a read of that tensor binds; the op is inferred once more. False: there is nothing of the kind to ask for. */
static bool ask_for_elems(graph *g, const node *n)
{
    bool asked = false;
    for (u32 i = 0; i < n->n_in; i++) {
        val v = node_in(g, n, i);
        if (v && value_at(g, v)->type.rank <= 1) asked |= elems_ask(g, v);
    }
    return asked;
}

/* A list of sizes that was made before some of them were settled. */
static qn_status settle_sizes(graph *g, val v)
{
    const value *x = value_at(g, v);
    if (!value_is_sizes(x)) return QN_OK;
    sym now[ELEMS_MAX];
    bool same = true, short_enough = x->n_elems <= ELEMS_MAX;
    for (u32 k = 0; k < x->n_elems && short_enough; k++) {
        now[k] = sym_settled(g, x->elems[k]);
        short_enough = now[k] != 0;
        same = same && now[k] == x->elems[k];
    }
    if (same || !short_enough) return sym_status(g);
    val by = graph_sizes(g, NULL, now, x->n_elems);
    if (!by) return QN_E_NOMEM;
    graph_replace(g, v, by);
    return QN_OK;
}

static void settle_need(graph *g, node_need *need)
{
    sym holds = sym_settled(g, need->holds), a = sym_settled(g, need->a), b = sym_settled(g, need->b);
    if (holds && (a || !need->a) && (b || !need->b)) need->holds = holds, need->a = a, need->b = b;
}

static qn_status settle_inputs(graph *g, nid id)
{
    const node *n = node_at(g, id);
    for (u32 i = 0; i < n->n_in; i++)
        if (node_in(g, n, i)) QN_TRY(settle_sizes(g, node_in(g, n, i)));
    for (u32 i = 0; i < n->n_left; i++) settle_need(g, &n->left[i]);
    return QN_OK;
}

static qn_status infer_asking(graph *g, nid id, const op_def *d)
{
    infer c = { .g = g, .id = id, .n = node_at(g, id), .variables = sym_variable_count(g) };
    g->differs = false;
    qn_status status = d->infer(&c);
    if (status == QN_OK || status == QN_E_NOMEM || status == QN_E_DTYPE) return status;
    if (!ask_for_elems(g, c.n)) return status;
    node_at(g, id)->n_needs = 0;
    g->differs = false;
    c = (infer){ .g = g, .id = id, .n = node_at(g, id), .variables = sym_variable_count(g) };
    return d->infer(&c);
}

qn_status graph_infer_node(graph *g, nid id)
{
    node *n = node_at(g, id);
    const op_def *d = n->op < OP_COUNT ? op_of(n) : NULL;
    if (!d) return fail(QN_E_BUG, "node '%s' has no op", n->name);
    if (!d->infer) return fail(QN_E_UNSUPPORTED, "node '%s' needs %s", n->name, d->name);
    QN_TRY(check_arity(d, n));
    QN_TRY(check_attrs(d, n));
    QN_TRY(settle_inputs(g, id));
    QN_TRY(check_inputs(g, d, n));
    g->inferring = id;
    n->n_needs = 0;
    for (u32 i = 0; i < n->n_in; i++)
        if (n->in[i]) value_at(g, live(g, n->in[i]))->asked = false;
    qn_status status = infer_asking(g, id, d);
    g->inferring = 0;
    QN_TRY(status);
    QN_TRY(sym_status(g));
    if (node_at(g, id)->needs_lost) return fail_nomem(sizeof(sym));
    return check_outputs(g, d, node_at(g, id));
}

/* ---- the graph */

/* Inputs and constants: a whole type whose bytes can be counted. */
qn_status graph_check_source(graph *g, val v)
{
    type t = value_at(g, v)->type;
    const char *name = value_at(g, v)->name;
    if (!name) name = "";
    if (t.dtype == QN_NONE) return fail(QN_E_FORMAT, "input '%s' has no element type", name);
    if (!t.known) return fail(QN_E_UNSUPPORTED, "input '%s' has no declared shape: write one into the file", name);
    if (dtype_is_list(t.dtype) && (t.rank != 1 || !t.of))
        return fail(QN_E_FORMAT, "input '%s' does not say what it holds", name);
    for (u32 d = 0; d < t.rank; d++) {
        i64 number;
        if (!t.dims[d]) t.dims[d] = sym_fresh(g, "size");
        if (sym_is_number(g, t.dims[d], &number) && number < 0)
            return fail(QN_E_SHAPE, "size %u of '%s' is %lld", d, name, (long long)number);
    }
    QN_TRY(sym_status(g));
    if (!type_elems(g, &t)) {
        QN_TRY(sym_status(g));
        return fail(QN_E_SHAPE, "'%s' would have more elements than 64 bits can count", name);
    }
    value_at(g, v)->type = t;
    return QN_OK;
}

qn_status graph_check(graph *g)
{
    g->stuck = 0;
    for (u32 i = 0; i < g->n_inputs; i++) QN_TRY(graph_check_source(g, g->inputs[i]));
    FOR_NODES(g, n)
    {
        g->stuck = n;
        QN_TRY(graph_infer_node(g, n));
    }
    g->stuck = 0;
    for (u32 i = 0; i < g->n_outputs; i++) {
        QN_TRY(settle_sizes(g, live(g, g->outputs[i])));
        const value *v = value_at(g, live(g, g->outputs[i]));
        if (!has_type(v))
            return fail(QN_E_FORMAT, "output '%s' is computed by no node",
                        value_at(g, g->outputs[i])->name ? value_at(g, g->outputs[i])->name : "");
    }
    return QN_OK;
}

/* ---- links */

/* place[v] is the running number of v's maker, 0 for inputs and constants, UINT32_MAX where nobody makes it. */
typedef struct links {
    const graph *g;
    u32 *place, *uses;
} links;

static qn_status broken(const graph *g, nid n, const char *what)
{
    return fail(QN_E_BUG, "graph: node %u '%s': %s", n, n ? node_at(g, n)->name : "", what);
}

static qn_status verify_node(const links *l, nid id, u32 number)
{
    const node *n = node_at(l->g, id);
    if (n->dead) return broken(l->g, id, "is dead but listed");
    for (u32 i = 0; i < n->n_in; i++) {
        if (!n->in[i]) continue;
        val v = live(l->g, n->in[i]);
        if (l->place[v] >= number) return broken(l->g, id, "stands before the maker of its input");
        l->uses[v]++;
    }
    for (u32 i = 0; i < n->n_out; i++) {
        const value *v = value_at(l->g, n->out[i]);
        if (v->maker != id || v->maker_out != i) return broken(l->g, id, "its output has another maker");
        l->place[n->out[i]] = number;
    }
    return QN_OK;
}

static qn_status verify_list(const links *l)
{
    u32 number = 0;
    nid last = 0;
    FOR_NODES(l->g, n)
    {
        if (node_at(l->g, n)->prev != last) return broken(l->g, n, "the list's links do not agree");
        if (++number > l->g->n_live) return broken(l->g, n, "the list is longer than the count of nodes");
        QN_TRY(verify_node(l, n, number));
        last = n;
    }
    return number == l->g->n_live && last == l->g->last ? QN_OK
                                                        : broken(l->g, last, "the list and the count of nodes do not agree");
}

static qn_status verify_uses(const links *l)
{
    for (u32 i = 0; i < l->g->n_outputs; i++) {
        val v = live(l->g, l->g->outputs[i]);
        if (l->place[v] == UINT32_MAX) return fail(QN_E_BUG, "graph: output %u has no maker", i);
        l->uses[v]++;
    }
    for (val v = 1; v <= l->g->n_values; v++)
        if (l->uses[v] != value_at(l->g, v)->uses)
            return fail(QN_E_BUG, "graph: value %u '%s' counts %u uses, it has %u", v,
                        value_at(l->g, v)->name ? value_at(l->g, v)->name : "", value_at(l->g, v)->uses, l->uses[v]);
    return QN_OK;
}

qn_status graph_verify(const graph *g)
{
    size_t bytes = ((size_t)g->n_values + 1) * sizeof(u32);
    links l = { g, mem_alloc(bytes), mem_zalloc(bytes) };
    qn_status status = l.place && l.uses ? QN_OK : fail_nomem(bytes);
    for (val v = 1; status == QN_OK && v <= g->n_values; v++) {
        const value *x = value_at(g, v);
        l.place[v] = x->is_input || x->is_constant || value_is_sizes(x) ? 0 : UINT32_MAX;
    }
    if (status == QN_OK) status = verify_list(&l);
    if (status == QN_OK) status = verify_uses(&l);
    mem_free(l.place);
    mem_free(l.uses);
    return status;
}

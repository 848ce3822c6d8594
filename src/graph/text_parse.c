/* A graph from its text: statements ended by line ends or ';', names read as they come, types compared after inference.
 * What stands in a statement (types, elements, attributes) is read by text_values.c.
 * For tests and tools: small graphs; values are looked up by walking over their names. */
#include "graph/text_parse.h"
#include "graph/words.h"
#include "op/op.h"

enum { MAX_PORTS = 256 };

qn_status text_wrong(const parser *p, const char *wanted)
{
    int shown = (int)strcspn(p->at, "\n");
    return fail(QN_E_FORMAT, "line %u: %s is wanted at \"%.*s\"", p->line, wanted, MIN(shown, 40), p->at);
}

bool text_take(parser *p, char c)
{
    word_skip_space(&p->at);
    if (*p->at != c) return false;
    p->at++;
    return true;
}

qn_status text_need(parser *p, char c)
{
    const char text[] = { '\'', c, '\'', 0 };
    return text_take(p, c) ? QN_OK : text_wrong(p, text);
}

qn_status text_word(parser *p, const char **out)
{
    qn_bytes word;
    word_skip_space(&p->at);
    qn_status status = word_read(p->g->mem, &p->at, &word);
    if (status != QN_OK) return status == QN_E_NOMEM ? status : text_wrong(p, "a name");
    *out = word.data;
    return QN_OK;
}

/* "epsilon=1" is a float where the op says so, and "axes=[]" is whatever kind of list the op wants. */
static qn_status suit_schema(parser *p, const op_def *d, attr *a)
{
    const op_attr *want = op_attr_of(d, a->name);
    if (!want) return QN_OK;
    if (want->kind == ATTR_FLOAT && a->kind == ATTR_INT) *a = attr_of_float(a->name, (f64)a->i);
    if (a->kind == ATTR_INTS && a->n == 0 && (want->kind == ATTR_FLOATS || want->kind == ATTR_TEXTS)) a->kind = want->kind;
    if (want->kind != ATTR_FLOATS || a->kind != ATTR_INTS) return QN_OK;
    f32 *floats = ARENA_ARRAY(p->g->mem, a->n, f32);
    if (!floats) return fail_nomem(a->n * sizeof *floats);
    for (u32 i = 0; i < a->n; i++) floats[i] = (f32)a->ints[i];
    a->kind = ATTR_FLOATS;
    a->floats = floats;
    return QN_OK;
}

/* ---- statements */

static qn_status read_op(parser *p, op_id *out)
{
    const char *word;
    QN_TRY(text_word(p, &word));
    const char *dot = strrchr(word, '.');
    char domain[64] = "";
    if (dot && (size_t)(dot - word) < sizeof domain) memcpy(domain, word, (size_t)(dot - word));
    *out = op_by_name(domain, dot ? dot + 1 : word);
    return *out ? QN_OK : fail(QN_E_UNSUPPORTED, "line %u: there is no op '%s'", p->line, word);
}

typedef struct call {
    op_id op;
    val in[MAX_PORTS];
    u32 n_in;
    attr attrs[24];
    u32 n_attrs;
} call;

static qn_status read_input(parser *p, call *c, const char *name, bool absent)
{
    if (c->n_in == MAX_PORTS) return text_wrong(p, "at most 256 inputs");
    val v = absent ? 0 : graph_find(p->g, name);
    if (!absent && !v) return fail(QN_E_NAME, "line %u: nothing is called '%s' yet", p->line, name);
    c->in[c->n_in++] = v;
    return QN_OK;
}

static qn_status read_argument(parser *p, call *c)
{
    const char *word;
    word_skip_space(&p->at);
    bool quoted = *p->at == '"';
    QN_TRY(text_word(p, &word));
    if (!text_take(p, '=')) return read_input(p, c, word, !quoted && strcmp(word, "_") == 0);
    if (c->n_attrs == COUNT(c->attrs)) return text_wrong(p, "at most 24 attributes");
    attr *a = &c->attrs[c->n_attrs++];
    a->name = word;
    QN_TRY(text_attr(p, a));
    return suit_schema(p, op_defs[c->op], a);
}

static qn_status read_call(parser *p, call *c)
{
    QN_TRY(read_op(p, &c->op));
    QN_TRY(text_need(p, '('));
    if (text_take(p, ')')) return QN_OK;
    do QN_TRY(read_argument(p, c));
    while (text_take(p, ','));
    return text_need(p, ')');
}

static qn_status read_wanted_types(parser *p, const val *out, u32 n)
{
    if (!text_take(p, ':')) return QN_OK;
    for (u32 i = 0; i < n; i++) {
        if (i) QN_TRY(text_need(p, ','));
        if (!ARENA_PUSH_ROOM(p->g->mem, p->wanted, p->n_wanted, p->cap_wanted, UINT32_MAX / 4))
            return fail_nomem(sizeof(expected));
        expected *e = &p->wanted[p->n_wanted];
        e->v = out[i];
        QN_TRY(text_type(p, &e->type));
        p->n_wanted++;
    }
    return QN_OK;
}

static qn_status new_value(parser *p, const char *name, val *out)
{
    if (graph_find(p->g, name)) return fail(QN_E_FORMAT, "line %u: '%s' is there already", p->line, name);
    *out = graph_value(p->g, name);
    return *out ? QN_OK : QN_E_NOMEM;
}

static qn_status parse_node(parser *p, const char *first)
{
    val out[MAX_PORTS];
    u32 n = 0;
    call c = { 0 };
    for (const char *name = first;;) {
        if (n == MAX_PORTS) return text_wrong(p, "at most 256 outputs");
        QN_TRY(new_value(p, name, &out[n++]));
        if (!text_take(p, ',')) break;
        QN_TRY(text_word(p, &name));
    }
    QN_TRY(text_need(p, '='));
    QN_TRY(read_call(p, &c));
    if (!graph_node(p->g, 0, (u16)c.op, NULL, c.in, c.n_in, out, n, c.attrs, c.n_attrs)) return QN_E_NOMEM;
    return read_wanted_types(p, out, n);
}

/* NAME : TYPE, the head of in, const and sizes. */
static qn_status read_head(parser *p, const char **name, type *t)
{
    QN_TRY(text_word(p, name));
    if (graph_find(p->g, *name)) return fail(QN_E_FORMAT, "line %u: '%s' is there already", p->line, *name);
    QN_TRY(text_need(p, ':'));
    return text_type(p, t);
}

static qn_status parse_in(parser *p)
{
    const char *name;
    type t;
    QN_TRY(read_head(p, &name, &t));
    return graph_input(p->g, name, &t) ? QN_OK : QN_E_NOMEM;
}

static qn_status parse_const(parser *p)
{
    const char *name;
    type t;
    qn_tensor tensor;
    QN_TRY(read_head(p, &name, &t));
    QN_TRY(text_need(p, '='));
    QN_TRY(text_tensor(p, &t, &tensor));
    return graph_constant(p->g, name, &tensor) ? QN_OK : QN_E_NOMEM;
}

static qn_status parse_sizes(parser *p)
{
    const char *name;
    type t;
    sym elems[MAX_PORTS];
    u32 n = 0;
    QN_TRY(read_head(p, &name, &t));
    QN_TRY(text_need(p, '='));
    QN_TRY(text_need(p, '{'));
    while (!text_take(p, '}')) {
        if (n && !text_take(p, ',')) return text_wrong(p, "','");
        if (n == MAX_PORTS) return text_wrong(p, "at most 256 sizes");
        QN_TRY(text_size(p, &elems[n++]));
    }
    if (t.dtype != QN_I64 || t.rank != 1 || !sym_is(p->g, t.dims[0], n))
        return text_wrong(p, "the type i64 with as many elements before this");
    return graph_sizes(p->g, name, elems, n) ? QN_OK : QN_E_NOMEM;
}

/* out a, b = c: output b was replaced by c. */
static qn_status parse_out(parser *p)
{
    do {
        const char *name;
        QN_TRY(text_word(p, &name));
        val v = graph_find(p->g, name);
        if (text_take(p, '=')) {
            const char *other;
            QN_TRY(text_word(p, &other));
            val by = graph_find(p->g, other);
            if (!by) return fail(QN_E_NAME, "line %u: nothing is called '%s'", p->line, other);
            QN_TRY(new_value(p, name, &v));
            graph_replace(p->g, v, by);
        }
        if (!v) return fail(QN_E_NAME, "line %u: nothing is called '%s'", p->line, name);
        QN_TRY(graph_output(p->g, v));
    } while (text_take(p, ','));
    return QN_OK;
}

static const struct {
    const char *word;
    qn_status (*parse)(parser *p);
} statements[] = {
    { "in", parse_in },
    { "const", parse_const },
    { "sizes", parse_sizes },
    { "out", parse_out },
};

static qn_status parse_statement(parser *p)
{
    const char *word;
    bool quoted = *p->at == '"';
    QN_TRY(text_word(p, &word));
    for (size_t i = 0; !quoted && i < COUNT(statements); i++)
        if (strcmp(word, statements[i].word) == 0) return statements[i].parse(p);
    return parse_node(p, word);
}

static void skip_blank_lines(parser *p)
{
    for (;; p->at++) {
        word_skip_space(&p->at);
        if (*p->at == '\n') p->line++;
        else if (*p->at != ';') return;
    }
}

qn_status text_statements(parser *p, char end)
{
    for (;;) {
        skip_blank_lines(p);
        if (*p->at == end) break;
        QN_TRY(parse_statement(p));
        word_skip_space(&p->at);
        if (*p->at != '\n' && *p->at != ';' && *p->at != end) return text_wrong(p, "the end of the line");
    }
    if (end) p->at++;
    return QN_OK;
}

/* A size that inference made up ("nonzero.1") agrees with any that the text says. */
static bool dim_agrees(const graph *g, sym said, sym is, u32 variables)
{
    return !said || sym_same(g, said, is) || sym_newest_variable(g, is) > variables;
}

static qn_status check_wanted(const graph *g, const expected *e, u32 variables)
{
    const value *v = value_at(g, e->v);
    bool agrees = e->type.dtype == v->type.dtype && (!e->type.known || e->type.rank == v->type.rank);
    for (u32 i = 0; agrees && e->type.known && i < e->type.rank; i++)
        agrees = dim_agrees(g, e->type.dims[i], v->type.dims[i], variables);
    if (agrees) return QN_OK;
    str said = { 0 }, is = { 0 };
    text_print_type(g, &e->type, &said);
    text_print_type(g, &v->type, &is);
    fail(QN_E_SHAPE, "'%s' is %s, the text says %s", v->name, is.text ? is.text : "", said.text ? said.text : "");
    str_free(&said);
    str_free(&is);
    return QN_E_SHAPE;
}

qn_status graph_parse(graph *g, const char *text)
{
    parser p = { .g = g, .at = text, .line = 1 };
    qn_status status = text_statements(&p, 0);
    QN_TRY(sym_status(g)); /* a size that had no memory looks like one that is wrong */
    QN_TRY(status);
    u32 variables = sym_variable_count(g);
    QN_TRY(graph_check(g));
    for (u32 i = 0; i < p.n_wanted; i++) QN_TRY(check_wanted(g, &p.wanted[i], variables));
    return QN_OK;
}

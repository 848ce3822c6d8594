/* A graph from its text: statements ended by line ends or ';', names read as they come, types compared after inference.
 * For tests and tools: small graphs; values are looked up by walking over their names. */
#include <errno.h>
#include <stdlib.h>

#include "graph/text.h"
#include "graph/words.h"
#include "op/op.h"

enum { MAX_PORTS = 256, MAX_LIST = 4096, MAX_NESTING = 8 };

typedef struct expected {
    val v;
    type type;
} expected;
typedef struct parser {
    graph *g;
    const char *at;
    u32 line, depth;
    expected *wanted;
    u32 n_wanted, cap_wanted; /* the types after " : " */
} parser;

static qn_status wrong(const parser *p, const char *wanted)
{
    int shown = (int)strcspn(p->at, "\n");
    return fail(QN_E_FORMAT, "line %u: %s is wanted at \"%.*s\"", p->line, wanted, MIN(shown, 40), p->at);
}

static bool take(parser *p, char c)
{
    word_skip_space(&p->at);
    if (*p->at != c) return false;
    p->at++;
    return true;
}

static qn_status need(parser *p, char c)
{
    const char text[] = { '\'', c, '\'', 0 };
    return take(p, c) ? QN_OK : wrong(p, text);
}

static qn_status read_word(parser *p, const char **out)
{
    qn_bytes word;
    word_skip_space(&p->at);
    qn_status status = word_read(p->g->mem, &p->at, &word);
    if (status != QN_OK) return status == QN_E_NOMEM ? status : wrong(p, "a name");
    *out = word.data;
    return QN_OK;
}

/* ---- types and elements */

static qn_status read_dtype(parser *p, qn_dtype *out)
{
    const char *word;
    QN_TRY(read_word(p, &word));
    for (u32 d = 1; d < QN_DTYPE_COUNT; d++) {
        if (strcmp(word, qn_dtype_name((qn_dtype)d)) != 0) continue;
        *out = (qn_dtype)d;
        return QN_OK;
    }
    return wrong(p, "an element type (f32, i64, bool, ...) before this");
}

static qn_status read_size(parser *p, sym *out)
{
    *out = sym_parse(p->g, &p->at);
    return *out ? QN_OK : fail_in(QN_E_FORMAT, "line %u: ", p->line);
}

/* After '['. */
static qn_status read_dims(parser *p, type *out)
{
    out->known = true;
    if (take(p, ']')) return QN_OK;
    if (take(p, '*')) {
        out->known = false;
        return need(p, ']');
    }
    do {
        if (out->rank == QN_MAX_RANK) return wrong(p, "at most 8 dimensions");
        if (take(p, '?')) out->dims[out->rank++] = 0;
        else QN_TRY(read_size(p, &out->dims[out->rank++]));
    } while (take(p, ','));
    return need(p, ']');
}

static qn_status read_tensor_type(parser *p, type *out)
{
    *out = (type){ 0 };
    QN_TRY(read_dtype(p, &out->dtype));
    QN_TRY(need(p, '['));
    return read_dims(p, out);
}

static qn_status read_link(parser *p, const char *want)
{
    const char *word;
    QN_TRY(read_word(p, &word));
    if (text_same(word, want)) return QN_OK;
    return want[0] == 'o' ? wrong(p, "'of' and a type before this") : wrong(p, "'to' and a type before this");
}

/* An optional of a sequence of maps is as deep as types go. */
static qn_status read_type(parser *p, type *out)
{
    type of[3];
    u32 n = 0;
    QN_TRY(read_tensor_type(p, out));
    for (type *t = out; dtype_is_list(t->dtype); t = &of[n++]) {
        if (t->rank != 1 || n == COUNT(of)) return wrong(p, "one size, and at most three lists, before this");
        QN_TRY(read_link(p, "of"));
        if (t->dtype == QN_MAP) {
            QN_TRY(read_dtype(p, &t->key));
            QN_TRY(read_link(p, "to"));
        }
        QN_TRY(read_tensor_type(p, &of[n]));
        of[n].any_rank = !of[n].known;
    }
    for (u32 i = n; i-- > 0;) {
        type *t = i ? &of[i - 1] : out;
        qn_dtype key = t->key;
        *t = key ? map_type(p->g, key, of[i].dtype) : list_type(p->g, t->dtype, t->dims[0], &of[i]);
        if (!t->of) return QN_E_NOMEM;
    }
    return QN_OK;
}

/* clang-format off */
#define PUT(type, v) do { type put = (type)(v); memcpy(to, &put, sizeof put); } while (0)
static void store(qn_dtype d, f64 real, i64 whole, u64 natural, u8 *to)
{
    switch (d) {
    case QN_F32:  PUT(f32, real); break;
    case QN_F16:  PUT(u16, f16_from_f32((f32)real)); break;
    case QN_BF16: PUT(u16, bf16_from_f32((f32)real)); break;
    case QN_F64:  PUT(f64, real); break;
    case QN_I4: case QN_I2:
    case QN_I8:   PUT(i8, whole); break;
    case QN_I16:  PUT(i16, whole); break;
    case QN_I32:  PUT(i32, whole); break;
    case QN_I64:  PUT(i64, whole); break;
    case QN_F8E4M3FN: case QN_F8E4M3FNUZ: case QN_F8E5M2: case QN_F8E5M2FNUZ: case QN_F8E8M0: case QN_F4E2M1: /* their bits */
    case QN_U4: case QN_U2:
    case QN_U8:   PUT(u8, natural); break;
    case QN_U16:  PUT(u16, natural); break;
    case QN_U32:  PUT(u32, natural); break;
    case QN_U64:  PUT(u64, natural); break;
    case QN_BOOL: PUT(u8, whole != 0); break;
    case QN_NONE: case QN_STRING: case QN_SEQUENCE: case QN_OPTIONAL: case QN_MAP: case QN_DTYPE_COUNT: break;
    }
}
#undef PUT
/* clang-format on */

static qn_status read_text(parser *p, qn_bytes *out)
{
    word_skip_space(&p->at);
    if (*p->at != '"') return wrong(p, "a text in quotes");
    qn_status status = word_read(p->g->mem, &p->at, out);
    return status == QN_E_FORMAT ? wrong(p, "a text with its end and good escapes") : status;
}

static qn_status read_elem(parser *p, qn_dtype d, u8 *to)
{
    if (d == QN_STRING) {
        qn_bytes text;
        QN_TRY(read_text(p, &text));
        memcpy(to, &text, sizeof text);
        return QN_OK;
    }
    word_skip_space(&p->at);
    const char *from = p->at;
    f64 real;
    if (!number_read(&p->at, NULL, d, &real)) return wrong(p, "a number");
    store(d, real, d < QN_I8 ? 0 : strtoll(from, NULL, 10), d < QN_I8 ? 0 : strtoull(from, NULL, 10), to);
    return QN_OK;
}

/* "{1, 2}" for a type whose dims are numbers. The data is in the graph's arena. */
static qn_status read_tensor(parser *p, const type *t, qn_tensor *out)
{
    qn_tensor made = { .dtype = t->dtype, .rank = t->rank };
    if (dtype_is_list(t->dtype)) return wrong(p, "a type of numbers or texts before this");
    for (u32 i = 0; i < t->rank; i++)
        if (!sym_is_number(p->g, t->dims[i], &made.dims[i]) || made.dims[i] < 0)
            return wrong(p, "a shape of numbers before this");
    u64 n = qn_tensor_elems(&made);
    if (!t->known || n > TEXT_MAX_ELEMS) return wrong(p, "a constant with at most 65536 elements before this");
    u8 *data = arena_array(p->g->mem, n, qn_dtype_bytes(t->dtype));
    if (!data) return fail_nomem(n);
    QN_TRY(need(p, '{'));
    for (u64 i = 0; i < n; i++) {
        if (i) QN_TRY(need(p, ','));
        QN_TRY(read_elem(p, t->dtype, data + i * qn_dtype_bytes(t->dtype)));
    }
    QN_TRY(need(p, '}'));
    made.data = data;
    *out = made;
    return QN_OK;
}

/* ---- attributes */

/* A number as it stands: with a point, an exponent or a word it is a float. */
static qn_status read_number(parser *p, attr *out)
{
    const char *end = p->at;
    f64 real;
    if (!number_read(&end, NULL, QN_F64, &real)) return wrong(p, "a value");
    bool whole = true;
    for (const char *c = p->at; c < end; c++) whole = whole && (*c == '-' || *c == '+' || (*c >= '0' && *c <= '9'));
    errno = 0;
    out->kind = whole ? ATTR_INT : ATTR_FLOAT;
    if (whole) out->i = strtoll(p->at, NULL, 10);
    else out->f = real;
    if (errno) return wrong(p, "a number that fits in 64 bits");
    p->at = end;
    return QN_OK;
}

static qn_status keep_list(parser *p, attr *out, const attr *items, u32 n)
{
    bool floats = false;
    for (u32 i = 0; i < n; i++) floats = floats || items[i].kind == ATTR_FLOAT;
    void *kept = ARENA_ARRAY(p->g->mem, n, qn_bytes);
    if (!kept) return fail_nomem(n * sizeof(qn_bytes));
    out->n = n;
    out->kind = n && items[0].kind == ATTR_TEXT ? ATTR_TEXTS : floats ? ATTR_FLOATS : ATTR_INTS;
    out->ints = kept;
    for (u32 i = 0; i < n; i++) {
        if ((items[i].kind == ATTR_TEXT) != (out->kind == ATTR_TEXTS)) return wrong(p, "a list of one kind before this");
        if (out->kind == ATTR_TEXTS) ((qn_bytes *)kept)[i] = items[i].text;
        else if (floats) ((f32 *)kept)[i] = (f32)(items[i].kind == ATTR_INT ? (f64)items[i].i : items[i].f);
        else ((i64 *)kept)[i] = items[i].i;
    }
    return QN_OK;
}

/* After '['. */
static qn_status read_list(parser *p, attr *out)
{
    attr *items = NULL;
    u32 n = 0, cap = 0;
    if (take(p, ']')) return keep_list(p, out, NULL, 0);
    do {
        if (n == MAX_LIST) return wrong(p, "a list of at most 4096 items before this");
        if (!ARENA_PUSH_ROOM(p->g->mem, items, n, cap, MAX_LIST)) return fail_nomem(sizeof *items * n);
        word_skip_space(&p->at);
        items[n].kind = ATTR_TEXT;
        if (*p->at == '"') QN_TRY(read_text(p, &items[n].text));
        else QN_TRY(read_number(p, &items[n]));
        n++;
    } while (take(p, ','));
    QN_TRY(need(p, ']'));
    return keep_list(p, out, items, n);
}

static qn_status parse_statements(parser *p, char end);

/* After '{'. */
static qn_status read_body(parser *p, attr *out)
{
    parser inner = { .g = graph_make(p->g->mem, p->g), .at = p->at, .line = p->line, .depth = p->depth + 1 };
    if (!inner.g) return QN_E_NOMEM;
    if (inner.depth > MAX_NESTING) return wrong(p, "less nesting");
    QN_TRY(parse_statements(&inner, '}'));
    p->at = inner.at;
    p->line = inner.line;
    out->kind = ATTR_GRAPH;
    out->body = inner.g;
    return QN_OK;
}

static bool is_float_word(const char *at) { return text_starts(at, "inf") || text_starts(at, "nan"); }

static qn_status read_attr_type(parser *p, const type *t, attr *out)
{
    type *kept = ARENA_NEW(p->g->mem, type);
    if (!kept) return fail_nomem(sizeof *kept);
    *kept = *t;
    out->kind = ATTR_TYPE;
    out->type = kept;
    return QN_OK;
}

static qn_status read_attr_tensor(parser *p, attr *out)
{
    type t;
    qn_tensor *tensor = ARENA_NEW(p->g->mem, qn_tensor);
    if (!tensor) return fail_nomem(sizeof *tensor);
    QN_TRY(read_type(p, &t));
    word_skip_space(&p->at);
    if (*p->at != '{') return read_attr_type(p, &t, out);
    QN_TRY(read_tensor(p, &t, tensor));
    out->kind = ATTR_TENSOR;
    out->tensor = tensor;
    return QN_OK;
}

static qn_status read_attr_value(parser *p, attr *out)
{
    word_skip_space(&p->at);
    if (*p->at == '"') {
        out->kind = ATTR_TEXT;
        return read_text(p, &out->text);
    }
    if (take(p, '[')) return read_list(p, out);
    if (take(p, '{')) return read_body(p, out);
    if (word_starts(*p->at) && !is_float_word(p->at)) return read_attr_tensor(p, out);
    return read_number(p, out);
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
    QN_TRY(read_word(p, &word));
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
    if (c->n_in == MAX_PORTS) return wrong(p, "at most 256 inputs");
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
    QN_TRY(read_word(p, &word));
    if (!take(p, '=')) return read_input(p, c, word, !quoted && strcmp(word, "_") == 0);
    if (c->n_attrs == COUNT(c->attrs)) return wrong(p, "at most 24 attributes");
    attr *a = &c->attrs[c->n_attrs++];
    a->name = word;
    QN_TRY(read_attr_value(p, a));
    return suit_schema(p, op_defs[c->op], a);
}

static qn_status read_call(parser *p, call *c)
{
    QN_TRY(read_op(p, &c->op));
    QN_TRY(need(p, '('));
    if (take(p, ')')) return QN_OK;
    do QN_TRY(read_argument(p, c));
    while (take(p, ','));
    return need(p, ')');
}

static qn_status read_wanted_types(parser *p, const val *out, u32 n)
{
    if (!take(p, ':')) return QN_OK;
    for (u32 i = 0; i < n; i++) {
        if (i) QN_TRY(need(p, ','));
        if (!ARENA_PUSH_ROOM(p->g->mem, p->wanted, p->n_wanted, p->cap_wanted, UINT32_MAX / 4))
            return fail_nomem(sizeof(expected));
        expected *e = &p->wanted[p->n_wanted];
        e->v = out[i];
        QN_TRY(read_type(p, &e->type));
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
        if (n == MAX_PORTS) return wrong(p, "at most 256 outputs");
        QN_TRY(new_value(p, name, &out[n++]));
        if (!take(p, ',')) break;
        QN_TRY(read_word(p, &name));
    }
    QN_TRY(need(p, '='));
    QN_TRY(read_call(p, &c));
    if (!graph_node(p->g, 0, (u16)c.op, NULL, c.in, c.n_in, out, n, c.attrs, c.n_attrs)) return QN_E_NOMEM;
    return read_wanted_types(p, out, n);
}

/* NAME : TYPE, the head of in, const and sizes. */
static qn_status read_head(parser *p, const char **name, type *t)
{
    QN_TRY(read_word(p, name));
    if (graph_find(p->g, *name)) return fail(QN_E_FORMAT, "line %u: '%s' is there already", p->line, *name);
    QN_TRY(need(p, ':'));
    return read_type(p, t);
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
    QN_TRY(need(p, '='));
    QN_TRY(read_tensor(p, &t, &tensor));
    return graph_constant(p->g, name, &tensor) ? QN_OK : QN_E_NOMEM;
}

static qn_status parse_sizes(parser *p)
{
    const char *name;
    type t;
    sym elems[MAX_PORTS];
    u32 n = 0;
    QN_TRY(read_head(p, &name, &t));
    QN_TRY(need(p, '='));
    QN_TRY(need(p, '{'));
    while (!take(p, '}')) {
        if (n && !take(p, ',')) return wrong(p, "','");
        if (n == MAX_PORTS) return wrong(p, "at most 256 sizes");
        QN_TRY(read_size(p, &elems[n++]));
    }
    if (t.dtype != QN_I64 || t.rank != 1 || !sym_is(p->g, t.dims[0], n))
        return wrong(p, "the type i64 with as many elements before this");
    return graph_sizes(p->g, name, elems, n) ? QN_OK : QN_E_NOMEM;
}

/* out a, b = c: output b was replaced by c. */
static qn_status parse_out(parser *p)
{
    do {
        const char *name;
        QN_TRY(read_word(p, &name));
        val v = graph_find(p->g, name);
        if (take(p, '=')) {
            const char *other;
            QN_TRY(read_word(p, &other));
            val by = graph_find(p->g, other);
            if (!by) return fail(QN_E_NAME, "line %u: nothing is called '%s'", p->line, other);
            QN_TRY(new_value(p, name, &v));
            graph_replace(p->g, v, by);
        }
        if (!v) return fail(QN_E_NAME, "line %u: nothing is called '%s'", p->line, name);
        QN_TRY(graph_output(p->g, v));
    } while (take(p, ','));
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
    QN_TRY(read_word(p, &word));
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

static qn_status parse_statements(parser *p, char end)
{
    for (;;) {
        skip_blank_lines(p);
        if (*p->at == end) break;
        QN_TRY(parse_statement(p));
        word_skip_space(&p->at);
        if (*p->at != '\n' && *p->at != ';' && *p->at != end) return wrong(p, "the end of the line");
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
    qn_status status = parse_statements(&p, 0);
    QN_TRY(sym_status(g)); /* a size that had no memory looks like one that is wrong */
    QN_TRY(status);
    u32 variables = sym_variable_count(g);
    QN_TRY(graph_check(g));
    for (u32 i = 0; i < p.n_wanted; i++) QN_TRY(check_wanted(g, &p.wanted[i], variables));
    return QN_OK;
}

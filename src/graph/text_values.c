/* What stands in a line of the graph's text: types, sizes, elements of tensors, the values of attributes. */
#include <errno.h>
#include <stdlib.h>

#include "graph/text_parse.h"
#include "graph/words.h"
#include "op/op_util.h"

enum { MAX_LIST = 4096, MAX_NESTING = 8 };

/* ---- types and elements */

static qn_status read_dtype(parser *p, qn_dtype *out)
{
    const char *word;
    QN_TRY(text_word(p, &word));
    for (u32 d = 1; d < QN_DTYPE_COUNT; d++) {
        if (strcmp(word, qn_dtype_name((qn_dtype)d)) != 0) continue;
        *out = (qn_dtype)d;
        return QN_OK;
    }
    return text_wrong(p, "an element type (f32, i64, bool, ...) before this");
}

qn_status text_size(parser *p, sym *out)
{
    *out = sym_parse(p->g, &p->at);
    return *out ? QN_OK : fail_in(QN_E_FORMAT, "line %u: ", p->line);
}

/* After '['. */
static qn_status read_dims(parser *p, type *out)
{
    out->known = true;
    if (text_take(p, ']')) return QN_OK;
    if (text_take(p, '*')) {
        out->known = false;
        return text_need(p, ']');
    }
    do {
        if (out->rank == QN_MAX_RANK) return text_wrong(p, "at most 8 dimensions");
        if (text_take(p, '?')) out->dims[out->rank++] = 0;
        else QN_TRY(text_size(p, &out->dims[out->rank++]));
    } while (text_take(p, ','));
    return text_need(p, ']');
}

static qn_status read_tensor_type(parser *p, type *out)
{
    *out = (type){ 0 };
    QN_TRY(read_dtype(p, &out->dtype));
    QN_TRY(text_need(p, '['));
    return read_dims(p, out);
}

static qn_status read_link(parser *p, const char *want)
{
    const char *word;
    QN_TRY(text_word(p, &word));
    if (text_same(word, want)) return QN_OK;
    return want[0] == 'o' ? text_wrong(p, "'of' and a type before this") : text_wrong(p, "'to' and a type before this");
}

/* An optional of a sequence of maps is as deep as types go. */
qn_status text_type(parser *p, type *out)
{
    type of[3];
    u32 n = 0;
    QN_TRY(read_tensor_type(p, out));
    for (type *t = out; dtype_is_list(t->dtype); t = &of[n++]) {
        if (t->rank != 1 || n == COUNT(of)) return text_wrong(p, "one size, and at most three lists, before this");
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
    case QN_NONE: case QN_STRING: case QN_SEQUENCE: case QN_OPTIONAL: case QN_MAP: case QN_C64: case QN_C128: case QN_DTYPE_COUNT: break;
    }
}
#undef PUT
/* clang-format on */

static qn_status read_text(parser *p, qn_bytes *out)
{
    word_skip_space(&p->at);
    if (*p->at != '"') return text_wrong(p, "a text in quotes");
    qn_status status = word_read(p->g->mem, &p->at, out);
    return status == QN_E_FORMAT ? text_wrong(p, "a text with its end and good escapes") : status;
}

static qn_status read_elem(parser *p, qn_dtype d, u8 *to)
{
    if (d == QN_STRING) {
        qn_bytes text;
        QN_TRY(read_text(p, &text));
        memcpy(to, &text, sizeof text);
        return QN_OK;
    }
    if (dtype_is_complex(d)) { /* "(real, imaginary)" */
        qn_dtype part = dtype_part(d);
        QN_TRY(text_need(p, '('));
        QN_TRY(read_elem(p, part, to));
        QN_TRY(text_need(p, ','));
        QN_TRY(read_elem(p, part, to + qn_dtype_bytes(part)));
        return text_need(p, ')');
    }
    word_skip_space(&p->at);
    const char *from = p->at;
    f64 real;
    if (!number_read(&p->at, NULL, d, &real)) return text_wrong(p, "a number");
    store(d, real, d < QN_I8 ? 0 : strtoll(from, NULL, 10), d < QN_I8 ? 0 : strtoull(from, NULL, 10), to);
    return QN_OK;
}

/* "{1, 2}" for a type whose dims are numbers. The data is in the graph's arena. */
qn_status text_tensor(parser *p, const type *t, qn_tensor *out)
{
    qn_tensor made = { .dtype = t->dtype, .rank = t->rank };
    if (dtype_is_list(t->dtype)) return text_wrong(p, "a type of numbers or texts before this");
    for (u32 i = 0; i < t->rank; i++)
        if (!sym_is_number(p->g, t->dims[i], &made.dims[i]) || made.dims[i] < 0)
            return text_wrong(p, "a shape of numbers before this");
    u64 n = qn_tensor_elems(&made);
    if (!t->known || n > TEXT_MAX_ELEMS) return text_wrong(p, "a constant with at most 65536 elements before this");
    u8 *data = arena_array(p->g->mem, n, qn_dtype_bytes(t->dtype));
    if (!data) return fail_nomem(n);
    QN_TRY(text_need(p, '{'));
    for (u64 i = 0; i < n; i++) {
        if (i) QN_TRY(text_need(p, ','));
        QN_TRY(read_elem(p, t->dtype, data + i * qn_dtype_bytes(t->dtype)));
    }
    QN_TRY(text_need(p, '}'));
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
    if (!number_read(&end, NULL, QN_F64, &real)) return text_wrong(p, "a value");
    bool whole = true;
    for (const char *c = p->at; c < end; c++) whole = whole && (*c == '-' || *c == '+' || (*c >= '0' && *c <= '9'));
    errno = 0;
    out->kind = whole ? ATTR_INT : ATTR_FLOAT;
    if (whole) out->i = strtoll(p->at, NULL, 10);
    else out->f = real;
    if (errno) return text_wrong(p, "a number that fits in 64 bits");
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
        if ((items[i].kind == ATTR_TEXT) != (out->kind == ATTR_TEXTS))
            return text_wrong(p, "a list of one kind before this");
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
    if (text_take(p, ']')) return keep_list(p, out, NULL, 0);
    do {
        if (n == MAX_LIST) return text_wrong(p, "a list of at most 4096 items before this");
        if (!ARENA_PUSH_ROOM(p->g->mem, items, n, cap, MAX_LIST)) return fail_nomem(sizeof *items * n);
        word_skip_space(&p->at);
        items[n].kind = ATTR_TEXT;
        if (*p->at == '"') QN_TRY(read_text(p, &items[n].text));
        else QN_TRY(read_number(p, &items[n]));
        n++;
    } while (text_take(p, ','));
    QN_TRY(text_need(p, ']'));
    return keep_list(p, out, items, n);
}

/* After '{'. */
static qn_status read_body(parser *p, attr *out)
{
    parser inner = { .g = graph_make(p->g->mem, p->g), .at = p->at, .line = p->line, .depth = p->depth + 1 };
    if (!inner.g) return QN_E_NOMEM;
    if (inner.depth > MAX_NESTING) return text_wrong(p, "less nesting");
    QN_TRY(text_statements(&inner, '}'));
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
    QN_TRY(text_type(p, &t));
    word_skip_space(&p->at);
    if (*p->at != '{') return read_attr_type(p, &t, out);
    QN_TRY(text_tensor(p, &t, tensor));
    out->kind = ATTR_TENSOR;
    out->tensor = tensor;
    return QN_OK;
}

qn_status text_attr(parser *p, attr *out)
{
    word_skip_space(&p->at);
    if (*p->at == '"') {
        out->kind = ATTR_TEXT;
        return read_text(p, &out->text);
    }
    if (text_take(p, '[')) return read_list(p, out);
    if (text_take(p, '{')) return read_body(p, out);
    if (word_starts(*p->at) && !is_float_word(p->at)) return read_attr_tensor(p, out);
    return read_number(p, out);
}

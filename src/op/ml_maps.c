/* Operators of ai.onnx.ml on maps: ZipMap makes them of scores, DictVectorizer and CastMap make tensors of them. On the host, where maps are:
 * two tensors of one length, keys and values, in no order (quern.h). What looks keys up sorts them first, and finds those that are there twice. */
#include <math.h>
#include <stdlib.h>

#include "op/lists.h"
#include "op/ml.h"
#include "op/narrow.h"

/* ------------------------------------------------------------------ keys */

typedef struct entry { /* of a map: a number or a text, and where it stands */
    i64 number;
    qn_bytes text;
    u64 at;
} entry;

static int by_key(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    size_t n = MIN(x->text.n, y->text.n);
    int order = n ? memcmp(x->text.data, y->text.data, n) : 0;
    return order ? order : (x->text.n > y->text.n) - (x->text.n < y->text.n);
}

static entry entry_at(const qn_tensor *keys, u64 i)
{
    entry e = { .at = i };
    if (keys->dtype == QN_STRING) e.text = ((const qn_bytes *)keys->data)[i];
    else memcpy(&e.number, (const i64 *)keys->data + i, sizeof e.number);
    return e;
}

static entry *sorted(arena *mem, const qn_tensor *keys)
{
    u64 n = qn_tensor_elems(keys);
    entry *e = ARENA_ARRAY(mem, n + 1, entry);
    for (u64 i = 0; e && i < n; i++) e[i] = entry_at(keys, i);
    if (e) qsort(e, (size_t)n, sizeof *e, by_key);
    else fail_nomem(n * sizeof *e);
    return e;
}

/* A key that is there twice, as a sentence's words; NULL: none is. */
static const char *repeated(arena *mem, const entry *e, u64 n)
{
    for (u64 i = 1; i < n; i++) {
        if (by_key(&e[i - 1], &e[i]) != 0) continue;
        const char *said = e[i].text.data
                               ? arena_print(mem, "'%.*s'", (int)MIN(e[i].text.n, 100), (const char *)e[i].text.data)
                               : arena_print(mem, "%lld", (long long)e[i].number);
        return said ? said : "one";
    }
    return NULL;
}

/* Whichever of two attributes the node has, as keys; dtype QN_NONE: neither, both, or an empty one. */
static qn_tensor keys_of(const node *n, const char *ints, const char *texts)
{
    const attr *a = attr_find(n, ints), *b = attr_find(n, texts);
    bool whole = a && a->kind == ATTR_INTS && a->n, words = b && b->kind == ATTR_TEXTS && b->n;
    if (whole == words) return (qn_tensor){ 0 };
    return whole ? (qn_tensor){ QN_I64, 1, { a->n }, a->ints } : (qn_tensor){ QN_STRING, 1, { b->n }, b->texts };
}

/* The entries of input 0, a map, by rising keys; NULL: no memory, or a key is there twice (the status is in *s). */
static entry *entries_of(host_call *h, u64 *n, qn_status *s)
{
    const qn_tensor *keys = h->in[0]->data;
    entry *e = sorted(h->mem, keys);
    *n = qn_tensor_elems(keys);
    *s = e ? QN_OK : QN_E_NOMEM;
    const char *twice = e ? repeated(h->mem, e, *n) : NULL;
    if (twice) *s = host_fail(h, QN_E_DATA, "the map has the key %s twice", twice);
    return twice ? NULL : e;
}

/* ------------------------------------------------------------------ ZipMap */

static qn_tensor class_keys(const node *n) { return keys_of(n, "classlabels_int64s", "classlabels_strings"); }

static qn_status infer_zip(infer *c)
{
    type rows;
    qn_tensor keys = class_keys(c->n);
    QN_TRY(ml_infer_rows(c, &rows));
    if (!keys.dtype) return infer_fail(c, QN_E_FORMAT, "it wants the labels of its classes, as integers or as strings");
    entry *e = sorted(c->g->mem, &keys);
    if (!e) return QN_E_NOMEM;
    const char *twice = repeated(c->g->mem, e, (u64)keys.dims[0]);
    if (twice) return infer_fail(c, QN_E_FORMAT, "it has the label %s twice", twice);
    if (infer_differ(c->g, rows.dims[1], sym_number(c->g, keys.dims[0])))
        return infer_fail(c, QN_E_SHAPE, "it has %lld labels, and another number of columns", (long long)keys.dims[0]);
    type held = map_type(c->g, keys.dtype, QN_F32);
    return held.of ? list_out(c, QN_SEQUENCE, rows.dims[0], &held) : QN_E_NOMEM;
}

/* The maps share the copies of keys and scores. */
static qn_status host_zip(host_call *h)
{
    const qn_tensor *x = h->in[0];
    qn_tensor keys = class_keys(h->n), scores;
    i64 rows = x->rank == 2 ? x->dims[0] : 1;
    qn_status s;
    qn_tensor *list = list_room(h, rows, QN_SEQUENCE, &s), *pairs = ARENA_ARRAY(h->mem, 2 * (u64)rows, qn_tensor);
    if (!list) return s;
    if (!pairs) return fail_nomem((u64)rows * 2 * sizeof *pairs);
    QN_TRY(tensor_copy(h->mem, &keys, &keys));
    QN_TRY(tensor_copy(h->mem, x, &scores));
    for (i64 i = 0; i < rows; i++) {
        pairs[2 * i] = keys;
        pairs[2 * i + 1] = (qn_tensor){ QN_F32, 1, { keys.dims[0] }, (const f32 *)scores.data + i * keys.dims[0] };
        list[i] = (qn_tensor){ QN_MAP, 1, { 2 }, pairs + 2 * i };
    }
    return QN_OK;
}

/* ------------------------------------------------------------------ DictVectorizer */

static qn_tensor vocabulary_of(const node *n) { return keys_of(n, "int64_vocabulary", "string_vocabulary"); }

static qn_status infer_vectorizer(infer *c)
{
    const type *from = infer_in(c, 0);
    qn_tensor words = vocabulary_of(c->n);
    if (!words.dtype) return infer_fail(c, QN_E_FORMAT, "it wants a vocabulary, of integers or of strings");
    if (words.dtype != from->key)
        return infer_fail(c, QN_E_DTYPE, "its vocabulary is %s, the map's keys are %s", qn_dtype_name(words.dtype),
                          qn_dtype_name(from->key));
    type y = { .dtype = from->of->dtype, .rank = 2, .known = true };
    y.dims[0] = sym_one(c->g), y.dims[1] = sym_number(c->g, words.dims[0]);
    return infer_out(c, 0, &y);
}

static qn_status host_vectorizer(host_call *h)
{
    const qn_tensor *values = (const qn_tensor *)h->in[0]->data + 1;
    qn_dtype d = value_at(h->g, h->n->out[0])->type.dtype;
    qn_tensor words = vocabulary_of(h->n);
    size_t bytes = qn_dtype_bytes(d);
    u64 n;
    qn_status s;
    entry *e = entries_of(h, &n, &s);
    if (!e) return s;
    u8 *y = host_out(h, 0, d, 2, (const i64[]){ 1, words.dims[0] });
    if (!y) return QN_E_NOMEM;
    for (u64 i = 0; i < (u64)words.dims[0]; i++) {
        const entry word = entry_at(&words, i), *found = bsearch(&word, e, (size_t)n, sizeof *e, by_key);
        if (found) memcpy(y + i * bytes, (const u8 *)values->data + found->at * bytes, bytes);
    }
    return QN_OK;
}

/* ------------------------------------------------------------------ CastMap */

static bool is_sparse(const graph *g, const node *n) { return text_same(attr_text(g, n, "map_form", "DENSE"), "SPARSE"); }

static qn_status infer_cast_map(infer *c)
{
    static const struct {
        const char *name;
        qn_dtype to;
    } casts[] = { { "TO_FLOAT", QN_F32 }, { "TO_STRING", QN_STRING }, { "TO_INT64", QN_I64 } };
    const type *from = infer_in(c, 0);
    const char *to = attr_text(c->g, c->n, "cast_to", "TO_FLOAT");
    bool sparse = is_sparse(c->g, c->n);
    i64 columns = infer_int(c, "max_map");
    type y = { .rank = 2, .known = true };
    for (u32 i = 0; i < COUNT(casts); i++)
        if (text_same(to, casts[i].name)) y.dtype = casts[i].to;
    if (!y.dtype || (!sparse && !text_same(attr_text(c->g, c->n, "map_form", "DENSE"), "DENSE")))
        return infer_fail(c, QN_E_UNSUPPORTED, "cast_to '%s' or its map_form is none that ONNX has", to);
    if (from->key != QN_I64 || (from->of->dtype != QN_F32 && from->of->dtype != QN_STRING))
        return infer_fail(c, QN_E_DTYPE, "the map must be from i64 to f32 or string");
    if (sparse && columns < 1) return infer_fail(c, QN_E_FORMAT, "max_map is %lld", (long long)columns);
    y.dims[0] = sym_one(c->g);
    y.dims[1] = sparse ? sym_number(c->g, columns) : sym_fresh(c->g, "entries");
    return infer_out(c, 0, &y);
}

/* A float as onnxruntime writes it: six digits behind the point, which is a point in every locale. */
static bool write_text(arena *mem, f32 v, qn_bytes *out)
{
    const char *text = arena_print(mem, "%.6f", (f64)v);
    if (text && isfinite(v))
        text = arena_print(mem, "%.*s.%s", (int)strspn(text, "-0123456789"), text, text + strlen(text) - 6);
    if (text) *out = (qn_bytes){ text, strlen(text) };
    return text || (fail_nomem(1), false);
}

/* Value i of the map, in type d, to `to`. */
static qn_status cast_value(host_call *h, const qn_tensor *values, u64 i, qn_dtype d, void *to)
{
    if (values->dtype == QN_F32) {
        f32 v;
        memcpy(&v, (const f32 *)values->data + i, sizeof v);
        if (d == QN_F32) memcpy(to, &v, sizeof v);
        if (d == QN_I64) *(i64 *)to = v >= 0x1p63f ? INT64_MAX : v >= -0x1p63f ? (i64)v : v < 0 ? INT64_MIN : 0;
        return d != QN_STRING || write_text(h->mem, v, to) ? QN_OK : QN_E_NOMEM;
    }
    const qn_bytes text = ((const qn_bytes *)values->data)[i];
    if (d == QN_STRING) *(qn_bytes *)to = text;
    return d == QN_STRING ? QN_OK : number_of_text(h, i, text, d, to);
}

/* Dense: the values by rising keys. Sparse: value i where key i is; elsewhere 0, which onnxruntime spells so among texts. */
static qn_status host_cast_map(host_call *h)
{
    const qn_tensor *values = (const qn_tensor *)h->in[0]->data + 1;
    qn_dtype d = value_at(h->g, h->n->out[0])->type.dtype;
    bool sparse = is_sparse(h->g, h->n);
    u64 n;
    qn_status s;
    entry *e = entries_of(h, &n, &s);
    if (!e) return s;
    i64 columns = sparse ? attr_int(h->n, "max_map", 1) : (i64)n;
    u8 *y = host_out(h, 0, d, 2, (const i64[]){ 1, columns });
    if (!y) return QN_E_NOMEM;
    for (i64 i = 0; sparse && d == QN_STRING && i < columns; i++) ((qn_bytes *)(void *)y)[i] = (qn_bytes){ "0.f", 3 };
    for (u64 i = 0; i < n; i++) {
        i64 at = sparse ? e[i].number : (i64)i;
        if (at < 0) return host_fail(h, QN_E_DATA, "the key %lld is no column", (long long)at);
        if (at < columns) QN_TRY(cast_value(h, values, e[i].at, d, y + (u64)at * qn_dtype_bytes(d)));
    }
    return QN_OK;
}

static const op_case no_cases[] = { { 0 } }; /* cases have no maps; tests/make_ml_cases.py and tests/lists.c have */
ML(ZipMap, "a map for each row: the label of each column to the score there", LIST({ "X", "f32" }),
   LIST({ "Z", "sequence" }), infer_zip, no_cases, .host = host_zip,
   .attrs = LIST(INTS("classlabels_int64s"), TEXTS("classlabels_strings")))
ML(DictVectorizer, "[1][C]: the map's value for each word of the vocabulary, 0 or an empty text where it has none",
   LIST({ "X", "map" }), LIST({ "Y", "value" }), infer_vectorizer, no_cases, .host = host_vectorizer,
   .attrs = LIST(INTS("int64_vocabulary"), TEXTS("string_vocabulary")))
ML(CastMap, "[1][C]: the map's values by rising keys, or each in the column that its key says, in the type `cast_to`",
   LIST({ "X", "map" }), LIST({ "Y", "f32|i64|string" }), infer_cast_map, no_cases, .host = host_cast_map,
   .attrs = LIST(TEXT("cast_to", "TO_FLOAT"), TEXT("map_form", "DENSE"), INT("max_map", 1)))

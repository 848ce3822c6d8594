/* Text operators, on the host: StringNormalizer, StringSplit, TfIdfVectorizer. Texts are UTF-8; a tensor of them is qn_bytes[]. */
#include "op/op_util.h"

static bool same(qn_bytes a, qn_bytes b) { return a.n == b.n && (a.n == 0 || memcmp(a.data, b.data, a.n) == 0); }

/* ------------------------------------------------------------------ StringNormalizer */
/* The other case of letters that have one in ASCII, Latin-1, Greek and Cyrillic; all others stay. */
static u32 other_case(u32 c, bool upper)
{
    static const struct {
        u32 low, high, apart;
    } lowers[] = { { 'a', 'z', 32 },     { 0xe0, 0xf6, 32 },   { 0xf8, 0xfe, 32 },  { 0x3b1, 0x3c1, 32 },
                   { 0x3c3, 0x3c9, 32 }, { 0x430, 0x44f, 32 }, { 0x450, 0x45f, 80 } };
    for (u32 i = 0; i < COUNT(lowers); i++) {
        u32 by = upper ? 0 : lowers[i].apart;
        if (c + by >= lowers[i].low && c + by <= lowers[i].high) return upper ? c - lowers[i].apart : c + lowers[i].apart;
    }
    return c;
}

/* All of these letters take one byte (ASCII) or two, in both cases. */
static qn_bytes with_case(arena *mem, qn_bytes text, bool upper)
{
    const u8 *at = text.data;
    u8 *to = arena_alloc(mem, text.n + 1);
    for (size_t i = 0; to && i < text.n; i++) {
        to[i] = at[i];
        if (at[i] < 0x80) to[i] = (u8)other_case(at[i], upper);
        if ((at[i] & 0xe0) != 0xc0 || i + 1 == text.n) continue;
        u32 c = other_case((at[i] & 31u) << 6 | (at[i + 1] & 63u), upper);
        to[i] = (u8)(0xc0 | c >> 6), to[i + 1] = (u8)(0x80 | (c & 63));
        i++;
    }
    return (qn_bytes){ to, to ? text.n : 0 };
}

static qn_status infer_normalizer(infer *c)
{
    type y = *infer_in(c, 0);
    if (y.rank < 1 || y.rank > 2 || (y.rank == 2 && infer_differ(c->g, y.dims[0], sym_one(c->g))))
        return infer_fail(c, QN_E_SHAPE, "the input must be [C] or [1][C]");
    y.dims[y.rank - 1] = sym_fresh(c->g, "words");
    return infer_out(c, 0, &y);
}

static bool is_stopword(host_call *h, const attr *words, qn_bytes text, bool exact)
{
    for (u32 i = 0; words && i < words->n; i++) {
        qn_bytes word = exact ? words->texts[i] : with_case(h->mem, words->texts[i], false);
        if (same(word, exact ? text : with_case(h->mem, text, false))) return true;
    }
    return false;
}

static qn_status host_normalizer(host_call *h)
{
    const qn_tensor *x = h->in[0];
    const attr *words = attr_find(h->n, "stopwords");
    const char *action = attr_text(h->g, h->n, "case_change_action", "NONE");
    bool exact = attr_int(h->n, "is_case_sensitive", 0) != 0, upper = text_same(action, "UPPER"),
         lower = text_same(action, "LOWER");
    u64 n = qn_tensor_elems(x), kept = 0;
    qn_bytes *list = arena_array(h->mem, n + 1, sizeof *list);
    if (!list) return fail_nomem(n * sizeof *list);
    for (u64 i = 0; i < n; i++) {
        qn_bytes text = ((const qn_bytes *)x->data)[i];
        if (is_stopword(h, words, text, exact)) continue;
        list[kept++] = upper || lower ? with_case(h->mem, text, upper) : text;
    }
    if (!kept) list[kept++] = (qn_bytes){ "", 0 };
    i64 dims[2] = { 1, (i64)kept };
    qn_bytes *y = host_out(h, 0, QN_STRING, x->rank, x->rank == 2 ? dims : dims + 1);
    if (!y) return QN_E_NOMEM;
    memcpy(y, list, (size_t)kept * sizeof *y);
    return QN_OK;
}

const op_def op_StringNormalizer = {
    .name = "StringNormalizer",
    .doc = DOC("the texts that are no stopwords, in upper or lower case; one empty text where none is left"),
    .in = { { "X", "string" } },
    .out = { { "Y", "string" } },
    .attrs = { TEXT("case_change_action", "NONE"),
               INT("is_case_sensitive", 0),
               TEXT("locale", ""),
               { "stopwords", ATTR_TEXTS, false, 0, 0, NULL } },
    .infer = infer_normalizer,
    .host = host_normalizer,
};

/* ------------------------------------------------------------------ StringSplit */
static qn_status infer_split(infer *c)
{
    type y = *infer_in(c, 0), z = type_with(&y, QN_I64);
    if (y.rank == QN_MAX_RANK)
        return infer_fail(c, QN_E_SHAPE, "the result would have more than %d dimensions", QN_MAX_RANK);
    y.dims[y.rank++] = sym_fresh(c->g, "parts");
    QN_TRY(infer_out(c, 0, &y));
    return infer_out(c, 1, &z);
}

static bool is_blank(u8 c) { return c == ' ' || (c >= 9 && c <= 13); }

/* The next part from *at on, at most `left` cuts from here; false: there is none. By blanks where there is no delimiter. */
static bool next_part(qn_bytes text, qn_bytes by, i64 left, size_t *at, qn_bytes *part)
{
    const u8 *s = text.data;
    if (!by.n) {
        while (*at < text.n && is_blank(s[*at])) (*at)++;
        size_t from = *at;
        while (*at < text.n && (left == 0 || !is_blank(s[*at]))) (*at)++;
        *part = (qn_bytes){ s + from, *at - from };
        if (left == 0)
            while (part->n && is_blank(s[from + part->n - 1])) part->n--;
        return part->n > 0;
    }
    if (*at > text.n) return false;
    size_t from = *at;
    for (; left != 0 && *at + by.n <= text.n; (*at)++) {
        if (memcmp(s + *at, by.data, by.n) != 0) continue;
        *part = (qn_bytes){ s + from, *at - from };
        *at += by.n;
        return true;
    }
    *part = (qn_bytes){ s + from, text.n - from };
    *at = text.n + 1;
    return true;
}

/* Parts of one text: how many; to: NULL, or where they go. */
static u64 split(qn_bytes text, qn_bytes by, i64 most, qn_bytes *to)
{
    u64 n = 0;
    size_t at = 0;
    qn_bytes part;
    while (next_part(text, by, most < 0 ? -1 : MAX(most - (i64)n, 0), &at, &part)) {
        if (to) to[n] = part;
        n++;
    }
    return n;
}

static qn_status host_split(host_call *h)
{
    const qn_tensor *x = h->in[0];
    const qn_bytes *texts = x->data;
    const attr *given = attr_find(h->n, "delimiter");
    qn_bytes by = given && given->kind == ATTR_TEXT ? given->text : (qn_bytes){ "", 0 };
    i64 most = attr_find(h->n, "maxsplit") ? attr_int(h->n, "maxsplit", -1) : -1, dims[QN_MAX_RANK];
    u64 n = qn_tensor_elems(x), widest = 0;
    i64 *counts = host_out(h, 1, QN_I64, x->rank, x->dims);
    if (!counts) return QN_E_NOMEM;
    for (u64 i = 0; i < n; i++) {
        counts[i] = (i64)split(texts[i], by, most, NULL);
        widest = MAX(widest, (u64)counts[i]);
    }
    memcpy(dims, x->dims, sizeof dims);
    dims[x->rank] = (i64)widest;
    qn_bytes *y = host_out(h, 0, QN_STRING, x->rank + 1, dims);
    if (!y) return QN_E_NOMEM;
    for (u64 i = 0; i < n * widest; i++) y[i] = (qn_bytes){ "", 0 };
    for (u64 i = 0; i < n; i++) split(texts[i], by, most, y + i * widest);
    return QN_OK;
}

const op_def op_StringSplit = {
    .name = "StringSplit",
    .doc = DOC("each text cut at the delimiter (at blanks without one), and how many parts it has"),
    .in = { { "X", "string" } },
    .out = { { "Y", "string" }, { "Z", "i64" } },
    .attrs = { { "delimiter", ATTR_TEXT, false, 0, 0, NULL }, { "maxsplit", ATTR_INT, false, 0, 0, NULL } },
    .infer = infer_split,
    .host = host_split,
};

/* ------------------------------------------------------------------ TfIdfVectorizer */
static qn_status infer_tfidf(infer *c)
{
    const type *x = infer_in(c, 0);
    const i64 *at, *starts;
    u32 n = attr_ints(c->n, "ngram_indexes", &at), sizes = attr_ints(c->n, "ngram_counts", &starts);
    i64 most = -1, grams = 0, length = 0;
    const attr *texts = attr_find(c->n, "pool_strings"), *numbers = attr_find(c->n, "pool_int64s"),
               *from = texts ? texts : numbers;
    if (x->rank < 1 || x->rank > 2 || !from || (x->dtype == QN_STRING) != (from->kind == ATTR_TEXTS))
        return infer_fail(c, QN_E_SHAPE, "the input must be [C] or [B][C], of the type of the pool");
    for (u32 i = 0; i < n; i++) {
        if (at[i] < 0 || at[i] > 1 << 28) return infer_fail(c, QN_E_SHAPE, "an index of a column is %lld", (long long)at[i]);
        most = MAX(most, at[i]);
    }
    for (u32 s = 0; s < sizes; s++) {
        i64 to = s + 1 < sizes ? starts[s + 1] : from->n;
        if (starts[s] < length || to < starts[s] || to > from->n)
            return infer_fail(c, QN_E_SHAPE, "ngram_counts do not fit the pool");
        length = starts[s], grams += (to - starts[s]) / (s + 1);
    }
    if (grams > n) return infer_fail(c, QN_E_SHAPE, "ngram_indexes are fewer than the pool's n-grams");
    const attr *weights = attr_find(c->n, "weights");
    if (weights && weights->n && weights->n <= (u64)most) return infer_fail(c, QN_E_SHAPE, "weights are fewer than columns");
    type y = { .dtype = QN_F32, .rank = x->rank, .known = true, .dims = { x->dims[0] } };
    y.dims[x->rank - 1] = sym_number(c->g, most + 1);
    return infer_out(c, 0, &y);
}

typedef struct grams {
    const attr *pool;
    const qn_tensor *x;
    const i64 *starts, *columns;
    u32 sizes;
} grams;

static bool same_item(const grams *s, u64 pool_at, u64 x_at)
{
    if (s->pool->kind == ATTR_TEXTS) return same(s->pool->texts[pool_at], ((const qn_bytes *)s->x->data)[x_at]);
    i64 wide;
    i32 narrow;
    memcpy(&wide, (const u8 *)s->x->data + x_at * 8 * (s->x->dtype == QN_I64), 8 * (s->x->dtype == QN_I64));
    if (s->x->dtype == QN_I32) memcpy(&narrow, (const u8 *)s->x->data + x_at * 4, 4), wide = narrow;
    return s->pool->ints[pool_at] == wide;
}

/* The n-gram of x that starts at `at`, items `apart`: adds one to its column. */
static void count_gram(const grams *s, u32 size, u64 at, u64 apart, f32 *row)
{
    u64 from = (u64)s->starts[size - 1], to = size < s->sizes ? (u64)s->starts[size] : s->pool->n, number = 0;
    for (u32 k = 1; k < size; k++) number += (u64)(s->starts[k] - s->starts[k - 1]) / k;
    for (u64 g = from; g + size <= to; g += size, number++) {
        u32 k = 0;
        while (k < size && same_item(s, g + k, at + k * apart)) k++;
        if (k == size) row[s->columns[number]] += 1;
    }
}

static qn_status host_tfidf(host_call *h)
{
    const attr *texts = attr_find(h->n, "pool_strings"), *weights = attr_find(h->n, "weights");
    grams s = { .pool = texts ? texts : attr_find(h->n, "pool_int64s"), .x = h->in[0] };
    s.sizes = attr_ints(h->n, "ngram_counts", &s.starts);
    i64 width = 0, least = attr_int(h->n, "min_gram_length", 1),
        most = MIN(attr_int(h->n, "max_gram_length", 1), (i64)s.sizes);
    const char *mode = attr_text(h->g, h->n, "mode", "TF");
    attr_ints(h->n, "ngram_indexes", &s.columns);
    sym_is_number(h->g, value_at(h->g, h->n->out[0])->type.dims[s.x->rank - 1], &width);
    u64 length = (u64)s.x->dims[s.x->rank - 1], rows = s.x->rank == 2 ? (u64)s.x->dims[0] : 1;
    i64 dims[2] = { s.x->dims[0], width };
    f32 *y = host_out(h, 0, QN_F32, s.x->rank, s.x->rank == 2 ? dims : dims + 1);
    if (!y) return QN_E_NOMEM;
    memset(y, 0, (size_t)(rows * (u64)width) * sizeof *y);
    for (u64 r = 0; r < rows; r++)
        for (i64 size = MAX(least, 1); size <= most; size++)
            for (u64 apart = 1; apart <= (size == 1 ? 1 : (u64)MAX(attr_int(h->n, "max_skip_count", 0), 0) + 1); apart++)
                for (u64 at = 0; at + apart * (u64)(size - 1) < length; at++)
                    count_gram(&s, (u32)size, r * length + at, apart, y + r * (u64)width);
    for (u64 i = 0; i < rows * (u64)width && !text_same(mode, "TF"); i++) {
        if (text_same(mode, "IDF")) y[i] = y[i] > 0 ? 1 : 0;
        if (weights && weights->n) y[i] *= weights->floats[i % (u64)width];
    }
    return QN_OK;
}

static const op_case tfidf_cases[] = {
    { "i64[2,6]={1,1,3,3,3,7,8,6,7,5,6,8}",
      "mode=\"TFIDF\", min_gram_length=1, max_gram_length=2, max_skip_count=1, ngram_counts=[0,4], "
      "ngram_indexes=[0,1,2,3,4,5,6], pool_int64s=[2,3,5,4,5,6,7,8,6,7], weights=[1.0,2.0,3.0,4.0,5.0,6.0,7.0]",
      1e-6, "numbers" },
    { 0 },
};
const op_def op_TfIdfVectorizer = {
    .name = "TfIdfVectorizer",
    .doc = DOC("how often each n-gram of the pool stands in each row, items up to max_skip_count apart, weighted"),
    .in = { { "X", "string|i32|i64" } },
    .out = { { "Y", "f32" } },
    .attrs = { NEEDED("max_gram_length", ATTR_INT),
               NEEDED("max_skip_count", ATTR_INT),
               NEEDED("min_gram_length", ATTR_INT),
               NEEDED("mode", ATTR_TEXT),
               NEEDED("ngram_counts", ATTR_INTS),
               NEEDED("ngram_indexes", ATTR_INTS),
               INTS("pool_int64s"),
               { "pool_strings", ATTR_TEXTS, false, 0, 0, NULL },
               FLOATS("weights") },
    .infer = infer_tfidf,
    .host = host_tfidf,
    .cases = CASES(tfidf_cases),
};

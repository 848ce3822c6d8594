/* .npy: a magic word, a version, the length of a header, the header as a Python dictionary of three keys, padding, the elements.
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 * The header is read strictly: the three keys, in any order, each once, and nothing else. */
#include <stdio.h>

#include "format/npy.h"

static const char magic[6] = { (char)0x93, 'N', 'U', 'M', 'P', 'Y' };

/* clang-format off */
static const struct { char kind; u8 bytes; qn_dtype dtype; } descrs[] = {
    { 'f', 4, QN_F32 }, { 'f', 2, QN_F16 }, { 'f', 8, QN_F64 }, { 'V', 2, QN_BF16 }, { 'b', 1, QN_BOOL },
    { 'i', 1, QN_I8 },  { 'i', 2, QN_I16 }, { 'i', 4, QN_I32 }, { 'i', 8, QN_I64 },
    { 'c', 8, QN_C64 }, { 'c', 16, QN_C128 }, { 'u', 1, QN_U8 },  { 'u', 2, QN_U16 }, { 'u', 4, QN_U32 }, { 'u', 8, QN_U64 },
};
/* clang-format on */

enum { DESCR_ROOM = 8 };

bool npy_sniff(qn_bytes file) { return file.n >= sizeof magic && memcmp(file.data, magic, sizeof magic) == 0; }

/* ---- the header */

typedef struct header {
    const char *at, *end;
    bool swapped, fortran, has_descr, has_order, has_shape;
    qn_tensor t;
} header;

static qn_status wrong(const char *wanted) { return fail(QN_E_FORMAT, "npy: the header wants %s", wanted); }

static void skip_space(header *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t')) h->at++;
}

static bool take(header *h, char c)
{
    skip_space(h);
    if (h->at == h->end || *h->at != c) return false;
    h->at++;
    return true;
}

static bool take_word(header *h, const char *word)
{
    size_t n = strlen(word);
    skip_space(h);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, word, n) != 0) return false;
    h->at += n;
    return true;
}

/* A quoted text without escapes. */
static bool take_text(header *h, qn_bytes *out)
{
    skip_space(h);
    if (h->at == h->end || (*h->at != '\'' && *h->at != '"')) return false;
    char quote = *h->at++;
    const char *from = h->at;
    while (h->at < h->end && *h->at != quote) h->at++;
    if (h->at == h->end) return false;
    *out = (qn_bytes){ from, (size_t)(h->at++ - from) };
    return true;
}

/* A byte order, a kind, a number of bytes: "<f4". */
static qn_status read_descr(header *h)
{
    qn_bytes text;
    if (!take_text(h, &text)) return fail(QN_E_UNSUPPORTED, "npy: arrays of records are not read");
    const char *c = text.data;
    char told[DESCR_ROOM];
    for (size_t i = 0; text.n > 2 && i < COUNT(descrs); i++) {
        size_t n = (size_t)snprintf(told, sizeof told, "%c%u", descrs[i].kind, descrs[i].bytes);
        if (n == text.n - 1 && memcmp(told, c + 1, n) == 0) h->t.dtype = descrs[i].dtype;
    }
    if (!h->t.dtype || !strchr("<>|=", c[0]))
        return fail(QN_E_UNSUPPORTED, "npy: elements of type '%.*s' are not read", (int)MIN(text.n, 20), c);
    h->swapped = c[0] == '>';
    return QN_OK;
}

static qn_status read_order(header *h)
{
    h->fortran = take_word(h, "True");
    return h->fortran || take_word(h, "False") ? QN_OK : wrong("True or False for 'fortran_order'");
}

static bool take_number(header *h, i64 *out)
{
    u64 v = 0;
    skip_space(h);
    const char *from = h->at;
    for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++)
        if (!mul_u64(v, 10, &v) || !add_u64(v, (u64)(*h->at - '0'), &v) || v > INT64_MAX) return false;
    take_word(h, "L"); /* Python 2 wrote its long integers so */
    *out = (i64)v;
    return h->at > from;
}

static qn_status read_shape(header *h)
{
    if (!take(h, '(')) return wrong("'(' for 'shape'");
    while (!take(h, ')')) {
        if (h->t.rank == QN_MAX_RANK)
            return fail(QN_E_UNSUPPORTED, "npy: arrays of more than %d dimensions are not read", QN_MAX_RANK);
        if (!take_number(h, &h->t.dims[h->t.rank])) return wrong("sizes in 'shape'");
        h->t.rank++;
        if (!take(h, ',') && (h->at == h->end || *h->at != ')')) return wrong("',' or ')' in 'shape'");
    }
    return QN_OK;
}

static qn_status read_entry(header *h)
{
    const struct {
        const char *key;
        bool *seen;
        qn_status (*read)(header *h);
    } keys[] = {
        { "descr", &h->has_descr, read_descr },
        { "fortran_order", &h->has_order, read_order },
        { "shape", &h->has_shape, read_shape },
    };
    qn_bytes key;
    if (!take_text(h, &key) || !take(h, ':')) return wrong("a key and ':'");
    for (size_t i = 0; i < COUNT(keys); i++) {
        if (key.n != strlen(keys[i].key) || memcmp(key.data, keys[i].key, key.n) != 0) continue;
        if (*keys[i].seen) return wrong("each key once");
        *keys[i].seen = true;
        return keys[i].read(h);
    }
    return wrong("only the keys 'descr', 'fortran_order' and 'shape'");
}

static qn_status read_header(header *h)
{
    if (!take(h, '{')) return wrong("'{'");
    while (!take(h, '}')) {
        QN_TRY(read_entry(h));
        if (take(h, ',')) continue;
        if (!take(h, '}')) return wrong("',' or '}'");
        break;
    }
    skip_space(h);
    if (h->at != h->end) return wrong("its end after '}'");
    return h->has_descr && h->has_order && h->has_shape ? QN_OK : wrong("all of 'descr', 'fortran_order' and 'shape'");
}

/* ---- the elements */

static void swap_bytes(u8 *data, u64 elems, size_t bytes)
{
    for (u64 i = 0; i < elems; i++) {
        u8 *e = data + i * bytes;
        for (size_t k = 0; k < bytes / 2; k++) {
            u8 low = e[k];
            e[k] = e[bytes - 1 - k];
            e[bytes - 1 - k] = low;
        }
    }
}

/* from[..] with the first dimension fastest, to[..] with the last: the place in `from` is counted along, one step a turn. */
static void to_c_order(const qn_tensor *t, const u8 *from, u8 *to)
{
    u64 n = qn_tensor_elems(t), at = 0, strides[QN_MAX_RANK], place[QN_MAX_RANK] = { 0 };
    size_t bytes = qn_dtype_bytes(t->dtype);
    for (u32 d = 0; d < t->rank; d++) strides[d] = d ? strides[d - 1] * (u64)t->dims[d - 1] : 1;
    for (u64 i = 0; i < n; i++) {
        memcpy(to + i * bytes, from + at * bytes, bytes);
        for (u32 d = t->rank; d-- > 0;) {
            at += strides[d];
            if (++place[d] < (u64)t->dims[d]) break;
            at -= strides[d] * (u64)t->dims[d];
            place[d] = 0;
        }
    }
}

static qn_status take_elements(const header *h, qn_bytes elements, qn_tensor *out)
{
    qn_tensor t = h->t;
    u64 bytes = qn_tensor_bytes(&t);
    if (bytes > elements.n)
        return fail(QN_E_FORMAT, "npy: the file ends early: its shape wants %llu bytes, there are %zu",
                    (unsigned long long)bytes, elements.n);
    u8 *data = mem_alloc(bytes);
    if (!data) return fail_nomem(bytes);
    if (h->fortran) to_c_order(&t, elements.data, data);
    else if (bytes) memcpy(data, elements.data, (size_t)bytes);
    size_t part = qn_dtype_bytes(dtype_part(t.dtype));
    if (h->swapped) swap_bytes(data, bytes / part, part);
    for (u64 i = 0; t.dtype == QN_BOOL && i < bytes; i++) data[i] = data[i] != 0;
    t.data = data;
    *out = t;
    return QN_OK;
}

qn_status npy_read(qn_bytes file, qn_tensor *out)
{
    cursor c = cursor_of(file);
    cursor_take(&c, sizeof magic);
    u8 major = cursor_u8(&c);
    cursor_u8(&c);
    u32 length = major == 1 ? cursor_u16(&c) : cursor_u32(&c);
    qn_bytes text = cursor_take(&c, length);
    if (c.bad) return fail(QN_E_FORMAT, "npy: the file ends inside its header");
    if (major < 1 || major > 3) return fail(QN_E_UNSUPPORTED, "npy: format version %u is not known, 1 to 3 are", major);
    header h = { .at = text.data, .end = (const char *)text.data + text.n };
    QN_TRY(read_header(&h));
    return take_elements(&h, cursor_take(&c, cursor_left(&c)), out);
}

/* ---- writing */

static const char *descr_of(qn_dtype d, char text[DESCR_ROOM])
{
    for (size_t i = 0; i < COUNT(descrs); i++) {
        if (descrs[i].dtype != d) continue;
        snprintf(text, DESCR_ROOM, "%c%c%u", descrs[i].bytes == 1 ? '|' : '<', descrs[i].kind, descrs[i].bytes);
        return text;
    }
    return NULL;
}

qn_status npy_write(const qn_tensor *t, str *out)
{
    char descr[DESCR_ROOM];
    str head = { 0 };
    if (!descr_of(t->dtype, descr))
        return fail(QN_E_UNSUPPORTED, "npy: there is no way to write elements of type %s", qn_dtype_name(t->dtype));
    str_print(&head, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (u32 i = 0; i < t->rank; i++)
        str_print(&head, t->rank == 1 ? "%lld," : i ? ", %lld" : "%lld", (long long)t->dims[i]);
    str_add(&head, "), }");
    while ((10 + head.n + 1) % 64) str_add(&head, " "); /* the elements start at a multiple of 64 */
    str_add(&head, "\n");
    char lead[10] = { magic[0], 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)(head.n & 0xff), (char)(head.n >> 8) };
    str_add_n(out, lead, sizeof lead);
    str_add_n(out, head.text, head.n);
    str_add_n(out, t->data, (size_t)qn_tensor_bytes(t));
    bool bad = head.bad || out->bad;
    str_free(&head);
    return bad ? fail_nomem(qn_tensor_bytes(t)) : QN_OK;
}

/* JSON (RFC 8259). The writer keeps commas and quoting right: bytes that are not UTF-8 become U+FFFD, numbers that JSON lacks
 * become null, and a host program's locale does not matter. The reader is bounded: 64 levels, and no text beyond MAX_TEXT. */
#include <math.h>

#include "base/base.h"

enum { MAX_DEPTH = 64, MAX_TEXT = 256 << 20 };

/* ---- writing */

static void quote(str *out, const char *text)
{
    static const char shorts[][2] = { { '"', '"' }, { '\\', '\\' }, { '\n', 'n' }, { '\r', 'r' }, { '\t', 't' } };
    const u8 *at = (const u8 *)text;
    size_t left = strlen(text);
    str_add(out, "\"");
    while (left > 0) {
        u32 n = utf8_bytes(at, left);
        char escape = 0;
        for (size_t i = 0; i < COUNT(shorts); i++)
            if (*at == (u8)shorts[i][0]) escape = shorts[i][1];
        if (escape) str_print(out, "\\%c", escape);
        else if (n == 0) str_add(out, "\xef\xbf\xbd");
        else if (*at < 0x20 || *at == 0x7f) str_print(out, "\\u%04x", *at);
        else str_add_n(out, (const char *)at, n);
        at += MAX(n, 1);
        left -= MAX(n, 1);
    }
    str_add(out, "\"");
}

static void new_line(json *j)
{
    if (!j->pretty) return;
    str_add(j->out, "\n");
    for (u32 i = 0; i < j->depth; i++) str_add(j->out, "  ");
}

/* What stands before every value: a comma, a line, the key. */
static void begin_value(json *j, const char *key)
{
    u32 level = MIN(j->depth, (u32)COUNT(j->after) - 1);
    if (j->after[level]) str_add(j->out, j->pretty ? "," : ", ");
    j->after[level] = true;
    if (j->depth > 0) new_line(j);
    if (!key) return;
    quote(j->out, key);
    str_add(j->out, ": ");
}

void json_open(json *j, const char *key, char bracket)
{
    begin_value(j, key);
    str_add_n(j->out, &bracket, 1);
    j->depth++;
    j->after[MIN(j->depth, (u32)COUNT(j->after) - 1)] = false;
}

void json_close(json *j, char bracket)
{
    char closing = bracket == '{' || bracket == '}' ? '}' : ']';
    bool any = j->after[MIN(j->depth, (u32)COUNT(j->after) - 1)];
    if (j->depth > 0) j->depth--;
    if (any) new_line(j);
    str_add_n(j->out, &closing, 1);
}

void json_text(json *j, const char *key, const char *value)
{
    if (!value) {
        json_null(j, key);
        return;
    }
    begin_value(j, key);
    quote(j->out, value);
}

void json_number(json *j, const char *key, f64 value)
{
    if (!isfinite(value)) {
        json_null(j, key);
        return;
    }
    char text[NUMBER_BYTES];
    begin_value(j, key);
    str_add(j->out, number_print(text, value, QN_F64));
}

void json_integer(json *j, const char *key, i64 value)
{
    begin_value(j, key);
    str_print(j->out, "%lld", (long long)value);
}

void json_bool(json *j, const char *key, bool value)
{
    begin_value(j, key);
    str_add(j->out, value ? "true" : "false");
}

void json_null(json *j, const char *key)
{
    begin_value(j, key);
    str_add(j->out, "null");
}

/* ---- reading: one function a grammar rule */

typedef struct reader {
    arena *a;
    const char *at, *end, *start;
    u32 depth;
} reader;

static qn_status read_value(reader *r, json_value *out);

static qn_status fail_at(const reader *r, const char *wanted)
{
    u32 line = 1, column = 1;
    for (const char *c = r->start; c < r->at; c++) column = *c == '\n' ? 1 : column + 1, line += *c == '\n';
    return fail(QN_E_FORMAT, "JSON, line %u column %u: expected %s", line, column, wanted);
}

static void skip_space(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) r->at++;
}

static bool next_is(reader *r, char c)
{
    skip_space(r);
    if (r->at >= r->end || *r->at != c) return false;
    r->at++;
    return true;
}

static bool digit(const reader *r) { return r->at < r->end && *r->at >= '0' && *r->at <= '9'; }

static bool read_hex4(reader *r, u32 *out)
{
    u32 value = 0;
    if (r->end - r->at < 4) return false;
    for (u32 i = 0; i < 4; i++) {
        char c = r->at[i];
        u32 nibble = c >= '0' && c <= '9'   ? (u32)(c - '0')
                     : c >= 'a' && c <= 'f' ? (u32)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (u32)(c - 'A' + 10)
                                            : 16;
        if (nibble > 15) return false;
        value = value << 4 | nibble;
    }
    r->at += 4;
    *out = value;
    return true;
}

/* After "\u": one character, or two escapes that make one. U+0000 is refused, as texts here end with it. */
static qn_status read_unicode(reader *r, char **to)
{
    u32 code, low;
    if (!read_hex4(r, &code) || code == 0) return fail_at(r, "four hexadecimal digits, not all 0");
    if (code >= 0xd800 && code < 0xe000) {
        bool pair = code < 0xdc00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u';
        if (pair) r->at += 2;
        if (!pair || !read_hex4(r, &low) || low < 0xdc00 || low > 0xdfff)
            return fail_at(r, "the second half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    char *o = *to;
    if (code < 0x80) *o++ = (char)code;
    else {
        u32 tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        static const u8 heads[] = { 0, 0xc0, 0xe0, 0xf0 };
        *o++ = (char)(heads[tail] | code >> (6 * tail));
        while (tail-- > 0) *o++ = (char)(0x80 | (code >> (6 * tail) & 0x3f));
    }
    *to = o;
    return QN_OK;
}

static qn_status read_escape(reader *r, char **to)
{
    static const char pairs[][2] = { { '"', '"' },  { '\\', '\\' }, { '/', '/' },  { 'b', '\b' },
                                     { 'f', '\f' }, { 'n', '\n' },  { 'r', '\r' }, { 't', '\t' } };
    char c = r->at < r->end ? *r->at : 0;
    if (c == 'u') {
        r->at++;
        return read_unicode(r, to);
    }
    for (size_t i = 0; i < COUNT(pairs); i++) {
        if (c != pairs[i][0]) continue;
        r->at++;
        *(*to)++ = pairs[i][1];
        return QN_OK;
    }
    return fail_at(r, "an escape: one of \" \\ / b f n r t u");
}

/* The text after an opening quote. No escape is shorter than what it stands for, so the rest of the source bounds the copy. */
static qn_status read_text(reader *r, const char **out)
{
    const char *close = r->at;
    while (close < r->end && *close != '"') close += *close == '\\' && r->end - close > 1 ? 2 : 1;
    if (close >= r->end) return fail_at(r, "a closing quote before the end");
    char *text = arena_alloc(r->a, (size_t)(close - r->at) + 1), *o = text;
    if (!text) return fail_nomem((size_t)(close - r->at) + 1);
    while (*r->at != '"') {
        if (*r->at == '\\') {
            r->at++;
            QN_TRY(read_escape(r, &o));
            continue;
        }
        u32 n = utf8_bytes((const u8 *)r->at, (size_t)(r->end - r->at));
        if (n == 0 || (u8)*r->at < 0x20) return fail_at(r, "a UTF-8 character; control characters need an escape");
        memcpy(o, r->at, n);
        o += n;
        r->at += n;
    }
    r->at++;
    *o = 0;
    *out = text;
    return QN_OK;
}

static void skip_digits(reader *r)
{
    while (digit(r)) r->at++;
}

/* JSON allows less than number_read does. */
static qn_status read_number(reader *r, f64 *out)
{
    const char *from = (const char *)r->at;
    if (*r->at == '-') r->at++;
    if (!digit(r)) return fail_at(r, "a digit");
    bool leading_zero = *r->at++ == '0';
    if (leading_zero && digit(r)) return fail_at(r, "no digit after a leading 0");
    skip_digits(r);
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        if (!digit(r)) return fail_at(r, "a digit after the point");
        skip_digits(r);
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        if (r->at < r->end && (*r->at == '-' || *r->at == '+')) r->at++;
        if (!digit(r)) return fail_at(r, "a digit in the exponent");
        skip_digits(r);
    }
    number_read(&from, (const char *)r->at, QN_F64, out);
    return QN_OK;
}

static qn_status read_members(reader *r, json_value *out, char closing)
{
    json_value **tail = &out->first;
    if (next_is(r, closing)) return QN_OK;
    do {
        json_value *member = ARENA_NEW(r->a, json_value);
        if (!member) return fail_nomem(sizeof *member);
        if (closing == '}') {
            if (!next_is(r, '"')) return fail_at(r, "a quoted key");
            QN_TRY(read_text(r, &member->key));
            if (!next_is(r, ':')) return fail_at(r, "':' after the key");
        }
        QN_TRY(read_value(r, member));
        *tail = member;
        tail = &member->next;
    } while (next_is(r, ','));
    return next_is(r, closing) ? QN_OK : fail_at(r, closing == '}' ? "',' or '}'" : "',' or ']'");
}

static qn_status read_nested(reader *r, json_value *out, char closing)
{
    if (r->depth >= MAX_DEPTH) return fail_at(r, "at most 64 levels of nesting");
    r->depth++;
    QN_TRY(read_members(r, out, closing));
    r->depth--;
    return QN_OK;
}

static bool read_word(reader *r, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0) return false;
    r->at += n;
    return true;
}

static qn_status read_value(reader *r, json_value *out)
{
    skip_space(r);
    char c = r->at < r->end ? *r->at : 0;
    out->kind = c;
    if (c == '{' || c == '[') {
        r->at++;
        return read_nested(r, out, c == '{' ? '}' : ']');
    }
    if (c == '"') {
        out->kind = 's';
        r->at++;
        return read_text(r, &out->text);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        out->kind = '#';
        return read_number(r, &out->number);
    }
    out->yes = c == 't';
    out->kind = c == 'n' ? 'n' : 'b';
    if (read_word(r, "true") || read_word(r, "false") || read_word(r, "null")) return QN_OK;
    return fail_at(r, "a value");
}

qn_status json_read(arena *a, qn_bytes text, json_value **out)
{
    if (text.n > MAX_TEXT)
        return fail(QN_E_FORMAT, "JSON: %zu bytes are more than the %d MiB that are read", text.n, MAX_TEXT >> 20);
    const char *start = text.data ? text.data : "";
    reader r = { .a = a, .at = start, .end = start + text.n, .start = start };
    json_value *root = ARENA_NEW(a, json_value);
    if (!root) return fail_nomem(sizeof *root);
    QN_TRY(read_value(&r, root));
    skip_space(&r);
    if (r.at != r.end) return fail_at(&r, "nothing after the value");
    *out = root;
    return QN_OK;
}

const json_value *json_get(const json_value *object, const char *key)
{
    if (!object || object->kind != '{') return NULL;
    for (const json_value *m = object->first; m; m = m->next)
        if (text_same(m->key, key)) return m;
    return NULL;
}

/* A pattern in RE2's syntax -> the same pattern in the words that PCRE2 and JavaScript's RegExp (flag u) both have and mean alike.
 *
 * RE2 is what ONNX names. The engines differ from it in what classes hold (\s, \v, \b without ASCII), in $ before a last line break, and in
 * what they have beyond it: looking ahead and behind, back references, repeats that give nothing back. So flags are resolved here, classes are
 * spelled out as ranges, and the rest is refused, with its place. Groups capture nothing and repeats are all greedy: whether a whole text
 * matches does not depend on either. Matching itself is regex.c's and regex_wasm.c's. */
#include "base/regex.h"

enum { MAX_DEPTH = 200, MAX_REPEAT = 1000, MAX_PATTERN_BYTES = 1 << 15 };

typedef struct flags {
    bool fold, lines, dot_all; /* i, m, s */
} flags;

typedef struct rewriting {
    qn_bytes pattern;
    size_t at;
    flags now, outer[MAX_DEPTH];
    u32 depth;
    enum { NOTHING, ATOM, REPEATED } before; /* what a repeat would repeat */
    str *out;
} rewriting;

#define fail_at(r, at, text) fail(QN_E_FORMAT, "the pattern is not in RE2's syntax: at byte %zu, " text, (size_t)(at))

static int peek(const rewriting *r, size_t ahead)
{
    return r->at + ahead < r->pattern.n ? ((const u8 *)r->pattern.data)[r->at + ahead] : -1;
}

static bool take(rewriting *r, char c)
{
    if (peek(r, 0) != (u8)c) return false;
    r->at++;
    return true;
}

static bool is_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static u32 next_char(rewriting *r) /* the pattern is valid UTF-8 and not at its end */
{
    const u8 *b = (const u8 *)r->pattern.data + r->at;
    u32 n = utf8_bytes(b, r->pattern.n - r->at), c = n == 1 ? b[0] : b[0] & (0x7fu >> n);
    for (u32 i = 1; i < n; i++) c = c << 6 | (b[i] & 63u);
    r->at += n;
    return c;
}

/* ---- writing */

static void atom(rewriting *r, const char *text)
{
    str_add(r->out, text);
    r->before = ATOM;
}

static void literal(rewriting *r, u32 c)
{
    if (r->now.fold) str_add(r->out, "(?i:");
    regex_put_char(r->out, c);
    atom(r, r->now.fold ? ")" : "");
}

/* ---- \p{Greek}, \pL, \P{^Lu}: a general category of one or two letters, or a script */

static qn_status property(rewriting *r, bool negated)
{
    size_t from = r->at;
    if (r->now.fold) return fail(QN_E_UNSUPPORTED, "the pattern has a class of Unicode's under (?i), at byte %zu", from);
    bool braces = take(r, '{');
    if (braces && take(r, '^')) negated = !negated;
    const char *name = (const char *)r->pattern.data + r->at;
    size_t n = 0;
    while (n < (braces ? 40u : 1u) && peek(r, n) >= 0 && (is_letter(name[n]) || name[n] == '_')) n++;
    r->at += n;
    if (!n || (braces && !take(r, '}'))) return fail_at(r, from, "\\p wants a category or script of Unicode");
    bool script = n > 2 && !(n == 3 && memcmp(name, "Any", 3) == 0);
    str_print(r->out, "\\%c{%s%.*s}", negated ? 'P' : 'p', script ? "sc=" : "", (int)n, name);
    return QN_OK;
}

/* ---- escapes */

static u32 digit_of(int c, u32 base)
{
    u32 d = 99;
    if (c >= '0' && c <= '9') d = (u32)c - '0';
    else if (c >= 0 && (c | 32) >= 'a' && (c | 32) <= 'f') d = (u32)(c | 32) - 'a' + 10;
    return d < base ? d : 99;
}

static qn_status hex_char(rewriting *r, size_t from, u32 *out)
{
    bool braces = take(r, '{');
    u32 n = 0;
    for (*out = 0; n < (braces ? 8u : 2u) && digit_of(peek(r, 0), 16) < 16; n++)
        *out = *out * 16 + digit_of(peek(r, 0), 16), r->at++;
    if (n < (braces ? 1u : 2u) || (braces && !take(r, '}')) || *out > REGEX_MAX_CHAR || (*out >> 11 == 0x1b))
        return fail_at(r, from, "\\x wants two digits, or {} around those of a character");
    return QN_OK;
}

/* After the backslash: an escape that stands for one character. */
static qn_status escaped_char(rewriting *r, u32 *out)
{
    static const char letters[] = "afnrtv", values[] = "\a\f\n\r\t\v";
    size_t from = r->at - 1;
    int c = peek(r, 0);
    if (c < 0) return fail_at(r, from, "nothing follows the backslash");
    const char *letter = c ? strchr(letters, c) : NULL;
    if (c == 'C') return fail(QN_E_UNSUPPORTED, "the pattern has \\C, a byte whatever it is, at byte %zu", from);
    bool octal = c == '0' || (c >= '1' && c <= '7' && digit_of(peek(r, 1), 8) < 8),
         word = digit_of(c, 10) < 10 || is_letter(c);
    if (octal) {
        *out = 0;
        for (u32 n = 0; n < 3 && digit_of(peek(r, 0), 8) < 8; n++) *out = *out * 8 + digit_of(peek(r, 0), 8), r->at++;
        return QN_OK;
    }
    if (!letter && c != 'x' && (word || c >= 0x80)) return fail_at(r, from, "an escape that RE2 does not have");
    r->at++;
    if (c == 'x') return hex_char(r, from, out);
    *out = letter ? (u8)values[letter - letters] : (u32)c;
    return QN_OK;
}

/* \d \D \s \S \w \W \p \P, which stand for many characters. */
static bool at_escaped_class(const rewriting *r)
{
    return peek(r, 0) == '\\' && peek(r, 1) > 0 && strchr("dDsSwWpP", peek(r, 1));
}

/* false: there is none. */
static bool escaped_class(rewriting *r, qn_status *s)
{
    if (!at_escaped_class(r)) return false;
    int c = peek(r, 1);
    r->at += 2;
    char lower = (char)(c | 32);
    *s = QN_OK;
    if (lower == 'p') *s = property(r, c == 'P');
    else regex_put_named(r->out, &lower, 1, c != lower, r->now.fold);
    return true;
}

/* ---- [...] */

static qn_status class_char(rewriting *r, u32 *out)
{
    if (take(r, '\\')) return escaped_char(r, out);
    if (peek(r, 0) < 0) return fail_at(r, r->at, "a class without its ]");
    *out = next_char(r);
    return QN_OK;
}

/* [:alpha:], [:^alpha:]; false: it is an opening bracket as any other character. */
static bool posix_class(rewriting *r, qn_status *s)
{
    size_t n = 2;
    if (peek(r, 0) != '[' || peek(r, 1) != ':') return false;
    while (peek(r, n) >= 0 && !(peek(r, n) == ':' && peek(r, n + 1) == ']')) n++;
    if (peek(r, n) < 0) return false;
    const char *name = (const char *)r->pattern.data + r->at + 2;
    bool negated = n > 2 && name[0] == '^';
    size_t length = n - 2 - negated;
    bool known = length > 1 && regex_put_named(r->out, name + negated, length, negated, r->now.fold);
    *s = known ? QN_OK : fail_at(r, r->at, "a class that RE2 does not have");
    r->at += n + 2;
    return true;
}

static qn_status class_item(rewriting *r)
{
    qn_status s;
    if (posix_class(r, &s) || escaped_class(r, &s)) return s;
    size_t at = r->at;
    u32 from, to;
    QN_TRY(class_char(r, &from));
    to = from;
    if (peek(r, 0) == '-' && peek(r, 1) >= 0 && peek(r, 1) != ']') {
        r->at++;
        QN_TRY(class_char(r, &to));
    }
    if (to < from) return fail_at(r, at, "a range that ends before it starts");
    regex_put_range(r->out, from, to);
    return QN_OK;
}

static qn_status brackets(rewriting *r)
{
    str_add(r->out, r->now.fold ? "(?i:[" : "[");
    if (take(r, '^')) str_add(r->out, "^");
    do QN_TRY(class_item(r));
    while (!take(r, ']'));
    atom(r, r->now.fold ? "])" : "]");
    return QN_OK;
}

/* ---- groups */

/* After "(?": flags for what follows, up to ':' (a group) or ')' (the rest of this one). */
static qn_status group_flags(rewriting *r, size_t from, bool *opens)
{
    flags f = r->now;
    bool on = true, empty = true;
    for (;; r->at++) {
        int c = peek(r, 0);
        if (c == ')' || c == ':') break;
        if (c == 'i') f.fold = on;
        else if (c == 'm') f.lines = on;
        else if (c == 's') f.dot_all = on;
        else if (c == '-' && on) on = false, empty = true;
        else if (c != 'U') return fail_at(r, from, "a group that RE2 does not have");
        if (c != '-') empty = false;
    }
    *opens = take(r, ':');
    if (empty && !(on && *opens)) return fail_at(r, from, "a group that RE2 does not have");
    if (!*opens) r->at++;
    r->now = f;
    return QN_OK;
}

static qn_status group_name(rewriting *r, size_t from)
{
    size_t n = 0;
    while (digit_of(peek(r, n), 10) < 10 || is_letter(peek(r, n)) || peek(r, n) == '_' || peek(r, n) >= 0x80) n++;
    r->at += n;
    return n && take(r, '>') ? QN_OK : fail_at(r, from, "a group that RE2 does not have");
}

static qn_status open_group(rewriting *r)
{
    size_t from = r->at - 1;
    bool opens = true;
    flags outer = r->now;
    if (take(r, '?')) {
        bool behind = peek(r, 1) == '=' || peek(r, 1) == '!',
             name = peek(r, 0) == 'P' ? peek(r, 1) == '<' : peek(r, 0) == '<' && !behind;
        if (name) r->at += peek(r, 0) == 'P' ? 2 : 1;
        QN_TRY(name ? group_name(r, from) : group_flags(r, from, &opens));
    }
    if (!opens) return QN_OK;
    if (r->depth == MAX_DEPTH) return fail_at(r, from, "more than 200 groups inside each other");
    r->outer[r->depth++] = outer;
    str_add(r->out, "(?:");
    r->before = NOTHING;
    return QN_OK;
}

static qn_status close_group(rewriting *r)
{
    if (!r->depth) return fail_at(r, r->at - 1, "a ) that closes nothing");
    r->now = r->outer[--r->depth];
    atom(r, ")");
    return QN_OK;
}

/* ---- repeats */

/* {n}, {n,}, {n,m}; false: these are characters as others. */
static bool counted(const rewriting *r, size_t *end, u32 *least, u32 *most)
{
    size_t n = 1;
    u32 v[2] = { 0, 0 };
    for (u32 i = 0; i < 2; i++) {
        size_t first = n;
        for (; digit_of(peek(r, n), 10) < 10; n++) v[i] = MIN(v[i] * 10 + digit_of(peek(r, n), 10), 100000);
        bool absent = n == first;
        if ((absent && i == 0) || (n - first > 1 && peek(r, first) == '0')) return false;
        if (i == 0 && peek(r, n) == '}') v[1] = v[0], i = 1;
        else if (i == 0 && peek(r, n) != ',') return false;
        else if (i == 0) n++;
        else if (absent) v[1] = v[0];
    }
    *end = n + 1, *least = v[0], *most = v[1];
    return peek(r, n) == '}';
}

static qn_status repeat(rewriting *r, size_t n)
{
    size_t from = r->at;
    if (r->before == NOTHING) return fail_at(r, from, "nothing to repeat");
    if (r->before == REPEATED) return fail_at(r, from, "a repeat of a repeat");
    str_add_n(r->out, (const char *)r->pattern.data + from, n);
    r->at += n;
    take(r, '?');
    r->before = REPEATED;
    return QN_OK;
}

/* ---- */

static qn_status escape(rewriting *r)
{
    qn_status s;
    u32 c;
    bool folds = r->now.fold;
    if (at_escaped_class(r)) {
        bool negated = peek(r, 1) == 'W' && folds; /* its complement is spelled out without what folds to it: keep it so */
        str_add(r->out, folds && !negated ? "(?i:[" : "[");
        if (escaped_class(r, &s)) QN_TRY(s);
        atom(r, folds && !negated ? "])" : "]");
        return QN_OK;
    }
    r->at++;
    if (take(r, 'A')) atom(r, "(?:^)");
    else if (take(r, 'z')) atom(r, "(?:$)");
    else if (take(r, 'b')) atom(r, "(?:\\b)");
    else if (take(r, 'B')) atom(r, "(?:\\B)");
    else if (take(r, 'Q')) {
        while (peek(r, 0) >= 0 && !(peek(r, 0) == '\\' && peek(r, 1) == 'E')) literal(r, next_char(r));
        if (peek(r, 0) >= 0) r->at += 2;
    } else {
        QN_TRY(escaped_char(r, &c));
        literal(r, c);
    }
    return QN_OK;
}

static qn_status piece(rewriting *r)
{
    size_t n = 1;
    u32 least = 0, most = 0;
    int c = peek(r, 0);
    if (c == '\\') return escape(r);
    if (c == '{' && counted(r, &n, &least, &most)) {
        if (least > most || most > MAX_REPEAT) return fail_at(r, r->at, "a repeat that is not 0 to 1000 times");
        return repeat(r, n);
    }
    if (c == '*' || c == '+' || c == '?') return repeat(r, 1);
    if (!strchr("()|[.^$", c) || c == 0) {
        literal(r, next_char(r));
        return QN_OK;
    }
    r->at++;
    switch (c) {
    case '(': return open_group(r);
    case ')': return close_group(r);
    case '[': return brackets(r);
    case '.': atom(r, r->now.dot_all ? "[\\s\\S]" : "[^\\n]"); return QN_OK;
    case '^': atom(r, r->now.lines ? "(?:^|(?<=\\n))" : "(?:^)"); return QN_OK;
    case '$': atom(r, r->now.lines ? "(?:$|(?=\\n))" : "(?:$)"); return QN_OK;
    default:
        str_add(r->out, "|");
        r->before = NOTHING;
        return QN_OK;
    }
}

static qn_status check_bytes(qn_bytes pattern)
{
    if (pattern.n > MAX_PATTERN_BYTES)
        return fail(QN_E_UNSUPPORTED, "the pattern has %zu bytes; the limit is %d", pattern.n, MAX_PATTERN_BYTES);
    u32 n;
    for (size_t at = 0; at < pattern.n; at += n) {
        n = utf8_bytes((const u8 *)pattern.data + at, pattern.n - at);
        if (!n) return fail(QN_E_FORMAT, "the pattern is no UTF-8: byte %zu", at);
    }
    return QN_OK;
}

qn_status regex_rewrite(qn_bytes pattern, str *out)
{
    QN_TRY(check_bytes(pattern));
    rewriting r = { .pattern = pattern, .out = out };
    while (r.at < pattern.n) QN_TRY(piece(&r));
    if (r.depth) return fail_at(&r, r.at, "a group without its )");
    return out->bad ? fail_nomem(out->cap) : QN_OK;
}

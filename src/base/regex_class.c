/* Writing characters and spelled-out classes, for regex_pattern.c. A class is a set of ASCII characters, or all that are not in it. */
#include "base/regex.h"

static void put_utf8(str *out, u32 c)
{
    static const u32 heads[] = { 0, 0xc0, 0xe0, 0xf0 };
    u32 more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    char b[4] = { (char)(heads[more] | c >> 6 * more) };
    for (u32 i = 1; i <= more; i++) b[i] = (char)(0x80 | (c >> 6 * (more - i) & 63));
    str_add_n(out, b, more + 1);
}

void regex_put_char(str *out, u32 c)
{
    if (c < 0x20 || c == 0x7f) {
        str_print(out, "\\x%02x", c);
        return;
    }
    if (c < 0x80 && strchr("^$\\.*+?()[]{}|/", (int)c)) str_add(out, "\\");
    put_utf8(out, c);
}

void regex_put_range(str *out, u32 from, u32 to)
{
    for (int end = 0; end < (from == to ? 1 : 2); end++) {
        u32 c = end ? to : from;
        if (end) str_add(out, "-");
        if (c == '-') str_add(out, "\\-");
        else if (c == ':' || c == '=')
            str_print(out, "\\x%02x", c); /* [:alpha:] as a class of its own is its letters, and an error in PCRE2 */
        else regex_put_char(out, c);
    }
}

#define NAMED(name, pairs) { name, pairs, (u32)(sizeof(pairs) - 1) / 2 }
static const struct named {
    const char *name, *pairs;
    u32 n;
} named[] = {
    NAMED("d", "09"),           NAMED("w", "09AZ__az"),   NAMED("s", "\t\n\f\r  "), NAMED("alnum", "09AZaz"),
    NAMED("alpha", "AZaz"),     NAMED("ascii", "\0\x7f"), NAMED("blank", "\t\t  "), NAMED("cntrl", "\0\x1f\x7f\x7f"),
    NAMED("digit", "09"),       NAMED("graph", "!~"),     NAMED("lower", "az"),     NAMED("print", " ~"),
    NAMED("punct", "!/:@[`{~"), NAMED("space", "\t\r  "), NAMED("upper", "AZ"),     NAMED("word", "09AZ__az"),
    NAMED("xdigit", "09AFaf"),
};

/* A class's complement under (?i) is that of the class with both cases: without the two that fold to ASCII letters, U+017F to s and U+212A to k. */
static void put_named(str *out, const struct named *c, bool negated, bool fold)
{
    bool has[129] = { false };
    for (u32 i = 0; i < c->n; i++)
        for (int k = c->pairs[2 * i]; k <= c->pairs[2 * i + 1]; k++) has[k] = true;
    for (u32 k = 'A'; fold && k <= 'Z'; k++) has[k] = has[k + 32] = has[k] || has[k + 32];
    has[128] = !negated;
    for (u32 from = 0, to; from < 128; from = to) {
        for (to = from; to < 128 && has[to] == has[from]; to++) continue;
        if (has[from] != negated) regex_put_range(out, from, to - 1);
    }
    if (!negated) return;
    bool folds = fold && has['s'];
    regex_put_range(out, 0x80, folds ? 0x17e : REGEX_MAX_CHAR);
    if (!folds) return;
    regex_put_range(out, 0x180, 0x2129);
    regex_put_range(out, 0x212b, REGEX_MAX_CHAR);
}

bool regex_put_named(str *out, const char *name, size_t n, bool negated, bool fold)
{
    for (u32 i = 0; i < COUNT(named); i++) {
        if (strlen(named[i].name) != n || memcmp(named[i].name, name, n) != 0) continue;
        put_named(out, &named[i], negated, fold);
        return true;
    }
    return false;
}

/* JSON to stdout, indented, with commas kept right. One document at a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static struct {
    int depth;
    bool after; /* a member precedes at this depth */
    bool keyed; /* its key is there already */
} at;

static void indent(void)
{
    for (int i = 0; i < at.depth; i++) fputs("  ", stdout);
}

int utf8_length(const unsigned char *s)
{
    int n = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2 : *s >= 0xe0 && *s < 0xf0 ? 3 : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    unsigned char least = *s == 0xe0 ? 0xa0 : *s == 0xf0 ? 0x90 : 0x80, most = *s == 0xed ? 0x9f : *s == 0xf4 ? 0x8f : 0xbf;
    return n > 2 && (s[1] < least || s[1] > most) ? 0 : n;
}

void json_quote(FILE *to, const char *text)
{
    fputc('"', to);
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        int n = utf8_length(s);
        if (n == 0) fputs("\\ufffd", to);
        else if (*s == '"' || *s == '\\') fprintf(to, "\\%c", *s);
        else if (*s < 0x20) fprintf(to, "\\u%04x", *s);
        else fwrite(s, 1, (size_t)n, to);
        s += n ? n : 1;
    }
    fputc('"', to);
}

/* Byte 0xNN that is no part of a character becomes U+FFFD and "NN", and so does each byte of a U+FFFD: no two texts are written alike. */
static void quote_bytes(FILE *to, qn_bytes text)
{
    const unsigned char *s = text.data;
    fputc('"', to);
    for (size_t i = 0; i < text.n;) {
        unsigned char next[5] = { 0 };
        memcpy(next, s + i, text.n - i < 4 ? text.n - i : 4);
        int n = utf8_length(next);
        bool replacement = memcmp(next, "\xef\xbf\xbd", 3) == 0;
        if (n == 0 || replacement) fprintf(to, "\\ufffd%02x", *next), n = 1;
        else if (*next == '"' || *next == '\\') fprintf(to, "\\%c", *next);
        else if (*next < 0x20) fprintf(to, "\\u%04x", *next);
        else fwrite(next, 1, (size_t)n, to);
        i += (size_t)n;
    }
    fputc('"', to);
}

static void member(const char *key)
{
    if (at.keyed) {
        at.keyed = false;
        return;
    }
    if (at.after) fputc(',', stdout);
    if (at.depth) fputc('\n', stdout);
    indent();
    if (key) {
        json_quote(stdout, key);
        fputs(": ", stdout);
    }
    at.after = true;
}

void json_key(qn_bytes key)
{
    member(NULL);
    quote_bytes(stdout, key);
    fputs(": ", stdout);
    at.keyed = true;
}

void json_begin(const char *key, char bracket)
{
    member(key);
    fputc(bracket, stdout);
    at.depth++;
    at.after = false;
}

void json_end(char bracket)
{
    bool some = at.after;
    at.depth--;
    if (some) {
        fputc('\n', stdout);
        indent();
    }
    fputc(bracket, stdout);
    at.after = at.depth > 0;
    if (!at.depth) fputc('\n', stdout);
}

void json_put_text(const char *key, const char *value)
{
    member(key);
    if (value) json_quote(stdout, value);
    else fputs("null", stdout);
}

void json_put_bytes(const char *key, qn_bytes value)
{
    member(key);
    quote_bytes(stdout, value);
}

void json_put_number(const char *key, double value)
{
    member(key);
    if (isfinite(value)) printf("%.9g", value);
    else fputs("null", stdout);
}

/* As few digits as read back as it. */
void json_put_double(const char *key, double value)
{
    char digits[40];
    if (!isfinite(value)) {
        json_put_number(key, value);
        return;
    }
    for (int n = 9; n <= 17; n++) {
        snprintf(digits, sizeof digits, "%.*g", n, value);
        if (strtod(digits, NULL) == value) break;
    }
    member(key);
    fputs(digits, stdout);
}

void json_put_count(const char *key, uint64_t value)
{
    member(key);
    printf("%llu", (unsigned long long)value);
}

void json_put_integer(const char *key, int64_t value)
{
    member(key);
    printf("%lld", (long long)value);
}

void json_put_bool(const char *key, bool value)
{
    member(key);
    fputs(value ? "true" : "false", stdout);
}

void json_put_dims(const char *key, const int64_t *dims, uint32_t rank, const char *const *names)
{
    member(key);
    fputc('[', stdout);
    for (uint32_t i = 0; i < rank; i++) {
        if (i) fputs(", ", stdout);
        if (dims[i] >= 0) printf("%lld", (long long)dims[i]);
        else if (names && names[i]) json_quote(stdout, names[i]);
        else fputs("null", stdout);
    }
    fputc(']', stdout);
}

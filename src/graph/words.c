/* Names in the graph's text. Model files use any bytes in names, so what is not a plain word is quoted. */
#include "graph/words.h"

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '%'; }

static bool is_inner(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '.'; }

bool word_starts(char c) { return is_letter(c) || c == '"'; }

void word_skip_space(const char **text)
{
    while (**text == ' ' || **text == '\t' || **text == '\r') ++*text;
}

/* Words that mean something at the start of a line or in a list of inputs. */
static bool is_taken(const char *name, size_t n)
{
    static const char *const taken[] = { "_", "in", "out", "const", "sizes" };
    for (size_t i = 0; i < COUNT(taken); i++)
        if (strlen(taken[i]) == n && memcmp(taken[i], name, n) == 0) return true;
    return false;
}

static bool is_plain(const char *name, size_t n)
{
    if (n == 0 || !is_letter(name[0]) || is_taken(name, n)) return false;
    for (size_t i = 1; i < n; i++)
        if (!is_inner(name[i])) return false;
    return true;
}

void word_print_quoted(str *out, const char *text, size_t n)
{
    str_add(out, "\"");
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '"' || c == '\\') str_print(out, "\\%c", c);
        else if (c == '\n') str_add(out, "\\n");
        else if (c >= ' ' && c < 127) str_add_n(out, &c, 1);
        else str_print(out, "\\x%02x", (unsigned)(u8)c);
    }
    str_add(out, "\"");
}

void word_print(str *out, const char *name, size_t n)
{
    if (is_plain(name, n)) str_add_n(out, name, n);
    else word_print_quoted(out, name, n);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

/* One character of a quoted word, escapes resolved; false at a bad escape or the text's end. */
static bool read_char(const char **at, char *out)
{
    const char *c = *at;
    if (*c == 0) return false;
    *out = *c++;
    if (*out == '\\') {
        if (*c == 'x' && hex_digit(c[1]) >= 0 && hex_digit(c[2]) >= 0) {
            *out = (char)(hex_digit(c[1]) * 16 + hex_digit(c[2]));
            c += 3;
        } else if (*c == '"' || *c == '\\') {
            *out = *c++;
        } else if (*c == 'n') {
            *out = '\n';
            c++;
        } else {
            return false;
        }
    }
    *at = c;
    return true;
}

static qn_status read_quoted(arena *mem, const char **text, qn_bytes *out)
{
    const char *at = *text + 1;
    size_t length = 0;
    for (const char *look = at; *look != '"'; length++) {
        char c;
        if (length >= WORD_MAX_BYTES || !read_char(&look, &c)) return QN_E_FORMAT;
    }
    char *word = arena_alloc(mem, length + 1);
    if (!word) return fail_nomem(length);
    for (size_t i = 0; i < length; i++)
        if (!read_char(&at, &word[i])) return QN_E_FORMAT;
    word[length] = 0;
    *text = at + 1;
    *out = (qn_bytes){ word, length };
    return QN_OK;
}

qn_status word_read(arena *mem, const char **text, qn_bytes *out)
{
    if (**text == '"') return read_quoted(mem, text, out);
    if (!is_letter(**text)) return QN_E_FORMAT;
    size_t length = 1;
    while (length < WORD_MAX_BYTES && is_inner((*text)[length])) length++;
    const char *word = arena_text(mem, *text, length);
    if (!word) return fail_nomem(length);
    *text += length;
    *out = (qn_bytes){ word, length };
    return QN_OK;
}

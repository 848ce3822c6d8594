/* Text -> tokens, one at a time, and the table of names. Comments and spliced lines vanish here; numbers get their type and value.
 * A token points into the file's text, which lives as long as the module. */

#include "kc/front.h"

/* ------------------------------------------------------------------ names */
ident *lex_name(front *f, const char *text, size_t n)
{
    u32 bucket = (u32)(hash_bytes(text, n, 0) % FRONT_BUCKETS);
    for (ident *at = f->buckets[bucket]; at; at = at->next)
        if (at->n == n && memcmp(at->text, text, n) == 0) return at;
    ident *made = front_alloc(f, sizeof *made);
    char *copy = made ? arena_text(f->arena, text, n) : NULL;
    if (!copy) {
        front_nomem(f, n);
        f->scrap_ident = (ident){ .text = "?", .n = 1 };
        return &f->scrap_ident;
    }
    made->text = copy;
    made->n = (u32)n;
    made->next = f->buckets[bucket];
    f->buckets[bucket] = made;
    return made;
}

static ident *word(front *f, const char *text, front_word w)
{
    ident *n = lex_name(f, text, strlen(text));
    n->word = (u8)w;
    return n;
}

typedef struct type_word {
    const char *text;
    kc_type type;
} type_word;
typedef struct foreign_word {
    const char *text, *instead;
    front_word word;
} foreign_word;
typedef struct builtin_word {
    const char *text;
    kc_builtin builtin;
} builtin_word;

static const char *const keywords[] = {
#define X(word) #word,
    FRONT_KEYWORDS(X)
#undef X
};
static const type_word types[] = {
#define X(word, scalar, lanes) { #word, { scalar, lanes } },
    FRONT_TYPES(X)
#undef X
};
static const foreign_word foreign[] = {
#define X(word, instead) { #word, instead, WORD_FOREIGN },
    FRONT_FOREIGN(X)
#undef X
#define X(word, instead) { #word, instead, WORD_FOREIGN_NAME },
        FRONT_FOREIGN_NAMES(X)
#undef X
};
static const char *const not_here[] = {
#define X(word) #word,
    FRONT_NOT_HERE(X)
#undef X
};
static const builtin_word builtins[] = {
#define BUILTIN(name, args, signature, c, opencl) { #name, KC_B_##name },
#include "kc/builtins.def"
#undef BUILTIN
};

void lex_words(front *f)
{
    for (u32 i = 0; i < COUNT(keywords); i++) word(f, keywords[i], (front_word)(WORD_NONE + 1 + i));
    for (u32 i = 0; i < COUNT(types) && !f->status; i++) {
        ident *n = word(f, types[i].text, WORD_TYPE);
        n->type = types[i].type;
        if (n->type.scalar == KC_F32) n->type.scalar = (u8)f->float_type;
    }
    for (u32 i = 0; i < COUNT(foreign) && !f->status; i++)
        word(f, foreign[i].text, foreign[i].word)->instead = foreign[i].instead;
    for (u32 i = 0; i < COUNT(not_here); i++) word(f, not_here[i], WORD_NOT_HERE);
    for (u32 i = 0; i < COUNT(builtins) && !f->status; i++)
        word(f, builtins[i].text, WORD_BUILTIN)->builtin = (u8)builtins[i].builtin;
}

/* ------------------------------------------------------------------ files and white space */
u32 lex_add_file(front *f, const char *file_name, const char *text, size_t n)
{
    kc_module *m = f->module;
    if (m->n_files == FRONT_MAX_FILES) {
        front_fail(f, (kc_pos){ 1, 1, 1 }, "more than %d files are included", (int)FRONT_MAX_FILES);
        return 0;
    }
    if (!ARENA_PUSH_ROOM(f->arena, m->files, m->n_files, f->cap_files, FRONT_MAX_FILES)) {
        front_nomem(f, sizeof *m->files);
        return 0;
    }
    m->files[m->n_files++] = (kc_file){ file_name, text, n };
    return m->n_files;
}

void lex_start(lexer *l, const kc_module *m, u32 file)
{
    const kc_file *from = &m->files[file - 1];
    *l = (lexer){
        .file = file, .line = 1, .at = from->text, .end = from->text + from->n, .line_text = from->text, .line_start = true
    };
}

static char peek(const lexer *l, size_t ahead) { return (size_t)(l->end - l->at) > ahead ? l->at[ahead] : '\0'; }

static void new_line(lexer *l)
{
    l->at++;
    l->line++;
    l->line_text = l->at;
}

static kc_pos here(const lexer *l) { return (kc_pos){ l->file, l->line, (u32)(l->at - l->line_text) + 1 }; }

static void skip_long_comment(front *f, lexer *l)
{
    kc_pos start = here(l);
    l->at += 2;
    while (l->at < l->end && !(peek(l, 0) == '*' && peek(l, 1) == '/')) {
        if (*l->at == '\n') new_line(l);
        else l->at++;
    }
    if (l->at >= l->end) front_fail(f, start, "this comment has no end");
    else l->at += 2;
}

/* A backslash at the end of a line joins the next one: its length, or 0. */
static size_t splice(const lexer *l)
{
    if (peek(l, 0) != '\\') return 0;
    if (peek(l, 1) == '\n') return 2;
    return peek(l, 1) == '\r' && peek(l, 2) == '\n' ? 3 : 0;
}

static void skip_space(front *f, lexer *l)
{
    while (l->at < l->end && !f->status) {
        char c = *l->at;
        if (c == '\n') {
            new_line(l);
            l->line_start = true;
        } else if (splice(l)) {
            l->at += splice(l) - 1;
            new_line(l);
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
            l->at++;
        } else if (c == '/' && peek(l, 1) == '/') {
            while (l->at < l->end && *l->at != '\n') l->at++;
        } else if (c == '/' && peek(l, 1) == '*') {
            skip_long_comment(f, l);
        } else {
            return;
        }
    }
}

void lex_rest_of_line(lexer *l, const char **text, size_t *n)
{
    while (peek(l, 0) == ' ' || peek(l, 0) == '\t') l->at++;
    *text = l->at;
    while (l->at < l->end && *l->at != '\n') l->at++;
    *n = (size_t)(l->at - *text);
    while (*n > 0 && ((*text)[*n - 1] == '\r' || (*text)[*n - 1] == ' ')) --*n;
}

void lex_skip_line(front *f, lexer *l)
{
    while (l->at < l->end && *l->at != '\n' && !f->status) {
        if (peek(l, 0) == '/' && peek(l, 1) == '*') skip_long_comment(f, l);
        else if (peek(l, 0) == '/' && peek(l, 1) == '/')
            while (l->at < l->end && *l->at != '\n') l->at++;
        else l->at++;
    }
}

bool lex_same_line(front *f, const lexer *l)
{
    lexer copy = *l;
    skip_space(f, &copy);
    return !copy.line_start && copy.at < copy.end && !f->status;
}

bool lex_to_directive(front *f, lexer *l)
{
    for (; !f->status; lex_skip_line(f, l)) {
        skip_space(f, l);
        if (l->at >= l->end) return false;
        if (l->line_start && *l->at == '#') return !f->status;
        l->line_start = false;
    }
    return false;
}

/* ------------------------------------------------------------------ numbers */
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static int digit_value(char c)
{
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 99;
}

static size_t number_length(const lexer *l)
{
    size_t n = 0;
    bool hex = peek(l, 0) == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X');
    for (;; n++) {
        char c = peek(l, n), before = n ? peek(l, n - 1) : '\0';
        bool exponent = hex ? before == 'p' || before == 'P' : before == 'e' || before == 'E';
        if (!(is_digit(c) || is_letter(c) || c == '.' || ((c == '+' || c == '-') && exponent))) return n;
    }
}

/* The type of an integer literal: the first of C's list that holds it, from what its suffix allows. */
static bool integer_type(front *f, token *t, const char *suffix, size_t n, bool decimal)
{
    u32 u = 0, l = 0;
    for (size_t i = 0; i < n; i++) {
        u += suffix[i] == 'u' || suffix[i] == 'U';
        l += suffix[i] == 'l' || suffix[i] == 'L';
    }
    if (u + l != n || u > 1 || l > 2) {
        front_fail(f, t->pos, "'%.*s' is not a number", (int)t->n, t->text);
        return false;
    }
    bool fits_i32 = t->value.i <= INT32_MAX, fits_u32 = t->value.i <= UINT32_MAX, fits_i64 = t->value.i <= INT64_MAX;
    if (!u && !l && fits_i32) t->scalar = KC_I32;
    else if (!l && fits_u32 && (u || !decimal)) t->scalar = KC_U32;
    else if (!u && fits_i64) t->scalar = KC_I64;
    else t->scalar = KC_U64;
    return true;
}

static void lex_integer(front *f, token *t)
{
    const char *s = t->text, *end = t->text + t->n;
    u32 base = 10;
    if (s[0] == '0' && t->n > 1) {
        base = s[1] == 'x' || s[1] == 'X' ? 16 : s[1] == 'b' || s[1] == 'B' ? 2 : 8;
        s += base == 8 ? 1 : 2;
    }
    const char *digits = s;
    u64 value = 0;
    bool fits = true;
    for (; s < end && digit_value(*s) < (int)base; s++)
        fits = fits && mul_u64(value, base, &value) && add_u64(value, (u64)digit_value(*s), &value);
    if (!fits || (s == digits && base != 8)) {
        front_fail(f, t->pos, fits ? "'%.*s' is not a number" : "%.*s does not fit 64 bits", (int)t->n, t->text);
        return;
    }
    t->kind = T_INT;
    t->value.i = value;
    integer_type(f, t, s, (size_t)(end - s), base == 10);
}

static void lex_float(front *f, token *t)
{
    const char *at = t->text, *end = t->text + t->n;
    bool narrow = end[-1] == 'f' || end[-1] == 'F';
    if (!number_read(&at, end, narrow ? QN_F32 : QN_F64, &t->value.f) || at + narrow != end) {
        front_fail(f, t->pos, "'%.*s' is not a number", (int)t->n, t->text);
        return;
    }
    t->kind = T_FLOAT;
    t->scalar = (u8)(narrow ? f->float_type : KC_F64);
}

static void lex_number(front *f, lexer *l, token *t)
{
    t->n = (u32)number_length(l);
    l->at += t->n;
    bool hex = t->n > 1 && t->text[0] == '0' && (t->text[1] == 'x' || t->text[1] == 'X');
    bool is_float = false;
    for (u32 i = 0; i < t->n && !hex; i++)
        is_float |= t->text[i] == '.' || t->text[i] == 'e' || t->text[i] == 'E' || t->text[i] == 'f';
    if (is_float) lex_float(f, t);
    else lex_integer(f, t);
}

/* ------------------------------------------------------------------ tokens */
static const struct {
    front_punct id;
    const char *text;
} puncts[] = {
#define X(id, text) { id, text },
    FRONT_PUNCTUATORS(X)
#undef X
};

static bool lex_punct(lexer *l, token *t)
{
    for (u32 i = 0; i < COUNT(puncts); i++) {
        size_t n = strlen(puncts[i].text);
        if (puncts[i].text[0] != *l->at || (size_t)(l->end - l->at) < n || memcmp(l->at, puncts[i].text, n) != 0) continue;
        t->kind = T_PUNCT;
        t->punct = (u8)puncts[i].id;
        t->n = (u32)n;
        l->at += n;
        return true;
    }
    return false;
}

static void lex_quoted(front *f, lexer *l, token *t)
{
    const char *start = ++l->at;
    while (l->at < l->end && *l->at != '"' && *l->at != '\n') l->at++;
    if (peek(l, 0) != '"') {
        front_fail(f, t->pos, "this text has no closing \"");
        return;
    }
    t->kind = T_TEXT;
    t->text = start;
    t->n = (u32)(l->at - start);
    l->at++;
}

static void lex_unknown(front *f, const lexer *l, const token *t)
{
    unsigned char c = (unsigned char)*l->at;
    if (c > 32 && c < 127) front_fail(f, t->pos, "'%c' has no meaning here", c);
    else front_fail(f, t->pos, "byte 0x%02x has no meaning here", c);
}

void lex_next(front *f, lexer *l, token *out)
{
    skip_space(f, l);
    *out = (token){ .kind = T_END, .pos = here(l), .text = l->at, .line_start = l->line_start };
    l->line_start = false;
    if (f->status || l->at >= l->end) {
        out->line_start = true;
        return;
    }
    char c = *l->at;
    if (is_letter(c)) {
        while (l->at < l->end && (is_letter(*l->at) || is_digit(*l->at))) l->at++;
        out->kind = T_NAME;
        out->n = (u32)(l->at - out->text);
        out->name = lex_name(f, out->text, out->n);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(l, 1)))) {
        lex_number(f, l, out);
    } else if (c == '"') {
        lex_quoted(f, l, out);
    } else if (!lex_punct(l, out)) {
        lex_unknown(f, l, out);
    }
    if (f->status) out->kind = T_END;
}

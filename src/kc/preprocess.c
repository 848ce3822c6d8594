/* Tokens of files -> tokens of the parser: #define, #if, #include, #pragma unroll, and the program's defines before all. Macros
 * themselves are macro.c, the expressions behind #if are preprocess_if.c. */
#include "kc/preprocess_if.h"

enum { MAX_INCLUDE_DEPTH = 16, MAX_IF_DEPTH = 64 };

typedef struct branch {
    bool taken, had_else;
    kc_pos pos;
} branch;
typedef struct file_state {
    reader r;
    lexer lexer;
    branch ifs[MAX_IF_DEPTH];
    u32 n_ifs;
} file_state;

static void process_file(front *f, u32 file, token_list *out);

static bool read_name(reader *r, const token *directive, token *out)
{
    if (preprocess_more(r)) {
        *out = macro_take(r);
        if (out->kind == T_NAME) return true;
    }
    front_fail(r->f, directive->pos, "expected a name after #%s", directive->name->text);
    return false;
}

static bool read_macro_params(reader *r, const token *of, macro *m, ident **params)
{
    front *f = r->f;
    macro_take(r); /* '(' */
    m->is_function = true;
    if (preprocess_more(r) && macro_is_punct(macro_look_in_file(r), P_RPAREN)) {
        macro_take(r);
        return true;
    }
    for (;;) {
        token t = preprocess_more(r) ? macro_take(r) : *of;
        if (t.kind != T_NAME || t.text == of->text || m->n_params == MACRO_MAX_PARAMS) {
            front_fail(f, t.pos,
                       m->n_params == MACRO_MAX_PARAMS ? "too many parameters of macro %s"
                                                       : "expected a parameter of macro %s",
                       of->name->text);
            return false;
        }
        params[m->n_params++] = t.name;
        token after = preprocess_more(r) ? macro_take(r) : *of;
        if (macro_is_punct(&after, P_RPAREN)) return true;
        if (!macro_is_punct(&after, P_COMMA)) {
            front_fail(f, after.pos, "expected ',' or ')' in the parameters of macro %s", of->name->text);
            return false;
        }
    }
}

static bool same_body(const macro *a, const macro *b)
{
    if (a->is_function != b->is_function || a->n_params != b->n_params || a->n_body != b->n_body) return false;
    for (u32 i = 0; i < a->n_body; i++)
        if (a->body[i].n != b->body[i].n || memcmp(a->body[i].text, b->body[i].text, a->body[i].n) != 0) return false;
    return true;
}

static void define(reader *r, const token *directive)
{
    front *f = r->f;
    token of;
    if (!read_name(r, directive, &of)) return;
    macro *m = front_alloc(f, sizeof *m);
    if (!m) return;
    m->pos = of.pos;
    ident *params[MACRO_MAX_PARAMS];
    const token *next = preprocess_more(r) ? macro_look_in_file(r) : &of;
    if (macro_is_punct(next, P_LPAREN) && next->text == of.text + of.n && !read_macro_params(r, &of, m, params)) return;
    token_list body = { 0 };
    while (preprocess_more(r)) {
        token t = macro_take(r);
        for (u32 i = 0; i < m->n_params; i++)
            if (t.kind == T_NAME && t.name == params[i]) t.kind = T_PARAM, t.value.i = i;
        if (macro_is_punct(&t, P_HASH)) front_fail(f, t.pos, "# makes text of an argument; there is no text in kernels");
        macro_list_add(f, &body, &t);
    }
    m->body = body.items;
    m->n_body = body.n;
    if (body.n && (macro_is_punct(&body.items[0], P_PASTE) || macro_is_punct(&body.items[body.n - 1], P_PASTE)))
        front_fail(f, of.pos, "## needs a token on both sides");
    const macro *old = of.name->macro;
    if (old && !same_body(old, m) && of.name->given)
        front_fail(f, of.pos, "%s is among the program's defines; put this #define inside #ifndef %s", of.name->text,
                   of.name->text);
    else if (old && !same_body(old, m))
        front_fail(f, of.pos, "%s is defined already, differently (line %u); #undef it first", of.name->text, old->pos.line);
    if (!f->status) of.name->macro = m;
}

static void undefine(reader *r, const token *directive)
{
    token of;
    if (read_name(r, directive, &of)) of.name->macro = NULL;
}

static void include(reader *r, const token *directive)
{
    front *f = r->f;
    token t = preprocess_more(r) ? macro_take(r) : *directive;
    if (t.kind != T_TEXT) {
        front_fail(f, t.pos, "expected #include \"NAME.h\", a file of the kernel folder");
        return;
    }
    const char *file = arena_text(f->arena, t.text, t.n);
    if (!file) {
        front_nomem(f, t.n);
        return;
    }
    if (strcmp(file, "quern_kernel.h") == 0) return; /* its words are known */
    const char *text = kc_embedded(file);
    if (!text) {
        front_fail(f, t.pos, "there is no \"%s\" in the kernel folder", file);
        return;
    }
    if (f->include_depth >= MAX_INCLUDE_DEPTH) {
        front_fail(f, t.pos, "includes nest deeper than %d", (int)MAX_INCLUDE_DEPTH);
        return;
    }
    u32 number = lex_add_file(f, file, text, strlen(text));
    f->include_depth++;
    if (number) process_file(f, number, r->out);
    f->include_depth--;
}

/* #pragma unroll [N] becomes a token; others (host, once) are not for us. */
static void pragma(reader *r)
{
    front *f = r->f;
    if (!preprocess_more(r)) return;
    token t = macro_take(r);
    if (t.kind != T_NAME || strcmp(t.name->text, "unroll") != 0) return;
    token made = t;
    made.kind = T_UNROLL;
    made.value.i = 0;
    token_list line = { 0 };
    while (preprocess_more(r)) {
        token piece = macro_take(r);
        macro_list_add(f, &line, &piece);
    }
    if (line.n) {
        i64 turns = preprocess_value(f, line.items, line.n, t.pos, "#pragma unroll");
        if (turns < 1 || turns > FRONT_MAX_UNROLL)
            front_fail(f, t.pos, "#pragma unroll N wants a constant from 1 to %d", (int)FRONT_MAX_UNROLL);
        made.value.i = (u64)turns;
    }
    macro_list_add(f, r->out, &made);
}

/* Past the rest of a branch that is not taken, up to its #elif, #else or #endif, which is left to be read. What is skipped need not be
 * made of tokens. */
static void skip_branch(file_state *s, kc_pos opened)
{
    front *f = s->r.f;
    u32 nested = 0;
    for (; lex_to_directive(f, &s->lexer); lex_skip_line(f, &s->lexer)) {
        lexer at_hash = s->lexer;
        token t;
        lex_next(f, &s->lexer, &t); /* '#' */
        if (!lex_same_line(f, &s->lexer)) continue;
        lex_next(f, &s->lexer, &t);
        if (f->status) return;
        if (t.kind != T_NAME) continue;
        bool ends = strcmp(t.name->text, "endif") == 0;
        bool turns = strcmp(t.name->text, "else") == 0 || strcmp(t.name->text, "elif") == 0;
        if (nested == 0 && (ends || turns)) {
            s->lexer = at_hash;
            return;
        }
        nested += text_starts(t.name->text, "if");
        nested -= ends;
    }
    front_fail(f, opened, "this #if has no #endif");
}

static void open_branch(file_state *s, const token *directive, bool holds)
{
    front *f = s->r.f;
    if (s->n_ifs == MAX_IF_DEPTH) {
        front_fail(f, directive->pos, "#if nests deeper than %d", (int)MAX_IF_DEPTH);
        return;
    }
    s->ifs[s->n_ifs++] = (branch){ .taken = holds, .pos = directive->pos };
    if (!holds) skip_branch(s, directive->pos);
}

static void next_branch(file_state *s, const token *directive, bool is_else)
{
    front *f = s->r.f;
    branch *b = s->n_ifs ? &s->ifs[s->n_ifs - 1] : NULL;
    if (!b || b->had_else) {
        front_fail(f, directive->pos, b ? "#%s after #else" : "#%s without #if", directive->name->text);
        return;
    }
    b->had_else = is_else;
    bool holds = !b->taken && (is_else || preprocess_condition(&s->r, directive->pos));
    if (b->taken && !is_else) lex_skip_line(f, &s->lexer);
    b->taken |= holds;
    if (!holds) skip_branch(s, b->pos);
}

static void error_directive(file_state *s, const token *directive)
{
    const char *text;
    size_t n;
    lex_rest_of_line(&s->lexer, &text, &n);
    front_fail(s->r.f, directive->pos, "#error %.*s", (int)MIN(n, 200), text);
}

static void directive(file_state *s, const token *hash)
{
    reader *r = &s->r;
    front *f = r->f;
    if (!preprocess_more(r)) return; /* a lone # */
    token t = macro_take(r);
    const char *word = t.kind == T_NAME ? t.name->text : "";
    if (text_same(word, "define")) define(r, &t);
    else if (text_same(word, "undef")) undefine(r, &t);
    else if (text_same(word, "include")) include(r, &t);
    else if (text_same(word, "pragma")) pragma(r);
    else if (text_same(word, "if")) open_branch(s, &t, preprocess_condition(r, t.pos));
    else if (text_same(word, "ifdef") || text_same(word, "ifndef")) {
        token of;
        if (read_name(r, &t, &of)) open_branch(s, &t, (of.name->macro != NULL) == text_same(word, "ifdef"));
    } else if (text_same(word, "elif") || text_same(word, "else")) next_branch(s, &t, text_same(word, "else"));
    else if (text_same(word, "endif")) {
        if (s->n_ifs == 0) front_fail(f, t.pos, "#endif without #if");
        s->n_ifs -= s->n_ifs > 0;
    } else if (text_same(word, "error")) error_directive(s, &t);
    else front_fail(f, hash->pos, "unknown directive #%.*s", (int)t.n, t.text);
    while (preprocess_more(r)) macro_take(r);
}

static void process_file(front *f, u32 file, token_list *out)
{
    file_state *s = front_alloc(f, sizeof *s);
    if (!s) return;
    s->r = (reader){ .f = f, .lexer = &s->lexer, .out = out };
    lex_start(&s->lexer, f->module, file);
    for (;;) {
        token t = macro_take(&s->r);
        if (t.kind == T_END || f->status) break;
        if (macro_is_punct(&t, P_HASH) && t.line_start) directive(s, &t);
        else macro_expand_token(&s->r, &t);
    }
    if (s->n_ifs) front_fail(f, s->ifs[s->n_ifs - 1].pos, "this #if has no #endif");
}

/* ------------------------------------------------------------------ the program's defines */
static const char constants_text[] =
    "#define QUERN_KC 1\n"
    "#define I32_MAX 2147483647\n#define I32_MIN (-2147483647 - 1)\n#define U32_MAX 4294967295u\n"
    "#define INT32_MAX I32_MAX\n#define INT32_MIN I32_MIN\n#define UINT32_MAX U32_MAX\n"
    "#define INT64_MAX 9223372036854775807l\n#define INT64_MIN (-9223372036854775807l - 1)\n"
    "#define UINT64_MAX 18446744073709551615ul\n"
    "#define FLT_MAX 3.402823466e+38f\n#define FLT_MIN 1.175494351e-38f\n#define FLT_EPSILON 1.192092896e-07f\n"
    "#define DBL_MAX 1.7976931348623157e308\n";

static size_t name_length(const char *s)
{
    size_t n = 0;
    while ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z') || s[n] == '_' || (n && s[n] >= '0' && s[n] <= '9'))
        n++;
    return n;
}

/* "T=f32 GROUP=64" as lines of #define. A name without a value is 1. */
static bool write_defines(front *f, const char *at, str *text)
{
    while (*at == ' ') at++;
    while (*at) {
        size_t n = name_length(at), all = strcspn(at, " ");
        if (n == 0 || (at[n] != '=' && at[n] != ' ' && at[n] != '\0')) {
            front_fail(f, (kc_pos){ 0 }, "define '%.*s': expected NAME=VALUE", (int)MIN(all, 100), at);
            return false;
        }
        ident *given = lex_name(f, at, n);
        if (!f->status) given->given = true;
        str_print(text, "#define %.*s ", (int)n, at);
        if (at[n] == '=') str_add_n(text, at + n + 1, all - n - 1);
        else str_add(text, "1");
        str_add(text, "\n");
        at += all;
        while (*at == ' ') at++;
    }
    return true;
}

static u32 add_defines(front *f, const char *defines)
{
    str text = { 0 };
    char *copy = NULL;
    str_add(&text, constants_text);
    str_print(&text, "#define WIDTH %u\n", f->module->width);
    bool ok = write_defines(f, defines ? defines : "", &text);
    if (ok && !text.bad) copy = arena_text(f->arena, text.text, text.n);
    u32 file = copy ? lex_add_file(f, "defines", copy, text.n) : 0;
    if (ok && !copy) front_nomem(f, text.n);
    str_free(&text);
    return file;
}

void preprocess(front *f, u32 file, const char *defines)
{
    token_list out = { 0 };
    u32 given = add_defines(f, defines);
    if (given) process_file(f, given, &out);
    if (!f->status) process_file(f, file, &out);
    token end = { .kind = T_END, .pos = out.n ? out.items[out.n - 1].pos : (kc_pos){ file, 1, 1 } };
    macro_list_add(f, &out, &end);
    f->tokens = out.items;
    f->n_tokens = out.n;
    f->at = 0;
}

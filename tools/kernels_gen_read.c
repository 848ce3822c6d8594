/* What a kernel file holds: the sets of defines it is built with, for each the kernels in its active text with their parameters, and the
 * names that its instances must not share. */
#include "kernels_gen.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ #if */
typedef struct condition {
    const char *at;
    macros *m;
    const source *file;
    int depth;
} condition;
static long long cond_or(condition *c);

static long long cond_word(condition *c)
{
    size_t n = gen_word_length(c->at);
    const char *word = c->at;
    c->at = gen_skip_blank(c->at + n);
    if (n == 7 && !memcmp(word, "defined", 7)) {
        bool paren = *c->at == '(';
        if (paren) c->at = gen_skip_blank(c->at + 1);
        size_t k = gen_word_length(c->at);
        bool known = gen_macro_find(c->m, c->at, k) != NULL;
        c->at = gen_skip_blank(c->at + k);
        if (paren) c->at = gen_skip_blank(c->at + 1);
        return known;
    }
    macro *m = gen_macro_find(c->m, word, n);
    if (!m || !m->value || c->depth > MAX_DEPTH) return 0;
    condition inner = { gen_skip_blank(m->value), c->m, c->file, c->depth + 1 };
    return cond_or(&inner);
}

static long long cond_unary(condition *c)
{
    char op = *c->at;
    if (op == '!' || op == '-' || op == '+') {
        c->at = gen_skip_blank(c->at + 1);
        long long v = cond_unary(c);
        return op == '!' ? !v : op == '-' ? -v : v;
    }
    if (op == '(') {
        c->at = gen_skip_blank(c->at + 1);
        long long v = cond_or(c);
        if (*c->at != ')') gen_die("%s: #if: a ) is missing", c->file->name);
        c->at = gen_skip_blank(c->at + 1);
        return v;
    }
    if (gen_word_start(op)) return cond_word(c);
    char *end;
    long long v = strtoll(c->at, &end, 0);
    if (end == c->at) gen_die("%s: #if: cannot read '%.20s'", c->file->name, c->at);
    while (isalpha((unsigned char)*end)) end++;
    c->at = gen_skip_blank(end);
    return v;
}

typedef struct precedence {
    const char *ops[4];
} precedence;
static const precedence levels[] = { { { "||" } },       { { "&&" } },
                                     { { "==", "!=" } }, { { "<=", ">=", "<", ">" } },
                                     { { "+", "-" } },   { { "*", "/", "%" } } };

static long long cond_apply(const char *op, long long a, long long b)
{
    if ((*op == '/' || *op == '%') && b == 0) return 0;
    switch (op[0] * 256 + op[1]) {
    case '|' * 256 + '|': return a || b;
    case '&' * 256 + '&': return a && b;
    case '=' * 256 + '=': return a == b;
    case '!' * 256 + '=': return a != b;
    case '<' * 256 + '=': return a <= b;
    case '>' * 256 + '=': return a >= b;
    case '<' * 256: return a < b;
    case '>' * 256: return a > b;
    case '+' * 256: return a + b;
    case '-' * 256: return a - b;
    case '*' * 256: return a * b;
    case '/' * 256: return a / b;
    default: return a % b;
    }
}

static long long cond_binary(condition *c, int l)
{
    if (l == sizeof levels / sizeof *levels) return cond_unary(c);
    long long v = cond_binary(c, l + 1);
    for (;;) {
        const char *op = NULL;
        for (int i = 0; i < 4 && levels[l].ops[i] && !op; i++)
            if (!strncmp(c->at, levels[l].ops[i], strlen(levels[l].ops[i]))) op = levels[l].ops[i];
        if (!op) return v;
        c->at = gen_skip_blank(c->at + strlen(op));
        v = cond_apply(op, v, cond_binary(c, l + 1));
    }
}

static long long cond_or(condition *c) { return cond_binary(c, 0); }

/* ------------------------------------------------------------------ parameter lists */
/* `s` with every macro that has no parameters replaced, and theirs. */
static void expand(const char *s, size_t n, macros *m, int depth, text *out)
{
    for (size_t i = 0; i < n;) {
        size_t k = gen_word_length(s + i);
        if (!k || !gen_word_start(s[i])) {
            gen_add_n(out, s + i, k ? k : 1);
            i += k ? k : 1;
            continue;
        }
        macro *found = gen_macro_find(m, s + i, k);
        if (found && found->value && depth < MAX_DEPTH) expand(found->value, strlen(found->value), m, depth + 1, out);
        else gen_add_n(out, s + i, k);
        i += k;
    }
}

static param param_read(const char *s, size_t n, const char *where)
{
    static const char *const words[] = { "IN(", "OUT(", "NINOUT(", "CONST(" };
    param p = { .word = ' ' };
    while (n && isspace((unsigned char)*s)) s++, n--;
    n = gen_trimmed(s, n);
    size_t name_at = n;
    while (name_at && gen_word_part(s[name_at - 1])) name_at--;
    p.name = gen_copy_n(s + name_at, n - name_at);
    size_t type = gen_trimmed(s, name_at);
    for (int i = 0; i < 4; i++) {
        const char *word = words[i] + (i == 2);
        if (strncmp(s, word, strlen(word))) continue;
        p.word = words[i][0];
        s += strlen(word);
        type -= strlen(word) + 1;
    }
    p.type = gen_copy_n(s, gen_trimmed(s, type));
    if (!*p.name || !*p.type) gen_die("%s: cannot read the parameter '%.*s'", where, (int)n, s);
    return p;
}

/* The list between ( and ) at s; the first parameter, the element or group, is left out. */
static void params_read(entry *e, const char *s, size_t n, macros *m, const char *where)
{
    text list = { 0 };
    expand(s, n, m, 0, &list);
    gen_add_n(&list, "", 0);
    int depth = 0, count = 0;
    const char *from = list.at;
    for (const char *c = list.at;; c++) {
        depth += (*c == '(') - (*c == ')');
        if (*c && (*c != ',' || depth)) continue;
        if (count++) {
            if (e->n_params == MAX_PARAMS) gen_die("%s: %s has more than %d parameters", where, e->name, MAX_PARAMS);
            e->params[e->n_params++] = param_read(from, (size_t)(c - from), where);
        }
        if (!*c) return;
        from = c + 1;
    }
}

/* ------------------------------------------------------------------ what an instance holds: the active text, read once */
typedef struct reading {
    macros m;
    instance *out;
    text code; /* the active lines since the start, directives left out */
    size_t scanned;
} reading;

/* Kernel heads in the code read so far and not yet scanned. Called before each directive that may change macros, so that a head is
 * expanded with the macros of its place. */
static void scan_entries(reading *r, const source *file)
{
    char *s = r->code.at;
    for (size_t i = r->scanned; i < r->code.n;) {
        size_t n = gen_word_length(s + i);
        if (!n) {
            i++;
            continue;
        }
        bool map = n == 3 && !memcmp(s + i, "MAP", 3), group = n == 6 && !memcmp(s + i, "KERNEL", 6);
        const char *at = gen_skip_space(s + i + n), *result = NULL;
        i += n;
        if (!map && !group) continue;
        size_t result_n = 0;
        if (map) {
            if (*at++ != '(') gen_die("%s: MAP wants (its type)", file->name);
            result = at;
            result_n = strcspn(at, ")");
            at = gen_skip_space(at + result_n + 1);
        }
        size_t name_n = gen_word_length(at), open = name_n + strspn(at + name_n, " \t\n");
        if (!name_n || at[open] != '(')
            gen_die("%s: a kernel's name and (parameters) must follow MAP or KERNEL", file->name);
        if (r->out->n_entries == MAX_ENTRIES) gen_die("%s: more than %d kernels", file->name, MAX_ENTRIES);
        entry *e = &r->out->entries[r->out->n_entries++];
        e->name = gen_copy_n(at, name_n);
        text type = { 0 };
        expand(result, result_n, &r->m, 0, &type);
        e->result = map ? type.at : NULL;
        size_t length = 0;
        for (int depth = 1; at[open + 1 + length]; length++) {
            depth += (at[open + 1 + length] == '(') - (at[open + 1 + length] == ')');
            if (!depth) break;
        }
        params_read(e, at + open + 1, length, &r->m, file->name);
    }
    r->scanned = r->code.n;
}

static void read_define(macros *m, const char *s)
{
    size_t n = gen_word_length(s);
    if (s[n] == '(') {
        gen_macro_set(m, s, n, NULL);
        return;
    }
    const char *value = gen_skip_blank(s + n);
    char *v = gen_copy_n(value, gen_trimmed(value, strcspn(value, "\n")));
    gen_macro_set(m, s, n, v);
}

typedef struct branch {
    bool active, taken;
} branch;

static void read_active(reading *r, const source *file, int depth);

static void read_branch(reading *r, const source *file, const char *s, branch *b, int *level)
{
    bool outer = *level == 0 || b[*level - 1].active;
    if (gen_starts(s, "ifdef") || gen_starts(s, "ifndef") || gen_starts(s, "if")) {
        if (++*level >= MAX_DEPTH) gen_die("%s: #if too deep", file->name);
        outer = b[*level - 1].active;
        const char *rest = gen_skip_blank(s + gen_word_length(s));
        bool yes = false;
        if (outer && gen_starts(s, "if")) yes = cond_or(&(condition){ rest, &r->m, file, 0 }) != 0;
        else if (outer) yes = (gen_macro_find(&r->m, rest, gen_word_length(rest)) != NULL) == gen_starts(s, "ifdef");
        b[*level] = (branch){ outer && yes, yes };
    } else if (*level == 0) {
        gen_die("%s: #else, #elif or #endif without #if", file->name);
    } else if (gen_starts(s, "endif")) {
        --*level;
    } else {
        bool yes = !b[*level].taken;
        if (outer && yes && gen_starts(s, "elif")) yes = cond_or(&(condition){ gen_skip_blank(s + 4), &r->m, file, 0 }) != 0;
        b[*level] = (branch){ outer && yes, b[*level].taken || yes };
    }
}

static void read_directive(reading *r, const source *file, const char *s, int depth)
{
    scan_entries(r, file);
    if (gen_starts(s, "define")) read_define(&r->m, gen_skip_blank(s + 6));
    if (gen_starts(s, "undef")) {
        const char *name = gen_skip_blank(s + 5);
        macro *m = gen_macro_find(&r->m, name, gen_word_length(name));
        if (m) m->name = NULL;
    }
    if (gen_starts(s, "include")) {
        source *other = gen_included(file, s);
        if (other) read_active(r, other, depth + 1);
    }
}

static void read_active(reading *r, const source *file, int depth)
{
    if (depth > MAX_DEPTH) gen_die("%s: includes itself", file->name);
    branch branches[MAX_DEPTH] = { { true, true } };
    int level = 0;
    char *body = gen_without_comments(file->body);
    for (const char *s = body; *s; s += strcspn(s, "\n") + 1) {
        const char *line = gen_skip_blank(s);
        if (*line == '#') {
            char *rest = gen_copy_n(gen_skip_blank(line + 1), strcspn(gen_skip_blank(line + 1), "\n"));
            if (gen_starts(rest, "if") || gen_starts(rest, "ifdef") || gen_starts(rest, "ifndef") ||
                gen_starts(rest, "elif") || gen_starts(rest, "else") || gen_starts(rest, "endif"))
                read_branch(r, file, rest, branches, &level);
            else if (branches[level].active) read_directive(r, file, rest, depth);
        } else if (branches[level].active) {
            gen_add_n(&r->code, s, strcspn(s, "\n") + 1);
        }
    }
    scan_entries(r, file);
}

/* ------------------------------------------------------------------ names that instances must not share, in all branches of a file */
static void note_macro(shared_names *n, const char *s)
{
    size_t k = gen_word_length(s);
    gen_names_add(&n->macro_names, s, k);
    const char *value = gen_skip_blank(s + k);
    size_t length = gen_word_length(value);
    if (s[k] == '(' || !length || length != gen_trimmed(value, strcspn(value, "\n")) || n->all.n == MAX_NAMES) return;
    n->all.at[n->all.n++] = (macro){ gen_copy_n(s, k), gen_copy_n(value, length) };
}

/* At file scope: a word before "( ... ) {" is a function, one before "[" a table. */
static void note_definitions(shared_names *n, const char *s)
{
    int depth = 0;
    const char *word = NULL;
    size_t word_n = 0;
    while (*s) {
        size_t k = gen_word_length(s);
        if (k) {
            word = s;
            word_n = k;
            s += k;
            continue;
        }
        if (*s == '[' && depth == 0 && word) gen_names_add(&n->defined, word, word_n);
        if (*s == '(' && depth == 0 && word) {
            int parens = 0;
            do parens += (*s == '(') - (*s == ')');
            while (*s++ && parens);
            const char *after = gen_skip_space(s);
            if (*after == '{') gen_names_add(&n->defined, word, word_n);
            word = NULL;
            continue;
        }
        depth += (*s == '{') - (*s == '}');
        if (!isspace((unsigned char)*s)) word = NULL;
        s++;
    }
}

void gen_note_names(shared_names *n, const source *file)
{
    if (gen_names_have(&n->seen, file->name, strlen(file->name))) return;
    gen_names_add(&n->seen, file->name, strlen(file->name));
    char *body = gen_without_comments(file->body);
    text code = { 0 };
    for (const char *s = body; *s; s += strcspn(s, "\n") + 1) {
        const char *line = gen_skip_blank(s);
        if (*line != '#') {
            gen_add_n(&code, s, strcspn(s, "\n") + 1);
            continue;
        }
        const char *rest = gen_skip_blank(line + 1);
        if (gen_starts(rest, "define")) note_macro(n, gen_skip_blank(rest + 6));
        if (gen_starts(rest, "include")) {
            char *copy = gen_copy_n(rest, strcspn(rest, "\n"));
            source *other = gen_included(file, copy);
            if (other) gen_note_names(n, other);
        }
    }
    gen_add_n(&code, "", 0);
    note_definitions(n, code.at);
}

/* A function whose name is a macro gets what the macro stands for: TILE, with `#define TILE tile_of_3`, is tile_of_3. */
void gen_resolve_names(shared_names *n)
{
    names plain = { 0 };
    for (int i = 0; i < n->defined.n; i++) {
        const char *name = n->defined.at[i];
        if (!gen_names_have(&n->macro_names, name, strlen(name))) gen_names_add(&plain, name, strlen(name));
        for (int k = 0; k < n->all.n; k++)
            if (!strcmp(n->all.at[k].name, name)) gen_names_add(&plain, n->all.at[k].value, strlen(n->all.at[k].value));
    }
    n->defined = plain;
}

/* ------------------------------------------------------------------ #pragma host */
static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool is_double(char **sets, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(sets[i], "T=f64")) return true;
    return false;
}

static void instance_add(instance *out, int *n, char **chosen, int n_chosen)
{
    char *sorted[MAX_SETS];
    memcpy(sorted, chosen, sizeof(char *) * (size_t)n_chosen);
    qsort(sorted, (size_t)n_chosen, sizeof(char *), by_text);
    text t = { 0 };
    gen_add_n(&t, "", 0);
    for (int i = 0; i < n_chosen; i++) gen_add(&t, "%s%s", i ? " " : "", sorted[i]);
    for (int i = 0; i < *n; i++)
        if (!strcmp(out[i].defines, t.at)) return;
    if (*n == MAX_INSTANCES) gen_die("more than %d instances of one file", MAX_INSTANCES);
    out[(*n)++] = (instance){ .defines = t.at, .is_double = is_double(chosen, n_chosen) };
}

/* The cross product of "NAME=V,V NAME=V": choose for the set at s, then for the rest of the line. */
static void sets_read(const source *file, const char *s, char **chosen, int n_chosen, instance *out, int *n)
{
    s = gen_skip_blank(s);
    if (!*s) {
        instance_add(out, n, chosen, n_chosen);
        return;
    }
    size_t name = gen_word_length(s), length = strcspn(s, " \t");
    if (!name || s[name] != '=' || n_chosen == MAX_SETS)
        gen_die("%s: #pragma host wants NAME=V[,V...]: '%s'", file->name, s);
    for (const char *v = s + name + 1; v <= s + length;) {
        size_t k = strcspn(v, ", \t");
        text t = { 0 };
        gen_add(&t, "%.*s=%.*s", (int)name, s, (int)k, v);
        chosen[n_chosen] = t.at;
        sets_read(file, s + length, chosen, n_chosen + 1, out, n);
        v += k + 1;
    }
}

int gen_read_instances(const source *file, instance *out)
{
    int n = 0;
    char *body = gen_without_comments(file->body);
    for (const char *s = body; *s; s += strcspn(s, "\n") + 1) {
        const char *line = gen_skip_blank(s);
        if (*line != '#') continue;
        char *rest = gen_copy_n(gen_skip_blank(line + 1), strcspn(gen_skip_blank(line + 1), "\n"));
        if (gen_starts(rest, "pragma") && gen_starts(gen_skip_blank(rest + 6), "host")) {
            char *chosen[MAX_SETS];
            sets_read(file, gen_skip_blank(rest + 6) + 4, chosen, 0, out, &n);
        }
    }
    return n;
}

void gen_define(macros *m, const char *defines)
{
    for (const char *s = defines; *s;) {
        size_t n = strcspn(s, " "), name = strcspn(s, "=");
        char *value = gen_copy_n(s + name + 1, n - name - 1);
        gen_macro_set(m, s, name, value);
        s += n + (s[n] == ' ');
    }
}

void gen_read_entries(const source *file, instance *i)
{
    reading r = { .out = i };
    gen_macro_set(&r.m, "WIDTH", 5, "4");
    if (i->is_double) gen_macro_set(&r.m, "QK_DOUBLE", 9, "1");
    gen_define(&r.m, i->defines);
    read_active(&r, file, 0);
    if (!i->n_entries) gen_die("%s: no MAP or KERNEL with the defines '%s'", file->name, i->defines);
}

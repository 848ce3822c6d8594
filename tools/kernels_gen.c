/* A build tool: makes the C that puts kernels/ into the library.
 *
 *     kernels_gen OUT_DIR kernels/NAME.c... kernels/NAME.h...      writes the files
 *     kernels_gen --outputs OUT_DIR kernels/NAME.c...              prints their names, one a line, for the build system
 *
 *     OUT_DIR/embedded.c           the text of every file: kc_embedded, kc_embedded_name; and of quern_kernel_math.h, taken from
 *                                  ../include beside the first file, for what kc prints as C: kc_embedded only
 *     OUT_DIR/host_table.c         host_kernel_find (src/device/host_kernels.h), over the rows of the next two
 *     OUT_DIR/host_NAME.c          one for each NAME.c: its instances, compiled once an instruction set with -DQK_ISA=avx2 ...
 *     OUT_DIR/host_NAME_double.c   its instances with T=f64, compiled with -DQK_DOUBLE, too
 *     OUT_DIR/kernels/NAME.c .h    what the host compiler reads: `#pragma unroll` spelled for it, v.x as v[0]; same lines
 *
 * An instance is one set of defines of a `#pragma host` line. All instances of a file share a translation unit, so the names it defines
 * (functions, tables) get a number by #define before it is included and its macros are undefined after. Around each kernel stands a
 * wrapper with one signature, which takes buffers and words out of a qk_args.
 *
 * How much C it knows: enough of the preprocessor to see which kernels an instance has and what their parameter lists are (macros
 * without parameters may stand in them; WIDTH is 4 here), and definitions at file scope. It needs no part of kc, so that kc is not
 * needed to build the library that holds it. */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MAX_FILES = 256,
    MAX_NAMES = 512,
    MAX_INSTANCES = 256,
    MAX_ENTRIES = 16,
    MAX_PARAMS = 80,
    MAX_DEPTH = 32,
    MAX_SETS = 8
};

typedef struct text {
    char *at;
    size_t n, cap;
} text;
typedef struct source {
    const char *path, *name;
    char *body;
} source;
typedef struct names {
    char *at[MAX_NAMES];
    int n;
} names;
typedef struct macro {
    char *name, *value;
} macro; /* value NULL: it has parameters                             */
typedef struct macros {
    macro at[MAX_NAMES];
    int n;
} macros;
typedef struct param {
    char *type, *name;
    char word;
} param; /* word: 'I'N 'O'UT 'N' (INOUT) 'C'ONST or ' '         */
typedef struct entry {
    char *name, *result;
    param params[MAX_PARAMS];
    int n_params;
} entry; /* result NULL: a KERNEL  */
typedef struct instance {
    char *defines;
    bool is_double;
    entry entries[MAX_ENTRIES];
    int n_entries;
} instance;

static source sources[MAX_FILES];
static int n_sources;

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "kernels_gen: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

/* ------------------------------------------------------------------ text */
static void *memory(size_t n)
{
    void *p = calloc(n ? n : 1, 1);
    if (!p) die("no memory");
    return p;
}

static void add_n(text *t, const char *s, size_t n)
{
    if (t->n + n + 1 > t->cap) {
        t->cap = (t->n + n + 1) * 2;
        t->at = realloc(t->at, t->cap);
        if (!t->at) die("no memory");
    }
    memcpy(t->at + t->n, s, n);
    t->n += n;
    t->at[t->n] = 0;
}

static void add(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *s = memory((size_t)n + 1);
    va_start(args, format);
    vsnprintf(s, (size_t)n + 1, format, args);
    va_end(args);
    add_n(t, s, (size_t)n);
    free(s);
}

static char *copy_n(const char *s, size_t n)
{
    char *c = memory(n + 1);
    memcpy(c, s, n);
    return c;
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) die("cannot read %s", path);
    text t = { 0 };
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) add_n(&t, part, n);
    fclose(f);
    add_n(&t, "\n", t.n && t.at[t.n - 1] == '\n' ? 0 : 1);
    return t.at;
}

/* Only where it differs, so that nothing is compiled again for nothing. */
static void write_file(const char *path, const text *t)
{
    FILE *f = fopen(path, "rb");
    if (f) {
        char *old = memory(t->n + 1);
        bool same = fread(old, 1, t->n + 1, f) == t->n && memcmp(old, t->at, t->n) == 0;
        fclose(f);
        free(old);
        if (same) return;
    }
    f = fopen(path, "wb");
    if (!f || fwrite(t->at, 1, t->n, f) != t->n || fclose(f)) die("cannot write %s", path);
}

/* ------------------------------------------------------------------ names and macros */
static bool word_start(char c) { return isalpha((unsigned char)c) || c == '_'; }
static bool word_part(char c) { return isalnum((unsigned char)c) || c == '_'; }
static size_t word_length(const char *s)
{
    size_t n = 0;
    while (word_part(s[n])) n++;
    return n;
}

static const char *skip_blank(const char *s)
{
    while (*s == ' ' || *s == '\t') s++;
    return s;
}

static const char *skip_space(const char *s)
{
    while (isspace((unsigned char)*s)) s++;
    return s;
}

static bool names_have(const names *l, const char *s, size_t n)
{
    for (int i = 0; i < l->n; i++)
        if (strlen(l->at[i]) == n && !memcmp(l->at[i], s, n)) return true;
    return false;
}

static void names_add(names *l, const char *s, size_t n)
{
    if (names_have(l, s, n)) return;
    if (l->n == MAX_NAMES) die("more than %d names", MAX_NAMES);
    l->at[l->n++] = copy_n(s, n);
}

static macro *macro_find(macros *m, const char *s, size_t n)
{
    for (int i = m->n; i-- > 0;)
        if (m->at[i].name && strlen(m->at[i].name) == n && !memcmp(m->at[i].name, s, n)) return &m->at[i];
    return NULL;
}

static void macro_set(macros *m, const char *name, size_t n, const char *value)
{
    macro *old = macro_find(m, name, n);
    if (!old && m->n == MAX_NAMES) die("more than %d macros", MAX_NAMES);
    macro *to = old ? old : &m->at[m->n++];
    *to = (macro){ copy_n(name, n), value ? copy_n(value, strlen(value)) : NULL };
}

/* ------------------------------------------------------------------ a file without comments and joined lines; as many lines as before */
static char *without_comments(const char *s)
{
    text t = { 0 };
    int owed = 0; /* newlines of joined lines, given back at the next real one */
    while (*s) {
        if (s[0] == '/' && s[1] == '*') {
            for (s += 2; *s && !(s[0] == '*' && s[1] == '/'); s++) owed += *s == '\n';
            s += *s ? 2 : 0;
            add_n(&t, " ", 1);
        } else if (s[0] == '/' && s[1] == '/') {
            while (*s && *s != '\n') s++;
        } else if (s[0] == '\\' && s[1] == '\n') {
            s += 2;
            owed++;
        } else {
            add_n(&t, s, 1);
            if (*s++ == '\n')
                for (; owed > 0; owed--) add_n(&t, "\n", 1);
        }
    }
    add_n(&t, "", 0);
    return t.at;
}

static source *source_find(const char *name, size_t n)
{
    for (int i = 0; i < n_sources; i++)
        if (strlen(sources[i].name) == n && !memcmp(sources[i].name, name, n)) return &sources[i];
    return NULL;
}

/* The kernel-folder file that an #include line names, NULL for quern_kernel.h. */
static source *included(const source *from, const char *rest)
{
    const char *quote = strchr(rest, '"');
    if (!quote) die("%s: #include wants \"NAME.h\"", from->name);
    size_t n = strcspn(quote + 1, "\"");
    if (n == 14 && !memcmp(quote + 1, "quern_kernel.h", 14)) return NULL;
    source *s = source_find(quote + 1, n);
    if (!s) die("%s: includes \"%.*s\", which is not among the files given", from->name, (int)n, quote + 1);
    return s;
}

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
    size_t n = word_length(c->at);
    const char *word = c->at;
    c->at = skip_blank(c->at + n);
    if (n == 7 && !memcmp(word, "defined", 7)) {
        bool paren = *c->at == '(';
        if (paren) c->at = skip_blank(c->at + 1);
        size_t k = word_length(c->at);
        bool known = macro_find(c->m, c->at, k) != NULL;
        c->at = skip_blank(c->at + k);
        if (paren) c->at = skip_blank(c->at + 1);
        return known;
    }
    macro *m = macro_find(c->m, word, n);
    if (!m || !m->value || c->depth > MAX_DEPTH) return 0;
    condition inner = { skip_blank(m->value), c->m, c->file, c->depth + 1 };
    return cond_or(&inner);
}

static long long cond_unary(condition *c)
{
    char op = *c->at;
    if (op == '!' || op == '-' || op == '+') {
        c->at = skip_blank(c->at + 1);
        long long v = cond_unary(c);
        return op == '!' ? !v : op == '-' ? -v : v;
    }
    if (op == '(') {
        c->at = skip_blank(c->at + 1);
        long long v = cond_or(c);
        if (*c->at != ')') die("%s: #if: a ) is missing", c->file->name);
        c->at = skip_blank(c->at + 1);
        return v;
    }
    if (word_start(op)) return cond_word(c);
    char *end;
    long long v = strtoll(c->at, &end, 0);
    if (end == c->at) die("%s: #if: cannot read '%.20s'", c->file->name, c->at);
    while (isalpha((unsigned char)*end)) end++;
    c->at = skip_blank(end);
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
        c->at = skip_blank(c->at + strlen(op));
        v = cond_apply(op, v, cond_binary(c, l + 1));
    }
}

static long long cond_or(condition *c) { return cond_binary(c, 0); }

/* ------------------------------------------------------------------ parameter lists */
/* `s` with every macro that has no parameters replaced, and theirs. */
static void expand(const char *s, size_t n, macros *m, int depth, text *out)
{
    for (size_t i = 0; i < n;) {
        size_t k = word_length(s + i);
        if (!k || !word_start(s[i])) {
            add_n(out, s + i, k ? k : 1);
            i += k ? k : 1;
            continue;
        }
        macro *found = macro_find(m, s + i, k);
        if (found && found->value && depth < MAX_DEPTH) expand(found->value, strlen(found->value), m, depth + 1, out);
        else add_n(out, s + i, k);
        i += k;
    }
}

static size_t trimmed(const char *s, size_t n)
{
    while (n && isspace((unsigned char)s[n - 1])) n--;
    return n;
}

static param param_read(const char *s, size_t n, const char *where)
{
    static const char *const words[] = { "IN(", "OUT(", "NINOUT(", "CONST(" };
    param p = { .word = ' ' };
    while (n && isspace((unsigned char)*s)) s++, n--;
    n = trimmed(s, n);
    size_t name_at = n;
    while (name_at && word_part(s[name_at - 1])) name_at--;
    p.name = copy_n(s + name_at, n - name_at);
    size_t type = trimmed(s, name_at);
    for (int i = 0; i < 4; i++) {
        const char *word = words[i] + (i == 2);
        if (strncmp(s, word, strlen(word))) continue;
        p.word = words[i][0];
        s += strlen(word);
        type -= strlen(word) + 1;
    }
    p.type = copy_n(s, trimmed(s, type));
    if (!*p.name || !*p.type) die("%s: cannot read the parameter '%.*s'", where, (int)n, s);
    return p;
}

/* The list between ( and ) at s; the first parameter, the element or group, is left out. */
static void params_read(entry *e, const char *s, size_t n, macros *m, const char *where)
{
    text list = { 0 };
    expand(s, n, m, 0, &list);
    add_n(&list, "", 0);
    int depth = 0, count = 0;
    const char *from = list.at;
    for (const char *c = list.at;; c++) {
        depth += (*c == '(') - (*c == ')');
        if (*c && (*c != ',' || depth)) continue;
        if (count++) {
            if (e->n_params == MAX_PARAMS) die("%s: %s has more than %d parameters", where, e->name, MAX_PARAMS);
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
    text code; /* the active lines since the start, directives left out     */
    size_t scanned;
} reading;

/* Kernel heads in the code read so far and not yet scanned. Called before each directive that may change macros, so that a head is
 * expanded with the macros of its place. */
static void scan_entries(reading *r, const source *file)
{
    char *s = r->code.at;
    for (size_t i = r->scanned; i < r->code.n;) {
        size_t n = word_length(s + i);
        if (!n) {
            i++;
            continue;
        }
        bool map = n == 3 && !memcmp(s + i, "MAP", 3), group = n == 6 && !memcmp(s + i, "KERNEL", 6);
        const char *at = skip_space(s + i + n), *result = NULL;
        i += n;
        if (!map && !group) continue;
        size_t result_n = 0;
        if (map) {
            if (*at++ != '(') die("%s: MAP wants (its type)", file->name);
            result = at;
            result_n = strcspn(at, ")");
            at = skip_space(at + result_n + 1);
        }
        size_t name_n = word_length(at), open = name_n + strspn(at + name_n, " \t\n");
        if (!name_n || at[open] != '(') die("%s: a kernel's name and (parameters) must follow MAP or KERNEL", file->name);
        if (r->out->n_entries == MAX_ENTRIES) die("%s: more than %d kernels", file->name, MAX_ENTRIES);
        entry *e = &r->out->entries[r->out->n_entries++];
        e->name = copy_n(at, name_n);
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
    size_t n = word_length(s);
    if (s[n] == '(') {
        macro_set(m, s, n, NULL);
        return;
    }
    const char *value = skip_blank(s + n);
    char *v = copy_n(value, trimmed(value, strcspn(value, "\n")));
    macro_set(m, s, n, v);
    free(v);
}

typedef struct branch {
    bool active, taken;
} branch;

static void read_active(reading *r, const source *file, int depth);

static bool starts(const char *s, const char *word)
{
    return !strncmp(s, word, strlen(word)) && !word_part(s[strlen(word)]);
}

static void read_branch(reading *r, const source *file, const char *s, branch *b, int *level)
{
    bool outer = *level == 0 || b[*level - 1].active;
    if (starts(s, "ifdef") || starts(s, "ifndef") || starts(s, "if")) {
        if (++*level >= MAX_DEPTH) die("%s: #if too deep", file->name);
        outer = b[*level - 1].active;
        const char *rest = skip_blank(s + word_length(s));
        bool yes = false;
        if (outer && starts(s, "if")) yes = cond_or(&(condition){ rest, &r->m, file, 0 }) != 0;
        else if (outer) yes = (macro_find(&r->m, rest, word_length(rest)) != NULL) == starts(s, "ifdef");
        b[*level] = (branch){ outer && yes, yes };
    } else if (*level == 0) {
        die("%s: #else, #elif or #endif without #if", file->name);
    } else if (starts(s, "endif")) {
        --*level;
    } else {
        bool yes = !b[*level].taken;
        if (outer && yes && starts(s, "elif")) yes = cond_or(&(condition){ skip_blank(s + 4), &r->m, file, 0 }) != 0;
        b[*level] = (branch){ outer && yes, b[*level].taken || yes };
    }
}

static void read_directive(reading *r, const source *file, const char *s, int depth)
{
    scan_entries(r, file);
    if (starts(s, "define")) read_define(&r->m, skip_blank(s + 6));
    if (starts(s, "undef")) {
        const char *name = skip_blank(s + 5);
        macro *m = macro_find(&r->m, name, word_length(name));
        if (m) m->name = NULL;
    }
    if (starts(s, "include")) {
        source *other = included(file, s);
        if (other) read_active(r, other, depth + 1);
    }
}

static void read_active(reading *r, const source *file, int depth)
{
    if (depth > MAX_DEPTH) die("%s: includes itself", file->name);
    branch branches[MAX_DEPTH] = { { true, true } };
    int level = 0;
    char *body = without_comments(file->body);
    for (const char *s = body; *s; s += strcspn(s, "\n") + 1) {
        const char *line = skip_blank(s);
        if (*line == '#') {
            char *rest = copy_n(skip_blank(line + 1), strcspn(skip_blank(line + 1), "\n"));
            if (starts(rest, "if") || starts(rest, "ifdef") || starts(rest, "ifndef") || starts(rest, "elif") ||
                starts(rest, "else") || starts(rest, "endif"))
                read_branch(r, file, rest, branches, &level);
            else if (branches[level].active) read_directive(r, file, rest, depth);
            free(rest);
        } else if (branches[level].active) {
            add_n(&r->code, s, strcspn(s, "\n") + 1);
        }
    }
    scan_entries(r, file);
    free(body);
}

/* ------------------------------------------------------------------ names that instances must not share, in all branches of a file */
typedef struct shared_names {
    names defined, macro_names;
    macros all;
    names seen;
} shared_names;

static void note_macro(shared_names *n, const char *s)
{
    size_t k = word_length(s);
    names_add(&n->macro_names, s, k);
    const char *value = skip_blank(s + k);
    size_t length = word_length(value);
    if (s[k] == '(' || !length || length != trimmed(value, strcspn(value, "\n")) || n->all.n == MAX_NAMES) return;
    n->all.at[n->all.n++] = (macro){ copy_n(s, k), copy_n(value, length) };
}

/* At file scope: a word before "( ... ) {" is a function, one before "[" a table. */
static void note_definitions(shared_names *n, const char *s)
{
    int depth = 0;
    const char *word = NULL;
    size_t word_n = 0;
    while (*s) {
        size_t k = word_length(s);
        if (k) {
            word = s;
            word_n = k;
            s += k;
            continue;
        }
        if (*s == '[' && depth == 0 && word) names_add(&n->defined, word, word_n);
        if (*s == '(' && depth == 0 && word) {
            int parens = 0;
            do parens += (*s == '(') - (*s == ')');
            while (*s++ && parens);
            const char *after = skip_space(s);
            if (*after == '{') names_add(&n->defined, word, word_n);
            word = NULL;
            continue;
        }
        depth += (*s == '{') - (*s == '}');
        if (!isspace((unsigned char)*s)) word = NULL;
        s++;
    }
}

static void note_file(shared_names *n, const source *file)
{
    if (names_have(&n->seen, file->name, strlen(file->name))) return;
    names_add(&n->seen, file->name, strlen(file->name));
    char *body = without_comments(file->body);
    text code = { 0 };
    for (const char *s = body; *s; s += strcspn(s, "\n") + 1) {
        const char *line = skip_blank(s);
        if (*line != '#') {
            add_n(&code, s, strcspn(s, "\n") + 1);
            continue;
        }
        const char *rest = skip_blank(line + 1);
        if (starts(rest, "define")) note_macro(n, skip_blank(rest + 6));
        if (starts(rest, "include")) {
            char *copy = copy_n(rest, strcspn(rest, "\n"));
            source *other = included(file, copy);
            if (other) note_file(n, other);
            free(copy);
        }
    }
    add_n(&code, "", 0);
    note_definitions(n, code.at);
    free(body);
    free(code.at);
}

/* A function whose name is a macro gets what the macro stands for: TILE, with `#define TILE tile_of_3`, is tile_of_3. */
static void resolve_macro_names(shared_names *n)
{
    names plain = { 0 };
    for (int i = 0; i < n->defined.n; i++) {
        const char *name = n->defined.at[i];
        if (!names_have(&n->macro_names, name, strlen(name))) names_add(&plain, name, strlen(name));
        for (int k = 0; k < n->all.n; k++)
            if (!strcmp(n->all.at[k].name, name)) names_add(&plain, n->all.at[k].value, strlen(n->all.at[k].value));
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
    add_n(&t, "", 0);
    for (int i = 0; i < n_chosen; i++) add(&t, "%s%s", i ? " " : "", sorted[i]);
    for (int i = 0; i < *n; i++)
        if (!strcmp(out[i].defines, t.at)) return;
    if (*n == MAX_INSTANCES) die("more than %d instances of one file", MAX_INSTANCES);
    out[(*n)++] = (instance){ .defines = t.at, .is_double = is_double(chosen, n_chosen) };
}

/* The cross product of "NAME=V,V NAME=V": choose for the set at s, then for the rest of the line. */
static void sets_read(const source *file, const char *s, char **chosen, int n_chosen, instance *out, int *n)
{
    s = skip_blank(s);
    if (!*s) {
        instance_add(out, n, chosen, n_chosen);
        return;
    }
    size_t name = word_length(s), length = strcspn(s, " \t");
    if (!name || s[name] != '=' || n_chosen == MAX_SETS) die("%s: #pragma host wants NAME=V[,V...]: '%s'", file->name, s);
    for (const char *v = s + name + 1; v <= s + length;) {
        size_t k = strcspn(v, ", \t");
        text t = { 0 };
        add(&t, "%.*s=%.*s", (int)name, s, (int)k, v);
        chosen[n_chosen] = t.at;
        sets_read(file, s + length, chosen, n_chosen + 1, out, n);
        v += k + 1;
    }
}

static int instances_read(const source *file, instance *out)
{
    int n = 0;
    char *body = without_comments(file->body);
    for (const char *s = body; *s; s += strcspn(s, "\n") + 1) {
        const char *line = skip_blank(s);
        if (*line != '#') continue;
        char *rest = copy_n(skip_blank(line + 1), strcspn(skip_blank(line + 1), "\n"));
        if (starts(rest, "pragma") && starts(skip_blank(rest + 6), "host")) {
            char *chosen[MAX_SETS];
            sets_read(file, skip_blank(rest + 6) + 4, chosen, 0, out, &n);
        }
        free(rest);
    }
    free(body);
    return n;
}

static void instance_define(macros *m, const char *defines)
{
    for (const char *s = defines; *s;) {
        size_t n = strcspn(s, " "), name = strcspn(s, "=");
        char *value = copy_n(s + name + 1, n - name - 1);
        macro_set(m, s, name, value);
        s += n + (s[n] == ' ');
    }
}

static void instance_read(const source *file, instance *i)
{
    reading r = { .out = i };
    macro_set(&r.m, "WIDTH", 5, "4");
    if (i->is_double) macro_set(&r.m, "QK_DOUBLE", 9, "1");
    instance_define(&r.m, i->defines);
    read_active(&r, file, 0);
    if (!i->n_entries) die("%s: no MAP or KERNEL with the defines '%s'", file->name, i->defines);
    free(r.code.at);
}

/* ------------------------------------------------------------------ writing */
static char *stem(const char *name) { return copy_n(name, strcspn(name, ".")); }

static void put_wrapper(text *t, const entry *e, int number)
{
    add(t, "static void qk_run_%s_%d(const qk_args *qk_a, u32 qk_from, u32 qk_to)\n{\n", e->name, number);
    int buffers = 0;
    text words = { 0 };
    add_n(&words, "0", 1);
    for (int i = 0; i < e->n_params; i++) {
        const param *p = &e->params[i];
        if (p->word == 'I' || p->word == 'O' || p->word == 'N') {
            add(t, "    %s(%s) qk_%d = qk_a->bufs[%d];\n", p->word == 'I' ? "IN" : "OUT", p->type, i, buffers++);
        } else {
            add(t, "    const %s qk_%d = QK_WORD(qk_a, %s, %s);\n", p->type, i, p->type, words.at);
            add(&words, " + QK_WORDS(%s)", p->type);
        }
    }
    if (e->result) add(t, "    OUT(%s) qk_out = qk_a->bufs[%d];\n", e->result, buffers);
    add(t, "    for (u32 qk_i = qk_from; qk_i < qk_to; qk_i++) %s%s(qk_i", e->result ? "qk_out[qk_i] = " : "", e->name);
    for (int i = 0; i < e->n_params; i++) add(t, ", qk_%d", i);
    add(t, ");\n}\n");
    free(words.at);
}

static void put_instance(text *t, const source *file, const instance *i, const shared_names *n, int number)
{
    add(t, "\n/* ---- %s */\n", *i->defines ? i->defines : "no defines");
    for (int k = 0; k < n->defined.n; k++) add(t, "#define %s %s_%d\n", n->defined.at[k], n->defined.at[k], number);
    macros defines = { 0 };
    instance_define(&defines, i->defines);
    for (int k = 0; k < defines.n; k++) add(t, "#define %s %s\n", defines.at[k].name, defines.at[k].value);
    add(t, "#include \"kernels/%s\"\n", file->name);
    for (int k = 0; k < i->n_entries; k++) put_wrapper(t, &i->entries[k], number);
    for (int k = 0; k < defines.n; k++) add(t, "#undef %s\n", defines.at[k].name);
    for (int k = 0; k < n->macro_names.n; k++) add(t, "#undef %s\n", n->macro_names.at[k]);
    for (int k = 0; k < n->defined.n; k++) add(t, "#undef %s\n", n->defined.at[k]);
}

static void put_host(const char *folder, const source *file, const instance *list, int n, const shared_names *shared,
                     bool doubles)
{
    char *name = stem(file->name);
    text t = { 0 }, rows = { 0 };
    add(&t, "/* Made by kernels_gen from %s. */\n#include \"quern_kernel.h\"\n#include \"device/host_kernels.h\"\n",
        file->name);
    add_n(&rows, "", 0);
    for (int i = 0; i < n; i++) {
        if (list[i].is_double != doubles) continue;
        put_instance(&t, file, &list[i], shared, i);
        for (int k = 0; k < list[i].n_entries; k++)
            add(&rows, "    { \"%s\", \"%s\", \"%s\", qk_run_%s_%d },\n", file->name, list[i].entries[k].name,
                list[i].defines, list[i].entries[k].name, i);
    }
    add(&t, "\nconst host_kernel_row HOST_ROWS(%s%s)[] = {\n%s    { 0 }\n};\n", name, doubles ? "_double" : "", rows.at);
    text path = { 0 };
    add(&path, "%s/host_%s%s.c", folder, name, doubles ? "_double" : "");
    write_file(path.at, &t);
}

static void put_embedded_file(text *t, const char *name, const char *body)
{
    add(t, "    { \"%s\",\n      \"", name);
    for (const char *s = body; *s; s++) {
        if (*s == '\n') add(t, s[1] ? "\\n\"\n      \"" : "\\n");
        else if (*s == '"' || *s == '\\' || *s == '?') add(t, "\\%c", *s);
        else if (*s == '\t') add(t, "\\t");
        else add_n(t, s, 1);
    }
    add(t, "\" },\n");
}

/* The float builtins, as kc puts them into the C it prints. */
static char *math_text(void)
{
    const char *slash = strrchr(sources[0].path, '/');
    text path = { 0 };
    add(&path, "%.*s../include/quern_kernel_math.h", slash ? (int)(slash - sources[0].path + 1) : 0, sources[0].path);
    return read_file(path.at);
}

static void put_embedded(const char *folder)
{
    text t = { 0 };
    add(&t, "/* Made by kernels_gen: the text of kernels/. */\n#include <stddef.h>\n#include <string.h>\n#include "
            "\"kc/kc.h\"\n\n");
    add(&t, "static const struct { const char *name, *text; } files[] = {\n");
    for (int i = 0; i < n_sources; i++) put_embedded_file(&t, sources[i].name, sources[i].body);
    put_embedded_file(&t, "quern_kernel_math.h", math_text());
    add(&t, "    { NULL, NULL }\n};\n\nconst char *kc_embedded(const char *file)\n{\n"
            "    for (u32 i = 0; files[i].name; i++)\n        if (!strcmp(files[i].name, file)) return files[i].text;\n"
            "    return NULL;\n}\n\nconst char *kc_embedded_name(u32 i) { return i < COUNT(files) - 2 ? files[i].name : "
            "NULL; }\n");
    text path = { 0 };
    add(&path, "%s/embedded.c", folder);
    write_file(path.at, &t);
}

static bool is_kernel(const source *s) { return strlen(s->name) > 2 && !strcmp(s->name + strlen(s->name) - 2, ".c"); }

static void put_isa(text *t, const char *isa, const char *guard)
{
    add(t, "#%s\n", guard);
    for (int pass = 0; pass < 2; pass++) {
        if (pass) add(t, "static const host_kernel_row *const rows_%s[] = {\n", isa);
        for (int i = 0; i < n_sources; i++) {
            if (!is_kernel(&sources[i])) continue;
            char *name = stem(sources[i].name);
            for (int d = 0; d < 2; d++)
                add(t, pass ? "    host_rows_%s%s_%s,\n" : "extern const host_kernel_row host_rows_%s%s_%s[];\n", name,
                    d ? "_double" : "", isa);
        }
        if (pass) add(t, "    NULL\n};\n");
    }
    add(t, "#endif\n");
}

static void put_table(const char *folder)
{
    static const struct {
        const char *isa, *guard;
    } isas[] = { { "baseline", "if 1" }, { "avx2", "ifdef QUERN_ISA_AVX2" }, { "avx512", "ifdef QUERN_ISA_AVX512" } };
    text t = { 0 };
    add(&t, "/* Made by kernels_gen. */\n#include <string.h>\n#include \"kc/kc.h\"\n#include \"device/host_kernels.h\"\n\n");
    for (int i = 0; i < 3; i++) put_isa(&t, isas[i].isa, isas[i].guard);
    add(&t, "\nstatic const struct { const char *isa; const host_kernel_row *const *rows; } isas[] = {\n");
    for (int i = 0; i < 3; i++) add(&t, "#%s\n    { \"%s\", rows_%s },\n#endif\n", isas[i].guard, isas[i].isa, isas[i].isa);
    add(&t,
        "    { NULL, NULL }\n};\n\n"
        "host_kernel_fn host_kernel_find(const char *isa, const char *file, const char *entry, const char *defines)\n{\n"
        "    for (u32 i = 0; isas[i].isa; i++) {\n        if (strcmp(isas[i].isa, isa)) continue;\n"
        "        for (const host_kernel_row *const *list = isas[i].rows; *list; list++)\n"
        "            for (const host_kernel_row *row = *list; row->file && !strcmp(row->file, file); row++)\n"
        "                if ((!entry || !strcmp(row->entry, entry)) && !strcmp(row->defines, defines ? defines : \"\"))\n"
        "                    return row->run;\n    }\n    return NULL;\n}\n");
    text path = { 0 };
    add(&path, "%s/host_table.c", folder);
    write_file(path.at, &t);
}

/* What the host compiler reads: v.x is v[0] (gcc's vectors have no members), `#pragma unroll` is QK_UNROLL. */
static void put_copy(const char *folder, const source *file)
{
    text t = { 0 };
    add(&t, "#line 1 \"kernels/%s\"\n", file->name);
    char before = 0;
    for (const char *s = file->body; *s;) {
        const char *line = skip_blank(s);
        if ((!before || before == '\n') && !strncmp(line, "#pragma unroll", 14)) {
            const char *count = skip_blank(line + 14);
            size_t n = word_length(count);
            add(&t, "QK_UNROLL(%.*s)", n ? (int)n : 2, n ? count : "64");
            s += strcspn(s, "\n");
            before = ')';
        } else if (*s == '.' && s[1] && strchr("xyzw", s[1]) && !word_part(s[2]) &&
                   (word_part(before) || strchr(")]", before))) {
            add(&t, "[%d]", s[1] == 'w' ? 3 : s[1] - 'x');
            s += 2;
            before = ']';
        } else {
            before = *s;
            add_n(&t, s++, 1);
        }
    }
    text path = { 0 };
    add(&path, "%s/kernels/%s", folder, file->name);
    write_file(path.at, &t);
}

static void put_kernel(const char *folder, const source *file)
{
    static instance list[MAX_INSTANCES];
    memset(list, 0, sizeof list);
    int n = instances_read(file, list);
    for (int i = 0; i < n; i++) instance_read(file, &list[i]);
    static shared_names shared;
    memset(&shared, 0, sizeof shared);
    note_file(&shared, file);
    resolve_macro_names(&shared);
    put_host(folder, file, list, n, &shared, false);
    put_host(folder, file, list, n, &shared, true);
}

static void print_outputs(const char *folder)
{
    printf("%s/embedded.c\n%s/host_table.c\n", folder, folder);
    for (int i = 0; i < n_sources; i++)
        if (is_kernel(&sources[i]))
            printf("%s/host_%s.c\n%s/host_%s_double.c\n", folder, stem(sources[i].name), folder, stem(sources[i].name));
}

int main(int argc, char **argv)
{
    bool outputs = argc > 1 && !strcmp(argv[1], "--outputs");
    int first = outputs ? 2 : 1;
    if (argc <= first) die("usage: kernels_gen [--outputs] OUT_DIR FILE...");
    for (int i = first + 1; i < argc; i++) {
        if (n_sources == MAX_FILES) die("more than %d files", MAX_FILES);
        const char *slash = strrchr(argv[i], '/');
        sources[n_sources++] = (source){ argv[i], slash ? slash + 1 : argv[i], outputs ? NULL : read_file(argv[i]) };
    }
    if (outputs) {
        print_outputs(argv[first]);
        return 0;
    }
    text folder = { 0 };
    add(&folder, "%s/kernels", argv[first]);
    mkdir(argv[first], 0777);
    mkdir(folder.at, 0777);
    put_embedded(argv[first]);
    put_table(argv[first]);
    for (int i = 0; i < n_sources; i++) put_copy(argv[first], &sources[i]);
    for (int i = 0; i < n_sources; i++)
        if (is_kernel(&sources[i])) put_kernel(argv[first], &sources[i]);
    return 0;
}

/* Text that grows, words, names, macros, files: what kernels_gen is made of. */
#include "kernels_gen.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

source gen_sources[MAX_FILES];
int gen_n_sources;

void gen_die(const char *format, ...)
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
/* All memory of the tool, which keeps it to its end. */
typedef struct block {
    struct block *before;
    _Alignas(16) char bytes[];
} block;
static block *blocks;

void *gen_memory(size_t n)
{
    block *b = calloc(1, sizeof *b + n + 1);
    if (!b) gen_die("no memory");
    b->before = blocks;
    blocks = b;
    return b->bytes;
}

void gen_add_n(text *t, const char *s, size_t n)
{
    if (t->n + n + 1 > t->cap) {
        char *old = t->at;
        t->cap = (t->n + n + 1) * 2;
        t->at = gen_memory(t->cap);
        if (old) memcpy(t->at, old, t->n);
    }
    memcpy(t->at + t->n, s, n);
    t->n += n;
    t->at[t->n] = 0;
}

void gen_add(text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *s = gen_memory((size_t)n + 1);
    va_start(args, format);
    vsnprintf(s, (size_t)n + 1, format, args);
    va_end(args);
    gen_add_n(t, s, (size_t)n);
}

char *gen_copy_n(const char *s, size_t n)
{
    char *c = gen_memory(n + 1);
    memcpy(c, s, n);
    return c;
}

char *gen_read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) gen_die("cannot read %s", path);
    text t = { 0 };
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) gen_add_n(&t, part, n);
    fclose(f);
    gen_add_n(&t, "\n", t.n && t.at[t.n - 1] == '\n' ? 0 : 1);
    return t.at;
}

/* Only where it differs, so that nothing is compiled again for nothing. */
void gen_write_file(const char *path, const text *t)
{
    FILE *f = fopen(path, "rb");
    if (f) {
        char *old = gen_memory(t->n + 1);
        bool same = fread(old, 1, t->n + 1, f) == t->n && memcmp(old, t->at, t->n) == 0;
        fclose(f);
        if (same) return;
    }
    f = fopen(path, "wb");
    if (!f || fwrite(t->at, 1, t->n, f) != t->n || fclose(f)) gen_die("cannot write %s", path);
}

/* ------------------------------------------------------------------ names and macros */
bool gen_word_start(char c) { return isalpha((unsigned char)c) || c == '_'; }
bool gen_word_part(char c) { return isalnum((unsigned char)c) || c == '_'; }
size_t gen_word_length(const char *s)
{
    size_t n = 0;
    while (gen_word_part(s[n])) n++;
    return n;
}

const char *gen_skip_blank(const char *s)
{
    while (*s == ' ' || *s == '\t') s++;
    return s;
}

const char *gen_skip_space(const char *s)
{
    while (isspace((unsigned char)*s)) s++;
    return s;
}

bool gen_names_have(const names *l, const char *s, size_t n)
{
    for (int i = 0; i < l->n; i++)
        if (strlen(l->at[i]) == n && !memcmp(l->at[i], s, n)) return true;
    return false;
}

void gen_names_add(names *l, const char *s, size_t n)
{
    if (gen_names_have(l, s, n)) return;
    if (l->n == MAX_NAMES) gen_die("more than %d names", MAX_NAMES);
    l->at[l->n++] = gen_copy_n(s, n);
}

macro *gen_macro_find(macros *m, const char *s, size_t n)
{
    for (int i = m->n; i-- > 0;)
        if (m->at[i].name && strlen(m->at[i].name) == n && !memcmp(m->at[i].name, s, n)) return &m->at[i];
    return NULL;
}

void gen_macro_set(macros *m, const char *name, size_t n, const char *value)
{
    macro *old = gen_macro_find(m, name, n);
    if (!old && m->n == MAX_NAMES) gen_die("more than %d macros", MAX_NAMES);
    macro *to = old ? old : &m->at[m->n++];
    *to = (macro){ gen_copy_n(name, n), value ? gen_copy_n(value, strlen(value)) : NULL };
}

size_t gen_trimmed(const char *s, size_t n)
{
    while (n && isspace((unsigned char)s[n - 1])) n--;
    return n;
}

bool gen_starts(const char *s, const char *word)
{
    return !strncmp(s, word, strlen(word)) && !gen_word_part(s[strlen(word)]);
}

/* ------------------------------------------------------------------ a file without comments and joined lines; as many lines as before */
char *gen_without_comments(const char *s)
{
    text t = { 0 };
    int owed = 0; /* newlines of joined lines, given back at the next real one */
    while (*s) {
        if (s[0] == '/' && s[1] == '*') {
            for (s += 2; *s && !(s[0] == '*' && s[1] == '/'); s++) owed += *s == '\n';
            s += *s ? 2 : 0;
            gen_add_n(&t, " ", 1);
        } else if (s[0] == '/' && s[1] == '/') {
            while (*s && *s != '\n') s++;
        } else if (s[0] == '\\' && s[1] == '\n') {
            s += 2;
            owed++;
        } else {
            gen_add_n(&t, s, 1);
            if (*s++ == '\n')
                for (; owed > 0; owed--) gen_add_n(&t, "\n", 1);
        }
    }
    gen_add_n(&t, "", 0);
    return t.at;
}

source *gen_source_find(const char *name, size_t n)
{
    for (int i = 0; i < gen_n_sources; i++)
        if (strlen(gen_sources[i].name) == n && !memcmp(gen_sources[i].name, name, n)) return &gen_sources[i];
    return NULL;
}

/* The kernel-folder file that an #include line names, NULL for quern_kernel.h. */
source *gen_included(const source *from, const char *rest)
{
    const char *quote = strchr(rest, '"');
    if (!quote) gen_die("%s: #include wants \"NAME.h\"", from->name);
    size_t n = strcspn(quote + 1, "\"");
    if (n == 14 && !memcmp(quote + 1, "quern_kernel.h", 14)) return NULL;
    source *s = gen_source_find(quote + 1, n);
    if (!s) gen_die("%s: includes \"%.*s\", which is not among the files given", from->name, (int)n, quote + 1);
    return s;
}

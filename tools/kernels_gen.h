/* What the parts of kernels_gen share: kernels_gen.c writes, kernels_gen_read.c reads kernel files, kernels_gen_text.c is text. A tool that
 * ends at its first error, by gen_die, and frees nothing before its end. */
#ifndef KERNELS_GEN_H
#define KERNELS_GEN_H

#include <stdbool.h>
#include <stddef.h>

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
} macro; /* value NULL: it has parameters */
typedef struct macros {
    macro at[MAX_NAMES];
    int n;
} macros;
typedef struct param {
    char *type, *name;
    char word;
} param; /* word: 'I'N 'O'UT 'N' (INOUT) 'C'ONST or ' ' */
typedef struct entry {
    char *name, *result;
    param params[MAX_PARAMS];
    int n_params;
} entry; /* result NULL: a KERNEL */
typedef struct instance {
    char *defines;
    bool is_double;
    entry entries[MAX_ENTRIES];
    int n_entries;
} instance;
typedef struct shared_names {
    names defined, macro_names;
    macros all;
    names seen;
} shared_names;

/* ---- kernels_gen_text.c */
extern source gen_sources[MAX_FILES];
extern int gen_n_sources;
void gen_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void *gen_memory(size_t n);
void gen_add_n(text *t, const char *s, size_t n);
void gen_add(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *gen_copy_n(const char *s, size_t n);
char *gen_read_file(const char *path);
void gen_write_file(const char *path, const text *t);
bool gen_word_start(char c);
bool gen_word_part(char c);
size_t gen_word_length(const char *s);
const char *gen_skip_blank(const char *s);
const char *gen_skip_space(const char *s);
bool gen_names_have(const names *l, const char *s, size_t n);
void gen_names_add(names *l, const char *s, size_t n);
macro *gen_macro_find(macros *m, const char *s, size_t n);
void gen_macro_set(macros *m, const char *name, size_t n, const char *value);
size_t gen_trimmed(const char *s, size_t n);
bool gen_starts(const char *s, const char *word);
char *gen_without_comments(const char *s);
source *gen_source_find(const char *name, size_t n);
source *gen_included(const source *from, const char *rest);

/* ---- kernels_gen_read.c */
void gen_note_names(shared_names *n, const source *file);
void gen_resolve_names(shared_names *n);
int gen_read_instances(const source *file, instance *out);
void gen_define(macros *m, const char *defines);
void gen_read_entries(const source *file, instance *i);

#endif

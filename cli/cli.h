/* What the subcommands share. The tool sees nothing of the library but quern.h. */
#ifndef CLI_H
#define CLI_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "quern.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- exit codes */
enum { EXIT_DONE = 0, EXIT_RUN = 1, EXIT_USAGE = 2, EXIT_FILE = 3, EXIT_DEVICE = 4 };
int exit_code(qn_status s);

/* ---- args.c: the command line. An option takes a value where `value` names it: "N" a whole number, "TARGET" what kernels are
 * translated to (its doc ends where their list begins), anything else text. */
typedef struct option {
    const char *name, *value, *doc;
} option;
struct args;
typedef struct command {
    const char *name, *arguments, *doc;
    const option *options;            /* a row {0} at the end */
    int (*run)(const struct args *a); /* gives the exit code */
} command;
typedef struct given {
    const option *option;
    const char *value;
} given;
typedef struct args {
    const command *command;
    const char **words;
    uint32_t n_words; /* what is no option */
    given *options;
    uint32_t n_options;
    bool json, help;
} args;

#define COMMAND(name, arguments, doc)                                                                                       \
    extern const option name##_options[];                                                                                   \
    int name##_run(const args *a);
#include "commands.def"
#undef COMMAND

/* Read argv after the subcommand. False: told the user what is wrong (exit 2). Free with args_free in both cases. */
bool args_parse(const command *c, int argc, char **argv, args *out);
void args_free(args *a);
bool args_flag(const args *a, const char *name);
const char *args_text(const args *a, const char *name); /* the last one given; NULL: none */
uint32_t args_number(const args *a, const char *name, uint32_t otherwise);
/* The values of an option that may be repeated: start with *at = 0; NULL past the last. */
const char *args_next(const args *a, const char *name, uint32_t *at);
/* The name nearest to a mistyped one; NULL: none is near. names[i * stride bytes] is a const char *. */
const char *nearest_name(const char *typed, const char *const *names, size_t n);
void args_help(const command *c, FILE *to);
/* Say what is wrong with the arguments and how to get help; gives EXIT_USAGE. */
int usage_error(const args *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Say what failed (qn_last_error), on stderr and, with --json, as {"error": ...} on stdout; gives the exit code. */
int report_failure(const args *a, qn_status s);
/* The same for what the library was not asked: the sentence, its kind, and the exit code, which is returned. */
int tell_failure(const args *a, int code, qn_status kind, const char *format, ...) __attribute__((format(printf, 4, 5)));
int tell_nomem(const args *a);
void put_error(const char *text, const char *status); /* the JSON of all three */

/* Rows for the option tables of commands that run models. */
#define DEVICE_OPTIONS                                                                                                      \
    { "--device", "D", "one of `quern doctor`: cpu, opencl:1, null, ... or auto (the default: the fastest found)" },        \
        { "--threads", "N", "threads of the CPU device (default: one per core)" }
#define VERBOSE_OPTION { "--verbose", NULL, "say on stderr what is waited for, also where that is no terminal" }

/* ---- text.c: for people */
const char *text_print(const char *format, ...) __attribute__((format(printf, 1, 2))); /* one of 16 buffers in turn */
const char *text_bytes(uint64_t bytes);                                                /* "2.40 MiB" */
const char *text_count(uint64_t n);                                                    /* "1.24 M" */
const char *text_time(double ms);                                                      /* "850 us", "12.3 ms", "2.10 s" */
const char *text_shape(const int64_t *dims, uint32_t rank, const char *const *names);  /* "[batch, 3, 224, 224]" */
const char *text_tensor(const qn_tensor *t);                                           /* "f32 [1, 1000]" */
bool text_is_utf8(void);
/* Cells, printed in aligned columns at the end. align: one letter a column, 'l' or 'r'. */
typedef struct table {
    const char *align;
    char **cells;
    size_t n, cap;
} table;
void table_row(table *t, ...);                  /* const char * for each column */
void table_print(table *t, const char *indent); /* and empties it */
/* What is waited for: a line on stderr that is drawn over, only on a terminal; with --verbose plain lines. */
void progress_verbose(bool on);
void progress_show(const char *what, double part); /* 0..1 */
void progress_clear(void);

/* ---- json_out.c: JSON to stdout */
void json_begin(const char *key, char bracket); /* key NULL inside arrays and at the top */
void json_end(char bracket);
void json_put_text(const char *key, const char *value); /* NULL gives null */
void json_put_number(const char *key, double value);    /* not finite gives null */
void json_put_double(const char *key, double value);    /* the same, exact */
/* Texts of any bytes: different ones stay different. json_key: the key of the member that is put next, with key NULL. */
void json_put_bytes(const char *key, qn_bytes value);
void json_key(qn_bytes key);
void json_put_count(const char *key, uint64_t value);
void json_put_integer(const char *key, int64_t value);
void json_put_bool(const char *key, bool value);
void json_put_dims(const char *key, const int64_t *dims, uint32_t rank, const char *const *names);
void json_quote(FILE *to, const char *text); /* text of valid or broken UTF-8, with its quotes */

/* The bytes of a whole character of UTF-8, or 0: cut short, longer than it need be, half a surrogate pair, or past U+10FFFF. */
int utf8_length(const unsigned char *s);

/* ---- map_text.c: maps */
const char *text_map(const qn_tensor *t);                 /* "map {a: 0.5, b: 0.25}" */
void json_put_maps(const char *name, const qn_tensor *t); /* a map, or a list of them */

/* ---- model.c: opening things as the flags say */
double now_ms(void);                             /* since some fixed moment */
int open_device(const args *a, qn_device **out); /* 0, or the exit code after telling */
int open_model(const args *a, const char *path, qn_session_desc *desc, qn_session **out);
bool read_file(const char *path, char **text, size_t *n);       /* free() it; false: told nobody */
void file_safe_name(const char *name, char *out, size_t bytes); /* for use as one path element */
bool make_folder(const char *path);                             /* with its parents; fine when it is there */
const char *base_name(const char *path);

/* ---- inputs.c: tensors for every input of a model */
typedef struct inputs {
    qn_named *named;
    uint32_t n;
    qn_tensor *owned;
    bool *random;        /* made here: its shape is the declared one */
    const char **number; /* and this in all its elements; NULL: random numbers */
} inputs;
/* From --input and --dim, random where none is given. 0, or the exit code after telling. */
int inputs_make(const args *a, qn_session *s, inputs *out);
void inputs_explain(const qn_session *s,
                    const inputs *in); /* after a run that failed: which were made up, and how to give them */
void inputs_free(inputs *in);

/* ---- picture.c: pictures and answers in a terminal */
void picture_draw(const qn_image *im, uint32_t columns, uint32_t lines);
void classes_print(const qn_class *top, uint32_t n, bool with_index);
void classes_json(const char *key, const qn_class *top, uint32_t n);

/* ---- profile.c */
void profile_print(const qn_session *s);
void passes_print(const qn_session *s); /* the optimizer's: time of each, nodes before and after */
void passes_json(const qn_session *s);  /* "passes": [...] */
void notes_print(const qn_session *s);  /* what was done otherwise than usual */
void notes_json(const qn_session *s);
void profile_json(const char *key, const qn_session *s);
bool profile_trace(const qn_session *s, const char *path);

#endif

/* Expanding macros, for the preprocessor: a reader takes tokens from a file and from macros, and writes to a list. Private to src/kc. */
#ifndef KC_MACRO_H
#define KC_MACRO_H

#include "kc/front.h"

enum { MACRO_MAX_PARAMS = 32 };

typedef struct macro {
    kc_pos pos;
    bool is_function, active; /* active: being expanded */
    u32 n_params;
    const token *body; /* T_PARAM for its parameters */
    u32 n_body;
} macro;

typedef struct token_list {
    token *items;
    u32 n, cap;
} token_list;

typedef struct source {
    const token *at, *end;
    macro *active;
    struct source *below;
} source;

typedef struct reader { /* where tokens come from and go to */
    front *f;
    lexer *lexer; /* NULL: only sources */
    source *top;
    token ahead;
    bool has_ahead; /* one token of the lexer, looked at */
    token_list *out;
} reader;

bool macro_is_punct(const token *t, front_punct p);
void macro_list_add(front *f, token_list *l, const token *t);
const token *macro_look_in_file(reader *r); /* the next token of the file, left there */
token macro_take(reader *r);
void macro_expand_token(reader *r, token *t);                       /* goes out, or what its macro says */
token_list macro_expand_alone(front *f, const token *items, u32 n); /* a list on its own */
i64 preprocess_group(front *f, const token *kernel);                /* preprocess_if.c: GROUP of this moment, 0: none */

#endif

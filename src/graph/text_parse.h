/* Reading the graph's text: what its two files share. */
#ifndef TEXT_PARSE_H
#define TEXT_PARSE_H

#include "graph/text.h"

typedef struct expected {
    val v;
    type type;
} expected;
typedef struct parser {
    graph *g;
    const char *at;
    u32 line, depth;
    expected *wanted;
    u32 n_wanted, cap_wanted; /* the types after " : " */
} parser;

/* text_parse.c. Spaces in front are skipped. */
qn_status text_wrong(const parser *p, const char *wanted); /* "line 3: WANTED is wanted at ..." */
bool text_take(parser *p, char c);
qn_status text_need(parser *p, char c);
qn_status text_word(parser *p, const char **out);
qn_status text_statements(parser *p, char end);

/* text_values.c */
qn_status text_size(parser *p, sym *out);
qn_status text_type(parser *p, type *out);
qn_status text_tensor(parser *p, const type *t,
                      qn_tensor *out);     /* "{1, 2}" for a type whose dims are numbers; in the graph's arena */
qn_status text_attr(parser *p, attr *out); /* but its name */
#endif

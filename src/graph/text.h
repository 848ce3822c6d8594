/* What printing and parsing of graphs share. */
#ifndef TEXT_H
#define TEXT_H

#include "graph/graph.h"

enum { TEXT_MAX_ELEMS = 1 << 16, TEXT_SHOWN_ELEMS = 256 }; /* of a constant: most that parse, most that print */

void text_print_type(const graph *g, const type *t, str *out);
void text_print_tensor_elems(const qn_tensor *t, str *out); /* "{1, 2}" or "#400 0123456789abcdef" */
#endif

/* Transposes, and nodes whose operands stood in another order of dimensions: what each becomes is told by its op's record (op_def.permuted). */
#ifndef PERMUTE_H
#define PERMUTE_H

#include "pass/match.h"

typedef struct perm {
    u32 rank;
    i64 to[QN_MAX_RANK];
} perm; /* dimension d of the result is dimension to[d] of the input */

perm perm_of(const graph *g, const node *t); /* of a Transpose */
perm perm_inverse(const perm *p);
bool perm_same(const perm *a, const perm *b);
val perm_transpose(build *b, val x, const perm *p);
/* A Transpose of a Transpose as one of the first one's input, or that input; 0: it is none. */
val perm_merge(build *b, const node *n);
/* v, an operand of an elementwise op of p.rank dimensions, as it is over tensors before their Transpose by p. */
val perm_operand(build *b, val v, const perm *p);

/* How many inputs, from the first on, hold its tensors. 0: its record does not say what it becomes. */
u32 permute_operands(const graph *g, const node *n);
/* n over `in`, those inputs before Transposes by p, with such Transposes behind: outs[0 .. n->n_out). False: it cannot be. */
bool permute_node(build *b, const node *n, const val *in, const perm *p, val *outs);
enum { PERMUTE_MOST = 64, PERMUTE_MOST_OUT = 16 }; /* inputs, outputs */
#endif

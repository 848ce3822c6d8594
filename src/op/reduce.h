/* The shape of a reduction: which dimensions are folded, merged to x[a][r1][b][r2][c] with r1 and r2 folded away. */
#ifndef REDUCE_H
#define REDUCE_H

#include "op/op.h"

typedef struct reduction {
    sym a, r1, b, r2, c;
} reduction;

/* Merge the dimensions of t, those in `bits` folded. false: they alternate more often than the form has room for. */
bool reduction_of(graph *g, const type *t, u32 bits, reduction *out);
/* The dimensions that a reduction folds, as bits; after inference. */
u32 reduce_axes(graph *g, const node *n, u32 rank);
/* What reduction nodes share: their inference, the type of x folded, and the type of the kernel that folds elements of d. */
qn_status reduce_infer(infer *c);
type reduce_type(graph *g, const type *x, u32 bits, bool keep);
const char *reduce_word(qn_dtype d);
/* A reduction node over `axes` (bits), every folded dimension kept as 1. */
val build_reduce(build *b, op_id op, val x, u32 bits);
#endif

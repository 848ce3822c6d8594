/* Elementwise ops as rows of text in the kernel language, and chains of them as one kernel.
 *
 * A row's expression is over a, b, c (its inputs, in their computing type) and p, q, r (float attributes, by name in `params`).
 * One row serves every dtype its schema allows; `ints` is the expression for integer types where it differs (NULL: the same). */
#ifndef ELEMENTWISE_H
#define ELEMENTWISE_H

#include "op/op.h"

typedef struct ew_row {
    const char *expr;                                        /* "max(a, 0)"; literals are written as ints or f32          */
    const char *ints;                                        /* for integer dtypes; NULL: as expr                         */
    const char *result;                                      /* NULL: computing type of the inputs; "bool": a truth value */
    const char *params[4];                                   /* attribute names bound to p, q, r, s                       */
    const char *grad[3];                                     /* d/da, d/db, d/dc over a, b, c, y; NULL: none              */
} ew_row;

/* One step of a chain: t<k> = row(args). The node Elementwise (ours) has attr `chain`, the text of its steps, one a line:
 *     "f32 Relu 0"  "i64 Add 1 t0"  "f16 Cast t1"  "f32 Clip 2 p=0 q=6"     result dtype, op, arguments: input number or t<step>, params */
qn_status ew_emit(lowering *l, const node *n);               /* lowers a node whose op has a row, and the chain node      */
#endif

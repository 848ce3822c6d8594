/* Elementwise ops as rows of text in the kernel language, and chains of them as one kernel.
 *
 * A row's expression is over a, b, c (its inputs, in their computing type) and p, q, r (float attributes, by name in `params`).
 * One row serves every dtype its schema allows; `ints` is the expression for integer types where it differs (NULL: the same).
 * What its operands get is a formula over other rows (op/formula.h): of a, b, c, p .. s, of y, the row's value, and g, what y got. */
#ifndef ELEMENTWISE_H
#define ELEMENTWISE_H

#include "op/op.h"

typedef struct ew_row {
    const char *expr;      /* "max(a, 0)"; literals are written as ints or f32 */
    const char *ints;      /* for integer dtypes; NULL: as expr */
    const char *result;    /* NULL: computing type of the inputs; "bool": a truth value */
    const char *params[4]; /* attribute names bound to p, q, r, s */
    const char *grad[3];   /* what a, b, c get; "0": nothing, as the row is flat */
} ew_row;

/* One step of a chain: t<k> = row(args). The node Elementwise (ours) has attr `chain`, the text of its steps, one a line:
 *     "f32 Relu 0"  "i64 Add 1 t0"  "f16 Cast t1"  "f32 Clip 2 _ 0"  "f32 Elu t0 p=0.5"
 * result dtype, op, arguments: an input's number, t<step>, or _ for an absent one, then params. */
enum { EW_MAX_STEPS = 64, EW_MAX_ARGS = 12 };
typedef enum ew_arg_kind { EW_ABSENT, EW_INPUT, EW_STEP } ew_arg_kind;
typedef struct ew_arg {
    u8 kind;
    u16 at;
} ew_arg;
typedef struct ew_step {
    op_id op;
    qn_dtype type; /* of the result */
    u32 n_args;
    ew_arg args[EW_MAX_ARGS];
    f64 p[4];
} ew_step;

bool ew_is_row(const graph *g,
               const node *n); /* its op has a row and its operands fit into a step: numbers of a byte or more, or bools */
/* The step of one node with a row; argument k is input k (or absent). For a node Elementwise use ew_chain_parse. */
qn_status ew_step_of(const graph *g, const node *n, ew_step *out);
void ew_step_print(const ew_step *s, str *out); /* one line, without its end */
/* The steps of a chain's text: room for EW_MAX_STEPS. Checks ops, argument numbers below n_inputs, and the order of steps. */
qn_status ew_chain_parse(const char *text, u32 n_inputs, ew_step *steps, u32 *n);

qn_status ew_emit(lowering *l, const node *n); /* lowers a node whose op has a row, and the chain node */
void ew_gradient(grads *c);                    /* of a node whose op has a row with formulas */
extern const variant ew_variants[];            /* one row: ew_emit */
qn_status ew_infer_chain(infer *c);
qn_status ew_expand_many(build *b, const node *n); /* a row over more operands than one launch can bind */
#endif

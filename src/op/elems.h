/* Known elements: what an op gives when the elements of its integer inputs are size expressions. Shape arithmetic lives here. */
#ifndef ELEMS_H
#define ELEMS_H

#include "op/op.h"

enum { ELEMS_MAX = 1024 }; /* larger tensors are computed on the device */

/* Known elements of input i: count, or -1. */
i64 elems_in(const infer *c, u32 i, const sym **out);
/* The same for an operand that decides a shape: where its elements are only known at run time they become fresh variables, and the
 * executor reads them (value.elems_read). -1: their number is not known either, or it is not a short integer tensor. */
i64 elems_wanted(infer *c, u32 i, const sym **out);
/* The elements of a short integer tensor that only a run knows become fresh variables; false: it is none, or they are known. */
bool elems_ask(graph *g, val v);
/* The elements that v was asked for turn out to be these: nobody need read them any more. False: they must be read. */
bool elems_settle(graph *g, const value *v, const sym *elems, u32 n);
/* Room for the elements of an integer or bool output of type t whose dims are all numbers and few: NULL when they are not. */
sym *elems_room(const infer *c, const type *t, u32 *n);
/* Output 0 gets type t, and elements where an elementwise row (or Cast) can tell them. */
qn_status elems_infer_row(infer *c, const type *t);
qn_status elems_infer_cast(infer *c, const type *t);
/* Output 0 is input 0's elements unchanged, in type t (Reshape, Squeeze, ...). */
qn_status elems_infer_alias(infer *c, const type *t);
/* Output `o` picks elements of input i: output element k is input element from[k]. n from elems_room. */
typedef i64 (*elems_index)(const void *how, u32 k);
qn_status elems_infer_pick(infer *c, u32 o, u32 i, const type *t, elems_index index, const void *how);
/* Floor and the like where the answer is exact for these operands; 0 when it is not known. */
sym elems_truncated_div(graph *g, sym a, sym b);
bool elems_at_least_zero(graph *g, sym a);
#endif

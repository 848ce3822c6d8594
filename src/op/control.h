/* What ops with bodies share: asking a body in inference, and making the nodes of a new one in expansion. */
#ifndef CONTROL_H
#define CONTROL_H

#include "op/op.h"

graph *control_body_of(const infer *c, const char *name); /* NULL: the node has none */
/* A body's input takes the type of what will be lent to it, and its elements where they never change while the body runs. */
void control_give_type(const infer *c, graph *body, u32 input, val from, bool fixed);
const type *control_body_out(const graph *body, u32 i);
/* A node of a body under construction, and a constant of it; 0: b->status has failed. */
val control_body_node(build *b, graph *body, op_id op, const val *in, u32 n_in, const attr *attrs, u32 n_attrs);
val control_body_scalar(build *b, graph *body, qn_dtype d, i64 v);
#endif

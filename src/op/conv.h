/* What the forms of a convolution share. */
#ifndef CONV_H
#define CONV_H

#include "op/op.h"

#define CONV_ATTRS                                                                                                          \
    TEXT("auto_pad", "NOTSET"), INTS("dilations"), INT("group", 1), INTS("kernel_shape"), INTS("pads"), INTS("strides")

/* The result of a convolution of x, channels first, with the node's second input. */
qn_status conv_shape(infer *c, const type *x, type *out);
/* Of x, w, bias and rest, the last two optional. */
qn_status conv_infer(infer *c);
/* Those of CONV_ATTRS that node n has, as they are, to out[CONV_MOST_ATTRS]; how many. */
enum { CONV_MOST_ATTRS = 6 };
u32 conv_attrs(const node *n, attr *out);
/* conv_last.c: op_def.channels_last of a node with inputs x, w, bias, rest, the last two optional. */
val conv_channels_last(build *b, const node *n);
/* Its weights are the same in each run: what is made of them is made once. */
bool conv_weights_stay(const graph *g, val w);
/* conv_blocked.c: op_def.channels_blocked of such a node. */
bool conv_channels_blocked(build *b, const node *n, u32 block, val *outs);
#endif

/* Tensors with their channels in blocks, [N][ceil(C / block)][spatial...][block]: Blocked makes them of [N][C][spatial...], Unblocked the
 * other way. Lanes behind the last channel are 0 at first and anything later: nobody looks at them. */
#ifndef BLOCKED_H
#define BLOCKED_H

#include "op/op.h"

enum { BLOCKED_MOST = 16 }; /* inputs of a node, outputs of one */
/* The block of the tensor that v, the result of an Unblocked, was made of; 0: v is something else. */
u32 blocked_by(const graph *g, val v);
/* x in blocks: what it was made of, where that has the same, or Blocked of it. Absent where x is. */
val blocked_of(build *b, val x, u32 block);
val blocked_undone(build *b, val x, i64 channels); /* an Unblocked */
val blocked_padded(build *b, val x, u32 axis,
                   u32 block); /* x, its known size along an axis made a multiple of block by zeros */
#endif

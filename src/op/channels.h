/* Tensors with their channels last, [N][spatial...][C], and with their channels in front, [N][C][spatial...]. */
#ifndef CHANNELS_H
#define CHANNELS_H

#include "op/op.h"

type channels_moved(const type *t, bool to_front);
val channels_move(build *b, val x, bool to_front); /* x may be absent */
/* x with its channels last: what was moved to the front to make it, or x moved. Absent where x is. */
val channels_last_of(build *b, val x);
/* Does t, a Transpose, bring channels to the front? */
bool channels_to_front(const graph *g, const node *t);
#endif

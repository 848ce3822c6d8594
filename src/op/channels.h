/* Tensors with their channels last, [N][spatial...][C], and with their channels in front, [N][C][spatial...]. */
#ifndef CHANNELS_H
#define CHANNELS_H

#include "op/op.h"

type channels_moved(const type *t, bool to_front);
val channels_move(build *b, val x, bool to_front); /* x may be absent */
#endif

/* Ops that are one strided copy for each output: their kernels, and how the copies of those in files of their own are made. */
#ifndef MOVE_H
#define MOVE_H

#include "op/copy.h"

extern const variant move_variants[];
void slice_copy(lowering *l, const node *n, u32 o, copy *c); /* slice.c */
#endif

/* Sums of products of 8-bit integers by kernels of floats. */
#ifndef EXACT_H
#define EXACT_H

#include "op/op.h"

/* A factor: integers, what is taken from each (broadcast to it; 0: nothing), the dimension that is summed over. */
typedef struct exact_factor {
    val x, zero;
    u32 axis;
} exact_factor;
/* Does `zero` (NULL: none) broadcast to x? One for each entry of dimension `along` may be of rank 1. */
qn_status exact_check_zero(const infer *c, const type *x, const type *zero, u32 along);
/* Zero points as one, where they are known to be alike. */
val exact_zero(build *b, val zero);
/* op, MatMul or Conv, of both, as i32. taps: products for each entry along the axis. whole: the sums may not be taken apart along it. */
val exact_products(build *b, op_id op, const exact_factor *left, const exact_factor *right, i64 taps, bool whole,
                   const attr *attrs, u32 n_attrs);
#endif

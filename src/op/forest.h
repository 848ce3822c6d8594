/* Decision trees as the kernels of kernels/forest.c walk them, read from the attributes that ai.onnx.ml has for them. */
#ifndef FOREST_H
#define FOREST_H

#include "op/op_util.h"

typedef struct forest {
    u32 nodes, trees, weights, depth, columns; /* columns: one more than the highest feature */
    i32 *table;
    f64 *values;
    u64 targets_named; /* bit k: some weight is target k's (the last bit: one past the 62nd) */
    bool positive;     /* no weight is below 0 */
} forest;

/* In the arena; NULL, or what is wrong with it. Targets must be below `targets`. */
const char *forest_read_5(arena *mem, const node *n, i64 targets, forest *out);
/* kind: "target" or "class", of which the lists of weights have their names. */
const char *forest_read_3(arena *mem, const node *n, const char *kind, i64 targets, forest *out);
/* The sums for each target, [N][targets] in type d (f32 or f64), of input 0. how: kernels/forest.c */
val forest_build(build *b, const forest *f, qn_dtype d, i64 targets, i64 how);
#endif

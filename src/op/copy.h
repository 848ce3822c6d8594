/* Moving elements without looking at them: y[y_at + sum of c_d * ys_d] = x[x_at + sum of c_d * xs_d] for every coordinate c.
 * Transpose, Slice, Split, Expand, Tile and Concat are such copies. */
#ifndef COPY_H
#define COPY_H

#include "op/op.h"
#include "plan/lower.h"

enum { COPY_MAX_RANK = 2 * QN_MAX_RANK };

typedef struct copy {
    val x, y;
    qn_dtype dtype;
    u32 rank;
    sym size[COPY_MAX_RANK], xs[COPY_MAX_RANK], ys[COPY_MAX_RANK]; /* in elements; xs may be negative or 0 */
    sym x_at, y_at;
} copy;

/* The copies of a node, at most max: how many. */
typedef u32 (*copies_of)(lowering *l, const node *n, copy *out, u32 max);

void copy_strides(graph *g, const type *t, sym *out); /* of a row-major tensor */
/* A copy that fills y, a dense tensor: ys and y_at from its sizes. size and xs are set already. */
void copy_dense(graph *g, copy *c);
void copy_merge(graph *g, copy *c); /* fewer dimensions, the same copy */

/* Launches. rows: runs along the last dimension, any y. tile: x and y run along different dimensions. map: y is dense. */
bool copy_fits_rows(graph *g, const copy *c);
bool copy_fits_tile(graph *g, const copy *c);
qn_status copy_launch_rows(lowering *l, const copy *c, u32 group);
qn_status copy_launch_tile(lowering *l, const copy *c, u32 group);
qn_status copy_launch_map(lowering *l, const node *n, const copy *c);
#endif

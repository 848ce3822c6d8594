/* Windows that slide over the last dimensions of a tensor: the sizes of convolutions and pools, out of their attributes. */
#ifndef WINDOW_H
#define WINDOW_H

#include "plan/lower.h"

/* One to three dimensions, the last ones at the end; the rest have size 1, step 1 and no padding in front. */
typedef struct window {
    u32 rank; /* dimensions of the node: 1 to 3 */
    sym in[3], out[3], kernel[3];
    sym pad[3];    /* before the input */
    sym padded[3]; /* input and padding on both sides */
    i64 step[3], dilation[3];
} window;

/* Sizes from attributes strides, dilations, pads, auto_pad, ceil_mode of a node over x[N][C][spatial...]. kernel: one size for each
 * spatial dimension, or NULL for the attribute kernel_shape. NULL when all is well, else what is wrong, to be put behind the node's name. */
const char *window_make(graph *g, const node *n, const type *x, const sym *kernel, window *out);
/* The same of a ConvTranspose (conv_transpose.c): in is x, out is y, padded is not set. */
const char *conv_transpose_window(graph *g, const node *n, const type *x, const type *w, window *out);
/* The list `name` of a node for `rank` dimensions, `otherwise` where absent. */
const char *window_ints(const node *n, const char *name, u32 rank, i64 otherwise, i64 lowest, i64 *out);
/* in, out, kernel, steps, dilations, padding as kernel parameters (kernels/pool.c: POOL_PARAMS), the last `rank` of the three dimensions. */
void window_params(launch *k, const window *w, u32 rank);
#endif

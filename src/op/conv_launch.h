/* What the launches of a convolution share: its tensors and sizes, and how each begins. */
#ifndef CONV_LAUNCH_H
#define CONV_LAUNCH_H

#include "op/conv.h"
#include "op/epilogue.h"
#include "op/window.h"

typedef struct conv {
    val x, w, y;
    window win;
    sym batch, groups, in_channels, out_channels; /* channels of one group */
    epilogue end;
} conv;

/* The sizes of a node's convolution of x[N][C][spatial...] with w[M][C / group][kernel...]. NULL when all is well, else what is wrong. */
const char *conv_sizes(graph *g, const node *n, const type *x, const type *w, conv *out);
void conv_params(launch *k, const conv *p); /* CONV_PARAMS of kernels/conv_shape.h */
sym conv_pixels(graph *g, const window *w); /* of the result */
qn_status conv_of(lowering *l, const node *n, conv *out);
bool conv_is_float(const lowering *l, const node *n);
/* T, and the buffers: x and w, those of the ending where they are floats (else WHOLE is defined), y. */
launch *conv_begin(lowering *l, const conv *p, const char *file, const char *entry);

/* conv_depthwise.c: a row of the variants, and the sizes that it suits (op_def.when). */
bool conv_depthwise_fits(const lowering *l, const node *n);
qn_status conv_depthwise_emit(lowering *l, const node *n);
sym conv_depthwise_when(const lowering *l, const node *n, graph *g);
#endif

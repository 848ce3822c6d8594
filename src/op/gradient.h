/* The gradients of primitives, by family; each is the .gradient of the records named beside it. Rows have formulas instead (elementwise.h). */
#ifndef GRADIENT_H
#define GRADIENT_H

#include "op/op.h"

/* What a gradient reads: the node's live inputs and outputs, and their types. */
val grads_in(const grads *c, u32 i); /* 0: absent */
val grads_out(const grads *c, u32 i);
const type *grads_in_type(const grads *c, u32 i);
const type *grads_out_type(const grads *c, u32 i);

/* gradient.c: what they are made of */
/* x, whose shape `to` was broadcast to: summed back to it. */
val build_sum_to(build *b, val x, const type *to);
val build_turn(build *b, val x, const i64 *perm); /* Transpose */
val build_total(build *b, val x);                 /* the sum of all elements, a scalar */
/* A vector of n zeros, to which each element of x is added at its place in `at`; places may come several times. */
val build_added_at(build *b, sym n, val at, val x);
/* x cut, or grown by zeros, so that along axis d it starts before[d] earlier (negative: later) and has size[d]. */
val build_fit(build *b, val x, const sym *before, const sym *size);
/* Of an op that only moves elements of its first n_data inputs: the node again, over the places of the elements, says whence each came. */
void gradient_by_places(grads *c, u32 n_data);

/* elementwise_gradient.c */
void gradient_extreme(grads *c); /* Max Min */
void gradient_cast(grads *c);    /* Cast */
/* gradient_move.c */
void gradient_view(grads *c);           /* Reshape Flatten Squeeze Unsqueeze Identity */
void gradient_transpose(grads *c);      /* Transpose */
void gradient_expand(grads *c);         /* Expand */
void gradient_tile(grads *c);           /* Tile */
void gradient_concat(grads *c);         /* Concat */
void gradient_split(grads *c);          /* Split */
void gradient_slice(grads *c);          /* Slice */
void gradient_pad(grads *c);            /* Pad */
void gradient_compress(grads *c);       /* Compress */
void gradient_tensor_scatter(grads *c); /* TensorScatter */
void gradient_shape(grads *c);          /* nothing, where only a shape is read: EyeLike */
void gradient_same(grads *c);           /* the node again, over what arrives: Trilu ReverseSequence */
/* gradient_gather.c */
void gradient_gather(grads *c);           /* Gather */
void gradient_gather_elements(grads *c);  /* GatherElements */
void gradient_gather_nd(grads *c);        /* GatherND */
void gradient_scatter_elements(grads *c); /* ScatterElements */
void gradient_scatter_nd(grads *c);       /* ScatterND */
void gradient_topk(grads *c);             /* TopK */
void gradient_one_hot(grads *c);          /* OneHot */
/* gradient_reduce.c */
void gradient_reduce(grads *c);  /* ReduceSum and its family */
void gradient_softmax(grads *c); /* Softmax LogSoftmax */
void gradient_cumsum(grads *c);  /* CumSum */
void gradient_cumprod(grads *c); /* CumProd */
/* gradient_product.c */
void gradient_matmul(grads *c);         /* MatMul */
void gradient_conv(grads *c);           /* Conv */
void gradient_conv_transpose(grads *c); /* ConvTranspose */
void gradient_col2im(grads *c);         /* Col2Im */
/* What each window over x (of a node with strides, dilations, group) gave to coarse, times weights, back where the window lay in x. */
struct window;
val build_unwindow(build *b, val coarse, val weights, const struct window *w, const type *x);
/* gradient_resize.c */
void gradient_resize(grads *c);      /* Resize */
void gradient_affine_grid(grads *c); /* AffineGrid */
/* gradient_pool.c */
void gradient_max_pool(grads *c);     /* MaxPool */
void gradient_average_pool(grads *c); /* AveragePool */
void gradient_lp_pool(grads *c);      /* LpPool */
void gradient_lrn(grads *c);          /* LRN */
#endif

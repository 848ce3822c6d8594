/* A batched matrix product as its kernels want it: y[batch][m][n] = act(alpha * a b + bias + rest), with strides for broadcasting. */
#ifndef PRODUCT_H
#define PRODUCT_H

#include "op/epilogue.h"

enum { PRODUCT_DIMS = 4 }; /* batch dimensions that kernels/matmul_batch.h takes */

typedef struct product {
    val a, b, y; /* row-major */
    qn_dtype dtype;
    sym m, n, k, batch;
    sym dims[PRODUCT_DIMS], a_stride[PRODUCT_DIMS], b_stride[PRODUCT_DIMS]; /* dims[0] is the outermost */
    bool trans_a, trans_b;
    f64 alpha;
    epilogue end;
} product;

/* From a node with inputs (a, b, bias?, rest?) and attributes transA, transB, alpha, act, p, q, those that it has. */
/* Launches of the variant that suits the device, for ops that need a product on their way (end, alpha 1 and strides set by hand). */
qn_status product_emit(lowering *l, const product *p);
qn_status product_of(lowering *l, const node *n, product *out);
extern const variant product_variants[];                               /* for MatMul and MatMulFused */
sym product_when_few_rows(const lowering *l, const node *n, graph *g); /* the row matmul_row */
/* How kernels of few rows cut n columns of `batch` products: its numbers are columns of a group, groups (launch_chosen). */
enum { PRODUCT_ROWS_FEW = 8 };
enum { PRODUCT_ROW_BLOCK, PRODUCT_ROW_GROUPS };
void product_choose_row_block(launch *k, sym n, sym batch);
sym product_flops(lowering *l, const node *n);
val product_node(graph *g, val a,
                 val b); /* matmul.c: the product of two matrices, as a node at the end of the graph; 0: no memory */
#endif

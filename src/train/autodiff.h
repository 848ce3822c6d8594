/* Reverse-mode automatic differentiation of graphs: what each x gets, when the ys got this much. */
#ifndef AUTODIFF_H
#define AUTODIFF_H

#include "op/op.h"

/* Nodes for d(sum of y[i] * dy[i]) / dx[k], built in front of b->before, behind which no y may be made. dy[i] 0: ones. What is made of
 * simpler ops on the way from an x to a y, and has no gradient of its own, is expanded in place.
 * xs     floats; each is independent: what it was computed from gets nothing. One that no y depends on gets zeros
 * fixed  values held fast: nothing goes through them
 * Errors QN_E_UNSUPPORTED, naming the node and its op: it has no gradient, and one arrives */
typedef struct autodiff {
    const val *ys, *dys, *xs, *fixed;
    u32 n_ys, n_xs, n_fixed;
} autodiff;
qn_status autodiff_build(build *b, const autodiff *what, val *dxs);
#endif

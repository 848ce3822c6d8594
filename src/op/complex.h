/* What operators mean that compute with complex numbers: for .complex of their records. */
#ifndef OP_COMPLEX_H
#define OP_COMPLEX_H

#include "op/op.h"

qn_status complex_by_parts(build *b, const node *n); /* linear in them, of one output */
qn_status complex_scatter(build *b, const node *n);  /* ScatterElements and ScatterND: sums and products */

#endif

/* What an operator means that computes with complex numbers: by parts where it is linear in them; Scatter's sums and products. */
#ifndef OP_COMPLEX_H
#define OP_COMPLEX_H

#include "op/op.h"

qn_status complex_expand(build *b, const node *n);

#endif

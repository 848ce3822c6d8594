/* What the host ops of sequences share. */
#ifndef LISTS_H
#define LISTS_H

#include "op/op_util.h"

/* Output 0 of a node under inference: a sequence or optional of n elements of one type. */
qn_status list_out(infer *c, qn_dtype kind, sym n, const type *of);
/* Room for output 0, a list of n; NULL: no memory, or more than a list holds (the status is in *s). */
qn_tensor *list_room(host_call *h, i64 n, qn_dtype kind, qn_status *s);
#endif

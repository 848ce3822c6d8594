/* Types of less than a byte and floats of one (QN_F8E4M3FN .. QN_U2): how they become others. */
#ifndef NARROW_H
#define NARROW_H

#include "op/op.h"

/* Cast where no elementwise kernel fits: from and to narrow types, and texts. */
qn_status narrow_expand_cast(build *b, const node *n);
/* The bytes of x as another type held in as many. */
val narrow_held_as(build *b, val x, qn_dtype d);
/* Cast of numbers to texts and of texts to numbers (text_numbers.c). */
val text_cast(build *b, const node *n, val x, qn_dtype from, qn_dtype to);
/* The number of type `to` that text i spells; QN_E_DATA: none. */
qn_status number_of_text(host_call *h, u64 i, qn_bytes text, qn_dtype to, void *out);
#endif

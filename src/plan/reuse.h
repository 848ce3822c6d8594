/* Spans in order of time, each in a slot that nothing holds any more: n log n, where looking for the best place would be n^2. */
#ifndef REUSE_H
#define REUSE_H

#include "plan/plan.h"

/* spans[n] are put in order of their first steps; `buffer` of each becomes its slot. bytes[n] gets the size of each slot, *n_slots how many. */
qn_status reuse_make(span **spans, u32 n, u64 *bytes, u32 *n_slots);
#endif

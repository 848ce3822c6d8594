/* Kernels of a plan, tried out on the device before it is used. */
#ifndef TRIAL_H
#define TRIAL_H

#include "plan/plan.h"

/* Look at each program of the plan that is not known yet, and add to *avoided (in mem) the rows that use one that is wrong. *again: there
 * were such rows, so the plan must be made again without them. */
qn_status trial_of_plan(qn_device *d, const plan *p, arena *mem, plan_avoided **avoided, bool *again);

#endif

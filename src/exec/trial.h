/* Kernels of a plan, tried out on the device before it is used. */
#ifndef TRIAL_H
#define TRIAL_H

#include "plan/plan.h"

/* begin: find what of the plan is not known yet; what is known to be wrong is added to *avoided (in mem, as the trial is, and lent to it).
 * step: go on, at most some milliseconds without the device; done: all is judged. *again: rows were added to *avoided, so the plan must be made
 * again without them. QN_E_NOMEM and QN_E_LOST. */
typedef struct trial trial;
qn_status trial_begin(qn_device *d, const plan *p, arena *mem, plan_avoided **avoided, trial **out);
qn_status trial_step(trial *t, bool *done, bool *again);
f64 trial_part(const trial *t);        /* 0 to 1 */
qn_ticket trial_waits(const trial *t); /* for the device, after a step that was not done; 0: there is more to do at once */
/* A program that was made for the trial, the caller's from now on; 0: make it. t NULL: there was no trial. */
qn_prog trial_take_program(trial *t, const plan *p, u32 program);
void trial_end(trial *t); /* at any time; NULL is fine. What was found is kept */

#endif

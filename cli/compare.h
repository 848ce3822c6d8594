/* Two tensors: do they agree? Tolerance belongs to the type. */
#ifndef COMPARE_H
#define COMPARE_H

#include "cli.h"

/* Element i of a numeric tensor as a double (64-bit integers beyond 2^53 are rounded). */
double compare_number(const qn_tensor *t, uint64_t i);
/* Complex numbers as twice as many real ones; whatever else as it is. */
qn_dtype compare_part(qn_dtype t);
qn_tensor compare_parts(const qn_tensor *t);
typedef struct tolerance {
    double rtol, atol;
} tolerance;

/* widest: at least this far an answer may be from what is wanted, where not the type allows more. *worst: the largest absolute error of finite floats. why: one sentence when they differ. */
bool compare_tensors(const qn_tensor *got, const qn_tensor *want, bool shape_only, tolerance widest, double *worst,
                     char *why, size_t why_bytes);

#endif

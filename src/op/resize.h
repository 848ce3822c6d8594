/* Which dimensions a Resize resizes, and how: out of its attributes and inputs. */
#ifndef RESIZE_PLAN_H
#define RESIZE_PLAN_H

#include "op/op.h"

typedef struct resized {
    u32 axis;
    f64 scale;
    sym in, out;
    f64 crop_from, crop_to;
} resized; /* scale 0: out / in */
typedef struct resize_plan {
    u32 n;
    resized at[QN_MAX_RANK];
} resize_plan;
/* Of a node over x; NULL when all is well, else what is wrong, to be put behind the node's name. */
const char *resize_plan_of(graph *g, const node *n, const type *x, resize_plan *out);
#endif

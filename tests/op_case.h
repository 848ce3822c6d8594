/* The cases of all ops, and tries of one: on a device, in the planner's own choice of kernels or in one variant of them. A try is started and
 * polled, never waited for, so that the same code runs natively (ops.c) and from a page's event loop (web/op_cases.c). */
#ifndef OP_CASE_H
#define OP_CASE_H

#include "op_graph.h"

typedef struct op_ref {
    const op_def *d;
    const op_case *c;
} op_ref;
u32 op_case_count(void);
op_ref op_case_at(u32 index); /* in table order; index < op_case_count() */
/* The k-th of an order that `seed` picks: neighbours there lie far apart in the table, and each case comes once in op_case_count() turns. */
u32 op_case_turn(u32 seed, u32 k);

/* The graph of the case, and what the same graph in double answers on `cpu` (nothing for a random op). false after a failed check. */
bool op_case_prepare(test *t, op_ref of, qn_device *cpu, arena *mem, op_run *r);

typedef enum op_outcome { OP_RUNS, OP_RAN, OP_NO_SUCH_ROW } op_outcome; /* RAN: well or not, as t's checks say */

typedef struct op_try {
    op_ref of; /* given, with those below */
    const op_run *r;
    const test_device *device;
    const char *row; /* the only variant allowed; NULL: the planner chooses */
    arena *mem;
    graph_run g;
    graph_session s;
} op_try;
op_outcome op_try_start(test *t, op_try *x);
op_outcome op_try_poll(test *t, op_try *x); /* while OP_RUNS */

#endif

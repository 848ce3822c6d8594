/* The cases of the ops as graphs in text, with their inputs: for everything that goes through all of them. */
#ifndef OP_GRAPH_H
#define OP_GRAPH_H

#include "run_graph.h"

typedef struct op_run {
    const char *text;
    qn_tensor in[16];
    u32 n_in;
    qn_tensor want[16];
    u32 n_want;
    f64 max_err;
} op_run;

/* The case as a graph: inputs and constants, one node, its outputs. `mem` holds what r lends. */
qn_status op_graph_of(const op_def *d, const op_case *c, arena *mem, op_run *r);
#endif

/* Graph -> graph. A pass is one record in one file; passes.def is the list and the order.
 *
 *     .at, .rewrite   called for each node of that op (OP_NONE: every node), until nothing changes; true: it changed something
 *     .run            or: does the whole graph itself
 *     .test           text in, " -> ", text out: run by the tests
 * After each pass the graph is swept, inferred where new nodes stand and (debug builds, tests) verified. Passes also run inside bodies.
 * Nodes whose outputs bind variables at run time (elems_read) may be rewritten: the graph is then inferred anew, and the pass looks at it
 * again, at most 16 times, while sizes read differently. */
#ifndef PASS_H
#define PASS_H

#include "op/op.h"

typedef struct pass_env {
    const qn_caps *caps;
    u32 channels_last, channels_block; /* as in qn_caps, or as the session was told */
    /* Compute one node whose inputs are all constants, with the kernels of run time; out: one tensor an output, data in mem. */
    qn_status (*evaluate)(void *user, const graph *g, nid n, arena *mem, qn_tensor *out);
    void *user;
    bool (*runs)(graph *g, const qn_caps *caps, const node *n); /* some variant fits the node as it stands */
} pass_env;

typedef struct pass_job {
    graph *g;
    const pass_env *env;
    qn_status status; /* sticky, set by helpers */
    bool stale;       /* a value was replaced by one whose sizes read differently */
    sym_at *bound;
    u32 n_bound; /* the variables that are known when a run starts */
} pass_job;

typedef struct pass_def {
    const char *name, *doc;
    u16 at;
    bool always; /* also with no_optimize: needed to run at all */
    bool (*rewrite)(pass_job *j, nid n);
    qn_status (*run)(pass_job *j);
    const char *test; /* several tests: separated by "\n---\n" */
} pass_def;
extern const pass_def *const pass_defs[]; /* NULL at the end */

/* Run one pass over g and its bodies; *changed counts rewrites. */
qn_status pass_run(const pass_def *p, graph *g, const pass_env *env, u32 *changed);
typedef struct pass_report {
    qn_pass_row *rows;
    u32 n;
    void (*dump)(void *user, const char *stage, const char *text);
    void *dump_user;
} pass_report;
/* All passes in order (only `always` ones when !optimize). rows: room for pass_count() or NULL. */
qn_status pass_run_all(graph *g, const pass_env *env, bool optimize, pass_report *report);
u32 pass_count(void);

/* widen_floats.c: every float becomes f64 (the tests' oracle); check the graph again after it. */
qn_status widen_floats(graph *g);
/* open_body.c: of an If its branch, of a Loop or Scan a turn, as nodes in its place; opened: it was. In a graph as it was read. */
qn_status open_body(graph *g, nid n, bool *opened);
qn_status open_map(graph *g, nid n, bool *opened); /* of a SequenceMap a Loop (open_map.c): open_body asks it */

/* Building in front of node n, for rewrites: like op.h's build; failures land in j->status. */
build pass_build(pass_job *j, nid n);
/* Take over: j->status from b, then node n's outputs become outs. False when the build failed. */
bool pass_replace(pass_job *j, build *b, nid n, const val *outs, u32 n_outs);
bool pass_replace_one(pass_job *j, build *b, nid n, val out); /* the same for output 0 */
/* After a value was replaced by hand: notes whether sizes must be inferred anew. */
void pass_replaced(pass_job *j, val old);
/* All of these sizes follow from the graph's inputs: whoever gives them at run time may be dropped. */
bool pass_sizes_known(const pass_job *j, const sym *sizes, u32 n);
/* The node that makes v, when it is of op `op` and v has no other use; NULL otherwise. */
const node *pass_maker(const graph *g, val v, u16 op);
const node *pass_only_maker(const graph *g, val v, u16 op); /* ... and v is used once and is no graph output */
#endif

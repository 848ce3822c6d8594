/* Runs a graph given as text on a device, the way a session would, for tests of ops, passes, plans and the executor. */
#ifndef RUN_GRAPH_H
#define RUN_GRAPH_H

#include "exec/exec.h"
#include "test.h"

typedef struct graph_run {
    qn_device *device;
    bool optimize, widen;
    const char *only_variants;
    arena *mem; /* holds the outputs; the caller's */
    u32 n_out;
    qn_tensor out[16];
    qn_stats stats;
    const char *kernels; /* the variants that ran, joined by ' ' */
} graph_run;

/* in: by input order of the graph (widened here when r->widen). */
qn_status graph_run_text(graph_run *r, const char *text, const qn_tensor *in, u32 n_in);

/* The same in steps, for many runs of one plan. */
typedef struct graph_session {
    arena *work;
    graph *g;
    plan *p;
    exec *x;
} graph_session;
qn_status graph_open_text(graph_run *r, const char *text, graph_session *out);
qn_status graph_session_run(graph_run *r, graph_session *s, const qn_tensor *in, u32 n_in);
/* A run that is not waited for: poll until done, or a failure; then the outputs are in r. */
qn_status graph_session_start(graph_run *r, graph_session *s, const qn_tensor *in, u32 n_in);
qn_status graph_session_poll(graph_run *r, graph_session *s, bool *done);
void graph_session_close(graph_session *s);

/* A tensor from "f32[2,3]=..." (op.h, op_case.in); moves *at past it and the blanks behind. "_" gives dtype QN_NONE.
 * is_list: the values were written out ("={...}"), so the op may need them when it is planned. */
qn_status case_tensor(const char **at, arena *mem, u64 *seed, qn_tensor *out, bool *is_list);
/* Element i of a tensor of numbers. */
f64 tensor_number(const qn_tensor *t, u64 i);
/* norm(a - b) / norm(b) as f64, NaN and infinities compared by kind; any float or integer type. 1e30 when shapes differ. */
f64 relative_error(const qn_tensor *a, const qn_tensor *b);
/* Devices to test on, opened once; skips are counted in t. */
typedef struct test_device {
    const char *name;
    qn_device *device;
    u32 every, at; /* of a long list a quick run gives it each every-th, from `at` on */
} test_device;
u32 open_test_devices(test *t, const test_device **out);
qn_device *test_cpu(void); /* what others are compared with: "cpu", whichever devices are tested */
#endif

/* A session: a model opened on a device. Its graph, plan and running state, and what it can tell of itself. */
#ifndef SESSION_H
#define SESSION_H

#include "exec/exec.h"
#include "format/format.h"

typedef struct hold hold;
/* Of a model in parts: how many there are with the bodies that were opened, those opened in the last, the nodes of all these bodies. */
typedef struct part_cost {
    u32 parts, opened;
    u64 nodes;
} part_cost;

struct qn_session {
    qn_session_desc desc;
    arena *mem; /* of the session: names, infos */
    char *path;
    file_map file;
    qn_bytes bytes;
    sift sift; /* of a file that comes in pieces */
    enum { SESSION_BEGUN, SESSION_SIFTING, SESSION_PLANNING, SESSION_LOADING, SESSION_OPEN } stage;
    qn_status failed;
    qn_piece wanted; /* what comes next */
    format_files *files;
    hold *hold;                  /* its weights, where it comes in pieces and is planned when it runs; NULL: it is not */
    arena *graph_mem, *plan_mem; /* of the current plan */
    graph *g;
    plan *p;
    exec *x;
    trial *trial;          /* of the plan, until it is prepared; NULL: there is none */
    u64 planned_at;        /* when that began */
    plan_avoided *avoided; /* rows left out because they are wrong on this device */
    qn_host_node *host_nodes;
    u32 n_host_nodes;
    char note[512];
    qn_value_info *inputs, *outputs;
    u32 n_inputs, n_outputs;
    outlet *outlets; /* [n_outputs] */
    /* Some models cannot be planned before small inputs (axes, pads, a shape of unknown length) or sizes that decide a rank are known. They
     * are planned at the first run, with those inputs as constants and all sizes as given, and again when those change. */
    bool specialise, planned;
    bool fixes_floats; /* of those inputs the floats, too: it could not be planned without */
    u64 specialised_for;
    u64 runs;                /* begun so far: the ticket of the last */
    draws *draws, own_draws; /* its own, or of the first part */
    qn_named *to_run;        /* what was given to one that waits for its plan; NULL: none does */
    size_t n_to_run;
    arena *kept; /* copies of what of it lies in the plan that had to go; NULL: nothing */
    /* What of the model cannot be planned before this part has run (parts.c), as a session that hands nobody anything; NULL: nothing. */
    qn_session *rest;
    part_cost cost; /* of the parts in front of it */
    /* Of such a session (stretch.h): what it has instead of a file, whose outputs are the model's, and the first part; lent. */
    const struct stretch_at *behind;
    struct stretch *ends;
    qn_session *first;
    struct stretch_at *left;  /* of it, when this part has its nodes */
    struct taken *taken;      /* what it reads of parts in front */
    struct stretch_val *made; /* what the nodes that it took make */
    u32 n_taken, cap_taken, n_made, cap_made;
    u64 round, rounds;               /* the number of its planning; of the first: of the last one of all parts */
    nid checked;                     /* the last node of g that is; 0: none */
    bool is_last;                    /* no part is behind it */
    qn_named *given;                 /* [n_taken], of the run */
    qn_session *now;                 /* of the first: which part the last run is in */
    void *all_rows, *all_host_nodes; /* of the first: what was told of all parts last */
    qn_stats stats;
    qn_pass_row *passes;
    u32 n_passes;
    const qn_op_count *ops;
    u32 n_ops;
    qn_weight_info *weights;
    u32 n_weights;
};

/* report.c */
qn_status session_describe(qn_session *s);            /* inputs, outputs, weights, from the graph as read */
qn_status session_describe_host_nodes(qn_session *s); /* of the plan */
/* parts.c */
/* In front of the node at which checking it failed: will what stands there tell more when it ran? */
bool session_can_cut(graph *g);
bool session_can_open(graph *g); /* or is that in a body, at a node of which more will be known when the body is opened? */
/* Where checking it failed: was an element wanted (a float, of all) that is not known, or is a size open, of none that surely differ? Then what
 * is said of a shape may be for the want of it. True where it was not in checking that it failed. */
bool session_wants_elems(graph *g, bool floats);
qn_status session_cut(qn_session *s, const part_cost *cost); /* there: s->g is what stands in front, s->rest the rest */
const qn_session *session_last(const qn_session *s);
const qn_session *session_at_work(const qn_session *s); /* the part in which the last run is, or ended */
/* stretch.c: of a part that is not the first */
qn_status session_take_begin(qn_session *s);
qn_status session_take_nodes(
    qn_session *s); /* and check them: fails at g->stuck, as graph_check does, and goes on there when asked again */
qn_status session_given(qn_session *s, const qn_named **out, size_t *n); /* what it takes, of this run */
/* hold.c: each weight that is outside, read once; the hold lives in mem */
qn_status hold_begin(graph *g, arena *mem, hold **out);
bool hold_want(hold *h, qn_piece *out);           /* false: all is there */
void hold_give(hold *h, const void *data, u64 n); /* what was wanted */
f64 hold_part(const hold *h);                     /* 0 to 1 */
qn_status hold_put(hold *h, graph *g);            /* they become constants in memory: of the same file's graph */
/* specialise.c */
bool session_can_specialise(const graph *g);
qn_status session_fix_input(qn_session *s, val v, const qn_tensor *t); /* an input of s->g, the last of all */
qn_status session_fix_inputs(qn_session *s, const qn_named *in, size_t n_in);
u64 session_fixed_hash(const qn_session *s, const qn_named *in, size_t n_in);
/* evaluate.c: constant folding's way to the kernels. user: an evaluator, {0} at first, which keeps its device until it is closed; NULL: a
 * device for this node alone. */
typedef struct evaluator {
    qn_device *device;
} evaluator;
void evaluator_close(evaluator *e);
qn_status session_evaluate(void *user, const graph *g, nid n, arena *mem, qn_tensor *out);
#endif

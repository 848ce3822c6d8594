/* Plan -> device, run after run. Nothing here waits: exec_advance goes on until it needs an answer from the device, then says so.
 *
 * A frame is the running state of one plan: the model's, or the body of an If or Loop that runs inside it. Each plan has one frame. */
#ifndef EXEC_H
#define EXEC_H

#include "exec/trial.h"

typedef struct slot {    /* where the bytes of a plan value are now */
    buf_view view;       /* buf 0: not on the device */
    buf_view here;       /* in a buffer of the device that stands in on the host; buf 0: not there. `host` is its address */
    const void *host;    /* NULL: not on the host */
    u64 allotted;        /* bytes in the layout */
    u32 late, late_here; /* 1 + index of its buffer in the pool of late ones, of the device and of the host; 0: none */
    bool stale;          /* made on the host, and `view` has not got the bytes yet */
    bool kept;           /* from run to run (keep.c) */
} slot;

typedef struct frame {
    const plan *p;
    struct frame *outer, *next_made;
    slot *slots;       /* by plan value */
    qn_prog *programs; /* by plan program */
    u32 *late_order;
    u32 n_late; /* late roots by their last step */
    u32 late_at;
    u32 at;            /* the step to run next */
    u32 turn, turns;   /* of the open repeat */
    chosen *chosen;    /* by launch.choice_at */
    struct loop *loop; /* when this is the body of a LOOP step under way */
} frame;

typedef struct late_buffer {
    qn_buf buf;
    u64 bytes;
    bool used;
} late_buffer;

typedef struct loading { /* a weight that is not here yet (load.c) */
    const outside *from;
    qn_dtype dtype;
    u64 bytes, elems; /* bytes: in the file */
    qn_buf buf;       /* where it goes: on the device, */
    u8 *host;         /* here, or both */
} loading;

typedef struct late_pool {
    qn_device *device;
    late_buffer *items;
    u32 n, cap;
} late_pool;

typedef struct owned_buffer {
    qn_device *device;
    qn_buf buf;
} owned_buffer;

typedef struct known_size {
    i64 is;
    u64 round; /* of the exec when it was computed; 0: never */
    bool late; /* other variables are in it */
} known_size;

typedef struct outlet { /* where an output of a model goes if not to the host */
    qn_buffer *to;      /* lent; NULL: none */
    bool keep;          /* to a new buffer of its own size, */
    qn_buffer *made;    /* which is here until the caller takes it */
} outlet;

typedef struct draws { /* what random numbers hang on (draws.c), for all plans of a session */
    u64 seed, launches, runs;
} draws;

typedef struct exec {
    qn_device *device;
    const qn_backend *b;
    qn_device *host;          /* stands in for it; NULL: the plan has no need of that */
    arena *mem;               /* of the plan */
    arena *call;              /* of this run: host tensors */
    host_call *at_host;       /* the host step at hand */
    list_end ends[LIST_ENDS]; /* of lists in `call` */
    frame *main, *now, *made;
    sym_at *bound, *capacity; /* by sym variable */
    u32 n_bound;
    known_size *known; /* by sym: sizes that the inputs alone decide are the same until those change */
    u32 n_known;
    sym_at *known_for; /* by sym variable: what `known` is for */
    u64 round;         /* counts how often that changed */
    bool settled;      /* this run's inputs are bound, and none of their sizes has another meaning since */
    qn_buf memory;
    u64 memory_bytes; /* all values that are not late */
    qn_buf *apart;    /* or a buffer for each, where the device wants that */
    u32 n_apart;
    qn_buf faults;    /* PLAN_FAULT_WORDS words for each check of places */
    u32 *fault_words; /* as read last, where the device has memory of its own */
    layout_result layout;
    bool laid_out;
    bool *left_out;      /* by step of the main plan: not in a run that keeps what an earlier one made */
    bool keeps, no_room; /* this run does so; a device that ran out of memory keeps nothing */
    u64 kept_for;        /* the round that the kept values are for; 0: there are none */
    u64 kept_launches;   /* that such a run leaves out */
    late_pool late, late_here;
    owned_buffer *owned;
    u32 n_owned, cap_owned; /* weights */
    loading *loads;
    u32 n_loads, cap_loads, load_at; /* those before load_at are there */
    u64 load_done, load_queued;      /* bytes of the one at load_at; of weights written since the last flush */
    u64 loaded, load_total;          /* bytes of all */
    u8 *load_room;
    u64 load_room_bytes;
    bool running;
    u64 turn_ns;       /* exec_advance gives way after so long, between two steps; 0: it goes on while there is work */
    qn_ticket waiting; /* of the device; 0: none */
    bool put_off; /* the host step at hand is to be called again: what it asked for is on its way, and not from the device */
    u64 run;      /* how many runs were started */
    qn_status result; /* of the last run */
    char error[512];
    qn_tensor *outputs;
    qn_buffer **from; /* by input of the graph: lent buffers that take the place of host bytes; NULL: none */
    outlet *outlets;  /* by output; NULL: all go to the host */
    void **staging;
    u64 *staging_bytes;
    draws *draws, own_draws; /* a session's, lent, else its own */
    trial *tried;            /* while it is made: has programs already; NULL: none */
    bool profile;
    enum { TIMING_NONE, TIMING_CLEARED, TIMING_LAUNCHED } timing; /* of the launch at hand, when profiling */
    qn_profile_row *rows;
    u32 n_rows, cap_rows;
    u64 profile_from;
    qn_stats stats;
} exec;

/* prepare.c: programs built, or taken over from the plan's trial (NULL: there was none), weights on the device. The exec lives in mem;
 * exec_close frees what is on the device. */
qn_status exec_make(const plan *p, qn_device *d, arena *mem, bool profile, trial *tried, exec **out);
void exec_close(exec *x);
void exec_abandon(exec *x); /* a run that is not gone on with: its reads write nothing any more */

/* expect.c */
void exec_expect(exec *x);
/* load.c: what exec_make found outside, before the first run. done: all is there. out->bytes 0 and not done: the device is busy. */
qn_status load_add(exec *x, const loading *l);
qn_status load_want(exec *x, qn_piece *out, bool *done);
qn_status load_give(exec *x, const void *data, u64 bytes); /* what was wanted */
f64 load_part(const exec *x);                              /* 0 to 1 */

/* start.c */
qn_status exec_start(exec *x, const qn_named *in, size_t n_in);
void exec_clear_counts(exec *x); /* of the last run: nothing is told of it any more */
void exec_give_back(exec *x);    /* what runs took on the device; nothing is under way. Another run takes it anew */
qn_status exec_no_input(const graph *g, const char *name); /* fails: there is none of that name */
qn_status exec_bind_input(exec *x, u32 i, qn_buffer *b);   /* QN_E_UNSUPPORTED: its values are needed on the host */
qn_status exec_reserve(exec *x, u32 variable, i64 size);

/* sizes.c */
qn_status exec_size(const exec *x, sym s, i64 *out); /* QN_E_SHAPE when it cannot be evaluated */
bool exec_size_now(const exec *x, sym s, i64 *out);  /* false: not yet, or not at all */
bool exec_size_kept(const exec *x, sym s, i64 *out); /* without a look at its variables; false: it must be computed */
void exec_settle(exec *x);                           /* the inputs are bound: what is known for the same sizes stays known */
u64 exec_flops(const exec *x, const plan *p);        /* of the last run, where known; each body once */
qn_status exec_dims(const exec *x, const type *t, i64 *dims);
qn_status exec_bind_type(exec *x, const type *t, const i64 *dims, const char *what); /* bind variables, compare the rest */
void exec_bind_elems(exec *x, const value *v, const qn_tensor *t); /* an elems_read value: variables = elements */

/* room.c */
qn_status exec_make_room(
    exec *x, qn_buf *old); /* old: memory that it no longer uses, in which input data may lie; the caller's to free */
qn_status exec_has_room(const exec *x); /* for the capacity that was asked for, as far as sizes follow from it: QN_E_NOMEM */
void exec_free_apart(exec *x);

/* keep.c: results of steps that hang on weights and sizes alone, from run to run */
u64 keep_room(const exec *x); /* bytes that they may take */
qn_status keep_choose(exec *x, span *spans,
                      u64 room); /* spans: of the values in the layout; the kept ones' become the whole run */
void keep_start(exec *x);        /* a run: sizes are bound and values have their places */
bool keep_leaves_out(const exec *x, const frame *f); /* the step at hand */
void keep_count(exec *x, const frame *f);            /* it was launched */
void keep_end(exec *x, bool well);
void keep_forget(exec *x); /* their bytes are no longer there */

/* store.c: where values are */
qn_status store_view(exec *x, frame *f, val v, buf_view *out);               /* on the device; late ones get room now */
qn_status store_here(exec *x, frame *f, val v, bool written, buf_view *out); /* the same on the host, for a launch there */
void store_let_go(exec *x, slot *s);                                         /* its late buffers serve others */
qn_status store_need_host(exec *x, frame *f, val v, bool *queued);           /* queued: a read is under way */
/* Queue what of the n values (0: none) is missing on the host. *pending: the run must pause until the device has answered x->waiting.
 * ask: let the device answer even when nothing is missing. The step that asked is entered again then, and finds its bytes. */
qn_status store_gather(exec *x, frame *f, const val *values, u32 n, bool ask, bool *pending);
const void *store_host(exec *x, frame *f, val v);                  /* after it is there */
qn_status store_put(exec *x, frame *f, val v, const qn_tensor *t); /* a host tensor becomes the value */
void store_release_late(exec *x, frame *f, u32 at);
qn_status store_tensor(exec *x, frame *f, val v, qn_tensor *out); /* with host data and dims */
void *call_alloc(exec *x, u64 bytes);                             /* memory of this run; NULL: none */
/* The bytes of a body's output leave it. again: they will be asked for once more. use: of the value that gets them. */
qn_status store_take(exec *x, frame *from, val w, bool again, const plan_value *use, slot *out);
/* They become v's. */
qn_status store_adopt(exec *x, frame *to, val v, frame *from, val w, bool again);

/* faults.c: places that are outside (plan/places.c) */
qn_status faults_make(exec *x);
buf_view faults_row(const exec *x, u32 row);
qn_status faults_at_start(exec *x, const qn_named *in, size_t n_in);     /* sizes are bound */
qn_status faults_check(exec *x, frame *f, const step *s, bool *pending); /* STEP_PLACES */
qn_status faults_ask(exec *x);                                           /* queue the read that goes with a flush */
qn_status faults_answer(exec *x); /* that flush is done: QN_E_DATA names what was found */
qn_status faults_clear(exec *x);

/* outputs.c: after the last step */
qn_status outputs_queue(exec *x);
void outputs_drop(outlet *outlets, u32 n); /* what was made and not taken */

/* draws.c */
u64 draws_seed(u64 given); /* 0: another one each time */
u32 draws_word(exec *x, const frame *f, const word *w);

/* advance.c */
qn_status exec_advance(exec *x, bool *done);
qn_status exec_check_needs(exec *x); /* of all nodes of the model whose sizes are known */
/* probe.c: what was measured, kept where cache_put keeps it; the choice of "auto" is made anew */
void probe_keep(const qn_device_info *info, f64 ms);
/* choose.c */
void choose_forget(void);
/* control.c */
qn_status control_branch(exec *x, frame *f, const step *s, bool *pending);
qn_status control_loop(exec *x, frame *f, const step *s, bool *pending);
qn_status control_leave(exec *x, frame *f); /* a body is done: hand over to its outer */
i64 control_turn(const frame *f);           /* of the Loop whose body it is; 0: it is none's */
frame *exec_frame(exec *x, const plan *p);
#endif

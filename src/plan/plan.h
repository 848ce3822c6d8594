/* Graph -> launches and memory: what a session does again and again, with every size still an expression.
 *
 *     plan_make     select variants, emit launches, find lifetimes          once for all sizes
 *     layout_make   numbers for the sizes -> an offset for every value      again only when something grew
 *
 * A value of the plan is a value of the graph, or scratch made while lowering (ids past the graph's). */
#ifndef PLAN_H
#define PLAN_H

#include "device/device.h"
#include "plan/lower.h"

/* CHOSEN: bits is which number; DRAW, REDRAW: which stream (launch_draw) */
typedef enum word_kind { WORD_LITERAL, WORD_SIZE, WORD_STEP, WORD_CHOSEN, WORD_DRAW, WORD_REDRAW } word_kind;
typedef struct word {
    u8 kind;
    u32 bits;
    sym size;
    const char *name;
} word; /* name: of a CONST parameter, else NULL */

struct launch {
    lowering *l;
    const char *file, *text, *entry; /* the program: text NULL means the embedded file */
    struct {
        const char *name, *value;
    } defines[24];
    u32 n_defines;
    u32 program; /* index in the plan, set when finished */
    u32 n_bufs, n_words;
    val bufs[DEVICE_MAX_BUFFERS];
    bool written[DEVICE_MAX_BUFFERS];
    word words[DEVICE_MAX_WORDS];
    sym count; /* 0: numbers[count_is] */
    sym when;  /* 0: always; else it runs where this is not 0 */
    launch_choice choose;
    const qn_caps *caps; /* for it */
    sym choice[CHOICE_SIZES];
    u32 choice_at;                                   /* counts those of the plan */
    u32 n_choice, count_is, numbers[CHOICE_NUMBERS]; /* numbers: where all sizes are known, then choose is NULL */
    u32 fault_row;                                   /* not 0: its last buffer is that row of the fault words */
    qn_status status;                                /* sticky */
};

/* Rows that must not be taken on the device: of one node each. */
typedef struct plan_avoided {
    const graph *g;
    nid node;
    const char *variant;
    struct plan_avoided *next;
} plan_avoided;

typedef enum step_kind {
    STEP_LAUNCH,
    STEP_HOST,   /* op.host on host tensors */
    STEP_ELEMS,  /* write the elements of a size tensor */
    STEP_READ,   /* bind variables to the elements of a small tensor */
    STEP_BRANCH, /* If: run one of two bodies */
    STEP_LOOP,   /* Loop: run a body again and again */
    STEP_CHECK,  /* only what the node needs: of views, which launch nothing */
    STEP_PLACES, /* on the host: are the places of a value inside? */
    STEP_REPEAT,
    STEP_REPEAT_END /* `times` turns of the launches between */
} step_kind;

typedef struct plan plan;
typedef struct step {
    step_kind kind;
    nid node; /* for messages and profiles; 0: none */
    const char *variant;
    struct launch *launch;
    bool on_host; /* LAUNCH: on the host, by the device that stands in there */
    bool once;    /* hangs on weights and sizes alone (once.c) */
    val value;    /* ELEMS, READ, PLACES */
    u32 places;   /* PLACES: which */
    sym times;
    sym flops;     /* of a node, on its last launch; 0: not known */
    u32 partner;   /* REPEAT: the step of its END and back */
    plan *body[2]; /* BRANCH: then, else; LOOP: body */
} step;

/* What lower_places found to look at when it runs. row 0: a constant or an input, looked at when a run starts; else the row of
 * PLAN_FAULT_WORDS words on the device that its launches fill, or PLAN_BY_STEP: a step looks. Bodies add to their model's list. */
enum { PLAN_FAULT_WORDS = 64, PLAN_FAULT_SHARES = 32 };
#define PLAN_BY_STEP UINT32_MAX
typedef struct plan_places {
    const graph *g;
    nid node;
    place_bounds what;
    u32 row;
} plan_places;
struct plan_places_list {
    plan_places *items;
    u32 n, cap, n_rows;
};

/* Nodes that the host computes although the device computes the others, in order; those of bodies too. */
typedef struct plan_placed {
    const graph *g;
    nid node;
    qn_host_reason reason;
    const char *why;
} plan_placed;
struct plan_placed_list {
    plan_placed *items;
    u32 n, cap;
};

typedef struct plan_value {
    val root; /* itself, or the value whose bytes it shares */
    qn_dtype dtype;
    sym elems;
    u32 first, last; /* steps between which a root holds memory */
    bool stored;     /* has memory of its own: not a constant, input elems only */
    bool late;       /* its size is known only in the middle of a run */
    bool on_device;  /* a launch there uses it */
    bool on_host;    /* a launch on the host uses it */
    bool once;       /* only steps that are so write it, one value each: it may be kept from run to run */
} plan_value;

struct plan {
    graph *g;
    qn_device *device;
    arena *mem;
    step *steps;
    u32 n_steps, cap_steps;
    plan_value *values;
    u32 n_values, cap_values; /* [1 .. n_values] */
    struct plan_table {
        val id;
        qn_tensor tensor;
    } *tables;
    u32 n_tables, cap_tables; /* constants made while lowering */
    kc_program *programs;
    u64 *program_keys;
    bool *programs_on_host;
    u32 n_programs, cap_programs;
    struct plan_places_list *places;
    struct plan_placed_list *placed;
    u32 n_choices;
    u32 n_bound_at_start;
    sym_at *bound_at_start; /* by sym variable: is it one that the inputs decide? */
    const char *only_variants;
    const plan_avoided *avoided;
    bool is_body; /* of an If or Loop: every size is late */
    bool apart;   /* each value in a buffer of its own, for together they are more than a buffer holds */
};

struct lowering {
    plan *p;
    const qn_caps *caps; /* of the side that is planned for: the device, or the host */
    bool bakes, on_host;
    nid node;
    const char *variant;
    u64 refused;   /* rows of the op that cannot do this node here: a bit each */
    sym when;      /* of the launches that are emitted; 0: always */
    u32 repeat_at; /* the open STEP_REPEAT, UINT32_MAX: none */
};

/* plan.c */
typedef struct plan_desc {
    qn_device *device;         /* lent, for as long as the plan */
    const char *only_variants; /* tests: the row of that name is tried first */
    const plan_avoided *avoided;
} plan_desc;
qn_status plan_make(graph *g, const plan_desc *desc, arena *mem, plan **out);
/* place.c: the node's launches, on the device or on the host. */
qn_status plan_place(plan *p, nid id, const node *n);
qn_status plan_note_host(plan *p, nid id, const node *n); /* a node that the host computes whatever the device is */
/* A launch with sizes as numbers: how often it runs, and the numbers chosen. last: what it chose last, or {0}. False: a size cannot be told. */
typedef struct chosen {
    bool made;
    i64 sizes[CHOICE_SIZES];
    u32 numbers[CHOICE_NUMBERS];
} chosen;
bool launch_count(const launch *k, bool (*size)(const void *user, sym s, i64 *out), const void *user, chosen *last,
                  i64 *count);
/* limits.c: QN_E_UNSUPPORTED when a launch that is complete asks more than its side can do. */
qn_status plan_within_limits(const launch *k, const kc_program *program);
/* QN_E_UNSUPPORTED when some launch cannot bind its values, each from a buffer of its own. */
qn_status plan_within_limits_apart(const plan *p);
/* select.c: the first variant that fits, or NULL. */
bool plan_has(const qn_caps *caps, u32 needs); /* NEED_... of a variant */
const variant *plan_select(const lowering *l, const node *n);
bool plan_can_run(graph *g, const qn_caps *caps, const node *n); /* some variant fits (for the expand pass) */
val plan_root(const plan *p, val v);
val plan_add_value(plan *p, qn_dtype d, sym elems);   /* scratch; 0: no memory */
step *plan_add_step(plan *p, step_kind kind, nid at); /* NULL: no memory */
/* Make sure that v has bytes at run time: a size tensor gets a step that writes its elements. */
qn_status plan_need(plan *p, val v, nid at);
u32 plan_program(plan *p, const kc_program *program,
                 bool on_host);              /* its index, once per key and side; UINT32_MAX: no memory */
bool plan_is_constant(const plan *p, val v); /* of the graph, or a table */
bool plan_is_late(const plan *p, val v);     /* its size is known only in the middle of a run */
bool plan_in_layout(const plan *p, val v);   /* it has a place on the device from the start of a run on */
bool plan_has_home(const plan *p, val root); /* on the device: a buffer of its own; all others lie in one */

/* once.c: which steps and values hang on weights and sizes alone; of a model's plan, not of a body's. */
qn_status plan_find_once(plan *p);

/* places.c: are all elements of t inside? sizes: of each entry of a tuple. QN_E_DATA names the node, the element and the axis. */
qn_status plan_places_check(const plan_places *p, const qn_tensor *t, const i64 *sizes);
qn_status plan_places_fail(const plan_places *p, u64 at, i64 found, i64 size);

/* memory.c: place spans with lifetimes so that those alive together do not overlap; greedy, largest first. */
typedef struct span {
    u64 bytes;
    u32 first, last;
    u64 at;
    u32 buffer;
} span; /* at: the answer, a multiple of 256; buffer: 0, or which of those apart */
typedef struct layout_result {
    u64 peak, sum, largest_live;
} layout_result;
qn_status layout_make(span *spans, u32 n, layout_result *out);
/* For devices that want values apart: each span in a buffer of its own while it lives; at is 0. bytes[n] gets the size of each buffer. */
qn_status layout_make_apart(span *spans, u32 n, u64 *bytes, u32 *n_buffers, layout_result *out);
#endif

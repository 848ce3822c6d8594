/* What nodes mean. An op is one record in one file; ops.def lists them all.
 *
 *     .infer     output types (and known elements) from the inputs'                       every op
 *     .expand    the meaning as simpler ops: a composite. Also the fallback and the oracle of its variants
 *     .variants  kernels, best first; the last one of a primitive is a MAP that needs nothing
 *     .host      computed on the host from host tensors: data-dependent shapes, strings, control
 *     .gradient  what its inputs get, given what its outputs got (op/gradient.h); a composite needs none: it is expanded first
 * An op has .variants or .host or .expand (or .alias: its output is its first input's bytes in another shape). */
#ifndef OP_H
#define OP_H

#include "graph/graph.h"

typedef enum op_id {
    OP_NONE,
#define OP(name) OP_##name,
#include "op/ops.def"
#undef OP
    OP_COUNT
} op_id;

/* Attributes of no schema, which we note at nodes ourselves; no file may give them. */
#define NOTE_CAPTURES   "captures"         /* of a node with bodies (graph.h) */
#define NOTE_FIRST_TURN "quern.first_turn" /* of a Loop whose turns are counted from another number than 0 */
#define NOTE_OP         "told.op" /* of a part of a composite, for sentences about its places: the composite's name, */
#define NOTE_OPERAND    "told.as" /* and what the operand is in its terms */
bool op_is_note(const char *name);
enum {
    OP_NOTES = 4,
    OP_SCHEMA_ATTRS = 24,
    OP_MOST_ATTRS = OP_SCHEMA_ATTRS + OP_NOTES
}; /* a node that was checked has no more */

typedef struct op_def op_def;
typedef struct lowering lowering; /* plan/lower.h */

/* ---- schema. types: "float" (f16 bf16 f32 f64), "int", "uint", "signed" (float or signed int), "number" (all but bool and string),
 * "narrow" (less than a byte, or a float of one), "float8" (those with a sign and a mantissa), "value" (all but narrow), "complex", "any" (tensors), "list" (sequence, optional or map), "bool", "string", a dtype name, several joined by '|', or "as NAME" of an earlier slot. Prefix "optional " / "many ". */
typedef struct op_slot {
    const char *name, *types;
} op_slot;
typedef struct op_attr {
    const char *name;
    attr_kind kind;
    bool required;
    i64 i;
    f64 f;
    const char *text; /* of a text: the default; of a DTYPE: which types it may say, in the words of slots */
} op_attr;
#define INT(name, otherwise)   { name, ATTR_INT, false, (otherwise), 0, NULL }
#define FLOAT(name, otherwise) { name, ATTR_FLOAT, false, 0, (otherwise), NULL }
#define TEXT(name, otherwise)  { name, ATTR_TEXT, false, 0, 0, (otherwise) }
#define INTS(name)             { name, ATTR_INTS, false, 0, 0, NULL }
#define FLOATS(name)           { name, ATTR_FLOATS, false, 0, 0, NULL }
#define NEEDED(name, kind)     { name, (kind), true, 0, 0, NULL }
/* A TensorProto.DataType number, 0 as if it were absent. A graph that was checked has no others: node_dtype reads it (op_util.h). */
#define DTYPE(name, otherwise, types) { name, ATTR_INT, false, (otherwise), 0, (types) }
#define NEEDED_DTYPE(name, types)     { name, ATTR_INT, true, 0, 0, (types) }

/* ---- infer.c: read inputs, set outputs */
typedef struct infer {
    graph *g;
    nid id;
    node *n;
    u32 variables; /* that there were before */
} infer;
const type *infer_in(const infer *c, u32 i); /* NULL: absent */
bool infer_has(const infer *c, u32 i);
i64 infer_int(const infer *c, const char *attr); /* with the schema's default */
f64 infer_float(const infer *c, const char *attr);
qn_status infer_out(infer *c, u32 i, const type *t); /* output i; ignored when the node has no such output */
qn_status infer_out_elems(infer *c, u32 i, const type *t, const sym *elems, u32 n);
/* Output i of the node is of that element type, with all that it holds: does what the file says contradict it? */
qn_status infer_as_declared(const infer *c, u32 i, const type *is, const type *said);
/* fail() with the op's and node's name in front: "Conv 'c1': weight wants 64 channels, input has 32". */
qn_status infer_fail(const infer *c, qn_status code, const char *format, ...) PRINTF_LIKE(3, 4);
#define infer_fail(...) fail_is_no_success((infer_fail)(__VA_ARGS__))
qn_status infer_axis(const infer *c, i64 axis, u32 rank, u32 *out);                 /* negative counts from the end */
qn_status infer_broadcast(const infer *c, const type *a, const type *b, type *out); /* dims only; numpy's rule */
/* Does input i of shape `from` broadcast to `to`, which stays as it is? */
qn_status infer_broadcast_to(const infer *c, u32 i, const type *from, const type *to);
/* Has input i, where it is there, these sizes (0: any)? by: what they come from, for the sentence. */
qn_status infer_sizes(const infer *c, u32 i, const sym *want, u32 rank, const char *by);
qn_status infer_like_first_input(infer *c);
qn_status infer_like_first_of_two(infer *c); /* the second, if it is there, broadcasts to it */
/* Surely different sizes? Where that depends on the inputs, the node under inference notes that they must be equal when it runs. */
bool infer_differ(graph *g, sym a, sym b);
/* The same for any condition, not 0 when the node runs. says: the sentence where it is 0, '#' for the values of a and b ("K is #, the axis
 * has #"); a literal. */
void infer_need(graph *g, sym holds, const char *says, sym a, sym b);

/* ---- build.c, expansion: build simpler nodes in front of the node, then hand over the outputs */
typedef struct build {
    graph *g;
    nid before;
    const node *n;
    qn_status status;
    u32 n_nodes; /* of the graph when it began */
} build;         /* sticky: after a failure vals are 0 */
val build_in(const build *b, u32 i);
val build_node(build *b, op_id op, const val *in, u32 n_in, const attr *attrs, u32 n_attrs); /* its first output */
nid build_node_outs(build *b, op_id op, const val *in, u32 n_in, u32 n_out, const attr *attrs, u32 n_attrs);
val build_op1(build *b, op_id op, val x);
val build_op2(build *b, op_id op, val x, val y); /* an absent (0) operand gives the other one */
val build_scalar(build *b, qn_dtype d, f64 v);   /* a constant of rank 0 */
val build_ints(build *b, const i64 *v, u32 n);   /* a constant i64[n] */
val build_syms(build *b, const sym *v, u32 n);   /* an i64[n] of size expressions */
val build_reshape(build *b, val x, const sym *dims, u32 rank);
val build_slice(build *b, val x, i64 axis, sym from,
                sym to); /* x[.., from : to, ..] along one axis; of all of it, x itself */
val build_slice_by(build *b, val x, i64 axis, sym from, sym to, i64 step);
val build_entry(build *b, val x, u32 axis, i64 at); /* x[.., at, ..], without that dimension */
/* Of the first `part` entries along the last dimension one half: every second one, or those before or behind the middle. */
val build_half(build *b, val x, sym part, bool second, bool interleaved);
val build_concat(build *b, val x, val y, i64 axis);
val build_expand(build *b, val x, const sym *dims, u32 rank);
val build_fill(build *b, const type *t, f64 v); /* a tensor of that type, all v */
val build_cast(build *b, val x, qn_dtype d);
const type *build_type(const build *b, val v);
nid build_heir(const build *b); /* who checks what the node needed when it is gone (graph_kill_for) */
qn_status build_done(build *b, const val *outs, u32 n); /* the node's outputs become these; b->status passes up */
qn_status build_fail(build *b, qn_status code, const char *format, ...) PRINTF_LIKE(3, 4);

/* ---- gradients: simpler nodes, built in front of b->before, that hand on to the inputs what arrived at the outputs. What they are made
 * of has gradients itself, so the same serves a gradient's gradient. A failure sticks in b->status. */
typedef struct grads {
    build *b;           /* b->n is the node */
    const val *dy;      /* of each output, of its type; 0: nothing arrives */
    const bool *wanted; /* of each input */
    val *dx; /* of each input, to fill where wanted: of its type, or of a shape to which it was broadcast; 0: nothing */
} grads;
/* A build that never trains leaves them out. */
#ifdef QUERN_NO_GRADIENTS
#define GRADIENT(f)   NULL
#define FORMULAS(...) { NULL }
#else
#define GRADIENT(f)   (f)
#define FORMULAS(...) { __VA_ARGS__ }
#endif
bool op_has_gradient(const op_def *d);
void op_gradient(grads *c);

/* ---- variants */
enum {                 /* what a variant needs of qn_caps */
       NEED_GROUP = 1, /* groups of 64 items or more, 16 KiB of group memory */
       NEED_ATOMICS = 2,
       NEED_LANES = 4, /* wide lanes and groups of one: best_group is 1 */
       NEED_HOST_MEMORY = 8,
       NEED_MMA = 16,      /* the mma builtins */
       NEED_SIZES = 32,    /* for the sizes that op_def.when tells; at most one row of an op, without repeats */
       NEED_NO_GROUP = 64, /* a MAP for devices that have MAPs alone: max_group is 0 */
};
typedef struct variant {
    const char *name; /* unique: "conv_tile", "reduce_map" */
    u32 needs;
    bool (*fits)(const lowering *l, const node *n); /* NULL: always */
    qn_status (*emit)(lowering *l, const node *n);  /* adds the launches (plan/lower.h) */
} variant;                                          /* a list ends with { 0 } */

/* ---- host_call.c: host ops */
typedef struct list_end { /* behind a list's last element there is room for `left` more, which no list holds yet */
    qn_tensor *end;
    u64 left;
} list_end;
enum { LIST_ENDS = 16 };
typedef struct host_call {
    const graph *g;
    const node *n;
    u32 n_in;
    const qn_tensor *in[64]; /* NULL: absent */
    arena *mem;              /* of this run */
    list_end *ends;          /* [LIST_ENDS] of this run, the latest first */
    qn_tensor out[16];       /* to fill, data in mem (host_out does both) */
    bool later;              /* set by the op: what it asked for is on its way, and the call is to be made again */
} host_call;
void *host_out(host_call *h, u32 i, qn_dtype d, u32 rank, const i64 *dims); /* room for output i; NULL: no memory */
qn_status host_fail(const host_call *h, qn_status code, const char *format, ...) PRINTF_LIKE(3, 4);

/* ---- test cases: one list, used for values on each device, variants, and support */
/* A build that never tests itself leaves them out, and what an op means in words. */
#ifdef QUERN_NO_CASES
#define CASES(list) (0 ? (list) : NULL)
#define DOC(text)   NULL
#else
#define CASES(list) (list)
#define DOC(text)   (text)
#endif
typedef struct op_case {
    const char *in;    /* "f32[2,8] f32[8]=1e4 i64[2]={0,1} _": type, dims, then '=' a scale, a list, or
                                                              * a range "0..5" ; without '=' normal random numbers */
    const char *attrs; /* as in the graph's text: "axis=-1, keepdims=0" */
    f64 max_err;       /* against the double build: norm of difference over norm */
    const char *why;
} op_case;

struct op_def {
    const char *name, *domain; /* domain NULL is ai.onnx; "quern" for our own */
    const char *doc;
    op_slot in[22], out[16];
    op_attr attrs[OP_SCHEMA_ATTRS];
    u32 min_in;                                                  /* 0: counted from the slots that are not optional */
    bool alias;                                                  /* output 0 is input 0's bytes with another shape */
    bool host_elems;                                             /* infer always sets elems when its inputs have them */
    bool random;                                                 /* never folded or merged */
    bool draws;                                                  /* what it expands to is random: nor is this one */
    bool complex;                                                /* computes with complex numbers: op/complex.h */
    enum { CONTROL_NONE, CONTROL_BRANCH, CONTROL_LOOP } control; /* run by exec, through its bodies */
    /* What else changes when the dimensions of its tensors (input 0, or all of a "many") stand in another order: */
    enum {
        PERMUTED_NOT,   /* it cannot be told; an op with a row: nothing, and it is all its inputs */
        PERMUTED_AXIS,  /* the number in attribute axis */
        PERMUTED_AXES,  /* those in attribute axes, all where it is absent */
        PERMUTED_FOLDS, /* those in attribute or input axes, which are gone then without keepdims */
        PERMUTED_PADS,  /* the order of input pads */
        PERMUTED_SPANS  /* input axes of starts and ends */
    } permuted;
    /* Over pictures [N][C][spatial...]: its first output by way of the same with channels last, built of channels_last_of (op/channels.h).
     * 0: there is no such way. */
    val (*channels_last)(build *b, const node *n);
    /* The same by way of channels in blocks, its outputs built of blocked_of (op/blocked.h). False: there is no such way. */
    bool (*channels_blocked)(build *b, const node *n, u32 block, val *outs);
    bool sums_channels;    /* worth bringing what it reads into the layout that suits the device */
    const char *bodies[2]; /* their attributes: then and else, or the loop's body */
    qn_status (*infer)(infer *c);
    qn_status (*expand)(build *b, const node *n);
    /* Not 0 for the sizes that the row with NEED_SIZES suits. While they are open, its launches and the next row's are both planned, and each
     * run takes those that suit its sizes. */
    sym (*when)(const lowering *l, const node *n, graph *g);
    const variant *variants;
    void (*gradient)(grads *c);
    qn_status (*host)(host_call *h);
    qn_status (*places)(lowering *l, const node *n); /* which inputs hold places, and how far they reach: lower_places */
    const struct ew_row *row;                        /* elementwise ops (op/elementwise.h) */
    sym (*flops)(lowering *l, const node *n);        /* multiply-adds x 2; NULL: not counted */
    const op_case *cases;
};
extern const op_def *const op_defs[OP_COUNT]; /* by op_id; [OP_NONE] is NULL; without .infer: left out of this build */
const op_def *op_of(const node *n);
op_id op_by_name(const char *domain, const char *name); /* domain "" is ai.onnx; OP_NONE: not in this build; hashed */
const char *op_elsewhere(const char *domain, const char *name); /* where it is that a core leaves out; NULL: nowhere */
const op_attr *op_attr_of(const op_def *d, const char *name);
static inline bool op_attr_is_dtype(const op_attr *a) { return a->kind == ATTR_INT && a->text; }
void op_fail(const node *n, qn_status code, const char *format, va_list args); /* fail() with "OP 'NAME': " in front */
#endif

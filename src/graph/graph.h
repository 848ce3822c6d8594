/* The graph: values and nodes in flat arrays, ids from 1, 0 is "none". Everything lives in the graph's arena.
 *
 *     value   a tensor: name, type, and who makes it: an input, a constant, or output k of a node
 *     node    an op with inputs, outputs, attributes; nodes stand in a list whose order is a valid order to run them
 *     sym     a size as an expression of named variables ("batch", "2*h + 1"), canonical, so that equal ids mean equal sizes
 *
 * Every value has a rank and a sym for each dimension; a size that only the data decide is a fresh variable, bound when its node ran.
 * Small integer tensors that are computed from sizes carry their elements as syms (`elems`): shape arithmetic never touches a device. */
#ifndef GRAPH_H
#define GRAPH_H

#include "base/base.h"

typedef u32 val;
typedef u32 nid;
typedef u32 sym; /* 0: not known (only before inference) */

/* known: rank and dims are set. of: what a sequence or optional holds (list.c), whose own rank is 1 and whose dims[0] says how many; of a
 * map, which is {keys, values}: its values, and key is the type of its keys. */
typedef struct type {
    qn_dtype dtype;
    u8 rank;
    bool known;
    sym dims[QN_MAX_RANK];
    const struct type *of;
    bool any_rank;
    qn_dtype key;
} type;

typedef enum attr_kind {
    ATTR_INT = 1,
    ATTR_FLOAT,
    ATTR_TEXT,
    ATTR_INTS,
    ATTR_FLOATS,
    ATTR_TEXTS,
    ATTR_TENSOR,
    ATTR_GRAPH,
    ATTR_TYPE
} attr_kind;
typedef struct graph graph;
/* Bodies (ATTR_GRAPH) are closed: what a body takes from outside is a trailing input of the node and of each of its bodies, in one
 * order, and the node's attribute NOTE_CAPTURES counts them. Every node with a body has it; constants are copied into the body instead. */
typedef struct attr {
    const char *name;
    attr_kind kind;
    u32 n; /* of a list */
    union {
        i64 i;
        f64 f;
        qn_bytes text;
        const i64 *ints;
        const f32 *floats;
        const qn_bytes *texts;
        const qn_tensor *tensor;
        graph *body;
        const type *type;
    };
} attr;

/* Where a constant's elements are while they are not in memory: a span of one of the model's files, read when they go to the device, and what
 * is done to them then: element i is multiplied by scale[outside_channel(o, i)], in f64, rounded once. */
typedef struct outside {
    const char *file; /* beside the model; NULL: the model's own */
    u64 at;
    u32 packed_bits; /* elements of so many bits, the first lowest in its byte, which become a byte each; 0: they are not packed */
    bool packed_signed;
    const f64 *scale; /* NULL: nothing is done */
    u64 channels, inner, group_elems, group_channels;
} outside;

typedef struct value {
    const char *name; /* unique among named values; NULL: unnamed */
    type type;
    nid maker;              /* 0: input or constant */
    u32 maker_out;          /* which output of it */
    u32 uses;               /* node inputs and graph outputs that name it */
    val forward;            /* replaced by this one (graph_replace); read through live() */
    const void *data;       /* a constant's elements, row-major, borrowed or in the arena; may be unaligned */
    const outside *outside; /* a constant whose elements are not in memory: data is NULL */
    const sym *elems;
    u32 n_elems;     /* known elements of an integer or bool tensor; NULL: not known */
    bool elems_read; /* elems are variables, bound by reading this tensor at run time */
    bool is_input, is_constant;
    bool inferred;     /* type is by inference, not only as a file declares it */
    bool asked;        /* the inference of the node that reads it wanted its elements */
    const type *items; /* of a list: the type of each element, where those are of several ranks and given; NULL: not known */
    u32 n_items;
    sym *open; /* [QN_MAX_RANK] of a Loop's state in its body: variables of sizes that change with the turn */
} value;

/* Must not be 0 when the node runs. says: what is wrong then, with '#' for the values of a and b in turn; NULL: the expression itself. */
typedef struct node_need {
    sym holds, a, b;
    const char *says;
    u16 op;           /* of a node that is gone, */
    const char *name; /* and its name */
} node_need;

typedef struct node {
    u16 op; /* enum op_id of op/op.h */
    bool dead;
    u32 n_in, n_out, n_attrs;
    val *in, *out; /* in: 0 is an absent optional input */
    attr *attrs;
    const char *name; /* from the file, or made from the op and its number */
    nid prev, next;   /* in running order */
    node_need *needs; /* what its inference took for granted (infer_need) */
    u32 n_needs, cap_needs;
    node_need *left; /* what nodes that are gone needed (graph_kill_for) */
    u32 n_left, cap_left;
    bool needs_lost; /* no memory for one */
} node;

struct graph {
    arena *mem;
    value *values;
    u32 n_values, cap_values; /* [1 .. n_values] */
    node *nodes;
    u32 n_nodes, cap_nodes; /* [1 .. n_nodes], dead ones included */
    nid first, last;
    u32 n_live;
    nid inferring; /* the node under inference; 0: none */
    nid stuck;     /* the node at which graph_check failed; 0: at none */
    bool is_body;  /* of a node of another graph */
    bool differs;  /* the node inferred last has sizes that surely differ where they must not */
    val *inputs;
    u32 n_inputs, cap_inputs;
    val *outputs;
    u32 n_outputs, cap_outputs;
    struct sym_pool *syms; /* shared by a graph and its bodies */
    struct {
        const char *key, *text;
    } *metadata;
    u32 n_metadata;
    const char *name;
};

/* ---- graph.c: making and changing. NULL or 0: no memory (fail() was called). */
graph *graph_make(arena *mem, const graph *outer); /* outer: whose syms to share, or NULL */
val graph_input(graph *g, const char *name, const type *t);
val graph_constant(graph *g, const char *name, const qn_tensor *t); /* data borrowed: must live as long as the graph */
val graph_outside(graph *g, const char *name, const qn_tensor *t, const outside *o); /* t without data; o in the arena */
val graph_constant_like(graph *g, const char *name, const graph *from, val v,
                        const qn_tensor *t); /* v's elements as t has them, or outside */
val graph_constant_copy(graph *g, const char *name, const qn_tensor *t);
/* An i64[n] of known sizes: neither input nor constant and without a maker; its elems are all there is. All numbers: a constant. */
val graph_sizes(graph *g, const char *name, const sym *elems, u32 n);
val graph_value(graph *g, const char *name); /* no type yet: an output of a node to come */
/* Append before `before` (0: at the end). in/out/attrs are copied (attr payloads are borrowed). out[i] 0 makes a fresh value. */
nid graph_node(graph *g, nid before, u16 op, const char *name, const val *in, u32 n_in, val *out, u32 n_out,
               const attr *attrs, u32 n_attrs);
qn_status graph_output(graph *g, val v);
void graph_replace(graph *g, val old, val by); /* all uses of old now mean `by` (also graph outputs) */
void graph_kill(graph *g, nid n);              /* take a node out of the list, drop its uses */
/* The same for a node that others take the place of: what it needed is checked when `heir` runs, in its name. */
void graph_kill_for(graph *g, nid n, nid heir);
nid graph_first_since(const graph *g, u32 n_nodes,
                      nid before); /* of the nodes made since there were n_nodes, in front of `before`; or that */
val live(const graph *g, val v);   /* v after all replacements; 0 stays 0 */
void graph_set_in(graph *g, nid n, u32 i, val v); /* change one input, keeping uses right */
val graph_find(const graph *g, const char *name); /* linear; 0: no such value */

/* reading */
/* Sizes that stand in for a tensor (graph_sizes). */
static inline bool value_is_sizes(const value *v)
{
    return v->elems && !v->elems_read && !v->is_input && !v->is_constant && !v->maker;
}
static inline bool node_has_body(const node *n)
{
    for (u32 i = 0; i < n->n_attrs; i++)
        if (n->attrs[i].kind == ATTR_GRAPH) return true;
    return false;
}
static inline node *node_at(const graph *g, nid n) { return &g->nodes[n]; }
static inline value *value_at(const graph *g, val v) { return &g->values[v]; }
u64 graph_body_nodes(const node *n);               /* in all its bodies, and in theirs */
val node_in(const graph *g, const node *n, u32 i); /* live; 0 when absent or past the end */
#define FOR_NODES(g, n) for (nid n = (g)->first, n##_next; n && (n##_next = (g)->nodes[n].next, true); n = n##_next)
const attr *attr_find(const node *n, const char *name); /* NULL: absent */
i64 attr_int(const node *n, const char *name, i64 otherwise);
f64 attr_float(const node *n, const char *name, f64 otherwise);
const char *attr_text(const graph *g, const node *n, const char *name, const char *otherwise); /* NUL-terminated */
u32 attr_ints(const node *n, const char *name, const i64 **out);                               /* how many; 0 when absent */
attr attr_of_int(const char *name, i64 v);
attr attr_of_float(const char *name, f64 v);
attr attr_of_text(const char *name, const char *text);              /* borrowed */
attr attr_of_ints(graph *g, const char *name, const i64 *v, u32 n); /* copied */
bool is_constant(const graph *g, val v);                            /* and its elements are in memory */
bool is_weight(const graph *g, val v);                              /* a constant, its elements in memory or outside */
const outside *outside_of(const graph *g, val v);                   /* NULL: in memory, or no constant */
qn_tensor constant_tensor(const graph *g, val v);                   /* of a constant: dims are numbers; data NULL: outside */
u64 outside_channel(const outside *o, u64 i);
/* n elements, one a byte, from their packed form. */
void outside_unpack(const outside *o, const u8 *from, u8 *to, u64 n);
/* What is to be done to n elements of it, from the from-th on, that have been read and unpacked. */
void outside_apply(const outside *o, qn_dtype d, void *data, u64 from, u64 n);
/* The elements of an integer/bool value where they are known (elems, or a constant of at most 1024 elements): count, or -1. */
i64 value_elems(graph *g, val v, const sym **out);
void value_ask(const graph *g, val v);              /* floats, which have no elems: they were wanted */
bool constant_f64(const graph *g, val v, f64 *out); /* v is a constant with all elements equal to *out */

/* ---- list.c: types of sequences, optionals and maps. What an element's type leaves open, elements may differ in: a size 0; the rank where
 * any_rank is set, or where neither that nor known is: there is no element yet, so any type of that dtype may join. */
type list_type(graph *g, qn_dtype kind, sym n, const type *element); /* open sizes of element become 0; of NULL: no memory */
type map_type(graph *g, qn_dtype key, qn_dtype of);                  /* of: NULL: no memory */
/* A type for all elements of both; false: their dtypes differ. out->dtype QN_NONE: no memory. */
bool list_meet(graph *g, const type *a, const type *b, type *out);
/* What an element taken out is: sizes that are open become variables. Not known where its rank is open. */
type list_element(graph *g, const type *list);
bool list_same(const type *a, const type *b); /* what two lists hold is said alike */
/* Is t, of the kind of `list`, of that type with all that it holds? what: of the value. QN_E_DTYPE, QN_E_SHAPE, QN_E_USAGE. */
qn_status list_check(const graph *g, const type *list, const qn_tensor *t, const char *what);
type list_of_tensor(graph *g, const qn_tensor *t); /* the type that t has, with all that it holds */

/* ---- sym.c: sizes. Canonical sums of products: commutative, distributed, exact; division and the rest are atoms where they do not
 * cancel. All arguments may be 0 (not known), the answer then is 0. Overflow of 64 bits gives 0 as well. */
struct sym_pool *sym_pool_make(arena *mem);
sym sym_number(graph *g, i64 v);
sym sym_variable(graph *g, const char *name);     /* the same name gives the same sym */
sym sym_fresh(graph *g, const char *stem);        /* a new variable: "stem", "stem.1", ... */
sym sym_fresh_signed(graph *g, const char *stem); /* the same for a number that may be negative */
sym sym_add(graph *g, sym a, sym b);
sym sym_sub(graph *g, sym a, sym b);
sym sym_mul(graph *g, sym a, sym b);
sym sym_div(graph *g, sym a, sym b); /* floor */
sym sym_ceil_div(graph *g, sym a, sym b);
sym sym_mod(graph *g, sym a, sym b); /* sign of b (floor) */
sym sym_min(graph *g, sym a, sym b);
sym sym_max(graph *g, sym a, sym b);
sym sym_compare(graph *g, char op, sym a, sym b); /* '<' '=' : 1 or 0; an atom where not decided */
sym sym_select(graph *g, sym c, sym a, sym b);
bool sym_is_number(const graph *g, sym s, i64 *out);
bool sym_is(const graph *g, sym s, i64 v);
/* Surely equal / surely different; neither when it depends on the variables (variables of sizes are >= 0). */
bool sym_same(const graph *g, sym a, sym b);
bool sym_differ(const graph *g, sym a, sym b);
u32 sym_variable_count(const graph *g); /* variables are numbered from 0 */
const char *sym_variable_name(const graph *g, u32 i);
u32 sym_variable_index(const graph *g, sym s); /* UINT32_MAX: not a plain variable */
typedef struct sym_at {
    i64 is;
    bool bound;
} sym_at; /* what a variable is, if it is known */
/* Evaluate with variables as at[i] says: false when an unbound one is needed, a division by zero or overflow. */
bool sym_eval(const graph *g, sym s, const sym_at *at, i64 *out);
bool sym_uses_unbound(const graph *g, sym s, const sym_at *at);
void sym_bind_variables(const graph *g, sym s, sym_at *at); /* marks those in s as bound */
u32 sym_count(const graph *g);                              /* every sym so far is below it */
u32 sym_newest_variable(const graph *g, sym s);             /* the highest number of a variable in s plus one; 0: none */
qn_status sym_status(const graph *g);                       /* QN_E_NOMEM when any answer was 0 for want of memory */
void sym_lost(graph *g);                                    /* ... or a list of answers was */
void sym_print(const graph *g, sym s, str *out);            /* "2*h + 1" */
sym sym_parse(graph *g, const char **text);                 /* the same form; 0 and fail() when it is not one */
sym type_elems(graph *g, const type *t);                    /* product of the dimensions */
type type_of(graph *g, qn_dtype d, u32 rank, const i64 *dims);
/* A variable turns out to be an expression: nobody need bind it any more, once sizes that name it are taken as sym_settled gives them.
 * False: it must be bound as before, for a trial is under way, or the expression names the variable or is too long. */
bool sym_settle(graph *g, sym variable, sym is);
bool sym_settle_all(graph *g, const sym *variables, const sym *are, u32 n); /* or none of them */
bool sym_is_read(const graph *g, sym s); /* there is an element in it that only a run tells, of any sign */
sym sym_settled(graph *g, sym s);        /* s without variables that are settled; 0: too long an expression */
u32 sym_settled_count(const graph *g);   /* how many variables are */
bool sym_mentions(const graph *g, sym s, sym variable);
/* From where it begins until it ends what is inferred may be taken back: nothing is settled. */
void sym_trial(graph *g, bool begins);

/* ---- copy.c: as it was read, with sizes that are no numbers open. 0 and NULL: fail() was called. */
typedef struct graph_copy {
    const graph *from;
    graph *to;
    val *at;    /* [from->n_values + 1]: what a value of `from` is in `to`; 0: nothing yet */
    bool named; /* values keep their names */
} graph_copy;
nid graph_copy_node(graph_copy *c, nid before, nid n); /* what it reads is there, or a constant */
val graph_copied(graph_copy *c, val v);
val graph_copy_input(graph_copy *c, val v, const char *name); /* v becomes an input */
graph *graph_copy_all(arena *mem, const graph *outer, const graph *from);

/* ---- text.c: the same graph as text, one node a line:
 *     in x: f32[batch,3,224,224]
 *     const w: f32[2,2] = {1, 2, 3, 4}            (numbers; large ones print as  = #123456  bytes hash and do not parse)
 *     a = Conv(x, w, pads=[1,1,1,1], kernel_shape=[3,3]) : f32[batch,8,224,224]
 *     b, c = Split(a, axis=1)
 *     sizes s: i64[2] = {batch, 2*h}              (graph_sizes)
 *     y = If(c, b, then_branch={in b: f32[2]; out b}, else_branch={...}, captures=1)
 *     in l: sequence[n] of map[2] of string to f32[?]
 *     out b, c                                    ("out y = b" where y was replaced by b)
 * The part after " : " is printed when known and checked when parsed. Absent inputs are `_`. ';' ends a line too. */
qn_status graph_print(const graph *g, str *out);
qn_status graph_parse(graph *g, const char *text); /* into an empty graph; then graph_check */

/* ---- check.c */
/* Check every node against its op's record and infer all types (and elems): after reading, and after each pass. */
qn_status graph_check(graph *g);
qn_status graph_check_source(graph *g, val v); /* an input */
qn_status graph_infer_node(graph *g, nid n);   /* one new node: its inputs have types */
qn_status graph_verify(const graph *g);        /* the links: order, uses, makers; QN_E_BUG */
qn_status graph_sweep(graph *g, u32 *removed); /* kill nodes whose outputs nobody uses, nor sizes name elements of */
#endif

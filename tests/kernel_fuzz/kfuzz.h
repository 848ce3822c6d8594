/* Random well-typed kernels, and what every way of running them answers.
 *
 *     choices --kfuzz_case--> text of one kernel --kfuzz_file--> a file of several --ways--> answers, compared with the interpreter's
 *
 * A kernel is a pure function of its choices, a list of numbers where 0 stands for the simplest and a list too short goes on with 0. So
 * every list is a correct kernel, and a smaller one is had by taking numbers away (kfuzz_compare.c).
 *
 * Correct by construction: no division by zero, no index outside, no value read before it is set, no race. Each float carries its range and
 * a bound of the error that correct targets may differ by; floats that decide something (compared, cast, floored) are exact, on a grid. */
#ifndef KFUZZ_H
#define KFUZZ_H

#include "base/base.h"
#include "kc/tree.h"

enum {
    KFUZZ_ELEMS = 64,
    KFUZZ_SPECIAL = 48,
    KFUZZ_GRID_NONE = -1000,
    KFUZZ_MAX_CHOICES = 1500,
    KFUZZ_MAX_CASES = 64,
    KFUZZ_BATCH = 16, /* kernels that share a shape */
    KFUZZ_GROUPS = 3
};

typedef struct choices {
    u16 items[KFUZZ_MAX_CHOICES];
    u32 n, at;
} choices;
void choices_random(choices *c, u64 seed, u32 n);

/* What all kernels of one file share. */
typedef struct kfuzz_shape {
    kc_form form;
    kc_type result;   /* of a MAP; of the OUT buffer y of a KERNEL */
    kc_scalar narrow; /* of the buffer d */
    u32 group;
    bool wide_ints; /* i64 and u64 inside */
    bool plain;     /* what the block machine takes: no loops, vectors, tables or arrays of its own */
    bool small;     /* a quarter of the nodes, every construct still: for drivers that take seconds to compile a kernel */
    bool total;     /* division by anything, plain shifts by anything, casts out of range: what the interpreter refuses */
    bool special;   /* a buffer e of NaN, infinities, zeros of both signs, powers of two, and denormals at its end */
    bool doubles;   /* T=f64 is defined: f32 means f64 in the whole file */
    bool generic;   /* T is defined as the narrow type, and stands for it */
    u32 variant;    /* VARIANT, for what the text asks with #if */
    enum { CONSTANT_NONE, CONSTANT_GIVEN, CONSTANT_BAKED } constant; /* CONST(u32) m: an argument, or a define */
} kfuzz_shape;
kfuzz_shape kfuzz_shape_of(u64 seed);
kc_scalar kfuzz_stored(const kfuzz_shape *shape, kc_scalar s);                /* what a buffer of that type holds */
u32 kfuzz_defines(const kfuzz_shape *shape, qn_define out[3], char text[64]); /* both forms; text: sorted by name */

typedef struct kfuzz_case {
    u32 index;                    /* in its names */
    const char *functions, *body; /* text */
    f64 err, err_z;               /* of the result, absolute; of z */
} kfuzz_case;
qn_status kfuzz_case_make(arena *mem, const kfuzz_shape *shape, const choices *from, u32 index, kfuzz_case *out);
qn_status kfuzz_file(const kfuzz_shape *shape, const kfuzz_case *cases, u32 n,
                     str *out); /* a parameter `which` picks the case */

/* The same inputs for every kernel of a shape. */
typedef struct kfuzz_inputs {
    f64 a[KFUZZ_ELEMS]; /* f32 or f64, densely */
    i32 b[KFUZZ_ELEMS];
    u32 c[KFUZZ_ELEMS];
    u64 d[KFUZZ_ELEMS]; /* bytes of the narrow type, densely */
    f64 e[KFUZZ_ELEMS]; /* as a: KFUZZ_SPECIAL special values, then denormals */
    u32 n, m;
    i32 p;
    f32 q;
} kfuzz_inputs;
void kfuzz_inputs_of(const kfuzz_shape *shape, kfuzz_inputs *out);
u32 kfuzz_count(const kfuzz_shape *shape);        /* elements or groups of a launch */
u32 kfuzz_result_elems(const kfuzz_shape *shape); /* scalars in the result */

/* ------------------------------------------------------------------ inside the generator */
typedef struct
    facts { /* of a float: its range, how far two correct answers may be apart, 2^-grid divides it (exact: err 0) */
    f64 lo, hi, err;
    i32 grid;
} facts;

typedef struct kvalue {
    kc_type type;
    facts f;
    const char *text;
} kvalue;

typedef struct kvar {
    const char *name;
    kc_type type;
    facts f; /* of a variable that may be assigned: what must always hold */
    bool assignable;
    bool uniform; /* the group agrees on it */
    u32 elems;    /* of an array; 0: one value */
    enum { ARRAY_PLAIN, ARRAY_SHARED, ARRAY_PER_ITEM } kind;
    enum { MAY_ALL, MAY_READ, MAY_OWN, MAY_ATOMIC, MAY_NOTHING } may; /* of SHARED, in this phase */
} kvar;

typedef struct kfunction {
    const char *name;
    kc_scalar result, params[3];
    u32 n_params;
    facts f;
} kfunction;

typedef struct gen {
    arena *mem;
    const kfuzz_shape *shape;
    choices in;
    u32 index, names;
    str *out; /* where statements go */
    u32 indent;
    kvar vars[96];
    u32 n_vars;
    kfunction functions[4];
    u32 n_functions;
    u32 turns; /* of the loops around, multiplied */
    u32 loops; /* around, inside this item or function */
    bool uniform, no_continue, in_function, may_return;
    kc_type returns;
    facts *returned;
    const char *item; /* the t of the phase, or NULL */
    f64 err, err_z;
    f64 unit;   /* half a unit in the last place of 1 */
    u32 budget; /* nodes left */
    bool bad;
} gen;

u32 pick(gen *g, u32 n);         /* 0 .. n - 1; 0 is the simplest */
bool rarely(gen *g, u32 one_in); /* 0: no */
const char *say(gen *g, const char *format, ...) PRINTF_LIKE(2, 3);
void line(gen *g, const char *format, ...) PRINTF_LIKE(2, 3);
const char *new_name(gen *g, const char *head);
kvar *add_var(gen *g, kvar v);
const kvar *pick_var(gen *g, kc_type type, bool assignable); /* NULL: none is in scope */
const char *type_text(kc_type t);
static inline kc_type scalar_type(kc_scalar s) { return (kc_type){ (u8)s, 1 }; }

/* kfuzz_case.c: nodes that this part may have, `full` in a kernel of full size */
u32 share_of(const gen *g, u32 full);
/* kfuzz_values.c: text of exactly this type */
const char *int_expr(gen *g, kc_scalar s, u32 depth);
const char *bool_expr(gen *g, u32 depth);
const char *index_expr(gen *g, u32 n, u32 depth); /* below n */
kvalue vector_expr(gen *g, kc_type t, u32 depth);
kvalue any_expr(gen *g, kc_type t, u32 depth); /* scalar or vector; floats may be inexact */
/* kfuzz_floats.c */
typedef struct float_bound { /* a builtin on [lo, hi]: its values, its slope at most, how far any target may be off */
    const char *name;
    f64 lo, hi, from, to, slope, ulps;
} float_bound;
kvalue exact_expr(gen *g, u32 depth);
kvalue float_expr(gen *g, u32 depth);
kvalue float_within(gen *g, f64 most, f64 err, u32 depth); /* |v| <= most, error at most err */
facts facts_join(facts a, facts b);
facts facts_loose(f64 most, f64 err);
kvalue float_binary_of(gen *g, char op, kvalue a, kvalue b);
/* kfuzz_special.c: what may be asked of NaN, infinities and both zeros. Of kernels with `special` only, outside functions */
const char *special_bool(gen *g);
const char *special_int(gen *g, kc_scalar s);
kvalue special_float(gen *g);
void special_functions(str *out);
const float_bound *float_bound_at(u32 i); /* NULL past the end */
/* kfuzz_statements.c */
void statements(gen *g, u32 n, u32 depth);
void function_make(gen *g);
void give_all(gen *g);                                         /* the last return */
const char *with_all_ints(gen *g, kc_scalar s, const char *e); /* e, and every whole variable in scope */
kvalue with_some_floats(gen *g, kvalue e);
/* kfuzz_group.c */
void group_body(gen *g);

#endif

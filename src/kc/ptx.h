/* Printing PTX: what its files share. Private to src/kc.
 *
 * Every value is in virtual registers, one a lane, written as operands ("%r12", "0f3F800000"); the driver's assembler does allocation,
 * scheduling and the merging of equal work. Predicates hold bool, .b16 holds the bits of f16 and bf16, narrow integers are .b32. */
#ifndef KC_PTX_H
#define KC_PTX_H

#include "kc/print.h"

typedef enum ptx_class { PTX_P, PTX_H, PTX_R, PTX_RD, PTX_F, PTX_FD, PTX_CLASSES } ptx_class;

typedef struct ptx_value {
    const char *lane[KC_MAX_WIDTH];
} ptx_value;

/* Where a variable is. */
typedef struct ptx_place {
    const char **regs;        /* [elements][lanes]; NULL: in memory */
    const char *base;         /* memory: a 64-bit register, or the name of a table */
    const char *name;         /* of a local array in memory */
    u32 at;                   /* SHARED: bytes from the start of group memory */
    const kc_expr *values[2]; /* what is assigned to it, as far as there is room */
    u32 n_values;
    bool visiting;
    bool read_since, written_since; /* by a phase, since the last barrier */
    bool indexed;                   /* an array with an index that is not a constant: it must lie in memory */
} ptx_place;

typedef struct ptx_loop {
    const char *leave, *again; /* labels */
} ptx_loop;

typedef struct ptx_math { /* a function of float_math.h, as the tree of a MAP of scalars */
    u64 key;
    const kc_module *m;
    const kc_entry *e;
} ptx_math;

typedef struct ptx {
    const kc_module *m; /* of what is being printed: the kernel, or a function of float_math.h inside it */
    const kc_entry *e;
    ptx_place *vars;     /* by slot */
    ptx_place *tables;   /* by slot of kc_module.tables */
    const char **result; /* where `return` puts its lanes; NULL: a MAP's own, which goes to memory */
    const char *done;    /* label after the last statement */
    const char *guard;   /* loads and stores happen where this predicate holds; NULL: always */
    const kc_var *item;  /* of the phase being printed */
    bool pending;        /* a phase has ended and its barrier is still to come */
    bool dirty;          /* group code has read what items write since the last barrier */
    ptx_loop loop;       /* innermost */
    u32 line;            /* last line named in a comment */
    arena *scratch;
    str *out, globals; /* body; what stands before the kernel */
    u32 next[PTX_CLASSES];
    u32 next_label, next_global, depth, math_depth;
    u32 shared_bytes;
    u32 needs;          /* lowest sm_ number */
    const char *output; /* MAP: base of its output */
    const char *first;  /* element or group */
    ptx_math *math;
    u32 n_math, cap_math;
    qn_status status; /* of a refusal, or of memory */
} ptx;

/* ptx.c */
void ptx_line(ptx *p, const char *format, ...) PRINTF_LIKE(2, 3); /* one instruction, without its ';' */
const char *ptx_text(ptx *p, const char *format, ...) PRINTF_LIKE(2, 3);
void ptx_refuse(ptx *p, kc_pos pos, const char *format, ...) PRINTF_LIKE(3, 4);
const char *ptx_reg(ptx *p, ptx_class c); /* a new register */
const char *ptx_label(ptx *p);
void ptx_put_label(ptx *p, const char *label);
const char **ptx_regs(ptx *p, kc_type t, u32 elems); /* new registers for elems values of t */
ptx_class ptx_class_of(kc_scalar s);
const char *ptx_type(kc_scalar s); /* of arithmetic: "s32" */
const char *ptx_bits(ptx_class c); /* of moves: "b32" */
void ptx_move(ptx *p, ptx_class c, const char *to, const char *from);
ptx_place *ptx_place_of(ptx *p, const kc_var *v);

/* ptx_flow.c */
void ptx_body(ptx *p, const kc_stmt *s);
void ptx_barrier(ptx *p);                    /* between what touched `v` since the last one and what follows */
void ptx_note_read(ptx *p, const kc_var *v); /* group memory, outside of phases, by every item */
void ptx_find_indexed(ptx *p);               /* which arrays need memory; before ptx_body */

/* ptx_expression.c */
ptx_value ptx_eval(ptx *p, const kc_expr *e);
const char *ptx_one(ptx *p, const kc_expr *e); /* of a single lane */
const char *ptx_const(ptx *p, kc_scalar s, i64 i, f64 f);
const char *ptx_held(ptx *p, kc_scalar s, const char *operand); /* in a register, where an instruction takes no constant */
const char *ptx_convert(ptx *p, kc_scalar to, kc_scalar from, const char *x);
const char *ptx_op2(ptx *p, ptx_class c, const char *op, const char *a, const char *b);
const char *ptx_op1(ptx *p, ptx_class c, const char *op, const char *a);
const char *ptx_compare(ptx *p, const char *op, kc_scalar s, const char *a, const char *b);
const char *ptx_binary(ptx *p, kc_op op, kc_scalar s, const char *a, const char *b, bool plain_divisor);
const char *ptx_pick(ptx *p, kc_scalar s, const char *c, const char *a, const char *b); /* c ? a : b */

/* ptx_memory.c */
ptx_value ptx_load(ptx *p, const kc_expr *elem);
void ptx_store(ptx *p, const kc_expr *elem, u32 lane, bool one_lane, const ptx_value *v);
ptx_value ptx_load_many(ptx *p, const kc_expr *array, const kc_expr *index, kc_type t, const char *count);
void ptx_store_many(ptx *p, const kc_expr *array, const kc_expr *index, kc_type t, const ptx_value *v, const char *count);
/* "[...]" of element `index` of an array, and its state space. */
const char *ptx_address(ptx *p, const kc_expr *array, const kc_expr *index, const char **space);
void ptx_store_result(ptx *p, const ptx_value *v);
void ptx_zero_array(ptx *p, const kc_var *v);
bool ptx_constant_index(const kc_expr *e, u32 *out);

/* ptx_call.c */
ptx_value ptx_call(ptx *p, const kc_expr *e);
u32 ptx_call_cost(const kc_expr *e);
/* min: a where it is less or NaN, else b; max likewise. */
const char *ptx_extreme(ptx *p, bool is_min, kc_scalar s, const char *a, const char *b);

/* ptx_subgroup.c */
bool ptx_subgroup(ptx *p, const kc_stmt *s); /* a subgroup_... by instructions; false: as its phases */

#endif

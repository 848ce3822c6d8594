/* The typed tree of a kernel file: what the front end makes, what printers, interpreter and block machine read.
 *
 * After kc_compile the tree is small and says everything:
 * - Every conversion is a node (K_CAST, K_TO, K_SPLAT); both operands of a binary op have the same type (shift counts are u32).
 * - mma_... stands outside ITEMS, and its three K_ARRAYs are PER_ITEMS of every item.
 * - subgroup_... stands outside ITEMS: an S_EXPR whose value names a PER_ITEM and constants, and whose body says the same in phases (inline_subgroup.c).
 * - Comparisons, !, && and || give bool; conditions are bool. Arithmetic is on i32 i64 u32 u64 f32 f64 and their vectors only.
 * - clamp is min(max()); functions are inlined, macros gone, CONST values baked, `a += b` is `a = a + b`, `load(x, i)` is a K_ELEM in casts, `store` an S_ASSIGN,
 *   `x++` an assignment; for, while and do are one S_LOOP; `shl(a, n)` is a << (n & 31). Only statements write, beside atomics,
 *   store4, storew and storew_part.
 * - f16 and bf16 values only move (K_ELEM, K_VAR, K_COND) and convert (K_CAST from, K_TO into). Where the defines say T=f64 no f32 is left
 *   but what as_u32 and as_f32 touch.
 * Nodes live in the module's arena and may be shared between places: never change one in place. */
#ifndef KC_TREE_H
#define KC_TREE_H

#include "kc/kc.h"

typedef struct kc_pos {
    u32 file, line, col;
} kc_pos; /* from 1; line 0: no place */

enum {
    KC_WIDE = 0xff,
    KC_MAX_WIDTH = 16,
    KC_MAX_ARGS = 4,
    KC_UNROLL_ALL = 0x7fffffff,
    KC_MAX_BUFFERS = 12,
    KC_MAX_WORDS = 64
};

/* ------------------------------------------------------------------ types */
bool kc_type_same(kc_type a, kc_type b);
bool kc_is_float(kc_scalar s);           /* f16 bf16 f32 f64 */
bool kc_is_signed(kc_scalar s);          /* i8 .. i64 */
bool kc_is_integer(kc_scalar s);         /* without bool */
u32 kc_scalar_bytes(kc_scalar s);        /* in buffers; bool 1, void 0 */
const char *kc_scalar_name(kc_scalar s); /* "f32" */
const char *kc_type_name(kc_type t);     /* "f32x4", "f32w"; static */

/* ------------------------------------------------------------------ variables */
typedef enum kc_storage {
    KC_V_FIRST,    /* the element (MAP) or group (KERNEL), u32 */
    KC_V_BUFFER,   /* a parameter in device memory; dims 1, n[0] unknown (0) */
    KC_V_SCALAR,   /* a launch parameter; also a CONST that is not baked */
    KC_V_UNIFORM,  /* local of a KERNEL outside ITEMS: one per group */
    KC_V_ITEM,     /* local inside ITEMS, or of a MAP: one per item */
    KC_V_INDEX,    /* the t of ITEMS(t), u32, 0 .. group-1; never assigned */
    KC_V_SHARED,   /* group memory; dims 1 or 2 */
    KC_V_PER_ITEM, /* alive across phases: dims 0, or 1 for PER_ITEMS. Its index [t] is checked and not in the tree */
    KC_V_TABLE     /* constants of the file: values[n[0]], read only */
} kc_storage;

typedef struct kc_expr kc_expr;
typedef struct kc_stmt kc_stmt;

typedef struct kc_var {
    const char *name; /* as written; not unique: inlining and scopes repeat names */
    kc_type type;     /* of the variable, or of one element */
    u8 storage;       /* kc_storage */
    u8 role;          /* buffers: KC_IN, KC_OUT, KC_INOUT */
    u8 dims;
    u32 n[2]; /* arrays: a[n[0]] or a[n[0]][n[1]], row-major; dims 0: one value */
    u32 slot; /* index in kc_entry.vars */
    u32 at;   /* KC_V_BUFFER: among the buffers; KC_V_SCALAR: the first word */
    kc_pos pos;
    bool is_const;                /* declared const: assigned at its declaration only */
    bool read, written;           /* effects: by any statement of the kernel (atomics: both) */
    bool of_floats;               /* effects: a bool that floats are compared for */
    const kc_expr *const *values; /* KC_V_TABLE: K_CONST nodes of `type` */
} kc_var;

/* ------------------------------------------------------------------ expressions */
/*          name      symbol precedence (C's, larger binds tighter) */
/* clang-format off */
#define KC_BINARY_OPS(X) \
    X(K_MUL,    "*",   12) X(K_DIV,   "/",   12) X(K_REM,   "%",  12) X(K_ADD,   "+",  11) X(K_SUB, "-", 11)            \
    X(K_SHL,    "<<",  10) X(K_SHR,   ">>",  10) X(K_LT,    "<",   9) X(K_LE,    "<=",  9) X(K_GT,  ">",  9) X(K_GE, ">=", 9) \
    X(K_EQ,     "==",   8) X(K_NE,    "!=",   8) X(K_AND,   "&",   7) X(K_XOR,   "^",   6) X(K_OR,  "|",  5)            \
    X(K_LOGAND, "&&",   4) X(K_LOGOR, "||",   3)
/* clang-format on */

typedef enum kc_op {
/* clang-format off */
#define X(name, symbol, precedence) name,
    KC_BINARY_OPS(X)
#undef X
    K_BINARY_COUNT,
    /* clang-format on */
    K_CONST, /* value */
    K_VAR,   /* var: a scalar or vector */
    K_ELEM,  /* var[a[0]], var[a[0]][a[1]]; indices i32 or u32 */
    K_ARRAY, /* var, or its row a[0] (dims 2): only as an argument of K_CALL */
    K_LANE,  /* a[0].lane: one lane of a vector */
    K_NEG,
    K_NOT,
    K_BITNOT, /* -a, !a (bool), ~a */
    K_COND,   /* a[0] ? a[1] : a[2]: only one side is evaluated */
    K_CAST, /* C's conversion: integers wrap; to bool: != 0; f16, bf16 only widen; float to integer out of range is an error */
    K_TO, /* TO() from f32 or f64 to an integer (saturating, NaN to 0) or to f16, bf16 (to nearest even). All else: K_CAST */
    K_SPLAT, /* scalar a[0] in every lane of `type` */
    K_MAKE,  /* vector of a[0] .. a[lanes-1] */
    K_CALL,  /* call(a[0] .. a[n_args-1]) */
    K_USER   /* a function of the file; none is left after kc_compile */
} kc_op;

typedef enum kc_builtin {
#define BUILTIN(name, args, signature, c, opencl) KC_B_##name,
#include "kc/builtins.def"
#undef BUILTIN
    KC_B_COUNT
} kc_builtin;
const char *kc_builtin_name(kc_builtin b); /* as in the language */
bool kc_builtin_is_atomic(kc_builtin b);
bool kc_builtin_is_mma(kc_builtin b);
bool kc_builtin_is_subgroup(kc_builtin b);
bool kc_builtin_writes(kc_builtin b); /* atomics, store4, storew, storew_part, mma, subgroup_...: a[0] is the K_ARRAY */
/* An mma: the size of its matrices, sums[16 * rows][8 * cols] += left[16 * rows][] * right[][8 * cols]. */
typedef struct kc_tiles {
    u32 rows, cols;
} kc_tiles;

struct kc_expr {
    u8 op;        /* kc_op */
    u8 call;      /* K_CALL: kc_builtin */
    u8 n_args;    /* operands in a[] */
    u8 lane;      /* K_LANE */
    u16 depth;    /* of the tree below, at least 1 */
    bool calls;   /* front end: a K_USER is below */
    kc_type type; /* K_ARRAY: of an element; void for store4, storew... */
    kc_pos pos;
    union {
        i64 i;
        f64 f;
    } value; /* K_CONST: f for floats; i sign- or zero-extended, bool 0 or 1 */
    kc_var *var;
    const kc_expr *a[KC_MAX_ARGS];
};

/* ------------------------------------------------------------------ statements; lists are linked by next, NULL is empty */
typedef enum kc_stmt_op {
    S_DECL,   /* var, value or NULL (uninitialised); zeroed: an array set to 0. SHARED and PER_ITEM never have a value */
    S_ASSIGN, /* target = value; target: K_VAR, K_ELEM, or K_LANE of these */
    S_EXPR, /* value for its effect: an atomic, store4, storew, storew_part, mma; subgroup_..., and its body does the same */
    S_IF,   /* value ? body : other */
    S_LOOP, /* init; while (value) { body; step }. value NULL: for ever. test_last: do { body } while (value). continue: to step */
    S_ITEMS,  /* a phase: body for each var = 0 .. group-1, then a barrier */
    S_RETURN, /* value: the result of a MAP; NULL: this group is done */
    S_BREAK,
    S_CONTINUE, /* of the innermost S_LOOP */
    S_BLOCK     /* body, with its own scope */
} kc_stmt_op;

struct kc_stmt {
    u8 op;          /* kc_stmt_op */
    bool test_last; /* S_LOOP */
    bool zeroed;    /* S_DECL of an array */
    u32 unroll;     /* S_LOOP: wanted turns a pass, KC_UNROLL_ALL, or 0: as it is */
    kc_pos pos;
    kc_var *var;
    const kc_expr *target, *value;
    const kc_stmt *init, *step, *body, *other;
    const kc_stmt *next;
};

/* ------------------------------------------------------------------ effects: every touch of a buffer, in source order */
typedef enum kc_index_form {
    KC_INDEX_FIRST,   /* the element (MAP) or group itself */
    KC_INDEX_AFFINE,  /* scale * first + offset, both K_ trees of constants and launch parameters */
    KC_INDEX_UNIFORM, /* no element in it: constants and launch parameters only */
    KC_INDEX_ANY
} kc_index_form;
typedef struct kc_access {
    const kc_var *var;    /* KC_V_BUFFER */
    const kc_expr *index; /* NULL: a whole row was lent */
    kc_index_form form;
    const kc_expr *scale, *offset; /* KC_INDEX_AFFINE; offset NULL: 0 */
    u32 elems;                     /* touched from there: 1, 4 (load4), WIDTH (loadw) */
    bool reads, writes, atomic;
    kc_pos pos;
} kc_access;

/* Outside ITEMS: does the statement itself (or any of a list, with what they hold) read what items write? Then a phase after it must wait
 * until every item has read. */
bool effects_reads_group(const kc_stmt *s);
bool effects_list_reads_group(const kc_stmt *s);
bool effects_is_uniform(const kc_expr *e); /* made of constants and launch parameters only */
bool effects_has_items(const kc_stmt *s);  /* of a list: is there a phase in it? */

/* ------------------------------------------------------------------ the module */
typedef struct kc_entry {
    kc_kernel kernel; /* first: a kc_kernel of a module is a kc_entry */
    kc_pos pos;
    u32 n_vars;
    kc_var **vars; /* every variable, by slot */
    kc_var *first; /* KC_V_FIRST */
    u32 n_buffers;
    kc_var *buffers[KC_MAX_BUFFERS]; /* without the output of a MAP */
    u32 n_words;                     /* scalar words */
    const kc_stmt *body;
    u32 n_accesses;
    const kc_access *accesses;
    bool item_dependent_loops; /* a loop whose condition or exit needs the element (MAP) or item */
} kc_entry;

typedef struct kc_file {
    const char *name, *text;
    size_t n;
} kc_file; /* text as read, for messages */

struct kc_module {
    arena *arena;
    u32 width; /* lanes of f32w in this module */
    bool simplified;
    u32 n_files;
    kc_file *files; /* files[pos.file - 1] */
    u32 n_entries;
    kc_entry **entries;
    u32 n_tables;
    kc_var **tables; /* KC_V_TABLE */
};

const kc_entry *kc_entry_of(const kc_kernel *k);
kc_tiles kc_tiles_of(const kc_expr *mma);
/* Lanes of a type in this module: 1, 2, 4 or the width. */
u32 kc_lanes(const kc_module *m, kc_type t);
/* C leaves it undefined for some operands, the language does not (docs/kernel-language.md, Types): an integer / or %, a shift, a cast of
 * a float to an integer. Constants that are harmless need no guard. A printer guards what its target does not define alike. */
bool kc_needs_guard(const kc_expr *e);
/* effects.c: is this bool, or a variable in it, what < <= > >= say of floats? */
bool kc_of_floats(const kc_expr *e);
bool kc_breaks(const kc_stmt *body); /* of an S_LOOP: may a break leave it? */
/* fail() with "file:line:col: sentence", the source line and a caret under the place. */
qn_status kc_fail_at(const kc_module *m, qn_status code, kc_pos pos, const char *format, ...) PRINTF_LIKE(4, 5);

#endif

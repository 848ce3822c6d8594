/* Printing a kernel: what the shared C printer gives its dialects, and what a dialect is. Private to src/kc. */
#ifndef KC_PRINT_H
#define KC_PRINT_H

#include "kc/tree.h"

/* A function of the output's own, written out once for each type it is used with; `needs`: names of others, with spaces between ("_f32" at the end: for that type). In the text: $F its full name, $T the value's type,
 * $E its scalar, $N its lanes, $K its name in kernels, $M and $U the signed and unsigned integer vector of its shape, $S the type of an element in memory, $A its address space, $R the result,
 * $H "f16" or "bf16", $B a function, $0 lowest and $9 highest value of $R, or where there is none of $E. */
typedef struct helper {
    const char *name, *needs, *text;
} helper;

typedef struct helper_use { /* one instance */
    kc_type value;
    kc_scalar storage;              /* of memory; KC_VOID: touches none */
    kc_scalar result;               /* $R */
    const char *space, *space_name; /* "__global " and "_global", or "" */
    const char *function;           /* $B */
} helper_use;

typedef struct printer printer;
typedef struct dialect {
    const char *scalars[KC_F64 + 1]; /* types as values */
    const char *memory_bool, *long_suffix, *ulong_suffix, *infinity, *nan;
    const char *const *reserved;      /* words a name must not be, NULL at the end */
    const helper *helpers;            /* name NULL at the end */
    const char *builtins[KC_B_COUNT]; /* NULL: its helper, "qc_" and the name */
    const char *unroll, *unroll_all;  /* "#pragma unroll"; before every loop the source wants so; NULL: nothing */
    bool no_const;                    /* `const` asks for a constant, so a local that only keeps its value has none */
    bool items_are_loops;             /* else "body, barrier" */
    bool has_mma;
    const char *(*vector)(printer *p, kc_type t); /* its name */
    void (*splat)(printer *p, const kc_expr *e);
    void (*make)(printer *p, const kc_expr *e);
    void (*lane)(printer *p, const kc_expr *e);
    bool (*load_half)(printer *p, const kc_expr *elem);           /* f16 element to f32; false: through qc_from_f16 */
    bool (*store_half)(printer *p, const kc_stmt *s);             /* f16 element = K_TO; false: through qc_to_f16 */
    bool (*raw_half)(printer *p, const kc_expr *elem);            /* the bits of an f16 element; false: as any element */
    const char *(*space)(const kc_var *v, const char **name);     /* of an array */
    void (*use_math)(printer *p, kc_type t);                      /* what a helper that needs "@" calls */
    bool (*call)(printer *p, const kc_expr *e, const char *text); /* a builtin the dialect prints itself */
    void (*unit)(printer *p, str *out);                           /* the whole text */
    /* For a dialect further from C, each NULL where C's way is its own: */
    void (*elem)(printer *p, const kc_expr *e);    /* an element as a value or place; a bool is one, not a byte */
    void (*integer)(printer *p, const kc_expr *e); /* a constant */
    void (*cast)(printer *p, const kc_expr *e);    /* a K_CAST or K_TO */
    bool (*is_call)(const kc_expr *e);             /* this operator is no operator there: printed by `operator_call`, */
    void (*operator_call)(printer *p, const kc_expr *e); /* and no `a op= b` */
    bool (*subgroup)(printer *p, const kc_stmt *s); /* a subgroup_... as a statement; false: in phases, by print_phases */
    bool (*array)(printer *p, const kc_stmt *s);    /* the declaration of an array, with its newline; false: as C's */
    const char *again; /* a helper: its argument, which no driver knows then; for print_again. NULL: loops are as C's */
} dialect;

struct printer {
    const dialect *d;
    const kc_module *m;
    const kc_entry *e;
    arena *scratch;
    str *out;             /* being written to */
    str helpers;          /* written once, before the kernel */
    map counts;           /* hash of a name -> how often it is visible, or suffix used */
    const char *function; /* the kernel's */
    const char **tables;  /* names of the file's tables */
    const char **names;   /* by slot; NULL: not visible */
    u32 *visible;
    u32 n_visible, cap_visible;
    u32 indent;
    const kc_var *item;      /* the t of the phase being printed */
    bool dirty;              /* group memory was read since the last barrier */
    const kc_layout *layout; /* WGSL: of buffers in bindings; NULL: each its own */
    struct wgsl *wgsl;
    u32 math; /* C: the lane sets of quern_kernel_math.h in use */
    bool bad; /* out of memory */
};

extern const dialect dialect_c, dialect_opencl, dialect_glsl, dialect_wgsl;
extern const helper glsl_helpers[];
qn_status print_c_family(const kc_module *m, const kc_kernel *k, const dialect *d, str *out); /* a printer of targets.def */
qn_status print_wasm(const kc_module *m, const kc_kernel *k, const dialect *d, str *out);
qn_status print_wgsl(const kc_module *m, const kc_kernel *k, const dialect *d, str *out);
qn_status print_glsl(const kc_module *m, const kc_kernel *k, const dialect *d, str *out);
qn_status print_ptx(const kc_module *m, const kc_kernel *k, const dialect *d, str *out);

qn_status print_bound(const kc_module *m, const kc_kernel *k, const dialect *d, const kc_layout *layout, str *out);

/* print.c */
qn_status print_without_mma(const kc_module *m, const kc_kernel *k); /* refuses a kernel that uses mma */
/* The name of p->d->again for a loop that has another way out than its test at its head; NULL: it is printed as it stands. */
const char *print_again(printer *p, const kc_stmt *loop);
typedef struct print_exit {
    kc_stmt leave, test;
} print_exit;
/* The body with the loop's test, if there is one, as its first statement; it lies in *e. */
const kc_stmt *print_exit_body(print_exit *e, const kc_stmt *loop);

/* print_expression.c */
void print_expr(printer *p, const kc_expr *e, int least); /* parenthesised when it binds less tightly than `least` */
void print_const(printer *p, const kc_expr *e);
void print_place(printer *p, const kc_expr *e);                      /* what can be assigned */
void print_args(printer *p, const kc_expr *e, u32 from);             /* a[from], ... with commas */
void print_array(printer *p, const kc_expr *e);                      /* a K_ARRAY */
const kc_expr *print_beside(const kc_expr *e, const kc_expr *other); /* beside a vector, a splat is its scalar */
const char *print_symbol(kc_op op);                                  /* of a binary operator */

/* print_helper.c */
const helper *print_find_helper(const printer *p, const char *name);           /* NULL: the dialect has none */
const char *print_helper(printer *p, const char *name, const helper_use *use); /* its full name */

/* print_c_family.c, print_name.c */
void print_line(printer *p, const char *format, ...) PRINTF_LIKE(2, 3); /* indented, with its newline */
void print_body(printer *p, const kc_stmt *s);                          /* a list, one deeper */
void print_phases(printer *p, const kc_stmt *body);                     /* a list in braces */
const char *print_type(printer *p, kc_type t);
const char *print_memory_type(printer *p, kc_type t); /* of an element of an array */
const char *print_name(printer *p, kc_var *v);        /* declare: a name that nothing visible has */
const char *print_named(const printer *p, const kc_var *v);
void print_forget(printer *p, u32 to);         /* end of a scope: n_visible at its start */
bool print_shares(const kc_stmt *phase);       /* its items touch what others may: a barrier follows */
void print_globals(printer *p);                /* what stands outside the kernel keeps its name; locals give way */
bool print_once(printer *p, const char *name); /* true the first time that it is asked */
const char *print_text(printer *p, const char *format, ...) PRINTF_LIKE(2, 3); /* in scratch */
void print_tables(printer *p, const char *head); /* the constant tables that the kernel reads */

enum { PRINT_COND = 2, PRINT_UNARY = 13, PRINT_POSTFIX = 14 };
#endif

/* The WGSL printer, which shares names, helpers and types with the C family (print.h) and has statements, expressions and memory of its own.
 * Private to src/kc. */
#ifndef WGSL_H
#define WGSL_H

#include "kc/print.h"

/* A buffer parameter, the output of a MAP, or a SHARED array, as its element is reached in the text. */
typedef struct wgsl_memory {
    const char *label;    /* in names of functions */
    const char *name;     /* of the variable that holds it */
    const char *at;       /* "" or "qk.qk_at_x + ": where it starts in the variable, in words */
    kc_type type;         /* of an element */
    kc_scalar elem;       /* of the variable's elements: the same, or KC_U32 */
    bool half;            /* its elements are f16 in the text, too */
    bool atomic, written; /* the variable's elements are atomic; the variable may change under way */
    u8 binding;
} wgsl_memory;

typedef struct wgsl {
    u32 n_bufs, n_bindings;
    wgsl_memory bufs[KC_MAX_BUFFERS + 1];
    const bool *atomics; /* by slot: takes atomics */
    bool uses_item;      /* qk_item is read */
    bool uses_subgroups, uses_f16;
    bool storage; /* phases exchange through buffers */
    bool hides;   /* constants are printed as what the compiler does not know */
} wgsl;

/* wgsl_memory.c */
void wgsl_memory_make(printer *p, wgsl *w, bool *atomics); /* names the buffers */
void wgsl_memory_bindings(printer *p);                     /* the variables */
void wgsl_memory_shared(printer *p);
void wgsl_memory_load(printer *p, const kc_expr *elem, bool low); /* low: of a 64-bit element the low word */
void wgsl_memory_store(printer *p, const kc_expr *elem, const kc_expr *value);
bool wgsl_memory_plain(const printer *p, const kc_expr *elem);  /* an assignment operator can act on it */
bool wgsl_memory_native(const printer *p, const kc_expr *elem); /* an element of a buffer of f16, read and written as such */
const char *wgsl_memory_float(printer *p, const kc_expr *elem); /* its value as an f32 */
const char *wgsl_memory_value(printer *p, const wgsl_memory *m, const char *index);
void wgsl_memory_put(printer *p, const wgsl_memory *m, const char *index, const char *value); /* a statement without ';' */

wgsl_memory wgsl_memory_of(printer *p, const kc_var *v); /* an array of any storage */
const char *wgsl_memory_place(printer *p, const wgsl_memory *m,
                              const char *index);                          /* the element; its address where it is atomic */
const char *wgsl_memory_index(printer *p, const kc_expr *e, bool summand); /* as a u32; beside a place it is a summand */
const char *wgsl_memory_cast(printer *p, kc_scalar from, kc_scalar to, const char *text); /* the same 32 bits */

static inline bool wgsl_is_64(kc_type t) { return t.scalar == KC_I64 || t.scalar == KC_U64; }
static inline bool wgsl_is_half(kc_type t) { return t.scalar == KC_F16 || t.scalar == KC_BF16; }
static inline bool wgsl_is_narrow_signed(kc_type t) { return t.scalar == KC_I8 || t.scalar == KC_I16; }
static inline bool wgsl_is_float(kc_type t) { return t.scalar == KC_F32 || t.scalar == KC_F64; }
static inline bool wgsl_is_unsigned(kc_type t) { return t.scalar == KC_U8 || t.scalar == KC_U16 || t.scalar == KC_U32; }
/* Of a type of 64 bits, as the names of helpers have it. */
static inline const char *wgsl_sign(kc_type t) { return t.scalar == KC_I64 ? "i64" : "u64"; }

/* wgsl_array.c */
void wgsl_array_call(printer *p, const kc_expr *e); /* load4, atomic_add, ... */

/* wgsl_expression.c */
void wgsl_expr(printer *p, const kc_expr *e, int least);
const char *wgsl_text(printer *p, const kc_expr *e, int least);
void wgsl_const(printer *p, const kc_expr *e);
const char *wgsl_helper(printer *p, const char *name, kc_type t); /* its full name */
void wgsl_emit(printer *p, const char *name, const char *text);   /* a function made for this kernel; once */
bool wgsl_is_call(const kc_expr *e);                              /* an operator that is printed as a function */

/* wgsl_cast.c */
void wgsl_cast(printer *p, const kc_expr *e);
bool wgsl_cast_is_silent(const kc_expr *e); /* it prints its operand and nothing else */

/* wgsl_subgroup.c */
bool wgsl_subgroup(printer *p, const kc_stmt *s); /* a subgroup_... by the hardware's; false: as its phases */

/* print_wgsl.c */
void wgsl_unit(printer *p, str *out);
#endif

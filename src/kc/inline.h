/* Putting functions into their callers: what inline.c (statements and the kernel), inline_call.c (expressions and calls) and inline_flow.c (where
 * control goes in a function) share. Private to src/kc. */
#ifndef INLINE_H
#define INLINE_H

#include "kc/front.h"

/* What a variable of the function being cloned stands for: a variable (with a row when it is lent a row), or a value. */
typedef struct binding {
    kc_var *var;
    const kc_expr *row, *value;
} binding;

typedef struct frame { /* one function being cloned */
    const func *fn;
    binding *bind;         /* by slot */
    bool is_call;          /* not the kernel itself */
    kc_var *result, *done; /* of early returns; NULL: none */
    u32 loops;
} frame;

typedef struct inliner {
    front *f;
    kc_entry *e;
    u32 cap_vars, calls, depth;
    bool in_items;
    stmt_list *out;
    frame *frame;
    const kc_expr *place, *place_clone; /* of the assignment being cloned: `a[f(i)] += 1` reads what it writes */
    kc_var *cells[KC_F64 + 1];          /* group memory that subgroup_... needs, by its type; NULL: not yet */
} inliner;

/* inline_flow.c */
typedef enum flow { RETURNS_NEVER, RETURNS_MAYBE, RETURNS_ALWAYS } flow;
flow inline_flow_of(const kc_stmt *s);
flow inline_flow_of_list(const kc_stmt *s);
const kc_stmt *const *inline_open_branch(const kc_stmt *s);
bool inline_needs_flag(const kc_stmt *s); /* a return that no else can follow: what comes after asks whether it happened */

/* inline_call.c */
const kc_expr *inline_expr(inliner *in, const kc_expr *e);
const kc_expr *inline_in_local(inliner *in, const kc_expr *value, const char *called); /* the value of a new local */

/* inline_subgroup.c: what a subgroup_... means, as phases over group memory; NULL where it does nothing */
const kc_stmt *inline_subgroup(inliner *in, const kc_expr *call);

/* inline.c */
kc_var *inline_add_var(inliner *in, const kc_var *like);
kc_var *inline_new_local(inliner *in, const char *called, kc_type type, kc_pos pos);
binding *inline_bound(inliner *in, const kc_var *v);
kc_stmt *inline_emit(inliner *in, kc_stmt_op op, kc_pos pos);
void inline_emit_decl(inliner *in, kc_var *v, const kc_expr *value);
void inline_emit_set(inliner *in, kc_var *v, const kc_expr *value, kc_pos pos);
void inline_list(inliner *in, const kc_stmt *s);

#endif

/* Between which numbers the integers of a MAP lie, as far as its launch is known. A walk over the statements keeps it up to date. */
#ifndef VALUE_RANGE_H
#define VALUE_RANGE_H

#include "kc/front.h"

typedef struct value_range {
    i64 lo, hi;
} value_range; /* both ends are in it. INT64_MIN .. INT64_MAX says nothing: all that is not an integer of at most 32 bits, but for constants */

typedef struct range_slot { /* of a variable */
    value_range now;
    const kc_expr *meaning; /* where only its declaration sets it, to this; else NULL */
    u32 assigned;           /* how many assignments there are */
    bool counts;            /* it lives in the head of a loop, and only the step assigns it */
} range_slot;

typedef struct ranges {
    const kc_module *m;
    const kc_launch_facts *facts;
    range_slot *slots;
} ranges;

qn_status ranges_make(const kc_module *m, const kc_entry *e, const kc_launch_facts *facts, ranges *out);
void ranges_free(ranges *r);

value_range range_of_type(kc_type t);
value_range range_of(const ranges *r, const kc_expr *e);
bool range_may_wrap(const ranges *r, const kc_expr *e); /* an addition or subtraction */

void range_set(ranges *r, const kc_var *v, value_range to);
void range_note(ranges *r, const kc_stmt *s); /* after a declaration or an assignment */
/* Nothing is known any more of what these statements assign. */
void range_forget_assigned(ranges *r, const kc_stmt *s);
bool range_is_assigned_in(const kc_stmt *s, const kc_var *v);

/* What a variable stands for, where both are the same wherever it can be seen; else NULL. */
const kc_expr *range_definition(const ranges *r, const kc_expr *e);
/* The same value wherever its variables can be seen: made of parameters, constants and variables set once. */
bool range_is_steady(const ranges *r, const kc_expr *e);

#endif

/* Arithmetic on values of the kernel language, one operation at a time: what the interpreter and the block machine's uniform part
 * compute with. No memory, no variables. */
#ifndef INTERPRET_VALUE_H
#define INTERPRET_VALUE_H

#include "kc/tree.h"

/* A lane holds by type: integers and bool in i, sign- or zero-extended; f32 and f64 in f; f16 and bf16 their bits in i. */
typedef union lane {
    i64 i;
    f64 f;
} lane;
typedef struct value {
    lane v[KC_MAX_WIDTH];
} value;

/* Each gives NULL, or what is wrong ("division by zero"). `s` is the type of the operands, of `lanes` lanes. out may be an operand. */
/* b as the compiled language takes it: the low bits of a shift's count; 1 for a divisor that leaves a / b without an answer. */
void value_settle(kc_op op, kc_scalar s, const lane *a, lane *b);
const char *value_binary(kc_op op, kc_scalar s, u32 lanes, const value *a, const value *b, value *out);
const char *value_unary(kc_op op, kc_scalar s, u32 lanes, const value *a, value *out);
const char *value_cast(kc_op op, kc_scalar from, kc_scalar to, u32 lanes, const value *a, value *out); /* K_CAST or K_TO */
/* Builtins that touch no memory; `s` is the type of the first argument, for select of the second. */
const char *value_call(kc_builtin b, kc_scalar s, u32 lanes, const value *args, value *out);

/* interpret_mma.c: an mma of `group` items over all that they keep, [group][words of an item]. How many products it made. */
u32 interpret_mma(const kc_expr *e, u32 group, lane *sums, const lane *left, const lane *right);

lane value_load(kc_scalar s, const void *from);
void value_store(kc_scalar s, void *to, lane v);
/* One value as K_CONST has it. */
lane value_const(const kc_expr *e);

#endif

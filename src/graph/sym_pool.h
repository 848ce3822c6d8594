/* How sizes are stored; only the sym_*.c files look inside.
 *
 *     sym      a polynomial: a sum of terms, coefficient * product, in a fixed order. Equal polynomials are one entry, one id.
 *     product  a sorted list of factors, with repetition; product 0 is the empty one (the number 1)
 *     factor   a variable, or an atom: an operation on syms that is not a polynomial (a division that does not cancel, min, ...)
 *
 * Every sym has a weight, the size of the tree it stands for, and one that would be too heavy, too deep or too long is "not
 * known": so every walk over a sym is short, whatever a model file says. */
#ifndef SYM_POOL_H
#define SYM_POOL_H

#include "graph/graph.h"

enum { SYM_MAX_TERMS = 128, SYM_MAX_DEGREE = 32, SYM_MAX_WEIGHT = 8192, SYM_MAX_DEPTH = 128, SYM_MAX_ENTRIES = 1 << 24 };

typedef enum factor_op {
    FACTOR_VARIABLE,
    FACTOR_DIV,
    FACTOR_MIN,
    FACTOR_MAX,
    FACTOR_LESS,
    FACTOR_EQUAL,
    FACTOR_MUL,
    FACTOR_SELECT
} factor_op;

typedef struct range {
    i64 lo, hi;
} range; /* INT64_MIN and INT64_MAX mean no bound */
typedef struct term {
    i64 coef;
    u32 product;
} term;
typedef struct poly {
    u64 hash;
    const term *terms;
    u32 n, weight, depth, newest;
    range range;
} poly;
typedef struct monomial {
    u64 hash;
    const u32 *factors;
    u32 n, weight, depth, newest;
    range range;
} monomial;
typedef struct factor {
    u64 hash;
    factor_op op;
    sym arg[3]; /* 0 past the operation's arguments */
    const char *name;
    u32 variable;              /* of FACTOR_VARIABLE */
    sym settled;               /* of one: what it turned out to be; 0: that is open */
    u32 weight, depth, newest; /* newest: of the variables in it, number + 1 */
    range range;
} factor;

typedef struct sym_table {
    u32 *slots;
    u32 cap;
} sym_table; /* open addressing; a slot holds index + 1 */

typedef struct sym_pool {
    arena *mem;
    poly *polys;
    u32 n_polys, cap_polys; /* [1 .. n_polys - 1] */
    monomial *products;
    u32 n_products, cap_products;
    factor *factors;
    u32 n_factors, cap_factors;
    u32 *variables;
    u32 n_variables, cap_variables; /* factor of each variable */
    sym_table poly_table, product_table, factor_table;
    u32 n_fresh;
    u32 trials;     /* under way (sym_trial) */
    u32 n_settled;  /* variables that are */
    bool no_memory; /* some answer was 0 for want of memory */
} sym_pool;

/* A polynomial being made: add terms in any order, then take its sym. */
typedef struct sum {
    term terms[SYM_MAX_TERMS];
    u32 n;
    bool bad, full;
} sum; /* bad: it does not fit i64, or it is full */
void sum_add(sum *s, i64 coef, u32 product);
void sum_add_poly(sum *s, const sym_pool *p, sym a, i64 times);
sym sum_take(sym_pool *p, sum *s); /* 0 when bad, too heavy or out of memory */

/* The product of two, or one without the factors of another: UINT32_MAX when that is impossible. */
u32 product_join(sym_pool *p, u32 a, u32 b);
u32 product_without(sym_pool *p, u32 a, u32 b);
u32 product_common(sym_pool *p, u32 a, u32 b);
int product_order(const sym_pool *p, u32 a, u32 b); /* < 0: a stands first. Graded, then by factor: fit for division */

sym sym_of_factor(sym_pool *p, const factor *f); /* interned by op, arguments and name */
sym sym_atom(sym_pool *p, factor_op op, sym a, sym b, sym c);

range range_add(range a, range b);
range range_mul(range a, range b);
bool add_i64(i64 a, i64 b, i64 *out); /* false on overflow */
bool mul_i64(i64 a, i64 b, i64 *out);
i64 floor_div_i64(i64 a, i64 b); /* b is not 0; not INT64_MIN / -1 */
#endif

/* The block machine inside: steps over registers of many lanes. block_make.c writes the steps, block.c runs them, block_loops.c has the
 * loops they call, compiled once an instruction set. */
#ifndef BLOCK_H
#define BLOCK_H

#include "kc/tree.h"

/* One operation on n lanes: y[n] from x[0][n] ... In the forms _vs and _sv one operand is a single number. y may be an operand
 * of the same element size. bool lanes are i32, 0 or 1. */
typedef void (*block_loop_fn)(void *y, const void *const *x, u32 n);
typedef enum block_shape { BLOCK_VV, BLOCK_VS, BLOCK_SV, BLOCK_SHAPES } block_shape;

/* op   a kc_op: unary, binary, K_CAST, K_CALL with `call`; also K_COND: x[0] ? x[1] : x[2]; K_SPLAT; K_ELEM: x[0][x[1][k]], the
 *      same where x[2][k] is true, else 0, as K_ARRAY; K_VAR: x[0][0] + k. From K_COND on `from` only tells the element's size. */
typedef struct block_loop {
    u8 op, call, from, to;
    block_loop_fn run[BLOCK_SHAPES];
} block_loop;
extern const block_loop block_loops_baseline[], block_loops_avx2[], block_loops_avx512[]; /* op K_USER at the end */

enum {
    BLOCK_MAX_PLACES = 512, /* registers and numbers */
    BLOCK_MAX_STEPS = 1 << 14,
    BLOCK_MEMORY = 48 << 10, /* of all registers, on the stack */
    BLOCK_MAX_LANES = 1024,
    BLOCK_SKEW = 320, /* bytes between registers: not all at one offset in a page */
    BLOCK_OUT = 1,
    BLOCK_I = 2,
    BLOCK_PLACES = 3 /* places of the output and of the block's first element; the rest */
};

typedef enum step_kind {
    STEP_LOOP,        /* loop(y, x) */
    STEP_NUMBER,      /* y = op or call of the numbers x */
    STEP_NUMBER_ELEM, /* y = buffer[x0]; with x1, a mask, only where any lane is on */
    STEP_POINT,       /* y lies at buffer[i + x0] */
    STEP_POINT_DIGIT, /* y is buffer[i / x0 % x1], in place where that is whole */
    STEP_DIGIT,       /* y[k] = (i + k) / x0 % x1, and + x2 */
    STEP_COPY,        /* y = x0, size bytes a lane (size 0: a number) */
    STEP_JUMP,
    STEP_JUMP_UNLESS /* to step `to`; where the number x0 is 0 */
} step_kind;

/* Places: where values are, one numbering for numbers (8 bytes, of every lane alike) and registers. 0: none. */
typedef struct block_step {
    block_loop_fn loop;
    u8 kind, op, call, from, type, n_x, size;
    u16 y, x[3];
    u32 buffer, to;
} block_step;

typedef struct block_place {
    u8 bytes;
    bool number;
    u32 before, nth;
} block_place; /* bytes a lane; of the registers before it */

struct kc_block {
    const block_step *once, *steps; /* once: numbers that are the same for all lanes and blocks */
    u32 n_once, n_steps, n_places, n_words, lanes, n_bufs, result_bytes;
    const block_place *places;
    const u64 *numbers; /* [n_places]: constants */
    const u16 *word_places;
    const u8 *word_at, *word_words; /* launch parameters: where they go, come from, 1 or 2 words */
};

/* Two f32 operations in one loop have the op BLOCK_PAIR and as `call` first * BLOCK_PAIR_COUNT + second; the first shape is
 * (x[0] first x[1]) second x[2], the second x[2] second (x[0] first x[1]). */
enum { BLOCK_PAIR = K_MAKE };
typedef enum block_pair {
    BLOCK_PAIR_add,
    BLOCK_PAIR_sub,
    BLOCK_PAIR_mul,
    BLOCK_PAIR_min,
    BLOCK_PAIR_max,
    BLOCK_PAIR_COUNT
} block_pair;

const block_loop *block_find(const block_loop *loops, u8 op, u8 call, kc_scalar from, kc_scalar to);

#endif

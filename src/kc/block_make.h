/* Making block code: operands, and what the three files that make it share. block_emit.c makes steps, block_eval.c expressions,
 * block_make.c statements. Private to them. */
#ifndef BLOCK_MAKE_H
#define BLOCK_MAKE_H

#include "kc/block.h"
#include "kc/interpret_value.h"

enum { MAX_ARRAY = 64 };

typedef enum operand_kind { NONE, NUMBER, REGISTER, INDEX } operand_kind;
typedef struct operand {
    operand_kind kind;
    kc_scalar type;
    u16 at;                 /* NUMBER, REGISTER: its place */
    u16 inner, outer, plus; /* INDEX: numbers, 0: none */
    bool owned;             /* REGISTER: free after its use */
    bool borrowed;          /* a variable's, which may change */
    bool once;              /* REGISTER: read here and nowhere else */
} operand;

typedef struct var_state {
    bool varying, assigned; /* depends on the element; by more than its declaration */
    u32 uses, reads, depth; /* in all, left to come; conditions around its declaration */
    operand is;
    u16 *elems; /* arrays: the place of each element */
} var_state;

typedef struct place_state {
    bool fixed, free, constant; /* fixed: known before the first block */
    u16 companion;              /* of a register that points: its own memory */
    u16 splat;
    u8 splat_bytes; /* of a fixed number: the register that holds it in all lanes */
} place_state;

typedef struct loop_state {
    u32 depth, breaks, continues;
    struct loop_state *outer;
} loop_state; /* jumps: linked by `to` */

typedef struct step_list {
    block_step *at;
    u32 n, cap;
} step_list;

typedef struct maker {
    arena *a;
    const kc_module *m;
    const kc_entry *e;
    const block_loop *loops;
    bool fits;
    qn_status status;
    var_state *vars;
    block_place *places;
    place_state *states;
    u64 *numbers;
    u32 n_places;
    step_list once, steps;
    u32 control, landed; /* jumps around here; the last step that a jump goes to */
    u32 depth;
    u16 mask; /* conditions on elements around here; the lanes they let in */
    u16 live; /* lanes that have not returned; 0: all */
    u16 result;
    u32 returns; /* 0: the only return writes the output; jumps to the end */
    loop_state *loop;
    bool has_loops, has_varying_return, changed;
    operand done[BLOCK_MAX_PLACES];
    u32 n_done; /* variables read for the last time in this statement */
    u32 n_returns;
} maker;

static const operand block_nothing = { .kind = NONE };

/* ---- block_emit.c. What does not fit gives block_nothing and ends the making; callers may go on without asking. Operands that a
 * function takes end in it, if they are owned. `dest`: a register to write to, 0: a new one. */
operand block_unfit(maker *k);
void block_no_memory(maker *k);

u8 block_lane_bytes(kc_scalar s);                     /* in a register: bool is an i32 there */
u16 block_new_place(maker *k, u8 bytes, bool number); /* bytes 0: a register that only points somewhere */
void block_release(maker *k, const operand *o);
operand block_number_at(u16 at, kc_scalar type);
operand block_register_at(u16 at, kc_scalar type);   /* owned */
operand block_place_operand(u16 at, kc_scalar type); /* a register, lent */
operand block_constant(maker *k, kc_scalar type, lane v);
operand block_integer(maker *k, kc_scalar type, i64 v);
bool block_is_fixed(const maker *k, const operand *o);

void block_push(maker *k, bool once, const block_step *s);
u32 block_push_jump(maker *k, step_kind kind, u16 x, u32 to); /* gives its index, for block_land */
void block_land(maker *k, u32 jump);                          /* the jump goes to the next step */
operand block_number(maker *k, u8 op, u8 call, kc_scalar from, kc_scalar to, const operand *x, u32 n); /* x: all numbers */
operand block_call_loop(maker *k, const block_loop *l, block_shape shape, kc_scalar to, const operand *x, u32 n, u16 dest);

operand block_splat(maker *k, operand o); /* a number in all lanes */
operand block_to_register(maker *k, operand o);
void block_move(maker *k, operand o, u16 dest); /* dest: a register of its type */
void block_move_number(maker *k, operand o, u16 dest);
operand block_own(maker *k, operand x); /* a copy of what belongs to a variable, which may change */

operand block_apply(maker *k, u8 op, u8 call, kc_scalar from, kc_scalar to, operand *x, u32 n, u16 dest); /* a kc_op */
operand block_choose(maker *k, operand c, operand a, operand b, u16 dest); /* c ? a : b, c a register */
operand block_both(maker *k, operand a, operand b);
operand block_opposite(maker *k, operand a);
operand block_reaching(maker *k);                                     /* the lanes that get here; NONE: all */
operand block_cast(maker *k, operand x, kc_scalar to, u16 dest);      /* floats to integers saturate */
operand block_cast_once(maker *k, operand x, kc_scalar to, u16 dest); /* by one loop; x a register */
kc_scalar block_by_size(u8 bytes);                                    /* u8, u16, u32 or u64 */

/* ---- block_eval.c */
bool block_varying(const maker *k, const kc_expr *e); /* depends on the element */
operand block_eval(maker *k, const kc_expr *e, u16 dest);
operand block_element(maker *k, const kc_expr *e, u32 *index); /* of a local array */

#endif

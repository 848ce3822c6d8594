/* What a variant's emit() may say: launches of kernels with buffers, scalars and a count, in order.
 *
 *     launch *k = launch_begin(l, "reduce.c", "reduce_map");
 *     launch_define(k, "T", dtype_word(d));
 *     launch_in(k, x); launch_out(k, y); launch_size(k, cols); launch_const(k, "mode", 2);
 *     return launch_map(k, rows);
 * Buffers in the order of the kernel's buffer parameters (a MAP's output last), scalars in the order of its scalar parameters. */
#ifndef LOWER_H
#define LOWER_H

#include "op/op.h"

typedef struct launch launch;

const graph *lower_graph(const lowering *l);
graph *lower_graph_mut(lowering *l); /* for sym_* only */
const qn_caps *lower_caps(const lowering *l);
const type *lower_type(const lowering *l, val v);
val lower_in(const lowering *l, const node *n, u32 i);  /* live; 0: absent */
val lower_out(const lowering *l, const node *n, u32 i); /* 0: nobody wants it */
i64 lower_int(const lowering *l, const node *n, const char *attr);
f64 lower_float(const lowering *l, const node *n, const char *attr);
sym lower_elems(lowering *l, val v);               /* number of elements */
sym lower_dim(const lowering *l, val v, i64 axis); /* negative counts from the end */
/* Whether a MAP that writes v may loop so often for an element (qn_caps.max_turns). Turns that are not known fit. */
bool lower_turns_fit(const lowering *l, val v, sym turns);
sym lower_product(lowering *l, val v, u32 from, u32 to); /* of dims [from, to) */
/* Memory between the launches of this node only. */
val lower_scratch(lowering *l, qn_dtype d, sym elems);
/* A small constant made now (tables); copied. */
val lower_table(lowering *l, const qn_tensor *t);
/* The elements of v (i32 or i64; 0: none) are places, in tuples: entry c must be inside size[c], counted from the end where it is negative,
 * or, without from_end, 0 .. size[c] - 1. One that is not makes the run fail with QN_E_DATA; the sentence names node, operator and operand, or
 * what NOTE_OP and NOTE_OPERAND say of them. */
typedef struct place_bounds {
    val v;
    u32 tuple;
    bool from_end;
    sym size[QN_MAX_RANK];
} place_bounds;
qn_status lower_places(lowering *l, place_bounds what);
qn_status lower_fail(const lowering *l, const node *n, qn_status code, const char *format, ...) PRINTF_LIKE(4, 5);

launch *launch_begin(lowering *l, const char *file, const char *entry);
launch *launch_begin_text(lowering *l, const char *name, const char *text); /* made source; text is copied */
void launch_define(launch *k, const char *name, const char *to);
void launch_define_number(launch *k, const char *name, i64 to);
void launch_in(launch *k, val v);
void launch_out(launch *k, val v);                     /* also INOUT */
void launch_size(launch *k, sym s);                    /* a u32 (or i32) parameter, evaluated each run; must fit */
void launch_number(launch *k, i64 v);                  /* a u32 or i32 parameter */
void launch_float(launch *k, f64 v);                   /* an f32 parameter, f64 where T=f64 */
void launch_wide(launch *k, i64 v);                    /* an i64 or u64 parameter */
void launch_const(launch *k, const char *name, i64 v); /* a CONST(u32) or CONST(i32) parameter */
/* A u32 parameter that is another one whenever it is launched, in each run and each turn of a Loop: it hangs on the session's seed, or, where the
 * node has a seed of its own, on that of the run and the turn alone, the same for each session. */
void launch_draw(launch *k, u32 stream, bool own_seed);
/* Run this launch and the following ones until launch_repeat_end `times` times; launch_step is a u32 parameter 0, 1, ... of the turn. */
void launch_repeat_begin(lowering *l, sym times);
void launch_repeat_end(lowering *l);
void launch_step(launch *k);
/* Numbers that follow from sizes in ways that expressions do not tell, as block sizes do: chosen in each run, or at once where all sizes are
 * known. They are parameters, and the count. */
enum { CHOICE_SIZES = 10, CHOICE_NUMBERS = 3 };
typedef void (*launch_choice)(const qn_caps *caps, const i64 *sizes, u32 *numbers);
void launch_choose(launch *k, launch_choice choose, const sym *sizes, u32 n);
sym launch_sym(const launch *k, i64 v);   /* a size for it that is a number */
void launch_chosen(launch *k, u32 which); /* numbers[which] as a u32 parameter */
qn_status launch_chosen_groups(launch *k, u32 which);
qn_status launch_map(launch *k, sym count); /* errors of all the calls above come out here */
qn_status launch_groups(launch *k, sym count);
const char *dtype_word(qn_dtype d); /* "f32", "i64", ..., "bool": the kernel language's word */
#endif

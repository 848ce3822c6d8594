/* The interpreter's state, and its memory, in which every touch is checked (interpret_memory.c). Private to src/kc. */
#ifndef INTERPRET_MACHINE_H
#define INTERPRET_MACHINE_H

#include "kc/interpret_races.h"
#include "kc/interpret_value.h"

typedef struct place {
    lane *cells; /* [copies][elems][lanes] */
    u8 *set;
    u32 elems, lanes;
    bool per_item;
    race_touch *touches; /* SHARED: [elems] */
} place;

typedef struct machine {
    const kc_module *m;
    const kc_entry *e;
    const kc_memory *bufs;
    const kc_checks *checks;
    place *places; /* by slot */
    race_map races[KC_MAX_BUFFERS];
    u64 first;               /* the element or group */
    u32 item, phase, phases; /* phase 0: outside ITEMS */
    u64 steps, max_steps;
    u32 depth;
    value result;
    qn_status status;
} machine;

/* interpret_memory.c: each is false after a failure, which is in m->status. */
bool interpret_wrong(machine *m, kc_pos pos, const char *format, ...) PRINTF_LIKE(3, 4);
bool interpret_no_memory(machine *m, size_t bytes);
bool interpret_step(machine *m, kc_pos pos);                       /* counts one; no kernel runs for ever */
bool interpret_elem_index(machine *m, const kc_expr *e, u64 *out); /* where a K_ELEM points */
bool interpret_array_read(machine *m, const kc_var *v, u64 index, kc_pos pos, value *out);
/* `lanes` from lane_at: one lane of a vector, or all. */
bool interpret_array_write(machine *m, const kc_var *v, u64 index, u32 lane_at, u32 lanes, kc_pos pos, const value *from);
bool interpret_call(machine *m, const kc_expr *e, value *out);

/* interpret.c */
bool interpret_eval(machine *m, const kc_expr *e, value *out);

#endif

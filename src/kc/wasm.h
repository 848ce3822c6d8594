/* Kernels as WebAssembly, inside src/kc: the module under construction and the three parts that write into it.
 *
 * A module exports qk_run(args, from, to) as quern_kernel.h has it, over memory that it imports; arrays of the kernel stand on the stack of
 * that memory, found through the imported __stack_pointer. Functions that wasm has no instruction for are imported from "math", by the name
 * of the builtin and the type: exp_f32, exp_f32x4 (src/device/math_wasm.c has them). */
#ifndef WASM_H
#define WASM_H

#include "kc/tree.h"

typedef enum wasm_op {
#define W(name, text, prefix, code, follows) W_##name,
#include "kc/wasm_ops.def"
#undef W
    W_COUNT
} wasm_op;
typedef struct wasm_op_info {
    const char *text;
    u8 prefix;
    u32 code;
    char follows;
} wasm_op_info;
extern const wasm_op_info wasm_ops[W_COUNT];

enum { WASM_I32 = 0x7f, WASM_I64 = 0x7e, WASM_F32 = 0x7d, WASM_F64 = 0x7c, WASM_V128 = 0x7b, WASM_NOTHING = 0x40 };
enum {
    WASM_MAX_IMPORTS = 64,
    WASM_MAX_FRAME = 3 << 19,
    WASM_ARGS = 0,
    WASM_FROM = 1,
    WASM_TO = 2
}; /* the last: locals of qk_run */

typedef struct wasm_local {
    u8 type;
    const char *name; /* NULL: a temporary */
} wasm_local;
typedef struct wasm_import {
    const char *name; /* "exp_f32" */
    u8 n_in, in[3], out;
} wasm_import;

typedef struct wasm {
    const kc_module *m;
    const kc_entry *e;
    arena *scratch;
    bool shared; /* memory that other threads see: atomics are instructions */
    str code;    /* of qk_run, without locals */
    wasm_local *locals;
    u32 n_locals, cap_locals;
    u32 *local_of;  /* by slot: + 1, 0: none */
    u32 *vector_of; /* the same, for four elements at a time */
    u32 *frame_at;  /* by slot, and of tables: place in the frame, + 1 */
    u32 *table_at;
    str tables;             /* their bytes */
    u32 frame_bytes, frame; /* frame: the local that points to it */
    wasm_import imports[WASM_MAX_IMPORTS];
    u32 n_imports;
    u32 depth, break_at, continue_at, return_at; /* blocks open, and where those end */
    u32 item;                                    /* local of the current item of a phase */
    u32 first, result;                           /* locals: the element or group; of a MAP: its value */
    qn_status status;
} wasm;

/* wasm_code.c: bytes */
void wasm_put(wasm *w, wasm_op op);
void wasm_put_u(wasm *w, wasm_op op, u32 operand); /* a local, function, depth, lane, block type */
void wasm_put_i32(wasm *w, i32 value);
void wasm_put_i64(wasm *w, i64 value);
void wasm_put_f32(wasm *w, f32 value);
void wasm_put_f64(wasm *w, f64 value);
void wasm_put_zero_v128(wasm *w);
void wasm_put_memory(wasm *w, wasm_op op, u32 bytes, u32 offset); /* bytes: alignment that is certain */
void wasm_put_shuffle_down(wasm *w, u32 lanes);                   /* the vector, its lanes moved down by so many */
u32 wasm_local_make(wasm *w, u8 type, const char *name);
u32 wasm_math(wasm *w, const char *builtin, const char *type, u8 n_in, const u8 *in, u8 out); /* index of the function */
void wasm_open(wasm *w, wasm_op op, u8 type);                                                 /* block, loop or if */
void wasm_close(wasm *w);
void wasm_br(wasm *w, wasm_op op, u32 to); /* to: what depth was inside the block */
void wasm_leb(str *out, u64 value);
void wasm_leb_signed(str *out, i64 value);
qn_status wasm_module(wasm *w, str *out); /* all sections */
/* wasm_text.c: the same module as text */
qn_status wasm_text(const wasm *w, str *out);

/* wasm_expression.c */
u8 wasm_type(kc_type t);
void wasm_expr(wasm *w, const kc_expr *e);   /* leaves its value on the stack */
void wasm_effect(wasm *w, const kc_expr *e); /* leaves nothing */
void wasm_assign(wasm *w, const kc_expr *target, const kc_expr *value);
void wasm_address(wasm *w, const kc_expr *e, u32 *offset, u32 *align); /* of a K_ELEM, or the start of a K_ARRAY */
u32 wasm_elem_bytes(const kc_var *v);
void wasm_load(wasm *w, kc_type t, u32 offset);  /* address -> value */
void wasm_store(wasm *w, kc_type t, u32 offset); /* address, value -> */
void wasm_refuse(wasm *w, kc_pos pos, const char *why);
wasm_op wasm_binary_op(kc_op op, kc_type t); /* W_COUNT: none */
/* wasm_call.c */
void wasm_call(wasm *w, const kc_expr *e);
/* The same for four elements at once, of a builtin of plain numbers; `put` leaves an argument's v128. */
void wasm_call_on_four(wasm *w, const kc_expr *e, void (*put)(wasm *w, const kc_expr *e));
/* wasm_vector.c: a MAP's body for the four elements from local `first` on; false: this one cannot, nothing was written */
bool wasm_vector_fits(const wasm *w);
void wasm_vector_body(wasm *w, u32 out_base);

#endif

/* Kernel C -> text for a target, or answers from the interpreter. kc knows no graph and no device.
 *
 *     source + defines --lex, parse, type, simplify, effects--> kc_module --print--> text / --interpret--> memory
 *
 * A module lives in the arena it was compiled into. Diagnostics: fail(QN_E_KERNEL, "file:line:col: ...") with the caret line
 * in the text; nothing is printed. */
#ifndef KC_H
#define KC_H

#include "base/base.h"

typedef enum kc_target {
    KC_NONE,
#define TARGET(id, name, printer, dialect) KC_##id,
#include "kc/targets.def"
#undef TARGET
    KC_TARGET_COUNT
} kc_target;
kc_target kc_target_by_name(const char *name); /* KC_NONE: no such target */
const char *kc_target_name(u32 i);             /* of a kc_target, for listings; NULL past the end */

typedef enum kc_form { KC_MAP, KC_GROUP } kc_form;
typedef enum kc_scalar {
    KC_VOID,
    KC_BOOL,
    KC_I8,
    KC_I16,
    KC_I32,
    KC_I64,
    KC_U8,
    KC_U16,
    KC_U32,
    KC_U64,
    KC_F16,
    KC_BF16,
    KC_F32,
    KC_F64
} kc_scalar;
typedef struct kc_type {
    u8 scalar;
    u8 lanes;
} kc_type; /* lanes 1, 2, 4; 0xff: wide (the target's WIDTH) */
typedef enum kc_role { KC_IN, KC_OUT, KC_INOUT, KC_SCALAR, KC_CONST } kc_role;
typedef struct kc_param {
    const char *name;
    kc_type type;
    kc_role role;
    /* Of a user's kernel only (bound.c), what its launcher owes it: */
    u32 length_of; /* not in the source: this word is the number of elements of buffer length_of - 1 */
    u32 least;     /* a buffer must have at least so many elements, */
    bool whole;    /* and one for each element (group) of the launch */
} kc_param;

typedef struct kc_kernel { /* what a launcher must know */
    const char *name;
    kc_form form;
    kc_type result; /* of a MAP */
    u32 group;      /* items in a group; 1 for a MAP */
    u64 shared_bytes;
    u32 n_params;
    const kc_param *params; /* without the first (element or group) */
    bool uses_f64, uses_i64, uses_f16, uses_atomics, uses_shared, uses_mma, uses_subgroups;
} kc_kernel;

/* A kernel to be had: a file of kernels/ (compiled in, found by name) or made text. The same program always has the same key. */
typedef struct kc_program {
    const char *file;    /* "matmul.c"; also the name in messages */
    const char *text;    /* NULL: the embedded text of `file` */
    const char *entry;   /* NULL: the only kernel in it */
    const char *defines; /* "T=f32 GROUP=64", sorted by name, "" for none */
    bool users;          /* a user's kernel: kept inside its buffers, worth a system compiler's time; not in the key */
} kc_program;
u64 kc_program_key(const kc_program *p);

typedef struct kc_module kc_module; /* a typed, simplified file (tree.h) */
typedef struct kc_options {
    u32 width;
    bool no_simplify;
    bool
        unbound; /* leave a user's kernel as it is written: for people, and for the interpreter, which checks each index itself */
} kc_options; /* width: lanes of f32w; 0 is 4 */
qn_status kc_compile(arena *a, const kc_program *p, const kc_options *options, kc_module **out);
u32 kc_kernel_count(const kc_module *m);
const kc_kernel *kc_kernel_at(const kc_module *m, u32 i);
const kc_kernel *kc_kernel_find(const kc_module *m, const char *entry); /* entry NULL: the only one; NULL: none */

/* A CONST parameter whose name is among the program's defines is baked in and no longer a parameter. Print kernel k for a target:
 * KC_C gives a translation unit that defines  void qk_run(const qk_args *, u32 from, u32 to)  (quern_kernel.h) with no further includes.
 * KC_OPENCL gives OpenCL C 1.2 with kernel `qk_run`: arguments in parameter order (a MAP's output buffer after them), each buffer followed
 * by a `uint` place in it in units of 256 bytes, then `uint count`;
 * a MAP guards i < count; a KERNEL uses get_group_id(0) as the group and GROUP as its required work-group size. */
qn_status kc_print(const kc_module *m, const kc_kernel *k, kc_target target, str *out);

/* The same kernel as a WebAssembly module, whose text KC_WASM is: it exports qk_run over an imported env.memory (`shared`: seen by several threads) and
 * env.__stack_pointer, with the functions of src/device/math_wasm.c imported from "math". Needs SIMD128; f32w of 4 lanes. */
qn_status kc_wasm_binary(const kc_module *m, const kc_kernel *k, bool shared, str *out);
/* KC_WGSL gives a module with the entry point `qk_run`. Bindings 0 .. n - 1 are storage buffers, binding n is one uniform block of u32: the
 * scalar words in order, the count, and for each parameter whose binding holds several (in the order of parameters, a MAP's output last) its place in
 * the binding in words. Groups come in two dimensions, x + y * (number in x). A MAP runs KC_WGSL_MAP_GROUP items a group, and an item
 * makes the elements of one word of the output (4 of i8, 2 of f16). A KERNEL's group is GROUP items. */
enum { KC_WGSL_MAP_GROUP = 64 };
typedef struct kc_layout {
    u32 n_bindings;      /* 0: each buffer its own */
    u8 binding[13];      /* of each buffer parameter, a MAP's output last */
    bool f16, subgroups; /* the device has these features of WGSL */
} kc_layout;
qn_status kc_print_wgsl(const kc_module *m, const kc_kernel *k, const kc_layout *layout,
                        str *out); /* NULL: each buffer its own, no features */

/* Run elements or groups [from, to) with every check on. bufs: one per buffer parameter, a MAP's output last. */
typedef struct kc_memory {
    void *data;
    u64 bytes;
} kc_memory;
typedef struct kc_checks {
    bool reverse_items;
    bool no_races;
    u64 max_steps;
    bool *too_long; /* set when it ends for that; may be NULL */
} kc_checks;        /* max_steps of an element or group; 0: 2^27, some seconds */
qn_status kc_interpret(const kc_module *m, const kc_kernel *k, const kc_memory *bufs, u32 n_bufs, const u32 *words,
                       u32 n_words, u64 from, u64 to, const kc_checks *checks);

/* How often all loops of a MAP turn for one element, at most (turns.c), with what is known of a launch; KC_TURNS_UNKNOWN: kc cannot tell. */
#define KC_TURNS_UNKNOWN UINT64_MAX
typedef struct kc_launch_facts {
    const u32 *words;
    const bool *open; /* words that may be anything; NULL: none */
    u64 count;        /* of elements; 0: any */
} kc_launch_facts;
qn_status kc_turns(const kc_module *m, const kc_kernel *k, const kc_launch_facts *facts, u64 *out);

/* The block machine: a MAP turned into code that does 256 elements an instruction, through loops compiled for this CPU. It takes
 * the place of a compiler where there is none, and runs fused chains. NULL with QN_OK: this kernel does not fit (item-dependent loops). */
typedef struct kc_block kc_block;
qn_status kc_block_make(arena *a, const kc_module *m, const kc_kernel *k, kc_block **out);
void kc_block_run(const kc_block *b, void *const *bufs, const u32 *words, u64 from, u64 to); /* thread safe */

/* kernels/ as embedded by the build. */
const char *kc_embedded(const char *file); /* text, or NULL */
const char *kc_embedded_name(u32 i);       /* i-th file, NULL past the end */
#endif

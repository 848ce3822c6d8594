/* Ways of running a kernel, their answers, and the comparison with the interpreter's. */
#ifndef KFUZZ_RUN_H
#define KFUZZ_RUN_H

#include <stdatomic.h>

#include "kfuzz.h"

typedef struct answer {
    u64 y[2 * KFUZZ_GROUPS * KFUZZ_ELEMS]; /* the result's bytes, densely; room for 97 vectors */
    u64 z[4 * KFUZZ_GROUPS * KFUZZ_ELEMS]; /* f32 or f64, densely */
    u32 acc[KFUZZ_ELEMS];
} answer;

/* What a launch of a file takes: the argument `which_at` picks the kernel, buffers from first_back on come back. */
typedef struct kfuzz_launch {
    u32 count, n_buffers, first_back, n_args, which_at;
    struct {
        const void *data;
        u64 bytes;
    } buffers[8];
    struct {
        u32 buffer; /* + 1; 0: the number */
        f64 number;
    } args[16];
} kfuzz_launch;

typedef struct kfuzz_node kfuzz_node; /* kfuzz_node.c: Node with the module for browsers */
kfuzz_node *kfuzz_node_open(void);    /* NULL, with a sentence in qn_last_error: not here */
void kfuzz_node_close(kfuzz_node *n);
qn_status kfuzz_node_run(kfuzz_node *n, const kfuzz_launch *l, const char *source, const char *defines, u32 kernels,
                         void *const *back, u64 stride);

typedef struct way {
    char name[40];
    qn_device *device; /* NULL: the block machine, by itself, or node */
    kfuzz_node *node;
    u32 batch; /* kernels a file: more where a compiler is slow to start */
    u32 most;  /* kernels it takes at most; 0: all */
    u64 ran, refused, differ;
    char why[200]; /* the last refusal */
} way;

enum { KFUZZ_MAX_WAYS = 16 };
/* The interpreter first (not for total kernels: there the CPU's plainest is the truth), then every other way that is here: the block machine,
 * the CPU's instruction sets (through a system compiler), WebAssembly in Node, and each device that qn_device_list knows.
 * only: names, joined by commas; NULL: all. */
u32 ways_open(const char *only, bool total, way *out);
void ways_close(way *ways, u32 n);

/* Runs each of the file's n kernels once. QN_E_UNSUPPORTED: this way cannot. */
qn_status way_run(const way *w, const kfuzz_shape *shape, const char *source, u32 n, answer *out);

/* NULL: they agree; else what differs first, in words (static). */
const char *answers_differ(const kfuzz_shape *shape, const kfuzz_case *c, const answer *want, const answer *got);

/* Takes choices away as long as `w` still disagrees with `truth` about the kernel, for so many seconds at most. */
void kfuzz_shrink(const kfuzz_shape *shape, const way *truth, const way *w, choices *c, u32 seconds);
/* One kernel alone, made and run on both; the words as above, "" when it cannot be told. `text` (may be NULL) takes the file. */
const char *kfuzz_check_one(const kfuzz_shape *shape, const way *truth, const way *w, const choices *c, str *text);

/* Where a comparison is, in memory that another process may watch (kfuzz_watch.c). */
typedef struct kfuzz_progress {
    u32 number, way, from, n; /* the kernels number + from, n of them, run on that way */
    bool told;                /* they differ, which is told; what runs is made smaller */
    bool finished;
    _Atomic u64 since;        /* clock_ns when it began; 0: nothing runs */
    way ways[KFUZZ_MAX_WAYS]; /* their counts */
    u32 n_ways;
} kfuzz_progress;

/* Kernels [from, from + count) of `seed` on all ways; prints each difference as a small file. The number of differences. 16 kernels share a
 * shape, so `from` counts from the last multiple of 16: the same number is the same kernel everywhere. */
typedef struct kfuzz_plan {
    u64 seed;
    u32 from, count;
    u32 seconds;              /* stop after so long; 0: when all are done */
    bool small;               /* kernels of a quarter of the nodes */
    bool total;               /* divisions, shifts and casts without a guard */
    u32 groups;               /* KERNELs a file at most; 0: 4 */
    kfuzz_progress *progress; /* may be NULL */
    struct {
        bool here; /* the first 16 kernels were begun: the ways before `way` are done, and of `way` all below `kernel` */
        u32 way, kernel;
    } resume; /* its others go one a file */
} kfuzz_plan;
kfuzz_shape kfuzz_plan_shape(const kfuzz_plan *p, u32 number);
choices kfuzz_plan_choices(const kfuzz_plan *p, u32 number);
u32 kfuzz_compare(const kfuzz_plan *p, way *ways, u32 n);

/* The same in processes of their own: files of kernels that take longer than `timeout` seconds on a way, or end the process, are run one by one;
 * a kernel that does so alone is named and counted as a difference, and the rest goes on. `only` as in ways_open. The counts lie in *out.
 * QN_E_NAME: a way that is named is not here. */
qn_status kfuzz_watch(const kfuzz_plan *p, const char *only, u32 timeout, kfuzz_progress *out);
#endif

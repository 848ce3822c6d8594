/* Every program that is known to be used: kernels of the library with the sets of defines that are built or asked for, examples, goldens. */
#ifndef PROGRAMS_H
#define PROGRAMS_H

#include "kc/kc.h"
#include "test.h"

typedef struct programs {
    arena *mem;
    map known; /* keys */
    kc_program *items;
    u32 n, cap;
} programs;

bool programs_add(programs *p, const kc_program *program); /* copied; once a key. false: no memory */
/* program_sources.c */
void programs_add_host_sets(test *t, programs *p); /* what `#pragma host` lists, of each kernel file */
void programs_add_op_cases(test *t, programs *p);  /* what the plans of the op case table ask for, on a GPU and on a CPU */
void programs_add_files(test *t, programs *p);     /* examples/ and tests/kc/ */
void programs_add_random(test *t, programs *p, u32 n);
#endif

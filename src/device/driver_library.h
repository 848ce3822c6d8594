/* A driver's library, loaded at run time with the functions that a table wants of it, so that neither it nor its headers are needed to build. */
#ifndef DRIVER_LIBRARY_H
#define DRIVER_LIBRARY_H

#include <pthread.h>

#include "base/base.h"

typedef struct driver_function {
    const char *name;
    void *at;      /* of the pointer to it, in a table */
    bool optional; /* NULL where it is missing */
} driver_function;
/* A row of an X-macro of functions: DRIVER_FUNCTION("cu", table, Init) is cuInit at &table.Init. */
#define DRIVER_FUNCTION(prefix, table, member) { prefix #member, &(table).member, false }

typedef struct driver_part {  /* one file, and what is wanted of it */
    const char *const *files; /* the first that is there; NULL at the end */
    const driver_function *functions;
    u32 n;
} driver_part;

typedef struct driver_library {
    const char *setting; /* of the environment: names a file in place of `files`; NULL: none does */
    const char *absent;  /* a sentence for when there is no file, before what the loader says */
    const char *too_old; /* what is needed, where a function is missing */
    const driver_part *parts;
    u32 n_parts;
    bool (*start)(char *why, u32 room); /* with the functions there; NULL: nothing is to be started */
    /* ---- kept by driver_library_load */
    pthread_mutex_t lock; /* PTHREAD_MUTEX_INITIALIZER */
    bool tried, works;
    char why[300];
} driver_library;

/* Once for the process; never unloaded, for drivers keep threads. QN_E_NO_DEVICE with the reason, the same each time. */
qn_status driver_library_load(driver_library *l);

#endif

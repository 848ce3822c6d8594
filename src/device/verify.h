/* Is a kernel right on this very device? The same launch is done there and by kc's interpreter, on the same small data, and what they wrote
 * is compared. What was found is remembered, for the adapter and its driver, in the cache on disk. */
#ifndef VERIFY_H
#define VERIFY_H

#include "device/device.h"

/* A launch as a plan makes it, with sizes filled in. data NULL: made up. */
typedef struct verify_buffer {
    u64 bytes;
    const void *data;
} verify_buffer;

typedef struct verify_launch {
    const kc_program *program;
    u32 n_bufs, n_words;
    verify_buffer bufs[DEVICE_MAX_BUFFERS];
    u32 words[DEVICE_MAX_WORDS];
    u64 count; /* elements or groups; the first few are run */
} verify_launch;

typedef enum verdict {
    VERDICT_NONE, /* not looked at */
    VERDICT_RIGHT,
    VERDICT_UNJUDGED, /* the interpreter cannot tell in time, or not at all with made-up data */
    VERDICT_WRONG,    /* computes something else */
    VERDICT_REFUSED   /* does not compile or run there */
} verdict;

/* Does this device want its kernels looked at? */
bool verify_wanted(const qn_device *d);
/* What is known of the program, from this process or an earlier one. */
verdict verify_known(qn_device *d, const kc_program *p);
/* Find out and remember. Waits. QN_E_NOMEM and QN_E_LOST; a kernel that is wrong is no failure. */
qn_status verify_run(qn_device *d, const verify_launch *l, verdict *out);
void verify_save(qn_device *d); /* to disk, what is new */
void verify_free(qn_device *d); /* when it closes */
/* The i-th kernel that is not used on this device, as a sentence; NULL past the end. */
const char *verify_note(qn_device *d, u32 i);

#endif

/* Is a kernel right on this very device? The same launch is done there and by kc's interpreter, on the same small data, and what they wrote
 * is compared. What was found is remembered, for the adapter and its driver, where cache_put keeps it. Nothing waits. */
#ifndef VERIFY_H
#define VERIFY_H

#include "device/device.h"

/* A launch as a plan makes it, with sizes filled in. data NULL: made up. Those with the same `home` lie in one buffer, as they will when the
 * plan runs: a device may make another program for each way in which they meet. */
typedef struct verify_buffer {
    u64 bytes;
    const void *data;
    u32 home;
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
/* Find out and remember. The program of the launch is lent until verify_end; QN_E_NOMEM and QN_E_LOST end all, a kernel that is wrong is no
 * failure. begin: the device makes the program, beside others. step: one small piece of the work, *moved false when there is none before
 * the device answers; *out is VERDICT_NONE until it is known. `alone`: no other launch is under way that could fail this one; where it is
 * not, VERDICT_REFUSED is not remembered and to be tried again alone (verify_again). */
typedef struct verify verify;
qn_status verify_begin(qn_device *d, const verify_launch *l, verify **out);
qn_status verify_step(verify *v, bool alone, bool *moved, verdict *out);
bool verify_again(verify *v);            /* back to the start, with its program; false: it has none */
u64 verify_bytes(const verify *v);       /* of its buffers */
qn_ticket verify_waits(const verify *v); /* for this one; 0: it does not */
qn_prog verify_take_program(verify *v);  /* the caller's from now on; 0: there is none */
void verify_end(verify *v);              /* at any time; NULL is fine */
void verify_save(qn_device *d);          /* what is new */
void verify_free(qn_device *d);          /* when it closes */
/* How many kernels got each verdict: counts[VERDICT_REFUSED + 1]. */
void verify_counts(qn_device *d, u32 *counts);
/* The i-th kernel of which variants are not used on this device, as a sentence with these and why; NULL past the end. Lent until the next. */
const char *verify_note(qn_device *d, u32 i);

#endif

/* How long a model takes on a device, run after run; and the race of all devices. */
#ifndef TIMING_H
#define TIMING_H

#include "cli.h"

typedef struct timing {
    double device_ms, open_ms, first_ms; /* the cold path, in order; the first two are the caller's to fill */
    double *warm_ms;                     /* sorted */
    uint32_t runs;
    double median, least, quarter, three_quarters; /* of the warm runs */
    uint64_t peak_bytes;
    qn_stats stats;
} timing;

/* One first run, then warm ones: `wanted`, or with 0 as many as fit in 3 seconds, 5 to 200. timing_free in both cases. */
qn_status timing_measure(qn_session *s, const inputs *in, uint32_t wanted, timing *t);
void timing_free(timing *t);

/* race.c: `quern bench MODEL --race`; gives the exit code. */
int race_run(const args *a);

#endif

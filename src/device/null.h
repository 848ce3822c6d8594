/* What the null device counted: for tests of planner and executor. */
#ifndef NULL_H
#define NULL_H

#include "device/device.h"

typedef struct null_counts {
    u64 buffers_made, buffers_alive, bytes_alive, bytes_peak;
    u64 programs_made, programs_alive, launches, copies, writes, reads, flushes, bytes_written, bytes_read;
} null_counts;
const null_counts *null_counts_of(const qn_device *d); /* NULL when d is not a null device; lent until it closes */

#endif

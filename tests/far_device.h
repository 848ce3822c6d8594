/* The CPU as a device far away: its memory is not the host's, what is read arrives only after some polls, and a test may cut its caps. */
#ifndef FAR_DEVICE_H
#define FAR_DEVICE_H

#include "device/device.h"
#include "test.h"

typedef struct far_counts {
    u64 reads, read_bytes, writes, write_bytes, launches;
} far_counts;

/* One at a time. NULL after a failed check. cannot_wait: as in a browser, wait_a_little is NULL. */
qn_device *far_device_open(test *t, bool cannot_wait);
void far_device_close(qn_device *d); /* its sessions are closed; NULL is fine */
far_counts far_device_counts(void);  /* since it was opened */
#endif

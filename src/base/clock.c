/* Time for measuring, in nanoseconds from some fixed point; never goes back. */
#include <time.h>

#include "base/base.h"

u64 clock_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
    return (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
}

/* How often each byte value occurs. Each group counts a piece of x in group memory, then adds its counts to the result at once, so that
 * the result sees 256 atomic additions a group and not one for each element.
 *
 *     quern kernel examples/histogram.c --target opencl
 *     run_kernel examples/histogram.c cpu */
#include "quern_kernel.h"

#define GROUP 64
#define BINS  256
#define PIECE 4096 /* elements a group counts */

KERNEL histogram(u32 group, IN(u8) x, INOUT(u32) counts, u32 n) /* x[n] -> counts[256], which start at 0 */
{
    SHARED(u32, mine, BINS);
    ITEMS (t)
        for (u32 bin = t; bin < BINS; bin += GROUP) mine[bin] = 0;
    ITEMS (t) {
        u32 end = min(n, (group + 1) * PIECE);
        for (u32 i = group * PIECE + t; i < end; i += GROUP) atomic_add(mine, load(x, i), 1);
    }
    ITEMS (t)
        for (u32 bin = t; bin < BINS; bin += GROUP)
            if (mine[bin] > 0) atomic_add(counts, bin, mine[bin]);
}

/* y = a * x + y, one element an item: the smallest MAP. The result goes to a buffer of its own.
 *
 *     quern kernel examples/saxpy.c --target opencl        see it translated
 *     run_kernel examples/saxpy.c cpu                      run it and check the result (examples/run_kernel.c) */
#include "quern_kernel.h"

MAP(f32) saxpy(u32 i, IN(f32) x, IN(f32) y, f32 a) { return a * x[i] + y[i]; }

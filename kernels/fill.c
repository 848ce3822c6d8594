/* y[n] of the same 64 bits. */
#include "quern_kernel.h"
#pragma host

MAP(u64) fill_wide(u32 i, u64 bits) { return bits; }

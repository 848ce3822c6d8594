/* y[n] words of zero bits; y[n] of the same 64 bits. */
#include "quern_kernel.h"
#pragma host

MAP(u32) fill_zero(u32 i) { return i & 0u; }
MAP(u64) fill_wide(u32 i, u64 bits) { return bits; }

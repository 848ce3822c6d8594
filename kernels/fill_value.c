/* Every element gets the same bits. */
#include "quern_kernel.h"
#pragma host T=u8,u16,u32,u64

MAP(T) fill_value(u32 i, u32 low, u32 high) { return (T)((u64)low | (u64)high << 32); }

/* start, start + delta, ... */
#include "quern_kernel.h"
#pragma host T=i8,i16,i32,i64,u8,u16,u32,u64,f16,bf16,f32,f64

MAP(T) range_map(u32 i, IN(T) start, IN(T) delta) { return TO(T, load(start, 0) + load(delta, 0) * i); }

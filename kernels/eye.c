/* Ones on a diagonal of y[rows][cols]: `diagonal` above the main one, below it when negative. */
#include "quern_kernel.h"
#pragma host T=i8,i16,i32,i64,u8,u16,u32,u64,f16,bf16,f32,f64,bool

MAP(T) eye_map(u32 i, u32 cols, i32 diagonal)
{
    i32 row = (i32)(i / cols), col = (i32)(i % cols);
    return TO(T, col - row == diagonal ? 1 : 0);
}

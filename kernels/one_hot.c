/* values[1] where the coordinate along depth is the index, values[0] elsewhere: idx[outer][inner] -> y[outer][depth][inner]. */
#include "quern_kernel.h"
#pragma host T=u8,u16,u32,u64 I=i32,i64

MAP(T) one_hot_map(u32 i, IN(I) idx, IN(T) values, u32 depth, u32 inner)
{
    u32 c = i % inner, d = i / inner % depth, o = i / inner / depth;
    I at = idx[o * inner + c];
    if (at < 0) at += (I)depth;
    return at == (I)d ? values[1] : values[0];
}

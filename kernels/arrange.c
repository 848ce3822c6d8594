/* trilu_map: x[..][rows][cols] with zeros below (upper=1) or above its diagonal `diagonal`.
 * reverse_sequence_map: x[times][batches][inner] or, time_first=0, x[batches][times][inner]; of sequence b the first lens[b] times turned round. */
#include "quern_kernel.h"
#pragma host T=u8,u16,u32,u64

MAP(T) trilu_map(u32 i, IN(T) x, CONST(u32) upper, u32 rows, u32 cols, i32 diagonal)
{
    i32 row = (i32)(i / cols % rows), col = (i32)(i % cols), above = col - row;
    bool keep = upper != 0 ? above >= diagonal : above <= diagonal;
    return keep ? x[i] : (T)0;
}

MAP(T) reverse_sequence_map(u32 i, IN(T) x, IN(i64) lens, CONST(u32) time_first, u32 times, u32 batches, u32 inner)
{
    u32 c = i % inner, r = i / inner;
    u32 time = time_first != 0 ? r / batches : r % times, batch = time_first != 0 ? r % batches : r / times;
    u32 n = min((u32)max(lens[batch], (i64)0), times), from = time < n ? n - 1 - time : time;
    u32 row = time_first != 0 ? from * batches + batch : batch * times + from;
    return x[row * inner + c];
}

/* y[batch][mid][n][inner]: cache[batch][mid][held][inner] and 0 behind it, with update[batch][mid][m][inner] in place of the entries from
 * places[batch] on; circular=1: round the end. */
#include "quern_kernel.h"
#pragma host T=u8,u16,u32,u64

MAP(T) tensor_scatter_map(u32 i, IN(T) cache, IN(T) update, IN(i64) places, CONST(u32) circular, CONST(u32) has_places, u32 mid, u32 n, u32 held,
                          u32 m, u32 inner)
{
    u32 c = i % inner, entry = i / inner % n, row = i / inner / n;
    i64 from = has_places != 0 ? places[row / mid] : (i64)0, ahead = (i64)entry - from;
    if (circular != 0) {
        ahead = ahead % (i64)n;
        if (ahead < 0) ahead = ahead + (i64)n;
    }
    if (ahead >= 0 && ahead < (i64)m) return update[(row * m + (u32)ahead) * inner + c];
    return entry < held ? cache[(row * held + entry) * inner + c] : (T)0;
}

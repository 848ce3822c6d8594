/* Is every place inside its axis? idx[count] holds tuples; entry c of one may be 0 .. n<c> - 1 or, with from_end=1, -n<c> .. n<c> - 1.
 *     places_scan    an element looks through PART entries: 0, or 1 + the first that is outside
 *     places_meet    64 words for the host: word w < 32 is the first that is outside in the w-th share of the parts, or 0; word 32 + w the
 *                    entry that stands there, held in 32 bits */
#include "quern_kernel.h"
#pragma host I=i32,i64

#define PART 64
#define SHARES 32

MAP(u32) places_scan(u32 i, IN(I) idx, u32 count, CONST(u32) tuple, CONST(u32) from_end, u32 n0, u32 n1, u32 n2, u32 n3, u32 n4, u32 n5, u32 n6,
                     u32 n7)
{
    u32 first = i * PART, last = min(first + PART, count), found = 0;
    for (u32 k = first; k < last; k++) {
        u32 c = tuple > 1 ? k % tuple : 0, n = n0;
        if (tuple > 1) {
            if (c == 1) n = n1;
            if (c == 2) n = n2;
            if (c == 3) n = n3;
            if (c == 4) n = n4;
            if (c == 5) n = n5;
            if (c == 6) n = n6;
            if (c == 7) n = n7;
        }
        I v = idx[k], low = from_end != 0 ? -(I)n : (I)0;
        bool outside = v < low || v >= (I)n;
        found = found == 0 && outside ? k + 1 : found;
    }
    return found;
}

MAP(u32) places_meet(u32 i, IN(I) idx, IN(u32) first, u32 parts)
{
    u32 w = i % SHARES, share = (parts + SHARES - 1) / SHARES, last = min(w * share + share, parts), found = 0;
    for (u32 p = w * share; p < last; p++) {
        if (found == 0) found = first[p];
    }
    if (i < SHARES || found == 0) return found;
    I v = clamp(idx[found - 1], (I)INT32_MIN, (I)INT32_MAX);
    return (u32)(i32)v;
}

/* pad_map.c line by line: one group makes a line of y along the last dimension. What lies inside x is one run. Six dimensions. */
#include "quern_kernel.h"
#include "pad.h"
#pragma host T=u8,u16,u32,u64
#define GROUP 1

#define STEP(d)                                                                                                             \
    c = pad_source((i32)(r % o##d) - b##d, (i32)n##d, mode);                                                                \
    r /= o##d;                                                                                                              \
    inside = inside && c >= 0;                                                                                              \
    from += c * step;                                                                                                       \
    step *= (i32)n##d;

KERNEL pad_lines(u32 group, IN(T) x, IN(T) value, OUT(T) y, CONST(u32) mode, u32 o0, u32 o1, u32 o2, u32 o3, u32 o4, u32 o5, u32 n0, u32 n1,
                 u32 n2, u32 n3, u32 n4, u32 n5, i32 b0, i32 b1, i32 b2, i32 b3, i32 b4, i32 b5)
{
    u32 r = group;
    i32 from = 0, step = (i32)n5, c = 0;
    bool inside = true;
    STEP(4) STEP(3) STEP(2) STEP(1) STEP(0)
    i32 width = (i32)o5, to = (i32)group * width;
    i32 first = inside ? clamp(b5, 0, width) : width, last = inside ? clamp((i32)n5 + b5, first, width) : width;
    ITEMS(t) {
        for (i32 k = 0; k < first; k++) {
            i32 a = pad_source(k - b5, (i32)n5, mode);
            y[to + k] = inside && a >= 0 ? x[from + a] : value[0];
        }
        for (i32 k = first; k < last; k++) y[to + k] = x[from + k - b5];
        for (i32 k = last; k < width; k++) {
            i32 a = pad_source(k - b5, (i32)n5, mode);
            y[to + k] = inside && a >= 0 ? x[from + a] : value[0];
        }
    }
}

/* Phases with group memory, a uniform loop of phases, memory of an item, a uniform read between phases. */
#include "quern_kernel.h"
#define GROUP 32

static void fold(ARRAY(f32, part), u32 t, u32 half)
{
    if (t < half) part[t] += part[t + half];
}

KERNEL row_softmax(u32 row, IN(T) x, OUT(T) y, u32 cols)
{
    SHARED(f32, part, GROUP);
    PER_ITEM(f32, top);
    if (cols == 0) return;
    ITEMS (t) {
        f32 m = -INFINITY;
        for (u32 c = t; c < cols; c += GROUP) m = max(m, load(x, row * cols + c));
        part[t] = m;
    }
    for (u32 half = GROUP / 2; half > 0; half /= 2)
        ITEMS (t)
            if (t < half) part[t] = max(part[t], part[t + half]);
    f32 highest = part[0];
    ITEMS (t) {
        f32 sum = 0;
        top[t] = highest;
        for (u32 c = t; c < cols; c += GROUP) sum += exp(load(x, row * cols + c) - highest);
        part[t] = sum;
    }
    for (u32 half = GROUP / 2; half > 0; half /= 2)
        ITEMS (t) fold(part, t, half);
    ITEMS (t)
        for (u32 c = t; c < cols; c += GROUP) store(y, row * cols + c, exp(load(x, row * cols + c) - top[t]) / part[0]);
}

/* Groups: memory of the group in one and two dimensions, values of items, every atomic, phases in branches and loops, stores of narrow types. */
#include "quern_kernel.h"
#define GROUP 8

static void fold(ARRAY(f32, part))
{
    for (u32 half = GROUP / 2; half > 0; half /= 2)
        ITEMS(t) if (t < half) part[t] = max(part[t], part[t + half]);
}

KERNEL groups(u32 group, IN(f16) x, OUT(f16) y, OUT(u8) low, INOUT(u32) counts, INOUT(i32) ends, INOUT(f32) sum, u32 n)
{
    if (group >= n) return;
    SHARED(f32, part, GROUP);
    SHARED2(i32, tile, GROUP, 2);
    PER_ITEM(u32, seen);
    PER_ITEMS(f32, kept, 2);
    ITEMS(t) {
        kept[t][0] = load(x, group * GROUP + t);
        kept[t][1] = kept[t][0] * 2.0f;
        part[t] = kept[t][1];
        tile[t][0] = (i32)t;
        tile[t][1] = -1;
    }
    fold(part);
    if (n > 2)
        ITEMS(t) {
            seen[t] = atomic_add(counts, t & 3u, 1u);
            atomic_min(ends, 0, tile[t][0]);
            atomic_max(ends, 1, tile[7 - t][0]);
            atomic_and(counts, 4, ~t);
            atomic_or(counts, 5, t);
            atomic_xor(counts, 6, t);
            atomic_xchg(counts, 7, t);
            atomic_cas(counts, 8, 0u, t);
            atomic_add(sum, 0, kept[t][0]);
        }
    else
        ITEMS(t) seen[t] = 0;
    f32 top = part[0];
    ITEMS(t) {
        store(y, group * GROUP + t, top - kept[t][1]);
        low[group * GROUP + t] = TO(u8, seen[t] + (u32)tile[t][1]);
    }
}

/* Wide vectors, four-lane vectors and arrays of them; loops unrolled; a table. */
#include "quern_kernel.h"
#define GROUP 1

static const f32 taps[3] = { 0.25f, 0.5f, 0.25f };

KERNEL blur(u32 row, IN(T) x, OUT(T) y, u32 cols)
{
    ITEMS (t) {
        u32 at = row * cols, c = 1;
        for (; c + WIDTH < cols; c += WIDTH) {
            f32w sum = splatw(0);
#pragma unroll
            for (u32 k = 0; k < 3; k++) sum = mad(splatw(taps[k]), loadw(x, at + c + k - 1), sum);
            storew(y, at + c, max(sum * 2.0f, -1.0f));
        }
        for (; c + 1 < cols; c++) {
            f32 sum = 0;
            for (u32 k = 0; k < 3; k++) sum += taps[k] * load(x, at + c + k - 1);
            store(y, at + c, sum);
        }
        f32x4 v[2];
#pragma unroll
        for (u32 k = 0; k < 2; k++) v[k] = load4(x, at + k * 4) * 0.5f;
        v[0].w = v[1][0];
        store4(y, at, v[0] + v[1]);
        f32w rest = loadw_part(x, at + c, cols - c);
        storew_part(y, at + c, rest, cols - c);
        y[at] = TO(T, sumw(rest) + maxw(rest));
    }
}

/* y[32][16] = x[32][32] times w[16][32] on the matrix units, factors of f16 as words of two: 32 items, 2 x 2 tiles. See docs/kernel-language.md. */
#include "quern_kernel.h"
#define GROUP 32

KERNEL mma_small(u32 group, IN(u32) x, IN(u32) w, OUT(f32) y)          /* group: 32 rows of x; k in two halves of 16 */
{
    PER_ITEMS(f32, sums, 16);
    PER_ITEMS(u32, left, 8);
    PER_ITEMS(u32, right, 4);
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < 16; i++) sums[t][i] = 0;
    }
    for (u32 k = 0; k < 2; k++) {
        ITEMS(t) {
#pragma unroll
            for (u32 i = 0; i < 8; i++) left[t][i] = x[(group * 32 + i / 4 * 16 + t / 4 + i % 2 * 8) * 16 + k * 8 + t % 4 + i % 4 / 2 * 4];
#pragma unroll
            for (u32 i = 0; i < 4; i++) right[t][i] = w[(i / 2 * 8 + t / 4) * 16 + k * 8 + t % 4 + i % 2 * 4];
        }
        mma_f16(sums, left, right);
    }
    ITEMS(t) {
#pragma unroll
        for (u32 i = 0; i < 16; i++) y[(group * 32 + i / 8 * 16 + t / 4 + i % 4 / 2 * 8) * 16 + i / 4 % 2 * 8 + t % 4 * 2 + i % 2] = sums[t][i];
    }
}

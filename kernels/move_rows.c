/* A copy with strides, row by row: y runs along the last dimension, x has any step along it. One group copies `block` rows.
 * The last row has last_run elements, the others run.
 * Four more dimensions stand outside: n1 .. n3 are the sizes of the inner three of them, s and t their strides in x and y. */
#include "quern_kernel.h"
#pragma host T=u8,u16,u32,u64
#ifndef GROUP
#define GROUP 1
#endif

KERNEL move_rows(u32 group, IN(T) x, OUT(T) y, i32 x_at, i32 y_at, u32 block, u32 rows, u32 run, u32 last_run, i32 x_row, i32 y_row, i32 x_step, u32 n1,
                 u32 n2, u32 n3, i32 s0, i32 s1, i32 s2, i32 s3, i32 t0, i32 t1, i32 t2, i32 t3)
{
    u32 blocks = (rows + block - 1) / block;
    u32 first = group % blocks * block, outer = group / blocks;
    u32 count = min(block, rows - first);
    i32 c3 = (i32)(outer % n3), c2 = (i32)(outer / n3 % n2), c1 = (i32)(outer / n3 / n2 % n1), c0 = (i32)(outer / n3 / n2 / n1);
    i32 from = x_at + c0 * s0 + c1 * s1 + c2 * s2 + c3 * s3 + (i32)first * x_row;
    i32 to = y_at + c0 * t0 + c1 * t1 + c2 * t2 + c3 * t3 + (i32)first * y_row;
#if GROUP == 1
    ITEMS(t) {
        for (u32 r = 0; r < count; r++) {
            i32 a = from + (i32)r * x_row, b = to + (i32)r * y_row;
            u32 n = first + r + 1 == rows ? last_run : run;
            if (x_step == 1)
                for (u32 k = 0; k < n; k++) y[b + (i32)k] = x[a + (i32)k];
            else if (x_step == 0 && n > 0) {
                T v = x[a];
                for (u32 k = 0; k < n; k++) y[b + (i32)k] = v;
            } else
                for (u32 k = 0; k < n; k++) y[b + (i32)k] = x[a + (i32)k * x_step];
        }
    }
#else
    ITEMS(t) {
        for (u32 e = t; e < count * run; e += GROUP) {
            i32 r = (i32)(e / run), k = (i32)(e % run);
            if (first + (u32)r + 1 < rows || (u32)k < last_run) y[to + r * y_row + k] = x[from + r * x_row + k * x_step];
        }
    }
#endif
}

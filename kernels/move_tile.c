/* A copy that turns: x runs along one dimension, y along another. One group copies a tile of 32 x 32, so that both are touched in
 * runs. p is the size along which x runs (y_step: y's stride there), q the one along which y runs (x_step: x's stride there).
 * Four more dimensions stand outside, as in move_rows.c. */
#include "quern_kernel.h"
#pragma host T=u8,u16,u32,u64
#ifndef GROUP
#define GROUP 1
#endif
#define TILE 32

KERNEL move_tile(u32 group, IN(T) x, OUT(T) y, i32 x_at, i32 y_at, u32 p, u32 q, i32 y_step, i32 x_step, u32 n1, u32 n2, u32 n3, i32 s0,
                 i32 s1, i32 s2, i32 s3, i32 t0, i32 t1, i32 t2, i32 t3)
{
    u32 tiles_p = (p + TILE - 1) / TILE, tiles_q = (q + TILE - 1) / TILE;
    u32 q0 = group % tiles_q * TILE, p0 = group / tiles_q % tiles_p * TILE, outer = group / tiles_q / tiles_p;
    u32 ps = min((u32)TILE, p - p0), qs = min((u32)TILE, q - q0);
    i32 c3 = (i32)(outer % n3), c2 = (i32)(outer / n3 % n2), c1 = (i32)(outer / n3 / n2 % n1), c0 = (i32)(outer / n3 / n2 / n1);
    i32 from = x_at + c0 * s0 + c1 * s1 + c2 * s2 + c3 * s3 + (i32)q0 * x_step + (i32)p0;
    i32 to = y_at + c0 * t0 + c1 * t1 + c2 * t2 + c3 * t3 + (i32)p0 * y_step + (i32)q0;
#if GROUP == 1
    ITEMS(t) {
        T in[TILE * TILE], out[TILE * TILE];   /* memory sees whole lines only: its strides are often powers of 2 */
        if (ps == TILE && qs == TILE) {
            for (u32 b = 0; b < TILE; b++)
                for (u32 a = 0; a < TILE; a++) in[b * TILE + a] = x[from + (i32)b * x_step + (i32)a];
            for (u32 a = 0; a < TILE; a++)
                for (u32 b = 0; b < TILE; b++) out[a * TILE + b] = in[b * TILE + a];
            for (u32 a = 0; a < TILE; a++)
                for (u32 b = 0; b < TILE; b++) y[to + (i32)a * y_step + (i32)b] = out[a * TILE + b];
        } else {
            for (u32 b = 0; b < qs; b++)
                for (u32 a = 0; a < ps; a++) out[a * TILE + b] = x[from + (i32)b * x_step + (i32)a];
            for (u32 a = 0; a < ps; a++)
                for (u32 b = 0; b < qs; b++) y[to + (i32)a * y_step + (i32)b] = out[a * TILE + b];
        }
    }
#else
    SHARED2(T, tile, TILE, TILE + 1);
    ITEMS(t) {
        for (u32 e = t; e < TILE * TILE; e += GROUP) {
            u32 b = e / TILE, a = e % TILE;
            if (a < ps && b < qs) tile[b][a] = x[from + (i32)b * x_step + (i32)a];
        }
    }
    ITEMS(t) {
        for (u32 e = t; e < TILE * TILE; e += GROUP) {
            u32 a = e / TILE, b = e % TILE;
            if (a < ps && b < qs) y[to + (i32)a * y_step + (i32)b] = tile[b][a];
        }
    }
#endif
}

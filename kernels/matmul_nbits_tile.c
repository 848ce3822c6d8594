/* A product with weights that stay packed (nbits.h), by register tiles (tile.h): a[m][k], b, scales, zeros 0 to 2 -> y[m][n]. Blocks of y as
 * in matmul_tile.c; of the weights those of a block of y become numbers, TILE_DEPTH of each row at a time. For targets with wide lanes. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16 Z=u8 bits=2,4,8
#pragma host T=f32,f16,bf16 Z=T bits=4
#include "tile.h"
#include "nbits_lanes.h"
#define GROUP 1

#define PITCH (TILE_DEPTH / CODES)

/* right[depth][TILE_PANEL] from rows[4][CODES][PITCH], columns c to c + 3. */
static void put_columns(ARRAY(f32, right), ARRAY(f32, rows), u32 c, u32 depth)
{
    for (u32 p = 0; p < CODES; p++)
        for (u32 i = 0; i * CODES < depth; i += 4) {
            u32 from = p * PITCH + i, to = (i * CODES + p) * TILE_PANEL + c, step = CODES * TILE_PANEL;
            f32x4 v = load4(rows, from);
            f32x4 q = load4(rows, TILE_DEPTH + from);
            f32x4 r = load4(rows, 2 * TILE_DEPTH + from);
            f32x4 s = load4(rows, 3 * TILE_DEPTH + from);
            store4(right, to, MAKE4(f32, v.x, q.x, r.x, s.x));
            store4(right, to + step, MAKE4(f32, v.y, q.y, r.y, s.y));
            store4(right, to + 2 * step, MAKE4(f32, v.z, q.z, r.z, s.z));
            store4(right, to + 3 * step, MAKE4(f32, v.w, q.w, r.w, s.w));
        }
}

KERNEL matmul_nbits_tile(u32 group, IN(T) a, IN(u8) b, IN(T) scale, IN(Z) zero, OUT(T) y, u32 m, u32 n, u32 k, u32 blocks, u32 block_m,
                         u32 block_n, CONST(u32) block, CONST(u32) zeros)
{
    SHARED(f32, left, TILE_LEFT);
    SHARED(f32, right, TILE_RIGHT);
    SHARED(f32, sums, TILE_SUMS);
    SHARED(f32, some, 4 * TILE_DEPTH);
    SHARED(f32, shifts, PITCH);
    SHARED(f32, factors, PITCH);
    ITEMS(t) {
        u32 wide = (n + block_n - 1) / block_n;
        u32 n0 = group % wide * block_n;
        u32 m0 = group / wide * block_m;
        u32 cols = min(block_n, n - n0);
        u32 rows = min(block_m, m - m0);
        for (u32 k0 = 0; k0 < k; k0 += TILE_DEPTH) {
            u32 depth = min(k - k0, (u32)TILE_DEPTH);
            for (u32 c = 0; c < (cols + WIDTH - 1u) / WIDTH * WIDTH; c += 4) { /* the last column again behind it */
                for (u32 i = 0; i < 4; i++)
                    unpack_row(some, i * TILE_DEPTH, PITCH, shifts, factors, b, scale, zero, n0 + min(c + i, cols - 1u), k0, depth,
                               blocks, block, zeros);
                put_columns(right, some, c, depth);
            }
            for (u32 r = 0; r < rows; r += TILE_ROWS) {
                tile_left(left, a, (m0 + r) * k + k0, k, rows - r, depth);
                for (u32 c = 0; c < cols; c += TILE_COLS)
                    tile_add(left, right, c, depth, sums, r * TILE_PANEL + c * TILE_ROWS, k0 == 0, cols - c);
            }
        }
        for (u32 r = 0; r < rows; r++) {
            u32 to = (m0 + r) * n + n0;
            for (u32 c = 0; c < cols; c += WIDTH) {
                f32w v = loadw(sums, tile_at(r, c));
                u32 lanes = min(cols - c, WIDTH);
                if (lanes == WIDTH)
                    storew(y, to + c, v);
                else
                    storew_part(y, to + c, v, lanes);
            }
        }
    }
}

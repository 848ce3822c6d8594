/* c = a b, a tile of c a group: the group loads a tile of a and of b into group memory, once, and each of its items uses them TILE times.
 * Any sizes: what lies outside the matrices counts as 0.
 *
 *     quern kernel examples/matmul_tiled.c --target opencl
 *     run_kernel examples/matmul_tiled.c cpu */
#include "quern_kernel.h"

#define TILE  8
#define GROUP (TILE * TILE)

/* a[m][k], b[k][n] -> c[m][n]; groups run over the tiles of c, row by row */
KERNEL matmul_tiled(u32 group, IN(f32) a, IN(f32) b, OUT(f32) c, u32 m, u32 n, u32 k)
{
    SHARED2(f32, tile_a, TILE, TILE);
    SHARED2(f32, tile_b, TILE, TILE);
    PER_ITEM(f32, sum);
    u32 wide = (n + TILE - 1) / TILE;
    u32 row0 = group / wide * TILE;
    u32 col0 = group % wide * TILE;
    ITEMS (t) sum[t] = 0;
    for (u32 k0 = 0; k0 < k; k0 += TILE) {
        ITEMS (t) {
            u32 r = t / TILE, s = t % TILE;
            tile_a[r][s] = row0 + r < m && k0 + s < k ? a[(row0 + r) * k + k0 + s] : 0;
            tile_b[r][s] = k0 + r < k && col0 + s < n ? b[(k0 + r) * n + col0 + s] : 0;
        }
        ITEMS (t) {
            u32 r = t / TILE, s = t % TILE;
#pragma unroll
            for (u32 j = 0; j < TILE; j++) sum[t] += tile_a[r][j] * tile_b[j][s];
        }
    }
    ITEMS (t) {
        u32 r = row0 + t / TILE, s = col0 + t % TILE;
        if (r < m && s < n) c[r * n + s] = sum[t];
    }
}

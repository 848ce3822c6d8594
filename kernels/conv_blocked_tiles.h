/* All tiles of FILTERS blocks of output channels and KIND of steps: included by conv_blocked.c. */
#define PIXELS 1
#include "conv_blocked_tile.h"
#undef PIXELS
#define PIXELS 2
#include "conv_blocked_tile.h"
#undef PIXELS
#define PIXELS 3
#include "conv_blocked_tile.h"
#undef PIXELS
#define PIXELS 4
#include "conv_blocked_tile.h"
#undef PIXELS
#define PIXELS 5
#include "conv_blocked_tile.h"
#undef PIXELS
#define PIXELS 6
#include "conv_blocked_tile.h"
#undef PIXELS

static void TILES(u32 pixels, IN(T) x, u64 x_at, u64 x_block, u64 x_row, u64 x_tap, u64 step, u64 lane, IN(T) w, u64 w_at, u64 w_row, u64 w_filter,
                    u32 ic, u32 kh, u32 ky0, u32 ky1, u32 kx0, u32 kx1, ARRAY(f32, sums))
{
    if (pixels == 1)
        TILE_OF(FILTERS, KIND, 1)(x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
    else if (pixels == 2)
        TILE_OF(FILTERS, KIND, 2)(x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
    else if (pixels == 3)
        TILE_OF(FILTERS, KIND, 3)(x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
    else if (pixels == 4)
        TILE_OF(FILTERS, KIND, 4)(x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
    else if (pixels == 5)
        TILE_OF(FILTERS, KIND, 5)(x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
    else
        TILE_OF(FILTERS, KIND, 6)(x, x_at, x_block, x_row, x_tap, step, lane, w, w_at, w_row, w_filter, ic, kh, ky0, ky1, kx0, kx1, sums);
}

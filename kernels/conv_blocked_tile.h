/* One size of tile: FILTERS (blocks of output channels) x PIXELS (side by side). Included by conv_blocked_tiles.h.
 *
 * sums[FILTERS][PIXELS][WIDTH] = the taps [ky0, ky1) x [kx0, kx1) of all channels. STEP are the elements of x from a pixel to the next, LANE
 * those from a channel to the next. */
static void TILE(IN(T) x, u64 x_at, u64 x_block, u64 x_row, u64 x_tap, u64 step, u64 lane, IN(T) w, u64 w_at, u64 w_row, u64 w_filter, u32 ic,
                 u32 kh, u32 ky0, u32 ky1, u32 kx0, u32 kx1, ARRAY(f32, sums))
{
    f32w sum[FILTERS][PIXELS];
#pragma unroll
    for (u32 f = 0; f < FILTERS; f++)
#pragma unroll
        for (u32 i = 0; i < PIXELS; i++) sum[f][i] = splatw(0);
    for (u32 c0 = 0; c0 < ic; c0 += WIDTH) {
        u64 lanes = min(ic - c0, (u32)WIDTH);
        for (u32 ky = ky0; ky < ky1; ky++) {
            for (u32 kx = kx0; kx < kx1; kx++) {
                u64 from = x_at + ky * x_row + kx * x_tap;
                u64 by = w_at + ky * w_row + kx * (u64)(WIDTH * WIDTH);
#pragma unroll 4
                for (u64 c = 0; c < lanes; c++) {
                    f32w row[FILTERS];
#pragma unroll
                    for (u32 f = 0; f < FILTERS; f++) row[f] = loadw(w, by + f * w_filter + c * WIDTH);
#pragma unroll
                    for (u32 i = 0; i < PIXELS; i++) {
                        f32w seen = splatw(load(x, from + i * STEP + c * LANE));
#pragma unroll
                        for (u32 f = 0; f < FILTERS; f++) sum[f][i] = mad(seen, row[f], sum[f][i]);
                    }
                }
            }
        }
        x_at += x_block;
        w_at += kh * w_row;
    }
#pragma unroll
    for (u32 f = 0; f < FILTERS; f++)
#pragma unroll
        for (u32 i = 0; i < PIXELS; i++) storew(sums, (f * PIXELS + i) * WIDTH, sum[f][i]);
}

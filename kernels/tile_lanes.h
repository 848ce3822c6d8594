/* One width of tile: included by tile.h with TILE (its name) and LANES (vectors in a row of sums). */
static void TILE(ARRAY(f32, left), ARRAY(f32, right), u32 panel, u32 depth, ARRAY(f32, sums), u32 at, bool first)
{
    f32w sum[TILE_ROWS][LANES];
#pragma unroll
    for (u32 r = 0; r < TILE_ROWS; r++)
#pragma unroll
        for (u32 c = 0; c < LANES; c++) sum[r][c] = splatw(0);
    for (u32 k = 0; k < depth; k++) {
        f32w row[LANES];
#pragma unroll
        for (u32 c = 0; c < LANES; c++) row[c] = loadw(right, panel + k * TILE_PANEL + c * WIDTH);
#pragma unroll
        for (u32 r = 0; r < TILE_ROWS; r++)
#pragma unroll
            for (u32 c = 0; c < LANES; c++) sum[r][c] = mad(splatw(left[r * TILE_PITCH + k]), row[c], sum[r][c]);
    }
#pragma unroll
    for (u32 r = 0; r < TILE_ROWS; r++)
#pragma unroll
        for (u32 c = 0; c < LANES; c++) {
            u32 to = at + r * TILE_COLS + c * WIDTH;
            if (!first) sum[r][c] += loadw(sums, to);
            storew(sums, to, sum[r][c]);
        }
}

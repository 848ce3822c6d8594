/* y = softmax(scale * q k^T, softcapped, + bias) v by register tiles, a block of rows of one head a group; no score ever leaves the
 * group: the largest score and the sum of exponentials of each row are kept up to date while the keys go by, TILE_PANEL at a time
 * (Rabe and Staats 2021; Dao et al. 2022). For targets with wide lanes.
 *
 * q[batch][heads][rows][depth]   k[batch][heads / share][keys][depth]   v[batch][heads / share][keys][width]   y as q, `width` columns
 * bias: broadcast over its four dimensions by strides, 0 where it has size 1. depth is at most TILE_DEPTH, width at most TILE_PANEL. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#include "tile.h"
#define GROUP 1
#define ROWS_MAX 128                  /* of a block */

/* scores[row][cols] -> left[row] = exp(score - largest so far); gives by how much earlier exponentials must shrink. */
static f32 absorb(ARRAY(f32, scores), ARRAY(f32, left), ARRAY(f32, top), ARRAY(f32, total), u32 row, u32 cols)
{
    u32 r = row % TILE_ROWS;
    f32w most = splatw(top[row]);
    for (u32 c = 0; c < cols; c += WIDTH) most = max(most, loadw(scores, tile_at(r, c)));
    f32 before = top[row];
    f32 now = maxw(most);
    f32 from = now == -INFINITY ? 0 : now;                    /* a row that may see nothing yet */
    f32w sum = splatw(0);
    for (u32 c = 0; c < cols; c += WIDTH) {
        f32w e = exp(loadw(scores, tile_at(r, c)) - from);
        sum += e;
        storew(left, r * TILE_PITCH + c, e);
    }
    f32 shrink = exp(before - from);
    top[row] = now;
    total[row] = total[row] * shrink + sumw(sum);
    return shrink;
}

KERNEL attention_tile(u32 group, IN(T) q, IN(T) k, IN(T) v, IN(T) bias, OUT(T) y, u32 heads, u32 share, u32 rows, u32 keys, u32 depth,
                      u32 width, u32 block, u32 bias_batch, u32 bias_head, u32 bias_row, u32 bias_key, i32 offset, f32 scale, f32 softcap,
                      CONST(u32) has_bias, CONST(u32) causal)
{
    SHARED(f32, left, TILE_LEFT);
    SHARED(f32, right, TILE_RIGHT);
    SHARED(f32, values, TILE_PANEL * TILE_PANEL);
    SHARED(f32, scores, TILE_ROWS * TILE_PANEL);
    SHARED(f32, sums, ROWS_MAX * TILE_PANEL);
    SHARED(f32, top, ROWS_MAX);
    SHARED(f32, total, ROWS_MAX);
    ITEMS(t) {
        u32 blocks = (rows + block - 1) / block;
        u32 head = group / blocks;
        u32 row0 = group % blocks * block;
        u32 tall = min(block, rows - row0);
        u32 kv = head / heads * (heads / share) + head % heads / share;
        u32 bias_at = head / heads * bias_batch + head % heads * bias_head;
        for (u32 r = 0; r < ROWS_MAX; r++) {
            top[r] = -INFINITY;
            total[r] = 0;
        }
        for (u32 i = 0; i < ROWS_MAX * TILE_PANEL; i += WIDTH) storew(sums, i, splatw(0));
        u32 seen = keys;
        if (causal != 0) seen = (u32)clamp((i32)(row0 + tall) + offset, 0, (i32)keys);
        for (u32 k0 = 0; k0 < seen; k0 += TILE_PANEL) {
            u32 cols = min(TILE_PANEL, seen - k0);
            tile_right_transposed(right, k, (kv * keys + k0) * depth, depth, depth, cols);
            tile_right(values, v, (kv * keys + k0) * width, width, cols, width);
            for (u32 r0 = 0; r0 < tall; r0 += TILE_ROWS) {
                u32 live = min(TILE_ROWS, tall - r0);
                tile_left(left, q, (head * rows + row0 + r0) * depth, depth, live, depth);
                for (u32 c = 0; c < cols; c += TILE_COLS) tile_add(left, right, c, depth, scores, c * TILE_ROWS, true, cols - c);
                for (u32 r = r0; r < r0 + TILE_ROWS; r++) {
                    u32 row = row0 + r;
                    for (u32 c = 0; c < cols; c += WIDTH) {
                        u32 at = tile_at(r - r0, c);
                        f32w s = scale * loadw(scores, at);
                        if (softcap > 0) s = softcap * tanh(s * (1 / softcap));
                        storew(scores, at, s);
                    }
                    if (has_bias != 0 && r < tall) {
                        u32 from = bias_at + row * bias_row + k0 * bias_key;
                        for (u32 c = 0; c < cols; c++) scores[tile_at(r - r0, c)] += load(bias, from + c * bias_key);
                    }
                    u32 end = cols;
                    if (causal != 0) end = (u32)clamp((i32)row + offset + 1 - (i32)k0, 0, (i32)cols);
                    for (u32 c = end; c < cols || c % WIDTH != 0; c++) scores[tile_at(r - r0, c)] = -INFINITY;
                    f32 shrink = absorb(scores, left, top, total, r, cols);
                    if (k0 > 0 && shrink != 1) {
                        for (u32 c = 0; c < width; c += WIDTH) storew(sums, tile_at(r, c), shrink * loadw(sums, tile_at(r, c)));
                    }
                }
                for (u32 c = 0; c < width; c += TILE_COLS)
                    tile_add(left, values, c, cols, sums, r0 * TILE_PANEL + c * TILE_ROWS, k0 == 0, width - c);
            }
        }
        for (u32 r = 0; r < tall; r++) {
            u32 to = (head * rows + row0 + r) * width;
            f32 each = total[r] > 0 ? 1 / total[r] : 0;
            u32 c = 0;
            for (; c + WIDTH <= width; c += WIDTH) storew(y, to + c, each * loadw(sums, tile_at(r, c)));
            for (; c < width; c++) store(y, to + c, each * sums[tile_at(r, c)]);
        }
    }
}

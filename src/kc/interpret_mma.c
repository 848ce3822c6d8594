/* What mma_f16, mma_bf16 and mma_tf32 mean, item by item: sums[16][8] += left[16][8 words] right[8 words][8] for each 32 items and each tile.
 *
 * Item 4 g + q of the 32 keeps  left:  row g + 8 i % 2, word q + 4 (i / 2), for i = 0 .. 3;
 *                               right: word q + 4 i, column g, for i = 0, 1;
 *                               sums:  row g + 8 (i / 2), column 2 q + i % 2, for i = 0 .. 3.
 * A word is two halves (k even below, k odd above), or one f32 of which the low 13 bits do not count. */
#include "kc/interpret_value.h"

enum { ITEMS = 32, ROWS = 16, COLS = 8, WORDS = 8, LEFT = 4, RIGHT = 2, SUMS = 4, TF32_MASK = 0x1fff };

static f64 as_float(u32 bits)
{
    f32 v;
    memcpy(&v, &bits, sizeof v);
    return (f64)v;
}

static f64 product_of(kc_builtin b, u32 left, u32 right)
{
    f32 (*widen)(u16) = b == KC_B_mma_f16 ? f16_to_f32 : bf16_to_f32;
    if (b == KC_B_mma_tf32) return as_float(left & ~(u32)TF32_MASK) * as_float(right & ~(u32)TF32_MASK);
    f64 low = (f64)widen((u16)left) * (f64)widen((u16)right);
    return low + (f64)widen((u16)(left >> 16)) * (f64)widen((u16)(right >> 16));
}

/* One tile of 32 items; each matrix from its first word in the first of them, `kept` words an item. */
typedef struct tile {
    lane *sums;
    const lane *left, *right;
    u32 sums_kept, left_kept, right_kept;
} tile;

static void add(kc_builtin b, tile t)
{
    for (u32 row = 0; row < ROWS; row++)
        for (u32 col = 0; col < COLS; col++) {
            f64 sum = 0;
            for (u32 k = 0; k < WORDS; k++) {
                const lane *u = t.left + (row % 8 * 4 + k % 4) * t.left_kept + row / 8 + k / 4 * 2;
                const lane *v = t.right + (col * 4 + k % 4) * t.right_kept + k / 4;
                sum += product_of(b, (u32)u->i, (u32)v->i);
            }
            lane *to = t.sums + (row % 8 * 4 + col / 2) * t.sums_kept + row / 8 * 2 + col % 2;
            to->f = (f64)(f32)(to->f + sum);
        }
}

u32 interpret_mma(const kc_expr *e, u32 group, lane *sums, const lane *left, const lane *right)
{
    kc_tiles n = kc_tiles_of(e);
    u32 l = n.rows * LEFT, r = n.cols * RIGHT, s = n.rows * n.cols * SUMS;
    for (u32 from = 0; from < group; from += ITEMS)
        for (u32 row = 0; row < n.rows; row++)
            for (u32 col = 0; col < n.cols; col++)
                add((kc_builtin)e->call, (tile){ sums + from * s + (row * n.cols + col) * SUMS, left + from * l + row * LEFT,
                                                 right + from * r + col * RIGHT, s, l, r });
    return group / ITEMS * n.rows * n.cols * ROWS * COLS * WORDS;
}

/* Matrix product, four neighbouring columns of a row an item, for devices without groups: what is read of the left factor serves all four, and what lies
 * side by side is read at once. Factors and batch as in matmul_tile.c; n is a multiple of 4, and the left factor is not transposed. BY: how many steps
 * of k at a time, 4 where their number is a multiple (and where the right factor is transposed). */
#include "quern_kernel.h"
#pragma host T=f32 BY=1,4
#include "matmul_batch.h"
#include "epilogue.h"

static f32 meet(f32x4 v, f32x4 w) { return v.x * w.x + v.y * w.y + (v.z * w.z + v.w * w.w); }

MAP(f32x4) matmul_four(u32 i, IN(T) a, IN(T) b, IN(T) bias, IN(T) rest, u32 m, u32 n, u32 k, BATCH_PARAMS, f32 alpha, f32 p, f32 q,
                       CONST(u32) trans_b, CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    u32 fours = n / 4;
    u32 col = i % fours;
    u32 row = i / fours % m;
    u32 batch = i / fours / m;
    u32 a_at = BATCH_A(batch) + row * k;
    u32 b_at = BATCH_B(batch) / 4 + (trans_b != 0 ? col * k : col);
    f32x4 sum = MAKE4(f32, 0, 0, 0, 0);
#if BY == 4
    u32 steps = k / 4;
    for (u32 j = 0; j < steps; j++) {
        f32x4 v = load4(a, (a_at / 4 + j) * 4);
        if (trans_b != 0) {
            u32 at = b_at + j;
            sum += MAKE4(f32, meet(v, load4(b, at * 4)), meet(v, load4(b, (at + steps) * 4)), meet(v, load4(b, (at + 2 * steps) * 4)),
                         meet(v, load4(b, (at + 3 * steps) * 4)));
        } else {
            u32 at = b_at + j * 4 * fours;
            sum += v.x * load4(b, at * 4) + v.y * load4(b, (at + fours) * 4) + v.z * load4(b, (at + 2 * fours) * 4) +
                   v.w * load4(b, (at + 3 * fours) * 4);
        }
    }
#else
    for (u32 j = 0; j < k; j++) sum += load(a, a_at + j) * load4(b, (b_at + j * fours) * 4);
#endif
    sum *= alpha;
    if (has_bias != 0) sum += load4(bias, col * 4);
    if (has_rest != 0) sum += load4(rest, i * 4);
    return MAKE4(f32, finish(sum.x, act, p, q), finish(sum.y, act, p, q), finish(sum.z, act, p, q), finish(sum.w, act, p, q));
}

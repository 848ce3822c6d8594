/* Matrix product, one output element an item: the variant that runs everywhere. Factors and batch as in matmul_tile.c.
 * With WHOLE, for integers: no bias, no activation. */
#include "quern_kernel.h"
#pragma host T=f32,f16,bf16,f64
#pragma host T=i32,i64,u32,u64 WHOLE=1
#include "matmul_batch.h"

#ifdef WHOLE
#define SUM T
#else
#define SUM f32
#include "epilogue.h"
#endif

static SUM dot(IN(T) a, IN(T) b, u32 a_at, u32 b_at, u32 a_step, u32 b_step, u32 k)
{
    SUM sum = 0;
    for (u32 j = 0; j < k; j++) sum += load(a, a_at + j * a_step) * load(b, b_at + j * b_step);
    return sum;
}

#ifdef WHOLE
MAP(T) matmul_map(u32 i, IN(T) a, IN(T) b, u32 m, u32 n, u32 k, BATCH_PARAMS, CONST(u32) trans_b)
{
    u32 col = i % n;
    u32 row = i / n % m;
    u32 batch = i / n / m;
    u32 b_at = BATCH_B(batch) + (trans_b != 0 ? col * k : col);
    return dot(a, b, BATCH_A(batch) + row * k, b_at, 1, trans_b != 0 ? 1u : n, k);
}
#else
MAP(T) matmul_map(u32 i, IN(T) a, IN(T) b, IN(T) bias, IN(T) rest, u32 m, u32 n, u32 k, BATCH_PARAMS, f32 alpha, f32 p, f32 q,
                  CONST(u32) trans_a, CONST(u32) trans_b, CONST(u32) has_bias, CONST(u32) has_rest, CONST(u32) act)
{
    u32 col = i % n;
    u32 row = i / n % m;
    u32 batch = i / n / m;
    u32 a_at = BATCH_A(batch) + (trans_a != 0 ? row : row * k);
    u32 b_at = BATCH_B(batch) + (trans_b != 0 ? col * k : col);
    f32 sum = alpha * dot(a, b, a_at, b_at, trans_a != 0 ? m : 1u, trans_b != 0 ? 1u : n, k);
    if (has_bias != 0) sum += load(bias, col);
    if (has_rest != 0) sum += load(rest, i);
    return TO(T, finish(sum, act, p, q));
}
#endif

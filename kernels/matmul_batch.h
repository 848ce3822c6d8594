/* Where the two factors of batch item g start, for up to four broadcast batch dimensions [.][d1][d2][d3]: a factor that does not
 * vary along a dimension has stride 0 there. Strides are in elements. */
#ifndef MATMUL_BATCH_H
#define MATMUL_BATCH_H

#define BATCH_PARAMS u32 d1, u32 d2, u32 d3, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1, u32 b2, u32 b3
#define BATCH_A(g) batch_start(g, d1, d2, d3, a0, a1, a2, a3)
#define BATCH_B(g) batch_start(g, d1, d2, d3, b0, b1, b2, b3)

static u32 batch_start(u32 g, u32 d1, u32 d2, u32 d3, u32 s0, u32 s1, u32 s2, u32 s3)
{
    u32 inner = g / d3;
    u32 outer = inner / d2;
    return g % d3 * s3 + inner % d2 * s2 + outer % d1 * s1 + outer / d1 * s0;
}

/* A block of ROWS x COLS of the product a group: which batch item it is, its first row and column, where its factors start. */
#define MATMUL_BLOCK(ROWS, COLS)                                                                                            \
    u32 wide = (n + COLS - 1) / COLS;                                                                                       \
    u32 tall = (m + ROWS - 1) / ROWS;                                                                                       \
    u32 batch = group / wide / tall;                                                                                        \
    u32 n0 = group % wide * COLS;                                                                                           \
    u32 m0 = group / wide % tall * ROWS;                                                                                    \
    u32 a_at = BATCH_A(batch);                                                                                              \
    u32 b_at = BATCH_B(batch);

#endif

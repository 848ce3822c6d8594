/* The sizes of a convolution, as parameters that the conv kernels share. One and two dimensions have size 1 (step 1, no padding) in front.
 *
 * x[batch][groups * ic][id][ih][iw]   w[groups * oc][ic][kd][kh][kw]   y[batch][groups * oc][od][oh][ow]
 * s: steps (strides), e: dilations, p: padding in front. */
#ifndef CONV_SHAPE_H
#define CONV_SHAPE_H

#define CONV_PARAMS                                                                                                          \
    u32 groups, u32 ic, u32 id, u32 ih, u32 iw, u32 oc, u32 od, u32 oh, u32 ow, u32 kd, u32 kh, u32 kw, u32 sd, u32 sh,        \
        u32 sw, u32 ed, u32 eh, u32 ew, u32 pd, u32 ph, u32 pw

/* As a product of the weights [oc][k] and what each tap sees at each pixel [k][n], a block of ROWS x COLS of it a group: the matrices' sizes,
 * which part (batch item and group) it is, its first row and column, where the part starts in w and x. */
#define CONV_BLOCK(ROWS, COLS)                                                                                              \
    u32 n = od * oh * ow;                                                                                                   \
    u32 taps = kd * kh * kw;                                                                                                \
    u32 k = ic * taps;                                                                                                      \
    u32 wide = (n + COLS - 1) / COLS;                                                                                       \
    u32 tall = (oc + ROWS - 1) / ROWS;                                                                                      \
    u32 part = group / wide / tall;                                                                                         \
    u32 n0 = group % wide * COLS;                                                                                           \
    u32 m0 = group / wide % tall * ROWS;                                                                                    \
    u32 w_at = part % groups * oc * k;                                                                                      \
    u32 x_at = part * ic * id * ih * iw;

#endif

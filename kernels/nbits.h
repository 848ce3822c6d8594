/* A row with weights that stay packed: 2 to 8 bits an element in one stream of bits, the first lowest in its byte, a scale and a zero point for
 * each block of a row, which begins at a byte. b[n][stride], scales[n][blocks]. Who includes it may say what a code is worth (VALUE).
 * zeros: 0 none, the middle of the range; 1 packed as b is, a row of n beginning at a byte; 2 numbers, [n][blocks]; 3 each behind its scale,
 * [n][blocks][2], in one buffer; 4 none, 0 */
#ifndef NBITS_H
#define NBITS_H

#define MASK       ((1u << bits) - 1u)
#define BYTE(x, i) (u32)TO(i32, load(x, i))
#define NEXT(j)    (8u % bits != 0u && (j) * bits % 8u + bits > 8u ? 1u : 0u)  /* does element j end in the byte behind? */
#define CODE(x, from, j) \
    ((BYTE(x, (from) + (j) * bits / 8u) | BYTE(x, (from) + (j) * bits / 8u + NEXT(j)) << 8) >> (j) * bits % 8u & MASK)
#ifndef VALUE
#define VALUE(code) (f32)(i32)(code)
#endif

static f32 zero_of(IN(Z) zero, u32 row, u32 blocks, u32 at, u32 kind)
{
    if (kind == 1) return (f32)CODE(zero, row * ((blocks * bits + 7u) / 8u), at);
    if (kind == 0) return (f32)(1u << (bits - 1u));
    if (kind == 4) return 0.0f;
    return (f32)load(zero, kind == 3 ? 2u * (row * blocks + at) + 1u : row * blocks + at);
}

static f32 scale_of(IN(S) scale, u32 row, u32 blocks, u32 at, u32 kind)
{
    return (f32)load(scale, kind == 3 ? 2u * (row * blocks + at) : row * blocks + at);
}

/* Row `from` of a with row `row` of b. A weight is what DequantizeLinear would make of its code. */
static f32 dot_packed(IN(T) a, IN(u8) b, IN(S) scale, IN(Z) zero, u32 from, u32 row, u32 k, u32 blocks, u32 stride, u32 span, u32 kind)
{
    f32 sum = 0;
    for (u32 c = 0; c < blocks; c++) {
        u32 first = c * span, last = min(first + span, k), at = row * stride + first * bits / 8u;
        f32 shift = zero_of(zero, row, blocks, c, kind), by = scale_of(scale, row, blocks, c, kind);
        for (u32 j = first; j < last; j++) sum += (VALUE(CODE(b, at, j - first)) - shift) * by * load(a, from + j);
    }
    return sum;
}

#endif

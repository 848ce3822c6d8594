/* Values of each kind: narrow and wide integers, halves, bits, divisions and shifts that always answer, casts that saturate, a table, arrays. */
#include "quern_kernel.h"

static const f32 taps[3] = { 0.25f, 0.5f, 0.25f };

static i64 whole(IN(i64) wide, u32 i, i32 by)
{
    u64 bits = (u64)wide[i];
    return wide[i] / by + (i64)(bits >> 7) * 3 + (i64)popcount(bits) - min(wide[i], (i64)by);
}

static u32 bits_of(IN(i8) bytes, IN(i64) wide, u32 i, i32 by)
{
    i32 a = bytes[i], b = a % by;
    u32 u = (u32)(a << by) ^ (u32)shr(b, 3u) ^ clz((u32)a) ^ ctz((u32)b);
    u += (u32)dot4_i8(u, 0x01020304u, b) + (u32)dot4_u8i8(u, 7u, a) + u / 7u + u % 8u + (u32)(i16)a;
    return u + (u32)whole(wide, i, by) + (u32)abs(a) + (u32)(bool)b;
}

MAP(u8) values(u32 i, IN(i8) bytes, IN(i64) wide, IN(bf16) half, IN(f32) x, i32 by)
{
    f32 line[4] = { 1, 2 };
    f32x4 v = load4(x, i) * 2.0f + MAKE4(f32, load(half, i), 1, 2, 3);
    line[i & 3] = v.z + taps[i % 3];
    f32 f = fma(line[0], line[1], max(v[1], -INFINITY)) + mad(floor(v.x), round(v.y), trunc(v.w)) + copysign(ldexp(v.y, by), v.x);
    f += select(isnan(f) || isinf(f), NAN, sqrt(fabs(f))) + as_f32(as_u32(f) & ~1u);
    bool odd = signbit(f) != (i > 3);
    for (u32 k = 0; k < 9; k++) {
        if (k == by) continue;
        if (f > 1e6f) break;
        f *= (f32)TO(f16, f);
    }
    return TO(u8, (u32)(i32)f + TO(u32, f) + bits_of(bytes, wide, i, by) + (odd ? 1 : 0));
}

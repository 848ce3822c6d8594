/* Narrow floats: IEEE binary16 and bfloat16, round to nearest even. A NaN stays a quiet NaN and keeps its sign. */
#include "base/base.h"

static u32 bits_of(f32 v)
{
    u32 bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static f32 float_of(u32 bits)
{
    f32 v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* value >> shift, rounded to nearest, ties to even; shift 1..31. */
static u32 shift_rounded(u32 value, u32 shift)
{
    u32 half = 1u << (shift - 1), rest = value & ((1u << shift) - 1), kept = value >> shift;
    return kept + (rest > half || (rest == half && (kept & 1)));
}

u16 f16_from_f32(f32 v)
{
    u32 bits = bits_of(v), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    u32 exponent = magnitude >> 23;
    if (magnitude > 0x7f800000) return (u16)(sign | 0x7e00);
    if (exponent >= 127 + 16) return (u16)(sign | 0x7c00);
    if (exponent >= 127 - 14) return (u16)(sign | shift_rounded(magnitude - ((127 - 15) << 23), 13)); /* carries into inf */
    if (exponent < 127 - 25) return (u16)sign;
    u32 mantissa = (magnitude & 0x7fffff) | 0x800000;
    return (u16)(sign | shift_rounded(mantissa, 126 - exponent));
}

f32 f16_to_f32(u16 bits)
{
    u32 sign = (u32)(bits & 0x8000) << 16, magnitude = bits & 0x7fff;
    if (magnitude > 0x7c00) return float_of(sign | 0x7fc00000 | magnitude << 13);
    if (magnitude == 0x7c00) return float_of(sign | 0x7f800000);
    if (magnitude >= 0x0400) return float_of(sign | (magnitude + (112 << 10)) << 13);
    f32 tiny = (f32)magnitude * (1.0f / (1 << 24));
    return sign ? -tiny : tiny;
}

u16 bf16_from_f32(f32 v)
{
    u32 bits = bits_of(v);
    if ((bits & 0x7fffffff) > 0x7f800000) return (u16)(bits >> 16 | 0x40);
    return (u16)shift_rounded(bits, 16);
}

f32 bf16_to_f32(u16 bits) { return float_of((u32)bits << 16); }

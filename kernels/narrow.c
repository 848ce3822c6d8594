/* Floats of a byte or less (ONNX's float8 and float4), to f32 and back. x[n] -> y[n]; a code stands in the low bits of a byte.
 * EXP and MAN: bits of exponent and mantissa. NANS: how a type spells what is no number:
 *     IEEE      the top exponent is infinity and NaN        (e5m2)
 *     ONES      all ones are NaN, no infinity               (e4m3fn)
 *     MINUS     minus zero is NaN, no infinity              (..fnuz; their bias is larger by one)
 *     POWER     only an exponent, all ones are NaN          (e8m0)
 *     NEVER     no NaN, no infinity; a NaN becomes minus 0  (float4)
 * To a code: to nearest even; beyond the largest number it is that one (saturate), or infinity or NaN where there is one.
 * up, down: how e8m0, which has only powers of two, rounds; neither is to nearest. */
#include "quern_kernel.h"
#define IEEE  0
#define ONES  1
#define MINUS 2
#define POWER 3
#define NEVER 4
#pragma host EXP=4 MAN=3 NANS=1,2
#pragma host EXP=5 MAN=2 NANS=0,2
#pragma host EXP=8 MAN=0 NANS=3
#pragma host EXP=2 MAN=1 NANS=4

#define HALF  (NANS == MINUS ? 1 << (EXP - 1) : (1 << (EXP - 1)) - 1)       /* what is added to an exponent */
#define SIGN  (NANS == POWER ? 0u : 1u << (EXP + MAN))
#define ALL   ((1u << (EXP + MAN)) - 1u)                                    /* every bit but the sign */
#define FIRST_BAD (NANS == IEEE ? ALL - (1u << MAN) + 1u : NANS == ONES || NANS == POWER ? ALL : ALL + 1u)
#define A_NAN (NANS == MINUS ? SIGN : NANS == IEEE ? FIRST_BAD | 1u << (MAN - 1) : ALL)
#define QUIET 0x7fc00000u

/* The bits of an f32. */
static u32 decode(u32 code)
{
    u32 size = code & ALL, sign = (code & SIGN) != 0u ? 0x80000000u : 0u, exponent = size >> MAN, rest = size & ((1u << MAN) - 1u);
    u32 bits = (exponent + (u32)(127 - HALF)) << 23 | rest << (23 - MAN);
    if (NANS == POWER) {
        bits = exponent << 23;
        if (exponent == 0u) bits = 0x00400000u;
    } else if (exponent == 0u) {
        f32 small = (f32)rest * as_f32((u32)(128 - HALF - MAN) << 23);
        bits = as_u32(small);
    }
    if (NANS == IEEE && size == FIRST_BAD) bits = 0x7f800000u;
    if ((NANS == IEEE && size > FIRST_BAD) || ((NANS == ONES || NANS == POWER) && size == ALL) || (NANS == MINUS && code == SIGN)) return QUIET;
    return bits | sign;
}

static u32 shifted(u32 bits, u32 by)                                        /* to nearest even; by is 1 .. 31 */
{
    u32 kept = bits >> by, lost = bits - (kept << by), half = 1u << (by - 1u);
    return kept + (lost > half || (lost == half && (kept & 1u) != 0u) ? 1u : 0u);
}

static u32 power_of(u32 bits, u32 keep, u32 above, u32 below) /* no name of a CONST: those are defines where a device compiles */
{
    u32 size = bits & 0x7fffffffu, exponent = size >> 23, rest = size & 0x7fffffu, code = exponent;
    bool more = above != 0u ? rest > 0u : below != 0u ? false : rest >= 0x400000u;
    if (exponent == 0u) more = above != 0u ? rest > 0x400000u : below != 0u ? false : rest >= 0x600000u;
    if (more) code = code + 1u;
    if (size > 0x7f800000u) return ALL;
    if (bits != size || size < 0x400000u) code = keep != 0u ? 0u : ALL; /* below the least power, or negative */
    if (code > 254u) code = keep != 0u ? 254u : 255u;
    return code;
}

static u32 encode(u32 bits, u32 keep)
{
    u32 size = bits & 0x7fffffffu, sign = bits != size ? SIGN : 0u, code = 0u;
    i32 exponent = (i32)(size >> 23) - 127, least = 1 - HALF;
    if (size > 0x7f800000u) return NANS == NEVER || NANS == MINUS ? SIGN : A_NAN | sign;
    i32 lower = max(least - exponent, 0);
    if (lower <= MAN + 1) code = shifted((size & 0x7fffffu) | 0x800000u, (u32)(23 - MAN + lower)) + ((u32)(max(exponent, least) + HALF - 1) << MAN);
    if (code >= FIRST_BAD) code = keep != 0u || NANS == NEVER ? FIRST_BAD - 1u : NANS == IEEE ? FIRST_BAD : NANS == MINUS ? 0u : A_NAN;
    if (NANS == MINUS && code == 0u) return keep == 0u && exponent > least ? SIGN : 0u;
    return code | sign;
}

MAP(f32) narrow_decode(u32 i, IN(u8) x) { return (f32)as_f32(decode((u32)load(x, i))); }

MAP(u8) narrow_encode(u32 i, IN(f32) x, CONST(u32) saturate, CONST(u32) up, CONST(u32) down)
{
    u32 bits = as_u32(load(x, i));
    return TO(u8, NANS == POWER ? power_of(bits, saturate, up, down) : encode(bits, saturate));
}

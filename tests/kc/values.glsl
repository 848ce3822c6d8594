#version 300 es
/* values, printed by Quern for GLSL ES 3.00 */
precision highp float;
precision highp int;
precision highp usampler2D;

uniform uvec4 qk_u[4];
uniform usampler2D qk_0; /* bytes */
uniform usampler2D qk_1; /* wide */
uniform usampler2D qk_2; /* half_ */
uniform usampler2D qk_3; /* x */
layout(location = 0) out uvec4 qk_out;

uvec4 qk_texel(usampler2D memory, uvec2 place, uint at)
{
    uint t = place.x + at;
    return texelFetch(memory, ivec2(t & ((1u << place.y) - 1u), t >> place.y), 0);
}
uint qk_word(usampler2D memory, uvec2 place, uint at)
{
    return qk_texel(memory, place, at >> 2)[at & 3u];
}
float qc_from_bf16(uint h)
{
    return uintBitsToFloat(h << 16);
}
uvec2 qc_shl64(uvec2 a, uint n)
{
    n &= 63u;
    if (n == 0u) return a;
    return n >= 32u ? uvec2(0u, a.x << (n - 32u)) : uvec2(a.x << n, a.y << n | a.x >> (32u - n));
}
uvec2 qc_shr_u64(uvec2 a, uint n)
{
    n &= 63u;
    if (n == 0u) return a;
    return n >= 32u ? uvec2(a.y >> (n - 32u), 0u) : uvec2(a.x >> n | a.y << (32u - n), a.y >> n);
}
uvec2 qc_mul_wide(uint a, uint b)
{
    uint al = a & 0xffffu, ah = a >> 16, bl = b & 0xffffu, bh = b >> 16;
    uint low = al * bl, mid = ah * bl + (low >> 16), more = al * bh + (mid & 0xffffu);
    return uvec2(more << 16 | (low & 0xffffu), ah * bh + (mid >> 16) + (more >> 16));
}
uvec2 qc_add64(uvec2 a, uvec2 b)
{
    uint low = a.x + b.x;
    return uvec2(low, a.y + b.y + uint(low < a.x));
}
uvec2 qc_sub64(uvec2 a, uvec2 b)
{
    return uvec2(a.x - b.x, a.y - b.y - uint(a.x < b.x));
}
bool qc_lt_u64(uvec2 a, uvec2 b)
{
    return a.y < b.y || (a.y == b.y && a.x < b.x);
}
uint qc_clz(uint v)
{
    uint n = 32u;
    for (uint half_ = 16u; half_ > 0u; half_ >>= 1)
        if (v >> half_ != 0u) {
            n -= half_;
            v >>= half_;
        }
    return n - v;
}
float qc_float_u64(uvec2 v)
{
    if (v.y == 0u) return float(v.x);
    uint n = qc_clz(v.y), top = n == 0u ? v.y : v.y << n | v.x >> (32u - n), rest = v.x << n;
    return float(top | uint(rest != 0u)) * uintBitsToFloat((159u - n) << 23);
}
float qc_scale(float v, int n)
{
    int h = n >> 1;
    return v * uintBitsToFloat(uint(h + 127) << 23) * uintBitsToFloat(uint(n - h + 127) << 23);
}
float qc_ldexp(float v, int n)
{
    int m = clamp(n, -400, 400), h = m / 2;
    return qc_scale(qc_scale(v, h), m - h);
}
float qc_fma(float a, float b, float c)
{
    uint x = floatBitsToUint(a) & 0x7fffffffu, y = floatBitsToUint(b) & 0x7fffffffu, z = floatBitsToUint(c) & 0x7fffffffu;
    if (x >= 0x7f800000u || y >= 0x7f800000u || z >= 0x7f800000u || x == 0u || y == 0u) return a * b + c;
    if (z == 0u) return a * b;
    uint sign = (floatBitsToUint(a) ^ floatBitsToUint(b)) & 0x80000000u, other = floatBitsToUint(c) & 0x80000000u;
    uint mx = (x & 0x7fffffu) | (x >> 23 != 0u ? 0x800000u : 0u), my = (y & 0x7fffffu) | (y >> 23 != 0u ? 0x800000u : 0u), mz = (z & 0x7fffffu) | (z >> 23 != 0u ? 0x800000u : 0u);
    uvec2 p = qc_shl64(qc_mul_wide(mx, my), 14u), q = qc_shl64(uvec2(mz, 0u), 38u);
    int e = max(int(x >> 23), 1) + max(int(y >> 23), 1) - 314, f = max(int(z >> 23), 1) - 188;
    if (e < f) {
        uvec2 v = p;
        p = q;
        q = v;
        int n = e;
        e = f;
        f = n;
        uint s = sign;
        sign = other;
        other = s;
    }
    uint d = uint(e - f);
    uvec2 r = d > 63u ? uvec2(0u) : qc_shr_u64(q, d);
    if (d > 63u || qc_shl64(r, d) != q) r.x |= 1u;
    if (sign == other) p = qc_add64(p, r);
    else if (!qc_lt_u64(p, r)) p = qc_sub64(p, r);
    else {
        p = qc_sub64(r, p);
        sign = other;
    }
    if (p == uvec2(0u)) return 0.0;
    return uintBitsToFloat(floatBitsToUint(qc_ldexp(qc_float_u64(p), e)) | sign);
}
bool qc_isnan(float x)
{
    return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u;
}
float qc_max(float a, float b)
{
    return qc_isnan(b) ? b : a > b || qc_isnan(a) ? a : b;
}
float qc_copysign(float x, float s)
{
    return uintBitsToFloat((floatBitsToUint(x) & 0x7fffffffu) | (floatBitsToUint(s) & 0x80000000u));
}
bool qc_isinf(float x)
{
    return (floatBitsToUint(x) & 0x7fffffffu) == 0x7f800000u;
}
float qc_fabs(float x)
{
    return uintBitsToFloat(floatBitsToUint(x) & 0x7fffffffu);
}
float qc_as_f32(uint v)
{
    return uintBitsToFloat(v);
}
uint qc_as_u32(float v)
{
    return floatBitsToUint(v);
}
bool qc_signbit(float x)
{
    return floatBitsToUint(x) >> 31 != 0u;
}
bool qc_again(bool v)
{
    return uint(v) != qk_u[0].w;
}
float qc_from_f16(uint h)
{
    uint e = (h >> 10) & 31u, m = h & 1023u, sign = (h & 0x8000u) << 16;
    if (e == 0u) return uintBitsToFloat(floatBitsToUint(float(m) * 5.9604644775390625e-08) | sign);
    return uintBitsToFloat(sign | (e == 31u ? 255u : e + 112u) << 23 | m << 13);
}
uint qc_to_f16(float v)
{
    uint bits = floatBitsToUint(v), a = bits & 0x7fffffffu, sign = (bits >> 16) & 0x8000u;
    if (a > 0x7f800000u) return sign | 0x7e00u | ((a >> 13) & 0x3ffu);
    if (a >= 0x47800000u) return sign | 0x7c00u;
    if (a >= 0x38800000u) return sign | ((a - 0x38000000u + 0xfffu + ((a >> 13) & 1u)) >> 13);
    if (a < 0x33000000u) return sign;
    uint m = (a & 0x7fffffu) | 0x800000u, drop = 126u - (a >> 23), h = m >> drop, rest = m & ((1u << drop) - 1u), tie = 1u << (drop - 1u);
    return sign | (h + uint(rest > tie || (rest == tie && (h & 1u) != 0u)));
}
int qc_rem_i32(int a, int b)
{
    if (b == 0) return 0;
    uint r = uint(a < 0 ? -a : a) % uint(b < 0 ? -b : b);
    return a < 0 ? -int(r) : int(r);
}
uint qc_ctz(uint v)
{
    return v == 0u ? 32u : 31u - qc_clz(v & (0u - v));
}
int qc_dot4_i8(uint a, uint b, int c)
{
    for (int k = 24; k >= 0; k -= 8) c += (int(a << k) >> 24) * (int(b << k) >> 24);
    return c;
}
int qc_dot4_u8i8(uint a, uint b, int c)
{
    for (int k = 24; k >= 0; k -= 8) c += int((a << k) >> 24) * (int(b << k) >> 24);
    return c;
}
uvec2 qc_divide(uvec2 a, uvec2 b, out uvec2 rest)
{
    rest = uvec2(0u);
    if (b == uvec2(0u)) return a;
    if ((a.y | b.y) == 0u) {
        rest.x = a.x % b.x;
        return uvec2(a.x / b.x, 0u);
    }
    uvec2 q = uvec2(0u);
    for (uint k = 0u; k < 64u; k++) {
        uint top = rest.y >> 31;
        rest = uvec2(rest.x << 1 | a.y >> 31, rest.y << 1 | rest.x >> 31);
        a = uvec2(a.x << 1, a.y << 1 | a.x >> 31);
        q = uvec2(q.x << 1, q.y << 1 | q.x >> 31);
        if (top != 0u || !qc_lt_u64(rest, b)) {
            rest = qc_sub64(rest, b);
            q.x |= 1u;
        }
    }
    return q;
}
uvec2 qc_neg64(uvec2 a)
{
    return qc_sub64(uvec2(0u), a);
}
uvec2 qc_abs_i64(uvec2 a)
{
    return int(a.y) < 0 ? qc_neg64(a) : a;
}
uvec2 qc_div_i64(uvec2 a, uvec2 b)
{
    uvec2 rest, q = qc_divide(qc_abs_i64(a), qc_abs_i64(b), rest);
    return int(a.y ^ b.y) < 0 ? qc_neg64(q) : q;
}
uvec2 qc_wide_i32(int v)
{
    return uvec2(uint(v), uint((v ^ int(qk_u[0].w)) >> 31));
}
uvec2 qc_mul64(uvec2 a, uvec2 b)
{
    uvec2 p = qc_mul_wide(a.x, b.x);
    return uvec2(p.x, p.y + a.x * b.y + a.y * b.x);
}
uint qc_popcount(uint v)
{
    v -= (v >> 1) & 0x55555555u;
    v = (v & 0x33333333u) + ((v >> 2) & 0x33333333u);
    return ((v + (v >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24;
}
uint qc_popcount64(uvec2 v)
{
    return qc_popcount(v.x) + qc_popcount(v.y);
}
bool qc_lt_i64(uvec2 a, uvec2 b)
{
    return int(a.y) < int(b.y) || (a.y == b.y && a.x < b.x);
}
uvec2 qc_min_i64(uvec2 a, uvec2 b)
{
    return qc_lt_i64(a, b) ? a : b;
}
int qc_to_i32(float x)
{
    return x >= 2147483648.0 ? 2147483647 : x >= -2147483648.0 ? int(x) : qc_isnan(x) ? 0 : (-2147483647 - 1);
}
uint qc_to_u32(float x)
{
    return x >= 4294967296.0 ? 4294967295u : x > 0.0 ? uint(x) : 0u;
}
int qc_abs(int a)
{
    return a < 0 ? -a : a;
}
uvec4 qk_four(usampler2D memory, uvec2 place, uint at)
{
    uint k = at & 3u;
    uvec4 a = qk_texel(memory, place, at >> 2);
    if (k == 0u) return a;
    uvec4 b = qk_texel(memory, place, (at >> 2) + 1u);
    return k == 1u ? uvec4(a.yzw, b.x) : k == 2u ? uvec4(a.zw, b.xy) : uvec4(a.w, b.xyz);
}
int bytes(uint i)
{
    return int(qk_word(qk_0, qk_u[1].xy, i >> 2) << (24u - 8u * (i & 3u))) >> 24;
}
uvec2 wide(uint i)
{
    return (i & 1u) == 0u ? qk_texel(qk_1, qk_u[1].zw, i >> 1).xy : qk_texel(qk_1, qk_u[1].zw, i >> 1).zw;
}
uint half_(uint i)
{
    return (qk_word(qk_2, qk_u[2].xy, i >> 1) >> (16u * (i & 1u))) & 65535u;
}
float x(uint i)
{
    return uintBitsToFloat(qk_word(qk_3, qk_u[2].zw, i));
}
vec4 x_4(uint i)
{
    return uintBitsToFloat(qk_four(qk_3, qk_u[2].zw, i));
}

const float taps[3] = float[3](
    0.25f, 0.5f, 0.25f
);

uint values_(uint i, int by)
{
    float line[4];
    for (uint qk_k = 0u; qk_k < 4u; qk_k++) line[qk_k] = float(0);
    line[0u] = 1.0f;
    line[1u] = 2.0f;
    vec4 v = x_4(i) * 2.0f + vec4(qc_from_bf16(half_(i)), 1.0f, 2.0f, 3.0f);
    line[i & 3u] = v.z + taps[i % 3u];
    float f = qc_fma(line[0u], line[1u], qc_max(v.y, -uintBitsToFloat(0x7f800000u))) + (floor(v.x) * roundEven(v.y) + trunc(v.w)) + qc_copysign(qc_ldexp(v.y, by), v.x);
    f += ((qc_isnan(f) || qc_isinf(f)) ? uintBitsToFloat(0x7fc00000u) : sqrt(qc_fabs(f))) + qc_as_f32(qc_as_u32(f) & 4294967294u);
    bool odd = qc_signbit(f) != i > 3u;
    for (uint k = 0u; qc_again(true); k++) {
        if (!(k < 9u))
            break;
        if (k == uint(by))
            continue;
        if (f > 1000000.0f)
            break;
        f *= qc_from_f16(qc_to_f16(f));
    }
    int a = int(bytes(i));
    int b = qc_rem_i32(a, by);
    uint u = uint(((a << (uint(by) & 31u)))) ^ uint((b >> 3u)) ^ qc_clz(uint(a)) ^ qc_ctz(uint(b));
    u += uint(qc_dot4_i8(u, 16909060u, b)) + uint(qc_dot4_u8i8(u, 7u, a)) + u / 7u + u % 8u + uint(((int(a) << 16) >> 16));
    uvec2 bits = wide(i);
    uvec2 whole = qc_sub64(qc_add64(qc_add64(qc_div_i64(wide(i), qc_wide_i32(by)), qc_mul64((qc_shr_u64(bits, 7u)), uvec2(3u, 0u))), uvec2(uint(qc_popcount64(bits)), 0u)), qc_min_i64(wide(i), qc_wide_i32(by)));
    return (uint((uint(qc_to_i32(f)) + qc_to_u32(f) + (u + uint(whole.x) + uint(qc_abs(a)) + uint((bool(b)))) + uint((odd ? 1 : 0)))) & 255u);
}

void main()
{
    uint i = ((uint(gl_FragCoord.y) << qk_u[0].z) + uint(gl_FragCoord.x) - qk_u[0].y) * 16u;
    uvec4 qk_made = uvec4(0u);
    for (uint k = 0u; k < min(16u, qk_u[0].x - i); k++) {
        qk_made[k >> 2] |= (uint(values_(i + k, int(qk_u[3].x))) & 255u) << (8u * (k & 3u));
    }
    qk_out = qk_made;
}

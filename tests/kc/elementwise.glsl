#version 300 es
/* elementwise, printed by Quern for GLSL ES 3.00 */
precision highp float;
precision highp int;
precision highp usampler2D;

uniform uvec4 qk_u[3];
uniform usampler2D qk_0; /* x */
uniform usampler2D qk_1; /* scale */
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
float qc_from_f16(uint h)
{
    uint e = (h >> 10) & 31u, m = h & 1023u, sign = (h & 0x8000u) << 16;
    if (e == 0u) return uintBitsToFloat(floatBitsToUint(float(m) * 5.9604644775390625e-08) | sign);
    return uintBitsToFloat(sign | (e == 31u ? 255u : e + 112u) << 23 | m << 13);
}
uint qc_rem(uint a, uint b)
{
    return b == 0u ? 0u : a % b;
}
bool qc_isnan(float x)
{
    return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u;
}
float qc_max(float a, float b)
{
    return qc_isnan(b) ? b : a > b || qc_isnan(a) ? a : b;
}
float qc_min(float a, float b)
{
    return qc_isnan(b) ? b : a < b || qc_isnan(a) ? a : b;
}
float qc_hidden(float x)
{
    return uintBitsToFloat(floatBitsToUint(x) ^ qk_u[0].w);
}
float qc_quotient(float x, float y)
{
    uint ax = floatBitsToUint(x), ay = floatBitsToUint(y), ex = (ax >> 23u) & 0xffu, ey = (ay >> 23u) & 0xffu;
    uint mx = (ax & 0x7fffffu) | 0x800000u, my = (ay & 0x7fffffu) | 0x800000u, less = mx < my ? 1u : 0u;
    int e = int(ex) - int(ey) + 127 - int(less);
    bool far = ex == 0u || ex == 0xffu || ey == 0u || ey == 0xffu || e < 1;
    float by = abs(y) > 4e37 ? 2.3283064e-10 : 1.0;
    float a = far ? qc_hidden(x) * by : uintBitsToFloat((ax & 0x7fffffu) | (0x3f800000u + (less << 23u)));
    float b = far ? qc_hidden(y) * by : uintBitsToFloat((ay & 0x7fffffu) | 0x3f800000u);
    float q = a / b;
    if (far) return q;
    uint m = clamp(floatBitsToUint(q), 0x3f800000u, 0x3fffffffu) - 0x3f000003u, rest = ((mx << (23u + less)) - m * my) * 2u + my;
    if (rest >= my * 8u) {
        m += 4u;
        rest -= my * 8u;
    }
    if (rest >= my * 4u) {
        m += 2u;
        rest -= my * 4u;
    }
    if (rest >= my * 2u) m += 1u;
    return uintBitsToFloat((e > 254 ? 0x7f800000u : m + (uint(e - 1) << 23u)) | ((ax ^ ay) & 0x80000000u));
}
float qc_fabs(float x)
{
    return uintBitsToFloat(floatBitsToUint(x) & 0x7fffffffu);
}
float qc_scale(float v, int n)
{
    int h = n >> 1;
    return v * uintBitsToFloat(uint(h + 127) << 23) * uintBitsToFloat(uint(n - h + 127) << 23);
}
float qc_exp_parts(float hi, float lo, out float r, out int n)
{
    float whole = roundEven(hi * 1.44269504 + lo * 1.44269504);
    n = int(whole);
    r = ((hi - whole * 0.693359375) + whole * 2.12194440e-4) + lo;
    return 0.499999911 + r * (0.166664973 + r * (0.0416686684 + r * (0.00837149657 + r * 0.00138088339)));
}
float qc_exp(float x)
{
    if (qc_isnan(x)) return x;
    float r;
    int n;
    float q = qc_exp_parts(clamp(x, -105.0, 89.0), 0.0, r, n);
    return qc_scale((r * r * q + r) + 1.0, n);
}
float qc_sigmoid(float x)
{
    float e = qc_exp(-qc_fabs(x));
    return (x < 0.0 ? e : 1.0) / (1.0 + e);
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
uint x(uint i)
{
    return (qk_word(qk_0, qk_u[1].xy, i >> 1) >> (16u * (i & 1u))) & 65535u;
}
uint scale(uint i)
{
    return (qk_word(qk_1, qk_u[1].zw, i >> 1) >> (16u * (i & 1u))) & 65535u;
}

uint elementwise_(uint i, float by, uint act, uint cols)
{
    float v = qc_from_f16(x(i)) * qc_from_f16(scale(qc_rem(i, cols))) + by;
    if (act == 1u) {
        v = qc_max(v, 0.0f);
    } else if (act == 2u) {
        v *= qc_min(qc_max(qc_quotient(v, 6.0f) + 0.5f, 0.0f), 1.0f);
    } else {
        v = qc_sigmoid(v);
    }
    return qc_to_f16(qc_isnan(v) ? 0.0f : v);
}

void main()
{
    uint i = ((uint(gl_FragCoord.y) << qk_u[0].z) + uint(gl_FragCoord.x) - qk_u[0].y) * 8u;
    uvec4 qk_made = uvec4(0u);
    for (uint k = 0u; k < min(8u, qk_u[0].x - i); k++) {
        qk_made[k >> 1] |= (uint(elementwise_(i + k, uintBitsToFloat(qk_u[2].x), qk_u[2].y, qk_u[2].z)) & 65535u) << (16u * (k & 1u));
    }
    qk_out = qk_made;
}

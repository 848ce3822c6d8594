/* values, printed by Quern for OpenCL C 1.2 */
float4 qc_load_f32x4_f32_global(const __global float *x, uint i)
{
    return vload4(0, x + i);
}
float qc_from_bf16(ushort h)
{
    return as_float((uint)h << 16);
}
float qc_max_f32(float a, float b)
{
    return a > b || a != a ? a : b;
}
float qc_from_f16(ushort h)
{
    return vload_half(0, (const half *)&h);
}
ushort qc_to_f16(float v)
{
    ushort h;
    vstore_half_rte(v, 0, (half *)&h);
    return h;
}
int qc_rem_i32(int a, int b)
{
    return a % (b == 0 || (b == -1 && a == (-2147483647 - 1)) ? 1 : b);
}
uint qc_clz_u32(uint v)
{
    return (uint)clz(v);
}
uint qc_ctz_u32(uint v)
{
    ulong low = (ulong)v & (0 - (ulong)v);
    return v != 0 ? 63 - (uint)clz(low) : 8 * sizeof(v);
}
int qc_dot4_i8_u32(uint a, uint b, int c)
{
    uint4 p = as_uint4(convert_int4(as_char4(a)) * convert_int4(as_char4(b)));
    return as_int(as_uint(c) + p.x + p.y + p.z + p.w);
}
int qc_dot4_u8i8_u32(uint a, uint b, int c)
{
    uint4 p = as_uint4(convert_int4(as_uchar4(a)) * convert_int4(as_char4(b)));
    return as_int(as_uint(c) + p.x + p.y + p.z + p.w);
}
long qc_sub_i64(long a, long b)
{
    return as_long(as_ulong(a) - as_ulong(b));
}
long qc_add_i64(long a, long b)
{
    return as_long(as_ulong(a) + as_ulong(b));
}
long qc_div_i64(long a, long b)
{
    return a / (b == 0 || (b == -1 && a == (-9223372036854775807l - 1)) ? 1 : b);
}
long qc_mul_i64(long a, long b)
{
    return as_long(as_ulong(a) * as_ulong(b));
}
uint qc_popcount_u64(ulong v)
{
    return (uint)popcount(v);
}
long qc_min_i64(long a, long b)
{
    return a < b ? a : b;
}
int qc_to_i32_f32(float x)
{
    return x != x ? (int)0 : convert_int_sat(x);
}
uint qc_to_u32_f32(float x)
{
    return x != x ? (uint)0 : convert_uint_sat(x);
}
int qc_abs_i32(int a)
{
    return a < 0 ? as_int(0 - as_uint(a)) : a;
}

__constant float taps[3] = {
    0.25f, 0.5f, 0.25f
};

uchar values_(uint i, __global const char *restrict bytes, __global const long *restrict wide, __global const ushort *restrict half_, __global const float *restrict x, int by)
{
    float line[4] = { 0 };
    line[0] = 1.0f;
    line[1] = 2.0f;
    float4 v = qc_load_f32x4_f32_global(x, i) * 2.0f + (float4)(qc_from_bf16(half_[i]), 1.0f, 2.0f, 3.0f);
    line[i & 3u] = v.z + taps[i % 3u];
    float f = fma(line[0], line[1], qc_max_f32(v.y, -INFINITY)) + (floor(v.x) * rint(v.y) + trunc(v.w)) + copysign(ldexp(v.y, by), v.x);
    f += (((isnan(f) != 0) || (isinf(f) != 0)) ? NAN : sqrt(fabs(f))) + as_float(as_uint(f) & 4294967294u);
    bool odd = (signbit(f) != 0) != i > 3u;
    for (uint k = 0u; k < 9u; k++) {
        if (k == (uint)by)
            continue;
        if (f > 1000000.0f)
            break;
        f *= qc_from_f16(qc_to_f16(f));
    }
    int a = (int)bytes[i];
    int b = qc_rem_i32(a, by);
    uint u = (uint)(a << ((uint)by & 31u)) ^ (uint)(b >> 3u) ^ qc_clz_u32((uint)a) ^ qc_ctz_u32((uint)b);
    u += (uint)qc_dot4_i8_u32(u, 16909060u, b) + (uint)qc_dot4_u8i8_u32(u, 7u, a) + u / 7u + u % 8u + (uint)(short)a;
    ulong bits = (ulong)wide[i];
    long whole = qc_sub_i64(qc_add_i64(qc_add_i64(qc_div_i64(wide[i], (long)by), qc_mul_i64((long)(bits >> 7u), 3l)), (long)qc_popcount_u64(bits)), qc_min_i64(wide[i], (long)by));
    return (uchar)((uint)qc_to_i32_f32(f) + qc_to_u32_f32(f) + (u + (uint)whole + (uint)qc_abs_i32(a) + (uint)(b != 0)) + (uint)(odd ? 1 : 0));
}

__kernel void qk_run(__global const char *restrict bytes, uint qk_at_bytes, __global const long *restrict wide, uint qk_at_wide, __global const ushort *restrict half_, uint qk_at_half_, __global const float *restrict x, uint qk_at_x, int by, __global uchar *restrict qk_out, uint qk_at_out, uint qk_count)
{
    bytes = (__global const char *)((__global const char *)bytes + 256ul * qk_at_bytes);
    wide = (__global const long *)((__global const char *)wide + 256ul * qk_at_wide);
    half_ = (__global const ushort *)((__global const char *)half_ + 256ul * qk_at_half_);
    x = (__global const float *)((__global const char *)x + 256ul * qk_at_x);
    qk_out = (__global uchar *)((__global char *)qk_out + 256ul * qk_at_out);
    uint qk_i = get_global_id(0);
    if (qk_i < qk_count) qk_out[qk_i] = values_(qk_i, bytes, wide, half_, x, by);
}

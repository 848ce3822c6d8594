/* groups, printed by Quern for OpenCL C 1.2 */
float qc_max_f32(float a, float b)
{
    return a > b || a != a ? a : b;
}
uint qc_atomic_add_u32_global(volatile __global uint *y, uint i, uint v)
{
    return atomic_add(y + i, v);
}
int qc_atomic_min_i32_global(volatile __global int *y, uint i, int v)
{
    return atomic_min(y + i, v);
}
int qc_atomic_max_i32_global(volatile __global int *y, uint i, int v)
{
    return atomic_max(y + i, v);
}
uint qc_atomic_and_u32_global(volatile __global uint *y, uint i, uint v)
{
    return atomic_and(y + i, v);
}
uint qc_atomic_or_u32_global(volatile __global uint *y, uint i, uint v)
{
    return atomic_or(y + i, v);
}
uint qc_atomic_xor_u32_global(volatile __global uint *y, uint i, uint v)
{
    return atomic_xor(y + i, v);
}
uint qc_atomic_xchg_u32_global(volatile __global uint *y, uint i, uint v)
{
    return atomic_xchg(y + i, v);
}
uint qc_atomic_cas_u32_global(volatile __global uint *y, uint i, uint expected, uint v)
{
    return atomic_cmpxchg(y + i, expected, v);
}
float qc_atomic_add_f32_global(volatile __global float *y, uint i, float v)
{
    volatile __global uint *bits = (volatile __global uint *)(y + i);
    uint old = *bits, seen;
    while ((seen = atomic_cmpxchg(bits, old, as_uint(as_float(old) + v))) != old) old = seen;
    return as_float(old);
}

__kernel __attribute__((reqd_work_group_size(8, 1, 1))) void qk_run(__global const half *restrict x, uint qk_at_x, __global half *restrict y, uint qk_at_y, __global uchar *restrict low, uint qk_at_low, __global uint *restrict counts, uint qk_at_counts, __global int *restrict ends, uint qk_at_ends, __global float *restrict sum, uint qk_at_sum, uint n, uint qk_count) /* one group each */
{
    x = (__global const half *)((__global const char *)x + 256ul * qk_at_x);
    y = (__global half *)((__global char *)y + 256ul * qk_at_y);
    low = (__global uchar *)((__global char *)low + 256ul * qk_at_low);
    counts = (__global uint *)((__global char *)counts + 256ul * qk_at_counts);
    ends = (__global int *)((__global char *)ends + 256ul * qk_at_ends);
    sum = (__global float *)((__global char *)sum + 256ul * qk_at_sum);
    const uint group = get_group_id(0);
    __local float part[8];
    __local int tile[8][2];
    if (group >= n)
        return;
    uint seen;
    float kept[2];
    {
        const uint t = get_local_id(0);
        kept[0] = vload_half(group * 8u + t, x);
        kept[1] = kept[0] * 2.0f;
        part[t] = kept[1];
        tile[t][0] = (int)t;
        tile[t][1] = -1;
    }
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    for (uint half_ = 4u; half_ > 0u; half_ /= 2u) {
        {
            const uint t = get_local_id(0);
            if (t < half_)
                part[t] = qc_max_f32(part[t], part[t + half_]);
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    }
    if (n > 2u) {
        {
            const uint t = get_local_id(0);
            seen = qc_atomic_add_u32_global(counts, t & 3u, 1u);
            qc_atomic_min_i32_global(ends, 0, tile[t][0]);
            qc_atomic_max_i32_global(ends, 1, tile[7u - t][0]);
            qc_atomic_and_u32_global(counts, 4, ~t);
            qc_atomic_or_u32_global(counts, 5, t);
            qc_atomic_xor_u32_global(counts, 6, t);
            qc_atomic_xchg_u32_global(counts, 7, t);
            qc_atomic_cas_u32_global(counts, 8, 0u, t);
            qc_atomic_add_f32_global(sum, 0, kept[0]);
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    } else {
        {
            const uint t = get_local_id(0);
            seen = 0u;
        }
    }
    float top = part[0];
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    {
        const uint t = get_local_id(0);
        vstore_half_rte(top - kept[1], group * 8u + t, y);
        low[group * 8u + t] = (uchar)(seen + (uint)tile[t][1]);
    }
}

/* histogram, printed by Quern for OpenCL C 1.2 */
uint qc_min_u32(uint a, uint b)
{
    return a < b ? a : b;
}
uint qc_atomic_add_u32_local(volatile __local uint *y, uint i, uint v)
{
    return atomic_add(y + i, v);
}
uint qc_atomic_add_u32_global(volatile __global uint *y, uint i, uint v)
{
    return atomic_add(y + i, v);
}

__kernel __attribute__((reqd_work_group_size(64, 1, 1))) void qk_run(__global const uchar *restrict x, uint qk_at_x, __global uint *restrict counts, uint qk_at_counts, uint n, uint qk_count) /* one group each */
{
    x = (__global const uchar *)((__global const char *)x + 256ul * qk_at_x);
    counts = (__global uint *)((__global char *)counts + 256ul * qk_at_counts);
    const uint group = get_group_id(0);
    __local uint mine[256];
    {
        const uint t = get_local_id(0);
        for (uint bin = t; bin < 256u; bin += 64u)
            mine[bin] = 0u;
    }
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    {
        const uint t = get_local_id(0);
        uint end = qc_min_u32(n, (group + 1u) * 4096u);
        for (uint i = group * 4096u + t; i < end; i += 64u)
            qc_atomic_add_u32_local(mine, (int)x[i], 1u);
    }
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    {
        const uint t = get_local_id(0);
        for (uint bin = t; bin < 256u; bin += 64u) {
            if (mine[bin] > 0u)
                qc_atomic_add_u32_global(counts, bin, mine[bin]);
        }
    }
}

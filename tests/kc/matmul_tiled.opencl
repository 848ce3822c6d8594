/* matmul_tiled, printed by Quern for OpenCL C 1.2 */
uint qc_div_u32(uint a, uint b)
{
    return a / (b != 0 ? b : 1);
}
uint qc_rem_u32(uint a, uint b)
{
    return a % (b != 0 ? b : 1);
}

__kernel __attribute__((reqd_work_group_size(64, 1, 1))) void qk_run(__global const float *restrict a, uint qk_at_a, __global const float *restrict b, uint qk_at_b, __global float *restrict c, uint qk_at_c, uint m, uint n, uint k, uint qk_count) /* one group each */
{
    a = (__global const float *)((__global const char *)a + 256ul * qk_at_a);
    b = (__global const float *)((__global const char *)b + 256ul * qk_at_b);
    c = (__global float *)((__global char *)c + 256ul * qk_at_c);
    const uint group = get_group_id(0);
    __local float tile_a[8][8];
    __local float tile_b[8][8];
    float sum;
    uint wide = (n + 8u - 1u) / 8u;
    uint row0 = qc_div_u32(group, wide) * 8u;
    uint col0 = qc_rem_u32(group, wide) * 8u;
    {
        const uint t = get_local_id(0);
        sum = 0.0f;
    }
    for (uint k0 = 0u; k0 < k; k0 += 8u) {
        {
            const uint t = get_local_id(0);
            uint r = t / 8u;
            uint s = t % 8u;
            tile_a[r][s] = row0 + r < m && k0 + s < k ? a[(row0 + r) * k + k0 + s] : 0.0f;
            tile_b[r][s] = k0 + r < k && col0 + s < n ? b[(k0 + r) * n + col0 + s] : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        {
            const uint t = get_local_id(0);
            uint r = t / 8u;
            uint s = t % 8u;
            sum += tile_a[r][0] * tile_b[0][s];
            sum += tile_a[r][1] * tile_b[1][s];
            sum += tile_a[r][2] * tile_b[2][s];
            sum += tile_a[r][3] * tile_b[3][s];
            sum += tile_a[r][4] * tile_b[4][s];
            sum += tile_a[r][5] * tile_b[5][s];
            sum += tile_a[r][6] * tile_b[6][s];
            sum += tile_a[r][7] * tile_b[7][s];
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    }
    {
        const uint t = get_local_id(0);
        uint r = row0 + t / 8u;
        uint s = col0 + t % 8u;
        if (r < m && s < n)
            c[r * n + s] = sum;
    }
}

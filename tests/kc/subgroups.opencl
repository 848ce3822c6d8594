/* subgroups, printed by Quern for OpenCL C 1.2 */
#ifdef QK_SUBGROUPS
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#endif
#ifdef QK_SUBGROUPS
float qc_subgroup_add_f32(float v, __local float *cells)
{
    v = sub_group_reduce_add(v);
    if (get_sub_group_local_id() == 0) cells[get_sub_group_id()] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    v = cells[0];
    for (uint k = 1; k < get_num_sub_groups(); k++) v = v + cells[k];
    barrier(CLK_LOCAL_MEM_FENCE);
    return v;
}
#endif
float qc_max_f32(float a, float b)
{
    return a > b || a != a ? a : b;
}
#ifdef QK_SUBGROUPS
float qc_subgroup_max_f32(float v, __local float *cells)
{
    bool nan = sub_group_reduce_max(isnan(v) ? 1 : 0) != 0;
    v = sub_group_reduce_max(v);
    v = nan ? (float)NAN : v;
    if (get_sub_group_local_id() == 0) cells[get_sub_group_id()] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    v = cells[0];
    for (uint k = 1; k < get_num_sub_groups(); k++) v = qc_max_f32(v, cells[k]);
    barrier(CLK_LOCAL_MEM_FENCE);
    return v;
}
#endif
#ifdef QK_SUBGROUPS
int qc_subgroup_min_i32(int v, __local int *cells)
{
    v = sub_group_reduce_min(v);
    if (get_sub_group_local_id() == 0) cells[get_sub_group_id()] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    v = cells[0];
    for (uint k = 1; k < get_num_sub_groups(); k++) v = min(v, cells[k]);
    barrier(CLK_LOCAL_MEM_FENCE);
    return v;
}
#endif
int qc_min_i32(int a, int b)
{
    return a < b ? a : b;
}
int qc_add_i32(int a, int b)
{
    return as_int(as_uint(a) + as_uint(b));
}

__kernel __attribute__((reqd_work_group_size(64, 1, 1))) void qk_run(__global const float *restrict x, uint qk_at_x, __global const int *restrict k, uint qk_at_k, __global float *restrict y, uint qk_at_y, __global int *restrict z, uint qk_at_z, uint qk_count) /* one group each */
{
    x = (__global const float *)((__global const char *)x + 256ul * qk_at_x);
    k = (__global const int *)((__global const char *)k + 256ul * qk_at_k);
    y = (__global float *)((__global char *)y + 256ul * qk_at_y);
    z = (__global int *)((__global char *)z + 256ul * qk_at_z);
    const uint group = get_group_id(0);
    __local float cells[64];
    __local int cells_2[64];
    float sum;
    float top;
    int low;
    {
        const uint t = get_local_id(0);
        sum = x[group * 64u + t];
        top = sum;
        low = k[group * 64u + t];
    }
#ifdef QK_SUBGROUPS
    sum = qc_subgroup_add_f32(sum, cells);
#else
    {
        {
            const uint t = get_local_id(0);
            cells[t] = sum;
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        for (uint half_ = 32u; half_ > 0u; half_ /= 2u) {
            {
                const uint t = get_local_id(0);
                if (t < half_)
                    cells[t] += cells[t + half_];
            }
            barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        }
        {
            const uint t = get_local_id(0);
            sum = cells[0];
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    }
#endif
#ifdef QK_SUBGROUPS
    top = qc_subgroup_max_f32(top, cells);
#else
    {
        {
            const uint t = get_local_id(0);
            cells[t] = top;
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        for (uint half_ = 32u; half_ > 0u; half_ /= 2u) {
            {
                const uint t = get_local_id(0);
                if (t < half_)
                    cells[t] = qc_max_f32(cells[t], cells[t + half_]);
            }
            barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        }
        {
            const uint t = get_local_id(0);
            top = cells[0];
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    }
#endif
#ifdef QK_SUBGROUPS
    low = qc_subgroup_min_i32(low, cells_2);
#else
    {
        {
            const uint t = get_local_id(0);
            cells_2[t] = low;
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        for (uint half_ = 32u; half_ > 0u; half_ /= 2u) {
            {
                const uint t = get_local_id(0);
                if (t < half_)
                    cells_2[t] = qc_min_i32(cells_2[t], cells_2[t + half_]);
            }
            barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        }
        {
            const uint t = get_local_id(0);
            low = cells_2[0];
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    }
#endif
    {
        const uint t = get_local_id(0);
        y[group * 64u + t] = (x[group * 64u + t] - top) / sum;
        z[group * 64u + t] = low;
    }
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    {
        {
            const uint t = get_local_id(0);
            cells_2[t] = low;
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        for (uint half_ = 8u; half_ > 0u; half_ /= 2u) {
            {
                const uint t = get_local_id(0);
                if ((t & 15u) < half_)
                    cells_2[t] = qc_add_i32(cells_2[t], cells_2[t + half_]);
            }
            barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        }
        {
            const uint t = get_local_id(0);
            low = cells_2[t & 4294967280u];
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    }
    {
        {
            const uint t = get_local_id(0);
            cells[t] = top;
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        {
            const uint t = get_local_id(0);
            top = cells[(t & 4294967288u) + 3u];
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    }
    {
        {
            const uint t = get_local_id(0);
            cells[t] = sum;
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        {
            const uint t = get_local_id(0);
            sum = cells[t ^ 5u];
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    }
    {
        const uint t = get_local_id(0);
        if (low > 0)
            y[group * 64u + t] = top + sum;
    }
}

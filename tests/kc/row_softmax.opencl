/* row_softmax, printed by Quern for OpenCL C 1.2 */
float qc_max_f32(float a, float b)
{
    return a > b || a != a ? a : b;
}

__kernel __attribute__((reqd_work_group_size(32, 1, 1))) void qk_run(__global const float *restrict x, uint qk_at_x, __global float *restrict y, uint qk_at_y, uint cols, uint qk_count) /* one group each */
{
    x = (__global const float *)((__global const char *)x + 256ul * qk_at_x);
    y = (__global float *)((__global char *)y + 256ul * qk_at_y);
    const uint row = get_group_id(0);
    __local float part[32];
    float top;
    if (cols == 0u)
        return;
    {
        const uint t = get_local_id(0);
        float m = -INFINITY;
        for (uint c = t; c < cols; c += 32u)
            m = qc_max_f32(m, x[row * cols + c]);
        part[t] = m;
    }
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    for (uint half_ = 16u; half_ > 0u; half_ /= 2u) {
        {
            const uint t = get_local_id(0);
            if (t < half_)
                part[t] = qc_max_f32(part[t], part[t + half_]);
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    }
    float highest = part[0];
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    {
        const uint t = get_local_id(0);
        float sum = 0.0f;
        top = highest;
        for (uint c = t; c < cols; c += 32u)
            sum += exp(x[row * cols + c] - highest);
        part[t] = sum;
    }
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    for (uint half_ = 16u; half_ > 0u; half_ /= 2u) {
        {
            const uint t = get_local_id(0);
            if (t < half_)
                part[t] += part[t + half_];
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    }
    {
        const uint t = get_local_id(0);
        for (uint c = t; c < cols; c += 32u)
            y[row * cols + c] = exp(x[row * cols + c] - top) / part[0];
    }
}

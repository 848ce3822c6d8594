/* blur, printed by Quern for OpenCL C 1.2 */
float4 qc_load_f32w_f32_global(const __global float *x, uint i)
{
    return vload4(0, x + i);
}
void qc_store_f32w_f32_global(__global float *y, uint i, float4 v)
{
    vstore4(v, 0, y + i);
}
float4 qc_max_f32w(float4 a, float4 b)
{
    return select(b, a, (a > b) | (a != a));
}
float4 qc_load_f32x4_f32_global(const __global float *x, uint i)
{
    return vload4(0, x + i);
}
void qc_store_f32x4_f32_global(__global float *y, uint i, float4 v)
{
    vstore4(v, 0, y + i);
}
float4 qc_loadw_part_f32w_f32_global(const __global float *x, uint i, uint n)
{
    float lanes[4];
    for (uint k = 0; k < 4; k++) lanes[k] = k < n ? x[i + k] : (float)0;
    return vload4(0, lanes);
}
void qc_storew_part_f32w_f32_global(__global float *y, uint i, float4 v, uint n)
{
    float lanes[4];
    vstore4(v, 0, lanes);
    for (uint k = 0; k < 4; k++)
        if (k < n) y[i + k] = lanes[k];
}
float qc_sumw_f32w(float4 v)
{
    float lanes[4];
    vstore4(v, 0, lanes);
    for (uint half_n = 4 / 2; half_n > 0; half_n /= 2)
        for (uint k = 0; k < half_n; k++) lanes[k] += lanes[k + half_n];
    return lanes[0];
}
float qc_maxw_f32w(float4 v)
{
    float lanes[4];
    vstore4(v, 0, lanes);
    for (uint half_n = 4 / 2; half_n > 0; half_n /= 2)
        for (uint k = 0; k < half_n; k++)
            lanes[k] = lanes[k] > lanes[k + half_n] || isnan(lanes[k]) ? lanes[k] : lanes[k + half_n];
    return lanes[0];
}

__constant float taps[3] = {
    0.25f, 0.5f, 0.25f
};

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void qk_run(__global const float *restrict x, uint qk_at_x, __global float *restrict y, uint qk_at_y, uint cols, uint qk_count) /* one group each */
{
    x = (__global const float *)((__global const char *)x + 256ul * qk_at_x);
    y = (__global float *)((__global char *)y + 256ul * qk_at_y);
    const uint row = get_group_id(0);
    {
        const uint t = get_local_id(0);
        uint at = row * cols;
        uint c = 1u;
        for (; c + 4u < cols; c += 4u) {
            float4 sum = (float4)(0.0f);
            sum = ((float4)(0.25f) * qc_load_f32w_f32_global(x, at + c - 1u) + sum);
            sum = ((float4)(0.5f) * qc_load_f32w_f32_global(x, at + c + 1u - 1u) + sum);
            sum = ((float4)(0.25f) * qc_load_f32w_f32_global(x, at + c + 2u - 1u) + sum);
            qc_store_f32w_f32_global(y, at + c, qc_max_f32w(sum * 2.0f, (float4)(-1.0f)));
        }
        for (; c + 1u < cols; c++) {
            float sum = 0.0f;
            for (uint k = 0u; k < 3u; k++)
                sum += taps[k] * x[at + c + k - 1u];
            y[at + c] = sum;
        }
        float4 v[2];
        v[0] = qc_load_f32x4_f32_global(x, at) * 0.5f;
        v[1] = qc_load_f32x4_f32_global(x, at + 4u) * 0.5f;
        v[0].w = v[1].x;
        qc_store_f32x4_f32_global(y, at, v[0] + v[1]);
        float4 rest = qc_loadw_part_f32w_f32_global(x, at + c, cols - c);
        qc_storew_part_f32w_f32_global(y, at + c, rest, cols - c);
        y[at] = qc_sumw_f32w(rest) + qc_maxw_f32w(rest);
    }
}

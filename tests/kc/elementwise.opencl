/* elementwise, printed by Quern for OpenCL C 1.2 */
uint qc_rem_u32(uint a, uint b)
{
    return a % (b != 0 ? b : 1);
}
float qc_max_f32(float a, float b)
{
    return a > b || a != a ? a : b;
}
float qc_min_f32(float a, float b)
{
    return a < b || a != a ? a : b;
}
float qc_sigmoid_f32(float x)
{
    return (float)1 / ((float)1 + exp(-x));
}
ushort qc_to_f16(float v)
{
    ushort h;
    vstore_half_rte(v, 0, (half *)&h);
    return h;
}

ushort elementwise_(uint i, __global const half *restrict x, __global const half *restrict scale, float by, uint act, uint cols)
{
    float v = vload_half(i, x) * vload_half(qc_rem_u32(i, cols), scale) + by;
    if (act == 1u) {
        v = qc_max_f32(v, 0.0f);
    } else if (act == 2u) {
        v *= qc_min_f32(qc_max_f32(v / 6.0f + 0.5f, 0.0f), 1.0f);
    } else {
        v = qc_sigmoid_f32(v);
    }
    return qc_to_f16((isnan(v) != 0) ? 0.0f : v);
}

__kernel void qk_run(__global const half *restrict x, uint qk_at_x, __global const half *restrict scale, uint qk_at_scale, float by, uint act, uint cols, __global ushort *restrict qk_out, uint qk_at_out, uint qk_count)
{
    x = (__global const half *)((__global const char *)x + 256ul * qk_at_x);
    scale = (__global const half *)((__global const char *)scale + 256ul * qk_at_scale);
    qk_out = (__global ushort *)((__global char *)qk_out + 256ul * qk_at_out);
    uint qk_i = get_global_id(0);
    if (qk_i < qk_count) qk_out[qk_i] = elementwise_(qk_i, x, scale, by, act, cols);
}

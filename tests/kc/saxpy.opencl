/* saxpy, printed by Quern for OpenCL C 1.2 */

float saxpy_(uint i, __global const float *restrict x, __global const float *restrict y, float a)
{
    return a * x[i] + y[i];
}

__kernel void qk_run(__global const float *restrict x, uint qk_at_x, __global const float *restrict y, uint qk_at_y, float a, __global float *restrict qk_out, uint qk_at_out, uint qk_count)
{
    x = (__global const float *)((__global const char *)x + 256ul * qk_at_x);
    y = (__global const float *)((__global const char *)y + 256ul * qk_at_y);
    qk_out = (__global float *)((__global char *)qk_out + 256ul * qk_at_out);
    uint qk_i = get_global_id(0);
    if (qk_i < qk_count) qk_out[qk_i] = saxpy_(qk_i, x, y, a);
}

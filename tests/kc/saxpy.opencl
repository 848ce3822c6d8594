/* saxpy, printed by Quern for OpenCL C 1.2 */

float saxpy_(uint i, __global const float *restrict x, __global const float *restrict y, float a)
{
    return a * x[i] + y[i];
}

__kernel void qk_run(__global const float *restrict x, __global const float *restrict y, float a, __global float *restrict qk_out, uint qk_count)
{
    uint qk_i = get_global_id(0);
    if (qk_i < qk_count) qk_out[qk_i] = saxpy_(qk_i, x, y, a);
}

/* functions, printed by Quern for OpenCL C 1.2 */
int qc_add_i32(int a, int b)
{
    return as_int(as_uint(a) + as_uint(b));
}
int qc_sub_i32(int a, int b)
{
    return as_int(as_uint(a) - as_uint(b));
}

int functions_(uint i, __global const uint *restrict keys, uint n)
{
    int rows[2][2];
    rows[0][0] = (int)i;
    rows[0][1] = -1;
    rows[1][0] = 7;
    uint find;
    bool done = false;
    uint lo = 0u;
    uint hi = n;
    while (lo < hi) {
        uint mid = (lo + hi) / 2u;
        if (keys[mid] == i) {
            find = mid;
            done = true;
            break;
        }
        if (keys[mid] < i) {
            lo = mid + 1u;
        } else {
            hi = mid;
        }
    }
    if (!done) {
        find = n;
        done = true;
    }
    rows[1][1] = (int)find;
    uint k = 0u;
    for (;;) {
        bool chosen = k < n;
        if (chosen) {
            uint find_2;
            bool done_2 = false;
            uint lo_2 = 0u;
            uint hi_2 = n;
            while (lo_2 < hi_2) {
                uint mid = (lo_2 + hi_2) / 2u;
                if (keys[mid] == k) {
                    find_2 = mid;
                    done_2 = true;
                    break;
                }
                if (keys[mid] < k) {
                    lo_2 = mid + 1u;
                } else {
                    hi_2 = mid;
                }
            }
            if (!done_2) {
                find_2 = n;
                done_2 = true;
            }
            chosen = find_2 != n;
        }
        if (!chosen)
            break;
        k++;
    }
    int weight;
    if (i == 0u || i + 1u == n) {
        weight = 0;
    } else {
        int sum = 0;
        for (uint k_2 = 0u; k_2 < 2u; k_2++)
            sum = qc_add_i32(sum, rows[0][k_2]);
        weight = sum;
    }
    uint row = i % 2u;
    int weight_2;
    if (k == 0u || k + 1u == n) {
        weight_2 = 0;
    } else {
        int sum = 0;
        for (uint k_2 = 0u; k_2 < 2u; k_2++)
            sum = qc_add_i32(sum, rows[row][k_2]);
        weight_2 = sum;
    }
    int sum = qc_add_i32(weight, weight_2);
    do {
        int chosen;
        if (sum > 100) {
            chosen = qc_sub_i32(sum, 100);
        } else {
            uint i_2 = i + 1u;
            int weight_3;
            if (i_2 == 0u || i_2 + 1u == n) {
                weight_3 = 0;
            } else {
                int sum_2 = 0;
                for (uint k_2 = 0u; k_2 < 2u; k_2++)
                    sum_2 = qc_add_i32(sum_2, rows[1][k_2]);
                weight_3 = sum_2;
            }
            chosen = qc_add_i32(sum, weight_3);
        }
        sum = chosen;
    } while (sum < 0);
    return sum;
}

__kernel void qk_run(__global const uint *restrict keys, uint qk_at_keys, uint n, __global int *restrict qk_out, uint qk_at_out, uint qk_count)
{
    keys = (__global const uint *)((__global const char *)keys + 256ul * qk_at_keys);
    qk_out = (__global int *)((__global char *)qk_out + 256ul * qk_at_out);
    uint qk_i = get_global_id(0);
    if (qk_i < qk_count) qk_out[qk_i] = functions_(qk_i, keys, n);
}

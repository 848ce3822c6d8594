#version 300 es
/* functions, printed by Quern for GLSL ES 3.00 */
precision highp float;
precision highp int;
precision highp usampler2D;

uniform uvec4 qk_u[2];
uniform usampler2D qk_0; /* keys */
layout(location = 0) out uvec4 qk_out;

uvec4 qk_texel(usampler2D memory, uvec2 place, uint at)
{
    uint t = place.x + at;
    return texelFetch(memory, ivec2(t & ((1u << place.y) - 1u), t >> place.y), 0);
}
uint qk_word(usampler2D memory, uvec2 place, uint at)
{
    return qk_texel(memory, place, at >> 2)[at & 3u];
}
bool qc_again(bool v)
{
    return uint(v) != qk_u[0].w;
}
uint keys(uint i)
{
    return qk_word(qk_0, qk_u[1].xy, i);
}

int functions_(uint i, uint n)
{
    int rows[4];
    rows[0u * 2u + 0u] = int(i);
    rows[0u * 2u + 1u] = -1;
    rows[1u * 2u + 0u] = 7;
    uint find;
    bool done = false;
    uint lo = 0u;
    uint hi = n;
    for (; qc_again(true);) {
        if (!(lo < hi))
            break;
        uint mid = (lo + hi) / 2u;
        if (keys(mid) == i) {
            find = mid;
            done = true;
            break;
        }
        if (keys(mid) < i) {
            lo = mid + 1u;
        } else {
            hi = mid;
        }
    }
    if (!done) {
        find = n;
        done = true;
    }
    rows[1u * 2u + 1u] = int(find);
    uint k = 0u;
    for (; qc_again(true);) {
        bool chosen = k < n;
        if (chosen) {
            uint find_2;
            bool done_2 = false;
            uint lo_2 = 0u;
            uint hi_2 = n;
            for (; qc_again(true);) {
                if (!(lo_2 < hi_2))
                    break;
                uint mid = (lo_2 + hi_2) / 2u;
                if (keys(mid) == k) {
                    find_2 = mid;
                    done_2 = true;
                    break;
                }
                if (keys(mid) < k) {
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
            sum += rows[0u * 2u + k_2];
        weight = sum;
    }
    uint row = i % 2u;
    int weight_2;
    if (k == 0u || k + 1u == n) {
        weight_2 = 0;
    } else {
        int sum = 0;
        for (uint k_2 = 0u; k_2 < 2u; k_2++)
            sum += rows[row * 2u + k_2];
        weight_2 = sum;
    }
    int sum = weight + weight_2;
    for (bool qk_again = qc_again(true); qk_again; qk_again = qc_again(sum < 0)) {
        int chosen;
        if (sum > 100) {
            chosen = sum - 100;
        } else {
            uint i_2 = i + 1u;
            int weight_3;
            if (i_2 == 0u || i_2 + 1u == n) {
                weight_3 = 0;
            } else {
                int sum_2 = 0;
                for (uint k_2 = 0u; k_2 < 2u; k_2++)
                    sum_2 += rows[1u * 2u + k_2];
                weight_3 = sum_2;
            }
            chosen = sum + weight_3;
        }
        sum = chosen;
    }
    return sum;
}

void main()
{
    uint i = ((uint(gl_FragCoord.y) << qk_u[0].z) + uint(gl_FragCoord.x) - qk_u[0].y) * 4u;
    uvec4 qk_made = uvec4(0u);
    for (uint k = 0u; k < min(4u, qk_u[0].x - i); k++) {
        qk_made[k] = uint(functions_(i + k, qk_u[1].z));
    }
    qk_out = qk_made;
}

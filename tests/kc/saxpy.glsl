#version 300 es
/* saxpy, printed by Quern for GLSL ES 3.00 */
precision highp float;
precision highp int;
precision highp usampler2D;

uniform uvec4 qk_u[3];
uniform usampler2D qk_0; /* x */
uniform usampler2D qk_1; /* y */
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
float x(uint i)
{
    return uintBitsToFloat(qk_word(qk_0, qk_u[1].xy, i));
}
float y(uint i)
{
    return uintBitsToFloat(qk_word(qk_1, qk_u[1].zw, i));
}

float saxpy_(uint i, float a)
{
    return a * x(i) + y(i);
}

void main()
{
    uint i = ((uint(gl_FragCoord.y) << qk_u[0].z) + uint(gl_FragCoord.x) - qk_u[0].y) * 4u;
    uvec4 qk_made = uvec4(0u);
    for (uint k = 0u; k < min(4u, qk_u[0].x - i); k++) {
        qk_made[k] = floatBitsToUint(saxpy_(i + k, uintBitsToFloat(qk_u[2].x)));
    }
    qk_out = qk_made;
}

/* Mesa's software drivers end the loops of a shader after 65,535 turns in all, without a word. One fragment that loops longer tells. */
#include "device/webgl_memory.h"

enum { PROBED_TURNS = 100000 };

/* The turns are counted by what they compute, so that no compiler can tell the end beforehand. */
static const char turns_text[] = "#version 300 es\n"
                                 "precision highp float;\nprecision highp int;\n"
                                 "uniform uvec4 qk_u[1];\nlayout(location = 0) out uvec4 qk_out;\n"
                                 "void main()\n{\n"
                                 "    uint x = qk_u[0].y, n = 0u;\n"
                                 "    for (uint i = 0u; i < qk_u[0].x; i++) {\n"
                                 "        x = x * 1664525u + 1013904223u;\n"
                                 "        n += x != 0u ? 1u : 2u;\n"
                                 "    }\n"
                                 "    qk_out = uvec4(n, x, 0u, 0u);\n}\n";

static void read_texel(webgl_gl *g, const webgl_buf *b, u32 out[4])
{
    u32 buffer;
    g->gl->GenBuffers(1, &buffer);
    webgl_count(1);
    g->gl->BindBuffer(GL_PIXEL_PACK_BUFFER, buffer);
    g->gl->BufferData(GL_PIXEL_PACK_BUFFER, WEBGL_TEXEL, NULL, GL_STREAM_READ);
    webgl_pack(g, b, 0, 1);
    g->gl->read_buffer(0, out, WEBGL_TEXEL);
    g->gl->BindBuffer(GL_PIXEL_PACK_BUFFER, 0);
    webgl_delete(g, WEBGL_BUFFER, buffer);
}

qn_status webgl_find_turns(webgl_gl *g, u32 *out)
{
    const u32 words[4] = { PROBED_TURNS, 1 };
    u32 program, found[4] = { PROBED_TURNS };
    const webgl_buf *to;
    QN_TRY(webgl_scratch(g, WEBGL_TEXEL, &to));
    QN_TRY(webgl_link(g, "turns", turns_text, sizeof turns_text - 1, &program));
    g->gl->UseProgram(program);
    g->gl->Uniform4uiv(g->gl->GetUniformLocation(program, "qk_u"), 1, words);
    webgl_draw(g, to, 0, 1);
    read_texel(g, to, found);
    webgl_delete(g, WEBGL_PROGRAM, program);
    *out = found[0] < PROBED_TURNS ? found[0] : 0;
    return webgl_check(g, "the probe of loops");
}

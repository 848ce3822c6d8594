/* What a context really does, found out when it is opened: one draw of a few texels, each a question whose answer the host knows, and one at the
 * far end of a texture. Where integers, bits or floats are wrong nothing else would be right: the device is refused. Two answers become
 * limits: the size of textures that can be drawn into to the last texel, and after how many turns the driver ends loops without a word (Mesa's
 * software drivers do, after 65,535). */
#include "device/webgl_memory.h"

enum { PROBED_TURNS = 100000, LEAST_SIZE = 2048 }; /* LEAST_SIZE: what OpenGL ES 3.0 promises */

/* Operands are uniforms, so that no compiler knows the answers: a is qk_u[1], b is qk_u[2], bits of floats qk_u[3]. The last texel counts
 * turns by what they compute. */
static const char probe_text[] =
    "#version 300 es\n"
    "precision highp float;\nprecision highp int;\nprecision highp usampler2D;\n"
    "uniform uvec4 qk_u[4];\nuniform usampler2D qk_0;\nlayout(location = 0) out uvec4 qk_out;\n"
    "void main()\n{\n"
    "    uint k = (uint(gl_FragCoord.y) << qk_u[0].z) + uint(gl_FragCoord.x) - qk_u[0].x;\n"
    "    uvec4 a = qk_u[1], b = qk_u[2], made = uvec4(0u);\n"
    "    if (k == 0u) made = a;\n"
    "    else if (k == 1u) made = uvec4(a.x * b.x, a.x + b.x, a.x / b.y, a.x % b.y);\n"
    "    else if (k == 2u) made = uvec4(int(a.x) >> 3, int(a.x) * int(b.x), a.x << (b.y & 31u), uint(int(a.y) < "
    "int(a.z)));\n"
    "    else if (k == 3u) made = floatBitsToUint(vec4(float(b.z) * float(b.w), 1.0 + 1.0 / float(8388608u * (b.y - 6u)), "
    "float(a.w), -0.5 * float(b.y)));\n"
    "    else if (k == 4u) made = floatBitsToUint(uintBitsToFloat(qk_u[3]));\n"
    "    else if (k == 5u) for (uint j = 0u; j < 4u; j++) made[3u - j] = texelFetch(qk_0, ivec2(b.y - 6u, 0), 0)[j];\n"
    "    else if (k == 6u) {\n"
    "        uint x = a.x, n = 0u;\n"
    "        for (uint i = 0u; i < qk_u[0].y; i++) {\n"
    "            x = x * 1664525u + 1013904223u;\n"
    "            n += x != 0u ? 1u : 2u;\n"
    "        }\n"
    "        made.x = n;\n"
    "    }\n"
    "    qk_out = made;\n}\n";

/* clang-format off */
#define A  0xfedcba98u, 0xffffffffu, 0x00000001u, 0x01000001u
#define B  0x89abcdefu, 7u, 4097u, 4095u
#define F  0x7f800000u, 0xff800000u, 0x80000000u, 0x7fc00000u  /* infinities, -0, NaN */
#define T  0x00000001u, 0x80000000u, 0x7fc00001u, 0xffffffffu  /* a texel */
static const u32 operands[12] = { A, B, F }, texel[4] = { T };
enum { ASKED = 6, TURNS_AT = ASKED, TEXELS };
static const struct { const char *what; u32 want[4]; } asked[ASKED] = {
    { "32 bits of a texel",        { A } },
    { "unsigned integers",         { 0xfedcba98u * 0x89abcdefu, 0xfedcba98u + 0x89abcdefu, 0xfedcba98u / 7u, 0xfedcba98u % 7u } },
    { "signed integers",           { 0xffdb9753u, 0xfedcba98u * 0x89abcdefu, 0xfedcba98u << 7, 1 } },
    { "floats",                    { 0x4b7fffffu, 0x3f800001u, 0x4b800000u, 0xc0600000u } }, /* 16777215, 1 + 2^-23, 2^24 + 1 rounded, -3.5 */
    { "infinities, -0 and NaN",    { F } },
    { "texels that are read",      { 0xffffffffu, 0x7fc00001u, 0x80000000u, 0x00000001u } },
};
/* clang-format on */

/* Texels [from, from + n) to the host, now. */
static void read_texels(webgl_gl *g, const webgl_buf *b, u64 from, u32 n, u32 *out)
{
    u32 buffer;
    g->gl->GenBuffers(1, &buffer);
    webgl_count(1);
    g->gl->BindBuffer(GL_PIXEL_PACK_BUFFER, buffer);
    g->gl->BufferData(GL_PIXEL_PACK_BUFFER, (intptr_t)n * WEBGL_TEXEL, NULL, GL_STREAM_READ);
    webgl_pack(g, b, from, n);
    g->gl->read_buffer(0, out, n * WEBGL_TEXEL);
    g->gl->BindBuffer(GL_PIXEL_PACK_BUFFER, 0);
    webgl_delete(g, WEBGL_BUFFER, buffer);
}

static qn_status draw_probe(webgl_gl *g, u32 program, const webgl_buf *to, u64 at, u32 n)
{
    u32 words[16] = { (u32)at, PROBED_TURNS, to->width };
    memcpy(words + 4, operands, sizeof operands);
    QN_TRY(webgl_write(g, &g->edges, WEBGL_TEXEL, (qn_bytes){ (const u8 *)texel, sizeof texel }));
    g->gl->UseProgram(program);
    g->gl->Uniform4uiv(g->gl->GetUniformLocation(program, "qk_u"), 4, words);
    webgl_bind(g, 0, g->edges.texture);
    webgl_draw(g, to, at, n);
    return QN_OK;
}

static qn_status compare(const u32 *found)
{
    for (u32 k = 0; k < ASKED; k++)
        for (u32 j = 0; j < 4; j++) {
            u32 got = found[4 * k + j], want = asked[k].want[j];
            bool both_nan = (got & 0x7fffffffu) > 0x7f800000u && want == 0x7fc00000u; /* which one does not matter */
            if (got != want && !both_nan)
                return fail(QN_E_NO_DEVICE,
                            "WebGL: this driver's shaders get %s wrong (0x%x, not 0x%x), so no kernel would be right",
                            asked[k].what, got, want);
        }
    return QN_OK;
}

static qn_status ask(webgl_gl *g, u32 program, u32 *max_turns)
{
    u32 found[4 * TEXELS] = { 0 };
    const webgl_buf *to;
    QN_TRY(webgl_scratch(g, sizeof found, &to));
    QN_TRY(draw_probe(g, program, to, 0, TEXELS));
    read_texels(g, to, 0, TEXELS, found);
    QN_TRY(webgl_check(g, "the probe"));
    QN_TRY(compare(found));
    *max_turns = found[4 * TURNS_AT] < PROBED_TURNS ? found[4 * TURNS_AT] : 0;
    return QN_OK;
}

/* Is the last texel of a row, and of a column, of this size drawn as it should be? */
static bool reaches(webgl_gl *g, u32 program, u32 width, u32 rows)
{
    webgl_buf b = { 0 };
    u32 found[4] = { 0 };
    u64 last = ((u64)rows << width) - 1;
    bool ok = webgl_buf_make_of(g, width, rows, &b) == QN_OK && draw_probe(g, program, &b, last, 1) == QN_OK;
    if (ok) read_texels(g, &b, last, 1, found);
    ok = webgl_check(g, "the probe") == QN_OK && ok && memcmp(found, operands, sizeof found) == 0;
    webgl_buf_free(g, &b);
    return ok;
}

static qn_status find_size(webgl_gl *g, u32 program)
{
    for (u32 width = 31; width > 0; width--) {
        u32 size = 1u << width;
        if (size > g->max_size) continue;
        g->max_size = size;
        attempt_begin();
        bool ok = reaches(g, program, width, 1) && reaches(g, program, 0, size);
        attempt_end(false);
        if (ok) return QN_OK;
        if (size <= LEAST_SIZE || g->gl->lost()) break;
    }
    QN_TRY(webgl_check(g, "the probe"));
    return fail(QN_E_NO_DEVICE,
                "WebGL: this driver does not draw to the end of a texture of %u texels, which OpenGL ES 3.0 promises",
                g->max_size);
}

qn_status webgl_probe(webgl_gl *g, u32 *max_turns)
{
    u32 program;
    QN_TRY(webgl_link(g, "probe", probe_text, sizeof probe_text - 1, &program));
    qn_status s = ask(g, program, max_turns);
    if (s == QN_OK) s = find_size(g, program);
    webgl_delete(g, WEBGL_PROGRAM, program);
    return s;
}

/* A MAP as a fragment shader, for WebGL 2 and GLES 3. There are no groups, so a KERNEL is refused.
 *
 * Memory is textures of RGBA32UI: a texel is four words of a buffer, in order, row by row; a row has 2^width texels. A buffer becomes
 * a function of its name, which takes the element out of its word. A fragment makes the four words of one texel
 * of the output, so every element that has bytes in it, and no store is shared. Floats travel as bits: NaN, -0 and denormals arrive.
 *
 * What a launcher sets: uniform uvec4 qk_u[], as a row of words: [0] the count, [1] the texel of the target at which the output starts, [2] the
 * target's width, [3] 0 (qc_hidden); then for each buffer two words, the texel at which its view starts and its width; then the scalars' words.
 * Samplers qk_0, qk_1, ... are the buffers in order. The viewport is the texels to be made. */
#include "kc/glsl.h"

enum { FIRST_PLACE = 4 }; /* words of qk_u before the buffers' places */

static const char memory_text[] = "uvec4 qk_texel(usampler2D memory, uvec2 place, uint at)\n{\n"
                                  "    uint t = place.x + at;\n"
                                  "    return texelFetch(memory, ivec2(t & ((1u << place.y) - 1u), t >> place.y), 0);\n}\n"
                                  "uint qk_word(usampler2D memory, uvec2 place, uint at)\n{\n"
                                  "    return qk_texel(memory, place, at >> 2)[at & 3u];\n}\n";

static const char *word_at(printer *p, u32 at) { return print_text(p, "qk_u[%u].%c", at / 4, "xyzw"[at % 4]); }
static u32 place_at(const kc_var *v) { return FIRST_PLACE + 2 * v->at; }

/* Element i of a buffer of this type, out of its words; $ is "qk_N, place". */
static const char *element_text(kc_type t)
{
    if (t.lanes == 4)
        return t.scalar == KC_F32   ? "uintBitsToFloat(qk_texel($, i))"
               : t.scalar == KC_I32 ? "ivec4(qk_texel($, i))"
                                    : "qk_texel($, i)";
    if (t.lanes == 2)
        return t.scalar == KC_F32   ? "uintBitsToFloat((i & 1u) == 0u ? qk_texel($, i >> 1).xy : qk_texel($, i >> 1).zw)"
               : t.scalar == KC_I32 ? "ivec2((i & 1u) == 0u ? qk_texel($, i >> 1).xy : qk_texel($, i >> 1).zw)"
                                    : "(i & 1u) == 0u ? qk_texel($, i >> 1).xy : qk_texel($, i >> 1).zw";
    static const char *const scalars[] = {
        [KC_BOOL] = "((qk_word($, i >> 2) >> (8u * (i & 3u))) & 255u) != 0u",
        [KC_U8] = "(qk_word($, i >> 2) >> (8u * (i & 3u))) & 255u",
        [KC_I8] = "int(qk_word($, i >> 2) << (24u - 8u * (i & 3u))) >> 24",
        [KC_U16] = "(qk_word($, i >> 1) >> (16u * (i & 1u))) & 65535u",
        [KC_F16] = "(qk_word($, i >> 1) >> (16u * (i & 1u))) & 65535u",
        [KC_BF16] = "(qk_word($, i >> 1) >> (16u * (i & 1u))) & 65535u",
        [KC_I16] = "int(qk_word($, i >> 1) << (16u - 16u * (i & 1u))) >> 16",
        [KC_U32] = "qk_word($, i)",
        [KC_I32] = "int(qk_word($, i))",
        [KC_F32] = "uintBitsToFloat(qk_word($, i))",
        [KC_I64] = "(i & 1u) == 0u ? qk_texel($, i >> 1).xy : qk_texel($, i >> 1).zw",
        [KC_U64] = "(i & 1u) == 0u ? qk_texel($, i >> 1).xy : qk_texel($, i >> 1).zw",
    };
    return scalars[t.scalar];
}

static void put_with_place(str *out, const char *text, const kc_var *v)
{
    u32 at = place_at(v);
    for (; *text; text++) {
        if (*text == '$') str_print(out, "qk_%u, qk_u[%u].%s", v->at, at / 4, at % 4 ? "zw" : "xy");
        else str_add_n(out, text, 1);
    }
}

/* Four words in a row: of one texel, or of two. Drivers that run both sides of a branch, as Mesa's do on a processor, still fetch no more than two. */
static const char fours_text[] =
    "uvec4 qk_four(usampler2D memory, uvec2 place, uint at)\n"
    "{\n"
    "    uint k = at & 3u;\n"
    "    uvec4 a = qk_texel(memory, place, at >> 2);\n"
    "    if (k == 0u) return a;\n"
    "    uvec4 b = qk_texel(memory, place, (at >> 2) + 1u);\n"
    "    return k == 1u ? uvec4(a.yzw, b.x) : k == 2u ? uvec4(a.zw, b.xy) : uvec4(a.w, b.xyz);\n"
    "}\n";

static bool is_word(const kc_var *v) { return kc_scalar_bytes((kc_scalar)v->type.scalar) == 4; }

static const char *fours_type(const kc_var *v)
{
    kc_scalar s = (kc_scalar)v->type.scalar;
    return kc_is_float(s) ? "vec4" : kc_is_signed(s) ? "ivec4" : "uvec4";
}

/* Asked once of each: that it was said is noted by the question. */
static bool reads_in(printer *p, const kc_var *v, const char *what)
{
    return v->read && glsl_said(p, print_text(p, "%s in %s", print_named(p, v), what));
}

static void put_fours(printer *p, const kc_var *v, str *out)
{
    const char *name = print_named(p, v), *from = "", *type = fours_type(v);
    if (v->type.scalar == KC_F16 || v->type.scalar == KC_BF16)
        from = v->type.scalar == KC_F16 ? "qc_from_f16" : "qc_from_bf16";
    str_print(out, "%s %s_4(uint i)\n{\n", type, name);
    if (is_word(v)) {
        str_print(out, "    return %s(", v->type.scalar == KC_F32 ? "uintBitsToFloat" : type);
        put_with_place(out, "qk_four($, i));\n}\n", v);
        return;
    }
    str_print(out, "    return %s(", type);
    for (u32 k = 0; k < 4; k++) str_print(out, "%s%s(%s(i + %uu))", k ? ", " : "", from, name, k);
    str_add(out, ");\n}\n");
}

static void put_texels(printer *p, const kc_var *v, str *out)
{
    str_print(out, "%s %s_texel(uint i)\n{\n    return %s(", fours_type(v), print_named(p, v),
              v->type.scalar == KC_F32 ? "uintBitsToFloat" : fours_type(v));
    put_with_place(out, "qk_texel($, i));\n}\n", v);
}

static void put_buffers(printer *p, str *out)
{
    bool fours[KC_MAX_BUFFERS] = { 0 }, of_words = false;
    for (u32 k = 0; k < p->e->n_buffers; k++) {
        fours[k] = reads_in(p, p->e->buffers[k], "fours");
        of_words |= fours[k] && is_word(p->e->buffers[k]);
    }
    if (of_words) str_add(out, fours_text);
    for (u32 k = 0; k < p->e->n_buffers; k++) {
        const kc_var *v = p->e->buffers[k];
        if (!v->read) continue;
        str_print(out, "%s %s(uint i)\n{\n    return ", print_type(p, v->type), print_named(p, v));
        put_with_place(out, element_text(v->type), v);
        str_add(out, ";\n}\n");
        if (fours[k]) put_fours(p, v, out);
        if (reads_in(p, v, "texels")) put_texels(p, v, out);
    }
}

static void put_scalar(printer *p, const kc_var *v)
{
    u32 at = place_at(&(kc_var){ .at = p->e->n_buffers }) + v->at;
    const char *low = word_at(p, at);
    if (glsl_is_wide(v->type)) str_print(p->out, "uvec2(%s, %s)", low, word_at(p, at + 1));
    else if (v->type.scalar == KC_F32) str_print(p->out, "uintBitsToFloat(%s)", low);
    else if (v->type.scalar == KC_U32) str_add(p->out, low);
    else str_print(p->out, "%s(%s)", print_type(p, v->type), low);
}

/* One element into the words of a texel: elements a texel, then what is done with element i + k. */
static u32 result_elems(kc_type t) { return 16 / (kc_scalar_bytes((kc_scalar)t.scalar) * (t.lanes == 1 ? 1 : t.lanes)); }

static const char *result_text(kc_type t)
{
    if (t.lanes == 4) return t.scalar == KC_F32 ? "qk_made = floatBitsToUint($);" : "qk_made = uvec4($);";
    if (t.lanes == 2)
        return t.scalar == KC_F32
                   ? "uvec2 v = floatBitsToUint($);\n        if (k == 0u) qk_made.xy = v;\n        else qk_made.zw = v;"
                   : "uvec2 v = uvec2($);\n        if (k == 0u) qk_made.xy = v;\n        else qk_made.zw = v;";
    switch (kc_scalar_bytes((kc_scalar)t.scalar)) {
    case 1: return "qk_made[k >> 2] |= (uint($) & 255u) << (8u * (k & 3u));";
    case 2: return "qk_made[k >> 1] |= (uint($) & 65535u) << (16u * (k & 1u));";
    case 8: return "uvec2 v = $;\n        if (k == 0u) qk_made.xy = v;\n        else qk_made.zw = v;";
    default: return t.scalar == KC_F32 ? "qk_made[k] = floatBitsToUint($);" : "qk_made[k] = uint($);";
    }
}

static void put_main(printer *p)
{
    const kc_entry *e = p->e;
    u32 elems = result_elems(e->kernel.result);
    str_add(p->out,
            "\nvoid main()\n{\n    uint i = ((uint(gl_FragCoord.y) << qk_u[0].z) + uint(gl_FragCoord.x) - qk_u[0].y)");
    str_print(p->out,
              " * %uu;\n    uvec4 qk_made = uvec4(0u);\n    for (uint k = 0u; k < min(%uu, qk_u[0].x - i); k++) {\n        ",
              elems, elems);
    for (const char *text = result_text(e->kernel.result); *text; text++) {
        if (*text != '$') {
            str_add_n(p->out, text, 1);
            continue;
        }
        str_print(p->out, "%s(i + k", p->function);
        for (u32 slot = 0; slot < e->n_vars; slot++) {
            if (e->vars[slot]->storage != KC_V_SCALAR) continue;
            str_add(p->out, ", ");
            put_scalar(p, e->vars[slot]);
        }
        str_add(p->out, ")");
    }
    str_add(p->out, "\n    }\n    qk_out = qk_made;\n}\n");
}

static void put_map(printer *p)
{
    const kc_entry *e = p->e;
    for (u32 k = 0; k < e->n_buffers; k++) print_name(p, e->buffers[k]);
    u32 kept = p->n_visible;
    str_print(p->out, "\n%s %s(uint %s", print_type(p, e->kernel.result), p->function, print_name(p, e->first));
    for (u32 slot = 0; slot < e->n_vars; slot++)
        if (e->vars[slot]->storage == KC_V_SCALAR)
            str_print(p->out, ", %s %s", print_type(p, e->vars[slot]->type), print_name(p, e->vars[slot]));
    str_add(p->out, ")\n{\n");
    print_body(p, e->body);
    str_add(p->out, "}\n");
    print_forget(p, kept);
    put_main(p);
}

static void put_tables(printer *p)
{
    for (u32 i = 0; i < p->m->n_tables; i++) {
        const kc_var *v = p->m->tables[i];
        if (!v->read) continue;
        const char *type = print_memory_type(p, v->type);
        str_print(p->out, "\nconst %s %s[%u] = %s[%u](", type, print_named(p, v), v->n[0], type, v->n[0]);
        for (u32 k = 0; k < v->n[0]; k++) {
            str_add(p->out, k == 0 ? "\n    " : k % 12 == 0 ? ",\n    " : ", ");
            print_const(p, v->values[k]);
        }
        str_add(p->out, "\n);\n");
    }
}

void glsl_unit(printer *p, str *out)
{
    const kc_entry *e = p->e;
    str kernel = { 0 };
    p->out = &kernel;
    put_tables(p);
    put_map(p);
    p->out = out;
    u32 words = FIRST_PLACE + 2 * e->n_buffers + e->n_words;
    str_print(out,
              "#version 300 es\n/* %s, printed by Quern for GLSL ES 3.00 */\nprecision highp float;\nprecision highp "
              "int;\nprecision highp usampler2D;\n\n",
              e->kernel.name);
    str_print(out, "uniform uvec4 qk_u[%u];\n", (words + 3) / 4);
    for (u32 k = 0; k < e->n_buffers; k++)
        if (e->buffers[k]->read) str_print(out, "uniform usampler2D qk_%u; /* %s */\n", k, print_named(p, e->buffers[k]));
    str_add(out, "layout(location = 0) out uvec4 qk_out;\n\n");
    if (e->n_buffers) str_add(out, memory_text);
    str_add(out, p->helpers.text ? p->helpers.text : "");
    put_buffers(p, out);
    str_add(out, kernel.text ? kernel.text : "");
    p->bad |= kernel.bad;
    str_free(&kernel);
}

qn_status print_glsl(const kc_module *m, const kc_kernel *k, const dialect *d, str *out)
{
    const kc_entry *e = kc_entry_of(k);
    if (k->form != KC_MAP)
        return kc_fail_at(m, QN_E_UNSUPPORTED, e->pos,
                          "GLSL ES has no groups of items: it runs MAP kernels only, and '%s' is a KERNEL", k->name);
    if (k->uses_f64) return kc_fail_at(m, QN_E_UNSUPPORTED, e->pos, "GLSL ES has no f64, which '%s' computes in", k->name);
    if (m->width > 4)
        return kc_fail_at(m, QN_E_UNSUPPORTED, e->pos, "GLSL ES has vectors of 4 lanes, not an f32w of %u", m->width);
    return print_c_family(m, k, d, out);
}

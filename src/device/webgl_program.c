/* kc prints GLSL ES 3.00 (glsl_shader.c says what a launcher sets), the driver compiles it; the vertex shader is one triangle over the whole viewport. */
#include "device/webgl_program.h"

#include <stdio.h>

enum { LOG_BYTES = 1200, FIRST_PLACE = 4 };

static const char vertex_text[] =
    "#version 300 es\n"
    "void main()\n{\n"
    "    gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);\n}\n";

/* ---- shaders */

static u32 shader_make(webgl_gl *g, u32 kind, const char *text, size_t n)
{
    u32 shader = g->gl->CreateShader(kind);
    i32 length = (i32)n;
    webgl_count(1);
    g->gl->ShaderSource(shader, 1, &text, &length);
    g->gl->CompileShader(shader);
    return shader;
}

/* The driver's words: the shader's where it does not compile, else the program's. */
static qn_status fail_link(const webgl_gl *g, u32 shader, u32 program, const char *name)
{
    char log[LOG_BYTES] = "";
    i32 n = 0, compiled = 0;
    if (g->gl->lost()) return webgl_fail_lost(g);
    g->gl->GetShaderiv(shader, GL_COMPILE_STATUS, &compiled);
    if (compiled) g->gl->GetProgramInfoLog(program, sizeof log, &n, log);
    else g->gl->GetShaderInfoLog(shader, sizeof log, &n, log);
    return fail(QN_E_DEVICE, "WebGL: the driver does not build kernel '%s':\n%s", name, log);
}

/* Samplers qk_0, qk_1, ... read units 0, 1, ... */
static void set_units(const webgl_gl *g, u32 program)
{
    char name[16];
    g->gl->UseProgram(program);
    for (u32 i = 0; i < g->max_units; i++) {
        snprintf(name, sizeof name, "qk_%u", i);
        i32 at = g->gl->GetUniformLocation(program, name);
        if (at >= 0) g->gl->Uniform1i(at, (i32)i);
    }
}

qn_status webgl_link(webgl_gl *g, const char *name, const char *text, size_t n, u32 *out)
{
    if (!g->vertex_shader) g->vertex_shader = shader_make(g, GL_VERTEX_SHADER, vertex_text, sizeof vertex_text - 1);
    u32 shader = shader_make(g, GL_FRAGMENT_SHADER, text, n), program = g->gl->CreateProgram();
    i32 linked = 0;
    webgl_count(1);
    g->gl->AttachShader(program, g->vertex_shader);
    g->gl->AttachShader(program, shader);
    g->gl->LinkProgram(program);
    g->gl->GetProgramiv(program, GL_LINK_STATUS, &linked);
    qn_status status = linked ? QN_OK : fail_link(g, shader, program, name);
    webgl_delete(g, WEBGL_SHADER, shader);
    if (status == QN_OK) {
        set_units(g, program);
        *out = program;
    } else {
        webgl_delete(g, WEBGL_PROGRAM, program);
    }
    return status;
}

/* ---- kernels */

static qn_status check_needs(const webgl_gl *g, const qn_caps *caps, const kc_kernel *k, const prog_shape *shape)
{
    u32 words = FIRST_PLACE + 2 * (shape->n_bufs - 1) + shape->n_words;
    if (shape->n_bufs > caps->max_buffers)
        return fail(QN_E_UNSUPPORTED, "kernel '%s' takes %u buffers; this device allows %u", k->name, shape->n_bufs,
                    caps->max_buffers);
    if ((words + 3) / 4 > g->max_vectors)
        return fail(QN_E_UNSUPPORTED, "kernel '%s' takes %u words of parameters; this device allows %u", k->name,
                    shape->n_words, g->max_vectors * 4 - FIRST_PLACE);
    return QN_OK;
}

static qn_status make(webgl_gl *g, const qn_caps *caps, const kc_program *program, str *text, webgl_program *p)
{
    kc_module *module;
    QN_TRY(device_compile(p->mem, program, &(kc_options){ .width = caps->width }, &module, &p->kernel));
    const kc_kernel *k = p->kernel;
    p->module = module;
    snprintf(p->name, sizeof p->name, "%s", k->name);
    QN_TRY(device_shape_of(k, &p->shape));
    QN_TRY(kc_print(module, k, KC_GLSL, text));
    if (text->bad || !text->text) return fail_nomem(text->n);
    QN_TRY(check_needs(g, caps, k, &p->shape));
    QN_TRY(webgl_link(g, p->name, text->text, text->n, &p->program));
    p->u = g->gl->GetUniformLocation(p->program, "qk_u");
    return QN_OK;
}

static void forget_module(webgl_program *p)
{
    arena_free(p->mem);
    p->mem = NULL, p->module = NULL, p->kernel = NULL;
}

qn_status webgl_program_make(webgl_gl *g, const qn_caps *caps, const kc_program *program, webgl_program **out)
{
    webgl_program *p = mem_zalloc(sizeof *p);
    str text = { 0 };
    if (p) p->mem = arena_make();
    qn_status status = p && p->mem ? make(g, caps, program, &text, p) : fail_nomem(sizeof *p);
    str_free(&text);
    if (p && !caps->max_turns) forget_module(p);
    if (status == QN_OK) *out = p;
    else webgl_program_free(g, p);
    return status;
}

void webgl_program_free(webgl_gl *g, webgl_program *p)
{
    if (!p) return;
    webgl_delete(g, WEBGL_PROGRAM, p->program);
    arena_free(p->mem);
    mem_free(p);
}

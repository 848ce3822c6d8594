/* Making textures, and moving bytes into and between them. Whole texels of the host go straight in; everything else goes through one
 * small shader, which shifts words into place and keeps what lies beside the span in its first and last texel. */
#include "device/webgl_memory.h"

static _Atomic i64 objects_alive;

enum { STAGED_BYTES = 1 << 20, MOVED_BYTES = 1 << 30, MOST_ERRORS = 8 };

typedef struct rect {
    i32 x, y, w, h;
} rect;

/* [from, from + n) as at most three rectangles, in order: the rest of a row, whole rows, the start of a row. */
static u32 rects_of(const webgl_buf *b, u64 from, u64 n, rect out[3])
{
    u64 width = (u64)1 << b->width, end = from + n;
    u32 count = 0;
    while (from < end) {
        u64 x = from % width, whole = (end - from) / width;
        rect r = { (i32)x, (i32)(from / width), (i32)MIN(width - x, end - from), 1 };
        if (x == 0 && whole > 0) r.w = (i32)width, r.h = (i32)whole;
        from += (u64)r.w * (u64)r.h;
        out[count++] = r;
    }
    return count;
}

static u64 texels_of(u64 bytes) { return (bytes + WEBGL_TEXEL - 1) / WEBGL_TEXEL; }

/* ---- textures */

u64 webgl_most_bytes(const webgl_gl *g) { return (u64)g->max_size * g->max_size * WEBGL_TEXEL; }

/* Nearly square: graphics hardware works in square tiles. */
static qn_status shape_of(const webgl_gl *g, u64 bytes, webgl_buf *b)
{
    u64 texels = MAX(texels_of(bytes), 1);
    while ((u64)1 << (2 * b->width) < texels && (u64)2 << b->width <= g->max_size) b->width++;
    u64 rows = ((texels - 1) >> b->width) + 1;
    if (rows > g->max_size)
        return fail(QN_E_NOMEM, "%llu bytes are more than one texture of this device holds", (unsigned long long)bytes);
    b->rows = (u32)rows;
    b->bytes = bytes;
    return QN_OK;
}

void webgl_bind(const webgl_gl *g, u32 unit, u32 texture)
{
    g->gl->ActiveTexture(GL_TEXTURE0 + unit);
    g->gl->BindTexture(GL_TEXTURE_2D, texture);
}

static void attach(const webgl_gl *g, u32 which, u32 framebuffer, u32 texture)
{
    g->gl->BindFramebuffer(which, framebuffer);
    g->gl->FramebufferTexture2D(which, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
}

static void texture_make(webgl_gl *g, webgl_buf *b)
{
    static const struct {
        u32 what;
        i32 value;
    } parameters[] = {
        { GL_TEXTURE_MIN_FILTER, GL_NEAREST },
        { GL_TEXTURE_MAG_FILTER, GL_NEAREST },
        { GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE },
        { GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE },
    };
    g->gl->GenTextures(1, &b->texture);
    webgl_count(1);
    webgl_bind(g, 0, b->texture);
    for (u32 i = 0; i < COUNT(parameters); i++) g->gl->TexParameteri(GL_TEXTURE_2D, parameters[i].what, parameters[i].value);
    g->gl->TexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA32UI, 1 << b->width, (i32)b->rows);
}

qn_status webgl_buf_make_of(webgl_gl *g, u32 width, u32 rows, webgl_buf *out)
{
    static const u32 zeros[4];
    webgl_buf b = { .width = width, .rows = rows, .bytes = ((u64)rows << width) * WEBGL_TEXEL };
    texture_make(g, &b);
    qn_status status = webgl_check(g, "a texture");
    if (status ==
        QN_E_DEVICE) /* its size is one that the context promises; browsers have other numbers for memory that is not there */
        status = fail(QN_E_NOMEM, "WebGL: no room for a texture of %llu bytes", (unsigned long long)b.bytes);
    if (status == QN_OK) {
        attach(g, GL_DRAW_FRAMEBUFFER, g->target, b.texture);
        g->gl->ClearBufferuiv(GL_COLOR, 0, zeros);
        *out = b;
        return QN_OK;
    }
    webgl_buf_free(g, &b);
    return status;
}

qn_status webgl_buf_make(webgl_gl *g, u64 bytes, webgl_buf *out)
{
    webgl_buf b = { 0 };
    QN_TRY(shape_of(g, bytes, &b));
    QN_TRY(webgl_buf_make_of(g, b.width, b.rows, out));
    out->bytes = bytes;
    return QN_OK;
}

void webgl_buf_free(webgl_gl *g, webgl_buf *b)
{
    webgl_delete(g, WEBGL_TEXTURE, b->texture);
    *b = (webgl_buf){ 0 };
}

qn_status webgl_scratch(webgl_gl *g, u64 bytes, const webgl_buf **out)
{
    if (!g->scratch.texture || g->scratch.bytes < bytes) {
        webgl_buf_free(g, &g->scratch);
        QN_TRY(webgl_buf_make(g, bytes, &g->scratch));
    }
    *out = &g->scratch;
    return QN_OK;
}

/* ---- drawing and reading */

void webgl_draw(const webgl_gl *g, const webgl_buf *to, u64 from, u64 n)
{
    rect all[3];
    attach(g, GL_DRAW_FRAMEBUFFER, g->target, to->texture);
    g->gl->BindVertexArray(g->vertex_array);
    for (u32 i = 0, count = rects_of(to, from, n, all); i < count; i++) {
        g->gl->Viewport(all[i].x, all[i].y, all[i].w, all[i].h);
        g->gl->DrawArrays(GL_TRIANGLES, 0, 3);
    }
}

void webgl_pack(const webgl_gl *g, const webgl_buf *b, u64 from, u64 n)
{
    rect all[3];
    uintptr_t at = 0;
    attach(g, GL_READ_FRAMEBUFFER, g->source, b->texture);
    for (u32 i = 0, count = rects_of(b, from, n, all); i < count; i++) {
        g->gl->ReadPixels(all[i].x, all[i].y, all[i].w, all[i].h, GL_RGBA_INTEGER, GL_UNSIGNED_INT, (void *)at);
        at += (uintptr_t)all[i].w * (uintptr_t)all[i].h * WEBGL_TEXEL;
    }
}

/* ---- from the host */

/* Whole texels; `from` aligned to 4. */
static void put_texels(const webgl_gl *g, const webgl_buf *to, u64 texel, const u8 *from, u64 n)
{
    rect all[3];
    webgl_bind(g, 0, to->texture);
    for (u32 i = 0, count = rects_of(to, texel, n, all); i < count; i++) {
        g->gl->TexSubImage2D(GL_TEXTURE_2D, 0, all[i].x, all[i].y, all[i].w, all[i].h, GL_RGBA_INTEGER, GL_UNSIGNED_INT,
                             from);
        from += (u64)all[i].w * (u64)all[i].h * WEBGL_TEXEL;
    }
}

/* Bytes from a texel's start on; what the last texel has beyond them becomes zero. Unaligned ones go through a copy, piece by piece. */
static qn_status put_bytes(const webgl_gl *g, const webgl_buf *to, u64 texel, const u8 *from, u64 bytes)
{
    bool aligned = ((uintptr_t)from & 3) == 0;
    u8 last[WEBGL_TEXEL] = { 0 };
    u64 whole = bytes / WEBGL_TEXEL, piece = aligned ? MAX(whole, 1) : STAGED_BYTES / WEBGL_TEXEL;
    u8 *copy = aligned || !whole ? NULL : mem_alloc(MIN(whole, piece) * WEBGL_TEXEL);
    if (!aligned && whole && !copy) return fail_nomem(STAGED_BYTES);
    for (u64 done = 0; done < whole; done += piece) {
        u64 n = MIN(piece, whole - done);
        if (copy) memcpy(copy, from + done * WEBGL_TEXEL, (size_t)(n * WEBGL_TEXEL));
        put_texels(g, to, texel + done, copy ? copy : from + done * WEBGL_TEXEL, n);
    }
    mem_free(copy);
    if (bytes % WEBGL_TEXEL == 0) return QN_OK;
    memcpy(last, from + whole * WEBGL_TEXEL, bytes % WEBGL_TEXEL);
    put_texels(g, to, texel + whole, last, 1);
    return QN_OK;
}

/* ---- the shader that moves bytes */

/* qk_u: the target's first texel and width, the source's width and first texel; bytes of the first texel before the span, the source's
 * byte in its texel, bytes of the span, the source's last texel. qk_1 is two texels: the target's first and last as they were. */
static const char move_text[] =
    "#version 300 es\n"
    "precision highp float;\nprecision highp int;\nprecision highp usampler2D;\n"
    "uniform uvec4 qk_u[2];\nuniform usampler2D qk_0, qk_1;\nlayout(location = 0) out uvec4 qk_out;\n"
    "uint word(int at)\n{\n"
    "    uint t = min(qk_u[0].w + uint(max(at, 0) >> 2), qk_u[1].w);\n"
    "    return texelFetch(qk_0, ivec2(t & ((1u << qk_u[0].z) - 1u), t >> qk_u[0].z), 0)[at & 3];\n}\n"
    "void main()\n{\n"
    "    int k = int((uint(gl_FragCoord.y) << qk_u[0].y) + uint(gl_FragCoord.x) - qk_u[0].x);\n"
    "    uvec4 made = texelFetch(qk_1, ivec2(k == 0 ? 0 : 1, 0), 0);\n"
    "    for (int j = 0; j < 4; j++) {\n"
    "        int c = 16 * k + 4 * j - int(qk_u[1].x), from = c + int(qk_u[1].y), shift = 8 * (from & 3);\n"
    "        uint mask = 0u, v = word(from >> 2);\n"
    "        if (shift != 0) v = v >> shift | word((from >> 2) + 1) << (32 - shift);\n"
    "        for (int b = 0; b < 4; b++)\n"
    "            if (c + b >= 0 && c + b < int(qk_u[1].z)) mask |= 255u << (8 * b);\n"
    "        made[j] = (v & mask) | (made[j] & ~mask);\n"
    "    }\n"
    "    qk_out = made;\n}\n";

/* [at, at + bytes) of one texture to another. What lies beside it in the first and last texel becomes what `edges` holds. */
static void draw_move(const webgl_gl *g, const webgl_buf *to, u64 to_at, const webgl_buf *from, u64 from_at, u64 bytes,
                      const webgl_buf *edges)
{
    u64 first = to_at / WEBGL_TEXEL, last = (to_at + bytes - 1) / WEBGL_TEXEL;
    const u32 words[8] = { (u32)first,
                           to->width,
                           from->width,
                           (u32)(from_at / WEBGL_TEXEL),
                           (u32)(to_at % WEBGL_TEXEL),
                           (u32)(from_at % WEBGL_TEXEL),
                           (u32)bytes,
                           (u32)MAX(texels_of(from->bytes), 1) - 1 };
    g->gl->UseProgram(g->move_program);
    g->gl->Uniform4uiv(g->move_u, 2, words);
    webgl_bind(g, 0, from->texture);
    webgl_bind(g, 1, edges->texture);
    webgl_draw(g, to, first, last - first + 1);
}

static void keep_edge(const webgl_gl *g, const webgl_buf *of, u64 texel, u64 place)
{
    draw_move(g, &g->edges, place * WEBGL_TEXEL, of, texel * WEBGL_TEXEL, WEBGL_TEXEL, of);
}

/* Two textures; at most MOVED_BYTES. */
static void move_piece(const webgl_gl *g, const webgl_buf *to, u64 to_at, const webgl_buf *from, u64 from_at, u64 bytes)
{
    u64 first = to_at / WEBGL_TEXEL, last = (to_at + bytes - 1) / WEBGL_TEXEL;
    if (to_at % WEBGL_TEXEL || first == last) keep_edge(g, to, first, 0);
    if ((to_at + bytes) % WEBGL_TEXEL) keep_edge(g, to, last, 1);
    draw_move(g, to, to_at, from, from_at, bytes, &g->edges);
}

static void move(const webgl_gl *g, const webgl_buf *to, u64 to_at, const webgl_buf *from, u64 from_at, u64 bytes)
{
    for (u64 done = 0; done < bytes; done += MOVED_BYTES)
        move_piece(g, to, to_at + done, from, from_at + done, MIN(bytes - done, MOVED_BYTES));
}

qn_status webgl_write(webgl_gl *g, const webgl_buf *to, u64 at, qn_bytes from)
{
    const u8 *bytes = from.data;
    u64 n = from.n, end = at + n;
    if (n == 0) return QN_OK;
    if (at % WEBGL_TEXEL == 0) { /* whole texels go straight in; so does the rest where the buffer ends */
        u64 direct = end == to->bytes ? n : n / WEBGL_TEXEL * WEBGL_TEXEL;
        if (direct) QN_TRY(put_bytes(g, to, at / WEBGL_TEXEL, bytes, direct));
        at += direct, bytes += direct, n -= direct;
        if (n == 0) return QN_OK;
    }
    const webgl_buf *staged;
    QN_TRY(webgl_scratch(g, n, &staged));
    QN_TRY(put_bytes(g, staged, 0, bytes, n));
    move(g, to, at, staged, 0, n);
    return QN_OK;
}

qn_status webgl_copy(webgl_gl *g, const webgl_buf *to, u64 to_at, const webgl_buf *from, u64 from_at, u64 bytes)
{
    if (bytes == 0 || (to->texture == from->texture && to_at == from_at)) return QN_OK;
    if (to->texture == from->texture) {
        const webgl_buf *staged;
        QN_TRY(webgl_scratch(g, bytes, &staged));
        move(g, staged, 0, from, from_at, bytes);
        from = staged, from_at = 0;
    }
    move(g, to, to_at, from, from_at, bytes);
    return QN_OK;
}

/* ---- the device's own objects */

void webgl_count(i32 change) { objects_alive += change; }

i64 webgl_objects_alive(void) { return objects_alive; }

qn_status webgl_fail_lost(const webgl_gl *g)
{
    char why[160] = "";
    g->gl->why(g->context, why, sizeof why);
    return fail(QN_E_LOST, "WebGL: the context is lost%s%s%s; close what uses it and open the device again",
                why[0] ? " (" : "", why, why[0] ? ")" : "");
}

qn_status webgl_begin(const webgl_gl *g)
{
    char why[160] = "";
    u32 state = g->gl->enter(g->context);
    if (state == WEBGL_READY) return QN_OK;
    if (state == WEBGL_LOST) return webgl_fail_lost(g);
    g->gl->why(g->context, why, sizeof why);
    return fail(QN_E_DEVICE, "WebGL: the context cannot be used: %s", why);
}

/* GL keeps a flag for each kind of error and gives them in no order of its own: what comes of missing memory is told beside it. */
static u32 first_cause(const webgl_gl *g)
{
    u32 first = g->gl->GetError();
    for (u32 code = first, i = 0; code != GL_NO_ERROR && i < MOST_ERRORS; i++) {
        if (code == GL_OUT_OF_MEMORY || code == GL_CONTEXT_LOST) first = code;
        code = g->gl->GetError();
    }
    return first;
}

qn_status webgl_check(const webgl_gl *g, const char *what)
{
    if (g->gl->lost()) return webgl_fail_lost(g);
    u32 code = first_cause(g);
    if (code == GL_NO_ERROR) return QN_OK;
    if (code == GL_CONTEXT_LOST) return webgl_fail_lost(g);
    if (code == GL_OUT_OF_MEMORY) return fail(QN_E_NOMEM, "WebGL: out of memory for %s", what);
    return fail(QN_E_DEVICE, "WebGL: %s: error 0x%x", what, code);
}

void webgl_delete(webgl_gl *g, u32 kind, u32 object)
{
    const webgl_api *gl = g->gl;
    if (!object) return;
    webgl_count(-1);
    if (g->gone) return;
    switch (kind) {
    case WEBGL_TEXTURE: gl->DeleteTextures(1, &object); break;
    case WEBGL_FRAMEBUFFER: gl->DeleteFramebuffers(1, &object); break;
    case WEBGL_BUFFER: gl->DeleteBuffers(1, &object); break;
    case WEBGL_VERTEX_ARRAY: gl->DeleteVertexArrays(1, &object); break;
    case WEBGL_SHADER: gl->DeleteShader(object); break;
    case WEBGL_PROGRAM: gl->DeleteProgram(object); break;
    case WEBGL_SYNC: gl->sync_free(object); break;
    default: break;
    }
}

qn_status webgl_gl_make(webgl_gl *g)
{
    i32 number = 0;
    g->gl->GetIntegerv(GL_MAX_TEXTURE_SIZE, &number);
    g->max_size = (u32)MIN(number, 1 << 14);
    g->gl->GetIntegerv(GL_MAX_TEXTURE_IMAGE_UNITS, &number);
    g->max_units = (u32)MIN(number, 16);
    g->gl->GetIntegerv(GL_MAX_FRAGMENT_UNIFORM_VECTORS, &number);
    g->max_vectors = (u32)number;
    g->gl->GenFramebuffers(1, &g->target);
    g->gl->GenFramebuffers(1, &g->source);
    g->gl->GenVertexArrays(1, &g->vertex_array);
    webgl_count(3);
    QN_TRY(webgl_buf_make(g, 2 * WEBGL_TEXEL, &g->edges));
    if (g->gl->CheckFramebufferStatus(GL_DRAW_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
        return fail(QN_E_NO_DEVICE, "WebGL: the driver does not draw into RGBA32UI, which OpenGL ES 3.0 promises");
    QN_TRY(webgl_link(g, "move", move_text, sizeof move_text - 1, &g->move_program));
    g->move_u = g->gl->GetUniformLocation(g->move_program, "qk_u");
    return webgl_check(g, "the first objects");
}

void webgl_gl_free(webgl_gl *g)
{
    webgl_buf_free(g, &g->edges);
    webgl_buf_free(g, &g->scratch);
    webgl_delete(g, WEBGL_PROGRAM, g->move_program);
    webgl_delete(g, WEBGL_SHADER, g->vertex_shader);
    webgl_delete(g, WEBGL_VERTEX_ARRAY, g->vertex_array);
    webgl_delete(g, WEBGL_FRAMEBUFFER, g->target);
    webgl_delete(g, WEBGL_FRAMEBUFFER, g->source);
}

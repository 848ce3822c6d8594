/* What the webgl device asks of OpenGL ES 3.0: 42 functions that WebGL 2 has too, and 13 that the two do differently. webgl.c and its
 * helpers are written against this table alone and run natively and in a browser alike. Nothing of GL's headers is needed; names
 * and values are the specification's (Khronos, "OpenGL ES 3.0.6").
 *
 *     webgl_native.c    libEGL.so.1 and libGLESv2.so.2, loaded at run time, no window system
 *     webgl_browser.c   in Wasm: the same calls as imports, which a WebGL2RenderingContext of the page answers
 *
 * Contexts
 *     A context has a number from 0; "webgl:2" is number 2. Natively webgl_native.c makes them. In a browser the page does, before the
 *     device is opened: its own, or one that the caller lends. Numbers may have gaps and may be given again after release().
 *     Functions of GL act on the context that was entered last; every call of the device is  enter, ..., leave,  on one thread, never nested.
 *     enter() gives the context this state, and nothing else is taken for granted:
 *         off: BLEND, CULL_FACE, DEPTH_TEST, DITHER, RASTERIZER_DISCARD, SCISSOR_TEST, STENCIL_TEST, SAMPLE_ALPHA_TO_COVERAGE, SAMPLE_COVERAGE
 *         colour mask all true; PACK_ and UNPACK_ alignment 4, row length, skips and image height 0; no premultiplying, no flipping,
 *         no colour conversion; no sampler objects on units 0 .. 15; PIXEL_UNPACK_BUFFER, PIXEL_PACK_BUFFER, VERTEX_ARRAY unbound;
 *         no transform feedback under way.
 *     Between enter and leave the device changes: the active texture, TEXTURE_2D of units 0 .. 15, both framebuffer bindings, the viewport, the
 *     program, PIXEL_PACK_BUFFER, the vertex array. A maker that lends somebody's context puts all of the above back before that somebody
 *     runs again; in a browser that is when Wasm returns to the page, so it may be done once for many pairs.
 *     GetError tells of the device's own calls: the maker of a lent context keeps the caller's errors apart where control changes hands.
 *     Several devices may use one context; they know nothing of each other.
 *
 * Objects
 *     Textures, framebuffers, buffers, vertex arrays, shaders, programs and syncs are numbers from 1; 0 is none. Each context has its own. All that
 *     the device makes it deletes, except when the context is lost, where they are gone already.
 *
 * As imports of Wasm (webgl_browser.c)
 *     Module "quern", one function each: "glBindTexture" for X(..., BindTexture, ...), "webgl_enter" for the others. Every argument and
 *     result is one i32: an unsigned number (use >>> 0), a signed one where the list says i32, or an address in memory (data is valid during the
 *     call only; memory may have grown since the last call, so make views anew). No i64, no f32, no BigInt.
 *     Uniform locations are numbers from 0, -1 is none (Uniform calls with it do nothing). Texts are UTF-8, pointer and length.
 *     After a loss of the context functions do nothing, makers give 0, and lost() says so. */
#ifndef WEBGL_API_H
#define WEBGL_API_H

#include "base/base.h"

/* clang-format off */
enum {
    GL_TRIANGLES = 0x0004, GL_COLOR = 0x1800, GL_TEXTURE_2D = 0x0de1, GL_TEXTURE0 = 0x84c0,
    GL_UNSIGNED_INT = 0x1405, GL_RGBA_INTEGER = 0x8d99, GL_RGBA32UI = 0x8d70,
    GL_TEXTURE_MAG_FILTER = 0x2800, GL_TEXTURE_MIN_FILTER = 0x2801, GL_NEAREST = 0x2600,
    GL_TEXTURE_WRAP_S = 0x2802, GL_TEXTURE_WRAP_T = 0x2803, GL_CLAMP_TO_EDGE = 0x812f,
    GL_FRAMEBUFFER = 0x8d40, GL_READ_FRAMEBUFFER = 0x8ca8, GL_DRAW_FRAMEBUFFER = 0x8ca9, GL_COLOR_ATTACHMENT0 = 0x8ce0,
    GL_FRAMEBUFFER_COMPLETE = 0x8cd5, GL_PIXEL_PACK_BUFFER = 0x88eb, GL_STREAM_READ = 0x88e1,
    GL_VERTEX_SHADER = 0x8b31, GL_FRAGMENT_SHADER = 0x8b30, GL_COMPILE_STATUS = 0x8b81, GL_LINK_STATUS = 0x8b82,
    GL_MAX_TEXTURE_SIZE = 0x0d33, GL_MAX_TEXTURE_IMAGE_UNITS = 0x8872, GL_MAX_FRAGMENT_UNIFORM_VECTORS = 0x8dfd,
    GL_VENDOR = 0x1f00, GL_RENDERER = 0x1f01, GL_VERSION = 0x1f02,
    GL_NO_ERROR = 0, GL_OUT_OF_MEMORY = 0x0505, GL_CONTEXT_LOST = 0x0507, /* a page's 0x9242 (CONTEXT_LOST_WEBGL) is given as GL_CONTEXT_LOST */
};

/* GL's own, with its types. What the device passes:
 *   GetIntegerv      the three GL_MAX_ above; one number is written
 *   TexStorage2D     1 level of GL_RGBA32UI: the only format there is. A page zeroes it; the device clears it anyway
 *   TexSubImage2D    GL_RGBA_INTEGER, GL_UNSIGNED_INT: w * h texels of 16 bytes at `from`, rows without gaps, `from` aligned to 4
 *   ReadPixels       GL_RGBA_INTEGER, GL_UNSIGNED_INT, always into the bound PIXEL_PACK_BUFFER: the last argument is an offset in it
 *   BufferData       `from` is NULL, the usage GL_STREAM_READ
 *   ClearBufferuiv   GL_COLOR, 0, four numbers
 *   ShaderSource     one text of *length bytes
 *   Get...iv         GL_COMPILE_STATUS, GL_LINK_STATUS; 0 or 1 is written
 *   Get...InfoLog    at most room - 1 bytes and a 0; their number, without the 0, in *n
 *   GetUniformLocation  a name that ends with a 0
 *   Uniform4uiv      n times four numbers */
#define WEBGL_FUNCTIONS(X)                                                                                                                  \
    X(u32,  GetError,               (void))                                                                                                 \
    X(void, GetIntegerv,            (u32 what, i32 *out))                                                                                   \
    X(void, GenTextures,            (i32 n, u32 *out))                                                                                      \
    X(void, DeleteTextures,         (i32 n, const u32 *textures))                                                                           \
    X(void, ActiveTexture,          (u32 unit))                                                                                             \
    X(void, BindTexture,            (u32 target, u32 texture))                                                                              \
    X(void, TexParameteri,          (u32 target, u32 what, i32 value))                                                                      \
    X(void, TexStorage2D,           (u32 target, i32 levels, u32 format, i32 w, i32 h))                                                     \
    X(void, TexSubImage2D,          (u32 target, i32 level, i32 x, i32 y, i32 w, i32 h, u32 format, u32 type, const void *from))            \
    X(void, GenFramebuffers,        (i32 n, u32 *out))                                                                                      \
    X(void, DeleteFramebuffers,     (i32 n, const u32 *framebuffers))                                                                       \
    X(void, BindFramebuffer,        (u32 target, u32 framebuffer))                                                                          \
    X(void, FramebufferTexture2D,   (u32 target, u32 attachment, u32 texture_target, u32 texture, i32 level))                               \
    X(u32,  CheckFramebufferStatus, (u32 target))                                                                                           \
    X(void, ClearBufferuiv,         (u32 buffer, i32 index, const u32 *value))                                                              \
    X(void, ReadPixels,             (i32 x, i32 y, i32 w, i32 h, u32 format, u32 type, void *at))                                           \
    X(void, GenBuffers,             (i32 n, u32 *out))                                                                                      \
    X(void, DeleteBuffers,          (i32 n, const u32 *buffers))                                                                            \
    X(void, BindBuffer,             (u32 target, u32 buffer))                                                                               \
    X(void, BufferData,             (u32 target, intptr_t bytes, const void *from, u32 usage))                                              \
    X(void, GenVertexArrays,        (i32 n, u32 *out))                                                                                      \
    X(void, DeleteVertexArrays,     (i32 n, const u32 *arrays))                                                                             \
    X(void, BindVertexArray,        (u32 array))                                                                                            \
    X(u32,  CreateShader,           (u32 kind))                                                                                             \
    X(void, DeleteShader,           (u32 shader))                                                                                           \
    X(void, ShaderSource,           (u32 shader, i32 n, const char *const *text, const i32 *length))                                        \
    X(void, CompileShader,          (u32 shader))                                                                                           \
    X(void, GetShaderiv,            (u32 shader, u32 what, i32 *out))                                                                       \
    X(void, GetShaderInfoLog,       (u32 shader, i32 room, i32 *n, char *out))                                                              \
    X(u32,  CreateProgram,          (void))                                                                                                 \
    X(void, DeleteProgram,          (u32 program))                                                                                          \
    X(void, AttachShader,           (u32 program, u32 shader))                                                                              \
    X(void, LinkProgram,            (u32 program))                                                                                          \
    X(void, GetProgramiv,           (u32 program, u32 what, i32 *out))                                                                      \
    X(void, GetProgramInfoLog,      (u32 program, i32 room, i32 *n, char *out))                                                             \
    X(void, UseProgram,             (u32 program))                                                                                          \
    X(i32,  GetUniformLocation,     (u32 program, const char *name))                                                                        \
    X(void, Uniform1i,              (i32 location, i32 value))                                                                              \
    X(void, Uniform4uiv,            (i32 location, i32 n, const u32 *values))                                                               \
    X(void, Viewport,               (i32 x, i32 y, i32 w, i32 h))                                                                           \
    X(void, DrawArrays,             (u32 mode, i32 first, i32 n))                                                                           \
    X(void, Flush,                  (void))

/* What is not the same in GL and WebGL.
 *   past         one more than the largest number of a context; 0: there are none
 *   take         a device is about to use the context: WEBGL_READY; WEBGL_LOST; WEBGL_NO_CONTEXT: there is none of this number (below `past`
 *                there may be others). It is not entered by this
 *   release      follows each take that gave WEBGL_READY, when the device is closed and has deleted its objects. A lent context stays as it is
 *   enter        WEBGL_READY; WEBGL_LOST: it is lost, and not entered; WEBGL_NO_CONTEXT: it cannot be entered now, and why() says why.
 *                Only between take and release
 *   leave        follows an enter that gave WEBGL_READY, and nothing else
 *   lost         1: the entered context is lost. Cheap, no round trip
 *   why          words on the last loss or enter that failed, of this context: at most room - 1 bytes and a 0; gives their number without
 *                the 0. Also of a context that is not entered
 *   text         GL_VENDOR, GL_RENDERER (the unmasked one where the page may know it) or GL_VERSION: at most room - 1 bytes and a 0;
 *                gives their number without the 0
 *   read_buffer  bytes [at, at + bytes) of the bound PIXEL_PACK_BUFFER to memory. Only after a sync that came later than the reads into it
 *   sync_make    a fence after all calls so far; flushes. 0: it could not be made
 *   sync_done    WEBGL_DONE, WEBGL_PENDING or WEBGL_FAILED; does not wait. (In a page a fence gets done between tasks only.)
 *   sync_wait    natively: as sync_done, after waiting up to `us` microseconds. In a browser: sync_done. */
enum { WEBGL_NO_CONTEXT = 0, WEBGL_READY = 1, WEBGL_LOST = 2 };
enum { WEBGL_PENDING = 0, WEBGL_DONE = 1, WEBGL_FAILED = 2 };
#define WEBGL_OWN_FUNCTIONS(X)                                                                                                              \
    X(u32,  past,        (void))                                                                                                            \
    X(u32,  take,        (u32 context))                                                                                                     \
    X(void, release,     (u32 context))                                                                                                     \
    X(u32,  enter,       (u32 context))                                                                                                     \
    X(void, leave,       (u32 context))                                                                                                     \
    X(u32,  lost,        (void))                                                                                                            \
    X(u32,  why,         (u32 context, char *out, u32 room))                                                                                \
    X(u32,  text,        (u32 what, char *out, u32 room))                                                                                   \
    X(void, read_buffer, (u32 at, void *out, u32 bytes))                                                                                    \
    X(u32,  sync_make,   (void))                                                                                                            \
    X(void, sync_free,   (u32 sync))                                                                                                        \
    X(u32,  sync_done,   (u32 sync))                                                                                                        \
    X(u32,  sync_wait,   (u32 sync, u32 us))
/* clang-format on */

typedef struct webgl_api {
#define X(result, name, args) result(*name) args;
    WEBGL_FUNCTIONS(X)
    WEBGL_OWN_FUNCTIONS(X)
#undef X
} webgl_api;

/* The table of this build, loaded once for the process. QN_E_NO_DEVICE with the reason. */
qn_status webgl_load(const webgl_api **out);

#endif
